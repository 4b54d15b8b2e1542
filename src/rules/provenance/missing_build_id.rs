use crate::binary::Binary;
use crate::binary::BinaryFormat;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "missing-build-id",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary has no build-id",
    what: "An ELF binary must have the note `NT_GNU_BUILD_ID`, a Mach-O binary `LC_UUID`.",
    why: "Without a build-id nobody can tell which debug information and which crash dump belong \
           to a stripped binary.",
    fix: "Request one from the linker: `RUSTFLAGS=\"-C link-arg=-Wl,--build-id=sha1\" cargo build \
           --release`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["ld(1)", "https://fedoraproject.org/wiki/Releases/FeatureBuildId"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match (binary.format, &binary.build_id) {
        (_, Some(id)) => Outcome::pass(format!("build-id {id}")),
        (Some(BinaryFormat::Elf | BinaryFormat::MachO), None) => {
            Finding::new(Location::Subject, "the binary has no build-id")
                .fix_for(
                    binary,
                    "RUSTFLAGS=\"-C link-arg=-Wl,--build-id=sha1\" cargo build --release",
                    "link with -Wl,--build-id=sha1",
                )
                .into()
        }
        (_, None) => Outcome::not_applicable("the file format has no build-id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elf_file_without_one_fails() {
        let of = |format, build_id: Option<&str>| {
            let build_id = build_id.map(str::to_owned);
            check(&Binary { format, build_id, ..Binary::default() })
        };
        assert_eq!(of(Some(BinaryFormat::Elf), Some("ab")).name(), "pass");
        assert_eq!(of(Some(BinaryFormat::Elf), None).findings().len(), 1);
        assert!(matches!(of(Some(BinaryFormat::Wasm), None), Outcome::NotApplicable(_)));
    }
}
