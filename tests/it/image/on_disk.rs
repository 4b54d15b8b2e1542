//! Images as they lie on disk, against the tools that everybody reads them with: umoci for the
//! finished tree, GNU tar and Python for the archive.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use binlint::internals::rootfs::MAX_CONTENTS;
use binlint::internals::rootfs::budget::Budget;
use binlint::internals::rootfs::document::config::Platform;
use binlint::internals::rootfs::error::LoadError;
use binlint::internals::rootfs::layer::tar::TarReader;
use binlint::internals::rootfs::layer::{FileSelector, Retention};
use binlint::internals::rootfs::load::{ImageParts, LoadedImage, load};
use binlint::internals::rootfs::reference;
use binlint::internals::rootfs::source::oci_layout::OciLayout;

use crate::support::layers::*;
use crate::support::run;

use crate::support::slow::has;
use crate::support::trees::*;

fn read_with(reference: &str, wish: Option<&str>) -> Result<LoadedImage, LoadError> {
    read_beside(reference, wish, &mut |_| ())
}

/// As `read_with`; shows the images of other platforms.
fn read_beside(
    reference: &str,
    wish: Option<&str>,
    see: &mut dyn FnMut(ImageParts),
) -> Result<LoadedImage, LoadError> {
    let reference = reference::parse(OsStr::new(reference))?;
    let wish = wish.map(|wish| Platform::parse(wish).unwrap());
    let interest = FileSelector::new(&|_, _| Retention::Look(MAX_CONTENTS), &keep);
    load(&*reference, wish.as_ref(), &interest, &mut |parts| {
        see(parts);
        Ok(())
    })
}

fn read(reference: &str) -> Result<LoadedImage, LoadError> {
    read_with(reference, None)
}

fn message(result: Result<LoadedImage, LoadError>) -> String {
    let failure = result.expect_err("an image that has to be refused");
    format!("{}: {}", failure.layer.unwrap_or_default(), failure.source)
}

