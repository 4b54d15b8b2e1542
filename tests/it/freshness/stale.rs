//! Every way in which a build goes stale, made with the real cargo, and beside each its honest
//! twin: the one is denied with its own cause, the other is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::place::{
    FRESHNESS, MAIN, Place, SERVER, STUB, compiled, freshen, heals, host, manifest,
};
use crate::support::run;
use crate::support::slow::{self, Need};

#[test]
fn an_honest_build_is_fresh() {
    let place = Place::honest();
    let judged = place.check(&[]);
    judged.is_fresh();
    for rule in ["placeholder-main", "stale-sources", "stale-by-mtime", "foreign-artifact"] {
        assert_eq!(judged.outcome(rule), "pass", "{rule}: {judged:#?}");
    }
}

#[test]
fn a_stub_kept_under_older_sources_is_denied_whatever_is_tried() {
    let place = Place::with_stub();
    place.copy_sources();
    let attempts: &[(&str, &dyn Fn())] = &[
        ("nothing", &|| {}),
        ("another file is edited", &|| place.touch("src/server.rs")),
        ("the output is removed", &|| {
            fs::remove_file(place.path("target/release/my-app")).unwrap()
        }),
        ("a glob with a dash", &|| {
            let deps = fs::read_dir(place.path("target/release/deps")).unwrap();
            let dash = |name: &str| name.starts_with("my-app");
            for entry in deps.flatten().filter(|it| dash(it.file_name().to_str().unwrap())) {
                fs::remove_file(entry.path()).unwrap();
            }
        }),
        ("cleaned without --release", &|| {
            place.cargo(&["clean", "-p", "my-app"]);
        }),
        ("src is removed and copied again", &|| {
            fs::remove_dir_all(place.path("src")).unwrap();
            place.copy_sources();
        }),
    ];
    let mut line = String::new();
    for (what, attempt) in attempts {
        attempt();
        assert!(place.build(&[]).is_empty(), "cargo was healed by: {what}");
        let judged = place.check(&[]);
        line = judged.denies("stale-by-mtime", &["src/server.rs", "src/main.rs"]);
        judged.denies("placeholder-main", &["src/main.rs"]);
    }
    heals(&place, &line, &[]);
}

#[test]
fn a_rebuilt_stub_layer_is_stale_again_after_a_change_of_the_manifest() {
    let place = Place::honest();
    place.write("Cargo.toml", &manifest("my-app", "[features]\nextra = []\n"));
    fs::remove_dir_all(place.path("target")).unwrap();
    place.write("src/main.rs", STUB);
    fs::remove_file(place.path("src/server.rs")).unwrap();
    place.build(&[]);
    place.copy_sources();
    assert!(place.build(&[]).is_empty());
    place.check(&[]).denies("stale-by-mtime", &["src/server.rs"]);
    place.touch("src/main.rs");
    assert_eq!(place.build(&[]), ["my-app"]);
    place.check(&[]).is_fresh();
}

#[test]
fn clean_without_the_target_heals_nothing_and_the_line_given_does() {
    let host = host();
    let flags = ["--target", host.as_str()];
    let place = Place::new();
    place.write("src/main.rs", STUB);
    place.build(&flags);
    place.copy_sources();
    place.cargo(&["clean", "--release", "-p", "my-app"]);
    assert!(place.build(&flags).is_empty());
    let judged = place.check(&flags);
    let line = judged.denies("stale-by-mtime", &["cargo clean -p my-app --release --target"]);
    assert!(line.contains(&format!("--release --target {host}")), "{line}");
    heals(&place, &line, &flags);
}

#[test]
fn equal_dates_are_fresh_to_cargo_and_denied_here() {
    let place = Place::with_stub();
    place.copy_sources();
    let units = fs::read_dir(place.path("target/release/.fingerprint")).unwrap();
    let anchor = units.flatten().find_map(|unit| {
        let dep_info = unit.path().join("dep-bin-my-app");
        fs::metadata(dep_info).ok()?.modified().ok()
    });
    place.date("src/main.rs", anchor.unwrap());
    assert!(place.build(&[]).is_empty());
    place.check(&[]).denies("stale-by-mtime", &["src/server.rs", "considers an equal time fresh"]);
}

