//! From a reference to the facts: layers reduced as they pass, or a root that is read where a path is looked up.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use crate::binary::Binary;
use crate::rootfs::FileKind;
use crate::rootfs::MAX_CONTENTS;
use crate::rootfs::error::LoadError;
use crate::rootfs::layer::{FileSelector, Member};
use crate::rootfs::load::{self, ImageParts, LoadedImage};
use crate::rootfs::reference;
use crate::rootfs::source::OpenedImage;
use crate::rootfs::source::blob_store::BlobStore;
use crate::rootfs::tree::host_directory::{HostRoot, is_own_root};
use crate::rootfs::tree::os_release::OsRelease;
use crate::rootfs::tree::{HostTree, Tree, resolve};
use crate::start::image::elf_tree::ElfTree;
use crate::start::image::extract;
use crate::start::image::extract::{Extractor, OnProgram};
use crate::start::image::{Image, ImageQuery, OtherPlatform, SharedTree};

/// Directories that are looked into for programs of a root; a root of more is not walked further.
const MAX_DIRECTORIES: usize = 200_000;

/// Reads the image that a reference names.
///
/// # Errors
/// There is no such image, or it is damaged.
pub fn read(
    reference: &OsStr,
    query: &ImageQuery,
    seen: OnProgram<'_>,
) -> Result<Image, LoadError> {
    let mut image =
        read_files(reference, query, seen).map_err(|error| error.with_reference(reference))?;
    image.reference = reference.to_string_lossy().into_owned();
    image.subject_at.clone_from(&query.at);
    if let Some(at) = &query.at {
        let lies_at =
            resolve(&*image.files, at.as_bytes()).map_or(at.clone(), |found| text(&found.path));
        image.subject_copy = match image.programs.iter().find(|program| program.path == lies_at) {
            Some(program) => Some(program.clone()),
            None => image.subject_copy,
        };
        if !query.find_programs {
            image.programs.clear();
        }
    }
    if query.built_here {
        image.built_on =
            HostRoot::open(Path::new("/")).ok().and_then(|root| OsRelease::read(&HostTree(root)));
    }
    image.derive();
    Ok(image)
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn read_files(
    reference: &OsStr,
    query: &ImageQuery,
    seen: OnProgram<'_>,
) -> Result<Image, LoadError> {
    // The copy at the subject's path is wanted for its digest.
    let find_programs = query.find_programs || query.at.is_some();
    let extractor = Extractor::new(find_programs, seen);
    let reduce = |member: &Member<'_>, bytes: &[u8]| extractor.reduce(member, bytes);
    let selector = FileSelector::new(&extract::select_file, &reduce);
    match reference::parse(reference)?.open(&selector)? {
        OpenedImage::Root(root) => Ok(directory(root, query, seen)),
        OpenedImage::Blobs { store, tag } => {
            layers(store, tag.as_deref(), query, &extractor, &selector)
        }
    }
}

fn directory(root: HostRoot, query: &ImageQuery, seen: OnProgram<'_>) -> Image {
    let mut image = Image::default();
    if is_own_root(root.path()) {
        image.notes.push(
            "the root that this program runs in; what is mounted is not in the image".to_owned(),
        );
    }
    if let Some(at) = &query.at {
        image.subject_mount = root.mount_of(at.as_bytes()).map(text);
        let found = root.read(at.as_bytes(), MAX_CONTENTS).ok();
        image.subject_copy =
            found.and_then(|bytes| extract::read_rust_program(at.as_bytes(), &bytes));
    }
    let tree = HostTree(root);
    if query.find_programs {
        image.programs = programs(&tree, seen, &mut image.notes);
    }
    image.files = SharedTree::new(tree);
    image
}

/// Every Rust executable of a root, in the order of its paths.
fn programs(tree: &HostTree, seen: OnProgram<'_>, notes: &mut Vec<String>) -> Vec<Arc<Binary>> {
    let mut programs = Vec::new();
    let mut open = vec![b"/".to_vec()];
    let mut looked_into = 0;
    while let Some(directory) = open.pop() {
        looked_into += 1;
        if looked_into > MAX_DIRECTORIES {
            notes.push(format!(
                "more than {MAX_DIRECTORIES} directories: the rest was not searched for programs"
            ));
            break;
        }
        for name in tree.children(&directory) {
            let mut path = if directory == b"/" { Vec::new() } else { directory.clone() };
            path.push(b'/');
            path.extend_from_slice(&name);
            match tree.entry(&path) {
                Some(entry) if entry.is_directory() => open.push(path),
                Some(entry)
                    if entry.mode & 0o111 != 0 && matches!(entry.kind, FileKind::File { .. }) =>
                {
                    programs.extend(program(tree, &path, seen));
                }
                _ => {}
            }
        }
    }
    programs.sort_by(|a, b| a.path.cmp(&b.path));
    programs
}

fn program(tree: &HostTree, path: &[u8], seen: OnProgram<'_>) -> Option<Arc<Binary>> {
    if tree.0.read(path, 4).ok()? != b"\x7fELF" || !tree.linking(path)?.ok()?.is_program() {
        return None;
    }
    let bytes = tree.0.read(path, MAX_CONTENTS).ok()?;
    if !extract::may_be_rust(&bytes) {
        return None;
    }
    let program = extract::read_rust_program(path, &bytes)?;
    seen(&program, &bytes);
    Some(program)
}

fn layers(
    store: BlobStore,
    tag: Option<&str>,
    query: &ImageQuery,
    extractor: &Extractor<'_>,
    selector: &FileSelector<'_>,
) -> Result<Image, LoadError> {
    let mut other_platforms = Vec::new();
    let mut add = |parts| {
        other_platforms.push(other_platform(parts, extractor));
        Ok(())
    };
    let loaded = load::load_blobs(store, tag, query.platform.as_ref(), selector, &mut add)?;
    let LoadedImage { image: parts, statements, mut notes } = loaded;
    if parts.unverified > 0 {
        notes.push(match parts.unverified {
            1 => "1 uncompressed layer was read partially; its digest was not verified".to_owned(),
            many => format!(
                "{many} uncompressed layers were read partially; their digests were not verified"
            ),
        });
    }
    let ImageParts { digest, index_platform, config, mut files, .. } = parts;
    let ambiguous = std::mem::take(&mut files.ambiguous);
    let ambiguous_in_all = files.ambiguous_in_all;
    let (tree, programs) = extractor.finish(files);
    Ok(Image {
        config,
        index_platform,
        digest: digest.map(|digest| digest.to_string()),
        files: SharedTree::new(tree),
        programs,
        other_platforms: other_platforms.into(),
        ambiguous: ambiguous.into(),
        ambiguous_in_all,
        statements: statements.into(),
        notes,
        ..Image::default()
    })
}

fn other_platform(parts: ImageParts, extractor: &Extractor<'_>) -> OtherPlatform {
    let config = parts.config.unwrap_or_default();
    let platform = config.platform.clone();
    let (tree, programs) = extractor.finish(parts.files);
    let mut image =
        Image { config: Some(config), files: SharedTree::new(tree), ..Image::default() };
    image.derive();
    let mut paths: Vec<String> =
        image.commands.iter().filter_map(|command| command.program().map(str::to_owned)).collect();
    paths.extend(programs.iter().map(|program| program.path.clone()));
    paths.sort();
    paths.dedup();
    let programs = paths
        .into_iter()
        .filter_map(|path| Some((path.clone(), image.files.linking(path.as_bytes())?.ok()?)))
        .collect();
    OtherPlatform { index_platform: parts.index_platform, config: platform, programs }
}
