//! Every fact over real programs that nobody here built, against what is known of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

use binlint::{Level, Linter};
use serde_json::Value;

mod tally;

use crate::support::corpus::{Extent, Row};
use crate::support::run;
use crate::support::{corpus, facts, slow};
use tally::{Explained, Tally};

/// Of these facts, nothing may be wrong, and nothing null, but for what is explained.
const GOALS: &[&str] = &[
    "answered",
    "triple",
    "libc name",
    "libc linkage",
    "required glibc",
    "named glibc",
    "symbols",
    "debug info",
    "position independent",
    "static-pie",
    "interpreter",
    "RELRO",
    "BIND_NOW",
    "kind",
    "Rust",
    "panic strategy",
    "rustc version",
    "allocator",
    "crates by path: inside",
    "crates by record: all",
    "main (x86_64 and aarch64 ELF)",
    "main called a placeholder (others)",
];

/// Where the list and the file differ, and what the file itself says.
const EXPLAINED: &[Explained] = &[
    ("triple", "esbuild_aix", "XCOFF is not among the formats that are read."),
    ("kind", "esbuild_aix", "XCOFF is not among the formats that are read."),
    (
        "triple",
        "esbuild.wasm",
        "The list has the package's name; the file is a WebAssembly module for Go's own runtime, which Rust has no target for.",
    ),
    (
        "triple",
        "sass.snapshot",
        "The list has the package's name; the file is a Dart snapshot that uses ELF as a container: no interpreter, no needed library, no note, no import.",
    ),
    (
        "kind",
        "sass.snapshot",
        "It is ET_DYN without an interpreter, DF_1_PIE or an entry point: `dart` loads it.",
    ),
    (
        "triple",
        "libgcc_s-262c4f60.so.1",
        "The list has the wheel's tag; readelf -A says Tag_CPU_arch v5TE with hard float, and the code has no ARMv7 barrier: a compiler's own library, built for the lowest hard-float target.",
    ),
    (
        "triple",
        "libstdc__-c7f265c1.so.6",
        "The list has the wheel's tag; readelf -A says Tag_CPU_arch v5TE with hard float, and the code has no ARMv7 barrier: a compiler's own library, built for the lowest hard-float target.",
    ),
    (
        "triple",
        "shfmt-py",
        "The list has the wheel's tag; the program is Go's without any C library, so no such word belongs into its target (the list says libc: none, too).",
    ),
    (
        "libc name",
        "esbuild_freebsd",
        "A static Go program, which calls the kernel itself as on Linux, where the list says none.",
    ),
    (
        "debug info",
        "typos__1.13.20__macosx",
        "Its symbol table has N_OSO entries: the debug information is in object files that it names.",
    ),
    (
        "Rust",
        "orjson__3.13.0__win_arm64",
        "Null is what can be said: locations trimmed, panics immediate, and PE has no compiler's comment.",
    ),
    (
        "panic strategy",
        "orjson__3.13.0__win_arm64",
        "Nothing in it tells that it is a Rust program (see above).",
    ),
    (
        "rustc version",
        "rustc__1.63.0.dfsg1-2__amd64__rustc",
        "The file holds no version: its standard library is in librustc_driver, and the list has Debian's control file.",
    ),
    (
        "crates by path: inside",
        "hexyl",
        "The program itself, which Debian's list of what is linked in leaves out.",
    ),
    (
        "crates by path: inside",
        "sqv",
        "The program itself, which Debian's list of what is linked in leaves out.",
    ),
    (
        "crates by path: inside",
        "tokei",
        "The program itself, which Debian's list of what is linked in leaves out.",
    ),
    (
        "crates by path: inside",
        "tealdeer",
        "Its paths are /usr/share/cargo/registry/ureq-proto-0.6.3 and utf-8-0.7.6; the list has ureq and not what it is made of, and cuts the second name short (utf).",
    ),
    (
        "allocator",
        "pyoxidizer",
        "The list went by text; the text is of the projects that it generates (`global-allocator-jemalloc`).",
    ),
];

