use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "library-not-allowed",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary needs a library that is not on the list of allowed ones",
    what: "If binlint.toml has `libraries` under `[expect]` or `[expect.TRIPLE]`, the binary may \
           need no other library. Names are compared as they stand in the binary. The loader that \
           the binary names as its interpreter is always allowed.",
    why: "A released program starts only on a system that has all its libraries. A dependency, or \
           a feature that somebody turns on, can add a library. Tests do not show this if the \
           build machine has the library.",
    fix: "Turn off the feature that links the library, or turn on the one that compiles it into \
           the program (often called `vendored`, `bundled` or `static`). If the program may need \
           the library, add it to `libraries`.",
    no_fix_line: Some("which feature of which crate links a library differs from crate to crate"),
    symptoms: &[],
    references: &["https://github.com/axodotdev/cargo-dist/issues/520", "ld.so(8)"],
    check: CheckFn::Facts(Needs::new(&[Need::Expectations, Need::Binary], &[]), check),
};

/// Symbols that are named.
const SHOWN: usize = 5;

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    if let Some(why) = &facts.expectations.unclear {
        return Outcome::open(why.to_string(), "look at `readelf -h`");
    }
    let Some(allowed) = &facts.expectations.libraries else {
        return Outcome::not_applicable("`[expect] libraries` is not set");
    };
    if binary.format.is_none() {
        return Outcome::open(
            "the format of the file is not known, so its libraries are not",
            "look at the output of file(1)",
        );
    }
    let loader = binary.interpreter.as_deref().and_then(|it| it.rsplit('/').next());
    let is_allowed = |name: &&String| allowed.contains(name) || loader == Some(name.as_str());
    let findings = binary.needed.iter().filter(|it| !is_allowed(it)).map(|name| {
        let message = format!("the binary needs {name}, which `[expect] libraries` does not allow");
        let finding = Finding::new(Location::Dynamic("DT_NEEDED"), message);
        let finding = finding.evidence(format!("allowed: {}", allowed.join(", ")));
        match symbols_of(facts, name).as_slice() {
            [] => finding,
            all => {
                let more = match all.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let shown = all[..all.len().min(SHOWN)].join(", ");
                finding.evidence(format!("for {shown}{more}"))
            }
        }
    });
    let found = match binary.needed.as_slice() {
        [] => "the binary needs no library".to_owned(),
        needed => format!("the binary needs {}", needed.join(", ")),
    };
    Outcome::of(findings, found)
}

/// The symbols that surely come from a library, since they are wanted in one of its versions.
fn symbols_of(facts: &Facts, library: &str) -> Vec<String> {
    let linking = facts.binary.as_ref().and_then(|it| it.linking.as_ref());
    let Some((linking, symbols)) = linking.and_then(|it| Some((it, it.symbols.as_ref()?))) else {
        return Vec::new();
    };
    let of = |index: u16| {
        linking.version_needs.iter().any(|it| it.index == index && it.library == library)
    };
    symbols.references().filter(|it| of(it.version)).map(|it| it.name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{Binary, BinaryFormat};
    use crate::subject::Expectations;

    fn outcome(needed: &[&str], allowed: Option<&[&str]>) -> Outcome {
        let owned = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let binary = Binary {
            format: Some(BinaryFormat::Elf),
            needed: owned(needed),
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            ..Binary::default()
        };
        let expectations =
            Expectations { libraries: allowed.map(owned), ..Expectations::default() };
        check(&Facts { binary: Some(binary), expectations, ..Facts::default() })
    }

    #[test]
    fn each_library_that_is_not_allowed_is_a_finding() {
        let allowed = Some(&["libc.so.6", "libgcc_s.so.1"][..]);
        assert_eq!(outcome(&["libc.so.6", "ld-linux-x86-64.so.2"], allowed).name(), "pass");
        let failed = outcome(&["libssl.so.3", "libc.so.6", "libcrypto.so.3"], allowed);
        let messages: Vec<&str> = failed.findings().iter().map(|it| it.message.as_str()).collect();
        assert_eq!(messages.len(), 2);
        assert!(messages[0].contains("libssl.so.3") && messages[1].contains("libcrypto.so.3"));
        // An empty list allows nothing, and no list says nothing.
        assert_eq!(outcome(&["libc.so.6"], Some(&[])).name(), "fail");
        assert_eq!(outcome(&[], Some(&[])).name(), "pass");
        assert_eq!(outcome(&["libssl.so.3"], None).name(), "not-applicable");
    }

    #[test]
    fn a_target_that_is_not_known_leaves_it_open() {
        let expectations =
            Expectations { unclear: Some("unknown".to_owned()), ..Expectations::default() };
        let facts = Facts { binary: Some(Binary::default()), expectations, ..Facts::default() };
        assert_eq!(check(&facts).name(), "open");
    }
}
