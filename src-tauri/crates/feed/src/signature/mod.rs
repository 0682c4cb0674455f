//! Signature checks: exactly libsodium's, and many times as fast.
//!
//! A batch goes through four steps: keys and signatures of the wrong form are sorted out (`check`, `cache`); all texts are
//! written and hashed; `S·B − k·A` is summed up for each signature, by tables where its author has one (`comb`, `curve`,
//! `field`); and the sums are encoded, which takes one division for all, and compared with R byte by byte. Where the
//! processor has AVX-512 IFMA, `lanes` does the work of each step for eight signatures at once. It is the only module with
//! unsafe code.

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

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::EdwardsPoint;
use sha2::{Digest, Sha512};

use self::cache::{AuthorTable, BASE, BaseTable, Cache, Key};
use self::check::{Claim, Negated, negated_keys, response};
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
/// all `R'` of a batch share one field inversion, and processors with AVX-512 IFMA work on eight signatures at once. The
/// integer products are the same whatever way they are computed, on points with a torsion component too.
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

/// What R must be, by what is known of the author: `S·B − k·A` of each claim, encoded.
#[derive(Default)]
struct Sums<'a> {
    /// With tables of −A; claims with one table stand together.
    quick: Vec<(&'a Claim, &'a AuthorTable)>,
    quick_at: Vec<usize>,
    /// With −A in the form of the lanes.
    strangers: Vec<(&'a Claim, &'a Point)>,
    strangers_at: Vec<usize>,
    /// Without lanes and tables.
    slow: Vec<EdwardsPoint>,
    slow_at: Vec<usize>,
}

impl<'a> Sums<'a> {
    /// Takes a claim on; `at` comes back with its sum.
    fn add(&mut self, claim: &'a Claim, key: &'a Key, at: usize) {
        match (key.table(), &key.negated) {
            (Some(table), _) => {
                self.quick.push((claim, table));
                self.quick_at.push(at);
            }
            (None, Negated::Lanes(negated)) => {
                self.strangers.push((claim, negated));
                self.strangers_at.push(at);
            }
            (None, Negated::Plain(negated)) => {
                let Claim { challenge, response } = claim;
                self.slow.push(EdwardsPoint::vartime_double_scalar_mul_basepoint(challenge, negated, response));
                self.slow_at.push(at);
            }
        }
    }

    /// The sum of each claim, with what it was taken on with.
    fn encoded(self, lanes: Option<Lanes>) -> impl Iterator<Item = ([u8; 32], usize)> {
        let (mut quick, mut strangers) = (Vec::new(), Vec::new());
        let mut slow = Vec::new();
        // There always is one. The product of no sum is compared with nothing, and nothing is taken for good then.
        if let Some(base) = &*BASE {
            match lanes {
                Some(lanes) => {
                    // Not for none: an inversion of nothing takes as long as one of many.
                    if !self.quick.is_empty() {
                        quick = lanes.commitments(base, &self.quick);
                    }
                    if !self.strangers.is_empty() {
                        strangers = lanes.commitments_of_strangers(base, &self.strangers);
                    }
                }
                None if self.quick.is_empty() => {}
                None => quick = encode_all(&sums_one_by_one(base, &self.quick)),
            }
        }
        if !self.slow.is_empty() {
            slow = EdwardsPoint::compress_batch_alloc(&self.slow).into_iter().map(|point| point.to_bytes()).collect();
        }
        let quick = quick.into_iter().zip(self.quick_at);
        quick.chain(strangers.into_iter().zip(self.strangers_at)).chain(slow.into_iter().zip(self.slow_at))
    }
}

