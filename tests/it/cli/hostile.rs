//! What hostile inputs and a hostile world must not do to a run: read files of this machine for an
//! image, lose a verdict, exhaust the machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::layers::{archive, file, image, index, named, program};
use crate::support::run;
use crate::support::{place, slow};

use place::Place;

fn binlint(at: &Path, words: &[&str]) -> Command {
    let mut command = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.args(words).current_dir(at).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn outcome(output: &Output, rule: &str) -> String {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)));
    let mut outcomes = report["subjects"][0]["outcomes"].as_array().unwrap().iter();
    let found = outcomes.find(|it| it["rule"] == rule);
    found.unwrap_or_else(|| panic!("no {rule}"))["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn a_path_of_an_image_is_no_path_of_this_machine() {
    let place = Place::honest();
    let program = place.path("target/release/my-app");
    let recorded = binlint(place.directory.path(), &["record", "--release"]).output().unwrap();
    assert!(recorded.status.success(), "{}", said(&recorded));
    // The same program at the same path of an image; the record lies on this machine alone.
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("root");
    let inside = root.join(program.strip_prefix("/").unwrap());
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    fs::copy(&program, &inside).unwrap();
    let rule = "missing-record";
    let root = root.display().to_string();
    let words = ["check", "--rootfs", &root, "-D", rule, "--format", "json"];
    let in_image = binlint(home.path(), &words).output().unwrap();
    assert_eq!(outcome(&in_image, rule), "fail", "{}", said(&in_image));
    // Nor can a record be held against it under that path.
    let record = format!("{}.intoto.jsonl", program.display());
    let named = binlint(home.path(), &[&words[..], &["--record", &record]].concat());
    let named = { named }.output().unwrap();
    assert_eq!(named.status.code(), Some(2), "{}", said(&named));
    assert!(said(&named).contains("lies in an image"), "{}", said(&named));
    // Of this machine's own program it is the record.
    let program = program.display().to_string();
    let words = ["check", "--binary", &program, "-D", rule, "--format", "json"];
    assert_eq!(outcome(&binlint(home.path(), &words).output().unwrap(), rule), "pass");
}

/// The exit code when the readers of both outputs are gone before anything is written.
fn code_unheard(at: &Path, words: &[&str]) -> Option<i32> {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    binlint(at, words).stdout(closed()).stderr(closed()).status().unwrap().code()
}

#[test]
fn a_reader_that_is_gone_changes_no_exit_code() {
    // A stub whose sources came later with an older date: denied.
    let stale = Place::with_stub();
    stale.copy_sources();
    let honest = Place::honest();
    for (place, words, code) in [
        (&stale, &["check"][..], 1),
        (&stale, &["check", "--format", "json"], 1),
        (&stale, &["check", "-q"], 1),
        (&stale, &["check", "-v", "--color", "always"], 1),
        (&stale, &["build", "--release", "--no-check"], 2),
        (&stale, &["build", "--release"], 1),
        (&stale, &["record"], 2),
        (&stale, &["check", "--binary", "gone"], 2),
        (&stale, &["check", "--nonsense"], 2),
        (&stale, &["inspect", "Cargo.toml"], 2),
        (&stale, &["inspect", "gone", "--format", "jsonl"], 2),
        (&stale, &["inspect", "target/release/my-app"], 0),
        (&honest, &["check"], 0),
        (&honest, &["verify", "target/release/my-app"], 2),
        (&honest, &["record"], 0),
        (&honest, &["verify", "target/release/my-app"], 0),
        (&honest, &["freshen", "--check"], 0),
        (&honest, &["build", "--release"], 0),
        (&honest, &["rules"], 0),
        (&honest, &["explain", "stale-sources"], 0),
        (&honest, &["explain", "no-such-rule"], 2),
    ] {
        let at = place.directory.path();
        assert_eq!(code_unheard(at, words), Some(code), "{words:?}");
        let heard = binlint(at, words).output().unwrap();
        assert_eq!(heard.status.code(), Some(code), "{words:?}: {}", said(&heard));
    }
}

