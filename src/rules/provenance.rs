//! TODO rules::provenance

