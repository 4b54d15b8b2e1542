//! What the sources say where a program's `main` does nothing or is a placeholder.

use crate::binary::Binary;
use crate::binary::MainVerdict;
use crate::cargo::build::Build;
use crate::cargo::compared::MainReach;

/// What the sources say of a `main` that is a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceMain {
    /// It is one in the sources, too.
    Agree,
    /// It is another, and how.
    Contradict(String),
    /// They have no `main` to compare with, but may say that more was meant.
    Silent(Vec<String>),
    /// Of the `main` in this file nothing is compiled with these features.
    ByFeature(String),
    /// The `main` at this place may come to nothing, and as far as it could be followed.
    Unsure(String, MainReach),
}

impl SourceMain {
    /// Of this program with this verdict on its `main`.
    pub fn of(build: Option<&Build>, binary: &Binary, verdict: MainVerdict) -> SourceMain {
        let Some(build) = build.filter(|build| build.freshness.read) else {
            return SourceMain::Silent(Vec::new());
        };
        let freshness = &build.freshness;
        if freshness.chef_stubs {
            return SourceMain::Contradict(
                "the sources are the stubs of `cargo chef cook`".to_owned(),
            );
        }
        let program = freshness.program();
        if let Some(program) = program
            && program.other_main(&binary.main).is_some()
            && let Some(place) = program.main_place()
        {
            return SourceMain::Contradict(format!("the one at {place} does something else"));
        }
        if let Some(contradiction) = program.and_then(|program| program.mismatches.first()) {
            return SourceMain::Contradict(contradiction.describe());
        }
        let Some(program) = program else {
            return SourceMain::Silent(build.evidence_of_real_program());
        };
        if verdict == MainVerdict::Empty && program.is_empty_by_feature() {
            return SourceMain::ByFeature(program.root.clone());
        }
        match program.main() {
            Some(_) if verdict != MainVerdict::Empty || !program.may_come_to_nothing() => {
                SourceMain::Agree
            }
            Some(main) => {
                SourceMain::Unsure(format!("{}:{}", program.root, main.line), program.reach)
            }
            None => SourceMain::Silent(build.evidence_of_real_program()),
        }
    }
}
