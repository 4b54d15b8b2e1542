//! glibc's comparison of versions: those that files require against those that libraries define.

use crate::binary::elf::DynamicInfo;
use crate::start::loader::glibc::{GlibcProcess, LOADER};
use crate::start::loader::{PredictionBuilder, StartProblem, StartStage};

impl GlibcProcess<'_> {
    /// `_dl_check_all_versions`: all that is wrong is printed, then the loader exits.
    pub(super) fn check_versions(&self, draft: &mut PredictionBuilder) {
        let silent = draft.failed();
        for object in 0..self.objects.len() {
            if object == LOADER || !self.scope.contains(&object) {
                continue;
            }
            if !self.check_versions_of(draft, object, silent) {
                return;
            }
        }
    }

    /// False where the loader does not live to see the next object.
    fn check_versions_of(
        &self,
        draft: &mut PredictionBuilder,
        object: usize,
        silent: bool,
    ) -> bool {
        let linking = &self.objects[object].linking;
        let shown = self.shown(object).to_owned();
        let say = |line: String| (!silent).then_some(line);
        for need in &linking.version_needs {
            let Some(library) = self.by_name(&need.library) else {
                if !silent {
                    self.give_up(
                        draft,
                        &shown,
                        "dl-version.c: _dl_check_map_versions: \
                        Assertion `needed != NULL' failed!",
                    );
                    return false;
                }
                continue;
            };
            let provider = &self.objects[library].linking;
            let path = self.shown(library).to_owned();
            let before = format!("{}: {path}:", self.argv0());
            let defined = &provider.version_definitions;
            if defined.iter().any(|it| it.name == need.name) {
                continue;
            }
            if defined.is_empty() {
                draft.warn(format!(
                    "{before} no version information available (required by {shown})"
                ));
                continue;
            }
            let version = &need.name;
            if need.weak {
                draft.warn(format!(
                    "{before} weak version `{version}' not found (required by {shown})"
                ));
                continue;
            }
            let line = format!("{before} version `{version}' not found (required by {shown})");
            let version = version.clone();
            let needed_by = self.asked_by(object);
            let problem = StartProblem::VersionMissing { path, version, needed_by };
            draft.fail(StartStage::Versions, problem, say(line));
        }
        if linking.packed_relocations && !silent && self.refuses_packed_relocations(linking) {
            self.give_up_with(draft, &shown, "DT_RELR without GLIBC_ABI_DT_RELR dependency");
            return false;
        }
        true
    }

    /// Since 2.36 the loader insists that packed relocations are announced as a version.
    fn refuses_packed_relocations(&self, linking: &DynamicInfo) -> bool {
        let release = self.loader.loader.as_ref().and_then(|it| it.release);
        let announced = linking.version_needs.iter().any(|it| it.name == "GLIBC_ABI_DT_RELR")
            || linking.version_definitions.iter().any(|it| it.name == "GLIBC_PRIVATE");
        release.is_some_and(|release| release >= (2, 36)) && !announced
    }

    fn give_up(&self, draft: &mut PredictionBuilder, path: &str, why: &str) {
        let problem = StartProblem::LoaderGivesUp { path: path.to_owned(), why: why.to_owned() };
        draft.fail(
            StartStage::Versions,
            problem,
            Some(format!("Inconsistency detected by ld.so: {why}")),
        );
    }

    fn give_up_with(&self, draft: &mut PredictionBuilder, path: &str, why: &str) {
        let problem = StartProblem::LoaderGivesUp { path: path.to_owned(), why: why.to_owned() };
        let line = format!("{}: error while loading shared libraries: {path}: {why}", self.argv0());
        draft.fail(StartStage::Versions, problem, Some(line));
    }

    /// `find_needed`: by a name that the object was loaded under.
    fn by_name(&self, name: &str) -> Option<usize> {
        self.objects
            .iter()
            .position(|object| object.path == name || object.names.iter().any(|it| it == name))
    }
}
