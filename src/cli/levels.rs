//! `-A`, `-W`, `-D`: the levels as typed, the later word over the earlier.

use clap::{ArgMatches, Args};

use crate::config::{Config, Error};
use crate::rule::Level;

/// Levels of rules and groups.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Levels")]
pub struct Levels {
    /// Do not run this rule or group
    #[arg(short = 'A', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    allow: Vec<String>,
    /// Show what this rule or group finds
    #[arg(short = 'W', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    warn: Vec<String>,
    /// Show what this rule or group finds, and exit with 1
    #[arg(short = 'D', long, value_name = "RULE|GROUP", action = clap::ArgAction::Append)]
    deny: Vec<String>,
}

impl Levels {
    /// Applies the words to the configuration in the order in which they were typed.
    ///
    /// # Errors
    /// A name that neither a rule nor a group has.
    pub fn apply(&self, matches: &ArgMatches, config: &mut Config) -> Result<(), Error> {
        let mut typed: Vec<(usize, &str, &str, Level)> = Vec::new();
        for (id, option, names, level) in [
            ("allow", "-A", &self.allow, Level::Allow),
            ("warn", "-W", &self.warn, Level::Warn),
            ("deny", "-D", &self.deny, Level::Deny),
        ] {
            let places = matches.indices_of(id).into_iter().flatten();
            typed.extend(
                places.zip(names).map(|(place, name)| (place, option, name.as_str(), level)),
            );
        }
        typed.sort_unstable_by_key(|(place, ..)| *place);
        typed.into_iter().try_for_each(|(_, option, name, level)| config.set(option, name, level))
    }
}
