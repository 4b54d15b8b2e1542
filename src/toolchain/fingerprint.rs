//! Cargo's fingerprint of a unit: what it would compare before it calls the unit fresh.
//!
//! The JSON is Cargo's own debugging aid, not a documented format; the fields read here are the
//! same from Cargo 1.56 to nightly 1.97 (`src/cargo/core/compiler/fingerprint/mod.rs`).

use std::path::PathBuf;

use serde::Deserialize;

use crate::toolchain::error::FormatError;

/// The readable part of `<stem>.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The features the unit was compiled with.
    pub features: Vec<String>,
    /// The features that the manifest declared at that time.
    pub declared_features: Option<Vec<String>>,
    /// `RUSTFLAGS` or `build.rustflags`, as the unit saw them.
    pub rustflags: Vec<String>,
    /// The units it was linked with.
    pub dependencies: Vec<Dependency>,
    /// What Cargo looks at on the disk.
    pub local: Vec<Local>,
}

/// A unit that another depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The name in the code: `my_lib`, `build_script_build`.
    pub name: String,
    /// Its fingerprint's hash, the number in its own `<stem>` file.
    pub hash: u64,
}

/// One thing that Cargo looks at on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// The files of the dep-info.
    DepInfo {
        /// Whether Cargo compares their contents, not their modification times: `"checksum": true`
        /// up to 1.99, `"fingerprint": "content"` from 1.101 (rust-lang/cargo#17382).
        by_content: bool,
    },
    /// A build script's `rerun-if-changed` paths, against the time of its output.
    RerunIfChanged {
        /// Relative to the package's root, or absolute.
        paths: Vec<PathBuf>,
    },
    /// A build script's `rerun-if-env-changed`.
    RerunIfEnvChanged {
        /// The variable's name.
        name: String,
    },
    /// A text computed before, such as the newest modification time in the package.
    Precalculated(String),
    /// A kind that a later Cargo brought.
    Unknown,
}

/// Reads `<stem>.json`.
///
/// # Errors
///
/// The bytes are no fingerprint: half written, or of a later format.
pub fn parse(json: &[u8]) -> Result<Fingerprint, FormatError> {
    let raw: Json = serde_json::from_slice(json)
        .map_err(|error| FormatError::Fingerprint { reason: error.to_string() })?;
    // Both lists are written with Rust's Debug, which is JSON as long as names are plain; a build
    // script's run has an empty text.
    let list = |text: &str| match text {
        "" => Ok(Vec::new()),
        text => serde_json::from_str(text)
            .map_err(|error| FormatError::Features { reason: error.to_string() }),
    };
    Ok(Fingerprint {
        features: list(&raw.features)?,
        declared_features: raw.declared_features.as_deref().map(list).transpose()?,
        rustflags: raw.rustflags,
        dependencies: raw
            .deps
            .into_iter()
            .map(|(_, name, _, hash)| Dependency { name, hash })
            .collect(),
        local: raw.local.into_iter().map(local).collect(),
    })
}

/// Reads the 16 hex digits of `<stem>`: the bytes of a little-endian number.
///
/// Cargo empties the file before it compiles and fills it afterwards, so an empty one means that
/// a build was cut short, and is `None`.
pub fn parse_hash(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim_end();
    if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok().map(u64::swap_bytes)
}

#[derive(Deserialize)]
struct Json {
    features: String,
    declared_features: Option<String>,
    #[serde(default)]
    deps: Vec<(u64, String, bool, u64)>,
    #[serde(default)]
    local: Vec<serde_json::Value>,
    #[serde(default)]
    rustflags: Vec<String>,
}

