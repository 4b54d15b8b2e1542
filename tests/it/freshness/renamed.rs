//! A program that is shipped under another name than cargo gave it, and who says which it is.

use std::fs;

use crate::support::layers;
use crate::support::place::{Judged, Place};
use crate::support::run;

/// The rules that hold a program against sources.
const AGAINST_SOURCES: &[&str] = &["placeholder-main", "stale-sources"];

fn shipped(place: &Place) -> &'static str {
    fs::create_dir_all(place.path("shipped")).unwrap();
    fs::copy(place.path("target/release/my-app"), place.path("shipped/backend")).unwrap();
    "shipped/backend"
}

/// One layer with these programs and `/srv/backend` as its command.
fn image(place: &Place, programs: &[(&str, Vec<u8>)]) -> String {
    let layout = place.path("layout");
    let entries: Vec<_> =
        programs.iter().map(|(path, bytes)| layers::program(path, bytes)).collect();
    let config = r#"{"Entrypoint":["/srv/backend"]}"#;
    let layer = layers::archive(&entries);
    let image = layers::image(&layout, ("linux", std::env::consts::ARCH), config, &[layer]);
    layers::index(&layout, &[image]);
    format!("oci:{}", layout.display())
}

#[test]
fn words_that_mean_one_binary_name_it() {
    let (stale, honest) = (Place::with_stub(), Place::honest());
    stale.copy_sources();
    for words in [&["--bin", "my-app"][..], &["-p", "my-app"], &["--manifest-path", "Cargo.toml"]] {
        let words = [&["--binary", shipped(&stale)], words].concat();
        let judged = stale.check(&words);
        AGAINST_SOURCES.iter().for_each(|rule| drop(judged.denies(rule, &["src/main.rs"])));
        shipped(&honest);
        honest.check(&words).is_fresh();
    }
}

/// Somebody who looks at any file from inside of any checkout has claimed nothing.
#[test]
fn nothing_is_compared_that_nobody_named() {
    let place = Place::honest();
    let other = Place::with_stub();
    let stranger = other.path("target/release/stranger");
    fs::rename(other.path("target/release/my-app"), &stranger).unwrap();
    let stranger = stranger.to_str().unwrap();
    let judged = place.check(&["--binary", stranger]);
    assert_eq!(judged.outcome("stale-sources"), "not-applicable");
    assert!(!judged.is_denied("placeholder-main"));
    let said = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
        .args(["check", "--binary", stranger])
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.contains("pass `--bin` with the target that it was built from: `my-app`"),
        "{said}"
    );
}

/// The name of another binary of the workspace is not overruled by a package or a place.
#[test]
fn a_file_that_bears_a_name_is_that_one() {
    let place = Place::new();
    place.copy("src/main.rs", "fn main() {\n    println!(\"the first of two programs\");\n}\n");
    let second = "fn main() {\n    println!(\"the second of two programs\");\n}\n";
    place.copy("src/bin/second.rs", second);
    place.build(&[]);
    let both = ["--bin", "my-app", "--bin", "second"];
    for words in [&[][..], &["-p", "my-app"], &both] {
        for name in ["my-app", "second"] {
            let path = format!("target/release/{name}");
            place.check(&[&["--binary", &path], words].concat()).is_fresh();
        }
    }
    let renamed = shipped(&place);
    let judged = place.check(&["--binary", renamed, "-p", "my-app"]);
    assert_eq!(judged.outcome("stale-sources"), "not-applicable", "there are two");
    place.check(&["--binary", renamed, "--bin", "my-app"]).is_fresh();
    place.check(&["--binary", renamed, "--bin", "second"]).denies("stale-sources", &["second"]);
}

/// Of the programs of an image, what it is there to run; its tools are nobody's.
#[test]
fn an_image_runs_what_was_meant() {
    let (stale, honest) = (Place::with_stub(), Place::honest());
    stale.copy_sources();
    let tool = Place::new();
    tool.write("src/main.rs", "fn main() {\n    println!(\"some other tool\");\n}\n");
    tool.build(&[]);
    let read = |place: &Place| fs::read(place.path("target/release/my-app")).unwrap();
    let words = ["--manifest-path", "Cargo.toml"];
    let subjects = |place: &Place, programs: &[(&str, Vec<u8>)]| {
        let image = image(place, programs);
        Judged::all(place.directory.path(), &[&["--image", &image], &words[..]].concat())
    };
    let both = |place: &Place| [("srv/backend", read(place)), ("usr/bin/tool", read(&tool))];
    let judged = subjects(&stale, &both(&stale));
    AGAINST_SOURCES
        .iter()
        .for_each(|rule| drop(judged["/srv/backend"].denies(rule, &["src/main.rs"])));
    let judged_honest = subjects(&honest, &both(&honest));
    judged_honest["/srv/backend"].is_fresh();
    assert_eq!(judged_honest["/srv/backend"].outcome("stale-sources"), "pass");
    for judged in [judged, judged_honest] {
        assert_eq!(judged["/usr/bin/tool"].outcome("stale-sources"), "not-applicable");
    }
    // One that bears the name is the one, whatever the image runs.
    let named = [("srv/backend", read(&tool)), ("srv/my-app", read(&honest))];
    let judged = subjects(&honest, &named);
    assert_eq!(judged["/srv/backend"].outcome("stale-sources"), "not-applicable");
    assert_eq!(judged["/srv/my-app"].outcome("stale-sources"), "pass");
}
