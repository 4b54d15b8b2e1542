//! Completions and manual pages, read by the shells and by `man`.

use std::fs;
use std::path::Path;

use crate::support::docker::{success, text};
use crate::support::run;
use crate::support::slow;

const LINTER: &str = env!("CARGO_BIN_EXE_cargo-binlint");

/// A shell, the file of its completions, and what prints the completions of `cargo-binlint verif`.
const SHELLS: &[(&str, &str)] = &[
    (
        "bash",
        "source ./script; COMP_WORDS=(cargo-binlint verif); COMP_CWORD=1; \
         $(complete -p cargo-binlint | sed 's/.*-F \\([^ ]*\\).*/\\1/') cargo-binlint verif cargo-binlint; \
         printf '%s\\n' \"${COMPREPLY[@]}\"",
    ),
    (
        "zsh",
        "autoload -U compinit; compinit -u -D; source ./script; \
         compadd() { return 0; }; _describe() { shift; [ \"$1\" = commands ] && shift; \
         print -l ${(P)@[-1]} ${(P)1}; }; _cargo-binlint_commands",
    ),
    ("fish", "source ./script; complete -C 'cargo-binlint verif'"),
];

fn script(shell: &str, to: &Path) {
    let output = success(run::command(LINTER).args(["completions", shell]));
    fs::write(to.join("script"), output.stdout).unwrap();
}

#[test]
fn the_shells_complete_a_command() {
    for (shell, line) in SHELLS {
        if !slow::has(shell) {
            continue;
        }
        let place = tempfile::tempdir().unwrap();
        script(shell, place.path());
        let mut typed = run::command(shell);
        typed.args(["-c", line]).current_dir(place.path()).env("HOME", place.path());
        let said = text(&success(&mut typed));
        let words: Vec<&str> = said.split_whitespace().collect();
        let is_there = words.iter().any(|it| *it == "verify" || it.starts_with("verify:"));
        assert!(is_there, "{shell}: {said}");
        let of_others = words.contains(&"freshen");
        assert!(*shell == "zsh" || !of_others, "{shell} completes what was not begun: {said}");
    }
}

/// No PowerShell runs here: its script is held against the names of the commands alone.
#[test]
fn the_script_for_powershell_has_the_commands() {
    let place = tempfile::tempdir().unwrap();
    script("powershell", place.path());
    let script = fs::read_to_string(place.path().join("script")).unwrap();
    assert!(script.contains("Register-ArgumentCompleter"));
    assert!(script.contains("'cargo-binlint;verify'"));
}

#[test]
fn a_shell_that_is_unknown_is_an_error_in_one_line() {
    let output = run::command(LINTER).args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("bash"), "{said}");
}

#[test]
fn man_shows_the_pages() {
    if !slow::has("man") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for (command, words) in [(None, "freshen"), (Some("verify"), "--manifest-path")] {
        let mut linter = run::command(LINTER);
        let page = success(linter.arg("man").args(command));
        let path = place.path().join("cargo-binlint.1");
        fs::write(&path, page.stdout).unwrap();
        let mut man = run::command("man");
        // `--warnings` makes groff say what it does not understand.
        man.args(["--warnings=w", "--local-file"]).arg(&path).env("MANPAGER", "cat");
        let shown = success(man.env("LC_ALL", "C").env("MANWIDTH", "100"));
        let said = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(said.contains(words), "{command:?}: {said}");
        assert!(said.contains("NAME") && said.contains("OPTIONS"), "{said}");
        assert_eq!(String::from_utf8_lossy(&shown.stderr), "", "{command:?}");
    }
    let none = run::command(LINTER).args(["man", "verfy"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2));
}