/// What a terminal, a log or whoever pastes it would obey.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;t\u{7}clean\n::error title=x::evil\n  ::add-mask::a\r\u{202e}\
                    \u{9b}1m ##[error]b ##vso[task.complete]c\u{2028}`$(touch x)` '; touch y #\u{200b}";

/// What a terminal obeys instead of showing it: controls, separators of lines, and what Unicode
/// lists as `Bidi_Control` or without a width.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            u32::from(letter),
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
                | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe007f
        )
}

/// Every line is seen as it is, starts no command of a log, and has an end.
#[track_caller]
fn is_tame(output: &Output, what: &str) {
    for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        for line in text.split('\n') {
            assert!(!line.contains(is_unseen), "{what} {stream}: {line:?}");
            assert!(!line.trim_start().starts_with("::"), "{what} {stream}: {line:?}");
            assert!(!line.contains("##[") && !line.contains("##vso["), "{what} {stream}: {line:?}");
            let is_json = text.starts_with('{');
            assert!(is_json || line.len() <= 4000, "{what} {stream}: {} bytes", line.len());
        }
    }
}

/// The lines that are there to be pasted.
fn to_paste(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines().peekable();
    let mut pasted = Vec::new();
    while let Some(line) = lines.next() {
        match line.strip_prefix("    fix:") {
            None => {}
            Some("") => {
                while let Some(more) = lines.next_if(|line| line.starts_with("      ")) {
                    pasted.push(more.trim_start().to_owned());
                }
            }
            Some(one) => pasted.push(one.trim_start().to_owned()),
        }
    }
    pasted
}

/// A program whose loader's tables hold this instead of a library's name.
fn tampered(at: &Path) -> Vec<u8> {
    fs::write(at.join("main.rs"), "fn main() { println!(\"{:?}\", std::env::args()); }").unwrap();
    let mut rustc = run::command("rustc");
    rustc.args(["--edition=2024", "-o", "app", "main.rs"]).current_dir(at);
    assert!(rustc.status().unwrap().success());
    let mut bytes = fs::read(at.join("app")).unwrap();
    for (old, new) in [
        (&b"\0libgcc_s.so.1\0"[..], &b"\0\n::error::\x1b[1\0"[..]),
        (b"/lib64/ld-linux-x86-64.so.2\0", b"/lib64/\x1b[2J\n::error::x.so.2\0\0"),
    ] {
        let found = bytes.windows(old.len()).position(|window| window == old);
        if let Some(found) = found {
            bytes[found..found + new.len()].copy_from_slice(new);
        }
    }
    bytes
}

