//! Static constructors: functions that run before `main` and may be all that a program does.

use std::collections::HashSet;

use crate::binary::main_fn::ir::{CallTarget, Event, RegisterValue, WalkedCall};
use crate::binary::main_fn::program::WalkableProgram;

/// Constructors looked at; the C runtime and std bring up to four.
const MAX_CONSTRUCTORS: u64 = 64;

/// The first constructor that may do what can be seen from outside. Those of the C runtime and of
/// std only set up memory: they ask neither the system nor another library.
pub(crate) fn first_that_works(program: &WalkableProgram<'_, '_>) -> Option<u64> {
    for (address, size) in &program.elf.constructors {
        for index in 0..(size / 8).min(MAX_CONSTRUCTORS) {
            let Some(constructor) = program.memory.word(address.wrapping_add(8 * index)) else {
                break;
            };
            if program.memory.is_executable(constructor)
                && works(program, constructor, MAX_DEPTH, &mut HashSet::new())
            {
                return Some(constructor);
            }
        }
    }
    None
}

/// How deep the C runtime's own constructors call, and how many functions.
const MAX_DEPTH: usize = 5;
const MAX_FUNCTIONS: usize = 48;

/// What the C runtime's and the compiler's own constructors call.
const HARMLESS: &[&[u8]] = &[
    b"__gmon_start__",
    b"_ITM_registerTMCloneTable",
    b"_ITM_deregisterTMCloneTable",
    b"__register_frame_info",
    b"__cxa_finalize",
    b"__stack_chk_fail",
    b"__getauxval",
    b"getauxval",
];

fn works(
    program: &WalkableProgram<'_, '_>,
    address: u64,
    depth: usize,
    seen: &mut HashSet<u64>,
) -> bool {
    if !seen.insert(address) {
        return false;
    }
    let Some(function) = program.walk(address) else { return true };
    // std's detection of CPU features reads the auxiliary vector where getauxval has none.
    let detects = |address: u64| program.memory.tail(address).starts_with(b"/proc/self/auxv");
    if function.constants().any(detects) {
        return false;
    }
    let asks = |event: &Event| matches!(event, Event::System(_) | Event::Undecodable);
    if depth == 0 || seen.len() > MAX_FUNCTIONS || function.events.iter().any(asks) {
        return true;
    }
    function.events.iter().any(|event| match event {
        Event::Call(call) | Event::Jump(call) => match call.target {
            CallTarget::Import(slot) => !HARMLESS.contains(&program.import(slot)),
            CallTarget::Local(callee) => {
                !registers_frames(program, call) && works(program, callee, depth - 1, seen)
            }
            // The C runtime jumps to a weak symbol where there is one, and nobody else does.
            CallTarget::Through(_) => matches!(event, Event::Call(_)),
        },
        _ => false,
    })
}

/// Whether a call hands the exception frames to the unwinder, as the start files of static
/// programs do.
fn registers_frames(program: &WalkableProgram<'_, '_>, call: &WalkedCall) -> bool {
    let [RegisterValue::Constant(frames), RegisterValue::Constant(object), ..] = call.arguments
    else {
        return false;
    };
    let is_writable = program.memory.segment(object).is_some_and(|segment| segment.writable);
    is_writable && program.is_in_frames(frames)
}
