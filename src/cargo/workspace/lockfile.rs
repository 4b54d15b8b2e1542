//! The packages that `Cargo.lock` pins.

use std::path::Path;

use crate::cargo::error::WorkspaceError;
use crate::cargo::workspace::toml_tree::{TomlNode, TomlValue};

/// One package of the lockfile.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locked {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// Where it comes from; `None` for a package that lies in a directory.
    pub source: Option<String>,
    /// SHA-256 of the downloaded package, lower-case hex.
    pub checksum: Option<String>,
}

/// Reads a lockfile of any version.
///
/// # Errors
/// The text is no TOML.
pub fn parse(path: &Path, text: &str) -> Result<Vec<Locked>, WorkspaceError> {
    let node = TomlNode::parse(path, text)?;
    let Some(TomlValue::Array(entries)) = node.get(["package"]).map(|node| &node.value) else {
        return Ok(Vec::new());
    };
    let text = |entry: &TomlNode, key: &str| entry.get([key])?.string().map(str::to_owned);
    let mut packages: Vec<Locked> = entries
        .iter()
        .filter_map(|entry| {
            let (name, version) = (text(entry, "name")?, text(entry, "version")?);
            // The first format kept the checksums in a table of their own.
            let old = || {
                let source = text(entry, "source")?;
                let key = format!("checksum {name} {version} ({source})");
                node.get(["metadata", &key])?.string().map(str::to_owned)
            };
            Some(Locked {
                source: text(entry, "source"),
                checksum: text(entry, "checksum").or_else(old),
                name,
                version,
            })
        })
        .collect();
    packages.sort();
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_of_a_checksum_are_known() {
        let new = "version = 4\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+u\"\n\
                   checksum = \"ff\"\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\n";
        let packages = parse(Path::new("Cargo.lock"), new).unwrap();
        assert_eq!(
            packages[0],
            Locked { name: "a".into(), version: "0.1.0".into(), ..Locked::default() }
        );
        assert_eq!(packages[1].checksum.as_deref(), Some("ff"));
        let old = "[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+u\"\n\
                   [metadata]\n\"checksum b 1.0.0 (registry+u)\" = \"ee\"\n";
        assert_eq!(parse(Path::new("Cargo.lock"), old).unwrap()[0].checksum.as_deref(), Some("ee"));
        assert!(parse(Path::new("Cargo.lock"), "[[").is_err());
        assert!(parse(Path::new("Cargo.lock"), "").unwrap().is_empty());
    }
}
