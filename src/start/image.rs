//! What the runtime image holds and what it would run.

use std::ffi::OsStr;
use std::ops::Deref;
use std::sync::Arc;

use crate::binary::Binary;
use crate::rootfs::document::config::{ImageConfig, Platform};
use crate::rootfs::layer::apply::EngineDifference;
use crate::rootfs::tree::os_release::OsRelease;
use crate::rootfs::tree::users::UserDatabase;
use crate::rootfs::tree::{Resolved, Unresolved};
use crate::start::command::ResolvedCommand;
use crate::start::image::elf_tree::{ElfTree, InMemoryTree};

pub mod elf_tree;
pub mod extract;
pub mod extracted;
pub mod machine_of_root;
pub mod read;

/// The runtime image, as one subject sees it. Every subject has one, so what they all share is
/// there once.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// As the user named it.
    pub reference: String,
    /// What the image is configured to run; `None` for a root file system without configuration.
    pub config: Option<ImageConfig>,
    /// The platform that an index gives the image.
    pub index_platform: Option<Platform>,
    /// Digest of the manifest.
    pub digest: Option<String>,
    /// Its files.
    pub files: SharedTree,
    /// Distribution and release.
    pub release: Option<OsRelease>,
    /// `/etc/passwd` and `/etc/group`.
    pub users: UserDatabase,
    /// What it runs, resolved step by step: at start first, then for the health check.
    pub commands: Vec<ResolvedCommand>,
    /// Every Rust executable in it; empty when a subject was named.
    pub programs: Vec<Arc<Binary>>,
    /// The same image for other platforms.
    pub other_platforms: Arc<[OtherPlatform]>,
    /// Paths that container engines do not agree on.
    pub ambiguous: Arc<[EngineDifference]>,
    /// How many such paths there are; not all are remembered.
    pub ambiguous_in_all: usize,
    /// in-toto statements about the image, as they lie in its index, not verified.
    pub statements: Arc<[Vec<u8>]>,
    /// Where the subject lies in the image, or will lie.
    pub subject_at: Option<String>,
    /// The mount that `subject_at` lies on in a root of this machine: it is not in the image.
    pub subject_mount: Option<String>,
    /// The image's own copy of the subject's path: its digest, when it was read.
    pub subject_copy: Option<Arc<Binary>>,
    /// The distribution that the subject was built on, where this runs in its build stage.
    pub built_on: Option<OsRelease>,
    /// What was passed over or not verified.
    pub notes: Vec<String>,
}

/// The same image for another platform.
#[derive(Debug, Clone, Default)]
pub struct OtherPlatform {
    /// What the index says.
    pub index_platform: Option<Platform>,
    /// What the configuration says.
    pub config: Platform,
    /// The programs that it would start and the Rust programs in it: path and facts.
    pub programs: Vec<(String, Arc<crate::binary::elf::DynamicInfo>)>,
}

/// A tree that can be shared and that is empty by default.
#[derive(Debug, Clone)]
pub struct SharedTree(Arc<dyn ElfTree>);

impl SharedTree {
    /// Shares a tree.
    pub fn new(tree: impl ElfTree + 'static) -> SharedTree {
        SharedTree(Arc::new(tree))
    }
}

impl Default for SharedTree {
    fn default() -> SharedTree {
        SharedTree::new(InMemoryTree::default())
    }
}

impl Deref for SharedTree {
    type Target = dyn ElfTree;

    fn deref(&self) -> &(dyn ElfTree + 'static) {
        &*self.0
    }
}

/// What is asked of an image.
#[derive(Debug, Clone, Default)]
pub struct ImageQuery {
    /// The platform, where there are several.
    pub platform: Option<Platform>,
    /// Nobody named a subject: find the image's own programs.
    pub find_programs: bool,
    /// Where the subject lies or will lie.
    pub at: Option<String>,
    /// The subject was built on this machine, so that its distribution is the build stage's.
    pub built_here: bool,
}

impl Image {
    /// Reads the image that a reference of the command line names. `seen` gets every Rust program
    /// of it with its bytes, which are gone afterwards.
    ///
    /// # Errors
    ///
    /// When there is no such image or it is damaged; says which layer and why.
    pub fn read(
        reference: &OsStr,
        query: &ImageQuery,
        seen: &(dyn Fn(&Binary, &[u8]) + Sync),
    ) -> Result<Image, crate::rootfs::error::LoadError> {
        read::read(reference, query, seen)
    }

    /// An image of these files and nothing else, for tests and for roots without configuration.
    pub fn from_tree(files: impl ElfTree + 'static, config: Option<ImageConfig>) -> Image {
        let mut image = Image { config, files: SharedTree::new(files), ..Image::default() };
        image.derive();
        image
    }

    /// Fills in what follows from files and configuration.
    fn derive(&mut self) {
        self.release = OsRelease::read(&*self.files);
        self.users = UserDatabase::read(&*self.files);
        self.commands = match &self.config {
            Some(config) => crate::start::command::resolve_commands(&*self.files, config),
            None => Vec::new(),
        };
    }

    /// Why rules about what the image runs do not apply; `None` where they do.
    pub fn nothing_to_run(&self) -> Option<&'static str> {
        if self.config.is_none() {
            return Some("a root file system says nothing of what it will run");
        }
        let carries = self.subject_copy.is_some()
            || !self.programs.is_empty()
            || self.subject_at.as_deref().is_some_and(|at| self.has(at));
        (!carries).then_some("the image does not hold the program: it is a base to build on")
    }

    /// Whom its processes run as; `None` without configuration or for a user it does not have.
    pub fn identity(&self) -> Option<crate::rootfs::tree::users::Identity> {
        self.users.resolve_user(&self.config.as_ref()?.user).ok()
    }

    /// Ports of `EXPOSE`, without their protocol.
    pub fn exposed_ports(&self) -> Vec<u16> {
        let ports =
            self.config.as_ref().map(|config| &config.exposed_ports[..]).unwrap_or_default();
        ports.iter().filter_map(|port| port.split('/').next()?.parse().ok()).collect()
    }

    /// Finds a path as a process of the image would.
    pub fn resolve(&self, path: &str) -> Result<Resolved, Unresolved> {
        crate::rootfs::tree::resolve(&*self.files, path.as_bytes())
    }

    /// Whether something is at a path, links followed.
    pub fn has(&self, path: &str) -> bool {
        self.resolve(path).is_ok()
    }

    /// The platform that the image says it is for.
    pub fn platform(&self) -> Option<&Platform> {
        self.config
            .as_ref()
            .map(|config| &config.platform)
            .filter(|platform| !platform.architecture.is_empty())
    }

    /// The value of a variable that every process of the image starts with.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let env = &self.config.as_ref()?.env;
        // Of two the engine's last one counts.
        env.iter()
            .rev()
            .find_map(|entry| entry.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    }

    /// What it runs at start.
    pub fn start(&self) -> Option<&ResolvedCommand> {
        self.commands
            .iter()
            .find(|command| command.role == crate::start::command::CommandRole::Start)
    }

    /// Whether the command at start runs this subject, where that is known.
    pub fn starts(&self, subject: &Binary) -> Option<bool> {
        let path = self.subject_at.as_deref().unwrap_or(&subject.path);
        let program = self.start()?.program()?;
        Some(self.resolve(path).is_ok_and(|found| found.path == program.as_bytes()))
    }

    /// The same image as seen by a subject that lies, or will lie, at a path.
    pub fn with_subject_path(&self, at: &str) -> Image {
        let mut image = self.clone();
        image.subject_at = Some(at.to_owned());
        image
    }
}
