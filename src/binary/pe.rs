//! PE: the headers, the import table and the debug directory of a Windows program.

use object::pe;
use object::pod::Pod;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader};
use object::{LittleEndian as LE, ReadRef, U16, U32, U64};

use crate::binary::detect::language::RustMarks;
use crate::binary::elf::sections::c_string;
use crate::binary::string_scan::complement;
use crate::binary::string_scan::{FoundStrings, StringSignature};
use crate::binary::{
    Binary, BinaryFormat, BinaryKind, DebugInfo, Hardening, Libc, LibcName, Linkage, Machine,
    SymbolTableState,
};
use crate::digest::hex;
use crate::fact::Fact;

/// The loader itself takes no more than 96 sections.
const MAX_SECTIONS: u64 = 96;
/// All data directories that there are.
const MAX_DIRECTORIES: u64 = pe::IMAGE_NUMBEROF_DIRECTORY_ENTRIES as u64;
/// Imported libraries: hundreds in the largest programs.
const MAX_LIBRARIES: u64 = 4096;
/// Debug directory entries; linkers write up to five.
const MAX_DEBUG: u64 = 64;

/// What the headers say.
#[derive(Default)]
struct PeHeaders {
    machine: u16,
    characteristics: u16,
    symbols: u32,
    wide: bool,
    linker: (u8, u8),
    subsystem: u16,
    dll_characteristics: u16,
    /// `(address, size)` of each data directory.
    directories: Vec<(u32, u32)>,
    sections: Vec<PeSection>,
    /// Between the DOS header and the PE header: where Microsoft's linker leaves its "Rich" mark.
    rich: bool,
}

struct PeSection {
    name: String,
    address: u32,
    memory_size: u32,
    offset: u32,
    file_size: u32,
    characteristics: u32,
}

const CODE: u32 = 0x20;
const EXECUTE: u32 = 0x2000_0000;
const WRITE: u32 = 0x8000_0000;

/// Fills in the facts. A file that only starts as a DOS program is answered with a note.
pub(crate) fn read<'data, R: ReadRef<'data>>(
    binary: &mut Binary,
    data: R,
    contents: Option<&[u8]>,
) {
    binary.contents_read = contents.is_some();
    let Some(headers) = headers(data) else {
        binary.notes.push("starts as a DOS program, but no whole PE header follows".to_string());
        binary.rust = Fact::unknown("the file cannot be read as a program");
        return;
    };
    binary.format = Some(BinaryFormat::Pe);
    let length = binary.size;
    let cut =
        headers.sections.iter().any(|it| u64::from(it.offset) + u64::from(it.file_size) > length);
    if cut {
        binary.notes.push("sections reach past the end of the file".to_string());
    }
    const DLL: u16 = 0x2000;
    const DYNAMIC_BASE: u16 = 0x40;
    const NX_COMPAT: u16 = 0x100;
    binary.kind = if headers.characteristics & DLL != 0 {
        BinaryKind::SharedLibrary
    } else {
        BinaryKind::Executable
    };
    let (arch, bits) = match headers.machine {
        0x8664 => ("x86_64", 64),
        0x014c => ("x86", 32),
        0xaa64 => ("aarch64", 64),
        0xa641 => ("arm64ec", 64),
        0x01c4 | 0x01c0 | 0x01c2 => ("arm", 32),
        _ => ("unknown", if headers.wide { 64 } else { 32 }),
    };
    binary.machine = Some(Machine { arch, bits, little_endian: true });
    binary.position_independent = Some(headers.dll_characteristics & DYNAMIC_BASE != 0);
    binary.static_pie = Some(false);
    binary.hardening = Hardening {
        executable_stack: Some(headers.dll_characteristics & NX_COMPAT == 0),
        writable_executable_segment: Some(
            headers
                .sections
                .iter()
                .any(|it| it.characteristics & (EXECUTE | WRITE) == EXECUTE | WRITE),
        ),
        ..Hardening::default()
    };
    let mut thrown = Vec::new();
    binary.needed = imports(data, &headers, &mut thrown);
    let debug = debug(data, &headers);
    binary.build_id = debug.clone();
    binary.symbols = Some(if headers.symbols > 0 {
        SymbolTableState::Present
    } else {
        SymbolTableState::Stripped
    });
    // GNU tools name `.debug_info` by its place in the symbols' string table; the sections that
    // only debuggers want are the discardable ones with such a name.
    const DISCARDABLE: u32 = 0x0200_0000;
    let dwarf = headers.sections.iter().any(|it| {
        it.name.starts_with(".debug_")
            || it.name.starts_with('/')
                && headers.symbols > 0
                && it.characteristics & DISCARDABLE != 0
    });
    binary.debug_info = Some(match (dwarf, &debug) {
        (true, _) => DebugInfo::Present,
        (false, Some(_)) => DebugInfo::Separate,
        (false, None) => DebugInfo::None,
    });
    let text = contents.map(|bytes| {
        let mut code: Vec<(u64, u64)> = headers
            .sections
            .iter()
            .filter(|it| it.characteristics & (CODE | EXECUTE) == CODE | EXECUTE)
            .map(|it| (it.offset.into(), it.file_size.into()))
            .collect();
        code.sort_unstable();
        FoundStrings::read(bytes, &complement(&code, bytes.len()))
    });
    identify(binary, &headers, debug.is_some(), text.as_ref());
    let tables = RustMarks {
        needed: &binary.needed.clone(),
        imports: &thrown,
        dep_v0: headers.sections.iter().any(|it| it.name == ".dep-v0"),
        is_program: false,
        damaged: cut,
        may_be_traceless: true,
        ..RustMarks::default()
    };
    let record = headers.sections.iter().find(|it| it.name == ".dep-v0").and_then(|it| {
        let start = it.offset as usize;
        let size = it.memory_size.min(it.file_size) as usize;
        contents?.get(start..start.checked_add(size)?)
    });
    binary.read_rust(&tables, text.as_ref(), contents, record);
}

