//! What a reference to an image names, and what its tag claims of the stage that stands on it.

use crate::provenance::record::RecordFacts;

/// A reference without registry and `library/`, its tag (`latest` where there is neither tag nor
/// digest), and the digest that it is pinned to.
pub fn normalize_reference(reference: &str) -> (String, Option<String>, Option<&str>) {
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
pub fn find_contradictions(reference: &str, record: &RecordFacts) -> Vec<(String, String)> {
    let release = record.provenance.build_definition.internal_parameters.get("osRelease");
    let field = |name: &str| release.and_then(|release| release.get(name)?.as_str());
    let rustc = record.parameter("rustc").unwrap_or_default();
    let version = rustc.lines().find_map(|line| line.strip_prefix("release: "));
    let (name, tag, _) = normalize_reference(reference);
    let tag = tag.unwrap_or_default();
    // Whoever asks rustup for another compiler than the image's own gets it.
    let steered = record.source_files().iter().any(|path| path.starts_with("rust-toolchain"));
    let rustup = |text: &str| text.contains("rustup") || text.contains("RUSTUP_TOOLCHAIN");
    let built = record.image_build.as_ref().and_then(|build| build.dockerfile.as_ref());
    let steered = steered
        || built.is_some_and(|file| rustup(&file.text))
        || record.dockerfile.as_ref().is_some_and(|file| rustup(&file.text));
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
        && !steered
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
    use crate::provenance::record::ComparedDockerfile;

    #[test]
    fn a_tag_claims_distribution_and_compiler() {
        let mut record = RecordFacts::default();
        let internal = &mut record.provenance.build_definition.internal_parameters;
        let release = serde_json::json!({ "ID": "debian", "VERSION_CODENAME": "trixie" });
        internal.insert("osRelease".into(), release);
        internal.insert("rustc".into(), "rustc\nrelease: 1.95.0\n".into());
        let count = |reference| find_contradictions(reference, &record).len();
        assert_eq!(count("rust:1.95-trixie"), 0);
        assert_eq!(count("rust:1-slim"), 0);
        assert_eq!(count("rust:1.9-bookworm"), 2);
        assert_eq!(count("rust:1.96-alpine3.20"), 2);
        assert_eq!(count("own/builder:7"), 0);
        let count = |record: &RecordFacts| find_contradictions("rust:1.96-trixie", record).len();
        assert_eq!(count(&record), 1);
        let mut by_rustup = record.clone();
        let text = "FROM rust:1.96-trixie\nRUN rustup default 1.95\n".to_owned();
        by_rustup.dockerfile = Some(ComparedDockerfile { path: "Dockerfile".into(), text });
        assert_eq!(count(&by_rustup), 0);
        let all = &mut record.provenance.build_definition.resolved_dependencies;
        all.push(crate::provenance::statement::ResourceDescriptor::named(
            "rust-toolchain.toml",
            "ab",
        ));
        assert_eq!(count(&record), 0);
    }

    #[test]
    fn references_lose_what_is_understood() {
        let of = |text: &'static str| normalize_reference(text);
        assert_eq!(of("rust"), ("rust".into(), Some("latest".into()), None));
        assert_eq!(of("forge.example/library/rust:1"), ("rust".into(), Some("1".into()), None));
        assert_eq!(of("localhost:5000/a/b@sha256:ff"), ("a/b".into(), None, Some("ff")));
    }
}
