//! One whole peer as a pure state machine: sessions, replication, publishing, import, policy.
//!
//! Pure: no socket, disk, clock or ambient randomness; time and the seed are arguments, effects leave as [`Output`]s.
//! The IO lives in the drivers: `app` (real disk and network) and `sim` (virtual ones).
//! What crosses a link is described byte by byte in `docs/protocol.md` and implemented in [`wire`].
//!
//! # Driving
//!
//! ```text
//! node.handle_input(input, now)      every event goes in here
//! node.poll_output() -> Option<_>    drain until None after each mutation, carry out in order
//! node.poll_timeout() -> Option<_>   when it wants to be woken
//! node.handle_timeout(now)
//! ```
//!
//! Whatever takes time leaves with a [`Ticket`] and comes back as an input with the same ticket: [`Output::Verify`] →
//! [`Input::Verified`], [`Output::Append`] → [`Input::Appended`], [`Output::Load`] → [`Input::Loaded`],
//! [`Output::LoadClocks`] → [`Input::ClocksLoaded`], [`Output::LoadNewest`] → [`Input::NewestLoaded`]. The driver answers every ticket exactly once, in any order.
//!
//! **Invariant:** a message is durable before anybody is told about it, and message *n + 1* of one's own feed is signed
//! only after *n* is durable.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod ahead;
mod blobs;
mod conduct;
mod config;
mod import;
mod input;
mod intake;
mod introductions;
pub mod limits;
mod log;
mod looking;
mod node;
mod output;
mod peers;
mod policy;
mod presence;
mod progress;
mod publish;
mod sending;
mod session;
mod stations;
mod telling;
mod timers;
pub mod wire;

pub use conduct::LeftOut;
pub use config::{Config, NetworkId, Standing};
pub use input::{AppendFailed, Input, LoadFailed, Medium, Ticket};
pub use looking::{Held, Looked, NotSeen};
pub use node::Node;
pub use output::{Change, CloseReason, Imported, Notification, Output, Refusal, RejectReason, Rejected};
pub use peers::{Flow, PeerView};
pub use progress::{LinkProgress, Progress};
pub use replication::{Instant, LinkId, Now, blobs as blob_sync};
