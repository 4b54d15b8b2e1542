//! The house rules on the syntax tree: who may look into whom, and who may say what. Each wall is
//! broken here on purpose, and held by the twin that keeps to it.

use std::fs;
use std::path::Path;

mod check;
mod cycles;
mod names;
mod syntax;
mod table;

use check::broken;

#[test]
fn the_tree_keeps_to_its_walls() {
    let mut files = Vec::new();
    read_sources(Path::new("src"), &mut files);
    assert!(files.len() > 100, "only {} files", files.len());
    let mut broken = broken(&files);
    for (line, why) in table::EXCEPTIONS {
        let before = broken.len();
        broken.retain(|it| !it.starts_with(line));
        assert!(broken.len() < before, "nothing needs the exception {line:?} ({why}) any more");
    }
    assert!(
        broken.is_empty(),
        "{}\n{} in all; the walls are data in tests/it/house/walls/table.rs",
        broken.join("\n"),
        broken.len()
    );
}

/// A wall around a file that is gone would be silent about the next one of its name.
#[test]
fn who_is_named_in_the_walls_is_there() {
    let named = table::WORDS.iter().flat_map(|word| word.may).copied();
    for name in named.chain(table::MAY_LOOK_INTO.iter().map(|(part, _)| *part)) {
        let path = Path::new("src").join(name);
        assert!(
            table::NOT_YET.contains(&name) || path.is_dir() || path.with_extension("rs").is_file(),
            "src/{name} is not there"
        );
    }
}

/// Integration tests use what a user has: the command line and the facade.
#[test]
fn integration_tests_stay_outside() {
    let mut files = Vec::new();
    read_sources(Path::new("tests/it"), &mut files);
    files.retain(|(_, text)| looks_inside(text));
    let inside: Vec<&str> =
        files.iter().filter_map(|(path, _)| path.strip_prefix("tests/it/")).collect();
    let mut examples = Vec::new();
    read_sources(Path::new("examples"), &mut examples);
    let shown = examples.iter().find(|(_, text)| looks_inside(text));
    assert_eq!(shown.map(|(path, _)| path), None, "an example shows what a user has");
    let new: Vec<_> = inside.iter().filter(|it| !table::STILL_INSIDE.contains(it)).collect();
    assert!(new.is_empty(), "{new:?}: test it beside the code, or through the command line");
    let moved: Vec<_> = table::STILL_INSIDE.iter().filter(|it| !inside.contains(it)).collect();
    assert!(moved.is_empty(), "{moved:?} need no exception any more");
}

/// Whether a test names the door that is for fuzz targets and benches, as a step of any path.
fn looks_inside(text: &str) -> bool {
    let Ok(tokens) = text.parse::<proc_macro2::TokenStream>() else { return true };
    names_the_door(tokens)
}

fn names_the_door(tokens: proc_macro2::TokenStream) -> bool {
    use proc_macro2::TokenTree;
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == wanted);
    let named = |at: usize| matches!(&tokens[at], TokenTree::Ident(it) if it == "internals");
    let in_group = |at: usize| match &tokens[at] {
        TokenTree::Group(group) => names_the_door(group.stream()),
        _ => false,
    };
    // `binlint::internals`, `internals::binary` behind a glob, `{internals as inside}`.
    let is_step = |at: usize| {
        at > 0 && is(at - 1, ':')
            || is(at + 1, ':') && is(at + 2, ':')
            || matches!(tokens.get(at + 1), Some(TokenTree::Ident(it)) if it == "as")
    };
    (0..tokens.len()).any(|at| named(at) && is_step(at) || in_group(at))
}

#[test]
fn a_test_that_looks_inside_is_seen() {
    for inside in [
        "use binlint::internals::binary::Binary;",
        "use binlint::{Linter, internals::binary::Binary};",
        "use binlint::{internals as inside};",
        "use binlint as b; #[test] fn t() { b::internals::binary::parse(); }",
        "use binlint::*; fn t() { internals::binary::parse(); }",
        "m! { binlint :: internals :: binary }",
    ] {
        assert!(looks_inside(inside), "{inside}");
    }
    for outside in [
        "use binlint::Linter;\nlet internals = &record[\"internals\"];",
        "// binlint::internals\nconst TEXT: &str = \"binlint::internals\";",
    ] {
        assert!(!looks_inside(outside), "{outside}");
    }
}

