//! The machine that builds: compiler, linker, C library and distribution, in their own words.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cargo::fs::read_text;
use crate::cargo::workspace;
use crate::cargo::workspace::toml_tree::TomlValue;
use crate::cargo::workspace::{Query, Workspace};

/// What a build stage is made of; what could not be asked is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildEnvironment {
    /// `rustc -vV`, whole.
    pub rustc: Option<String>,
    /// `cargo -V`.
    pub cargo: Option<String>,
    /// The first line of the linker's `--version`.
    pub linker: Option<String>,
    /// `glibc 2.36`, `musl 1.2.5`.
    pub libc: Option<String>,
    /// `/etc/os-release`.
    pub os_release: BTreeMap<String, String>,
}

/// No `os-release` is larger, in bytes.
const LIMIT: u64 = 64 << 10;

/// Asks this machine about a program for this target. `linker` is what a flag of rustc names;
/// without it the configuration decides, and without that rustc takes `cc`.
pub fn stage(
    query: &Query,
    workspace: &Workspace,
    triple: &str,
    linker: Option<&str>,
) -> BuildEnvironment {
    let rustc = workspace::trust::rustc(query, &workspace.config);
    let cargo = query.cargo();
    let linker = linker.map(str::to_owned).or_else(|| configured_linker(workspace, triple));
    let linker = linker.as_deref().unwrap_or("cc");
    // What is named by a path may lie in the checkout, and a question starts nothing of it.
    let may_start = query.is_trusted || !linker.contains('/');
    let linker = may_start.then(|| ask(query, Path::new(linker), &["--version"])).flatten();
    BuildEnvironment {
        rustc: rustc.and_then(|rustc| ask(query, &rustc, &["-vV"])),
        cargo: ask(query, &cargo, &["-V"]),
        linker: linker.as_deref().map(first_line),
        libc: libc(query),
        os_release: os_release(),
    }
}

/// The linker of the target's own table, else that of a `cfg(…)` that is true of the target.
fn configured_linker(workspace: &Workspace, triple: &str) -> Option<String> {
    let of = |name: &str| match workspace.config.get(&["target", name, "linker"])?.value {
        TomlValue::String(linker) => Some(linker),
        _ => None,
    };
    let cfgs = workspace.cfgs.get(triple).map(Vec::as_slice).unwrap_or_default();
    let names = workspace.config.names(&["target"]).into_iter();
    let mut of_cfgs = names.filter(|name| {
        name.starts_with("cfg(") && cargo_platform::CfgExpr::matches_key(name, cfgs)
    });
    of(crate::cargo::target_dir::outputs::stem(triple))
        .or_else(|| of_cfgs.find_map(|name| of(&name)))
}

/// What a program prints about itself, trimmed.
fn ask(query: &Query, program: &Path, words: &[&str]) -> Option<String> {
    let output = query.ask_untranslated(program, words).ok()?;
    // musl's ldd has its version on standard error and fails.
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    (!words.is_empty()).then_some(words)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The C library that this machine's programs are loaded with, as its `ldd` names it.
fn libc(query: &Query) -> Option<String> {
    libc_of(&ask(query, Path::new("ldd"), &["--version"])?)
}

fn libc_of(words: &str) -> Option<String> {
    let mut lines = words.lines();
    let first = lines.next()?;
    if first.starts_with("musl") {
        let version = lines.find_map(|line| line.strip_prefix("Version "))?;
        return Some(format!("musl {}", version.trim()));
    }
    let version = first.rsplit(' ').next()?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    (first.starts_with("ldd ") && is_version).then(|| format!("glibc {version}"))
}

fn os_release() -> BTreeMap<String, String> {
    let file = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| read_text(Path::new(path), "os-release", LIMIT).ok().flatten());
    parse_os_release(&file.unwrap_or_default().text)
}

fn parse_os_release(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| {
            (key.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_libraries_name_themselves() {
        let glibc = "ldd (Debian GLIBC 2.36-9+deb12u10) 2.36\nCopyright (C) 2022\n";
        assert_eq!(libc_of(glibc).as_deref(), Some("glibc 2.36"));
        let musl = "musl libc (x86_64)\nVersion 1.2.5\nDynamic Program Loader\n";
        assert_eq!(libc_of(musl).as_deref(), Some("musl 1.2.5"));
        assert_eq!(libc_of("ldd: command not found"), None);
    }

    #[test]
    fn os_release_is_shell_without_a_shell() {
        let fields = parse_os_release("ID=debian\nPRETTY_NAME=\"Debian 12\"\n# c\n\nX='y'\n");
        assert_eq!(fields.get("PRETTY_NAME").map(String::as_str), Some("Debian 12"));
        assert_eq!(fields.len(), 3);
    }
}
