//! Measures the store: `cargo run --release -p store --example measure -- [MESSAGES] [FOLDER]`.
//!
//! Signs MESSAGES (100,000 unless told) of a thousand people with the mix of kinds of the sample in `tests/data`, appends
//! them, and prints the rate, the room on the disk and how long the first pages take. FOLDER is kept; without it
//! everything goes away at the end.

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
use store::{Audience, Query, Store};

const PEOPLE: usize = 1000;
const BATCH: usize = 5000;
/// Of a thousand people the reader follows this many.
const FOLLOWED: usize = 150;
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

    let (mut appending, mut json) = (Duration::ZERO, 0);
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
        let start = Instant::now();
        store.append(batch, (START_MS + 60_000.0 * n as f64) as i64, false).await?;
        appending += start.elapsed();
    }
    println!(
        "append: {count} messages in {:.1} s, {:.0} a second",
        appending.as_secs_f64(),
        count as f64 / appending.as_secs_f64()
    );
    pages(&store, PersonId::from(authors[FOLLOWED / 2].keys.feed_id()), roots[0]).await?;
    store.close().await?;
    let bytes = store.totals().await?.bytes;
    println!("disk: {bytes} bytes, {:.2} times the {json} bytes of JSON", bytes as f64 / json as f64);
    drop(store);
    let start = Instant::now();
    let store = Store::open(folder).await?;
    store.snapshot().await?;
    println!("open: {:.0} ms", start.elapsed().as_secs_f64() * 1000.0);
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
