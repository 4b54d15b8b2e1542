//! Images that are damaged or mean harm, in every container that they can lie in: exit code 2, and
//! one line with the reference, the layer and the reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::digest::Digest;
use crate::support::run;

use crate::support::layers::*;
use crate::support::slow::{self, Need};

/// An image's files by their path: what lies in a directory, or in an archive.
type Files = BTreeMap<String, Vec<u8>>;

/// The two shapes that archives of images have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// Blobs by digest: OCI, and `docker save` since 25.
    Oci,
    /// Layers in directories: `docker save` before 25.
    Docker,
}

/// Where the files lie.
const CONTAINERS: &[&str] = &["directory", "archive", "packed archive", "stdin", "packed stdin"];

/// What is wrong with an image, how it is made so, and what has to be said of it.
struct Damage {
    name: &'static str,
    shapes: &'static [Shape],
    make: fn(Shape) -> Files,
    /// Of the layer; empty where the damage is in no layer.
    layer: &'static str,
    reason: &'static str,
}

const BOTH: &[Shape] = &[Shape::Oci, Shape::Docker];
const OCI: &[Shape] = &[Shape::Oci];
const DOCKER: &[Shape] = &[Shape::Docker];

const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn plain_layers() -> Vec<Vec<u8>> {
    vec![archive(&[file("a", b"1")]), archive(&[file("b", &[b'x'; 4000])])]
}

/// The image's layers as they should be, how they lie, and what their descriptors say.
struct Parts {
    layers: Vec<Vec<u8>>,
    stored: Vec<Vec<u8>>,
    media: &'static str,
}

impl Parts {
    fn plain() -> Parts {
        Parts { layers: plain_layers(), stored: plain_layers(), media: LAYER }
    }

    fn packed() -> Parts {
        let stored = plain_layers().iter().map(|layer| gzip(layer)).collect();
        Parts { layers: plain_layers(), stored, media: GZIP_LAYER }
    }

    /// The second layer as it lies is another one.
    fn second(mut self, stored: Vec<u8>) -> Parts {
        self.stored[1] = stored;
        self
    }

    fn files(&self, shape: Shape) -> Files {
        match shape {
            Shape::Oci => self.oci(),
            Shape::Docker => self.docker(),
        }
    }

    fn oci(&self) -> Files {
        let top = tempfile::tempdir().unwrap();
        let packed: Vec<(Vec<u8>, &str)> =
            self.stored.iter().map(|stored| (stored.clone(), self.media)).collect();
        let image = packed_image(top.path(), ("linux", "amd64"), "{}", &self.layers, &packed);
        index(top.path(), &[named(&image, "latest")]);
        files_of(top.path())
    }

    fn docker(&self) -> Files {
        let diff_ids: Vec<Digest> = self.layers.iter().map(|layer| Digest::sha256(layer)).collect();
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids.iter().map(Digest::to_string).collect::<Vec<_>>()},
        });
        let config = config.to_string().into_bytes();
        let config_name = format!("{}.json", Digest::sha256(&config).hex());
        let names: Vec<String> =
            (0..self.stored.len()).map(|index| format!("layer{index}/layer.tar")).collect();
        let entry = serde_json::json!([{"Config": config_name, "RepoTags": ["demo:latest"], "Layers": names}]);
        let mut files: Files = names.into_iter().zip(self.stored.iter().cloned()).collect();
        files.insert(config_name, config);
        files.insert("manifest.json".to_owned(), entry.to_string().into_bytes());
        files
    }
}

fn files_of(top: &Path) -> Files {
    fn walk(top: &Path, at: &Path, files: &mut Files) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(top, &path, files);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut files = Files::new();
    walk(top, top, &mut files);
    files
}

/// The path of the file whose bytes these are.
fn path_of(files: &Files, bytes: &[u8]) -> String {
    files.iter().find(|(_, it)| *it == bytes).expect("it is one of them").0.clone()
}

/// A layout of one document, said to be of this type.
fn layout_of_document(media: &str, document: &[u8]) -> Files {
    let top = tempfile::tempdir().unwrap();
    let descriptor = blob(top.path(), media, document);
    index(top.path(), &[descriptor]);
    files_of(top.path())
}

