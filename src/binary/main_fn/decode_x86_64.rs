//! Walks x86-64 code (System V ABI, AMD64 supplement 3.2).

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, MemorySize,
    Mnemonic, OpAccess, OpKind, Register,
};

use crate::binary::main_fn::ir::{Event, MemoryPlace, RegisterValue, WalkedFunction};
use crate::binary::main_fn::program::WalkableProgram;
use crate::binary::main_fn::walk::{Convention, FunctionWalk};

/// Instructions of one function that are walked at most.
const MAX_INSTRUCTIONS: usize = 8_000;

const RAX: u8 = 0;
const RSP: u8 = 4;
const RBP: u8 = 5;

static CONVENTION: Convention = Convention {
    arguments: &[7, 6, 2, 1, 8, 9],
    clobbered: &[0, 1, 2, 6, 7, 8, 9, 10, 11],
    stack_pointer: RSP,
    result: RAX,
};

/// Walks the function at `start`. `is_exact`: a table says that `code` is all of it.
pub(crate) fn walk(
    program: &WalkableProgram<'_, '_>,
    start: u64,
    code: &[u8],
    is_exact: bool,
    budget: usize,
) -> WalkedFunction {
    let mut walk = FunctionWalk::new(program, &CONVENTION, start, start + code.len() as u64);
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        if walk.function.instructions >= MAX_INSTRUCTIONS.min(budget) {
            walk.function.cut_off = true;
            break;
        }
        decoder.decode_out(&mut instruction);
        walk.arrive(instruction.ip());
        if instruction.is_invalid() {
            walk.push(Event::Undecodable);
            break;
        }
        if !flow(&mut walk, &instruction) {
            data(&mut walk, &instruction, &mut factory);
        }
        if !is_exact && walk.is_over(instruction.next_ip()) {
            break;
        }
    }
    walk.function
}

/// The slot that a linkage stub jumps through: `[endbr64] [bnd] jmp *slot(%rip)`.
pub(crate) fn stub_slot(code: &[u8], address: u64) -> Option<u64> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut instruction = decoder.decode();
    if instruction.mnemonic() == Mnemonic::Endbr64 {
        instruction = decoder.decode();
    }
    (instruction.flow_control() == FlowControl::IndirectBranch
        && instruction.is_ip_rel_memory_operand())
    .then(|| instruction.ip_rel_memory_address())
}

/// Handles what changes the flow of control; false when the instruction does not.
fn flow(walk: &mut FunctionWalk<'_, '_, '_>, instruction: &Instruction) -> bool {
    match instruction.flow_control() {
        FlowControl::Next => return false,
        FlowControl::Call if instruction.mnemonic() == Mnemonic::Syscall => {
            walk.push(Event::System(walk.get(RAX)));
        }
        FlowControl::Call => {
            walk.call(walk.program.behind_stub(instruction.near_branch64()));
        }
        FlowControl::IndirectCall => {
            let value = through(walk, instruction);
            walk.call(walk.target(value));
        }
        FlowControl::UnconditionalBranch => {
            walk.jump(instruction.ip(), instruction.near_branch64());
        }
        FlowControl::IndirectBranch => {
            let value = through(walk, instruction);
            walk.jump_through(value);
        }
        FlowControl::ConditionalBranch | FlowControl::XbeginXabortXend => {
            walk.branch(instruction.ip(), instruction.near_branch64());
        }
        FlowControl::Return => walk.give_back(),
        FlowControl::Interrupt if instruction.mnemonic() != Mnemonic::Int3 => {
            walk.push(Event::System(RegisterValue::Unknown));
        }
        FlowControl::Interrupt | FlowControl::Exception => walk.stop(Event::Trap),
    }
    true
}

/// What an indirect call or jump goes through.
fn through(walk: &mut FunctionWalk<'_, '_, '_>, instruction: &Instruction) -> RegisterValue {
    match instruction.op0_kind() {
        OpKind::Register => walk.get(number(instruction.op0_register())),
        OpKind::Memory => match place(walk, instruction) {
            MemoryPlace::Fixed(address) => walk.program.fixed_word(address),
            MemoryPlace::Argument(argument, 0) => RegisterValue::Behind(argument),
            _ => RegisterValue::Unknown,
        },
        _ => RegisterValue::Unknown,
    }
}

