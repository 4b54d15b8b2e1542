//! Objects of other languages that were linked in, by the symbol table's own word.

use object::elf;
use object::read::elf::{FileHeader, Sym};

use crate::binary::Binary;

/// Whether the code of other languages in a program uses a guard of the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded<'a> {
    /// There is no such code.
    NoForeignCode,
    /// It does.
    Yes,
    /// It does not; one of its source files.
    No(&'a str),
    /// Why it cannot be told.
    Unknown(&'static str),
}

impl Binary {
    /// Whether the program takes a function from the C library that only code with this guard
    /// calls. Pure Rust never does.
    pub fn foreign_code_is_guarded(&self, by: impl Fn(&str) -> bool) -> Guarded<'_> {
        let Some(sources) = &self.c_sources else {
            return Guarded::Unknown(
                "without a symbol table, whether C was linked in cannot be told",
            );
        };
        let Some(first) = sources.first() else { return Guarded::NoForeignCode };
        match self.linking.as_ref().and_then(|it| it.symbols.as_ref()) {
            None => Guarded::Unknown("the dynamic symbols could not be read"),
            Some(symbols) if symbols.references().any(|it| by(it.name)) => Guarded::Yes,
            Some(_) => Guarded::No(first),
        }
    }
}

/// Endings of the source files of C, C++ and Objective-C. No compiler guards assembly.
const ENDINGS: &[&str] = &[".c", ".cc", ".cpp", ".cxx", ".C", ".m"];

/// The compiler's own start files, which every program has.
const START_FILES: &[&str] =
    &["crtstuff.c", "init.c", "static-reloc.c", "abi-note.c", "elf-init.c", "crt1.c"];

/// The names are kept up to this many; one is evidence enough.
const AT_MOST: usize = 16;

/// The source files that other compilers made objects of: each object names its own with a symbol
/// of type `STT_FILE` (ELF gABI, chapter 4). `None` without a symbol table.
pub(crate) fn sources(bytes: &[u8]) -> Option<Vec<String>> {
    match bytes.get(4) {
        Some(1) => of_class::<elf::FileHeader32<object::Endianness>>(bytes),
        Some(2) => of_class::<elf::FileHeader64<object::Endianness>>(bytes),
        _ => None,
    }
}

fn of_class<ElfHeader: FileHeader<Endian = object::Endianness>>(
    bytes: &[u8],
) -> Option<Vec<String>> {
    let header = ElfHeader::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let table =
        header.sections(endian, bytes).ok()?.symbols(endian, bytes, elf::SHT_SYMTAB).ok()?;
    if table.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for symbol in table.iter().filter(|symbol| symbol.st_type() == elf::STT_FILE) {
        let name = symbol
            .name(endian, table.strings())
            .ok()
            .and_then(|name| std::str::from_utf8(name).ok());
        let foreign = |name: &&str| {
            ENDINGS.iter().any(|it| name.ends_with(it)) && !START_FILES.contains(name)
        };
        if let Some(name) = name.filter(foreign)
            && found.len() < AT_MOST
        {
            found.push(name.to_owned());
        }
    }
    found.dedup();
    Some(found)
}
