//! Today's output of every command over fixed fixtures, as files in `tests/recorded/`: a change
//! either leaves them equal or shows in the difference what it says otherwise.
//!
//! `BINLINT_BLESS=1 cargo test --test it cli::recorded` writes the files anew; look the difference over and
//! commit it with its cause. What is recorded depends on nothing but the fixtures: programs of
//! `testdata/corpus/placeholders-open.tar.xz`, ELF files made byte by byte, images whose layers have
//! no dates. Nothing that the compiler of this machine makes is among them.
//!
//! Of the two corpora the placeholders' programs are committed, and `corpus.stdout` holds the
//! verdict on each. Those of `corpus-open.csv` have to be fetched: `docs/accuracy.md`, which
//! `tests/corpus.rs` writes, is their record, with every answer that differs from the truth.

use crate::support::run;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// One run: the files' name, what is typed, and the exit code.
struct Case {
    name: &'static str,
    typed: &'static str,
    code: i32,
}

const fn case(name: &'static str, typed: &'static str, code: i32) -> Case {
    Case { name, typed, code }
}

/// What is typed in an empty directory.
const WORDS: &[Case] = &[
    case("help", "--help", 0),
    case("help-short", "-h", 0),
    case("help-check", "check --help", 0),
    case("help-inspect", "inspect --help", 0),
    case("help-build", "build --help", 0),
    case("help-freshen", "freshen --help", 0),
    case("help-record", "record --help", 0),
    case("help-verify", "verify --help", 0),
    case("help-diff", "diff --help", 0),
    case("help-diagnose", "diagnose --help", 0),
    case("diagnose-no-signal", "diagnose --signal NOPE", 2),
    case("help-dockerfile", "dockerfile --help", 0),
    case("help-init", "init --help", 0),
    case("help-completions", "completions --help", 0),
    case("help-rules", "rules --help", 0),
    case("help-explain", "explain --help", 0),
    case("rules", "rules", 0),
    case("rules-json", "rules --format json", 0),
    case("explain-placeholder-main", "explain placeholder-main", 0),
    case("explain-stale-sources", "explain stale-sources", 0),
    case("explain-glibc-too-new", "explain glibc-too-new", 0),
    case("explain-missing-interpreter", "explain missing-interpreter", 0),
    case("explain-digest-mismatch", "explain digest-mismatch", 0),
    case("explain-embedded-secret", "explain embedded-secret", 0),
    case("explain-executable-stack", "explain executable-stack", 0),
    case("explain-group", "explain hardening", 0),
    case("rules-group", "--color always rules leak", 0),
    case("rules-unknown-group", "rules lek", 2),
    case("explain-unknown", "explain placeholder-mian", 2),
    case("unknown-command", "chekc", 2),
    case("unknown-option", "check --imgae x", 2),
    case("unknown-format", "inspect --format xml x", 2),
    case("no-file", "inspect", 2),
    case("no-workspace", "check", 2),
    case("no-workspace-release", "check --release --binary made", 2),
    case("no-workspace-to-freshen", "freshen", 2),
    case("no-workspace-to-record", "record", 2),
    case("absent-binary", "check --binary nowhere", 2),
    case("absent-image", "check --image oci:nowhere", 2),
    case("absent-subject", "verify nowhere", 2),
];

/// What is typed over files made here.
const MADE: &[Case] = &[
    case("inspect-made", "inspect made", 0),
    case("inspect-made-json", "inspect --format json made/bad made/lib/libc.so.6", 0),
    case("inspect-made-jsonl", "inspect --format jsonl made/big-endian made/arm made/wasm", 0),
    case("inspect-quick", "inspect --quick made/bad", 0),
    case("inspect-no-programs", "inspect odd/empty odd/text odd/cut odd/absent made/bad", 2),
    case(
        "inspect-no-programs-jsonl",
        "inspect --format jsonl odd/empty odd/text odd/cut odd/absent made/bad",
        2,
    ),
    case("check-made", "check -v --binary made/bad", 1),
    case("check-made-denied", "check -D hardening -D linkage --binary made/bad", 1),
    case("inspect-no-binaries", "inspect odd/none", 2),
    case("image-text", "check --image odd/text", 2),
    case("check-file", "-q check made/bad", 1),
    case("image-cut", "check --image odd/cut.tar", 2),
    case("image-empty", "check --image odd/empty", 2),
    case("image-not-an-image", "check --image odd/none", 2),
    case("image-a-daemon-without-name", "check --image docker-daemon:", 2),
    case("image-registry", "check --image docker://x", 2),
    case("image-unknown-tag-in-archive", "check --image docker-archive:odd/ok.tar:wrong", 2),
    case("check-waiver-expired-quiet", "-q check --config expired.toml --binary made/bad", 1),
    case("check-features-of-a-file", "check --features nosuch --binary made/bad", 2),
    case("check-release-of-a-file", "check --release --binary made/bad", 2),
    case("check-strict-exit-zero", "check -q --strict --exit-zero --binary made/bad", 0),
    case("check-archive-as-binary", "check odd/ok.tar", 2),
    case("library-only-crate", "check --manifest-path library/Cargo.toml", 2),
    case("crate-not-built", "check --manifest-path unbuilt/Cargo.toml", 2),
    case("check-not-a-program", "check --binary odd/text", 2),
];

