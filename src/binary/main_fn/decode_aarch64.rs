//! Walks AArch64 code (Arm ARM, chapter C4: the encodings; AAPCS64: the calls).

use crate::binary::main_fn::ir::{Event, MemoryPlace, RegisterValue, WalkedFunction};
use crate::binary::main_fn::program::WalkableProgram;
use crate::binary::main_fn::walk::{Convention, FunctionWalk};

/// Instructions of one function that are walked at most.
const MAX_INSTRUCTIONS: usize = 8_000;

const SP: u8 = 31;

static CONVENTION: Convention = Convention {
    // The ninth is where the caller wants a result that fits no register.
    arguments: &[0, 1, 2, 3, 4, 5, 6, 7, 8],
    clobbered: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 30],
    stack_pointer: SP,
    result: 0,
};

/// An instruction, as far as walking needs it. Register 31 is the zero register unless said
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecodedInstruction {
    /// No effect that matters: `nop`, `bti`, `paciasp`, `autiasp`, barriers.
    Hint,
    Call(u64),
    CallThrough(u8),
    Jump(u64),
    JumpThrough(u8),
    Branch(u64),
    Return,
    System,
    Trap,
    /// The register becomes this number.
    Set(u8, u64),
    /// The register becomes this address.
    Address(u8, u64),
    /// `movk`: sixteen bits of the register become this.
    Insert {
        register: u8,
        value: u64,
        shift: u32,
    },
    /// To, from, amount; 31 is the stack pointer.
    Add(u8, u8, i64),
    /// To, from.
    Copy(u8, u8),
    /// Loads and stores of general registers.
    Memory(Access),
    /// A load or store that is not followed: base register, whether it stores, registers written.
    Touch {
        base: u8,
        stores: bool,
        writes: [u8; 2],
        writes_base: bool,
    },
    /// Writes the register with what cannot be told.
    Write(u8),
}

/// A load or store of one or two words, of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Access {
    registers: [Option<u8>; 2],
    base: u8,
    offset: i64,
    /// Bytes of each.
    size: i64,
    stores: bool,
    /// The base changes by this, before or after.
    update: Option<i64>,
    /// The access uses the base as it was before the update.
    updates_after: bool,
    /// Bytes of all registers together.
    span: i64,
}

/// Walks the function at `start`. `is_exact`: a table says that `code` is all of it.
pub(crate) fn walk(
    program: &WalkableProgram<'_, '_>,
    start: u64,
    code: &[u8],
    is_exact: bool,
    budget: usize,
) -> WalkedFunction {
    let mut walk = FunctionWalk::new(program, &CONVENTION, start, start + code.len() as u64);
    let mut address = start;
    for raw in code.as_chunks().0 {
        if walk.function.instructions >= MAX_INSTRUCTIONS.min(budget) {
            walk.function.cut_off = true;
            break;
        }
        walk.arrive(address);
        step(&mut walk, decode(u32::from_le_bytes(*raw), address), address);
        address += 4;
        if !is_exact && walk.is_over(address) {
            break;
        }
    }
    walk.function
}

/// The slot that a linkage stub jumps through: `[bti c] adrp x16; ldr x17, [x16, slot]; … br x17`.
pub(crate) fn stub_slot(code: &[u8], address: u64) -> Option<u64> {
    let mut page = None;
    for (index, raw) in code.as_chunks().0.iter().take(3).enumerate() {
        match (decode(u32::from_le_bytes(*raw), address + 4 * index as u64), page) {
            (DecodedInstruction::Hint, None) => {}
            (DecodedInstruction::Set(16, value), None) => page = Some(value),
            (DecodedInstruction::Memory(access), Some(page))
                if access.base == 16 && access.registers[0] == Some(17) =>
            {
                return Some(page + access.offset as u64);
            }
            _ => return None,
        }
    }
    None
}

