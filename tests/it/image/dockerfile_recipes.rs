//! The Dockerfiles and commands of `docs/dockerfile.md`, as the page prints them: done right, each
//! builds and its program runs; with the mistake that it is there for, each stops and names it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use crate::support::docker;
use crate::support::docker::{Engine, Image, success, text};

const PAGE: &str = include_str!("../../../docs/dockerfile.md");

const MAIN: &str = "fn main() {
    println!(\"{} words of this backend\", std::env::args().count());
}
";

/// The page's base images, and what stands for each: Debian's packages, and the real toolchain.
struct Bases<'engine> {
    names: Vec<(&'static str, String)>,
    linter: Image<'engine>,
}

impl Bases<'_> {
    fn new(engine: &Engine) -> Bases<'_> {
        let rust = engine.rust();
        let debian = engine.debian(docker::SUITE);
        let unpacked = |suite, packages: &[&str]| engine.distroless(suite, packages);
        let names = vec![
            ("rust:1-bookworm", rust.clone()),
            ("lukemathwalker/cargo-chef:latest-rust-1-bookworm", rust),
            ("debian:bookworm-slim", debian),
            ("debian:bullseye-slim", unpacked("bullseye", docker::LIBRARIES)),
            ("gcr.io/distroless/cc-debian12", unpacked(docker::SUITE, docker::LIBRARIES)),
            ("gcr.io/distroless/static-debian12", unpacked(docker::SUITE, &["netbase"])),
            ("alpine:3", unpacked(docker::SUITE, &["musl", "busybox-static"])),
        ];
        let linter = linter(engine, &names);
        Bases { names, linter }
    }

    /// The Dockerfile with the names of the images that are there.
    fn named(&self, dockerfile: &str) -> String {
        let own = format!("from={},", self.linter.name);
        renamed(dockerfile, &self.names).replace("from=cargo-binlint,", &own)
    }
}

fn renamed(dockerfile: &str, names: &[(&str, String)]) -> String {
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        if let ["FROM", name, ..] = words.as_mut_slice()
            && let Some((_, ours)) = names.iter().find(|(theirs, _)| theirs == name)
        {
            *name = ours;
        }
        words.join(" ") + "\n"
    };
    dockerfile.lines().map(line).collect()
}

/// The image that the page begins with, made of what git would give to a clone. Only the
/// optimiser is left out: it would take minutes.
fn linter<'engine>(engine: &'engine Engine, names: &[(&'static str, String)]) -> Image<'engine> {
    assert!(block("sh", "## The linter's image").contains("docker build -t cargo-binlint ."));
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clone = tempfile::tempdir().unwrap();
    for part in ["Cargo.toml", "Cargo.lock", "src", "benches", "docs", "README.md", ".dockerignore"]
    {
        let from = repository.join(part);
        success(Command::new("cp").arg("-a").arg(from).arg(clone.path().join(part)));
    }
    let quick = "ENV CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16\n";
    let dockerfile = renamed(include_str!("../../../Dockerfile"), names);
    let dockerfile = dockerfile.replacen("WORKDIR", &format!("{quick}WORKDIR"), 1);
    fs::write(clone.path().join("Dockerfile"), dockerfile).unwrap();
    engine.build(clone.path(), &[])
}

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
        let mut lock = Command::new("cargo");
        lock.args(["generate-lockfile", "--offline"]).current_dir(backend.path());
        success(lock.env_remove("CARGO_TARGET_DIR"));
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
    let bases = Bases::new(&engine);
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
    let mut copy = Command::new("skopeo");
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

/// A line of a shell where cargo finds the linter and `docker` is the client that fits the engine.
fn as_typed(engine: &Engine, line: &str, directory: &Path) -> Output {
    let tools = tempfile::tempdir().unwrap();
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, tools.path().join(name)).unwrap();
    };
    link(Path::new(env!("CARGO_BIN_EXE_cargo-binlint")), "cargo-binlint");
    let client = engine.command(&[]).get_program().to_owned();
    if Path::new(&client).is_absolute() {
        link(Path::new(&client), "docker");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [tools.path().to_path_buf()].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(paths.collect::<Vec<PathBuf>>()).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", line]).current_dir(directory).env("PATH", path);
    shell.env("DOCKER_BUILDKIT", "1").env_remove("CARGO_TARGET_DIR").output().unwrap()
}
