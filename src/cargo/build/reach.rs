//! What `main` of the sources surely does, followed through the functions of the crates at hand.
//!
//! A `main` that does nothing in a program may be a placeholder, or what is left of one that came to
//! nothing: its call is behind a constant, or what it calls is empty in this configuration. Only what
//! no optimiser may leave out tells them apart.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cargo::compared::MainReach;
use crate::cargo::crate_freshness::CrateFreshness;
use crate::cargo::source::module_tree::ModuleTree;
use crate::cargo::source::tokens::bodies::{Body, WRITES};
use crate::cargo::source::tokens::{MainFunction, Scan};

/// Functions that call each other further than this are followed no more.
const MAX_FUNCTIONS: usize = 1_000;

/// The crates that a `main` may call, with the names that they are called by.
#[derive(Debug)]
pub struct Crates<'a> {
    scans: Vec<&'a Scan>,
    /// Crates and modules.
    names: BTreeSet<String>,
    macros: BTreeSet<&'a str>,
}

impl<'a> Crates<'a> {
    /// The files of these crates that may be compiled.
    pub fn new(states: &[&'a CrateFreshness]) -> Crates<'a> {
        let trees: Vec<&ModuleTree> = states.iter().filter_map(|it| it.tree.as_deref()).collect();
        let files = trees.iter().flat_map(|tree| &tree.files);
        let scans: Vec<&Scan> =
            files.filter_map(|file| file.scan.as_ref()?.as_ref().ok()).collect();
        let modules = scans.iter().flat_map(|scan| &scan.modules).map(|it| it.name.clone());
        let stem = |path: &Path| Some(path.file_stem()?.to_str()?.replace('-', "_"));
        let crates = states.iter().map(|it| it.crate_name.clone());
        let roots = trees.iter().filter_map(|tree| stem(&tree.root));
        Crates {
            names: modules.chain(crates).chain(roots).collect(),
            macros: scans.iter().flat_map(|it| &it.macros).map(String::as_str).collect(),
            scans,
        }
    }

    /// What this `main` does in any case.
    pub fn of(&self, main: &MainFunction) -> MainReach {
        let is_own = |name: &str| self.is_own(name);
        if main.must_leave_code(&is_own) {
            return MainReach::Acts;
        }
        let reach = self.follow(&main.body);
        // Of a branch that prints nothing is left where its condition is constant; what code that is
        // not at hand answers is not.
        let prints = main.macros.iter().any(|it| WRITES.contains(&it.as_str()) && !is_own(it));
        if reach == MainReach::Foreign && prints { MainReach::Acts } else { reach }
    }

    /// Whether the crates define this function or macro themselves.
    pub fn is_own(&self, name: &str) -> bool {
        let last = name.rsplit("::").next().unwrap_or(name);
        match last.strip_suffix('!') {
            Some(name) => self.macros.contains(name),
            None => {
                self.macros.contains(last)
                    || self.scans.iter().any(|it| it.bodies.contains_key(last))
            }
        }
    }

    /// Follows the calls that are made in any case, each function once.
    fn follow(&self, first: &Body) -> MainReach {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut reach = MainReach::Nothing;
        let mut queue = vec![first];
        while let Some(body) = queue.pop() {
            if body.leaves.iter().any(|name| !self.is_own(name)) {
                return MainReach::Acts;
            }
            for path in &body.calls {
                let Some(name) = path.last() else { continue };
                let found = self.called(path);
                if found.is_empty() {
                    // `Some(…)` makes a value.
                    let makes_value = name.starts_with(|it: char| it.is_ascii_uppercase());
                    reach = reach.max(if makes_value {
                        MainReach::Nothing
                    } else {
                        MainReach::Foreign
                    });
                } else if found.len() == 1 && seen.len() < MAX_FUNCTIONS && seen.insert(name) {
                    queue.extend(found);
                }
            }
        }
        reach
    }

    /// The functions that a path may mean; more than one where files have one of the same name.
    fn called(&self, path: &[String]) -> Vec<&Body> {
        const HERE: &[&str] = &["crate", "self", "super", "Self"];
        let [first, .., name] = path else {
            return path.first().map(|name| self.named(name)).unwrap_or_default();
        };
        let is_ours = HERE.contains(&first.as_str()) || self.names.contains(first);
        if is_ours { self.named(name) } else { Vec::new() }
    }

    fn named(&self, name: &str) -> Vec<&Body> {
        self.scans.iter().filter_map(|scan| scan.bodies.get(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::file_time::FileTime;
    use crate::cargo::source::cfg::{Cfg, Compiled};
    use crate::cargo::source::module_tree::ModuleFile;
    use crate::cargo::source::tokens::scan;
    use crate::cargo::test_support::state;

    fn reach(features: &[&str], main: &str, library: &str) -> MainReach {
        let features = Some(features.iter().map(|it| (*it).to_owned()).collect());
        let cfg = Cfg { features, triple: Some("x86_64-unknown-linux-gnu".into()) };
        let of = |role, name: &str, source: &str| {
            let mut state = state(role);
            let file = ModuleFile {
                path: format!("/ws/src/{name}.rs").into(),
                compiled: Compiled::Yes,
                modified: FileTime::new(1, 0),
                changed: None,
                device: 0,
                size: 0,
                sha256: [0; 32],
                md5: [0; 16],
                scan: Some(scan(source, &cfg)),
            };
            let root = file.path.clone();
            state.tree =
                Some(Arc::new(ModuleTree { root, files: vec![file], ..ModuleTree::default() }));
            state.crate_name =
                if role == CrateRole::OwnLibrary { "app".into() } else { name.into() };
            state
        };
        let program = of(CrateRole::Program, "main", main);
        let library = of(CrateRole::OwnLibrary, "lib", library);
        Crates::new(&[&program, &library]).of(program.main().unwrap())
    }

    #[test]
    fn a_main_is_followed_through_the_crates_at_hand() {
        const LIB: &str = "pub fn start() { let n = helper(); println!(\"{n}\"); } fn helper() -> u8 { 1 }\n\
                           pub fn init() { if cfg!(debug_assertions) { println!(\"x\") } }\n\
                           pub fn serve() -> Result<(), E> { let l = TcpListener::bind(\"\")?; Ok(()) }";
        for (main, expected) in [
            ("fn main() { app::start(); }", MainReach::Acts),
            ("use app::start; fn main() { start(); }", MainReach::Acts),
            ("fn main() { if let Err(e) = app::serve() { log(e) } }", MainReach::Acts),
            ("#[tokio::main] async fn main() { app::init(); }", MainReach::Acts),
            ("fn main() { app::init(); }", MainReach::Nothing),
            ("fn main() { #[cfg(feature = \"server\")] app::start(); }", MainReach::Nothing),
            (
                "const ON: bool = false; fn main() { if !ON { return; } app::start(); }",
                MainReach::Nothing,
            ),
            ("fn main() { dep::run(); }", MainReach::Foreign),
            ("fn main() { if dep::run().is_err() { eprintln!(\"failed\"); } }", MainReach::Acts),
            ("fn main() { if cfg!(windows) { eprintln!(\"failed\"); } }", MainReach::Nothing),
            ("fn main() { main2() } fn main2() { main() }", MainReach::Nothing),
            ("macro_rules! println { () => {} } fn main() { println!(); }", MainReach::Nothing),
            ("fn sleep() {} fn main() { sleep(); }", MainReach::Nothing),
        ] {
            assert_eq!(reach(&[], main, LIB), expected, "{main}");
        }
        let gated = "fn main() { #[cfg(feature = \"server\")] app::start(); }";
        assert_eq!(reach(&["server"], gated, LIB), MainReach::Acts);
    }
}
