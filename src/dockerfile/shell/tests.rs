//! Scripts of all forms, and what is none.

use super::*;

/// The commands of a script, each as its literal words, wherever they stand.
fn commands(text: &str) -> Vec<String> {
    fn walk(nodes: &[ShellNode], to: &mut Vec<String>) {
        for node in nodes {
            match node {
                ShellNode::Simple(simple) => {
                    let words = simple.words.iter().map(|word| {
                        for part in &word.parts {
                            if let WordPart::Command(nodes) = part {
                                walk(nodes, to);
                            }
                        }
                        word.literal().unwrap_or_else(|| "?".to_owned())
                    });
                    let words: Vec<String> = words.collect();
                    to.push(words.join(" "));
                }
                ShellNode::Pipe(items) => walk(items, to),
                ShellNode::AndOr(first, rest) => {
                    walk(std::slice::from_ref(first), to);
                    rest.iter().for_each(|(_, node)| walk(std::slice::from_ref(node), to));
                }
                ShellNode::Group(nodes, _)
                | ShellNode::Subshell(nodes, _)
                | ShellNode::Function(_, nodes) => {
                    walk(nodes, to);
                }
                ShellNode::If(branches, otherwise) => {
                    for (condition, body) in branches {
                        walk(condition, to);
                        walk(body, to);
                    }
                    walk(otherwise, to);
                }
                ShellNode::For(_, _, body) => walk(body, to),
                ShellNode::While(condition, body) => {
                    walk(condition, to);
                    walk(body, to);
                }
                ShellNode::Case(_, arms) => arms.iter().for_each(|(_, body)| walk(body, to)),
                ShellNode::Background(node) => walk(std::slice::from_ref(node), to),
            }
        }
    }
    let mut all = Vec::new();
    walk(&parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}")), &mut all);
    all
}

#[test]
fn commands_are_found_in_every_form() {
    for (text, expected) in [
        ("a b && c || d; e & f", &["a b", "c", "d", "e", "f"] as &[&str]),
        ("set -e;cargo build", &["set -e", "cargo build"]),
        ("(cd x && make) | tee log 2>&1", &["cd x", "make", "tee log"]),
        ("if [ -f a ]; then b; elif c; then d; else e; fi", &["[ -f a ]", "b", "c", "d", "e"]),
        ("for i in a b; do echo $i; done && x", &["echo ?", "x"]),
        ("while read l; do a; done < f; until b; do c; done", &["read l", "a", "b", "c"]),
        (
            "case \"$A\" in amd64|x86) a ;; (arm64) b;; *) exit 1 ;; esac; z",
            &["a", "b", "exit 1", "z"],
        ),
        ("f() { a; }; function g { b; }; f", &["a", "b", "f"]),
        ("echo 'it'\\''s' \"a \\\"b\\\"\" x\\ y", &["echo it's a \"b\" x y"]),
        ("touch $(find . -name '*.rs') `ls x`", &["find . -name *.rs", "ls x", "touch ? ?"]),
        ("x=$(case a in a) b;; esac) && c", &["", "c"]),
        ("cat <<EOF > f\nnot a command; really\nEOF\nls", &["cat", "ls"]),
        ("cat <<-'A' <<B\nx\n\tA\ny\nB\nls", &["cat", "ls"]),
        ("[[ $a == b && $c < d ]] && x", &["[[", "x"]),
        ("a=(1 2) b # comment; not this\nc", &["b", "c"]),
        (
            "diff <(a) >(b) | (( 1 + (2) )) ; for ((i=0;i<2;i++)); do c; done",
            &["diff ? ?", "", "c"],
        ),
        ("echo ${A:-\"b c\"}/${B%%-*}$((1<<2)) ${#A} $? $$", &["echo ? ? ? ?"]),
        ("! a && time b; { c; } > d", &["a", "b", "c"]),
        ("a\\\n b; echo a#b", &["a b", "echo a#b"]),
        ("echo fi done; echo }", &["echo fi done", "echo }"]),
    ] {
        assert_eq!(commands(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_script_is_refused_with_its_place() {
    for (text, offset) in [
        ("a && ", 5),
        ("if a; then b", 12),
        ("a )", 2),
        ("echo 'x", 5),
        ("echo \"x", 5),
        ("a | | b", 4),
        ("for i in a; b; done", 12),
        ("echo $(a", 8),
    ] {
        assert_eq!(parse(text).map_err(|error| error.offset), Err(offset), "{text}");
    }
}

#[test]
fn no_depth_exhausts_the_stack() {
    for (open, close) in [("(", ")"), ("$(", ")"), ("{ ", "; }"), ("${a:-", "}"), ("if ", "")] {
        let text = format!("a {}b{}", open.repeat(100_000), close.repeat(100_000));
        let other = format!("{}b{}", open.repeat(100_000), close.repeat(100_000));
        for text in [text, other] {
            let _ = parse(&text);
        }
    }
}

#[test]
fn a_long_line_costs_linear_time() {
    let text = "echo a && ".repeat(50_000) + "b";
    let start = std::time::Instant::now();
    assert!(parse(&text).is_ok());
    assert!(start.elapsed().as_secs() < 10);
}

/// What dash accepts is accepted, and what it refuses is refused.
#[test]
fn dash_agrees_on_what_a_script_is() {
    let dash = |text: &str| {
        let output = std::process::Command::new("sh").args(["-n", "-c", text]).output();
        output.ok().map(|it| it.status.success())
    };
    for text in [
        "a; b",
        "a;; b",
        "a && && b",
        "(a",
        "a)",
        "{ a; }",
        "{ a }",
        "if a; then b; fi",
        "if a; fi",
        "case a in b) c;; esac",
        "case a in b) c",
        "for i in 1 2; do a; done",
        "while a; done",
        "a | b",
        "| b",
        "a > b",
        "a >",
        "echo 'a",
        "f() { a; }",
        "a & b",
        "a &; b",
        "$(a",
        "`a`",
        "a || b && c",
        "! a",
        "echo \"$(echo \"x\")\"",
        "cat <<E\nx\nE",
        "then",
        "a > b c > d",
    ] {
        let Some(expected) = dash(text) else { return };
        assert_eq!(parse(text).is_ok(), expected, "{text}");
    }
}
