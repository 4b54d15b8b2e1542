//! Rust's own name for what an ELF file runs on, and the C library that it is linked against.

use object::elf::{self, FileFlags, Machine as ElfMachine};

use crate::binary::elf::DynamicInfo;
use crate::binary::elf::sections::SectionFacts;
use crate::binary::elf::versions::VersionNeed;
use crate::binary::string_scan::FoundStrings;
use crate::binary::wasm::uleb;
use crate::binary::{Libc, LibcName, Linkage, Machine};
use crate::fact::Fact;

/// What the triple needs to know of the code on 32-bit ARM.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ArmBarriers {
    /// `dmb ish`: ARMv7 and later.
    pub dmb: u64,
    /// `mcr p15, 0, rN, c7, c10, 5`: how ARMv6 says the same.
    pub mcr: u64,
}

/// The machine of the header, by Rust's `target_arch`.
pub(crate) fn machine(linking: &DynamicInfo) -> Option<Machine> {
    let arch = match ElfMachine(linking.machine) {
        elf::EM_X86_64 => "x86_64",
        elf::EM_386 => "x86",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_ARM => "arm",
        elf::EM_RISCV if linking.is_64() => "riscv64",
        elf::EM_RISCV => "riscv32",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_PPC => "powerpc",
        elf::EM_S390 => "s390x",
        elf::EM_LOONGARCH if linking.is_64() => "loongarch64",
        elf::EM_LOONGARCH => "loongarch32",
        elf::EM_MIPS if linking.is_64() => "mips64",
        elf::EM_MIPS => "mips",
        elf::EM_SPARCV9 => "sparc64",
        elf::EM_SPARC | elf::EM_SPARC32PLUS => "sparc",
        elf::EM_68K => "m68k",
        elf::EM_HEXAGON => "hexagon",
        elf::EM_CSKY => "csky",
        elf::EM_BPF => "bpf",
        elf::EM_MSP430 => "msp430",
        elf::EM_AVR => "avr",
        elf::EM_XTENSA => "xtensa",
        _ => return None,
    };
    Some(Machine {
        arch,
        bits: if linking.is_64() { 64 } else { 32 },
        little_endian: linking.is_little_endian(),
    })
}

/// The system a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Linux,
    Android,
    Ohos,
    FreeBsd,
    OpenBsd,
    NetBsd,
    DragonFly,
    Illumos,
    Fuchsia,
    Unknown,
}

/// Which system the notes, the interpreter and the header name, in this order: notes are what the
/// kernels themselves go by.
fn system(headers: &SectionFacts, linking: &DynamicInfo) -> (System, &'static str) {
    const ABI_TAG: u32 = 1;
    for (owner, system, evidence) in [
        ("Android", System::Android, "its note is Android's"),
        ("OHOS", System::Ohos, "its note is OpenHarmony's"),
        ("FreeBSD", System::FreeBsd, "its note is FreeBSD's"),
        ("OpenBSD", System::OpenBsd, "its note is OpenBSD's"),
        ("NetBSD", System::NetBsd, "its note is NetBSD's"),
        ("DragonFly", System::DragonFly, "its note is DragonFly's"),
    ] {
        if headers.note(owner, ABI_TAG).is_some() {
            return (system, evidence);
        }
    }
    if headers.sections.iter().any(|section| section.name == ".note.ohos.ident") {
        return (System::Ohos, "its note section is OpenHarmony's");
    }
    if let Some(note) = headers.note("GNU", ABI_TAG) {
        // LSB, "Note Sections": 0 Linux, 1 Hurd, 2 Solaris, 3 FreeBSD, 4 NetBSD.
        match headers.word(&note.desc) {
            Some(0) => return (System::Linux, "NT_GNU_ABI_TAG says Linux"),
            Some(3) => return (System::FreeBsd, "NT_GNU_ABI_TAG says FreeBSD"),
            _ => {}
        }
    }
    if let Some(interpreter) = linking.interpreter.as_deref() {
        let name = interpreter.rsplit('/').next().unwrap_or_default();
        let named = match name {
            "linker" | "linker64" | "linker_asan" | "linker_asan64" => Some(System::Android),
            "ld-elf.so.1" | "ld-elf32.so.1" => Some(System::FreeBsd),
            "ld-elf.so.2" => Some(System::DragonFly),
            "ld.elf_so" => Some(System::NetBsd),
            "ld.so" => Some(System::OpenBsd),
            "ld.so.1"
                if interpreter.starts_with("/usr/lib") || interpreter.starts_with("/lib/amd64") =>
            {
                Some(System::Illumos)
            }
            "ld.so.1" if !interpreter.starts_with('/') => Some(System::Fuchsia),
            _ if name.starts_with("ld-musl-")
                || name.starts_with("ld-linux")
                || name.starts_with("ld64.so") =>
            {
                Some(System::Linux)
            }
            "ld.so.1" => Some(System::Linux),
            _ => None,
        };
        if let Some(system) = named {
            return (system, "PT_INTERP names its loader");
        }
    }
    match linking.ident[7] {
        3 => return (System::Linux, "EI_OSABI says GNU/Linux"),
        6 => return (System::Illumos, "EI_OSABI says Solaris"),
        9 => return (System::FreeBsd, "EI_OSABI says FreeBSD"),
        12 => return (System::OpenBsd, "EI_OSABI says OpenBSD"),
        _ => {}
    }
    if needs_freebsd(linking) {
        return (System::FreeBsd, "its version records are FreeBSD's");
    }
    let bionic = |version: &VersionNeed| {
        version.name == "LIBC"
            && matches!(version.library.as_str(), "libc.so" | "libm.so" | "libdl.so")
    };
    if linking.version_needs.iter().any(bionic)
        || linking.needed.iter().any(|name| name == "liblog.so")
    {
        return (System::Android, "it needs bionic's libc.so in its version LIBC");
    }
    (System::Unknown, "no note, no interpreter")
}

