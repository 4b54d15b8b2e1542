//! BINARY: one program's facts as a machine reads them, in `inspect` and in `check` alike.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::binary::{Binary, CrateSource, DebugInfo, PanicStrategy, Relro, SymbolTableState};
use crate::fact::{Confidence, Fact};
use crate::report::facts::{DescribedFacts, FACTS};
use crate::report::{labels, lines};

/// The version of the document; a name is only ever added.
pub const SCHEMA: &str = "binlint.inspect/1";

/// The answer for one path: its facts, or why there are none.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum InspectEntry<'a> {
    /// The facts.
    Binary(Box<BinaryEntry<'a>>),
    /// `{"path": …, "error": …}`.
    Error {
        /// As the user named it.
        path: &'a str,
        /// One line.
        error: String,
    },
}

/// BINARY. A null says that it could not be told, or was not looked at; `evidence` says which.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BinaryEntry<'a> {
    path: &'a str,
    size: u64,
    sha256: Option<&'a str>,
    #[cfg_attr(test, schemars(extend("enum" = ["elf", "mach-o", "pe", "wasm", null])))]
    format: Option<&'static str>,
    #[cfg_attr(test, schemars(extend("enum" = ["executable", "shared-library", "object", "other"])))]
    kind: &'static str,
    machine: Option<MachineEntry>,
    rust: Option<bool>,
    triple: Option<&'a str>,
    libc: LibcEntry<'a>,
    interpreter: Option<&'a str>,
    needed: &'a [String],
    runpath: Option<&'a str>,
    rpath: Option<&'a str>,
    soname: Option<&'a str>,
    position_independent: Option<bool>,
    static_pie: Option<bool>,
    #[cfg_attr(test, schemars(extend("enum" = ["present", "stripped", null])))]
    symbols: Option<&'static str>,
    #[cfg_attr(test, schemars(extend("enum" = ["none", "present", "separate", null])))]
    debug_info: Option<&'static str>,
    #[cfg_attr(test, schemars(extend("enum" = ["unwind", "abort", null])))]
    panic: Option<&'static str>,
    rustc: RustcEntry<'a>,
    crates: Option<Vec<CrateEntry<'a>>>,
    main: MainEntry<'a>,
    hardening: HardeningEntry,
    #[serde(flatten)]
    described: DescribedFacts<'a>,
    may_read: Option<&'a [String]>,
    record: Option<RecordEntry>,
    evidence: BTreeMap<&'static str, EvidenceEntry<'a>>,
    notes: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slices: Vec<BinaryEntry<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RecordEntry {
    signed: bool,
    summary: String,
    #[cfg_attr(test, schemars(extend("type" = ["object", "null"])))]
    statement: Option<serde_json::Value>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MachineEntry {
    arch: &'static str,
    bits: u8,
    #[cfg_attr(test, schemars(extend("enum" = ["little", "big"])))]
    endian: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LibcEntry<'a> {
    #[cfg_attr(test, schemars(extend("enum" = ["glibc", "musl", "bionic", "ohos-musl", "msvc", "ucrt", "libsystem", "freebsd", "openbsd", "none", null])))]
    name: Option<&'static str>,
    #[cfg_attr(test, schemars(extend("enum" = ["dynamic", "static", null])))]
    linkage: Option<&'static str>,
    version_required: Option<&'a str>,
    version_named: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RustcEntry<'a> {
    version: Option<&'a str>,
    commit: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CrateEntry<'a> {
    name: &'a str,
    version: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["panic-path", "dep-v0"])))]
    from: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MainEntry<'a> {
    #[cfg_attr(test, schemars(extend("enum" = ["real", "empty", "hello-world", "placeholder-text", null])))]
    verdict: Option<&'static str>,
    evidence: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HardeningEntry {
    #[cfg_attr(test, schemars(extend("enum" = ["full", "partial", "none", null])))]
    relro: Option<&'static str>,
    executable_stack: Option<bool>,
    text_relocations: Option<bool>,
    bind_now: Option<bool>,
    writable_executable_segment: Option<bool>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EvidenceEntry<'a> {
    #[cfg_attr(test, schemars(extend("enum" = ["none", "low", "high", "certain"])))]
    confidence: &'static str,
    seen: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InspectDocument<'a> {
    schema: &'static str,
    binaries: &'a [InspectEntry<'a>],
}

