//! What the build put in the place of a commit that it could not find out.

use std::path::Path;

use crate::cargo::compared::MissingCommit;
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::{SourceNames, shown};
use crate::cargo::source::files::SourceReader;
use crate::cargo::source::tokens;
use crate::toolchain::dep_info::PathBase;

/// The variables and generated constants that should name a commit and name none, in the crates
/// that are linked. rustc lists the variables that code asked for with the values that they had;
/// crates like shadow-rs and built write constants into a file of `OUT_DIR`.
pub fn missing_commits(
    states: &[CrateFreshness],
    names: SourceNames<'_>,
    build_dir: &Path,
    reader: &mut SourceReader,
) -> Vec<MissingCommit> {
    let mut found: Vec<MissingCommit> = Vec::new();
    let linked = [CrateRole::Program, CrateRole::OwnLibrary, CrateRole::Member];
    for state in states.iter().filter(|state| linked.contains(&state.role)) {
        let Some(unit) = &state.unit else { continue };
        for (name, value) in unit.makefile.iter().flat_map(|it| &it.environment) {
            if !name.starts_with("CARGO_") && is_placeholder(name, value.as_deref()) {
                let place = format!("rustc's dep-info of `{}`", state.package);
                found.push(MissingCommit { name: name.clone(), value: value.clone(), place });
            }
        }
        let Some(Ok(info)) = &unit.dep_info else { continue };
        let generated = info.files.iter().filter(|file| {
            file.base == PathBase::Build && file.path.extension().is_some_and(|it| it == "rs")
        });
        for file in generated {
            let path = build_dir.join(&file.path);
            let Ok(Some(text)) = reader.read(&path) else { continue };
            let place = shown(&path, names.workspace);
            let constants = constants(&String::from_utf8_lossy(&text.bytes));
            found.extend(constants.into_iter().filter_map(|(name, value)| {
                let place = place.clone();
                is_placeholder(&name, value.as_deref()).then_some(MissingCommit {
                    name,
                    value,
                    place,
                })
            }));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The constants of a file that are texts; `None` is none.
fn constants(source: &str) -> Vec<(String, Option<String>)> {
    let items = tokens::parse(source).map(|file| file.items).unwrap_or_default();
    let read = |item: syn::Item| {
        let (name, value) = match item {
            syn::Item::Const(it) => (it.ident, it.expr),
            syn::Item::Static(it) => (it.ident, it.expr),
            _ => return None,
        };
        let value = match *value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            syn::Expr::Path(path) if path.path.is_ident("None") => None,
            _ => return None,
        };
        Some((name.to_string(), value))
    };
    items.into_iter().filter_map(read).collect()
}

/// Whether a name asks for a commit and the value is none. A branch or a tag may be missing in a
/// repository too; vergen's own word is a placeholder under every name.
fn is_placeholder(name: &str, value: Option<&str>) -> bool {
    const COMMIT: &[&str] = &["COMMIT", "SHA", "SHA1", "REV", "REVISION"];
    const OF_GIT: &[&str] = &["HASH", "ID", "VERSION", "DESCRIBE"];
    const OTHER: &[&str] =
        &["DATE", "TIME", "TIMESTAMP", "AUTHOR", "EMAIL", "MESSAGE", "COUNT", "BRANCH", "TAG"];
    const NOTHING: &[&str] =
        &["", "unknown", "none", "n/a", "null", "undefined", "no-git", "nogit", "0.0.0"];
    let value = value.unwrap_or_default().trim().to_ascii_lowercase();
    if value == "vergen_idempotent_output" {
        return true;
    }
    let name = name.to_ascii_uppercase();
    let parts: Vec<&str> = name.split('_').collect();
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(part));
    let asks = has(COMMIT) || (parts.contains(&"GIT") && has(OF_GIT));
    let is_zero = value.len() >= 7 && value.bytes().all(|byte| byte == b'0');
    asks && !has(OTHER) && (is_zero || NOTHING.contains(&value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_asks_for_a_commit_wants_one() {
        for (name, value, placeholder) in [
            ("VERGEN_GIT_SHA", Some("VERGEN_IDEMPOTENT_OUTPUT"), true),
            ("VERGEN_BUILD_DATE", Some("VERGEN_IDEMPOTENT_OUTPUT"), true),
            ("GIT_HASH", Some("unknown"), true),
            ("GIT_COMMIT", None, true),
            ("COMMIT_HASH", Some(""), true),
            ("BUILD_REV", Some("00000000"), true),
            ("GIT_HASH", Some("8d3f6ef"), false),
            ("GIT_BRANCH", Some(""), false),
            ("COMMIT_DATE", Some(""), false),
            ("GREETING", Some("unknown"), false),
            ("PASSWORD_HASH", None, false),
            ("REVOLUTION", Some(""), false),
        ] {
            assert_eq!(is_placeholder(name, value), placeholder, "{name}={value:?}");
        }
    }

    #[test]
    fn generated_constants_are_read() {
        let source = "#[allow(dead_code)]\npub const COMMIT_HASH :&str = r#\"\"#;\n\
                      pub const GIT_VERSION: Option<&str> = None;\npub const CLEAN: bool = true;\n\
                      pub static X: &str = \"y\";";
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            ("COMMIT_HASH".to_owned(), text("")),
            ("GIT_VERSION".to_owned(), None),
            ("X".to_owned(), text("y")),
        ];
        assert_eq!(constants(source), expected);
        assert!(constants("pub const (").is_empty());
    }
}
