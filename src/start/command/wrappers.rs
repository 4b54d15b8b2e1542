//! Programs that start another one and are then out of the way, or wait for it.

use std::collections::VecDeque;

use crate::rootfs::tree::users::{UserDatabase, UserError};
use crate::start::command::process_context::ProcessContext;
use crate::start::command::shell::ShellVariable;

/// A program that starts another one, and what has to be known of it.
pub(super) struct Wrapper {
    /// By which it is known.
    pub(super) name: &'static str,
    /// Options that take the next word.
    valued: &'static [&'static str],
    /// A word before the command.
    positional: Positional,
    /// What it says of a command that it cannot execute, and the code that it ends with when there
    /// is no such file, and when it is refused.
    pub(super) error_format: (&'static str, u8, u8),
}

/// Why the command that a wrapper starts is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WrapperError {
    /// An option that this program does not know changes what is started.
    #[error("`{wrapper}` has options that are not known here")]
    UnknownOptions {
        /// Its name.
        wrapper: &'static str,
    },
    /// It changes the user, which only the superuser may.
    #[error("`{wrapper}` changes the user, and only the superuser may do that")]
    NotSuperuser {
        /// Its name.
        wrapper: &'static str,
    },
    /// The image does not have the user.
    #[error("`{wrapper}`: {source}")]
    User {
        /// Its name.
        wrapper: &'static str,
        /// The reason.
        source: UserError,
    },
}

/// The word that a wrapper takes before its command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Positional {
    Nothing,
    /// Whom the command runs as.
    User,
    Other,
}

impl Wrapper {
    /// The command that it starts.
    ///
    /// # Errors
    /// It is not known what the wrapper starts, or the wrapper starts nothing.
    pub(super) fn command(
        &self,
        words: &[String],
        context: &mut ProcessContext,
        users: &UserDatabase,
    ) -> Result<Vec<String>, WrapperError> {
        if self.name == "env" {
            return env(words, context).ok_or(WrapperError::UnknownOptions { wrapper: self.name });
        }
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first() {
            if word == "--" {
                rest = after;
                break;
            }
            if self.valued.contains(&word.as_str()) {
                if let ("chpst", "-u", Some(user)) = (self.name, word.as_str(), after.first()) {
                    self.change_user(user, context, users)?;
                }
                rest = after.get(1..).unwrap_or_default();
            } else if word.starts_with('-') && word.len() > 1 {
                rest = after;
            } else {
                break;
            }
        }
        if let (Positional::User, Some(user)) = (self.positional, rest.first()) {
            self.change_user(user, context, users)?;
        }
        Ok(rest
            .get(usize::from(self.positional != Positional::Nothing)..)
            .unwrap_or_default()
            .to_vec())
    }

    fn change_user(
        &self,
        user: &str,
        context: &mut ProcessContext,
        users: &UserDatabase,
    ) -> Result<(), WrapperError> {
        let wrapper = self.name;
        if context.identity.uid != 0 {
            return Err(WrapperError::NotSuperuser { wrapper });
        }
        context.identity =
            users.resolve_user(user).map_err(|source| WrapperError::User { wrapper, source })?;
        Ok(())
    }
}

/// env(1): options, variables, then the command.
fn env(words: &[String], context: &mut ProcessContext) -> Option<Vec<String>> {
    let mut rest: VecDeque<String> = words.iter().skip(1).cloned().collect();
    while let Some(word) = rest.pop_front_if(|it| it.starts_with('-')) {
        let long = |name: &str| word.strip_prefix(name).and_then(|it| it.strip_prefix('='));
        let short = |name: &str| word.strip_prefix(name).filter(|it| !it.is_empty());
        match word.as_str() {
            "--" => break,
            "-" | "-i" | "--ignore-environment" => context.variables.clear(),
            "-u" | "--unset" => drop(context.variables.remove(&rest.pop_front()?)),
            "-C" | "--chdir" => context.enter(&rest.pop_front()?),
            "-S" | "--split-string" => split(&rest.pop_front()?, &mut rest)?,
            "-v" | "--debug" | "-0" | "--null" => {}
            _ => {
                if let Some(name) = long("--unset").or_else(|| short("-u")) {
                    context.variables.remove(name);
                } else if let Some(to) = long("--chdir").or_else(|| short("-C")) {
                    context.enter(to);
                } else if let Some(line) =
                    long("--split-string").or_else(|| short("-S")).or_else(|| short("-vS"))
                {
                    split(line, &mut rest)?;
                } else {
                    return None;
                }
            }
        }
    }
    while let Some(word) = rest.pop_front_if(|it| it.contains('=')) {
        let (name, value) = word.split_once('=')?;
        context.variables.insert(name.to_owned(), ShellVariable::exported(value));
    }
    Some(rest.into())
}

