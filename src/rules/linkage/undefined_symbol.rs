use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;
use crate::start::loader::LoadPlan;
use crate::start::loader::Problem;

pub static RULE: Rule = Rule {
    id: "undefined-symbol",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "no library in the image defines a symbol that the program needs",
    what: "Each symbol that a relocation of the program or of its libraries asks for, by name and \
           version, has to be defined by a file of the closure, unless it is weak. A symbol that \
           is bound at its first call alone is a warning.",
    why: "The loader stops (\"symbol lookup error\", \"Error relocating\"), at the start or, \
           with lazy binding, in the middle of the work.",
    fix: "Take the library's release that the build stage linked against. For a glibc program on \
           musl see `mixed-libc`.",
    symptoms: &[
        Symptom::Stderr("symbol lookup error"),
        Symptom::Stderr("symbol not found"),
        Symptom::ExitCode(127),
    ],
    references: &["glibc elf/dl-lookup.c, check_match", "musl ldso/dynlink.c, do_relocs"],
    check: Check::Load(check),
};

fn check(binary: &Binary, _: &Image, plan: &LoadPlan) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the program loads no library");
    }
    if let Some(why) = &plan.open {
        return Outcome::open(why.clone());
    }
    let missing = |it: &&Problem| matches!(it, Problem::LibraryMissing { .. });
    if let Some(Problem::LibraryMissing { name, .. }) = plan.problems.iter().find(missing) {
        return Outcome::open(format!("what {name} defines is not known: it is not in the image"));
    }
    plan.problems.iter().filter_map(finding).collect()
}

fn finding(problem: &Problem) -> Option<Finding> {
    let Problem::SymbolMissing { symbol, version, needed_by, lazy } = problem else { return None };
    let wanted = version.as_ref().map_or(symbol.clone(), |version| format!("{symbol}@{version}"));
    let finding = Finding::new(
        Location::Subject,
        format!("{needed_by} needs {wanted}, which nothing that it loads defines"),
    );
    let finding = finding.fix(
        "use the same release of the distribution in the build stage and in the runtime stage",
    );
    Some(if *lazy {
        finding.evidence("it is bound at its first call").at_most_warn()
    } else {
        finding.evidence("it is bound before the program runs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_bound_later_is_a_warning() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |lazy| LoadPlan {
            problems: vec![Problem::SymbolMissing {
                symbol: "f".to_owned(),
                version: Some("V1".to_owned()),
                needed_by: "/app".to_owned(),
                lazy,
            }],
            ..LoadPlan::default()
        };
        let image = Image::default();
        let now = check(&binary, &image, &missing(false));
        assert_eq!((now.findings().len(), now.findings()[0].at_most), (1, None));
        let later = check(&binary, &image, &missing(true));
        assert_eq!(later.findings()[0].at_most, Some(Level::Warn));
        assert_eq!(check(&binary, &image, &LoadPlan::default()), Outcome::Pass);
        let open = LoadPlan { open: Some("unread".to_owned()), ..LoadPlan::default() };
        assert_eq!(check(&binary, &image, &open).name(), "open");
    }
}
