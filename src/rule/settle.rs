//! How a reader settles what a rule cannot decide: the ways that several rules name.

/// Where the units and the modification times are those of the build.
pub const AT_BUILD: &str = "lint the binary that cargo built here, in the stage that builds it";
/// Where the sources are.
pub const IN_WORKSPACE: &str = "run the linter in the workspace that built it";
/// Where nothing is inferred.
pub const BY_REBUILD: &str = "run `cargo binlint check --rebuild`, which compiles the sources again \
                              with this profile and compares";
/// Where Cargo compiles whatever changed.
pub const BY_FRESHEN: &str = "run `cargo binlint freshen`, build, and lint again";
/// What tells when the loader is not predicted.
pub const IN_CONTAINER: &str = "start the program in a container of the image";
/// What tells when a Dockerfile is not understood.
pub const IN_IMAGE: &str = "build the image and lint it with `--image`";
/// What tells which allocator a program has.
pub const BY_ALLOCATOR: &str = "look for `#[global_allocator]` in the sources and dependencies";
/// What makes compiled functions nameable.
pub const WITH_SYMBOLS: &str = "lint a build with `strip = false` in its profile";
/// What shows the header and the libraries of a binary.
pub const BY_HEADER: &str = "look at `readelf -hd`";
