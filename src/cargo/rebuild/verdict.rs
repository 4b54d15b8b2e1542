//! From what a rebuild made to what it says of the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::attempt::{AttemptFailure, Bench, Extent, RebuiltCopy, is_printed};
use super::error::RebuildError;
use super::script::{ScriptDifference, asked_outside, difference_of_runs, unrecorded};
use super::units::{BuiltUnit, BuiltUnits, is_cargos, other_setting};
use super::{Rebuild, RebuildOutcome, RebuildRequest, RebuildTarget, Recorded, files};
use crate::binary::diff::cause::{self, changed_part};
use crate::binary::diff::{self, DifferenceCause};
use crate::binary::layout::FileLayout;

/// No program is larger, in bytes.
const MAX_PROGRAM: u64 = 4 << 30;
/// No source is, in bytes.
const MAX_SOURCE: u64 = 256 << 20;
/// How long a build that makes another program is repeated at most, to see whether it repeats
/// itself: a procedural macro that iterates over a hash map may well say the same twice.
const MAX_REPEATING: Duration = Duration::from_secs(20);
/// How often then.
const MAX_REPEATS: usize = 5;
/// Variables that cargo or the machine sets, each time as it likes: another build of the same
/// sources has others.
const OF_THE_MACHINE: [&str; 7] =
    ["NUM_JOBS", "HOME", "PATH", "TMPDIR", "CARGO_HOME", "CARGO_MAKEFLAGS", "RUSTUP_HOME"];
/// More differences are not told.
const MAX_TOLD: usize = 6;

/// See [`super::rebuild`].
pub fn rebuild(request: &RebuildRequest, progress: &dyn Fn(&str)) -> Vec<Rebuild> {
    let start = Instant::now();
    let mut answers: Vec<Option<Rebuild>> = request.programs.iter().map(|_| None).collect();
    let reason = match Bench::new(request) {
        Err(error) => Some(error.to_string()),
        Ok(bench) => {
            all(&bench, &mut answers, progress);
            for answer in answers.iter_mut().flatten() {
                answer.compiled = bench.compiled();
                answer.kept = bench.kept();
            }
            None
        }
    };
    let reason = reason.unwrap_or_else(|| "it was not compiled".to_owned());
    let mut answers: Vec<Rebuild> = answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(|| Rebuild::not_possible(reason.clone())))
        .collect();
    for answer in &mut answers {
        answer.milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    answers
}

fn all(bench: &Bench<'_>, answers: &mut [Option<Rebuild>], progress: &dyn Fn(&str)) {
    let mut wanted: Vec<(usize, usize)> = Vec::new();
    for (index, program) in bench.request.programs.iter().enumerate() {
        match unit_of(bench, program) {
            Ok(unit) => wanted.push((index, unit)),
            Err(error) => answers[index] = Some(Rebuild::not_possible(error.to_string())),
        }
    }
    if !wanted.is_empty() {
        compile_all(bench, &wanted, answers, progress);
    }
}

/// Compiles the programs together, or where they were not built together, one by one.
fn compile_all(
    bench: &Bench<'_>,
    wanted: &[(usize, usize)],
    answers: &mut [Option<Rebuild>],
    progress: &dyn Fn(&str),
) {
    let sources = sources(bench, wanted);
    let before = files::digest_of(&sources, MAX_SOURCE);
    let mut last = String::new();
    for words in bench.ways(wanted) {
        match bench.compile(wanted, &words, Extent::Full, progress) {
            Ok(made) => {
                for &(program, unit) in wanted {
                    let judge = Comparer { bench, program, unit, progress };
                    answers[program] = Some(judge.answer(&made));
                }
                if files::digest_of(&sources, MAX_SOURCE) != before {
                    for &(program, _) in wanted {
                        let why = "the sources changed while they were compiled";
                        answers[program] = Some(Rebuild::not_possible(why));
                    }
                }
                return;
            }
            Err(AttemptFailure::OtherFlags(reason)) => last = reason,
            Err(AttemptFailure::Final(reason)) => {
                for &(program, _) in wanted {
                    answers[program] = Some(Rebuild::not_possible(reason.clone()));
                }
                return;
            }
        }
    }
    if let [(program, _)] = wanted {
        answers[*program] = Some(Rebuild::not_possible(last));
        return;
    }
    for one in wanted {
        compile_all(bench, &[*one], answers, progress);
    }
}

