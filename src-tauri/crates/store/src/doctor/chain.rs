//! The log against itself: every message reads back, continues the one before it, and is found by its id and its sequence.

use std::collections::BTreeMap;

use feed::{FeedId, Head, MessageId, check_next};
use rusqlite::{Connection, OptionalExtension};

use super::{About, Finding, Remedy, Report, Several, Watch, database::Database};
use crate::{feeds::prefix, log::read_body};

/// How many messages lie between two words to whoever waits.
const TELL_EVERY: u64 = 4096;

const DAMAGED_MEANS: &str = "It and what this person wrote after it cannot be passed on, and may not be shown. Mending takes it out and \
                             puts it back from a copy of the database, if one has it; else friends send it again.";
const LISTS_MEANS: &str = "Messages may be missing from what is shown or passed on, though they are stored.";

/// A feed as its row says.
#[derive(Debug)]
pub(super) struct StoredFeed {
    pub(super) id: FeedId,
    pub(super) head: Option<Head>,
    pub(super) is_frozen: bool,
    first: Option<i64>,
    messages: i64,
}

/// The feeds by their numbers.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) feeds: BTreeMap<i64, StoredFeed>,
}

impl Log {
    pub(super) fn number(&self, id: FeedId) -> Option<i64> {
        self.feeds.iter().find(|(_, feed)| feed.id == id).map(|(number, _)| *number)
    }
}

/// How far the walk through a feed has come.
#[derive(Debug, Default)]
struct Walk {
    first: i64,
    messages: i64,
    head: Option<Head>,
    /// The message before the next one does not read back, so its id is not known.
    is_unsure: bool,
}

/// Walks through the whole log. None when not even that can be read.
pub(super) fn examine(database: &Database, watch: Watch<'_>, report: &mut Report) -> Option<Log> {
    match walk(&database.db, watch, report) {
        Ok(log) => Some(log),
        Err(error) => {
            report.find(Finding::new(
                About::Log,
                Remedy::Messages,
                format!("The log could not be read to its end: {error}."),
                "What comes after that place cannot be shown until it is mended.",
            ));
            None
        }
    }
}

fn walk(db: &Connection, watch: Watch<'_>, report: &mut Report) -> rusqlite::Result<Log> {
    let log = Log { feeds: feeds(db, report)? };
    let total: i64 = db.query_row("SELECT count(*) FROM log", [], |row| row.get(0))?;
    let mut by_id = db.prepare("SELECT 1 FROM message_ids WHERE prefix = ? AND row = ?")?;
    let mut by_sequence = db.prepare("SELECT row FROM message_sequences WHERE feed = ? AND sequence = ?")?;
    let mut statement = db.prepare("SELECT row, feed, sequence, body FROM log ORDER BY row")?;
    let mut rows = statement.query([])?;
    let mut walks: BTreeMap<i64, Walk> = BTreeMap::new();
    let (mut damaged, mut gaps, mut unlisted) = (Several::default(), Several::default(), Several::default());
    while let Some(stored) = rows.next()? {
        let (row, number, sequence): (i64, i64, i64) = (stored.get(0)?, stored.get(1)?, stored.get(2)?);
        report.messages += 1;
        if report.messages.is_multiple_of(TELL_EVERY) {
            watch("Reading the log", report.messages, total.max(0) as u64);
        }
        let Some(feed) = log.feeds.get(&number) else {
            damaged.add(|| problem(About::Log, format!("A message is stored without an author (row {row}).")));
            continue;
        };
        let walk = walks.entry(number).or_default();
        if walk.messages == 0 {
            walk.first = sequence;
        }
        walk.messages += 1;
        let name = || format!("Message {sequence} of {}", feed.id);
        let body = stored.get_ref(3)?.as_blob().unwrap_or_default();
        let listed: Option<i64> = by_sequence.query_row([number, sequence], |row| row.get(0)).optional()?;
        if listed != Some(row) {
            unlisted.add(|| lists(format!("{} is not found by its number.", name())));
        }
        let Ok(message) = read_body(feed.id, sequence as u64, body) else {
            damaged.add(|| damage(format!("{} does not read back.", name())));
            walk.head = Some(Head { id: MessageId::classic([0; 32]), sequence: sequence as u64 });
            walk.is_unsure = true;
            continue;
        };
        let follows = match walk.head {
            // Its own number is all that can be compared.
            Some(head) if walk.is_unsure => message.sequence() == head.sequence + 1,
            // A log may begin later than with the first message.
            None => true,
            Some(head) => check_next(Some(&head), &message).is_ok(),
        };
        if !follows {
            gaps.add(|| damage(format!("{} does not continue the one before it.", name())));
        }
        (walk.head, walk.is_unsure) = (Some(message.head()), false);
        if by_id.query_row([prefix(message.id().hash()), row], |_| Ok(())).optional()?.is_none() {
            unlisted.add(|| damage(format!("{} is not found by its id: it was changed, or its entry was.", name())));
        }
    }
    report.find_some(damaged);
    report.find_some(gaps);
    report.find_some(unlisted);
    report.feeds = walks.len() as u64;
    find_surplus(db, total, report)?;
    compare_feeds(&log, &walks, report);
    report.note(format!("The log: {} messages of {} feeds were read.", report.messages, report.feeds));
    Ok(log)
}