/// The triple's last word and the C library: Microsoft's own linker and its imitators leave a
/// PDB's name or their "Rich" mark, MinGW's start code leaves its messages.
fn identify(binary: &mut Binary, headers: &PeHeaders, debug: bool, text: Option<&FoundStrings>) {
    let imports = |wanted: fn(&str) -> bool| {
        binary.needed.iter().find(|name| wanted(&name.to_ascii_lowercase())).cloned()
    };
    let arch = match headers.machine {
        0x8664 => "x86_64",
        0x014c => "i686",
        0xaa64 => "aarch64",
        0xa641 => "arm64ec",
        0x01c4 => "thumbv7a",
        _ => {
            binary.triple = Fact::unknown("Rust has no target for this machine");
            return;
        }
    };
    if (10..=13).contains(&headers.subsystem) {
        binary.triple = Fact::certain(format!("{arch}-unknown-uefi"), "its subsystem is EFI's");
        binary.libc.name = Fact::certain(LibcName::None, "EFI programs have none");
        return;
    }
    let universal =
        imports(|name| name.starts_with("api-ms-win-crt-") || name.starts_with("ucrtbase"));
    let runtime = imports(|name| name.starts_with("vcruntime"));
    let old = imports(|name| name == "msvcrt.dll");
    let dynamic =
        |evidence: &Option<String>| format!("it needs {}", evidence.as_deref().unwrap_or_default());
    let libc = |name, linkage, evidence: String| Libc {
        name: Fact::high(name, evidence),
        linkage: Some(linkage),
        ..Libc::default()
    };
    let gnu_text = text.is_some_and(|text| text.has(StringSignature::Mingw));
    let go = text.is_some_and(|text| text.go);
    let (environment, evidence, library) = if go && runtime.is_none() && universal.is_none() {
        let evidence = "Go's runtime calls the system itself";
        ("", evidence, libc(LibcName::None, Linkage::Static, evidence.to_string()))
    } else if runtime.is_some() {
        (
            "-msvc",
            "it needs Microsoft's C++ runtime",
            libc(LibcName::Msvc, Linkage::Dynamic, dynamic(&runtime)),
        )
    } else if gnu_text || old.is_some() && !headers.rich || headers.linker.0 < 3 && !headers.rich {
        let library = match (&universal, &old) {
            (Some(_), _) => libc(LibcName::Ucrt, Linkage::Dynamic, dynamic(&universal)),
            (None, Some(_)) => libc(LibcName::Msvc, Linkage::Dynamic, dynamic(&old)),
            (None, None) => {
                libc(LibcName::None, Linkage::Static, "it needs no C library".to_string())
            }
        };
        (
            "-gnu",
            if gnu_text { "MinGW's start code is inside" } else { "GNU's linker made it" },
            library,
        )
    } else if headers.rich || debug {
        let library = match &universal {
            Some(_) => libc(LibcName::Msvc, Linkage::Dynamic, dynamic(&universal)),
            None => libc(
                LibcName::Msvc,
                Linkage::Static,
                "it needs no C library, and Microsoft's linker made it".into(),
            ),
        };
        (
            "-msvc",
            if headers.rich { "Microsoft's linker left its mark" } else { "it names a PDB" },
            library,
        )
    } else {
        let why = match text {
            None => "neither a PDB nor a linker's mark, and its text was not looked at",
            Some(_) => "neither a PDB nor a linker's mark",
        };
        binary.triple = Fact::unknown(why);
        binary.libc.name = Fact::unknown(why);
        return;
    };
    binary.triple = Fact::high(format!("{arch}-pc-windows{environment}"), evidence);
    binary.libc = library;
}