/// The sources that the programs were compiled from, as the judged build lists them.
fn sources(bench: &Bench<'_>, wanted: &[(usize, usize)]) -> BTreeSet<PathBuf> {
    let units = wanted.iter().flat_map(|(_, unit)| bench.own_graph(*unit));
    let lists = units.filter_map(|unit| bench.units.all[unit].makefile.as_ref());
    let sources = lists.flat_map(|it| &it.sources);
    sources.map(|source| bench.request.workspace_root.join(source)).collect()
}

/// The unit that made a program: the one that is linked to its file, or has the same bytes, or the
/// same once it is loaded. Of a program that lies elsewhere, also the one that cargo hands out:
/// it may have the same sources and flags.
fn unit_of(bench: &Bench<'_>, program: &RebuildTarget) -> Result<usize, RebuildError> {
    let RebuildTarget { package, bin, path, bytes, .. } = program;
    let build_dir = &bench.request.build_dir;
    let candidates: Vec<(usize, PathBuf)> = bench
        .units
        .all
        .iter()
        .enumerate()
        .filter(|(_, unit)| unit.bin() == Some(bin) && unit.package == *package)
        .filter_map(|(index, unit)| Some((index, build_dir.join(program_of(unit)?))))
        .collect();
    let own = files::identity(path).ok_or_else(|| RebuildError::Gone { path: path.clone() })?;
    let is_linked = |(_, file): &&(usize, PathBuf)| files::identity(file) == Some(own);
    let linked = candidates.iter().find(is_linked);
    if let (Some((index, _)), None) = (linked, bytes) {
        return Ok(*index);
    }
    let bytes = bytes.clone().or_else(|| files::read(path, MAX_PROGRAM));
    let bytes = bytes.ok_or(RebuildError::UnreadableProgram)?;
    let reads = |file: &Path| files::read(file, MAX_PROGRAM);
    if let Some((index, _)) =
        candidates.iter().find(|(_, file)| reads(file).as_ref() == Some(&bytes))
    {
        return Ok(*index);
    }
    let is_same = |file: &Path| reads(file).is_some_and(|it| diff::same_code(&bytes, &it));
    let found = candidates.iter().find(|(_, file)| is_same(file)).or(linked);
    found
        .map(|(index, _)| *index)
        .ok_or_else(|| RebuildError::NoUnit { build_dir: build_dir.clone(), path: path.clone() })
}

/// The program among the files that a unit wrote, relative to the build directory.
fn program_of(unit: &BuiltUnit) -> Option<&PathBuf> {
    unit.outputs.iter().find(|path| match path.extension() {
        None => !is_printed(path),
        Some(extension) => extension == "exe" || extension == "wasm",
    })
}

/// One program's judgement.
struct Comparer<'a> {
    bench: &'a Bench<'a>,
    program: usize,
    unit: usize,
    progress: &'a dyn Fn(&str),
}

