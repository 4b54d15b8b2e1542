use crate::binary::Binary;
use crate::binary::{LibcName, Linkage};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "static-glibc-nss",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a static glibc binary resolves names through libraries that it loads at run time",
    what: "A binary that is statically linked with glibc must not use the name service of glibc: \
           `getaddrinfo`, `getpwnam` and the like. The rule recognises it by the text \
           `/etc/nsswitch.conf` in the binary.",
    why: "The static glibc loads `libnss_*.so` and a second glibc from the image, and both must \
           have exactly its own version. Otherwise lookups fail, or the process dies with SIGSEGV \
           in `getaddrinfo`.",
    fix: "Build for musl, whose resolver needs no library, or link glibc dynamically, or use a \
           resolver written in Rust (hickory).",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("name lookups fail or crash"), Symptom::ExitCode(139)],
    references: &["https://github.com/rust-lang/rust/issues/100711", "nsswitch.conf(5)"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let (Some(name), Some(linkage)) = (binary.libc.name.value, binary.libc.linkage) else {
        return Outcome::open(
            format!("the C library is not known ({})", binary.libc.name.evidence),
            "look at `readelf -d`",
        );
    };
    if (name, linkage) != (LibcName::Glibc, Linkage::Static) {
        return Outcome::not_applicable("glibc is not linked statically");
    }
    if !binary.contents_read {
        return Outcome::open(
            "the contents of the binary were not read",
            "look for `nsswitch.conf` with strings(1)",
        );
    }
    let Some(file) = binary.may_read.iter().find(|path| path.ends_with("nsswitch.conf")) else {
        return Outcome::pass("the binary does not use the name service of glibc");
    };
    let arch = binary.machine.as_ref().map_or("x86_64", |machine| machine.arch);
    Finding::new(
        Location::Subject,
        "the binary contains glibc, and resolves names through libraries of glibc",
    )
    .evidence(format!("the binary contains the path {file}"))
    .fix_for(
        binary,
        format!("cargo build --release --target {arch}-unknown-linux-musl"),
        "link glibc dynamically",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Libc;
    use crate::fact::Fact;

    #[test]
    fn static_glibc_with_the_name_service_fails() {
        let with = |linkage, may_read: &[&str]| Binary {
            contents_read: true,
            libc: Libc {
                name: Fact::certain(LibcName::Glibc, "its texts"),
                linkage: Some(linkage),
                ..Libc::default()
            },
            may_read: may_read.iter().map(|path| (*path).to_owned()).collect(),
            ..Binary::default()
        };
        assert_eq!(check(&with(Linkage::Static, &["/etc/nsswitch.conf"])).findings().len(), 1);
        assert_eq!(check(&with(Linkage::Static, &[])).name(), "pass");
        assert_eq!(check(&with(Linkage::Dynamic, &[])).name(), "not-applicable");
        assert_eq!(check(&Binary::default()).name(), "open");
    }
}
