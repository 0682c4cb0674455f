//! Real libp2p on loopback: two and three networks, links, frames, back-pressure, ends.

mod loopback;

use std::time::{Duration, Instant};

use loopback::{DEADLINE, Peer, config, config_on, frame, join};
use net::{Closing, DownReason, MAX_FRAME, NetEvent, OUTGOING_BYTES, Patience, SendError};

#[tokio::test]
async fn frames_go_both_ways_over_a_link_that_proves_the_keys() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;

    alice.net.send(a, frame(1, 10)).expect("room");
    assert_eq!(bob.received(b).await, frame(1, 10));
    bob.net.send(b, frame(2, 20)).expect("room");
    bob.net.send(b, frame(3, MAX_FRAME)).expect("room");
    assert_eq!(alice.received(a).await, frame(2, 20));
    assert!(alice.received(a).await == frame(3, MAX_FRAME), "a long frame arrives whole");
    bob.writable(b).await;
}

#[tokio::test]
async fn quic_carries_a_link_too() {
    let quic = "/ip4/127.0.0.1/udp/0/quic-v1";
    let (mut alice, mut bob) = (Peer::start_with(1, config_on(quic)).await, Peer::start_with(2, config_on(quic)).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    alice.net.send(a, frame(1, 1_000)).expect("room");
    alice.net.send(a, frame(2, MAX_FRAME)).expect("room");
    assert_eq!(bob.received(b).await, frame(1, 1_000));
    assert!(bob.received(b).await == frame(2, MAX_FRAME), "a long frame arrives whole");
}

#[tokio::test]
async fn three_peers_make_three_links() {
    let (mut alice, mut bob, mut carol) = (Peer::start(1).await, Peer::start(2).await, Peer::start(3).await);
    let (a_b, b_a) = join(&mut alice, &mut bob).await;
    let (a_c, c_a) = join(&mut alice, &mut carol).await;
    let (b_c, c_b) = join(&mut bob, &mut carol).await;
    for (from, link, to, at, tag) in [(&alice, a_b, &mut bob, b_a, 1), (&alice, a_c, &mut carol, c_a, 2)] {
        from.net.send(link, frame(tag, 64)).expect("room");
        assert_eq!(to.received(at).await, frame(tag, 64));
    }
    carol.net.send(c_b, frame(3, 64)).expect("room");
    assert_eq!(bob.received(b_c).await, frame(3, 64));
}

#[tokio::test]
async fn two_that_dial_each_other_at_once_keep_one_link() {
    for round in 0..4_u8 {
        let (mut alice, mut bob) = (Peer::start(10 + round).await, Peer::start(20 + round).await);
        alice.net.dial(bob.address()).expect("room");
        bob.net.dial(alice.address()).expect("room");
        let (a, b) = (alice.up_with(bob.device).await, bob.up_with(alice.device).await);
        alice.net.send(a, frame(1, 100)).expect("room");
        bob.net.send(b, frame(2, 100)).expect("room");
        assert_eq!(bob.received(b).await, frame(1, 100));
        assert_eq!(alice.received(a).await, frame(2, 100));
        for peer in [&mut alice, &mut bob] {
            let more = peer.settle(Duration::from_millis(300)).await.iter();
            let links =
                more.filter(|event| matches!(event, NetEvent::LinkUp { .. } | NetEvent::LinkDown { .. })).count();
            assert_eq!(links, 0, "one link came up and stays");
        }
    }
}

#[tokio::test]
async fn a_sender_is_told_when_there_is_no_room_and_when_there_is_again() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    bob.net.send(b, frame(0, 1)).expect("room");
    alice.net.send(a, frame(0, 1)).expect("room");
    alice.received(a).await;

    // Bob takes nothing. What Alice can get rid of is bounded by the queues of both ends and by what the wire holds.
    let mut sent = 0;
    let refused = tokio::time::timeout(DEADLINE, async {
        loop {
            match alice.net.send(a, frame(9, MAX_FRAME)) {
                Ok(()) => sent += MAX_FRAME,
                Err(SendError::Full) => {
                    let more = tokio::time::timeout(Duration::from_millis(700), alice.events.next()).await;
                    if more.is_err() {
                        return SendError::Full;
                    }
                }
                Err(other) => return other,
            }
            assert!(sent < 128 << 20, "{sent} bytes were taken although nobody reads");
        }
    });
    assert_eq!(refused.await.expect("it ends"), SendError::Full);
    assert!(sent >= OUTGOING_BYTES);

    // Bob reads: everything arrives, and Alice may send again.
    assert_eq!(bob.received(b).await, frame(0, 1));
    for _ in 0..sent / MAX_FRAME {
        assert!(bob.received(b).await == frame(9, MAX_FRAME));
    }
    alice.writable(a).await;
    alice.net.send(a, frame(5, 5)).expect("room again");
    assert_eq!(bob.received(b).await, frame(5, 5));
}

