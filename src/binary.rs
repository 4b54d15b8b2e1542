//! What an executable file is, from its bytes alone.

use crate::fact::Fact;

pub mod address_space;
pub mod diff;
pub mod elf;
pub mod encoding;
pub mod layout;
pub mod macho;
pub mod main_fn;
pub mod panic_locations;
pub mod parse;
pub mod pe;
pub mod string_scan;
pub mod wasm;

/// What the bytes tell of a program's origin: one file for each kind of fact.
pub mod detect {
    pub mod c_objects;
    pub mod cpu_level;
    pub mod crates;
    pub mod language;
    pub mod panic_strategy;
    pub mod runtime_libs;
    pub mod runtime_needs;
    pub mod secrets;
    pub mod target;
}

use crate::binary::detect::runtime_needs::RuntimeNeeds;
use crate::binary::detect::{runtime_libs, secrets};
use crate::binary::elf::DynamicInfo;
use crate::binary::string_scan::FoundStrings;

/// One program or library. Its JSON names are fixed in `docs/schema/`.
#[derive(Debug, Clone, Default)]
pub struct Binary {
    /// As the user named it, or its path in the image.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Every byte was looked at, and not the headers alone: an empty list below means none.
    pub contents_read: bool,
    /// Lower-case hex; `None` when no digest was asked for.
    pub sha256: Option<String>,
    /// The container format; `None` when the bytes are none that is known.
    pub format: Option<BinaryFormat>,
    /// What the file is for.
    pub kind: BinaryKind,
    /// The machine it is for.
    pub machine: Option<Machine>,
    /// Whether Rust code is inside.
    pub rust: Fact<bool>,
    /// Rust's own name of the target: `armv7-unknown-linux-musleabihf`.
    pub triple: Fact<String>,
    /// The C library.
    pub libc: Libc,
    /// `PT_INTERP`.
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, or the imported libraries of the other formats, in file order.
    pub needed: Vec<String>,
    /// `DT_RUNPATH` as written.
    pub runpath: Option<String>,
    /// `DT_RPATH` as written.
    pub rpath: Option<String>,
    /// `DT_SONAME` or install name.
    pub soname: Option<String>,
    /// May be loaded at any address.
    pub position_independent: Option<bool>,
    /// Position independent, and loads itself without an interpreter.
    pub static_pie: Option<bool>,
    /// Whether a symbol table for debugging is there.
    pub symbols: Option<SymbolTableState>,
    /// Whether DWARF or a PDB is there.
    pub debug_info: Option<DebugInfo>,
    /// The panic strategy.
    pub panic: Fact<PanicStrategy>,
    /// The compiler.
    pub rustc: RustcEvidence,
    /// The C compilers that had a part in it, as `.comment` names them: `GCC: (Debian 12.2.0-14) 12.2.0`.
    pub c_compilers: Vec<String>,
    /// The crates that can be named.
    pub crates: Vec<NamedCrate>,
    /// What user `main` does.
    pub main: Fact<MainVerdict>,
    /// Memory protections.
    pub hardening: Hardening,
    /// `NT_GNU_BUILD_ID`, `LC_UUID` or the PDB's GUID, lower-case hex.
    pub build_id: Option<String>,
    /// The allocator, where its text is inside.
    pub allocator: Fact<String>,
    /// The TLS back ends, where their text is inside: `rustls+ring`.
    pub tls: Fact<String>,
    /// `debug-assertions`.
    pub debug_assertions: Fact<bool>,
    /// `overflow-checks`.
    pub overflow_checks: Fact<bool>,
    /// How far link-time optimisation went.
    pub lto: Fact<LtoShape>,
    /// How far the optimiser went, as far as the shape of `main` tells.
    pub optimisation: Fact<Optimisation>,
    /// The x86-64 level (1 to 4) that the code needs without asking the CPU first.
    pub cpu_level: Fact<u8>,
    /// The address where the kernel starts a program without a loader, and the loader any other.
    pub entry_point: Option<u64>,
    /// The smallest `p_align` of the loaded segments, in bytes.
    pub segment_alignment: Option<u64>,
    /// The oldest Linux that the C library's start code accepts (`NT_GNU_ABI_TAG`).
    pub kernel_required: Option<[u32; 3]>,
    /// A version text that says that no version was known; `None`: no text was looked for.
    pub version_placeholder: Option<bool>,
    /// The packer that rewrote the file: `UPX`.
    pub packer: Option<&'static str>,
    /// Directories of a person or a build machine in the source paths: `/home/alice`.
    pub home_paths: Vec<String>,
    /// Where private keys in PEM armour, body and all, lie in the file.
    pub private_keys: Vec<u64>,
    /// Names of the environment's secrets whose values lie in the file.
    pub environment_secrets: Vec<String>,
    /// The record of its build that it carries, as the bytes of its section.
    pub record: Option<Box<[u8]>>,
    /// Source files of C, C++ and Objective-C whose objects were linked in; `None` without a symbol
    /// table, and for static programs, whose C library is all C.
    pub c_sources: Option<Vec<String>>,
    /// Files of the system that the program may read: CA bundles, zoneinfo.
    pub may_read: Vec<String>,
    /// What its texts say that it will ask of its image.
    pub runtime_needs: RuntimeNeeds,
    /// musl's `dlopen` for static programs is inside, which only ever fails.
    pub dlopen_stub: bool,
    /// What the loader reads of an ELF file; its symbols only where the contents were looked at.
    pub linking: Option<DynamicInfo>,
    /// The slices of a universal Mach-O, each a binary of its own.
    pub slices: Vec<Binary>,
    /// The sections that take bytes of the file, the largest first and not all of very many.
    pub sections: Vec<SectionSize>,
    /// What was damaged or cut off.
    pub notes: Vec<String>,
}

