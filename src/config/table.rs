//! One TOML table of ours, every mistake with its line.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Component, Path};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{
    Config, ConfigError, ConfigSource, Scope, ScopedLevel, WARNINGS, Waiver, find_rule,
    find_rule_or_group,
};
use crate::rule::Level;
use crate::similar_name::suggest;
use crate::subject::Expectations;
use jiff::civil::Date;

const KEYS: &[&str] = &["check", "dockerfile", "levels", "expect", "waivers"];
const DOCKERFILE_KEYS: &[&str] = &["file", "exclude"];
const CHECK_KEYS: &[&str] = &["rebuild"];
const EXPECTATIONS: &[&str] = &[
    "triple",
    "libc",
    "allocator",
    "cpu-level",
    "builders",
    "max-glibc",
    "max-glibcxx",
    "max-cxxabi",
    "libraries",
];
const WAIVER_KEYS: &[&str] = &["rule", "subject", "reason", "expires"];
const LIBCS: &[&str] = &["glibc-dynamic", "glibc-static", "musl-dynamic", "musl-static"];

type SpannedKey<'a> = Spanned<Cow<'a, str>>;
type SpannedValue<'a> = Spanned<DeValue<'a>>;

/// Reads the table that is ours, if the source has it, into the configuration.
pub(super) fn read(source: &ConfigSource<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let reader = TableReader { source };
    let document = DeTable::parse(source.text).map_err(|error| {
        reader.error(
            error.span().unwrap_or_default(),
            error.message().lines().next().unwrap_or_default(),
        )
    })?;
    let mut table = document.get_ref();
    for key in source.table {
        match table.get(*key).map(|value| value.get_ref()) {
            Some(DeValue::Table(inner)) => table = inner,
            // Cargo itself complains about a `metadata` that is no table.
            _ => return Ok(()),
        }
    }
    reader.ours(table, config)
}

struct TableReader<'a> {
    source: &'a ConfigSource<'a>,
}

