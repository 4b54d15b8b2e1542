//! TODO rules::freshness

