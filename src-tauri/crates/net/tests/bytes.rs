//! Streams of bytes beside links.

mod loopback;

use std::time::{Duration, Instant};

use loopback::{DEADLINE, Peer, config_on, frame, join};
use net::{BytesError, Incoming, LinkId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Much more than any window holds.
const MUCH: usize = 16 << 20;

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(DEADLINE, work).await.expect("in time")
}

async fn pair_on(listen: &str) -> (Peer, Peer, LinkId, LinkId) {
    let (mut alice, mut bob) =
        (Peer::start_with(1, config_on(listen)).await, Peer::start_with(2, config_on(listen)).await);
    let (at_alice, at_bob) = join(&mut alice, &mut bob).await;
    (alice, bob, at_alice, at_bob)
}

/// Sends so much on every stream that comes.
fn give(mut incoming: Incoming, much: usize) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(mut came) = incoming.next().await {
            tokio::spawn(async move {
                let chunk = vec![7; 256 << 10];
                for _ in 0..much / chunk.len() {
                    if came.stream.write_all(&chunk).await.is_err() {
                        return;
                    }
                }
                let _ = came.stream.shutdown().await;
            });
        }
    })
}

#[tokio::test]
async fn bytes_go_beside_frames_both_ways_over_both_transports() {
    for listen in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        let (mut alice, bob, at_alice, at_bob) = pair_on(listen).await;
        let mut incoming = alice.events.incoming().expect("the first time");
        assert!(alice.events.incoming().is_none());
        let mut ours = within(bob.net.opener().open(at_bob)).await.expect("opens");
        // Nothing is negotiated before something is said.
        ours.write_all(b"ping").await.expect("writes");
        ours.flush().await.expect("flushes");
        let mut theirs = within(incoming.next()).await.expect("comes");
        assert_eq!((theirs.link, theirs.device), (at_alice, bob.device));
        let mut heard = [0; 4];
        within(theirs.stream.read_exact(&mut heard)).await.expect("reads");
        theirs.stream.write_all(b"pong").await.expect("writes");
        theirs.stream.flush().await.expect("flushes");
        within(ours.read_exact(&mut heard)).await.expect("reads");
        assert_eq!(&heard, b"pong");
        bob.net.send(at_bob, frame(1, 100)).expect("the link goes on");
        assert_eq!(alice.received(at_alice).await, frame(1, 100));
    }
}

#[tokio::test]
async fn frames_do_not_wait_behind_a_large_file() {
    let (mut alice, bob, at_alice, at_bob) = pair_on("/ip4/127.0.0.1/tcp/0").await;
    let mut bob = bob;
    let giving = give(alice.events.incoming().expect("the first time"), MUCH);
    let mut stream = within(bob.net.opener().open(at_bob)).await.expect("opens");
    stream.write_all(b"x").await.expect("writes");
    stream.flush().await.expect("flushes");
    let reading = tokio::spawn(async move {
        let mut bytes = vec![0; 256 << 10];
        let mut all = 0;
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            all += read;
        }
        all
    });
    let mut worst = Duration::ZERO;
    while !reading.is_finished() {
        let begun = Instant::now();
        alice.net.send(at_alice, frame(2, 500)).expect("room");
        bob.received(at_bob).await;
        worst = worst.max(begun.elapsed());
    }
    assert_eq!(within(reading).await.expect("reads"), MUCH);
    assert!(worst < Duration::from_millis(500), "{worst:?}");
    giving.abort();
}

#[tokio::test]
async fn a_stream_ends_with_its_link() {
    let (mut alice, bob, _, at_bob) = pair_on("/ip4/127.0.0.1/tcp/0").await;
    let mut incoming = alice.events.incoming().expect("the first time");
    let mut ours = within(bob.net.opener().open(at_bob)).await.expect("opens");
    ours.write_all(b"x").await.expect("writes");
    ours.flush().await.expect("flushes");
    let mut theirs = within(incoming.next()).await.expect("comes");
    alice.net.refuse(bob.device);
    let mut bytes = Vec::new();
    // The end or an error, but not for ever.
    let _ = within(theirs.stream.read_to_end(&mut bytes)).await;
    let _ = within(ours.read_to_end(&mut bytes)).await;
    let mut bob = bob;
    bob.down(at_bob).await;
    assert_eq!(within(bob.net.opener().open(at_bob)).await.expect_err("no link"), BytesError::Down);
    assert_eq!(within(bob.net.opener().open(LinkId(999))).await.expect_err("no link"), BytesError::Down);
}

#[tokio::test]
async fn an_eager_pair_keeps_its_connection() {
    let (mut alice, bob, at_alice, at_bob) = pair_on("/ip4/127.0.0.1/tcp/0").await;
    let _giving = give(alice.events.incoming().expect("the first time"), 256 << 10);
    for _ in 0..30 {
        let mut streams = Vec::new();
        for _ in 0..4 {
            let mut stream = within(bob.net.opener().open(at_bob)).await.expect("opens");
            stream.write_all(b"x").await.expect("writes");
            stream.flush().await.expect("flushes");
            streams.push(stream);
        }
        for mut stream in streams {
            let mut bytes = Vec::new();
            within(stream.read_to_end(&mut bytes)).await.expect("reads");
            assert_eq!(bytes.len(), 256 << 10);
        }
    }
    bob.net.send(at_bob, frame(3, 10)).expect("the same link");
    assert_eq!(alice.received(at_alice).await, frame(3, 10));
}
