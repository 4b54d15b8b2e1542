//! Levels, expectations and waivers, resolved from all their sources.
//!
//! Lowest first: a rule's own level, `[workspace.metadata.binlint]`, `[package.metadata.binlint]`,
//! `binlint.toml`, then `-A`, `-W` and `-D` in the order they were typed.

use std::collections::BTreeMap;

use crate::rule::{Group, Level, Rule};
use crate::rules;
use crate::similar_name::suggest;
use crate::subject::Expectations;

pub mod table;

use jiff::civil::Date;

/// Everything that was configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    settings: Vec<ScopedLevel>,
    /// What the user expects of the subjects.
    pub expectations: Expectations,
    /// Where `rebuild = true` stands, as `binlint.toml:2`. It only reminds of `--rebuild`: whoever
    /// writes a checkout's configuration cannot make a lint run that checkout's build scripts.
    pub wants_rebuild: Option<String>,
    /// What is expected besides of programs for single targets, by Rust's name of the target.
    pub expectations_by_target: BTreeMap<String, Expectations>,
    /// Findings that the user accepts.
    pub waivers: Vec<Waiver>,
    /// What would be a warning is denied: `-D warnings`.
    pub warnings_denied: bool,
    /// Which Dockerfiles are linted.
    pub dockerfile: DockerfileConfig,
}

/// `[dockerfile]`: which Dockerfiles are linted without being named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerfileConfig {
    /// The project's own, relative to the root of the workspace.
    pub file: Option<String>,
    /// Where `file` stands: `binlint.toml:2`.
    pub file_place: String,
    /// Patterns as in `.gitignore` of those that are not linted.
    pub exclude: Vec<String>,
    /// Where `exclude` stands.
    pub exclude_place: String,
}

/// What all warnings together are called after `-D`, as rustc calls them.
const WARNINGS: &str = "warnings";

/// A file that may configure the linter: its text, and the table in it that is ours.
#[derive(Debug, Clone, Copy)]
pub struct ConfigSource<'a> {
    /// As it shall appear in messages.
    pub path: &'a str,
    /// The whole text.
    pub text: &'a str,
    /// The keys that lead to the table, none for a file of our own.
    pub table: &'a [&'a str],
}

/// A finding that the user accepts, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The rule that is silenced.
    pub rule: &'static Rule,
    /// Only for this subject.
    pub subject: Option<String>,
    /// Why the finding is acceptable.
    pub reason: String,
    /// The first day on which the waiver no longer holds.
    pub expires: Option<Date>,
    /// `binlint.toml:12`.
    pub place: String,
}

/// What is wrong with a configuration, and where.
///
/// ```no_run
/// if let Err(binlint::Error::Config(error)) = binlint::Linter::new().config("ci.toml").lint() {
///     eprintln!("{} needs a look: {}", error.place, error.message);
/// }
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// `binlint.toml:12`, or the option as typed.
    pub place: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Why a name stands for no rule and no group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing has this name.
    #[error("there is no {what} `{name}`{suggestion}")]
    Unknown {
        /// What it was to be: a rule, a group, either.
        what: &'static str,
        /// As typed.
        name: String,
        /// The nearest name, or where the names are listed; the end of a sentence.
        suggestion: String,
    },
    /// The name of all warnings takes one level.
    #[error("all warnings together can only be denied")]
    OnlyDenied,
}

/// One line of configuration about levels: the later one wins.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ScopedLevel {
    scope: Scope,
    level: Level,
}

/// What a level applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every rule of a group.
    Group(Group),
    /// One rule.
    Rule(&'static Rule),
}

impl Config {
    /// Reads the sources, lowest first.
    ///
    /// # Errors
    /// A source that is not TOML, an unknown key, rule, group or level, a waiver without a reason:
    /// each with its line.
    pub fn read(sources: &[ConfigSource<'_>]) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        for source in sources {
            table::read(source, &mut config)?;
        }
        Ok(config)
    }

