//! The use cases that lint, as a program that embeds the library asks for them.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::report::Report;
use crate::rule::Level;
use crate::session::Error;
use crate::session::check;
use crate::session::configuration::LevelSetting;
use crate::session::verify;

/// What the errors of a level that was set from code call its place.
const FROM_CODE: &str = "level";

/// Lints the binaries that cargo built in a workspace, given files, or the programs of an image.
///
/// Everything that is not set is as for `cargo binlint check` with no arguments: the workspace
/// around the working directory, the profile that was built last, all binaries, and the
/// configuration that lies in the workspace.
///
/// ```no_run
/// use binlint::{Level, Linter};
///
/// let report = Linter::new()
///     .manifest_path("server/Cargo.toml")
///     .profile("release")
///     .image("oci:target/image")
///     .config("ci/binlint.toml")
///     .level(Level::Deny, "freshness")
///     .lint()?;
/// assert!(report.is_clean(true), "{}", report.summary().words());
/// # Ok::<(), binlint::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a linter lints when `lint` is called"]
pub struct Linter {
    options: check::CheckOptions,
}

impl Linter {
    /// A linter of what cargo built in the workspace around the working directory.
    ///
    /// ```
    /// let linter = binlint::Linter::new();
    /// ```
    pub fn new() -> Linter {
        Linter::default()
    }

    /// The workspace or package, by its `Cargo.toml`.
    ///
    /// ```
    /// let linter = binlint::Linter::new().manifest_path("server/Cargo.toml");
    /// ```
    pub fn manifest_path(mut self, path: impl Into<PathBuf>) -> Linter {
        self.options.selection.manifest_path = Some(path.into());
        self
    }

    /// Only binaries of this package, by name or as `NAME@VERSION`; may be called again for more.
    ///
    /// ```
    /// let linter = binlint::Linter::new().package("server");
    /// ```
    pub fn package(mut self, name: impl Into<String>) -> Linter {
        self.options.selection.packages.push(name.into());
        self
    }

    /// Only this binary; may be called again for more.
    ///
    /// ```
    /// let linter = binlint::Linter::new().bin("server");
    /// ```
    pub fn bin(mut self, name: impl Into<String>) -> Linter {
        self.options.selection.bins.push(name.into());
        self
    }

    /// The profile; otherwise the one that was built last.
    ///
    /// ```
    /// let linter = binlint::Linter::new().profile("release");
    /// ```
    pub fn profile(mut self, name: impl Into<String>) -> Linter {
        self.options.selection.profile = Some(name.into());
        self
    }

    /// The target triple that was built for.
    ///
    /// ```
    /// let linter = binlint::Linter::new().target("x86_64-unknown-linux-musl");
    /// ```
    pub fn target(mut self, triple: impl Into<String>) -> Linter {
        self.options.selection.targets.push(triple.into());
        self
    }

    /// Where cargo put the build.
    ///
    /// ```
    /// let linter = binlint::Linter::new().target_dir("/cache/target");
    /// ```
    pub fn target_dir(mut self, path: impl Into<PathBuf>) -> Linter {
        self.options.selection.target_dir = Some(path.into());
        self
    }

    /// Features the binary was built with, with commas or spaces between them.
    ///
    /// ```
    /// let linter = binlint::Linter::new().features("tls,http2");
    /// ```
    pub fn features(mut self, names: impl Into<String>) -> Linter {
        self.options.selection.features.push(names.into());
        self
    }

    /// The binary was built with `--all-features`.
    ///
    /// ```
    /// let linter = binlint::Linter::new().all_features();
    /// ```
    pub fn all_features(mut self) -> Linter {
        self.options.selection.all_features = true;
        self
    }

    /// The binary was built with `--no-default-features`.
    ///
    /// ```
    /// let linter = binlint::Linter::new().no_default_features();
    /// ```
    pub fn no_default_features(mut self) -> Linter {
        self.options.selection.no_default_features = true;
        self
    }

    /// A `--config` override that was passed to `cargo build`: `KEY=VALUE` or a file.
    ///
    /// ```
    /// let linter = binlint::Linter::new().cargo_config("profile.release.lto=true");
    /// ```
    pub fn cargo_config(mut self, setting: impl Into<String>) -> Linter {
        self.options.selection.config.push(setting.into());
        self
    }

    /// Lints this file instead of the workspace's own binaries; may be called again for more.
    ///
    /// ```no_run
    /// let report = binlint::Linter::new().binary("/usr/local/bin/server").lint()?;
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Linter {
        self.options.binaries.push(path.into());
        self
    }

    /// The image that carries the program, as [`open_image`](crate::open_image) takes it. Its own
    /// Rust programs are linted where none is named or built here for it.
    ///
    /// ```no_run
    /// let report = binlint::Linter::new().image("docker-archive:server.tar").lint()?;
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn image(mut self, reference: impl Into<OsString>) -> Linter {
        self.options.image.reference = Some(reference.into());
        self
    }

    /// Where in the image the program lies or will lie.
    ///
    /// ```
    /// let linter = binlint::Linter::new().image("oci:image").at("/usr/bin/server");
    /// ```
    pub fn at(mut self, path: impl Into<String>) -> Linter {
        self.options.image.at = Some(path.into());
        self
    }

    /// The image for this platform, `OS/ARCH[/VARIANT]`, where there are several.
    ///
    /// ```
    /// let linter = binlint::Linter::new().image("oci:image").platform("linux/arm64");
    /// ```
    pub fn platform(mut self, platform: impl Into<String>) -> Linter {
        self.options.image.platform = Some(platform.into());
        self
    }

