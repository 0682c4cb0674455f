//! Signature checks: exactly libsodium's, and several times as fast for feeds that say much.

mod cache;
mod check;
mod comb;

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use curve25519_dalek::edwards::EdwardsPoint;

use self::cache::Cache;
use self::check::Claim;
use crate::{FeedId, Message, NetworkKey};

/// A message whose signature has been checked. There is no other way to one than through a check, our own signing
/// key, or the store that keeps what was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(Message);

impl Verified {
    /// Vouches for a message that the store reads back from its own log, where only checked ones go in.
    pub fn from_store(message: Message) -> Self {
        Self(message)
    }

    /// Vouches for a message that was signed a moment ago.
    pub(crate) fn signed_here(message: Message) -> Self {
        Self(message)
    }

    /// The message alone.
    pub fn into_message(self) -> Message {
        self.0
    }
}

impl Deref for Verified {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0
    }
}

/// A message whose signature is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("feed {author}, message {sequence}: {fault}")]
pub struct SignatureError {
    /// The author that the message names.
    pub author: FeedId,
    /// The sequence that the message names.
    pub sequence: u64,
    /// What is wrong.
    pub fault: SignatureFault,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// The author's id is not a sound public key: not canonical, of small order, or no point of the curve.
    #[error("the author is not a sound public key")]
    Key,
    /// The signature is not in the form that signing makes: S is not canonical, or R has small order.
    #[error("the signature is malformed")]
    Malformed,
    /// The signature belongs to other bytes, another key or another network.
    #[error("the signature does not match: the message was changed, or is of another network")]
    Mismatch,
}

/// Checks signatures. Shared by reference between threads: the tables that it keeps for busy authors are shared too.
///
/// A check computes `R' = S·B − k·A` and compares its bytes with the signature's `R`, as libsodium does: no cofactor,
/// no batch equation, so every signature is judged alone and exactly. What makes it fast: multiples of `B`, and of `A`
/// for authors with many messages, come from tables (the method of Lim and Lee with one row per digit: no doublings),
/// and all `R'` of a batch share one field inversion.
///
/// To use several cores, cut the batch in pieces along its length and give each to a thread.
#[derive(Debug)]
pub struct Verifier {
    network: Option<NetworkKey>,
    cache: Mutex<Cache>,
}

impl Verifier {
    /// A verifier for messages of this network; `None` is the open one.
    pub fn new(network: Option<NetworkKey>) -> Self {
        Self { network, cache: Mutex::default() }
    }

    /// Checks one message.
    ///
    /// # Errors
    /// When the signature is not good.
    pub fn verify(&self, message: Message) -> Result<Verified, SignatureError> {
        // One message in, one result out.
        self.verify_batch(vec![message]).remove(0)
    }

    /// Checks each message by itself; results come in the order of the messages.
    pub fn verify_batch(&self, messages: Vec<Message>) -> Vec<Result<Verified, SignatureError>> {
        let mut faults: Vec<Option<SignatureFault>> = vec![None; messages.len()];
        let mut by_author: Vec<usize> = (0..messages.len()).collect();
        by_author.sort_by_key(|at| messages[*at].author());

        let mut points: Vec<EdwardsPoint> = Vec::with_capacity(messages.len());
        let mut points_of: Vec<usize> = Vec::with_capacity(messages.len());
        for run in by_author.chunk_by(|a, b| messages[*a].author() == messages[*b].author()) {
            let author = messages[run[0]].author();
            let key = self.cache.lock().unwrap_or_else(PoisonError::into_inner).key(author.key(), run.len());
            for &at in run {
                match &key {
                    None => faults[at] = Some(SignatureFault::Key),
                    Some(key) => match self.claim(&messages[at]) {
                        None => faults[at] = Some(SignatureFault::Malformed),
                        Some(claim) => {
                            points.push(key.commitment(&claim));
                            points_of.push(at);
                        }
                    },
                }
            }
        }
        for (point, at) in EdwardsPoint::compress_batch_alloc(&points).into_iter().zip(points_of) {
            if point.as_bytes()[..] != messages[at].signature()[..32] {
                faults[at] = Some(SignatureFault::Mismatch);
            }
        }
        let results = messages.into_iter().zip(faults).map(|(message, fault)| match fault {
            None => Ok(Verified(message)),
            Some(fault) => Err(SignatureError { author: message.author(), sequence: message.sequence(), fault }),
        });
        results.collect()
    }

    fn claim(&self, message: &Message) -> Option<Claim> {
        let text = message.unsigned_text();
        let author = message.author();
        match &self.network {
            None => Claim::new(author.key(), message.signature(), &text),
            Some(network) => Claim::new(author.key(), message.signature(), &network.authenticate(&text)),
        }
    }
}
