//! Whom to dial and when, and which connection carries the link of a pair. Pure: time arrives as an argument, actions leave as a list.
//!
//! The rule that keeps one link per pair: **of two devices, the one with the smaller key (compared as bytes) opens the stream**, on
//! whichever connection there is and whoever dialled it; the other one only accepts. So one side decides, and there is nothing
//! to race: a second connection of the pair stays without a stream and is closed after a while, and a second stream means that for its opener
//! the first one is dead, so it takes its place. That both dial at once is rare, because the larger key waits a moment.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use feed::DeviceKey;
use libp2p::{Multiaddr, multiaddr::Protocol, swarm::ConnectionId};

use crate::{
    adapters::Kind,
    backoff::{Backoff, Jitter},
    config::{HEALTHY_LINK, IDLE_CONNECTION, KNOWN_PEERS, LINK_CHURN, LINK_CHURN_WINDOW, PEER_ADDRESSES},
    event::{Closing, DownReason, LinkId},
};

/// How much longer the device with the larger key waits before it dials somebody new.
const LARGER_WAITS: Duration = Duration::from_millis(400);
/// How long a peer is kept out after its first misconduct. Doubles each time.
const KEPT_OUT: Duration = Duration::from_secs(5);
/// The longest time it is kept out, and for how long its misconduct is remembered.
const KEPT_OUT_MAX: Duration = Duration::from_secs(600);
/// How long a peer is kept out with whom a link makes no sense now ([`Closing::Unfit`]).
const UNFIT: Duration = Duration::from_secs(60);
/// How often the IPv6 addresses of a peer are dialled at most: unlike IPv4 addresses they may be somebody else's, who must not be
/// dialled once a second because of what a neighbour says.
const IPV6_AGAIN: Duration = Duration::from_secs(5);
/// An announcement makes a peer that did not answer due again, but not more often than this.
const HEARD_AGAIN: Duration = Duration::from_secs(1);

/// What to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Dial; [`Peers::connected`] or [`Peers::dial_failed`] follows.
    Dial { device: DeviceKey, addresses: Vec<Multiaddr> },
    /// Open the stream; [`Peers::stream`], [`Peers::open_failed`] or [`Peers::disconnected`] follows.
    Open { device: DeviceKey, connection: ConnectionId },
    /// Close one connection.
    Close { connection: ConnectionId },
    /// Close all connections of a device.
    Disconnect { device: DeviceKey },
    /// Let a device in no more, or again.
    KeepOut { device: DeviceKey, out: bool },
    /// See soon whether a link is alive.
    Doubt { link: LinkId },
    /// Tell the driver.
    Discovered { device: DeviceKey, address: Multiaddr },
    /// Tell the driver.
    Gone { device: DeviceKey },
}

/// What to do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Make it the link.
    Start,
    /// End this link, then make the stream the link.
    Replace(LinkId),
    /// Drop it, and end the link for [`DownReason::TooManyLinks`].
    TooMany(LinkId),
    /// Drop it: the peer is not the one to open streams, or is not to be let in.
    Drop,
}

/// An address at which a device is, as a host on the network says.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) address: Multiaddr,
    /// Which host says so.
    pub(crate) host: IpAddr,
    /// Over what kind of adapter of ours.
    pub(crate) over: Kind,
    pub(crate) lives: Duration,
}

#[derive(Debug)]
pub(crate) struct Peers {
    local: DeviceKey,
    jitter: Jitter,
    peers: BTreeMap<DeviceKey, Peer>,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Peer {
    /// Where it announced itself.
    addresses: Vec<Known>,
    /// Whether the driver was told that it is there.
    announced: bool,
    connections: BTreeMap<ConnectionId, Connection>,
    dialling: bool,
    link: Link,
    backoff: Backoff,
    heard: Instant,
    /// When its IPv6 addresses were dialled last.
    ipv6_dialled: Option<Instant>,
    /// How often it misbehaved, and when last.
    strikes: (u32, Instant),
    kept_out: Option<Instant>,
    refused: bool,
    /// Links in the current window, and when that began.
    churn: (u32, Instant),
}

/// An address that was announced.
#[derive(Debug)]
struct Known {
    address: Multiaddr,
    /// Who said it, and over what kind of adapter of ours.
    host: IpAddr,
    over: Kind,
    until: Instant,
}

#[derive(Debug)]
struct Connection {
    /// Since when it stands.
    since: Instant,
    /// Whether a link was ever on it.
    used: bool,
    /// Whether we asked to close it: no stream is opened on it any more.
    closing: bool,
}

#[derive(Debug)]
enum Link {
    None,
    Opening(ConnectionId),
    Up { link: LinkId, connection: ConnectionId, since: Instant },
}

impl Peer {
    fn new(now: Instant, first_dial: Instant) -> Self {
        Self {
            addresses: Vec::new(),
            announced: false,
            connections: BTreeMap::new(),
            dialling: false,
            link: Link::None,
            backoff: Backoff::new(first_dial),
            heard: now,
            ipv6_dialled: None,
            strikes: (0, now),
            kept_out: None,
            refused: false,
            churn: (0, now),
        }
    }

