//! What an image may cost: memory that its size does not change, and its entries little; and that nothing is saved on its
//! digests: a byte that was read and is not the one that was meant is an error.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Stdio;

use crate::support::digest::Digest;
use crate::support::run;
use binlint::internals::rootfs::error::LoadError;
use binlint::internals::rootfs::layer::{FileSelector, Member, Retention};
use binlint::internals::rootfs::load::{LoadedImage, load, load_stream};
use binlint::internals::rootfs::reference;
use binlint::internals::rootfs::spill::Spill;
use binlint::internals::rootfs::{MAX_CONTENTS, VERIFY_PLAIN};
use binlint::internals::start::image::extracted::MAX_LINKING_BYTES;

use crate::support::layers::*;
use crate::support::slow::{self, Need};

const MEGABYTE: u64 = 1 << 20;
/// Peak memory beside the largest executable of the image, its paths and what loaders read of its
/// libraries, in bytes.
const MOST: u64 = 64 * MEGABYTE;
/// Peak memory of an image of a million entries, in bytes.
const MOST_OF_A_MILLION: u64 = 150_000_000;

/// Peak resident memory of a check of this image, in bytes. Python is the wrapper because
/// `wait4`'s numbers need no unsafe code there.
fn peak(reference: &str, input: Option<&Path>, says: &str) -> Option<u64> {
    let measure = "import resource, subprocess, sys\n\
        done = subprocess.run(sys.argv[1:], capture_output=True)\n\
        print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n\
        sys.stdout.flush()\n\
        sys.stdout.buffer.write(done.stdout + done.stderr)";
    let directory = tempfile::tempdir().unwrap();
    let stdin = input.map_or(Stdio::null(), |path| Stdio::from(File::open(path).unwrap()));
    if !slow::has("python3") {
        return None;
    }
    let output = run::command("python3")
        .args(["-c", measure, env!("CARGO_BIN_EXE_cargo-binlint"), "check", "--image", reference])
        .current_dir(directory.path())
        .stdin(stdin)
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (numbers, report) = text.split_once('\n').expect("two numbers");
    let (code, kilobytes) = numbers.split_once(' ').expect("two numbers");
    assert!(code == "0" || code == "1", "{reference}: {text}");
    assert!(report.contains(says), "{reference} does not say '{says}': {report}");
    Some(kilobytes.trim().parse::<u64>().unwrap() * 1024)
}

/// Bytes that hardly pack and cost nothing to make.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// A packed dependency tree: so many directories, so many entries with them.
fn many_entries(directories: usize, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for package in 0..directories {
        bytes.extend(directory(&format!("app/node_modules/package-{package}/")));
        for number in 0..count / directories - 1 {
            let name = format!("app/node_modules/package-{package}/module-{number}.js");
            bytes.extend(file(&name, b"exports = 1"));
        }
    }
    bytes.extend(END);
    bytes
}

/// A context as Windows hands it over: everything may be executed.
fn everything_executable(count: usize) -> Vec<u8> {
    let contents = noise(20_000, 7);
    let mut bytes = Vec::new();
    for number in 0..count {
        bytes.extend(program(&format!("app/data/{}/{number}.json", number / 100), &contents));
    }
    bytes.extend(END);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn memory_does_not_grow_with_the_image() {
    let directory = tempfile::tempdir().unwrap();
    // An eighth is still four times what it may cost.
    let part = if slow::is_left_out(Need::Time) { 8 } else { 1 };
    let many = many_entries(2_000, 200_000 / part);
    let executable = everything_executable(5_000 / part);
    let mut peaks = Vec::new();

    // Gigabytes of plain layers: a hole of the disk, read in full from standard input.
    let saved = directory.path().join("saved.tar");
    let holes = (2 << 30) / part as u64;
    write_saved(&saved, holes, &many);
    let reference = format!("docker-archive:{}", saved.display());
    peaks.push(("saved, plain", peak(&reference, None, "not verified")));
    peaks.push(("saved, plain, from standard input", peak("-", Some(&saved), "")));

    // The same entries and contents packed.
    let data = archive(&[file("data/model.bin", &noise(100 << 20, 3))]);
    let plain = [many, executable, data];
    let layout = directory.path().join("layout");
    let media = "application/vnd.oci.image.layer.v1.tar+gzip";
    let packed = plain.each_ref().map(|layer| (gzip(layer), media));
    let gzipped = packed_image(&layout, ("linux", "amd64"), "{}", &plain, &packed);
    index(&layout, &[gzipped]);
    let reference = format!("oci:{}", layout.display());
    peaks.push(("layout, gzip", peak(&reference, None, "")));
    let media = "application/vnd.oci.image.layer.v1.tar+zstd";
    let plain = &plain[..2];
    let packed: Vec<_> = plain.iter().map(|layer| (zstd(layer), media)).collect();
    let packed = packed_image(&layout, ("linux", "amd64"), "{}", plain, &packed);
    index(&layout, &[packed]);
    peaks.push(("layout, zstd", peak(&reference, None, "")));
    hold(peaks, MOST);
}

/// No peak is above the limit.
fn hold(peaks: Vec<(&str, Option<u64>)>, most: u64) {
    for (image, peak) in peaks {
        let Some(peak) = peak else { return };
        println!("{image}: {} MiB", peak / MEGABYTE);
        assert!(peak < most, "{image}: {} MiB", peak / MEGABYTE);
    }
}

/// Writes one image of plain layers, each made when it is its turn, as `docker save` does.
fn write_layers(path: &Path, layers: &mut dyn Iterator<Item = Vec<u8>>) {
    let mut out = File::create(path).unwrap();
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for (index, layer) in layers.enumerate() {
        names.push(format!("{index}/layer.tar"));
        ids.push(Digest::sha256(&layer).to_string());
        out.write_all(&file(&names[index], &layer)).unwrap();
    }
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": { "type": "layers", "diff_ids": ids },
    });
    let config = config.to_string();
    let name = format!("{}.json", Digest::sha256(config.as_bytes()).hex());
    let manifest = serde_json::json!([{ "Config": name, "RepoTags": ["a:b"], "Layers": names }]);
    out.write_all(&file(&name, config.as_bytes())).unwrap();
    out.write_all(&file("manifest.json", manifest.to_string().as_bytes())).unwrap();
    out.write_all(&END).unwrap();
}

