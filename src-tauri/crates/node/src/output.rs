//! What a node asks of its driver, in order.

use feed::{BlobId, DeviceKey, FeedId, ForkProof, Message, MessageId, PersonId, SignError, Verified};
use replication::{LinkId, blobs, ebt::Clock};

use crate::{
    input::{AppendFailed, Ticket},
    looking::{Looked, NotSeen},
};

/// What the driver is to do. Outputs are carried out in order; none of them blocks the loop.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a frame (the transport adds the length). At most [`crate::limits::SEND_WINDOW`] bytes are handed out before
    /// [`crate::Input::Writable`] says that they were taken.
    Send {
        /// On which link.
        link: LinkId,
        /// At most [`crate::limits::FRAME`] bytes.
        frame: Vec<u8>,
    },
    /// Say something to everybody who is connected, once. It may be lost, and whoever hears it passes it on to nobody.
    Say {
        /// At most ten bytes.
        word: Vec<u8>,
    },
    /// Close a link, after what was sent on it before; for [`CloseReason::Blocked`] without that. [`crate::Input::LinkDown`] may follow or not.
    Close {
        /// Which.
        link: LinkId,
        /// Why, for logs and the person.
        reason: CloseReason,
    },
    /// Keep a device out, with no connection and no link, dropping what waits to be sent to it; or let it in again, and look for
    /// it at once.
    Refuse {
        /// Which.
        device: DeviceKey,
        /// Whether it is kept out from now on.
        refuse: bool,
    },
    /// Read less from a link, a few frames a second, so that its other end has to wait; or as much as comes again.
    Slow {
        /// Which.
        link: LinkId,
        /// Whether it is slowed from now on.
        slow: bool,
    },
    /// Read nothing from a link, so that its other end has to wait; or go on. Frames that were read already may still be handed over,
    /// at most [`crate::limits::INBOX`] bytes.
    Hold {
        /// Which.
        link: LinkId,
        /// Whether nothing is read from now on.
        hold: bool,
    },
    /// Check signatures, on as many cores as there are.
    Verify {
        /// For the answer.
        ticket: Ticket,
        /// At most [`crate::limits::VERIFY_BATCH`] messages.
        batch: Vec<Message>,
    },
    /// Make messages durable, with all their index rows, in one transaction. Feeds are consecutive within a batch and from
    /// one batch to the next.
    Append {
        /// For the answer.
        ticket: Ticket,
        /// At most [`crate::limits::APPEND_BATCH`] messages.
        batch: Vec<Verified>,
        /// Whether these were signed here just now and belong into the journal of own messages too.
        own: bool,
        /// Whether it goes before others that were handed over and not begun: somebody waits for it.
        ahead: bool,
    },
    /// Read messages `(after, through]` of a feed.
    Load {
        /// For the answer.
        ticket: Ticket,
        /// Which feed.
        feed: FeedId,
        /// The sequence before the first one wanted.
        after: u64,
        /// The last sequence wanted.
        through: u64,
        /// Stop after about this many bytes of encoded messages, but give at least one.
        max_bytes: usize,
    },
    /// Read the newest messages of a feed.
    LoadNewest {
        /// For the answer.
        ticket: Ticket,
        /// Which feed.
        feed: FeedId,
        /// Only those below this sequence; 0 for the newest of all.
        before: u64,
        /// At most so many, of together at most [`crate::limits::LOOK_BYTES`] encoded, but at least one if there is one.
        most: u8,
    },
    /// Read the saved clocks of a device.
    LoadClocks {
        /// For the answer.
        ticket: Ticket,
        /// Whose.
        device: DeviceKey,
    },
    /// Save clocks: changed entries only. Losing them costs a longer greeting, nothing else.
    SaveClocks {
        /// Whose.
        device: DeviceKey,
        /// Forget everything saved for this device before.
        replace: bool,
        /// Changed entries of what it told us.
        held: Clock,
        /// Changed entries of what we told it.
        told: Clock,
    },
    /// Keep a proof that a feed was forked, and never extend that feed again.
    Freeze {
        /// Which feed.
        feed: FeedId,
        /// Both signed messages.
        proof: ForkProof,
    },
    /// For whoever has the files and their streams.
    Blobs(blobs::Order),
    /// Answers [`crate::Input::Publish`], once the message is durable or cannot be.
    Published {
        /// As asked.
        ticket: Ticket,
        /// The new message's id.
        result: Result<MessageId, Refusal>,
    },
    /// Answers [`crate::Input::Import`], once each of its messages is stored, known, rejected or waiting.
    Imported(Imported),
    /// Answers [`crate::Input::Look`].
    Looked {
        /// As asked.
        ticket: Ticket,
        /// What was seen; it is to be kept nowhere.
        result: Result<Looked, NotSeen>,
    },
    /// Something that a page may show has changed.
    Changed(Change),
    /// Something that the person would like to be told now.
    Notify(Notification),
}

/// What became of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// As asked.
    pub ticket: Ticket,
    /// Messages that are durable now and were not before, those that had been waiting included.
    pub stored: u64,
    /// Messages that were stored here already.
    pub known: u64,
    /// Messages that were refused, and why.
    pub rejected: Vec<Rejected>,
    /// Messages of this and earlier imports that wait now because one before them is missing.
    pub waiting: u64,
}

