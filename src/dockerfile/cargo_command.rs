//! What a cargo command of a RUN would do: what it builds, where to, with what.

/// What cargo is asked to do, as far as a Dockerfile's outcome depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `build`, and what ends in it: `zigbuild`, `auditable build`, `binlint build`, `rustc`.
    Build,
    /// `run`: builds, then starts.
    Run,
    /// `install`.
    Install,
    /// `check`, `clippy`, `doc`: compiles nothing that is shipped.
    Check,
    /// `test`, `bench`: builds other things.
    Test,
    /// `clean`.
    Clean,
    /// `chef prepare`.
    ChefPrepare,
    /// `chef cook`.
    ChefCook,
    /// `new` and `init`.
    New,
    /// `fetch`, `vendor`, `generate-lockfile`, `--version`, ….
    Other,
    /// Anything else: nobody knows what it builds.
    Unknown,
}

/// A cargo command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoCommand {
    /// What it does.
    pub verb: Verb,
    /// Every argument is known. Where not, the fields may lack something.
    pub complete: bool,
    /// The word behind `cargo`: `zigbuild`.
    pub subcommand: String,
    /// `dev`, `release` or a name.
    pub profile: NamedProfile,
    /// `--target`.
    pub targets: Vec<Option<String>>,
    /// `--target-dir`.
    pub target_dir: Option<Option<String>>,
    /// `--manifest-path`.
    pub manifest_path: Option<Option<String>>,
    /// `-p`.
    pub packages: Vec<Option<String>>,
    /// `--bin`.
    pub bins: Vec<Option<String>>,
    /// `--lib`, `--bins`, `--examples`, `--tests`, ….
    pub selectors: Vec<String>,
    /// `--workspace`, `--all`.
    pub workspace: bool,
    /// `--exclude`.
    pub exclude: Vec<Option<String>>,
    /// `--features …`, `--all-features`, `--no-default-features`: normalised and sorted.
    pub features: Vec<String>,
    /// `--locked` or `--frozen`.
    pub locked: bool,
    /// `--root` of `install`, `--recipe-path` of `chef`, the directory of `new`.
    pub place: Option<Option<String>>,
    /// `--path` of `install`.
    pub path: Option<Option<String>>,
    /// Words that are no options.
    pub words: Vec<Option<String>>,
    /// `--no-build` of `cook`, `--help`: nothing is compiled.
    pub compiles_nothing: bool,
    /// `cook --check`.
    pub check_only: bool,
    /// Words behind `--`, `--config`, or `-Z`: they may change flags.
    pub further: Vec<String>,
}

/// A profile by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedProfile {
    /// By its name: `dev`, `release`.
    Named(String),
    /// A variable without a known value.
    Unknown,
}

impl NamedProfile {
    /// The directory that it builds into: `debug`, `release`.
    pub fn directory(&self) -> Option<&str> {
        match self {
            NamedProfile::Named(name) => Some(match name.as_str() {
                "dev" | "test" => "debug",
                "bench" => "release",
                name => name,
            }),
            NamedProfile::Unknown => None,
        }
    }
}

const VALUES: &[&str] = &[
    "--profile",
    "--target",
    "--target-dir",
    "--manifest-path",
    "-p",
    "--package",
    "--bin",
    "--exclude",
    "--features",
    "-F",
    "--config",
    "-Z",
    "--color",
    "-j",
    "--jobs",
    "--message-format",
    "--root",
    "--recipe-path",
    "--path",
    "--example",
    "--test",
    "--bench",
    "--git",
    "--branch",
    "--tag",
    "--rev",
    "--version",
    "--vers",
    "--registry",
    "--index",
    "--name",
    "--edition",
    "--vcs",
    "-C",
    "--bin-name",
    "--artifact-dir",
    "--out-dir",
    "--crate-type",
    "--lockfile-path",
    "--timings",
    "--glibc",
    "--zig",
];

