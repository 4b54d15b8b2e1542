//! What is known of the images that stages begin from: a table with a source and a date for each row.
//! What is not in it is unknown, and nothing is concluded from it.

use std::sync::OnceLock;

const TABLE: &str = include_str!("base_images.tsv");

/// A C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseLibc {
    /// Its version as (major, minor), where it is held.
    Glibc(Option<(u32, u32)>),
    /// musl.
    Musl,
    /// None at all: only a static program starts.
    None,
}

/// What is known of a base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownImage {
    /// `debian`, `alpine`, `distroless`, ….
    pub distribution: String,
    /// `bookworm`, `22.04`; `None` where it is not held.
    pub release: Option<String>,
    /// `None`: not known.
    pub libc: Option<BaseLibc>,
    /// Whether it has `/bin/sh`.
    pub shell: bool,
    /// Whether it has CA certificates.
    pub certificates: bool,
    /// Whether it has `libgcc_s.so.1`.
    pub libgcc: bool,
    /// The version of `libssl.so` in it.
    pub libssl: Option<String>,
    /// `curl`, `wget`, `python3` and their like, as far as it has them.
    pub tools: Vec<String>,
    /// Where its commands begin.
    pub workdir: String,
    /// As whom.
    pub user: String,
    /// `CARGO_HOME`: it has a Rust toolchain.
    pub cargo_home: Option<String>,
    /// `CARGO_BUILD_TARGET`.
    pub cargo_build_target: Option<String>,
    /// The tag follows new releases: what is said of it was true on the table's day.
    pub floating: bool,
    /// Until when it gets security fixes: `2026-08-31`.
    pub end_of_life: Option<String>,
    /// How the row is known.
    pub source: String,
}

impl KnownImage {
    /// `debian bookworm`.
    pub fn name(&self) -> String {
        match &self.release {
            Some(release) => format!("{} {release}", self.distribution),
            None => self.distribution.clone(),
        }
    }

    /// glibc's version, where it has one and it is held.
    pub fn glibc(&self) -> Option<(u32, u32)> {
        match self.libc {
            Some(BaseLibc::Glibc(version)) => version,
            _ => None,
        }
    }
}

/// What is known of an image by its reference, `scratch` among them.
pub fn identify(reference: &str) -> Option<KnownImage> {
    if reference == "scratch" {
        return Some(KnownImage {
            distribution: "scratch".to_owned(),
            release: None,
            libc: Some(BaseLibc::None),
            shell: false,
            certificates: false,
            libgcc: false,
            libssl: None,
            tools: Vec::new(),
            workdir: "/".to_owned(),
            user: "root".to_owned(),
            cargo_home: None,
            cargo_build_target: None,
            floating: false,
            end_of_life: None,
            source: "an empty file system".to_owned(),
        });
    }
    let (name, tag) = split(reference);
    let row = rows().iter().find(|row| row[0] == name && matches_tag(row[1], tag))?;
    Some(base_image(row, tag))
}

/// Repository and tag, without registry names that mean the default one and without a digest.
pub fn split(reference: &str) -> (&str, &str) {
    let reference = reference.split('@').next().unwrap_or(reference);
    let colon = reference.rfind(':').filter(|at| !reference[*at..].contains('/'));
    let (name, tag) = match colon {
        Some(at) => (&reference[..at], &reference[at + 1..]),
        None => (reference, "latest"),
    };
    let mut name = name;
    for prefix in
        ["docker.io/", "index.docker.io/", "mirror.gcr.io/", "public.ecr.aws/docker/", "library/"]
    {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    (name, tag)
}

fn rows() -> &'static [Vec<&'static str>] {
    static ROWS: OnceLock<Vec<Vec<&'static str>>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split('\t').collect())
            .filter(|row: &Vec<_>| row.len() == 20)
            .collect()
    })
}

