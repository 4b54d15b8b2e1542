//! The images that a Dockerfile names, as far as a record of the build can be compared with them.

use std::collections::BTreeMap;

use super::Record;

/// One `FROM` that pulls an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// Line from 1.
    pub line: u32,
    /// The image as written, variables replaced where they are known.
    pub image: String,
    /// The image as written.
    pub written: String,
    /// Whether the last stage, or the one that was asked for, stands on it.
    pub last: bool,
}

impl From {
    /// Whether it names this image, registries and a tag beside a digest aside.
    pub fn is(&self, reference: &str) -> bool {
        let (name, tag, pinned) = normal(&self.image);
        let (known, known_tag, _) = normal(reference);
        known == name && (pinned.is_some() || known_tag == tag)
    }

    /// Whether other arguments of the build could make it this image.
    pub fn can_be(&self, reference: &str) -> bool {
        let (written, tag, _) = normal(&self.written);
        let is_open = |part: &str| part.contains('$');
        is_open(&written) || (written == normal(reference).0 && tag.as_deref().is_some_and(is_open))
    }
}

/// The stages that pull an image, in order. `arguments` are the build's `--build-arg` values.
pub fn from_lines(
    text: &str,
    arguments: &BTreeMap<String, String>,
    target: Option<&str>,
) -> Vec<From> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    // Stage name, then the place of its own `FROM` in the list, if it pulls an image.
    let mut stages: Vec<(String, Option<usize>)> = Vec::new();
    let mut pulled: Vec<From> = Vec::new();
    for (line, instruction) in instructions(text) {
        let mut words = instruction.split_whitespace();
        let Some(first) = words.next() else { continue };
        if first.eq_ignore_ascii_case("ARG") && stages.is_empty() {
            for word in words {
                let (name, default) = word.split_once('=').unwrap_or((word, ""));
                let default = default.trim_matches(['"', '\'']).to_owned();
                let value = arguments.get(name).cloned().unwrap_or(default);
                variables.insert(name.to_owned(), value);
            }
        } else if first.eq_ignore_ascii_case("FROM") {
            let mut words = words.skip_while(|word| word.starts_with("--"));
            let Some(word) = words.next() else { continue };
            let image = substituted(word, &variables);
            let name = words.next().filter(|word| word.eq_ignore_ascii_case("AS"));
            let name = name.and_then(|_| words.next()).unwrap_or_default().to_lowercase();
            let earlier = stages
                .iter()
                .find(|(stage, _)| !stage.is_empty() && *stage == image.to_lowercase());
            let stands_on = match earlier {
                Some((_, stands_on)) => *stands_on,
                None if image == "scratch" => None,
                None => {
                    pulled.push(From { line, image, written: word.to_owned(), last: false });
                    Some(pulled.len() - 1)
                }
            };
            stages.push((name, stands_on));
        }
    }
    let wanted = target.map(str::to_lowercase);
    let last = match wanted {
        Some(wanted) => stages.iter().find(|(name, _)| *name == wanted),
        None => stages.last(),
    };
    if let Some((_, Some(index))) = last {
        pulled[*index].last = true;
    }
    pulled
}

/// Logical lines with the number of their first line: comments dropped, continuations joined.
fn instructions(text: &str) -> Vec<(u32, String)> {
    let mut all: Vec<(u32, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match all.last_mut().filter(|_| open) {
            Some((_, joined)) => joined.push_str(part),
            None => all.push((number, part.to_owned())),
        }
        open = goes_on;
    }
    all
}

/// `$NAME`, `${NAME}` and `${NAME:-default}`.
fn substituted(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut result = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let (name, default, tail) = match after.strip_prefix('{').and_then(|it| it.split_once('}'))
        {
            Some((inside, tail)) => {
                let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
                (name, default, tail)
            }
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
                (&after[..end], "", &after[end..])
            }
        };
        let value = variables.get(name).filter(|value| !value.is_empty());
        result.push_str(value.map_or(default, String::as_str));
        rest = tail;
    }
    result + rest
}

/// A reference without registry and `library/`, its tag (`latest` where there is neither tag nor
/// digest), and the digest that it is pinned to.
pub fn normal(reference: &str) -> (String, Option<String>, Option<&str>) {
    let (name, digest) = match reference.split_once("@sha256:") {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    // A first part with a dot or a port in it is a registry.
    let path = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => name,
    };
    let path = path.strip_prefix("library/").unwrap_or(path);
    let (path, tag) = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
        _ => (path, None),
    };
    let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
    (path.to_owned(), tag, digest)
}