#[test]
fn no_text_of_an_image_is_more_than_a_part_of_a_line() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let app = tampered(at);
    let evil = serde_json::Value::from(EVIL).to_string();
    let bare = evil.trim_matches('"').to_owned();
    let long = serde_json::Value::from(EVIL.to_owned() + &"x".repeat(100_000)).to_string();
    let name = &EVIL.replace('/', "_")[..60];
    let layer = archive(&[
        program("app", &app),
        program(&format!("bin/{name}"), &app),
        file("script.sh", format!("#!{EVIL}\n").as_bytes()),
        program("bad.sh", b"#!/bin/\x1b[2Jsh\r\n"),
        file("etc/passwd", format!("{name}:x:1:1::/:\n").as_bytes()),
        file(
            "etc/os-release",
            format!("ID=debian\nPRETTY_NAME=\"{name}\"\nVERSION_CODENAME={name}").as_bytes(),
        ),
        file("etc/ld.so.preload", name.as_bytes()),
    ]);
    let configs = [
        format!(
            r#"{{"Entrypoint":[{evil},{evil}],"Cmd":[{evil}],"User":{evil},"Env":[{evil},"LD_PRELOAD=/{bare}","PATH={bare}"],"WorkingDir":"/{bare}","Labels":{{{evil}:{evil}}},"Healthcheck":{{"Test":["CMD",{evil}]}},"Volumes":{{"/{bare}":{{}}}}}}"#
        ),
        format!(r#"{{"Entrypoint":[{long}]}}"#),
        format!(
            r#"{{"Entrypoint":["/bin/{}"]}}"#,
            serde_json::Value::from(name).to_string().trim_matches('"')
        ),
        r#"{"Entrypoint":["/script.sh"]}"#.to_owned(),
        r#"{"Entrypoint":["/bad.sh"]}"#.to_owned(),
        format!(r#"{{"Entrypoint":["sh","-c",{evil}]}}"#),
        format!(r#"{{"Entrypoint":["/app"],"User":"{bare}"}}"#),
    ];
    let mut pasted = 0;
    for (number, config) in configs.iter().enumerate() {
        for platform in [("linux", "amd64"), (bare.as_str(), bare.as_str())] {
            let layout = at.join(format!("image{number}"));
            let made = image(&layout, platform, config, std::slice::from_ref(&layer));
            index(&layout, &[named(&made, &bare)]);
            let reference = format!("oci:{}", layout.display());
            for more in [
                &[][..],
                &["-v"],
                &["-v", "-W", "all"],
                &["--format", "json"],
                &["-q"],
                &["--at", EVIL],
            ] {
                let words = [&["check", "--image", &reference, "--color", "never"], more].concat();
                let output = binlint(at, &words).output().unwrap();
                is_tame(&output, &format!("{words:?}"));
                for line in to_paste(&output) {
                    pasted += 1;
                    assert!(!line.contains("evil") || line.contains(" ["), "{line}");
                }
            }
            is_tame(&binlint(at, &["verify", &reference]).output().unwrap(), "verify");
        }
    }
    assert!(pasted > 0, "nothing was to be pasted");
    for more in [&[][..], &["--format", "json"], &["--format", "jsonl"], &["-v"], &["--quick"]] {
        fs::write(at.join(name), &app).unwrap();
        let words = [&["inspect", "app", name, "gone\n::error::x\u{1b}"], more].concat();
        is_tame(&binlint(at, &words).output().unwrap(), &format!("{words:?}"));
    }
}

#[test]
fn no_text_of_a_workspace_is_more_than_a_part_of_a_line() {
    let place = Place::with_stub();
    place.copy_sources();
    let at = place.directory.path();
    let evil = serde_json::Value::from(EVIL).to_string();
    // TOML has other escapes for what is beyond `\\u`.
    for (path, text) in [
        ("binlint.toml", format!("[rules]\n{evil} = \"deny\"\n")),
        ("binlint.toml", format!("{evil} = 1\n")),
        ("binlint.toml", format!("[rules]\nall = {evil}\n")),
        ("binlint.toml", format!("[[waiver]]\nrule = \"stale-sources\"\nreason = {evil}\n")),
        ("binlint.toml", EVIL.to_owned()),
        ("rust-toolchain.toml", format!("[toolchain]\nchannel = {evil}\n")),
        (
            ".cargo/config.toml",
            format!("[build]\nrustflags = [\"--cfg\", {evil}]\n[env]\nX = {evil}\n"),
        ),
        (".cargo/config.toml", format!("[build]\ntarget-dir = {evil}\n")),
        ("Cargo.toml", EVIL.to_owned()),
        (
            "Cargo.toml",
            place::manifest("my-app", &format!("[profile.{evil}]\ninherits = \"dev\"\n")),
        ),
    ] {
        let old = fs::read(place.path(path)).ok();
        place.write(path, &text);
        for words in [
            &["check", "--color", "never"][..],
            &["check", "-v", "--color", "never"],
            &["check", "--format", "json"],
            &["freshen", "--check"],
            &["record"],
        ] {
            is_tame(&binlint(at, words).output().unwrap(), &format!("{path} {words:?}"));
        }
        match old {
            Some(old) => fs::write(place.path(path), old).unwrap(),
            None => fs::remove_file(place.path(path)).unwrap(),
        }
    }
    for words in [
        &["check", "--bin", EVIL][..],
        &["check", EVIL],
        &["explain", EVIL],
        &["check", "--binary", EVIL],
        &["check", "-D", EVIL],
        &["check", "--target-dir", EVIL],
        &["verify", EVIL],
        &["check", "--image", EVIL],
        &["check", "--image", "docker-daemon:\u{1b}\n"],
    ] {
        is_tame(&binlint(at, words).output().unwrap(), &format!("{words:?}"));
    }
}

/// A run with so much address space, in KiB, which ends within this many seconds.
#[track_caller]
fn bounded(at: &Path, words: &[&str], kib: u32, seconds: u64, input: Stdio) -> Output {
    let limited = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    let started = std::time::Instant::now();
    let mut command = run::offline("timeout");
    command.args([&(2 * seconds).to_string(), "sh", "-c", &limited]);
    command.arg(env!("CARGO_BIN_EXE_cargo-binlint")).args(words).current_dir(at).stdin(input);
    let output = command.output().unwrap();
    let took = started.elapsed().as_secs();
    assert!(took <= seconds, "{words:?}: {took} s");
    assert!(matches!(output.status.code(), Some(0..=2)), "{words:?}: {}", said(&output));
    output
}

#[test]
fn an_index_of_many_platforms_costs_no_more_than_its_documents() {
    use crate::support::layers::{CONFIG, MANIFEST, blob};
    let home = tempfile::tempdir().unwrap();
    let layout = home.path().join("image");
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","config":{{}},"rootfs":{{"type":"layers","diff_ids":[]}},"x":"{}"}}"#,
        "x".repeat((4 << 20) - 200)
    );
    let config = blob(&layout, CONFIG, config.as_bytes());
    let many = |count: usize| {
        let manifest = |number: usize| {
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{{config}}},"layers":[],"annotations":{{"n":"{number}"}}}}"#
            );
            let descriptor = blob(&layout, MANIFEST, text.as_bytes());
            let arch = if number == 0 { "amd64".to_owned() } else { format!("a{number}") };
            format!(r#"{descriptor},"platform":{{"os":"linux","architecture":"{arch}"}}"#)
        };
        index(&layout, &(0..count).map(manifest).collect::<Vec<_>>());
        let reference = format!("oci:{}", layout.display());
        let words = ["check", "--image", &reference, "--platform", "linux/amd64"];
        bounded(home.path(), &words, 1 << 20, 60, Stdio::null())
    };
    let bomb = many(990);
    assert!(said(&bomb).contains("documents are longer"), "{}", said(&bomb));
    let honest = many(3);
    assert!(!said(&honest).contains("documents are longer"), "{}", said(&honest));
}

