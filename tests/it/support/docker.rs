//! A container engine, Debian images made on the spot, and in one of them this machine's own Rust.
//!
//! Images that cost something to make are kept in the engine under a name with the digest of how
//! they were made. What a test builds of them is removed when it goes out of scope.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use super::digest::Digest;
use super::run;

use super::slow::{self, Need};
use super::{cache, debian};

/// The release that can run what this machine links.
pub const SUITE: &str = "bookworm";

/// What a program that Rust links dynamically needs beside itself, as `distroless/cc` has it.
pub const LIBRARIES: &[&str] = &["base-files", "libc6", "libgcc-s1"];

const CARGO_CHEF: &str = "0.1.78";

/// An engine that answers: the one `DOCKER_HOST` names, or the machine's own.
pub struct Engine {
    client: PathBuf,
}

impl Engine {
    /// The engine, unless what needs one is left out.
    pub fn get() -> Option<Engine> {
        if slow::is_left_out(Need::Engine) {
            return None;
        }
        // Debian's client speaks to Debian's engine; another of the same name may come first.
        let clients = [PathBuf::from("/usr/bin/docker"), PathBuf::from("docker")];
        let answers = |client: &PathBuf| succeeds(run::command(client).arg("info"));
        let client = clients.into_iter().find(answers).expect("no container engine answers");
        slow::has("mmdebstrap").then_some(Engine { client })
    }

    /// The client with these words; builds go through BuildKit.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = run::command(&self.client);
        command.args(words).env("DOCKER_BUILDKIT", "1").env("BUILDKIT_PROGRESS", "plain");
        command
    }

    /// `build` without a network; the caller looks at how it ended.
    pub fn try_build(&self, context: &Path, words: &[&str]) -> Output {
        let mut command = self.command(&["build", "--network=none"]);
        command.args(words).arg(context).output().expect("the client runs")
    }

    /// `build`, which succeeds; the image goes when the value does.
    pub fn build(&self, context: &Path, words: &[&str]) -> Image<'_> {
        let image = self.image();
        let words = [&["--tag", image.name.as_str()], words].concat();
        let output = self.try_build(context, &words);
        assert!(output.status.success(), "docker build {words:?}: {}", text(&output));
        image
    }

    /// Files out of a build, which succeeds, without an image.
    pub fn files(&self, context: &Path, words: &[&str], to: &Path) {
        let output = format!("type=local,dest={}", to.display());
        let output = self.try_build(context, &[words, &["--output", &output]].concat());
        assert!(output.status.success(), "docker build {words:?}: {}", text(&output));
    }

    /// A name for an image that is to be made.
    pub fn image(&self) -> Image<'_> {
        static MADE: Mutex<u32> = Mutex::new(0);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        *made += 1;
        Image { engine: self, name: format!("binlint-test-{}-{made}", std::process::id()) }
    }

    /// A small Debian, whole: what `debian:…-slim` stands for.
    pub fn debian(&self, suite: &str) -> String {
        self.kept("debian", &["essential", suite], |to| {
            let mut make = debian::mmdebstrap("essential", suite, &[], Path::new("-"), &[]);
            self.import(&mut make, &[], to);
        })
    }

    /// Unpacked packages and nothing else, no shell either: what distroless images are.
    pub fn distroless(&self, suite: &str, packages: &[&str]) -> String {
        self.kept("distroless", &[&[suite], packages].concat(), |to| {
            let mut make = debian::mmdebstrap("extract", suite, packages, Path::new("-"), &[]);
            self.import(&mut make, &[], to);
        })
    }

    /// This machine's compiler, cargo and cargo-chef on Debian, with a linker, git and the crates of
    /// our lockfiles where cargo keeps what it has downloaded: what `rust:…` stands for.
    pub fn rust(&self) -> String {
        let compiler = said(run::command("rustc").arg("-vV"));
        let lockfile = include_str!("../../../Cargo.lock");
        let packages = ["gcc", "libc6-dev", "git", "ca-certificates"];
        let environment = [
            "ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "ENV CARGO_HOME=/usr/local/cargo",
            "ENV CARGO_NET_OFFLINE=true",
        ];
        let examples: Vec<String> = lockfiles().iter().map(|it| read(it)).collect();
        let examples = examples.concat();
        let own = [&compiler, lockfile, &examples, CARGO_CHEF];
        let recipe = [&packages[..], &environment, &own].concat();
        self.kept("rust", &recipe, |to| {
            let tree = tempfile::tempdir().expect("a directory");
            let local = tree.path().join("usr/local");
            toolchain(&local);
            fs::copy(cargo_chef(), local.join("cargo/bin/cargo-chef")).expect("a copy");
            registry(&local.join("cargo"));
            let hook = format!("--customize-hook=cp -a {}/. \"$1\"/", tree.path().display());
            let mut make =
                debian::mmdebstrap("essential", SUITE, &packages, Path::new("-"), &[&hook]);
            self.import(&mut make, &environment, to);
        })
    }

    /// A root file system from a directory, kept under what it is made of.
    pub fn root(&self, directory: &Path) -> Image<'_> {
        let image = self.image();
        let mut tar = run::command("tar");
        tar.arg("-C").arg(directory).args(["-c", "."]);
        self.import(&mut tar, &[], &image.name);
        image
    }

    /// The image of this recipe, made when the engine has it not.
    fn kept(&self, what: &str, recipe: &[&str], make: impl FnOnce(&str)) -> String {
        static MAKING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = Digest::sha256(recipe.join("\n").as_bytes()).to_string();
        let name = format!("binlint-test-{what}:{}", &digest["sha256:".len()..][..16]);
        if !succeeds(&mut self.command(&["image", "inspect", &name])) {
            make(&name);
        }
        name
    }

    /// An archive of a root file system becomes an image with these changes to its configuration.
    fn import(&self, archive: &mut Command, changes: &[&str], name: &str) {
        let mut making = archive.stdout(Stdio::piped()).spawn().expect("an archive is made");
        let mut import = self.command(&["import"]);
        for change in changes {
            import.args(["--change", change]);
        }
        import.args(["-", name]).stdin(making.stdout.take().expect("it is piped"));
        let imported = import.output().expect("the client runs");
        let made = making.wait().expect("it ends");
        if !made.success() {
            // Half an archive may be an image already.
            succeeds(&mut self.command(&["rmi", "--force", name]));
        }
        assert!(made.success(), "{archive:?}: {made}");
        assert!(imported.status.success(), "{}", text(&imported));
    }
}