fn read_sources(folder: &Path, files: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read_sources(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// What is wrong with these files.
fn wrong(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<(String, String)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    broken(&files)
}

/// One file is red, once for each of these texts, and says so in one line with this in it.
#[track_caller]
fn red(path: &str, says: &str, texts: &[&str]) {
    for text in texts {
        let broken = wrong(&[(path, text)]);
        assert!(broken.iter().any(|line| line.contains(says)), "{text}\nsays {broken:?}");
        assert!(broken.iter().all(|line| line.starts_with(path)), "{text}\nsays {broken:?}");
    }
}

#[track_caller]
fn green(path: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(wrong(&[(path, text)]), [""; 0], "{text}");
    }
}

// The four holes of a check that reads text.

#[test]
fn code_behind_the_first_test_item_is_seen() {
    let behind = "#[cfg(test)] mod tests { fn t() { std::fs::read(\"x\"); } }\n\
                  pub fn f() { std::fs::read(\"x\"); }";
    assert_eq!(
        wrong(&[("src/rule.rs", behind)]),
        ["src/rule.rs:2: `std::fs::read` says files"],
        "the test's own line is not meant"
    );
    red(
        "src/rule.rs",
        "says files",
        &[
            "#[cfg(test)] use std::fs as _;\nfn f() { std::fs::read(\"x\"); }",
            "#[cfg(not(test))] fn f() { std::fs::read(\"x\"); }",
            "#[cfg(any(test, unix))] fn f() { std::fs::read(\"x\"); }",
            "fn f() { #[cfg(test)] g(); std::fs::read(\"x\"); }",
        ],
    );
}

#[test]
fn grouped_imports_are_seen() {
    let into = |text: &str| wrong(&[("src/binary/elf.rs", text)]);
    let said = into("use crate::{fact::Fact, rootfs::Tree};");
    assert_eq!(said, ["src/binary/elf.rs:1: `binary` looks into `rootfs`: crate::rootfs::Tree"]);
    assert_eq!(into("use crate::{fact::{Fact, Evidence as E}, toolchain};"), [""; 0]);
    red(
        "src/rule.rs",
        "says files",
        &["use std::{path::Path, fs};", "use std::{os::unix::{ffi::OsStrExt, fs::symlink}};"],
    );
}

#[test]
fn questions_of_a_path_are_seen_as_methods() {
    for method in table::PATH_METHODS {
        let texts = [
            format!("fn f(path: &std::path::Path) {{ path.{method}(); }}"),
            format!(
                "use std::path::Path; fn f(paths: &[&Path]) {{ paths.iter().map(Path::{method}); }}"
            ),
            format!("fn f(path: &std::path::Path) {{ g!(x, path.{method}()); }}"),
            format!("fn f(path: P) {{ <std::path::Path>::{method}(path); }}"),
            format!("fn f(path: P) {{ camino::Utf8Path::{method}(path); }}"),
        ];
        for text in &texts {
            red("src/subject.rs", "says files", &[text]);
            green("src/cargo/fs.rs", &[text]);
        }
    }
    // The trait's methods take a path.
    green(
        "src/cargo/freshness.rs",
        &["fn f(fs: &F, path: &P) { fs.metadata(path); fs.exists(path); }"],
    );
}

#[test]
fn grouped_modules_of_std_are_seen() {
    let said = wrong(&[("src/config.rs", "use std::{fs, process};")]);
    assert_eq!(
        said,
        ["src/config.rs:1: `std::fs` says files", "src/config.rs:1: `std::process` says processes"]
    );
    green("src/config.rs", &["use std::{collections::{BTreeMap, BTreeSet}, fmt};"]);
}

// Other ways around.

#[test]
fn names_are_followed() {
    red(
        "src/rule.rs",
        "`std::fs::read` says files",
        &[
            "use std as s; fn f() { s::fs::read(\"x\"); }",
            "use std::{self as s}; fn f() { s::fs::read(\"x\"); }",
            "extern crate std as s; fn f() { s::fs::read(\"x\"); }",
            "use std::*; fn f() { fs::read(\"x\"); }",
            "fn f() { ::std::fs::read(\"x\"); }",
            "mod inner { pub use std::fs; } fn f() { inner::fs::read(\"x\"); }",
            "mod inner { use super::*; fn f() { fs::read(\"x\"); } } use std::fs;",
            "mod inner { fn f() { super::world::read(\"x\"); } } use std::fs as world;",
            "fn f() { let x: Vec<fn()> = vec![std::fs::read]; }",
            "macro_rules! m { () => { std::fs::read(\"x\") } }",
            "macro_rules! m { () => { use std::fs; fs::read(\"x\") } } fn f() { fs::read(\"x\") }",
            "impl T for U { fn f() { if std::fs::read(\"x\").is_ok() {} } }",
            "fn f() -> impl Fn() { use std::fs::read; read }",
        ],
    );
    red("src/rule.rs", "`std::*` says files", &["use std::*;"]);
    // What another part lets in is still the same.
    let lends = ("src/session/fs.rs", "pub use std::fs as disk;");
    let said = wrong(&[
        lends,
        ("src/cli/check.rs", "use crate::session::fs::disk; fn f() { disk::read(); }"),
    ]);
    assert!(
        said.iter().any(|it| it == "src/cli/check.rs:1: `std::fs::read` says files"),
        "{said:?}"
    );
    assert_eq!(wrong(&[lends]), [""; 0]);
    // Words that only look so.
    green(
        "src/rule.rs",
        &[
            "/// `std::fs::read`\nfn f() { let text = \"std::fs::read\"; } // std::fs",
            "mod fs { pub fn read() {} } fn f() { fs::read(); }",
            "pub(super) struct S { pub(in crate::rule) x: u8 }",
            "fn f(object: &O) -> usize { object.count(); let env = object; env }",
            "use std::path::{Path, PathBuf}; fn f(p: &Path) -> PathBuf { p.join(\"x\") }",
        ],
    );
}

#[test]
fn what_attributes_name_is_seen() {
    red(
        "src/config.rs",
        "`config` looks into `session`",
        &[
            "struct S { #[serde(with = \"crate::session::hex\")] x: u8 }",
            "struct S { #[serde(default = \"super::session::limit\")] x: u8 }",
            "struct S { #[arg(default_value_t = crate::session::LIMIT)] x: u8 }",
            "#[doc = concat!(\"x\", crate::session::words!())] struct S;",
            "#[cfg_attr(unix, serde(try_from = \"crate::session::Raw\"))] struct S;",
        ],
    );
    green(
        "src/config.rs",
        &[
            "struct S { #[serde(with = \"crate::fact::hex\", rename = \"session\")] x: u8 }",
            "#[doc = \"crate::session::check\"] struct S;",
            "#[error(\"crate::session of {0}\")] struct S;",
        ],
    );
}

#[test]
fn what_hides_code_is_refused() {
    red(
        "src/rule.rs",
        "hides code",
        &[
            "#[path = \"x.rs\"] mod y;",
            "#[cfg_attr(unix, path = \"x.rs\")] mod y;",
            "m! { #[path = \"x.rs\"] mod y; }",
            "macro_rules! m { ($name:ident) => { mod $name { use super::super::session; } } }",
            "macro_rules! m { ($a:ident) => { $a::fs::read(\"x\") } }",
            "macro_rules! m { ($a:ident) => { use $a::fs; } }",
            "extern crate self as root;",
            "macro_rules! m { () => { extern crate self as root; } }",
            "#[macro_use] mod y;",
            "#[cfg_attr(all(), macro_use)] mod y;",
            "fn f() { mod std { pub mod fs {} } } fn g() { std::fs::read(\"x\"); }",
            "struct core;",
            "type P = std::path::Path; fn f(p: &P) -> bool { P::exists(p) }",
        ],
    );
    red("src/lib.rs", "hides code", &["macro_rules! m { () => { crate::session::check() } }"]);
    red(
        "src/rule.rs",
        "says code of another file",
        &[
            "include!(\"x.rs\");",
            "std::include!(\"x.rs\");",
            "m! { include!(\"x.rs\"); }",
            "macro_rules! m { () => { include!(\"x.rs\"); } }",
            "use std::include as take; take!(\"x.rs\");",
        ],
    );
    green(
        "src/rule.rs",
        &[
            "const TEXT: &str = include_str!(\"x.txt\");",
            "macro_rules! m { ($a:ty) => { <$a>::new() } }",
            "macro_rules! m { ($a:ident) => { $a::parse() } } m!(elf);",
            "macro_rules! m { ($a:expr) => { $crate::fact::of($a) } }",
            "mod y { pub struct Standard; } type Names = Vec<String>;",
            "#[cfg_attr(docsrs, doc = \"a path, macro_use\")] fn f() {}",
        ],
    );
    red("src/lib/inner.rs", "beside the root", &["use crate::session;"]);
    assert_eq!(
        wrong(&[("src/binary/mod.rs", "")]),
        ["src/binary/mod.rs: modules are `foo.rs` beside `foo/`"]
    );
    let said = wrong(&[("src/rule.rs", "fn {")]);
    assert!(said.len() == 1 && said[0].starts_with("src/rule.rs: "), "{said:?}");
    red("src/nowhere.rs", "no wall knows the part `nowhere`", &["fn f() {}"]);
}

#[test]
fn tests_may_do_as_they_like() {
    green(
        "src/rule.rs",
        &[
            "#[cfg(test)] mod tests { use super::*; fn t() { std::fs::read(\"x\"); println!(); } }",
            "#[cfg(all(test, unix))] use std::process::Command;",
            "#[test] fn t() { std::path::Path::new(\"x\").exists(); }",
            "impl S { #[cfg(test)] fn t() { std::fs::read(\"x\"); } }",
            "struct S { #[cfg(test)] file: std::fs::File }",
            "fn f() { #[cfg(test)] let x = std::fs::read(\"x\"); }",
            "#![cfg(test)] use std::fs;",
        ],
    );
    let tests = [("src/rule.rs", "#[cfg(test)] mod tests;"), ("src/rule/tests.rs", "use std::fs;")];
    assert_eq!(wrong(&tests), [""; 0]);
    for declared in ["mod tests;", "#[cfg(test)] mod tests; #[cfg(not(test))] mod tests;"] {
        assert_eq!(
            wrong(&[("src/rule.rs", declared), tests[1]]),
            ["src/rule/tests.rs:1: `std::fs` says files"]
        );
    }
}

// The order.

#[test]
fn every_part_keeps_to_the_order() {
    for (part, allowed) in table::MAY_LOOK_INTO {
        for (other, _) in
            table::MAY_LOOK_INTO.iter().filter(|(it, _)| !["lib", "main"].contains(it))
        {
            let path = format!("src/{part}.rs");
            let is_root = ["lib", "main"].contains(part);
            let said = wrong(&[
                (&path, &format!("use crate::{other}::Thing;")),
                (&format!("src/{other}/thing.rs"), ""),
            ]);
            let may = part == other || allowed.contains(other) || is_root;
            assert_eq!(said.is_empty(), may, "{part} -> {other}: {said:?}");
        }
    }
    red(
        "src/binary/elf.rs",
        "`binary` looks into `session`",
        &[
            "fn f() { crate::session::check(); }",
            "fn f(x: &crate::session::Options) {}",
            "impl crate::session::Trait for X {}",
            "fn f() -> Vec<Option<crate::session::X>> { vec![] }",
            "use super::super::session::X;",
            "use crate::session::*;",
            "fn f() { let x = format!(\"{}\", crate::session::NAME); }",
            "#[derive(crate::session::Derive)] struct S;",
            "use crate as root; fn f() { root::session::check(); }",
            "fn f(x: X) { if let crate::session::X::A = x {} }",
            "macro_rules! m { () => { $crate::session::check() } }",
        ],
    );
    green(
        "src/session/check.rs",
        &["use crate::{cargo, binary::Binary, lint::lint, report::Report};"],
    );
}

#[test]
fn the_root_is_no_way_around() {
    let root = ("src/lib.rs", "mod fact; pub use crate::session::Options; pub struct Linter;");
    let options = ("src/session/options.rs", "pub struct Options;");
    let session = ("src/session.rs", "mod options; pub use options::Options;");
    let said = wrong(&[root, session, options, ("src/cargo.rs", "use crate::Options;")]);
    assert!(
        !said.is_empty() && said.iter().all(|it| it.contains("`cargo` looks into `session`")),
        "{said:?}"
    );
    let said = wrong(&[root, session, options, ("src/cli.rs", "use crate::Linter;")]);
    assert_eq!(said, ["src/cli.rs:1: `cli` looks into `lib`: crate::Linter"]);
    assert_eq!(wrong(&[root, session, options, ("src/cli.rs", "use crate::Options;")]), [""; 0]);
    assert_eq!(
        wrong(&[
            root,
            session,
            options,
            ("src/main.rs", "use binlint::cli::run; fn main() { run(std::env::args_os()); }")
        ]),
        [""; 0]
    );
}

// Circles.

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let mut lines = wrong(files);
    lines.retain(|line| line.ends_with(": a circle"));
    lines
}

