//! Dockerfiles for tests: beside one package `my-app`, and beside a workspace of `app` and `lib1`.

use super::files::{Context, ignore_patterns};
use super::source::SourceText;
use super::workspace::{DockerWorkspace, WorkspacePackage};
use super::{Dockerfile, DockerfileOptions};

/// The package of the tests.
pub fn package() -> WorkspacePackage {
    WorkspacePackage {
        name: "my-app".to_owned(),
        version: "1.2.3".to_owned(),
        required: true,
        default_member: true,
        binaries: vec![("my-app".to_owned(), "src/main.rs".to_owned())],
        build_script_reruns_on_change: true,
        ..WorkspacePackage::default()
    }
}

/// A context of these files.
pub fn context(files: &[&str], ignore: Option<&str>) -> Context {
    let mut context = Context {
        files: files.iter().map(|it| (*it).to_owned()).collect(),
        ignore: ignore.map(ignore_patterns),
        certain: true,
        ..Context::default()
    };
    for file in files {
        let above = file.match_indices('/').map(|(at, _)| file[..at].to_owned());
        context.directories.extend(above);
    }
    context
}

/// A Dockerfile beside `my-app`, changed as the test wants it.
pub fn changed(text: &str, change: impl FnOnce(&mut DockerWorkspace, &mut Context)) -> Dockerfile {
    let mut workspace = DockerWorkspace { packages: vec![package()], ..DockerWorkspace::default() };
    let files = ["Cargo.toml", "Cargo.lock", "src/main.rs", "entrypoint.sh"];
    let mut context = context(&files, Some("target"));
    change(&mut workspace, &mut context);
    let options = DockerfileOptions::default();
    Dockerfile::new("Dockerfile", SourceText::new(text), Some(context), Some(workspace), &options)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A Dockerfile beside `my-app`.
pub fn of(text: &str) -> Dockerfile {
    changed(text, |_, _| {})
}

/// A Dockerfile beside the workspace of `app` and `lib1`.
pub fn of_workspace(text: &str) -> Dockerfile {
    changed(text, |workspace, it| {
        let app = WorkspacePackage {
            directory: "app".to_owned(),
            dependencies: vec!["lib1".to_owned()],
            ..package()
        };
        let lib1 = WorkspacePackage {
            name: "lib1".to_owned(),
            directory: "lib1".to_owned(),
            library: Some("src/lib.rs".to_owned()),
            binaries: Vec::new(),
            ..package()
        };
        workspace.packages = vec![app, lib1];
        let files = [
            "Cargo.toml",
            "Cargo.lock",
            "app/Cargo.toml",
            "app/src/main.rs",
            "lib1/Cargo.toml",
            "lib1/src/lib.rs",
        ];
        *it = context(&files, Some("target"));
    })
}
