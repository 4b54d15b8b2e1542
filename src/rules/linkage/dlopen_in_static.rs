use crate::binary::Binary;
use crate::binary::{LibcName, Linkage};
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, arch_of,
};

pub static RULE: Rule = Rule {
    id: "dlopen-in-static",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a static musl binary calls `dlopen`, which always fails there",
    what: "In a static musl binary `dlopen` is a stub that only returns an error. The linker adds \
           the stub only if something calls `dlopen`. The rule recognises the stub by its error \
           message.",
    why: "The call fails with \"Dynamic loading not supported\". Plug-ins, `libloading`, \
           `load-dynamic` features and SQLite extensions do not work.",
    fix: "Link musl dynamically (`RUSTFLAGS=\"-C target-feature=-crt-static\"`), or link the \
           library into the binary.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("Dynamic loading not supported")],
    references: &["dlopen(3)", "https://github.com/rusqlite/rusqlite/issues/990"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let (Some(name), Some(linkage)) = (binary.libc.name.value, binary.libc.linkage) else {
        return Outcome::open(
            format!("the C library is not known ({})", binary.libc.name.evidence),
            "look at `readelf -d`",
        );
    };
    if (name, linkage) != (LibcName::Musl, Linkage::Static) {
        return Outcome::not_applicable("the binary is not a static musl binary");
    }
    if !binary.contents_read {
        return Outcome::open(
            "the contents of the binary were not read",
            "look for the text of `dlopen` with strings(1)",
        );
    }
    if !binary.dlopen_stub {
        return Outcome::pass("nothing in the binary calls dlopen");
    }
    let loader = |name: &str| matches!(name, "libloading" | "dlopen" | "dlopen2" | "dlib");
    let finding = Finding::new(
        Location::Subject,
        "the binary calls dlopen, which always fails in a static musl binary",
    )
    .evidence("musl's stub of dlopen is in the binary");
    let named = binary.crates.iter().find(|it| loader(&it.name));
    let finding = match named {
        Some(it) => finding.evidence(format!("{} {} is in the binary", it.name, it.version)),
        None => finding,
    };
    finding
        .fix_for(
            binary,
            format!(
                "RUSTFLAGS=\"-C target-feature=-crt-static\" cargo build --release --target {}-unknown-linux-musl",
                arch_of(binary)
            ),
            "link without -static",
        )
        .into()
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
        assert_eq!(check(&with(false, LibcName::Musl)).name(), "pass");
        assert_eq!(check(&with(true, LibcName::Glibc)).name(), "not-applicable");
        assert_eq!(check(&Binary::default()).name(), "open");
    }
}
