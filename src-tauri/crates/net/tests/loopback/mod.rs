//! Peers on loopback for the tests of this crate. Everything waits for events, with a deadline; nothing sleeps to pass.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{collections::VecDeque, time::Duration};

use feed::{DeviceKey, KeyPair};
use net::{Config, DownReason, LinkId, Multiaddr, Net, NetEvent, NetEvents};
use tokio::time::timeout;

/// Longer than anything takes on a machine that is busy building other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A network with its events.
pub(crate) struct Peer {
    pub(crate) net: Net,
    pub(crate) events: NetEvents,
    pub(crate) device: DeviceKey,
    /// Events that came while something else was waited for.
    passed: VecDeque<NetEvent>,
}

/// TCP on loopback, without discovery.
pub(crate) fn config() -> Config {
    config_on("/ip4/127.0.0.1/tcp/0")
}

pub(crate) fn config_on(listen: &str) -> Config {
    Config { listen: vec![listen.parse().expect("an address")], mdns: false, ..Config::default() }
}

impl Peer {
    pub(crate) async fn start(seed: u8) -> Self {
        Self::start_with(seed, config()).await
    }

    pub(crate) async fn start_with(seed: u8, config: Config) -> Self {
        let keys = KeyPair::from_seed(&[seed; 32]);
        let (net, events) = Net::start(&keys, config).await.expect("loopback works");
        Self { net, events, device: keys.device_key(), passed: VecDeque::new() }
    }

    pub(crate) fn address(&self) -> Multiaddr {
        self.net.addresses().first().expect("it listens").clone()
    }

    /// The first event from now or before that `pick` takes; the others stay for later.
    pub(crate) async fn find<T>(&mut self, what: &str, mut pick: impl FnMut(&NetEvent) -> Option<T>) -> T {
        let known = self.passed.iter().enumerate().find_map(|(at, event)| pick(event).map(|found| (at, found)));
        if let Some((at, found)) = known {
            self.passed.remove(at);
            return found;
        }
        let search = async {
            loop {
                let event = self.events.next().await.expect("the network runs");
                match pick(&event) {
                    Some(found) => return found,
                    None => self.passed.push_back(event),
                }
            }
        };
        match timeout(DEADLINE, search).await {
            Ok(found) => found,
            Err(_) => panic!("waited for {what}; came instead: {:?}", Kinds(&self.passed)),
        }
    }

    pub(crate) async fn up(&mut self) -> (LinkId, DeviceKey, bool) {
        self.find("a link", |event| match *event {
            NetEvent::LinkUp { link, device, outbound, .. } => Some((link, device, outbound)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn up_with(&mut self, other: DeviceKey) -> LinkId {
        self.find("a link", |event| match *event {
            NetEvent::LinkUp { link, device, .. } if device == other => Some(link),
            _ => None,
        })
        .await
    }

    pub(crate) async fn down(&mut self, which: LinkId) -> DownReason {
        self.find("the end of a link", |event| match event {
            NetEvent::LinkDown { link, reason } if *link == which => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn received(&mut self, which: LinkId) -> Vec<u8> {
        self.find("a frame", |event| match event {
            NetEvent::Received { link, frame } if *link == which => Some(frame.clone()),
            _ => None,
        })
        .await
    }

    /// Takes one frame of a link, without keeping it; its length.
    pub(crate) async fn received_from(&mut self, which: LinkId) -> usize {
        self.find("a frame", |event| match event {
            NetEvent::Received { link, frame } if *link == which => Some(frame.len()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn writable(&mut self, which: LinkId) {
        self.find("room", |event| matches!(event, NetEvent::Writable { link } if *link == which).then_some(())).await;
    }

    /// Takes everything there is and keeps it, until nothing comes for `quiet`.
    pub(crate) async fn settle(&mut self, quiet: Duration) -> &VecDeque<NetEvent> {
        while let Ok(Some(event)) = timeout(quiet, self.events.next()).await {
            self.passed.push_back(event);
        }
        &self.passed
    }
}

/// Frames are long: print what kind of event it was.
struct Kinds<'a>(&'a VecDeque<NetEvent>);

impl std::fmt::Debug for Kinds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shorten = |event: &NetEvent| match event {
            NetEvent::Received { link, frame } => format!("{link}: {} bytes", frame.len()),
            other => format!("{other:?}"),
        };
        f.debug_list().entries(self.0.iter().map(shorten)).finish()
    }
}

/// Bob dials Alice; each one's name of the link.
pub(crate) async fn join(alice: &mut Peer, bob: &mut Peer) -> (LinkId, LinkId) {
    bob.net.dial(alice.address()).expect("room");
    (alice.up_with(bob.device).await, bob.up_with(alice.device).await)
}

/// A frame that can be told from others.
pub(crate) fn frame(tag: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(tag)).collect()
}
