//! Mach-O: the load commands of a thin file, and the slices of a universal one.

use std::ops::Range;

use object::macho;
use object::read::macho::FatArch;
use object::{BigEndian, ReadRef};

use crate::binary::detect::language::RustMarks;
use crate::binary::string_scan::FoundStrings;
use crate::binary::string_scan::complement;
use crate::binary::{
    Binary, BinaryFormat, BinaryKind, DebugInfo, Hardening, Libc, LibcName, Linkage, Machine,
    SymbolTableState,
};
use crate::digest::hex;
use crate::fact::Fact;

/// All load commands together; the largest programs measured have 10 kB of them.
const MAX_COMMANDS: u64 = 1 << 20;
/// Slices of a universal file: there are not that many processors.
const MAX_SLICES: u32 = 16;
/// Symbols that are looked at.
const MAX_SYMBOLS: u64 = 200_000;
/// A library's path.
const MAX_NAME: usize = 4096;

/// Where the slices of a universal file lie: `(offset, size)`; `None` when it is none.
pub(crate) fn slices<'data, R: ReadRef<'data>>(data: R) -> Option<Vec<(u64, u64)>> {
    // The universal header is big-endian whatever it holds.
    let header = data.read_at::<macho::FatHeader>(0).ok()?;
    let count = header.nfat_arch.get(BigEndian);
    // Java classes start alike; their version stands here and is 45 or more.
    if count == 0 || count > MAX_SLICES {
        return None;
    }
    match header.magic.get(BigEndian) {
        macho::FAT_MAGIC => slices_of::<macho::FatArch32, R>(data, count),
        macho::FAT_MAGIC_64 => slices_of::<macho::FatArch64, R>(data, count),
        _ => None,
    }
}

fn slices_of<'data, A: FatArch, R: ReadRef<'data>>(data: R, count: u32) -> Option<Vec<(u64, u64)>> {
    let at = size_of::<macho::FatHeader>() as u64;
    let slices = data.read_slice_at::<A>(at, usize::try_from(count).ok()?).ok()?;
    Some(slices.iter().map(|slice| (slice.offset().into(), slice.size().into())).collect())
}

/// What the load commands say.
#[derive(Default)]
struct Commands {
    platform: Option<u32>,
    needed: Vec<String>,
    install_name: Option<String>,
    paths: Vec<String>,
    linker: Option<String>,
    uuid: Option<String>,
    symbols: Option<(u64, u64, u64, u64)>,
    /// Index and number of the local and of the undefined symbols.
    local: (u64, u64),
    undefined: (u64, u64),
    dwarf: bool,
    writable_code: bool,
    /// Sections of machine code.
    code: Vec<(u64, u64)>,
    dep_v0: Option<(u64, u64)>,
    cut: bool,
}

/// A header's words in its own order.
struct HeaderWords {
    little: bool,
    wide: bool,
}

impl HeaderWords {
    fn word(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }

    fn long(&self, bytes: &[u8], at: usize) -> Option<u64> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u64::from_le_bytes(raw) } else { u64::from_be_bytes(raw) })
    }
}

