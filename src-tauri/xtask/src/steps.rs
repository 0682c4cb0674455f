//! `cargo xtask test`: the checks, each of which runs alone too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::bench;
use crate::processes::{ask, run};
use crate::setup::{self, BROWSER, BUILD, COMPILER, DISPLAY, DRIVER, HOSTS};
use crate::tally::Tally;

/// One check.
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) about: &'static str,
    needs: Needs,
    check: Check,
}

/// What has to be there before a check.
enum Needs {
    /// Rust alone.
    Rust,
    /// These Debian packages and the built page, which the shell embeds.
    Page(&'static [&'static [&'static str]]),
}

/// How a check is done.
enum Check {
    /// By this function, given the root of the repository.
    Run(fn(&Path) -> Tally),
    /// By the test program of this name, within so many minutes.
    Tests(&'static str, u64),
}

const fn step(name: &'static str, about: &'static str, needs: Needs, check: Check) -> Step {
    Step { name, about, needs, check }
}

use Check::{Run, Tests};
use Needs::{Page, Rust};

/// The checks in the order in which they run: the quick ones first, so that a slip is told early.
pub(crate) const STEPS: &[Step] = &[
    step("fmt", "Rust sources are formatted", Rust, Run(fmt)),
    step("ui", "the page builds and is small, its types hold, its own tests", Page(&[]), Run(ui)),
    step("axe", "every screen is accessible, in a browser", Page(&[BROWSER]), Run(axe)),
    step("build", "everything compiles", Page(&[COMPILER, BUILD]), Run(build)),
    step("clippy", "no warnings", Page(&[COMPILER, BUILD]), Run(clippy)),
    step("architecture", "who imports whom, and tidiness", Page(&[COMPILER, BUILD]), Tests("architecture", 10)),
    step("bindings", "the page's types are those of the Rust code", Page(&[COMPILER, BUILD]), Tests("bindings", 10)),
    step("unit", "unit, property and documentation tests", Page(&[COMPILER, BUILD, HOSTS]), Run(unit)),
    step(
        "feed-reference",
        "the feed format against vectors and the JavaScript reference",
        Page(&[COMPILER, BUILD]),
        Run(feed_reference),
    ),
    step("sim", "many nodes in virtual time", Page(&[COMPILER, BUILD]), Tests("scenarios", 15)),
    step("nodes", "real processes on loopback, and hostile ones", Page(&[COMPILER, BUILD]), Tests("nodes", 15)),
    step("kills", "killed at every write point, nothing is lost", Page(&[COMPILER, BUILD]), Tests("kills", 15)),
    step(
        "soak",
        "three minutes of twelve nodes that come and go, among hostile neighbours",
        Page(&[COMPILER, BUILD]),
        Tests("soak", 15),
    ),
    step(
        "care",
        "earlier folders, the doctor, full and read-only disks, foreign files",
        Page(&[COMPILER, BUILD]),
        Tests("care", 15),
    ),
    step(
        "network",
        "hosts in network namespaces, cables cut and healed",
        Page(&[COMPILER, BUILD, HOSTS]),
        Tests("network", 15),
    ),
    step(
        "window",
        "two real windows on two hosts",
        Page(&[COMPILER, BUILD, DISPLAY, DRIVER, HOSTS]),
        Tests("window", 15),
    ),
    step(
        "bench",
        "what a message costs as history grows, room on the disk, memory, what is found",
        Page(&[COMPILER, BUILD]),
        Run(bench::check),
    ),
    step("deny", "licences, bans and sources of the dependencies", Page(&[COMPILER, BUILD]), Run(deny)),
    step(
        "advisories",
        "known holes in the dependencies, where the lists can be reached",
        Page(&[COMPILER, BUILD]),
        Run(advisories),
    ),
];

/// The npm packages of the JavaScript reference.
const REFERENCE: &str = "tests/feed/reference";

/// The test program of the step `feed-reference`, which needs npm packages.
const FEED_REFERENCE: &str = "conformance";

/// The release that is installed where there is none; a later one may want a later compiler.
const CARGO_DENY: &str = "0.20.2";

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Runs the named checks, or all of them, and closes with the count of tests.
pub(crate) fn test(root: &Path, names: &[&str]) -> ExitCode {
    let mut chosen = Vec::new();
    for name in names {
        match STEPS.iter().find(|step| step.name == *name) {
            Some(step) => chosen.push(step),
            None => {
                eprintln!("There is no step {name}. `cargo xtask steps` lists them.");
                return ExitCode::from(2);
            }
        }
    }
    if names.is_empty() {
        chosen.extend(STEPS);
    }

    let start = Instant::now();
    let mut total = Tally::default();
    let mut report = Vec::new();
    for step in chosen {
        println!("\n── {}: {}", step.name, step.about);
        let begun = Instant::now();
        let tally = match prepare(root, &step.needs) {
            Ok(()) => match step.check {
                Run(check) => check(root),
                Tests(program, limit) => area(root, program, limit),
            },
            Err(reason) => {
                println!("{reason}");
                Tally::one(false)
            }
        };
        let line = format!("{:<16}{:>7.1} s   {tally}", step.name, begun.elapsed().as_secs_f64());
        println!("── {line}");
        report.push(line);
        total += tally;
    }
    println!("\n{}", report.join("\n"));
    println!("{:<16}{:>7.1} s\n", "together", start.elapsed().as_secs_f64());
    println!("{total}");
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Installs what a step needs. Where little is missing this takes a moment.
fn prepare(root: &Path, needs: &Needs) -> Result<(), String> {
    let Page(packages) = needs else { return Ok(()) };
    setup::packages(packages)?;
    setup::page(root)
}

/// Cargo at the root of the repository.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

/// The folder that holds what cargo builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

fn fmt(root: &Path) -> Tally {
    Tally::one(run(cargo(root).args(["fmt", "--all", "--check"]), minutes(2)).success)
}

fn ui(root: &Path) -> Tally {
    let ui = root.join("ui");
    let mut tally = Tally::one(run(&mut setup::npm(&ui, &["run", "check"]), minutes(5)).success);
    let tests = run(&mut setup::npm(&ui, &["run", "test"]), minutes(5));
    tally += Tally::read(&tests.output, tests.success);
    // Of the page that was built before the step.
    tally += Tally::one(run(&mut setup::npm(&ui, &["run", "size"]), minutes(1)).success);
    tally
}

fn axe(root: &Path) -> Tally {
    let axe = run(&mut setup::npm(&root.join("ui"), &["run", "axe"]), minutes(5));
    Tally::read(&axe.output, axe.success)
}

/// One build for all that follows, tests included, so that there is one set of features and one profile.
fn build(root: &Path) -> Tally {
    let built = run(cargo(root).args(["build", "--workspace", "--all-targets"]), minutes(40));
    Tally::one(built.success)
}

fn clippy(root: &Path) -> Tally {
    let mut clippy = cargo(root);
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    Tally::one(run(&mut clippy, minutes(20)).success)
}

/// The programs under `tests/` that have no step of their own, and the tests inside the crates.
fn unit(root: &Path) -> Tally {
    // The public dataset comes from there.
    if let Err(reason) = setup::npm_packages(&root.join(REFERENCE)) {
        println!("{reason}");
        return Tally::one(false);
    }
    let mut tests = cargo(root);
    tests.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
    for program in test_programs(root) {
        let own = STEPS.iter().any(|step| matches!(step.check, Tests(name, _) if name == program));
        if !own && program != FEED_REFERENCE {
            tests.args(["--test", &program]);
        }
    }
    // With what passing tests print, for the reports and for those that say that they were skipped.
    let tests = run(tests.args(["--", "--show-output"]), minutes(20));
    let examples = run(cargo(root).args(["test", "--workspace", "--no-fail-fast", "--doc"]), minutes(10));
    // Counted together: the documentation need not hold an example.
    let output = format!("{}\n{}", tests.output, examples.output);
    Tally::read(&output, tests.success && examples.success)
}

/// One test program with a step of its own. Its tests run one after the other: they share a machine's network and measure times.
fn area(root: &Path, program: &str, limit: u64) -> Tally {
    // Everything, because they start the other programs too; where the step `build` ran this takes a moment.
    let built = run(cargo(root).args(["build", "--workspace", "--all-targets", "--quiet"]), minutes(40));
    if !built.success {
        return Tally::one(false);
    }
    let mut tests = cargo(root);
    tests.env("PERIWINKLE_BUILT", "1");
    tests.args(["test", "--workspace", "--no-fail-fast", "--test", program]);
    tests.args(["--", "--show-output", "--test-threads=1"]);
    let tests = run(&mut tests, minutes(limit));
    Tally::read(&tests.output, tests.success)
}

/// Installs the reference, then compares with it.
fn feed_reference(root: &Path) -> Tally {
    if let Err(reason) = setup::npm_packages(&root.join(REFERENCE)) {
        println!("{reason}");
        return Tally::one(false);
    }
    area(root, FEED_REFERENCE, 10)
}

fn deny(root: &Path) -> Tally {
    if let Err(reason) = install_deny(root) {
        println!("{reason}");
        return Tally::one(false);
    }
    let checks = ["bans", "licenses", "sources"];
    let mut tally = Tally::default();
    for check in checks {
        let mut deny = cargo(root);
        deny.args(["deny", "--workspace", "--all-features", "check", "--hide-inclusion-graph", check]);
        tally += Tally::one(run(&mut deny, minutes(5)).success);
    }
    tally
}

/// Lists of known holes live on the network; where they cannot be reached the check says so and counts as skipped.
fn advisories(root: &Path) -> Tally {
    let mut tally = match install_deny(root) {
        Ok(()) => {
            let mut deny = cargo(root);
            deny.args(["deny", "--workspace", "--all-features", "check", "--hide-inclusion-graph", "advisories"]);
            let answer = ask(&mut deny, minutes(3));
            let reached = answer.success || answer.output.contains("advisories FAILED");
            reachable("cargo deny check advisories", reached, answer.success, &answer.output)
        }
        Err(reason) => reachable("cargo deny check advisories", false, false, &reason),
    };
    let audit = ask(&mut setup::npm(&root.join("ui"), &["audit", "--json"]), minutes(3));
    let reached = audit.output.contains("\"auditReportVersion\"");
    tally += reachable("npm audit", reached, audit.success, &audit.output);
    tally
}

fn reachable(name: &str, reached: bool, success: bool, output: &str) -> Tally {
    if !reached {
        let said = |word: &str| output.lines().find(|line| line.to_lowercase().contains(word));
        let reason =
            said("npm error").or_else(|| said("error")).or_else(|| output.lines().next()).unwrap_or("no answer");
        println!("{name}: not run, its list cannot be reached from here ({})", reason.trim());
        return Tally::skip();
    }
    println!("{name}: {}", if success { "nothing known" } else { output });
    Tally::one(success)
}

fn install_deny(root: &Path) -> Result<(), String> {
    if ask(cargo(root).args(["deny", "--version"]), minutes(1)).success {
        return Ok(());
    }
    println!("Installing cargo-deny");
    // Unoptimised: it runs for seconds, and an optimised build takes minutes.
    let mut install = cargo(root);
    install.args(["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--debug", "--quiet"]);
    if run(&mut install, minutes(15)).success { Ok(()) } else { Err("cargo-deny could not be installed".into()) }
}

/// The names of the test programs: `tests/NAME/main.rs` and `tests/NAME.rs`, at the root and in each crate.
fn test_programs(root: &Path) -> Vec<String> {
    let mut packages = vec![root.to_path_buf()];
    packages
        .extend(fs::read_dir(root.join("src-tauri/crates")).into_iter().flatten().flatten().map(|entry| entry.path()));
    let mut names: Vec<String> = packages
        .iter()
        .flat_map(|package| fs::read_dir(package.join("tests")).into_iter().flatten().flatten())
        .filter_map(|entry| {
            let path = entry.path();
            let program = path.join("main.rs").is_file() || path.extension().is_some_and(|extension| extension == "rs");
            program.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Writes the page's types from the Rust code.
pub(crate) fn write_bindings(root: &Path) -> Result<(), String> {
    setup::packages(&[BUILD])?;
    let mut test = cargo(root);
    test.args(["test", "--package", "periwinkle", "--test", "bindings"]).env("PERIWINKLE_WRITE_BINDINGS", "1");
    if run(&mut test, minutes(40)).success { Ok(()) } else { Err("The types could not be written.".into()) }
}

/// Takes the README's screenshot from a run of the window test.
pub(crate) fn take_picture(root: &Path) -> Result<(), String> {
    if test(root, &["window"]) != ExitCode::SUCCESS {
        return Err("The window test failed, so there is no new picture.".into());
    }
    let (from, to) = (target(root).join("shots/readme.png"), root.join("assets/screenshot.png"));
    fs::copy(&from, &to).map_err(|error| format!("{} → {}: {error}", from.display(), to.display()))?;
    println!("{} is new", to.display());
    Ok(())
}
