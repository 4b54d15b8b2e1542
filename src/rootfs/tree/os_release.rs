//! The distribution and release that an image's os-release file states.

use crate::rootfs::tree::{Tree, resolve};

/// Distribution and release (os-release(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `debian`, `alpine`, `ubuntu`, …; `linux` where the file says nothing.
    pub id: String,
    /// Distributions that it is like, nearest first.
    pub id_like: Vec<String>,
    /// `12`, `3.20.1`; empty for a rolling one.
    pub version: String,
    /// `bookworm`
    pub codename: String,
    /// The name for people.
    pub pretty: String,
}

impl OsRelease {
    /// Reads `/etc/os-release`, or `/usr/lib/os-release` where that is missing.
    pub fn read(tree: &dyn Tree) -> Option<OsRelease> {
        let found = resolve(tree, b"/etc/os-release")
            .or_else(|_| resolve(tree, b"/usr/lib/os-release"))
            .ok()?;
        Some(OsRelease::parse(&String::from_utf8_lossy(&tree.text(&found.path)?)))
    }

    /// Reads the text: shell assignments without anything a shell would expand.
    pub fn parse(text: &str) -> OsRelease {
        let mut release = OsRelease { id: "linux".to_owned(), ..OsRelease::default() };
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let quoted =
                |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
            let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value).to_owned();
            match key {
                "ID" => release.id = value,
                "ID_LIKE" => {
                    release.id_like = value.split_whitespace().map(str::to_owned).collect()
                }
                "VERSION_ID" => release.version = value,
                "VERSION_CODENAME" => release.codename = value,
                "PRETTY_NAME" => release.pretty = value,
                _ => {}
            }
        }
        release
    }

    /// The release whose C compiler says this in `.comment`; start-up code that every program links
    /// with is compiled by the distribution that the program is built on. Debian's point releases say
    /// `+deb12u1` and Ubuntu's `~24.04`; Debian's first ones are known by GCC's version.
    pub fn of_compiler(comment: &str) -> Option<OsRelease> {
        const DEBIAN: &[(&str, &str)] =
            &[("8.3", "10"), ("10.2", "11"), ("12.2", "12"), ("14.2", "13")];
        let (distribution, version) =
            comment.strip_prefix("GCC: (")?.split_once(')')?.0.split_once(' ')?;
        let digits = |text: &str| {
            let end = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
            Some(text[..end].to_owned()).filter(|it| !it.is_empty())
        };
        let (id, release) = match distribution {
            "Debian" => {
                let stated = version.split_once("+deb").and_then(|(_, rest)| digits(rest));
                let by_version = || {
                    let known = |(gcc, _): &&(&str, &str)| {
                        version.strip_prefix(gcc).is_some_and(|rest| rest.starts_with('.'))
                    };
                    DEBIAN.iter().find(known).map(|(_, release)| (*release).to_owned())
                };
                ("debian", stated.or_else(by_version)?)
            }
            "Ubuntu" => ("ubuntu", digits(version.rsplit_once('~')?.1)?),
            _ => return None,
        };
        Some(OsRelease { id: id.to_owned(), version: release, ..OsRelease::default() })
    }

    /// The name for people, whatever there is of it.
    pub fn name(&self) -> String {
        match (self.pretty.is_empty(), self.version.is_empty()) {
            (false, _) => self.pretty.clone(),
            (true, false) => format!("{} {}", self.id, self.version),
            (true, true) => self.id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn a_release_is_read_through_its_link() {
        let tree = InMemoryTree::default().link("/etc/os-release", "../usr/lib/os-release").file(
            "/usr/lib/os-release",
            0o644,
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID='12'\nVERSION_CODENAME=bookworm\n",
        );
        let release = OsRelease::read(&tree).unwrap();
        assert_eq!(
            (&*release.id, &*release.version, &*release.codename),
            ("debian", "12", "bookworm")
        );
        assert_eq!(release.name(), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(OsRelease::read(&InMemoryTree::default()), None);
    }
}
