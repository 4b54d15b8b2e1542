//! From the entry point to the function that the user wrote as `main`.
//!
//! The C runtime calls C's `main`; rustc's own `main` calls `std::rt::lang_start`, which wraps the
//! user's function in a closure and calls `lang_start_internal`. What is inlined into what depends
//! on the optimisation level, and each shape below is one such case.

use std::collections::{HashSet, VecDeque};

use crate::binary::main_fn::ir::{CallTarget, Event, RegisterValue, WalkedCall, WalkedFunction};
use crate::binary::main_fn::program::WalkableProgram;

/// Functions visited on the way from the entry point to C's `main`; musl's way has five.
const MAX_VISITS: usize = 48;

/// How deep calls are followed on that way.
const MAX_DEPTH: usize = 5;

/// Calls looked at below one of those functions. Real ones have some hundreds; a file made of
/// nothing but calls would have a number that grows with its third power.
const MAX_CALLS: usize = 50_000;

/// The function that the user wrote, and what led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserMain {
    pub(crate) user_main: u64,
    pub(crate) c_main: u64,
    pub(crate) shape: MainShape,
}

/// What was inlined into C's `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MainShape {
    /// `lang_start`, but not `lang_start_internal`: optimised, no LTO across std.
    Closure,
    /// Nothing: `lang_start` is a function of its own.
    LangStart,
    /// All of std's start-up: `lto = "fat"`.
    Whole,
}

/// Why the user's `main` is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoUserMain {
    #[error("no entry point: a library")]
    Library,
    #[error(
        "no function has the shape of the main that rustc writes (no_main, a packer, or not Rust)"
    )]
    NoSuchShape,
}

/// Finds the user's `main`, or says why not.
pub(crate) fn user_main(program: &WalkableProgram<'_, '_>) -> Result<UserMain, NoUserMain> {
    let mut queue = VecDeque::from([(program.elf.entry, 0)]);
    let mut seen = HashSet::new();
    let mut saw_libc_start = false;
    while let Some((address, depth)) = queue.pop_front() {
        if seen.len() >= MAX_VISITS {
            break;
        }
        if !seen.insert(address) {
            continue;
        }
        let Some(function) = program.walk(address) else { continue };
        if depth > 0
            && let Some((RegisterValue::Constant(user_main), shape)) =
                started(program, &function, 2, &mut { MAX_CALLS })
            && program.is_function(user_main)
        {
            return Ok(UserMain { user_main, c_main: address, shape });
        }
        if depth >= MAX_DEPTH {
            continue;
        }
        // C's main is the first argument of __libc_start_main, wherever that is.
        for call in function.calls() {
            let named = matches!(call.target, CallTarget::Import(slot) if program.import(slot).starts_with(b"__libc_start"));
            saw_libc_start |= named;
            if let RegisterValue::Constant(main) = call.arguments[0]
                && program.memory.is_executable(main)
            {
                queue.push_front((main, depth + 1));
                // Nothing else of a dynamic program's entry point leads to main.
                if named {
                    queue.truncate(1);
                    break;
                }
            } else if let CallTarget::Local(callee) = call.target {
                queue.push_back((callee, depth + 1));
            }
        }
        if !saw_libc_start {
            let constants = function.constants().filter(|it| program.is_function(*it));
            queue.extend(constants.map(|constant| (constant, depth + 1)));
        }
    }
    Err(if program.memory.elf.as_ref().is_some_and(|elf| elf.entry == 0) {
        NoUserMain::Library
    } else {
        NoUserMain::NoSuchShape
    })
}

