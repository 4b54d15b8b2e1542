//! Features and RUSTFLAGS that were changed without effect, built with the real cargo, and beside
//! each its honest twin.

use std::fs;

use crate::support::place::{Place, heals, host, manifest};

/// Its `main` says whether the feature is on.
fn with_features(default: &str) -> Place {
    let place = Place::new();
    declare(&place, default);
    place.copy_sources();
    place
}

fn declare(place: &Place, default: &str) {
    let features = format!("[features]\ndefault = [{default}]\ntls = []\nextra = []\n");
    place.write("Cargo.toml", &manifest("my-app", &features));
}

#[test]
fn a_feature_turned_on_in_the_manifest_alone_is_denied() {
    let place = with_features("");
    place.build(&[]);
    place.check(&[]).is_fresh();
    declare(&place, "\"tls\"");
    let judged = place.check(&[]);
    let line =
        judged.denies("feature-mismatch", &["without `tls`, which its Cargo.toml enables now"]);
    assert_eq!(line, "cargo build --release");
    heals(&place, &line, &[]);
    // One more that nothing turns on changes nothing in the program.
    let more = "[features]\ndefault = [\"tls\"]\ntls = []\nextra = []\nmore = []\n";
    place.write("Cargo.toml", &manifest("my-app", more));
    place.check(&[]).is_fresh();
}

#[test]
fn the_last_build_hands_out_its_own_features_whatever_was_asked_for_before() {
    let place = with_features("");
    place.build(&["--features", "tls"]);
    place.check(&["--features", "tls"]).is_fresh();
    // A command without the words hands out a program without the feature.
    place.build(&[]);
    let judged = place.check(&["--features", "tls"]);
    let line = judged.denies("feature-mismatch", &["without `tls`", "--features tls"]);
    assert_eq!(line, "cargo build --release --features tls");
    place.check(&[]).is_fresh();
    // Cargo keeps both: it hands the other one out again and compiles nothing.
    assert!(place.build(&["--features", "tls"]).is_empty());
    place.check(&["--features", "tls"]).is_fresh();
}

#[test]
fn an_older_twin_without_the_feature_is_denied() {
    let host = host();
    let place = with_features("");
    place.build(&[]);
    place.build(&["--target", &host, "--no-default-features", "--features", "tls"]);
    fs::create_dir(place.path("dist")).unwrap();
    for (from, denied) in [("release", true), (&format!("{host}/release"), false)] {
        fs::copy(place.path("target").join(from).join("my-app"), place.path("dist/my-app"))
            .unwrap();
        let words = ["--binary", "dist/my-app", "--no-default-features", "--features=tls"];
        let judged = place.check(&words);
        assert_eq!(judged.is_denied("feature-mismatch"), denied, "{from}: {judged:?}");
    }
}

#[test]
fn words_that_the_check_was_not_given_accuse_nobody() {
    let place = with_features("\"tls\"");
    place.build(&["--no-default-features"]);
    let judged = place.check(&[]);
    assert_eq!(judged.outcome("feature-mismatch"), "fail");
    assert!(!judged.is_denied("feature-mismatch"), "{judged:?}");
    place.check(&["--no-default-features"]).is_fresh();
    place.build(&["--features", "extra"]);
    place.check(&[]).is_fresh();
    let judged = place.check(&["--features", "tls"]);
    judged.denies("feature-mismatch", &["`extra`, which was not asked for"]);
    place.build(&["--all-features"]);
    place.check(&["--all-features"]).is_fresh();
}

