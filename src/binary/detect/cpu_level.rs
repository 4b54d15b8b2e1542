//! The x86-64 level that a program's code needs, read from how its instructions are encoded.
//!
//! How the verdict is reached, what was measured and what it cannot see: `docs/cpu-level.md`.

use iced_x86::{CpuidFeature, Decoder, DecoderOptions, EncodingKind, Instruction, OpKind};

use crate::binary::address_space::AddressSpace;
use crate::binary::main_fn::program::{InstructionSet, WalkableProgram};
use crate::fact::Fact;

/// Bytes of code that are decoded of a large program, spread over all of it; about 10 ms.
const BUDGET: usize = 1_200_000;

/// Functions that are looked up at most, whatever the table says of their sizes.
const MAX_FUNCTIONS: usize = 50_000;

/// Bytes of one function that are decoded; std's largest has 20 kB.
const MAX_FUNCTION: usize = 32 << 10;

/// Vector-using functions below which shares say nothing.
const ENOUGH: usize = 30;

/// Vector-using functions from which a low share speaks for the whole program. std, which is always
/// baseline, brings 140 to about 250: with these many, what cargo compiled is a sixth or more.
const ENOUGH_BESIDE_STD: usize = 300;

/// What the sampled functions hold. A function counts once for each that is true of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    /// Functions that use a vector register, for floating point or merely to copy.
    vector: usize,
    /// Of these: that use one in VEX encoding (AVX, AVX2, FMA: level 3).
    vex: usize,
    /// Of these: that use one in EVEX encoding (AVX-512: level 4).
    evex: usize,
    /// Of these: that use SSE3, SSSE3, SSE4.1 or SSE4.2 in the old encoding (level 2).
    newer_sse: usize,
    /// Every function of the table was decoded to its end.
    is_complete: bool,
}

/// The level (1 to 4) that the program needs whatever the CPU answers. `user_main` is the address of
/// user `main` where it is known; `has_glibc` says that glibc itself is linked into the program,
/// which brings its string functions in all encodings.
pub fn of(memory: &AddressSpace<'_>, user_main: Option<u64>, has_glibc: bool) -> Fact<u8> {
    match WalkableProgram::new(memory) {
        Ok(program) if program.machine == InstructionSet::X86_64 => {
            let main = user_main.and_then(|address| program.function_around(address));
            let main = main.map(|(start, code)| Uses::of(start, first(code)));
            let whole = Tally::of(&program).judge(has_glibc);
            match main.unwrap_or_default().level() {
                // Nothing can have asked the CPU before user `main` runs.
                Some(level) if whole.value.is_none_or(|shown| shown < level) => {
                    Fact::high(level, format!("user main itself has code of x86-64-v{level}"))
                }
                _ => whole,
            }
        }
        Ok(_) => Fact::unknown("the levels are those of x86-64"),
        Err(why) => Fact::unknown(why.to_string()),
    }
}

fn first(code: &[u8]) -> &[u8] {
    &code[..code.len().min(MAX_FUNCTION)]
}

impl Tally {
    /// Samples the program's functions evenly, within fixed budgets.
    fn of(program: &WalkableProgram<'_, '_>) -> Tally {
        let stride = program.code_span().div_ceil(BUDGET as u64);
        let stride = usize::try_from(stride).unwrap_or(usize::MAX);
        let stride = stride.max(program.function_count().div_ceil(MAX_FUNCTIONS)).max(1);
        let mut tally = Tally { is_complete: stride == 1, ..Tally::default() };
        // Where functions overlap, as in no real program, the span says nothing of the work.
        let mut left = 2 * BUDGET;
        for index in (0..program.function_count()).step_by(stride) {
            let Some((address, code)) = program.function(index) else {
                tally.is_complete = false;
                continue;
            };
            let Some(rest) = left.checked_sub(first(code).len()) else {
                tally.is_complete = false;
                break;
            };
            left = rest;
            let uses = Uses::of(address, first(code));
            tally.is_complete &= uses.is_complete && code.len() <= MAX_FUNCTION;
            tally.vector += usize::from(uses.vector);
            tally.vex += usize::from(uses.vex);
            tally.evex += usize::from(uses.evex);
            tally.newer_sse += usize::from(uses.newer_sse);
        }
        tally
    }

    /// Code that asks the CPU first is a few functions of a program; what a compiler was told to
    /// use is in most of those that it compiled. The limits are `docs/cpu-level.md`'s.
    fn judge(self, has_glibc: bool) -> Fact<u8> {
        let Tally { vector, vex, evex, newer_sse, is_complete } = self;
        let is_share = |part: usize, percent: usize| part * 100 >= vector * percent;
        let counted = |part: usize, what: &str, most: usize| {
            format!(
                "{part} of {vector} functions with vector code use {what}, \
                 {most} % is the most seen in baseline programs"
            )
        };
        if vector < ENOUGH {
            return Fact::unknown(format!("only {vector} functions with vector code"));
        }
        if is_share(vex, if has_glibc { 50 } else { 25 }) {
            return if is_share(evex, 10) {
                Fact::high(4, counted(evex, "EVEX encodings", 3))
            } else {
                Fact::high(3, counted(vex, "VEX encodings", 6))
            };
        }
        if is_share(vex, 10) {
            return Fact::unknown(counted(vex, "VEX encodings", 6));
        }
        if is_share(newer_sse, 10) {
            return Fact::high(2, counted(newer_sse, "SSE3 to SSE4.2", 4));
        }
        if vex + evex + newer_sse == 0 && is_complete {
            return Fact::high(
                1,
                format!("none of {vector} functions with vector code needs more"),
            );
        }
        if is_share(newer_sse, 2) && newer_sse > 0 {
            return Fact::unknown(counted(newer_sse, "SSE3 to SSE4.2", 4));
        }
        if vector < ENOUGH_BESIDE_STD {
            let few = counted(vex, "VEX encodings", 6);
            return Fact::unknown(format!("{few}, but std's own may be most of so few"));
        }
        Fact::high(1, counted(vex, "VEX encodings", 6))
    }
}