impl TableReader<'_> {
    fn ours(&self, table: &DeTable<'_>, config: &mut Config) -> Result<(), ConfigError> {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "check" => self.check(self.table(key, value)?, config)?,
                "dockerfile" => self.dockerfile(self.table(key, value)?, config)?,
                "levels" => self.levels(self.table(key, value)?, config)?,
                "expect" => self.all_expectations(self.table(key, value)?, config)?,
                "waivers" => {
                    for waiver in self.array(key, value)? {
                        let waiver = self.waiver(waiver)?;
                        config.waivers.push(waiver);
                    }
                }
                _ => return Err(self.unknown_key(key, KEYS)),
            }
        }
        Ok(())
    }

    fn check(&self, table: &DeTable<'_>, config: &mut Config) -> Result<(), ConfigError> {
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("rebuild", DeValue::Boolean(rebuild)) => {
                    config.wants_rebuild = rebuild.then(|| self.place(key.span()));
                }
                ("rebuild", _) => {
                    return Err(self.error(value.span(), "`rebuild` is true or false"));
                }
                _ => return Err(self.unknown_key(key, CHECK_KEYS)),
            }
        }
        Ok(())
    }

    fn dockerfile(&self, table: &DeTable<'_>, config: &mut Config) -> Result<(), ConfigError> {
        let own = &mut config.dockerfile;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "file" => {
                    let file = self.string(key, value)?;
                    // Whoever writes a checkout's configuration has no say in what is read outside of it.
                    let is_below = |it| matches!(it, Component::Normal(_) | Component::CurDir);
                    if !Path::new(&file).components().all(is_below) {
                        let message = "`file` is a path below the workspace's root";
                        return Err(self.error(value.span(), message));
                    }
                    (own.file, own.file_place) = (Some(file), self.place(key.span()));
                }
                "exclude" => {
                    let patterns = self.array(key, value)?.map(|it| self.string(key, it));
                    own.exclude = patterns.collect::<Result<_, _>>()?;
                    own.exclude_place = self.place(key.span());
                }
                _ => return Err(self.unknown_key(key, DOCKERFILE_KEYS)),
            }
        }
        Ok(())
    }

    fn levels(&self, table: &DeTable<'_>, config: &mut Config) -> Result<(), ConfigError> {
        let mut settings = Vec::new();
        for (key, value) in table {
            let level = match value.get_ref() {
                DeValue::String(text) => match text.as_ref() {
                    "allow" => Some(Level::Allow),
                    "warn" => Some(Level::Warn),
                    "deny" => Some(Level::Deny),
                    _ => None,
                },
                _ => None,
            };
            let level = level
                .ok_or_else(|| self.error(value.span(), "a level is `allow`, `warn` or `deny`"))?;
            if key.get_ref() == WARNINGS {
                let denied = config.deny_warnings(level);
                denied.map_err(|error| self.error(value.span(), &error.to_string()))?;
                continue;
            }
            let scope = find_rule_or_group(key.get_ref())
                .map_err(|error| self.error(key.span(), &error.to_string()))?;
            settings.push(ScopedLevel { scope, level });
        }
        // Keys of a table have no order that counts, so the finer word goes last and wins.
        settings.sort_by_key(|setting| matches!(setting.scope, Scope::Rule(_)));
        config.settings.extend(settings);
        Ok(())
    }

    /// `[expect]`, and in it `[expect.TRIPLE]`.
    fn all_expectations(
        &self,
        table: &DeTable<'_>,
        config: &mut Config,
    ) -> Result<(), ConfigError> {
        for (key, value) in table {
            match value.get_ref() {
                // A target has at least three parts, and no key of ours has.
                DeValue::Table(own) if key.get_ref().matches('-').count() >= 2 => {
                    let expectations =
                        config.expectations_by_target.entry(key.get_ref().to_string()).or_default();
                    own.iter()
                        .try_for_each(|(key, value)| self.expectation(key, value, expectations))?;
                }
                _ => self.expectation(key, value, &mut config.expectations)?,
            }
        }
        Ok(())
    }

    /// `2.28`, as the symbol versions of glibc and libstdc++ are counted.
    fn version(
        &self,
        key: &SpannedKey<'_>,
        value: &SpannedValue<'_>,
    ) -> Result<String, ConfigError> {
        let text = self.string(key, value)?;
        let is_version = text.split('.').all(|part| part.parse::<u32>().is_ok());
        match is_version && text.contains('.') {
            true => Ok(text),
            false => {
                let message = format!("`{}` is a version, as in \"2.28\"", key.get_ref());
                Err(self.error(value.span(), &message))
            }
        }
    }

    fn expectation(
        &self,
        key: &SpannedKey<'_>,
        value: &SpannedValue<'_>,
        expectations: &mut Expectations,
    ) -> Result<(), ConfigError> {
        match key.get_ref().as_ref() {
            "triple" => expectations.triple = Some(self.string(key, value)?),
            "allocator" => expectations.allocator = Some(self.string(key, value)?),
            "libc" => {
                let libc = self.string(key, value)?;
                if !LIBCS.contains(&libc.as_str()) {
                    let message = format!("`libc` is one of {}", LIBCS.join(", "));
                    return Err(self.error(value.span(), &message));
                }
                expectations.libc = Some(libc);
            }
            "cpu-level" => {
                let level = match value.get_ref() {
                    DeValue::Integer(number) => {
                        number.as_str().parse().ok().filter(|it| (1..=4).contains(it))
                    }
                    _ => None,
                };
                let message = "`cpu-level` is an x86-64 level, 1 to 4";
                expectations.cpu_level =
                    Some(level.ok_or_else(|| self.error(value.span(), message))?);
            }
            "builders" => {
                for builder in self.array(key, value)? {
                    expectations.builders.push(self.string(key, builder)?);
                }
            }
            "max-glibc" | "max-glibcxx" | "max-cxxabi" => {
                let name = key.get_ref()["max-".len()..].to_ascii_uppercase();
                let version = self.version(key, value)?;
                expectations.maxima.retain(|(known, _)| *known != name);
                expectations.maxima.push((name, version));
            }
            "libraries" => {
                let names = self.array(key, value)?.map(|it| self.string(key, it));
                expectations.libraries = Some(names.collect::<Result<_, _>>()?);
            }
            _ => return Err(self.unknown_key(key, EXPECTATIONS)),
        }
        Ok(())
    }

    fn waiver(&self, value: &SpannedValue<'_>) -> Result<Waiver, ConfigError> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.error(value.span(), "a waiver is a table: `[[waivers]]`"));
        };
        let (mut rule, mut subject, mut reason, mut expires) = (None, None, None, None);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "rule" => {
                    let name = self.string(key, value)?;
                    rule = Some(
                        find_rule(&name)
                            .map_err(|error| self.error(value.span(), &error.to_string()))?,
                    );
                }
                "subject" => subject = Some(self.string(key, value)?),
                "reason" => {
                    reason = Some(self.string(key, value)?).filter(|it| !it.trim().is_empty())
                }
                "expires" => {
                    let text = match value.get_ref() {
                        DeValue::String(text) => text.to_string(),
                        DeValue::Datetime(date) => date.to_string(),
                        _ => String::new(),
                    };
                    let message = "`expires` is a day, as in \"2026-12-31\"";
                    expires = Some(day(&text).ok_or_else(|| self.error(value.span(), message))?);
                }
                _ => return Err(self.unknown_key(key, WAIVER_KEYS)),
            }
        }
        let missing =
            |what: &str| self.error(value.span(), &format!("this waiver has no `{what}`"));
        Ok(Waiver {
            rule: rule.ok_or_else(|| missing("rule"))?,
            subject,
            reason: reason.ok_or_else(|| missing("reason"))?,
            expires,
            place: self.place(value.span()),
        })
    }

    fn table<'a>(
        &self,
        key: &SpannedKey<'_>,
        value: &'a SpannedValue<'_>,
    ) -> Result<&'a DeTable<'a>, ConfigError> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.error(value.span(), &format!("`{}` is a table", key.get_ref()))),
        }
    }

    fn array<'a>(
        &self,
        key: &SpannedKey<'_>,
        value: &'a SpannedValue<'_>,
    ) -> Result<impl Iterator<Item = &'a SpannedValue<'a>>, ConfigError> {
        match value.get_ref() {
            DeValue::Array(array) => Ok(array.iter()),
            _ => Err(self.error(value.span(), &format!("`{}` is an array", key.get_ref()))),
        }
    }

    fn string(
        &self,
        key: &SpannedKey<'_>,
        value: &SpannedValue<'_>,
    ) -> Result<String, ConfigError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => {
                Err(self.error(value.span(), &format!("`{}` holds text in quotes", key.get_ref())))
            }
        }
    }

    fn unknown_key(&self, key: &SpannedKey<'_>, known: &[&str]) -> ConfigError {
        let name = key.get_ref();
        let others = || format!("; the keys are `{}`", known.join("`, `"));
        let end = suggest(name, known.iter().copied(), others);
        self.error(key.span(), &format!("there is no key `{name}`{end}"))
    }

    fn error(&self, span: Range<usize>, message: &str) -> ConfigError {
        ConfigError { place: self.place(span), message: message.to_owned() }
    }

    fn place(&self, span: Range<usize>) -> String {
        let before = self.source.text.get(..span.start).unwrap_or(self.source.text);
        format!("{}:{}", self.source.path, before.matches('\n').count() + 1)
    }
}

/// Reads `2027-01-31`; `None` for anything else, and for days that no month has.
pub(super) fn day(text: &str) -> Option<Date> {
    let is_whole = text.len() == "2027-01-31".len();
    Date::strptime("%Y-%m-%d", text).ok().filter(|day| is_whole && day.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist_are_read() {
        for good in ["2024-02-29", "2000-02-29", "2026-12-31"] {
            assert_eq!(day(good).unwrap().to_string(), good);
        }
        for bad in [
            "2023-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-04-31",
            "2026-1-1",
            "2026-01-01-01",
            "+026-01-01",
            "20260-1-01",
            "",
            "soon",
        ] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }
}
