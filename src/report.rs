//! The judged subjects, and one file a format.
