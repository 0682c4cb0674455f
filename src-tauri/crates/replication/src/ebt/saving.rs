//! Saving what was told and heard, a second after it changed.

use std::time::Duration;

use feed::FeedId;

use super::{Ebt, io::Output, link::Link, note::Note};
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

    /// What was saved for the peer is worthless.
    pub(super) fn start_afresh(&mut self, now: Instant) {
        self.unsaved.replace = true;
        self.unsaved.due.get_or_insert(now + SAVE_DELAY);
    }

    fn take_unsaved(&mut self) -> Option<Output> {
        self.unsaved.due.take()?;
        let rows = &self.rows;
        let word_of = |feed: FeedId, word: Option<Note>| word.map(|note| (feed, note));
        let held = std::mem::take(&mut self.unsaved.held);
        let told = std::mem::take(&mut self.unsaved.told);
        Some(Output::SaveClock {
            peer: self.peer,
            replace: std::mem::take(&mut self.unsaved.replace),
            held: held.into_iter().filter_map(|feed| word_of(feed, rows.get(&feed)?.held)).collect(),
            told: told.into_iter().filter_map(|feed| word_of(feed, rows.get(&feed)?.told)).collect(),
        })
    }
}

impl Ebt {
    /// Asks for the unsaved changes of `link` to be saved.
    pub(super) fn save_clock(&mut self, link: LinkId) {
        if let Some(save) = self.links.get_mut(&link).and_then(Link::take_unsaved) {
            self.outbox.push_back(save);
        }
    }
}
