//! The thin program around the library: words in, exit code out.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(binlint::cli::run(std::env::args_os()))
}
