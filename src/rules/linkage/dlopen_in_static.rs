use crate::binary::Binary;
use crate::binary::{LibcName, Linkage};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "dlopen-in-static",
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a static musl program loads libraries while it runs",
    what: "A static musl program should not call `dlopen`: musl's static `dlopen` is a stub that \
           only fails. The stub is told by its message, and is linked in only where something \
           calls it.",
    why: "The call fails with \"Dynamic loading not supported\": plug-ins, `libloading`, \
           `load-dynamic` features and SQLite extensions do not work.",
    fix: "Link musl dynamically (`RUSTFLAGS=\"-C target-feature=-crt-static\"`), or link the \
           library in.",
    symptoms: &[Symptom::Stderr("Dynamic loading not supported")],
    references: &["musl src/ldso/dlopen.c", "https://github.com/rusqlite/rusqlite/issues/990"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let (Some(name), Some(linkage)) = (binary.libc.name.value, binary.libc.linkage) else {
        return Outcome::open(format!("which C library: {}", binary.libc.name.evidence));
    };
    if (name, linkage) != (LibcName::Musl, Linkage::Static) {
        return Outcome::not_applicable("the program is not a static musl program");
    }
    if !binary.contents_read {
        return Outcome::open("the contents were not looked at");
    }
    if !binary.dlopen_stub {
        return Outcome::Pass;
    }
    let loader = |name: &str| matches!(name, "libloading" | "dlopen" | "dlopen2" | "dlib");
    let finding = Finding::new(
        Location::Subject,
        "the program calls dlopen, which always fails in a static musl program",
    )
    .evidence("musl's stub of dlopen is inside");
    let named = binary.crates.iter().find(|it| loader(&it.name));
    let finding = match named {
        Some(it) => finding.evidence(format!("{} {} is inside", it.name, it.version)),
        None => finding,
    };
    finding.fix("RUSTFLAGS=\"-C target-feature=-crt-static\" cargo build --release").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Libc;
    use crate::fact::Fact;

    #[test]
    fn the_stub_in_a_static_program_fails() {
        let with = |dlopen_stub, name| Binary {
            contents_read: true,
            dlopen_stub,
            libc: Libc {
                name: Fact::certain(name, "its texts"),
                linkage: Some(Linkage::Static),
                ..Libc::default()
            },
            ..Binary::default()
        };
        assert_eq!(check(&with(true, LibcName::Musl)).findings().len(), 1);
        assert_eq!(check(&with(false, LibcName::Musl)), Outcome::Pass);
        assert_eq!(check(&with(true, LibcName::Glibc)).name(), "not-applicable");
        assert_eq!(check(&Binary::default()).name(), "open");
    }
}
