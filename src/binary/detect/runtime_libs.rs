//! What the texts and the crates together say: allocator, TLS back ends, checks that were compiled in.

use crate::binary::Binary;
use crate::binary::string_scan::{FoundStrings, StringSignature};
use crate::fact::Fact;

/// Fills in the facts of a Rust program that rest on its texts.
pub(crate) fn read(binary: &mut Binary, text: &FoundStrings) {
    binary.allocator = allocator(text);
    binary.tls = tls(binary, text);
    binary.debug_assertions = debug_assertions(binary, text);
    binary.overflow_checks = overflow_checks(text, None);
    binary.may_read = text.files();
}

/// jemalloc prints from dozens of places, 17 in the smallest program measured; a program that only
/// speaks of it, as this one does, quotes one or two of its messages.
const JEMALLOC_MESSAGES: u64 = 8;

/// Whether musl's `dlopen` for static programs is inside.
pub(crate) fn has_dlopen_stub(text: &FoundStrings) -> bool {
    text.has(StringSignature::NoDynamicLoading)
}

/// Each allocator's own messages and settings; a program with none of them uses the system's.
fn allocator(text: &FoundStrings) -> Fact<String> {
    let known = [
        (StringSignature::Mimalloc, "mimalloc", "mimalloc's messages"),
        (StringSignature::Jemalloc, "jemalloc", "jemalloc's messages"),
        (StringSignature::Snmalloc, "snmalloc", "snmalloc's messages"),
        (StringSignature::Tcmalloc, "tcmalloc", "tcmalloc's settings"),
        (StringSignature::Rpmalloc, "rpmalloc", "rpmalloc's source paths"),
    ];
    let inside = |needle: StringSignature| match needle {
        StringSignature::Jemalloc => text.count(needle) >= JEMALLOC_MESSAGES,
        needle => text.has(needle),
    };
    match known.iter().find(|(needle, ..)| inside(*needle)) {
        Some((_, name, evidence)) => Fact::high((*name).to_string(), *evidence),
        None => Fact::low("system".to_string(), "no other allocator's texts"),
    }
}

/// Every back end with a trace; several may be inside at once, and which one runs is not said.
fn tls(binary: &Binary, text: &FoundStrings) -> Fact<String> {
    let has = |name: &str| binary.crates.iter().any(|it| it.name == name);
    let mut found = Vec::new();
    let mut evidence = Vec::new();
    if has("rustls") || text.has(StringSignature::Rustls) {
        let mut name = "rustls".to_string();
        if has("ring") || text.has(StringSignature::Ring) {
            name.push_str("+ring");
        }
        if has("aws-lc-rs") || has("aws-lc-sys") || text.has(StringSignature::AwsLc) {
            name.push_str("+aws-lc");
        }
        found.push(name);
        evidence.push("rustls is inside".to_string());
    }
    if let Some(library) = binary.needed.iter().find(|name| name.starts_with("libssl.so")) {
        found.push("openssl".to_string());
        evidence.push(format!("it needs {library}"));
    } else if let Some(version) = &text.openssl {
        found.push("openssl".to_string());
        evidence.push(format!("OpenSSL {version} is inside"));
    }
    if text.has(StringSignature::BoringSsl)
        && !text.has(StringSignature::AwsLc)
        && (has("boring") || has("boring-sys"))
    {
        found.push("boringssl".to_string());
        evidence.push("boring is inside".to_string());
    }
    if has("schannel") || text.has(StringSignature::Schannel) {
        found.push("schannel".to_string());
        evidence.push("schannel is inside".to_string());
    }
    if has("security-framework") {
        found.push("security-framework".to_string());
        evidence.push("security-framework is inside".to_string());
    }
    if found.is_empty() {
        return Fact::unknown("no trace of a TLS library");
    }
    if text.has(StringSignature::Isrg) || has("webpki-roots") {
        evidence.push("root certificates are inside".to_string());
    }
    Fact::high(found.join(", "), evidence.join("; "))
}

/// Why the texts of checks say nothing: the linker threw nothing away, so that those of the
/// prebuilt standard library are inside whether anything uses them or not (static libraries
/// linked by C's tools, PowerPC's 64-bit linkers, shared standard libraries).
const KEPT: &str = "the linker kept the unused parts of the standard library, texts and all";

/// Fewer texts of unsafe preconditions than a program with debug assertions has: 12 distinct ones at
/// least in programs of a few lines that have any. One or two stay where the assertions are off.
const MIN_PRECONDITIONS: u64 = 3;

