//! glibc's `ld.so`: preloads, the closure of needed libraries, versions; symbols come after it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::binary::elf::{DF_1_NODEFLIB, DynamicInfo};
use crate::rootfs::tree::{Errno, resolve};
use crate::start::image::elf_tree::ElfTree;
use crate::start::loader::absent::AbsentDirectories;
use crate::start::loader::ld_so_cache::{LdSoCache, flags_of};
use crate::start::loader::open_library::{
    OpenResult, describe_truncation, open, refused_by_mapping,
};
use crate::start::loader::search::{
    Interpreter, StringTokens, absolute, directories, directory_of, hardware, without_comments,
};
use crate::start::loader::{ExecContext, Library, PredictionBuilder, StartProblem, StartStage};

pub mod names;
pub mod symbols;
pub mod versions;

use crate::start::loader::glibc::names::{
    SearchTrace, library_token, loaders_strerror, platform, refusals_of_mapping, wrong_class,
};

/// One file in the process.
struct GlibcObject {
    /// The names it was asked for by, and its soname once that was used (`l_libname`).
    names: Vec<String>,
    /// As the loader prints it (`l_name`); empty for the program.
    path: String,
    /// Without links.
    real: Vec<u8>,
    linking: Arc<DynamicInfo>,
    /// Who asked first (`l_loader`).
    loaded_by: Option<usize>,
    /// The objects that `DT_NEEDED` leads to, in file order.
    needs: Vec<usize>,
}

/// A process while it is being put together.
struct GlibcProcess<'a> {
    start: &'a ExecContext,
    tree: &'a dyn ElfTree,
    loader: &'a DynamicInfo,
    /// In the order of loading; the program first, the loader second.
    objects: Vec<GlibcObject>,
    /// The order of look-ups: the program, preloads, then libraries breadth first.
    scope: Vec<usize>,
    cache: Option<LdSoCache>,
    default_directories: Vec<String>,
    library_token: String,
    environment_directories: Arc<[String]>,
    /// `DT_RPATH` or `DT_RUNPATH` of each object, as directories.
    run_paths: HashMap<usize, Arc<[String]>>,
    /// What lies below each directory for better processors.
    hardware: Vec<String>,
    absent: AbsentDirectories,
    /// `errno`, which the loader prints although an earlier search may have left it.
    errno: Option<Errno>,
    /// The cache was asked for and is not there, which sets `errno` once.
    missed_cache: bool,
}

const PROGRAM: usize = 0;
const LOADER: usize = 1;

/// Plays `ld.so` up to the program's entry point.
pub(super) fn load(
    draft: &mut PredictionBuilder,
    subject: Arc<DynamicInfo>,
    start: &ExecContext,
    tree: &dyn ElfTree,
    interpreter: &Interpreter,
) {
    let mut process = GlibcProcess::new(subject, start, tree, interpreter);
    process.preload(draft);
    process.load_closure(draft);
    process.note_libc(draft);
    process.note_platform(draft);
    // Of a file that was not read nobody knows what it defines.
    if draft.open.is_none() {
        process.check_versions(draft);
    }
    if !draft.failed() && draft.open.is_none() {
        symbols::bind(draft, &process);
    }
}

