//! What the driver tells the machine and what the machine asks of the driver.

use std::time::Duration;

use feed::{DeviceKey, FeedId};

use super::note::{Clock, Note};
use crate::LinkId;

/// What we want with a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Hold it, keep it current, pass it on.
    Replicate,
    /// Not asked for. The default for every feed.
    #[default]
    Ignore,
    /// As [`Want::Ignore`], and a link to the device of that feed carries nothing either way.
    Block,
}

/// What the driver tells us.
///
/// Each direction of a link numbers its frames of notes and of messages 1, 2, 3 …; `frame` is that number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The wish for `feed` is now `want`. Live links learn of it at once.
    Want {
        /// The feed.
        feed: FeedId,
        /// The wish.
        want: Want,
    },
    /// At start, before any link: the log holds `feed` up to `sequence`.
    Head {
        /// The feed.
        feed: FeedId,
        /// Its newest sequence.
        sequence: u64,
    },
    /// `feed` is forked: what is held may still be passed on, nothing more is taken.
    Frozen {
        /// The feed.
        feed: FeedId,
    },
    /// A link is up and both hellos are known.
    LinkUp {
        /// The link.
        link: LinkId,
        /// Who is at the other end.
        peer: DeviceKey,
        /// What the peer last told us, as saved and [`remembered`](super::remembered).
        held: Clock,
        /// What we last told the peer, as saved.
        told: Clock,
        /// Whether both digests of the hellos matched. If not, `held` and `told` are worthless and full clocks are exchanged.
        agreed: bool,
    },
    /// The link is gone; every frame not yet processed is lost.
    LinkDown {
        /// The link.
        link: LinkId,
    },
    /// A frame of notes arrived.
    Notes {
        /// The link.
        link: LinkId,
        /// The peer's number of the frame.
        frame: u64,
        /// The notes, in the frame's order.
        notes: Vec<(FeedId, Note)>,
    },
    /// A frame of messages arrived and is decoded; what becomes of each message is told later, by [`Input::Appended`],
    /// [`Input::Known`], [`Input::Gap`], [`Input::Refused`] or [`Input::Dropped`].
    Messages {
        /// The link.
        link: LinkId,
        /// The peer's number of the frame.
        frame: u64,
        /// For each feed in the frame, the highest sequence it carried.
        carried: Vec<(FeedId, u64)>,
    },
    /// A message arrived that the log holds already, or that is on its way into it.
    Known {
        /// The link it came by.
        link: LinkId,
        /// Its feed.
        feed: FeedId,
        /// Its sequence.
        sequence: u64,
    },
    /// A message arrived that is not the next one of its feed: the stream ends with a note, the link goes on.
    Gap {
        /// The link it came by.
        link: LinkId,
        /// Its feed.
        feed: FeedId,
    },
    /// A message arrived that cannot be taken: not wanted, badly signed, forked. The stream ends with a note.
    Refused {
        /// The link it came by.
        link: LinkId,
        /// Its feed.
        feed: FeedId,
    },
    /// A message arrived that was not taken through no fault of its sender: the disk is full, or another peer's message
    /// stood in its place and did not hold. The stream ends with a note, and the sender may be asked again after `pause`.
    Dropped {
        /// The link it came by.
        link: LinkId,
        /// Its feed.
        feed: FeedId,
        /// How long the sender is not asked. The same each time, however often this happens.
        pause: Duration,
    },
    /// The log holds `feed` durably up to `sequence`, its new head.
    Appended {
        /// The feed.
        feed: FeedId,
        /// Its newest sequence.
        sequence: u64,
        /// The link the newest message came by; `None` when it was written or imported here.
        from: Option<LinkId>,
    },
    /// The oldest [`Output::SendNotes`] of this link not yet reported has left as `frame`. No further notes are asked to be
    /// sent on the link until then, so at most one frame of notes per link waits in the driver.
    NotesSent {
        /// The link.
        link: LinkId,
        /// Our number of the frame.
        frame: u64,
    },
    /// A frame of messages of [`Output::Stream`]s has left; said once per feed in the frame.
    Sent {
        /// The link.
        link: LinkId,
        /// Our number of the frame.
        frame: u64,
        /// The feed.
        feed: FeedId,
        /// The highest sequence of the feed in the frame.
        through: u64,
    },
    /// A Level frame arrived: see [`Output::SendLevel`].
    Level {
        /// The link.
        link: LinkId,
        /// The last of our frames that the peer has processed.
        through: u64,
        /// Feeds it does not speak for.
        except: Vec<FeedId>,
    },
}

/// What we ask of the driver. Outputs for one link leave in the order in which they were polled, except that the messages
/// of streams are cut into frames at the driver's pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send one frame of notes, at most [`MAX_NOTES_PER_FRAME`](super::MAX_NOTES_PER_FRAME), then report [`Input::NotesSent`].
    SendNotes {
        /// The link.
        link: LinkId,
        /// The notes, by feed.
        notes: Vec<(FeedId, Note)>,
    },
    /// Send the messages of `feed` after `after` up to `through`, in order. If a stream of the feed on this link still runs
    /// and ends exactly at `after`, it is extended; any other is replaced.
    Stream {
        /// The link.
        link: LinkId,
        /// The feed.
        feed: FeedId,
        /// The sequence before the first message to send.
        after: u64,
        /// The last sequence to send.
        through: u64,
    },
    /// Send nothing more of `feed` on this link.
    StopStream {
        /// The link.
        link: LinkId,
        /// The feed.
        feed: FeedId,
    },
    /// Send a Level frame: “of your frames up to `through`, I hold durably what they said and carried of every feed they
    /// named, except of these”. Both ends then count that as told and held, without a note per feed.
    SendLevel {
        /// The link.
        link: LinkId,
        /// The peer's frame number.
        through: u64,
        /// Feeds it does not speak for; at most [`MAX_LEVEL_EXCEPTIONS`](super::MAX_LEVEL_EXCEPTIONS).
        except: Vec<FeedId>,
    },
    /// Remember these changes of what `peer` told us and of what we told it. Losing the newest of them costs full clocks at
    /// the next meeting, nothing else.
    SaveClock {
        /// The other device.
        peer: DeviceKey,
        /// Forget everything saved for this peer before this.
        replace: bool,
        /// What it told us of feeds of which something changed; of which feeds at all, see [`remembered`](super::remembered).
        held: Vec<(FeedId, Note)>,
        /// What we told it of the same feeds.
        told: Vec<(FeedId, Note)>,
    },
}

/// How far a link is from level, for people to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Messages that the peer claims, that we asked it for and do not hold yet. A claim: may be false.
    pub to_receive: u64,
    /// Messages that we are streaming to the peer and that have not left yet.
    pub to_send: u64,
}