/// Debian's releases, as the tags of images name them.
const DEBIAN: &[&str] = &["buster", "bullseye", "bookworm", "trixie", "forky"];

/// What the tag of a build stage's image claims and the record of the build denies: distribution,
/// release, compiler. Tags of the official images name all three: `rust:1.95-bookworm`.
pub fn contradictions(reference: &str, record: &Record) -> Vec<(String, String)> {
    let release = record.provenance.build_definition.internal_parameters.get("osRelease");
    let field = |name: &str| release.and_then(|release| release.get(name)?.as_str());
    let rustc = record.parameter("rustc").unwrap_or_default();
    let version = rustc.lines().find_map(|line| line.strip_prefix("release: "));
    let (name, tag, _) = normal(reference);
    let tag = tag.unwrap_or_default();
    let parts: Vec<&str> = tag.split('-').collect();
    let mut found = Vec::new();
    if let Some(named) = parts.iter().find(|part| DEBIAN.contains(part))
        && let Some(codename) = field("VERSION_CODENAME").filter(|codename| codename != named)
    {
        found.push(((*named).to_owned(), codename.to_owned()));
    }
    if parts.iter().any(|part| part.starts_with("alpine"))
        && let Some(id) = field("ID").filter(|id| *id != "alpine")
    {
        found.push(("alpine".to_owned(), id.to_owned()));
    }
    let claimed = parts.first().filter(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    if name == "rust"
        && let (Some(claimed), Some(version)) = (claimed, version)
        && version != *claimed
        && !version.starts_with(&format!("{claimed}."))
    {
        found.push((format!("rustc {claimed}"), format!("rustc {version}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(u32, String, bool)> {
        from_lines(text, &BTreeMap::new(), None)
            .into_iter()
            .map(|from| (from.line, from.image, from.last))
            .collect()
    }

    #[test]
    fn stages_that_pull_are_found_with_their_lines() {
        let text = "# syntax=x\nARG V=1.95\nFROM --platform=$BUILDPLATFORM rust:${V}-bookworm AS Build\n\
                    RUN echo \\\n  FROM nothing\nfrom build as test\nFROM debian:bookworm-slim\n";
        assert_eq!(
            of(text),
            [
                (3, "rust:1.95-bookworm".to_owned(), false),
                (7, "debian:bookworm-slim".to_owned(), true)
            ]
        );
        assert_eq!(of("FROM a AS b\nFROM b\n"), [(1, "a".to_owned(), true)]);
        assert_eq!(of("FROM a AS b\nFROM scratch\n"), [(1, "a".to_owned(), false)]);
        assert_eq!(of("FROM ${X:-alpine}:$Y\n"), [(1, "alpine:".to_owned(), true)]);
    }

    #[test]
    fn arguments_and_targets_are_obeyed() {
        let arguments = BTreeMap::from([("V".to_owned(), "2".to_owned())]);
        let all = from_lines("ARG V=1\nFROM a:$V AS x\nFROM b\n", &arguments, Some("X"));
        assert_eq!((all[0].image.as_str(), all[0].last, all[1].last), ("a:2", true, false));
    }

    #[test]
    fn a_tag_claims_distribution_and_compiler() {
        let mut record = Record::default();
        let internal = &mut record.provenance.build_definition.internal_parameters;
        let release = serde_json::json!({ "ID": "debian", "VERSION_CODENAME": "trixie" });
        internal.insert("osRelease".into(), release);
        internal.insert("rustc".into(), "rustc\nrelease: 1.95.0\n".into());
        let count = |reference| contradictions(reference, &record).len();
        assert_eq!(count("rust:1.95-trixie"), 0);
        assert_eq!(count("rust:1-slim"), 0);
        assert_eq!(count("rust:1.9-bookworm"), 2);
        assert_eq!(count("rust:1.96-alpine3.20"), 2);
        assert_eq!(count("own/builder:7"), 0);
    }

    #[test]
    fn references_lose_what_is_understood() {
        let of = |text: &'static str| normal(text);
        assert_eq!(of("rust"), ("rust".into(), Some("latest".into()), None));
        assert_eq!(of("forge.example/library/rust:1"), ("rust".into(), Some("1".into()), None));
        assert_eq!(of("localhost:5000/a/b@sha256:ff"), ("a/b".into(), None, Some("ff")));
    }
}
