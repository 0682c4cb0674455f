//! What a person or a test may choose about the network, and every bound that is fixed.

use std::time::Duration;

use libp2p::Multiaddr;

/// Longest frame in bytes, without its length prefix. Checked before anything is allocated for it.
pub const MAX_FRAME: usize = 1 << 20;
/// Longest first frame of a link, in bytes: until a peer has introduced itself it may not ask for much.
pub const MAX_FIRST_FRAME: usize = 16 << 10;
/// Bytes that wait to be written on one link. A send that finds as much waiting is refused with [`crate::SendError::Full`], so at
/// most this and one frame are held for a peer that reads slowly.
pub const OUTGOING_BYTES: usize = 4 << 20;
/// [`crate::NetEvent::Writable`] is said when no more than this still waits. Not zero, so that the wire never runs dry meanwhile.
pub const OUTGOING_LOW: usize = 256 << 10;
/// Bytes of received frames on one link that nobody has taken yet, each counted with [`FRAME_OVERHEAD`]. At the bound the
/// stream is not read any further and the peer has to wait.
pub const INCOMING_BYTES: usize = 2 << 20;
/// What a frame costs beside its bytes, so that a million empty ones are not free.
pub const FRAME_OVERHEAD: usize = 256;
/// How long a slowed link rests after each frame that was read.
pub const SLOWED: Duration = Duration::from_millis(250);
/// Events that wait to be taken. At the bound links are not read and the swarm is not polled.
pub const EVENTS: usize = 256;

/// Bytes a second at which a frame has to arrive once it has begun. The slowest radio worth the name does better.
pub const MIN_FRAME_RATE: u64 = 32 << 10;
/// Empty frames that may arrive in [`EMPTY_FRAMES_WINDOW`]: eight times as many as heartbeats ask for.
pub const EMPTY_FRAMES: u32 = 32;
/// See [`EMPTY_FRAMES`].
pub const EMPTY_FRAMES_WINDOW: Duration = Duration::from_secs(10);

/// How long opening a stream of bytes may take.
pub const BYTES_OPENING: Duration = Duration::from_secs(5);
/// Streams of bytes that are being opened at once; beyond it [`crate::BytesError::TooMany`].
pub const BYTES_OPENINGS: usize = 64;
/// Streams of bytes that peers opened and nobody has taken yet; further ones are dropped.
pub const BYTES_INCOMING: usize = 32;

/// How long a connection may take to be made, with its handshakes.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(4);
/// How long a connection without a link is kept: spares of a pair that dialled each other, and programs that are not ours.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(10);
/// A link that stood for so long was a good one: the back-off of its peer starts anew.
pub const HEALTHY_LINK: Duration = Duration::from_secs(10);
/// Links that one peer may open in [`LINK_CHURN_WINDOW`]; with more it is left out for a while. An honest peer that is turned away as
/// [`crate::Closing::Busy`] each time dials after 250 ms, then after twice as long, and at last every 5 s: 15 to 20 times in the first
/// minute.
pub const LINK_CHURN: u32 = 32;
/// See [`LINK_CHURN`].
pub const LINK_CHURN_WINDOW: Duration = Duration::from_secs(60);
/// Peers that are remembered, with or without a connection. The least useful one makes room.
pub const KNOWN_PEERS: usize = 1_024;
/// Addresses that are remembered for one peer.
pub const PEER_ADDRESSES: usize = 12;
/// Addresses that [`crate::Net::dial`] keeps dialling.
pub const WANTED_ADDRESSES: usize = 64;

/// Neighbours that the network doctor asks.
pub const DOCTOR_NEIGHBOURS: usize = 8;
/// Hosts that the network doctor counts on an adapter; with so many, multicast works.
pub const DOCTOR_HOSTS: usize = 256;
/// How long the network doctor listens on an adapter. Whoever hears a query announces itself within a second.
pub const DOCTOR_LISTENS: Duration = Duration::from_secs(3);

/// How long a link waits for what. Tests shorten them; a program takes the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A side that has written nothing for so long writes an empty frame, so that the other side knows it is there. (Libp2p's
    /// ping would cost twice as much on an idle link, four packets for two, and closes nothing by itself.)
    pub heartbeat: Duration,
    /// A link on which nothing at all arrived for so long is dead: two heartbeats were missed, and a third is late.
    pub silence: Duration,
    /// The same after a sign that a link may be dead: the network changed, or its peer made another connection. Longer than a
    /// heartbeat.
    pub doubt: Duration,
    /// How long the first frame of a link may take.
    pub first_frame: Duration,
    /// How long any frame may take from its first byte on, in addition to its length at [`MIN_FRAME_RATE`].
    pub frame: Duration,
    /// A peer that takes less than 64 KiB in so long does not read any more.
    pub stall: Duration,
    /// How long a link that we close may take to write what was queued before.
    pub flush: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(2_500),
            silence: Duration::from_secs(8),
            doubt: Duration::from_secs(4),
            first_frame: Duration::from_secs(10),
            frame: Duration::from_secs(10),
            stall: Duration::from_secs(60),
            flush: Duration::from_secs(2),
        }
    }
}

/// How a [`crate::Net`] is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. An address that this machine cannot listen on (IPv6 where there is none) is passed over with a log
    /// line; when none works, starting fails.
    pub listen: Vec<Multiaddr>,
    /// Whether to announce this device on the local network and look for others. A machine that has only a loopback
    /// interface finds nobody; dial by address there.
    pub mdns: bool,
    /// Bounds on connections.
    pub limits: Limits,
    /// How long a link waits for what.
    pub patience: Patience,
    /// Seeds the jitter of redialling and of discovery. `None` takes it from the device key: each device another one.
    pub jitter_seed: Option<u64>,
}

impl Default for Config {
    /// Every interface, TCP and QUIC, on ports that the system picks, with discovery.
    fn default() -> Self {
        let listen = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::/tcp/0", "/ip6/::/udp/0/quic-v1"];
        Self {
            listen: listen.iter().filter_map(|text| text.parse().ok()).collect(),
            mdns: true,
            limits: Limits::default(),
            patience: Patience::default(),
            jitter_seed: None,
        }
    }
}

/// Bounds on connections, so that a flood of them costs the flooder more than us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in the middle of a handshake that others began.
    pub pending_incoming: u32,
    /// The same from one IP address.
    pub pending_incoming_per_host: u32,
    /// Connections that we are making.
    pub pending_outgoing: u32,
    /// Established connections that others made.
    pub incoming: u32,
    /// Established connections with one IP address, whoever made them. Several people may share a computer, and a test machine has all
    /// of its nodes on loopback: ten there make at most 27 at each. Who owns many addresses gets around this; that the people one
    /// follows come first is decided above, by whoever closes links.
    pub per_host: u32,
    /// Established connections with one peer. More than one, because two devices may dial each other at the same time.
    pub per_peer: u32,
    /// Established connections altogether.
    pub total: u32,
    /// Physical memory of the process, in bytes, above which no new connection is made.
    pub process_bytes: usize,
}

impl Default for Limits {
    /// Room for everybody in a large hall, and small change in memory.
    fn default() -> Self {
        Self {
            pending_incoming: 64,
            pending_incoming_per_host: 24,
            pending_outgoing: 32,
            incoming: 192,
            per_host: 32,
            per_peer: 3,
            total: 256,
            process_bytes: 1 << 30,
        }
    }
}
