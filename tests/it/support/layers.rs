//! Tar archives and OCI layouts made by hand, hostile ones included.

use std::path::Path;

use super::digest::Digest;

/// A header block; `size` is what it claims.
pub fn header(name: &[u8], size: u64, flag: u8, link: &[u8]) -> [u8; 512] {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    if size < 1 << 33 {
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = flag;
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(block)
}

/// Writes the checksum.
pub fn seal(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Contents up to the next block.
pub fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A file with its contents.
pub fn file(name: &str, contents: &[u8]) -> Vec<u8> {
    [&header(name.as_bytes(), contents.len() as u64, b'0', b"")[..], &padded(contents)].concat()
}

/// A file that may be executed.
pub fn program(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut block = header(name.as_bytes(), contents.len() as u64, b'0', b"");
    block[100..107].copy_from_slice(b"0000755");
    [&seal(block)[..], &padded(contents)].concat()
}

/// A directory.
pub fn directory(name: &str) -> Vec<u8> {
    let mut block = header(name.as_bytes(), 0, b'5', b"");
    block[100..107].copy_from_slice(b"0000755");
    seal(block).to_vec()
}

/// A symbolic link.
pub fn symlink(name: &str, target: &str) -> Vec<u8> {
    header(name.as_bytes(), 0, b'2', target.as_bytes()).to_vec()
}

/// A hard link.
pub fn hard_link(name: &str, target: &str) -> Vec<u8> {
    header(name.as_bytes(), 0, b'1', target.as_bytes()).to_vec()
}

/// A PAX header for the next entry.
pub fn pax(flag: u8, records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let mut length = rest.len() + 1;
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        body.extend_from_slice(length.to_string().as_bytes());
        body.extend_from_slice(&rest);
    }
    [&header(b"PaxHeaders/x", body.len() as u64, flag, b"")[..], &padded(&body)].concat()
}

/// The two zero blocks.
pub const END: [u8; 1024] = [0; 1024];

/// An archive of these entries.
pub fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [&entries.concat()[..], &END].concat()
}

/// Puts a blob into a layout and returns its descriptor's fields.
pub fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> String {
    let digest = Digest::sha256(bytes);
    let path = layout.join(digest.blob_path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    format!(r#""mediaType":"{media_type}","digest":"{digest}","size":{}"#, bytes.len())
}

/// Media types of the documents.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An image configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A plain layer.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The manifest of an image of these layers, put into the layout: its descriptor's fields.
pub fn image(layout: &Path, platform: (&str, &str), config: &str, layers: &[Vec<u8>]) -> String {
    let packed: Vec<(Vec<u8>, &str)> = layers.iter().map(|layer| (layer.clone(), LAYER)).collect();
    packed_image(layout, platform, config, layers, &packed)
}

/// As [`image`], with each layer's blob as it shall lie and its media type.
pub fn packed_image(
    layout: &Path,
    (os, architecture): (&str, &str),
    config: &str,
    layers: &[Vec<u8>],
    packed: &[(Vec<u8>, &str)],
) -> String {
    let diff_ids: Vec<String> =
        layers.iter().map(|layer| format!("\"{}\"", Digest::sha256(layer))).collect();
    let config = format!(
        r#"{{"os":"{os}","architecture":"{architecture}","config":{config},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        diff_ids.join(",")
    );
    let config = blob(layout, CONFIG, config.as_bytes());
    let layers: Vec<String> =
        packed.iter().map(|(bytes, media)| format!("{{{}}}", blob(layout, media, bytes))).collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{{config}}},"layers":[{}]}}"#,
        layers.join(",")
    );
    blob(layout, MANIFEST, manifest.as_bytes())
}

/// Writes `index.json` over descriptors (without their braces) and `oci-layout`.
pub fn index(layout: &Path, descriptors: &[String]) {
    let descriptors: Vec<String> =
        descriptors.iter().map(|descriptor| format!("{{{descriptor}}}")).collect();
    std::fs::create_dir_all(layout).unwrap();
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(
        layout.join("index.json"),
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, descriptors.join(",")),
    )
    .unwrap();
}

/// The annotation that names an image in a layout, to be put behind a descriptor's fields.
pub fn named(descriptor: &str, name: &str) -> String {
    format!(r#"{descriptor},"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}"#)
}