    /// What is expected of a program for this target; `None`: for one that is not known.
    pub fn expectations_for(&self, triple: Option<&str>) -> Expectations {
        let targets = || self.expectations_by_target.keys().map(|it| format!("`[expect.{it}]`"));
        match triple {
            Some(triple) => match self.expectations_by_target.get(triple) {
                Some(own) => self.expectations.with(own),
                None => self.expectations.clone(),
            },
            None if self.expectations_by_target.is_empty() => self.expectations.clone(),
            None => Expectations {
                unclear: Some(format!(
                    "the target of the program is not known, so neither is whether {} counts",
                    targets().collect::<Vec<_>>().join(" or ")
                )),
                ..self.expectations.clone()
            },
        }
    }

    /// Applies one `-A`, `-W` or `-D`, over everything that came before.
    ///
    /// # Errors
    /// No rule and no group has this name; the nearest name is suggested.
    pub fn set(&mut self, option: &str, name: &str, level: Level) -> Result<(), ConfigError> {
        let place = format!("{option} {name}");
        if name == WARNINGS {
            self.deny_warnings(level)
                .map_err(|error| ConfigError { place, message: error.to_string() })?;
            return Ok(());
        }
        let scope = find_rule_or_group(name)
            .map_err(|error| ConfigError { place, message: error.to_string() })?;
        self.settings.push(ScopedLevel { scope, level });
        Ok(())
    }

    fn deny_warnings(&mut self, level: Level) -> Result<(), NameError> {
        match level {
            Level::Deny => self.warnings_denied = true,
            _ => return Err(NameError::OnlyDenied),
        }
        Ok(())
    }

    /// Whether anybody set a level for this rule or its group.
    pub fn is_set(&self, rule: &'static Rule) -> bool {
        self.settings.iter().any(|setting| match setting.scope {
            Scope::Group(group) => group == rule.group,
            Scope::Rule(named) => named == rule,
        })
    }

    /// The level that counts for this rule.
    pub fn level(&self, rule: &'static Rule) -> Level {
        let applies = |setting: &&ScopedLevel| match setting.scope {
            Scope::Group(group) => group == rule.group,
            Scope::Rule(named) => named == rule,
        };
        self.settings.iter().rev().find(applies).map_or(rule.level, |setting| setting.level)
    }
}

/// The rule that has this name or had it earlier.
///
/// # Errors
/// There is none; the message suggests the nearest.
pub fn find_rule(name: &str) -> Result<&'static Rule, NameError> {
    rules::ALL.iter().find(|rule| rule.is_named(name)).copied().ok_or_else(|| unknown("rule", name))
}

/// The rule or the group of this name.
///
/// # Errors
/// There is none; the message suggests the nearest.
pub fn find_rule_or_group(name: &str) -> Result<Scope, NameError> {
    if let Some(group) = Group::ALL.iter().find(|group| group.name() == name) {
        return Ok(Scope::Group(*group));
    }
    find_rule(name).map(Scope::Rule).map_err(|_| unknown("rule or group", name))
}

/// The group of this name.
///
/// # Errors
/// There is none; the message lists them.
pub fn find_group(name: &str) -> Result<Group, NameError> {
    let group = Group::ALL.iter().find(|group| group.name() == name).copied();
    group.ok_or_else(|| {
        let names = || Group::ALL.iter().map(|group| group.name());
        let others = || format!("; there is {}", names().collect::<Vec<_>>().join(", "));
        let suggestion = suggest(name, names(), others);
        NameError::Unknown { what: "group", name: name.to_owned(), suggestion }
    })
}

