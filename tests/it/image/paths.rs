//! Where a path leads in an image: the same corpus of escapes, loops and odd names in a directory
//! (with `openat2` and without) and in layers, against the kernel, asked in a chroot.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use binlint::internals::rootfs::FileKind;
use binlint::internals::rootfs::tree::host_directory::HostRoot;
use binlint::internals::rootfs::tree::{Errno, HostTree, Tree, resolve, resolve_link};
use binlint::internals::start::image::Image;
use binlint::internals::start::image::ImageQuery;

use crate::support::layers;
use crate::support::noise::Noise;
use crate::support::run;
use crate::support::slow::{self, Need};

/// What the kernel says of a path: what it is, or why it is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// The file's number and its kind.
    Is(u64, char),
    /// `errno` in words.
    Fails(String),
}

/// Asks for every path with `stat` and with `lstat`, in a process whose root the directory is.
const ASK: &str = r#"
import os, stat, sys
paths = sys.stdin.buffer.read().split(b"\0")
os.chroot(sys.argv[1]); os.chdir("/")
kinds = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}
for path in paths:
    for ask in (os.stat, os.lstat):
        try:
            it = ask(path)
            print(it.st_ino, kinds.get(stat.S_IFMT(it.st_mode), "?"))
        except OSError as error:
            print("-", error.strerror)
"#;

fn kernel(root: &Path, paths: &[Vec<u8>]) -> Vec<[Answer; 2]> {
    let mut child = run::command("python3")
        .args(["-c", ASK])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = paths.join(&0);
    let mut to = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || std::io::Write::write_all(&mut to, &input).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = |line: &str| match line.split_once(' ').unwrap() {
        ("-", why) => Answer::Fails(why.to_owned()),
        (number, kind) => Answer::Is(number.parse().unwrap(), kind.chars().next().unwrap()),
    };
    let answers: Vec<Answer> = text.lines().map(answer).collect();
    answers.chunks(2).map(|pair| [pair[0].clone(), pair[1].clone()]).collect()
}

/// The same two questions to a tree; the number is that of the file on disk at the path that was
/// found, which must not hold a link any more.
fn ours(tree: &dyn Tree, numbers: &BTreeMap<Vec<u8>, u64>, path: &[u8]) -> [Answer; 2] {
    [resolve(tree, path), resolve_link(tree, path)].map(|answer| match answer {
        Ok(found) => {
            let kind = match found.entry.kind {
                FileKind::File { .. } => 'f',
                FileKind::Directory => 'd',
                FileKind::Symlink(_) => 'l',
                FileKind::Other => '?',
            };
            let number = numbers.get(&found.path).copied();
            Answer::Is(number.unwrap_or_else(|| panic!("{:?} is nowhere", found.path)), kind)
        }
        Err(not) => Answer::Fails(
            match not.why {
                Errno::Missing => "No such file or directory",
                Errno::NotDirectory => "Not a directory",
                Errno::TooManyLinks => "Too many levels of symbolic links",
                Errno::TooLong => "File name too long",
                Errno::PermissionDenied => unreachable!("root is refused nothing"),
            }
            .to_owned(),
        ),
    })
}

/// Everything that is in the directory, by its path in it.
fn numbers(root: &Path) -> BTreeMap<Vec<u8>, u64> {
    fn walk(root: &Path, at: &Path, all: &mut BTreeMap<Vec<u8>, u64>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let inside = [b"/", path.strip_prefix(root).unwrap().as_os_str().as_bytes()].concat();
            all.insert(inside, metadata.ino());
            if metadata.is_dir() {
                walk(root, &path, all);
            }
        }
    }
    let mut all = BTreeMap::from([(b"/".to_vec(), std::fs::metadata(root).unwrap().ino())]);
    walk(root, root, &mut all);
    all
}

