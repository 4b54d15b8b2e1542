//! The flags in effect against those that rustc really gets: `cargo build -v` prints them.

use crate::support::cargo::{cargo, query, write};
use binlint::internals::cargo::build::Build;
use binlint::internals::cargo::target_dir::outputs::find_outputs;
use binlint::internals::cargo::workspace::rustflags::RustFlag;
use binlint::internals::cargo::workspace::{Query, workspace};

/// Configuration in the workspace and above it, then variables.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// The words that rustc got for the binary and that no profile brings.
fn by_cargo(query: &Query, words: &[&str]) -> Vec<String> {
    let mut all = vec!["build", "--offline", "-v"];
    all.extend(words);
    let output = cargo(query, &all).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("--crate-name app ")).unwrap_or_default();
    line.split_whitespace()
        .map(|word| word.trim_matches(['`', '\'']))
        .filter_map(|word| word.strip_prefix("--cfg="))
        .map(str::to_owned)
        .collect()
}

fn by_us(query: &Query) -> Vec<RustFlag> {
    let workspace = workspace(query).unwrap();
    let outputs = find_outputs(&workspace, query).unwrap();
    Build::new(&workspace, &outputs, &outputs.built[0]).rustflags
}

#[test]
fn the_flags_are_those_that_rustc_gets() {
    let host = {
        let words = std::process::Command::new("rustc").arg("-vV").output().unwrap().stdout;
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
            let mut query = query(&root, &directory.path().join("home"));
            query.env.extend(env.iter().map(|(name, value)| ((*name).into(), (*value).into())));
            let mut words = Vec::new();
            if let Some(triple) = triple {
                query.targets = vec![triple.to_owned()];
                words = vec!["--target", triple];
            }
            let cargos = by_cargo(&query, &words);
            let ours: Vec<String> = by_us(&query)
                .into_iter()
                .map(|flag| flag.word.trim_start_matches("--cfg=").to_owned())
                .collect();
            assert_eq!(ours, cargos, "{config} {above} {env:?} {triple:?}");
        }
    }
}
