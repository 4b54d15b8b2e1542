//! An image's configuration: the OCI and Docker documents read leniently into plain values.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::rootfs::document::digest::Digest;
use crate::rootfs::error::ImageError;

/// An operating system and a machine, as images name them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// Go's names: `amd64`, `arm64`, `arm`, `386`, `riscv64`, ….
    pub architecture: String,
    /// `v7`, `v8`; empty where there is none.
    pub variant: String,
}

impl Platform {
    /// Reads `linux/arm/v7`, `linux/amd64`, or an architecture alone.
    pub fn parse(text: &str) -> Option<Platform> {
        let mut parts = text.split('/').map(str::to_ascii_lowercase);
        let first = parts.next().filter(|part| !part.is_empty())?;
        let (os, architecture) = match parts.next() {
            Some(architecture) => (first, architecture),
            None => ("linux".to_owned(), first),
        };
        let mut variant = parts.next().unwrap_or_default();
        if parts.next().is_some() || architecture.is_empty() {
            return None;
        }
        let architecture = match architecture.as_str() {
            "x86_64" | "x86-64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            "i386" | "i686" => "386".to_owned(),
            "armhf" => {
                variant = "v7".to_owned();
                "arm".to_owned()
            }
            _ => architecture,
        };
        Some(Platform { os, architecture, variant })
    }

    /// What this program runs on.
    pub fn own() -> Platform {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", ""),
            "aarch64" => ("arm64", ""),
            "x86" => ("386", ""),
            "arm" => ("arm", "v7"),
            "powerpc64" => ("ppc64le", ""),
            other => (other, ""),
        };
        Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.to_owned(),
        }
    }

    /// How well an image of this platform answers a wish; `None`: not at all, smaller is better.
    /// `arm` goes down from the variant that was asked for; `arm64/v8` and `amd64/v1` are the plain ones.
    pub fn answers(&self, wish: &Platform) -> Option<u8> {
        if self.os != wish.os || self.architecture != wish.architecture {
            return None;
        }
        let level = |platform: &Platform| -> Option<u8> {
            let default = match platform.architecture.as_str() {
                "arm" => "v7",
                "arm64" => "v8",
                _ => "v1",
            };
            let variant = if platform.variant.is_empty() { default } else { &platform.variant };
            variant.strip_prefix('v')?.parse().ok()
        };
        if self.variant == wish.variant {
            return Some(0);
        }
        level(wish)?.checked_sub(level(self)?)
    }

    /// BuildKit's mark of a descriptor that is no image.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

/// What an image is configured to run, and how its layers came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// Operating system and machine.
    pub platform: Platform,
    /// `None`: not set, which is not the same as set to nothing only for people.
    pub entrypoint: Vec<String>,
    /// Arguments of the entrypoint, or the command itself where there is none.
    pub cmd: Vec<String>,
    /// `NAME=value`
    pub env: Vec<String>,
    /// `user`, `uid`, `user:group`, …; empty for root.
    pub user: String,
    /// Empty for `/`.
    pub working_dir: String,
    /// `8080/tcp`
    pub exposed_ports: Vec<String>,
    /// Paths that a container gets a volume at.
    pub volumes: Vec<String>,
    /// The health check's `Test`: `CMD` and words, `CMD-SHELL` and a line, `NONE`.
    pub healthcheck: Vec<String>,
    /// The shell of the shell forms, where it is not `/bin/sh -c`.
    pub shell: Vec<String>,
    /// `SIGTERM` where it is empty.
    pub stop_signal: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The steps that made the layers, oldest first.
    pub history: Vec<HistoryStep>,
    /// The layers' digests before compression, lowest first.
    pub diff_ids: Vec<Digest>,
}

/// A step of the build, as far as the image remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryStep {
    /// The instruction.
    pub created_by: String,
    /// It made no layer.
    pub empty_layer: bool,
}