/// What is typed over programs of the corpus, alone and in images.
const PROGRAMS: &[Case] = &[
    case("inspect", "inspect g95/P_hello.3.off.unwind a96static/P_empty.z.off.unwind", 0),
    case("inspect-verbose", "inspect -v g95/P_hello.3.off.unwind", 0),
    case("inspect-json", "inspect --format json g95/P_hello.3.off.unwind", 0),
    case(
        "inspect-jsonl",
        "inspect --format jsonl --no-digest g95/P_hello.3.off.unwind a96static/P_empty.z.off.unwind",
        0,
    ),
    case("check", "check --binary g95/P_hello.3.off.unwind", 0),
    case("check-verbose", "check -v --binary g95/P_hello.3.off.unwind", 0),
    case("check-quiet", "check -q --binary g95/P_hello.3.off.unwind", 0),
    case("check-strict", "check --strict --binary a96static/P_empty.z.off.unwind", 1),
    case("check-json", "check --format json --binary g95/P_hello.3.off.unwind", 0),
    case("check-colour", "check --color always --binary g95/P_hello.3.off.unwind", 0),
    case(
        "check-several",
        "check --binary g95/P_hello.3.off.unwind --binary a96static/P_empty.z.off.unwind --binary g95nopie/P_empty.3.off.unwind",
        0,
    ),
    case(
        "check-levels",
        "check -D placeholder-main -A hardening --binary g95/P_hello.3.off.unwind",
        0,
    ),
    case("check-config", "check --config levels.toml --binary g95/P_hello.3.off.unwind", 1),
    case("check-config-wrong", "check --config wrong.toml --binary g95/P_hello.3.off.unwind", 2),
    case("root-empty", "check --rootfs empty --binary g95/P_hello.3.off.unwind", 1),
    case("root-empty-verbose", "check -v --rootfs empty --binary g95/P_hello.3.off.unwind", 1),
    case("root-static", "check --rootfs empty --binary m96x/P_hello.3.off.unwind", 0),
    case("root-no-program", "check --rootfs empty", 2),
    case("image", "check --image oci:image:app", 1),
    case("image-verbose", "check -v --image oci:image:app", 1),
    case("image-json", "check --format json --image oci:image:app", 1),
    case("image-other-machine", "check --image oci:image:foreign", 1),
    case("image-no-command", "check --image oci:image:silent", 1),
    case("diagnose", "diagnose --exit-code 0 --silent --image oci:image:app", 0),
    case("diagnose-json", "diagnose --signal SEGV --format json --image oci:image:app", 0),
    case("image-unknown-tag", "check --image oci:image:nothing", 2),
    case("image-platform-missing", "check --platform linux/s390x --image oci:image:app", 2),
    case("verify-no-record", "verify g95/P_hello.3.off.unwind", 2),
    case("verify", "verify -v --record record.json g95/P_hello.3.off.unwind", 0),
    case("verify-json", "verify --format json --record record.json g95/P_hello.3.off.unwind", 0),
    case("verify-other-program", "verify --record record.json g95/P_empty.3.off.unwind", 1),
    case("verify-damaged-record", "verify --record damaged.json g95/P_hello.3.off.unwind", 1),
    case("verify-not-a-record", "verify --record levels.toml g95/P_hello.3.off.unwind", 2),
    case("verify-image", "verify oci:image:app --dockerfile Dockerfile", 2),
    case(
        "verify-image-record",
        "verify oci:image:app --record record.json --dockerfile Dockerfile",
        0,
    ),
];

