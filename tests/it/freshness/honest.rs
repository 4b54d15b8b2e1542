//! Honest builds whose code looks as if it were another's: no rule of freshness accuses them.

use std::fs;

use crate::support::place::{Place, manifest};
use crate::support::run;

/// Builds these sources, of the day before, in both profiles and finds nothing against them.
fn is_never_accused(files: &[(&str, &str)]) {
    for profile in [&["--release"][..], &[]] {
        let place = Place::new();
        for (path, text) in files {
            place.copy(path, text);
        }
        let built = place.cargo(&[&["build"], profile].concat());
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let judged = place.check(profile);
        judged.is_fresh();
        assert_ne!(judged.outcome("placeholder-main"), "fail");
    }
}

#[test]
fn columns_are_counted_as_rustc_displays_them() {
    is_never_accused(&[(
        "src/main.rs",
        "\u{feff}fn main() {\r\n\tlet v: Vec<String> = std::env::args().collect();\r\n\
         \t\tlet x: u32 = v[0].len().try_into().unwrap();\tprintln!(\"{}\", 9_u32.checked_sub(x).unwrap());\r\n\
         \tlet ä = \"日本\"; println!(\"{}\", /* 🎉 */ v[v.len() / 9].parse::<u32>().unwrap() + ä.len() as u32);\r\n}\r\n",
    )]);
}

#[test]
fn line_ends_inside_of_texts_are_rustcs() {
    is_never_accused(&[(
        "src/main.rs",
        "fn main() {\r\n    println!(\"first line of it\r\nsecond line of it\");\r\n    \
         println!(r\"raw first line of it\r\nraw second line of it\");\r\n}\r\n",
    )]);
}

/// The optimiser drops what is behind a call that never returns.
#[test]
fn what_a_server_prints_after_its_loop_is_not_missed() {
    let server = "pub fn run() {\n    let mut n = 0_u64;\n    loop {\n        n += 1;\n        \
                  std::thread::sleep(std::time::Duration::from_secs(n));\n    }\n}\n";
    let main = "mod server;\nfn main() {\n    println!(\"starting up the server now\");\n    \
                server::run();\n    println!(\"the server has been stopped\");\n}\n";
    is_never_accused(&[("src/main.rs", main), ("src/server.rs", server)]);
    let main = "fn fail(code: i32) {\n    eprintln!(\"failed with an error\");\n    \
                std::process::exit(code)\n}\nfn main() {\n    fail(3);\n    \
                println!(\"this is printed at the end\");\n}\n";
    is_never_accused(&[("src/main.rs", main)]);
}

#[test]
fn texts_that_are_compiled_out_are_not_missed() {
    let lines = |line: &dyn Fn(u32) -> String| (0..60).map(line).collect::<String>();
    // A module of which one function is called.
    let unused =
        lines(&|n| format!("pub fn f{n}() -> &'static str {{ \"an unused text, {n}\" }}\n"));
    let used = "pub fn used(n: usize) -> usize { [4, 5, 6][n] }\n";
    let main = "#![allow(dead_code)]\nmod tables;\nfn main() {\n    \
                println!(\"{}\", tables::used(std::env::args().count()));\n}\n";
    is_never_accused(&[("src/main.rs", main), ("src/tables.rs", &format!("{used}{unused}"))]);
    // A macro that makes numbers of texts.
    let keys = lines(&|n| format!("    key!(\"{n:032x}\"),\n"));
    let main = format!(
        "macro_rules! key {{ ($text:literal) => {{ $text.len() as u32 }}; }}\n\
         static KEYS: &[u32] = &[\n{keys}];\n\
         fn main() {{\n    println!(\"{{}}\", KEYS[std::env::args().count()]);\n}}\n"
    );
    is_never_accused(&[("src/main.rs", &main)]);
}

