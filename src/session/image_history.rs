//! The build that an image's history tells: the command of cargo, and the variables that it had.

use std::collections::BTreeMap;

use crate::cargo::workspace::config::compiling;
use crate::cargo::workspace::toml_tree::TomlNode;
use crate::dockerfile::cargo_command::{self, CargoCommand, Verb};
use crate::rootfs::document::config::ImageConfig;

mod steps;

/// A build among the steps that made an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryBuild {
    /// The command, for a person.
    pub command: String,
    /// The same, as cargo reads it.
    pub cargo: CargoCommand,
    /// The variables that the step had.
    pub environment: BTreeMap<String, String>,
}

/// Why the history does not tell a build, as a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The values of a step's ARGs cannot be told from each other.
    #[error("the image's history has `{0}`, whose ARG values are unclear")]
    Arguments(String),
    /// A command of cargo or a shell that is not read.
    #[error("the image's history has `{0}`, which may build in another way")]
    Command(String),
    /// Two commands that build in different ways.
    #[error(
        "the image's history has `{first}` and `{last}`, and does not say which made the program"
    )]
    Several {
        /// The earlier command.
        first: String,
        /// The last one.
        last: String,
    },
    /// A step before the build that may change what it compiles.
    #[error("the image's history has `{0}` before its build, which may change what it compiles")]
    Before(String),
    /// A step behind the build that may change or replace the program.
    #[error(
        "the image's history has `{0}` after its build, which may change or replace the program"
    )]
    After(String),
    /// No step copies sources to where the build runs.
    #[error("the image's history copies no sources to {0}, where it builds")]
    NoSources(String),
    /// A variable whose value at the time of the build is gone.
    #[error("the image's history sets {0} after its build")]
    Later(String),
}

/// The build that the history tells; `None` where no step runs cargo.
///
/// # Errors
/// What the history leaves open.
pub fn find(config: &ImageConfig) -> Result<Option<HistoryBuild>, HistoryError> {
    let mut builds: Vec<HistoryBuild> = Vec::new();
    let mut at = 0;
    for (index, step) in config.history.iter().enumerate() {
        let Some((arguments, script)) = step_of(&step.created_by)? else { continue };
        for command in script.split(['&', ';', '\n']).map(str::trim) {
            let Some((set, cargo)) = cargo_of(command)? else { continue };
            let mut environment = variables_at(config, index)?;
            environment.extend(arguments.clone());
            environment.extend(set);
            builds.push(HistoryBuild { command: command.to_owned(), cargo, environment });
            at = index;
        }
    }
    let Some(last) = builds.pop() else { return Ok(None) };
    let is_other =
        |it: &&HistoryBuild| it.cargo != last.cargo || it.environment != last.environment;
    match builds.iter().find(is_other) {
        Some(other) => {
            Err(HistoryError::Several { first: other.command.clone(), last: last.command })
        }
        None => steps::check(&config.history, at).map(|()| Some(last)),
    }
}

/// Where cargo would look for its configuration in an image, whatever directory built there.
pub fn configurations(config: &ImageConfig) -> Vec<String> {
    let home = config.env.iter().find_map(|it| it.strip_prefix("CARGO_HOME="));
    let mut directories = vec![home.unwrap_or("/root/.cargo").trim_end_matches('/').to_owned()];
    for place in steps::directories(&config.history) {
        let above = std::path::Path::new(&place).ancestors();
        let above = above.map(|it| it.join(".cargo").to_string_lossy().into_owned());
        directories.extend(above.filter(|it| !directories.contains(it)).collect::<Vec<_>>());
    }
    let names = |directory: String| ["config", "config.toml"].map(|it| format!("{directory}/{it}"));
    directories.into_iter().flat_map(names).collect()
}

/// The setting of an image's configuration of cargo that may change what is compiled.
pub fn setting_of(path: &str, contents: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(contents);
    match TomlNode::parse(std::path::Path::new(path), &text) {
        Ok(node) => compiling(&node).map(|(key, _)| format!("`{key}` of the image's {path}")),
        Err(_) => Some(format!("what cannot be read in the image's {path}")),
    }
}

/// Whether a variable changes what cargo or rustc make, beside the RUSTFLAGS.
pub fn is_setting(name: &str) -> bool {
    let harmless = ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_", "CARGO_NET_", "CARGO_HTTP_"];
    // A shell reads the file of this name before its script.
    if name == "BASH_ENV" {
        return true;
    }
    let tools = ["CC", "CXX", "AR", "LD", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS"];
    let is_of_tool = |tool: &&str| {
        name.strip_prefix(*tool).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    (name.starts_with("CARGO_") && !harmless.iter().any(|it| name.starts_with(it)))
        || name.starts_with("RUSTC")
        || tools.iter().any(is_of_tool)
}

/// The values of a step's ARGs by name, and its script.
type Step<'a> = (BTreeMap<String, String>, &'a str);

/// The ARG values and the script of a step that names cargo, as BuildKit and the older builder
/// write both: `RUN |1 NAME=VALUE /bin/sh -c SCRIPT # buildkit`.
fn step_of(created_by: &str) -> Result<Option<Step<'_>>, HistoryError> {
    let text = instruction(created_by);
    if !text.contains("cargo") || created_by.contains("#(nop)") || is_instruction(text) {
        return Ok(None);
    }
    parts_of(text).map(Some).ok_or_else(|| HistoryError::Arguments(text.to_owned()))
}