impl Comparer<'_> {
    fn answer(&self, made: &RebuiltCopy) -> Rebuild {
        let RebuildTarget { path, bytes, .. } = &self.bench.request.programs[self.program];
        let Some(judged) = bytes.clone().or_else(|| files::read(path, MAX_PROGRAM)) else {
            return Rebuild::not_possible(format!("{} cannot be read", path.display()));
        };
        let Some(rebuilt) = self.program(made) else {
            return Rebuild::not_possible("cargo made no such program again");
        };
        if let Some(proven) = proven(&judged, &rebuilt) {
            return proven;
        }
        let of_unit = program_of(self.unit())
            .and_then(|it| files::read(&self.bench.request.build_dir.join(it), MAX_PROGRAM));
        let same_flags = &self.bench.request.programs[self.program].same_flags;
        let is_output = of_unit.is_some_and(|it| it == judged || diff::same_code(&it, &judged));
        match same_flags {
            _ if is_output => self.other(&judged, &rebuilt, made),
            Some(Ok(recorded))
                if self.is_as_recorded(recorded, made)
                    && !(recorded.environment.is_some() && holds_paths(&judged, &rebuilt)) =>
            {
                let mut answer = self.other(&judged, &rebuilt, made);
                answer
                    .differences
                    .push(format!("{} names the same compiler and flags", recorded.record));
                answer
            }
            same_flags => {
                let missing = same_flags.as_ref().map(|it| match it {
                    Ok(recorded) if recorded.environment.is_some() => format!(
                        "{} names other flags, or leaves open what a build script, a variable or \
                         the directory adds: `cargo binlint record --embed` there would tell",
                        recorded.record
                    ),
                    Ok(recorded) => {
                        format!("{} names other RUSTFLAGS or features", recorded.record)
                    }
                    Err(missing) => missing.to_string(),
                });
                self.of_other_flags(&judged, &rebuilt, missing, made)
            }
        }
    }

    /// Whether the unit here was made of the words that were typed and with the flags of a record.
    fn is_as_recorded(&self, recorded: &Recorded, made: &RebuiltCopy) -> bool {
        made.words.typed
            && self.unit().rustflags().as_ref() == Some(&recorded.rustflags)
            && recorded.environment.as_ref().is_none_or(|it| self.bench.reads_only(self.unit, it))
    }

    /// Another build made the program, and nobody says that it was made as the one here.
    fn of_other_flags(
        &self,
        judged: &[u8],
        rebuilt: &[u8],
        missing: Option<String>,
        made: &RebuiltCopy,
    ) -> Rebuild {
        let comparison = diff::compare_builds(judged, rebuilt, &self.written(&made.copy));
        let is_of_place = |it: &DifferenceCause| {
            !matches!(
                it,
                DifferenceCause::Code | DifferenceCause::Data | DifferenceCause::BuildScript
            )
        };
        if comparison.unknown.is_none() && comparison.causes.iter().all(is_of_place) {
            let causes: Vec<&str> = comparison.causes.iter().map(|it| it.name()).collect();
            let reason =
                format!("only what follows from another place differs: {}", causes.join(", "));
            let mut answer = Rebuild::new(RebuildOutcome::NotRepeatable, reason);
            answer.differences = told(&comparison);
            return answer;
        }
        let missing = missing.map(|it| format!("; {it}")).unwrap_or_default();
        Rebuild::not_possible(format!(
            "the build here made another file, so that its flags may not be the ones in question{missing}"
        ))
    }

    fn unit(&self) -> &BuiltUnit {
        &self.bench.units.all[self.unit]
    }

    fn program(&self, made: &RebuiltCopy) -> Option<Vec<u8>> {
        files::read(&made.copy.join(program_of(self.unit())?), MAX_PROGRAM)
    }

    /// The rebuilt program is another one: whether that says anything.
    fn other(&self, judged: &[u8], rebuilt: &[u8], made: &RebuiltCopy) -> Rebuild {
        let bench = self.bench;
        let moved = bench.is_moved();
        let graph = bench.own_graph(self.unit);
        let again = BuiltUnits::read(&made.copy, &bench.tops).unwrap_or_default();
        for &index in &graph {
            let unit = &bench.units.all[index];
            let setting = again.twin(unit).and_then(|it| other_setting(unit, it, moved));
            if let Some(setting) = setting {
                return Rebuild::not_possible(format!(
                    "it was built with other settings, which only their hash tells: {setting} ({})",
                    unit.name()
                ));
            }
        }
        if moved {
            return Rebuild::not_possible(format!(
                "it was built in {}, and what it holds of that path cannot be made again here",
                bench.old_workspace.display()
            ));
        }
        // Neither linker nor C compiler is in any hash of cargo's; their names are in the program.
        if diff::compare(judged, rebuilt).causes.contains(&DifferenceCause::Linker) {
            return Rebuild::not_possible("it was linked with another linker or C library");
        }
        let name = self.bench.request.programs[self.program].bin.replace('-', "_");
        let (old, new) = (mangling(judged, &name), mangling(rebuilt, &name));
        if old != new && !made.words.environment.contains_key("RUSTC_BOOTSTRAP") {
            let mut words = made.words.clone();
            words.environment.insert("RUSTC_BOOTSTRAP".to_owned(), "1".to_owned());
            let again = self.again(&words, Extent::Full);
            return match again {
                Some((_, bytes)) if let Some(proof) = proven(judged, &bytes) => proof,
                Some((made, bytes)) if mangling(&bytes, &name) == old => {
                    self.other(judged, &bytes, &made)
                }
                _ => Rebuild::not_possible(
                    "its symbols are written in another way, as another compiler does",
                ),
            };
        }
        // What build scripts wrote may differ by itself: without that, do the sources differ?
        let script = graph.iter().find_map(|&unit| self.script_difference(unit, &made.copy));
        let mut extent = Extent::Full;
        let (mut base, mut base_bytes) = (made.copy.clone(), rebuilt.to_vec());
        if let Some(script) = &script
            && let Some((pinned, bytes)) = self.again(&made.words, Extent::Pinned)
        {
            if proven(judged, &bytes).is_some() {
                return self.script_alone(script, made);
            }
            (extent, base, base_bytes) = (Extent::Pinned, pinned.copy, bytes);
        }
        if let Some(changing) = self.repeat(made, extent, &base, &base_bytes) {
            return changing;
        }
        self.different(judged, &base_bytes, &base, script.filter(|_| extent == Extent::Full))
    }

    /// Compiles once more.
    fn again(
        &self,
        words: &super::attempt::BuildArguments,
        extent: Extent,
    ) -> Option<(RebuiltCopy, Vec<u8>)> {
        let wanted = [(self.program, self.unit)];
        let made = self.bench.compile(&wanted, words, extent, self.progress).ok()?;
        let bytes = self.program(&made)?;
        Some((made, bytes))
    }

    /// Whether the build repeats itself: an answer where it does not.
    fn repeat(
        &self,
        made: &RebuiltCopy,
        extent: Extent,
        base: &Path,
        bytes: &[u8],
    ) -> Option<Rebuild> {
        let start = Instant::now();
        let repeats = if self.has_macros() { MAX_REPEATS } else { 1 };
        for _ in 0..repeats {
            let Some((again, other)) = self.again(&made.words, extent) else {
                return Some(Rebuild::not_possible("it could not be compiled twice"));
            };
            if other != bytes && !diff::same_code(&other, bytes) {
                let comparison = diff::compare(bytes, &other);
                let unit = self.first_other_unit(base, &again.copy);
                let reason = match unit {
                    Some(unit) => format!("two rebuilds differ from each other, first in {unit}"),
                    None => "two rebuilds differ from each other".to_owned(),
                };
                let mut answer = Rebuild::new(RebuildOutcome::NotRepeatable, reason);
                answer.differences = told(&comparison);
                return Some(answer);
            }
            if start.elapsed() + again.took > MAX_REPEATING {
                break;
            }
        }
        None
    }

    /// Whether a procedural macro had a part in the program's own crates.
    fn has_macros(&self) -> bool {
        let graph = self.bench.units.graph(self.unit);
        let is_dynamic = |path: &PathBuf| {
            path.extension().is_some_and(|it| it == "so" || it == "dylib" || it == "dll")
        };
        graph.iter().any(|index| self.bench.units.all[*index].outputs.iter().any(is_dynamic))
    }

    /// All that differs is what a build script wrote.
    fn script_alone(&self, script: &ScriptDifference, made: &RebuiltCopy) -> Rebuild {
        let ScriptDifference { old, new, .. } = script;
        let what = script.to_string();
        let again = self.again(&made.words, Extent::Full);
        let repeats = again.is_some_and(|(again, _)| {
            let unit = self.bench.own_graph(self.unit);
            unit.iter().all(|&unit| {
                difference_of_runs(self.bench, unit, &made.copy, &again.copy).is_none()
            })
        });
        let is_of_the_day = [cause::is_moment, has_commit]
            .iter()
            .any(|is| changed_part(old, new).is_some_and(|(old, new)| is(&old) && is(&new)));
        let unrecorded = self.unrecorded_input(script, &made.copy);
        let mut answer = match (repeats && !is_of_the_day, unrecorded) {
            (true, None) => Rebuild::new(RebuildOutcome::Different, what),
            (true, Some(input)) => {
                Rebuild::new(RebuildOutcome::NotRepeatable, format!("{what}; {input}"))
            }
            (false, _) => Rebuild::new(
                RebuildOutcome::NotRepeatable,
                format!("its own crates are what the sources compile to, but {what}"),
            ),
        };
        answer.differences = vec![format!("{old:?}, and now {new:?}")];
        answer
    }

    /// What the unedited build script of a package asks of the environment, of other programs or of
    /// files outside, and does not let cargo watch: where that answers otherwise it writes something
    /// else. As a clause.
    fn unrecorded_input(&self, difference: &ScriptDifference, copy: &Path) -> Option<String> {
        let package = &difference.package;
        let (all, request) = (&self.bench.units.all, self.bench.request);
        let graph = self.bench.own_graph(self.unit);
        let units = graph.iter().map(|index| &all[*index]);
        let units: Vec<&BuiltUnit> =
            units.filter(|it| it.package == *package && it.is_build_script()).collect();
        let script = units.iter().find(|it| !it.is_run())?;
        let is_edited = script.outputs.iter().filter(|path| is_compiled(path)).any(|path| {
            let read = |top: &Path| files::read(&top.join(path), MAX_PROGRAM);
            let (old, new) = (read(&request.build_dir), read(copy));
            old.is_some() && new.is_some() && old != new
        });
        if is_edited {
            return None;
        }
        let watched: BTreeSet<String> =
            units.iter().flat_map(|it| it.watched()).map(|(name, _)| name).collect();
        let is_known = |name: &str| {
            is_cargos(name) && !OF_THE_MACHINE.contains(&name) || watched.contains(name)
        };
        let sources = script.makefile.as_ref()?.sources.iter();
        sources.into_iter().find_map(|source| {
            let bytes = files::read(&request.workspace_root.join(source), MAX_SOURCE)?;
            let text = String::from_utf8_lossy(&bytes);
            let variable = unrecorded(&text, &is_known)
                .map(|it| format!("it reads {it}, and cargo records no value of it"));
            variable.or_else(|| asked_outside(&text).filter(|_| !difference.is_compiled()))
        })
    }

    /// The build repeats itself and makes another program.
    fn different(
        &self,
        judged: &[u8],
        rebuilt: &[u8],
        copy: &Path,
        script: Option<ScriptDifference>,
    ) -> Rebuild {
        let comparison = diff::compare_builds(judged, rebuilt, &self.written(copy));
        // Addresses follow from a text that grew; where only they differ, other things are named.
        let moves = comparison.causes.iter().any(|it| it.moves_others());
        let follows = |cause: &DifferenceCause| match cause {
            DifferenceCause::BuildId
            | DifferenceCause::Debug
            | DifferenceCause::Strip
            | DifferenceCause::Linker
            | DifferenceCause::CrateHash => true,
            DifferenceCause::Address => moves,
            _ => false,
        };
        let causes: BTreeSet<DifferenceCause> =
            comparison.causes.iter().copied().filter(|it| !follows(it)).collect();
        let mut answer = if comparison.unknown.is_some() || FileLayout::read(judged).is_none() {
            Rebuild::new(
                RebuildOutcome::NotRepeatable,
                "the file's format cannot be compared in part",
            )
        } else if causes == [DifferenceCause::Timestamp].into() {
            Rebuild::new(RebuildOutcome::NotRepeatable, "only a date or time in it differs")
        } else if !causes.is_empty()
            && causes.iter().all(|it| matches!(it, DifferenceCause::Path | DifferenceCause::OutDir))
        {
            Rebuild::new(RebuildOutcome::NotRepeatable, "only the paths in it differ")
        } else {
            let unit = self.first_other_unit(&self.bench.request.build_dir, copy);
            let unit = unit.unwrap_or_else(|| self.unit().name());
            let reason = format!("its sources compile to another program, first in {unit}");
            Rebuild::new(RebuildOutcome::Different, reason)
        };
        answer.differences.extend(script.map(|script| script.to_string()));
        answer.differences.extend(told(&comparison));
        answer.differences.truncate(MAX_TOLD);
        answer
    }

    /// What the build scripts wrote for the build in question and for a rebuild.
    fn written(&self, copy: &Path) -> diff::Written {
        let of = |top: &Path| {
            let tops: Vec<PathBuf> = self.bench.tops.iter().map(|it| top.join(it)).collect();
            files::written_by_scripts(&tops, MAX_SOURCE)
        };
        diff::Written { old: of(&self.bench.request.build_dir), new: of(copy) }
    }

    /// The first own unit, dependencies before what depends on them, whose files differ.
    fn first_other_unit(&self, one: &Path, other: &Path) -> Option<String> {
        let graph = self.bench.own_graph(self.unit);
        let units = graph.iter().rev().map(|index| &self.bench.units.all[*index]);
        let limit = MAX_PROGRAM;
        let differs = |unit: &&BuiltUnit| {
            unit.outputs.iter().filter(|path| is_compiled(path)).any(|path| {
                let (old, new) =
                    (files::read(&one.join(path), limit), files::read(&other.join(path), limit));
                old.is_some() && new.is_some() && old != new
            })
        };
        units.into_iter().find(differs).map(BuiltUnit::name)
    }

    fn script_difference(&self, unit: usize, copy: &Path) -> Option<ScriptDifference> {
        difference_of_runs(self.bench, unit, &self.bench.request.build_dir, copy)
    }
}

