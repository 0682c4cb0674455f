//! Who is to blame for what does not hold: only who sent it, and never who was innocent beside it.

use feed::{FeedId, Message};
use node::{
    Input, Ticket,
    wire::{MessagesWriter, coding::plain, kind},
};
use replication::ebt::Note;

use crate::{
    stranger::Stranger,
    world::{Disk, Who, World, follow, keys, ms, post, s},
};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;
const MALLORY: u8 = 66;

fn bob() -> FeedId {
    keys(BOB).feed_id()
}

fn disk_of(seed: u8, posts: usize, text: &str) -> Disk {
    let mut disk = Disk::default();
    for _ in 0..posts {
        disk.write(&keys(seed), 0, &post(text));
    }
    disk
}

/// Alice, who follows Bob and Carol.
fn alice(world: &mut World) -> Who {
    let alice = world.person(ALICE);
    world.publish(alice, follow(bob()));
    world.publish(alice, follow(keys(CAROL).feed_id()));
    world.run(s(3));
    alice
}

/// The message with its text changed: everything fits but the signature.
fn forged(message: &Message) -> Vec<u8> {
    String::from_utf8_lossy(message.encoded()).replace("number", "nomber").into_bytes()
}

/// Hands over a frame with one message, and lets no time pass.
fn hand_over(world: &mut World, from: &mut Stranger, message: &Message, bytes: &[u8]) {
    let mut writer = MessagesWriter::default();
    writer.push_coded(message.author(), message.sequence(), &plain(bytes), &mut from.ids).expect("one feed");
    world.input(from.who, Input::Received { link: from.link, frame: writer.finish() });
}

#[test]
fn a_forgery_from_somebody_who_was_not_asked_does_not_get_in_the_way() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let feed = disk_of(BOB, 2, "number").log[&bob()].clone();
    let mut honest = Stranger::greeted(&mut world, alice, keys(BOB));
    honest.send_notes(&mut world, &[(bob(), Note::lazy(2))]);
    let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
    hand_over(&mut world, &mut mallory, &feed[0], &forged(&feed[0]));
    hand_over(&mut world, &mut honest, &feed[0], feed[0].encoded());
    world.run(ms(10));
    assert_eq!(world.peers[alice].holds(bob()), 1);
    assert_eq!(world.peers[alice].verified, 1, "the forgery is not even looked at");
}

#[test]
fn a_forgery_from_somebody_who_was_asked_before_costs_the_honest_sender_a_second() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let disk = disk_of(BOB, 3, "number");
    let feed = disk.log[&bob()].clone();
    let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
    mallory.send_notes(&mut world, &[(bob(), Note::lazy(5))]);
    let honest = world.add(keys(BOB), disk);
    world.link(alice, honest);
    // Mallory is silent, so alice asks the honest one, whose messages are on their way now.
    world.kinds.clear();
    while !world.kinds.contains(&kind::MESSAGES) {
        world.run(ms(1));
    }
    world.checking = ms(100);
    hand_over(&mut world, &mut mallory, &feed[0], &forged(&feed[0]));
    world.run(s(3));
    assert_eq!(world.peers[alice].verified, 4, "the forgery, and the three");
    assert_eq!(world.peers[alice].holds(bob()), 3);
    assert_eq!(world.peers[alice].closed, []);
}

#[test]
fn a_false_fork_is_charged_to_who_sent_it() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let feed = disk_of(BOB, 2, "number").log[&bob()].clone();
    let other = disk_of(BOB, 3, "another number").log[&bob()].clone();
    let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
    mallory.send_notes(&mut world, &[(bob(), Note::lazy(3))]);
    mallory.send_messages(&mut world, &feed);
    for _ in 0..10 {
        mallory.send_bytes(&mut world, bob(), 3, &forged(&other[2]));
    }
    assert_eq!(world.peers[alice].holds(bob()), 2);
    assert_eq!(world.peers[alice].verified, 3, "one forged signature is checked for it, then none");
    assert!(world.peers[alice].disk.frozen.is_empty());
}

#[test]
fn a_fork_that_is_found_costs_no_other_feed_anything() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let feed = disk_of(BOB, 3, "number").log[&bob()].clone();
    let twin = disk_of(BOB, 3, "another number").log[&bob()].clone();
    let carols = disk_of(CAROL, 1, "number").log[&keys(CAROL).feed_id()].clone();
    let mut friend = Stranger::greeted(&mut world, alice, keys(BOB));
    friend.send_notes(&mut world, &[(bob(), Note::lazy(3)), (keys(CAROL).feed_id(), Note::lazy(1))]);
    friend.send_messages(&mut world, &feed[..2]);
    world.run(ms(10));
    assert_eq!(world.peers[alice].holds(bob()), 2);

    // While the twin is looked into, both feeds go on.
    world.checking = ms(50);
    world.input(alice, Input::Import { ticket: Ticket(1_000), messages: vec![twin[2].clone()] });
    hand_over(&mut world, &mut friend, &feed[2], feed[2].encoded());
    hand_over(&mut world, &mut friend, &carols[0], carols[0].encoded());
    world.run(ms(200));
    assert!(world.peers[alice].disk.frozen.contains(&bob()));
    assert_eq!(world.peers[alice].holds(bob()), 2, "a forked feed does not grow");
    assert_eq!(world.peers[alice].holds(keys(CAROL).feed_id()), 1);
}
