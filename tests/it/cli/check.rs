//! The program as run: words in, one line on standard error or a whole report, exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::run;
use crate::support::{program, schema, slow};
use serde_json::Value;

fn at_work(program: &str, at: &Path) -> Command {
    let mut command = run::command(program);
    command.current_dir(at);
    command
}

fn binlint(at: &Path, words: &[&str]) -> Output {
    at_work(env!("CARGO_BIN_EXE_cargo-binlint"), at).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A package with two bins, built by the real cargo.
fn built(at: &Path, profile: &str) {
    fresh(at, "");
    let status = at_work(env!("CARGO"), at)
        .args(["build", "--quiet", "--offline", "--profile", profile])
        .status();
    assert!(status.unwrap().success());
}

fn fresh(at: &Path, manifest: &str) {
    fs::create_dir_all(at.join("src/bin")).unwrap();
    let package =
        "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(at.join("Cargo.toml"), format!("{package}{manifest}")).unwrap();
    for bin in ["server", "worker"] {
        let source = format!("fn main() {{ println!(\"{bin} {{:?}}\", std::env::args()); }}\n");
        fs::write(at.join(format!("src/bin/{bin}.rs")), source).unwrap();
    }
}

/// Exit code 2, nothing on standard output, one line on standard error that holds these words.
#[track_caller]
fn refuses(output: &Output, words: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}{}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    assert_eq!(error.lines().count(), 1, "{error}");
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn the_work_that_cannot_be_done_is_one_line_that_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    refuses(&binlint(at, &[]), &["no Cargo.toml", "--manifest-path"]);
    fresh(at, "");
    refuses(&binlint(at, &[]), &["not built", "cargo build"]);
    built(at, "dev");
    refuses(&binlint(at, &["--bin", "sever"]), &["no binary `sever`", "did you mean `server`?"]);
    refuses(&binlint(at, &["-p", "shap"]), &["no package `shap`", "did you mean `shop`?"]);
    refuses(&binlint(at, &["--profile", "relaese"]), &["relaese", "did you mean `release`?"]);
    refuses(&binlint(at, &["--release"]), &["not built", "cargo build --release"]);
    refuses(&binlint(at, &["--config", "none.toml"]), &["none.toml", "no such file"]);
    refuses(&binlint(at, &["-D", "relro-not-ful"]), &["did you mean `relro-not-full`?"]);

    refuses(&binlint(at, &["--cargo-config", "none"]), &["`none`", "neither a file nor KEY=VALUE"]);
    refuses(&binlint(at, &["record", "--key", "none.pem"]), &["--key none.pem", "a key in PEM"]);
    refuses(&binlint(at, &["--rootfs", "none"]), &["nothing is at none", "a root file system"]);
    refuses(&binlint(at, &["dockerfile", "none"]), &["none: there is no such file", "Dockerfile"]);
    refuses(&binlint(at, &["diff", "none", "none"]), &["none: there is no such file", "a binary"]);

    fs::write(at.join("binlint.toml"), "[levels]\nhardning = \"deny\"\n").unwrap();
    refuses(&binlint(at, &[]), &["binlint.toml:2", "did you mean `hardening`?"]);
    fs::write(at.join("binlint.toml"), "[levels\n").unwrap();
    refuses(&binlint(at, &[]), &["binlint.toml:1"]);
    fs::remove_file(at.join("binlint.toml")).unwrap();

    fresh(at, "[package.metadata.binlint.levels]\npacked = 7\n");
    refuses(&binlint(at, &[]), &["Cargo.toml:7", "`allow`, `warn` or `deny`"]);
    fs::write(at.join("Cargo.toml"), "[package\n").unwrap();
    refuses(&binlint(at, &[]), &["Cargo.toml:1"]);
}

