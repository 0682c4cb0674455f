//! Measures the store: `cargo run --release -p store --example measure -- [MESSAGES | FILE] [FOLDER]`.
//!
//! Signs MESSAGES (100,000 unless told) of a thousand people with the mix of kinds of the sample in `tests/data`, or takes
//! those of FILE (one JSON object with a `value` a line; signatures are not checked), appends them, and prints the rate, what a single message costs at the end, the room that each table takes on the disk and how
//! long the first pages take. FOLDER is kept; without it everything goes away at the end.

mod source;

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use feed::{MessageId, PersonId};
use social::write;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use store::{Audience, Batch, Query, Store};

use crate::source::{Author, START_MS, Source, sample_contents};

const BATCH: usize = 5000;
/// Of the people the reader follows this many.
const FOLLOWED: usize = 150;
/// How many single messages are measured at the end.
const SINGLE: usize = 200;
/// How often a page is asked for; the median is printed.
const ROUNDS: usize = 21;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "100000".into());
    let kept = arguments.next().map(PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let folder = kept.as_deref().unwrap_or(temporary.path());

    let (mut me, mut source) = match what.parse() {
        Ok(count) => Source::signed(count)?,
        Err(_) => Source::file(Path::new(&what))?,
    };
    let store = Store::create(folder, &me.keys, None).await?;
    let people = source.people();
    let follows: Vec<_> = people.iter().take(FOLLOWED).map(|feed| write::contact(feed, true, false)).collect();
    let own = follows.iter().map(|content| me.says(START_MS, content)).collect::<Result<Vec<_>, _>>()?;
    store.append(own, START_MS as i64, true).await?;

    let (mut reading, mut appending, mut json) = (Spent::default(), Spent::default(), 0);
    let (mut count, mut root) = (0, None);
    loop {
        let batch = source.next(BATCH)?;
        if batch.is_empty() {
            break;
        }
        count += batch.len();
        json += batch.iter().map(|message| message.encoded().len()).sum::<usize>();
        root = root.or(batch.first().map(|message| message.id()));
        let start = Spent::now();
        let batch = Batch::read_on_all_cores(batch);
        let read = Spent::now();
        store.append_batch(batch, (START_MS + 60_000.0 * count as f64) as i64, false).await?;
        reading.add(start, read);
        appending.add(read, Spent::now());
    }
    reading.print("read and pack on all cores", count);
    appending.print("append", count);
    let cost = store.write_cost().await;
    println!(
        "  in {} transactions, {:.1} steps and {:.2} pages a message",
        cost.transactions,
        cost.steps as f64 / count as f64,
        cost.pages as f64 / count as f64
    );
    store.catch_up().await?;
    single(&store, count).await?;
    let person = people.get(FOLLOWED / 2).or(people.first()).ok_or("nobody wrote anything")?;
    pages(&store, PersonId::from(*person), root.ok_or("nobody wrote anything")?).await?;
    store.close().await?;
    let bytes = store.totals().await?.bytes;
    tables(folder, count).await?;
    println!("disk: {bytes} bytes, {:.2} times the {json} bytes of JSON", bytes as f64 / json as f64);
    drop(store);
    let start = Instant::now();
    let store = Store::open(folder).await?;
    store.snapshot().await?;
    println!("open: {:.0} ms", start.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}

/// Wall and processor time.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

impl Spent {
    fn now() -> Self {
        // Clock ticks of user and system, of which Linux has a hundred a second; nothing elsewhere.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        Self { wall: START.elapsed(), cpu: Duration::from_millis(10 * ticks) }
    }

    fn add(&mut self, from: Self, to: Self) {
        self.wall += to.wall - from.wall;
        self.cpu += to.cpu - from.cpu;
    }

    fn print(&self, what: &str, count: usize) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        println!("{what}: {:.2} us a message, {:.2} us of processor", each(self.wall), each(self.cpu));
    }
}

/// Prints what one message costs that comes alone.
async fn single(store: &Store, before: usize) -> Result<(), Box<dyn Error>> {
    let (mut authors, contents) = (Vec::from_iter((0..20).map(|n| Author::new(1_000_000 + n))), sample_contents()?);
    let mut times = Vec::new();
    let mut start = store.write_cost().await;
    for n in 0..2 * SINGLE {
        if n == SINGLE {
            // The first ones bring new feeds.
            start = store.write_cost().await;
            times.clear();
        }
        let time = START_MS + 60_000.0 * (before + n) as f64;
        let at = n % authors.len();
        let message = authors[at].says(time, &contents[n % contents.len()])?;
        let start = Instant::now();
        store.append(vec![message], time as i64, false).await?;
        times.push(start.elapsed());
    }
    let end = store.write_cost().await;
    let each = |from: u64, to: u64| (to - from) as f64 / SINGLE as f64;
    println!(
        "one message alone: {:.2} ms, {:.1} pages, {:.1} steps",
        median(times),
        each(start.pages, end.pages),
        each(start.steps, end.steps)
    );
    Ok(())
}

/// Prints what each table and index takes.
async fn tables(folder: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    let mut db = SqliteConnectOptions::new().filename(folder.join("periwinkle.sqlite")).connect().await?;
    let tables: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT name, sum(pgsize), sum(unused) FROM dbstat GROUP BY name ORDER BY 2 DESC")
            .fetch_all(&mut db)
            .await?;
    for (name, bytes, unused) in tables {
        let each = |bytes: i64| bytes as f64 / count as f64;
        println!("  {name}: {:.1} bytes a message, of them {:.1} free", each(bytes), each(unused));
    }
    Ok(())
}

/// Prints the median time of first pages.
async fn pages(store: &Store, person: PersonId, thread: MessageId) -> Result<(), Box<dyn Error>> {
    let audiences = [
        ("everything here", Audience::All),
        ("following", Audience::Following),
        ("nobody near", Audience::Nearby),
        ("a channel", Audience::Channel("birds".into())),
        ("a person", Audience::Person(person)),
    ];
    for (name, audience) in audiences {
        let mut times = Vec::new();
        let mut cards = 0;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let query = Query { audience: audience.clone(), before: None, limit: 20, near: &[] };
            cards = store.timeline(query).await?.cards.len();
            times.push(start.elapsed());
        }
        println!("first page, {name}: {cards} cards in {:.2} ms", median(times));
    }
    let start = Instant::now();
    let entries = store.thread(thread).await?.map_or(0, |thread| thread.entries.len());
    println!("a thread of {entries}: {:.2} ms", start.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
