//! How far catching up with the peers has come, and how long the rest may take.

use std::{collections::VecDeque, time::Duration};

use feed::{DeviceKey, PersonId};
use replication::{Instant, Now};

use crate::Node;

/// What is on its way to us, while anything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Messages that were stored since catching up began.
    pub done: u64,
    /// About this many more are known to come.
    pub to_come: u64,
    /// How long they take at the pace of the last ten seconds; `None` until there is a pace.
    pub remaining: Option<Duration>,
    /// Who sends, and what each of them still has for us.
    pub links: Vec<LinkProgress>,
}

/// What is on its way to us on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkProgress {
    /// The device at the other end.
    pub device: DeviceKey,
    /// Whose device it is.
    pub person: PersonId,
    /// About this many messages are known to come from it.
    pub to_come: u64,
}

/// The time over which the pace is taken: long enough that a slow batch does not shake it, short enough to notice that a
/// link became faster.
const WINDOW: Duration = Duration::from_secs(10);

/// Until so much time has passed, what was stored says little about the pace.
const FIRST_PACE: Duration = Duration::from_secs(2);

/// Samples within [`WINDOW`]; beyond, the newest takes the place of the one before it.
const SAMPLES: usize = 64;

/// Counts what is stored while something is known to come. Pure: time is given.
#[derive(Debug, Default)]
pub(crate) struct CatchingUp {
    done: u64,
    began: Option<Instant>,
    /// What was done at some moments of the last [`WINDOW`], oldest first.
    samples: VecDeque<(Instant, u64)>,
}

impl CatchingUp {
    /// So many messages of links became durable.
    pub(crate) fn stored(&mut self, messages: u64, now: Instant) {
        if messages == 0 {
            return;
        }
        let began = *self.began.get_or_insert(now);
        if self.samples.is_empty() {
            self.samples.push_back((began, 0));
        }
        self.done = self.done.saturating_add(messages);
        while self.samples.get(1).is_some_and(|(at, _)| *at + WINDOW < now) {
            self.samples.pop_front();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_back();
        }
        self.samples.push_back((now, self.done));
    }

    /// Something is known to come: the time runs.
    pub(crate) fn awaited(&mut self, now: Instant) {
        self.began.get_or_insert(now);
    }

    /// Nothing is known to come any more.
    pub(crate) fn level(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// How long `to_come` messages take at the present pace.
    pub(crate) fn remaining(&self, to_come: u64, now: Instant) -> Option<Duration> {
        let began = self.began?;
        // Before the first sample falls out of the window the pace is that of the whole time.
        let (from, before) = match self.samples.front() {
            Some((at, done)) if *done > 0 => (*at, *done),
            _ => (began, 0),
        };
        let took = now.saturating_duration_since(from);
        let stored = self.done.checked_sub(before).filter(|stored| *stored > 0)?;
        if took < FIRST_PACE {
            return None;
        }
        // Rounded up to whole milliseconds of u128: no overflow, and no floating point in a state machine.
        let millis = took.as_millis().saturating_mul(u128::from(to_come)).div_ceil(u128::from(stored));
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

impl Node {
    /// How far catching up with the peers has come; `None` while nothing is known to be on its way.
    pub fn progress(&self, now: Now) -> Option<Progress> {
        let links: Vec<LinkProgress> = self.receiving().collect();
        let to_come = links.iter().fold(0_u64, |sum, link| sum.saturating_add(link.to_come));
        let remaining = self.catching_up.remaining(to_come, now.monotonic);
        (to_come > 0).then(|| Progress { done: self.catching_up.done(), to_come, remaining, links })
    }

    /// Looks whether anything is still to come.
    pub(crate) fn review_progress(&mut self, now: Now) {
        let awaits = self.receiving().next().is_some();
        if awaits {
            self.catching_up.awaited(now.monotonic);
        } else {
            self.catching_up.level();
        }
    }

    /// The links on which something is known to come. Each feed is asked for on one link, so nothing is counted twice.
    fn receiving(&self) -> impl Iterator<Item = LinkProgress> + '_ {
        self.links.iter().filter(|(_, link)| link.heard_at.is_some()).filter_map(|(id, link)| {
            let to_come = self.ebt.progress(*id)?.to_receive;
            let person = link.device.into();
            (to_come > 0).then_some(LinkProgress { device: link.device, person, to_come })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn the_rest_takes_as_long_as_the_pace_says() {
        let mut catching_up = CatchingUp::default();
        catching_up.awaited(at(0));
        for second in 1..=5 {
            catching_up.stored(1_000, at(second * 1_000));
        }
        assert_eq!(catching_up.done(), 5_000);
        assert_eq!(catching_up.remaining(20_000, at(5_000)), Some(Duration::from_secs(20)));
    }

    #[test]
    fn there_is_no_estimate_before_there_is_a_pace() {
        let mut catching_up = CatchingUp::default();
        assert_eq!(catching_up.remaining(10, at(9_000)), None);
        catching_up.awaited(at(0));
        assert_eq!(catching_up.remaining(10, at(9_000)), None, "nothing has come yet");
        catching_up.level();
        catching_up.awaited(at(10_000));
        catching_up.stored(500, at(10_100));
        assert_eq!(catching_up.remaining(10_000, at(10_100)), None, "one batch is no pace");
        assert!(catching_up.remaining(10_000, at(12_500)).is_some());
    }

    #[test]
    fn the_estimate_follows_a_pace_that_changes() {
        let mut catching_up = CatchingUp::default();
        catching_up.awaited(at(0));
        for tenth in 1..=300 {
            catching_up.stored(10, at(tenth * 100));
        }
        let slow = catching_up.remaining(10_000, at(30_000)).expect("a pace");
        assert_eq!(slow.as_secs(), 100);
        for tenth in 301..=450 {
            catching_up.stored(100, at(tenth * 100));
        }
        let fast = catching_up.remaining(10_000, at(45_000)).expect("a pace");
        assert!(fast < Duration::from_secs(12), "{fast:?}");
    }

    #[test]
    fn a_link_that_stalls_makes_the_rest_longer_not_shorter() {
        let mut catching_up = CatchingUp::default();
        catching_up.awaited(at(0));
        catching_up.stored(100, at(2_000));
        let before = catching_up.remaining(100, at(2_000)).expect("a pace");
        let after = catching_up.remaining(100, at(9_000)).expect("a pace");
        assert!(after > before, "{before:?}, {after:?}");
    }

    #[test]
    fn samples_are_bounded_and_the_count_goes_on() {
        let mut catching_up = CatchingUp::default();
        catching_up.awaited(at(0));
        for milli in 1..=5_000 {
            catching_up.stored(1, at(milli));
        }
        assert!(catching_up.samples.len() <= SAMPLES);
        assert_eq!(catching_up.remaining(5_000, at(5_000)), Some(Duration::from_secs(5)));
        catching_up.level();
        assert_eq!(catching_up.done(), 0);
    }
}
