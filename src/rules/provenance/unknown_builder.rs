use crate::provenance::build_facts::SELF_ATTESTED;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "unknown-builder",
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the record was made by a builder that is not trusted here",
    what: "The record's builder identity is looked for among the builders that the configuration names. \
           Where it names none, only the identity that this program itself writes is taken: the build \
           that vouches for itself.",
    why: "Who built decides how much a record is worth; an identity that nobody agreed on is worth nothing.",
    fix: "Name the builders that you trust: `builders = [\"…\"]` under `[expect]` of the configuration.",
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/provenance#builder.id"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(record) = &facts.record else {
        return Outcome::not_applicable("no record was given");
    };
    let builder = record.provenance.run_details.builder.id.as_str();
    let trusted = &facts.policy.builders;
    let own = [SELF_ATTESTED.to_owned()];
    let trusted = if trusted.is_empty() { own.as_slice() } else { trusted.as_slice() };
    if trusted.iter().any(|known| known == builder) {
        return Outcome::Pass;
    }
    let place = Location::File { path: record.origin.clone(), line: None };
    Finding::new(place, format!("the record was made by the builder {builder:?}"))
        .evidence(format!("trusted: {}", trusted.join(", ")))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::record::Record;
    use crate::subject::Policy;

    fn of(builder: &str, trusted: &[&str]) -> Outcome {
        let mut record = Record::default();
        record.provenance.run_details.builder.id = builder.to_owned();
        let builders = trusted.iter().map(|it| (*it).to_owned()).collect();
        let policy = Policy { builders, ..Policy::default() };
        check(&Facts { record: Some(record), policy, ..Facts::default() })
    }

    #[test]
    fn without_a_policy_only_the_build_itself_is_known() {
        assert_eq!(of(SELF_ATTESTED, &[]), Outcome::Pass);
        assert_eq!(of("https://forge.example/runner", &[]).findings().len(), 1);
        assert_eq!(of("", &[]).findings().len(), 1);
    }

    #[test]
    fn a_policy_replaces_the_default() {
        assert_eq!(
            of("https://forge.example/runner", &["https://forge.example/runner"]),
            Outcome::Pass
        );
        assert_eq!(of(SELF_ATTESTED, &["https://forge.example/runner"]).findings().len(), 1);
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
    }
}
