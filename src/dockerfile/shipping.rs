//! What of all builds matters in the end: programs that are shipped, and crates that stay stale.

use super::Dockerfile;
use super::base_images::KnownImage;
use super::stages::FileOrigin;
use super::trace::{CargoRun, CompiledCrate, TakenPath};
use super::workspace::below;
use crate::fix_line::shell_command;

/// A program that one stage takes from the stage that built it.
#[derive(Debug, Clone, Copy)]
pub struct Shipped<'a> {
    /// The COPY.
    pub taken: &'a TakenPath,
    /// The build.
    pub build: &'a CargoRun,
    /// The image of the stage that built it.
    pub builder: Option<&'a KnownImage>,
    /// The image that it is copied into.
    pub runtime: Option<&'a KnownImage>,
}

/// A crate that cargo calls fresh although its sources were replaced.
#[derive(Debug, Clone, Copy)]
pub struct StaleCrate<'a> {
    /// The build that calls it fresh.
    pub build: &'a CargoRun,
    /// The crate.
    pub made: &'a CompiledCrate,
    /// The build that compiled the stub.
    pub stub: &'a CargoRun,
    /// A step between them that was meant to prevent it, by its number.
    pub clean: Option<usize>,
    /// Something else of the same build was compiled again.
    pub partial: bool,
    /// Every branch leads here, and cargo itself said what the workspace holds.
    pub sure: bool,
}

impl Dockerfile {
    /// Programs that the last stage, or one that it begins from, takes from other stages.
    pub fn shipped(&self) -> Vec<Shipped<'_>> {
        let chain = self.stages.chain(self.stages.last);
        let mut all = Vec::new();
        for taken in self.trace.taken.iter().filter(|it| it.from != it.stage) {
            if !chain.contains(&taken.stage) {
                continue;
            }
            let outputs = self.trace.stages.get(taken.from).map(|it| it.state.outputs.as_slice());
            let inside = || {
                let outputs = outputs.unwrap_or_default().iter().rev();
                outputs
                    .into_iter()
                    .find(|(output, _)| below(output, &taken.path).is_some() && taken.path != "/")
            };
            let number = taken.build.or_else(|| inside().map(|(_, build)| *build));
            let Some(build) = number.and_then(|it| self.trace.builds.get(it)) else { continue };
            let (_, builder) = self.stages.image(build.stage);
            let (_, runtime) = self.stages.image(taken.stage);
            all.push(Shipped { taken, build, builder, runtime });
        }
        all
    }

    /// Whether it matters if the program starts processes: std asks glibc 2.39 for it, and the runtime has
    /// an older one than the builder.
    pub fn asks_for_processes(&self) -> bool {
        const SPAWN: (u32, u32) = (2, 39);
        let glibc = |image: Option<&KnownImage>| image.and_then(KnownImage::glibc);
        self.shipped().iter().any(|it| {
            glibc(it.builder).is_some_and(|it| it >= SPAWN)
                && glibc(it.runtime).is_some_and(|it| it < SPAWN)
        })
    }

    /// Builds of stages that are used, with their numbers.
    pub fn builds(&self) -> impl Iterator<Item = (usize, &CargoRun)> {
        let used = |build: &CargoRun| self.stages.all.get(build.stage).is_some_and(|it| it.used);
        self.trace.builds.iter().enumerate().filter(move |(_, build)| used(build))
    }

    /// Whether a stage goes on from what another one is: itself, or by FROM.
    pub fn goes_on(&self, stage: usize, from: usize) -> bool {
        self.stages.chain(stage).contains(&from)
    }

    /// Crates that stay stale in the last build that has to do with them.
    pub fn stale(&self) -> Vec<StaleCrate<'_>> {
        let mut all = Vec::new();
        for (number, build) in self.builds().filter(|(_, build)| !build.cook) {
            for made in build.made.iter().filter(|it| it.is_stale()) {
                let later = self.trace.builds.iter().skip(number + 1).any(|it| {
                    self.goes_on(it.stage, build.stage)
                        && it.made.iter().any(|other| other.key == made.key)
                });
                let Some(stub) = self.trace.builds.get(made.compiled_by).filter(|_| !later) else {
                    continue;
                };
                // After a cook it is the manifest that keeps them stale.
                if matches!(made.manifest, FileOrigin::Skeleton { .. }) {
                    continue;
                }
                let clean = self.trace.cleaned.iter().position(|it| {
                    it.builds_before > made.compiled_by
                        && it.builds_before <= number
                        && self.goes_on(build.stage, it.stage)
                });
                let partial = build.made.iter().any(|it| it.again);
                let sure = !self.workspace.guessed
                    && !build.ran.conditional
                    && !stub.ran.conditional
                    && build.opaque == stub.opaque
                    && build.cargo.complete;
                all.push(StaleCrate { build, made, stub, clean, partial, sure });
            }
        }
        all
    }

    /// Whether a program is linked against glibc at run time: `None` where flags or targets are not
    /// known.
    pub fn is_dynamic_gnu(&self, build: &CargoRun, builder: Option<&KnownImage>) -> Option<bool> {
        use super::base_images::BaseLibc;
        let flags = build.rustflags.as_deref()?;
        if flags.contains("+crt-static") {
            return Some(false);
        }
        if build.triples.is_empty() {
            return match builder?.libc? {
                BaseLibc::Glibc(_) => Some(true),
                _ => Some(false),
            };
        }
        let triples: Option<Vec<&str>> = build.triples.iter().map(Option::as_deref).collect();
        Some(triples?.iter().all(|it| it.contains("-linux-gnu")))
    }

    /// The word of a command's line that fixes a stale crate: which files to touch.
    pub fn touch_line(&self, stale: &[StaleCrate<'_>]) -> Option<String> {
        let first = stale.first()?;
        let directory = first.build.ran.directory.as_deref()?;
        let build = first.build;
        let mut paths: Vec<&str> = stale
            .iter()
            .filter(|it| std::ptr::eq(it.build, build))
            .map(|it| below(&it.made.path, directory).unwrap_or(&it.made.path))
            .collect();
        paths.sort_unstable();
        paths.dedup();
        let touch = ["touch"].into_iter().chain(paths.iter().copied());
        (!paths.is_empty() && paths.len() <= 6).then(|| format!("{} && ", shell_command(touch)))
    }
}
