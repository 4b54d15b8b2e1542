//! The tree that each engine makes of the same layers: where they all agree it is ours, and where
//! they do not we say so.

use std::path::Path;
use std::process::Output;

use binlint::internals::rootfs::MAX_CONTENTS;
use binlint::internals::rootfs::layer::{FileSelector, Retention};
use binlint::internals::rootfs::load::load;
use binlint::internals::rootfs::source::oci_layout::OciLayout;

use crate::support::layers::archive;
use crate::support::newer_engine::{Engine, Keeps, root, run};
use crate::support::run;
use crate::support::squash_corpus::squash_corpus;
use crate::support::trees::{keep, layout_of, shown, umoci};

/// What one of them makes of a case: its tree, or why it refuses.
type Outcome = Result<String, String>;

/// A case as an archive that every engine loads.
struct Case {
    name: &'static str,
    archive: Vec<u8>,
    umoci: Outcome,
    ours: Outcome,
    noted: bool,
}

/// Where the engines agree with one another, differ from umoci and it makes no difference: a
/// whiteout in a directory that nobody made leaves that directory, empty.
const EMPTY_DIRECTORY_ONLY: &str = "hide-in-nothing";

#[test]
fn engines_come_to_our_tree_or_we_say_that_they_do_not() {
    let Some(root) = root("trixie") else { return };
    let cases = cases();
    let storage = tempfile::tempdir().unwrap();
    let in_containerd = Engine::start(&root, Keeps::InContainerd);
    let in_directories = Engine::start(&root, Keeps::InDirectories);
    let all = |of: &dyn Fn(&Case) -> Outcome| cases.iter().map(of).collect::<Vec<Outcome>>();
    let engines = std::thread::scope(|scope| {
        let all = [
            ("containerd", scope.spawn(|| all(&|case| docker(&in_containerd, case)))),
            ("Docker", scope.spawn(|| all(&|case| docker(&in_directories, case)))),
            ("podman", scope.spawn(|| all(&|case| podman(storage.path(), case)))),
        ];
        all.map(|(name, running)| (name, running.join().expect("an engine's turn")))
    });
    let mut wrong = Vec::new();
    let (mut agreed, mut noted, mut refused) = (0, 0, 0);
    for (index, case) in cases.iter().enumerate() {
        let theirs = || engines.iter().map(|(name, outcomes)| (*name, &outcomes[index]));
        let same = |a: &Outcome, b: &Outcome| a.as_ref().ok() == b.as_ref().ok();
        let agree =
            theirs().all(|(_, it)| same(it, &case.umoci)) || case.name == EMPTY_DIRECTORY_ONLY;
        let as_umoci = case.umoci.is_ok() && same(&case.ours, &case.umoci);
        let fine = match &case.ours {
            Ok(_) if agree => as_umoci && !case.noted,
            // Where umoci refuses, what every engine makes of it counts.
            Ok(_) => case.noted && (as_umoci || theirs().all(|(_, it)| same(it, &case.ours))),
            Err(_) => agree && case.umoci.is_err(),
        };
        agreed += usize::from(agree && case.ours.is_ok());
        noted += usize::from(case.noted);
        refused += usize::from(case.ours.is_err());
        if !fine {
            let (name, ours) = (case.name, &case.ours);
            let theirs: Vec<String> =
                theirs().map(|(name, it)| format!("\n  {name}: {it:?}")).collect();
            wrong.push(format!(
                "{name}: {ours:?}, noted: {}\n  umoci: {:?}{}",
                case.noted,
                case.umoci,
                theirs.concat()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "{agreed} trees of which all agree, {noted} on which they do not, {refused} refused by all"
    );
    assert!(agreed > 20 && noted > 12 && refused > 4, "{agreed} {noted} {refused}");
}

fn cases() -> Vec<Case> {
    let directory = tempfile::tempdir().unwrap();
    let case = |(name, layers): (&'static str, Vec<Vec<Vec<u8>>>)| {
        let layers: Vec<Vec<u8>> = layers.iter().map(|entries| archive(entries)).collect();
        let layout = layout_of(directory.path(), &layers);
        let interest = FileSelector::new(&|_, _| Retention::Look(MAX_CONTENTS), &keep);
        let reference = OciLayout { path: layout.clone(), tag: None };
        let ours =
            load(&reference, None, &interest, &mut |_| Ok(())).map(|loaded| loaded.image.files);
        Case {
            name,
            archive: archive_for_engines(&layout, name),
            umoci: umoci(&layout),
            noted: ours.as_ref().is_ok_and(|files| !files.ambiguous.is_empty()),
            ours: ours.map(|files| shown(&files)).map_err(|failure| failure.source.to_string()),
        }
    };
    squash_corpus().into_iter().map(case).collect()
}

fn image_name(case: &str) -> String {
    format!("local.invalid/{case}:latest")
}

/// The layout with the names that containerd goes by and the manifest that Docker's own store does.
fn archive_for_engines(layout: &Path, case: &str) -> Vec<u8> {
    let read = |path: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(layout.join(path)).unwrap()).unwrap()
    };
    let blob = |descriptor: &serde_json::Value| {
        format!("blobs/{}", descriptor["digest"].as_str().unwrap().replacen(':', "/", 1))
    };
    let mut index = read("index.json");
    let descriptor = &mut index["manifests"][0];
    descriptor["annotations"]["io.containerd.image.name"] = image_name(case).into();
    let manifest = read(&blob(descriptor));
    let layers: Vec<String> = manifest["layers"].as_array().unwrap().iter().map(blob).collect();
    let entry = serde_json::json!([
        {"Config": blob(&manifest["config"]), "RepoTags": [image_name(case)], "Layers": layers}
    ]);
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
    std::fs::write(layout.join("manifest.json"), entry.to_string()).unwrap();
    run(run::command("tar").arg("-C").arg(layout).args(["-cf", "-", "."]), b"").stdout
}

/// The words that were printed, or the reason.
fn answer(output: Output) -> Result<Vec<u8>, String> {
    let reason =
        || String::from_utf8_lossy(&output.stderr).trim().lines().last().map(str::to_owned);
    if output.status.success() { Ok(output.stdout) } else { Err(reason().unwrap_or_default()) }
}

fn docker(engine: &Engine, case: &Case) -> Outcome {
    answer(engine.docker(["load", "-q"], &case.archive))?;
    let made = answer(engine.docker(["create", &image_name(case.name), "x"], b""))?;
    let container = String::from_utf8(made).unwrap();
    Ok(listed(&answer(engine.docker(["export", container.trim()], b""))?))
}

/// podman mounts the image; in a namespace of its own, so that nothing stays mounted.
fn podman(storage: &Path, case: &Case) -> Outcome {
    const LOAD_AND_PACK: &str = r#"
podman() { command podman --root "$0/root" --runroot "$0/run" --storage-driver overlay --events-backend none "$@"; }
podman load -q >"$0/out" || exit
at=$(podman image mount "$1")
tar -C "$at" --ignore-failed-read -cf - .
"#;
    let mut command = run::command("unshare");
    command.args(["-m", "bash", "-ec", LOAD_AND_PACK]).arg(storage).arg(image_name(case.name));
    Ok(listed(&answer(run(&mut command, &case.archive))?))
}

/// The tree of an exported archive, without what engines add to every container.
fn listed(tar: &[u8]) -> String {
    const LIST: &str = r#"
import sys, tarfile, io
tar = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))
added = set(".dockerenv dev dev/console dev/pts dev/shm etc etc/hostname etc/hosts etc/mtab etc/resolv.conf proc sys".split())
for member in tar:
    name = member.name.rstrip("/").removeprefix("./")
    if name in added or name == ".": continue
    if member.islnk() and tar.getmember(member.linkname).issym(): member = tar.getmember(member.linkname)
    if member.issym(): print(f"{name}->{member.linkname}")
    elif member.isdir(): print(f"{name}/")
    else: print(f"{name}=" + tar.extractfile(member).read().decode())
"#;
    let output = run(run::command("python3").args(["-c", LIST]), tar);
    let text = String::from_utf8(answer(output).expect("an archive that Python reads")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join(" ")
}
