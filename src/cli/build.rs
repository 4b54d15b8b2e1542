//! `build`: cargo's own build, then a record of what it made, then the check.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cargo::build_command::{Built, Crate, Program, build};
use crate::cargo::freshen_state::Verdict;
use crate::cargo::target_dir::outputs::{Output, Outputs};
use crate::cargo::workspace;
use crate::cargo::workspace::{Query, Workspace};
use crate::cli::check;
use crate::cli::freshen;
use crate::cli::output;
use crate::cli::output::Failure;
use crate::cli::rebuilding::Rebuilding;
use crate::cli::recording;
use crate::cli::recording::{Features, Gathered, Writing, beside};
use crate::provenance::build_facts::Request;

/// Words after `build`: our own, then cargo's.
#[derive(Debug, Clone, Default, Args)]
pub struct Build {
    #[command(flatten)]
    writing: Writing,
    /// Make cargo rebuild what no longer matches its sources first
    #[arg(long, help_heading = "Record")]
    ensure_fresh: bool,
    /// Do not judge what was built
    #[arg(long, help_heading = "Record")]
    no_check: bool,
    #[command(flatten)]
    rebuilding: Rebuilding,
    /// Every other word goes to `cargo build`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CARGO BUILD'S ARGUMENTS"
    )]
    cargo: Vec<String>,
}

/// The words of `cargo build` that decide what is built and where.
#[derive(Debug, Clone, Default)]
struct Understood {
    query: Query,
    features: Features,
}

/// Builds, records, checks.
///
/// # Errors
/// No cargo, no workspace, a record that cannot be written.
pub fn run(words: &Build) -> Result<u8, Failure> {
    let (words, cargo_words) = sorted_out(words)?;
    words.writing.ready()?;
    let understood = understand(&cargo_words)?;
    // What a named package is made of is built with it, whatever `-p` says.
    let query = Query { packages: Vec::new(), bins: Vec::new(), ..understood.query };
    if words.ensure_fresh {
        freshen::freshen(&query, false, false)?;
    }
    let Built { code, programs, others, crates } = build(&query, &cargo_words)?;
    if code != 0 {
        return Ok(code);
    }
    for other in &others {
        writeln!(output::stderr(), "note: {other} gets no record: it is no binary of a package")?;
    }
    if programs.is_empty() {
        writeln!(output::stderr(), "note: cargo was asked for no binary, so nothing is recorded")?;
        return Ok(crate::cli::CLEAN);
    }
    let workspace = workspace::workspace(&query)?;
    let units = freshen::known(&query, &workspace);
    let made: Vec<(Outputs, Output)> =
        programs.iter().map(|program| located(program, &workspace, &query)).collect();
    let mut refused = false;
    for (program, built) in programs.iter().zip(&made) {
        let request = understood.features.request();
        let answer =
            record(program, built, (&workspace, request), (&crates, &units), &words.writing)?;
        if let Err(why) = answer {
            writeln!(output::stderr(), "error: {why}")?;
            refused = true;
        }
    }
    let judged = if words.no_check {
        crate::cli::CLEAN
    } else {
        check::made(&workspace, &made, &words.rebuilding)?
    };
    // A finding says more than that there is no record.
    Ok(if refused && judged == crate::cli::CLEAN { crate::cli::FAILED } else { judged })
}

/// Our own words may stand among cargo's: they are taken out, wherever they stand.
fn sorted_out(words: &Build) -> Result<(Build, Vec<String>), Failure> {
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
                    rest.next().ok_or_else(|| Failure::Words("--key wants a file".into()))?;
                own.writing.key = Some(PathBuf::from(file));
            }
            word if word.starts_with("--key=") => own.writing.key = Some(PathBuf::from(&word[6..])),
            word if word.starts_with("--message-format") => {
                return Err(Failure::Words(
                    "--message-format is taken: `binlint build` reads cargo's messages itself"
                        .into(),
                ));
            }
            word => cargo.push(word.to_owned()),
        }
    }
    if own.writing.bundle && own.writing.key.is_none() {
        return Err(Failure::Words("--bundle wants a --key to sign with".to_owned()));
    }
    Ok((own, cargo))
}

