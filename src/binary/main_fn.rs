//! What user `main` does, read from machine code alone: no symbol and no section header is needed.
//!
//! How the verdict is reached, and what it cannot see: `docs/main-verdict.md`.

pub mod classify;
pub mod constructors;
pub mod decode_aarch64;
pub mod decode_x86_64;
pub mod ir;
pub mod locate;
pub mod placeholder_text;
pub mod printing;
pub mod program;
mod walk;
mod walk_function;

use crate::binary::address_space::AddressSpace;
use crate::binary::main_fn::locate::MainShape;
use crate::binary::main_fn::program::WalkableProgram;
use crate::binary::{LtoShape, MainVerdict, Optimisation};
use crate::fact::Fact;

/// What the way from the entry point to user `main` tells.
#[derive(Debug, Clone, Default)]
pub struct MainFacts {
    /// What user `main` does.
    pub main: Fact<MainVerdict>,
    /// How far link-time optimisation went: what of std's start-up is inlined into C's `main`.
    pub lto: Fact<LtoShape>,
    /// How far the optimiser went: whether `lang_start` is inlined into C's `main`.
    pub optimisation: Fact<Optimisation>,
    /// Address of user `main`.
    pub user_main: Option<u64>,
    /// Address of C's `main`.
    pub c_main: Option<u64>,
}

/// Looks into a program; every answer is `None` where the bytes are no ELF program for x86_64 or
/// aarch64, and says why.
pub fn read(bytes: &[u8]) -> MainFacts {
    match AddressSpace::read(bytes) {
        Some(memory) => of(&memory),
        None => MainFacts::unknown("not a program that can be laid out in memory"),
    }
}

/// As [`read`], for a program that is already laid out.
pub fn of(memory: &AddressSpace<'_>) -> MainFacts {
    let program = match WalkableProgram::new(memory) {
        Ok(program) => program,
        Err(why) => return MainFacts::unknown(why),
    };
    let found = match locate::user_main(&program) {
        Ok(found) => found,
        Err(why) => return MainFacts::unknown(why),
    };
    let (mut verdict, mut evidence) = classify::classify(&program, found.user_main);
    if !matches!(verdict, None | Some(MainVerdict::Real))
        && let Some(constructor) = constructors::first_that_works(&program)
    {
        verdict = None;
        let more = format!("{evidence}, but the static constructor at {constructor:#x} runs first");
        evidence = more.into();
    }
    let main = match verdict {
        Some(verdict) => Fact::high(verdict, evidence),
        None => Fact::unknown(evidence),
    };
    let lto = match found.shape {
        MainShape::Whole => Fact::high(LtoShape::Fat, "std's start-up is inlined into main"),
        MainShape::Closure | MainShape::LangStart => {
            // So does fat LTO at opt-level 1, which inlines less.
            Fact::low(LtoShape::ThinOrOff, "main calls std's start-up")
        }
    };
    let optimisation = match found.shape {
        MainShape::Whole => Fact::unknown("fat link-time optimisation inlines at every level"),
        MainShape::Closure => Fact::high(Optimisation::Inlining, "lang_start is inlined into main"),
        // Seen at levels 0 and z, but also where several codegen units are not optimised together.
        MainShape::LangStart => Fact::low(Optimisation::NoneOrSmallest, "main calls lang_start"),
    };
    MainFacts {
        main,
        lto,
        optimisation,
        user_main: Some(found.user_main),
        c_main: Some(found.c_main),
    }
}

impl MainFacts {
    fn unknown(why: impl std::fmt::Display) -> MainFacts {
        let why = why.to_string();
        MainFacts {
            main: Fact::unknown(why.clone()),
            lto: Fact::unknown(why.clone()),
            optimisation: Fact::unknown(why),
            ..MainFacts::default()
        }
    }
}
