//! The resolved profile against cargo's own: `cargo build --unit-graph` over generated workspaces.
//!
//! Every workspace is written, asked of cargo, and asked of us; each of the eleven settings must
//! be equal. `RUSTC_BOOTSTRAP=1` makes stable cargo answer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::cargo::{environment, write};
use crate::support::run;
use crate::support::slow::{self, Need};
use binlint::internals::cargo::build::Build;
use binlint::internals::cargo::target_dir::outputs::{BuiltBinary, Outputs};
use binlint::internals::cargo::workspace;
use binlint::internals::cargo::workspace::Query;
use binlint::internals::cargo::workspace::profile::{DebugLevel, Lto, Profile, SettingOrigin};
use serde_json::{Value, json};

/// One generated workspace and the command that would build it.
#[derive(Debug, Default, Clone)]
struct Case {
    /// Lines of the root manifest, of the configuration in the workspace, above it, and in
    /// cargo's home.
    manifest: String,
    config: String,
    parent_config: String,
    home_config: String,
    /// Variables beside those that every cargo needs.
    env: Vec<(String, String)>,
    /// `--config`.
    arguments: Vec<String>,
    profile: &'static str,
    target: Option<&'static str>,
    /// The package that is built is a member below the root, which is virtual.
    is_virtual: bool,
    /// Ask us after the lockfile is gone: no dependency graph.
    without_lock: bool,
}

struct Workspace {
    directory: tempfile::TempDir,
    query: Query,
}

const TRIPLES: [&str; 2] = ["aarch64-apple-darwin", "x86_64-pc-windows-msvc"];

impl Case {
    fn release(manifest: &str) -> Case {
        Case { manifest: manifest.to_owned(), profile: "release", ..Case::default() }
    }

    /// Writes the workspace: `app` (bin and lib) with a member `helper`, a path dependency `ext`
    /// outside the workspace, and a procedural macro `mac`, outside too.
    fn write(&self) -> Workspace {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path();
        let root = top.join("work");
        let app = if self.is_virtual { root.join("app") } else { root.clone() };
        let up = if self.is_virtual { "../.." } else { ".." };
        let dependencies = format!(
            "[dependencies]\nhelper = {{ path = \"{}\" }}\next = {{ path = \"{up}/ext\" }}\n\
             mac = {{ path = \"{up}/mac\" }}\n",
            if self.is_virtual { "../helper" } else { "helper" }
        );
        let package = |name: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"0.3.1\"\nedition = \"2021\"\n")
        };
        if self.is_virtual {
            write(
                &root.join("Cargo.toml"),
                &format!(
                    "[workspace]\nmembers = [\"app\", \"helper\"]\nresolver = \"2\"\n{}",
                    self.manifest
                ),
            );
            write(&app.join("Cargo.toml"), &format!("{}{dependencies}", package("app")));
        } else {
            let text = format!(
                "{}{dependencies}[workspace]\nmembers = [\"helper\"]\n{}",
                package("app"),
                self.manifest
            );
            write(&root.join("Cargo.toml"), &text);
        }
        write(&app.join("src/main.rs"), "fn main() {}\n");
        write(&app.join("src/lib.rs"), "");
        write(&app.join("build.rs"), "fn main() {}\n");
        write(&root.join("helper/Cargo.toml"), &package("helper"));
        write(&root.join("helper/src/lib.rs"), "");
        write(&top.join("ext/Cargo.toml"), &package("ext"));
        write(&top.join("ext/src/lib.rs"), "");
        write(
            &top.join("mac/Cargo.toml"),
            &format!("{}[lib]\nproc-macro = true\n", package("mac")),
        );
        write(&top.join("mac/src/lib.rs"), "");
        for (path, text) in [
            (root.join(".cargo/config.toml"), &self.config),
            (top.join(".cargo/config.toml"), &self.parent_config),
            (top.join("home/config.toml"), &self.home_config),
        ] {
            if !text.is_empty() {
                write(&path, text);
            }
        }

        let mut env = environment(&top.join("home"));
        env.extend(self.env.iter().cloned());
        let query = Query {
            cwd: root,
            env,
            packages: vec!["app".into()],
            profile: Some(self.profile.into()),
            targets: self.target.iter().map(|it| (*it).to_owned()).collect(),
            config: self.arguments.clone(),
            ..Query::default()
        };
        Workspace { directory, query }
    }
}

