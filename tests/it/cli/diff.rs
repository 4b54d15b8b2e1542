//! `diff`: what two builds of one program differ in, by exit code and in both formats.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::place::{Place, manifest};
use crate::support::run;

fn build(place: &Place, main: &str) -> Vec<u8> {
    place.write("src/main.rs", main);
    place.touch("src/main.rs");
    place.build(&[]);
    fs::read(place.path("target/release/my-app")).unwrap()
}

fn diff(directory: &Path, more: &[&str]) -> Output {
    run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
        .arg("diff")
        .args(more)
        .current_dir(directory)
        .output()
        .unwrap()
}

#[test]
fn builds_are_equal_differ_in_ways_that_are_allowed_or_differ() {
    let place = Place::new();
    place.write("Cargo.toml", &manifest("my-app", ""));
    let main = |number: u32, text: &str| {
        format!(
            "fn port(n: usize) -> u32 {{\n    if n > 3 {{ {number} }} else {{ n as u32 }}\n}}\n\n\
             fn main() {{\n    println!(\"{text} {{}}\", port(std::env::args().count()));\n}}\n"
        )
    };
    let old = build(&place, &main(9090, "on port"));
    for (name, bytes) in [
        ("old", old.clone()),
        ("same", old),
        ("number", build(&place, &main(9091, "on port"))),
        ("text", build(&place, &main(9090, "at port"))),
    ] {
        fs::write(place.path(name), bytes).unwrap();
    }
    let run = |more: &[&str]| diff(place.directory.path(), more);
    let code = |more: &[&str]| run(more).status.code().unwrap();
    assert_eq!(code(&["old", "same"]), 0);
    assert_eq!(code(&["old", "number"]), 1);
    assert_eq!(code(&["old", "number", "--ignore", "build-id,path,strip,timestamp"]), 1);
    assert_eq!(code(&["old", "Cargo.toml"]), 2);
    assert_eq!(code(&["old", "nowhere"]), 2);
    assert_eq!(code(&["old", "same", "--ignore", "everything"]), 2);

    let json = |more: &[&str]| -> Value {
        serde_json::from_slice(&run(&[more, &["--format", "json"]].concat()).stdout).unwrap()
    };
    let number = json(&["old", "number"]);
    assert_eq!(
        (&number["schema"], &number["verdict"]),
        (&"binlint.diff/1".into(), &"different".into())
    );
    let first = &number["programs"][0]["differences"][0];
    assert_eq!(first["cause"], "code");
    assert!(first["place"].as_str().unwrap().contains("my_app::"), "{first}");
    let text = json(&["old", "text"]);
    let differences = text["programs"][0]["differences"].as_array().unwrap();
    let is_text = |key: &str, part: &str| {
        let texts = differences.iter().filter_map(|it| it[key].as_str());
        texts.into_iter().any(|it| it.contains(part))
    };
    assert!(is_text("old_text", "on port"), "{differences:?}");
    assert!(is_text("new_text", "at port"), "{differences:?}");
    // That other things lie elsewhere now is told as that.
    assert!(differences.iter().all(|it| it["cause"] != "code"), "{differences:?}");
    let facts = text["programs"][0]["facts"].as_array().unwrap();
    assert!(facts.iter().any(|it| it["key"] == "sha256"), "{facts:?}");

    // With the texts of another length the rest lies elsewhere; only the text counts.
    fs::write(place.path("longer"), build(&place, &main(9090, "waiting at the port"))).unwrap();
    let longer = json(&["old", "longer"]);
    let differences = longer["programs"][0]["differences"].as_array().unwrap();
    let text = differences
        .iter()
        .find(|it| it["new_text"].as_str().is_some_and(|it| it.contains("waiting at the port")));
    assert!(
        text.is_some_and(|it| it["old_text"].as_str().unwrap().contains("on port")),
        "{differences:#?}"
    );

    fs::copy(place.path("old"), place.path("stripped")).unwrap();
    let stripped = run::command("strip").arg(place.path("stripped")).status();
    if stripped.is_ok_and(|it| it.success()) {
        assert_eq!(code(&["old", "stripped"]), 1);
        assert_eq!(code(&["old", "stripped", "--ignore", "strip"]), 0);
        let stripped = json(&["old", "stripped"]);
        assert_eq!(stripped["programs"][0]["same_code"], true);
        let facts = stripped["programs"][0]["facts"].as_array().unwrap();
        let symbols = facts.iter().find(|it| it["key"] == "symbols").unwrap();
        assert_eq!((&symbols["old"], &symbols["new"]), (&"present".into(), &"stripped".into()));
    }
    let shown = String::from_utf8(run(&["old", "number"]).stdout).unwrap();
    assert!(shown.contains("code") && shown.ends_with("different\n"), "{shown}");
}

