//! `check --rebuild` where it is interrupted, where the disk is read-only, full or another one, and
//! where two run at once: the build in question is as it was, and the reason is one line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::support::layers;
use crate::support::place::Place;
use crate::support::rebuilding::{
    Answer, MAIN, answer, changed, edit, linter, package, rebuild, rebuild_with, snapshot,
    wait_until,
};
use crate::support::run;
use crate::support::slow::{self, Need};

#[test]
fn a_rebuild_that_is_killed_leaves_the_build_as_it_was() {
    let place = package("");
    place.copy(
        "build.rs",
        "fn main() {\n    std::thread::sleep(std::time::Duration::from_millis(\n        \
         std::env::var(\"SLEEP\").map_or(0, |it| it.parse().unwrap()),\n    ));\n    \
         println!(\"cargo:rerun-if-changed=build.rs\");\n}\n",
    );
    place.build(&[]);
    let target = place.path("target");
    let before = snapshot(&target);
    for signal in ["INT", "KILL"] {
        let mut child = linter(&place, &[])
            .env("SLEEP", "60000")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let is_there = || {
            let entries = fs::read_dir(&target).unwrap().map(|it| it.unwrap().file_name());
            entries.into_iter().any(|it| it.to_string_lossy().starts_with(".binlint-rebuild-"))
        };
        wait_until(is_there);
        std::thread::sleep(Duration::from_millis(700));
        let id = child.id().to_string();
        // The shell has it where no package with the program is installed.
        let sent = run::command("sh").args(["-c", &format!("kill -s {signal} {id}")]).status();
        let sent = sent.unwrap();
        assert!(sent.success());
        child.wait().unwrap();
        wait_until(|| !is_there());
        wait_until(|| changed(&before, &target).is_empty());
    }
    rebuild(&place, &[]).is_proven();
}

