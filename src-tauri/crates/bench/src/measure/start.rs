//! From the start of a process to the first page, without a window.

use std::process::Command;

use super::{Stores, grouped};
use crate::{
    Error,
    dataset::Parameters,
    page_cache::drop_pages,
    process::{self, Finished},
    report::{Beside, Figure, Goal, Section, Unit},
    times::Samples,
};

const STARTS: usize = 15;
const COLD_STARTS: usize = 7;
/// The first page is there after at most so many milliseconds.
const GOAL_MS: f64 = 300.0;
/// What the process may take, in MB.
const MEMORY_MB: f64 = 250.0;
const PAGE: &str = "20";

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let size = stores.setup.messages;
    let (folder, _) = stores.ours(Parameters::of(size)).await?;
    let peri = stores.setup.peri.clone();
    let start = || {
        let mut command = Command::new(&peri);
        command.arg("--dir").arg(&folder).args(["timeline", "--limit", PAGE]);
        let finished = process::run(&mut command)?;
        if finished.lines.is_empty() { Err(Error::Wrong("peri timeline shows nothing".into())) } else { Ok(finished) }
    };
    let ours = (0..STARTS).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
    let theirs = stores.theirs(Parameters::of(size))?;
    let theirs: Result<Vec<Finished>, String> = theirs.and_then(|(folder, _)| {
        let reference = &stores.setup.reference;
        // The first makes the indexes of the question.
        reference.start(&folder)?;
        (0..3).map(|_| reference.start(&folder)).collect()
    });
    let told = |runs: &[Finished]| Samples::new(runs.iter().map(|run| run.told().as_secs_f64() * 1000.0).collect());
    let peak = |runs: &[Finished]| runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0) as f64 / 1e6;
    let beside = |of: &dyn Fn(&[Finished]) -> f64| match &theirs {
        Ok(runs) => Beside::Value(of(runs)),
        Err(why) => Beside::NotRun(why.clone()),
    };
    let warm = told(&ours);
    section.add(
        stores.setup.goal(
            Figure::new("process started → first page printed", Unit::Milliseconds, warm.median())
                .second("worst", warm.worst())
                .beside(beside(&|runs| told(runs).median())),
            Goal::AtMost(GOAL_MS),
        ),
    );
    section.add(stores.setup.goal(
        Figure::new("memory of that process", Unit::Megabytes, peak(&ours)).beside(beside(&peak)),
        Goal::AtMost(MEMORY_MB),
    ));
    section.note(format!("`peri timeline` on {} messages; {STARTS} starts.", grouped(size)));
    if stores.setup.short {
        // A check leaves the page cache of the machine alone.
        return Ok(());
    }
    let mut cold = Vec::new();
    for _ in 0..COLD_STARTS {
        let how = drop_pages(&folder);
        section.note(format!("*Cold*: {COLD_STARTS} starts, {}.", how.words()));
        cold.push(start()?);
    }
    let cold = told(&cold);
    section.add(Figure::new("cold: the same", Unit::Milliseconds, cold.median()).second("worst", cold.worst()));
    Ok(())
}