/// What one function uses; see [`Tally`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Uses {
    vector: bool,
    vex: bool,
    evex: bool,
    newer_sse: bool,
    is_complete: bool,
}

impl Uses {
    /// Decodes from the start to the end, or to the first bytes that are no instruction.
    fn of(address: u64, code: &[u8]) -> Uses {
        let mut uses = Uses { is_complete: true, ..Uses::default() };
        let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                uses.is_complete = false;
                break;
            }
            let encoding = instruction.encoding();
            // BMI's instructions are VEX-encoded, too, and have no vector register.
            let vector = (0..instruction.op_count()).any(|operand| {
                instruction.op_kind(operand) == OpKind::Register
                    && instruction.op_register(operand).is_vector_register()
            });
            if !vector {
                continue;
            }
            uses.vector = true;
            match encoding {
                EncodingKind::VEX => uses.vex = true,
                EncodingKind::EVEX => uses.evex = true,
                EncodingKind::Legacy if !uses.newer_sse => {
                    uses.newer_sse = instruction.cpuid_features().iter().any(|feature| {
                        matches!(
                            feature,
                            CpuidFeature::SSE3
                                | CpuidFeature::SSSE3
                                | CpuidFeature::SSE4_1
                                | CpuidFeature::SSE4_2
                        )
                    });
                }
                _ => {}
            }
        }
        uses
    }

    /// The level above the first that this code needs when it runs.
    fn level(self) -> Option<u8> {
        match self {
            Uses { evex: true, .. } => Some(4),
            Uses { vex: true, .. } => Some(3),
            Uses { newer_sse: true, .. } => Some(2),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::address_space::tests::TestProgram;

    #[test]
    fn encodings_tell_the_level_and_copies_tell_nothing() {
        for (code, vector, level) in [
            (&b"\x48\x89\xc8\xc3"[..], false, None),      // mov rax, rcx
            (b"\x0f\x10\x07\xc3", true, None),            // movups xmm0, [rdi]
            (b"\x66\x0f\x38\x00\xc1\xc3", true, Some(2)), // pshufb xmm0, xmm1
            (b"\xc5\xf8\x10\x07\xc3", true, Some(3)),     // vmovups xmm0, [rdi]
            (b"\x62\xf1\x7c\x48\x10\x07\xc3", true, Some(4)), // vmovups zmm0, [rdi]
            (b"\xc4\xe2\x70\xf2\xc2\xc3", false, None),   // andn eax, ecx, edx
        ] {
            let uses = Uses::of(0x1000, code);
            assert_eq!((uses.vector, uses.level()), (vector, level), "{code:02x?}");
            assert!(uses.is_complete);
        }
        assert!(!Uses::of(0, b"\x06\xc5\xf8\x10\x07").is_complete);
        assert_eq!(Uses::of(0, b"\x06\xc5\xf8\x10\x07").level(), None);
    }

    #[test]
    fn shares_are_judged_only_where_they_can_be() {
        let tally = |vector, vex, evex, newer_sse, is_complete| Tally {
            vector,
            vex,
            evex,
            newer_sse,
            is_complete,
        };
        for (tally, has_glibc, level) in [
            (tally(458, 396, 0, 0, true), false, Some(3)),
            (tally(456, 394, 82, 0, true), false, Some(4)),
            (tally(479, 17, 0, 84, true), false, Some(2)),
            (tally(463, 10, 0, 1, true), false, Some(1)),
            // Guarded AVX-512 alone is no evidence.
            (tally(500, 10, 60, 1, true), false, Some(1)),
            (tally(400, 60, 0, 0, true), false, None),
            (tally(400, 0, 0, 20, true), false, None),
            // glibc's string functions are there for every CPU.
            (tally(200, 60, 35, 0, true), false, Some(4)),
            (tally(200, 60, 35, 0, true), true, None),
            // std alone would look like this in any build.
            (tally(141, 0, 0, 0, true), false, Some(1)),
            (tally(141, 0, 0, 0, false), false, None),
            (tally(141, 1, 0, 0, true), false, None),
            (tally(29, 29, 0, 0, true), false, None),
            (tally(0, 0, 0, 0, true), false, None),
        ] {
            let fact = tally.judge(has_glibc);
            assert_eq!(fact.value, level, "{tally:?}: {}", fact.evidence);
        }
        let told = tally(71, 63, 0, 0, true).judge(false).evidence;
        assert!(told.starts_with("63 of 71 functions with vector code use VEX"), "{told}");
    }

    #[test]
    fn other_machines_and_no_programs_are_not_judged() {
        for sketch in TestProgram::ALL {
            let file = sketch.elf(&[0; 64]);
            let memory = AddressSpace::read(&file).unwrap();
            let fact = of(&memory, Some(u64::MAX), false);
            assert_eq!(fact.value, None, "{sketch:?}: {}", fact.evidence);
        }
    }
}
