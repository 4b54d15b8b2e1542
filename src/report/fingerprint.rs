//! What makes a finding the same finding in the next run: its rule, its subject's name and what it
//! is about. No digest, no line number and no size is a part of it, and no wording.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::digest;
use crate::report::base::Base;
use crate::rule::{Finding, Location};

/// Gives each finding of one subject its fingerprint.
#[derive(Debug, Default)]
pub struct Fingerprints {
    seen: BTreeMap<Vec<u8>, usize>,
}

impl Fingerprints {
    /// The fingerprint, 32 hex digits. Of two findings that are about the same, the second gets
    /// another one.
    pub fn of(&mut self, rule: &str, subject: &str, finding: &Finding, base: &Base) -> String {
        let mut key = Vec::new();
        let place = place(&finding.location, base);
        for part in [rule, subject, &place].into_iter().map(str::to_owned).chain(things(finding)) {
            key.extend_from_slice(&part.len().to_le_bytes());
            key.extend_from_slice(part.as_bytes());
        }
        let before = self.seen.entry(key.clone()).or_default();
        key.extend_from_slice(&before.to_le_bytes());
        *before += 1;
        digest::hex(&Sha256::digest(&key)[..16])
    }
}

/// The place without what moves: a line of a text stays itself when others are put before it.
fn place(location: &Location, base: &Base) -> String {
    match location {
        Location::Offset(_) => "offset".to_owned(),
        Location::File { path, .. } => format!("file {}", base.in_workspace(path)),
        Location::Line { path, text, .. } => format!("file {} {text}", base.in_workspace(path)),
        other => other.to_string(),
    }
}

/// The names in the message: paths, libraries, symbols, versions. Its words may be said better one
/// day, and digests, lines and sizes change with every build.
fn things(finding: &Finding) -> BTreeSet<String> {
    let own = match &finding.location {
        Location::File { path, .. } | Location::Line { path, .. } => path.as_str(),
        _ => "",
    };
    let mut things = BTreeSet::new();
    for word in finding.message.split_whitespace() {
        let is_quoted = word.starts_with('`');
        let word = word.trim_matches(|it: char| "`'\"(),;:".contains(it)).trim_end_matches('.');
        let word = without_line(word);
        let has_sign = word.contains(|it: char| "/._$=@".contains(it)) || word.contains("::");
        let is_mixed = word.contains(|it: char| it.is_ascii_digit())
            && word.contains(|it: char| it.is_ascii_alphabetic());
        if !word.is_empty() && word != own && (is_quoted || has_sign || is_mixed) && !moves(word) {
            things.insert(word.to_owned());
        }
    }
    things
}

/// `Cargo.toml:12:3` without line and column.
fn without_line(mut word: &str) -> &str {
    while let Some((before, number)) = word.rsplit_once(':')
        && !number.is_empty()
        && number.bytes().all(|it| it.is_ascii_digit())
    {
        word = before;
    }
    word
}

/// A number, an address, a digest.
fn moves(word: &str) -> bool {
    let digits = word.rsplit(':').next().unwrap_or_default();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let is_hex = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_hexdigit());
    let is_number = digits.bytes().all(|it| it.is_ascii_digit() || it == b',');
    is_number || word.starts_with("0x") || (is_hex && digits.len() >= 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(location: Location, message: &str) -> String {
        Fingerprints::default().of(
            "rule",
            "app",
            &Finding::new(location, message),
            &Base::default(),
        )
    }

    fn file(line: u32) -> Location {
        Location::File { path: "Cargo.toml".into(), line: Some(line) }
    }

    #[test]
    fn what_moves_with_every_build_is_no_part_of_it() {
        for (old, new) in [
            ("src/main.rs:7 was edited", "src/main.rs:19 was edited"),
            ("has digest 0123456789abcdef", "has digest fedcba9876543210"),
            ("sha256:0123456789ab is there", "sha256:ba9876543210 is there"),
            ("at 0x1f, of 4096 bytes", "at 0x2000, of 4100 bytes"),
            // Better words for the same.
            ("the binary needs libssl.so.3", "libssl.so.3 is needed"),
        ] {
            assert_eq!(of(file(3), old), of(file(8), new), "{old}");
        }
        assert_eq!(of(Location::Offset(7), "x"), of(Location::Offset(9), "x"));
    }

    #[test]
    fn another_thing_is_another_finding() {
        let first = of(file(1), "it needs libssl.so.3");
        for (location, message) in [
            (file(1), "it needs libssl.so.1.1"),
            (file(1), "it needs GLIBC_2.39"),
            (Location::Subject, "it needs libssl.so.3"),
            (Location::ImagePath("/lib".into()), "it needs libssl.so.3"),
        ] {
            assert_ne!(of(location, message), first, "{message}");
        }
        let finding = Finding::new(file(1), "it needs libssl.so.3");
        let base = Base::default();
        for (rule, subject) in [("other", "app"), ("rule", "other"), ("rulea", "pp")] {
            assert_ne!(Fingerprints::default().of(rule, subject, &finding, &base), first);
        }
        // Two that are about the same are two.
        let mut of_subject = Fingerprints::default();
        let (one, two) = (
            of_subject.of("rule", "app", &finding, &base),
            of_subject.of("rule", "app", &finding, &base),
        );
        assert!(one == first && two != first && one.len() == 32, "{one} {two}");
    }

    #[test]
    fn a_line_of_a_dockerfile_is_known_by_what_stands_there() {
        let line = |line, text: &str| Location::Line {
            path: "Dockerfile".into(),
            line,
            column: 1,
            text: text.into(),
        };
        assert_eq!(of(line(3, "COPY . ."), "x"), of(line(9, "COPY . ."), "x"));
        assert_ne!(of(line(3, "COPY . ."), "x"), of(line(3, "COPY src ."), "x"));
    }
}
