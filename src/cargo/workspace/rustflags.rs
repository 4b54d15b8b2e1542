//! The flags that cargo hands to rustc for a binary, and what they change in its profile.

use crate::binary::PanicStrategy;
use crate::cargo::target_dir::outputs::stem;
use crate::cargo::workspace::config::ValueSource;
use crate::cargo::workspace::profile::{
    DebugLevel, Lto, Profile, ProfileSetting, SettingOrigin, Strip,
};
use crate::cargo::workspace::resolve_profile::{ProfileSources, origin};
use crate::cargo::workspace::toml_tree::{TomlNode, TomlValue};

/// One flag, as cargo hands it over, and where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustFlag {
    /// As rustc gets it: one word.
    pub word: String,
    /// Where it was given.
    pub origin: SettingOrigin,
}

/// Flags that somebody wrote down and that have no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutEffect {
    /// The flags.
    pub flags: Vec<RustFlag>,
    /// The variable that cargo obeys in their place; `None`: cargo does not look where they stand.
    pub shut_out_by: Option<String>,
}

/// The flags in effect: the first of the variables `CARGO_ENCODED_RUSTFLAGS` and `RUSTFLAGS`, the
/// tables of the target, and `build.rustflags` that says anything. Lists inside one source are
/// joined, the sources never are.
pub fn rustflags(sources: ProfileSources<'_>, cfgs: &[cargo_platform::Cfg]) -> Vec<RustFlag> {
    match variable(sources) {
        Some((_, flags)) => flags,
        None => configured(sources, cfgs),
    }
}

/// The flags that stand where cargo does not read them: in the configuration beside a variable
/// that shuts it out, in a manifest, under `[env]`.
pub fn without_effect(
    sources: ProfileSources<'_>,
    cfgs: &[cargo_platform::Cfg],
) -> Vec<WithoutEffect> {
    let shut_out_by = variable(sources).map(|(name, _)| name.to_owned());
    let shut_out = WithoutEffect {
        flags: shut_out_by.as_ref().map(|_| configured(sources, cfgs)).unwrap_or_default(),
        shut_out_by,
    };
    let misplaced = |node: Option<&TomlNode>, keys: &[&str]| WithoutEffect {
        flags: node.map(|node| flags_of(sources, node, keys)).unwrap_or_default(),
        shut_out_by: None,
    };
    let build = ["build", "rustflags"];
    let of_target = ["target", stem(sources.triple), "rustflags"];
    let env = ["env", "RUSTFLAGS"];
    // `RUSTFLAGS = "…"` or `RUSTFLAGS = { value = "…", force = true }`.
    let in_env = sources.config.files.get(env).map(|node| node.get(["value"]).unwrap_or(node));
    let all = [
        shut_out,
        misplaced(sources.manifest.get(build), &build),
        misplaced(sources.manifest.get(of_target), &of_target),
        misplaced(in_env, &env),
    ];
    all.into_iter().filter(|it| !it.flags.is_empty()).collect()
}

/// The variable that rules over the configuration, even when it is empty, with its flags.
fn variable(sources: ProfileSources<'_>) -> Option<(&'static str, Vec<RustFlag>)> {
    let env = &sources.config.env;
    let flags = |name: &'static str, words: Vec<&str>| {
        let flag = |word: &str| RustFlag {
            word: word.to_owned(),
            origin: SettingOrigin::Env(name.to_owned()),
        };
        (name, words.into_iter().map(flag).collect())
    };
    if let Some(text) = env.get("CARGO_ENCODED_RUSTFLAGS") {
        let words = if text.is_empty() { Vec::new() } else { text.split('\x1f').collect() };
        return Some(flags("CARGO_ENCODED_RUSTFLAGS", words));
    }
    let text = env.get("RUSTFLAGS")?;
    let words = text.split(' ').map(str::trim).filter(|it| !it.is_empty());
    Some(flags("RUSTFLAGS", words.collect()))
}

fn configured(sources: ProfileSources<'_>, cfgs: &[cargo_platform::Cfg]) -> Vec<RustFlag> {
    let under = |keys: &[&str]| -> Vec<RustFlag> {
        let flag = |(word, from): (String, ValueSource)| RustFlag {
            word,
            origin: origin(sources, from, keys),
        };
        sources.config.words(keys).into_iter().map(flag).collect()
    };
    let mut flags = under(&["target", stem(sources.triple), "rustflags"]);
    for name in sources.config.names(&["target"]) {
        if name.starts_with("cfg(") && cargo_platform::CfgExpr::matches_key(&name, cfgs) {
            flags.extend(under(&["target", &name, "rustflags"]));
        }
    }
    match flags.is_empty() {
        true => under(&["build", "rustflags"]),
        false => flags,
    }
}

