//! Lines that findings end in, each typed as it stands, where the obvious one heals nothing: trees
//! that were moved, programs that were copied, crates that only the command's other programs need.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::place::{MAIN, Place, SERVER, STUB, heals, host, judge, manifest};
use crate::support::run;

/// Runs a line; what it answers does not matter, only that it works.
#[track_caller]
fn type_in(place: &Place, line: &str) {
    std::thread::sleep(Duration::from_millis(20));
    let shell = run::offline("sh").args(["-c", line]).current_dir(place.directory.path()).output();
    let done = shell.unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
}

/// `cp -a` of a workspace with its target directory: what `COPY . .` without `.dockerignore` does.
fn moved(from: &Place) -> Place {
    let to = Place { directory: tempfile::tempdir().unwrap() };
    let tree = format!("{}/.", from.directory.path().display());
    let done = run::command("cp").args(["-a", &tree]).arg(to.directory.path()).status();
    assert!(done.unwrap().success());
    to
}

fn with_macro(text: &str) -> Place {
    let place = Place::new();
    let needs = "[dependencies]\nnames = { path = \"names\" }\n[workspace]\n";
    place.write("Cargo.toml", &manifest("my-app", needs));
    place.write("names/Cargo.toml", &manifest("names", "[lib]\nproc-macro = true\n"));
    let derive = format!(
        "use proc_macro::TokenStream;\n\n#[proc_macro_derive(Named, attributes(named))]\n\
         pub fn named(_: TokenStream) -> TokenStream {{\n    \
         \"impl User {{ fn name() -> &'static str {{ \\\"{text}\\\" }} }}\".parse().unwrap()\n}}\n"
    );
    place.copy("names/src/lib.rs", &derive);
    let main = "#[derive(names::Named)]\nstruct User;\n\nfn main() {\n    \
                println!(\"the name of it: {}\", User::name());\n}\n";
    place.copy("src/main.rs", main);
    // One more program, which needs nothing.
    place.copy("src/bin/other.rs", "fn main() {\n    println!(\"the other program runs\");\n}\n");
    place
}

/// Nothing is kept of an empty procedural macro but that it has no name; and the command that builds
/// one program again builds the others, which need it.
#[test]
fn the_line_of_one_program_names_what_the_others_of_its_command_need() {
    let real = with_macro("a user");
    real.build(&[]);
    real.check(&["--bin", "my-app"]).is_fresh();
    let place = with_macro("a user");
    let sources = ["names/src/lib.rs", "src/main.rs", "src/bin/other.rs"];
    let texts = sources.map(|path| fs::read_to_string(place.path(path)).unwrap());
    place.write("names/src/lib.rs", "");
    place.write("src/main.rs", STUB);
    place.write("src/bin/other.rs", STUB);
    place.build(&[]);
    for (path, text) in sources.iter().zip(&texts) {
        place.copy(path, text);
    }
    assert!(place.build(&[]).is_empty());
    let judged = place.check(&["--bin", "my-app"]);
    judged.denies("stale-workspace-member", &["names/src/lib.rs", "`Named`"]);
    let line = place.check(&["--bin", "other"]).denies("stale-by-mtime", &["src/bin/other.rs"]);
    assert!(line.contains("names/src/lib.rs") && line.contains("src/main.rs"), "{line}");
    heals(&place, &line, &["--bin", "other"]);
    place.check(&["--bin", "my-app"]).is_fresh();
}

#[test]
fn a_moved_tree_is_healed_by_dates_and_its_program_by_throwing_it_away() {
    let place = Place::new();
    let needs = "[dependencies]\nlibrary = { path = \"library\" }\n[workspace]\n";
    place.write("Cargo.toml", &manifest("my-app", needs));
    place.write("library/Cargo.toml", &manifest("library", ""));
    place.copy("library/src/lib.rs", "pub fn version() -> u32 {\n    1\n}\n");
    let main = "fn main() {\n    println!(\"library {}\", library::version());\n}\n";
    place.copy("src/main.rs", main);
    place.build(&[]);

    let stage = moved(&place);
    let honest = stage.check(&[]);
    assert_eq!(honest.outcome("foreign-artifact"), "fail");
    assert!(!honest.is_denied("foreign-artifact"), "{honest:?}");
    let line =
        honest.outcomes["foreign-artifact"]["findings"][0]["fix"].as_str().unwrap().to_owned();
    heals(&stage, &line, &[]);

    for rule in ["stale-workspace-member", "foreign-artifact"] {
        let stage = moved(&place);
        stage.copy("library/src/lib.rs", "pub fn version() -> u32 {\n    2\n}\n");
        assert!(stage.build(&[]).is_empty(), "cargo is blind");
        let line = stage.check(&[]).denies(rule, &["library/src/lib.rs", "MD5"]);
        type_in(&stage, &line);
        let after = stage.check(&[]);
        assert!(!after.is_denied(rule) && !after.is_denied("stale-sources"), "{line}: {after:?}");
        assert!(stage.build(&[]).is_empty());
    }
}

