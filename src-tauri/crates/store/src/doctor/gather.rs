//! Every message that can still be read, from wherever it can be read: the pages of the database and of its copies, the journal,
//! and what an earlier mending kept. Each proves itself by its signature; nothing else in a damaged file is believed.
//!
//! They are collected in a database of their own, so that memory stays flat however many there are.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use feed::{FeedId, ForkProof, MAX_SEQUENCE, Message, NetworkKey, TAGGED_LEN, Verified, Verifier};
use rusqlite::{Connection, params};

use super::{
    Watch,
    pages::{Pages, Row},
    record::Value,
    salvaged::{self, SALVAGED},
};
use crate::{
    backup,
    error::StoreError,
    journal::{JOURNAL, read_frames},
    log::{pack_body, read_body},
    schema::{DATABASE, meta},
};

/// How many messages are checked at a time.
const BATCH: usize = 4096;
/// How many messages are looked at to learn the key of the network.
const SAMPLE: usize = 64;
/// The page cache of the collection, in KiB (negative by SQLite's convention).
const CACHE: i64 = -32_768;
/// A time in Unix milliseconds is larger than this (2001), a version smaller.
const A_TIME: i64 = 1_000_000_000_000;
/// Of so many places it is known at most how far they were read.
const MAX_READS: usize = 100_000;
/// What the folders of databases that were set aside begin with.
pub(super) const SET_ASIDE: &str = "damaged-";

/// What is known of a feed apart from its messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FeedFacts {
    /// How far the feed was stored.
    pub(super) head: u64,
    pub(super) wanted: bool,
    pub(super) frozen: bool,
}

/// What was collected.
#[derive(Debug)]
pub(super) struct Gathered {
    /// Table `found`: all messages, each once.
    pub(super) db: Connection,
    pub(super) feeds: BTreeMap<FeedId, FeedFacts>,
    pub(super) proofs: BTreeMap<FeedId, ForkProof>,
    pub(super) network: Option<NetworkKey>,
    /// How far one's own feed was expected to go, as noted; 0 when nothing was.
    pub(super) own_expected: u64,
    /// Up to which time the reader has read each place, Unix milliseconds.
    pub(super) reads: BTreeMap<String, i64>,
    /// What the reader decided about people.
    pub(super) stances: BTreeMap<FeedId, Decided>,
}

/// A row of `stances`: its flags, how far one's own feed went, and when it was, in Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided {
    pub(super) flags: i64,
    pub(super) sequence: i64,
    pub(super) decided: i64,
}

/// One database, and how it numbers feeds.
struct Source {
    pages: Pages,
    numbers: BTreeMap<i64, FeedId>,
}

/// A message before its signature is checked.
struct Candidate {
    message: Message,
    received: i64,
    row: i64,
}

/// Small facts of all databases, before they are weighed.
#[derive(Default)]
struct Facts {
    feeds: BTreeMap<FeedId, FeedFacts>,
    proofs: Vec<Vec<u8>>,
    networks: Vec<Option<NetworkKey>>,
    own_expected: u64,
    reads: BTreeMap<String, i64>,
    stances: BTreeMap<FeedId, Decided>,
}

/// Collects everything into a new database in `workshop`.
pub(super) fn gather(folder: &Path, workshop: &Path, watch: Watch<'_>) -> Result<Gathered, StoreError> {
    let db = Connection::open(workshop.join("found.sqlite"))?;
    // Lost with a crash, and then made again.
    db.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "off")?;
    db.pragma_update(None, "cache_size", CACHE)?;
    db.execute_batch(
        "CREATE TABLE found (feed BLOB NOT NULL, sequence INTEGER NOT NULL, id BLOB NOT NULL, received INTEGER NOT NULL,
            row INTEGER NOT NULL, source INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL, place INTEGER);
         CREATE UNIQUE INDEX found_ids ON found (feed, sequence, id);",
    )?;

    let mut facts = Facts::default();
    let mut sources = Vec::new();
    for path in databases(folder) {
        match Pages::open(&path) {
            Ok(pages) => sources.push(read_facts(pages, &mut facts, watch)),
            Err(error) => tracing::warn!(%error, path = %path.display(), "left out"),
        }
    }
    facts.networks.push(None);
    let journal = journal(folder);
    let network = network(&mut sources, &journal, &facts.networks);
    let verifier = Verifier::new(network.clone());
    let mut collection = Collection { db: &db, verifier: &verifier, source: 0, waiting: Vec::new() };
    for mut source in sources {
        collection.take_pages(&mut source, watch)?;
        collection.source += 1;
    }
    // Own messages that no database has come last, as they would when the folder is opened.
    collection.take(journal.into_iter().map(|message| Candidate { message, received: 0, row: i64::MAX }))?;
    collection.source += 1;
    let path = folder.join(SALVAGED);
    if let Ok(file) = File::open(&path) {
        for line in salvaged::lines(file) {
            let line = line.map_err(StoreError::Journal)?;
            collection.take(line.map(|(message, received)| Candidate { message, received, row: i64::MAX }))?;
        }
    }
    collection.check()?;
    let proofs = facts.proofs.iter().filter_map(|proof| ForkProof::decode(proof, &verifier).ok());
    let proofs = proofs.map(|proof| (proof.feed(), proof)).collect();
    let Facts { feeds, own_expected, reads, stances, .. } = facts;
    Ok(Gathered { db, feeds, proofs, network, own_expected, reads, stances })
}