#[test]
fn equal_dates_alone_are_open() {
    let place = Place::honest();
    let unit = fs::read_dir(place.path("target/release/.fingerprint")).unwrap().flatten().next();
    let anchor = fs::metadata(unit.unwrap().path().join("dep-bin-my-app")).unwrap();
    place.date("src/main.rs", anchor.modified().unwrap());
    assert_eq!(place.check(&[]).outcome("stale-by-mtime"), "open");
}

#[test]
fn another_branchs_code_from_a_shared_cache_is_denied() {
    let place = Place::honest();
    place.copy("src/main.rs", &MAIN.replace("listening on port", "fetching for branch b at"));
    place.copy("src/server.rs", &format!("// of branch b\n\n{SERVER}"));
    assert!(place.build(&[]).is_empty());
    let judged = place.check(&[]);
    judged.denies("stale-sources", &["src/main.rs", "fetching for branch b at"]);
    judged.denies("stale-by-mtime", &["touch src/main.rs"]);
    assert_ne!(judged.outcome("placeholder-main"), "fail");
}

#[test]
fn sources_edited_after_the_build_are_denied_and_need_only_a_build() {
    let place = Place::honest();
    place.write("src/main.rs", &MAIN.replace("listening on port", "now serving on port"));
    let judged = place.check(&[]);
    let line = judged.denies("stale-sources", &["now serving on port"]);
    assert_eq!(line, "cargo build --release");
    assert_ne!(judged.outcome("stale-by-mtime"), "fail", "cargo would see it");
    heals(&place, &line, &[]);
}

fn workspace(library: &str) -> Place {
    let place = Place::new();
    let members = "[workspace]\nmembers = [\"library\"]\n";
    let dependency = "[dependencies]\nlibrary = { path = \"library\" }\n";
    place.write("Cargo.toml", &manifest("my-app", &format!("{dependency}{members}")));
    place.write("library/Cargo.toml", &manifest("library", ""));
    place.copy("library/src/lib.rs", library);
    place
        .copy("src/main.rs", "fn main() {\n    println!(\"library {}\", library::version());\n}\n");
    place
}

#[test]
fn touching_main_alone_leaves_the_member_stale() {
    let place = workspace("pub fn version() -> u32 {\n    1\n}\n");
    place.write("src/main.rs", STUB);
    place.build(&[]);
    place
        .copy("src/main.rs", "fn main() {\n    println!(\"library {}\", library::version());\n}\n");
    place.copy("library/src/lib.rs", "pub fn version() -> u32 {\n    2\n}\n");
    place.touch("src/main.rs");
    assert_eq!(place.build(&[]), ["my-app"], "the member is not compiled again");
    let judged = place.check(&[]);
    let line = judged.denies("stale-workspace-member", &["library/src/lib.rs", "MD5"]);
    assert!(line.starts_with("touch library/src/lib.rs"), "{line}");
    assert_ne!(judged.outcome("stale-by-mtime"), "fail", "the program itself is fresh");
    heals(&place, &line, &[]);
}

#[test]
fn an_honest_workspace_is_fresh() {
    let place = workspace("mod inner;\n\npub fn version() -> u32 {\n    inner::number(7)\n}\n");
    place.copy("library/src/inner.rs", "pub fn number(n: usize) -> u32 {\n    [1, 2][n % 3]\n}\n");
    place.build(&[]);
    let judged = place.check(&[]);
    judged.is_fresh();
    assert_eq!(judged.outcome("stale-workspace-member"), "pass", "{judged:#?}");
}

