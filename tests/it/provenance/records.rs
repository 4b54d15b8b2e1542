//! From a build to its record and back: what changed on the way is told, and what is told is true.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::recorded::{Shop, Trixie, success};
use crate::support::run;
use crate::support::slow::{has, is_there};

fn runs(program: &Path) {
    let output = success(&mut run::command(program));
    assert_eq!(output.stdout, b"shop 41\n");
}

#[test]
fn a_copied_file_explains_itself() {
    let Some(shop) = Shop::new() else { return };
    let output = shop.build(&["--embed"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("Compiling shop"), "cargo's own words are shown: {words}");
    assert!(words.contains("Recorded") && words.contains("(built)"), "{words}");
    runs(&shop.program());
    let alone = shop.path("alone");
    fs::copy(shop.program(), &alone).unwrap();
    let verified = shop.verify(&[&alone]);
    assert_eq!((verified.code, verified.failed), (0, vec![]));

    // The same statement lies beside the program, and readelf finds it inside.
    let beside = fs::read(shop.record()).unwrap();
    let inside = success(&mut shop.command(
        "objcopy",
        &[
            "-O",
            "binary",
            "--only-section=.binlint",
            "--set-section-flags",
            ".binlint=alloc",
            &alone,
            "inside",
        ],
    ));
    assert!(inside.stderr.is_empty());
    assert_eq!(fs::read(shop.root.join("inside")).unwrap(), beside);
    let headers = success(&mut shop.command("readelf", &["-SW", &alone]));
    assert!(headers.stderr.is_empty(), "{}", String::from_utf8_lossy(&headers.stderr));

    let inspected = success(&mut shop.binlint(&["inspect", "--format", "json", &alone]));
    let inspected: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    let record = &inspected["binaries"][0]["record"];
    let statement: Value = serde_json::from_slice(&beside).unwrap();
    assert_eq!((&record["statement"], &record["signed"]), (&statement, &Value::Bool(false)));
    let shown = success(&mut shop.binlint(&["inspect", &alone]));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("shop, profile release, commit "), "{shown}");

    // Again, and nothing changes; cargo finds its own program fresh.
    let before = fs::read(shop.program()).unwrap();
    success(&mut shop.binlint(&["record", "--release", "--embed"]));
    assert_eq!(fs::read(shop.program()).unwrap(), before);
    let output = shop.build(&["--embed"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("fresh, not rebuilt"));
    assert_eq!(fs::read(shop.program()).unwrap(), before);
}

#[test]
fn cargo_s_exit_code_and_words_pass_through() {
    let Some(shop) = Shop::new() else { return };
    fs::write(shop.root.join("src/shelf.rs"), "pub const LEN: usize = \"forty\";\n").unwrap();
    let output = shop.binlint(&["build", "--color=always", "--offline"]).output().unwrap();
    assert_eq!(output.status.code(), Some(101));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("mismatched types"), "{words}");
    assert!(words.contains("\u{1b}["), "colours are kept");
    assert!(output.stdout.is_empty());
    let output = shop.binlint(&["build", "--message-format=json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = shop.binlint(&["build", "--no-such-word"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "cargo's own code for words that it does not know");
}

#[test]
fn after_the_build_comes_the_check() {
    let Some(shop) = Shop::new() else { return };
    let output = success(&mut shop.binlint(&["build", "--release", "--offline"]));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("shop"), "{report}");
    assert!(shop.record().is_file());
    // The check knows the record beside the program, and none that an earlier build left there.
    let missing = ["check", "--release", "-D", "missing-record"];
    success(&mut shop.binlint(&missing));
    fs::write(shop.root.join("src/shelf.rs"), "pub const LEN: usize = 7654321;\n").unwrap();
    success(&mut shop.command(env!("CARGO"), &["build", "--release", "--offline", "--quiet"]));
    assert_eq!(shop.binlint(&missing).output().unwrap().status.code(), Some(1));
    let named = [&missing[..], &["--record", "target/release/shop.intoto.jsonl"]].concat();
    let output = shop.binlint(&named).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("digest-mismatch"));
}

#[test]
fn one_commit_in_two_directories_makes_one_record() {
    let Some(here) = Shop::new() else { return };
    let there = here.cloned();
    let statement = |shop: &Shop| -> Value {
        shop.build(&[]);
        serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap()
    };
    let (here, there) = (statement(&here), statement(&there));
    assert_eq!(here["predicate"].to_string(), there["predicate"].to_string());
    assert_eq!(here["subject"][0]["name"], there["subject"][0]["name"]);
    assert_eq!(here["predicate"]["runDetails"]["metadata"]["finishedOn"], "2023-11-14T22:13:20Z");
}

