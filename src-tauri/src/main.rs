//! The program `periwinkle`: the window.

use std::process::ExitCode;

fn main() -> ExitCode {
    periwinkle::run()
}
