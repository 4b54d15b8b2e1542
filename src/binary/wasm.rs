//! WebAssembly: which target a module was built for. The rest of BINARY has no meaning here.

use object::ReadRef;

use crate::binary::detect::language::RustMarks;
use crate::binary::string_scan::FoundStrings;
use crate::binary::{Binary, BinaryFormat, BinaryKind, DebugInfo, Machine, SymbolTableState};
use crate::fact::Fact;

/// Imports and producers of a module: kilobytes in practice.
const MAX_SECTION: u64 = 1 << 20;
/// Sections of a module; custom ones may repeat.
const MAX_SECTIONS: usize = 4096;

/// What the sections say.
#[derive(Default)]
struct Module {
    imports: Vec<(String, String)>,
    shared_memory: bool,
    producers: Vec<u8>,
    names: bool,
    debug: bool,
    /// Emscripten's and LLVM's convention for modules that are linked at run time.
    side_module: bool,
    /// It exports what a runtime calls to run a program to its end.
    starts: bool,
    dep_v0: Option<(u64, u64)>,
    cut: bool,
}

/// Fills in what a module says of itself.
pub(crate) fn read<'data, R: ReadRef<'data>>(
    binary: &mut Binary,
    data: R,
    contents: Option<&[u8]>,
) {
    binary.format = Some(BinaryFormat::Wasm);
    binary.contents_read = contents.is_some();
    binary.machine = Some(Machine { arch: "wasm32", bits: 32, little_endian: true });
    let version = data.read_bytes_at(4, 4).unwrap_or_default();
    let component = version.get(2) == Some(&1);
    let module = sections(data, component);
    binary.kind = if module.starts { BinaryKind::Executable } else { BinaryKind::SharedLibrary };
    binary.symbols =
        Some(if module.names { SymbolTableState::Present } else { SymbolTableState::Stripped });
    binary.debug_info = Some(if module.debug { DebugInfo::Present } else { DebugInfo::None });
    binary.libc.name = Fact::unknown("a module carries its C library, if any, without a name");
    binary.triple = triple(&module, component);
    binary
        .notes
        .push("wasm: libc, loader, hardening and machine code are not looked at".to_string());
    if module.cut {
        binary.notes.push("a section reaches past the end of the file".to_string());
    }
    let all = 0..contents.map_or(0, <[u8]>::len);
    let text = contents.map(|bytes| FoundStrings::read(bytes, std::slice::from_ref(&all)));
    let comment = rustc(&module.producers);
    let tables = RustMarks {
        comment: comment.as_slice(),
        dep_v0: module.dep_v0.is_some(),
        is_program: false,
        damaged: module.cut,
        ..RustMarks::default()
    };
    let record = module.dep_v0.and_then(|(offset, size)| {
        let start = usize::try_from(offset).ok()?;
        contents?.get(start..start.checked_add(usize::try_from(size).ok()?)?)
    });
    binary.read_rust(&tables, text.as_ref(), contents, record);
}

/// Each system is known by the module that its imports come from.
fn triple(module: &Module, component: bool) -> Fact<String> {
    let from = |wanted: fn(&str, &str) -> bool| {
        module.imports.iter().any(|(from, name)| wanted(from, name))
    };
    let found = |triple: &str, evidence: &'static str| Fact::high(triple.to_string(), evidence);
    if component {
        return found("wasm32-wasip2", "it is a component");
    }
    if from(|from, _| from == "gojs" || from == "go") {
        return Fact::unknown("Go's own WebAssembly target, which Rust has none like");
    }
    if from(|from, name| from == "wasi" && name == "thread-spawn")
        || module.shared_memory && from(is_wasi)
    {
        return found("wasm32-wasip1-threads", "it imports WASI preview 1 and a shared memory");
    }
    if module.side_module {
        return found(
            "wasm32-unknown-emscripten",
            "it is linked at run time, as Emscripten alone does",
        );
    }
    if from(|_, name| {
        name.starts_with("emscripten_")
            || name.starts_with("_emscripten_")
            || name.starts_with("invoke_")
    }) {
        return found("wasm32-unknown-emscripten", "it imports Emscripten's functions");
    }
    if from(is_wasi) {
        return found("wasm32-wasip1", "it imports WASI preview 1");
    }
    found("wasm32-unknown-unknown", "it imports no system's functions")
}