#[test]
fn packages_of_one_name_are_told_apart() {
    let f = "pub fn f(n: usize) -> usize { [1, 2, 3][n] }\n";
    let dependencies = "[dependencies]\nold = { package = \"thing\", path = \"old\" }\n\
                        new = { package = \"thing\", path = \"new\" }\n[workspace]\nexclude = [\"old\"]\n";
    is_never_accused(&[
        ("Cargo.toml", &manifest("my-app", dependencies)),
        ("old/Cargo.toml", &manifest("thing", "").replace("0.3.0", "1.0.0")),
        ("old/src/lib.rs", "mod part;\npub use part::f;\n"),
        ("old/src/part.rs", f),
        ("new/Cargo.toml", &manifest("thing", "").replace("0.3.0", "2.0.0")),
        ("new/src/lib.rs", f),
        (
            "src/main.rs",
            "fn main() {\n    let n = std::env::args().count();\n    \
             println!(\"{} {}\", old::f(n), new::f(n));\n}\n",
        ),
    ]);
}

#[test]
fn a_root_file_outside_of_its_package_is_found() {
    let place = Place::new();
    place.copy(
        "shared/main.rs",
        "mod help;\nfn main() {\n    println!(\"{}\", help::f(std::env::args().count()));\n}\n",
    );
    place.copy("shared/help.rs", "pub fn f(n: usize) -> usize { [1, 2, 3][n] }\n");
    let bin = "[[bin]]\nname = \"my-app\"\npath = \"../shared/main.rs\"\n[workspace]\n";
    place.copy("package/Cargo.toml", &manifest("my-app", bin));
    fs::remove_file(place.path("Cargo.toml")).unwrap();
    let flags = ["--manifest-path", "package/Cargo.toml"];
    assert!(place.cargo(&[&["build"], &flags[..]].concat()).status.success());
    place.check(&flags).is_fresh();
}

/// Cargo lists those of its own variables that follow the manifest; they are no one's secret.
#[test]
fn what_cargo_says_of_the_package_is_no_leak() {
    let place = Place::new();
    let manifest = fs::read_to_string(place.path("Cargo.toml")).unwrap();
    let authors = "[package]\nauthors = [\"Somebody <somebody@example.org>\"]\n";
    place.write("Cargo.toml", &manifest.replace("[package]\n", authors));
    place.copy(
        "src/main.rs",
        "fn main() {\n    println!(\"by {}\", env!(\"CARGO_PKG_AUTHORS\"));\n}\n",
    );
    place.build(&[]);
    assert_eq!(place.check(&[]).outcome("embedded-build-env"), "pass");
}

/// Code that nobody calls, whose texts look like those of the standard library or a dependency.
#[test]
fn texts_of_unused_code_that_look_like_others_are_not_missed() {
    let main = "mod a;\nfn main() {\n    println!(\"{}\", a::f(std::env::args().count()));\n}\n";
    let used = "pub fn f(i: usize) -> u8 {\n    [1, 2, 3][i]\n}\n";
    for unused in [
        "#[allow(dead_code)]\npub struct E(u8);\nimpl std::fmt::Display for E {\n    \
         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {\n        match self.0 {\n            \
         0 => write!(f, \"Unhandled internal error: {}\", self.0),\n            \
         _ => f.write_str(\"input stream did not contain valid UTF-8\"),\n        }\n    }\n}\n",
        "#[allow(dead_code)]\npub fn explain() {\n    \
         println!(\"called `Option::unwrap()` on a `None` value in the parser\");\n}\n",
        // Both ends are as in the standard library.
        "#[allow(dead_code)]\npub fn explain() {\n    \
         println!(\"called `Option::unwrap()` on an odd `None` value\");\n}\n",
    ] {
        is_never_accused(&[("src/main.rs", main), ("src/a.rs", &format!("{used}{unused}"))]);
    }
}

/// Thirty texts of which the program has none: it calls nothing of what has them.
#[test]
fn a_health_check_that_shares_a_module_with_its_server_is_not_another_program() {
    let messages = (0..40).fold(String::new(), |all, n| {
        all + &format!("            {n} => \"the request failed because of problem {n}\",\n")
    });
    let errors = format!(
        "pub const PORT: u16 = 8080;\npub fn text(n: usize) -> &'static str {{\n    match n {{\n{messages}            \
         _ => \"\",\n    }}\n}}\n"
    );
    let main = "#[allow(dead_code)]\nmod errors;\nuse std::process::ExitCode;\nfn main() -> ExitCode {\n    \
                match std::net::TcpStream::connect((\"127.0.0.1\", errors::PORT)) {\n        \
                Ok(_) => ExitCode::SUCCESS,\n        Err(_) => ExitCode::FAILURE,\n    }\n}\n";
    let abort = "[profile.release]\npanic = \"abort\"\n";
    is_never_accused(&[
        ("Cargo.toml", &manifest("my-app", abort)),
        ("src/main.rs", main),
        ("src/errors.rs", &errors),
    ]);
}

