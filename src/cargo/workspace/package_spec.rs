//! Package specifications, as the keys of `[profile.NAME.package]` are.
//!
//! The grammar is that of `cargo help pkgid`: `name`, `name@1.2`, `name:1.2`, or an address with
//! an optional kind before and an optional `#name@version` behind it.

/// A package as an override sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverriddenPackage {
    /// Package name.
    pub name: String,
    /// Package version; `None` where only a dependency's name is known.
    pub version: Option<String>,
    /// The package identifier: `registry+https://…#name@1.0.0`.
    pub id: Option<String>,
    /// It is a member of the workspace: `package."*"` is not for it.
    pub member: bool,
    /// It runs on the host: a procedural macro.
    pub host: bool,
}

/// Whether a specification means this package.
pub fn matches(spec: &str, unit: &OverriddenPackage) -> bool {
    let Some((url, fragment)) = address(spec) else { return names(spec, unit) };
    let Some((own_url, _)) = unit.id.as_deref().and_then(address) else { return false };
    let (kind, place) = kind(url);
    let (own_kind, own_place) = crate::cargo::workspace::package_spec::kind(own_url);
    if place != own_place || (kind.is_some() && kind != own_kind) {
        return false;
    }
    match fragment {
        None => true,
        Some(fragment) if fragment.starts_with(|c: char| c.is_ascii_digit()) => {
            version_matches(fragment, unit)
        }
        Some(fragment) => names(fragment, unit),
    }
}

/// The kind of source before an address, `registry` or `path`, and the address itself.
fn kind(url: &str) -> (Option<&str>, &str) {
    let url = url.trim_end_matches('/');
    match url.split_once('+') {
        Some((kind, place)) if !kind.contains("://") => (Some(kind), place),
        _ => (None, url),
    }
}

/// An address and what follows its `#`, if this is one.
fn address(text: &str) -> Option<(&str, Option<&str>)> {
    text.contains("://").then(|| match text.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (text, None),
    })
}

/// `name`, `name@version` or `name:version`.
fn names(spec: &str, unit: &OverriddenPackage) -> bool {
    match spec.split_once(['@', ':']) {
        Some((name, version)) => name == unit.name && version_matches(version, unit),
        None => spec == unit.name,
    }
}

/// A version may be given in part: `1`, `1.2`. A package whose version is unknown matches none.
fn version_matches(wanted: &str, unit: &OverriddenPackage) -> bool {
    let Some(version) = &unit.version else { return false };
    version == wanted
        || (!wanted.contains('-')
            && wanted.split('.').count() < 3
            && !version.contains('-')
            && version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(id: &str) -> OverriddenPackage {
        OverriddenPackage {
            name: "serde".into(),
            version: Some("1.2.3".into()),
            id: Some(id.into()),
            member: false,
            host: false,
        }
    }

    #[test]
    fn every_form_of_a_specification() {
        let serde = unit("registry+https://github.com/rust-lang/crates.io-index#serde@1.2.3");
        for spec in [
            "serde",
            "serde@1",
            "serde@1.2",
            "serde:1.2.3",
            "https://github.com/rust-lang/crates.io-index#serde",
            "https://github.com/rust-lang/crates.io-index#serde@1.2.3",
            "registry+https://github.com/rust-lang/crates.io-index#serde@1",
        ] {
            assert!(matches(spec, &serde), "{spec}");
        }
        for spec in [
            "serde_json",
            "serde@2",
            "serde@1.2.30",
            "serde@1.",
            "https://example.org/index#serde",
            "git+https://github.com/rust-lang/crates.io-index#serde",
        ] {
            assert!(!matches(spec, &serde), "{spec}");
        }
    }

    #[test]
    fn a_path_is_an_address_too() {
        let unit = unit("path+file:///w/serde#1.2.3");
        assert!(matches("path+file:///w/serde#1.2.3", &unit));
        assert!(matches("file:///w/serde", &unit));
        assert!(matches("path+file:///w/serde", &unit));
        assert!(!matches("file:///w/other", &unit));
    }
}
