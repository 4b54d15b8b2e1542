//! The groups of options that commands share, and what each says to a session.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use crate::cli::formats::{self, ReportFormat};
use crate::cli::output::{self, CliError, OutputArgs};
use crate::report::Report;
use crate::report::table::Style;
use crate::rootfs::source::image_forms;
use crate::rule::Level;
use crate::session::configuration::{Configuration, LevelSetting};
use crate::session::image_subjects;
use crate::session::records;
use crate::session::select;

/// Cargo options that select the build to lint.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cargo")]
pub struct SelectionArgs {
    /// Path of the workspace's or package's Cargo.toml
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// Only the binaries of this package
    #[arg(short, long, value_name = "NAME")]
    pub package: Vec<String>,
    /// Only this binary
    #[arg(long, value_name = "NAME")]
    pub bin: Vec<String>,
    /// Select the release profile
    #[arg(short, long, conflicts_with = "profile")]
    pub release: bool,
    /// Select this profile [default: the most recently built]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Target triple that the binaries were built for
    #[arg(long, value_name = "TRIPLE")]
    pub target: Vec<String>,
    /// Cargo's target directory
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
}

impl SelectionArgs {
    /// The build that is meant by these arguments alone.
    pub fn selection(&self) -> select::Selection {
        select::Selection {
            manifest_path: self.manifest_path.clone(),
            packages: self.package.clone(),
            bins: self.bin.clone(),
            profile: self.profile.clone(),
            release: self.release,
            targets: self.target.clone(),
            target_dir: self.target_dir.clone(),
            ..select::Selection::default()
        }
    }

    /// The build that is meant by these arguments and those about features.
    pub fn with(&self, features: &FeatureArgs) -> select::Selection {
        select::Selection {
            features: features.features.clone(),
            all_features: features.all_features,
            no_default_features: features.no_default_features,
            config: features.cargo_config.clone(),
            ..self.selection()
        }
    }
}

/// Cargo options that a record keeps.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cargo")]
pub struct FeatureArgs {
    /// Features the binary was built with
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,
    /// The binary was built with `--all-features`
    #[arg(long)]
    pub all_features: bool,
    /// The binary was built with `--no-default-features`
    #[arg(long)]
    pub no_default_features: bool,
    /// `--config` overrides that were passed to `cargo build`
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    pub cargo_config: Vec<String>,
}

/// What is linted, when it is not what cargo built here.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Subject")]
pub struct SubjectArgs {
    /// Lint this file instead of the workspace's binaries
    #[arg(long, value_name = "PATH")]
    pub binary: Vec<PathBuf>,
}

const IMAGE_HELP: &str = concat!(
    "Runtime image that carries the binary: ",
    image_forms!(),
    ", a path, an image's name, or `-` for an archive on standard input"
);

/// The runtime image.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Image")]
pub struct ImageArgs {
    /// Runtime image that carries the binary.
    #[arg(long, value_name = "REFERENCE", conflicts_with = "rootfs", help = IMAGE_HELP)]
    pub image: Option<OsString>,
    /// Root file system of the image; same as `--image dir:DIR`
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
    /// Path of the binary in the image
    #[arg(long, value_name = "PATH")]
    pub at: Option<String>,
    /// Platform to select from a multi-platform image
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<String>,
}

impl ImageArgs {
    /// The one file that the image is, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        image_subjects::archive_of(&self.options())
    }

    /// The image that is meant.
    pub fn options(&self) -> image_subjects::ImageOptions {
        let of_root = |root: &PathBuf| {
            let mut text = OsString::from("dir:");
            text.push(root);
            text
        };
        let reference = self.image.clone().or_else(|| self.rootfs.as_ref().map(of_root));
        let (at, platform) = (self.at.clone(), self.platform.clone());
        image_subjects::ImageOptions { reference, at, platform }
    }
}