impl Workspace {
    /// What cargo says of the binary's unit, or its refusal.
    fn by_cargo(&self) -> Result<Value, String> {
        let query = &self.query;
        let mut command = run::command(query.cargo());
        command
            .current_dir(&query.cwd)
            .env_clear()
            .envs(&query.env)
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["build", "--unit-graph", "-Zunstable-options", "--offline", "--bin", "app"])
            .args(["-p", "app", "--profile", query.profile.as_ref().unwrap()]);
        for target in &query.targets {
            command.args(["--target", target]);
        }
        for argument in &query.config {
            command.args(["--config", argument]);
        }
        let output = command.output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let graph: Value = serde_json::from_slice(&output.stdout).unwrap();
        let root = graph["roots"][0].as_u64().unwrap() as usize;
        let unit = &graph["units"][root];
        assert_eq!(unit["target"]["kind"], json!(["bin"]), "{unit}");
        Ok(unit["profile"].clone())
    }

    fn by_us(&self) -> Build {
        let workspace = workspace::workspace(&self.query).unwrap();
        let package = workspace.selected(&self.query).unwrap()[0].id.clone();
        let output = BuiltBinary {
            package,
            bin: "app".into(),
            path: PathBuf::from("app"),
            modified: std::time::SystemTime::UNIX_EPOCH,
        };
        let outputs = Outputs {
            profile: self.query.profile.clone().unwrap(),
            target: self.query.targets.first().cloned(),
            directory: PathBuf::new(),
            why: String::new(),
            built: vec![output.clone()],
            missing: Vec::new(),
        };
        Build::new(&workspace, &outputs, &output)
    }
}

/// Our profile in the words of the unit graph.
fn in_cargos_words(profile: &Profile) -> Value {
    json!({
        "name": profile.name,
        "opt_level": profile.opt_level.value,
        "lto": match profile.lto.value {
            Lto::Off => "off",
            Lto::Local => "false",
            Lto::Thin => "thin",
            Lto::Fat => "fat",
        },
        "codegen_units": profile.codegen_units.value,
        "debuginfo": match profile.debug.value {
            DebugLevel::None => json!(0),
            DebugLevel::Limited => json!(1),
            DebugLevel::Full => json!(2),
            level => json!(level.name()),
        },
        "split_debuginfo": profile.split_debuginfo.value,
        "debug_assertions": profile.debug_assertions.value,
        "overflow_checks": profile.overflow_checks.value,
        "rpath": profile.rpath.value,
        "incremental": profile.incremental.value,
        "panic": profile.panic.value.name(),
        "strip": profile.strip.value.name(),
    })
}

/// Cargo's words for one thing are several; these are made one.
fn plain(mut unit: Value) -> Value {
    let profile = unit.as_object_mut().unwrap();
    profile.remove("codegen_backend");
    if profile["lto"] == "true" {
        profile["lto"] = "fat".into();
    }
    let strip = profile["strip"].get("resolved").or(profile["strip"].get("deferred")).unwrap();
    profile["strip"] = match strip.get("Named") {
        Some(name) => name.clone(),
        None => "none".into(),
    };
    unit
}

/// Asks both of every case and lists the differences. Returns how many cargo accepted.
fn compare(cases: &[Case]) -> usize {
    let mut differences = Vec::new();
    let mut accepted = 0;
    for case in cases {
        let workspace = case.write();
        let mut cargos = match workspace.by_cargo() {
            Ok(unit) => plain(unit),
            Err(_) => continue,
        };
        accepted += 1;
        if case.without_lock {
            std::fs::remove_file(workspace.query.cwd.join("Cargo.lock")).unwrap();
        }
        let build = workspace.by_us();
        let ours = in_cargos_words(&build.profile);
        if case.without_lock && matches!(build.profile.strip.origin, SettingOrigin::Assumed(_)) {
            // We say that this cannot be known without the graph; cargo has one.
            cargos["strip"] = ours["strip"].clone();
        }
        if cargos != ours {
            let keys = cargos.as_object().unwrap().iter();
            let wrong: Vec<String> = keys
                .filter(|(key, value)| ours[*key] != **value)
                .map(|(key, value)| format!("{key}: cargo {value}, we {}", ours[key]))
                .collect();
            differences.push(format!("{}\n{case:#?}", wrong.join("; ")));
        }
        drop(workspace.directory);
    }
    assert!(
        differences.is_empty(),
        "{} of {accepted} differ:\n{}",
        differences.len(),
        differences.join("\n\n")
    );
    accepted
}

