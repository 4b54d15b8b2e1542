//! What the bytes tell of a program's origin: one file for each fact.

pub mod c_objects;
pub mod cpu_level;
pub mod crates;
pub mod language;
pub mod panic_strategy;
pub mod runtime_libs;
pub mod runtime_needs;
pub mod secrets;
pub mod target;
