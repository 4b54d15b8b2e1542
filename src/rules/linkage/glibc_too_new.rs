use crate::binary::Binary;
use crate::fix_line::plain_word;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::StartProblem;

pub static RULE: Rule = Rule {
    id: "glibc-too-new",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary needs a newer glibc than the image has",
    what: "The glibc of the image must define every `GLIBC_` version that the binary and its \
           libraries require without the WEAK flag.",
    why: "The loader prints one line for each version and exits: \"version `GLIBC_2.39' not \
           found\". This happens if the build stage uses a newer release than the runtime image. A \
           tag such as `rust:1` moves to a newer release without any change of yours.",
    fix: "Use the same release in both stages, or build against an old glibc: `cargo zigbuild \
           --target x86_64-unknown-linux-gnu.2.17`, or without glibc: a musl target.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("version `GLIBC_"), Symptom::ExitCode(1)],
    references: &["ld.so(8)", "https://github.com/rust-lang/docker-rust/issues/105"],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &StartPrediction) -> Outcome {
    let Some(libc) = plan.libc.as_ref().and_then(|it| Some((it, it.version.clone()?))) else {
        return Outcome::not_applicable("the binary does not load a glibc of the image");
    };
    let (libc, has) = (libc.0, libc.1);
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for problem in &plan.problems {
        if let StartProblem::VersionMissing { version, needed_by, .. } = problem
            && let Some(version) = version.strip_prefix("GLIBC_")
        {
            wanted.push((version, needed_by));
        }
    }
    let Some(&(highest, needed_by)) = wanted.iter().max_by_key(|(version, _)| numbers(version))
    else {
        return Outcome::pass(format!(
            "{} defines every GLIBC_ version that is required",
            libc.path
        ));
    };
    let message = if numbers(highest).is_empty() {
        format!("{needed_by} needs GLIBC_{highest}, which the image's glibc does not define")
    } else {
        format!(
            "{needed_by} needs GLIBC_{highest}, but the image's glibc defines versions up to GLIBC_{has}"
        )
    };
    let mut finding = Finding::new(Location::ImagePath(libc.path.clone()), message);
    for line in plan.errors.iter().filter(|line| line.contains("GLIBC_")) {
        finding = finding.evidence(line.clone());
    }
    finding.fix_if(fix(binary, image, &has)).into()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|number| number.parse().ok()).collect()
}

fn fix(binary: &Binary, image: &Image, has: &str) -> Option<String> {
    let codename = image.release.as_ref().map(|it| it.codename.as_str()).unwrap_or_default();
    let arch = binary.machine.as_ref().map_or("x86_64", |machine| machine.arch);
    let zig =
        format!("cargo zigbuild --release --target {arch}-unknown-linux-gnu.{}", plain_word(has)?);
    if binary.rust.value == Some(false) {
        return Some(format!("build it against a glibc of version {has} or older"));
    }
    let debian = image.release.as_ref().is_some_and(|release| release.id == "debian");
    Some(if let (true, Some(codename)) = (debian && !codename.is_empty(), plain_word(codename)) {
        format!(
            "FROM rust:{codename} # for the build stage, so that both stages are {codename}; or: {zig}"
        )
    } else {
        zig
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::loader::LibcInImage;

    #[test]
    fn the_highest_of_the_missing_versions_is_named() {
        let missing = |version: &str| StartProblem::VersionMissing {
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
        let plan = StartPrediction {
            problems: vec![missing("GLIBC_2.9"), missing("GLIBC_2.39"), missing("OPENSSL_3.2.0")],
            libc: libc(Some("2.36")),
            ..StartPrediction::default()
        };
        let (binary, image) = (Binary::default(), Image::default());
        let outcome = check(&binary, &image, &plan);
        assert_eq!(
            outcome.findings()[0].message,
            "/app needs GLIBC_2.39, but the image's glibc defines versions up to GLIBC_2.36"
        );
        let fine = StartPrediction { libc: libc(Some("2.41")), ..StartPrediction::default() };
        assert_eq!(check(&binary, &image, &fine).name(), "pass");
        let musl = StartPrediction { libc: libc(None), ..StartPrediction::default() };
        assert_eq!(check(&binary, &image, &musl).name(), "not-applicable");
    }
}
