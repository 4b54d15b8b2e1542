//! Which of several images of an index is meant.

use std::collections::BTreeSet;

use crate::rootfs::document::config::Platform;
use crate::rootfs::document::manifest::Descriptor;
use crate::rootfs::error::{ImageError, LoadError};

/// An image that an index lists.
pub struct Candidate {
    /// Its manifest.
    pub descriptor: Descriptor,
    /// What it is for.
    pub platform: Platform,
}

/// The index of the image that is meant: the one for the wished platform, or for this machine's
/// where there are several.
///
/// # Errors
/// There is none, none for the platform, or several for one.
pub fn choose(wish: Option<&Platform>, candidates: &[Candidate]) -> Result<usize, LoadError> {
    let own = Platform::own();
    let best = |wish: &Platform| {
        candidates
            .iter()
            .enumerate()
            .filter_map(|(index, candidate)| Some((candidate.platform.answers(wish)?, index)))
            .min()
            .map(|(_, index)| index)
    };
    let list = || {
        let mut all: Vec<String> =
            candidates.iter().map(|candidate| candidate.platform.to_string()).collect();
        all.dedup();
        all
    };
    match (wish, candidates) {
        (_, []) => Err(ImageError::NotAnImage("there is no image in it".to_owned()).into()),
        (Some(wish), _) => best(wish).ok_or_else(|| {
            ImageError::NoSuchPlatform { platform: wish.to_string(), known: list() }.into()
        }),
        (None, [_]) => Ok(0),
        (None, many) => {
            let platforms: BTreeSet<&Platform> =
                many.iter().map(|candidate| &candidate.platform).collect();
            if platforms.len() < many.len() {
                let digests: Vec<&str> =
                    many.iter().map(|one| one.descriptor.digest.as_str()).collect();
                return Err(ImageError::Ambiguous(format!(
                    "there are several images for one platform ({}); name one, as in REFERENCE:TAG",
                    digests.join(", ")
                ))
                .into());
            }
            best(&own).ok_or_else(|| {
                ImageError::Ambiguous(format!(
                    "there is an image for each of {}; choose with `--platform`",
                    list().join(", ")
                ))
                .into()
            })
        }
    }
}