/// The checks of unsafe preconditions are compiled in with debug assertions (1.78 and later): 360
/// texts in a debug build of ripgrep, none in any release build that was measured. Code at opt-level 0
/// keeps those of a branch that is never taken, and those are not counted.
fn debug_assertions(binary: &Binary, text: &FoundStrings) -> Fact<bool> {
    if text.has(StringSignature::Uncollected) {
        return Fact::unknown(KEPT);
    }
    let count = text.count(StringSignature::UnsafePrecondition)
        + text.count(StringSignature::MisalignedPointer);
    if count >= MIN_PRECONDITIONS {
        return Fact::high(
            true,
            format!("{count} texts of checks that only debug assertions compile in"),
        );
    }
    if count > 0 {
        return Fact::unknown(format!(
            "{count} texts of checks of debug assertions, fewer than a program with them has"
        ));
    }
    if text.has(StringSignature::KeptPrecondition) {
        return Fact::unknown(
            "the texts of two checks that code at opt-level 0 keeps, with debug assertions or without",
        );
    }
    let version = binary.rustc.version.as_deref();
    match version.and_then(|version| version.split('.').nth(1)?.parse::<u32>().ok()) {
        Some(78..) => Fact::low(false, "no text of a check that only debug assertions compile in"),
        Some(_) => Fact::unknown("compilers before 1.78 left no text that tells"),
        None => Fact::unknown("the compiler's version is not known"),
    }
}

/// The functions that checked arithmetic panics with, as every mangling has their names.
const OVERFLOW_SYMBOLS: &[&[u8]] =
    &[b"panic_const_add_overflow", b"panic_const_sub_overflow", b"panic_const_mul_overflow"];

/// Whether a table of symbols' names has one of a panic of overflowing arithmetic.
pub(crate) fn has_overflow_symbol(names: &[u8]) -> bool {
    OVERFLOW_SYMBOLS.iter().any(|name| memchr::memmem::find(names, name).is_some())
}

/// A check calls a function of its own, whose symbol is sure. Without it the texts are left: a
/// program may hold them as data, and one alone may be an explicit panic.
pub(crate) fn overflow_checks(text: &FoundStrings, has_symbol: Option<bool>) -> Fact<bool> {
    if text.has(StringSignature::Uncollected) {
        return Fact::unknown(KEPT);
    }
    if has_symbol == Some(true) {
        return Fact::high(true, "the symbol of a panic of overflowing arithmetic");
    }
    let found = [
        StringSignature::OverflowAdd,
        StringSignature::OverflowSubtract,
        StringSignature::OverflowMultiply,
    ]
    .iter()
    .filter(|needle| text.has(**needle))
    .count();
    match (found, has_symbol) {
        (0, _) => Fact::low(false, "the texts of overflowing arithmetic are not inside"),
        (_, Some(_)) => {
            Fact::unknown("texts of overflowing arithmetic, and no symbol of what panics with them")
        }
        (1, None) => {
            Fact::unknown("one text of overflowing arithmetic: a check, or a text of its own")
        }
        (_, None) => {
            Fact::low(true, format!("{found} of the three texts of overflowing arithmetic"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(version: &str) -> Binary {
        let mut binary = Binary::default();
        binary.rustc.version = Some(version.to_owned());
        binary
    }

    fn text(texts: &[&str]) -> FoundStrings {
        let bytes = texts.join("..").into_bytes();
        FoundStrings::read(&bytes, std::slice::from_ref(&(0..bytes.len())))
    }

    #[test]
    fn what_code_without_optimisation_keeps_proves_no_debug_assertions() {
        let check = |what: &str| format!("unsafe precondition(s) violated: {what} requires x");
        let kept = check("hint::unreachable_unchecked must never be reached");
        let texts = |texts: &[String]| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            debug_assertions(&binary("1.95.0"), &text(&texts)).value
        };
        assert_eq!(texts(&[]), Some(false));
        assert_eq!(texts(&[kept.clone(), kept.clone(), kept.clone()]), None);
        assert_eq!(texts(&[kept, check("NonZero::new_unchecked")]), None);
        assert_eq!(texts(&[check("Vec::set_len")]), None);
        let many = ["Vec::set_len", "str::get_unchecked", "ptr::read"].map(check);
        assert_eq!(texts(&many), Some(true));
    }

    #[test]
    fn symbols_outrank_the_texts_of_overflow() {
        use crate::fact::Confidence::{High, Low, None as Unknown};
        let all =
            ["add", "subtract", "multiply"].map(|it| format!("attempt to {it} with overflow"));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        for (texts, symbol, expected) in [
            (&all[..], Some(false), (None, Unknown)),
            (&[], Some(true), (Some(true), High)),
            (&[], Some(false), (Some(false), Low)),
            (&all, None, (Some(true), Low)),
            (&all[..1], None, (None, Unknown)),
            (&[], None, (Some(false), Low)),
        ] {
            let fact = overflow_checks(&text(texts), symbol);
            assert_eq!((fact.value, fact.confidence), expected, "{texts:?} {symbol:?}");
        }
        assert!(has_overflow_symbol(
            b"\0_ZN4core9panicking11panic_const24panic_const_mul_overflow17h0E\0"
        ));
        assert!(!has_overflow_symbol(b"\0_ZN4core9panicking5panic17h0E\0"));
    }
}