/// All of them, or every third where there is no time.
fn chosen(cases: Vec<Case>) -> Vec<Case> {
    let step = if slow::is_left_out(Need::Time) { 3 } else { 1 };
    cases.into_iter().step_by(step).collect()
}

#[test]
fn every_setting_in_every_spelling() {
    let mut cases = Vec::new();
    for (key, values) in SETTINGS {
        for value in *values {
            cases.push(Case::release(&format!("[profile.release]\n{key} = {value}\n")));
        }
    }
    let cases = chosen(cases);
    assert_eq!(compare(&cases), cases.len());
}

#[test]
fn every_setting_from_the_environment() {
    let mut cases = Vec::new();
    for (key, values) in SETTINGS {
        let name = format!("CARGO_PROFILE_DEV_{}", key.to_uppercase().replace('-', "_"));
        // One value of each kind is enough here: the spellings are the same.
        for value in values.iter().take(2) {
            let mut case = Case { profile: "dev", ..Case::default() };
            case.env.push((name.clone(), value.trim_matches('"').to_owned()));
            cases.push(case);
        }
    }
    let cases = chosen(cases);
    assert_eq!(compare(&cases), cases.len());
}

#[test]
fn every_layer_in_its_rank() {
    let release = |text: &str| format!("[profile.release]\n{text}\n");
    let mut cases = Vec::new();
    for rank in 0..6 {
        // From the weakest layer to the strongest, each adds one more.
        let mut case = Case::release(&release("opt-level = 0\nlto = \"off\"\nstrip = true"));
        if rank > 0 {
            case.home_config = release("opt-level = 1\ndebug = 1");
        }
        if rank > 1 {
            case.parent_config = release("opt-level = 2\nlto = \"thin\"");
        }
        if rank > 2 {
            case.config = release("opt-level = 3\npanic = \"abort\"");
        }
        if rank > 3 {
            case.env.push(("CARGO_PROFILE_RELEASE_OPT_LEVEL".into(), "s".into()));
        }
        if rank > 4 {
            case.arguments.push("profile.release.opt-level = \"z\"".into());
        }
        cases.push(case);
    }
    let cases = chosen(cases);
    assert_eq!(compare(&cases), cases.len());
}

#[test]
fn inherited_profiles_and_cargos_own_names() {
    let manifest = "[profile.dev]\npanic = \"abort\"\ndebug = \"limited\"\n\
        [profile.release]\nlto = \"thin\"\n[profile.bench]\nopt-level = 2\n[profile.test]\nopt-level = 1\n\
        [profile.dist]\ninherits = \"release\"\nstrip = \"symbols\"\ncodegen-units = 1\n\
        [profile.dist-debug]\ninherits = \"dist\"\nstrip = \"none\"\ndebug = true\n\
        [profile.on-bench]\ninherits = \"bench\"\noverflow-checks = true\n";
    let mut cases = Vec::new();
    for profile in ["dev", "release", "test", "bench", "dist", "dist-debug", "on-bench"] {
        for is_virtual in [false, true] {
            let manifest = manifest.to_owned();
            cases.push(Case { manifest, profile, is_virtual, ..Case::default() });
        }
    }
    // Profiles that only the configuration or only the environment knows.
    let config = "[profile.ci]\ninherits = \"release\"\npanic = \"abort\"\n".to_owned();
    cases.push(Case { config, profile: "ci", ..Case::default() });
    let env = vec![
        ("CARGO_PROFILE_CI_INHERITS".to_owned(), "dev".to_owned()),
        ("CARGO_PROFILE_CI_DEBUG".to_owned(), "line-tables-only".to_owned()),
    ];
    cases.push(Case { env, profile: "ci", ..Case::default() });
    // The configuration changes from whom the manifest's profile inherits.
    let config = "[profile.dist]\ninherits = \"dev\"\n".to_owned();
    cases.push(Case { manifest: manifest.to_owned(), config, profile: "dist", ..Case::default() });
    let cases = chosen(cases);
    assert_eq!(compare(&cases), cases.len());
}

