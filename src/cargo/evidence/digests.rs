//! The digests that Cargo and rustc keep of sources, against the files.

use std::path::Path;

use memchr::memmem;

use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::mismatch::MismatchKind;
use crate::cargo::evidence::{MAX_METADATA, SourceNames, add_mismatch};
use crate::cargo::source::files::SourceReader;
use crate::cargo::source::module_tree::normalized;
use crate::cargo::source::tokens;
use crate::digest::{hex, sha256_hex};
use crate::toolchain::dep_info::PathBase;
use crate::toolchain::rmeta::{Algorithm, names_file, recorded_digest};

/// The checksums that Cargo keeps with `-Zchecksum-freshness`, against the files.
pub fn of_cargo(state: &mut CrateFreshness, names: SourceNames<'_>, reader: &mut SourceReader) {
    let info = state.unit.as_ref().and_then(|unit| unit.dep_info.as_ref()?.as_ref().ok());
    let Some(info) = info.filter(|info| !info.files.is_empty()) else { return };
    let mut other = Vec::new();
    let mut same = 0;
    for file in info.files.iter().filter(|file| file.base == PathBase::Package) {
        let kept = file.checksum.as_ref().and_then(|(_, checksum)| checksum.split_once('='));
        let Some((algorithm, compiled)) = kept else { continue };
        let path = normalized(&state.directory.join(&file.path));
        let Ok(Some(now)) = reader.read(&path) else { continue };
        let (algorithm, now) = match algorithm {
            "blake3" => ("BLAKE3", blake3::hash(&now.bytes).to_hex().to_string()),
            "sha256" => ("SHA-256", sha256_hex(&now.bytes)),
            _ => continue,
        };
        match now == compiled {
            true => same += 1,
            false => other.push((names.given(&path), algorithm, compiled.to_owned(), now)),
        }
    }
    state.matches += same;
    state.proven |= same == info.files.len();
    for (path, algorithm, compiled, now) in other {
        add_mismatch(state, path, None, MismatchKind::OtherDigest { algorithm, compiled, now });
    }
}

/// The digests that rustc keeps of a library's sources, against the files.
pub fn of_rustc(state: &mut CrateFreshness, names: SourceNames<'_>, reader: &mut SourceReader) {
    let (Some(unit), Some(tree)) = (&state.unit, &state.tree) else { return };
    if !matches!(state.role, CrateRole::OwnLibrary | CrateRole::Member) {
        return;
    }
    let Some(output) = unit.metadata_file() else { return };
    let Ok(Some(metadata)) = reader.fs.snapshot(&output.path, MAX_METADATA) else { return };
    let is_rusts_own = output.path.extension().is_some_and(|it| it == "rmeta" || it == "rlib");
    let mut other = Vec::new();
    let mut same = 0;
    let mut unnamed = None;
    for file in tree.files.iter().filter(|file| file.scan.is_some()) {
        let name = names.given(&file.path);
        let text = reader.read(&file.path).ok().flatten();
        let digest = |algorithm: Algorithm| match (algorithm, &text) {
            (Algorithm::Md5, _) => Some(file.md5.to_vec()),
            (_, Some(text)) => Some(algorithm.digest(&text.bytes)),
            (_, None) => None,
        };
        let recorded = [Some(name.clone()), trimmed(state, &file.path)]
            .into_iter()
            .flatten()
            .find_map(|name| recorded_digest(&metadata.bytes, &name));
        if let Some(recorded) = recorded {
            match digest(recorded.algorithm) {
                Some(now) if now == recorded.bytes => same += 1,
                Some(now) => other.push((name, recorded, hex(&now))),
                None => {}
            }
            continue;
        }
        // A digest as bytes anywhere is proof enough, whatever surrounds it.
        let is_inside = |algorithm| {
            digest(algorithm).is_some_and(|it| memmem::find(&metadata.bytes, &it).is_some())
        };
        if Algorithm::ALL.into_iter().any(is_inside) {
            same += 1;
        } else if file.path == tree.root {
            // Of an empty file not even its name is kept, and no name that it makes public today.
            let is_named = is_rusts_own && {
                let name = file.path.file_name().unwrap_or_default().to_string_lossy();
                names_file(&metadata.bytes, &name)
            };
            let public = text.filter(|_| !is_named);
            let public = public.map(|text| public_names(&text.bytes, is_rusts_own));
            let public = public.unwrap_or_default();
            let is_inside =
                |name: &&String| memmem::find(&metadata.bytes, name.as_bytes()).is_some();
            unnamed = public.iter().find(|name| !is_inside(name)).cloned().map(|it| (name, it));
        }
    }
    state.matches += same;
    state.proven |= same == tree.files.iter().filter(|file| file.scan.is_some()).count();
    for (path, recorded, now) in other {
        let algorithm = recorded.algorithm.name();
        let compiled = hex(&recorded.bytes);
        add_mismatch(state, path, None, MismatchKind::OtherDigest { algorithm, compiled, now });
    }
    if let Some((path, name)) = unnamed {
        add_mismatch(state, path, None, MismatchKind::NotNamed(name));
    }
}

/// The name that `trim-paths` gives a file of a path dependency that lies outside the workspace
/// (Cargo 1.101).
fn trimmed(state: &CrateFreshness, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(&state.directory).ok()?;
    let CrateFreshness { package, version, .. } = state;
    Some(format!("/cargo/deps/{package}-{version}/{}", inside.display()))
}

/// The names that a library's root file makes public under every configuration; its metadata has
/// each of them as text. A procedural macro's library has those that its attributes give, and what
/// another shared library has is not known.
fn public_names(source: &[u8], has_metadata: bool) -> Vec<String> {
    let file = std::str::from_utf8(source).ok().and_then(|text| tokens::parse(text).ok());
    let public = |item: syn::Item| {
        let (attributes, visibility, name) = match item {
            syn::Item::Fn(it) => (it.attrs, it.vis, it.sig.ident),
            syn::Item::Mod(it) => (it.attrs, it.vis, it.ident),
            syn::Item::Struct(it) => (it.attrs, it.vis, it.ident),
            syn::Item::Enum(it) => (it.attrs, it.vis, it.ident),
            syn::Item::Trait(it) => (it.attrs, it.vis, it.ident),
            syn::Item::Const(it) => (it.attrs, it.vis, it.ident),
            _ => return None,
        };
        let (of_macro, others): (Vec<_>, Vec<_>) =
            attributes.iter().partition(|it| is_of_macro(it.path()));
        let is_sure = matches!(visibility, syn::Visibility::Public(_))
            && others.iter().all(|it| it.path().is_ident("doc"));
        let is_sure = is_sure && (has_metadata || !of_macro.is_empty());
        let derived = of_macro.iter().find_map(|it| derived(it));
        let name = derived.unwrap_or_else(|| name.to_string());
        is_sure.then_some(name).filter(|name| !name.starts_with("r#"))
    };
    let file = file.filter(|file| file.attrs.iter().all(|it| !it.path().is_ident("cfg")));
    file.map(|file| file.items.into_iter().filter_map(public).collect()).unwrap_or_default()
}

/// Whether an attribute makes a procedural macro of a function.
fn is_of_macro(path: &syn::Path) -> bool {
    ["proc_macro", "proc_macro_attribute", "proc_macro_derive"].iter().any(|it| path.is_ident(it))
}

/// `#[proc_macro_derive(Name, attributes(…))]`: the name.
fn derived(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::List(list) = &attribute.meta else { return None };
    match list.tokens.clone().into_iter().next() {
        Some(proc_macro2::TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}
