//! Programs that the compiler of this machine makes on the spot: every rule that needs the program
//! alone bites exactly those it is meant for, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::support::run;
use crate::support::slow;
use binlint::{Level, Linter, Outcome, Rule, rules};

/// A program, and the rules that must fail for it. Every other rule must not.
struct Animal {
    name: &'static str,
    source: &'static str,
    flags: &'static [&'static str],
    bites: &'static [&'static str],
}

const SERVER: &str = r#"
    use std::io::{Read, Write};
    fn main() {
        let words: Vec<String> = std::env::args().collect();
        let Some(port) = words.get(1).and_then(|word| word.parse().ok()) else {
            eprintln!("usage: {} PORT", words[0]);
            std::process::exit(2);
        };
        let listener = std::net::TcpListener::bind(("0.0.0.0", port)).expect("bind");
        for stream in listener.incoming() {
            let mut stream = stream.expect("accept");
            let mut buffer = [0; 512];
            let count = stream.read(&mut buffer).expect("read");
            stream.write_all(&buffer[..count]).expect("write");
        }
    }
"#;

/// A throw-away key: `openssl genpkey -algorithm ed25519`, made for this test.
const KEY: &str = r#"
    static KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKq6NqsF3p+QAKVzOOSHsDDHHNxnpP3UlHFu0rYHb9Ga\n-----END PRIVATE KEY-----\n";
    fn main() {
        println!("{KEY}");
    }
"#;

/// One section of code that may be written to makes its whole segment so.
const WRITABLE_CODE: &str = r#"
    std::arch::global_asm!(
        ".section .patch,\"awx\",@progbits",
        ".globl patch",
        "patch: ret",
        ".text",
    );
    unsafe extern "C" {
        fn patch();
    }
    fn main() {
        unsafe { patch() };
        println!("{:?}", std::env::args());
    }
"#;

/// Calls a function of the object that lies beside it.
const C_INSIDE: &str = r#"
    unsafe extern "C" {
        fn shout(text: *const u8, length: usize) -> i32;
    }
    fn main() {
        let text = std::env::args().next().unwrap_or_default();
        println!("{}", unsafe { shout(text.as_ptr(), text.len()) });
    }
"#;

/// What `c.o` and `guarded.o` are made of: a copy to the stack that both guards watch.
const C_SOURCE: &str = "
    #include <string.h>
    int shout(const char *text, size_t length) {
        char copy[64];
        memcpy(copy, text, length);
        int sum = 0;
        for (size_t at = 0; at < length; at++) sum += copy[at];
        return sum;
    }
";

/// A word of the code that holds an address: the loader has to write to it.
const ADDRESS_IN_CODE: &str = r#"
    std::arch::global_asm!(".text", ".globl word", "word: .quad word");
    unsafe extern "C" {
        static word: u64;
    }
    fn main() {
        println!("{:?}", unsafe { word });
    }
"#;

/// A weak symbol of glibc 2.36, which the program can do without.
const WEAK_SYMBOL: &str = r#"
    std::arch::global_asm!(
        ".weak arc4random",
        ".section .data.rel.ro,\"aw\",@progbits",
        ".globl pointer",
        "pointer: .quad arc4random",
        ".text",
    );
    unsafe extern "C" {
        static pointer: u64;
    }
    fn main() {
        println!("{:?}", unsafe { pointer });
    }
"#;

/// Nothing that asks for a name.
const QUIET: &str = "fn main() { println!(\"{:?}\", std::env::args()); }";

/// A whole arm64 program for a compiler that has no library for arm64.
const BARE_ARM64: &str = r#"
    #![feature(no_core, lang_items)]
    #![allow(internal_features)]
    #![no_core]
    #![no_main]
    #[lang = "pointee_sized"]
    pub trait PointeeSized {}
    #[lang = "meta_sized"]
    pub trait MetaSized: PointeeSized {}
    #[lang = "sized"]
    pub trait Sized: MetaSized {}
    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        loop {}
    }
"#;

const ARM64: &[&str] = &[
    "--target=aarch64-unknown-linux-gnu",
    "-Cpanic=abort",
    "-Clinker=rust-lld",
    "-Clinker-flavor=ld.lld",
    "-Clink-args=-nostdlib -static -pie -z relro -z now",
];

const ARM64_SMALL_PAGES: &[&str] = &[
    "--target=aarch64-unknown-linux-gnu",
    "-Cpanic=abort",
    "-Clinker=rust-lld",
    "-Clinker-flavor=ld.lld",
    "-Clink-args=-nostdlib -static -pie -z relro -z now -z max-page-size=4096",
];

