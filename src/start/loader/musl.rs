//! musl's loader, which is its C library too: every error is printed before it gives up.

use std::collections::HashMap;
use std::sync::Arc;

use crate::binary::elf::DynamicInfo;
use crate::binary::elf::{ET_DYN, ET_EXEC};
use crate::rootfs::FileKind;
use crate::rootfs::tree::{Errno, resolve};
use crate::start::image::elf_tree::ElfTree;
use crate::start::loader::absent::AbsentDirectories;
use crate::start::loader::search::{Interpreter, absolute, directory_of};
use crate::start::loader::{
    ExecContext, LibcInImage, Library, PredictionBuilder, StartProblem, StartStage,
};

/// Where Alpine's `gcompat` keeps what it preloads.
pub(super) const GCOMPAT: &str = "/lib/libgcompat.so.0";

struct MuslObject {
    /// As messages name it.
    path: String,
    /// The last name of the path, for what was found by a search.
    short: Option<String>,
    real: Vec<u8>,
    linking: Arc<DynamicInfo>,
    needed_by: Option<usize>,
}

struct MuslProcess<'a> {
    start: &'a ExecContext,
    tree: &'a dyn ElfTree,
    interpreter: &'a Interpreter,
    /// The program, then libraries in the order of loading; the loader where it was first named.
    objects: Vec<MuslObject>,
    itself: Option<usize>,
    system_directories: Vec<String>,
    environment_directories: Vec<String>,
    /// The run paths that count for each object, as directories.
    run_paths: HashMap<Option<usize>, Arc<[String]>>,
    absent: AbsentDirectories,
}

/// What `load_library` came to.
enum LoadResult {
    Object(usize),
    /// `strerror` (`%m`).
    Failed(&'static str),
    Unread(String),
}

const ENOENT: &str = "No such file or directory";
const ENOEXEC: &str = "Exec format error";

/// Plays `__dls3`.
pub(super) fn load(
    draft: &mut PredictionBuilder,
    subject: Arc<DynamicInfo>,
    start: &ExecContext,
    tree: &dyn ElfTree,
    interpreter: &Interpreter,
    first_preload: Option<&str>,
) {
    draft.libc = Some(LibcInImage { path: interpreter.path.clone(), version: None });
    let real = resolve(tree, start.path.as_bytes())
        .map_or_else(|_| start.path.clone().into_bytes(), |found| found.path);
    let program = MuslObject {
        path: start.path.clone(),
        short: None,
        real,
        linking: subject,
        needed_by: None,
    };
    let mut process = MuslProcess {
        start,
        tree,
        interpreter,
        objects: vec![program],
        itself: None,
        system_directories: system_directories(tree, interpreter),
        environment_directories: Vec::new(),
        run_paths: HashMap::new(),
        absent: AbsentDirectories::default(),
    };
    let list = split(start.variable("LD_LIBRARY_PATH").unwrap_or_default());
    process.environment_directories = process.absent.compact(tree, &start.working_directory, list);
    let preloads = start.variable("LD_PRELOAD").unwrap_or_default();
    let split = |it: char| it.is_ascii_whitespace() || it == ':';
    for name in first_preload.into_iter().chain(preloads.split(split)) {
        if !name.is_empty() {
            process.preload(draft, name);
        }
    }
    process.load_closure(draft);
    if draft.open.is_none() {
        process.relocate(draft);
    }
}

/// `gcompat`'s loader runs musl's with its library preloaded.
pub(super) fn load_through_gcompat(
    draft: &mut PredictionBuilder,
    subject: Arc<DynamicInfo>,
    start: &ExecContext,
    tree: &dyn ElfTree,
    interpreter: &Interpreter,
) {
    let directory = resolve(tree, b"/lib").map(|found| found.path).unwrap_or_default();
    let names = tree.children(&directory);
    let is_musl = |name: &&Vec<u8>| name.starts_with(b"ld-musl-") && name.ends_with(b".so.1");
    let found = names.iter().find(is_musl).and_then(|name| {
        let path = format!("/lib/{}", String::from_utf8_lossy(name));
        let there = resolve(tree, path.as_bytes()).ok()?;
        let linking = tree.linking(&there.path)?.ok()?;
        Some(Interpreter { path, real: there.path, linking })
    });
    match found {
        Some(musl) => load(draft, subject, start, tree, &musl, Some(GCOMPAT)),
        None => {
            draft.open = Some(format!("{}: gcompat without musl's loader", interpreter.path));
        }
    }
}

/// `/etc/ld-musl-ARCH.path`, below the prefix that the loader itself lies in; an unreadable file
/// means no directory at all.
fn system_directories(tree: &dyn ElfTree, interpreter: &Interpreter) -> Vec<String> {
    let path = &interpreter.path;
    let prefix = directory_of(path).rfind('/').map_or("", |at| &path[..at]);
    let file_name = path.rsplit('/').next().unwrap_or_default();
    let named = file_name.strip_prefix("ld-musl-").and_then(|it| it.strip_suffix(".so.1"));
    let architecture = named.unwrap_or_else(|| architecture(&interpreter.linking));
    let list = format!("{prefix}/etc/ld-musl-{architecture}.path");
    match resolve(tree, list.as_bytes()) {
        Ok(found) => split(&String::from_utf8_lossy(&tree.text(&found.path).unwrap_or_default())),
        Err(not) if not.why == Errno::Missing => split("/lib:/usr/local/lib:/usr/lib"),
        Err(_) => Vec::new(),
    }
}

fn split(list: &str) -> Vec<String> {
    list.split([':', '\n']).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn architecture(loader: &DynamicInfo) -> &'static str {
    match loader.machine {
        62 => "x86_64",
        3 => "i386",
        183 => "aarch64",
        40 if loader.flags & 0x400 != 0 => "armhf",
        40 => "arm",
        243 => "riscv64",
        21 => "powerpc64le",
        22 => "s390x",
        258 => "loongarch64",
        _ => "",
    }
}

/// The names that musl answers to itself: `libc.so.6` of a glibc program among them.
fn is_the_c_library(name: &str) -> bool {
    const RESERVED: [&str; 7] = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];
    name.strip_prefix("lib").is_some_and(|rest| RESERVED.iter().any(|it| rest.starts_with(it)))
}

