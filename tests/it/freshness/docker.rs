//! Every way in which a Docker build ships what was not written, built by a real engine and judged
//! thrice: in the stage that built it, in the image that `docker save` writes, and as the stripped
//! program alone beside a checkout. Its honest twins are judged as well.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::docker;
use crate::support::docker::{Engine, Image, success, text};
use crate::support::run;

const DOCKERFILE: &str = include_str!("docker_stage/Dockerfile");

const MAIN: &str = "mod server;

fn main() {
    println!(\"listening on port {}\", server::port(std::env::args().count()));
}
";

const SERVER: &str = "pub fn port(arguments: usize) -> u16 {
    [8080, 9090][arguments - 1]
}
";

/// What `main` prints.
const LISTENS: &str = "listening on port 8080\n";
const FETCHES: &str = "fetching for branch b at 8080\n";
const NOTHING: &str = "";

/// One stage, what its program prints, and the rules that deny it in the stage and outside of it.
struct Scenario {
    stage: &'static str,
    /// The directory of the context with the sources that it should be made of.
    sources: &'static str,
    prints: &'static str,
    inside: &'static [&'static str],
    outside: &'static [&'static str],
}

const fn stale(
    stage: &'static str,
    sources: &'static str,
    prints: &'static str,
    inside: &'static [&'static str],
    outside: &'static [&'static str],
) -> Scenario {
    Scenario { stage, sources, prints, inside, outside }
}

const fn honest(stage: &'static str, sources: &'static str, prints: &'static str) -> Scenario {
    Scenario { stage, sources, prints, inside: &[], outside: &[] }
}

/// The placeholder, seen from outside.
const EMPTY: &[&str] = &["placeholder-main", "stale-sources"];
/// The placeholder that Cargo calls fresh.
const KEPT: &[&str] = &["placeholder-main", "stale-by-mtime", "stale-sources"];

const SCENARIOS: &[Scenario] = &[
    stale("plain", "app", NOTHING, KEPT, EMPTY),
    stale("output-removed", "app", NOTHING, KEPT, EMPTY),
    stale("dash-glob", "app", NOTHING, KEPT, EMPTY),
    stale("cleaned-without-release", "app", NOTHING, KEPT, EMPTY),
    stale("copied-twice", "app", NOTHING, KEPT, EMPTY),
    stale("equal-dates", "app", NOTHING, KEPT, EMPTY),
    stale("installed", "app", NOTHING, KEPT, EMPTY),
    stale("linked-again", "app", NOTHING, KEPT, EMPTY),
    honest("features-once", "app", LISTENS),
    honest("touched", "app", LISTENS),
    honest("freshened", "app", LISTENS),
    honest("cleaned", "app", LISTENS),
    honest("underscore-glob", "app", LISTENS),
    honest("no-placeholder", "app", LISTENS),
    stale("cleaned-without-target", "app", NOTHING, KEPT, EMPTY),
    honest("cleaned-with-target", "app", LISTENS),
    stale(
        "older-twin",
        "app",
        FETCHES,
        &["stale-by-mtime", "stale-sources", "wrong-artifact-path"],
        &["stale-sources"],
    ),
    honest("newer-twin", "app", LISTENS),
    stale(
        "old-name",
        "renamed",
        FETCHES,
        &["stale-sources", "wrong-artifact-path"],
        &["stale-sources"],
    ),
    honest("new-name", "renamed", LISTENS),
    stale("main-touched", "members", "library 1\n", &["stale-workspace-member"], &[]),
    honest("all-touched", "members", "library 2\n"),
    honest("members-freshened", "members", "library 2\n"),
    stale("script-stub", "script", "no greeting\n", &["stale-workspace-member"], &[]),
    honest("script-touched", "script", "hello from the data\n"),
    stale("old-output", "script", "hello from another branch\n", &["stale-workspace-member"], &[]),
    // Nothing kept what the script read, so nothing can be denied; the answer is open.
    stale("unseen-output", "script", "hello from another branch\n", &[], &[]),
    honest("new-output", "script", "hello from the data\n"),
    honest("output-freshened", "script", "hello from the data\n"),
    stale("shared-cache", "app", FETCHES, &["stale-by-mtime", "stale-sources"], &["stale-sources"]),
    honest("freshened-cache", "app", LISTENS),
    honest("cache-of-its-own", "app", LISTENS),
    stale("sources-before-cook", "app", NOTHING, &["cargo-chef-stub", "placeholder-main"], EMPTY),
    stale("cooked-and-not-built", "app", NOTHING, KEPT, EMPTY),
    honest("cooked-first", "app", LISTENS),
    stale(
        "host-target",
        "host",
        FETCHES,
        &["foreign-artifact", "stale-sources"],
        &["stale-by-mtime", "stale-sources"],
    ),
    honest("host-target-built", "host", LISTENS),
    stale(
        "host-program",
        "app",
        FETCHES,
        &["foreign-artifact", "stale-sources"],
        &["stale-sources"],
    ),
];