/// Changes the one JSON document that has this key.
fn with_document(files: &mut Files, key: &str, change: impl Fn(&mut serde_json::Value)) {
    let (_, bytes) = files
        .iter_mut()
        .find(|(path, bytes)| {
            path.starts_with("blobs/") && memchr::memmem::find(bytes, key.as_bytes()).is_some()
        })
        .expect("a document with this key");
    let mut document = serde_json::from_slice(bytes).unwrap();
    change(&mut document);
    *bytes = document.to_string().into_bytes();
}

/// Gives every document the digest and size that its descriptors then say: from the manifest up.
fn resealed(mut files: Files) -> Files {
    let old = files.iter().find(|(_, it)| memchr::memmem::find(it, b"\"layers\":").is_some());
    let (path, bytes) = old.map(|(path, bytes)| (path.clone(), bytes.clone())).unwrap();
    files.remove(&path);
    let digest = Digest::sha256(&bytes);
    let mut top: serde_json::Value = serde_json::from_slice(&files["index.json"]).unwrap();
    top["manifests"][0]["digest"] = digest.to_string().into();
    top["manifests"][0]["size"] = bytes.len().into();
    files.insert("index.json".to_owned(), top.to_string().into_bytes());
    files.insert(digest.blob_path(), bytes);
    files
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

const DAMAGES: &[Damage] = &[
    Damage {
        name: "a layer is missing",
        shapes: BOTH,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            files.remove(&path_of(&files, &plain_layers()[1]));
            files
        },
        layer: "layer 2 of 2 (",
        reason: "is missing",
    },
    Damage {
        name: "a layer has one other bit",
        shapes: BOTH,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            files.get_mut(&path_of(&files, &plain_layers()[1])).unwrap()[700] ^= 1;
            files
        },
        layer: "layer 2 of 2 (",
        reason: "sha256:",
    },
    Damage {
        name: "a packed layer has one other bit",
        shapes: OCI,
        make: |shape| {
            let packed = Parts::packed();
            let mut files = packed.files(shape);
            // The time that gzip notes, which changes nothing but the digest.
            files.get_mut(&path_of(&files, &packed.stored[1])).unwrap()[4] ^= 1;
            files
        },
        layer: "layer 2 of 2 (",
        reason: "the blob's digest is sha256:",
    },
    Damage {
        name: "a layer is longer than its descriptor says",
        shapes: OCI,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            files.get_mut(&path_of(&files, &plain_layers()[1])).unwrap().extend([0; 512]);
            files
        },
        layer: "layer 2 of 2 (",
        reason: "its descriptor says",
    },
    Damage {
        name: "a layer is cut off, and its descriptor knows",
        shapes: BOTH,
        make: |shape| Parts::plain().second(plain_layers()[1][..1536].to_vec()).files(shape),
        layer: "layer 2 of 2 (",
        reason: "cut off",
    },
    Damage {
        name: "a packed layer is cut off, and its descriptor knows",
        shapes: BOTH,
        make: |shape| {
            let mut packed = Parts::packed();
            packed.stored[1].truncate(60);
            packed.files(shape)
        },
        layer: "layer 2 of 2 (",
        reason: "",
    },
    Damage {
        name: "a layer is another one",
        shapes: BOTH,
        make: |shape| Parts::packed().second(gzip(&archive(&[file("c", b"3")]))).files(shape),
        layer: "layer 2 of 2 (",
        reason: "the layer's diff id is sha256:",
    },
    Damage {
        name: "a layer is no archive",
        shapes: BOTH,
        make: |shape| Parts::plain().second(vec![b'x'; 3000]).files(shape),
        layer: "layer 2 of 2 (",
        reason: "",
    },
    Damage {
        name: "a layer is compressed in a way that nobody reads",
        shapes: BOTH,
        make: |shape| Parts::plain().second([&b"\xfd7zXZ\0"[..], &[7; 3000]].concat()).files(shape),
        layer: "layer 2 of 2 (",
        reason: "xz",
    },
    Damage {
        name: "a layer is a quarter of a gigabyte of nothing",
        shapes: BOTH,
        make: |shape| Parts::packed().second(gzip(&bomb())).files(shape),
        layer: "layer 2 of 2 (",
        reason: "the layer's diff id is sha256:",
    },
    Damage {
        name: "a layer inflates without an end",
        shapes: BOTH,
        make: |shape| Parts::packed().second(zstd(&bomb())).files(shape),
        layer: "layer 2 of 2 (",
        reason: "a decompression bomb",
    },
    Damage {
        name: "a layer is of an unknown type",
        shapes: OCI,
        make: |shape| {
            let mut parts = Parts::plain();
            parts.media = "application/vnd.example.layer";
            parts.files(shape)
        },
        layer: "",
        reason: "is of type 'application/vnd.example.layer', which is no layer's",
    },
    Damage {
        name: "the configuration has more layers",
        shapes: BOTH,
        make: |shape| {
            let mut parts = Parts::plain();
            parts.stored.pop();
            parts.files(shape)
        },
        layer: "",
        reason: "the manifest has 1 layers, the configuration has 2",
    },
    Damage {
        name: "the configuration is missing",
        shapes: BOTH,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            files.retain(|_, bytes| memchr::memmem::find(bytes, b"\"diff_ids\"").is_none());
            files
        },
        layer: "",
        reason: "is missing",
    },
    Damage {
        name: "the configuration is another one",
        shapes: BOTH,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            for bytes in
                files.values_mut().filter(|it| memchr::memmem::find(it, b"\"diff_ids\"").is_some())
            {
                let text = String::from_utf8(bytes.clone()).unwrap();
                *bytes = text.replace("\"linux\"", "\"lunix\"").into_bytes();
            }
            files
        },
        layer: "",
        reason: "digest",
    },
    Damage {
        name: "the manifest is missing",
        shapes: OCI,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            files.retain(|_, bytes| memchr::memmem::find(bytes, b"\"layers\":").is_none());
            files
        },
        layer: "",
        reason: "is missing",
    },
    Damage {
        name: "the manifest has another size",
        shapes: OCI,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            with_document(&mut files, "\"layers\":", |it| it["annotations"] = "x".into());
            files
        },
        layer: "",
        reason: "its descriptor says",
    },
    Damage {
        name: "a document is an index and a manifest",
        shapes: OCI,
        make: |_| {
            layout_of_document(
                MANIFEST,
                br#"{"config":{"digest":"x","size":1},"layers":[],"manifests":[]}"#,
            )
        },
        layer: "",
        reason: "both an index and a manifest",
    },
    Damage {
        name: "a document is not what its descriptor says",
        shapes: OCI,
        make: |_| {
            layout_of_document(INDEX, br#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"x","size":1},"layers":[]}"#)
        },
        layer: "",
        reason: "a document calls itself",
    },
    Damage {
        name: "a document is of an unknown type",
        shapes: OCI,
        make: |_| layout_of_document("application/vnd.example.thing", b"{}"),
        layer: "",
        reason: "is of type 'application/vnd.example.thing', which is no image",
    },
    Damage {
        name: "a digest leads out of the layout",
        shapes: OCI,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            with_document(&mut files, "\"layers\":", |it| {
                it["layers"][1]["digest"] = "sha256:../../../../etc/passwd".into();
            });
            resealed(files)
        },
        layer: "",
        reason: "'sha256:../../../../etc/passwd' is no digest",
    },
    Damage {
        name: "more layers than any engine takes",
        shapes: OCI,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            with_document(&mut files, "\"layers\":", |it| {
                let layer = it["layers"][0].clone();
                it["layers"] = vec![layer; 10_000].into();
            });
            resealed(files)
        },
        layer: "",
        reason: "more than 512 layers",
    },
    Damage {
        name: "more layers than a document has room for",
        shapes: DOCKER,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            let mut entry: serde_json::Value =
                serde_json::from_slice(&files["manifest.json"]).unwrap();
            entry[0]["Layers"] = vec!["layer0/layer.tar"; 300_000].into();
            files.insert("manifest.json".to_owned(), entry.to_string().into_bytes());
            files
        },
        layer: "",
        reason: "manifest.json has",
    },
    Damage {
        name: "a document of 5 MiB",
        shapes: BOTH,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            let name = if shape == Shape::Oci { "index.json" } else { "manifest.json" };
            let mut text = files[name].clone();
            text.splice(1..1, vec![b' '; 5 << 20]);
            files.insert(name.to_owned(), text);
            files
        },
        layer: "",
        reason: "json has",
    },
    Damage {
        name: "indexes in indexes",
        shapes: OCI,
        make: |_| {
            let top = tempfile::tempdir().unwrap();
            let mut inner = image(top.path(), ("linux", "amd64"), "{}", &plain_layers());
            for _ in 0..6 {
                let index = format!(r#"{{"mediaType":"{INDEX}","manifests":[{{{inner}}}]}}"#);
                inner = blob(top.path(), INDEX, index.as_bytes());
            }
            index(top.path(), &[inner]);
            files_of(top.path())
        },
        layer: "",
        reason: "more than 4 deep",
    },
    Damage {
        name: "an index that doubles at every level",
        shapes: OCI,
        make: |_| {
            let top = tempfile::tempdir().unwrap();
            let mut inner = image(top.path(), ("linux", "amd64"), "{}", &plain_layers());
            for level in 0..4 {
                let many: Vec<String> = (0..100)
                    .map(|number| {
                        let index = format!(r#"{{"mediaType":"{INDEX}","annotations":{{"n":"{level} {number}"}},"manifests":[{{{inner}}}]}}"#);
                        format!("{{{}}}", blob(top.path(), INDEX, index.as_bytes()))
                    })
                    .collect();
                let index =
                    format!(r#"{{"mediaType":"{INDEX}","manifests":[{}]}}"#, many.join(","));
                inner = blob(top.path(), INDEX, index.as_bytes());
            }
            index(top.path(), &[inner]);
            files_of(top.path())
        },
        layer: "",
        reason: "more than 4 deep",
    },
    Damage {
        name: "an index of 1001 manifests",
        shapes: OCI,
        make: |_| {
            let top = tempfile::tempdir().unwrap();
            let one =
                |number: u32| blob(top.path(), MANIFEST, format!("{{\"n\":{number}}}").as_bytes());
            index(top.path(), &(0..1001).map(one).collect::<Vec<_>>());
            files_of(top.path())
        },
        layer: "",
        reason: "more than 1000 manifests",
    },
    Damage {
        name: "two images and no tag",
        shapes: BOTH,
        make: |shape| match shape {
            Shape::Oci => {
                let top = tempfile::tempdir().unwrap();
                let one = |text: &str| {
                    image(top.path(), ("linux", "amd64"), "{}", &[archive(&[file(text, b"")])])
                };
                index(top.path(), &[named(&one("a"), "v1"), named(&one("b"), "v2")]);
                files_of(top.path())
            }
            Shape::Docker => {
                let mut files = Parts::plain().files(shape);
                let mut entry: serde_json::Value =
                    serde_json::from_slice(&files["manifest.json"]).unwrap();
                let mut second = entry[0].clone();
                second["RepoTags"][0] = "demo:v2".into();
                entry.as_array_mut().unwrap().push(second);
                files.insert("manifest.json".to_owned(), entry.to_string().into_bytes());
                files
            }
        },
        layer: "",
        reason: "name one, as in REFERENCE:TAG",
    },
    Damage {
        name: "the same entry twice",
        shapes: DOCKER,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            let mut entry: serde_json::Value =
                serde_json::from_slice(&files["manifest.json"]).unwrap();
            let same = entry[0].clone();
            entry.as_array_mut().unwrap().push(same);
            files.insert("manifest.json".to_owned(), entry.to_string().into_bytes());
            files
        },
        layer: "",
        reason: "there are 2 images: demo:latest, demo:latest",
    },
    Damage {
        name: "members outside the archive",
        shapes: DOCKER,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            let mut entry: serde_json::Value =
                serde_json::from_slice(&files["manifest.json"]).unwrap();
            entry[0]["Layers"][1] = "../../../../../etc/passwd".into();
            files.insert("manifest.json".to_owned(), entry.to_string().into_bytes());
            files
        },
        layer: "layer 2 of 2 (",
        reason: "is missing",
    },
    Damage {
        name: "no image at all",
        shapes: BOTH,
        make: |shape| match shape {
            Shape::Oci => {
                let top = tempfile::tempdir().unwrap();
                index(top.path(), &[]);
                files_of(top.path())
            }
            Shape::Docker => Files::from([("manifest.json".to_owned(), b"[]".to_vec())]),
        },
        layer: "",
        reason: "there is no image in it",
    },
    Damage {
        name: "documents that are none",
        shapes: BOTH,
        make: |shape| {
            let mut files = Parts::plain().files(shape);
            let name = if shape == Shape::Oci { "index.json" } else { "manifest.json" };
            files.insert(name.to_owned(), b"[{".to_vec());
            files
        },
        layer: "",
        reason: "is not readable",
    },
];

