//! Two files beside each other, with what they have in common.

use std::collections::{HashMap, HashSet};

use super::{Written, demangled};
use crate::binary::layout::{FileLayout, FunctionRange};

/// Two files, their layouts, and the names of their functions as numbers that both share.
pub struct FilePair<'a> {
    /// The old file.
    pub old: (&'a [u8], &'a FileLayout),
    /// The new file.
    pub new: (&'a [u8], &'a FileLayout),
    /// By the position of the function.
    pub names: (Vec<u32>, Vec<u32>),
    /// What build scripts wrote.
    pub written: &'a Written,
    /// How far functions moved, in bytes.
    pub shifts: HashSet<i64>,
}

impl<'a> FilePair<'a> {
    /// Two files that are compared.
    pub fn new(
        old: (&'a [u8], &'a FileLayout),
        new: (&'a [u8], &'a FileLayout),
        written: &'a Written,
    ) -> FilePair<'a> {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut names = |layout: &FileLayout| -> Vec<u32> {
            let number = |known: &mut HashMap<String, u32>, name: &str| {
                let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
                *known.entry(demangled(name)).or_insert(next)
            };
            layout.functions.iter().map(|it| number(&mut known, &it.name)).collect()
        };
        let names = (names(old.1), names(new.1));
        let mut olds: HashMap<u32, u64> = HashMap::new();
        olds.extend(names.0.iter().copied().zip(old.1.functions.iter().map(|it| it.address)));
        let news = names.1.iter().zip(&new.1.functions);
        let shift = |(name, function): (&u32, &FunctionRange)| {
            Some(function.address.wrapping_sub(*olds.get(name)?).cast_signed())
        };
        let shifts = news.filter_map(shift).collect();
        FilePair { old, new, names, written, shifts }
    }
}
