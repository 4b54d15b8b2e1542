//! Hostile texts in every string of a finding, through every format: one finding stays one finding.

use serde_json::Value;

use super::*;
use crate::binary::Binary;
use crate::rule::{Finding, Location};
use crate::rules;

/// Control bytes, line ends, markup of every kind, and commands of logs.
const TEXTS: &[&str] = &[
    "\u{1b}[2J\u{7}\u{0}\u{9b}x\u{202e}y",
    "a\nb\r\nc\rd\u{85}e\u{2028}f",
    "\n::error file=a::b\n::set-output name=a::b\n##[error]x",
    "</failure></testcase><testcase name='x'/><!-- ]]> -->&amp;&#0;",
    "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"' onmouseover='x",
    "```\n# x\n| a | b |\n[x](javascript:y) ![z](w) <!-- -->",
    "\",\"fingerprint\":\"0\"}]}",
    "%0A::error::x%25,line=7:title=z",
    "\u{ffff}\u{fffe}\u{feff}",
];

/// One program with one denied finding in which every text is this one.
fn report(text: &str) -> Report {
    let mut finding = Finding::new(
        Location::Line { path: format!("src/{text}"), line: 3, column: 2, text: text.to_owned() },
        text,
    )
    .evidence(text);
    finding.fix = Some(text.to_owned());
    let binary =
        Binary { path: text.to_owned(), notes: vec![text.to_owned()], ..Binary::default() };
    let facts = Facts { binary: Some(binary), ..Facts::default() };
    let of = |index: usize, outcome| RuleResult {
        rule: rules::ALL[index],
        level: Level::Deny,
        outcome,
        waiver: None,
    };
    let results = vec![
        of(0, finding.into()),
        of(1, Outcome::pass(text.to_owned())),
        of(2, Outcome::open(text.to_owned(), text.to_owned())),
        of(3, Outcome::not_applicable(text.to_owned())),
        RuleResult {
            waiver: Some(AppliedWaiver { reason: text.to_owned(), place: text.to_owned() }),
            ..of(4, Finding::new(Location::ImagePath(text.to_owned()), text).into())
        },
    ];
    Report {
        subjects: vec![SubjectReport { name: text.to_owned(), facts, results }],
        notes: vec![text.to_owned()],
        expired_waivers: vec![text.to_owned()],
        base: base::Base { cwd: "/w".into(), ..base::Base::default() },
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// No control byte but newline and tab, and no line over the limit.
fn is_printable(name: &str, text: &str) {
    let hidden = |it: &char| !"\n\t".contains(*it) && crate::escape::is_hidden(*it);
    assert_eq!(text.chars().find(hidden), None, "{name}: {text}");
    let is_command = |it: &str| it.trim_start().starts_with("::") || it.contains("##[");
    match name {
        "github" => assert!(!text.contains("##["), "{text}"),
        _ => assert!(!text.lines().any(is_command), "{name}: {text}"),
    }
}

#[test]
fn annotations_are_one_line_a_finding() {
    for text in TEXTS {
        let page = written(|to| github::write(&report(text), false, to));
        is_printable("github", &page);
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines.len(), 3, "the finding, the note, the summary: {page}");
        let properties = lines[0].strip_prefix("::error file=").unwrap();
        let (properties, message) = properties.split_once("::").unwrap();
        let names: Vec<&str> = properties.split(',').skip(1).collect();
        assert_eq!(names[..2], ["line=3", "col=2"], "{page}");
        assert_eq!(names[2], format!("title={}", rules::ALL[0].id), "{page}");
        assert!(!message.is_empty() && lines.iter().all(|it| it.len() <= 2000), "{page}");
        assert!(lines[1..].iter().all(|it| !it.starts_with("::")), "{page}");
    }
    // However long the texts are.
    let page = written(|to| github::write(&report(&"é%".repeat(4000)), false, to));
    assert!(page.lines().count() == 3 && page.lines().all(|it| it.len() <= 2000), "{page}");
}

#[test]
fn documents_of_json_have_one_entry_a_finding() {
    for text in TEXTS {
        let of = |page: &str| -> Value { serde_json::from_str(page).unwrap() };
        let page = written(|to| gitlab::write(&report(text), to));
        is_printable("gitlab", &page);
        assert_eq!(of(&page).as_array().unwrap().len(), 1, "{page}");
        let page = written(|to| sarif::write(&report(text), to));
        is_printable("sarif", &page);
        let results = of(&page)["runs"][0]["results"].clone();
        assert_eq!(results.as_array().unwrap().len(), 1, "{page}");
        let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let uri = uri.as_str().unwrap();
        let is_uri = |it: u8| it.is_ascii_alphanumeric() || b"-._~/%@+,=".contains(&it);
        assert!(uri.bytes().all(is_uri) && uri.starts_with("src/"), "{uri}");
        let page = written(|to| json::write(&report(text), to));
        is_printable("json", &page);
        let outcomes = of(&page)["subjects"][0]["outcomes"].clone();
        assert_eq!(outcomes[0]["findings"][0]["message"], **text, "as it is: {page}");
    }
}

/// The names of the elements in the order in which they open; fails on what is no XML.
fn elements(page: &str) -> Vec<String> {
    let (mut names, mut open) = (Vec::new(), Vec::<String>::new());
    for tag in page.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap_or_else(|| panic!("no end: {tag}"));
        assert!(!text.contains("]]>"), "{text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{page}");
        } else if !tag.starts_with('?') && !tag.starts_with('!') {
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split(|it: char| it.is_whitespace() || it == '/').next().unwrap();
            names.push(name.to_owned());
            if !tag.ends_with('/') {
                open.push(name.to_owned());
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    names
}

#[test]
fn junit_has_one_case_a_finding() {
    let plain = elements(&written(|to| junit::write(&report("plain"), false, to)));
    assert_eq!(plain.iter().filter(|it| *it == "failure").count(), 1);
    for text in TEXTS {
        let page = written(|to| junit::write(&report(text), false, to));
        is_printable("junit", &page);
        assert_eq!(elements(&page), plain, "{page}");
    }
}

#[test]
fn the_page_has_the_same_elements_whatever_the_texts_are() {
    let shape = |text: &str| {
        let page = written(|to| html::write(&report(text), false, to));
        is_printable("html", &page);
        // Elements that have no end.
        let page = page.replace("<br>", "").replace("<meta ", "<!meta ");
        elements(&page)
    };
    let plain = shape("plain");
    assert_eq!(plain.iter().filter(|it| *it == "article").count(), 1);
    assert_eq!(plain.iter().filter(|it| *it == "script").count(), 1);
    for text in TEXTS {
        assert_eq!(shape(text), plain, "{text:?}");
    }
}

#[test]
fn the_page_asks_for_nothing_and_runs_nothing_else() {
    let page = written(|to| html::write(&report("plain"), false, to));
    for outside in
        ["src=", "url(", "@import", "<link", "<iframe", "http://", " style=", " onclick="]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
}

#[test]
fn markdown_has_one_heading_a_finding() {
    let shape = |page: &str| -> Vec<String> {
        let mut fence: Option<String> = None;
        let mut shape = Vec::new();
        for line in page.lines() {
            match &fence {
                Some(end) if line == end => fence = None,
                Some(_) => {}
                None if line.starts_with("```") => {
                    fence = Some(line.trim_end_matches("text").to_owned());
                }
                None => {
                    // What begins a heading, a row, a list or a quote, and the row's cells.
                    let first = line.split(' ').next().unwrap_or_default();
                    let first = if first.starts_with(['#', '|', '-', '>']) { first } else { "" };
                    let cells = line.replace("\\|", "").matches('|').count();
                    shape.push(format!("{first} {cells}"));
                }
            }
        }
        assert_eq!(fence, None, "{page}");
        shape
    };
    let plain = shape(&written(|to| markdown::write(&report("plain"), false, to)));
    for text in TEXTS {
        let page = written(|to| markdown::write(&report(text), false, to));
        is_printable("markdown", &page);
        assert_eq!(shape(&page), plain, "{page}");
        for sign in ["<script", "<img", "<!--", "[x](", "![z]"] {
            let outside = page.lines().filter(|it| !it.starts_with("```")).any(|it| {
                it.contains(sign)
                    && (it.starts_with("- ") || it.starts_with('#') || it.starts_with('|'))
            });
            assert!(!outside, "{sign}: {page}");
        }
    }
}

#[test]
fn the_table_has_the_same_number_of_findings() {
    let style = table::Style {
        width: 100,
        terminal: false,
        colour: false,
        detail: table::Detail::Verbose,
        strict: false,
    };
    for text in TEXTS {
        let page = written(|to| table::write(&report(text), style, to));
        is_printable("table", &page);
        assert_eq!(page.matches("see: cargo binlint explain").count(), 2, "{page}");
    }
}