#[test]
fn overrides_of_packages() {
    let mut cases: Vec<Case> = [
        "[profile.release.package.app]\nopt-level = 1\n",
        "[profile.release]\nstrip = true\n[profile.release.package.app]\nopt-level = 1\n",
        "[profile.release]\nstrip = true\n[profile.release.package.app]\nstrip = \"none\"\n",
        "[profile.release.package.\"app@0.3\"]\ndebug = 1\n",
        "[profile.release.package.\"app@0.4\"]\ndebug = 1\n",
        "[profile.release.package.\"app:0.3.1\"]\ndebug-assertions = true\n",
        "[profile.release.package.\"*\"]\nopt-level = 1\n",
        // Debug information of what is linked keeps cargo from stripping.
        "[profile.release.package.\"*\"]\ndebug = true\n",
        "[profile.release.package.ext]\ndebug = 1\n",
        "[profile.release.package.helper]\ndebug = 1\n",
        "[profile.release.package.mac]\ndebug = 1\n",
        "[profile.release.build-override]\nopt-level = 3\n",
        "[profile.release]\ndebug = 1\n[profile.release.package.app]\ndebug = 0\n",
        "[profile.release]\ndebug = 1\n[profile.release.package.\"*\"]\ndebug = 0\n",
        "[profile.release]\ndebug = 1\n[profile.release.package.app]\ndebug = 0\n\
         [profile.release.package.helper]\ndebug = 0\n[profile.release.package.\"*\"]\ndebug = 0\n",
    ]
    .into_iter()
    .map(Case::release)
    .collect();
    // In the profile that is inherited, and in both.
    let dist = "[profile.release.package.app]\nopt-level = 1\ndebug = 1\n\
                [profile.dist]\ninherits = \"release\"\n[profile.dist.package.app]\nopt-level = 2\n";
    cases.push(Case { manifest: dist.into(), profile: "dist", ..Case::default() });
    // The configuration's override is merged into the manifest's, and the environment reaches
    // only into what a configuration file names.
    let manifest = "[profile.release.package.app]\nopt-level = 1\n";
    for config in ["", "[profile.release.package.app]\ndebug = 1\n"] {
        for name in ["app", "APP"] {
            let variable = format!("CARGO_PROFILE_RELEASE_PACKAGE_{name}_OPT_LEVEL");
            let env = vec![(variable, "s".to_owned())];
            cases.push(Case { config: config.into(), env, ..Case::release(manifest) });
        }
        cases.push(Case { config: config.into(), ..Case::release(manifest) });
    }
    let debug = "[profile.release.build-override]\ndebug = true\n";
    cases.push(Case::release(debug));
    let env = ("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_DEBUG".to_owned(), "true".to_owned());
    cases.push(Case { env: vec![env], ..Case::release("") });
    for case in cases.clone() {
        cases.push(Case { without_lock: true, is_virtual: true, ..case });
    }
    let cases = chosen(cases);
    assert_eq!(compare(&cases), cases.len());
}

#[test]
fn other_targets_and_incremental() {
    let mut cases = Vec::new();
    for target in TRIPLES {
        for profile in ["dev", "release"] {
            cases.push(Case { profile, target: Some(target), ..Case::default() });
        }
        let manifest = "[profile.release]\ndebug = 1\nsplit-debuginfo = \"packed\"\n";
        cases.push(Case { target: Some(target), ..Case::release(manifest) });
    }
    for (name, value) in [
        ("CARGO_INCREMENTAL", "1"),
        ("CARGO_INCREMENTAL", "0"),
        ("CARGO_INCREMENTAL", "true"),
        ("CARGO_BUILD_INCREMENTAL", "true"),
        ("CARGO_PROFILE_RELEASE_INCREMENTAL", "true"),
    ] {
        for profile in ["dev", "release"] {
            let env = vec![(name.to_owned(), value.to_owned())];
            let config = "[build]\nincremental = false\n".to_owned();
            cases.push(Case { profile, env: env.clone(), ..Case::default() });
            cases.push(Case { profile, env, config, ..Case::default() });
        }
    }
    let cases = chosen(cases);
    assert_eq!(compare(&cases), cases.len());
}

#[test]
fn included_files() {
    let workspace = Case {
        config: "include = [\"a.toml\", \"b.toml\"]\n[profile.release]\nlto = \"thin\"\n".into(),
        ..Case::release("")
    }
    .write();
    let directory = workspace.query.cwd.join(".cargo");
    write(&directory.join("a.toml"), "[profile.release]\nopt-level = 1\npanic = \"abort\"\n");
    write(&directory.join("b.toml"), "[profile.release]\nopt-level = 2\nlto = \"fat\"\n");
    let Ok(cargos) = workspace.by_cargo() else {
        return slow::lacks("a cargo that knows `include`");
    };
    let build = workspace.by_us();
    assert_eq!(plain(cargos), in_cargos_words(&build.profile));
    let SettingOrigin::File { path, line, .. } = &build.profile.panic.origin else { panic!() };
    assert_eq!((path.as_str(), *line), (".cargo/a.toml", 3));
}

