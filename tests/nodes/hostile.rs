//! Bytes that are no libp2p at the listening port: what comes of them stays with their sender.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::peri::{Node, PATIENCE, Person, export, peers, until};

fn port(node: &Node) -> SocketAddr {
    let mut parts = node.address.split('/');
    let port = parts.find(|part| *part == "tcp").and_then(|_| parts.next()).expect("a TCP address");
    format!("127.0.0.1:{port}").parse().expect("an address")
}

/// Sends until the other side has enough; how many bytes it took.
fn flood(address: SocketAddr, bytes: &[u8], limit: usize) -> usize {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let mut sent = 0;
    while sent < limit {
        match stream.write(bytes) {
            Ok(0) | Err(_) => break,
            Ok(count) => sent += count,
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_at_the_port_is_cut_off_and_the_others_go_on() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let mut ask = b.client().await;
    until("the link", async || peers(&mut ask).await.peers, |peers| !peers.is_empty()).await;
    let (address, before) = (port(&a), a.memory());

    let hostile = std::thread::spawn(move || {
        let endless = vec![0x41; 64 << 10];
        let multistream = b"\x13/multistream/1.0.0\n\x07/noise\n";
        let truncated: &[u8] = b"\x13/multistream/1.0.";
        for round in 0..20 {
            let limit = 64 << 20;
            assert!(flood(address, &endless, limit) < limit, "nobody swallows endless garbage");
            let mut slow = TcpStream::connect(address).expect("connects");
            slow.write_all(if round % 2 == 0 { truncated } else { multistream }).expect("written");
            // Left open and silent until the end of the round.
            let mut greeting = [0; 64];
            slow.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
            let _ = slow.read(&mut greeting);
        }
        // One that goes on being silent is closed by the other side.
        let mut silent = TcpStream::connect(address).expect("connects");
        silent.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let begun = Instant::now();
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = silent.read_to_end(&mut rest);
        assert!(begun.elapsed() < PATIENCE, "a silent connection was kept");
    });
    for n in 0..20 {
        let id = ada.ok(&["post", &format!("number {n}")]);
        until("the post", async || export(&mut ask, Some(&ada.id)).await, |rows| rows.iter().any(|row| row.key == id))
            .await;
    }
    hostile.join().expect("the hostile side saw what it had to see");
    let grown = a.memory().saturating_sub(before);
    println!("memory after the garbage: {} MB more", grown >> 20);
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");
    assert!(b.stop().success() && a.stop().success());
}

/// A device that breaks the rules is out for a while, and its person is told apart by name and by what it did.
#[tokio::test]
async fn a_device_that_sends_nonsense_is_left_out_with_a_reason() {
    let ada = Person::new("Ada");
    let a = ada.serve(&[]);
    let keys = feed::KeyPair::from_seed(&[66; 32]);
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    let config = net::Config { listen, mdns: false, ..net::Config::default() };
    let (mallory, mut events) = net::Net::start(&keys, config).await.expect("loopback works");
    mallory.dial(a.address.parse().expect("an address")).expect("room");
    let link = loop {
        if let Some(net::NetEvent::LinkUp { link, .. }) = events.next().await {
            break link;
        }
    };
    mallory.send(link, vec![0xff; 40]).expect("the link is up");

    let left_out = async || ada.json(&["peers", "--json"])["leftOut"].as_array().expect("a list").clone();
    let out = until("Mallory is out", left_out, |out| !out.is_empty()).await;
    assert_eq!(out[0]["person"]["id"], keys.feed_id().to_string());
    assert!(out[0]["reason"].as_str().is_some_and(|reason| reason.contains("cannot be read")), "{out:?}");
    assert!(out[0]["secondsLeft"].as_u64().is_some_and(|seconds| (1..=60).contains(&seconds)), "{out:?}");
    let shown = ada.ok(&["peers"]);
    assert!(shown.contains("Nobody is linked") && shown.contains("out for 1 minute"), "{shown}");

    // Whatever it tries, it gets no link.
    let again = async {
        loop {
            if let Some(net::NetEvent::LinkUp { .. }) = events.next().await {
                return;
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(3), again).await.is_err(), "it is kept out");
    mallory.shutdown().await;
}
