//! What the runtime image holds and what it would run.

pub mod tree;

/// The runtime image.
#[derive(Debug, Clone, Default)]
pub struct Image {}