#[test]
fn an_option_that_would_be_ignored_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let program = env!("CARGO_BIN_EXE_cargo-binlint");
    // Without a workspace nothing gives Cargo's options a meaning; without any, a program is linted.
    for option in [
        &["--package", "a"][..],
        &["--bin", "a"],
        &["--release"],
        &["--profile", "a"],
        &["--target", "a"],
        &["--target-dir", "a"],
        &["--features", "a"],
        &["--all-features"],
        &["--no-default-features"],
        &["--cargo-config", "a=1"],
        &["--rebuild"],
    ] {
        let words = [&["--binary", program][..], option].concat();
        refuses(&binlint(at, &words), &[option[0], "only in a workspace", "--manifest-path"]);
    }
    assert_eq!(binlint(at, &["--binary", program, "--exit-zero"]).status.code(), Some(0));
    // On both sides of the command's name.
    for words in [["-q", "--format=json", "check"], ["check", "-q", "--format=json"]] {
        refuses(&binlint(at, &words), &["`--quiet`", "only with `--format table`"]);
    }
    fs::create_dir(at.join("root")).unwrap();
    let platform = ["--image", "dir:root", "--platform", "linux/amd64"];
    refuses(&binlint(at, &platform), &["`--platform`", "dir:root"]);
    let at_path = ["verify", program, "--at", "/a"];
    refuses(&binlint(at, &at_path), &["--at", "need an image"]);

    fresh(at, "");
    refuses(&binlint(at, &["freshen", "--bin", "nope"]), &["no binary `nope`"]);
    let named = binlint(at, &["freshen", "--target-dir", "nope"]);
    assert_eq!(text(&named.stdout), "no build artifacts found; nothing to check\n");
    assert!(!at.join("nope").exists(), "a slip of the finger makes no directory");
    // The first build of a workspace is remembered, in the directory that Cargo will make.
    assert_eq!(binlint(at, &["freshen"]).status.code(), Some(0));
    assert!(at.join("target").exists());
}

#[test]
fn a_file_that_is_no_program_is_one_line_too() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    fs::write(at.join("notes"), "just words\n").unwrap();
    fs::write(at.join("empty"), "").unwrap();
    fs::write(at.join("script"), "#!/bin/sh\n").unwrap();
    let whole = fs::read(env!("CARGO_BIN_EXE_cargo-binlint")).unwrap();
    fs::write(at.join("header"), &whole[..40]).unwrap();
    fs::write(at.join("cut"), &whole[..whole.len() / 4]).unwrap();
    let (given, named) = (binlint(at, &["check", "notes"]), binlint(at, &["--binary", "notes"]));
    assert_eq!(given.stderr, named.stderr, "a file and --binary are the same");
    refuses(&binlint(at, &["notes"]), &["`notes` is a file", "cargo binlint check notes"]);
    for (file, word) in [
        ("missing", "cannot read"),
        (".", "is a directory"),
        ("notes", "not a program"),
        ("empty", "empty"),
        ("script", "script"),
        ("header", "cut off"),
        ("cut", "cut off"),
    ] {
        refuses(&binlint(at, &["--binary", file]), &[file, word]);
    }
    #[cfg(unix)]
    {
        let made = run::command("mkfifo").arg(at.join("pipe")).status().unwrap();
        assert!(made.success());
        refuses(&binlint(at, &["--binary", "pipe"]), &["pipe", "not a regular file"]);
    }
}

