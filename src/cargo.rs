//! What Cargo says, and whether the program is the code beside it.

pub mod rebuild;