fn needs_freebsd(linking: &DynamicInfo) -> bool {
    linking.version_needs.iter().any(|need| need.name.starts_with("FBSD_"))
}

/// Fills in the C library; `imports` are the undefined symbols where they were read.
pub(crate) fn libc(
    headers: &SectionFacts,
    linking: &DynamicInfo,
    imports: Option<&[String]>,
    text: Option<&FoundStrings>,
) -> Libc {
    let (system, system_evidence) = system(headers, linking);
    let versions = |weak_too: bool| {
        linking
            .version_needs
            .iter()
            .filter(|record| is_glibc_library(&record.library) && (weak_too || !record.weak))
            .filter_map(|record| glibc_version(&record.name))
            .max()
            .map(|version| join(&version))
    };
    let known = |name, linkage, evidence: String| Libc {
        name: Fact::certain(name, evidence),
        linkage: Some(linkage),
        ..Libc::default()
    };
    let glibc = |evidence: String| Libc {
        version_required: versions(false),
        version_named: versions(true),
        ..known(LibcName::Glibc, Linkage::Dynamic, evidence)
    };
    let needs = |wanted: fn(&str) -> bool| linking.needed.iter().find(|name| wanted(name)).cloned();
    let dynamic_link = linking.interpreter.is_some() || !linking.needed.is_empty();
    let linkage = if dynamic_link { Linkage::Dynamic } else { Linkage::Static };

    match system {
        System::Android => return known(LibcName::Bionic, linkage, system_evidence.into()),
        System::Ohos => return known(LibcName::OhosMusl, linkage, system_evidence.into()),
        _ if text.is_some_and(|text| text.go) && !dynamic_link => {
            return known(
                LibcName::None,
                Linkage::Static,
                "Go's runtime calls the kernel itself".into(),
            );
        }
        System::FreeBsd => return known(LibcName::FreeBsd, linkage, system_evidence.into()),
        System::OpenBsd => return known(LibcName::OpenBsd, linkage, system_evidence.into()),
        System::Linux | System::Unknown => {}
        System::NetBsd | System::DragonFly | System::Illumos | System::Fuchsia => {
            return Libc {
                name: Fact::unknown("its system's C library has no name in this report"),
                linkage: Some(linkage),
                ..Libc::default()
            };
        }
    }
    if let Some(interpreter) = linking.interpreter.as_deref() {
        let name = interpreter.rsplit('/').next().unwrap_or_default();
        if name.starts_with("ld-musl-") {
            return known(LibcName::Musl, Linkage::Dynamic, format!("PT_INTERP is {interpreter}"));
        }
    }
    // Before the interpreter's other names: those say glibc, but gcompat's users see musl's file.
    if let Some(name) = needs(|name| name.starts_with("libc.musl-")) {
        return known(LibcName::Musl, Linkage::Dynamic, format!("it needs {name}"));
    }
    if let Some(name) = needs(|name| matches!(name, "libc.so.6" | "libc.so.6.1" | "libc.so.0.3")) {
        return glibc(format!("it needs {name}"));
    }
    if versions(true).is_some() {
        return glibc("its version records are of glibc's own libraries".to_string());
    }
    if let Some(interpreter) = linking.interpreter.as_deref() {
        let name = interpreter.rsplit('/').next().unwrap_or_default();
        if name.starts_with("ld-linux") || name.starts_with("ld64.so") || name == "ld.so.1" {
            return glibc(format!("PT_INTERP is {interpreter}"));
        }
    }
    // Android's library is the only other one of this name, and was recognised above.
    if needs(|name| name == "libc.so").is_some() {
        return known(
            LibcName::Musl,
            Linkage::Dynamic,
            "it needs libc.so, which only musl calls so".into(),
        );
    }
    if let Some(name) = linking.soname.as_deref().filter(|name| name.starts_with("libc.so.6")) {
        return glibc(format!("it is {name}"));
    }
    inside(headers, linking, imports, text)
}

