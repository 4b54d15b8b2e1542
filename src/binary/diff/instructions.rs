//! Two functions of x86-64: whether they do the same with the same things that lie elsewhere.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind};

/// What two functions are to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// The same instructions on the same things; where those lie may differ.
    Same,
    /// The same but for these numbers, in the old function and in the new one.
    Numbers(Vec<(u64, u64)>),
    /// Anything else.
    Other,
}

/// A function's bytes, and where it comes to lie.
pub type Code<'a> = (&'a [u8], u64);

/// Compares two functions. `is_same_place` says whether what lies at two addresses, one of each
/// file, is the same thing.
pub fn relation(
    old: Code<'_>,
    new: Code<'_>,
    is_same_place: &dyn Fn(u64, u64) -> bool,
) -> Relation {
    if old.0.len() != new.0.len() {
        return Relation::Other;
    }
    let mut decoders = (
        Decoder::with_ip(64, old.0, old.1, DecoderOptions::NONE),
        Decoder::with_ip(64, new.0, new.1, DecoderOptions::NONE),
    );
    let mut numbers = Vec::new();
    while decoders.0.can_decode() && decoders.1.can_decode() {
        let (one, other) = (decoders.0.decode(), decoders.1.decode());
        if one.is_invalid() || !is_same(&one, &other, &mut numbers, is_same_place) {
            return Relation::Other;
        }
    }
    match (decoders.0.can_decode() || decoders.1.can_decode(), numbers.is_empty()) {
        (true, _) => Relation::Other,
        (false, true) => Relation::Same,
        (false, false) => Relation::Numbers(numbers),
    }
}

fn is_same(
    one: &Instruction,
    other: &Instruction,
    numbers: &mut Vec<(u64, u64)>,
    is_same_place: &dyn Fn(u64, u64) -> bool,
) -> bool {
    if one.code() != other.code() || one.len() != other.len() {
        return false;
    }
    (0..one.op_count()).all(|operand| {
        let kind = one.op_kind(operand);
        kind == other.op_kind(operand)
            && match kind {
                OpKind::Register => one.op_register(operand) == other.op_register(operand),
                OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
                    is_same_place(one.near_branch_target(), other.near_branch_target())
                }
                OpKind::Memory => {
                    one.memory_base() == other.memory_base()
                        && one.memory_index() == other.memory_index()
                        && one.memory_index_scale() == other.memory_index_scale()
                        && one.segment_prefix() == other.segment_prefix()
                        && match one.is_ip_rel_memory_operand() {
                            true => is_same_place(
                                one.ip_rel_memory_address(),
                                other.ip_rel_memory_address(),
                            ),
                            false => one.memory_displacement64() == other.memory_displacement64(),
                        }
                }
                _ => match (one.try_immediate(operand), other.try_immediate(operand)) {
                    (Ok(one), Ok(other)) => {
                        if one != other {
                            numbers.push((one, other));
                        }
                        true
                    }
                    _ => one == other,
                },
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// lea rax, [rip+N]; mov ecx, N; call N
    fn code(place: u8, number: u8, call: u8) -> [u8; 17] {
        [0x48, 0x8d, 0x05, place, 0, 0, 0, 0xb9, number, 0, 0, 0, 0xe8, call, 0, 0, 0]
    }

    #[test]
    fn addresses_may_differ_where_the_same_lies_and_numbers_are_told() {
        let old = code(1, 2, 3);
        let relation = |new: &[u8], is_same: bool| {
            super::relation((&old, 0x1000), (new, 0x1000), &|_, _| is_same)
        };
        assert_eq!(relation(&code(9, 2, 9), true), Relation::Same);
        assert_eq!(relation(&code(9, 2, 9), false), Relation::Other, "another thing lies there");
        assert_eq!(relation(&code(1, 9, 3), true), Relation::Numbers(vec![(2, 9)]));
        let other = |old: &[u8], new: &[u8]| super::relation((old, 0), (new, 0), &|_, _| true);
        // mov eax, [rbx+8]; mov eax, [rbx+16]
        assert_eq!(other(&[0x8b, 0x43, 8], &[0x8b, 0x43, 16]), Relation::Other);
        assert_eq!(other(&[0x90], &[0x90, 0x90]), Relation::Other);
        // What is no instruction decides nothing.
        assert_eq!(other(&[0x06], &[0x07]), Relation::Other);
    }

    #[test]
    fn the_places_are_those_in_memory() {
        let (old, new) = (code(1, 2, 3), code(1, 2, 3));
        let seen = std::cell::RefCell::new(Vec::new());
        relation((&old, 0x1000), (&new, 0x2000), &|one, other| {
            seen.borrow_mut().push((one, other));
            true
        });
        assert_eq!(seen.into_inner(), [(0x1008, 0x2008), (0x1014, 0x2014)]);
    }
}