impl MuslProcess<'_> {
    fn asked_by(&self, object: usize) -> String {
        self.objects[object].path.clone()
    }

    fn preload(&mut self, draft: &mut PredictionBuilder, name: &str) {
        match self.load_library(name, None) {
            LoadResult::Object(index) => self.note_library(draft, name, Some(index), 0),
            LoadResult::Failed(why) => draft.problems.push(StartProblem::PreloadIgnored {
                object: name.to_owned(),
                from: "LD_PRELOAD",
                why: why.to_owned(),
            }),
            LoadResult::Unread(path) => {
                draft.open = Some(format!("{path}: its bytes were not looked at"));
            }
        }
    }

    fn note_library(
        &self,
        draft: &mut PredictionBuilder,
        name: &str,
        index: Option<usize>,
        by: usize,
    ) {
        let path = index.map(|index| self.objects[index].path.clone());
        let known = |it: &Library| it.path == path && (path.is_some() || it.name == name);
        if !draft.libraries.iter().any(known) {
            let needed_by = self.asked_by(by);
            draft.libraries.push(Library { name: name.to_owned(), path, needed_by });
        }
    }

    /// Every needed library of every object, in the order of loading.
    fn load_closure(&mut self, draft: &mut PredictionBuilder) {
        let mut at = 0;
        while at < self.objects.len() {
            let linking = Arc::clone(&self.objects[at].linking);
            for name in &linking.needed {
                match self.load_library(name, Some(at)) {
                    LoadResult::Object(index) => self.note_library(draft, name, Some(index), at),
                    LoadResult::Unread(path) => {
                        draft.open = Some(format!("{path}: its bytes were not looked at"));
                    }
                    LoadResult::Failed(why) => {
                        let needed_by = self.asked_by(at);
                        self.note_library(draft, name, None, at);
                        let line = format!(
                            "Error loading shared library {name}: {why} (needed by {needed_by})"
                        );
                        let problem = if why == ENOEXEC {
                            let (path, why) = (name.clone(), why.to_owned());
                            StartProblem::LibraryBroken { path, needed_by, why }
                        } else {
                            let passed_over = Vec::new();
                            let refused = None;
                            StartProblem::LibraryMissing {
                                name: name.clone(),
                                needed_by,
                                passed_over,
                                refused,
                            }
                        };
                        draft.fail(StartStage::Libraries, problem, Some(line));
                    }
                }
            }
            at += 1;
        }
    }

    /// `load_library`.
    fn load_library(&mut self, name: &str, by: Option<usize>) -> LoadResult {
        if name.is_empty() {
            return LoadResult::Failed("Invalid argument");
        }
        if is_the_c_library(name) || name == self.interpreter.path {
            return LoadResult::Object(self.itself());
        }
        if name.contains('/') {
            return self.open(name, None, by);
        }
        let shorts = self.objects.iter().position(|it| it.short.as_deref() == Some(name));
        if let Some(at) = shorts {
            return LoadResult::Object(at);
        }
        let (tree, start) = (self.tree, self.start);
        let run_paths = self.run_paths(by);
        let all = self.environment_directories.iter().chain(run_paths.iter());
        for directory in all.chain(&self.system_directories) {
            if self.absent.is(tree, (&start.working_directory, directory), name) {
                continue;
            }
            let path = format!("{directory}/{name}");
            let absolute = absolute(&self.start.working_directory, &path);
            match resolve(self.tree, absolute.as_bytes()) {
                Ok(found) if self.tree.refuses(&found.entry, 0o4) => {}
                Ok(_) => return self.open(&path, Some(name), by),
                Err(not) if not.why == Errno::TooManyLinks => {
                    return LoadResult::Failed(musls_strerror(not.why));
                }
                Err(_) => {}
            }
        }
        LoadResult::Failed(ENOENT)
    }

    fn itself(&mut self) -> usize {
        if let Some(at) = self.itself {
            return at;
        }
        self.objects.push(MuslObject {
            path: self.interpreter.path.clone(),
            short: Some("libc.so".to_owned()),
            real: self.interpreter.real.clone(),
            linking: Arc::clone(&self.interpreter.linking),
            needed_by: None,
        });
        self.itself = Some(self.objects.len() - 1);
        self.objects.len() - 1
    }

    /// The run paths of the file and of those that led to it.
    fn run_paths(&mut self, by: Option<usize>) -> Arc<[String]> {
        if let Some(known) = self.run_paths.get(&by) {
            return Arc::clone(known);
        }
        let mut all = Vec::new();
        let mut next = by;
        while let Some(object) = next {
            let object = &self.objects[object];
            // musl knows one list: DT_RUNPATH where there is one, and inherits it like DT_RPATH.
            if let Some(list) = object.linking.runpath.as_ref().or(object.linking.rpath.as_ref()) {
                all.extend(expand(list, object).map(|it| split(&it)).unwrap_or_default());
            }
            next = object.needed_by;
        }
        let all = self.absent.compact(self.tree, &self.start.working_directory, all);
        let all: Arc<[String]> = all.into();
        self.run_paths.insert(by, Arc::clone(&all));
        all
    }

    fn open(&mut self, path: &str, searched: Option<&str>, by: Option<usize>) -> LoadResult {
        let absolute = absolute(&self.start.working_directory, path);
        let found = match resolve(self.tree, absolute.as_bytes()) {
            Ok(found) => found,
            Err(not) => return LoadResult::Failed(musls_strerror(not.why)),
        };
        if self.tree.refuses(&found.entry, 0o4) {
            return LoadResult::Failed(musls_strerror(Errno::PermissionDenied));
        }
        if let Some(at) = self.objects.iter().position(|it| it.real == found.path) {
            if searched.is_some() && self.objects[at].short.is_none() {
                self.objects[at].short = path.rsplit('/').next().map(str::to_owned);
            }
            return LoadResult::Object(at);
        }
        match found.entry.kind {
            FileKind::File { .. } => {}
            FileKind::Directory => return LoadResult::Failed("Is a directory"),
            FileKind::Other | FileKind::Symlink(_) => return LoadResult::Unread(path.to_owned()),
        }
        let linking = match self.tree.linking(&found.path) {
            None => return LoadResult::Unread(path.to_owned()),
            Some(Err(_)) => return LoadResult::Failed(ENOEXEC),
            Some(Ok(linking)) => linking,
        };
        let own_class = linking.is_64() == self.interpreter.linking.is_64();
        if !own_class || !matches!(linking.file_type, ET_DYN | ET_EXEC) || !linking.dynamic {
            return LoadResult::Failed(ENOEXEC);
        }
        // A second C library, glibc's too, is never taken in.
        let defines = |name: &str| {
            linking.symbols.as_ref().is_some_and(|it| it.definitions(name).any(is_default))
        };
        if defines("__libc_start_main") && defines("stdin") {
            return LoadResult::Object(self.itself());
        }
        self.objects.push(MuslObject {
            path: path.to_owned(),
            short: searched.and(path.rsplit('/').next()).map(str::to_owned),
            real: found.path,
            linking,
            needed_by: by,
        });
        LoadResult::Object(self.objects.len() - 1)
    }

    /// Libraries in the order of loading, the program last; a line for each relocation.
    fn relocate(&self, draft: &mut PredictionBuilder) {
        for object in (1..self.objects.len()).chain([0]) {
            if Some(object) == self.itself {
                continue;
            }
            let linking = &self.objects[object].linking;
            let path = &self.objects[object].path;
            if linking.machine != self.interpreter.linking.machine {
                let problem = StartProblem::ForeignLibrary { path: path.clone() };
                let line = relative_relocation(linking.machine).map(|kind| {
                    format!("Error relocating {path}: unsupported relocation type {kind}")
                });
                draft.fail(StartStage::Symbols, problem, line);
                continue;
            }
            let Some(symbols) = &linking.symbols else { continue };
            if symbols.cut_off {
                draft.open = Some(format!("{path}: too many symbols to read"));
                continue;
            }
            let in_plt = symbols.references().map(|it| (it, it.in_plt));
            let in_data = symbols.references().map(|it| (it, it.in_data));
            for (reference, times) in in_plt.chain(in_data) {
                if times == 0 || reference.weak && !reference.copied || self.defines(&reference) {
                    continue;
                }
                let line = format!("Error relocating {path}: {}: symbol not found", reference.name);
                for _ in 0..times {
                    let problem = StartProblem::SymbolMissing {
                        symbol: reference.name.to_owned(),
                        version: None,
                        needed_by: path.clone(),
                        lazy: false,
                    };
                    draft.fail(StartStage::Symbols, problem, Some(line.clone()));
                }
            }
        }
    }

    /// `find_sym` over everything that was loaded, then the names that glibc gives to large files.
    fn defines(&self, reference: &crate::binary::elf::symbols::UndefinedSymbol<'_>) -> bool {
        let skip = usize::from(reference.copied);
        let offered = |object: &MuslObject, name: &str| {
            object.linking.symbols.as_ref().is_some_and(|it| it.definitions(name).any(is_default))
        };
        self.objects.iter().skip(skip).any(|it| offered(it, reference.name))
            || large_file_name(reference.name).is_some_and(|name| {
                self.interpreter
                    .linking
                    .symbols
                    .as_ref()
                    .is_some_and(|it| it.definitions(name).any(is_default))
            })
    }
}

