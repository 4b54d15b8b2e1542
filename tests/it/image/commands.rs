//! What an image's command comes to, held to a real engine: it starts, or it ends with the very
//! words and the very code that were predicted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use binlint::internals::start::command::{CommandTarget, ResolvedCommand as Resolved};
use binlint::internals::start::image::{Image, ImageQuery};

use crate::support::docker;
use crate::support::docker::Engine;
use crate::support::run;

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
    "ENTRYPOINT [\"env\", \"/data\"]",
    "ENTRYPOINT [\"/srv\"]",
    "USER 1000:1000\nENTRYPOINT [\"app\"]",
    "USER 1000\nCMD [\"/bin/sh\", \"-c\", \"exec app\"]",
    "WORKDIR /new/directory\nENTRYPOINT [\"../../srv/app\"]",
    "ENTRYPOINT [\"sh\", \"-c\", \"exec \\\"$@\\\"\", \"sh\", \"app\"]",
    "ENTRYPOINT [\"sh\", \"-c\", \"shift; exec $1\", \"sh\", \"a\", \"app\"]",
    "ENTRYPOINT [\"sh\", \"-c\", \"set -- nope; exec $1\"]",
    "ENTRYPOINT PATH=/srv exec app",
    "ENTRYPOINT export PATH=/nowhere; exec app",
    "ENTRYPOINT /data",
    "ENTRYPOINT . /data; exec app",
];

/// The same where wrappers start something, and where the image's user is let in or not: a wrapper,
/// shell or user, then the program.
const WRAPPED: &[&str] = &[
    "tini --",
    "dumb-init",
    "catatonit --",
    "gosu app",
    "s6-setuidgid app",
    "chpst -u app",
    "setpriv --reuid=1000",
    "nice -n 5",
    "ionice -c 3",
    "nohup",
    "stdbuf -oL",
    "timeout 5",
    "time",
    "env",
];

const OF_USERS: &[&str] = &[
    "USER app\nENTRYPOINT [\"tini\", \"--\", \"/mine\"]",
    "USER app\nENTRYPOINT [\"tini\", \"--\", \"/private/app\"]",
    "USER app\nENTRYPOINT [\"tini\", \"--\", \"app\"]",
    "USER app\nENV PATH=/private:/bin\nENTRYPOINT [\"/usr/bin/tini\", \"--\", \"app\"]",
    "USER app\nENTRYPOINT exec /mine",
    "USER app\nENTRYPOINT exec /private/app",
    "USER app\nENTRYPOINT exec /text",
    "USER app\nENTRYPOINT [\"/secret.sh\"]",
    "USER app\nENTRYPOINT [\"sh\", \"/secret.sh\"]",
    "USER app\nENTRYPOINT [\"tini\", \"--\", \"/secret.sh\"]",
    "USER 1000:7\nENTRYPOINT [\"tini\", \"--\", \"/group\"]",
    "USER app\nENTRYPOINT [\"tini\", \"--\", \"/group\"]",
    "USER root\nENTRYPOINT [\"tini\", \"--\", \"/mine\"]",
    "ENTRYPOINT [\"/to-directory.sh\"]",
    "ENTRYPOINT [\"/to-data.sh\"]",
    "ENTRYPOINT [\"tini\", \"--\", \"/to-data.sh\"]",
    "ENTRYPOINT [\"/private\"]",
    "ENTRYPOINT [\"tini\", \"--\", \"/private\"]",
    "ENTRYPOINT [\"tini\", \"--\", \"gosu\", \"app\", \"/mine\"]",
    "ENTRYPOINT [\"gosu\", \"1000:7\", \"/group\"]",
];

/// Judges cases over a base image: it starts, or it ends with these words and this code.
struct Judge<'a> {
    engine: &'a Engine,
    base: String,
    wrong: Vec<String>,
    starting: usize,
    failing: usize,
}

impl Judge<'_> {
    fn judge(&mut self, case: &str) {
        let context = tempfile::tempdir().unwrap();
        let text = format!("FROM {}\n{case}\n", self.base);
        fs::write(context.path().join("Dockerfile"), text).unwrap();
        let image = self.engine.build(context.path(), &[]);
        let read = Image::read(
            format!("docker-daemon:{}:latest", image.name).as_ref(),
            &ImageQuery::default(),
            &|_, _| {},
        );
        let read = read.unwrap_or_else(|error| panic!("{case}: {error}"));
        let ran = image.run(&[]);
        let said = String::from_utf8_lossy(&ran.stderr);
        let command: &Resolved = read.start().expect("a command");
        let right = match &command.end {
            CommandTarget::Program(_) => {
                self.starting += 1;
                ran.status.success()
            }
            CommandTarget::Fails(failure) => {
                self.failing += 1;
                // An engine that was compiled with a Go before 1.20 has no word for a directory.
                let of_go = failure.message.replace("is a directory", "permission denied");
                (said.contains(&failure.message) || said.contains(&of_go))
                    && ran.status.code() == Some(failure.exit_code.into())
            }
            CommandTarget::Unknown(_) | CommandTarget::Nothing => false,
        };
        if !right {
            let code = ran.status.code();
            self.wrong.push(format!("{case}\n{:?}\n{code:?} {said}", command.end));
        }
    }
}