/// One changed word in a message that `main` does not print itself.
#[test]
fn an_edited_text_is_shown_as_the_program_has_it() {
    let place = Place::new();
    place.copy(
        "src/main.rs",
        "mod words;\nfn main() {\n    println!(\"{}\", words::of(std::env::args().count()));\n}\n",
    );
    let words = "pub fn of(n: usize) -> &'static str {\n    [\"the port is not free, sorry\", \"nobody hears it at the far end of the line\"][n % 2]\n}\n";
    place.copy("src/words.rs", words);
    place.build(&[]);
    place.check(&[]).is_fresh();
    place.copy("src/words.rs", &words.replace("hears", "takes"));
    assert!(place.build(&[]).is_empty(), "cargo is blind");
    let judged = place.check(&[]);
    judged.denies("stale-sources", &["nobody takes it", "nobody hears it"]);
    assert_eq!(judged.outcome("stale-by-mtime"), "open");
}

#[cfg(unix)]
#[test]
fn sources_behind_a_link_are_those_that_cargo_lists() {
    let place = Place::new();
    place.copy("real/main.rs", "mod part;\nfn main() {\n    part::run();\n}\n");
    let part = "pub fn run() {\n    println!(\"behind a link of a directory\");\n}\n";
    place.copy("shared/part.rs", part);
    std::os::unix::fs::symlink("real", place.path("src")).unwrap();
    std::os::unix::fs::symlink("../shared/part.rs", place.path("real/part.rs")).unwrap();
    place.build(&[]);
    place.check(&[]).is_fresh();
    // Where a link leads elsewhere than it did, another file is a part of the crate.
    place.copy("shared/other.rs", part);
    fs::remove_file(place.path("real/part.rs")).unwrap();
    std::os::unix::fs::symlink("../shared/other.rs", place.path("real/part.rs")).unwrap();
    place.check(&[]).denies("stale-by-mtime", &["src/part.rs"]);
}

/// Where the file system tells since when a file is what it is, such a `main` was meant.
#[test]
fn a_main_that_comes_to_nothing_was_meant_where_it_is_untouched() {
    let place = Place::new();
    place.copy("src/main.rs", "fn main() {\n    my_app::nothing();\n}\n");
    place.copy("src/lib.rs", "pub fn nothing() {}\n");
    place.build(&[]);
    let root = place.directory.path();
    let main = root.join("src/main.rs");
    // Where an overlay may bring a file of another time, the time of its inode proves nothing.
    let stat = run::command("stat").args(["-f", "-c", "%T"]).arg(root).output().unwrap();
    if !String::from_utf8_lossy(&stat.stdout).contains("overlay") {
        place.check(&[]).is_fresh();
    }
    // The same file as it comes out of a later layer: nobody knows, and nobody is accused.
    fs::remove_file(&main).unwrap();
    place.copy("src/main.rs", "fn main() {\n    my_app::nothing();\n}\n");
    let judged = place.check(&[]);
    judged.is_fresh();
    assert_eq!(judged.outcome("placeholder-main"), "open", "{judged:?}");
}

