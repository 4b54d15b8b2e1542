//! Two workspaces that nobody here wrote, ripgrep and one of twenty binaries, built in several ways:
//! every verdict on profile, target and hardening agrees with `readelf` and with cargo's unit graph.
//!
//! Their sources come from the registry through cargo and are built below `target/tmp`, where a
//! second run finds them.

use std::path::{Path, PathBuf};

use crate::support::cargo::{Project, build, cargo, environment, write};
use crate::support::run;
use crate::support::slow::{self, Need};
use serde_json::Value;

/// What is fetched; both are published with a lockfile, and the second has a library.
const PACKAGES: [(&str, &str); 2] = [("ripgrep", "15.1.0"), ("cargo-binutils", "0.4.0")];

/// One way to build a workspace.
struct Way {
    package: &'static str,
    profile: &'static str,
    env: &'static [(&'static str, &'static str)],
    /// Empty builds and judges every binary.
    bins: &'static [&'static str],
}

const FEW: &[&str] = &["cargo-nm", "cargo-size", "rust-nm"];

const WAYS: &[Way] = &[
    // Its release profile asks for `debug = 1`.
    Way { package: "ripgrep", profile: "release", env: &[], bins: &[] },
    Way {
        package: "ripgrep",
        profile: "dev",
        env: &[("CARGO_PROFILE_DEV_PANIC", "abort")],
        bins: &[],
    },
    Way { package: "cargo-binutils", profile: "release", env: &[], bins: &[] },
    Way { package: "cargo-binutils", profile: "dev", env: &[], bins: &[] },
    Way {
        package: "cargo-binutils",
        profile: "release",
        env: &[("CARGO_PROFILE_RELEASE_STRIP", "symbols")],
        bins: FEW,
    },
    Way {
        package: "cargo-binutils",
        profile: "release",
        env: &[
            ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
            ("CARGO_PROFILE_RELEASE_LTO", "fat"),
            ("CARGO_PROFILE_RELEASE_STRIP", "none"),
        ],
        bins: FEW,
    },
    Way {
        package: "cargo-binutils",
        profile: "release",
        env: &[("CARGO_PROFILE_RELEASE_LTO", "thin"), ("RUSTFLAGS", "-C strip=debuginfo")],
        bins: FEW,
    },
];