/// Microsoft's "PE Format": the DOS header's `e_lfanew`, signature, COFF header, optional header,
/// section table.
fn headers<'data, R: ReadRef<'data>>(data: R) -> Option<PeHeaders> {
    let dos = data.read_at::<pe::ImageDosHeader>(0).ok()?;
    let at = u64::from(dos.e_lfanew.get(LE));
    let optional_at = at.checked_add(size_of::<pe::ImageNtHeaders32>() as u64)?
        - size_of::<pe::ImageOptionalHeader32>() as u64;
    match data.read_at::<U16<LE>>(optional_at).ok()?.get(LE) {
        pe::IMAGE_NT_OPTIONAL_HDR32_MAGIC => headers_of::<pe::ImageNtHeaders32, R>(data, at),
        pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => headers_of::<pe::ImageNtHeaders64, R>(data, at),
        _ => None,
    }
}

/// The headers of one width, which begin at `at`.
fn headers_of<'data, H: ImageNtHeaders, R: ReadRef<'data>>(data: R, at: u64) -> Option<PeHeaders> {
    let mut rest = at;
    let nt = data.read::<H>(&mut rest).ok()?;
    if nt.signature() != pe::IMAGE_NT_SIGNATURE {
        return None;
    }
    let (coff, optional) = (nt.file_header(), nt.optional_header());
    // What the optional header is longer than its fixed part are the data directories.
    let fixed = size_of::<H::ImageOptionalHeader>() as u64;
    let variable = u64::from(coff.size_of_optional_header.get(LE)).checked_sub(fixed)?;
    let room = variable / size_of::<pe::ImageDataDirectory>() as u64;
    let count = u64::from(optional.number_of_rva_and_sizes()).min(MAX_DIRECTORIES).min(room);
    let directories =
        data.read_slice_at::<pe::ImageDataDirectory>(rest, usize::try_from(count).ok()?).ok()?;
    let sections =
        (0..u64::from(coff.number_of_sections.get(LE)).min(MAX_SECTIONS)).map_while(|number| {
            let at = rest.checked_add(variable)?;
            let size = size_of::<pe::ImageSectionHeader>() as u64;
            data.read_at::<pe::ImageSectionHeader>(at.checked_add(number * size)?).ok()
        });
    let section = |it: &pe::ImageSectionHeader| PeSection {
        name: c_string(&it.name),
        memory_size: it.virtual_size.get(LE),
        address: it.virtual_address.get(LE),
        file_size: it.size_of_raw_data.get(LE),
        offset: it.pointer_to_raw_data.get(LE),
        characteristics: it.characteristics.get(LE).0,
    };
    let stub_at = size_of::<pe::ImageDosHeader>() as u64;
    let stub = data.read_bytes_at(stub_at, at.saturating_sub(stub_at).min(1024));
    Some(PeHeaders {
        machine: coff.machine.get(LE).0,
        symbols: coff.number_of_symbols.get(LE),
        characteristics: coff.characteristics.get(LE).0,
        wide: nt.is_type_64(),
        linker: (optional.major_linker_version(), optional.minor_linker_version()),
        subsystem: optional.subsystem().0,
        dll_characteristics: optional.dll_characteristics().0,
        directories: directories
            .iter()
            .map(|it| (it.virtual_address.get(LE), it.size.get(LE)))
            .collect(),
        sections: sections.map(section).collect(),
        rich: memchr::memmem::find(stub.unwrap_or_default(), b"Rich").is_some(),
    })
}

