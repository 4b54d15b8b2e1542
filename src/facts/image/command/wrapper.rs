//! Programs that start another one and are then out of the way, or wait for it.

use std::collections::VecDeque;

use super::super::shell::Variable;
use super::walk::Surroundings;

/// A program that starts another one: its options with a value, and its own words before the command.
pub(super) struct Wrapper {
    /// By which it is known.
    pub(super) name: &'static str,
    /// Options that take the next word.
    valued: &'static [&'static str],
    /// Words that belong to the wrapper.
    own: usize,
}

impl Wrapper {
    /// The command that it starts; `None` where its words are not understood.
    pub(super) fn command(
        &self,
        words: &[String],
        surroundings: &mut Surroundings,
    ) -> Option<Vec<String>> {
        if self.name == "env" {
            return env(words, surroundings);
        }
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first() {
            if word == "--" {
                rest = after;
                break;
            }
            if self.valued.contains(&word.as_str()) {
                rest = after.get(1..).unwrap_or_default();
            } else if word.starts_with('-') && word.len() > 1 {
                rest = after;
            } else {
                break;
            }
        }
        rest.get(self.own..).map(<[String]>::to_vec)
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

const fn wrapper(name: &'static str, valued: &'static [&'static str], own: usize) -> Wrapper {
    Wrapper { name, valued, own }
}

/// From each program's own usage text.
pub(super) const WRAPPERS: &[Wrapper] = &[
    wrapper("tini", &["-p", "-e"], 0),
    wrapper("tini-static", &["-p", "-e"], 0),
    wrapper("docker-init", &["-p", "-e"], 0),
    wrapper("catatonit", &[], 0),
    wrapper("dumb-init", &["-r", "--rewrite"], 0),
    wrapper("gosu", &[], 1),
    wrapper("su-exec", &[], 1),
    wrapper("s6-setuidgid", &[], 1),
    wrapper(
        "chpst",
        &["-u", "-U", "-b", "-e", "-n", "-l", "-L", "-m", "-d", "-o", "-p", "-f", "-c", "-r", "-t"],
        0,
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
        0,
    ),
    wrapper("nice", &["-n", "--adjustment"], 0),
    wrapper("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    wrapper("nohup", &[], 0),
    wrapper("stdbuf", &["-i", "-o", "-e", "--input", "--output", "--error"], 0),
    wrapper("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    wrapper("time", &["-f", "-o", "--format", "--output"], 0),
    wrapper("env", &[], 0),
];
