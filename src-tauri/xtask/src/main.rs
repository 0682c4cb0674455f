//! `cargo xtask`: run Periwinkle and check it, from a fresh machine.
//!
//! Everything that the checks need is installed by [`setup`]; every check is one of [`steps::STEPS`], a script that a
//! person can also run alone. Only the standard library is used, so that the first `cargo xtask` compiles in seconds.

mod bench;
mod launch;
mod processes;
mod setup;
mod steps;
mod tally;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask run [--headless | --xvfb] [-- ARGUMENTS]   build and open Periwinkle; ARGUMENTS go to it
      --headless   run the node without a window (`peri serve`)
      --xvfb       open the window on a display that exists in memory only
cargo xtask test [STEP]…                               every check, or only those named
cargo xtask bench [--only NAME,…] [--short] …          measure, beside the JavaScript reference (--help says all)
cargo xtask steps                                      the names of the checks, and what each does
cargo xtask setup                                      only install what building and testing need
cargo xtask bindings                                   write ui/src/backend/bindings.ts from the Rust types
cargo xtask picture                                    take the README's screenshot again, into assets/";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    match words.as_slice() {
        ["run", rest @ ..] => launch::run(&root, rest),
        ["test", names @ ..] => steps::test(&root, names),
        ["bench", rest @ ..] => bench::bench(&root, rest),
        ["steps"] => {
            for step in steps::STEPS {
                println!("{:<16} {}", step.name, step.about);
            }
            ExitCode::SUCCESS
        }
        ["setup"] => finish(setup::everything(&root)),
        ["bindings"] => finish(steps::write_bindings(&root)),
        ["picture"] => finish(steps::take_picture(&root)),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Says why something failed, and turns it into the exit code 1.
fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: two folders above this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}