const SCRIPT: &str = "fn main() {
    println!(\"cargo::rerun-if-changed=build.rs\");
    println!(\"cargo::rustc-env=GREETING=hello from the build script\");
}
";

#[test]
fn a_stub_of_a_build_script_that_is_never_run_again_is_denied() {
    let place = Place::with_stub();
    place.write("build.rs", STUB);
    place.build(&[]);
    place.copy("build.rs", SCRIPT);
    let main = "fn main() {\n    println!(\"greeting: {:?}\", option_env!(\"GREETING\"));\n}\n";
    place.write("src/main.rs", main);
    place.touch("src/main.rs");
    assert_eq!(place.build(&[]), ["my-app"]);
    let judged = place.check(&[]);
    let line = judged.denies("stale-workspace-member", &["build script", "build.rs"]);
    heals(&place, &line, &[]);
}

#[test]
fn what_cargo_chef_leaves_in_the_place_of_the_sources_is_denied() {
    let place = Place::new();
    place.copy_sources();
    // What `cargo chef cook` writes over the manifest and the sources of the stage.
    let masked = "[[bin]]\npath = \"src/main.rs\"\nname = \"my-app\"\ntest = true\ndoctest = true\n\
                  bench = true\ndoc = true\nplugin = false\nproc-macro = false\nharness = true\n\
                  edition = \"2021\"\nrequired-features = []\n\n[package]\nname = \"my-app\"\n\
                  edition = \"2021\"\nversion = \"0.0.1\"\n";
    place.write("Cargo.toml", masked);
    place.write("src/main.rs", "fn main() {}");
    fs::remove_file(place.path("src/server.rs")).unwrap();
    place.build(&[]);
    let judged = place.check(&[]);
    judged.denies("cargo-chef-stub", &["cargo chef cook"]);
    judged.denies("placeholder-main", &["stubs"]);
    // The same program against the sources outside of the stage.
    let outside = Place::new();
    outside.copy_sources();
    let program = place.path("target/release/my-app");
    let manifest = outside.path("Cargo.toml");
    let judged = outside.check(&[
        "--binary",
        program.to_str().unwrap(),
        "--manifest-path",
        manifest.to_str().unwrap(),
    ]);
    judged.denies("placeholder-main", &["src/main.rs"]);
    judged.denies("stale-sources", &["listening on port"]);
}

#[test]
fn a_program_whose_main_is_meant_to_be_empty_is_not_accused() {
    for main in ["fn main() {}\n", "fn main() {\n    println!(\"Hello, world!\");\n}\n"] {
        let place = Place::new();
        place.copy("src/main.rs", main);
        place.build(&[]);
        place.check(&[]).is_fresh();
    }
}

#[test]
fn a_renamed_program_left_behind_is_denied() {
    let place = Place::honest();
    let renamed = "[[bin]]\nname = \"renamed\"\npath = \"src/main.rs\"\n";
    place.write("Cargo.toml", &manifest("my-app", renamed));
    place.build(&[]);
    let old = place.check(&["--binary", "target/release/my-app"]);
    old.denies("wrong-artifact-path", &["renamed"]);
    place.check(&["--binary", "target/release/renamed"]).is_fresh();
}

#[test]
fn an_older_twin_beside_the_targets_directory_is_denied() {
    let host = host();
    let place = Place::honest();
    std::thread::sleep(Duration::from_millis(20));
    place.write("src/server.rs", &SERVER.replace("8080", "8081"));
    place.build(&["--target", &host]);
    let twin = format!("target/{host}/release/my-app");
    let judged = place.check(&["--binary", "target/release/my-app"]);
    judged.denies("wrong-artifact-path", &[&twin]);
    place.check(&["--target", &host]).is_fresh();
}

#[test]
fn the_hosts_target_directory_is_denied_when_the_sources_are_others() {
    let host = Place::honest();
    let stage = Place { directory: tempfile::tempdir().unwrap() };
    let copied = run::command("cp")
        .arg("-a")
        .arg(format!("{}/.", host.directory.path().display()))
        .arg(stage.directory.path())
        .status();
    assert!(copied.unwrap().success());
    let moved = stage.check(&[]);
    assert_eq!(moved.outcome("foreign-artifact"), "fail");
    assert!(!moved.is_denied("foreign-artifact"), "a moved directory alone proves nothing");
    stage.copy("src/main.rs", &MAIN.replace("listening on port", "of the stage, port"));
    stage.check(&[]).denies("foreign-artifact", &[".dockerignore", "of the stage, port"]);
}

#[test]
fn what_is_no_output_of_the_build_is_denied() {
    let place = Place::honest();
    let other = Place::new();
    other.write("src/main.rs", "fn main() {\n    println!(\"something else entirely\");\n}\n");
    let build_id = [("RUSTFLAGS", "-Clink-arg=-Wl,--build-id=sha1")];
    other.cargo_with(&["build", "--release"], &build_id);
    place.cargo_with(&["build", "--release"], &build_id);
    let foreign = other.path("target/release/my-app");
    let judged = place.check(&["--binary", foreign.to_str().unwrap()]);
    judged.denies("foreign-artifact", &["that cargo built here"]);
    judged.denies("stale-sources", &["listening on port"]);
    // Stripped afterwards it is still the same build.
    let stripped = place.path("stripped/my-app");
    fs::create_dir_all(stripped.parent().unwrap()).unwrap();
    let (from, to) = (place.path("target/release/my-app"), &stripped);
    if !slow::has("strip") {
        return;
    }
    let done = run::command("strip").arg("-o").arg(to).arg(from).status();
    assert!(done.is_ok_and(|status| status.success()));
    let judged = place.check(&["--binary", stripped.to_str().unwrap()]);
    assert_eq!(judged.outcome("foreign-artifact"), "pass");
}

#[test]
fn another_pinned_compiler_is_named() {
    let place = Place::honest();
    place.check(&[]).is_fresh();
    place.write("rust-toolchain", "1.2.3\n");
    // Asking a toolchain that is not installed fails; the program is judged from outside.
    let output = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
        .args(["check", "--format", "json"])
        .env("RUSTUP_TOOLCHAIN", "stable")
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("1.2.3 is pinned"), "{report}");
}

