//! What the image's own loader would do with the subject.

/// The predicted start of the subject.
#[derive(Debug, Clone, Default)]
pub struct LoadPlan {}
