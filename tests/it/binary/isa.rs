//! The x86-64 level that code needs, over programs compiled here: what the compiler was told must
//! show, and code that asks the CPU first must not.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fmt::Write;
use std::path::Path;

use crate::support::facts;
use crate::support::noise::Noise;
use crate::support::run;

/// A program with 250 functions that a compiler turns into vector code, none of them `main`.
fn of_some_size() -> String {
    let mut text = String::new();
    for index in 0..250 {
        let step = index * 7 + 3;
        let work = match index % 3 {
            0 => format!("*x = (*x).max({step}) ^ y.wrapping_mul({step})"),
            1 => format!("*x = (*x as f64 * {step}.5 + *y as f64).floor() as i32"),
            _ => format!("*x = x.wrapping_add((*y).min({step}))"),
        };
        writeln!(
            text,
            "#[inline(never)] fn f{index}(xs: &mut [i32], ys: &[i32]) {{ \
             for (x, y) in xs.iter_mut().zip(ys) {{ {work} }} }}"
        )
        .unwrap();
    }
    let calls: String = (0..250).map(|index| format!("f{index}(&mut xs, &ys);")).collect();
    writeln!(
        text,
        "#[inline(never)] fn run() {{ let ys = vec![std::env::args().count() as i32; 99]; \
         let mut xs = ys.clone(); {calls} println!(\"{{xs:?}}\"); }} fn main() {{ run() }}"
    )
    .unwrap();
    text
}

const SMALL: &str = "fn main() { let x = std::env::args().count() as f64; \
    println!(\"{}\", (x * 1.5).sqrt()); std::fs::write(\"x\", b\"y\").unwrap() }";

const ASKS_FIRST: &str = "
#[target_feature(enable = \"avx2\")] fn wide(xs: &mut [f32]) { for x in xs { *x = *x * 2.5 + 1.0 } }
#[target_feature(enable = \"avx512f\")] fn wider(xs: &mut [f32]) { for x in xs { *x = *x * 2.5 - 1.0 } }
#[inline(never)] fn run(xs: &mut [f32]) {
    if is_x86_feature_detected!(\"avx512f\") { unsafe { wider(xs) } }
    else if is_x86_feature_detected!(\"avx2\") { unsafe { wide(xs) } }
    else { for x in xs { *x += 1.0 } }
}
";

/// The level, and what it rests on.
struct Level {
    value: Option<u64>,
    evidence: String,
}

fn level(directory: &Path, name: &str, text: &str, flags: &[&str]) -> Level {
    let source = directory.join(format!("{name}.rs"));
    let program = directory.join(name);
    std::fs::write(&source, text).unwrap();
    let mut rustc = run::command("rustc");
    rustc.args(["--edition=2024", "-Copt-level=3", "-Cstrip=symbols", "--crate-name", name, "-o"]);
    let output = rustc.arg(&program).arg(&source).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let facts = facts::of(name, &std::fs::read(program).unwrap());
    Level {
        value: facts["cpu_level"].as_u64(),
        evidence: facts["evidence"]["cpu_level"]["seen"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn what_the_compiler_was_told_shows() {
    let directory = tempfile::tempdir().unwrap();
    let large = of_some_size();
    for (cpu, expected, evidence) in [
        ("x86-64", 1, "VEX encodings"),
        ("x86-64-v2", 2, "SSE3 to SSE4.2"),
        ("x86-64-v3", 3, "VEX encodings"),
    ] {
        let name = cpu.replace('-', "_");
        let cpu = format!("-Ctarget-cpu={cpu}");
        let fact = level(directory.path(), &name, &large, &[&cpu]);
        assert_eq!(fact.value, Some(expected), "{cpu}: {}", fact.evidence);
        let is_none = expected == 1 && fact.evidence.starts_with("none of");
        assert!(is_none || fact.evidence.contains(evidence), "{cpu}: {}", fact.evidence);
    }
}

#[test]
fn a_small_programs_main_tells() {
    let directory = tempfile::tempdir().unwrap();
    for (cpu, expected) in [("x86-64", 1), ("x86-64-v3", 3), ("haswell", 3)] {
        let flag = format!("-Ctarget-cpu={cpu}");
        let fact = level(directory.path(), &cpu.replace('-', "_"), SMALL, &[&flag]);
        assert_eq!(fact.value, Some(expected), "{cpu}: {}", fact.evidence);
    }
}

#[test]
fn code_that_asks_the_cpu_first_needs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let large = of_some_size().replace("fn main() { run() }", "");
    let large = large.replace("fn run()", "fn rest()");
    let main =
        "fn main() { let mut xs = vec![1.0; 9]; run(&mut xs); println!(\"{xs:?}\"); rest() }";
    let fact = level(directory.path(), "asks", &format!("{ASKS_FIRST}{large}{main}"), &[]);
    assert_eq!(fact.value, Some(1), "{}", fact.evidence);

    // glibc itself has its string functions for every CPU; of those a small program has too many
    // to say more than nothing.
    for flags in [
        &["-Ctarget-feature=+crt-static"][..],
        &["-Ctarget-feature=+crt-static", "-Clto=fat", "-Cpanic=abort"],
    ] {
        let fact = level(directory.path(), "with_glibc", "fn main() {}", flags);
        assert_eq!(fact.value, None, "{}", fact.evidence);
    }
}

/// Bytes of a real program, changed at random places (with a fixed seed) and cut off.
#[test]
fn damaged_programs_are_answered() {
    let directory = tempfile::tempdir().unwrap();
    level(directory.path(), "whole", SMALL, &[]);
    let whole = std::fs::read(directory.path().join("whole")).unwrap();
    let mut noise = Noise::default();
    for round in 0..40 {
        let mut bytes = whole.clone();
        for change in 0..64 {
            // Headers decide most: every other change is there.
            let end = if change % 2 == 0 { 0x400 } else { bytes.len() };
            bytes[noise.next(end)] = noise.next(256) as u8;
        }
        bytes.truncate(whole.len() - round * whole.len() / 80);
        if let Ok(facts) = facts::try_of("damaged", &bytes) {
            assert!(facts["cpu_level"].as_u64().is_none_or(|level| (1..=4).contains(&level)));
        }
    }
}
