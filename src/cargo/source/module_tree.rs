//! The files that a crate is made of, found as rustc finds them: from its root along `mod`.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use md5::Digest;

use crate::cargo::file_time::FileTime;
use crate::cargo::fs::Snapshot;
use crate::cargo::source::cfg::{Cfg, Compiled};
use crate::cargo::source::error::SourceError;
use crate::cargo::source::tokens::{IncludePath, Scan, scan, starts};

/// The stack that a thread needs to read sources: deep nesting is refused only far below it.
pub const STACK: usize = 512 << 20;

/// More files than any crate has.
const MAX_FILES: usize = 50_000;

/// Hands out a file; `None` when there is none.
pub type ReadFile<'a> = dyn FnMut(&Path) -> Result<Option<Arc<Snapshot>>, SourceError> + 'a;

/// The files of one crate.
#[derive(Debug, Clone, Default)]
pub struct ModuleTree {
    /// The crate's root file.
    pub root: PathBuf,
    /// Every file, by path; the root among them.
    pub files: Vec<ModuleFile>,
    /// Modules that are declared and have no file, as `file: module`.
    pub missing: Vec<String>,
    /// Why the list may be too short: modules that macros name, includes of computed paths.
    pub open_ends: Vec<String>,
    /// Names of files that build scripts write and this crate includes, relative to `OUT_DIR`.
    pub generated: Vec<String>,
}

/// One file of a crate.
#[derive(Debug, Clone)]
pub struct ModuleFile {
    /// As it was read.
    pub path: PathBuf,
    /// Whether it is compiled in the configuration that was given.
    pub compiled: Compiled,
    /// When it was last written, as anyone may set it.
    pub modified: FileTime,
    /// When its inode last changed.
    pub changed: Option<FileTime>,
    /// The file system it lies on.
    pub device: u64,
    /// In bytes.
    pub size: u64,
    /// Of the bytes.
    pub sha256: [u8; 32],
    /// Of the bytes; what rustc keeps in a library's metadata.
    pub md5: [u8; 16],
    /// What it says, or why it cannot be read; `None` for a file that is included as data.
    pub scan: Option<Result<Scan, SourceError>>,
}

impl ModuleTree {
    /// The file at this path.
    pub fn file(&self, path: &Path) -> Option<&ModuleFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The root file, when it could be read.
    pub fn root_file(&self) -> Option<&ModuleFile> {
        self.file(&self.root)
    }

    /// The files that are not Rust, each with the reason.
    pub fn unreadable(&self) -> impl Iterator<Item = (&Path, &SourceError)> {
        self.files.iter().filter_map(|file| match &file.scan {
            Some(Err(why)) => Some((file.path.as_path(), why)),
            Some(Ok(_)) | None => None,
        })
    }
}

