//! `check --rebuild`: honest builds are proven, edits that cargo did not see are denied, and the
//! judged build is as it was, however the rebuild ends.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::place::{Place, host, manifest};
use crate::support::rebuilding::{MAIN, TEXT, answer, edit, package, rebuild, rebuild_with};
use crate::support::run;
use crate::support::slow::{self, Need};

/// Real packages: each is built, proven, edited in a number, and denied.
#[test]
fn packages_of_the_registry_are_proven() {
    if slow::is_left_out(Need::Network) {
        return;
    }
    let names = PACKAGES.map(|(name, version)| format!("{name} = \"={version}\"\n"));
    let place = Place::new();
    place.copy("Cargo.toml", &manifest("all", &format!("[dependencies]\n{}", names.concat())));
    place.copy("src/lib.rs", "");
    place.cargo_with(&["fetch"], &[("CARGO_NET_OFFLINE", "false")]);
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| PathBuf::from(std::env::var("HOME").unwrap()).join(".cargo"));
    let (mut proven, mut unproven) = (0, Vec::new());
    for (name, version) in PACKAGES {
        let package = Place::new();
        let registries = fs::read_dir(home.join("registry/src")).unwrap();
        let from = registries.map(|it| it.unwrap().path().join(format!("{name}-{version}")));
        let from = from.into_iter().find(|it| it.is_dir()).unwrap();
        let copied = run::command("cp").arg("-rT").args([&from, package.directory.path()]).status();
        assert!(copied.unwrap().success());
        package.cargo_with(&["fetch"], &[("CARGO_NET_OFFLINE", "false")]);
        package.build(&[]);
        let answer = rebuild(&package, &[]);
        match answer.rebuilds.values().all(|it| it["outcome"] == "equal") {
            true => proven += 1,
            false => unproven.push(format!("{name}: {:?}", answer.rebuilds)),
        }
        assert!(!answer.denied.contains(&"not-reproduced".to_owned()), "{name}");
    }
    assert_eq!(proven, PACKAGES.len(), "not proven: {unproven:#?}");
}

const PACKAGES: [(&str, &str); 5] = [
    ("base100", "0.4.1"),
    ("choose", "1.3.7"),
    ("docopt", "1.1.1"),
    ("hexdino", "0.1.3"),
    ("lolcat", "1.5.0"),
];

#[test]
fn an_honest_build_is_proven_and_an_edit_under_an_old_date_is_denied() {
    let place = package("");
    place.build(&[]);
    rebuild(&place, &[]).is_proven();
    edit(&place, "src/main.rs", "9090", "9091");
    assert!(place.build(&[]).is_empty(), "cargo was not to see it");
    let answer = rebuild(&place, &[]);
    answer.is_denied();
    let said = answer.only()["differences"].to_string();
    assert!(said.contains("function my_app::"), "{said}");
    // Another program is denied whether or not cargo would see it.
    place.touch("src/main.rs");
    rebuild(&place, &[]).is_denied();
    place.build(&[]);
    rebuild(&place, &[]).is_proven();
}

#[test]
fn five_kinds_of_edits_are_denied_and_one_of_dead_code_is_none() {
    let place = package("");
    place.build(&[]);
    let edits = [
        ("src/main.rs", "8080", "8081"),
        ("src/main.rs", "> 3", "< 3"),
        ("src/text.rs", "listening on", "waiting at"),
        ("src/main.rs", "fn main() {\n", "fn main() {\n    std::thread::yield_now();\n"),
        ("src/main.rs", "fn main() {", "fn help() { println!(\"help\") }\n\nfn main() { help();"),
    ];
    for (path, from, to) in edits {
        edit(&place, path, from, to);
        rebuild(&place, &[]).is_denied();
        place.copy("src/main.rs", MAIN);
        place.copy("src/text.rs", TEXT);
    }
    rebuild(&place, &[]).is_proven();
    edit(&place, "src/text.rs", "\n}", "\n}\n\n#[allow(dead_code)]\nfn nobody() -> u8 {\n    7\n}");
    rebuild(&place, &[]).is_proven();
}