/// What the search for a library came to.
enum SearchResult {
    Object(usize),
    /// What was met on the way.
    Nowhere(SearchTrace),
    Broken(String, &'static str),
    /// Unknown, and why.
    Open(String),
}

impl<'a> GlibcProcess<'a> {
    fn new(
        subject: Arc<DynamicInfo>,
        start: &'a ExecContext,
        tree: &'a dyn ElfTree,
        interpreter: &'a Interpreter,
    ) -> GlibcProcess<'a> {
        let loader = &*interpreter.linking;
        let text = loader.loader.clone().unwrap_or_default();
        let default_directories = if text.directories.is_empty() {
            vec!["/lib64/".to_owned(), "/usr/lib64/".to_owned()]
        } else {
            text.directories
        };
        let cache_path = text.cache.unwrap_or_else(|| "/etc/ld.so.cache".to_owned());
        let cache_bytes =
            resolve(tree, cache_path.as_bytes()).ok().and_then(|found| tree.text(&found.path));
        let real = resolve(tree, start.path.as_bytes())
            .map_or_else(|_| start.path.clone().into_bytes(), |found| found.path);
        let program = GlibcObject {
            names: vec![String::new()],
            path: String::new(),
            real,
            linking: subject,
            loaded_by: None,
            needs: Vec::new(),
        };
        let mut names = vec![interpreter.path.clone()];
        names.extend(loader.soname.clone());
        let itself = GlibcObject {
            names,
            path: interpreter.path.clone(),
            real: interpreter.real.clone(),
            linking: Arc::clone(&interpreter.linking),
            loaded_by: None,
            needs: Vec::new(),
        };
        let mut process = GlibcProcess {
            start,
            tree,
            loader,
            objects: vec![program, itself],
            scope: vec![PROGRAM],
            cache: cache_bytes.and_then(|it| LdSoCache::parse(&it, loader.is_little_endian())),
            library_token: library_token(&default_directories),
            default_directories,
            environment_directories: Arc::default(),
            run_paths: HashMap::new(),
            hardware: hardware(loader.machine, loader.loader.as_ref().and_then(|it| it.release)),
            absent: AbsentDirectories::default(),
            errno: None,
            missed_cache: false,
        };
        if let Some(list) = start.variable("LD_LIBRARY_PATH") {
            let list = process.expand_list(PROGRAM, list, &[':', ';']);
            process.environment_directories = process.compact(list);
        }
        process
    }

    /// An object as messages name it: the program by its `argv[0]`.
    fn shown(&self, object: usize) -> &str {
        let path = &self.objects[object].path;
        if path.is_empty() { &self.start.argv0 } else { path }
    }

    /// An object as [`Library::needed_by`] names it: the program by its path.
    fn asked_by(&self, object: usize) -> String {
        let path = &self.objects[object].path;
        if path.is_empty() { self.start.path.clone() } else { path.clone() }
    }

    fn argv0(&self) -> &str {
        &self.start.argv0
    }

    /// `LD_BIND_NOW` is set.
    fn binds_everything_now(&self) -> bool {
        self.start.variable("LD_BIND_NOW").is_some()
    }

    /// On x86-64 glibc up to 2.36 sets `$PLATFORM` to `haswell` or `xeon_phi` where the processor is
    /// one (`init_cpu_features`), so a directory of that name is another one on another machine.
    fn note_platform(&self, draft: &mut PredictionBuilder) {
        const X86_64: u16 = 62;
        let says = |list: &String| list.contains("$PLATFORM") || list.contains("${PLATFORM}");
        let asks = |object: &GlibcObject| {
            object.linking.runpath.as_ref().or(object.linking.rpath.as_ref()).is_some_and(says)
        };
        if self.loader.machine == X86_64 && draft.open.is_none() && self.objects.iter().any(asks) {
            draft.open =
                Some("what $PLATFORM is in its RUNPATH depends on the processor".to_owned());
        }
    }

    fn expand_list(&self, object: usize, list: &str, separators: &[char]) -> Vec<String> {
        self.with_tokens(object, |tokens| directories(list, separators, tokens))
    }

