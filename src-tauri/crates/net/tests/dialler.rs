//! Dialling an address that a person typed: what the answer says, and what is kept.

mod loopback;

use std::time::Duration;

use loopback::{Peer, config_on};
use net::{Answered, Multiaddr, NetEvent, Unreached};

/// The reason of a dial that led to nothing.
async fn fails(peer: &Peer, address: Multiaddr) -> String {
    match peer.net.dialler().try_address(address).await {
        Err(Unreached::NoAnswer(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_answer_names_the_device_and_the_link_is_kept() {
    for (one, other) in [(1, 2), (2, 1)] {
        let (alice, mut bob) = (Peer::start(one).await, Peer::start(other).await);
        let address = alice.address();
        assert_eq!(
            bob.net.dialler().try_address(address.clone()).await,
            Ok(Answered { device: alice.device, is_new: true })
        );
        let link = bob.up_with(alice.device).await;
        let again = bob.net.dialler().try_address(address.clone()).await;
        assert_eq!(again, Ok(Answered { device: alice.device, is_new: false }), "asked again, it is there");

        alice.net.shutdown().await;
        bob.down(link).await;
        let alice = Peer::start_with(one, config_on(&address.to_string())).await;
        bob.up_with(alice.device).await;
    }
}

#[tokio::test]
async fn nobody_at_an_address_is_said_and_it_is_not_dialled_again() {
    let mut bob = Peer::start(2).await;
    let alice = Peer::start(1).await;
    let address = alice.address();
    alice.net.shutdown().await;
    assert!(!fails(&bob, address.clone()).await.is_empty());

    let alice = Peer::start_with(1, config_on(&address.to_string())).await;
    let events = bob.settle(Duration::from_secs(1)).await;
    assert!(!events.iter().any(|event| matches!(event, NetEvent::LinkUp { .. })), "it was a trial");
    let second = bob.net.dialler().try_address(address).await;
    assert_eq!(second, Ok(Answered { device: alice.device, is_new: true }), "a second try is one more");
}

#[tokio::test]
async fn an_address_that_is_forgotten_is_not_dialled_again() {
    let (alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let address = alice.address();
    bob.net.dialler().try_address(address.clone()).await.expect("she is there");
    let link = bob.up_with(alice.device).await;
    bob.net.dialler().forget(address.clone());
    alice.net.shutdown().await;
    bob.down(link).await;
    let _alice = Peer::start_with(1, config_on(&address.to_string())).await;
    let events = bob.settle(Duration::from_secs(1)).await;
    assert!(!events.iter().any(|event| matches!(event, NetEvent::LinkUp { .. })));
}

#[tokio::test]
async fn ones_own_address_and_a_device_that_is_kept_out_are_told_apart() {
    let (alice, bob) = (Peer::start(1).await, Peer::start(2).await);
    let own = fails(&bob, bob.address()).await;
    assert!(own.contains("this device itself"), "{own}");
    bob.net.refuse(alice.device);
    let out = fails(&bob, alice.address()).await;
    assert!(out.contains("not allowed"), "{out}");
    let known = format!("{}/p2p/{}", alice.address(), "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X");
    assert!(fails(&bob, known.parse().expect("an address")).await.contains("another device"));
    alice.net.refuse(bob.device);
    bob.net.allow(alice.device);
    assert!(!fails(&bob, alice.address()).await.is_empty(), "who is turned away hears that, in time");
}

#[tokio::test]
async fn only_so_many_addresses_are_dialled() {
    let (alice, bob) = (Peer::start(1).await, Peer::start(2).await);
    let mut port = 1_u16;
    while bob.net.dial(format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address")).is_ok() {
        port += 1;
        assert!(usize::from(port) <= net::config::WANTED_ADDRESSES + 1, "there is a bound");
    }
    assert_eq!(bob.net.dialler().try_address(alice.address()).await, Err(Unreached::TooMany));
    bob.net.dialler().forget("/ip4/127.0.0.1/tcp/1".parse().expect("an address"));
    // Dozens are dialled meanwhile, and only so many at once: then it says so.
    let mut said = None;
    for _ in 0..200 {
        match bob.net.dialler().try_address(alice.address()).await {
            Ok(answered) => return assert_eq!(answered.device, alice.device),
            Err(error) => said = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what is forgotten makes room: {said:?}");
}
