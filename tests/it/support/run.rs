//! Every program that a test runs, in an environment that configures nothing: what the developer's
//! shell, a CI service or the cargo around the tests sets decides no test.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use proc_macro2::TokenTree;

/// Who the user is, where the tools are, and how this machine reaches others.
const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
];

/// Where packages come from, and what the tests themselves are told.
const ALLOWED_BEGINNINGS: &[&str] = &[
    "BINLINT_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "RUSTUP_DIST_",
    "RUSTUP_UPDATE_",
    "PIP_",
    "NPM_CONFIG_",
    "npm_config_",
];

/// Whether a variable of the test's own environment reaches the programs that it runs.
pub fn is_allowed(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    ALLOWED.contains(&name) || ALLOWED_BEGINNINGS.iter().any(|it| name.starts_with(it))
}

/// A program in that environment.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_allowed(name)));
    command
}

/// The same without the network: what a build needs of the registry is in our own lockfile.
pub fn offline(program: impl AsRef<OsStr>) -> Command {
    let mut command = command(program);
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_INCREMENTAL", "0");
    command
}

/// cargo sets `CARGO_MANIFEST_DIR` for every test: it stands for all that nobody allowed.
#[test]
fn what_is_set_around_the_tests_reaches_no_program() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let said = command("env").output().expect("coreutils are there").stdout;
    let said = String::from_utf8_lossy(&said);
    let names: Vec<&str> = said.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    assert!(!names.contains(&"CARGO_MANIFEST_DIR"), "{names:?}");
    for name in ["CI", "GITHUB_ACTIONS", "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LC_ALL"] {
        assert!(!is_allowed(name.as_ref()), "{name}");
    }
    for name in ["HOME", "BINLINT_SLOW", "CARGO_REGISTRIES_OURS_INDEX"] {
        assert!(is_allowed(name.as_ref()), "{name}");
    }
}

/// A test that starts a program in another way works on the machine where it was written.
#[test]
fn every_test_starts_its_programs_here() {
    let mut folders = vec![PathBuf::from("tests/it")];
    let mut others = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("the sources are there") {
            let path = entry.expect("it is listed").path();
            let is_source = path.extension().is_some_and(|it| it == "rs");
            if path.is_dir() {
                folders.push(path);
            } else if is_source && !path.ends_with("support/run.rs") {
                let text = std::fs::read_to_string(&path).expect("a source is text");
                let tokens = text.parse().expect("a source has tokens");
                others.extend(starts_a_program(tokens).then_some(path));
            }
        }
    }
    assert!(others.is_empty(), "{others:?}: `support::run` starts programs");

    let starts = |text: &str| starts_a_program(text.parse().unwrap());
    assert!(starts("fn f() { g(std::process::Command::new(\"sh\")) }"));
    assert!(starts("fn f() { [\"sh\"].map(Command::new); }"));
    assert!(!starts("const TEXT: &str = \"Command::new()\"; // Command::new()"));
    assert!(!starts("fn f() -> Command { run::command(\"sh\") }"));
}

fn starts_a_program(tokens: proc_macro2::TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |token: &TokenTree, word| matches!(token, TokenTree::Ident(it) if it == word);
    let starts = |it: &[TokenTree]| is(&it[0], "Command") && is(&it[3], "new");
    let within =
        |it: &TokenTree| matches!(it, TokenTree::Group(it) if starts_a_program(it.stream()));
    tokens.windows(4).any(starts) || tokens.iter().any(within)
}
