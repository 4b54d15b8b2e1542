//! What was typed.

use std::ffi::OsString;

/// Runs the program with these words and returns its exit code: 0 clean, 1 a denied finding,
/// 2 the work could not be done.
pub fn run(_words: impl IntoIterator<Item = OsString>) -> u8 {
    2
}
