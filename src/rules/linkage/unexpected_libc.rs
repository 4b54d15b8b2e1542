use crate::binary::{LibcName, Linkage};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "unexpected-libc",
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program is linked against another C library than was asked for",
    what: "With `libc` in the configuration or a `--target` that names one, the program should be \
           linked that way: `glibc-dynamic`, `glibc-static`, `musl-dynamic` or `musl-static`.",
    why: "A static program runs in any image, a dynamic one only where its loader and libraries \
           are. Some targets and distributions change the default: Alpine's own rustc makes \
           dynamic musl programs, and rustc will.",
    fix: "Say it: `RUSTFLAGS=\"-C target-feature=+crt-static\"` or `-crt-static`, with the \
           target named.",
    symptoms: &[],
    references: &[
        "https://github.com/rust-lang/compiler-team/issues/422",
        "https://doc.rust-lang.org/reference/linkage.html",
    ],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(expected) = expected(facts) else {
        return Outcome::not_applicable("no C library was asked for");
    };
    let Some(binary) = &facts.binary else {
        return Outcome::not_applicable("no program was given");
    };
    let (Some(name), Some(linkage)) = (binary.libc.name.value, binary.libc.linkage) else {
        return Outcome::open(format!("which C library: {}", binary.libc.name.evidence));
    };
    let name = match name {
        LibcName::Glibc => "glibc",
        LibcName::Musl => "musl",
        _ => "another C library",
    };
    let linkage = match linkage {
        Linkage::Dynamic => "dynamic",
        Linkage::Static => "static",
    };
    let is = format!("{name}-{linkage}");
    if is == expected {
        return Outcome::Pass;
    }
    let fix = match expected.as_str() {
        "musl-static" => {
            "RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build --release --target x86_64-unknown-linux-musl"
        }
        "musl-dynamic" => {
            "RUSTFLAGS=\"-C target-feature=-crt-static\" cargo build --release --target x86_64-unknown-linux-musl"
        }
        "glibc-static" => {
            "RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build --release --target x86_64-unknown-linux-gnu"
        }
        _ => "cargo build --release --target x86_64-unknown-linux-gnu",
    };
    Finding::new(Location::Subject, format!("the program is {is}, and {expected} was asked for"))
        .evidence(binary.libc.name.evidence.clone())
        .fix(fix)
        .into()
}

/// What the user said.
fn expected(facts: &Facts) -> Option<String> {
    facts.policy.libc.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::Libc;
    use crate::fact::Fact;
    use crate::subject::Policy;

    #[test]
    fn what_was_asked_for_is_compared() {
        let facts = |expected: Option<&str>| Facts {
            binary: Some(Binary {
                libc: Libc {
                    name: Fact::certain(LibcName::Glibc, "PT_INTERP"),
                    linkage: Some(Linkage::Dynamic),
                    ..Libc::default()
                },
                ..Binary::default()
            }),
            policy: Policy { libc: expected.map(str::to_owned), ..Policy::default() },
            ..Facts::default()
        };
        assert_eq!(check(&facts(Some("glibc-dynamic"))), Outcome::Pass);
        assert_eq!(check(&facts(Some("musl-static"))).findings().len(), 1);
        assert_eq!(check(&facts(None)).name(), "not-applicable");
    }
}
