//! Panic locations: the source positions that every panicking call keeps, after `strip`, LTO and
//! `panic = "abort"`.

use std::collections::HashMap;

use crate::binary::address_space::{AddressSpace, MappedSegment, Pointer};

/// Neither generated code nor its lines get longer than this in practice; addresses do.
const MAX_LINE: u32 = 1 << 22;

/// With words of 32 bits, a record `{file: &str, line: Option<u32>}` (log's, tracing's) looks
/// like a location whose line is the option's tag.
const MAX_TAG: u32 = 4;

/// How much is taken at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PanicLocationLimits {
    /// Distinct locations; the largest programs measured have about 40,000.
    pub locations: usize,
    /// Bytes of a path.
    pub path: usize,
}

impl Default for PanicLocationLimits {
    fn default() -> PanicLocationLimits {
        PanicLocationLimits { locations: 1 << 18, path: 1024 }
    }
}

/// A `core::panic::Location`: `{ptr, len, line, column}`, measured on rustc 1.27 to 1.101 for
/// 32 and 64 bits and both byte orders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PanicLocation {
    /// As rustc was told, after remapping.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Where the structure is in the file, in bytes.
    pub offset: u64,
}

/// Reads every panic location, each once, in order of path, line and column. A file that is no
/// ELF, PE or thin Mach-O has none.
pub fn read(bytes: &[u8], limits: PanicLocationLimits) -> Vec<PanicLocation> {
    AddressSpace::read(bytes).map(|memory| of(&memory, limits)).unwrap_or_default()
}

/// As [`read`], for a program that is already laid out.
pub fn of(memory: &AddressSpace<'_>, limits: PanicLocationLimits) -> Vec<PanicLocation> {
    let mut found = LocationScan { memory, limits, count: 0, by_path: HashMap::new() };
    match &memory.elf {
        Some(elf) if elf.is_relocatable() && !memory.pointers().is_empty() => found.follow(),
        Some(elf) if elf.is_relocatable() => found.scan(|segment| segment.writable),
        _ => {
            // Linkers of old put constants and code into one segment.
            let apart = memory.segments().iter().any(|it| !it.executable && !it.writable);
            found.scan(|segment| !(segment.executable && apart));
        }
    }
    found.into_locations()
}

struct LocationScan<'m, 'a> {
    memory: &'m AddressSpace<'a>,
    limits: PanicLocationLimits,
    count: usize,
    by_path: HashMap<&'a str, Vec<LocationPosition>>,
}

/// Line, column, offset in the file.
type LocationPosition = (u32, u32, u64);

