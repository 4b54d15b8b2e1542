//! Debian root file systems, made of the mirror's packages.

use super::run;
use std::path::Path;
use std::process::Command;

/// mmdebstrap, told which packages of a suite to put where (`-`: an archive on standard output).
/// `extract` unpacks them and configures none, as distroless images are made; `essential` is a
/// whole small system.
pub fn mmdebstrap(
    variant: &str,
    suite: &str,
    packages: &[&str],
    to: &Path,
    more: &[&str],
) -> Command {
    let mut command = run::command("mmdebstrap");
    command.args(["--quiet", &format!("--variant={variant}"), "--mode=root"]);
    // The mirror's copy of a moving suite may be some days old.
    command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    if !packages.is_empty() {
        command.arg(format!("--include={}", packages.join(",")));
    }
    command.args(more).arg(suite).arg(to).args(mirror());
    command
}

/// The mirror that this machine's own packages come from. Without one mmdebstrap asks for a suite's
/// security archive too, which old suites no longer have for every architecture.
fn mirror() -> Option<String> {
    let mut command = run::command("apt-get");
    command.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find(|line| line.trim_end_matches('/').ends_with("/debian")).map(str::to_owned)
}