#[test]
fn only_parent_and_child_know_each_other() {
    let parent = ("src/cargo/unit.rs", "mod a; mod b; pub struct Unit; fn f() { a::f(); b::f(); }");
    let a = |text| ("src/cargo/unit/a.rs", text);
    let b = |text| ("src/cargo/unit/b.rs", text);
    assert_eq!(
        circles(&[
            parent,
            a("use super::Unit; use super::b::g;"),
            b("use super::Unit; pub fn g() {}")
        ]),
        [""; 0],
        "siblings in one direction, both with their parent"
    );
    assert_eq!(
        circles(&[
            parent,
            a("use super::b::g; pub fn f() {}"),
            b("use super::a::f; pub fn g() {}")
        ]),
        ["src/cargo/unit/a.rs -> src/cargo/unit/b.rs -> src/cargo/unit/a.rs: a circle"]
    );
    let other = ("src/cargo/other.rs", "use super::unit::Unit;");
    assert_eq!(circles(&[parent, a("pub fn f() {}"), other]), [""; 0]);
    assert_eq!(
        circles(&[parent, a("use crate::cargo::other; use super::Unit;"), other]).len(),
        1,
        "from the child out, and back through the parent"
    );
    let knows_other = ("src/cargo/unit.rs", "mod a; pub struct Unit; use super::other::X;");
    assert_eq!(
        circles(&[
            knows_other,
            a("use super::Unit; pub fn f() {}"),
            ("src/cargo/other.rs", "use super::unit::a::f;")
        ])
        .len(),
        1,
        "from the child up, and back from outside"
    );
    let grandchild = ("src/cargo/unit/a/deep.rs", "use crate::cargo::unit::Unit;");
    let knows_deep = a("mod deep; pub fn f() { deep::f(); }");
    assert_eq!(circles(&[parent, knows_deep, grandchild]).len(), 1, "a grandchild is no child");
}

