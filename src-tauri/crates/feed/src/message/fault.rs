//! What can be wrong with a message, in words for people.

use super::{MAX_UNITS, TYPE_UNITS};
use crate::FeedId;
use crate::json::JsonError;

/// A message that is refused, with the feed and sequence that it claims as far as they could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The author that the text names.
    pub author: Option<FeedId>,
    /// The sequence that the text names.
    pub sequence: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.author, self.sequence) {
            (Some(author), Some(sequence)) => write!(f, "feed {author}, message {sequence}: {}", self.fault),
            (Some(author), None) => write!(f, "feed {author}: {}", self.fault),
            _ => self.fault.fmt(f),
        }
    }
}

/// What is wrong with the text of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text cannot be read as JSON.
    #[error("the message cannot be read: {0}")]
    Json(#[from] JsonError),
    /// The bytes are a message, but not in the one layout that wire and store use.
    #[error("the message is not in its compact canonical form")]
    NotCanonical,
    /// The text is JSON but no object.
    #[error("a message must be an object")]
    NotAnObject,
    /// The seven keys are not all there, not alone, or in another order.
    #[error(
        "a message must have exactly the fields previous, sequence and author (in either order), timestamp, hash, \
         content, signature"
    )]
    Fields,
    /// `author` is not a feed id.
    #[error("the author must be an Ed25519 feed id")]
    Author,
    /// `sequence` does not count.
    #[error("the sequence must be a whole number from 1 to 2^53 - 1")]
    Sequence,
    /// `previous` does not go with the sequence.
    #[error("previous must be null for the first message and a message id for every other")]
    Previous,
    /// `timestamp` is not a finite number.
    #[error("the timestamp must be a finite number")]
    Timestamp,
    /// `hash` is something else.
    #[error("the hash must be sha256")]
    Hash,
    /// `content` is neither an object nor a string.
    #[error("the content must be an object or a sealed string")]
    ContentKind,
    /// The content has no `type` that is a string.
    #[error("the content must have a type that is a string")]
    ContentType,
    /// The `type` is too short or too long.
    #[error("the content's type must have {min} to {max} characters, not {0}", min = TYPE_UNITS.start(), max = TYPE_UNITS.end())]
    ContentTypeLength(usize),
    /// A string content is not sealed in a way that we know.
    #[error("a string content must be canonical base64 followed by .box or .box2")]
    SealedContent,
    /// `signature` is not the text of an Ed25519 signature.
    #[error("the signature must be canonical base64 of 64 bytes followed by .sig.ed25519")]
    Signature,
    /// The canonical text has at least this many UTF-16 units, more than [`MAX_UNITS`].
    #[error("the message takes {0} characters, more than {MAX_UNITS}")]
    TooLarge(usize),
}
