use crate::facts::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "missing-stack-canary",
    group: Group::Hardening,
    level: Level::Allow,
    since: "0.1.0",
    summary: "C code in the program has no stack canaries",
    what: "Looks for `__stack_chk_fail` among the symbols that the program takes from the C library, when the symbol table names objects made of C, C++ or assembly. Pure Rust has no canaries and needs none: its bounds are checked. Nor does this linter ask for CET or BTI: the linker sets their mark only when every object has it, and rustc's objects have not.",
    why: "An overflow of a buffer on the stack of a C function goes unnoticed until it is exploited.",
    fix: "Give the C compiler the flag in the build stage: CFLAGS=-fstack-protector-strong.",
    symptoms: &[],
    references: &["gcc(1), -fstack-protector-strong", "feature_test_macros(7), _FORTIFY_SOURCE"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let Some(sources) = &binary.foreign_sources else {
        return Outcome::open("without a symbol table, whether C was linked in cannot be told");
    };
    let [first, ..] = sources.as_slice() else {
        return Outcome::not_applicable("pure Rust: no object of another language was linked in");
    };
    let symbols = binary.linking.as_ref().and_then(|it| it.symbols.as_ref());
    let Some(symbols) = symbols else {
        return Outcome::open("the dynamic symbols could not be read");
    };
    let guarded = |name: &str| name.starts_with("__stack_chk_fail");
    if symbols.references().any(|it| guarded(it.name)) {
        return Outcome::Pass;
    }
    Finding::new(Location::Subject, "C code in the program has no stack canaries")
        .evidence(format!("objects of C, C++ or assembly are inside: {first}, …"))
        .evidence("the program asks the C library for no such function as __stack_chk_fail")
        .fix("CFLAGS=\"-fstack-protector-strong\" cargo build --release")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::binary::Linking;

    #[test]
    fn pure_rust_is_not_asked() {
        let of = |foreign_sources| Binary {
            foreign_sources,
            linking: Some(Linking::default()),
            ..Binary::default()
        };
        assert_eq!(check(&of(None)).name(), "open");
        assert_eq!(check(&of(Some(vec![]))).name(), "not-applicable");
        assert_eq!(check(&of(Some(vec!["a.c".to_owned()]))).name(), "open");
    }
}
