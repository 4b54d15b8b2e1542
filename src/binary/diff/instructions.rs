//! Two functions of x86-64 of the same length: whether they do the same with things that lie
//! elsewhere.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind};

/// Whether the instructions are the same but for where they jump to and where what they name lies.
/// That they name the same things is not said: two of them may be swapped.
pub fn differ_in_addresses_only(old: &[u8], new: &[u8]) -> bool {
    if old.len() != new.len() {
        return false;
    }
    let decoder = |bytes| Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    let (mut old, mut new) = (decoder(old), decoder(new));
    while old.can_decode() && new.can_decode() {
        let (one, other) = (old.decode(), new.decode());
        if one.is_invalid() || !is_same(&one, &other) {
            return false;
        }
    }
    !old.can_decode() && !new.can_decode()
}

fn is_same(one: &Instruction, other: &Instruction) -> bool {
    if one == other {
        return true;
    }
    if one.code() != other.code() || one.len() != other.len() {
        return false;
    }
    (0..one.op_count()).all(|operand| {
        let kind = one.op_kind(operand);
        kind == other.op_kind(operand)
            && match kind {
                OpKind::Register => one.op_register(operand) == other.op_register(operand),
                OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => true,
                OpKind::Memory => {
                    let is_relative = one.is_ip_rel_memory_operand();
                    one.memory_base() == other.memory_base()
                        && one.memory_index() == other.memory_index()
                        && one.memory_index_scale() == other.memory_index_scale()
                        && one.segment_prefix() == other.segment_prefix()
                        && (is_relative
                            || one.memory_displacement64() == other.memory_displacement64())
                }
                _ => matches!(
                    (one.try_immediate(operand), other.try_immediate(operand)),
                    (Ok(one), Ok(other)) if one == other
                ),
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_differ_and_numbers_may_not() {
        // lea rax, [rip+N]; mov ecx, N; call N
        let code = |place: u8, number: u8, call: u8| {
            [0x48, 0x8d, 0x05, place, 0, 0, 0, 0xb9, number, 0, 0, 0, 0xe8, call, 0, 0, 0]
        };
        let old = code(1, 2, 3);
        assert!(differ_in_addresses_only(&old, &code(9, 2, 9)));
        assert!(!differ_in_addresses_only(&old, &code(1, 9, 3)));
        // mov eax, [rbx+8]; mov eax, [rbx+16]
        assert!(!differ_in_addresses_only(&[0x8b, 0x43, 8], &[0x8b, 0x43, 16]));
        assert!(!differ_in_addresses_only(&[0x90], &[0x90, 0x90]));
        // What is no instruction decides nothing.
        assert!(!differ_in_addresses_only(&[0x06], &[0x07]));
    }
}
