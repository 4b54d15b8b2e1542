//! What other services read: workflows, the Action, the GitLab component and the pre-commit hooks, held
//! against the schemas of those services, and run as far as this machine can.

use std::fs;
use std::path::Path;

use crate::support::docker::{success, text};
use crate::support::place::Place;
use crate::support::run;
use crate::support::tools;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

const WORKFLOWS: &[&str] = &["ci", "compilers", "release"];

#[test]
fn every_file_fits_the_schema_of_its_service() {
    let Some(tools) = tools::python() else { return };
    let listed = fs::read_dir(root().join(".github/workflows")).unwrap().count();
    assert_eq!(listed, WORKFLOWS.len(), "a workflow is not held against its schema");
    let scratch = tempfile::tempdir().unwrap();
    // The header of a component is a document of its own, which the schema does not know.
    let component = scratch.path().join("lint.yml");
    fs::write(&component, read("templates/lint.yml").split_once("\n---\n").unwrap().1).unwrap();
    let workflow = |name: &&str| root().join(format!(".github/workflows/{name}.yml"));
    let mut files: Vec<_> =
        WORKFLOWS.iter().map(workflow).map(|path| ("vendor.github-workflows", path)).collect();
    files.push(("vendor.github-actions", root().join("action.yml")));
    files.push(("vendor.gitlab-ci", component));
    for (schema, path) in files {
        let fits = |path: &Path| {
            let mut check = run::command(tools.join("check-jsonschema"));
            check.args(["--builtin-schema", schema]).arg(path).output().unwrap()
        };
        let output = fits(&path);
        assert!(output.status.success(), "{}: {}", path.display(), text(&output));
        // The check can fail.
        let broken = scratch.path().join("broken.yml");
        fs::write(
            &broken,
            fs::read_to_string(&path)
                .unwrap()
                .replace("script:", "scripts: {}\n    script: {}\n    #")
                .replace("runs", "walks"),
        )
        .unwrap();
        assert!(!fits(&broken).status.success(), "{schema} accepts anything");
    }
    let mut validate = run::command(tools.join("pre-commit"));
    success(validate.arg("validate-manifest").arg(root().join(".pre-commit-hooks.yaml")));
}

#[test]
fn what_was_never_run_says_so() {
    for name in WORKFLOWS {
        let text = read(&format!(".github/workflows/{name}.yml"));
        assert!(text.starts_with("# Never run"), "{name}");
    }
    assert!(read("action.yml").starts_with("# Never run"));
    assert!(read("templates/lint.yml").contains("Never run"));
    let release = read(".github/workflows/release.yml");
    for line in release.lines().filter(|it| it.contains("arm }") || it.contains("-musl,")) {
        assert!(line.ends_with("# never run"), "{line}");
    }
    assert!(release.contains("macos: # never run"));
}

/// No text of the caller is pasted into a script: values come by `env`.
#[test]
fn no_script_of_a_workflow_has_a_value_pasted_into_it() {
    let mut files = vec!["action.yml".to_owned()];
    files.extend(WORKFLOWS.iter().map(|name| format!(".github/workflows/{name}.yml")));
    for file in files {
        let text = read(&file);
        let mut script: Option<usize> = None;
        for line in text.lines() {
            // Of the key, where the line begins an item of a list.
            let indent = line.len() - line.trim_start().trim_start_matches("- ").len();
            if script.is_some_and(|of| indent <= of && !line.trim().is_empty()) {
                script = None;
            }
            if line.trim_start().trim_start_matches("- ").starts_with("run:") {
                script = Some(indent);
            }
            assert!(script.is_none() || !line.contains("${{"), "{file}: {line}");
        }
    }
}

/// The address of the repository is written nowhere until it is known, and then in one place.
#[test]
fn no_address_of_the_repository_is_invented() {
    let manifest = read("Cargo.toml");
    let known = manifest.lines().any(|line| line.starts_with("repository = "));
    for page in ["README.md", "docs/ci.md"] {
        let stands_in = read(page).contains("OWNER/cargo-binlint");
        assert_eq!(stands_in, !known, "{page}: OWNER stands for an address that is not known");
    }
}

/// The script of the GitLab component with its defaults, in a job that has the linter.
#[test]
fn the_script_of_the_component_writes_the_report_that_it_names() {
    let place = Place::honest();
    let component = read("templates/lint.yml");
    let script = component.split_once("  script:\n").unwrap().1;
    let lines = script.lines().map_while(|line| line.strip_prefix("    - "));
    let script: Vec<String> =
        lines.map(|line| line.replace("$[[ inputs.install ]]", "false")).collect();
    assert_eq!(script.len(), 2);
    let args = component.split_once("    args:\n").unwrap().1.split_once("default: ").unwrap().1;
    let program = Path::new(env!("CARGO_BIN_EXE_cargo-binlint")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut job = run::offline("sh");
    job.args(["-e", "-c", &script.join("\n")]).current_dir(place.directory.path());
    job.env("PATH", path).env("BINLINT_ARGS", args.lines().next().unwrap());
    success(&mut job);
    let report = fs::read(place.path("gl-code-quality-report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert!(report.is_array(), "{report}");
}

#[test]
fn the_hook_lints_the_dockerfiles_that_it_is_given() {
    let hooks = read(".pre-commit-hooks.yaml");
    let value =
        |key: &str| hooks.lines().find_map(|it| it.trim().strip_prefix(key)).unwrap().trim();
    let entry: Vec<&str> = value("entry: cargo-binlint ").split(' ').collect();
    let run = |file: &Path| {
        let mut hook = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
        hook.args(&entry).arg(file).current_dir(file.parent().unwrap()).output().unwrap()
    };
    let example = root().join("docs/examples/placeholder");
    let good = run(&example.join("Dockerfile"));
    assert_eq!(good.status.code(), Some(0), "{}", text(&good));
    let place = tempfile::tempdir().unwrap();
    success(run::command("cp").arg("-a").arg(&example).arg(place.path().join("app")));
    let dockerfile = place.path().join("app/Dockerfile");
    let lines = fs::read_to_string(&dockerfile).unwrap();
    let bad = lines.replace("    /linter/cargo-binlint freshen && \\\n", "");
    assert_ne!(bad, lines);
    fs::write(&dockerfile, bad).unwrap();
    let bad = run(&dockerfile);
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad));
}
