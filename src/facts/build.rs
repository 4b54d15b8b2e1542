//! What Cargo says of the build that should have made the subject.

/// The build of one subject.
#[derive(Debug, Clone, Default)]
pub struct Build {}
