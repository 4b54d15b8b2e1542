//! Where each section and each function of a file lies: what two files are compared by.

use std::ops::Range;

use object::{
    Architecture, Object, ObjectSection, ObjectSymbol, ObjectSymbolTable, RelocationTarget,
    SectionFlags, SectionKind, SymbolKind, elf,
};

/// More sections or functions than a program has.
const MAX_ENTRIES: usize = 4_000_000;

/// A file's sections and functions. Nothing of it lies outside the file.
#[derive(Debug, Clone, Default)]
pub struct FileLayout {
    /// In the order of the file's own table.
    pub sections: Vec<FileSection>,
    /// By address.
    pub functions: Vec<FunctionRange>,
    /// What the loader writes into the program's memory: where, and what. By address.
    pub pointers: Vec<(u64, Pointer)>,
    /// Whether it is for x86-64: the instructions that can be compared one by one.
    pub x86_64: bool,
}

/// What the loader writes into one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// The address of something in the file itself.
    Here(u64),
    /// A symbol by its name, and what is added to its address.
    Named(String, i64),
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSection {
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Where it comes to lie; 0 for what is not loaded.
    pub address: u64,
    /// Its bytes in the file; empty for a section without any.
    pub range: Range<usize>,
    /// Its size in memory, in bytes.
    pub size: u64,
    /// Whether it is there when the program runs.
    pub loaded: bool,
    /// Whether it is code.
    pub code: bool,
}

/// One function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionRange {
    /// As the symbol table has it.
    pub name: String,
    /// Where it comes to lie.
    pub address: u64,
    /// In bytes.
    pub size: u64,
}

impl FileLayout {
    /// Reads an ELF, Mach-O or PE file; `None` for what is none or is damaged.
    pub fn read(bytes: &[u8]) -> Option<FileLayout> {
        let file = object::File::parse(bytes).ok()?;
        let x86_64 = file.architecture() == Architecture::X86_64;
        let mut layout = FileLayout { x86_64, ..FileLayout::default() };
        for section in file.sections().take(MAX_ENTRIES) {
            let range = section.file_range().and_then(|(start, size)| {
                let start = usize::try_from(start).ok()?;
                let end = start.checked_add(usize::try_from(size).ok()?)?;
                (end <= bytes.len()).then_some(start..end)
            });
            let loaded = match section.flags() {
                SectionFlags::Elf { sh_flags, .. } => sh_flags.0 & elf::SHF_ALLOC.0 != 0,
                _ => !matches!(
                    section.kind(),
                    SectionKind::Debug | SectionKind::DebugString | SectionKind::Metadata
                ),
            };
            layout.sections.push(FileSection {
                name: String::from_utf8_lossy(section.name_bytes().ok()?).into_owned(),
                address: section.address(),
                range: range.unwrap_or_default(),
                size: section.size(),
                loaded,
                code: section.kind() == SectionKind::Text,
            });
        }
        let symbols = file.symbols().take(MAX_ENTRIES);
        let functions = symbols.filter(|it| it.kind() == SymbolKind::Text && it.size() > 0);
        layout.functions = functions
            .filter_map(|symbol| {
                Some(FunctionRange {
                    name: String::from_utf8_lossy(symbol.name_bytes().ok()?).into_owned(),
                    address: symbol.address(),
                    size: symbol.size(),
                })
            })
            .collect();
        let named = file.dynamic_symbol_table();
        let pointer = |relocation: &object::Relocation| match relocation.target() {
            RelocationTarget::Symbol(index) => {
                let symbol = named.as_ref()?.symbol_by_index(index).ok()?;
                let name = String::from_utf8_lossy(symbol.name_bytes().ok()?).into_owned();
                Some(Pointer::Named(name, relocation.addend()))
            }
            RelocationTarget::Absolute => Some(Pointer::Here(relocation.addend().cast_unsigned())),
            _ => None,
        };
        let relocations = file.dynamic_relocations().into_iter().flatten().take(MAX_ENTRIES);
        layout.pointers =
            relocations.filter_map(|(at, relocation)| Some((at, pointer(&relocation)?))).collect();
        layout.pointers.sort_by_key(|(at, _)| *at);
        layout.functions.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        Some(layout)
    }

    /// The first section of a name that holds bytes of the file.
    pub fn section(&self, name: &str) -> Option<&FileSection> {
        self.sections.iter().find(|it| it.name == name && !it.range.is_empty())
    }

    /// The function at an address.
    pub fn function_at(&self, address: u64) -> Option<&FunctionRange> {
        self.functions.get(self.function_index_at(address)?)
    }

    /// Which function is at an address.
    pub fn function_index_at(&self, address: u64) -> Option<usize> {
        let index = self.functions.partition_point(|it| it.address <= address).checked_sub(1)?;
        let function = self.functions.get(index)?;
        (address - function.address < function.size).then_some(index)
    }

    /// The position of the first function that begins at this address or behind it.
    pub fn first_at(&self, address: u64) -> usize {
        self.functions.partition_point(|it| it.address < address)
    }

    /// What the loader writes into these addresses.
    pub fn pointers_in(&self, from: u64, to: u64) -> &[(u64, Pointer)] {
        let at = |address: u64| self.pointers.partition_point(|(it, _)| *it < address);
        self.pointers.get(at(from)..at(to)).unwrap_or_default()
    }

    /// The bytes of a function, where they are in the file.
    pub fn bytes_of<'a>(&self, function: &FunctionRange, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let section = self.sections.iter().find(|it| {
            it.loaded
                && it.address <= function.address
                && function.address.checked_sub(it.address).is_some_and(|at| at < it.size)
        })?;
        let at = usize::try_from(function.address - section.address).ok()?;
        let end = at.checked_add(usize::try_from(function.size).ok()?)?;
        bytes.get(section.range.clone())?.get(at..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_found_in_its_own_program() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let layout = FileLayout::read(&bytes).unwrap();
        assert!(layout.section(".text").is_some_and(|it| it.loaded && it.code));
        assert!(layout.section(".comment").is_some_and(|it| !it.loaded));
        let own = layout.functions.iter().find(|it| it.name.contains("function_at")).unwrap();
        assert_eq!(layout.function_at(own.address + own.size - 1), Some(own));
        assert_eq!(layout.bytes_of(own, &bytes).unwrap().len() as u64, own.size);
    }

    #[test]
    fn what_is_cut_off_is_read_without_a_panic() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for end in [0, 4, 63, 64, 4096, bytes.len() / 2] {
            if let Some(layout) = FileLayout::read(&bytes[..end]) {
                assert!(layout.sections.iter().all(|it| it.range.end <= end));
            }
        }
        assert!(FileLayout::read(b"#!/bin/sh").is_none());
    }
}
