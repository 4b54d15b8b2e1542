//! One function, walked once in address order, with the values that can be followed through registers
//! and the stack; each machine's decoder drives it.

use std::collections::HashMap;

use crate::binary::main_fn::ir::{Call, Event, Function, POINTEE_WORDS, Place, Target, Value};
use crate::binary::main_fn::program::Program;

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
struct State {
    registers: [Value; 32],
    /// The result register was written since entry.
    has_result: bool,
    slots: HashMap<i64, Value>,
}

/// The state of a walk; each machine's decoder drives one.
pub(crate) struct Walk<'p, 'm, 'a> {
    pub(crate) program: &'p Program<'m, 'a>,
    convention: &'static Convention,
    state: State,
    /// States that forward branches bring along.
    joins: HashMap<u64, State>,
    /// The stack pointer in the body, for code that nothing seen so far leads to.
    frame: i64,
    dead: bool,
    cold: bool,
    pub(crate) function: Function,
    /// The highest address that a forward branch leads to.
    pub(crate) reaches: u64,
    pub(crate) end: u64,
}

impl<'p, 'm, 'a> Walk<'p, 'm, 'a> {
    pub(crate) fn new(
        program: &'p Program<'m, 'a>,
        convention: &'static Convention,
        start: u64,
        end: u64,
    ) -> Walk<'p, 'm, 'a> {
        let mut registers = [Value::Unknown; 32];
        for (place, register) in convention.arguments.iter().enumerate() {
            registers[usize::from(*register)] = Value::Argument(place as u8);
        }
        registers[usize::from(convention.stack_pointer)] = Value::Stack(0);
        Walk {
            program,
            convention,
            state: State { registers, has_result: false, slots: HashMap::new() },
            joins: HashMap::new(),
            frame: 0,
            dead: false,
            cold: false,
            function: Function { start, ..Function::default() },
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
                self.state.registers = [Value::Unknown; 32];
                self.set(self.convention.stack_pointer, Value::Stack(self.frame));
                self.cold = true;
            }
            None => {}
        }
        self.dead = false;
    }

    pub(crate) fn get(&self, register: u8) -> Value {
        self.state.registers[usize::from(register & 31)]
    }

    pub(crate) fn set(&mut self, register: u8, value: Value) {
        self.state.has_result |= register == self.convention.result;
        self.state.registers[usize::from(register & 31)] = value;
        if register == self.convention.stack_pointer
            && let Value::Stack(offset) = value
        {
            self.frame = self.frame.min(offset);
        }
    }

    /// Sets a register to an address or number that the code itself spells out.
    pub(crate) fn set_constant(&mut self, register: u8, value: u64) {
        self.note_constant(value);
        self.set(register, Value::Constant(value));
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
    pub(crate) fn place(&self, base: Value, displacement: i64) -> Place {
        match base {
            Value::Stack(offset) => Place::Stack(offset.wrapping_add(displacement)),
            Value::Constant(address) => Place::Fixed(address.wrapping_add_signed(displacement)),
            Value::Argument(place) => Place::Argument(place, displacement),
            _ => Place::Anywhere,
        }
    }

    /// A load; `whole` when it is a full word, whose value can be followed.
    pub(crate) fn load(&mut self, place: Place, whole: bool) -> Value {
        match place {
            Place::Stack(offset) if whole => {
                self.state.slots.get(&offset).copied().unwrap_or_default()
            }
            Place::Stack(_) => Value::Unknown,
            Place::Fixed(address) => {
                self.note_constant(address);
                self.push(Event::Load);
                if whole { self.program.fixed_word(address) } else { Value::Unknown }
            }
            Place::Argument(place, 0) if whole => {
                self.push(Event::Load);
                Value::Behind(place)
            }
            Place::Argument(..) | Place::Anywhere => {
                self.push(Event::Load);
                Value::Unknown
            }
        }
    }

    /// A store; `whole` when it is a full word.
    pub(crate) fn store(&mut self, place: Place, value: Value, whole: bool) {
        match place {
            Place::Stack(offset) if whole => {
                self.state.slots.insert(offset, value);
            }
            Place::Stack(offset) => {
                self.state.slots.remove(&(offset & !7));
            }
            Place::Fixed(address) => {
                self.note_constant(address);
                self.push(Event::Store(place, value));
            }
            Place::Argument(..) | Place::Anywhere => self.push(Event::Store(place, value)),
        }
    }

    fn describe(&self, target: Target) -> Call {
        let mut call = Call {
            target,
            arguments: [Value::Unknown; 4],
            pointees: [[Value::Unknown; POINTEE_WORDS]; 4],
        };
        for (place, register) in self.convention.arguments.iter().take(4).enumerate() {
            call.arguments[place] = self.get(*register);
            if let Value::Stack(offset) = call.arguments[place] {
                for (index, word) in call.pointees[place].iter_mut().enumerate() {
                    let slot = offset.wrapping_add(index as i64 * 8);
                    *word = self.state.slots.get(&slot).copied().unwrap_or_default();
                }
            }
        }
        call
    }

    /// What a value means as the target of a call.
    pub(crate) fn target(&self, value: Value) -> Target {
        match value {
            Value::Constant(address) if self.program.memory.is_executable(address) => {
                Target::Local(address)
            }
            Value::Import(slot) => Target::Import(slot),
            other => Target::Through(other),
        }
    }

    pub(crate) fn call(&mut self, target: Target) {
        let call = self.describe(target);
        self.push(Event::Call(call));
        for register in self.convention.clobbered {
            self.state.registers[usize::from(*register)] = Value::Unknown;
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
    pub(crate) fn jump_through(&mut self, value: Value) {
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

impl State {
    /// Keeps what both ways agree on.
    fn meet(&mut self, other: &State) {
        for (mine, theirs) in self.registers.iter_mut().zip(other.registers) {
            if *mine != theirs {
                *mine = Value::Unknown;
            }
        }
        self.has_result |= other.has_result;
        self.slots.retain(|slot, value| other.slots.get(slot) == Some(value));
    }
}
