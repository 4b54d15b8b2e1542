use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;
use crate::start::loader::LoadPlan;
use crate::start::loader::Problem;

pub static RULE: Rule = Rule {
    id: "glibc-too-new",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the image's glibc is older than the one the program was linked against",
    what: "Each `GLIBC_` version that the program and its libraries require of glibc without the \
           WEAK flag has to be defined by the glibc in the image.",
    why: "The loader prints one line for each version and exits: \"version `GLIBC_2.39' not \
           found\". It happens when the build stage is of a newer release than the runtime image, \
           which a floating tag such as `rust:1` brings about without any change of yours.",
    fix: "Name the same release on both stages, or build against an old glibc: `cargo zigbuild \
           --target x86_64-unknown-linux-gnu.2.17`, or without one: a musl target.",
    symptoms: &[Symptom::Stderr("version `GLIBC_"), Symptom::ExitCode(1)],
    references: &["glibc elf/dl-version.c", "https://github.com/rust-lang/docker-rust/issues/105"],
    check: Check::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &LoadPlan) -> Outcome {
    let Some(libc) = plan.libc.as_ref().and_then(|it| Some((it, it.version.clone()?))) else {
        return Outcome::not_applicable("the program does not load a glibc of the image");
    };
    let (libc, has) = (libc.0, libc.1);
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for problem in &plan.problems {
        if let Problem::VersionMissing { version, needed_by, .. } = problem
            && let Some(version) = version.strip_prefix("GLIBC_")
        {
            wanted.push((version, needed_by));
        }
    }
    let Some(&(highest, needed_by)) = wanted.iter().max_by_key(|(version, _)| numbers(version))
    else {
        return Outcome::Pass;
    };
    let message = if numbers(highest).is_empty() {
        format!("{needed_by} needs GLIBC_{highest}, which glibc {has} does not know")
    } else {
        format!("{needed_by} needs glibc {highest}, and the image has {has}")
    };
    let mut finding = Finding::new(Location::ImagePath(libc.path.clone()), message);
    for line in plan.errors.iter().filter(|line| line.contains("GLIBC_")) {
        finding = finding.evidence(line.clone());
    }
    finding.fix(fix(binary, image, &has)).into()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|number| number.parse().ok()).collect()
}

fn fix(binary: &Binary, image: &Image, has: &str) -> String {
    let codename = image.release.as_ref().map(|it| it.codename.as_str()).unwrap_or_default();
    let arch = binary.machine.as_ref().map_or("x86_64", |machine| machine.arch);
    let zig = format!("cargo zigbuild --release --target {arch}-unknown-linux-gnu.{has}");
    let debian = image.release.as_ref().is_some_and(|release| release.id == "debian");
    if debian && !codename.is_empty() {
        format!("FROM rust:{codename} AS build, so that both stages are {codename}; or {zig}")
    } else {
        zig
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::loader::LibcInImage;

    #[test]
    fn the_highest_of_the_missing_versions_is_named() {
        let missing = |version: &str| Problem::VersionMissing {
            path: "/lib/libc.so.6".to_owned(),
            version: version.to_owned(),
            needed_by: "/app".to_owned(),
        };
        let libc = |version: Option<&str>| {
            Some(LibcInImage {
                path: "/lib/libc.so.6".to_owned(),
                version: version.map(str::to_owned),
            })
        };
        let plan = LoadPlan {
            problems: vec![missing("GLIBC_2.9"), missing("GLIBC_2.39"), missing("OPENSSL_3.2.0")],
            libc: libc(Some("2.36")),
            ..LoadPlan::default()
        };
        let (binary, image) = (Binary::default(), Image::default());
        let outcome = check(&binary, &image, &plan);
        assert_eq!(outcome.findings()[0].message, "/app needs glibc 2.39, and the image has 2.36");
        let fine = LoadPlan { libc: libc(Some("2.41")), ..LoadPlan::default() };
        assert_eq!(check(&binary, &image, &fine), Outcome::Pass);
        let musl = LoadPlan { libc: libc(None), ..LoadPlan::default() };
        assert_eq!(check(&binary, &image, &musl).name(), "not-applicable");
    }
}
