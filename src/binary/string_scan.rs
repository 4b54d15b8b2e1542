//! One pass over a file's bytes for every text that means something.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use aho_corasick::packed;

/// Distinct captures of one kind that are kept: a file with more is not a program but a list.
const MAX_CAPTURES: usize = 64;

/// Places that are kept for a second look.
const MAX_PLACES: usize = 1 << 16;

/// What the texts say; each flag is the presence of one text of the table below.
#[derive(Debug, Default)]
pub(crate) struct FoundStrings {
    /// How often each needle was met.
    counts: BTreeMap<StringSignature, u64>,
    /// Where the needles of `PLACED` were met, in bytes of the file.
    places: Vec<(StringSignature, Range<usize>)>,
    /// `/rustc/<40 hex>`, by how often.
    pub commits: BTreeMap<String, u64>,
    /// Versions out of `/usr/src/rustc-1.63.0/` and `rustc-1.75.0-src/`.
    pub source_versions: BTreeSet<String>,
    /// `1.95.0 (59807616e 2026-04-14)` out of `rustc version …`.
    pub comments: BTreeSet<String>,
    /// `OpenSSL 3.5.4 30 Sep 2025`.
    pub openssl: Option<String>,
    /// musl's `strerror(0)`.
    pub musl: bool,
    /// glibc's own messages.
    pub glibc: bool,
    /// Go's build information.
    pub go: bool,
}

/// What a needle tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the table below explains each by its text")]
pub(crate) enum StringSignature {
    Commit,
    DistributionSource,
    RustSource,
    StdPath,
    RustcVersion,
    Rethrown,
    ForeignException,
    Backtrace,
    UnwrapNone,
    UnwrapErr,
    PanickedAt,
    OldStdPath,
    OverflowAdd,
    OverflowSubtract,
    OverflowMultiply,
    UnsafePrecondition,
    KeptPrecondition,
    MisalignedPointer,
    Uncollected,
    Musl,
    Glibc,
    Jemalloc,
    Mimalloc,
    Snmalloc,
    Tcmalloc,
    Rpmalloc,
    Rustls,
    OpenSsl,
    AwsLc,
    BoringSsl,
    Ring,
    Schannel,
    Isrg,
    CaBundleDebian,
    CaBundleFedora,
    CaBundleAlpine,
    CaDirectory,
    CaBundleSuse,
    Zoneinfo,
    Localtime,
    ResolvConf,
    Passwd,
    Nsswitch,
    Go,
    GoRuntime,
    Mingw,
    Loopback,
    OpenSslDirectory,
    Template,
    PrivateKey,
    NoDynamicLoading,
    Upx,
    MsvcRtti,
    Vergen,
}

