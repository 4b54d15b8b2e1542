//! What both families of loaders have: directories to look into, and names with tokens in them.

use std::collections::HashSet;
use std::sync::Arc;

use crate::binary::elf::DynamicInfo;

/// The loader that the kernel found.
pub(super) struct Interpreter {
    /// As `PT_INTERP` names it.
    pub(super) path: String,
    /// Without links.
    pub(super) real: Vec<u8>,
    pub(super) linking: Arc<DynamicInfo>,
}

/// The values of glibc's dynamic string tokens.
pub(super) struct StringTokens<'a> {
    pub(super) origin: &'a str,
    pub(super) library: &'a str,
    pub(super) platform: &'a str,
}

impl StringTokens<'_> {
    /// Replaces `$ORIGIN`, `$LIB`, `$PLATFORM` and their braced forms; any other `$` stays
    /// (ld.so(8), "Dynamic string tokens").
    pub(super) fn expand(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            expanded.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let known =
                [("ORIGIN", self.origin), ("PLATFORM", self.platform), ("LIB", self.library)];
            let hit = known
                .iter()
                .find_map(|(name, value)| token_length(after, name).map(|length| (length, value)));
            match hit {
                Some((length, value)) => {
                    expanded.push_str(value);
                    rest = &after[length..];
                }
                None => {
                    expanded.push('$');
                    rest = after;
                }
            }
        }
        expanded.push_str(rest);
        expanded
    }
}

/// The length of the token behind `$`, or none. A braced name must end with its brace, a bare one
/// must not go on as an identifier.
fn token_length(after: &str, name: &str) -> Option<usize> {
    if let Some(rest) = after.strip_prefix('{') {
        return rest.strip_prefix(name)?.starts_with('}').then(|| name.len() + 2);
    }
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let rest = after.strip_prefix(name)?;
    (!rest.bytes().next().is_some_and(goes_on)).then_some(name.len())
}

/// Splits a list of directories the way glibc does: tokens are replaced, trailing slashes taken
/// off and one put back, doubles left out; an empty entry is the working directory.
pub(super) fn directories(
    list: &str,
    separators: &[char],
    tokens: &StringTokens<'_>,
) -> Vec<String> {
    let mut directories: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for entry in list.split(separators) {
        let mut directory = tokens.expand(entry);
        if directory.is_empty() && !entry.is_empty() {
            continue;
        }
        if !directory.is_empty() {
            let kept = directory.trim_end_matches('/').len();
            directory.truncate(kept);
            directory.push('/');
        }
        if known.insert(directory.clone()) {
            directories.push(directory);
        }
    }
    directories
}

/// `/etc/ld.so.preload` as the loader reads it: behind the first comment it looks for another one
/// in as many bytes from the file's beginning as are left, and misses it there (`elf/rtld.c`).
pub(super) fn without_comments(mut file: Vec<u8>) -> Vec<u8> {
    let mut rest = file.len();
    while let Some(mut at) = memchr::memchr(b'#', &file[..rest]) {
        rest -= at;
        loop {
            file[at] = b' ';
            rest -= 1;
            at += 1;
            if rest == 0 || file[at] == b'\n' {
                break;
            }
        }
    }
    file
}

/// Directories below each directory that hold builds for better processors: `glibc-hwcaps` since
/// 2.33, and until 2.36 those that are named after what every such machine has. A loader before
/// 2.33 does not say its release.
pub(super) fn hardware(machine: u16, release: Option<(u32, u32)>) -> Vec<String> {
    let (levels, old): (&[&str], &[&str]) = match machine {
        62 => (&["x86-64-v2", "x86-64-v3", "x86-64-v4"], &["tls/x86_64", "tls", "x86_64"]),
        3 => (&[], &["tls/i686", "tls", "i686"]),
        21 => (&["power9", "power10"], &["tls"]),
        22 => (&["z13", "z14", "z15", "z16"], &["tls"]),
        _ => (&[], &["tls"]),
    };
    let levels = levels.iter().map(|level| format!("glibc-hwcaps/{level}"));
    let levels = levels.filter(|_| release.is_some_and(|it| it >= (2, 33)));
    let old = old.iter().filter(|_| release.is_none_or(|it| it < (2, 37)));
    levels.chain(old.map(|name| (*name).to_owned())).collect()
}

/// The directory part of a path, without the final slash (`/` for a file of the root).
pub(super) fn directory_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) => "/",
        Some(at) => &path[..at],
        None => ".",
    }
}

/// A path as the kernel takes it: relative ones start at the working directory.
pub(super) fn absolute(working_directory: &str, path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", working_directory.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: StringTokens<'_> =
        StringTokens { origin: "/opt/app", library: "lib64", platform: "x86_64" };

    #[test]
    fn tokens_follow_the_rules_of_the_gabi() {
        for (text, expanded) in [
            ("$ORIGIN/../lib", "/opt/app/../lib"),
            ("${ORIGIN}/x", "/opt/app/x"),
            ("/a/$LIB/${PLATFORM}", "/a/lib64/x86_64"),
            ("$ORIGINAL/$LIBX/${LIB", "$ORIGINAL/$LIBX/${LIB"),
            ("$", "$"),
            ("cost$", "cost$"),
        ] {
            assert_eq!(TOKENS.expand(text), expanded, "{text}");
        }
    }

    #[test]
    fn a_second_comment_is_missed() {
        let text = |file: &[u8]| String::from_utf8(without_comments(file.to_vec())).unwrap();
        assert_eq!(text(b"/a.so # x\n/b.so"), "/a.so    \n/b.so");
        assert_eq!(text(b"# /x.so\nlibfoo.so # /y.so\n").trim_start(), "libfoo.so   /y.so\n");
        assert_eq!(text(b"#"), " ");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn lists_keep_order_and_drop_doubles() {
        let list = "/a//:$ORIGIN:/a:/:b";
        assert_eq!(directories(list, &[':'], &TOKENS), ["/a/", "/opt/app/", "/", "b/"]);
        assert_eq!(directories("x;:y", &[':', ';'], &TOKENS), ["x/", "", "y/"]);
    }
}
