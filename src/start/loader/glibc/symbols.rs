//! glibc's binding of symbols: each reference by name and version through the one global scope.

use crate::binary::elf::DynamicInfo;
use crate::binary::elf::symbols::UndefinedSymbol;
use crate::start::loader::glibc::GlibcProcess;
use crate::start::loader::{PredictionBuilder, StartProblem, StartStage};

/// Relocates every object in the loader's order: those that others depend on first. The first
/// symbol that is nowhere ends it; the rest is looked for too, without a line.
pub(super) fn bind(draft: &mut PredictionBuilder, process: &GlibcProcess<'_>) {
    for object in order(process) {
        let linking = &process.objects[object].linking;
        let Some(symbols) = &linking.symbols else { continue };
        if symbols.cut_off {
            draft.open = Some(format!("{}: too many symbols to read", process.shown(object)));
            return;
        }
        let all_now = linking.bind_now || process.binds_everything_now();
        for reference in symbols.references() {
            let version = version_of(linking, reference.version);
            if reference.weak {
                continue;
            }
            match find(process, object, &reference, version.as_ref()) {
                SymbolMatch::Yes => continue,
                SymbolMatch::Assertion(library) => {
                    let why = "dl-lookup.c: check_match: Assertion `version->filename == NULL \
                        || ! _dl_name_match_p (version->filename, map)' failed!";
                    let problem =
                        StartProblem::LoaderGivesUp { path: library, why: why.to_owned() };
                    let line = format!("Inconsistency detected by ld.so: {why}");
                    draft.fail(StartStage::Symbols, problem, Some(line));
                    return;
                }
                SymbolMatch::No => {}
            }
            let lazy = reference.in_data == 0 && !all_now && !reference.copied;
            let wanted = version.as_ref().map(|it| it.name.to_owned());
            let problem = StartProblem::SymbolMissing {
                symbol: reference.name.to_owned(),
                version: wanted.clone(),
                needed_by: process.shown(object).to_owned(),
                lazy,
            };
            if lazy {
                draft.problems.push(problem);
                continue;
            }
            let version = wanted.map(|it| format!(", version {it}")).unwrap_or_default();
            let line = format!(
                "{}: symbol lookup error: {}: undefined symbol: {}{version}",
                process.argv0(),
                process.shown(object),
                reference.name
            );
            let first = !draft.failed();
            draft.fail(StartStage::Symbols, problem, first.then_some(line));
        }
    }
}

/// A version that a reference asks for.
struct WantedVersion<'a> {
    name: &'a str,
    /// Only a definition of this very version will do.
    hidden: bool,
    /// The library that should define it.
    library: Option<&'a str>,
}

fn version_of(linking: &DynamicInfo, index: u16) -> Option<WantedVersion<'_>> {
    if !linking.has_versions {
        return None;
    }
    if let Some(need) = linking.version_needs.iter().find(|need| need.index == index) {
        let library = Some(need.library.as_str());
        return Some(WantedVersion { name: &need.name, hidden: need.hidden, library });
    }
    let name = linking.version_name(index)?;
    Some(WantedVersion { name, hidden: false, library: None })
}

enum SymbolMatch {
    Yes,
    No,
    /// The loader stops: the library that should define the version has no versions at all.
    Assertion(String),
}

/// `_dl_lookup_symbol_x` over the global scope.
fn find(
    process: &GlibcProcess<'_>,
    from: usize,
    reference: &UndefinedSymbol<'_>,
    version: Option<&WantedVersion<'_>>,
) -> SymbolMatch {
    for &object in &process.scope {
        if reference.copied && object == from {
            continue;
        }
        let linking = &process.objects[object].linking;
        let Some(symbols) = &linking.symbols else { continue };
        let mut definitions = symbols.definitions(reference.name).peekable();
        if definitions.peek().is_none() {
            continue;
        }
        match version {
            Some(version) if !linking.has_versions => {
                if version.library.is_some_and(|library| process.goes_by(object, library)) {
                    return SymbolMatch::Assertion(process.shown(object).to_owned());
                }
                return SymbolMatch::Yes;
            }
            Some(version) => {
                if definitions.any(|it| answers(linking, it, version)) {
                    return SymbolMatch::Yes;
                }
            }
            None => {
                if answers_unversioned(linking, definitions) {
                    return SymbolMatch::Yes;
                }
            }
        }
    }
    SymbolMatch::No
}

/// `check_match` for a reference with a version: the version itself, or a definition without one
/// where the reference does not insist.
fn answers(linking: &DynamicInfo, versym: u16, wanted: &WantedVersion<'_>) -> bool {
    match linking.version_name(versym & 0x7fff) {
        Some(name) => name == wanted.name,
        None => !wanted.hidden && versym & 0x8000 == 0,
    }
}

/// `check_match` for a reference without a version: a definition of the base or of the first
/// version, or the only default one.
fn answers_unversioned(linking: &DynamicInfo, definitions: impl Iterator<Item = u16>) -> bool {
    let mut defaults = 0;
    for versym in definitions {
        if !linking.has_versions || versym & 0x7fff < 3 {
            return true;
        }
        defaults += usize::from(versym & 0x8000 == 0);
    }
    defaults == 1
}

/// The order of relocation: `_dl_sort_maps` puts what is depended on behind, and the loader works
/// from the end.
fn order(process: &GlibcProcess<'_>) -> Vec<usize> {
    let mut order = Vec::new();
    let mut visited = vec![false; process.objects.len()];
    for &root in process.scope.iter().rev() {
        // A stack instead of recursion: an image's libraries may need each other in long chains.
        let mut stack = vec![(root, 0)];
        while let Some((object, next)) = stack.pop() {
            if next == 0 {
                if visited[object] {
                    continue;
                }
                visited[object] = true;
            }
            match process.objects[object].needs.get(next) {
                Some(&need) => {
                    stack.push((object, next + 1));
                    if !visited[need] {
                        stack.push((need, 0));
                    }
                }
                None => order.push(object),
            }
        }
    }
    order
}