#[test]
fn every_stale_image_is_denied_with_its_cause_and_no_honest_one() {
    let Some(engine) = Engine::get() else { return };
    let context = Context::new(&engine);
    let stages = context.path("stages");
    engine.files(context.directory.path(), &["--target", "judged"], &stages);
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        let Scenario { stage, prints, inside, outside, .. } = scenario;
        let said = fs::read_to_string(stages.join(stage).join("report.json")).unwrap();
        let image = context.image(stage);
        let ran = image.run(&[]);
        let checkout = context.checkout(scenario.sources);
        let program = context.stripped(&stages.join(stage).join("program"));
        let answers = [
            ("stage", inside, denied(&said)),
            ("image", outside, denied(&context.judge_image(&image, &checkout))),
            ("program", outside, denied(&judge_program(&program, &checkout))),
        ];
        for (place, expected, denied) in answers {
            let expected: BTreeSet<String> = expected.iter().map(|it| (*it).to_owned()).collect();
            if denied.rules != expected {
                wrong.push(format!(
                    "{stage}, {place}: {:?} instead of {expected:?}\n{}",
                    denied.rules, denied.said
                ));
            }
        }
        if text(&ran) != *prints {
            wrong.push(format!("{stage} prints {:?}, not {prints:?}", text(&ran)));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The report: plain, on the day after, with `--no-cache`, after an edit of another file, of the
/// manifest, and at last of `main.rs`.
#[test]
fn what_is_tried_on_the_next_days_heals_nothing_but_an_edit_of_main() {
    let Some(engine) = Engine::get() else { return };
    let context = Context::new(&engine);
    let built = |what: &str, words: &[&str], expected: &[&str], prints: &str| {
        let to = context.path("day");
        let words = [words, &["--target", "judged-plain"]].concat();
        engine.files(context.directory.path(), &words, &to);
        let denied = denied(&fs::read_to_string(to.join("report.json")).unwrap());
        assert_eq!(denied.rules, expected.iter().map(|it| (*it).to_owned()).collect(), "{what}");
        let image = context.image("plain");
        assert_eq!(text(&image.run(&[])), prints, "{what}");
        (image, fs::read_to_string(to.join("freshen.txt")).unwrap())
    };
    let stale = |what: &str, words: &[&str]| built(what, words, KEPT, NOTHING);
    let now = |path: &str| {
        let file = fs::File::options().write(true).open(context.path(path)).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
    };
    let (image, said) = stale("plain", &[]);
    assert!(said.contains("stale: "), "{said}");
    // The image without any sources: what it would start does nothing, though it exposes a port.
    let alone = denied(&context.judge_image(&image, &[]));
    assert_eq!(alone.rules, BTreeSet::from(["placeholder-main".to_owned()]), "{}", alone.said);
    assert!(alone.said.contains("exposes port 8080"), "{}", alone.said);

    now("app/src/main.rs");
    stale("touched on the host: the key of `COPY` has no dates in it", &[]);
    // As a clone of the next day would have it.
    context.write("app/src/main.rs", MAIN);
    stale("the placeholder's layer is newer than ever", &["--no-cache"]);
    fs::write(context.path("app/src/server.rs"), SERVER.replace("9090", "9091")).unwrap();
    stale("another file is edited, and the placeholder does not list it", &[]);
    let manifest = fs::read_to_string(context.path("app/Cargo.toml")).unwrap();
    fs::write(context.path("app/Cargo.toml"), format!("{manifest}[profile.release]\n")).unwrap();
    stale("the manifest is edited, which makes the placeholder anew", &[]);
    let edited = MAIN.replace("listening on", "now serving");
    fs::write(context.path("app/src/main.rs"), edited).unwrap();
    let (_, said) = built("main.rs is edited", &[], &[], "now serving port 8080\n");
    assert!(said.contains("sources") || said.contains("stale: "), "{said}");
}

/// What the linter denied.
struct Denied {
    rules: BTreeSet<String>,
    /// Each of these rules with its findings.
    said: String,
}

/// The rules of the group *freshness* that a report denies.
fn denied(report: &str) -> Denied {
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let mut denied = Denied { rules: BTreeSet::new(), said: String::new() };
    for subject in report["subjects"].as_array().unwrap() {
        for outcome in subject["outcomes"].as_array().unwrap() {
            let rule = outcome["rule"].as_str().unwrap();
            let fails = outcome["outcome"] == "fail" && outcome["level"] == "deny";
            let group = binlint::rules().find(|it| it.id == rule).unwrap().group;
            if fails && group == binlint::Group::Freshness {
                denied.rules.insert(rule.to_owned());
                denied.said += &format!("  {rule}: {}\n", outcome["findings"]);
            }
        }
    }
    denied
}

/// The directories that the stages copy from.
struct Context<'engine> {
    engine: &'engine Engine,
    directory: tempfile::TempDir,
}

impl Context<'_> {
    fn new(engine: &Engine) -> Context<'_> {
        let context = Context { engine, directory: tempfile::tempdir().unwrap() };
        let branch = MAIN.replace("listening on port", "fetching for branch b at");
        let manifest = "[package]\nname = \"my-app\"\nversion = \"0.3.0\"\nedition = \"2021\"\n\
                        [dependencies]\nitoa = \"1\"\n[features]\nextra = []\n[workspace]\n";
        for (package, main) in [("app", MAIN), ("branch", &branch), ("host", &branch)] {
            context.write(&format!("{package}/Cargo.toml"), manifest);
            context.write(&format!("{package}/src/main.rs"), main);
            context.write(&format!("{package}/src/server.rs"), SERVER);
        }
        let renamed = format!("{manifest}[[bin]]\nname = \"renamed\"\npath = \"src/main.rs\"\n");
        context.write("renamed/Cargo.toml", &renamed);
        context.write("renamed/src/main.rs", MAIN);
        context.write("renamed/src/server.rs", SERVER);

        let members = manifest
            .replace("[workspace]", "[workspace]\nmembers = [\"library\"]")
            .replace("itoa = \"1\"", "library = { path = \"library\" }");
        context.write("members/Cargo.toml", &members);
        let main = "fn main() {\n    println!(\"library {}\", library::version());\n}\n";
        context.write("members/src/main.rs", main);
        let library = "[package]\nname = \"library\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
        context.write("members/library/Cargo.toml", library);
        context.write("members/library/src/lib.rs", "pub fn version() -> u32 {\n    2\n}\n");

        context.write("script/Cargo.toml", manifest);
        let script = "fn main() {\n    println!(\"cargo::rerun-if-changed=build.rs\");\n    \
                      println!(\"cargo::rerun-if-changed=data/greeting.txt\");\n    \
                      let text = std::fs::read_to_string(\"data/greeting.txt\").unwrap();\n    \
                      println!(\"cargo::rustc-env=GREETING={}\", text.trim());\n}\n";
        context.write("script/build.rs", script);
        let main = "fn main() {\n    println!(\"{}\", option_env!(\"GREETING\").unwrap_or(\"no greeting\"));\n}\n";
        context.write("script/src/main.rs", main);
        context.write("script/data/greeting.txt", "hello from the data\n");

        let manifests = ["app", "branch", "host", "renamed", "members", "script"];
        for package in manifests {
            cargo(&context.path(package), &["generate-lockfile", "--offline"]);
        }
        // The host built the branch, and nobody since.
        cargo(&context.path("host"), &["build", "--release", "--offline"]);
        context.write("host/src/main.rs", MAIN);

        fs::create_dir(context.path("tools")).unwrap();
        docker::linter(&context.path("tools"));
        context.write("tools/judge", include_str!("docker_stage/judge"));
        success(run::command("chmod").arg("755").arg(context.path("tools/judge")));
        fs::write(context.path("Dockerfile"), context.dockerfile()).unwrap();
        context
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// A file as a clone has it: older than every layer.
    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }

    /// The stages, an image of each, and the files that `judge` left.
    fn dockerfile(&self) -> String {
        let run = format!("binlint-{}", std::process::id());
        let base = format!("FROM {} AS base\nENV TRIPLE={}", self.engine.rust(), docker::host());
        let mut dockerfile = DOCKERFILE.replace("FROM rust AS base", &base).replace("CACHE", &run);
        let runtime = self.engine.distroless(docker::SUITE, docker::LIBRARIES);
        let mut judged = "FROM scratch AS judged\n".to_owned();
        for Scenario { stage, .. } in SCENARIOS {
            dockerfile += &format!(
                "FROM {runtime} AS image-{stage}\n\
                 COPY --from={stage} /out/program /usr/local/bin/my-app\n\
                 EXPOSE 8080\nENTRYPOINT [\"/usr/local/bin/my-app\"]\n"
            );
            dockerfile += &format!("FROM scratch AS judged-{stage}\nCOPY --from={stage} /out /\n");
            judged += &format!("COPY --from={stage} /out /{stage}\n");
        }
        dockerfile + &judged
    }

    fn image(&self, stage: &str) -> Image<'_> {
        self.engine.build(self.directory.path(), &["--target", &format!("image-{stage}")])
    }

    /// The words that name the sources of a program.
    fn checkout(&self, sources: &str) -> Vec<String> {
        let manifest = self.path(sources).join("Cargo.toml").display().to_string();
        let mut words = vec!["--manifest-path".to_owned(), manifest];
        if sources == "renamed" {
            // The file's name is the old one: which program it should be has to be said.
            words.extend(["--bin".to_owned(), "renamed".to_owned()]);
        }
        words
    }

    /// `docker save | cargo binlint check --image -`, and these words.
    fn judge_image(&self, image: &Image, words: &[String]) -> String {
        let archive = image.save(self.directory.path());
        let mut check = check();
        check.args(["--image", "-"]).args(words).stdin(fs::File::open(&archive).unwrap());
        let report = report(check.current_dir(self.path("tools")));
        fs::remove_file(archive).unwrap();
        report
    }

    /// The program without its symbols, elsewhere.
    fn stripped(&self, program: &Path) -> PathBuf {
        let to = self.path("alone/my-app");
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        success(run::command("strip").arg("-o").arg(&to).arg(program));
        to
    }
}

/// The stripped program alone, against the checkout that it should be made of.
fn judge_program(program: &Path, words: &[String]) -> String {
    report(check().arg("--binary").arg(program).args(words))
}

fn check() -> Command {
    let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.args(["check", "--format", "json"]);
    command
}

fn report(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.code().is_some_and(|code| code < 2), "{command:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn cargo(directory: &Path, words: &[&str]) {
    let mut cargo = run::command("cargo");
    cargo.current_dir(directory).args(words);
    success(&mut cargo);
}
