use crate::binary::Binary;
use crate::binary::detect::c_objects::Guarded;
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
    match binary.foreign_code_is_guarded(|name| name.starts_with("__stack_chk_fail")) {
        Guarded::NoForeignCode => {
            Outcome::not_applicable("pure Rust: no other language was linked in")
        }
        Guarded::Unknown(why) => Outcome::open(why),
        Guarded::Yes => Outcome::Pass,
        Guarded::No(source) => Finding::new(Location::Subject, RULE.summary)
            .evidence(format!(
                "{source} was linked in, and no function like __stack_chk_fail is asked for"
            ))
            .fix("CFLAGS=\"-fstack-protector-strong\" cargo build --release")
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::Linking;

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