/// One section of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionSize {
    /// As the section header names it.
    pub name: String,
    /// In bytes of the file.
    pub size: u64,
}

impl Binary {
    /// Fills in what the contents of any program tell, whatever its language: a line for each fact.
    pub(crate) fn detect(&mut self, bytes: &[u8], text: &FoundStrings) {
        self.private_keys = secrets::private_keys(bytes, text);
        self.runtime_needs = RuntimeNeeds::read(bytes, text);
        self.dlopen_stub = runtime_libs::has_dlopen_stub(text);
    }

    /// How many bytes the file should have at least, when its end is missing: the system would
    /// refuse to load it. Told for ELF; `None` where nothing is missing.
    pub fn cut_off(&self) -> Option<u64> {
        let whole = match &self.linking {
            _ if self.format != Some(BinaryFormat::Elf) => return None,
            // The shortest header there is, of 32 bits, could not be read.
            None => 52,
            Some(linking) => {
                linking.loads().map(|it| it.offset.saturating_add(it.file_size)).max()?
            }
        };
        (whole > self.size).then_some(whole)
    }

    /// Each directory that the program itself tells its loader to search, as written, behind the
    /// tag that names it (`ld.so(8)`: entries are separated by colons, an empty one is the current
    /// directory). `None` where no loader searches anything.
    pub fn search_path(&self) -> Option<impl Iterator<Item = (&'static str, &str)>> {
        self.interpreter.as_ref()?;
        let lists = [("DT_RUNPATH", &self.runpath), ("DT_RPATH", &self.rpath)];
        Some(lists.into_iter().flat_map(|(tag, list)| {
            list.iter().flat_map(|list| list.split(':')).map(move |entry| (tag, entry))
        }))
    }
}

/// The container format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the formats' own")]
pub enum BinaryFormat {
    Elf,
    MachO,
    Pe,
    Wasm,
}

/// What the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names explain themselves")]
pub enum BinaryKind {
    Executable,
    SharedLibrary,
    Object,
    #[default]
    Other,
}

