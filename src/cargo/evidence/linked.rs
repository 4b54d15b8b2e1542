//! Texts that other people's code brought into a program: the standard library's, a dependency's, a
//! procedural macro's, or those of generated code. A text that looks like one of ours may be theirs.

use std::path::{Path, PathBuf};

use memchr::memmem;
use serde_json::Value;

use crate::cargo::evidence::MAX_FILES;
use crate::cargo::evidence::edited_strings::SubstringSearch;
use crate::cargo::evidence::error::ComparisonError;
use crate::cargo::fs::SourceFs;
use crate::cargo::source::error::SearchError;
use crate::toolchain::std_paths::commit_directory;

/// Bytes that are looked through for one program; the libraries of a program of a thousand crates
/// have less.
const MAX_BYTES: u64 = 8 << 30;

/// Bytes of `.rustc_info.json`, which has a few kilobytes.
const MAX_INFO: u64 = 4 << 20;

/// Where the libraries lie that a program was linked with and that are not its own.
#[derive(Debug, Clone)]
pub struct LinkedLibraries<'a> {
    /// Where the files lie.
    pub fs: &'a dyn SourceFs,
    /// Cargo's build directory.
    pub build_dir: &'a Path,
    /// The unit's profile directory below it: `release`, `x86_64-unknown-linux-musl/release`.
    pub profile: &'a Path,
    /// The triples that code was made for: the program's and this machine's.
    pub triples: Vec<&'a str>,
    /// The names of the crates that lie in directories, with underscores: these are not others'.
    pub own: Vec<String>,
}

impl LinkedLibraries<'_> {
    /// Which of these parts of the program the others hold.
    ///
    /// # Errors
    ///
    /// Not all of the others could be looked through.
    pub fn hold(&self, parts: &[&[u8]], program: &[u8]) -> Result<Vec<bool>, ComparisonError> {
        let mut held = vec![false; parts.len()];
        if parts.is_empty() {
            return Ok(held);
        }
        let search = SubstringSearch::new(parts).ok_or(SearchError::Parts)?;
        let standard = self.standard();
        if standard.is_empty() {
            return Err(ComparisonError::UnknownStandardLibrary);
        }
        let commit = commit_directory(program);
        let mut is_its = commit.is_none();
        let mut left = MAX_BYTES;
        for (path, is_standard) in
            standard.iter().map(|it| (it, true)).chain(self.others()?.iter().map(|it| (it, false)))
        {
            let file = self.fs.snapshot(path, left).map_err(|error| error.at(path))?;
            let Some(file) = file else { continue };
            left = left.saturating_sub(file.bytes.len() as u64);
            if is_only_bitcode(&file.bytes) {
                return Err(ComparisonError::OnlyBitcode { path: path.clone() });
            }
            is_its |= is_standard && commit.is_some_and(|it| contains(&file.bytes, it));
            for (held, is_here) in held.iter_mut().zip(search.mostly_in(&file.bytes)) {
                *held |= is_here;
            }
        }
        match is_its {
            true => Ok(held),
            false => Err(ComparisonError::OtherStandardLibrary),
        }
    }

    /// The libraries of the toolchain that Cargo asked last, by what it remembers of the answer.
    fn standard(&self) -> Vec<PathBuf> {
        let info =
            self.fs.snapshot(&self.build_dir.join(".rustc_info.json"), MAX_INFO).ok().flatten();
        let info = info.and_then(|it| serde_json::from_slice::<Value>(&it.bytes).ok());
        let outputs = info.as_ref().and_then(|it| it.get("outputs")?.as_object());
        let said = outputs.into_iter().flatten().filter_map(|(_, it)| it.get("stdout")?.as_str());
        let mut roots: Vec<&Path> =
            said.flat_map(str::lines).map(Path::new).filter(|it| it.is_absolute()).collect();
        roots.sort_unstable();
        roots.dedup();
        let of_triple = |root: &Path, triple: &&str| {
            self.fs.files_below(&root.join("lib/rustlib").join(triple).join("lib"), MAX_FILES)
        };
        let libraries = roots.iter().flat_map(|root| {
            self.triples.iter().flat_map(|triple| of_triple(root, triple)).collect::<Vec<_>>()
        });
        libraries.filter(|path| extension(path).is_some_and(|it| it == "rlib")).collect()
    }

    /// What Cargo compiled and what build scripts wrote, without the crates in directories.
    fn others(&self) -> Result<Vec<PathBuf>, ComparisonError> {
        const LIBRARIES: &[&str] = &["rlib", "so", "dylib", "dll", "lib", "a", "rs", "txt"];
        let mut files = Vec::new();
        let host = self.profile.file_name().map(Path::new);
        for profile in std::iter::once(self.profile).chain(host.filter(|it| *it != self.profile)) {
            let found = self.fs.files_below(&self.build_dir.join(profile), MAX_FILES);
            if found.len() >= MAX_FILES {
                return Err(ComparisonError::TooManyFiles { limit: MAX_FILES });
            }
            files.extend(found.into_iter().filter(|path| {
                extension(path).is_some_and(|it| LIBRARIES.contains(&it)) && !self.is_own(path)
            }));
        }
        Ok(files)
    }

    /// Whether the file is the library of a crate that lies in a directory: `libname-<hash>.rlib`.
    fn is_own(&self, path: &Path) -> bool {
        let stem = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
        let stem = stem.strip_prefix("lib").unwrap_or(stem);
        let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
        self.own.iter().any(|own| own == name)
    }
}

