//! What a build script's program says for or against its source.
//!
//! What its run read is known where a `rerun-if-changed` lists it or `freshen` kept a digest; a script
//! is never followed in its source, since only its execution would show what it does.

use crate::binary::{main_fn, panic_locations};
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::mismatch::MismatchKind;
use crate::cargo::evidence::{
    MAX_METADATA, SourceNames, add_mismatch, compared_strings, positions,
};
use crate::cargo::source::files::SourceReader;
use crate::cargo::target_dir::units::Unit;

/// What a build script's program would print and where it would panic, against its source.
pub fn build_script(state: &mut CrateFreshness, names: SourceNames<'_>, reader: &mut SourceReader) {
    if state.role != CrateRole::BuildScript {
        return;
    }
    let Some(program) = state
        .unit
        .as_ref()
        .and_then(Unit::program)
        .and_then(|output| reader.fs.snapshot(&output.path, MAX_METADATA).ok().flatten())
    else {
        return;
    };
    let _ = compared_strings::printed(state, &program.bytes, names);
    if let Some(how) = state.other_main(&main_fn::read(&program.bytes).main) {
        add_mismatch(state, state.root.clone(), None, MismatchKind::OtherMain(how));
    }
    let places =
        panic_locations::read(&program.bytes, panic_locations::PanicLocationLimits::default());
    let _ = positions(std::slice::from_mut(state), &places, names, reader);
}
