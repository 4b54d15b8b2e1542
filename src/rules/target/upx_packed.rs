use crate::binary::Binary;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "upx-packed",
    aliases: &["packed"],
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Renamed { since: "0.1.0", reason: "UPX is the only packer that it recognises" },
    summary: "the binary is packed with UPX",
    what: "The rule looks for the header that UPX writes into every file that it packs.",
    why: "A packed binary unpacks itself into memory that is writable and executable. Hardened \
           kernels kill it; on some machines it ends without a message (exit code 139). Containers \
           cannot share its memory, and no scanner or linter sees its contents.",
    fix: "Ship the unpacked binary (`upx -d FILE`). Strip it, and let the registry compress the \
           layer.",
    no_fix_line: None,
    symptoms: &[Symptom::ExitCode(139), Symptom::Silence],
    references: &[
        "https://github.com/upx/upx/issues/534",
        "https://github.com/opencontainers/selinux/issues/198",
    ],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match (binary.packer, binary.format) {
        (Some(packer), _) => {
            Finding::new(Location::Subject, format!("the binary is packed with {packer}"))
                .evidence(format!("{packer}'s header is in the file"))
                .fix(shell_command(["upx", "-d", &binary.path]))
                .into()
        }
        (None, Some(_)) => Outcome::pass("no header of a packer"),
        (None, None) => {
            Outcome::open("the file format is not recognised", "look at the output of file(1)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::BinaryFormat;

    #[test]
    fn a_packed_file_fails() {
        let of = |packer, format| Binary { packer, format, ..Binary::default() };
        assert_eq!(check(&of(Some("UPX"), Some(BinaryFormat::Elf))).name(), "fail");
        assert_eq!(check(&of(None, Some(BinaryFormat::Elf))).name(), "pass");
        assert_eq!(check(&of(None, None)).name(), "open");
    }
}
