//! A small program of this machine's compiler; the tests' own is fifty megabytes.

use super::run;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const SOURCE: &str = r#"
fn main() {
    let words: Vec<String> = std::env::args().collect();
    let count = std::thread::spawn(move || words.len()).join().expect("it counts");
    println!("{count} words, {:?}", std::fs::read_dir("/").map(|entries| entries.count()));
}
"#;

/// Linked dynamically, with its symbols; compiled once and kept.
pub fn small() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = super::cache::directory("small-program");
        let (source, program) = (directory.join("main.rs"), directory.join("program"));
        // Another run may be at it as well: each writes its own and renames it.
        let unfinished = directory.join(std::process::id().to_string());
        std::fs::write(&source, SOURCE).expect("the source is written");
        let mut rustc = run::command("rustc");
        rustc.args(["--edition=2021", "-Copt-level=1", "-o"]).arg(&unfinished).arg(&source);
        assert!(rustc.status().expect("rustc runs").success());
        std::fs::rename(&unfinished, &program).expect("a finished program takes its name");
        program
    })
}
