//! Level: one frame in place of a note per feed.
//!
//! A receiver that has processed frames up to some number, and holds durably all that they said and carried, says so once.
//! Both ends then move `held` and `told` of the named feeds by the same rule, so that the digests of their clocks match at
//! the next hello and a reconnect has nothing to say.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use feed::FeedId;

use super::{
    Ebt, MAX_LEVEL_EXCEPTIONS,
    io::Output,
    link::{Link, Row},
    note::Note,
};
use crate::{Instant, LinkId, Now};

/// The least time between two Levels on a link.
const LEVEL_INTERVAL: Duration = Duration::from_secs(1);

/// A Level leaves when nothing arrived for this long …
const LEVEL_QUIET: Duration = Duration::from_secs(1);

/// … or for this long when it stands for [`LEVEL_MANY`] feeds or more, as after a first sync: those would all be said
/// again if the link broke now.
const LEVEL_QUIET_MANY: Duration = Duration::from_millis(100);

/// See [`LEVEL_QUIET_MANY`].
const LEVEL_MANY: usize = 16;

/// On a link that is never quiet a Level leaves this long after the first frame it answers, without the feeds that are
/// still on their way.
const LEVEL_AGE: Duration = Duration::from_secs(10);

/// The most entries of [`SentLog`], 48 bytes each: 6 MiB. Beyond, the oldest are forgotten, and the next hello finds the
/// digests to differ.
const MAX_SENT_LOG: usize = 131_072;

/// What our frames said and carried since the peer's last Level.
#[derive(Debug, Default)]
pub(super) struct SentLog(VecDeque<(u64, FeedId, u64)>);

impl SentLog {
    pub(super) fn push(&mut self, frame: u64, feed: FeedId, sequence: u64) {
        if self.0.len() == MAX_SENT_LOG {
            self.0.pop_front();
        }
        self.0.push_back((frame, feed, sequence));
    }

    /// Takes the entries of the frames up to `through`; the highest sequence of each feed.
    fn take(&mut self, through: u64) -> BTreeMap<FeedId, u64> {
        let mut named = BTreeMap::new();
        while let Some(&(frame, feed, sequence)) = self.0.front() {
            if frame > through {
                break;
            }
            self.0.pop_front();
            let highest = named.entry(feed).or_insert(sequence);
            *highest = sequence.max(*highest);
        }
        named
    }
}

/// What the peer's frames said and carried since our last Level.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The newest frame.
    frame: u64,
    /// The highest sequence of each feed that was named. Only feeds with a [`Row`], so bounded by those.
    named: BTreeMap<FeedId, u64>,
    /// Those of them that were named since it was last looked at whether a Level is due.
    fresh: BTreeSet<FeedId>,
    /// Feeds whose messages could not be taken: a Level does not wait for them.
    failed: BTreeSet<FeedId>,
    first_at: Option<Instant>,
    due: Option<Instant>,
    sent_at: Option<Instant>,
}

impl Inbox {
    /// Notes that `frame` arrived.
    pub(super) fn arrived(&mut self, frame: u64, now: Instant) {
        self.frame = self.frame.max(frame);
        let first = *self.first_at.get_or_insert(now);
        let quiet = if self.fresh.len() >= LEVEL_MANY { LEVEL_QUIET_MANY } else { LEVEL_QUIET };
        let due = (now + quiet).min(first + LEVEL_AGE);
        self.due = Some(self.sent_at.map_or(due, |sent| due.max(sent + LEVEL_INTERVAL)));
    }

    /// Notes that the peer said or sent that it holds `feed` up to `sequence`.
    pub(super) fn named(&mut self, feed: FeedId, sequence: u64) {
        self.fresh.insert(feed);
        let highest = self.named.entry(feed).or_insert(sequence);
        *highest = sequence.max(*highest);
    }

