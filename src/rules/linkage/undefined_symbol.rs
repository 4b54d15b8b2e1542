use crate::binary::Binary;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, same_release, settle,
};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::StartProblem;

pub static RULE: Rule = Rule {
    id: "undefined-symbol",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "no library in the image defines a symbol that the binary needs",
    what: "Each symbol that a relocation of the binary or of its libraries requires, by name and \
           version, must be defined in a loaded file, unless it is weak. The finding is a warning \
           if the loader resolves the symbol only at its first call.",
    why: "The loader stops the process (\"symbol lookup error\", \"Error relocating\"): at start, \
           or with lazy binding at the first call of the symbol.",
    fix: "Use the same release of the distribution in both stages. For a glibc binary on musl see \
           `mixed-libc`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("symbol lookup error"),
        Symptom::Stderr("symbol not found"),
        Symptom::ExitCode(127),
    ],
    references: &["ld.so(8)", "elf(5)"],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &StartPrediction) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the binary loads no library");
    }
    if let Some(why) = &plan.open {
        return Outcome::open(why.clone(), settle::IN_CONTAINER);
    }
    let missing = |it: &&StartProblem| matches!(it, StartProblem::LibraryMissing { .. });
    if let Some(StartProblem::LibraryMissing { name, .. }) = plan.problems.iter().find(missing) {
        return Outcome::open(
            format!("the symbols of {name} are not known, because it is not in the image"),
            "see `missing-library`",
        );
    }
    Outcome::of(
        plan.problems.iter().filter_map(|problem| finding(problem, image)),
        "every required symbol is defined",
    )
}

fn finding(problem: &StartProblem, image: &Image) -> Option<Finding> {
    let StartProblem::SymbolMissing { symbol, version, needed_by, lazy } = problem else {
        return None;
    };
    let wanted = version.as_ref().map_or(symbol.clone(), |version| format!("{symbol}@{version}"));
    let finding = Finding::new(
        Location::Subject,
        format!("{needed_by} needs {wanted}, but no loaded library defines it"),
    );
    let finding = finding.fix(same_release(image));
    Some(if *lazy {
        finding.evidence("the symbol is resolved at its first call").at_most_warn()
    } else {
        finding.evidence("the symbol is resolved before `main`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_bound_later_is_a_warning() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |lazy| StartPrediction {
            problems: vec![StartProblem::SymbolMissing {
                symbol: "f".to_owned(),
                version: Some("V1".to_owned()),
                needed_by: "/app".to_owned(),
                lazy,
            }],
            ..StartPrediction::default()
        };
        let image = Image::default();
        let now = check(&binary, &image, &missing(false));
        assert_eq!((now.findings().len(), now.findings()[0].at_most), (1, None));
        let later = check(&binary, &image, &missing(true));
        assert_eq!(later.findings()[0].at_most, Some(Level::Warn));
        assert_eq!(check(&binary, &image, &StartPrediction::default()).name(), "pass");
        let open =
            StartPrediction { open: Some("unread".to_owned()), ..StartPrediction::default() };
        assert_eq!(check(&binary, &image, &open).name(), "open");
    }
}
