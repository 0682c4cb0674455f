//! `peri lab`: plays scenarios on all cores and prints what they cost.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

use app::view::{Failure, FailureCode};
use serde::Serialize;
use sim::{Phase, Report, Scenario};

use crate::{Ended, print, print_json};

/// The figures of some consecutive messages, as `--json` has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    first: usize,
    last: usize,
    payload: f64,
    flooding: f64,
    notes: f64,
    levels: f64,
    last_hop: u32,
    missed: u64,
    p50: f64,
    p99: f64,
    max: f64,
    flooding_p50: f64,
    flooding_p99: f64,
    bytes: u64,
}

impl From<Phase> for Figures {
    fn from(phase: Phase) -> Self {
        Self {
            first: *phase.messages.start(),
            last: *phase.messages.end(),
            payload: phase.payload_ratio(),
            flooding: phase.flooding_ratio(),
            notes: phase.notes_per_delivery(),
            levels: phase.levels_per_delivery(),
            last_hop: phase.last_hop,
            missed: phase.missed(),
            p50: phase.latency.p50,
            p99: phase.latency.p99,
            max: phase.latency.max,
            flooding_p50: phase.flooding.p50,
            flooding_p99: phase.flooding.p99,
            bytes: phase.traffic.bytes,
        }
    }
}

/// One run, as `--json` has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    seed: u64,
    nodes: usize,
    links: usize,
    resets: u64,
    departures: u64,
    quiet_after: Option<u64>,
    phases: Vec<Figures>,
}

impl From<&Report> for Run {
    fn from(report: &Report) -> Self {
        Self {
            seed: report.seed,
            nodes: report.nodes,
            links: report.links,
            resets: report.resets,
            departures: report.departures,
            quiet_after: report.quiet_after,
            phases: report.phases().into_iter().chain([report.whole()]).map(Figures::from).collect(),
        }
    }
}

/// Plays `seeds` runs of a scenario, the first with `first`, and prints each as soon as those before it are printed.
///
/// # Errors
/// When a file cannot be read or written, or the scenario cannot be played.
pub(crate) fn run(file: &Path, first: u64, seeds: u16, plot: Option<&Path>, json: bool) -> Result<(), Ended> {
    let text = fs::read_to_string(file).map_err(|error| unusable(file, &error))?;
    let scenario = Scenario::parse(&text).map_err(|error| unplayable(file, &error))?;
    let mut whole = Vec::new();
    let mut shown = Ok(());
    play(&scenario, first, seeds, |report| {
        if report.seed == first
            && let Some(plot) = plot
        {
            shown = fs::write(plot, sim::plot(report)).map_err(|error| unusable(plot, &error).into());
        }
        if shown.is_ok() {
            shown = if json { print_json(&Run::from(report)) } else { print(format!("{report}\n")) };
        }
        whole.push(report.whole());
        shown.is_ok()
    })
    .map_err(|error| unplayable(file, &error))?;
    shown?;
    if whole.len() > 1 && !json { print(together(&whole)) } else { Ok(()) }
}

/// Plays on all cores; `shown` gets the reports in the order of their seeds, and says whether to go on.
fn play(
    scenario: &Scenario,
    first: u64,
    seeds: u16,
    mut shown: impl FnMut(&Report) -> bool,
) -> Result<(), sim::ScenarioError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let seeds = (0..u64::from(seeds)).map(|n| first.wrapping_add(n));
    let to_play = Mutex::new(seeds.clone());
    thread::scope(|scope| {
        // Here inside, so that those who play stop when nobody listens any more.
        let (ended, reports) = mpsc::channel();
        for _ in 0..cores {
            let (to_play, ended) = (&to_play, ended.clone());
            scope.spawn(move || {
                loop {
                    let seed = to_play.lock().ok().and_then(|mut seeds| seeds.next());
                    let Some(seed) = seed else { return };
                    if ended.send((seed, sim::run(scenario, seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(ended);
        let mut waiting = Vec::new();
        for next in seeds {
            let report = loop {
                if let Some(at) = waiting.iter().position(|(seed, _)| *seed == next) {
                    break waiting.swap_remove(at).1;
                }
                let Ok(report) = reports.recv() else { return Ok(()) };
                waiting.push(report);
            };
            if !shown(&report?) {
                return Ok(());
            }
        }
        Ok(())
    })
}

/// The median and the worst of the whole of each run.
fn together(runs: &[Phase]) -> String {
    let figure = |name: &str, of: fn(&Phase) -> f64| {
        let mut seen: Vec<f64> = runs.iter().map(of).collect();
        seen.sort_by(f64::total_cmp);
        let at = |place: usize| seen.get(place).copied().unwrap_or_default();
        let median = (at((seen.len() - 1) / 2) + at(seen.len() / 2)) / 2.0;
        format!("{name:<22} median {median:>8.3}, worst {:>8.3}", at(seen.len() - 1))
    };
    [
        format!("{} runs, all messages of each", runs.len()),
        figure("payload", Phase::payload_ratio),
        figure("notes per delivery", Phase::notes_per_delivery),
        figure("levels per delivery", Phase::levels_per_delivery),
        figure("missed", |phase| phase.missed() as f64),
        figure("P99 ms", |phase| phase.latency.p99),
        figure("P99 of flooding's", Phase::latency_ratio),
    ]
    .join("\n")
}

fn unusable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureCode::Disk,
        format!("{} cannot be used: {error}.", file.display()),
        "Look at its name and place.",
    )
}

fn unplayable(file: &Path, error: &sim::ScenarioError) -> Failure {
    Failure::new(
        FailureCode::BadInput,
        format!("{}: {error}.", file.display()),
        "docs/lab.md says what a scenario may hold.",
    )
}
