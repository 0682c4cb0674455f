//! The libp2p side of links: opens and accepts streams of [`PROTOCOL`], and those [`Beside`] it, on a given connection, and keeps out
//! who is not to come in.
//!
//! `libp2p-stream` does nearly this, but it opens on a connection of its own choosing and does not tell on which one a stream came
//! in. Which connection carries the link is the very thing that [`crate::peers`] decides.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, InboundUpgrade, UpgradeInfo, transport::PortUse, upgrade::ReadyUpgrade},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
        NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

use crate::config::Limits;

/// The protocol of a link. `docs/protocol.md` describes it.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/periwinkle/1");
/// The protocol of a stream of plain bytes beside a link.
pub(crate) const BYTES: StreamProtocol = StreamProtocol::new("/periwinkle/blob/1");
/// The protocol of a question of the network doctor.
pub(crate) const REACH: StreamProtocol = StreamProtocol::new("/periwinkle/reach/1");

/// How long a peer may take to agree on the protocol of a stream.
const NEGOTIATION: Duration = Duration::from_secs(5);

/// What became of a stream.
#[derive(Debug)]
pub(crate) enum Event {
    /// A stream stands: one that the peer opened, or the answer to [`Behaviour::open`].
    Opened { peer: PeerId, connection: ConnectionId, stream: Stream, by_us: bool },
    /// [`Behaviour::open`] failed.
    Failed { peer: PeerId, connection: ConnectionId, error: OpenError },
    /// Answers [`Behaviour::open_beside`].
    BesideOpened { ticket: u64, result: Result<Stream, OpenError> },
    /// The peer opened a stream beside the link.
    BesideCame { connection: ConnectionId, what: Beside, stream: Stream },
}

/// Why a stream could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    /// Another libp2p program, which is none of our business.
    #[error("it does not speak {PROTOCOL}")]
    NotOurs,
    #[error("{0}")]
    Broken(String),
}

/// The peer may not connect now.
#[derive(Debug, thiserror::Error)]
#[error("this peer is not let in")]
pub(crate) struct KeptOut;

/// The host has too many handshakes under way.
#[derive(Debug, thiserror::Error)]
#[error("too many handshakes of this host are under way")]
pub(crate) struct TooManyHandshakes;

/// The host has too many connections.
#[derive(Debug, thiserror::Error)]
#[error("there are too many connections with this host")]
pub(crate) struct TooManyConnections;

pub(crate) struct Behaviour {
    to_swarm: VecDeque<ToSwarm<Event, Open>>,
    kept_out: BTreeSet<PeerId>,
    /// Handshakes that others began, by connection: from which host.
    handshakes: BTreeMap<ConnectionId, IpAddr>,
    handshakes_per_host: usize,
    /// Connections that stand, by connection: with which host.
    established: BTreeMap<ConnectionId, IpAddr>,
    established_per_host: usize,
}

