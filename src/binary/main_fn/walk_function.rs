//! Walks one function of a program with the decoder of its machine.

use std::rc::Rc;

use crate::binary::main_fn::ir::{CallTarget, RegisterValue, WalkedFunction};
use crate::binary::main_fn::program::{InstructionSet, WalkableProgram};
use crate::binary::main_fn::{decode_aarch64, decode_x86_64};

/// Bytes of one function that are walked at most.
const MAX_FUNCTION: u64 = 64 << 10;

impl WalkableProgram<'_, '_> {
    /// Walks the function that starts at `address`; `None` when that is no code or the budget is
    /// spent.
    pub(crate) fn walk(&self, address: u64) -> Option<Rc<WalkedFunction>> {
        if let Some(known) = self.walked.borrow().get(&address) {
            return Some(Rc::clone(known));
        }
        if !self.memory.is_executable(address) || self.budget.get() == 0 {
            return None;
        }
        let (end, is_exact) = match self.functions.around(self.memory, address) {
            Some((_, end)) => (end, true),
            None => (self.functions.next(address).unwrap_or(u64::MAX), false),
        };
        let whole = usize::try_from(end - address).unwrap_or(usize::MAX);
        let code = self.memory.tail(address);
        let code = &code[..code.len().min(whole).min(MAX_FUNCTION as usize)];
        let function = match self.machine {
            InstructionSet::X86_64 => {
                decode_x86_64::walk(self, address, code, is_exact, self.budget.get())
            }
            InstructionSet::Aarch64 => {
                decode_aarch64::walk(self, address, code, is_exact, self.budget.get())
            }
        };
        let mut function = function;
        function.cut_off |= is_exact && code.len() < whole;
        self.budget.set(self.budget.get().saturating_sub(function.instructions));
        let function = Rc::new(function);
        self.walked.borrow_mut().insert(address, Rc::clone(&function));
        Some(function)
    }

    /// The function that the code at `address` stands for: what a linkage stub jumps to, or itself.
    pub(crate) fn behind_stub(&self, address: u64) -> CallTarget {
        let code = self.memory.tail(address);
        let slot = match self.machine {
            InstructionSet::X86_64 => decode_x86_64::stub_slot(code, address),
            InstructionSet::Aarch64 => decode_aarch64::stub_slot(code, address),
        };
        match slot.map(|slot| self.fixed_word(slot)) {
            Some(RegisterValue::Import(slot)) => CallTarget::Import(slot),
            Some(RegisterValue::Constant(to)) if self.memory.is_executable(to) => {
                CallTarget::Local(to)
            }
            _ => CallTarget::Local(address),
        }
    }
}
