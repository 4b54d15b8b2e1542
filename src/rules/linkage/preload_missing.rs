use crate::binary::Binary;
use crate::fix_line::plain_word;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::StartProblem;

pub static RULE: Rule = Rule {
    id: "preload-missing",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image preloads a library that the loader cannot load",
    what: "The loader must find every library that the image's `LD_PRELOAD` or \
           `/etc/ld.so.preload` names, and the library must be for the machine of the binary.",
    why: "glibc prints \"cannot be preloaded: ignored\" at every start; musl prints nothing. The \
           binary runs without the library, for example with the system's allocator instead of \
           jemalloc. A path that contains the architecture is wrong on the other platforms of a \
           multi-platform image.",
    fix: "Install the library, or name it without a path: `ENV LD_PRELOAD=libjemalloc.so.2`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("cannot be preloaded")],
    references: &["ld.so(8)", "https://github.com/getsentry/snuba/issues/5274"],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &StartPrediction) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the binary has no loader, so nothing is preloaded");
    }
    if image.variable("LD_PRELOAD").is_none() && !image.has("/etc/ld.so.preload") {
        return Outcome::not_applicable("the image preloads nothing");
    }
    Outcome::of(plan.problems.iter().filter_map(finding), "the loader loads what is preloaded")
}

fn finding(problem: &StartProblem) -> Option<Finding> {
    let StartProblem::PreloadIgnored { object, from, why } = problem else { return None };
    let location = match *from {
        "LD_PRELOAD" => Location::ImageConfig("Env"),
        file => Location::ImagePath(file.to_owned()),
    };
    let name = object.rsplit('/').next().unwrap_or(object);
    let finding = Finding::new(
        location,
        format!("{from} names {object}, which the loader does not load: {why}"),
    )
    .evidence(format!("{from} names {object}"));
    let fix =
        |name| format!("ENV LD_PRELOAD={name} # without a path; and install the package of {name}");
    Some(finding.fix_if(plain_word(name).map(fix)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn what_is_ignored_fails() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let config =
            ImageConfig { env: vec!["LD_PRELOAD=/gone.so".to_owned()], ..ImageConfig::default() };
        let image = Image::from_tree(InMemoryTree::default(), Some(config));
        let plan = StartPrediction {
            problems: vec![StartProblem::PreloadIgnored {
                object: "/gone.so".to_owned(),
                from: "LD_PRELOAD",
                why: "cannot open shared object file".to_owned(),
            }],
            ..StartPrediction::default()
        };
        assert_eq!(check(&binary, &image, &plan).findings().len(), 1);
        assert_eq!(check(&binary, &image, &StartPrediction::default()).name(), "pass");
        assert_eq!(check(&binary, &Image::default(), &plan).name(), "not-applicable");
    }
}
