//! Resolves a profile: the manifest, `inherits`, configuration, environment, package overrides.

use std::collections::BTreeSet;

use crate::binary::PanicStrategy;
use crate::cargo::workspace::config::CargoConfig;
use crate::cargo::workspace::config::{ValueSource, env_name};
use crate::cargo::workspace::package_spec;
use crate::cargo::workspace::package_spec::OverriddenPackage;
use crate::cargo::workspace::profile::{
    DebugLevel, Lto, Profile, ProfileSetting, SettingOrigin, Strip,
};
use crate::cargo::workspace::toml_tree::{TomlNode, TomlPlace, TomlValue};

/// What a profile is resolved from.
#[derive(Debug, Clone, Copy)]
pub struct ProfileSources<'a> {
    /// The manifest at the workspace's root.
    pub manifest: &'a TomlNode,
    /// Cargo's configuration.
    pub config: &'a CargoConfig,
    /// The triple that is built for.
    pub triple: &'a str,
    /// Paths below it are shown relative to it.
    pub cwd: &'a std::path::Path,
}

/// Cargo's stable keys of a profile, and those that change none of the settings that are resolved
/// here (`trim-paths` from 1.101, `hint-mostly-unused`).
const KNOWN_KEYS: &[&str] = &[
    "build-override",
    "codegen-units",
    "debug",
    "debug-assertions",
    "hint-mostly-unused",
    "incremental",
    "inherits",
    "lto",
    "opt-level",
    "overflow-checks",
    "package",
    "panic",
    "rpath",
    "split-debuginfo",
    "strip",
    "trim-paths",
];

/// Keys of nightly's Cargo that may change the settings.
const UNSTABLE_KEYS: &[&str] = &["codegen-backend", "rustflags"];

/// Longer chains of `inherits` than this are loops, which cargo refuses.
const CHAIN: usize = 64;

/// Resolves the profile of one binary. What cargo would refuse is noted and passed over.
pub fn resolve(
    sources: ProfileSources<'_>,
    name: &str,
    unit: &OverriddenPackage,
    dependencies: &[OverriddenPackage],
    notes: &mut Vec<String>,
) -> Profile {
    let chain = chain(sources, name, notes);
    let layers = Layers { sources, chain: &chain, unit };
    let mut profile = match chain.last().map(String::as_str) {
        Some("dev") => Profile::dev(),
        _ => Profile::release(),
    };
    profile.name = name.to_owned();

    let mut note = |problem: String| notes.push(problem);
    layers.set(&mut profile.panic, "panic", panic, &mut note);
    layers.set(&mut profile.debug, "debug", debug, &mut note);
    layers.set(&mut profile.lto, "lto", lto, &mut note);
    layers.set(&mut profile.opt_level, "opt-level", opt_level, &mut note);
    layers.set(&mut profile.debug_assertions, "debug-assertions", boolean, &mut note);
    layers.set(&mut profile.overflow_checks, "overflow-checks", boolean, &mut note);
    layers.set(&mut profile.rpath, "rpath", boolean, &mut note);
    layers.set(&mut profile.codegen_units, "codegen-units", units, &mut note);
    layers.set(&mut profile.incremental, "incremental", boolean, &mut note);
    layers.set(&mut profile.split_debuginfo, "split-debuginfo", optional_text, &mut note);
    incremental_override(sources, &mut profile.incremental);
    profile.unknown_keys = layers.unknown_keys();

    let has_debug = profile.debug.value != DebugLevel::None;
    if has_debug && profile.split_debuginfo.value.is_none() && sources.triple.contains("-apple-") {
        // Cargo's own choice: faster than running dsymutil on every build.
        profile.split_debuginfo.value = Some("unpacked".to_owned());
    }

    let mut asked = ProfileSetting::default(None);
    layers.set(&mut asked, "strip", |value| strip(value).map(Some), &mut note);
    profile.strip = match asked.value {
        Some(value) => ProfileSetting { value, origin: asked.origin },
        // Since 1.77: std comes with debug information that nobody asked for, so cargo removes it
        // unless this package or one it is linked from wants its own.
        None if has_debug || dependencies.iter().any(|unit| wants_debug(sources, &chain, unit)) => {
            ProfileSetting::default(Strip::None)
        }
        // A dependency that is only a name may be another version or run on the host.
        None if dependencies.iter().any(|unit| unit.version.is_none())
            && some_override_sets_debug(sources, name) =>
        {
            let why = "without a dependency graph it is not known whom overrides of `debug` mean";
            ProfileSetting { value: Strip::DebugInfo, origin: SettingOrigin::Assumed(why) }
        }
        None => ProfileSetting::default(Strip::DebugInfo),
    };
    profile
}

