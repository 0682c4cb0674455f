//! What a device says about one feed, and its form as one integer.

use std::collections::BTreeMap;

use feed::FeedId;

/// The highest sequence a note may name: JavaScript's largest exact integer, far beyond any honest feed, and small enough
/// that the wire form never overflows.
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// One device's word to another about one feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// “Do not send me this feed, and expect nothing of it from me.”
    Ignore,
    /// “I hold this feed up to `sequence`.” With `receive`: “stream to me what follows” (eager); without: “only tell me” (lazy).
    Have {
        /// The newest sequence held; 0 for none.
        sequence: u64,
        /// Whether the messages after `sequence` are asked for.
        receive: bool,
    },
}

/// What was said of many feeds.
pub type Clock = BTreeMap<FeedId, Note>;

impl Note {
    /// A note that asks for what follows `sequence`.
    pub const fn eager(sequence: u64) -> Self {
        Self::Have { sequence, receive: true }
    }

    /// A note that only tells.
    pub const fn lazy(sequence: u64) -> Self {
        Self::Have { sequence, receive: false }
    }

    /// The form of `epidemic-broadcast-trees` version 3: -1 for [`Note::Ignore`], else `sequence << 1`, plus one when lazy.
    ///
    /// A sequence beyond [`MAX_SEQUENCE`] is written as [`MAX_SEQUENCE`].
    pub const fn to_wire(self) -> i64 {
        match self {
            Self::Ignore => -1,
            Self::Have { sequence, receive } => {
                let bounded = if sequence > MAX_SEQUENCE { MAX_SEQUENCE } else { sequence };
                ((bounded << 1) | (!receive as u64)) as i64
            }
        }
    }

    /// Reads the form that [`Note::to_wire`] writes.
    ///
    /// # Errors
    ///
    /// [`NoteError`] for a negative number other than -1 and for a sequence beyond [`MAX_SEQUENCE`].
    pub const fn from_wire(wire: i64) -> Result<Self, NoteError> {
        if wire == -1 {
            return Ok(Self::Ignore);
        }
        if wire < 0 || (wire >> 1) as u64 > MAX_SEQUENCE {
            return Err(NoteError(wire));
        }
        Ok(Self::Have { sequence: (wire >> 1) as u64, receive: wire & 1 == 0 })
    }

    /// The sequence said to be held; `None` for [`Note::Ignore`].
    pub const fn sequence(self) -> Option<u64> {
        match self {
            Self::Ignore => None,
            Self::Have { sequence, .. } => Some(sequence),
        }
    }

    /// Whether messages are asked for.
    pub const fn asks(self) -> bool {
        matches!(self, Self::Have { receive: true, .. })
    }
}

/// An integer that no device writes as a note. The note is dropped; the others of its frame count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a note: expected -1, or a sequence of at most 2^53 - 1 shifted left by one")]
pub struct NoteError(pub i64);
