//! From a path as it is written to what it names, through `use`, globs and re-exports.

use std::collections::{BTreeMap, BTreeSet};

use super::syntax::{Mention, Scope, Source};

/// The name of the library, as `main.rs` says it.
const LIBRARY: &str = "binlint";

/// No name of a tree that compiles takes more steps to what it names.
const MAX_STEPS: usize = 32;

type Path = Vec<String>;

/// Every name of the tree.
pub struct Names<'a> {
    /// Modules to the file that they are in.
    modules: BTreeMap<Path, &'a str>,
    scopes: BTreeMap<Path, &'a Scope>,
}

/// What a mention names: each step on the way to it, and where the ways end.
#[derive(Debug, Default)]
pub struct Meaning {
    /// Whole paths, from `crate` or from another crate's name.
    pub steps: BTreeSet<Path>,
    pub ends: BTreeSet<Path>,
}

fn is_crate(name: &String) -> bool {
    name == "crate"
}

/// Names that are being looked up: nothing is asked twice, so that circles end.
type Asked = BTreeSet<(Path, Path)>;

impl<'a> Names<'a> {
    pub fn new(sources: &'a [Source]) -> Names<'a> {
        let mut modules = BTreeMap::new();
        let mut scopes = BTreeMap::new();
        for source in sources {
            // `main.rs` is a crate of its own, which has no modules.
            if source.path == "src/main.rs" {
                continue;
            }
            // Folders whose own file was not given are modules, too.
            for depth in 0..source.module.len() {
                modules.entry(source.module[..depth].to_vec()).or_insert("");
            }
            for (module, scope) in &source.scopes {
                modules.insert(module.clone(), source.path.as_str());
                scopes.insert(module.clone(), scope);
            }
        }
        Names { modules, scopes }
    }

    /// The file that a path from `crate` leads to.
    pub fn file(&self, path: &[String]) -> Option<&'a str> {
        let inside = path.split_first().filter(|(first, _)| *first == "crate")?.1;
        let longest = (0..=inside.len()).rev().find_map(|end| self.modules.get(&inside[..end]))?;
        Some(longest).copied().filter(|file| !file.is_empty())
    }

    pub fn is_module(&self, path: &[String]) -> bool {
        self.modules.contains_key(path)
    }

    pub fn meaning(&self, mention: &Mention, source: &Source) -> Meaning {
        let mut meaning = Meaning::default();
        let own = (source.path == "src/main.rs").then(|| &source.scopes[&source.module]);
        let mut asked = Asked::new();
        let (module, path) = (&mention.module, &mention.path);
        self.relative(module, path, mention.from_root, own, &mut asked, &mut meaning);
        meaning
    }

