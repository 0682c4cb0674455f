//! Measures search: `cargo run --release -p store --example search -- [MESSAGES] [FOLDER]`.
//!
//! Signs MESSAGES (100,000 unless told) posts of a hundred people, of words drawn by Zipf's law from 50,000, appends them as
//! a first sync brings them, feed after feed, and prints how fast full text follows, what it takes on the disk and how long
//! answers take: searches, pages of the log by type, and what links to a message. FOLDER is kept, and measured again without
//! filling it when it is there already, whatever it holds.

use std::{
    error::Error,
    path::PathBuf,
    time::{Duration, Instant},
};

use feed::{Head, KeyPair, Verified, sign};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use social::{
    Target,
    search::parse,
    write::{self, PostDraft},
};
use store::{Search, Store};

const PEOPLE: usize = 100;
const WORDS: usize = 50_000;
/// Words of a post.
const LENGTH: usize = 30;
const BATCH: usize = 5000;
/// How many random words are asked for.
const ROUNDS: usize = 1000;
/// The first message's time, Unix milliseconds; each later one of a feed comes a quarter of an hour later.
const START_MS: f64 = 1.5e12;

/// Words by their rank, and how to draw one.
struct Vocabulary {
    words: Vec<String>,
    sums: Vec<f64>,
}

