//! Our discovery beside libp2p's own, `libp2p-mdns`, on one network: each finds the other, so both speak the same protocol. And a flood
//! of announcements on that network.
//!
//! The network is a loopback interface with an ordinary address, in a network namespace of its own that ends with the test. So this
//! needs Linux with the programs `unshare` (util-linux) and `ip` (iproute2), and root, or a system that lets anybody make namespaces.

#![cfg(target_os = "linux")]

mod loopback;

use std::{
    net::{Ipv4Addr, UdpSocket},
    process::Command,
    time::Duration,
};

use feed::{DeviceKey, KeyPair};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, futures::StreamExt, identity::Keypair, noise, swarm::SwarmEvent, tcp, yamux,
};
use loopback::{DEADLINE, Peer};
use net::{Config, NetEvent};
use tokio::time::timeout;

/// Says that this process is the one in the namespace.
const INSIDE: &str = "PERIWINKLE_TEST_NEIGHBOURS";
/// Every address of 10.77.0.0/16 is one of this host's, and packets to the group go round.
const NETWORK: &str = "ip link set lo up && ip link set lo multicast on && ip address add 10.77.0.1/32 dev lo \
                       && ip route add local 10.77.0.0/16 dev lo && ip route add 224.0.0.0/4 dev lo";
const HOST: &str = "/ip4/10.77.0.1/tcp/0";

/// Runs the named test of this file once more, in a network namespace of its own. True there.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let this = std::env::current_exe().expect("this program has a path");
    let plain = Command::new("unshare").args(["--net", "true"]).output().expect("util-linux is installed");
    // Its output is shown only if it fails: what it says of its own results is not one more test.
    let ran = Command::new("unshare")
        .args(if plain.status.success() { &["--net"][..] } else { &["--map-root-user", "--net"] })
        .args(["sh", "-c", &format!("{NETWORK} && exec \"$0\" --exact \"$1\" --nocapture")])
        .arg(this)
        .arg(test)
        .env(INSIDE, "1")
        .output()
        .expect("it ran a moment ago");
    assert!(
        ran.status.success(),
        "{test} failed in its namespace; making one may need root (`sudo -E cargo test -p net`)\n{}{}",
        String::from_utf8_lossy(&ran.stdout).replace("test result:", "there:"),
        String::from_utf8_lossy(&ran.stderr)
    );
    false
}

/// A libp2p program with `libp2p-mdns`, that listens on [`HOST`].
async fn stranger(seed: u8) -> Swarm<libp2p_mdns::tokio::Behaviour> {
    let keypair = Keypair::ed25519_from_bytes([seed; 32]).expect("any bytes will do");
    let config = libp2p_mdns::Config::default();
    let mdns = libp2p_mdns::tokio::Behaviour::new(config, keypair.public().to_peer_id()).expect("it starts");
    let mut swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("tcp")
        .with_behaviour(|_| mdns)
        .expect("a behaviour")
        .build();
    swarm.listen_on(HOST.parse().expect("an address")).expect("the namespace has it");
    while !matches!(swarm.select_next_some().await, SwarmEvent::NewListenAddr { .. }) {}
    swarm
}

async fn neighbour(seed: u8) -> Peer {
    let listen = vec![HOST.parse().expect("an address")];
    Peer::start_with(seed, Config { listen, mdns: true, ..Config::default() }).await
}

fn device(seed: u8) -> DeviceKey {
    KeyPair::from_seed(&[seed; 32]).device_key()
}

fn peer_id(seed: u8) -> PeerId {
    Keypair::ed25519_from_bytes([seed; 32]).expect("any bytes will do").public().to_peer_id()
}

/// Where our discovery sees the device.
async fn discovered(peer: &mut Peer, who: DeviceKey) -> Multiaddr {
    peer.find("a discovery", |event| match event {
        NetEvent::Discovered { device, address } if *device == who => Some(address.clone()),
        _ => None,
    })
    .await
}

/// Where `libp2p-mdns` sees the peer.
async fn discovered_there(swarm: &mut Swarm<libp2p_mdns::tokio::Behaviour>, who: PeerId) -> Multiaddr {
    let search = async {
        loop {
            if let SwarmEvent::Behaviour(libp2p_mdns::Event::Discovered(found)) = swarm.select_next_some().await
                && let Some((_, address)) = found.into_iter().find(|(peer, _)| *peer == who)
            {
                return address;
            }
        }
    };
    timeout(DEADLINE, search).await.expect("libp2p-mdns discovers it")
}