/// The same entries below another directory.
fn moved(layer: &[u8], number: usize) -> Vec<u8> {
    let mut layer = layer.to_vec();
    for block in layer.chunks_exact_mut(512).filter(|block| block.starts_with(b"app/")) {
        let digit = b'0' + number as u8;
        let sum = std::str::from_utf8(&block[148..154]).unwrap();
        let sum = u32::from_str_radix(sum, 8).unwrap() - u32::from(b'a') + u32::from(digit);
        block[0] = digit;
        block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    }
    layer
}

#[test]
fn an_entry_takes_little_memory() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved.tar");
    let reference = format!("docker-archive:{}", saved.display());
    let mut peaks = Vec::new();
    // A million files, from a file and from standard input, where all layers wait for the last.
    let layer = many_entries(2_000, 200_000);
    write_layers(&saved, &mut (0..5).map(|number| moved(&layer, number)));
    let million = [
        ("a million files", peak(&reference, None, "")),
        ("a million files, from standard input", peak("-", Some(&saved), "")),
    ];
    hold(million.into(), MOST_OF_A_MILLION);
    // Four hundred thousand entries, of which half are directories.
    let layer = many_entries(100_000, 200_000);
    write_layers(&saved, &mut (0..2).map(|number| moved(&layer, number)));
    peaks.push(("directories", peak("-", Some(&saved), "")));
    // Every entry is a whiteout, of what the layer below put.
    let layer = many_entries(2_000, 200_000);
    let hides = (0..2_000).flat_map(|package| {
        (0..99).flat_map(move |number| {
            let name = format!("app/node_modules/package-{package}/.wh.module-{number}.js");
            file(&name, b"")
        })
    });
    let hides: Vec<u8> = hides.chain(END).collect();
    write_layers(&saved, &mut [layer, hides].into_iter());
    peaks.push(("whiteouts", peak(&reference, None, "")));
    hold(peaks, MOST);
}

#[test]
fn what_is_kept_of_files_takes_little_memory() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved.tar");
    let reference = format!("docker-archive:{}", saved.display());
    // Scripts, as much as a layer may keep, in forty layers.
    let script = [b"#!/bin/sh\n".as_slice(), &noise(9_000, 5)].concat();
    let scripts = |layer: usize| {
        let name = |number| format!("opt/{layer}/{number}");
        let all = (0..900).map(|number| program(&name(number), &script));
        archive(&all.collect::<Vec<_>>())
    };
    write_layers(&saved, &mut (0..40).map(scripts));
    hold(vec![("scripts", peak(&reference, None, ""))], MOST);
    // Libraries, with the symbols that others may ask them for.
    let library = library_of(2_000, directory.path());
    let libraries = |layer: usize| {
        let name = |number| format!("usr/lib/{layer}/lib{number}.so");
        let all = (0..500).map(|number| program(&name(number), &library));
        archive(&all.collect::<Vec<_>>())
    };
    write_layers(&saved, &mut (0..6).map(libraries));
    let most = MOST + MAX_LINKING_BYTES as u64;
    hold(vec![("libraries", peak(&reference, None, ""))], most);
}

