//! Finding others on the local network, by multicast DNS as all libp2p programs do it (libp2p specification, `discovery/mdns.md`).
//!
//! libp2p's own `libp2p-mdns` is not used, for three reasons: its interval is fixed for its lifetime, where ours follows what
//! happens ([`schedule`]); its table of what it heard has no bound, neither in number nor in time; and it neither says goodbye nor
//! heeds one. `tests/neighbours.rs` has the two find each other.
//!
//! Pure are [`packet`] and [`schedule`]. The IO is one task for each interface ([`interface`]), one that watches the interfaces (here),
//! and one socket to the kernel ([`cable`]).

mod cable;
mod interface;
mod packet;
pub(crate) mod probing;
mod schedule;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use feed::DeviceKey;
use libp2p::{Multiaddr, PeerId};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::{self, Kind},
    backoff::Jitter,
    discovery::cable::CableWatch,
    streams::ip,
};

/// Sightings that nobody has taken yet; at the bound the sockets are not read.
const SIGHTINGS: usize = 64;
/// How long after a failure an interface is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// What discovery saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// A device announced itself from this host, over an adapter of ours.
    Here { device: DeviceKey, addresses: Vec<Multiaddr>, host: IpAddr, over: Kind, lives: Duration },
    /// A device said goodbye, from this host.
    Leaves { device: DeviceKey, host: IpAddr },
    /// An interface came, went or changed.
    NetworkChanged,
}

/// Discovery on every interface with an IPv4 address that is not loopback. What is said there names the IPv6 addresses of the same interface
/// too, so that people meet whose IPv4 addresses do not fit together. (Packets over IPv6 would come from link-local addresses: what a
/// host says of itself could not be told from what it says of others.)
pub(crate) struct Discovery {
    addresses: watch::Sender<Vec<Multiaddr>>,
    sightings: mpsc::Receiver<Sighting>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Discovery {
    pub(crate) fn start(peer: PeerId, mut jitter: Jitter) -> Self {
        let (addresses, listening) = watch::channel(Vec::new());
        let (sender, sightings) = mpsc::channel(SIGHTINGS);
        let stop = CancellationToken::new();
        // Another name after each start, because a name would outlive the device key (it does not today).
        let name = jitter.name(32);
        let watcher = Watcher {
            peer,
            name,
            jitter,
            listening,
            sightings: sender,
            stop: stop.clone(),
            change: watch::Sender::new(()),
            interfaces: BTreeMap::new(),
            tasks: JoinSet::new(),
            resting: BTreeSet::new(),
        };
        Self { addresses, sightings, stop, task: tokio::spawn(watcher.run()) }
    }

    /// Where this device listens from now on.
    pub(crate) fn announce(&self, addresses: Vec<Multiaddr>) {
        self.addresses.send_if_modified(|known| {
            let changed = *known != addresses;
            *known = addresses;
            changed
        });
    }

    /// The next sighting. Cancel safe.
    pub(crate) async fn next(&mut self) -> Sighting {
        match self.sightings.recv().await {
            Some(sighting) => sighting,
            None => std::future::pending().await,
        }
    }

    /// Says goodbye and ends.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // Nobody takes sightings any more; a task that waits to hand one over must not wait for ever.
        drop(self.sightings);
        let _ = tokio::time::timeout(GOODBYE, self.task).await;
    }
}

/// Keeps one task for each interface.
struct Watcher {
    peer: PeerId,
    name: String,
    jitter: Jitter,
    listening: watch::Receiver<Vec<Multiaddr>>,
    sightings: mpsc::Sender<Sighting>,
    stop: CancellationToken,
    /// Tells the interfaces that something changed.
    change: watch::Sender<()>,
    interfaces: BTreeMap<Ipv4Addr, Interface>,
    tasks: JoinSet<Ipv4Addr>,
    /// Interfaces that failed, and are tried again after [`RETRY`] or a change.
    resting: BTreeSet<Ipv4Addr>,
}

