//! Discovery on one interface: its socket, its schedule, and how much of what it hears it believes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    time::{Duration, Instant},
};

use feed::DeviceKey;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use socket2::{Domain, Socket, Type};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::{Kind, MOST_BESIDE, network},
    backoff::Jitter,
    discovery::{
        Sighting,
        packet::{self, Announcement, MAX_PACKET, Packet},
        schedule::{LIVES, Schedule, Send},
    },
    identity,
    streams::ip,
};

/// Where multicast DNS is spoken (RFC 6762, section 3).
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
pub(super) const PORT: u16 = 5353;
/// Hop limit of what is sent (RFC 6762, section 11).
const HOPS: u32 = 255;
/// No announcement is believed for longer.
const LIVES_MAX: Duration = Duration::from_secs(300);
/// Devices that one host may announce in [`BOOK_WINDOW`]: the people who share a computer.
const DEVICES_PER_HOST: usize = 8;
/// Hosts that are heard in [`BOOK_WINDOW`].
const HOSTS: usize = 1_024;
const BOOK_WINDOW: Duration = Duration::from_secs(60);

/// What an interface task needs to know.
pub(crate) struct Start {
    pub(crate) ip: Ipv4Addr,
    /// What kind of adapter it is.
    pub(crate) over: Kind,
    pub(crate) peer: PeerId,
    pub(crate) name: String,
    pub(crate) jitter: Jitter,
    /// Our addresses on this interface.
    pub(crate) addresses: watch::Receiver<Vec<Multiaddr>>,
    /// Something changed about the network.
    pub(crate) change: watch::Receiver<()>,
    pub(crate) sightings: mpsc::Sender<Sighting>,
    pub(crate) stop: CancellationToken,
}