/// A shared library that offers so many functions.
fn library_of(functions: usize, directory: &Path) -> Vec<u8> {
    let source =
        (0..functions).map(|number| format!("int function_{number}(void) {{ return 0; }}\n"));
    let (c, so) = (directory.join("library.c"), directory.join("library.so"));
    std::fs::write(&c, source.collect::<String>()).unwrap();
    let done = run::command("cc").args(["-shared", "-s", "-o"]).arg(&so).arg(&c).status().unwrap();
    assert!(done.success());
    std::fs::read(so).unwrap()
}

/// A saved image of two layers: one file of `size` zeros, and `small`.
fn write_saved(path: &Path, size: u64, small: &[u8]) {
    let mut out = File::create(path).unwrap();
    let inner = header(b"data/zeros", size, b'0', b"");
    let large = 512 + size + 1024;
    out.write_all(&header(b"large/layer.tar", large, b'0', b"")).unwrap();
    out.write_all(&inner).unwrap();
    out.seek(SeekFrom::Current((size + 1024) as i64)).unwrap();
    out.write_all(&file("small/layer.tar", small)).unwrap();
    // The digest of the long layer would take longer than everything else: what is read from the
    // file is not verified, what passes through standard input is.
    let zeros = {
        let mut command = run::command("sh");
        command.args(["-c", "{ cat; head -c \"$1\" /dev/zero; } | sha256sum", "sh"]);
        command.arg((size + 1024).to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&inner).unwrap();
        let words = child.wait_with_output().unwrap().stdout;
        String::from_utf8(words[..64].to_vec()).unwrap()
    };
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","config":{{}},"rootfs":{{"type":"layers","diff_ids":["sha256:{zeros}","{}"]}}}}"#,
        Digest::sha256(small)
    );
    let name = format!("{}.json", Digest::sha256(config.as_bytes()).hex());
    let layers = r#"["large/layer.tar","small/layer.tar"]"#;
    let manifest = format!(r#"[{{"Config":"{name}","RepoTags":["a:b"],"Layers":{layers}}}]"#);
    out.write_all(&file(&name, config.as_bytes())).unwrap();
    out.write_all(&file("manifest.json", manifest.as_bytes())).unwrap();
    out.write_all(&END).unwrap();
}

fn read(reference: &str) -> Result<LoadedImage, String> {
    let spill = Spill::default();
    let keep = |_: &Member<'_>, bytes: &[u8]| spill.put(bytes);
    let interest = FileSelector::new(&|_, _| Retention::Look(MAX_CONTENTS), &keep);
    let reference = reference::parse(OsStr::new(reference)).unwrap();
    load(&*reference, None, &interest, &mut |_| Ok(())).map_err(said)
}

fn read_stream(archive: Vec<u8>) -> Result<LoadedImage, String> {
    let spill = Spill::default();
    let keep = |_: &Member<'_>, bytes: &[u8]| spill.put(bytes);
    let interest = FileSelector::new(&|_, _| Retention::Look(MAX_CONTENTS), &keep);
    load_stream(Box::new(Cursor::new(archive)), None, &interest, &mut |_| Ok(())).map_err(said)
}

fn said(LoadError { layer, source: why, .. }: LoadError) -> String {
    format!("{}: {why}", layer.unwrap_or_default())
}

/// A layout as one archive, as `skopeo copy … oci-archive:` writes it.
fn archived(layout: &Path) -> Vec<u8> {
    let mut members = Vec::new();
    let mut open = vec![layout.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    let name = path.strip_prefix(layout).unwrap().to_str().unwrap();
                    members.push(file(name, &std::fs::read(&path).unwrap()));
                }
            }
        }
    }
    archive(&members)
}

