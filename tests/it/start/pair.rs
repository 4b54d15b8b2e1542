//! One program in one root: predicted, run for real, compared.

use crate::support::run;
use std::path::PathBuf;

use binlint::internals::binary::elf::DynamicInfo;
use binlint::internals::rootfs::tree::host_directory::HostRoot;
use binlint::internals::rootfs::tree::users::Identity;
use binlint::internals::rootfs::tree::{HostTree, resolve};
use binlint::internals::start::image::elf_tree::ElfTree;
use binlint::internals::start::loader::{
    ExecContext, StartPrediction, StartStage, StartVerdict, predict_start,
};

/// What is started, where, and how.
#[derive(Clone)]
pub struct Pair {
    pub name: String,
    pub root: PathBuf,
    pub path: String,
    pub argv0: Option<String>,
    pub environment: Vec<String>,
    pub working_directory: String,
    pub arguments: Vec<String>,
    /// The emulator to start it with, by its path on this machine and in the root.
    pub emulator: Option<&'static str>,
    pub uid: u32,
}

impl Pair {
    pub fn new(name: impl Into<String>, root: impl Into<PathBuf>, path: &str) -> Pair {
        Pair {
            name: name.into(),
            root: root.into(),
            path: path.to_owned(),
            argv0: None,
            environment: Vec::new(),
            working_directory: "/".to_owned(),
            arguments: vec!["--version".to_owned()],
            emulator: None,
            uid: 0,
        }
    }

    pub fn argv0(mut self, argv0: &str) -> Pair {
        self.argv0 = Some(argv0.to_owned());
        self
    }

    pub fn env(mut self, variable: &str) -> Pair {
        self.environment.push(variable.to_owned());
        self
    }

    pub fn at(mut self, working_directory: &str) -> Pair {
        self.working_directory = working_directory.to_owned();
        self
    }

    pub fn emulated(mut self, emulator: &'static str) -> Pair {
        self.emulator = Some(emulator);
        self
    }

    fn identity(&self) -> Identity {
        Identity { uid: self.uid, gids: vec![self.uid] }
    }

    pub fn start(&self) -> ExecContext {
        ExecContext {
            path: self.path.clone(),
            argv0: self.argv0.clone().unwrap_or_else(|| self.path.clone()),
            environment: self.environment.clone(),
            working_directory: self.working_directory.clone(),
            // Without an emulator it is this machine's kernel that decides.
            machine: self.emulator.is_none().then_some(this_machine()),
            identity: self.identity(),
            may_be_first: false,
        }
    }

    pub fn predict(&self) -> StartPrediction {
        let tree = HostTree(HostRoot::open(&self.root).expect("the root is a directory"));
        let found = resolve(&tree, self.path.as_bytes())
            .unwrap_or_else(|not| panic!("{}: {not}", self.name));
        let linking: DynamicInfo = match tree.linking(&found.path) {
            Some(Ok(linking)) => (*linking).clone(),
            other => panic!("{}: {}: {other:?}", self.name, self.path),
        };
        predict_start(&linking, &self.start(), &tree)
    }

    pub fn is_predicted_to_start(&self) -> bool {
        self.predict().verdict == StartVerdict::Starts
    }

