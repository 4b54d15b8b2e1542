use crate::rootfs::layer::apply::Ambiguous;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "layer-engine-dependent",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "container engines do not agree on what a path of the image is",
    what: "Looks at what each layer does where engines were seen to come to different trees: \
           files below a link or a file of a lower layer, hard links to lower layers, paths \
           that one layer puts twice, or both puts and hides.",
    why: "The image that was tested is not the image that runs: below `lib -> usr/lib` one \
           engine writes through the link and another hides every library, the loader \
           included.",
    fix: "Let the layer write to the real path (`COPY libfoo.so /usr/lib/` rather than `/lib/`).",
    symptoms: &[Symptom::Behaviour("works with one container engine and not with another")],
    references: &[
        "OCI image specification, layer.md: Applying Changesets",
        "tests/it/image/engines.rs: Docker 26.1.5 with either store, podman 4.3.1, umoci 0.4.7",
    ],
    check: Check::Image(check),
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
    findings.into_iter().collect()
}

fn finding(ambiguous: &Ambiguous) -> Finding {
    let path = String::from_utf8_lossy(&ambiguous.path).into_owned();
    let message = format!("{path} {}", ambiguous.pattern.text());
    Finding::new(Location::ImagePath(path), message)
        .evidence(format!("layer {}", ambiguous.layer + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::layer::apply::Pattern;

    #[test]
    fn every_such_path_is_named() {
        let ambiguous = |count| {
            let one = Ambiguous {
                path: b"/lib/x".to_vec(),
                layer: 1,
                pattern: Pattern::WriteThroughLink,
            };
            Image {
                ambiguous: vec![one; count].into(),
                ambiguous_in_all: count,
                ..Image::default()
            }
        };
        assert_eq!(check(&ambiguous(0)), Outcome::Pass);
        let failed = check(&ambiguous(2));
        assert_eq!((failed.findings().len(), &*failed.findings()[0].evidence[0]), (2, "layer 2"));
        assert_eq!(check(&ambiguous(50)).findings()[19].evidence[1], "and 30 more paths");
    }
}
