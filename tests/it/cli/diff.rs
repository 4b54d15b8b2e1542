//! `diff`: what two builds of one program differ in, by exit code and in both formats.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::place::{Place, clean, manifest};

fn build(place: &Place, main: &str) -> Vec<u8> {
    place.write("src/main.rs", main);
    place.touch("src/main.rs");
    place.build(&[]);
    fs::read(place.path("target/release/my-app")).unwrap()
}

fn diff(directory: &Path, more: &[&str]) -> Output {
    clean(Command::new(env!("CARGO_BIN_EXE_cargo-binlint")))
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

    fs::copy(place.path("old"), place.path("stripped")).unwrap();
    let stripped = Command::new("strip").arg(place.path("stripped")).status();
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