    fn is_out(&self) -> bool {
        self.refused || self.kept_out.is_some()
    }

    /// Whether anything would be lost by forgetting it.
    fn is_idle(&self) -> bool {
        self.connections.is_empty() && !self.dialling && !self.is_out()
    }
}

impl Peers {
    pub(crate) fn new(local: DeviceKey, jitter: Jitter) -> Self {
        Self { local, jitter, peers: BTreeMap::new(), actions: Vec::new() }
    }

    /// Takes what is to be done, after each call of the others.
    pub(crate) fn actions(&mut self, now: Instant) -> Vec<Action> {
        let mut due = std::mem::take(&mut self.actions);
        let local = self.local;
        for (&device, peer) in &mut self.peers {
            peer.poll(local, device, now, &mut due);
        }
        self.peers.retain(|_, peer| {
            let forgiven = peer.strikes.0 == 0 || now.duration_since(peer.strikes.1) >= KEPT_OUT_MAX;
            let calm = peer.churn.0 == 0 || now.duration_since(peer.churn.1) >= LINK_CHURN_WINDOW;
            !(peer.is_idle() && peer.addresses.is_empty() && forgiven && calm && !peer.rests_from_ipv6(now))
        });
        due
    }

    /// When to look again, if nothing happens first.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.peers.values().filter_map(Peer::timeout).min()
    }

    /// A device announced itself.
    pub(crate) fn heard(&mut self, device: DeviceKey, heard: Heard, now: Instant) {
        let Heard { address, host, over, lives } = heard;
        if device == self.local {
            return;
        }
        self.make_room(device);
        let wait = if self.local < device { Duration::ZERO } else { LARGER_WAITS };
        let first_dial = now + wait + self.jitter.up_to(Duration::from_millis(50));
        let soon = now + self.jitter.up_to(Duration::from_millis(200));
        let peer = self.peers.entry(device).or_insert_with(|| Peer::new(now, first_dial));
        let until = now + lives;
        let is_known = peer.addresses.iter().any(|known| known.address == address);
        // An entry for each host that says so: none can take back, or shorten, what another one said.
        let is_same = |known: &&mut Known| known.address == address && known.host == host;
        match peer.addresses.iter_mut().find(is_same) {
            Some(known) => (known.until, known.over) = (until, over),
            None => {
                if peer.addresses.len() >= PEER_ADDRESSES {
                    // One that the same host said makes room before those of others, one of IPv6 before those of IPv4, and then the
                    // one that would be forgotten first.
                    peer.addresses.sort_by_key(|known| (known.host != host, is_ipv4(&known.address), known.until));
                    peer.addresses.remove(0);
                }
                // It moved, perhaps: then the link to where it was is dead. Of IPv6 addresses new ones are made every day.
                let may_have_moved = !is_known && (is_ipv4(&address) || peer.addresses.is_empty());
                peer.addresses.push(Known { address: address.clone(), host, over, until });
                if let Link::Up { link, .. } = peer.link
                    && may_have_moved
                {
                    self.actions.push(Action::Doubt { link });
                }
            }
        }
        if now.duration_since(peer.heard) >= HEARD_AGAIN {
            peer.heard = now;
            peer.backoff.heard(soon);
        }
        if !peer.announced {
            peer.announced = true;
            self.actions.push(Action::Discovered { device, address });
        }
    }

