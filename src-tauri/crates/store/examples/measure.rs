//! Measures the store: `cargo run --release -p store --example measure -- [MESSAGES] [FOLDER]`.
//!
//! Signs MESSAGES (100,000 unless told) of a thousand people with the mix of kinds of the sample in `tests/data`, appends
//! them, and prints the rate, what a single message costs at the end, the room that each table takes on the disk and how
//! long the first pages take. FOLDER is kept; without it everything goes away at the end.

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use feed::{Content, Head, KeyPair, Message, MessageId, PersonId, Verified, json::Value, sign};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use social::write::{self, PostDraft};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use store::{Audience, Batch, Query, Store};

const PEOPLE: usize = 1000;
const BATCH: usize = 5000;
/// Of a thousand people the reader follows this many.
const FOLLOWED: usize = 150;
/// How many single messages are measured at the end.
const SINGLE: usize = 200;
/// How often a page is asked for; the median is printed.
const ROUNDS: usize = 21;
/// The first message's time, Unix milliseconds; each later one comes a minute later.
const START_MS: f64 = 1.5e12;

struct Author {
    keys: KeyPair,
    head: Option<Head>,
}

impl Author {
    fn new(number: usize) -> Self {
        let mut seed = [1; 32];
        seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
        Self { keys: KeyPair::from_seed(&seed), head: None }
    }

    fn says(&mut self, time: f64, content: &Value) -> Result<Verified, Box<dyn Error>> {
        let message = sign(&self.keys, None, self.head.as_ref(), time, content)?;
        self.head = Some(message.head());
        Ok(message)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let kept = arguments.next().map(PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let folder = kept.as_deref().unwrap_or(temporary.path());

    let contents = sample_contents()?;
    let mut authors: Vec<Author> = (0..PEOPLE).map(Author::new).collect();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut roots: Vec<MessageId> = Vec::new();
    let store = Store::create(folder, &authors[0].keys, None).await?;

    let follows: Vec<_> = (1..=FOLLOWED).map(|n| write::contact(&authors[n].keys.feed_id(), true, false)).collect();
    let mut me = authors.remove(0);
    let own = follows.iter().map(|content| me.says(START_MS, content)).collect::<Result<Vec<_>, _>>()?;
    store.append(own, START_MS as i64, true).await?;

    let (mut reading, mut appending, mut json) = (Spent::default(), Spent::default(), 0);
    let mut n = 0;
    while n < count {
        let mut batch = Vec::with_capacity(BATCH);
        for _ in 0..BATCH.min(count - n) {
            let author = &mut authors[random.next_u32() as usize % (PEOPLE - 1)];
            let content = next_content(&contents[n % contents.len()], &mut roots, &mut random);
            let message = author.says(START_MS + 60_000.0 * n as f64, &content)?;
            if roots.len() < 50_000 && content.get("root").is_none() {
                roots.push(message.id());
            }
            json += message.encoded().len();
            batch.push(message);
            n += 1;
        }
        let start = Spent::now();
        let batch = Batch::read_on_all_cores(batch);
        let read = Spent::now();
        store.append_batch(batch, (START_MS + 60_000.0 * n as f64) as i64, false).await?;
        reading.add(start, read);
        appending.add(read, Spent::now());
    }
    reading.print("read and pack on all cores", count);
    appending.print("append", count);
    single(&store, &mut authors, &contents, n).await?;
    pages(&store, PersonId::from(authors[FOLLOWED / 2].keys.feed_id()), roots[0]).await?;
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
async fn single(
    store: &Store,
    authors: &mut [Author],
    contents: &[Value],
    before: usize,
) -> Result<(), Box<dyn Error>> {
    let start = store.write_cost().await;
    let mut times = Vec::new();
    for n in 0..SINGLE {
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

fn sample_contents() -> Result<Vec<Value>, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/data/sample-2000.ndjson");
    let mut contents = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let line = Value::parse(line.as_bytes())?;
        let value = line.get("value").ok_or("a line without a value")?.to_compact();
        contents.push(match Message::from_json(value.as_bytes())?.content() {
            Content::Object(value) => value,
            Content::Sealed(text) => Value::from(text),
        });
    }
    Ok(contents)
}

/// Replies of the sample answer something that is stored here; other contents stay as they are.
fn next_content(content: &Value, roots: &mut [MessageId], random: &mut ChaCha8Rng) -> Value {
    let text = content.get("text").and_then(Value::as_str);
    match text {
        Some(text) if content.get("root").is_some() && !roots.is_empty() => {
            let root = roots[random.next_u32() as usize % roots.len()];
            let draft =
                PostDraft { text: text.into_owned(), root: Some(root), branch: vec![root], ..PostDraft::default() };
            write::post(&draft)
        }
        _ => content.clone(),
    }
}
