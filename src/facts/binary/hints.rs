//! Texts of a program that say what it will ask of its image: addresses it binds, places it looks into.

use memchr::memmem;

/// What a program's texts hint at. A text proves that it is inside, not that it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// `127.0.0.1:8080`, `localhost:3000`, `[::1]:80`: addresses that only the container itself reaches.
    pub loopback: Vec<String>,
    /// The directory of a linked-in OpenSSL: `/usr/local/ssl`.
    pub openssl_directory: Option<String>,
    /// Directories that a pattern of a template engine names, relative to the working directory.
    pub template_directories: Vec<String>,
}

/// Hints of one kind that are kept.
const MOST: usize = 16;

impl Hints {
    /// Looks through a file's bytes.
    pub fn read(bytes: &[u8]) -> Hints {
        let mut hints = Hints::default();
        for host in ["127.0.0.1:", "localhost:", "[::1]:"] {
            for at in memmem::find_iter(bytes, host).take(4096) {
                let rest = bytes.get(at + host.len()..).unwrap_or_default();
                let digits = rest.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
                let port = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
                let port =
                    port.and_then(|digits| digits.parse::<u16>().ok()).filter(|port| *port > 0);
                let Some(port) = port else { continue };
                let address = format!("{host}{port}");
                if hints.loopback.len() < MOST && !hints.loopback.contains(&address) {
                    hints.loopback.push(address);
                }
            }
        }
        // OpenSSL's own `OPENSSLDIR: "…"` (crypto/cversion.c).
        let mark = ["OPENSSL", "DIR: \""].concat();
        hints.openssl_directory = memmem::find(bytes, mark.as_bytes()).and_then(|at| {
            let rest = bytes.get(at + mark.len()..)?;
            let end = rest.iter().take(4096).position(|byte| *byte == b'"')?;
            String::from_utf8(rest.get(..end)?.to_vec()).ok()
        });
        let mark = ["/**", "/*"].concat();
        for at in memmem::find_iter(bytes, mark.as_bytes()).take(4096) {
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

    #[test]
    fn texts_are_found_where_they_lie_between_others() {
        let hints = Hints::read(
            b"xx127.0.0.1:8080Usage127.0.0.1:8080 localhost:99999 localhost:[::1]:80/ OPENSSLDIR: \"/usr/local/ssl\" errortemplates/**/*.html /srv/templates/**/*",
        );
        assert_eq!(hints.loopback, ["127.0.0.1:8080", "[::1]:80"]);
        assert_eq!(hints.openssl_directory.as_deref(), Some("/usr/local/ssl"));
        assert_eq!(hints.template_directories, ["templates"]);
        assert_eq!(Hints::read(b""), Hints::default());
    }
}
