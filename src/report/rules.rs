//! `binlint.rules/1`: the catalogue of rules as a machine reads it.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::lines;
use crate::rule::Rule;

/// The version of the document; a name is only ever added.
pub const SCHEMA: &str = "binlint.rules/1";

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Document {
    schema: &'static str,
    rules: Vec<Entry>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    rule: &'static str,
    aliases: &'static [&'static str],
    group: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["allow", "warn", "deny"])))]
    level: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["stable", "renamed", "deprecated"])))]
    status: &'static str,
    since: &'static str,
    needs: String,
    summary: &'static str,
    url: String,
}

/// Writes these rules.
///
/// # Errors
/// Those of the writer.
pub fn write(rules: impl Iterator<Item = &'static Rule>, to: &mut dyn Write) -> io::Result<()> {
    let rules = rules.map(entry).collect();
    lines::json(to, &Document { schema: SCHEMA, rules }, true)
}

fn entry(rule: &'static Rule) -> Entry {
    Entry {
        rule: rule.id,
        aliases: rule.aliases,
        group: rule.group.name(),
        level: rule.level.name(),
        status: rule.status.name(),
        since: rule.since,
        needs: rule.check.needs().to_string(),
        summary: rule.summary,
        url: rule.url(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_of_the_catalogue_is_up_to_date() {
        crate::report::schema::keep_up_to_date::<super::Document>("rules");
    }
}