impl Vocabulary {
    fn new(random: &mut ChaCha8Rng) -> Self {
        let letter = |random: &mut ChaCha8Rng| char::from(b'a' + (random.next_u32() % 26) as u8);
        let word = |_| (0..3 + random.next_u32() % 8).map(|_| letter(random)).collect();
        let words = (0..WORDS).map(word).collect();
        let mut sum = 0.0;
        let mut add = |rank: usize| {
            sum += 1.0 / rank as f64;
            sum
        };
        Self { words, sums: (1..=WORDS).map(&mut add).collect() }
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> &str {
        let most = self.sums[WORDS - 1];
        let wanted = f64::from(random.next_u32()) / f64::from(u32::MAX) * most;
        &self.words[self.sums.partition_point(|sum| *sum < wanted).min(WORDS - 1)]
    }

    fn any(&self, random: &mut ChaCha8Rng) -> &str {
        &self.words[random.next_u32() as usize % WORDS]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let kept = arguments.next().map(PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let folder = kept.as_deref().unwrap_or(temporary.path());
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let vocabulary = Vocabulary::new(&mut random);
    let store = match folder.join("secret").exists() {
        true => Store::open(folder).await?,
        false => filled(folder, count, &vocabulary, &mut random).await?,
    };
    caught_up(&store).await?;

    let mut query = |name: &'static str, make: &mut dyn FnMut(&mut ChaCha8Rng) -> String| {
        (name, (0..ROUNDS).map(|_| make(&mut random)).collect::<Vec<_>>())
    };
    let queries = [
        query("any word", &mut |random| vocabulary.any(random).to_owned() + " "),
        query("words as they are used", &mut |random| vocabulary.draw(random).to_owned() + " "),
        query("two words", &mut |random| format!("{} {} ", vocabulary.draw(random), vocabulary.draw(random))),
        query("a phrase", &mut |random| format!("\"{} {}\"", vocabulary.draw(random), vocabulary.draw(random))),
        query("two letters of a word", &mut |random| vocabulary.draw(random)[..2].to_owned()),
        query("three letters of a word", &mut |random| vocabulary.draw(random)[..3].to_owned()),
        query("a word but not another", &mut |random| {
            format!("{} -{} ", vocabulary.draw(random), vocabulary.draw(random))
        }),
    ];
    for (name, queries) in &queries {
        measure(&store, name, queries, false).await?;
    }
    measure(&store, "best of any word", &queries[0].1, true).await?;
    measure(&store, "best of words as they are used", &queries[1].1[..200], true).await?;
    pages(&store, &mut random).await?;
    store.close().await?;
    Ok(())
}

/// Waits for full text, and prints how fast it came.
async fn caught_up(store: &Store) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let behind = store.behind().0;
    store.catch_up().await?;
    let took = start.elapsed().as_secs_f64();
    println!("full text: {behind} messages in {took:.1} s, {:.0} a second", behind as f64 / took);
    Ok(())
}

/// Prints how long pages of the log and of links take, from random places.
async fn pages(store: &Store, random: &mut ChaCha8Rng) -> Result<(), Box<dyn Error>> {
    let messages = store.totals().await?.messages.max(1);
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let place = (u64::from(random.next_u32()) % messages) as i64;
        let start = Instant::now();
        let page = store.history(None, Some("about"), Some(place), 20).await?;
        times[0].push(start.elapsed().as_secs_f64() * 1000.0);
        let Some(entry) = store.history(None, Some("post"), Some(place), 1).await?.entries.pop() else { continue };
        let message = entry.stored.message;
        let start = Instant::now();
        store.history(Some(message.author()), Some("about"), Some(place), 20).await?;
        times[1].push(start.elapsed().as_secs_f64() * 1000.0);
        let person = page.entries.first().map_or(message.author(), |entry| entry.stored.message.author());
        for (kind, target) in [(2, Target::Message(message.id())), (3, Target::Feed(person))] {
            let start = Instant::now();
            store.links_to(&target, None, None, 20).await?;
            times[kind].push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let names = ["the log by type", "the log by feed and type", "what links to a post", "what links to a person"];
    for (name, times) in names.into_iter().zip(times) {
        print(name, times);
    }
    Ok(())
}

/// Prints a line of times in milliseconds.
fn print(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).unwrap_or(&0.0);
    println!("{name}: P50 {:.2} ms, P95 {:.2} ms, most {:.2} ms", at(50), at(95), at(100));
}

/// A new store with `count` posts.
async fn filled(
    folder: &std::path::Path,
    count: usize,
    vocabulary: &Vocabulary,
    random: &mut ChaCha8Rng,
) -> Result<Store, Box<dyn Error>> {
    let me = KeyPair::from_seed(&[1; 32]);
    let store = Store::create(folder, &me, None).await?;
    let (mut appending, mut json, mut text_bytes) = (Duration::ZERO, 0, 0);
    for person in 0..PEOPLE {
        let keys = KeyPair::from_seed(&[2 + person as u8; 32]);
        let mut head: Option<Head> = None;
        let mut batch: Vec<Verified> = Vec::with_capacity(BATCH);
        for n in 0..count / PEOPLE {
            let text: Vec<&str> = (0..LENGTH).map(|_| vocabulary.draw(random)).collect();
            let draft = PostDraft { text: text.join(" "), ..PostDraft::default() };
            text_bytes += draft.text.len();
            let message = sign(&keys, None, head.as_ref(), START_MS + 900_000.0 * n as f64, &write::post(&draft))?;
            head = Some(message.head());
            json += message.encoded().len();
            batch.push(message);
            if batch.len() == BATCH || n + 1 == count / PEOPLE {
                let start = Instant::now();
                store.append(std::mem::take(&mut batch), 2_000_000_000_000, false).await?;
                appending += start.elapsed();
            }
        }
    }
    println!(
        "append: {:.1} s; compact JSON {} B a message, its text {} B",
        appending.as_secs_f64(),
        json / count,
        text_bytes / count
    );
    let before = store.totals().await?.bytes;
    caught_up(&store).await?;
    store.close().await?;
    let after = store.totals().await?.bytes;
    println!("disk: {} B a message, {} before full text had caught up", after / count as u64, before / count as u64);
    drop(store);
    Ok(Store::open(folder).await?)
}

/// Prints how long these searches take.
async fn measure(store: &Store, name: &str, queries: &[String], best: bool) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::with_capacity(queries.len());
    let mut found = 0;
    for query in queries {
        let search = Search { wanted: parse(query, true).wanted, limit: 20, ..Search::default() };
        let search = Search { excluded: parse(query, true).excluded, ..search };
        let start = Instant::now();
        let page = if best { store.search_best(&search).await? } else { store.search(&search).await? };
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        found += page.found.len();
    }
    print(&format!("{name} ({:.1} found)", found as f64 / queries.len() as f64), times);
    Ok(())
}