/// The C library of a file that names none: static programs, and libraries that leave it to
/// whoever loads them.
fn inside(
    headers: &SectionFacts,
    linking: &DynamicInfo,
    imports: Option<&[String]>,
    text: Option<&FoundStrings>,
) -> Libc {
    let found = |name, linkage, evidence: &'static str| Libc {
        name: Fact::high(name, evidence),
        linkage: Some(linkage),
        ..Libc::default()
    };
    let unknown = |why: &'static str| Libc { name: Fact::unknown(why), ..Libc::default() };
    // glibc's start files carry this note; musl's never do.
    if headers.note("GNU", 1).is_some() {
        return found(LibcName::Glibc, Linkage::Static, "glibc's start files left NT_GNU_ABI_TAG");
    }
    if headers.sections.iter().any(|section| section.name.starts_with("__libc_")) {
        return found(LibcName::Glibc, Linkage::Static, "glibc's own sections (__libc_*)");
    }
    if let Some(text) = text {
        // In this order: tools that build for glibc carry glibc's texts, and none carries musl's
        // text for error 0 (src/errno/__strerror.h).
        if text.musl {
            return found(LibcName::Musl, Linkage::Static, "musl's text for error number 0");
        }
        if text.glibc {
            return found(LibcName::Glibc, Linkage::Static, "glibc's own texts are inside");
        }
    }
    if let Some(imports) = imports.filter(|imports| !imports.is_empty()) {
        // Symbols that one of the two has and the other has not.
        let imported =
            |names: &[&str]| imports.iter().any(|import| names.contains(&import.as_str()));
        if imported(&[
            "__xpg_strerror_r",
            "gnu_get_libc_version",
            "__cxa_thread_atexit_impl",
            "__fxstat64",
        ]) {
            return found(LibcName::Glibc, Linkage::Dynamic, "it imports what only glibc has");
        }
        if linking.version_needs.is_empty() {
            return found(
                LibcName::Musl,
                Linkage::Dynamic,
                "it imports from a C library without a version, and glibc's symbols have versions",
            );
        }
    }
    match text {
        None => unknown("only its text tells, which was not looked at"),
        Some(_) => unknown("nothing in it names a C library"),
    }
}

