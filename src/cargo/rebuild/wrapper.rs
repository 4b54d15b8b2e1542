//! This program as cargo's `RUSTC_WRAPPER`: it is in no hash of cargo's, so that units keep the
//! names of the judged build, and sees each compilation before it starts.
//!
//! It stops what is not to be compiled, and keeps the paths of the copy out of the program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use serde_json::{Value, json};

use super::error::RebuildError;
use super::{files, names};

/// Names the file with the [`Plan`]; where it is set, this program is the wrapper.
pub const PLAN: &str = "BINLINT_REBUILD_PLAN";
/// What the wrapper's own messages start with.
pub const MARK: &str = "binlint-rebuild: ";
/// No plan, no file of an `OUT_DIR` that is compared, is longer, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// What the wrapper has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The judged build directory.
    pub judged: String,
    /// The one that cargo writes into now.
    pub copy: String,
    /// What the judged one was called when it was filled.
    pub old: String,
    /// The workspace's root.
    pub workspace: String,
    /// What it was called then.
    pub old_workspace: String,
    /// The hashes of the units that may be compiled.
    pub allowed: Vec<String>,
    /// The directories of the workspace's own packages.
    pub own: Vec<String>,
    /// Where each crate that is compiled is noted.
    pub log: String,
}

impl Plan {
    /// As it is written for the wrapper.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Plan { judged, copy, old, workspace, old_workspace, allowed, own, log } = self;
        json!({
            "judged": judged, "copy": copy, "old": old, "workspace": workspace,
            "old_workspace": old_workspace, "allowed": allowed, "own": own, "log": log,
        })
        .to_string()
        .into_bytes()
    }

    /// As the wrapper reads it.
    pub fn parse(bytes: &[u8]) -> Option<Plan> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let list = |name: &str| {
            let all = value[name].as_array()?.iter();
            all.map(|it| it.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        Some(Plan {
            judged: text("judged")?,
            copy: text("copy")?,
            old: text("old")?,
            workspace: text("workspace")?,
            old_workspace: text("old_workspace")?,
            allowed: list("allowed")?,
            own: list("own")?,
            log: text("log")?,
        })
    }

    /// What rustc is to be told instead; an error is why nothing may be compiled.
    fn rewrite(&self, call: RustcCall) -> Result<RustcCall, RebuildError> {
        let RustcCall { mut arguments, mut environment } = call;
        let named = |name: &str| environment.get(name).cloned().unwrap_or_default();
        let crate_name = after(&arguments, "--crate-name");
        let home = named("CARGO_MANIFEST_DIR");
        let (Some(crate_name), false) = (crate_name, home.is_empty()) else {
            return Ok(RustcCall { arguments, environment });
        };
        let unit = unit_hash(&arguments);
        let is_own = self.own.contains(&home);
        let package = named("CARGO_PKG_NAME");
        match unit {
            Some(unit) if self.allowed.iter().any(|it| it == unit) => {
                files::append(Path::new(&self.log), &format!("{crate_name} {unit}\n"));
            }
            Some(_) if !is_own => {
                return Err(RebuildError::Dependency { package });
            }
            Some(unit) => {
                return Err(RebuildError::OtherUnit {
                    crate_name: crate_name.to_owned(),
                    unit: unit.to_owned(),
                    package,
                });
            }
            // A build script that tries out the compiler, or a library whose file has no hash.
            None => {}
        }
        // The last prefix that matches wins, and the copy may lie inside the workspace.
        if self.workspace != self.old_workspace {
            let (from, to) = (&self.workspace, &self.old_workspace);
            arguments.push(format!("--remap-path-prefix={from}={to}"));
        }
        arguments.push(format!("--remap-path-prefix={}={}", self.copy, self.old));
        self.restore_out_dir(&mut arguments, &mut environment);
        Ok(RustcCall { arguments, environment })
    }

    /// `env!("OUT_DIR")` and what the build script told cargo are text that no flag maps. Where the
    /// script wrote the same files, those of the judged build are used, by the judged name.
    fn restore_out_dir(
        &self,
        arguments: &mut [String],
        environment: &mut BTreeMap<String, String>,
    ) {
        let Some(out) = environment.get("OUT_DIR").cloned() else { return };
        let Some(below) = out.strip_prefix(&format!("{}/", self.copy)) else { return };
        let judged = format!("{}/{below}", self.judged);
        let is_same = || {
            let judged = (Path::new(&judged), self.judged.as_str());
            let rebuilt = (Path::new(&out), self.copy.as_str());
            files::first_difference(judged, rebuilt, MAX_FILE) == Some(None)
        };
        // A checkout that was moved: there is no directory of the name that the program holds.
        if self.old != self.judged || !is_same() {
            return;
        }
        for (name, value) in environment.iter_mut() {
            if name != PLAN && value.contains(&out) {
                *value = value.replace(&out, &judged);
            }
        }
        for argument in arguments.iter_mut().filter(|it| it.starts_with("link-arg")) {
            *argument = argument.replace(&out, &judged);
        }
    }
}

/// A call of rustc.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RustcCall {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// The hash of the unit that rustc is to compile: in the names of its files, or in the new layout in
/// the directory that they go to.
fn unit_hash(arguments: &[String]) -> Option<&str> {
    let in_name = arguments.iter().find_map(|it| it.strip_prefix("extra-filename=-"));
    in_name.filter(|it| names::is_unit_hash(it)).or_else(|| {
        let directory = Path::new(after(arguments, "--out-dir")?);
        let hash = directory.parent()?.file_name()?.to_str()?;
        (directory.ends_with("out") && names::is_unit_hash(hash)).then_some(hash)
    })
}

