//! Whether one's own feed may grow.
//!
//! Signing a message at a sequence where one was signed before forks the feed for good. So the store remembers how far
//! its own feed went in more than one place, and as long as it holds less than that, nothing new may be signed.

use feed::{Head, Message, MessageId, Verified, check_next};

/// Whether one's own feed may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything is in order.
    Whole,
    /// Messages of one's own are missing here. Reading and syncing work; publishing waits.
    Recovering {
        /// How far one's own feed is known to go. None when the database stands on another history than the journal:
        /// then no message can mend it, only a new feed.
        expected: Option<u64>,
    },
}

/// What is remembered of one's own feed beside the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// The newest message in the journal.
    pub(crate) journalled: Option<Head>,
    /// How far messages that were verified, but not stored, prove the feed to go; 0 when there was none.
    pub(crate) shown: u64,
    /// How much of `shown` the database holds; less after the disk refused.
    pub(crate) written: u64,
    /// The journal and the log hold different messages at one sequence.
    pub(crate) is_split: bool,
}

impl Memory {
    /// The standing of a feed whose log ends at `head`.
    pub(crate) fn standing(&self, head: Option<&Head>, is_frozen: bool) -> Standing {
        let contradicts = |log: &Head| {
            self.journalled.is_some_and(|journal| journal.sequence == log.sequence && journal.id != log.id)
        };
        if self.is_split || is_frozen || head.is_some_and(contradicts) {
            return Standing::Recovering { expected: None };
        }
        let held = head.map_or(0, |head| head.sequence);
        let expected = self.shown.max(self.journalled.map_or(0, |head| head.sequence));
        if held < expected { Standing::Recovering { expected: Some(expected) } } else { Standing::Whole }
    }
}

/// What the journal says about the log.
#[derive(Debug, Default)]
pub(crate) struct Mending {
    /// Messages that the log lacks and that continue it.
    pub(crate) missing: Vec<Verified>,
    /// Messages that the log lacks and that come after others that it lacks as well, oldest first.
    pub(crate) unplaced: Vec<Message>,
    /// What to remember.
    pub(crate) memory: Memory,
}

/// Holds the journal (one's own messages, oldest first) against the log, which ends at `head`; `stored` gives the id
/// that the log holds at a sequence.
pub(crate) fn compare(
    journal: &[Message],
    head: Option<Head>,
    stored: impl Fn(u64) -> Option<MessageId>,
    shown: u64,
) -> Mending {
    let mut mending = Mending { memory: Memory { shown, written: shown, ..Memory::default() }, ..Mending::default() };
    let mut end = head;
    for message in journal {
        if mending.memory.journalled.is_none_or(|newest| newest.sequence < message.sequence()) {
            mending.memory.journalled = Some(message.head());
        }
        let held = head.map_or(0, |head| head.sequence);
        if message.sequence() <= held {
            // Before the first stored one (a log that begins later) there is nothing to compare with.
            mending.memory.is_split |= stored(message.sequence()).is_some_and(|id| id != message.id());
        } else if check_next(end.as_ref(), message).is_ok() {
            end = Some(message.head());
            // The store verified it before it wrote it, and the checksum stands for the disk.
            mending.missing.push(Verified::from_store(message.clone()));
        } else if message.sequence() > end.map_or(0, |end| end.sequence) + 1 {
            mending.unplaced.push(message.clone());
        } else if end != Some(message.head()) {
            // Next by number, but it names another message before it.
            mending.memory.is_split = true;
        }
    }
    if mending.memory.is_split {
        mending.missing.clear();
        mending.unplaced.clear();
    }
    mending
}

#[cfg(test)]
mod tests {
    use super::*;
    use feed::{KeyPair, json::Value, sign};

    fn chain(texts: &[&str]) -> Vec<Message> {
        let keys = KeyPair::from_seed(&[1; 32]);
        let mut head = None;
        let mut messages = Vec::new();
        for text in texts {
            let content = Value::object([("type", Value::from("post")), ("text", Value::from(*text))]);
            let message = sign(&keys, None, head.as_ref(), 1.0, &content).unwrap().into_message();
            head = Some(message.head());
            messages.push(message);
        }
        messages
    }

    /// What the journal `journal` means for a log that holds `log`.
    fn mend(log: &[Message], journal: &[Message]) -> (usize, Standing) {
        let stored = |sequence: u64| log.iter().find(|m| m.sequence() == sequence).map(Message::id);
        let mending = compare(journal, log.last().map(Message::head), stored, 0);
        let end = mending.missing.last().map(|m| m.head()).or(log.last().map(Message::head));
        (mending.missing.len(), mending.memory.standing(end.as_ref(), false))
    }

    #[test]
    fn what_the_log_lacks_is_appended_again() {
        let all = chain(&["a", "b", "c", "d"]);
        assert_eq!(mend(&all, &all[3..]), (0, Standing::Whole));
        assert_eq!(mend(&all[..3], &all[1..]), (1, Standing::Whole));
        assert_eq!(mend(&all[..1], &all[1..]), (3, Standing::Whole));
        assert_eq!(mend(&[], &all), (4, Standing::Whole));
        assert_eq!(mend(&all, &[]), (0, Standing::Whole));
    }

    #[test]
    fn a_log_further_behind_than_the_journal_mends_is_recovering() {
        let all = chain(&["a", "b", "c", "d"]);
        assert_eq!(mend(&all[..1], &all[2..]), (0, Standing::Recovering { expected: Some(4) }));
        assert_eq!(mend(&[], &all[3..]), (0, Standing::Recovering { expected: Some(4) }));
        let mending = compare(&all[1..], None, |_| None, 0);
        assert_eq!(mending.unplaced, all[1..], "what others need not bring is kept");
    }

    #[test]
    fn a_log_on_another_history_is_recovering_without_an_end() {
        let (one, other) = (chain(&["a", "b", "c"]), chain(&["a", "x", "y"]));
        let split = Standing::Recovering { expected: None };
        assert_eq!(mend(&one, &other[2..]), (0, split));
        assert_eq!(mend(&one[..2], &other[2..]), (0, split));
        assert_eq!(mend(&one[..2], &other[1..]), (0, split));
    }

    #[test]
    fn what_others_have_shown_counts() {
        let all = chain(&["a", "b"]);
        let memory = Memory { shown: 2, ..Memory::default() };
        assert_eq!(memory.standing(Some(&all[0].head()), false), Standing::Recovering { expected: Some(2) });
        assert_eq!(memory.standing(Some(&all[1].head()), false), Standing::Whole);
        assert_eq!(memory.standing(Some(&all[1].head()), true), Standing::Recovering { expected: None });
        let memory = Memory { journalled: Some(chain(&["a", "x"])[1].head()), ..Memory::default() };
        assert_eq!(memory.standing(Some(&all[0].head()), false), Standing::Recovering { expected: Some(2) });
        assert_eq!(
            memory.standing(Some(&all[1].head()), false),
            Standing::Recovering { expected: None },
            "another history"
        );
    }
}