fn flags_of(sources: ProfileSources<'_>, node: &TomlNode, keys: &[&str]) -> Vec<RustFlag> {
    let from = |node: &TomlNode| origin(sources, ValueSource::File(node.place.clone()), keys);
    let words = match &node.value {
        TomlValue::Array(nodes) => {
            nodes.iter().filter_map(TomlNode::string).map(str::to_owned).collect()
        }
        _ => node.words(),
    };
    words.into_iter().map(|word| RustFlag { word, origin: from(node) }).collect()
}

/// The flags, one an option, spelled in one way: `-C lto` and `--codegen=lto` are `-Clto`.
pub fn options<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    const WITH_A_VALUE: &[&str] = &["-C", "-Z", "-A", "-W", "-D", "-F", "-L", "-l"];
    let mut options = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let alone = WITH_A_VALUE.contains(&word) || (word.starts_with("--") && !word.contains('='));
        let value = words.next_if(|value| alone && !value.starts_with('-'));
        let separator = if word.starts_with("--") { "=" } else { "" };
        let joined = value.map_or(word.to_owned(), |value| format!("{word}{separator}{value}"));
        let joined = match joined.as_str() {
            "-g" => "-Cdebuginfo=2".to_owned(),
            "-O" => "-Copt-level=3".to_owned(),
            _ => joined.replacen("--codegen=", "-C", 1),
        };
        options.push(
            match joined.strip_prefix("-C").map(|it| it.split_once('=').unwrap_or((it, ""))) {
                Some((name, "")) => format!("-C{}", name.replace('_', "-")),
                Some((name, value)) => format!("-C{}={value}", name.replace('_', "-")),
                None => joined,
            },
        );
    }
    options
}

/// One codegen option: `-C panic=abort` is `("panic", "abort")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codegen<'a> {
    /// The option's name with dashes.
    pub name: String,
    /// What follows `=`.
    pub value: Option<&'a str>,
    /// Where it was given.
    pub origin: &'a SettingOrigin,
}

impl Codegen<'_> {
    /// As it would be typed.
    fn flag(&self) -> String {
        match self.value {
            Some(value) => format!("-C {}={value}", self.name),
            None => format!("-C {}", self.name),
        }
    }
}

/// The codegen options among the flags, in order; `-g` and `-O` are two of them.
pub fn codegen(flags: &[RustFlag]) -> Vec<Codegen<'_>> {
    let mut options = Vec::new();
    let mut index = 0;
    while let Some(RustFlag { word, origin }) = flags.get(index) {
        index += 1;
        let option = match word.as_str() {
            "-g" => Some("debuginfo=2"),
            "-O" => Some("opt-level=3"),
            "-C" | "--codegen" => {
                index += 1;
                flags.get(index - 1).map(|flag| flag.word.as_str())
            }
            other => other.strip_prefix("--codegen=").or_else(|| other.strip_prefix("-C")),
        };
        if let Some(option) = option {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (option, None),
            };
            options.push(Codegen { name: name.trim().replace('_', "-"), value, origin });
        }
    }
    options
}

/// What rustc makes of the profile under the flags. Cargo puts the flags after its own, and the
/// last of two equal options wins.
pub fn apply(profile: &Profile, flags: &[RustFlag], triple: &str) -> Profile {
    let mut told = profile.clone();
    if aborts_always(triple) {
        // Cargo says nothing to rustc for `unwind`, and the target's own default is abort.
        told.panic.value = PanicStrategy::Abort;
    }
    // Cargo hands over only what differs from rustc's own defaults, which follow one another:
    // debug assertions follow the optimisation, overflow checks follow the assertions.
    let mut assertions_said = profile.debug_assertions.value != (profile.opt_level.value == "0");
    let mut checks_said = profile.overflow_checks.value != profile.debug_assertions.value;
    for option in codegen(flags) {
        let from = || SettingOrigin::RustFlag {
            flag: option.flag(),
            from: Box::new(option.origin.clone()),
        };
        let value = option.value.unwrap_or_default();
        match option.name.as_str() {
            "panic" => set(&mut told.panic, panic(value), from),
            "strip" => set(&mut told.strip, strip(value), from),
            "debuginfo" => set(&mut told.debug, debug(value), from),
            "lto" => set(&mut told.lto, lto(option.value), from),
            "opt-level" => set(&mut told.opt_level, Some(value.to_owned()), from),
            "rpath" => set(&mut told.rpath, Some(boolean(option.value)), from),
            "split-debuginfo" => {
                set(&mut told.split_debuginfo, Some(Some(value.to_owned())), from);
            }
            "codegen-units" => set(&mut told.codegen_units, value.parse().ok().map(Some), from),
            "debug-assertions" => {
                assertions_said = true;
                set(&mut told.debug_assertions, Some(boolean(option.value)), from);
            }
            "overflow-checks" => {
                checks_said = true;
                set(&mut told.overflow_checks, Some(boolean(option.value)), from);
            }
            "link-arg" | "link-args" => {
                for word in value.split_whitespace() {
                    set(&mut told.strip, linker_strips(word), from);
                }
            }
            _ => {}
        }
    }
    if !assertions_said && (told.opt_level.value == "0") != told.debug_assertions.value {
        let value = told.opt_level.value == "0";
        told.debug_assertions = ProfileSetting { value, origin: told.opt_level.origin.clone() };
    }
    if !checks_said && told.overflow_checks.value != told.debug_assertions.value {
        told.overflow_checks = told.debug_assertions.clone();
    }
    told
}

