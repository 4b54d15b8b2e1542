use crate::facts::{Binary, Build};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "feature-mismatch",
    group: Group::Freshness,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program was compiled without a feature that the manifest turns on",
    what: "The features in the fingerprint of the unit that made the program against those that \
           cargo resolves for its package. More features are no finding: the command may have asked \
           for them.",
    why: "A feature was made a default and the program was not built again, or another build with \
          other features was copied: the program starts, and what the feature brings is missing.",
    fix: "Build with the features spelled out, and copy that build's output.",
    symptoms: &[Symptom::Behaviour("a feature is on in the manifest and off in the program")],
    references: &["https://doc.rust-lang.org/cargo/reference/features.html", "docs/freshness.md"],
    check: Check::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    let unit = build.freshness.program().and_then(|program| program.unit.as_ref());
    let Some(unit) = unit else {
        return Outcome::open("no unit of the program is known");
    };
    let compiled = match &unit.fingerprint {
        Ok(fingerprint) => &fingerprint.features,
        Err(why) => return Outcome::open(why.clone()),
    };
    let Some(wanted) = &build.features else {
        return Outcome::open("cargo knows no dependency graph to resolve features by");
    };
    let missing: Vec<&str> =
        wanted.iter().filter(|it| !compiled.contains(it)).map(String::as_str).collect();
    if missing.is_empty() {
        return Outcome::Pass;
    }
    let shown = |features: &[String]| match features {
        [] => "none".to_owned(),
        features => features.join(", "),
    };
    let message = format!("it was compiled without `{}`", missing.join("`, `"));
    let path = build.package.manifest.display().to_string();
    Finding::new(Location::File { path, line: None }, message)
        .evidence(format!("compiled with: {}", shown(compiled)))
        .evidence(format!("resolved by cargo: {}", shown(wanted)))
        .fix(crate::facts::build::healing::build_command(build))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::build::crate_state::Role;
    use crate::facts::build::test_support::{build_of, state};

    fn outcome(compiled: &[&str], wanted: &[&str]) -> Outcome {
        let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mut program = state(Role::Program);
        let unit = program.unit.as_mut().unwrap();
        unit.fingerprint.as_mut().unwrap().features = list(compiled);
        let mut build = build_of(vec![program]);
        build.features = Some(list(wanted));
        check(&Binary::default(), &build)
    }

    #[test]
    fn a_missing_feature_is_named_and_more_are_allowed() {
        let missing = outcome(&["default"], &["default", "tls"]);
        assert!(missing.findings()[0].message.contains("without `tls`"));
        assert_eq!(outcome(&["default", "tls", "extra"], &["default", "tls"]), Outcome::Pass);
    }

    #[test]
    fn without_unit_or_graph_it_is_open() {
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
        let graphless = build_of(vec![state(Role::Program)]);
        assert!(matches!(check(&Binary::default(), &graphless), Outcome::Open(_)));
    }
}
