//! Links to other devices: libp2p with TCP and QUIC, discovery on the local network, and framed streams.
//!
//! Nothing here is pure but [`peers`](crate::peers) (whom to dial and when), the packet format and the schedule of discovery,
//! which take time as an argument, and what the [`doctor`] makes of what it saw. The IO is one task for the swarm, two for each link, one
//! for discovery.
//! What the frames mean is not known here: see `node`. The driver calls [`Net`] and drains [`NetEvents`].

mod adapters;
mod backoff;
mod bytes;
pub mod config;
mod dialler;
mod discovery;
pub mod doctor;
mod event;
mod framing;
mod hub;
mod identity;
mod link;
mod net;
mod now;
mod peers;
mod streams;
mod swarm;
mod wanted;
mod wishes;

pub use libp2p::Multiaddr;

pub use crate::{
    bytes::{ByteStream, BytesError, Came, Incoming, Opener},
    config::{Config, Limits, MAX_FIRST_FRAME, MAX_FRAME, OUTGOING_BYTES, OUTGOING_LOW, Patience},
    dialler::{Answered, Dialler, Unreached, is_dialable},
    event::{Closing, DownReason, LinkId, NetEvent},
    net::{Net, NetError, NetEvents, SendError, WordLength},
    now::MAX_WORD,
};
