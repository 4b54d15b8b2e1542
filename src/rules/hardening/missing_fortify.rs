use crate::binary::Binary;
use crate::binary::LibcName;
use crate::binary::detect::c_objects::Guarded;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, settle};

pub static RULE: Rule = Rule {
    id: "missing-fortify",
    aliases: &[],
    group: Group::Hardening,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "C code in the binary does not use the checked functions of the C library",
    what: "The rule fails if the symbol table names a source file in C, C++ or Objective-C, \
           and no checked function of the C library (`__memcpy_chk` and its like) is \
           among the imported symbols. It can decide only for a dynamically linked ELF binary that \
           has a symbol table. musl has no such functions. Rust code never calls the checked functions.",
    why: "A buffer overflow that glibc could detect at run time is not detected.",
    fix: "Set the flags for the C compiler in the build stage: `CFLAGS=\"-O2 \
           -D_FORTIFY_SOURCE=2\"`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["gcc(1)", "feature_test_macros(7)"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    // musl has no checked functions: no flag of the compiler can make C code call them.
    if binary.libc.name.value == Some(LibcName::Musl) {
        return Outcome::not_applicable("musl has no checked functions");
    }
    match binary.foreign_code_is_guarded(|name| name.starts_with("__") && name.ends_with("_chk")) {
        Guarded::NoForeignCode => Outcome::not_applicable("no object of C is in the binary"),
        Guarded::Unknown(why) => Outcome::open(why, settle::WITH_SYMBOLS),
        Guarded::Yes => Outcome::pass("the C code uses checked functions"),
        Guarded::No(source) => Finding::new(Location::Subject, RULE.summary)
            .evidence(format!(
                "{source} was linked in, and no function like __memcpy_chk is imported"
            ))
            .fix("CFLAGS=\"-O2 -D_FORTIFY_SOURCE=2\" cargo build --release")
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::fact::Fact;

    #[test]
    fn pure_rust_is_not_asked() {
        let of = |c_sources| Binary {
            c_sources,
            linking: Some(DynamicInfo::default()),
            ..Binary::default()
        };
        assert_eq!(check(&of(None)).name(), "open");
        assert_eq!(check(&of(Some(vec![]))).name(), "not-applicable");
        assert_eq!(check(&of(Some(vec!["a.c".to_owned()]))).name(), "open");
    }

    #[test]
    fn musl_has_no_checked_functions() {
        let of = |libc| {
            let linking = DynamicInfo { symbols: Some(Default::default()), ..Default::default() };
            let mut binary = Binary { linking: Some(linking), ..Binary::default() };
            binary.c_sources = Some(vec!["a.c".to_owned()]);
            binary.libc.name = Fact::high(libc, "PT_INTERP");
            check(&binary).name()
        };
        assert_eq!(of(LibcName::Glibc), "fail");
        assert_eq!(of(LibcName::Musl), "not-applicable");
    }
}
