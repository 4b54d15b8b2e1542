use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "packed",
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program was packed by a tool that hides what it is",
    what: "Looks for the header that UPX leaves in every file it packs.",
    why: "A packed program decompresses itself into memory that is writable and executable: \
           hardened kernels kill it, on some machines it dies with no message (exit code 139), its \
           memory is not shared between containers, and no scanner or linter can see into it.",
    fix: "Ship the program unpacked (`upx -d PROGRAM`); strip it and let the registry compress the \
           layer.",
    symptoms: &[Symptom::ExitCode(139), Symptom::Silence],
    references: &["upx threads 534 (Rust on arm64)", "opencontainers/selinux 198"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match (binary.packer, binary.format) {
        (Some(packer), _) => {
            Finding::new(Location::Subject, format!("the program is packed with {packer}"))
                .evidence(format!("{packer}'s header is in the file"))
                .fix("upx -d PROGRAM")
                .into()
        }
        (None, Some(_)) => Outcome::Pass,
        (None, None) => Outcome::open("the file's format is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Format;

    #[test]
    fn a_packed_file_fails() {
        let of = |packer, format| Binary { packer, format, ..Binary::default() };
        assert_eq!(check(&of(Some("UPX"), Some(Format::Elf))).name(), "fail");
        assert_eq!(check(&of(None, Some(Format::Elf))), Outcome::Pass);
        assert_eq!(check(&of(None, None)).name(), "open");
    }
}
