//! Manifests and indexes: the documents that name an image's blobs.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::rootfs::document::config::Platform;
use crate::rootfs::document::digest::Digest;
use crate::rootfs::error::ImageError;

/// What kind of blob a media type names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// An index, or Docker's manifest list.
    Index,
    /// An image manifest.
    Manifest,
    /// An image configuration.
    Config,
    /// A layer, however it is compressed.
    Layer,
    /// Not one of an image.
    Other,
}

impl MediaKind {
    /// By name. Descriptors of a layout may lack one.
    pub fn of(media_type: &str) -> MediaKind {
        let docker = media_type.strip_prefix("application/vnd.docker.");
        let oci = media_type.strip_prefix("application/vnd.oci.image.");
        match (oci, docker) {
            (Some("index.v1+json"), _) | (_, Some("distribution.manifest.list.v2+json")) => {
                MediaKind::Index
            }
            (Some("manifest.v1+json"), _) | (_, Some("distribution.manifest.v2+json")) => {
                MediaKind::Manifest
            }
            (Some("config.v1+json"), _) | (_, Some("container.image.v1+json")) => MediaKind::Config,
            (Some(name), _)
                if name.starts_with("layer.v1.tar")
                    || name.starts_with("layer.nondistributable.v1.tar") =>
            {
                MediaKind::Layer
            }
            (_, Some(name))
                if name.starts_with("image.rootfs.diff.tar")
                    || name.starts_with("image.rootfs.foreign.diff.tar") =>
            {
                MediaKind::Layer
            }
            _ => MediaKind::Other,
        }
    }
}

/// A reference from one document to a blob.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is; empty where it is not said.
    #[serde(default)]
    pub media_type: String,
    /// As written; use [`Descriptor::blob`].
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// Those of the free words that say something here.
    #[serde(default)]
    annotations: Option<Annotations>,
    /// What the image is for.
    #[serde(default)]
    platform: Option<WirePlatform>,
    /// Set for what is no image.
    #[serde(default)]
    pub artifact_type: Option<String>,
}

/// The annotations that are looked at, of however many.
#[derive(Debug, Clone, Default)]
struct Annotations(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Annotations, D::Error> {
        const KNOWN: &[&str] = &[
            "in-toto.io/predicate-type",
            "io.containerd.image.name",
            "org.opencontainers.image.ref.name",
            "vnd.docker.reference.digest",
            "vnd.docker.reference.type",
        ];
        struct KnownAnnotations;
        impl<'de> Visitor<'de> for KnownAnnotations {
            type Value = Annotations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
                let mut annotations = Annotations::default();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    if KNOWN.contains(&key.as_str()) {
                        annotations.0.insert(key, value);
                    }
                }
                Ok(annotations)
            }
        }
        deserializer.deserialize_map(KnownAnnotations)
    }
}

#[derive(Debug, Clone, Deserialize)]
struct WirePlatform {
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    variant: Option<String>,
}

impl Descriptor {
    /// The digest, if it is one.
    pub fn blob(&self) -> Result<Digest, ImageError> {
        Digest::parse_stated(&self.digest)
    }

    /// What the image is for, where the descriptor says so.
    pub fn platform(&self) -> Option<Platform> {
        let platform = self.platform.clone()?;
        Some(Platform {
            os: platform.os.unwrap_or_default(),
            architecture: platform.architecture.unwrap_or_default(),
            variant: platform.variant.unwrap_or_default(),
        })
    }

    /// An annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.0.get(key).map(String::as_str)
    }

    /// A statement, unless it says of itself that it is another than one about the build: lists of
    /// packages have tens of megabytes.
    pub fn is_provenance(&self) -> bool {
        let about = self.annotation("in-toto.io/predicate-type");
        self.media_type == "application/vnd.in-toto+json"
            && about.is_none_or(|about| about.starts_with("https://slsa.dev/provenance/"))
    }

    /// The image's names: containerd's full one first, then the layout's.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
            .into_iter()
            .filter_map(|key| self.annotation(key))
    }

    /// BuildKit's statements and other artifacts stand in the same index as the images.
    pub fn is_set_aside(&self) -> bool {
        self.annotation("vnd.docker.reference.type").is_some()
            || self.artifact_type.as_deref().is_some_and(|kind| !kind.is_empty())
            || self.platform().is_some_and(|platform| platform.is_unknown())
    }
}

/// An index or an image manifest.
#[derive(Debug, Clone)]
pub enum ManifestDocument {
    /// The images (and more) that it lists.
    Index(Vec<Descriptor>),
    /// One image.
    Manifest(Box<Manifest>),
}

/// An image's blobs.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Set for what is no image.
    pub artifact_type: Option<String>,
    /// The image that an artifact is about.
    pub subject: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireManifest {
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
}

