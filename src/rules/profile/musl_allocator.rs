use crate::binary::Binary;
use crate::binary::LibcName;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "musl-allocator",
    aliases: &[],
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "threads share musl's allocator, which has one lock",
    what: "The rule fails if a binary uses musl, contains a crate that runs threads, and has no \
           allocator of its own.",
    why: "All threads wait for the one lock of musl's allocator. Measured binaries were two to \
           fifty times slower than with glibc.",
    fix: "Give the binary an allocator: `mimalloc` or `tikv-jemallocator` as \
           `#[global_allocator]`, with `#[cfg(target_env = \"musl\")]` if other targets should \
           keep theirs.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("slow on many cores, but fast with glibc")],
    references: &[
        "https://github.com/rust-lang/rust/issues/70108",
        "https://github.com/web-infra-dev/rspack/issues/6072",
    ],
    check: CheckFn::Binary(check),
};

/// Crates whose purpose is to run work on several threads.
const THREADED: &[&str] = &[
    "actix-rt",
    "async-global-executor",
    "async-std",
    "crossbeam-deque",
    "hyper",
    "rayon",
    "rayon-core",
    "smol",
    "threadpool",
    "tokio",
];

/// What a program says that brought no allocator.
const SYSTEM: &[&str] = &["system", "musl", "libc"];

fn check(binary: &Binary) -> Outcome {
    match binary.libc.name.value {
        None => return Outcome::open(binary.libc.name.evidence.clone(), settle::BY_HEADER),
        Some(LibcName::Musl | LibcName::OhosMusl) => {}
        Some(_) => return Outcome::not_applicable("the C library is not musl"),
    }
    match &binary.allocator.value {
        None => return Outcome::open(binary.allocator.evidence.clone(), settle::BY_ALLOCATOR),
        Some(name) if SYSTEM.contains(&name.as_str()) => {}
        Some(name) => return Outcome::pass(format!("allocator: {name}")),
    }
    let Some(threaded) = binary.crates.iter().find(|it| THREADED.contains(&it.name.as_str()))
    else {
        return Outcome::open(
            "no crate that runs threads was found in the binary",
            "look for one in `cargo tree`",
        );
    };
    Finding::new(Location::Subject, "threads use musl's own allocator")
        .evidence(format!("{} {} is in the binary", threaded.name, threaded.version))
        .evidence(format!("allocator: {}", binary.allocator.evidence))
        .fix("#[global_allocator] static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{CrateSource, Libc, NamedCrate};
    use crate::fact::Fact;

    #[test]
    fn threads_on_musls_own_allocator_fail() {
        let outcome = |libc, allocator: &str, name: &str| {
            let libc = Libc { name: Fact::certain(libc, "interpreter"), ..Libc::default() };
            let from = CrateSource::PanicPath;
            let found = NamedCrate { name: name.to_owned(), version: "1.0.0".to_owned(), from };
            let allocator = Fact::high(allocator.to_owned(), "text");
            check(&Binary { libc, allocator, crates: vec![found], ..Binary::default() }).name()
        };
        assert_eq!(outcome(LibcName::Musl, "system", "tokio"), "fail");
        assert_eq!(outcome(LibcName::Musl, "mimalloc", "tokio"), "pass");
        assert_eq!(outcome(LibcName::Musl, "system", "clap"), "open");
        assert_eq!(outcome(LibcName::Glibc, "system", "tokio"), "not-applicable");
        assert_eq!(check(&Binary::default()).name(), "open");
    }
}
