//! Saving what was told and heard, a second after it changed.

use std::{collections::BTreeSet, time::Duration};

use feed::FeedId;

use super::{
    Ebt,
    io::Output,
    link::Link,
    note::{Clock, Note},
};
use crate::{Instant, LinkId};

/// How long changes of a clock are gathered before they are saved.
const SAVE_DELAY: Duration = Duration::from_secs(1);

impl Link {
    pub(super) fn held_changed(&mut self, feed: FeedId, now: Instant) {
        self.unsaved.held.insert(feed);
        self.unsaved.due.get_or_insert(now + SAVE_DELAY);
    }

    pub(super) fn told_changed(&mut self, feed: FeedId, now: Instant) {
        self.unsaved.told.insert(feed);
        self.unsaved.due.get_or_insert(now + SAVE_DELAY);
    }

    /// The saved clocks were taken up.
    pub(super) fn restored_mutual(&mut self, own: FeedId) {
        self.unsaved.mutual = self.is_mutual(own);
    }

    /// Whether each end wants the other's own feed.
    fn is_mutual(&self, own: FeedId) -> bool {
        let held = self.rows.get(&own).and_then(|row| row.held);
        let told = self.rows.get(&self.peer.feed()).and_then(|row| row.told);
        are_both_in(held, told)
    }

    /// What was saved for the peer is worthless.
    pub(super) fn start_afresh(&mut self, now: Instant) {
        self.unsaved.replace = true;
        self.unsaved.due.get_or_insert(now + SAVE_DELAY);
    }

    fn take_unsaved(&mut self, own: FeedId) -> Option<Output> {
        self.unsaved.due.take()?;
        let mutual = self.is_mutual(own);
        let mut changed = std::mem::take(&mut self.unsaved.held);
        changed.append(&mut self.unsaved.told);
        if mutual && !self.unsaved.mutual {
            // What was not worth remembering of a stranger is from now on.
            changed.extend(self.rows.keys());
        }
        self.unsaved.mutual = mutual;
        let ends = [own, self.peer.feed()];
        let (mut held, mut told) = (Vec::new(), Vec::new());
        for feed in changed {
            let Some(row) = self.rows.get_mut(&feed) else { continue };
            let kept = mutual || ends.contains(&feed) || are_both_in(row.held, row.told);
            // What is not remembered any more is saved once more, so that the save does not say what was never so.
            if std::mem::replace(&mut row.saved, kept) || kept {
                held.extend(row.held.map(|note| (feed, note)));
                told.extend(row.told.map(|note| (feed, note)));
            }
        }
        Some(Output::SaveClock { peer: self.peer, replace: std::mem::take(&mut self.unsaved.replace), held, told })
    }
}

fn wants(word: Option<Note>) -> bool {
    matches!(word, Some(Note::Have { .. }))
}

/// Whether both ends want a feed, by what they said of it.
fn are_both_in(held: Option<Note>, told: Option<Note>) -> bool {
    wants(held) && wants(told)
}

/// What two devices remember of each other, out of what was saved: everything, if each wants the other's own feed; else
/// only these two feeds and those that both want. So a stranger leaves hardly more behind than what one wants oneself. `own` is the feed written
/// here, `theirs` the one written by the other end, which comes to the same with the roles exchanged.
///
/// The hellos compare digests of what this returns, and [`Input::LinkUp`](super::Input::LinkUp) is given it.
pub fn remembered(mut held: Clock, mut told: Clock, own: FeedId, theirs: FeedId) -> (Clock, Clock) {
    if !are_both_in(held.get(&own).copied(), told.get(&theirs).copied()) {
        let ends = [own, theirs];
        let both: BTreeSet<FeedId> =
            held.keys().filter(|feed| are_both_in(held.get(feed).copied(), told.get(feed).copied())).copied().collect();
        held.retain(|feed, _| ends.contains(feed) || both.contains(feed));
        told.retain(|feed, _| ends.contains(feed) || both.contains(feed));
    }
    (held, told)
}

impl Ebt {
    /// Asks for the unsaved changes of `link` to be saved.
    pub(super) fn save_clock(&mut self, link: LinkId) {
        let own = self.config.own;
        if let Some(save) = self.links.get_mut(&link).and_then(|link| link.take_unsaved(own)) {
            self.outbox.push_back(save);
        }
    }
}
