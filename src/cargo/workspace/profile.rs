//! The profile that cargo resolves for a binary, and where each of its values is decided.
//!
//! Equal to what `cargo build --unit-graph` says; `tests/it/cargo/unit_graph.rs` holds it to that. The
//! order of precedence is the one of the reference's chapters *Profiles* and *Configuration*.

use std::fmt;

use crate::binary::PanicStrategy;

/// The settings that decide what a compiled program looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// `dev`, `release`, `test`, `bench`, or its own name.
    pub name: String,
    /// `panic`.
    pub panic: ProfileSetting<PanicStrategy>,
    /// `strip`, with cargo's own stripping of std's debug information already applied.
    pub strip: ProfileSetting<Strip>,
    /// `debug`.
    pub debug: ProfileSetting<DebugLevel>,
    /// `split-debuginfo`: `off`, `packed`, `unpacked`; `None` is the target's own default.
    pub split_debuginfo: ProfileSetting<Option<String>>,
    /// `lto`.
    pub lto: ProfileSetting<Lto>,
    /// `opt-level`: `0` to `3`, `s`, `z`.
    pub opt_level: ProfileSetting<String>,
    /// `debug-assertions`.
    pub debug_assertions: ProfileSetting<bool>,
    /// `overflow-checks`.
    pub overflow_checks: ProfileSetting<bool>,
    /// `rpath`.
    pub rpath: ProfileSetting<bool>,
    /// `codegen-units`; `None` is rustc's own choice.
    pub codegen_units: ProfileSetting<Option<u64>>,
    /// `incremental`.
    pub incremental: ProfileSetting<bool>,
    /// Keys of the profile that are not known: any of them may change any of the settings.
    pub unknown_keys: Vec<String>,
}

/// A value and what decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSetting<T> {
    /// The value.
    pub value: T,
    /// What decides it.
    pub origin: SettingOrigin,
}

impl<T> ProfileSetting<T> {
    /// A value that nobody asked for.
    pub fn default(value: T) -> ProfileSetting<T> {
        ProfileSetting { value, origin: SettingOrigin::Default }
    }
}

/// What decides a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// Cargo's or rustc's own default.
    Default,
    /// Nothing that could be read: the value is cargo's default for the likelier case, and why it
    /// may be another.
    Assumed(&'static str),
    /// A manifest or a configuration file.
    File {
        /// As the user would type it.
        path: String,
        /// Line from 1.
        line: u32,
        /// `profile.release.panic`.
        key: String,
    },
    /// An environment variable, by name.
    Env(String),
    /// `--config`, by key.
    Argument(String),
    /// A flag for rustc, and what hands it over.
    RustFlag {
        /// `-C panic=abort`.
        flag: String,
        /// Where the flag stands.
        from: Box<SettingOrigin>,
    },
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingOrigin::Default => f.write_str("the default"),
            SettingOrigin::Assumed(why) => write!(f, "an assumption ({why})"),
            SettingOrigin::File { path, line, key } => write!(f, "`{key}` in {path}:{line}"),
            SettingOrigin::Env(name) => write!(f, "the environment's `{name}`"),
            SettingOrigin::Argument(key) => write!(f, "`--config {key}`"),
            SettingOrigin::RustFlag { flag, from } => write!(f, "`{flag}` from {from}"),
        }
    }
}

/// `strip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strip {
    /// Nothing is removed.
    None,
    /// Debug information is removed, names stay.
    DebugInfo,
    /// Names are removed too.
    Symbols,
}

impl Strip {
    /// The value in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Strip::None => "none",
            Strip::DebugInfo => "debuginfo",
            Strip::Symbols => "symbols",
        }
    }
}

/// `debug`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are cargo's own")]
pub enum DebugLevel {
    None,
    LineDirectivesOnly,
    LineTablesOnly,
    Limited,
    Full,
}

impl DebugLevel {
    /// The value in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            DebugLevel::None => "none",
            DebugLevel::LineDirectivesOnly => "line-directives-only",
            DebugLevel::LineTablesOnly => "line-tables-only",
            DebugLevel::Limited => "limited",
            DebugLevel::Full => "full",
        }
    }
}

/// `lto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lto {
    /// `off`: none at all.
    Off,
    /// `false`: thin, within the crate's own codegen units.
    Local,
    /// `thin`.
    Thin,
    /// `true` or `fat`.
    Fat,
}

impl Lto {
    /// The value in a manifest, without quotes for `false`.
    pub const fn name(self) -> &'static str {
        match self {
            Lto::Off => "off",
            Lto::Local => "false",
            Lto::Thin => "thin",
            Lto::Fat => "fat",
        }
    }
}

impl Profile {
    /// Cargo's own `dev`.
    pub fn dev() -> Profile {
        Profile {
            name: "dev".to_owned(),
            opt_level: ProfileSetting::default("0".to_owned()),
            debug: ProfileSetting::default(DebugLevel::Full),
            strip: ProfileSetting::default(Strip::None),
            debug_assertions: ProfileSetting::default(true),
            overflow_checks: ProfileSetting::default(true),
            incremental: ProfileSetting::default(true),
            ..Profile::release()
        }
    }

    /// Cargo's own `release`: it strips std's debug information.
    pub fn release() -> Profile {
        Profile {
            name: "release".to_owned(),
            panic: ProfileSetting::default(PanicStrategy::Unwind),
            strip: ProfileSetting::default(Strip::DebugInfo),
            debug: ProfileSetting::default(DebugLevel::None),
            split_debuginfo: ProfileSetting::default(None),
            lto: ProfileSetting::default(Lto::Local),
            opt_level: ProfileSetting::default("3".to_owned()),
            debug_assertions: ProfileSetting::default(false),
            overflow_checks: ProfileSetting::default(false),
            rpath: ProfileSetting::default(false),
            codegen_units: ProfileSetting::default(None),
            incremental: ProfileSetting::default(false),
            unknown_keys: Vec::new(),
        }
    }

    /// Whether nothing sets this profile apart from a plain `cargo build`: assertions on and no
    /// optimisation.
    pub fn is_for_development(&self) -> bool {
        self.opt_level.value == "0" && self.debug_assertions.value
    }
}

impl Default for Profile {
    fn default() -> Profile {
        Profile::release()
    }
}
