//! What scripts come to.

use super::*;

fn followed(text: &str) -> Vec<String> {
    let variables =
        [("A", "x"), ("E", "")].map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
    let start = ShellStart {
        variables: Arc::new(variables.into_iter().collect()),
        directory: Some("/app".to_owned()),
        ..ShellStart::default()
    };
    let script = follow(&CleanText::verbatim(text, 0), &start);
    let show = |command: &RanCommand| {
        let words: Vec<&str> =
            command.arguments.iter().map(|it| it.value.as_deref().unwrap_or("?")).collect();
        let directory = command.directory.as_deref().unwrap_or("?");
        let mask = command.masked.map(|it| format!(" {it:?}")).unwrap_or_default();
        format!(
            "{directory}{}{mask}: {}",
            if command.conditional { "?" } else { "" },
            words.join(" ")
        )
    };
    script.commands.iter().map(show).collect()
}

#[test]
fn commands_are_followed_through_branches_loops_and_directories() {
    for (text, expected) in [
        ("cd a && b $A", &["/app: cd a", "/app/a: b x"] as &[&str]),
        ("(cd a; b); c", &["/app Followed: cd a", "/app/a Followed: b", "/app: c"]),
        ("b || true", &["/app OrSucceeds: b", "/app?: true"]),
        ("b && c || :", &["/app OrSucceeds: b", "/app OrSucceeds: c", "/app?: :"]),
        ("b || exit 1", &["/app: b", "/app?: exit 1"]),
        ("b | tee l", &["/app Piped: b", "/app: tee l"]),
        (
            "set -eo pipefail; b | tee l; c",
            &["/app Followed: set -eo pipefail", "/app: b", "/app: tee l", "/app: c"],
        ),
        ("if [ \"$A\" = x ]; then b; else c; fi", &["/app Tested: [ x = x ]", "/app: b"]),
        ("if [ -f y ]; then b; else c; fi", &["/app Tested: [ -f y ]", "/app?: b", "/app?: c"]),
        (
            "[ -z \"$E\" ] && b; [ -n \"$E\" ] && c; d",
            &["/app Followed: [ -z  ]", "/app Followed: b", "/app Followed: [ -n  ]", "/app: d"],
        ),
        ("for i in 1 2; do b $i; done", &["/app: b 1", "/app: b 2"]),
        ("for i in *.rs; do b $i; done", &["/app?: b ?"]),
        ("case $A in y) b;; x|z) c;; esac", &["/app: c"]),
        (
            "case $U in y) T=1; b $T;; *) T=2; b $T;; esac; c $T",
            &["/app? Followed: b 1", "/app? Followed: b 2", "/app: c ?"],
        ),
        ("R=1 env B=2 sudo -E cargo build", &["/app: cargo build"]),
        ("bash -euxo pipefail -c 'b | c'", &["/app: b", "/app: c"]),
        ("f() { b; }; f", &["/app: b"]),
        ("touch $(find .)", &["/app Tested: find .", "/app: touch ?"]),
        ("exit 0; b", &["/app Followed: exit 0"]),
        ("X=\"a b\"; c $X \"$X\"", &["/app: c a b a b"]),
        ("{ b; } > f", &["/app: ", "/app: b"]),
    ] {
        assert_eq!(followed(text), expected, "{text}");
    }
}
