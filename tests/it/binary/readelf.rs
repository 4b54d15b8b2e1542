//! The header facts against binutils' `readelf`, over programs of every class, byte order and
//! machine that the corpus has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::run;
use crate::support::{corpus, facts, program, slow};

fn files() -> Vec<PathBuf> {
    let mut files = vec![program::small().to_owned()];
    files.extend(["/usr/bin/git", "/usr/sbin/ldconfig", "/bin/busybox"].map(PathBuf::from));
    if let Some(programs) = corpus::programs(corpus::Extent::Core) {
        files.extend(
            std::fs::read_dir(programs).expect("the corpus is there").flatten().map(|it| it.path()),
        );
    }
    files.retain(|path| std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF")));
    files
}

fn readelf(path: &Path, options: &str) -> String {
    let output = run::command("readelf").env("LC_ALL", "C").arg(options).arg(path).output();
    String::from_utf8_lossy(&output.expect("readelf is installed").stdout).into_owned()
}

/// What stands in brackets in the lines of a dynamic tag.
fn tagged(dynamic: &str, tag: &str) -> Vec<String> {
    let lines = dynamic.lines().filter(|line| line.contains(tag));
    let value = |line: &str| Some(line.split_once('[')?.1.rsplit_once(']')?.0.to_string());
    lines.filter_map(value).collect()
}

/// The program header lines of a type.
fn segment<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    headers.lines().map(str::trim_start).find(|line| line.split_whitespace().next() == Some(name))
}

/// The facts that the command line gives of the headers alone.
fn quick(path: &Path) -> Value {
    let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.args(["inspect", "--quick", "--format", "json"]).arg(path);
    let output = command.output().expect("it runs");
    let mut document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    document["binaries"][0].take()
}

/// The texts of a list, of one text, or of none.
fn texts(value: &Value) -> Vec<String> {
    let text = |it: &Value| it.as_str().map(str::to_owned);
    value
        .as_array()
        .map_or_else(|| Vec::from_iter(text(value)), |all| all.iter().filter_map(text).collect())
}

#[test]
fn headers_say_what_readelf_says() {
    if !slow::has("readelf") {
        return;
    }
    let (mut seen, mut machines) = (0, BTreeSet::new());
    for path in files() {
        let shown = path.display();
        let bytes = std::fs::read(&path).expect("it was read before");
        let full = facts::of("x", &bytes);
        let quick = quick(&path);
        let (header, headers, dynamic) =
            (readelf(&path, "-hW"), readelf(&path, "-lW"), readelf(&path, "-dW"));
        for binary in [&full, &quick] {
            let field = |name: &str| {
                let line = header.lines().find(|line| line.trim_start().starts_with(name));
                line.and_then(|line| line.split_once(':'))
                    .map_or("", |(_, value)| value.trim())
                    .to_string()
            };
            let machine = &binary["machine"];
            assert_eq!(field("Class"), format!("ELF{}", machine["bits"]), "{shown}: {header}");
            let little = machine["endian"] == "little";
            assert_eq!(field("Data").contains("little"), little, "{shown}");
            machines.insert((machine["arch"].to_string(), machine["bits"].as_u64(), little));
            let dynamic_type = field("Type").starts_with("DYN");
            assert_eq!(binary["position_independent"], dynamic_type, "{shown}");
            // binutils calls a program by DF_1_PIE alone; an interpreter says the same.
            if field("Type").contains("Position-Independent Executable") {
                assert_eq!(binary["kind"], "executable", "{shown}");
            }
            assert_eq!(texts(&binary["needed"]), tagged(&dynamic, "(NEEDED)"), "{shown}");
            assert_eq!(texts(&binary["soname"]), tagged(&dynamic, "(SONAME)"), "{shown}");
            assert_eq!(texts(&binary["runpath"]), tagged(&dynamic, "(RUNPATH)"), "{shown}");
            assert_eq!(texts(&binary["rpath"]), tagged(&dynamic, "(RPATH)"), "{shown}");
            let interpreter = headers
                .lines()
                .find_map(|line| line.trim().strip_prefix("[Requesting program interpreter: "))
                .map(|line| line.trim_end_matches(']').to_string());
            assert_eq!(binary["interpreter"].as_str(), interpreter.as_deref(), "{shown}");

            let facts = &binary["hardening"];
            assert_eq!(
                facts["relro"] != "none",
                segment(&headers, "GNU_RELRO").is_some(),
                "{shown}"
            );
            if let Some(stack) = segment(&headers, "GNU_STACK") {
                let executable = stack.split_whitespace().any(|word| word == "RWE");
                assert_eq!(facts["executable_stack"], executable, "{shown}");
            }
            let flags: Vec<&str> = dynamic.lines().filter(|line| line.contains("(FLAGS")).collect();
            let has =
                |word: &str| flags.iter().any(|line| line.split_whitespace().any(|it| it == word));
            let now = dynamic.contains("(BIND_NOW)") || has("BIND_NOW") || has("NOW");
            assert_eq!(facts["bind_now"].as_bool().unwrap_or(false), now, "{shown}");
            let text = dynamic.contains("(TEXTREL)") || has("TEXTREL");
            assert_eq!(facts["text_relocations"], text, "{shown}");

            let sections = readelf(&path, "-SW");
            let symbols = if sections.contains(" .symtab ") { "present" } else { "stripped" };
            assert_eq!(binary["symbols"], symbols, "{shown}");
            let build_id = readelf(&path, "-nW").lines().find_map(|line| {
                line.split_once("Build ID: ").map(|(_, id)| id.trim().to_string())
            });
            assert_eq!(binary["build_id"].as_str(), build_id.as_deref(), "{shown}");
            let version = binary["libc"]["version_required"].as_str();
            assert_eq!(version, required(&readelf(&path, "-VW")).as_deref(), "{shown}");
        }
        seen += 1;
    }
    println!("{seen} files, {} machines", machines.len());
    assert!(seen > 0);
    if slow::everything() {
        assert!(machines.len() >= 10 && machines.iter().any(|it| !it.2), "{machines:?}");
    }
}

/// The highest version without the WEAK flag that is asked of glibc's own libraries.
fn required(versions: &str) -> Option<String> {
    let mut of_glibc = false;
    let mut highest: Option<Vec<u32>> = None;
    for line in versions.lines() {
        if let Some((_, rest)) = line.split_once("File: ") {
            let library = rest.split_whitespace().next().unwrap_or_default();
            let stem = library.split(".so").next().unwrap_or_default();
            of_glibc = library == "ld.so.1"
                || stem.starts_with("ld")
                || [
                    "libc",
                    "libm",
                    "libpthread",
                    "libdl",
                    "librt",
                    "libutil",
                    "libresolv",
                    "libcrypt",
                    "libmvec",
                ]
                .contains(&stem);
        }
        let Some((_, rest)) = line.split_once("Name: GLIBC_").filter(|_| of_glibc) else {
            continue;
        };
        let weak = rest.split_once("Flags: ").is_some_and(|(_, flags)| flags.starts_with("WEAK"));
        let numbers = rest.split_whitespace().next().unwrap_or_default().split('.');
        if let Some(version) = numbers.map(|it| it.parse().ok()).collect::<Option<Vec<u32>>>()
            && !weak
        {
            highest = highest.max(Some(version));
        }
    }
    highest.map(|it| it.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
}
