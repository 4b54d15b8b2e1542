use crate::rootfs::layer::apply::EngineDifference;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "layer-engine-dependent",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "container engines disagree about a path of the image",
    what: "The rule looks for layer contents from which engines build different file trees: files \
           and whiteouts below a link of a lower layer, files below a file of a lower layer, hard \
           links to files of lower layers, a whiteout of the whole tree, and paths that one layer \
           adds or deletes twice, or both adds and deletes.",
    why: "The image that was tested is not the image that runs. For example, below `lib -> \
           usr/lib` one engine writes through the link, and another hides every library, including \
           the loader.",
    fix: "Write to the real path in the layer (`COPY libfoo.so /usr/lib/`, not `/lib/`).",
    no_fix_line: Some("a layer does not say which instruction of which Dockerfile wrote it"),
    symptoms: &[Symptom::Behaviour("works with one container engine, but not with another")],
    references: &["https://github.com/opencontainers/image-spec/blob/main/layer.md"],
    check: CheckFn::Image(check),
};

/// Findings that say more than their number.
const MOST: usize = 20;

fn check(image: &Image) -> Outcome {
    let mut findings: Vec<Finding> = image.ambiguous.iter().take(MOST).map(finding).collect();
    if let (Some(last), Some(rest @ 1..)) =
        (findings.last_mut(), image.ambiguous_in_all.checked_sub(MOST))
    {
        last.evidence.push(format!("and {rest} more paths"));
    }
    Outcome::of(findings, "engines agree about every path of the layers")
}

fn finding(ambiguous: &EngineDifference) -> Finding {
    let path = String::from_utf8_lossy(&ambiguous.path).into_owned();
    let message = format!("{path} {}", ambiguous.pattern.text());
    Finding::new(Location::ImagePath(path), message)
        .evidence(format!("layer {}", ambiguous.layer + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::layer::apply::DifferencePattern;

    #[test]
    fn every_such_path_is_named() {
        let ambiguous = |count| {
            let one = EngineDifference {
                path: b"/lib/x".to_vec(),
                layer: 1,
                pattern: DifferencePattern::WriteThroughLink,
            };
            Image {
                ambiguous: vec![one; count].into(),
                ambiguous_in_all: count,
                ..Image::default()
            }
        };
        assert_eq!(check(&ambiguous(0)).name(), "pass");
        let failed = check(&ambiguous(2));
        assert_eq!((failed.findings().len(), &*failed.findings()[0].evidence[0]), (2, "layer 2"));
        assert_eq!(check(&ambiguous(50)).findings()[19].evidence[1], "and 30 more paths");
    }
}
