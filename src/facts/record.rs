//! What a record of the build says, and whether it can be believed.

/// A record of the subject's build.
#[derive(Debug, Clone, Default)]
pub struct Record {}
