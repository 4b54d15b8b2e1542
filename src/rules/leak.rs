//! TODO rules::leak

