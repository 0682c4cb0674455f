//! Which peer each feed is asked of, and when that changes.

use std::time::Duration;

use feed::FeedId;

use super::{Ebt, Lag};
use crate::{Instant, LinkId, Now};

/// A source that is busy sending other feeds is not silent, but for no longer than this.
const BUSY_PATIENCE: Duration = Duration::from_secs(10);

/// How long a peer's claims are not believed after it failed once; doubles with each further failure of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// It claimed more, was asked, and sent nothing.
    Silent,
    /// It sent something that does not follow.
    Gap,
    /// It sent something that cannot be taken.
    Refused,
    /// It did what it was asked to do, and we could not take it: it rests this long, and nothing doubles.
    Ours(Duration),
}

impl Failure {
    const fn distrust(self) -> Duration {
        match self {
            Self::Silent => Duration::from_secs(10),
            Self::Gap => Duration::from_secs(1),
            Self::Refused => Duration::from_secs(60),
            Self::Ours(pause) => pause,
        }
    }
}

/// The longest distrust: an hour.
const MAX_DISTRUST: Duration = Duration::from_secs(3600);

/// The peer that a feed is asked of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) link: LinkId,
    /// When it was asked, or last delivered.
    pub(super) heard_at: Instant,
    /// It has delivered; slower ways in do not replace it before the patience is over.
    pub(super) proven: bool,
    /// It was asked in an earlier meeting, not in this one.
    pub(super) resting: bool,
    /// It let the patience pass, and nobody else claimed more.
    pub(super) overdue: bool,
}

impl Source {
    pub(super) fn asked(link: LinkId, now: Instant) -> Self {
        Self { link, heard_at: now, proven: false, resting: false, overdue: false }
    }

    pub(super) fn resting(link: LinkId, now: Instant) -> Self {
        Self { resting: true, proven: true, ..Self::asked(link, now) }
    }
}

impl Ebt {
    pub(super) fn source_link(&self, feed: &FeedId) -> Option<LinkId> {
        Some(self.feeds.get(feed)?.source?.link)
    }

    /// Makes `id` the source of `feed`; the old one is told to be lazy.
    pub(super) fn ask(&mut self, feed: FeedId, id: LinkId, now: Instant) {
        let Some(known) = self.feeds.get_mut(&feed) else { return };
        let old = known.source.replace(Source::asked(id, now));
        self.insist(id, feed, now);
        if let Some(old) = old.filter(|old| old.link != id) {
            self.enqueue_note(old.link, feed, now);
        }
        self.look_when_trusted(feed, now);
    }

    /// `id` claims more of `feed` than we hold.
    pub(super) fn consider(&mut self, feed: FeedId, id: LinkId, now: Now) {
        let Some(known) = self.feeds.get(&feed).filter(|known| known.wanted() && !known.frozen) else { return };
        if !self.offers_more(feed, id, now.monotonic) {
            self.look_when_trusted(feed, now.monotonic);
            return;
        }
        let Some(source) = known.source else {
            self.ask(feed, id, now.monotonic);
            return;
        };
        if source.link == id {
            if source.resting {
                self.ask(feed, id, now.monotonic);
            }
            return;
        }
        if source.overdue {
            self.distrust(feed, source.link, Failure::Silent, now.monotonic);
            self.ask(feed, id, now.monotonic);
        } else if !source.proven && self.is_useless(feed, source.link) {
            self.ask(feed, id, now.monotonic);
        } else if known.lag.is_none() {
            self.set_lag(feed, now.monotonic, now.monotonic + self.config.patience);
        }
    }

    /// Whether the peer of `id` has told us that it holds no more of `feed` than we do.
    fn is_useless(&self, feed: FeedId, id: LinkId) -> bool {
        let head = self.head(&feed);
        let row = self.links.get(&id).and_then(|link| link.rows.get(&feed));
        row.is_none_or(|row| row.held.is_some() && row.claimed <= head)
    }

    fn offers_more(&self, feed: FeedId, id: LinkId, now: Instant) -> bool {
        let head = self.head(&feed);
        self.links.get(&id).is_some_and(|link| {
            !link.blocked && link.rows.get(&feed).is_some_and(|row| row.offers_more_than(head, now))
        })
    }

    /// The next peer after `after` that offers more, going round.
    fn next_offer(&self, feed: FeedId, after: Option<LinkId>, now: Instant) -> Option<LinkId> {
        let start = after.map_or(0, |id| id.0.saturating_add(1));
        let later = self.links.range(LinkId(start)..);
        let earlier = self.links.range(..LinkId(start));
        let mut around = later.chain(earlier).map(|(&id, _)| id).filter(|&id| Some(id) != after);
        around.find(|&id| self.offers_more(feed, id, now))
    }

    /// The source is gone or failed: another one that claims more is asked at once.
    pub(super) fn lose_source(&mut self, feed: FeedId, now: Now) {
        let Some(known) = self.feeds.get_mut(&feed) else { return };
        let Some(old) = known.source.take() else { return };
        if known.frozen || !known.wanted() {
            return;
        }
        match self.next_offer(feed, Some(old.link), now.monotonic) {
            Some(next) => self.ask(feed, next, now.monotonic),
            None => self.look_when_trusted(feed, now.monotonic),
        }
    }

