//! TODO rules::target

