//! The thin program around the library: words in, exit code out.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(binlint::cli::run(std::env::args_os()))
}
