//! Whether Rust is inside, and by which compiler.

use crate::binary::RustcEvidence;
use crate::binary::string_scan::{FoundStrings, StringSignature};
use crate::fact::Fact;
use crate::toolchain::releases;

/// What the formats' own tables say, as far as Rust is concerned.
#[derive(Debug, Default)]
pub(crate) struct RustMarks<'a> {
    /// The strings of `.comment`.
    pub comment: &'a [String],
    /// The libraries that are loaded with the file.
    pub needed: &'a [String],
    /// The symbols that are asked of them; empty where there are none or none were read.
    pub imports: &'a [String],
    /// Whether cargo-auditable's section is there.
    pub dep_v0: bool,
    /// Whether the file is a program, which std starts, and no library.
    pub is_program: bool,
    /// Whether part of the file is missing.
    pub damaged: bool,
    /// Whether the machine is one where the panic texts outlive the code that uses them.
    pub texts_outlive_code: bool,
    /// Whether a file of this format with no trace of Rust can still be a Rust program: with
    /// locations trimmed and no compiler's name, as only ELF's `.comment` has it.
    pub may_be_traceless: bool,
}

/// Whether Rust code is inside.
pub(crate) fn language(tables: &RustMarks<'_>, text: Option<&FoundStrings>) -> Fact<bool> {
    if let Some(comment) =
        tables.comment.iter().find(|comment| comment.starts_with("rustc version"))
    {
        return Fact::certain(true, format!(".comment: {comment}"));
    }
    if tables.dep_v0 {
        return Fact::certain(true, "cargo-auditable's section is there");
    }
    if let Some(library) = tables.needed.iter().find(|name| is_rust_library(name)) {
        return Fact::certain(true, format!("it needs {library}"));
    }
    let Some(text) = text else {
        return Fact::unknown("only its text tells, which was not looked at");
    };
    if let Some(comment) = text.comments.first() {
        return Fact::high(true, format!("rustc's comment: {comment}"));
    }
    if let Some((commit, count)) = text.commits.iter().max_by_key(|(_, count)| **count) {
        return Fact::high(true, format!("{count} source paths of rustc {commit}"));
    }
    if let Some(version) = text.source_versions.first() {
        return Fact::high(true, format!("source paths of rustc {version}"));
    }
    if text.has(StringSignature::StdPath) && text.has(StringSignature::RustSource) {
        return Fact::high(true, "source paths of the standard library");
    }
    if text.go {
        return Fact::certain(false, "Go's runtime is inside");
    }
    // Any one of these may be quoted by a tool about Rust; a program of another language that
    // holds two was not met.
    let marks = [
        (StringSignature::Rethrown, "its panic runtime"),
        (StringSignature::UnwrapNone, "its text for an unwrapped None"),
        (StringSignature::UnwrapErr, "its text for an unwrapped Err"),
        (StringSignature::Backtrace, "its backtrace variable"),
        (StringSignature::StdPath, "a path of the standard library"),
        (StringSignature::OldStdPath, "a path of the standard library"),
    ];
    let found: Vec<&str> =
        marks.iter().filter(|(needle, _)| text.has(*needle)).map(|mark| mark.1).collect();
    match found.as_slice() {
        [] => {}
        [one] => return Fact::unknown(format!("one trace of Rust alone: {one}")),
        [first, second, ..] => return Fact::high(true, format!("{first}, {second}")),
    }
    if text.has(StringSignature::Upx) {
        return Fact::unknown("it is packed by UPX, so its texts cannot be read");
    }
    if tables.damaged {
        return Fact::unknown("part of the file is missing, and the rest has no trace of Rust");
    }
    if tables.may_be_traceless && !text.has(StringSignature::MsvcRtti) {
        return Fact::unknown("no trace of Rust or of another language");
    }
    Fact::high(false, "no compiler's name, source path or runtime text of Rust's")
}

