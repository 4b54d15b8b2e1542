use crate::binary::Binary;
use crate::binary::{LibcName, Linkage};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "static-glibc-nss",
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a static glibc program looks up names through libraries that it loads itself",
    what: "A program with glibc inside should not use its name service: `getaddrinfo`, `getpwnam` \
           and the like. They are told by `/etc/nsswitch.conf` in the program's text.",
    why: "The static copy loads `libnss_*.so` and a second glibc from the image, which have to \
           be of exactly its own release: otherwise look-ups fail, or the program dies with \
           SIGSEGV in `getaddrinfo`.",
    fix: "Build for musl, whose resolver needs no libraries, or link glibc dynamically; or use a \
           resolver in Rust (hickory).",
    symptoms: &[Symptom::Behaviour("look-ups of names fail or crash"), Symptom::ExitCode(139)],
    references: &[
        "https://github.com/rust-lang/rust/issues/100711",
        "glibc FAQ: even statically linked programs need some shared libraries",
    ],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let (Some(name), Some(linkage)) = (binary.libc.name.value, binary.libc.linkage) else {
        return Outcome::open(format!("which C library: {}", binary.libc.name.evidence));
    };
    if (name, linkage) != (LibcName::Glibc, Linkage::Static) {
        return Outcome::not_applicable("glibc is not inside the program");
    }
    if !binary.contents_read {
        return Outcome::open("the contents were not looked at");
    }
    let Some(file) = binary.may_read.iter().find(|path| path.ends_with("nsswitch.conf")) else {
        return Outcome::Pass;
    };
    let arch = binary.machine.as_ref().map_or("x86_64", |machine| machine.arch);
    Finding::new(
        Location::Subject,
        "the program has glibc inside and looks up names through glibc's plug-ins",
    )
    .evidence(format!("it may read {file}"))
    .fix(format!("cargo build --release --target {arch}-unknown-linux-musl"))
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
        assert_eq!(check(&with(Linkage::Static, &[])), Outcome::Pass);
        assert_eq!(check(&with(Linkage::Dynamic, &[])).name(), "not-applicable");
        assert_eq!(check(&Binary::default()).name(), "open");
    }
}