/// The rule is open, and says why in these words.
#[track_caller]
fn is_open(place: &Place, rules: &[&str], words: &str) {
    let judged = place.check(&[]);
    for rule in rules {
        assert_eq!(judged.outcome(rule), "open", "{rule}: {judged:#?}");
        let reason = judged.outcomes[*rule]["reason"].to_string();
        assert!(reason.contains(words), "{rule} does not say {words:?}: {reason}");
    }
}

/// The directory of the only unit whose name begins so.
fn unit(place: &Place, package: &str) -> PathBuf {
    let units = fs::read_dir(place.path("target/release/.fingerprint")).unwrap().flatten();
    let mut units = units.filter(|it| it.file_name().to_str().unwrap().starts_with(package));
    units.next().unwrap().path()
}

#[test]
fn sources_that_are_no_rust_are_open_with_the_reason() {
    let place = Place::honest();
    place.copy("src/server.rs", "pub fn port( {");
    is_open(&place, &["stale-sources", "stale-by-mtime"], "src/server.rs: line 1");
    place.copy("src/main.rs", "fn main() {");
    is_open(&place, &["stale-sources", "stale-by-mtime"], "src/main.rs: line 1");
    fs::write(place.path("src/main.rs"), [0xff, 0xfe, 0]).unwrap();
    is_open(&place, &["stale-sources"], "not UTF-8");
    let place = workspace("pub fn version() -> u32 {\n    1\n}\n");
    place.build(&[]);
    let unit = unit(&place, "library");
    fs::write(unit.join("lib-library.json"), "{\"features\":").unwrap();
    fs::write(unit.join("lib-library"), "").unwrap();
    let judged = place.check(&[]);
    for rule in FRESHNESS {
        assert_ne!(judged.outcome(rule), "fail", "{rule}: {judged:#?}");
    }
}

#[test]
fn a_missing_lockfile_is_open_with_the_reason() {
    let place = Place::honest();
    fs::remove_file(place.path("Cargo.lock")).unwrap();
    is_open(&place, &["stale-dependency"], "Cargo.lock");
    place.write("Cargo.lock", "version = 4\n[[package]\n");
    assert_eq!(place.check(&[]).outcome("stale-dependency"), "open");
}

