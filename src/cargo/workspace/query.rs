//! Which build is meant.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which build is meant, as it would be typed after `cargo build`.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Where cargo would be started: its configuration is searched from here up.
    pub cwd: PathBuf,
    /// The environment that cargo would see.
    pub env: BTreeMap<String, String>,
    /// `--manifest-path`.
    pub manifest_path: Option<PathBuf>,
    /// `-p`: names, or `NAME@VERSION`.
    pub packages: Vec<String>,
    /// `--bin`.
    pub bins: Vec<String>,
    /// `--profile`; `--release` is `release`.
    pub profile: Option<String>,
    /// `--target`: triples, paths of target specifications, `host-tuple`.
    pub targets: Vec<String>,
    /// `--target-dir`.
    pub target_dir: Option<PathBuf>,
    /// Cargo's own `--config KEY=VALUE` or file.
    pub config: Vec<String>,
    /// The features that were asked for.
    pub requested_features: RequestedFeatures,
    /// The user had cargo build this checkout, so that what it names has been executed anyway.
    pub is_trusted: bool,
}

/// The words that decide features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestedFeatures {
    /// `--features`, one word an entry: `tls`, `app/tls`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
}

impl RequestedFeatures {
    /// Whether anything was asked for; otherwise the features are cargo's defaults.
    pub fn is_explicit(&self) -> bool {
        *self != RequestedFeatures::default()
    }

    /// The same, as it would be typed again.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.all_features {
            words.push("--all-features".to_owned());
        }
        if self.no_default_features {
            words.push("--no-default-features".to_owned());
        }
        if !self.features.is_empty() {
            words.extend(["--features".to_owned(), self.features.join(",")]);
        }
        words
    }
}

impl Query {
    /// The cargo to ask: the one that started this program, or the first in `PATH`.
    pub fn cargo(&self) -> PathBuf {
        self.env.get("CARGO").filter(|path| !path.is_empty()).map_or("cargo".into(), PathBuf::from)
    }
}
