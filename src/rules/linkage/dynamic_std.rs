use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "dynamic-std",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary needs Rust's standard library as a shared library",
    what: "A binary that is linked with `-C prefer-dynamic` (or with a `dylib` crate) needs \
           `libstd-HASH.so` of the same compiler. No runtime image of a distribution has that \
           file. Without an image the finding is a warning; the rule passes if the loader of the \
           image finds the file.",
    why: "The loader does not find the library. The binary works only with `cargo run`, which sets \
           `LD_LIBRARY_PATH`.",
    fix: "Remove `-C prefer-dynamic` from RUSTFLAGS and the `dylib` crate type (bevy's \
           `dynamic_linking`), or copy the library beside the binary.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("libstd-"), Symptom::ExitCode(127)],
    references: &["https://doc.rust-lang.org/rustc/codegen-options/index.html#prefer-dynamic"],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Image, Need::Loader]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    let is_std = |name: &&String| name.starts_with("libstd-") && name.contains(".so");
    let Some(name) = binary.needed.iter().find(is_std) else {
        return Outcome::pass("Rust's standard library is linked statically");
    };
    let found = facts.load.as_ref().map(|plan| {
        plan.libraries.iter().any(|library| library.name == *name && library.path.is_some())
    });
    let finding = Finding::new(
        Location::Dynamic("DT_NEEDED"),
        format!("the binary needs {name}, which only comes with the compiler that built it"),
    )
    .evidence(format!("DT_NEEDED names {name}"))
    .fix("remove `-C prefer-dynamic` from RUSTFLAGS and .cargo/config.toml, and build again");
    match found {
        Some(true) => Outcome::pass(format!("the image's loader finds {name}")),
        Some(false) => finding.evidence("the image's loader does not find it").into(),
        None => finding.at_most_warn().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::start::loader::Library;
    use crate::start::loader::StartPrediction;

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
                load: Some(StartPrediction {
                    libraries: vec![library],
                    ..StartPrediction::default()
                }),
                ..Facts::default()
            }
        };
        assert_eq!(check(&facts(Some("/app/lib/libstd.so"))).name(), "pass");
        assert_eq!(check(&facts(None)).findings()[0].at_most, None);
        let alone = check(&Facts { load: None, ..facts(None) });
        assert_eq!(alone.findings()[0].at_most, Some(Level::Warn));
        let plain = Facts { binary: Some(Binary::default()), ..Facts::default() };
        assert_eq!(check(&plain).name(), "pass");
    }
}
