use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::freshness::Freshness;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "masked-version",
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program is what cargo-chef compiled in the place of the sources",
    what: "`cargo chef cook` masks the version of every local package as 0.0.1 and writes stubs in \
           the place of the sources. The rule fails when the program or its dep-info carries 0.0.1 \
           for a package whose manifest says otherwise, or when the sources here are those stubs.",
    why: "`COPY . .` before `cargo chef cook` lets the stubs overwrite the real sources: the build \
          that follows is consistent with itself, prints `Finished`, and ships a program that does \
          nothing.",
    fix: "In the build stage: `COPY --from=planner /app/recipe.json .`, `RUN cargo chef cook \
          --release`, then `COPY . .`, then `RUN cargo build --release`.",
    symptoms: &[
        Symptom::Silence,
        Symptom::ExitCode(0),
        Symptom::Behaviour("`--version` says 0.0.1"),
    ],
    references: &[
        "https://github.com/LukeMathWalker/cargo-chef/issues/286",
        "https://github.com/LukeMathWalker/cargo-chef/issues/212",
    ],
    check: Check::Build(check),
};

/// What cargo-chef writes for every local version.
const MASK: &str = "0.0.1";

const FIX: &str = "copy recipe.json, run `cargo chef cook`, and only then `COPY . .`";

fn check(binary: &Binary, build: &Build) -> Outcome {
    let freshness = &build.freshness;
    let manifest = |path: &std::path::Path| Location::File {
        path: path.join("Cargo.toml").display().to_string(),
        line: None,
    };
    if freshness.chef_stubs {
        let name = &build.package.name;
        let message = format!("the sources of `{name}` here are the stubs of `cargo chef cook`");
        return Finding::new(manifest(&build.package.root), message)
            .evidence(format!("version {MASK}, targets spelled out, `fn main() {{}}`"))
            .fix(FIX)
            .into();
    }
    let mut findings = Vec::new();
    for package in build.path_packages.iter().filter(|it| it.version != MASK) {
        let inside = binary.crates.iter().any(|it| it.name == package.name && it.version == MASK);
        if inside || is_masked_in_dep_info(freshness, &package.name) {
            let message = format!(
                "`{}` is {} in its manifest and {MASK} in the program",
                package.name, package.version
            );
            let place = manifest(&package.root);
            findings.push(Finding::new(place, message).fix(FIX));
        }
    }
    findings.into_iter().collect()
}

fn is_masked_in_dep_info(freshness: &Freshness, package: &str) -> bool {
    let units = freshness.crates.iter().filter(|it| it.package == package);
    let makefiles = units.filter_map(|it| it.unit.as_ref()?.makefile.as_ref());
    let is_mask = |(name, value): &(String, Option<String>)| {
        name == "CARGO_PKG_VERSION" && value.as_deref() == Some(MASK)
    };
    makefiles.flat_map(|it| &it.environment).any(is_mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{Crate, CrateSource};
    use crate::cargo::build::Package;
    use crate::cargo::crate_freshness::Role;
    use crate::cargo::test_support::{build_of, state};

    fn build(version: &str) -> Build {
        let mut build = build_of(vec![state(Role::Program)]);
        build.path_packages =
            vec![Package { name: "app".into(), version: version.into(), ..Package::default() }];
        build
    }

    fn holding(version: &str) -> Binary {
        let from = CrateSource::DepV0;
        let inside = Crate { name: "app".into(), version: version.into(), from };
        Binary { crates: vec![inside], ..Binary::default() }
    }

    #[test]
    fn a_mask_over_another_version_fails() {
        assert_eq!(check(&holding("0.0.1"), &build("1.4.0")).findings().len(), 1);
        let mut baked = build("1.4.0");
        let unit = baked.freshness.crates[0].unit.as_mut().unwrap();
        unit.makefile = Some(crate::cargo::target_dir::dep_info::parse_makefile(
            b"# env-dep:CARGO_PKG_VERSION=0.0.1\n",
        ));
        assert_eq!(check(&Binary::default(), &baked).findings().len(), 1);
    }

    #[test]
    fn stubs_in_the_stage_fail() {
        let mut build = build("0.0.1");
        build.freshness.chef_stubs = true;
        assert_eq!(check(&Binary::default(), &build).findings().len(), 1);
    }

    #[test]
    fn a_package_that_is_at_that_version_passes() {
        assert_eq!(check(&holding("0.0.1"), &build("0.0.1")), Outcome::Pass);
        assert_eq!(check(&holding("1.4.0"), &build("1.4.0")), Outcome::Pass);
    }
}