fn extension(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memmem::find(bytes, part).is_some()
}

/// Whether an archive has a member that is LLVM's bitcode and nothing else, as fat LTO makes them:
/// its texts lie in there bit by bit.
fn is_only_bitcode(archive: &[u8]) -> bool {
    const BITCODE: &[u8] = b"BC\xc0\xde";
    const HEADER: usize = 60;
    let Some(mut rest) = archive.strip_prefix(b"!<arch>\n") else { return false };
    while let Some((header, after)) = rest.split_at_checked(HEADER) {
        let size = std::str::from_utf8(&header[48..58]).ok().and_then(|it| it.trim().parse().ok());
        let Some(member) = size.and_then(|size: usize| after.get(..size)) else { return true };
        // BSD's archives put a member's name before its contents.
        if member.starts_with(BITCODE)
            || (header.starts_with(b"#1/") && contains(&member[..member.len().min(256)], BITCODE))
        {
            return true;
        }
        rest = after.get(member.len() + member.len() % 2..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for member in members {
            let header = format!("{:<16}{:<32}{:<10}`\n", "name/", "0", member.len());
            bytes.extend(header.as_bytes());
            bytes.extend(*member);
            bytes.extend(vec![b'\n'; member.len() % 2]);
        }
        bytes
    }

    #[test]
    fn an_archive_of_bitcode_tells_nothing() {
        assert!(!is_only_bitcode(&archive(&[b"\x7fELF", b"odd", b"\x7fELF.llvmbc.BC\xc0\xde"])));
        assert!(is_only_bitcode(&archive(&[b"\x7fELF", b"odd", b"BC\xc0\xde.."])));
        assert!(is_only_bitcode(&archive(&[b"\x7fELF"])[..70]), "cut off: nobody knows");
        assert!(!is_only_bitcode(b"no archive"));
    }

    #[test]
    fn the_standard_librarys_commit_is_read() {
        let program = format!("..at /rustc/short/x /rustc/{}/library", "0a".repeat(20));
        assert_eq!(commit_directory(program.as_bytes()).unwrap().len(), 48);
        assert_eq!(commit_directory(b"/rustc/0a"), None);
    }

    #[test]
    fn what_others_hold_is_told_from_what_is_ours() {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = home.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let libraries = |profile| LinkedLibraries {
            fs: &crate::cargo::fs::disk::Disk,
            build_dir: home.path(),
            profile: Path::new(profile),
            triples: vec!["host"],
            own: vec!["my_app".to_owned()],
        };
        let parts: [&[u8]; 3] = [b"a text of std", b"a text of a crate", b"something of ours"];
        assert!(libraries("release").hold(&parts, b"").is_err(), "no toolchain is known");
        let root = home.path().join("toolchain");
        let info = serde_json::json!({"outputs": {"1": {"stdout": format!("___\n{}\noff", root.display())}}});
        write(".rustc_info.json", info.to_string().as_bytes());
        write("toolchain/lib/rustlib/host/lib/libstd-1.rlib", &archive(&[b"..a text of std.."]));
        write("release/deps/libdep-0123456789abcdef.rlib", &archive(&[b"a text of a crate"]));
        write("release/deps/libmy_app-0123456789abcdef.rlib", &archive(&[b"something of ours"]));
        assert_eq!(libraries("release").hold(&parts, b""), Ok(vec![true, true, false]));
        assert_eq!(libraries("t/release").hold(&parts, b""), Ok(vec![true, true, false]));
        let other = format!("/rustc/{}/", "0a".repeat(20));
        assert!(libraries("release").hold(&parts, other.as_bytes()).is_err());
        write("release/deps/liblto-0123456789abcdef.rlib", &archive(&[b"BC\xc0\xde"]));
        assert!(libraries("release").hold(&parts, b"").is_err());
    }
}
