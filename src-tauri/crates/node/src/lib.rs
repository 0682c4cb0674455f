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
//! [`Output::LoadClocks`] → [`Input::ClocksLoaded`]. The driver answers every ticket exactly once, in any order.
//!
//! **Invariant:** a message is durable before anybody is told about it, and message *n + 1* of one's own feed is signed
//! only after *n* is durable.

mod config;
mod input;
pub mod limits;
mod output;
mod peers;
pub mod wire;

pub use config::{Config, NetworkId, Standing};
pub use input::{AppendFailed, Input, LoadFailed, Medium, Ticket};
pub use output::{Change, CloseReason, Imported, Notification, Output, Refusal, RejectReason, Rejected};
pub use peers::{Flow, PeerView};
pub use replication::{Instant, LinkId, Now};

/// One whole peer. See the crate documentation for how to drive it.
#[derive(Debug)]
pub struct Node {
    outbox: std::collections::VecDeque<Output>,
}

impl Node {
    /// A node with what `config` says is stored. `seed` feeds every random choice, so that a run can be repeated.
    pub fn new(config: Config, seed: [u8; 32], now: Now) -> Self {
        let _ = (config, seed, now);
        Self { outbox: std::collections::VecDeque::new() }
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, input: Input, now: Now) {
        let _ = (input, now);
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When to call [`Self::handle_timeout`] if nothing happens before: a moment of [`Now::monotonic`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let _ = now;
    }

    /// Whether the driver should leave frames unread for now, so that the transport slows down whoever sends them.
    pub fn congested(&self) -> bool {
        false
    }

    /// The devices that are linked now.
    pub fn peers(&self) -> Vec<PeerView> {
        Vec::new()
    }

    /// Whether this device's own feed may grow.
    pub fn standing(&self) -> Standing {
        Standing::Whole
    }
}