fn step(walk: &mut FunctionWalk<'_, '_, '_>, instruction: DecodedInstruction, address: u64) {
    match instruction {
        DecodedInstruction::Hint => {}
        DecodedInstruction::Call(to) => walk.call(walk.program.behind_stub(to)),
        DecodedInstruction::CallThrough(register) => walk.call(walk.target(read(walk, register))),
        DecodedInstruction::Jump(to) => walk.jump(address, to),
        DecodedInstruction::JumpThrough(register) => walk.jump_through(read(walk, register)),
        DecodedInstruction::Branch(to) => walk.branch(address, to),
        DecodedInstruction::Return => walk.give_back(),
        DecodedInstruction::System => walk.push(Event::System(walk.get(8))),
        DecodedInstruction::Trap => walk.stop(Event::Trap),
        // A page's address alone is no use of what is there.
        DecodedInstruction::Set(register, value) => {
            write(walk, register, RegisterValue::Constant(value))
        }
        DecodedInstruction::Address(register, value) if register != 31 => {
            walk.set_constant(register, value)
        }
        DecodedInstruction::Address(..) => {}
        DecodedInstruction::Insert { register, value, shift } => {
            let inserted = match read(walk, register) {
                RegisterValue::Constant(old) => {
                    RegisterValue::Constant(old & !(0xffff << shift) | value << shift)
                }
                _ => RegisterValue::Unknown,
            };
            write(walk, register, inserted);
        }
        DecodedInstruction::Add(to, from, amount) => match walk.get(from) {
            RegisterValue::Constant(base) => {
                walk.set_constant(to, base.wrapping_add_signed(amount))
            }
            RegisterValue::Stack(base) => {
                walk.set(to, RegisterValue::Stack(base.wrapping_add(amount)))
            }
            other if amount == 0 => walk.set(to, other),
            _ => walk.set(to, RegisterValue::Unknown),
        },
        DecodedInstruction::Copy(to, from) => write(walk, to, read(walk, from)),
        DecodedInstruction::Memory(access) => access.perform(walk),
        DecodedInstruction::Touch { base, stores, writes, writes_base } => {
            let place = match walk.get(base) {
                RegisterValue::Stack(_) => MemoryPlace::Stack(i64::MIN),
                RegisterValue::Constant(address) => MemoryPlace::Fixed(address),
                _ => MemoryPlace::Anywhere,
            };
            if stores {
                walk.store(place, RegisterValue::Unknown, false);
            } else {
                walk.load(place, false);
            }
            for register in writes {
                write(walk, register, RegisterValue::Unknown);
            }
            if writes_base {
                walk.set(base, RegisterValue::Unknown);
            }
        }
        DecodedInstruction::Write(register) => write(walk, register, RegisterValue::Unknown),
    }
}

/// A register's value where 31 is the zero register.
fn read(walk: &FunctionWalk<'_, '_, '_>, register: u8) -> RegisterValue {
    if register == 31 { RegisterValue::Constant(0) } else { walk.get(register) }
}

/// Writes a register where 31 is the zero register.
fn write(walk: &mut FunctionWalk<'_, '_, '_>, register: u8, value: RegisterValue) {
    if register != 31 {
        walk.set(register, value);
    }
}

impl Access {
    fn perform(self, walk: &mut FunctionWalk<'_, '_, '_>) {
        let base = walk.get(self.base);
        let update = self.update.unwrap_or(0);
        let offset =
            if self.update.is_some() && !self.updates_after { update } else { self.offset };
        // Vector registers are not followed: what is left is that memory is touched.
        if self.registers == [None, None] {
            for word in 0..(self.span + 7) / 8 {
                let place = walk.place(base, offset.wrapping_add(8 * word));
                if self.stores {
                    walk.store(place, RegisterValue::Unknown, false);
                } else {
                    walk.load(place, false);
                }
            }
        }
        for (index, register) in self.registers.into_iter().enumerate() {
            let Some(register) = register else { continue };
            let place = walk.place(base, offset.wrapping_add(index as i64 * self.size));
            if self.stores {
                let value = read(walk, register);
                walk.store(place, value, self.size == 8);
            } else {
                let value = walk.load(place, self.size == 8);
                if let (RegisterValue::Constant(address), MemoryPlace::Fixed(_)) = (value, place) {
                    walk.note_constant(address);
                }
                write(walk, register, value);
            }
        }
        if self.update.is_some() {
            let updated = match base {
                RegisterValue::Stack(base) => RegisterValue::Stack(base.wrapping_add(update)),
                RegisterValue::Constant(base) => {
                    RegisterValue::Constant(base.wrapping_add_signed(update))
                }
                _ => RegisterValue::Unknown,
            };
            walk.set(self.base, updated);
        }
    }
}