/// How a record is written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Record")]
pub struct RecordWritingArgs {
    /// Also embed the record in the binary, in a section that is not loaded
    #[arg(long)]
    pub embed: bool,
    /// Sign with this private key (ed25519 or P-256, PKCS#8 PEM)
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Also write a Sigstore bundle beside the record
    #[arg(long)]
    pub bundle: bool,
}

impl RecordWritingArgs {
    /// The same for a session.
    pub fn options(&self) -> records::RecordOptions {
        records::RecordOptions { embed: self.embed, key: self.key.clone(), bundle: self.bundle }
    }
}

/// Levels of rules and groups.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Levels")]
pub struct LevelArgs {
    /// Do not run this rule or group
    #[arg(short = 'A', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    allow: Vec<String>,
    /// Report findings of this rule or group as warnings
    #[arg(short = 'W', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    warn: Vec<String>,
    /// Report findings of this rule or group as errors, and exit with 1; `warnings`: all of them
    #[arg(short = 'D', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    deny: Vec<String>,
}

impl LevelArgs {
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
pub struct LintArgs {
    /// Configuration file [default: binlint.toml or .config/binlint.toml in the workspace's root or
    /// the working directory]
    #[arg(long, value_name = "FILE", help_heading = "Levels")]
    config: Option<PathBuf>,
    #[command(flatten)]
    levels: LevelArgs,
    /// Also fail on inconclusive results
    #[arg(long, help_heading = "Levels")]
    strict: bool,
    /// Exit with 0 whatever the report says, with --strict too; errors still exit with 2
    #[arg(long, help_heading = "Levels")]
    exit_zero: bool,
    /// Do not fail on findings that are already in this JSON report
    #[arg(long, value_name = "FILE", help_heading = "Levels")]
    baseline: Option<PathBuf>,
    #[arg(
        long,
        help = format!("Format of the report: {}", formats::names(" or ")),
        value_name = "FORMAT",
        default_value = "table",
        help_heading = "Output",
        hide_possible_values = true
    )]
    format: ReportFormat,
    /// Also write the report to this file in this format; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", help_heading = "Output")]
    report: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl LintArgs {
    /// The configuration that was asked for.
    pub fn configuration(&self, matches: &ArgMatches) -> Configuration {
        let (file, baseline) = (self.config.clone(), self.baseline.clone());
        Configuration { file, levels: self.levels.settings(matches), baseline }
    }

    /// Refuses to write the report over what is read, and two reports into one file.
    ///
    /// # Errors
    /// An output is one of the inputs, or another output; no such format.
    pub fn spares<'a>(
        &'a self,
        inputs: impl IntoIterator<Item = &'a Path>,
    ) -> Result<(), CliError> {
        let inputs = inputs.into_iter().chain(self.config.as_deref());
        let inputs: Vec<&Path> = inputs.chain(self.baseline.as_deref()).collect();
        self.output.spares(inputs.iter().copied())?;
        let mut others: Vec<PathBuf> = self.output.file().map(Path::to_owned).into_iter().collect();
        for text in &self.report {
            let (_, path) = formats::report_file(text)?;
            output::spares("--report", &path, inputs.iter().copied())?;
            if others.contains(&path) {
                return Err(CliError::Arguments(format!(
                    "--report {text}: another report goes to {}; name another file",
                    path.display()
                )));
            }
            others.push(path);
        }
        Ok(())
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
    /// A file or the pipe refuses it.
    pub fn answer(&self, report: &Report) -> Result<u8, CliError> {
        let style = |style| Style { strict: self.strict, ..style };
        for text in &self.report {
            let (format, path) = formats::report_file(text)?;
            output::write_file(&path, |to, plain| format.write(report, style(plain), to))?;
        }
        self.output.write(|to, asked| self.format.write(report, style(asked), to))?;
        let is_clean = report.is_clean(self.strict) || self.exit_zero;
        Ok(if is_clean { crate::cli::CLEAN } else { crate::cli::DENIED })
    }
}
