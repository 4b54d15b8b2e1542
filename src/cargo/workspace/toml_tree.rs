//! TOML with the place of every value, so that a finding can name the line to change.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::cargo::error::WorkspaceError;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TomlPlace {
    /// In a file, with its line from 1.
    File {
        /// The file's path.
        path: Arc<str>,
        /// Line from 1.
        line: u32,
    },
    /// After `--config`.
    CommandLine,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct TomlNode {
    /// What it says.
    pub value: TomlValue,
    /// Where it says so.
    pub place: TomlPlace,
}

/// A TOML value. Dates and floats mean nothing to cargo's settings: they are `Other`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names are TOML's own")]
pub enum TomlValue {
    String(String),
    Integer(i64),
    Boolean(bool),
    Array(Vec<TomlNode>),
    Table(BTreeMap<String, TomlNode>),
    Other,
}

impl TomlNode {
    /// An empty table at the top of a file.
    pub fn empty(place: TomlPlace) -> TomlNode {
        TomlNode { value: TomlValue::Table(BTreeMap::new()), place }
    }

    /// Parses one file. Cargo's own parser is the same crate, so both refuse the same files.
    pub fn parse(path: &Path, text: &str) -> Result<TomlNode, WorkspaceError> {
        let name: Arc<str> = path.to_string_lossy().into();
        TomlNode::from_text(text, &|line| TomlPlace::File { path: Arc::clone(&name), line })
            .map_err(|(line, message)| WorkspaceError::Toml {
                path: path.to_owned(),
                line,
                message,
            })
    }

    /// Parses what was typed after `--config`.
    pub fn parse_argument(text: &str) -> Result<TomlNode, WorkspaceError> {
        TomlNode::from_text(text, &|_| TomlPlace::CommandLine).map_err(|(line, message)| {
            WorkspaceError::Toml { path: "--config".into(), line, message }
        })
    }

    fn from_text(text: &str, place: &dyn Fn(u32) -> TomlPlace) -> Result<TomlNode, (u32, String)> {
        // The line of an offset: one pass over the line starts instead of one a value.
        let starts: Vec<usize> = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
            .collect();
        let line = |offset: usize| {
            u32::try_from(starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
        };
        let table = DeTable::parse(text).map_err(|error| {
            (error.span().map_or(1, |span| line(span.start)), error.message().replace('\n', ", "))
        })?;
        let at = |offset: usize| place(line(offset));
        Ok(TomlNode { value: from_table(table.get_ref(), &at), place: place(1) })
    }

    /// The value under a path of keys.
    pub fn get<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Option<&TomlNode> {
        keys.into_iter().try_fold(self, |node, key| node.table()?.get(key))
    }

    /// The table that this is.
    pub fn table(&self) -> Option<&BTreeMap<String, TomlNode>> {
        match &self.value {
            TomlValue::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The string that this is.
    pub fn string(&self) -> Option<&str> {
        match &self.value {
            TomlValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// A string or a list of strings, as a list. A bare string is split at blanks, as cargo does
    /// for flags.
    pub fn words(&self) -> Vec<String> {
        match &self.value {
            TomlValue::String(text) => text.split_whitespace().map(str::to_owned).collect(),
            TomlValue::Array(nodes) => {
                nodes.iter().filter_map(TomlNode::string).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Lays `over` on this: tables are merged, lists are joined with the higher one last, and
    /// anything else is replaced. This is cargo's rule for configuration files.
    pub fn overlay(&mut self, over: TomlNode) {
        match (&mut self.value, over.value) {
            (TomlValue::Table(low), TomlValue::Table(high)) => {
                for (key, node) in high {
                    match low.entry(key) {
                        std::collections::btree_map::Entry::Occupied(mut old) => {
                            old.get_mut().overlay(node);
                        }
                        std::collections::btree_map::Entry::Vacant(free) => {
                            free.insert(node);
                        }
                    }
                }
            }
            (TomlValue::Array(low), TomlValue::Array(high)) => {
                low.extend(high);
                self.place = over.place;
            }
            (low, high) => {
                *low = high;
                self.place = over.place;
            }
        }
    }
}

fn from_table(table: &DeTable<'_>, place: &dyn Fn(usize) -> TomlPlace) -> TomlValue {
    let entries = table.iter().map(|(key, value)| {
        // The key's line, not the value's: a table's own span is its header's, and a string may
        // begin lines below its key.
        let node =
            TomlNode { value: from_value(value.get_ref(), place), place: place(key.span().start) };
        (key.get_ref().to_string(), node)
    });
    TomlValue::Table(entries.collect())
}

fn from_value(value: &DeValue<'_>, place: &dyn Fn(usize) -> TomlPlace) -> TomlValue {
    match value {
        DeValue::String(text) => TomlValue::String(text.to_string()),
        DeValue::Boolean(value) => TomlValue::Boolean(*value),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(TomlValue::Other, TomlValue::Integer),
        DeValue::Array(values) => TomlValue::Array(
            values
                .iter()
                .map(|value| TomlNode {
                    value: from_value(value.get_ref(), place),
                    place: place(value.span().start),
                })
                .collect(),
        ),
        DeValue::Table(table) => from_table(table, place),
        DeValue::Float(_) | DeValue::Datetime(_) => TomlValue::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &str) -> TomlNode {
        TomlNode::parse(Path::new(name), text).unwrap()
    }

    fn line(node: &TomlNode) -> u32 {
        match &node.place {
            TomlPlace::File { line, .. } => *line,
            TomlPlace::CommandLine => 0,
        }
    }

    #[test]
    fn every_value_knows_its_line() {
        let node = parse("c", "a = 1\n\n[profile.release]\npanic = \"abort\"\nlto = true\n");
        let panic = node.get(["profile", "release", "panic"]).unwrap();
        assert_eq!((panic.string(), line(panic)), (Some("abort"), 4));
        assert_eq!(line(node.get(["profile", "release", "lto"]).unwrap()), 5);
        assert_eq!(node.get(["a"]).unwrap().value, TomlValue::Integer(1));
        assert_eq!(node.get(["profile", "dev"]), None);
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        let error =
            TomlNode::parse(Path::new(".cargo/config.toml"), "[build]\ntarget = \n").unwrap_err();
        assert!(error.to_string().starts_with(".cargo/config.toml:2: "), "{error}");
        assert!(!error.to_string().contains('\n'));
    }

    #[test]
    fn tables_merge_lists_join_and_the_rest_is_replaced() {
        let mut low = parse("low", "[build]\ntarget = \"a\"\nrustflags = [\"-l\"]\njobs = 1\n");
        low.overlay(parse("high", "[build]\ntarget = \"b\"\nrustflags = [\"-h\"]\n"));
        assert_eq!(low.get(["build", "target"]).unwrap().string(), Some("b"));
        assert_eq!(low.get(["build", "rustflags"]).unwrap().words(), ["-l", "-h"]);
        assert_eq!(low.get(["build", "jobs"]).unwrap().value, TomlValue::Integer(1));
        assert_eq!(
            low.get(["build", "target"]).unwrap().place,
            TomlPlace::File { path: "high".into(), line: 2 }
        );
    }

    #[test]
    fn flags_are_a_list_or_a_line() {
        let node = parse("c", "a = \"-C x  -C y\"\nb = [\"-C\", \"x y\"]\nc = 1\n");
        assert_eq!(node.get(["a"]).unwrap().words(), ["-C", "x", "-C", "y"]);
        assert_eq!(node.get(["b"]).unwrap().words(), ["-C", "x y"]);
        assert!(node.get(["c"]).unwrap().words().is_empty());
    }
}
