//! What Cargo and rustc leave in a target directory, arbitrary.
#![no_main]

use std::path::Path;

use binlint::internals::toolchain::{dep_info, fingerprint, rmeta};
use binlint::internals::cargo::workspace::lockfile;
use binlint::internals::cargo::freshen_state::FreshenState;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else { return };
    match which % 6 {
        0 => drop(dep_info::parse(bytes)),
        1 => drop(dep_info::parse_makefile(bytes)),
        2 => drop(fingerprint::parse(bytes)),
        3 => drop(lockfile::parse(Path::new("Cargo.lock"), &String::from_utf8_lossy(bytes))),
        4 => drop(FreshenState::parse(bytes)),
        _ => {
            fingerprint::parse_hash(bytes);
            rmeta::recorded_digest(bytes, "src/main.rs");
        }
    }
});
