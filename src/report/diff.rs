//! What differs between two programs or images, for a person and as `binlint.diff/1`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::binary::Binary;
use crate::binary::diff::{BinaryComparison, BinaryDifference, DifferenceCause};
use crate::report::binary::BinaryEntry;
use crate::report::table::{Detail, Style};

/// The version of the document; a name is only ever added.
pub const SCHEMA: &str = "binlint.diff/1";
/// More places of one program are not printed for a person, unless asked for.
const MAX_LINES: usize = 12;

/// Two sides, and what differs.
#[derive(Debug, Default)]
pub struct Diff {
    /// The old side, as typed.
    pub old: String,
    /// The new side.
    pub new: String,
    /// What differs between the images themselves; empty for programs.
    pub facts: Vec<FactChange>,
    /// The programs, by name.
    pub programs: Vec<Pair>,
    /// Causes that do not count.
    pub ignored: BTreeSet<DifferenceCause>,
}

/// One fact that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChange {
    /// Its JSON key.
    pub key: String,
    /// `null`: there is none.
    pub old: Value,
    /// `null`: there is none.
    pub new: Value,
}

/// One program on both sides, or on one.
#[derive(Debug, Default)]
pub struct Pair {
    /// Its name or its path in the images.
    pub name: String,
    /// The digests of both sides; `None` where it is not there.
    pub digests: (Option<String>, Option<String>),
    /// Its facts and outcomes that differ.
    pub facts: Vec<FactChange>,
    /// Its bytes.
    pub comparison: Option<BinaryComparison>,
}

impl Diff {
    /// Whether nothing differs that counts.
    pub fn is_equal(&self) -> bool {
        self.facts.is_empty() && self.programs.iter().all(|pair| self.is_equal_pair(pair))
    }

    /// Symbols and debug information count as little with other contents as when they are taken out.
    fn does_not_count(&self, cause: DifferenceCause) -> bool {
        let cause = if cause == DifferenceCause::Debug { DifferenceCause::Strip } else { cause };
        self.ignored.contains(&cause)
    }

    fn is_equal_pair(&self, pair: &Pair) -> bool {
        match &pair.comparison {
            Some(it) if it.equal => true,
            // Facts differ only where bytes do.
            Some(it) => {
                let follows =
                    it.causes.iter().any(|it| it.moves_others() && self.does_not_count(*it));
                let counts = |cause: &DifferenceCause| match cause {
                    // Other addresses of the same follow from what is ignored.
                    DifferenceCause::Address => !follows,
                    cause => !self.does_not_count(*cause),
                };
                it.unknown.is_none() && !it.causes.is_empty() && !it.causes.iter().any(counts)
            }
            None => pair.digests.0.is_some() && pair.digests.0 == pair.digests.1,
        }
    }
}

/// The facts of two programs that differ, by their keys in the JSON of `inspect`. Where a file lies
/// and what speaks for a fact are none.
pub fn changes(old: &Binary, new: &Binary) -> Vec<FactChange> {
    let facts = |binary: &Binary| {
        let mut facts = BTreeMap::new();
        let value = serde_json::to_value(BinaryEntry::from(binary)).unwrap_or_default();
        flatten("", value, &mut facts);
        facts.retain(|key, _| {
            let first = key.split('.').next().unwrap_or_default();
            !matches!(first, "path" | "evidence" | "notes") && !key.ends_with(".evidence")
        });
        facts
    };
    changed(facts(old), facts(new))
}

/// The entries that are not the same in both.
pub fn changed(old: BTreeMap<String, Value>, mut new: BTreeMap<String, Value>) -> Vec<FactChange> {
    let mut changes = Vec::new();
    for (key, old) in old {
        let new = new.remove(&key).unwrap_or_default();
        if old != new {
            changes.push(FactChange { key, old, new });
        }
    }
    let added = new.into_iter().filter(|(_, new)| !new.is_null());
    changes.extend(added.map(|(key, new)| FactChange { key, old: Value::Null, new }));
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    changes
}