#[test]
fn every_verdict_agrees_with_readelf_and_the_unit_graph() {
    if slow::is_left_out(Need::Network) || !slow::has("readelf") {
        return;
    }
    let top = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workspaces");
    fetch(&top).expect("the registry answers");
    let mut wrong = Vec::new();
    let mut judged = 0;
    for way in WAYS {
        let project = way.project(&top);
        build(&project, &way.words());
        let profile = unit_profile(&project, way);
        let report = check(&project, way, &["-W", "profile", "-W", "target", "-W", "hardening"]);
        let subjects = report.1["subjects"].as_array().unwrap();
        let expected = match (way.bins.len(), way.package) {
            (0, "ripgrep") => 1,
            (0, _) => 20,
            (named, _) => named,
        };
        assert_eq!(subjects.len(), expected, "{}", way.name());
        for subject in subjects {
            let file = project.cwd.join(subject["binary"]["path"].as_str().unwrap());
            let elf = Elf::read(&file);
            for (rule, verdicts) in elf.expectations(&profile) {
                let outcomes = subject["outcomes"].as_array().unwrap();
                let outcome = outcomes.iter().find(|it| it["rule"] == rule);
                let said = outcome.map_or("nothing", |it| it["outcome"].as_str().unwrap());
                judged += 1;
                if !verdicts.contains(&said) {
                    wrong.push(format!(
                        "{} {}: {rule} is {said}, expected {verdicts:?}: {}",
                        way.name(),
                        subject["name"],
                        outcome.unwrap_or(&Value::Null)
                    ));
                }
            }
        }
        // A debug build is denied; nothing here denies a release build.
        let (code, _) = check(&project, way, &[]);
        assert_eq!(code, i32::from(way.profile == "dev"), "{}", way.name());
    }
    assert!(wrong.is_empty(), "{} of {judged} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 500, "{judged}");
}

/// Fetches the packages as dependencies of a package without code, and copies their sources out of
/// cargo's own directory.
fn fetch(top: &Path) -> Result<(), String> {
    if PACKAGES.iter().all(|(name, _)| top.join(name).join("Cargo.toml").is_file()) {
        return Ok(());
    }
    let scratch = top.join("scratch");
    let mut manifest = String::from(
        "[package]\nname = \"scratch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n",
    );
    for (name, version) in PACKAGES {
        manifest.push_str(&format!("{name} = \"={version}\"\n"));
    }
    write(&scratch.join("Cargo.toml"), &manifest);
    write(&scratch.join("src/lib.rs"), "");
    let project = Project { cwd: scratch, env: environment(&home()), ..Project::default() };
    let ask = |project: &Project, words: &[&str]| -> Result<Vec<u8>, String> {
        let output = cargo(project, words).output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let metadata = ask(&project, &["metadata", "--format-version=1"])?;
    let metadata: Value = serde_json::from_slice(&metadata).map_err(|error| error.to_string())?;
    // Cargo leaves packages without a library out of the answer, but all lie in one directory.
    let packages = metadata["packages"].as_array().unwrap();
    let library = packages.iter().find(|it| it["name"] == PACKAGES[1].0).ok_or("not fetched")?;
    let sources = Path::new(library["manifest_path"].as_str().unwrap()).ancestors().nth(2).unwrap();
    for (name, version) in PACKAGES {
        copy(&sources.join(format!("{name}-{version}")), &top.join(name));
        // What its own lockfile names is not what the scratch package needs.
        let project = Project { cwd: top.join(name), ..project.clone() };
        ask(&project, &["fetch", "--locked"])?;
    }
    Ok(())
}

/// The registry's cache is the one thing of the machine that is used.
fn home() -> PathBuf {
    let default = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(default, PathBuf::from)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}

impl Way {
    fn name(&self) -> String {
        format!("{} {} {:?}", self.package, self.profile, self.env)
    }

    fn project(&self, top: &Path) -> Project {
        let mut env = environment(&home());
        env.extend(self.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Project { cwd: top.join(self.package), env, ..Project::default() }
    }

    fn words(&self) -> Vec<&'static str> {
        let mut words = vec!["--locked", "--profile", self.profile];
        words.extend(self.bins.iter().flat_map(|bin| ["--bin", *bin]));
        words
    }
}

/// The profile of the binaries' unit, in cargo's words.
fn unit_profile(project: &Project, way: &Way) -> Value {
    let mut words = vec!["build", "--offline", "--unit-graph", "-Zunstable-options"];
    words.extend(way.words());
    let output = cargo(project, &words).env("RUSTC_BOOTSTRAP", "1").output().unwrap();
    let graph: Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = usize::try_from(graph["roots"][0].as_u64().unwrap()).unwrap();
    graph["units"][root]["profile"].clone()
}

fn check(project: &Project, way: &Way, levels: &[&str]) -> (i32, Value) {
    let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.current_dir(&project.cwd).env_clear().envs(&project.env);
    command.args(["check", "--format", "json", "--profile", way.profile]).args(levels);
    command.args(way.bins.iter().flat_map(|bin| ["--bin", *bin]));
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}: {}", way.name(), String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap(), report)
}

/// What `readelf` lists.
struct Elf {
    header: String,
    sections: String,
    segments: String,
    dynamic: String,
    symbols: String,
}

impl Elf {
    fn read(file: &Path) -> Elf {
        let list = |option: &str| {
            let output = run::command("readelf").args(["-W", option]).arg(file).output().unwrap();
            assert!(output.status.success(), "{}", file.display());
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        Elf {
            header: list("-h"),
            sections: list("-S"),
            segments: list("-l"),
            dynamic: list("-d"),
            symbols: list("--dyn-syms"),
        }
    }

    fn has(&self, section: &str) -> bool {
        self.sections.contains(&format!(" {section} "))
    }

    /// Each rule with the verdicts that are right.
    fn expectations(&self, profile: &Value) -> Vec<(&'static str, Vec<&'static str>)> {
        let verdict = |fails: bool| vec![if fails { "fail" } else { "pass" }];
        let only = |decided: bool, fails: bool| {
            if decided { verdict(fails) } else { vec!["not-applicable"] }
        };
        let (symtab, debug_info) = (self.has(".symtab"), self.has(".debug_info"));
        let strip = profile["strip"].get("resolved").or(profile["strip"].get("deferred")).unwrap();
        let asked = match strip.get("Named").and_then(Value::as_str) {
            Some("symbols") => !symtab && !debug_info,
            Some("debuginfo") => symtab && !debug_info,
            _ => symtab,
        };
        // The one way here that says something of it in RUSTFLAGS asks for the default once more.
        let unwinds = self.symbols.contains("_Unwind_RaiseException");
        let optimised = profile["opt_level"] != "0";
        let bound = self.dynamic.contains("BIND_NOW") || self.dynamic.contains("Flags: NOW");
        let stack = self.segments.lines().find(|line| line.contains("GNU_STACK"));
        let loads = || self.segments.lines().filter(|line| line.trim_start().starts_with("LOAD"));
        vec![
            ("panic-strategy-mismatch", verdict(unwinds != (profile["panic"] == "unwind"))),
            ("strip-mismatch", verdict(!asked)),
            ("no-backtrace-names", verdict(!symtab)),
            ("debug-info-shipped", only(optimised, debug_info)),
            ("debug-build", verdict(!optimised)),
            ("debug-assertions", only(optimised, false)),
            ("overflow-checks-mismatch", vec!["pass", "open"]),
            ("lto-mismatch", only(optimised, false)),
            ("opt-level-mismatch", vec![if profile["lto"] == "fat" { "open" } else { "pass" }]),
            ("unexpected-allocator", vec!["not-applicable"]),
            ("musl-allocator", vec!["not-applicable"]),
            ("triple-mismatch", verdict(false)),
            ("upx-packed", verdict(false)),
            ("missing-pie", verdict(!self.header.contains("DYN"))),
            ("relro-not-full", verdict(!(bound && self.segments.contains("GNU_RELRO")))),
            ("executable-stack", verdict(stack.is_none_or(|line| line.contains("RWE")))),
            ("writable-executable-segment", verdict(loads().any(|line| line.contains("RWE")))),
            ("insecure-runpath", verdict(self.dynamic.contains("(RUNPATH)"))),
        ]
    }
}