fn bits(word: u32, low: u32, count: u32) -> u32 {
    (word >> low) & ((1 << count) - 1)
}

fn signed(value: u32, count: u32) -> i64 {
    let shift = 32 - count;
    i64::from((value << shift) as i32 >> shift)
}

fn decode(word: u32, address: u64) -> DecodedInstruction {
    let (low, middle, high) =
        (bits(word, 0, 5) as u8, bits(word, 5, 5) as u8, bits(word, 16, 5) as u8);
    let relative = |value, count| address.wrapping_add_signed(signed(value, count) * 4);
    match word {
        // Hints and barriers.
        _ if word & 0xffff_f01f == 0xd503_201f || word & 0xffff_f01f == 0xd503_301f => {
            DecodedInstruction::Hint
        }
        _ if word & 0xfc00_0000 == 0x9400_0000 => {
            DecodedInstruction::Call(relative(bits(word, 0, 26), 26))
        }
        _ if word & 0xfc00_0000 == 0x1400_0000 => {
            DecodedInstruction::Jump(relative(bits(word, 0, 26), 26))
        }
        // b.cond, cbz, cbnz.
        _ if word & 0xff00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 => {
            DecodedInstruction::Branch(relative(bits(word, 5, 19), 19))
        }
        // tbz, tbnz.
        _ if word & 0x7e00_0000 == 0x3600_0000 => {
            DecodedInstruction::Branch(relative(bits(word, 5, 14), 14))
        }
        // blr, blraa and its kind; br and its kind; ret and its kind.
        _ if word & 0xffff_fc1f == 0xd63f_0000 || word & 0xfeff_f800 == 0xd63f_0800 => {
            DecodedInstruction::CallThrough(middle)
        }
        _ if word & 0xffff_fc1f == 0xd61f_0000 || word & 0xfeff_f800 == 0xd61f_0800 => {
            DecodedInstruction::JumpThrough(middle)
        }
        _ if word & 0xffff_fc1f == 0xd65f_0000 || word & 0xffff_fbff == 0xd65f_0bff => {
            DecodedInstruction::Return
        }
        // svc, hvc, smc; brk, hlt; udf.
        _ if word & 0xffe0_001c == 0xd400_0000 => DecodedInstruction::System,
        _ if word & 0xffe0_0000 == 0xd420_0000
            || word & 0xffe0_0000 == 0xd440_0000
            || word >> 16 == 0 =>
        {
            DecodedInstruction::Trap
        }
        // mrs reads, msr writes a system register.
        _ if word & 0xfff0_0000 == 0xd530_0000 => DecodedInstruction::Write(low),
        _ if word & 0xffc0_0000 == 0xd500_0000 => DecodedInstruction::System,
        // adrp, adr.
        _ if word & 0x1f00_0000 == 0x1000_0000 => {
            let offset = signed(bits(word, 5, 19) << 2 | bits(word, 29, 2), 21);
            if word >> 31 == 1 {
                DecodedInstruction::Set(low, (address & !0xfff).wrapping_add_signed(offset << 12))
            } else {
                DecodedInstruction::Address(low, address.wrapping_add_signed(offset))
            }
        }
        // add, sub with an immediate, 64 bits, no flags.
        _ if word & 0xbf80_0000 == 0x9100_0000 => {
            let amount = i64::from(bits(word, 10, 12)) << (12 * bits(word, 22, 1));
            DecodedInstruction::Add(
                low,
                middle,
                if bits(word, 30, 1) == 1 { -amount } else { amount },
            )
        }
        // mov between registers: orr with the zero register.
        _ if word & 0xffe0_ffe0 == 0xaa00_03e0 => DecodedInstruction::Copy(low, high),
        _ if word & 0xffff_ffe0 == 0x2a1f_03e0 => DecodedInstruction::Set(low, 0),
        // movn, movz, movk.
        _ if word & 0x1f80_0000 == 0x1280_0000 => wide_move(word, low),
        _ if word & 0x0a00_0000 == 0x0800_0000 => access(word, low, middle),
        // Floating point and vectors write no general register, but for fmov and its kind.
        _ if word & 0x0e00_0000 == 0x0e00_0000 => DecodedInstruction::Write(low),
        // Compares write the zero register.
        _ => DecodedInstruction::Write(low),
    }
}