impl Behaviour {
    pub(crate) fn new(limits: &Limits) -> Self {
        let bound = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            to_swarm: VecDeque::new(),
            kept_out: BTreeSet::new(),
            handshakes: BTreeMap::new(),
            handshakes_per_host: bound(limits.pending_incoming_per_host),
            established: BTreeMap::new(),
            established_per_host: bound(limits.per_host),
        }
    }

    /// Opens a stream on one connection; an [`Event`] follows unless the connection closes first.
    pub(crate) fn open(&mut self, peer: PeerId, connection: ConnectionId) {
        let handler = NotifyHandler::One(connection);
        self.to_swarm.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event: Open::Link });
    }

    /// Opens a stream beside the link on one connection; an [`Event`] with the ticket follows unless the connection closes first.
    pub(crate) fn open_beside(&mut self, peer: PeerId, connection: ConnectionId, what: Beside, ticket: u64) {
        let (handler, event) = (NotifyHandler::One(connection), Open::Beside { what, ticket });
        self.to_swarm.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event });
    }

    /// Lets a peer in no more, or again. Connections that stand are not touched.
    pub(crate) fn keep_out(&mut self, peer: PeerId, out: bool) {
        if out {
            self.kept_out.insert(peer)
        } else {
            self.kept_out.remove(&peer)
        };
    }

    /// Lets a connection in or not, now that it has proved its key.
    fn handler(&self, peer: &PeerId, remote: &Multiaddr) -> Result<Handler, ConnectionDenied> {
        if self.kept_out.contains(peer) {
            return Err(ConnectionDenied::new(KeptOut));
        }
        let host = ip(remote);
        let standing = self.established.values().filter(|&&other| Some(other) == host).count();
        if standing >= self.established_per_host {
            return Err(ConnectionDenied::new(TooManyConnections));
        }
        Ok(Handler::default())
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if let Some(host) = ip(remote) {
            if self.handshakes.values().filter(|&&other| other == host).count() >= self.handshakes_per_host {
                return Err(ConnectionDenied::new(TooManyHandshakes));
            }
            self.handshakes.insert(connection, host);
        }
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.handshakes.remove(&connection);
        self.handler(&peer, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.handler(&peer, remote)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ListenFailure(failure) => drop(self.handshakes.remove(&failure.connection_id)),
            FromSwarm::ConnectionEstablished(made) => {
                if let Some(host) = ip(made.endpoint.get_remote_address()) {
                    self.established.insert(made.connection_id, host);
                }
            }
            FromSwarm::ConnectionClosed(closed) => drop(self.established.remove(&closed.connection_id)),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        let event = match event {
            Outcome::Opened { stream, by_us } => Event::Opened { peer, connection, stream, by_us },
            Outcome::Failed(error) => Event::Failed { peer, connection, error },
            Outcome::BesideOpened { ticket, result } => Event::BesideOpened { ticket, result },
            Outcome::BesideCame { what, stream } => Event::BesideCame { connection, what, stream },
        };
        self.to_swarm.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        // Polled again after whatever put something in: a connection wakes the swarm, and the hub that owns it calls `open`.
        self.to_swarm.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The host part of an address.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(IpAddr::V4(ip)),
        Some(Protocol::Ip6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

/// To a connection: open a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Open {
    Link,
    Beside { what: Beside, ticket: u64 },
}

/// What a stream beside a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// A part of a file.
    Bytes,
    /// A question of the network doctor.
    Reach,
}

impl Beside {
    fn protocol(self) -> StreamProtocol {
        match self {
            Self::Bytes => BYTES,
            Self::Reach => REACH,
        }
    }
}

/// Accepts every protocol of ours, and tells which it was: none is the link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accept;

impl UpgradeInfo for Accept {
    type Info = StreamProtocol;
    type InfoIter = std::array::IntoIter<StreamProtocol, 3>;

    fn protocol_info(&self) -> Self::InfoIter {
        [PROTOCOL, BYTES, REACH].into_iter()
    }
}

impl InboundUpgrade<Stream> for Accept {
    type Output = (Option<Beside>, Stream);
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        let beside = [Beside::Bytes, Beside::Reach].into_iter().find(|what| what.protocol() == protocol);
        std::future::ready(Ok((beside, stream)))
    }
}

/// From a connection.
#[derive(Debug)]
pub(crate) enum Outcome {
    Opened { stream: Stream, by_us: bool },
    Failed(OpenError),
    BesideOpened { ticket: u64, result: Result<Stream, OpenError> },
    BesideCame { what: Beside, stream: Stream },
}

/// Streams beside the link that wait to be opened on one connection; further ones fail at once.
const OPENING: usize = 8;

/// Streams of one connection. Not more than one of the link is asked for at a time.
#[derive(Default)]
pub(crate) struct Handler {
    opens: VecDeque<Open>,
    outcomes: VecDeque<Outcome>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Outcome;
    type InboundProtocol = Accept;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Open;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(Accept, ()).with_timeout(NEGOTIATION)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Open, Outcome>> {
        if let Some(outcome) = self.outcomes.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome));
        }
        if let Some(open) = self.opens.pop_front() {
            let protocol = match open {
                Open::Link => PROTOCOL,
                Open::Beside { what, .. } => what.protocol(),
            };
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(protocol), open).with_timeout(NEGOTIATION);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        // Woken by the connection after each of the two functions below.
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, open: Open) {
        match open {
            Open::Beside { ticket, .. } if self.opens.len() >= OPENING => {
                let result = Err(OpenError::Broken("too many streams are being opened on the connection".into()));
                self.outcomes.push_back(Outcome::BesideOpened { ticket, result });
            }
            open => self.opens.push_back(open),
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), Open>,
    ) {
        let outcome = match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (beside, stream), .. }) => {
                match beside {
                    None => Outcome::Opened { stream, by_us: false },
                    Some(what) => Outcome::BesideCame { what, stream },
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info }) => {
                match info {
                    Open::Link => Outcome::Opened { stream, by_us: true },
                    Open::Beside { ticket, .. } => Outcome::BesideOpened { ticket, result: Ok(stream) },
                }
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: Open::Link, error }) => {
                Outcome::Failed(error.into())
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: Open::Beside { ticket, .. }, error }) => {
                Outcome::BesideOpened { ticket, result: Err(error.into()) }
            }
            _ => return,
        };
        self.outcomes.push_back(outcome);
    }
}

impl From<StreamUpgradeError<Infallible>> for OpenError {
    fn from(error: StreamUpgradeError<Infallible>) -> Self {
        match error {
            StreamUpgradeError::NegotiationFailed => Self::NotOurs,
            StreamUpgradeError::Timeout => Self::Broken("it did not answer in time".into()),
            StreamUpgradeError::Apply(never) => match never {},
            StreamUpgradeError::Io(error) => Self::Broken(error.to_string()),
        }
    }
}