#[test]
fn help_rules_and_refusals() {
    let place = tempfile::tempdir().unwrap();
    compare_all(WORDS, place.path());
}

#[test]
fn files_made_here() {
    let place = tempfile::tempdir().unwrap();
    write_made_files(place.path());
    compare_all(MADE, place.path());
}

#[test]
fn programs_of_the_corpus() {
    let Some(place) = unpack_corpus() else { return };
    write_beside_programs(place.path());
    compare_all(PROGRAMS, place.path());
}

/// One line a program: what it is said to be, and the rules that find or cannot decide anything.
#[test]
fn verdicts_on_the_corpus() {
    let Some(place) = unpack_corpus() else { return };
    let programs = files_below(place.path());
    let listed = fs::read_to_string(repository().join("testdata/corpus/placeholders-open.csv"));
    assert_eq!(programs.len() + 1, listed.expect("committed").lines().count(), "the whole corpus");
    let mut check = binlint(place.path());
    check.args(["check", "--format", "json"]);
    for program in &programs {
        check.arg("--binary").arg(program);
    }
    let output = check.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let subjects = report["subjects"].as_array().expect("a list");
    assert_eq!(subjects.len(), programs.len());
    let mut table = String::from(
        "file | triple | libc | link | glibc | kind | PIE | static PIE | symbols | debug | relro | \
         rustc | panic | main | allocator | lto | crates | found | open\n",
    );
    for subject in subjects {
        table.push_str(&verdict(subject));
    }
    let mut differences = Vec::new();
    compare("corpus.stdout", &table, &mut differences);
    finish(&differences);
}

fn verdict(subject: &Value) -> String {
    let binary = &subject["binary"];
    let said = |pointer: &str| match binary.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "?".to_owned(),
        Some(other) => other.to_string(),
    };
    let ruled = |outcome: &str| {
        let outcomes = subject["outcomes"].as_array().expect("a list");
        let rules = outcomes.iter().filter(|it| it["outcome"] == outcome);
        let rules: Vec<&str> = rules.filter_map(|it| it["rule"].as_str()).collect();
        rules.join(",")
    };
    let columns = [
        said("/path"),
        said("/triple"),
        said("/libc/name"),
        said("/libc/linkage"),
        said("/libc/version_required"),
        said("/kind"),
        said("/position_independent"),
        said("/static_pie"),
        said("/symbols"),
        said("/debug_info"),
        said("/hardening/relro"),
        said("/rustc/version"),
        said("/panic"),
        said("/main/verdict"),
        said("/allocator"),
        said("/lto"),
        binary["crates"].as_array().map_or(0, Vec::len).to_string(),
        ruled("fail"),
        ruled("open"),
    ];
    format!("{}\n", columns.join(" | ").trim_end())
}

/// A file that no case writes would be a promise that nobody checks.
#[test]
fn every_recorded_file_is_compared() {
    let names: BTreeSet<&str> =
        [WORDS, MADE, PROGRAMS].concat_names().into_iter().chain(["corpus"]).collect();
    let count = WORDS.len() + MADE.len() + PROGRAMS.len() + 1;
    assert_eq!(names.len(), count, "two cases share a name");
    for path in files_below(&folder()) {
        let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        assert!(names.contains(stem), "tests/recorded/{}: no case writes it", path.display());
    }
}

/// Each part of the tool's words has its case: a new subcommand is not forgotten.
#[test]
fn every_subcommand_has_its_help_recorded() {
    let place = tempfile::tempdir().unwrap();
    let output = binlint(place.path()).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let commands = text.split("Commands:\n").nth(1).expect("a list of commands");
    let commands = commands.split("\n\n").next().unwrap_or_default();
    let named = commands.lines().filter_map(|line| line.strip_prefix("  "));
    let named = named.filter(|line| !line.starts_with(' '));
    let named: Vec<&str> = named.filter_map(|line| line.split(' ').next()).collect();
    assert!(named.len() > 5, "{named:?}");
    for command in named.into_iter().filter(|it| *it != "help") {
        let typed = format!("{command} --help");
        assert!(WORDS.iter().any(|case| case.typed == typed), "no case types `{typed}`");
    }
}

trait Names {
    fn concat_names(&self) -> Vec<&'static str>;
}

