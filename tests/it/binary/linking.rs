//! Linking facts against binutils' `readelf` over the libraries and programs of this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use binlint::internals::binary::elf::DynamicInfo;
use binlint::internals::binary::elf::ElfError;

use crate::support::run;
use crate::support::{program, slow};

/// Files a directory: enough to meet every shape of table.
const MOST_FILES: usize = 250;

fn files() -> Vec<PathBuf> {
    let mut files = vec![program::small().to_owned()];
    for directory in ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/bin"] {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        files.extend(paths.into_iter().filter(|path| path.is_file()).take(MOST_FILES));
    }
    files
}

fn readelf(path: &Path, options: &[&str]) -> String {
    let output = run::command("readelf").env("LC_ALL", "C").args(options).arg(path).output();
    String::from_utf8_lossy(&output.expect("readelf is installed").stdout).into_owned()
}

/// The values of `[…]` in the lines that name a tag.
fn bracketed(text: &str, tag: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains(tag));
    let between = |line: &str| {
        let (_, rest) = line.split_once('[')?;
        rest.rsplit_once(']').map(|(text, _)| text.to_string())
    };
    lines.filter_map(between).collect()
}

#[test]
fn dynamic_section_and_versions_agree_with_readelf() {
    if !slow::has("readelf") {
        return;
    }
    let mut seen = 0;
    for path in files() {
        let bytes = std::fs::read(&path).expect("a file of the system can be read");
        let linking = match DynamicInfo::parse(&bytes) {
            Ok(linking) => linking,
            Err(ElfError::TooShort | ElfError::Magic | ElfError::Ident) => continue,
        };
        seen += 1;
        let shown = path.display();
        let dynamic = readelf(&path, &["-dW"]);
        assert_eq!(linking.needed, bracketed(&dynamic, "(NEEDED)"), "{shown}");
        assert_eq!(
            linking.soname.iter().cloned().collect::<Vec<_>>(),
            bracketed(&dynamic, "(SONAME)"),
            "{shown}"
        );
        assert_eq!(
            linking.runpath.iter().cloned().collect::<Vec<_>>(),
            bracketed(&dynamic, "(RUNPATH)"),
            "{shown}"
        );

        if !linking.dynamic {
            continue;
        }
        let symbols = linking.symbols.as_ref().expect("symbols were asked for");
        let (mut undefined, mut defined) = (BTreeSet::new(), Vec::new());
        for line in readelf(&path, &["--dyn-syms", "-W"]).lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, value, _, kind, binding, visibility, section, name, ..] = words[..] else {
                continue;
            };
            if !matches!(binding, "GLOBAL" | "WEAK" | "UNIQUE") || visibility == "HIDDEN" {
                continue;
            }
            let (bare, version) = name.split_once('@').unwrap_or((name, ""));
            if section == "UND" {
                undefined.insert((bare.to_string(), version.to_string()));
            } else if value.bytes().any(|it| it != b'0') || kind == "TLS" {
                defined.push((
                    bare.to_string(),
                    version.trim_start_matches('@').to_string(),
                    version.starts_with('@'),
                ));
            }
        }
        for reference in symbols.references().filter(|it| !it.copied) {
            let version = linking.version_name(reference.version).unwrap_or_default();
            let key = (reference.name.to_string(), version.to_string());
            assert!(undefined.contains(&key), "{shown}: {key:?}");
        }
        for (name, version, default) in &defined {
            let is_it = |versym: u16| {
                let hidden = versym & 0x8000 != 0;
                let named = linking.version_name(versym & 0x7fff).unwrap_or_default();
                named == version
                    && (version.is_empty()
                        || hidden != *default
                        || linking.version_needs.iter().any(|need| need.index == versym))
            };
            let offered = symbols.definitions(name).any(is_it);
            // A program offers only those that its hash table holds, which readelf does not say.
            assert!(offered || linking.is_program(), "{shown}: {name}@{version} default {default}");
        }
        // A library of versions also offers an absolute symbol of value zero for each of them.
        assert!(
            symbols.exported() <= defined.len() + linking.version_definitions.len(),
            "{shown}: {} of {}",
            symbols.exported(),
            defined.len()
        );
    }
    assert!(seen > 100, "only {seen} ELF files were compared");
}

#[test]
fn damage_anywhere_is_no_panic() {
    let whole = std::fs::read(program::small()).expect("it is there");
    let head = &whole[..whole.len().min(60_000)];
    for end in (0..head.len()).step_by(131) {
        let _ = DynamicInfo::parse(&head[..end]);
    }
    let mut damaged = head.to_vec();
    for at in 0..damaged.len().min(4096) {
        let before = damaged[at];
        damaged[at] ^= 0xff;
        let _ = DynamicInfo::parse(&damaged);
        damaged[at] = before;
    }
}

#[test]
fn this_machine_s_loader_says_where_it_looks() {
    let bytes = std::fs::read(program::small()).expect("it is there");
    let linking = DynamicInfo::parse(&bytes).expect("ELF");
    let interpreter = linking.interpreter.expect("a test is linked dynamically");
    let file = std::fs::File::open(&interpreter).expect("it runs, so its loader is there");
    let loader = DynamicInfo::read_from(file).expect("ELF").loader.expect("glibc's loader");
    // The loader's own words: the lines that end in "(system search path)".
    let help = run::command(&interpreter).arg("--help").output().expect("a loader runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let said: Vec<String> = help
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" (system search path)"))
        .map(|directory| format!("{directory}/"))
        .collect();
    assert_eq!(loader.directories, said);
    assert_eq!(loader.cache.as_deref(), Some("/etc/ld.so.cache"));
    assert!(loader.release.is_some());
}
