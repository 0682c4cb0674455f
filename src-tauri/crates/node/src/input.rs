//! What the driver tells a node.

use feed::{DeviceKey, FeedId, Message, PersonId, SignatureError, Verified, json};
use replication::{LinkId, blobs, ebt::Clock};

use crate::{looking::Held, wire::Newest};

/// Joins a question and its answer. Who asks picks the number: the driver for [`Input::Publish`], [`Input::Import`] and [`Input::Look`],
/// the node for everything else; the two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// How a link carries frames. Other kinds (through a relay, one-way as a file) come with their transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Medium {
    /// Live, both ways, device to device.
    Direct,
}

/// The store could not write; nothing of the batch is durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AppendFailed {
    /// What happened, in words for the person.
    pub reason: String,
}

/// The store could not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LoadFailed {
    /// What happened, in words for the person.
    pub reason: String,
}

/// What happened. Every mutation of a node goes in through one of these.
#[derive(Clone, Debug)]
pub enum Input {
    /// A link to another device stands. The connection has proved `device`.
    LinkUp {
        /// The driver's name for the link, never used twice.
        link: LinkId,
        /// Who is at the other end.
        device: DeviceKey,
        /// How it is linked.
        medium: Medium,
    },
    /// The link is gone, for whatever reason (also after [`crate::Output::Close`]).
    LinkDown {
        /// Which.
        link: LinkId,
        /// What the other end did, in words for the person, where the transport ended the link for that.
        misconduct: Option<String>,
    },
    /// A whole frame arrived, without its length prefix.
    Received {
        /// On which link.
        link: LinkId,
        /// Its bytes, from a stranger until proved otherwise.
        frame: Vec<u8>,
    },
    /// A device said something to everybody ([`crate::Output::Say`]).
    Heard {
        /// On which link.
        link: LinkId,
        /// Its bytes, from a stranger until proved otherwise.
        word: Vec<u8>,
    },
    /// Somebody uses this device now, or does not any more. Nobody does at the start.
    Attended(bool),
    /// The link has room for more. The node hands out at most [`crate::limits::SEND_WINDOW`] bytes of frames on a link, then
    /// waits for this, which opens the whole window again. The driver says it at once after every [`crate::Output::Send`]
    /// that left room in the transport's queue, and otherwise when that queue has drained.
    Writable {
        /// Which.
        link: LinkId,
    },
    /// The person publishes; answered by [`crate::Output::Published`].
    Publish {
        /// For the answer.
        ticket: Ticket,
        /// The content, as [`social::write`] makes them.
        content: json::Value<'static>,
    },
    /// Messages from a file; answered by [`crate::Output::Imported`].
    Import {
        /// For the answer.
        ticket: Ticket,
        /// In any order within reason; decoded, nothing else checked. At most [`crate::limits::IMPORT_BATCH`].
        messages: Vec<Message>,
    },
    /// The person asks for a feed by hand: it is replicated and relayed from now on. The driver stores the wish first.
    Want {
        /// Which feed.
        feed: FeedId,
    },
    /// The person decided about somebody without saying so: what counts from now on. The driver stores it first.
    Stance {
        /// About whom.
        person: PersonId,
        /// Blocked in private.
        blocked: bool,
        /// Muted.
        muted: bool,
    },
    /// The person looks at the newest messages of a feed that is not stored here; answered by [`crate::Output::Looked`].
    Look {
        /// For the answer.
        ticket: Ticket,
        /// Whose, and how many.
        wanted: Newest,
    },
    /// Answers [`crate::Output::LoadNewest`].
    NewestLoaded {
        /// As asked.
        ticket: Ticket,
        /// What is stored.
        result: Result<Held, LoadFailed>,
    },
    /// Answers [`crate::Output::Verify`].
    Verified {
        /// As asked.
        ticket: Ticket,
        /// One result per message, in the order asked.
        results: Vec<Result<Verified, SignatureError>>,
    },
    /// Answers [`crate::Output::Append`]: all of the batch is durable, or nothing of it.
    Appended {
        /// As asked.
        ticket: Ticket,
        /// Whether it is durable.
        result: Result<(), AppendFailed>,
    },
    /// Answers [`crate::Output::Load`].
    Loaded {
        /// As asked.
        ticket: Ticket,
        /// The messages from `after + 1` on, in order, at least one if there is one, within about `max_bytes`.
        result: Result<Vec<Message>, LoadFailed>,
    },
    /// Of blobs: somebody here wants one, or no more, or the driver reports. The links' part of [`blobs::Input`] is the node's.
    Blobs(blobs::Input),
    /// Answers [`crate::Output::LoadClocks`]; empty clocks for a device not met before or clocks that cannot be read.
    ClocksLoaded {
        /// As asked.
        ticket: Ticket,
        /// What the device last told us.
        held: Clock,
        /// What we last told it.
        told: Clock,
    },
}