/// Reads cargo's words as cargo would; what decides nothing here is passed over. Which packages
/// and binaries were meant is not asked: cargo says what it built.
fn understand(words: &[String]) -> Result<Understood, Failure> {
    let mut query = Query::here()?;
    let mut features = Features::default();
    let words: Vec<String> = words.iter().flat_map(|word| spelled_out(word)).collect();
    let mut rest = words.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word, None),
        };
        let mut value = || joined.or_else(|| rest.next()).unwrap_or_default().to_owned();
        match name {
            "--manifest-path" => query.manifest_path = Some(value().into()),
            "--profile" => query.profile = Some(value()),
            "--target" => query.targets.push(value()),
            "--target-dir" => query.target_dir = Some(value().into()),
            "--release" => query.profile = Some("release".to_owned()),
            "--config" => query.config.push(value()),
            "--features" => features.features.push(value()),
            "--all-features" => features.all_features = true,
            "--no-default-features" => features.no_default_features = true,
            // A value of another word may look like a word of its own.
            "--package" | "--bin" | "--example" | "--test" | "--bench" | "--exclude" | "--jobs"
            | "--color" | "-Z" => drop(value()),
            _ => {}
        }
    }
    query.profile.get_or_insert_with(|| "dev".to_owned());
    features.cargo_config.clone_from(&query.config);
    query.asked = features.asked();
    Ok(Understood { query, features })
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

/// A program that cargo made, in the build that it is one of.
fn located(program: &Program, workspace: &Workspace, query: &Query) -> (Outputs, Output) {
    let output = Output {
        package: program.package.clone(),
        bin: program.bin.clone(),
        path: program.path.clone(),
        modified: std::time::SystemTime::UNIX_EPOCH,
    };
    let outputs = Outputs {
        profile: query.profile.clone().unwrap_or_default(),
        target: target_of(program, workspace),
        directory: program.path.parent().map(PathBuf::from).unwrap_or_default(),
        why: "cargo made it just now".to_owned(),
        built: vec![output.clone()],
        missing: Vec::new(),
    };
    (outputs, output)
}

fn record(
    program: &Program,
    (outputs, output): &(Outputs, Output),
    (workspace, request): (&Workspace, Request),
    (crates, units): (&[Crate], &BTreeMap<String, Verdict>),
    writing: &Writing,
) -> Result<Result<(), String>, Failure> {
    let (bytes, binary) = recording::read_program(&program.path)?;
    let recorded = recording::Program { path: Some(&program.path), bytes: &bytes, binary: &binary };
    let built = (outputs, output);
    let gathered = Gathered::new(&workspace.query, workspace, built, request, recorded, &[])?;
    let to = beside(&program.path);
    let answer = gathered.record(crates, units, &to, writing)?;
    if answer.is_ok() {
        let made = if program.fresh { "fresh, not rebuilt" } else { "built" };
        writeln!(output::stderr(), "{:>12} {} ({made})", "Recorded", to.display())?;
    }
    Ok(answer)
}

/// The target that was asked for and whose directory the program lies in.
fn target_of(program: &Program, workspace: &Workspace) -> Option<String> {
    let in_its_directory = |target: &&String| {
        let stem = crate::cargo::target_dir::outputs::stem(target);
        program.path.iter().any(|part| part == stem)
    };
    workspace.targets.iter().find(in_its_directory).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn our_own_words_may_stand_anywhere() {
        let cargo = words("--release --embed -p app --key k.pem --rebuild --locked");
        let (own, cargo) = sorted_out(&Build { cargo, ..Build::default() }).unwrap();
        assert!(own.writing.embed && !own.no_check && own.rebuilding.rebuild);
        assert_eq!(own.writing.key, Some("k.pem".into()));
        assert_eq!(cargo, words("--release -p app --locked"));
        let taken = Build { cargo: words("--message-format json"), ..Build::default() };
        assert!(sorted_out(&taken).is_err());
    }

    #[test]
    fn cargo_s_words_are_read_as_cargo_reads_them() {
        let text = "--profile=dist -papp --bin a --features x,y -Fz --config k=1 --target t -j 2";
        let Understood { query, features } = understand(&words(text)).unwrap();
        assert_eq!(query.profile.as_deref(), Some("dist"));
        assert_eq!((query.config, query.targets), (words("k=1"), words("t")));
        assert_eq!(features.request().features, ["x", "y", "z"]);
        assert_eq!(understand(&[]).unwrap().query.profile.as_deref(), Some("dev"));
    }

    #[test]
    fn short_words_may_stand_in_one() {
        let of = |text: &str| {
            let Understood { query, features } = understand(&words(text)).unwrap();
            (query.profile.unwrap(), features.features)
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
