//! From a reference to the facts: layers reduced as they pass, or a root that is looked into where it is asked.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use crate::binary::Binary;
use crate::rootfs::Kind;
use crate::rootfs::layer::{Interest, Member};
use crate::rootfs::load;
use crate::rootfs::load::{Failure, Loaded, Parts};
use crate::rootfs::reference::Reference;
use crate::rootfs::tree::host_directory::{Root, is_own_root};
use crate::rootfs::tree::users::Release;
use crate::rootfs::tree::{Directory, Tree, resolve};
use crate::rootfs::{Error, MAX_CONTENTS, Why};
use crate::start::image::elf_tree::ElfTree;
use crate::start::image::extract;
use crate::start::image::extract::{Reducer, Seen};
use crate::start::image::{Files, Image, Query, Sibling};

/// Directories that are looked into for programs of a root; a root of more is not walked further.
const MAX_DIRECTORIES: usize = 200_000;

/// Reads the image that a reference names.
///
/// # Errors
/// There is no such image, or it is damaged.
pub fn read(reference: &OsStr, query: &Query, seen: Seen<'_>) -> Result<Image, Error> {
    let shown = reference.to_string_lossy().into_owned();
    let fail = |failure: Failure| failure.of(reference);
    let parsed = Reference::parse(reference).map_err(|why| fail(Why::new(why).into()))?;
    let mut image = match &parsed {
        Reference::Directory(path) => directory(path, query, seen).map_err(fail)?,
        _ => layers(&parsed, query, seen).map_err(fail)?,
    };
    image.reference = shown;
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
            Root::open(Path::new("/")).ok().and_then(|root| Release::read(&Directory(root)));
    }
    image.look();
    Ok(image)
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn directory(path: &Path, query: &Query, seen: Seen<'_>) -> Result<Image, Failure> {
    let root = Root::open(path)?;
    let mut image = Image::default();
    if is_own_root(root.path()) {
        image.notes.push(
            "the root that this program runs in; what is mounted is not in the image".to_owned(),
        );
    }
    if let Some(at) = &query.at {
        image.subject_mount = root.mount_of(at.as_bytes()).map(text);
        let found = root.read(at.as_bytes(), MAX_CONTENTS).ok();
        image.subject_copy = found.and_then(|bytes| extract::rust_program(at.as_bytes(), &bytes));
    }
    let tree = Directory(root);
    if query.find_programs {
        image.programs = programs(&tree, seen, &mut image.notes);
    }
    image.files = Files::new(tree);
    Ok(image)
}

/// Every Rust executable of a root, in the order of its paths.
fn programs(tree: &Directory, seen: Seen<'_>, notes: &mut Vec<String>) -> Vec<Arc<Binary>> {
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
                    if entry.mode & 0o111 != 0 && matches!(entry.kind, Kind::File { .. }) =>
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

fn program(tree: &Directory, path: &[u8], seen: Seen<'_>) -> Option<Arc<Binary>> {
    if tree.0.read(path, 4).ok()? != b"\x7fELF" || !tree.linking(path)?.ok()?.is_program() {
        return None;
    }
    let bytes = tree.0.read(path, MAX_CONTENTS).ok()?;
    if !extract::may_be_rust(&bytes) {
        return None;
    }
    let program = extract::rust_program(path, &bytes)?;
    seen(&program, &bytes);
    Some(program)
}

fn layers(reference: &Reference, query: &Query, seen: Seen<'_>) -> Result<Image, Failure> {
    // The copy at the subject's path is wanted for its digest.
    let find_programs = query.find_programs || query.at.is_some();
    let reducer = Reducer::new(find_programs, seen);
    let reduce = |member: &Member<'_>, bytes: &[u8]| reducer.reduce(member, bytes);
    let interest = Interest::new(&extract::wanted, &reduce);
    let mut siblings = Vec::new();
    let mut add = |parts| {
        siblings.push(sibling(parts, &reducer));
        Ok(())
    };
    let loaded = load::load(reference, query.platform.as_ref(), &interest, &mut add)?;
    let Loaded { image: parts, statements, mut notes } = loaded;
    if parts.unverified > 0 {
        notes.push(match parts.unverified {
            1 => "1 uncompressed layer was read partially; its digest was not verified".to_owned(),
            many => format!(
                "{many} uncompressed layers were read partially; their digests were not verified"
            ),
        });
    }
    let Parts { digest, listed, config, mut files, .. } = parts;
    let ambiguous = std::mem::take(&mut files.ambiguous);
    let ambiguous_in_all = files.ambiguous_in_all;
    let (tree, programs) = reducer.finish(files);
    Ok(Image {
        config,
        listed,
        digest: digest.map(|digest| digest.to_string()),
        files: Files::new(tree),
        programs,
        siblings: siblings.into(),
        ambiguous: ambiguous.into(),
        ambiguous_in_all,
        statements: statements.into(),
        notes,
        ..Image::default()
    })
}

fn sibling(parts: Parts, reducer: &Reducer<'_>) -> Sibling {
    let config = parts.config.unwrap_or_default();
    let platform = config.platform.clone();
    let (tree, programs) = reducer.finish(parts.files);
    let mut image = Image { config: Some(config), files: Files::new(tree), ..Image::default() };
    image.look();
    let mut paths: Vec<String> =
        image.commands.iter().filter_map(|command| command.program().map(str::to_owned)).collect();
    paths.extend(programs.iter().map(|program| program.path.clone()));
    paths.sort();
    paths.dedup();
    let programs = paths
        .into_iter()
        .filter_map(|path| Some((path.clone(), image.files.linking(path.as_bytes())?.ok()?)))
        .collect();
    Sibling { listed: parts.listed, config: platform, programs }
}