/// Reads the arguments behind the program; `None` stands for a word without a known value.
pub fn read(arguments: &[Option<String>]) -> CargoCommand {
    let mut command = CargoCommand {
        verb: Verb::Other,
        complete: arguments.iter().all(Option::is_some),
        subcommand: String::new(),
        profile: NamedProfile::Named(String::new()),
        targets: Vec::new(),
        target_dir: None,
        manifest_path: None,
        packages: Vec::new(),
        bins: Vec::new(),
        selectors: Vec::new(),
        workspace: false,
        exclude: Vec::new(),
        features: Vec::new(),
        locked: false,
        place: None,
        path: None,
        words: Vec::new(),
        compiles_nothing: false,
        check_only: false,
        further: Vec::new(),
    };
    let mut words: Vec<Option<String>> = Vec::new();
    let mut rest = arguments.iter().cloned();
    while let Some(argument) = rest.next() {
        let Some(argument) = argument else {
            words.push(None);
            continue;
        };
        if argument == "--" {
            command.further.extend(rest.map(|word| word.unwrap_or_else(|| "?".to_owned())));
            break;
        }
        if argument.is_empty() {
            continue;
        }
        if !argument.starts_with('-') {
            if !(words.is_empty() && argument.starts_with('+')) {
                words.push(Some(argument));
            }
            continue;
        }
        let (name, joined) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => match argument
                .get(..2)
                .filter(|it| ["-p", "-F", "-j", "-Z", "-C"].contains(it) && argument.len() > 2)
            {
                Some(short) => (short.to_owned(), Some(argument[2..].to_owned())),
                None => (argument.clone(), None),
            },
        };
        // Before the subcommand `--version` asks cargo for its own.
        let asks = words.is_empty() && (name == "--version" || name == "--timings");
        let made = matches!(words.first(), Some(Some(verb)) if verb == "new" || verb == "init");
        let bare = made && (name == "--bin" || name == "--lib");
        let takes = VALUES.contains(&name.as_str()) && name != "--timings" && !asks && !bare;
        let value: Option<String> = match joined {
            Some(value) => Some(value),
            None if takes => rest.next().flatten(),
            None => None,
        };
        command.option(&name, value);
    }
    command.name(&words);
    command
}

impl CargoCommand {
    fn option(&mut self, name: &str, value: Option<String>) {
        match name {
            "--release" | "-r" => self.profile = NamedProfile::Named("release".to_owned()),
            "--debug" | "--dev" => self.profile = NamedProfile::Named("dev".to_owned()),
            "--profile" => self.profile = value.map_or(NamedProfile::Unknown, NamedProfile::Named),
            "--target" => self.targets.push(value),
            "--target-dir" => self.target_dir = Some(value),
            "--manifest-path" => self.manifest_path = Some(value),
            "-p" | "--package" => self.packages.push(value),
            "--bin" => self.bins.push(value),
            "--lib" | "--bins" | "--examples" | "--tests" | "--benches" | "--all-targets"
            | "--example" | "--test" | "--bench" => self.selectors.push(name.to_owned()),
            "--workspace" | "--all" => self.workspace = true,
            "--exclude" => self.exclude.push(value),
            "--all-features" | "--no-default-features" => self.features.push(name.to_owned()),
            "--features" | "-F" => match value {
                Some(list) => {
                    let each = list.split([',', ' ']).filter(|it| !it.is_empty());
                    self.features.extend(each.map(str::to_owned));
                }
                None => self.features.push("?".to_owned()),
            },
            "--locked" | "--frozen" => self.locked = true,
            "--root" | "--recipe-path" => self.place = Some(value),
            "--path" => self.path = Some(value),
            "--no-build" | "--help" | "-h" | "--list" | "--print" => self.compiles_nothing = true,
            "--check" => self.check_only = true,
            "--config" | "-Z" => {
                self.further.push(format!("{name} {}", value.unwrap_or_else(|| "?".to_owned())));
            }
            _ => {}
        }
        self.features.sort_unstable();
        self.features.dedup();
    }

