//! Whether Rust is inside, by which compiler, and what it does on a panic.

use crate::binary::string_scan::{Needle, Text};
use crate::binary::{Panic, Rustc};
use crate::fact::Fact;
use crate::toolchain::releases;

/// What the formats' own tables say, as far as Rust is concerned.
#[derive(Debug, Default)]
pub(crate) struct Tables<'a> {
    /// The strings of `.comment`.
    pub comment: &'a [String],
    /// The libraries that are loaded with the file.
    pub needed: &'a [String],
    /// The symbols that are asked of them; empty where there are none or none were read.
    pub imports: &'a [String],
    /// Whether cargo-auditable's section is there.
    pub dep_v0: bool,
    /// Whether part of the file is missing.
    pub damaged: bool,
    /// Whether the machine is one where the panic texts outlive the code that uses them.
    pub texts_outlive_code: bool,
    /// Whether a file of this format with no trace of Rust can still be a Rust program: with
    /// locations trimmed and no compiler's name, as only ELF's `.comment` has it.
    pub may_be_traceless: bool,
}

/// Whether Rust code is inside.
pub(crate) fn language(tables: &Tables<'_>, text: Option<&Text>) -> Fact<bool> {
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
    if text.has(Needle::StdPath) && text.has(Needle::RustSource) {
        return Fact::high(true, "source paths of the standard library");
    }
    if text.go {
        return Fact::certain(false, "Go's runtime is inside");
    }
    // Any one of these may be quoted by a tool about Rust; a program of another language that
    // holds two was not met.
    let marks = [
        (Needle::Rethrown, "its panic runtime"),
        (Needle::UnwrapNone, "its text for an unwrapped None"),
        (Needle::UnwrapErr, "its text for an unwrapped Err"),
        (Needle::Backtrace, "its backtrace variable"),
        (Needle::StdPath, "a path of the standard library"),
        (Needle::OldStdPath, "a path of the standard library"),
    ];
    let found: Vec<&str> =
        marks.iter().filter(|(needle, _)| text.has(*needle)).map(|mark| mark.1).collect();
    match found.as_slice() {
        [] => {}
        [one] => return Fact::unknown(format!("one trace of Rust alone: {one}")),
        [first, second, ..] => return Fact::high(true, format!("{first}, {second}")),
    }
    if text.has(Needle::Upx) {
        return Fact::unknown("it is packed by UPX, so its texts cannot be read");
    }
    if tables.damaged {
        return Fact::unknown("part of the file is missing, and the rest has no trace of Rust");
    }
    if tables.may_be_traceless && !text.has(Needle::MsvcRtti) {
        return Fact::unknown("no trace of Rust or of another language");
    }
    Fact::high(false, "no compiler's name, source path or runtime text of Rust's")
}