#[test]
fn commands_come_to_what_was_predicted() {
    let Some(engine) = Engine::get() else { return };
    let busybox = busybox().expect("a static busybox, to make a small image of");
    let root = tempfile::tempdir().unwrap();
    fill(root.path(), busybox.trim());
    let base = engine.root(root.path());
    let (wrong, name) = (Vec::new(), base.name.clone());
    let mut judge = Judge { engine: &engine, base: name, wrong, starting: 0, failing: 0 };
    CASES.iter().for_each(|case| judge.judge(case));
    let Judge { wrong, starting, failing, .. } = judge;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
    assert!(starting > 8 && failing > 8, "{starting} start, {failing} do not");
}

#[test]
fn wrappers_say_of_a_program_what_was_predicted() {
    let Some(engine) = Engine::get() else { return };
    let packages = ["base-files", "dash", "coreutils", "util-linux", "tini", "dumb-init"];
    let more = ["catatonit", "gosu", "s6", "runit", "time"];
    let packages = engine.distroless(docker::SUITE, &[&packages[..], &more].concat());
    let context = tempfile::tempdir().unwrap();
    let root = context.path().join("root");
    fill_for_users(&root);
    fs::write(context.path().join("Dockerfile"), format!("FROM {packages}\nCOPY root/ /\n"))
        .unwrap();
    let base = engine.build(context.path(), &[]);
    let (wrong, name) = (Vec::new(), base.name.clone());
    let mut judge = Judge { engine: &engine, base: name, wrong, starting: 0, failing: 0 };
    for wrapper in WRAPPED {
        for program in ["/nope", "/data", "app"] {
            let words: Vec<&str> = wrapper.split(' ').chain([program]).collect();
            judge.judge(&format!("ENTRYPOINT {words:?}"));
        }
    }
    // What calls `execvp` hands a text to a shell, the others do not; catatonit has its C library
    // in itself and does not say which.
    for wrapper in ["tini --", "dumb-init", "gosu app", "s6-setuidgid app", "chpst -u app", "env"] {
        let words: Vec<&str> = wrapper.split(' ').chain(["/text"]).collect();
        judge.judge(&format!("ENTRYPOINT {words:?}"));
    }
    for wrapper in ["gosu", "s6-setuidgid"] {
        judge.judge(&format!("ENTRYPOINT [\"{wrapper}\", \"app\", \"/mine\"]"));
    }
    judge.judge("ENTRYPOINT [\"chpst\", \"-u\", \"app\", \"/private/app\"]");
    OF_USERS.iter().for_each(|case| judge.judge(case));
    let Judge { wrong, starting, failing, .. } = judge;
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(starting > 15 && failing > 40, "{starting} start, {failing} do not");
}

/// What users are let in to and what not, and a text without a first line.
fn fill_for_users(root: &Path) {
    for directory in ["bin", "private", "etc"] {
        fs::create_dir_all(root.join("usr").join(directory)).unwrap();
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    // The packages of this release have their programs in both.
    fs::remove_dir(root.join("bin")).unwrap();
    static_program(root, "mine");
    for copy in ["usr/bin/app", "private/app", "group"] {
        fs::copy(root.join("mine"), root.join(copy)).unwrap();
    }
    texts(
        root,
        &[
            ("data", 0o644, "x"),
            ("text", 0o755, "exec app\n"),
            ("secret.sh", 0o711, "#!/bin/sh\nexec app\n"),
            ("to-directory.sh", 0o755, "#!/private\n"),
            ("to-data.sh", 0o755, "#!/data\n"),
            ("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"),
            ("etc/group", 0o644, "root:x:0:\napp:x:1000:\nlog:x:7:\n"),
            ("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\n"),
        ],
    );
    for (name, mode) in [("mine", 0o700), ("private", 0o700), ("group", 0o710)] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    std::os::unix::fs::chown(root.join("group"), Some(0), Some(7)).unwrap();
}

/// A program that needs nothing of the root, and does nothing.
fn static_program(root: &Path, at: &str) {
    fs::write(root.join("app.rs"), "fn main() {}").unwrap();
    let mut rustc = run::command("rustc");
    rustc.args(["-Ctarget-feature=+crt-static", "-Cstrip=symbols", "app.rs", "-o", at]);
    assert!(rustc.current_dir(root).status().unwrap().success());
}

/// Files of these names, permissions and words.
fn texts(root: &Path, files: &[(&str, u32, &str)]) {
    for (name, mode, text) in files {
        fs::write(root.join(name), text).unwrap();
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(*mode)).unwrap();
    }
}

fn busybox() -> Option<String> {
    let found = run::command("sh").args(["-c", "command -v busybox"]).output().unwrap();
    let path = String::from_utf8(found.stdout).unwrap();
    let needed = run::command("ldd").arg(path.trim()).output().ok()?;
    (found.status.success() && !needed.status.success()).then_some(path)
}

/// A shell, `env`, a program in `PATH` and one beside it, and scripts of every kind.
fn fill(root: &Path, busybox: &str) {
    for directory in ["bin", "srv"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for applet in ["bin/sh", "bin/env"] {
        std::os::unix::fs::symlink("busybox", root.join(applet)).unwrap();
    }
    // A name that no shell knows by itself.
    static_program(root, "bin/app");
    fs::copy(root.join("bin/app"), root.join("srv/app")).unwrap();
    texts(
        root,
        &[
            ("data", 0o644, "x"),
            ("crlf.sh", 0o755, "#!/bin/sh\r\nexec app\r\n"),
            ("bash.sh", 0o755, "#!/bin/bash\nexec app\n"),
            ("bare.sh", 0o755, "exec app\n"),
            ("entry.sh", 0o755, "#!/bin/sh\nset -e\nexec \"$@\"\n"),
        ],
    );
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    std::os::unix::fs::symlink("/srv/../bin", root.join("elsewhere")).unwrap();
}