#[test]
fn build_scripts_macros_and_included_files_are_compiled_again() {
    let place = package("[dependencies]\nnumbers = { path = \"numbers\" }\n[workspace]\n");
    place.copy("numbers/Cargo.toml", &manifest("numbers", "[lib]\nproc-macro = true\n"));
    place.copy(
        "numbers/src/lib.rs",
        "extern crate proc_macro;\nuse proc_macro::TokenStream;\n\n#[proc_macro]\n\
         pub fn number(_: TokenStream) -> TokenStream {\n    \"4321u32\".parse().unwrap()\n}\n",
    );
    place.copy("text.txt", "an included text\n");
    place.copy("watched.txt", "watched 17");
    place.copy(
        "build.rs",
        "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         let code = format!(\"pub fn place() -> &'static str {{ {out:?} }}\\n\\\n         \
         pub fn at(n: usize) -> u32 {{ [1, 2, 3][n] + 4000 }}\\n\");\n    \
         std::fs::write(format!(\"{out}/gen.rs\"), code).unwrap();\n    \
         println!(\"cargo:rerun-if-changed=build.rs\");\n    \
         println!(\"cargo:rerun-if-changed=watched.txt\");\n    \
         println!(\"cargo:rerun-if-env-changed=STAMP\");\n    \
         println!(\"cargo:rustc-env=STAMPED={}\", std::env::var(\"STAMP\").unwrap_or_default());\n    \
         println!(\"cargo:rustc-env=WATCHED={}\", std::fs::read_to_string(\"watched.txt\").unwrap());\n}\n",
    );
    place.copy(
        "src/main.rs",
        "mod text;\n\ninclude!(concat!(env!(\"OUT_DIR\"), \"/gen.rs\"));\n\nfn main() {\n    \
         println!(\"{} {} {}\", text::greeting(), place(), at(std::env::args().count()));\n    \
         println!(\"{} {:?} {}\", env!(\"STAMPED\"), option_env!(\"COMMIT\"), env!(\"WATCHED\"));\n    \
         println!(\"{} {}\", include_str!(\"../text.txt\"), numbers::number!());\n}\n",
    );
    // Variables of the build that nobody sets again are recovered.
    place.cargo_with(&["build", "--release"], &[("STAMP", "of the build"), ("COMMIT", "1b2c3d4")]);
    rebuild(&place, &[]).is_proven();
    for (path, from, to) in [
        ("numbers/src/lib.rs", "4321u32", "4322u32"),
        ("text.txt", "included", "enclosed"),
        ("watched.txt", "watched 17", "watched 18"),
        ("build.rs", "4000", "4001"),
    ] {
        let old = fs::read_to_string(place.path(path)).unwrap();
        edit(&place, path, from, to);
        rebuild(&place, &[]).is_denied();
        place.copy(path, &old);
    }
    rebuild(&place, &[]).is_proven();
}

#[test]
fn what_does_not_repeat_itself_is_inconclusive() {
    let place = package("");
    place.copy(
        "build.rs",
        "fn main() {\n    let now = std::time::SystemTime::now();\n    \
         let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();\n    \
         println!(\"cargo:rustc-env=BUILT={now}\");\n}\n",
    );
    edit(&place, "src/main.rs", "println!(\"", "println!(\"{} ");
    edit(&place, "src/main.rs", "text::greeting()", "env!(\"BUILT\"), text::greeting()");
    place.build(&[]);
    let answer = rebuild(&place, &[]);
    answer.is("not-repeatable", "the build script of `my-app` wrote");
    assert_eq!((answer.code, answer.denied.len()), (0, 0));
    // An edit beside the clock is seen all the same: the script's output is held as it was.
    edit(&place, "src/main.rs", "9090", "9091");
    rebuild(&place, &[]).is_denied();

    let place = package("[dependencies]\nnumbers = { path = \"numbers\" }\n[workspace]\n");
    place.copy("numbers/Cargo.toml", &manifest("numbers", "[lib]\nproc-macro = true\n"));
    place.copy(
        "numbers/src/lib.rs",
        "extern crate proc_macro;\nuse proc_macro::TokenStream;\nuse std::collections::HashMap;\n\n\
         #[proc_macro]\npub fn numbers(_: TokenStream) -> TokenStream {\n    \
         let all: HashMap<u32, ()> = (0..20).map(|it| (it, ())).collect();\n    \
         let all: Vec<String> = all.keys().map(|it| format!(\"{it}u32\")).collect();\n    \
         format!(\"[{}]\", all.join(\",\")).parse().unwrap()\n}\n",
    );
    place.copy("src/main.rs", "fn main() {\n    println!(\"{:?}\", numbers::numbers!());\n}\n");
    place.build(&[]);
    let answer = rebuild(&place, &[]);
    answer.is("not-repeatable", "two rebuilds differ from each other");
    assert_eq!((answer.code, answer.denied.len()), (0, 0));
}