/// A step without what its builder adds.
fn instruction(created_by: &str) -> &str {
    let text = created_by.trim().trim_end_matches("# buildkit").trim();
    text.split_once("#(nop)").map_or(text, |(_, it)| it.trim())
}

/// The script of a step that runs in a shell; `None` where it cannot be told from the ARGs.
fn shell_script(created_by: &str) -> Option<String> {
    let text = instruction(created_by);
    let runs = text.starts_with("RUN ") || text.starts_with("/bin/");
    runs.then(|| parts_of(text)).flatten().map(|(_, script)| script.to_owned())
}

fn parts_of(text: &str) -> Option<Step<'_>> {
    let text = text.strip_prefix("RUN ").unwrap_or(text);
    let mut arguments = BTreeMap::new();
    let mut script = text;
    if let Some(rest) = text.strip_prefix('|') {
        let at = rest.find(" /")?;
        let mut words = rest[..at].split_whitespace();
        let count = words.next().and_then(|it| it.parse::<usize>().ok());
        let values: Option<Vec<(&str, &str)>> = words.map(|it| it.split_once('=')).collect();
        let values = values.filter(|it| Some(it.len()) == count)?;
        arguments.extend(values.into_iter().map(|(name, it)| (name.to_owned(), it.to_owned())));
        script = rest[at..].trim();
    }
    // The shell before it: `/bin/sh -c`, `/bin/bash -o pipefail -c`.
    let behind = script.starts_with('/').then(|| script.split_once(" -c ")).flatten();
    Some((arguments, behind.map_or(script, |(_, it)| it)))
}

fn is_instruction(text: &str) -> bool {
    let others = ["ENV", "ARG", "COPY", "ADD", "CMD", "ENTRYPOINT", "LABEL", "WORKDIR", "USER"];
    text.split(' ').next().is_some_and(|first| others.contains(&first))
}

/// The variables set before cargo in a command that compiles a workspace's programs, and how
/// cargo reads it.
type SetCommand = (BTreeMap<String, String>, CargoCommand);

fn cargo_of(command: &str) -> Result<Option<SetCommand>, HistoryError> {
    let unclear = || HistoryError::Command(command.to_owned());
    // What these leave behind, the build behind them has: another directory, variables, a manifest.
    let before = ["export", "cd", "pushd", "source", ".", "sed", "patch"];
    if command.split_whitespace().next().is_some_and(|it| before.contains(&it)) {
        return Err(unclear());
    }
    if !command.contains("cargo") {
        return Ok(None);
    }
    let mut words = command.split_whitespace().peekable();
    let mut set = BTreeMap::new();
    while let Some((name, value)) = words.peek().and_then(|it| it.split_once('=')) {
        set.insert(name.to_owned(), value.to_owned());
        words.next();
    }
    let program = words.next().unwrap_or_default();
    if program.rsplit('/').next() != Some("cargo") {
        return Ok(None);
    }
    let is_plain = !command.contains(['"', '\'', '$', '\\', '`', '(', '|', '<', '>', '*']);
    let words: Vec<Option<String>> = words.map(|it| Some(it.to_owned())).collect();
    let cargo = cargo_command::read(&words);
    match cargo.verb {
        Verb::Check | Verb::Clean | Verb::ChefPrepare | Verb::ChefCook | Verb::New => Ok(None),
        Verb::Other => Ok(None),
        Verb::Install if !cargo.builds() => Ok(None),
        Verb::Build if is_plain && cargo.subcommand == "build" => Ok(Some((set, cargo))),
        Verb::Build | Verb::Run | Verb::Install | Verb::Test | Verb::Unknown => Err(unclear()),
    }
}