/// `libc.name`, `crates.serde`: objects by their keys, lists of named things by their names.
fn flatten(key: &str, value: Value, to: &mut BTreeMap<String, Value>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&below(&name), value, to);
            }
        }
        Value::Array(items) if items.iter().any(|it| it.get("name").is_some()) => {
            for item in items {
                let name = item["name"].as_str().unwrap_or_default();
                let version = item["version"].as_str().unwrap_or_default();
                // One name may be there in several versions.
                let text = match to.get(&below(name)).and_then(Value::as_str) {
                    Some(known) if known != version => format!("{known}, {version}"),
                    _ => version.to_owned(),
                };
                to.insert(below(name), Value::String(text));
            }
        }
        value => {
            to.insert(key.to_owned(), value);
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DiffDocument<'a> {
    schema: &'static str,
    old: &'a str,
    new: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["equal", "different"])))]
    verdict: &'static str,
    ignored: Vec<&'static str>,
    facts: Vec<ChangeEntry<'a>>,
    programs: Vec<PairEntry<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangeEntry<'a> {
    key: &'a str,
    old: &'a Value,
    new: &'a Value,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PairEntry<'a> {
    name: &'a str,
    old_sha256: Option<&'a str>,
    new_sha256: Option<&'a str>,
    equal: bool,
    same_code: Option<bool>,
    facts: Vec<ChangeEntry<'a>>,
    causes: Vec<CauseEntry>,
    sections: BTreeMap<&'a str, usize>,
    differences: Vec<DifferenceEntry<'a>>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CauseEntry {
    cause: &'static str,
    ignored: bool,
    fix: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DifferenceEntry<'a> {
    section: &'a str,
    place: Option<&'a str>,
    old: RangeEntry,
    new: RangeEntry,
    old_text: Option<&'a str>,
    new_text: Option<&'a str>,
    cause: &'static str,
}

/// In bytes: in the file, or for a function in memory.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RangeEntry {
    offset: u64,
    size: u64,
}

/// Writes the answer as one JSON document.
///
/// # Errors
/// Those of the writer.
pub fn write_json(answer: &Diff, to: &mut dyn Write) -> io::Result<()> {
    let document = DiffDocument {
        schema: SCHEMA,
        old: &answer.old,
        new: &answer.new,
        verdict: if answer.is_equal() { "equal" } else { "different" },
        ignored: answer.ignored.iter().map(|it| it.name()).collect(),
        facts: answer.facts.iter().map(change_entry).collect(),
        programs: answer.programs.iter().map(|pair| pair_entry(pair, &answer.ignored)).collect(),
    };
    serde_json::to_writer_pretty(&mut *to, &document)?;
    writeln!(to)
}

fn change_entry(change: &FactChange) -> ChangeEntry<'_> {
    ChangeEntry { key: &change.key, old: &change.old, new: &change.new }
}

fn pair_entry<'a>(pair: &'a Pair, ignored: &BTreeSet<DifferenceCause>) -> PairEntry<'a> {
    let comparison = pair.comparison.as_ref();
    let causes = comparison.into_iter().flat_map(|it| &it.causes);
    let differences = comparison.into_iter().flat_map(|it| &it.differences);
    let (old, new) = (pair.digests.0.as_deref(), pair.digests.1.as_deref());
    PairEntry {
        name: &pair.name,
        old_sha256: old,
        new_sha256: new,
        equal: old.is_some() && old == new,
        same_code: comparison.map(|it| it.same_code),
        facts: pair.facts.iter().map(change_entry).collect(),
        causes: causes
            .map(|cause| CauseEntry {
                cause: cause.name(),
                ignored: ignored.contains(cause),
                fix: cause.remedy(),
            })
            .collect(),
        sections: comparison
            .into_iter()
            .flat_map(|it| &it.sections)
            .map(|(name, count)| (name.as_str(), *count))
            .collect(),
        differences: differences.map(difference_entry).collect(),
        reason: comparison.and_then(|it| it.unknown.as_deref()),
    }
}

fn difference_entry(difference: &BinaryDifference) -> DifferenceEntry<'_> {
    let range = |(offset, size)| RangeEntry { offset, size };
    let texts = difference.shown.as_ref();
    DifferenceEntry {
        section: &difference.section,
        place: difference.place.as_deref(),
        old: range(difference.old),
        new: range(difference.new),
        old_text: texts.map(|(old, _)| old.as_str()),
        new_text: texts.map(|(_, new)| new.as_str()),
        cause: difference.cause.name(),
    }
}

/// Writes the answer for a person.
///
/// # Errors
/// Those of the writer.
pub fn write(answer: &Diff, style: Style, to: &mut dyn Write) -> io::Result<()> {
    if style.detail > Detail::Quiet {
        for change in &answer.facts {
            write_change(change, to)?;
        }
        for pair in answer.programs.iter().filter(|it| it.digests.0 != it.digests.1) {
            write_pair(pair, answer, style, to)?;
        }
    }
    match (answer.is_equal(), answer.programs.iter().all(|it| it.digests.0 == it.digests.1)) {
        (true, true) => writeln!(to, "equal"),
        (true, false) => writeln!(to, "equal but for what is ignored"),
        (false, _) => writeln!(to, "different"),
    }
}

