//! A program whose functions can be walked: where they start and end, and what its fixed words hold.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

use crate::binary::address_space::AddressSpace;
use crate::binary::address_space::elf::ElfTables;
use crate::binary::main_fn::ir::{RegisterValue, WalkedFunction};

/// Instructions walked in one program at most; the C main of `lto = "fat"` has about 1,500, and
/// the search visits a few dozen functions.
const BUDGET: usize = 200_000;

/// The machines that can be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstructionSet {
    X86_64,
    Aarch64,
}

/// A program of a machine that can be walked.
#[derive(Debug)]
pub(crate) struct WalkableProgram<'m, 'a> {
    pub(crate) memory: &'m AddressSpace<'a>,
    pub(crate) elf: &'m ElfTables,
    pub(crate) machine: InstructionSet,
    pub(super) functions: FunctionTable<'a>,
    pub(super) budget: Cell<usize>,
    pub(super) walked: RefCell<HashMap<u64, Rc<WalkedFunction>>>,
}

/// The sorted table of `.eh_frame_hdr` (LSB core, "Exception Frames"), in place.
#[derive(Debug)]
pub(super) struct FunctionTable<'a> {
    address: u64,
    /// From the first frame description to the last that has a function.
    frames: RangeInclusive<u64>,
    /// Pairs of 32-bit offsets from `address`: a function, and its frame description.
    entries: &'a [u8],
}

/// Why the code of a program is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotWalkable {
    #[error("only ELF programs are looked into")]
    NotElf,
    #[error("only x86_64 and aarch64 code is looked into")]
    Machine,
    #[error("only 64-bit little-endian code is looked into")]
    Encoding,
    #[error("the table of functions (.eh_frame_hdr) is missing or of an unknown form")]
    NoFunctionTable,
}

impl<'m, 'a> WalkableProgram<'m, 'a> {
    /// The program in this memory, or why it cannot be walked.
    pub(crate) fn new(
        memory: &'m AddressSpace<'a>,
    ) -> Result<WalkableProgram<'m, 'a>, NotWalkable> {
        let elf = memory.elf.as_ref().ok_or(NotWalkable::NotElf)?;
        let machine = match elf.machine {
            crate::binary::address_space::elf::X86_64 => InstructionSet::X86_64,
            crate::binary::address_space::elf::AARCH64 => InstructionSet::Aarch64,
            _ => return Err(NotWalkable::Machine),
        };
        if !memory.encoding().wide || !memory.encoding().little_endian {
            return Err(NotWalkable::Encoding);
        }
        let functions = elf
            .eh_frame_hdr
            .and_then(|address| FunctionTable::read(memory, address))
            .ok_or(NotWalkable::NoFunctionTable)?;
        Ok(WalkableProgram {
            memory,
            elf,
            machine,
            functions,
            budget: Cell::new(BUDGET),
            walked: RefCell::default(),
        })
    }

    /// Whether a function can start here: at the start of a table entry, or among the functions
    /// that have none.
    pub(crate) fn is_function(&self, address: u64) -> bool {
        let aligned = self.machine == InstructionSet::X86_64 || address.is_multiple_of(4);
        aligned
            && self.memory.is_executable(address)
            && match self.functions.around(self.memory, address) {
                Some((start, _)) => start == address,
                None => self.functions.spans(address),
            }
    }

    /// Entries of the table of functions.
    pub(crate) fn function_count(&self) -> usize {
        self.functions.entries.len() / 8
    }

    /// Bytes from the first function to the last.
    pub(crate) fn code_span(&self) -> u64 {
        let last = self.functions.entry(self.function_count().saturating_sub(1));
        let first = self.functions.entry(0);
        first.zip(last).map_or(0, |(first, last)| last.0.saturating_sub(first.0))
    }

    /// Address and code of the function of one entry, in order of addresses; `None` where its
    /// frame or its code is not in the file.
    pub(crate) fn function(&self, index: usize) -> Option<(u64, &'a [u8])> {
        self.function_around(self.functions.entry(index)?.0)
    }

    /// Start and code of the function around `address`.
    pub(crate) fn function_around(&self, address: u64) -> Option<(u64, &'a [u8])> {
        let (start, end) = self.functions.around(self.memory, address)?;
        let code = self.memory.tail(start);
        let size = usize::try_from(end - start).unwrap_or(usize::MAX).min(code.len());
        (self.memory.is_executable(start) && size > 0).then(|| (start, &code[..size]))
    }

