//! Bytes that are cut off, changed or malicious: an answer or one clear error, never a panic.

use std::path::PathBuf;

use crate::support::corpus::Extent;
use crate::support::noise::Noise;
use crate::support::{corpus, program};

/// One real file of every class, byte order and format, by the ids of the small tier.
fn files() -> Vec<(String, Vec<u8>)> {
    /// Large enough to have every table, small enough to be read a few hundred times.
    const LARGEST: u64 = 3 << 20;
    let mut files = vec![read(program::small().to_owned())];
    let Some(programs) = corpus::programs(Extent::Core) else { return files };
    let mut rows = corpus::rows("corpus-open.csv");
    rows.retain(|row| row["tier"] == "core" && programs.join(&row["id"]).is_file());
    rows.sort_by_key(|row| row["bin_size"].parse::<u64>().unwrap_or(u64::MAX));
    let mut kinds = Vec::new();
    for row in rows {
        let arch = row["triple"].split('-').next().unwrap_or_default().to_string();
        let kind = (row["format"].clone(), arch, row["kind"].clone());
        let rust = row["language"] == "rust";
        let small = row["bin_size"].parse::<u64>().is_ok_and(|size| size < LARGEST);
        if rust && small && !kinds.contains(&kind) {
            let file = read(programs.join(&row["id"]));
            if row["format"] == "macho" {
                files.push((format!("universal {}", file.0), universal(&file.1)));
            }
            kinds.push(kind);
            files.push(file);
        }
    }
    files
}

fn read(path: PathBuf) -> (String, Vec<u8>) {
    let bytes = std::fs::read(&path).expect("it can be read");
    (path.file_name().expect("it has a name").to_string_lossy().into_owned(), bytes)
}

/// The same program twice in one file.
fn universal(thin: &[u8]) -> Vec<u8> {
    let size = u32::try_from(thin.len()).expect("it is small");
    let mut bytes = 0xcafe_babe_u32.to_be_bytes().to_vec();
    bytes.extend(2u32.to_be_bytes());
    for slice in 0..2 {
        let offset = 0x1000 + slice * size.next_multiple_of(0x1000);
        for word in [0x0100_000c, 0, offset, size, 12] {
            bytes.extend(u32::to_be_bytes(word));
        }
    }
    for _ in 0..2 {
        bytes.resize(bytes.len().next_multiple_of(0x1000), 0);
        bytes.extend(thin);
    }
    bytes
}

/// Whatever the answer is, there is one.
fn answers(bytes: &[u8]) {
    if let Err(error) = binlint::inspect("x", bytes) {
        let error = error.to_string();
        assert!(error.starts_with("x: ") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn cut_off_at_every_hundredth() {
    for (name, bytes) in files() {
        println!("{name}");
        for hundredth in 0..100 {
            answers(&bytes[..bytes.len() / 100 * hundredth]);
        }
        for end in 0..300.min(bytes.len()) {
            answers(&bytes[..end]);
        }
    }
}

#[test]
fn headers_that_lie() {
    let mut noise = Noise::default();
    for (name, bytes) in files() {
        // The tables stand at both ends; the first 256 kB keep what they point at small.
        let mut small = bytes[..bytes.len().min(256 << 10)].to_vec();
        println!("{name}");
        for _ in 0..400 {
            let mut undo = Vec::new();
            for _ in 0..=noise.next(6) {
                let at = if noise.next(3) == 0 {
                    noise.next(small.len())
                } else {
                    noise.next(2048.min(small.len()))
                };
                let value = [0, 1, 0x7f, 0x80, 0xff, noise.next(256) as u8][noise.next(6)];
                undo.push((at, small[at]));
                small[at] = value;
            }
            answers(&small);
            for (at, value) in undo.into_iter().rev() {
                small[at] = value;
            }
        }
    }
}

#[test]
fn segments_that_overlap_and_sections_outside_the_file() {
    let (_, whole) = files().swap_remove(0);
    assert_eq!(&whole[..5], b"\x7fELF\x02", "this machine's programs are ELF of 64 bits");
    let long = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().expect("eight bytes"));
    let half = |at: usize| u16::from_le_bytes([whole[at], whole[at + 1]]) as usize;
    let (segments, count) = (long(0x20) as usize, half(0x38));
    for value in [0, 1, 0x1000, u64::MAX, u64::MAX - 4096, 1 << 63, whole.len() as u64] {
        for field in [8, 16, 32, 40, 48] {
            let mut bytes = whole.clone();
            for index in 0..count {
                let at = segments + index * 56 + field;
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            answers(&bytes);
        }
        // Where the sections begin, and where the first hundred say that they lie.
        let mut bytes = whole.clone();
        bytes[0x28..0x30].copy_from_slice(&value.to_le_bytes());
        answers(&bytes);
        let sections = long(0x28) as usize;
        for field in [24, 32] {
            let mut bytes = whole.clone();
            for index in 0..half(0x3c) {
                let at = sections + index * 64 + field;
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            answers(&bytes);
        }
    }
}

#[test]
fn what_is_no_program_is_one_clear_error() {
    for (bytes, says) in [
        (&b""[..], "the file is empty"),
        (b"!<arch>\nx.o/", "an archive"),
        (b"#!/bin/sh\n", "a script"),
        (b"[package]\nname = \"x\"", "neither ELF, Mach-O, PE nor wasm"),
        (b"\xca\xfe\xba\xbe\0\0\0\x41", "a Java class"),
        (b"\x7f", "neither ELF"),
    ] {
        let error = binlint::inspect("x", bytes).expect_err("no program").to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{error}");
    }
}
