//! Everything a neighbour has, over loopback to somebody who has nothing, in turn with the reference; then meeting again, and
//! single messages.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Stores, grouped,
    peers::{Peer, Stack, folders},
    stores::copy,
};
use crate::{
    Error,
    dataset::{Dataset, Parameters},
    proxy::Proxy,
    report::{Beside, Figure, Goal, Section, Unit},
    times::Samples,
};

/// As fast as the reference, at least so often.
const TIMES_REFERENCE: f64 = 10.0;
/// Of the reference's bytes on the wire, at most.
const OF_BYTES: f64 = 0.5;
/// Memory at either end, at most, in MB.
const MEMORY_MB: f64 = 150.0;
/// A new message on the wire, at most, in kB.
const ONE_KB: f64 = 1.5;
/// And on its way, at most, in milliseconds.
const ONE_MS: f64 = 50.0;

/// Single messages, and in the short form.
const ONES: [usize; 2] = [10, 3];
/// How often they meet again.
const AGAIN: usize = 2;
/// How long the processes of the sync over the wire stay as they are until their memory is read: full text has followed by then.
const FOLLOWED: Duration = Duration::from_secs(8);
/// The same in the short form, where memory has no goal.
const FOLLOWED_SHORT: Duration = Duration::from_secs(1);
/// Until a wire is taken to be quiet although something goes over it again and again.
const RESTLESS: Duration = Duration::from_secs(8);

/// What went over the wire, and what the two who sent it needed.
struct Wire {
    first: u64,
    giver_bytes: u64,
    taker_bytes: u64,
    again: Vec<u64>,
    one: Samples,
    milliseconds: Samples,
}

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let few = Parameters::of(stores.setup.ingest);
    let authors = if stores.setup.short { 100 } else { 1_000 };
    let many = Parameters { authors, messages: 30 * authors, ..few };
    for parameters in [few, many] {
        shape(stores, section, parameters).await?;
    }
    let of = match stores.setup.runs {
        1 => "One sync".to_owned(),
        runs => format!("Medians of {runs} syncs in turn"),
    };
    section.note(format!(
        "{of}, each of two new processes on loopback: from before the taker dials until it has every message, indexed and synced to the \
         disk; full text and opened private messages follow ours later. Ours follows every author; the reference (`ssb-db2`, \
         `ssb-ebt`) asks for each, and its log and indexes are drained. Bytes are all that goes over TCP, both ways, in a sync of its own \
         through a wire that counts; the memory is that of this sync, read {} s after its end. Meeting again is with a taker \
         started anew; ours asks again for pictures that the set names and nobody has (the reference \
         has no blobs here). Of {} single messages medians, from before they are written to where the taker has them: of ours \
         in the database, of the reference's in its log, which it writes in bursts.",
        followed(stores).as_secs(),
        ones(stores)
    ));
    Ok(())
}

fn followed(stores: &Stores) -> Duration {
    if stores.setup.short { FOLLOWED_SHORT } else { FOLLOWED }
}

fn ones(stores: &Stores) -> usize {
    ONES[usize::from(stores.setup.short)]
}

/// One set, both stacks.
async fn shape(stores: &mut Stores, section: &mut Section, parameters: Parameters) -> Result<(), Error> {
    let set = stores.dataset(parameters)?;
    let (ours, _) = stores.ours(parameters).await?;
    let theirs = stores.theirs(parameters)?.map(|(folder, _)| folder);
    let mut seconds: Vec<f64> = Vec::new();
    let mut their_seconds: Result<Vec<f64>, String> = theirs.as_ref().map(|_| Vec::new()).map_err(Clone::clone);
    let runs = stores.setup.runs;
    for run in 1..=runs {
        if let (Ok(folder), Ok(seconds)) = (&theirs, &mut their_seconds) {
            match sync(stores, Stack::Theirs, folder, &set).await {
                Ok(one) => seconds.push(one),
                Err(why) => their_seconds = Err(why.to_string()),
            }
        }
        let one = sync(stores, Stack::Ours, &ours, &set).await?;
        println!("  [run {run} of {runs}: {one:.2} s]");
        seconds.push(one);
    }
    let wire = over_a_wire(stores, Stack::Ours, &ours, &set).await?;
    let their_wire = match &theirs {
        Ok(folder) => over_a_wire(stores, Stack::Theirs, folder, &set).await.map_err(|why| why.to_string()),
        Err(why) => Err(why.clone()),
    };
    let [giver, taker] = folders(&stores.setup);
    for folder in [giver, taker] {
        std::fs::remove_dir_all(&folder).map_err(Error::disk(&folder))?;
    }
    show(stores, section, &set, (seconds, &wire), (their_seconds, their_wire));
    Ok(())
}

/// Two new processes.
async fn both(stores: &Stores, stack: Stack, full: &Path, set: &Dataset) -> Result<(Peer, Peer), Error> {
    let [giver, taker] = folders(&stores.setup);
    copy(full, &giver)?;
    stack.newcomer(&taker, set).await?;
    // Nothing that was written before is still on its way to the disk.
    rustix::fs::sync();
    Ok((stack.start(&stores.setup, set, &giver, 0).await?, start_taker(stores, stack, set).await?))
}

async fn start_taker(stores: &Stores, stack: Stack, set: &Dataset) -> Result<Peer, Error> {
    let [_, taker] = folders(&stores.setup);
    stack.start(&stores.setup, set, &taker, stack.own(set)).await
}

