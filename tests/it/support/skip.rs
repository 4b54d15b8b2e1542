//! One line about what this machine cannot run. It goes past the test runner, which would keep it.

use std::fmt::Display;
use std::io::{self, Write};

/// Says what was not run and why; under `BINLINT_CI` nothing may be skipped.
pub fn skipped(why: impl Display) {
    assert!(std::env::var_os("BINLINT_CI").is_none(), "{why}");
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "skipped: {why}");
}