#[test]
fn a_layer_that_is_named_often_is_read_once() {
    use std::io::Write;
    let home = tempfile::tempdir().unwrap();
    let layer =
        archive(&[file("zeros", &vec![0; 60 << 20]), program("app", &tampered(home.path()))]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&layer).unwrap();
    let packed = packed.finish().unwrap();
    let diff_id = crate::support::digest::Digest::sha256(&layer);
    for count in [1, 500] {
        use crate::support::layers::{CONFIG, MANIFEST, blob};
        let layout = home.path().join(format!("image{count}"));
        let list = |one: String| vec![one; count].join(",");
        let diff_ids = list(format!("\"{diff_id}\""));
        let config = format!(
            r#"{{"os":"linux","architecture":"amd64","config":{{"Cmd":["/app"]}},"rootfs":{{"type":"layers","diff_ids":[{diff_ids}]}}}}"#
        );
        let config = blob(&layout, CONFIG, config.as_bytes());
        let named = blob(&layout, "application/vnd.oci.image.layer.v1.tar+gzip", &packed);
        let named = list(format!("{{{named}}}"));
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{{config}}},"layers":[{named}]}}"#
        );
        let made = blob(&layout, MANIFEST, manifest.as_bytes());
        index(&layout, &[made]);
        let reference = format!("oci:{}", layout.display());
        let output =
            bounded(home.path(), &["check", "--image", &reference], 1 << 20, 40, Stdio::null());
        assert!(said(&output).contains("/app"), "{}", said(&output));
    }
}

