//! Signed append-only logs in the classic Secure Scuttlebutt format: keys, ids, canonical JSON, validation, fork
//! proofs, private-box.
//!
//! All of it is pure: no socket, file, clock or ambient randomness. Time and randomness are arguments; files are read
//! and written by `store`, bytes come and go through `net`.
//!
//! The way of a message: bytes → [`Message::decode`] (structure, size, id) → [`Verifier::verify_batch`] (signature;
//! [`Verified`] is the proof that it ran) → [`check_next`] (its place in the chain) → the log.
//!
//! Where the two validators in use, `ssb-validate` 4.1.4 and `ssb-classic` 1.1.0, differ, this crate accepts what
//! `ssb-classic` accepts and writes only what both accept. So it never splits from the living network, and nobody
//! splits from it. `docs/format.md` says where that matters.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod base64;
mod chain;
mod fork;
mod ids;
pub mod json;
mod keys;
mod message;
pub mod packed;
pub mod private_box;
mod signature;
pub mod uri;

pub use chain::{ChainError, Head, check_next};
pub use fork::{ForkError, ForkProof};
pub use ids::{BlobId, DeviceKey, FeedId, Format, IdError, MessageId, PersonId, TAGGED_LEN};
pub use keys::{KeyError, KeyPair, NetworkKey};
pub use message::{
    Content, DecodeError, Fault, MAX_ENCODED_BYTES, MAX_SEQUENCE, MAX_UNITS, Message, SignError, TYPE_UNITS, sign,
};
pub use signature::{SignatureError, SignatureFault, Verified, Verifier};
