//! Blocks, said and unsaid, and mutes: what goes no further from which moment on.

use std::collections::BTreeMap;

use feed::{FeedId, Message};
use node::{CloseReason, Input, Medium, Output, RejectReason};

use crate::world::{Disk, Who, World, block, follow, keys, ms, post, s};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

/// Alice, whom bob and carol follow, and who follows them; bob and carol hold all of each other.
fn three() -> (World, [Who; 3], [FeedId; 3]) {
    let mut world = World::new();
    let who = [ALICE, BOB, CAROL].map(|seed| world.person(seed));
    let ids = who.map(|who| world.peers[who].id());
    for from in who {
        for to in ids {
            if world.peers[from].id() != to {
                world.publish(from, follow(to));
            }
        }
    }
    world.link(who[0], who[1]);
    world.link(who[0], who[2]);
    world.run(s(5));
    for peer in who {
        assert!(ids.iter().all(|id| world.peers[peer].holds(*id) == 2), "everybody has everything");
    }
    (world, who, ids)
}

/// The messages of a feed as they lie on a disk.
fn stored(world: &World, who: Who, feed: FeedId) -> Vec<Message> {
    world.peers[who].disk.log.get(&feed).cloned().unwrap_or_default()
}

#[test]
fn a_private_block_ends_the_link_and_is_in_nothing_that_others_hear() {
    let (mut world, [alice, bob, carol], [a, b, _]) = three();
    let before = stored(&world, alice, a);
    world.decide(alice, b, true, false);
    world.run(s(5));
    assert!(world.peers[alice].closed.contains(&CloseReason::Blocked));
    assert!(world.peers[alice].node.peers().iter().all(|peer| peer.person != b.into()), "bob is linked no more");
    assert_eq!(world.links_of(bob).len(), 0);
    for who in [alice, bob, carol] {
        assert_eq!(stored(&world, who, a), before, "nothing is published");
    }
    // Neither way: what bob writes does not come, what alice and carol write does not go.
    world.publish(bob, post("hello?"));
    world.publish(alice, post("to carol alone"));
    world.link(alice, bob);
    world.run(s(5));
    assert_eq!((world.peers[alice].holds(b), world.peers[carol].holds(b)), (2, 2));
    assert_eq!((world.peers[bob].holds(a), world.peers[carol].holds(a)), (2, 3));
    // Carol has bob's post from him; alice does not take it from her either, nor hand it on.
    world.link(bob, carol);
    world.run(s(5));
    assert_eq!((world.peers[carol].holds(b), world.peers[alice].holds(b)), (3, 2));
}

#[test]
fn a_block_drops_what_waits_for_somebody() {
    let mut world = World::new();
    let mut disk = Disk::default();
    for n in 0..3_000 {
        disk.write(&keys(ALICE), 0, &post(&format!("{n} {}", "a long history ".repeat(40))));
    }
    let alice = world.add(keys(ALICE), disk);
    let bob = world.person(BOB);
    let (a, b) = (world.peers[alice].id(), world.peers[bob].id());
    world.publish(bob, follow(a));
    world.latency = ms(50);
    world.link(alice, bob);
    while world.peers[bob].holds(a) == 0 {
        world.run(ms(10));
    }
    let held = world.peers[bob].holds(a);
    world.decide(alice, b, true, false);
    assert!(world.peers[alice].refused.contains(&keys(BOB).device_key()));
    world.run(s(5));
    assert!(held < 3_000 && world.peers[bob].holds(a) < 3_000, "the history was under way");
    let after = world.peers[bob].holds(a);
    assert!(after - held < 200, "only what had arrived is stored: {held}, then {after}");
}

#[test]
fn the_device_is_kept_out_before_its_link_is_closed() {
    let (mut world, [alice, ..], [_, b, _]) = three();
    let person = b.into();
    let now = world.now;
    let node = &mut world.peers[alice].node;
    node.handle_input(Input::Stance { person, blocked: true, muted: false }, now);
    let device = keys(BOB).device_key();
    let outputs: Vec<Output> = std::iter::from_fn(|| node.poll_output()).collect();
    let refused =
        outputs.iter().position(|output| matches!(output, Output::Refuse { device: d, refuse: true } if *d == device));
    let closed = outputs.iter().position(|output| matches!(output, Output::Close { reason: CloseReason::Blocked, .. }));
    assert!(refused.is_some() && refused < closed, "{outputs:?}");
    node.handle_input(Input::LinkUp { link: node::LinkId(900), device, medium: Medium::Direct }, now);
    let outputs: Vec<Output> = std::iter::from_fn(|| node.poll_output()).collect();
    assert!(matches!(outputs[..], [Output::Refuse { refuse: true, .. }, Output::Close { .. }]), "{outputs:?}");
}