#[tokio::test]
async fn a_frame_of_no_or_too_many_bytes_is_not_taken() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, _) = join(&mut alice, &mut bob).await;
    assert_eq!(alice.net.send(a, Vec::new()), Err(SendError::Length(0)));
    assert_eq!(alice.net.send(a, vec![0; MAX_FRAME + 1]), Err(SendError::Length(MAX_FRAME + 1)));
}

#[tokio::test]
async fn what_was_sent_before_a_close_arrives() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    alice.net.send(a, frame(1, 1)).expect("room");
    for _ in 0..3 {
        alice.net.send(a, frame(2, MAX_FRAME)).expect("room");
    }
    alice.net.close(a, Closing::Hostile, "enough");
    assert_eq!(alice.net.send(a, frame(1, 1)), Err(SendError::Down));
    assert_eq!(bob.received(b).await, frame(1, 1));
    for _ in 0..3 {
        assert!(bob.received(b).await == frame(2, MAX_FRAME));
    }
    assert_eq!(alice.down(a).await, DownReason::ClosedHere { closing: Closing::Hostile, reason: "enough".into() });
    assert_eq!(bob.down(b).await, DownReason::ClosedThere);
}

#[tokio::test]
async fn a_shutdown_writes_what_is_queued_and_ends_the_events() {
    for listen in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        let (mut alice, mut bob) =
            (Peer::start_with(1, config_on(listen)).await, Peer::start_with(2, config_on(listen)).await);
        let (a, b) = join(&mut alice, &mut bob).await;
        alice.net.send(a, frame(1, 1)).expect("room");
        alice.net.send(a, frame(2, MAX_FRAME)).expect("room");
        alice.net.shutdown().await;
        let mut last = None;
        while let Some(event) = alice.events.next().await {
            last = Some(event);
        }
        assert!(
            matches!(&last, Some(NetEvent::LinkDown { link, reason: DownReason::ShuttingDown }) if *link == a),
            "{listen}: {last:?}"
        );
        assert_eq!(bob.received(b).await, frame(1, 1), "{listen}");
        assert!(bob.received(b).await == frame(2, MAX_FRAME), "{listen}");
        assert_eq!(bob.down(b).await, DownReason::ClosedThere, "{listen}");
    }
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_driver_that_takes_nothing() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    bob.net.send(b, frame(1, 1)).expect("room");
    while bob.net.send(b, frame(2, MAX_FRAME)).is_ok() {}
    alice.net.send(a, frame(1, 1)).expect("room");
    tokio::time::timeout(DEADLINE, alice.net.shutdown()).await.expect("it ends");
}

#[tokio::test]
async fn a_peer_that_comes_back_is_dialled_again() {
    let mut bob = Peer::start(2).await;
    let mut alice = Peer::start(1).await;
    let address = alice.address();
    let (_, b) = join(&mut alice, &mut bob).await;
    alice.net.shutdown().await;
    assert_eq!(bob.down(b).await, DownReason::ClosedThere);

    let mut alice = Peer::start_with(1, config_on(&address.to_string())).await;
    let again = bob.up_with(alice.device).await;
    assert_ne!(again, b, "a new link has a new name");
    let a = alice.up_with(bob.device).await;
    bob.net.send(again, frame(1, 1)).expect("room");
    assert_eq!(alice.received(a).await, frame(1, 1));
}

