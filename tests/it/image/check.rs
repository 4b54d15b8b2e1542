//! `--image` as a person runs it: the placeholder that ships, the same image from every place it
//! can lie in, and damaged images.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::docker::Engine;
use crate::support::layers::*;
use crate::support::run;
use crate::support::slow;

/// A program of rustc's own, as `cargo build --release` with `strip = true` makes it.
fn compile(directory: &Path, source: &str) -> Vec<u8> {
    let path = directory.join("main.rs");
    std::fs::write(&path, source).unwrap();
    let program = directory.join("backend");
    let rustc = run::command("rustc")
        .args(["--edition=2024", "-Copt-level=3", "-Cstrip=symbols", "-o"])
        .arg(&program)
        .arg(&path)
        .output()
        .unwrap();
    assert!(rustc.status.success(), "{}", String::from_utf8_lossy(&rustc.stderr));
    std::fs::read(program).unwrap()
}

fn check(words: &[&str], input: Option<&Path>, cwd: &Path) -> Output {
    let stdin = match input {
        Some(path) => Stdio::from(std::fs::File::open(path).unwrap()),
        None => Stdio::null(),
    };
    run::command(env!("CARGO_BIN_EXE_cargo-binlint"))
        .arg("check")
        .args(words)
        .args(["--format", "json"])
        .current_dir(cwd)
        .stdin(stdin)
        .output()
        .unwrap()
}

/// Rule and outcome of every subject.
fn outcomes(output: &Output) -> Vec<(String, Vec<(String, String)>)> {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report["subjects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|subject| {
            let of = |it: &Value| (text(&it["rule"]), text(&it["outcome"]));
            (
                text(&subject["name"]),
                subject["outcomes"].as_array().unwrap().iter().map(of).collect(),
            )
        })
        .collect()
}

fn failed(output: &Output) -> Vec<String> {
    let outcomes = outcomes(output);
    let rules = outcomes.into_iter().flat_map(|(_, rules)| rules);
    rules.filter(|(_, outcome)| outcome == "fail").map(|(rule, _)| rule).collect()
}

const CONFIG_OF_A_SERVER: &str = r#"{"Entrypoint":["/usr/local/bin/backend"],"ExposedPorts":{"8080/tcp":{}},"Env":["PATH=/usr/bin:/bin"]}"#;

fn layout(directory: &Path, config: &str, layers: &[Vec<u8>]) -> PathBuf {
    let layout = directory.join("image");
    let image = image(&layout, ("linux", "amd64"), config, layers);
    index(&layout, &[named(&image, "latest")]);
    layout
}

#[test]
fn a_placeholder_in_an_image_is_denied_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let placeholder = compile(directory.path(), "fn main() {}");
    let layer = archive(&[program("usr/local/bin/backend", &placeholder)]);
    let layout = layout(directory.path(), CONFIG_OF_A_SERVER, &[layer]);
    let output = check(&["--image", &layout.display().to_string()], None, directory.path());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let failed = failed(&output);
    assert!(failed.contains(&"placeholder-main".to_owned()), "{failed:?}");
    assert!(failed.contains(&"missing-interpreter".to_owned()), "{failed:?}");
    assert_eq!(outcomes(&output)[0].0, "/usr/local/bin/backend");
}

#[test]
fn an_image_without_a_program_of_ours_is_judged_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let layer = archive(&[file("a", b"1")]);
    let layout = layout(directory.path(), r#"{"Cmd":["/gone"]}"#, std::slice::from_ref(&layer));
    let reference = format!("oci:{}", layout.display());
    let output = check(&["--image", &reference], None, directory.path());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(report["subjects"][0]["binary"].is_null(), "{report:#}");
    let outcomes = report["subjects"][0]["outcomes"].as_array().unwrap().iter();
    let denied: Vec<_> =
        outcomes.filter(|it| it["outcome"] == "fail" && it["level"] == "deny").collect();
    assert_eq!((denied.len(), &denied[0]["rule"]), (1, &"missing-command".into()), "{report:#}");
}

#[test]
fn an_image_that_cannot_be_read_ends_with_2_and_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let layer = archive(&[file("a", b"1")]);
    let layout = layout(directory.path(), "{}", std::slice::from_ref(&layer));
    let reference = format!("oci:{}", layout.display());
    let says = |words: &[&str], text: &str| {
        let output = check(words, None, directory.path());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
        assert!(output.stdout.is_empty() && stderr.contains(text), "{words:?}: {stderr}");
    };
    says(
        &["--image", "oci:nowhere"],
        "oci:nowhere: nothing is at nowhere: an OCI layout was looked for",
    );
    says(&["--image", "docker://x"], "skopeo copy");
    says(&["--image", &reference, "--platform", "a/b/c/d"], "OS/ARCH");
    says(
        &["--image", &reference, "--platform", "linux/s390x"],
        "there is no image for linux/s390x; there is linux/amd64",
    );
    says(&["--at", "/app", "--binary", "backend"], "--image");
    std::fs::remove_file(layout.join(crate::support::digest::Digest::sha256(&layer).blob_path()))
        .unwrap();
    says(&["--image", &reference], "layer 1 of 1 (sha256:");
}