#[test]
fn the_newest_build_is_judged_and_named_and_nothing_is_written() {
    // It lists the files.
    if !slow::has("find") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    built(at, "release");
    built(at, "dev");
    let before = listing(at);
    let report = json(at, &["--format", "json"]);
    let after = listing(at);
    let changed: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(changed.is_empty() && after.len() == before.len(), "{changed:?}");
    assert_eq!(report["schema"], "binlint.report/2");
    let names: Vec<&str> = report["subjects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["server", "worker"]);
    let notes = report["notes"].to_string();
    assert!(notes.contains("dev profile") && notes.contains("release"), "{notes}");
    let one = json(at, &["check", "--release", "--bin", "worker", "--format", "json"]);
    assert_eq!(one["subjects"].as_array().unwrap().len(), 1);
    assert_eq!(one["subjects"][0]["binary"]["path"], "target/release/worker");
}

/// Every file below, with its size and its time.
fn listing(at: &Path) -> Vec<String> {
    let output = at_work("find", at).args([".", "-printf", "%p %s %T@ %i\n"]).output().unwrap();
    let mut lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[track_caller]
fn json(at: &Path, words: &[&str]) -> Value {
    let output = binlint(at, words);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn a_secret_of_the_environment_is_found_in_the_program_and_never_printed() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    fresh(at, "");
    let leaky = "fn main() { println!(\"{}\", env!(\"SHOP_API_TOKEN\")); }\n";
    fs::write(at.join("src/bin/server.rs"), leaky).unwrap();
    let secret = ("SHOP_API_TOKEN", "tok_4f9a8b7c6d5e");
    let mut cargo = at_work(env!("CARGO"), at);
    let status = cargo.args(["build", "-q", "--offline"]).envs([secret]).status();
    assert!(status.unwrap().success());
    let mut lint = at_work(env!("CARGO_BIN_EXE_cargo-binlint"), at);
    let output = lint.args(["--format", "json"]).envs([secret]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(report.contains("$SHOP_API_TOKEN") && !report.contains(secret.1), "{report}");
    let without = binlint(at, &["--bin", "server", "-A", "freshness"]);
    assert!(!text(&without.stdout).contains("embedded-secret"), "{}", text(&without.stdout));
}

#[test]
fn a_processor_named_in_the_build_is_found_in_its_fingerprint() {
    if cfg!(not(target_arch = "x86_64")) {
        return slow::lacks("x86-64, whose levels these are");
    }
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    fresh(at, "");
    let outcome = |flags: Option<&str>| {
        let mut cargo = at_work(env!("CARGO"), at);
        let status = cargo
            .args(["build", "-q", "--offline", "--release"])
            .envs(flags.map(|it| ("RUSTFLAGS", it)));
        assert!(status.status().unwrap().success());
        // Linted later, by somebody whose environment says nothing of it.
        let report = json(at, &["--bin", "server", "--format", "json"]);
        let outcomes = report["subjects"][0]["outcomes"].as_array().unwrap().clone();
        outcomes.into_iter().find(|it| it["rule"] == "cpu-level-too-high").unwrap()
    };
    assert_eq!(outcome(None)["outcome"], "pass");
    // A level by its name says which machines there are; the model of one processor does not.
    assert_eq!(outcome(Some("-C target-cpu=x86-64-v3"))["outcome"], "pass");
    let told = outcome(Some("-C target-cpu=haswell"));
    assert_eq!((&told["outcome"], &told["level"]), (&"fail".into(), &"deny".into()), "{told:#}");
    assert!(told.to_string().contains("fingerprint"), "{told:#}");
}

#[test]
fn levels_decide_the_exit_code_and_the_last_word_wins() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    fresh(at, "");
    let mut cargo = at_work(env!("CARGO"), at);
    let lazy = "-Crelro-level=partial -Clink-arg=-Wl,-z,lazy";
    let status =
        cargo.args(["build", "-q", "--offline", "--release"]).env("RUSTFLAGS", lazy).status();
    assert!(status.unwrap().success());
    let lint = |words: &[&str]| {
        let only = [&["-A", "freshness", "-A", "profile", "--bin", "server"], words].concat();
        binlint(at, &only).status.code()
    };
    assert_eq!(lint(&[]), Some(0));
    assert_eq!(lint(&["-D", "relro-not-full"]), Some(1));
    assert_eq!(lint(&["-D", "hardening"]), Some(1));
    assert_eq!(lint(&["-D", "hardening", "-A", "relro-not-full"]), Some(0));
    assert_eq!(lint(&["-A", "relro-not-full", "-D", "hardening"]), Some(1));
    // A rule answers to the name that it had before.
    assert_eq!(lint(&["-D", "partial-relro"]), Some(1));
    assert_eq!(lint(&["-D", "hardening", "-A", "partial-relro"]), Some(0));

    let waiver = |rest: &str| {
        let text =
            format!("[[waivers]]\nrule = \"relro-not-full\"\nreason = \"old loader\"\n{rest}");
        fs::write(at.join("binlint.toml"), text).unwrap();
    };
    waiver("subject = \"server\"\n");
    assert_eq!(lint(&["-D", "hardening"]), Some(0));
    let renamed = "[levels]\npartial-relro = \"deny\"\n";
    fs::write(at.join("binlint.toml"), renamed).unwrap();
    assert_eq!(lint(&[]), Some(1));
    let waived = "[[waivers]]\nrule = \"partial-relro\"\nreason = \"old loader\"\n";
    fs::write(at.join("binlint.toml"), waived).unwrap();
    assert_eq!(lint(&["-D", "hardening"]), Some(0));
    waiver("expires = \"2020-01-01\"\n");
    assert_eq!(lint(&["-D", "hardening"]), Some(1));
    // However quiet the run is: it is why the exit code is another than yesterday.
    for quiet in [&["--bin", "server"][..], &["-q", "--bin", "server"]] {
        let expired = text(&binlint(at, quiet).stdout);
        assert!(expired.contains("expired on 2020-01-01"), "{expired}");
    }
}

#[test]
fn cargo_binlint_and_the_bare_program_take_the_same_words() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bare = binlint(at, &["rules"]);
    let through_cargo = binlint(at, &["binlint", "rules"]);
    assert_eq!(bare.status.code(), Some(0));
    assert_eq!(bare.stdout, through_cargo.stdout);
    for word in ["--help", "--version"] {
        assert_eq!(binlint(at, &[word]).status.code(), Some(0));
    }
    assert_eq!(binlint(at, &["--frobnicate"]).status.code(), Some(2));
    // Options of the output stand on both sides of the command's name; one without an effect is
    // refused on both.
    let json = binlint(at, &["--format", "json", "rules"]);
    assert_eq!(json.stdout, binlint(at, &["rules", "--format", "json"]).stdout);
    assert_eq!(binlint(at, &["-q", "rules"]).status.code(), Some(2));
    assert_eq!(binlint(at, &["rules", "-q"]).status.code(), Some(2));
}

#[test]
fn every_rule_explains_itself() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list: Value =
        serde_json::from_slice(&binlint(at, &["rules", "--format", "json"]).stdout).unwrap();
    assert_eq!(list["schema"], "binlint.rules/1");
    for rule in list["rules"].as_array().unwrap() {
        let id = rule["rule"].as_str().unwrap();
        let page = text(&binlint(at, &["explain", id]).stdout);
        assert!(page.starts_with(&format!("{id}: ")), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 120), "{page}");
    }
    let old = text(&binlint(at, &["explain", "partial-relro"]).stdout);
    assert!(old.starts_with("relro-not-full: "), "{old}");
    assert!(old.contains("called partial-relro before 0.1.0: "), "{old}");
    refuses(&binlint(at, &["explain", "relro-not-ful"]), &["did you mean `relro-not-full`?"]);
}