fn set<T>(setting: &mut ProfileSetting<T>, value: Option<T>, origin: impl Fn() -> SettingOrigin) {
    if let Some(value) = value {
        *setting = ProfileSetting { value, origin: origin() };
    }
}

/// Targets whose panic strategy is abort whatever the profile says.
fn aborts_always(triple: &str) -> bool {
    let system = triple.split('-').skip(1);
    triple.starts_with("wasm")
        || triple.starts_with("nvptx")
        || triple.ends_with("-uefi")
        || system.into_iter().any(|part| part == "none")
}

fn panic(value: &str) -> Option<PanicStrategy> {
    match value {
        "unwind" => Some(PanicStrategy::Unwind),
        "abort" | "immediate-abort" => Some(PanicStrategy::Abort),
        _ => None,
    }
}

fn strip(value: &str) -> Option<Strip> {
    match value {
        "none" => Some(Strip::None),
        "debuginfo" => Some(Strip::DebugInfo),
        "symbols" => Some(Strip::Symbols),
        _ => None,
    }
}

/// What GNU ld's own options for stripping amount to.
fn linker_strips(word: &str) -> Option<Strip> {
    match word.trim_start_matches("-Wl,") {
        "-s" | "--strip-all" => Some(Strip::Symbols),
        "-S" | "--strip-debug" => Some(Strip::DebugInfo),
        _ => None,
    }
}

fn debug(value: &str) -> Option<DebugLevel> {
    match value {
        "0" | "none" => Some(DebugLevel::None),
        "line-directives-only" => Some(DebugLevel::LineDirectivesOnly),
        "line-tables-only" => Some(DebugLevel::LineTablesOnly),
        "1" | "limited" => Some(DebugLevel::Limited),
        "2" | "full" => Some(DebugLevel::Full),
        _ => None,
    }
}

fn lto(value: Option<&str>) -> Option<Lto> {
    match value {
        None | Some("y" | "yes" | "on" | "true" | "fat") => Some(Lto::Fat),
        Some("thin") => Some(Lto::Thin),
        Some("n" | "no" | "off" | "false") => Some(Lto::Off),
        Some(_) => None,
    }
}

