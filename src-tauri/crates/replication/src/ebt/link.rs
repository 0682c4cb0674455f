//! What is kept per link, and per feed and link.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feed::{DeviceKey, FeedId};

use super::{
    level::{Inbox, SentLog},
    note::Note,
};
use crate::Instant;

/// The most feeds that a peer may name and we do not want, remembered so that a later wish knows whom to ask. A row takes
/// about 250 bytes, so a hostile peer costs 2 MiB at most while it is here, and nothing afterwards.
pub(super) const MAX_UNWANTED_PER_LINK: usize = 8_192;

/// One link, as the machine sees it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: DeviceKey,
    /// The person at the other end is blocked: nothing is said, nothing is heard.
    pub(super) blocked: bool,
    pub(super) rows: BTreeMap<FeedId, Row>,
    /// How many of `rows` are of feeds that we do not want.
    pub(super) unwanted: usize,
    /// Wanted feeds of which the peer claims more than we hold, or messages wait to leave. Every such feed is in it; one that
    /// has just come to rest may be.
    pub(super) moving: BTreeSet<FeedId>,
    /// Notes to say, by when; mirrored in [`Row::queued`].
    pub(super) queue: BTreeSet<(Instant, FeedId)>,
    /// Frames of notes that were handed to the driver and not yet numbered by it: at most one.
    pub(super) unnumbered: VecDeque<Vec<(FeedId, u64)>>,
    pub(super) sent: SentLog,
    pub(super) inbox: Inbox,
    /// When a frame of messages last arrived.
    pub(super) heard_at: Option<Instant>,
    /// Feeds of which messages arrived that are not durable yet: while there are any, it is us who are slow.
    pub(super) unstored: BTreeSet<FeedId>,
    pub(super) unsaved: Unsaved,
}

/// One feed on one link.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// What the peer last told us. Saved. Moves only by the peer's own word: a note or a Level.
    pub(super) held: Option<Note>,
    /// What we last told the peer. Saved. Moves in step with the peer's `held`.
    pub(super) told: Option<Note>,
    /// The newest sequence that the peer is known to hold, if it speaks the truth: from notes and from what it sent.
    pub(super) claimed: u64,
    /// The newest sequence that it sent.
    pub(super) carried: u64,
    /// Whether the peer asked us for what follows, so that new messages are pushed to it.
    pub(super) asks: bool,
    /// While it asks: the last sequence that we gave to its stream.
    pub(super) streamed: u64,
    /// While it asks: the last sequence that left in a frame.
    pub(super) left: u64,
    /// When we last told it that the feed grew.
    pub(super) grew_at: Option<Instant>,
    /// When a known message last made us repeat our ask.
    pub(super) skipped_at: Option<Instant>,
    /// Whether what was told and heard of it is saved.
    pub(super) saved: bool,
    /// When a note of ours last ended an ask.
    pub(super) pruned_at: Option<Instant>,
    /// When the waiting note is due; mirrored in [`Link::queue`].
    pub(super) queued: Option<Instant>,
    /// The waiting note is to be sent even though it says nothing new.
    pub(super) insist: bool,
    /// The peer got the last message without our note: it sits in another branch of the tree.
    pub(super) needless: bool,
    /// The peer's claims are not believed until then.
    pub(super) distrusted_until: Option<Instant>,
    /// How often it failed since it last delivered: the exponent of the next distrust.
    pub(super) failures: u32,
    /// A Level left this feed out at this sequence: once held, a note says so.
    pub(super) owed: Option<u64>,
}

/// Changes of the two clocks since they were last saved.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub(super) replace: bool,
    pub(super) held: BTreeSet<FeedId>,
    pub(super) told: BTreeSet<FeedId>,
    pub(super) due: Option<Instant>,
    /// Whether the two wanted each other's feeds when the clocks were last saved, see [`remembered`](super::remembered).
    pub(super) mutual: bool,
}

impl Link {
    pub(super) fn new(peer: DeviceKey, blocked: bool) -> Self {
        Self {
            peer,
            blocked,
            rows: BTreeMap::new(),
            unwanted: 0,
            moving: BTreeSet::new(),
            queue: BTreeSet::new(),
            unnumbered: VecDeque::new(),
            sent: SentLog::default(),
            inbox: Inbox::default(),
            heard_at: None,
            unstored: BTreeSet::new(),
            unsaved: Unsaved::default(),
        }
    }

    /// Puts the note of `feed` on the queue for `due`, or earlier if it already waits for an earlier moment.
    pub(super) fn enqueue(&mut self, feed: FeedId, due: Instant) {
        let row = self.rows.entry(feed).or_default();
        match row.queued {
            Some(waiting) if waiting <= due => return,
            Some(waiting) => {
                self.queue.remove(&(waiting, feed));
            }
            None => {}
        }
        row.queued = Some(due);
        self.queue.insert((due, feed));
    }

    /// Takes the first note that is due.
    pub(super) fn dequeue(&mut self, now: Instant) -> Option<FeedId> {
        let &(due, feed) = self.queue.first()?;
        if due > now {
            return None;
        }
        self.queue.pop_first();
        if let Some(row) = self.rows.get_mut(&feed) {
            row.queued = None;
        }
        Some(feed)
    }
}

impl Row {
    /// What is left of an earlier meeting whose clocks both ends agree on.
    pub(super) fn restored(held: Option<Note>, told: Option<Note>) -> Self {
        let claimed = held.and_then(Note::sequence).unwrap_or(0);
        Self { held, told, claimed, streamed: claimed, left: claimed, saved: true, ..Self::default() }
    }

    /// Whether the peer wants to hear of the feed, as far as we know.
    pub(super) fn ignored_by_peer(&self) -> bool {
        self.held == Some(Note::Ignore)
    }

    /// Whether the peer can be asked for something after `head`.
    pub(super) fn offers_more_than(&self, head: u64, now: Instant) -> bool {
        self.claimed > head && !self.ignored_by_peer() && self.distrusted_until.is_none_or(|until| until <= now)
    }

    /// Whether messages of the peer's stream still wait in the driver.
    pub(super) fn streaming(&self) -> bool {
        self.asks && self.left < self.streamed
    }

    /// Whether saying `note` tells the peer anything that it needs to know.
    pub(super) fn is_news(&self, note: Note) -> bool {
        match (self.told, note) {
            // That we want a feed now is said even to who does not: if it wants the feed later, it says so.
            (None | Some(Note::Ignore), Note::Have { .. }) => true,
            _ if self.ignored_by_peer() => false,
            (Some(Note::Have { sequence: told, receive: asked }), Note::Have { sequence, receive }) => {
                // A peer that holds as much itself learns nothing: a Level tells it that we do too.
                asked != receive || sequence < told || (told < sequence && self.claimed < sequence) || self.insist
            }
            (told, note) => told != Some(note),
        }
    }
}