/// Name, archive, whether Go's readers refuse it.
fn tar_corpus() -> Vec<(&'static str, Vec<u8>)> {
    let inner = archive(&[file("evil", b"evil")]);
    let size = inner.len().to_string();
    let sized = |claim: u64| {
        [
            pax(b'x', &[("size", size.as_bytes())]),
            header(b"nested.tar", claim, b'0', b"").to_vec(),
            padded(&inner),
            file("after", b"z"),
        ]
    };
    let long_name = [&header(b"././@LongLink", 9, b'L', b"")[..], &padded(b"gnu-name\0")].concat();
    let long_link = [&header(b"././@LongLink", 5, b'K', b"")[..], &padded(b"far/a")].concat();
    let mut negative = header(b"negative", 0, b'0', b"");
    negative[124..136].fill(0xff);
    let mut bad_sum = header(b"yy", 1, b'0', b"").to_vec();
    bad_sum[0] = b'x';
    let mut sparse = header(b"sparse", 0, b'S', b"");
    sparse[257..265].copy_from_slice(b"ustar  \0");
    let claims = |flag: u8, link: &[u8]| header(b"s", 512, flag, link).to_vec();
    let mut old_directory = header(b"old/", 0, 0, b"");
    old_directory[257..265].fill(0);
    let mut prefixed = header(b"name", 1, b'0', b"");
    prefixed[345..351].copy_from_slice(b"prefix");
    let long = "d/".repeat(60) + "name";
    vec![
        ("pax-size-for-zero", archive(&sized(0))),
        ("pax-size-for-other", archive(&sized(512))),
        (
            "two-pax-sizes",
            archive(&[
                [&header(b"P", 22, b'x', b"")[..], &padded(b"10 size=1\n12 size=512\n")].concat(),
                header(b"f", 1, b'0', b"").to_vec(),
                padded(b"x"),
                file("after", b"z"),
            ]),
        ),
        ("link-with-size", archive(&[claims(b'2', b"t"), file("evil", b""), file("after", b"1")])),
        (
            "hard-link-with-size",
            archive(&[file("o", b"1"), claims(b'1', b"o"), file("evil", b""), file("after", b"1")]),
        ),
        (
            "directory-with-size",
            archive(&[claims(b'5', b""), vec![b'Z'; 512], file("after", b"1")]),
        ),
        (
            "pax-path-then-gnu-name",
            archive(&[pax(b'x', &[("path", b"pax-name")]), long_name.clone(), file("short", b"x")]),
        ),
        (
            "gnu-name-then-pax-path",
            archive(&[long_name.clone(), pax(b'x', &[("path", b"pax-name")]), file("short", b"x")]),
        ),
        (
            "gnu-long-link",
            archive(&[directory("far/"), file("far/a", b"1"), long_link, symlink("l", "short")]),
        ),
        ("pax-long-name", archive(&[pax(b'x', &[("path", long.as_bytes())]), file("short", b"x")])),
        (
            "two-pax-headers",
            archive(&[
                pax(b'x', &[("path", b"one")]),
                pax(b'x', &[("uid", b"7")]),
                file("short", b"x"),
            ]),
        ),
        ("one-zero-block", archive(&[file("one", b"1"), vec![0; 512], file("two", b"2")])),
        ("bad-checksum", archive(&[bad_sum, padded(b"x")])),
        ("sparse-old", archive(&[seal(sparse).to_vec()])),
        ("negative-size", archive(&[seal(negative).to_vec()])),
        ("root-is-a-link", archive(&[symlink(".", "/etc"), file("passwd", b"x")])),
        ("slash-is-a-link", archive(&[symlink("/", "/etc"), file("passwd", b"x")])),
        ("no-name", archive(&[file("", b"x")])),
        ("link-to-itself", archive(&[hard_link("a", "a")])),
        ("hard-links-in-a-ring", archive(&[hard_link("a", "b"), hard_link("b", "a")])),
        ("links-in-a-ring", archive(&[symlink("a", "b"), symlink("b", "a")])),
        ("cut-off-in-contents", header(b"big", 1 << 20, b'0', b"").to_vec()),
        ("cut-off-in-header", file("a", b"1")[..700].to_vec()),
        ("no-end", file("a", b"1")),
        ("old-directory", archive(&[seal(old_directory).to_vec(), file("old/a", b"1")])),
        ("prefix", archive(&[seal(prefixed).to_vec(), padded(b"x")])),
        (
            "pax-broken",
            archive(&[
                [&header(b"P", 8, b'x', b"")[..], &padded(b"99 a=bc\n")].concat(),
                file("a", b"1"),
            ]),
        ),
    ]
}

#[test]
fn archives_are_read_and_refused_as_by_umoci() {
    if !has("umoci") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (name, tar) in tar_corpus() {
        let layout = layout_of(directory.path(), &[tar]);
        let theirs = umoci(&layout);
        let ours =
            read(&format!("oci:{}", layout.display())).map(|image| shown(&image.image.files));
        match (theirs, ours) {
            (Ok(theirs), Ok(ours)) => assert_eq!(ours, theirs, "{name}"),
            (Err(_), Err(_)) => {}
            (theirs, ours) => panic!(
                "{name}: {:?}, umoci: {theirs:?}",
                ours.map_err(|failure| failure.source.to_string())
            ),
        }
    }
}

fn names(tar: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = TarReader::new(tar);
    let mut names = Vec::new();
    while let Some(header) = reader.next_entry().map_err(|error| error.to_string())? {
        names.push(format!(
            "{} {}",
            String::from_utf8_lossy(&header.name).trim_end_matches('/'),
            header.size
        ));
    }
    Ok(names)
}

