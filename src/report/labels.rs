//! Facts as a person reads them: one line a subject.

use crate::binary::Binary;
use crate::binary::{
    BinaryFormat, BinaryKind, DebugInfo, LibcName, Linkage, MainVerdict, SymbolTableState,
};

/// `x86_64-unknown-linux-gnu · glibc ≥ 2.34, dynamic · panic=unwind · stripped · rustc 1.95.0`.
pub fn identity(binary: &Binary) -> String {
    let mut parts = Vec::new();
    match (&binary.triple.value, binary.format) {
        (Some(triple), _) => parts.push(triple.clone()),
        (None, Some(it)) => parts.push(format!("{}, target unknown", format(it))),
        (None, None) => parts.push("format unknown".to_owned()),
    }
    if let Some(libc) = libc_words(binary) {
        parts.push(libc);
    }
    match binary.rust.value {
        Some(true) => {}
        Some(false) => parts.push("not Rust".to_owned()),
        None => parts.push("Rust or not: unknown".to_owned()),
    }
    if let Some(strategy) = binary.panic.value {
        parts.push(format!("panic={}", strategy.name()));
    }
    if let Some(it) = binary.symbols {
        parts.push(
            if it == SymbolTableState::Stripped { "stripped" } else { "with symbols" }.to_owned(),
        );
    }
    if binary.debug_info == Some(DebugInfo::Present) {
        parts.push("debug info".to_owned());
    }
    if let Some(version) = &binary.rustc.version {
        parts.push(format!("rustc {version}"));
    }
    parts.join(" · ")
}

fn libc_words(binary: &Binary) -> Option<String> {
    let name = libc(binary.libc.name.value?);
    let version =
        binary.libc.version_required.as_ref().map_or_else(String::new, |it| format!(" ≥ {it}"));
    let linkage = binary.libc.linkage.map_or_else(String::new, |it| format!(", {}", linkage(it)));
    Some(format!("{name}{version}{linkage}"))
}

/// The name in JSON and in tables.
pub const fn format(format: BinaryFormat) -> &'static str {
    match format {
        BinaryFormat::Elf => "elf",
        BinaryFormat::MachO => "mach-o",
        BinaryFormat::Pe => "pe",
        BinaryFormat::Wasm => "wasm",
    }
}

/// The name in JSON and in tables.
pub const fn kind(kind: BinaryKind) -> &'static str {
    match kind {
        BinaryKind::Executable => "executable",
        BinaryKind::SharedLibrary => "shared-library",
        BinaryKind::Object => "object",
        BinaryKind::Other => "other",
    }
}

/// The name in JSON and in tables.
pub const fn libc(libc: LibcName) -> &'static str {
    match libc {
        LibcName::Glibc => "glibc",
        LibcName::Musl => "musl",
        LibcName::Bionic => "bionic",
        LibcName::OhosMusl => "ohos-musl",
        LibcName::Msvc => "msvc",
        LibcName::Ucrt => "ucrt",
        LibcName::LibSystem => "libsystem",
        LibcName::FreeBsd => "freebsd",
        LibcName::OpenBsd => "openbsd",
        LibcName::None => "none",
    }
}

/// The name in JSON and in tables.
pub const fn linkage(linkage: Linkage) -> &'static str {
    match linkage {
        Linkage::Dynamic => "dynamic",
        Linkage::Static => "static",
    }
}

/// The name in JSON and in tables.
pub const fn main_verdict(verdict: MainVerdict) -> &'static str {
    match verdict {
        MainVerdict::Real => "real",
        MainVerdict::Empty => "empty",
        MainVerdict::HelloWorld => "hello-world",
        MainVerdict::PlaceholderText => "placeholder-text",
    }
}
