//! How far each feed has come: durable, checked, and on its way; and the newest messages themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feed::{FeedId, Head, Message};

use crate::limits;

/// The heads of all feeds at the three stations of the intake, and the newest messages.
///
/// **Invariant:** for every feed durable ≤ checked ≤ tip, and each continues the one before.
#[derive(Debug, Default)]
pub(crate) struct Log {
    durable: BTreeMap<FeedId, Head>,
    /// Signature checked, being stored. Only where ahead of `durable`.
    checked: BTreeMap<FeedId, Head>,
    /// Fits the chain, signature not checked. Only where ahead of `checked`.
    tip: BTreeMap<FeedId, Head>,
    frozen: BTreeSet<FeedId>,
    /// When each feed was last written in, and when anything was, in Unix milliseconds.
    written: BTreeMap<FeedId, i64>,
    last_written: Option<i64>,
    recent: Recent,
}

/// How long before anything else a feed was last written in, in steps that a person would tell apart. Within one of them feeds are
/// equal, so that neighbours who start together get different ones and exchange them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    Day,
    Week,
    Month,
    Year,
    Older,
}

impl Log {
    pub(crate) fn new(
        durable: BTreeMap<FeedId, Head>,
        written: BTreeMap<FeedId, i64>,
        frozen: BTreeSet<FeedId>,
    ) -> Self {
        let last_written = written.values().max().copied();
        Self { durable, frozen, written, last_written, ..Self::default() }
    }

    /// How long a feed has been silent, seen from the newest that is known.
    pub(crate) fn age(&self, feed: &FeedId) -> Age {
        const DAY: i64 = 86_400_000;
        match self.written.get(feed).zip(self.last_written).map(|(written, last)| last.saturating_sub(*written)) {
            Some(..=DAY) => Age::Day,
            Some(silent) if silent <= 7 * DAY => Age::Week,
            Some(silent) if silent <= 30 * DAY => Age::Month,
            Some(silent) if silent <= 365 * DAY => Age::Year,
            Some(_) => Age::Older,
            // Whoever only follows and likes, or whose posts are not indexed: it costs little to have them early.
            None => Age::Day,
        }
    }

    /// A feed was written in: when, as its author says, but not later than `wall`.
    pub(crate) fn written(&mut self, feed: FeedId, claimed: f64, wall: i64) {
        // Saturates; a claim is finite.
        let time = (claimed as i64).min(wall);
        let last = self.written.entry(feed).or_insert(time);
        *last = time.max(*last);
        self.last_written = self.last_written.max(Some(time));
    }

    /// The newest durable message of a feed.
    pub(crate) fn durable(&self, feed: &FeedId) -> Option<&Head> {
        self.durable.get(feed)
    }

    /// Sequence of the newest durable message, 0 for none.
    pub(crate) fn sequence(&self, feed: &FeedId) -> u64 {
        self.durable.get(feed).map_or(0, |head| head.sequence)
    }

    /// The newest message whose signature is checked.
    pub(crate) fn checked(&self, feed: &FeedId) -> Option<&Head> {
        self.checked.get(feed).or_else(|| self.durable(feed))
    }

    /// The newest message on its way.
    pub(crate) fn tip(&self, feed: &FeedId) -> Option<&Head> {
        self.tip.get(feed).or_else(|| self.checked(feed))
    }

    /// Whether anything of the feed is on its way.
    pub(crate) fn in_flight(&self, feed: &FeedId) -> bool {
        self.tip.contains_key(feed) || self.checked.contains_key(feed)
    }

    /// A message that continues the tip is on its way.
    pub(crate) fn arrived(&mut self, feed: FeedId, head: Head) {
        self.tip.insert(feed, head);
    }

    /// Its signature holds.
    pub(crate) fn is_checked(&mut self, feed: FeedId, head: Head) {
        if self.tip.get(&feed).is_some_and(|tip| tip.sequence <= head.sequence) {
            self.tip.remove(&feed);
        }
        self.checked.insert(feed, head);
    }

