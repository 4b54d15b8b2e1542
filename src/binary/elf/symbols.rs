//! The symbols that a loader binds: those that relocations ask for, and those that a hash table offers.

use std::collections::HashMap;

use object::read::ReadRef;

use crate::binary::elf::dynamic_tables::{DynamicTables, relocation};
use crate::binary::elf::reader::{ElfBytes, MappedFile};

/// The symbols of one file, small enough to keep those of every library of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicSymbols {
    /// What relocations ask of other files: first those of the data, then those of the procedure
    /// linkage table, each in the table's own order.
    references: Vec<StoredReference>,
    /// The names of `references`, one behind the other.
    names: String,
    /// What other files can find here: 48 bits of the name's hash over the 16 of `DT_VERSYM`,
    /// sorted. (Two names of one library meet in 48 bits once in ten million libraries.)
    exports: Vec<u64>,
    /// More was there than the limits allow, so that a missing symbol proves nothing.
    pub cut_off: bool,
}

/// A symbol that a relocation asks for and that the file itself does not define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndefinedSymbol<'a> {
    /// The name, mangled as it is in the file.
    pub name: &'a str,
    /// Index of the version, 0 or 1 for none.
    pub version: u16,
    /// Its absence is no error (`STB_WEAK`).
    pub weak: bool,
    /// Relocations outside the procedure linkage table that ask for it: bound before the file's
    /// code runs, whatever its flags say.
    pub in_data: u16,
    /// Relocations of the procedure linkage table that ask for it: bound at the first call
    /// unless the file says `BIND_NOW`.
    pub in_plt: u16,
    /// The file has room for a copy, so its own symbol is not the one that is meant.
    pub copied: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredReference {
    name_at: u32,
    name_len: u16,
    version: u16,
    in_data: u16,
    in_plt: u16,
    weak: bool,
    copied: bool,
}

/// Symbols that are read at most; LLVM's library has forty thousand.
const MAX_SYMBOLS: usize = 1 << 20;
/// Relocations that are read at most.
const MAX_RELOCATIONS: usize = 1 << 24;
/// Bytes of names that are kept at most.
const MAX_NAMES: usize = 16 << 20;

impl DynamicSymbols {
    /// What relocations ask of other files.
    pub fn references(&self) -> impl Iterator<Item = UndefinedSymbol<'_>> {
        self.references.iter().map(|it| {
            let start = it.name_at as usize;
            UndefinedSymbol {
                name: self.names.get(start..start + usize::from(it.name_len)).unwrap_or_default(),
                version: it.version,
                weak: it.weak,
                in_data: it.in_data,
                in_plt: it.in_plt,
                copied: it.copied,
            }
        })
    }

    /// The `DT_VERSYM` value of each definition of a name: index of the version in the low 15
    /// bits, bit 15 set where it is not the default. Without versions every value is 1.
    pub fn definitions(&self, name: &str) -> impl Iterator<Item = u16> {
        let key = name_key(name.as_bytes());
        let first = self.exports.partition_point(|&export| export < key);
        self.exports[first..]
            .iter()
            .take_while(move |&&export| export & !0xffff == key)
            .map(|&export| (export & 0xffff) as u16)
    }

    /// Symbols that ask for these `(name, version, weak)` in their data, for tests of what reads
    /// them.
    pub fn of_references(references: &[(&str, u16, bool)]) -> DynamicSymbols {
        let mut symbols = DynamicSymbols::default();
        for (name, version, weak) in references {
            symbols.references.push(StoredReference {
                name_at: symbols.names.len() as u32,
                name_len: name.len() as u16,
                version: *version,
                in_data: 1,
                in_plt: 0,
                weak: *weak,
                copied: false,
            });
            symbols.names.push_str(name);
        }
        symbols
    }

    /// Bytes of memory that this takes beside itself.
    pub(crate) fn memory(&self) -> usize {
        self.references.capacity() * size_of::<StoredReference>()
            + self.names.capacity()
            + self.exports.capacity() * size_of::<u64>()
    }

    /// How many symbols other files can find here.
    pub fn exported(&self) -> usize {
        self.exports.len()
    }
}

