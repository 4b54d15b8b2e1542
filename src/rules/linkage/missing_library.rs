use crate::binary::Binary;
use crate::fix_line::plain_word;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, same_release,
};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::StartProblem;
use crate::start::packages::{OF_TIME64, OPENSSL_1, PACKAGES, TIME64};

pub static RULE: Rule = Rule {
    id: "missing-library",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a shared library that the binary needs is not in the image",
    what: "The image's own loader must find every library that the binary needs, directly or \
           through another library (`DT_NEEDED`). The rule follows the loader's order: `DT_RPATH` \
           and `DT_RUNPATH`, the image's `LD_LIBRARY_PATH`, the loader's cache, and its default \
           directories. A file that exists but cannot be read or loaded counts as missing. \
           `wrong-class-library` covers files for another machine, and `dynamic-std` covers Rust's \
           standard library.",
    why: "The loader stops before `main`: \"error while loading shared libraries\", exit code 127.",
    fix: "Install the package of the library in the runtime stage, use a base image that has it, \
           or link the library statically (a `vendored` or `bundled` feature of the -sys crate).",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("error while loading shared libraries"),
        Symptom::Stderr("Error loading shared library"),
        Symptom::ExitCode(127),
    ],
    references: &["ld.so(8)", "ldconfig(8)"],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &StartPrediction) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the binary loads no library");
    }
    let findings = plan.problems.iter().filter_map(|problem| finding(problem, image, plan));
    Outcome::of(findings, format!("the loader finds all {} libraries", plan.libraries.len()))
}

fn finding(problem: &StartProblem, image: &Image, plan: &StartPrediction) -> Option<Finding> {
    let (name, at, message, fix) = match problem {
        StartProblem::LibraryMissing { name, needed_by, refused: Some(path), .. } => {
            let directory = plain_word(path.rsplit_once('/').unwrap_or_default().0);
            let fix = directory.map(|it| format!("RUN chmod -R a+rX {it}")).into_iter().collect();
            let message = format!("the image's user cannot read {path}, which {needed_by} needs");
            (name, Location::ImagePath(path.clone()), message, fix)
        }
        // Files of the wrong machine and std's own library have rules of their own.
        StartProblem::LibraryMissing { name, needed_by, passed_over, .. }
            if passed_over.is_empty() && !name.starts_with("libstd-") =>
        {
            let message = format!("{name}, which {needed_by} needs, is not in the image");
            (name, Location::Dynamic("DT_NEEDED"), message, fix(name, needed_by, image))
        }
        StartProblem::LibraryBroken { path, needed_by, why } => {
            let message = format!("{path}, which {needed_by} needs, cannot be loaded: {why}");
            (path, Location::ImagePath(path.clone()), message, fix(path, needed_by, image))
        }
        _ => return None,
    };
    let said = plan.errors.iter().find(|line| line.contains(name.as_str()));
    let said = said.map_or("the loader stops at an earlier library", String::as_str);
    Some(Finding::new(at, message).evidence(said).fix_lines(fix))
}

const LOOK: &str = "`dpkg -S`, `apk info --who-owns` or `rpm -qf`";

fn fix(name: &str, needed_by: &str, image: &Image) -> Vec<String> {
    let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let stem = |name: &str| file(name).split(".so").next().unwrap_or_default().to_owned();
    let known = |name: &str| PACKAGES.iter().find(|(known, ..)| *known == stem(name));
    let base = file(name);
    let release = image.release.clone().unwrap_or_default();
    let codename = release.codename.as_str();
    let like = |id: &str| release.id == id || release.id_like.iter().any(|it| it == id);
    let is_old = base.ends_with(".so.1.1") || OPENSSL_1.contains(&codename);
    if is_old && matches!(stem(name).as_str(), "libssl" | "libcrypto") {
        return vec![same_release(image)];
    }
    // The package of the library that needs it brings it along.
    let Some((of, debian, alpine, fedora)) = known(name).or_else(|| known(needed_by)) else {
        let find =
            |it| format!("in the build stage find the package of {it} ({LOOK}); install it here");
        return plain_word(&base).map(find).into_iter().collect();
    };
    let suffix = if TIME64.contains(&codename) && OF_TIME64.contains(debian) { "t64" } else { "" };
    let install = format!("apt-get install -y --no-install-recommends {debian}{suffix}");
    if like("alpine") {
        vec![format!("RUN apk add --no-cache {alpine}")]
    } else if like("fedora") || like("rhel") {
        vec![format!("RUN microdnf install -y {fedora}")]
    } else if image.has("/usr/bin/apt-get") {
        vec![format!("RUN apt-get update && {install} && rm -rf /var/lib/apt/lists/*")]
    } else if *of == "libgcc_s" {
        vec![
            "use a base image with libgcc_s: of distroless `cc`, not `base` or `static`".to_owned(),
        ]
    } else {
        let codename = plain_word(codename).filter(|it| !it.is_empty()).unwrap_or("bookworm");
        vec![format!("FROM debian:{codename}-slim"), format!("RUN apt-get update && {install}")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_library_its_user_and_the_line() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |name: &str| StartProblem::LibraryMissing {
            name: name.to_owned(),
            needed_by: "/app".to_owned(),
            passed_over: Vec::new(),
            refused: None,
        };
        let plan = StartPrediction {
            problems: vec![
                missing("libgcc_s.so.1"),
                missing("libodd.so.7"),
                missing("libstd-0123456789abcdef.so"),
            ],
            errors: vec![
                "/app: error while loading shared libraries: libgcc_s.so.1: cannot open".to_owned(),
            ],
            ..StartPrediction::default()
        };
        let outcome = check(&binary, &Image::default(), &plan);
        assert_eq!(outcome.findings().len(), 2);
        assert!(outcome.findings()[0].evidence[0].starts_with("/app: error"));
        assert!(outcome.findings()[0].fix.as_deref().unwrap().contains("distroless"));
        assert_eq!(check(&binary, &Image::default(), &StartPrediction::default()).name(), "pass");
        assert_eq!(check(&Binary::default(), &Image::default(), &plan).name(), "not-applicable");
    }
}