    /// A feed is durable as far as `head`; those of its new messages that may be passed on soon stay in memory.
    pub(crate) fn stored<'a>(&mut self, feed: FeedId, head: Head, recent: impl Iterator<Item = &'a Message>) {
        for ahead in [&mut self.tip, &mut self.checked] {
            if ahead.get(&feed).is_some_and(|other| other.sequence <= head.sequence) {
                ahead.remove(&feed);
            }
        }
        // What is stored stays stored: an answer that comes late takes nothing back.
        if self.sequence(&feed) < head.sequence {
            self.durable.insert(feed, head);
        }
        for message in recent {
            self.recent.push(message.clone());
        }
    }

    /// What was on its way and not checked yet is given up.
    pub(crate) fn drop_unchecked(&mut self, feed: &FeedId) {
        self.tip.remove(feed);
    }

    /// Everything that was on its way is given up.
    pub(crate) fn drop_in_flight(&mut self, feed: &FeedId) {
        self.tip.remove(feed);
        self.checked.remove(feed);
    }

    /// Whether the feed was forked.
    pub(crate) fn is_frozen(&self, feed: &FeedId) -> bool {
        self.frozen.contains(feed)
    }

    /// The feed was forked. Returns whether that is news.
    pub(crate) fn freeze(&mut self, feed: FeedId) -> bool {
        self.frozen.insert(feed)
    }

    /// A message that was stored a short while ago.
    pub(crate) fn recent(&self, feed: &FeedId, sequence: u64) -> Option<&Message> {
        self.recent.messages.get(&(*feed, sequence))
    }
}

/// The newest messages that became durable, at most [`limits::RECENT`] bytes.
#[derive(Debug, Default)]
struct Recent {
    messages: BTreeMap<(FeedId, u64), Message>,
    order: VecDeque<(FeedId, u64)>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, message: Message) {
        let key = (message.author(), message.sequence());
        self.bytes += message.encoded().len();
        self.order.push_back(key);
        if let Some(before) = self.messages.insert(key, message) {
            self.bytes -= before.encoded().len();
        }
        while self.bytes > limits::RECENT {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(message) = self.messages.remove(&oldest) {
                self.bytes -= message.encoded().len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use feed::{KeyPair, MessageId};

    use super::*;

    #[test]
    fn a_head_never_goes_back() {
        let feed = KeyPair::from_seed(&[1; 32]).feed_id();
        let head = |sequence: u64| Head { id: MessageId::classic([sequence as u8; 32]), sequence };
        let mut log = Log::new(BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        log.stored(feed, head(7), std::iter::empty());
        log.stored(feed, head(5), std::iter::empty());
        assert_eq!(log.durable(&feed), Some(&head(7)));
    }

    #[test]
    fn ages_are_seen_from_the_newest_and_a_claim_of_the_future_counts_as_now() {
        const DAY: i64 = 86_400_000;
        let feed = |n: u8| FeedId::classic([n; 32]);
        let now = 400 * DAY;
        let written = [(1, now - DAY), (2, now - 3 * DAY), (3, now - 20 * DAY), (4, now - 200 * DAY), (5, 0)];
        let written = written.into_iter().map(|(n, time)| (feed(n), time)).collect();
        let mut log = Log::new(BTreeMap::new(), written, BTreeSet::new());
        log.written(feed(6), 1e300, now);
        let ages = (1..=7).map(|n| log.age(&feed(n))).collect::<Vec<_>>();
        assert_eq!(ages, [Age::Day, Age::Week, Age::Month, Age::Year, Age::Older, Age::Day, Age::Day]);
        log.written(feed(5), now as f64, now);
        log.written(feed(1), -1e300, now);
        assert_eq!([log.age(&feed(5)), log.age(&feed(1))], [Age::Day, Age::Day], "an older claim takes nothing back");
    }
}