/// Each needle with its text. The bar cuts the text in two, so that this program, which would
/// otherwise hold all of them, holds none.
const NEEDLES: &[(StringSignature, &str)] = &[
    (StringSignature::Commit, "/rus|tc/"),
    (StringSignature::DistributionSource, "rustc|-1."),
    (StringSignature::RustSource, "/rustlib|/src/rust/"),
    (StringSignature::StdPath, "library/c|ore/src/"),
    (StringSignature::StdPath, "library/s|td/src/"),
    (StringSignature::StdPath, "library/al|loc/src/"),
    (StringSignature::StdPath, "library\\c|ore\\src\\"),
    (StringSignature::StdPath, "library\\s|td\\src\\"),
    (StringSignature::StdPath, "library\\al|loc\\src\\"),
    (StringSignature::RustcVersion, "rustc v|ersion 1."),
    (StringSignature::Rethrown, "Rust panics m|ust be rethrown"),
    (StringSignature::ForeignException, "Rust cannot c|atch foreign exceptions"),
    (StringSignature::Backtrace, "RUST_B|ACKTRACE"),
    (StringSignature::UnwrapNone, "called `Option::u|nwrap()` on a `None` value"),
    (StringSignature::UnwrapErr, "called `Result::u|nwrap()` on an `Err` value"),
    (StringSignature::PanickedAt, "panicked a|t "),
    (StringSignature::OldStdPath, "src/lib|core/"),
    (StringSignature::OldStdPath, "lib|core\\"),
    (StringSignature::OverflowAdd, "attempt to a|dd with overflow"),
    (StringSignature::OverflowSubtract, "attempt to s|ubtract with overflow"),
    (StringSignature::OverflowMultiply, "attempt to m|ultiply with overflow"),
    (StringSignature::UnsafePrecondition, "unsafe precondition(s) v|iolated: "),
    (StringSignature::MisalignedPointer, "misaligned pointer d|ereference"),
    // The panic of a generator that nobody can write on a stable compiler: where it is, the linker
    // kept whatever the standard library holds.
    (StringSignature::Uncollected, "`gen fn` should just k|eep returning `None` after panicking"),
    (StringSignature::Musl, "No error i|nformation"),
    (StringSignature::Glibc, "GLIBC_T|UNABLES"),
    (StringSignature::Glibc, "Fatal g|libc error"),
    (StringSignature::Glibc, "glibc.m|alloc."),
    (StringSignature::Jemalloc, "<jem|alloc>"),
    (StringSignature::Jemalloc, "_rj|em_"),
    (StringSignature::Mimalloc, "mima|lloc: "),
    (StringSignature::Snmalloc, "snm|alloc:"),
    (StringSignature::Tcmalloc, "TCMAL|LOC_"),
    (StringSignature::Rpmalloc, "rpmal|loc-"),
    (StringSignature::Rustls, "rus|tls::"),
    (StringSignature::Rustls, "/rus|tls-"),
    (StringSignature::OpenSsl, "Open|SSL "),
    (StringSignature::AwsLc, "AWS|-LC "),
    (StringSignature::BoringSsl, "Boring|SSL"),
    (StringSignature::Ring, "/ri|ng-0."),
    (StringSignature::Schannel, "/scha|nnel-"),
    (StringSignature::Isrg, "ISRG R|oot X1"),
    (StringSignature::CaBundleDebian, "/etc/ssl/certs/ca-|certificates.crt"),
    (StringSignature::CaBundleFedora, "/etc/pki/tls/certs/ca-|bundle.crt"),
    (StringSignature::CaBundleAlpine, "/etc/ssl/ce|rt.pem"),
    (StringSignature::CaBundleSuse, "/etc/ssl/ca-|bundle.pem"),
    (StringSignature::CaDirectory, "/etc/ssl/c|erts"),
    (StringSignature::Zoneinfo, "/usr/share/zo|neinfo"),
    (StringSignature::Localtime, "/etc/loc|altime"),
    (StringSignature::ResolvConf, "/etc/res|olv.conf"),
    (StringSignature::Passwd, "/etc/pa|sswd"),
    (StringSignature::Nsswitch, "/etc/nss|witch.conf"),
    (StringSignature::Go, " Go build|inf:"),
    (StringSignature::GoRuntime, "runtime.g|opanic\0"),
    (StringSignature::Mingw, "Mingw-w64 r|untime failure"),
    (StringSignature::NoDynamicLoading, "Dynamic loading n|ot supported"),
    (StringSignature::Loopback, "127.0.|0.1:"),
    (StringSignature::Loopback, "local|host:"),
    (StringSignature::Loopback, "[:|:1]:"),
    (StringSignature::OpenSslDirectory, "OPENSSL|DIR: \""),
    (StringSignature::Template, "/**|/*"),
    (StringSignature::PrivateKey, "PRIVATE |KEY-----"),
    (StringSignature::Upx, "$Info: This file is p|acked with the UPX"),
    (StringSignature::MsvcRtti, ".?A|V"),
    (StringSignature::Vergen, "VERGEN_IDEMPOTENT|_OUTPUT"),
];

/// Whose checks the compiler leaves in code at opt-level 0, behind a branch that is never taken.
const KEPT_PRECONDITIONS: &[&[u8]] = &[b"hint::unreachable_unchecked", b"NonZero::new_unchecked"];

/// The needles whose surroundings are looked at afterwards.
const PLACED: &[StringSignature] = &[
    StringSignature::Loopback,
    StringSignature::OpenSslDirectory,
    StringSignature::Template,
    StringSignature::PrivateKey,
];

/// The needles that are files of the system, in the order of the report.
const FILES: &[StringSignature] = &[
    StringSignature::CaBundleDebian,
    StringSignature::CaBundleFedora,
    StringSignature::CaBundleSuse,
    StringSignature::CaBundleAlpine,
    StringSignature::CaDirectory,
    StringSignature::Zoneinfo,
    StringSignature::Localtime,
    StringSignature::ResolvConf,
    StringSignature::Passwd,
    StringSignature::Nsswitch,
];

/// The searcher over all needles: a vector one where the processor has it.
enum Searcher {
    Packed(packed::Searcher),
    Automaton(AhoCorasick),
}