/// `libstd-<16 hex>.so`, `librustc_driver-<16 hex>.so`.
fn is_rust_library(name: &str) -> bool {
    let Some((stem, hash)) = name.split('.').next().and_then(|stem| stem.rsplit_once('-')) else {
        return false;
    };
    matches!(stem, "libstd" | "std" | "librustc_driver" | "rustc_driver" | "libtest" | "test")
        && hash.len() == 16
        && hash.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What a panic does.
pub(crate) fn panic(tables: &Tables<'_>, text: Option<&Text>) -> Fact<Panic> {
    let imports =
        |wanted: &str| tables.imports.iter().any(|name| name.trim_start_matches('_') == wanted);
    // Only panic_unwind raises; landing pads of the prebuilt standard library import the rest in
    // every program (140 of 140 dynamic programs whose profile is known).
    if imports("Unwind_RaiseException") {
        return Fact::high(Panic::Unwind, "it imports _Unwind_RaiseException");
    }
    let Some(text) = text else {
        return Fact::unknown("its text was not looked at");
    };
    let rethrown = text.has(Needle::Rethrown) || text.has(Needle::ForeignException);
    if tables.needed.iter().any(|name| is_rust_library(name)) {
        return Fact::unknown("the panic runtime is in the standard library's own file");
    }
    let other_unwinding = tables.imports.iter().find(|name| name.starts_with("_Unwind_"));
    if let Some(name) = other_unwinding {
        return Fact::high(
            Panic::Abort,
            format!("it imports {name} but not _Unwind_RaiseException"),
        );
    }
    if rethrown && (tables.texts_outlive_code || text.has(Needle::Uncollected)) {
        return Fact::low(
            Panic::Unwind,
            "the panic runtime's text, which this linker may have kept without its code",
        );
    }
    if rethrown {
        return Fact::high(
            Panic::Unwind,
            "the panic runtime's text for a panic that was caught and lost",
        );
    }
    let modern = tables.comment.iter().any(|comment| comment.starts_with("rustc version"));
    if !modern
        && !text.has(Needle::Backtrace)
        && !text.has(Needle::UnwrapNone)
        && text.commits.is_empty()
    {
        return Fact::unknown("no text of the panic runtime, nor of the standard library");
    }
    if imports("CxxThrowException") {
        return Fact::high(Panic::Unwind, "it imports _CxxThrowException");
    }
    // The text came with Rust 1.40, rustc's name in `.comment` with 1.74.
    if !text.has(Needle::StdPath) && text.has(Needle::OldStdPath) {
        return Fact::unknown("compilers before 1.47 wrote no text that tells");
    }
    Fact::high(Panic::Abort, "no trace of the panic runtime that unwinds")
}

/// The compiler, from every source that names it.
pub(crate) fn rustc(tables: &Tables<'_>, text: Option<&Text>) -> Rustc {
    let mut rustc = Rustc::default();
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

    fn text(bytes: &[u8]) -> Text {
        Text::read(bytes, std::slice::from_ref(&(0..bytes.len())))
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_trace_is_no_proof_and_two_are() {
        let says = |bytes: &[u8]| language(&Tables::default(), Some(&text(bytes))).value;
        let none = ["called `Option::u", "nwrap()` on a `None` value"].concat();
        let backtrace = ["RUST_B", "ACKTRACE"].concat();
        assert_eq!(says(b"nothing"), Some(false));
        assert_eq!(says(backtrace.as_bytes()), None);
        assert_eq!(says(format!("{none}{backtrace}").as_bytes()), Some(true));
        let damaged = Tables { damaged: true, ..Tables::default() };
        assert_eq!(language(&damaged, Some(&text(b"nothing"))).value, None);
        assert_eq!(language(&Tables::default(), None).value, None, "not looked at");
    }

    #[test]
    fn a_shared_standard_library_makes_rust_and_hides_the_strategy() {
        let needed = owned(&["librustc_driver-4c3beb7552356b6f.so", "libc.so.6"]);
        let imports = owned(&["_Unwind_Resume"]);
        let tables = Tables { needed: &needed, imports: &imports, ..Tables::default() };
        assert_eq!(language(&tables, None).value, Some(true));
        assert_eq!(panic(&tables, Some(&text(b""))).value, None);
        assert!(!is_rust_library("libstdc++.so.6") && !is_rust_library("libstd-ac.so"));
    }

    #[test]
    fn raising_is_unwinding_and_resuming_alone_is_not() {
        let of = |imports: &[&str]| {
            let imports = owned(imports);
            panic(&Tables { imports: &imports, ..Tables::default() }, Some(&text(b""))).value
        };
        assert_eq!(of(&["_Unwind_RaiseException", "_Unwind_Resume"]), Some(Panic::Unwind));
        assert_eq!(of(&["_Unwind_Resume"]), Some(Panic::Abort));
        assert_eq!(of(&["__Unwind_RaiseException"]), Some(Panic::Unwind), "Mach-O's underscore");
        assert_eq!(of(&[]), None, "no standard library is seen");
    }

    #[test]
    fn the_newest_comment_names_the_compiler() {
        let comment = owned(&[
            "GCC: (GNU) 13.3.0",
            "rustc version 1.100.0 (0ef1bc386 2026-11-09)",
            "rustc version 1.99.1 (58cf8f9c3 2026-10-13)",
        ]);
        let found = rustc(&Tables { comment: &comment, ..Tables::default() }, Some(&text(b"")));
        assert_eq!(found.version.as_deref(), Some("1.100.0"));
        assert_eq!(found.commit.as_deref(), Some("0ef1bc386059596dada8fb65b50425aab2ea637a"));
    }

    #[test]
    fn a_commit_is_a_version_where_the_pair_is_known() {
        let path =
            ["/rust", "c/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/x.rs"].concat();
        let found = rustc(&Tables::default(), Some(&text(path.as_bytes())));
        assert_eq!(found.version.as_deref(), Some("1.95.0"));
        let unknown = path.replace('5', "6");
        let found = rustc(&Tables::default(), Some(&text(unknown.as_bytes())));
        assert_eq!((found.version.is_none(), found.commit.is_some()), (true, true));
    }
}