/// FNV-1a, folded so that its high half counts too, in the upper 48 bits.
fn name_key(name: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) & !0xffff
}

pub(crate) fn read<'data, R: ReadRef<'data>>(
    memory: &MappedFile<'_, 'data, R>,
    machine: u16,
    tables: &DynamicTables,
) -> DynamicSymbols {
    let mut symbols = DynamicSymbols::default();
    let Some(address) = tables.symbols else { return symbols };
    let table = SymbolTable { memory, machine, address, versions: tables.versions };
    table.exports(tables, &mut symbols);
    table.references(tables, &mut symbols);
    symbols
}

struct SymbolTable<'a, 'm, 'data, R: ReadRef<'data>> {
    memory: &'a MappedFile<'m, 'data, R>,
    machine: u16,
    address: u64,
    versions: Option<u64>,
}

/// One entry of `DT_SYMTAB`.
struct Symbol {
    name: u32,
    binding: u8,
    kind: u8,
    visibility: u8,
    section: u16,
    value: u64,
}

impl<'data, R: ReadRef<'data>> SymbolTable<'_, '_, 'data, R> {
    fn raw(&self) -> &ElfBytes<'data, R> {
        self.memory.raw
    }

    fn record(&self) -> u64 {
        if self.raw().is_64() { 24 } else { 16 }
    }

    fn parse(&self, entry: &[u8]) -> Symbol {
        let raw = self.raw();
        let (info, section, value) = if raw.is_64() { (4, 6, 8) } else { (12, 14, 4) };
        let byte = |at: usize| entry.get(at).copied().unwrap_or_default();
        Symbol {
            name: raw.u32(entry, 0),
            binding: byte(info) >> 4,
            kind: byte(info) & 0xf,
            visibility: byte(info + 1) & 3,
            section: raw.u16(entry, section),
            value: raw.word(entry, value),
        }
    }

    fn version(&self, index: u64) -> u16 {
        let at = |table: u64| table.checked_add(index.checked_mul(2)?);
        let bytes = self.versions.and_then(at).and_then(|at| self.memory.bytes(at, 2));
        bytes.map_or(1, |bytes| self.raw().u16(bytes, 0))
    }

    /// Only what the hash table holds can be found; the GNU one is preferred, as loaders do.
    fn exports(&self, tables: &DynamicTables, symbols: &mut DynamicSymbols) {
        let range = match (tables.gnu_hash, tables.hash) {
            (Some(at), _) => self.gnu_hash_range(at),
            (None, Some(at)) => self.hash_range(at),
            (None, None) => None,
        };
        let Some((first, end)) = range else { return };
        let limited = end.min(first.saturating_add(MAX_SYMBOLS as u64));
        symbols.cut_off |= limited < end;
        let record = self.record();
        let Some(start) = first.checked_mul(record).and_then(|it| it.checked_add(self.address))
        else {
            return;
        };
        let entries = self.memory.records(start, (limited - first) * record, record);
        let versions = self.versions.and_then(|at| at.checked_add(first.checked_mul(2)?));
        let versions = versions.map(|at| self.memory.records(at, (limited - first) * 2, 2));
        let strings = StringTable { memory: self.memory, address: tables.strings };
        for (index, entry) in entries.chunks_exact(record as usize).enumerate() {
            let symbol = self.parse(entry);
            if !symbol.can_be_found() {
                continue;
            }
            let Some(name) = strings.get(symbol.name) else { continue };
            let version = versions.map_or(1, |bytes| self.raw().u16(bytes, index * 2));
            symbols.exports.push(name_key(name) | u64::from(version));
        }
        symbols.exports.sort_unstable();
        symbols.exports.shrink_to_fit();
    }

    /// `DT_HASH`: the number of chains is the number of symbols.
    fn hash_range(&self, at: u64) -> Option<(u64, u64)> {
        // Alpha and s390x have 64-bit entries here (their psABIs).
        let wide = self.raw().is_64() && matches!(self.machine, 0x9026 | 22);
        let bytes = self.memory.bytes(at, if wide { 16 } else { 8 })?;
        let chains =
            if wide { self.raw().u64(bytes, 8) } else { u64::from(self.raw().u32(bytes, 4)) };
        Some((0, chains))
    }

    /// `DT_GNU_HASH`: symbols from `symoffset` to the end of the last bucket's chain.
    fn gnu_hash_range(&self, at: u64) -> Option<(u64, u64)> {
        let raw = self.raw();
        let header = self.memory.bytes(at, 16)?;
        let buckets = u64::from(raw.u32(header, 0));
        let first = u64::from(raw.u32(header, 4));
        let bloom = u64::from(raw.u32(header, 8)) * raw.word_size();
        let buckets_at = at.checked_add(16)?.checked_add(bloom)?;
        let bytes = self.memory.records(buckets_at, buckets * 4, 4);
        let last = bytes.chunks_exact(4).map(|it| u64::from(raw.u32(it, 0))).max()?;
        if last < first {
            return Some((first, first));
        }
        let chains_at = buckets_at.checked_add(buckets * 4)?;
        let chain_at = chains_at.checked_add((last - first) * 4)?;
        let chain = self.memory.records(chain_at, (MAX_SYMBOLS * 4) as u64, 4);
        let ends = |it: &[u8]| raw.u32(it, 0) & 1 == 1;
        let length = chain.chunks_exact(4).position(ends).map_or(0, |at| at as u64 + 1);
        Some((first, last + length))
    }

    fn references(&self, tables: &DynamicTables, symbols: &mut DynamicSymbols) {
        let mut asked = RequestedSymbols::default();
        let wide = self.raw().is_64();
        for (place, (address, size), has_addends) in [
            (RelocationTarget::Data, tables.rel, false),
            (RelocationTarget::Data, tables.rela, true),
            (RelocationTarget::Plt, tables.plt, tables.plt_has_addends),
        ] {
            let record = match (wide, has_addends) {
                (true, true) => 24,
                (true, false) => 16,
                (false, true) => 12,
                (false, false) => 8,
            };
            let limited = size.min((MAX_RELOCATIONS * record) as u64);
            symbols.cut_off |= limited < size;
            let bytes = self.memory.records(address, limited, record as u64);
            for entry in bytes.chunks_exact(record) {
                let found = relocation(entry, self.machine, self.raw().encoding);
                let Some((index, kind)) = found else { continue };
                if index != 0 && kind != 0 {
                    asked.note(index, place, Some(kind) == copy_relocation(self.machine));
                }
            }
        }
        if let Some(first) = tables.mips_first_got_symbol {
            let end = tables.mips_symbols.min(first.saturating_add(MAX_SYMBOLS as u64));
            (first..end).filter_map(|index| u32::try_from(index).ok()).for_each(|index| {
                asked.note(index, RelocationTarget::Got, false);
            });
        }
        self.keep(asked, tables.strings, symbols);
    }

    /// Keeps those of the symbols that another file has to define.
    fn keep(&self, asked: RequestedSymbols, strings: u64, symbols: &mut DynamicSymbols) {
        let strings = StringTable { memory: self.memory, address: strings };
        let record = self.record();
        for (index, seen) in asked.seen {
            let index = u64::from(index);
            let at = index.checked_mul(record).and_then(|it| it.checked_add(self.address));
            let Some(entry) = at.and_then(|at| self.memory.bytes(at, record)) else { continue };
            let symbol = self.parse(entry);
            if symbol.binding == STB_LOCAL || symbol.section != 0 && !seen.copied {
                continue;
            }
            // A MIPS function with an address has a stub there, which binds it at the first call.
            let lazy = seen.in_got && symbol.kind == STT_FUNC && symbol.value != 0;
            let Some(name) = strings.get(symbol.name) else { continue };
            let name = String::from_utf8_lossy(name);
            if symbols.names.len() + name.len() > MAX_NAMES {
                symbols.cut_off = true;
                return;
            }
            symbols.references.push(StoredReference {
                name_at: symbols.names.len() as u32,
                name_len: name.len() as u16,
                version: self.version(index) & 0x7fff,
                in_data: seen.in_data.saturating_add(u16::from(seen.in_got && !lazy)),
                in_plt: seen.in_plt.saturating_add(u16::from(lazy)),
                weak: symbol.binding == STB_WEAK,
                copied: seen.copied,
            });
            symbols.names.push_str(&name);
        }
        symbols.references.shrink_to_fit();
        symbols.names.shrink_to_fit();
    }
}

