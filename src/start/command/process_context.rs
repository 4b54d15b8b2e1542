//! What a command finds around it: directory, variables, user.

use crate::rootfs::tree::users::Identity;
use crate::start::command::shell::ShellVariables;

/// What a command finds around it.
pub(super) struct ProcessContext {
    pub(super) directory: String,
    pub(super) variables: ShellVariables,
    pub(super) identity: Identity,
}

impl ProcessContext {
    /// Goes on from another directory.
    pub(super) fn enter(&mut self, to: &str) {
        self.directory = self.path(to);
    }

    /// A path as seen from here.
    pub(super) fn path(&self, name: &str) -> String {
        if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", self.directory) }
    }
}
