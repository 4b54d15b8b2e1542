//! COPY and ADD: what comes from the context, from another stage, from another image.

use super::{CopiedTree, FileOrigin, Flag, LocatedText, TakenPath, Tracer, UnitKey, below, join};

impl Tracer<'_> {
    pub(super) fn copy(
        &mut self,
        add: bool,
        flags: &[Flag],
        sources: &[LocatedText],
        heredoc: bool,
        dest: &LocatedText,
    ) {
        let flag = |name: &str| flags.iter().find(|it| it.name == name);
        let Some(to) = self.absolute(&dest.value) else {
            self.unknown_tree("/");
            return;
        };
        let into_directory = dest.value.ends_with('/')
            || matches!(dest.value.as_str(), "." | "./" | "..")
            || sources.len() + usize::from(heredoc) > 1;
        if heredoc {
            self.write(&to, FileOrigin::Written, self.time);
        }
        let from = match flag("from").map(|it| self.expanded(&it.value)) {
            Some(None) => return self.unknown_tree(&to),
            Some(Some(name)) => match self.stages.find(&name).filter(|it| *it < self.stage) {
                Some(stage) => Some(stage),
                None => return self.copy_from_image(sources, &to, into_directory),
            },
            None => None,
        };
        let parents = flag("parents").is_some();
        for source in sources {
            let Some(path) = self.expanded(&source.value) else {
                self.trace.unknown_taken.extend(from.map(|from| (self.stage, from)));
                self.unknown_tree(&to);
                continue;
            };
            match from {
                Some(stage) => self.copy_from_stage(stage, &path, source, &to, into_directory),
                None if add
                    && (path.contains("://") || path.starts_with("git@") || is_archive(&path)) =>
                {
                    self.unknown_tree(&to);
                }
                None => {
                    self.copy_from_context(&path, &to, into_directory, parents);
                }
            }
        }
    }

    /// What comes from an image that is no stage: one file is that file, a directory is anything.
    fn copy_from_image(&mut self, sources: &[LocatedText], to: &str, into_directory: bool) {
        for source in sources {
            let name = source.value.rsplit('/').next().unwrap_or_default();
            let path = if into_directory { join(to, name) } else { to.to_owned() };
            self.write(&path, FileOrigin::Unknown, self.time);
            self.unknown_tree(&path);
        }
    }

    pub(super) fn unknown_tree(&mut self, at: &str) {
        let (at, _) = self.placed(at);
        self.state.trees.push(CopiedTree { at, source: None });
    }

    pub(super) fn copy_from_context(
        &mut self,
        source: &str,
        to: &str,
        into_directory: bool,
        parents: bool,
    ) {
        let source = join("", source.trim_start_matches('/'));
        let is_pattern = source.contains(['*', '?', '[']);
        let is_directory = source.is_empty() || self.context.directories.contains(&source);
        for index in 0..self.inputs.len() {
            let input = &self.inputs[index];
            if !self.context.files.contains(input) || !self.context.sends(input) {
                continue;
            }
            let target = if parents {
                let hit = self.context.selected(&source).any(|it| it == input);
                hit.then(|| join(to, input))
            } else if is_pattern {
                pattern_target(&source, input, to, into_directory)
            } else if is_directory {
                below(input, &source).map(|rest| join(to, rest))
            } else if *input == source {
                let name = source.rsplit('/').next().unwrap_or_default();
                Some(if into_directory { join(to, name) } else { to.to_owned() })
            } else {
                None
            };
            if let Some(target) = target {
                let origin = FileOrigin::Context(input.clone());
                self.write(&target, origin, 0);
            }
        }
        let (at, _) = self.placed(to);
        if is_pattern || parents || self.context.incomplete {
            self.state.trees.push(CopiedTree { at, source: None });
        } else {
            let name = source.rsplit('/').next().unwrap_or_default();
            let at = if !is_directory && into_directory { join(&at, name) } else { at };
            self.state.trees.push(CopiedTree { at, source: Some(source) });
        }
    }

    pub(super) fn copy_from_stage(
        &mut self,
        stage: usize,
        path: &str,
        source: &LocatedText,
        to: &str,
        into_directory: bool,
    ) {
        let path = join("/", path);
        let Some(from) = self.trace.stages.get(stage).map(|it| it.state.clone()) else { return };
        let pattern = path.contains(['*', '?', '[']);
        let build = from.program_at(&path);
        let there = if pattern { None } else { from.presence(&path, self.context) };
        self.trace.taken.push(TakenPath {
            stage: self.stage,
            from: stage,
            instruction: self.instruction,
            path: path.clone(),
            written: source.value.clone(),
            span: source.span.clone(),
            by: "COPY".to_owned(),
            conditional: false,
            mount: None,
            build,
            builds_before: self.trace.builds.len(),
            there,
        });
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if pattern {
            return self.unknown_tree(to);
        }
        let is_file = from.files.contains_key(&path) || build.is_some();
        let target = if is_file && into_directory { join(to, &name) } else { to.to_owned() };
        if let Some(build) = build {
            self.write(&target, FileOrigin::Program(build), self.time);
        }
        for (file, found) in &from.files {
            if let Some(rest) = below(file, &path) {
                self.write(&join(&target, rest), found.origin.clone(), found.time);
            }
        }
        for (key, unit) in &from.units {
            if let Some(rest) = below(&key.target_dir, &path) {
                let (target_dir, _) = self.placed(&join(to, rest));
                self.state.units.insert(UnitKey { target_dir, ..key.clone() }, unit.clone());
            }
        }
        for (directory, build) in &from.outputs {
            if let Some(rest) = below(directory, &path) {
                self.state.outputs.push((join(to, rest), *build));
            }
        }
        for tree in &from.trees {
            if let Some(rest) = below(&tree.at, &path) {
                self.state
                    .trees
                    .push(CopiedTree { at: join(&target, rest), source: tree.source.clone() });
            } else if let Some(rest) = below(&path, &tree.at) {
                let source = tree.source.as_ref().map(|it| join(it, rest));
                self.state.trees.push(CopiedTree { at: target.clone(), source });
            }
        }
        if there != Some(true) {
            // The stage may hold more than is followed here.
            self.write(&target, FileOrigin::Unknown, self.time);
            self.unknown_tree(&target);
        }
    }
}

fn is_archive(path: &str) -> bool {
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst"]
        .iter()
        .any(|it| path.ends_with(it))
}

/// Where a file lands that a pattern selects: by its name, or, of a directory, below it.
fn pattern_target(pattern: &str, input: &str, to: &str, into_directory: bool) -> Option<String> {
    let above = input.match_indices('/').map(|(at, _)| at).chain([input.len()]);
    let hit = above.into_iter().find(|at| super::super::files::matches(pattern, &input[..*at]))?;
    let name = input[..hit].rsplit('/').next().unwrap_or_default();
    let rest = &input[hit..];
    Some(match (rest.is_empty(), into_directory) {
        (true, true) => join(to, name),
        (true, false) => to.to_owned(),
        (false, _) => join(to, rest.trim_start_matches('/')),
    })
}
