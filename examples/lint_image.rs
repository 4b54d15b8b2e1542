//! Lints the programs of an image from code, and prints each finding with its evidence and fix.
//!
//! `cargo run --example lint_image -- docker-archive:server.tar`

use std::error::Error;
use std::process::ExitCode;

use binlint::{Level, Linter, Outcome};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let reference = std::env::args_os().nth(1).ok_or("name an image, as in oci:DIR or dir:DIR")?;
    // What would not start is an error here, whatever the rules' own levels say.
    let report = Linter::new().image(reference).level(Level::Deny, "linkage").lint()?;
    for subject in &report.subjects {
        println!("{}", subject.name);
        for result in subject.failures() {
            for finding in result.outcome.findings() {
                println!("  {}[{}]: {}", result.level, result.rule.id, finding.message);
                println!("    at {}", finding.location);
                for evidence in &finding.evidence {
                    println!("    because {evidence}");
                }
                if let Some(fix) = &finding.fix {
                    println!("    fix: {fix}");
                }
            }
        }
        for result in &subject.results {
            if let Outcome::Open(why) = &result.outcome {
                println!("  inconclusive[{}]: {why}", result.rule.id);
            }
        }
    }
    Ok(if report.is_clean(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