fn number(register: Register) -> u8 {
    register.full_register().number() as u8
}

/// The place of the memory operand.
fn place(walk: &FunctionWalk<'_, '_, '_>, instruction: &Instruction) -> MemoryPlace {
    if instruction.is_ip_rel_memory_operand() {
        return MemoryPlace::Fixed(instruction.ip_rel_memory_address());
    }
    if instruction.segment_prefix() != Register::None {
        return MemoryPlace::Anywhere;
    }
    let displacement = instruction.memory_displacement64() as i64;
    let base = match instruction.memory_base() {
        Register::None => RegisterValue::Constant(0),
        base => walk.get(number(base)),
    };
    match walk.place(base, displacement) {
        // An index leaves the place open, but never leads out of the stack frame.
        MemoryPlace::Stack(_) if instruction.memory_index() != Register::None => {
            MemoryPlace::Stack(i64::MIN)
        }
        _ if instruction.memory_index() != Register::None => MemoryPlace::Anywhere,
        place => place,
    }
}

/// Handles what moves data.
fn data(
    walk: &mut FunctionWalk<'_, '_, '_>,
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
) {
    let (to, from) = (instruction.op0_kind(), instruction.op1_kind());
    let is_whole = |register: Register| register.size() == 8;
    match instruction.mnemonic() {
        Mnemonic::Nop | Mnemonic::Endbr64 | Mnemonic::Pause | Mnemonic::Prefetchw => {}
        Mnemonic::Hlt => walk.stop(Event::Trap),
        Mnemonic::Push => {
            let value = match to {
                OpKind::Register => walk.get(number(instruction.op0_register())),
                OpKind::Memory => {
                    let place = place(walk, instruction);
                    walk.load(place, true)
                }
                _ => RegisterValue::Constant(instruction.immediate(0)),
            };
            let top = shift(walk.get(RSP), -8);
            walk.set(RSP, top);
            let place = walk.place(top, 0);
            walk.store(place, value, true);
        }
        Mnemonic::Pop if to == OpKind::Register => pop(walk, number(instruction.op0_register())),
        Mnemonic::Leave => {
            walk.set(RSP, walk.get(RBP));
            pop(walk, RBP);
        }
        Mnemonic::Lea => {
            let register = number(instruction.op0_register());
            match place(walk, instruction) {
                MemoryPlace::Fixed(address) => walk.set_constant(register, address),
                MemoryPlace::Stack(offset) if offset != i64::MIN => {
                    walk.set(register, RegisterValue::Stack(offset));
                }
                _ => walk.set(register, RegisterValue::Unknown),
            }
        }
        Mnemonic::Mov if to == OpKind::Register => {
            let register = instruction.op0_register();
            if register.is_segment_register() || !register.is_gpr() {
                walk.push(Event::System(RegisterValue::Unknown));
                return;
            }
            let value = match from {
                OpKind::Register if instruction.op1_register().is_gpr() => {
                    let value = walk.get(number(instruction.op1_register()));
                    narrowed(value, register)
                }
                OpKind::Register => RegisterValue::Unknown,
                OpKind::Memory => {
                    let place = place(walk, instruction);
                    let value = walk.load(place, is_whole(register));
                    if let (RegisterValue::Constant(address), MemoryPlace::Fixed(_)) =
                        (value, place)
                    {
                        walk.note_constant(address);
                    }
                    value
                }
                _ if register.size() >= 4 => {
                    walk.set_constant(number(register), instruction.immediate(1));
                    return;
                }
                _ => RegisterValue::Constant(instruction.immediate(1)),
            };
            walk.set(number(register), value);
        }
        Mnemonic::Mov if to == OpKind::Memory => {
            let (value, whole) = match from {
                OpKind::Register => {
                    let register = instruction.op1_register();
                    (walk.get(number(register)), is_whole(register))
                }
                _ => {
                    let value = instruction.immediate(1);
                    walk.note_constant(value);
                    (RegisterValue::Constant(value), instruction.memory_size().size() == 8)
                }
            };
            let place = place(walk, instruction);
            walk.store(place, value, whole);
        }
        Mnemonic::Xor | Mnemonic::Sub
            if to == OpKind::Register
                && from == OpKind::Register
                && instruction.op0_register() == instruction.op1_register() =>
        {
            walk.set(number(instruction.op0_register()), RegisterValue::Constant(0));
        }
        Mnemonic::Add | Mnemonic::Sub if to == OpKind::Register && is_immediate(from) => {
            let register = instruction.op0_register();
            let by = instruction.immediate(1) as i64;
            let by = if instruction.mnemonic() == Mnemonic::Sub { by.wrapping_neg() } else { by };
            let value = if is_whole(register) {
                shift(walk.get(number(register)), by)
            } else {
                RegisterValue::Unknown
            };
            walk.set(number(register), value);
        }
        // Aligning the stack keeps every later offset comparable.
        Mnemonic::And if to == OpKind::Register && instruction.op0_register() == Register::RSP => {}
        // At opt-level z, a mask stores zero, or all ones.
        Mnemonic::And | Mnemonic::Or
            if to == OpKind::Memory
                && is_immediate(from)
                && instruction.immediate(1) == mask(instruction.mnemonic()) =>
        {
            let place = place(walk, instruction);
            let value = RegisterValue::Constant(instruction.immediate(1));
            walk.store(place, value, instruction.memory_size().size() == 8);
        }
        _ => other(walk, instruction, factory),
    }
}