impl ManifestDocument {
    /// Reads a document. One that can be taken for an index and for a manifest is refused
    /// (CVE-2021-41190), and so is one that is not what its descriptor says.
    pub fn parse(bytes: &[u8], said: &str) -> Result<ManifestDocument, ImageError> {
        let wire: WireManifest = serde_json::from_slice(bytes)
            .map_err(|error| ImageError::Damaged(format!("a manifest is not readable: {error}")))?;
        let own = wire.media_type.unwrap_or_default();
        if !own.is_empty() && !said.is_empty() && own != said {
            return Err(ImageError::Damaged(format!(
                "a document calls itself {own}, its descriptor calls it {said}"
            )));
        }
        let media = MediaKind::of(if own.is_empty() { said } else { &own });
        match (wire.manifests, wire.config, wire.layers) {
            (Some(_), None, Some(_)) | (Some(_), Some(_), _) => Err(ImageError::Damaged(
                "a document is both an index and a manifest, so that two readers can see two images"
                    .to_owned(),
            )),
            (Some(manifests), None, None)
                if matches!(media, MediaKind::Index | MediaKind::Other) =>
            {
                Ok(ManifestDocument::Index(manifests))
            }
            (None, Some(config), layers)
                if matches!(media, MediaKind::Manifest | MediaKind::Other) =>
            {
                Ok(ManifestDocument::Manifest(Box::new(Manifest {
                    config,
                    layers: layers.unwrap_or_default(),
                    artifact_type: wire.artifact_type,
                    subject: wire.subject,
                })))
            }
            _ => Err(ImageError::Damaged(format!(
                "a document of type '{own}' is neither an index nor an image manifest"
            ))),
        }
    }
}

/// One entry of a Docker archive's `manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DockerEntry {
    /// The configuration's member.
    pub config: String,
    /// The image's names.
    pub repo_tags: Option<Vec<String>>,
    /// The layers' members, lowest first.
    pub layers: Option<Vec<String>>,
}

impl DockerEntry {
    /// The one entry that is meant.
    pub fn one_of<'a>(
        wanted: &[&'a DockerEntry],
        tag: Option<&str>,
        known: &[String],
    ) -> Result<&'a DockerEntry, ImageError> {
        match (wanted, tag) {
            ([one], _) => Ok(one),
            ([], Some(tag)) => {
                Err(ImageError::NoSuchName { name: tag.to_owned(), known: known.to_vec() })
            }
            ([], None) => Err(ImageError::NotAnImage("there is no image in it".to_owned())),
            (many, _) => Err(ImageError::Ambiguous(format!(
                "there are {} images: {}; name one, as in REFERENCE:TAG",
                many.len(),
                known.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(text: &str, said: &str) -> Result<ManifestDocument, ImageError> {
        ManifestDocument::parse(text.replace("EMPTY", EMPTY).as_bytes(), said)
    }

    #[test]
    fn a_document_is_one_thing() {
        let config = r#""config":{"digest":"EMPTY","size":0}"#;
        assert!(matches!(parse(r#"{"manifests":[]}"#, ""), Ok(ManifestDocument::Index(_))));
        assert!(matches!(
            parse(&format!("{{{config},\"layers\":[]}}"), ""),
            Ok(ManifestDocument::Manifest(_))
        ));
        let index = "application/vnd.oci.image.index.v1+json";
        for (text, said) in [
            (format!("{{{config},\"manifests\":[]}}"), ""),
            (r#"{"manifests":[],"layers":[]}"#.to_owned(), ""),
            (format!("{{{config}}}"), index),
            (r#"{"manifests":[]}"#.to_owned(), "application/vnd.oci.image.manifest.v1+json"),
            (
                format!(r#"{{"manifests":[],"mediaType":"{index}"}}"#),
                "application/vnd.oci.image.manifest.v1+json",
            ),
            ("{}".to_owned(), ""),
            ("[".to_owned(), ""),
        ] {
            assert!(parse(&text, said).is_err(), "{text} as {said}");
        }
    }

    #[test]
    fn media_types_of_both_families_are_known() {
        for (name, media) in [
            ("application/vnd.oci.image.index.v1+json", MediaKind::Index),
            ("application/vnd.docker.distribution.manifest.list.v2+json", MediaKind::Index),
            ("application/vnd.docker.distribution.manifest.v2+json", MediaKind::Manifest),
            ("application/vnd.oci.image.layer.v1.tar+zstd", MediaKind::Layer),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MediaKind::Layer),
            ("application/vnd.in-toto+json", MediaKind::Other),
        ] {
            assert_eq!(MediaKind::of(name), media);
        }
    }
}