/// Symbols in the order in which relocations first ask for them.
#[derive(Default)]
struct RequestedSymbols {
    seen: Vec<(u32, RelocationCounts)>,
    places: HashMap<u32, usize>,
}

#[derive(Clone, Copy, Default)]
struct RelocationCounts {
    in_data: u16,
    in_plt: u16,
    in_got: bool,
    copied: bool,
}

#[derive(Clone, Copy)]
enum RelocationTarget {
    Data,
    Plt,
    Got,
}

impl RequestedSymbols {
    fn note(&mut self, index: u32, place: RelocationTarget, copied: bool) {
        let at = *self.places.entry(index).or_insert_with(|| {
            self.seen.push((index, RelocationCounts::default()));
            self.seen.len() - 1
        });
        let seen = &mut self.seen[at].1;
        match place {
            RelocationTarget::Data => seen.in_data = seen.in_data.saturating_add(1),
            RelocationTarget::Plt => seen.in_plt = seen.in_plt.saturating_add(1),
            RelocationTarget::Got => seen.in_got = true,
        }
        seen.copied |= copied;
    }
}

/// The string table.
struct StringTable<'a, 'm, 'data, R: ReadRef<'data>> {
    memory: &'a MappedFile<'m, 'data, R>,
    address: u64,
}

