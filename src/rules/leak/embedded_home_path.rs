use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "embedded-home-path",
    group: Group::Leak,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the program names a person or a directory of the build machine",
    what: "Looks for directories below `/home`, `/Users` or `C:\\\\Users` in the source paths that \
           panics print. Stripping does not remove them.",
    why: "They tell who built the program and where, and they make two builds of the same sources \
           differ.",
    fix: "RUSTFLAGS=\"--remap-path-prefix=$HOME=~\" cargo build --release; on nightly, `trim-paths` \
           in the profile. C code needs its own flag: `-ffile-prefix-map`.",
    symptoms: &[],
    references: &["rust 75799, 40552", "https://doc.rust-lang.org/rustc/remap-source-paths.html"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    binary
        .home_paths
        .iter()
        .map(|path| {
            Finding::new(
                Location::Subject,
                format!("source paths of the program begin with {path}"),
            )
            .evidence("in the paths that panics print")
            .fix(format!("RUSTFLAGS=\"--remap-path-prefix={path}=/build\" cargo build --release"))
        })
        .collect()
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
        assert_eq!(check(&of(&[])), Outcome::Pass);
        let failed = check(&of(&["/home/alice"]));
        assert!(failed.findings()[0].message.contains("/home/alice"));
    }
}
