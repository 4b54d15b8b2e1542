//! That a program was rebuilt: a statement of its own, apart from the record of its build.
//!
//! in-toto's test-result predicate says what was tried with what and how it ended. Who says so is
//! stated by the signature around it and by nothing inside.

use serde_json::{Value, json};

use crate::cargo::rebuild::{Rebuild, RebuildOutcome};
use crate::cargo::workspace::RustcVersion;
use crate::provenance::statement::{ResourceDescriptor, STATEMENT_V1, Statement};

/// The predicate (in-toto attestation framework, `spec/predicates/test-result.md`).
pub const PREDICATE: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// What was tried.
const TEST: &str = "rebuild";

/// The statement about one program.
pub fn statement(
    name: &str,
    sha256: &str,
    rebuild: &Rebuild,
    rustc: &RustcVersion,
    lockfile: Option<&str>,
) -> Statement {
    let (result, list) = match rebuild.outcome {
        RebuildOutcome::Equal | RebuildOutcome::SameCode => ("PASSED", "passedTests"),
        RebuildOutcome::Different => ("FAILED", "failedTests"),
        RebuildOutcome::NotRepeatable | RebuildOutcome::NotPossible => ("WARNED", "warnedTests"),
    };
    let mut configuration = vec![json!({
        "name": env!("CARGO_PKG_NAME"),
        "annotations": {
            "version": env!("CARGO_PKG_VERSION"),
            "outcome": rebuild.outcome.name(),
            "reason": rebuild.reason,
            "compiled": rebuild.compiled,
        },
    })];
    configuration.push(json!({
        "name": "rustc",
        "annotations": { "version": rustc.version, "commit": rustc.commit, "host": rustc.host },
    }));
    if let Some(sha256) = lockfile {
        configuration.push(json!({ "name": "Cargo.lock", "digest": { "sha256": sha256 } }));
    }
    let mut predicate = json!({ "result": result, "configuration": configuration });
    predicate[list] = json!([TEST]);
    Statement {
        kind: STATEMENT_V1.to_owned(),
        subject: vec![ResourceDescriptor::named(name, sha256)],
        predicate_type: PREDICATE.to_owned(),
        predicate,
    }
}

/// What such a statement says of the program with this digest, in one line; `None` for another
/// statement, and for one about another program.
pub fn summary(statement: &Statement, sha256: &str) -> Option<String> {
    if statement.predicate_type != PREDICATE {
        return None;
    }
    statement.subject.iter().find(|it| it.sha256() == Some(sha256))?;
    let predicate = &statement.predicate;
    let lists = ["passedTests", "failedTests", "warnedTests"];
    let tried = lists.iter().filter_map(|list| predicate[*list].as_array()).flatten();
    tried.into_iter().find(|it| *it == TEST)?;
    let configuration = predicate["configuration"].as_array().map(Vec::as_slice);
    let named = |name: &str| {
        let all = configuration.unwrap_or_default().iter();
        all.into_iter().find(|it| it["name"] == name).map(|it| &it["annotations"])
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let outcome = text(named(env!("CARGO_PKG_NAME")).map(|it| &it["outcome"]));
    let rustc = text(named("rustc").map(|it| &it["version"]));
    let result = text(Some(&predicate["result"])).to_lowercase();
    Some(format!("a rebuild with rustc {rustc} {result}: {outcome}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_is_about_one_program() {
        let digest = "ab".repeat(32);
        let rustc = RustcVersion { version: Some("1.95.0".to_owned()), ..RustcVersion::default() };
        for (outcome, says) in [
            (RebuildOutcome::Equal, "passed: equal"),
            (RebuildOutcome::SameCode, "passed: same-code"),
            (RebuildOutcome::Different, "failed: different"),
            (RebuildOutcome::NotRepeatable, "warned: not-repeatable"),
            (RebuildOutcome::NotPossible, "warned: not-possible"),
        ] {
            let rebuild = Rebuild::new(outcome, "why");
            let written = statement("app", &digest, &rebuild, &rustc, Some(&digest));
            let read = Statement::from_json(&written.to_json()).unwrap();
            assert_eq!(
                summary(&read, &digest),
                Some(format!("a rebuild with rustc 1.95.0 {says}"))
            );
            assert_eq!(summary(&read, &"cd".repeat(32)), None);
            let other =
                Statement { predicate_type: "https://slsa.dev/provenance/v1".into(), ..read };
            assert_eq!(summary(&other, &digest), None);
        }
    }
}
