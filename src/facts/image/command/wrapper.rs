//! Programs that start another one and are then out of the way, or wait for it.

use std::collections::BTreeMap;

/// A program that starts another one: its options with a value, and its own words before the command.
pub(super) struct Wrapper {
    /// By which it is known.
    pub(super) name: &'static str,
    /// Options that take the next word.
    valued: &'static [&'static str],
    /// Words that belong to the wrapper.
    own: usize,
    /// `NAME=value` words are variables.
    variables: bool,
}

impl Wrapper {
    /// The command that it starts; `None` where its words are not understood.
    pub(super) fn command(
        &self,
        words: &[String],
        variables: &mut BTreeMap<String, String>,
    ) -> Option<Vec<String>> {
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first() {
            if word == "--" {
                rest = after;
                break;
            }
            if self.name == "env" && (word == "-S" || word == "--split-string") {
                let line = after.join(" ");
                return Some(line.split_whitespace().map(str::to_owned).collect());
            }
            if self.valued.contains(&word.as_str()) {
                rest = after.get(1..).unwrap_or_default();
            } else if word.starts_with('-') && word.len() > 1 {
                rest = after;
            } else {
                break;
            }
        }
        if self.variables {
            while let Some((name, value)) = rest.first().and_then(|word| word.split_once('=')) {
                variables.insert(name.to_owned(), value.to_owned());
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        rest.get(self.own..).map(<[String]>::to_vec)
    }
}

const fn wrapper(name: &'static str, valued: &'static [&'static str], own: usize) -> Wrapper {
    Wrapper { name, valued, own, variables: false }
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
    wrapper("setpriv", &[], 0),
    wrapper("nice", &["-n"], 0),
    wrapper("ionice", &["-c", "-n"], 0),
    wrapper("nohup", &[], 0),
    wrapper("stdbuf", &["-i", "-o", "-e"], 0),
    wrapper("timeout", &["-s", "-k"], 1),
    wrapper("time", &["-f", "-o"], 0),
    Wrapper { name: "env", valued: &["-u", "-C"], own: 0, variables: true },
];