#[test]
fn every_byte_that_is_read_is_verified() {
    let layer = archive(&[file("a", &noise(1_000_000, 5)), file("b", &noise(30_000, 6))]);
    let (first, last) = layer.split_at(400_000);
    // Bytes behind the archive's end are part of the layer; GNU tar fills its last record up.
    let long_end = [&layer[..], &[0; 9_000]].concat();
    let forms: [(&str, &[u8], Vec<u8>); 5] = [
        ("plain", &layer, layer.clone()),
        ("plain with a long end", &long_end, long_end.clone()),
        ("gzip", &layer, gzip(&layer)),
        ("gzip of two members", &layer, [gzip(first), gzip(last)].concat()),
        ("zstd of two frames", &layer, [zstd(first), zstd(last)].concat()),
    ];
    for (form, plain, blob_bytes) in forms {
        let directory = tempfile::tempdir().unwrap();
        let layout = directory.path().join("layout");
        let reference = format!("oci:{}", layout.display());
        let packed = [(blob_bytes.clone(), LAYER)];
        let image = packed_image(&layout, ("linux", "amd64"), "{}", &[plain.to_vec()], &packed);
        index(&layout, &[image]);
        let good = read(&reference).unwrap_or_else(|why| panic!("{form}: {why}"));
        assert_eq!(good.image.unverified, 0, "{form}");
        assert!(read_stream(archived(&layout)).is_ok(), "{form}");

        let at = layout.join(Digest::sha256(&blob_bytes).blob_path());
        // Byte 5 of a gzip stream is its time: nothing but the digest knows it.
        let places = [5, 700, blob_bytes.len() / 2, blob_bytes.len() - 3, blob_bytes.len() - 1];
        for place in places {
            let mut bad = blob_bytes.clone();
            bad[place] ^= 0x10;
            std::fs::write(&at, &bad).unwrap();
            let why = read(&reference).map(|_| ()).unwrap_err();
            assert!(why.contains("layer 1 of 1"), "{form}, byte {place}: {why}");
            assert!(why.contains("the blob's digest is"), "{form}, byte {place}: {why}");
            let why = read_stream(archived(&layout)).map(|_| ()).unwrap_err();
            assert!(why.contains("the blob's digest is"), "{form}, byte {place}: {why}");
        }
        std::fs::write(&at, &blob_bytes[..blob_bytes.len() - 1]).unwrap();
        assert!(read(&reference).map(|_| ()).unwrap_err().contains("descriptor says"), "{form}");
        assert!(read_stream(archived(&layout)).is_err(), "{form}: cut off in a stream");
        std::fs::write(&at, [&blob_bytes[..], b"more"].concat()).unwrap();
        assert!(read(&reference).map(|_| ()).unwrap_err().contains("descriptor says"), "{form}");
        assert!(read_stream(archived(&layout)).is_err(), "{form}: longer in a stream");

        // The blob is the one that was meant, the layer in it is not.
        let other = archive(&[file("other", b"")]);
        let layout = directory.path().join("other");
        let packed = [(blob_bytes.clone(), LAYER)];
        let image = packed_image(&layout, ("linux", "amd64"), "{}", &[other], &packed);
        index(&layout, &[image]);
        for why in [read(&format!("oci:{}", layout.display())), read_stream(archived(&layout))] {
            let why = why.map(|_| ()).unwrap_err();
            assert!(why.contains("diff id") && why.contains("configuration says"), "{form}: {why}");
        }
    }
}

#[test]
fn a_digest_of_the_other_algorithm_is_verified_too() {
    let layer = archive(&[file("a", b"1")]);
    let digest = format!("sha512:{}", sha512(&layer));
    let directory = tempfile::tempdir().unwrap();
    let layout = directory.path().join("layout");
    let put = |text: &str, media: &str| blob(&layout, media, text.as_bytes());
    let size = layer.len();
    for (digest, fits) in [(digest.clone(), true), (digest.replace('0', "1"), false)] {
        let path = layout.join(digest.replace(':', "/")).display().to_string();
        let path = path.replace("/sha512/", "/blobs/sha512/");
        std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(&path, &layer).unwrap();
        let config = put(
            &format!(
                r#"{{"os":"linux","architecture":"amd64","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
                Digest::sha256(&layer)
            ),
            CONFIG,
        );
        let manifest = put(
            &format!(
                r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{{config}}},"layers":[{{"mediaType":"{LAYER}","digest":"{digest}","size":{size}}}]}}"#
            ),
            MANIFEST,
        );
        index(&layout, &[manifest]);
        let result = read(&format!("oci:{}", layout.display())).map(|_| ());
        assert_eq!(result.is_ok(), fits, "{result:?}");
    }
}

fn sha512(bytes: &[u8]) -> String {
    let mut child = run::command("sha512sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("coreutils");
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let words = child.wait_with_output().unwrap().stdout;
    String::from_utf8(words[..128].to_vec()).unwrap()
}

#[test]
fn a_plain_layer_is_verified_up_to_its_limit() {
    let directory = tempfile::tempdir().unwrap();
    for (size, unverified) in [(VERIFY_PLAIN - 4096, 0), (VERIFY_PLAIN, 1)] {
        let saved = directory.path().join(format!("{size}.tar"));
        write_saved(&saved, size, &archive(&[file("a", b"1")]));
        let reference = format!("docker-archive:{}", saved.display());
        assert_eq!(read(&reference).unwrap().image.unverified, unverified, "{size}");
        let whole = std::fs::read(&saved).unwrap();
        assert_eq!(read_stream(whole.clone()).unwrap().image.unverified, 0, "{size}");
        // A byte of the contents, which nothing but the digest knows.
        let mut bad = whole;
        bad[5000] ^= 1;
        assert!(read_stream(bad.clone()).map(|_| ()).unwrap_err().contains("diff id"), "{size}");
        std::fs::write(&saved, &bad).unwrap();
        assert_eq!(read(&reference).is_err(), unverified == 0, "{size}");
    }
}
