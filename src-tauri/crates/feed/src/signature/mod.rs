//! Signature checks: exactly libsodium's, and several times as fast for feeds that say much.

mod cache;
mod check;
mod comb;
mod curve;
mod field;

use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

use curve25519_dalek::edwards::EdwardsPoint;

use self::cache::{BASE, Cache};
use self::check::Claim;
use self::comb::Comb;
use self::curve::{Point, encode_all};
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

/// Messages of authors with tables, in the order of the authors.
#[derive(Default)]
struct Busy {
    claims: Vec<Claim>,
    /// Where each message stands in the batch.
    at: Vec<usize>,
    /// The table of each author, with the range of their messages.
    tables: Vec<(Range<usize>, Arc<Comb>)>,
}

/// Sums that are worked on together: with one row of the base point's table they fit into the nearest cache.
const TOGETHER: usize = 64;

impl Busy {
    /// `S·B − k·A` of each: what R must be.
    fn commitments(&self) -> Vec<Point> {
        let mut sums = vec![Point::IDENTITY; self.claims.len()];
        if let Some(base) = &*BASE {
            for (sums, claims) in sums.chunks_mut(TOGETHER).zip(self.claims.chunks(TOGETHER)) {
                base.add_products(sums, claims.iter().map(|claim| &claim.response));
            }
        }
        for (range, table) in &self.tables {
            if let (Some(sums), Some(claims)) = (sums.get_mut(range.clone()), self.claims.get(range.clone())) {
                table.add_products(sums, claims.iter().map(|claim| &claim.challenge));
            }
        }
        sums
    }
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

        // What R must be: from tables for messages of busy authors, computed together below, and else at once.
        let mut busy = Busy::default();
        let (mut slow, mut slow_at) = (Vec::new(), Vec::new());
        let mut text = Vec::new();
        for run in by_author.chunk_by(|a, b| messages[*a].author() == messages[*b].author()) {
            let author = messages[run[0]].author();
            let key = self.cache.lock().unwrap_or_else(PoisonError::into_inner).key(author.key(), run.len());
            let Some(key) = key else {
                run.iter().for_each(|at| faults[*at] = Some(SignatureFault::Key));
                continue;
            };
            let first = busy.claims.len();
            for &at in run {
                let Some(claim) = self.claim(&messages[at], &mut text) else {
                    faults[at] = Some(SignatureFault::Malformed);
                    continue;
                };
                if key.table().is_some() {
                    busy.claims.push(claim);
                    busy.at.push(at);
                } else {
                    slow.push(key.commitment(&claim));
                    slow_at.push(at);
                }
            }
            busy.tables.extend(key.table().map(|table| (first..busy.claims.len(), Arc::clone(table))));
        }
        let quick = encode_all(&busy.commitments()).into_iter().zip(busy.at);
        let slow = EdwardsPoint::compress_batch_alloc(&slow).into_iter().map(|point| point.to_bytes()).zip(slow_at);
        for (commitment, at) in quick.chain(slow) {
            if commitment[..] != messages[at].signature()[..32] {
                faults[at] = Some(SignatureFault::Mismatch);
            }
        }
        let results = messages.into_iter().zip(faults).map(|(message, fault)| match fault {
            None => Ok(Verified(message)),
            Some(fault) => Err(SignatureError { author: message.author(), sequence: message.sequence(), fault }),
        });
        results.collect()
    }

    /// `text` is room for the signed text, to be used again.
    fn claim(&self, message: &Message, text: &mut Vec<u8>) -> Option<Claim> {
        message.write_unsigned_text(text);
        let author = message.author();
        match &self.network {
            None => Claim::new(author.key(), message.signature(), text),
            Some(network) => Claim::new(author.key(), message.signature(), &network.authenticate(text)),
        }
    }
}