/// Honest mains that come to nothing, copied as a layer copies them and beside the sources alone;
/// and the placeholder that each of them could have been.
#[test]
fn a_main_that_may_come_to_nothing_is_told_from_a_placeholder() {
    let features = "[features]\nserver = []\n";
    let library = "pub fn start() {\n    println!(\"listening on {:?}\", std::env::args().nth(1));\n}\n\
                   pub fn init() {\n    if cfg!(debug_assertions) {\n        println!(\"debugging\");\n    }\n}\n";
    let with = |main: &str| {
        let place = Place::new();
        place.write("Cargo.toml", &manifest("my-app", features));
        place.copy("src/lib.rs", library);
        place.copy("src/main.rs", main);
        place
    };
    for (main, expected) in [
        ("fn main() {\n    my_app::init();\n}\n", "open"),
        (
            "const ON: bool = false;\nfn main() {\n    if !ON {\n        return;\n    }\n    my_app::start();\n}\n",
            "open",
        ),
        ("fn main() {\n    #[cfg(feature = \"server\")]\n    my_app::start();\n}\n", "fail"),
        (
            "#[cfg(feature = \"server\")]\nfn main() {\n    my_app::start();\n}\n\
             #[cfg(not(feature = \"server\"))]\npub fn main() {}\n",
            "fail",
        ),
        ("fn main() {\n    #[cfg(windows)]\n    my_app::start();\n}\n", "pass"),
    ] {
        let place = with(main);
        place.build(&[]);
        fs::remove_file(place.path("src/main.rs")).unwrap();
        place.copy("src/main.rs", main);
        let judged = place.check(&[]);
        assert_eq!(judged.outcome("placeholder-main"), expected, "{main}: {judged:?}");
        if expected == "fail" {
            assert!(!judged.is_denied("placeholder-main"), "{main}: {judged:?}");
            let said = judged.finding("placeholder-main");
            assert!(said.contains("with these features"), "{said}");
        } else {
            judged.is_fresh();
        }
    }
    // The placeholder, kept under a `main` that surely does something.
    for main in [
        "fn main() {\n    my_app::start();\n}\n",
        "use my_app::start;\nfn main() {\n    start()\n}\n",
        "fn main() {\n    let _ = std::net::TcpListener::bind(\"127.0.0.1:0\");\n}\n",
    ] {
        let place = with("fn main() {}\n");
        place.build(&[]);
        place.copy("src/main.rs", main);
        assert!(place.build(&[]).is_empty(), "cargo is blind");
        place.check(&[]).denies("placeholder-main", &["`main` does nothing", "src/main.rs"]);
    }
}

/// A macro of the crate's own stands in the place of the standard library's.
#[test]
fn a_println_that_prints_nothing_is_not_missed() {
    let quiet = "macro_rules! println {\n    ($($t:tt)*) => {};\n}\n";
    let main = "#[macro_use]\nmod quiet;\nfn main() {\n    println!(\"this text is dropped by the macro\");\n    \
                std::process::exit(std::env::args().count() as i32);\n}\n";
    is_never_accused(&[("src/main.rs", main), ("src/quiet.rs", quiet)]);
    let main = "mod quiet {\n    macro_rules! quiet {\n        ($($t:tt)*) => {};\n    }\n    pub(crate) use quiet as println;\n}\n\
                use quiet::println;\nfn main() {\n    println!(\"this text is dropped by the macro\");\n}\n";
    is_never_accused(&[("src/main.rs", main)]);
    // The honest one beside it: what it prints is missed where another was compiled.
    let place = Place::new();
    place.copy("src/main.rs", "fn main() {\n    println!(\"this text was compiled first\");\n}\n");
    place.build(&[]);
    place.copy("src/main.rs", "fn main() {\n    println!(\"another text came afterwards\");\n}\n");
    place.check(&[]).denies("stale-sources", &["another text came afterwards"]);
}

/// Cargo compiles again what lists a file that is gone: that it would not is no finding.
#[test]
fn a_listed_source_that_is_gone_is_seen_by_cargo() {
    let place = Place::new();
    let main = "fn main() {\n    println!(\"{}\", std::env::args().count());\n}\n";
    place.copy("src/main.rs", &format!("mod gen_0;\n{main}"));
    place.copy("src/gen_0.rs", "");
    place.build(&[]);
    place.copy("src/main.rs", main);
    fs::remove_file(place.path("src/gen_0.rs")).unwrap();
    let judged = place.check(&[]);
    let line = judged.denies("stale-sources", &["src/gen_0.rs", "gone"]);
    assert_eq!(line, "cargo build --release", "no date has to be made new");
    assert_ne!(judged.outcome("stale-by-mtime"), "fail", "{judged:?}");
    assert_eq!(place.build(&[]), ["my-app"]);
    place.check(&[]).is_fresh();
}
