//! Which functions are not the same in two files.

use std::collections::{BTreeMap, HashSet};

use super::follow::Texts;
use super::instructions::{self, Relation};
use super::pair::FilePair;
use super::{BinaryDifference, DifferenceCause, demangled};
use crate::binary::layout::{FileLayout, FunctionRange};

/// More functions are not compared one by one.
const MAX_FUNCTIONS: usize = 400_000;
/// More functions of one name are compared in their order only.
const MAX_OF_A_NAME: usize = 64;

/// What the functions of two files differ in.
#[derive(Debug, Default)]
pub struct Functions {
    changed: Vec<Changed>,
    /// They are in another order.
    pub reordered: bool,
    /// There are functions that differ in nothing but where things lie.
    pub moved: bool,
    /// Both files have functions, and the same ones by their names.
    pub have_the_same_names: bool,
}

/// A function that is another one in the two files, or in only one of them.
#[derive(Debug)]
struct Changed {
    name: String,
    old: Option<FunctionRange>,
    new: Option<FunctionRange>,
    cause: DifferenceCause,
}

/// How one function of both files compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alike {
    Equal,
    Moved,
    /// But for the length of a text.
    Explained(DifferenceCause),
    /// Of one size with other bytes that cannot be told from other addresses.
    Unknown,
    No,
}

