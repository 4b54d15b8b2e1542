//! What an image's command comes to, held to a real engine: it starts, or it ends with the very
//! words and the very code that were predicted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use binlint::facts::image::command::{By, Command as Resolved, End};
use binlint::facts::image::{Image, Query};

#[path = "support/cache.rs"]
mod cache;
#[path = "support/debian.rs"]
mod debian;
#[path = "support/docker.rs"]
mod docker;
#[path = "support/skip.rs"]
mod skip;

use docker::Engine;

/// The rests of Dockerfiles.
const CASES: &[&str] = &[
    "ENTRYPOINT [\"app\"]",
    "ENTRYPOINT [\"/srv/app\"]",
    "WORKDIR /srv\nENTRYPOINT [\"./app\"]",
    "ENTRYPOINT [\"./app\"]",
    "ENTRYPOINT [\"/nope\"]",
    "ENTRYPOINT [\"nope\"]",
    "ENTRYPOINT [\"/data\"]",
    "ENTRYPOINT [\"/data/nope\"]",
    "ENTRYPOINT [\"/loop\"]",
    "ENTRYPOINT [\"/elsewhere/app\"]",
    "ENV PATH=/nowhere:/srv\nENTRYPOINT [\"app\"]",
    "ENV PATH=/nowhere\nENTRYPOINT [\"app\"]",
    "WORKDIR /srv\nENV PATH=:/bin\nENTRYPOINT [\"app\"]",
    "WORKDIR /srv\nENV PATH=.:/bin\nENTRYPOINT [\"app\"]",
    "WORKDIR /srv\nENV PATH=/bin:.\nENTRYPOINT [\"app\"]",
    "ENTRYPOINT [\"/crlf.sh\"]",
    "ENTRYPOINT [\"/bash.sh\"]",
    "ENTRYPOINT [\"/bare.sh\"]",
    "ENTRYPOINT [\"/entry.sh\"]\nCMD [\"app\"]",
    "ENTRYPOINT [\"/entry.sh\"]\nCMD [\"nope\"]",
    "ENTRYPOINT [\"/entry.sh\"]\nCMD [\"/data\"]",
    "ENTRYPOINT [\"/bin/bash\", \"-c\", \"app\"]",
    "ENTRYPOINT exec app",
    "ENTRYPOINT nope",
    "ENTRYPOINT nope || exit 3",
    "ENTRYPOINT cd /srv || exit 1; ./app",
    "ENTRYPOINT [\"sh\", \"-c\", \"/bare.sh\"]",
    "ENTRYPOINT [\"env\", \"A=b\", \"app\"]",
    "ENTRYPOINT [\"env\", \"PATH=/srv\", \"app\"]",
    "ENTRYPOINT [\"env\", \"-i\", \"app\"]",
    "ENTRYPOINT [\"env\", \"-i\", \"/srv/app\"]",
    "ENTRYPOINT [\"env\", \"nope\"]",
    "ENTRYPOINT [\"sh\", \"-c\", \"exec \\\"$@\\\"\", \"sh\", \"app\"]",
    "ENTRYPOINT [\"sh\", \"-c\", \"shift; exec $1\", \"sh\", \"a\", \"app\"]",
    "ENTRYPOINT [\"sh\", \"-c\", \"set -- nope; exec $1\"]",
    "ENTRYPOINT PATH=/srv exec app",
    "ENTRYPOINT export PATH=/nowhere; exec app",
    "ENTRYPOINT /data",
    "ENTRYPOINT . /data; exec app",
];

#[test]
fn commands_come_to_what_was_predicted() {
    let Some(engine) = Engine::get() else { return };
    let Some(busybox) = busybox() else {
        skip::skipped("there is no static busybox to make a small image of");
        return;
    };
    let root = tempfile::tempdir().unwrap();
    fill(root.path(), busybox.trim());
    let base = engine.root(root.path());
    let mut wrong = Vec::new();
    let (mut starting, mut failing) = (0, 0);
    for case in CASES {
        let context = tempfile::tempdir().unwrap();
        let text = format!("FROM {}\n{case}\n", base.name);
        fs::write(context.path().join("Dockerfile"), text).unwrap();
        let image = engine.build(context.path(), &[]);
        let read = Image::read(
            format!("docker-daemon:{}:latest", image.name).as_ref(),
            &Query::default(),
            &|_, _| {},
        );
        let read = read.unwrap_or_else(|error| panic!("{case}: {error}"));
        let ran = image.run(&[]);
        let said = String::from_utf8_lossy(&ran.stderr);
        let command: &Resolved = read.start().expect("a command");
        let right = match &command.end {
            End::Program(_) => {
                starting += 1;
                ran.status.success()
            }
            End::Fails(failure) => {
                failing += 1;
                // What wrappers say is in each one's own words.
                (said.contains(&failure.message) || matches!(failure.by, By::Wrapper(_)))
                    && ran.status.code() == Some(failure.exit_code.into())
            }
            End::Unknown(_) | End::Nothing => false,
        };
        if !right {
            wrong.push(format!("{case}\n{:?}\n{:?} {said}", command.end, ran.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
    assert!(starting > 8 && failing > 8, "{starting} start, {failing} do not");
}

fn busybox() -> Option<String> {
    let found = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
    let path = String::from_utf8(found.stdout).unwrap();
    let needed = Command::new("ldd").arg(path.trim()).output().ok()?;
    (found.status.success() && !needed.status.success()).then_some(path)
}

/// A shell, `env`, a program in `PATH` and one beside it, and scripts of every kind.
fn fill(root: &Path, busybox: &str) {
    for directory in ["bin", "srv"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    for program in ["bin/sh", "bin/env"] {
        fs::copy(busybox, root.join(program)).unwrap();
    }
    // A name that no shell knows by itself.
    fs::write(root.join("app.rs"), "fn main() {}").unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["-Ctarget-feature=+crt-static", "-Cstrip=symbols", "app.rs", "-o", "bin/app"]);
    assert!(rustc.current_dir(root).status().unwrap().success());
    fs::copy(root.join("bin/app"), root.join("srv/app")).unwrap();
    for (name, mode, text) in [
        ("data", 0o644, "x"),
        ("crlf.sh", 0o755, "#!/bin/sh\r\nexec app\r\n"),
        ("bash.sh", 0o755, "#!/bin/bash\nexec app\n"),
        ("bare.sh", 0o755, "exec app\n"),
        ("entry.sh", 0o755, "#!/bin/sh\nset -e\nexec \"$@\"\n"),
    ] {
        fs::write(root.join(name), text).unwrap();
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    std::os::unix::fs::symlink("/srv/../bin", root.join("elsewhere")).unwrap();
}