#[test]
fn facts_of_programs_that_others_built() {
    let extent = corpus::extent();
    let Some(programs) = corpus::programs(extent) else { return };
    let mut tally = Tally::default();
    let mut recall = Recall::default();
    let rows = corpus::rows("corpus-open.csv");
    for row in rows.iter().filter(|row| extent == Extent::Full || row["tier"] == "core") {
        // What is gone was reported by the fetch.
        let Ok(bytes) = std::fs::read(programs.join(&row["id"])) else { continue };
        match facts::try_of(&row["id"], &bytes) {
            Ok(binary) => {
                compare(row, &binary, &mut tally);
                compare_crates(row, &binary, &mut tally, &mut recall);
            }
            Err(why) => tally.add("answered", &row["id"], Some(&why), "yes"),
        }
    }
    let (answered, _) = tally.share("answered");
    let mut section = format!("## {answered} programs that others built\n\n");
    tally.page(&mut section);
    recall.page(&mut section);
    keep("programs", &section, extent);
    let missed = tally.missed(GOALS);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Small stripped programs of every shape, whose sources are known.
#[test]
fn facts_of_placeholders() {
    if !slow::has("xz") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let archive = corpus::data().join("placeholders-open.tar.xz");
    let unpacked =
        run::command("tar").arg("-xJf").arg(&archive).current_dir(folder.path()).status();
    assert!(unpacked.is_ok_and(|status| status.success()), "tar unpacks it");
    let mut tally = Tally::default();
    for row in corpus::rows("placeholders-open.csv") {
        let path = [row["file"].clone(), format!("placeholders/{}", row["file"])]
            .into_iter()
            .map(|name| folder.path().join(name))
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("{} is in the archive", row["file"]));
        let bytes = std::fs::read(path).expect("it can be read");
        compare_placeholder(&row, &facts::of(&row["file"], &bytes), &mut tally);
    }
    let mut section = String::from("## 229 small programs with known sources\n\n");
    tally.page(&mut section);
    keep("placeholders", &section, Extent::Full);
    let missed = tally.missed(&[
        "triple",
        "libc",
        "rustc version",
        "panic strategy",
        "Rust",
        "real main",
        "symbols",
    ]);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    let (found, of) = tally.share("placeholder main");
    assert!(found * 100 >= of * 99, "{found} of {of} placeholders");
}

fn compare_placeholder(row: &Row, binary: &Value, tally: &mut Tally) {
    let id = row["file"].as_str();
    tally.add("Rust", id, yes_or_no(&binary["rust"]), "yes");
    tally.add("triple", id, binary["triple"].as_str(), &row["triple"]);
    let libc = &binary["libc"];
    let libc = libc["name"].as_str().zip(libc["linkage"].as_str());
    let libc = libc.map(|(name, linkage)| format!("{name}, {linkage}"));
    let linkage = if row["link"].contains("static") { "static" } else { "dynamic" };
    let known = if row["triple"].contains("musl") { "musl" } else { "glibc" };
    tally.add("libc", id, libc.as_deref(), &format!("{known}, {linkage}"));
    tally.add("symbols", id, binary["symbols"].as_str(), "stripped");
    let known = match row["rustc"].strip_prefix("nightly ") {
        Some(version) => format!("{version}-nightly"),
        None => row["rustc"].clone(),
    };
    tally.add("rustc version", id, binary["rustc"]["version"].as_str(), &known);
    tally.add("panic strategy", id, binary["panic"].as_str(), &row["panic"]);
    let said = binary["main"]["verdict"].as_str();
    match row["main"].as_str() {
        // A null accuses nobody.
        "real" => tally.add(
            "real main",
            id,
            Some(said.filter(|it| *it != "real").unwrap_or("real")),
            "real",
        ),
        // LLVM deleted the only store: the code and the source are both right.
        "real-or-empty" => {}
        truth => tally.add("placeholder main", id, said, truth),
    }
}