static SEARCHER: LazyLock<Searcher> = LazyLock::new(|| {
    let texts: Vec<String> = NEEDLES.iter().map(|(_, text)| text.replace('|', "")).collect();
    let packed =
        packed::Config::new().heuristic_pattern_limits(false).builder().extend(&texts).build();
    match packed {
        Some(searcher) => Searcher::Packed(searcher),
        None => Searcher::Automaton(
            // Some sixty short literals: far below every limit of the automaton.
            AhoCorasick::builder()
                .match_kind(aho_corasick::MatchKind::LeftmostFirst)
                .build(&texts)
                .unwrap_or_else(|error| unreachable!("sixty literals fit an automaton: {error}")),
        ),
    }
});

impl FoundStrings {
    /// Reads these ranges of the file once; they do not overlap.
    pub fn read(bytes: &[u8], ranges: &[Range<usize>]) -> FoundStrings {
        let mut text = FoundStrings::default();
        for range in ranges {
            let Some(part) = bytes.get(range.clone()) else { continue };
            let first_place = text.places.len();
            match &*SEARCHER {
                Searcher::Packed(searcher) => {
                    for found in searcher.find_iter(part) {
                        text.note(part, found.pattern().as_usize(), found.start(), found.end());
                    }
                }
                Searcher::Automaton(searcher) => {
                    for found in searcher.find_iter(part) {
                        text.note(part, found.pattern().as_usize(), found.start(), found.end());
                    }
                }
            }
            for (_, place) in text.places.iter_mut().skip(first_place) {
                *place = place.start + range.start..place.end + range.start;
            }
        }
        text.musl = text.has(StringSignature::Musl);
        text.glibc = text.has(StringSignature::Glibc);
        text.go = text.has(StringSignature::Go) || text.has(StringSignature::GoRuntime);
        text
    }

    /// Where this text is, in bytes of the file; of the needles in `PLACED` alone.
    pub fn places(&self, needle: StringSignature) -> impl Iterator<Item = Range<usize>> {
        self.places.iter().filter(move |(it, _)| *it == needle).map(|(_, place)| place.clone())
    }

    /// Whether this text is inside.
    pub fn has(&self, needle: StringSignature) -> bool {
        self.count(needle) > 0
    }

    /// How often this text is inside.
    pub fn count(&self, needle: StringSignature) -> u64 {
        self.counts.get(&needle).copied().unwrap_or(0)
    }

    /// The files of the system that are named inside.
    pub fn files(&self) -> Vec<String> {
        let text = |wanted: &StringSignature| {
            NEEDLES.iter().find(|(needle, _)| needle == wanted).map(|(_, text)| *text)
        };
        FILES
            .iter()
            .filter(|needle| self.has(**needle))
            .filter_map(text)
            .map(|text| text.replace('|', ""))
            .collect()
    }

    /// Adds one match, unless what stands around it says that it is something else.
    fn note(&mut self, bytes: &[u8], pattern: usize, start: usize, end: usize) {
        let needle = NEEDLES[pattern].0;
        let after = bytes.get(end..).unwrap_or_default();
        let before = bytes.get(..start).unwrap_or_default();
        let counts = match needle {
            StringSignature::Commit => self.note_commit(after),
            StringSignature::DistributionSource => self.note_source(after),
            StringSignature::RustcVersion => self.note_comment(before, after),
            StringSignature::OpenSsl => self.note_openssl(after),
            // runtime/debug.buildInfoMagic: the byte 0xff goes before.
            StringSignature::Go => before.last() == Some(&0xff),
            StringSignature::UnsafePrecondition => {
                let is_kept = KEPT_PRECONDITIONS.iter().any(|it| after.starts_with(it));
                if is_kept {
                    *self.counts.entry(StringSignature::KeptPrecondition).or_default() += 1;
                }
                !is_kept
            }
            _ => true,
        };
        if PLACED.contains(&needle) && self.places.len() < MAX_PLACES {
            self.places.push((needle, start..end));
        }
        if counts {
            *self.counts.entry(needle).or_default() += 1;
        }
    }

    /// rustc's own remapping of its sources: `/rustc/<commit>/library/…`; on Windows the
    /// separator behind the commit is a backslash.
    fn note_commit(&mut self, after: &[u8]) -> bool {
        let Some((commit, rest)) = after.split_at_checked(40) else { return false };
        let hex = commit.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !hex || !matches!(rest.first(), Some(b'/' | b'\\')) {
            return false;
        }
        if self.commits.len() < MAX_CAPTURES {
            let commit = String::from_utf8_lossy(commit).into_owned();
            *self.commits.entry(commit).or_default() += 1;
        }
        true
    }