/// A script that reads a variable and does not let cargo watch it writes something else where the
/// variable is another one: no edit.
#[test]
fn a_variable_that_nobody_recorded_accuses_nobody() {
    let place = package("");
    place.copy(
        "build.rs",
        "fn main() {\n    let stamp = std::env::var(\"HASH\").unwrap_or_default();\n    \
         println!(\"cargo:rustc-env=BUILT={stamp}\");\n}\n",
    );
    edit(&place, "src/main.rs", "println!(\"", "println!(\"{} ");
    edit(&place, "src/main.rs", "text::greeting()", "env!(\"BUILT\"), text::greeting()");
    let hash = [("HASH", "of the pipeline")];
    place.cargo_with(&["build", "--release"], &hash);
    rebuild_with(&place, &[], &hash).is_proven();
    let without = rebuild(&place, &[]);
    without.is("not-repeatable", "it reads the variable HASH");
    assert_eq!((without.code, without.denied.len()), (0, 0));
    edit(&place, "src/main.rs", "9090", "9091");
    rebuild(&place, &[]).is_denied();
    edit(&place, "src/main.rs", "9091", "9090");
    edit(&place, "build.rs", "BUILT={stamp}", "BUILT={stamp}!");
    rebuild(&place, &[]).is_denied();
}

/// How many jobs cargo was allowed, and where a home is, are of the machine and of no source.
#[test]
fn what_the_machine_tells_a_build_script_accuses_nobody() {
    let place = package("");
    place.copy(
        "build.rs",
        "fn main() {\n    let jobs = std::env::var(\"NUM_JOBS\").unwrap();\n    \
         println!(\"cargo:rustc-env=JOBS={jobs}\");\n}\n",
    );
    edit(&place, "src/main.rs", "println!(\"", "println!(\"{} ");
    edit(&place, "src/main.rs", "text::greeting()", "env!(\"JOBS\"), text::greeting()");
    place.build(&["-j", "17"]);
    let answer = rebuild(&place, &[]);
    answer.is("not-repeatable", "NUM_JOBS");
    assert_eq!((answer.code, answer.denied.len()), (0, 0));
    edit(&place, "build.rs", "JOBS={jobs}", "JOBS={jobs}!");
    rebuild(&place, &[]).is_denied();
    edit(&place, "build.rs", "JOBS={jobs}!", "JOBS={jobs}");
    edit(&place, "src/main.rs", "9090", "9091");
    rebuild(&place, &[]).is_denied();
}

/// A branch, a host name: what a script asks outside of its package is no edit of a source. What it
/// lets a compiler make of a source is.
#[test]
fn what_a_build_script_asks_outside_accuses_nobody() {
    let outside = Place::new();
    outside.copy("name", "machine-one");
    let place = package("");
    let script = |text: &str| {
        format!(
            "fn main() {{\n    println!(\"cargo:rerun-if-changed=build.rs\");\n    {text}\n}}\n"
        )
    };
    let name = outside.path("name");
    place.copy(
        "build.rs",
        &script(&format!(
            "let name = std::fs::read_to_string({name:?}).unwrap();\n    \
             println!(\"cargo:rustc-env=NAME={{name}}\");"
        )),
    );
    edit(&place, "src/main.rs", "println!(\"", "println!(\"{} ");
    edit(&place, "src/main.rs", "text::greeting()", "env!(\"NAME\"), text::greeting()");
    place.build(&[]);
    rebuild(&place, &[]).is_proven();
    outside.copy("name", "machine-two");
    let answer = rebuild(&place, &[]);
    answer.is("not-repeatable", "outside of its package");
    assert_eq!((answer.code, answer.denied.len()), (0, 0));
    edit(&place, "src/main.rs", "9090", "9091");
    rebuild(&place, &[]).is_denied();
    edit(&place, "src/main.rs", "9091", "9090");

    place.write(
        "build.rs",
        &script(&format!(
            "let said = std::process::Command::new(\"cat\").arg({name:?}).output().unwrap();\n    \
             println!(\"cargo:rustc-env=NAME={{}}\", String::from_utf8(said.stdout).unwrap());"
        )),
    );
    place.build(&[]);
    rebuild(&place, &[]).is_proven();
    outside.copy("name", "main-branch");
    rebuild(&place, &[]).is("not-repeatable", "starts another program");
    // An edit of the script itself is one.
    edit(&place, "build.rs", "NAME={}", "NAME={}!");
    rebuild(&place, &[]).is_denied();
}

