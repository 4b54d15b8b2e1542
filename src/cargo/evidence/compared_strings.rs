//! The texts of the sources against those of the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::edited_strings;
use crate::cargo::evidence::error::ComparisonError;
use crate::cargo::evidence::linked::LinkedLibraries;
use crate::cargo::evidence::mismatch::MismatchKind;
use crate::cargo::evidence::{SHOWN, SourceExcerpt, SourceNames, add_mismatch};
use crate::cargo::source::cfg::Compiled;
use crate::cargo::source::files::SourceReader;
use crate::cargo::source::string_literals;
use crate::cargo::source::string_literals::{Presence, StringLiteral};
use crate::cargo::source::tokens::{Calls, Printed, Scan};

/// What the texts say.
#[derive(Debug, Clone, Default)]
pub struct StringComparison {
    /// How many of the program's own crate are in the program.
    pub presence: Presence,
    /// Where the missing ones are, at most [`SHOWN`].
    pub missing: Vec<SourceExcerpt>,
    /// Those of every crate of which the program holds an edited form; at most [`SHOWN`].
    pub edited_strings: Vec<EditedString>,
    /// The first that `main` prints and that is missing, where something that is called before it
    /// may never return.
    pub unreached: Option<SourceExcerpt>,
}

/// A text of which the program holds another form.
#[derive(Debug, Clone)]
pub struct EditedString {
    /// The text and its place.
    pub source: SourceExcerpt,
    /// The file that it stands in.
    pub file: PathBuf,
    /// What the program holds.
    pub inside: String,
    /// Whether both ends of the text are there, too.
    pub whole: bool,
    /// Why it may be a text of somebody else's code, where that is not ruled out.
    pub undecided: Option<String>,
}

impl EditedString {
    /// One clause for a person.
    pub fn describe(&self) -> String {
        let SourceExcerpt { path, line, text } = &self.source;
        format!("{path}:{line} says {text:?}, the program has {:?}", self.inside)
    }
}

/// The texts that `main` prints, against the program; the first that is missing and may be behind
/// a call that never returns.
pub fn printed(
    state: &mut CrateFreshness,
    program: &[u8],
    names: SourceNames<'_>,
) -> Option<SourceExcerpt> {
    let main = state.main()?.clone();
    // What a macro of its own does with the text nobody knows.
    if ["println", "print", "eprintln", "eprint"].iter().any(|name| state.redefines(name)) {
        return None;
    }
    let root = names.given(&state.tree.as_ref()?.root);
    let is_inside = |text: &StringLiteral| memmem::find(program, &text.bytes).is_some();
    // What is printed later shows that everything before it returns.
    let reached = main.printed.iter().rposition(|printed| is_inside(&printed.text));
    let mut unreached = None;
    for (at, Printed { text, after }) in main.printed.iter().enumerate() {
        let place = shown(&(Path::new(&root), text), names);
        if is_inside(text) {
            state.matches += 1;
        } else if reached > Some(at) || all_return(after, state) {
            add_mismatch(
                state,
                root.clone(),
                Some(text.line),
                MismatchKind::TextMissing(place.text),
            );
        } else {
            unreached = unreached.or(Some(place));
        }
    }
    unreached
}

/// Whether everything that is called surely returns: it is known of the standard library, or is
/// written in a crate that calls nothing else. An optimiser drops what is behind a server's loop.
fn all_return(called: &BTreeSet<String>, state: &CrateFreshness) -> bool {
    const RETURN: &[&str] = &[
        "args",
        "as_bytes",
        "as_str",
        "assert!",
        "assert_eq!",
        "clone",
        "collect",
        "count",
        "default",
        "elapsed",
        "env!",
        "eprint!",
        "eprintln!",
        "expect",
        "format!",
        "from",
        "get",
        "into",
        "into_iter",
        "is_empty",
        "iter",
        "join",
        "len",
        "map",
        "max",
        "min",
        "new",
        "next",
        "now",
        "nth",
        "ok",
        "parse",
        "print!",
        "println!",
        "skip",
        "to_owned",
        "to_string",
        "trim",
        "unwrap",
        "unwrap_or",
        "unwrap_or_default",
        "unwrap_or_else",
        "var",
        "vec!",
        "write!",
        "writeln!",
    ];
    // A name in capitals makes a value: `Some(…)`.
    let is_known = |name: &String| {
        RETURN.contains(&name.as_str()) || name.starts_with(|it: char| it.is_ascii_uppercase())
    };
    if called.iter().all(is_known) {
        return true;
    }
    let files = state.tree.iter().flat_map(|tree| &tree.files);
    let calls: Vec<&Calls> =
        files.filter_map(|file| Some(&file.scan.as_ref()?.as_ref().ok()?.calls)).collect();
    let is_written = |name: &String| calls.iter().any(|calls| calls.defined.contains(name));
    let returns = |name: &String| is_known(name) || is_written(name);
    called.iter().all(returns) && calls.iter().flat_map(|calls| &calls.called).all(returns)
}