    /// A path as a module writes it. `own` is the scope of a crate beside the library.
    fn relative(
        &self,
        module: &Path,
        path: &Path,
        from_root: bool,
        own: Option<&Scope>,
        asked: &mut Asked,
        meaning: &mut Meaning,
    ) {
        if asked.len() > MAX_STEPS || !asked.insert((module.clone(), path.clone())) {
            return self.foreign(path, meaning);
        }
        let Some((first, rest)) = path.split_first() else { return };
        let inside =
            |from: &[String], rest: &[String]| [&["crate".to_owned()][..], from, rest].concat();
        match first.as_str() {
            "Self" => {}
            _ if from_root => self.foreign(path, meaning),
            "crate" => self.absolute(inside(&[], rest), asked, meaning),
            LIBRARY if own.is_some() => self.absolute(inside(&[], rest), asked, meaning),
            "self" => self.absolute(inside(module, rest), asked, meaning),
            "super" => {
                let above = &module[..module.len().saturating_sub(1)];
                match rest.first().is_some_and(|it| it == "super") {
                    true => {
                        self.relative(&above.to_vec(), &rest.to_vec(), false, own, asked, meaning);
                    }
                    false => self.absolute(inside(above, rest), asked, meaning),
                }
            }
            _ => {
                let scope = own.or_else(|| self.scopes.get(module).copied());
                let child = [&module[..], std::slice::from_ref(first)].concat();
                let targets = scope.and_then(|scope| scope.uses.get(first));
                for (target, from_root) in targets.into_iter().flatten() {
                    // `use object::object`: the first is a crate.
                    let from_root = *from_root || target.first() == Some(first);
                    let target = [&target[..], rest].concat();
                    self.relative(module, &target, from_root, own, asked, meaning);
                }
                if targets.is_some() {
                    return;
                }
                if own.is_none() && self.modules.contains_key(&child)
                    || scope.is_some_and(|scope| scope.items.contains(first))
                {
                    return self.absolute(inside(module, path), asked, meaning);
                }
                let mut is_found = false;
                for (glob, from_root) in scope.into_iter().flat_map(|scope| &scope.globs) {
                    if glob.first() == Some(first) {
                        continue;
                    }
                    let mut there = Meaning::default();
                    let whole = [&glob[..], path].concat();
                    self.relative(module, &whole, *from_root, own, &mut asked.clone(), &mut there);
                    // What another crate offers is not known: it may be this.
                    let (ours, others): (Vec<Path>, Vec<Path>) =
                        there.ends.into_iter().partition(|it| it.first().is_some_and(is_crate));
                    let exists = ours.iter().any(|end| self.offers(end));
                    is_found |= exists;
                    if exists || !others.is_empty() {
                        meaning.steps.extend(there.steps);
                        meaning.ends.extend(ours.into_iter().chain(others));
                    }
                }
                // One name alone is a variable or of the prelude; a crate is named in paths.
                if !is_found && path.len() > 1 {
                    self.foreign(path, meaning);
                }
            }
        }
    }

    /// Whether something of this name is known to be there.
    fn offers(&self, path: &[String]) -> bool {
        let Some(("crate", inside)) = path.split_first().map(|(it, rest)| (it.as_str(), rest))
        else {
            return true;
        };
        let modules = (0..=inside.len()).rev();
        let end = modules.into_iter().find(|end| self.modules.contains_key(&inside[..*end]));
        end.is_some_and(|end| match inside.get(end) {
            None => true,
            Some(name) => {
                self.scopes.get(&inside[..end]).is_some_and(|scope| scope.items.contains(name))
            }
        })
    }

    /// A path from `crate`, through the modules and what they re-export.
    fn absolute(&self, path: Path, asked: &mut Asked, meaning: &mut Meaning) {
        meaning.steps.insert(path.clone());
        let mut module: Path = Vec::new();
        for (at, name) in path.iter().enumerate().skip(1) {
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&child) {
                module = child;
                continue;
            }
            let Some(scope) = self.scopes.get(&module) else { break };
            let rest = &path[at + 1..];
            if let Some(targets) = scope.uses.get(name) {
                for (target, from_root) in targets {
                    let target = [&target[..], rest].concat();
                    self.relative(&module, &target, *from_root, None, asked, meaning);
                }
                return;
            }
            if scope.items.contains(name) {
                break;
            }
            let mut is_found = false;
            for (glob, from_root) in &scope.globs {
                let whole = [&glob[..], &path[at..]].concat();
                let mut there = Meaning::default();
                self.relative(&module, &whole, *from_root, None, &mut asked.clone(), &mut there);
                if there.ends.iter().any(|end| self.offers(end)) {
                    is_found = true;
                    meaning.steps.extend(there.steps);
                    meaning.ends.extend(there.ends);
                }
            }
            if is_found {
                return;
            }
            break;
        }
        meaning.ends.insert(path);
    }

    fn foreign(&self, path: &Path, meaning: &mut Meaning) {
        // `core` and `alloc` are parts of `std`.
        let mut path = path.clone();
        if let Some(first) = path.first_mut().filter(|it| *it == "core" || *it == "alloc") {
            *first = "std".to_owned();
        }
        meaning.steps.insert(path.clone());
        meaning.ends.insert(path);
    }
}
