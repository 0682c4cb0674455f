//! What the network tells its driver, and in what words.

use std::fmt;

use feed::DeviceKey;
use libp2p::Multiaddr;

/// Names one link for as long as the process runs. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// What happened. Of one link: first `LinkUp`, then any number of `Received` and `Writable`, then `LinkDown` exactly once and
/// nothing after it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NetEvent {
    /// Others can reach us at this address from now on.
    Listening(Multiaddr),
    /// An address of ours is gone, with its interface or its listener.
    NotListening(Multiaddr),
    /// A device announces itself on the local network. It may turn out not to be one of ours: who is, a `LinkUp` tells.
    Discovered {
        /// Whose announcement.
        device: DeviceKey,
        /// Where it listens.
        address: Multiaddr,
    },
    /// A discovered device is neither linked nor announced nor reachable any more.
    Gone {
        /// Who.
        device: DeviceKey,
    },
    /// A link stands. The connection has proved the key.
    LinkUp {
        /// The name of the link from now on.
        link: LinkId,
        /// Who is at the other end.
        device: DeviceKey,
        /// Its address as seen from here.
        address: Multiaddr,
        /// Whether we dialled.
        outbound: bool,
    },
    /// A whole frame arrived, without its length prefix; never empty and at most [`crate::MAX_FRAME`] bytes.
    Received {
        /// On which link.
        link: LinkId,
        /// Its bytes.
        frame: Vec<u8>,
    },
    /// A device said something to everybody who is connected with it ([`crate::Net::say`]): at most [`crate::MAX_WORD`] bytes, signed by nobody, but
    /// on the connection that proved its key. It may be lost, and is never repeated.
    Heard {
        /// The link with the device.
        link: LinkId,
        /// What it said.
        word: Vec<u8>,
    },
    /// All that was sent on the link before has been handed to the wire, but for at most [`crate::OUTGOING_LOW`] bytes. Said once
    /// after one or several sends.
    Writable {
        /// Which.
        link: LinkId,
    },
    /// The link is gone.
    LinkDown {
        /// Which.
        link: LinkId,
        /// Why.
        reason: DownReason,
    },
    /// An address given to [`crate::Net::dial`] did not answer, or not as one of ours. It is dialled again later.
    DialFailed {
        /// The address.
        address: Multiaddr,
        /// What happened, for a person.
        reason: String,
    },
}

/// What [`crate::Net::close`] means for the next link with the same peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// The peer broke a rule. It is neither dialled nor let in for 5 seconds, twice as long each further time, up to 10 minutes.
    Hostile,
    /// Nothing can come of a link with it before somebody changes something: it speaks another version, or belongs to another
    /// network. It is neither dialled nor let in for a minute, however often that happens.
    Unfit,
    /// It did nothing wrong: there was no room for it, or it was too slow. It is let in whenever it comes, and dialled again after the
    /// ordinary back-off: 250 ms, then twice as long, up to 5 s.
    Busy,
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DownReason {
    /// [`crate::Net::close`], with the reason given there.
    #[error("closed here: {reason}")]
    ClosedHere {
        /// What it means for the next link.
        closing: Closing,
        /// For a person.
        reason: String,
    },
    /// [`crate::Net::refuse`].
    #[error("this device is refused")]
    Refused,
    /// [`crate::Net::shutdown`].
    #[error("this node is shutting down")]
    ShuttingDown,
    /// The other side ended it in good order.
    #[error("closed by the other side")]
    ClosedThere,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The other side opened a new link in place of this one: for it, this one was dead.
    #[error("replaced by a new link")]
    Replaced,
    /// Nothing arrived for [`crate::config::Patience::silence`].
    #[error("nothing was heard for {} ms", .0.as_millis())]
    Silent(std::time::Duration),
    /// Next to nothing was taken for [`crate::config::Patience::stall`].
    #[error("the other side does not read")]
    NotReading,
    /// A length prefix above the limit.
    #[error("a frame of {length} bytes, where {limit} are allowed")]
    FrameTooLong {
        /// What the prefix said.
        length: u64,
        /// The limit at that moment.
        limit: usize,
    },
    /// A frame began and did not end in time.
    #[error("a frame did not arrive in time")]
    FrameTooSlow,
    /// No first frame within [`crate::config::Patience::first_frame`].
    #[error("no first frame arrived in time")]
    NoFirstFrame,
    /// Empty frames without end.
    #[error("a flood of empty frames")]
    EmptyFrames,
    /// Far more words to everybody than anybody needs.
    #[error("it never stopped talking")]
    Talkative,
    /// The peer opened more than [`crate::config::LINK_CHURN`] links in a short time.
    #[error("too many links in a short time")]
    TooManyLinks,
}

impl DownReason {
    /// Whether the peer broke a rule, rather than the network: such a peer is left out for a while.
    pub fn is_misconduct(&self) -> bool {
        matches!(
            self,
            Self::ClosedHere { closing: Closing::Hostile, .. }
                | Self::FrameTooLong { .. }
                | Self::FrameTooSlow
                | Self::NoFirstFrame
                | Self::EmptyFrames
                | Self::Talkative
                | Self::TooManyLinks
                | Self::NotReading
        )
    }
}
