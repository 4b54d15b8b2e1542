//! What glibc's loader was built to do, out of its own text: every distribution builds its own.

use object::read::ReadRef;

use crate::binary::elf::DynamicInfo;
use crate::binary::elf::reader::ElfBytes;

/// The choices that are compiled into one build of `ld.so`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoaderText {
    /// The directories that are searched last, in order, each with a final slash
    /// (`system_dirs` of `elf/dl-load.c`).
    pub directories: Vec<String>,
    /// Where it looks for the cache: `/etc/ld.so.cache`, but not in Nix's.
    pub cache: Option<String>,
    /// `(2, 36)` out of `stable release version 2.36`.
    pub release: Option<(u32, u32)>,
}

/// A loader is a quarter of a megabyte; one with debug information below this.
const MAX_LOADER: u64 = 16 << 20;

/// Reads the text of a file that offers what only glibc's loader offers.
pub(crate) fn read<'data, R: ReadRef<'data>>(
    raw: &ElfBytes<'data, R>,
    linking: &DynamicInfo,
) -> Option<LoaderText> {
    let offers = |name: &str| {
        linking.symbols.as_ref().is_some_and(|it| it.definitions(name).next().is_some())
    };
    if !linking.needed.is_empty() || !offers("_rtld_global") || !offers("_r_debug") {
        return None;
    }
    let bytes = raw.bytes(0, raw.len().min(MAX_LOADER))?;
    Some(from_text(bytes))
}

fn from_text(bytes: &[u8]) -> LoaderText {
    let mut text = LoaderText::default();
    let mut run: Vec<String> = Vec::new();
    for string in bytes.split(|&byte| byte == 0) {
        if is_directory(string) {
            run.push(String::from_utf8_lossy(string).into_owned());
            continue;
        }
        if run.len() > text.directories.len() {
            text.directories = std::mem::take(&mut run);
        }
        run.clear();
        if string.starts_with(b"/") && string.ends_with(b"/ld.so.cache") {
            text.cache.get_or_insert_with(|| String::from_utf8_lossy(string).into_owned());
        }
        if text.release.is_none() {
            text.release = release(string);
        }
    }
    text
}

/// `/lib/x86_64-linux-gnu/`: a path of its own with a final slash, and a library directory.
fn is_directory(string: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b':' | b'$');
    string.len() > 2
        && string.starts_with(b"/")
        && string.ends_with(b"/")
        && string.iter().all(plain)
        && memchr::memmem::find(string, b"/lib").is_some()
}

fn release(string: &[u8]) -> Option<(u32, u32)> {
    const BEFORE: &[u8] = b"release version ";
    let at = memchr::memmem::find(string, BEFORE)?;
    let rest = std::str::from_utf8(string.get(at + BEFORE.len()..)?).ok()?;
    let (major, rest) = rest.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_cache_and_release_of_a_build() {
        let debian = b"junk\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\
            x\0/lib/\0y\0/etc/ld.so.cache\0ld.so (Debian GLIBC 2.36-9) stable release version 2.36.\n\0";
        let text = from_text(debian);
        let directories =
            ["/lib/x86_64-linux-gnu/", "/usr/lib/x86_64-linux-gnu/", "/lib/", "/usr/lib/"];
        assert_eq!(text.directories, directories);
        assert_eq!(text.cache.as_deref(), Some("/etc/ld.so.cache"));
        assert_eq!(text.release, Some((2, 36)));
    }

    #[test]
    fn one_directory_of_a_store() {
        let nix = b"\0/nix/store/abc-glibc-2.40/lib/\0/nix/store/abc-glibc-2.40/etc/ld.so.cache\0";
        let text = from_text(nix);
        assert_eq!(text.directories, ["/nix/store/abc-glibc-2.40/lib/"]);
        assert_eq!(text.cache.as_deref(), Some("/nix/store/abc-glibc-2.40/etc/ld.so.cache"));
    }
}
