//! What the peer says and sends.

use std::time::Duration;

use feed::FeedId;

use super::{
    Ebt,
    io::{Output, Want},
    link::MAX_UNWANTED_PER_LINK,
    note::{MAX_SEQUENCE, Note},
    sources::Failure,
    telling::COALESCE,
};
use crate::{LinkId, Now};

/// How many known messages a source must be about to repeat before a note makes its stream skip them.
const WORTH_SKIPPING: u64 = 16;

/// How often a stream is made to skip.
const SKIP_INTERVAL: Duration = Duration::from_secs(1);

impl Ebt {
    /// A frame of notes.
    pub(super) fn on_notes(&mut self, id: LinkId, frame: u64, notes: Vec<(FeedId, Note)>, now: Now) {
        if self.links.get(&id).is_none_or(|link| link.blocked) {
            return;
        }
        for (feed, note) in notes {
            self.hear(id, feed, note, now);
            self.review_movement(id, feed);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.inbox.arrived(frame, now.monotonic);
        }
    }

    fn hear(&mut self, id: LinkId, feed: FeedId, note: Note, now: Now) {
        let wanted = self.want(&feed) == Want::Replicate;
        let head = self.head(&feed);
        let Some(link) = self.links.get_mut(&id) else { return };
        if !link.rows.contains_key(&feed) {
            if !wanted && link.unwanted >= MAX_UNWANTED_PER_LINK {
                return;
            }
            link.unwanted += usize::from(!wanted);
        }
        let row = link.rows.entry(feed).or_default();
        let before = row.held.replace(note);
        row.claimed = note.sequence().unwrap_or(0).min(MAX_SEQUENCE);
        let (claimed, told) = (row.claimed, row.told);
        if before != Some(note) {
            link.held_changed(feed, now.monotonic);
        }
        let Note::Have { receive, .. } = note else {
            self.stop_stream(id, feed);
            if self.source_link(&feed) == Some(id) {
                self.lose_source(feed, now);
            }
            return;
        };
        link.inbox.named(feed, claimed);
        if !wanted {
            if told != Some(Note::Ignore) {
                self.enqueue_note(id, feed, now.monotonic);
            }
            return;
        }
        if receive {
            self.serve(id, feed, claimed, head);
        } else {
            self.stop_stream(id, feed);
        }
        if claimed < head && !receive {
            // It is behind and does not ask: once it knows that we hold more, that is its choice.
            if told.and_then(Note::sequence) != Some(head) {
                self.tell_of_more(id, feed, now.monotonic);
            }
        } else if claimed > head {
            self.consider(feed, id, now);
        }
        if let Some(row) = self.links.get_mut(&id).and_then(|link| link.rows.get_mut(&feed)) {
            row.needless = !receive && claimed > 0 && claimed >= head;
        }
    }

    /// The peer asks for what follows `claimed`.
    fn serve(&mut self, id: LinkId, feed: FeedId, claimed: u64, head: u64) {
        if claimed >= head {
            self.stop_stream(id, feed);
        }
        let Some(row) = self.links.get_mut(&id).and_then(|link| link.rows.get_mut(&feed)) else { return };
        row.asks = true;
        row.left = claimed;
        row.streamed = claimed.max(head);
        if claimed < head {
            self.outbox.push_back(Output::Stream { link: id, feed, after: claimed, through: head });
        }
    }

