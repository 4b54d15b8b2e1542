//! The formats of a report as run: what others' validators say of them, the page in a browser, and the
//! examples of `docs/formats.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::cache;
use crate::support::run;
use crate::support::slow::{self, Need};

const DOCKERFILE: &str = "FROM rust:1.95-bookworm AS builder\nWORKDIR /app\nCOPY Cargo.toml Cargo.lock ./\n\
                          RUN mkdir src && echo 'fn main() {}' > src/main.rs && cargo build --release\n\
                          COPY src ./src\nRUN cargo build --release\nFROM debian:bookworm-slim\n\
                          COPY --from=builder /app/target/release/my-app /usr/local/bin/\nCMD [\"my-app\"]\n";

/// A package whose Dockerfile ships the stub that it compiles first.
fn package() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::create_dir(at.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"my-app\"\nversion = \"1.2.3\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(at.join("Cargo.toml"), manifest).unwrap();
    let lock = "version = 4\n\n[[package]]\nname = \"my-app\"\nversion = \"1.2.3\"\n";
    fs::write(at.join("Cargo.lock"), lock).unwrap();
    fs::write(at.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(at.join("Dockerfile"), DOCKERFILE).unwrap();
    directory
}

/// The same with its program: built from the stub, before the sources were there.
fn built() -> tempfile::TempDir {
    let package = package();
    let at = package.path();
    let mut cargo = run::offline(env!("CARGO"));
    cargo.args(["build", "-q", "--offline", "--release"]).current_dir(at);
    assert!(cargo.status().unwrap().success());
    let source = "fn main() { println!(\"{:?}\", std::env::args()); }\n";
    fs::write(at.join("src/main.rs"), source).unwrap();
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(at.join("src/main.rs")).unwrap();
    file.set_modified(hour_ago).unwrap();
    package
}

fn binlint(at: &Path, words: &[&str]) -> Output {
    let mut command = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.current_dir(at).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit code 2, and one line that says why.
#[track_caller]
fn refuses(output: &Output, why: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.lines().count() == 1 && said.contains(why), "{said}");
}

#[test]
fn one_run_writes_several_reports_or_says_in_a_line_why_not() {
    let package = package();
    let at = package.path();
    let words = ["--report", "sarif=a.sarif", "dockerfile", "--report", "gitlab=b.json", "-q"];
    let output = binlint(at, &words[2..]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("do not ship"), "{}", text(&output.stdout));
    // In front of the command's name it is the command's own.
    assert_eq!(binlint(at, &words).stdout, output.stdout);
    let of = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(at.join(name)).unwrap()).unwrap()
    };
    assert_eq!(of("a.sarif")["version"], "2.1.0");
    assert_eq!(of("b.json")[0]["location"]["path"], "Dockerfile");

    let refused = |words: &[&str], why| {
        refuses(&binlint(at, &[&["dockerfile", "Dockerfile"], words].concat()), why);
    };
    refused(&["--report", "xml=a"], "there is no format `xml`");
    refused(&["--report", "sarif"], "not FORMAT=FILE");
    refused(&["--format", "xml"], "--format has no value `xml`");
    refused(&["--report", "sarif=none/a.sarif"], "none/a.sarif");
    refused(&["-o", "none/a.txt"], "none/a.txt");
    refused(&["--report", "sarif=Dockerfile"], "is an input");
    refused(&["--report", "sarif=a", "--report", "json=a"], "another report");
    assert_eq!(fs::read_to_string(at.join("Dockerfile")).unwrap(), DOCKERFILE);
}