/// Libraries, metadata, macros and programs.
fn is_compiled(path: &Path) -> bool {
    let is_list = path.extension().is_some_and(|it| it == "d" || it == "timestamp");
    let name = path.file_name().unwrap_or_default();
    !is_list && !is_printed(path) && name != "stderr" && name != "root-output"
}

/// Whether a text holds what may be a commit: seven to forty hex digits in a row.
fn has_commit(text: &str) -> bool {
    let words = text.split(|letter: char| !letter.is_ascii_hexdigit());
    words.into_iter().any(|word| {
        (7..=40).contains(&word.len())
            && word.bytes().any(|it| it.is_ascii_digit())
            && word.bytes().any(|it| it.is_ascii_alphabetic())
    })
}

/// Whether two programs hold paths of two places: what follows from them is no other code.
fn holds_paths(judged: &[u8], rebuilt: &[u8]) -> bool {
    let causes = diff::compare(judged, rebuilt).causes;
    causes.iter().any(|it| matches!(it, DifferenceCause::Path | DifferenceCause::OutDir))
}

/// The proof, where there is one.
fn proven(judged: &[u8], rebuilt: &[u8]) -> Option<Rebuild> {
    if judged == rebuilt {
        return Some(Rebuild::new(RebuildOutcome::Equal, ""));
    }
    if !diff::same_code(judged, rebuilt) {
        return None;
    }
    let comparison = diff::compare(judged, rebuilt);
    let causes: Vec<&str> = comparison.causes.iter().map(|it| it.name()).collect();
    let reason = format!("the same program but for what is not loaded: {}", causes.join(", "));
    let mut answer = Rebuild::new(RebuildOutcome::SameCode, reason);
    answer.differences = told(&comparison);
    Some(answer)
}

