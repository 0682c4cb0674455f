//! One's own feed: never forked, whatever happens.

use feed::{KeyPair, Message, json::Value};
use node::{Change, Flow, Input, Refusal, Standing, Ticket, limits};
use replication::ebt::Note;

use crate::{
    stranger::Stranger,
    world::{Disk, Who, World, follow, keys, ms, post, s},
};

const ALICE: u8 = 1;
const BOB: u8 = 2;

/// Alice and Bob follow each other and are level; Alice has written five posts.
fn friends(world: &mut World) -> (Who, Who) {
    let alice = world.person(ALICE);
    let bob = world.person(BOB);
    world.link(alice, bob);
    world.publish(alice, follow(keys(BOB).feed_id()));
    world.publish(bob, follow(keys(ALICE).feed_id()));
    for number in 0..5 {
        world.publish(alice, post(&format!("number {number}")));
    }
    world.run(s(5));
    assert_eq!(world.peers[bob].holds(keys(ALICE).feed_id()), 6);
    (alice, bob)
}

fn texts(messages: &[Message]) -> Vec<String> {
    let text = |message: &Message| match message.content() {
        feed::Content::Object(value) => value.get("text").and_then(Value::as_str).map(|text| text.into_owned()),
        feed::Content::Sealed(_) => None,
    };
    messages.iter().filter_map(text).collect()
}

#[test]
fn the_first_publish_waits_two_seconds_when_nobody_is_there() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    world.publish(alice, post("anybody?"));
    world.run(ms(1_990));
    assert_eq!(world.peers[alice].published, []);
    world.run(ms(20));
    assert!(matches!(world.peers[alice].published[..], [(_, Ok(_))]));
    world.publish(alice, post("at once now"));
    world.run(ms(0));
    assert_eq!(world.peers[alice].published.len(), 2);
}

#[test]
fn the_first_publish_goes_out_as_soon_as_those_near_were_heard() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    let bob = world.person(BOB);
    world.publish(alice, post("hello"));
    world.link(alice, bob);
    world.run(ms(50));
    assert_eq!(world.peers[alice].published.len(), 1);
}

#[test]
fn a_friend_with_nothing_new_to_say_is_heard_a_moment_after_the_greeting() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    world.restart(alice, None);
    world.restart(bob, None);
    world.peers[alice].published.clear();
    world.link(alice, bob);
    world.publish(alice, post("back"));
    world.run(limits::GREETING_GRACE + ms(20));
    assert_eq!(world.peers[alice].published.len(), 1);
    assert_eq!(world.peers[alice].node.peers()[0].flow, Flow::Level);
}

#[test]
fn posts_are_stored_in_order_and_only_then_told() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    for number in 0..50 {
        world.publish(alice, post(&format!("fast {number}")));
    }
    world.run(s(3));
    let own = keys(ALICE).feed_id();
    assert_eq!(world.peers[bob].disk.log[&own], world.peers[alice].disk.log[&own]);
    assert_eq!(texts(&world.peers[bob].disk.log[&own])[5..].first().map(String::as_str), Some("fast 0"));
}

#[test]
fn a_full_disk_refuses_with_a_reason_and_the_feed_goes_on_later() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    world.peers[alice].disk.full = true;
    world.bytes = 0;
    world.publish(alice, post("lost"));
    world.run(s(2));
    let (_, result) = world.peers[alice].published.last().expect("an answer");
    let Err(Refusal::Store(reason)) = result else { panic!("{result:?}") };
    assert_eq!(reason.reason, "the disk is full");
    assert_eq!(world.bytes, 0, "nobody is told of what is not stored");

    world.peers[alice].disk.full = false;
    world.publish(alice, post("kept"));
    world.run(s(2));
    let own = keys(ALICE).feed_id();
    assert_eq!(world.peers[bob].holds(own), 7);
    assert_eq!(texts(&world.peers[bob].disk.log[&own]).last().map(String::as_str), Some("kept"));
}