    /// Runs the program with nothing but the root, `/proc` and a harmless argument.
    pub fn observe(&self) -> Observed {
        let argv0 = self.argv0.clone().unwrap_or_else(|| self.path.clone());
        let mut command = run::command("unshare");
        command
            .args(["--mount", "sh", "-c"])
            .arg(r#"mount --bind /proc "$1/proc" && exec timeout 60 python3 -c "$0" "$@""#)
            .arg(EXEC)
            .arg(&self.root)
            .arg(&self.working_directory)
            .arg(self.uid.to_string())
            .arg(self.environment.join("\x1f"));
        match self.emulator {
            None => command.arg(&self.path).arg(argv0),
            Some(emulator) => {
                let inside = self.root.join(emulator.trim_start_matches('/'));
                if !inside.exists() {
                    std::fs::create_dir_all(inside.parent().expect("it has a directory"))
                        .expect("a directory of the root");
                    std::fs::copy(emulator, &inside).expect("the emulator is installed");
                }
                command.args([emulator, emulator, "-0"]).arg(argv0).arg(&self.path)
            }
        };
        let output = command.args(&self.arguments).output().expect("unshare is installed");
        Observed {
            code: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect(),
        }
    }

    /// What differs between prediction and truth, or none.
    pub fn compare(&self) -> Option<String> {
        let plan = self.predict();
        let seen = self.observe();
        let wrong = difference(&plan, &seen, self.emulator.is_some())?;
        Some(format!(
            "{}\n  {wrong}\n  predicted {:?} {:?} errors {:#?} warnings {:#?} open {:?}\n  seen {:?} {:#?}",
            self.name,
            plan.verdict,
            plan.stage,
            plan.errors,
            plan.warnings,
            plan.open,
            seen.code,
            seen.stderr
        ))
    }
}

/// What a real start came to.
pub struct Observed {
    pub code: Option<i32>,
    pub stderr: Vec<String>,
}

/// `execve` and its errno, with nothing between: a shell would say it in words of its own.
const EXEC: &str = r#"
import os, sys
root, directory, user, environment, path, argv0, *arguments = sys.argv[1:]
os.chroot(root)
os.chdir(directory)
os.setgroups([])
os.setgid(int(user))
os.setuid(int(user))
environment = dict(it.split("=", 1) for it in environment.split("\x1f") if it)
try:
    os.execve(path, [argv0] + arguments, environment)
except OSError as error:
    os.write(2, b"execve: " + os.strerror(error.errno).encode() + b"\n")
    os._exit(99)
"#;

fn difference(plan: &StartPrediction, seen: &Observed, emulated: bool) -> Option<String> {
    if plan.verdict == StartVerdict::Starts {
        let warned = seen.stderr.iter().map(|line| without_line_number(line));
        let expected: Vec<String> = plan.warnings.clone();
        let warned: Vec<String> = warned.filter(|line| is_of_a_loader(line)).collect();
        return match seen.code {
            Some(0) if warned == expected => None,
            Some(0) => Some(format!("it starts with other warnings: {warned:#?}")),
            _ => Some("it does not start".to_owned()),
        };
    }
    if plan.verdict == StartVerdict::Unknown {
        return Some("nothing was predicted".to_owned());
    }
    if seen.code == Some(0) {
        return Some("it starts".to_owned());
    }
    let seen: Vec<String> = seen.stderr.iter().map(|line| without_line_number(line)).collect();
    if matches!(plan.stage, Some(StartStage::Exec | StartStage::Interpreter)) {
        // `exec PATH: no such file or directory` against `execve: No such file or directory`; an
        // emulator has words of its own around the same errno.
        let predicted = plan.errors.first()?.rsplit_once(": ")?.1.to_lowercase();
        let said = seen.iter().any(|line| line.to_lowercase().ends_with(&predicted));
        let by_kernel = emulated || seen.iter().any(|line| line.starts_with("execve: "));
        return (!said || !by_kernel).then(|| "the kernel says something else".to_owned());
    }
    let mut expected: Vec<&String> = plan.warnings.iter().chain(&plan.errors).collect();
    let mut lines: Vec<&String> = seen.iter().collect();
    // Warnings and errors of the version check come mixed, by file; errors keep their order.
    if !plan.warnings.is_empty() {
        expected.sort();
        lines.sort();
    }
    (expected != lines).then(|| "the loader says something else".to_owned())
}

fn is_of_a_loader(line: &str) -> bool {
    ["ld.so", "version information", "weak version", "Error relocating", "Error loading"]
        .iter()
        .any(|words| line.contains(words))
}

/// `dl-version.c: 204: …` differs between releases of glibc.
fn without_line_number(line: &str) -> String {
    let Some((before, after)) = line.split_once(".c: ") else { return line.to_owned() };
    match after.split_once(": ") {
        Some((number, rest)) if number.bytes().all(|it| it.is_ascii_digit()) => {
            format!("{before}.c: {rest}")
        }
        _ => line.to_owned(),
    }
}

pub fn this_machine() -> u16 {
    if cfg!(target_arch = "aarch64") { 183 } else { 62 }
}