    /// A frame of messages, before it is known what becomes of them.
    pub(super) fn on_messages(&mut self, id: LinkId, frame: u64, carried: Vec<(FeedId, u64)>, now: Now) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.blocked) else { return };
        link.heard_at = Some(now.monotonic);
        for (feed, sequence) in carried {
            let Some(link) = self.links.get_mut(&id) else { return };
            // A feed without a row was never asked for.
            let Some(row) = link.rows.get_mut(&feed) else { continue };
            row.claimed = row.claimed.max(sequence.min(MAX_SEQUENCE));
            row.carried = sequence;
            if self.feeds.get(&feed).is_some_and(|known| known.head < sequence) {
                link.unstored.insert(feed);
            }
            link.inbox.named(feed, sequence);
            self.note_delivery(feed, id, now.monotonic);
            self.review_movement(id, feed);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.inbox.arrived(frame, now.monotonic);
        }
    }

    /// A duplicate.
    pub(super) fn on_known(&mut self, id: LinkId, feed: FeedId, sequence: u64, now: Now) {
        let head = self.head(&feed);
        let is_source = self.source_link(&feed) == Some(id);
        let Some(row) = self.links.get_mut(&id).and_then(|link| link.rows.get_mut(&feed)) else { return };
        if !is_source {
            // It pushes what another peer brings: prune the edge, unless a note that does so is under way already.
            if row.told.is_some_and(Note::asks) {
                self.enqueue_note(id, feed, now.monotonic);
            }
        } else if head.saturating_sub(sequence) >= WORTH_SKIPPING
            && row.skipped_at.is_none_or(|skipped| skipped + SKIP_INTERVAL <= now.monotonic)
        {
            row.skipped_at = Some(now.monotonic);
            self.insist(id, feed, now.monotonic);
        }
    }

    /// Not the next message of its feed.
    pub(super) fn on_gap(&mut self, id: LinkId, feed: FeedId, now: Now) {
        self.on_failure(id, feed, Failure::Gap, now);
    }

    /// A message that cannot be taken.
    pub(super) fn on_refused(&mut self, id: LinkId, feed: FeedId, now: Now) {
        self.on_failure(id, feed, Failure::Refused, now);
    }

    /// A message that was not taken, which is not its sender's fault.
    pub(super) fn on_dropped(&mut self, id: LinkId, feed: FeedId, pause: Duration, now: Now) {
        self.on_failure(id, feed, Failure::Ours(pause), now);
    }

    fn on_failure(&mut self, id: LinkId, feed: FeedId, failure: Failure, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !link.rows.contains_key(&feed) {
            return;
        }
        link.inbox.failed(feed);
        link.unstored.remove(&feed);
        // Whoever is not the source was told to be lazy, or that we do not want the feed: what it sends anyway is dropped.
        if self.source_link(&feed) == Some(id) {
            self.distrust(feed, id, failure, now.monotonic);
            self.lose_source(feed, now);
        }
        self.enqueue_note(id, feed, now.monotonic);
    }

    /// The log grew.
    pub(super) fn on_appended(&mut self, feed: FeedId, sequence: u64, from: Option<LinkId>, now: Now) {
        let known = self.feeds.entry(feed).or_default();
        if sequence <= known.head {
            return;
        }
        known.head = sequence;
        if let Some(row) = from.and_then(|id| self.links.get_mut(&id)).and_then(|link| link.rows.get_mut(&feed)) {
            row.claimed = row.claimed.max(sequence);
            row.distrusted_until = None;
            row.failures = 0;
        }
        if let Some(from) = from {
            self.note_delivery(feed, from, now.monotonic);
        }
        if self.want(&feed) != Want::Replicate {
            return;
        }
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.pass_on(id, feed, sequence, now);
            self.review_movement(id, feed);
        }
        self.review_lag(feed, now.monotonic);
    }

    /// Pushes what is new to a peer that asked for it; tells any other that needs to know.
    fn pass_on(&mut self, id: LinkId, feed: FeedId, head: u64, now: Now) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.blocked) else { return };
        let Some(row) = link.rows.get_mut(&feed) else { return };
        if row.carried <= head {
            link.unstored.remove(&feed);
        }
        let owed = row.owed.take_if(|owed| *owed <= head).is_some();
        if row.claimed < head && !row.ignored_by_peer() {
            if row.asks {
                let after = row.streamed.max(row.claimed);
                row.left = row.left.max(row.claimed);
                row.streamed = head;
                self.outbox.push_back(Output::Stream { link: id, feed, after, through: head });
            } else {
                self.tell_of_more(id, feed, now.monotonic);
            }
        } else if row.asks {
            row.streamed = row.streamed.max(row.claimed);
            row.left = row.left.max(row.claimed);
        }
        if owed {
            self.insist(id, feed, now.monotonic + COALESCE);
        }
    }
}
