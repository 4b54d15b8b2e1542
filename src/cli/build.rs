//! `build`: cargo's own build, then a record of what it made, then the check.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{LintArgs, RecordWritingArgs};
use crate::cli::freshen;
use crate::cli::options;
use crate::cli::output;
use crate::cli::output::CliError;
use crate::cli::rebuilding::RebuildArgs;
use crate::session;
use crate::session::build::build;
use crate::session::record::{RecordOutcome, Recorder};
use crate::session::select::Selection;

/// Arguments of `build`: our own, then cargo's.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    writing: RecordWritingArgs,
    /// First mark crates stale whose sources no longer match what was compiled
    #[arg(long, help_heading = "Record")]
    ensure_fresh: bool,
    /// Do not lint the binaries after the build
    #[arg(long, help_heading = "Record")]
    no_check: bool,
    #[command(flatten)]
    rebuilding: RebuildArgs,
    /// Every other argument is passed to `cargo build`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        help_heading = "Cargo",
        value_name = "CARGO BUILD ARGS"
    )]
    cargo: Vec<String>,
}

/// Builds, records, checks.
///
/// # Errors
/// No cargo, no workspace, a record that cannot be written.
pub fn run(arguments: &BuildArgs) -> Result<u8, CliError> {
    let (arguments, of_cargo) = sorted_out(arguments)?;
    let writing = arguments.writing.options();
    writing.ready()?;
    let selection = understand(&of_cargo);
    if arguments.ensure_fresh {
        freshen::print(&session::freshen::freshen(&selection, false)?)?;
    }
    let built = build(&selection, &of_cargo)?;
    if built.code != 0 {
        return Ok(built.code);
    }
    for note in &built.notes {
        output::say(format_args!("note: {note}"))?;
    }
    if built.programs.is_empty() {
        return Ok(crate::cli::CLEAN);
    }
    let recorder = Recorder::of_build(&selection, built)?;
    let refused = record(&recorder, &writing)?;
    let code = match arguments.no_check {
        true => crate::cli::CLEAN,
        false => {
            let rebuild = arguments.rebuilding.options();
            LintArgs::default().answer(&session::check::check_recorded(&recorder, rebuild)?)?
        }
    };
    // A finding says more than that there is no record.
    Ok(if refused && code == crate::cli::CLEAN { crate::cli::FAILED } else { code })
}

/// Records every program; whether one of them is refused its record.
fn record(
    recorder: &Recorder,
    writing: &session::records::RecordOptions,
) -> Result<bool, CliError> {
    let mut refused = false;
    for program in recorder.programs() {
        match recorder.record(program, None, writing)? {
            RecordOutcome::Refused(why) => {
                output::say(format_args!("error: {why}"))?;
                refused = true;
            }
            RecordOutcome::Written { path, notes } => {
                for note in notes {
                    output::say(format_args!("note: {note}"))?;
                }
                let made = if program.fresh { "fresh, not rebuilt" } else { "built" };
                output::say(format_args!("{:>12} {} ({made})", "Recorded", path.display()))?;
            }
        }
    }
    Ok(refused)
}

/// Our own words may stand among cargo's: they are taken out, wherever they stand.
fn sorted_out(words: &BuildArgs) -> Result<(BuildArgs, Vec<String>), CliError> {
    let mut own = words.clone();
    let mut cargo = Vec::new();
    let mut rest = words.cargo.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--embed" => own.writing.embed = true,
            "--bundle" => own.writing.bundle = true,
            "--ensure-fresh" => own.ensure_fresh = true,
            "--no-check" => own.no_check = true,
            "--rebuild" => own.rebuilding.rebuild = true,
            "--keep" => own.rebuilding.keep = true,
            "--key" => {
                let file =
                    rest.next().ok_or_else(|| CliError::Arguments("--key needs a file".into()))?;
                own.writing.key = Some(PathBuf::from(file));
            }
            word if word.starts_with("--key=") => own.writing.key = Some(PathBuf::from(&word[6..])),
            word if word.starts_with("--message-format") => {
                return Err(CliError::Arguments(
                    "--message-format cannot be used: `binlint build` reads cargo's messages itself"
                        .into(),
                ));
            }
            word => cargo.push(word.to_owned()),
        }
    }
    options::refuse_ignored_of("build", &|option| match option {
        "bundle" => own.writing.bundle,
        "key" => own.writing.key.is_some(),
        "keep" => own.rebuilding.keep,
        "rebuild" => own.rebuilding.rebuild,
        "no_check" => own.no_check,
        _ => false,
    })?;
    Ok((own, cargo))
}

