//! The lists of files that a unit was compiled from: Cargo's binary one and rustc's makefile.

use std::path::PathBuf;

use crate::toolchain::error::FormatError;

/// Cargo's `dep-<stem>`: the files whose modification times decide whether the unit is fresh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepInfo {
    /// Each file, in Cargo's order (which is none).
    pub files: Vec<ListedFile>,
    /// Variables of `env!` and `option_env!` that Cargo did not set itself; `None`: was not set.
    pub environment: Vec<(String, Option<String>)>,
}

/// One file of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// What the path is relative to.
    pub base: PathBase,
    /// As written.
    pub path: PathBuf,
    /// With `-Zchecksum-freshness`: length in bytes and `blake3=<hex>`.
    pub checksum: Option<(u64, String)>,
}

/// What a listed path is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathBase {
    /// The package's root.
    Package,
    /// The build directory, unless the path is absolute.
    Build,
}

/// Reads Cargo's binary dep-info, format 1 (Cargo 1.83 and later) or the unversioned one before.
///
/// # Errors
///
/// The bytes are cut off, of a later version, or more than the list.
pub fn parse(bytes: &[u8]) -> Result<DepInfo, FormatError> {
    let mut cursor = Cursor { bytes };
    // The unversioned format starts with the number of files. No list has 2^24 of them, so the
    // fifth byte 0xff after the number 1 marks the versions after it.
    let version = match bytes {
        [1, 0, 0, 0, 0xff, version, ..] => {
            cursor.bytes = &bytes[6..];
            Some(*version)
        }
        _ => None,
    };
    if let Some(version) = version.filter(|version| *version != 1) {
        return Err(FormatError::DepInfoVersion { version });
    }
    read(&mut cursor, version.is_some())
        .filter(|_| cursor.bytes.is_empty())
        .ok_or(FormatError::DepInfo)
}

fn read(cursor: &mut Cursor<'_>, with_checksums: bool) -> Option<DepInfo> {
    let mut info = DepInfo::default();
    for _ in 0..cursor.number()? {
        let base = match cursor.byte()? {
            0 => PathBase::Package,
            1 => PathBase::Build,
            _ => return None,
        };
        let path = PathBuf::from(cursor.text()?);
        let checksum = match with_checksums && cursor.flag()? {
            true => {
                let length = u64::from_le_bytes(cursor.take(8)?.try_into().ok()?);
                Some((length, cursor.text()?))
            }
            false => None,
        };
        info.files.push(ListedFile { base, path, checksum });
    }
    for _ in 0..cursor.number()? {
        let name = cursor.text()?;
        let value = if cursor.flag()? { Some(cursor.text()?) } else { None };
        info.environment.push((name, value));
    }
    Some(info)
}

/// Every read is checked; a length that is longer than the rest ends the parse, so that no
/// number in the file makes anything be allocated.
struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}

/// rustc's makefile dep-info: `target: source source …`, then comments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makefile {
    /// The first file that is made: where it was written at the time.
    pub target: Option<String>,
    /// Every source, once, in the order of their first mention, as rustc or Cargo wrote them.
    pub sources: Vec<String>,
    /// `# env-dep:NAME=VALUE`, every variable the code asked for; `None`: was not set.
    pub environment: Vec<(String, Option<String>)>,
    /// `# checksum:blake3=<hex> file_len:<n> <path>`: path, length, `blake3=<hex>`.
    pub checksums: Vec<(String, u64, String)>,
}

/// Reads a makefile dep-info. Lines that are none are passed over: what is written by a compiler
/// that died half way is a list that is too short, never an error.
pub fn parse_makefile(bytes: &[u8]) -> Makefile {
    let text = String::from_utf8_lossy(bytes);
    let mut makefile = Makefile::default();
    let mut seen = std::collections::HashSet::new();
    for line in text.lines() {
        if let Some(variable) = line.strip_prefix("# env-dep:") {
            makefile.environment.push(match variable.split_once('=') {
                Some((name, value)) => (unescape_variable(name), Some(unescape_variable(value))),
                None => (unescape_variable(variable), None),
            });
        } else if let Some(rest) = line.strip_prefix("# checksum:") {
            makefile.checksums.extend(checksum(rest));
        } else if !line.starts_with('#')
            && let Some((target, sources)) = split_target(line)
        {
            makefile.target.get_or_insert_with(|| target.replace("\\ ", " "));
            let sources = split_sources(sources);
            makefile
                .sources
                .extend(sources.into_iter().filter(|source| seen.insert(source.clone())));
        }
    }
    makefile
}

/// What stands around `: `. A colon inside a path (`C:\`) has no space after it.
fn split_target(line: &str) -> Option<(&str, &str)> {
    line.split_once(": ").or_else(|| line.strip_suffix(':').map(|target| (target, "")))
}

