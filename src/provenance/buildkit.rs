//! What BuildKit wrote down about an image: base images of both stages, steps, Dockerfile lines.
//!
//! Read leniently, because other programs write it: Statement v0.1 around SLSA v0.2 or, where
//! `version=v1` was asked for, around SLSA v1 (BuildKit 0.25), Statement v1 around SLSA v1 (the
//! default since 0.28), `mode=min` and `mode=max`, with and without subjects. It is unsigned; it is worth as much as the digest of the index that holds it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::provenance::dsse;
use crate::provenance::error::ProvenanceError;
use crate::provenance::slsa::{PROVENANCE_V0_1, PROVENANCE_V0_2, PROVENANCE_V1};
use crate::provenance::statement::Statement;

/// One image's build, as BuildKit tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageBuild {
    /// Which of the two predicates it was.
    pub shape: GraphShape,
    /// Who ran the build; BuildKit leaves it empty outside a hosted builder.
    pub builder: Option<String>,
    /// Digests (`sha256:…` without the prefix) of the images that the statement is about.
    pub subjects: Vec<String>,
    /// Every image that was pulled, in the order of the record.
    pub base_images: Vec<UsedImage>,
    /// Whether it holds the build graph and every argument (`mode=max`).
    pub is_max: bool,
    /// Whether it names an image, and not the one that it lies beside.
    pub about_another: bool,
    /// `--build-arg` values, by name; `mode=min` keeps none of them.
    pub build_args: BTreeMap<String, String>,
    /// Names of `--build-context`: each replaces the image or stage of its name.
    pub contexts: Vec<String>,
    /// The stage that was asked for, if not the last.
    pub target: Option<String>,
    /// The Dockerfile as BuildKit read it (`mode=max`).
    pub dockerfile: Option<SourceDockerfile>,
    /// Copies into the runtime stage (`mode=max`).
    pub copies: Vec<CopiedPath>,
}

/// The predicate's version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GraphShape {
    /// SLSA v0.2 or v0.1, in a Statement v0.1.
    V0_2,
    /// SLSA v1: in a Statement v0.1 by BuildKit 0.25, in a Statement v1 by later ones.
    #[default]
    V1,
}

/// An image that a `FROM` or a `COPY --from` named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedImage {
    /// As the purl has it: `rust:1.95-bookworm`, without the default registry.
    pub reference: String,
    /// Of the manifest or index that was pulled: 64 hex digits.
    pub sha256: Option<String>,
    /// `linux/amd64`.
    pub platform: Option<String>,
    /// What it became; unknown without the build graph of `mode=max`.
    pub role: ImageRole,
    /// Lines of the Dockerfile, from 1.
    pub lines: Vec<u32>,
}

/// What an image became in the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageRole {
    /// The last stage stands on it.
    Runtime,
    /// Another stage stands on it, or files were copied from it.
    Build,
    /// The record has no build graph.
    Unknown,
}

impl ImageRole {
    /// In a sentence: "the … image".
    pub const fn name(self) -> &'static str {
        match self {
            ImageRole::Runtime => "runtime base",
            ImageRole::Build => "build stage's base",
            ImageRole::Unknown => "base",
        }
    }
}

/// The Dockerfile inside the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDockerfile {
    /// Its name in the build context.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One copy into the runtime stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedPath {
    /// Path in the stage that it came from.
    pub source: String,
    /// Path in the image.
    pub target: String,
    /// The base image of the stage that it came from; `None`: from the build context.
    pub from: Option<String>,
    /// The base image of the stage in which the file was made, however many stages it was copied
    /// through since; `None`: unknown.
    pub made_on: Option<String>,
    /// Lines of the Dockerfile, from 1.
    pub lines: Vec<u32>,
}

impl CopiedPath {
    /// Whether it may have put a file at this path of the image.
    pub fn covers(&self, path: &str) -> bool {
        is_below(path, &self.target)
    }
}

