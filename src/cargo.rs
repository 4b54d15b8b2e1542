//! What Cargo says, and whether the program is the code beside it.

pub mod build;
pub mod build_command;
pub mod compare_crates;
pub mod compare_program;
pub mod compared;
pub mod crate_freshness;
pub mod error;
pub mod evidence;
pub mod file_time;
pub mod fix_commands;
pub mod freshen_state;
pub mod freshness;
pub mod fs;
pub mod page_size;
pub mod process;
pub mod rebuild;
pub mod source;
pub mod target_dir;
#[cfg(test)]
pub(crate) mod test_support;
pub mod toolchain;
pub mod workspace;