#[test]
fn a_half_written_fingerprint_is_open_with_the_reason() {
    let place = Place::honest();
    let unit = unit(&place, "my-app");
    let dep_info = fs::read(unit.join("dep-bin-my-app")).unwrap();
    let cut = &dep_info[..dep_info.len() / 2];
    fs::write(unit.join("dep-bin-my-app"), cut).unwrap();
    is_open(&place, &["stale-by-mtime"], "dep-info is damaged or cut off");
    let mut later = dep_info.clone();
    later[5] = 9;
    fs::write(unit.join("dep-bin-my-app"), later).unwrap();
    is_open(&place, &["stale-by-mtime"], "version 9");
    let json = fs::read(unit.join("bin-my-app.json")).unwrap();
    fs::write(unit.join("bin-my-app.json"), &json[..40]).unwrap();
    is_open(&place, &["feature-mismatch", "rustflags-ignored"], "cannot be read");
    fs::write(unit.join("bin-my-app"), "").unwrap();
    is_open(&place, &["stale-by-mtime"], "half written");
    // Cargo would compile it again by itself, and so nothing is left for `freshen` to do.
    assert!(freshen(&place, &["--check"]).0);
    assert_eq!(place.build(&[]), ["my-app"]);
    place.check(&[]).is_fresh();
}

#[test]
fn a_target_directory_of_an_unknown_layout_is_open_with_the_reason() {
    let place = Place::honest();
    fs::rename(place.path("target/release/.fingerprint"), place.path("target/release/.units"))
        .unwrap();
    let rules = ["stale-by-mtime", "feature-mismatch", "rustflags-ignored", "foreign-artifact"];
    is_open(&place, &rules, "unit");
    // Nothing but the program is left, below names that nobody knows.
    fs::create_dir_all(place.path("kept")).unwrap();
    fs::rename(place.path("target/release/my-app"), place.path("kept/my-app")).unwrap();
    fs::remove_dir_all(place.path("target")).unwrap();
    place.write("target/v3/units/00112233/my-app.unit", "{}");
    let judged = place.check(&["--binary", "kept/my-app"]);
    for rule in rules {
        assert_eq!(judged.outcome(rule), "open", "{rule}: {judged:#?}");
    }
    // The contents are compared as ever.
    assert_eq!(judged.outcome("stale-sources"), "pass", "{judged:#?}");
    let mut asked = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"));
    let asked = asked.args(["freshen", "--check"]).current_dir(place.directory.path());
    let asked = asked.output().unwrap();
    assert_eq!(asked.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("of a layout that is known"));
    assert!(freshen(&place, &[]).1.contains("inconclusive: "));
}

/// A directory per downloaded package that needs no other, of those that this repository uses.
fn packages_without_dependencies() -> Vec<(String, PathBuf)> {
    let output = run::command("cargo")
        // What other platforms need was never downloaded here.
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let normal = |it: &serde_json::Value| it["kind"].is_null() && it["optional"] == false;
        let needs = package["dependencies"].as_array().unwrap().iter().any(normal);
        let is_lib = |it: &serde_json::Value| it["kind"][0] == "lib";
        let has_lib = package["targets"].as_array().unwrap().iter().any(is_lib);
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let name = package["name"].as_str().unwrap();
        if !needs && has_lib && !package["source"].is_null() && !name.starts_with("windows") {
            found.push((name.to_owned(), manifest.parent().unwrap().to_owned()));
        }
    }
    found.sort();
    found.dedup_by(|one, other| one.0 == other.0);
    found
}

