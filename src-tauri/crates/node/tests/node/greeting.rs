//! The greeting, outbox by outbox.

use feed::{KeyPair, NetworkKey};
use node::{
    Change, CloseReason, Config, Input, Instant, LinkId, Medium, NetworkId, Node, Now, Output, Standing, Ticket,
    wire::{Hello, VERSION, clock_digest, kind},
};
use replication::ebt::Clock;

use crate::{
    stranger::{Stranger, hello},
    world::{Disk, World, keys, s},
};

const LINK: LinkId = LinkId(1);

fn now(millis: u64) -> Now {
    Now { monotonic: Instant::from_millis(millis), wall: 1_790_000_000_000 + millis as i64 }
}

fn node(keys: KeyPair) -> Node {
    let config = Config {
        keys,
        network: None,
        generation: 9,
        heads: Default::default(),
        written: Default::default(),
        wanted: Default::default(),
        graph: Default::default(),
        muted: Default::default(),
        frozen: Default::default(),
        standing: Standing::Whole,
        about: None,
        blobs: Vec::new(),
        offline: false,
    };
    Node::new(config, [1; 32], now(0))
}

fn drain(node: &mut Node) -> Vec<Output> {
    std::iter::from_fn(|| node.poll_output()).collect()
}

fn link_up(node: &mut Node, device: KeyPair) {
    node.handle_input(Input::LinkUp { link: LINK, device: device.device_key(), medium: Medium::Direct }, now(0));
}

fn closing(outputs: &[Output]) -> Option<&CloseReason> {
    outputs.iter().find_map(|output| match output {
        Output::Close { link: LINK, reason } => Some(reason),
        _ => None,
    })
}

