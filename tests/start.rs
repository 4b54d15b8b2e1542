//! Will it start? Each prediction against the real kernel and the real loader in the same root.

#[path = "start/build.rs"]
mod build;
#[path = "start/cases.rs"]
mod cases;
#[path = "start/pair.rs"]
mod pair;
#[path = "start/roots.rs"]
mod roots;

use std::process::Command;

/// Fewer pairs than this prove too little.
const FEWEST_PAIRS: usize = 120;

/// What the test cannot be without, or why it is left out.
fn missing() -> Option<String> {
    let output = Command::new("id").arg("-u").output().ok()?;
    if output.stdout != b"0\n" {
        return Some("a chroot needs the superuser".to_owned());
    }
    let tools = ["mmdebstrap", "unshare", "python3", "patchelf", "musl-gcc", "cc", "ldconfig"];
    let emulators = [cases::AARCH64, cases::ARM];
    let there = |tool: &&&str| {
        !Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output()
            .is_ok_and(|it| it.status.success())
    };
    let gone: Vec<&str> = tools.iter().chain(&emulators).filter(there).copied().collect();
    (!gone.is_empty()).then(|| format!("not installed: {}", gone.join(", ")))
}

#[test]
fn predictions_agree_with_real_starts() {
    if let Some(why) = missing() {
        assert!(std::env::var_os("BINLINT_CI").is_none(), "{why}");
        eprintln!("skipped: {why}");
        return;
    }
    let pairs = cases::all();
    let only = std::env::var("BINLINT_PAIR").unwrap_or_default();
    let chosen: Vec<_> = pairs.iter().filter(|pair| pair.name.contains(&only)).collect();
    let wrong: Vec<String> = chosen.iter().filter_map(|pair| pair.compare()).collect();
    let starts = chosen
        .iter()
        .filter(|pair| pair.predict().verdict == binlint::facts::loader::Verdict::Starts)
        .count();
    println!("{} pairs, {} of them start, {} predicted wrongly", chosen.len(), starts, wrong.len());
    roots::remove_copies();
    assert!(wrong.is_empty(), "{} of {} pairs:\n{}", wrong.len(), chosen.len(), wrong.join("\n"));
    assert!(!only.is_empty() || chosen.len() >= FEWEST_PAIRS, "only {} pairs", chosen.len());
}