/// `S·B − k·A` of each claim, by tables and without lanes.
fn sums_one_by_one(base: &BaseTable, claims: &[(&Claim, &AuthorTable)]) -> Vec<Point> {
    let mut sums = vec![Point::IDENTITY; claims.len()];
    for (sums, claims) in sums.chunks_mut(SUMMED_TOGETHER).zip(claims.chunks(SUMMED_TOGETHER)) {
        base.add_products(sums, claims.iter().map(|(claim, _)| &claim.response));
    }
    let mut rest = &mut sums[..];
    for claims in claims.chunk_by(|(_, one), (_, other)| std::ptr::eq(*one, *other)) {
        let sums = rest.split_off_mut(..claims.len()).unwrap_or_default();
        claims[0].1.add_products(sums, claims.iter().map(|(claim, _)| &claim.challenge));
    }
    sums
}

/// Messages that are checked together at most.
const PIECE: usize = 2_048;

impl Verifier {
    /// A verifier for messages of this network; `None` is the open one.
    pub fn new(network: Option<NetworkKey>) -> Self {
        Self::with(network, Lanes::detect())
    }

    /// A verifier that works on one signature after the other, as on processors without the instructions: for tests and
    /// measurements.
    #[doc(hidden)]
    pub fn without_lanes(network: Option<NetworkKey>) -> Self {
        Self::with(network, None)
    }

    fn with(network: Option<NetworkKey>, lanes: Option<Lanes>) -> Self {
        Self { network, cache: Mutex::new(Cache::new(lanes)), lanes }
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
    ///
    /// However many there are, they are worked on in pieces: the tables of the authors of one piece are kept until its end, 102 KiB
    /// for each with sixteen messages or more, at most 13 MiB beside the cache.
    pub fn verify_batch(&self, mut messages: Vec<Message>) -> Vec<Result<Verified, SignatureError>> {
        let mut results = Vec::with_capacity(messages.len());
        while messages.len() > PIECE {
            let rest = messages.split_off(PIECE);
            results.extend(self.verify_piece(std::mem::replace(&mut messages, rest)));
        }
        results.extend(self.verify_piece(messages));
        results
    }

    fn verify_piece(&self, messages: Vec<Message>) -> Vec<Result<Verified, SignatureError>> {
        // Nothing is good before it was compared.
        let mut faults = vec![Some(SignatureFault::Mismatch); messages.len()];
        let mut by_author: Vec<usize> = (0..messages.len()).collect();
        by_author.sort_by_key(|at| messages[*at].author());
        let runs: Vec<&[usize]> = by_author.chunk_by(|a, b| messages[*a].author() == messages[*b].author()).collect();

        let fresh = self.fresh_keys(runs.iter().map(|run| messages[run[0]].author()));
        let (mut keys, mut candidates) = (Vec::with_capacity(runs.len()), Vec::with_capacity(messages.len()));
        for run in runs {
            let author = messages[run[0]].author();
            let Some(key) = self.cache().key(author.key(), run.len(), fresh.get(author.key())) else {
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

        let claims = self.claims(&messages, &candidates);
        let mut sums = Sums::default();
        for (candidate, claim) in candidates.iter().zip(&claims) {
            sums.add(claim, &keys[candidate.key], candidate.at);
        }
        for (commitment, at) in sums.encoded(self.lanes) {
            if commitment[..] == messages[at].signature()[..32] {
                faults[at] = None;
            }
        }
        let results = messages.into_iter().zip(faults).map(|(message, fault)| match fault {
            None => Ok(Verified(message)),
            Some(fault) => Err(SignatureError { author: message.author(), sequence: message.sequence(), fault }),
        });
        results.collect()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of authors who are not remembered, worked on together while nobody waits for the cache.
    fn fresh_keys(&self, authors: impl Iterator<Item = FeedId>) -> BTreeMap<[u8; 32], Option<Negated>> {
        let cache = self.cache();
        let fresh: Vec<[u8; 32]> =
            authors.map(|author| *author.key()).filter(|author| !cache.remembers(author)).collect();
        drop(cache);
        let negated = negated_keys(self.lanes, &fresh);
        fresh.into_iter().zip(negated).collect()
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