/// A directory without a package of its own.
fn empty() -> Place {
    let place = Place::new();
    fs::remove_file(place.path("Cargo.toml")).unwrap();
    place
}

/// The same sources in two directories, with a library beside each, outside of the workspace: its
/// panics name it by its absolute path.
fn in_directory(place: &Place, name: &str, more: &str, env: &[(&str, &str)]) -> String {
    let app = format!("{name}/app");
    place.write(
        &format!("{app}/Cargo.toml"),
        &manifest("my-app", "[dependencies]\nbeside = { path = \"../beside\" }\n"),
    );
    place.write(&format!("{name}/beside/Cargo.toml"), &manifest("beside", ""));
    place.write(
        &format!("{name}/beside/src/lib.rs"),
        "pub fn of(n: usize) -> u32 {\n    [5, 6, 7][n + 1]\n}\n",
    );
    place.write(
        &format!("{app}/build.rs"),
        "fn main() {\n    println!(\"cargo:rerun-if-env-changed=STAMP\");\n    \
         println!(\"cargo:rustc-env=STAMPED={}\", std::env::var(\"STAMP\").unwrap());\n}\n",
    );
    place.write(
        &format!("{app}/src/main.rs"),
        &format!(
            "fn main() {{\n    let n = std::env::args().count();\n    \
             println!(\"{{}} {{}}\", env!(\"CARGO_MANIFEST_DIR\"), beside::of(n));\n    \
             println!(\"stamped {{}}\", env!(\"STAMPED\"));{more}\n}}\n"
        ),
    );
    let manifest = format!("{app}/Cargo.toml");
    place.cargo_with(&["build", "--release", "--manifest-path", &manifest], env);
    format!("{app}/target/release/my-app")
}

#[test]
fn a_path_of_another_length_is_told_as_one_and_an_edit_beside_it_counts() {
    let place = empty();
    let stamp = [("STAMP", "first")];
    let short = in_directory(&place, "a", "", &stamp);
    let long = in_directory(&place, "a-much-longer-name", "", &stamp);
    let edited = "\n    std::process::exit(n as i32 % 5);";
    let edited = in_directory(&place, "an-edited-and-longer-name", edited, &stamp);
    let run = |old: &str, new: &str, more: &[&str]| {
        diff(place.directory.path(), &[&[old, new, "--format", "json"], more].concat())
    };
    let allowed = ["--ignore", "path,out-dir,crate-hash,codegen-order,build-id,strip"];
    let paths = run(&short, &long, &allowed);
    let report: Value = serde_json::from_slice(&paths.stdout).unwrap();
    let differences = report["programs"][0]["differences"].as_array().unwrap();
    let path = differences.iter().find(|it| it["cause"] == "path").expect("a path");
    assert!(path["new_text"].as_str().unwrap().contains("a-much-longer-name"), "{path}");
    let is_rest = |it: &&Value| it["cause"] == "code" && !it["place"].to_string().contains("main");
    assert_eq!(differences.iter().find(is_rest), None, "what only moved is no other code");
    assert_eq!(run(&short, &long, &[]).status.code(), Some(1));
    assert_eq!(run(&short, &edited, &allowed).status.code(), Some(1));
}

#[test]
fn what_build_scripts_wrote_is_a_cause_where_both_builds_lie_beside() {
    let place = empty();
    let old = in_directory(&place, "a", "", &[("STAMP", "first")]);
    fs::rename(place.path("a/app/target"), place.path("a/app/before")).unwrap();
    let new = in_directory(&place, "a", "", &[("STAMP", "other")]);
    let old = old.replace("target", "before");
    let causes = |old: &str| {
        let said = diff(place.directory.path(), &[old, &new, "--format", "json"]).stdout;
        let report: Value = serde_json::from_slice(&said).unwrap();
        let causes = report["programs"][0]["causes"].as_array().unwrap().clone();
        causes.iter().map(|it| it["cause"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(causes(&old).contains(&"build-script".to_owned()), "{:?}", causes(&old));
    let ignored = ["--ignore", "build-script,build-id"];
    let ignored = diff(place.directory.path(), &[&[old.as_str(), &new], &ignored[..]].concat());
    assert_eq!(ignored.status.code(), Some(0), "{}", String::from_utf8_lossy(&ignored.stdout));
    // Alone, a file does not tell who wrote its texts.
    fs::copy(place.path(&old), place.path("alone")).unwrap();
    assert!(!causes("alone").contains(&"build-script".to_owned()));
}