    /// Notes that what the peer sent of `feed` was not taken.
    pub(super) fn failed(&mut self, feed: FeedId) {
        if self.named.contains_key(&feed) {
            self.failed.insert(feed);
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What was named is settled: no Level is due. It stays named until the next Level, as the peer remembers it too.
    fn settle(&mut self) {
        self.fresh.clear();
        self.failed.clear();
        self.first_at = None;
        self.due = None;
    }
}

/// The word of the one who sent the named frames, after the other confirmed them.
fn confirmed(word: Option<Note>, sequence: u64) -> Option<Note> {
    match word {
        None => Some(Note::lazy(sequence)),
        word => raised(word, sequence),
    }
}

/// The word of the one who confirms them.
fn raised(word: Option<Note>, sequence: u64) -> Option<Note> {
    match word {
        Some(Note::Have { sequence: said, receive }) => Some(Note::Have { sequence: said.max(sequence), receive }),
        word => word,
    }
}

impl Link {
    fn set_words(&mut self, feed: FeedId, held: Option<Note>, told: Option<Note>, now: Instant) {
        let Some(row) = self.rows.get_mut(&feed) else { return };
        let (held_moves, told_moves) = (row.held != held, row.told != told);
        row.held = held;
        row.told = told;
        row.claimed = row.claimed.max(held.and_then(Note::sequence).unwrap_or(0));
        if held_moves {
            self.held_changed(feed, now);
        }
        if told_moves {
            self.told_changed(feed, now);
        }
    }
}

impl Ebt {
    /// The peer's word that it holds what our frames up to `through` named.
    pub(super) fn on_level(&mut self, id: LinkId, through: u64, except: Vec<FeedId>, now: Now) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.blocked) else { return };
        let except: BTreeSet<FeedId> = except.into_iter().collect();
        for (feed, sequence) in link.sent.take(through) {
            if except.contains(&feed) {
                continue;
            }
            let Some(row) = link.rows.get(&feed) else { continue };
            let (held, told) = (raised(row.held, sequence), confirmed(row.told, sequence));
            link.set_words(feed, held, told, now.monotonic);
        }
    }

    /// Sends the Level that is due on `id`, if it says anything.
    pub(super) fn send_level(&mut self, id: LinkId, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let late = link.inbox.first_at.is_none_or(|first| first + LEVEL_AGE <= now.monotonic);
        let feeds = &self.feeds;
        let is_missing = |feed: &FeedId, sequence: u64, row: &Row| {
            row.told != Some(Note::Ignore) && feeds.get(feed).is_none_or(|known| known.head < sequence)
        };
        let mut news = false;
        let mut awaited = false;
        for feed in &link.inbox.fresh {
            let (Some(&sequence), Some(row)) = (link.inbox.named.get(feed), link.rows.get(feed)) else { continue };
            if !is_missing(feed, sequence, row) {
                news |= raised(row.told, sequence) != row.told || confirmed(row.held, sequence) != row.held;
            } else {
                let frozen = feeds.get(feed).is_some_and(|known| known.frozen);
                awaited |= !frozen && !link.inbox.failed.contains(feed);
            }
        }
        if awaited && !(late && news) {
            // Something is still on its way: look again when it may have come.
            let pause = if late { LEVEL_AGE } else { LEVEL_QUIET_MANY };
            link.inbox.due = Some(now.monotonic + pause);
            return;
        }
        if !news {
            link.inbox.settle();
            return;
        }
        let missing = link
            .inbox
            .named
            .iter()
            .filter(|&(feed, &sequence)| link.rows.get(feed).is_some_and(|row| is_missing(feed, sequence, row)));
        let except: Vec<FeedId> = missing.map(|(&feed, _)| feed).collect();
        if except.len() > MAX_LEVEL_EXCEPTIONS {
            link.inbox.due = Some(now.monotonic + LEVEL_AGE);
            return;
        }
        for feed in &except {
            let sequence = link.inbox.named.remove(feed);
            if let Some(row) = link.rows.get_mut(feed) {
                row.owed = sequence.filter(|_| !link.inbox.failed.contains(feed));
            }
        }
        for (feed, sequence) in std::mem::take(&mut link.inbox.named) {
            let Some(row) = link.rows.get_mut(&feed) else { continue };
            row.owed = row.owed.filter(|&owed| owed > sequence);
            let (held, told) = (confirmed(row.held, sequence), raised(row.told, sequence));
            link.set_words(feed, held, told, now.monotonic);
        }
        link.inbox.sent_at = Some(now.monotonic);
        link.inbox.settle();
        self.outbox.push_back(Output::SendLevel { link: id, through: link.inbox.frame, except });
    }
}