#[test]
fn a_receiver_whose_disk_is_full_asks_again_when_it_is_not() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    world.peers[bob].disk.full = true;
    world.publish(alice, post("one"));
    world.publish(alice, post("two"));
    world.run(s(3));
    assert_eq!(world.peers[bob].holds(own), 6);
    world.peers[bob].disk.full = false;
    world.run(s(60));
    assert_eq!(world.peers[bob].holds(own), 8);
}

#[test]
fn a_disk_that_was_full_for_long_is_nobody_elses_fault() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    world.peers[bob].disk.full = true;
    for _ in 0..20 {
        world.publish(alice, post("again"));
        world.run(s(30));
    }
    world.peers[bob].disk.full = false;
    world.run(limits::APPEND_REST + s(2));
    assert_eq!(world.peers[bob].holds(own), 26);
}

#[test]
fn an_old_copy_recovers_from_a_friend_before_it_publishes() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    let old = world.peers[alice].disk.clone();
    for number in 0..300 {
        world.publish(alice, post(&format!("later {number}")));
    }
    world.run(s(5));
    assert_eq!(world.peers[bob].holds(own), 306);

    world.restart(alice, Some(old));
    world.peers[alice].published.clear();
    world.publish(alice, post("after the restore"));
    world.link(alice, bob);
    world.run(s(10));
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
    assert!(world.peers[alice].changes.contains(&Change::Standing));
    assert!(matches!(world.peers[alice].published[..], [(_, Ok(_))]));
    assert_eq!(world.peers[alice].holds(own), 307);
    assert_eq!(world.peers[bob].disk.log[&own], world.peers[alice].disk.log[&own], "no fork");
}

#[test]
fn a_friends_word_stops_publishing_until_the_messages_come() {
    let mut world = World::new();
    let (alice, _) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    for link in world.links_of(alice) {
        world.cut(link);
    }
    let mut friend = Stranger::greeted(&mut world, alice, keys(BOB));
    friend.send_notes(&mut world, &[(own, Note::lazy(9))]);
    assert_eq!(world.peers[alice].node.standing(), Standing::Recovering { expected: 9 });
    world.peers[alice].published.clear();
    world.publish(alice, post("not now"));
    world.run(limits::RECOVERY_PATIENCE);
    let [(_, Err(refusal))] = &world.peers[alice].published[..] else { panic!("one refusal") };
    assert_eq!(*refusal, Refusal::Recovering { have: 6, expected: 9 });
    assert!(refusal.to_string().starts_with("Messages 7 to 9 of your own feed are missing"));
    world.run(s(600));
    assert_eq!(world.peers[alice].node.standing(), Standing::Recovering { expected: 9 }, "a friend is believed");
    assert_eq!(world.peers[alice].node.missing_through(), None, "but nothing is proven");
    world.run(limits::FRIENDS_CLAIM_PATIENCE);
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole, "not for ever");
}

/// Alice, alone again, and what a friend of hers says of her feed.
fn alice_and_a_lying_friend(world: &mut World) -> (Who, Stranger) {
    let (alice, _) = friends(world);
    for link in world.links_of(alice) {
        world.cut(link);
    }
    let mut friend = Stranger::greeted(world, alice, keys(BOB));
    friend.send_notes(world, &[(keys(ALICE).feed_id(), Note::lazy((1 << 53) - 1))]);
    assert!(matches!(world.peers[alice].node.standing(), Standing::Recovering { .. }));
    (alice, friend)
}

#[test]
fn a_friend_may_take_a_false_word_back() {
    let mut world = World::new();
    let (alice, mut friend) = alice_and_a_lying_friend(&mut world);
    friend.send_notes(&mut world, &[(keys(ALICE).feed_id(), Note::lazy(8))]);
    assert_eq!(world.peers[alice].node.standing(), Standing::Recovering { expected: 8 });
    friend.send_notes(&mut world, &[(keys(ALICE).feed_id(), Note::lazy(6))]);
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
}

#[test]
fn a_friends_false_word_does_not_outlive_the_session() {
    let mut world = World::new();
    let (alice, _) = alice_and_a_lying_friend(&mut world);
    assert_eq!(world.peers[alice].node.missing_through(), None);
    world.restart(alice, None);
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
}

