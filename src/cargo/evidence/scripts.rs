//! What a build script's program says for or against its source.
//!
//! What its run read is known where a `rerun-if-changed` lists it or `freshen` kept a digest; a script
//! is never followed in its source, since only its execution would show what it does.

use crate::binary::{MainVerdict, main_fn, panic_locations};
use crate::cargo::crate_freshness::{CrateState, Role};
use crate::cargo::evidence::mismatch::Kind;
use crate::cargo::evidence::{LARGEST_METADATA, Names, contradict, positions, texts};
use crate::cargo::source::files::{Reader, snapshot};
use crate::cargo::target_dir::units::Unit;

/// What a build script's program would print and where it would panic, against its source.
pub fn build_script(state: &mut CrateState, names: Names<'_>) {
    if state.role != Role::BuildScript {
        return;
    }
    let Some(program) = state
        .unit
        .as_ref()
        .and_then(Unit::program)
        .and_then(|output| snapshot(&output.path, LARGEST_METADATA).ok().flatten())
    else {
        return;
    };
    let _ = texts::printed(state, &program.bytes, names);
    if let Some(how) = other_script(state, &program.bytes) {
        contradict(state, state.root.clone(), None, Kind::OtherMain(how));
    }
    let places = panic_locations::read(&program.bytes, panic_locations::Limits::default());
    let _ = positions(std::slice::from_mut(state), &places, names, &mut Reader::default());
}

/// How `main` of a build script's program cannot be the one in its source. A script that only calls
/// others prints nothing itself; but when not one text of its source is inside either, an empty
/// `main` is another one.
fn other_script(state: &CrateState, program: &[u8]) -> Option<String> {
    let verdict = main_fn::read(program).main;
    let how = state.other_main(&verdict);
    let calls = state.main().is_some_and(|main| main.calls);
    how.or_else(|| {
        let presence = texts::presence(state, program).ok()?;
        let is_empty = verdict.value == Some(MainVerdict::Empty);
        let none = presence.wanted > 0 && presence.found == 0;
        let wanted = presence.wanted;
        (is_empty && calls && none).then(|| {
            format!(
                "its `main` does nothing, and none of the {wanted} texts of {} is inside",
                state.root
            )
        })
    })
}