/// The settings that an override of any package changes.
pub fn overridden(sources: ProfileSources<'_>, name: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for name in chain(sources, name, &mut Vec::new()) {
        let config = [&sources.config.files, &sources.config.command_line];
        for source in config.into_iter().chain([sources.manifest]) {
            let packages = source.get(["profile", &name, "package"]).and_then(TomlNode::table);
            let tables = packages.into_iter().flat_map(|table| table.values());
            keys.extend(tables.filter_map(TomlNode::table).flat_map(|table| table.keys().cloned()));
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

fn some_override_sets_debug(sources: ProfileSources<'_>, name: &str) -> bool {
    let on_the_host =
        |name: &String| lookup(sources, &["profile", name, "build-override", "debug"]).is_some();
    overridden(sources, name).iter().any(|key| key == "debug")
        || chain(sources, name, &mut Vec::new()).iter().any(on_the_host)
}

/// A profile and its ancestors, itself first.
fn chain(sources: ProfileSources<'_>, name: &str, notes: &mut Vec<String>) -> Vec<String> {
    let mut chain = vec![name.to_owned()];
    while let Some(last) = chain.last() {
        if last == "dev" || last == "release" {
            break;
        }
        let parent = lookup(sources, &["profile", last, "inherits"]);
        let parent = match (parent.and_then(|(value, _)| text(&value)), last.as_str()) {
            (Some(parent), _) => parent,
            (None, "bench") => "release".to_owned(),
            (None, "test" | "doc") => "dev".to_owned(),
            (None, other) => {
                notes.push(format!("profile `{other}` says no `inherits`; taken for release"));
                "release".to_owned()
            }
        };
        if chain.len() == CHAIN || chain.contains(&parent) {
            notes.push(format!("profile `{name}` inherits itself"));
            break;
        }
        chain.push(parent);
    }
    chain
}

/// The layers that may set a key for one package.
struct Layers<'a> {
    sources: ProfileSources<'a>,
    chain: &'a [String],
    unit: &'a OverriddenPackage,
}

impl Layers<'_> {
    /// Sets `setting` to what the highest layer says, if any says something.
    fn set<T>(
        &self,
        setting: &mut ProfileSetting<T>,
        key: &str,
        read: impl Fn(&TomlValue) -> Option<T>,
        note: &mut dyn FnMut(String),
    ) {
        let Some((value, origin)) = self.find(key) else { return };
        match read(&value) {
            Some(value) => *setting = ProfileSetting { value, origin },
            None => note(format!("{origin}: cargo knows no such value")),
        }
    }

    /// The highest layer's word on a key: an override of the package by its specification, then
    /// of all that are no members, then of what runs on the host, then the profile itself; in
    /// each the profile before the one it inherits from.
    fn find(&self, key: &str) -> Option<(TomlValue, SettingOrigin)> {
        let overrides = self.overrides();
        for table in &overrides {
            let found = self.chain.iter().find_map(|name| {
                let mut keys = vec!["profile", name.as_str()];
                keys.extend(table.iter().map(String::as_str));
                keys.push(key);
                lookup_override(self.sources, &keys)
            });
            if found.is_some() {
                return found;
            }
            // An override that says nothing of `strip` resets it to cargo's default.
            if key == "strip" {
                return None;
            }
        }
        self.chain.iter().find_map(|name| lookup(self.sources, &["profile", name, key]))
    }

    /// The keys of the profile, and of what overrides it for this package, that are not known.
    fn unknown_keys(&self) -> Vec<String> {
        let mut tables = self.overrides();
        tables.push(Vec::new());
        let mut unknown = BTreeSet::new();
        for (name, table) in
            self.chain.iter().flat_map(|name| tables.iter().map(move |table| (name, table)))
        {
            let mut keys = vec!["profile", name.as_str()];
            keys.extend(table.iter().map(String::as_str));
            let manifest =
                self.sources.manifest.get(keys.iter().copied()).and_then(TomlNode::table);
            let in_files = manifest.into_iter().flat_map(|table| table.keys().cloned());
            unknown.extend(in_files.chain(self.sources.config.names(&keys)));
            // A variable has no table to be listed in.
            unknown.extend(
                UNSTABLE_KEYS
                    .iter()
                    .filter(|key| {
                        keys.push(key);
                        let is_set = configured(self.sources, &keys).is_some();
                        keys.pop();
                        is_set
                    })
                    .map(|key| (*key).to_owned()),
            );
        }
        unknown.into_iter().filter(|key| !KNOWN_KEYS.contains(&key.as_str())).collect()
    }

    /// The override tables that are there for this package, the strongest first.
    fn overrides(&self) -> Vec<Vec<String>> {
        let mut specs: Vec<String> = Vec::new();
        for name in self.chain {
            let keys = ["profile", name.as_str(), "package"];
            let manifest = self.sources.manifest.get(keys).and_then(TomlNode::table);
            specs.extend(manifest.into_iter().flat_map(|table| table.keys().cloned()));
            specs.extend(self.sources.config.names(&keys));
        }
        let is_for = |spec: &&String| *spec != "*" && package_spec::matches(spec, self.unit);
        let mut tables: Vec<Vec<String>> = Vec::new();
        if let Some(spec) = specs.iter().find(is_for) {
            tables.push(vec!["package".to_owned(), spec.clone()]);
        }
        if !self.unit.member && specs.iter().any(|spec| spec == "*") {
            tables.push(vec!["package".to_owned(), "*".to_owned()]);
        }
        if self.unit.host {
            tables.push(vec!["build-override".to_owned()]);
        }
        tables
    }
}