/// Dates of another place say nothing; what a build script read there is nowhere kept.
#[test]
fn what_a_moved_tree_cannot_tell_is_open() {
    let place = Place::honest();
    let script = "fn main() {\n    println!(\"cargo::rerun-if-changed=data.txt\");\n    \
                  let n = std::fs::read(\"data.txt\").unwrap().iter().filter(|it| **it == 7).count();\n    \
                  println!(\"cargo::rustc-env=SEVENS={n}\");\n}\n";
    place.copy("build.rs", script);
    place.copy("data.txt", "first\n");
    place.touch("src/main.rs");
    place.build(&[]);
    place.check(&[]).is_fresh();
    let stage = moved(&place);
    stage.copy("data.txt", "second\n");
    assert!(stage.build(&[]).is_empty());
    assert_eq!(stage.check(&[]).outcome("stale-workspace-member"), "open");
    // The same where it was built.
    place.copy("data.txt", "second\n");
    let judged = place.check(&[]);
    assert_eq!(judged.outcome("stale-workspace-member"), "open");
    let reason = judged.outcomes["stale-workspace-member"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("data.txt"), "{reason}");
}

/// Cargo compares a script that names no file with the newest of its package: an older one is not
/// seen, and every one may have been read.
#[test]
fn data_of_a_script_that_watches_nothing_is_open_when_it_came_later() {
    let place = Place::honest();
    let script = "fn main() {\n    \
                  let n = std::fs::read(\"data.txt\").unwrap().iter().filter(|it| **it == 7).count();\n    \
                  println!(\"cargo::rustc-env=SEVENS={n}\");\n}\n";
    place.copy("build.rs", script);
    place.copy("data.txt", "first\n");
    place.touch("src/main.rs");
    place.build(&[]);
    assert_eq!(place.check(&[]).outcome("stale-workspace-member"), "pass");
    place.copy("data.txt", "second\n");
    place.build(&[]);
    let judged = place.check(&[]);
    assert_eq!(judged.outcome("stale-workspace-member"), "open", "{judged:?}");
}

#[test]
fn an_edited_text_that_cargo_does_not_see_is_healed_by_a_date() {
    let place = Place::new();
    let server = "pub fn port(arguments: usize) -> u16 {\n    \
                  eprintln!(\"the first server of this machine is about to listen\");\n    \
                  [8080, 9090][arguments - 1]\n}\n";
    place.copy("src/main.rs", MAIN);
    place.copy("src/server.rs", server);
    place.build(&[]);
    place.check(&[]).is_fresh();
    place.copy("src/server.rs", &server.replace("first", "third"));
    assert!(place.build(&[]).is_empty());
    let line = place.check(&[]).denies("stale-sources", &["the third server of this machine"]);
    heals(&place, &line, &[]);
}

/// The program that was copied on is the one that is judged: to build is not enough.
#[test]
fn a_stale_copy_is_built_and_copied_again() {
    let place = Place::honest();
    fs::create_dir(place.path("dist dir")).unwrap();
    fs::copy(place.path("target/release/my-app"), place.path("dist dir/my-app")).unwrap();
    let words = ["--binary", "dist dir/my-app"];
    place.check(&words).is_fresh();
    place.write("src/main.rs", &MAIN.replace("listening on port", "now serving on port"));
    let line = place.check(&words).denies("stale-sources", &["now serving on port"]);
    assert!(line.ends_with("&& cp target/release/my-app 'dist dir/my-app'"), "{line}");
    heals(&place, &line, &words);
}