#[tokio::test]
async fn nobody_at_an_address_is_reported_and_does_not_end_the_dialling() {
    let mut bob = Peer::start(2).await;
    let alice = Peer::start(1).await;
    let address = alice.address();
    alice.net.shutdown().await;
    bob.net.dial(address.clone()).expect("room");
    let failed = bob.find("a failure", |event| match event {
        NetEvent::DialFailed { address, reason } => Some((address.clone(), reason.clone())),
        _ => None,
    });
    let (failed, reason) = failed.await;
    assert_eq!(failed, address);
    assert!(!reason.is_empty());
    let alice = Peer::start_with(1, config_on(&address.to_string())).await;
    bob.up_with(alice.device).await;
}

#[tokio::test]
async fn a_refused_device_loses_its_link_and_comes_back_when_it_is_allowed() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    alice.net.refuse(bob.device);
    assert_eq!(alice.down(a).await, DownReason::Refused);
    bob.down(b).await;

    let again =
        bob.settle(Duration::from_millis(1_500)).await.iter().any(|event| matches!(event, NetEvent::LinkUp { .. }));
    assert!(!again, "it dials, and is not let in");
    alice.net.allow(bob.device);
    // Bob was rejected and waits for long; who allows may as well dial.
    alice.net.dial(bob.address()).expect("room");
    bob.up_with(alice.device).await;
    alice.up_with(bob.device).await;
}

#[tokio::test]
async fn from_a_slowed_link_little_is_read_and_nothing_is_lost() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    bob.net.slow(b, true);
    let begun = Instant::now();
    for tag in 0..6 {
        alice.net.send(a, frame(tag, 10)).expect("room");
    }
    for tag in 0..6 {
        assert_eq!(bob.received(b).await, frame(tag, 10));
    }
    assert!(begun.elapsed() >= 5 * net::config::SLOWED, "a rest after each of them: {:?}", begun.elapsed());

    bob.net.slow(b, false);
    let begun = Instant::now();
    for tag in 0..40 {
        alice.net.send(a, frame(tag, 10)).expect("room");
    }
    for tag in 0..40 {
        assert_eq!(bob.received(b).await, frame(tag, 10));
    }
    assert!(begun.elapsed() < 20 * net::config::SLOWED, "as much as comes: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_held_link_is_not_read_while_others_are_and_nothing_is_lost() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let mut carol = Peer::start(3).await;
    let (a, b) = join(&mut alice, &mut bob).await;
    let (c, bobs) = join(&mut carol, &mut bob).await;
    bob.net.hold(b, true);
    // The frame that the reader was waiting for already still comes.
    alice.net.send(a, frame(0, 10)).expect("room");
    assert_eq!(bob.received(b).await, frame(0, 10));
    for tag in 1..6 {
        alice.net.send(a, frame(tag, 10)).expect("room");
    }
    for tag in 0..3 {
        carol.net.send(c, frame(tag, 10)).expect("room");
        assert_eq!(bob.received(bobs).await, frame(tag, 10));
    }
    let none = bob.settle(Duration::from_millis(1_000)).await;
    assert!(
        !none.iter().any(|event| matches!(event, NetEvent::Received { .. } | NetEvent::LinkDown { .. })),
        "{none:?}"
    );

    bob.net.hold(b, false);
    for tag in 1..6 {
        assert_eq!(bob.received(b).await, frame(tag, 10));
    }
}

