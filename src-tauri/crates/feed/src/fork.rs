//! Proof that an author signed two histories.

use crate::{FeedId, MAX_ENCODED_BYTES, Message, Verified, Verifier};

/// Why two messages prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// The messages belong to different feeds.
    #[error("the messages are of different feeds")]
    DifferentFeeds,
    /// One honest history may hold both messages.
    #[error("the messages do not contradict each other")]
    NoContradiction,
    /// The bytes are not two messages with good signatures.
    #[error("the proof cannot be read: {0}")]
    Malformed(String),
}

/// Two signed messages of one feed that no single history holds: two different messages at one sequence, or a message
/// that names another predecessor than the one at the sequence before it.
#[derive(Debug, Clone, PartialEq)]
pub struct ForkProof {
    first: Verified,
    second: Verified,
}

impl ForkProof {
    /// Takes two messages in any order.
    ///
    /// # Errors
    /// When they do not prove a fork.
    pub fn new(one: Verified, other: Verified) -> Result<Self, ForkError> {
        if one.author() != other.author() {
            return Err(ForkError::DifferentFeeds);
        }
        let (first, second) = if one.sequence() <= other.sequence() { (one, other) } else { (other, one) };
        let contradicts = if first.sequence() == second.sequence() {
            first.id() != second.id()
        } else {
            first.sequence() + 1 == second.sequence() && second.previous() != Some(first.id())
        };
        if contradicts { Ok(Self { first, second }) } else { Err(ForkError::NoContradiction) }
    }

    /// The feed that is forked.
    pub fn feed(&self) -> FeedId {
        self.first.author()
    }

    /// The sequence from which on there are two histories: the lowest that both messages speak of.
    pub fn sequence(&self) -> u64 {
        self.first.sequence()
    }

    /// The two messages, lower sequence first.
    pub fn messages(&self) -> [&Message; 2] {
        [&self.first, &self.second]
    }

    /// The binary form: each message behind its length in four bytes, little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for message in self.messages() {
            // A message is at most 24 KiB.
            out.extend_from_slice(&(message.encoded().len() as u32).to_le_bytes());
            out.extend_from_slice(message.encoded());
        }
        out
    }

    /// Reads the binary form and checks all of it anew, the signatures included.
    ///
    /// # Errors
    /// When the bytes are not a proof in this network.
    pub fn decode(bytes: &[u8], verifier: &Verifier) -> Result<Self, ForkError> {
        let mut rest = bytes;
        let mut next = || -> Result<Verified, ForkError> {
            let malformed = |reason: &dyn std::fmt::Display| ForkError::Malformed(reason.to_string());
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(|| malformed(&"it is cut off"))?;
            let length = u32::from_le_bytes(*length) as usize;
            if length > MAX_ENCODED_BYTES || length > after.len() {
                return Err(malformed(&"it is cut off"));
            }
            let (message, after) = after.split_at(length);
            rest = after;
            let message = Message::decode(message).map_err(|error| malformed(&error))?;
            verifier.verify(message).map_err(|error| malformed(&error))
        };
        let (one, other) = (next()?, next()?);
        if !rest.is_empty() {
            return Err(ForkError::Malformed("it is followed by more bytes".into()));
        }
        Self::new(one, other)
    }
}