/// A message that was not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message {sequence} of {feed}: {reason}")]
pub struct Rejected {
    /// Its author, as it says.
    pub feed: FeedId,
    /// Its sequence, as it says.
    pub sequence: u64,
    /// Why.
    pub reason: RejectReason,
}

/// Why a message was not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// It was changed after it was signed, or signed by another key or for another network.
    #[error("the signature does not fit: it was changed, or belongs to another network")]
    Signature,
    /// It does not continue its feed.
    #[error("it does not continue the feed: {0}")]
    Chain(String),
    /// Its feed was forked by its author and does not grow any more.
    #[error("its author signed two different messages with one sequence; the feed is kept but not continued")]
    Frozen,
    /// Its author is blocked here.
    #[error("its author is blocked here")]
    Blocked,
    /// A message before it in the same feed was refused.
    #[error("a message before it was refused")]
    AfterRefused,
    /// There is no room to keep it until the messages before it come.
    #[error("messages before it are missing, and too many wait already; import the file in its order")]
    NoRoom,
    /// The store could not write it.
    #[error("it could not be stored: {0}")]
    Store(AppendFailed),
}

/// Why nothing was published, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Own messages are missing.
    #[error(
        "Messages {} to {expected} of your own feed are missing on this device, so nothing is published. Go near someone who \
         follows you: they come back by themselves.", have + 1
    )]
    Recovering {
        /// The newest own message here.
        have: u64,
        /// The newest known to exist.
        expected: u64,
    },
    /// Own feed forked.
    #[error(
        "Two different messages with one number were signed with this device's key, as when a copied folder is used twice. \
         Others stop following this feed there. Start with a new folder, and tell your friends the new id."
    )]
    Forked,
    /// The store could not write.
    #[error("The message could not be stored: {0}. Free some space or check the folder, then publish again.")]
    Store(AppendFailed),
    /// The content does not make a valid message.
    #[error("This cannot be published: {0}. Change it and publish again.")]
    Content(SignError),
    /// Too much waits to be published.
    #[error("Too many messages wait to be published. Wait a moment, then publish again.")]
    Busy,
}

/// Why a link was closed by us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// No hello within [`crate::limits::HELLO_PATIENCE`].
    #[error("it did not introduce itself in time")]
    NoHello,
    /// The hello speaks another major version.
    #[error("it speaks version {theirs} of the protocol, this program speaks version {ours}; update the older one")]
    Version {
        /// What it speaks.
        theirs: u16,
        /// What we speak.
        ours: u16,
    },
    /// The hello names another network.
    #[error("it belongs to another network")]
    Network,
    /// The link leads to this very device: the same key, here or in a copied folder.
    #[error("it has the key of this device; if that is a copy of the folder, stop one of them")]
    Myself,
    /// There is a link to the same device already.
    #[error("there is a link to the same device already")]
    Second,
    /// It was cut off a short while ago for what it sent.
    #[error("it was cut off a short while ago for what it sent")]
    CutOff,
    /// There are too many links.
    #[error("there are too many links")]
    TooMany,
    /// Its person is blocked here.
    #[error("its person is blocked here")]
    Blocked,
    /// A frame that cannot be read.
    #[error("it sent a frame that cannot be read: {0}")]
    Malformed(String),
    /// Too many messages that are not what they claim.
    #[error("it sent too many messages that do not hold")]
    TooManyRefused,
    /// Too many files that are not what they claim.
    #[error("it gave files that are not what their names say")]
    WrongBlobs,
    /// More than was asked for, faster than can be taken.
    #[error("it sent more than this device takes at once")]
    Flood,
    /// There are more feeds here than one link can name.
    #[error("there is more here than one link can carry: {0}")]
    Overfull(String),
    /// It takes nothing of what is sent to it.
    #[error("it takes nothing of what is sent to it")]
    Stalled,
}

impl CloseReason {
    /// Whether it was closed for something that nobody honest does. Only such a device has to be kept away: all others may
    /// come back, even at once, and be welcome.
    pub fn hostile(&self) -> bool {
        match self {
            Self::Malformed(_) | Self::TooManyRefused | Self::WrongBlobs | Self::Flood | Self::CutOff => true,
            Self::NoHello
            | Self::Version { .. }
            | Self::Network
            | Self::Myself
            | Self::Second
            | Self::TooMany
            | Self::Blocked
            | Self::Overfull(_)
            | Self::Stalled => false,
        }
    }
}

/// What has changed; whoever shows it asks again. Coalesced, never one per message of a bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// There are new posts or likes.
    Timeline,
    /// A thread has changed, named by its first post.
    Thread(MessageId),
    /// What is known of a person has changed: name, picture, relations.
    Person(PersonId),
    /// Who is near, or what flows between us.
    Nearby,
    /// Whether this device's own feed may grow.
    Standing,
    /// A file has come that was wanted.
    Blob(BlobId),
}

/// Something that the person would like to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Why.
    pub reason: social::Reason,
    /// Who did it.
    pub person: PersonId,
    /// The message, stored already.
    pub message: MessageId,
    /// The first post of its thread, or the message itself.
    pub root: MessageId,
    /// How many more of these came with it and are not announced one by one.
    pub more: u32,
}