#[test]
fn two_at_once_a_failing_build_and_a_kept_one() {
    let place = package("");
    place.build(&[]);
    let before = snapshot(&place.path("target"));
    let run = || linter(&place, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for child in [run(), run()] {
        answer(&child.wait_with_output().unwrap()).is_proven();
    }
    assert_eq!(changed(&before, &place.path("target")), [""; 0]);
    place.copy("src/main.rs", "fn main() {\n    nothing()\n}\n");
    let failing = rebuild(&place, &[]);
    failing.is("not-possible", "the sources do not compile");
    place.copy("src/main.rs", MAIN);
    let kept = answer(&linter(&place, &["--keep"]).output().unwrap());
    kept.is_proven();
    let directory = PathBuf::from(kept.only()["kept"].as_str().unwrap());
    assert!(directory.join("0/target/release/my-app").is_file());
    // What is kept is no build of its own.
    rebuild(&place, &[]).is_proven();
}

/// The target directory is mounted by these commands, in namespaces of their own; `T` is its path,
/// and `S` a directory for temporary files.
fn mounted(place: &Place, mount: &str, more: &[(&str, &str)]) -> Answer {
    let target = place.path("target");
    let temporary = place.path("temporary");
    fs::create_dir_all(&temporary).unwrap();
    let run = linter(place, &[]);
    let words: Vec<_> = std::iter::once(run.get_program()).chain(run.get_args()).collect();
    let before = snapshot(&target);
    let output = run::offline("unshare")
        .args(["-m", "sh", "-c", &format!("set -e; {mount}; exec \"$@\""), "sh"])
        .args(words)
        .current_dir(place.directory.path())
        .env("T", &target)
        .env("S", &temporary)
        .envs(more.iter().copied())
        .output()
        .unwrap();
    assert_eq!(changed(&before, &target), [""; 0], "the judged build was touched");
    answer(&output)
}

#[test]
fn a_target_directory_that_is_read_only_is_left_alone() {
    if slow::is_left_out(Need::Root) {
        return;
    }
    let place = package("");
    place.build(&[]);
    let read_only = "mount --bind \"$T\" \"$T\"; mount -o remount,bind,ro \"$T\"";
    mounted(&place, read_only, &[]).is_proven();
    edit(&place, "src/main.rs", "9090", "9091");
    mounted(&place, read_only, &[]).is_denied();
    // Where not even temporary files can be written, the reason is one line.
    edit(&place, "src/main.rs", "9091", "9090");
    let nowhere =
        format!("{read_only}; mount --bind \"$S\" \"$S\"; mount -o remount,bind,ro \"$S\"");
    let temporary = place.path("temporary");
    let nowhere = mounted(&place, &nowhere, &[("TMPDIR", temporary.to_str().unwrap())]);
    nowhere.is("not-possible", "Read-only file system");
    assert_eq!(nowhere.code, 0);
}

/// A disk of so many KB for the rebuild: the target directory itself cannot be written.
#[test]
fn a_full_disk_is_a_reason() {
    if slow::is_left_out(Need::Root) {
        return;
    }
    let place = package("");
    place.build(&[]);
    let temporary = place.path("temporary");
    let temporary = temporary.to_str().unwrap();
    for size in ["8k", "100k", "300k"] {
        let mount = format!(
            "mount --bind \"$T\" \"$T\"; mount -o remount,bind,ro \"$T\"; \
             mount -t tmpfs -o size={size} none \"$S\""
        );
        let full = mounted(&place, &mount, &[("TMPDIR", temporary)]);
        let reason = full.only()["reason"].as_str().unwrap();
        let is_told = reason.contains("disk is full") || reason.contains("No space left");
        assert!(full.only()["outcome"] == "not-possible" && is_told, "{size}: {}", full.only());
        assert_eq!(reason.lines().count(), 1, "{reason}");
    }
    rebuild(&place, &[]).is_proven();
}

/// The build lies on a disk that is full since: the directory for temporary files serves, and
/// nothing is left of the attempt.
#[test]
fn a_target_directory_on_a_full_disk_of_its_own_is_left_alone() {
    if slow::is_left_out(Need::Root) {
        return;
    }
    let place = package("");
    let script = "set -e; mkdir -p target temporary; mount -t tmpfs -o size=64m none target; \
                  cargo build --release -q; dd if=/dev/zero of=target/full bs=4k 2>/dev/null || :; \
                  find target -exec stat -c '%n %i %Y %Z %s' {} + | sort > before; \
                  \"$@\" > report.json; \
                  find target -exec stat -c '%n %i %Y %Z %s' {} + | sort > after";
    let run = linter(&place, &[]);
    let output = run::offline("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report =
        std::process::Output { stdout: fs::read(place.path("report.json")).unwrap(), ..output };
    answer(&report).is_proven();
    let listed = |name: &str| {
        let text = fs::read_to_string(place.path(name)).unwrap();
        // The change time of the directory itself follows from setting its date again.
        text.lines().filter(|it| !it.starts_with("target ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed("before"), listed("after"));
}

#[test]
fn another_file_system_holds_the_build() {
    use std::os::unix::fs::MetadataExt;
    let shared = Path::new("/dev/shm");
    let device = |path: &Path| fs::metadata(path).map(|it| it.dev()).ok();
    let place = package("");
    if device(shared).is_none() || device(shared) == device(place.directory.path()) {
        return;
    }
    let target = tempfile::tempdir_in(shared).unwrap();
    let name = target.path().to_str().unwrap();
    place.cargo(&["build", "--release", "--target-dir", name]);
    let run = || {
        let before = snapshot(target.path());
        let output = linter(&place, &["--target-dir", name]).output().unwrap();
        assert_eq!(changed(&before, target.path()), [""; 0], "the judged build was touched");
        answer(&output)
    };
    run().is_proven();
    edit(&place, "src/main.rs", "9090", "9091");
    run().is_denied();
}

/// On a terminal, one line says which crate is compiled and for how long; elsewhere nothing does.
#[test]
fn a_terminal_is_told_which_crate_and_how_long() {
    let place = package("");
    place.copy(
        "build.rs",
        "fn main() {\n    std::thread::sleep(std::time::Duration::from_millis(\n        \
         std::env::var(\"SLEEP\").map_or(0, |it| it.parse().unwrap()),\n    ));\n    \
         println!(\"cargo:rerun-if-changed=build.rs\");\n}\n",
    );
    place.build(&[]);
    let run = linter(&place, &[]);
    let quiet = linter(&place, &[]).output().unwrap();
    assert!(!String::from_utf8_lossy(&quiet.stderr).contains("Rebuilding"));
    if !slow::has("script") {
        return;
    }
    let words = std::iter::once(run.get_program()).chain(run.get_args());
    let words: Vec<String> = words.map(|it| format!("'{}'", it.to_str().unwrap())).collect();
    let shown = run::offline("script")
        .args(["-qec", &format!("{} >/dev/null", words.join(" ")), "/dev/null"])
        .env("SLEEP", "1500")
        .current_dir(place.directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("Rebuilding my-app v0.3.0 (0 s)"), "{shown:?}");
    assert!(shown.contains("Rebuilding my-app v0.3.0 (1 s)"), "{shown:?}");
    assert!(shown.trim_end_matches(['\r', '\n']).ends_with("\r\u{1b}[K"), "{shown:?}");
}

/// An archive of an image with the program in it, as `skopeo copy` writes one.
fn archive(place: &Place, program: &[u8]) -> PathBuf {
    archive_of(place, program, r#"{"Cmd":["/usr/bin/my-app"]}"#, &[])
}

/// The same with a configuration and a history of its own.
fn archive_of(place: &Place, program: &[u8], config: &str, steps: &[&str]) -> PathBuf {
    let mut entries = vec![
        layers::directory("usr"),
        layers::directory("usr/bin"),
        layers::program("usr/bin/my-app", program),
    ];
    let settings = place.path("settings.toml");
    let settings = fs::read(&settings).unwrap_or_default();
    if !settings.is_empty() {
        entries.extend([layers::directory("opt"), layers::directory("opt/cargo")]);
        entries.push(layers::program("opt/cargo/config.toml", &settings));
    }
    let layer = layers::archive(&entries);
    let layout = place.path("layout");
    let _ = fs::remove_dir_all(&layout);
    let platform = ("linux", if std::env::consts::ARCH == "x86_64" { "amd64" } else { "arm64" });
    let step = |(index, text): (usize, &&str)| {
        format!(r#"{{"created_by":"{text}","empty_layer":{}}}"#, index > 0)
    };
    let history: Vec<String> = steps.iter().enumerate().map(step).collect();
    // The history stands beside the configuration.
    let config = format!(r#"{config},"history":[{}]"#, history.join(","));
    let image = layers::image(&layout, platform, &config, &[layer]);
    layers::index(&layout, &[layers::named(&image, "latest")]);
    let archive = place.path("app.tar");
    let tar = run::command("tar").arg("-C").arg(&layout).arg("-cf").arg(&archive).arg(".").status();
    assert!(tar.unwrap().success());
    archive
}

#[test]
fn the_program_of_an_image_is_held_against_a_rebuild_here() {
    let place = package("");
    place.build(&[]);
    let program = fs::read(place.path("target/release/my-app")).unwrap();
    let image = archive(&place, &program);
    let tar = |place: &Place| rebuild(place, &["--image", image.to_str().unwrap()]);
    tar(&place).is("equal", "");
    let layout = format!("oci:{}", place.path("layout").display());
    rebuild(&place, &["--image", &layout]).is("equal", "");
    edit(&place, "src/main.rs", "9090", "9091");
    tar(&place).is_denied();
    // Built anew here, and the image has the program of before: nobody knows with which flags.
    place.touch("src/main.rs");
    place.build(&[]);
    tar(&place).is("not-possible", "it carries no record");
    // Its record tells.
    edit(&place, "src/main.rs", "9091", "9090");
    place.touch("src/main.rs");
    let record = |place: &Place| {
        let done = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
            .args(["record", "--release", "--embed"])
            .current_dir(place.directory.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    place.build(&[]);
    record(&place);
    archive(&place, &fs::read(place.path("target/release/my-app")).unwrap());
    tar(&place).is("same-code", "record");
    edit(&place, "src/main.rs", "9090", "9091");
    place.touch("src/main.rs");
    place.build(&[]);
    tar(&place).is_denied();
    // With other flags here, the record says so.
    place.cargo(&["clean"]);
    place.cargo_with(&["build", "--release"], &[("RUSTFLAGS", "-C target-cpu=x86-64-v2")]);
    tar(&place).is("not-possible", "names other RUSTFLAGS");
}

/// No record, and the history tells: the words, the variables, and the program its own compiler.
#[test]
fn the_history_of_an_image_tells_how_its_program_was_built() {
    const RUN: &str = "RUN /bin/sh -c cargo build --release --locked # buildkit";
    let place = package("");
    edit(&place, "src/main.rs", "{} {}", "{} {:?} {}");
    edit(&place, "src/main.rs", "text::greeting()", "text::greeting(), option_env!(\"SHA\")");
    place.build(&[]);
    let program = fs::read(place.path("target/release/my-app")).unwrap();
    let image = |env: &str, step: &str| {
        let config = format!(r#"{{"Cmd":["/usr/bin/my-app"],"Env":[{env}]}}"#);
        let archive = archive_of(&place, &program, &config, &["COPY . .", step]);
        rebuild(&place, &["--image", archive.to_str().unwrap()])
    };
    image("", RUN).is("equal", "");
    edit(&place, "src/main.rs", "9090", "9091");
    place.touch("src/main.rs");
    place.build(&[]);
    image("", RUN).is_denied();
    image("", &RUN.replace(" --locked", "")).is("not-possible", "without `--locked`");
    image("", &RUN.replace("--release", "--profile dist")).is("not-possible", "another profile");
    image("", "COPY app /app").is("not-possible", "it carries no record");
    image("\"RUSTFLAGS=-C opt-level=1\"", RUN).is("not-possible", "names other flags");
    // What the program reads of the environment was another text there.
    image("\"SHA=1b2c\"", RUN).is("not-possible", "a variable");
}

/// Of an honest program, the history does not name each setting that made it: one in cargo's home,
/// in a variable, or a step that edits the manifest.
#[test]
fn a_setting_that_no_history_names_accuses_nobody() {
    const RUN: &str = "RUN /bin/sh -c cargo build --release --locked # buildkit";
    const THIN: &str = "[profile.release]\nlto = \"thin\"\n";
    let place = package("");
    place.build(&[]);
    let program = fs::read(place.path("target/release/my-app")).unwrap();
    let run = |env: &str, steps: &[&str], here: &[(&str, &str)]| {
        let config = format!(r#"{{"Cmd":["/usr/bin/my-app"],"Env":[{env}]}}"#);
        let archive = archive_of(&place, &program, &config, steps);
        rebuild_with(&place, &["--image", archive.to_str().unwrap()], here)
    };
    let sources = ["WORKDIR /app", "COPY . ."];
    let steps = [sources[0], sources[1], RUN];
    // The image's program is of other optimisation settings than what is built here from now on.
    let setting = [("CARGO_PROFILE_RELEASE_LTO", "thin"), ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")];
    place.cargo(&["clean"]);
    place.cargo_with(&["build", "--release"], &setting);
    let answer = run("", &steps, &setting);
    answer.is("not-possible", "CARGO_PROFILE_RELEASE_LTO may change what is compiled");
    assert_eq!((answer.code, answer.denied.len()), (0, 0));
    let home = place.path("home");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("config.toml"), format!("{THIN}opt-level = 1\n")).unwrap();
    let home = [("CARGO_HOME", home.to_str().unwrap())];
    place.cargo(&["clean"]);
    place.cargo_with(&["build", "--release"], &home);
    let answer = run("", &steps, &home);
    answer.is("not-possible", "`profile` of ");
    assert_eq!((answer.code, answer.denied.len()), (0, 0));
    // The same on the other side: what was built here is of plain settings.
    edit(&place, "src/main.rs", "9090", "9091");
    place.touch("src/main.rs");
    place.cargo(&["clean"]);
    place.build(&[]);
    for (step, reason) in [
        ("RUN /bin/sh -c sed -i s/3/2/ Cargo.toml # buildkit", "before its build"),
        ("COPY docker/Cargo.toml Cargo.toml # buildkit", "before its build"),
        ("RUN /bin/sh -c echo lto=1 >> Cargo.toml # buildkit", "before its build"),
        ("RUN /bin/sh -c . ./env; cargo fetch # buildkit", "may build in another way"),
    ] {
        let answer = run("", &[sources[0], sources[1], step, RUN], &[]);
        answer.is("not-possible", reason);
        assert_eq!((answer.code, answer.denied.len()), (0, 0));
    }
    run("", &[sources[0], sources[1], RUN, "COPY /a /usr/bin/my-app"], &[])
        .is("not-possible", "after its build");
    run("\"BASH_ENV=/env\"", &steps, &[]).is("not-possible", "BASH_ENV is set");
    run("\"CARGO_PROFILE_RELEASE_LTO=fat\"", &steps, &[]).is("not-possible", "_LTO is set");
    let argument = "RUN |1 CARGO_PROFILE_RELEASE_LTO=fat /bin/sh -c cargo build --release --locked";
    run("", &[sources[0], sources[1], argument], &[]).is("not-possible", "_LTO is set");
    let env = "\"CARGO_HOME=/opt/cargo\"";
    place.write("settings.toml", THIN);
    run(env, &steps, &[]).is("not-possible", "`profile` of the image's /opt/cargo/config.toml");
    // Where nothing of that is so, the edit is denied.
    place.write("settings.toml", "[net]\noffline = true\n");
    run(env, &steps, &[]).is_denied();
}