/// A `build.build-dir` of its own, and nightly's layout with a directory per unit.
#[test]
fn other_layouts_are_read_and_freshened_as_well() {
    // Stable cargo knows the latter too, when told to behave as nightly does.
    let nightly = [("RUSTC_BOOTSTRAP", "1")];
    let split = ("[build]\nbuild-dir = \"intermediate\"\n", &[][..], &[][..]);
    let per_unit = ("", &["-Zbuild-dir-new-layout"][..], &nightly[..]);
    let layouts = [split, per_unit];
    for (config, flags, env) in layouts {
        let place = Place::new();
        place.write(".cargo/config.toml", config);
        place.write("src/main.rs", STUB);
        let arguments = [&["build", "--release"], flags].concat();
        place.cargo_with(&arguments, env);
        place.copy_sources();
        assert!(compiled(&place.cargo_with(&arguments, env)).is_empty());
        place.check(&[]).denies("stale-by-mtime", &["src/server.rs"]);
        freshen(&place, &[]);
        assert_eq!(compiled(&place.cargo_with(&arguments, env)), ["my-app"], "{flags:?}");
        let judged = place.check(&[]);
        for rule in ["stale-by-mtime", "stale-sources", "foreign-artifact"] {
            assert_eq!(judged.outcome(rule), "pass", "{flags:?} {rule}: {judged:?}");
        }
        freshen(&place, &[]);
        assert!(compiled(&place.cargo_with(&arguments, env)).is_empty());
    }
}

/// Takes away what a package's manifest says of its tests, which need packages that are not here.
fn without_tests(manifest: &Path) {
    let mut table: toml::Table = toml::from_str(&fs::read_to_string(manifest).unwrap()).unwrap();
    for key in ["dev-dependencies", "target", "bench", "example", "test", "workspace"] {
        table.remove(key);
    }
    fs::write(manifest, table.to_string()).unwrap();
}

/// Real code, each as a path dependency of a program built fresh: no rule accuses any of them.
#[test]
fn no_fresh_build_of_real_code_is_accused() {
    const PROFILES: &[&str] = &[
        "opt-level = 3\n",
        "opt-level = \"z\"\nlto = \"fat\"\npanic = \"abort\"\nstrip = true\ncodegen-units = 1\n",
        "opt-level = 1\nlto = \"thin\"\ndebug = 1\n",
        "opt-level = 0\noverflow-checks = true\nstrip = \"symbols\"\n",
    ];
    let enough = if slow::is_left_out(Need::Time) { 2 } else { 20 };
    let packages = packages_without_dependencies();
    let mut judged = 0;
    let mut locations = 0;
    for (index, (name, source)) in packages.iter().enumerate() {
        if judged == enough {
            break;
        }
        let place = Place::new();
        let copied =
            run::command("cp").arg("-rL").arg(source).arg(place.path("dependency")).status();
        assert!(copied.unwrap().success());
        without_tests(&place.path("dependency/Cargo.toml"));
        let dependency = format!(
            "[dependencies]\nit = {{ package = \"{name}\", path = \"dependency\" }}\n\
             [profile.release]\n{}[workspace]\n",
            PROFILES[index % PROFILES.len()]
        );
        place.write("Cargo.toml", &manifest("my-app", &dependency));
        place.copy("src/main.rs", &format!("#[allow(unused_imports)]\nuse it as _;\n{MAIN}"));
        place.copy("src/server.rs", SERVER);
        let built = run::offline("cargo")
            .args(["build", "--release", "--offline"])
            .current_dir(place.directory.path())
            .output()
            .unwrap();
        if !built.status.success() {
            // An edition, a nightly feature, a build script that wants more: not our subject.
            continue;
        }
        let outcome = place.check(&["--release"]);
        outcome.is_fresh();
        judged += 1;
        locations += usize::from(outcome.outcome("stale-sources") == "pass");
        // One line more in the library, dated back: every one of them is noticed.
        let root = ["dependency/src/lib.rs", "dependency/lib.rs"]
            .into_iter()
            .find(|path| place.path(path).is_file());
        if let Some(root) = root {
            let text = fs::read_to_string(place.path(root)).unwrap();
            place.copy(root, &format!("{text}\n// one more line\n"));
            place.check(&["--release"]).denies("stale-workspace-member", &[root]);
        }
    }
    assert!(judged == enough, "only {judged} of {} packages were built", packages.len());
    assert_eq!(locations, judged);
}

