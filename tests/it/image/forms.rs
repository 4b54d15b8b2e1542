//! One image, written by every tool in every form that it writes: the answers stay the same.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::newer_engine::{Engine, Keeps, inside, root, run};
use crate::support::run;
use crate::support::slow::{self, Need};

/// The machine's own engine; another client of the same name may come first in `PATH`.
const DOCKER: &str = "/usr/bin/docker";
/// Where the newer engine's root has this test's files.
const SHARED: &str = "/srv/image-forms";

/// Two layers with what an image has: a loader and its libraries behind links, an account, a
/// program over a file of the layer below, and a file that is hidden again.
const DOCKERFILE: &str = r#"
FROM scratch AS base
COPY root/ /
FROM base
COPY --chmod=0755 backend /usr/local/bin/backend
COPY passwd /etc/passwd
USER app
ENV PATH=/usr/local/bin:/bin
EXPOSE 8080
ENTRYPOINT ["backend"]
"#;

/// The image's parts, and everything that is made of it.
struct Workshop {
    directory: tempfile::TempDir,
    /// What was wrong, all of it.
    wrong: Vec<String>,
    compared: usize,
    truth: Option<(Value, Value)>,
}

impl Workshop {
    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tool(&self, command: &mut Command) -> Vec<u8> {
        let output = run(command.current_dir(self.directory.path()), b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {stderr}");
        output.stdout
    }

    /// `PROGRAM WORDS…`, in the workshop.
    fn run(&self, words: &str) -> Vec<u8> {
        let mut words = words.split(' ');
        let mut command = run::command(words.next().unwrap());
        self.tool(
            command.args(words).env("BUILDAH_ISOLATION", "chroot").env("DOCKER_BUILDKIT", "1"),
        )
    }

    /// The subjects and the image's platform, as `check --format json` says them.
    fn answers(&self, reference: &str, host: Option<&Path>) -> Result<(Value, Value), String> {
        let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
        let piped = reference.strip_prefix("< ");
        command.args(["check", "--format", "json", "--image", piped.map_or(reference, |_| "-")]);
        if let Some(socket) = host {
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        }
        let input = match piped {
            Some(file) => std::fs::File::open(self.at(file)).unwrap().into(),
            None => Stdio::null(),
        };
        let output = command.current_dir(self.directory.path()).stdin(input).output().unwrap();
        let mut report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
        // What differs by nature: how the engine that built it is known, and the image's name.
        let subjects = report["subjects"].take();
        let mut image = report["image"].take();
        for own in ["reference", "digest", "notes", "statements"] {
            image.as_object_mut().map(|it| it.remove(own));
        }
        Ok((subjects, image))
    }

    fn compare(&mut self, what: &str, reference: &str) {
        self.compare_at(what, reference, None);
    }

    /// As [`Workshop::compare`] for an image that another engine has built from the same parts: what
    /// is said of its building may differ.
    fn compare_built(&mut self, what: &str, reference: &str) {
        let whole = self.truth.clone();
        let lessen = |(subjects, image): (Value, Value)| {
            let mut subjects = subjects;
            for outcome in subjects.as_array_mut().into_iter().flatten() {
                let outcomes = outcome["outcomes"].as_array_mut().expect("a list");
                outcomes.retain(|it| {
                    ["linkage", "target", "image"].iter().any(|group| it["group"] == *group)
                        && it["rule"] != "wrong-platform-in-index"
                });
            }
            (subjects, image)
        };
        self.compared += 1;
        let want = lessen(whole.expect("the first is the truth"));
        match self.answers(reference, None).map(lessen) {
            Ok(got) if got == want => {}
            Ok(got) => {
                self.wrong.push(format!("{what}, {reference}: {}", first_difference(&want, &got)))
            }
            Err(error) => self.wrong.push(format!("{what}, {reference}: {error}")),
        }
    }

    /// What a loader would do in an unpacked root, which says nothing of what it will run.
    fn compare_root(&mut self, what: &str, root: &str) {
        let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
        command.args(["check", "--format", "json", "--binary", "backend", "--rootfs", root]);
        command.args(["--at", "/usr/local/bin/backend"]);
        let output = run(command.current_dir(self.directory.path()), b"");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let want = &self.truth.as_ref().expect("the first is the truth").0[0]["load"];
        self.compared += 1;
        if report["subjects"][0]["load"] != *want {
            self.wrong.push(format!("{what}, {root}: {:#}", report["subjects"][0]["load"]));
        }
    }

    fn compare_at(&mut self, what: &str, reference: &str, host: Option<&Path>) {
        let answers = self.answers(reference, host);
        self.compared += 1;
        match (&self.truth, answers) {
            (None, answers) => self.truth = Some(answers.expect("the image itself is read")),
            (Some(truth), Ok(answers)) if *truth == answers => {}
            (Some(truth), Ok(answers)) => self
                .wrong
                .push(format!("{what}, {reference}: {}", first_difference(truth, &answers))),
            (_, Err(error)) => self.wrong.push(format!("{what}, {reference}: {error}")),
        }
    }
}

fn first_difference(want: &(Value, Value), got: &(Value, Value)) -> String {
    fn walk(at: &str, want: &Value, got: &Value) -> Option<String> {
        match (want, got) {
            (Value::Object(a), Value::Object(b)) => {
                let keys = a.keys().chain(b.keys());
                keys.map(|key| walk(&format!("{at}.{key}"), &want[key], &got[key]))
                    .find_map(|it| it)
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
                .iter()
                .zip(b)
                .enumerate()
                .find_map(|(index, (a, b))| walk(&format!("{at}[{index}]"), a, b)),
            _ => (want != got).then(|| format!("{at} is {got}, not {want}")),
        }
    }
    walk("subjects", &want.0, &got.0).or_else(|| walk("image", &want.1, &got.1)).unwrap_or_default()
}

/// Compiles the program and lays out the context.
fn context(workshop: &Workshop) {
    let write = |name: &str, text: &str| std::fs::write(workshop.at(name), text).unwrap();
    write("main.rs", "fn main() { println!(\"{:?}\", std::env::args()) }");
    write("passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n");
    write("Dockerfile", DOCKERFILE);
    workshop.run("rustc --edition=2024 -Copt-level=3 -Cstrip=symbols -o backend main.rs");
    let root = workshop.at("root");
    for directory in ["lib64", "usr/lib/x86_64-linux-gnu", "usr/local/bin", "etc", "bin"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    std::os::unix::fs::symlink("usr/lib", root.join("lib")).unwrap();
    let libraries =
        ["libc.so.6", "libgcc_s.so.1"].map(|name| format!("lib/x86_64-linux-gnu/{name}"));
    for file in libraries.iter().map(String::as_str).chain(["lib64/ld-linux-x86-64.so.2"]) {
        std::fs::copy(Path::new("/").join(file), root.join(file)).unwrap();
    }
    std::fs::copy("/etc/os-release", root.join("etc/os-release")).unwrap();
    std::fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    std::os::unix::fs::symlink("busybox", root.join("bin/sh")).unwrap();
    std::fs::write(root.join("usr/local/bin/backend"), "an older one").unwrap();
}

#[test]
fn every_tools_image_gives_the_same_answers() {
    if slow::is_left_out(Need::Engine) {
        return;
    }
    for tool in ["podman", "buildah", "skopeo", "umoci", "busybox"] {
        slow::has(tool);
    }
    let directory = tempfile::tempdir().unwrap();
    let mut workshop = Workshop { directory, wrong: Vec::new(), compared: 0, truth: None };
    context(&workshop);
    let name = format!("binlint-forms-{}", std::process::id());
    workshop.run(&format!("{DOCKER} build -q --network=none -t {name} ."));
    workshop.run(&format!("{DOCKER} save -o saved.tar {name}"));
    workshop.run(&format!("{DOCKER} rmi -f {name}"));
    workshop.compare("Docker 20.10", "docker-archive:saved.tar");
    let truth = workshop.truth.clone().unwrap();
    assert_eq!(truth.0[0]["name"], "/usr/local/bin/backend");
    assert_eq!(truth.0[0]["load"]["verdict"], "starts");
    let facts = workshop.tool(
        run::command(env!("CARGO_BIN_EXE_cargo-binlint"))
            .args(["inspect", "--format", "json", "backend"]),
    );
    let mut facts: Value = serde_json::from_slice(&facts).unwrap();
    facts["binaries"][0]["path"] = truth.0[0]["binary"]["path"].clone();
    assert_eq!(facts["binaries"][0], truth.0[0]["binary"]);

    workshop.run("gzip -k saved.tar");
    workshop.run("zstd -q saved.tar");
    for reference in
        ["saved.tar", "< saved.tar", "saved.tar.gz", "< saved.tar.gz", "< saved.tar.zst"]
    {
        workshop.compare("Docker 20.10", reference);
    }
    with_podman(&mut workshop, &name);
    with_buildah(&mut workshop, &name);
    with_skopeo_and_umoci(&mut workshop);
    with_a_newer_engine(&mut workshop, &name);
    let Workshop { wrong, compared, .. } = workshop;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{compared} forms of one image");
}

fn with_podman(workshop: &mut Workshop, name: &str) {
    let podman = "podman --root storage --runroot run --storage-driver vfs --events-backend none";
    let podman =
        podman.replace("storage ", &format!("{}/storage ", workshop.directory.path().display()));
    let podman = podman.replace("run ", &format!("{}/run ", workshop.directory.path().display()));
    workshop.run(&format!("{podman} load -q -i saved.tar"));
    for format in ["docker-archive", "oci-archive", "docker-dir", "oci-dir"] {
        workshop.run(&format!("{podman} save -q --format {format} -o podman-{format} {name}"));
        workshop.compare("podman", &format!("podman-{format}"));
    }
    workshop.compare("podman", "dir:podman-docker-dir");
    workshop.compare("podman", "< podman-oci-archive");
    workshop.run(&format!("{podman} tag {name} localhost/second:v2"));
    workshop.run(&format!("{podman} save -q -m -o podman-many {name} localhost/second:v2"));
    workshop.compare("podman", "docker-archive:podman-many:localhost/second:v2");

    // Its service, as `systemctl start podman.socket` has it listen.
    let socket = workshop.at("podman.sock");
    let mut words = podman.split(' ');
    let mut service = run::command(words.next().unwrap())
        .args(words)
        .args(["system", "service", "--time", "60"])
        .arg(format!("unix://{}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..100 {
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    workshop.compare_at("podman's service", &format!("docker-daemon:{name}"), Some(&socket));
    workshop.compare_at("podman's service", "docker-daemon:localhost/second:v2", Some(&socket));
    let unknown = workshop.answers("docker-daemon:localhost/nowhere", Some(&socket)).unwrap_err();
    assert!(
        unknown.contains("docker-daemon:localhost/nowhere: the container engine says:"),
        "{unknown}"
    );
    service.kill().unwrap();
    service.wait().unwrap();
    let gone = workshop.answers(&format!("docker-daemon:{name}"), Some(&socket)).unwrap_err();
    assert!(gone.contains("no container engine answers"), "{gone}");
}

fn with_buildah(workshop: &mut Workshop, name: &str) {
    let buildah = format!(
        "buildah --storage-driver vfs --root {0}/storage --runroot {0}/run",
        workshop.directory.path().display()
    );
    workshop.run(&format!("{buildah} push -q {name} oci:buildah-oci:v1"));
    workshop.compare("buildah", "oci:buildah-oci:v1");
    workshop.compare("buildah", "buildah-oci");
    workshop.run(&format!("{buildah} push -q {name} oci-archive:buildah-oci.tar:v1"));
    workshop.compare("buildah", "oci-archive:buildah-oci.tar:v1");
    workshop.run(&format!("{buildah} push -q {name} docker-archive:buildah.tar:{name}"));
    workshop.compare("buildah", &format!("docker-archive:buildah.tar:{name}"));
    workshop.run(&format!("{buildah} push -q {name} dir:buildah-dir"));
    workshop.compare("buildah", "dir:buildah-dir");
}

fn with_skopeo_and_umoci(workshop: &mut Workshop) {
    for (to, options) in [
        ("oci:skopeo-gzip:v1", "--dest-compress-format gzip"),
        ("oci:skopeo-zstd:v1", "--dest-compress --dest-compress-format zstd"),
        ("oci-archive:skopeo.tar:v1", "--format v2s2"),
        ("dir:skopeo-dir", "--dest-compress"),
        ("dir:skopeo-dir-plain", "--dest-decompress"),
    ] {
        workshop.run(&format!(
            "skopeo copy -q --insecure-policy {options} docker-archive:saved.tar {to}"
        ));
        workshop.compare("skopeo", to);
    }
    workshop.run("umoci unpack --rootless --image skopeo-gzip:v1 bundle");
    workshop.compare_root("umoci", "bundle/rootfs");
    workshop.run("touch bundle/rootfs/etc/added");
    workshop.run("umoci repack --image skopeo-gzip:v2 bundle");
    workshop.compare("umoci", "oci:skopeo-gzip:v2");
}

fn with_a_newer_engine(workshop: &mut Workshop, name: &str) {
    let Some(root) = root("trixie") else { return };
    let shared = root.join(&SHARED[1..]).join(name);
    std::fs::create_dir_all(&shared).unwrap();
    workshop.run(&format!("cp -a Dockerfile backend passwd root saved.tar {}", shared.display()));
    let inner = format!("{SHARED}/{name}");
    let here = |file: &str| shared.join(file).display().to_string();

    workshop.tool(
        inside(&root, "skopeo")
            .args(["copy", "-q", "--insecure-policy"])
            .args(["--dest-compress", "--dest-compress-format", "zstd:chunked"])
            .arg(format!("docker-archive:{inner}/saved.tar"))
            .arg(format!("oci:{inner}/chunked:v1")),
    );
    let blobs = workshop.run(&format!("grep -rl zstd-chunked {}", here("chunked/blobs")));
    assert!(!blobs.is_empty(), "skopeo wrote something else");
    workshop.compare("skopeo 1.18", &format!("oci:{}:v1", here("chunked")));

    for keeps in [Keeps::InDirectories, Keeps::InContainerd] {
        let engine = Engine::start(&root, keeps);
        let docker = |words: &str| {
            let words = words.replace("INNER", &inner);
            let output = engine.docker(words.split(' '), b"");
            assert!(
                output.status.success(),
                "{words}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        docker("load -q -i INNER/saved.tar");
        docker(&format!("save -o INNER/saved26.tar {name}"));
        let what = format!("Docker 26, {keeps:?}");
        workshop.compare(&what, &here("saved26.tar"));
        workshop.compare(&what, &format!("docker-archive:{}:{name}", here("saved26.tar")));
        // A socket's path is short.
        let socket = workshop.at(&format!("{keeps:?}"));
        std::os::unix::fs::symlink(engine.socket(), &socket).unwrap();
        workshop.compare_at(&what, &format!("docker-daemon:{name}"), Some(&socket));
        if keeps == Keeps::InDirectories {
            continue;
        }
        for (file, options) in [
            ("gzip.tar", "type=oci,compression=gzip,force-compression=true"),
            ("zstd.tar", "type=oci,compression=zstd,force-compression=true"),
            ("estargz.tar", "type=oci,compression=estargz,force-compression=true"),
            ("plain.tar", "type=oci,compression=uncompressed,force-compression=true"),
            ("docker.tar", "type=docker"),
        ] {
            docker(&format!(
                "buildx build -q --network=none --provenance=false --output {options},dest=INNER/{file} INNER"
            ));
            workshop.compare_built("BuildKit", &here(file));
        }
        let index =
            workshop.run(&format!("tar -xOf {} --wildcards blobs/sha256/*", here("estargz.tar")));
        assert!(
            memchr::memmem::find(&index, b"containerd.io/snapshot/stargz/toc.digest").is_some()
        );
        docker(
            "buildx build -q --network=none --provenance=mode=max --platform linux/amd64,linux/arm64 --output type=oci,dest=INNER/many.tar INNER",
        );
        workshop.compare_built("BuildKit, two platforms and their provenance", &here("many.tar"));
        // The same program for both.
        let (subjects, _) = workshop.answers(&here("many.tar"), None).unwrap();
        let outcomes = subjects[0]["outcomes"].as_array().unwrap();
        let index = outcomes.iter().find(|it| it["rule"] == "wrong-platform-in-index").unwrap();
        assert_eq!(index["outcome"], "fail");
    }
    std::fs::remove_dir_all(shared).unwrap();
}