#[test]
fn our_discovery_and_that_of_libp2p_find_each_other_whoever_comes_first() {
    if !is_inside("our_discovery_and_that_of_libp2p_find_each_other_whoever_comes_first") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut ours = neighbour(1).await;
        let at = ours.address();
        let mut theirs = stranger(2).await;
        let (here, there) = tokio::join!(discovered(&mut ours, device(2)), discovered_there(&mut theirs, peer_id(1)));
        assert!(theirs.listeners().any(|address| *address == here), "{here}");
        assert_eq!(there, at.with_p2p(peer_id(1)).expect("no other peer is in it"));

        // Who comes later hears of both, and both hear of it.
        let mut late = neighbour(3).await;
        let (here, there) = tokio::join!(discovered(&mut late, device(2)), discovered_there(&mut theirs, peer_id(3)));
        assert!(theirs.listeners().any(|address| *address == here), "{here}");
        assert_eq!(there, late.address().with_p2p(peer_id(3)).expect("no other peer is in it"));
        discovered(&mut ours, device(3)).await;
    });
}

#[test]
fn ten_thousand_announcements_from_as_many_hosts_leave_memory_flat() {
    const FLOOD: u32 = 10_000;
    /// What a thousand remembered peers and the dials to them may take.
    const GROWTH: usize = 32 << 20;

    if !is_inside("ten_thousand_announcements_from_as_many_hosts_leave_memory_flat") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut ours = neighbour(1).await;
        let before = resident();
        let flood = tokio::task::spawn_blocking(|| {
            for number in 1..=FLOOD {
                let host = Ipv4Addr::new(10, 77, 1 + (number >> 8) as u8, number as u8);
                let mut seed = [66; 32];
                seed[..4].copy_from_slice(&number.to_be_bytes());
                let peer = Keypair::ed25519_from_bytes(seed).expect("any bytes will do").public().to_peer_id();
                announce(host, peer);
            }
        });
        let mut heard = 0_usize;
        tokio::pin!(flood);
        loop {
            tokio::select! {
                event = ours.events.next() => {
                    heard += usize::from(matches!(event.expect("it runs"), NetEvent::Discovered { .. }));
                }
                done = &mut flood => break done.expect("it sends"),
            }
        }
        // The flood may be ahead of who listens: what waits in the socket is read before the last one is.
        while let Ok(event) = timeout(Duration::from_millis(500), ours.events.next()).await {
            heard += usize::from(matches!(event.expect("it runs"), NetEvent::Discovered { .. }));
        }
        let grown = resident().saturating_sub(before);
        println!("{heard} of {FLOOD} were believed; {} KiB more", grown >> 10);
        assert!((100..=1_200).contains(&heard), "{heard} were believed");
        assert!(grown < GROWTH, "{} KiB", grown >> 10);

        // Links are made as before.
        let mut bob = Peer::start_with(2, Config { mdns: false, ..loopback::config_on(HOST) }).await;
        bob.net.dial(ours.address()).expect("room");
        bob.up_with(ours.device).await;
        ours.up_with(bob.device).await;
    });
}

/// Says on the group, from an address, that a peer listens there: header, one pointer, one text record, as RFC 1035 has it.
fn announce(host: Ipv4Addr, peer: PeerId) {
    const NAME: &[u8] = b"\x08mallorys\x00";
    let mut packet = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    let mut record = |name: &[u8], kind: u8, data: &[u8]| {
        packet.extend_from_slice(name);
        packet.extend_from_slice(&[0, kind, 0, 1, 0, 0, 1, 0]);
        packet.extend_from_slice(&u16::try_from(data.len()).expect("short").to_be_bytes());
        packet.extend_from_slice(data);
    };
    record(b"\x04_p2p\x04_udp\x05local\x00", 12, NAME);
    let text = format!("dnsaddr=/ip4/{host}/tcp/4001/p2p/{peer}");
    let length = u8::try_from(text.len()).expect("short");
    record(NAME, 16, &[&[length], text.as_bytes()].concat());
    let socket = UdpSocket::bind((host, 0)).expect("an address of this host");
    socket.send_to(&packet, (Ipv4Addr::new(224, 0, 0, 251), 5353)).expect("a route");
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}