#[tokio::test]
async fn what_waits_on_a_link_that_is_aborted_is_dropped() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    bob.net.send(b, frame(0, 1)).expect("room");
    alice.net.send(a, frame(0, 1)).expect("room");
    alice.received(a).await;
    // Bob takes nothing, so what the wire does not hold waits here.
    let mut sent = 1;
    loop {
        match alice.net.send(a, frame(9, MAX_FRAME)) {
            Ok(()) => sent += 1,
            Err(SendError::Full) => {
                let more = tokio::time::timeout(Duration::from_millis(700), alice.events.next()).await;
                if more.is_err() {
                    break;
                }
            }
            Err(other) => panic!("{other}"),
        }
    }
    alice.net.abort(a, "blocked");
    assert_eq!(alice.net.send(a, frame(1, 1)), Err(SendError::Down));
    let reason = DownReason::ClosedHere { closing: Closing::Busy, reason: "blocked".into() };
    assert_eq!(alice.down(a).await, reason);
    let mut arrived = 0;
    loop {
        match bob.events.next().await.expect("an event") {
            NetEvent::Received { link, .. } if link == b => arrived += 1,
            NetEvent::LinkDown { link, .. } if link == b => break,
            _ => {}
        }
    }
    assert!(arrived < sent, "{arrived} of {sent} frames arrived");
}

#[tokio::test]
async fn who_is_allowed_again_is_dialled_at_once_where_the_address_was_given() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    alice.net.dial(bob.address()).expect("room");
    let a = alice.up_with(bob.device).await;
    bob.up_with(alice.device).await;
    alice.net.refuse(bob.device);
    assert_eq!(alice.down(a).await, DownReason::Refused);
    // Long enough for rejections to have made the waits long.
    alice.settle(Duration::from_millis(2_500)).await;
    let allowed = Instant::now();
    alice.net.allow(bob.device);
    alice.up_with(bob.device).await;
    assert!(allowed.elapsed() < Duration::from_secs(2), "{:?}", allowed.elapsed());
}

#[tokio::test]
async fn a_link_without_traffic_stays_and_costs_only_heartbeats() {
    let short =
        Patience { heartbeat: Duration::from_millis(100), silence: Duration::from_millis(600), ..Patience::default() };
    let impatient = || net::Config { patience: short, ..config() };
    let (mut alice, mut bob) = (Peer::start_with(1, impatient()).await, Peer::start_with(2, impatient()).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    alice.net.send(a, frame(1, 1)).expect("room");
    bob.net.send(b, frame(1, 1)).expect("room");
    bob.received(b).await;
    // Three times the silence that would end it.
    let events = alice.settle(Duration::from_millis(1_800)).await.iter();
    assert!(!events.into_iter().any(|event| matches!(event, NetEvent::LinkDown { .. })));
}

#[tokio::test]
async fn an_address_that_nobody_can_listen_on_is_told() {
    let keys = feed::KeyPair::from_seed(&[1; 32]);
    let error = net::Net::start(&keys, config_on("/ip4/192.0.2.1/tcp/0")).await.expect_err("not an address of ours");
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

#[tokio::test]
async fn whoever_found_no_room_is_linked_again_a_moment_later() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (mut a, mut b) = join(&mut alice, &mut bob).await;
    // More often than it would take to be kept out for a minute, if it were held against Bob.
    for _ in 0..4 {
        alice.net.close(a, Closing::Busy, "there are too many links");
        assert!(matches!(alice.down(a).await, DownReason::ClosedHere { closing: Closing::Busy, .. }));
        bob.down(b).await;
        let closed = Instant::now();
        (a, b) = (alice.up_with(bob.device).await, bob.up_with(alice.device).await);
        assert!(closed.elapsed() < Duration::from_secs(8), "{:?}", closed.elapsed());
    }
}

#[tokio::test]
async fn a_hostile_peer_is_not_let_in_again_soon() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (a, b) = join(&mut alice, &mut bob).await;
    alice.net.close(a, Closing::Hostile, "it sent what cannot be read");
    alice.down(a).await;
    bob.down(b).await;
    let events = alice.settle(Duration::from_millis(2_500)).await;
    assert!(!events.iter().any(|event| matches!(event, NetEvent::LinkUp { .. })), "it dials, and is not let in");
}
