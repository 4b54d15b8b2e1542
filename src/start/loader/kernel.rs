//! What the kernel does with an ELF program: `execve` up to the loader's first instruction.

use std::sync::Arc;

use crate::binary::elf::DynamicInfo;
use crate::binary::elf::{ET_DYN, ET_EXEC, ElfError, PT_INTERP};
use crate::rootfs::tree::{Errno, resolve};
use crate::rootfs::{FileEntry, FileKind};
use crate::start::image::elf_tree::ElfTree;
use crate::start::image::machine_of_root;
use crate::start::loader::{ExecContext, StartProblem, StartStage};
use crate::toolchain::machine;

/// What `execve` comes to.
pub(super) enum ExecResult {
    /// An error, and the line that container engines print for it.
    Refused(StartStage, StartProblem, String),
    /// The program runs; no loader is involved.
    Static,
    /// The program and its loader are mapped, and the loader runs.
    Loader { path: String, real: Vec<u8>, linking: Arc<DynamicInfo> },
    /// The loader's bytes were not looked at.
    Unread(String),
}

const EACCES: &str = "Permission denied";
const ENOEXEC: &str = "Exec format error";
const ELIBBAD: &str = "Accessing a corrupted shared library";
const EIO: &str = "Input/output error";

/// Follows `load_elf_binary` (fs/binfmt_elf.c). Only a mode without any execute bit stops the
/// superuser.
pub(super) fn exec(subject: &DynamicInfo, start: &ExecContext, tree: &dyn ElfTree) -> ExecResult {
    let refused = |stage, why: &'static str, problem| {
        // Engines pass the kernel's word on through Go, whose errors begin in lower case.
        ExecResult::Refused(stage, problem, format!("exec {}: {}", start.path, lower_first(why)))
    };
    let exec =
        |why, because: String| refused(StartStage::Exec, why, StartProblem::Exec { why, because });
    match resolve(tree, start.path.as_bytes()) {
        Ok(there) if !executable(&there.entry) => {
            let because = format!("{}: mode {:04o}", start.path, there.entry.mode);
            // runc looks before it leaps, and says this one itself (Go's `os/exec.Error`).
            let line = format!("exec: \"{}\": {}", start.path, lower_first(EACCES));
            return ExecResult::Refused(
                StartStage::Exec,
                StartProblem::Exec { why: EACCES, because },
                line,
            );
        }
        Ok(there) if tree.refuses(&there.entry, 0o1) => {
            let mode = there.entry.mode;
            return exec(EACCES, format!("{}: mode {mode:04o}, of another user", start.path));
        }
        Err(not) if not.why == Errno::PermissionDenied => {
            let because = format!("{not}");
            let (path, why) = (&start.path, lower_first(EACCES));
            let line = format!("exec: \"{path}\": stat {path}: {why}");
            return ExecResult::Refused(
                StartStage::Exec,
                StartProblem::Exec { why: EACCES, because },
                line,
            );
        }
        Ok(_) | Err(_) => {}
    }
    if !matches!(subject.file_type, ET_EXEC | ET_DYN) {
        return exec(ENOEXEC, format!("e_type {} is no program", subject.file_type));
    }
    let machine = start
        .machine
        .or_else(|| Some(machine_of_root::neighbour(tree)?.1.machine))
        .unwrap_or(subject.machine);
    if !runs(machine, subject.machine) {
        let because = format!(
            "a program for {} under a kernel for {}",
            machine::name(subject.machine),
            machine::name(machine)
        );
        return exec(ENOEXEC, because);
    }
    let own_size = if subject.is_64() { 56 } else { 32 };
    if subject.program_header_size != own_size || subject.segments.is_empty() {
        return exec(ENOEXEC, "no program headers that the kernel can read".to_owned());
    }
    if subject.segment(PT_INTERP).is_none() {
        return ExecResult::Static;
    }
    let Some(path) = subject.interpreter.clone() else {
        return exec(ENOEXEC, "PT_INTERP holds no path".to_owned());
    };
    let unusable = |why: &'static str, because: String| {
        let problem = StartProblem::InterpreterUnusable { path: path.clone(), why, because };
        refused(StartStage::Interpreter, why, problem)
    };
    let from_working_directory =
        crate::start::loader::search::absolute(&start.working_directory, &path);
    let there = match resolve(tree, from_working_directory.as_bytes()) {
        Ok(there) => there,
        Err(not) => {
            let why = not.why.text();
            let problem = StartProblem::InterpreterMissing { path: path.clone(), why };
            return refused(StartStage::Interpreter, why, problem);
        }
    };
    if !executable(&there.entry) || tree.refuses(&there.entry, 0o1) {
        return unusable(EACCES, format!("mode {:04o}", there.entry.mode));
    }
    let header = if subject.is_64() { 64 } else { 52 };
    if matches!(there.entry.kind, FileKind::File { size } if size < header) {
        return unusable(EIO, "shorter than an ELF header".to_owned());
    }
    match tree.linking(&there.path) {
        None => ExecResult::Unread(path),
        Some(Err(ElfError::TooShort)) => unusable(EIO, "shorter than an ELF header".to_owned()),
        Some(Err(ElfError::Magic | ElfError::Ident)) => unusable(ELIBBAD, "not ELF".to_owned()),
        Some(Ok(linking)) if linking.machine != subject.machine => {
            unusable(ELIBBAD, format!("a loader for {}", machine::name(linking.machine)))
        }
        Some(Ok(linking)) if linking.segments.is_empty() => {
            unusable(ELIBBAD, "no program headers that the kernel can read".to_owned())
        }
        Some(Ok(linking)) => ExecResult::Loader { path, real: there.path, linking },
    }
}

/// A regular file with any execute bit.
fn executable(entry: &FileEntry) -> bool {
    matches!(entry.kind, FileKind::File { .. }) && entry.mode & 0o111 != 0
}

/// The kernel's words as Go prints them.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// Whether a kernel for one machine starts programs for another: those that have a 32-bit mode.
pub(super) fn runs(kernel: u16, program: u16) -> bool {
    kernel == program || matches!((kernel, program), (62, 3) | (183, 40) | (21, 20) | (43, 2 | 18))
}
