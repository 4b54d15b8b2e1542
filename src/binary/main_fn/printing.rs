//! Std's `print!`, called or inlined.

use std::collections::{HashSet, VecDeque};

use crate::binary::main_fn::ir::{CallTarget, Event, RegisterValue, WalkedCall, WalkedFunction};
use crate::binary::main_fn::program::{InstructionSet, WalkableProgram};
use crate::binary::panic_locations;
use crate::binary::panic_locations::PanicLocationLimits;
use crate::toolchain::std_paths;

/// Whether a `main` with branches is no more than one `print!` that was inlined: it holds std's
/// message and texts, calls nothing outside but what printing calls, and the whole program has no
/// panic location outside std.
pub(crate) fn is_inlined(
    program: &WalkableProgram<'_, '_>,
    function: &WalkedFunction,
    other_texts: &[&[u8]],
) -> bool {
    /// The most measured are 211 instructions and 23 calls (1.85, aarch64, opt-level z).
    const MAX_INSTRUCTIONS: usize = 320;
    const MAX_CALLS: usize = 32;
    let is_allowed = |call: &WalkedCall| match call.target {
        CallTarget::Import(slot) => IMPORTS.contains(&program.import(slot)),
        CallTarget::Local(_) | CallTarget::Through(RegisterValue::Unknown) => true,
        CallTarget::Through(_) => false,
    };
    function.instructions <= MAX_INSTRUCTIONS
        && function.all_calls().count() <= MAX_CALLS
        && function.all_calls().all(is_allowed)
        && !function.events.iter().any(|it| matches!(it, Event::System(_) | Event::Undecodable))
        && other_texts.iter().all(|text| is_std_text(text))
        && mentions_printing(program, function)
        && asks_only_to_print(program, function)
        && panic_locations::of(program.memory, PanicLocationLimits::default())
            .iter()
            .all(|location| std_paths::may_be_of_std(&location.path))
}

/// Whether a function never comes back: it neither returns nor jumps elsewhere.
pub(crate) fn diverges(program: &WalkableProgram<'_, '_>, target: CallTarget) -> bool {
    let CallTarget::Local(address) = target else { return false };
    program.walk(address).is_some_and(|function| {
        let leaves = |event: &Event| matches!(event, Event::Return(_) | Event::Jump(_));
        !function.cut_off && !function.events.iter().any(leaves)
    })
}

/// Whether all that a function calls and comes back from asks the system and the C library for no
/// more than printing does.
fn asks_only_to_print(program: &WalkableProgram<'_, '_>, function: &WalkedFunction) -> bool {
    const MAX_VISITS: usize = 200;
    // The write itself is three calls down; six calls down lies the allocator's error handling.
    const MAX_DEPTH: usize = 4;
    let calls =
        if program.machine == InstructionSet::X86_64 { X86_64_CALLS } else { AARCH64_CALLS };
    let mut seen = HashSet::new();
    let mut queue: VecDeque<_> = function.calls().map(|call| (call.target, 1)).collect();
    while let Some((target, depth)) = queue.pop_front() {
        let address = match target {
            CallTarget::Import(slot) if IMPORTS.contains(&program.import(slot)) => continue,
            CallTarget::Import(_) => return false,
            CallTarget::Through(_) => continue,
            CallTarget::Local(address) => address,
        };
        if diverges(program, target) || !seen.insert(address) {
            continue;
        }
        let Some(callee) = program.walk(address) else { return false };
        if seen.len() > MAX_VISITS {
            return false;
        }
        for event in &callee.events {
            match event {
                Event::System(RegisterValue::Constant(number)) if !calls.contains(number) => {
                    return false;
                }
                Event::Call(call) | Event::Jump(call) if depth < MAX_DEPTH => {
                    queue.push_back((call.target, depth + 1));
                }
                _ => {}
            }
        }
    }
    true
}