    /// `rustc-1.63.0/library/` (Debian), `rustc-1.75.0-src/library/` (ports), `…/src/libcore/`
    /// (before 1.47).
    fn note_source(&mut self, after: &[u8]) -> bool {
        let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        let minor = digits(after);
        let Some(b'.') = after.get(minor) else { return false };
        let patch = digits(&after[minor + 1..]);
        let end = minor + 1 + patch;
        if minor == 0 || minor > 4 || patch == 0 || patch > 3 {
            return false;
        }
        let rest = &after[end..];
        let rest = rest.strip_prefix(b"-src").unwrap_or(rest);
        if ![&b"/library/"[..], b"/src/lib", b"\\library\\"]
            .iter()
            .any(|path| rest.starts_with(path))
        {
            return false;
        }
        if self.source_versions.len() < MAX_CAPTURES {
            self.source_versions.insert(format!("1.{}", String::from_utf8_lossy(&after[..end])));
        }
        true
    }

    /// A string of `.comment`, for files whose section headers are gone: it ends with a NUL and
    /// starts behind one.
    fn note_comment(&mut self, before: &[u8], after: &[u8]) -> bool {
        let Some(end) = memchr::memchr(0, &after[..after.len().min(64)]) else { return false };
        let Ok(rest) = std::str::from_utf8(&after[..end]) else { return false };
        let whole = rest.ends_with(')') && rest.contains(" (");
        if !whole || before.last().is_some_and(|&b| b != 0) {
            return false;
        }
        if self.comments.len() < MAX_CAPTURES {
            self.comments.insert(format!("1.{rest}"));
        }
        true
    }

    /// `OpenSSL 3.5.4 30 Sep 2025`: OPENSSL_VERSION_TEXT, which only libcrypto itself holds.
    fn note_openssl(&mut self, after: &[u8]) -> bool {
        let line = &after[..after.len().min(32)];
        let Some(line) = memchr::memchr(0, line).map(|end| &line[..end]) else { return false };
        let Ok(line) = std::str::from_utf8(line) else { return false };
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [version, day, month, year] = words.as_slice() else { return false };
        let number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        if !version.contains('.') || !number(day) || month.len() != 3 || !number(year) {
            return false;
        }
        self.openssl.get_or_insert_with(|| line.to_string());
        true
    }
}

/// What the sorted `(offset, size)` leave of `0..length`.
pub(crate) fn complement(skipped: &[(u64, u64)], length: usize) -> Vec<Range<usize>> {
    let clip = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(length);
    let mut ranges = Vec::new();
    let mut from = 0;
    for &(offset, size) in skipped {
        let (start, end) = (clip(offset), clip(offset.saturating_add(size)));
        if start > from {
            ranges.push(from..start);
        }
        from = from.max(end);
    }
    if from < length {
        ranges.push(from..length);
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> FoundStrings {
        FoundStrings::read(bytes, std::slice::from_ref(&(0..bytes.len())))
    }

    #[test]
    fn commits_are_forty_hex_digits_with_a_separator_behind() {
        let commit = "59807616e1fa2540724bfbac14d7976d7e4a3860";
        for separator in ["/", "\\"] {
            let bytes = format!("x/rustc/{commit}{separator}library{separator}core");
            assert_eq!(text(bytes.as_bytes()).commits.get(commit), Some(&1));
        }
        for wrong in
            [format!("/rustc/{commit}"), format!("/rustc/{commit}0/"), "/rustc/".to_string()]
        {
            assert!(text(wrong.as_bytes()).commits.is_empty(), "{wrong}");
        }
    }

    #[test]
    fn distribution_sources_name_a_version() {
        for (path, version) in [
            ("/usr/src/rustc-1.63.0/library/core/src/lib.rs", Some("1.63.0")),
            ("/build/rustc-1.75.0-src/library/std", Some("1.75.0")),
            ("/build/rustc-1.27.0/src/libcore/x.rs", Some("1.27.0")),
            ("rustc-1.100.2/library/", Some("1.100.2")),
            ("rustc-1.75.0.tar.gz", None),
            ("rustc-1.", None),
        ] {
            let text = text(path.as_bytes());
            assert_eq!(text.source_versions.first().map(String::as_str), version, "{path}");
        }
    }

    #[test]
    fn a_comment_stands_between_nuls() {
        assert!(
            text(b"\0rustc version 1.95.0 (59807616e 2026-04-14)\0")
                .has(StringSignature::RustcVersion)
        );
        assert!(!text(b"expected rustc version 1.95.0 (x)\0").has(StringSignature::RustcVersion));
    }

    #[test]
    fn openssl_is_a_version_with_its_date() {
        let found = text(b"OpenSSL 3.5.4 30 Sep 2025\0");
        assert_eq!(found.openssl.as_deref(), Some("3.5.4 30 Sep 2025"));
        assert!(!text(b"OpenSSL is not used here\0").has(StringSignature::OpenSsl));
    }
}
