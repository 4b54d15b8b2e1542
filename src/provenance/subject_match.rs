//! The linted binary beside the record's subjects: the same bytes, or what became of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::binary::Binary;
use crate::digest::sha256_hex;
use crate::provenance::statement::ResourceDescriptor;

use crate::binary::elf::append_section::ElfLayout;
use crate::binary::elf::record_section;

/// Sections that neither `strip` nor `patchelf` writes to: the same code and the same constants
/// mean the same build, whatever happened to the file around them.
pub const KEPT_SECTIONS: &[&str] = &[".text", ".rodata", ".eh_frame"];

/// The annotations about what is loaded.
const LOADED: &str = "loaded";
const WITHOUT_SCRIPTS: &str = "loadedWithoutScripts";

/// The annotation that says what the digest covers.
pub const DIGEST_COVERS: &str = "digestCovers";

/// The linted program as the record knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchedProgram {
    /// SHA-256 of the program without its embedded record: what a record's digest covers.
    pub sha256: String,
    /// Whether a record had to be taken out of the file for that.
    pub without_record: bool,
    /// Which of the record's subjects it is: by digest, else by the build's own traces.
    pub recorded: Option<ResourceDescriptor>,
    /// What became of the recorded program.
    pub state: SubjectMatch,
    /// What was compared, in numbers.
    pub evidence: Vec<String>,
    /// What identifies the build in the linted program.
    pub fingerprints: BinaryFingerprints,
}

/// What became of the program that the record is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SubjectMatch {
    /// The very bytes.
    Same,
    /// The same code; symbols or debug information were taken away.
    Stripped,
    /// The same code; the loader's tables were changed (`patchelf`, `chrpath`).
    Patched,
    /// A packer's stub carries something that cannot be compared.
    Packed,
    /// The same build-id, and no other trace to compare: signed, stripped, or changed by hand.
    Changed,
    /// The same build-id over other code: changed by hand after the link.
    Tampered,
    /// Another build.
    Rebuilt,
    /// The record has no traces of the build to compare.
    #[default]
    Unknown,
}

impl MatchedProgram {
    /// Finds the program among the subjects of a record.
    pub fn read(subjects: &[ResourceDescriptor], program: &[u8]) -> MatchedProgram {
        let original = record_section::without(program);
        let bytes = original.as_deref().unwrap_or(program);
        let sha256 = sha256_hex(bytes);
        let without_record = original.is_some();
        let now = BinaryFingerprints::of(bytes);
        let subject = |recorded: Option<&ResourceDescriptor>, state, evidence| MatchedProgram {
            sha256: sha256.clone(),
            without_record,
            recorded: recorded.cloned(),
            state,
            evidence,
            fingerprints: now.clone(),
        };
        if let Some(same) = subjects.iter().find(|subject| subject.sha256() == Some(&sha256)) {
            return subject(Some(same), SubjectMatch::Same, Vec::new());
        }
        if is_upx(bytes) {
            let evidence = vec!["the file carries UPX's mark `UPX!` and its stub".to_owned()];
            return subject(subjects.first(), SubjectMatch::Packed, evidence);
        }
        let matches = subjects.iter().map(|recorded| {
            let (state, evidence) = now.compared_with(&BinaryFingerprints::recorded(recorded));
            (recorded, state, evidence)
        });
        match matches.min_by_key(|(_, state, _)| rank(*state)) {
            Some((recorded, state, evidence)) => subject(Some(recorded), state, evidence),
            None => subject(None, SubjectMatch::Unknown, Vec::new()),
        }
    }
}

