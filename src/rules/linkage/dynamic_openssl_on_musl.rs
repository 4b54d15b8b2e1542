use crate::binary::Binary;
use crate::binary::{Format, Kind};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "dynamic-openssl-on-musl",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a program without a loader needs shared libraries",
    what: "A program without `PT_INTERP` should have no `DT_NEEDED`: nothing loads what it needs. \
           It comes about when a static musl program is linked with a dynamic OpenSSL of Alpine.",
    why: "The first call into the library jumps to address zero: SIGSEGV before any log, exit \
           code 139.",
    fix: "Link the library in (`openssl = { features = [\"vendored\"] }`, rustls), or link musl \
           dynamically: `RUSTFLAGS=\"-C target-feature=-crt-static\"`.",
    symptoms: &[Symptom::ExitCode(139), Symptom::Silence],
    references: &[
        "https://github.com/rust-lang/rust/issues/106982",
        "https://github.com/rust-openssl/rust-openssl/issues/1462",
    ],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    if binary.format != Some(Format::Elf) || binary.kind != Kind::Executable {
        return Outcome::not_applicable("not an ELF program");
    }
    if binary.interpreter.is_some() {
        return Outcome::not_applicable("the program has a loader");
    }
    if binary.needed.is_empty() {
        return Outcome::Pass;
    }
    let openssl = |name: &&String| name.starts_with("libssl") || name.starts_with("libcrypto");
    let fix = if binary.needed.iter().any(|name| openssl(&name)) {
        "cargo add openssl --features vendored"
    } else {
        "RUSTFLAGS=\"-C target-feature=-crt-static\" cargo build --release"
    };
    Finding::new(
        Location::Dynamic("DT_NEEDED"),
        format!("nothing loads {}: the program has no loader", binary.needed.join(", ")),
    )
    .evidence("PT_DYNAMIC with DT_NEEDED, and no PT_INTERP")
    .fix(fix)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_without_a_loader_fail() {
        let with = |needed: &[&str], interpreter: Option<&str>| Binary {
            format: Some(Format::Elf),
            kind: Kind::Executable,
            needed: needed.iter().map(|name| (*name).to_owned()).collect(),
            interpreter: interpreter.map(str::to_owned),
            ..Binary::default()
        };
        let broken = check(&with(&["libssl.so.3"], None));
        assert_eq!(
            broken.findings()[0].fix.as_deref(),
            Some("cargo add openssl --features vendored")
        );
        assert_eq!(check(&with(&[], None)), Outcome::Pass);
        assert_eq!(check(&with(&["libssl.so.3"], Some("/lib/ld.so"))).name(), "not-applicable");
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
