//! Freshness as a function of files: each of these target directories is in memory.

use std::path::Path;
use std::sync::Arc;

use cargo_metadata::{Metadata, MetadataCommand};

use super::ProgramComparisons;
use crate::cargo::build::Build;
use crate::cargo::compared::ProgramBytes;
use crate::cargo::evidence::mismatch::MismatchKind;
use crate::cargo::file_time::FileTime;
use crate::cargo::freshness::{Freshness, ProgramOrigin};
use crate::cargo::fs::in_memory::InMemory;

const UNIT: &str = "/ws/target/release/.fingerprint/app-0123456789abcdef";
const PROGRAM: &[u8] = b"\0listening on every port\0";
/// When the sources were written, and when the compilation began: Cargo calls such a unit fresh.
const WRITTEN: i64 = 100;
const COMPILED: i64 = 200;

/// A package of two files, and the program that the unit which lists `listed` made.
fn compiled_from(listed: &[&str]) -> InMemory {
    let mut fs = InMemory::default();
    fs.write("/ws/Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\n", WRITTEN);
    fs.write("/ws/src/main.rs", "mod routes;\nfn main() { routes::serve() }\n", WRITTEN);
    let routes = "pub fn serve() { println!(\"listening on every port\") }\n";
    fs.write("/ws/src/routes.rs", routes, WRITTEN);
    let json = r#"{"features":"[]","declared_features":"[]","rustflags":[],"local":
        [{"CheckDepInfo":{"dep_info":"release/.fingerprint/app-0123456789abcdef/dep-bin-app"}}]}"#;
    fs.write(&format!("{UNIT}/bin-app.json"), json, COMPILED);
    fs.write(&format!("{UNIT}/bin-app"), "0011223344556677", COMPILED);
    fs.write(&format!("{UNIT}/dep-bin-app"), dep_info(listed), COMPILED);
    fs.write(&format!("{UNIT}/invoked.timestamp"), "", COMPILED);
    fs.write("/ws/target/release/deps/app-0123456789abcdef", PROGRAM, COMPILED + 1);
    fs.write("/ws/target/release/app", PROGRAM, COMPILED + 1);
    fs
}

/// Cargo's list of the files of the package that the unit was compiled from.
fn dep_info(files: &[&str]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut bytes = vec![1, 0, 0, 0, 0xff, 1];
    bytes.extend(number(files.len()));
    for file in files {
        bytes.push(0);
        bytes.extend(number(file.len()));
        bytes.extend(file.as_bytes());
        bytes.push(0);
    }
    bytes.extend(number(0));
    bytes
}

fn metadata() -> Metadata {
    let id = "path+file:///ws#app@0.1.0";
    let text = serde_json::json!({
        "packages": [{
            "name": "app", "version": "0.1.0", "id": id, "dependencies": [], "features": {},
            "manifest_path": "/ws/Cargo.toml", "edition": "2021",
            "targets": [{
                "name": "app", "kind": ["bin"], "crate_types": ["bin"], "edition": "2021",
                "src_path": "/ws/src/main.rs",
            }],
        }],
        "workspace_members": [id], "workspace_default_members": [id], "resolve": null,
        "workspace_root": "/ws", "target_directory": "/ws/target", "version": 1,
    });
    MetadataCommand::parse(text.to_string()).unwrap()
}

fn freshness(fs: InMemory) -> Freshness {
    let mut build = Build { bin: "app".into(), workspace_root: "/ws".into(), ..Build::default() };
    (build.target_dir, build.build_dir) = ("/ws/target".into(), "/ws/target".into());
    build.profile_dir = "/ws/target/release".into();
    build.executable = "/ws/target/release/app".into();
    build.package.name = "app".into();
    build.package.id = "path+file:///ws#app@0.1.0".into();
    let path = Some(Path::new("/ws/target/release/app"));
    let subject = ProgramBytes { path, bytes: PROGRAM, packed: false, build_id: None };
    let metadata = metadata();
    let freshness = ProgramComparisons::over(Arc::new(fs), &metadata).of(&build, subject);
    assert!(matches!(freshness.origin, ProgramOrigin::Output), "{:?}", freshness.origin);
    freshness
}

