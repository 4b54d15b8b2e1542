//! Why a file of Cargo's own formats cannot be read.

/// Why a file of Cargo's own formats cannot be read. Each message names the file's kind, not its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Half written, or of a later Cargo.
    #[error("the fingerprint cannot be read: {reason}")]
    Fingerprint {
        /// What the parser expected.
        reason: String,
    },
    /// A list of features in a form that is not known.
    #[error("the fingerprint's features cannot be read: {reason}")]
    Features {
        /// What the parser expected.
        reason: String,
    },
    /// A dep-info of a later Cargo.
    #[error("the dep-info has version {version}, which is not known")]
    DepInfoVersion {
        /// As it is written.
        version: u8,
    },
    /// A dep-info that ends too early, has bytes left over, or a kind of path that is not known.
    #[error("the dep-info is damaged or cut off")]
    DepInfo,
}