#[test]
fn a_new_link_loads_clocks_then_says_hello_then_notes() {
    let mut alice = node(keys(1));
    assert!(drain(&mut alice).is_empty());

    link_up(&mut alice, keys(2));
    let outputs = drain(&mut alice);
    let [Output::LoadClocks { ticket, device }, Output::Changed(Change::Nearby)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(*device, keys(2).device_key());

    alice.handle_input(Input::ClocksLoaded { ticket: *ticket, held: Clock::new(), told: Clock::new() }, now(1));
    let outputs = drain(&mut alice);
    let [Output::Send { link: LINK, frame }] = &outputs[..] else { panic!("{outputs:?}") };
    let said = Hello::decode(frame).expect("a hello");
    let nothing = clock_digest(&Clock::new());
    assert_eq!((said.version, said.network, said.generation), (VERSION, NetworkId::of(None), 9));
    assert_eq!((said.told, said.held), (nothing, nothing));

    alice.handle_input(Input::Received { link: LINK, frame: hello().encode() }, now(2));
    let outputs = drain(&mut alice);
    let [Output::Send { link: LINK, frame }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(frame[0], kind::NOTES);
}

#[test]
fn a_hello_that_comes_before_our_clocks_are_loaded_is_kept() {
    let mut alice = node(keys(1));
    link_up(&mut alice, keys(2));
    let outputs = drain(&mut alice);
    let [Output::LoadClocks { ticket, .. }, ..] = outputs[..] else { panic!("{outputs:?}") };
    alice.handle_input(Input::Received { link: LINK, frame: hello().encode() }, now(1));
    assert!(drain(&mut alice).is_empty());
    alice.handle_input(Input::ClocksLoaded { ticket, held: Clock::new(), told: Clock::new() }, now(2));
    let kinds: Vec<u8> = drain(&mut alice)
        .iter()
        .filter_map(|output| match output {
            Output::Send { frame, .. } => frame.first().copied(),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, [kind::HELLO, kind::NOTES]);
}

#[test]
fn whoever_says_nothing_for_ten_seconds_is_closed() {
    let mut alice = node(keys(1));
    link_up(&mut alice, keys(2));
    drain(&mut alice);
    assert_eq!(alice.poll_timeout(), Some(now(10_000).monotonic));
    alice.handle_timeout(now(10_000));
    assert_eq!(closing(&drain(&mut alice)), Some(&CloseReason::NoHello));
}

#[test]
fn a_link_to_oneself_is_closed() {
    let mut alice = node(keys(1));
    link_up(&mut alice, keys(1));
    assert_eq!(closing(&drain(&mut alice)), Some(&CloseReason::Myself));
}

#[test]
fn a_newer_link_to_the_same_device_replaces_the_older() {
    let mut alice = node(keys(1));
    link_up(&mut alice, keys(2));
    let device = keys(2).device_key();
    alice.handle_input(Input::LinkUp { link: LinkId(2), device, medium: Medium::Direct }, now(5));
    assert_eq!(closing(&drain(&mut alice)), Some(&CloseReason::Second));
    assert_eq!(alice.peers().len(), 1);
}

#[test]
fn too_many_links_are_refused() {
    let mut alice = node(keys(1));
    for number in 0..=node::limits::LINKS as u64 {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let device = KeyPair::from_seed(&seed).device_key();
        alice.handle_input(Input::LinkUp { link: LinkId(number), device, medium: Medium::Direct }, now(0));
    }
    let closed = drain(&mut alice)
        .into_iter()
        .filter(|output| matches!(output, Output::Close { reason: CloseReason::TooMany, .. }));
    assert_eq!(closed.count(), 1);
    assert_eq!(alice.peers().len(), node::limits::LINKS);
}

/// Greets alice with a hello and returns why she closed, if she did.
fn answer_to(hello: Vec<u8>) -> Option<CloseReason> {
    let mut world = World::new();
    let alice = world.person(1);
    let stranger = Stranger::silent(&mut world, alice, keys(2));
    stranger.send(&mut world, hello);
    world.peers[alice].closed.pop()
}

#[test]
fn other_versions_and_other_networks_are_told_apart_and_closed() {
    assert_eq!(answer_to(hello().encode()), None);
    let other = Hello { version: 7, ..hello() };
    assert_eq!(answer_to(other.encode()), Some(CloseReason::Version { theirs: 7, ours: VERSION }));
    let elsewhere = NetworkId::of(Some(&NetworkKey::new([5; 32])));
    assert_eq!(answer_to(Hello { network: elsewhere, ..hello() }.encode()), Some(CloseReason::Network));
    let narrow = Hello { frame_limit: 1_000, ..hello() };
    assert!(matches!(answer_to(narrow.encode()), Some(CloseReason::Malformed(_))));
}

#[test]
fn whatever_is_no_hello_is_closed_as_malformed() {
    for frame in [
        vec![],
        vec![kind::NOTES],
        vec![kind::MESSAGES, 0, 1],
        hello().encode()[..50].to_vec(),
        vec![kind::HELLO; node::limits::HELLO + 1],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        assert!(matches!(answer_to(frame.clone()), Some(CloseReason::Malformed(_))), "{frame:?}");
    }
}

#[test]
fn people_of_closed_networks_speak_with_their_own_only() {
    let mut world = World::new();
    let network = Some(NetworkKey::new([5; 32]));
    let alice = world.person(1);
    let bob = world.add(keys(2), Disk { network: network.clone(), ..Disk::default() });
    let carol = world.add(keys(3), Disk { network, ..Disk::default() });
    world.link(alice, bob);
    world.link(bob, carol);
    world.run(s(1));
    assert_eq!(world.peers[alice].closed, [CloseReason::Network]);
    let known: Vec<_> = world.peers[bob].node.peers().into_iter().map(|peer| peer.device).collect();
    assert_eq!(known, [keys(3).device_key()]);

    let c = world.peers[carol].id();
    world.publish(bob, crate::world::follow(c));
    world.publish(carol, crate::world::post("among ourselves"));
    world.run(s(3));
    assert_eq!(world.peers[bob].holds(c), 1);
}

#[test]
fn tickets_of_another_time_are_ignored() {
    let mut alice = node(keys(1));
    alice.handle_input(Input::Appended { ticket: Ticket(77), result: Ok(()) }, now(0));
    alice.handle_input(Input::Verified { ticket: Ticket(78), results: vec![] }, now(0));
    alice.handle_input(Input::Loaded { ticket: Ticket(79), result: Ok(vec![]) }, now(0));
    alice.handle_input(Input::ClocksLoaded { ticket: Ticket(80), held: Clock::new(), told: Clock::new() }, now(0));
    alice.handle_input(Input::Writable { link: LINK }, now(0));
    alice.handle_input(Input::Received { link: LINK, frame: vec![1] }, now(0));
    alice.handle_input(Input::LinkDown { link: LINK, misconduct: None }, now(0));
    assert!(drain(&mut alice).is_empty());
}