fn unknown(what: &'static str, name: &str) -> NameError {
    let names = rules::ALL.iter().map(|rule| rule.id).chain(Group::ALL.iter().map(|it| it.name()));
    let others = || "; `cargo binlint rules` lists them".to_owned();
    let suggestion = suggest(name, names, others);
    NameError::Unknown { what, name: name.to_owned(), suggestion }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "relro-not-full";

    fn rule() -> &'static Rule {
        find_rule(RULE).unwrap()
    }

    fn own(text: &str) -> Result<Config, ConfigError> {
        Config::read(&[ConfigSource { path: "binlint.toml", text, table: &[] }])
    }

    #[test]
    fn the_later_source_wins_and_a_rule_wins_over_its_group() {
        let manifest = ConfigSource {
            path: "Cargo.toml",
            text: "[workspace.metadata.binlint.levels]\nrelro-not-full = \"deny\"\nhardening = \"allow\"\n",
            table: &["workspace", "metadata", "binlint"],
        };
        let mut config = Config::read(&[manifest]).unwrap();
        assert_eq!(config.level(rule()), Level::Deny);
        config.set("-W", "hardening", Level::Warn).unwrap();
        assert_eq!(config.level(rule()), Level::Warn);
        config.set("-A", RULE, Level::Allow).unwrap();
        assert_eq!(config.level(rule()), Level::Allow);
    }

    #[test]
    fn all_warnings_can_be_denied_and_nothing_else() {
        for config in [own("[levels]\nwarnings = \"deny\"").unwrap(), {
            let mut config = Config::default();
            config.set("-D", "warnings", Level::Deny).unwrap();
            config
        }] {
            assert!(config.warnings_denied);
        }
        let error = own("[levels]\nwarnings = \"allow\"").unwrap_err();
        assert_eq!(error.place, "binlint.toml:2");
        assert!(Config::default().set("-A", "warnings", Level::Allow).is_err());
    }

    #[test]
    fn nothing_configured_leaves_the_rule_its_own_level() {
        assert_eq!(Config::default().level(rule()), rule().level);
        assert_eq!(own("").unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_rule_is_an_error_at_its_line_with_a_suggestion() {
        let error = own("[levels]\n\nrelro-not-ful = \"warn\"\n").unwrap_err();
        assert_eq!(error.place, "binlint.toml:3");
        assert!(error.message.ends_with("did you mean `relro-not-full`?"), "{error}");
        let error = Config::default().set("-D", "xyzzy", Level::Deny).unwrap_err();
        assert!(error.message.contains("`cargo binlint rules`"), "{error}");
    }

    #[test]
    fn every_mistake_in_a_file_is_an_error_with_its_line() {
        for (text, place, part) in [
            ("levels = 3", "binlint.toml:1", "table"),
            ("[levels]\nrelro-not-full = \"fatal\"", "binlint.toml:2", "`allow`, `warn` or `deny`"),
            ("[level]\n", "binlint.toml:1", "`levels`"),
            ("[expect]\nlibc = \"newlib\"", "binlint.toml:2", "musl-static"),
            ("[expect]\ncpu-level = 9", "binlint.toml:2", "1 to 4"),
            ("[expect]\nmax-glibc = 2.28", "binlint.toml:2", "in quotes"),
            ("[expect]\nmax-glibc = \"new\"", "binlint.toml:2", "\"2.28\""),
            ("[expect]\nmax-glib = \"2.28\"", "binlint.toml:2", "`max-glibc`"),
            ("[expect.a-b-c]\nlibrary = []", "binlint.toml:2", "`libraries`"),
            ("[expect.linux]\n", "binlint.toml:1", "there is no key `linux`"),
            ("[[waivers]]\nrule = \"relro-not-full\"", "binlint.toml:1", "reason"),
            ("[[waivers]]\nreason = \"x\"", "binlint.toml:1", "rule"),
            (
                "[[waivers]]\nrule = \"relro-not-full\"\nreason = \"x\"\nexpires = \"soon\"",
                "binlint.toml:4",
                "2026",
            ),
            ("[dockerfile]\nfiles = \"x\"", "binlint.toml:2", "`file`"),
            ("[dockerfile]\nfile = 3", "binlint.toml:2", "quotes"),
            (
                "[dockerfile]\nfile = \"/etc/passwd\"",
                "binlint.toml:2",
                "below the workspace's root",
            ),
            ("[dockerfile]\nfile = \"a/../../x\"", "binlint.toml:2", "below the workspace's root"),
            ("[dockerfile]\nexclude = \"x\"", "binlint.toml:2", "array"),
            ("[levels\n", "binlint.toml:1", ""),
        ] {
            let error = own(text).unwrap_err();
            assert_eq!(error.place, place, "{text}: {error}");
            assert!(error.message.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_expected_of_one_target_goes_over_what_is_expected_of_all() {
        let config = own("[expect]\nmax-glibc = \"2.28\"\nlibraries = [\"libc.so.6\"]\n\
             [expect.x86_64-unknown-linux-gnu]\nmax-glibc = \"2.17\"\nmax-glibcxx = \"3.4.19\"\n")
        .unwrap();
        let version = |triple: Option<&str>, name: &str| {
            let expectations = config.expectations_for(triple);
            expectations
                .maxima
                .iter()
                .find(|(it, _)| it == name)
                .map(|(_, version)| version.clone())
        };
        let (own, other) = (Some("x86_64-unknown-linux-gnu"), Some("aarch64-unknown-linux-gnu"));
        assert_eq!(version(own, "GLIBC").as_deref(), Some("2.17"));
        assert_eq!(version(own, "GLIBCXX").as_deref(), Some("3.4.19"));
        assert_eq!(version(other, "GLIBC").as_deref(), Some("2.28"));
        assert_eq!(version(other, "GLIBCXX"), None);
        assert!(config.expectations_for(own).libraries.is_some());
        // Nobody can tell which of them counts for a target that is not known.
        let unclear = |triple| config.expectations_for(triple).unclear.is_some();
        assert_eq!([unclear(own), unclear(other), unclear(None)], [false, false, true]);
    }

    /// Every old name, wherever a name can stand: a renamed rule breaks nobody's configuration.
    #[test]
    fn an_old_name_of_a_rule_is_its_name_everywhere() {
        let renamed = rules::ALL.iter().flat_map(|rule| rule.aliases.iter().map(|it| (*rule, *it)));
        let renamed: Vec<_> = renamed.collect();
        assert!(renamed.iter().any(|(rule, alias)| (rule.id, *alias) == (RULE, "partial-relro")));
        for (rule, alias) in renamed {
            assert_eq!(find_rule(alias), Ok(rule));
            for level in [Level::Allow, Level::Warn, Level::Deny] {
                let config = own(&format!("[levels]\n{alias} = \"{level}\"\n")).unwrap();
                assert_eq!(config.level(rule), level, "{alias}");
                let mut config = Config::default();
                config.set("-W", alias, level).unwrap();
                assert_eq!(config.level(rule), level, "{alias}");
            }
            let waiver = format!("[[waivers]]\nrule = \"{alias}\"\nreason = \"known\"\n");
            assert_eq!(own(&waiver).unwrap().waivers[0].rule.id, rule.id);
        }
    }

    #[test]
    fn dockerfiles_are_named_and_set_aside_and_the_later_source_wins() {
        let manifest = ConfigSource {
            path: "Cargo.toml",
            text: "[workspace.metadata.binlint.dockerfile]\nfile = \"Dockerfile\"\nexclude = [\"a\"]\n",
            table: &["workspace", "metadata", "binlint"],
        };
        let own = ConfigSource {
            path: "binlint.toml",
            text: "[dockerfile]\nfile = \"docker/api.Dockerfile\"\n",
            table: &[],
        };
        let read = Config::read(&[manifest, own]).unwrap().dockerfile;
        assert_eq!(read.file.as_deref(), Some("docker/api.Dockerfile"));
        assert_eq!((&*read.file_place, &*read.exclude_place), ("binlint.toml:2", "Cargo.toml:3"));
        assert_eq!(read.exclude, ["a"]);
    }

    #[test]
    fn expectations_and_waivers_are_read() {
        let config =
            own("[expect]\nlibc = \"musl-static\"\nbuilders = [\"https://ci.example/1\"]\n\
             [[waivers]]\nrule = \"relro-not-full\"\nsubject = \"app\"\nreason = \"old loader\"\n\
             expires = 2027-01-31\n")
            .unwrap();
        assert_eq!(config.expectations.libc.as_deref(), Some("musl-static"));
        assert_eq!(config.expectations.builders, ["https://ci.example/1"]);
        let waiver = &config.waivers[0];
        assert_eq!(waiver.place, "binlint.toml:4");
        assert_eq!(waiver.subject.as_deref(), Some("app"));
        assert_eq!(waiver.expires, table::day("2027-01-31"));
    }
}
