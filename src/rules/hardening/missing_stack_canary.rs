use crate::binary::Binary;
use crate::binary::detect::c_objects::Guarded;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, settle};

pub static RULE: Rule = Rule {
    id: "missing-stack-canary",
    aliases: &[],
    group: Group::Hardening,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "C code in the binary has no stack canaries",
    what: "The rule fails if the symbol table names a source file in C, C++ or Objective-C, \
           and `__stack_chk_fail` is not among the imported symbols. It can decide only \
           for a dynamically linked ELF binary that has a symbol table. Rust code has no canaries \
           and needs none, because it checks bounds. There is no such rule for CET and BTI: the \
           linker marks a binary only if every object is marked, and rustc's objects are not.",
    why: "A buffer overflow on the stack of a C function is not noticed until it is exploited.",
    fix: "Set the flag for the C compiler in the build stage: `CFLAGS=-fstack-protector-strong`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["gcc(1)", "https://gcc.gnu.org/onlinedocs/gcc/Instrumentation-Options.html"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.foreign_code_is_guarded(|name| name.starts_with("__stack_chk_fail")) {
        Guarded::NoForeignCode => Outcome::not_applicable("no object of C is in the binary"),
        Guarded::Unknown(why) => Outcome::open(why, settle::WITH_SYMBOLS),
        Guarded::Yes => Outcome::pass("the C code has stack canaries"),
        Guarded::No(source) => Finding::new(Location::Subject, RULE.summary)
            .evidence(format!("{source} was linked in, and __stack_chk_fail is not imported"))
            .fix("CFLAGS=\"-fstack-protector-strong\" cargo build --release")
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;

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
}
