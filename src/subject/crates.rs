//! Which crates are in a program, by whatever source can tell.

use crate::binary::CrateSource;
use crate::subject::Facts;

impl Facts {
    /// Whether a crate is inside: by the program's own texts and record, or by what cargo would
    /// build. `None`: it leaves no trace in the program and nothing lists all of its crates.
    pub fn has_crate(&self, name: &str) -> Option<bool> {
        self.has_one_of(&[name]).map(|found| found.is_some())
    }

    /// The first of these crates that is inside; `Some(None)`: surely none of them.
    pub fn has_one_of<'a>(&self, names: &[&'a str]) -> Option<Option<&'a str>> {
        let binary = self.binary.as_ref()?;
        let dependencies = self.build.as_ref().and_then(|build| build.dependencies.as_ref());
        let inside = |name: &&str| {
            binary.crates.iter().any(|known| known.name == **name)
                || dependencies.is_some_and(|known| known.iter().any(|known| known.name == **name))
        };
        let found = names.iter().copied().find(inside);
        let complete = dependencies.is_some()
            || binary.crates.iter().any(|known| known.from == CrateSource::DepV0);
        match found {
            Some(name) => Some(Some(name)),
            None if complete => Some(None),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::NamedCrate;

    #[test]
    fn only_a_complete_list_says_that_a_crate_is_missing() {
        let facts = |from| Facts {
            binary: Some(Binary {
                crates: vec![NamedCrate { name: "tokio".into(), version: "1.0.0".into(), from }],
                ..Binary::default()
            }),
            ..Facts::default()
        };
        assert_eq!(facts(CrateSource::PanicPath).has_crate("tokio"), Some(true));
        assert_eq!(facts(CrateSource::PanicPath).has_crate("ctrlc"), None);
        assert_eq!(facts(CrateSource::DepV0).has_crate("ctrlc"), Some(false));
        assert_eq!(facts(CrateSource::DepV0).has_one_of(&["ctrlc", "tokio"]), Some(Some("tokio")));
        assert_eq!(Facts::default().has_crate("tokio"), None);
    }
}