    /// A device said from `host` that it leaves: what was said of it there is forgotten, so that nobody says it for another.
    pub(crate) fn goodbye(&mut self, device: DeviceKey, host: IpAddr) {
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.addresses.retain(|known| known.host != host);
        }
    }

    /// An interface came, went or changed: whoever did not answer may answer now.
    pub(crate) fn network_changed(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            peer.backoff.heard(now + self.jitter.up_to(Duration::from_millis(200)));
        }
    }

    /// A connection stands. When there is a link already, that one is doubted: its peer may have lost it.
    pub(crate) fn connected(&mut self, device: DeviceKey, connection: ConnectionId, outbound: bool, now: Instant) {
        self.make_room(device);
        let peer = self.peers.entry(device).or_insert_with(|| Peer::new(now, now));
        if outbound {
            peer.dialling = false;
        }
        peer.connections.insert(connection, Connection { since: now, used: false, closing: false });
        if let Link::Up { link, .. } = peer.link {
            self.actions.push(Action::Doubt { link });
        }
    }

    /// A connection is gone. Its link, if there was one, ends by [`Peers::link_ended`].
    pub(crate) fn disconnected(&mut self, device: DeviceKey, connection: ConnectionId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let used = peer.connections.remove(&connection).is_some_and(|connection| connection.used);
        match peer.link {
            Link::Opening(on) if on == connection => {
                peer.link = Link::None;
                peer.backoff.unreachable(now, &mut self.jitter);
            }
            // It was let go without ever becoming a link: the other side does not want us, or is none of ours.
            Link::None if !used && peer.connections.is_empty() => peer.backoff.rejected(now, &mut self.jitter),
            _ => {}
        }
    }

    /// Dialling led to nothing.
    pub(crate) fn dial_failed(&mut self, device: DeviceKey, now: Instant) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        peer.dialling = false;
        if !peer.connections.is_empty() {
            return;
        }
        peer.backoff.unreachable(now, &mut self.jitter);
        // Once is an accident, or a closed TCP port where QUIC is open.
        if peer.backoff.failures() >= 2 && std::mem::take(&mut peer.announced) {
            self.actions.push(Action::Gone { device });
        }
    }

    /// A stream stands on a connection.
    pub(crate) fn stream(&mut self, device: DeviceKey, connection: ConnectionId, by_us: bool, now: Instant) -> Verdict {
        let we_open = self.local < device;
        let Some(peer) = self.peers.get_mut(&device) else { return Verdict::Drop };
        if peer.is_out() || by_us != we_open || !peer.connections.contains_key(&connection) {
            return Verdict::Drop;
        }
        if now.duration_since(peer.churn.1) >= LINK_CHURN_WINDOW {
            peer.churn = (0, now);
        }
        peer.churn.0 += 1;
        match peer.link {
            // The end of the link is what keeps it out then.
            Link::Up { link, .. } if peer.churn.0 > LINK_CHURN => Verdict::TooMany(link),
            Link::Up { link, .. } => {
                // It is no spare, however long the end of the other link takes.
                if let Some(connection) = peer.connections.get_mut(&connection) {
                    connection.since = now;
                }
                Verdict::Replace(link)
            }
            _ if peer.churn.0 > LINK_CHURN => {
                self.punish(device, now);
                Verdict::Drop
            }
            Link::None | Link::Opening(_) => Verdict::Start,
        }
    }

    /// The stream could not be opened.
    pub(crate) fn open_failed(&mut self, device: DeviceKey, connection: ConnectionId, not_ours: bool, now: Instant) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if !matches!(peer.link, Link::Opening(on) if on == connection) {
            return;
        }
        peer.link = Link::None;
        if not_ours {
            peer.backoff.not_ours(now, &mut self.jitter);
            peer.disconnect(device, &mut self.actions);
        } else {
            peer.backoff.unreachable(now, &mut self.jitter);
            peer.close(connection, &mut self.actions);
        }
    }

    /// A link begins, as [`Peers::stream`] said.
    pub(crate) fn link_started(&mut self, device: DeviceKey, link: LinkId, connection: ConnectionId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if let Some(connection) = peer.connections.get_mut(&connection) {
            connection.used = true;
        }
        peer.link = Link::Up { link, connection, since: now };
    }

    /// A link is down. `next` is the connection of a stream that waits to take its place. True when it had been a good one.
    pub(crate) fn link_ended(
        &mut self,
        device: DeviceKey,
        link: LinkId,
        reason: &DownReason,
        next: Option<ConnectionId>,
        now: Instant,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(&device) else { return false };
        let Link::Up { link: current, connection, since } = peer.link else { return false };
        if current != link {
            return false;
        }
        peer.link = Link::None;
        let healthy = now.duration_since(since) >= HEALTHY_LINK;
        if next != Some(connection) {
            peer.close(connection, &mut self.actions);
        }
        if healthy {
            peer.strikes.0 /= 2;
            peer.backoff.reset(now, &mut self.jitter);
        } else {
            // Also when the other side closed it: a process that was killed looks the same. If it does not want us, the next
            // connection will not become a link, and that counts as a rejection.
            peer.backoff.unreachable(now, &mut self.jitter);
        }
        if reason.is_misconduct() {
            self.punish(device, now);
        } else if matches!(reason, DownReason::ClosedHere { closing: Closing::Unfit, .. }) {
            self.keep_out(device, now + UNFIT);
        }
        healthy
    }

    /// The driver refuses a device for good, or takes that back. The link to end is returned.
    pub(crate) fn refuse(&mut self, device: DeviceKey, refuse: bool, now: Instant) -> Option<LinkId> {
        self.make_room(device);
        let peer = self.peers.entry(device).or_insert_with(|| Peer::new(now, now));
        if peer.refused == refuse {
            return None;
        }
        peer.refused = refuse;
        if !refuse {
            peer.backoff = Backoff::new(now);
            // The driver has judged it; what was noted here goes with that.
            peer.kept_out = None;
        }
        self.actions.push(Action::KeepOut { device, out: peer.is_out() });
        if refuse && !matches!(peer.link, Link::Up { .. }) {
            peer.disconnect(device, &mut self.actions);
        }
        match peer.link {
            Link::Up { link, .. } if refuse => Some(link),
            _ => None,
        }
    }

    /// Whether it may have a link now.
    pub(crate) fn may_link(&self, device: &DeviceKey) -> bool {
        self.peers.get(device).is_some_and(|peer| !peer.is_out())
    }

    /// Whether there is a connection with it, or one on its way.
    pub(crate) fn is_connected(&self, device: &DeviceKey) -> bool {
        self.peers.get(device).is_some_and(|peer| peer.dialling || !peer.connections.is_empty())
    }

    /// Whether there is a link with it.
    pub(crate) fn is_linked(&self, device: &DeviceKey) -> bool {
        self.peers.get(device).is_some_and(|peer| matches!(peer.link, Link::Up { .. }))
    }

    /// A device broke a rule. If it has a link, the end of that is what tells.
    pub(crate) fn punish(&mut self, device: DeviceKey, now: Instant) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if now.duration_since(peer.strikes.1) >= KEPT_OUT_MAX {
            peer.strikes.0 = 0;
        }
        let time = KEPT_OUT.saturating_mul(1 << peer.strikes.0.min(16)).min(KEPT_OUT_MAX);
        peer.strikes = (peer.strikes.0 + 1, now);
        self.keep_out(device, now + time);
    }

    fn keep_out(&mut self, device: DeviceKey, until: Instant) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        peer.kept_out = Some(until);
        self.actions.push(Action::KeepOut { device, out: true });
        peer.disconnect(device, &mut self.actions);
    }

    /// When the table is full, whoever we know only by hearsay and will forget first makes room.
    fn make_room(&mut self, device: DeviceKey) {
        if self.peers.len() < KNOWN_PEERS || self.peers.contains_key(&device) {
            return;
        }
        let last_word = |peer: &Peer| peer.addresses.iter().map(|known| known.until).max();
        let idle = self.peers.iter().filter(|(_, peer)| peer.is_idle());
        if let Some(forgotten) = idle.min_by_key(|(_, peer)| last_word(peer)).map(|(&device, _)| device)
            && self.peers.remove(&forgotten).is_some_and(|peer| peer.announced)
        {
            self.actions.push(Action::Gone { device: forgotten });
        }
    }
}

