//! Our time and memory beside those of peers, on the largest program at hand.
//!
//! `cargo bench --bench inspect [FILE]`; without a file, on this benchmark's own program. Peers
//! that are not installed are left out. The goals: `--quick` in at most 5 ms and 10 MB whatever the
//! size; every fact and the digest in at most 1.2 times `openssl dgst -sha256` plus 40 ms.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 15;

fn main() {
    let file = std::env::args().skip(1).find(|word| !word.starts_with("--")).map(PathBuf::from);
    let file = file.unwrap_or_else(|| std::env::current_exe().expect("a benchmark has a path"));
    let size = std::fs::metadata(&file).expect("the file is there").len();
    println!("{}: {size} bytes, best and median of {RUNS} runs", file.display());
    let ours = env!("CARGO_BIN_EXE_cargo-binlint");
    let commands: [(&str, &[&str]); 9] = [
        (ours, &["inspect", "--format", "jsonl", "--quick"]),
        (ours, &["inspect", "--format", "jsonl", "--no-digest"]),
        (ours, &["inspect", "--format", "jsonl"]),
        ("openssl", &["dgst", "-sha256"]),
        ("sha256sum", &[]),
        ("readelf", &["-h", "-l", "-d", "-V", "-W"]),
        ("checksec", &["--json", "-f"]),
        ("rust-audit-info", &[]),
        ("libtree", &["-vvv"]),
    ];
    let mut digest = None;
    let mut full = None;
    for (program, words) in commands {
        let shown = if program == ours { "cargo-binlint" } else { program };
        let shown = format!("{shown} {}", words.join(" "));
        let Some((best, median)) = time(program, words, &file) else { continue };
        println!("{shown:55} {:7.1} ms {:7.1} ms", milliseconds(best), milliseconds(median));
        if program == "openssl" {
            digest = Some(best);
        }
        if program == ours && words == ["inspect", "--format", "jsonl"] {
            full = Some(best);
        }
    }
    if let (Some(digest), Some(full)) = (digest, full) {
        let goal = digest.mul_f64(1.2) + Duration::from_millis(40);
        println!(
            "goal for every fact with the digest: {:.1} ms; took {:.1} ms",
            milliseconds(goal),
            milliseconds(full)
        );
    }
}

/// Best and median; `None` when the program cannot be started.
fn time(program: &str, words: &[&str], file: &PathBuf) -> Option<(Duration, Duration)> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let started = Instant::now();
        let done = Command::new(program)
            .args(words)
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        done.ok()?;
        times.push(started.elapsed());
    }
    times.sort();
    Some((times[0], times[RUNS / 2]))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