/// The triple, from machine, system and C library.
pub(crate) fn triple(
    headers: &SectionFacts,
    linking: &DynamicInfo,
    libc: &Libc,
    barriers: Option<ArmBarriers>,
) -> Fact<String> {
    let (system, evidence) = system(headers, linking);
    let arch = match arch(headers, linking, system, barriers) {
        Ok(arch) => arch,
        Err(why) => return Fact::unknown(why.to_string()),
    };
    let arm = linking.machine == elf::EM_ARM.0;
    let hard = if arm_hard_float(linking) { "hf" } else { "" };
    let name = match system {
        System::FreeBsd => format!("{arch}-unknown-freebsd"),
        System::OpenBsd => format!("{arch}-unknown-openbsd"),
        System::NetBsd => format!("{arch}-unknown-netbsd"),
        System::DragonFly => format!("{arch}-unknown-dragonfly"),
        System::Illumos if arch == "sparc64" => "sparcv9-sun-solaris".to_string(),
        System::Illumos => format!("{arch}-unknown-illumos"),
        System::Fuchsia => format!("{arch}-unknown-fuchsia"),
        System::Android if arm => format!("{arch}-linux-androideabi"),
        System::Android => format!("{arch}-linux-android"),
        System::Ohos => format!("{arch}-unknown-linux-ohos"),
        System::Linux | System::Unknown => match libc.name.value {
            Some(LibcName::None) => format!("{arch}-unknown-linux"),
            Some(LibcName::Glibc) if arm => format!("{arch}-unknown-linux-gnueabi{hard}"),
            Some(LibcName::Musl) if arm => format!("{arch}-unknown-linux-musleabi{hard}"),
            Some(LibcName::Glibc) => {
                format!("{arch}-unknown-linux-gnu{}", abi_suffix(headers, linking))
            }
            Some(LibcName::Musl) => {
                format!("{arch}-unknown-linux-musl{}", abi_suffix(headers, linking))
            }
            _ => return Fact::unknown(libc.name.evidence.clone()),
        },
    };
    match system {
        System::Linux | System::Unknown => Fact {
            value: Some(name),
            confidence: libc.name.confidence,
            evidence: format!("machine {}, {}", linking.machine, libc.name.evidence).into(),
        },
        _ => Fact::certain(name, format!("machine {}, {evidence}", linking.machine)),
    }
}

/// The part of a MIPS or x32 triple behind the library's name.
fn abi_suffix(headers: &SectionFacts, linking: &DynamicInfo) -> &'static str {
    match ElfMachine(linking.machine) {
        elf::EM_MIPS if linking.is_64() => "abi64",
        elf::EM_X86_64 if !linking.is_64() => "x32",
        elf::EM_PPC if headers.sections.iter().any(|s| s.name == ".PPC.EMB.apuinfo") => "spe",
        elf::EM_LOONGARCH if linking.flags & 0b111 == 1 => "sf",
        _ => "",
    }
}

/// Why the first word of a triple is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum UnknownArch {
    #[error("Rust has no target for this machine")]
    NoTarget,
    #[error("on ARM only the code tells the version, and it was not looked at")]
    ArmCodeNotRead,
    #[error("neither build attributes nor memory barriers tell the ARM version")]
    ArmVersion,
}

/// The triple's first word.
fn arch(
    headers: &SectionFacts,
    linking: &DynamicInfo,
    system: System,
    barriers: Option<ArmBarriers>,
) -> Result<String, UnknownArch> {
    let little = linking.is_little_endian();
    let flags = FileFlags(linking.flags);
    let has = |flag: FileFlags| flags.0 & flag.0 == flag.0;
    let name = match ElfMachine(linking.machine) {
        elf::EM_X86_64 => "x86_64",
        elf::EM_386 => "i686",
        elf::EM_AARCH64 if little => "aarch64",
        elf::EM_AARCH64 => "aarch64_be",
        elf::EM_ARM => return arm_arch(headers, linking, system, barriers),
        elf::EM_RISCV if linking.is_64() => "riscv64gc",
        elf::EM_RISCV => "riscv32gc",
        elf::EM_PPC64 if little => "powerpc64le",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_PPC => "powerpc",
        elf::EM_S390 => "s390x",
        elf::EM_LOONGARCH if linking.is_64() => "loongarch64",
        elf::EM_LOONGARCH => "loongarch32",
        elf::EM_MIPS => {
            // Release 6 has an architecture name of its own, as it dropped instructions.
            let release_6 = matches!(flags.0 & elf::EF_MIPS_ARCH, 0x9000_0000 | 0xa000_0000);
            match (linking.is_64(), release_6, little) {
                (true, false, true) => "mips64el",
                (true, false, false) => "mips64",
                (true, true, true) => "mipsisa64r6el",
                (true, true, false) => "mipsisa64r6",
                (false, false, true) => "mipsel",
                (false, false, false) => "mips",
                (false, true, true) => "mipsisa32r6el",
                (false, true, false) => "mipsisa32r6",
            }
        }
        elf::EM_SPARCV9 => "sparc64",
        elf::EM_SPARC | elf::EM_SPARC32PLUS => "sparc",
        elf::EM_68K => "m68k",
        elf::EM_HEXAGON => "hexagon",
        elf::EM_CSKY if has(FileFlags(0x8000)) => "csky",
        elf::EM_CSKY => "csky",
        _ => return Err(UnknownArch::NoTarget),
    };
    Ok(name.to_string())
}

