//! A hostile neighbour on real libp2p: it is cut off with a reason, honest peers go on, memory stays flat.
//!
//! Of two devices the one with the smaller key opens the stream, so `attack` opens or accepts.

#[path = "loopback/hostile.rs"]
mod hostile;
mod loopback;

use std::time::{Duration, Instant};

use hostile::{Hostile, pour};
use libp2p::{
    Stream,
    futures::{AsyncWriteExt, StreamExt},
};
use loopback::{DEADLINE, Peer, config, frame, join};
use net::{Config, DownReason, Limits, LinkId, MAX_FIRST_FRAME, MAX_FRAME, NetEvent, Patience, config::LINK_CHURN};
use tokio::time::timeout;

/// Short enough for a test, long enough for a busy machine.
fn impatient() -> Config {
    let patience = Patience {
        silence: Duration::from_secs(3),
        first_frame: Duration::from_secs(2),
        frame: Duration::from_secs(2),
        stall: Duration::from_secs(2),
        ..Patience::default()
    };
    Config { patience, ..config() }
}

/// Alice, honest, and a hostile peer with a link to her.
async fn attacked() -> (Peer, Hostile, LinkId, Stream) {
    let mut alice = Peer::start_with(1, impatient()).await;
    let mut mallory = Hostile::start(66).await;
    let (link, stream) = attack(&mut alice, &mut mallory).await;
    (alice, mallory, link, stream)
}

/// Connects, and opens the stream or accepts it as the rule says.
async fn attack(alice: &mut Peer, mallory: &mut Hostile) -> (LinkId, Stream) {
    let mut accepted = mallory.accept();
    mallory.dial(&alice.address());
    let stream = async {
        if mallory.device < alice.device {
            assert!(mallory.connected().await);
            mallory.open(alice.device).await.expect("a stream")
        } else {
            accepted.next().await.expect("a stream").1
        }
    };
    let stream = timeout(DEADLINE, stream).await.expect("in time");
    (alice.up_with(mallory.device).await, stream)
}

/// An honest pair works, whatever else goes on.
async fn honest_peers_go_on(alice: &mut Peer) {
    let mut bob = Peer::start(2).await;
    let (a, b) = join(alice, &mut bob).await;
    alice.net.send(a, frame(1, 100)).expect("room");
    bob.net.send(b, frame(2, 100)).expect("room");
    assert_eq!(bob.received(b).await, frame(1, 100));
    assert_eq!(alice.received(a).await, frame(2, 100));
}

async fn write(stream: &mut Stream, length: u32, bytes: &[u8]) {
    stream.write_all(&length.to_le_bytes()).await.expect("open");
    stream.write_all(bytes).await.expect("open");
    stream.flush().await.expect("open");
}

