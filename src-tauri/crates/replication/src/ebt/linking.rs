//! Links and wishes that come and go.

use feed::{DeviceKey, FeedId};

use super::{
    Ebt,
    io::{Output, Want},
    link::{Link, Row},
    note::{Clock, Note},
    sources::Source,
};
use crate::{Instant, LinkId, Now};

impl Ebt {
    /// `clocks` is what both ends agree was told before: held, told.
    pub(super) fn on_link_up(&mut self, id: LinkId, peer: DeviceKey, clocks: Option<(Clock, Clock)>, now: Now) {
        if self.links.contains_key(&id) {
            self.on_link_down(id, now);
        }
        let blocked = self.want(&peer.feed()) == Want::Block;
        let mut link = Link::new(peer, blocked);
        match clocks {
            Some((held, told)) => {
                restore(&mut link, &held, &told);
                link.restored_mutual(self.config.own);
            }
            // Our own feed is always told of, so a full clock is never empty: the peer gets a first frame of notes.
            None => link.start_afresh(now.monotonic),
        }
        link.unwanted = link.rows.keys().filter(|feed| self.want(feed) != Want::Replicate).count();
        self.links.insert(id, link);
        if !blocked {
            self.greet(id, now);
        }
    }

    /// Takes up every feed on a link that has just become usable, and queues a note for each that differs from what the
    /// peer was told.
    fn greet(&mut self, id: LinkId, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        for (&feed, known) in self.feeds.iter_mut().filter(|(_, known)| known.wanted()) {
            let row = link.rows.entry(feed).or_default();
            row.asks = row.held.is_some_and(|held| held.asks()) && known.head <= row.claimed;
            let may_ask = known.source.is_none() && !known.frozen && !row.ignored_by_peer();
            if may_ask && row.told.is_some_and(Note::asks) {
                // As the clocks agree, the peer still takes us for asking: the tree stands where it stood.
                known.source = Some(Source::resting(id, now.monotonic));
            } else if may_ask && row.told.is_none() && feed != self.config.own {
                known.source = Some(Source::asked(id, now.monotonic));
            }
        }
        // Also what we no longer want, and what it told us of and was never answered.
        for feed in link.rows.keys().copied().collect::<Vec<_>>() {
            let note = self.note_for(id, feed);
            let Some(row) = self.links.get(&id).and_then(|link| link.rows.get(&feed)) else { continue };
            let differs = match (row.told, note) {
                (None, Note::Ignore) => row.held.is_some_and(|held| held != Note::Ignore),
                (told, note) => told != Some(note),
            };
            if row.claimed > note.sequence().unwrap_or(row.claimed) {
                self.consider(feed, id, now);
            }
            if differs {
                self.insist(id, feed, now.monotonic);
            }
            self.review_movement(id, feed);
        }
    }

    /// Forgets the link, and with it what was asked of it.
    pub(super) fn on_link_down(&mut self, id: LinkId, now: Now) {
        self.save_clock(id);
        let Some(link) = self.links.remove(&id) else { return };
        for feed in link.rows.into_keys() {
            if self.source_link(&feed) == Some(id) {
                self.lose_source(feed, now);
            }
        }
    }

    /// A wish changed.
    pub(super) fn on_want(&mut self, feed: FeedId, want: Want, now: Now) {
        if feed == self.config.own {
            return;
        }
        let known = self.feeds.entry(feed).or_default();
        let before = std::mem::replace(&mut known.want, want);
        if before == want {
            return;
        }
        self.block_links_of(feed, want == Want::Block, now);
        match (before == Want::Replicate, want == Want::Replicate) {
            (false, true) => self.take_up(feed, now),
            (true, false) => self.give_up(feed, now),
            _ => {}
        }
    }

    fn take_up(&mut self, feed: FeedId, now: Now) {
        let head = self.head(&feed);
        let frozen = self.feeds.get(&feed).is_some_and(|known| known.frozen);
        for link in self.links.values_mut() {
            if link.rows.contains_key(&feed) {
                link.unwanted = link.unwanted.saturating_sub(1);
            }
            let row = link.rows.entry(feed).or_default();
            // Whatever it asked before, we answered that we do not want the feed; it speaks anew when it hears of us.
            row.asks = false;
        }
        if !frozen {
            let usable = || self.links.iter().filter(|(_, link)| !link.blocked);
            let offering = usable()
                .find(|(_, link)| link.rows.get(&feed).is_some_and(|row| row.offers_more_than(head, now.monotonic)));
            let willing = || usable().find(|(_, link)| link.rows.get(&feed).is_some_and(|row| !row.ignored_by_peer()));
            if let Some(&id) = offering.or_else(willing).map(|(id, _)| id) {
                self.ask(feed, id, now.monotonic);
            }
        }
        self.tell_all(feed, now.monotonic);
    }

    fn give_up(&mut self, feed: FeedId, now: Now) {
        self.clear_lag(feed);
        if let Some(known) = self.feeds.get_mut(&feed) {
            known.source = None;
        }
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.stop_stream(id, feed);
            if let Some(link) = self.links.get_mut(&id).filter(|link| link.rows.contains_key(&feed)) {
                link.unwanted += 1;
            }
        }
        self.tell_all(feed, now.monotonic);
    }

    /// Queues the note of `feed` on every link, for now, after the wish for it changed.
    fn tell_all(&mut self, feed: FeedId, now: Instant) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.review_movement(id, feed);
            if self.links.get(&id).is_some_and(|link| link.rows.contains_key(&feed)) {
                self.insist(id, feed, now);
            }
        }
    }

    /// A blocked person's link carries nothing either way.
    fn block_links_of(&mut self, feed: FeedId, blocked: bool, now: Now) {
        let theirs: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.peer.feed() == feed).map(|(&id, _)| id).collect();
        for id in theirs {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if std::mem::replace(&mut link.blocked, blocked) == blocked {
                continue;
            }
            if !blocked {
                self.greet(id, now);
                continue;
            }
            for feed in link.rows.keys().copied().collect::<Vec<_>>() {
                self.stop_stream(id, feed);
                if self.source_link(&feed) == Some(id) {
                    self.lose_source(feed, now);
                }
            }
        }
    }

    /// A fork was proven: nothing more of `feed` is taken from anyone.
    pub(super) fn on_frozen(&mut self, feed: FeedId, now: Now) {
        let known = self.feeds.entry(feed).or_default();
        known.frozen = true;
        let source = known.source.take();
        self.clear_lag(feed);
        if let Some(source) = source {
            self.enqueue_note(source.link, feed, now.monotonic);
        }
    }

    /// Ends what we stream of `feed` to the peer of `id`, which no longer asks.
    pub(super) fn stop_stream(&mut self, id: LinkId, feed: FeedId) {
        let Some(row) = self.links.get_mut(&id).and_then(|link| link.rows.get_mut(&feed)) else { return };
        let streaming = row.streaming();
        row.asks = false;
        if streaming {
            self.outbox.push_back(Output::StopStream { link: id, feed });
        }
    }

    pub(super) fn want(&self, feed: &FeedId) -> Want {
        self.feeds.get(feed).map_or(Want::Ignore, |known| known.want)
    }
}

fn restore(link: &mut Link, held: &Clock, told: &Clock) {
    for feed in held.keys().chain(told.keys()) {
        link.rows.entry(*feed).or_insert_with(|| Row::restored(held.get(feed).copied(), told.get(feed).copied()));
    }
}
