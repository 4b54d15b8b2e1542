//! Facts into an in-toto statement.
