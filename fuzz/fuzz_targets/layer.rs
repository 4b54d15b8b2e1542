//! Layers of arbitrary bytes, plain or packed, laid over one another: whatever they put, link and
//! hide, the tree stays a tree.
#![no_main]

use binlint::internals::rootfs::layer::decompress::Compression;
use binlint::internals::rootfs::layer::{ExpectedBlob, FileSelector, Layer, Retention, read_stream};
use binlint::internals::rootfs::layer::apply::MergedLayers;
use binlint::internals::rootfs::{MAX_CONTENTS, Payload, parent};
use libfuzzer_sys::fuzz_target;

/// Where one layer ends and the next begins; no tar block begins like this.
const NEXT: &[u8] = b"--next layer--";

fuzz_target!(|bytes: &[u8]| {
    let interest = FileSelector::new(&|_, _| Retention::Look(MAX_CONTENTS), &|_, bytes| Payload::new(bytes.len()));
    let mut files = MergedLayers::new(interest.budget.clone());
    let mut rest = bytes;
    for index in 0..4 {
        let end = rest.windows(NEXT.len()).position(|window| window == NEXT);
        let layer = &rest[..end.unwrap_or(rest.len())];
        let Some(layer) = read(layer, &interest) else { return };
        if files.apply(index, layer.changes).is_err() {
            return;
        }
        let Some(end) = end else { break };
        rest = &rest[end + NEXT.len()..];
    }
    let mut all = Vec::new();
    files.nodes.for_each(|path, _| all.push(path.to_vec()));
    for path in all.into_iter().filter(|path| path != b"/") {
        assert!(path.starts_with(b"/") && !path.ends_with(b"/"), "{}", path.escape_ascii());
        let above = parent(&path);
        assert!(
            above == b"/" || files.nodes.get(above).is_some_and(|node| node.entry.is_directory()),
            "{} lies in no directory",
            path.escape_ascii()
        );
    }
});

fn read(bytes: &[u8], interest: &FileSelector<'_>) -> Option<Layer> {
    read_stream(bytes, Compression::of(bytes), &ExpectedBlob::default(), interest).ok()
}
