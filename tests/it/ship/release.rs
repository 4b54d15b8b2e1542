//! `ci/release`: what the release workflow does for one target, on this machine's own.

use std::fs;
use std::path::Path;

use crate::support::docker::{host, success, text};
use crate::support::run;
use crate::support::slow::{self, Need};

const LINTER: &str = env!("CARGO_BIN_EXE_cargo-binlint");

#[test]
fn a_release_has_a_signed_record_inside_and_verifies() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    // A clone, as the workflow has one, of what is written here.
    let clone = here.join("clone");
    fs::create_dir(&clone).unwrap();
    let pack =
        "git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -c";
    let unpack = format!("{pack} | tar -x -C '{}'", clone.display());
    success(
        run::command("bash")
            .args(["-o", "pipefail", "-c", &unpack])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    let commit =
        "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -q -m all";
    success(run::command("sh").args(["-c", commit]).current_dir(&clone));

    let key = here.join("builder.pem");
    success(run::command("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&key));
    let public = here.join("builder.pub");
    success(
        run::command("openssl").args(["pkey", "-pubout", "-in"]).arg(&key).arg("-out").arg(&public),
    );

    let host = host();
    let dist = here.join("dist");
    let mut release = run::offline("ci/release");
    release.arg(&host).arg(&dist).current_dir(&clone);
    // The optimiser would take minutes, and changes no step.
    release.env("CARGO_PROFILE_DIST_OPT_LEVEL", "0").env("CARGO_PROFILE_DIST_LTO", "off");
    release.env("CARGO_PROFILE_DIST_CODEGEN_UNITS", "16");
    release
        .env("BINLINT", LINTER)
        .env("BINLINT_KEY", &key)
        .env("CARGO_TARGET_DIR", here.join("target"));
    success(&mut release);

    let name = format!("cargo-binlint-{host}");
    let digest = format!("{name}.tar.gz.sha256");
    success(run::command("sha256sum").args(["--check", &digest]).current_dir(&dist));
    for file in [".intoto.jsonl", ".sigstore.json"] {
        assert!(dist.join(format!("{name}{file}")).is_file(), "{file}");
    }
    success(run::command("tar").arg("-xzf").arg(format!("{name}.tar.gz")).current_dir(&dist));
    let program = dist.join(&name).join("cargo-binlint");
    success(run::command(&program).arg("--version"));

    // As docs/install.md says it.
    let verify = |program: &Path| {
        let mut verify = run::command(LINTER);
        verify
            .arg("verify")
            .arg(program)
            .arg("--key")
            .arg(&public)
            .current_dir(here)
            .output()
            .unwrap()
    };
    let verified = verify(&program);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    // Another program under the record of this one.
    let mut bytes = fs::read(&program).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    let other = dist.join("other");
    fs::write(&other, bytes).unwrap();
    assert_eq!(verify(&other).status.code(), Some(1));
}
