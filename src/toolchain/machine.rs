//! The machines that programs are made for, by ELF's numbers, Go's words and Rust's.

/// One machine as images name it. Where `None` stands, class or byte order say nothing more.
struct PlatformMachine {
    /// `e_machine` (ELF gABI).
    elf: u16,
    is_64: Option<bool>,
    is_little_endian: Option<bool>,
    /// Go's `GOARCH`, which the platforms of images are written in.
    architecture: &'static str,
    /// Rust's name of the family.
    rust: &'static str,
}

const fn machine(elf: u16, architecture: &'static str, rust: &'static str) -> PlatformMachine {
    PlatformMachine { elf, is_64: None, is_little_endian: None, architecture, rust }
}

const MACHINES: &[PlatformMachine] = &[
    machine(62, "amd64", "x86_64"),
    machine(3, "386", "x86"),
    machine(183, "arm64", "aarch64"),
    machine(40, "arm", "arm"),
    PlatformMachine { is_64: Some(true), ..machine(243, "riscv64", "riscv") },
    PlatformMachine { is_little_endian: Some(true), ..machine(21, "ppc64le", "powerpc64") },
    PlatformMachine { is_little_endian: Some(false), ..machine(21, "ppc64", "powerpc64") },
    PlatformMachine { is_64: Some(true), ..machine(22, "s390x", "s390x") },
    PlatformMachine { is_64: Some(true), ..machine(258, "loong64", "loongarch") },
    mips(true, true, "mips64le"),
    mips(true, false, "mips64"),
    mips(false, true, "mipsle"),
    mips(false, false, "mips"),
];

const fn mips(is_64: bool, is_little_endian: bool, architecture: &'static str) -> PlatformMachine {
    PlatformMachine {
        is_64: Some(is_64),
        is_little_endian: Some(is_little_endian),
        ..machine(8, architecture, "mips")
    }
}

/// What images call the machine that a file is for; `None` for one that they have no name for.
pub fn architecture(elf: u16, is_64: bool, is_little_endian: bool) -> Option<&'static str> {
    let fits = |asked: Option<bool>, is: bool| asked.is_none_or(|asked| asked == is);
    let found = MACHINES.iter().find(|machine| {
        machine.elf == elf
            && fits(machine.is_64, is_64)
            && fits(machine.is_little_endian, is_little_endian)
    })?;
    Some(found.architecture)
}

/// `e_machine` of what an image calls its architecture.
pub fn of_architecture(architecture: &str) -> Option<u16> {
    MACHINES.iter().find(|machine| machine.architecture == architecture).map(|machine| machine.elf)
}

/// A machine's name as Rust writes it.
pub fn name(elf: u16) -> String {
    match MACHINES.iter().find(|machine| machine.elf == elf) {
        Some(machine) => machine.rust.to_owned(),
        // Go never had a name for it, and no image is for it.
        None if elf == 20 => "powerpc".to_owned(),
        None => format!("machine {elf}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_name_each_way() {
        let of = |machine, class, order| architecture(machine, class == 2, order == 1);
        assert_eq!(of(62, 2, 1), Some("amd64"));
        assert_eq!(of(62, 1, 1), Some("amd64"), "x32 runs under the same kernel");
        assert_eq!(of(8, 1, 1), Some("mipsle"));
        assert_eq!(of(8, 2, 2), Some("mips64"));
        assert_eq!(of(243, 1, 1), None, "images have no riscv32");
        assert_eq!(of(20, 1, 2), None);
        for machine in MACHINES {
            assert_eq!(of_architecture(machine.architecture), Some(machine.elf));
            assert_eq!(name(machine.elf), machine.rust);
        }
        assert_eq!((of_architecture("vax"), name(75)), (None, "machine 75".to_owned()));
    }
}