/// Writes the document of `inspect`.
///
/// # Errors
/// Those of the writer.
pub fn write(answers: &[InspectEntry<'_>], to: &mut dyn Write) -> io::Result<()> {
    lines::json(to, &InspectDocument { schema: SCHEMA, binaries: answers }, true)
}

/// Writes one answer a line.
///
/// # Errors
/// Those of the writer.
pub fn write_lines(answers: &[InspectEntry<'_>], to: &mut dyn Write) -> io::Result<()> {
    answers.iter().try_for_each(|answer| lines::json(to, answer, false))
}

impl<'a> From<&'a Binary> for BinaryEntry<'a> {
    fn from(binary: &'a Binary) -> BinaryEntry<'a> {
        let text = |text: &'a Option<String>| text.as_deref();
        BinaryEntry {
            path: &binary.path,
            size: binary.size,
            sha256: text(&binary.sha256),
            format: binary.format.map(labels::format),
            kind: labels::kind(binary.kind),
            machine: binary.machine.as_ref().map(|machine| MachineEntry {
                arch: machine.arch,
                bits: machine.bits,
                endian: if machine.little_endian { "little" } else { "big" },
            }),
            rust: binary.rust.value,
            triple: text(&binary.triple.value),
            libc: LibcEntry {
                name: binary.libc.name.value.map(labels::libc),
                linkage: binary.libc.linkage.map(labels::linkage),
                version_required: text(&binary.libc.version_required),
                version_named: text(&binary.libc.version_named),
            },
            interpreter: text(&binary.interpreter),
            needed: &binary.needed,
            runpath: text(&binary.runpath),
            rpath: text(&binary.rpath),
            soname: text(&binary.soname),
            position_independent: binary.position_independent,
            static_pie: binary.static_pie,
            symbols: binary.symbols.map(symbols),
            debug_info: binary.debug_info.map(debug_info),
            panic: binary.panic.value.map(PanicStrategy::name),
            rustc: RustcEntry {
                version: text(&binary.rustc.version),
                commit: text(&binary.rustc.commit),
            },
            crates: binary.contents_read.then(|| binary.crates.iter().map(of_crate).collect()),
            main: MainEntry {
                verdict: binary.main.value.map(labels::main_verdict),
                evidence: &binary.main.evidence,
            },
            hardening: HardeningEntry {
                relro: binary.hardening.relro.map(relro),
                executable_stack: binary.hardening.executable_stack,
                text_relocations: binary.hardening.text_relocations,
                bind_now: binary.hardening.bind_now,
                writable_executable_segment: binary.hardening.writable_executable_segment,
            },
            described: DescribedFacts(binary),
            may_read: binary.contents_read.then_some(&binary.may_read),
            record: binary.record.as_deref().map(of_record),
            evidence: evidence(binary),
            notes: &binary.notes,
            slices: binary.slices.iter().map(BinaryEntry::from).collect(),
        }
    }
}

fn of_record(record: &[u8]) -> RecordEntry {
    let record = crate::provenance::embedded_record::EmbeddedRecord::parse(record);
    RecordEntry {
        signed: record.signed,
        summary: record.summary.clone(),
        statement: record.statement.as_deref().and_then(|text| serde_json::from_str(text).ok()),
    }
}

fn of_crate(it: &crate::binary::NamedCrate) -> CrateEntry<'_> {
    CrateEntry {
        name: &it.name,
        version: &it.version,
        from: match it.from {
            CrateSource::PanicPath => "panic-path",
            CrateSource::DepV0 => "dep-v0",
        },
    }
}

fn evidence(binary: &Binary) -> BTreeMap<&'static str, EvidenceEntry<'_>> {
    fn of<T>(fact: &Fact<T>) -> EvidenceEntry<'_> {
        EvidenceEntry { confidence: confidence(fact.confidence), seen: &fact.evidence }
    }
    let own = [
        ("rust", of(&binary.rust)),
        ("triple", of(&binary.triple)),
        ("libc", of(&binary.libc.name)),
        ("panic", of(&binary.panic)),
        ("main", of(&binary.main)),
    ];
    let described = FACTS.iter().filter_map(|fact| {
        let (sure, seen) = (fact.read)(binary).evidence?;
        Some((fact.name, EvidenceEntry { confidence: confidence(sure), seen }))
    });
    own.into_iter().chain(described).collect()
}

const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::None => "none",
        Confidence::Low => "low",
        Confidence::High => "high",
        Confidence::Certain => "certain",
    }
}

const fn symbols(symbols: SymbolTableState) -> &'static str {
    match symbols {
        SymbolTableState::Present => "present",
        SymbolTableState::Stripped => "stripped",
    }
}

pub(super) const fn debug_info(debug: DebugInfo) -> &'static str {
    match debug {
        DebugInfo::None => "none",
        DebugInfo::Present => "present",
        DebugInfo::Separate => "separate",
    }
}

pub(super) const fn relro(relro: Relro) -> &'static str {
    match relro {
        Relro::Full => "full",
        Relro::Partial => "partial",
        Relro::None => "none",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_of_inspect_is_up_to_date() {
        crate::report::schema::keep_up_to_date::<super::InspectDocument<'_>>("inspect");
    }
}