impl MatchedProgram {
    /// What the record notes of its subject, beside what is true of the linted program: field,
    /// recorded, now. Only meaningful where the two are the same bytes.
    pub fn annotations(&self) -> Vec<(String, Option<Value>, Option<Value>)> {
        let Some(recorded) = &self.recorded else { return Vec::new() };
        let mut now = self.fingerprints.annotations();
        // True of every program, and to be said only where it makes a difference.
        let says = recorded.annotations.contains_key(DIGEST_COVERS);
        if says || self.without_record {
            now.insert(DIGEST_COVERS.to_owned(), json!(record_section::DIGEST_COVERS));
        }
        let mut fields: Vec<&String> = recorded.annotations.keys().chain(now.keys()).collect();
        fields.sort();
        fields.dedup();
        let value = |of: &BTreeMap<String, Value>, field: &String| of.get(field).cloned();
        let both = |field: &String| {
            (field.clone(), value(&recorded.annotations, field), value(&now, field))
        };
        fields.into_iter().map(both).collect()
    }
}

/// The nearer to the recorded program, the lower.
const fn rank(state: SubjectMatch) -> u8 {
    match state {
        SubjectMatch::Same => 0,
        SubjectMatch::Stripped => 1,
        SubjectMatch::Patched => 2,
        SubjectMatch::Packed => 3,
        SubjectMatch::Changed => 4,
        SubjectMatch::Tampered => 5,
        SubjectMatch::Rebuilt => 6,
        SubjectMatch::Unknown => 7,
    }
}

/// What a build leaves in its program and later tools leave alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BinaryFingerprints {
    /// `NT_GNU_BUILD_ID`, lower-case hex.
    pub build_id: Option<String>,
    /// SHA-256 of each of the kept sections.
    pub kept: BTreeMap<String, String>,
    /// SHA-256 over the program as it comes to lie in memory (see [`ElfLayout::loaded_image`]).
    pub loaded: Option<String>,
    /// The same without the debugger's scripts, where there are any (see [`ElfLayout::without_scripts`]).
    pub loaded_without_scripts: Option<String>,
}

impl BinaryFingerprints {
    /// The traces of a program: those of an ELF file with sections; of a Mach-O file its
    /// `LC_UUID`, of a PE file the GUID and age of its PDB.
    pub fn of(program: &[u8]) -> BinaryFingerprints {
        let Some(elf) = ElfLayout::read(program) else {
            let binary = Binary::quick("", std::io::Cursor::new(program));
            let build_id = binary.ok().and_then(|binary| binary.build_id);
            return BinaryFingerprints { build_id, ..BinaryFingerprints::default() };
        };
        let kept = KEPT_SECTIONS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), sha256_hex(elf.section(name)?))));
        BinaryFingerprints {
            build_id: elf.section(".note.gnu.build-id").and_then(build_id),
            kept: kept.collect(),
            loaded: loaded(&elf),
            loaded_without_scripts: elf
                .without_scripts()
                .and_then(|it| loaded(&ElfLayout::read(&it)?)),
        }
    }

    /// The same as a record notes them.
    pub fn annotations(&self) -> BTreeMap<String, Value> {
        let mut noted = BTreeMap::new();
        noted.extend(self.build_id.iter().map(|id| ("buildId".to_owned(), json!(id))));
        if !self.kept.is_empty() {
            noted.insert("sections".to_owned(), json!(self.kept));
        }
        noted.extend(self.loaded.iter().map(|sha256| (LOADED.to_owned(), json!(sha256))));
        let without = self.loaded_without_scripts.iter();
        noted.extend(without.map(|sha256| (WITHOUT_SCRIPTS.to_owned(), json!(sha256))));
        noted
    }

    /// The traces that a record keeps of its subject.
    fn recorded(subject: &ResourceDescriptor) -> BinaryFingerprints {
        let text = |name: &str| Some(subject.annotations.get(name)?.as_str()?.to_owned());
        let sections = subject.annotations.get("sections").and_then(|value| value.as_object());
        let kept = sections
            .into_iter()
            .flatten()
            .filter_map(|(name, digest)| Some((name.clone(), digest.as_str()?.to_owned())));
        BinaryFingerprints {
            build_id: text("buildId"),
            kept: kept.collect(),
            loaded: text(LOADED),
            loaded_without_scripts: text(WITHOUT_SCRIPTS),
        }
    }

    fn compared_with(&self, recorded: &BinaryFingerprints) -> (SubjectMatch, Vec<String>) {
        let mut evidence = Vec::new();
        let build_id = match (&self.build_id, &recorded.build_id) {
            (Some(now), Some(then)) if now == then => {
                evidence.push(format!("the build-id is the recorded one, {now}"));
                Some(true)
            }
            (Some(now), Some(then)) => {
                evidence.push(format!("build-id {now}, recorded {then}"));
                Some(false)
            }
            (None, Some(then)) => {
                evidence.push(format!("no build-id, recorded {then}"));
                None
            }
            (_, None) => None,
        };
        let mut same_code = None;
        for (name, then) in &recorded.kept {
            let same = self.kept.get(name) == Some(then);
            let word = if same { "the recorded one" } else { "another" };
            evidence.push(format!("section {name} is {word}"));
            same_code = Some(same && same_code.unwrap_or(true));
        }
        // Equal code alone would let somebody move the entry point and call it stripping; an equal
        // image in memory needs no section to be named.
        let same = |then: &Option<String>| self.loaded.is_some() && self.loaded == *then;
        if same(&recorded.loaded) || same(&recorded.loaded_without_scripts) {
            evidence.push("everything that is loaded is the recorded one".to_owned());
            return (SubjectMatch::Stripped, evidence);
        }
        let state = match (same_code, build_id) {
            (Some(true), _) => {
                evidence.push("other parts of what is loaded were changed".to_owned());
                SubjectMatch::Patched
            }
            (Some(false), Some(true)) => SubjectMatch::Tampered,
            (Some(false), Some(false) | None) | (None, Some(false)) => SubjectMatch::Rebuilt,
            (None, Some(true)) => SubjectMatch::Changed,
            (None, None) => SubjectMatch::Unknown,
        };
        (state, evidence)
    }
}