/// Carries the list of crates that `cargo auditable` writes.
const AUDITED: &str = r#"
    #[used]
    #[unsafe(link_section = ".dep-v0")]
    static CRATES: [u8; include_bytes!("../crates.zlib").len()] = *include_bytes!("../crates.zlib");
    fn main() {
        println!("{:?}", std::env::args());
    }
"#;

/// What vergen leaves when it saw no repository, cut in two for the sake of this file.
const UNVERSIONED: &str =
    concat!("fn main() { println!(\"commit: {}\", \"VERGEN_IDEMPOTENT", "_OUTPUT\"); }");

/// Every program here lacks it but the one that is made to have it.
const EVERYWHERE: &str = "missing-audit-data";

const ANIMALS: &[Animal] = &[
    Animal { name: "plain", source: SERVER, flags: &[], bites: &[] },
    Animal {
        name: "debug",
        source: SERVER,
        flags: &["-Copt-level=0", "-g", "-Cdebug-assertions"],
        bites: &[],
    },
    Animal {
        name: "unversioned",
        source: UNVERSIONED,
        flags: &[],
        bites: &["placeholder-version"],
    },
    Animal { name: "audited", source: AUDITED, flags: &[], bites: &[] },
    Animal {
        name: "static",
        source: SERVER,
        flags: &["-Ctarget-feature=+crt-static"],
        bites: &["static-glibc-nss"],
    },
    Animal {
        name: "static-quiet",
        source: QUIET,
        flags: &["-Ctarget-feature=+crt-static"],
        bites: &[],
    },
    Animal {
        name: "build-runpath",
        source: SERVER,
        flags: &["-Clink-arg=-Wl,-rpath,/home/alice/shop/target/release/deps"],
        bites: &["build-tree-runpath"],
    },
    Animal {
        name: "address-in-code",
        source: ADDRESS_IN_CODE,
        flags: &["-Clink-arg=-Wl,-z,notext"],
        bites: &["text-relocations"],
    },
    Animal { name: "weak-symbol", source: WEAK_SYMBOL, flags: &[], bites: &["weak-only-version"] },
    Animal {
        name: "fixed-address",
        source: SERVER,
        flags: &["-Crelocation-model=static"],
        bites: &["missing-pie"],
    },
    Animal {
        name: "lazy",
        source: SERVER,
        flags: &["-Crelro-level=partial", "-Clink-arg=-Wl,-z,lazy"],
        bites: &["relro-not-full"],
    },
    Animal {
        name: "no-relro",
        source: SERVER,
        flags: &["-Crelro-level=off", "-Clink-arg=-Wl,-z,norelro"],
        bites: &["relro-not-full"],
    },
    Animal {
        name: "stack",
        source: SERVER,
        flags: &["-Clink-arg=-Wl,-z,execstack"],
        bites: &["executable-stack"],
    },
    Animal {
        name: "runpath",
        source: SERVER,
        flags: &["-Clink-arg=-Wl,-rpath,/tmp/build/lib"],
        bites: &["insecure-runpath"],
    },
    Animal {
        name: "honest-runpath",
        source: SERVER,
        flags: &["-Clink-arg=-Wl,-rpath,$ORIGIN/../lib"],
        bites: &[],
    },
    Animal {
        name: "home",
        source: SERVER,
        flags: &["--remap-path-prefix=src=/home/alice/shop/src"],
        bites: &["embedded-home-path"],
    },
    Animal { name: "key", source: KEY, flags: &[], bites: &["embedded-secret"] },
    Animal {
        name: "writable-code",
        source: WRITABLE_CODE,
        flags: &[],
        bites: &["writable-executable-segment"],
    },
    Animal {
        name: "c-inside",
        source: C_INSIDE,
        flags: &["-Clink-arg=c.o"],
        bites: &["missing-stack-canary", "missing-fortify"],
    },
    Animal {
        name: "guarded-c-inside",
        source: C_INSIDE,
        flags: &["-Clink-arg=guarded.o"],
        bites: &[],
    },
    Animal { name: "arm64", source: BARE_ARM64, flags: ARM64, bites: &["missing-build-id"] },
    Animal {
        name: "arm64-small-pages",
        source: BARE_ARM64,
        flags: ARM64_SMALL_PAGES,
        bites: &["segment-alignment", "missing-build-id"],
    },
    Animal { name: "kernel", source: SERVER, flags: &[], bites: &["kernel-too-new"] },
];

/// Rules of the program alone whose fixtures need more than this machine's compiler, and the test
/// that has them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("musl-allocator", "tests/it/binary/corpus.rs"),
    ("upx-packed", "tests/it/provenance/records.rs"),
    ("dlopen-in-static", "tests/it/start/real.rs"),
    ("dynamic-openssl-on-musl", "tests/it/start/real.rs"),
];

