//! Which build is meant, as it would be typed after `cargo build`.

use std::path::PathBuf;

use crate::cargo::error;
use crate::cargo::workspace::{Query, RequestedFeatures};
use crate::provenance::build_facts::BuildRequest;

/// A build of the workspace around the working directory, or of a named one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// `--manifest-path`: the workspace or package.
    pub manifest_path: Option<PathBuf>,
    /// `-p`: only binaries of these packages, by name or as `NAME@VERSION`.
    pub packages: Vec<String>,
    /// `--bin`: only these binaries.
    pub bins: Vec<String>,
    /// `--profile`; `None` is the one that was built last.
    pub profile: Option<String>,
    /// `--release`: the profile of that name.
    pub release: bool,
    /// `--target`: triples, or paths of target specifications.
    pub targets: Vec<String>,
    /// `--target-dir`.
    pub target_dir: Option<PathBuf>,
    /// `--features`: names with commas or spaces between them.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// Cargo's own `--config KEY=VALUE` or file.
    pub config: Vec<String>,
    /// The user has the workspace built, so that programs that its checkout names are started.
    pub is_trusted: bool,
}

impl Selection {
    /// The question to cargo, asked from here and under this environment.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn query(&self) -> Result<Query, error::WorkspaceError> {
        Ok(Query {
            manifest_path: self.manifest_path.clone(),
            packages: self.packages.clone(),
            bins: self.bins.clone(),
            profile: match self.release {
                true => Some("release".to_owned()),
                false => self.profile.clone(),
            },
            targets: self.targets.clone(),
            target_dir: self.target_dir.clone(),
            config: self.config.clone(),
            requested_features: self.requested_features(),
            is_trusted: self.is_trusted,
            ..Query::here()?
        })
    }

    /// The features for cargo: one an entry, sorted.
    pub fn requested_features(&self) -> RequestedFeatures {
        let words = self.features.iter().flat_map(|words| words.split([',', ' ']));
        let mut features: Vec<String> =
            words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
        features.sort();
        features.dedup();
        let Selection { all_features, no_default_features, .. } = *self;
        RequestedFeatures { features, all_features, no_default_features }
    }

    /// The arguments as a record keeps them.
    pub fn request(&self) -> BuildRequest {
        let RequestedFeatures { features, all_features, no_default_features } =
            self.requested_features();
        BuildRequest { features, all_features, no_default_features, config: self.config.clone() }
    }
}