#[test]
fn a_root_is_judged_for_a_program_that_will_lie_in_it() {
    let directory = tempfile::tempdir().unwrap();
    compile(directory.path(), "fn main() { println!(\"{:?}\", std::env::args()) }");
    let root = directory.path().join("root");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    let root = root.display().to_string();
    let output =
        check(&["--binary", "backend", "--rootfs", &root, "--at", "/app"], None, directory.path());
    assert!(failed(&output).contains(&"missing-interpreter".to_owned()), "{:?}", failed(&output));
    assert_eq!(output.status.code(), Some(1));
}

/// The same image from the engine's archive, from standard input, and from the engine itself.
#[test]
fn an_engines_image_is_the_same_from_everywhere() {
    let Some(engine) = Engine::get() else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    compile(directory.path(), "fn main() { println!(\"{:?}\", std::env::args()) }");
    std::fs::write(
        at("Dockerfile"),
        "FROM scratch\nCOPY --chmod=0755 backend /usr/local/bin/backend\nCOPY main.rs /src/main.rs\nEXPOSE 8080\nENTRYPOINT [\"/usr/local/bin/backend\"]\n",
    )
    .unwrap();
    let built = engine.build(directory.path(), &["--quiet"]);
    let saved = built.save(directory.path());
    let name = &built.name;
    let archive = format!("docker-archive:{}:{name}", saved.display());
    let daemon = format!("docker-daemon:{name}");
    let answers = [
        check(&["--image", &archive], None, directory.path()),
        check(&["--image", "-"], Some(&saved), directory.path()),
        check(&["--image", &saved.display().to_string()], None, directory.path()),
        check(&["--image", &daemon], None, directory.path()),
    ];
    let first = outcomes(&answers[0]);
    assert_eq!(first[0].0, "/usr/local/bin/backend");
    assert!(failed(&answers[0]).contains(&"missing-interpreter".to_owned()), "{first:?}");
    for answer in &answers {
        assert_eq!(outcomes(answer), first);
    }
    let nope = check(&["--image", "docker-daemon:binlint-images-nope"], None, directory.path());
    let stderr = String::from_utf8_lossy(&nope.stderr).into_owned();
    assert!(
        nope.status.code() == Some(2) && stderr.contains("the container engine says:"),
        "{stderr}"
    );

    // What other tools make of it.
    for (tool, words) in [("skopeo", ["copy", "-q"])] {
        if !slow::has(tool) {
            continue;
        }
        for (to, reference) in [
            (
                format!("oci:{}:v1", at("layout").display()),
                format!("oci:{}:v1", at("layout").display()),
            ),
            (
                format!("oci-archive:{}:v1", at("oci.tar").display()),
                format!("oci-archive:{}:v1", at("oci.tar").display()),
            ),
        ] {
            let from = format!("docker-archive:{}", saved.display());
            let made = run::command(tool)
                .args(words)
                .args(["--insecure-policy", &from, &to])
                .output()
                .unwrap();
            if !made.status.success() {
                let made = run::command(tool)
                    .args(["--insecure-policy", "copy", "-q", &from, &to])
                    .output()
                    .unwrap();
                assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            }
            assert_eq!(
                outcomes(&check(&["--image", &reference], None, directory.path())),
                first,
                "{reference}"
            );
        }
    }
}

/// `distro-mismatch`, where the build stage is this machine: the image is of its release, or of another.
#[test]
fn an_image_of_another_release_than_the_build_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write("src/main.rs", "fn main() { println!(\"{:?}\", std::env::args()) }");
    let built = run::command("cargo")
        .args(["build", "--release", "--offline", "--quiet"])
        .current_dir(directory.path())
        .status();
    assert!(built.unwrap().success());
    let own = std::fs::read("/etc/os-release").unwrap();
    for (release, outcome) in [(&own[..], "pass"), (b"ID=fedora\nVERSION_ID=43\n", "fail")] {
        let layer = archive(&[file("etc/os-release", release)]);
        let layout = layout(directory.path(), "{}", &[layer]);
        let words = ["--release", "--image", &layout.display().to_string(), "--at", "/app"];
        let outcomes = outcomes(&check(&words, None, directory.path()));
        let skew = outcomes[0].1.iter().find(|(rule, _)| rule == "distro-mismatch").unwrap();
        assert_eq!(skew.1, outcome);
    }
}
