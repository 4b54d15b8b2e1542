//! Dockerfiles that were really built and run, each beside its twin: what is said of them is held
//! against what the engine showed (`testdata/dockerfiles/twins.csv`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::docker::{self, Engine, text};
use crate::support::run;

const TWINS: &str = "testdata/dockerfiles";

/// The rules that fail, each with whether it is denied.
fn failures(file: &Path) -> Vec<(String, bool)> {
    let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.args(["dockerfile", "--format", "json"]).arg(file.file_name().unwrap());
    let output = command.current_dir(file.parent().unwrap()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{}: {error}: {}", file.display(), String::from_utf8_lossy(&output.stderr))
    });
    let [subject] = report["subjects"].as_array().unwrap().as_slice() else {
        panic!("{}: {report}", file.display())
    };
    let outcomes = subject["outcomes"].as_array().unwrap().iter();
    let failed = outcomes.filter(|it| it["outcome"] == "fail" && it["level"] != "allow");
    failed.map(|it| (it["rule"].as_str().unwrap().to_owned(), it["level"] == "deny")).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The rows of a table below its head; the last field may hold commas.
fn rows<const FIELDS: usize>(table: &str) -> Vec<[String; FIELDS]> {
    let text = fs::read_to_string(Path::new(TWINS).join(table)).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let mut fields = line.splitn(FIELDS, ',').map(str::to_owned);
        std::array::from_fn(|_| fields.next().unwrap())
    });
    rows.collect()
}

/// The cases: folder, Dockerfile, what should be said, what was seen.
fn cases() -> Vec<[String; 4]> {
    rows("twins.csv")
}

/// Those that are built here: folder, Dockerfile, how it ends, which twin its fix leads to, what it says.
fn built() -> Vec<[String; 5]> {
    rows("built.csv")
}

#[test]
fn what_is_said_of_each_twin_is_what_was_seen() {
    let cases = cases();
    assert!(cases.len() >= 45, "{}", cases.len());
    let directory = tempfile::tempdir().unwrap();
    copy(Path::new(TWINS), directory.path());
    let mut wrong = Vec::new();
    for [case, twin, expected, observed] in &cases {
        let file = directory.path().join(case).join(format!("Dockerfile.{twin}"));
        let said = failures(&file);
        let denied = said.iter().any(|(_, denied)| *denied);
        let right = match expected.as_str() {
            "deny" => denied,
            "warn" => !denied && !said.is_empty(),
            "warn-or-deny" => !said.is_empty(),
            "no-deny" => !denied,
            "clean" => said.is_empty(),
            other => panic!("{case}/{twin}: {other}"),
        };
        if !right {
            wrong.push(format!("{case}/{twin}: {said:?}; {expected}, for {observed}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every Dockerfile of the folder is a case: none was forgotten.
#[test]
fn every_twin_is_held_against_what_was_seen() {
    let cases = cases();
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in fs::read_dir(TWINS).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_dir())
    {
        files.extend(fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()));
    }
    let named =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("Dockerfile.");
    for file in files.iter().filter(|it| named(it)) {
        let known = cases
            .iter()
            .any(|[case, twin, ..]| file.ends_with(format!("{case}/Dockerfile.{twin}")));
        assert!(known, "{}", file.display());
    }
}

#[test]
fn the_engine_does_with_each_twin_what_is_written_down() {
    let Some(engine) = Engine::get() else { return };
    let bases = [
        ("rust:1.95-bookworm", engine.rust()),
        ("debian:bookworm-slim", engine.debian(docker::SUITE)),
        ("gcr.io/distroless/cc-debian12", engine.distroless(docker::SUITE, docker::LIBRARIES)),
    ];
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    fs::write(&token, "hunter2").unwrap();
    let secret = format!("id=api_token,src={}", token.display());
    let mut wrong = Vec::new();
    for [case, twin, ends, _, says] in built() {
        let context = Path::new(TWINS).join(&case);
        let written = fs::read_to_string(context.join(format!("Dockerfile.{twin}"))).unwrap();
        let here = bases.iter().fold(written, |text, (theirs, ours)| text.replace(theirs, ours));
        let file = directory.path().join(format!("Dockerfile.{case}.{twin}"));
        fs::write(&file, here).unwrap();
        let image = engine.image();
        let file = file.to_str().unwrap();
        let words = ["--tag", &image.name, "--file", file, "--secret", &secret];
        let output = engine.try_build(&context, &words);
        let (ended, said) = if output.status.success() {
            let ran = image.run(&[]);
            (if ran.status.success() { "runs" } else { "fails" }, text(&ran))
        } else {
            ("is not built", text(&output))
        };
        let same = if ended == "runs" { said.trim() == says } else { said.contains(&says) };
        if ended != ends || !same {
            wrong.push(format!("{case}/{twin} {ended}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a fix says leads to the twin that works: `--fix` writes it, or its line stands there.
#[test]
fn the_fix_of_a_twin_is_in_its_corrected_form() {
    let directory = tempfile::tempdir().unwrap();
    copy(Path::new(TWINS), directory.path());
    let corrected = built().into_iter().filter(|[_, _, _, corrected, _]| !corrected.is_empty());
    let mut seen = 0;
    for [case, twin, _, corrected, _] in corrected {
        let folder = directory.path().join(&case);
        let read =
            |twin: &str| fs::read_to_string(folder.join(format!("Dockerfile.{twin}"))).unwrap();
        let (faulty, right) = (read(&twin), read(&corrected));
        let run = |words: &[&str]| {
            let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
            command.arg("dockerfile").args(words).arg(format!("Dockerfile.{twin}"));
            command.current_dir(&folder).output().unwrap()
        };
        let report: Value = serde_json::from_slice(&run(&["--format", "json"]).stdout).unwrap();
        let outcomes = report["subjects"][0]["outcomes"].as_array().unwrap();
        let failed = outcomes.iter().find(|it| it["outcome"] == "fail" && it["level"] != "allow");
        let fix = failed.unwrap()["findings"][0]["fix"].as_str().unwrap_or_default().to_owned();
        run(&["--fix"]);
        let fixed = read(&twin);
        if fixed == faulty {
            assert!(right.lines().any(|line| line.starts_with(&fix)), "{case}/{twin}: {fix}");
            assert!(!fix.is_empty(), "{case}/{twin}");
        } else {
            assert_eq!(fixed, right, "{case}/{twin}");
        }
        seen += 1;
    }
    assert!(seen > 5);
}
