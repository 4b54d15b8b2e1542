//! What should have stayed home: private keys, secrets of the environment, people's directories.

use std::collections::BTreeSet;

use memchr::memmem;

use crate::binary::panic_locations::PanicLocation;
use crate::binary::string_scan::{FoundStrings, StringSignature};

/// Keys and secrets that are reported at most; one is already too many.
const AT_MOST: usize = 64;

/// The base64 text of the shortest private key there is, ed25519 in PKCS #8, in bytes.
const MIN_KEY: usize = 64;

/// The shortest value that is looked for: a shorter one may be there by chance, in bytes.
const MIN_SECRET: usize = 12;

/// Parts of a variable's name that say that its value is secret.
const SECRET_NAMES: &[&str] = &[
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PRIVATE_KEY",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "CREDENTIAL",
];

/// Where private keys in PEM armour lie, as offsets in bytes. The armour alone is no key: every
/// PEM parser holds the text of its first line (RFC 7468, section 10).
pub(crate) fn private_keys(bytes: &[u8], text: &FoundStrings) -> Vec<u64> {
    text.places(StringSignature::PrivateKey)
        .filter(|end_of_label| bytes.get(end_of_label.end..).is_some_and(has_key_body))
        .map(|end_of_label| end_of_label.start)
        .filter_map(|at| {
            let label = bytes.get(at.saturating_sub(32)..at)?;
            let begin = memmem::rfind(label, b"-----BEGIN ")?;
            Some((at.saturating_sub(32) + begin) as u64)
        })
        .take(AT_MOST)
        .collect()
}

/// Lines of base64 until the closing armour.
fn has_key_body(rest: &[u8]) -> bool {
    let line_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    if !rest.first().is_some_and(line_break) {
        return false;
    }
    let in_body = |byte: &u8| {
        line_break(byte) || byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
    };
    let length = rest.iter().take_while(|byte| in_body(byte)).count();
    let base64 = rest[..length].iter().filter(|byte| !line_break(byte)).count();
    base64 >= MIN_KEY && rest[length..].starts_with(b"-----END ")
}

/// The names of those variables whose values lie in the file. A variable counts when its name says
/// that it is secret and its value could not be there by chance.
pub fn secrets_inside<'a>(
    bytes: &[u8],
    environment: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    environment
        .filter(|(name, value)| is_secret(name, value))
        .filter(|(_, value)| memmem::find(bytes, value.as_bytes()).is_some())
        .map(|(name, _)| name.to_owned())
        .take(AT_MOST)
        .collect()
}

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let named = SECRET_NAMES.iter().any(|part| name.contains(part));
    // A URL is secret by its password, whatever it is called.
    let password = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    let distinct: BTreeSet<u8> = value.bytes().collect();
    let mixed = value.bytes().any(|it| it.is_ascii_digit())
        && value.bytes().any(|it| it.is_ascii_alphabetic());
    let path = value.starts_with('/') || value.starts_with('.');
    value.len() >= MIN_SECRET && (password || named && mixed && !path && distinct.len() >= 6)
}

/// The homes in the paths that panics print: `/home/alice`, `/Users/alice`, `C:\Users\alice`.
pub(crate) fn homes(locations: &[PanicLocation]) -> Vec<String> {
    let found: BTreeSet<&str> =
        locations.iter().filter_map(|location| home(&location.path)).collect();
    found.into_iter().map(str::to_owned).collect()
}

fn home(path: &str) -> Option<&str> {
    let drive = if path.as_bytes().get(1) == Some(&b':') { 2 } else { 0 };
    let prefix =
        ["/home/", "/Users/", "\\Users\\"].into_iter().find(|it| path[drive..].starts_with(it))?;
    let start = drive + prefix.len();
    let user = path[start..].find(['/', '\\'])?;
    (user > 0).then(|| &path[..start + user])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private_keys(bytes: &[u8]) -> Vec<u64> {
        super::private_keys(
            bytes,
            &FoundStrings::read(bytes, std::slice::from_ref(&(0..bytes.len()))),
        )
    }

    fn armoured(label: &str, body: &str) -> Vec<u8> {
        format!("\0\0-----BEGIN {label}-----{body}-----END {label}-----").into_bytes()
    }

    #[test]
    fn only_a_key_with_its_body_is_a_key() {
        let key = ["EC PRIVATE", " KEY"].concat();
        let body = format!("\n{}\n", "MC4CAQAwBQYDK2Vw".repeat(4));
        assert_eq!(private_keys(&armoured(&key, &body)), [2]);
        assert_eq!(private_keys(&armoured(&key, &body.replace('\n', "\r\n"))), [2]);
        for harmless in ["", "\n", "-----BEGIN ", "\nMC4C\n", "{}\n"] {
            assert_eq!(private_keys(&armoured(&key, harmless)), [0; 0], "{harmless}");
        }
        assert_eq!(private_keys(&armoured("CERTIFICATE", &body)), [0; 0]);
        assert_eq!(private_keys(&armoured(&key, &body)[..60]), [0; 0]);
    }

    #[test]
    fn a_secret_has_a_telling_name_or_holds_a_password() {
        for (name, value, secret) in [
            ("API_TOKEN", "ghs_0123abcdEFGH", true),
            ("db_password", "correct-horse-1", true),
            ("DATABASE_URL", "postgres://app:hunter2@db/app", true),
            ("DATABASE_URL", "postgres://localhost/app", false),
            ("API_TOKEN", "short1", false),
            ("API_TOKEN", "production-only", false),
            ("API_TOKEN", "aaaaaaaaaaaaaaa1", false),
            ("TOKEN_FILE", "/run/secrets/token1", false),
            ("PATH", "bin-directory-0123abcd", false),
        ] {
            assert_eq!(is_secret(name, value), secret, "{name}={value}");
        }
        let found = secrets_inside(
            b"..ghs_0123abcdEFGH..",
            [("API_TOKEN", "ghs_0123abcdEFGH")].into_iter(),
        );
        assert_eq!(found, ["API_TOKEN"]);
    }

    #[test]
    fn a_home_ends_with_its_owner() {
        for (path, owner) in [
            ("/home/alice/shop/src/main.rs", Some("/home/alice")),
            ("/Users/bob/x.rs", Some("/Users/bob")),
            ("C:\\Users\\eve\\x.rs", Some("C:\\Users\\eve")),
            ("/home/x.rs", None),
            ("src/home/alice/x.rs", None),
            ("/homes/alice/x.rs", None),
            ("", None),
        ] {
            assert_eq!(home(path), owner, "{path}");
        }
    }
}
