//! Programs that start another one and are then out of the way, or wait for it.

use std::collections::VecDeque;

use crate::rootfs::tree::users::Account;
use crate::start::command::shell::Variable;
use crate::start::command::surroundings::Surroundings;

/// A program that starts another one, and what has to be known of it.
pub(super) struct Wrapper {
    /// By which it is known.
    pub(super) name: &'static str,
    /// Options that take the next word.
    valued: &'static [&'static str],
    /// A word before the command.
    own: Own,
    /// What it says of a command that it cannot execute, and the code that it ends with when there
    /// is no such file, and when it is refused.
    pub(super) says: (&'static str, u8, u8),
}

/// The word that a wrapper takes before its command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    Nothing,
    /// Whom the command runs as.
    User,
    Other,
}

impl Wrapper {
    /// The command that it starts, or why that cannot be told.
    pub(super) fn command(
        &self,
        words: &[String],
        surroundings: &mut Surroundings,
        account: &Account,
    ) -> Result<Vec<String>, String> {
        if self.name == "env" {
            let unknown = || format!("`{}` with options that are not known", self.name);
            return env(words, surroundings).ok_or_else(unknown);
        }
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first() {
            if word == "--" {
                rest = after;
                break;
            }
            if self.valued.contains(&word.as_str()) {
                if let ("chpst", "-u", Some(user)) = (self.name, word.as_str(), after.first()) {
                    self.change_user(user, surroundings, account)?;
                }
                rest = after.get(1..).unwrap_or_default();
            } else if word.starts_with('-') && word.len() > 1 {
                rest = after;
            } else {
                break;
            }
        }
        if let (Own::User, Some(user)) = (self.own, rest.first()) {
            self.change_user(user, surroundings, account)?;
        }
        Ok(rest.get(usize::from(self.own != Own::Nothing)..).unwrap_or_default().to_vec())
    }

    fn change_user(
        &self,
        user: &str,
        surroundings: &mut Surroundings,
        account: &Account,
    ) -> Result<(), String> {
        if surroundings.identity.uid != 0 {
            return Err(format!("`{}` is no use to who is not the superuser", self.name));
        }
        let identity = account.identity(user).map_err(|why| format!("`{}`: {why}", self.name))?;
        surroundings.identity = identity;
        Ok(())
    }
}

/// env(1): options, variables, then the command.
fn env(words: &[String], surroundings: &mut Surroundings) -> Option<Vec<String>> {
    let mut rest: VecDeque<String> = words.iter().skip(1).cloned().collect();
    while let Some(word) = rest.pop_front_if(|it| it.starts_with('-')) {
        let long = |name: &str| word.strip_prefix(name).and_then(|it| it.strip_prefix('='));
        let short = |name: &str| word.strip_prefix(name).filter(|it| !it.is_empty());
        match word.as_str() {
            "--" => break,
            "-" | "-i" | "--ignore-environment" => surroundings.variables.clear(),
            "-u" | "--unset" => drop(surroundings.variables.remove(&rest.pop_front()?)),
            "-C" | "--chdir" => surroundings.enter(&rest.pop_front()?),
            "-S" | "--split-string" => split(&rest.pop_front()?, &mut rest)?,
            "-v" | "--debug" | "-0" | "--null" => {}
            _ => {
                if let Some(name) = long("--unset").or_else(|| short("-u")) {
                    surroundings.variables.remove(name);
                } else if let Some(to) = long("--chdir").or_else(|| short("-C")) {
                    surroundings.enter(to);
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
        surroundings.variables.insert(name.to_owned(), Variable::exported(value));
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
    own: Own,
    says: (&'static str, u8, u8),
) -> Wrapper {
    Wrapper { name, valued, own, says }
}

const TINI: (&str, u8, u8) = ("exec NAME failed: WHY", 127, 126);
const COREUTILS: (&str, u8, u8) = ("failed to run command 'NAME': WHY", 127, 126);
const UTIL_LINUX: (&str, u8, u8) = ("failed to execute NAME: WHY", 127, 126);

/// Options from each program's own usage text; what each says was seen (`tests/it/image/commands.rs`).
pub(super) const WRAPPERS: &[Wrapper] = &[
    wrapper("tini", &["-p", "-e"], Own::Nothing, TINI),
    wrapper("tini-static", &["-p", "-e"], Own::Nothing, TINI),
    wrapper("docker-init", &["-p", "-e"], Own::Nothing, TINI),
    wrapper("catatonit", &[], Own::Nothing, ("failed to exec pid1: WHY", 1, 1)),
    wrapper("dumb-init", &["-r", "--rewrite"], Own::Nothing, ("[dumb-init] NAME: WHY", 2, 2)),
    wrapper("gosu", &[], Own::User, ("exec: WHY", 1, 1)),
    wrapper("su-exec", &[], Own::User, ("su-exec: NAME: WHY", 1, 1)),
    wrapper("s6-setuidgid", &[], Own::User, ("unable to exec NAME: WHY", 127, 126)),
    wrapper(
        "chpst",
        &["-u", "-U", "-b", "-e", "-n", "-l", "-L", "-m", "-d", "-o", "-p", "-f", "-c", "-r", "-t"],
        Own::Nothing,
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
        Own::Nothing,
        UTIL_LINUX,
    ),
    wrapper("nice", &["-n", "--adjustment"], Own::Nothing, ("nice: 'NAME': WHY", 127, 126)),
    wrapper("ionice", &["-c", "-n", "--class", "--classdata"], Own::Nothing, UTIL_LINUX),
    wrapper("nohup", &[], Own::Nothing, COREUTILS),
    wrapper(
        "stdbuf",
        &["-i", "-o", "-e", "--input", "--output", "--error"],
        Own::Nothing,
        COREUTILS,
    ),
    wrapper("timeout", &["-s", "-k", "--signal", "--kill-after"], Own::Other, COREUTILS),
    wrapper(
        "time",
        &["-f", "-o", "--format", "--output"],
        Own::Nothing,
        ("cannot run NAME: WHY", 127, 126),
    ),
    wrapper("env", &[], Own::Nothing, ("env: 'NAME': WHY", 127, 126)),
];