/// A file that is to be read.
struct Visit {
    path: PathBuf,
    /// Where the files of its modules lie.
    children: PathBuf,
    compiled: Compiled,
    kind: VisitKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum VisitKind {
    Module,
    IncludedCode,
    IncludedData,
}

/// Walks a crate from its root file.
///
/// Call it on a thread with a stack of [`STACK`] bytes.
pub fn walk(root: &Path, package: &Path, cfg: &Cfg, read: &mut ReadFile<'_>) -> ModuleTree {
    // A manifest may name its root as `../shared/main.rs`.
    let root = normalized(root);
    let mut tree = ModuleTree { root: root.clone(), ..ModuleTree::default() };
    let mut known: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut visits = VecDeque::from([Visit {
        children: directory(&root),
        path: root,
        compiled: Compiled::Yes,
        kind: VisitKind::Module,
    }]);
    while let Some(visit) = visits.pop_front() {
        if let Some(&index) = known.get(&visit.path) {
            let file: &mut ModuleFile = &mut tree.files[index];
            file.compiled = file.compiled.max(visit.compiled);
            continue;
        }
        if tree.files.len() >= MAX_FILES {
            tree.open_ends.push(format!("more than {MAX_FILES} files"));
            break;
        }
        let snapshot = match read(&visit.path) {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => {
                tree.missing.push(visit.path.display().to_string());
                continue;
            }
            Err(why) => {
                tree.open_ends.push(why.to_string());
                continue;
            }
        };
        let scan =
            (visit.kind != VisitKind::IncludedData).then(|| scan_file(&snapshot, cfg, visit.kind));
        if let Some(Ok(scan)) = &scan {
            follow(scan, &visit, package, &mut tree, &mut visits, read);
        }
        known.insert(visit.path.clone(), tree.files.len());
        tree.files.push(ModuleFile {
            path: visit.path,
            compiled: visit.compiled,
            modified: snapshot.modified,
            changed: snapshot.changed,
            device: snapshot.device,
            size: snapshot.bytes.len() as u64,
            sha256: sha2::Sha256::digest(&snapshot.bytes).into(),
            md5: md5::Md5::digest(&snapshot.bytes).into(),
            scan,
        });
    }
    tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    tree
}

/// Frees what the tokens of every file read on this thread took. No span may be used afterwards.
pub fn forget_spans() {
    proc_macro2::extra::invalidate_current_thread_spans();
}

fn scan_file(snapshot: &Snapshot, cfg: &Cfg, kind: VisitKind) -> Result<Scan, SourceError> {
    let text = std::str::from_utf8(&snapshot.bytes).map_err(|_| SourceError::NotUtf8)?;
    match (scan(text, cfg), kind) {
        // An included file may be an expression or a list of arms: no file by itself.
        (Err(_), VisitKind::IncludedCode) => Ok(Scan { tokens: starts(text)?, ..Scan::default() }),
        (answer, _) => answer,
    }
}

/// Puts every file that this one names on the list.
fn follow(
    scan: &Scan,
    visit: &Visit,
    package: &Path,
    tree: &mut ModuleTree,
    visits: &mut VecDeque<Visit>,
    read: &mut ReadFile<'_>,
) {
    let here = directory(&visit.path);
    let name = |path: &Path| path.strip_prefix(package).unwrap_or(path).display().to_string();
    if scan.macro_modules {
        tree.open_ends.push(format!("{}: a macro declares modules", name(&visit.path)));
    }
    for module in &scan.modules {
        let compiled = visit.compiled.and(module.compiled);
        let base = match (module.inside.is_empty(), &module.path) {
            // `#[path]` outside of an inline module counts from the file's own directory.
            (true, Some(_)) => here.clone(),
            _ if module.inside_file_directory => here.clone(),
            _ => visit.children.clone(),
        };
        let base = module.inside.iter().fold(base, |base, part| base.join(part));
        if let Some(path) = &module.path {
            let path = normalized(&base.join(path));
            let children = directory(&path);
            visits.push_back(Visit { path, children, compiled, kind: VisitKind::Module });
            continue;
        }
        let children = base.join(&module.name);
        let candidates = [base.join(format!("{}.rs", module.name)), children.join("mod.rs")];
        match candidates.into_iter().find(|path| !matches!(read(path), Ok(None))) {
            Some(path) => {
                visits.push_back(Visit { path, children, compiled, kind: VisitKind::Module })
            }
            None if compiled == Compiled::Yes => {
                tree.missing.push(format!("{}: mod {}", name(&visit.path), module.name));
            }
            None => {}
        }
    }
    for include in &scan.includes {
        let path = match &include.path {
            IncludePath::Literal(path) => here.join(path),
            IncludePath::Package(path) => package.join(path),
            IncludePath::OutDir(path) => {
                tree.generated.push(path.clone());
                continue;
            }
            IncludePath::Computed => {
                let what = format!("{}: an include of a computed path", name(&visit.path));
                tree.open_ends.push(what);
                continue;
            }
        };
        let path = normalized(&path);
        let compiled = visit.compiled.and(include.compiled);
        let kind = if include.code { VisitKind::IncludedCode } else { VisitKind::IncludedData };
        visits.push_back(Visit { children: directory(&path), path, compiled, kind });
    }
}

fn directory(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Without `.` and `..`, as rustc and Cargo compare paths; links are not resolved.
pub fn normalized(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
            {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate in memory.
    fn tree(files: &[(&str, &str)]) -> ModuleTree {
        let files: BTreeMap<PathBuf, Arc<Snapshot>> = files
            .iter()
            .map(|(path, text)| {
                let snapshot = Snapshot {
                    bytes: text.as_bytes().to_vec(),
                    modified: FileTime(0),
                    changed: None,
                    device: 0,
                };
                (Path::new("/p").join(path), Arc::new(snapshot))
            })
            .collect();
        let cfg = Cfg { features: Some(Vec::new()), triple: None };
        walk(Path::new("/p/src/main.rs"), Path::new("/p"), &cfg, &mut |path| {
            Ok(files.get(path).cloned())
        })
    }

    fn names(tree: &ModuleTree) -> Vec<String> {
        let name = |file: &ModuleFile| {
            let mark = if file.compiled == Compiled::Maybe { "?" } else { "" };
            format!("{}{mark}", file.path.strip_prefix("/p").unwrap().display())
        };
        tree.files.iter().map(name).collect()
    }

    #[test]
    fn finds_files_where_rustc_would() {
        let tree = tree(&[
            (
                "src/main.rs",
                "mod a; mod b; #[path = \"odd/place.rs\"] mod c; mod inline { mod d; }
                 #[cfg(windows)] mod never_known; #[cfg(test)] mod tests; fn main() {}",
            ),
            ("src/a.rs", "mod deep; mod inner { mod e; #[path = \"f_.rs\"] mod f; }"),
            ("src/a/deep.rs", ""),
            ("src/a/inner/e.rs", ""),
            ("src/a/inner/f_.rs", ""),
            ("src/b/mod.rs", "mod g; const T: &str = include_str!(\"../../data/t.txt\");"),
            ("src/b/g.rs", "mod h;"),
            ("src/b/g/h.rs", ""),
            ("src/odd/place.rs", "mod beside;"),
            ("src/odd/beside.rs", ""),
            ("src/inline/d.rs", ""),
            ("src/never_known.rs", ""),
            ("src/tests.rs", "mod more;"),
            ("data/t.txt", "not ( rust"),
            ("src/unused.rs", ""),
        ]);
        assert_eq!(
            names(&tree),
            [
                "data/t.txt",
                "src/a/deep.rs",
                "src/a/inner/e.rs",
                "src/a/inner/f_.rs",
                "src/a.rs",
                "src/b/g/h.rs",
                "src/b/g.rs",
                "src/b/mod.rs",
                "src/inline/d.rs",
                "src/main.rs",
                "src/never_known.rs?",
                "src/odd/beside.rs",
                "src/odd/place.rs",
            ]
        );
        assert!(tree.missing.is_empty() && tree.open_ends.is_empty(), "{tree:#?}");
    }

    #[test]
    fn says_what_is_missing_generated_open_or_not_rust() {
        let tree = tree(&[
            (
                "src/main.rs",
                "mod gone; mod broken; include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));
                 const X: &str = include_str!(where_is!()); macro_rules! m { ($m:ident) => { mod $m; } }",
            ),
            ("src/broken.rs", "fn ("),
        ]);
        assert_eq!(tree.missing, ["src/main.rs: mod gone"]);
        assert_eq!(tree.generated, ["g.rs"]);
        assert_eq!(tree.open_ends.len(), 2);
        assert_eq!(tree.unreadable().count(), 1);
    }

    #[test]
    fn a_crate_that_includes_itself_ends() {
        let tree = tree(&[("src/main.rs", "include!(\"main.rs\"); #[path = \"main.rs\"] mod m;")]);
        assert_eq!(names(&tree), ["src/main.rs"]);
    }
}
