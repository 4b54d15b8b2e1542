//! Every fact over real programs that nobody here built, against what is known of each.

use binlint::facts::Binary;
use binlint::facts::binary::{DebugInfo, LibcName, Linkage, Panic, Relro, Symbols};

#[path = "corpus/manifest.rs"]
mod manifest;
#[path = "corpus/tally.rs"]
mod tally;

use manifest::{Extent, Row};
use tally::Tally;

#[test]
fn facts_of_programs_that_others_built() {
    let extent = manifest::extent();
    let Some(programs) = manifest::programs(extent) else { return };
    let mut tally = Tally::default();
    let rows = manifest::rows("corpus-open.csv");
    for row in rows.iter().filter(|row| extent == Extent::Full || row["tier"] == "core") {
        // What is gone was reported by the fetch.
        let Ok(bytes) = std::fs::read(programs.join(&row["id"])) else { continue };
        match Binary::full(row["id"].as_str(), &bytes, false) {
            Ok(binary) => compare(row, &binary, &mut tally),
            Err(why) => tally.add("answered", &row["id"], Some(&why.to_string()), "yes"),
        }
    }
    println!("{}", tally.page());
}

fn compare(row: &Row, whole: &Binary, tally: &mut Tally) {
    let id = row["id"].as_str();
    let truth = |column: &str| row[column].as_str();
    tally.add("answered", id, Some("yes"), "yes");
    let triples: Option<String> = match whole.slices.as_slice() {
        [] => whole.triple.value.clone(),
        slices => slices
            .iter()
            .map(|slice| slice.triple.value.clone())
            .collect::<Option<Vec<String>>>()
            .map(|triples| triples.join("+")),
    };
    tally.add("triple", id, triples.as_deref(), truth("triple"));
    let binary = whole.slices.first().unwrap_or(whole);

    let (name, linkage) = libc_truth(truth("libc"));
    if let Some(name) = name {
        tally.add("libc name", id, binary.libc.name.value.map(libc_name), name);
    }
    if let Some(linkage) = linkage {
        let said = binary.libc.linkage.map(|linkage| match linkage {
            Linkage::Dynamic => "dynamic",
            Linkage::Static => "static",
        });
        tally.add("libc linkage", id, said, linkage);
    }
    if truth("libc") == "glibc-dynamic" {
        let or_none =
            |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_string());
        for (fact, said, column) in [
            ("required glibc", &binary.libc.version_required, "glibc_strict"),
            ("named glibc", &binary.libc.version_named, "glibc_named"),
        ] {
            tally.add(fact, id, Some(&or_none(said)), truth(column));
        }
    } else {
        let said = binary.libc.version_required.as_deref().unwrap_or("none");
        tally.add("required glibc", id, Some(said), "none");
    }
    if !truth("stripped").is_empty() {
        let said = binary.symbols.map(|symbols| match symbols {
            Symbols::Present => "present",
            Symbols::Stripped => "stripped",
        });
        let known = if truth("stripped") == "yes" { "stripped" } else { "present" };
        tally.add("symbols", id, said, known);
    }
    if !truth("debug").is_empty() {
        let said = binary.debug_info.map(|debug| match debug {
            DebugInfo::None => "none",
            DebugInfo::Present => "present",
            DebugInfo::Separate => "separate",
        });
        let known = match (truth("debug"), truth("debuglink")) {
            ("dwarf", _) => "present",
            ("pdb-path-only", _) | (_, "True") => "separate",
            _ => "none",
        };
        tally.add("debug info", id, said, known);
    }
    if truth("format") == "elf" {
        let word = |said: Option<bool>| said.map(|said| if said { "yes" } else { "no" });
        let yes = |known: bool| if known { "yes" } else { "no" };
        tally.add(
            "position independent",
            id,
            word(binary.position_independent),
            yes(truth("elf_type") == "DYN"),
        );
        tally.add(
            "static-pie",
            id,
            word(binary.static_pie),
            yes(truth("libc") == "musl-static-pie"),
        );
        tally.add(
            "interpreter",
            id,
            Some(binary.interpreter.as_deref().unwrap_or("none")),
            or(truth("interp"), "none"),
        );
        let relro = binary.hardening.relro.map(|relro| relro != Relro::None);
        tally.add("RELRO", id, word(relro), yes(truth("relro") == "True"));
        let bind_now = binary.hardening.bind_now.or(Some(false));
        tally.add("BIND_NOW", id, word(bind_now), yes(truth("bind_now") == "True"));
    }
    let kind = match truth("kind") {
        "exe" => "executable",
        _ => "shared-library",
    };
    tally.add(
        "kind",
        id,
        Some(
            &format!("{:?}", binary.kind).to_lowercase().replace("sharedlibrary", "shared-library"),
        ),
        kind,
    );
    let rust = matches!(truth("language"), "rust" | "mixed");
    tally.add(
        "Rust",
        id,
        binary.rust.value.map(|rust| if rust { "yes" } else { "no" }),
        if rust { "yes" } else { "no" },
    );
    if matches!(truth("panic_confidence"), "certain" | "high") {
        let said = binary.panic.value.map(|panic| match panic {
            Panic::Unwind => "unwind",
            Panic::Abort => "abort",
        });
        tally.add("panic strategy", id, said, truth("panic"));
    }
    if !truth("rustc").is_empty() {
        let known = truth("rustc").split(' ').next().unwrap_or_default();
        tally.add("rustc version", id, binary.rustc.version.as_deref(), known);
    } else if !rust {
        tally.add(
            "rustc version",
            id,
            Some(binary.rustc.version.as_deref().unwrap_or("none")),
            "none",
        );
    }
    if !truth("allocator_seen").is_empty() {
        let said = binary.allocator.value.as_deref();
        tally.add("allocator", id, said, truth("allocator_seen"));
    }
}

fn or<'a>(value: &'a str, empty: &'a str) -> &'a str {
    if value.is_empty() { empty } else { value }
}

fn libc_name(name: LibcName) -> &'static str {
    match name {
        LibcName::Glibc => "glibc",
        LibcName::Musl => "musl",
        LibcName::Bionic => "bionic",
        LibcName::OhosMusl => "ohos-musl",
        LibcName::Msvc => "msvc",
        LibcName::Ucrt => "ucrt",
        LibcName::LibSystem => "libsystem",
        LibcName::FreeBsd => "freebsd",
        LibcName::OpenBsd => "openbsd",
        LibcName::None => "none",
    }
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
