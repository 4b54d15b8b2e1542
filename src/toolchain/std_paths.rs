//! The paths that the standard library's sources have in programs, by release and distributor.

use memchr::memmem;

/// What the standard library was itself built from, in any release: where its own build used the
/// same cargo home as everybody's (before 1.70), nothing else tells its copies from the program's.
pub const OF_STD: &[&str] = &[
    "addr2line",
    "adler",
    "adler2",
    "allocator-api2",
    "backtrace",
    "backtrace-sys",
    "cfg-if",
    "compiler_builtins",
    "dlmalloc",
    "fortanix-sgx-abi",
    "getopts",
    "gimli",
    "hashbrown",
    "hermit-abi",
    "libc",
    "memchr",
    "miniz_oxide",
    "object",
    "r-efi",
    "rustc-demangle",
    "std_detect",
    "unicode-width",
    "unwinding",
    "wasi",
];

/// The cargo homes of the machines that build Rust's releases.
pub const RELEASE_HOMES: &[&str] = &[
    "/cargo/registry/",
    "/Users/runner/.cargo/registry/",
    "/Users/travis/.cargo/registry/",
    "C:/Users/runneradmin/.cargo/registry/",
    "C:/Users/VssAdministrator/.cargo/registry/",
    "C:/Users/appveyor/.cargo/registry/",
];

/// The layouts that rustc's releases and the distributions give the standard library and what it
/// is built from.
pub fn is_of_std(path: &str) -> bool {
    path.starts_with("/rustc/")
        || path.starts_with("/rust/deps/")
        || path.contains("/rustlib/src/rust/")
        || path
            .split('/')
            .any(|part| part.strip_prefix("rustc-").is_some_and(|rest| rest.starts_with("1.")))
}

/// `NAME-VERSION` of a path without a cargo home: `/cargo/registry/<16 hex>/NAME-VERSION/…` and
/// `/cargo/deps/NAME-VERSION/…`. The standard library has the first from 1.100, any program that is
/// built with `trim-paths` has both from 1.101.
pub fn trimmed_package(path: &str) -> Option<&str> {
    let rest = match path.strip_prefix("/cargo/registry/") {
        Some(rest) => rest.split_once('/').filter(|(hash, _)| is_hash(hash))?.1,
        None => path.strip_prefix("/cargo/deps/")?,
    };
    Some(rest.split_once('/')?.0)
}

/// Sixteen hex digits.
pub fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Where std's own sources lie: under rustc's commit, in a distribution's copy or in rust-src; and
/// those of the crates that std is built of.
pub fn may_be_of_std(path: &str) -> bool {
    path.starts_with("library/")
        || ["/library/", "/rustc/", "/rustc-", "/rust/deps/"].iter().any(|part| path.contains(part))
        || path.split('/').any(|part| {
            let is_crate =
                |name: &&str| part.strip_prefix(*name).is_some_and(|rest| rest.starts_with('-'));
            STD_CRATES.iter().any(is_crate)
        })
}

/// The crates of std's own lock file that have panics.
const STD_CRATES: &[&str] = &[
    "addr2line",
    "adler",
    "adler2",
    "backtrace",
    "compiler_builtins",
    "gimli",
    "hashbrown",
    "libc",
    "memchr",
    "miniz_oxide",
    "object",
    "rustc-demangle",
    "unwinding",
];

/// `/rustc/<commit>/`, as the paths of the standard library in a program begin.
pub fn commit_directory(program: &[u8]) -> Option<&[u8]> {
    const BEFORE: &[u8] = b"/rustc/";
    memmem::find_iter(program, BEFORE).find_map(|at| {
        let name = program.get(at..at + BEFORE.len() + 41)?;
        let (commit, end) = name[BEFORE.len()..].split_at(40);
        (commit.iter().all(u8::is_ascii_hexdigit) && end == b"/").then_some(name)
    })
}
