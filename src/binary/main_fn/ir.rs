//! What walking a function gives: what it calls, stores and returns, as values.

/// Words of an argument's target that a call keeps.
pub(super) const POINTEE_WORDS: usize = 6;

/// What a register or a stack slot holds, as far as it can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RegisterValue {
    /// Cannot be told.
    #[default]
    Unknown,
    /// A number, an address among them.
    Constant(u64),
    /// The stack pointer at entry plus this.
    Stack(i64),
    /// What the caller passed in this place.
    Argument(u8),
    /// The word that the argument in this place points at.
    Behind(u8),
    /// What the loader writes into this slot: a symbol of another file.
    Import(u64),
}

/// Where memory is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryPlace {
    /// Stack pointer at entry plus this.
    Stack(i64),
    /// A fixed address.
    Fixed(u64),
    /// Beyond what the argument in this place points at, by so many bytes.
    Argument(u8, i64),
    /// Cannot be told.
    Anywhere,
}

/// Where a call or a jump out of the function goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallTarget {
    /// A function of this file.
    Local(u64),
    /// A symbol of another file: the slot that holds its address.
    Import(u64),
    /// Through a value.
    Through(RegisterValue),
}

/// A call, or a jump that never comes back.
#[derive(Debug, Clone)]
pub(crate) struct WalkedCall {
    pub(crate) target: CallTarget,
    /// The first four arguments.
    pub(crate) arguments: [RegisterValue; 4],
    /// The words that the first four arguments point at, where they point into the stack.
    pub(crate) pointees: [[RegisterValue; POINTEE_WORDS]; 4],
}

/// One thing that a function does beyond its own registers and stack.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// An address of this file was put together.
    Constant(u64),
    /// A call that may come back.
    Call(WalkedCall),
    /// A jump to another function.
    Jump(WalkedCall),
    /// A branch within the function.
    Branch,
    /// A return, with what the first result register holds; `None` where it was never written.
    Return(Option<RegisterValue>),
    /// A store outside the stack.
    Store(MemoryPlace, RegisterValue),
    /// A load from outside the stack.
    Load,
    /// The operating system is asked: the number of the call, where there is one.
    System(RegisterValue),
    /// The program is stopped.
    Trap,
    /// Bytes that are no instruction.
    Undecodable,
}

/// A function as walked.
#[derive(Debug, Default)]
pub(crate) struct WalkedFunction {
    pub(crate) start: u64,
    /// What happens in order of addresses, landing pads left out.
    pub(crate) events: Vec<Event>,
    /// What happens where no branch seen so far leads: landing pads, and loops entered backwards.
    pub(crate) cold: Vec<Event>,
    /// Instructions walked.
    pub(crate) instructions: usize,
    /// The walk stopped at a limit.
    pub(crate) cut_off: bool,
}

impl WalkedFunction {
    /// Calls and jumps out, in order.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &WalkedCall> {
        self.events.iter().filter_map(Event::as_call)
    }

    /// As [`WalkedFunction::calls`], those of landing pads and backward loops too.
    pub(crate) fn all_calls(&self) -> impl Iterator<Item = &WalkedCall> {
        self.events.iter().chain(&self.cold).filter_map(Event::as_call)
    }

    /// Addresses of this file that are put together, in order.
    pub(crate) fn constants(&self) -> impl Iterator<Item = u64> {
        self.events.iter().filter_map(|event| match event {
            Event::Constant(address) => Some(*address),
            _ => None,
        })
    }
}

impl Event {
    fn as_call(&self) -> Option<&WalkedCall> {
        match self {
            Event::Call(call) | Event::Jump(call) => Some(call),
            _ => None,
        }
    }
}
