//! `cargo package`: what crates.io would get builds, and cargo has nothing to say about it.

use std::fs;
use std::path::Path;

use crate::support::docker::{success, text};
use crate::support::run;
use crate::support::slow::{self, Need};

/// What cargo says of a package without an address, which is the case until one is known.
const NO_ADDRESS: &str = "manifest has no documentation, homepage or repository";

#[test]
fn the_package_is_whole_and_cargo_does_not_warn() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = tempfile::tempdir().unwrap();
    let mut package = run::offline("cargo");
    // Unpacking and building it is the next step, without the optimiser and with what is built here.
    package.args(["package", "--allow-dirty", "--no-verify", "--offline", "--target-dir"]);
    let packed = success(package.arg(scratch.path()).current_dir(root));
    let said = text(&packed);
    // The tests stay out on purpose: `include` in the manifest.
    let is_unknown =
        |line: &&str| line.starts_with("warning:") && !line.contains("ignoring test `it`");
    let warnings: Vec<&str> = said.lines().filter(is_unknown).collect();
    let known = fs::read_to_string("Cargo.toml").unwrap().contains("\nrepository = ");
    assert_eq!(warnings.len(), usize::from(!known), "{said}");
    assert!(warnings.iter().all(|line| line.contains(NO_ADDRESS)), "{said}");

    let name = format!("cargo-binlint-{}", env!("CARGO_PKG_VERSION"));
    let archive = scratch.path().join("package").join(format!("{name}.crate"));
    let size = fs::metadata(&archive).unwrap().len();
    // crates.io takes 10 MB.
    assert!(size < 2_000_000, "{size} bytes");
    success(run::command("tar").arg("-xzf").arg(&archive).arg("-C").arg(scratch.path()));
    let unpacked = scratch.path().join(name);
    for file in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "docs/report-light.svg", "src/lib.rs"]
    {
        assert!(unpacked.join(file).is_file(), "{file} is not in the package");
    }
    for folder in ["testdata", "tests", "fuzz", ".github", "docs/examples/plain"] {
        assert!(!unpacked.join(folder).exists(), "{folder} is in the package");
    }
    let mut check = run::offline("cargo");
    // Unit tests read inputs that stay in the repository.
    let targets = ["--lib", "--bins", "--examples", "--bench", "*"];
    check.args(["check", "--locked", "--offline"]).args(targets).arg("--target-dir");
    success(check.arg(scratch.path().join("target")).current_dir(&unpacked));
}

/// `cargo binstall` and the release agree on names.
#[test]
fn the_release_packs_what_binstall_looks_for() {
    let manifest: toml::Table = fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let fill = |template: &str| {
        template
            .replace("{ target }", "TARGET")
            .replace("{ bin }{ binary-ext }", "cargo-binlint")
            .replace("{ repo }/releases/download/v{ version }/", "")
    };
    assert_eq!(fill(binstall["pkg-url"].as_str().unwrap()), "cargo-binlint-TARGET.tar.gz");
    assert_eq!(fill(binstall["bin-dir"].as_str().unwrap()), "cargo-binlint-TARGET/cargo-binlint");
    assert_eq!(binstall["pkg-fmt"].as_str(), Some("tgz"));
    let release = fs::read_to_string("ci/release").unwrap();
    assert!(release.contains("name=cargo-binlint-$target\n"));
    assert!(release.contains("$to/$name.tar.gz"));
}

#[test]
fn the_pages_name_the_version_that_this_is() {
    let version = env!("CARGO_PKG_VERSION");
    for page in ["README.md", "docs/ci.md", "templates/lint.yml"] {
        let text = fs::read_to_string(page).unwrap();
        let named =
            text.split("cargo-binlint@v").skip(1).chain(text.split("cargo-binlint@0").skip(1));
        for rest in named {
            let rest = rest.split(|c: char| c.is_whitespace() || c == '`').next().unwrap();
            assert!(
                version.ends_with(rest.trim_start_matches('.')),
                "{page}: {rest}, not {version}"
            );
        }
        assert!(text.contains(version), "{page} does not name {version}");
    }
    assert!(fs::read_to_string("CHANGELOG.md").unwrap().contains(&format!("## {version}")));
}
