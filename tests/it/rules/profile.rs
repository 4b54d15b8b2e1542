//! The rules over the profile against programs that were really built: each under its own profile,
//! and each under the profile of every other, where `readelf` and the settings say what differs.

use std::path::Path;

use crate::support::cargo::{Project, build, project, write};
use crate::support::run;
use crate::support::slow::{self, Need};
use binlint::internals::binary::Binary;
use binlint::internals::binary::PanicStrategy;
use binlint::internals::cargo::build::Build;
use binlint::internals::cargo::target_dir::outputs::find_outputs;
use binlint::internals::cargo::workspace::profile::{Lto, Strip};
use binlint::internals::cargo::workspace::{Query, workspace};
use binlint::internals::rule::{Level, Outcome};
use binlint::internals::rules;
use binlint::internals::subject::Facts;

/// One program and all that is known of it.
struct Program {
    settings: String,
    /// Which of the sections that matter `readelf` lists.
    has_symtab: bool,
    has_debug_info: bool,
    facts: Facts,
}

impl Program {
    fn binary(&self) -> &Binary {
        self.facts.binary.as_ref().unwrap()
    }

    fn build(&self) -> &Build {
        self.facts.build.as_ref().unwrap()
    }

    /// The outcome of a rule over this program, had it been made by the other's build.
    fn judged_by(&self, id: &str, other: &Program) -> Outcome {
        let rule = rules::ALL.iter().find(|rule| rule.id == id).unwrap();
        let facts = Facts {
            binary: Some(self.binary().clone()),
            build: Some(other.build().clone()),
            ..Facts::default()
        };
        rule.check.run(&facts)
    }

    /// What is left in the file, by `readelf`.
    fn left(&self) -> Strip {
        match (self.has_symtab, self.has_debug_info) {
            (_, true) => Strip::None,
            (true, false) => Strip::DebugInfo,
            (false, false) => Strip::Symbols,
        }
    }
}

/// A program that panics, catches, counts and starts a thread.
const MAIN: &str = r#"
use std::collections::HashMap;

fn main() {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for word in std::env::args() {
        *seen.entry(word).or_default() += 1;
    }
    let length = seen.len();
    let sum: u32 = std::thread::spawn(move || seen.values().sum::<u32>() * 3 - 1).join().unwrap();
    let parsed: Vec<i64> = std::env::vars().filter_map(|(_, value)| value.parse().ok()).collect();
    println!("{length} {sum} {}", parsed.iter().map(|it| it * 7).sum::<i64>() + parsed[0]);
}
"#;

