//! Signature checks: exactly libsodium's, and several times as fast for feeds that say much.

mod cache;
mod check;
mod comb;
mod curve;
mod field;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_lanes.rs"]
mod lanes;

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::EdwardsPoint;
use sha2::{Digest, Sha512};

use self::cache::{AuthorTable, BASE, Cache};
use self::check::{Claim, response};
use self::curve::{Point, encode_all};
use self::lanes::Lanes;
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
    /// `None` where the processor has none.
    lanes: Option<Lanes>,
}

/// A message whose key and signature have the right form.
struct Candidate {
    /// Where it stands in the batch.
    at: usize,
    /// Which of the keys it is to be checked with.
    key: usize,
    response: Scalar,
}

/// Texts that are hashed together: they fit into the second nearest cache of a processor.
const HASHED_TOGETHER: usize = 256;
/// Sums that are worked on together: with one row of the base point's table they fit into the nearest cache.
const SUMMED_TOGETHER: usize = 64;

/// `S·B − k·A` of each, encoded: what R must be. The tables are those of −A, and claims with one table stand together.
fn commitments(lanes: Option<Lanes>, claims: &[(&Claim, &AuthorTable)]) -> Vec<[u8; 32]> {
    // There always is one.
    let Some(base) = &*BASE else { return Vec::new() };
    if let Some(lanes) = lanes {
        return lanes.commitments(base, claims);
    }
    let mut sums = vec![Point::IDENTITY; claims.len()];
    for (sums, claims) in sums.chunks_mut(SUMMED_TOGETHER).zip(claims.chunks(SUMMED_TOGETHER)) {
        base.add_products(sums, claims.iter().map(|(claim, _)| &claim.response));
    }
    let mut rest = &mut sums[..];
    for claims in claims.chunk_by(|(_, one), (_, other)| std::ptr::eq(*one, *other)) {
        let sums = rest.split_off_mut(..claims.len()).unwrap_or_default();
        claims[0].1.add_products(sums, claims.iter().map(|(claim, _)| &claim.challenge));
    }
    encode_all(&sums)
}

impl Verifier {
    /// A verifier for messages of this network; `None` is the open one.
    pub fn new(network: Option<NetworkKey>) -> Self {
        Self { network, cache: Mutex::default(), lanes: Lanes::detect() }
    }

    /// A verifier that works on one signature after the other, as on processors without the instructions: for tests and
    /// measurements.
    #[doc(hidden)]
    pub fn without_lanes(network: Option<NetworkKey>) -> Self {
        Self { lanes: None, ..Self::new(network) }
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

        let (mut keys, mut candidates) = (Vec::new(), Vec::new());
        for run in by_author.chunk_by(|a, b| messages[*a].author() == messages[*b].author()) {
            let author = messages[run[0]].author();
            let key =
                self.cache.lock().unwrap_or_else(PoisonError::into_inner).key(author.key(), run.len(), self.lanes);
            let Some(key) = key else {
                run.iter().for_each(|at| faults[*at] = Some(SignatureFault::Key));
                continue;
            };
            for &at in run {
                match response(messages[at].signature()) {
                    Some(response) => candidates.push(Candidate { at, key: keys.len(), response }),
                    None => faults[at] = Some(SignatureFault::Malformed),
                }
            }
            keys.push(key);
        }

        // What R must be: from tables for messages of busy authors, and else from the key alone.
        let claims = self.claims(&messages, &candidates);
        let (mut quick, mut quick_at) = (Vec::new(), Vec::new());
        let (mut slow, mut slow_at) = (Vec::new(), Vec::new());
        for (candidate, claim) in candidates.iter().zip(&claims) {
            let key = &keys[candidate.key];
            if let Some(table) = key.table() {
                quick.push((claim, table));
                quick_at.push(candidate.at);
            } else {
                slow.push(key.commitment(claim));
                slow_at.push(candidate.at);
            }
        }
        let quick = commitments(self.lanes, &quick).into_iter().zip(quick_at);
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

    /// What each candidate claims, in their order.
    fn claims(&self, messages: &[Message], candidates: &[Candidate]) -> Vec<Claim> {
        let mut claims = Vec::with_capacity(candidates.len());
        let (mut texts, mut ends) = (Vec::new(), Vec::new());
        for candidates in candidates.chunks(HASHED_TOGETHER) {
            texts.clear();
            ends.clear();
            for candidate in candidates {
                self.write_hashed(&messages[candidate.at], &mut texts);
                ends.push(texts.len());
            }
            let mut start = 0;
            let texts: Vec<&[u8]> = ends.iter().map(|end| &texts[std::mem::replace(&mut start, *end)..*end]).collect();
            let digests = match self.lanes {
                Some(lanes) => lanes.digests(&texts),
                None => texts.iter().map(|text| Sha512::digest(text).into()).collect(),
            };
            claims.extend(candidates.iter().zip(&digests).map(|(it, digest)| Claim::new(it.response, digest)));
        }
        claims
    }

    /// Writes R ‖ A ‖ M after what is in `text` already; M is an HMAC of the signed text in a closed network.
    fn write_hashed(&self, message: &Message, text: &mut Vec<u8>) {
        text.extend_from_slice(&message.signature()[..32]);
        text.extend_from_slice(message.author().key());
        let start = text.len();
        message.write_unsigned_text(text);
        if let Some(network) = &self.network {
            let tag = network.authenticate(&text[start..]);
            text.truncate(start);
            text.extend_from_slice(&tag);
        }
    }
}