/// The databases to read, the one in use first: what stands there first stays.
fn databases(folder: &Path) -> Vec<PathBuf> {
    let mut databases = vec![folder.join(DATABASE)];
    let mut aside: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(SET_ASIDE)))
        .map(|entry| entry.path().join(DATABASE))
        .collect();
    aside.sort();
    databases.extend(aside.into_iter().rev());
    databases.extend(backup::copies(folder).into_iter().map(|(path, _)| path));
    databases.retain(|path| path.is_file());
    databases
}

/// The journal's messages; none when it cannot be read.
fn journal(folder: &Path) -> Vec<Message> {
    let content = fs::read(folder.join(JOURNAL)).unwrap_or_default();
    read_frames(&content).bodies.iter().filter_map(|body| Message::decode(body).ok()).collect()
}

/// Reads everything but the messages, known by its shape.
fn read_facts(mut pages: Pages, facts: &mut Facts, watch: Watch<'_>) -> Source {
    let mut numbers = BTreeMap::new();
    let total = pages.count();
    for page in 1..=total {
        if page % 1024 == 0 {
            watch("Looking for people", page.into(), total.into());
        }
        for row in pages.rows(page) {
            read_fact(&row, &mut numbers, facts);
        }
    }
    Source { pages, numbers }
}

fn read_fact(row: &Row, numbers: &mut BTreeMap<i64, FeedId>, facts: &mut Facts) {
    match (row.number, &row.values[..]) {
        // A row of `feeds`.
        (Some(number), [Value::Null, Value::Blob(id), first, head, _, messages, _, wanted, frozen, ..]) => {
            let Ok(id) = FeedId::from_tagged(id) else { return };
            numbers.insert(number, id);
            let known = facts.feeds.entry(id).or_default();
            known.wanted |= wanted.integer() == Some(1);
            known.frozen |= frozen.integer() == Some(1);
            // Believed where two columns say the same: one that was hit would end publishing for good.
            if let (Some(first), Some(head), Some(messages)) = (first.integer(), head.integer(), messages.integer())
                && head.checked_sub(first).and_then(|span| span.checked_add(1)) == Some(messages)
                && (1..=MAX_SEQUENCE as i64).contains(&head)
            {
                known.head = known.head.max(head as u64);
            }
        }
        // An entry of the index over `feeds.id`: the same numbers on another page.
        (None, [Value::Blob(id), Value::Integer(number)]) if id.len() == TAGGED_LEN => {
            if let Ok(id) = FeedId::from_tagged(id) {
                numbers.entry(*number).or_insert(id);
            }
        }
        // A row of `forks`.
        (Some(_), [Value::Null, Value::Blob(proof)]) => facts.proofs.push(proof.clone()),
        // A row of `meta`.
        (None, [Value::Text(key), Value::Blob(value)]) if *key == meta::NETWORK.as_bytes() => {
            facts.networks.push(value.as_slice().try_into().ok().map(NetworkKey::new));
        }
        (None, [Value::Text(key), Value::Blob(value)]) if *key == meta::OWN_EXPECTED.as_bytes() => {
            let expected = value.as_slice().try_into().map(u64::from_be_bytes);
            facts.own_expected = facts.own_expected.max(expected.unwrap_or(0));
        }
        // A row of `reads`: versions and row numbers, which others have in that place, are no times.
        (None, [Value::Text(place), Value::Integer(time), Value::Integer(_)])
            if *time > A_TIME && facts.reads.len() < MAX_READS =>
        {
            let Ok(place) = String::from_utf8(place.clone()) else { return };
            let known = facts.reads.entry(place).or_insert(*time);
            *known = (*time).max(*known);
        }
        // A row of `stances`. Pages that are free by now may hold what was decided before.
        (
            None,
            [Value::Blob(person), Value::Integer(flags @ 0..=3), Value::Integer(sequence), Value::Integer(decided)],
            // Whatever the clock showed then.
        ) if *decided >= 0 && *sequence >= 0 && person.len() == TAGGED_LEN => {
            let Ok(person) = FeedId::from_tagged(person) else { return };
            let found = Decided { flags: *flags, sequence: *sequence, decided: *decided };
            let known = facts.stances.entry(person).or_insert(found);
            if found.decided > known.decided {
                *known = found;
            }
        }
        _ => {}
    }
}