/// The corpus on disk.
fn plant(root: &Path) {
    let at = |name: &[u8]| root.join(OsStr::from_bytes(name));
    let file = |name: &[u8]| {
        std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        std::fs::write(at(name), name).unwrap();
    };
    let link = |name: &[u8], target: &[u8]| {
        std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        symlink(OsStr::from_bytes(target), at(name)).unwrap();
    };
    for name in [
        &b"usr/lib/libc.so.6"[..],
        b"usr/lib/sub/deep",
        b"etc/passwd",
        b"file",
        b"Case",
        b"case",
        b"caf\xe9/\xff\xfe",
        b"caf\xc3\xa9",
        b"new\nline",
        b"...",
        b".wh",
        b"op/new",
        b"back\\slash",
        b" ",
    ] {
        file(name);
    }
    file(&[b'n'; 255]);
    for (name, target) in [
        (&b"lib"[..], &b"usr/lib"[..]),
        (b"lib64", b"/usr/lib"),
        (b"slashed", b"usr/lib/"),
        (b"slashed-file", b"file/"),
        (b"dotted", b"./usr/./lib/."),
        (b"out", b"../../../../etc/passwd"),
        (b"out-absolute", b"/../../etc/passwd"),
        (b"usr/up", b".."),
        (b"usr/lib/top", b"../../../../../.."),
        (b"here", b"."),
        (b"root", b"/"),
        (b"itself", b"itself"),
        (b"ring-1", b"ring-2"),
        (b"ring-2", b"/ring-1"),
        (b"ring-through", b"usr/../ring-through/x"),
        (b"dangling", b"nowhere/at/all"),
        (b"through-file", b"file/x"),
        (b"through-file-up", b"file/../etc"),
        (b"through-missing-up", b"nowhere/../etc"),
        (b"to-caf", b"caf\xe9"),
        (b"usr/hop", b"../usr/lib/../hop2"),
        (b"usr/hop2", b"lib/sub"),
        (b"double", b"usr//lib///libc.so.6"),
        (b"proc-root", b"/proc/self/root/etc/passwd"),
    ] {
        link(name, target);
    }
    link(b"long", &[&b"./".repeat(2000)[..], b"etc"].concat());
    // The kernel follows forty links for one path.
    for number in 0..45_u32 {
        let target = if number == 0 { "etc".to_owned() } else { format!("chain-{}", number - 1) };
        link(format!("chain-{number}").as_bytes(), target.as_bytes());
    }
    std::fs::hard_link(at(b"file"), at(b"hard")).unwrap();
    let status = run::command("ln").args(["-P"]).arg(at(b"lib")).arg(at(b"hard-to-link")).status();
    assert!(status.unwrap().success());
    let nodes = [("pipe", &["p"][..]), ("null", &["c", "1", "3"]), ("loop", &["b", "7", "0"])];
    // The nodes of devices are for the superuser to make.
    let made = if std::fs::metadata("/proc/self").unwrap().uid() == 0 { 3 } else { 1 };
    for (name, words) in nodes.into_iter().take(made) {
        let status = run::command("mknod").arg(root.join(name)).args(words).status();
        assert!(status.unwrap().success());
    }
    link(b"to-pipe", b"pipe");
}

/// Paths that were thought of, and five thousand that nobody thought of.
fn paths(names: &BTreeMap<Vec<u8>, u64>) -> Vec<Vec<u8>> {
    let mut paths: Vec<Vec<u8>> = [
        &b"/"[..],
        b"//",
        b"/.",
        b"/..",
        b"/../../..",
        b".",
        b"..",
        b"etc/passwd",
        b"/etc/passwd/",
        b"/etc/passwd/.",
        b"/etc/passwd/..",
        b"/nowhere",
        b"/nowhere/",
        b"/nowhere/..",
        b"/CASE",
        b"/gone",
        b"/etc/gone",
        b"/op/old",
        b"/op/old/x",
        b"/gone/..",
        b"/.wh.gone",
        b"/etc/.wh.gone",
        b"/op/.wh..wh..opq",
        b"/hard/..",
        b"/null/",
        b"/pipe/x",
        b"/long/passwd",
        b"/long/long/long",
        b"/itself/..",
        b"/ring-1/",
        b"/dangling/",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for length in [255, 256, 300] {
        paths.push([&b"/"[..], &vec![b'n'; length]].concat());
        paths.push([&b"/etc/"[..], &vec![b'n'; length], b"/x"].concat());
    }
    for length in [4094, 4095, 4096, 5000] {
        paths.push([&b"/etc/passwd"[..]].concat());
        let mut path = b"/".repeat(length - 4);
        path.extend(b"file");
        paths.push(path);
    }
    paths.extend(names.keys().cloned());
    let mut parts: Vec<Vec<u8>> = names
        .keys()
        .filter_map(|path| path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec))
        .collect();
    parts.extend([&b".."[..], b"..", b"..", b".", b"", b"nowhere"].map(<[u8]>::to_vec));
    let mut noise = Noise::default();
    let whole: Vec<&Vec<u8>> = names.keys().collect();
    for _ in 0..5000 {
        let mut path = whole[noise.next(whole.len())].clone();
        for _ in 0..noise.next(7) {
            path.push(b'/');
            path.extend(&parts[noise.next(parts.len())]);
        }
        if noise.next(5) == 0 {
            path.push(b'/');
        }
        paths.push(path);
    }
    paths
}