/// The variables of the image as they were at a step; one that a later step sets is not known.
fn variables_at(
    config: &ImageConfig,
    index: usize,
) -> Result<BTreeMap<String, String>, HistoryError> {
    let mut variables = BTreeMap::new();
    for (name, value) in config.env.iter().filter_map(|it| it.split_once('=')) {
        let later = config.history.iter().skip(index + 1).any(|step| {
            let text = step.created_by.split("#(nop)").last().unwrap_or_default().trim();
            text.strip_prefix("ENV ").is_some_and(|it| {
                it.split_whitespace().any(|word| word.split('=').next() == Some(name))
            })
        });
        match later {
            true if is_setting(name) || name == "RUSTFLAGS" => {
                return Err(HistoryError::Later(name.to_owned()));
            }
            true => {}
            false => {
                variables.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::HistoryStep;

    fn of(env: &[&str], steps: &[&str]) -> Result<Option<HistoryBuild>, HistoryError> {
        let step = |it: &&str| HistoryStep { created_by: (*it).to_owned(), empty_layer: false };
        find(&ImageConfig {
            env: env.iter().map(|it| (*it).to_owned()).collect(),
            history: steps.iter().map(step).collect(),
            ..ImageConfig::default()
        })
    }

    #[test]
    fn the_command_and_its_variables_are_told() {
        let steps = [
            "ENV RUSTFLAGS=-C target-cpu=x86-64-v2",
            "COPY . . # buildkit",
            "RUN |1 SHA=1b2c /bin/sh -c A=1 cargo build --release --locked --features loud && cp a /a # buildkit",
        ];
        let build = of(&["PATH=/bin", "RUSTFLAGS=-C target-cpu=x86-64-v2"], &steps);
        let build = build.unwrap().unwrap();
        assert_eq!(build.command, "A=1 cargo build --release --locked --features loud");
        assert_eq!(build.cargo.features, ["loud".to_owned()]);
        let value = |name: &str| build.environment.get(name).map(String::as_str);
        assert_eq!((value("SHA"), value("A")), (Some("1b2c"), Some("1")));
        assert_eq!(value("RUSTFLAGS"), Some("-C target-cpu=x86-64-v2"));
        // As the older builder writes it, twice with the same words.
        let old = "/bin/sh -c cargo build --release";
        let twice = of(&[], &["COPY . .", old, "/bin/sh -c #(nop) CMD [\"/a\"]", old]);
        assert_eq!(twice.unwrap().unwrap().command, "cargo build --release");
        let said = of(&[], &[old, "/bin/sh -c #(nop) COPY dir:1b2c in /app", old]).unwrap_err();
        assert!(said.to_string().contains("copies no sources"), "{said}");
    }

    #[test]
    fn what_the_history_leaves_open_is_said() {
        assert_eq!(of(&[], &["COPY cargo /cargo", "RUN /bin/sh -c cargo fetch"]), Ok(None));
        let open = |env: &[&str], steps: &[&str], reason: &str| {
            let said = of(env, steps).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        };
        open(&[], &["RUN /bin/sh -c cargo build --features $F"], "another way");
        open(&[], &["RUN /bin/sh -c export A=1 && cargo build"], "another way");
        open(
            &[],
            &["RUN /bin/sh -c cargo build", "RUN /bin/sh -c cargo build --release"],
            "which made",
        );
        open(
            &["RUSTFLAGS=-g"],
            &["RUN /bin/sh -c cargo build", "ENV RUSTFLAGS=-g"],
            "after its build",
        );
        open(&[], &["RUN |2 A=x y /bin/sh -c cargo build"], "ARG values are unclear");
        for before in ["cd api", "export A=1", "sed -i s/a/b/ Cargo.toml", ". ./env"] {
            let step = format!("RUN /bin/sh -c {before} && cargo build --release --locked");
            open(&[], &[&step], "may build in another way");
        }
    }

    #[test]
    fn settings_are_told_from_other_variables() {
        for name in ["CARGO_PROFILE_RELEASE_LTO", "CC", "CC_x86_64", "RUSTC_BOOTSTRAP", "CFLAGS"] {
            assert!(is_setting(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TERM_COLOR", "PATH", "CCACHE", "RUST_VERSION", "LDAP"] {
            assert!(!is_setting(name), "{name}");
        }
    }

    #[test]
    fn the_configurations_of_an_image_are_looked_for_and_read() {
        let steps = ["WORKDIR /srv/app", "COPY . ."]
            .map(|it| HistoryStep { created_by: it.to_owned(), empty_layer: false });
        let config = ImageConfig {
            env: vec!["CARGO_HOME=/usr/local/cargo".to_owned()],
            history: steps.to_vec(),
            ..ImageConfig::default()
        };
        let found = configurations(&config);
        for path in
            ["/usr/local/cargo/config.toml", "/srv/app/.cargo/config", "/.cargo/config.toml"]
        {
            assert!(found.iter().any(|it| it == path), "{path}: {found:?}");
        }
        let setting = |text: &str| setting_of("/.cargo/config.toml", text.as_bytes());
        assert!(setting("[profile.release]\nlto = true\n").unwrap().contains("profile"));
        assert!(setting("]").unwrap().contains("cannot be read"));
        assert_eq!(setting("[net]\noffline = true\n"), None);
    }
}
