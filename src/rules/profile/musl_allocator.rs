use crate::binary::Binary;
use crate::binary::LibcName;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "musl-allocator",
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    summary: "threads share musl's allocator, which has one lock",
    what: "Looks for a program that uses musl's C library, holds the code of a crate that runs \
           threads, and has no allocator of its own.",
    why: "musl's allocator serialises all threads: programs were measured two to fifty times slower \
          than with glibc.",
    fix: "Give the program an allocator: `mimalloc` or `tikv-jemallocator` as `#[global_allocator]`, \
          under `#[cfg(target_env = \"musl\")]` if the others keep theirs.",
    symptoms: &[Symptom::Behaviour("slow on many cores, where the same code on glibc is not")],
    references: &["rust 70108", "rspack 6072: 1.7 s became 6.4 s", "web-frameworks 4094"],
    check: Check::Binary(check),
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
        None => return Outcome::open(binary.libc.name.evidence.clone()),
        Some(LibcName::Musl | LibcName::OhosMusl) => {}
        Some(_) => return Outcome::not_applicable("the C library is not musl"),
    }
    match &binary.allocator.value {
        None => return Outcome::open(binary.allocator.evidence.clone()),
        Some(name) if SYSTEM.contains(&name.as_str()) => {}
        Some(_) => return Outcome::Pass,
    }
    let Some(threaded) = binary.crates.iter().find(|it| THREADED.contains(&it.name.as_str()))
    else {
        return Outcome::open("no crate that runs threads can be named in the program");
    };
    Finding::new(Location::Subject, "threads allocate with musl's own allocator")
        .evidence(format!("{} {} is in the program", threaded.name, threaded.version))
        .evidence(format!("allocator: {}", binary.allocator.evidence))
        .fix("#[global_allocator] static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{Crate, CrateSource, Libc};
    use crate::fact::Fact;

    #[test]
    fn threads_on_musls_own_allocator_fail() {
        let outcome = |libc, allocator: &str, name: &str| {
            let libc = Libc { name: Fact::certain(libc, "interpreter"), ..Libc::default() };
            let from = CrateSource::PanicPath;
            let found = Crate { name: name.to_owned(), version: "1.0.0".to_owned(), from };
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