impl<'a> LocationScan<'_, 'a> {
    /// Looks where relocations write: a location starts with one pointer and holds no other.
    fn follow(&mut self) {
        let size = self.memory.encoding().size() as u64;
        let pointers = self.memory.pointers();
        for (index, &Pointer { slot, value }) in pointers.iter().enumerate() {
            let next = pointers.get(index + 1).map_or(u64::MAX, |next| next.slot);
            if next.wrapping_sub(slot) >= 2 * size + 8
                && let Some(offset) = self.memory.offset(slot)
            {
                self.note(offset, value);
            }
        }
    }

    /// Looks at every word of the chosen segments.
    fn scan(&mut self, chosen: impl Fn(&MappedSegment) -> bool) {
        let encoding = self.memory.encoding();
        let (file, size) = (self.memory.file(), encoding.size());
        for segment in self.memory.segments().iter().filter(|segment| chosen(segment)) {
            let misaligned = (segment.address % size as u64) as usize;
            let start = segment.offset + (size - misaligned) % size;
            let end = segment.offset + segment.file_size;
            let words = file.get(start..end).unwrap_or_default();
            for (index, pair) in
                words.chunks_exact(size).zip(words.chunks_exact(size).skip(1)).enumerate()
            {
                // The length is the rarer of the two: most words are not that small.
                let length = encoding.word(pair.1, 0).unwrap_or(0);
                if (4..=self.limits.path as u64).contains(&length)
                    && let Some(word) = encoding.word(pair.0, 0)
                {
                    self.note(start + index * size, self.memory.resolve(word));
                }
            }
        }
    }

    /// Takes the location at `offset` whose path is at `path`, if it is one.
    fn note(&mut self, offset: usize, path: u64) {
        if self.count >= self.limits.locations {
            return;
        }
        if let Some((path, line, column)) = self.location(offset, path) {
            self.count += 1;
            self.by_path.entry(path).or_default().push((line, column, offset as u64));
        }
    }

    fn location(&self, offset: usize, path: u64) -> Option<(&'a str, u32, u32)> {
        let (memory, encoding) = (self.memory, self.memory.encoding());
        let file = memory.file();
        let length = usize::try_from(encoding.word(file, offset + encoding.size())?).ok()?;
        if !(4..=self.limits.path).contains(&length) {
            return None;
        }
        let line = encoding.u32(file, offset + 2 * encoding.size())?;
        let column = encoding.u32(file, offset + 2 * encoding.size() + 4)?;
        if line == 0 || column == 0 || line > MAX_LINE || column > MAX_LINE {
            return None;
        }
        if !encoding.wide && (line <= MAX_TAG || self.is_address(line)) {
            return None;
        }
        let path = memory.bytes(path, length)?;
        // For some releases, the length counted the NUL after the path (rust-lang/rust#135054).
        let path = std::str::from_utf8(path.strip_suffix(b"\0").unwrap_or(path)).ok()?;
        (path.ends_with(".rs") && !path.contains(char::is_control)).then_some((path, line, column))
    }

    /// An array of paths has the next path's address where a location has its line. With
    /// relocations that is known beforehand, and without them it shows by its size.
    fn is_address(&self, line: u32) -> bool {
        let relocated = self.memory.elf.as_ref().is_some_and(|elf| elf.is_relocatable());
        !relocated && self.memory.segment(u64::from(line)).is_some()
    }

    fn into_locations(self) -> Vec<PanicLocation> {
        let mut files: Vec<(&str, Vec<LocationPosition>)> = self.by_path.into_iter().collect();
        files.sort_unstable_by_key(|file| file.0);
        let mut locations = Vec::with_capacity(self.count);
        for (path, mut positions) in files {
            positions.sort_unstable();
            positions.dedup_by_key(|position| (position.0, position.1));
            locations.extend(positions.into_iter().map(|(line, column, offset)| PanicLocation {
                path: path.to_owned(),
                line,
                column,
                offset,
            }));
        }
        locations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::address_space::tests::TestProgram;

    const PATH: &[u8] = b"src/parse.rs\0";

    /// A location of the path above, at the start of the data.
    fn program(sketch: TestProgram, length: u64, line: u32, column: u32) -> Vec<u8> {
        let mut data = Vec::new();
        let after = sketch.word_size() as u64 * 2 + 8;
        sketch.push_word(&mut data, sketch.data_address() + after);
        sketch.push_word(&mut data, length);
        sketch.push_u32(&mut data, line);
        sketch.push_u32(&mut data, column);
        data.extend_from_slice(PATH);
        sketch.elf(&data)
    }

    fn positions(bytes: &[u8]) -> Vec<(String, u32, u32)> {
        read(bytes, PanicLocationLimits::default())
            .into_iter()
            .map(|it| (it.path, it.line, it.column))
            .collect()
    }

    #[test]
    fn finds_a_location_in_every_class_and_byte_order() {
        for sketch in TestProgram::ALL {
            for length in [12, 13] {
                assert_eq!(
                    positions(&program(sketch, length, 7, 21)),
                    [("src/parse.rs".to_owned(), 7, 21)],
                    "{sketch:?}"
                );
            }
        }
    }

    #[test]
    fn leaves_what_is_no_location() {
        for sketch in TestProgram::ALL {
            assert!(positions(&program(sketch, 12, 0, 21)).is_empty());
            assert!(positions(&program(sketch, 12, 7, 0)).is_empty());
            assert!(positions(&program(sketch, 11, 7, 21)).is_empty(), "does not end in .rs");
            assert!(positions(&program(sketch, 1 << 20, 7, 21)).is_empty());
        }
        let tagged = TestProgram { wide: false, little_endian: true };
        assert!(positions(&program(tagged, 12, 1, 21)).is_empty(), "a tag and a line");
    }

    #[test]
    fn takes_no_more_than_the_limit() {
        let bytes = program(TestProgram::ALL[0], 12, 7, 21);
        let none = PanicLocationLimits { locations: 0, ..PanicLocationLimits::default() };
        assert!(read(&bytes, none).is_empty());
        assert!(read(b"#!/bin/sh\n", PanicLocationLimits::default()).is_empty());
    }

    #[test]
    fn sees_its_own_panics() {
        let itself = std::env::current_exe().and_then(std::fs::read).unwrap();
        let line = line!() + 1;
        let marked = std::hint::black_box(Some(1)).expect("is there");
        assert_eq!(marked, 1);
        let found = positions(&itself);
        assert!(found.contains(&(file!().to_owned(), line, 52)), "{line}");
    }
}
