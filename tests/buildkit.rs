//! Provenance as BuildKit itself wrote it, in each of its shapes: kept statements, and an engine
//! that writes them anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use binlint::attest::buildkit::{ImageBuild, Role, Shape};

#[path = "support/cache.rs"]
mod cache;
#[path = "support/debian.rs"]
mod debian;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/recorded.rs"]
mod support;

use support::{Shop, has, skip, success};

/// By Docker 28.5.2 with BuildKit 0.25 (`testdata/provenance/README.md`).
const STATEMENTS: [(Shape, bool, &str); 4] = [
    (Shape::V0_2, false, include_str!("../testdata/provenance/buildkit-0.25-v0.2-min.json")),
    (Shape::V0_2, true, include_str!("../testdata/provenance/buildkit-0.25-v0.2-max.json")),
    (Shape::V1, false, include_str!("../testdata/provenance/buildkit-0.25-v1-min.json")),
    (Shape::V1, true, include_str!("../testdata/provenance/buildkit-0.25-v1-max.json")),
];

#[test]
fn what_a_real_buildkit_wrote_is_read_in_every_shape() {
    for (shape, is_max, text) in STATEMENTS {
        let build = ImageBuild::from_statement(text.as_bytes()).unwrap();
        assert_eq!((build.shape, build.is_max), (shape, is_max));
        assert!(build.subjects[0].starts_with("27455ca4"), "{:?}", build.subjects);
        let images: Vec<_> = build
            .base_images
            .iter()
            .map(|it| (it.reference.as_str(), it.role, it.lines.as_slice()))
            .collect();
        let [debian, rust] = images.as_slice() else { panic!("{images:?}") };
        assert_eq!((debian.0, rust.0), ("debian:bookworm-slim", "rust:1.95-bookworm"));
        assert!(build.base_images[0].sha256.as_deref().unwrap().starts_with("ad91eb50"));
        if is_max {
            assert_eq!((debian.1, debian.2), (Role::Runtime, &[4][..]));
            assert_eq!((rust.1, rust.2), (Role::Build, &[2][..]));
            assert_eq!(build.build_args.get("SUITE").map(String::as_str), Some("bookworm"));
            assert!(build.dockerfile.unwrap().text.contains("FROM debian:${SUITE}-slim\n"));
            let [copied] = build.copies.as_slice() else { panic!("{:?}", build.copies) };
            assert_eq!((copied.target.as_str(), &copied.lines[..]), ("/usr/bin/shop", &[5][..]));
            assert_eq!(copied.from.as_deref(), Some("rust:1.95-bookworm"));
        } else {
            assert_eq!((debian.1, rust.1), (Role::Unknown, Role::Unknown));
        }
    }
}

/// An engine of Debian's next release in a root of its own, with BuildKit's newer provenance.
struct Engine {
    root: PathBuf,
    process: Child,
}

/// What runs in a namespace of its own: the engine wants a root that is a mount.
const START: &str = "\
set -e
mount --make-rprivate /
mount --bind $0 $0
cd $0
mkdir -p proc sys dev run tmp oldroot var/dsock
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
pivot_root . oldroot
umount -l /oldroot
exec /usr/sbin/dockerd";

