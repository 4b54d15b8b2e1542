use crate::facts::{Binary, Build};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "rustflags-ignored",
    group: Group::Freshness,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program was compiled with other RUSTFLAGS than those that are in effect here",
    what: "The flags in the fingerprint of the unit that made the program against the flags that \
           cargo would hand to rustc here: `CARGO_ENCODED_RUSTFLAGS`, else `RUSTFLAGS`, else \
           `target.<triple>.rustflags`, else `build.rustflags`; the sources are never joined.",
    why: "A variable in the environment shuts out what `.cargo/config.toml` says; `[env] RUSTFLAGS` \
          and `[build] rustflags` in `Cargo.toml` are ignored; `.cargo` was not copied into the \
          stage. The program is then not static, not for the CPU, or not remapped as it was meant.",
    fix: "Set the flags in one place only, and build again.",
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags",
        "https://github.com/rust-lang/cargo/issues/5376",
    ],
    check: Check::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    let unit = build.freshness.program().and_then(|program| program.unit.as_ref());
    let Some(unit) = unit else {
        return Outcome::open("no unit of the program is known");
    };
    let compiled = match &unit.fingerprint {
        Ok(fingerprint) => &fingerprint.rustflags,
        Err(why) => return Outcome::open(why.clone()),
    };
    let wanted: Vec<&str> = build.rustflags.iter().map(|flag| flag.word.as_str()).collect();
    if wanted == *compiled {
        return Outcome::Pass;
    }
    let shown = |flags: String| if flags.is_empty() { "none".to_owned() } else { flags };
    let (inside, here) = (shown(compiled.join(" ")), shown(wanted.join(" ")));
    let message = format!("it was compiled with RUSTFLAGS {inside}, and {here} is in effect here");
    let mut finding = Finding::new(Location::Subject, message)
        .evidence(format!("unit {}-{}", unit.package, unit.hash));
    if let Some(flag) = build.rustflags.first() {
        finding = finding.evidence(format!("{} comes from {}", flag.word, flag.origin));
    }
    finding.fix(crate::facts::build::healing::build_command(build)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::build::crate_state::Role;
    use crate::facts::build::test_support::{build_of, state};
    use crate::facts::build::{Origin, RustFlag};

    fn outcome(compiled: &[&str], wanted: &[&str]) -> Outcome {
        let mut program = state(Role::Program);
        let fingerprint = program.unit.as_mut().unwrap().fingerprint.as_mut().unwrap();
        fingerprint.rustflags = compiled.iter().map(|it| (*it).to_owned()).collect();
        let mut build = build_of(vec![program]);
        let flag = |word: &&str| RustFlag {
            word: (*word).to_owned(),
            origin: Origin::Env("RUSTFLAGS".to_owned()),
        };
        build.rustflags = wanted.iter().map(flag).collect();
        check(&Binary::default(), &build)
    }

    #[test]
    fn equal_flags_pass_and_others_are_shown_with_their_origin() {
        let native = ["-C", "target-cpu=native"];
        assert_eq!(outcome(&native, &native), Outcome::Pass);
        assert_eq!(outcome(&[], &[]), Outcome::Pass);
        let ignored = outcome(&[], &native);
        let finding = &ignored.findings()[0];
        assert!(finding.message.contains("RUSTFLAGS none"), "{finding:?}");
        assert!(finding.evidence.iter().any(|it| it.contains("RUSTFLAGS")), "{finding:?}");
        assert_eq!(outcome(&native, &[]).findings().len(), 1);
    }

    #[test]
    fn without_a_unit_it_is_open() {
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
    }
}