#[test]
fn circles_between_folders_are_seen_through_re_exports() {
    let files = |end| {
        [
            ("src/cargo.rs", "pub mod source; pub mod target_dir; pub use source::tokens::Token;"),
            ("src/cargo/source.rs", "pub mod tokens;"),
            (
                "src/cargo/source/tokens.rs",
                "use crate::cargo::target_dir::units::Unit; pub struct Token;",
            ),
            ("src/cargo/target_dir.rs", "pub mod units;"),
            ("src/cargo/target_dir/units.rs", end),
        ]
    };
    assert_eq!(circles(&files("pub struct Unit;")), [""; 0]);
    assert_eq!(
        circles(&files("use crate::cargo::Token; pub struct Unit;")),
        [
            "src/cargo/source/tokens.rs -> src/cargo/target_dir/units.rs -> src/cargo/source/tokens.rs: a circle"
        ]
    );
}

// Words.

#[test]
fn every_word_is_said_where_it_may_be_and_nowhere_else() {
    for word in table::WORDS {
        let paths = word.paths.iter().map(|path| format!("fn f() {{ {path}::x(); }}"));
        let macros = word.macros.iter().map(|name| format!("fn f() {{ {name}!(); }}"));
        let texts: Vec<String> = paths.chain(macros).collect();
        assert!(!texts.is_empty(), "{}", word.what);
        for text in &texts {
            red("src/rules/image/thing.rs", &format!("says {}", word.what), &[text]);
            for place in word.may {
                let said = wrong(&[(&format!("src/{place}.rs"), text)]);
                let said: Vec<_> = said.iter().filter(|it| it.ends_with(word.what)).collect();
                assert!(said.is_empty(), "{text} in {place}: {said:?}");
            }
        }
        for but in word.but {
            green("src/cli/thing.rs", &[&format!("use {but}::X;")]);
        }
    }
}