fn sections(path: &Path) -> Option<String> {
    let output = run::command("readelf").args(["-SW"]).arg(path).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn query(project: &Project) -> Query {
    let Project { cwd, env, profile, .. } = project.clone();
    Query { cwd, env, profile, ..Query::default() }
}

/// Builds the program with settings from the environment, `RUSTFLAGS` among them.
fn program(project: &Project, profile: &str, settings: &[(&str, &str)]) -> Program {
    let mut project = Project { profile: Some(profile.to_owned()), ..project.clone() };
    for (key, value) in settings {
        let name = match *key {
            "RUSTFLAGS" => "RUSTFLAGS".to_owned(),
            key => format!("CARGO_PROFILE_{}_{key}", profile.to_uppercase()),
        };
        project.env.insert(name, (*value).to_owned());
    }
    let made = build(&project, &["--profile", profile]);
    let query = query(&project);
    let workspace = workspace(&query).unwrap();
    let outputs = find_outputs(&workspace, &query).unwrap();
    assert_eq!(made, [outputs.built[0].path.clone()]);
    let listing = sections(&made[0]).unwrap();
    let binary = Binary::full("app", &std::fs::read(&made[0]).unwrap(), false).unwrap();
    Program {
        settings: format!("{profile} {settings:?}"),
        has_symtab: listing.contains(" .symtab "),
        has_debug_info: listing.contains(" .debug_info "),
        facts: Facts {
            binary: Some(binary),
            build: Some(Build::new(&workspace, &outputs, &outputs.built[0])),
            ..Facts::default()
        },
    }
}

fn programs(project: &Project) -> Vec<Program> {
    let mut programs = Vec::new();
    // Every strategy with every stripping; the other settings go round.
    let few = slow::is_left_out(Need::Time);
    let ltos = if few { ["false", "off"].repeat(2) } else { vec!["false", "thin", "fat", "off"] };
    let levels = ["3", "s", "z", "1", "2"];
    let mut turn = 0;
    for panic in ["unwind", "abort"] {
        for strip in [None, Some("none"), Some("debuginfo"), Some("symbols")] {
            for debug in [None, Some("1")] {
                let mut settings = vec![
                    ("PANIC", panic),
                    ("LTO", ltos[turn % 4]),
                    ("OPT_LEVEL", levels[turn % 5]),
                ];
                settings.extend(strip.map(|it| ("STRIP", it)));
                settings.extend(debug.map(|it| ("DEBUG", it)));
                if !few || turn % 3 == 0 {
                    programs.push(program(project, "release", &settings));
                }
                turn += 1;
            }
        }
    }
    for (panic, strip) in [("unwind", "none"), ("abort", "debuginfo"), ("abort", "symbols")] {
        programs.push(program(project, "dev", &[("PANIC", panic), ("STRIP", strip)]));
    }
    for flags in [
        "-C panic=abort",
        "-C strip=symbols",
        "-C debuginfo=1",
        "-C debug-assertions=on",
        "-C opt-level=0",
        "-C link-arg=-s",
    ] {
        programs.push(program(project, "release", &[("RUSTFLAGS", flags)]));
    }
    programs.push(program(project, "release", &[("DEBUG_ASSERTIONS", "true")]));
    programs.push(program(project, "release", &[("OVERFLOW_CHECKS", "true")]));
    programs.push(program(project, "release", &[("DEBUG", "1"), ("SPLIT_DEBUGINFO", "packed")]));
    programs
}

#[test]
fn verdicts_agree_with_readelf_and_the_settings() {
    if !slow::has("readelf") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("work");
    write(
        &root.join("Cargo.toml"),
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    write(&root.join("src/main.rs"), MAIN);
    let programs = programs(&project(&root, &directory.path().join("home")));

    let mut wrong = Vec::new();
    let mut counts = [0; 4];
    for subject in &programs {
        for maker in &programs {
            for (rule, expected) in expectations(subject, maker) {
                let outcome = subject.judged_by(rule, maker);
                let kind = ["pass", "fail", "not-applicable", "open"];
                counts[kind.iter().position(|it| *it == outcome.name()).unwrap()] += 1;
                if !expected.contains(&outcome.name()) {
                    wrong.push(format!(
                        "{rule}: {outcome:?}, expected {expected:?}\n  program: {}\n  profile: {}",
                        subject.settings, maker.settings
                    ));
                }
            }
        }
    }
    println!("pass, fail, not-applicable, open: {counts:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let pairs = programs.len() * programs.len();
    assert!(counts[0] > pairs && counts[1] * 2 > pairs, "{counts:?} of {pairs}");
}

/// What each rule must say of the subject under the maker's profile. The truth about the program
/// is in `readelf` and in the settings that it was built with, never in our own reading of it.
fn expectations<'a>(subject: &Program, maker: &Program) -> Vec<(&'a str, Vec<&'static str>)> {
    let (truth, told) = (&subject.build().effective_profile, &maker.build().effective_profile);
    let unoptimised = told.opt_level.value == "0";
    let verdict = |fails: bool| vec![if fails { "fail" } else { "pass" }];
    let strip = match (subject.left(), told.strip.value) {
        (Strip::DebugInfo, Strip::None) => false,
        (left, wanted) => left != wanted,
    };
    let mut expected = vec![
        ("panic-strategy-mismatch", verdict(truth.panic.value != told.panic.value)),
        ("strip-mismatch", verdict(strip)),
        ("no-backtrace-names", verdict(!subject.has_symtab)),
        ("triple-mismatch", verdict(false)),
        (
            "debug-info-shipped",
            if unoptimised { vec!["not-applicable"] } else { verdict(subject.has_debug_info) },
        ),
    ];
    // The shape of the start code is read on two machines; elsewhere both stay open.
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        let fat = |lto: Lto| lto == Lto::Fat;
        expected.push(match unoptimised {
            true => ("lto-mismatch", vec!["not-applicable"]),
            false => ("lto-mismatch", verdict(fat(truth.lto.value) != fat(told.lto.value))),
        });
        // Without any of it, codegen units may keep even an optimised start-up apart.
        let inlines = |level: &str| !["0", "z"].contains(&level);
        let (is, should) = (inlines(&truth.opt_level.value), inlines(&told.opt_level.value));
        let apart = truth.lto.value == Lto::Off;
        expected.push(match (fat(truth.lto.value), is, should) {
            (true, ..) => ("opt-level-mismatch", vec!["open"]),
            (_, false, false) => ("opt-level-mismatch", vec!["pass"]),
            (_, false, true) => ("opt-level-mismatch", vec!["open"]),
            (_, true, true) if apart => ("opt-level-mismatch", vec!["pass", "open"]),
            (_, true, false) if apart => ("opt-level-mismatch", vec!["fail", "pass"]),
            (_, true, true) => ("opt-level-mismatch", vec!["pass"]),
            (_, true, false) => ("opt-level-mismatch", vec!["fail"]),
        });
    }
    expected.push(match (unoptimised, truth.debug_assertions.value) {
        (true, _) => ("debug-assertions", vec!["not-applicable"]),
        (false, true) => ("debug-assertions", vec!["fail"]),
        // A program without them under a profile with them may only be too small to show any.
        (false, false) => {
            ("debug-assertions", vec![if told.debug_assertions.value { "open" } else { "pass" }])
        }
    });
    expected.push(match (truth.overflow_checks.value, told.overflow_checks.value) {
        // Without symbols the texts are left, which a program may hold as data.
        (true, false) if truth.strip.value == Strip::Symbols => {
            ("overflow-checks-mismatch", vec!["open"])
        }
        (true, false) => ("overflow-checks-mismatch", vec!["fail"]),
        (false, true) => ("overflow-checks-mismatch", vec!["open"]),
        _ => ("overflow-checks-mismatch", vec!["pass"]),
    });
    let marks = truth.debug_assertions.value
        && truth.overflow_checks.value
        && subject.has_debug_info
        && !told.debug_assertions.value
        && !told.overflow_checks.value;
    expected.push(("debug-build", verdict(unoptimised || marks)));
    if truth.panic.value == PanicStrategy::Unwind {
        expected.push(("catch-unwind-under-abort", vec!["not-applicable"]));
    }
    expected
}

#[test]
fn a_finding_names_the_line_that_decides() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("work");
    write(
        &root.join("Cargo.toml"),
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    write(&root.join("src/main.rs"), "fn main() {}\n");
    let project = project(&root, &directory.path().join("home"));
    build(&project, &["--release"]);
    let query = query(&project);
    // The setting comes after the build, as it does when somebody forgets to build again.
    write(&root.join(".cargo/config.toml"), "[profile.release]\nstrip = true\npanic = \"abort\"\n");
    let workspace = workspace(&query).unwrap();
    let outputs = find_outputs(&workspace, &query).unwrap();
    let binary =
        Binary::full("app", &std::fs::read(&outputs.built[0].path).unwrap(), false).unwrap();
    let build = Build::new(&workspace, &outputs, &outputs.built[0]);
    let facts = Facts { binary: Some(binary), build: Some(build), ..Facts::default() };
    let finding = |id: &str| {
        let rule = rules::ALL.iter().find(|rule| rule.id == id).unwrap();
        rule.check.run(&facts).findings()[0].clone()
    };
    let panic = finding("panic-strategy-mismatch");
    assert_eq!(
        panic.message,
        "the binary was built with panic=unwind, but `profile.release.panic` in \
         .cargo/config.toml:3 sets abort"
    );
    assert_eq!(panic.location.to_string(), ".cargo/config.toml:3");
    assert_eq!(panic.fix.as_deref(), Some("cargo build --release"));
    assert_ne!(panic.at_most, Some(Level::Warn));
    let strip = finding("strip-mismatch");
    assert!(
        strip.message.contains("`profile.release.strip` in .cargo/config.toml:2"),
        "{}",
        strip.message
    );
}