impl Engine {
    fn start() -> Option<Engine> {
        let root = Engine::root()?;
        // An engine that was killed leaves its number behind, and the next one believes it.
        let _ = fs::remove_dir_all(root.join("var/run"));
        let _ = fs::remove_file(root.join("var/dsock/docker.sock"));
        let log = fs::File::create(root.join("dockerd.log")).unwrap();
        let process = Command::new("unshare")
            .args(["-m", "-n", "-p", "-f", "--kill-child", "/bin/sh", "-c", START])
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let engine = Engine { root, process };
        for _ in 0..120 {
            if engine.docker().arg("info").output().is_ok_and(|output| output.status.success()) {
                return Some(engine);
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        let log = fs::read_to_string(engine.root.join("dockerd.log")).unwrap_or_default();
        let last = log.lines().next_back().unwrap_or("it said nothing");
        skip(&format!("the newer Docker engine does not start: {last}"));
        None
    }

    /// The engine's packages, unpacked once.
    fn root() -> Option<PathBuf> {
        let root = cache::directory("").join("forky-docker");
        if root.join("complete").is_file() {
            return Some(root);
        }
        if !has("mmdebstrap") || !has("unshare") {
            return None;
        }
        let _ = fs::remove_dir_all(&root);
        let packages = "docker.io,docker-cli,docker-buildx,containerd,runc,libc6,dash,util-linux,mount,coreutils";
        let output = Command::new("mmdebstrap")
            .args(["--quiet", "--variant=extract", "--mode=root"])
            // A mirror that is frozen is still a mirror.
            .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
            .arg(format!("--include={packages}"))
            .arg("forky")
            .arg(&root)
            .arg("deb http://deb.debian.org/debian forky main")
            .output()
            .unwrap();
        if !output.status.success() {
            skip("Debian's newer Docker engine could not be fetched");
            return None;
        }
        for name in ["bin", "sbin", "lib", "lib64"] {
            if !root.join(name).exists() {
                std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
            }
        }
        fs::create_dir_all(root.join("etc/docker")).unwrap();
        let config = r#"{"bridge":"none","iptables":false,"ip6tables":false,"ip-forward":false,
            "storage-driver":"native","hosts":["unix:///var/dsock/docker.sock"],
            "features":{"containerd-snapshotter":true}}"#;
        fs::write(root.join("etc/docker/daemon.json"), config).unwrap();
        fs::create_dir_all(root.join("client")).unwrap();
        let plugins = root.join("usr/libexec/docker/cli-plugins");
        let config = serde_json::json!({ "cliPluginsExtraDirs": [plugins] }).to_string();
        fs::write(root.join("client/config.json"), config).unwrap();
        fs::write(root.join("complete"), "").unwrap();
        Some(root)
    }

    /// Its own client, in this root: the files that it reads and writes are ours.
    fn docker(&self) -> Command {
        let mut command = Command::new(self.root.join("usr/bin/docker"));
        let socket = self.root.join("var/dsock/docker.sock");
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        command.env("DOCKER_CONFIG", self.root.join("client"));
        command
    }

    /// A base image that holds its name and the program.
    fn import(&self, name: &str, program: &Path, scratch: &Path) {
        let root = scratch.join("root");
        fs::create_dir_all(root.join("src")).unwrap();
        fs::write(root.join("role"), name).unwrap();
        fs::copy(program, root.join("src/shop")).unwrap();
        let archive = scratch.join("base.tar");
        let mut tar = Command::new("tar");
        success(tar.arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."));
        success(self.docker().arg("import").arg(&archive).arg(name));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Its children end with it: `--kill-child`.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn base_images_of_a_real_engine_are_shown_and_compared_in_every_shape() {
    if !has("git") {
        return;
    }
    let Some(engine) = Engine::start() else { return };
    let shop = Shop::new();
    shop.build(&["--embed"]);
    let context = shop.root.join("context");
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir_all(&context).unwrap();
    // Tags that say of the build stage what the record says of this machine, and one that does not.
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap();
    let internal = &record["predicate"]["buildDefinition"]["internalParameters"];
    let rustc = internal["rustc"].as_str().unwrap();
    let rustc = rustc.lines().find_map(|line| line.strip_prefix("release: ")).unwrap();
    let rustc = rustc.split('-').next().unwrap();
    let suite = internal["osRelease"]["VERSION_CODENAME"].as_str().unwrap_or("sid").to_owned();
    for suite in [suite.as_str(), "buster"] {
        engine.import(&format!("rust:{rustc}-{suite}"), &shop.program(), scratch.path());
        engine.import(&format!("debian:{suite}-slim"), &shop.program(), scratch.path());
    }
    let dockerfile = format!(
        "ARG SUITE={suite}\nFROM rust:{rustc}-${{SUITE}} AS build\nFROM own/unused AS unused\n\
         FROM debian:${{SUITE}}-slim\nCOPY --from=build /src/shop /usr/bin/shop\n\
         ENTRYPOINT [\"/usr/bin/shop\"]\n"
    );
    fs::write(context.join("Dockerfile"), &dockerfile).unwrap();
    fs::write(shop.root.join("other"), dockerfile.replace("FROM debian", "FROM own/debian"))
        .unwrap();
    let build = |mode: &str, suite: &str| {
        let archive = shop.path("image.tar");
        let _ = fs::remove_file(&archive);
        let mut command = engine.docker();
        command.args(["buildx", "build", "--quiet", "--network=none", "-t", "shop:1"]);
        command.arg(format!("--provenance={mode}")).arg(format!("--build-arg=SUITE={suite}"));
        command.arg(format!("--output=type=oci,dest={archive}")).arg(&context);
        success(&mut command);
    };
    let verify = |dockerfile: &str| {
        let words = ["verify", "oci-archive:image.tar", "--dockerfile", dockerfile];
        let output = shop.binlint(&words).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    for version in ["v0.2", "v1"] {
        for mode in ["min", "max"] {
            let mode = format!("mode={mode},version={version}");
            build(&mode, &suite);
            let (code, words) = verify("context/Dockerfile");
            let runtime = format!("note: runtime base: debian:{suite}-slim@sha256:");
            let stage = format!("note: build stage's base: rust:{rustc}-{suite}@sha256:");
            for (line, number) in [(&runtime, 4), (&stage, 2)] {
                let line = words.lines().find(|it| it.contains(line.as_str()));
                let line = line.unwrap_or_else(|| panic!("{mode}: {words}"));
                assert!(line.ends_with(&format!("(Dockerfile:{number})")), "{mode}: {line}");
            }
            assert_eq!(code, 0, "{mode}: {words}");
            assert!(!words.contains("base-image-mismatch"), "{mode}: {words}");
            let (_, words) = verify("other");
            assert!(words.contains("base-image-mismatch"), "{mode}: {words}");
            assert!(words.contains("own/debian"), "{mode}: {words}");
            // Built with another argument, the stage is not what the record of the program says;
            // without a graph nothing but the tag's own line could tell, and it is not accused.
            build(&mode, "buster");
            let (_, words) = verify("context/Dockerfile");
            let is_max = mode.contains("max");
            assert_eq!(words.contains("which is buster"), is_max, "{words}");
            // What came from the context was built nobody knows where.
            fs::copy(shop.program(), context.join("shop")).unwrap();
            fs::write(context.join("Dockerfile"), dockerfile.replace("--from=build /src/", ""))
                .unwrap();
            build(&mode, "buster");
            let (_, words) = verify("context/Dockerfile");
            assert!(!words.contains("which is buster"), "{words}");
            fs::write(context.join("Dockerfile"), &dockerfile).unwrap();
        }
    }
    // The default of this engine, whatever it is, is read too.
    build("true", &suite);
    assert!(verify("context/Dockerfile").1.contains("runtime base: debian:"));
}