impl PeHeaders {
    fn offset(&self, address: u32) -> Option<u64> {
        self.sections.iter().find_map(|section| {
            let inside = address.checked_sub(section.address)?;
            (inside < section.file_size).then(|| u64::from(section.offset) + u64::from(inside))
        })
    }

    fn directory(&self, index: usize) -> Option<(u32, u32)> {
        self.directories.get(index).copied().filter(|it| it.0 != 0)
    }
}

/// The libraries of the import table and of the delayed one; and the symbols that are asked of
/// Microsoft's C++ runtime, which is where unwinding is.
fn imports<'data, R: ReadRef<'data>>(
    data: R,
    headers: &PeHeaders,
    of_runtime: &mut Vec<String>,
) -> Vec<String> {
    let mut names = Vec::new();
    let imported = table(data, headers, pe::IMAGE_DIRECTORY_ENTRY_IMPORT, MAX_LIBRARIES).map_while(
        |it: &pe::ImageImportDescriptor| {
            Some((library(data, headers, it.name.get(LE))?, it.original_first_thunk.get(LE)))
        },
    );
    for (name, table) in imported {
        if name.to_ascii_lowercase().starts_with("vcruntime") {
            of_runtime.extend(symbols(data, headers, table));
        }
        names.push(name);
    }
    let delayed = table(data, headers, pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, MAX_LIBRARIES);
    names.extend(delayed.map_while(|it: &pe::ImageDelayloadDescriptor| {
        library(data, headers, it.dll_name_rva.get(LE))
    }));
    names
}

/// The first `limit` entries of a data directory's table; none where there is no such directory.
fn table<'data, T: Pod, R: ReadRef<'data>>(
    data: R,
    headers: &PeHeaders,
    index: usize,
    limit: u64,
) -> impl Iterator<Item = &'data T> {
    let start = headers.directory(index).and_then(|it| headers.offset(it.0));
    let at = |start: u64, number: u64| start.checked_add(number * size_of::<T>() as u64);
    let entries = start.into_iter().flat_map(move |start| (0..limit).map(move |it| at(start, it)));
    entries.map_while(move |at| data.read_at::<T>(at?).ok())
}

/// The name of an imported library; `None` at the end of the table.
fn library<'data, R: ReadRef<'data>>(data: R, headers: &PeHeaders, name: u32) -> Option<String> {
    string(data, headers.offset(Some(name).filter(|&name| name != 0)?)?)
}

fn string<'data, R: ReadRef<'data>>(data: R, at: u64) -> Option<String> {
    let there = data.len().ok()?.checked_sub(at)?.min(256);
    data.read_bytes_at(at, there).ok().map(c_string)
}

/// The names of one library's import lookup table.
fn symbols<'data, R: ReadRef<'data>>(data: R, headers: &PeHeaders, table: u32) -> Vec<String> {
    const MAX_SYMBOLS: u64 = 512;
    let Some(start) = headers.offset(table) else { return Vec::new() };
    let entry = |number: u64| {
        // The highest bit says that an ordinal stands here and no name.
        let (address, by_name) = match headers.wide {
            true => {
                let entry = data.read_at::<U64<LE>>(start.checked_add(number * 8)?).ok()?.get(LE);
                (entry as u32, entry & pe::IMAGE_ORDINAL_FLAG64 == 0)
            }
            false => {
                let entry = data.read_at::<U32<LE>>(start.checked_add(number * 4)?).ok()?.get(LE);
                (entry, entry & pe::IMAGE_ORDINAL_FLAG32 == 0)
            }
        };
        Some(address).filter(|&address| address != 0 && by_name)
    };
    (0..MAX_SYMBOLS)
        .map_while(entry)
        .filter_map(|address| string(data, headers.offset(address)?.checked_add(2)?))
        .collect()
}

