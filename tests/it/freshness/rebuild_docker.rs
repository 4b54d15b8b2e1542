//! `check --rebuild` in the stages of a Docker build: by exit code, and without a copy of what lies
//! in the layers below.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::docker::{self, Engine};
use crate::support::place::manifest;
use crate::support::rebuilding::{MAIN, TEXT};
use crate::support::run;

/// A stage for each state of the sources. `edited` is dated as a clone's files are: before every
/// layer, so that cargo sees nothing.
const STAGES: &[(&str, &str, &str, i32, &str)] = &[
    ("honest", "", "", 0, "equal"),
    ("number", "9090", "9091", 1, "different"),
    ("operator", "> 3", "< 3", 1, "different"),
    ("line", "fn main() {\n", "fn main() {\n    std::thread::yield_now();\n", 1, "different"),
    (
        "function",
        "fn main() {",
        "fn help() { println!(\"help\") }\n\nfn main() { help();",
        1,
        "different",
    ),
    ("text", "{} {}", "{} at {}", 1, "different"),
    // On one line, so that no panic location moves.
    ("dead", "mod text;", "#[allow(dead_code)] fn nobody() {} mod text;", 0, "equal"),
];

#[test]
fn a_build_stage_proves_and_denies() {
    let Some(engine) = Engine::get() else { return };
    let context = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = context.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    };
    write("app/Cargo.toml", &manifest("my-app", "[dependencies]\nitoa = \"1\"\n[workspace]\n"));
    write("app/src/main.rs", &MAIN.replace("mod text;", "mod text;\nuse itoa as _;"));
    write("app/src/text.rs", TEXT);
    let lock = run::offline("cargo")
        .args(["generate-lockfile", "--offline"])
        .current_dir(context.path().join("app"))
        .output()
        .unwrap();
    assert!(lock.status.success(), "{}", docker::text(&lock));
    fs::create_dir(context.path().join("tools")).unwrap();
    docker::linter(&context.path().join("tools"));
    let mut dockerfile = format!(
        "FROM {} AS built\nWORKDIR /app\nCOPY app/Cargo.toml app/Cargo.lock ./\nCOPY app/src ./src\n\
         RUN cargo build --release\n",
        engine.rust()
    );
    for (stage, from, to, ..) in STAGES {
        let main = fs::read_to_string(context.path().join("app/src/main.rs")).unwrap();
        assert!(main.contains(from), "{stage}");
        write(&format!("{stage}/main.rs"), &main.replacen(from, to, 1));
        dockerfile += &format!(
            "FROM built AS {stage}\nCOPY {stage}/main.rs src/main.rs\n\
             RUN cargo build --release 2>&1 | tee /said && ! grep Compiling /said\n\
             RUN find target -exec stat -c '%n %i %Y %s' {{}} + | sort > /before\n\
             RUN --mount=source=tools,target=/tools /tools/cargo-binlint check --rebuild \
             -A profile -A leak -A hardening -A linkage -A provenance -A target --format json \
             > /report.json; echo $? > /code\n\
             RUN find target -exec stat -c '%n %i %Y %s' {{}} + | sort > /after && ls -a target > /left\n\
             FROM scratch AS said-{stage}\nCOPY --from={stage} /report.json /code /before /after /left /\n"
        );
    }
    write("Dockerfile", &dockerfile);
    for (stage, _, _, code, outcome) in STAGES {
        let to = context.path().join(format!("said/{stage}"));
        engine.files(context.path(), &["--target", &format!("said-{stage}")], &to);
        let said = |name: &str| fs::read_to_string(to.join(name)).unwrap();
        let report: Value = serde_json::from_str(&said("report.json")).unwrap();
        let rebuild = &report["subjects"][0]["rebuild"];
        assert_eq!(rebuild["outcome"], *outcome, "{stage}: {rebuild}");
        assert_eq!(said("code").trim(), code.to_string(), "{stage}: {}", report["subjects"][0]);
        // The directory itself is copied up when something is made in it: another inode, no file.
        let listed = |name: &str| {
            let text = said(name);
            let files = text.lines().filter(|it| !it.starts_with("target "));
            files.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(listed("before"), listed("after"), "{stage}: the judged build was touched");
        assert!(!said("left").contains("binlint"), "{stage}: {}", said("left"));
        // What the step wrote: its report, and directories that were entered.
        let image = engine.build(context.path(), &["--target", stage]);
        let history =
            ["history", "--human=false", "--no-trunc", "--format", "{{.Size}} {{.CreatedBy}}"];
        let history = docker::success(engine.command(&history).arg(&image.name));
        let history = docker::text(&history);
        let layer = history.lines().find(|it| it.contains("--rebuild")).unwrap();
        let size: u64 = layer.split(' ').next().unwrap().parse().unwrap();
        assert!(size < 200_000, "{stage}: the step's layer has {size} bytes");
    }
}