/// Runs until it is stopped, and says goodbye then.
pub(crate) async fn run(mut start: Start) -> io::Result<()> {
    let socket = open(start.ip)?;
    let mut schedule = Schedule::new(start.jitter, Instant::now());
    let mut book = Book::default();
    let mut buffer = [0; MAX_PACKET];
    loop {
        for due in schedule.due(Instant::now()) {
            let packet = match due {
                Send::Query => packet::query(),
                Send::Announcement => announcement(&start.name, start.peer, &start.addresses.borrow(), LIVES),
            };
            say(&socket, &packet).await;
        }
        tokio::select! {
            () = start.stop.cancelled() => break,
            () = sleep_until(schedule.timeout().into()) => {}
            changed = start.addresses.changed() => match changed {
                Ok(()) => schedule.changed(Instant::now()),
                Err(_) => break,
            },
            changed = start.change.changed() => match changed {
                Ok(()) => schedule.changed(Instant::now()),
                Err(_) => break,
            },
            received = socket.recv_from(&mut buffer) => {
                let (length, from) = received?;
                match buffer.get(..length).and_then(packet::parse) {
                    Some(Packet::Query) => schedule.heard_query(Instant::now()),
                    Some(Packet::Announcement(heard)) if heard.peer != start.peer => {
                        let sighting = book.believe(heard, from, &start.addresses.borrow(), start.over, Instant::now());
                        if let Some(sighting) = sighting
                            && start.sightings.send(sighting).await.is_err()
                        {
                            break;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    let goodbye = announcement(&start.name, start.peer, &start.addresses.borrow(), Duration::ZERO);
    say(&socket, &goodbye).await;
    Ok(())
}

fn announcement(name: &str, peer: PeerId, addresses: &[Multiaddr], lives: Duration) -> Vec<u8> {
    packet::announcement(name, &Announcement { peer, addresses: addresses.to_vec(), lives })
}

/// A packet that cannot be sent, on an interface without a cable for instance, is lost like any other.
async fn say(socket: &UdpSocket, packet: &[u8]) {
    if let Err(error) = socket.send_to(packet, SocketAddrV4::new(GROUP, PORT)).await {
        tracing::debug!(%error, "an announcement was not sent");
    }
}

/// A socket that hears and speaks on this interface only, beside those of other programs.
pub(super) fn open(ip: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    // Otherwise a socket also gets what other sockets of this computer joined on other interfaces.
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v4(false)?;
    socket.set_nonblocking(true)?;
    // Bound to the group, the packets sent to one host alone stay with the system's own responder.
    let bind = if cfg!(unix) { GROUP } else { Ipv4Addr::UNSPECIFIED };
    socket.bind(&SocketAddr::from((bind, PORT)).into())?;
    socket.join_multicast_v4(&GROUP, &ip)?;
    socket.set_multicast_if_v4(&ip)?;
    // Two people on one computer find each other too.
    socket.set_multicast_loop_v4(true)?;
    socket.set_multicast_ttl_v4(HOPS)?;
    UdpSocket::from_std(socket.into())
}

/// Who announced whom lately: nobody is believed about others, nor about too many.
#[derive(Debug, Default)]
struct Book {
    hosts: BTreeMap<IpAddr, BTreeSet<DeviceKey>>,
    since: Option<Instant>,
}

impl Book {
    /// What is believed of an announcement. A host shows its IPv4 address by sending from it. Its IPv6 addresses it only claims, so they have
    /// to be in a network of ours, and not our own: nobody sends us to hosts elsewhere, or around our own firewall. Not many, and dialled
    /// seldom ([`crate::peers`]): they may be somebody else's.
    fn believe(
        &mut self,
        heard: Announcement,
        from: SocketAddr,
        ours: &[Multiaddr],
        over: Kind,
        now: Instant,
    ) -> Option<Sighting> {
        let device = identity::device(&heard.peer)?;
        let host = from.ip();
        if self.since.is_none_or(|since| now.duration_since(since) >= BOOK_WINDOW) {
            *self = Self { hosts: BTreeMap::new(), since: Some(now) };
        }
        if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&host) {
            return None;
        }
        let devices = self.hosts.entry(host).or_default();
        if devices.len() >= DEVICES_PER_HOST && !devices.contains(&device) {
            return None;
        }
        devices.insert(device);
        if heard.lives.is_zero() {
            return Some(Sighting::Leaves { device, host });
        }
        let mut addresses = heard.addresses;
        let ours: BTreeSet<IpAddr> = ours.iter().filter_map(ip).collect();
        let is_beside = |our: &IpAddr, at: &IpAddr| matches!((our, at), (IpAddr::V6(our), IpAddr::V6(at)) if network(our) == network(at));
        let is_near = |at: &IpAddr| !ours.contains(at) && ours.iter().any(|our| is_beside(our, at));
        let mut claimed = BTreeSet::new();
        addresses.retain(|address| {
            let Some(at) = ip(address).filter(|_| is_plain(address)) else { return false };
            at == host || is_near(&at) && (claimed.contains(&at) || claimed.len() < MOST_BESIDE && claimed.insert(at))
        });
        let lives = heard.lives.min(LIVES_MAX);
        (!addresses.is_empty()).then_some(Sighting::Here { device, addresses, host, over, lives })
    }
}

/// Whether it is one of the two kinds of address that we dial: nothing that leads on to somewhere else.
fn is_plain(address: &Multiaddr) -> bool {
    let parts: Vec<_> = address.iter().skip(1).collect();
    matches!(parts.as_slice(), [Protocol::Tcp(_)] | [Protocol::Udp(_), Protocol::QuicV1])
}

#[cfg(test)]
mod tests {
    use feed::KeyPair;

    use super::*;

    fn heard(seed: u8, addresses: &[&str], lives: u64) -> Announcement {
        let keys = KeyPair::from_seed(&[seed; 32]);
        Announcement {
            peer: identity::peer(&keys.device_key()).expect("a key"),
            addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
            lives: Duration::from_secs(lives),
        }
    }

    fn from(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], PORT))
    }

    #[test]
    fn a_host_is_believed_about_its_own_addresses_only() {
        let mut book = Book::default();
        let addresses =
            ["/ip4/10.0.0.7/tcp/1", "/ip4/10.0.0.8/tcp/2", "/dns4/x.example/tcp/3", "/ip4/10.0.0.7/tcp/4/ws"];
        match book.believe(heard(1, &addresses, 120), from(7), &[], Kind::Real, Instant::now()) {
            Some(Sighting::Here { addresses, lives, .. }) => {
                assert_eq!(addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/ip4/10.0.0.7/tcp/1"]);
                assert_eq!(lives, Duration::from_secs(120));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(book.believe(heard(1, &addresses, 120), from(9), &[], Kind::Real, Instant::now()), None);
    }

    #[test]
    fn ipv6_addresses_are_believed_in_ones_own_network_only() {
        let ours: Vec<Multiaddr> =
            ["/ip4/10.0.0.1/tcp/1", "/ip6/fd77::1/tcp/1"].map(|text| text.parse().expect("an address")).into();
        let said = [
            "/ip4/10.0.0.7/tcp/1",
            "/ip6/fd77::7/tcp/2",
            "/ip6/fd77:0:0:1::7/tcp/3",
            "/ip6/fd77::7/tcp/4/ws",
            "/ip6/fd77::1/tcp/631",
        ];
        let believed = |ours: &[Multiaddr]| match Book::default().believe(
            heard(1, &said, 9),
            from(7),
            ours,
            Kind::Real,
            Instant::now(),
        ) {
            Some(Sighting::Here { addresses, host, .. }) if host == from(7).ip() => {
                addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(believed(&ours), said[..2]);
        assert_eq!(believed(&ours[..1]), said[..1], "a host without IPv6 believes none of it");
    }

    #[test]
    fn ten_thousand_announcements_of_one_host_are_eight() {
        let (mut book, now) = (Book::default(), Instant::now());
        let believed = (0..200).filter(|&seed| {
            book.believe(heard(seed, &["/ip4/10.0.0.7/tcp/1"], 9), from(7), &[], Kind::Real, now).is_some()
        });
        assert_eq!(believed.count(), DEVICES_PER_HOST);
        assert!(
            book.believe(heard(201, &["/ip4/10.0.0.8/tcp/1"], 9), from(8), &[], Kind::Real, now).is_some(),
            "others are heard"
        );
        let later = now + BOOK_WINDOW;
        assert!(book.believe(heard(202, &["/ip4/10.0.0.7/tcp/1"], 9), from(7), &[], Kind::Real, later).is_some());
    }

    #[test]
    fn announcements_from_ten_thousand_hosts_take_the_room_of_a_thousand() {
        let (mut book, now) = (Book::default(), Instant::now());
        for number in 0..10_000_u16 {
            let [high, low] = number.to_be_bytes();
            let host = SocketAddr::from(([10, 77, high, low], PORT));
            let address = format!("/ip4/10.77.{high}.{low}/tcp/1");
            let believed = book.believe(heard(low, &[&address], 9), host, &[], Kind::Real, now);
            assert_eq!(believed.is_some(), usize::from(number) < HOSTS, "host {number}");
        }
        assert_eq!(book.hosts.len(), HOSTS);
    }

    #[test]
    fn nobody_is_believed_for_ever_and_a_goodbye_names_its_host() {
        let mut book = Book::default();
        match book.believe(
            heard(1, &["/ip4/10.0.0.7/tcp/1"], u64::from(u32::MAX)),
            from(7),
            &[],
            Kind::Real,
            Instant::now(),
        ) {
            Some(Sighting::Here { lives, .. }) => assert_eq!(lives, LIVES_MAX),
            other => panic!("{other:?}"),
        }
        let goodbye = book.believe(heard(1, &["/ip4/10.0.0.7/tcp/1"], 0), from(7), &[], Kind::Real, Instant::now());
        assert!(matches!(goodbye, Some(Sighting::Leaves { host, .. }) if host == from(7).ip()), "{goodbye:?}");
    }
}
