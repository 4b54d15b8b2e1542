//! How long an image takes: `cargo bench --bench image [ROOT.tar]`.
//!
//! Without a tar of a root file system this machine's own `/usr` up to 200 MB is packed. Beside
//! the program: inflating the same bytes once, and `skopeo inspect` where it is installed.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use binlint::facts::image::{Image, Query};
use binlint::input::image::digest::Digest;

#[path = "../tests/support/layers.rs"]
mod layers;

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
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::sha256(&layer)
    );
    let name = format!("{}.json", Digest::sha256(config.as_bytes()).hex());
    let manifest =
        format!(r#"[{{"Config":"{name}","RepoTags":["bench:latest"],"Layers":["l/layer.tar"]}}]"#);
    let saved = layers::archive(&[
        layers::file("l/layer.tar", &layer),
        layers::file(&name, config.as_bytes()),
        layers::file("manifest.json", manifest.as_bytes()),
    ]);
    std::fs::write(at("saved.tar"), &saved).expect("the archive");
    std::fs::write(at("layer.tar"), &layer).expect("the layer");
    let packed =
        Command::new("gzip").arg("-kc").arg(at("layer.tar")).output().expect("gzip").stdout;
    let layout = at("layout");
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    let image = layers::packed_image(
        &layout,
        ("linux", "amd64"),
        "{}",
        std::slice::from_ref(&layer),
        &[(packed.clone(), gzip)],
    );
    layers::index(&layout, &[image]);

    let read = |reference: &str| {
        let query = Query::default();
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
    let megabytes = layer.len() / 1_000_000;
    println!("{megabytes} MB, docker save, plain: {plain:.3?}");
    println!("{megabytes} MB, OCI layout, gzip, digests verified: {compressed:.3?}");
    println!(
        "inflating the same once: {inflate:.3?}; ratio {:.2}",
        compressed.as_secs_f64() / inflate.as_secs_f64()
    );
    if Command::new("skopeo").arg("--version").output().is_ok() {
        let inspect = best(|| {
            let _ = Command::new("skopeo").arg("inspect").arg(format!("oci:{layout}")).output();
        });
        println!("skopeo inspect (documents only): {inspect:.3?}");
    }
}