#[test]
fn an_edited_lockfile_is_denied() {
    let place = Place::new();
    place.write("Cargo.toml", &manifest("my-app", "[dependencies]\nsmallvec = \"1\"\n"));
    let main = "fn main() {\n    let mut list = smallvec::SmallVec::<[usize; 2]>::new();\n    \
                for it in std::env::args() {\n        list.insert(it.len() % 3, it.len());\n    }\n    \
                println!(\"lengths: {list:?}\");\n}\n";
    place.copy("src/main.rs", main);
    place.build(&[]);
    let judged = place.check(&[]);
    judged.is_fresh();
    assert_eq!(judged.outcome("stale-dependency"), "pass", "{judged:?}");
    let lock = fs::read_to_string(place.path("Cargo.lock")).unwrap();
    let at = lock.find("name = \"smallvec\"").unwrap();
    let (before, after) = lock.split_at(at);
    let version = after.lines().nth(1).unwrap();
    let older = after.replacen(version, "version = \"1.0.0\"", 1);
    place.write("Cargo.lock", &format!("{before}{older}"));
    place.check(&[]).denies("stale-dependency", &["smallvec", "Cargo.lock has 1.0.0"]);
}

#[test]
fn what_the_environment_of_the_build_left_inside_is_named() {
    let place = Place::new();
    let main = "fn main() {\n    println!(\"token {}\", env!(\"API_TOKEN\"));\n    \
                println!(\"templates {}\", concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/templates\"));\n}\n";
    place.copy("src/main.rs", main);
    place.cargo_with(&["build", "--release"], &[("API_TOKEN", "not-a-real-token-4711")]);
    let judged = place.check(&[]);
    let finding = judged.finding("embedded-build-env");
    assert!(finding.contains("API_TOKEN") && !finding.contains("4711"), "{finding}");
    assert_eq!(judged.outcome("embedded-manifest-dir"), "fail");
    let place = Place::new();
    let main = MAIN.replace("listening on port", "commit VERGEN_IDEMPOTENT_OUTPUT, port");
    place.copy("src/main.rs", &main);
    place.copy("src/server.rs", SERVER);
    place.build(&[]);
    assert_eq!(place.check(&[]).outcome("placeholder-version"), "fail");
    let honest = Place::honest().check(&[]);
    assert_eq!(honest.outcome("placeholder-version"), "pass");
    assert_eq!(honest.outcome("embedded-build-env"), "pass");
    assert_eq!(honest.outcome("embedded-manifest-dir"), "pass");
}

