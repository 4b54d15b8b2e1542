//! The examples of `docs/examples/`: each builds, runs and is clean by the commands of its page; each
//! change under "Break it" ends as the page says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::bases::{Bases, Linter, as_typed};
use crate::support::docker::{Engine, success, text};
use crate::support::run;

/// Each example, and what its program prints by the page's commands.
const EXAMPLES: &[(&str, &str)] = &[
    ("plain", "backend: 6 bytes in the arguments\n"),
    ("placeholder", "backend: 6 bytes in the arguments\n"),
    ("cargo-chef", "backend: 6 bytes in the arguments\n"),
    ("cache-mounts", "backend: 6 bytes in the arguments\n"),
    ("static-scratch", "backend: 6 bytes in the arguments\n"),
    ("distroless", "backend: 6 bytes in the arguments\n"),
    ("workspace", "api: ready, started with 1 words\n"),
    ("axum-sqlx", "1 visits\n"),
];

/// What the page says of a change.
enum Ending<'a> {
    Builds,
    BuildIsDenied(&'a str),
    ImageIsDenied(&'a str),
}

/// A page's changes of its example's files, in the order of the page.
struct Break<'a> {
    file: &'a str,
    before: String,
    after: String,
    ending: Ending<'a>,
}

#[test]
fn the_list_of_examples_is_whole() {
    let mut folders: Vec<String> = fs::read_dir(source())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut listed: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(folders, listed);
    let index = fs::read_to_string(source().join("README.md")).unwrap();
    for name in listed {
        assert!(index.contains(&format!("({name}/README.md)")), "{name} is not in the index");
        let page = fs::read_to_string(source().join(name).join("README.md")).unwrap();
        let breaks = breaks(&page);
        assert!(!breaks.is_empty(), "{name} is not broken");
        for it in breaks {
            let text = fs::read_to_string(source().join(name).join(it.file)).unwrap();
            assert_eq!(text.matches(&it.before).count(), 1, "{name}: {}", it.before);
            let (rule, of_image) = match it.ending {
                Ending::Builds => continue,
                Ending::BuildIsDenied(rule) => (rule, false),
                Ending::ImageIsDenied(rule) => (rule, true),
            };
            let rule = binlint::rules().find(|it| it.id == rule).expect(rule);
            // A saved image has no Dockerfile.
            assert!(!of_image || rule.group != binlint::Group::Dockerfile, "{name}: {}", rule.id);
        }
    }
}

#[test]
fn every_dockerfile_of_an_example_is_clean() {
    for (name, _) in EXAMPLES {
        let mut lint = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
        let output = lint.arg("dockerfile").current_dir(source().join(name)).output().unwrap();
        assert!(text(&output).starts_with("clean: "), "{name}: {}", text(&output));
    }
}

