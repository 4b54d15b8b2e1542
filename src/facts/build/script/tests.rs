//! Scripts as people write them, followed over files in memory.

use super::*;

fn would(script: &str) -> Would {
    let files = [("data/a.txt", "first line\nsecond \"line\"\n"), ("VERSION", "1.2.3\n")];
    let place = Place {
        package: Path::new("/p"),
        out: Path::new("/p/target/out"),
        source: Path::new("/p/build.rs"),
    };
    follow(script, place, &mut |path| {
        let path = path.strip_prefix("/p").ok()?;
        let file = files.iter().find(|(name, _)| Path::new(name) == path)?;
        Some(file.1.as_bytes().to_vec())
    })
}

fn printed(script: &str) -> Vec<String> {
    let text = |made: Made| String::from_utf8(made.bytes).unwrap();
    would(script).print.into_iter().map(text).collect()
}

fn written(script: &str) -> Vec<(String, String)> {
    let text = |made: Made| String::from_utf8(made.bytes).unwrap();
    let name = |path: PathBuf| path.strip_prefix("/p/target/out").unwrap().display().to_string();
    would(script).write.into_iter().map(|(path, made)| (name(path), text(made))).collect()
}

#[test]
fn prints_what_it_read() {
    let script = r#"
        use std::{env, fs};
        fn main() -> Result<(), Box<dyn std::error::Error>> {
            println!("cargo::rerun-if-changed=VERSION");
            let version = fs::read_to_string("VERSION")?;
            let version = version.trim();
            println!("cargo::rustc-env=APP={version}");
            println!("cargo::rustc-env=QUOTED={:?} {{}} {0}", version.replace(".", "-"));
            println!("cargo::rustc-env=HOST={}", env::var("HOST")?);
            Ok(())
        }"#;
    let expected = [
        "cargo::rerun-if-changed=VERSION\n",
        "cargo::rustc-env=APP=1.2.3\n",
        "cargo::rustc-env=QUOTED=\"1-2-3\" {} 1-2-3\n",
    ];
    assert_eq!(printed(script), expected);
    let from = BTreeSet::from([PathBuf::from("VERSION")]);
    assert_eq!(would(script).print[1].from, from);
}

#[test]
fn writes_what_it_read_in_every_way_there_is() {
    let out = "let out = std::path::PathBuf::from(std::env::var(\"OUT_DIR\").unwrap());";
    let text = "let text = fs::read_to_string(\"data/a.txt\").expect(\"there\");";
    for (code, expected) in [
        ("fs::copy(\"VERSION\", out.join(\"g\")).unwrap();", "1.2.3\n"),
        (
            "fs::write(out.join(\"g\"), format!(\"const T: &str = {:?};\", text.trim_end())).unwrap();",
            "const T: &str = \"first line\\nsecond \\\"line\\\"\";",
        ),
        (
            "let mut f = fs::File::create(out.join(\"g\")).unwrap(); f.write_all(b\"[\").unwrap(); \
             for line in text.lines() { if line.starts_with('f') { continue; } writeln!(f, \"{line}\").unwrap(); } \
             f.write_all(text.len().to_string().as_bytes()).unwrap();",
            "[second \"line\"\n25",
        ),
        (
            "let mut code = String::new(); for line in text.lines() { code.push_str(line); code.push('|'); } \
             fs::write(Path::new(&out).join(\"g\"), code).unwrap();",
            "first line|second \"line\"|",
        ),
        ("generate(&out.join(\"g\"), &text);", "pub fn f() {}"),
    ] {
        let script = format!(
            "fn main() {{ {out} {text} {code} }} \
             fn generate(to: &Path, _text: &str) {{ fs::write(to, \"pub fn f() {{}}\").unwrap(); }}"
        );
        let found = written(&script);
        let whole = [("g".to_owned(), expected.to_owned())];
        assert_eq!(found, whole, "{code}");
    }
}

#[test]
fn says_nothing_of_what_it_does_not_understand() {
    let write =
        "fs::write(format!(\"{}/g\", std::env::var(\"OUT_DIR\").unwrap()), \"x\").unwrap();";
    for before in
        ["if std::env::var_os(\"DOCS_RS\").is_some() { return; }", "#[cfg(unix)] let x = 1;"]
    {
        assert_eq!(
            would(&format!("fn main() {{ {before} {write} }}")),
            Would::default(),
            "{before}"
        );
    }
    for after in [
        "patch();",
        "process::Command::new(\"rustfmt\").status().unwrap();",
        "if std::env::var_os(\"X\").is_some() { fs::remove_file(\"x\").unwrap(); }",
        "match 1 { _ => other() }",
        "loop { other() }",
        "let _ = other!(1);",
        "process::exit(0);",
    ] {
        assert_eq!(written(&format!("fn main() {{ {write} {after} }}")), [], "{after}");
    }
    assert_eq!(written(&format!("fn main() {{ {write} }}")).len(), 1);
    let helper = "fn main() { let _ = helper(); } fn helper() -> Option<()> { \
                  let _x = std::env::var(\"X\").ok()?; println!(\"y\"); Some(()) }";
    assert_eq!(printed(helper), [""; 0]);
    let scoped = "let a = \"x\"; { let a = \"y\"; } println!(\"{a}\"); let Some(b) = c() else { return };                   println!(\"z\");";
    assert_eq!(printed(&format!("fn main() {{ {scoped} }}")), ["x\n"]);
    let changed = "let mut a = String::from(\"x\"); other(&mut a); println!(\"{a}\");";
    assert_eq!(printed(&format!("fn main() {{ {changed} }}")), [""; 0]);
    assert_eq!(would("fn main("), Would::default());
}
