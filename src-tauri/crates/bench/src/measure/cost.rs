//! What one more message costs, by how much is there already.

use std::{fs, time::Instant};

use feed::Verifier;
use store::Store;

use super::{Stores, grouped, stores::copy};
use crate::{
    Error,
    dataset::Parameters,
    report::{Figure, Goal, Section, Unit},
    times::Samples,
};

/// At the largest size ÷ at the smallest, at most.
const GROWTH: f64 = 1.2;

/// What single messages cost.
struct Cost {
    size: usize,
    pages: Samples,
    steps: Samples,
    milliseconds: Samples,
    /// The same with what follows the log, each time until it had caught up.
    all_pages: Samples,
    all_steps: Samples,
}

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let largest = stores.setup.messages;
    let sizes =
        if stores.setup.short { vec![largest / 10, largest] } else { vec![largest / 100, largest / 10, largest] };
    let mut costs = Vec::new();
    for size in sizes {
        costs.push(at(stores, size).await?);
    }
    for cost in &costs {
        let at = grouped(cost.size);
        section.add(mean_beside_median(format!("pages written, at {at} messages"), &cost.pages));
        section.add(mean_beside_median(format!("steps of SQLite, at {at} messages"), &cost.steps));
        section.add(mean_beside_median(format!("pages with full text, at {at} messages"), &cost.all_pages));
        section.add(mean_beside_median(format!("steps with full text, at {at} messages"), &cost.all_steps));
        section.add(
            Figure::new(format!("time, at {at} messages"), Unit::Milliseconds, cost.milliseconds.median())
                .second("P95", cost.milliseconds.percentile(95)),
        );
    }
    if let [first, .., last] = &costs[..] {
        let grows = |what: &str, of: fn(&Cost) -> f64| {
            let what = format!("{what}, {} ÷ {} messages", grouped(last.size), grouped(first.size));
            Figure::new(what, Unit::Times, of(last) / of(first)).goal(Goal::AtMost(GROWTH))
        };
        section.add(grows("pages", |cost| cost.pages.median()).deterministic());
        section.add(grows("pages, means", |cost| cost.pages.mean()).deterministic());
        section.add(grows("steps", |cost| cost.steps.median()).deterministic());
        section.add(grows("steps, means", |cost| cost.steps.mean()).deterministic());
        section.add(grows("pages with full text, means", |cost| cost.all_pages.mean()));
        section.add(grows("steps with full text, means", |cost| cost.all_steps.mean()));
        let what = "time (for the record), the same";
        section.add(Figure::new(what, Unit::Times, last.milliseconds.median() / first.milliseconds.median()));
    }
    if let Some(cost) = costs.first() {
        section.note(format!(
            "Medians of {} messages of mixed kinds, appended one by one to a copy of the store, with every index; full text and \
             opened private messages, which follow the log in batches, catch up after each message here and are shown apart.",
            cost.pages.count()
        ));
    }
    Ok(())
}

fn mean_beside_median(what: String, samples: &Samples) -> Figure {
    Figure::new(what, Unit::Count, samples.median()).second("mean", samples.mean())
}

/// Appends the messages that come after a set to a copy of its store.
async fn at(stores: &mut Stores, size: usize) -> Result<Cost, Error> {
    let set = stores.dataset(Parameters::of(size))?;
    let (folder, _) = stores.ours(Parameters::of(size)).await?;
    let copied = stores.setup.folder.join("run").join("cost");
    copy(&folder, &copied)?;
    let verified = Verifier::new(None).verify_batch(set.more()?).into_iter().collect::<Result<Vec<_>, _>>();
    let verified = verified.map_err(|error| Error::Wrong(error.to_string()))?;
    let store = Store::open(&copied).await?;
    store.catch_up().await?;
    let (mut pages, mut steps, mut milliseconds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut all_pages, mut all_steps) = (Vec::new(), Vec::new());
    for message in verified {
        let received = message.timestamp() as i64 + 1;
        let before = store.write_cost().await;
        let begun = Instant::now();
        store.append(vec![message], received, false).await?;
        milliseconds.push(begun.elapsed().as_secs_f64() * 1000.0);
        let after = store.write_cost().await;
        pages.push((after.pages - before.pages) as f64);
        steps.push((after.steps - before.steps) as f64);
        // What follows the log rests while messages come, so all of its work is after this.
        store.catch_up().await?;
        let after = store.write_cost().await;
        all_pages.push((after.pages - before.pages) as f64);
        all_steps.push((after.steps - before.steps) as f64);
    }
    store.close().await?;
    drop(store);
    fs::remove_dir_all(&copied).map_err(Error::disk(&copied))?;
    if pages.iter().all(|pages| *pages == 0.0) {
        return Err(Error::Wrong("no message was written".into()));
    }
    Ok(Cost {
        size,
        pages: Samples::new(pages),
        steps: Samples::new(steps),
        milliseconds: Samples::new(milliseconds),
        all_pages: Samples::new(all_pages),
        all_steps: Samples::new(all_steps),
    })
}