/// musl's own words (`src/errno/__strerror.h`).
fn musls_strerror(errno: Errno) -> &'static str {
    match errno {
        Errno::Missing | Errno::NotDirectory | Errno::PermissionDenied => errno.text(),
        Errno::TooManyLinks => "Symbolic link loop",
        Errno::TooLong => "Filename too long",
    }
}

/// Bit 15 of `DT_VERSYM` hides a definition from musl, whatever its version.
fn is_default(versym: u16) -> bool {
    versym & 0x8000 == 0
}

/// `$ORIGIN` alone is known; a list with any other token is not used at all.
fn expand(list: &str, object: &MuslObject) -> Option<String> {
    let real = String::from_utf8_lossy(&object.real);
    // The program's origin is where it really lies (`/proc/self/exe`), a library's as it was found.
    let origin = if object.needed_by.is_none() && object.short.is_none() {
        directory_of(&real)
    } else {
        directory_of(&object.path)
    };
    let origin = if origin == "/" { "" } else { origin };
    let expanded = list.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
    (!expanded.contains('$')).then_some(expanded)
}

/// Since 1.2.4 `NAME64` is bound to `NAME` (`get_lfs64`); before, libc itself had both.
fn large_file_name(name: &str) -> Option<&str> {
    const NAMES: &[&str] = &[
        "aio_cancel",
        "aio_error",
        "aio_fsync",
        "aio_read",
        "aio_return",
        "aio_suspend",
        "aio_write",
        "alphasort",
        "creat",
        "fallocate",
        "fgetpos",
        "fopen",
        "freopen",
        "fseeko",
        "fsetpos",
        "fstat",
        "fstatat",
        "fstatfs",
        "fstatvfs",
        "ftello",
        "ftruncate",
        "ftw",
        "getdents",
        "getrlimit",
        "glob",
        "globfree",
        "lio_listio",
        "lockf",
        "lseek",
        "lstat",
        "mkostemp",
        "mkostemps",
        "mkstemp",
        "mkstemps",
        "mmap",
        "nftw",
        "open",
        "openat",
        "posix_fadvise",
        "posix_fallocate",
        "pread",
        "preadv",
        "prlimit",
        "pwrite",
        "pwritev",
        "readdir",
        "scandir",
        "sendfile",
        "setrlimit",
        "stat",
        "statfs",
        "statvfs",
        "tmpfile",
        "truncate",
        "versionsort",
        "__fxstat",
        "__fxstatat",
        "__lxstat",
        "__xstat",
    ];
    if name == "readdir64_r" {
        return Some("readdir_r");
    }
    let base = name.strip_suffix("64")?;
    NAMES.contains(&base).then_some(base)
}

/// `R_*_RELATIVE`, the first relocation that nearly every library has.
fn relative_relocation(machine: u16) -> Option<u32> {
    Some(match machine {
        3 | 62 => 8,
        40 => 23,
        183 => 1027,
        243 | 258 => 3,
        20 | 21 => 22,
        22 => 12,
        _ => return None,
    })
}
