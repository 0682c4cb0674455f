//! How the devices that are linked now are shown.

use feed::{DeviceKey, PersonId};

use crate::input::Medium;

/// What flows between this device and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Linked, hellos not yet exchanged.
    Connecting,
    /// Each has what the other offers and this one wants.
    Level,
    /// About this many messages are known to be on their way to us.
    Receiving(u64),
    /// About this many messages are known to be on their way to the peer.
    Sending(u64),
}

/// A device that is linked now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Proved by the connection.
    pub device: DeviceKey,
    /// Whose device it is.
    pub person: PersonId,
    /// The name in the signed `about` of its hello: signed by them, proven by nobody. At most
    /// [`crate::limits::NAME`] characters.
    pub calls_themselves: Option<String>,
    /// How it is linked.
    pub medium: Medium,
    /// What flows.
    pub flow: Flow,
    /// Bytes of frames received on this link.
    pub received_bytes: u64,
    /// Bytes of frames sent on this link.
    pub sent_bytes: u64,
    /// Frames of kinds that this version does not know.
    pub unknown_frames: u64,
}