/// Whether a dependency is compiled with debug information of its own.
fn wants_debug(sources: ProfileSources<'_>, chain: &[String], unit: &OverriddenPackage) -> bool {
    let layers = Layers { sources, chain, unit };
    let found = layers.find("debug").and_then(|(value, _)| debug(&value));
    let default = match chain.last().map(String::as_str) {
        Some("dev") => DebugLevel::Full,
        _ => DebugLevel::None,
    };
    // What runs on the host gets debug information only where an override asks for it.
    let asked = match (unit.host, found) {
        (true, _) => overridden_debug(&layers).unwrap_or(DebugLevel::None),
        (false, found) => found.unwrap_or(default),
    };
    asked != DebugLevel::None
}

fn overridden_debug(layers: &Layers<'_>) -> Option<DebugLevel> {
    layers.overrides().iter().find_map(|table| {
        layers.chain.iter().find_map(|name| {
            let mut keys = vec!["profile", name.as_str()];
            keys.extend(table.iter().map(String::as_str));
            keys.push("debug");
            debug(&lookup_override(layers.sources, &keys)?.0)
        })
    })
}

/// `CARGO_INCREMENTAL` and `build.incremental` rule over every profile.
fn incremental_override(sources: ProfileSources<'_>, incremental: &mut ProfileSetting<bool>) {
    if let Some(text) = sources.config.env.get("CARGO_INCREMENTAL") {
        let origin = SettingOrigin::Env("CARGO_INCREMENTAL".to_owned());
        *incremental = ProfileSetting { value: text == "1", origin };
    } else if let Some((TomlValue::Boolean(value), origin)) =
        configured(sources, &["build", "incremental"])
    {
        *incremental = ProfileSetting { value, origin };
    }
}

/// A key in the configuration, else in the manifest.
fn lookup(sources: ProfileSources<'_>, keys: &[&str]) -> Option<(TomlValue, SettingOrigin)> {
    configured(sources, keys).or_else(|| {
        let node = sources.manifest.get(keys.iter().copied())?;
        Some((node.value.clone(), origin(sources, ValueSource::File(node.place.clone()), keys)))
    })
}

/// As `lookup`, for a key inside an override. Cargo looks for the variable of an override by
/// package only where a configuration file or argument has that override too, and then with the
/// package's name in its own letters: `CARGO_PROFILE_RELEASE_PACKAGE_serde_DEBUG`.
fn lookup_override(
    sources: ProfileSources<'_>,
    keys: &[&str],
) -> Option<(TomlValue, SettingOrigin)> {
    let ["profile", name, "package", spec, key] = keys else { return lookup(sources, keys) };
    let table = ["profile", name, "package"];
    if sources.config.names(&table).iter().any(|known| known == spec) {
        let variable = format!("{}_{spec}{}", env_name(&table), &env_name(&[key])["CARGO".len()..]);
        if let Some(setting) = sources.config.get_from(keys, &variable) {
            return Some((setting.value, origin(sources, setting.from, keys)));
        }
    }
    let node = sources.manifest.get(keys.iter().copied())?;
    Some((node.value.clone(), origin(sources, ValueSource::File(node.place.clone()), keys)))
}