impl Names for [&[Case]; 3] {
    fn concat_names(&self) -> Vec<&'static str> {
        self.iter().flat_map(|cases| cases.iter().map(|case| case.name)).collect()
    }
}

// Running and comparing.

/// The program in a directory, with an environment that configures nothing and no terminal.
fn binlint(cwd: &Path) -> Command {
    let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.current_dir(cwd);
    command.env("CARGO_HOME", cwd.join(".cargo-home")).env("COLUMNS", "100");
    command
}

fn compare_all(cases: &[Case], cwd: &Path) {
    // The program is not optimised here, and there are many runs of it.
    let half = cases.len().div_ceil(2);
    let differences: Vec<String> = std::thread::scope(|scope| {
        let halves = cases.chunks(half).map(|cases| scope.spawn(|| compare_some(cases, cwd)));
        let halves: Vec<_> = halves.collect();
        halves.into_iter().flat_map(|half| half.join().expect("no case panics")).collect()
    });
    finish(&differences);
}

fn compare_some(cases: &[Case], cwd: &Path) -> Vec<String> {
    let mut differences = Vec::new();
    for case in cases {
        let Output { status, stdout, stderr } =
            binlint(cwd).args(case.typed.split(' ')).output().unwrap();
        if status.code() != Some(case.code) {
            differences.push(format!(
                "`{}`: exit code {:?}, recorded is {}\n{}",
                case.typed,
                status.code(),
                case.code,
                String::from_utf8_lossy(&stderr)
            ));
        }
        for (extension, bytes) in [("stdout", stdout), ("stderr", stderr)] {
            let text = String::from_utf8(bytes).expect("the program prints UTF-8");
            let name = format!("{}.{extension}", case.name);
            compare(&name, &normalise(&text, cwd), &mut differences);
        }
    }
    differences
}

/// The temporary directory is the one thing here that no two runs share.
fn normalise(text: &str, cwd: &Path) -> String {
    let real = cwd.canonicalize().unwrap();
    let text = text.replace(&real.display().to_string(), "[DIRECTORY]");
    text.replace(&cwd.display().to_string(), "[DIRECTORY]")
}

/// Compares with the file of this name, or writes it; no file is the same as an empty one.
fn compare(name: &str, now: &str, differences: &mut Vec<String>) {
    let path = folder().join(name);
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    if recorded == now {
        return;
    }
    if !is_blessing() {
        differences.push(format!("tests/recorded/{name}:\n{}", difference(&recorded, now)));
        return;
    }
    if now.is_empty() {
        fs::remove_file(&path).unwrap();
    } else {
        fs::create_dir_all(folder()).unwrap();
        fs::write(&path, now).unwrap();
    }
    println!("wrote tests/recorded/{name}");
}

fn finish(differences: &[String]) {
    let shown = differences.join("\n");
    assert!(
        differences.is_empty(),
        "{shown}\n{} differences; if they are meant, BINLINT_BLESS=1 records what is said now",
        differences.len()
    );
}

fn is_blessing() -> bool {
    std::env::var_os("BINLINT_BLESS").is_some_and(|value| value == "1")
}

/// The lines that went (`-`) and came (`+`), with a line around them and their numbers.
fn difference(old: &str, new: &str) -> String {
    const MAX_LINES: usize = 60;
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = || old[same..].iter().rev().zip(new[same..].iter().rev());
    let same_behind = rest().take_while(|(old, new)| old == new).count();
    let (old_end, new_end) = (old.len() - same_behind, new.len() - same_behind);
    let script = script(&old[same..old_end], &new[same..new_end]);
    let mut shown = format!("  line {}\n", same + 1);
    if let Some(before) = same.checked_sub(1) {
        let _ = writeln!(shown, "    {}", old[before]);
    }
    for (sign, line) in script.iter().take(MAX_LINES) {
        let _ = writeln!(shown, "  {sign} {}", line.escape_debug());
    }
    if script.len() > MAX_LINES {
        let _ = writeln!(shown, "  … and {} lines more", script.len() - MAX_LINES);
    }
    if old.len() == new.len() && script.is_empty() {
        shown.push_str("  the last line's end\n");
    }
    shown
}