/// What `-S` makes of its line; `None` for one with quotes or variables in it.
fn split(line: &str, rest: &mut VecDeque<String>) -> Option<()> {
    if line.contains(['\'', '"', '\\', '$', '#']) {
        return None;
    }
    for word in line.split_whitespace().rev() {
        rest.push_front(word.to_owned());
    }
    Some(())
}

const fn wrapper(
    name: &'static str,
    valued: &'static [&'static str],
    positional: Positional,
    error_format: (&'static str, u8, u8),
) -> Wrapper {
    Wrapper { name, valued, positional, error_format }
}

const TINI: (&str, u8, u8) = ("exec NAME failed: WHY", 127, 126);
const COREUTILS: (&str, u8, u8) = ("failed to run command 'NAME': WHY", 127, 126);
const UTIL_LINUX: (&str, u8, u8) = ("failed to execute NAME: WHY", 127, 126);

/// Options from each program's own usage text; what each says was seen (`tests/it/image/commands.rs`).
pub(super) const WRAPPERS: &[Wrapper] = &[
    wrapper("tini", &["-p", "-e"], Positional::Nothing, TINI),
    wrapper("tini-static", &["-p", "-e"], Positional::Nothing, TINI),
    wrapper("docker-init", &["-p", "-e"], Positional::Nothing, TINI),
    wrapper("catatonit", &[], Positional::Nothing, ("failed to exec pid1: WHY", 1, 1)),
    wrapper(
        "dumb-init",
        &["-r", "--rewrite"],
        Positional::Nothing,
        ("[dumb-init] NAME: WHY", 2, 2),
    ),
    wrapper("gosu", &[], Positional::User, ("exec: WHY", 1, 1)),
    wrapper("su-exec", &[], Positional::User, ("su-exec: NAME: WHY", 1, 1)),
    wrapper("s6-setuidgid", &[], Positional::User, ("unable to exec NAME: WHY", 127, 126)),
    wrapper(
        "chpst",
        &["-u", "-U", "-b", "-e", "-n", "-l", "-L", "-m", "-d", "-o", "-p", "-f", "-c", "-r", "-t"],
        Positional::Nothing,
        ("unable to run: NAME: WHY", 111, 111),
    ),
    wrapper(
        "setpriv",
        &[
            "--ambient-caps",
            "--inh-caps",
            "--bounding-set",
            "--ruid",
            "--euid",
            "--rgid",
            "--egid",
            "--reuid",
            "--regid",
            "--groups",
            "--securebits",
            "--pdeathsig",
            "--selinux-label",
            "--apparmor-profile",
        ],
        Positional::Nothing,
        UTIL_LINUX,
    ),
    wrapper("nice", &["-n", "--adjustment"], Positional::Nothing, ("nice: 'NAME': WHY", 127, 126)),
    wrapper("ionice", &["-c", "-n", "--class", "--classdata"], Positional::Nothing, UTIL_LINUX),
    wrapper("nohup", &[], Positional::Nothing, COREUTILS),
    wrapper(
        "stdbuf",
        &["-i", "-o", "-e", "--input", "--output", "--error"],
        Positional::Nothing,
        COREUTILS,
    ),
    wrapper("timeout", &["-s", "-k", "--signal", "--kill-after"], Positional::Other, COREUTILS),
    wrapper(
        "time",
        &["-f", "-o", "--format", "--output"],
        Positional::Nothing,
        ("cannot run NAME: WHY", 127, 126),
    ),
    wrapper("env", &[], Positional::Nothing, ("env: 'NAME': WHY", 127, 126)),
];
