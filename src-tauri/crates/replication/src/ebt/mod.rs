//! Epidemic broadcast trees: every feed reaches everyone who wants it, nearly without waste.
//!
//! Sources: *Scalable Secure Scuttlebutt* and the `epidemic-broadcast-trees` reference (notes, request skipping, eager and
//! lazy); *Epidemic Broadcast Trees* (Leitão, Pereira, Rodrigues 2007) for the tree and its repair.

mod io;
mod note;

use std::{collections::VecDeque, time::Duration};

use feed::FeedId;

pub use io::{Input, Output, Progress, Want};
pub use note::{Clock, MAX_SEQUENCE, Note, NoteError};

use crate::{Instant, LinkId, Now};

/// The most notes in one [`Output::SendNotes`]: 8,192 of at most 42 bytes stay under 344 KiB.
pub const MAX_NOTES_PER_FRAME: usize = 8_192;

/// The most feeds in [`Output::SendLevel`]'s `except`: 4,096 of 33 bytes stay under 133 KiB.
pub const MAX_LEVEL_EXCEPTIONS: usize = 4_096;

/// What a machine is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The feed that is written here. Peers are told of it even when nobody asked.
    pub own: FeedId,
    /// How long a source may be silent while another peer claims more. Sync.md's 150 ms: switching at once costs about a
    /// tenth more payload, as frames that are on their way arrive twice.
    pub patience: Duration,
}

impl Config {
    /// The defaults, for the device that writes `own`.
    pub const fn new(own: FeedId) -> Self {
        Self { own, patience: Duration::from_millis(150) }
    }
}

/// Epidemic broadcast trees, for all feeds and links of one device.
#[derive(Debug)]
pub struct Ebt {
    config: Config,
    outbox: VecDeque<Output>,
}

impl Ebt {
    /// A machine that knows no feed and no link yet.
    pub fn new(config: Config) -> Self {
        Self { config, outbox: VecDeque::new() }
    }

    /// Everything that happens goes in here; afterwards drain [`Self::poll_output`].
    pub fn handle_input(&mut self, input: Input, now: Now) {
        let _ = (input, now, &self.config);
    }

    /// The next thing to do, in order; `None` when there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what has become due; afterwards drain [`Self::poll_output`].
    pub fn handle_timeout(&mut self, now: Now) {
        let _ = now;
    }

    /// How far `link` is from level; `None` for a link that is not up. Costs a walk over the feeds of the link.
    pub fn progress(&self, link: LinkId) -> Option<Progress> {
        let _ = link;
        None
    }
}