fn output(command: &mut Command) -> Option<Vec<String>> {
    let output = command.output().unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

#[test]
fn archives_that_others_take_have_the_same_members() {
    if !has("tar") || !has("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // What those two read differently from Go, and why it does not matter to an engine.
    let other = [
        "pax-path-then-gnu-name", // they let the first of the two names win
        "gnu-name-then-pax-path",
        "no-end",
        "one-zero-block", // they stop there
        "sparse-old",
        "two-pax-headers", // Python keeps records of both
        "link-with-size",
        "hard-link-with-size", // they go by the size: the smuggling that Go's rule prevents
        "directory-with-size",
        "pax-broken",
        "negative-size", // Python lists it
        "no-name",
        "root-is-a-link",
        "slash-is-a-link",
        "cut-off-in-contents",
        "cut-off-in-header",
    ];
    let python = "import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name, m.size)";
    let mut compared = 0;
    for (name, tar) in tar_corpus() {
        let path = directory.path().join("a.tar");
        std::fs::write(&path, &tar).unwrap();
        let ours = names(&tar);
        let theirs = output(run::command("python3").args(["-c", python]).arg(&path));
        let gnu = output(
            run::command("tar").env("LC_ALL", "C").arg("--numeric-owner").arg("-tf").arg(&path),
        );
        if other.contains(&name) {
            continue;
        }
        match (&ours, &theirs) {
            (Ok(ours), Some(theirs)) => assert_eq!(ours, theirs, "{name}: Python"),
            (Err(_), None) => {}
            (Err(_), Some(theirs)) if theirs.is_empty() => {}
            (ours, theirs) => panic!("{name}: {ours:?}, Python {theirs:?}"),
        }
        match (&ours, &gnu) {
            (Ok(ours), Some(gnu)) => {
                let ours: Vec<&str> =
                    ours.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
                let gnu: Vec<&str> = gnu.iter().map(|name| name.trim_end_matches('/')).collect();
                assert_eq!(ours, gnu, "{name}: GNU tar");
            }
            (Err(_), None) => {}
            (ours, gnu) => panic!("{name}: {ours:?}, GNU tar {gnu:?}"),
        }
        compared += 1;
    }
    assert!(compared >= 10, "{compared}");
}

#[test]
fn archives_that_gnu_tar_and_python_write_are_read() {
    if !has("tar") || !has("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let long = root.join("d".repeat(90)).join("e".repeat(90)).join("f".repeat(90));
    std::fs::create_dir_all(&long).unwrap();
    std::fs::write(long.join("g"), b"contents").unwrap();
    std::fs::write(root.join("caf\u{e9}"), vec![b'x'; 1500]).unwrap();
    std::fs::hard_link(root.join("caf\u{e9}"), root.join("hard")).unwrap();
    std::os::unix::fs::symlink("l".repeat(150), root.join("link")).unwrap();
    let want = shown_on_disk(&root).replace(&"x".repeat(1500), "x*1500");
    let python = "import sys, tarfile\nwith tarfile.open(sys.argv[1], 'w', format=int(sys.argv[3])) as t: t.add(sys.argv[2], '.')";
    for format in ["gnu", "posix", "oldgnu", "python 1", "python 2"] {
        let path = directory.path().join("a.tar");
        let status = match format.strip_prefix("python ") {
            Some(number) => run::command("python3")
                .args(["-c", python])
                .arg(&path)
                .arg(&root)
                .arg(number)
                .status(),
            None => run::command("tar")
                .arg(format!("--format={format}"))
                .arg("-C")
                .arg(&root)
                .arg("-cf")
                .arg(&path)
                .arg(".")
                .status(),
        };
        assert!(status.unwrap().success());
        let layout = layout_of(directory.path(), &[std::fs::read(&path).unwrap()]);
        let image =
            read(&format!("oci:{}", layout.display())).map_err(|failure| failure.source).unwrap();
        assert_eq!(
            shown(&image.image.files).replace(&"x".repeat(1500), "x*1500"),
            want,
            "{format}"
        );
    }
}

#[test]
fn a_long_extension_header_costs_no_memory() {
    // 2 GiB of a name, deflated to 2 MB, filled the memory of other readers.
    for flag in [b'x', b'L', b'K', b'g'] {
        let claim = header(b"x", 2 << 30, flag, b"");
        let error = TarReader::new(&claim[..]).next_entry().unwrap_err().to_string();
        assert!(error.contains("more than 1 MiB"), "{error}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

const AMD64: (&str, &str) = ("linux", "amd64");

#[test]
fn a_layout_that_is_damaged_is_refused_with_the_layer_and_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let layers = [archive(&[file("a", b"1")]), archive(&[file("b", &[b'x'; 4000])])];
    let layout = directory.path().join("image");
    let reference = format!("oci:{}", layout.display());
    let make = |packed: &[(Vec<u8>, &str)]| {
        let _ = std::fs::remove_dir_all(&layout);
        let image = packed_image(&layout, AMD64, "{}", &layers, packed);
        index(&layout, &[named(&image, "latest")]);
    };
    let plain: Vec<(Vec<u8>, &str)> = layers.iter().map(|layer| (layer.clone(), LAYER)).collect();
    let second = |bytes: Vec<u8>, media: &'static str| vec![plain[0].clone(), (bytes, media)];
    let blob_of =
        |bytes: &[u8]| layout.join(crate::support::digest::Digest::sha256(bytes).blob_path());
    let gzip_layer = "application/vnd.oci.image.layer.v1.tar+gzip";

    make(&plain);
    assert_eq!(shown(&read(&reference).ok().unwrap().image.files).len(), "a=1 b=".len() + 4000);

    std::fs::remove_file(blob_of(&layers[1])).unwrap();
    let text = message(read(&reference));
    assert!(text.starts_with("layer 2 of 2 (sha256:") && text.contains("is missing"), "{text}");

    make(&plain);
    let mut other = layers[1].clone();
    other[600] ^= 1;
    std::fs::write(blob_of(&layers[1]), other).unwrap();
    let text = message(read(&reference));
    assert!(
        text.starts_with("layer 2 of 2") && text.contains("the blob's digest is sha256:"),
        "{text}"
    );

    make(&plain);
    std::fs::write(blob_of(&layers[1]), &layers[1][..1000]).unwrap();
    assert!(
        message(read(&reference)).contains("the blob has 1000 bytes, its descriptor says 5632")
    );

    make(&second(layers[1][..1536].to_vec(), LAYER));
    let text = message(read(&reference));
    assert!(text.starts_with("layer 2 of 2") && text.contains("cut off"), "{text}");

    let packed = gzip(&layers[1]);
    make(&second(packed[..packed.len() / 2].to_vec(), gzip_layer));
    assert!(message(read(&reference)).starts_with("layer 2 of 2"));

    make(&second(gzip(&layers[0]), gzip_layer));
    assert!(message(read(&reference)).contains("the image's configuration says"));

    make(&second(layers[1].clone(), "application/vnd.example.layer"));
    assert!(
        message(read(&reference)).contains("'application/vnd.example.layer', which is no layer's")
    );

    make(&plain[..1]);
    assert!(
        message(read(&reference)).contains("the manifest has 1 layers, the configuration has 2")
    );

    let both = blob(
        &layout,
        MANIFEST,
        br#"{"config":{"digest":"x","size":1},"layers":[],"manifests":[]}"#,
    );
    index(&layout, &[both]);
    assert!(message(read(&reference)).contains("both an index and a manifest"));

    let unknown = blob(&layout, "application/vnd.example.thing", b"{}");
    index(&layout, &[unknown]);
    assert!(
        message(read(&reference)).contains("'application/vnd.example.thing', which is no image")
    );

    index(&layout, &[]);
    assert!(message(read(&reference)).contains("there is no image in it"));
}

#[test]
fn a_link_in_a_layout_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let outside = directory.path().join("outside");
    let link = |from: &Path| {
        std::fs::rename(from, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, from).unwrap();
        let layout = directory.path().join("image");
        let text = message(read(&format!("oci:{}", layout.display())));
        std::fs::remove_file(from).unwrap();
        std::fs::rename(&outside, from).unwrap();
        text
    };
    let layer = archive(&[file("a", b"1")]);
    let layout = layout_of(directory.path(), std::slice::from_ref(&layer));
    let blob = crate::support::digest::Digest::sha256(&layer).blob_path();
    let text = link(&layout.join(&blob));
    assert!(text.starts_with("layer 1 of 1") && text.contains("is a link"), "{text}");
    for path in ["index.json", "blobs", "blobs/sha256"] {
        let text = link(&layout.join(path));
        assert!(text.contains(&format!("{path} is a link")), "{text}");
    }
    assert!(read(&format!("oci:{}", layout.display())).is_ok());
}

#[test]
fn layers_are_known_by_their_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let layout = directory.path().join("image");
    let layers =
        [archive(&[file("a", b"1")]), archive(&[file("b", b"2")]), archive(&[file("c", b"3")])];
    // Media types that lie, members and frames that follow one another.
    let (first, last) = layers[0].split_at(700);
    let (head, tail) = layers[1].split_at(500);
    let packed = [
        ([gzip(first), gzip(last)].concat(), LAYER),
        (
            [zstd(head), b"\x50\x2a\x4d\x18\x01\0\0\0x".to_vec(), zstd(tail)].concat(),
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (layers[2].clone(), "application/vnd.oci.image.layer.v1.tar+zstd"),
    ];
    let image = packed_image(&layout, AMD64, "{}", &layers, &packed);
    index(&layout, &[image]);
    let image =
        read(&format!("oci:{}", layout.display())).map_err(|failure| failure.source).unwrap();
    assert_eq!(shown(&image.image.files), "a=1 b=2 c=3");
    assert_eq!(image.image.unverified, 0);
}

#[test]
fn one_of_several_images_is_chosen_or_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let layout = directory.path().join("image");
    let reference = format!("oci:{}", layout.display());
    let make =
        |text: &str, platform| image(&layout, platform, "{}", &[archive(&[file(text, b"")])]);
    let (one, two) = (make("one", AMD64), make("two", AMD64));
    index(&layout, &[named(&one, "v1"), named(&two, "v2")]);
    let text = message(read(&reference));
    assert!(text.contains("several images: v1, v2"), "{text}");
    assert_eq!(shown(&read(&format!("{reference}:v2")).ok().unwrap().image.files), "two=");
    assert!(
        message(read(&format!("{reference}:v3"))).contains("there is no image v3; there is v1, v2")
    );
    index(&layout, &[one.clone(), two]);
    assert!(message(read(&reference)).contains("several images for one platform"));

    // A nested index with an attestation beside its images.
    let (arm, arm64) = (make("arm", ("linux", "arm")), make("arm64", ("linux", "arm64")));
    let digest_of = |descriptor: &str| descriptor.split('"').nth(7).unwrap().to_owned();
    let statement = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;
    let statement_blob = blob(&layout, "application/vnd.in-toto+json", statement);
    // A list of packages is not read: it can be long, and says nothing of the build.
    let list = blob(&layout, "application/vnd.in-toto+json", b"{}");
    let about = r#""annotations":{"in-toto.io/predicate-type":"https://spdx.dev/Document"}"#;
    let config = blob(
        &layout,
        CONFIG,
        br#"{"os":"unknown","architecture":"unknown","rootfs":{"diff_ids":[]}}"#,
    );
    let attestation = blob(
        &layout,
        MANIFEST,
        format!(
            r#"{{"mediaType":"{MANIFEST}","config":{{{config}}},"layers":[{{{list},{about}}},{{{statement_blob}}}]}}"#
        )
        .as_bytes(),
    );
    let attestation = format!(
        r#"{attestation},"platform":{{"os":"unknown","architecture":"unknown"}},"annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{}"}}"#,
        digest_of(&arm64)
    );
    let platform = |descriptor: &str, os: &str, arch: &str, variant: &str| {
        format!(
            r#"{descriptor},"platform":{{"os":"{os}","architecture":"{arch}","variant":"{variant}"}}"#
        )
    };
    let index_platform = [
        platform(&one, "linux", "amd64", ""),
        platform(&arm, "linux", "arm", "v6"),
        platform(&arm64, "linux", "arm64", "v8"),
        attestation,
    ]
    .map(|descriptor| format!("{{{descriptor}}}"))
    .join(",");
    let inner = blob(
        &layout,
        INDEX,
        format!(r#"{{"mediaType":"{INDEX}","manifests":[{index_platform}]}}"#).as_bytes(),
    );
    let outer = blob(
        &layout,
        INDEX,
        format!(r#"{{"mediaType":"{INDEX}","manifests":[{{{inner}}}]}}"#).as_bytes(),
    );
    index(&layout, &[named(&outer, "all")]);
    for (wish, want) in
        [("linux/amd64", "one="), ("linux/arm/v7", "arm="), ("linux/arm64", "arm64=")]
    {
        let mut beside = Vec::new();
        let mut see = |parts: ImageParts| beside.push(shown(&parts.files));
        let loaded =
            read_beside(&reference, Some(wish), &mut see).map_err(|failure| failure.source);
        let loaded = loaded.unwrap();
        assert_eq!(shown(&loaded.image.files), want, "{wish}");
        beside.sort();
        let others: Vec<&str> =
            ["arm64=", "arm=", "one="].into_iter().filter(|it| *it != want).collect();
        assert_eq!(beside, others);
        assert_eq!(loaded.statements.len(), usize::from(wish == "linux/arm64"), "{wish}");
    }
    let text = message(read_with(&reference, Some("linux/riscv64")));
    assert!(
        text.contains(
            "no image for linux/riscv64; there is linux/amd64, linux/arm/v6, linux/arm64/v8"
        ),
        "{text}"
    );

    // Without a wish it is this machine's own.
    assert_eq!(
        read(&reference).ok().unwrap().image.index_platform.unwrap().architecture,
        Platform::own().architecture
    );
}

fn docker_archive(entries: &[(&str, &str, &[u8])]) -> Vec<u8> {
    // As the engine writes it: layers first, in an order of their own, the manifest last.
    let mut members = Vec::new();
    let mut manifest = Vec::new();
    for (index, (name, text, _)) in entries.iter().enumerate() {
        let layer = archive(&[file(text, b"1")]);
        let diff_id = crate::support::digest::Digest::sha256(&layer);
        let config = format!(
            r#"{{"os":"linux","architecture":"amd64","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}","{diff_id}"]}}}}"#
        );
        let config_name =
            format!("{}.json", crate::support::digest::Digest::sha256(config.as_bytes()).hex());
        members.extend([
            directory(&format!("l{index}/")),
            file(&format!("l{index}/VERSION"), b"1.0"),
            file(&format!("l{index}/json"), b"{}"),
            file(&format!("l{index}/layer.tar"), &layer),
            directory(&format!("m{index}/")),
            symlink(&format!("m{index}/layer.tar"), &format!("../l{index}/layer.tar")),
            file(&config_name, config.as_bytes()),
        ]);
        manifest.push(format!(
            r#"{{"Config":"{config_name}","RepoTags":["{name}"],"Layers":["l{index}/layer.tar","m{index}/layer.tar"]}}"#
        ));
    }
    members.push(file("manifest.json", format!("[{}]", manifest.join(",")).as_bytes()));
    archive(&members)
}

#[test]
fn an_archive_of_an_old_engine_is_read_from_a_file_and_from_a_stream() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saved.tar");
    let one = docker_archive(&[("demo:latest", "one", b"")]);
    let packed = directory.path().join("saved.tar.gz");
    std::fs::write(&packed, gzip(&one)).unwrap();
    std::fs::write(&path, &one).unwrap();
    for path in [&path, &packed] {
        let image = read(&format!("docker-archive:{}", path.display()))
            .map_err(|failure| failure.source)
            .unwrap();
        assert_eq!(shown(&image.image.files), "one=1");
    }
    let two = docker_archive(&[("demo:latest", "one", b""), ("demo:next", "two", b"")]);
    std::fs::write(&path, &two).unwrap();
    std::fs::write(&packed, gzip(&two)).unwrap();
    for path in [&path, &packed] {
        let text = message(read(&path.display().to_string()));
        assert!(text.contains("2 images: demo:latest, demo:next; name one"), "{text}");
        let image = read(&format!("docker-archive:{}:demo:next", path.display())).ok().unwrap();
        assert_eq!(shown(&image.image.files), "two=1");
    }
    let at = one.windows(5).position(|bytes| bytes == b"one\0\0").unwrap();
    let mut other = one;
    other[at + 512] = b'2';
    std::fs::write(&path, &other).unwrap();
    std::fs::write(&packed, gzip(&other)).unwrap();
    for path in [&path, &packed] {
        let text = message(read(&path.display().to_string()));
        assert!(text.contains("layer 1 of 2") && text.contains("diff id"), "{text}");
    }
    std::fs::write(&path, archive(&[file("x", b"1")])).unwrap();
    assert!(message(read(&path.display().to_string())).contains("neither an OCI layout"));
}

/// Archives with single bytes changed or cut off, from a fixed seed: an answer or a reason, never
/// a panic and never without an end.
#[test]
fn damaged_archives_are_never_more_than_refused() {
    if !has("tar") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.tar");
    let layout = layout_of(directory.path(), &[archive(&[file("a", b"1"), directory_and_link()])]);
    let packed =
        run::command("tar").arg("-C").arg(&layout).args(["-cf", "-", "."]).output().unwrap().stdout;
    let corpus =
        [packed.clone(), gzip(&packed), zstd(&packed), docker_archive(&[("demo", "one", b"")])];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).unwrap_or(0)
    };
    let (mut taken, mut refused) = (0, 0);
    for round in 0..1200 {
        let mut bytes = corpus[round % corpus.len()].clone();
        for _ in 0..=random() % 3 {
            let at = random() % bytes.len();
            match random() % 4 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = 0,
                2 => bytes[at] ^= 1 << (random() % 8),
                _ => bytes[at] = u8::try_from(random() % 256).unwrap(),
            }
        }
        std::fs::write(&path, bytes).unwrap();
        match read(&path.display().to_string()) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(taken > 0 && refused > 100, "{taken} taken, {refused} refused");
}

fn directory_and_link() -> Vec<u8> {
    [directory("d/"), symlink("l", "d"), hard_link("h", "a"), file("l/x", b"2")].concat()
}

/// More than four million entries of usual length are refused while they are read or laid down;
/// here a few hundred, with a budget to match.
#[test]
fn paths_beyond_the_budget_are_refused_with_their_layer() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<Vec<u8>> =
        (0..5000).map(|number| file(&format!("directory/{number:05}"), b"")).collect();
    let layout = layout_of(directory.path(), &[archive(&[file("a", b"")]), archive(&files)]);
    let reference = OciLayout { path: layout, tag: None };
    // What waits to be applied takes less than the finished tree, so that each has its own end.
    for (limit, fits) in [(1_000_000, true), (200_000, false), (30_000, false)] {
        let mut interest = FileSelector::new(&|_, _| Retention::Nothing, &keep);
        interest.budget = Arc::new(Budget::new(limit));
        let loaded = load(&reference, None, &interest, &mut |_| Ok(()));
        match loaded {
            Ok(loaded) => {
                assert!(fits && loaded.image.files.nodes.contains(b"/directory/04999"), "{limit}");
            }
            Err(LoadError { layer, source: why, .. }) => {
                let want = format!("the paths of its files need more than {limit} bytes of memory");
                assert_eq!((why.to_string(), fits), (want, false));
                assert!(layer.is_some_and(|layer| layer.starts_with("layer 2 of 2")));
            }
        }
        assert_eq!(interest.budget.used(), 0, "all is given back");
    }
}

/// Paths of two thousand names each, no two in one directory: what costs a kernel nothing must not
/// cost hours here.
#[test]
fn deep_paths_without_an_end_are_refused_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let stem = "d/".repeat(1990);
    let entries: Vec<Vec<u8>> = (0..20_000)
        .map(|number| {
            let path = format!("{stem}{number}/x");
            [pax(b'x', &[("path", path.as_bytes())]), file("short", b"")].concat()
        })
        .collect();
    let layout = layout_of(directory.path(), &[archive(&entries)]);
    let begin = std::time::Instant::now();
    let text = message(read(&format!("oci:{}", layout.display())));
    assert!(text.contains("layer 1 of 1") && text.contains("too deep"), "{text}");
    assert!(begin.elapsed() < std::time::Duration::from_secs(60), "{:?}", begin.elapsed());
}
