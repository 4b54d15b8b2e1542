//! One function, walked once in address order, with the values that can be followed through registers
//! and the stack; each machine's decoder drives it.

use std::collections::HashMap;

use crate::binary::main_fn::ir::{
    CallTarget, Event, MemoryPlace, POINTEE_WORDS, RegisterValue, WalkedCall, WalkedFunction,
};
use crate::binary::main_fn::program::WalkableProgram;

/// Branch targets whose state is kept; a function with more is real whatever it does.
const MAX_JOINS: usize = 512;

/// How a machine names its registers and passes its arguments.
#[derive(Debug)]
pub(crate) struct Convention {
    /// Registers of the first arguments.
    pub(crate) arguments: &'static [u8],
    /// Registers that a call may change.
    pub(crate) clobbered: &'static [u8],
    /// The stack pointer.
    pub(crate) stack_pointer: u8,
    /// The first result.
    pub(crate) result: u8,
}

#[derive(Debug, Clone)]
struct RegisterState {
    registers: [RegisterValue; 32],
    /// The result register was written since entry.
    has_result: bool,
    slots: HashMap<i64, RegisterValue>,
}

/// The state of a walk; each machine's decoder drives one.
pub(crate) struct FunctionWalk<'p, 'm, 'a> {
    pub(crate) program: &'p WalkableProgram<'m, 'a>,
    convention: &'static Convention,
    state: RegisterState,
    /// States that forward branches bring along.
    joins: HashMap<u64, RegisterState>,
    /// The stack pointer in the body, for code that nothing seen so far leads to.
    frame: i64,
    dead: bool,
    cold: bool,
    pub(crate) function: WalkedFunction,
    /// The highest address that a forward branch leads to.
    pub(crate) reaches: u64,
    pub(crate) end: u64,
}

