//! `build` with cargo's own words: what cargo made is what is recorded and judged, and nothing else.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::support::recorded::{Shop, success};

/// A workspace whose default member is a library: the programs are another member's.
fn workspace() -> Option<Shop> {
    let shop = Shop::new()?;
    for (path, text) in [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"desk\", \"till\"]\ndefault-members = [\"till\"]\nresolver = \"2\"\n",
        ),
        (
            "desk/Cargo.toml",
            "[package]\nname = \"desk\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\ntls = []\n\
             [dependencies]\ntill = { path = \"../till\" }\n",
        ),
        ("desk/src/main.rs", "fn main() { println!(\"desk {}\", till::count()); }\n"),
        ("desk/src/bin/bell.rs", "fn main() { println!(\"bell\"); }\n"),
        ("desk/examples/demo.rs", "fn main() {}\n"),
    ] {
        let path = shop.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::remove_dir_all(shop.root.join("src")).unwrap();
    success(&mut shop.command(env!("CARGO"), &["generate-lockfile", "--offline"]));
    Some(shop)
}

fn build(shop: &Shop, words: &[&str]) -> (Output, String, String) {
    let output = shop.binlint(&[&["build", "--offline"], words].concat()).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (report, words) = (said(&output.stdout), said(&output.stderr));
    (output, report, words)
}

fn external(shop: &Shop, program: &str) -> Value {
    let record = fs::read(shop.root.join(format!("{program}.intoto.jsonl"))).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    record["predicate"]["buildDefinition"]["externalParameters"].clone()
}

