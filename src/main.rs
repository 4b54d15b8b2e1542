//! The thin program around the library: arguments in, exit code out.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(binlint::run_command_line(std::env::args_os()))
}
