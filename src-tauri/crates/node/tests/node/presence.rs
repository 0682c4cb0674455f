//! Who is at their device, and who wrote something new.

use feed::KeyPair;
use node::{
    Change, CloseReason, Input,
    limits::{WORD_EVERY, WORD_LIVES},
    wire::Word,
};

use crate::stranger::Stranger;
use crate::world::{Who, World, follow, keys, ms, post, s};

fn is_here(world: &World, at: Who, other: Who) -> bool {
    let device = world.peers[other].keys.device_key();
    let peers = world.peers[at].node.peers();
    peers.iter().find(|peer| peer.device == device).expect("linked").is_here
}

fn newest(world: &World, at: Who, other: Who) -> Option<u64> {
    let device = world.peers[other].keys.device_key();
    let peers = world.peers[at].node.peers();
    peers.iter().find(|peer| peer.device == device).expect("linked").newest
}

/// Alice and Bob, who follow each other, and the link.
fn friends(world: &mut World) -> (Who, Who) {
    let (alice, bob) = (world.person(1), world.person(2));
    let (a, b) = (world.peers[alice].id(), world.peers[bob].id());
    world.publish(alice, follow(b));
    world.publish(bob, follow(a));
    world.link(alice, bob);
    world.run(s(5));
    (alice, bob)
}

/// Alice and Bob, who have never met, linked.
fn strangers(world: &mut World) -> (Who, Who) {
    let (alice, bob) = (world.person(1), world.person(2));
    world.link(alice, bob);
    world.run(s(5));
    (alice, bob)
}

#[test]
fn somebody_at_their_device_is_seen_until_they_leave_it() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    assert!(!is_here(&world, alice, bob));
    world.peers[alice].changes.clear();
    world.input(bob, Input::Attended(true));
    world.run(ms(50));
    assert!(is_here(&world, alice, bob), "at once");
    assert!(world.peers[alice].changes.contains(&Change::Nearby));
    assert!(!is_here(&world, bob, alice));
    world.run(s(60));
    assert!(is_here(&world, alice, bob), "as long as they stay");
    world.peers[alice].changes.clear();
    world.input(bob, Input::Attended(false));
    world.run(s(1));
    assert!(!is_here(&world, alice, bob), "they say that they leave");
    assert!(world.peers[alice].changes.contains(&Change::Nearby));
}

#[test]
fn whoever_falls_silent_is_not_here_any_more() {
    let mut world = World::new();
    let alice = world.person(1);
    let bob = KeyPair::from_seed(&[2; 32]);
    let stranger = Stranger::greeted(&mut world, alice, bob);
    world.run(s(3));
    let word = Word { attended: true, newest: 7 }.encode();
    world.input(alice, Input::Heard { link: stranger.link, word });
    let here = |world: &World| world.peers[alice].node.peers()[0].is_here;
    world.run(WORD_LIVES - ms(10));
    assert!(here(&world));
    world.peers[alice].changes.clear();
    world.run(ms(20));
    assert!(!here(&world));
    assert_eq!(world.peers[alice].node.peers()[0].newest, Some(7), "what they said of their feed still holds");
    assert!(world.peers[alice].changes.contains(&Change::Nearby));
}

#[test]
fn a_link_that_comes_up_hears_of_who_is_here() {
    let mut world = World::new();
    let (alice, bob) = (world.person(1), world.person(2));
    world.input(bob, Input::Attended(true));
    world.run(s(30));
    world.link(alice, bob);
    world.run(s(5));
    assert!(is_here(&world, alice, bob));
}

#[test]
fn strangers_hear_that_there_is_something_new_and_nothing_else() {
    let mut world = World::new();
    let (alice, bob) = strangers(&mut world);
    world.publish(bob, post("hello"));
    world.run(s(2));
    assert_eq!(newest(&world, alice, bob), Some(1));
    assert!(!is_here(&world, alice, bob), "a post by itself shows nobody");
    assert_eq!(world.peers[alice].holds(world.peers[bob].id()), 0);
}

#[test]
fn what_is_new_is_said_once_more_because_a_word_may_be_lost() {
    let mut world = World::new();
    let (_, bob) = strangers(&mut world);
    world.peers[bob].words.clear();
    world.publish(bob, post("hello"));
    world.run(WORD_EVERY - ms(100));
    assert_eq!(world.peers[bob].words.len(), 1);
    world.run(s(60));
    let word = Word { attended: false, newest: 1 }.encode();
    assert_eq!(world.peers[bob].words, [word.clone(), word]);
}

#[test]
fn among_friends_nothing_is_said_while_nobody_is_there() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    world.peers.iter_mut().for_each(|peer| peer.words.clear());
    world.publish(alice, post("one"));
    world.publish(bob, post("two"));
    world.run(s(600));
    assert_eq!(world.peers[alice].words.len() + world.peers[bob].words.len(), 0, "their notes say it");
}

#[test]
fn little_is_said_however_much_happens() {
    let mut world = World::new();
    let (alice, bob) = strangers(&mut world);
    world.peers[bob].words.clear();
    for round in 0..100 {
        world.input(bob, Input::Attended(round % 2 == 0));
        world.publish(bob, post("and another thing"));
        world.run(ms(100));
    }
    assert!(world.peers[bob].words.len() <= 11, "{} words in ten seconds", world.peers[bob].words.len());
    world.run(s(2));
    assert_eq!(newest(&world, alice, bob), Some(100), "the last of it is heard");
}

#[test]
fn whoever_says_what_cannot_be_read_is_cut_off() {
    let mut world = World::new();
    let alice = world.person(1);
    let mallory = Stranger::greeted(&mut world, alice, keys(9));
    world.run(s(3));
    world.input(alice, Input::Heard { link: mallory.link, word: vec![2, 0xff, 0xff] });
    assert!(world.peers[alice].closed.is_empty(), "a later version is no offence");
    world.input(alice, Input::Heard { link: mallory.link, word: vec![1] });
    assert!(matches!(world.peers[alice].closed[..], [CloseReason::Malformed(_)]));
}

#[test]
fn nothing_is_heard_before_both_have_greeted() {
    let mut world = World::new();
    let alice = world.person(1);
    let silent = Stranger::silent(&mut world, alice, keys(9));
    world.input(alice, Input::Heard { link: silent.link, word: Word { attended: true, newest: 1 }.encode() });
    assert!(!world.peers[alice].node.peers()[0].is_here);
}
