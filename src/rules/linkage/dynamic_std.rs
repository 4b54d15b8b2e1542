use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "dynamic-std",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program needs Rust's standard library as a shared library",
    what: "A program that is linked with `-C prefer-dynamic` (or against a `dylib` crate) needs \
           `libstd-HASH.so` of exactly the compiler that built it. No distribution's runtime \
           image has that. Without an image, or with one that holds the file where the loader \
           looks, the program may be right: then it is a warning or passes.",
    why: "The loader does not find the library, and the program works with `cargo run` alone, \
           which sets `LD_LIBRARY_PATH`.",
    fix: "Drop `-C prefer-dynamic` from RUSTFLAGS and the `dylib` crate type (bevy's \
           `dynamic_linking`), or copy the library beside the program.",
    symptoms: &[Symptom::Stderr("libstd-"), Symptom::ExitCode(127)],
    references: &["https://doc.rust-lang.org/rustc/codegen-options/index.html#prefer-dynamic"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else {
        return Outcome::not_applicable("no program was given");
    };
    let is_std = |name: &&String| name.starts_with("libstd-") && name.contains(".so");
    let Some(name) = binary.needed.iter().find(is_std) else { return Outcome::Pass };
    let found = facts.load.as_ref().map(|plan| {
        plan.libraries.iter().any(|library| library.name == *name && library.path.is_some())
    });
    let finding = Finding::new(
        Location::Dynamic("DT_NEEDED"),
        format!("the program needs {name}, which comes with one compiler alone"),
    )
    .evidence(format!("DT_NEEDED names {name}"))
    .fix("remove `-C prefer-dynamic` from RUSTFLAGS and .cargo/config.toml, and build again");
    match found {
        Some(true) => Outcome::Pass,
        Some(false) => finding.evidence("the image's loader does not find it").into(),
        None => finding.at_most_warn().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::start::loader::Library;
    use crate::start::loader::LoadPlan;

    #[test]
    fn fails_where_the_image_lacks_it() {
        let name = "libstd-0123456789abcdef.so".to_owned();
        let facts = |path: Option<&str>| {
            let library = Library {
                name: name.clone(),
                path: path.map(str::to_owned),
                needed_by: "/app".to_owned(),
            };
            Facts {
                binary: Some(Binary { needed: vec![name.clone()], ..Binary::default() }),
                load: Some(LoadPlan { libraries: vec![library], ..LoadPlan::default() }),
                ..Facts::default()
            }
        };
        assert_eq!(check(&facts(Some("/app/lib/libstd.so"))), Outcome::Pass);
        assert_eq!(check(&facts(None)).findings()[0].at_most, None);
        let alone = check(&Facts { load: None, ..facts(None) });
        assert_eq!(alone.findings()[0].at_most, Some(Level::Warn));
        let plain = Facts { binary: Some(Binary::default()), ..Facts::default() };
        assert_eq!(check(&plain), Outcome::Pass);
    }
}
