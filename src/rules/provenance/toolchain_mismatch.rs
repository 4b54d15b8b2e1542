use crate::binary::Binary;
use crate::provenance::record::{RecordFacts, RecordPart};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "toolchain-mismatch",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the toolchain is not the one that the record names",
    what: "The rule compares the compiler that the binary names with the recorded `rustc -vV`. If \
           a workspace is given, it also compares the toolchain, linker, C library and \
           distribution of this machine with the record.",
    why: "Another compiler or C library builds another binary. A rebuild here would not give the \
           recorded one.",
    fix: "Pin the toolchain in `rust-toolchain.toml`, pin the image of the build stage by digest, \
           and verify in the stage that builds.",
    no_fix_line: Some(
        "the recorded toolchain has to be installed, or the verification moved to \
           the machine that has it",
    ),
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/provenance#internalParameters"],
    check: CheckFn::Record(check),
};

fn check(binary: &Binary, record: &RecordFacts) -> Outcome {
    let place = || Location::File { path: record.origin.clone(), line: None };
    let mut findings: Vec<Finding> = Vec::new();
    let recorded = record.parameter("rustc").and_then(|words| {
        words.lines().find_map(|line| line.strip_prefix("release: ")).map(str::trim)
    });
    let inside = binary.rustc.version.as_deref();
    if let (Some(recorded), Some(inside)) = (recorded, inside)
        && recorded != inside
    {
        let message =
            format!("the binary was compiled by rustc {inside}, but the record names {recorded}");
        let mut finding =
            Finding::new(Location::Subject, message).fix("cargo binlint build --release");
        finding.evidence.extend(binary.rustc.evidence.iter().cloned());
        findings.push(finding);
    }
    let differences = record.differing(RecordPart::Toolchain);
    if differences.is_none() && (recorded.is_none() || inside.is_none()) {
        return Outcome::not_applicable("neither a workspace nor the binary names a toolchain");
    }
    for difference in differences.into_iter().flatten() {
        let message = "this machine has another toolchain than the record";
        findings.push(Finding::new(place(), message).evidence(difference.to_string()));
    }
    Outcome::of(findings, "the toolchain is that of the record")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::RustcEvidence;
    use crate::provenance::record::FieldDifference;
    use serde_json::json;

    #[test]
    fn the_program_s_own_word_is_weighed() {
        let of = |version: &str| {
            let rustc =
                RustcEvidence { version: Some(version.to_owned()), ..RustcEvidence::default() };
            let mut record = RecordFacts::default();
            let parameters = &mut record.provenance.build_definition.internal_parameters;
            parameters.insert("rustc".into(), json!("rustc 1.95.0\nrelease: 1.95.0\n"));
            check(&Binary { rustc, ..Binary::default() }, &record)
        };
        assert_eq!(of("1.95.0").name(), "pass");
        assert_eq!(of("1.94.1").findings().len(), 1);
    }

    #[test]
    fn another_machine_is_named_field_by_field() {
        let difference = |name: &str| FieldDifference {
            field: format!("buildDefinition.internalParameters.{name}"),
            recorded: Some("a".into()),
            now: Some("b".into()),
            doubt: None,
        };
        let fields = vec![difference("linker"), difference("resolvedProfile.lto")];
        let record = RecordFacts { differences: Some(fields), ..RecordFacts::default() };
        assert_eq!(check(&Binary::default(), &record).findings().len(), 1);
        let nothing = check(&Binary::default(), &RecordFacts::default());
        assert!(matches!(nothing, Outcome::NotApplicable(_)));
    }
}
