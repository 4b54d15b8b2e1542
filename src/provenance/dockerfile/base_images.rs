//! The images that a Dockerfile pulls, as far as BuildKit's provenance can be compared with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::provenance::dockerfile::instructions::{RawInstruction, instructions};
use crate::provenance::reference_claims::normalize_reference;

/// One `FROM` that pulls an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFrom {
    /// Line from 1.
    pub line: u32,
    /// The image as written, variables replaced where they are known.
    pub image: String,
    /// The image as written.
    pub written: String,
    /// Whether the last stage, or the one that was asked for, stands on it.
    pub last: bool,
    /// Whether the stage is needed for that one: BuildKit pulls nothing for any other.
    pub needed: bool,
    /// Whether something that is not known here decides which image it is, or whether it is one.
    pub open: bool,
}

impl RecordedFrom {
    /// Whether it names this image, registries and a tag beside a digest aside.
    pub fn is(&self, reference: &str) -> bool {
        let (name, tag, pinned) = normalize_reference(&self.image);
        let (known, known_tag, _) = normalize_reference(reference);
        known == name && (pinned.is_some() || known_tag == tag)
    }

    /// Whether other arguments of the build could make it this image.
    pub fn can_be(&self, reference: &str) -> bool {
        let (written, tag, _) = normalize_reference(&self.written);
        let is_open = |part: &str| part.contains('$');
        is_open(&written)
            || (written == normalize_reference(reference).0 && tag.as_deref().is_some_and(is_open))
    }
}

/// The inputs of a build beside its Dockerfile.
#[derive(Debug, Clone, Copy)]
pub struct BuildInputs<'a> {
    /// The values of `--build-arg`.
    pub arguments: &'a BTreeMap<String, String>,
    /// The names of `--build-context`: each replaces the image of its name.
    pub contexts: &'a [String],
    /// `--target`.
    pub target: Option<&'a str>,
}

/// Platforms are known to the builder alone.
const PLATFORMS: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

/// One stage: its name, its own `FROM` in the list if it pulls an image, and what it is made from.
#[derive(Debug, Default)]
struct FromStage {
    name: String,
    pulls: Option<usize>,
    /// The stage that it stands on.
    below: Option<usize>,
    /// Every stage that it needs.
    from: BTreeSet<usize>,
    /// Which stage or image it stands on is not known.
    open: bool,
}

/// The stages that pull an image, in order.
pub fn from_lines(text: &str, inputs: BuildInputs<'_>) -> Vec<RecordedFrom> {
    let mut variables: BTreeMap<String, Option<String>> = BTreeMap::new();
    variables.extend(PLATFORMS.map(|name| (name.to_owned(), None)));
    let mut stages: Vec<FromStage> = Vec::new();
    let mut pulled: Vec<RecordedFrom> = Vec::new();
    for RawInstruction { line, name, words } in instructions(text) {
        match (name.as_str(), stages.last_mut()) {
            ("ARG", None) => {
                for word in &words {
                    let (name, default) = word.split_once('=').unwrap_or((word, ""));
                    let default = substituted(default, &variables);
                    let given = inputs.arguments.get(name).cloned();
                    // A declaration alone leaves what is known of a platform as it is.
                    if given.is_some() || !variables.contains_key(name) || word.contains('=') {
                        variables.insert(name.to_owned(), given.or(default));
                    }
                }
            }
            ("FROM", _) => {
                let mut words = words.iter().skip_while(|word| word.starts_with("--"));
                let Some(written) = words.next() else { continue };
                let image = substituted(written, &variables);
                let is_named = words.next().is_some_and(|word| word.eq_ignore_ascii_case("AS"));
                let name = words.next().filter(|_| is_named);
                let name = name.map(|name| name.to_lowercase()).unwrap_or_default();
                let mut stage = FromStage { name, ..FromStage::default() };
                let image = match image {
                    Some(image) => image,
                    None => {
                        stage.open = true;
                        written.clone()
                    }
                };
                if inputs.contexts.iter().any(|context| *context == image || *context == stage.name)
                {
                    stage.open = true;
                }
                match stage_of(&image, &stages) {
                    Some(earlier) if !stage.open => {
                        stage.below = Some(earlier);
                        stage.from.insert(earlier);
                    }
                    _ if image == "scratch" => {}
                    _ => {
                        let (written, open) = (written.clone(), stage.open);
                        pulled.push(RecordedFrom {
                            line,
                            image,
                            written,
                            last: false,
                            needed: false,
                            open,
                        });
                        stage.pulls = Some(pulled.len() - 1);
                    }
                }
                stages.push(stage);
            }
            (_, Some(_)) => {
                let used: Vec<usize> =
                    taken_from(&words).filter_map(|name| stage_of(name, &stages)).collect();
                let last = stages.len() - 1;
                stages[last].from.extend(used.into_iter().filter(|used| *used < last));
            }
            _ => {}
        }
    }
    mark(&mut pulled, &stages, inputs.target);
    pulled
}

/// Which images are pulled, and which one the image stands on.
fn mark(pulled: &mut [RecordedFrom], stages: &[FromStage], target: Option<&str>) {
    let wanted = match target {
        Some(target) => stage_of(target, stages),
        None => stages.len().checked_sub(1),
    };
    let Some(wanted) = wanted else { return };
    let mut at = wanted;
    // A stage stands on an earlier one.
    while let Some(below) = stages[at].below {
        at = below;
    }
    if let Some(index) = stages[at].pulls {
        pulled[index].last = true;
    }
    let mut needed = BTreeSet::new();
    let mut next = vec![wanted];
    while let Some(at) = next.pop() {
        if needed.insert(at) {
            next.extend(&stages[at].from);
        }
    }
    for at in needed {
        if let Some(index) = stages[at].pulls {
            pulled[index].needed = true;
        }
    }
}

