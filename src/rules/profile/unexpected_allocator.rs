use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "unexpected-allocator",
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the program allocates with another allocator than expected",
    what: "Compares the allocator whose text or symbols are in the program with the one that the \
           configuration expects (`expect.allocator`).",
    why: "Memory use, latency and the tools that profile them all hang on the allocator; one that a \
          feature or a `cfg` quietly left out is noticed only in production.",
    fix: "Look at the `#[global_allocator]` and at the `cfg` and features around it, and build with \
          them.",
    symptoms: &[Symptom::Behaviour("memory use or latency differ from the same code elsewhere")],
    references: &["https://doc.rust-lang.org/std/alloc/index.html#the-global_allocator-attribute"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(expected) = &facts.policy.allocator else {
        return Outcome::not_applicable("no allocator is expected");
    };
    let Some(binary) = &facts.binary else {
        return Outcome::not_applicable("no program was given");
    };
    match &binary.allocator.value {
        None => Outcome::open(binary.allocator.evidence.clone()),
        Some(seen) if seen.eq_ignore_ascii_case(expected) => Outcome::Pass,
        Some(seen) => Finding::new(
            Location::Subject,
            format!("the program allocates with {seen}, but {expected} is expected"),
        )
        .evidence(format!("in the program: {}", binary.allocator.evidence))
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::fact::Fact;
    use crate::subject::Policy;

    #[test]
    fn only_an_expectation_can_be_missed() {
        let outcome = |expected: Option<&str>, allocator: Fact<String>| {
            let policy = Policy { allocator: expected.map(str::to_owned), ..Policy::default() };
            let binary = Some(Binary { allocator, ..Binary::default() });
            check(&Facts { binary, policy, ..Facts::default() }).name()
        };
        let seen = || Fact::high("jemalloc".to_owned(), "text");
        assert_eq!(outcome(None, seen()), "not-applicable");
        assert_eq!(outcome(Some("jemalloc"), seen()), "pass");
        assert_eq!(outcome(Some("mimalloc"), seen()), "fail");
        assert_eq!(outcome(Some("mimalloc"), Fact::default()), "open");
    }
}