#[test]
fn a_foreign_program_is_replaced_by_the_line() {
    let build_id = [("RUSTFLAGS", "-Clink-arg=-Wl,--build-id=sha1")];
    let flags = "[build]\nrustflags = [\"-Clink-arg=-Wl,--build-id=sha1\"]\n";
    let other = Place::new();
    other.write("src/main.rs", "fn main() {\n    println!(\"something else entirely\");\n}\n");
    other.cargo_with(&["build", "--release"], &build_id);
    let foreign = other.path("target/release/my-app");
    for to in ["target/release/my-app", "bin/my-app"] {
        let place = Place::new();
        place.write(".cargo/config.toml", flags);
        place.copy_sources();
        place.build(&[]);
        fs::create_dir_all(place.path("bin")).unwrap();
        let _ = fs::remove_file(place.path(to));
        fs::copy(&foreign, place.path(to)).unwrap();
        let line =
            place.check(&["--binary", to]).denies("foreign-artifact", &["that cargo built here"]);
        type_in(&place, &line);
        place.check(&["--binary", to]).is_fresh();
    }
}

/// Both programs are of the same sources: who ships the host's is not told to ship the other.
#[test]
fn a_twin_is_denied_where_something_says_that_it_is_of_other_sources() {
    let host = host();
    let place = Place::honest();
    std::thread::sleep(Duration::from_millis(20));
    place.build(&["--target", &host]);
    let words = ["--binary", "target/release/my-app"];
    let judged = place.check(&words);
    assert_eq!(judged.outcome("wrong-artifact-path"), "fail");
    assert!(!judged.is_denied("wrong-artifact-path"), "{judged:?}");
    // The configuration sends cargo elsewhere: nothing here will ever be newer.
    place.write(".cargo/config.toml", &format!("[build]\ntarget = \"{host}\"\n"));
    place.check(&words).denies("wrong-artifact-path", &[]);
    fs::remove_dir_all(place.path(".cargo")).unwrap();
    place.write("src/server.rs", &SERVER.replace("8080", "8081"));
    place.build(&["--target", &host]);
    let line = place.check(&words).denies("wrong-artifact-path", &[&host]);
    type_in(&place, &line);
    place.check(&words).is_fresh();
}

/// Cargo hands out programs and examples; only the first are anybody's binary.
#[test]
fn an_example_is_no_foreign_program() {
    let place = Place::honest();
    place.copy("examples/demo.rs", "fn main() {\n    println!(\"a demonstration of it\");\n}\n");
    // One of the program's own name is another program.
    place
        .copy("examples/my-app.rs", "fn main() {\n    println!(\"an example by that name\");\n}\n");
    place.build(&["--examples"]);
    for name in ["demo", "my-app"] {
        place.check(&["--binary", &format!("target/release/examples/{name}")]).is_fresh();
    }
}

/// The profile of a program in the target directory is where it lies, whatever was built last.
#[test]
fn a_program_is_of_the_profile_whose_directory_it_lies_in() {
    let place = Place::new();
    place.copy_sources();
    place.cargo(&["build"]);
    place.build(&[]);
    place.write("src/main.rs", &MAIN.replace("listening on port", "now serving on port"));
    let line = place.check(&["--binary", "target/debug/my-app"]).denies("stale-sources", &[]);
    assert_eq!(line, "cargo build");
}

/// `COPY target/release/my-app /usr/local/bin/server`: who names both means both.
#[test]
fn a_renamed_copy_is_held_against_the_only_program_when_its_workspace_is_named() {
    let place = Place::honest();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("server");
    fs::copy(place.path("target/release/my-app"), &copy).unwrap();
    let manifest_path = place.path("Cargo.toml");
    let words = ["--manifest-path", manifest_path.to_str().unwrap(), "--binary"];
    let words = [&words[..], &[copy.to_str().unwrap()]].concat();
    let judged = judge(elsewhere.path(), &words, &[]);
    judged.is_fresh();
    assert_eq!(judged.outcome("stale-sources"), "pass");
    let old = SystemTime::now() - Duration::from_secs(3600);
    place.write("src/main.rs", &MAIN.replace("listening on port", "now serving on port"));
    place.date("src/main.rs", old);
    judge(elsewhere.path(), &words, &[]).denies("stale-sources", &["now serving on port"]);
    // Of two it may be either: that is said, and nobody is accused.
    place.copy("src/bin/other.rs", "fn main() {\n    println!(\"the other program\");\n}\n");
    judge(elsewhere.path(), &words, &[]).is_fresh();
    let said = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
        .arg("check")
        .args(&words)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("`server` was not compared with the sources here"), "{said}");
}
