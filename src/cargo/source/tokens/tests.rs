//! The scanner over sources written for it.

use crate::cargo::source::tokens::*;

fn scan_with(source: &str) -> Scan {
    let cfg = Cfg {
        features: Some(vec!["tls".to_owned()]),
        triple: Some("x86_64-unknown-linux-gnu".to_owned()),
    };
    scan(source, &cfg).unwrap()
}

fn modules(source: &str) -> Vec<(String, Compiled)> {
    let scan = scan_with(source);
    scan.modules
        .into_iter()
        .map(|module| {
            let path = module.path.map(|path| format!("@{path}")).unwrap_or_default();
            ([module.inside, vec![module.name + &path]].concat().join("/"), module.compiled)
        })
        .collect()
}

#[test]
fn finds_modules_where_they_are_declared() {
    use Compiled::{Maybe, Yes};
    let found = modules(
        r#"
        pub(crate) mod plain;
        #[cfg(test)] mod tests;
        #[cfg(test)] mod more_tests { mod inner; }
        #[cfg(feature = "tls")] mod tls;
        #[cfg(not(feature = "tls"))] mod no_tls;
        #[cfg(windows)] #[path = "win.rs"] mod sys;
        #[cfg(unix)] #[path = "nix.rs"] mod sys;
        #[cfg(tokio_unstable)] mod unstable;
        mod r#type;
        mod outer { pub mod inner; mod deep { mod end; } }
        #[path = "elsewhere"] mod moved { mod inner; }
        #[cfg_attr(windows, path = "w.rs")] mod attributed;
        cfg_if::cfg_if! { if #[cfg(unix)] { mod by_macro; } else { mod other; } }
        #[cfg(test)] fn helper<A, B>(_: A, _: B) {} mod after;
        "#,
    );
    let expected = [
        ("plain", Yes),
        ("tls", Yes),
        ("sys@nix.rs", Yes),
        ("unstable", Maybe),
        ("type", Yes),
        ("outer/inner", Yes),
        ("outer/deep/end", Yes),
        ("elsewhere/inner", Yes),
        ("attributed", Yes),
        ("by_macro", Maybe),
        ("other", Maybe),
        ("after", Yes),
    ];
    let found: Vec<(&str, Compiled)> = found.iter().map(|(name, c)| (name.as_str(), *c)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_file_for_tests_alone_holds_nothing() {
    let scan = scan_with("#![cfg(test)]\nmod inner; const T: &str = \"some text of length\";");
    assert!(scan.modules.is_empty() && scan.string_literals.is_empty());
}

#[test]
fn says_when_a_macro_names_modules() {
    let scan = scan_with("macro_rules! m { ($n:ident) => { mod $n; } } m!(a);");
    assert!(scan.macro_modules && scan.modules.is_empty());
}

#[test]
fn reads_includes() {
    let scan = scan_with(
        r#"
        include!(concat!(env!("OUT_DIR"), "/gen.rs"));
        const A: &str = include_str!("a.txt");
        const B: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/b.bin"));
        #[cfg(test)] const C: &str = include_str!("c.txt");
        const D: &str = include_str!(path!());
        "#,
    );
    let paths: Vec<&IncludePath> = scan.includes.iter().map(|include| &include.path).collect();
    assert_eq!(
        paths,
        [
            &IncludePath::OutDir("gen.rs".to_owned()),
            &IncludePath::Literal("a.txt".to_owned()),
            &IncludePath::Package("assets/b.bin".to_owned()),
            &IncludePath::Computed,
        ]
    );
    assert!(scan.includes[0].code && !scan.includes[1].code);
}

#[test]
fn texts_of_tests_patterns_and_attributes_are_not_wanted() {
    let scan = scan_with(
        r#"
        /// a documentation comment
        #[doc = "an attribute's text"]
        fn f(x: &str) {
            match x { "a pattern of length" => println!("printed text {x} and the rest of it"), _ => {} }
            #[cfg(test)] let _ = "a statement for tests";
            call("a plain argument");
        }
        #[test] fn t() { call("text in a test fn") }
        #[tokio::test] async fn u() { call("text in a test fn") }
        "#,
    );
    let string_literals: Vec<String> = scan
        .string_literals
        .iter()
        .map(|text| String::from_utf8_lossy(&text.bytes).into())
        .collect();
    assert_eq!(string_literals, ["printed text ", " and the rest of it", "a plain argument"]);
    assert_eq!(scan.string_literals[0].line, 5);
}

/// The columns are rustc's own: it was asked with panics at these places.
#[test]
fn positions_are_from_one_and_count_what_is_displayed() {
    let scan = scan_with("#!/usr/bin/env run\nfn main() {\n\tlet é = x.unwrap();\n}\n");
    for (line, column) in [(2, 1), (2, 4), (2, 11), (3, 5), (3, 13), (3, 15), (4, 1)] {
        assert_eq!(scan.tokens.contains(line, column), Some(true), "{line}:{column}");
    }
    for (line, column) in [(3, 2), (3, 3), (1, 1)] {
        assert_eq!(scan.tokens.contains(line, column), Some(false), "{line}:{column}");
    }
    assert_eq!(scan.tokens.lines, 4);
    let wide = scan_with("\u{feff}fn main() {\r\n    f(\"日本\").unwrap();\r\n}\r\n");
    assert_eq!(wide.tokens.contains(2, 5), None);
    assert_eq!(wide.tokens.contains(1, 1), Some(true));
}

#[test]
fn line_ends_in_texts_are_what_rustc_makes_of_them() {
    let scan =
        scan_with("fn f() { g(r\"one line and\r\nanother\"); g(\"an answer\\r\\nof two\") }");
    let string_literals: Vec<&[u8]> =
        scan.string_literals.iter().map(|text| text.bytes.as_slice()).collect();
    assert_eq!(string_literals, [b"one line and\nanother".as_slice(), b"an answer\r\nof two"]);
}

#[test]
fn what_is_called_before_a_text_is_named() {
    let scan = scan_with(
        "fn main() { println!(\"the first of them\"); run::<u8>(x.await); (f)(1); \
         println!(\"the second of them {}\", bool::from(true)); } fn run<T>() { loop {} }",
    );
    let names = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
    let main = scan.main.unwrap();
    let after: Vec<String> = main.printed.iter().map(|it| names(&it.after)).collect();
    assert_eq!(after, ["println!", "? await from println! run"]);
    assert_eq!(names(&scan.calls.defined), "main run");
    assert!(scan.calls.called.contains("loop"));
}

#[test]
fn main_is_described() {
    let main = scan_with("#[tokio::main]\nasync fn main() { server().await; }").main.unwrap();
    assert_eq!((main.line, main.calls, main.must_leave_code(&|_| false)), (2, true, true));
    let main = scan_with("fn main() { println!(\"Hello, world!\"); }").main.unwrap();
    assert_eq!(
        (main.string_literals, main.macros),
        (vec!["Hello, world!".into()], vec!["println".into()])
    );
    let main = scan_with("mod a { fn main() {} } fn main() {}").main.unwrap();
    assert_eq!((main.tokens, main.calls, main.must_leave_code(&|_| false)), (0, false, false));
    assert!(scan_with("mod a { fn main() {} }").main.is_none());
    for (body, leaves) in [
        ("std::process::exit(run())", true),
        ("let code = run(); process::exit(code);", true),
        ("if broken() { std::process::exit(1) }", false),
        ("#[cfg(unix)] std::process::exit(run())", true),
        ("#[cfg(windows)] std::process::exit(run())", false),
        ("#[cfg(of_a_build_script)] std::process::exit(run())", false),
    ] {
        let main = scan_with(&format!("fn main() {{ {body} }}")).main.unwrap();
        assert_eq!(main.must_leave_code(&|_| false), leaves, "{body}");
    }
}

#[test]
fn what_is_not_rust_is_an_error_with_its_line() {
    for source in ["fn main() {", "\nthis is not rust", "\"open", "fn f() { let = ; }"] {
        let error = scan(source, &Cfg::default()).unwrap_err();
        assert!(matches!(error, SourceError::NotRust { .. }), "{error}");
    }
}

#[test]
fn depth_is_refused_before_a_parser_recurses_into_it() {
    let run = |source: String| {
        let thread =
            std::thread::Builder::new().stack_size(crate::cargo::source::module_tree::STACK);
        let join = thread.spawn(move || scan(&source, &Cfg::default()).map(|_| ())).unwrap();
        join.join().unwrap()
    };
    for unit in ["(", "{", "!", "a + ", "if x {} else ", "&", "Vec<", "x = "] {
        let source = format!("fn main() {{ {} }}", unit.repeat(200_000));
        assert!(run(source).is_err(), "{unit}");
    }
    let balanced = format!("const A: u8 = {}1{};", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(run(balanced).unwrap_err(), SourceError::TooDeep);
    let sum = format!("const A: u64 = 0{};", " + 1".repeat(9_000));
    run(sum).unwrap();
    let long = "fn f() { if a { b() } else { c() } g(1, 2); }\n".repeat(20_000);
    run(long).unwrap();
}

#[test]
fn no_shape_of_tokens_overflows_a_parser() {
    let run = |source: String| {
        let thread =
            std::thread::Builder::new().stack_size(crate::cargo::source::module_tree::STACK);
        let join = thread.spawn(move || scan(&source, &Cfg::default()).map(|_| ())).unwrap();
        join.join().unwrap()
    };
    // Each of them nests and has a separator in what it repeats.
    for unit in [
        "a::<B, ",
        "a::<B, <C as D<E, ",
        "Vec<A, ",
        "|a, b| ",
        "|a, b: [u8; 1]| ",
        "||a, b",
        "|a, | | ",
        "for<'a, 'b> fn(A) -> ",
        "impl for<'a, 'b> Fn(A) -> ",
        "move |a, b| async move { } + ",
        "for X {} in ",
        "x = {} as T = ",
        "x as T < U, ",
        "&'a dyn A<B, C = ",
        "<A<{ 1 }, ",
        "if a < b {} else if ",
        "match x {} ",
        "if let Some(x) = ",
        "return |a, b| ",
        "#[a] |a, b| ",
        "unsafe { } - ",
        "a <= b, A<B, ",
        "1 << A::<B, ",
    ] {
        // As deep as is let through, and deeper.
        let length = unit.parse::<TokenStream>().unwrap().into_iter().count();
        for around in ["fn main() { let x = ", "type A = "] {
            let _ = run(format!("{around}{}", unit.repeat(MAX_RECURSION / length - 10)));
        }
        let source = format!("fn main() {{ let x = {}", unit.repeat(60_000));
        assert!(run(source).is_err(), "{unit}");
    }
}

#[test]
fn long_honest_tables_are_no_nesting() {
    for (unit, around) in [
        ("1 << 3, ", "const A: &[u64] = &["),
        ("A | B, ", "const A: &[u64] = &["),
        ("a || b, ", "const A: &[bool] = &["),
        ("Some(x) | None => 1, ", "fn f() { match x {"),
        ("\"x\" => {} ", "fn f() { match x {"),
        ("x if x < 3 => y, ", "fn f() { match x {"),
        ("pub f: ::std::option::Option<unsafe extern \"C\" fn(*mut A) -> B>, ", "struct S {"),
        ("A = 1 << 3, ", "enum S {"),
        ("#[doc = \"x\"] ", "#[doc = \"y\"] struct S { a: u8, "),
        ("f(|a, b| a + b, || c); if a < b { } g!(x); ", "fn f() {"),
        ("|a: u8, b| a, ", "fn f() { g(("),
        ("fn f<T: Into<U>, U>(a: Vec<Vec<T>>) -> Box<dyn Fn(T) -> U> where T: A { x } ", "mod m {"),
    ] {
        let source = format!("{around}{}", unit.repeat(20_000));
        let mut open = Vec::new();
        for letter in around.chars() {
            match letter {
                '[' => open.push(']'),
                '{' => open.push('}'),
                '(' => open.push(')'),
                ']' | '}' | ')' => drop(open.pop()),
                _ => {}
            }
        }
        let closers: String = open.into_iter().rev().collect();
        let stream: TokenStream = format!("{source}{closers}").parse().unwrap();
        assert!(recursion(stream, 0) <= MAX_RECURSION / 10, "{unit}");
    }
}

#[test]
fn what_takes_too_much_memory_is_not_read_and_says_so() {
    for source in
        ["1,".repeat(2_000_000), "\"x".to_owned() + &"x".repeat(MAX_BYTES), "///\n".repeat(800_000)]
    {
        let error = scan(&source, &Cfg::default()).unwrap_err();
        assert!(matches!(error, SourceError::TooLong { .. }), "{error}");
    }
    let item = format!("fn f() {{ let a = [{}]; }}", "a,".repeat(500_000));
    let too_long = SourceError::ItemTooLong { limit: 800_000 };
    assert_eq!(scan(&item, &Cfg::default()).unwrap_err(), too_long);
    // A table of numbers is as much Rust as its first one, a module as what is in it.
    let table = format!("mod m {{ const A: &[u8] = &[{}]; }} mod n {{}}", "1,".repeat(400_000));
    assert!(scan(&table, &Cfg::default()).is_ok());
    for broken in
        ["mod m { fn ( }", "const A: [u8; 2] = [1 1];", "const A: u8 = [1,,];", "mod m { x }"]
    {
        assert!(scan(broken, &Cfg::default()).is_err(), "{broken}");
    }
    // As many tokens as can be, told from the text alone.
    for source in
        ["/// a\n/** b */ fn f() { a::b(\"c d\", 'e', 1.5e-3) } // f\n", "//! a\n#![b] 'c: loop {}"]
    {
        let stream: TokenStream = source.parse().unwrap();
        let mut spans = Vec::new();
        collect(stream, &mut spans);
        assert!(most_tokens(source) >= spans.len(), "{source}");
    }
}