/// The shortest way from one to the other by lines; from long to long, all that went and came.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    const MAX_CELLS: usize = 4_000_000;
    let mut script = Vec::new();
    if old.len() * new.len() > MAX_CELLS {
        script.extend(old.iter().map(|line| ('-', *line)));
        script.extend(new.iter().map(|line| ('+', *line)));
        return script;
    }
    // `common[i][j]`: how many lines `old[i..]` and `new[j..]` share in order.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            script.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            script.push(('-', old[i]));
            i += 1;
        } else {
            script.push(('+', new[j]));
            j += 1;
        }
    }
    script
}

#[test]
fn a_difference_names_the_lines() {
    let shown = difference("a\nb\nc\nd\n", "a\nx\nc\ny\nd\n");
    assert_eq!(shown, "  line 2\n    a\n  - b\n  + x\n    c\n  + y\n");
    assert_eq!(difference("a", "a\n"), "  line 2\n    a\n  the last line's end\n");
    let mut differences = Vec::new();
    compare("no-such-case.stdout", "", &mut differences);
    assert_eq!(differences, [""; 0], "no file stands for no output");
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    repository().join("tests/recorded")
}

/// Every file below, sorted, by its path from there.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(root).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

// Fixtures.

/// The corpus' programs in a directory of their own; `None`, with a line that says so, where `tar`
/// or `xz` is missing. Under `BINLINT_CI` that is a failure.
fn unpack_corpus() -> Option<tempfile::TempDir> {
    let place = tempfile::tempdir().unwrap();
    let archive = repository().join("testdata/corpus/placeholders-open.tar.xz");
    let tar = run::command("tar").arg("-C").arg(place.path()).arg("-xJf").arg(archive).output();
    if tar.as_ref().is_ok_and(|it| it.status.success()) {
        return Some(place);
    }
    assert!(std::env::var_os("BINLINT_CI").is_none(), "skipped under CI: tar and xz: {tar:?}");
    eprintln!("skipped: tar with xz is not here to unpack the corpus");
    None
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn write_made_files(place: &Path) {
    let bad = Elf {
        interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
        strings: &[(1, "libgone.so.1"), (1, "libc.so.6"), (29, "/tmp/build:$ORIGIN/../lib")],
        flags: 7,
        stack: Some(7),
        ..Elf::default()
    };
    let library = Elf { kind: 3, strings: &[(14, "libc.so.6")], ..Elf::default() };
    let big_endian = Elf { machine: 22, is_little: false, ..Elf::default() };
    let arm = Elf { machine: 40, is_wide: false, kind: 3, ..Elf::default() };
    for (name, file) in
        [("bad", &bad), ("lib/libc.so.6", &library), ("big-endian", &big_endian), ("arm", &arm)]
    {
        write(&place.join("made").join(name), &file.bytes(), 0o755);
    }
    write(&place.join("made/wasm"), b"\0asm\x01\0\0\0", 0o755);
    fs::create_dir_all(place.join("odd/none")).unwrap();
    write(&place.join("odd/empty"), b"", 0o644);
    write(&place.join("odd/text"), b"hello\n", 0o644);
    write(&place.join("odd/cut"), &bad.bytes()[..100], 0o755);
    let manifest = json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": []}]);
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}});
    let archive = tar_archive(&[
        tar_entry("config.json", b'0', 0o644, config.to_string().as_bytes(), ""),
        tar_entry("manifest.json", b'0', 0o644, manifest.to_string().as_bytes(), ""),
    ]);
    write(&place.join("odd/ok.tar"), &archive, 0o644);
    write(&place.join("odd/cut.tar"), &archive[..1100], 0o644);
    let waiver =
        "[[waivers]]\nrule = \"executable-stack\"\nreason = \"old\"\nexpires = \"2020-01-01\"\n";
    write(&place.join("expired.toml"), waiver.as_bytes(), 0o644);
    for (name, source) in [("library", "lib.rs"), ("unbuilt", "main.rs")] {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2021\"\n[workspace]\n");
        write(&place.join(name).join("Cargo.toml"), manifest.as_bytes(), 0o644);
        write(&place.join(name).join("src").join(source), b"fn main() {}\n", 0o644);
    }
}