#[test]
fn the_binary_part_alone_knows_object_files() {
    red(
        "src/start/loader.rs",
        "says the object-file library",
        &[
            "use object::read::elf;",
            "use object;",
            "use iced_x86::{Decoder as D};",
            "fn f(x: ::object::File) {}",
        ],
    );
    green("src/binary/elf/reader.rs", &["use object::read::elf;", "use iced_x86::*;"]);
    green("src/start/loader.rs", &["fn f(object: &str) -> &str { object }"]);
}

#[test]
fn documents_have_their_forms_in_few_places() {
    let serialize = [
        "#[derive(serde::Serialize)] struct S;",
        "use serde::Serialize; #[derive(Serialize)] struct S;",
        "use serde::{Serialize as Written}; impl Written for S {}",
        "#[cfg_attr(unix, derive(serde::Serialize))] struct S;",
        "use serde::*;",
    ];
    red("src/binary.rs", "(Serialize)", &serialize);
    red("src/cargo/target_dir.rs", "(Serialize)", &serialize);
    green("src/report/json.rs", &serialize);
    green("src/provenance.rs", &serialize);
    let deserialize =
        ["#[derive(serde::Deserialize)] struct S;", "use serde::de::DeserializeOwned;"];
    red("src/subject.rs", "(Deserialize)", &deserialize);
    red("src/cargo/freshness.rs", "(Deserialize)", &deserialize);
    for place in [
        "rootfs/document/index",
        "cargo/target_dir/units",
        "cargo/workspace",
        "config",
        "binary/detect/crates",
    ] {
        green(&format!("src/{place}.rs"), &deserialize);
    }
    green("src/subject.rs", &["use serde_json::Value;"]);
}

