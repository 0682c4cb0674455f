//! The chain: every message names the one before it.

use crate::{FeedId, Message, MessageId};

/// Where a feed stands: its newest message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head {
    /// The newest message.
    pub id: MessageId,
    /// Its sequence; the first message has 1.
    pub sequence: u64,
}

/// Why a message is not the next of its feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The feed is already this far. Whether the message is the one that we hold shows by comparing ids.
    #[error("feed {feed}: message {sequence} is already here")]
    Known {
        /// The feed.
        feed: FeedId,
        /// The sequence of the message.
        sequence: u64,
    },
    /// Messages in between are missing.
    #[error("feed {feed}: expected message {expected}, found message {found}: the messages between are missing")]
    Gap {
        /// The feed.
        feed: FeedId,
        /// The sequence that would be next.
        expected: u64,
        /// The sequence of the message.
        found: u64,
    },
    /// The author signed two different histories.
    #[error("feed {feed}: message {sequence} does not continue the messages we hold: the feed is forked")]
    Fork {
        /// The feed.
        feed: FeedId,
        /// The sequence of the message that shows it.
        sequence: u64,
    },
}

/// Checks that `message` is the next after `head` of the same feed; `None` stands for an empty feed.
///
/// The timestamp plays no part: it may go backwards.
///
/// # Errors
/// [`ChainError::Known`] at or below the head, [`ChainError::Gap`] beyond the next, and [`ChainError::Fork`] when the
/// message names another predecessor than the head, or stands at the head's sequence with another id.
pub fn check_next(head: Option<&Head>, message: &Message) -> Result<(), ChainError> {
    let feed = message.author();
    let found = message.sequence();
    let held = head.map_or(0, |head| head.sequence);
    let next = held.saturating_add(1);
    if found > next {
        return Err(ChainError::Gap { feed, expected: next, found });
    }
    if found == next {
        let follows = message.previous() == head.map(|head| head.id);
        return if follows { Ok(()) } else { Err(ChainError::Fork { feed, sequence: found }) };
    }
    if head.is_some_and(|head| head.sequence == found && head.id != message.id()) {
        return Err(ChainError::Fork { feed, sequence: found });
    }
    Err(ChainError::Known { feed, sequence: found })
}
