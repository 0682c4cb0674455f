//! Notes on their way out: when they leave, and which need not.

use std::time::Duration;

use feed::FeedId;

use super::{
    Ebt, MAX_NOTES_PER_FRAME,
    io::Output,
    link::{Link, Row},
    note::Note,
};
use crate::{Instant, LinkId, Now};

/// After a note that told a peer of a feed's growth, the next one waits until this long after it. Notes that greet, ask or
/// prune do not count and do not wait: whoever has just pruned a source must not be slow to tell it of what came next.
pub(super) const COALESCE: Duration = Duration::from_secs(1);

/// How long after a note that asks no more messages still arrive because they were on their way.
pub(super) const ON_THE_WAY: Duration = Duration::from_secs(10);

/// On an edge that needed no note the last time, the one of its ends that speaks first waits this long …
const LAZY_FIRST: Duration = Duration::from_millis(20);

/// … and the other end this long, so that the first end's note usually makes its own needless. More than a round trip of
/// a local network later; together with the round trip of asking still well under the patience with a silent source.
const LAZY_SECOND: Duration = Duration::from_millis(120);

impl Link {
    /// When the next note may leave.
    pub(super) fn notes_due(&self) -> Option<Instant> {
        if self.blocked || !self.unnumbered.is_empty() {
            return None;
        }
        self.queue.first().map(|&(due, _)| due)
    }
}

impl Ebt {
    /// What we have to say of `feed` on link `id`.
    pub(super) fn note_for(&self, id: LinkId, feed: FeedId) -> Note {
        match self.feeds.get(&feed) {
            Some(known) if known.wanted() => {
                let receive = known.source.is_some_and(|source| source.link == id);
                Note::Have { sequence: known.head, receive }
            }
            _ => Note::Ignore,
        }
    }

    /// Queues a note that must leave even if it repeats what was told.
    pub(super) fn insist(&mut self, id: LinkId, feed: FeedId, due: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.enqueue(feed, due);
        if let Some(row) = link.rows.get_mut(&feed) {
            row.insist = true;
        }
    }

    /// Queues a note that leaves only if it says something new.
    pub(super) fn enqueue_note(&mut self, id: LinkId, feed: FeedId, due: Instant) {
        if let Some(link) = self.links.get_mut(&id) {
            link.enqueue(feed, due);
        }
    }

    /// Queues the note “I hold more now” for a peer that does not ask for the feed.
    pub(super) fn tell_of_more(&mut self, id: LinkId, feed: FeedId, now: Instant) {
        let own = self.config.own;
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(row) = link.rows.get(&feed) else { return };
        let earliest = row.grew_at.map_or(now, |told| told + COALESCE);
        let delay = lazy_delay(own, link.peer.feed(), feed, row);
        link.enqueue(feed, earliest.max(now + delay));
    }

    /// Sends the notes that are due, on all links.
    pub(super) fn send_notes(&mut self, now: Now) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let due = self.links.get(&id).and_then(Link::notes_due);
            if due.is_some_and(|due| due <= now.monotonic) {
                self.send_notes_on(id, now.monotonic);
            }
        }
    }

    fn send_notes_on(&mut self, id: LinkId, now: Instant) {
        let mut notes = Vec::new();
        while notes.len() < MAX_NOTES_PER_FRAME {
            let Some(feed) = self.links.get_mut(&id).and_then(|link| link.dequeue(now)) else { break };
            let note = self.note_for(id, feed);
            let Some(link) = self.links.get_mut(&id) else { return };
            let Some(row) = link.rows.get_mut(&feed) else { continue };
            let news = row.is_news(note);
            row.insist = false;
            if !news {
                continue;
            }
            let told = row.told.replace(note);
            if told.is_some_and(Note::asks) && !note.asks() {
                row.pruned_at = Some(now);
            }
            let told = told.and_then(Note::sequence);
            if told.is_some_and(|told| Some(told) < note.sequence()) {
                row.grew_at = Some(now);
            }
            notes.push((feed, note));
            link.told_changed(feed, now);
        }
        let Some(link) = self.links.get_mut(&id) else { return };
        if notes.is_empty() {
            return;
        }
        notes.sort_unstable_by_key(|&(feed, _)| feed);
        let named = notes.iter().filter_map(|&(feed, note)| Some((feed, note.sequence()?))).collect();
        link.unnumbered.push_back(named);
        self.outbox.push_back(Output::SendNotes { link: id, notes });
    }

    /// The driver numbered the oldest frame of notes.
    pub(super) fn on_notes_sent(&mut self, id: LinkId, frame: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        for (feed, sequence) in link.unnumbered.pop_front().unwrap_or_default() {
            link.sent.push(frame, feed, sequence);
        }
    }

    /// Messages of a stream left in a frame.
    pub(super) fn on_sent(&mut self, id: LinkId, frame: u64, feed: FeedId, through: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.sent.push(frame, feed, through);
        if let Some(row) = link.rows.get_mut(&feed) {
            row.left = row.left.max(through);
        }
        self.review_movement(id, feed);
    }
}

/// How long a lazy note waits. Where the last message needed one, not at all. Where it did not, the two ends of the edge
/// wait differently long; which of them longer is a matter of both keys and the feed, so that the burden is even.
fn lazy_delay(own: FeedId, peer: FeedId, feed: FeedId, row: &Row) -> Duration {
    if !row.needless {
        return Duration::ZERO;
    }
    let parity = feed.key()[0] & 1 == 0;
    if (own < peer) == parity { LAZY_FIRST } else { LAZY_SECOND }
}
