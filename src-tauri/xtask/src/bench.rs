//! `cargo xtask bench`: builds what is measured and what is measured beside it, then measures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::processes::{Finished, ask, run};
use crate::setup;
use crate::steps::{cargo, target};
use crate::tally::Tally;

/// The packages of the JavaScript reference, by their lock file.
const REFERENCE: &str = "src-tauri/crates/bench/reference";

/// The long form on a slow machine: ten million messages would take longer.
const LONG: Duration = Duration::from_secs(3 * 60 * 60);
/// The short form.
const SHORT: Duration = Duration::from_secs(15 * 60);
const BUILD: Duration = Duration::from_secs(60 * 60);
const MOMENT: Duration = Duration::from_secs(30);

/// Measures; the arguments go to the benchmark program.
pub(crate) fn bench(root: &Path, arguments: &[&str]) -> ExitCode {
    match measure(root, arguments) {
        Ok(finished) if finished.success => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// The short form as a check: what is the same on every machine has to be as it should be, the rest is shown.
pub(crate) fn check(root: &Path) -> Tally {
    match measure(root, &["--short"]) {
        Ok(finished) => Tally::read(&finished.output, finished.success),
        Err(reason) => {
            println!("{reason}");
            Tally::one(false)
        }
    }
}

fn measure(root: &Path, arguments: &[&str]) -> Result<Finished, String> {
    setup::packages(&[setup::COMPILER])?;
    // The checks have built the unoptimised programs already; figures are those of optimised ones.
    let short = arguments.contains(&"--short");
    let profile = if short { "debug" } else { "release" };
    let mut build = cargo(root);
    build.args(["build", "--package", "cli", "--package", "bench", "--bins"]);
    if !short {
        build.arg("--release");
    }
    if !run(&mut build, BUILD).success {
        return Err("The benchmarks could not be compiled: see the messages above.".into());
    }
    let folder = target(root).join("bench");
    let mut bench = Command::new(target(root).join(profile).join("bench"));
    bench.args(arguments).arg("--root").arg(root).arg("--folder").arg(&folder).current_dir(root);
    match reference(root, &folder.join("reference")) {
        Ok(packages) => bench.arg("--reference").arg(packages),
        Err(reason) => bench.arg("--no-reference").arg(reason),
    };
    Ok(run(&mut bench, if short { SHORT } else { LONG }))
}

/// Installs the reference's packages into `folder`, which is not among the sources; or says why it cannot.
fn reference(root: &Path, folder: &Path) -> Result<PathBuf, String> {
    for program in ["node", "npm"] {
        if !ask(Command::new(program).arg("--version"), MOMENT).success {
            return Err(format!("{program} is not installed here"));
        }
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        let (from, to) = (root.join(REFERENCE).join(name), folder.join(name));
        fs::copy(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
    }
    setup::npm_packages(folder)?;
    Ok(folder.to_path_buf())
}