#[test]
fn stripped_packed_patched_and_rebuilt_are_told_apart() {
    let Some(shop) = Shop::new() else { return };
    shop.build(&["--embed"]);
    let record = shop.record().to_str().unwrap().to_owned();
    let changed = |name: &str, command: Option<Command>| {
        let path = shop.path(name);
        if let Some(mut command) = command {
            fs::copy(shop.program(), &path).unwrap();
            success(command.arg(&path));
        }
        let verified = shop.verify(&[&path, "--record", &record]);
        (verified.code, verified.failed.join(" "), verified.said)
    };
    let tool = |words: &[&str]| Some(shop.command(words[0], &words[1..]));

    for (name, words) in [
        ("s1", &["strip"][..]),
        ("s2", &["strip", "--strip-all"]),
        ("s3", &["strip", "--strip-debug"]),
        ("s4", &["objcopy", "--remove-section=.comment"]),
    ] {
        let (code, failed, said) = changed(name, tool(words));
        assert_eq!((code, failed.as_str()), (0, "stripped-after-build"), "{words:?}: {said}");
        runs(&shop.root.join(name));
        // GNU strip keeps the record: the file still explains itself.
        let alone = shop.verify(&[&shop.path(name)]);
        assert_eq!(alone.failed, ["stripped-after-build"], "{words:?}");
    }
    if is_there("llvm-strip") {
        let (code, failed, said) = changed("s5", tool(&["llvm-strip"]));
        assert_eq!((code, failed.as_str()), (0, "stripped-after-build"), "{said}");
        // llvm-strip drops every section that is not loaded, unless told to keep it.
        assert_eq!(shop.verify(&[&shop.path("s5")]).code, 2);
        changed("s6", tool(&["llvm-strip", "--keep-section=.binlint"]));
        assert_eq!(shop.verify(&[&shop.path("s6")]).failed, ["stripped-after-build"]);
    }
    if has("patchelf") {
        for (name, words) in [
            ("p1", &["patchelf", "--set-rpath", "/opt/lib"][..]),
            ("p2", &["patchelf", "--add-needed", "libm.so.6"]),
            (
                "p3",
                &["patchelf", "--set-interpreter", "/somewhere/else/entirely/ld-linux-x86-64.so.2"],
            ),
        ] {
            let (code, failed, said) = changed(name, tool(words));
            assert_eq!((code, failed.as_str()), (1, "digest-mismatch"), "{words:?}");
            assert!(said.contains("was patched"), "{words:?}: {said}");
        }
    }
    if let Some(trixie) = Trixie::with("upx-ucl") {
        let mut upx = trixie.command("upx-ucl");
        upx.arg("-q");
        let (code, failed, said) = changed("u1", Some(upx));
        assert_eq!((code, failed.as_str()), (1, "digest-mismatch"));
        assert!(said.contains("was packed"), "{said}");
        let words = ["check", "--binary", &shop.path("u1")];
        let linted = shop.command(env!("CARGO_BIN_EXE_cargo-binlint"), &words).output().unwrap();
        let linted = String::from_utf8_lossy(&linted.stdout).into_owned();
        assert!(linted.contains("upx-packed"), "{linted}");
        runs(&shop.root.join("u1"));
    }

    // One byte of the code, by hand: the build-id stays.
    let mut bytes = fs::read(shop.program()).unwrap();
    let headers = success(&mut shop.command("readelf", &["-SW", "target/release/shop"]));
    let headers = String::from_utf8(headers.stdout).unwrap();
    let line = headers.lines().find(|line| line.contains(" .text ")).unwrap();
    let offset = line.split_whitespace().skip_while(|word| *word != "PROGBITS").nth(2).unwrap();
    bytes[usize::from_str_radix(offset, 16).unwrap() + 64] ^= 1;
    fs::write(shop.path("t1"), &bytes).unwrap();
    let (code, failed, said) = changed("t1", None);
    assert_eq!((code, failed.as_str()), (1, "digest-mismatch"));
    let has_build_id = headers.contains(".note.gnu.build-id");
    assert!(said.contains(if has_build_id { "other code" } else { "another build" }), "{said}");

    // Another build of other sources.
    fs::write(shop.root.join("src/shelf.rs"), "pub const LEN: usize = 1234567;\n").unwrap();
    success(&mut shop.command(env!("CARGO"), &["build", "--release", "--offline", "--quiet"]));
    fs::copy(shop.program(), shop.path("r1")).unwrap();
    let (code, failed, said) = changed("r1", None);
    assert_eq!((code, failed.as_str()), (1, "digest-mismatch"));
    assert!(said.contains("another build"), "{said}");
}

