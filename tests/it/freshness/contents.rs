//! What contents prove where dates and copies say otherwise, built with the real cargo: `freshen`
//! and `check` agree on what is stale.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::place::{MAIN, Place, SERVER, STUB, compiled, freshen, heals, manifest};
use crate::support::run;

/// Copies a tree so that every file is written anew, and puts the copy in its place: sources
/// first, so that cargo finds none of them later than what it compiled.
fn rewrite(place: &Place) {
    let aside = tempfile::tempdir().unwrap();
    let run = |words: &[&str], from: &Path, to: &Path| {
        let done = run::command("cp").args(words).arg(from).arg(to).status();
        assert!(done.unwrap().success());
        std::thread::sleep(Duration::from_millis(20));
    };
    let home = place.directory.path();
    let names: Vec<_> = fs::read_dir(home).unwrap().flatten().map(|it| it.file_name()).collect();
    run(&["-a"], home, &aside.path().join("copy"));
    for name in &names {
        let path = home.join(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
    }
    let (target, sources): (Vec<_>, Vec<_>) = names.iter().partition(|name| *name == "target");
    for name in sources.into_iter().chain(target) {
        run(&["-r"], &aside.path().join("copy").join(name), home);
    }
}

#[test]
fn a_stale_tree_that_was_copied_is_stale_to_freshen_as_well() {
    let place = Place::with_stub();
    place.copy_sources();
    rewrite(&place);
    assert!(place.build(&[]).is_empty(), "cargo calls it fresh");
    place.check(&[]).denies("stale-by-mtime", &["src/server.rs"]);
    let (clean, said) = freshen(&place, &["--check"]);
    assert!(!clean && said.contains("bin `my-app`"), "{said}");
    freshen(&place, &[]);
    assert_eq!(place.build(&[]), ["my-app"]);
    place.check(&[]).is_fresh();
    for _ in 0..2 {
        assert!(freshen(&place, &[]).0);
        assert!(place.build(&[]).is_empty(), "a second run does nothing");
    }
}

#[test]
fn what_freshen_once_took_for_fresh_it_gives_up_when_contents_contradict() {
    let place = Place::with_stub();
    // The ledger of another machine knows the placeholder's unit by these very sources.
    freshen(&place, &[]);
    place.build(&[]);
    freshen(&place, &[]);
    let path = place.path("target/.binlint/freshen.json");
    let known = fs::read_to_string(&path).unwrap();
    let before = sha256(&place.path("src/main.rs"));
    place.copy_sources();
    let after = sha256(&place.path("src/main.rs"));
    assert!(known.contains(&before), "{known}");
    fs::write(&path, known.replace(&before, &after)).unwrap();
    place.check(&[]).denies("stale-by-mtime", &["src/server.rs"]);
    let (clean, said) = freshen(&place, &["--check"]);
    assert!(!clean && said.contains("src/server.rs is a part of the crate"), "{said}");
    freshen(&place, &[]);
    assert_eq!(place.build(&[]), ["my-app"]);
    assert!(freshen(&place, &[]).0);
    assert!(place.build(&[]).is_empty());
}

fn sha256(path: &Path) -> String {
    let output = run::command("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// What `freshen` knew is known to `check`: one letter in a comment is enough.
#[test]
fn a_change_that_leaves_no_trace_is_denied_by_the_digests_that_freshen_kept() {
    let place = Place::honest();
    freshen(&place, &[]);
    place.build(&[]);
    freshen(&place, &[]);
    place.check(&[]).is_fresh();
    place.copy("src/server.rs", &format!("{SERVER}// x\n"));
    assert!(place.build(&[]).is_empty());
    let judged = place.check(&[]);
    let line = judged.denies("stale-by-mtime", &["src/server.rs", "digest"]);
    heals(&place, &line, &[]);
}

/// `-Zchecksum-freshness` keeps the digests that stable Cargo lacks: they are compared, and cargo
/// heals by itself.
#[test]
fn the_digests_that_cargo_keeps_are_compared() {
    let bootstrap = [("RUSTC_BOOTSTRAP", "1")];
    let words = ["build", "--release", "-Zchecksum-freshness"];
    let place = Place::new();
    place.copy_sources();
    place.cargo_with(&words, &bootstrap);
    let judged = place.check(&[]);
    judged.is_fresh();
    assert_eq!(judged.outcome("stale-by-mtime"), "pass");
    // Dates alone mean nothing now, and one letter is enough.
    place.touch("src/server.rs");
    assert_eq!(place.check(&[]).outcome("stale-by-mtime"), "pass");
    place.copy("src/server.rs", &SERVER.replace("9090", "9091"));
    let judged = place.check(&[]);
    let line = judged.denies("stale-sources", &["src/server.rs", "BLAKE3"]);
    assert_eq!(line, "cargo build --release");
    assert_ne!(judged.outcome("stale-by-mtime"), "fail", "cargo would see it");
    assert_eq!(compiled(&place.cargo_with(&words, &bootstrap)), ["my-app"]);
    place.check(&[]).is_fresh();
}

/// A build script that reads its input, with the package it belongs to.
fn with_script(script: &str) -> Place {
    let place = Place::new();
    place.copy("build.rs", script);
    place.copy("data/greeting.txt", "hello from the first\n");
    let main = "fn main() {\n    println!(\"{:?}\", option_env!(\"GREETING\"));\n}\n";
    place.copy("src/main.rs", main);
    place
}

const READS: &str = "fn main() {
    println!(\"cargo::rerun-if-changed=data\");
    let text = std::fs::read_to_string(\"data/greeting.txt\").unwrap();
    println!(\"cargo::rustc-env=GREETING={}\", text.trim());
}
";

#[test]
fn an_input_of_a_build_script_that_freshen_knew_is_denied_when_it_changed() {
    let place = with_script(READS);
    freshen(&place, &[]);
    place.build(&[]);
    freshen(&place, &[]);
    place.check(&[]).is_fresh();
    place.copy("data/greeting.txt", "hello from the second\n");
    assert!(place.build(&[]).is_empty());
    let judged = place.check(&[]);
    let line = judged.denies("stale-workspace-member", &["data/greeting.txt", "build script"]);
    heals(&place, &line, &[]);
}

/// A script that calls others and prints nothing itself, over the placeholder that was compiled.
#[test]
fn a_placeholder_of_a_build_script_that_only_calls_is_denied() {
    let script = "fn main() {\n    generate(\"data/greeting.txt\", true).unwrap();\n}\n\n\
                  fn generate(path: &str, _: bool) -> std::io::Result<()> {\n    \
                  let text = std::fs::read_to_string(path)?;\n    \
                  let to = std::env::var(\"OUT_DIR\").unwrap() + \"/greeting.rs\";\n    \
                  std::fs::write(to, format!(\"pub const GREETING: &str = {text:?};\"))\n}\n";
    let place = with_script(STUB);
    place.write("src/main.rs", STUB);
    place.build(&[]);
    place.copy("build.rs", script);
    place.copy("src/main.rs", MAIN);
    place.copy("src/server.rs", SERVER);
    place.touch("src/main.rs");
    assert_eq!(place.build(&[]), ["my-app"], "and not its build script");
    let judged = place.check(&[]);
    let line = judged.denies("stale-workspace-member", &["build script", "does nothing"]);
    heals(&place, &line, &[]);
}

#[test]
fn scripts_that_are_what_they_seem_are_not_accused() {
    for script in [
        "fn main() {}\n",
        "fn main() {\n    helper();\n}\n\nfn helper() {}\n",
        "fn main() {\n    if std::env::var_os(\"DOCS_RS\").is_some() {\n        return;\n    }\n    \
         println!(\"cargo::rerun-if-changed=build.rs\");\n}\n",
        READS,
    ] {
        for profile in ["", "[profile.release.build-override]\nopt-level = 3\n"] {
            let place = with_script(script);
            place.write("Cargo.toml", &manifest("my-app", profile));
            place.build(&[]);
            let judged = place.check(&[]);
            judged.is_fresh();
            let again = compiled(&place.cargo(&["build", "--release"]));
            assert!(again.is_empty(), "{script} {judged:?}");
        }
    }
}

/// Scripts as people write them: what each makes of the file that it reads.
const SCRIPTS: &[&str] = &[
    READS,
    "use std::{env, fs, path::Path};

fn main() {
    let out = env::var_os(\"OUT_DIR\").unwrap();
    fs::copy(\"data/greeting.txt\", Path::new(&out).join(\"greeting.txt\")).unwrap();
    println!(\"cargo:rerun-if-changed=data/greeting.txt\");
}
",
    "use std::io::Write;

fn main() -> std::io::Result<()> {
    println!(\"cargo::rerun-if-changed=data/greeting.txt\");
    let text = std::fs::read_to_string(\"data/greeting.txt\")?;
    let to = format!(\"{}/greeting.rs\", std::env::var(\"OUT_DIR\").unwrap());
    let mut file = std::fs::File::create(&to)?;
    writeln!(file, \"pub const LINES: &[&str] = &[\")?;
    for line in text.lines() {
        if line.trim().is_empty() {
            continue;
        }
        writeln!(file, \"    {:?},\", line.trim())?;
    }
    writeln!(file, \"];\")?;
    Ok(())
}
",
    "use std::env;
use std::fs;
use std::path::PathBuf;

fn main() {
    let out = PathBuf::from(env::var(\"OUT_DIR\").expect(\"set by cargo\"));
    generate(&out.join(\"greeting.rs\"), \"data/greeting.txt\");
}

fn generate(to: &std::path::Path, path: &str) {
    println!(\"cargo:rerun-if-changed={path}\");
    let root = PathBuf::from(env!(\"CARGO_MANIFEST_DIR\"));
    let text = fs::read_to_string(root.join(path)).unwrap();
    let code = format!(\"pub fn greeting() -> &'static str {{\\n    {:?}\\n}}\\n\", text.trim_end());
    fs::write(to, code).unwrap();
}
",
];

/// The data was a placeholder, or another branch's, when the script ran; what came after is dated
/// before. No run of `freshen` knows anything, so the answer is open, and says what settles it.
#[test]
fn a_run_that_read_other_data_is_open_and_freshen_settles_it() {
    for script in SCRIPTS {
        for old in ["", "hello from another branch\n"] {
            let place = with_script(script);
            place.write("data/greeting.txt", old);
            place.build(&[]);
            place.check(&[]).is_fresh();
            place.copy("data/greeting.txt", "hello from the \"second\"\n\nand more\n");
            assert!(place.build(&[]).is_empty(), "cargo is blind: {script}");
            let judged = place.check(&[]);
            judged.is_fresh();
            assert_eq!(judged.outcome("stale-workspace-member"), "open", "{script}");
            let reason = judged.outcomes["stale-workspace-member"]["reason"].to_string();
            assert!(reason.contains("\"data"), "the file, or the folder that is watched: {reason}");
            assert!(reason.contains("freshen"), "{reason}");
            let (clean, said) = freshen(&place, &["--check"]);
            assert!(!clean && said.contains("data/greeting.txt"), "{said}");
            freshen(&place, &[]);
            assert_eq!(place.build(&[]), ["my-app"], "{script}");
            assert_eq!(place.check(&[]).outcome("stale-workspace-member"), "pass", "{script}");
        }
    }
}

/// Honest scripts with everything that a reader of their source would take for something else.
#[test]
fn scripts_of_any_shape_are_neither_followed_nor_accused() {
    const OUT: &str = "use std::{env, fs, path::{Path, PathBuf}};\n\
                       fn out() -> PathBuf { Path::new(&env::var(\"OUT_DIR\").unwrap()).join(\"gen.txt\") }\n";
    for script in [
        "fn main() { #[cfg(unix)] { println!(\"cargo::rustc-env=A=unix\"); } fs::write(out(), \"x\").unwrap(); }",
        "fn main() { 'done: { if env::var(\"NOPE\").is_ok() { break 'done; } } fs::write(out(), \"x\").unwrap(); }",
        "fn main() { let mut s = String::new(); s += \"hello\"; fs::write(out(), s).unwrap(); }",
        "fn main() { let mut s = String::from(\"a\"); let to = &mut s; to.push_str(\"b\"); fs::write(out(), s).unwrap(); }",
        "fn main() { let mut s = String::from(\"a\"); fill(&mut s); }\n\
         fn fill(to: &mut String) { for x in [\"b\", \"c\"] { to.push_str(x); } fs::write(out(), to.as_str()).unwrap(); }",
        "fn main() { let mut found = false; for line in \"a\\nb\".lines() { found |= line == \"b\"; }\n\
         fs::write(out(), if found { \"yes\" } else { \"no\" }).unwrap(); }",
        "#[cfg(unix)] const SEP: &str = \"/\"; #[cfg(windows)] const SEP: &str = \"back\";\n\
         fn main() { fs::write(out(), SEP).unwrap(); }",
        "fn main() { fs::write(out(), \"x\").unwrap(); #[cfg(windows)] resources(); #[cfg(not(windows))] let _ = resources; }\n\
         fn resources() { println!(\"cargo::rustc-env=A=windows\"); }",
        "fn main() { fs::write(out(), format!(\"{:?}\", 'x')).unwrap(); }",
        "#[allow(unused_macros)] macro_rules! format { ($($t:tt)*) => { String::from(\"mine\") }; }\n\
         fn main() { fs::write(out(), format!(\"std\")).unwrap(); }",
    ] {
        let place = with_script(&format!("{OUT}{script}\n"));
        let main = "fn main() {\n    println!(\"{}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/gen.txt\")));\n}\n";
        place.copy("src/main.rs", main);
        place.build(&[]);
        let judged = place.check(&[]);
        judged.is_fresh();
        assert_eq!(judged.outcome("stale-workspace-member"), "pass", "{script}: {judged:?}");
        let (clean, said) = freshen(&place, &["--check"]);
        assert!(clean, "{script}: {said}");
    }
}

#[test]
fn the_same_scripts_over_the_data_at_hand_are_fresh() {
    for script in SCRIPTS {
        let place = with_script(script);
        place.build(&[]);
        let judged = place.check(&[]);
        judged.is_fresh();
        // The same contents, copied once more as a later layer does.
        place.copy("data/greeting.txt", "hello from the first\n");
        place.check(&[]).is_fresh();
    }
}

/// A script that counts its runs in a file that it reads: what is there now is for the next run.
#[test]
fn a_script_that_changes_what_it_reads_is_not_accused() {
    let counts = "fn main() {
    let text = std::fs::read_to_string(\"data/greeting.txt\").unwrap();
    println!(\"cargo::rustc-env=GREETING={}\", text.trim());
    std::fs::write(\"data/greeting.txt\", format!(\"{}+\", text.trim())).unwrap();
}
";
    let place = with_script(counts);
    place.build(&[]);
    place.check(&[]).is_fresh();
    // A file system's clock moves on every few milliseconds: the run may begin and end in one.
    let runs = std::fs::read_dir(place.directory.path().join("target/release/build")).unwrap();
    let began = runs.filter_map(|run| {
        std::fs::metadata(run.unwrap().path().join("invoked.timestamp")).ok()?.modified().ok()
    });
    let began = began.max().expect("the script ran");
    let data =
        std::fs::File::options().write(true).open(place.directory.path().join("data/greeting.txt"));
    data.unwrap().set_modified(began).unwrap();
    place.check(&[]).is_fresh();
}

/// A step for one profile leaves the other in the cache as it is known.
#[test]
fn freshen_of_one_profile_remembers_the_others() {
    let place = Place::new();
    place.copy_sources();
    freshen(&place, &[]);
    place.build(&[]);
    place.cargo(&["build"]);
    // The same sources out of another layer: only the ledger knows them.
    for path in ["src/main.rs", "src/server.rs"] {
        fs::remove_file(place.path(path)).unwrap();
    }
    place.copy_sources();
    let (_, said) = freshen(&place, &["--release"]);
    assert!(said.contains("1 unit matches its sources"), "{said}");
    let (clean, said) = freshen(&place, &["--check"]);
    assert!(clean, "{said}");
}