#[test]
fn other_flags_are_recovered_or_inconclusive() {
    let features = "[features]\nloud = []\nquiet = []\n";
    let place = package(features);
    edit(&place, "src/main.rs", "{ 9090 }", "{ if cfg!(feature = \"loud\") { 9090 } else { 1 } }");
    let flags = [("RUSTFLAGS", "-C target-cpu=x86-64-v2")];
    place.cargo_with(&["build", "--release", "--features", "loud"], &flags);
    rebuild(&place, &[]).is_proven();
    let place = package(features);
    let profile = [("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")];
    place.cargo_with(&["build", "--release"], &profile);
    rebuild(&place, &[]).is("not-possible", "other flags");
    rebuild_with(&place, &[], &profile).is_proven();
}

#[test]
fn a_program_that_was_stripped_or_carries_its_record_is_the_same() {
    let place = package("");
    place.build(&[]);
    let program = place.path("target/release/my-app");
    let bytes = fs::read(&program).unwrap();
    fs::remove_file(&program).unwrap();
    fs::write(&program, &bytes).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let stripped = run::command("strip").arg(&program).status();
    if stripped.is_ok_and(|it| it.success()) {
        let answer = rebuild(&place, &[]);
        answer.is("same-code", "strip");
        assert_eq!(answer.code, 0);
    }
    fs::write(&program, &bytes).unwrap();
    let record = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
        .args(["record", "--release", "--embed"])
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    assert!(record.status.success(), "{}", String::from_utf8_lossy(&record.stderr));
    let answer = rebuild(&place, &[]);
    answer.is("same-code", "record");
    // `verify` asks the same of a program and its record.
    let verify = |place: &Place| {
        run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
            .args(["verify", "target/release/my-app", "--manifest-path", "Cargo.toml"])
            .args(["--rebuild", "--format", "json"])
            .current_dir(place.directory.path())
            .output()
            .unwrap()
    };
    answer_of_verify(&verify(&place), "same-code");
    // What a rebuild said is a statement of its own, which `verify` finds beside the program.
    let record = |place: &Place| {
        run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
            .args(["record", "--release", "--embed", "--rebuild"])
            .current_dir(place.directory.path())
            .output()
            .unwrap()
    };
    let output = record(&place);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let beside = place.path("target/release/my-app.reproduced.intoto.jsonl");
    let statement: Value = serde_json::from_slice(&fs::read(&beside).unwrap()).unwrap();
    assert_eq!(statement["predicate"]["result"], "PASSED");
    let digest = statement["subject"][0]["digest"]["sha256"].as_str().unwrap();
    let original = Sha256::digest(&bytes).iter().map(|it| format!("{it:02x}")).collect::<String>();
    assert_eq!(digest, original, "it is about the program without the record inside");
    let said = String::from_utf8(verify(&place).stdout).unwrap();
    assert!(said.contains("passed: same-code"), "{said}");
    edit(&place, "src/main.rs", "9090", "9091");
    answer_of_verify(&verify(&place), "different");
}

#[track_caller]
fn answer_of_verify(output: &Output, outcome: &str) {
    let answer = answer(output);
    answer.is(outcome, "");
    let denied = answer.denied.contains(&"not-reproduced".to_owned());
    assert_eq!(denied, outcome == "different", "{:?}", answer.denied);
}