#[test]
fn a_baseline_knows_a_finding_again_and_no_other() {
    let package = package();
    let at = package.path();
    let code = |words: &[&str]| binlint(at, &[&["dockerfile"], words].concat()).status.code();
    assert_eq!(code(&["--format", "json", "-o", "base.json"]), Some(1));
    assert_eq!(code(&["--baseline", "base.json"]), Some(0));
    // Other lines, the same finding.
    let commented = format!("# syntax\n\n# more\n{DOCKERFILE}");
    fs::write(at.join("Dockerfile"), &commented).unwrap();
    assert_eq!(code(&["--baseline", "base.json"]), Some(0));
    assert_eq!(code(&[]), Some(1));
    // Another finding of another rule.
    let more = commented.replace("CMD [\"my-app\"]", "CMD [\"my-app -x\"]");
    fs::write(at.join("Dockerfile"), more).unwrap();
    assert_eq!(code(&["--baseline", "base.json"]), Some(1));
    // What is fixed is gone from the baseline, which says so.
    let fixed = DOCKERFILE.replace("RUN cargo build", "RUN touch src/main.rs && cargo build");
    fs::write(at.join("Dockerfile"), fixed).unwrap();
    let output = binlint(at, &["dockerfile", "--baseline", "base.json"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("is gone; write it anew"), "{}", text(&output.stdout));
    for (file, why) in [("none.json", "no such file"), ("Dockerfile", "no JSON")] {
        refuses(&binlint(at, &["dockerfile", "--baseline", file]), why);
    }
}

#[test]
fn warnings_are_denied_and_findings_forgiven_where_that_is_asked_for() {
    let package = package();
    let at = package.path();
    let code = |words: &[&str]| binlint(at, &[&["dockerfile"], words].concat()).status.code();
    assert_eq!(code(&["--exit-zero"]), Some(0));
    let warned = ["-W", "dummy-build-without-touch"];
    assert_eq!(code(&warned), Some(0));
    assert_eq!(code(&[&warned[..], &["-D", "warnings"]].concat()), Some(1));
    assert_eq!(code(&["--exit-zero", "--config", "none"]), Some(2));
    // The hidden place of the configuration, and never two of them.
    fs::create_dir(at.join(".config")).unwrap();
    let levels = "[levels]\ndummy-build-without-touch = \"allow\"\n";
    fs::write(at.join(".config/binlint.toml"), levels).unwrap();
    assert_eq!(code(&[]), Some(0));
    fs::write(at.join("binlint.toml"), "").unwrap();
    refuses(&binlint(at, &["dockerfile"]), "are both there");
}

#[test]
fn a_release_says_the_highest_glibc_and_the_only_libraries() {
    if cfg!(not(all(target_os = "linux", target_env = "gnu"))) {
        return slow::lacks("a target with glibc, whose versions these are");
    }
    let package = built();
    let at = package.path();
    let outcome = |rule: &str, expect: &str| -> Value {
        fs::write(at.join("binlint.toml"), expect).unwrap();
        let output =
            binlint(at, &["check", "--binary", "target/release/my-app", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        let outcomes = report["subjects"][0]["outcomes"].as_array().unwrap();
        outcomes.iter().find(|it| it["rule"] == rule).unwrap().clone()
    };
    let glibc = |expect: &str| outcome("glibc-above-maximum", expect);
    assert_eq!(glibc("")["outcome"], "not-applicable");
    assert_eq!(glibc("[expect]\nmax-glibc = \"9.9\"")["outcome"], "pass");
    let failed = glibc("[expect]\nmax-glibc = \"2.2\"");
    assert_eq!((&failed["outcome"], &failed["level"]), (&"fail".into(), &"deny".into()));
    // Rust's own start-up needs this one of every program.
    assert!(failed.to_string().contains("__libc_start_main"), "{failed:#}");
    let host = crate::support::docker::host();
    let own = format!("[expect]\nmax-glibc = \"9.9\"\n[expect.{host}]\nmax-glibc = \"2.2\"\n");
    assert_eq!(glibc(&own)["outcome"], "fail");
    let other = own.replace(&host, "mips-unknown-linux-gnu");
    assert_eq!(glibc(&other)["outcome"], "pass");

    let libraries = |expect: &str| outcome("library-not-allowed", expect);
    assert_eq!(libraries("")["outcome"], "not-applicable");
    let few = libraries("[expect]\nlibraries = [\"libgcc_s.so.1\"]");
    let messages: Vec<_> = few["findings"].as_array().unwrap().iter().collect();
    assert_eq!(messages.len(), 1, "{few:#}");
    assert!(messages[0]["message"].to_string().contains("libc.so.6"), "{few:#}");
    let all = "[expect]\nlibraries = [\"libgcc_s.so.1\", \"libc.so.6\"]";
    assert_eq!(libraries(all)["outcome"], "pass");
}

/// The examples of the page are what is printed today.
#[test]
fn the_examples_of_the_page_are_what_is_printed() {
    const PAGE: &str = "docs/formats.md";
    let package = package();
    let old = fs::read_to_string(PAGE).unwrap();
    let mut new = String::new();
    let mut lines = old.lines();
    let mut shown = Vec::new();
    while let Some(line) = lines.next() {
        new.push_str(line);
        new.push('\n');
        let Some(words) =
            line.strip_prefix("<!-- example: ").and_then(|it| it.strip_suffix(" -->"))
        else {
            continue;
        };
        let fence = lines.next().expect("a fence");
        assert!(fence.starts_with("```"), "{fence}");
        let end = "`".repeat(fence.chars().take_while(|it| *it == '`').count());
        lines.find(|it| *it == end).expect("the fence ends");
        let words: Vec<&str> = words.split(' ').skip(2).collect();
        let output = binlint(package.path(), &words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", text(&output.stderr));
        new.push_str(&format!("{fence}\n{}\n{end}\n", text(&output.stdout).trim_end()));
        shown.extend(
            words.iter().position(|it| *it == "--format").map(|at| words[at + 1].to_owned()),
        );
    }
    for format in ["json", "sarif", "github", "gitlab", "junit", "markdown"] {
        assert!(shown.iter().any(|it| it == format), "{PAGE} has no example of {format}");
    }
    if new != old {
        fs::write(PAGE, new).unwrap();
        panic!("rewrote {PAGE}; look it over, run the test again and commit");
    }
}

/// Runs a command that has to succeed.
#[track_caller]
fn success(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// A program of npm, installed once.
fn of_npm(package: &str, program: &str) -> PathBuf {
    let kept = cache::directory("npm-validators");
    let path = kept.join("node_modules/.bin").join(program);
    if !path.exists() {
        let mut npm = run::command("npm");
        success(
            npm.args(["install", "--no-fund", "--no-audit", "--prefix"]).arg(&kept).arg(package),
        );
    }
    path
}

/// A program of PyPI, installed once.
fn of_pypi(program: &str) -> PathBuf {
    let kept = cache::directory("python-validators");
    let path = kept.join("bin").join(program);
    if !path.exists() {
        success(run::command("python3").args(["-m", "venv"]).arg(&kept));
        let mut pip = run::command(kept.join("bin/pip"));
        success(pip.args(["install", "-q", "check-jsonschema", "xmlschema"]));
    }
    path
}

/// Every format of the same findings, beside the package.
fn written(at: &Path) {
    let formats = [
        "json=a.json",
        "sarif=a.sarif",
        "gitlab=gl.json",
        "junit=a.xml",
        "markdown=a.md",
        "html=a.html",
    ];
    let mut words = vec!["check", "-q"];
    words.extend(formats.iter().flat_map(|it| ["--report", it]));
    assert_eq!(binlint(at, &words).status.code(), Some(1));
}

#[test]
fn what_others_wrote_to_validate_the_formats_has_nothing_against_them() {
    if slow::is_left_out(Need::Network) {
        return;
    }
    if !slow::has("npm") || !slow::has("python3") {
        return;
    }
    let package = built();
    let at = package.path();
    written(at);
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");

    let multitool = of_npm("@microsoft/sarif-multitool", "sarif-multitool");
    let said = success(run::command(&multitool).current_dir(at).args([
        "validate",
        "a.sarif",
        "--rule-kind",
        "Ghas",
    ]));
    assert!(!said.contains("error"), "{said}");
    let said = success(run::command(&multitool).current_dir(at).args(["validate", "a.sarif"]));
    // The one thing it misses is the address of a home page, which there is none of yet.
    let warnings: Vec<&str> = said.lines().filter(|it| it.contains(": warning ")).collect();
    assert!(warnings.iter().all(|it| it.contains("SARIF2005")), "{said}");
    assert!(!said.contains(": error "), "{said}");
    // It has something against what is wrong.
    let broken = fs::read_to_string(at.join("a.sarif"))
        .unwrap()
        .replace("\"startLine\": ", "\"startLine\": -");
    fs::write(at.join("broken.sarif"), broken).unwrap();
    let output = run::command(&multitool)
        .current_dir(at)
        .args(["validate", "broken.sarif"])
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("error"), "{said}");

    let validates = |schema: PathBuf, file: &str| {
        let mut check = run::command(of_pypi("check-jsonschema"));
        check.arg("--schemafile").arg(schema).arg(at.join(file)).output().unwrap().status.success()
    };
    let gitlab = || schemas.join("gitlab-code-quality.json");
    assert!(validates(gitlab(), "gl.json"));
    let broken = fs::read_to_string(at.join("gl.json")).unwrap().replace("critical", "awful");
    fs::write(at.join("broken.json"), broken).unwrap();
    assert!(!validates(gitlab(), "broken.json"));
    assert!(validates(docs.join("report.json"), "a.json"));

    let validates = |file: &str| {
        let mut check = run::command(of_pypi("xmlschema-validate"));
        check.arg("--schema").arg(schemas.join("junit.xsd")).arg(at.join(file));
        check.output().unwrap().status.success()
    };
    assert!(validates("a.xml"));
    let broken = fs::read_to_string(at.join("a.xml")).unwrap().replace("<skipped", "<passed");
    fs::write(at.join("broken.xml"), broken).unwrap();
    assert!(!validates("broken.xml"));

    let page = of_npm("html-validate", "html-validate");
    let rules = r#"{"extends":["html-validate:standard"],"root":true}"#;
    fs::write(at.join(".htmlvalidate.json"), rules).unwrap();
    success(run::command(page).current_dir(at).arg("a.html"));
}

/// Both themes at the width of a phone and of a desk, for somebody to look at.
#[test]
fn the_page_is_there_to_be_looked_at() {
    if slow::is_left_out(Need::Time) || !slow::has("chromium") {
        return;
    }
    let package = built();
    let at = package.path();
    fs::create_dir(at.join("root")).unwrap();
    let words = ["check", "--rootfs", "root", "--binary", "target/release/my-app"];
    let page = [&words[..], &["--format", "html", "-o", "a.html"]].concat();
    assert_eq!(binlint(at, &page).status.code(), Some(1));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    for width in ["390", "1280"] {
        for (theme, number) in [("light", 1), ("dark", 0)] {
            let shot = folder.join(format!("report-{width}-{theme}.png"));
            let mut chromium = run::command("chromium");
            chromium.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
            chromium.arg(format!("--blink-settings=preferredColorScheme={number}"));
            chromium.arg(format!("--window-size={width},2400"));
            chromium.arg(format!("--user-data-dir={}", at.join("profile").display()));
            chromium.arg(format!("--screenshot={}", shot.display()));
            success(chromium.arg(format!("file://{}", at.join("a.html").display())));
            let bytes = fs::read(&shot).unwrap();
            let wide = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
            assert_eq!(wide.to_string(), width);
            // An empty page is a few kilobytes.
            assert!(bytes.len() > 50_000, "{}: {}", shot.display(), bytes.len());
        }
    }
}
