//! A container engine that is newer than the machine's own: a later Debian's packages in a root of
//! their own, its daemon in private namespaces, without a network.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::run;
use super::slow::{self, Need};
use super::{cache, debian};

/// What the root has: the engine with BuildKit, and skopeo, which writes `zstd:chunked`.
const PACKAGES: &[&str] = &["docker.io", "docker-cli", "docker-buildx", "skopeo", "mount"];

/// A daemon needs a root that is a mount; it starts as process 1 of its own namespace.
const START: &str = r#"
mount --make-rprivate /
mount --bind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir -p oldroot
pivot_root . oldroot
umount -l /oldroot
exec dockerd --config-file "/var/engines/$1/daemon.json"
"#;

/// How an engine keeps its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// In containerd, as new installations do.
    InContainerd,
    /// In directories of its own, as those do that were updated.
    InDirectories,
}

/// A running engine; it ends with the value.
pub struct Engine {
    root: PathBuf,
    name: String,
    daemon: Child,
}

/// The root with a suite's engine, made once and kept, unless what needs one is left out.
pub fn root(suite: &str) -> Option<PathBuf> {
    if slow::is_left_out(Need::Engine) {
        return None;
    }
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let base = cache::directory("engines");
    let root = base.join(suite);
    if root.is_dir() {
        return Some(root);
    }
    let unfinished = base.join(format!("{suite}.unfinished"));
    let _ = fs::remove_dir_all(&unfinished);
    let mut make =
        debian::mmdebstrap("extract", suite, PACKAGES, &unfinished, &["--format=directory"]);
    let made = make.output().is_ok_and(|made| made.status.success());
    assert!(made, "the packages of {suite}'s container engine could not be fetched");
    // The names that programs have in programs; the package that makes them does so when it is
    // configured.
    let links =
        [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")];
    for (name, target) in links.into_iter().chain([("var/run", "../run")]) {
        if !unfinished.join(name).exists() {
            std::os::unix::fs::symlink(target, unfinished.join(name)).expect("a link");
        }
    }
    fs::rename(&unfinished, &root).expect("a finished root takes its name");
    Some(root)
}

impl Engine {
    /// Starts one and waits until it answers.
    pub fn start(root: &Path, keeps: Keeps) -> Engine {
        let (driver, containerd) = match keeps {
            Keeps::InContainerd => ("overlayfs", true),
            Keeps::InDirectories => ("overlay2", false),
        };
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        for directory in ["proc", "sys", "dev", "run", "tmp"] {
            fs::create_dir_all(root.join(directory)).expect("a directory of the root");
        }
        let own = root.join("var/engines").join(&name);
        fs::create_dir_all(&own).expect("a directory of the engine's own");
        let configuration = format!(
            r#"{{"bridge":"none","iptables":false,"ip6tables":false,"ip-forward":false,
                "storage-driver":"{driver}","data-root":"/var/engines/{name}/data",
                "hosts":["unix:///var/engines/{name}/socket"],
                "features":{{"containerd-snapshotter":{containerd}}}}}"#
        );
        fs::write(own.join("daemon.json"), configuration).expect("written");
        let log = fs::File::create(own.join("log")).expect("a log");
        let daemon = run::command("unshare")
            .args(["-m", "-n", "-p", "-f", "--kill-child", "bash", "-ec", START])
            .arg(root)
            .arg(&name)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("unshare is part of util-linux");
        let mut engine = Engine { root: root.to_owned(), name, daemon };
        let begin = Instant::now();
        while !engine.docker(["version"], b"").status.success() {
            let ended = engine.daemon.try_wait().expect("a child of this process").is_some();
            assert!(!ended && begin.elapsed() < Duration::from_secs(60), "{}", engine.log());
            std::thread::sleep(Duration::from_millis(200));
        }
        engine
    }

    /// What the daemon said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.own().join("log")).unwrap_or_default()
    }

    /// The socket, as this machine names it.
    pub fn socket(&self) -> PathBuf {
        self.own().join("socket")
    }

    /// Its directory, as this machine names it.
    fn own(&self) -> PathBuf {
        self.root.join("var/engines").join(&self.name)
    }

    /// The engine's own client with these words and this input.
    pub fn docker<W: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = W>,
        input: &[u8],
    ) -> Output {
        let host = format!("unix:///var/engines/{}/socket", self.name);
        let mut command = inside(&self.root, "docker");
        run(command.env("DOCKER_HOST", host).env("DOCKER_BUILDKIT", "1").args(words), input)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The namespace's first process goes with it, and everything in it with that one.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = fs::remove_dir_all(self.own());
    }
}

/// A program of the root.
pub fn inside(root: &Path, program: &str) -> Command {
    let mut command = run::command("chroot");
    command.arg(root).arg(program).env("HOME", "/tmp").env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin");
    command
}

/// Runs a command that reads its input.
pub fn run(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|error| panic!("{piped:?}: {error}"));
    let mut to = child.stdin.take().expect("it is piped");
    std::thread::scope(|scope| {
        // A child that ends early does not read it all.
        scope.spawn(move || to.write_all(input));
        child.wait_with_output().expect("it ends")
    })
}