    /// What the word at a fixed address holds when the program runs, as far as its file tells.
    pub(crate) fn fixed_word(&self, address: u64) -> RegisterValue {
        if self.elf.import(self.memory, address).is_some() {
            return RegisterValue::Import(address);
        }
        let fixed = || {
            self.memory
                .word(address)
                .filter(|word| !self.elf.is_relocatable() && self.memory.segment(*word).is_some())
        };
        match self.memory.relocated(address).or_else(fixed) {
            Some(value) => RegisterValue::Constant(value),
            None => RegisterValue::Unknown,
        }
    }

    /// Whether an address is among the exception frames (`.eh_frame`).
    pub(crate) fn is_in_frames(&self, address: u64) -> bool {
        self.functions.frames.contains(&address)
    }

    /// The pointer that a fixed address in constant data holds.
    pub(crate) fn piece(&self, address: u64) -> RegisterValue {
        if self.is_data(address) { self.fixed_word(address) } else { RegisterValue::Unknown }
    }

    /// Whether an address is mapped and no function is there. Old linkers put constants into the
    /// executable segment.
    pub(crate) fn is_data(&self, address: u64) -> bool {
        self.memory.segment(address).is_some_and(|segment| {
            !segment.executable || self.functions.around(self.memory, address).is_none()
        })
    }

    /// The name of an imported symbol.
    pub(crate) fn import(&self, slot: u64) -> &'a [u8] {
        self.elf.import(self.memory, slot).unwrap_or_default()
    }
}

impl<'a> FunctionTable<'a> {
    /// The only form that linkers write: version 1, 4-byte entries relative to the table.
    fn read(memory: &AddressSpace<'a>, address: u64) -> Option<FunctionTable<'a>> {
        let header = memory.bytes(address, 12)?;
        if header[0] != 1 || header[2] != 3 || header[3] != 0x3b {
            return None;
        }
        let count = usize::try_from(memory.encoding().u32(header, 8)?).ok()?;
        let entries = memory.tail(address.checked_add(12)?);
        let entries = &entries[..entries.len().min(count.saturating_mul(8))];
        if entries.len() < 8 {
            return None;
        }
        let mut table = FunctionTable { address, frames: 0..=0, entries };
        let start = i64::from(memory.encoding().u32(header, 4)? as i32);
        // The table is in order of functions, the frames mostly are, too.
        let last = table.entry(entries.len() / 8 - 1)?.1.max(table.entry(0)?.1);
        if header[1] == 0x1b {
            table.frames = address.wrapping_add(4).wrapping_add_signed(start)..=last;
        }
        Some(table)
    }

    fn entry(&self, index: usize) -> Option<(u64, u64)> {
        let offset = |at: usize| {
            let raw = self.entries.get(index * 8 + at..)?.first_chunk()?;
            Some(self.address.wrapping_add_signed(i64::from(i32::from_le_bytes(*raw))))
        };
        Some((offset(0)?, offset(4)?))
    }

    /// How many entries start at or before `address`.
    fn rank(&self, address: u64) -> usize {
        let (mut low, mut high) = (0, self.entries.len() / 8);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry(middle).is_some_and(|entry| entry.0 <= address) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Start and end of the function around `address`.
    pub(super) fn around(&self, memory: &AddressSpace<'_>, address: u64) -> Option<(u64, u64)> {
        let (start, frame) = self.entry(self.rank(address).checked_sub(1)?)?;
        // A frame description: length, its common part, start relative to here, length of code.
        let raw = memory.bytes(frame, 16)?;
        let begin = memory.encoding().u32(raw, 8)? as i32;
        if frame.wrapping_add(8).wrapping_add_signed(i64::from(begin)) != start {
            return None;
        }
        let end = start.checked_add(u64::from(memory.encoding().u32(raw, 12)?))?;
        (address < end).then_some((start, end))
    }

    /// Where the next function after `address` starts.
    pub(super) fn next(&self, address: u64) -> Option<u64> {
        self.entry(self.rank(address)).map(|entry| entry.0).filter(|start| *start > address)
    }

    /// Whether the table's functions lie on both sides of `address`, or close by.
    fn spans(&self, address: u64) -> bool {
        const NEAR: u64 = 0x4000;
        let first = self.entry(0).map_or(u64::MAX, |entry| entry.0);
        let last = self.entry((self.entries.len() / 8).saturating_sub(1)).map_or(0, |it| it.0);
        address >= first.saturating_sub(NEAR) && address <= last.saturating_add(NEAR)
    }
}
