//! `init`: the first configuration accepts what is there, is never written over another, and does not
//! accept a program that is not what was written.

use std::fs;
use std::process::Output;

use crate::support::docker::text;
use crate::support::place::Place;
use crate::support::run;

fn run(place: &Place, line: &str) -> Output {
    let mut linter = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"));
    linter.args(line.split(' ')).current_dir(place.directory.path()).output().unwrap()
}

#[test]
fn the_first_configuration_accepts_what_is_there_today() {
    let place = Place::honest();
    place.write("Dockerfile", "FROM rust:1\nWORKDIR /app\nCOPY . .\nRUN cargo build --release\n");
    let strict = "check --release -D warnings";
    let before = run(&place, strict);
    assert_eq!(before.status.code(), Some(1), "{}", text(&before));
    let written = run(&place, "init --release");
    assert_eq!(written.status.code(), Some(0), "{}", text(&written));
    let said = text(&written);
    let after = run(&place, strict);
    assert_eq!(after.status.code(), Some(0), "{}\n{}", said, text(&after));
    // Each waiver has its finding: none is idle.
    assert!(!text(&after).contains("matches no finding"), "{}", text(&after));

    // The lines that it prints are those of the pages, and run.
    let pages = ["README.md", "docs/ci.md", "docs/dockerfile.md"];
    let pages: String = pages.iter().map(|page| fs::read_to_string(page).unwrap()).collect();
    let lines: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    for line in lines {
        assert!(pages.contains(line), "no page has {line}");
        if let Some((_, arguments)) = line.split_once("cargo binlint ") {
            let output = run(&place, arguments);
            assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output));
        }
    }
    assert!(place.path("gl-code-quality.json").is_file());
}

#[test]
fn a_configuration_is_never_written_over() {
    for name in ["binlint.toml", ".config/binlint.toml"] {
        let place = Place::honest();
        place.write(name, "# mine\n");
        let output = run(&place, "init --release");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(&format!("error: {name} is there already")), "{name}");
        assert_eq!(fs::read_to_string(place.path(name)).unwrap(), "# mine\n");
        assert!(name == "binlint.toml" || !place.path("binlint.toml").exists());
    }
}

#[test]
fn a_placeholder_is_not_accepted() {
    let place = Place::with_stub();
    place.copy_sources();
    let output = run(&place, "init --release");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("not accepted: my-app: deny placeholder-main: "),
        "{}",
        text(&output)
    );
    let written = fs::read_to_string(place.path("binlint.toml")).unwrap();
    assert!(!written.contains("placeholder-main"), "{written}");
    assert_eq!(run(&place, "check --release").status.code(), Some(1));
}

#[test]
fn a_dockerfile_that_ships_a_placeholder_is_not_accepted() {
    let place = Place::honest();
    place.write(
        "Dockerfile",
        "FROM rust:1.95\nWORKDIR /app\nCOPY Cargo.toml ./\nRUN mkdir src && echo 'fn main() {}' > src/main.rs \
         && cargo build --release\nCOPY . .\nRUN cargo build --release\n",
    );
    let output = run(&place, "init --release");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let not = "not accepted: Dockerfile: warn dummy-build-without-touch: ";
    assert!(text(&output).contains(not), "{}", text(&output));
    // What is a matter of taste in the same file is.
    let written = fs::read_to_string(place.path("binlint.toml")).unwrap();
    assert!(!written.contains("dummy-build-without-touch"), "{written}");
    assert!(written.contains("subject = \"Dockerfile\""), "{written}");
}