/// The directory as two layers: the lower one has more, which the upper one hides again.
fn as_layers(top: &Path, root: &Path) -> PathBuf {
    let pack = |names: &[&str]| {
        let output = run::command("tar")
            .args(["--format=posix", "--exclude=./op/new", "-C"])
            .arg(root)
            .args(["-cf", "-"])
            .args(names)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let lower = pack(&["."]);
    // The archive's end is cut off, so that more can follow.
    let end = lower.windows(1024).rposition(|window| window.iter().any(|byte| *byte != 0)).unwrap();
    let lower = &lower[..(end + 1024).next_multiple_of(512)];
    let mut entries = vec![lower.to_vec()];
    entries.extend([
        layers::directory("gone/"),
        layers::file("gone/x", b"x"),
        layers::symlink("etc/gone", "passwd"),
        layers::directory("op/old/"),
        layers::file("op/old/x", b"x"),
    ]);
    let lower = layers::archive(&entries);
    let upper = layers::archive(&[
        layers::file(".wh.gone", b""),
        layers::file("etc/.wh.gone", b""),
        layers::file("op/.wh..wh..opq", b""),
        layers::file("op/new", b"op/new"),
    ]);
    let layout = top.join("layout");
    let image = layers::image(&layout, ("linux", "amd64"), "{}", &[lower, upper]);
    layers::index(&layout, &[image]);
    layout
}

#[test]
fn every_tree_leads_where_the_kernel_leads() {
    let directory = tempfile::tempdir().unwrap();
    if slow::is_left_out(Need::Root) {
        return;
    }
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    plant(&root);
    let numbers = numbers(&root);
    let paths = paths(&numbers);
    let kernel = kernel(&root, &paths);
    let layout = as_layers(directory.path(), &root);
    let image = Image::read(layout.as_os_str(), &ImageQuery::default(), &|_, _| {}).unwrap();
    let open = || HostRoot::open(&root).unwrap();
    let trees: [(&str, &dyn Tree); 3] = [
        ("directory, openat2", &HostTree(open())),
        ("directory, name by name", &HostTree(open().without_openat2())),
        ("layers", &*image.files),
    ];
    let mut wrong = Vec::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (path, kernel) in paths.iter().zip(&kernel) {
        let kind = match &kernel[0] {
            Answer::Is(_, kind) => kind.to_string(),
            Answer::Fails(why) => why.clone(),
        };
        *kinds.entry(kind).or_default() += 1;
        for (name, tree) in trees {
            let ours = ours(tree, &numbers, path);
            if ours != *kernel {
                let shown = path.escape_ascii().to_string();
                let shown: String = shown.chars().take(200).collect();
                wrong.push(format!("{name}: {shown}: {ours:?}, the kernel: {kernel:?}"));
            }
        }
    }
    let some: Vec<&String> = wrong.iter().take(20).collect();
    assert!(wrong.is_empty(), "{} of {}: {some:#?}", wrong.len(), 3 * paths.len());
    println!("{} paths: {kinds:?}", paths.len());
    assert!(kinds.len() == 7 && kinds.values().all(|count| *count > 2), "{kinds:?}");
}

/// What the trees say of a file is what lies there.
#[test]
fn every_tree_gives_the_same_names_and_contents() {
    if !slow::has("tar") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    plant(&root);
    let layout = as_layers(directory.path(), &root);
    let image = Image::read(layout.as_os_str(), &ImageQuery::default(), &|_, _| {}).unwrap();
    let open = || HostRoot::open(&root).unwrap();
    let trees: [&dyn Tree; 3] =
        [&HostTree(open()), &HostTree(open().without_openat2()), &*image.files];
    for (path, _) in numbers(&root) {
        let shown = path.escape_ascii().to_string();
        let [entries, names] = [0, 1].map(|what| {
            trees.map(|tree| match what {
                0 => {
                    // This file is the upper layer's own, and that of whoever runs the test on disk.
                    let of = |uid, gid| if path == b"/op/new" { (0, 0) } else { (uid, gid) };
                    let entry = tree.entry(&path);
                    format!("{:?}", entry.map(|it| (it.kind, it.mode, of(it.uid, it.gid))))
                }
                _ => format!("{:?}", tree.children(&path)),
            })
        });
        assert!(entries.iter().all(|it| *it == entries[0]), "{shown}: {entries:#?}");
        assert!(names.iter().all(|it| *it == names[0]), "{shown}: {names:#?}");
    }
    for tree in trees {
        assert_eq!(tree.text(b"/etc/passwd").as_deref(), Some(&b"etc/passwd"[..]));
        // Nothing is read through a link, from a pipe or from a device.
        for path in [&b"/out"[..], b"/pipe", b"/null", b"/etc", b"/lib/libc.so.6"] {
            assert_eq!(tree.text(path), None, "{}", path.escape_ascii());
        }
    }
}
