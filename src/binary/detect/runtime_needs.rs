//! Texts of a program that say what it will ask of its image: addresses it binds, places it looks into.

use crate::binary::string_scan::{FoundStrings, StringSignature};

/// What a program's texts hint at. A text proves that it is inside, not that it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeNeeds {
    /// `127.0.0.1:8080`, `localhost:3000`, `[::1]:80`: addresses that only the container itself reaches.
    pub loopback: Vec<String>,
    /// The directory of a linked-in OpenSSL: `/usr/local/ssl`.
    pub openssl_directory: Option<String>,
    /// Directories that a pattern of a template engine names, relative to the working directory.
    pub template_directories: Vec<String>,
}

/// Hints of one kind that are kept.
const MOST: usize = 16;

impl RuntimeNeeds {
    /// Looks around the places that the one pass over the bytes found.
    pub(crate) fn read(bytes: &[u8], text: &FoundStrings) -> RuntimeNeeds {
        let mut hints = RuntimeNeeds::default();
        for place in text.places(StringSignature::Loopback) {
            let rest = bytes.get(place.end..).unwrap_or_default();
            let digits = rest.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
            let port = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
            let port = port.and_then(|digits| digits.parse::<u16>().ok()).filter(|port| *port > 0);
            let (Some(port), Some(host)) = (port, bytes.get(place)) else { continue };
            let address = format!("{}{port}", String::from_utf8_lossy(host));
            if hints.loopback.len() < MOST && !hints.loopback.contains(&address) {
                hints.loopback.push(address);
            }
        }
        // OpenSSL's own `OPENSSLDIR: "…"` (crypto/cversion.c).
        hints.openssl_directory =
            text.places(StringSignature::OpenSslDirectory).next().and_then(|place| {
                let rest = bytes.get(place.end..)?;
                let end = rest.iter().take(4096).position(|byte| *byte == b'"')?;
                String::from_utf8(rest.get(..end)?.to_vec()).ok()
            });
        for place in text.places(StringSignature::Template) {
            let at = place.start;
            let before = bytes.get(at.saturating_sub(64)..at).unwrap_or_default();
            let name = ["templates", "views"].into_iter().find(|name| {
                before.strip_suffix(name.as_bytes()).is_some_and(|before| !before.ends_with(b"/"))
            });
            if let Some(name) =
                name.filter(|name| !hints.template_directories.iter().any(|known| known == name))
            {
                hints.template_directories.push(name.to_owned());
            }
        }
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> RuntimeNeeds {
        RuntimeNeeds::read(
            bytes,
            &FoundStrings::read(bytes, std::slice::from_ref(&(0..bytes.len()))),
        )
    }

    #[test]
    fn texts_are_found_where_they_lie_between_others() {
        let hints = read(
            b"xx127.0.0.1:8080Usage127.0.0.1:8080 localhost:99999 localhost:[::1]:80/ OPENSSLDIR: \"/usr/local/ssl\" errortemplates/**/*.html /srv/templates/**/*",
        );
        assert_eq!(hints.loopback, ["127.0.0.1:8080", "[::1]:80"]);
        assert_eq!(hints.openssl_directory.as_deref(), Some("/usr/local/ssl"));
        assert_eq!(hints.template_directories, ["templates"]);
        assert_eq!(read(b""), RuntimeNeeds::default());
    }
}
