//! What front ends ask of the loop.

use feed::{FeedId, Message, MessageId, PersonId, json};
use node::{Imported, Looked, NotSeen, PeerView, Progress, Refusal, Standing, blob_sync, wire::Newest};
use tokio::sync::oneshot;

use crate::view::Failure;

/// Most commands that wait for the loop; whoever comes after that waits in line.
pub(crate) const MAILBOX: usize = 64;

/// One wish, with the place where its answer goes. An answer nobody waits for any more is dropped.
pub(crate) enum Command {
    /// Sign and publish.
    Publish { content: json::Value<'static>, reply: oneshot::Sender<Result<MessageId, Refusal>> },
    /// Check and store messages from a file.
    Import { messages: Vec<Message>, reply: oneshot::Sender<Imported> },
    /// Keep those of these feeds of which there are messages here from now on; which these are.
    Keep { feeds: Vec<FeedId>, reply: oneshot::Sender<Result<Vec<FeedId>, Failure>> },
    /// Something about files: one is wanted, or no more, or has come otherwise.
    Blobs(blob_sync::Input),
    /// Keep what the person decided about somebody without saying so, as far as it is given, and act on all of it.
    Decide { person: PersonId, blocked: Option<bool>, muted: Option<bool>, reply: oneshot::Sender<Result<(), Failure>> },
    /// Look at somebody's newest messages, which are not stored here.
    LookAt { wanted: Newest, reply: oneshot::Sender<Result<Looked, NotSeen>> },
    /// Look at what only the loop knows.
    Look { reply: oneshot::Sender<Look> },
    /// Somebody uses this device now, or does not any more.
    Attend(bool),
    /// Finish what was begun, save, and end.
    Stop,
}

/// What only the loop knows.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// The linked devices.
    pub(crate) peers: Vec<PeerView>,
    /// Devices that are left out, for what they did.
    pub(crate) left_out: Vec<node::LeftOut>,
    /// Whether one's own feed may grow.
    pub(crate) standing: Standing,
    /// Where this device can be reached.
    pub(crate) addresses: Vec<String>,
    /// What is on its way to us, while anything is.
    pub(crate) progress: Option<Progress>,
    /// Files that are wanted, the most urgent first.
    pub(crate) fetches: Vec<blob_sync::Fetch>,
}
