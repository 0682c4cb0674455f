//! When to ask who is there, and when to answer, on one interface. Pure: time arrives as an argument.
//!
//! After a start or a change, once a second for five seconds: a lost packet costs a second, and the first two are what makes
//! somebody appear in under two. Then hardly ever: a query every half minute *for all together*, because who hears one need not ask
//! the same (RFC 6762, section 7.3), and one answer from each, because answers go to everybody. So the traffic of an idle
//! network grows with the number of people, not with its square.

use std::time::{Duration, Instant};

use crate::backoff::Jitter;

/// Between queries after a start or a change.
const EAGER: Duration = Duration::from_secs(1);
/// Queries after a start or a change, the first at once.
const EAGER_QUERIES: u32 = 6;
/// Between queries afterwards, and up to a fifth more at random.
const QUIET: Duration = Duration::from_secs(30);
/// How long an announcement holds: four quiet intervals.
pub(crate) const LIVES: Duration = Duration::from_secs(120);
/// An answer waits up to so long, so that not all come at once (RFC 6762, section 6).
const ANSWER_SPREAD: Duration = Duration::from_millis(100);
/// Between two announcements (RFC 6762, section 6).
const ANSWER_INTERVAL: Duration = Duration::from_secs(1);

/// What to send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    Query,
    Announcement,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    jitter: Jitter,
    eager: u32,
    query: Instant,
    answer: Option<Instant>,
    answered: Option<Instant>,
}

impl Schedule {
    pub(crate) fn new(jitter: Jitter, now: Instant) -> Self {
        Self { jitter, eager: EAGER_QUERIES, query: now, answer: Some(now), answered: None }
    }

    /// The interface, its addresses or its cable changed: begin anew.
    pub(crate) fn changed(&mut self, now: Instant) {
        self.eager = EAGER_QUERIES;
        self.query = now;
        self.answer = Some(self.allowed(now));
    }

    /// Somebody asked; one's own queries may be heard too.
    pub(crate) fn heard_query(&mut self, now: Instant) {
        if self.eager == 0 {
            self.query = self.next_quiet(now);
        }
        self.owe_answer(now);
    }

    /// What is due.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Send> {
        let mut due = Vec::new();
        if self.query <= now {
            due.push(Send::Query);
            self.eager = self.eager.saturating_sub(1);
            self.query = if self.eager > 0 { now + EAGER } else { self.next_quiet(now) };
            // Whoever hears the query does not ask, and would not hear from us otherwise.
            self.owe_answer(now);
        }
        if self.answer.is_some_and(|at| at <= now) {
            due.push(Send::Announcement);
            self.answer = None;
            self.answered = Some(now);
        }
        due
    }

    /// When to look again, if nothing happens first.
    pub(crate) fn timeout(&self) -> Instant {
        self.answer.map_or(self.query, |answer| answer.min(self.query))
    }

    fn owe_answer(&mut self, now: Instant) {
        if self.answer.is_none() {
            let spread = self.jitter.up_to(ANSWER_SPREAD);
            self.answer = Some(self.allowed(now + spread));
        }
    }

    fn allowed(&self, at: Instant) -> Instant {
        self.answered.map_or(at, |answered| at.max(answered + ANSWER_INTERVAL))
    }

    fn next_quiet(&mut self, now: Instant) -> Instant {
        now + QUIET + self.jitter.up_to(QUIET / 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything sent in `time`, with the milliseconds since `start`.
    fn run(schedule: &mut Schedule, start: Instant, from: Duration, time: Duration) -> Vec<(u128, Send)> {
        let mut sent = Vec::new();
        while schedule.timeout() <= start + from + time {
            let now = schedule.timeout();
            sent.extend(schedule.due(now).into_iter().map(|send| (now.duration_since(start).as_millis(), send)));
        }
        sent
    }

    fn count(sent: &[(u128, Send)], what: Send) -> usize {
        sent.iter().filter(|(_, send)| *send == what).count()
    }

    #[test]
    fn a_start_is_eager_for_five_seconds_then_quiet() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Jitter::new(1), start);
        let sent = run(&mut schedule, start, Duration::ZERO, Duration::from_secs(6));
        assert_eq!(sent.first(), Some(&(0, Send::Query)));
        assert_eq!(sent.get(1), Some(&(0, Send::Announcement)));
        let queries: Vec<_> = sent.iter().filter(|(_, send)| *send == Send::Query).map(|(at, _)| *at).collect();
        assert_eq!(queries, [0, 1_000, 2_000, 3_000, 4_000, 5_000]);

        let sent = run(&mut schedule, start, Duration::from_secs(6), Duration::from_secs(300));
        assert!((8..=10).contains(&count(&sent, Send::Query)), "{sent:?}");
        assert_eq!(
            count(&sent, Send::Query),
            count(&sent, Send::Announcement),
            "each query is answered by its sender too"
        );
    }

    #[test]
    fn a_change_makes_it_eager_again() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Jitter::new(1), start);
        run(&mut schedule, start, Duration::ZERO, Duration::from_secs(20));
        schedule.changed(start + Duration::from_secs(20));
        let sent = run(&mut schedule, start, Duration::from_secs(20), Duration::from_millis(1_500));
        assert_eq!(count(&sent, Send::Query), 2);
        assert!(count(&sent, Send::Announcement) >= 1);
    }

    #[test]
    fn fifty_people_at_rest_ask_once_in_half_a_minute_altogether() {
        let start = Instant::now();
        let mut schedules: Vec<_> = (0..50).map(|seed| Schedule::new(Jitter::new(seed), start)).collect();
        let (mut queries, mut answers) = (0, 0);
        let end = start + Duration::from_secs(310);
        while let Some(now) = schedules.iter().map(Schedule::timeout).min().filter(|now| *now < end) {
            let mut asked = false;
            for schedule in &mut schedules {
                for send in schedule.due(now) {
                    let counts = now > start + Duration::from_secs(10);
                    match send {
                        Send::Query => (asked, queries) = (true, queries + usize::from(counts)),
                        Send::Announcement => answers += usize::from(counts),
                    }
                }
            }
            if asked {
                schedules.iter_mut().for_each(|schedule| schedule.heard_query(now));
            }
        }
        assert!(queries <= 11, "{queries} queries in five minutes");
        assert!(answers <= 50 * 11, "{answers} answers in five minutes");
    }

    #[test]
    fn a_flood_of_queries_is_answered_once_a_second() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Jitter::new(1), start);
        run(&mut schedule, start, Duration::ZERO, Duration::from_secs(10));
        let mut answers = 0;
        for ms in 10_000..13_000_u64 {
            let now = start + Duration::from_millis(ms);
            schedule.heard_query(now);
            answers += schedule.due(now).iter().filter(|send| **send == Send::Announcement).count();
        }
        assert!((2..=3).contains(&answers), "{answers}");
    }
}
