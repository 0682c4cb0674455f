//! How feeds, chats and blobs reach other devices: the sync algorithms, as pure state machines.
//!
//! Pure: no clock, socket, database or ambient randomness; time arrives as [`Now`] and effects leave as outputs.
//! The IO lives in `store`, `net` and `app`; `node` composes these machines and speaks their wire format.
//! Nothing here learns what a post is, or even sees its bytes: a message is an author and a sequence.
//!
//! # Driving a machine
//!
//! ```text
//! machine.handle_input(input, now)      every mutation goes in here
//! machine.poll_output() -> Option<_>    drain until None after each mutation
//! machine.poll_timeout() -> Option<_>   when it wants to be woken
//! machine.handle_timeout(now)           then drain again
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod blobs;
pub mod ebt;
mod time;

pub use time::{Instant, Now};

/// One live connection to a device, numbered by whoever opened it; never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);