#[test]
fn a_workspace_that_moved_on_is_named_file_by_file() {
    let Some(shop) = Shop::new() else { return };
    shop.build(&[]);
    let verify = |rule: &str| {
        let verified = shop.verify(&["target/release/shop", "--manifest-path", "Cargo.toml"]);
        assert!(verified.failed.iter().any(|it| it == rule), "{rule}: {verified:?}");
        assert_eq!(verified.code, 1);
        verified.said
    };
    let clean = shop.verify(&["target/release/shop", "--manifest-path", "Cargo.toml"]);
    assert_eq!((clean.code, clean.failed), (0, vec![]));

    let lock = fs::read_to_string(shop.root.join("Cargo.lock")).unwrap();
    fs::write(shop.root.join("till/src/lib.rs"), "pub fn count() -> usize { 2 }\n").unwrap();
    let said = verify("source-mismatch");
    assert!(said.contains("till/src/lib.rs") && !said.contains("src/shelf.rs"), "{said}");
    fs::write(shop.root.join("Cargo.lock"), format!("{lock}\n# touched\n")).unwrap();
    assert!(verify("lockfile-mismatch").contains("Cargo.lock"));

    // The sources are newer than the program: a record of it would be a lie.
    let output = shop.binlint(&["record", "--release"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("till/src/lib.rs was written after"));

    // Built again, the record says that no commit holds this.
    shop.build(&[]);
    let dirty = shop.verify(&["target/release/shop", "-D", "dirty-worktree"]);
    assert_eq!((dirty.code, dirty.failed.as_slice()), (1, &["dirty-worktree".to_owned()][..]));
}

#[test]
fn an_embedded_record_cannot_be_changed_unseen() {
    let Some(shop) = Shop::new() else { return };
    shop.build(&["--embed"]);
    let program = fs::read(shop.program()).unwrap();
    let at = program.windows(20).rposition(|bytes| bytes == b"\"externalParameters\"").unwrap();
    let mut changed = program.clone();
    let profile = b"\"profile\":\"release\"";
    let place = at + changed[at..].windows(profile.len()).position(|it| it == profile).unwrap();
    changed[place..place + profile.len()].copy_from_slice(b"\"profile\":\"releasf\"");
    let path = shop.path("changed");
    fs::write(&path, changed).unwrap();
    let verified = shop.verify(&[&path, "--manifest-path", "Cargo.toml", "--release"]);
    assert_eq!(
        (verified.code, verified.failed.as_slice()),
        (1, &["parameter-mismatch".to_owned()][..])
    );
    assert!(verified.said.contains("releasf"), "{}", verified.said);
}

#[test]
fn what_cannot_be_verified_is_said_in_one_line() {
    let Some(shop) = Shop::new() else { return };
    shop.build(&[]);
    fs::remove_file(shop.record()).unwrap();
    for (words, said) in [
        (&["target/release/shop"][..], "no provenance record"),
        (&["missing"], "missing"),
        (&["src"], "--at"),
        (&["target/release/shop", "--record", "Cargo.toml"], "Cargo.toml: this is not"),
        (&["target/release/shop", "--record", "missing.json"], "missing.json"),
    ] {
        let verified = shop.verify(words);
        assert_eq!(verified.code, 2, "{words:?}");
        assert!(verified.said.contains(said), "{words:?}: {}", verified.said);
    }
    let fifo = shop.path("fifo");
    success(&mut shop.command("mkfifo", &[&fifo]));
    assert_eq!(shop.verify(&["target/release/shop", "--record", &fifo]).code, 2);
    assert_eq!(shop.verify(&[&fifo]).code, 2);
    // A script has no sections to put a record into.
    let script = shop.path("target/release/shop");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let output = shop.binlint(&["record", "--release", "--embed"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(&script).unwrap(), b"#!/bin/sh\n");
}