/// The system calls of printing, locking and memory: write, mmap, mprotect, munmap, brk,
/// rt_sigprocmask, ioctl, writev, mremap, madvise, gettid, futex.
const X86_64_CALLS: &[u64] = &[1, 9, 10, 11, 12, 14, 16, 20, 25, 28, 186, 202];

/// The same for aarch64.
const AARCH64_CALLS: &[u64] = &[64, 222, 226, 215, 214, 135, 29, 66, 216, 233, 178, 98];

/// What an inlined print calls of the C library: locks, memory, the write itself, unwinding.
const IMPORTS: &[&[u8]] = &[
    b"syscall",
    b"write",
    b"writev",
    b"malloc",
    b"calloc",
    b"posix_memalign",
    b"realloc",
    b"free",
    b"memcpy",
    b"memmove",
    b"memchr",
    b"memrchr",
    b"memset",
    b"abort",
    b"__errno_location",
    b"__tls_get_addr",
    b"__cxa_thread_atexit_impl",
    b"pthread_self",
    b"clock_gettime",
    b"pthread_key_create",
    b"pthread_key_delete",
    b"pthread_getspecific",
    b"pthread_setspecific",
    b"pthread_mutex_init",
    b"pthread_mutex_lock",
    b"pthread_mutex_trylock",
    b"pthread_mutex_unlock",
    b"pthread_mutex_destroy",
    b"pthread_mutexattr_init",
    b"pthread_mutexattr_settype",
    b"pthread_mutexattr_destroy",
    b"_Unwind_Resume",
    b"_Unwind_DeleteException",
];

/// Texts of std that stand beside a print which was inlined.
fn is_std_text(text: &[u8]) -> bool {
    const STARTS: &[&str] = &[
        "stdout",
        "failed printing to ",
        ": ",
        "lock count overflow in reentrant mutex",
        "formatter error",
        "already borrowed",
        "already mutably borrowed",
        "cannot access a Thread Local Storage value during or after destruction",
        "called `Option::unwrap()` on a `None` value",
        "a formatting trait implementation returned an error",
        "a Display implementation returned an error",
    ];
    STARTS.iter().any(|known| text.starts_with(known.as_bytes()))
}

/// Whether a function ends up in std's `print!`, which says so when it fails.
pub(crate) fn prints(program: &WalkableProgram<'_, '_>, target: CallTarget) -> bool {
    const MAX_VISITS: usize = 24;
    const MAX_DEPTH: usize = 3;
    let mut queue = VecDeque::from([(target, 0)]);
    let mut seen = HashSet::new();
    while let Some((target, depth)) = queue.pop_front() {
        let address = match target {
            CallTarget::Local(address) => address,
            CallTarget::Import(slot) => {
                let name = program.import(slot);
                if memchr::memmem::find(name, b"2io5stdio").is_some()
                    && memchr::memmem::find(name, b"print").is_some()
                {
                    return true;
                }
                continue;
            }
            CallTarget::Through(_) => continue,
        };
        if !seen.insert(address) || seen.len() > MAX_VISITS {
            continue;
        }
        let Some(function) = program.walk(address) else { continue };
        if mentions_printing(program, &function) {
            return true;
        }
        if depth < MAX_DEPTH {
            queue.extend(function.all_calls().map(|call| (call.target, depth + 1)));
        }
    }
    false
}

/// Whether a function holds std's message for a failed `print!`.
fn mentions_printing(program: &WalkableProgram<'_, '_>, function: &WalkedFunction) -> bool {
    const MESSAGE: &[u8] = b"failed printing to";
    let starts_with = |address: u64| {
        let text = program.memory.tail(address);
        memchr::memmem::find(&text[..text.len().min(40)], MESSAGE).is_some()
    };
    let cold = function.cold.iter().filter_map(|event| match event {
        Event::Constant(address) => Some(*address),
        _ => None,
    });
    function.constants().chain(cold).any(|address| {
        starts_with(address)
            || matches!(program.piece(address), RegisterValue::Constant(text) if starts_with(text))
    })
}
