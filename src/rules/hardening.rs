//! TODO rules::hardening

