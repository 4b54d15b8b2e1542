//! What user `main` does, over programs compiled here: placeholders must be found, and programs
//! that only look like one must never be called so.

use std::path::Path;

use crate::support::facts;
use crate::support::noise::Noise;
use crate::support::program;
use crate::support::run;
use crate::support::slow::{self, Need};

/// Ways to build, chosen so that every two choices meet: optimisation, LTO, panic, linking.
const WAYS: &[(&str, &[&str])] = &[
    ("0 unwind pie", &["-Copt-level=0"]),
    ("3 unwind pie", &["-Copt-level=3"]),
    ("3 fat abort pie", &["-Copt-level=3", "-Clto=fat", "-Cpanic=abort"]),
    ("z abort static-pie", &["-Copt-level=z", "-Cpanic=abort", "-Ctarget-feature=+crt-static"]),
    ("s fat unwind static-pie", &["-Copt-level=s", "-Clto=fat", "-Ctarget-feature=+crt-static"]),
    ("2 unwind no-pie", &["-Copt-level=2", "-Crelocation-model=static"]),
    (
        "1 fat unwind static",
        &[
            "-Copt-level=1",
            "-Clto=fat",
            "-Crelocation-model=static",
            "-Ctarget-feature=+crt-static",
        ],
    ),
    ("0 abort static-pie", &["-Copt-level=0", "-Cpanic=abort", "-Ctarget-feature=+crt-static"]),
    ("3 thin unwind pie", &["-Copt-level=3", "-Clto=thin"]),
    ("z fat unwind pie", &["-Copt-level=z", "-Clto=fat"]),
];

