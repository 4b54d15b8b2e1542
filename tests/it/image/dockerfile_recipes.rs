//! The Dockerfiles and commands of `docs/dockerfile.md`, as the page prints them: done right, each
//! builds and its program runs; with the mistake that it is there for, each stops and names it.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::bases::{Bases, Linter, as_typed};
use crate::support::docker::{Engine, Image, success, text};
use crate::support::run;

const PAGE: &str = include_str!("../../../docs/dockerfile.md");

const MAIN: &str = "fn main() {
    println!(\"{} words of this backend\", std::env::args().count());
}
";

/// The first fenced block of a language under a heading.
fn block(language: &str, heading: &str) -> &'static str {
    let (_, below) = PAGE.split_once(&format!("{heading}\n")).unwrap();
    let (_, block) = below.split_once(&format!("```{language}\n")).unwrap();
    block.split("```").next().unwrap()
}

/// A clone of a backend's repository, older than every layer, with a Dockerfile.
struct Backend {
    directory: tempfile::TempDir,
}

impl Backend {
    fn new() -> Backend {
        let backend = Backend { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(backend.path().join("src")).unwrap();
        let manifest = "[package]\nname = \"backend\"\nversion = \"0.3.0\"\nedition = \"2021\"\n\
                        [dependencies]\nitoa = \"1\"\n";
        backend.write("Cargo.toml", manifest);
        backend.write("src/main.rs", MAIN);
        let mut lock = run::command("cargo");
        lock.args(["generate-lockfile", "--offline"]).current_dir(backend.path());
        success(&mut lock);
        backend
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::write(&path, text).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }

    /// Dated now: BuildKit takes a file of the same size and date for the one it has.
    fn dockerfile(&self, text: &str) {
        fs::write(self.path().join("Dockerfile"), text).unwrap();
    }

    fn builds<'engine>(
        &self,
        engine: &'engine Engine,
        bases: &Bases,
        recipe: &str,
    ) -> Image<'engine> {
        self.dockerfile(&bases.named(recipe));
        let image = engine.build(self.path(), &[]);
        let ran = image.run(&[]);
        assert_eq!(text(&ran), "1 words of this backend\n", "{recipe}");
        image
    }

    /// The build ends before there is an image, with the linter's code and the rule's name.
    fn is_stopped(&self, engine: &Engine, bases: &Bases, recipe: &str, rule: &str) {
        self.dockerfile(&bases.named(recipe));
        let built = engine.try_build(self.path(), &[]);
        let said = text(&built);
        assert!(!built.status.success(), "{rule} does not stop {recipe}\n{said}");
        assert!(said.contains(rule) && said.contains("exit code: 1"), "{rule}: {recipe}\n{said}");
    }
}

#[test]
fn every_recipe_builds_and_stops_what_it_is_there_for() {
    let Some(engine) = Engine::get() else { return };
    let bases = Bases::new(&engine, Linter::Quick);
    assert!(block("sh", "## The linter's image").contains("docker build -t cargo-binlint ."));
    let backend = Backend::new();

    let recipe = block("dockerfile", "## In the build stage, against the runtime base");
    let on =
        |base: &str| recipe.replace("FROM debian:bookworm-slim AS", &format!("FROM {base} AS"));
    let image = backend.builds(&engine, &bases, recipe);
    in_ci(&engine, &image, backend.path());
    backend.builds(&engine, &bases, &on("gcr.io/distroless/cc-debian12"));
    for (base, rule) in [
        ("debian:bullseye-slim", "glibc-too-new"),
        ("alpine:3", "missing-interpreter"),
        ("gcr.io/distroless/static-debian12", "missing-interpreter"),
    ] {
        let told = PAGE.lines().any(|line| line.contains(base) && line.contains(rule));
        assert!(told, "the page does not say {rule} of {base}");
        backend.is_stopped(&engine, &bases, &on(base), rule);
    }

    let recipe = block("dockerfile", "### For scratch, Alpine and distroless/static");
    for base in ["scratch", "alpine:3", "gcr.io/distroless/static-debian12"] {
        let on_base = recipe.replace("FROM scratch AS", &format!("FROM {base} AS"));
        backend.builds(&engine, &bases, &on_base);
    }
    let dynamic = recipe.replace("ENV RUSTFLAGS=\"-C target-feature=+crt-static\"", "ENV");
    assert_ne!(dynamic, recipe);
    backend.is_stopped(&engine, &bases, &dynamic, "missing-interpreter");

    let recipe = block("dockerfile", "### With a placeholder that caches the dependencies");
    backend.builds(&engine, &bases, recipe);
    let forgotten = recipe.replace("/linter/cargo-binlint freshen && ", "");
    assert_ne!(forgotten, recipe);
    backend.is_stopped(&engine, &bases, &forgotten, "placeholder-main");

    let recipe = block("dockerfile", "### With a cache mount");
    let own = format!("type=cache,id=binlint-recipe-{},", std::process::id());
    let recipe = recipe.replace("type=cache,", &own);
    let branch = MAIN.replace("words of this", "words of the other");
    backend.write("src/main.rs", &branch);
    backend.dockerfile(&bases.named(&recipe));
    drop(engine.build(backend.path(), &[]));
    backend.write("src/main.rs", MAIN);
    let forgotten = recipe.replace("/linter/cargo-binlint freshen && ", "");
    backend.is_stopped(&engine, &bases, &forgotten, "stale-by-mtime");
    backend.builds(&engine, &bases, &recipe);

    let recipe = block("dockerfile", "### With cargo-chef");
    backend.builds(&engine, &bases, recipe);
    let (before, after) = recipe.split_once("RUN cargo chef cook").unwrap();
    let (cook, after) = after.split_once("COPY . .\n").unwrap();
    let too_early = format!("{before}COPY . .\nRUN cargo chef cook{cook}{after}");
    backend.is_stopped(&engine, &bases, &too_early, "cargo-chef-stub");

    let recipe = block("dockerfile", "## From inside the last stage");
    let build =
        "FROM rust:1-bookworm AS build\nWORKDIR /app\nCOPY . .\nRUN cargo build --release\n";
    let recipe = format!("{build}{recipe}");
    backend.builds(&engine, &bases, &recipe);
    let alpine = recipe.replace("gcr.io/distroless/cc-debian12", "alpine:3");
    backend.is_stopped(&engine, &bases, &alpine, "missing-interpreter");
}

/// The commands under "The finished image", word for word but for the image's name, which the
/// engine may have already.
fn in_ci(engine: &Engine, image: &Image, repository: &Path) {
    let page = PAGE.split_once("## The finished image, in CI\n").unwrap().1;
    let commands = page.split("```sh\n").skip(1).take(2).map(|it| it.split("```").next().unwrap());
    let archive = image.save(repository);
    fs::rename(archive, repository.join("backend.tar")).unwrap();
    let mut copy = run::command("skopeo");
    copy.args(["copy", "--quiet", "docker-archive:backend.tar", "oci:layout"]);
    success(copy.current_dir(repository));
    let mut run = 0;
    for line in commands.flat_map(str::lines) {
        let line = line
            .replace("-t backend", &format!("-t {}", image.name))
            .replace("save backend", &format!("save {}", image.name))
            .replace("docker-daemon:backend", &format!("docker-daemon:{}", image.name))
            .replace(":backend:latest", &format!(":{}:latest", image.name));
        let output = as_typed(engine, &line, repository);
        assert!(output.status.success(), "{line}: {}", text(&output));
        run += 1;
    }
    assert_eq!(run, 5, "the page has other commands");
}