fn after<'a>(arguments: &'a [String], word: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|it| it == word)?;
    arguments.get(at + 1).map(String::as_str)
}

/// What rustc is to be called with instead, by the plan in this file; an error is why nothing may
/// be compiled.
///
/// # Errors
/// The plan cannot be read, or does not allow the unit.
pub fn rewrite(
    plan: &Path,
    arguments: &[OsString],
    environment: BTreeMap<String, String>,
) -> Result<(Vec<String>, BTreeMap<String, String>), RebuildError> {
    let plan = files::read(plan, MAX_FILE).as_deref().and_then(Plan::parse);
    let plan = plan.ok_or(RebuildError::UnreadablePlan)?;
    let text = arguments.iter().map(|it| it.to_str().map(str::to_owned));
    let arguments: Option<Vec<String>> = text.collect();
    let arguments = arguments.ok_or(RebuildError::ArgumentsNotUtf8)?;
    let call = plan.rewrite(RustcCall { arguments, environment })?;
    Ok((call.arguments, call.environment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            judged: "/ws/target".to_owned(),
            copy: "/ws/target/.copy".to_owned(),
            old: "/ws/target".to_owned(),
            workspace: "/ws".to_owned(),
            old_workspace: "/ws".to_owned(),
            allowed: vec!["0123456789abcdef".to_owned()],
            own: vec!["/ws".to_owned()],
            log: "/nowhere/log".to_owned(),
        }
    }

    fn call(home: &str, unit: Option<&str>) -> RustcCall {
        let mut arguments = vec!["rustc".to_owned(), "--crate-name".to_owned(), "app".to_owned()];
        arguments.extend(unit.map(|it| format!("extra-filename=-{it}")));
        let environment = [("CARGO_MANIFEST_DIR", home), ("CARGO_PKG_NAME", "app")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        RustcCall { arguments, environment: environment.into() }
    }

    #[test]
    fn only_the_judged_builds_own_units_are_compiled() {
        let plan = plan();
        assert!(plan.rewrite(call("/ws", Some("0123456789abcdef"))).is_ok());
        let other = plan.rewrite(call("/ws", Some("fedcba9876543210"))).unwrap_err();
        assert!(other.to_string().contains("other flags"), "{other}");
        let foreign = plan.rewrite(call("/registry/itoa", Some("fedcba9876543210"))).unwrap_err();
        assert!(
            foreign.to_string().contains("the dependency app would be compiled again"),
            "{foreign}"
        );
        // `rustc -vV` and the like are nobody's compilation.
        let question =
            RustcCall { arguments: vec!["rustc".to_owned(), "-vV".to_owned()], ..call("", None) };
        assert_eq!(plan.rewrite(question.clone()), Ok(question));
    }

    #[test]
    fn the_new_layout_tells_the_unit_by_its_directory() {
        let mut new = call("/registry/itoa", None);
        let out = |part: &str| format!("/t/release/build/itoa/fedcba9876543210/{part}");
        new.arguments.extend(["--out-dir".to_owned(), out("out")]);
        assert!(plan().rewrite(new.clone()).is_err());
        *new.arguments.last_mut().unwrap() = "/tmp/autocfg".to_owned();
        assert!(plan().rewrite(new).is_ok(), "a build script tries out the compiler");
    }

    #[test]
    fn the_copys_path_is_mapped_last() {
        let mut plan = plan();
        let mapped = plan.rewrite(call("/ws", None)).unwrap();
        assert_eq!(mapped.arguments[3..], ["--remap-path-prefix=/ws/target/.copy=/ws/target"]);
        (plan.old, plan.old_workspace) = ("/old/target".to_owned(), "/old".to_owned());
        let moved = plan.rewrite(call("/ws", None)).unwrap();
        let maps =
            ["--remap-path-prefix=/ws=/old", "--remap-path-prefix=/ws/target/.copy=/old/target"];
        assert_eq!(moved.arguments[3..], maps);
    }

    #[test]
    fn out_dir_is_the_judged_one_only_where_its_files_are_equal() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap().to_owned();
        let judged = format!("{root}/target");
        let plan = Plan { copy: format!("{judged}/.copy"), old: judged.clone(), judged, ..plan() };
        let write = |top: &str, text: &str| {
            let out = format!("{top}/build/app-1/out");
            std::fs::create_dir_all(&out).unwrap();
            std::fs::write(format!("{out}/gen.rs"), text).unwrap();
        };
        write(&plan.judged, &format!("include!(\"{}/x\")", plan.judged));
        write(&plan.copy, &format!("include!(\"{}/x\")", plan.copy));
        let out = |plan: &Plan| {
            let mut call = call("/ws", None);
            call.environment.insert("OUT_DIR".to_owned(), format!("{}/build/app-1/out", plan.copy));
            plan.rewrite(call).unwrap().environment["OUT_DIR"].clone()
        };
        assert_eq!(out(&plan), format!("{}/build/app-1/out", plan.judged));
        write(&plan.copy, "now()");
        assert_eq!(out(&plan), format!("{}/build/app-1/out", plan.copy));
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        assert_eq!(Plan::parse(&plan().to_bytes()), Some(plan()));
        assert_eq!(Plan::parse(b"{}"), None);
        assert_eq!(Plan::parse(b"[1"), None);
    }
}
