//! What an import refused, in a bounded number of lines: the first by name, all of them counted by reason.

use std::collections::{BTreeMap, BTreeSet};

use app::status::Rejected;
use indicatif::ProgressBar;

/// Refusals that are told one by one.
const TOLD: u64 = 20;
/// Reasons that are counted apart; the words of the others are not kept.
const REASONS: usize = 16;
/// Refused messages that are known again when a file is read more than once.
const REMEMBERED: usize = 65_536;

/// Counts refusals and tells the first of them.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    total: u64,
    blocked: u64,
    by_reason: BTreeMap<String, u64>,
    others: u64,
    remembered: BTreeSet<(String, u64)>,
}

impl Refusals {
    /// How many there were.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many of them only because their authors are blocked here.
    pub(crate) fn blocked(&self) -> u64 {
        self.blocked
    }

    /// Something was refused: `what` and why, with a colon between.
    pub(crate) fn refuse(&mut self, words: &str, bar: &ProgressBar) {
        self.total += 1;
        if self.total <= TOLD {
            bar.suspend(|| eprintln!("{words}"));
        }
        // What comes after a second colon names one message again, or a place in it.
        let reason = words.split_once(": ").map_or(words, |(_, reason)| reason);
        let reason = reason.split_once(": ").map_or(reason, |(reason, _)| reason);
        if let Some(count) = self.by_reason.get_mut(reason) {
            *count += 1;
        } else if self.by_reason.len() < REASONS {
            self.by_reason.insert(reason.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// Many were refused for one reason.
    pub(crate) fn refuse_many(&mut self, count: u64, reason: &str, bar: &ProgressBar) {
        bar.suspend(|| eprintln!("{count} {reason}"));
        self.total += count;
        *self.by_reason.entry(reason.to_owned()).or_default() += count;
    }

    /// The node refused a message; one that was refused when the file was read before is not counted again.
    pub(crate) fn refuse_message(&mut self, rejected: Rejected, bar: &ProgressBar) {
        let Rejected { feed, sequence, reason, blocked } = rejected;
        let words = format!("message {sequence} of {feed}: {reason}");
        if self.remembered.len() < REMEMBERED && !self.remembered.insert((feed, sequence)) {
            return;
        }
        self.blocked += u64::from(blocked);
        self.refuse(&words, bar);
    }

    /// The summary, when not everything was told one by one.
    pub(crate) fn summary(&self) -> Option<String> {
        if self.total <= TOLD {
            return None;
        }
        let mut lines = format!("{} were refused in all:", self.total);
        let mut reasons: Vec<_> = self.by_reason.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in reasons {
            lines.push_str(&format!("\n  {count}: {reason}"));
        }
        if self.others > 0 {
            lines.push_str(&format!("\n  {}: for other reasons", self.others));
        }
        Some(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_and_all_are_counted_by_reason() {
        let bar = ProgressBar::hidden();
        let mut refusals = Refusals::default();
        for line in 0..TOLD {
            refusals.refuse(&format!("line {line}, a message: it cannot be read: at byte {line}"), &bar);
        }
        assert_eq!(refusals.summary(), None);
        for line in 0..5 {
            let reason = "the signature does not fit".to_owned();
            let rejected = Rejected { feed: "@a".to_owned(), sequence: line, reason, blocked: line == 0 };
            refusals.refuse_message(rejected.clone(), &bar);
            refusals.refuse_message(rejected, &bar);
        }
        assert_eq!((refusals.total(), refusals.blocked()), (25, 1));
        let summary = refusals.summary().expect("more than are told");
        assert_eq!(summary, "25 were refused in all:\n  20: it cannot be read\n  5: the signature does not fit");
        for reason in 0..100 {
            refusals.refuse(&format!("a message: reason {reason}"), &bar);
        }
        assert!(refusals.summary().expect("many").lines().count() <= REASONS + 2);
    }
}