/// An ELF file of headers and a dynamic section, with no code at all.
struct Elf {
    is_wide: bool,
    is_little: bool,
    /// `e_type`: 2 is a program at a fixed address, 3 one that is not, or a library.
    kind: u16,
    machine: u16,
    interpreter: Option<&'static str>,
    /// Tags of the dynamic section whose value is a text: 1 NEEDED, 14 SONAME, 29 RUNPATH.
    strings: &'static [(u64, &'static str)],
    /// `p_flags` of the one segment: 4 read, 2 write, 1 execute.
    flags: u32,
    /// `p_flags` of `PT_GNU_STACK`.
    stack: Option<u32>,
}

impl Default for Elf {
    fn default() -> Elf {
        Elf {
            is_wide: true,
            is_little: true,
            kind: 2,
            machine: 62,
            interpreter: None,
            strings: &[],
            flags: 5,
            stack: None,
        }
    }
}

impl Elf {
    const BASE: u64 = 0x40_0000;

    fn bytes(&self) -> Vec<u8> {
        let (own, entry) = if self.is_wide { (64, 56) } else { (52, 32) };
        let has_dynamic = !self.strings.is_empty();
        let count = 1
            + usize::from(self.interpreter.is_some())
            + usize::from(has_dynamic)
            + usize::from(self.stack.is_some());
        let headers = own + count * entry;
        let mut data = Vec::new();
        let interpreter = self.interpreter.map(|path| {
            data.extend(path.as_bytes());
            data.push(0);
            (headers, path.len() + 1)
        });
        let texts = headers + data.len();
        let mut table = vec![0];
        let mut dynamic = Vec::new();
        for (tag, text) in self.strings {
            dynamic.extend([*tag, table.len() as u64]);
            table.extend(text.as_bytes());
            table.push(0);
        }
        dynamic.extend([5, Elf::BASE + texts as u64, 10, table.len() as u64, 0, 0]);
        if has_dynamic {
            data.extend(&table);
            data.resize(data.len().next_multiple_of(8), 0);
        }
        let dynamic_at = headers + data.len();
        if has_dynamic {
            dynamic.iter().for_each(|word| self.word(&mut data, *word));
        }
        let size = headers + data.len();

        let mut file = b"\x7fELF".to_vec();
        file.extend([1 + u8::from(self.is_wide), 2 - u8::from(self.is_little), 1]);
        file.resize(16, 0);
        self.half(&mut file, self.kind);
        self.half(&mut file, self.machine);
        self.quarter(&mut file, 1);
        for word in [Elf::BASE, own as u64, 0] {
            self.word(&mut file, word);
        }
        self.quarter(&mut file, 0);
        for half in [own, entry, count, 0, 0, 0] {
            self.half(&mut file, half as u16);
        }
        assert_eq!(file.len(), own);
        // The kernel wants PT_INTERP before the segment that holds it.
        if let Some((at, size)) = interpreter {
            self.segment(&mut file, 3, 4, at, size);
        }
        self.segment(&mut file, 1, self.flags, 0, size);
        if has_dynamic {
            self.segment(&mut file, 2, 6, dynamic_at, size - dynamic_at);
        }
        if let Some(flags) = self.stack {
            self.segment(&mut file, 0x6474_e551, flags, 0, 0);
        }
        file.extend(data);
        file
    }

    fn segment(&self, to: &mut Vec<u8>, kind: u32, flags: u32, at: usize, size: usize) {
        self.quarter(to, kind);
        if self.is_wide {
            self.quarter(to, flags);
        }
        let address = Elf::BASE + at as u64;
        for word in [at as u64, address, address, size as u64, size as u64] {
            self.word(to, word);
        }
        if !self.is_wide {
            self.quarter(to, flags);
        }
        self.word(to, 8);
    }

    fn half(&self, to: &mut Vec<u8>, value: u16) {
        to.extend(if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() });
    }

    fn quarter(&self, to: &mut Vec<u8>, value: u32) {
        to.extend(if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() });
    }

    fn word(&self, to: &mut Vec<u8>, value: u64) {
        match (self.is_wide, self.is_little) {
            (false, _) => self.quarter(to, u32::try_from(value).expect("a small file")),
            (true, true) => to.extend(value.to_le_bytes()),
            (true, false) => to.extend(value.to_be_bytes()),
        }
    }
}

