//! Opens one candidate for a library as glibc's `open_verify` does, and says why it will not do.

use std::sync::Arc;

use crate::binary::elf::DynamicInfo;
use crate::binary::elf::{DF_1_PIE, ET_DYN, ET_EXEC, ElfError};
use crate::rootfs::FileKind;
use crate::rootfs::tree::{Errno, resolve};
use crate::start::image::elf_tree::ElfTree;

/// What became of a candidate.
pub(super) enum OpenResult {
    /// A library for this machine, and its path without links.
    Found(Vec<u8>, Arc<DynamicInfo>),
    /// Not there: the search goes on.
    Absent(Errno),
    /// There, but for another class: the search goes on, and the last word changes.
    OtherClass,
    /// There, but for another machine: the search goes on.
    OtherMachine,
    /// There and wrong: the loader gives up with this.
    Broken(&'static str),
    /// There, but its bytes were not looked at.
    Unread,
}

/// Opens an absolute path as a loader does.
pub(super) fn open(tree: &dyn ElfTree, path: &str, loader: &DynamicInfo) -> OpenResult {
    let resolved = match resolve(tree, path.as_bytes()) {
        Ok(resolved) => resolved,
        Err(not) => return OpenResult::Absent(not.why),
    };
    if tree.refuses(&resolved.entry, 0o4) {
        return OpenResult::Absent(Errno::PermissionDenied);
    }
    let size = match resolved.entry.kind {
        FileKind::File { size } => size,
        FileKind::Directory => return OpenResult::Broken("cannot read file data: Error 21"),
        FileKind::Other | FileKind::Symlink(_) => return OpenResult::Unread,
    };
    let header = if loader.is_64() { 64 } else { 52 };
    if size < header {
        return OpenResult::Broken("file too short");
    }
    match tree.linking(&resolved.path) {
        None => OpenResult::Unread,
        Some(Err(ElfError::TooShort)) => OpenResult::Broken("file too short"),
        Some(Err(ElfError::Magic)) => OpenResult::Broken("invalid ELF header"),
        Some(Err(ElfError::Ident)) => OpenResult::OtherClass,
        Some(Ok(linking)) => match refusal(&linking, loader) {
            Some(refusal) => refusal,
            None => OpenResult::Found(resolved.path, linking),
        },
    }
}

/// The tests of the header, in the loader's order.
fn refusal(linking: &DynamicInfo, loader: &DynamicInfo) -> Option<OpenResult> {
    let ident = &linking.ident;
    if ident[4] != loader.ident[4] {
        return Some(OpenResult::OtherClass);
    }
    let order = if loader.is_little_endian() {
        "ELF file data encoding not little-endian"
    } else {
        "ELF file data encoding not big-endian"
    };
    let header_size = if linking.is_64() { 56 } else { 32 };
    let wrong = [
        (ident[5] != loader.ident[5], order),
        (ident[6] != 1, "ELF file version ident does not match current one"),
        (!matches!(ident[7], 0 | 3), "ELF file OS ABI invalid"),
        (ident[7] == 0 && ident[8] != 0, "ELF file ABI version invalid"),
        (ident[9..].iter().any(|&byte| byte != 0), "nonzero padding in e_ident"),
        (linking.version != 1, "ELF file version does not match current one"),
    ];
    if let Some((_, why)) = wrong.iter().find(|(wrong, _)| *wrong) {
        return Some(OpenResult::Broken(why));
    }
    if !same_machine(linking, loader) {
        return Some(OpenResult::OtherMachine);
    }
    if !matches!(linking.file_type, ET_DYN | ET_EXEC) {
        return Some(OpenResult::Broken("only ET_DYN and ET_EXEC can be loaded"));
    }
    if linking.program_header_size != header_size {
        return Some(OpenResult::Broken("ELF file's phentsize not the expected size"));
    }
    None
}

/// The machine, and what of `e_flags` names another calling convention (`elf_machine_matches_host`).
fn same_machine(linking: &DynamicInfo, loader: &DynamicInfo) -> bool {
    let mask = match loader.machine {
        243 => 0x6,  // RISC-V: the floating-point ABI
        21 => 0x3,   // 64-bit PowerPC: ELFv1 or ELFv2
        8 => 0xf020, // MIPS: o32, n32 or n64
        _ => 0,
    };
    let (own, other) = (loader.flags & mask, linking.flags & mask);
    let any_abi = loader.machine == 21 && (own == 0 || other == 0);
    linking.machine == loader.machine && (own == other || any_abi)
}

/// Why a library that is mapped will not do as soon as it is touched: the file ends before its
/// segments do, the loader does not look, and the kernel sends SIGBUS.
pub(super) fn describe_truncation(linking: &DynamicInfo) -> Option<String> {
    let end = linking.loads().map(|it| it.offset.saturating_add(it.file_size)).max()?;
    let size = linking.file_size;
    (end > size).then(|| format!("cut off: {size} bytes of at least {end} are there"))
}

/// What `_dl_map_object_from_fd` refuses of a file that was opened.
pub(super) fn refused_by_mapping(linking: &DynamicInfo) -> Option<&'static str> {
    // The smallest page of any machine that Rust knows; a file that is out of step with it is so
    // with every larger one.
    const PAGE: u64 = 4096;
    let out_of_step =
        |it: &&crate::binary::elf::ElfSegment| it.address.wrapping_sub(it.offset) & (PAGE - 1) != 0;
    if linking.loads().any(|it| out_of_step(&it)) {
        Some("ELF load command address/offset not page-aligned")
    } else if linking.loads().next().is_none() {
        Some("object file has no loadable segments")
    } else if linking.file_type != ET_DYN {
        Some("cannot dynamically load executable")
    } else if !linking.dynamic {
        Some("object file has no dynamic section")
    } else if linking.dt_flags_1 & DF_1_PIE != 0 {
        Some("cannot dynamically load position-independent executable")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::{ElfSegment, PT_LOAD};

    #[test]
    fn a_library_that_ends_before_its_segments_is_cut_off() {
        let of = |file_size| DynamicInfo {
            file_size,
            segments: vec![
                ElfSegment { kind: PT_LOAD, offset: 0, file_size: 0x500, ..ElfSegment::default() },
                ElfSegment {
                    kind: PT_LOAD,
                    offset: 0x1000,
                    file_size: 0x200,
                    ..ElfSegment::default()
                },
            ],
            ..DynamicInfo::default()
        };
        assert_eq!(describe_truncation(&of(0x1200)), None);
        let why = describe_truncation(&of(0x11ff)).unwrap();
        assert_eq!(why, "cut off: 4607 bytes of at least 4608 are there");
        assert_eq!(describe_truncation(&DynamicInfo::default()), None);
    }
}