fn loaded(elf: &ElfLayout<'_>) -> Option<String> {
    elf.loaded_image().map(|image| sha256_hex(&image))
}

/// The descriptor of an `NT_GNU_BUILD_ID` note: name size, descriptor size, type, `GNU\0`.
fn build_id(note: &[u8]) -> Option<String> {
    let name = note.windows(4).position(|bytes| bytes == b"GNU\0").filter(|at| *at == 12)?;
    Some(crate::digest::hex(note.get(name + 4..)?)).filter(|id| !id.is_empty())
}

/// UPX leaves no sections, and its mark near the start and at the end (`src/conf.h` of UPX,
/// `UPX_MAGIC_LE32`; `l_magic` of the loader's header).
fn is_upx(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let tail = &bytes[bytes.len().saturating_sub(1024)..];
    let marked = |part: &[u8]| memchr::memmem::find(part, b"UPX!").is_some();
    bytes.starts_with(b"\x7fELF") && marked(head) && marked(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::append_section::tests::sample;

    fn recorded(program: &[u8], build_id: &str) -> ResourceDescriptor {
        let fingerprints = BinaryFingerprints::of(program);
        let mut subject = ResourceDescriptor::named("app", sha256_hex(program));
        subject.annotations.insert("buildId".into(), json!(build_id));
        subject.annotations.insert("sections".into(), json!(fingerprints.kept));
        subject.annotations.insert("loaded".into(), json!(fingerprints.loaded));
        subject
    }

    #[test]
    fn the_same_bytes_with_and_without_their_record() {
        let program = sample(64, true);
        let subjects = [recorded(&program, "aa")];
        assert_eq!(MatchedProgram::read(&subjects, &program).state, SubjectMatch::Same);
        let carrying = record_section::embed(&program, b"{}").unwrap();
        let subject = MatchedProgram::read(&subjects, &carrying);
        assert_eq!((subject.state, subject.without_record), (SubjectMatch::Same, true));
    }

    #[test]
    fn other_code_is_another_build() {
        let program = sample(64, true);
        let mut other = program.clone();
        other[64 + 56 + 2] ^= 1;
        assert_eq!(
            MatchedProgram::read(&[recorded(&program, "aa")], &other).state,
            SubjectMatch::Rebuilt
        );
    }

    #[test]
    fn the_same_code_in_another_file_was_stripped() {
        let program = sample(64, true);
        let mut longer = program.clone();
        longer.push(0);
        assert_eq!(
            MatchedProgram::read(&[recorded(&program, "aa")], &longer).state,
            SubjectMatch::Stripped
        );
    }

    #[test]
    fn a_program_without_its_section_table_was_stripped() {
        let program = sample(64, true);
        let mut cut = program[..64 + 56 + 5].to_vec();
        cut[0x28..0x30].fill(0);
        cut[0x3a..0x40].fill(0);
        assert_eq!(
            MatchedProgram::read(&[recorded(&program, "aa")], &cut).state,
            SubjectMatch::Stripped
        );
    }

    #[test]
    fn a_moved_entry_point_is_no_stripping() {
        let program = sample(64, true);
        let mut moved = program.clone();
        moved[0x18] ^= 1;
        assert_eq!(
            MatchedProgram::read(&[recorded(&program, "aa")], &moved).state,
            SubjectMatch::Patched
        );
        let mut moved = program.clone();
        moved[64 + 4] ^= 2;
        assert_eq!(
            MatchedProgram::read(&[recorded(&program, "aa")], &moved).state,
            SubjectMatch::Patched
        );
    }

    #[test]
    fn another_interpreter_is_no_stripping_wherever_it_is_named() {
        // A second program header, `PT_INTERP`, over bytes that no segment loads.
        let with = |name: &[u8]| {
            let mut program = sample(64, true);
            program[64 + 32..64 + 40].fill(0);
            program[0x38] = 2;
            let at = program.len() as u64;
            let mut header = [0; 56];
            header[0] = 3;
            header[8..16].copy_from_slice(&at.to_le_bytes());
            header[32..40].copy_from_slice(&(name.len() as u64).to_le_bytes());
            program.extend(name);
            let phoff = program.len() as u64;
            let load = program[64..64 + 56].to_vec();
            program.extend(load);
            program.extend(header);
            program[0x20..0x28].copy_from_slice(&phoff.to_le_bytes());
            program
        };
        let (own, evil) = (with(b"/lib64/ld.so\0"), with(b"/tmp/evil.so\0"));
        assert_eq!(
            MatchedProgram::read(&[recorded(&own, "aa")], &evil).state,
            SubjectMatch::Patched
        );
    }

    #[test]
    fn other_formats_are_known_by_their_build_s_own_number() {
        let mach_o = |uuid: u8, code: u8| {
            let header = [0xfeed_facf_u32, 0x0100_0007, 3, 2, 1, 24, 0, 0, 0x1b, 24];
            let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
            bytes.extend([uuid; 16]);
            bytes.push(code);
            bytes
        };
        let subject = recorded(&mach_o(1, 1), &"01".repeat(16));
        let state =
            |program: &[u8]| MatchedProgram::read(std::slice::from_ref(&subject), program).state;
        assert_eq!(BinaryFingerprints::of(&mach_o(1, 1)).build_id, Some("01".repeat(16)));
        assert_eq!(state(&mach_o(1, 1)), SubjectMatch::Same);
        assert_eq!(state(&mach_o(1, 2)), SubjectMatch::Changed);
        assert_eq!(state(&mach_o(2, 1)), SubjectMatch::Rebuilt);
    }

    #[test]
    fn without_traces_nothing_is_said() {
        let subject = ResourceDescriptor::named("app", sha256_hex(b"x"));
        assert_eq!(
            MatchedProgram::read(&[subject], &sample(64, true)).state,
            SubjectMatch::Unknown
        );
    }

    #[test]
    fn a_build_id_is_read_from_its_note() {
        let note = b"\x04\0\0\0\x02\0\0\0\x03\0\0\0GNU\0\xab\xcd";
        assert_eq!(build_id(note).as_deref(), Some("abcd"));
        assert_eq!(build_id(b"GNU\0"), None);
    }
}