/// Most of what is drawn is valid; what cargo refuses is not counted.
#[test]
fn workspaces_drawn_at_random() {
    let mut draw = Draw(0x005e_ed0f_b111);
    let count = if slow::is_left_out(Need::Time) { 24 } else { 120 };
    let cases: Vec<Case> = (0..count).map(|_| draw.case()).collect();
    let accepted = compare(&cases);
    assert!(accepted * 4 >= count * 3, "cargo refused {} of {count}", count - accepted);
}

const SETTINGS: &[(&str, &[&str])] = &[
    ("panic", &["\"abort\"", "\"unwind\""]),
    ("strip", &["true", "\"debuginfo\"", "false", "\"none\"", "\"symbols\""]),
    (
        "debug",
        &[
            "1",
            "\"line-tables-only\"",
            "true",
            "false",
            "0",
            "2",
            "\"none\"",
            "\"limited\"",
            "\"full\"",
            "\"line-directives-only\"",
        ],
    ),
    ("split-debuginfo", &["\"off\"", "\"packed\"", "\"unpacked\""]),
    ("lto", &["true", "\"thin\"", "false", "\"fat\"", "\"off\"", "\"n\"", "\"no\""]),
    ("opt-level", &["1", "\"z\"", "0", "2", "3", "\"s\""]),
    ("debug-assertions", &["true", "false"]),
    ("overflow-checks", &["true", "false"]),
    ("rpath", &["true", "false"]),
    ("codegen-units", &["1", "16"]),
    ("incremental", &["true", "false"]),
];

/// Xorshift: the same cases every time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn case(&mut self) -> Case {
        let profile =
            self.of(&["dev", "release", "release", "test", "bench", "dist", "dist-2", "dist"]);
        let mut case = Case {
            profile,
            is_virtual: self.below(2) == 0,
            without_lock: self.below(5) == 0,
            target: [None, None, None, None, Some(TRIPLES[0]), Some(TRIPLES[1])][self.below(6)],
            ..Case::default()
        };
        let mut tables = Tables::new();
        tables.entry("profile.dist".into()).or_default().insert("inherits", "\"release\"".into());
        tables.entry("profile.dist-2".into()).or_default().insert("inherits", "\"dist\"".into());
        case.manifest = self.tables(tables);
        case.config = self.layer();
        case.parent_config = self.layer();
        case.home_config = self.layer();
        for _ in 0..self.below(3) {
            let (table, key, value) = self.setting(false);
            let name = format!("cargo_{table}_{key}").replace(['.', '-'], "_").to_uppercase();
            case.env.push((name, value.trim_matches('"').to_owned()));
        }
        if self.below(4) == 0 {
            let (table, key, value) = self.setting(true);
            case.arguments.push(format!("{table}.{key} = {value}"));
        }
        case
    }

    fn layer(&mut self) -> String {
        match self.below(2) {
            0 => String::new(),
            _ => self.tables(Tables::new()),
        }
    }

    fn tables(&mut self, mut tables: Tables) -> String {
        for _ in 0..self.below(7) {
            let (table, key, value) = self.setting(true);
            tables.entry(table).or_default().insert(key, value);
        }
        let mut text = String::new();
        for (table, settings) in tables {
            text.push_str(&format!("[{table}]\n"));
            for (key, value) in settings {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text
    }

    fn setting(&mut self, overrides: bool) -> (String, &'static str, String) {
        let profile = self.of(&["dev", "release", "release", "test", "bench", "dist", "dist-2"]);
        let table = match self.below(if overrides { 8 } else { 4 }) {
            4 => "package.app",
            5 => self.of(&["package.\"*\"", "package.helper", "package.mac"]),
            6 => "package.\"ext@0.3\"",
            7 => "build-override",
            _ => "",
        };
        // A layer that names a custom profile has to say what it inherits, or the manifest does.
        loop {
            let (key, values) = SETTINGS[self.below(SETTINGS.len())];
            let only_whole = ["panic", "lto", "rpath"].contains(&key);
            if table.is_empty() || !only_whole {
                let dot = if table.is_empty() { "" } else { "." };
                let value = values[self.below(values.len())].to_owned();
                return (format!("profile.{profile}{dot}{table}"), key, value);
            }
        }
    }
}

type Tables = BTreeMap<String, BTreeMap<&'static str, String>>;