fn is_ipv4(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Ip4(_)))
}

impl Peer {
    fn close(&mut self, connection: ConnectionId, actions: &mut Vec<Action>) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.closing = true;
            actions.push(Action::Close { connection });
        }
    }

    fn disconnect(&mut self, device: DeviceKey, actions: &mut Vec<Action>) {
        self.connections.values_mut().for_each(|connection| connection.closing = true);
        actions.push(Action::Disconnect { device });
    }

    fn poll(&mut self, local: DeviceKey, device: DeviceKey, now: Instant, due: &mut Vec<Action>) {
        if self.kept_out.is_some_and(|until| until <= now) {
            self.kept_out = None;
            due.push(Action::KeepOut { device, out: self.is_out() });
        }
        self.addresses.retain(|known| known.until > now);
        if self.addresses.is_empty() && self.connections.is_empty() && std::mem::take(&mut self.announced) {
            due.push(Action::Gone { device });
        }
        // The swarm would not do it: streams of gossipsub may stand on it.
        for connection in self.spares(now) {
            self.close(connection, due);
        }
        if self.is_out() {
            return;
        }
        if local < device
            && matches!(self.link, Link::None)
            && let Some((&connection, _)) = self.connections.iter().rfind(|(_, connection)| !connection.closing)
        {
            // The newest connection: an older one may be dead without knowing it.
            self.link = Link::Opening(connection);
            due.push(Action::Open { device, connection });
        }
        if self.connections.is_empty() && !self.dialling && !self.addresses.is_empty() && self.dial_due() <= now {
            self.dialling = true;
            due.push(Action::Dial { device, addresses: self.dial_addresses(now) });
        }
    }

    /// Connections that have stood without a link for too long.
    fn spares(&self, now: Instant) -> Vec<ConnectionId> {
        let spare = self.unlinked().filter(|(_, connection)| connection.since + IDLE_CONNECTION <= now);
        spare.map(|(id, _)| *id).collect()
    }

    /// Connections that carry no link, nor will in a moment.
    fn unlinked(&self) -> impl Iterator<Item = (&ConnectionId, &Connection)> {
        let linked = match self.link {
            Link::Opening(connection) | Link::Up { connection, .. } => Some(connection),
            Link::None => None,
        };
        let open = self.connections.iter().filter(|(_, connection)| !connection.closing);
        open.filter(move |(id, _)| Some(**id) != linked)
    }

    fn rests_from_ipv6(&self, now: Instant) -> bool {
        self.ipv6_dialled.is_some_and(|dialled| now.duration_since(dialled) < IPV6_AGAIN)
    }

    /// When it is dialled next, if it has an address.
    fn dial_due(&self) -> Instant {
        let due = self.backoff.due();
        match self.ipv6_dialled.filter(|_| !self.addresses.iter().any(|known| is_ipv4(&known.address))) {
            Some(dialled) => due.max(dialled + IPV6_AGAIN),
            None => due,
        }
    }

    /// TCP over IPv4 alone at first, over adapters that lead somewhere where there are any: it is set up in a millisecond, where QUIC takes
    /// twenty, and carries twice as much (measured over loopback, TCP with Noise and Yamux 900 MB/s, QUIC 500 MB/s); and a private
    /// network of virtual adapters may go a long way round to somebody in the same room. After a failure everything there is, in that order.
    fn dial_addresses(&mut self, now: Instant) -> Vec<Multiaddr> {
        let is_tcp = |known: &Known| known.address.iter().any(|part| matches!(part, Protocol::Tcp(_)));
        let is_quick = |known: &Known| is_ipv4(&known.address) && is_tcp(known);
        let best = self.addresses.iter().filter(|known| is_quick(known)).map(|known| known.over).min();
        let mut all: Vec<&Known> = self.addresses.iter().collect();
        if self.backoff.failures() == 0 && best.is_some() {
            all.retain(|known| is_quick(known) && Some(known.over) == best);
        } else if self.rests_from_ipv6(now) {
            all.retain(|known| is_ipv4(&known.address));
        }
        all.sort_by_key(|known| known.over);
        let mut addresses: Vec<Multiaddr> = Vec::with_capacity(all.len());
        for Known { address, .. } in all {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        if !addresses.iter().all(is_ipv4) {
            self.ipv6_dialled = Some(now);
        }
        addresses
    }

    fn timeout(&self) -> Option<Instant> {
        let dial = (self.connections.is_empty() && !self.dialling && !self.addresses.is_empty() && !self.is_out())
            .then(|| self.dial_due());
        let expiry = self.addresses.iter().map(|known| known.until).min();
        let spare = self.unlinked().map(|(_, connection)| connection.since + IDLE_CONNECTION).min();
        [dial, expiry, spare, self.kept_out].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