/// Whether the path is the place or lies below it.
fn is_below(path: &str, place: &str) -> bool {
    let rest = path.strip_prefix(place.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A graph has at most this many steps (Docker's own limit on layers is 127).
const MAX_STEPS: usize = 20_000;

impl ImageBuild {
    /// Reads one statement of an image's attestation manifest.
    ///
    /// # Errors
    /// What is no statement, or a statement with another predicate (an SBOM).
    pub fn from_statement(bytes: &[u8]) -> Result<ImageBuild, ProvenanceError> {
        let statement = Statement::from_json_leniently(bytes)?;
        let shape = match statement.predicate_type.as_str() {
            PROVENANCE_V1 => GraphShape::V1,
            PROVENANCE_V0_1 | PROVENANCE_V0_2 => GraphShape::V0_2,
            _ => {
                return Err(ProvenanceError::UnknownType {
                    what: "predicate type",
                    found: statement.predicate_type,
                    expected: PROVENANCE_V1,
                });
            }
        };
        let predicate = &statement.predicate;
        let view = match shape {
            GraphShape::V1 => PredicateView::of_v1(predicate),
            GraphShape::V0_2 => PredicateView::of_v0_2(predicate),
        };
        let graph = BuildGraph::read(view.graph, view.source);
        let mut base_images: Vec<UsedImage> =
            array(view.materials).filter_map(base_image_of_material).collect();
        graph.assign_roles(&mut base_images);
        let copies = graph.copies(&base_images);
        let args = view.request["args"].as_object();
        Ok(ImageBuild {
            shape,
            is_max: view.graph.is_array(),
            about_another: false,
            builder: text(view.builder).filter(|id| !id.is_empty()),
            subjects: statement
                .subject
                .iter()
                .filter_map(|subject| subject.sha256().map(str::to_owned))
                .collect(),
            base_images,
            contexts: args
                .into_iter()
                .flatten()
                .filter_map(|(key, _)| Some(key.strip_prefix("context:")?.to_owned()))
                .collect(),
            build_args: args
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| {
                    Some((key.strip_prefix("build-arg:")?.to_owned(), text(value)?))
                })
                .collect(),
            target: text(&view.request["args"]["target"]),
            dockerfile: dockerfile(view.source),
            copies,
        })
    }

    /// The images that became this.
    pub fn with_role(&self, role: ImageRole) -> impl Iterator<Item = &UsedImage> {
        self.base_images.iter().filter(move |image| image.role == role)
    }
}

/// The same five things, wherever the version keeps them.
struct PredicateView<'a> {
    builder: &'a Value,
    materials: &'a Value,
    request: &'a Value,
    graph: &'a Value,
    source: &'a Value,
}

impl<'a> PredicateView<'a> {
    fn of_v0_2(predicate: &'a Value) -> PredicateView<'a> {
        const METADATA: &str = "https://mobyproject.org/buildkit@v1#metadata";
        PredicateView {
            builder: &predicate["builder"]["id"],
            materials: &predicate["materials"],
            request: &predicate["invocation"]["parameters"],
            graph: &predicate["buildConfig"]["llbDefinition"],
            source: &predicate["metadata"][METADATA]["source"],
        }
    }

    fn of_v1(predicate: &'a Value) -> PredicateView<'a> {
        let definition = &predicate["buildDefinition"];
        PredicateView {
            builder: &predicate["runDetails"]["builder"]["id"],
            materials: &definition["resolvedDependencies"],
            request: &definition["externalParameters"]["request"],
            graph: &definition["internalParameters"]["buildConfig"]["llbDefinition"],
            source: &predicate["runDetails"]["metadata"]["buildkit_metadata"]["source"],
        }
    }
}

/// `pkg:docker/NAME@TAG?platform=linux%2Famd64`, as BuildKit writes the images that it pulled.
fn base_image_of_material(material: &Value) -> Option<UsedImage> {
    let uri = material["uri"].as_str()?.strip_prefix("pkg:docker/")?;
    let (path, qualifiers) = uri.split_once('?').unwrap_or((uri, ""));
    let qualifier = |key: &str| {
        let found = qualifiers.split('&').find_map(|pair| pair.strip_prefix(key));
        found.and_then(|value| value.strip_prefix('=')).map(percent_decoded)
    };
    let (name, tag) = path.split_once('@').unwrap_or((path, ""));
    let name = percent_decoded(name);
    let tag = percent_decoded(tag);
    let separator = if tag.is_empty() { "" } else { ":" };
    let digest = text(&material["digest"]["sha256"])
        .or_else(|| qualifier("digest")?.strip_prefix("sha256:").map(str::to_owned));
    Some(UsedImage {
        reference: format!("{name}{separator}{tag}"),
        sha256: digest,
        platform: qualifier("platform"),
        role: ImageRole::Unknown,
        lines: Vec::new(),
    })
}

/// The build graph: steps by id, and the step that the image is made of.
struct BuildGraph<'a> {
    steps: BTreeMap<&'a str, &'a Value>,
    last: Option<&'a str>,
    locations: &'a Value,
}

impl<'a> BuildGraph<'a> {
    fn read(definition: &'a Value, source: &'a Value) -> BuildGraph<'a> {
        let listed = || array(definition).take(MAX_STEPS).filter_map(|step| step["id"].as_str());
        BuildGraph {
            last: listed().last(),
            steps: listed().zip(array(definition)).collect(),
            locations: &source["locations"],
        }
    }

    fn step(&self, id: &str) -> &'a Value {
        self.steps.get(id).copied().unwrap_or(&Value::Null)
    }

    /// The id of the step behind a step's input of this number.
    fn input(&self, step: &'a Value, number: i64) -> Option<&'a str> {
        let number = usize::try_from(number).ok()?;
        let reference = step["inputs"].get(number)?.as_str()?;
        Some(reference.rsplit_once(':').map_or(reference, |(id, _)| id))
    }

    /// The step whose root filesystem this one goes on from: the mount at `/` of a command, the
    /// tree that files are copied into, the lowest layer of a merge.
    fn below(&self, step: &'a Value) -> Option<&'a str> {
        let op = &step["op"]["Op"];
        let number = if op["exec"].is_object() {
            let root = array(&op["exec"]["mounts"]).find(|mount| mount["dest"] == "/")?;
            root["input"].as_i64().unwrap_or(0)
        } else if op["file"].is_object() {
            file_base(&op["file"]["actions"], array(&step["inputs"]).count())?
        } else if op["merge"].is_object() {
            op["merge"]["inputs"][0]["input"].as_i64().unwrap_or(0)
        } else if op["source"].is_object() {
            return None;
        } else {
            0
        };
        self.input(step, number)
    }

    /// The steps of one stage, from the given one down to the image it stands on.
    fn stage(&self, from: &'a str) -> Vec<(&'a str, &'a Value)> {
        let mut steps: Vec<(&str, &Value)> = Vec::new();
        let mut next = Some(from);
        while let Some(id) = next {
            // A graph with a ring in it is a damaged record.
            if steps.len() > self.steps.len() {
                break;
            }
            let step = self.step(id);
            steps.push((id, step));
            next = self.below(step);
        }
        steps
    }

    /// The digest and the name in `docker-image://NAME@sha256:…`.
    fn image_of(step: &'a Value) -> Option<(&'a str, Option<&'a str>)> {
        let identifier = step["op"]["Op"]["source"]["identifier"].as_str()?;
        let name = identifier.strip_prefix("docker-image://")?;
        Some(match name.split_once("@sha256:") {
            Some((name, digest)) => (name, Some(digest)),
            None => (name, None),
        })
    }

    fn lines(&self, id: &str) -> Vec<u32> {
        let mut lines: Vec<u32> = array(&self.locations[id]["locations"])
            .flat_map(|location| array(&location["ranges"]))
            .filter_map(|range| u32::try_from(range["start"]["line"].as_u64()?).ok())
            .collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    fn assign_roles(&self, images: &mut [UsedImage]) {
        let Some(last) = self.last else { return };
        let runtime = self.stage(last).last().map(|(id, _)| *id);
        for (&id, &step) in &self.steps {
            let Some((name, digest)) = BuildGraph::image_of(step) else { continue };
            let role = if Some(id) == runtime { ImageRole::Runtime } else { ImageRole::Build };
            let Some(image) = images.iter_mut().find(|image| is_it(image, name, digest)) else {
                continue;
            };
            // One image may carry both stages; what runs is what counts.
            if image.role == ImageRole::Unknown || role == ImageRole::Runtime {
                image.role = role;
            }
            image.lines.extend(self.lines(id));
            image.lines.sort_unstable();
            image.lines.dedup();
        }
    }

    fn copies(&self, images: &[UsedImage]) -> Vec<CopiedPath> {
        let Some(last) = self.last else { return Vec::new() };
        let mut copies = Vec::new();
        for copy in self.copies_into(last) {
            let stands_on = |id| Some(self.stage(id).last()?.1);
            let base = copy.from.and_then(stands_on).and_then(|base| self.named(base, images));
            let made_on = copy.from.and_then(|from| self.made_on(from, copy.source, MAX_STAGES));
            copies.push(CopiedPath {
                source: copy.source.to_owned(),
                target: copy.target.to_owned(),
                from: base,
                made_on: made_on.and_then(|base| self.named(base, images)),
                lines: self.lines(copy.step),
            });
        }
        copies.reverse();
        copies
    }

    /// The copies into the stage that ends with this step, the last one first.
    fn copies_into(&self, end: &'a str) -> Vec<Copy<'a>> {
        let mut copies = Vec::new();
        for (id, step) in self.stage(end) {
            // `COPY --link` makes a layer of its own that is merged with those below.
            let merged = array(&step["op"]["Op"]["merge"]["inputs"]).skip(1);
            let merged =
                merged.filter_map(|it| self.input(step, it["input"].as_i64().unwrap_or(0)));
            let layers: Vec<(&str, &Value)> =
                merged.flat_map(|id| self.stage(id)).chain([(id, step)]).collect();
            for (id, step) in layers {
                let actions = array(&step["op"]["Op"]["file"]["actions"]);
                for action in actions.collect::<Vec<_>>().into_iter().rev() {
                    let copy = &action["Action"]["copy"];
                    if let (Some(source), Some(target)) =
                        (copy["src"].as_str(), copy["dest"].as_str())
                    {
                        let number = action["secondaryInput"].as_i64().unwrap_or(-1);
                        copies.push(Copy {
                            step: id,
                            source,
                            target,
                            from: self.input(step, number),
                        });
                    }
                }
            }
        }
        copies
    }

    /// The image of the stage in which the file at this path was made. `None` where it came from
    /// the build context, or where a command could have brought it from anywhere.
    fn made_on(&self, end: &'a str, path: &str, left: usize) -> Option<&'a Value> {
        let left = left.checked_sub(1)?;
        for copy in self.copies_into(end) {
            if is_below(path, copy.target) {
                let inside =
                    path[copy.target.trim_end_matches('/').len()..].trim_start_matches('/');
                let source = copy.source.trim_end_matches('/');
                // Of a directory that is copied on as a whole this may be one file of many.
                let is_whole = inside.is_empty() && copy.target.ends_with('/');
                if is_whole || source.contains(['*', '?', '[']) {
                    return None;
                }
                // A file keeps its name below a directory; what it is called there is unknown.
                let is_same = inside.is_empty() || source.rsplit('/').next() == Some(inside);
                let below = format!("{source}/{inside}");
                return self.made_on(copy.from?, if is_same { source } else { &below }, left);
            }
            // One file of a directory that is copied on.
            if is_below(copy.target, path) {
                return None;
            }
        }
        let stage = self.stage(end);
        let brings = |step: &Value| {
            let mounts = &step["op"]["Op"]["exec"]["mounts"];
            array(mounts).any(|mount| {
                let is_bind = mount["mountType"].as_i64().unwrap_or(0) == 0;
                mount["dest"] != "/" && is_bind && mount["input"].as_i64().unwrap_or(0) >= 0
            })
        };
        let made_here = !stage.iter().any(|(_, step)| brings(step));
        stage.last().map(|(_, base)| *base).filter(|_| made_here)
    }

    /// The name under which the graph's image is among the materials.
    fn named(&self, step: &'a Value, images: &[UsedImage]) -> Option<String> {
        let (name, digest) = BuildGraph::image_of(step)?;
        let known = images.iter().find(|image| is_it(image, name, digest));
        Some(known.map_or_else(|| name.to_owned(), |image| image.reference.clone()))
    }
}

/// One copy as the graph has it.
struct Copy<'a> {
    step: &'a str,
    source: &'a str,
    target: &'a str,
    /// The last step of the stage that it came from, or the build context.
    from: Option<&'a str>,
}

/// A file is followed through at most so many stages.
const MAX_STAGES: usize = 64;

/// Whether the graph's image is the material: by digest, or by name where there is none.
fn is_it(image: &UsedImage, name: &str, digest: Option<&str>) -> bool {
    match (digest, image.sha256.as_deref()) {
        (Some(digest), Some(known)) => digest == known,
        _ => name.ends_with(&image.reference),
    }
}

/// The input that a chain of file actions starts from. An action's input below the number of the
/// step's inputs is one of these; above, it is the output of an earlier action.
fn file_base(actions: &Value, inputs: usize) -> Option<i64> {
    let actions = actions.as_array()?;
    let inputs = i64::try_from(inputs).ok()?;
    let last = actions.iter().rposition(|action| action["output"].as_i64().unwrap_or(0) == 0)?;
    let mut at = last;
    for _ in 0..=actions.len() {
        let input = actions.get(at)?["input"].as_i64().unwrap_or(0);
        if input < inputs {
            return Some(input);
        }
        at = usize::try_from(input - inputs).ok()?;
    }
    None
}

fn dockerfile(source: &Value) -> Option<SourceDockerfile> {
    let info = array(&source["infos"]).find(|info| info["data"].is_string())?;
    let bytes = dsse::decode(info["data"].as_str()?)?;
    Some(SourceDockerfile {
        name: text(&info["filename"]).unwrap_or_else(|| "Dockerfile".to_owned()),
        text: String::from_utf8(bytes).ok()?,
    })
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = || u8::from_str_radix(std::str::from_utf8(after.get(..2)?).ok()?, 16).ok();
        match (byte, (byte == b'%').then(escaped).flatten()) {
            (_, Some(decoded)) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            (byte, None) => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod kept_statements;
#[cfg(test)]
mod tests;
