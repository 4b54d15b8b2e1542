//! Which release a commit of rustc is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The version of the rustc of this commit, 40 hex digits; `None` where the pair is not known.
pub fn version_of(commit: &str) -> Option<&'static str> {
    VERSIONS.get(commit).copied()
}

/// Every commit whose version is known.
pub fn commits<'a>() -> impl Iterator<Item = &'a str> {
    VERSIONS.keys().map(|commit| *commit as &str)
}

/// Each pair was seen in one program or in a published list; the file is written by
/// `testdata/corpus/rustc-commits.py`.
static VERSIONS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    include_str!("rustc-commits.tsv").lines().filter_map(|line| line.split_once('\t')).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_commit_has_a_version() {
        assert_eq!(version_of("59807616e1fa2540724bfbac14d7976d7e4a3860"), Some("1.95.0"));
        assert_eq!(version_of("59807616e1fa"), None);
        assert!(VERSIONS.keys().all(|commit| commit.len() == 40));
    }
}