fn yes_or_no(fact: &Value) -> Option<&'static str> {
    fact.as_bool().map(|fact| if fact { "yes" } else { "no" })
}

/// How much of what is known to be inside is found.
#[derive(Default)]
struct Recall {
    /// Kind of list to `(found, listed)`.
    lists: BTreeMap<&'static str, (usize, usize)>,
}

impl Recall {
    fn page(&self, into: &mut String) {
        into.push_str("\n### Crates found by panic locations, of those listed\n\n");
        into.push_str("| list | found | listed |\n| --- | ---: | ---: |\n");
        for (list, (found, listed)) in &self.lists {
            let _ = writeln!(into, "| {list} | {found} | {listed} |");
        }
    }
}

/// Crates by path must be on the list; crates by cargo-auditable's record must be the list.
fn compare_crates(row: &Row, binary: &Value, tally: &mut Tally, recall: &mut Recall) {
    let id = row["id"].as_str();
    let Some(file) = row["crates_file"].rsplit('/').next().filter(|file| !file.is_empty()) else {
        return;
    };
    let text =
        std::fs::read_to_string(corpus::data().join("crates").join(file)).expect("committed");
    let list: serde_json::Value = serde_json::from_str(&text).expect("the list is JSON");
    // Debian's names have no underscores, and its versions no build metadata.
    let plain = |name: &str, version: &str| {
        format!("{}@{}", name.replace('_', "-"), version.split('+').next().unwrap_or_default())
    };
    let named = |it: &Value| {
        plain(it["name"].as_str().unwrap_or_default(), it["version"].as_str().unwrap_or_default())
    };
    let crates = list["crates"].as_array().expect("a list of crates");
    let listed: BTreeSet<String> = crates.iter().map(named).collect();
    let binaries: Vec<&Value> = match binary["slices"].as_array() {
        Some(slices) if !slices.is_empty() => slices.iter().collect(),
        _ => vec![binary],
    };
    let of = |source: &str| -> BTreeSet<String> {
        let crates = binaries.iter().filter_map(|it| it["crates"].as_array()).flatten();
        crates.filter(|it| it["from"] == source).map(named).collect()
    };
    let by_path = of("panic-path");
    for found in &by_path {
        let said = if listed.contains(found) { "inside".to_string() } else { found.clone() };
        tally.add("crates by path: inside", id, Some(&said), "inside");
    }
    let kind = match file {
        _ if file.ends_with(".auditable.json") => "cargo-auditable's record",
        _ if file.ends_with(".debian.json") => "Debian's Static-Built-Using",
        _ => "Cargo.lock of the same version (an upper bound)",
    };
    let counts = recall.lists.entry(kind).or_default();
    counts.0 += by_path.intersection(&listed).count();
    counts.1 += listed.len();
    if file.ends_with(".auditable.json") {
        let all: BTreeSet<String> = of("dep-v0").union(&by_path).cloned().collect();
        let missing = listed.difference(&all).count() + all.difference(&listed).count();
        tally.add("crates by record: all", id, Some(&format!("{missing} differ")), "0 differ");
    }
}

