//! The network doctor: looks at each adapter of this computer, and asks the neighbours what they see of it.
//!
//! What is seen is [`Facts`], gathered by IO: [`crate::adapters`], [`multicast`], [`reach`]. What it means is [`judge`](judge::judge), which is pure.

mod judge;
mod multicast;
pub(crate) mod reach;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use libp2p::multiaddr::Protocol;
use tokio::task::JoinSet;

pub use self::judge::{Finding, judge};
pub use crate::adapters::Kind;
use crate::{adapters, config::DOCTOR_NEIGHBOURS, link::LinkTable, streams::ip, wishes::Wishes};

/// What was seen of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Every adapter that is up and has an address, but for loopback.
    pub adapters: Vec<Adapter>,
    /// What each neighbour that was asked said.
    pub neighbours: Vec<Neighbour>,
}

/// An adapter and what came over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// The system's name for it.
    pub name: String,
    /// What kind of adapter it is, as far as its name and its flags tell.
    pub kind: Kind,
    /// Its IPv4 address, over which others are looked for; none if it has only others.
    pub ipv4: Option<Ipv4Addr>,
    /// What multicast did; none where there is no IPv4 address.
    pub multicast: Option<Multicast>,
}

/// What multicast did on an adapter within [`crate::config::DOCTOR_LISTENS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Multicast {
    /// Nothing could be sent; what the system said.
    NotSent(String),
    /// It was sent.
    Sent {
        /// Whether this computer heard its own word.
        echoed: bool,
        /// Other hosts that were heard, at most [`crate::config::DOCTOR_HOSTS`].
        hosts: usize,
        /// Devices like this one that announced themselves, on other hosts.
        devices: usize,
    },
}

/// What a linked neighbour says of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Whether it could connect to the TCP port on which this device listens; none where there is no such port.
    pub reached: Option<bool>,
    /// How far its clock is ahead of ours, in milliseconds.
    pub clock_ahead_ms: i64,
}

/// Examines the network. Cheap to clone; it does not keep the network alive.
#[derive(Clone, Debug)]
pub struct Doctor {
    pub(crate) wishes: Arc<Wishes>,
    pub(crate) links: Arc<LinkTable>,
}

impl Doctor {
    /// Looks at every adapter and asks up to [`DOCTOR_NEIGHBOURS`] neighbours; takes a few seconds.
    pub async fn examine(&self) -> Facts {
        let mut asked = JoinSet::new();
        for (link, host) in self.links.hosts().into_iter().take(DOCTOR_NEIGHBOURS) {
            let port = host.and_then(|host| self.port(host));
            asked.spawn(reach::ask(Arc::clone(&self.wishes), link, port));
        }
        let (adapters, neighbours) = tokio::join!(look_at_adapters(), asked.join_all());
        Facts { adapters, neighbours: neighbours.into_iter().flatten().collect() }
    }

    /// The TCP port at which a host can reach this device: for IPv4 and IPv6 they differ.
    fn port(&self, host: IpAddr) -> Option<u16> {
        self.wishes.listening().iter().find_map(|address| {
            let is_of_its_kind = ip(address).is_some_and(|own| own.is_ipv4() == host.is_ipv4());
            let port = address.iter().find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None });
            port.filter(|_| is_of_its_kind)
        })
    }
}

/// Looks at every adapter where no network runs, so that there are no neighbours to ask.
pub async fn look_at_adapters() -> Vec<Adapter> {
    let found = tokio::task::spawn_blocking(adapters::list).await.unwrap_or_default();
    let own: Arc<[IpAddr]> = found.iter().filter_map(|found| found.ipv4).map(IpAddr::V4).collect();
    let mut probing = JoinSet::new();
    for adapters::Found { name, kind, ipv4 } in found {
        let own = Arc::clone(&own);
        probing.spawn(async move {
            let multicast = match ipv4 {
                Some(ip) => Some(multicast::probe(ip, &own).await),
                None => None,
            };
            Adapter { name, kind, ipv4, multicast }
        });
    }
    let mut adapters = probing.join_all().await;
    adapters.sort_by(|one, other| (one.kind, &one.name, one.ipv4).cmp(&(other.kind, &other.name, other.ipv4)));
    adapters
}

/// How long one question to a neighbour may take in all.
const PATIENCE: Duration = Duration::from_secs(6);
