//! What a `main` does: nothing, one fixed text, or more.

use std::borrow::Cow;

use crate::binary::MainVerdict;
use crate::binary::main_fn::ir::{
    CallTarget, Event, MemoryPlace, RegisterValue, WalkedCall, WalkedFunction,
};
use crate::binary::main_fn::placeholder_text::{TextMeaning, says};
use crate::binary::main_fn::printing;
use crate::binary::main_fn::program::WalkableProgram;

/// Bare jumps that are followed from `main`.
const MAX_JUMPS: usize = 4;

/// A verdict, or none, and what it rests on.
pub(crate) type MainEvidence = (Option<MainVerdict>, Cow<'static, str>);

/// Judges the function at `address`.
pub(crate) fn classify(program: &WalkableProgram<'_, '_>, address: u64) -> MainEvidence {
    let mut at = address;
    for _ in 0..=MAX_JUMPS {
        let Some(function) = program.walk(at) else {
            return (None, format!("user main at {at:#x} could not be decoded").into());
        };
        if let [Event::Jump(WalkedCall { target: CallTarget::Local(next), .. })] =
            function.events[..]
            && function.cold.is_empty()
            && next != at
            && carries_no_text(program, &function)
        {
            at = next;
            continue;
        }
        return classify_function(program, &function);
    }
    (Some(MainVerdict::Real), format!("user main at {address:#x} is a chain of jumps").into())
}

/// A jump that carries no text is only a way to another function.
fn carries_no_text(program: &WalkableProgram<'_, '_>, function: &WalkedFunction) -> bool {
    texts(program, function).is_empty()
}

fn classify_function(program: &WalkableProgram<'_, '_>, function: &WalkedFunction) -> MainEvidence {
    let at = function.start;
    if let Some(classified) = nothing(program, function) {
        return classified;
    }
    if let Some((verdict, evidence)) =
        one_text(program, function).or_else(|| outlined_panic(program, function))
    {
        return (Some(verdict), evidence.into());
    }
    let calls = function.calls().count();
    let size = if function.cut_off {
        format!("more than {} instructions", function.instructions)
    } else {
        plural(function.instructions, "instruction")
    };
    (
        Some(MainVerdict::Real),
        format!("user main at {at:#x}: {size}, {}", plural(calls, "call")).into(),
    )
}

/// `Empty` when the function only returns, `None` when it does anything else.
fn nothing(program: &WalkableProgram<'_, '_>, function: &WalkedFunction) -> Option<MainEvidence> {
    let at = function.start;
    if function.cut_off || !function.cold.is_empty() {
        return None;
    }
    let mut returns = 0;
    for event in &function.events {
        match event {
            Event::Return(None)
            | Event::Return(Some(RegisterValue::Constant(0) | RegisterValue::Unknown)) => {
                returns += 1;
            }
            Event::Return(Some(RegisterValue::Constant(status))) if is_number(program, *status) => {
                return Some((
                    None,
                    format!("user main at {at:#x} only returns {status:#x}, which may be a status")
                        .into(),
                ));
            }
            // Ok(()) by way of the caller's memory.
            Event::Return(Some(RegisterValue::Argument(0))) => returns += 1,
            Event::Store(MemoryPlace::Argument(0 | 8, _), RegisterValue::Constant(value))
                if is_number(program, *value) => {}
            _ => return None,
        }
    }
    let size = plural(function.instructions, "instruction");
    let evidence = if function.instructions == 1 {
        format!("user main at {at:#x} is the single instruction ret")
    } else {
        format!("user main at {at:#x} ({size}) makes no call, stores nothing and returns")
    };
    (returns > 0).then(|| (Some(MainVerdict::Empty), evidence.into()))
}

fn is_number(program: &WalkableProgram<'_, '_>, value: u64) -> bool {
    value < 0x1000 || program.memory.segment(value).is_none()
}

/// `HelloWorld` or `PlaceholderText` when the function does nothing but print or panic with one
/// fixed text.
fn one_text(
    program: &WalkableProgram<'_, '_>,
    function: &WalkedFunction,
) -> Option<(MainVerdict, String)> {
    let texts = texts(program, function);
    let (pointer, text, said) =
        texts.iter().find_map(|(pointer, text)| Some((*pointer, *text, says(text)?)))?;
    // Any other text makes it a program that says more; a source path belongs to a panic.
    let others: Vec<&[u8]> = texts
        .iter()
        .filter(|(other, text)| *other != pointer && !is_source_path(text))
        .map(|(_, text)| *text)
        .collect();
    let how = if function.cut_off {
        return None;
    } else if !is_straight(function) {
        if !printing::is_inlined(program, function, &others) {
            return None;
        }
        "holds std's print code, which prints"
    } else if others.is_empty() {
        spoken(program, function, said)?
    } else {
        return None;
    };
    let verdict = match said {
        TextMeaning::Hello => MainVerdict::HelloWorld,
        TextMeaning::Placeholder => MainVerdict::PlaceholderText,
    };
    let text = String::from_utf8_lossy(text);
    let at = function.start;
    Some((verdict, format!("user main at {at:#x} {how} {text:?} and does nothing else")))
}

/// `PlaceholderText` when all that the function does is to call a function that panics with the
/// text of `todo!()` or `unimplemented!()`. rustc 1.101 keeps that panic in one function of core
/// (seen in programs of 1.101.0-nightly of 2026-10-29).
fn outlined_panic(
    program: &WalkableProgram<'_, '_>,
    function: &WalkedFunction,
) -> Option<(MainVerdict, String)> {
    let mut calls = function.calls();
    let (Some(call), None) = (calls.next(), calls.next()) else { return None };
    let CallTarget::Local(address) = call.target else { return None };
    let does_more = function.cut_off
        || !function.cold.is_empty()
        || !is_straight(function)
        || function.events.iter().any(|event| matches!(event, Event::Return(_)))
        || texts(program, function).iter().any(|(_, text)| !is_source_path(text));
    if does_more {
        return None;
    }
    let callee = program.walk(address)?;
    let texts = texts(program, &callee);
    let is_fixed = |text: &[u8]| text == b"not yet implemented" || text == b"not implemented";
    let (pointer, text) = *texts.iter().find(|(_, text)| is_fixed(text))?;
    // An odd length is read in two ways, so the same text stands there twice.
    let is_alone = texts.iter().all(|(other, text)| *other == pointer || is_source_path(text));
    if !is_alone || callee.cut_off || !is_straight(&callee) {
        return None;
    }
    let how =
        spoken(program, &callee, TextMeaning::Placeholder).filter(|how| *how == "panics with")?;
    let text = String::from_utf8_lossy(text);
    let at = function.start;
    Some((
        MainVerdict::PlaceholderText,
        format!("user main at {at:#x} {how} {text:?} and does nothing else"),
    ))
}

/// Whether every instruction is reached, and none changes anything outside.
fn is_straight(function: &WalkedFunction) -> bool {
    function.events.iter().all(|event| match event {
        Event::Constant(_) | Event::Call(_) | Event::Jump(_) => true,
        Event::Return(_) | Event::Trap | Event::Load => true,
        Event::Store(place, _) => matches!(place, MemoryPlace::Argument(0 | 8, _)),
        Event::Branch | Event::System(_) | Event::Undecodable => false,
    })
}

/// How a straight function utters its text; `None` when it does anything else.
fn spoken(
    program: &WalkableProgram<'_, '_>,
    function: &WalkedFunction,
    said: TextMeaning,
) -> Option<&'static str> {
    let ends = function.events.iter().any(|it| matches!(it, Event::Return(_) | Event::Jump(_)));
    let (mut prints, mut others) = (0, 0);
    for call in function.calls() {
        if printing::prints(program, call.target) {
            prints += 1;
        } else if !is_helper(program, call.target, 1) {
            others += 1;
        }
    }
    match (prints, others) {
        (1, 0) => Some("prints"),
        // What never comes back after this text is the panic.
        (0, 1) if !ends || said == TextMeaning::Placeholder && is_jump(function) => {
            Some("panics with")
        }
        _ => None,
    }
}

