//! The Dockerfile that caches dependencies with a placeholder, built by a real engine: stale
//! whatever is tried, denied from inside the stage and from the finished image, healed by one line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

#[path = "support/skip.rs"]
mod skip;

const BASE: &str = "binlint-fresh-base";
const IMAGE: &str = "binlint-fresh-app";

const MAIN: &str = "mod server;

fn main() {
    println!(\"listening on port {}\", server::port(std::env::args().count()));
}
";

const SERVER: &str = "pub fn port(arguments: usize) -> u16 {
    [8080, 9090][arguments - 1]
}
";

/// `before`: what stands in front of the final build. The report is written whatever it says.
fn dockerfile(before: &str) -> String {
    format!(
        "FROM {BASE} AS build
ENV PATH=/rust/bin:/usr/local/bin:/usr/bin:/bin CARGO_HOME=/tmp/cargo
WORKDIR /app
COPY Cargo.toml ./
RUN --mount=type=bind,source=rust,target=/rust mkdir src && echo 'fn main() {{}}' > src/main.rs && cargo build --release --offline && rm -rf src
COPY src ./src
RUN --mount=type=bind,source=rust,target=/rust {before} cargo build --release --offline 2> /build.log
RUN --mount=type=bind,source=rust,target=/rust cargo-binlint check --format json > /report.json || true
RUN --mount=type=bind,source=rust,target=/rust cargo-binlint freshen --check > /freshen.txt || true
FROM {BASE}
COPY --from=build /app/target/release/my-app /build.log /report.json /freshen.txt /
EXPOSE 8080
ENTRYPOINT [\"/my-app\"]
"
    )
}

/// What came out of one build of the image.
struct Built {
    log: String,
    report: serde_json::Value,
    freshen: String,
    printed: String,
    program: PathBuf,
    _directory: tempfile::TempDir,
}

impl Built {
    fn is_denied(&self, rule: &str) -> bool {
        let outcomes = self.report["subjects"][0]["outcomes"].as_array().unwrap();
        let outcome = outcomes.iter().find(|it| it["rule"] == rule).unwrap();
        outcome["outcome"] == "fail" && outcome["level"] == "deny"
    }

    #[track_caller]
    fn is_stale(&self) {
        assert_eq!((self.log.contains("Compiling"), self.printed.as_str()), (false, ""));
        assert!(self.is_denied("stale-by-mtime") && self.is_denied("placeholder-main"));
        assert!(self.freshen.contains("would compile again"), "{}", self.freshen);
    }

    #[track_caller]
    fn is_fresh(&self) {
        assert!(self.log.contains("Compiling my-app"), "{}", self.log);
        assert!(self.printed.starts_with("listening on port"), "{}", self.printed);
        for rule in ["stale-by-mtime", "stale-sources", "placeholder-main", "foreign-artifact"] {
            assert!(!self.is_denied(rule), "{rule}: {:#}", self.report);
        }
    }
}

#[test]
fn a_placeholder_stays_until_the_line_that_heals() {
    let runs = |program: &str, word: &str| {
        Command::new(program).arg(word).output().is_ok_and(|output| output.status.success())
    };
    let missing = match (docker_answers(), runs("mmdebstrap", "--version")) {
        (false, _) => Some("there is no Docker engine"),
        (_, false) if !has_base() => Some("there is no mmdebstrap to make a base image with"),
        _ => None,
    };
    if let Some(missing) = missing {
        assert!(std::env::var_os("BINLINT_CI").is_none(), "{missing}");
        return skip::skipped(missing);
    }
    base_image();
    let context = tempfile::tempdir().unwrap();
    let at = |path: &str| context.path().join(path);
    toolchain(&at("rust"));
    fs::create_dir(at("src")).unwrap();
    let manifest = "[package]\nname = \"my-app\"\nversion = \"0.3.0\"\nedition = \"2021\"\n";
    fs::write(at("Cargo.toml"), manifest).unwrap();
    let write = |path: &str, text: &str| {
        fs::write(at(path), text).unwrap();
        // A clone is older than the layer that is built from it.
        let old = SystemTime::now() - Duration::from_secs(3600);
        fs::File::options().write(true).open(at(path)).unwrap().set_modified(old).unwrap();
    };
    write("src/main.rs", MAIN);
    write("src/server.rs", SERVER);

    fs::write(at("Dockerfile"), dockerfile("")).unwrap();
    let first = build(context.path(), &[]);
    first.is_stale();
    judge_from_outside(&first.program, &at("Cargo.toml"));
    judge_the_saved_image(&at("Cargo.toml"));
    // Every step is cached: the key of `COPY` has no dates in it.
    let now = SystemTime::now();
    fs::File::options().write(true).open(at("src/main.rs")).unwrap().set_modified(now).unwrap();
    build(context.path(), &[]).is_stale();
    // The placeholder's layer is made anew, and is newer than ever.
    build(context.path(), &["--no-cache"]).is_stale();
    // Another file is edited; the placeholder does not list it.
    write("src/server.rs", &SERVER.replace("9090", "9091"));
    build(context.path(), &[]).is_stale();

    fs::write(at("Dockerfile"), dockerfile("touch src/main.rs &&")).unwrap();
    build(context.path(), &[]).is_fresh();
    fs::write(at("Dockerfile"), dockerfile("cargo binlint freshen &&")).unwrap();
    let healed = build(context.path(), &[]);
    healed.is_fresh();
    assert!(healed.freshen.contains("match their sources"), "{}", healed.freshen);
}

/// The program as it came out of the image, against the checkout it should be made of.
fn judge_from_outside(program: &Path, manifest: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-binlint"))
        .args(["check", "--format", "json", "--binary"])
        .arg(program)
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    let nothing = || (String::new(), String::new(), String::new());
    let (log, freshen, printed) = nothing();
    let directory = tempfile::tempdir().unwrap();
    let program = program.to_path_buf();
    let judged = Built { log, report, freshen, printed, program, _directory: directory };
    assert!(judged.is_denied("placeholder-main") && judged.is_denied("stale-sources"));
}

/// The image alone, as `docker save` writes it: what it would start does nothing, though it exposes
/// a port. With the checkout beside it, the sources that were never compiled are named too.
fn judge_the_saved_image(manifest: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("my-app.tar");
    run(docker().arg("save").arg("-o").arg(&archive).arg(IMAGE));
    let lint = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cargo-binlint"))
            .current_dir(directory.path())
            .args(["check", "--image", "docker-archive:my-app.tar", "--format", "json"])
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let denied = |report: &serde_json::Value| -> String {
        let outcomes = report["subjects"][0]["outcomes"].as_array().unwrap().iter();
        let denied = outcomes.filter(|it| it["outcome"] == "fail" && it["level"] == "deny");
        denied.map(|it| format!("{}: {}\n", it["rule"], it["findings"])).collect()
    };
    let alone = lint(&[]);
    assert_eq!(alone["subjects"][0]["binary"]["main"]["verdict"], "empty");
    assert_eq!(alone["subjects"][0]["load"]["verdict"], "starts");
    let words = denied(&alone);
    assert!(words.contains("placeholder-main") && words.contains("exposes port 8080"), "{words}");
    let words = denied(&lint(&["--manifest-path", manifest.to_str().unwrap()]));
    assert!(words.contains("placeholder-main") && words.contains("stale-sources"), "{words}");
}

fn build(context: &Path, more: &[&str]) -> Built {
    run(docker().args(["build", "-q", "--network=none", "-t", IMAGE]).args(more).arg(context));
    let printed = run(docker().args(["run", "--rm", "--network=none", IMAGE]));
    let directory = tempfile::tempdir().unwrap();
    let container = run(docker().args(["create", IMAGE]));
    let container = text(&container).trim().to_owned();
    let copy = |name: &str| {
        let to = directory.path().join(name);
        run(docker().arg("cp").arg(format!("{container}:/{name}")).arg(&to));
        to
    };
    let program = copy("my-app");
    let read = |name: &str| fs::read_to_string(copy(name)).unwrap();
    let (log, report, freshen) = (read("build.log"), read("report.json"), read("freshen.txt"));
    run(docker().args(["rm", &container]));
    let report = serde_json::from_str(&report).unwrap();
    Built { log, report, freshen, printed: text(&printed), program, _directory: directory }
}

/// The client that fits the engine of the tests.
fn docker() -> Command {
    let debian = Path::new("/usr/bin/docker");
    let mut command = Command::new(if debian.is_file() { debian } else { Path::new("docker") });
    command.env("DOCKER_BUILDKIT", "1");
    command
}

fn docker_answers() -> bool {
    docker().arg("info").output().is_ok_and(|output| output.status.success())
}

fn has_base() -> bool {
    docker().args(["image", "inspect", BASE]).output().is_ok_and(|output| output.status.success())
}

/// A small Debian with a linker, once an engine.
fn base_image() {
    if has_base() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("base.tar");
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase", "--include=gcc,libc6-dev", "bookworm"]);
    run(command.arg(&archive));
    run(docker().arg("import").arg(&archive).arg(BASE));
}

/// This machine's compiler, without what a build for it does not read, and ourselves.
fn toolchain(to: &Path) {
    let sysroot = text(&run(Command::new("rustc").args(["--print", "sysroot"])));
    let sysroot = PathBuf::from(sysroot.trim());
    let host = "lib/rustlib/x86_64-unknown-linux-gnu";
    fs::create_dir_all(to.join("bin")).unwrap();
    fs::create_dir_all(to.join("lib/rustlib")).unwrap();
    for name in ["bin/rustc", "bin/cargo"] {
        fs::copy(sysroot.join(name), to.join(name)).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_cargo-binlint"), to.join("bin/cargo-binlint")).unwrap();
    for entry in fs::read_dir(sysroot.join("lib")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join("lib").join(path.file_name().unwrap())).unwrap();
        }
    }
    run(Command::new("cp").arg("-a").arg(sysroot.join(host)).arg(to.join(host)));
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}
