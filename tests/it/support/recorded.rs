//! A workspace of two crates under git, built and recorded by the program itself, and the tools of
//! others that a record is shown to.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use serde_json::Value;

use super::run;
use super::slow::{self, Need};
use super::{cache, debian};

/// A workspace in a directory of its own.
pub struct Shop {
    pub root: PathBuf,
    _home: Option<tempfile::TempDir>,
}

impl Shop {
    /// Two crates, committed; none where there is no git, which is noted.
    pub fn new() -> Option<Shop> {
        if !slow::has("git") {
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("shop");
        for (path, text) in [
            // What is not committed is ignored: keys and copies do not make the tree dirty.
            (".gitignore", "*\n"),
            (
                "Cargo.toml",
                "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
                 [workspace]\nmembers = [\"till\"]\n[features]\ndefault = [\"plain\"]\nplain = []\nextra = []\nrare = []\n\
                 [dependencies]\ntill = { path = \"till\" }\n",
            ),
            (
                "src/main.rs",
                "mod shelf;\nfn main() { println!(\"shop {}\", till::count() + shelf::LEN); }\n",
            ),
            ("src/shelf.rs", "pub const LEN: usize = 40;\n"),
            (
                "till/Cargo.toml",
                "[package]\nname = \"till\"\nversion = \"0.2.0\"\nedition = \"2021\"\n",
            ),
            ("till/src/lib.rs", "pub fn count() -> usize { std::env::args().count() }\n"),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let shop = Shop { root, _home: Some(home) };
        success(&mut shop.command(env!("CARGO"), &["generate-lockfile", "--offline"]));
        for words in [&["init", "-q"][..], &["add", "-A", "-f"], &["commit", "-q", "-m", "shop"]] {
            success(&mut shop.git(words));
        }
        Some(shop)
    }

    /// The same commit in another directory.
    pub fn cloned(&self) -> Shop {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("elsewhere/of/another/depth");
        success(&mut self.git(&["clone", "-q", ".", root.to_str().unwrap()]));
        Shop { root, _home: Some(home) }
    }

    pub fn git(&self, words: &[&str]) -> Command {
        let mut command =
            self.command("git", &["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        command.args(words);
        command
    }

    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = run::command(program);
        command.current_dir(&self.root).args(words);
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        command
    }

    pub fn binlint(&self, words: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_cargo-binlint"), words)
    }

    /// `build --release` with more words; it succeeds.
    pub fn build(&self, words: &[&str]) -> Output {
        let mut all = vec!["build", "--release", "--offline", "--no-check"];
        all.extend(words);
        success(&mut self.binlint(&all))
    }

    /// `verify` with these words.
    pub fn verify(&self, words: &[&str]) -> Verified {
        let mut all = vec!["verify", "--format", "json"];
        all.extend(words);
        Verified::of(&self.binlint(&all).output().unwrap())
    }

    pub fn program(&self) -> PathBuf {
        self.root.join("target/release/shop")
    }

    pub fn record(&self) -> PathBuf {
        self.root.join("target/release/shop.intoto.jsonl")
    }

    pub fn path(&self, name: &str) -> String {
        self.root.join(name).to_str().unwrap().to_owned()
    }

    /// A key pair of openssl's making: the private key's path, the public one's.
    pub fn keys(&self, name: &str, algorithm: &[&str]) -> (String, String) {
        let (secret, public) =
            (self.path(&format!("{name}.pem")), self.path(&format!("{name}.pub")));
        let mut words = vec!["genpkey", "-out", &secret];
        words.extend(algorithm);
        success(&mut self.command("openssl", &words));
        success(
            &mut self.command("openssl", &["pkey", "-in", &secret, "-pubout", "-out", &public]),
        );
        (secret, public)
    }
}

/// How `openssl genpkey` is told which key to make.
pub const ALGORITHMS: [(&str, &[&str]); 2] = [
    ("ed25519", &["-algorithm", "ed25519"]),
    ("p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
];

/// What `verify` answered.
#[derive(Debug)]
pub struct Verified {
    pub code: i32,
    /// `rule level outcome: message; evidence` of every failed outcome, and standard error.
    pub said: String,
    /// Rules that failed.
    pub failed: Vec<String>,
}

impl Verified {
    fn of(output: &Output) -> Verified {
        let code = output.status.code().unwrap();
        let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut failed = Vec::new();
        if code == 2 {
            assert!(output.stdout.is_empty(), "a report and a failure");
            assert_eq!(said.lines().count(), 1, "one line: {said}");
            return Verified { code, said, failed };
        }
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        for outcome in report["subjects"][0]["outcomes"].as_array().unwrap() {
            if outcome["outcome"] == "fail" {
                failed.push(outcome["rule"].as_str().unwrap().to_owned());
                said += &outcome.to_string();
            }
        }
        Verified { code, said, failed }
    }
}

pub fn success(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
    output
}

/// Debian trixie with one package more, unpacked; bookworm has neither cosign nor upx.
pub struct Trixie(PathBuf);

impl Trixie {
    /// None where what is fetched is left out.
    pub fn with(package: &str) -> Option<Trixie> {
        if slow::is_left_out(Need::Network) {
            return None;
        }
        static FETCHING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _one_at_a_time = FETCHING.lock().unwrap_or_else(|error| error.into_inner());
        let root = cache::directory("").join(format!("trixie-{package}"));
        if !root.join("complete").is_file() {
            let _ = fs::remove_dir_all(&root);
            let packages = ["libc6", package];
            let output =
                debian::mmdebstrap("extract", "trixie", &packages, &root, &[]).output().unwrap();
            assert!(output.status.success(), "Debian's {package} could not be fetched");
            fs::write(root.join("complete"), "").unwrap();
        }
        Some(Trixie(root))
    }

    /// A program of that root, run by its own loader and libraries.
    pub fn command(&self, program: &str) -> Command {
        let libraries = self.0.join("usr/lib/x86_64-linux-gnu");
        let mut command = run::command(libraries.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(&libraries).arg(self.0.join("usr/bin").join(program));
        command
    }
}

/// Python with the reference libraries, in an environment of its own; None where what is fetched is
/// left out.
pub fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    if slow::is_left_out(Need::Network) {
        return None;
    }
    let made = PYTHON.get_or_init(|| {
        let home = cache::directory("").join("attest-venv");
        let python = home.join("bin/python");
        if !home.join("complete").is_file() {
            let run = |program: &Path, words: &[&str]| {
                let output = run::command(program).args(words).output();
                output.is_ok_and(|output| output.status.success())
            };
            let packages =
                ["-m", "pip", "install", "-q", "securesystemslib[crypto]", "in-toto-attestation"];
            let made = run(Path::new("python3"), &["-m", "venv", home.to_str().unwrap()])
                && run(&python, &packages);
            assert!(made, "securesystemslib and in-toto-attestation could not be installed");
            fs::write(home.join("complete"), "").unwrap();
        }
        python
    });
    Some(made)
}
