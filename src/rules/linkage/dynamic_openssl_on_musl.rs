use crate::binary::Binary;
use crate::binary::{BinaryFormat, BinaryKind};
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, arch_of,
};

pub static RULE: Rule = Rule {
    id: "dynamic-openssl-on-musl",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a binary without a loader needs shared libraries",
    what: "A binary without `PT_INTERP` must have no `DT_NEEDED`: nothing loads the libraries that \
           it names. This happens when a static musl binary is linked with the shared OpenSSL of \
           Alpine.",
    why: "The first call into the library jumps to address zero: SIGSEGV before any log line, exit \
           code 139.",
    fix: "Link the library statically (`openssl = { features = [\"vendored\"] }`, or rustls), or \
           link musl dynamically: `RUSTFLAGS=\"-C target-feature=-crt-static\"`.",
    no_fix_line: None,
    symptoms: &[Symptom::ExitCode(139), Symptom::Silence],
    references: &[
        "https://github.com/rust-lang/rust/issues/106982",
        "https://github.com/rust-openssl/rust-openssl/issues/1462",
    ],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    if binary.format != Some(BinaryFormat::Elf) || binary.kind != BinaryKind::Executable {
        return Outcome::not_applicable("the file is not an ELF executable");
    }
    if binary.interpreter.is_some() {
        return Outcome::not_applicable("the binary has a loader");
    }
    if binary.needed.is_empty() {
        return Outcome::pass("the binary has no loader and needs no library");
    }
    let openssl = |name: &&String| name.starts_with("libssl") || name.starts_with("libcrypto");
    let fix = if binary.needed.iter().any(|name| openssl(&name)) {
        "cargo add openssl --features vendored".to_owned()
    } else {
        format!(
            "RUSTFLAGS=\"-C target-feature=-crt-static\" cargo build --release --target {}-unknown-linux-musl",
            arch_of(binary)
        )
    };
    Finding::new(
        Location::Dynamic("DT_NEEDED"),
        format!("nothing loads {}: the binary has no loader", binary.needed.join(", ")),
    )
    .evidence("DT_NEEDED is set, but there is no PT_INTERP")
    .fix_for(binary, fix, "link the libraries statically, or link without -static")
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_without_a_loader_fail() {
        let with = |needed: &[&str], interpreter: Option<&str>| Binary {
            format: Some(BinaryFormat::Elf),
            kind: BinaryKind::Executable,
            needed: needed.iter().map(|name| (*name).to_owned()).collect(),
            interpreter: interpreter.map(str::to_owned),
            ..Binary::default()
        };
        let broken = check(&with(&["libssl.so.3"], None));
        assert_eq!(
            broken.findings()[0].fix.as_deref(),
            Some("cargo add openssl --features vendored")
        );
        assert_eq!(check(&with(&[], None)).name(), "pass");
        assert_eq!(check(&with(&["libssl.so.3"], Some("/lib/ld.so"))).name(), "not-applicable");
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
