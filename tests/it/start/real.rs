//! Will it start? Each prediction against the real kernel and the real loader in the same root.

use super::{build, cases, pair, roots};
use crate::support::run;
use crate::support::slow::{self, Need};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use binlint::{Level, Linter};
use serde_json::Value;

/// Fewer pairs than this prove too little.
const FEWEST_PAIRS: usize = 120;

/// The tests share a directory for copies of roots, and each removes it in the end.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether these tests are left out; else what they need has to be there.
fn is_left_out() -> bool {
    if slow::is_left_out(Need::Root) {
        return true;
    }
    let tools = ["mmdebstrap", "unshare", "python3", "patchelf", "musl-gcc", "cc", "ldconfig"];
    let emulators = [cases::AARCH64, cases::ARM].map(|path| path.trim_start_matches("/usr/bin/"));
    tools.into_iter().chain(emulators).any(|tool| !slow::has(tool))
}

#[test]
fn predictions_agree_with_real_starts() {
    if is_left_out() {
        return;
    }
    let _alone = alone();
    let pairs = cases::all();
    let only = std::env::var("BINLINT_PAIR").unwrap_or_default();
    let chosen: Vec<_> = pairs.iter().filter(|pair| pair.name.contains(&only)).collect();
    let wrong: Vec<String> = chosen.iter().filter_map(|pair| pair.compare()).collect();
    let starts = chosen.iter().filter(|pair| pair.is_predicted_to_start()).count();
    println!("{} pairs, {} of them start, {} predicted wrongly", chosen.len(), starts, wrong.len());
    roots::remove_copies();
    assert!(wrong.is_empty(), "{} of {} pairs:\n{}", wrong.len(), chosen.len(), wrong.join("\n"));
    assert!(!only.is_empty() || chosen.len() >= FEWEST_PAIRS, "only {} pairs", chosen.len());
}

/// The rules `dlopen-in-static` and `dynamic-openssl-on-musl`, on programs of a real musl.
#[test]
fn static_musl_programs_that_want_libraries() {
    if is_left_out() {
        return;
    }
    let _alone = alone();
    let opens = "#include <dlfcn.h>\nint main(void) { return !dlopen(\"libz.so.1\", RTLD_NOW); }\n";
    let opens = build::c("musl-gcc", "musl-opens", opens, &["-static"]);
    let plain = "#include <stdio.h>\nint main(void) { perror(\"x\"); return 0; }\n";
    let plain = build::c("musl-gcc", "musl-plain", plain, &["-static"]);
    // What `-static-pie` with a dynamic library comes to: no loader, and something to load.
    let wants = build::c("cc", "wants", "int main(void) { return 0; }\n", &["-static-pie"]);
    let wants = build::patched(&wants, "wants-openssl", &["--add-needed", "libssl.so.3"]);
    let outcome = |rule: &str, program: &Path| {
        let report = Linter::new().binary(program).level(Level::Warn, rule).lint();
        let report = report.expect("it was built");
        let mut results = report.subjects.iter().flat_map(|subject| &subject.results);
        results.find(|result| result.rule.id == rule).expect("a rule").outcome.name().to_owned()
    };
    assert_eq!(outcome("dlopen-in-static", &opens), "fail");
    assert_eq!(outcome("dlopen-in-static", &plain), "pass");
    assert_eq!(outcome("dynamic-openssl-on-musl", &wants), "fail");
    assert_eq!(outcome("dynamic-openssl-on-musl", &plain), "pass");
}

/// A dozen of the pairs as images of their own, each read from the engine and run by it.
#[test]
fn whole_images_start_as_predicted() {
    if slow::is_left_out(Need::Engine) {
        return;
    }
    let _alone = alone();
    let pairs = cases::for_engine();
    let wrong: Vec<String> =
        pairs.iter().enumerate().filter_map(|(at, pair)| in_engine(at, pair)).collect();
    println!("{} images, {} predicted wrongly", pairs.len(), wrong.len());
    roots::remove_copies();
    assert!(wrong.is_empty(), "{} of {} images:\n{}", wrong.len(), pairs.len(), wrong.join("\n"));
    assert!(pairs.len() >= 12, "only {} images", pairs.len());
}

/// What differs between the prediction and what the engine does, or none.
fn in_engine(at: usize, pair: &pair::Pair) -> Option<String> {
    let name = format!("binlint-start-{}-{at}", std::process::id());
    let entry = format!("ENTRYPOINT [\"{}\"]", pair.path);
    let root = pair.root.display();
    let mut import = format!("tar -C \"{root}\" -c . | docker import --change '{entry}'");
    for variable in &pair.environment {
        import.push_str(&format!(" --change 'ENV {variable}'"));
    }
    roots::run(run::command("sh").args(["-c", &format!("{import} - {name}")]).env("PATH", path()));
    let reference = format!("docker-daemon:{name}:latest");
    let mut checked = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    checked.args(["check", "--format", "json", "--image", &reference, "--at", &pair.path]);
    // Nothing of a workspace is looked at, and the program need not be Rust's.
    let nowhere = tempfile::tempdir().expect("a directory");
    checked.arg("--binary").arg(pair.root.join(pair.path.trim_start_matches('/')));
    let checked = checked.current_dir(nowhere.path()).env("PATH", path()).output();
    let report = checked.expect("the linter runs").stdout;
    let report: Value = serde_json::from_slice(&report).unwrap_or_else(|_| panic!("{}", pair.name));
    let plan = &report["subjects"][0]["load"];
    let (started, said) = docker(&["run", "--rm", "--network", "none", &name, "--version"]);
    docker(&["rmi", "--force", &name]);
    let lines: Vec<&str> = said.lines().collect();
    let errors: Vec<&str> =
        plan["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let right = match (plan["verdict"].as_str(), plan["stage"].as_str()) {
        (Some("starts"), _) => started,
        (Some("fails"), Some("exec" | "interpreter")) => {
            !started && !errors.is_empty() && errors.iter().all(|line| said.contains(line))
        }
        (Some("fails"), _) => !started && lines == errors,
        _ => false,
    };
    (!right).then(|| format!("{}: predicted {plan:#}\nseen {started} {lines:#?}", pair.name))
}

/// Debian's client comes first: another one may speak a newer protocol than its engine.
fn path() -> String {
    format!("/usr/bin:{}", std::env::var("PATH").unwrap_or_default())
}

/// Whether the engine did it, and what it said on standard error.
fn docker(words: &[&str]) -> (bool, String) {
    let output = run::command("sh")
        .args(["-c", "exec docker \"$@\"", "docker"])
        .args(words)
        .env("PATH", path())
        .output();
    let output = output.expect("a shell is installed");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}
