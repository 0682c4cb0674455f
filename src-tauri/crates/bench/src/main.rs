//! The benchmarks' command line; `cargo xtask bench` builds and runs it. IO all through.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use bench::dataset::{Dataset, Parameters};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "target/bench/data".into()));
    let begun = Instant::now();
    match Dataset::open_or_make(&folder, Parameters::of(count)) {
        Ok(set) => {
            println!("{:?} in {:.1} s", set.facts, begun.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
