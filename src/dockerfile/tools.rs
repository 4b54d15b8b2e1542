//! Programs that a stage has: by its base image, by packages, by COPY.

use super::Dockerfile;
use super::base_images::KnownImage;
use super::stages::StageState;

/// Where programs lie that are called by their names.
const PLACES: &[&str] = &["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"];

/// Tools that health checks use, each with the packages that bring it.
const TOOLS: &[(&str, &str)] = &[
    ("curl", "curl"),
    ("wget", "wget busybox"),
    ("python3", "python3 python3-minimal python"),
    ("python", "python python-is-python3 python2"),
    ("node", "nodejs"),
    ("jq", "jq"),
];

/// Packages that bring no interpreter with them.
const LIGHT: &str = "ca-certificates curl wget git tzdata openssl libssl libgcc musl-dev gcc pkg bash tini \
                     dumb-init libpq";

impl Dockerfile {
    /// Nothing is at a path of a stage, for sure.
    pub fn is_absent(&self, state: &StageState, path: &str) -> bool {
        state.presence(path, &self.context) == Some(false)
    }

    /// The package that is missing for a tool that health checks use; `None` where the tool is there, is no
    /// such tool, or it cannot be told.
    pub fn missing_package(
        &self,
        state: &StageState,
        image: &KnownImage,
        tool: &str,
    ) -> Option<&'static str> {
        let (_, packages) = TOOLS.iter().find(|(name, _)| *name == tool)?;
        let brought = packages
            .split(' ')
            .any(|it| state.packages.iter().any(|package| package.starts_with(it)));
        let lacks = !brought
            && !state.unknown_installs
            && !image.tools.iter().any(|it| it == tool)
            && PLACES.iter().all(|it| self.is_absent(state, &format!("{it}/{tool}")));
        lacks.then(|| packages.split(' ').next()).flatten()
    }

    /// Whether a name is a tool that is looked up here.
    pub fn is_tool(name: &str) -> bool {
        TOOLS.iter().any(|(tool, _)| *tool == name)
    }

    /// Every package of a stage is one that brings no interpreter.
    pub fn has_light_packages(state: &StageState) -> bool {
        state
            .packages
            .iter()
            .all(|package| LIGHT.split_whitespace().any(|it| package.starts_with(it)))
    }
}