/// `libstd-<16 hex>.so`, `librustc_driver-<16 hex>.so`.
pub(crate) fn is_rust_library(name: &str) -> bool {
    let Some((stem, hash)) = name.split('.').next().and_then(|stem| stem.rsplit_once('-')) else {
        return false;
    };
    matches!(stem, "libstd" | "std" | "librustc_driver" | "rustc_driver" | "libtest" | "test")
        && hash.len() == 16
        && hash.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The compiler, from every source that names it.
pub(crate) fn rustc(tables: &RustMarks<'_>, text: Option<&FoundStrings>) -> RustcEvidence {
    let mut rustc = RustcEvidence::default();
    let of_comment =
        tables.comment.iter().filter_map(|comment| comment.strip_prefix("rustc version "));
    let of_text = text.into_iter().flat_map(|text| text.comments.iter().map(String::as_str));
    let mut comments: Vec<&str> = of_comment.chain(of_text).collect();
    comments.sort_by_key(|comment| numbers(comment));
    comments.dedup();
    let mut short = None;
    for comment in &comments {
        rustc.evidence.push(format!(".comment: rustc version {comment}"));
        let mut words = comment.split_ascii_whitespace();
        // The newest names the compiler of the program: older ones come with prebuilt objects.
        rustc.version = words.next().map(str::to_string);
        short = words.next().map(|word| word.trim_matches(['(', ')']).to_string());
    }
    let Some(text) = text else { return rustc };
    let mut commits: Vec<(&String, &u64)> = text.commits.iter().collect();
    commits.sort_by_key(|&(commit, count)| (std::cmp::Reverse(*count), commit));
    for (commit, count) in &commits {
        rustc.evidence.push(format!("{count} source paths: /rustc/{commit}"));
    }
    rustc.commit = match &short {
        Some(short) if short.len() >= 7 => commits
            .iter()
            .map(|(commit, _)| commit.as_str())
            .chain(releases::commits())
            .find(|commit| commit.starts_with(short.as_str()))
            .map(str::to_owned),
        _ => commits.first().map(|&(commit, _)| commit.clone()),
    };
    for version in &text.source_versions {
        rustc.evidence.push(format!("source paths: rustc-{version}"));
    }
    if rustc.version.is_none() {
        rustc.version =
            rustc.commit.as_deref().and_then(releases::version_of).map(str::to_owned).or_else(
                || text.source_versions.iter().max_by_key(|version| numbers(version)).cloned(),
            );
    }
    rustc
}

/// The numbers of `1.100.0-nightly (…)`, for comparison.
fn numbers(version: &str) -> Vec<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version[..end].split('.').filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> FoundStrings {
        FoundStrings::read(bytes, std::slice::from_ref(&(0..bytes.len())))
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_trace_is_no_proof_and_two_are() {
        let says = |bytes: &[u8]| language(&RustMarks::default(), Some(&text(bytes))).value;
        let none = ["called `Option::u", "nwrap()` on a `None` value"].concat();
        let backtrace = ["RUST_B", "ACKTRACE"].concat();
        assert_eq!(says(b"nothing"), Some(false));
        assert_eq!(says(backtrace.as_bytes()), None);
        assert_eq!(says(format!("{none}{backtrace}").as_bytes()), Some(true));
        let damaged = RustMarks { damaged: true, ..RustMarks::default() };
        assert_eq!(language(&damaged, Some(&text(b"nothing"))).value, None);
        assert_eq!(language(&RustMarks::default(), None).value, None, "not looked at");
    }

    #[test]
    fn a_shared_standard_library_makes_rust() {
        let needed = owned(&["librustc_driver-4c3beb7552356b6f.so", "libc.so.6"]);
        let tables = RustMarks { needed: &needed, ..RustMarks::default() };
        assert_eq!(language(&tables, None).value, Some(true));
        assert!(!is_rust_library("libstdc++.so.6") && !is_rust_library("libstd-ac.so"));
    }

    #[test]
    fn the_newest_comment_names_the_compiler() {
        let comment = owned(&[
            "GCC: (GNU) 13.3.0",
            "rustc version 1.100.0 (0ef1bc386 2026-11-09)",
            "rustc version 1.99.1 (58cf8f9c3 2026-10-13)",
        ]);
        let found =
            rustc(&RustMarks { comment: &comment, ..RustMarks::default() }, Some(&text(b"")));
        assert_eq!(found.version.as_deref(), Some("1.100.0"));
        assert_eq!(found.commit.as_deref(), Some("0ef1bc386059596dada8fb65b50425aab2ea637a"));
    }

    #[test]
    fn a_commit_is_a_version_where_the_pair_is_known() {
        let path =
            ["/rust", "c/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/x.rs"].concat();
        let found = rustc(&RustMarks::default(), Some(&text(path.as_bytes())));
        assert_eq!(found.version.as_deref(), Some("1.95.0"));
        let unknown = path.replace('5', "6");
        let found = rustc(&RustMarks::default(), Some(&text(unknown.as_bytes())));
        assert_eq!((found.version.is_none(), found.commit.is_some()), (true, true));
    }
}