/// What the crate of the program contradicts, as path and kind.
fn mismatches(freshness: &Freshness) -> Vec<(&str, &MismatchKind)> {
    let program = freshness.program().unwrap();
    program.mismatches.iter().map(|it| (it.path.as_str(), &it.kind)).collect()
}

#[test]
fn a_placeholder_before_older_sources_is_fresh_to_cargo_and_stale() {
    let freshness = freshness(compiled_from(&["src/main.rs"]));
    assert_eq!(mismatches(&freshness), [("src/routes.rs", &MismatchKind::NotCompiled)]);
    let program = freshness.program().unwrap();
    assert!(program.is_stale() && program.cargo_calls_it_fresh(), "{program:#?}");
}

#[test]
fn the_same_sources_compiled_as_they_are_are_not_stale() {
    let freshness = freshness(compiled_from(&["src/main.rs", "src/routes.rs"]));
    assert_eq!(mismatches(&freshness), []);
    let program = freshness.program().unwrap();
    assert!(!program.is_stale() && program.cargo_calls_it_fresh(), "{program:#?}");
    assert!(program.open.is_empty(), "{:?}", program.open);
    assert_eq!(freshness.string_literals.presence.found, 1);
}

#[test]
fn cargo_compiles_a_source_again_that_is_newer_than_the_compilation() {
    let mut fs = compiled_from(&["src/main.rs", "src/routes.rs"]);
    fs.write("/ws/src/routes.rs", "pub fn serve() {}", COMPILED + 100);
    let freshness = freshness(fs);
    let program = freshness.program().unwrap();
    let newer = ("src/routes.rs".to_owned(), FileTime::new(COMPILED + 100, 0));
    assert_eq!(program.mtime_after, [newer]);
    assert!(!program.cargo_calls_it_fresh());
}

#[test]
fn a_file_that_disappeared_is_gone_where_it_was_compiled_and_open_where_it_is_declared() {
    let listed = freshness(compiled_from(&["src/main.rs", "src/routes.rs", "src/old.rs"]));
    assert_eq!(mismatches(&listed), [("src/old.rs", &MismatchKind::Gone)]);
    let mut fs = compiled_from(&["src/main.rs"]);
    fs.remove("/ws/src/routes.rs");
    let declared = freshness(fs);
    assert_eq!(mismatches(&declared), []);
    let open = &declared.program().unwrap().open;
    assert!(open.iter().any(|why| why.contains("routes is missing")), "{open:?}");
}

#[test]
fn a_loop_of_links_accuses_nobody_and_a_link_is_the_file_that_it_leads_to() {
    let mut fs = compiled_from(&["src/main.rs", "src/routes.rs"]);
    fs.link("/ws/src/routes.rs", "/ws/src/again.rs");
    fs.link("/ws/src/again.rs", "/ws/src/routes.rs");
    let looped = freshness(fs);
    assert_eq!(mismatches(&looped), []);
    let open = &looped.program().unwrap().open;
    assert!(open.iter().any(|why| why.contains("symbolic links")), "{open:?}");

    let shared = "pub fn serve() { println!(\"listening on every port\") }\n";
    let linked = |listed: &[&str]| {
        let mut fs = compiled_from(listed);
        fs.write("/ws/shared/routes.rs", shared, WRITTEN);
        fs.link("/ws/src/routes.rs", "/ws/shared/routes.rs");
        freshness(fs)
    };
    // Cargo lists where a link leads.
    assert_eq!(mismatches(&linked(&["src/main.rs", "shared/routes.rs"])), []);
    assert_eq!(
        mismatches(&linked(&["src/main.rs"])),
        [("src/routes.rs", &MismatchKind::NotCompiled)]
    );
}
