//! The benchmarks' command line; `cargo xtask bench` builds and runs it. IO all through.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use bench::{
    Error, Reference, bare,
    machine::Machine,
    measure::{self, PARTS, Part, Setup, Stores},
    report::{Report, Section, replace_tables},
};
use clap::Parser;

/// Measures Periwinkle, beside the JavaScript reference where both do the same work.
#[derive(Debug, Parser)]
struct Arguments {
    /// Messages of the large store
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    messages: Option<u32>,
    /// How often the ingest is run; the median counts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: Option<u32>,
    /// Only these parts, separated by commas
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = part)]
    only: Vec<Part>,
    /// Small sizes, for a check: fails where something that is the same on every machine is not as it should be
    #[arg(long)]
    short: bool,
    /// Write the tables into this file, between the marks that stand there
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Take the stores that the last run left, instead of filling new ones; for work on the benchmarks themselves
    #[arg(long)]
    keep: bool,
    /// Give this file over a bare stream
    #[arg(long, value_name = "FILE", hide = true)]
    bare_give: Option<PathBuf>,
    /// Take a file over a bare stream
    #[arg(long, value_name = "MULTIADDR", hide = true, requires = "bare_into")]
    bare_take: Option<String>,
    /// Where it goes
    #[arg(long, value_name = "FILE", hide = true)]
    bare_into: Option<PathBuf>,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".", hide = true)]
    root: PathBuf,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "target/bench", hide = true)]
    folder: PathBuf,
    /// Where the reference's packages are installed
    #[arg(long, value_name = "DIR", hide = true)]
    reference: Option<PathBuf>,
    /// Why the reference's packages are not installed
    #[arg(
        long,
        value_name = "WHY",
        hide = true,
        default_value = "start it with `cargo xtask bench`, which installs it"
    )]
    no_reference: String,
}

/// Messages of the large store.
const MESSAGES: usize = 1_000_000;
/// Messages of the ingest runs.
const INGEST: usize = 100_000;
const RUNS: usize = 5;
/// Of the short form, all of them.
const SHORT: usize = 20_000;

fn part(name: &str) -> Result<Part, String> {
    let names = || PARTS.iter().map(|part| part.name).collect::<Vec<_>>().join(", ");
    PARTS.iter().find(|part| part.name == name).copied().ok_or_else(|| format!("the parts are {}", names()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went as it should.
async fn run(arguments: Arguments) -> Result<bool, Error> {
    if let Some(file) = &arguments.bare_give {
        return bare::give(file).await.map(|()| true);
    }
    if let (Some(address), Some(into)) = (&arguments.bare_take, &arguments.bare_into) {
        return bare::take(address, into).await.map(|()| true);
    }
    let root = fs::canonicalize(&arguments.root)?;
    fs::create_dir_all(&arguments.folder)?;
    let folder = fs::canonicalize(&arguments.folder)?;
    let messages =
        arguments.messages.map_or(if arguments.short { SHORT } else { MESSAGES }, |messages| messages as usize);
    let packages = arguments.reference.clone().ok_or_else(|| arguments.no_reference.clone());
    let setup = Setup {
        peri: beside_us("peri")?,
        reference: Reference::new(&root, packages),
        messages,
        ingest: messages.min(INGEST),
        runs: arguments.runs.map_or(if arguments.short { 1 } else { RUNS }, |runs| runs as usize),
        short: arguments.short,
        keep: arguments.keep,
        folder: folder.clone(),
    };
    let mut report = Report { command: command(&arguments), machine: Machine::look(&root), sections: Vec::new() };
    println!("{}\n", report.machine.words());
    let mut stores = Stores::new(setup);
    let parts: Vec<Part> = if arguments.only.is_empty() { PARTS.to_vec() } else { arguments.only.clone() };
    for part in &parts {
        println!("{}", part.title);
        let mut section = Section::new(part.name, part.title);
        if let Err(error) = measure::run(part, &mut stores, &mut section).await {
            println!("  broke off: {error}");
            section.failure = Some(error.to_string());
        }
        println!();
        report.sections.push(section);
        // After each part, so that a run that is stopped leaves what it has.
        fs::write(folder.join("result.json"), serde_json::to_vec_pretty(&report)?)?;
        fs::write(folder.join("result.md"), report.markdown())?;
    }
    if let Some(path) = &arguments.write {
        write(path, &report)?;
    }
    let (met, missed) = report.goals();
    println!("{met} goals met, {missed} not; {}", folder.join("result.md").display());
    if arguments.short {
        // The form in which checks are counted.
        let (passed, failed, skipped) = report.checks();
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    Ok(report.is_sound())
}

/// A program that was built together with this one.
fn beside_us(name: &str) -> Result<PathBuf, Error> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// What a person types to repeat the run.
fn command(arguments: &Arguments) -> String {
    let mut command = "cargo xtask bench".to_owned();
    if let Some(messages) = arguments.messages {
        command.push_str(&format!(" --messages {messages}"));
    }
    if let Some(runs) = arguments.runs {
        command.push_str(&format!(" --runs {runs}"));
    }
    if !arguments.only.is_empty() {
        let names: Vec<&str> = arguments.only.iter().map(|part| part.name).collect();
        command.push_str(&format!(" --only {}", names.join(",")));
    }
    for (is_given, name) in [(arguments.short, " --short"), (arguments.keep, " --keep")] {
        if is_given {
            command.push_str(name);
        }
    }
    command
}

fn write(path: &Path, report: &Report) -> Result<(), Error> {
    let document = fs::read_to_string(path)?;
    match replace_tables(&document, &report.markdown()) {
        Some(document) => Ok(fs::write(path, document)?),
        None => Err(Error::Wrong(format!("{} has no marks that say where the tables go", path.display()))),
    }
}