/// The operand that makes the result the same whatever was there.
fn mask(mnemonic: Mnemonic) -> u64 {
    if mnemonic == Mnemonic::Or { u64::MAX } else { 0 }
}

fn pop(walk: &mut FunctionWalk<'_, '_, '_>, register: u8) {
    let top = walk.get(RSP);
    let place = walk.place(top, 0);
    let value = walk.load(place, true);
    walk.set(RSP, shift(top, 8));
    walk.set(register, value);
}

fn is_immediate(kind: OpKind) -> bool {
    !matches!(kind, OpKind::Register | OpKind::Memory)
}

fn shift(value: RegisterValue, by: i64) -> RegisterValue {
    match value {
        RegisterValue::Stack(offset) => RegisterValue::Stack(offset.wrapping_add(by)),
        RegisterValue::Constant(number) => RegisterValue::Constant(number.wrapping_add_signed(by)),
        _ => RegisterValue::Unknown,
    }
}

/// What is left of a value in a narrower register.
fn narrowed(value: RegisterValue, register: Register) -> RegisterValue {
    match value {
        _ if register.size() == 8 => value,
        RegisterValue::Constant(number) if register.size() == 4 => {
            RegisterValue::Constant(number & 0xffff_ffff)
        }
        _ => RegisterValue::Unknown,
    }
}

/// Any other instruction: forgets what it writes, notes the memory that it touches.
fn other(
    walk: &mut FunctionWalk<'_, '_, '_>,
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
) {
    let writes = |access| {
        matches!(
            access,
            OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite | OpAccess::ReadCondWrite
        )
    };
    let info = factory.info(instruction);
    let mut touched: Option<bool> = None;
    for used in info.used_memory() {
        if used.access() != OpAccess::NoMemAccess && used.memory_size() != MemorySize::Unknown {
            touched = Some(touched.unwrap_or(false) | writes(used.access()));
        }
    }
    if let Some(is_write) = touched {
        // String instructions name no operand; what they touch cannot be told.
        let named = (0..instruction.op_count()).any(|at| instruction.op_kind(at) == OpKind::Memory);
        let place = if named { place(walk, instruction) } else { MemoryPlace::Anywhere };
        if is_write {
            walk.store(place, RegisterValue::Unknown, false);
        } else {
            walk.load(place, false);
        }
    }
    for used in info.used_registers() {
        if writes(used.access()) && used.register().is_gpr() {
            walk.set(number(used.register()), RegisterValue::Unknown);
        }
    }
}
