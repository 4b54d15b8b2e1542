//! Prints the facts of programs as a table of its own: one line a program, for a spreadsheet.
//!
//! `cargo run --example facts_table -- target/release/*`

use binlint::{Fact, Inspection, inspect};

fn main() {
    println!("path\tbytes\ttarget\trustc\tloader\tlibraries\tcrates");
    for path in std::env::args().skip(1) {
        let facts = std::fs::read(&path).map_err(|error| format!("{path}: {error}"));
        match facts.and_then(|bytes| inspect(&*path, &bytes).map_err(|error| error.to_string())) {
            Ok(inspection) => println!("{}", row(&inspection)),
            Err(error) => eprintln!("{error}"),
        }
    }
}

fn row(inspection: &Inspection) -> String {
    let cells = [
        inspection.path().to_owned(),
        inspection.size().to_string(),
        known(inspection.triple()),
        inspection.rustc_version().unwrap_or("?").to_owned(),
        inspection.interpreter().unwrap_or("none").to_owned(),
        inspection.needed().join(" "),
        inspection.crates().count().to_string(),
    ];
    // The names come from the file: what would end a cell is shown and not obeyed.
    cells.map(|cell| cell.escape_debug().to_string()).join("\t")
}

fn known(fact: &Fact<String>) -> String {
    fact.value.clone().unwrap_or_else(|| format!("unknown: {}", fact.evidence))
}