/// The differences for a person. That the build-id, which is a hash of the rest, differs too tells
/// nothing beside others.
fn told(comparison: &diff::BinaryComparison) -> Vec<String> {
    let is_alone = comparison.causes.len() == 1;
    let all = comparison.differences.iter();
    let telling = all.filter(|it| is_alone || it.cause != DifferenceCause::BuildId);
    telling.take(MAX_TOLD).map(ToString::to_string).collect()
}

/// Whether a crate's symbols are written in Rust's newer form; `None` without any.
fn mangling(program: &[u8], name: &str) -> Option<bool> {
    let layout = FileLayout::read(program)?;
    let part = format!("{}{name}", name.len());
    let own = layout.functions.iter().map(|it| &it.name).filter(|it| it.contains(&part));
    let (new, old): (Vec<&String>, Vec<&String>) = own.partition(|it| it.starts_with("_R"));
    (new.len() + old.len() > 0).then_some(new.len() > old.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_of_a_line_may_be_a_date_or_a_commit() {
        let is = |old: &str, new: &str, is: fn(&str) -> bool| {
            changed_part(old, new).is_some_and(|(old, new)| is(&old) && is(&new))
        };
        let out = |number: u32| {
            format!("N = {number}; \"/t/build/app-8d3f00e7f27cf319/out\" // 2026-11-29")
        };
        assert!(!is(&out(9090), &out(9091), has_commit));
        assert!(!is(&out(9090), &out(9091), cause::is_moment));
        assert!(is("GIT=1b2c3d4e", "GIT=2b2c3d4e", has_commit));
        assert!(is("AT=2026-11-29", "AT=2026-11-30", cause::is_moment));
        assert!(is("on Nov 29 2026", "on Nov 30 2026", cause::is_moment));
        assert_eq!(changed_part("", ""), None);
    }

    #[test]
    fn a_commit_is_hex_with_letters_and_digits() {
        assert!(has_commit("cargo:rustc-env=GIT=1b2c3d4e"));
        for text in ["cargo:rustc-env=N=20261129", "deadline", "version 1.2.3", "accede"] {
            assert!(!has_commit(text), "{text}");
        }
    }
}