/// Reads cargo's words as cargo would; what decides nothing here is passed over. Which packages
/// and binaries were meant is not asked: cargo says what it built, and what a named package is
/// made of is built with it, whatever `-p` says.
fn understand(words: &[String]) -> Selection {
    // Its wrapper and compiler are about to run anyway.
    let mut selection = Selection { is_trusted: true, ..Selection::default() };
    let words: Vec<String> = words.iter().flat_map(|word| spelled_out(word)).collect();
    let mut rest = words.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word, None),
        };
        let mut value = || joined.or_else(|| rest.next()).unwrap_or_default().to_owned();
        match name {
            "--manifest-path" => selection.manifest_path = Some(value().into()),
            "--profile" => selection.profile = Some(value()),
            "--target" => selection.targets.push(value()),
            "--target-dir" => selection.target_dir = Some(value().into()),
            "--release" => selection.profile = Some("release".to_owned()),
            "--config" => selection.config.push(value()),
            "--features" => selection.features.push(value()),
            "--all-features" => selection.all_features = true,
            "--no-default-features" => selection.no_default_features = true,
            // A value of another word may look like a word of its own.
            "--package" | "--bin" | "--example" | "--test" | "--bench" | "--exclude" | "--jobs"
            | "--color" | "-Z" => drop(value()),
            _ => {}
        }
    }
    selection.profile.get_or_insert_with(|| "dev".to_owned());
    selection
}

/// The long words of a cluster of short ones, as clap reads it: `-qrpapp` is `-q`, `--release`
/// and `--package=app`.
fn spelled_out(word: &str) -> Vec<String> {
    let Some(letters) = word.strip_prefix('-').filter(|it| !it.starts_with('-')) else {
        return vec![word.to_owned()];
    };
    let mut words = Vec::new();
    for (at, letter) in letters.char_indices() {
        let long = match letter {
            'r' => "--release",
            'p' => "--package",
            'F' => "--features",
            'j' => "--jobs",
            'Z' => "-Z",
            other => {
                words.push(format!("-{other}"));
                continue;
            }
        };
        let value = &letters[at + 1..];
        if letter == 'r' || value.is_empty() {
            words.push(long.to_owned());
            continue;
        }
        let value = value.strip_prefix('=').unwrap_or(value);
        // `-Z` decides nothing here, and has no long form.
        words.extend((letter != 'Z').then(|| format!("{long}={value}")));
        break;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn our_own_words_may_stand_anywhere() {
        let cargo = words("--release --embed -p app --key k.pem --locked");
        let (own, cargo) = sorted_out(&BuildArgs { cargo, ..BuildArgs::default() }).unwrap();
        assert!(own.writing.embed && !own.no_check);
        assert_eq!(own.writing.key, Some("k.pem".into()));
        assert_eq!(cargo, words("--release -p app --locked"));
        let taken = BuildArgs { cargo: words("--message-format json"), ..BuildArgs::default() };
        assert!(sorted_out(&taken).is_err());
        for (alone, together) in [
            ("--keep", "--rebuild --keep"),
            ("--bundle", "--key k --bundle"),
            ("--rebuild --no-check", "--rebuild"),
        ] {
            let of = |text| sorted_out(&BuildArgs { cargo: words(text), ..BuildArgs::default() });
            assert!(of(alone).unwrap_err().to_string().contains("effect"), "{alone}");
            assert!(of(together).is_ok(), "{together}");
        }
    }

    #[test]
    fn cargo_s_words_are_read_as_cargo_reads_them() {
        let text = "--profile=dist -papp --bin a --features x,y -Fz --config k=1 --target t -j 2";
        let selection = understand(&words(text));
        assert_eq!(selection.profile.as_deref(), Some("dist"));
        assert_eq!(selection.request().features, ["x", "y", "z"]);
        assert_eq!((selection.config, selection.targets), (words("k=1"), words("t")));
        assert_eq!(understand(&[]).profile.as_deref(), Some("dev"));
    }

    #[test]
    fn short_words_may_stand_in_one() {
        let of = |text: &str| {
            let selection = understand(&words(text));
            (selection.profile.unwrap(), selection.features)
        };
        let release = |features: &[&str]| {
            ("release".to_owned(), features.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        };
        for text in ["-rp app", "-qrpapp", "-vvr -j4", "-rj 2", "-rZ unstable-options", "-r -p=r"] {
            assert_eq!(of(text), release(&[]), "{text}");
        }
        assert_eq!(of("-rFtls"), release(&["tls"]));
        assert_eq!(of("-rF=tls -F a"), release(&["tls", "a"]));
        // The letters of a value are no words, and neither is a value that looks like one.
        for text in ["-prelease", "-p r", "-Zr", "--bin --release", "-F release", "--example -r"] {
            assert_eq!(of(text).0, "dev", "{text}");
        }
    }
}