fn wide_move(word: u32, register: u8) -> DecodedInstruction {
    let (value, shift) = (u64::from(bits(word, 5, 16)), 16 * bits(word, 21, 2));
    let mask = if word >> 31 == 1 { u64::MAX } else { u64::from(u32::MAX) };
    match bits(word, 29, 2) {
        0 => DecodedInstruction::Set(register, !(value << shift) & mask),
        2 => DecodedInstruction::Set(register, (value << shift) & mask),
        3 => DecodedInstruction::Insert { register, value, shift },
        _ => DecodedInstruction::Write(register),
    }
}

/// The group of loads and stores.
fn access(word: u32, low: u8, base: u8) -> DecodedInstruction {
    let is_vector = bits(word, 26, 1) == 1;
    let scale = bits(word, 30, 2);
    let second = bits(word, 10, 5) as u8;
    // Pairs: ldp, stp, ldpsw.
    if word & 0x3a00_0000 == 0x2800_0000 {
        let stores = bits(word, 22, 1) == 0;
        let size: i64 = match (is_vector, scale) {
            (true, scale) => 4 << scale,
            (false, 2) => 8,
            (false, _) => 4,
        };
        let offset = signed(bits(word, 15, 7), 7) * size;
        let mode = bits(word, 23, 2);
        return DecodedInstruction::Memory(Access {
            registers: if is_vector { [None, None] } else { [Some(low), Some(second)] },
            span: 2 * size,
            base,
            offset: if mode == 1 { 0 } else { offset },
            size,
            stores,
            update: matches!(mode, 1 | 3).then_some(offset),
            updates_after: mode == 1,
        });
    }
    // Literal loads: from a fixed address.
    if word & 0x3b00_0000 == 0x1800_0000 {
        return DecodedInstruction::Write(low);
    }
    let kind = bits(word, 22, 2);
    let stores = if is_vector { kind & 1 == 0 } else { kind == 0 };
    // A single register with an unsigned or signed offset.
    if word & 0x3a00_0000 == 0x3800_0000 {
        let scaled = bits(word, 24, 1) == 1;
        let (offset, update, updates_after) = if scaled {
            (
                i64::from(bits(word, 10, 12)) * i64::from(scaled_by(is_vector, kind, scale)),
                None,
                false,
            )
        } else if bits(word, 21, 1) == 1 {
            // A register offset, or an atomic read-modify-write.
            let atomic = bits(word, 10, 2) == 0;
            return DecodedInstruction::Touch {
                base,
                stores: stores || atomic,
                writes: [if stores && !atomic || is_vector { 31 } else { low }, 31],
                writes_base: false,
            };
        } else {
            let offset = signed(bits(word, 12, 9), 9);
            match bits(word, 10, 2) {
                1 => (0, Some(offset), true),
                3 => (offset, Some(offset), false),
                _ => (offset, None, false),
            }
        };
        // Sign-extending loads (kinds 2 and 3) are never followed as whole words.
        let size = match (is_vector, kind) {
            (true, 2 | 3) => 16,
            (true, _) | (false, 0 | 1) => 1 << scale,
            (false, _) => 4,
        };
        return DecodedInstruction::Memory(Access {
            registers: [(!is_vector).then_some(low), None],
            span: size,
            base,
            offset,
            size,
            stores,
            update,
            updates_after,
        });
    }
    // Exclusive and ordered accesses, compare-and-swap, vector structures.
    let stores = bits(word, 22, 1) == 0 || bits(word, 21, 1) == 1;
    DecodedInstruction::Touch { base, stores, writes: [low, high_of(word)], writes_base: is_vector }
}

/// The status or compare register of an exclusive access.
fn high_of(word: u32) -> u8 {
    bits(word, 16, 5) as u8
}

/// Bytes that an unsigned offset counts in.
fn scaled_by(is_vector: bool, kind: u32, scale: u32) -> u32 {
    if is_vector && kind >= 2 { 16 } else { 1 << scale }
}