fn is_jump(function: &WalkedFunction) -> bool {
    matches!(function.events.last(), Some(Event::Jump(_)))
}

/// The texts that calls are handed, with their addresses: directly, as rustc's old lists of
/// pieces, or as its new templates without arguments.
fn texts<'a>(program: &WalkableProgram<'_, 'a>, function: &WalkedFunction) -> Vec<(u64, &'a [u8])> {
    const MAX_LENGTH: u64 = 4096;
    let memory = program.memory;
    let bytes = |pointer: u64, length: u64| {
        // One byte is no text, and the lowest addresses are the numbers of dangling pointers.
        if !(2..=MAX_LENGTH).contains(&length) || pointer < 0x200 || !program.is_data(pointer) {
            return None;
        }
        let text = memory.bytes(pointer, usize::try_from(length).ok()?)?;
        let is_text = std::str::from_utf8(text)
            .is_ok_and(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()));
        (is_text || is_source_path(text)).then_some((pointer, text))
    };
    let mut found = Vec::new();
    for call in function.calls() {
        let groups = std::iter::once(&call.arguments[..])
            .chain(call.pointees.iter().map(|words| &words[..]));
        for group in groups {
            // An array of arguments to format lies on the stack.
            let formats =
                group.iter().skip(1).any(|value| matches!(value, RegisterValue::Stack(_)));
            for (index, value) in group.iter().enumerate() {
                let RegisterValue::Constant(pointer) = *value else { continue };
                let piece = program.piece(pointer);
                if let (Some(RegisterValue::Constant(length)), RegisterValue::Unknown) =
                    (group.get(index + 1), piece)
                {
                    // Arguments without arguments: the length doubled, plus one.
                    if length % 2 == 1 {
                        found.extend(bytes(pointer, length / 2));
                    }
                    found.extend(bytes(pointer, *length));
                }
                if !formats
                    && let RegisterValue::Constant(text) = piece
                    && let Some(length) = memory.word(pointer.wrapping_add(8))
                {
                    found.extend(bytes(text, length));
                }
            }
        }
    }
    found
}

fn is_source_path(text: &[u8]) -> bool {
    text.strip_suffix(b"\0").unwrap_or(text).ends_with(b".rs")
}

/// Whether a function only puts values together, as `fmt::Arguments::new` does where nothing is
/// inlined: what it calls does no more, or never comes back.
fn is_helper(program: &WalkableProgram<'_, '_>, target: CallTarget, depth: usize) -> bool {
    const MAX_INSTRUCTIONS: usize = 80;
    let CallTarget::Local(address) = target else { return false };
    let Some(function) = program.walk(address) else { return false };
    let is_quiet = |event: &Event| match event {
        Event::System(_) | Event::Undecodable => false,
        Event::Store(place, _) => matches!(place, MemoryPlace::Argument(..)),
        Event::Call(call) | Event::Jump(call) => {
            printing::diverges(program, call.target)
                || depth > 0 && is_helper(program, call.target, depth - 1)
        }
        Event::Return(_) | Event::Constant(_) | Event::Branch | Event::Load | Event::Trap => true,
    };
    function.instructions <= MAX_INSTRUCTIONS
        && function.events.iter().any(|event| matches!(event, Event::Return(_)))
        && function.events.iter().all(is_quiet)
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
