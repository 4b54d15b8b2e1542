//! From a reference to one image: which of several is meant, its documents, and its layers laid over one another.

mod choose;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use crate::rootfs::document::config::{ImageConfig, Platform};
use crate::rootfs::document::digest::Digest;
use crate::rootfs::document::manifest::{Descriptor, DockerEntry, ManifestDocument, MediaKind};
use crate::rootfs::error::ImageError;
use crate::rootfs::error::LoadError;
use crate::rootfs::layer::apply::MergedLayers;
use crate::rootfs::layer::ordered_parallel::map_ordered_parallel;
use crate::rootfs::layer::{ExpectedBlob, FileSelector, Layer, verify};
use crate::rootfs::load::choose::{Candidate, choose};
use crate::rootfs::reference::complete_name;
use crate::rootfs::source::blob_store::BlobStore;
use crate::rootfs::source::{ImageSource, OpenedImage};
use crate::rootfs::{
    MAX_DOCUMENT, MAX_DOCUMENTS, MAX_INDEX_DEPTH, MAX_LAYERS, MAX_MANIFESTS, MAX_STATEMENT,
};

/// What was passed over is named up to here.
const MAX_NOTES: usize = 50;

/// Layers that are read at one time. Each has up to four threads of its own and a few megabytes.
const MAX_PARALLEL_LAYERS: usize = 4;

/// An image and what stands beside it.
#[derive(Debug)]
pub struct LoadedImage {
    /// The image that was meant.
    pub image: ImageParts,
    /// Statements about the image's build, as they lie: BuildKit's provenance.
    pub statements: Vec<Vec<u8>>,
    /// What was passed over, in words.
    pub notes: Vec<String>,
}

/// One image.
#[derive(Debug)]
pub struct ImageParts {
    /// The manifest's digest; archives of older engines have none.
    pub digest: Option<Digest>,
    /// The platform that the index gives it.
    pub index_platform: Option<Platform>,
    /// The configuration; `None` for a root file system without one.
    pub config: Option<ImageConfig>,
    /// The finished tree.
    pub files: MergedLayers,
    /// Layers that were not read whole, so that their digests are not known.
    pub unverified: usize,
}

/// Gets the same image for other platforms, one at a time, as far as their blobs are there.
pub type OnOtherPlatform<'a> = &'a mut dyn FnMut(ImageParts) -> Result<(), ImageError>;

/// Reads an image with layers.
///
/// # Errors
/// It is not there, it is damaged, or it is a root file system, which has no layers.
pub fn load(
    source: &dyn ImageSource,
    wish: Option<&Platform>,
    interest: &FileSelector<'_>,
    other_platforms: OnOtherPlatform<'_>,
) -> Result<LoadedImage, LoadError> {
    match source.open(interest)? {
        OpenedImage::Root(_) => {
            Err(ImageError::NotAnImage("a directory has no layers".to_owned()).into())
        }
        OpenedImage::Blobs { store, tag } => {
            load_blobs(store, tag.as_deref(), wish, interest, other_platforms)
        }
    }
}

/// Reads the one image of an archive that passes by.
///
/// # Errors
/// As for [`load`].
pub fn load_stream(
    archive: Box<dyn Read + Send>,
    wish: Option<&Platform>,
    interest: &FileSelector<'_>,
    other_platforms: OnOtherPlatform<'_>,
) -> Result<LoadedImage, LoadError> {
    load_blobs(BlobStore::pass(archive, interest)?, None, wish, interest, other_platforms)
}

/// Reads an image from where its blobs lie.
///
/// # Errors
/// As for [`load`].
pub fn load_blobs(
    store: BlobStore,
    tag: Option<&str>,
    wish: Option<&Platform>,
    interest: &FileSelector<'_>,
    other_platforms: OnOtherPlatform<'_>,
) -> Result<LoadedImage, LoadError> {
    let loader = ImageLoader::new(store, wish, interest, other_platforms);
    match loader.store {
        BlobStore::Directory(_) => loader.oci(tag),
        BlobStore::Archive(_) | BlobStore::Stream(_) => loader.archive(tag),
    }
}

struct ImageLoader<'a> {
    store: BlobStore,
    /// Of [`MAX_DOCUMENTS`], what may still be read.
    left: Cell<u64>,
    wish: Option<&'a Platform>,
    interest: &'a FileSelector<'a>,
    other_platforms: OnOtherPlatform<'a>,
    notes: Vec<String>,
}