#[test]
fn every_example_builds_and_is_denied_when_it_is_broken() {
    let Some(engine) = Engine::get() else { return };
    let bases = Bases::new(&engine, Linter::Quick);
    let only = std::env::var("BINLINT_EXAMPLE").ok();
    for (name, prints) in EXAMPLES {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let place = Place::new(&bases, name);
        // What cannot be broken is no example: the defect first, while the caches are cold.
        for it in breaks(&place.page) {
            place.change(it.file, &it.before, &it.after, &bases);
            place.ends(&engine, &it.ending);
            place.restore(&bases);
        }
        for line in place.commands() {
            let output = as_typed(&engine, &place.renamed(&line), place.directory.path());
            assert!(output.status.success(), "{name}: {line}: {}", text(&output));
            if line.starts_with("docker run") {
                assert_eq!(String::from_utf8_lossy(&output.stdout), *prints, "{name}: {line}");
            }
        }
        success(engine.command(&["rmi", "--force"]).arg(place.image()));
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples")
}

/// A clone that holds one example.
struct Place {
    name: &'static str,
    page: String,
    directory: tempfile::TempDir,
}

impl Place {
    fn new(bases: &Bases, name: &'static str) -> Place {
        let page = fs::read_to_string(source().join(name).join("README.md")).unwrap();
        let place = Place { name, page, directory: tempfile::tempdir().unwrap() };
        fs::create_dir_all(place.path("").parent().unwrap()).unwrap();
        success(run::command("cp").arg("-a").arg(source().join(name)).arg(place.path("")));
        place.restore(bases);
        place
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join("docs/examples").join(self.name).join(file)
    }

    fn image(&self) -> String {
        format!("binlint-example-{}-{}", self.name, std::process::id())
    }

    /// The page's line with an image of this run's own.
    fn renamed(&self, line: &str) -> String {
        let image = self.image();
        line.replace("--tag backend", &format!("--tag {image}"))
            .replace("run --rm backend", &format!("run --rm {image}"))
            .replace("save backend", &format!("save {image}"))
    }

    /// Every file as it is committed, older than every layer; the Dockerfile dated now, because
    /// BuildKit takes a file of the same size and date for the one that it has.
    fn restore(&self, bases: &Bases) {
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for path in files(&source().join(self.name)) {
            let to =
                self.path(path.strip_prefix(source().join(self.name)).unwrap().to_str().unwrap());
            fs::copy(&path, &to).unwrap();
            fs::File::options().write(true).open(to).unwrap().set_modified(old).unwrap();
        }
        let dockerfile = fs::read_to_string(source().join(self.name).join("Dockerfile")).unwrap();
        fs::write(self.path("Dockerfile"), self.with_own_cache(&bases.named(&dockerfile))).unwrap();
    }

    /// A cache mount of another run may hold anything.
    fn with_own_cache(&self, dockerfile: &str) -> String {
        dockerfile.replace("id=backend-target", &format!("id={}", self.image()))
    }

    fn change(&self, file: &str, before: &str, after: &str, bases: &Bases) {
        let text = fs::read_to_string(source().join(self.name).join(file)).unwrap();
        let mut text = text.replacen(before, after, 1);
        if file == "Dockerfile" {
            text = self.with_own_cache(&bases.named(&text));
        }
        fs::write(self.path(file), text).unwrap();
    }

    fn commands(&self) -> Vec<String> {
        let block = self.page.split_once("```sh\n").unwrap().1.split("```").next().unwrap();
        let lines: Vec<String> = block.lines().map(str::to_owned).collect();
        assert!(lines.len() >= 2, "{}: the page has no commands", self.name);
        lines
    }

    fn ends(&self, engine: &Engine, ending: &Ending) {
        let commands = self.commands();
        let run = |line: &String| as_typed(engine, &self.renamed(line), self.directory.path());
        let built = run(&commands[0]);
        let said = text(&built);
        match ending {
            Ending::Builds => assert!(built.status.success(), "{}: {said}", self.name),
            Ending::BuildIsDenied(rule) => {
                assert!(!built.status.success(), "{}: {rule} does not stop it: {said}", self.name);
                let denied = said.contains(&format!("deny {rule}"));
                let stopped = said.contains("exit code: 1");
                assert!(denied && stopped, "{}: {rule}: {said}", self.name);
            }
            Ending::ImageIsDenied(rule) => {
                assert!(built.status.success(), "{}: {said}", self.name);
                let lint = commands.iter().find(|line| line.contains("cargo binlint"));
                let linted = run(lint.expect("the page lints the image"));
                let said = text(&linted);
                assert_eq!(linted.status.code(), Some(1), "{}: {said}", self.name);
                assert!(said.contains(&format!("deny {rule}")), "{}: {rule}: {said}", self.name);
            }
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Each `diff` block of a page, and what the text behind it says.
fn breaks(page: &str) -> Vec<Break<'_>> {
    let mut breaks = Vec::new();
    for part in page.split("```diff\n").skip(1) {
        let (diff, behind) = part.split_once("```\n").unwrap();
        let mut lines = diff.lines();
        let file = lines.next().unwrap().strip_prefix("--- ").unwrap();
        assert_eq!(lines.next().unwrap().strip_prefix("+++ "), Some(file));
        let (mut before, mut after) = (String::new(), String::new());
        for line in lines {
            let (mark, line) = line.split_at(1);
            if mark != "+" {
                before += &format!("{line}\n");
            }
            if mark != "-" {
                after += &format!("{line}\n");
            }
        }
        let said = behind.trim_start();
        let rule = || said.split('`').nth(1).unwrap();
        let ending = if said.starts_with("The build ends with exit code 1: `") {
            Ending::BuildIsDenied(rule())
        } else if said.starts_with("The image is denied: `") {
            Ending::ImageIsDenied(rule())
        } else {
            assert!(said.starts_with("The image builds"), "{said}");
            Ending::Builds
        };
        breaks.push(Break { file, before, after, ending });
    }
    breaks
}
