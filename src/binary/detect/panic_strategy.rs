//! What a program does on a panic: one signal after the other, the surest first.

use memchr::memmem;

use crate::binary::PanicStrategy;
use crate::binary::detect::language::{RustMarks, is_rust_library};
use crate::binary::string_scan::{FoundStrings, StringSignature};
use crate::fact::Fact;

/// What the names of the program's own functions say, where its symbol table is there: the code of
/// `panic_unwind` is linked into unwinding programs alone, and a program whose `main` std starts
/// holds the name of std's backtrace variable unless panics print nothing.
pub(crate) fn from_symbols(names: &[u8], text: &FoundStrings) -> Option<Fact<PanicStrategy>> {
    let has = |name: &[u8]| memmem::find(names, name).is_some();
    if has(b"12panic_unwind") {
        let evidence = "functions of panic_unwind are in the symbol table";
        return Some(Fact::certain(PanicStrategy::Unwind, evidence));
    }
    let starts_by_std = has(b"3std2rt10lang_start");
    (starts_by_std && !text.has(StringSignature::Backtrace)).then(|| {
        let evidence = "std starts it, and no text of a panic's message is inside";
        Fact::high(PanicStrategy::ImmediateAbort, evidence)
    })
}

/// The panic strategy; unknown where no signal is sure.
pub(crate) fn find_panic_strategy(
    tables: &RustMarks<'_>,
    text: Option<&FoundStrings>,
) -> Fact<PanicStrategy> {
    let imports =
        |wanted: &str| tables.imports.iter().any(|name| name.trim_start_matches('_') == wanted);
    // Only panic_unwind raises; landing pads of the prebuilt standard library import the rest in
    // every program (140 of 140 dynamic programs whose profile is known).
    if imports("Unwind_RaiseException") {
        return Fact::high(PanicStrategy::Unwind, "it imports _Unwind_RaiseException");
    }
    let Some(text) = text else {
        return Fact::unknown("its text was not looked at");
    };
    let rethrown =
        text.has(StringSignature::Rethrown) || text.has(StringSignature::ForeignException);
    if tables.needed.iter().any(|name| is_rust_library(name)) {
        return Fact::unknown("the panic runtime is in the standard library's own file");
    }
    let other_unwinding = tables.imports.iter().find(|name| name.starts_with("_Unwind_"));
    if let Some(name) = other_unwinding {
        return Fact::high(
            PanicStrategy::Abort,
            format!("it imports {name} but not _Unwind_RaiseException"),
        );
    }
    if rethrown && (tables.texts_outlive_code || text.has(StringSignature::Uncollected)) {
        return Fact::low(
            PanicStrategy::Unwind,
            "the panic runtime's text, which this linker may have kept without its code",
        );
    }
    if rethrown {
        return Fact::high(
            PanicStrategy::Unwind,
            "the panic runtime's text for a panic that was caught and lost",
        );
    }
    let modern = tables.comment.iter().any(|comment| comment.starts_with("rustc version"));
    if !modern
        && !text.has(StringSignature::Backtrace)
        && !text.has(StringSignature::UnwrapNone)
        && text.commits.is_empty()
    {
        return Fact::unknown("no text of the panic runtime, nor of the standard library");
    }
    if tables.is_program && !text.has(StringSignature::Backtrace) && text.commits.is_empty() {
        return Fact::unknown(
            "no text of a panic's message: immediate-abort, or no standard library",
        );
    }
    if imports("CxxThrowException") {
        return Fact::high(PanicStrategy::Unwind, "it imports _CxxThrowException");
    }
    // The text came with Rust 1.40, rustc's name in `.comment` with 1.74.
    if !text.has(StringSignature::StdPath) && text.has(StringSignature::OldStdPath) {
        return Fact::unknown("compilers before 1.47 wrote no text that tells");
    }
    Fact::high(PanicStrategy::Abort, "no trace of the panic runtime that unwinds")
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
    fn a_shared_standard_library_hides_the_strategy() {
        let needed = owned(&["librustc_driver-4c3beb7552356b6f.so", "libc.so.6"]);
        let imports = owned(&["_Unwind_Resume"]);
        let marks = RustMarks { needed: &needed, imports: &imports, ..RustMarks::default() };
        assert_eq!(find_panic_strategy(&marks, Some(&text(b""))).value, None);
    }

    #[test]
    fn names_of_functions_decide() {
        let backtrace = ["RUST_B", "ACKTRACE"].concat();
        let of = |names: &[u8], bytes: &[u8]| {
            from_symbols(names, &text(bytes)).and_then(|strategy| strategy.value)
        };
        let start = b"\0_RINvNtCs1_3std2rt10lang_startuE\0";
        let unwind = b"\0_RNvNvNtCs2_12panic_unwind3imp5panic17exception_cleanup\0";
        assert_eq!(of(unwind, b""), Some(PanicStrategy::Unwind));
        assert_eq!(of(start, b""), Some(PanicStrategy::ImmediateAbort));
        assert_eq!(of(start, backtrace.as_bytes()), None, "the other signals decide");
        assert_eq!(of(b"\0main\0", b""), None, "std may not be inside");
    }

    #[test]
    fn a_program_without_any_panic_text_is_unknown() {
        let comment = owned(&["rustc version 1.99.1 (58cf8f9c3 2026-10-13)"]);
        let marks = RustMarks { comment: &comment, is_program: true, ..RustMarks::default() };
        assert_eq!(find_panic_strategy(&marks, Some(&text(b""))).value, None);
        let library = RustMarks { comment: &comment, ..RustMarks::default() };
        let found = find_panic_strategy(&library, Some(&text(b"")));
        assert_eq!(found.value, Some(PanicStrategy::Abort));
    }

    #[test]
    fn raising_is_unwinding_and_resuming_alone_is_not() {
        let of = |imports: &[&str]| {
            let imports = owned(imports);
            find_panic_strategy(
                &RustMarks { imports: &imports, ..RustMarks::default() },
                Some(&text(b"")),
            )
            .value
        };
        assert_eq!(of(&["_Unwind_RaiseException", "_Unwind_Resume"]), Some(PanicStrategy::Unwind));
        assert_eq!(of(&["_Unwind_Resume"]), Some(PanicStrategy::Abort));
        assert_eq!(
            of(&["__Unwind_RaiseException"]),
            Some(PanicStrategy::Unwind),
            "Mach-O's underscore"
        );
        assert_eq!(of(&[]), None, "no standard library is seen");
    }
}