#[test]
fn colours_and_width_follow_the_words_and_the_environment() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = |words: &[&str], environment: &[(&str, &str)]| {
        let mut command = at_work(env!("CARGO_BIN_EXE_cargo-binlint"), at);
        command.args(["check", "--binary"]).arg(program::small()).args(words);
        command.envs(environment.iter().copied());
        text(&command.output().unwrap().stdout)
    };
    let coloured = |text: &str| text.contains('\u{1b}');
    assert!(!coloured(&run(&[], &[])));
    assert!(coloured(&run(&["--color", "always"], &[])));
    assert!(coloured(&run(&[], &[("CARGO_TERM_COLOR", "always")])));
    assert!(!coloured(&run(&[], &[("CARGO_TERM_COLOR", "always"), ("NO_COLOR", "1")])));
    assert!(!coloured(&run(&[], &[("CLICOLOR_FORCE", "1"), ("CI", "true")])));
    let help = |environment: &[(&str, &str)]| {
        let mut command = at_work(env!("CARGO_BIN_EXE_cargo-binlint"), at);
        text(&command.arg("--help").envs(environment.iter().copied()).output().unwrap().stdout)
    };
    assert!(coloured(&help(&[("CARGO_TERM_COLOR", "always")])));
    assert!(!coloured(&help(&[("CARGO_TERM_COLOR", "always"), ("NO_COLOR", "1")])));
    assert!(!coloured(&help(&[("CLICOLOR_FORCE", "1"), ("CI", "true")])));
    let narrow = run(&["-v"], &[("COLUMNS", "60")]);
    // Paths have no blank to be broken at, lines to paste are not broken, and in a log a note is
    // one line.
    let whole = ["/", "fix:", "note:"];
    let breakable = narrow.lines().filter(|line| !whole.iter().any(|it| line.contains(it)));
    let widest = breakable.map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|width| width <= 60), "{narrow}");
    assert!(narrow.trim_end().lines().last().unwrap().contains("passed"), "{narrow}");
}