/// ARM's architecture version. The build attributes are the maximum over all objects, so that one
/// C object for ARMv7 makes an ARMv6 program say v7, and what lld writes may be too low; the
/// standard library's own memory barriers are what the target made them.
fn arm_arch(
    headers: &SectionFacts,
    linking: &DynamicInfo,
    system: System,
    barriers: Option<ArmBarriers>,
) -> Result<String, UnknownArch> {
    if system == System::Android {
        // Rust's other Android target for ARM (armv5te) left with NDK 17.
        return Ok("armv7".to_string());
    }
    let attribute = cpu_arch_attribute(&headers.arm_attributes);
    let Some(barriers) = barriers else {
        return Err(UnknownArch::ArmCodeNotRead);
    };
    /// musl alone has three of each kind, for the machine it finds itself on.
    const MORE_THAN_LIBC: u64 = 16;
    let be = if linking.is_little_endian() { "" } else { "eb" };
    let name = match attribute {
        _ if barriers.dmb > MORE_THAN_LIBC => "armv7",
        _ if barriers.mcr > MORE_THAN_LIBC => "arm",
        // Tag_CPU_arch (ABI for the Arm architecture, addenda32): 2 v4T, 3 v5T, 4 v5TE, 5 v5TEJ,
        // 6 v6, 10 v7.
        Some(2) => "armv4t",
        Some(3..=5) if !arm_hard_float(linking) => "armv5te",
        Some(3..=9) => "arm",
        Some(10..) => "armv7",
        _ => return Err(UnknownArch::ArmVersion),
    };
    Ok(if be.is_empty() { name.to_string() } else { name.replacen("arm", "armeb", 1) })
}

/// `EF_ARM_ABI_FLOAT_HARD`; the build attribute says the same, but lld leaves it out.
fn arm_hard_float(linking: &DynamicInfo) -> bool {
    linking.flags & 0x400 != 0
}

/// `Tag_CPU_arch` of the file scope of the "aeabi" subsection.
fn cpu_arch_attribute(bytes: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(bytes, b"aeabi\0")?;
    // Behind the vendor's name: tag 1 (file scope) and its size.
    let mut rest = bytes.get(at + 6 + 5..)?;
    while !rest.is_empty() {
        let tag = uleb(&mut rest)?;
        // ABI addenda: 4, 5 and 67 are strings, 32 is a number and a string, above 32 odd tags
        // are strings.
        let string = matches!(tag, 4 | 5 | 67) || (tag > 32 && tag % 2 == 1);
        if tag == 32 {
            uleb(&mut rest)?;
        }
        if string || tag == 32 {
            let end = memchr::memchr(0, rest)?;
            rest = rest.get(end + 1..)?;
            continue;
        }
        let value = uleb(&mut rest)?;
        if tag == 6 {
            return Some(value);
        }
    }
    None
}

/// The libraries of the glibc package: others may use its version names, as musl's libgcc_s does.
fn is_glibc_library(name: &str) -> bool {
    let stem = name.split(".so").next().unwrap_or_default();
    matches!(
        stem,
        "libc"
            | "libm"
            | "libpthread"
            | "libdl"
            | "librt"
            | "libutil"
            | "libresolv"
            | "libnsl"
            | "libcrypt"
            | "libanl"
            | "libmvec"
            | "libBrokenLocale"
            | "libthread_db"
            | "libnss_files"
            | "libnss_dns"
    ) || stem.starts_with("ld-linux")
        || stem == "ld64"
        || name == "ld.so.1"
}

/// `GLIBC_2.17` as numbers; `GLIBC_PRIVATE` and `GLIBC_ABI_*` are not versions.
fn glibc_version(name: &str) -> Option<Vec<u32>> {
    let numbers = name.strip_prefix("GLIBC_")?;
    numbers.split('.').map(|number| number.parse().ok()).collect()
}

fn join(version: &[u32]) -> String {
    let numbers: Vec<String> = version.iter().map(u32::to_string).collect();
    numbers.join(".")
}
