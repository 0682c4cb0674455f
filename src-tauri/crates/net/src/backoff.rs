//! How long to wait before dialling again. Pure: the clock and the seed are arguments.

use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The first wait after a failure; doubles with each further one.
const FIRST: Duration = Duration::from_millis(250);
/// The longest wait for a peer that does not answer. Short, because the cable may come back any moment and a dial costs a packet or two;
/// who stays away is forgotten with its announcement.
const UNREACHABLE_MAX: Duration = Duration::from_secs(5);
/// The longest wait for a peer that answers and does not want us, or speaks something else.
const REJECTED_MAX: Duration = Duration::from_secs(600);
/// Rejections that a program counts for that speaks another protocol: the wait begins at a minute.
const NOT_OURS: u32 = 5;

/// Seeded randomness, so that devices that lost each other at the same moment do not all dial at the same moment again.
#[derive(Debug)]
pub(crate) struct Jitter(ChaCha8Rng);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Somewhere from zero up to `most`.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(f64::from(self.0.next_u32()) / f64::from(u32::MAX))
    }

    /// A quarter more or less.
    fn around(&mut self, time: Duration) -> Duration {
        time.mul_f64(0.75) + self.up_to(time / 2)
    }

    /// Another one, with a seed of its own.
    pub(crate) fn split(&mut self) -> Self {
        Self::new(self.0.next_u64())
    }

    /// Random lower-case letters.
    pub(crate) fn name(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'a' + (self.0.next_u32() % 26) as u8)).collect()
    }
}

/// When to dial somebody again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    due: Instant,
    /// Failures in a row to get an answer.
    unreachable: u32,
    /// Answers in a row that led to no link, or to one that did not last.
    rejected: u32,
}

impl Backoff {
    pub(crate) fn new(due: Instant) -> Self {
        Self { due, unreachable: 0, rejected: 0 }
    }

    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// Attempts in a row that nobody answered.
    pub(crate) fn failures(&self) -> u32 {
        self.unreachable
    }

    /// Nobody answered, or the line broke.
    pub(crate) fn unreachable(&mut self, now: Instant, jitter: &mut Jitter) {
        self.unreachable = self.unreachable.saturating_add(1);
        self.wait(now, jitter);
    }

    /// Somebody answered and did not want us.
    pub(crate) fn rejected(&mut self, now: Instant, jitter: &mut Jitter) {
        self.rejected = self.rejected.saturating_add(1);
        self.unreachable = 0;
        self.wait(now, jitter);
    }

    /// Somebody answered who speaks another protocol.
    pub(crate) fn not_ours(&mut self, now: Instant, jitter: &mut Jitter) {
        self.rejected = self.rejected.max(NOT_OURS - 1);
        self.rejected(now, jitter);
    }

    /// A good link was lost.
    pub(crate) fn reset(&mut self, now: Instant, jitter: &mut Jitter) {
        *self = Self { due: now + jitter.around(FIRST), unreachable: 0, rejected: 0 };
    }

    /// There is a sign that somebody who did not answer is there again. Does not help who rejected us.
    pub(crate) fn heard(&mut self, soon: Instant) {
        if self.rejected == 0 {
            self.unreachable = 0;
            self.due = self.due.min(soon);
        }
    }

    fn wait(&mut self, now: Instant, jitter: &mut Jitter) {
        let unreachable = FIRST.saturating_mul(1 << self.unreachable.saturating_sub(1).min(16)).min(UNREACHABLE_MAX);
        // Grows by four, the first one being a second: rejections are not accidents.
        let rejected = match self.rejected {
            0 => Duration::ZERO,
            count => FIRST.saturating_mul(1 << (2 * count.min(10))).min(REJECTED_MAX),
        };
        self.due = now + jitter.around(unreachable.max(rejected));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_a_sign_of_life_ends_them() {
        let (now, mut jitter) = (Instant::now(), Jitter::new(1));
        let mut backoff = Backoff::new(now);
        let mut waits = Vec::new();
        for _ in 0..8 {
            backoff.unreachable(now, &mut jitter);
            waits.push(backoff.due().duration_since(now));
        }
        let around = |wait: Duration, middle: Duration| wait >= middle.mul_f64(0.75) && wait <= middle.mul_f64(1.25);
        assert!(
            around(waits[0], FIRST) && around(waits[1], FIRST * 2) && around(waits[7], UNREACHABLE_MAX),
            "{waits:?}"
        );
        backoff.heard(now);
        assert!(backoff.is_due(now));
    }

    #[test]
    fn who_rejects_us_is_left_alone_whatever_it_announces() {
        let (now, mut jitter) = (Instant::now(), Jitter::new(1));
        let mut backoff = Backoff::new(now);
        backoff.not_ours(now, &mut jitter);
        backoff.heard(now);
        assert!(!backoff.is_due(now + Duration::from_secs(60)));
        for _ in 0..20 {
            backoff.rejected(now, &mut jitter);
        }
        assert!(backoff.due().duration_since(now) <= REJECTED_MAX.mul_f64(1.25));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let now = Instant::now();
        let dues = || {
            let (mut backoff, mut jitter) = (Backoff::new(now), Jitter::new(42));
            backoff.unreachable(now, &mut jitter);
            backoff.due()
        };
        assert_eq!(dues(), dues());
    }
}