fn problem(about: About, what: String) -> Finding {
    Finding::new(about, Remedy::Messages, what, DAMAGED_MEANS)
}

fn damage(what: String) -> Finding {
    problem(About::Log, what)
}

fn lists(what: String) -> Finding {
    Finding::new(About::Index, Remedy::Messages, what, LISTS_MEANS)
}

fn feeds(db: &Connection, report: &mut Report) -> rusqlite::Result<BTreeMap<i64, StoredFeed>> {
    let mut statement = db.prepare(
        "SELECT feed, id, first_sequence, head_sequence, head_id, messages, frozen <> 0 FROM feeds ORDER BY feed",
    )?;
    let mut rows = statement.query([])?;
    let mut feeds = BTreeMap::new();
    let mut bad = Several::default();
    let mut next = 1;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        if number != next {
            bad.add(|| lists(format!("The list of feeds has no number {next}.")));
        }
        next = number + 1;
        let Ok(id) = FeedId::from_tagged(row.get_ref(1)?.as_blob().unwrap_or_default()) else {
            bad.add(|| lists(format!("The id of feed number {number} does not read back.")));
            continue;
        };
        let sequence: Option<i64> = row.get(3)?;
        let head = row.get_ref(4)?.as_blob().ok().and_then(|id| MessageId::from_tagged(id).ok());
        let head = sequence.zip(head).map(|(sequence, id)| Head { id, sequence: sequence as u64 });
        let feed = StoredFeed { id, head, first: row.get(2)?, messages: row.get(5)?, is_frozen: row.get(6)? };
        feeds.insert(number, feed);
    }
    report.find_some(bad);
    Ok(feeds)
}

/// Entries that lead to no message. Every message was looked up by both, so only the counts are left to compare.
fn find_surplus(db: &Connection, messages: i64, report: &mut Report) -> rusqlite::Result<()> {
    for (table, name) in [("message_ids", "ids"), ("message_sequences", "numbers")] {
        let entries: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
        if entries > messages {
            report
                .find(lists(format!("The list of {name} has {} entries that lead to no message.", entries - messages)));
        }
    }
    Ok(())
}

/// What is noted of each feed against what the walk saw.
fn compare_feeds(log: &Log, walks: &BTreeMap<i64, Walk>, report: &mut Report) {
    let mut wrong = Several::default();
    for (number, feed) in &log.feeds {
        let is_same = match walks.get(number) {
            None => feed.head.is_none() && feed.messages == 0,
            Some(walk) => {
                // Without its last message only the number of the head can be compared.
                let is_same_head = match (feed.head, walk.head) {
                    (Some(noted), Some(walked)) if walk.is_unsure => noted.sequence == walked.sequence,
                    (noted, walked) => noted == walked,
                };
                is_same_head && feed.messages == walk.messages && feed.first == Some(walk.first)
            }
        };
        if !is_same {
            wrong.add(|| lists(format!("What is noted of {} is not what the log holds.", feed.id)));
        }
    }
    report.find_some(wrong);
}