fn is_wasi(from: &str, _: &str) -> bool {
    from == "wasi_snapshot_preview1" || from == "wasi_unstable"
}

/// `rustc` of the producers section, in the words of ELF's `.comment`.
fn rustc(producers: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(producers, b"\x05rustc")?;
    let mut rest = producers.get(at + 6..)?;
    let length = uleb(&mut rest)?;
    let version = std::str::from_utf8(rest.get(..usize::try_from(length).ok()?)?).ok()?;
    Some(format!("rustc version {version}"))
}

/// "WebAssembly Core Specification", Binary Format: sections of one byte, a size and a body.
fn sections<'data, R: ReadRef<'data>>(data: R, component: bool) -> Module {
    let mut module = Module::default();
    let length = data.len().unwrap_or(0);
    let mut at = 8u64;
    for _ in 0..MAX_SECTIONS {
        if at >= length {
            break;
        }
        let head = data.read_bytes_at(at, (length - at).min(11)).unwrap_or_default();
        let Some((&kind, mut rest)) = head.split_first() else { break };
        let before = rest.len();
        let Some(size) = uleb(&mut rest) else {
            module.cut = true;
            break;
        };
        let body = at + 1 + (before - rest.len()) as u64;
        let Some(end) = body.checked_add(size).filter(|&end| end <= length) else {
            module.cut = true;
            break;
        };
        let bytes = data.read_bytes_at(body, size.min(MAX_SECTION)).unwrap_or_default();
        match kind {
            0 => module.take_custom(bytes, body, size),
            2 if !component => module.take_imports(bytes),
            7 if !component => module.take_exports(bytes),
            _ => {}
        }
        at = end;
    }
    module
}

impl Module {
    fn take_custom(&mut self, bytes: &[u8], body: u64, size: u64) {
        let mut rest = bytes;
        let Some(name) = name(&mut rest) else { return };
        match name.as_str() {
            "name" => self.names = true,
            "dylink" | "dylink.0" => self.side_module = true,
            "producers" => self.producers = rest.to_vec(),
            ".dep-v0" => {
                let skipped = (bytes.len() - rest.len()) as u64;
                self.dep_v0 = Some((body + skipped, size.saturating_sub(skipped)));
            }
            name if name.starts_with(".debug_") => self.debug = true,
            _ => {}
        }
    }

    fn take_imports(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let Some(count) = uleb(&mut rest) else { return };
        for _ in 0..count.min(10_000) {
            let (Some(from), Some(field)) = (name(&mut rest), name(&mut rest)) else { return };
            let Some((&kind, tail)) = rest.split_first() else { return };
            rest = tail;
            self.imports.push((from, field));
            let done = match kind {
                0 => uleb(&mut rest).map(drop),
                1 => rest
                    .split_first()
                    .map(|(_, tail)| rest = tail)
                    .and_then(|()| self.limits(&mut rest, false)),
                2 => self.limits(&mut rest, true),
                3 => rest.get(2..).map(|tail| rest = tail),
                _ => None,
            };
            if done.is_none() {
                return;
            }
        }
    }

    fn take_exports(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let Some(count) = uleb(&mut rest) else { return };
        for _ in 0..count.min(10_000) {
            let Some(name) = name(&mut rest) else { return };
            // WASI's command, and what Go's own loader calls.
            self.starts |= name == "_start" || name == "run";
            let Some((_, tail)) = rest.split_first() else { return };
            rest = tail;
            if uleb(&mut rest).is_none() {
                return;
            }
        }
    }

    fn limits(&mut self, rest: &mut &[u8], memory: bool) -> Option<()> {
        let (&flags, tail) = rest.split_first()?;
        *rest = tail;
        self.shared_memory |= memory && flags & 2 != 0;
        uleb(rest)?;
        if flags & 1 != 0 {
            uleb(rest)?;
        }
        Some(())
    }
}

fn name(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(uleb(rest)?).ok()?;
    let (name, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// A number of ULEB128, the same in WebAssembly (section 5.2.2) and in ARM's build attributes;
/// `None` past 63 bits.
pub(crate) fn uleb(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
