//! Builds made in memory, for the tests of the rules.

use crate::cargo::build::Build;
use crate::cargo::compared::MainReach;
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::file_time::FileTime;
use crate::cargo::freshness::{Freshness, ProgramOrigin};
use crate::cargo::target_dir::units::Unit;
use crate::cargo::target_dir::{RawUnit, TargetDirLayout};
use crate::cargo::workspace::features::Declared;

/// A crate of the package `app` about which nothing is wrong and nothing is proven.
pub fn state(role: CrateRole) -> CrateFreshness {
    let (stem, root) = match role {
        CrateRole::Program => ("bin-app", "src/main.rs"),
        CrateRole::OwnLibrary => ("lib-app", "src/lib.rs"),
        CrateRole::Member => ("lib-member", "member/src/lib.rs"),
        CrateRole::BuildScript => ("build-script-build-script-build", "build.rs"),
        CrateRole::BuildScriptRun => ("run-build-script-build-script-build", "build.rs"),
    };
    let unit = Unit::new(RawUnit {
        package: "app".into(),
        hash: "0123456789abcdef".into(),
        stem: stem.into(),
        profile: "release".into(),
        layout: TargetDirLayout::Shared,
        directory: "target/release/.fingerprint/app-0123456789abcdef".into(),
        json: br#"{"features":"[]","declared_features":"[]","rustflags":[]}"#.to_vec(),
        digest: Some(b"0011223344556677".to_vec()),
        dep_info: Some(vec![1, 0, 0, 0, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        anchor: Some(FileTime::new(5, 0)),
        invoked: None,
        rustc_dep_info: None,
        outputs: Vec::new(),
    });
    CrateFreshness {
        role,
        package: if role == CrateRole::Member { "member".into() } else { "app".into() },
        crate_name: "app".into(),
        version: "0.1.0".into(),
        declared: Declared::default(),
        directory: "/ws".into(),
        root: root.into(),
        unit: Some(Unit { anchor: Some(FileTime::new(5, 0)), ..unit }),
        tree: None,
        mismatches: Vec::new(),
        matches: 1,
        proven: false,
        unchanged_inodes: false,
        mtime_after: Vec::new(),
        mtime_equal: Vec::new(),
        ctime_after: Vec::new(),
        reach: MainReach::default(),
        open: Vec::new(),
    }
}

/// The build of a program made of these crates.
pub fn build_of(crates: Vec<CrateFreshness>) -> Build {
    let origin = ProgramOrigin::Output;
    let freshness = Freshness { read: true, origin, crates, ..Freshness::default() };
    let mut build = Build { bin: "app".into(), freshness, ..Build::default() };
    build.package.name = "app".into();
    build.package.version = "0.1.0".into();
    build
}