#[test]
fn what_has_no_end_is_refused_in_one_line() {
    if !slow::has("tar") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let zeros = || fs::File::open("/dev/zero").unwrap();
    let refused = |output: &Output| {
        assert_eq!(output.status.code(), Some(2), "{}", said(output));
        assert_eq!(said(output).lines().count(), 1, "{}", said(output));
    };
    refused(&bounded(at, &["check", "--image", "-"], 1 << 20, 30, zeros().into()));
    refused(&bounded(at, &["check", "--image", "/dev/zero"], 1 << 20, 30, Stdio::null()));
    refused(&bounded(at, &["verify", "/dev/zero"], 1 << 20, 30, Stdio::null()));
    // A whole image, and zeros behind it: few are a record's padding.
    let layout = at.join("image");
    let layer = archive(&[program("app", &tampered(at))]);
    let made = image(&layout, ("linux", "amd64"), r#"{"Cmd":["/app"]}"#, &[layer]);
    index(&layout, &[made]);
    let tar =
        run::command("tar").args(["-C", "image", "-cf", "image.tar", "."]).current_dir(at).status();
    assert!(tar.unwrap().success());
    for (behind, code) in [("head -c 3000000 /dev/zero", None), ("cat /dev/zero", Some(2))] {
        let feed = format!("cat image.tar; exec {behind}");
        let mut feed = run::command("sh")
            .args(["-c", &feed])
            .current_dir(at)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = feed.stdout.take().unwrap();
        let output = bounded(at, &["check", "--image", "-"], 1 << 20, 30, input.into());
        match code {
            Some(_) => refused(&output),
            None => assert!(said(&output).contains("/app"), "{}", said(&output)),
        }
        feed.wait().unwrap();
    }
}

#[test]
fn a_report_never_replaces_what_is_read_and_is_whole_or_the_old_one() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let app = tampered(at);
    fs::write(at.join("app"), &app).unwrap();
    fs::write(at.join("a.tar"), archive(&[program("bin/app", &app)])).unwrap();
    std::os::unix::fs::symlink("app", at.join("link")).unwrap();
    for words in [
        &["inspect", "app", "-o", "app"][..],
        &["inspect", "app", "-o", "link"],
        &["check", "--binary", "app", "-o", "./app"],
        &["check", "--image", "a.tar", "-o", "a.tar"],
        &["verify", "app", "-o", "app"],
    ] {
        let output = binlint(at, words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", said(&output));
        assert!(said(&output).contains("which is an input"), "{words:?}: {}", said(&output));
    }
    assert!(fs::read(at.join("app")).unwrap() == app, "the program was written over");
    // What cannot be written leaves the old report as it was, and nothing beside it.
    fs::create_dir(at.join("out")).unwrap();
    let report = at.join("out/report.json");
    fs::write(&report, "old").unwrap();
    let limited = "ulimit -f 1; trap '' XFSZ; exec \"$0\" \"$@\"";
    let mut full = run::offline("sh");
    full.args(["-c", limited, env!("CARGO_BIN_EXE_cargo-binlint"), "inspect", "app", "-v"]);
    full.args(["--format", "json", "-o", "out/report.json"]).current_dir(at);
    let output = full.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(fs::read_to_string(&report).unwrap(), "old");
    assert_eq!(fs::read_dir(at.join("out")).unwrap().count(), 1);
    let words = ["inspect", "app", "--format", "json", "-o", "out/report.json"];
    assert!(binlint(at, &words).status().unwrap().success());
    assert!(fs::read_to_string(&report).unwrap().starts_with('{'));
}

#[test]
fn a_report_to_standard_output_by_name_leaves_the_log_before_it() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    fs::write(at.join("app"), tampered(at)).unwrap();
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let log = at.join("log");
        let line = "echo before; \"$0\" inspect app --format json -o \"$1\"; echo after";
        let mut shell = run::offline("sh");
        shell.args(["-c", line, env!("CARGO_BIN_EXE_cargo-binlint"), name]).current_dir(at);
        // As a shell's `>>` has it.
        let to = fs::File::options().create(true).append(true).open(&log).unwrap();
        assert!(shell.stdout(to).status().unwrap().success());
        let text = fs::read_to_string(&log).unwrap();
        assert!(text.starts_with("before\n{") && text.ends_with("}\nafter\n"), "{name}: {text}");
        fs::remove_file(log).unwrap();
    }
}