#[tokio::test]
async fn an_over_long_frame_is_refused_by_its_length_alone() {
    let (mut alice, _mallory, link, mut stream) = attacked().await;
    write(&mut stream, 5, b"hello").await;
    assert_eq!(alice.received(link).await, b"hello");
    write(&mut stream, u32::MAX, &[]).await;
    let expected = DownReason::FrameTooLong { length: u64::from(u32::MAX), limit: MAX_FRAME };
    assert_eq!(alice.down(link).await, expected);
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn a_first_frame_longer_than_a_hello_is_refused() {
    let (mut alice, _mallory, link, mut stream) = attacked().await;
    write(&mut stream, 1 + MAX_FIRST_FRAME as u32, &[]).await;
    assert!(matches!(alice.down(link).await, DownReason::FrameTooLong { limit: MAX_FIRST_FRAME, .. }));
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn an_endless_slow_frame_is_cut_off() {
    let (mut alice, _mallory, link, mut stream) = attacked().await;
    write(&mut stream, 1, b"x").await;
    write(&mut stream, 60_000, &[]).await;
    let dripping = tokio::spawn(pour(stream, vec![0], Duration::from_millis(50)));
    honest_peers_go_on(&mut alice).await;
    assert_eq!(alice.down(link).await, DownReason::FrameTooSlow);
    timeout(DEADLINE, dripping).await.expect("it notices").expect("no panic");
}

#[tokio::test]
async fn garbage_is_a_frame_that_is_too_long_or_passes_as_bytes() {
    let (mut alice, _mallory, link, stream) = attacked().await;
    let garbage = (0..64 << 10).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let pouring = tokio::spawn(pour(stream, garbage, Duration::ZERO));
    assert!(matches!(alice.down(link).await, DownReason::FrameTooLong { .. }));
    timeout(DEADLINE, pouring).await.expect("it notices").expect("no panic");
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn a_flood_of_empty_frames_is_cut_off() {
    let (mut alice, _mallory, link, stream) = attacked().await;
    let pouring = tokio::spawn(pour(stream, vec![0; 4], Duration::ZERO));
    assert_eq!(alice.down(link).await, DownReason::EmptyFrames);
    timeout(DEADLINE, pouring).await.expect("it notices").expect("no panic");
}

#[tokio::test]
async fn a_stream_without_a_first_frame_is_cut_off() {
    let (mut alice, _mallory, link, _stream) = attacked().await;
    assert_eq!(alice.down(link).await, DownReason::NoFirstFrame);
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn a_half_frame_and_then_the_end_is_a_broken_link() {
    let (mut alice, _mallory, link, mut stream) = attacked().await;
    write(&mut stream, 10, b"hal").await;
    stream.close().await.expect("open");
    assert!(matches!(alice.down(link).await, DownReason::Broken(_)));
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut_off_and_costs_a_bounded_amount() {
    let (mut alice, _mallory, link, mut stream) = attacked().await;
    write(&mut stream, 1, b"x").await;
    let beating = tokio::spawn(pour(stream, vec![0; 4], Duration::from_secs(1)));
    let mut queued = 0;
    while alice.net.send(link, frame(1, MAX_FRAME)).is_ok() {
        queued += MAX_FRAME;
    }
    assert!(queued <= net::OUTGOING_BYTES + MAX_FRAME, "{queued}");
    assert_eq!(alice.down(link).await, DownReason::NotReading);
    beating.abort();
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn a_flood_of_frames_waits_for_the_driver_and_memory_stays_flat() {
    let (mut alice, _mallory, link, mut stream) = attacked().await;
    write(&mut stream, 1, b"x").await;
    let before = resident();
    let mut bytes = (1_u32 << 20).to_le_bytes().to_vec();
    bytes.resize(4 + (1 << 20), 7);
    let pouring = tokio::spawn(pour(stream, bytes, Duration::ZERO));

    // Nothing is taken: after a moment nothing more is accepted either. Other links have their own room.
    honest_peers_go_on_beside(&mut alice).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 48 << 20, "{} KiB", grown >> 10);

    // The flood goes on as fast as frames are taken, and no faster.
    for _ in 0..32 {
        assert!(alice.received_from(link).await > 0);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 48 << 20, "{} KiB", grown >> 10);
    pouring.abort();
}

/// Bob and Carol, while Alice has her hands full; then Alice and Bob, whose frames she finds behind the flood.
async fn honest_peers_go_on_beside(alice: &mut Peer) {
    let (mut bob, mut carol) = (Peer::start(2).await, Peer::start(3).await);
    let (b, c) = join(&mut bob, &mut carol).await;
    bob.net.send(b, frame(1, 100)).expect("room");
    assert_eq!(carol.received(c).await, frame(1, 100));
    bob.net.dial(alice.address()).expect("room");
    let b = bob.up_with(alice.device).await;
    bob.net.send(b, frame(2, 100)).expect("room");
    let a = alice.up_with(bob.device).await;
    assert_eq!(alice.received(a).await, frame(2, 100));
}

#[tokio::test]
async fn a_peer_that_was_cut_off_is_kept_out_for_a_while() {
    let (mut alice, mut mallory, link, mut stream) = attacked().await;
    write(&mut stream, u32::MAX, &[]).await;
    alice.down(link).await;
    let cut = Instant::now();
    // Established, from its side, and closed again: it was not let in.
    let mut let_in = true;
    while cut.elapsed() < Duration::from_secs(3) && let_in {
        mallory.dial(&alice.address());
        while !mallory.connected().await {}
        let_in = timeout(Duration::from_secs(1), mallory.connected()).await.is_err();
    }
    assert!(!let_in);
    let links = alice.settle(Duration::from_millis(200)).await;
    assert!(!links.iter().any(|event| matches!(event, NetEvent::LinkUp { .. })));
}

#[tokio::test]
async fn links_opened_without_end_are_not_accepted_without_end() {
    // Mallory opens streams, so hers has to be the smaller key.
    let mut alice = Peer::start_with(1, impatient()).await;
    let mut mallory = smaller_than(&alice).await;
    mallory.dial(&alice.address());
    assert!(mallory.connected().await);
    let flood = async {
        // Kept, so that each one is there beside the others.
        let mut streams = Vec::new();
        while let Some(mut stream) = mallory.open(alice.device).await {
            if stream.write_all(&[1, 0, 0, 0, 9]).await.is_err() || stream.flush().await.is_err() {
                break;
            }
            streams.push(stream);
            assert!(streams.len() < 1_000, "it never ends");
        }
        streams.len()
    };
    let ends = async {
        let mut links = 0;
        loop {
            match alice.events.next().await.expect("it runs") {
                NetEvent::LinkUp { .. } => links += 1,
                NetEvent::LinkDown { reason: DownReason::TooManyLinks, .. } => return links,
                _ => {}
            }
        }
    };
    let (opened, links) = timeout(DEADLINE, async { tokio::join!(flood, ends) }).await.expect("it ends");
    assert!(opened >= LINK_CHURN as usize, "{opened}");
    assert!((1..=LINK_CHURN).contains(&links), "{links}");
    honest_peers_go_on(&mut alice).await;
}

async fn smaller_than(alice: &Peer) -> Hostile {
    for seed in 66..=255 {
        if feed::KeyPair::from_seed(&[seed; 32]).device_key() < alice.device {
            return Hostile::start(seed).await;
        }
    }
    panic!("there is no smaller key")
}

#[tokio::test]
async fn connections_of_one_peer_and_of_all_are_bounded() {
    let limits = Limits { per_peer: 2, incoming: 6, ..Limits::default() };
    let mut alice = Peer::start_with(1, Config { limits, ..impatient() }).await;
    let mut hostile = Vec::new();
    for seed in 100..110 {
        let peer = Hostile::start(seed).await;
        for _ in 0..4 {
            peer.dial(&alice.address());
        }
        hostile.push(peer);
    }
    let mut events = alice.settle(Duration::from_secs(1)).await.iter();
    let links = events.by_ref().filter(|event| matches!(event, NetEvent::LinkUp { .. })).count();
    assert!(links <= 6, "{links} links");
    drop(hostile);
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn many_keys_on_one_host_do_not_take_every_connection() {
    let limits = Limits { per_host: 5, ..Limits::default() };
    let mut alice = Peer::start_with(1, Config { limits, ..impatient() }).await;
    let mut hostile = Vec::new();
    for seed in 100..112 {
        let peer = Hostile::start(seed).await;
        peer.dial(&alice.address());
        hostile.push(peer);
    }
    // Established from its side; who is not let in is closed again at once.
    let mut stay = 0;
    for peer in &mut hostile {
        assert!(timeout(DEADLINE, peer.connected()).await.expect("in time"));
        let closed = timeout(Duration::from_millis(500), peer.connected()).await;
        stay += usize::from(closed.is_err());
    }
    assert!(stay <= 5, "{stay} connections of one host");
    // Their room is given back when they go.
    drop(hostile);
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn handshakes_that_never_end_do_not_keep_others_out() {
    let mut alice = Peer::start_with(1, impatient()).await;
    let port = alice.address().to_string().rsplit('/').next().map(str::to_owned).expect("a port");
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.expect("the kernel accepts"));
    }
    honest_peers_go_on(&mut alice).await;
}

#[tokio::test]
async fn another_libp2p_program_is_left_alone() {
    let mut alice = Peer::start_with(1, impatient()).await;
    // It accepts no streams of our protocol.
    let other = Hostile::start(66).await;
    alice.net.dial(other.address.clone()).expect("room");
    if alice.device < other.device {
        let reason = alice.find("a failure", |event| match event {
            NetEvent::DialFailed { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert!(reason.await.contains("another program"));
    }
    let events = alice.settle(Duration::from_secs(2)).await;
    let failures = events.iter().filter(|event| matches!(event, NetEvent::DialFailed { .. })).count();
    assert!(failures <= 1, "{failures} failures in two seconds");
    assert!(!events.iter().any(|event| matches!(event, NetEvent::LinkUp { .. })));
}

#[tokio::test]
async fn a_reader_that_is_only_slow_is_not_cut_off() {
    let (mut alice, _mallory, link, mut stream) = attacked().await;
    write(&mut stream, 1, b"x").await;
    for _ in 0..3 {
        alice.net.send(link, frame(1, 100_000)).expect("room");
    }
    let (reading, mut writing) = libp2p::futures::AsyncReadExt::split(stream);
    let reader = tokio::spawn(async move {
        let mut reading = reading;
        let mut buffer = vec![0; 8 << 10];
        let mut total = 0;
        while let Ok(count @ 1..) = libp2p::futures::AsyncReadExt::read(&mut reading, &mut buffer).await {
            total += count;
            tokio::time::sleep(Duration::from_millis(40)).await;
            if total >= 300_000 {
                break;
            }
        }
        total
    });
    let beats = async {
        loop {
            let _ = writing.write_all(&[0; 4]).await;
            let _ = writing.flush().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        total = reader => assert!(total.expect("no panic") >= 300_000),
        () = beats => {}
    }
    let events = alice.settle(Duration::from_millis(100)).await;
    assert!(!events.iter().any(|event| matches!(event, NetEvent::LinkDown { .. })));
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}
