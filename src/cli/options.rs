//! Options that have an effect only beside another option, or without one: whoever types one that would be
//! ignored is told so.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::cli::output::CliError;

/// When an option has an effect.
#[derive(Debug, Clone, Copy)]
enum Effect {
    /// Only beside one of these.
    With(&'static [&'static str]),
    /// Only without this one, which makes it pointless for this reason.
    Without(&'static str, &'static str),
}

/// Options of commands, by their names for clap, and when they have an effect. A name with a value,
/// as in `format=table`, stands for the option with that value, typed or by default.
struct Condition {
    commands: &'static [&'static str],
    options: &'static [&'static str],
    effect: Effect,
}

const CARGO: &[&str] = &[
    "package",
    "bin",
    "release",
    "profile",
    "target",
    "target_dir",
    "features",
    "all_features",
    "no_default_features",
    "cargo_config",
];

const PATCH: &str = "it prints a patch and no report";

/// Every option that can be without effect for a reason that the command line alone shows.
const CONDITIONS: &[Condition] = &[
    Condition {
        commands: &["check", "build", "record", "verify"],
        options: &["keep"],
        effect: Effect::With(&["rebuild"]),
    },
    Condition {
        commands: &["build"],
        options: &["rebuild"],
        effect: Effect::Without("no_check", "the rebuild is a part of the check"),
    },
    Condition {
        commands: &["build", "record"],
        options: &["bundle"],
        effect: Effect::With(&["key"]),
    },
    Condition {
        commands: &["check", "diagnose"],
        options: &["at"],
        effect: Effect::With(&["image", "rootfs"]),
    },
    Condition {
        commands: &["check", "diagnose"],
        options: &["platform"],
        effect: Effect::With(&["image"]),
    },
    Condition { commands: &["verify"], options: CARGO, effect: Effect::With(&["manifest_path"]) },
    Condition {
        commands: &["verify"],
        options: &["rebuild"],
        effect: Effect::With(&["manifest_path"]),
    },
    Condition { commands: &["dockerfile"], options: &["dry_run"], effect: Effect::With(&["fix"]) },
    Condition {
        commands: &["dockerfile"],
        options: &["format", "report", "strict", "exit_zero", "baseline", "quiet", "verbose"],
        effect: Effect::Without("dry_run", PATCH),
    },
    Condition {
        commands: &["inspect"],
        options: &["no_digest"],
        effect: Effect::Without("quick", "it computes no digest"),
    },
    Condition {
        commands: &["check", "verify", "dockerfile", "inspect", "diff", "diagnose"],
        options: &["quiet", "verbose"],
        effect: Effect::With(&["format=table"]),
    },
];

/// Refuses the first option that would be ignored.
///
/// # Errors
/// One sentence that names the option, and the one that it needs or that makes it pointless.
pub fn refuse_ignored(command: &str, matches: &ArgMatches) -> Result<(), CliError> {
    refuse_ignored_of(command, &|option| is_given(matches, option))
}

/// As [`refuse_ignored`], for options that are read in another way: `is_given` says of each whether
/// it was typed.
///
/// # Errors
/// As for [`refuse_ignored`].
pub fn refuse_ignored_of(command: &str, is_given: &dyn Fn(&str) -> bool) -> Result<(), CliError> {
    let of_command = CONDITIONS.iter().filter(|it| it.commands.contains(&command));
    for Condition { options, effect, .. } in of_command {
        let Some(option) = options.iter().find(|option| is_given(option)) else { continue };
        let option = spelled(option);
        let why = match effect {
            Effect::With(partners) if !partners.iter().any(|it| is_given(it)) => {
                let partners: Vec<String> = partners.iter().map(|it| spelled(it)).collect();
                format!("`{option}` has an effect only with `{}`", partners.join("` or `"))
            }
            Effect::Without(other, why) if is_given(other) => {
                format!("`{option}` has no effect with `{}`: {why}", spelled(other))
            }
            Effect::With(_) | Effect::Without(..) => continue,
        };
        return Err(CliError::Arguments(why));
    }
    Ok(())
}

/// Whether an option was typed; one with a value also where the value is the default.
fn is_given(matches: &ArgMatches, option: &str) -> bool {
    if let Some((id, value)) = option.split_once('=') {
        let values = matches.try_get_raw(id).ok().flatten();
        return values.is_some_and(|mut values| values.any(|it| it == value));
    }
    matches.try_contains_id(option).is_ok()
        && matches.value_source(option) == Some(ValueSource::CommandLine)
}