    /// The record of the program's build; otherwise the one inside or beside it.
    ///
    /// ```
    /// let linter = binlint::Linter::new().record("server.intoto.json");
    /// ```
    pub fn record(mut self, path: impl Into<PathBuf>) -> Linter {
        self.options.record = Some(path.into());
        self
    }

    /// The linter's configuration; otherwise `binlint.toml` at the workspace's root or here.
    ///
    /// ```
    /// let linter = binlint::Linter::new().config("ci/binlint.toml");
    /// ```
    pub fn config(mut self, path: impl Into<PathBuf>) -> Linter {
        self.options.configuration.file = Some(path.into());
        self
    }

    /// Sets the level of a rule or a group over what is configured; a later call counts over an
    /// earlier one.
    ///
    /// ```no_run
    /// use binlint::{Level, Linter};
    ///
    /// let linter = Linter::new().level(Level::Allow, "hardening").level(Level::Deny, "missing-pie");
    /// # linter.lint()?;
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn level(mut self, level: Level, rule_or_group: impl Into<String>) -> Linter {
        let (name, given_by) = (rule_or_group.into(), FROM_CODE.to_owned());
        self.options.configuration.levels.push(LevelSetting { level, name, given_by });
        self
    }

    /// Reads what there is, and runs every rule over it. The working directory, the environment
    /// and the clock (waivers expire) are this process's own.
    ///
    /// # Errors
    /// Nothing to lint, unreadable input, a configuration that makes no sense.
    ///
    /// ```no_run
    /// for subject in &binlint::Linter::new().lint()?.subjects {
    ///     for failed in subject.failures() {
    ///         for finding in failed.outcome.findings() {
    ///             println!("{}: {}: {}", subject.name, failed.rule.id, finding.message);
    ///         }
    ///     }
    /// }
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn lint(&self) -> Result<Report, Error> {
        check::check(&self.options)
    }
}

/// Holds a program against the record of its build: only rules about provenance are run.
///
/// ```no_run
/// let report = binlint::Verifier::new("target/release/server").key("build-service.pem").verify()?;
/// assert!(report.is_clean(false));
/// # Ok::<(), binlint::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a verifier verifies when `verify` is called"]
pub struct Verifier {
    options: verify::VerifyOptions,
}

impl Verifier {
    /// A verifier of this program, or of the program in this image.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("docker-archive:server.tar").at("/server");
    /// ```
    pub fn new(subject: impl Into<PathBuf>) -> Verifier {
        let subject = subject.into();
        Verifier { options: verify::VerifyOptions { subject, ..verify::VerifyOptions::default() } }
    }

    /// The record; otherwise the one inside the program, else the one beside it.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("server").record("server.intoto.json");
    /// ```
    pub fn record(mut self, path: impl Into<PathBuf>) -> Verifier {
        self.options.record = Some(path.into());
        self
    }

    /// The record by a path of the image.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("server").image_record("/usr/share/server.intoto.json");
    /// ```
    pub fn image_record(mut self, path: impl Into<String>) -> Verifier {
        self.options.image_record = Some(path.into());
        self
    }

    /// Where in the image the program lies; otherwise what the image would start.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("server").at("/usr/bin/server");
    /// ```
    pub fn at(mut self, path: impl Into<String>) -> Verifier {
        self.options.at = Some(path.into());
        self
    }

    /// Takes only a record that the owner of this public key (PEM) signed; may be called again
    /// for further owners.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("server").key("build-service.pem");
    /// ```
    pub fn key(mut self, path: impl Into<PathBuf>) -> Verifier {
        self.options.keys.push(path.into());
        self
    }

    /// Compares base images with this Dockerfile.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("server").dockerfile("Dockerfile");
    /// ```
    pub fn dockerfile(mut self, path: impl Into<PathBuf>) -> Verifier {
        self.options.dockerfile = Some(path.into());
        self
    }

    /// Compares the record with this workspace, too.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("server").manifest_path("Cargo.toml");
    /// ```
    pub fn manifest_path(mut self, path: impl Into<PathBuf>) -> Verifier {
        self.options.selection.manifest_path = Some(path.into());
        self
    }

    /// The linter's configuration; otherwise `binlint.toml` at the workspace's root or here.
    ///
    /// ```
    /// let verifier = binlint::Verifier::new("server").config("ci/binlint.toml");
    /// ```
    pub fn config(mut self, path: impl Into<PathBuf>) -> Verifier {
        self.options.configuration.file = Some(path.into());
        self
    }

    /// Sets the level of a rule or a group over what is configured.
    ///
    /// ```
    /// use binlint::{Level, Verifier};
    ///
    /// let verifier = Verifier::new("server").level(Level::Deny, "provenance");
    /// ```
    pub fn level(mut self, level: Level, rule_or_group: impl Into<String>) -> Verifier {
        let (name, given_by) = (rule_or_group.into(), FROM_CODE.to_owned());
        self.options.configuration.levels.push(LevelSetting { level, name, given_by });
        self
    }

    /// Reads the program and its record, and runs the rules about provenance.
    ///
    /// # Errors
    /// No program, no record, one that cannot be read, a workspace that cargo refuses.
    ///
    /// ```no_run
    /// let report = binlint::Verifier::new("server").manifest_path("Cargo.toml").verify()?;
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn verify(&self) -> Result<Report, Error> {
        verify::verify(&self.options)
    }
}