#[test]
fn a_question_executes_nothing_of_the_checkout() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::honest();
    let at = place.directory.path();
    let marker = place.path("executed");
    let real = run::command("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
    let real = String::from_utf8(real).unwrap().trim().to_owned();
    for name in ["tool", "path/bin/rustc", "path/bin/cargo"] {
        let program = name.rsplit('/').next().unwrap().replace("tool", "rustc");
        // As a wrapper it is given the compiler too.
        let script = format!(
            "#!/bin/sh\ntouch {}\ncase \"$1\" in *rustc) shift;; esac\nexec {real}/bin/{program} \"$@\"\n",
            marker.display()
        );
        place.write(name, &script);
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let tool = place.path("tool").display().to_string();
    let program = place.path("target/release/my-app").display().to_string();
    let run = |words: &[&str], home: Option<&Path>| {
        let mut command = binlint(at, words);
        // As it is started by itself, and not by cargo.
        command.env_remove("RUSTUP_TOOLCHAIN");
        if let Some(home) = home {
            command.env("CARGO_HOME", home);
        }
        let output = command.output().unwrap();
        (output, fs::remove_file(&marker).is_ok())
    };
    for (file, text) in [
        (".cargo/config.toml", format!("[build]\nrustc = \"{tool}\"\n")),
        (".cargo/config.toml", format!("[build]\nrustc-wrapper = \"{tool}\"\n")),
        (".cargo/config.toml", format!("[build]\nrustc-workspace-wrapper = \"{tool}\"\n")),
        (
            ".cargo/config.toml",
            format!(
                "[build]\nrustc = \"{tool}\"\nrustc-wrapper = \"{tool}\"\n[target.'cfg(unix)']\nrustflags = []\n"
            ),
        ),
        (
            "rust-toolchain.toml",
            format!("[toolchain]\npath = \"{}\"\n", place.path("path").display()),
        ),
    ] {
        place.write(file, &text);
        for words in [
            &["check"][..],
            &["check", "--binary", &program],
            &["freshen", "--check"],
            &["record", "--release"],
        ] {
            let (output, executed) = run(words, None);
            assert!(!executed, "{text} {words:?}: {}", said(&output));
            assert!(matches!(output.status.code(), Some(0..=2)), "{}", said(&output));
        }
        fs::remove_file(place.path(file)).unwrap();
    }
    // With these rustc would load or start what it is told to, so that cargo does not ask it.
    let asked = format!(
        "#!/bin/sh\ncase \"$*\" in *___*) touch {};; esac\nexec {real}/bin/rustc \"$@\"\n",
        marker.display()
    );
    place.write("first/rustc", &asked);
    fs::set_permissions(place.path("first/rustc"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", place.path("first").display(), std::env::var("PATH").unwrap());
    for (text, may_ask) in [
        ("[env]\nLD_PRELOAD = \"./evil.so\"\n", false),
        ("[env]\nRUSTC_BOOTSTRAP = \"1\"\n", false),
        ("[build]\nrustflags = [\"-Zcodegen-backend=./evil.so\"]\n", false),
        ("[target.'cfg(unix)']\nrustflags = [\"-Cllvm-args=-load=./evil.so\"]\n", false),
        (
            "[env]\nSQLX_OFFLINE = \"true\"\n[build]\nrustflags = [\"-Ctarget-cpu=x86-64-v2\"]\n",
            true,
        ),
    ] {
        place.write(".cargo/config.toml", text);
        let mut command = binlint(at, &["check"]);
        command.env("PATH", &path);
        let output = command.output().unwrap();
        assert_eq!(fs::remove_file(&marker).is_ok(), may_ask, "{text}: {}", said(&output));
    }
    fs::remove_file(place.path(".cargo/config.toml")).unwrap();
    // What the user's own home configures is this machine's.
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), format!("[build]\nrustc = \"{tool}\"\n")).unwrap();
    let (output, executed) = run(&["check"], Some(home.path()));
    assert!(executed, "{}", said(&output));
}