/// The GUID and age of the PDB that the debug directory names.
fn debug<'data, R: ReadRef<'data>>(data: R, headers: &PeHeaders) -> Option<String> {
    let (_, size) = headers.directory(pe::IMAGE_DIRECTORY_ENTRY_DEBUG)?;
    let count = u64::from(size) / size_of::<pe::ImageDebugDirectory>() as u64;
    let mut entries = table(data, headers, pe::IMAGE_DIRECTORY_ENTRY_DEBUG, count.min(MAX_DEBUG));
    entries.find_map(|entry: &pe::ImageDebugDirectory| {
        if entry.typ.get(LE) != pe::IMAGE_DEBUG_TYPE_CODEVIEW {
            return None;
        }
        let record = data.read_bytes_at(entry.pointer_to_raw_data.get(LE).into(), 24).ok()?;
        record.starts_with(b"RSDS").then(|| guid(&record[4..20]))
    })
}

/// As debuggers write it: the first three fields are little-endian numbers.
fn guid(bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    for field in [0..4, 4..6, 6..8] {
        if let Some(field) = bytes.get_mut(field) {
            field.reverse();
        }
    }
    hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers, one section and an import table, with the offsets of Microsoft's "PE Format".
    fn program(wide: bool) -> Vec<u8> {
        let mut bytes = vec![0; 0x300];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"MZ");
        put(0x3c, &[0x40]);
        put(0x40, b"PE\0\0");
        put(0x44, if wide { &[0x64, 0x86] } else { &[0x4c, 0x01] });
        put(0x46, &[1]);
        let (size, magic, directories) = if wide { (240, 0x20b, 112) } else { (224, 0x10b, 96) };
        put(0x54, &u16::to_le_bytes(size));
        let optional = 0x58;
        put(optional, &u16::to_le_bytes(magic));
        put(optional + 2, &[14, 2]);
        put(optional + 68, &[3]);
        put(optional + 70, &[0x40, 0x01]);
        put(optional + directories - 4, &[16]);
        put(optional + directories + 8, &u32::to_le_bytes(0x1000));
        let section = optional + usize::from(size);
        put(section, b".idata");
        for (at, value) in [(8, 0x100), (12, 0x1000), (16, 0x100), (20, 0x200)] {
            put(section + at, &u32::to_le_bytes(value));
        }
        put(0x200 + 12, &u32::to_le_bytes(0x1040));
        put(0x240, b"KERNEL32.dll");
        bytes
    }

    #[test]
    fn headers_of_both_widths_are_read() {
        for (wide, machine) in [(true, 0x8664), (false, 0x14c)] {
            let bytes = program(wide);
            let found = headers(bytes.as_slice()).unwrap();
            assert_eq!((found.machine, found.wide, found.linker), (machine, wide, (14, 2)));
            assert_eq!((found.subsystem, found.dll_characteristics), (3, 0x140));
            assert_eq!(found.sections[0].name, ".idata");
            let libraries = imports(bytes.as_slice(), &found, &mut Vec::new());
            assert_eq!(libraries, ["KERNEL32.dll"]);
        }
    }

    #[test]
    fn what_is_cut_off_names_no_more_than_is_there() {
        let bytes = program(true);
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            let Some(found) = headers(cut) else { continue };
            let libraries = imports(cut, &found, &mut Vec::new());
            assert!(libraries.is_empty() || end >= 0x240, "{end}: {libraries:?}");
        }
        let mut other = bytes;
        other[0x58] = 0x07;
        assert!(headers(other.as_slice()).is_none(), "a ROM image is no program");
    }
}