impl FilePair<'_> {
    /// Compares the functions of both files by their names.
    pub fn functions(&self, texts: &Texts) -> Functions {
        let (old, new) = (self.old.1, self.new.1);
        if old.functions.len().max(new.functions.len()) > MAX_FUNCTIONS {
            return Functions::default();
        }
        let by_name = |names: &[u32]| {
            let mut all: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for (index, name) in names.iter().enumerate() {
                all.entry(*name).or_default().push(index);
            }
            all
        };
        let (olds, mut news) = (by_name(&self.names.0), by_name(&self.names.1));
        let mut functions = Functions::default();
        let mut unknown = Vec::new();
        let mut common = HashSet::new();
        for (name, ours) in olds {
            let theirs = news.remove(&name).unwrap_or_default();
            if ours.len() == theirs.len() {
                common.insert(name);
            }
            self.of_one_name(ours, theirs, texts, &mut functions, &mut unknown);
        }
        for theirs in news.into_values() {
            self.of_one_name(Vec::new(), theirs, texts, &mut functions, &mut unknown);
        }
        let order = |names: &[u32]| -> Vec<u32> {
            names.iter().filter(|it| common.contains(it)).copied().collect()
        };
        functions.reordered = order(&self.names.0) != order(&self.names.1);
        let mut names = (self.names.0.clone(), self.names.1.clone());
        names.0.sort_unstable();
        names.1.sort_unstable();
        functions.have_the_same_names = !names.0.is_empty() && names.0 == names.1;
        // Where nothing moved, the functions whose bytes differ are the ones that changed.
        let is_in_place = |it: &Changed| match (&it.old, &it.new) {
            (Some(old), Some(new)) => old.address == new.address,
            _ => true,
        };
        if functions.changed.is_empty() && !functions.reordered && unknown.iter().all(is_in_place) {
            functions.changed = unknown;
        } else {
            functions.moved |= !unknown.is_empty();
        }
        functions
    }

    /// Pairs the functions of one name: of generic ones there are several.
    fn of_one_name(
        &self,
        ours: Vec<usize>,
        mut theirs: Vec<usize>,
        texts: &Texts,
        functions: &mut Functions,
        unknown: &mut Vec<Changed>,
    ) {
        let any_order = ours.len().max(theirs.len()) <= MAX_OF_A_NAME;
        let mut left = Vec::new();
        for one in ours {
            let search = if any_order { theirs.len() } else { theirs.len().min(1) };
            let alike = (0..search).map(|at| (at, self.alike(one, theirs[at], texts)));
            match alike.into_iter().find(|(_, alike)| *alike != Alike::No) {
                Some((at, alike)) => {
                    let other = theirs.remove(at);
                    let changed = |cause| self.changed(Some(one), Some(other), cause);
                    match alike {
                        Alike::Equal | Alike::No => {}
                        Alike::Moved => functions.moved = true,
                        Alike::Explained(cause) => functions.changed.push(changed(cause)),
                        Alike::Unknown => unknown.push(changed(DifferenceCause::Code)),
                    }
                }
                None if !any_order && !theirs.is_empty() => {
                    let other = theirs.remove(0);
                    functions.changed.push(self.changed(
                        Some(one),
                        Some(other),
                        DifferenceCause::Code,
                    ));
                }
                None => left.push(one),
            }
        }
        let pairs = left.len().max(theirs.len());
        for at in 0..pairs {
            let (one, other) = (left.get(at).copied(), theirs.get(at).copied());
            functions.changed.push(self.changed(one, other, DifferenceCause::Code));
        }
    }

    fn changed(&self, old: Option<usize>, new: Option<usize>, cause: DifferenceCause) -> Changed {
        let function = |layout: &FileLayout, index: usize| layout.functions[index].clone();
        let (old, new) =
            (old.map(|it| function(self.old.1, it)), new.map(|it| function(self.new.1, it)));
        let name = old.as_ref().or(new.as_ref()).map(|it| demangled(&it.name));
        Changed { name: name.unwrap_or_default(), old, new, cause }
    }

    fn alike(&self, old: usize, new: usize, texts: &Texts) -> Alike {
        let (one, other) = (&self.old.1.functions[old], &self.new.1.functions[new]);
        if one.size != other.size {
            return Alike::No;
        }
        let bytes = (self.old.1.bytes_of(one, self.old.0), self.new.1.bytes_of(other, self.new.0));
        let (Some(ours), Some(theirs)) = bytes else { return Alike::No };
        let decodes = self.old.1.x86_64 && self.new.1.x86_64;
        if !decodes {
            return if ours == theirs { Alike::Equal } else { Alike::Unknown };
        }
        // The same bytes reach the same distances; where something else lies there now, what lies
        // there differs.
        if ours == theirs {
            return Alike::Equal;
        }
        let is_same_place = |old: u64, new: u64| self.is_same_place(texts, old, new);
        match instructions::relation((ours, one.address), (theirs, other.address), &is_same_place) {
            Relation::Same => Alike::Moved,
            Relation::Numbers(all) => {
                let cause = |(old, new): &(u64, u64)| texts.of_length(*old, *new);
                let causes: Option<Vec<DifferenceCause>> = all.iter().map(cause).collect();
                causes.and_then(|it| it.first().copied()).map_or(Alike::No, Alike::Explained)
            }
            Relation::Other => Alike::No,
        }
    }
}

impl Functions {
    /// One for each function that changed, of those that begin in a section.
    pub fn differences(&self, section: &str, is_in: &dyn Fn(u64) -> bool) -> Vec<BinaryDifference> {
        let begins = |it: &&Changed| {
            it.old.as_ref().or(it.new.as_ref()).is_some_and(|function| is_in(function.address))
        };
        self.changed.iter().filter(begins).map(|it| it.difference(section)).collect()
    }
}

impl Changed {
    fn difference(&self, section: &str) -> BinaryDifference {
        let place = |function: &Option<FunctionRange>| {
            function.as_ref().map_or((0, 0), |it| (it.address, it.size))
        };
        let what = match (&self.old, &self.new, self.cause) {
            (Some(_), None, _) => " is gone",
            (None, Some(_), _) => " is new",
            (_, _, DifferenceCause::Code) => "",
            _ => " has the length of a text",
        };
        BinaryDifference {
            section: section.to_owned(),
            place: Some(format!("function {}{what}", self.name)),
            old: place(&self.old),
            new: place(&self.new),
            shown: None,
            cause: self.cause,
        }
    }
}
