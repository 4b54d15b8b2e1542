//! The words that somebody sees when a command does not start, and the code that it ends with.

use crate::start::command::wrappers::WRAPPERS;
use crate::start::command::{FailureKind, Requester, StartFailure, base};

/// What a failure comes to. runc 1.1 with Docker 20.10 to 28 writes the engine's words; dash, the
/// shells'.
pub(super) fn failure(by: &Requester, kind: FailureKind, name: &str, at: String) -> StartFailure {
    let (message, exit_code) = match by {
        Requester::Engine => by_engine(kind, name),
        Requester::Interpreter => (format!("exec {name}: {}", reason(kind).to_lowercase()), 1),
        Requester::Shell => by_shell(kind, name),
        Requester::Wrapper { name: wrapper, path } => by_wrapper(wrapper, path, kind, name),
    };
    StartFailure { kind, name: name.to_owned(), at, by: by.clone(), message, exit_code }
}

/// A script whose interpreter may not be executed.
pub(super) fn refused_interpreter(by: &Requester, name: &str, at: String) -> StartFailure {
    let mut failure = failure(by, FailureKind::NotExecutable, name, at);
    if *by == Requester::Engine {
        // The engine looked at the script alone; it is the kernel that refuses.
        (failure.message, failure.exit_code) = (format!("exec {name}: permission denied"), 1);
    }
    failure
}

/// A script that its shell (a path without links) may not read.
pub(super) fn unreadable(shell: &str, script: &str, at: String) -> StartFailure {
    let (message, exit_code) = match base(shell) {
        "bash" => (format!("{script}: Permission denied"), 126),
        "busybox" => (format!("can't open '{script}': Permission denied"), 2),
        _ => (format!("cannot open {script}: Permission denied"), 2),
    };
    let (kind, by) = (FailureKind::Unreadable, Requester::Shell);
    StartFailure { kind, name: script.to_owned(), at, by, message, exit_code }
}

/// The C library's words.
fn reason(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::NotExecutable
        | FailureKind::NotAFile
        | FailureKind::PermissionDenied
        | FailureKind::Unreadable => "Permission denied",
        FailureKind::NoFormat => "Exec format error",
        FailureKind::NotInPath
        | FailureKind::InRelativePath
        | FailureKind::NoSuchFile
        | FailureKind::NoInterpreter
        | FailureKind::CarriageReturn => "No such file or directory",
    }
}

fn by_engine(kind: FailureKind, name: &str) -> (String, u8) {
    let why = reason(kind).to_lowercase();
    let refused = matches!(kind, FailureKind::NotExecutable | FailureKind::PermissionDenied);
    match kind {
        FailureKind::InRelativePath => {
            let why = "cannot run executable found relative to current directory";
            (format!("exec: \"{name}\": {why}"), 125)
        }
        // Go's search of PATH passes over what may not be executed, and says nothing of it.
        _ if kind == FailureKind::NotInPath || refused && !name.contains('/') => {
            (format!("exec: \"{name}\": executable file not found in $PATH"), 127)
        }
        FailureKind::NoSuchFile => (format!("exec: \"{name}\": stat {name}: {why}"), 127),
        // What Go says since 1.20; before, "permission denied".
        FailureKind::NotAFile => (format!("exec: \"{name}\": is a directory"), 126),
        FailureKind::NotExecutable => (format!("exec: \"{name}\": {why}"), 126),
        FailureKind::PermissionDenied => (format!("exec {name}: {why}"), 126),
        _ => (format!("exec {name}: {why}"), 1),
    }
}

fn by_shell(kind: FailureKind, name: &str) -> (String, u8) {
    match reason(kind) {
        why @ ("Permission denied" | "Exec format error") => (format!("{name}: {why}"), 126),
        _ => (format!("{name}: not found"), 127),
    }
}

fn by_wrapper(wrapper: &str, path: &str, kind: FailureKind, name: &str) -> (String, u8) {
    let why = reason(kind);
    let is_missing = why == "No such file or directory";
    let known = WRAPPERS.iter().find(|it| it.name == wrapper);
    let (text, missing, refused) = match known {
        _ if base(path) == "busybox" => ("can't execute 'NAME': WHY", 127, 126),
        None => ("NAME: WHY", 127, 126),
        Some(known) => known.error_format,
    };
    let why = match wrapper {
        "gosu" => return (of_gosu(kind, name), missing),
        "chpst" if is_missing => "file does not exist",
        "chpst" if why == "Permission denied" => "access denied",
        "chpst" => "exec format error",
        _ => why,
    };
    let message = text.replace("WHY", why).replace("NAME", name);
    (message, if is_missing { missing } else { refused })
}

/// Go looks for the program as in the engine, and gosu hands the words on.
fn of_gosu(kind: FailureKind, name: &str) -> String {
    match kind {
        FailureKind::NotAFile => format!("exec: \"{name}\": permission denied"),
        FailureKind::PermissionDenied if name.contains('/') => "permission denied".to_owned(),
        FailureKind::NoFormat | FailureKind::NoInterpreter | FailureKind::CarriageReturn => {
            format!("exec failed: {}", reason(kind).to_lowercase())
        }
        _ => by_engine(kind, name).0,
    }
}
