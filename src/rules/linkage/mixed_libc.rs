use crate::binary::Binary;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::{LoaderFamily, StartVerdict};

pub static RULE: Rule = Rule {
    id: "mixed-libc",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "glibc and musl are mixed in one process",
    what: "A binary that was linked with glibc must not be loaded by musl's loader (through \
           `gcompat`, `libc6-compat` or a link with glibc's name), and no library that it loads \
           may come from the other C library. The finding is a warning if the loader starts the \
           binary nevertheless.",
    why: "musl takes the place of `libc.so.6`, but it lacks symbols and behaves differently: \
           \"Error relocating /app: __res_init: symbol not found\", or a crash later.",
    fix: "Build for musl (`--target x86_64-unknown-linux-musl`), or use a base image with glibc.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("Error relocating"), Symptom::Stderr("symbol not found")],
    references: &[
        "https://wiki.musl-libc.org/functional-differences-from-glibc.html",
        "https://github.com/orhun/git-cliff/issues/1034",
    ],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, _: &Image, plan: &StartPrediction) -> Outcome {
    let Some(loader) = &plan.loader else {
        return Outcome::not_applicable("no loader of the image loads the binary");
    };
    let of_glibc = |name: &String| name.starts_with("libc.so.6") || name.starts_with("ld-linux");
    let of_musl = |name: &String| name.starts_with("libc.musl-") || name == "libc.so";
    let needed_by = |is_foreign: &dyn Fn(&String) -> bool| {
        let library = plan.libraries.iter().find(|library| is_foreign(&library.name))?;
        Some((library.needed_by.clone(), library.name.clone()))
    };
    let mixed = match loader.family {
        LoaderFamily::Musl | LoaderFamily::Gcompat => {
            let own = binary.needed.iter().find(|name| of_glibc(name));
            own.map(|name| (binary.path.clone(), name.clone())).or_else(|| needed_by(&of_glibc))
        }
        LoaderFamily::Glibc => needed_by(&of_musl),
        LoaderFamily::Other => {
            return Outcome::open(
                "the loader is neither glibc's nor musl's",
                "start the container to settle it",
            );
        }
    };
    let Some((file, name)) = mixed else {
        return Outcome::pass(format!("{} loads one C library", loader.path));
    };
    let (own, other) = match loader.family {
        LoaderFamily::Glibc => ("glibc", "musl"),
        _ => ("musl", "glibc"),
    };
    let message = format!("{file} was linked with {other}, but the image loads it with {own}");
    let mut finding = Finding::new(Location::ImagePath(loader.path.clone()), message)
        .evidence(format!("{file} needs {name}"));
    for line in plan.errors.iter().take(5) {
        finding = finding.evidence(line.clone());
    }
    let arch = binary.machine.as_ref().map_or("x86_64", |machine| machine.arch);
    let finding = finding.fix_for(
        binary,
        match own {
            "musl" => format!("cargo build --release --target {arch}-unknown-linux-musl"),
            _ => format!("cargo build --release --target {arch}-unknown-linux-gnu"),
        },
        format!("use a base image with {other}"),
    );
    if plan.verdict == StartVerdict::Starts {
        finding.at_most_warn().into()
    } else {
        finding.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::loader::Loader;

    #[test]
    fn glibc_s_program_under_musl_fails() {
        let plan = |family, verdict| StartPrediction {
            verdict,
            loader: Some(Loader { path: "/lib/ld.so".to_owned(), family, release: None }),
            ..StartPrediction::default()
        };
        let binary = Binary { needed: vec!["libc.so.6".to_owned()], ..Binary::default() };
        let image = Image::default();
        let fails = check(&binary, &image, &plan(LoaderFamily::Musl, StartVerdict::Fails));
        assert_eq!(fails.findings()[0].at_most, None);
        let starts = check(&binary, &image, &plan(LoaderFamily::Gcompat, StartVerdict::Starts));
        assert_eq!(starts.findings()[0].at_most, Some(Level::Warn));
        assert_eq!(
            check(&binary, &image, &plan(LoaderFamily::Glibc, StartVerdict::Starts)).name(),
            "pass"
        );
        assert_eq!(check(&binary, &image, &StartPrediction::default()).name(), "not-applicable");
    }
}