/// The page has two parts, written by two tests; a run over the small tier writes nothing.
fn keep(part: &str, section: &str, extent: Extent) {
    println!("{section}");
    if extent == Extent::Core || corpus::extent() == Extent::Core {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/accuracy.md");
    static PAGE: Mutex<()> = Mutex::new(());
    let _guard = PAGE.lock().expect("no test panics while it writes");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let mark = |part: &str| format!("<!-- {part} -->\n");
    let kept = |part: &str| {
        let from = old.split_once(&mark(part)).map_or("", |(_, rest)| rest);
        from.split_once("<!-- end -->").map_or("", |(section, _)| section).to_string()
    };
    let mut page = String::from(INTRODUCTION);
    for name in ["programs", "placeholders"] {
        let text = if name == part { section.to_string() } else { kept(name) };
        let _ = write!(page, "{}{}\n<!-- end -->\n\n", mark(name), text.trim_end());
    }
    std::fs::write(&path, page.trim_end().to_string() + "\n").expect("the page can be written");
}

const INTRODUCTION: &str = "\
# How often the facts are right

Written by `BINLINT_CORPUS=full cargo test --test it corpus`; do not edit. Said is what `inspect` answers from the bytes \
alone; true is what the manifests in `testdata/corpus` know from elsewhere: the package's own metadata, readelf, \
upstream's profile, Debian's control files, a second binary of the same build. Null is an answer, and costs nobody \
anything; wrong is what must not be. More programs are kept apart and never developed against.

";

fn compare(row: &Row, whole: &Value, tally: &mut Tally) {
    let id = row["id"].as_str();
    let truth = |column: &str| row[column].as_str();
    tally.add("answered", id, Some("yes"), "yes");
    let slices = whole["slices"].as_array().map_or(&[][..], Vec::as_slice);
    let parts = if slices.is_empty() { std::slice::from_ref(whole) } else { slices };
    let triples: Option<Vec<&str>> = parts.iter().map(|part| part["triple"].as_str()).collect();
    let triples = triples.map(|triples| triples.join("+"));
    tally.add("triple", id, triples.as_deref(), truth("triple"));
    let binary = &parts[0];

    let (name, linkage) = libc_truth(truth("libc"));
    let libc = &binary["libc"];
    if let Some(name) = name {
        tally.add("libc name", id, libc["name"].as_str(), name);
    }
    if let Some(linkage) = linkage {
        tally.add("libc linkage", id, libc["linkage"].as_str(), linkage);
    }
    let or_none = |version: &str| libc[version].as_str().unwrap_or("none").to_owned();
    let required = or_none("version_required");
    if truth("libc") == "glibc-dynamic" {
        tally.add("required glibc", id, Some(&required), truth("glibc_strict"));
        tally.add("named glibc", id, Some(&or_none("version_named")), truth("glibc_named"));
    } else {
        tally.add("required glibc", id, Some(&required), "none");
    }
    if !truth("stripped").is_empty() {
        let known = if truth("stripped") == "yes" { "stripped" } else { "present" };
        tally.add("symbols", id, binary["symbols"].as_str(), known);
    }
    if !truth("debug").is_empty() {
        let known = match (truth("debug"), truth("debuglink")) {
            ("dwarf", _) => "present",
            ("pdb-path-only", _) | (_, "True") => "separate",
            _ => "none",
        };
        tally.add("debug info", id, binary["debug_info"].as_str(), known);
    }
    if truth("format") == "elf" {
        let yes = |known: bool| if known { "yes" } else { "no" };
        let is_dyn = yes(truth("elf_type") == "DYN");
        tally.add("position independent", id, yes_or_no(&binary["position_independent"]), is_dyn);
        let static_pie = yes(truth("libc") == "musl-static-pie");
        tally.add("static-pie", id, yes_or_no(&binary["static_pie"]), static_pie);
        tally.add(
            "interpreter",
            id,
            Some(binary["interpreter"].as_str().unwrap_or("none")),
            or(truth("interp"), "none"),
        );
        let hardening = &binary["hardening"];
        let relro = hardening["relro"].as_str().map(|relro| yes(relro != "none"));
        tally.add("RELRO", id, relro, yes(truth("relro") == "True"));
        let bind_now = yes_or_no(&hardening["bind_now"]).or(Some("no"));
        tally.add("BIND_NOW", id, bind_now, yes(truth("bind_now") == "True"));
    }
    let kind = match truth("kind") {
        "exe" => "executable",
        _ => "shared-library",
    };
    tally.add("kind", id, binary["kind"].as_str(), kind);
    let rust = matches!(truth("language"), "rust" | "mixed");
    tally.add("Rust", id, yes_or_no(&binary["rust"]), if rust { "yes" } else { "no" });
    if matches!(truth("panic_confidence"), "certain" | "high") {
        tally.add("panic strategy", id, binary["panic"].as_str(), truth("panic"));
    }
    let version = binary["rustc"]["version"].as_str();
    if !truth("rustc").is_empty() {
        let known = truth("rustc").split(' ').next().unwrap_or_default();
        tally.add("rustc version", id, version, known);
    } else if !rust {
        tally.add("rustc version", id, Some(version.unwrap_or("none")), "none");
    }
    let judged = truth("triple").starts_with("x86_64") || truth("triple").starts_with("aarch64");
    // In mixed programs main is C's or C++'s own.
    let whole = truth("language") == "rust" && truth("kind") == "exe";
    let verdict = binary["main"]["verdict"].as_str();
    if whole && truth("format") == "elf" && judged {
        let said = verdict.map(|it| if it == "real" { "real" } else { "a placeholder" });
        tally.add("main (x86_64 and aarch64 ELF)", id, said, "real");
    } else if rust {
        let said = if verdict.is_none_or(|it| it == "real") { "no" } else { "yes" };
        tally.add("main called a placeholder (others)", id, Some(said), "no");
    }
    if !truth("allocator_seen").is_empty() {
        tally.add("allocator", id, binary["allocator"].as_str(), truth("allocator_seen"));
    }
}

fn or<'a>(value: &'a str, empty: &'a str) -> &'a str {
    if value.is_empty() { empty } else { value }
}

fn libc_truth(column: &str) -> (Option<&'static str>, Option<&'static str>) {
    match column {
        "glibc-dynamic" => (Some("glibc"), Some("dynamic")),
        "glibc-static" => (Some("glibc"), Some("static")),
        "musl-static" | "musl-static-pie" => (Some("musl"), Some("static")),
        "musl-dynamic" => (Some("musl"), Some("dynamic")),
        "is-musl" => (Some("musl"), None),
        "bionic" => (Some("bionic"), None),
        "ohos-musl-dynamic" => (Some("ohos-musl"), Some("dynamic")),
        "msvc-crt-dynamic" => (Some("msvc"), Some("dynamic")),
        "msvc-crt-static" => (Some("msvc"), Some("static")),
        "mingw-ucrt" => (Some("ucrt"), Some("dynamic")),
        "libsystem" => (Some("libsystem"), Some("dynamic")),
        "freebsd-dynamic" => (Some("freebsd"), Some("dynamic")),
        "freebsd-static" => (Some("freebsd"), Some("static")),
        "openbsd-dynamic" => (Some("openbsd"), Some("dynamic")),
        "none(static go)" => (Some("none"), Some("static")),
        // wasm, AIX, NetBSD: no C library that this report has a name for.
        _ => (None, None),
    }
}

/// Rules whose fixtures no compiler of this machine makes: each bites a real program and spares one.
#[test]
fn rules_bite_and_spare_real_programs() {
    let Some(folder) = corpus::programs(corpus::extent()) else { return };
    for id in ["musl-allocator"] {
        let mut answers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).expect("the corpus is there").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let linter = Linter::new().binary(entry.path()).level(Level::Warn, id);
            let Ok(report) = linter.lint() else { continue };
            let results = report.subjects.iter().flat_map(|subject| &subject.results);
            for result in results.filter(|result| result.rule.id == id) {
                answers.entry(result.outcome.name()).or_default().push(name.clone());
            }
        }
        assert!(answers.contains_key("fail"), "{id} bites none of {answers:#?}");
        assert!(answers.contains_key("not-applicable"), "{id} spares none of {answers:#?}");
    }
}
