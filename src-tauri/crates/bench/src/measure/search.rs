//! Full-text search of a large store.

use std::time::Instant;

use feed::{MessageId, PersonId};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use social::{
    Kind,
    search::{parse, snippet},
};
use store::{Found, FoundText, Search, Store};

use super::{Stores, grouped};
use crate::{
    Error,
    dataset::{Dataset, Parameters, VOCABULARY, Words, below},
    page_cache::drop_pages,
    report::{Figure, Goal, Section, Unit},
    times::Samples,
};

/// Words looked for, of each kind.
const WORDS: usize = 1000;
const SHORT_WORDS: usize = 100;
/// Posts that are looked for by one of their own words.
const SOUGHT: usize = 200;
/// Pages of all matches that are read for each of them at most.
const MAX_PAGES: usize = 400;
/// Words looked for in a store that was just opened, with nothing of it in memory.
const COLD: usize = 20;
const PAGE: usize = 20;
/// What a search may take at P95, in milliseconds.
const GOAL_MS: f64 = 30.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Newest,
    Best,
}

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let (size, is_short) = (stores.setup.messages, stores.setup.short);
    let count = if is_short { SHORT_WORDS } else { WORDS };
    let set = stores.dataset(Parameters::of(size))?;
    let (folder, _) = stores.ours(Parameters::of(size)).await?;
    let vocabulary = Words::new();
    let mut random = ChaCha8Rng::seed_from_u64(set.parameters.seed ^ 3);
    let any: Vec<&str> = (0..count).map(|_| vocabulary.uniformly(&mut random)).collect();
    let used: Vec<&str> = (0..count).map(|_| vocabulary.by_frequency(&mut random)).collect();
    let pairs: Vec<String> = any.iter().zip(&used).map(|(one, other)| format!("{one} {other}")).collect();
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    let store = Store::open(&folder).await?;
    store.catch_up().await?;
    let rows = [
        ("newest first, any word of the vocabulary", Order::Newest, &any),
        ("newest first, words as often as they are used", Order::Newest, &used),
        ("newest first, two words at once", Order::Newest, &pairs),
        ("best first, any word of the vocabulary", Order::Best, &any),
        ("best first, words as often as they are used", Order::Best, &used),
    ];
    for (what, order, words) in rows {
        let mut times = Vec::with_capacity(words.len());
        let mut found = 0;
        for word in words {
            let begun = Instant::now();
            found += screen(&store, word, order).await?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        if found == 0 && words.as_ptr() != pairs.as_ptr() {
            return Err(Error::Wrong(format!("{what}: nothing was found")));
        }
        let times = Samples::new(times);
        let figure = Figure::new(what, Unit::Milliseconds, times.median()).second("P95", times.percentile(95));
        section.add(stores.setup.goal(figure, Goal::AtMost(GOAL_MS)));
    }
    let again = found_again(&store, &set).await?;
    section.add(
        Figure::new(format!("of {SOUGHT} random posts, found by one of their words"), Unit::Count, again as f64)
            .goal(Goal::AtLeast(SOUGHT as f64))
            .deterministic(),
    );
    store.close().await?;
    drop(store);
    if !is_short {
        let mut times = Vec::new();
        for word in any.iter().take(COLD) {
            let how = drop_pages(&folder);
            section.note(format!("*Cold*: the first question to a store just opened; {}.", how.words()));
            let store = Store::open(&folder).await?;
            let begun = Instant::now();
            screen(&store, word, Order::Newest).await?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            store.close().await?;
        }
        let times = Samples::new(times);
        section.add(
            Figure::new("cold: newest first, any word of the vocabulary", Unit::Milliseconds, times.median())
                .second("P95", times.percentile(95)),
        );
    }
    section.note(format!(
        "{} messages, {count} random words each of {} different ones, pages of {PAGE} with names and snippets. `ssb-db2` has no \
         full-text search.",
        grouped(size),
        grouped(VOCABULARY),
    ));
    Ok(())
}

/// A first page as the search screen shows it; how many it found.
async fn screen(store: &Store, typed: &str, order: Order) -> Result<usize, Error> {
    let search = asked(typed, PAGE);
    let page = match order {
        Order::Newest => store.search(&search).await?,
        Order::Best => store.search_best(&search).await?,
    };
    let authors: Vec<PersonId> = page.found.iter().map(|found| found.author).collect();
    store.names(&authors).await?;
    let shown = page.found.iter().map(|found| snippet(text(found), &search.wanted).len());
    Ok(shown.filter(|pieces| *pieces > 0).count())
}

fn asked(typed: &str, limit: usize) -> Search {
    Search { wanted: parse(typed, false).wanted, limit, ..Search::default() }
}

fn text(found: &Found) -> &str {
    match &found.text {
        FoundText::Post(post) => &post.text,
        FoundText::Blog(blog) => &blog.title,
    }
}

/// How many of some random posts are among the matches of their own longest word.
async fn found_again(store: &Store, set: &Dataset) -> Result<usize, Error> {
    let mut random = ChaCha8Rng::seed_from_u64(set.parameters.seed ^ 4);
    // Enough of them are posts.
    let mut numbers: Vec<usize> = (0..SOUGHT * 3).map(|_| below(&mut random, set.facts.messages)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut sought: Vec<(MessageId, String)> = Vec::new();
    for message in set.messages(&numbers)? {
        if let Kind::Post(post) = social::read(&message).kind {
            let words = post.text.split([' ', '.', ',', '\n']).filter(|word| word.chars().all(char::is_alphabetic));
            sought.extend(words.max_by_key(|word| word.len()).map(|word| (message.id(), word.to_owned())));
        }
    }
    sought.truncate(SOUGHT);
    let mut again = 0;
    for (id, word) in &sought {
        again += usize::from(is_among(store, *id, word).await?);
    }
    Ok(again)
}

/// Whether a post is on one of the pages of a search.
async fn is_among(store: &Store, id: MessageId, word: &str) -> Result<bool, Error> {
    let mut search = asked(word, store::MAX_FOUND);
    for _ in 0..MAX_PAGES {
        let page = store.search(&search).await?;
        if page.found.iter().any(|found| found.id == id) {
            return Ok(true);
        }
        match page.next {
            Some(next) => search.cursor = Some(next),
            None => return Ok(false),
        }
    }
    Ok(false)
}
