//! Messages from a file, checked, stored and indexed, in turn with the reference.

use std::fs;

use super::{
    Stores, checks, grouped,
    stores::{Imported, import},
};
use crate::{
    Error,
    dataset::Parameters,
    reference::{Ingested, beside},
    report::{Beside, Figure, Goal, Section, Unit},
    times::Samples,
};

/// As fast as the reference, at least so often.
const TIMES_REFERENCE: f64 = 10.0;
/// Of the rate of bare signature checks, at least so much.
const OF_CHECKS: f64 = 0.7;
/// What may follow the log takes at most so many seconds more.
const FOLLOWS_S: f64 = 10.0;
/// Memory of an import, at most, in MB.
const MEMORY_MB: f64 = 200.0;

/// The peak of ten times the messages ÷ the peak of these, at most: the same, but for what chance adds.
const FLAT: f64 = 1.25;

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let (count, runs) = (stores.setup.ingest, stores.setup.runs);
    let set = stores.dataset(Parameters::of(count))?;
    let home = stores.setup.folder.join("run");
    fs::create_dir_all(&home).map_err(Error::disk(&home))?;
    let mut ours: Vec<Imported> = Vec::new();
    let mut theirs: Result<Vec<Ingested>, String> = Ok(Vec::new());
    for run in 1..=runs {
        if let Ok(ingested) = &mut theirs {
            match stores.setup.reference.ingest(&home.join("reference"), &set) {
                Ok(one) => ingested.push(one),
                Err(why) => theirs = Err(why),
            }
        }
        let one = import(&stores.setup.peri, &set, &home.join("ours")).await?;
        println!("  [run {run} of {runs}: {:.2} s, caught up after {:.2} s]", one.seconds, one.caught_up);
        ours.push(one);
    }
    let median = |of: fn(&Imported) -> f64| Samples::new(ours.iter().map(of).collect()).median();
    let (seconds, caught_up) = (median(|one| one.seconds), median(|one| one.caught_up));
    let reference = theirs.map(|runs| Samples::new(runs.iter().map(|one| one.seconds).collect()).median());

    let messages = set.messages(&(0..count).collect::<Vec<_>>())?;
    let apart = checks::apart(&messages)?;
    let (mut exact, mut strict) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        exact.push(checks::exact(&messages)?);
        strict.push(checks::strict(&apart)?);
    }
    let rate = |seconds: f64| count as f64 / seconds;
    let (exact, strict) = (rate(Samples::new(exact).median()), rate(Samples::new(strict).median()));

    let what = format!("{} messages of {} authors, to indexed and durable", grouped(count), set.parameters.authors);
    section.add(Figure::new(what, Unit::Seconds, seconds).beside(beside(&reference, |seconds| *seconds)));
    section.add(
        Figure::new("the same, in a second", Unit::PerSecond, rate(seconds))
            .beside(beside(&reference, |seconds| rate(*seconds))),
    );
    if let Ok(theirs) = &reference {
        section.add(stores.setup.goal(
            Figure::new("as fast as the reference", Unit::Times, theirs / seconds),
            Goal::AtLeast(TIMES_REFERENCE),
        ));
    }
    section.add(Figure::new("bare exact signature checks, tables for authors", Unit::PerSecond, exact));
    section.add(
        stores
            .setup
            .goal(Figure::new("ingest ÷ those checks", Unit::Times, rate(seconds) / exact), Goal::AtLeast(OF_CHECKS)),
    );
    section.add(Figure::new("bare checks of the plain library (`verify_strict`)", Unit::PerSecond, strict));
    section.add(Figure::new("ingest ÷ those checks", Unit::Times, rate(seconds) / strict));
    section.add(Figure::new("until full text and opened private messages had caught up too", Unit::Seconds, caught_up));
    section.add(
        stores.setup.goal(
            Figure::new("so they followed the log by", Unit::Seconds, caught_up - seconds),
            Goal::AtMost(FOLLOWS_S),
        ),
    );
    let of = if runs == 1 { "One run".to_owned() } else { format!("Medians of {runs} runs in turn") };
    section.note(format!(
        "{of}, each in a fresh folder. Ours is `peri import`, from its first look at the file to the \
         closed database; the start of the process is left out. The reference is `ssb-db2` `addBatch` by author, from its \
         first call with parsed messages at hand to the log drained, the indexes drained and every file synced."
    ));
    Ok(())
}

/// The most memory at once.
pub(super) async fn memory(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let sizes = [stores.setup.ingest, stores.setup.messages];
    let mut peaks = Vec::new();
    for (at, size) in sizes.into_iter().enumerate() {
        if at > 0 && sizes[0] == size {
            break;
        }
        let imported = match stores.ours(Parameters::of(size)).await? {
            (_, Some(imported)) => imported,
            (_, None) => {
                section.note("The store was left by an earlier run, so its import was not watched.");
                continue;
            }
        };
        let theirs = stores.theirs(Parameters::of(size))?;
        let theirs = match theirs {
            Ok((_, Some(ingested))) => Beside::Value(ingested.megabytes * 1.048_576),
            Ok((_, None)) => Beside::NotRun("its store was left by an earlier run".into()),
            Err(why) => Beside::NotRun(why),
        };
        let peak = imported.peak_bytes as f64 / 1e6;
        let what = format!("peak of an import of {} messages", grouped(size));
        // Bounded by what is in flight, not by the machine.
        let figure = Figure::new(what, Unit::Megabytes, peak).goal(Goal::AtMost(MEMORY_MB)).beside(theirs);
        section.add(figure.deterministic());
        let rate = size as f64 / imported.seconds;
        section.add(Figure::new("the rate of that import", Unit::PerSecond, rate));
        peaks.push(peak);
    }
    if let [small, large] = peaks[..] {
        let figure = Figure::new("the larger peak ÷ the smaller", Unit::Times, large / small);
        section.add(figure.goal(Goal::AtMost(FLAT)));
    }
    section.note("`VmHWM` of the whole process; of the reference, `maxRSS`.");
    Ok(())
}
