//! What build scripts wrote, and the variables that they read and cargo does not record: by them
//! alone it may differ.

use std::fmt;
use std::path::{Path, PathBuf};

use super::attempt::{Bench, is_printed};
use super::files;
use crate::binary::diff::cause::{self, changed_part};

/// No file that a script wrote is longer, in bytes.
const MAX_FILE: u64 = 256 << 20;

/// What two runs of a build script wrote differently.
#[derive(Debug, Clone)]
pub struct ScriptDifference {
    /// Whose script it is.
    pub package: String,
    /// The file; `None` for what it told cargo.
    pub file: Option<PathBuf>,
    /// The first line that differs.
    pub old: String,
    /// What stands there in the second run.
    pub new: String,
}

impl fmt::Display for ScriptDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ScriptDifference { package, file, old, new } = self;
        let (old, new) = changed_part(old, new).unwrap_or_else(|| (old.clone(), new.clone()));
        let file = file.as_ref().map(|it| format!(" in {}", it.display())).unwrap_or_default();
        write!(f, "the build script of `{package}` wrote {old:?}{file}, and writes {new:?} now")
    }
}

/// What two runs of the script of a unit wrote differently, first what they printed.
pub fn difference_of_runs(
    bench: &Bench<'_>,
    unit: usize,
    one: &Path,
    other: &Path,
) -> Option<ScriptDifference> {
    let unit = &bench.units.all[unit];
    let printed = unit.outputs.iter().find(|path| unit.is_run() && is_printed(path))?;
    let (one_text, other_text) = (one.to_str()?, other.to_str()?);
    let script = |old: &[u8], new: &[u8]| {
        let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let (old, new) = (lines(&old), lines(&new));
        let at = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let cut =
            |text: Option<&String>| cause::line(text.map(String::as_bytes).unwrap_or_default());
        let (old, new) = (cut(old.get(at)), cut(new.get(at)));
        ScriptDifference { package: unit.package.clone(), file: None, old, new }
    };
    let read = |top: &Path, path: &Path| files::read(&top.join(path), MAX_FILE);
    let (old, new) = (read(one, printed)?, read(other, printed)?);
    if old != new && old != files::replaced(&new, other_text, one_text) {
        return Some(script(&old, &files::replaced(&new, other_text, one_text)));
    }
    let home = printed.parent()?;
    // Beside what was printed, or in the new layout beside that directory.
    let out = [home.join("out"), home.parent()?.join("out")];
    let out = out.iter().find(|it| files::is_directory(&one.join(it)))?;
    let (judged, rebuilt) = (one.join(out), other.join(out));
    let path = files::first_difference((&judged, one_text), (&rebuilt, other_text), MAX_FILE)??;
    let (old, new) =
        (read(&judged, &path).unwrap_or_default(), read(&rebuilt, &path).unwrap_or_default());
    let mut script = script(&old, &files::replaced(&new, other_text, one_text));
    script.file = Some(path);
    Some(script)
}

/// The first variable that a source reads by `env::var` and its like and that `is_known` does not
/// know; `a variable` where its name is no literal. Comments count, too: a doubt accuses nobody.
pub fn unrecorded(source: &str, is_known: &dyn Fn(&str) -> bool) -> Option<String> {
    let calls = ["var(", "var_os(", "vars(", "vars_os("];
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut found: Vec<(usize, &str)> = Vec::new();
    for call in calls {
        let places = source.match_indices(call);
        let places = places.filter(|(at, _)| {
            at.checked_sub(1).is_none_or(|before| !is_name(source.as_bytes()[before]))
        });
        found.extend(places.map(|(at, call)| (at, &source[at + call.len()..])));
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().find_map(|(_, rest)| {
        let rest = rest.trim_start().trim_start_matches('&');
        let name = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
        match name {
            Some(name) if is_known(name) => None,
            Some(name) => Some(format!("the variable {name}")),
            None => Some("a variable".to_owned()),
        }
    })
}

/// What a source asks outside of its package: another program, or a file by its absolute path. What
/// they answer is another thing on another machine or day, and nobody records it.
pub fn asked_outside(source: &str) -> Option<String> {
    if source.contains("Command::new(") {
        return Some("it starts another program, whose answer nobody records".to_owned());
    }
    let texts = source.split('"').skip(1).step_by(2);
    let is_path = |text: &&str| {
        let rest = text.strip_prefix('/').unwrap_or_default();
        rest.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    let path = texts.into_iter().find(is_path)?;
    let shown: String = path.chars().take(80).collect();
    Some(format!("it names {shown}, which lies outside of its package"))
}

impl ScriptDifference {
    /// Whether it is in what a compiler made, whose sources a script hands to it.
    pub fn is_compiled(&self) -> bool {
        let extension = self.file.as_ref().and_then(|it| it.extension()?.to_str());
        matches!(extension, Some("o" | "a" | "so" | "obj" | "lib"))
    }
}

#[cfg(test)]
mod tests {
    use super::{asked_outside, unrecorded};

    #[test]
    fn only_what_lies_outside_of_the_package_is_named() {
        let said = |source: &str| asked_outside(source).unwrap_or_default();
        assert!(said("Command::new(\"git\").output()").contains("another program"));
        assert!(said("fs::read_to_string(\"/etc/hostname\")").contains("/etc/hostname"));
        for inside in
            ["fs::read(\"grammar.txt\")", "format!(\"{out}/gen.rs\")", "a / \"b\"", "// a"]
        {
            assert_eq!(asked_outside(inside), None, "{inside}");
        }
    }

    #[test]
    fn only_variables_that_are_not_recorded_are_named() {
        let read = |source: &str| unrecorded(source, &|name| name == "OUT_DIR");
        assert_eq!(read("std::env::var(\"OUT_DIR\").unwrap()"), None);
        assert_eq!(read("env::var_os(\"GIT_HASH\")"), Some("the variable GIT_HASH".to_owned()));
        assert_eq!(
            read("var(\"OUT_DIR\"); env::var( \"STAMP\" )"),
            Some("the variable STAMP".to_owned())
        );
        assert_eq!(read("env::var(name)"), Some("a variable".to_owned()));
        assert_eq!(read("for (name, value) in env::vars() {}"), Some("a variable".to_owned()));
        assert_eq!(read("my_var(1); let var = 2;"), None);
    }
}
