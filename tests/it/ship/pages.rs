//! Every command of every page: run here in the place that the page speaks of, run by another test, or left
//! out for a reason that stands in the list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::digest::Digest;
use crate::support::docker::{success, text};
use crate::support::layers;
use crate::support::place::manifest;
use crate::support::run;
use crate::support::slow::{self, Need};

/// How a command of a page is tested.
enum How {
    /// Here, one page after the other, with this exit code.
    Here(i32),
    /// By a file that has these words.
    By(&'static str, &'static str),
    /// Not at all, and why.
    Not(&'static str),
}

use How::{By, Here, Not};

const RECIPES: How = By("tests/it/image/dockerfile_recipes.rs", "in_ci(&engine");
const IMAGE: How = By("tests/it/ship/linter_image.rs", "docs/install.md");

/// A page, a command of it, and how it is tested.
const COMMANDS: &[(&str, &str, How)] = &[
    (
        "README.md",
        "cargo install --locked --path .",
        By(".ci/run", "cargo install --locked --path ."),
    ),
    ("README.md", "cargo build --release && cargo binlint", Here(0)),
    ("README.md", "cargo binlint --image docker-archive:backend.tar", Here(0)),
    ("README.md", "cargo binlint dockerfile", Here(0)),
    ("README.md", "cargo binlint freshen && cargo build --release", Here(0)),
    ("README.md", "cargo binlint check --rebuild", Here(0)),
    ("README.md", "cargo binlint build --release --ensure-fresh", Here(0)),
    ("README.md", "cargo binlint verify target/release/backend", Here(0)),
    ("README.md", "cargo binlint inspect target/release/backend", Here(0)),
    ("README.md", "cargo binlint diff old/backend new/backend", Here(1)),
    ("README.md", "cargo binlint diagnose --exit-code 0 --silent --image backend.tar", Here(0)),
    ("README.md", "cargo binlint explain placeholder-main", Here(0)),
    ("CONTRIBUTING.md", "cargo run --release", By(".ci/run", "cargo run --release")),
    (
        "CONTRIBUTING.md",
        "fuzz/run 300",
        Not("takes five minutes for each target; .ci/run compiles the targets"),
    ),
    ("CONTRIBUTING.md", "cargo test --lib", Not("it is what runs: `cargo test` has it")),
    ("CONTRIBUTING.md", "cargo test", By(".ci/run", "stage \"test\" cargo test")),
    ("CONTRIBUTING.md", ".ci/run", Not("it runs this test")),
    ("docs/ci.md", "cargo build --release --locked", Here(0)),
    ("docs/ci.md", "cargo binlint --release --report sarif=binlint.sarif", Here(0)),
    ("docs/ci.md", "docker build -t backend .", RECIPES),
    ("docs/ci.md", "docker save backend | cargo binlint --image -", RECIPES),
    ("docs/ci.md", "cargo binlint freshen --release", Here(0)),
    ("docs/compilers.md", "ci/compilers --quick", By("tests/it/ship/compilers.rs", "\"--quick\"")),
    ("docs/configuration.md", "cargo binlint init", Here(0)),
    (
        "docs/diagnose.md",
        "docker save backend -o backend.tar",
        By("tests/it/image/dockerfile_recipes.rs", "image.save("),
    ),
    (
        "docs/diagnose.md",
        "cargo binlint diagnose --exit-code 0 --silent --image backend.tar",
        By("tests/it/cli/recorded.rs", "diagnose --exit-code 0 --silent"),
    ),
    ("docs/dockerfile.md", "docker build -t cargo-binlint .", RECIPES),
    ("docs/dockerfile.md", "docker build -t backend .", RECIPES),
    ("docs/dockerfile.md", "docker save backend | cargo binlint --image -", RECIPES),
    ("docs/dockerfile.md", "cargo binlint --image docker-daemon:backend", RECIPES),
    ("docs/dockerfile.md", "cargo binlint --image oci:layout --platform linux/amd64", RECIPES),
    (
        "docs/dockerfile.md",
        "cargo binlint --image docker-archive:backend.tar:backend:latest",
        RECIPES,
    ),
    ("docs/examples/README.md", "docker build --tag cargo-binlint .", RECIPES),
    ("docs/freshness.md", "cargo binlint check --rebuild", Here(0)),
    ("docs/freshness.md", "cargo binlint build --release --rebuild", Here(0)),
    ("docs/freshness.md", "cargo binlint check --image app.tar --rebuild", Here(0)),
    (
        "docs/freshness.md",
        "cargo binlint verify target/release/app --manifest-path Cargo.toml --rebuild",
        Here(0),
    ),
    (
        "docs/install.md",
        "docker run --rm --volume \"$PWD:/work:ro\" --workdir /work cargo-binlint inspect target/release/backend",
        IMAGE,
    ),
    (
        "docs/install.md",
        "docker save backend | docker run --rm --interactive cargo-binlint check --image -",
        IMAGE,
    ),
    (
        "docs/install.md",
        "cargo binlint completions bash -o ~/.local/share/bash-completion/completions/cargo-binlint",
        By("tests/it/ship/shells.rs", "\"completions\""),
    ),
    ("docs/install.md", "cargo binlint man -o cargo-binlint.1", Here(0)),
    ("docs/install.md", "cargo binlint man verify -o cargo-binlint-verify.1", Here(0)),
    (
        "docs/install.md",
        "cargo-binlint verify ./cargo-binlint --key builder.pub",
        By("tests/it/ship/release.rs", "docs/install.md"),
    ),
    ("docs/start.md", "docker save backend | cargo binlint --image -", RECIPES),
    // The keys first: the page speaks of them before it makes them.
    ("docs/provenance.md", "openssl genpkey -algorithm ed25519 -out builder.pem", Here(0)),
    ("docs/provenance.md", "openssl pkey -in builder.pem -pubout -out builder.pub", Here(0)),
    ("docs/provenance.md", "cargo binlint build --release --key builder.pem", Here(0)),
    (
        "docs/provenance.md",
        "cargo binlint verify target/release/app --manifest-path Cargo.toml --key builder.pub",
        Here(0),
    ),
    ("docs/provenance.md", "cargo binlint build --release --embed", Here(0)),
    (
        "docs/formats.md",
        "cargo binlint check --format table --report sarif=binlint.sarif --report junit=binlint.xml",
        Here(0),
    ),
    ("docs/formats.md", "cargo binlint check --format json -o baseline.json", Here(0)),
    ("docs/formats.md", "cargo binlint check --baseline baseline.json", Here(0)),
    ("docs/provenance.md", "cargo binlint verify target/release/app", Here(0)),
    (
        "docs/provenance.md",
        "cosign verify-blob-attestation --key builder.pub --signature app.intoto.jsonl --type slsaprovenance1 --insecure-ignore-tlog=true app",
        By("tests/it/provenance/attest.rs", "verify-blob-attestation"),
    ),
];

/// Pages whose commands their own test takes from the page.
const EXAMPLES: &str = "docs/examples/";

#[test]
fn every_command_of_every_page_is_tested_or_says_why_not() {
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for page in pages() {
        let name = page.to_str().unwrap();
        if name.starts_with(EXAMPLES) && name != "docs/examples/README.md" {
            continue;
        }
        for command in commands(&fs::read_to_string(root().join(&page)).unwrap()) {
            let known = COMMANDS.iter().any(|(of, it, _)| *of == name && *it == command);
            if !known {
                wrong.push(format!("{name}: {command}: tested by nothing"));
            }
            seen.push((name.to_owned(), command));
        }
    }
    for (page, command, how) in COMMANDS {
        if !seen.iter().any(|(of, it)| of == page && it == command) {
            wrong.push(format!("{page}: {command}: not on the page"));
        }
        match how {
            By(file, words) => {
                let text = fs::read_to_string(root().join(file)).unwrap();
                assert!(text.contains(words), "{file} has no {words:?}");
            }
            Not(why) => assert!(!why.is_empty()),
            Here(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_commands_of_the_pages_end_as_the_pages_say() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let mut wrong = Vec::new();
    let is_here = |(page, _, how): &(&'static str, _, How)| matches!(how, Here(_)).then_some(*page);
    let pages: BTreeSet<&str> = COMMANDS.iter().filter_map(is_here).collect();
    for page in pages {
        let name = if page == "docs/freshness.md" || page == "docs/provenance.md" {
            "app"
        } else {
            "backend"
        };
        let place = Workspace::new(name);
        for (of, command, how) in COMMANDS {
            let Here(code) = how else { continue };
            if of != &page {
                continue;
            }
            let output = place.typed(command);
            if output.status.code() != Some(*code) {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                wrong.push(format!("{page}: {command}: {:?}\n{said}", output.status.code()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A command in a fence of another name would be tested by nothing.
#[test]
fn every_block_has_a_language_that_is_known() {
    let known = [
        "sh",
        "console",
        "dockerfile",
        "yaml",
        "toml",
        "json",
        "xml",
        "rust",
        "groovy",
        "diff",
        "markdown",
        "text",
    ];
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).unwrap();
        for language in languages(&text) {
            assert!(known.contains(&language), "{}: ```{language}", page.display());
        }
    }
}

#[test]
fn a_block_ends_with_as_many_marks_as_it_begins_with() {
    assert_eq!(
        languages("````markdown\n```text\n```\n````\n ```bash\nx\n ```\n"),
        ["markdown", "bash"]
    );
}

/// The language of each outermost block.
fn languages(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for line in text.lines().map(str::trim) {
        let language = line.trim_start_matches('`');
        let marks = line.len() - language.len();
        match open {
            None if marks >= 3 => {
                found.push(language);
                open = Some(marks);
            }
            Some(begun) if marks >= begun && language.is_empty() => open = None,
            _ => {}
        }
    }
    found
}

/// Also in tables, sentences, workflows and Dockerfiles: what a page names is there.
#[test]
fn every_option_that_a_page_names_is_there() {
    let help = |command: &str| {
        let mut linter = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
        String::from_utf8(linter.args([command, "--help"]).output().unwrap().stdout).unwrap()
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).unwrap();
        for (command, option) in options(&text) {
            // `build` hands on what is cargo's.
            if command == "build" || option == "--version" {
                continue;
            }
            seen += 1;
            let help = help(command);
            let is_there = help.split(|it: char| it.is_whitespace() || ",=[".contains(it));
            if !is_there.into_iter().any(|word| word == option) {
                wrong.push(format!("{}: {command} has no {option}", page.display()));
            }
        }
    }
    assert!(seen > 50, "{seen} options found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn options_are_found_wherever_they_stand() {
    let found = options(
        "`cargo binlint --image x` and RUN /linter/cargo-binlint verify --key=a && b --no\n",
    );
    assert_eq!(found, [("check", "--image"), ("verify", "--key")]);
}

/// Each `--option` behind the linter's name on the same line, and the command that it belongs to.
fn options(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let calls = line.match_indices("binlint ").filter(|(at, _)| {
            let before = &line[..*at];
            let is_typed = ["cargo ", "`cargo-", "/linter/cargo-"];
            before == "cargo-" || is_typed.iter().any(|it| before.ends_with(it))
        });
        for (at, name) in calls {
            let rest = &line[at + name.len()..];
            let end = rest.find(['`', '|', '&', ';', ')', '#', '>']).unwrap_or(rest.len());
            let mut words = rest[..end].split_whitespace().peekable();
            let is_command = |word: &&str| word.starts_with(|it: char| it.is_ascii_lowercase());
            let command = words.next_if(is_command).unwrap_or("check");
            for option in words.filter(|word| word.starts_with("--") && word.len() > 2) {
                let option = option.split(['=', ',', '"', ']', '.', ':']).next().unwrap();
                found.push((command, option));
            }
        }
    }
    found
}

/// The jobs of other services, as far as they are the linter's: each line that calls it.
#[test]
fn the_lines_of_the_jobs_for_ci_run() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let page = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let place = Workspace::new("backend");
    let lines: Vec<&str> = blocks(&page, &["yaml", "groovy"])
        .flat_map(str::lines)
        .filter(|line| line.contains("cargo binlint"))
        .collect();
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines {
        let line = line.trim().trim_start_matches("- ").trim_start_matches("run: ");
        let line = line.trim_start_matches("sh '").trim_end_matches('\'').replace("$$", "$");
        place.succeeds(&line);
    }
}

/// Buildkite's job annotates its build with the verdict, and ends with the linter's code.
#[test]
fn the_job_for_buildkite_says_the_verdict_and_keeps_the_code() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let page = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let job = blocks(&page, &["yaml"]).find(|it| it.contains("buildkite-agent")).unwrap();
    let commands = job.split_once("command:\n").unwrap().1.lines();
    let commands: Vec<&str> = commands.map(|line| line.trim().trim_start_matches("- ")).collect();
    let agent = "buildkite-agent() { echo \"$@\" >style; cat >annotation; }\nset -e\n";
    let script = format!("{agent}{}", commands.join("\n").replace("$$", "$"));
    let place = Workspace::new("backend");
    let honest = place.typed(&script);
    assert_eq!(honest.status.code(), Some(0), "{}", text(&honest));
    let style = || fs::read_to_string(place.path("style")).unwrap();
    assert_eq!(style(), "annotate --style success\n");
    fs::write(
        place.path("binlint.toml"),
        "[levels]\nwarnings = \"deny\"\n[expect]\nlibc = \"musl-static\"\n",
    )
    .unwrap();
    let denied = place.typed(&script);
    assert_eq!(denied.status.code(), Some(1), "{}", text(&denied));
    assert_eq!(style(), "annotate --style error\n");
    assert!(fs::read_to_string(place.path("annotation")).unwrap().contains("musl"));
}

/// The blocks in one of these languages.
fn blocks<'a>(page: &'a str, languages: &'a [&str]) -> impl Iterator<Item = &'a str> {
    // Text and blocks take turns.
    page.split("```").skip(1).step_by(2).filter_map(|block| {
        let (language, inside) = block.split_once('\n')?;
        languages.contains(&language).then_some(inside)
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages, relative to the repository; those that a test writes have no commands.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"]
            .map(PathBuf::from)
            .into();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The commands of the fenced blocks `sh` and `console`.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let prompt = match line.trim() {
            "```sh" => "",
            "```console" => "$ ",
            _ => continue,
        };
        let mut block = lines.by_ref().take_while(|line| line.trim() != "```");
        while let Some(line) = block.next() {
            let Some(command) = line.trim().strip_prefix(prompt) else { continue };
            let mut command = command.to_owned();
            while let Some(begun) = command.strip_suffix('\\') {
                let next = block.next().expect("a line after a backslash");
                command = format!("{} {}", begun.trim_end(), next.trim());
            }
            // Two spaces or a comment alone: `#` inside of a word is none.
            let command = command.split(" # ").next().unwrap().trim();
            if !command.is_empty() && !command.starts_with("# ") {
                found.push(command.to_owned());
            }
        }
    }
    found
}

/// What the pages speak of: a workspace under git with a Dockerfile, an image of its program, and two
/// other builds of it.
struct Workspace {
    directory: tempfile::TempDir,
}

impl Workspace {
    fn new(name: &str) -> Workspace {
        let place = Workspace { directory: tempfile::tempdir().unwrap() };
        let example = fs::read_to_string(root().join("docs/examples/plain/Dockerfile")).unwrap();
        let files = [
            ("Cargo.toml", manifest(name, "")),
            ("src/main.rs", "fn main() {\n    println!(\"listening on port {}\", std::env::args().count());\n}\n".to_owned()),
            ("Dockerfile", example.replace("backend", name)),
            (".gitignore", "/target\n/*.tar\n/old\n/new\n/builder.*\n".to_owned()),
            (".dockerignore", "target\n.git\n".to_owned()),
        ];
        for (path, text) in files {
            let path = place.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        place.succeeds("cargo generate-lockfile && git init -q && git add . && git -c user.name=a -c user.email=a@b commit -q -m first");
        place.succeeds("cargo build --release && mkdir old new && cp target/release/* old/ 2>/dev/null || true");
        place.succeeds(&format!("cp /proc/self/exe new/{name}"));
        fs::write(place.path(&format!("{name}.tar")), place.image(name)).unwrap();
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// A saved image of the program with the libraries that it runs with here.
    fn image(&self, name: &str) -> Vec<u8> {
        let program = self.path("target/release").join(name);
        let ldd = text(&success(run::command("ldd").arg(&program)));
        let libraries = ldd.split_whitespace().filter(|word| word.starts_with('/'));
        let mut entries: Vec<Vec<u8>> =
            libraries.map(|path| layers::program(&path[1..], &fs::read(path).unwrap())).collect();
        entries
            .push(layers::program(&format!("usr/local/bin/{name}"), &fs::read(&program).unwrap()));
        entries.push(layers::file("etc/passwd", b"app:x:1000:1000::/:/bin/false\n"));
        let layer = layers::archive(&entries);
        let digest = Digest::sha256(&layer).to_string();
        let config = format!(
            r#"{{"architecture":"{}","os":"linux","config":{{"User":"app","Entrypoint":["/usr/local/bin/{name}"]}},"rootfs":{{"type":"layers","diff_ids":["{digest}"]}}}}"#,
            if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" },
        );
        let manifest = format!(
            r#"[{{"Config":"config.json","RepoTags":["{name}:latest"],"Layers":["layer.tar"]}}]"#
        );
        layers::archive(&[
            layers::file("manifest.json", manifest.as_bytes()),
            layers::file("config.json", config.as_bytes()),
            layers::file("layer.tar", &layer),
        ])
    }

    /// In a shell where cargo finds the linter.
    fn typed(&self, line: &str) -> Output {
        let linter = Path::new(env!("CARGO_BIN_EXE_cargo-binlint")).parent().unwrap();
        let path = format!("{}:{}", linter.display(), std::env::var("PATH").unwrap());
        let mut shell = run::offline("bash");
        shell.args(["-o", "pipefail", "-c", line]).current_dir(self.directory.path());
        shell.env("PATH", path).output().unwrap()
    }

    fn succeeds(&self, line: &str) {
        let output = self.typed(line);
        assert!(output.status.success(), "{line}: {}", text(&output));
    }
}
