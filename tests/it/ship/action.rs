//! action.yml, its steps run as a runner runs them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::docker::{success, text};
use crate::support::place::{MAIN, Place, SERVER};
use crate::support::run;
use crate::support::slow;
use crate::support::tools;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LINTER: &str = env!("CARGO_BIN_EXE_cargo-binlint");

/// The Action in a job, with these inputs.
struct Job<'a> {
    temp: tempfile::TempDir,
    env: Vec<(&'a str, String)>,
}

impl<'a> Job<'a> {
    fn new() -> Job<'a> {
        Job { temp: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    fn run(&self, tools: &Path, path: &Path, inputs: &[String]) -> Value {
        let script = Path::new(ROOT).join("tests/it/ship/run_action.py");
        let mut action = run::offline(tools.join("python"));
        action.arg(script).arg(Path::new(ROOT).join("action.yml")).args(inputs);
        let paths = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
        action.env("PATH", paths).env("RUNNER_TEMP", self.temp.path());
        action
            .env("GITHUB_ACTION_PATH", ROOT)
            .env("GITHUB_ACTION_REPOSITORY", "owner/cargo-binlint");
        action.env("GITHUB_SERVER_URL", "https://server.invalid");
        action.envs(self.env.iter().map(|(name, value)| (*name, value.as_str())));
        let output = success(&mut action);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|it| panic!("{it}: {}", text(&output)))
    }
}

fn inputs(pairs: &[(&str, &str)], place: &Place) -> Vec<String> {
    let directory = ("working-directory", place.directory.path().to_str().unwrap());
    let all = pairs.iter().copied().chain([directory]);
    all.map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn every_output_and_every_way_to_fail() {
    let Some(tools) = tools::python() else { return };
    if !slow::has("jq") {
        return;
    }
    let job = Job::new();
    let linter = Path::new(LINTER).parent().unwrap();
    let run = |place: &Place, pairs: &[(&str, &str)]| {
        let pairs = [&[("version", "path"), ("args", "--release")], pairs].concat();
        job.run(&tools, linter, &inputs(&pairs, place))
    };

    let honest = Place::honest();
    let clean = run(&honest, &[]);
    assert_eq!(clean["code"], 0, "{clean}");
    assert_ne!(clean["outputs"]["verdict"], "denied", "{clean}");
    assert_eq!(clean["outputs"]["denied"], "0");

    let stale = Place::with_stub();
    stale.copy("src/main.rs", MAIN);
    stale.copy("src/server.rs", SERVER);
    let denied = run(&stale, &[]);
    assert_eq!(denied["code"], 1, "{denied}");
    assert_eq!(denied["outputs"]["verdict"], "denied", "{denied}");
    assert_ne!(denied["outputs"]["denied"], "0", "{denied}");
    let log = denied["log"].as_str().unwrap();
    assert!(log.contains("::error ") && log.contains("placeholder-main"), "{log}");
    assert!(denied["summary"].as_str().unwrap().contains("placeholder-main"), "{denied}");
    let sarif = fs::read(denied["outputs"]["sarif-file"].as_str().unwrap()).unwrap();
    let sarif: Value = serde_json::from_slice(&sarif).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(!sarif["runs"][0]["results"].as_array().unwrap().is_empty());

    let table = run(&stale, &[("format", "table"), ("fail-on", "never")]);
    assert_eq!(table["code"], 0, "{table}");
    assert!(table["log"].as_str().unwrap().contains("do not ship"), "{table}");

    let warned = [("args", "--release -A freshness -W placeholder-main")];
    let warned = run(&stale, &warned);
    assert_eq!(
        (&warned["code"], &warned["outputs"]["verdict"]),
        (&0.into(), &"warned".into()),
        "{warned}"
    );
    let strict =
        run(&stale, &[("args", "--release -A freshness -W placeholder-main"), ("fail-on", "warn")]);
    assert_eq!(strict["code"], 1, "{strict}");

    let binary = stale.path("target/release/my-app");
    let alone = run(&honest, &[("args", ""), ("binary", binary.to_str().unwrap())]);
    assert_eq!(alone["code"], 1, "{alone}");

    // Neither an unreadable input nor a wrong word looks like "no findings".
    for wrong in [&[("image", "docker-archive:nowhere.tar")][..], &[("fail-on", "sometimes")]] {
        let wrong = run(&honest, wrong);
        assert_eq!(wrong["code"], 2, "{wrong}");
    }
    // A value is a value, whatever stands in it.
    let marks = honest.path("marks");
    let hostile = format!("$(touch {0}) `touch {0}` ; touch {0}", marks.display());
    for name in ["args", "image", "binary", "format", "fail-on", "version"] {
        let answer = run(&honest, &[(name, &hostile)]);
        assert_ne!(answer["code"], 0, "{name}: {answer}");
        assert!(!marks.exists(), "{name} is evaluated");
    }
}

/// A release as the release script packs it, beside its digest; the address is that of a folder.
#[test]
fn the_release_that_was_asked_for_is_fetched_and_its_digest_verified() {
    let Some(tools) = tools::python() else { return };
    let place = Place::honest();
    let releases = tempfile::tempdir().unwrap();
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let name = format!("cargo-binlint-{target}");
    let version = env!("CARGO_PKG_VERSION");
    let folder = releases.path().join(format!("v{version}"));
    fs::create_dir_all(folder.join(&name)).unwrap();
    success(
        run::command("strip").arg("-o").arg(folder.join(&name).join("cargo-binlint")).arg(LINTER),
    );
    let pack =
        format!("tar -czf {name}.tar.gz {name} && sha256sum {name}.tar.gz >{name}.tar.gz.sha256");
    success(run::command("sh").args(["-c", &pack]).current_dir(&folder));

    let mut job = Job::new();
    job.env.push(("RELEASES", format!("file://{}", releases.path().display())));
    let nothing = Path::new("/nowhere");
    let words = [("args", "--release")];
    let fetched = job.run(&tools, nothing, &inputs(&words, &place));
    assert_eq!(fetched["code"], 0, "{fetched}");
    assert!(job.temp.path().join("cargo-binlint").join(&name).join("cargo-binlint").is_file());

    let unknown = [("args", "--release"), ("version", "9.9.9")];
    let unknown = job.run(&tools, nothing, &inputs(&unknown, &place));
    assert_ne!(unknown["code"], 0, "{unknown}");

    let archive = folder.join(format!("{name}.tar.gz"));
    let mut bytes = fs::read(&archive).unwrap();
    bytes.push(0);
    fs::write(&archive, bytes).unwrap();
    let altered = job.run(&tools, nothing, &inputs(&words, &place));
    assert_ne!(altered["code"], 0, "{altered}");
}
