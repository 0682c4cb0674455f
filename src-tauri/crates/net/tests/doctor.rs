//! The network doctor on loopback: what neighbours say of each other, and how little a hostile question gets.

#[allow(dead_code, reason = "each test file uses its own part")]
#[path = "loopback/hostile.rs"]
mod hostile;
mod loopback;

use std::time::Duration;

use hostile::{Hostile, PROTOCOL};
use libp2p::{
    PeerId, StreamProtocol,
    futures::{AsyncReadExt, AsyncWriteExt},
};
use loopback::{DEADLINE, Peer, config, join};
use net::{
    Config, Patience,
    doctor::{Finding, judge},
};
use tokio::time::timeout;

const REACH: StreamProtocol = StreamProtocol::new("/periwinkle/reach/1");

#[tokio::test]
async fn a_neighbour_connects_and_tells_its_clock() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    join(&mut alice, &mut bob).await;
    for peer in [&alice, &bob] {
        let facts = peer.net.doctor().examine().await;
        let [neighbour] = facts.neighbours.as_slice() else { panic!("{facts:?}") };
        assert_eq!(neighbour.reached, Some(true));
        assert!(neighbour.clock_ahead_ms.abs() < 60_000, "one clock: {neighbour:?}");
        assert!(judge(&facts).contains(&Finding::Reachable));
    }
}

#[tokio::test]
async fn without_neighbours_nothing_is_said_about_being_reached() {
    let alice = Peer::start(1).await;
    let facts = alice.net.doctor().examine().await;
    assert!(facts.neighbours.is_empty());
    let findings = judge(&facts);
    assert!(
        !findings.iter().any(|found| matches!(found, Finding::Reachable | Finding::NotReachable { .. })),
        "{findings:?}"
    );
}

/// Asks as a hostile neighbour would; the answer, or nothing.
async fn ask(mallory: &mut Hostile, alice: &Peer, question: &[u8]) -> Option<Vec<u8>> {
    let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(alice.device.bytes()).expect("a key");
    let mut stream = mallory.control.open_stream(PeerId::from_public_key(&key.into()), REACH).await.ok()?;
    stream.write_all(question).await.ok()?;
    stream.flush().await.ok()?;
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer)).await.ok()?.ok()?;
    (!answer.is_empty()).then_some(answer)
}

#[tokio::test]
async fn only_the_asking_hosts_own_ports_are_tried_and_not_often() {
    // Mallory says nothing on the link, for longer than a link usually waits.
    let patience = Patience { silence: 4 * DEADLINE, first_frame: 4 * DEADLINE, ..Patience::default() };
    let mut alice = Peer::start_with(1, Config { patience, ..config() }).await;
    let mut mallory = Hostile::start(66).await;
    let mut streams = mallory.control.accept(PROTOCOL).expect("once");
    mallory.dial(&alice.address());
    assert!(mallory.connected().await);
    // Of the two keys the smaller one opens the link.
    let _link = match mallory.device < alice.device {
        true => mallory.open(alice.device).await.expect("a stream"),
        false => libp2p::futures::StreamExt::next(&mut streams).await.expect("a stream").1,
    };
    alice.up_with(mallory.device).await;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback works");
    let port = listener.local_addr().expect("bound").port();
    let [low, high] = port.to_le_bytes();
    let pause = || tokio::time::sleep(Duration::from_millis(4_100));
    let first = ask(&mut mallory, &alice, &[1, low, high]).await.expect("an answer");
    assert_eq!((first[0], first.len()), (1, 9), "there it listens");
    assert_eq!(ask(&mut mallory, &alice, &[1, low, high]).await, None, "too soon");
    drop(listener);
    pause().await;
    assert_eq!(ask(&mut mallory, &alice, &[1, low, high]).await.expect("an answer")[0], 0, "there nobody listens");
    for question in [[1, 22, 0], [1, 0, 0], [9, low, high]] {
        pause().await;
        assert_eq!(ask(&mut mallory, &alice, &question).await.expect("an answer")[0], 2, "{question:?} is not tried");
    }
    // Half a question, for as long as one likes, ends by itself and keeps nobody from being answered.
    for _ in 0..8 {
        assert_eq!(timeout(DEADLINE, ask(&mut mallory, &alice, &[1])).await.expect("it ends"), None);
    }
    pause().await;
    assert!(ask(&mut mallory, &alice, &[1, low, high]).await.is_some());
}
