//! Programs that name the commit they were built from, built with the real cargo in a directory
//! without a repository, as a container's stage is, and beside each its twin with one.

use crate::support::place::{Place, manifest};
use crate::support::run;
use crate::support::slow::{self, Need};

const PRINTS: &str = "fn main() {\n    println!(\"commit {}\", env!(\"GIT_SHA\"));\n}\n";

/// What half of the world writes by hand.
const SCRIPT: &str = "fn main() {
    let said = std::process::Command::new(\"git\").args([\"rev-parse\", \"HEAD\"]).output();
    let said = said.ok().filter(|it| it.status.success()).map(|it| it.stdout);
    let said = said.and_then(|it| String::from_utf8(it).ok()).unwrap_or(\"unknown\".into());
    println!(\"cargo::rustc-env=GIT_SHA={}\", said.trim());
}
";

fn in_a_repository(place: &Place) {
    for words in [
        &["init", "-q"][..],
        &["add", "."],
        &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first"],
    ] {
        let done = run::command("git").args(words).current_dir(place.directory.path()).status();
        assert!(done.unwrap().success());
    }
}

#[test]
fn a_script_that_found_no_repository_is_named_and_one_that_did_is_not() {
    if !slow::has("git") {
        return;
    }
    for (repository, outcome) in [(false, "fail"), (true, "pass")] {
        let place = Place::new();
        place.copy("build.rs", SCRIPT);
        place.copy("src/main.rs", PRINTS);
        place.write(".gitignore", "target\n");
        if repository {
            in_a_repository(&place);
        }
        place.build(&[]);
        let judged = place.check(&[]);
        assert_eq!(judged.outcome("placeholder-version"), outcome);
        assert!(repository || judged.finding("placeholder-version").contains("GIT_SHA"));
    }
}

#[test]
fn a_variable_that_the_build_was_not_given_is_named() {
    let place = Place::new();
    let main = "fn main() {\n    println!(\"{}\", option_env!(\"GIT_COMMIT\").unwrap_or(\"unknown\"));\n}\n";
    place.copy("src/main.rs", main);
    place.build(&[]);
    let judged = place.check(&[]);
    assert!(judged.finding("placeholder-version").contains("was not set"), "{judged:?}");
    place.cargo_with(&["build", "--release"], &[("GIT_COMMIT", "8d3f6ef")]);
    assert_eq!(place.check(&[]).outcome("placeholder-version"), "pass");
}

#[test]
fn texts_that_only_look_like_placeholders_accuse_nobody() {
    let place = Place::new();
    let main = "fn main() {\n    let unknown = [\"unknown\", \"0.0.0\", \"0000000\", \"GIT_SHA\"];\n    \
                println!(\"{:?} {:?}\", unknown, option_env!(\"GREETING\"));\n}\n";
    place.copy("src/main.rs", main);
    place.build(&[]);
    assert_eq!(place.check(&[]).outcome("placeholder-version"), "pass");
}

/// The crates that people use for it.
#[test]
fn what_vergen_and_shadow_leave_without_a_repository_is_named() {
    if slow::is_left_out(Need::Network) {
        return;
    }
    let vergen = "fn main() -> Result<(), Box<dyn std::error::Error>> {
    let git = vergen_gitcl::GitclBuilder::default().sha(true).build()?;
    Ok(vergen_gitcl::Emitter::default().add_instructions(&git)?.emit()?)
}
";
    let shadow = "fn main() {\n    shadow_rs::ShadowBuilder::builder().build().unwrap();\n}\n";
    let uses_shadow = "shadow_rs::shadow!(build);\n\nfn main() {\n    println!(\"commit {}\", \
                       build::COMMIT_HASH);\n}\n";
    let on_shadow = "[dependencies]\nshadow-rs = { version = \"1\", default-features = false }\n\
                     [build-dependencies]\nshadow-rs = { version = \"1\", default-features = false, features = [\"build\"] }\n";
    let cases = [
        (
            "[build-dependencies]\nvergen-gitcl = \"1\"\n",
            vergen,
            PRINTS.replace("GIT_SHA", "VERGEN_GIT_SHA"),
        ),
        (on_shadow, shadow, uses_shadow.to_owned()),
    ];
    for (dependencies, script, main) in cases {
        for (repository, outcome) in [(false, "fail"), (true, "pass")] {
            let place = Place::new();
            place.write("Cargo.toml", &manifest("my-app", dependencies));
            place.copy("build.rs", script);
            place.copy("src/main.rs", &main);
            place.write(".gitignore", "target\n");
            let fetched = run::offline("cargo")
                .arg("fetch")
                .env_remove("CARGO_NET_OFFLINE")
                .current_dir(place.directory.path())
                .output()
                .unwrap();
            assert!(fetched.status.success(), "the registry answers");
            if repository {
                in_a_repository(&place);
            }
            place.build(&[]);
            let judged = place.check(&[]);
            let finding = judged.finding("placeholder-version");
            assert_eq!(judged.outcome("placeholder-version"), outcome, "{main}: {finding}");
            judged.is_fresh();
        }
    }
}