fn base_image(row: &[&'static str], tag: &str) -> KnownImage {
    let held = |field: &str| (field != "-").then(|| field.to_owned());
    let version = |text: &str| -> Option<(u32, u32)> {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let mut target = held(row[14]);
    // Builders that name the target in their tag: `aarch64-musl`.
    if let Some((arch, rest)) = tag.split_once("-musl").filter(|_| target.is_some()) {
        target = rest.is_empty().then(|| format!("{arch}-unknown-linux-musl"));
    }
    KnownImage {
        distribution: row[2].to_owned(),
        release: held(row[3]),
        libc: match row[4] {
            "glibc" => Some(BaseLibc::Glibc(version(row[5]))),
            "musl" => Some(BaseLibc::Musl),
            "none" => Some(BaseLibc::None),
            _ => None,
        },
        shell: row[6] == "yes",
        certificates: row[7] != "no",
        libgcc: row[8] == "yes",
        libssl: held(row[9]),
        tools: row[10].split(',').filter(|it| *it != "-").map(str::to_owned).collect(),
        workdir: row[11].to_owned(),
        user: row[12].to_owned(),
        cargo_home: held(row[13]),
        cargo_build_target: target,
        floating: row[18].starts_with("floating"),
        end_of_life: held(row[17]),
        source: row[18].to_owned(),
    }
}

fn matches_tag(pattern: &str, tag: &str) -> bool {
    let Some(range) = pattern.strip_prefix('@') else { return matches(pattern, tag) };
    let (range, slim) = range.strip_suffix(" slim").map_or((range, false), |range| (range, true));
    let Some((low, high)) = range.split_once("..") else { return false };
    let version = |text: &str| -> Option<(u32, u32)> {
        let mut numbers = text.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    };
    // `latest-rust-1.88` of cargo-chef's images follows Rust's own tags.
    let tag = tag.rsplit_once("rust-").map_or(tag, |(_, tag)| tag);
    let (number, rest) = tag.split_once('-').unwrap_or((tag, ""));
    let inside = match (version(number), version(low), version(high)) {
        (Some(number), Some(low), Some(high)) => low <= number && number <= high,
        _ => false,
    };
    inside && (if slim { rest == "slim" } else { rest.is_empty() })
}

/// `*` matches any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            let Some(rest) = text.strip_prefix(before) else { return false };
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| matches(after, &rest[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows().len(), lines);
        assert!(rows().iter().all(|row| row[19].len() == 10 && !row[18].is_empty()));
    }

    #[test]
    fn images_are_known_by_their_tags() {
        let known = |reference: &str| identify(reference).map(|it| (it.name(), it.glibc()));
        for (reference, name, glibc) in [
            ("rust:1.76", "debian bookworm", Some((2, 36))),
            ("docker.io/library/rust:1.55-slim", "debian buster", Some((2, 28))),
            ("rust:1.95-bookworm", "debian bookworm", Some((2, 36))),
            ("rust:1-slim-bullseye", "debian bullseye", Some((2, 31))),
            ("rust", "debian trixie", Some((2, 41))),
            ("rust:1.97.1-alpine3.22", "alpine", None),
            ("lukemathwalker/cargo-chef:latest-rust-1.86", "debian bookworm", Some((2, 36))),
            (
                "lukemathwalker/cargo-chef:latest-rust-1.95-slim-trixie",
                "debian trixie",
                Some((2, 41)),
            ),
            ("debian:12-slim", "debian bookworm", Some((2, 36))),
            ("debian:bookworm-20250101-slim@sha256:abc", "debian bookworm", Some((2, 36))),
            ("ubuntu:jammy", "ubuntu 22.04", Some((2, 35))),
            ("gcr.io/distroless/cc-debian12:nonroot", "distroless bookworm", Some((2, 36))),
            ("scratch", "scratch", None),
        ] {
            assert_eq!(known(reference), Some((name.to_owned(), glibc)), "{reference}");
        }
        // Nobody knows these: 1.71 and 1.89 fell into the days of a switch.
        for reference in
            ["rust:1.71.1", "rust:1.89", "example.org/own:1", "busyboxes", "debian:sid"]
        {
            let libc = identify(reference).and_then(|it| it.glibc());
            assert_eq!(libc, None, "{reference}");
        }
        assert!(identify("rust:latest").is_some_and(|it| it.floating));
        let target = |it: &str| identify(it).and_then(|it| it.cargo_build_target);
        assert_eq!(
            target("messense/rust-musl-cross:aarch64-musl").as_deref(),
            Some("aarch64-unknown-linux-musl")
        );
        assert_eq!(target("clux/muslrust:stable").as_deref(), Some("x86_64-unknown-linux-musl"));
        assert!(!identify("gcr.io/distroless/static").unwrap().shell);
    }
}
