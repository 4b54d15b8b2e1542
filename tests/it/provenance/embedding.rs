//! A record inside programs of every layout: it comes out again, and nothing else notices it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::run;
use crate::support::slow::{self, Need};
use binlint::internals::binary::elf::record_section;
use binlint::internals::digest::sha256_hex;
use binlint::internals::provenance::statement::ResourceDescriptor;
use binlint::internals::provenance::subject_match::{
    BinaryFingerprints, MatchedProgram, SubjectMatch,
};

const RECORD: &[u8] = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;

const PROGRAM: &str = "fn main() { let left = std::panic::catch_unwind(|| panic!(\"x\")).is_err();
    println!(\"{left} {}\", std::env::args().count()); }";

fn run(program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Option<Output> {
    let output = run::command(program).args(words).output().ok()?;
    output.status.success().then_some(output)
}

#[track_caller]
fn must(program: &str, words: &[&str]) -> Output {
    run(program, words).unwrap_or_else(|| panic!("{program} {words:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a record keeps of a program.
fn recorded(program: &[u8]) -> Vec<ResourceDescriptor> {
    let mut subject = ResourceDescriptor::named("app", sha256_hex(program));
    subject.annotations = BinaryFingerprints::of(program).annotations();
    vec![subject]
}

/// Embeds, and holds the result against the program: the record and the program come out again,
/// embedding twice is embedding once, other readers find nothing wrong.
fn embed(path: &Path) -> PathBuf {
    let program = fs::read(path).unwrap();
    let carrying = record_section::embed(&program, RECORD).unwrap_or_else(|| panic!("{path:?}"));
    assert_eq!(record_section::find(&carrying), Some(RECORD), "{path:?}");
    assert_eq!(record_section::without(&carrying).as_ref(), Some(&program), "{path:?}");
    assert_eq!(record_section::embed(&carrying, RECORD).as_ref(), Some(&carrying));
    assert_eq!(
        MatchedProgram::read(&recorded(&program), &carrying).state,
        SubjectMatch::Same,
        "{path:?}"
    );
    let to = path.with_extension("carrying");
    fs::write(&to, &carrying).unwrap();
    fs::set_permissions(&to, fs::metadata(path).unwrap().permissions()).unwrap();
    let read = must("readelf", &["-SW", text(&to)]);
    // A file without a single section gets a table, and readelf misses the others in it.
    let has_table = program[0x3a..0x40] != [0; 6];
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(said.is_empty() || !has_table, "{path:?}: {said}");
    assert!(String::from_utf8_lossy(&read.stdout).contains(".binlint"), "{path:?}");
    to
}

/// What became of the program in the eyes of its record.
fn state(recorded: &[ResourceDescriptor], now: &Path) -> SubjectMatch {
    MatchedProgram::read(recorded, &fs::read(now).unwrap()).state
}

fn keeps_the_record(path: &Path) -> bool {
    record_section::find(&fs::read(path).unwrap()) == Some(RECORD)
}

#[test]
fn programs_of_every_linker_run_as_before_and_keep_it_when_stripped() {
    // One package has readelf, strip and objcopy.
    if !slow::has("readelf") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("main.rs");
    fs::write(&source, PROGRAM).unwrap();
    let mut linked = 0;
    let only_some = slow::is_left_out(Need::Toolchains);
    for (name, words) in [
        ("plain", &["-O"][..]),
        ("debug", &["-g"]),
        ("packed-debug", &["-g", "-Csplit-debuginfo=packed"]),
        ("compressed-debug", &["-g", "-Clink-arg=-Wl,--compress-debug-sections=zlib"]),
        ("static-pie", &["-O", "-Ctarget-feature=+crt-static"]),
        ("no-pie", &["-O", "-Crelocation-model=static"]),
        ("no-relro", &["-O", "-Crelro-level=off"]),
        ("symbols-stripped", &["-O", "-Cstrip=symbols"]),
        ("sha1-id", &["-O", "-Clink-arg=-Wl,--build-id=sha1"]),
        ("no-id", &["-O", "-Clink-arg=-Wl,--build-id=none"]),
        ("lld", &["-O", "-Clink-arg=-fuse-ld=lld"]),
        ("lld-no-rosegment", &["-O", "-Clink-arg=-fuse-ld=lld", "-Clink-arg=-Wl,--no-rosegment"]),
        ("mold", &["-O", "-Clink-arg=-fuse-ld=mold"]),
        ("gold", &["-O", "-Clink-arg=-fuse-ld=gold"]),
    ] {
        if only_some && !["plain", "static-pie", "no-id"].contains(&name) {
            continue;
        }
        let program = home.path().join(name);
        must("rustc", &[words, &[text(&source), "-o", text(&program)]].concat());
        linked += 1;
        let carrying = embed(&program);
        let record = recorded(&fs::read(&program).unwrap());
        let before = must(text(&program), &["a"]);
        assert_eq!(before.stdout, b"true 2\n");
        assert_eq!(must(text(&carrying), &["a"]).stdout, before.stdout, "{name}");
        let to = home.path().join("rewritten");
        for (tool, words, keeps) in [
            ("strip", &["-o"][..], true),
            ("strip", &["-g", "-o"], true),
            ("objcopy", &["--strip-unneeded"], true),
            ("eu-strip", &["-o"], false),
            ("eu-strip", &["-g", "-o"], true),
            ("llvm-strip", &["--keep-section=.binlint", "-o"], true),
            ("llvm-strip", &["-g", "-o"], true),
            ("llvm-strip", &["-o"], false),
            ("llvm-strip", &["--strip-sections", "-o"], false),
        ] {
            if only_some && !["strip", "objcopy"].contains(&tool) {
                continue;
            }
            let (from, out) = (text(&carrying), text(&to));
            let all = match words.last() {
                Some(&"-o") => [words, &[out, from]].concat(),
                _ => [words, &[from, out]].concat(),
            };
            must(tool, &all);
            assert_eq!(must(out, &["a"]).stdout, before.stdout, "{name} {tool} {words:?}");
            let found = state(&record, &to);
            assert_eq!(found, SubjectMatch::Stripped, "{name} {tool} {words:?}");
            assert_eq!(keeps_the_record(&to), keeps, "{name} {tool} {words:?}");
            // A stripped program takes a record of its own, in the place of the old one or not.
            if !keeps {
                assert_eq!(must(text(&embed(&to)), &["a"]).stdout, before.stdout);
            }
        }
        // A section more, a build-id of another hand, a signature behind it all.
        must("objcopy", &["--add-section", ".extra=/etc/passwd", text(&carrying), text(&to)]);
        assert_eq!(
            (state(&record, &to), keeps_the_record(&to)),
            (SubjectMatch::Stripped, true),
            "{name}"
        );
        let mut signed = fs::read(&carrying).unwrap();
        signed.extend(b"~Module signature appended~\n");
        fs::write(&to, signed).unwrap();
        assert_eq!(
            (state(&record, &to), keeps_the_record(&to)),
            (SubjectMatch::Stripped, true),
            "{name}"
        );
        if name != "static-pie" && slow::has("patchelf") {
            fs::copy(&carrying, &to).unwrap();
            must("patchelf", &["--set-rpath", "/opt/lib", text(&to)]);
            assert_eq!(
                (state(&record, &to), keeps_the_record(&to)),
                (SubjectMatch::Patched, true),
                "{name}"
            );
            assert_eq!(must(text(&to), &["a"]).stdout, before.stdout);
        }
    }
    assert!(linked >= if only_some { 3 } else { 14 }, "{linked}");
}

#[test]
fn other_machines_and_byte_orders_carry_it_too() {
    if slow::is_left_out(Need::Toolchains) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // exit(7) in each machine's words.
    for (triple, qemu, code) in [
        ("i686-linux-gnu", "qemu-i386-static", "movl $1,%eax; movl $7,%ebx; int $0x80"),
        ("aarch64-linux-gnu", "qemu-aarch64-static", "mov x8,#93; mov x0,#7; svc #0"),
        ("armv7-linux-gnueabihf", "qemu-arm-static", "mov r7,#1; mov r0,#7; svc #0"),
        ("riscv64-linux-gnu", "qemu-riscv64-static", "li a7,93; li a0,7; ecall"),
        ("mips-linux-gnu", "qemu-mips-static", "li $2,4001; li $4,7; syscall"),
        ("powerpc-linux-gnu", "qemu-ppc-static", "li 0,1; li 3,7; sc"),
    ] {
        let (object, program) = (home.path().join("a.o"), home.path().join(triple));
        let source = home.path().join("a.s");
        let code = code.replace("; ", "\n");
        let entry = if triple.starts_with("mips") { "__start" } else { "_start" };
        fs::write(&source, format!(".globl {entry}\n.text\n{entry}:\n{code}\n")).unwrap();
        let to = text(&object);
        must("llvm-mc", &["-triple", triple, "-filetype=obj", "-o", to, text(&source)]);
        must("ld.lld", &[to, "-o", text(&program)]);
        let exit = |path: &Path| {
            let ran = run::command(qemu).arg(path).output().ok();
            ran.and_then(|output| output.status.code())
        };
        assert_eq!(exit(&program), Some(7), "{triple}");
        assert_eq!(exit(&embed(&program)), Some(7), "{triple}");
    }
}

#[test]
fn very_many_sections_and_none_are_carried_or_refused_in_words() {
    // One package has readelf, strip and objcopy.
    if !slow::has("readelf") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let program = |count: usize| {
        let (source, to) = (home.path().join("many.s"), home.path().join(count.to_string()));
        let sections: String =
            (0..count).map(|number| format!(".section .s{number},\"a\"\n.byte 1\n")).collect();
        fs::write(&source, format!("{sections}.globl _start\n.text\n_start:\n nop\n")).unwrap();
        let object = home.path().join("many.o");
        must("cc", &["-c", text(&source), "-o", text(&object)]);
        must("ld", &["--unique", text(&object), "-o", text(&to)]);
        to
    };
    let many = program(60_000);
    embed(&many);
    must("objcopy", &["--strip-all", text(&many), text(&home.path().join("x"))]);
    // More than the header can count in its own field.
    let more = fs::read(program(66_000)).unwrap();
    assert_eq!(record_section::embed(&more, RECORD), None);
    assert!(
        BinaryFingerprints::of(&more).loaded.is_none()
            || BinaryFingerprints::of(&more).build_id.is_none()
    );
}