#[test]
fn rules_neither_read_nor_wait_nor_print_nor_know_the_clock() {
    for (says, text) in [
        ("files", "fn f() { std::fs::read(\"x\"); }"),
        ("files", "fn f(p: &std::path::Path) -> bool { p.exists() }"),
        ("reading", "use std::io::Read;"),
        ("the network", "use std::net::TcpStream;"),
        ("processes", "fn f() { std::process::exit(1) }"),
        ("the environment", "fn f() { std::env::var(\"X\"); }"),
        ("waiting", "fn f() { std::thread::sleep(d); }"),
        ("the terminal", "fn f() { println!(\"x\"); }"),
        ("the terminal", "use std::eprintln as say; fn f() { say!(\"x\"); }"),
        ("the terminal", "fn f() { g(|| { print!(\"x\") }); }"),
        ("the clock", "use std::time::SystemTime;"),
        ("the clock", "fn f() { core::time::Duration::from_secs(1); }"),
        ("a debugging aid", "fn f() { dbg!(1); }"),
    ] {
        red("src/rules/image/thing.rs", &format!("says {says}"), &[text]);
    }
    green(
        "src/rules/image/thing.rs",
        &[
            "use crate::{rule::{Check, Outcome}, subject::Subject};\nfn f() -> String { format!(\"x\") }",
        ],
    );
}

#[test]
fn errors_have_types() {
    let texts = [
        "fn f() -> Result<u8, String> { g() }",
        "fn f(g: &dyn Fn() -> std::result::Result<(), &'static str>) {}",
        "struct S { a: Vec<Option<Result<u8, std::string::String>>> }",
        "fn f() { let all = g().collect::<Result<Vec<u8>, String>>(); }",
    ];
    for (part, _) in table::MAY_LOOK_INTO.iter().filter(|(part, _)| !["lib", "main"].contains(part))
    {
        red(&format!("src/{part}/thing.rs"), "an error that is a text", &texts);
        green(
            &format!("src/{part}/thing.rs"),
            &[
                "fn f() -> Result<String, Error> { g() }",
                "fn f() -> BTreeMap<u8, String> { g() }",
                "#[cfg(test)] mod tests { fn t() -> Result<u8, String> { g() } }",
            ],
        );
    }
}

// Sizes, and the lint that knows types.

#[test]
fn files_and_rules_are_short() {
    let lines = |count: usize| "//\n".repeat(count);
    green("src/rule.rs", &[&lines(600)]);
    red("src/rule.rs", "601 lines, at most 600", &[&lines(601)]);
    let rule = "src/rules/image/thing.rs";
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(100));
    green(rule, &[&lines(120), &(lines(120) + &tests)]);
    red(rule, "121 lines without tests, at most 120", &[&lines(121), &(tests + &lines(121))]);
}

#[test]
fn only_who_reads_files_lifts_the_lint() {
    let texts = [
        "#![allow(clippy::disallowed_methods)]",
        "#![expect(clippy::disallowed_methods, reason = \"x\")]",
        "#[allow(unused, clippy::disallowed_methods)] fn f() {}",
        "#![cfg_attr(unix, allow(clippy::disallowed_methods))]",
    ];
    green("src/subject.rs", &["#![cfg_attr(not(test), warn(clippy::disallowed_methods))]"]);
    red("src/subject.rs", "lifts clippy::disallowed_methods", &texts);
    green("src/cargo/fs.rs", &texts);
    green("src/subject.rs", &["#![allow(clippy::too_many_lines)]"]);
    let list = fs::read_to_string("clippy.toml").unwrap();
    for method in table::PATH_METHODS {
        assert!(list.contains(&format!("\"std::path::Path::{method}\"")), "clippy.toml: {method}");
    }
}