#[test]
fn only_the_option_compiles_and_inferred_answers_name_it() {
    let place = package("");
    // Whoever wrote the checkout would leave a mark by its build script.
    place.copy(
        "build.rs",
        "fn main() {\n    std::fs::write(std::env::var(\"CARGO_MANIFEST_DIR\").unwrap() + \"/ran\", \
         \"\").unwrap();\n    println!(\"cargo:rerun-if-changed=build.rs\");\n}\n",
    );
    place.build(&[]);
    let report = |place: &Place, options: &[&str]| {
        let output = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
            .args(["check", "--format", "json"])
            .args(options)
            .current_dir(place.directory.path())
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let inferred = report(&place, &[])["subjects"][0].clone();
    assert_eq!(inferred["rebuild"], Value::Null);
    let outcomes = inferred["outcomes"].as_array().unwrap();
    let settled = ["stale-by-mtime", "stale-sources", "stale-workspace-member"];
    for outcome in outcomes.iter().filter(|it| it["outcome"] == "open") {
        if settled.contains(&outcome["rule"].as_str().unwrap()) {
            let reason = outcome["reason"].as_str().unwrap();
            assert!(reason.contains("check --rebuild"), "{outcome}");
        }
    }
    place.write("binlint.toml", "[check]\nrebuild = true\n");
    let note = "binlint.toml:2 sets `rebuild = true`; pass `--rebuild` to compile, which runs build scripts";
    let has_note = |report: &Value| {
        report["notes"].as_array().unwrap().iter().any(|it| it.as_str().unwrap().ends_with(note))
    };
    let mark = place.path("ran");
    fs::remove_file(&mark).unwrap();
    let reminded = report(&place, &[]);
    assert_eq!(reminded["subjects"][0]["rebuild"], Value::Null);
    assert!(has_note(&reminded), "{}", reminded["notes"]);
    assert!(!mark.exists(), "a build script ran");
    let compiled = report(&place, &["--rebuild"]);
    assert_eq!(compiled["subjects"][0]["rebuild"]["outcome"], "equal", "{compiled}");
    assert!(!has_note(&compiled), "{}", compiled["notes"]);
    assert!(mark.exists(), "compiling runs it");
}

#[test]
fn every_setting_of_a_profile_is_proven() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    for setting in [
        "lto = \"fat\"",
        "lto = \"thin\"",
        "panic = \"abort\"",
        "strip = true",
        "opt-level = \"s\"",
        "opt-level = \"z\"",
        "debug = true",
        "debug = true\nsplit-debuginfo = \"packed\"",
        "codegen-units = 1",
        "incremental = true",
    ] {
        let place = package(&format!("[profile.release]\n{setting}\n"));
        place.build(&[]);
        rebuild(&place, &[]).is_proven();
        edit(&place, "src/main.rs", "9090", "9091");
        rebuild(&place, &[]).is_denied();
    }
    let place = package("");
    place.cargo(&["build"]);
    rebuild(&place, &[]).is_proven();
    edit(&place, "src/main.rs", "9090", "9091");
    rebuild(&place, &[]).is_denied();
}

#[test]
fn workspaces_targets_and_foreign_packages_are_proven() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let member = |place: &Place, name: &str, more: &str, main: &str| {
        place.copy(&format!("{name}/Cargo.toml"), &manifest(name, more));
        place.copy(&format!("{name}/src/main.rs"), main);
    };
    let place = Place::new();
    place.copy("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\", \"c\"]\nresolver = \"2\"\n");
    let main = "fn main() {\n    println!(\"{}\", c::of(std::env::args().count()));\n}\n";
    member(&place, "a", "[dependencies]\nc = { path = \"../c\" }\n", main);
    member(&place, "b", "[dependencies]\nc = { path = \"../c\", features = [\"x\"] }\n", main);
    place.copy("c/Cargo.toml", &manifest("c", "[features]\nx = []\n"));
    place.copy("c/src/lib.rs", "pub fn of(n: usize) -> usize {\n    n * 9090\n}\n");
    place.build(&[]);
    rebuild(&place, &[]).is_proven();
    edit(&place, "c/src/lib.rs", "9090", "9091");
    rebuild(&place, &[]).is_denied();
    // Built alone, `a` has another `c`: without the feature.
    edit(&place, "c/src/lib.rs", "9091", "9090");
    fs::remove_dir_all(place.path("target")).unwrap();
    place.build(&["-p", "a"]);
    rebuild(&place, &[]).is_proven();

    let place = package("");
    place.build(&["--target", &host()]);
    rebuild(&place, &["--target", &host()]).is_proven();
    edit(&place, "src/main.rs", "9090", "9091");
    rebuild(&place, &["--target", &host()]).is_denied();

    // Of a git repository, and vendored.
    let other = Place::new();
    other.copy("Cargo.toml", &manifest("other", ""));
    other.copy("src/lib.rs", "pub fn of(n: usize) -> usize {\n    n * 3\n}\n");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let directory = other.directory.path();
        let git =
            run::command("git").args(identity).args(arguments).current_dir(directory).status();
        assert!(git.unwrap().success());
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let url = format!("file://{}", other.directory.path().display());
    let place = package(&format!("[dependencies]\nother = {{ git = \"{url}\" }}\n"));
    edit(&place, "src/main.rs", "8080 +", "other::of(arguments) as u32 +");
    // The repository lies on this machine.
    place.cargo_with(&["fetch"], &[("CARGO_NET_OFFLINE", "false")]);
    place.build(&[]);
    rebuild(&place, &[]).is_proven();
    edit(&place, "src/main.rs", "9090", "9091");
    rebuild(&place, &[]).is_denied();
    edit(&place, "src/main.rs", "9091", "9090");
    let vendored = place.cargo(&["vendor", "--offline"]);
    place.write(".cargo/config.toml", &String::from_utf8(vendored.stdout).unwrap());
    fs::remove_dir_all(place.path("target")).unwrap();
    place.build(&[]);
    rebuild(&place, &[]).is_proven();
}