/// A field or a value that is not known may change what Cargo compares, so it makes the whole entry
/// unknown.
fn local(value: serde_json::Value) -> Local {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    enum LocalForm {
        CheckDepInfo(CheckDepInfo),
        RerunIfChanged(RerunIfChanged),
        RerunIfEnvChanged(RerunIfEnvChanged),
        Precalculated(String),
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct CheckDepInfo {
        #[serde(rename = "dep_info")]
        _dep_info: Option<PathBuf>,
        checksum: Option<bool>,
        fingerprint: Option<Compared>,
    }
    #[derive(Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Compared {
        Mtime,
        Content,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RerunIfChanged {
        #[serde(rename = "output")]
        _output: Option<PathBuf>,
        paths: Vec<PathBuf>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RerunIfEnvChanged {
        var: String,
        #[serde(rename = "val")]
        _value: Option<String>,
    }
    match serde_json::from_value(value) {
        Ok(LocalForm::CheckDepInfo(it)) => Local::DepInfo {
            by_content: it.checksum == Some(true) || it.fingerprint == Some(Compared::Content),
        },
        Ok(LocalForm::RerunIfChanged(it)) => Local::RerunIfChanged { paths: it.paths },
        Ok(LocalForm::RerunIfEnvChanged(it)) => Local::RerunIfEnvChanged { name: it.var },
        Ok(LocalForm::Precalculated(text)) => Local::Precalculated(text),
        Err(_) => Local::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As cargo 1.95.0 wrote it.
    const BIN: &str = r#"{"rustc":7458672600737419911,"features":"[\"default\", \"x\"]","declared_features":"[\"default\", \"x\", \"y\"]","target":16231345872532471794,"profile":2040997289075261528,"path":14551431238439086303,"deps":[[5340722125304364857,"lib_one",false,7123592815719879886]],"local":[{"CheckDepInfo":{"dep_info":"release/.fingerprint/my-app-adf8f9f16a4299ea/dep-bin-my-app","checksum":false}}],"rustflags":["-C","target-cpu=native"],"config":8247474407144887393,"compile_kind":0}"#;
    const RUN: &str = r#"{"rustc":7458672600737419911,"features":"","declared_features":"","target":0,"profile":0,"path":0,"deps":[[9512793030020867233,"build_script_build",false,5895196350018494539]],"local":[{"RerunIfChanged":{"output":"release/build/my-app-7e6cf456cd713657/output","paths":["data"]}},{"RerunIfEnvChanged":{"var":"FOO","val":null}},{"Later":1}],"rustflags":[],"config":0,"compile_kind":0}"#;

    #[test]
    fn reads_a_program_and_a_build_scripts_run() {
        let bin = parse(BIN.as_bytes()).unwrap();
        assert_eq!(bin.features, ["default", "x"]);
        assert_eq!(bin.declared_features.unwrap(), ["default", "x", "y"]);
        assert_eq!(bin.rustflags, ["-C", "target-cpu=native"]);
        assert_eq!(bin.local, [Local::DepInfo { by_content: false }]);
        let run = parse(RUN.as_bytes()).unwrap();
        assert_eq!(run.local[0], Local::RerunIfChanged { paths: vec!["data".into()] });
        assert_eq!(run.local[2], Local::Unknown);
    }

    #[test]
    fn what_cargo_compares_is_content_dates_or_unknown() {
        let entry = |entry: &str| {
            let json = format!(r#"{{"features":"[]","local":[{{"CheckDepInfo":{entry}}}]}}"#);
            parse(json.as_bytes()).unwrap().local.remove(0)
        };
        let by = |by_content| Local::DepInfo { by_content };
        assert_eq!(entry(r#"{"dep_info":"a","fingerprint":"content"}"#), by(true));
        assert_eq!(entry(r#"{"dep_info":"a","checksum":true}"#), by(true));
        assert_eq!(entry(r#"{"dep_info":"a","fingerprint":"mtime"}"#), by(false));
        assert_eq!(entry(r#"{"dep_info":"a"}"#), by(false));
        assert_eq!(entry(r#"{"dep_info":"a","fingerprint":"inode"}"#), Local::Unknown);
        assert_eq!(entry(r#"{"dep_info":"a","later":1}"#), Local::Unknown);
    }

    #[test]
    fn a_dependency_is_found_by_the_number_in_its_own_file() {
        let bin = parse(BIN.as_bytes()).unwrap();
        assert_eq!(parse_hash(b"ce148269ec15dc62"), Some(bin.dependencies[0].hash));
    }

    #[test]
    fn half_written_is_an_error_and_emptied_is_no_hash() {
        for end in [0, 1, 40, BIN.len() - 1] {
            let error = parse(&BIN.as_bytes()[..end]).unwrap_err();
            assert!(matches!(error, FormatError::Fingerprint { .. }), "{error}");
        }
        assert_eq!(parse_hash(b""), None);
        assert_eq!(parse_hash(b"ce148269ec15dc6"), None);
        assert_eq!(parse_hash("ce148269ec15dcé".as_bytes()), None);
    }
}
