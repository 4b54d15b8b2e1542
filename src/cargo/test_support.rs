//! Builds made in memory, for the tests of the rules.

use crate::cargo::build::Build;
use crate::cargo::compared::Reach;
use crate::cargo::crate_freshness::{CrateState, Role};
use crate::cargo::file_time::Moment;
use crate::cargo::freshness::{Freshness, Origin};
use crate::cargo::target_dir::units::Unit;
use crate::cargo::target_dir::{Layout, RawUnit};
use crate::cargo::workspace::features::Declared;

/// A crate of the package `app` about which nothing is wrong and nothing is proven.
pub fn state(role: Role) -> CrateState {
    let (stem, root) = match role {
        Role::Program => ("bin-app", "src/main.rs"),
        Role::OwnLibrary => ("lib-app", "src/lib.rs"),
        Role::Member => ("lib-member", "member/src/lib.rs"),
        Role::BuildScript => ("build-script-build-script-build", "build.rs"),
        Role::BuildScriptRun => ("run-build-script-build-script-build", "build.rs"),
    };
    let unit = Unit::new(RawUnit {
        package: "app".into(),
        hash: "0123456789abcdef".into(),
        stem: stem.into(),
        profile: "release".into(),
        layout: Layout::Shared,
        directory: "target/release/.fingerprint/app-0123456789abcdef".into(),
        json: br#"{"features":"[]","declared_features":"[]","rustflags":[]}"#.to_vec(),
        digest: Some(b"0011223344556677".to_vec()),
        dep_info: Some(vec![1, 0, 0, 0, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        anchor: Some(Moment::new(5, 0)),
        invoked: None,
        rustc_dep_info: None,
        outputs: Vec::new(),
    });
    CrateState {
        role,
        package: if role == Role::Member { "member".into() } else { "app".into() },
        crate_name: "app".into(),
        version: "0.1.0".into(),
        declared: Declared::default(),
        directory: "/ws".into(),
        root: root.into(),
        unit: Some(Unit { anchor: Some(Moment::new(5, 0)), ..unit }),
        tree: None,
        contradictions: Vec::new(),
        agreements: 1,
        proven: false,
        untouched: false,
        newer: Vec::new(),
        level: Vec::new(),
        late: Vec::new(),
        reach: Reach::default(),
        open: Vec::new(),
    }
}

/// The build of a program made of these crates.
pub fn build_of(crates: Vec<CrateState>) -> Build {
    let origin = Origin::Output;
    let freshness = Freshness { read: true, origin, crates, ..Freshness::default() };
    let mut build = Build { bin: "app".into(), freshness, ..Build::default() };
    build.package.name = "app".into();
    build.package.version = "0.1.0".into();
    build
}
