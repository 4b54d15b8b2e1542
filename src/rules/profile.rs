//! TODO rules::profile