#[test]
fn strangers_who_lie_leave_room_for_what_a_friend_says() {
    let mut world = World::new();
    let (alice, _) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    for link in world.links_of(alice) {
        world.cut(link);
    }
    for number in 0..limits::LINKS as u64 {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let mut liar = Stranger::greeted(&mut world, alice, KeyPair::from_seed(&seed));
        liar.send_notes(&mut world, &[(own, Note::lazy(1 << 40))]);
    }
    world.run(limits::CLAIM_PATIENCE);
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
    let mut friend = Stranger::greeted(&mut world, alice, keys(BOB));
    friend.send_notes(&mut world, &[(own, Note::lazy(9))]);
    assert_eq!(world.peers[alice].node.standing(), Standing::Recovering { expected: 9 });
}

#[test]
fn a_word_that_was_not_believed_any_more_is_when_the_messages_come_after_all() {
    let mut world = World::new();
    let (alice, _) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    for link in world.links_of(alice) {
        world.cut(link);
    }
    let mut elsewhere = world.peers[alice].disk.clone();
    let later: Vec<Message> = (0..3).map(|_| elsewhere.write(&keys(ALICE), 0, &post("written elsewhere"))).collect();
    let mut stranger = Stranger::greeted(&mut world, alice, keys(9));
    stranger.send_notes(&mut world, &[(own, Note::lazy(9))]);
    world.run(limits::CLAIM_PATIENCE + s(1));
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
    stranger.send_messages(&mut world, &later[..1]);
    world.run(ms(10));
    assert_eq!(world.peers[alice].holds(own), 7);
    assert_eq!(world.peers[alice].node.standing(), Standing::Recovering { expected: 9 });
    stranger.send_messages(&mut world, &later[1..]);
    world.run(ms(10));
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
}

#[test]
fn own_messages_in_a_file_that_lie_beyond_a_gap_prove_that_some_are_missing() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    for link in world.links_of(alice) {
        world.cut(link);
    }
    let mut elsewhere = world.peers[alice].disk.clone();
    let later: Vec<Message> = (0..3).map(|_| elsewhere.write(&keys(ALICE), 0, &post("written elsewhere"))).collect();
    world.peers[alice].published.clear();

    let text = String::from_utf8_lossy(later[2].encoded()).replace("elsewhere", "by me");
    let forged = Message::from_json(text.as_bytes()).expect("still well formed");
    world.import(alice, vec![forged]);
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);

    // The publish comes while the signatures are being checked.
    world.checking = ms(50);
    world.input(alice, Input::Import { ticket: Ticket(1_000), messages: vec![later[1].clone()] });
    world.publish(alice, post("a fork, nearly"));
    world.run(ms(100));
    assert_eq!(world.peers[alice].published, []);
    assert_eq!(world.peers[alice].node.standing(), Standing::Recovering { expected: 8 });
    assert_eq!(world.peers[alice].node.missing_through(), Some(8));

    world.import(alice, vec![later[0].clone()]);
    world.run(s(1));
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
    assert_eq!(world.peers[alice].holds(own), 9, "the missing ones, and what waited to be published");
    world.link(alice, bob);
    world.run(s(3));
    assert_eq!(world.peers[bob].disk.log[&own], world.peers[alice].disk.log[&own], "no fork");
}

#[test]
fn a_strangers_false_word_stops_publishing_for_half_a_minute_only() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    let mut mallory = Stranger::greeted(&mut world, alice, keys(66));
    mallory.send_notes(&mut world, &[(keys(ALICE).feed_id(), Note::lazy(1 << 40))]);
    assert!(matches!(world.peers[alice].node.standing(), Standing::Recovering { .. }));
    assert_eq!(world.peers[alice].node.missing_through(), None, "nothing that a restart has to remember");
    for _ in 0..6 {
        world.run(s(5));
        mallory.send_notes(&mut world, &[(keys(ALICE).feed_id(), Note::lazy(1 << 40))]);
    }
    world.run(s(1));
    assert_eq!(world.peers[alice].node.standing(), Standing::Whole);
    world.publish(alice, post("still here"));
    world.run(ms(10));
    assert!(matches!(world.peers[alice].published[..], [(_, Ok(_))]));
}