fn write_change(change: &FactChange, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "  {}: {} -> {}", line(&change.key), shown(&change.old), shown(&change.new))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => line(text),
        other => line(&other.to_string()),
    }
}

/// Nothing of a file reaches a terminal as control bytes, and no line is endless.
fn line(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(400).collect()
}

fn write_pair(pair: &Pair, answer: &Diff, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let there = match &pair.digests {
        (None, _) => " is new",
        (_, None) => " is gone",
        _ => "",
    };
    writeln!(to, "{}{there}", line(&pair.name))?;
    for change in &pair.facts {
        write_change(change, to)?;
    }
    let Some(comparison) = &pair.comparison else { return Ok(()) };
    if let Some(why) = &comparison.unknown {
        writeln!(to, "  {why}")?;
    }
    let lines = if style.detail == Detail::Verbose { usize::MAX } else { MAX_LINES };
    for difference in comparison.differences.iter().take(lines) {
        writeln!(to, "  {:<13} {}", difference.cause.name(), line(&difference.to_string()))?;
    }
    let all: usize = comparison.sections.values().sum();
    let told = comparison.differences.len().min(lines);
    if all > told {
        writeln!(to, "  and {} more places", all - told)?;
    }
    for cause in &comparison.causes {
        let ignored = if answer.ignored.contains(cause) { " (ignored)" } else { "" };
        if let Some(fix) = cause.remedy() {
            writeln!(to, "  {cause}{ignored}: {fix}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_the_differences_is_up_to_date() {
        crate::report::schema::keep_up_to_date::<super::DiffDocument<'_>>("diff");
    }

    #[test]
    fn facts_are_named_by_their_keys() {
        let new = Binary { soname: Some("b".into()), path: "b".into(), ..Binary::default() };
        let old = Binary { path: "a".into(), ..Binary::default() };
        let changes = changes(&old, &new);
        let keys: Vec<&str> = changes.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["soname"]);
        assert_eq!(super::changes(&old, &old), []);
    }

    #[test]
    fn crates_are_compared_by_name() {
        let facts = |text: &str| {
            let mut facts = BTreeMap::new();
            flatten("", serde_json::from_str(text).unwrap(), &mut facts);
            facts
        };
        let old = facts(r#"{"crates":[{"name":"a","version":"1"},{"name":"a","version":"2"}]}"#);
        let new = facts(r#"{"crates":[{"name":"a","version":"1"},{"name":"b","version":"1"}]}"#);
        let changes = changed(old, new);
        let shown: Vec<String> =
            changes.iter().map(|it| format!("{} {} {}", it.key, it.old, it.new)).collect();
        assert_eq!(shown, ["crates.a \"1, 2\" \"1\"", "crates.b null \"1\""]);
    }

    #[test]
    fn only_causes_that_are_ignored_do_not_count() {
        let comparison = BinaryComparison {
            causes: [DifferenceCause::BuildId, DifferenceCause::Path].into(),
            ..BinaryComparison::default()
        };
        let pair = Pair { comparison: Some(comparison), ..Pair::default() };
        let mut answer = Diff { programs: vec![pair], ..Diff::default() };
        assert!(!answer.is_equal());
        answer.ignored = [DifferenceCause::BuildId].into();
        assert!(!answer.is_equal());
        answer.ignored.insert(DifferenceCause::Path);
        assert!(answer.is_equal());
        let only = |causes: &[DifferenceCause], ignored: &[DifferenceCause]| {
            let comparison = BinaryComparison {
                causes: causes.iter().copied().collect(),
                ..BinaryComparison::default()
            };
            let pair = Pair { comparison: Some(comparison), ..Pair::default() };
            let ignored = ignored.iter().copied().collect();
            Diff { programs: vec![pair], ignored, ..Diff::default() }.is_equal()
        };
        assert!(only(&[DifferenceCause::Path, DifferenceCause::Address], &[DifferenceCause::Path]));
        assert!(!only(&[DifferenceCause::Address], &[DifferenceCause::Path]), "nothing moved it");
        assert!(!only(
            &[DifferenceCause::Path, DifferenceCause::Address, DifferenceCause::Code],
            &[DifferenceCause::Path]
        ));
        assert!(only(&[DifferenceCause::Debug], &[DifferenceCause::Strip]));
        answer.programs[0].comparison = Some(BinaryComparison::default());
        assert!(!answer.is_equal(), "nothing says why they differ");
    }
}
