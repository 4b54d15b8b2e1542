use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::freshness::Freshness;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "cargo-chef-stub",
    aliases: &["masked-version"],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Renamed { since: "0.1.0", reason: "the defect is the stub, not its version" },
    summary: "the binary is the stub that cargo-chef compiled in place of the sources",
    what: "`cargo chef cook` sets the version of every local package to 0.0.1 and replaces the \
           sources by stubs. The rule fails if the binary or its dep-info has version 0.0.1 for a \
           package whose Cargo.toml says otherwise, or if the sources in this directory are such \
           stubs.",
    why: "If `COPY . .` comes before `cargo chef cook`, the stubs overwrite the real sources. The \
           build that follows compiles the stubs without an error: it prints `Finished`, and the \
           binary does nothing.",
    fix: "In the build stage: `COPY --from=planner /app/recipe.json .`, then `RUN cargo chef cook \
           --release`, then `COPY . .`, then `RUN cargo build --release`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Silence,
        Symptom::ExitCode(0),
        Symptom::Behaviour("`--version` prints 0.0.1"),
    ],
    references: &[
        "https://github.com/LukeMathWalker/cargo-chef/issues/286",
        "https://github.com/LukeMathWalker/cargo-chef/issues/212",
    ],
    check: CheckFn::Build(check),
};

/// What cargo-chef writes for every local version.
const MASK: &str = "0.0.1";

const FIX: &str = "in the Dockerfile, move `COPY . .` after `RUN cargo chef cook --release`";

fn check(binary: &Binary, build: &Build) -> Outcome {
    let freshness = &build.freshness;
    let manifest = |path: &std::path::Path| Location::File {
        path: path.join("Cargo.toml").display().to_string(),
        line: None,
    };
    if freshness.chef_stubs {
        let name = &build.package.name;
        let message = format!("the sources of `{name}` are the stubs of `cargo chef cook`");
        return Finding::new(manifest(&build.package.root), message)
            .evidence(format!(
                "Cargo.toml has version {MASK} and lists every target; `main` is `fn main() {{}}`"
            ))
            .fix(FIX)
            .into();
    }
    let mut findings = Vec::new();
    for package in build.path_packages.iter().filter(|it| it.version != MASK) {
        let inside = binary.crates.iter().any(|it| it.name == package.name && it.version == MASK);
        if inside || is_masked_in_dep_info(freshness, &package.name) {
            let message = format!(
                "`{}` has version {} in its Cargo.toml and {MASK} in the binary",
                package.name, package.version
            );
            let place = manifest(&package.root);
            findings.push(Finding::new(place, message).fix(FIX));
        }
    }
    Outcome::of(findings, "neither the sources nor the binary are stubs of cargo-chef")
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
    use crate::binary::{CrateSource, NamedCrate};
    use crate::cargo::build::PackageLocation;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::test_support::{build_of, state};

    fn build(version: &str) -> Build {
        let mut build = build_of(vec![state(CrateRole::Program)]);
        build.path_packages = vec![PackageLocation {
            name: "app".into(),
            version: version.into(),
            ..PackageLocation::default()
        }];
        build
    }

    fn holding(version: &str) -> Binary {
        let from = CrateSource::DepV0;
        let inside = NamedCrate { name: "app".into(), version: version.into(), from };
        Binary { crates: vec![inside], ..Binary::default() }
    }

    #[test]
    fn a_mask_over_another_version_fails() {
        assert_eq!(check(&holding("0.0.1"), &build("1.4.0")).findings().len(), 1);
        let mut baked = build("1.4.0");
        let unit = baked.freshness.crates[0].unit.as_mut().unwrap();
        unit.makefile = Some(crate::toolchain::dep_info::parse_makefile(
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
        assert_eq!(check(&holding("0.0.1"), &build("0.0.1")).name(), "pass");
        assert_eq!(check(&holding("1.4.0"), &build("1.4.0")).name(), "pass");
    }
}
