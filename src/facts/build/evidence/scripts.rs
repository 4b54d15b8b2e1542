//! What build scripts' programs and runs say for or against their sources.

use std::path::Path;

use memchr::memmem;

use super::{LARGEST_METADATA, Names, contradict, positions, shown, texts};
use crate::facts::binary::{MainVerdict, locations, main_fn};
use crate::facts::build::contradiction::Kind;
use crate::facts::build::crate_state::{CrateState, Role};
use crate::facts::build::script;
use crate::facts::build::units::Unit;
use crate::input::moment::Moment;
use crate::input::sources::{Reader, snapshot};

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
    let places = locations::read(&program.bytes, locations::Limits::default());
    let _ = positions(std::slice::from_mut(state), &places, names, &mut Reader::default());
}

/// What the last run of a build script left, against what it would leave now.
pub fn script_run(state: &mut CrateState, names: Names<'_>, reader: &mut Reader) {
    let Some(unit) = state.unit.as_ref().filter(|_| state.role == Role::BuildScriptRun) else {
        return;
    };
    let (Some(anchor), Some(printed), Some(out)) = (unit.anchor, unit.printed(), unit.out_dir())
    else {
        return;
    };
    let source = names.workspace.join(&state.root);
    let Ok(Some(text)) = reader.read(&source) else { return };
    let Ok(Some(printed)) = snapshot(&printed.path, LARGEST_METADATA) else { return };
    let place = script::Place { package: &state.directory, out: &out, source: &source };
    // A file that is dated later may have been written by the run itself, and Cargo sees it; a run
    // is often over before the clock of the file system moves on.
    let is_before = |moment: Moment| moment < anchor && !moment.same_but_for_truncation(anchor);
    let read = &mut |path: &Path| {
        let file = reader.read(path).ok().flatten().filter(|file| is_before(file.modified))?;
        Some(file.bytes.clone())
    };
    let text = String::from_utf8_lossy(&text.bytes).into_owned();
    let would = script::follow(&text, place, read);
    let root = state.root.clone();
    let blamed = |made: &script::Made| match made.from.first() {
        Some(path) => names.given(&state.directory.join(path)),
        None => root.clone(),
    };
    let mut found: Vec<(String, Kind)> = Vec::new();
    let mut agreements = 0;
    for made in &would.print {
        match memmem::find(&printed.bytes, &made.bytes) {
            Some(_) => agreements += 1,
            None => found.push((blamed(made), Kind::NotPrinted(script::shown(made)))),
        }
    }
    for (path, made) in would.write.iter().filter(|(path, _)| path.starts_with(&out)) {
        match snapshot(path, LARGEST_METADATA) {
            Ok(Some(file)) if file.bytes == made.bytes => agreements += 1,
            Ok(_) => found.push((blamed(made), Kind::NotWritten(shown(path, &out)))),
            Err(_) => {}
        }
    }
    state.agreements += agreements;
    for (path, kind) in found {
        contradict(state, path, None, kind);
    }
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