    fn with_tokens<T>(&self, object: usize, use_them: impl FnOnce(&StringTokens<'_>) -> T) -> T {
        let object = &self.objects[object];
        // The program's origin is where it really lies (`/proc/self/exe`), a library's where it
        // was found.
        let path = if object.path.is_empty() {
            String::from_utf8_lossy(&object.real).into_owned()
        } else {
            absolute(&self.start.working_directory, &object.path)
        };
        use_them(&StringTokens {
            origin: directory_of(&path),
            library: &self.library_token,
            platform: platform(self.loader),
        })
    }

    /// `LD_PRELOAD`, then `/etc/ld.so.preload`. What cannot be loaded is reported and left out.
    fn preload(&mut self, draft: &mut PredictionBuilder) {
        let from_environment = self.start.variable("LD_PRELOAD").unwrap_or_default().to_owned();
        let file = resolve(self.tree, b"/etc/ld.so.preload")
            .ok()
            .and_then(|found| self.tree.text(&found.path))
            .unwrap_or_default();
        let file = String::from_utf8_lossy(&without_comments(file)).into_owned();
        let lists = [
            ("LD_PRELOAD", from_environment.split([' ', ':']).collect::<Vec<_>>()),
            ("/etc/ld.so.preload", file.split([':', ' ', '\t', '\n']).collect()),
        ];
        for (from, objects) in lists {
            for object in objects.into_iter().filter(|object| !object.is_empty()) {
                self.preload_one(draft, from, object);
            }
        }
    }

    fn preload_one(&mut self, draft: &mut PredictionBuilder, from: &'static str, name: &str) {
        let why = match self.find(name, PROGRAM) {
            SearchResult::Object(index) => {
                if !self.scope.contains(&index) {
                    self.scope.push(index);
                    self.note_library(draft, name, Some(index), PROGRAM);
                }
                return;
            }
            SearchResult::Open(why) => {
                draft.open = Some(why);
                return;
            }
            SearchResult::Nowhere(seen) if seen.other_class => wrong_class(self.loader),
            SearchResult::Nowhere(_) => "cannot open shared object file",
            // `errno` is left out of this line.
            SearchResult::Broken(_, why) => why.split(": Error").next().unwrap_or(why),
        };
        draft.warn(format!(
            "ERROR: ld.so: object '{name}' from {from} cannot be preloaded ({why}): ignored."
        ));
        let object = name.to_owned();
        draft.problems.push(StartProblem::PreloadIgnored { object, from, why: why.to_owned() });
    }

    /// `_dl_map_object_deps`: breadth first, each file's needs in file order. The loader stops at
    /// the first library that it cannot load; here the rest is looked for too, without a line.
    fn load_closure(&mut self, draft: &mut PredictionBuilder) {
        let mut at = 0;
        while let Some(&object) = self.scope.get(at) {
            at += 1;
            let linking = Arc::clone(&self.objects[object].linking);
            // An auxiliary library may be missing (`DT_AUXILIARY`), a filter's may not.
            let filters = linking.filters.iter().map(|(name, needed)| (name, *needed));
            for (name, needed) in filters.chain(linking.needed.iter().map(|name| (name, true))) {
                let name = self.with_tokens(object, |tokens| tokens.expand(name));
                match self.find(&name, object) {
                    SearchResult::Object(index) => {
                        self.objects[object].needs.push(index);
                        if !self.scope.contains(&index) {
                            self.scope.push(index);
                            self.note_library(draft, &name, Some(index), object);
                        }
                    }
                    SearchResult::Nowhere(_) | SearchResult::Broken(..) if !needed => {}
                    other => self.note_failure(draft, &name, object, other),
                }
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
        draft.libraries.push(Library {
            name: name.to_owned(),
            path: index.map(|index| self.objects[index].path.clone()),
            needed_by: self.asked_by(by),
        });
    }

    fn note_failure(
        &self,
        draft: &mut PredictionBuilder,
        name: &str,
        object: usize,
        search: SearchResult,
    ) {
        let needed_by = self.asked_by(object);
        let first = !draft.failed();
        let mut fail = |problem, file: &str, why: &str| {
            let line =
                format!("{}: error while loading shared libraries: {file}: {why}", self.argv0());
            draft.fail(StartStage::Libraries, problem, first.then_some(line));
        };
        match search {
            SearchResult::Object(_) => return,
            SearchResult::Open(why) => {
                draft.open = Some(why);
                return;
            }
            SearchResult::Nowhere(SearchTrace { other_class, passed_over, refused }) => {
                let why = match self.errno {
                    _ if other_class => wrong_class(self.loader).to_owned(),
                    Some(errno) => {
                        format!("cannot open shared object file: {}", loaders_strerror(errno))
                    }
                    None => "cannot open shared object file".to_owned(),
                };
                let problem = StartProblem::LibraryMissing {
                    name: name.to_owned(),
                    needed_by,
                    passed_over,
                    refused,
                };
                fail(problem, name, &why);
            }
            SearchResult::Broken(path, why) => {
                let problem = StartProblem::LibraryBroken {
                    path: path.clone(),
                    needed_by,
                    why: why.to_owned(),
                };
                // A bad header is reported under the path, a bad mapping under the name.
                let by_name = refusals_of_mapping().contains(&why);
                fail(problem, if by_name { name } else { &path }, why);
            }
        }
        let missing =
            Library { name: name.to_owned(), path: None, needed_by: self.asked_by(object) };
        if !draft.libraries.iter().any(|it| it.name == missing.name && it.path.is_none()) {
            draft.libraries.push(missing);
        }
    }

    /// `_dl_map_object`: a loaded object of this name or soname, else the search.
    fn find(&mut self, name: &str, by: usize) -> SearchResult {
        let named = |object: &GlibcObject| {
            object.path == name
                || object.names.iter().any(|it| it == name)
                || object.linking.soname.as_deref() == Some(name)
        };
        if let Some(at) = self.objects.iter().position(named) {
            let names = &mut self.objects[at].names;
            if !names.iter().any(|it| it == name) {
                names.push(name.to_owned());
            }
            return SearchResult::Object(at);
        }
        let mut seen = SearchTrace::default();
        if name.contains('/') {
            let path = self.with_tokens(by, |tokens| tokens.expand(name));
            let end = self.try_path(&path, name, by, &mut seen);
            return end.unwrap_or(SearchResult::Nowhere(seen));
        }
        for list in self.before_cache(by) {
            if let Some(end) = self.try_list(&list, name, by, &mut seen) {
                return end;
            }
        }
        let nodeflib = self.objects[by].linking.dt_flags_1 & DF_1_NODEFLIB != 0;
        for path in self.cached(name) {
            let in_default = self.default_directories.iter().any(|it| path.starts_with(it));
            if nodeflib && in_default {
                continue;
            }
            if let Some(end) = self.try_path(&path, name, by, &mut seen) {
                return end;
            }
        }
        if !nodeflib {
            let list = self.default_directories.clone();
            if let Some(end) = self.try_list(&list, name, by, &mut seen) {
                return end;
            }
        }
        SearchResult::Nowhere(seen)
    }

    /// `DT_RPATH` of the file and of those that led to it, unless it has a `DT_RUNPATH`;
    /// `LD_LIBRARY_PATH`; its own `DT_RUNPATH`.
    fn before_cache(&mut self, by: usize) -> Vec<Arc<[String]>> {
        let mut all = Vec::new();
        let linking = Arc::clone(&self.objects[by].linking);
        if linking.runpath.is_none() {
            let mut chain = vec![by];
            // Whoever loads an object was there before it.
            while let Some(next) = chain.last().and_then(|&at| self.objects[at].loaded_by) {
                chain.push(next);
            }
            if chain.last() != Some(&PROGRAM) {
                chain.push(PROGRAM);
            }
            for object in chain {
                let linking = Arc::clone(&self.objects[object].linking);
                // "If both RUNPATH and RPATH are given, the latter is ignored" (elf_get_dynamic_info).
                if let (Some(list), None) = (&linking.rpath, &linking.runpath)
                    && !list.is_empty()
                {
                    all.push(self.run_path(object, list));
                }
            }
        }
        all.push(Arc::clone(&self.environment_directories));
        if let Some(list) = linking.runpath.as_ref().filter(|list| !list.is_empty()) {
            all.push(self.run_path(by, list));
        }
        all
    }

    fn compact(&mut self, list: Vec<String>) -> Arc<[String]> {
        self.absent.compact(self.tree, &self.start.working_directory, list).into()
    }

    /// An object has one list that counts, and is asked for it with each library.
    fn run_path(&mut self, object: usize, list: &str) -> Arc<[String]> {
        if let Some(known) = self.run_paths.get(&object) {
            return Arc::clone(known);
        }
        let expanded = self.expand_list(object, list, &[':']);
        let expanded = self.compact(expanded);
        self.run_paths.insert(object, Arc::clone(&expanded));
        expanded
    }

    fn cached(&mut self, name: &str) -> Vec<String> {
        if self.cache.is_none() && !self.missed_cache {
            self.missed_cache = true;
            self.errno = Some(Errno::Missing);
        }
        let loader = self.loader;
        let wanted = flags_of(loader.machine, loader.is_64(), loader.flags);
        let levels = self.knows_levels();
        let paths = self.cache.as_ref().map(|cache| cache.paths(name, wanted, levels));
        paths.unwrap_or_default().into_iter().map(str::to_owned).collect()
    }

    /// One directory of a list after the other; what is neither a missing file nor one out of reach
    /// ends the list (`open_path`).
    fn try_list(
        &mut self,
        list: &[String],
        name: &str,
        by: usize,
        seen: &mut SearchTrace,
    ) -> Option<SearchResult> {
        for directory in list {
            if let Some(end) = self.try_directory(directory, name, by, seen) {
                return Some(end);
            }
            if matches!(self.errno, Some(Errno::TooManyLinks | Errno::TooLong)) {
                break;
            }
        }
        None
    }

    /// The directory itself first: what lies below `glibc-hwcaps` is built from the same sources
    /// for better processors, and which one the program will meet is not known.
    fn try_directory(
        &mut self,
        directory: &str,
        name: &str,
        by: usize,
        seen: &mut SearchTrace,
    ) -> Option<SearchResult> {
        let (tree, start) = (self.tree, self.start);
        let own_is_absent = self.absent.is(tree, (&start.working_directory, directory), name);
        let is_gone = own_is_absent && self.absent.is_gone(&start.working_directory, directory);
        let mut below = Vec::new();
        for hardware in self.hardware.iter().filter(|_| !is_gone) {
            let directory = format!("{directory}{hardware}/");
            if !self.absent.is(tree, (&start.working_directory, &directory), name) {
                below.push(format!("{directory}{name}"));
            }
        }
        if own_is_absent && below.is_empty() {
            self.errno = Some(Errno::Missing);
            return None;
        }
        let is_there = |path: &String| {
            let absolute = absolute(&self.start.working_directory, path);
            resolve(self.tree, absolute.as_bytes()).is_ok()
        };
        let below: Vec<String> = below.into_iter().filter(is_there).collect();
        let own = format!("{directory}{name}");
        let look = |path: &str| {
            open(self.tree, &absolute(&self.start.working_directory, path), self.loader)
        };
        // A better processor makes the loader give up where another would do.
        if let Some((path, why)) = below.iter().find_map(|path| match look(path) {
            OpenResult::Broken(why) => Some((path, why)),
            _ => None,
        }) && matches!(look(&own), OpenResult::Found(..))
        {
            return Some(SearchResult::Open(format!(
                "{path}: {why}, where the processor asks for it"
            )));
        }
        if let Some(end) = self.try_path(&own, name, by, seen) {
            return Some(end);
        }
        below.into_iter().find_map(|path| self.try_path(&path, name, by, seen))
    }

    /// Since 2.33 a library may lie below `glibc-hwcaps`.
    fn knows_levels(&self) -> bool {
        self.loader.loader.as_ref().and_then(|it| it.release).is_some_and(|it| it >= (2, 33))
    }

    /// None where the search goes on.
    fn try_path(
        &mut self,
        path: &str,
        name: &str,
        by: usize,
        seen: &mut SearchTrace,
    ) -> Option<SearchResult> {
        let absolute = absolute(&self.start.working_directory, path);
        match open(self.tree, &absolute, self.loader) {
            OpenResult::Found(real, linking) => {
                self.errno = None;
                Some(self.map(path, real, linking, name, by))
            }
            OpenResult::Absent(errno) => {
                self.errno = Some(errno);
                if errno == Errno::PermissionDenied {
                    seen.refused.get_or_insert_with(|| path.to_owned());
                }
                None
            }
            OpenResult::OtherClass => {
                self.errno = Some(Errno::Missing);
                seen.other_class = true;
                seen.passed_over.push((path.to_owned(), "another ELF class".to_owned()));
                None
            }
            OpenResult::OtherMachine => {
                self.errno = Some(Errno::Missing);
                seen.passed_over.push((path.to_owned(), "another machine".to_owned()));
                None
            }
            OpenResult::Broken(why) => Some(SearchResult::Broken(path.to_owned(), why)),
            OpenResult::Unread => {
                Some(SearchResult::Open(format!("{path}: its bytes were not looked at")))
            }
        }
    }

    fn map(
        &mut self,
        path: &str,
        real: Vec<u8>,
        linking: Arc<DynamicInfo>,
        name: &str,
        by: usize,
    ) -> SearchResult {
        // The kernel mapped the program, so the loader does not know its file again.
        let known = self.objects.iter().skip(LOADER).position(|object| object.real == real);
        if let Some(at) = known.map(|at| at + LOADER) {
            self.objects[at].names.push(name.to_owned());
            return SearchResult::Object(at);
        }
        if let Some(why) = refused_by_mapping(&linking) {
            return SearchResult::Broken(path.to_owned(), why);
        }
        if let Some(why) = describe_truncation(&linking) {
            return SearchResult::Open(format!("{path} is {why}"));
        }
        self.objects.push(GlibcObject {
            names: vec![name.to_owned()],
            path: path.to_owned(),
            real,
            linking,
            loaded_by: Some(by),
            needs: Vec::new(),
        });
        SearchResult::Object(self.objects.len() - 1)
    }
}
