//! TODO rules::linkage

