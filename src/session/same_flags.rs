//! Whether a program that was built elsewhere was built as the build here: what its record says, or
//! the history of its image.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::binary::RustcEvidence;
use crate::cargo::build::Build;
use crate::cargo::rebuild::{FlagsUnknown, Recorded};
use crate::dockerfile::cargo_command::{self, NamedProfile};
use crate::provenance::create;
use crate::rootfs::document::config::ImageConfig;
use crate::session::image_history::{self, HistoryBuild, HistoryError};
use crate::session::records;

/// What says that a program was built with the words and the compiler of the build here;
/// the error says what is missing to know, or differs. `setting` is one of a configuration here or
/// in the image, which no history names.
///
/// # Errors
/// Nothing says it.
pub fn known(
    program: &[u8],
    build: &Build,
    image: Option<&ImageConfig>,
    binary: &RustcEvidence,
    setting: Option<String>,
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
                true => {
                    Ok(Recorded { record: record.origin.clone(), rustflags, environment: None })
                }
                false => {
                    Err(FlagsUnknown::Different { record: record.origin.clone(), facts: others })
                }
            }
        }
        Ok(None) => told(build, image, binary, setting),
        Err(error) => Err(FlagsUnknown::UnreadableRecord { reason: error.to_string() }),
    }
}

/// The same of a program without a record: the image's history tells the words and the variables,
/// the program itself its compiler.
fn told(
    build: &Build,
    image: Option<&ImageConfig>,
    binary: &RustcEvidence,
    configured: Option<String>,
) -> Result<Recorded, FlagsUnknown> {
    let unclear = |error: HistoryError| FlagsUnknown::UnclearHistory { reason: error.to_string() };
    let told = image.map(image_history::find).transpose().map_err(unclear)?.flatten();
    let HistoryBuild { command, cargo, environment } = told.ok_or(FlagsUnknown::NoRecord)?;
    let says =
        |what: &str| FlagsUnknown::OnlyHistory { command: command.clone(), gap: what.to_owned() };
    let asked: Vec<Option<String>> = ["build".to_owned()]
        .into_iter()
        .chain(build.requested_features.words())
        .map(Some)
        .collect();
    let setting = environment.keys().find(|name| image_history::is_setting(name));
    let commits = (binary.commit.as_ref(), build.rustc.commit.as_ref());
    let is_same_compiler = match commits {
        (Some(there), Some(here)) => there == here,
        _ => false,
    };
    let targets: Vec<Option<String>> = build.target.iter().cloned().map(Some).collect();
    if !is_same_compiler {
        return Err(says("and another compiler, or one that the program does not name"));
    }
    if cargo.profile != NamedProfile::Named(build.profile.name.clone())
        || cargo.targets != targets
        || cargo.features != cargo_command::read(&asked).features
    {
        return Err(says(
            "which is another profile, target or set of features: build here as it says",
        ));
    }
    let is_plain = cargo.complete && cargo.further.is_empty() && cargo.manifest_path.is_none();
    if !is_plain || !cargo.packages.is_empty() || cargo.workspace {
        return Err(says("whose options may change what is built"));
    }
    if !cargo.locked {
        return Err(says("without `--locked`, so that its dependencies may be others"));
    }
    if let Some(name) = setting {
        return Err(says(&format!("where {name} is set, which may change what is built")));
    }
    if let Some(setting) = configured {
        return Err(FlagsUnknown::Setting { setting });
    }
    let rustflags = environment.get("RUSTFLAGS").map(String::as_str).unwrap_or_default();
    Ok(Recorded {
        record: "the image's history".to_owned(),
        rustflags: rustflags.split_whitespace().map(str::to_owned).collect(),
        environment: Some(environment),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::HistoryStep;

    fn known_of(history: &[&str], env: &[&str], commit: &str) -> Result<Recorded, FlagsUnknown> {
        let step = |it: &&str| HistoryStep { created_by: (*it).to_owned(), empty_layer: false };
        let image = ImageConfig {
            history: history.iter().map(step).collect(),
            env: env.iter().map(|it| (*it).to_owned()).collect(),
            ..ImageConfig::default()
        };
        let mut build = Build::default();
        build.profile.name = "release".to_owned();
        build.rustc.commit = Some("c0ffee".to_owned());
        let binary = RustcEvidence { commit: Some(commit.to_owned()), ..RustcEvidence::default() };
        known(b"\x7fELF", &build, Some(&image), &binary, None)
    }

    #[test]
    fn a_program_without_a_record_says_what_is_missing() {
        let missing = |history: &[&str], env: &[&str], commit: &str, reason: &str| {
            let said = known_of(history, env, commit).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        };
        let run =
            "RUN /bin/sh -c cargo build --release --locked && cp target/release/a /a # buildkit";
        missing(&["COPY app /app"], &[], "c0ffee", "no cargo");
        let copied = |run: &'static str| ["WORKDIR /app", "COPY . .", run];
        missing(&[run], &[], "c0ffee", "copies no sources");
        missing(&copied(run), &[], "decade", "another compiler");
        let dev = copied("RUN /bin/sh -c cargo build --locked");
        missing(&dev, &[], "c0ffee", "another profile");
        let free = copied("RUN /bin/sh -c cargo build --release");
        missing(&free, &[], "c0ffee", "without `--locked`");
        let lto = "CARGO_PROFILE_RELEASE_LTO=fat";
        missing(&copied(run), &[lto], "c0ffee", "CARGO_PROFILE_RELEASE_LTO");
        let told = known_of(&copied(run), &["RUSTFLAGS=-C target-cpu=native"], "c0ffee").unwrap();
        assert_eq!(told.rustflags, ["-C", "target-cpu=native"]);
    }
}