impl<'p, 'm, 'a> FunctionWalk<'p, 'm, 'a> {
    pub(crate) fn new(
        program: &'p WalkableProgram<'m, 'a>,
        convention: &'static Convention,
        start: u64,
        end: u64,
    ) -> FunctionWalk<'p, 'm, 'a> {
        let mut registers = [RegisterValue::Unknown; 32];
        for (place, register) in convention.arguments.iter().enumerate() {
            registers[usize::from(*register)] = RegisterValue::Argument(place as u8);
        }
        registers[usize::from(convention.stack_pointer)] = RegisterValue::Stack(0);
        FunctionWalk {
            program,
            convention,
            state: RegisterState { registers, has_result: false, slots: HashMap::new() },
            joins: HashMap::new(),
            frame: 0,
            dead: false,
            cold: false,
            function: WalkedFunction { start, ..WalkedFunction::default() },
            reaches: start,
            end,
        }
    }

    /// Opens the instruction at `address`: takes over what branches bring here.
    pub(crate) fn arrive(&mut self, address: u64) {
        self.function.instructions += 1;
        match self.joins.remove(&address) {
            Some(brought) if self.dead || self.cold => {
                self.state = brought;
                self.cold = false;
            }
            Some(brought) => self.state.meet(&brought),
            None if self.dead => {
                self.state.registers = [RegisterValue::Unknown; 32];
                self.set(self.convention.stack_pointer, RegisterValue::Stack(self.frame));
                self.cold = true;
            }
            None => {}
        }
        self.dead = false;
    }

    pub(crate) fn get(&self, register: u8) -> RegisterValue {
        self.state.registers[usize::from(register & 31)]
    }

    pub(crate) fn set(&mut self, register: u8, value: RegisterValue) {
        self.state.has_result |= register == self.convention.result;
        self.state.registers[usize::from(register & 31)] = value;
        if register == self.convention.stack_pointer
            && let RegisterValue::Stack(offset) = value
        {
            self.frame = self.frame.min(offset);
        }
    }

    /// Sets a register to an address or number that the code itself spells out.
    pub(crate) fn set_constant(&mut self, register: u8, value: u64) {
        self.note_constant(value);
        self.set(register, RegisterValue::Constant(value));
    }

    pub(crate) fn note_constant(&mut self, value: u64) {
        if self.program.memory.segment(value).is_some() {
            self.push(Event::Constant(value));
        }
    }

    pub(crate) fn push(&mut self, event: Event) {
        let events = if self.cold { &mut self.function.cold } else { &mut self.function.events };
        events.push(event);
    }

    /// The place that a base value and a displacement name.
    pub(crate) fn place(&self, base: RegisterValue, displacement: i64) -> MemoryPlace {
        match base {
            RegisterValue::Stack(offset) => MemoryPlace::Stack(offset.wrapping_add(displacement)),
            RegisterValue::Constant(address) => {
                MemoryPlace::Fixed(address.wrapping_add_signed(displacement))
            }
            RegisterValue::Argument(place) => MemoryPlace::Argument(place, displacement),
            _ => MemoryPlace::Anywhere,
        }
    }

    /// A load; `whole` when it is a full word, whose value can be followed.
    pub(crate) fn load(&mut self, place: MemoryPlace, whole: bool) -> RegisterValue {
        match place {
            MemoryPlace::Stack(offset) if whole => {
                self.state.slots.get(&offset).copied().unwrap_or_default()
            }
            MemoryPlace::Stack(_) => RegisterValue::Unknown,
            MemoryPlace::Fixed(address) => {
                self.note_constant(address);
                self.push(Event::Load);
                if whole { self.program.fixed_word(address) } else { RegisterValue::Unknown }
            }
            MemoryPlace::Argument(place, 0) if whole => {
                self.push(Event::Load);
                RegisterValue::Behind(place)
            }
            MemoryPlace::Argument(..) | MemoryPlace::Anywhere => {
                self.push(Event::Load);
                RegisterValue::Unknown
            }
        }
    }

    /// A store; `whole` when it is a full word.
    pub(crate) fn store(&mut self, place: MemoryPlace, value: RegisterValue, whole: bool) {
        match place {
            MemoryPlace::Stack(offset) if whole => {
                self.state.slots.insert(offset, value);
            }
            MemoryPlace::Stack(offset) => {
                self.state.slots.remove(&(offset & !7));
            }
            MemoryPlace::Fixed(address) => {
                self.note_constant(address);
                self.push(Event::Store(place, value));
            }
            MemoryPlace::Argument(..) | MemoryPlace::Anywhere => {
                self.push(Event::Store(place, value))
            }
        }
    }

    fn describe(&self, target: CallTarget) -> WalkedCall {
        let mut call = WalkedCall {
            target,
            arguments: [RegisterValue::Unknown; 4],
            pointees: [[RegisterValue::Unknown; POINTEE_WORDS]; 4],
        };
        for (place, register) in self.convention.arguments.iter().take(4).enumerate() {
            call.arguments[place] = self.get(*register);
            if let RegisterValue::Stack(offset) = call.arguments[place] {
                for (index, word) in call.pointees[place].iter_mut().enumerate() {
                    let slot = offset.wrapping_add(index as i64 * 8);
                    *word = self.state.slots.get(&slot).copied().unwrap_or_default();
                }
            }
        }
        call
    }

    /// What a value means as the target of a call.
    pub(crate) fn target(&self, value: RegisterValue) -> CallTarget {
        match value {
            RegisterValue::Constant(address) if self.program.memory.is_executable(address) => {
                CallTarget::Local(address)
            }
            RegisterValue::Import(slot) => CallTarget::Import(slot),
            other => CallTarget::Through(other),
        }
    }

    pub(crate) fn call(&mut self, target: CallTarget) {
        let call = self.describe(target);
        self.push(Event::Call(call));
        for register in self.convention.clobbered {
            self.state.registers[usize::from(*register)] = RegisterValue::Unknown;
        }
        self.state.has_result = true;
    }

    /// A jump that always happens. Backward ones count as branches: they make loops.
    pub(crate) fn jump(&mut self, from: u64, to: u64) {
        if (self.function.start..self.end).contains(&to) {
            if to <= from {
                self.push(Event::Branch);
            } else {
                self.join(to);
            }
        } else {
            let target = self.program.behind_stub(to);
            let call = self.describe(target);
            self.push(Event::Jump(call));
        }
        self.dead = true;
    }

    /// A jump through a value: to another function, or by a table within this one.
    pub(crate) fn jump_through(&mut self, value: RegisterValue) {
        let call = self.describe(self.target(value));
        self.push(Event::Jump(call));
        self.dead = true;
    }

    /// A jump that happens or not.
    pub(crate) fn branch(&mut self, from: u64, to: u64) {
        self.push(Event::Branch);
        if to > from && to < self.end {
            self.join(to);
        }
    }

    pub(crate) fn give_back(&mut self) {
        let value = self.state.has_result.then(|| self.get(self.convention.result));
        self.push(Event::Return(value));
        self.dead = true;
    }

    /// The program stops here.
    pub(crate) fn stop(&mut self, event: Event) {
        self.push(event);
        self.dead = true;
    }

    fn join(&mut self, to: u64) {
        self.reaches = self.reaches.max(to);
        if let Some(known) = self.joins.get_mut(&to) {
            known.meet(&self.state);
        } else if self.joins.len() < MAX_JOINS {
            self.joins.insert(to, self.state.clone());
        }
    }

    /// Whether the function ends before `next`, where no table says how long it is.
    pub(crate) fn is_over(&self, next: u64) -> bool {
        self.dead && next > self.reaches
    }
}

impl RegisterState {
    /// Keeps what both ways agree on.
    fn meet(&mut self, other: &RegisterState) {
        for (mine, theirs) in self.registers.iter_mut().zip(other.registers) {
            if *mine != theirs {
                *mine = RegisterValue::Unknown;
            }
        }
        self.has_result |= other.has_result;
        self.slots.retain(|slot, value| other.slots.get(slot) == Some(value));
    }
}
