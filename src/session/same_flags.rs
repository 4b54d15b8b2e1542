//! Whether a program that was built elsewhere was built as the build here: what its record says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cargo::build::Build;
use crate::cargo::rebuild::{FlagsUnknown, Recorded};
use crate::provenance::create;
use crate::rootfs::document::config::HistoryStep;
use crate::session::records;

/// The record that says that a program was built with the words and the compiler of the build here;
/// the error says what is missing to know, or differs.
///
/// # Errors
/// Nothing says it.
pub fn known(
    program: &[u8],
    build: &Build,
    history: &[HistoryStep],
) -> Result<Recorded, FlagsUnknown> {
    match records::find(program, None, || Ok(None), &[]) {
        Ok(Some(record)) => {
            let definition = &record.provenance.build_definition;
            let (external, internal) =
                (&definition.external_parameters, &definition.internal_parameters);
            let request = record.request();
            let set = |words: &[String]| words.iter().cloned().collect::<BTreeSet<_>>();
            let asked = &build.requested_features;
            let features = set(&request.features) == set(&asked.features)
                && request.all_features == asked.all_features
                && request.no_default_features == asked.no_default_features;
            let flags = external.get("rustflags").and_then(Value::as_array).into_iter().flatten();
            let rustflags = flags.filter_map(|it| it.as_str().map(str::to_owned)).collect();
            let is = |name: &str, value: Value| external.get(name) == Some(&value);
            let version = build.rustc.version.as_deref().unwrap_or("unknown");
            let rustc = internal.get("rustc").and_then(Value::as_str).unwrap_or_default();
            let facts = [
                ("profile", is("profile", json!(build.profile.name))),
                ("target", is("target", json!(build.triple()))),
                ("features", features),
                ("compiler", rustc.split(' ').any(|word| word == version)),
                (
                    "settings of the profile",
                    internal.get("resolvedProfile")
                        == Some(&create::resolved(&build.effective_profile)),
                ),
            ];
            let others: Vec<&'static str> =
                facts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect();
            match others.is_empty() {
                true => Ok(Recorded { record: record.origin.clone(), rustflags }),
                false => {
                    Err(FlagsUnknown::Different { record: record.origin.clone(), facts: others })
                }
            }
        }
        Ok(None) => Err(match built_in(history) {
            Some(command) => FlagsUnknown::OnlyHistory { command },
            None => FlagsUnknown::NoRecord,
        }),
        Err(error) => Err(FlagsUnknown::UnreadableRecord { reason: error.to_string() }),
    }
}

/// The last command of cargo that compiles, among the steps that made an image.
fn built_in(history: &[HistoryStep]) -> Option<String> {
    let commands = history.iter().flat_map(|step| step.created_by.split(['&', ';', '|']));
    let mut found = commands.filter_map(|command| {
        let at = ["cargo build", "cargo install"].iter().find_map(|it| command.find(it))?;
        Some(command[at..].split('#').next().unwrap_or_default().trim().to_owned())
    });
    found.next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_a_record_says_what_is_missing() {
        let known = |history: &[&str]| {
            let step = |it: &&str| HistoryStep { created_by: (*it).to_owned(), empty_layer: false };
            let history: Vec<HistoryStep> = history.iter().map(step).collect();
            known(b"\x7fELF", &Build::default(), &history).unwrap_err()
        };
        assert_eq!(known(&["COPY app /app"]), FlagsUnknown::NoRecord);
        let built =
            known(&["RUN /bin/sh -c cargo build --release && cp target/release/a /a # buildkit"]);
        assert_eq!(
            built,
            FlagsUnknown::OnlyHistory { command: "cargo build --release".to_owned() }
        );
    }
}