/// Configurations, a record, roots and images, beside the corpus' programs.
fn write_beside_programs(place: &Path) {
    let levels = "[levels]\nplaceholder-main = \"deny\"\nhardening = \"deny\"\n\n\
                  [expect]\nlibc = \"musl-static\"\ntriple = \"x86_64-unknown-linux-musl\"\n\n\
                  [[waivers]]\nrule = \"missing-pie\"\nreason = \"the loader is the vendor's\"\n";
    write(&place.join("levels.toml"), levels.as_bytes(), 0o644);
    write(
        &place.join("wrong.toml"),
        b"[levels]\nhardening = \"deny\"\nroot-usr = \"warn\"\n",
        0o644,
    );
    let program = fs::read(place.join("g95/P_hello.3.off.unwind")).unwrap();
    let mut record = statement(&program);
    write(&place.join("record.json"), record.to_string().as_bytes(), 0o644);
    let build = &mut record["predicate"]["buildDefinition"];
    build["internalParameters"]["resolvedProfile"]["panic"] = "abort".into();
    build["resolvedDependencies"][2]["digest"] = json!({"sha256": sha256(b"others")});
    build["resolvedDependencies"][3]["annotations"] = json!({"dirty": true});
    write(&place.join("damaged.json"), record.to_string().as_bytes(), 0o644);
    let dockerfile = "FROM rust:1.95-bookworm AS build\nRUN cargo build --release\n\
                      FROM debian:bookworm-slim\nCOPY --from=build /app /usr/bin/app\n\
                      CMD [\"/usr/bin/app\"]\n";
    write(&place.join("Dockerfile"), dockerfile.as_bytes(), 0o644);
    let passwd = b"root:x:0:0:root:/root:/bin/sh\n";
    write(&place.join("empty/etc/passwd"), passwd, 0o644);
    fs::create_dir_all(place.join("empty/tmp")).unwrap();

    let other = fs::read(place.join("a96static/P_empty.z.off.unwind")).unwrap();
    let library = Elf { kind: 3, strings: &[(14, "libc.so.6")], ..Elf::default() }.bytes();
    let base = [
        tar_entry("etc/", b'5', 0o755, b"", ""),
        tar_entry("etc/passwd", b'0', 0o644, passwd, ""),
        tar_entry("usr/", b'5', 0o755, b"", ""),
        tar_entry("usr/lib/", b'5', 0o755, b"", ""),
        tar_entry("usr/lib/libc.so.6", b'0', 0o755, &library, ""),
        tar_entry("lib", b'2', 0o777, b"", "usr/lib"),
    ];
    let base = tar_archive(&base);
    let app = |program: &[u8]| {
        tar_archive(&[
            tar_entry("usr/bin/", b'5', 0o755, b"", ""),
            tar_entry("usr/bin/app", b'0', 0o755, program, ""),
            tar_entry("usr/bin/start", b'0', 0o755, b"#!/bin/sh\nexec /usr/bin/app\n", ""),
            tar_entry("etc/.wh.issue", b'0', 0o644, b"", ""),
        ])
    };
    let layout = place.join("image");
    let config = json!({
        "Entrypoint": ["/usr/bin/app"], "User": "nobody", "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/usr/bin": {}}, "StopSignal": "SIGTERM", "Env": ["PATH=/usr/bin:/bin"],
        "Healthcheck": {"Test": ["CMD", "curl", "-f", "http://localhost/"]},
    });
    let app_image = image(&layout, &config, &[base.clone(), app(&program)]);
    let attestation = attestation(&layout, &app_image);
    let manifests = [
        tagged("app", index(&layout, &[app_image, attestation])),
        tagged("foreign", image(&layout, &json!({"Cmd": ["app"]}), &[base.clone(), app(&other)])),
        tagged("silent", image(&layout, &json!({}), &[base, app(&program)])),
    ];
    write(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644);
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    write(&layout.join("index.json"), index.to_string().as_bytes(), 0o644);
}

