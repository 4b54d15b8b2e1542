//! What short scripts come to.

use crate::start::command::shell::*;

fn run(text: &str) -> ScriptResult {
    let variables = [("BIN", "/opt/app"), ("OPTS", "-a  -b")];
    let variables =
        variables.map(|(name, value)| (name.to_owned(), ShellVariable::exported(value))).into();
    let arguments = ["entry.sh", "serve", "two words"].map(str::to_owned);
    read(text, &variables, &arguments)
}

#[test]
fn the_last_command_of_a_plain_line_is_what_runs() {
    for (text, want) in [
        ("app --flag", "app|--flag"),
        ("exec app 'a b' \"c d\" e\\ f", "app|a b|c d|e f"),
        ("$BIN $OPTS \"$OPTS\"", "/opt/app|-a|-b|-a  -b"),
        ("RUST_LOG=debug exec ${BIN}d", "/opt/appd"),
        ("exec ${OTHER:-/bin/other} x", "/bin/other|x"),
        ("set -e\n# words; $(x)\nexec \"$@\"", "serve|two words"),
        ("set -eu; migrate && exec app >/log 2>&1", "app"),
        ("NAME=/usr/bin/x\n$NAME \"$1\"", "/usr/bin/x|serve"),
        ("app '#!' # comment", "app|#!"),
        ("set -- /opt/app \"$@\"\nexec \"$@\"", "/opt/app|serve|two words"),
        ("set -eo pipefail; shift; exec app \"$@\"", "app|two words"),
        ("exec -a name app", "app"),
        ("time app x", "app|x"),
        ("$NOWHERE app", "app"),
        ("unset OPTS; exec app $OPTS", "app"),
        ("shift 18446744073709551615; exec app \"$@\"", "app"),
        ("cd /srv || exit 1\nexec app", "app"),
    ] {
        let ScriptResult::Runs(ExecCall { words, .. }) = run(text) else {
            panic!("{text}: {:?}", run(text))
        };
        assert_eq!(words.join("|"), want, "{text}");
    }
}

#[test]
fn a_cd_moves_what_follows() {
    let ScriptResult::Runs(ran) = run("cd /srv && cd app && ./run") else { panic!() };
    assert_eq!((&*ran.words.join(" "), ran.directory.as_deref()), ("./run", Some("/srv/app")));
    assert_eq!(ran.doubt, None);
}

#[test]
fn a_command_may_give_up_with_a_code_of_the_shell() {
    for (text, code) in
        [("curl -f x || exit 3", Some(3)), ("curl x ||false", Some(1)), ("curl x", None)]
    {
        let ScriptResult::Runs(ran) = run(text) else { panic!("{text}") };
        assert_eq!((&*ran.words[0], ran.exit_code_on_failure), ("curl", code), "{text}");
    }
}

#[test]
fn what_cannot_be_told_is_unknown() {
    for text in [
        "app | tee log",
        "exec $(which app)",
        "`x`",
        "a || b",
        "a || exit 0",
        "a || { exit 1; }",
        "if true; then app; fi",
        "app *.toml",
        "app &",
        "f() { x; }",
        "'open",
        // What a test, the run or the shell itself decides.
        "[ -x /custom ] && exec /custom; exec app",
        "command -v wrap >/dev/null && exec wrap app",
        "[ -n \"$X\" ] && set -- serve; exec \"$@\"",
        "[ -d /x ] && cd /x; exec ./app",
        "exec /opt/$ROLE",
        "read NAME < /etc/name; exec $BIN/$NAME",
        "alias s=app; s",
        "app; unset X; declare X=1; pushd /; popd",
        "app; let x=1",
        "exit 0",
        "exec ~user/app",
    ] {
        assert!(matches!(run(text), ScriptResult::Unknown(_)), "{text}: {:?}", run(text));
    }
    assert_eq!(run("# nothing\n\nX=1"), ScriptResult::Nothing);
}

#[test]
fn a_program_gets_what_is_exported() {
    let got = |text: &str, name: &str| match run(text) {
        ScriptResult::Runs(ran) => ran.variables.get(name).map(|it| it.value.clone()),
        other => panic!("{text}: {other:?}"),
    };
    let value = |text: &str| Some(Some(text.to_owned()));
    assert_eq!(
        got("export LD_LIBRARY_PATH=/opt/lib\nexec app", "LD_LIBRARY_PATH"),
        value("/opt/lib")
    );
    assert_eq!(got("L=/opt/lib; export L; app", "L"), value("/opt/lib"));
    assert_eq!(got("L=/opt/lib app", "L"), value("/opt/lib"));
    assert_eq!(got("L=/opt/lib; app", "L"), None);
    assert_eq!(got("BIN=$BIN/x; app", "BIN"), value("/opt/app/x"));
    assert_eq!(got("unset BIN; app", "BIN"), None);
    assert_eq!(got("[ -d /opt/lib ] && export L=/opt/lib; app", "L"), Some(None));
    assert_eq!(got("read L; export L; app", "L"), Some(None));
}

#[test]
fn what_ran_before_may_have_made_the_file() {
    let doubt = |text: &str| match run(text) {
        ScriptResult::Runs(ran) => ran.doubt.is_some(),
        other => panic!("{text}: {other:?}"),
    };
    assert!(doubt("cp /opt/app /tmp/run && exec /tmp/run"));
    assert!(doubt("chmod +x /opt/app\n/opt/app"));
    assert!(doubt(". /etc/env; exec app"));
    assert!(!doubt("mkdir -p /data; echo ready; exec app"));
    assert!(!doubt("[ -n \"$X\" ] && echo x; exec app"));
}

#[test]
fn a_script_that_doubles_what_it_has_ends_in_bounded_memory() {
    let doubled = |line: &str| format!("A=12345678\n{}exec app $A", line.repeat(40));
    for line in ["A=$A$A\n", "A=\"${A}$A\"\n", "set -- $A \"$@\" \"$@\"\n", "A=$A$A; cd $A\n"] {
        let answer = run(&doubled(line));
        assert!(
            matches!(&answer, ScriptResult::Unknown(why) if why.contains("variables")),
            "{line}"
        );
    }
    let many: String = (0..40_000).map(|it| format!("A{it}=1\n")).collect();
    let commands = "ls\n".repeat(100_000);
    assert!(matches!(run(&format!("{many}{commands}exec app")), ScriptResult::Unknown(_)));
    assert!(matches!(run(&"cd a\n".repeat(100_000)), ScriptResult::Unknown(_)));
    // An honest script of many lines stays far below.
    let honest = format!("A=$BIN\n{}exec \"$A\" \"$@\"", "mkdir -p /data/$A\n".repeat(500));
    assert!(matches!(run(&honest), ScriptResult::Runs(_)));
}