/// What a function starts as Rust's `main`: a fixed address, or something of its own caller's.
fn started(
    program: &WalkableProgram<'_, '_>,
    function: &WalkedFunction,
    depth: usize,
    calls: &mut usize,
) -> Option<(RegisterValue, MainShape)> {
    for call in function.all_calls() {
        *calls = calls.checked_sub(1)?;
        // lang_start_internal(&closure, &vtable, …): the closure holds main.
        if let RegisterValue::Constant(table) = call.arguments[1]
            && is_closure_vtable(program, table)
        {
            match call.pointees[0][0] {
                RegisterValue::Unknown | RegisterValue::Stack(_) => {}
                main => return Some((main, MainShape::Closure)),
            }
        }
        let CallTarget::Local(callee) = call.target else { continue };
        // __rust_begin_short_backtrace(main).
        if let Some(place) = trampoline(program, callee, 2) {
            match call.arguments.get(usize::from(place)).copied().unwrap_or_default() {
                RegisterValue::Unknown | RegisterValue::Stack(_) => {}
                main => return Some((main, MainShape::Whole)),
            }
        }
        if depth == 0 || !carries_function(program, call) {
            continue;
        }
        let Some(inner) = program.walk(callee) else { continue };
        if inner.start == function.start {
            continue;
        }
        if let Some((value, shape)) = started(program, &inner, depth - 1, calls) {
            let shape = if shape == MainShape::Closure { MainShape::LangStart } else { shape };
            match outside(value, call) {
                RegisterValue::Unknown | RegisterValue::Stack(_) => {}
                main => return Some((main, shape)),
            }
        }
    }
    None
}

/// What a value of the callee is for its caller.
fn outside(value: RegisterValue, call: &WalkedCall) -> RegisterValue {
    match value {
        RegisterValue::Argument(place) => {
            call.arguments.get(usize::from(place)).copied().unwrap_or_default()
        }
        RegisterValue::Behind(place) => {
            call.pointees.get(usize::from(place)).map(|words| words[0]).unwrap_or_default()
        }
        _ => RegisterValue::Unknown,
    }
}

/// Whether an argument is a function of this file, or points at one, or is handed through.
fn carries_function(program: &WalkableProgram<'_, '_>, call: &WalkedCall) -> bool {
    let values = call.arguments.iter().chain(call.pointees.iter().map(|words| &words[0]));
    values.copied().any(|value| match value {
        RegisterValue::Constant(address) => program.is_function(address),
        RegisterValue::Argument(_) | RegisterValue::Behind(_) => true,
        _ => false,
    })
}

/// The table of `lang_start`'s closure: drop glue or none, size 8, alignment 8, then
/// `call_once`, `call_mut` and `call`.
fn is_closure_vtable(program: &WalkableProgram<'_, '_>, address: u64) -> bool {
    let memory = program.memory;
    let word = |index: u64| memory.word(address.wrapping_add(8 * index));
    let is_code = |index| word(index).is_some_and(|code| memory.is_executable(code));
    word(1) == Some(8)
        && word(2) == Some(8)
        && (word(0) == Some(0) || is_code(0))
        && (3..6).all(is_code)
}

/// The place of the argument that a function does nothing but call: that is
/// `__rust_begin_short_backtrace`, which is never inlined, or a part of it.
fn trampoline(program: &WalkableProgram<'_, '_>, address: u64, depth: usize) -> Option<u8> {
    const MAX_INSTRUCTIONS: usize = 32;
    let function = program.walk(address)?;
    if function.instructions > MAX_INSTRUCTIONS || function.cut_off {
        return None;
    }
    let mut called = None;
    for event in &function.events {
        match event {
            Event::Call(call) | Event::Jump(call) if called.is_none() => {
                called = Some(match call.target {
                    CallTarget::Through(RegisterValue::Argument(place)) => place,
                    CallTarget::Local(callee) if depth > 0 => {
                        let place = trampoline(program, callee, depth - 1)?;
                        match call.arguments.get(usize::from(place))? {
                            RegisterValue::Argument(outer) => *outer,
                            _ => return None,
                        }
                    }
                    _ => return None,
                });
            }
            // The result may be moved to where the caller wants it.
            Event::Return(_) | Event::Trap | Event::Load => {}
            Event::Store(
                crate::binary::main_fn::ir::MemoryPlace::Argument(..)
                | crate::binary::main_fn::ir::MemoryPlace::Anywhere,
                _,
            ) => {}
            _ => return None,
        }
    }
    called
}