    fn name(&mut self, words: &[Option<String>]) {
        let word = |index: usize| words.get(index).cloned().flatten().unwrap_or_default();
        self.subcommand = word(0);
        if words.first() == Some(&None) {
            self.verb = Verb::Unknown;
            return;
        }
        let mut used = 1;
        self.verb = match self.subcommand.as_str() {
            "build" | "b" | "rustc" | "zigbuild" => Verb::Build,
            "binlint" => {
                used = 2;
                if word(1) == "build" { Verb::Build } else { Verb::Other }
            }
            "auditable" | "+nightly" | "careful" => {
                used = 2;
                if word(1) == "build" { Verb::Build } else { Verb::Unknown }
            }
            "run" | "r" => Verb::Run,
            "install" => Verb::Install,
            "check" | "c" | "clippy" | "doc" | "d" | "fmt" => Verb::Check,
            "test" | "t" | "bench" | "nextest" => Verb::Test,
            "clean" => Verb::Clean,
            "chef" => {
                used = 2;
                match word(1).as_str() {
                    "prepare" => Verb::ChefPrepare,
                    "cook" => Verb::ChefCook,
                    _ => Verb::Other,
                }
            }
            "new" | "init" => Verb::New,
            "" | "fetch" | "vendor" | "generate-lockfile" | "update" | "tree" | "metadata"
            | "version" | "search" | "login" | "audit" | "deny" | "sqlx" | "binstall"
            | "uninstall" | "pkgid" | "help" | "config" | "machete" | "add" | "about" | "strip"
            | "cache" => Verb::Other,
            _ => Verb::Unknown,
        };
        if self.profile == NamedProfile::Named(String::new()) {
            let name = if self.verb == Verb::Install { "release" } else { "dev" };
            self.profile = NamedProfile::Named(name.to_owned());
        }
        self.words = words.get(used..).unwrap_or_default().to_vec();
        if matches!(self.verb, Verb::New) {
            self.place = Some(self.words.first().cloned().unwrap_or(Some(String::new())));
        }
    }

    /// It compiles a workspace's programs into its target directory.
    pub fn builds(&self) -> bool {
        let local = self.verb != Verb::Install || self.path.is_some();
        matches!(self.verb, Verb::Build | Verb::Run | Verb::Install)
            && local
            && !self.compiles_nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> CargoCommand {
        let words: Vec<Option<String>> =
            text.split(' ').map(|word| (word != "?").then(|| word.to_owned())).collect();
        read(&words)
    }

    #[test]
    fn commands_are_read_as_cargo_reads_them() {
        let profile = |text: &str| of(text).profile.directory().map(str::to_owned);
        assert_eq!(profile("build").as_deref(), Some("debug"));
        assert_eq!(profile("build -r").as_deref(), Some("release"));
        assert_eq!(profile("build --profile=dist").as_deref(), Some("dist"));
        assert_eq!(profile("build --profile ?"), None);
        assert_eq!(profile("install --path .").as_deref(), Some("release"));
        assert_eq!(profile("install --path . --debug").as_deref(), Some("debug"));
        let all = of(
            "+nightly build --release --target x -p a -pb --bin c --features d,e --locked -- --cfg f",
        );
        assert_eq!(all.verb, Verb::Build);
        assert_eq!(all.targets, [Some("x".to_owned())]);
        assert_eq!(all.packages, [Some("a".to_owned()), Some("b".to_owned())]);
        assert_eq!(all.bins, [Some("c".to_owned())]);
        assert_eq!(all.features, ["d", "e"]);
        assert!(all.locked && all.complete && all.builds());
        assert_eq!(all.further, ["--cfg", "f"]);
        assert_eq!(of("chef cook --release --recipe-path r.json").verb, Verb::ChefCook);
        assert_eq!(of("auditable build").verb, Verb::Build);
        assert_eq!(of("leptos build").verb, Verb::Unknown);
        assert_eq!(of("--version").verb, Verb::Other);
        assert!(!of("install cargo-chef").builds());
        assert!(!of("build ?").complete);
        assert_eq!(of("new --bin app").place, Some(Some("app".to_owned())));
    }
}