async fn sync(stores: &Stores, stack: Stack, full: &Path, set: &Dataset) -> Result<f64, Error> {
    let (giver, mut taker) = both(stores, stack, full, set).await?;
    let begun = Instant::now();
    taker.connect(&giver.address(giver.port)).await?;
    taker.has_all(set.facts.messages as u64).await?;
    let seconds = begun.elapsed().as_secs_f64();
    taker.end().await?;
    giver.end().await?;
    Ok(seconds)
}

async fn over_a_wire(stores: &Stores, stack: Stack, full: &Path, set: &Dataset) -> Result<Wire, Error> {
    let (mut giver, mut taker) = both(stores, stack, full, set).await?;
    let proxy = Proxy::to(giver.port).await?;
    let address = giver.address(proxy.port);
    let all = set.facts.messages as u64;
    taker.connect(&address).await?;
    taker.has_all(all).await?;
    let first = proxy.quiet(RESTLESS).await;
    tokio::time::sleep(followed(stores)).await;
    let (giver_bytes, taker_bytes) = (giver.peak_bytes(), taker.peak_bytes());
    let mut again = Vec::new();
    for _ in 0..AGAIN {
        taker.end().await?;
        // Ours remembers whom it was linked to, and dials while it starts.
        let before = proxy.bytes();
        taker = start_taker(stores, stack, set).await?;
        taker.connect(&address).await?;
        again.push(proxy.quiet(RESTLESS).await - before);
    }
    let (mut bytes, mut milliseconds) = (Vec::new(), Vec::new());
    for number in 1..=ones(stores) {
        let (before, begun) = (proxy.bytes(), Instant::now());
        let text = format!("number {number} of the posts that are written while they are linked");
        let (posted, has) = tokio::join!(giver.post(&text), async {
            let has = taker.has_next(all + number as u64).await;
            has.map(|_| begun.elapsed())
        });
        posted?;
        milliseconds.push(has?.as_secs_f64() * 1000.0);
        bytes.push((proxy.quiet(RESTLESS).await - before) as f64);
    }
    taker.end().await?;
    giver.end().await?;
    Ok(Wire {
        first,
        giver_bytes,
        taker_bytes,
        again,
        one: Samples::new(bytes),
        milliseconds: Samples::new(milliseconds),
    })
}

/// The figures of one set.
fn show(
    stores: &Stores,
    section: &mut Section,
    set: &Dataset,
    (seconds, wire): (Vec<f64>, &Wire),
    (their_seconds, their_wire): (Result<Vec<f64>, String>, Result<Wire, String>),
) {
    let of = format!("{} messages of {} feeds", grouped(set.facts.messages), grouped(set.parameters.authors));
    let goal = |figure, goal| stores.setup.goal(figure, goal);
    let on_wire = |value: &dyn Fn(&Wire) -> f64| match &their_wire {
        Ok(wire) => Beside::Value(value(wire)),
        Err(why) => Beside::NotRun(why.clone()),
    };
    let seconds = Samples::new(seconds).median();
    let theirs = match their_seconds {
        Ok(theirs) => Beside::Value(Samples::new(theirs).median()),
        Err(why) => Beside::NotRun(why),
    };
    section.add(Figure::new(format!("{of}, to indexed and durable"), Unit::Seconds, seconds).beside(theirs.clone()));
    if let Beside::Value(theirs) = theirs {
        let what = "as fast as the reference";
        section.add(goal(Figure::new(what, Unit::Times, theirs / seconds), Goal::AtLeast(TIMES_REFERENCE)));
    }
    let first = |wire: &Wire| wire.first as f64 / 1e6;
    section.add(Figure::new("on the wire, all of it", Unit::Megabytes, first(wire)).beside(on_wire(&first)));
    if let Ok(theirs) = &their_wire {
        let what = "of the reference's bytes";
        section.add(goal(Figure::new(what, Unit::Times, first(wire) / first(theirs)), Goal::AtMost(OF_BYTES)));
    }
    let (giver, taker) = (|wire: &Wire| wire.giver_bytes as f64 / 1e6, |wire: &Wire| wire.taker_bytes as f64 / 1e6);
    for (what, value, theirs) in [
        ("most memory of the giver", giver(wire), on_wire(&giver)),
        ("most memory of the taker", taker(wire), on_wire(&taker)),
    ] {
        section.add(goal(Figure::new(what, Unit::Megabytes, value).beside(theirs), Goal::AtMost(MEMORY_MB)));
    }
    for (at, name) in ["the first time", "the second time"].into_iter().enumerate() {
        let kilobytes = move |wire: &Wire| wire.again[at] as f64 / 1e3;
        let what = format!("meeting again with nothing new, {name}, handshakes and all");
        section.add(Figure::new(what, Unit::Kilobytes, kilobytes(wire)).beside(on_wire(&kilobytes)));
    }
    let one = |wire: &Wire| wire.one.median() / 1e3;
    let what = "one new message on the wire, all that is said about it";
    section.add(Figure::new(what, Unit::Kilobytes, one(wire)).beside(on_wire(&one)).goal(Goal::AtMost(ONE_KB)));
    let figure = Figure::new("written until the taker has it", Unit::Milliseconds, wire.milliseconds.median());
    let figure = figure.beside(on_wire(&|wire| wire.milliseconds.median()));
    section.add(goal(figure, Goal::AtMost(ONE_MS)));
}