const PLACEHOLDERS: &[(&str, &str, &str)] = &[
    ("empty", "empty", "fn main() {}"),
    ("ok", "empty", "fn main() -> Result<(), Box<dyn std::error::Error>> { Ok(()) }"),
    ("ok-string", "empty", "fn main() -> Result<(), String> { Ok(()) }"),
    ("success", "empty", "fn main() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }"),
    ("hello", "hello-world", r#"fn main() { println!("Hello, world!"); }"#),
    ("todo", "placeholder-text", "fn main() { todo!() }"),
    ("unimplemented", "placeholder-text", "fn main() { unimplemented!() }"),
    ("broke", "placeholder-text", r#"fn main() { println!("if you see this, the build broke"); }"#),
    ("dummy", "placeholder-text", r#"fn main() { println!("dummy"); }"#),
];

/// Small, and real.
const REAL: &[(&str, &str)] = &[
    (
        "one-call",
        "#[inline(never)] fn run() { std::fs::write(\"x\", b\"y\").unwrap() } fn main() { run() }",
    ),
    ("exit", "fn main() { std::process::exit(0) }"),
    ("exit-three", "fn main() { std::process::exit(3) }"),
    ("spawn", "fn main() { std::thread::spawn(|| println!(\"Hello, world!\")).join().unwrap() }"),
    (
        "constructor",
        "extern \"C\" fn work() { println!(\"at work\"); } #[used] #[unsafe(link_section = \".init_array\")] static W: extern \"C\" fn() = work; fn main() {}",
    ),
    (
        "static",
        "use std::sync::atomic::*; #[unsafe(no_mangle)] pub static SEEN: AtomicU32 = AtomicU32::new(0); fn main() { SEEN.store(7, Ordering::SeqCst) }",
    ),
    (
        "computed-code",
        "fn main() -> std::process::ExitCode { std::process::ExitCode::from(std::env::args().count() as u8) }",
    ),
    ("fixed-code", "fn main() -> std::process::ExitCode { std::process::ExitCode::from(3) }"),
    (
        "block-on",
        "use std::{future::Future, pin::pin, task::*}; fn block_on<T>(f: impl Future<Output = T>) -> T { let mut f = pin!(f); let mut c = Context::from_waker(Waker::noop()); loop { if let Poll::Ready(t) = f.as_mut().poll(&mut c) { return t } std::thread::yield_now() } } async fn run() { std::future::ready(std::fs::remove_file(\"x\")).await.ok(); } fn main() { block_on(run()) }",
    ),
    ("loop", "fn main() { loop { std::thread::park() } }"),
    ("spin", "fn main() { loop { std::hint::spin_loop() } }"),
    ("own-text", "fn main() { println!(\"the weather is fine\") }"),
    (
        "hello-and-more",
        "fn main() { println!(\"Hello, world!\"); println!(\"{}\", std::env::args().count()) }",
    ),
    ("hello-then-text", "fn main() { println!(\"Hello, world!\"); println!(\"I am a server\") }"),
    (
        "hello-then-call",
        "#[inline(never)] fn run() { std::fs::remove_file(\"x\").ok(); } fn main() { println!(\"Hello, world!\"); run() }",
    ),
    (
        "hello-then-wait",
        "fn main() { println!(\"Hello, world!\"); std::thread::sleep(std::time::Duration::from_secs(3600)) }",
    ),
    ("hello-then-exit", "fn main() { println!(\"Hello, world!\"); std::process::exit(3) }"),
    ("hello-name", "fn main() { println!(\"Hello, {}!\", std::env::args().next().unwrap()) }"),
    ("dummy-argument", "fn main() { println!(\"dummy {}\", std::env::args().count()) }"),
    (
        "work-then-todo",
        "#[inline(never)] fn run() { std::fs::remove_file(\"x\").ok(); } fn main() { run(); todo!() }",
    ),
    (
        "todo-on-one-path",
        "fn main() { if std::env::args().count() > 3 { todo!() } else { println!(\"{}\", 1) } }",
    ),
    ("error", "fn main() -> Result<(), &'static str> { Err(\"no configuration\") }"),
    ("panic", "fn main() { panic!(\"no configuration\") }"),
    (
        "no-main",
        "#![no_main] #[unsafe(no_mangle)] pub extern \"C\" fn main(_: i32, _: *const *const u8) -> i32 { println!(\"at work\"); 0 }",
    ),
];

fn compile(
    directory: &Path,
    toolchain: Option<&str>,
    name: &str,
    text: &str,
    way: usize,
) -> Vec<u8> {
    let stem = format!("{name}-{way}").replace('-', "_");
    let source = directory.join(format!("{stem}.rs"));
    let program = directory.join(&stem);
    std::fs::write(&source, text).unwrap();
    let mut rustc = run::command("rustc");
    rustc.args(toolchain).args(["--edition=2024", "-Cstrip=symbols", "--crate-name", &stem, "-o"]);
    rustc.arg(&program).arg(&source).args(WAYS[way].1);
    let output = rustc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(&program).unwrap();
    std::fs::remove_file(program).unwrap();
    bytes
}

/// Every program in the ways that `chosen` picks for it, on two threads; what is wrong comes back.
fn judge_all(toolchain: Option<&str>, chosen: impl Fn(usize, usize) -> bool + Sync) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let placeholders = PLACEHOLDERS.iter().map(|(name, main, text)| (*name, *main, *text));
    let programs: Vec<_> =
        placeholders.chain(REAL.iter().map(|(name, text)| (*name, "real", *text))).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let wrong = std::sync::Mutex::new(Vec::new());
    let work = || loop {
        let job = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (index, way) = (job / WAYS.len(), job % WAYS.len());
        let Some((name, truth, text)) = programs.get(index) else { break };
        if !chosen(index, way) {
            continue;
        }
        let facts = facts::of(name, &compile(directory.path(), toolchain, name, text, way));
        let said = facts["main"]["verdict"].as_str();
        // Of a real program, no answer is no wrong answer.
        let is_right = said == Some(*truth) || *truth == "real" && said.is_none();
        let fat = WAYS[way].1.contains(&"-Clto=fat");
        // What is inlined shows fat LTO; at opt-level 1, nothing is.
        let shape = fat || facts["lto"] != "fat";
        if !is_right || !shape {
            let line = format!(
                "{name} ({}): {said:?}, {}: {}",
                WAYS[way].0, facts["lto"], facts["main"]["evidence"]
            );
            wrong.lock().unwrap().push(line);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    wrong.into_inner().unwrap()
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn placeholders_are_found_and_small_programs_are_not_flagged() {
    // Each program in some of the ways, in turn: fat LTO takes seconds.
    let few = slow::is_left_out(Need::Time);
    let chosen = |program: usize, way: usize| match program < PLACEHOLDERS.len() {
        true if few => way == 1,
        true => (program + way).is_multiple_of(2),
        false if few => way == 1 && program.is_multiple_of(3),
        false => (program + way).is_multiple_of(4),
    };
    let wrong = judge_all(None, chosen);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_nightly_compilers_programs_are_told_apart_too() {
    if slow::is_left_out(Need::Toolchains) {
        return;
    }
    let wrong = judge_all(Some("+nightly"), |program, way| (program + way).is_multiple_of(5));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bytes of a real program, changed at random places (with a fixed seed) and cut off.
#[test]
fn damaged_programs_are_answered() {
    let itself = std::fs::read(program::small()).unwrap();
    facts::of("whole", &itself);
    let mut bytes = itself.clone();
    let mut noise = Noise::default();
    // Headers and tables decide most: half of the changes are there, half around the code.
    // The entry point of ELF of 64 bits; its code is mapped where it lies in the file, or near.
    let code = u64::from_le_bytes(itself[0x18..0x20].try_into().unwrap()) as usize;
    for _ in 0..150 {
        let mut changed = Vec::new();
        for _ in 0..8 {
            let at = match noise.next(3) {
                0 => noise.next(0x400),
                1 => (code + noise.next(0x400)) % itself.len(),
                _ => noise.next(itself.len()),
            };
            changed.push(at);
            bytes[at] = noise.next(256) as u8;
        }
        let _ = facts::try_of("changed", &bytes);
        for at in changed {
            bytes[at] = itself[at];
        }
    }
    for percent in 0..100 {
        let _ = facts::try_of("cut off", &itself[..itself.len() * percent / 100]);
    }
}
