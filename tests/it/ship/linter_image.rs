//! The linter's own image: one static program of at most 12 MB, which runs wherever Linux runs.

use std::fs;

use crate::support::bases::{Bases, Linter, as_typed};
use crate::support::docker::{self, Engine, success, text};
use crate::support::run;

/// In bytes.
const LIMIT: u64 = 12_000_000;

#[test]
fn the_image_holds_one_small_program_that_runs_in_every_image() {
    let Some(engine) = Engine::get() else { return };
    let bases = Bases::new(&engine, Linter::Optimised);
    let linter = &bases.linter;

    // As `docker run` starts it: on scratch, without a shell, a C library or a home.
    let version = linter.run(&["--version"]);
    assert_eq!(text(&version), format!("cargo-binlint {}\n", env!("CARGO_PKG_VERSION")));

    let context = tempfile::tempdir().unwrap();
    let copied = |base: &str| {
        let from = format!("FROM {base}\nCOPY --from={} /cargo-binlint /\n", linter.name);
        fs::write(context.path().join("Dockerfile"), from + "ENTRYPOINT [\"/cargo-binlint\"]\n")
            .unwrap();
        engine.build(context.path(), &[])
    };
    let whole = ["busybox-static"];
    let bases = [
        ("scratch", "scratch".to_owned()),
        ("busybox", engine.distroless(docker::SUITE, &whole)),
        ("alpine", engine.distroless(docker::SUITE, &["musl", "busybox-static"])),
        ("bullseye", engine.debian("bullseye")),
        ("trixie", engine.debian("trixie")),
        ("distroless", engine.distroless(docker::SUITE, docker::LIBRARIES)),
    ];
    for (what, base) in bases {
        let image = copied(&base);
        // It reads the root that it runs in, itself included.
        let seen = image.run(&["inspect", "/cargo-binlint", "--format", "json"]);
        let seen: serde_json::Value = serde_json::from_slice(&seen.stdout)
            .unwrap_or_else(|error| panic!("{what}: {error}: {}", text(&seen)));
        let program = &seen["binaries"][0];
        assert_eq!(program["libc"]["linkage"], "static", "{what}: {program}");
        assert_eq!(program["symbols"], "stripped", "{what}");
        let size = program["size"].as_u64().unwrap();
        assert!(size <= LIMIT, "{what}: {size} bytes");
        let checked = image.run(&["check", "--rootfs", "/", "--at", "/cargo-binlint"]);
        assert_eq!(checked.status.code(), Some(0), "{what}: {}", text(&checked));
    }

    // As docs/install.md has it: what is read is mounted or piped, and the image has no shell.
    let page = include_str!("../../../docs/install.md");
    let block = page.split_once("```sh\n").unwrap().1.split("```").next().unwrap();
    let backend = copied("scratch");
    fs::create_dir_all(context.path().join("target/release")).unwrap();
    fs::copy(crate::support::program::small(), context.path().join("target/release/backend"))
        .unwrap();
    for line in block.lines() {
        let line = line
            .replace("cargo-binlint", &linter.name)
            .replace("save backend", &format!("save {}", backend.name));
        let output = as_typed(&engine, &line, context.path());
        assert!(output.status.success(), "{line}: {}", text(&output));
    }

    // Nothing but the program.
    let archive = linter.save(context.path());
    let layers = success(run::command("sh").args(["-c", LIST]).arg("list").arg(archive));
    assert_eq!(text(&layers).trim(), "cargo-binlint");
}

/// The files of every layer of a saved image.
const LIST: &str = "for layer in $(tar -xOf \"$1\" manifest.json | jq -r '.[0].Layers[]'); do
    tar -xOf \"$1\" \"$layer\" | tar -t
done";