#[test]
fn freshen_heals_the_stub_once_and_then_does_nothing() {
    let place = workspace("pub fn version() -> u32 {\n    1\n}\n");
    place.write("src/main.rs", STUB);
    place.write("library/src/lib.rs", "");
    place.build(&[]);
    place
        .copy("src/main.rs", "fn main() {\n    println!(\"library {}\", library::version());\n}\n");
    place.copy("library/src/lib.rs", "pub fn version() -> u32 {\n    2\n}\n");
    assert!(place.build(&[]).is_empty(), "cargo is blind");
    let (clean, said) = freshen(&place, &["--check"]);
    assert!(!clean && said.contains("bin `my-app`") && said.contains("`library`"), "{said}");
    assert!(place.build(&[]).is_empty(), "a dry run changes nothing");
    freshen(&place, &[]);
    assert_eq!(sorted(place.build(&[])), ["library", "my-app"]);
    place.check(&[]).is_fresh();
    for _ in 0..2 {
        let (clean, said) = freshen(&place, &["--check"]);
        assert!(clean, "{said}");
        freshen(&place, &[]);
        assert!(place.build(&[]).is_empty(), "a second run does nothing");
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn freshen_compiles_what_changed_and_nothing_else() {
    let place = workspace("pub fn version() -> u32 {\n    1\n}\n");
    let other = "[dependencies]\nlibrary = { path = \"library\" }\nsecond = { path = \"second\" }\n\
                 itoa = \"1\"\n[workspace]\nmembers = [\"library\", \"second\"]\n";
    place.write("Cargo.toml", &manifest("my-app", other));
    place.write("second/Cargo.toml", &manifest("second", ""));
    place.copy("second/src/lib.rs", "pub fn second() -> u32 {\n    22\n}\n");
    place.write(
        "build.rs",
        "fn main() {\n    println!(\"cargo::rerun-if-changed=data\");\n    let text = \
         std::fs::read_to_string(\"data/greeting.txt\").unwrap();\n    \
         println!(\"cargo::rustc-env=GREETING={}\", text.trim());\n}\n",
    );
    place.copy("data/greeting.txt", "hello from the first\n");
    place.copy(
        "src/main.rs",
        "fn main() {\n    println!(\"{} {} {}\", env!(\"GREETING\"), library::version(), \
         second::second());\n    println!(\"{}\", itoa::Buffer::new().format(7));\n}\n",
    );
    freshen(&place, &[]);
    place.build(&[]);
    freshen(&place, &[]);
    assert!(place.build(&[]).is_empty());
    // A member, dated back.
    place.copy("library/src/lib.rs", "pub fn version() -> u32 {\n    2\n}\n");
    assert!(place.build(&[]).is_empty());
    let (_, said) = freshen(&place, &[]);
    assert!(said.contains("library/src/lib.rs changed"), "{said}");
    assert_eq!(sorted(place.build(&[])), ["library", "my-app"], "and nothing of `second`, `itoa`");
    let run = run::command(place.path("target/release/my-app")).output().unwrap();
    assert!(String::from_utf8_lossy(&run.stdout).starts_with("hello from the first 2 22"));
    // What a build script reads, dated back.
    place.copy("data/greeting.txt", "hello from the second\n");
    assert!(place.build(&[]).is_empty());
    let (_, said) = freshen(&place, &[]);
    assert!(said.contains("data/greeting.txt changed"), "{said}");
    assert_eq!(place.build(&[]), ["my-app"]);
    let run = run::command(place.path("target/release/my-app")).output().unwrap();
    assert!(String::from_utf8_lossy(&run.stdout).starts_with("hello from the second 2 22"));
    // Dates alone.
    freshen(&place, &[]);
    for file in ["src/main.rs", "library/src/lib.rs", "data/greeting.txt"] {
        place.date(file, SystemTime::now() - Duration::from_secs(7200));
    }
    let (clean, said) = freshen(&place, &["--check"]);
    assert!(clean, "{said}");
    freshen(&place, &[]);
    assert!(place.build(&[]).is_empty());
}

#[test]
fn freshen_takes_another_branchs_cache_for_what_it_is() {
    let place = Place::honest();
    freshen(&place, &[]);
    place.build(&[]);
    freshen(&place, &[]);
    // Another branch uses the cache, then this one comes back: both are dated before.
    let other = MAIN.replace("listening", "fetching");
    for main in [other.as_str(), MAIN, other.as_str()] {
        place.copy("src/main.rs", main);
        freshen(&place, &[]);
        assert_eq!(place.build(&[]), ["my-app"]);
        place.check(&[]).is_fresh();
    }
}

#[test]
fn freshen_obeys_the_profile_and_survives_a_broken_ledger() {
    let place = Place::honest();
    place.cargo(&["build"]);
    place.copy("src/main.rs", &MAIN.replace("listening", "fetching"));
    freshen(&place, &["--release"]);
    assert_eq!(place.build(&[]), ["my-app"]);
    assert!(compiled(&place.cargo(&["build"])).is_empty(), "the dev profile was not named");
    place.write("target/.binlint/freshen.json", "{\"schema\":");
    freshen(&place, &[]);
    assert_eq!(compiled(&place.cargo(&["build"])), ["my-app"]);
    place.check(&[]).is_fresh();
}

#[test]
fn freshen_before_the_first_build_is_no_error() {
    let place = Place::new();
    place.copy_sources();
    let (clean, said) = freshen(&place, &[]);
    assert!(clean && said.contains("no build artifacts found"), "{said}");
    assert_eq!(place.build(&[]), ["my-app"]);
    freshen(&place, &[]);
    assert!(place.build(&[]).is_empty(), "the first run saw what was compiled");
}