impl<'a> ImageLoader<'a> {
    fn new(
        store: BlobStore,
        wish: Option<&'a Platform>,
        interest: &'a FileSelector<'a>,
        other_platforms: OnOtherPlatform<'a>,
    ) -> ImageLoader<'a> {
        let left = Cell::new(MAX_DOCUMENTS);
        ImageLoader { store, left, wish, interest, other_platforms, notes: Vec::new() }
    }

    fn archive(mut self, tag: Option<&str>) -> Result<LoadedImage, LoadError> {
        if self.store.has("index.json") && self.store.has("oci-layout") {
            return self.oci(tag);
        }
        if self.store.has("manifest.json") {
            return self.docker(tag);
        }
        let packed_root = match tag {
            None => self.store.as_root(self.interest)?,
            Some(_) => None,
        };
        let Some(layer) = packed_root else {
            return Err(ImageError::NotAnImage("neither an OCI layout (oci-layout, index.json) nor a Docker archive (manifest.json) is inside; save the image with `docker save NAME -o FILE`".to_owned()).into());
        };
        let mut files = MergedLayers::new(self.interest.budget.clone());
        files.apply(0, layer.changes)?;
        self.notes.push("a root file system without an image's configuration".to_owned());
        let image =
            ImageParts { digest: None, index_platform: None, config: None, files, unverified: 1 };
        Ok(LoadedImage { image, statements: Vec::new(), notes: self.notes })
    }

    // --- Docker's own archives -------------------------------------------------------------

    fn docker(self, tag: Option<&str>) -> Result<LoadedImage, LoadError> {
        let bytes = self.store.document("manifest.json", MAX_DOCUMENT)?.unwrap_or_default();
        let entries: Vec<DockerEntry> = serde_json::from_slice(&bytes).map_err(|error| {
            ImageError::Damaged(format!("manifest.json is not readable: {error}"))
        })?;
        let names = |entry: &DockerEntry| entry.repo_tags.clone().unwrap_or_default();
        let wanted: Vec<&DockerEntry> = match tag {
            None => entries.iter().collect(),
            Some(tag) => entries
                .iter()
                .filter(|entry| {
                    names(entry).iter().any(|name| complete_name(name) == complete_name(tag))
                })
                .collect(),
        };
        let known: Vec<String> = entries.iter().flat_map(names).collect();
        let entry = DockerEntry::one_of(&wanted, tag, &known)?;
        let config = self
            .store
            .document(&entry.config, MAX_DOCUMENT)?
            .ok_or_else(|| ImageError::MissingBlob { blob: entry.config.clone() })?;
        // The name is the digest: `<hex>.json`, or a blob's path.
        let hex = entry.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
        if let Some(digest) =
            Digest::parse(&format!("sha256:{hex}")).filter(|digest| !digest.fits(&config))
        {
            return Err(ImageError::DigestMismatch {
                what: "the digest of the configuration",
                found: digest.of_same_kind(&config).to_string().into(),
                stated_by: "its name",
                stated: digest.to_string().into(),
            }
            .into());
        }
        let config = ImageConfig::parse(&config)?;
        if let Some(wish) = self.wish.filter(|wish| config.platform.answers(wish).is_none()) {
            return Err(ImageError::NoSuchPlatform {
                platform: wish.to_string(),
                known: vec![config.platform.to_string()],
            }
            .into());
        }
        let layers = entry.layers.clone().unwrap_or_default();
        let layers = layers.into_iter().map(|path| (path, None, None)).collect();
        let (files, unverified) = self.layers(layers, &config)?;
        let image = ImageParts {
            digest: None,
            index_platform: None,
            config: Some(config),
            files,
            unverified,
        };
        Ok(LoadedImage { image, statements: Vec::new(), notes: self.notes })
    }

    // --- OCI layouts -----------------------------------------------------------------------

    fn oci(mut self, tag: Option<&str>) -> Result<LoadedImage, LoadError> {
        let bytes = self
            .store
            .document("index.json", MAX_DOCUMENT)?
            .ok_or_else(|| ImageError::Damaged("index.json is missing".to_owned()))?;
        let ManifestDocument::Index(top) = ManifestDocument::parse(&bytes, "")? else {
            return Err(ImageError::Damaged("index.json is not an index".to_owned()).into());
        };
        let named = self.by_tag(&top, tag)?;
        let mut descriptors = Vec::new();
        let mut seen = BTreeSet::new();
        for descriptor in named {
            self.flatten(descriptor, 0, &mut seen, &mut descriptors)?;
        }
        let (aside, images): (Vec<Descriptor>, Vec<Descriptor>) =
            descriptors.into_iter().partition(Descriptor::is_set_aside);
        let mut candidates = Vec::new();
        let mut absent = Vec::new();
        for descriptor in &images {
            match self.candidate(descriptor, images.len() == 1) {
                Ok(Some(candidate)) => candidates.push(candidate),
                Ok(None) => {}
                // Engines list platforms whose blobs they have not fetched.
                Err(failure)
                    if images.len() > 1 && !self.store.has(&descriptor.blob()?.blob_path()) =>
                {
                    absent.push(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        self.notes.extend(absent.iter().map(|failure| failure.source.to_string()));
        let chosen = match choose(self.wish, &candidates) {
            Ok(chosen) => chosen,
            Err(_) if candidates.is_empty() && !absent.is_empty() => {
                return Err(absent.swap_remove(0));
            }
            Err(failure) => return Err(failure),
        };
        let candidate = candidates.swap_remove(chosen);
        let statements = self.statements(&aside, &candidate.descriptor);
        let image = self.read(&candidate)?;
        for other in &candidates {
            match self.read(other) {
                Ok(parts) => (self.other_platforms)(parts)?,
                // A thousand platforms can fail for one reason.
                Err(failure) if self.notes.len() < MAX_NOTES => {
                    self.notes.push(format!("{}: {}", other.platform, failure.source));
                }
                Err(_) => {}
            }
        }
        Ok(LoadedImage { image, statements, notes: self.notes })
    }

    fn by_tag(&self, top: &[Descriptor], tag: Option<&str>) -> Result<Vec<Descriptor>, ImageError> {
        let Some(tag) = tag else {
            let names: BTreeSet<&str> = top
                .iter()
                .filter(|descriptor| !descriptor.is_set_aside())
                .filter_map(|descriptor| descriptor.names().next())
                .collect();
            let digests: BTreeSet<&str> = top
                .iter()
                .filter(|descriptor| !descriptor.is_set_aside())
                .map(|descriptor| descriptor.digest.as_str())
                .collect();
            if names.len() > 1 && digests.len() > 1 {
                let names: Vec<&str> = names.into_iter().collect();
                return Err(ImageError::Ambiguous(format!(
                    "there are several images: {}; name one, as in REFERENCE:TAG",
                    names.join(", ")
                )));
            }
            return Ok(top.to_vec());
        };
        let exact = |descriptor: &&Descriptor| descriptor.names().any(|name| name == tag);
        let full = |descriptor: &&Descriptor| {
            descriptor.names().any(|name| complete_name(name) == complete_name(tag))
        };
        let mut found: Vec<Descriptor> = top.iter().filter(exact).cloned().collect();
        if found.is_empty() {
            found = top.iter().filter(full).cloned().collect();
        }
        if found.is_empty() {
            let known = top.iter().flat_map(Descriptor::names).map(str::to_owned).collect();
            return Err(ImageError::NoSuchName { name: tag.to_owned(), known });
        }
        Ok(found)
    }

    /// The images and statements of an index and of the indexes in it.
    fn flatten(
        &self,
        descriptor: Descriptor,
        depth: usize,
        seen: &mut BTreeSet<String>,
        out: &mut Vec<Descriptor>,
    ) -> Result<(), ImageError> {
        if !seen.insert(descriptor.digest.clone()) {
            return Ok(());
        }
        if seen.len() > MAX_MANIFESTS {
            return Err(ImageError::LimitExceeded(format!(
                "an index lists more than {MAX_MANIFESTS} manifests"
            )));
        }
        if MediaKind::of(&descriptor.media_type) != MediaKind::Index {
            out.push(descriptor);
            return Ok(());
        }
        if depth == MAX_INDEX_DEPTH {
            return Err(ImageError::LimitExceeded(format!(
                "indexes lie more than {MAX_INDEX_DEPTH} deep in one another"
            )));
        }
        let ManifestDocument::Index(manifests) = self.manifest(&descriptor)? else {
            return Err(ImageError::Damaged(format!("{} is not an index", descriptor.digest)));
        };
        for inner in manifests {
            self.flatten(inner, depth + 1, seen, out)?;
        }
        Ok(())
    }

    fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, ImageError> {
        let digest = descriptor.blob()?;
        let bytes = self
            .store
            .document(&digest.blob_path(), limit)?
            .ok_or_else(|| ImageError::MissingBlob { blob: digest.to_string() })?;
        if bytes.len() as u64 != descriptor.size {
            return Err(ImageError::SizeMismatch {
                blob: format!("the blob {digest}"),
                found: bytes.len() as u64,
                stated: descriptor.size,
            });
        }
        if !digest.fits(&bytes) {
            return Err(ImageError::DigestMismatch {
                what: "the digest of a document",
                found: digest.of_same_kind(&bytes).to_string().into(),
                stated_by: "its descriptor",
                stated: digest.to_string().into(),
            });
        }
        Ok(bytes)
    }

    /// A manifest, an index or a configuration.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let left = self.left.get().checked_sub(descriptor.size).ok_or_else(|| {
            ImageError::LimitExceeded(format!(
                "the image's documents are longer than {MAX_DOCUMENTS} bytes"
            ))
        })?;
        self.left.set(left);
        self.blob(descriptor, MAX_DOCUMENT)
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<ManifestDocument, ImageError> {
        ManifestDocument::parse(&self.document(descriptor)?, &descriptor.media_type)
    }

    /// `None`: something that is no image, which an index may list freely; the only thing that
    /// is listed has to be one.
    fn candidate(
        &mut self,
        descriptor: &Descriptor,
        only: bool,
    ) -> Result<Option<Candidate>, LoadError> {
        let media = MediaKind::of(&descriptor.media_type);
        if media != MediaKind::Manifest && !descriptor.media_type.is_empty() {
            let what = format!(
                "{} is of type '{}', which is no image",
                descriptor.digest, descriptor.media_type
            );
            if only {
                return Err(ImageError::NotAnImage(what).into());
            }
            self.notes.push(what);
            return Ok(None);
        }
        let ManifestDocument::Manifest(manifest) = self.manifest(descriptor)? else {
            return Err(ImageError::Damaged(format!(
                "{} is an index that is listed as an image",
                descriptor.digest
            ))
            .into());
        };
        let config_type = manifest.config.media_type.as_str();
        if manifest.artifact_type.is_some() || MediaKind::of(config_type) != MediaKind::Config {
            let what = format!(
                "{}: the configuration is of type '{config_type}', which is no image's",
                descriptor.digest
            );
            if only {
                return Err(ImageError::NotAnImage(what).into());
            }
            self.notes.push(what);
            return Ok(None);
        }
        // The configuration is what engines go by; the index only helps to choose.
        let platform =
            match descriptor.platform().filter(|platform| !platform.architecture.is_empty()) {
                Some(index_platform) => index_platform,
                None => ImageConfig::parse(&self.document(&manifest.config)?)?.platform,
            };
        Ok(Some(Candidate { descriptor: descriptor.clone(), platform }))
    }

    /// Statements are additions: one that cannot be read costs a note, not the image.
    fn statements(&mut self, aside: &[Descriptor], image: &Descriptor) -> Vec<Vec<u8>> {
        let mut statements = Vec::new();
        let (mut seen, mut left) = (BTreeSet::new(), MAX_STATEMENT);
        for descriptor in aside {
            let manifest = match self.manifest(descriptor) {
                Ok(ManifestDocument::Manifest(manifest)) => manifest,
                Ok(ManifestDocument::Index(_)) => continue,
                Err(why) => {
                    self.notes.push(why.to_string());
                    continue;
                }
            };
            let subject = descriptor
                .annotation("vnd.docker.reference.digest")
                .or(manifest.subject.as_ref().map(|subject| subject.digest.as_str()));
            if subject != Some(image.digest.as_str()) {
                continue;
            }
            for layer in manifest.layers.iter().filter(|layer| layer.is_provenance()) {
                if !seen.insert(layer.digest.clone()) {
                    continue;
                }
                left = match left.checked_sub(layer.size) {
                    Some(left) => left,
                    None => {
                        let why = format!("the statements are longer than {MAX_STATEMENT} bytes");
                        self.notes.push(why);
                        return statements;
                    }
                };
                match self.blob(layer, MAX_STATEMENT) {
                    Ok(bytes) => statements.push(bytes),
                    Err(why) => self.notes.push(why.to_string()),
                }
            }
        }
        statements
    }

    fn read(&self, candidate: &Candidate) -> Result<ImageParts, LoadError> {
        let ManifestDocument::Manifest(manifest) = self.manifest(&candidate.descriptor)? else {
            return Err(ImageError::Damaged("an index is listed as an image".to_owned()).into());
        };
        let config = ImageConfig::parse(&self.document(&manifest.config)?)?;
        let mut layers = Vec::new();
        for layer in &manifest.layers {
            if MediaKind::of(&layer.media_type) != MediaKind::Layer {
                return Err(ImageError::Unsupported(format!(
                    "the layer {} is of type '{}', which is no layer's",
                    layer.digest, layer.media_type
                ))
                .into());
            }
            let digest = layer.blob()?;
            layers.push((digest.blob_path(), Some(digest), Some(layer.size)));
        }
        let (files, unverified) = self.layers(layers, &config)?;
        Ok(ImageParts {
            digest: Some(candidate.descriptor.blob()?),
            index_platform: candidate.descriptor.platform(),
            config: Some(config),
            files,
            unverified,
        })
    }

    // --- layers ----------------------------------------------------------------------------

    /// Reads the layers, several at a time, and lays them over one another.
    fn layers(
        &self,
        layers: Vec<(String, Option<Digest>, Option<u64>)>,
        config: &ImageConfig,
    ) -> Result<(MergedLayers, usize), LoadError> {
        if layers.len() > MAX_LAYERS {
            let text = format!("the image has more than {MAX_LAYERS} layers");
            return Err(ImageError::LimitExceeded(text).into());
        }
        if layers.len() != config.diff_ids.len() {
            return Err(ImageError::Damaged(format!(
                "the manifest has {} layers, the configuration has {}",
                layers.len(),
                config.diff_ids.len()
            ))
            .into());
        }
        let failed = |index: usize, why: ImageError| {
            let path = layers.get(index).map_or("", |layer| layer.0.as_str());
            let name = path
                .strip_prefix("blobs/")
                .map_or(path.to_owned(), |rest| rest.replacen('/', ":", 1));
            LoadError {
                layer: Some(format!("layer {} of {} ({name})", index + 1, layers.len())),
                ..why.into()
            }
        };
        let (store, interest) = (&self.store, self.interest);
        // A blob that is named several times is read once, and laid as often as it is named.
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, (path, ..)) in layers.iter().enumerate() {
            named.entry(path).or_default().push(index);
        }
        let places =
            |index: usize| layers.get(index).and_then(|(path, ..)| named.get(path.as_str()));
        let is_first = |index: usize| places(index).is_some_and(|it| it.first() == Some(&index));
        let is_last = |index: usize| places(index).is_some_and(|it| it.last() == Some(&index));
        let expected = |index: usize| -> Result<ExpectedBlob, ImageError> {
            let (_, digest, size) =
                layers.get(index).ok_or(ImageError::Internal("there is no such layer"))?;
            let diff_id = config.diff_ids.get(index).cloned();
            Ok(ExpectedBlob { digest: digest.clone(), size: *size, diff_id })
        };
        let read = |index: usize| {
            let path = layers.get(index).map_or("", |(path, ..)| path);
            is_first(index).then(|| store.layer(path, &expected(index)?, interest)).transpose()
        };
        let mut again: BTreeMap<&str, Layer> = BTreeMap::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut files = MergedLayers::new(self.interest.budget.clone());
        let mut unverified = 0;
        let mut lay = |index: usize, layer: Result<Option<Layer>, ImageError>| {
            let path = layers.get(index).map_or("", |(path, ..)| path.as_str());
            let known =
                || again.get(path).cloned().ok_or(ImageError::Internal("the layer was not read"));
            let layer = layer.and_then(|layer| layer.map_or_else(known, Ok));
            let layer = layer.and_then(|layer| verify(&layer, &expected(index)?).map(|()| layer));
            let layer = layer.map_err(|why| failed(index, why))?;
            match is_last(index) {
                true => drop(again.remove(path)),
                false => drop(again.insert(path, layer.clone())),
            }
            unverified += usize::from(layer.diff_id.is_none());
            files.apply(index, layer.changes).map_err(|why| failed(index, why))
        };
        map_ordered_parallel(layers.len(), cores.min(MAX_PARALLEL_LAYERS), read, &mut lay)?;
        Ok((files, unverified))
    }
}
