//! What a glibc and its machine are called, and its words.

use crate::binary::elf::DynamicInfo;
use crate::rootfs::tree::Errno;
use crate::start::loader::glibc::{GlibcObject, GlibcProcess};
use crate::start::loader::{LibcInImage, PredictionBuilder};

/// The highest `GLIBC_2.x` that a library defines.
pub(super) fn highest_glibc(libc: &DynamicInfo) -> Option<String> {
    let versions = libc.version_definitions.iter().filter_map(|it| it.name.strip_prefix("GLIBC_"));
    let numbers = |version: &str| -> Option<Vec<u32>> {
        version.split('.').map(|number| number.parse().ok()).collect()
    };
    versions
        .filter_map(|version| numbers(version).map(|numbers| (numbers, version)))
        .max()
        .map(|(_, version)| version.to_owned())
}

/// `$LIB`: the first of the loader's own directories without its `/usr` and slashes.
pub(super) fn library_token(directories: &[String]) -> String {
    let first = directories.first().map_or("lib64", |it| it.trim_matches('/'));
    let first = first.strip_prefix("usr/").unwrap_or(first);
    match first.split_once("/lib") {
        // A store has its own prefix: `/nix/store/…/lib`.
        Some((before, after)) if !before.starts_with("lib") => format!("lib{after}"),
        _ => first.to_owned(),
    }
}

/// `$PLATFORM` (`AT_PLATFORM`).
pub(super) fn platform(loader: &DynamicInfo) -> &'static str {
    match loader.machine {
        62 => "x86_64",
        3 => "i686",
        183 => "aarch64",
        40 => "v7l",
        _ => "",
    }
}

pub(super) fn refusals_of_mapping() -> [&'static str; 5] {
    [
        "ELF load command address/offset not page-aligned",
        "object file has no loadable segments",
        "cannot dynamically load executable",
        "object file has no dynamic section",
        "cannot dynamically load position-independent executable",
    ]
}

/// The loader's own `strerror` knows five errors (`elf/dl-minimal.c`).
pub(super) fn loaders_strerror(errno: Errno) -> &'static str {
    match errno {
        Errno::Missing | Errno::PermissionDenied => errno.text(),
        Errno::NotDirectory => "Error 20",
        Errno::TooLong => "Error 36",
        Errno::TooManyLinks => "Error 40",
    }
}

pub(super) fn wrong_class(loader: &DynamicInfo) -> &'static str {
    if loader.is_64() { "wrong ELF class: ELFCLASS32" } else { "wrong ELF class: ELFCLASS64" }
}

/// What was met on the way through the directories.
#[derive(Default)]
pub(super) struct SearchTrace {
    pub(super) other_class: bool,
    pub(super) passed_over: Vec<(String, String)>,
    /// A path that the user may not go or read.
    pub(super) refused: Option<String>,
}

impl GlibcProcess<'_> {
    /// The C library is the object whose soname is `libc.so.6` (`LIBC_SO`).
    pub(super) fn note_libc(&self, draft: &mut PredictionBuilder) {
        let is_libc = |object: &&GlibcObject| {
            object.linking.soname.as_deref().is_some_and(|name| name.starts_with("libc.so."))
        };
        draft.libc = self.objects.iter().find(is_libc).map(|libc| LibcInImage {
            path: libc.path.clone(),
            version: highest_glibc(&libc.linking),
        });
    }

    /// Whether an object goes by this name (`_dl_name_match_p`).
    pub(super) fn goes_by(&self, object: usize, name: &str) -> bool {
        let object = &self.objects[object];
        object.path == name || object.names.iter().any(|it| it == name)
    }
}