struct Interface {
    addresses: watch::Sender<Vec<Multiaddr>>,
    stop: CancellationToken,
}

impl Watcher {
    async fn run(mut self) {
        let mut cable = match CableWatch::start() {
            Ok(watch) => Some(watch),
            Err(error) => {
                tracing::warn!(%error, "cannot watch the network cables");
                None
            }
        };
        let mut retry = tokio::time::interval(RETRY);
        loop {
            self.reconcile();
            tokio::select! {
                () = self.stop.cancelled() => break,
                changed = self.listening.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.network_changed().await;
                }
                () = cable_changed(&mut cable) => {
                    self.change.send_replace(());
                    self.network_changed().await;
                }
                Some(Ok(ip)) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    // Not one that was stopped and has a successor already.
                    if self.interfaces.get(&ip).is_some_and(|interface| interface.addresses.is_closed()) {
                        self.interfaces.remove(&ip);
                        self.resting.insert(ip);
                        retry.reset();
                    }
                }
                _ = retry.tick(), if !self.resting.is_empty() => self.resting.clear(),
            }
        }
        self.interfaces.values().for_each(|interface| interface.stop.cancel());
        while self.tasks.join_next().await.is_some() {}
    }

    async fn network_changed(&mut self) {
        self.resting.clear();
        // An error means that nobody listens any more; then the stop is on its way.
        let _ = self.sightings.send(Sighting::NetworkChanged).await;
    }

    /// Starts, changes and stops interface tasks, so that there is one for each IPv4 address we listen on.
    fn reconcile(&mut self) {
        let mut wanted: BTreeMap<Ipv4Addr, Vec<Multiaddr>> = BTreeMap::new();
        for address in self.listening.borrow_and_update().iter() {
            if let Some(IpAddr::V4(ip)) = ip(address)
                && !ip.is_loopback()
                && !ip.is_unspecified()
            {
                wanted.entry(ip).or_default().push(address.clone());
            }
        }
        self.interfaces.retain(|ip, interface| {
            let stays = wanted.contains_key(ip);
            if !stays {
                interface.stop.cancel();
            }
            stays
        });
        for (ip, mut addresses) in wanted {
            // Behind the others: they are left out first where a packet is full.
            addresses.extend(self.beside(ip));
            match self.interfaces.get(&ip) {
                Some(interface) => {
                    interface.addresses.send_if_modified(|known| {
                        let changed = *known != addresses;
                        *known = addresses;
                        changed
                    });
                }
                None if self.resting.contains(&ip) => {}
                None => self.start(ip, addresses),
            }
        }
    }

    /// Where we listen over IPv6 on the interface that has this address.
    fn beside(&self, address: Ipv4Addr) -> Vec<Multiaddr> {
        let beside = adapters::beside(address);
        let is_there = |known: &&Multiaddr| matches!(ip(known), Some(IpAddr::V6(ip)) if beside.contains(&ip));
        self.listening.borrow().iter().filter(is_there).cloned().collect()
    }

    fn start(&mut self, ip: Ipv4Addr, addresses: Vec<Multiaddr>) {
        let (sender, receiver) = watch::channel(addresses);
        let stop = CancellationToken::new();
        let interface = interface::Start {
            ip,
            over: adapters::kind_of(ip),
            peer: self.peer,
            name: self.name.clone(),
            jitter: self.jitter.split(),
            addresses: receiver,
            change: self.change.subscribe(),
            sightings: self.sightings.clone(),
            stop: stop.clone(),
        };
        self.tasks.spawn(async move {
            if let Err(error) = interface::run(interface).await {
                tracing::warn!(%ip, %error, "discovery does not work on an interface");
            }
            ip
        });
        self.interfaces.insert(ip, Interface { addresses: sender, stop });
    }
}

async fn cable_changed(cable: &mut Option<CableWatch>) {
    match cable {
        Some(cable) => cable.changed().await,
        None => std::future::pending().await,
    }
}