/// The stage of this name or number; of equal names the later one.
fn stage_of(name: &str, stages: &[FromStage]) -> Option<usize> {
    let lower = name.to_lowercase();
    let named = stages.iter().rposition(|stage| !lower.is_empty() && stage.name == lower);
    named.or_else(|| name.parse().ok().filter(|number| *number < stages.len()))
}

/// The stages and images that an instruction takes files from: `--from=build`,
/// `--mount=type=bind,from=build`.
fn taken_from(words: &[String]) -> impl Iterator<Item = &str> {
    let options = words.iter().take_while(|word| word.starts_with("--"));
    options.filter_map(|option| {
        option.strip_prefix("--from=").or_else(|| {
            let mount = option.strip_prefix("--mount=")?;
            mount.split(',').find_map(|part| part.strip_prefix("from="))
        })
    })
}

/// `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}` and both without the colon; `None`
/// where that depends on what is not known.
fn substituted(word: &str, variables: &BTreeMap<String, Option<String>>) -> Option<String> {
    let mut result = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let braced = after.strip_prefix('{').and_then(|it| it.split_once('}'));
        let (inside, tail) = braced
            .unwrap_or_else(|| after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())));
        let (name, operator) =
            inside.split_at(inside.find(|c| !is_name(c)).unwrap_or(inside.len()));
        let value = match variables.get(name) {
            Some(None) => return None,
            Some(Some(value)) => Some(value.as_str()),
            None => None,
        };
        let filled = value.filter(|value| !value.is_empty());
        result.push_str(match operator {
            "" => value.unwrap_or_default(),
            _ if operator.starts_with(":-") => filled.unwrap_or(&operator[2..]),
            _ if operator.starts_with(":+") => filled.map_or("", |_| &operator[2..]),
            _ if operator.starts_with('-') => value.unwrap_or(&operator[1..]),
            _ if operator.starts_with('+') => value.map_or("", |_| &operator[1..]),
            _ => return None,
        });
        rest = tail;
    }
    Some(result + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(arguments: &BTreeMap<String, String>) -> BuildInputs<'_> {
        BuildInputs { arguments, contexts: &[], target: None }
    }

    fn all(text: &str) -> Vec<RecordedFrom> {
        from_lines(text, inputs(&BTreeMap::new()))
    }

    fn of(text: &str) -> Vec<(u32, String, bool)> {
        all(text).into_iter().map(|from| (from.line, from.image, from.last)).collect()
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
        assert_eq!(of("FROM a AS b\nFROM b AS c\nFROM c\n"), [(1, "a".to_owned(), true)]);
        assert_eq!(of("FROM a AS b\nFROM scratch\n"), [(1, "a".to_owned(), false)]);
        assert_eq!(of("FROM ${X:-alpine}:$Y\n"), [(1, "alpine:".to_owned(), true)]);
        assert_eq!(of("ARG A=1\nARG B=x:$A C='y'\nFROM $B-${C:+z}\n")[0].1, "x:1-z");
        assert!(!of("FROM a AS b\nFROM scratch\nCOPY --from=b /x /x\n")[0].2);
    }

    #[test]
    fn arguments_and_targets_are_obeyed() {
        let arguments = BTreeMap::from([("V".to_owned(), "2".to_owned())]);
        let inputs = BuildInputs { target: Some("X"), ..inputs(&arguments) };
        let all = from_lines("ARG V=1\nFROM a:$V AS x\nFROM b\n", inputs);
        assert_eq!((all[0].image.as_str(), all[0].last, all[1].last), ("a:2", true, false));
        assert!(all[0].needed && !all[1].needed);
    }

    #[test]
    fn only_what_the_image_is_made_from_is_needed() {
        let text = "FROM a AS x\nFROM b AS y\nCOPY --from=x /a /a\nFROM c AS unused\nFROM d AS m\n\
                    FROM e AS n\nFROM f\nCOPY --from=Y /a /a\nRUN --mount=type=bind,from=m,target=/m true\n\
                    COPY --from=4 /n /n\nCOPY --from=other/image:1 /o /o\n";
        let needed: Vec<bool> = all(text).into_iter().map(|from| from.needed).collect();
        assert_eq!(needed, [true, true, false, true, true, true]);
    }

    #[test]
    fn what_only_the_builder_knows_is_open() {
        let text = "FROM a AS base-amd64\nFROM b AS base-arm64\nFROM base-${TARGETARCH}\n";
        let all = all(text);
        assert!(all[2].open && all[2].needed && !all[0].open && !all[0].needed);
        let text = "ARG TARGETARCH\nARG FULL=x-$TARGETARCH\nFROM $FULL\n";
        assert!(super::tests::all(text)[0].open);
        let arguments = BTreeMap::from([("TARGETARCH".to_owned(), "arm64".to_owned())]);
        assert_eq!(from_lines(text, inputs(&arguments))[0].image, "x-arm64");
        assert!(super::tests::all("ARG V=1.2\nFROM a:${V#1.}\n")[0].open);
        let contexts = ["rust:1".to_owned()];
        let inputs = BuildInputs { contexts: &contexts, ..inputs(&arguments) };
        let all = from_lines("FROM rust:1 AS b\nFROM rust:2\n", inputs);
        assert!(all[0].open && !all[1].open);
    }
}
