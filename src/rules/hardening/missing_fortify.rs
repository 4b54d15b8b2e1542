use crate::binary::Binary;
use crate::binary::detect::c_objects::Guarded;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "missing-fortify",
    group: Group::Hardening,
    level: Level::Allow,
    since: "0.1.0",
    summary: "C code in the program does not use the checked functions of the C library",
    what: "Looks for checked functions (`__memcpy_chk` and its like) among the symbols that the program takes from the C library, when the symbol table names objects made of C or C++. Pure Rust calls none of the functions that have a checked twin.",
    why: "An overflow that glibc could have noticed at run time goes unnoticed.",
    fix: "Give the C compiler the flags in the build stage: CFLAGS=\"-O2 -D_FORTIFY_SOURCE=2\".",
    symptoms: &[],
    references: &["gcc(1), -fstack-protector-strong", "feature_test_macros(7), _FORTIFY_SOURCE"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.foreign_code_is_guarded(|name| name.starts_with("__") && name.ends_with("_chk")) {
        Guarded::NoForeignCode => {
            Outcome::not_applicable("pure Rust: no other language was linked in")
        }
        Guarded::Unknown(why) => Outcome::open(why),
        Guarded::Yes => Outcome::Pass,
        Guarded::No(source) => Finding::new(Location::Subject, RULE.summary)
            .evidence(format!(
                "{source} was linked in, and no function like __memcpy_chk is asked for"
            ))
            .fix("CFLAGS=\"-O2 -D_FORTIFY_SOURCE=2\" cargo build --release")
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