#[test]
fn what_is_being_checked_when_somebody_is_blocked_is_not_stored() {
    for in_public in [false, true] {
        let mut world = World::new();
        let alice = world.person(ALICE);
        let mut disk = Disk::default();
        for n in 0..300 {
            disk.write(&keys(BOB), 0, &post(&format!("{n}")));
        }
        let bob = world.add(keys(BOB), disk);
        let b = world.peers[bob].id();
        world.publish(alice, follow(b));
        world.run(s(3));
        world.checking = s(1);
        world.link(alice, bob);
        world.run(ms(500));
        assert_eq!(world.peers[alice].holds(b), 0, "still being checked");
        assert!(world.peers[alice].verified > 0);
        if in_public {
            world.publish(alice, block(b));
        } else {
            world.decide(alice, b, true, false);
        }
        world.run(s(10));
        assert_eq!(world.peers[alice].holds(b), 0, "in public: {in_public}");
    }
}

#[test]
fn what_an_import_brought_of_somebody_is_refused_once_they_are_blocked() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    let mut theirs = Disk::default();
    let messages: Vec<Message> = (0..5).map(|n| theirs.write(&keys(BOB), 0, &post(&format!("{n}")))).collect();
    // The first is missing, so these wait.
    let imported = world.import(alice, messages[1..].to_vec());
    assert_eq!((imported.stored, imported.waiting), (0, 4));
    world.decide(alice, keys(BOB).feed_id(), true, false);
    let imported = world.import(alice, messages[..1].to_vec());
    assert_eq!((imported.stored, imported.waiting), (0, 0), "what waited is gone");
    assert!(imported.rejected.iter().all(|rejected| rejected.reason == RejectReason::Blocked), "{imported:?}");
}

#[test]
fn a_second_copy_in_a_file_that_says_the_block_is_known() {
    let mut world = World::new();
    let (mut mine, mut theirs) = (Disk::default(), Disk::default());
    let block = mine.write(&keys(ALICE), 0, &block(keys(BOB).feed_id()));
    let all: Vec<Message> = (0..5).map(|n| theirs.write(&keys(BOB), 0, &post(&format!("{n}")))).collect();
    let alice = world.person(ALICE);
    world.checking = s(1);
    let first = node::Ticket(7_001);
    world.input(alice, Input::Import { ticket: first, messages: all.iter().cloned().chain([block]).collect() });
    // The copies wait for those that are on their way.
    world.input(alice, Input::Import { ticket: node::Ticket(7_002), messages: all });
    world.run(s(5));
    let imported = &world.peers[alice].imported;
    let sum = |count: fn(&node::Imported) -> u64| imported.iter().map(count).sum::<u64>();
    assert_eq!((sum(|one| one.stored), sum(|one| one.known), sum(|one| one.rejected.len() as u64)), (6, 5, 0));
}

#[test]
fn an_unblocked_person_is_let_in_at_once() {
    let (mut world, [alice, bob, _], [a, b, _]) = three();
    world.decide(alice, b, true, false);
    world.publish(bob, post("while blocked"));
    world.publish(alice, post("while they were blocked"));
    world.run(s(5));
    let device = keys(BOB).device_key();
    assert!(world.peers[alice].refused.contains(&device));
    world.decide(alice, b, false, false);
    assert!(!world.peers[alice].refused.contains(&device));
    world.link(alice, bob);
    world.run(s(5));
    assert_eq!((world.peers[alice].holds(b), world.peers[bob].holds(a)), (3, 3), "the follow still stands");
}

#[test]
fn a_block_that_is_said_and_taken_back_lets_in_again_too() {
    let (mut world, [alice, bob, _], [_, b, _]) = three();
    world.publish(alice, block(b));
    world.run(s(3));
    assert!(world.peers[alice].refused.contains(&keys(BOB).device_key()));
    world.publish(alice, follow(b));
    world.run(s(3));
    assert!(world.peers[alice].refused.is_empty());
    world.publish(bob, post("again"));
    world.link(alice, bob);
    world.run(s(5));
    assert_eq!(world.peers[alice].holds(b), 3);
}

#[test]
fn a_private_block_counts_after_a_restart() {
    let (mut world, [alice, bob, _], [_, b, _]) = three();
    world.decide(alice, b, true, false);
    world.run(s(3));
    world.restart(alice, None);
    world.publish(bob, post("hello?"));
    world.link(alice, bob);
    world.run(s(5));
    assert_eq!(world.peers[alice].holds(b), 2);
    assert!(world.peers[alice].refused.contains(&keys(BOB).device_key()));
}

#[test]
fn muted_people_notify_nobody_and_are_passed_on_all_the_same() {
    let mut heard = BTreeMap::new();
    for muted in [false, true] {
        let (mut world, [alice, bob, carol], [_, b, _]) = three();
        world.decide(alice, b, false, muted);
        if muted {
            world.restart(alice, None);
            world.link(alice, bob);
            world.link(alice, carol);
        }
        world.run(s(90));
        world.peers[alice].notifications.clear();
        world.publish(bob, post("hello"));
        world.run(s(5));
        heard.insert(muted, world.peers[alice].notifications.len());
        assert_eq!((world.peers[alice].holds(b), world.peers[carol].holds(b)), (3, 3));
    }
    assert_eq!(heard, BTreeMap::from([(false, 1), (true, 0)]));
}
