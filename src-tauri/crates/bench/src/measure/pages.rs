//! What screens ask of a large store, with everything in memory and with nothing.

use std::{collections::BTreeMap, path::Path, time::Instant};

use feed::PersonId;
use social::Target;
use store::{Audience, Query, Store};

use super::{Stores, grouped, keys::Keys};
use crate::{
    Error,
    dataset::Parameters,
    page_cache::drop_pages,
    reference::beside,
    report::{Figure, Goal, Section, Unit},
    times::Samples,
};

/// Keys of each question.
const KEYS: usize = 1000;
/// Keys of each question of the short form.
const SHORT_KEYS: usize = 50;
/// Questions to a store that was just opened, with nothing of it in memory.
const COLD: usize = 20;
/// Cards and rows of a page.
const PAGE: usize = 20;
/// What each question may take at P95, in milliseconds.
const GOAL_MS: f64 = 5.0;
/// Keys that the reference is asked for.
const REFERENCE_KEYS: usize = 50;
/// Keys that it is asked for where each one that is new to it makes it read the whole log: channels and links.
const REFERENCE_SCANS: usize = 5;

/// A question of a screen.
#[derive(Clone, Debug)]
enum Ask {
    First(Audience),
    Later(i64),
    Thread(feed::MessageId),
    Profile(PersonId),
    Links(Target, String),
}

impl Ask {
    /// Asks; how many rows came.
    async fn of(&self, store: &Store) -> Result<usize, Error> {
        let page = |audience: &Audience, before| Query { audience: audience.clone(), before, limit: PAGE, near: &[] };
        Ok(match self {
            Self::First(audience) => store.timeline(page(audience, None)).await?.cards.len(),
            Self::Later(moment) => {
                let cursor = format!("{moment}.{}", i64::MAX).parse().map_err(|_| Error::Wrong("no cursor".into()))?;
                store.timeline(page(&Audience::All, Some(cursor))).await?.cards.len()
            }
            Self::Thread(id) => store.thread(*id).await?.map_or(0, |thread| thread.entries.len()),
            Self::Profile(person) => {
                store.person(person).await?;
                store.names(&[*person]).await?;
                store.ties(person);
                store.timeline(page(&Audience::Person(*person), None)).await?.cards.len()
            }
            Self::Links(target, relation) => store.linking(target, relation, None, PAGE).await?.len(),
        })
    }
}

/// One line of the table.
struct Row {
    what: &'static str,
    /// What the reference calls it; none where it cannot be asked.
    reference: Option<&'static str>,
    asks: Vec<Ask>,
}

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let count = if stores.setup.short { SHORT_KEYS } else { KEYS };
    let size = stores.setup.messages;
    let set = stores.dataset(Parameters::of(size))?;
    let keys = Keys::draw(&set, count)?;
    let (folder, _) = stores.ours(Parameters::of(size)).await?;
    let theirs = reference_times(stores, size, &keys)?;
    let again = |audience: Audience| vec![Ask::First(audience); count];
    let rows = [
        Row { what: "first page, everything here", reference: Some("everything"), asks: again(Audience::All) },
        Row { what: "first page, following", reference: None, asks: again(Audience::Following) },
        Row { what: "first page, friends of friends too", reference: None, asks: again(Audience::Friends) },
        Row {
            what: "first page of a channel",
            reference: Some("channel"),
            asks: keys.channels.iter().cloned().map(|name| Ask::First(Audience::Channel(name))).collect(),
        },
        Row {
            what: "a later page, anywhere in the history",
            reference: None,
            asks: keys.moments.iter().copied().map(Ask::Later).collect(),
        },
        Row {
            what: "a thread",
            reference: Some("thread"),
            asks: keys.threads.iter().copied().map(Ask::Thread).collect(),
        },
        Row {
            what: "a profile with its first page",
            reference: Some("profile"),
            asks: keys.people.iter().copied().map(Ask::Profile).collect(),
        },
        Row {
            what: "links to a person as mentions",
            reference: Some("links"),
            asks: keys.people.iter().map(|person| Ask::Links(Target::Feed(person.feed()), "mentions".into())).collect(),
        },
        Row {
            what: "links to anything, any relation",
            reference: None,
            asks: keys.links.iter().cloned().map(|(target, relation)| Ask::Links(target, relation)).collect(),
        },
    ];

    let store = Store::open(&folder).await?;
    for row in &rows {
        let mut times = Vec::with_capacity(row.asks.len());
        let mut found = 0;
        for ask in &row.asks {
            let begun = Instant::now();
            found += ask.of(&store).await?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        if found == 0 {
            return Err(Error::Wrong(format!("{}: nothing was found", row.what)));
        }
        let times = Samples::new(times);
        let mut figure = Figure::new(row.what, Unit::Milliseconds, times.median()).second("P95", times.percentile(95));
        if !stores.setup.short {
            figure = figure.goal(Goal::AtMost(GOAL_MS));
        }
        if let Some(name) = row.reference {
            let median = |times: &BTreeMap<String, Vec<f64>>| {
                Samples::new(times.get(name).cloned().unwrap_or_default()).median()
            };
            figure = figure.beside(beside(&theirs, median));
        }
        section.add(figure);
    }
    store.close().await?;
    drop(store);
    section.note(format!(
        "{} messages of {} authors, {count} random keys each, pages of {PAGE}; of the reference the median of \
         {REFERENCE_KEYS} keys ({REFERENCE_SCANS} for channels and links), indexes that its first questions make included.",
        grouped(size),
        set.parameters.authors,
    ));
    if !stores.setup.short {
        for row in &rows {
            cold(&folder, row, section).await?;
        }
    }
    Ok(())
}

/// The same with a store that was just opened and whose files are not in memory.
async fn cold(folder: &Path, row: &Row, section: &mut Section) -> Result<(), Error> {
    let mut times = Vec::new();
    for ask in row.asks.iter().take(COLD) {
        let how = drop_pages(folder);
        section.note(format!("*Cold*: the first question to a store just opened; {}.", how.words()));
        let store = Store::open(folder).await?;
        let begun = Instant::now();
        ask.of(&store).await?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        store.close().await?;
    }
    let times = Samples::new(times);
    section.add(
        Figure::new(format!("cold: {}", row.what), Unit::Milliseconds, times.median())
            .second("P95", times.percentile(95)),
    );
    Ok(())
}

/// What the reference needs for the same questions, in milliseconds.
fn reference_times(
    stores: &mut Stores,
    size: usize,
    keys: &Keys,
) -> Result<Result<BTreeMap<String, Vec<f64>>, String>, Error> {
    let texts = |keys: &[String], count: usize| keys.iter().take(count).cloned().collect::<Vec<_>>();
    let people: Vec<String> = keys.people.iter().map(|person| person.feed().to_string()).collect();
    let threads: Vec<String> = keys.threads.iter().map(ToString::to_string).collect();
    let questions = BTreeMap::from([
        ("everything", vec![String::new(); REFERENCE_KEYS]),
        ("channel", texts(&keys.channels, REFERENCE_SCANS)),
        ("profile", texts(&people, REFERENCE_KEYS)),
        ("thread", texts(&threads, REFERENCE_KEYS)),
        ("links", texts(&people, REFERENCE_SCANS)),
    ]);
    Ok(stores.theirs(Parameters::of(size))?.and_then(|(folder, _)| stores.setup.reference.ask(&folder, &questions)))
}