fn boolean(value: Option<&str>) -> bool {
    !matches!(value, Some("n" | "no" | "off" | "false"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cargo::workspace::config::CargoConfig;
    use crate::cargo::workspace::toml_tree::{TomlNode, TomlPlace};

    fn words(text: &str) -> Vec<RustFlag> {
        let flag = |word: &str| RustFlag {
            word: word.into(),
            origin: SettingOrigin::Env("RUSTFLAGS".into()),
        };
        text.split_whitespace().map(flag).collect()
    }

    fn told(profile: Profile, flags: &str) -> Profile {
        apply(&profile, &words(flags), "x86_64-unknown-linux-gnu")
    }

    #[test]
    fn flags_are_compared_without_their_spelling() {
        let text = "-C opt_level=1 -Clto --codegen=panic=abort -g --cfg tokio_unstable -D warnings";
        let one = options(text.split(' '));
        let other = options(
            "-Copt-level=1 --codegen lto -C panic=abort -Cdebuginfo=2 --cfg=tokio_unstable -Dwarnings"
                .split(' '),
        );
        assert_eq!(one, other);
        assert_eq!(one.len(), 6);
        assert_eq!(options(["-C"]), ["-C"]);
    }

    #[test]
    fn flags_in_the_wrong_place_have_no_effect() {
        let text = "[build]\nrustflags = [\"-m\"]\n[target.t]\nrustflags = \"-n\"\n";
        let manifest = TomlNode::parse(Path::new("/w/Cargo.toml"), text).unwrap();
        let mut config = CargoConfig::default();
        let text =
            "[env]\nRUSTFLAGS = { value = \"-e\", force = true }\n[build]\nrustflags = [\"-b\"]\n";
        config.files = TomlNode::parse(Path::new("/w/.cargo/config.toml"), text).unwrap();
        let without_effect = |config: &CargoConfig| -> Vec<(String, bool)> {
            let sources =
                ProfileSources { manifest: &manifest, config, triple: "t", cwd: Path::new("/w") };
            let all = super::without_effect(sources, &[]).into_iter();
            all.map(|it| (it.flags[0].word.clone(), it.shut_out_by.is_some())).collect()
        };
        let misplaced = [("-m", false), ("-n", false), ("-e", false)];
        let owned = |list: &[(&str, bool)]| -> Vec<(String, bool)> {
            list.iter().map(|(word, shut)| ((*word).to_owned(), *shut)).collect()
        };
        assert_eq!(without_effect(&config), owned(&misplaced));
        config.env.insert("RUSTFLAGS".into(), String::new());
        assert_eq!(without_effect(&config), owned(&[&[("-b", true)], &misplaced[..]].concat()));
    }

    #[test]
    fn options_are_read_in_every_spelling() {
        let flags =
            words("-C panic=abort -Cstrip=symbols --codegen=lto --codegen opt_level=1 -g --cfg C");
        let options = codegen(&flags);
        let read: Vec<_> = options.iter().map(|it| (it.name.as_str(), it.value)).collect();
        assert_eq!(
            read,
            [
                ("panic", Some("abort")),
                ("strip", Some("symbols")),
                ("lto", None),
                ("opt-level", Some("1")),
                ("debuginfo", Some("2"))
            ]
        );
    }

    #[test]
    fn a_flag_wins_over_the_profile_and_is_named() {
        let profile = told(Profile::release(), "-C panic=unwind -C panic=abort");
        assert_eq!(profile.panic.value, PanicStrategy::Abort);
        assert_eq!(
            profile.panic.origin.to_string(),
            "`-C panic=abort` from the environment's `RUSTFLAGS`"
        );
    }

    #[test]
    fn checks_follow_assertions_and_assertions_follow_the_optimisation() {
        let profile = told(Profile::release(), "-C debug-assertions=on");
        assert!(profile.debug_assertions.value && profile.overflow_checks.value);
        let profile = told(Profile::release(), "-C opt-level=0");
        assert!(profile.debug_assertions.value && profile.overflow_checks.value);
        let profile = told(Profile::dev(), "-C opt-level=3");
        assert!(!profile.debug_assertions.value && !profile.overflow_checks.value);
        let explicit =
            Profile { overflow_checks: ProfileSetting::default(true), ..Profile::release() };
        let profile = told(explicit, "-C debug-assertions=off");
        assert!(!profile.debug_assertions.value && profile.overflow_checks.value);
    }

    #[test]
    fn the_linkers_own_stripping_counts() {
        assert_eq!(told(Profile::dev(), "-C link-arg=-Wl,-s").strip.value, Strip::Symbols);
        assert_eq!(told(Profile::dev(), "-Clink-args=-S").strip.value, Strip::DebugInfo);
    }

    #[test]
    fn bare_metal_aborts() {
        let none = apply(&Profile::release(), &[], "thumbv7em-none-eabihf");
        assert_eq!(none.panic.value, PanicStrategy::Abort);
        assert_eq!(told(Profile::release(), "").panic.value, PanicStrategy::Unwind);
    }

    #[test]
    fn one_source_of_flags_shuts_out_the_next() {
        let manifest = TomlNode::empty(TomlPlace::CommandLine);
        let mut config = CargoConfig::default();
        let text = "[build]\nrustflags = [\"-b\"]\n[target.'cfg(unix)']\nrustflags = [\"-u\"]\n\
                    [target.'cfg(windows)']\nrustflags = [\"-w\"]\n\
                    [target.x86_64-unknown-linux-gnu]\nrustflags = \"-t\"\n";
        config.files = TomlNode::parse(Path::new("/w/.cargo/config.toml"), text).unwrap();
        let flags = |config: &CargoConfig, triple: &str, cfgs: &[&str]| -> Vec<String> {
            let cfgs: Vec<cargo_platform::Cfg> =
                cfgs.iter().map(|it| it.parse().unwrap()).collect();
            let sources =
                ProfileSources { manifest: &manifest, config, triple, cwd: Path::new("/w") };
            rustflags(sources, &cfgs).into_iter().map(|flag| flag.word).collect()
        };
        let linux = "x86_64-unknown-linux-gnu";
        assert_eq!(flags(&config, linux, &["unix"]), ["-t", "-u"]);
        assert_eq!(flags(&config, "other", &[]), ["-b"]);
        config.env.insert("RUSTFLAGS".into(), " -e  -f ".into());
        assert_eq!(flags(&config, linux, &["unix"]), ["-e", "-f"]);
        config.env.insert("CARGO_ENCODED_RUSTFLAGS".into(), String::new());
        assert!(flags(&config, linux, &["unix"]).is_empty());
    }
}
