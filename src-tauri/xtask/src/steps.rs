//! `cargo xtask test`: the checks, each of which runs alone too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::processes::{ask, run};
use crate::setup::{self, BROWSER, BUILD, DISPLAY, DRIVER, HOSTS};
use crate::tally::Tally;

/// One check.
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) about: &'static str,
    /// The Debian packages it needs.
    packages: &'static [&'static [&'static str]],
    /// Whether it compiles the shell, which embeds the built page.
    page: bool,
    /// The check, given the root of the repository.
    check: fn(&Path) -> Tally,
}

/// The checks in the order in which they run: the quick ones first, so that a slip is told early.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "Rust sources are formatted", packages: &[], page: false, check: fmt },
    Step { name: "ui", about: "the page builds, its types hold, its own tests", packages: &[], page: true, check: ui },
    Step {
        name: "axe",
        about: "every screen is accessible, in a browser",
        packages: &[BROWSER],
        page: true,
        check: axe,
    },
    Step { name: "build", about: "everything compiles", packages: &[BUILD], page: true, check: build },
    Step { name: "clippy", about: "no warnings", packages: &[BUILD], page: true, check: clippy },
    Step {
        name: "architecture",
        about: "who imports whom, and tidiness",
        packages: &[BUILD],
        page: true,
        check: |root| area(root, "architecture", 10),
    },
    Step {
        name: "bindings",
        about: "the page's types are those of the Rust code",
        packages: &[BUILD],
        page: true,
        check: |root| area(root, "bindings", 10),
    },
    Step {
        name: "unit",
        about: "unit, property and documentation tests of every crate",
        packages: &[BUILD],
        page: true,
        check: unit,
    },
    Step {
        name: "feed-reference",
        about: "the feed format against the JavaScript reference",
        packages: &[BUILD],
        page: true,
        check: feed_reference,
    },
    Step {
        name: "sim",
        about: "many nodes in virtual time",
        packages: &[BUILD],
        page: true,
        check: |root| area(root, "sim", 20),
    },
    Step {
        name: "kills",
        about: "killed at every write point, nothing is lost",
        packages: &[BUILD],
        page: true,
        check: |root| area(root, "kills", 15),
    },
    Step {
        name: "network",
        about: "hosts in network namespaces, cables cut and healed",
        packages: &[BUILD, HOSTS],
        page: true,
        check: |root| area(root, "network", 15),
    },
    Step {
        name: "window",
        about: "two real windows on two hosts",
        packages: &[BUILD, DISPLAY, DRIVER, HOSTS],
        page: true,
        check: |root| area(root, "window", 15),
    },
    Step {
        name: "deny",
        about: "licences, bans and sources of the dependencies",
        packages: &[BUILD],
        page: false,
        check: deny,
    },
    Step {
        name: "advisories",
        about: "known holes in the dependencies, where the lists can be reached",
        packages: &[BUILD],
        page: false,
        check: advisories,
    },
];

/// Test programs that have a step of their own; every other one belongs to `unit`.
const AREAS: &[&str] = &["architecture", "bindings", "feed_reference", "sim", "kills", "network", "window"];

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
        let tally = match prepare(root, step) {
            Ok(()) => (step.check)(root),
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

/// Installs what the step needs. Where little is missing this takes a moment.
fn prepare(root: &Path, step: &Step) -> Result<(), String> {
    setup::packages(step.packages)?;
    if step.page { setup::page(root) } else { Ok(()) }
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
    let mut tests = cargo(root);
    tests.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
    for program in test_programs(root) {
        if !AREAS.contains(&program.as_str()) {
            tests.args(["--test", &program]);
        }
    }
    // With what passing tests print, for the reports and for those that say that they were skipped.
    let tests = run(tests.args(["--", "--show-output"]), minutes(20));
    let mut tally = Tally::read(&tests.output, tests.success);
    let examples = run(cargo(root).args(["test", "--workspace", "--no-fail-fast", "--doc"]), minutes(10));
    tally += Tally::read(&examples.output, examples.success);
    tally
}

/// One test program with a step of its own. Its tests run one after the other: they share a machine's network and measure times.
fn area(root: &Path, program: &str, limit: u64) -> Tally {
    let mut tests = cargo(root);
    tests.args(["test", "--workspace", "--no-fail-fast", "--test", program]);
    tests.args(["--", "--show-output", "--test-threads=1"]);
    let tests = run(&mut tests, minutes(limit));
    Tally::read(&tests.output, tests.success)
}

/// Installs the reference, then compares with it.
fn feed_reference(root: &Path) -> Tally {
    if let Err(reason) = setup::npm_packages(&root.join("tests/feed/reference")) {
        println!("{reason}");
        return Tally::one(false);
    }
    area(root, "feed_reference", 10)
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
        let reason = output.lines().find(|line| !line.trim().is_empty()).unwrap_or("no answer");
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
    install.args(["install", "cargo-deny", "--locked", "--debug", "--quiet"]);
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
