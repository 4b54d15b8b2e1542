use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom, settle,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "unexpected-allocator",
    aliases: &[],
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary uses another allocator than expected",
    what: "The texts and symbols of the binary show its allocator. The rule compares it with \
           `allocator` under `[expect]` in binlint.toml.",
    why: "Memory use, latency and profiling tools depend on the allocator. If a feature or a `cfg` \
           removes it, nobody notices before production.",
    fix: "Look at the `#[global_allocator]` and the `cfg` and features around it, and build with \
           them.",
    no_fix_line: Some("only the sources say which feature or `cfg` selects the allocator"),
    symptoms: &[Symptom::Behaviour("memory use or latency differ from the same code elsewhere")],
    references: &["https://doc.rust-lang.org/std/alloc/index.html#the-global_allocator-attribute"],
    check: CheckFn::Facts(Needs::new(&[Need::Expectations, Need::Binary], &[]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(expected) = &facts.expectations.allocator else {
        return Outcome::not_applicable("`[expect] allocator` is not set");
    };
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    match &binary.allocator.value {
        None => Outcome::open(binary.allocator.evidence.clone(), settle::BY_ALLOCATOR),
        Some(seen) if seen.eq_ignore_ascii_case(expected) => {
            Outcome::pass(format!("allocator: {seen}, as expected"))
        }
        Some(seen) => Finding::new(
            Location::Subject,
            format!("the binary uses {seen}, but {expected} is expected"),
        )
        .evidence(format!("in the binary: {}", binary.allocator.evidence))
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::fact::Fact;
    use crate::subject::Expectations;

    #[test]
    fn only_an_expectation_can_be_missed() {
        let outcome = |expected: Option<&str>, allocator: Fact<String>| {
            let expectations =
                Expectations { allocator: expected.map(str::to_owned), ..Expectations::default() };
            let binary = Some(Binary { allocator, ..Binary::default() });
            check(&Facts { binary, expectations, ..Facts::default() }).name()
        };
        let seen = || Fact::high("jemalloc".to_owned(), "text");
        assert_eq!(outcome(None, seen()), "not-applicable");
        assert_eq!(outcome(Some("jemalloc"), seen()), "pass");
        assert_eq!(outcome(Some("mimalloc"), seen()), "fail");
        assert_eq!(outcome(Some("mimalloc"), Fact::default()), "open");
    }
}