/// A quarter of a gigabyte of nothing, as one file of a layer.
fn bomb() -> Vec<u8> {
    static BOMB: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let make = || {
        let size = 256 << 20;
        let mut bytes = header(b"zeroes", size as u64, b'0', b"").to_vec();
        bytes.resize(512 + size + 1024, 0);
        bytes
    };
    BOMB.get_or_init(make).clone()
}

fn packed(files: &Files) -> Vec<u8> {
    let member = |(name, bytes): (&String, &Vec<u8>)| file(name, bytes);
    archive(&files.iter().map(member).collect::<Vec<_>>())
}

/// Runs the check with no more memory than a linter needs; the reference as it was given.
fn check(directory: &Path, shape: Shape, container: &str, files: &Files) -> (String, Output) {
    let at = directory.join("image");
    let _ = std::fs::remove_dir_all(&at);
    let _ = std::fs::remove_file(&at);
    let transport = if shape == Shape::Oci { "oci-archive" } else { "docker-archive" };
    let (reference, input) = match container {
        "directory" => {
            for (name, bytes) in files {
                let path = at.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            ("oci:image".to_owned(), None)
        }
        "archive" => (format!("{transport}:image"), Some(packed(files))),
        "packed archive" => ("image".to_owned(), Some(gzip(&packed(files)))),
        "stdin" => ("-".to_owned(), Some(packed(files))),
        _ => ("-".to_owned(), Some(zstd(&packed(files)))),
    };
    if let Some(bytes) = input {
        std::fs::write(&at, bytes).unwrap();
    }
    let stdin = match reference.as_str() {
        "-" => Stdio::from(std::fs::File::open(&at).unwrap()),
        _ => Stdio::null(),
    };
    let output = run::command("sh")
        .args(["-c", "ulimit -v 1500000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cargo-binlint")])
        .args(["check", "--format", "json", "--image", &reference])
        .current_dir(directory)
        .stdin(stdin)
        .output()
        .unwrap();
    (reference, output)
}

