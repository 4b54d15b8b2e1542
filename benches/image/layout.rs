//! The same layers as an OCI layout and as `docker save` writes them.

use std::path::Path;
use std::process::Command;

use binlint::internals::rootfs::document::digest::Digest;
use serde_json::{Value, json};

/// A blob of the layout, and its descriptor.
fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let digest = Digest::sha256(bytes);
    let path = layout.join(digest.blob_path());
    std::fs::create_dir_all(path.parent().expect("a blob has a directory")).expect("a directory");
    std::fs::write(path, bytes).expect("the blob");
    json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
}

/// The configuration of an image of these layers, unpacked.
fn config(layers: &[&[u8]]) -> Vec<u8> {
    let digests: Vec<String> =
        layers.iter().map(|layer| Digest::sha256(layer).to_string()).collect();
    let root = json!({"type": "layers", "diff_ids": digests});
    let image = json!({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": root});
    image.to_string().into_bytes()
}

/// A layout of one image: each layer as it is and as gzip has it.
pub fn oci(layout: &Path, layers: &[(&[u8], &[u8])]) {
    let unpacked: Vec<&[u8]> = layers.iter().map(|(layer, _)| *layer).collect();
    let kind = |name: &str| format!("application/vnd.oci.image.{name}");
    let layers = layers.iter().map(|(_, packed)| blob(layout, &kind("layer.v1.tar+gzip"), packed));
    let layers: Vec<Value> = layers.collect();
    let config = blob(layout, &kind("config.v1+json"), &config(&unpacked));
    let media_type = kind("manifest.v1+json");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers,
    });
    let manifest = blob(layout, &media_type, manifest.to_string().as_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
    std::fs::write(layout.join("index.json"), index.to_string()).expect("the index");
}

/// An archive of one image of one plain layer.
pub fn saved(archive: &Path, layer: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(&[layer]);
    let name = format!("{}.json", Digest::sha256(&config).hex());
    let manifest = json!([{"Config": name, "RepoTags": ["bench:latest"], "Layers": ["layer.tar"]}]);
    let files = [("layer.tar", layer), (&name, &config)];
    for (name, bytes) in
        files.into_iter().chain([("manifest.json", manifest.to_string().as_bytes())])
    {
        std::fs::write(directory.path().join(name), bytes).expect("a file of the archive");
    }
    let mut tar = Command::new("tar");
    tar.arg("-cf").arg(archive).arg("-C").arg(directory.path());
    let done = tar.args(["layer.tar", &name, "manifest.json"]).status();
    assert!(done.is_ok_and(|done| done.success()), "tar");
}
