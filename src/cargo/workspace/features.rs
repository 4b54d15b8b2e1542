//! The features that a package has: those that its manifest declares, and those that are wanted.

use std::collections::{BTreeMap, BTreeSet};

use crate::cargo::workspace::RequestedFeatures;

/// The features that a manifest declares, each with what it turns on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// As `cargo metadata` has them: optional dependencies are features too.
    pub features: BTreeMap<String, Vec<String>>,
    /// Another package in a directory depends on this one, and may turn on more in it.
    pub shared: bool,
}

impl Declared {
    /// These features and all that they turn on in their own package. What they turn on in others
    /// (`dep:x`, `x/y`) is not followed.
    pub fn closure<'a>(&'a self, of: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut waiting: Vec<&str> = of.into_iter().collect();
        while let Some(name) = waiting.pop() {
            // A word that names no feature of this package is for another one.
            let Some((name, turns_on)) = self.features.get_key_value(name) else { continue };
            if found.insert(name) {
                waiting.extend(turns_on.iter().map(String::as_str));
            }
        }
        found
    }

    /// The features that a package of this name gets by the words that were typed, when no other
    /// package turns on more in it.
    pub fn wanted<'a>(
        &'a self,
        package: &str,
        requested_features: &'a RequestedFeatures,
    ) -> BTreeSet<&'a str> {
        if requested_features.all_features {
            return self.features.keys().map(String::as_str).collect();
        }
        let own =
            requested_features.features.iter().filter_map(|word| match word.split_once('/') {
                Some((of, feature)) => (of == package).then_some(feature),
                None => Some(word.as_str()),
            });
        let default = (!requested_features.no_default_features).then_some("default");
        self.closure(default.into_iter().chain(own))
    }

    /// What a unit with these features must have as well by this manifest, and lacks: it was
    /// compiled under another one.
    pub fn lacking<'a>(&'a self, compiled: &'a [String]) -> Vec<&'a str> {
        let closure = self.closure(compiled.iter().map(String::as_str));
        closure.into_iter().filter(|it| !compiled.iter().any(|has| has == it)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> Declared {
        let table = [
            ("default", vec!["std", "net"]),
            ("std", vec![]),
            ("net", vec!["dep:socket2", "tls?/std", "log"]),
            ("log", vec!["log/std"]),
            ("tls", vec!["dep:rustls"]),
        ];
        let owned = |(name, on): (&str, Vec<&str>)| {
            (name.to_owned(), on.into_iter().map(str::to_owned).collect())
        };
        Declared { features: table.into_iter().map(owned).collect(), shared: false }
    }

    fn wanted(features: &[&str], all_features: bool, no_default_features: bool) -> String {
        let features = features.iter().map(|it| (*it).to_owned()).collect();
        let requested_features = RequestedFeatures { features, all_features, no_default_features };
        declared().wanted("app", &requested_features).into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_obeyed_as_cargo_obeys_them() {
        assert_eq!(wanted(&[], false, false), "default log net std");
        assert_eq!(wanted(&["tls", "app/log", "other/std", "unknown"], false, true), "log tls");
        assert_eq!(wanted(&[], true, true), "default log net std tls");
    }

    #[test]
    fn what_a_feature_turns_on_must_be_there_too() {
        let list = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(declared().lacking(&list(&["default", "std"])), ["log", "net"]);
        assert!(declared().lacking(&list(&["tls", "gone"])).is_empty());
        assert!(declared().lacking(&[]).is_empty());
    }
}