#[test]
fn damage_ends_with_2_and_says_where_and_why() {
    let directory = tempfile::tempdir().unwrap();
    // The others hand the same members on.
    let containers = if slow::is_left_out(Need::Time) { &CONTAINERS[..2] } else { CONTAINERS };
    let mut wrong = Vec::new();
    let mut count = 0;
    for damage in DAMAGES {
        for shape in damage.shapes {
            let files = (damage.make)(*shape);
            for container in containers {
                if *container == "directory" && *shape == Shape::Docker {
                    continue;
                }
                count += 1;
                let begin = Instant::now();
                let (reference, output) = check(directory.path(), *shape, container, &files);
                let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
                let line = stderr.strip_prefix(&format!("error: {reference}: "));
                let fine = output.status.code() == Some(2)
                    && output.stdout.is_empty()
                    && stderr.lines().count() == 1
                    && line.is_some_and(|line| {
                        let has_layer = line.starts_with("layer ");
                        has_layer != damage.layer.is_empty()
                            && line.starts_with(damage.layer)
                            && line.contains(damage.reason)
                    })
                    && begin.elapsed() < Duration::from_secs(30);
                if !fine {
                    let (name, code) = (damage.name, output.status.code());
                    let took = begin.elapsed();
                    wrong.push(format!(
                        "{name} ({shape:?}, {container}): {code:?} in {took:.1?}: {stderr}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} damaged images");
}

/// The table damages what would be taken otherwise.
#[test]
fn the_same_images_are_read_when_nothing_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    for parts in [Parts::plain(), Parts::packed()] {
        for shape in BOTH {
            for container in CONTAINERS {
                if *container == "directory" && *shape == Shape::Docker {
                    continue;
                }
                let files = parts.files(*shape);
                let (_, output) = check(directory.path(), *shape, container, &files);
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert_ne!(output.status.code(), Some(2), "{shape:?}, {container}: {stderr}");
            }
        }
    }
}
