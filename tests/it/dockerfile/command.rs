//! `cargo binlint dockerfile` as run.

use crate::support::run;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

const STUB: &str = "FROM rust:1.95-bookworm AS builder\nWORKDIR /app\nCOPY Cargo.toml Cargo.lock ./\n\
                    RUN mkdir src && echo 'fn main() {}' > src/main.rs && cargo build --release\n\
                    COPY src ./src\nRUN cargo build --release\nFROM debian:bookworm-slim\n\
                    COPY --from=builder /app/target/release/my-app /usr/local/bin/\nCMD [\"my-app\"]\n";

fn package() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::create_dir(at.join("src")).unwrap();
    fs::write(
        at.join("Cargo.toml"),
        "[package]\nname = \"my-app\"\nversion = \"1.2.3\"\nedition = \"2024\"\n",
    )
    .unwrap();
    fs::write(
        at.join("Cargo.lock"),
        "version = 4\n\n[[package]]\nname = \"my-app\"\nversion = \"1.2.3\"\n",
    )
    .unwrap();
    fs::write(at.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(at.join("Dockerfile"), STUB).unwrap();
    directory
}

fn binlint(at: &Path, words: &[&str]) -> Output {
    run::command(env!("CARGO_BIN_EXE_cargo-binlint"))
        .current_dir(at)
        .arg("dockerfile")
        .args(words)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_finding_has_its_line_and_the_line_that_corrects_it() {
    let package = package();
    let answer = binlint(package.path(), &[]);
    assert_eq!(answer.status.code(), Some(1));
    let said = text(&answer.stdout);
    for part in [
        "Dockerfile:6:5",
        "| RUN cargo build --release",
        "RUN touch src/main.rs && cargo build --release",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json = binlint(package.path(), &["--format", "json", "Dockerfile"]);
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    let subject = &document["subjects"][0];
    assert_eq!((subject["name"].as_str(), subject["binary"].is_null()), (Some("Dockerfile"), true));
    let outcomes = subject["outcomes"].as_array().unwrap();
    let failed: Vec<_> = outcomes.iter().filter(|it| it["outcome"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(outcomes.iter().all(|it| it["group"] == "dockerfile"));
}

#[test]
fn corrections_are_shown_then_made_and_nothing_else_changes() {
    let package = package();
    let at = package.path();
    let shown = text(&binlint(at, &["--fix", "--dry-run", "Dockerfile"]).stdout);
    assert!(
        shown.contains(
            "-RUN cargo build --release\n+RUN touch src/main.rs && cargo build --release\n"
        ),
        "{shown}"
    );
    assert_eq!(fs::read_to_string(at.join("Dockerfile")).unwrap(), STUB);
    assert_eq!(binlint(at, &["--fix", "Dockerfile"]).status.code(), Some(1));
    let corrected = fs::read_to_string(at.join("Dockerfile")).unwrap();
    assert_eq!(corrected, STUB.replace("\nRUN cargo", "\nRUN touch src/main.rs && cargo"));
    assert_eq!(binlint(at, &["Dockerfile"]).status.code(), Some(0));
}

#[test]
fn a_comment_waives_a_rule_at_its_line_with_a_reason() {
    let package = package();
    let at = package.path();
    for (comment, code) in [
        ("# binlint: ignore=dummy-build-without-touch it prints nothing", 0),
        ("# binlint: ignore=dockerfile it prints nothing", 0),
        ("# binlint: ignore=dummy-build-without-touch", 1),
        ("# binlint: ignore=stage-skew other", 1),
    ] {
        let written = STUB.replace("\nRUN cargo", &format!("\n{comment}\nRUN cargo"));
        fs::write(at.join("Dockerfile"), written).unwrap();
        assert_eq!(binlint(at, &["Dockerfile"]).status.code(), Some(code), "{comment}");
    }
    assert_eq!(binlint(at, &["-A", "dockerfile", "Dockerfile"]).status.code(), Some(0));
}

#[test]
fn what_is_no_dockerfile_is_said_in_one_line_and_the_others_are_judged() {
    let package = package();
    let at = package.path();
    fs::write(at.join("typo"), "FROM a\nRUNN x\n").unwrap();
    fs::write(at.join("wide"), b"\xff\xfeF\0R\0").unwrap();
    fs::write(at.join("bytes"), b"FROM a\nRUN \xff\n").unwrap();
    fs::write(at.join("endless"), "FROM a\nRUN a".to_owned() + &" \\\n".repeat(1_000_000)).unwrap();
    fs::write(at.join("open"), "FROM a\nRUN <<E\nls\n").unwrap();
    let names = ["typo", "wide", "bytes", "endless", "open", "none", "src", "Dockerfile"];
    let answer = binlint(at, &names);
    assert_eq!(answer.status.code(), Some(2));
    let errors = text(&answer.stderr);
    for (name, part) in [
        ("typo", "line 2, column 1"),
        ("wide", "UTF-16"),
        ("bytes", "line 2"),
        ("endless", "line 2"),
        ("open", "line 2"),
        ("none", "no such file"),
        ("src", "not a regular file"),
    ] {
        let line = errors.lines().find(|it| it.starts_with(&format!("error: {name}: ")));
        assert!(line.is_some_and(|it| it.contains(part)), "{name}: {errors}");
    }
    assert_eq!(errors.lines().count(), 7, "{errors}");
    assert!(text(&answer.stdout).contains("dummy-build-without-touch"));
    for words in [
        &["--stage", "none", "Dockerfile"] as &[&str],
        &["--build-arg", "x", "Dockerfile"],
        &["--context", "/nowhere", "Dockerfile"],
    ] {
        assert_eq!(binlint(at, words).status.code(), Some(2), "{words:?}");
    }
}

/// An engine looks for `../x` at the root of the context, and for a stage among the earlier ones.
#[test]
fn names_that_leave_the_context_and_stages_in_a_circle_are_judged() {
    let package = package();
    let at = package.path();
    let escaping = "FROM rust:1.95\nCOPY ../../etc/passwd /x\nCOPY ../src /y\n";
    fs::write(at.join("Dockerfile"), escaping).unwrap();
    let said = text(&binlint(at, &["Dockerfile"]).stdout);
    assert!(said.contains("`etc/passwd` is not in the context\n    at Dockerfile:2:6\n"), "{said}");
    assert!(!said.contains("Dockerfile:3"), "{said}");
    let circle =
        "FROM b AS a\nFROM a AS b\nFROM b AS a\nCOPY --from=a /x /x\nRUN cargo --version\n";
    fs::write(at.join("Dockerfile"), circle).unwrap();
    let answer = binlint(at, &["Dockerfile"]);
    assert_eq!((answer.status.code(), text(&answer.stderr)), (Some(0), String::new()));
}

/// What a name or a line holds reaches no terminal as control bytes.
#[test]
fn nothing_of_a_file_controls_the_terminal() {
    let package = package();
    let at = package.path();
    fs::write(at.join("Dockerfile"), "FROM scratch\nCOPY \u{1b}[31mx /\nCMD [\"a \u{1b}]0;b\"]\n")
        .unwrap();
    let answer = binlint(at, &["Dockerfile"]);
    let said = text(&answer.stdout) + &text(&answer.stderr);
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn a_hundred_thousand_lines_and_a_context_outside_cost_little() {
    let package = package();
    let at = package.path();
    let long = "FROM rust:1.95\nWORKDIR /app\nCOPY ../../../../etc/passwd /x\nCOPY . .\n"
        .to_owned()
        + &"RUN cargo build --release && cp target/release/my-app /x\n".repeat(2_000)
        + &"RUN echo a \\\n  && ls\n".repeat(49_000);
    fs::write(at.join("Dockerfile"), long).unwrap();
    let start = std::time::Instant::now();
    let answer = binlint(at, &["-q", "Dockerfile"]);
    assert!(answer.status.code().is_some_and(|code| code < 2), "{answer:?}");
    // A debug build on a busy machine; a release build needs less than one.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

/// The subjects and notes of a report in JSON.
fn subjects(answer: &Output) -> (Vec<String>, Vec<String>) {
    let document: Value = serde_json::from_slice(&answer.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&answer.stderr)));
    let texts = |of: &Value, key: &str| -> Vec<String> {
        let all = of.as_array().unwrap().iter();
        all.map(|it| if key.is_empty() { it } else { &it[key] }.as_str().unwrap().to_owned())
            .collect()
    };
    (texts(&document["subjects"], "name"), texts(&document["notes"], ""))
}

#[test]
fn the_configuration_names_one_dockerfile_and_sets_others_aside() {
    let package = package();
    let at = package.path();
    for directory in ["testdata/a", "docker"] {
        fs::create_dir_all(at.join(directory)).unwrap();
    }
    for name in ["testdata/Dockerfile", "testdata/a/x.dockerfile", "docker/recipe.txt"] {
        fs::write(at.join(name), STUB).unwrap();
    }
    let judged = |configuration: &str, words: &[&str]| {
        fs::write(at.join("binlint.toml"), configuration).unwrap();
        subjects(&binlint(at, &[&["--format", "json"], words].concat()))
    };
    let all = ["Dockerfile", "testdata/Dockerfile", "testdata/a/x.dockerfile"];
    assert_eq!(judged("", &[]), (all.map(str::to_owned).to_vec(), vec![]));
    let (names, notes) = judged("[dockerfile]\nexclude = [\"testdata/\"]\n", &[]);
    assert_eq!(
        (names, &*notes),
        (
            vec!["Dockerfile".to_owned()],
            &["binlint.toml:2 sets 2 Dockerfiles aside".to_owned()][..]
        )
    );
    // The last pattern that matches decides, and what is named is linted in any case.
    let (names, _) = judged("[dockerfile]\nexclude = [\"*\", \"!*.dockerfile\"]\n", &[]);
    assert_eq!(names, ["testdata/a/x.dockerfile"]);
    let (names, notes) =
        judged("[dockerfile]\nexclude = [\"testdata\"]\n", &["testdata/Dockerfile"]);
    assert_eq!((names, notes.len()), (vec!["testdata/Dockerfile".to_owned()], 0));
    let (names, notes) = judged("[dockerfile]\nexclude = [\"*\"]\n", &[]);
    assert_eq!((names.len(), notes.len()), (0, 1));
    let own = "[dockerfile]\nfile = \"docker/recipe.txt\"\nexclude = [\"*\"]\n";
    assert_eq!(judged(own, &[]).0, ["docker/recipe.txt"]);
    fs::write(at.join("binlint.toml"), "[dockerfile]\nfile = \"docker/none\"\n").unwrap();
    let answer = binlint(at, &[]);
    assert_eq!(answer.status.code(), Some(2));
    assert_eq!(
        text(&answer.stderr),
        "error: binlint.toml:2: there is no Dockerfile `docker/none`\n"
    );
}

#[test]
fn compose_and_bake_files_name_the_context_and_the_arguments() {
    let package = package();
    let at = package.path();
    fs::create_dir(at.join("docker")).unwrap();
    fs::write(at.join("docker/recipe.txt"), "").unwrap();
    fs::remove_file(at.join("Dockerfile")).unwrap();
    let judged = |dockerfile: &str, compose: &str, words: &[&str]| {
        fs::write(at.join("docker/Dockerfile"), dockerfile).unwrap();
        let (name, other) = match compose.starts_with('{') {
            true => ("docker-bake.json", "compose.yaml"),
            false => ("compose.yaml", "docker-bake.json"),
        };
        fs::write(at.join(name), compose).unwrap();
        let _ = fs::remove_file(at.join(other));
        let answer = binlint(at, &[&["--format", "json", "docker/Dockerfile"], words].concat());
        let document: Value = serde_json::from_slice(&answer.stdout).unwrap();
        let outcomes = document["subjects"][0]["outcomes"].as_array().unwrap().clone();
        let denied = outcomes.iter().filter(|it| it["outcome"] == "fail" && it["level"] == "deny");
        let denied = denied.map(|it| it["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (denied, subjects(&answer).1)
    };
    let compose = |rest: &str| {
        format!("services:\n  api:\n    build: {{dockerfile: docker/Dockerfile{rest}}}\n")
    };
    let bin =
        "FROM rust:1.95\nWORKDIR /app\nCOPY . .\nARG BIN\nRUN cargo build --release --bin $BIN\n";
    for (compose, words, denied) in [
        ("", &[] as &[&str], &[] as &[&str]),
        (&*compose(", args: {BIN: my-ap}"), &[], &["bin-not-in-metadata"]),
        (&compose(", args: [BIN=my-ap]"), &["--build-arg", "BIN=my-app"], &[]),
        (&compose(", args: {BIN: my-app}"), &[], &[]),
        (&compose(", args: {BIN: \"${BIN}\"}"), &[], &[]),
        (
            &(compose(", args: {BIN: my-ap}") + "  b: {build: {dockerfile: docker/Dockerfile}}\n"),
            &[],
            &[],
        ),
        (
            "{\"target\": {\"a\": {\"dockerfile\": \"docker/Dockerfile\", \"args\": {\"BIN\": \"my-ap\"}}}}",
            &[],
            &["bin-not-in-metadata"],
        ),
    ] {
        assert_eq!(judged(bin, compose, words).0, denied, "{compose}");
    }
    // An argument with a default keeps it: somebody builds without Compose, too.
    let kept = bin.replace("ARG BIN", "ARG BIN=my-app");
    assert_eq!(judged(&kept, &compose(", args: {BIN: my-ap}"), &[]).0, [""; 0]);

    let recipe = "FROM debian:bookworm-slim\nCOPY recipe.txt /x\n";
    // What a checkout names outside of itself is not looked at.
    let name = at.file_name().unwrap().to_str().unwrap();
    let outside = format!(
        "services: {{api: {{build: {{context: .., dockerfile: {name}/docker/Dockerfile, target: dev}}}}}}\n"
    );
    for (compose, denied, note) in [
        ("", &[] as &[&str], None),
        (&*compose(", context: ."), &["copy-source-missing"], None),
        (&*outside, &[], None),
        ("services: {api: {build: docker}}\n", &[], None),
        (
            &*(compose("") + "  b: {build: docker}\n"),
            &[],
            Some("compose.yaml:3 and others name 2 contexts for it; `--context` chooses"),
        ),
        (
            "services: {api: {build: {context: docker, target: dev}}}\n",
            &[],
            Some("compose.yaml:1 builds the stage `dev`; `--stage` lints it"),
        ),
    ] {
        let (said, notes) = judged(recipe, compose, &[]);
        assert_eq!(said, denied, "{compose}");
        let note: Vec<String> =
            note.map(|it| format!("docker/Dockerfile: {it}")).into_iter().collect();
        assert_eq!(notes, note, "{compose}");
    }
}

/// This repository keeps faulty Dockerfiles for its tests; its own are clean.
#[test]
fn this_repository_denies_no_dockerfile_of_its_own() {
    let answer = binlint(Path::new(env!("CARGO_MANIFEST_DIR")), &["--format", "json"]);
    let (names, notes) = subjects(&answer);
    assert_eq!(answer.status.code(), Some(0), "{}", text(&answer.stdout));
    assert!(names.contains(&"Dockerfile".to_owned()) && names.len() > 5, "{names:?}");
    assert!(notes.iter().any(|it| it.starts_with("binlint.toml:3 sets ")), "{notes:?}");
}

/// `check` lints the workspace's own Dockerfile behind the programs, and warns at most unless told else.
#[test]
fn check_warns_of_the_dockerfile_beside_the_programs() {
    let package = package();
    let at = package.path();
    let run = |program: &str, words: &[&str]| {
        run::command(program).current_dir(at).args(words).output().unwrap()
    };
    assert!(run("cargo", &["build", "--offline"]).status.success());
    let check = |words: &[&str]| {
        let answer = run(env!("CARGO_BIN_EXE_cargo-binlint"), words);
        let document: Value = serde_json::from_slice(&answer.stdout).unwrap();
        let last = document["subjects"].as_array().unwrap().last().unwrap().clone();
        let outcomes = last["outcomes"].as_array().unwrap().clone();
        let failed = outcomes.into_iter().find(|it| it["outcome"] == "fail").unwrap();
        (last["name"].clone(), failed["rule"].clone(), failed["level"].clone())
    };
    let (name, rule, level) = check(&["check", "--format", "json"]);
    assert_eq!(
        (name, rule, level),
        ("Dockerfile".into(), "dummy-build-without-touch".into(), "warn".into())
    );
    let (.., level) = check(&["check", "--format", "json", "-D", "dockerfile"]);
    assert_eq!(level, "deny");
    // The one that the configuration names takes its place, and what is set aside is not linted.
    fs::rename(at.join("Dockerfile"), at.join("api.txt")).unwrap();
    fs::write(at.join("Dockerfile"), "FROM rust:1.95\nRUN cargo --version\n").unwrap();
    fs::write(at.join("binlint.toml"), "[dockerfile]\nfile = \"api.txt\"\n").unwrap();
    let (name, rule, level) = check(&["check", "--format", "json"]);
    assert_eq!(
        (name, rule, level),
        ("api.txt".into(), "dummy-build-without-touch".into(), "warn".into())
    );
    fs::write(at.join("binlint.toml"), "[dockerfile]\nexclude = [\"Dockerfile\"]\n").unwrap();
    let answer = run(env!("CARGO_BIN_EXE_cargo-binlint"), &["check", "--format", "json"]);
    assert_eq!(subjects(&answer).0, ["my-app"]);
}
