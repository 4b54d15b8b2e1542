//! Every rule. Written by `tests/tidy.rs` from the files in `src/rules/`; do not edit.