/// Fills in the facts of a thin file that starts at offset 0 of `data`.
pub(crate) fn read<'data, R: ReadRef<'data>>(
    binary: &mut Binary,
    data: R,
    contents: Option<&[u8]>,
) {
    binary.format = Some(BinaryFormat::MachO);
    binary.contents_read = contents.is_some();
    let Some((words, header)) = header(data) else {
        binary.notes.push("cut off inside the Mach-O header".to_string());
        return;
    };
    let word = |at: usize| words.word(header, at).unwrap_or(0);
    let (cpu, subtype, kind, flags) = (word(4), word(8), word(12), word(24));
    let commands = commands(data, &words, word(16), word(20));
    if commands.cut {
        binary.notes.push("the load commands are damaged or cut off".to_string());
    }
    let mut damaged = commands.cut;
    if let Some((_, _, strings, size)) = commands.symbols
        && strings.checked_add(size).is_none_or(|end| end > binary.size)
    {
        damaged = true;
        binary.notes.push("the symbol table reaches past the end of the file".to_string());
    }
    binary.kind = match kind {
        1 => BinaryKind::Object,
        2 => BinaryKind::Executable,
        6 | 8 | 9 => BinaryKind::SharedLibrary,
        _ => BinaryKind::Other,
    };
    const PIE: u32 = 0x20_0000;
    const STACK_EXECUTION: u32 = 0x2_0000;
    let loaded = binary.kind == BinaryKind::Executable || binary.kind == BinaryKind::SharedLibrary;
    binary.position_independent =
        loaded.then_some(binary.kind == BinaryKind::SharedLibrary || flags & PIE != 0);
    binary.static_pie = loaded.then_some(false);
    let (arch, bits) = match (cpu, subtype & 0xff) {
        (0x0100_0007, _) => ("x86_64", 64),
        (7, _) => ("x86", 32),
        (0x0100_000c, _) => ("aarch64", 64),
        (0x0200_000c, _) => ("aarch64", 32),
        (12, _) => ("arm", 32),
        (0x0100_0012, _) => ("powerpc64", 64),
        (18, _) => ("powerpc", 32),
        _ => ("unknown", if words.wide { 64 } else { 32 }),
    };
    binary.machine = Some(Machine { arch, bits, little_endian: words.little });
    binary.triple = triple(cpu, subtype & 0xff, commands.platform);
    let system = commands.needed.iter().any(|name| name.starts_with("/usr/lib/libSystem."));
    binary.libc = Libc {
        name: if system || loaded {
            Fact::certain(LibcName::LibSystem, "Apple's systems have no other")
        } else {
            Fact::unknown("objects name no library")
        },
        linkage: loaded.then_some(Linkage::Dynamic),
        ..Libc::default()
    };
    binary.interpreter = commands.linker.clone();
    binary.needed = commands.needed.clone();
    binary.soname = commands.install_name.clone();
    binary.rpath = (!commands.paths.is_empty()).then(|| commands.paths.join(":"));
    binary.build_id = commands.uuid.clone();
    binary.hardening = Hardening {
        executable_stack: Some(flags & STACK_EXECUTION != 0),
        writable_executable_segment: Some(commands.writable_code),
        ..Hardening::default()
    };
    let symbols = symbols(data, &words, &commands, contents.is_some());
    binary.symbols =
        Some(if symbols.local { SymbolTableState::Present } else { SymbolTableState::Stripped });
    binary.debug_info = Some(match (commands.dwarf, symbols.objects) {
        (true, _) => DebugInfo::Present,
        (false, true) => DebugInfo::Separate,
        (false, false) => DebugInfo::None,
    });
    let text = contents.map(|bytes| {
        let mut code = commands.code.clone();
        code.sort_unstable();
        FoundStrings::read(bytes, &complement(&code, bytes.len()))
    });
    let section = |(offset, size): (u64, u64)| -> Option<Range<usize>> {
        let start = usize::try_from(offset).ok()?;
        Some(start..start.checked_add(usize::try_from(size).ok()?)?)
    };
    let tables = RustMarks {
        needed: &commands.needed,
        imports: &symbols.undefined,
        dep_v0: commands.dep_v0.is_some(),
        is_program: false,
        damaged,
        ..RustMarks::default()
    };
    let record = commands.dep_v0.and_then(section).and_then(|range| contents?.get(range));
    binary.read_rust(&tables, text.as_ref(), contents, record);
}

fn header<'data, R: ReadRef<'data>>(data: R) -> Option<(HeaderWords, &'data [u8])> {
    let magic = data.read_bytes_at(0, 4).ok()?;
    let (wide, little) = match magic {
        [0xce, 0xfa, 0xed, 0xfe] => (false, true),
        [0xcf, 0xfa, 0xed, 0xfe] => (true, true),
        [0xfe, 0xed, 0xfa, 0xce] => (false, false),
        [0xfe, 0xed, 0xfa, 0xcf] => (true, false),
        _ => return None,
    };
    let header = data.read_bytes_at(0, if wide { 32 } else { 28 }).ok()?;
    Some((HeaderWords { little, wide }, header))
}

/// Platforms are those of `mach-o/loader.h`.
fn triple(cpu: u32, subtype: u32, platform: Option<u32>) -> Fact<String> {
    let arch = match (cpu, subtype) {
        (0x0100_0007, 8) => "x86_64h",
        (0x0100_0007, _) => "x86_64",
        (7, _) => "i686",
        (0x0100_000c, 2) => "arm64e",
        (0x0100_000c, _) => "aarch64",
        (0x0200_000c, _) => "arm64_32",
        (12, 11) => "armv7s",
        (12, 12) => "armv7k",
        (12, _) => "armv7",
        (18, _) => "powerpc",
        (0x0100_0012, _) => "powerpc64",
        _ => return Fact::unknown("Rust has no target for this machine"),
    };
    let (system, evidence) = match platform {
        Some(1) => ("darwin", "the load commands name macOS"),
        Some(2) => ("ios", "the load commands name iOS"),
        Some(3) => ("tvos", "the load commands name tvOS"),
        Some(4) => ("watchos", "the load commands name watchOS"),
        Some(6) => ("ios-macabi", "the load commands name Mac Catalyst"),
        Some(7) if arch == "x86_64" => ("ios", "the load commands name the iOS simulator"),
        Some(7) => ("ios-sim", "the load commands name the iOS simulator"),
        Some(11) => ("visionos", "the load commands name visionOS"),
        Some(_) => {
            return Fact::unknown("the load commands name a platform that Rust has no target for");
        }
        None => {
            return Fact::high(
                format!("{arch}-apple-darwin"),
                "no platform is named, as on old macOS",
            );
        }
    };
    Fact::certain(format!("{arch}-apple-{system}"), evidence)
}