/// The texts of the crates, against the subject.
///
/// # Errors
///
/// They cannot be searched for.
pub fn compare_strings(
    states: &mut [CrateFreshness],
    program: &[u8],
    names: SourceNames<'_>,
    libraries: Option<&LinkedLibraries<'_>>,
    reader: &mut SourceReader,
) -> Result<StringComparison, ComparisonError> {
    let of_program = states.iter_mut().find(|state| state.role == CrateRole::Program);
    let unreached = of_program.and_then(|state| printed(state, program, names));
    let of = |role: fn(&CrateFreshness) -> bool| -> Vec<LocatedString<'_>> {
        states.iter().filter(|state| role(state)).flat_map(compiled).collect()
    };
    let own = of(|state| state.role == CrateRole::Program);
    // A library takes along only what is called: its share says nothing, its edits do.
    let linked =
        of(|it| matches!(it.role, CrateRole::OwnLibrary | CrateRole::Member) && !it.proven);
    let all: Vec<LocatedString<'_>> = own.iter().chain(&linked).copied().collect();
    let bytes: Vec<&[u8]> = all.iter().map(|(_, text)| text.bytes.as_slice()).collect();
    let searched = string_literals::search(&bytes, program)?;
    let presence = searched.of(&bytes, |index| index < own.len() && all[index].1.plain);
    let of_own = presence.missing.iter().take(SHOWN);
    let of_own = of_own.map(|index| shown(&all[*index], names)).collect();
    let missing: Vec<LocatedString<'_>> =
        searched.of(&bytes, |_| true).missing.into_iter().map(|index| all[index]).collect();
    let mut sources = Vec::new();
    for file in states.iter().flat_map(|it| &it.tree).flat_map(|tree| &tree.files) {
        sources.extend(reader.read(&file.path).ok().flatten());
    }
    // Once is the text itself, with its escapes perhaps not even that.
    let is_known = |part: &[u8]| {
        let of_file = |bytes| memmem::find_iter(bytes, part).count();
        let values = own.iter().chain(&linked).map(|(_, text)| of_file(&text.bytes)).sum::<usize>();
        values > 1 || sources.iter().map(|file| of_file(&file.bytes)).sum::<usize>() > 1
    };
    let wanted: Vec<&[u8]> = missing.iter().map(|(_, text)| text.bytes.as_slice()).collect();
    let edited = edited_strings::find(&wanted, program, is_known).into_iter().take(SHOWN);
    let edited: Vec<edited_strings::EditedSpan> = edited.collect();
    let parts: Vec<&[u8]> = edited.iter().map(|it| &wanted[it.index][it.part.clone()]).collect();
    let of_others = match libraries {
        Some(libraries) => libraries.hold(&parts, program),
        None => Err(ComparisonError::UnknownLibraries),
    };
    let is_others = |at: usize| of_others.as_ref().is_ok_and(|held| held.get(at) == Some(&true));
    let edited = edited
        .iter()
        .enumerate()
        .filter(|(at, _)| !is_others(*at))
        .map(|(_, it)| EditedString {
            source: shown(&missing[it.index], names),
            file: missing[it.index].0.to_path_buf(),
            inside: it.inside.clone(),
            whole: it.whole,
            undecided: of_others.as_ref().err().map(ComparisonError::to_string),
        })
        .collect();
    Ok(StringComparison { presence, missing: of_own, edited_strings: edited, unreached })
}

/// A text and its file.
type LocatedString<'a> = (&'a Path, &'a StringLiteral);

fn shown((path, text): &LocatedString<'_>, names: SourceNames<'_>) -> SourceExcerpt {
    let path = names.given(path);
    SourceExcerpt { path, line: text.line, text: String::from_utf8_lossy(&text.bytes).into_owned() }
}

/// The texts of the files that were surely compiled.
fn compiled(state: &CrateFreshness) -> Vec<LocatedString<'_>> {
    let files = state.tree.iter().flat_map(|tree| &tree.files);
    let read = files.filter(|file| file.compiled == Compiled::Yes).filter_map(|file| {
        let scan: &Scan = file.scan.as_ref()?.as_ref().ok()?;
        Some((file.path.as_path(), scan))
    });
    read.flat_map(|(path, scan)| scan.string_literals.iter().map(move |text| (path, text)))
        .collect()
}