#[test]
fn what_cargo_made_is_judged_whichever_words_chose_it() {
    let Some(shop) = workspace() else { return };
    let version = success(&mut shop.command("rustc", &["-vV"]));
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    for (words, at, programs) in [
        (&["--workspace", "-r"][..], "target/release", &["desk", "bell"][..]),
        (&["-rp", "desk"], "target/release", &["desk", "bell"]),
        (&["-qrpdesk", "--bin", "bell"], "target/release", &["bell"]),
        (&["--bins", "-p", "desk@0.1.0", "-r"], "target/release", &["desk", "bell"]),
        (&["-rp", "des*"], "target/release", &["desk", "bell"]),
        (
            &["--workspace", "--exclude=till", "--profile=release"],
            "target/release",
            &["desk", "bell"],
        ),
        (&["-r", "-p", "desk", "--target", host], "release", &["desk", "bell"]),
        // The other target's build is newer, and is not what cargo was asked for.
        (&["-rp", "desk", "--all-targets"], "target/release", &["desk", "bell"]),
    ] {
        let (output, report, said) = build(&shop, words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {said}{report}");
        for program in programs {
            assert!(report.contains(&format!("{at}/{program}\n")), "{words:?}: {report}");
        }
        let judged = report.lines().filter(|line| line.starts_with("  target/")).count();
        assert_eq!(judged, programs.len(), "{words:?}: {report}");
    }
    assert_eq!(external(&shop, "target/release/desk")["profile"], "release");
}

#[test]
fn the_record_has_the_profile_and_features_that_cargo_got() {
    let Some(shop) = workspace() else { return };
    let (output, ..) = build(&shop, &["-rpdesk", "-Ftls", "--no-check"]);
    assert!(output.status.success());
    let recorded = external(&shop, "target/release/desk");
    assert_eq!(
        (&recorded["profile"], &recorded["features"][0]),
        (&"release".into(), &"tls".into())
    );
    let version = String::from_utf8(success(&mut shop.command("rustc", &["-vV"])).stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    for words in [
        &["-rpdesk", "-Ftls"][..],
        &["-rp", "desk", "--all-features"],
        &["-r", "-p", "desk", "--features=desk/tls", "--target", host],
        &["-pdesk", "-r", "--config", "profile.release.overflow-checks=true"],
        &["--workspace", "-r"],
    ] {
        let (output, _, said) = build(&shop, &[words, &["--no-check"]].concat());
        assert!(output.status.success(), "{words:?}: {said}");
        let within = if words.contains(&host) { host } else { "." };
        let program = format!("target/{within}/release/desk");
        let verified = shop.verify(&[&program, "--manifest-path", "Cargo.toml"]);
        // The workspace of this test is not committed.
        let failed: Vec<&str> = verified.failed.iter().map(String::as_str).collect();
        assert_eq!((verified.code, failed), (0, vec!["dirty-worktree"]), "{words:?} {verified:?}");
    }
}

#[test]
fn what_gets_no_record_is_said() {
    let Some(shop) = workspace() else { return };
    let (output, report, said) = build(&shop, &[]);
    assert_eq!((output.status.code(), report.as_str()), (Some(0), ""));
    assert!(said.contains("asked for no binary"), "{said}");
    let (output, _, said) = build(&shop, &["-p", "desk", "--examples"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(said.contains("the example `demo` gets no record"), "{said}");
}

#[test]
fn a_named_package_is_healed_with_all_that_it_is_made_of() {
    let Some(shop) = workspace() else { return };
    assert!(build(&shop, &["-rp", "desk"]).0.status.success());
    // Edited, and dated back to before the build: cargo sees nothing.
    let library = shop.root.join("till/src/lib.rs");
    let old = fs::metadata(&library).unwrap().modified().unwrap();
    fs::write(&library, "pub fn count() -> usize { std::env::args().count() + 40 }\n").unwrap();
    let file = fs::File::options().write(true).open(&library).unwrap();
    file.set_modified(old).unwrap();
    let (output, _, said) = build(&shop, &["-rp", "desk", "--ensure-fresh"]);
    assert!(output.status.success(), "{said}");
    let ran = success(&mut shop.command("target/release/desk", &[]));
    assert_eq!(ran.stdout, b"desk 41\n");
}

#[test]
fn the_record_names_the_compiler_and_linker_that_the_configuration_chose() {
    use std::os::unix::fs::PermissionsExt;
    let Some(shop) = workspace() else { return };
    let script = |name: &str, text: &str| {
        let path = shop.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let real = success(&mut shop.command("sh", &["-c", "command -v rustc"]));
    let real = String::from_utf8(real.stdout).unwrap();
    let rustc = script("tools/compiler", &format!("exec {} \"$@\"", real.trim()));
    let linker = "[ \"$1\" = --version ] && echo own linker && exit\nexec cc \"$@\"";
    let linker = script("tools/own-cc", linker);
    // Another compiler is the first in PATH.
    script("first/rustc", "echo rustc 9.9.9; echo release: 9.9.9");
    let config = format!(
        "[build]\nrustc = \"{rustc}\"\n[target.'cfg(unix)']\nlinker = \"{linker}\"\n\
         [target.'cfg(windows)']\nlinker = \"none\"\n"
    );
    fs::create_dir_all(shop.root.join(".cargo")).unwrap();
    fs::write(shop.root.join(".cargo/config.toml"), config).unwrap();
    let path = format!("{}:{}", shop.path("first"), std::env::var("PATH").unwrap());
    let words = ["build", "--offline", "--no-check", "-rp", "desk"];
    success(shop.binlint(&words).env("PATH", path));
    let record = fs::read(shop.root.join("target/release/desk.intoto.jsonl")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let internal = &record["predicate"]["buildDefinition"]["internalParameters"];
    assert!(!internal["rustc"].as_str().unwrap().contains("9.9.9"), "{internal}");
    assert_eq!(internal["linker"], "own linker");
}

#[test]
fn the_agreed_time_is_one_that_can_be_written() {
    let Some(shop) = workspace() else { return };
    let build = |epoch: &str| {
        let words = ["build", "--offline", "--no-check", "-rqp", "desk"];
        shop.binlint(&words).env("SOURCE_DATE_EPOCH", epoch).output().unwrap()
    };
    assert!(build("253402300799").status.success());
    let record = fs::read_to_string(shop.root.join("target/release/desk.intoto.jsonl")).unwrap();
    assert_eq!(record.matches("\"9999-12-31T23:59:59Z\"").count(), 2);
    for epoch in ["253402300800", "-5", "1.5", "today", "99999999999999999999999"] {
        let output = build(epoch);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{epoch}: {said}");
        assert!(said.contains("SOURCE_DATE_EPOCH is"), "{epoch}: {said}");
    }
    // Without a value it is not set.
    assert!(build("").status.success());
    let record = fs::read_to_string(shop.root.join("target/release/desk.intoto.jsonl")).unwrap();
    assert!(!record.contains("startedOn"));
}

/// Whoever writes to the very file that cargo handed out cuts its link to the unit that made it; a
/// newer program of that name in another profile, or with other features, is not what it was.
#[test]
fn a_program_rewritten_in_place_is_still_what_its_own_build_made() {
    let Some(shop) = workspace() else { return };
    let program = "target/release/desk";
    let newer: [(&[&str], &[&str]); 2] = [
        (&["-pdesk"], &["-rpdesk"]),
        // The older of two in one directory, handed out again.
        (&["-rpdesk", "-Ftls"], &["-rpdesk", "--features", "desk/tls"]),
    ];
    for (other, own) in newer {
        assert!(build(&shop, &[own, &["--embed"]].concat()).0.status.success());
        build(&shop, other);
        let (output, report, said) = build(&shop, &[&["-rpdesk"][..], &["--embed"]].concat());
        assert_eq!(output.status.code(), Some(0), "embedded: {said}{report}");
        let words = ["check", "-pdesk", "--bin", "desk", "--release"];
        for strip in [&[][..], &["-g"], &["-s"]] {
            if !strip.is_empty() {
                success(&mut shop.command("strip", &[strip, &[program]].concat()));
            }
            let checked = shop.binlint(&words).output().unwrap();
            let report = String::from_utf8_lossy(&checked.stdout).into_owned();
            assert_eq!(checked.status.code(), Some(0), "{strip:?}: {report}");
        }
        // What a stripped program is, it is of the record's own build too.
        let (_, _, said) = build(&shop, &["-rpdesk", "--no-check"]);
        success(&mut shop.command("strip", &[program]));
        let recorded = shop.binlint(&["record", "-pdesk", "--bin", "desk", "--release"]).output();
        let recorded = recorded.unwrap();
        let why = String::from_utf8_lossy(&recorded.stderr);
        assert_eq!(recorded.status.code(), Some(0), "{said}{why}");
    }
}

/// The program's own features decide what it is made of; a checkout that built nothing knows them
/// only in part, and its other members are other programs.
#[test]
fn a_checkout_that_built_nothing_accuses_no_honest_record() {
    let Some(shop) = workspace() else { return };
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
    };
    for (path, text) in [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"desk\", \"till\", \"gem\", \"rack\"]\nresolver = \"2\"\n"
                .into(),
        ),
        (
            "till/Cargo.toml",
            package(
                "till",
                "[features]\ngold = [\"dep:gem\"]\n[dependencies]\n\
                 gem = { path = \"../gem\", optional = true }\n",
            ),
        ),
        ("gem/Cargo.toml", package("gem", "")),
        ("gem/src/lib.rs", "pub fn carats() -> usize { 4 }\n".into()),
        (
            "rack/Cargo.toml",
            package(
                "rack",
                "[dependencies]\ntill = { path = \"../till\", features = [\"gold\"] }\n",
            ),
        ),
        ("rack/build.rs", "fn main() {}\n".into()),
        ("rack/src/main.rs", "fn main() { println!(\"rack {}\", till::count()); }\n".into()),
    ] {
        let path = shop.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    success(&mut shop.command(env!("CARGO"), &["generate-lockfile", "--offline"]));
    for name in ["desk", "rack"] {
        let (output, _, said) = build(&shop, &["-rp", name, "--no-check"]);
        assert!(output.status.success(), "{said}");
        let copied = format!("copied/{name}");
        fs::create_dir_all(shop.root.join("copied")).unwrap();
        for end in ["", ".intoto.jsonl"] {
            let from = shop.root.join(format!("target/release/{name}{end}"));
            fs::rename(from, shop.root.join(format!("{copied}{end}"))).unwrap();
        }
        fs::remove_dir_all(shop.root.join("target")).unwrap();
        let verify = || shop.verify(&[&copied, "--manifest-path", "Cargo.toml"]);
        // Neither what was built for another profile is the build that is meant.
        for built in [false, true] {
            if built {
                let (output, _, said) = build(&shop, &["-p", name, "--no-check"]);
                assert!(output.status.success(), "{said}");
            }
            let verified = verify();
            let failed: Vec<&str> = verified.failed.iter().map(String::as_str).collect();
            assert_eq!((verified.code, failed), (0, vec!["dirty-worktree"]), "{verified:?}");
        }
        // What is one of its sources for certain is still held against it.
        let library = shop.root.join("till/src/lib.rs");
        let text = fs::read_to_string(&library).unwrap();
        fs::write(&library, format!("{text}// more\n")).unwrap();
        assert!(verify().failed.iter().any(|it| it == "source-mismatch"), "{name}");
        fs::write(&library, text).unwrap();
    }
}

/// The environment of a build is no part of its sources: a checkout that built nothing cannot tell
/// what it was, and one that did has it in cargo's fingerprint.
#[test]
fn flags_out_of_the_environment_of_a_build_accuse_nobody() {
    let Some(shop) = workspace() else { return };
    let words = ["build", "--offline", "--no-check", "-rp", "desk"];
    let output = shop.binlint(&words).env("RUSTFLAGS", "--cfg extra").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = "target/release/desk";
    let verify = |path: &str| shop.verify(&[path, "--manifest-path", "Cargo.toml"]);
    let verified = verify(program);
    assert_eq!((verified.code, &*verified.failed), (0, &["dirty-worktree".to_owned()][..]));
    // The flags that cargo keeps settle it.
    let record = format!("{program}.intoto.jsonl");
    let text = fs::read_to_string(shop.root.join(&record)).unwrap();
    let forged = text.replace("\"--cfg\",\"extra\"", "\"--cfg\",\"other\"");
    assert_ne!(text, forged);
    fs::write(shop.root.join(&record), &forged).unwrap();
    assert_eq!(verify(program).code, 1);
    // Where nothing is built, they may have been so.
    fs::write(shop.root.join(&record), text).unwrap();
    fs::create_dir_all(shop.root.join("copied")).unwrap();
    for end in ["", ".intoto.jsonl"] {
        let from = shop.root.join(format!("{program}{end}"));
        fs::rename(from, shop.root.join(format!("copied/desk{end}"))).unwrap();
    }
    fs::remove_dir_all(shop.root.join("target")).unwrap();
    let verified = verify("copied/desk");
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(verified.failed.iter().any(|it| it == "parameter-mismatch"), "{verified:?}");
    let flags = [("RUSTFLAGS", "--cfg other")];
    let mut other = shop.binlint(&["verify", "copied/desk", "--manifest-path", "Cargo.toml"]);
    assert_eq!(other.envs(flags).output().unwrap().status.code(), Some(1));
}
