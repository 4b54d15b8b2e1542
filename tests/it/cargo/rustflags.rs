//! The flags in effect against those that rustc really gets: `cargo build -v` prints them.

use crate::support::cargo::{Project, cargo, project, write};
use crate::support::run;
use serde_json::Value;

/// Configuration in the workspace and above it, then variables.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// The flags that rustc got for the binary and that no profile brings.
fn by_cargo(project: &Project, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["build", "--offline", "-v"];
    all.extend(arguments);
    let output = cargo(project, &all).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("--crate-name app ")).unwrap_or_default();
    line.split_whitespace()
        .map(|word| word.trim_matches(['`', '\'']))
        .filter_map(|word| word.strip_prefix("--cfg="))
        .map(str::to_owned)
        .collect()
}

/// Those that the configuration comes to, as a record of the build has them. What cargo kept of the
/// flags that it used is taken away, or the record would have that.
fn by_us(project: &Project) -> Vec<String> {
    let target = project.cwd.join("target");
    let target = project.targets.first().map_or(target.clone(), |triple| target.join(triple));
    std::fs::remove_dir_all(target.join("debug/.fingerprint")).unwrap();
    let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.current_dir(&project.cwd).env_clear().envs(&project.env).arg("record");
    command.args(project.targets.iter().flat_map(|triple| ["--target", triple]));
    let output = command.args(["--output", "record.json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = std::fs::read(project.cwd.join("record.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let flags = &record["predicate"]["buildDefinition"]["externalParameters"]["rustflags"];
    flags.as_array().unwrap().iter().map(|flag| flag.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_flags_are_those_that_rustc_gets() {
    let host = {
        let words = run::command("rustc").arg("-vV").output().unwrap().stdout;
        let words = String::from_utf8(words).unwrap();
        words.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
    };
    let by_triple = format!("[target.{host}]\nrustflags = [\"--cfg=triple\"]\n");
    let by_cfg = "[target.'cfg(unix)']\nrustflags = [\"--cfg=unix_\"]\n\
                  [target.'cfg(all(unix, not(target_os = \"linux\")))']\nrustflags = [\"--cfg=other\"]\n\
                  [target.'cfg(target_os = \"linux\")']\nrustflags = \"--cfg=linux_ --cfg=two\"\n";
    let both = format!("{by_triple}{by_cfg}[build]\nrustflags = [\"--cfg=build\"]\n");
    let variable =
        format!("CARGO_TARGET_{}_RUSTFLAGS", host.to_uppercase().replace(['-', '.'], "_"));
    let build = "[build]\nrustflags = [\"--cfg=build\"]\n";
    let cases: &[Case<'_>] = &[
        ("", "", &[]),
        (build, "", &[]),
        (build, "[build]\nrustflags = [\"--cfg=above\"]\n", &[]),
        ("[build]\nrustflags = \"--cfg=a --cfg=b\"\n", "", &[]),
        (build, "", &[("CARGO_BUILD_RUSTFLAGS", "--cfg=variable")]),
        (build, "", &[("RUSTFLAGS", "--cfg=flags  --cfg=more")]),
        (build, "", &[("RUSTFLAGS", "")]),
        (
            build,
            "",
            &[("RUSTFLAGS", "--cfg=flags"), ("CARGO_ENCODED_RUSTFLAGS", "--cfg=e\u{1f}--cfg=f")],
        ),
        (&by_triple, "", &[]),
        (&by_triple, build, &[]),
        (&by_triple, "", &[(&variable, "--cfg=variable")]),
        (by_cfg, "", &[]),
        (&both, "", &[]),
        (&both, "", &[("CARGO_BUILD_RUSTFLAGS", "--cfg=variable")]),
    ];
    for (config, above, env) in cases {
        for triple in [None, Some(host.as_str())] {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path().join("work");
            let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
            write(&root.join("Cargo.toml"), manifest);
            write(&root.join("src/main.rs"), "fn main() {}\n");
            write(&root.join(".cargo/config.toml"), config);
            write(&directory.path().join(".cargo/config.toml"), above);
            let mut project = project(&root, &directory.path().join("home"));
            project.env.extend(env.iter().map(|(name, value)| ((*name).into(), (*value).into())));
            let mut words = Vec::new();
            if let Some(triple) = triple {
                project.targets = vec![triple.to_owned()];
                words = vec!["--target", triple];
            }
            let cargos = by_cargo(&project, &words);
            let ours: Vec<String> = by_us(&project)
                .into_iter()
                .map(|flag| flag.trim_start_matches("--cfg=").to_owned())
                .collect();
            assert_eq!(ours, cargos, "{config} {above} {env:?} {triple:?}");
        }
    }
}
