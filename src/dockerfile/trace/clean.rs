//! Steps that take away what cargo compiled, and which of them make it compile again.

use super::{RanCommand, RemovalStep, Tracer, UnitKey, below, join};
use crate::dockerfile::cargo_command::{CargoCommand, NamedProfile};
use crate::dockerfile::files::matches;
use crate::dockerfile::workspace::WorkspacePackage;

/// What stands for the hash in the names of cargo's files.
const HASH: &str = "0123456789abcdef";

/// Files and directories without which cargo compiles a unit again.
fn essential(key: &UnitKey) -> Vec<String> {
    let base = join(&key.target_dir, &key.output);
    let mut all = vec![format!("{base}/.fingerprint/{}-{HASH}", key.package)];
    match key.target.split_once(' ') {
        Some((_, bin)) => {
            all.push(format!("{base}/deps/{}-{HASH}", WorkspacePackage::crate_name(bin)))
        }
        None => {
            let name = WorkspacePackage::crate_name(&key.package);
            all.push(format!("{base}/deps/lib{name}-{HASH}.rlib"));
            all.push(format!("{base}/deps/lib{name}-{HASH}.rmeta"));
        }
    }
    all
}

impl Tracer<'_> {
    fn record_clean(&mut self, command: &RanCommand, hits: Vec<UnitKey>) {
        for key in &hits {
            if let Some(unit) = self.state.units.get_mut(key) {
                unit.removed = true;
            }
        }
        let written =
            command.arguments.iter().map(|it| it.raw.as_str()).collect::<Vec<_>>().join(" ");
        self.trace.cleaned.push(RemovalStep {
            stage: self.stage,
            instruction: self.instruction,
            span: command.span.clone(),
            written,
            hits,
            builds_before: self.trace.builds.len(),
        });
    }

    /// `rm`: files, and what cargo compiled.
    pub(super) fn remove(&mut self, command: &RanCommand) {
        let mut hits = Vec::new();
        let mut about_target = false;
        for argument in command.rest() {
            let Some(value) = argument.value.as_deref() else {
                // `rm $(…)`: whatever it names.
                hits.extend(self.state.units.keys().cloned());
                continue;
            };
            if value.starts_with('-') {
                continue;
            }
            let Some(directory) =
                command.directory.as_deref().or(value.starts_with('/').then_some("/"))
            else {
                hits.extend(self.state.units.keys().cloned());
                continue;
            };
            let path = join(directory, value);
            let (placed, _) = self.placed(&path);
            let gone = |file: &str| {
                below(file, &placed).is_some()
                    || argument.pattern
                        && (matches(&placed, file)
                            || file.match_indices('/').any(|(at, _)| matches(&placed, &file[..at])))
            };
            self.state.files.retain(|file, _| !gone(file));
            self.state.trees.retain(|tree| !gone(&tree.at) || tree.at == "/");
            for key in self.state.units.keys() {
                let inside = below(&placed, &key.target_dir).is_some()
                    || below(&key.target_dir, &placed).is_some();
                about_target |= inside;
                let parts = |file: &String| {
                    gone(file) || file.match_indices('/').skip(1).any(|(at, _)| gone(&file[..at]))
                };
                if inside && essential(key).iter().any(parts) {
                    hits.push(key.clone());
                }
            }
            self.state.outputs.retain(|(output, _)| !gone(output));
        }
        if self.workspace.guessed && hits.is_empty() && about_target && self.may_hit(command) {
            hits = self.state.units.keys().cloned().collect();
        }
        if about_target || !hits.is_empty() {
            self.record_clean(command, hits);
        }
    }

    /// Where names of packages are not known: whether the files may be those of some crate. Crates have
    /// no dashes in their names, and cargo looks at nothing outside of these two directories.
    fn may_hit(&self, command: &RanCommand) -> bool {
        let paths = command.rest().iter().filter_map(|it| it.value.as_deref());
        paths.filter(|it| !it.starts_with('-')).any(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            let name = name.split(['*', '?', '[']).next().unwrap_or_default();
            path.contains("/.fingerprint/")
                || path.contains("/deps/") && !name.trim_end_matches('-').contains('-')
        })
    }

    /// Something removes what cannot be told: all of it may be gone.
    pub(super) fn remove_all_units(&mut self, command: &RanCommand) {
        let hits = self.state.units.keys().cloned().collect();
        self.record_clean(command, hits);
    }

    /// `cargo clean`.
    pub(super) fn cargo_clean(&mut self, command: &RanCommand, cargo: &CargoCommand) {
        let named: Option<Vec<&str>> = cargo.packages.iter().map(|it| it.as_deref()).collect();
        let typed = cargo.profile != NamedProfile::Named("dev".to_owned());
        let profile = cargo.profile.directory();
        let target_dir = cargo.target_dir.clone().flatten();
        let hit = |key: &UnitKey| {
            let package = match &named {
                _ if self.workspace.guessed => true,
                None => true,
                Some(named) => {
                    named.is_empty()
                        || named.iter().any(|name| {
                            name.split(['@', ':', '#']).next() == Some(key.package.as_str())
                        })
                }
            };
            // With a package only one profile is cleaned: debug unless another is named.
            let everything = cargo.packages.is_empty() && !typed;
            let output = everything
                || profile.is_none_or(|profile| key.output.rsplit('/').next() == Some(profile));
            let triple = match cargo.targets.as_slice() {
                [] => everything || !key.output.contains('/'),
                targets => targets
                    .iter()
                    .any(|target| target.as_deref().is_none_or(|it| key.output.starts_with(it))),
            };
            let directory = target_dir.is_none()
                || key.target_dir.ends_with(target_dir.as_deref().unwrap_or_default());
            package && output && triple && directory
        };
        let hits: Vec<UnitKey> = self.state.units.keys().filter(|it| hit(it)).cloned().collect();
        if cargo.packages.is_empty() {
            let gone: Vec<String> =
                hits.iter().map(|key| join(&key.target_dir, &key.output)).collect();
            self.state.outputs.retain(|(output, _)| !gone.contains(output));
        }
        // Nothing of the workspace lies there yet, or the package is a dependency: no attempt.
        let own = named.is_none_or(|named| {
            self.workspace.guessed
                || named.is_empty()
                || named.iter().any(|name| self.workspace.package(name).is_some())
        });
        if !self.state.units.is_empty() && own {
            self.record_clean(command, hits);
        }
    }
}