#[test]
fn a_terminal_that_shows_no_colours_gets_none_whatever_service_it_is() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR"));
    for words in ["--help".to_owned(), format!("check --binary {}", program::small().display())] {
        for (kind, expected) in [("dumb", false), ("xterm-256color", true)] {
            let typed = format!("{} {words}", env!("CARGO_BIN_EXE_cargo-binlint"));
            let mut terminal = at_work("script", at);
            terminal.args(["-qec", &typed, "/dev/null"]).env("TERM", kind).env("CI", "true");
            let shown = text(&terminal.stdin(Stdio::null()).output().unwrap().stdout);
            assert_eq!(shown.contains('\u{1b}'), expected, "{words}, {kind}: {shown}");
        }
    }
}

#[test]
fn every_text_keeps_to_the_width_of_the_terminal() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = program::small().display().to_string();
    let commands = [
        "rules".to_owned(),
        "explain stale-sources".to_owned(),
        "explain hardening".to_owned(),
        "--help".to_owned(),
        "check --help".to_owned(),
        format!("check --binary {program}"),
        format!("check -v --strict --binary {program}"),
        format!("inspect -v {program}"),
    ];
    // What cannot be broken: a path, a digest; and what is to be pasted, or looked for.
    let is_whole = |line: &str| {
        let longest = line.split(' ').map(|word| word.chars().count()).max();
        ["fix:", "see:", "Usage:", "/"].iter().any(|it| line.contains(it)) || longest > Some(30)
    };
    for width in [40, 80, 200] {
        let mut widest = 0;
        for words in &commands {
            let typed = format!(
                "stty rows 24 cols {width}; {} {words} --color never",
                env!("CARGO_BIN_EXE_cargo-binlint")
            );
            let typed = typed.replace("--help --color never", "--help");
            let mut terminal = at_work("script", at);
            terminal.args(["-qec", &typed, "/dev/null"]).env("TERM", "dumb");
            let shown = text(&terminal.stdin(Stdio::null()).output().unwrap().stdout);
            assert!(!shown.is_empty(), "{words}");
            for line in shown.lines().map(str::trim_end).filter(|line| !is_whole(line)) {
                let length = line.chars().count();
                assert!(length <= width, "{words} at {width}: {line}");
                widest = widest.max(length);
            }
        }
        // The room that is there is used, too.
        assert!(widest > width.min(160) * 3 / 4, "{width}: {widest}");
    }
}

#[test]
fn a_report_keeps_to_its_schema() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/report.json")).unwrap();
    let program = program::small().to_str().unwrap();
    let report = json(at, &["check", "--binary", program, "--format", "json"]);
    assert_eq!(schema::violations(&schema, &report), [""; 0]);
}