/// The machine in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Rust's `target_arch`: `x86_64`, `arm`, `powerpc64`, ….
    pub arch: &'static str,
    /// 32 or 64.
    pub bits: u8,
    /// Byte order.
    pub little_endian: bool,
}

/// The C library and how it is linked.
#[derive(Debug, Clone, Default)]
pub struct Libc {
    /// Which one.
    pub name: Fact<LibcName>,
    /// Loaded at run time or inside.
    pub linkage: Option<Linkage>,
    /// The highest version that the loader enforces: records without the WEAK flag, from the
    /// libc's own libraries.
    pub version_required: Option<String>,
    /// The highest version named at all.
    pub version_named: Option<String>,
}

/// C libraries that Rust programs are built against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the libraries' own")]
pub enum LibcName {
    Glibc,
    Musl,
    Bionic,
    OhosMusl,
    Msvc,
    Ucrt,
    LibSystem,
    FreeBsd,
    OpenBsd,
    /// The program needs no C library.
    None,
}

/// How the C library is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names explain themselves")]
pub enum Linkage {
    Dynamic,
    Static,
}

/// Whether the debugger's symbol table is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names explain themselves")]
pub enum SymbolTableState {
    Present,
    Stripped,
}

/// Whether debug information is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugInfo {
    /// Neither inside nor pointed to.
    None,
    /// Inside the file.
    Present,
    /// In another file that this one names.
    Separate,
}

/// `-C panic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are rustc's own")]
pub enum PanicStrategy {
    Unwind,
    Abort,
    /// Aborts without a message: nightly's `-Zunstable-options -C panic=immediate-abort`.
    ImmediateAbort,
}

impl PanicStrategy {
    /// As rustc and Cargo write it.
    pub const fn name(self) -> &'static str {
        match self {
            PanicStrategy::Unwind => "unwind",
            PanicStrategy::Abort => "abort",
            PanicStrategy::ImmediateAbort => "immediate-abort",
        }
    }
}

/// The compiler, from every source that names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RustcEvidence {
    /// `1.95.0`, `1.101.0-nightly`.
    pub version: Option<String>,
    /// 40 hex digits.
    pub commit: Option<String>,
    /// What each source said, as `source: text`.
    pub evidence: Vec<String>,
}

/// A crate whose code or record is inside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedCrate {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// What names it.
    pub from: CrateSource,
}

/// What names a crate in a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrateSource {
    /// A source path in a panic location.
    PanicPath,
    /// cargo-auditable's section.
    DepV0,
}

/// What user `main` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MainVerdict {
    /// More than a placeholder would.
    Real,
    /// Nothing.
    Empty,
    /// Prints cargo's `Hello, world!`.
    HelloWorld,
    /// `todo!()` or `unimplemented!()`, or another placeholder's text.
    PlaceholderText,
}

/// How far the optimiser went, as far as it inlines std's `lang_start` into C's `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimisation {
    /// `opt-level` 1, 2, 3 or s.
    Inlining,
    /// `opt-level` 0 or z.
    NoneOrSmallest,
}

/// How far link-time optimisation went, as far as the shape of `main` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LtoShape {
    /// `lto = "fat"`.
    Fat,
    /// Off, thin, or local.
    ThinOrOff,
}

/// Memory protections of the image in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hardening {
    /// RELRO; `None` where the format has no such thing.
    pub relro: Option<Relro>,
    /// The stack may be executed.
    pub executable_stack: Option<bool>,
    /// The loader has to write to code.
    pub text_relocations: Option<bool>,
    /// Every symbol is bound before `main`.
    pub bind_now: Option<bool>,
    /// A segment that is writable and executable.
    pub writable_executable_segment: Option<bool>,
}

/// How much of the loader's tables is read-only after start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the field's own")]
pub enum Relro {
    Full,
    Partial,
    None,
}