/// Splits at spaces that are not escaped: rustc and Cargo write `\ ` for a space in a path.
fn split_sources(text: &str) -> Vec<String> {
    let mut sources = Vec::new();
    let mut current = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&' ') => {
                letters.next();
                current.push(' ');
            }
            ' ' => {
                if !current.is_empty() {
                    sources.push(std::mem::take(&mut current));
                }
            }
            letter => current.push(letter),
        }
    }
    if !current.is_empty() {
        sources.push(current);
    }
    sources
}

/// rustc escapes a backslash and the two line ends in names and values (`escape_dep_env`).
fn unescape_variable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            (letter, false) => plain.push(letter),
        }
    }
    plain
}

fn checksum(text: &str) -> Option<(String, u64, String)> {
    let (digest, rest) = text.split_once(" file_len:")?;
    let (length, path) = rest.split_once(' ')?;
    Some((path.to_owned(), length.parse().ok()?, digest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
    }

    fn sample() -> Vec<u8> {
        let mut bytes = vec![1, 0, 0, 0, 0xff, 1, 2, 0, 0, 0];
        bytes.push(0);
        bytes.extend(text("src/main.rs"));
        bytes.push(0);
        bytes.push(1);
        bytes.extend(text("release/build/app-0/out/gen.rs"));
        bytes.push(1);
        bytes.extend(27u64.to_le_bytes());
        bytes.extend(text("blake3=ed8a"));
        bytes.extend([2, 0, 0, 0]);
        bytes.extend(text("TOKEN"));
        bytes.push(0);
        bytes.extend(text("NAME"));
        bytes.push(1);
        bytes.extend(text("value"));
        bytes
    }

    #[test]
    fn reads_files_checksums_and_variables() {
        let info = parse(&sample()).unwrap();
        assert_eq!(info.files[0].path, PathBuf::from("src/main.rs"));
        assert_eq!((info.files[0].base, info.files[1].base), (PathBase::Package, PathBase::Build));
        assert_eq!(info.files[1].checksum, Some((27, "blake3=ed8a".to_owned())));
        let variables = [("TOKEN".to_owned(), None), ("NAME".to_owned(), Some("value".to_owned()))];
        assert_eq!(info.environment, variables);
    }

    #[test]
    fn a_registry_crate_lists_nothing() {
        let info = parse(&[1, 0, 0, 0, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(info, DepInfo::default());
    }

    #[test]
    fn the_format_before_version_one_has_no_checksums() {
        let mut bytes = vec![1, 0, 0, 0, 0];
        bytes.extend(text("src/main.rs"));
        bytes.extend([0, 0, 0, 0]);
        assert_eq!(parse(&bytes).unwrap().files.len(), 1);
    }

    #[test]
    fn every_cut_and_every_later_version_is_an_error() {
        let sample = sample();
        for end in 0..sample.len() {
            assert!(parse(&sample[..end]).is_err(), "{end}");
        }
        let mut later = sample.clone();
        later[5] = 2;
        assert_eq!(parse(&later), Err(FormatError::DepInfoVersion { version: 2 }));
        let mut longer = sample;
        longer.push(0);
        assert!(parse(&longer).is_err());
        // A count of four thousand million files allocates nothing.
        assert!(parse(&[1, 0, 0, 0, 0xff, 1, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn reads_rustcs_makefile() {
        let makefile = parse_makefile(
            b"/t/deps/app-0.d: app/src/main.rs /a\\ b/x.rs\n\n/t/deps/app-0: app/src/main.rs /a\\ b/x.rs\n\n\
              app/src/main.rs:\n/a\\ b/x.rs:\n\n# env-dep:CARGO_PKG_VERSION=0.3.0\n# env-dep:TOKEN\n\
              # env-dep:TEXT=a\\nb\\\\c=d\n# checksum:blake3=cbf4 file_len:400 app/src/main.rs\n",
        );
        assert_eq!(makefile.sources, ["app/src/main.rs", "/a b/x.rs"]);
        assert_eq!(makefile.target.as_deref(), Some("/t/deps/app-0.d"));
        assert_eq!(makefile.environment[1], ("TOKEN".to_owned(), None));
        assert_eq!(makefile.environment[2], ("TEXT".to_owned(), Some("a\nb\\c=d".to_owned())));
        let sum = ("app/src/main.rs".to_owned(), 400, "blake3=cbf4".to_owned());
        assert_eq!(makefile.checksums, [sum]);
    }

    #[test]
    fn a_drive_letter_is_no_target() {
        let makefile = parse_makefile(b"C:\\t\\app.exe: C:\\src\\main.rs\n");
        assert_eq!(makefile.sources, ["C:\\src\\main.rs"]);
    }
}