fn configured(sources: ProfileSources<'_>, keys: &[&str]) -> Option<(TomlValue, SettingOrigin)> {
    let setting = sources.config.get(keys)?;
    Some((setting.value, origin(sources, setting.from, keys)))
}

pub(super) fn origin(
    sources: ProfileSources<'_>,
    from: ValueSource,
    keys: &[&str],
) -> SettingOrigin {
    let key = keys
        .iter()
        .map(|key| match key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            true => (*key).to_owned(),
            false => format!("\"{key}\""),
        })
        .collect::<Vec<_>>()
        .join(".");
    match from {
        ValueSource::Env(name) => SettingOrigin::Env(name),
        ValueSource::File(TomlPlace::CommandLine) => SettingOrigin::Argument(key),
        ValueSource::File(TomlPlace::File { path, line }) => {
            let path = std::path::Path::new(&*path);
            let path = path.strip_prefix(sources.cwd).unwrap_or(path);
            SettingOrigin::File { path: path.display().to_string(), line, key }
        }
    }
}

fn text(value: &TomlValue) -> Option<String> {
    match value {
        TomlValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn optional_text(value: &TomlValue) -> Option<Option<String>> {
    text(value).map(Some)
}

fn boolean(value: &TomlValue) -> Option<bool> {
    match value {
        TomlValue::Boolean(value) => Some(*value),
        _ => None,
    }
}

fn units(value: &TomlValue) -> Option<Option<u64>> {
    match value {
        TomlValue::Integer(count) => u64::try_from(*count).ok().map(Some),
        _ => None,
    }
}

fn panic(value: &TomlValue) -> Option<PanicStrategy> {
    match text(value)?.as_str() {
        "unwind" => Some(PanicStrategy::Unwind),
        "abort" => Some(PanicStrategy::Abort),
        "immediate-abort" => Some(PanicStrategy::ImmediateAbort),
        _ => None,
    }
}

fn lto(value: &TomlValue) -> Option<Lto> {
    match value {
        TomlValue::Boolean(true) => Some(Lto::Fat),
        TomlValue::Boolean(false) => Some(Lto::Local),
        TomlValue::String(text) => match text.as_str() {
            "off" | "n" | "no" => Some(Lto::Off),
            "thin" => Some(Lto::Thin),
            "fat" => Some(Lto::Fat),
            _ => None,
        },
        _ => None,
    }
}

fn opt_level(value: &TomlValue) -> Option<String> {
    match value {
        TomlValue::Integer(level) => Some(level.to_string()),
        TomlValue::String(level) => Some(level.clone()),
        _ => None,
    }
}

fn debug(value: &TomlValue) -> Option<DebugLevel> {
    match value {
        TomlValue::Boolean(false) | TomlValue::Integer(0) => Some(DebugLevel::None),
        TomlValue::Integer(1) => Some(DebugLevel::Limited),
        TomlValue::Boolean(true) | TomlValue::Integer(2) => Some(DebugLevel::Full),
        TomlValue::String(text) => match text.as_str() {
            "none" => Some(DebugLevel::None),
            "line-directives-only" => Some(DebugLevel::LineDirectivesOnly),
            "line-tables-only" => Some(DebugLevel::LineTablesOnly),
            "limited" => Some(DebugLevel::Limited),
            "full" => Some(DebugLevel::Full),
            _ => None,
        },
        _ => None,
    }
}

fn strip(value: &TomlValue) -> Option<Strip> {
    match value {
        TomlValue::Boolean(true) => Some(Strip::Symbols),
        TomlValue::Boolean(false) => Some(Strip::None),
        TomlValue::String(text) => match text.as_str() {
            "none" => Some(Strip::None),
            "debuginfo" => Some(Strip::DebugInfo),
            "symbols" => Some(Strip::Symbols),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn unit(name: &str) -> OverriddenPackage {
        OverriddenPackage {
            name: name.into(),
            version: Some("1.2.3".into()),
            id: None,
            member: true,
            host: false,
        }
    }

    fn resolve_with(manifest: &str, config: &CargoConfig, name: &str) -> (Profile, Vec<String>) {
        let manifest = TomlNode::parse(Path::new("/w/Cargo.toml"), manifest).unwrap();
        let sources = ProfileSources {
            manifest: &manifest,
            config,
            triple: "x86_64-unknown-linux-gnu",
            cwd: Path::new("/w"),
        };
        let mut notes = Vec::new();
        let profile = resolve(sources, name, &unit("app"), &[], &mut notes);
        (profile, notes)
    }

    fn resolved(manifest: &str, name: &str) -> Profile {
        let (profile, notes) = resolve_with(manifest, &CargoConfig::default(), name);
        assert!(notes.is_empty(), "{notes:?}");
        profile
    }

    #[test]
    fn nothing_said_is_cargos_default() {
        assert_eq!(resolved("", "release"), Profile::release());
        assert_eq!(resolved("", "dev"), Profile::dev());
        assert_eq!(resolved("", "bench"), Profile { name: "bench".into(), ..Profile::release() });
    }

    #[test]
    fn a_value_names_the_line_that_decides_it() {
        let profile = resolved("[profile.release]\npanic = \"abort\"\nlto = true\n", "release");
        assert_eq!(profile.panic.value, PanicStrategy::Abort);
        assert_eq!(profile.panic.origin.to_string(), "`profile.release.panic` in Cargo.toml:2");
        assert_eq!(profile.lto.value, Lto::Fat);
        assert_eq!(profile.opt_level.origin, SettingOrigin::Default);
    }

    #[test]
    fn a_profile_inherits_and_a_loop_ends() {
        let manifest = "[profile.release]\npanic = \"abort\"\n[profile.dist]\ninherits = \"release\"\n\
                        lto = \"thin\"\n[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"\n";
        let profile = resolved(manifest, "dist");
        assert_eq!((profile.panic.value, profile.lto.value), (PanicStrategy::Abort, Lto::Thin));
        let (_, notes) = resolve_with(manifest, &CargoConfig::default(), "a");
        assert_eq!(notes, ["profile `a` inherits itself"]);
    }

    #[test]
    fn the_environment_rules_over_the_manifest() {
        let mut config = CargoConfig::default();
        config.env.insert("CARGO_PROFILE_RELEASE_PANIC".into(), "abort".into());
        let (profile, _) =
            resolve_with("[profile.release]\npanic = \"unwind\"\n", &config, "release");
        assert_eq!(profile.panic.value, PanicStrategy::Abort);
        assert_eq!(profile.panic.origin, SettingOrigin::Env("CARGO_PROFILE_RELEASE_PANIC".into()));
    }

    #[test]
    fn an_override_is_for_its_package_and_a_star_for_no_member() {
        let manifest = "[profile.release.package.\"*\"]\nopt-level = 1\n\
                        [profile.release.package.app]\nopt-level = \"z\"\n\
                        [profile.release.package.other]\nopt-level = 2\n";
        assert_eq!(resolved(manifest, "release").opt_level.value, "z");
        let node = TomlNode::parse(Path::new("/w/Cargo.toml"), manifest).unwrap();
        let config = CargoConfig::default();
        let sources =
            ProfileSources { manifest: &node, config: &config, triple: "", cwd: Path::new("/w") };
        assert_eq!(overridden(sources, "release"), ["opt-level"]);
        assert!(overridden(sources, "dev").is_empty());
    }

    #[test]
    fn keys_that_are_not_known_are_named() {
        let known = "[profile.release]\npanic = \"abort\"\ntrim-paths = \"all\"\n\
                     [profile.release.package.other]\nlater = 1\n";
        assert!(resolved(known, "release").unknown_keys.is_empty());
        let unknown = "[profile.release]\nrustflags = [\"-Cpanic=abort\"]\n\
                       [profile.dist]\ninherits = \"release\"\nlater = 1\n";
        assert_eq!(resolved(unknown, "dist").unknown_keys, ["later", "rustflags"]);
        assert!(resolved(unknown, "dev").unknown_keys.is_empty());
    }

    #[test]
    fn what_cargo_would_refuse_is_noted() {
        let (profile, notes) = resolve_with(
            "[profile.release]\nlto = \"maybe\"\n",
            &CargoConfig::default(),
            "release",
        );
        assert_eq!(profile.lto.value, Lto::Local);
        assert_eq!(notes, ["`profile.release.lto` in Cargo.toml:2: cargo knows no such value"]);
    }
}