#[test]
fn what_the_store_knows_to_be_missing_is_waited_for() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    let mut old = world.peers[alice].disk.clone();
    old.log.get_mut(&own).expect("her feed").truncate(2);
    let restored = world.add_with(keys(ALICE), old, Standing::Recovering { expected: 6 });
    for link in world.links_of(alice) {
        world.cut(link);
    }
    world.publish(restored, post("waits"));
    world.run(s(3));
    assert_eq!(world.peers[restored].published, []);
    world.link(restored, bob);
    world.run(s(5));
    assert_eq!(world.peers[restored].holds(own), 7);
    assert_eq!(world.peers[restored].node.standing(), Standing::Whole);
}

#[test]
fn a_folder_used_twice_is_found_out_and_stops() {
    let mut world = World::new();
    let (alice, bob) = friends(&mut world);
    let own = keys(ALICE).feed_id();
    let copy = world.peers[alice].disk.clone();
    for link in world.links_of(alice) {
        world.cut(link);
    }
    // The copy writes where nobody sees it, twice; the original writes once.
    let twin = world.add(keys(ALICE), copy);
    world.publish(twin, post("written by the copy"));
    world.publish(alice, post("written by the original"));
    world.run(s(3));
    world.publish(twin, post("and once more"));
    world.run(s(3));
    world.link(twin, bob);
    world.run(s(3));
    assert_eq!(world.peers[bob].holds(own), 8);

    world.link(alice, bob);
    world.run(s(10));
    assert_eq!(world.peers[alice].node.standing(), Standing::Forked);
    assert!(world.peers[alice].disk.frozen.contains(&own));
    world.peers[alice].published.clear();
    world.publish(alice, post("no more"));
    world.run(ms(10));
    let [(_, Err(refusal))] = &world.peers[alice].published[..] else { panic!("one refusal") };
    assert_eq!(*refusal, Refusal::Forked);
}

#[test]
fn without_a_network_nothing_is_waited_for() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    world.peers[alice].offline = true;
    world.restart(alice, None);
    world.publish(alice, post("from a script"));
    world.run(ms(0));
    assert_eq!(world.peers[alice].published.len(), 1);
}

#[test]
fn a_text_that_is_too_long_is_refused_and_the_next_goes_out() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), Disk::default());
    world.run(s(3));
    world.publish(alice, post(&"long ".repeat(3_000)));
    world.publish(alice, post("short"));
    world.run(ms(10));
    assert!(matches!(world.peers[alice].published[..], [(_, Err(Refusal::Content(_))), (_, Ok(_))]));
    assert_eq!(world.peers[alice].holds(keys(ALICE).feed_id()), 1);
}

#[test]
fn what_a_device_has_of_ones_own_feed_from_here_is_no_greeting() {
    let mut world = World::new();
    let (alice, bob) = (world.person(ALICE), world.person(BOB));
    world.publish(bob, follow(keys(ALICE).feed_id()));
    world.publish(alice, follow(keys(BOB).feed_id()));
    world.publish(alice, post("while nobody is there"));
    world.run(s(5));
    let said = |world: &World| {
        let peer = world.peers[alice].node.peers().remove(0);
        (peer.holds_own, peer.greeted_own)
    };
    for _ in 0..2 {
        let link = world.link(alice, bob);
        world.run(s(5));
        assert_eq!(world.peers[bob].holds(keys(ALICE).feed_id()), 2);
        assert_eq!(said(&world).1, None, "it came with nothing, and has all from here");
        world.cut(link);
        world.run(s(1));
    }
    // Somebody new, with the same log, is told by a greeting in full.
    let mut disk = world.peers[alice].disk.clone();
    disk.clocks.clear();
    world.restart(alice, Some(disk));
    world.link(alice, bob);
    world.run(s(5));
    assert_eq!(said(&world), (Some(2), Some(2)));
}
