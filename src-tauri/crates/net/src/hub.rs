//! The one task that owns the swarm. It carries out what [`crate::peers`] and [`crate::wanted`] decide, and decides nothing itself.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::Arc,
    time::Instant,
};

use feed::{DeviceKey, KeyPair};
use libp2p::{
    Multiaddr, PeerId, Stream, Swarm,
    core::ConnectedPoint,
    futures::StreamExt,
    multiaddr::Protocol,
    swarm::{
        ConnectionId, DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{sleep_until, timeout},
};

use crate::{
    backoff::Jitter,
    bytes::{ByteStream, BytesError, Came, Incoming},
    config::{BYTES_INCOMING, Config, EVENTS, Patience},
    dialler::{self, Dial, DialAnswer, Unreached, in_words},
    discovery::{Discovery, Sighting},
    doctor::reach,
    event::{DownReason, LinkId, NetEvent},
    identity,
    link::{self, Delivery, LinkStart, LinkTable, Outgoing},
    net::NetError,
    now,
    peers::{Action, Heard, Peers, Verdict},
    streams::{self, Beside},
    swarm::{self, Behaviour, BehaviourEvent},
    wanted::{Added, Wanted},
    wishes::{Asked, OpenAnswer, Wishes},
};

/// A network that has started.
pub(crate) struct Started {
    pub(crate) links: Arc<LinkTable>,
    pub(crate) wishes: Arc<Wishes>,
    pub(crate) events: mpsc::Receiver<Delivery>,
    pub(crate) incoming: Incoming,
    pub(crate) task: JoinHandle<()>,
}

struct Hub {
    swarm: Swarm<Behaviour>,
    peers: Peers,
    wanted: Wanted,
    /// Who waits for an answer at an address.
    asking: dialler::Waiting,
    jitter: Jitter,
    discovery: Option<Discovery>,
    wishes: Arc<Wishes>,
    table: Arc<LinkTable>,
    tasks: JoinSet<(DeviceKey, LinkId, DownReason)>,
    links: BTreeMap<LinkId, Arc<Outgoing>>,
    /// The connection that carries each link.
    carried_by: BTreeMap<LinkId, (DeviceKey, PeerId, ConnectionId)>,
    /// Streams beside links that are being opened, by ticket.
    opening: BTreeMap<u64, (ConnectionId, OpenAnswer)>,
    next_ticket: u64,
    incoming: mpsc::Sender<Came>,
    /// Answers what the doctors of neighbours ask.
    answering: reach::Answering,
    /// Streams that wait for the end of the link whose place they take.
    waiting: BTreeMap<DeviceKey, Waiting>,
    /// How the last link of a connected device was: good or not.
    lasted: BTreeMap<DeviceKey, bool>,
    addresses: BTreeMap<ConnectionId, ConnectedPoint>,
    next_link: u64,
    events: mpsc::Sender<Delivery>,
    /// Events that the driver has no room for now. While there are any, the swarm rests.
    outbox: VecDeque<NetEvent>,
    patience: Patience,
}

struct Waiting {
    connection: ConnectionId,
    stream: Stream,
}

/// What woke the hub.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
enum Wake {
    Swarm(SwarmEvent<BehaviourEvent>),
    LinkEnded(DeviceKey, LinkId, DownReason),
    Asked(Asked),
    Sighting(Sighting),
    Delivered,
    Time,
}

pub(crate) async fn start(keys: &KeyPair, config: Config) -> Result<Started, NetError> {
    let device = keys.device_key();
    let keypair = identity::keypair(keys).map_err(NetError::Key)?;
    let mut swarm = swarm::build(keypair, &config.limits)?;
    let listening = swarm::listen(&mut swarm, &config.listen).await?;

    let seed = config.jitter_seed.unwrap_or_else(|| seed_of(&device));
    let (events, receiver) = mpsc::channel(EVENTS);
    let (incoming, came) = mpsc::channel(BYTES_INCOMING);
    let wishes = Arc::new(Wishes::default());
    let table = Arc::new(LinkTable::default());
    let peer_id = *swarm.local_peer_id();
    let mut hub = Hub {
        swarm,
        peers: Peers::new(device, Jitter::new(seed)),
        wanted: Wanted::default(),
        asking: dialler::Waiting::default(),
        jitter: Jitter::new(seed.wrapping_add(1)),
        discovery: config.mdns.then(|| Discovery::start(peer_id, Jitter::new(seed.wrapping_add(2)))),
        wishes: Arc::clone(&wishes),
        table: Arc::clone(&table),
        tasks: JoinSet::new(),
        links: BTreeMap::new(),
        carried_by: BTreeMap::new(),
        opening: BTreeMap::new(),
        next_ticket: 1,
        incoming,
        answering: reach::Answering::default(),
        waiting: BTreeMap::new(),
        lasted: BTreeMap::new(),
        addresses: BTreeMap::new(),
        next_link: 1,
        events,
        outbox: listening.into_iter().map(NetEvent::Listening).collect(),
        patience: config.patience,
    };
    hub.listening_changed();
    let incoming = Incoming(came);
    Ok(Started { links: table, wishes, events: receiver, incoming, task: tokio::spawn(hub.run()) })
}

/// Different for each device and the same each time.
fn seed_of(device: &DeviceKey) -> u64 {
    device
        .bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Hub {
    async fn run(mut self) {
        loop {
            self.act();
            match self.wake().await {
                Wake::Asked(asked) if asked.shut_down => break,
                wake => self.handle(wake, Instant::now()),
            }
        }
        self.shut_down().await;
    }

    async fn wake(&mut self) -> Wake {
        let connected = |device: &DeviceKey| self.peers.is_connected(device);
        let timeout = [self.peers.timeout(), self.wanted.timeout(connected)].into_iter().flatten().min();
        let quiet = self.outbox.is_empty();
        tokio::select! {
            biased;
            Some(Ok((device, link, reason))) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                Wake::LinkEnded(device, link, reason)
            }
            asked = self.wishes.asked() => Wake::Asked(asked),
            permit = self.events.reserve(), if !quiet => {
                match (permit, self.outbox.pop_front()) {
                    (Ok(permit), Some(event)) => permit.send(event.into()),
                    // The driver has dropped its end: whoever drops the handle next ends the hub.
                    _ => self.outbox.clear(),
                }
                Wake::Delivered
            }
            sighting = next_sighting(&mut self.discovery), if quiet => Wake::Sighting(sighting),
            event = self.swarm.select_next_some(), if quiet => Wake::Swarm(event),
            () = at(timeout) => Wake::Time,
        }
    }

    fn handle(&mut self, wake: Wake, now: Instant) {
        match wake {
            Wake::Swarm(event) => self.on_swarm(event, now),
            Wake::LinkEnded(device, link, reason) => self.on_link_ended(device, link, &reason, now),
            Wake::Asked(asked) => self.on_asked(asked, now),
            Wake::Sighting(Sighting::Here { device, addresses, host, over, lives }) => {
                for address in addresses {
                    self.peers.heard(device, Heard { address, host, over, lives }, now);
                }
            }
            Wake::Sighting(Sighting::Leaves { device, host }) => self.peers.goodbye(device, host),
            Wake::Sighting(Sighting::NetworkChanged) => {
                self.peers.network_changed(now);
                self.wanted.network_changed(now);
                self.links.values().for_each(|outgoing| outgoing.doubt());
            }
            Wake::Delivered | Wake::Time => {}
        }
    }

    fn on_asked(&mut self, asked: Asked, now: Instant) {
        for address in asked.forget {
            self.wanted.remove(&address);
            self.asking.answer(&address, &Err(Unreached::Forgotten));
        }
        for Dial { address, answer } in asked.dial {
            self.want(address, answer, now);
        }
        self.wishes.set_dialled(self.wanted.len());
        for (device, refuse) in asked.refuse {
            if let Some(link) = self.peers.refuse(device, refuse, now) {
                self.end_link(link, DownReason::Refused);
            }
            if !refuse {
                self.wanted.allowed(device, now);
            }
        }
        for (link, what, answer) in asked.open {
            self.open_beside(link, what, answer);
        }
        if let Some(word) = asked.say {
            self.swarm.behaviour_mut().now.say(word);
        }
    }

    fn want(&mut self, address: Multiaddr, answer: Option<DialAnswer>, now: Instant) {
        let added = self.wanted.add(address.clone(), answer.is_some(), now);
        let Some(answer) = answer else { return };
        self.asking.add(address.clone(), answer, added == Added::New);
        match self.wanted.device_at(&address).filter(|device| self.peers.is_linked(device)) {
            Some(device) => self.asking.answer(&address, &Ok(device)),
            None if added == Added::NoRoom => self.asking.answer(&address, &Err(Unreached::TooMany)),
            None => {}
        }
    }

    /// Nothing came of dialling these.
    fn no_answer(&mut self, addresses: &[Multiaddr], reason: &str) {
        for address in addresses {
            self.asking.answer(address, &Err(Unreached::NoAnswer(reason.to_owned())));
        }
        self.wishes.set_dialled(self.wanted.len());
    }

    /// A device has a link.
    fn answered(&mut self, device: DeviceKey) {
        for address in self.wanted.linked(device) {
            self.asking.answer(&address, &Ok(device));
        }
    }

    fn open_beside(&mut self, link: LinkId, what: Beside, answer: OpenAnswer) {
        let Some((_, peer, connection)) = self.carried_by.get(&link).copied() else {
            // Whoever asked may have gone.
            let _ = answer.send(Err(BytesError::Down));
            return;
        };
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.opening.insert(ticket, (connection, answer));
        self.swarm.behaviour_mut().streams.open_beside(peer, connection, what, ticket);
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>, now: Instant) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                self.outbox.push_back(NetEvent::Listening(address));
                self.listening_changed();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.outbox.push_back(NetEvent::NotListening(address));
                self.listening_changed();
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, endpoint, now);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                tracing::trace!(%peer_id, %connection_id, ?cause, "a connection is closed");
                self.addresses.remove(&connection_id);
                self.opening.retain(|_, (connection, _)| *connection != connection_id);
                if let Some(device) = identity::device(&peer_id) {
                    self.peers.disconnected(device, connection_id, now);
                    if num_established == 0 {
                        let lasted = self.lasted.remove(&device);
                        let fruitless = self.wanted.lost(device, lasted, now, &mut self.jitter);
                        self.no_answer(&fruitless, "who answers there wants no link with this device");
                    }
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                if let Some(device) = peer_id.as_ref().and_then(identity::device) {
                    self.peers.dial_failed(device, now);
                }
                self.on_dial_failed(connection_id, &error, now);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Streams(event)) => self.on_stream(event, now),
            SwarmEvent::Behaviour(BehaviourEvent::Now(event)) => self.on_word(event, now),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener had an error"),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::warn!(?addresses, ?reason, "a listener is closed");
            }
            _ => {}
        }
    }

    fn on_word(&mut self, event: now::Event, now: Instant) {
        let link_of = |peer: PeerId| {
            let mut carried = self.carried_by.iter();
            carried.find(|(_, (_, carrier, _))| *carrier == peer).map(|(link, _)| *link)
        };
        match event {
            now::Event::Said { peer, word } => {
                if let Some(link) = link_of(peer) {
                    self.outbox.push_back(NetEvent::Heard { link, word });
                }
            }
            now::Event::Flood { peer } => match link_of(peer) {
                Some(link) => self.end_link(link, DownReason::Talkative),
                None => {
                    if let Some(device) = identity::device(&peer) {
                        self.peers.punish(device, now);
                    }
                }
            },
            now::Event::Nothing => {}
        }
    }

    fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: ConnectedPoint, now: Instant) {
        let Some(device) = identity::device(&peer) else {
            let failed = self.wanted.failed(connection, true, now, &mut self.jitter);
            self.no_answer(failed.as_slice(), "another program answers there, with a key that is none of ours");
            self.swarm.close_connection(connection);
            return;
        };
        self.peers.connected(device, connection, endpoint.is_dialer(), now);
        self.wanted.connected(connection, device);
        if self.peers.is_linked(&device) {
            self.answered(device);
        }
        self.addresses.insert(connection, endpoint);
    }

    fn on_dial_failed(&mut self, connection: ConnectionId, error: &DialError, now: Instant) {
        let rejected =
            matches!(error, DialError::LocalPeerId { .. } | DialError::NoAddresses | DialError::WrongPeerId { .. });
        if let Some(address) = self.wanted.failed(connection, rejected, now, &mut self.jitter) {
            let reason = in_words(error);
            self.no_answer(std::slice::from_ref(&address), &reason);
            self.outbox.push_back(NetEvent::DialFailed { address, reason });
        }
    }

    fn on_stream(&mut self, event: streams::Event, now: Instant) {
        match event {
            streams::Event::Opened { peer, connection, stream, by_us } => {
                let Some(device) = identity::device(&peer) else { return };
                match self.peers.stream(device, connection, by_us, now) {
                    Verdict::Start => self.start_link(device, connection, stream, now),
                    Verdict::Replace(link) => {
                        self.waiting.insert(device, Waiting { connection, stream });
                        self.end_link(link, DownReason::Replaced);
                    }
                    Verdict::TooMany(link) => self.end_link(link, DownReason::TooManyLinks),
                    Verdict::Drop => {}
                }
            }
            // What becomes of it says nothing about the link.
            streams::Event::BesideOpened { ticket, result } => {
                if let Some((_, answer)) = self.opening.remove(&ticket) {
                    let result = result.map(ByteStream::new);
                    let _ = answer.send(result.map_err(|error| BytesError::Refused(error.to_string())));
                }
            }
            streams::Event::BesideCame { connection, what, stream } => {
                let carried = self.carried_by.iter().find(|(_, (.., carrier))| *carrier == connection);
                let Some((&link, &(device, ..))) = carried else { return };
                let stream = ByteStream::new(stream);
                match what {
                    Beside::Bytes => {
                        if self.incoming.try_send(Came { link, device, stream }).is_err() {
                            tracing::debug!(%link, "a stream of bytes is dropped: too many wait");
                        }
                    }
                    Beside::Reach => {
                        let remote = self.addresses.get(&connection).map(ConnectedPoint::get_remote_address);
                        if let Some(host) = remote.and_then(streams::ip) {
                            self.answering.answer(link, host, stream, now);
                        }
                    }
                }
            }
            streams::Event::Failed { peer, connection, error } => {
                let Some(device) = identity::device(&peer) else { return };
                tracing::debug!(%peer, %error, "no stream");
                let not_ours = error == streams::OpenError::NotOurs;
                self.peers.open_failed(device, connection, not_ours, now);
                if not_ours {
                    let reason = format!("another program answers there: {error}");
                    let addresses = self.wanted.not_ours(device, now, &mut self.jitter);
                    self.no_answer(&addresses, &reason);
                    let failed = |address| NetEvent::DialFailed { address, reason: reason.clone() };
                    self.outbox.extend(addresses.into_iter().map(failed));
                }
            }
        }
    }

    fn start_link(&mut self, device: DeviceKey, connection: ConnectionId, stream: Stream, now: Instant) {
        let Some(endpoint) = self.addresses.get(&connection) else { return };
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let outgoing = Arc::new(Outgoing::to(streams::ip(endpoint.get_remote_address())));
        self.table.insert(link, Arc::clone(&outgoing));
        self.links.insert(link, Arc::clone(&outgoing));
        if let Some(peer) = identity::peer(&device) {
            self.carried_by.insert(link, (device, peer, connection));
        }
        self.peers.link_started(device, link, connection, now);
        let start = LinkStart {
            link,
            device,
            address: endpoint.get_remote_address().clone(),
            outbound: endpoint.is_dialer(),
            outgoing,
            table: Arc::clone(&self.table),
            events: self.events.clone(),
            patience: self.patience,
        };
        self.tasks.spawn(async move { (device, link, link::run(start, stream).await) });
        self.answered(device);
    }

    /// Ends a link without waiting for what is queued: for links that are dead or not wanted.
    fn end_link(&self, link: LinkId, reason: DownReason) {
        if let Some(outgoing) = self.links.get(&link) {
            outgoing.abort(reason);
        }
    }

    fn on_link_ended(&mut self, device: DeviceKey, link: LinkId, reason: &DownReason, now: Instant) {
        self.links.remove(&link);
        self.carried_by.remove(&link);
        self.answering.forget(link);
        let waiting = self.waiting.remove(&device);
        let next = waiting.as_ref().map(|waiting| waiting.connection);
        let healthy = self.peers.link_ended(device, link, reason, next, now);
        self.lasted.insert(device, healthy);
        if let Some(Waiting { connection, stream }) = waiting
            && self.peers.may_link(&device)
        {
            self.start_link(device, connection, stream, now);
        }
    }

    /// Does what is due.
    fn act(&mut self) {
        let now = Instant::now();
        for action in self.peers.actions(now) {
            tracing::trace!(?action, "due");
            match action {
                Action::Dial { device, addresses } => self.dial(device, addresses, now),
                Action::Open { device, connection } => {
                    if let Some(peer) = identity::peer(&device) {
                        self.swarm.behaviour_mut().streams.open(peer, connection);
                    }
                }
                Action::Close { connection } => drop(self.swarm.close_connection(connection)),
                Action::Disconnect { device } => {
                    if let Some(peer) = identity::peer(&device) {
                        // An error means that there is nothing to close.
                        let _ = self.swarm.disconnect_peer_id(peer);
                    }
                }
                Action::KeepOut { device, out } => {
                    if let Some(peer) = identity::peer(&device) {
                        self.swarm.behaviour_mut().streams.keep_out(peer, out);
                    }
                }
                Action::Doubt { link } => {
                    if let Some(outgoing) = self.links.get(&link) {
                        outgoing.doubt();
                    }
                }
                Action::Discovered { device, address } => {
                    self.outbox.push_back(NetEvent::Discovered { device, address });
                }
                Action::Gone { device } => self.outbox.push_back(NetEvent::Gone { device }),
            }
        }
        for address in self.wanted.due(now, |device| self.peers.is_connected(device)) {
            self.dial_wanted(address, now);
        }
    }

    fn dial(&mut self, device: DeviceKey, addresses: Vec<Multiaddr>, now: Instant) {
        let options = identity::peer(&device).map(|peer| {
            DialOpts::peer_id(peer)
                .condition(PeerCondition::Disconnected)
                .addresses(addresses)
                .allocate_new_port()
                .build()
        });
        // Failing at once, it is not reported as an event.
        if options.is_none_or(|options| self.swarm.dial(options).is_err()) {
            self.peers.dial_failed(device, now);
        }
    }

    fn dial_wanted(&mut self, address: Multiaddr, now: Instant) {
        let options = match address.iter().last() {
            Some(Protocol::P2p(peer)) => {
                let options = DialOpts::peer_id(peer).condition(PeerCondition::Always);
                options.addresses(vec![address.clone()]).allocate_new_port().build()
            }
            _ => DialOpts::unknown_peer_id().address(address.clone()).allocate_new_port().build(),
        };
        let attempt = options.connection_id();
        self.wanted.dialling(&address, attempt);
        if let Err(error) = self.swarm.dial(options) {
            self.on_dial_failed(attempt, &error, now);
        }
    }

    fn listening_changed(&mut self) {
        let addresses: Vec<Multiaddr> = self.swarm.listeners().cloned().collect();
        if let Some(discovery) = &self.discovery {
            discovery.announce(addresses.clone());
        }
        self.wishes.set_listening(addresses);
    }

    async fn shut_down(mut self) {
        if let Some(discovery) = self.discovery.take() {
            discovery.stop().await;
        }
        for outgoing in self.links.values() {
            outgoing.close(DownReason::ShuttingDown);
        }
        self.waiting.clear();
        // Twice the time that a link gives itself: then the driver does not take its `LinkDown`, and does not want it.
        let _ = timeout(2 * self.patience.flush, async {
            loop {
                tokio::select! {
                    ended = self.tasks.join_next() => if ended.is_none() { return },
                    _ = self.swarm.select_next_some() => {}
                }
            }
        })
        .await;
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let _ = timeout(self.patience.flush, async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
            }
        })
        .await;
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}

async fn next_sighting(discovery: &mut Option<Discovery>) -> Sighting {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => pending().await,
    }
}