/// The option as it is typed.
fn spelled(id: &str) -> String {
    format!("--{}", id.replace('_', "-").replace('=', " "))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{Arg, ArgAction, Command, CommandFactory};

    use super::*;

    /// Options that have an effect whatever else is typed, by command. `--color` is among them: as
    /// with Cargo, a wrapper gives it without a look at the format.
    const ALWAYS: &[(&str, &str)] = &[
        (
            "check",
            "manifest_path package bin release profile target target_dir features all_features \
             no_default_features cargo_config binary image rootfs record rebuild config allow warn deny \
             strict exit_zero baseline format report output color",
        ),
        ("inspect", "quick format output color"),
        ("build", "embed key ensure_fresh no_check"),
        ("dockerfile", "stage context build_arg fix config allow warn deny output color"),
        ("freshen", "check quiet manifest_path package bin release profile target target_dir"),
        (
            "record",
            "manifest_path package bin release profile target target_dir features all_features \
             no_default_features cargo_config embed key rebuild output",
        ),
        (
            "verify",
            "record image_record at key dockerfile manifest_path config allow warn deny strict \
             exit_zero baseline format report output color",
        ),
        ("diff", "ignore format output color"),
        (
            "diagnose",
            "exit_code signal silent log manifest_path package bin release profile target target_dir \
             features all_features no_default_features cargo_config binary image rootfs format output \
             color",
        ),
        ("init", "manifest_path package bin release profile target target_dir"),
        ("rules", "format output color"),
        ("explain", "output color"),
        ("completions", "output color"),
        ("man", "output color"),
    ];

    fn is_always(command: &str, option: &str) -> bool {
        let of_command = ALWAYS.iter().filter(|(name, _)| *name == command);
        of_command.flat_map(|(_, options)| options.split(' ')).any(|it| it == option)
    }

    fn conditions(command: &str, option: &str) -> Vec<Effect> {
        let is_meant =
            |it: &&Condition| it.commands.contains(&command) && it.options.contains(&option);
        CONDITIONS.iter().filter(is_meant).map(|it| it.effect).collect()
    }

    /// The option as typed, with a value where it takes one.
    fn typed(command: &Command, option: &str) -> Vec<OsString> {
        let (id, value) = option.split_once('=').unwrap_or((option, ""));
        let found = command.get_arguments().find(|it| it.get_id() == id);
        let found = found.unwrap_or_else(|| panic!("{} has no {id}", command.get_name()));
        let mut words = vec![OsString::from(format!("--{}", found.get_long().unwrap()))];
        let known = || Some(found.get_possible_values().first()?.get_name().to_owned());
        if matches!(found.get_action(), ArgAction::Set | ArgAction::Append) {
            // Any but the default one, where values are listed.
            let last = found.get_possible_values().last().map(|it| it.get_name().to_owned());
            let value = if value.is_empty() { last.or_else(known) } else { Some(value.to_owned()) };
            words.push(value.unwrap_or_else(|| "1".to_owned()).into());
        }
        words
    }

    /// What the table says of a command line with these options.
    fn answer(command: &Command, options: &[&str]) -> Result<(), String> {
        let name = command.get_name().to_owned();
        let mut words = vec![OsString::from(&name)];
        words.extend(options.iter().flat_map(|option| typed(command, option)));
        // What the command cannot do without is no question here.
        let lenient = command.clone().mut_args(|arg| arg.required(false));
        let matches = lenient.try_get_matches_from(&words).map_err(|error| error.to_string())?;
        refuse_ignored(&name, &matches).map_err(|error| error.to_string())
    }

    /// The option with those that it has an effect only beside.
    fn supported<'a>(command: &str, option: &'a str) -> Vec<&'a str> {
        let mut all = Vec::new();
        for condition in conditions(command, option) {
            match condition {
                // The table is the default.
                Effect::With(&["format=table"]) | Effect::Without(..) => {}
                Effect::With(partners) => all.extend(supported(command, partners[0])),
            }
        }
        all.push(option);
        all
    }

    fn options(command: &Command) -> Vec<String> {
        let is_option = |it: &&Arg| it.get_long().is_some();
        let ids = command.get_arguments().filter(is_option).map(|it| it.get_id().to_string());
        ids.filter(|id| id != "help" && id != "version").collect()
    }

    #[test]
    fn every_option_of_every_command_has_an_effect_or_is_refused() {
        let cli = crate::cli::Cli::command();
        for command in cli.get_subcommands().filter(|it| it.get_name() != "help") {
            let name = command.get_name();
            for option in options(command) {
                let conditions = conditions(name, &option);
                let at = format!("{name} --{option}");
                assert!(
                    is_always(name, &option) || !conditions.is_empty(),
                    "say in CONDITIONS or in ALWAYS when `{at}` has an effect"
                );
                for condition in conditions {
                    let (wrong, named) = match condition {
                        Effect::With(&["format=table"]) => {
                            (vec!["format", &option], "format table")
                        }
                        Effect::With(partners) => (vec![option.as_str()], partners[0]),
                        Effect::Without(other, _) => {
                            ([supported(name, other), vec![&option]].concat(), other)
                        }
                    };
                    let refused = answer(command, &wrong).unwrap_err();
                    assert!(refused.contains(&spelled(&option)), "{at}: {refused}");
                    assert!(refused.contains(&spelled(named)), "{at}: {refused}");
                }
                assert_eq!(answer(command, &supported(name, &option)), Ok(()), "{at}");
            }
        }
    }

    #[test]
    fn a_refusal_is_one_sentence() {
        let cli = crate::cli::Cli::command();
        let of = |name: &str, options: &[&str]| {
            answer(cli.find_subcommand(name).unwrap(), options).unwrap_err()
        };
        assert_eq!(
            of("verify", &["release"]),
            "`--release` has an effect only with `--manifest-path`"
        );
        assert_eq!(of("check", &["at"]), "`--at` has an effect only with `--image` or `--rootfs`");
        assert_eq!(
            of("inspect", &["quick", "no_digest"]),
            "`--no-digest` has no effect with `--quick`: it computes no digest"
        );
    }
}