/// A record of a clean build, as `binlint record` would have written it of this program.
fn statement(program: &[u8]) -> Value {
    let digest = |text: &str| json!({"sha256": sha256(text.as_bytes())});
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{
            "name": "P_hello.3.off.unwind", "digest": {"sha256": sha256(program)},
            "annotations": {
                "buildId": "cf335f139acb9c0eb54abad0a26b963ed55d496a",
                "loaded": "641046e1b4f43fcdd4e961e39480a28903ec5ada488c82e8c0cabf1053702cdd",
                "sections": {
                    ".eh_frame": "cfe9c2b6b11bfec255588e89ff73d4caacf67fc602a355b3c734ea5b641ef800",
                    ".rodata": "5a07ea7a91aa9ae8f8ffade22226cd950f7151bb33f93831c6a2cdcf763f044e",
                    ".text": "fa56b858d10fe0f9a452a86d65702b749efde3417a96db921e47c4c3e28a73df",
                },
            },
        }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "pkg:cargo/cargo-binlint?build-type=cargo-build-v1#docs/provenance.md",
                "externalParameters": {
                    "allFeatures": false, "bins": ["P_hello.3.off.unwind"], "config": [],
                    "defaultFeatures": true, "features": [], "package": "shop",
                    "profile": "release", "rustflags": [], "target": "x86_64-unknown-linux-gnu",
                },
                "internalParameters": {
                    "cargo": "cargo 1.95.0 (f2d3ce0bd 2026-03-21)",
                    "compiled": {"bin P_hello.3.off.unwind": "in-this-build"},
                    "resolvedProfile": {
                        "codegenUnits": null, "debug": "none", "debugAssertions": false,
                        "incremental": false, "lto": "false", "optLevel": "3",
                        "overflowChecks": false, "panic": "unwind", "rpath": false,
                        "splitDebuginfo": null, "strip": "symbols",
                    },
                    "rustc": "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\n\
                              commit-hash: 59807616e1fa2540724bfbac14d7976d7e4a3860\n\
                              host: x86_64-unknown-linux-gnu\nrelease: 1.95.0",
                },
                "resolvedDependencies": [
                    {"name": "Cargo.lock", "digest": digest("lock")},
                    {"name": "shop", "uri": "pkg:cargo/shop@0.1.0"},
                    {"name": "sources", "digest": digest("")},
                    {"name": "git", "digest": {"gitCommit": "26bd7a0c38281732af106e3e42409e8a506e8f2d"},
                     "annotations": {"dirty": false}},
                ],
            },
            "runDetails": {
                "builder": {
                    "id": "pkg:cargo/cargo-binlint?builder=self-attested#docs/provenance.md",
                    "version": {"cargo-binlint": "0.1.0"},
                },
                "metadata": {
                    "startedOn": "2023-11-14T22:13:20Z", "finishedOn": "2023-11-14T22:13:20Z",
                },
            },
        },
    })
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A member without a date, of the superuser's.
fn tar_entry(name: &str, kind: u8, mode: u32, contents: &[u8], link: &str) -> Vec<u8> {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{:011o}", contents.len()).as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut entry = [&block[..], contents].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

fn tar_archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let digest = sha256(bytes);
    write(&layout.join("blobs/sha256").join(&digest), bytes, 0o644);
    json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
}

fn tagged(tag: &str, mut descriptor: Value) -> Value {
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    descriptor
}

fn index(layout: &Path, manifests: &[Value]) -> Value {
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let text = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    blob(layout, INDEX, text.to_string().as_bytes())
}

/// The descriptor of an image for linux/amd64.
fn image(layout: &Path, config: &Value, layers: &[Vec<u8>]) -> Value {
    let diff_ids: Vec<String> =
        layers.iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config =
        blob(layout, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| blob(layout, "application/vnd.oci.image.layer.v1.tar", layer))
        .collect();
    let mut manifest = manifest(layout, config, &layers);
    manifest["platform"] = json!({"os": "linux", "architecture": "amd64"});
    manifest
}

fn manifest(layout: &Path, config: Value, layers: &[Value]) -> Value {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let text = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
    });
    blob(layout, MANIFEST, text.to_string().as_bytes())
}

/// What BuildKit puts beside an image: a manifest whose layer is a statement about it.
fn attestation(layout: &Path, about: &Value) -> Value {
    let text =
        fs::read(repository().join("testdata/provenance/buildkit-0.25-v1-max.json")).unwrap();
    let mut statement: Value = serde_json::from_slice(&text).unwrap();
    let digest = about["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    statement["subject"][0]["digest"]["sha256"] = digest.into();
    let statement = statement.to_string();
    let mut layer = blob(layout, "application/vnd.in-toto+json", statement.as_bytes());
    layer["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"});
    let config = blob(layout, "application/vnd.oci.image.config.v1+json", b"{}");
    let mut manifest = manifest(layout, config, &[layer]);
    manifest["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    manifest["annotations"] = json!({
        "vnd.docker.reference.digest": about["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    });
    manifest
}