#[derive(Deserialize)]
struct WireImage {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    config: Option<WireConfig>,
    rootfs: Option<WireRoot>,
    history: Option<Vec<WireStep>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WireConfig {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    user: Option<String>,
    working_dir: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    volumes: Option<BTreeMap<String, serde_json::Value>>,
    healthcheck: Option<WireHealth>,
    shell: Option<Vec<String>>,
    stop_signal: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct WireHealth {
    #[serde(rename = "Test")]
    test: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireRoot {
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireStep {
    created_by: Option<String>,
    empty_layer: Option<bool>,
}

impl ImageConfig {
    /// Reads the document.
    ///
    /// # Errors
    /// It is not a configuration, or a layer's digest in it is not one.
    pub fn parse(bytes: &[u8]) -> Result<ImageConfig, ImageError> {
        let wire: WireImage = serde_json::from_slice(bytes).map_err(|error| {
            ImageError::Damaged(format!("the image's configuration is not readable: {error}"))
        })?;
        let config = wire.config.unwrap_or_default();
        let diff_ids = wire.rootfs.and_then(|root| root.diff_ids).unwrap_or_default();
        let diff_ids = diff_ids
            .iter()
            .map(|text| Digest::parse_stated(text))
            .collect::<Result<Vec<Digest>, ImageError>>()?;
        Ok(ImageConfig {
            platform: Platform {
                os: wire.os.unwrap_or_default(),
                architecture: wire.architecture.unwrap_or_default(),
                variant: wire.variant.unwrap_or_default(),
            },
            entrypoint: config.entrypoint.unwrap_or_default(),
            cmd: config.cmd.unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            user: config.user.unwrap_or_default(),
            working_dir: config.working_dir.unwrap_or_default(),
            exposed_ports: config.exposed_ports.unwrap_or_default().into_keys().collect(),
            volumes: config.volumes.unwrap_or_default().into_keys().collect(),
            healthcheck: config.healthcheck.and_then(|health| health.test).unwrap_or_default(),
            shell: config.shell.unwrap_or_default(),
            stop_signal: config.stop_signal.unwrap_or_default(),
            labels: config.labels.unwrap_or_default(),
            history: wire
                .history
                .unwrap_or_default()
                .into_iter()
                .map(|step| HistoryStep {
                    created_by: step.created_by.unwrap_or_default(),
                    empty_layer: step.empty_layer.unwrap_or_default(),
                })
                .collect(),
            diff_ids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_arm_image_answers_a_newer_machine() {
        let platform = |text: &str| Platform::parse(text).unwrap();
        for (image, wish, answer) in [
            ("linux/amd64", "linux/amd64", Some(0)),
            ("linux/amd64", "amd64", Some(0)),
            ("linux/arm64/v8", "linux/aarch64", Some(0)),
            ("linux/arm/v6", "linux/arm/v7", Some(1)),
            ("linux/arm/v7", "linux/arm/v6", None),
            ("linux/arm", "linux/arm/v7", Some(0)),
            ("linux/amd64/v3", "linux/amd64", None),
            ("linux/arm64", "linux/amd64", None),
            ("windows/amd64", "linux/amd64", None),
        ] {
            assert_eq!(platform(image).answers(&platform(wish)), answer, "{image} for {wish}");
        }
        assert_eq!(Platform::parse("a/b/c/d"), None);
    }

    #[test]
    fn null_is_nothing() {
        let config = ImageConfig::parse(
            br#"{"os":"linux","architecture":"amd64","config":{"Entrypoint":null,"Cmd":["sh"],
            "Healthcheck":{"Test":["CMD","x"]},"ExposedPorts":{"80/tcp":{}}},"rootfs":{"diff_ids":null}}"#,
        )
        .unwrap();
        assert_eq!((config.entrypoint.len(), config.cmd.len()), (0, 1));
        assert_eq!((&*config.exposed_ports[0], config.healthcheck.len()), ("80/tcp", 2));
        assert!(ImageConfig::parse(b"[]").is_err());
        assert!(ImageConfig::parse(br#"{"rootfs":{"diff_ids":["sha256:../x"]}}"#).is_err());
    }
}
