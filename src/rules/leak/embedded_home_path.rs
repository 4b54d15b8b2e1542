use crate::binary::Binary;
use crate::fix_line::plain_word;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "embedded-home-path",
    aliases: &[],
    group: Group::Leak,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a home directory of the build machine is embedded in the binary",
    what: "The rule fails if a source path that panic messages print is in a home directory: below \
           `/home`, `/Users` or `C:\\Users`. Stripping does not remove these paths.",
    why: "The paths reveal who built the binary and where, and they make two builds of the same \
           sources differ.",
    fix: "Remap the paths: `RUSTFLAGS=\"--remap-path-prefix=$HOME=~\" cargo build --release`. On \
           nightly, set `trim-paths` in the profile. C code needs its own flag: \
           `-ffile-prefix-map`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/rustc/remap-source-paths.html",
        "https://github.com/rust-lang/rust/issues/75799",
        "https://github.com/rust-lang/rust/issues/40552",
    ],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let findings = binary.home_paths.iter().map(|path| {
        Finding::new(Location::Subject, format!("source paths in the binary begin with {path}"))
            .evidence("in the paths that panic messages print")
            .fix_if(plain_word(path).map(|path| {
                format!("RUSTFLAGS=\"--remap-path-prefix={path}=/build\" cargo build --release")
            }))
    });
    Outcome::of(findings, "no source path is in a home directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_home_is_named_once() {
        let of = |paths: &[&str]| Binary {
            home_paths: paths.iter().map(|&it| it.to_owned()).collect(),
            ..Binary::default()
        };
        assert_eq!(check(&of(&[])).name(), "pass");
        let failed = check(&of(&["/home/alice"]));
        assert!(failed.findings()[0].message.contains("/home/alice"));
    }
}
