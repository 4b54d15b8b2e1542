//! The groups of options that commands share, and what each says to a session.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, ValueEnum};

use crate::cli::output::{CliError, Output};
use crate::report;
use crate::report::Report;
use crate::rule::Level;
use crate::session::configuration::{Configuration, LevelSetting};
use crate::session::image_subjects;
use crate::session::records;
use crate::session::select;

/// Which build is meant: cargo's own words.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cargo")]
pub struct Selection {
    /// The workspace or package
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// Only binaries of this package
    #[arg(short, long, value_name = "NAME")]
    pub package: Vec<String>,
    /// Only this binary
    #[arg(long, value_name = "NAME")]
    pub bin: Vec<String>,
    /// The release profile
    #[arg(short, long, conflicts_with = "profile")]
    pub release: bool,
    /// This profile [default: the one that was built last]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The target that was built for
    #[arg(long, value_name = "TRIPLE")]
    pub target: Vec<String>,
    /// Where cargo put the build
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
}

impl Selection {
    /// The build that is meant by these arguments alone.
    pub fn selection(&self) -> select::Selection {
        select::Selection {
            manifest_path: self.manifest_path.clone(),
            packages: self.package.clone(),
            bins: self.bin.clone(),
            profile: if self.release { Some("release".to_owned()) } else { self.profile.clone() },
            targets: self.target.clone(),
            target_dir: self.target_dir.clone(),
            ..select::Selection::default()
        }
    }

    /// The build that is meant by these arguments and those about features.
    pub fn with(&self, features: &Features) -> select::Selection {
        select::Selection {
            features: features.features.clone(),
            all_features: features.all_features,
            no_default_features: features.no_default_features,
            config: features.cargo_config.clone(),
            ..self.selection()
        }
    }
}

/// Cargo's own words that a record keeps.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cargo")]
pub struct Features {
    /// Features that the build got
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,
    /// The build got `--all-features`
    #[arg(long)]
    pub all_features: bool,
    /// The build got `--no-default-features`
    #[arg(long)]
    pub no_default_features: bool,
    /// What the build got as `--config`
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    pub cargo_config: Vec<String>,
}

/// What is judged, when it is not what cargo built here.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Subject")]
pub struct Subject {
    /// Judge this file instead of the workspace's own binaries
    #[arg(long, value_name = "PATH")]
    pub binary: Vec<PathBuf>,
}

/// The runtime image.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Image")]
pub struct Runtime {
    /// The image that carries the program: `dir:PATH`, `docker-archive:FILE[:TAG]`,
    /// `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-daemon:NAME`, `-` or a path
    #[arg(long, value_name = "REFERENCE", conflicts_with = "rootfs")]
    pub image: Option<OsString>,
    /// The same as `--image dir:DIR`
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
    /// Where in the image the program lies or will lie
    #[arg(long, value_name = "PATH")]
    pub at: Option<String>,
    /// The image for this platform, where there are several
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<String>,
}

impl Runtime {
    /// The one file that the image is, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        image_subjects::archive_of(&self.options())
    }

    /// The image that is meant.
    pub fn options(&self) -> image_subjects::Options {
        let of_root = |root: &PathBuf| {
            let mut text = OsString::from("dir:");
            text.push(root);
            text
        };
        let reference = self.image.clone().or_else(|| self.rootfs.as_ref().map(of_root));
        let (at, platform) = (self.at.clone(), self.platform.clone());
        image_subjects::Options { reference, at, platform }
    }
}

/// How a record is written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Record")]
pub struct Writing {
    /// Write the record into the program too, as a section that nothing loads
    #[arg(long)]
    pub embed: bool,
    /// Sign with this private key: ed25519 or P-256, PKCS#8 in PEM
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Write a Sigstore bundle beside the record too
    #[arg(long, requires = "key")]
    pub bundle: bool,
}

impl Writing {
    /// The same for a session.
    pub fn options(&self) -> records::Writing {
        records::Writing { embed: self.embed, key: self.key.clone(), bundle: self.bundle }
    }
}

/// Levels of rules and groups.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Levels")]
pub struct Levels {
    /// Do not run this rule or group
    #[arg(short = 'A', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    allow: Vec<String>,
    /// Show what this rule or group finds
    #[arg(short = 'W', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    warn: Vec<String>,
    /// Show what this rule or group finds, and exit with 1
    #[arg(short = 'D', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    deny: Vec<String>,
}

impl Levels {
    /// The levels in the order in which they were typed: the later counts over the earlier.
    fn settings(&self, matches: &ArgMatches) -> Vec<LevelSetting> {
        let mut typed: Vec<(usize, LevelSetting)> = Vec::new();
        for (id, option, names, level) in [
            ("allow", "-A", &self.allow, Level::Allow),
            ("warn", "-W", &self.warn, Level::Warn),
            ("deny", "-D", &self.deny, Level::Deny),
        ] {
            let places = matches.indices_of(id).into_iter().flatten();
            typed.extend(places.zip(names).map(|(place, name)| {
                (place, LevelSetting { level, name: name.clone(), given_by: option.to_owned() })
            }));
        }
        typed.sort_by_key(|(place, _)| *place);
        typed.into_iter().map(|(_, setting)| setting).collect()
    }
}

/// Options of every command that lints: configuration, levels, how to answer.
#[derive(Debug, Clone, Default, Args)]
pub struct Linting {
    /// Configuration of the linter [default: binlint.toml at the workspace's root or here]
    #[arg(long, value_name = "FILE", help_heading = "Levels")]
    config: Option<PathBuf>,
    #[command(flatten)]
    levels: Levels,
    /// An open outcome fails too: what could not be decided is not good enough
    #[arg(long, help_heading = "Levels")]
    strict: bool,
    /// How to print the report
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Table,
    Json,
}

impl Linting {
    /// The configuration that was asked for.
    pub fn configuration(&self, matches: &ArgMatches) -> Configuration {
        Configuration { file: self.config.clone(), levels: self.levels.settings(matches) }
    }

    /// Refuses to write the report over what is read.
    ///
    /// # Errors
    /// The output is one of the inputs.
    pub fn spares<'a>(
        &'a self,
        inputs: impl IntoIterator<Item = &'a Path>,
    ) -> Result<(), CliError> {
        self.output.spares(inputs.into_iter().chain(self.config.as_deref()))
    }

    /// Prints a text that is no report.
    ///
    /// # Errors
    /// The file or the pipe refuses it.
    pub fn print(&self, text: &str) -> Result<(), CliError> {
        self.output.write(|to, _| to.write_all(text.as_bytes()))
    }

    /// Prints the report, and returns the exit code that it means.
    ///
    /// # Errors
    /// The file or the pipe refuses it.
    pub fn answer(&self, report: &Report) -> Result<u8, CliError> {
        self.output.write(|to, style| match self.format {
            Format::Table => report::table::write(report, style, to),
            Format::Json => report::json::write(report, to),
        })?;
        Ok(if report.is_clean(self.strict) { crate::cli::CLEAN } else { crate::cli::DENIED })
    }
}
