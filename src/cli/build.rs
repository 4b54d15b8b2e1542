//! `build`: cargo's own build, then a record of what it made, then the check.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches};

use super::check::{self, Check};
use super::freshen;
use super::output::Failure;
use super::recording::{self, Features, Gathered, Writing, beside};
use crate::facts::build::ledger::Verdict;
use crate::input::build::{Built, Crate, Program, build};
use crate::input::cargo::{self, Output, Outputs, Query, Workspace};

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
    /// The same words for `check`.
    check: Vec<String>,
}

/// Builds, records, checks.
///
/// # Errors
/// No cargo, no workspace, a record that cannot be written.
pub fn run(words: &Build) -> Result<u8, Failure> {
    let (words, cargo_words) = sorted_out(words)?;
    let understood = understand(&cargo_words)?;
    if words.ensure_fresh {
        freshen::freshen(&understood.query, false, false)?;
    }
    let Built { code, programs, crates } = build(&understood.query, &cargo_words)?;
    if code != 0 {
        return Ok(code);
    }
    let workspace = cargo::workspace(&understood.query)?;
    let units = freshen::known(&understood.query, &workspace);
    let mut refused = false;
    for program in &programs {
        if let Err(why) =
            record(program, &workspace, &understood, (&crates, &units), &words.writing)?
        {
            writeln!(io::stderr(), "error: {why}")?;
            refused = true;
        }
    }
    let judged = match words.no_check || programs.is_empty() {
        true => super::CLEAN,
        false => judge(understood.check)?,
    };
    // A finding says more than that there is no record.
    Ok(if refused && judged == super::CLEAN { super::FAILED } else { judged })
}

fn judge(words: Vec<String>) -> Result<u8, Failure> {
    let mut check_words = vec!["check".to_owned()];
    check_words.extend(words);
    let command = Check::augment_args(Command::new("check"));
    let matches = command.try_get_matches_from(check_words).map_err(Failure::from)?;
    check::run(&Check::from_arg_matches(&matches)?, &matches)
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

/// Reads cargo's words as cargo would; what decides nothing here is passed over.
fn understand(words: &[String]) -> Result<Understood, Failure> {
    let mut query = Query::here()?;
    let mut features = Features::default();
    let mut check: Vec<String> = Vec::new();
    let mut rest = words.iter().map(String::as_str).peekable();
    while let Some(word) = rest.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => short(word),
        };
        let mut value = || joined.or_else(|| rest.next()).unwrap_or_default().to_owned();
        let mut same = |value: String| {
            check.extend([name.to_owned(), value.clone()]);
            value
        };
        match name {
            "--manifest-path" => query.manifest_path = Some(same(value()).into()),
            "-p" | "--package" => query.packages.push(same(value())),
            "--bin" => query.bins.push(same(value())),
            "--profile" => query.profile = Some(same(value())),
            "--target" => query.targets.push(same(value())),
            "--target-dir" => query.target_dir = Some(same(value()).into()),
            "-r" | "--release" => {
                query.profile = Some("release".to_owned());
                check.push("--release".to_owned());
            }
            "--config" => {
                let value = value();
                check.extend(["--cargo-config".to_owned(), value.clone()]);
                query.config.push(value);
            }
            "-F" | "--features" => features.features.push(same(value())),
            "--all-features" | "--no-default-features" => {
                features.all_features |= name == "--all-features";
                features.no_default_features |= name == "--no-default-features";
                check.push(name.to_owned());
            }
            _ => {}
        }
    }
    if query.profile.is_none() {
        query.profile = Some("dev".to_owned());
        check.extend(["--profile".to_owned(), "dev".to_owned()]);
    }
    features.cargo_config.clone_from(&query.config);
    query.asked = features.asked();
    Ok(Understood { query, features, check })
}

/// `-pNAME`, `-p=NAME` and `-FNAME`, as clap reads them.
fn short(word: &str) -> (&str, Option<&str>) {
    match (word.get(..2), word.get(2..)) {
        (Some(name @ ("-p" | "-F")), Some(value)) if !value.is_empty() => {
            (name, Some(value.strip_prefix('=').unwrap_or(value)))
        }
        _ => (word, None),
    }
}

fn record(
    program: &Program,
    workspace: &Workspace,
    understood: &Understood,
    (crates, units): (&[Crate], &BTreeMap<String, Verdict>),
    writing: &Writing,
) -> Result<Result<(), String>, Failure> {
    let output = Output {
        package: program.package.clone(),
        bin: program.bin.clone(),
        path: program.path.clone(),
        modified: std::time::SystemTime::UNIX_EPOCH,
    };
    let named = understood.query.profile.clone().unwrap_or_default();
    let outputs = Outputs {
        profile: named,
        target: target_of(program, workspace),
        directory: program.path.parent().map(PathBuf::from).unwrap_or_default(),
        why: "cargo made it just now".to_owned(),
        built: vec![output.clone()],
        missing: Vec::new(),
    };
    let query = &understood.query;
    let request = understood.features.request();
    let (bytes, binary) = recording::read_program(&program.path)?;
    let recorded = recording::Program { path: Some(&program.path), bytes: &bytes, binary: &binary };
    let gathered = Gathered::new(query, workspace, (&outputs, &output), request, recorded, &[])?;
    let to = beside(&program.path);
    let answer = gathered.record(crates, units, &to, writing)?;
    if answer.is_ok() {
        let made = if program.fresh { "fresh, not rebuilt" } else { "built" };
        writeln!(io::stderr(), "{:>12} {} ({made})", "Recorded", to.display())?;
    }
    Ok(answer)
}

/// The target that was asked for and whose directory the program lies in.
fn target_of(program: &Program, workspace: &Workspace) -> Option<String> {
    let in_its_directory = |target: &&String| {
        let stem = cargo::outputs::stem(target);
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
        let cargo = words("--release --embed -p app --key k.pem --locked");
        let (own, cargo) = sorted_out(&Build { cargo, ..Build::default() }).unwrap();
        assert!(own.writing.embed && !own.no_check);
        assert_eq!(own.writing.key, Some("k.pem".into()));
        assert_eq!(cargo, words("--release -p app --locked"));
        let taken = Build { cargo: words("--message-format json"), ..Build::default() };
        assert!(sorted_out(&taken).is_err());
    }

    #[test]
    fn cargo_s_words_are_read_as_cargo_reads_them() {
        let text = "--profile=dist -papp --bin a --features x,y -Fz --config k=1 --target t -j 2";
        let Understood { query, features, check } = understand(&words(text)).unwrap();
        assert_eq!(query.profile.as_deref(), Some("dist"));
        assert_eq!((query.packages, query.bins), (words("app"), words("a")));
        assert_eq!((query.config, query.targets), (words("k=1"), words("t")));
        assert_eq!(features.request().features, ["x", "y", "z"]);
        let words =
            "--profile dist -p app --bin a --features x,y -F z --cargo-config k=1 --target t";
        assert_eq!(check.join(" "), words);
        assert_eq!(understand(&[]).unwrap().query.profile.as_deref(), Some("dev"));
    }
}
