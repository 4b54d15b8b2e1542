//! The line that each finding ends in, typed as it stands where the linter was started: from a
//! member, from elsewhere, with a target, a profile and directories of its own.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::place::{MAIN, Place, SERVER, STUB, compiled, heals, host, judge, manifest};
use crate::support::run;

/// A program in a member, its library, and a build script: each compiled as a placeholder, each
/// come after it and dated before.
struct Workspace {
    place: Place,
}

const SCRIPT: &str = "fn main() {\n    println!(\"cargo::rerun-if-changed=build.rs\");\n    \
                      println!(\"cargo::rustc-env=GREETING=hello from the build script\");\n}\n";

impl Workspace {
    fn stale(build: &[&str], env: &[(&str, &str)]) -> Workspace {
        let place = Place::new();
        let profile = "[profile.dist]\ninherits = \"release\"\nopt-level = 1\n";
        let members = "[workspace]\nmembers = [\"apps/my-app\", \"library\"]\nresolver = \"2\"\n";
        place.write("Cargo.toml", &format!("{members}{profile}"));
        let needs = "[dependencies]\nlibrary = { path = \"../../library\" }\n";
        place.write("apps/my-app/Cargo.toml", &manifest("my-app", needs));
        place.write("library/Cargo.toml", &manifest("library", ""));
        place.write(
            "apps/my-app/build.rs",
            &SCRIPT.replace("rustc-env=GREETING=hello", "rustc-env=OTHER=no"),
        );
        place.write("apps/my-app/src/main.rs", STUB);
        place.write("library/src/lib.rs", "");
        place.cargo_with(&[&["build"], build].concat(), env);
        place.copy("apps/my-app/build.rs", SCRIPT);
        let main = MAIN.replace("fn main() {", "fn main() {\n    println!(\"{:?} {}\", option_env!(\"GREETING\"), library::version());");
        place.copy("apps/my-app/src/main.rs", &main);
        place.copy("apps/my-app/src/server.rs", SERVER);
        place.copy("library/src/lib.rs", "pub fn version() -> u32 {\n    2\n}\n");
        assert!(compiled(&place.cargo_with(&[&["build"], build].concat(), env)).is_empty());
        Workspace { place }
    }

    /// Types the line of every rule that denies, each over a stale state of its own, and then both
    /// ways that the first of them names.
    fn heals_from(build: &[&str], cwd: &str, check: &[&str], env: &[(&str, &str)]) {
        let mut rules = vec!["stale-by-mtime", "placeholder-main", "stale-workspace-member"];
        rules.push("or: ");
        for rule in rules {
            let stale = Workspace::stale(build, env);
            let home = stale.place.directory.path();
            let cwd = home.join(cwd);
            fs::create_dir_all(&cwd).unwrap();
            let check: Vec<String> =
                check.iter().map(|it| it.replace("HOME", home.to_str().unwrap())).collect();
            let check: Vec<&str> = check.iter().map(String::as_str).collect();
            let judged = judge(&cwd, &check, env);
            let lines: Vec<String> = match rule {
                // One touches what is stale, the other throws it away.
                "or: " => ["stale-by-mtime", "stale-workspace-member"]
                    .iter()
                    .map(|rule| other_way(&judged.outcomes[*rule]["findings"]))
                    .collect(),
                rule => vec![judged.denies(rule, &[])],
            };
            for line in &lines {
                type_in(&cwd, line, env);
            }
            // Each heals what it is about; together nothing is left.
            let after = judge(&cwd, &check, env);
            match rule {
                "or: " => after.is_fresh(),
                rule => assert!(!after.is_denied(rule), "{rule} after {lines:?}: {after:?}"),
            }
        }
    }
}

fn other_way(findings: &serde_json::Value) -> String {
    let evidence = findings[0]["evidence"].as_array().unwrap();
    let way = evidence.iter().find_map(|it| it.as_str()?.strip_prefix("or: "));
    way.unwrap_or_else(|| panic!("no second way: {findings}")).to_owned()
}

fn type_in(cwd: &Path, line: &str, env: &[(&str, &str)]) {
    std::thread::sleep(Duration::from_millis(20));
    let done = run::offline("sh")
        .args(["-c", line])
        .envs(env.iter().copied())
        .current_dir(cwd)
        .output()
        .unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    assert!(!compiled(&done).is_empty(), "{line} compiled nothing");
}

#[test]
fn from_the_workspaces_root() {
    Workspace::heals_from(&["--release"], ".", &[], &[]);
}

#[test]
fn from_the_members_own_directory() {
    Workspace::heals_from(&["--release"], "apps/my-app", &[], &[]);
}

#[test]
fn from_elsewhere_by_the_manifests_path() {
    let check = ["--manifest-path", "HOME/Cargo.toml"];
    Workspace::heals_from(&["--release"], "outside of it", &check, &[]);
}

#[test]
fn from_another_member_by_the_packages_name() {
    Workspace::heals_from(&["--release"], "library", &["-p", "my-app"], &[]);
}

#[test]
fn for_a_target_and_a_profile_of_its_own() {
    let host = host();
    let words = ["--profile", "dist", "--target", &host];
    Workspace::heals_from(&words, ".", &words, &[]);
}

#[test]
fn with_a_target_directory_elsewhere() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("with a space");
    let words = ["--target-dir", path.to_str().unwrap()];
    let build = [&["--release"][..], &words].concat();
    // Every state of its own begins with an empty one.
    for variable in [false, true] {
        let env = [("CARGO_TARGET_DIR", path.to_str().unwrap())];
        let (build, check, env) = match variable {
            true => (vec!["--release"], &[][..], &env[..]),
            false => (build.clone(), &words[..], &[][..]),
        };
        Workspace::heals_from(&build, ".", check, env);
    }
}

/// Without a file to watch, the placeholder's script runs again and writes nothing: the sources do
/// not compile until the script is compiled, too.
#[test]
fn a_build_that_failed_is_healed_with_its_build_script() {
    let place = Place::new();
    place.write("build.rs", STUB);
    place.write("src/main.rs", STUB);
    place.build(&[]);
    place.copy("names.txt", "anna\nberta\n");
    place.copy(
        "build.rs",
        "fn main() {\n    println!(\"cargo::rerun-if-changed=names.txt\");\n    \
         let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         std::fs::copy(\"names.txt\", format!(\"{out}/names.txt\")).unwrap();\n}\n",
    );
    place.copy(
        "src/main.rs",
        "fn main() {\n    print!(\"{}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/names.txt\")));\n}\n",
    );
    for path in ["Cargo.toml", "Cargo.lock"] {
        place.date(path, SystemTime::now() - Duration::from_secs(3600));
    }
    let built = run::offline("cargo")
        .args(["build", "--release"])
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    assert!(!built.status.success(), "the script is the placeholder's");
    let line = place.check(&[]).denies("placeholder-main", &["src/main.rs:1"]);
    heals(&place, &line, &[]);
}
