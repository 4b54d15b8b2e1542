use crate::provenance::build_facts::SELF_ATTESTED;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_RECORD, Need, Needs, Outcome, Rule, Status,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "unknown-builder",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the record was made by a builder that you do not trust",
    what: "The builder in the record must be one of `builders` under `[expect]` in binlint.toml. \
           If that is not set, the rule accepts only the identity that this tool itself writes. \
           That identity stands for a build that attests itself.",
    why: "A record is worth as much as the builder that wrote it. A record of a builder that you \
           do not trust proves nothing.",
    fix: "List the builders that you trust: `builders = [\"…\"]` under `[expect]` in binlint.toml.",
    no_fix_line: Some("whether to trust a builder is your decision"),
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/provenance#builder.id"],
    check: CheckFn::Facts(Needs::new(&[Need::Record], &[Need::Expectations]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(record) = &facts.record else {
        return Outcome::not_applicable(NO_RECORD);
    };
    let builder = record.provenance.run_details.builder.id.as_str();
    let trusted = &facts.expectations.builders;
    let own = [SELF_ATTESTED.to_owned()];
    let trusted = if trusted.is_empty() { own.as_slice() } else { trusted.as_slice() };
    if trusted.iter().any(|known| known == builder) {
        return Outcome::pass(format!("trusted builder {builder:?}"));
    }
    let place = Location::File { path: record.origin.clone(), line: None };
    Finding::new(place, format!("the builder {builder:?} is not trusted"))
        .evidence(format!("trusted: {}", trusted.join(", ")))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::record::RecordFacts;
    use crate::subject::Expectations;

    fn of(builder: &str, trusted: &[&str]) -> Outcome {
        let mut record = RecordFacts::default();
        record.provenance.run_details.builder.id = builder.to_owned();
        let builders = trusted.iter().map(|it| (*it).to_owned()).collect();
        let expectations = Expectations { builders, ..Expectations::default() };
        check(&Facts { record: Some(record), expectations, ..Facts::default() })
    }

    #[test]
    fn without_a_policy_only_the_build_itself_is_known() {
        assert_eq!(of(SELF_ATTESTED, &[]).name(), "pass");
        assert_eq!(of("https://forge.example/runner", &[]).findings().len(), 1);
        assert_eq!(of("", &[]).findings().len(), 1);
    }

    #[test]
    fn a_policy_replaces_the_default() {
        assert_eq!(
            of("https://forge.example/runner", &["https://forge.example/runner"]).name(),
            "pass"
        );
        assert_eq!(of(SELF_ATTESTED, &["https://forge.example/runner"]).findings().len(), 1);
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
    }
}