#[test]
fn every_rule_bites_what_it_is_meant_for_and_nothing_else() {
    if !slow::has("objcopy") {
        return;
    }
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))) {
        return slow::lacks("x86_64-unknown-linux-gnu, whose programs these are");
    }
    let cage = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut spared: BTreeMap<&str, &str> = BTreeMap::new();
    let mut bitten: BTreeSet<&str> = BTreeSet::new();
    for animal in ANIMALS {
        let program = breed(animal, cage.path());
        if animal.name == "kernel" {
            ask_for_linux_9_9(&program);
        }
        let config = cage.path().join("binlint.toml");
        std::fs::write(&config, "").unwrap();
        let mut linter = Linter::new().binary(&program).config(config);
        for group in binlint::Group::ALL {
            linter = linter.level(Level::Warn, group.name());
        }
        let report = linter.lint().unwrap_or_else(|why| panic!("{}: {why}", animal.name));
        let [subject] = report.subjects.as_slice() else { panic!("{}", animal.name) };
        for result in subject.results.iter().filter(|it| is_of_the_binary(it.rule)) {
            let (rule, outcome) = (result.rule, result.outcome.clone());
            let expected = animal.bites.contains(&rule.id)
                || rule.id == EVERYWHERE && animal.source != AUDITED;
            match &outcome {
                Outcome::Fail(_) => bitten.insert(rule.id),
                Outcome::Pass(_) => spared.insert(rule.id, animal.name).is_none(),
                _ => false,
            };
            for finding in outcome.findings() {
                if finding.fix.is_none() && rule.no_fix_line.is_none() {
                    wrong.push(format!("{}: {} has no fix: {finding:?}", animal.name, rule.id));
                }
            }
            if matches!(outcome, Outcome::Fail(_)) != expected {
                wrong.push(format!("{}: {} says {outcome:?}", animal.name, rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for rule in rules().filter(|rule| is_of_the_binary(rule)) {
        if let Some((_, test)) = ELSEWHERE.iter().find(|(id, _)| *id == rule.id) {
            let text = std::fs::read_to_string(test).unwrap();
            assert!(text.contains(rule.id), "{test} does not speak of {}", rule.id);
            continue;
        }
        if !bitten.contains(rule.id) {
            wrong.push(format!("{} bites no animal", rule.id));
        }
        if !spared.contains_key(rule.id) {
            wrong.push(format!("{} spares no animal", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the rule needs the binary and nothing else.
fn is_of_the_binary(rule: &Rule) -> bool {
    rule.check.needs().to_string() == "binary"
}

/// Rewrites the note of glibc's start files, which no flag of the compiler reaches, as a C library
/// configured with `--enable-kernel=9.9.0` would have it.
fn ask_for_linux_9_9(program: &Path) {
    let note = program.with_extension("note");
    let words: [u32; 8] = [4, 16, 1, u32::from_le_bytes(*b"GNU\0"), 0, 9, 9, 0];
    std::fs::write(&note, words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
        .unwrap();
    let section = format!(".note.ABI-tag={}", note.display());
    let status = run::command("objcopy").arg("--update-section").arg(section).arg(program).status();
    assert!(status.expect("objcopy is part of every linker's package").success());
}

/// The same C with and without its guards.
fn compile_c(home: &Path) {
    std::fs::write(home.join("shout.c"), C_SOURCE).unwrap();
    let bare = ["-fno-stack-protector", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0"];
    let guarded = ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"];
    for (object, flags) in [("c.o", bare), ("guarded.o", guarded)] {
        let mut cc = run::command("cc");
        let status =
            cc.current_dir(home).args(["-O2", "-c", "shout.c", "-o", object]).args(flags).status();
        assert!(status.expect("rustc links by cc").success());
    }
}

/// Compiles the animal's source as `src/main.rs`, so that the paths inside look as cargo's do.
fn breed(animal: &Animal, cage: &Path) -> PathBuf {
    let home = cage.join(animal.name);
    std::fs::create_dir_all(home.join("src")).unwrap();
    std::fs::write(home.join("src/main.rs"), animal.source).unwrap();
    let crates =
        br#"{"packages":[{"name":"audited","version":"0.1.0","source":"local","root":true}]}"#;
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(crates).unwrap();
    std::fs::write(home.join("crates.zlib"), zlib.finish().unwrap()).unwrap();
    if animal.source == C_INSIDE {
        compile_c(&home);
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = run::command(rustc)
        .current_dir(&home)
        // For the one program without a library; the others ask for nothing unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["--edition=2021", "-Copt-level=2", "-o", "program", "src/main.rs"])
        .args(animal.flags)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        animal.name,
        String::from_utf8_lossy(&output.stderr)
    );
    home.join("program")
}
