use crate::binary::Binary;
use crate::binary::BinaryFormat;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "segment-alignment",
    aliases: &[],
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary cannot be loaded where memory pages are 64 KiB",
    what: "On arm64 Linux, except Android, every loaded segment must be aligned to 64 KiB \
           (`p_align`), because arm64 kernels have pages of 4, 16 or 64 KiB.",
    why: "A kernel with pages larger than the alignment does not load the binary (`ELF load \
           command alignment not page-aligned`), or maps its segments over each other.",
    fix: "Link with `-C link-arg=-Wl,-z,max-page-size=65536`. This is the default of GNU ld and \
           lld for arm64 Linux, so look for an option that changes it.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("ELF load command alignment not page-aligned")],
    references: &["elf(5)", "ld(1)"],
    check: CheckFn::Binary(check),
};

/// The largest page of an arm64 kernel, in bytes.
const MAX_PAGE: u64 = 64 << 10;

fn check(binary: &Binary) -> Outcome {
    let arm64_linux = binary.format == Some(BinaryFormat::Elf)
        && binary.machine.as_ref().is_some_and(|it| it.arch == "aarch64")
        && binary.triple.value.as_ref().is_none_or(|it| !it.contains("android"));
    if !arm64_linux {
        return Outcome::not_applicable("only arm64 Linux has pages of several sizes");
    }
    match binary.segment_alignment {
        None => {
            Outcome::open("the segments could not be read", "look at the output of `readelf -lW`")
        }
        Some(alignment) if alignment >= MAX_PAGE => {
            Outcome::pass(format!("segments are aligned to {} KiB", alignment >> 10))
        }
        Some(alignment) => {
            let message = format!("a segment is aligned to {} KiB only", alignment >> 10);
            Finding::new(Location::Segment("PT_LOAD"), message)
                .evidence(format!(
                    "the smallest p_align is {alignment:#x}, the largest arm64 page {MAX_PAGE:#x}"
                ))
                .fix_for(
                    binary,
                    "RUSTFLAGS=\"-C link-arg=-Wl,-z,max-page-size=65536\" cargo build --release",
                    "link with -Wl,-z,max-page-size=65536",
                )
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Machine;

    #[test]
    fn arm64_wants_64_kib() {
        let of = |arch, segment_alignment| Binary {
            format: Some(BinaryFormat::Elf),
            machine: Some(Machine { arch, bits: 64, little_endian: true }),
            segment_alignment,
            ..Binary::default()
        };
        assert_eq!(check(&of("aarch64", Some(0x10000))).name(), "pass");
        assert_eq!(check(&of("aarch64", Some(0x1000))).name(), "fail");
        assert_eq!(check(&of("aarch64", None)).name(), "open");
        assert_eq!(check(&of("x86_64", Some(0x1000))).name(), "not-applicable");
    }
}