impl<'data, R: ReadRef<'data>> StringTable<'_, '_, 'data, R> {
    fn get(&self, offset: u32) -> Option<&'data [u8]> {
        self.memory.string(self.address.checked_add(u64::from(offset))?)
    }
}

impl Symbol {
    /// What a look-up accepts as a definition (glibc: `check_match` and
    /// `dl_symbol_visibility_binds_local_p`; musl: `OK_TYPES` and `OK_BINDS`).
    fn can_be_found(&self) -> bool {
        let defined = self.section != 0
            && (self.value != 0 || self.section == SHN_ABS || self.kind == STT_TLS);
        let kind = matches!(self.kind, 0 | 1 | STT_FUNC | 5 | STT_TLS | 10);
        let binding = matches!(self.binding, 1 | STB_WEAK | 10);
        let visible = !matches!(self.visibility, 1 | 2);
        defined && kind && binding && visible
    }
}

const SHN_ABS: u16 = 0xfff1;
const STB_LOCAL: u8 = 0;
const STB_WEAK: u8 = 2;
const STT_FUNC: u8 = 2;
const STT_TLS: u8 = 6;

/// `R_*_COPY` of each machine's psABI.
fn copy_relocation(machine: u16) -> Option<u32> {
    Some(match machine {
        3 | 62 => 5,                 // 386, x86-64
        40 => 20,                    // ARM
        183 => 1024,                 // AArch64
        243 | 258 => 4,              // RISC-V, LoongArch
        2 | 18 | 20 | 21 | 43 => 19, // SPARC, PowerPC
        22 => 9,                     // S/390
        8 => 126,                    // MIPS
        _ => return None,
    })
}