#[test]
fn features_that_another_member_turns_on_are_nobodys_fault() {
    let place = Place::new();
    let members = "[workspace]\nresolver = \"2\"\nmembers = [\"my-app\", \"other\"]\n";
    place.write("Cargo.toml", members);
    let library = "[features]\nfast = []\n";
    place.write("my-app/Cargo.toml", &manifest("my-app", library));
    place.copy("my-app/src/lib.rs", "pub fn fast() -> bool {\n    cfg!(feature = \"fast\")\n}\n");
    place.copy(
        "my-app/src/main.rs",
        "fn main() {\n    println!(\"fast: {}\", my_app::fast());\n}\n",
    );
    let other = "[dependencies]\nmy-app = { path = \"../my-app\", features = [\"fast\"] }\n";
    place.write("other/Cargo.toml", &manifest("other", other));
    place.copy("other/src/main.rs", "fn main() {\n    println!(\"{}\", my_app::fast());\n}\n");
    place.build(&[]);
    place.check(&["-p", "my-app"]).is_fresh();
    place.check(&["-p", "my-app", "--no-default-features"]).is_fresh();
}

#[test]
fn flags_of_a_configuration_that_came_after_the_build_are_denied() {
    let place = Place::honest();
    place.write(".cargo/config.toml", "[build]\nrustflags = [\"-C\", \"target-cpu=x86-64-v2\"]\n");
    let judged = place.check(&[]);
    let line = judged.denies("rustflags-ignored", &["target-cpu=x86-64-v2", "config.toml"]);
    heals(&place, &line, &[]);
    // The same flag in another spelling is the same flag, though cargo would compile again.
    place.write(".cargo/config.toml", "[build]\nrustflags = \"-Ctarget-cpu=x86-64-v2\"\n");
    place.check(&[]).is_fresh();
}

#[test]
fn flags_that_are_in_the_environment_of_the_check_are_expected_inside() {
    let place = Place::honest();
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        let flags = [(name, "-Copt-level=2")];
        let judged = place.check_with(&[], &flags);
        judged.denies("rustflags-ignored", &["-Copt-level=2", name]);
        // What was built with the flags before, and the plain program that is copied after it.
        place.cargo_with(&["build", "--release"], &flags);
        place.check_with(&[], &flags).is_fresh();
        place.build(&[]);
        place.check_with(&[], &flags).denies("rustflags-ignored", &["-Copt-level=2"]);
        place.check(&[]).is_fresh();
    }
}

#[test]
fn flags_that_a_variable_of_the_build_alone_gave_accuse_nobody() {
    let place = Place::new();
    place.copy_sources();
    let flags = [("RUSTFLAGS", "-Copt-level=2")];
    place.cargo_with(&["build", "--release"], &flags);
    let judged = place.check(&[]);
    assert_eq!(judged.outcome("rustflags-ignored"), "pass", "{judged:?}");
    // Beside a configuration they shut its flags out, which is said where both are known.
    place.write(".cargo/config.toml", "[build]\nrustflags = [\"-Cdebuginfo=1\"]\n");
    place.cargo_with(&["build", "--release"], &flags);
    let judged = place.check_with(&[], &flags);
    assert!(judged.finding("rustflags-ignored").contains("overrides"), "{judged:?}");
    assert!(!judged.is_denied("rustflags-ignored"), "{judged:?}");
    place.check(&[]).denies("rustflags-ignored", &["-Cdebuginfo=1"]);
}

#[test]
fn flags_where_cargo_never_looks_are_denied() {
    let place = Place::new();
    place.copy_sources();
    place.write("Cargo.toml", &manifest("my-app", "[build]\nrustflags = [\"-Copt-level=2\"]\n"));
    place.build(&[]);
    place.check(&[]).denies("rustflags-ignored", &["Cargo.toml", "does not read"]);
    place.write("Cargo.toml", &manifest("my-app", ""));
    place.write(".cargo/config.toml", "[env]\nRUSTFLAGS = \"-Copt-level=2\"\n");
    place.build(&[]);
    place.check(&[]).denies("rustflags-ignored", &["config.toml", "does not read"]);
    place.write(".cargo/config.toml", "[build]\nrustflags = [\"-Copt-level=2\"]\n");
    place.build(&[]);
    place.check(&[]).is_fresh();
}