fn commands<'data, R: ReadRef<'data>>(
    data: R,
    words: &HeaderWords,
    count: u32,
    size: u32,
) -> Commands {
    let mut commands = Commands::default();
    let start = if words.wide { 32 } else { 28 };
    let length =
        data.len().unwrap_or(0).saturating_sub(start).min(u64::from(size)).min(MAX_COMMANDS);
    commands.cut = length < u64::from(size);
    let mut rest = data.read_bytes_at(start, length).unwrap_or_default();
    for _ in 0..count {
        let (Some(kind), Some(size)) = (words.word(rest, 0), words.word(rest, 4)) else {
            commands.cut = true;
            break;
        };
        let (true, Some((command, tail))) = (size >= 8, rest.split_at_checked(size as usize))
        else {
            commands.cut = true;
            break;
        };
        commands.take(kind, command, words);
        rest = tail;
    }
    commands
}

impl Commands {
    fn take(&mut self, kind: u32, command: &[u8], words: &HeaderWords) {
        let word = |at: usize| words.word(command, at).unwrap_or(0);
        let pair = |at: usize| (u64::from(word(at)), u64::from(word(at + 4)));
        // The highest bit only says that the loader has to know the command.
        match kind & 0x7fff_ffff {
            0x1 => self.take_segment(command, words, false),
            0x19 => self.take_segment(command, words, true),
            0x2 => {
                let ((at, count), (strings, size)) = (pair(8), pair(16));
                self.symbols = Some((at, count, strings, size));
            }
            0xb => {
                self.local = pair(8);
                self.undefined = pair(24);
            }
            0xc | 0x18 | 0x1f | 0x20 | 0x23 => self.needed.extend(string(command, word(8))),
            0xd => self.install_name = string(command, word(8)),
            0xe => self.linker = string(command, word(8)),
            0x1c => self.paths.extend(string(command, word(8))),
            0x1b => self.uuid = command.get(8..24).map(hex),
            0x24 => self.platform = Some(1),
            0x25 => self.platform = Some(2),
            0x2f => self.platform = Some(3),
            0x30 => self.platform = Some(4),
            0x32 => self.platform = Some(word(8)),
            _ => {}
        }
    }

    fn take_segment(&mut self, command: &[u8], words: &HeaderWords, wide: bool) {
        const WRITE_EXECUTE: u32 = 2 | 4;
        let (protection, sections, size) = if wide { (60, 72, 80) } else { (44, 56, 68) };
        self.dwarf |= command.get(8..).is_some_and(|name| name.starts_with(b"__DWARF\0"));
        let protection = words.word(command, protection).unwrap_or(0);
        self.writable_code |= protection & WRITE_EXECUTE == WRITE_EXECUTE;
        for section in command.get(sections..).unwrap_or_default().chunks_exact(size) {
            let (length, offset, flags) = if wide {
                (words.long(section, 40), words.word(section, 48), words.word(section, 64))
            } else {
                (
                    words.word(section, 36).map(u64::from),
                    words.word(section, 40),
                    words.word(section, 56),
                )
            };
            let place = (u64::from(offset.unwrap_or(0)), length.unwrap_or(0));
            // S_ATTR_PURE_INSTRUCTIONS
            if flags.unwrap_or(0) & 0x8000_0000 != 0 {
                self.code.push(place);
            }
            if section.starts_with(b".dep-v0\0") {
                self.dep_v0 = Some(place);
            }
        }
    }
}

fn string(command: &[u8], at: u32) -> Option<String> {
    let bytes = command.get(at as usize..)?;
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len()).min(MAX_NAME);
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

#[derive(Default)]
struct SymbolSummary {
    /// Symbols that only a debugger has a use for.
    local: bool,
    /// Debug information in object files that are named (N_OSO).
    objects: bool,
    undefined: Vec<String>,
}

fn symbols<'data, R: ReadRef<'data>>(
    data: R,
    words: &HeaderWords,
    commands: &Commands,
    names: bool,
) -> SymbolSummary {
    let mut seen = SymbolSummary::default();
    let Some((at, count, strings, _)) = commands.symbols else { return seen };
    let size: u64 = if words.wide { 16 } else { 12 };
    let entries = |(first, number): (u64, u64)| -> &'data [u8] {
        let number = number.min(count.saturating_sub(first)).min(MAX_SYMBOLS);
        let start = first.checked_mul(size).and_then(|skip| skip.checked_add(at));
        start.and_then(|start| data.read_bytes_at(start, number * size).ok()).unwrap_or_default()
    };
    const OBJECT_FILE: u8 = 0x66;
    let local = entries(commands.local);
    seen.objects = local.chunks_exact(size as usize).any(|symbol| symbol[4] == OBJECT_FILE);
    // `strip` leaves one local symbol of its own (radr://5614542).
    seen.local = local.len() as u64 > size;
    if names {
        for symbol in entries(commands.undefined).chunks_exact(size as usize) {
            let name =
                words.word(symbol, 0).map(u64::from).and_then(|index| strings.checked_add(index));
            let name = name.and_then(|start| {
                let there = data.len().ok()?.checked_sub(start)?;
                data.read_bytes_at(start, there.min(256)).ok()
            });
            seen.undefined.extend(name.map(crate::binary::elf::sections::c_string));
        }
    }
    seen
}