/// An image of one test, removed with the value.
pub struct Image<'engine> {
    engine: &'engine Engine,
    pub name: String,
}

impl Image<'_> {
    /// Runs it to its end, without a network.
    pub fn run(&self, words: &[&str]) -> Output {
        let mut command = self.engine.command(&["run", "--rm", "--network=none", &self.name]);
        command.args(words).output().expect("the client runs")
    }

    /// `docker save`, into a file of this directory.
    pub fn save(&self, to: &Path) -> PathBuf {
        let archive = to.join(format!("{}.tar", self.name));
        success(self.engine.command(&["save", "-o"]).arg(&archive).arg(&self.name));
        archive
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        succeeds(&mut self.engine.command(&["rmi", "--force", &self.name]));
    }
}

/// This machine's compiler and cargo, without what a build for this machine does not read, laid out
/// as the official images have them.
fn toolchain(local: &Path) {
    let sysroot = said(run::command("rustc").args(["--print", "sysroot"]));
    let sysroot = PathBuf::from(sysroot.trim());
    let to = local.join("rust");
    for directory in ["rust/bin", "rust/lib/rustlib", "cargo/bin"] {
        fs::create_dir_all(local.join(directory)).expect("a directory");
    }
    for name in ["rustc", "cargo"] {
        fs::copy(sysroot.join("bin").join(name), to.join("bin").join(name)).expect("a copy");
        let link = local.join("cargo/bin").join(name);
        std::os::unix::fs::symlink(format!("/usr/local/rust/bin/{name}"), link).expect("a link");
    }
    for entry in fs::read_dir(sysroot.join("lib")).expect("a sysroot has libraries") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let name = path.file_name().expect("a file has a name");
            fs::copy(&path, to.join("lib").join(name)).expect("a copy");
        }
    }
    let target = Path::new("lib/rustlib").join(host());
    success(run::command("cp").arg("-a").arg(sysroot.join(&target)).arg(to.join(&target)));
}

/// The lockfiles of the examples.
fn lockfiles() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let entries = fs::read_dir(examples).expect("the examples are there");
    let files = entries.map(|entry| entry.expect("an entry").path().join("Cargo.lock"));
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a text")
}

/// What cargo keeps of the crates of our lockfiles, so that builds need no network.
fn registry(cargo_home: &Path) {
    let kept = cache::directory("cargo-home");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let examples = lockfiles().into_iter().map(|path| path.with_extension("toml"));
    for manifest in std::iter::once(own).chain(examples) {
        let mut fetch = cargo(&["fetch", "--locked", "--quiet", "--target", &host()]);
        success(fetch.arg("--manifest-path").arg(manifest).env("CARGO_HOME", &kept));
    }
    fs::create_dir_all(cargo_home.join("registry")).expect("a directory");
    for part in ["registry/index", "registry/cache"] {
        success(run::command("cp").arg("-a").arg(kept.join(part)).arg(cargo_home.join(part)));
    }
}

/// The real cargo-chef, compiled once.
fn cargo_chef() -> PathBuf {
    let kept = cache::directory(&format!("cargo-chef-{CARGO_CHEF}"));
    let program = kept.join("bin/cargo-chef");
    if !program.is_file() {
        let mut install = cargo(&["install", "cargo-chef", "--locked", "--quiet", "--debug"]);
        install.args(["--version", CARGO_CHEF]).arg("--root").arg(&kept);
        success(install.env("CARGO_PROFILE_DEV_DEBUG", "false"));
    }
    program
}

/// Cargo without what the cargo around this test put into the environment.
fn cargo(words: &[&str]) -> Command {
    let mut command = run::command("cargo");
    command.args(words);
    command
}

/// The triple of this machine.
pub fn host() -> String {
    let version = said(run::command("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says its host").to_owned()
}

/// The linter without what a debugger needs of it, into a directory of a build's context.
pub fn linter(to: &Path) -> PathBuf {
    let to = to.join("cargo-binlint");
    let from = env!("CARGO_BIN_EXE_cargo-binlint");
    success(run::command("strip").arg("-o").arg(&to).arg(from));
    to
}

/// Runs a command that has to succeed.
#[track_caller]
pub fn success(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    output
}

/// Both streams.
pub fn text(output: &Output) -> String {
    let streams = [&output.stdout[..], &output.stderr];
    streams.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()
}

fn said(command: &mut Command) -> String {
    String::from_utf8_lossy(&success(command).stdout).into_owned()
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