/// The messages on one page, as far as they read back.
fn candidates(source: &mut Source, page: u32) -> Vec<Candidate> {
    let read = |row: Row, numbers: &BTreeMap<i64, FeedId>| {
        // With the id as a column until the sixth migration.
        let (number, sequence, received, body) = match &row.values[..] {
            [Value::Null, number, sequence, received, Value::Blob(body)]
            | [Value::Null, number, sequence, received, Value::Blob(_), Value::Blob(body)] => {
                (number.integer()?, sequence.integer()?, received.integer()?, body)
            }
            _ => return None,
        };
        let message = if body.starts_with(b"{") {
            // It names its author itself.
            Message::decode(body).ok()?
        } else {
            read_body(*numbers.get(&number)?, u64::try_from(sequence).ok()?, body).ok()?
        };
        Some(Candidate { message, received, row: row.number? })
    };
    source.pages.rows(page).into_iter().filter_map(|row| read(row, &source.numbers)).collect()
}

/// The network whose messages these are: of the keys that were found, the one under which most signatures hold.
fn network(sources: &mut [Source], journal: &[Message], networks: &[Option<NetworkKey>]) -> Option<NetworkKey> {
    let mut sample: Vec<Message> = journal.iter().take(SAMPLE).cloned().collect();
    for source in sources {
        for page in 1..=source.pages.count() {
            if sample.len() >= SAMPLE {
                break;
            }
            sample.extend(candidates(source, page).into_iter().map(|candidate| candidate.message));
        }
    }
    let holding = |network: &Option<NetworkKey>| {
        Verifier::new(network.clone()).verify_batch(sample.clone()).iter().filter(|checked| checked.is_ok()).count()
    };
    let mut tried: Vec<&Option<NetworkKey>> = Vec::new();
    for network in networks {
        if !tried.contains(&network) {
            tried.push(network);
        }
    }
    // The last of equals: the open network comes last, and is meant where no message tells.
    tried.into_iter().max_by_key(|network| holding(network)).cloned().flatten()
}

/// Messages on their way into the collection.
struct Collection<'a> {
    db: &'a Connection,
    verifier: &'a Verifier,
    /// The lower, the more what came with a message is worth.
    source: i64,
    waiting: Vec<Candidate>,
}

impl Collection<'_> {
    fn take_pages(&mut self, source: &mut Source, watch: Watch<'_>) -> Result<(), StoreError> {
        let total = source.pages.count();
        for page in 1..=total {
            if page % 256 == 0 {
                watch("Looking for messages", page.into(), total.into());
            }
            self.take(candidates(source, page))?;
        }
        self.check()
    }

    fn take(&mut self, candidates: impl IntoIterator<Item = Candidate>) -> Result<(), StoreError> {
        for candidate in candidates {
            self.waiting.push(candidate);
            if self.waiting.len() >= BATCH {
                self.check()?;
            }
        }
        Ok(())
    }

    /// Keeps those that wait and whose signature holds.
    fn check(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        let checked = verify(self.verifier, waiting.iter().map(|candidate| candidate.message.clone()).collect());
        self.db.execute_batch("BEGIN")?;
        let mut insert = self.db.prepare_cached(
            "INSERT OR IGNORE INTO found (feed, sequence, id, received, row, source, size, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut body = Vec::new();
        for (candidate, message) in waiting.iter().zip(checked) {
            let Some(message) = message else { continue };
            body.clear();
            pack_body(&message, &mut body);
            insert.execute(params![
                message.author().to_tagged(),
                message.sequence() as i64,
                message.id().to_tagged(),
                candidate.received,
                candidate.row,
                self.source,
                message.encoded().len() as i64,
                body,
            ])?;
        }
        self.db.execute_batch("COMMIT")?;
        Ok(())
    }
}

/// Checks signatures on all cores; the results in order.
fn verify(verifier: &Verifier, mut messages: Vec<Message>) -> Vec<Option<Verified>> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = messages.len().div_ceil(cores).max(1);
    let mut shares = Vec::new();
    while messages.len() > share {
        let rest = messages.split_off(share);
        shares.push(std::mem::replace(&mut messages, rest));
    }
    shares.push(messages);
    thread::scope(|scope| {
        let threads: Vec<_> = shares.into_iter().map(|share| scope.spawn(|| verifier.verify_batch(share))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .map(Result::ok)
            .collect()
    })
}