    /// The patience with the source of `feed` may be over.
    pub(super) fn on_patience_over(&mut self, feed: FeedId, now: Now) {
        let patience = self.config.patience;
        let Some(known) = self.feeds.get_mut(&feed) else { return };
        let Some(lag) = known.lag.take() else { return };
        let source = known.source;
        let Some(next) = self.next_offer(feed, source.map(|source| source.link), now.monotonic) else {
            self.note_overdue(feed, now.monotonic);
            self.look_when_trusted(feed, now.monotonic);
            return;
        };
        let Some(source) = source else {
            self.ask(feed, next, now.monotonic);
            return;
        };
        let busy_until = self.busy_until(source.link, now.monotonic);
        let until = busy_until.min(lag.since + BUSY_PATIENCE).max(source.heard_at + patience);
        if until > now.monotonic {
            self.set_lag(feed, lag.since, until);
            return;
        }
        if busy_until <= now.monotonic && self.offers_more(feed, source.link, now.monotonic) {
            self.distrust(feed, source.link, Failure::Silent, now.monotonic);
        }
        self.ask(feed, next, now.monotonic);
        self.set_lag(feed, now.monotonic, now.monotonic + patience);
    }

    /// Until when the peer of `id` cannot be called silent: it has just sent something, or we have not stored yet what it sent.
    fn busy_until(&self, id: LinkId, now: Instant) -> Instant {
        let Some(link) = self.links.get(&id) else { return Instant::default() };
        let Some(heard) = link.heard_at else { return Instant::default() };
        let storing = !link.unstored.is_empty() && now < heard + BUSY_PATIENCE;
        if storing { now + self.config.patience } else { heard + self.config.patience }
    }

    /// Nobody but the source claims more, and it is silent: whoever claims more next replaces it without waiting.
    fn note_overdue(&mut self, feed: FeedId, now: Instant) {
        let Some(link) = self.source_link(&feed) else { return };
        let overdue = self.offers_more(feed, link, now);
        let busy = self.busy_until(link, now) > now;
        if let Some(source) = self.feeds.get_mut(&feed).and_then(|known| known.source.as_mut()) {
            source.overdue = overdue && !busy && source.heard_at + self.config.patience <= now;
        }
    }

    /// The peer of `id` delivered, or is delivering, messages of `feed`.
    pub(super) fn note_delivery(&mut self, feed: FeedId, id: LinkId, now: Instant) {
        let Some(source) = self.feeds.get_mut(&feed).and_then(|known| known.source.as_mut()) else { return };
        if source.link == id {
            *source = Source { proven: true, ..Source::asked(id, now) };
        }
    }

    /// Does not believe the peer of `id` about `feed` for a while.
    pub(super) fn distrust(&mut self, feed: FeedId, id: LinkId, failure: Failure, now: Instant) {
        let Some(row) = self.links.get_mut(&id).and_then(|link| link.rows.get_mut(&feed)) else { return };
        let pause = failure.distrust();
        if matches!(failure, Failure::Ours(_)) {
            row.distrusted_until = row.distrusted_until.max(Some(now + pause));
            return;
        }
        let doubled = pause.saturating_mul(1 << row.failures.min(16));
        row.distrusted_until = Some(now + doubled.min(MAX_DISTRUST));
        row.failures = row.failures.saturating_add(1);
    }

    /// If peers claim more but are not believed now, looks again when the first of them is.
    fn look_when_trusted(&mut self, feed: FeedId, now: Instant) {
        let head = self.head(&feed);
        let rows = self.links.values().filter_map(|link| link.rows.get(&feed));
        let claiming = rows.filter(|row| row.claimed > head && !row.ignored_by_peer());
        let first = claiming.filter_map(|row| row.distrusted_until).filter(|&until| until > now).min();
        if let Some(first) = first
            && self.feeds.get(&feed).is_some_and(|known| known.lag.is_none())
        {
            self.set_lag(feed, first, first);
        }
    }

    /// After `feed` advanced: the patience starts anew if somebody still claims more, else ends.
    pub(super) fn review_lag(&mut self, feed: FeedId, now: Instant) {
        let Some(lag) = self.feeds.get(&feed).and_then(|known| known.lag) else { return };
        let source = self.source_link(&feed);
        if self.next_offer(feed, source, now).is_some() {
            self.set_lag(feed, lag.since.min(now), now + self.config.patience);
        } else {
            self.clear_lag(feed);
            self.look_when_trusted(feed, now);
        }
    }

    fn set_lag(&mut self, feed: FeedId, since: Instant, due: Instant) {
        self.clear_lag(feed);
        if let Some(known) = self.feeds.get_mut(&feed) {
            known.lag = Some(Lag { since, due });
            self.lagging.insert((due, feed));
        }
    }

    pub(super) fn clear_lag(&mut self, feed: FeedId) {
        if let Some(lag) = self.feeds.get_mut(&feed).and_then(|known| known.lag.take()) {
            self.lagging.remove(&(lag.due, feed));
        }
    }
}
