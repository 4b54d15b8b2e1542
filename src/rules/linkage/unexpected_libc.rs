use crate::binary::{LibcName, Linkage};
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    arch_of,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "unexpected-libc",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is linked with another C library than expected",
    what: "If binlint.toml has `libc` under `[expect]` or `[expect.TRIPLE]`, the binary must be \
           linked that way: `glibc-dynamic`, `glibc-static`, `musl-dynamic` or `musl-static`.",
    why: "A static binary runs in any image, a dynamic one only in an image that has its loader \
           and libraries. Some targets and distributions have other defaults: Alpine's own rustc \
           builds dynamic musl binaries, and rustc's default for musl will change.",
    fix: "Set the linkage explicitly: `RUSTFLAGS=\"-C target-feature=+crt-static\"` or \
           `-crt-static`, together with `--target`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://github.com/rust-lang/compiler-team/issues/422",
        "https://doc.rust-lang.org/reference/linkage.html",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Expectations, Need::Binary], &[]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(expected) = expected(facts) else {
        return Outcome::not_applicable("`[expect] libc` is not set");
    };
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    let (Some(name), Some(linkage)) = (binary.libc.name.value, binary.libc.linkage) else {
        return Outcome::open(
            format!("the C library is not known ({})", binary.libc.name.evidence),
            "look at `readelf -d`",
        );
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
        return Outcome::pass(format!("linked with {is}, as expected"));
    }
    let arch = arch_of(binary);
    let target = |name: &str| format!("cargo build --release --target {arch}-unknown-linux-{name}");
    let crt_static = |sign: char| format!("RUSTFLAGS=\"-C target-feature={sign}crt-static\"");
    let fix = match expected.as_str() {
        "musl-static" => format!("{} {}", crt_static('+'), target("musl")),
        "musl-dynamic" => format!("{} {}", crt_static('-'), target("musl")),
        "glibc-static" => format!("{} {}", crt_static('+'), target("gnu")),
        _ => target("gnu"),
    };
    Finding::new(Location::Subject, format!("the binary is {is}, but {expected} is expected"))
        .evidence(binary.libc.name.evidence.clone())
        .fix_for(binary, fix, format!("link with {expected}"))
        .into()
}

/// What the user said.
fn expected(facts: &Facts) -> Option<String> {
    facts.expectations.libc.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::Libc;
    use crate::fact::Fact;
    use crate::subject::Expectations;

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
            expectations: Expectations {
                libc: expected.map(str::to_owned),
                ..Expectations::default()
            },
            ..Facts::default()
        };
        assert_eq!(check(&facts(Some("glibc-dynamic"))).name(), "pass");
        assert_eq!(check(&facts(Some("musl-static"))).findings().len(), 1);
        assert_eq!(check(&facts(None)).name(), "not-applicable");
    }
}
