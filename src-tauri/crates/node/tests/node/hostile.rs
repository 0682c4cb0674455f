//! Hostile neighbours: they are cut off, others go on, memory and the bill for signatures stay small.

use feed::{FeedId, KeyPair, Message};
use node::{CloseReason, Input, limits, wire::kind};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use replication::ebt::{MAX_LEVEL_EXCEPTIONS, MAX_NOTES_PER_FRAME, Note};

use crate::{
    stranger::{Stranger, hello},
    world::{Disk, Who, World, follow, keys, ms, post, s},
};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const MALLORY: u8 = 66;

/// Alice follows Bob, and Mallory greets her.
fn alice_with_mallory(world: &mut World) -> (Who, Stranger) {
    let alice = world.person(ALICE);
    world.publish(alice, follow(keys(BOB).feed_id()));
    world.run(s(3));
    let mallory = Stranger::greeted(world, alice, keys(MALLORY));
    (alice, mallory)
}

/// Bob's feed as Bob wrote it.
fn bobs_feed(posts: usize) -> Vec<Message> {
    let mut disk = Disk::default();
    (0..posts).map(|number| disk.write(&keys(BOB), 0, &post(&format!("number {number}")))).collect()
}

/// The message with its text changed, and so its id and its signature's truth.
fn forged(message: &Message) -> Vec<u8> {
    String::from_utf8_lossy(message.encoded()).replace("number", "nomber").into_bytes()
}

fn bob() -> FeedId {
    keys(BOB).feed_id()
}

/// A frame of `kind` that names as many feeds, with a note of 0 each if it is one of notes.
fn crowd(start: u8, feeds: usize) -> Vec<u8> {
    let mut frame = vec![start];
    for number in 0..feeds as u64 {
        let mut key = [3; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        frame.push(0);
        frame.extend_from_slice(&FeedId::classic(key).to_tagged());
        frame.extend((start == kind::NOTES).then_some(0));
    }
    frame
}

#[test]
fn a_forged_message_is_not_stored_and_the_honest_one_still_comes() {
    let mut world = World::new();
    let (alice, mut mallory) = alice_with_mallory(&mut world);
    let feed = bobs_feed(3);
    mallory.send_notes(&mut world, &[(bob(), Note::lazy(3))]);
    world.run(ms(100));
    mallory.send_messages(&mut world, &feed[..1]);
    mallory.send_bytes(&mut world, bob(), 2, &forged(&feed[1]));
    mallory.send_messages(&mut world, &feed[2..]);
    world.run(s(1));
    assert_eq!(world.peers[alice].holds(bob()), 1);
    assert_eq!(world.peers[alice].closed, [], "one message costs that message");

    let mut disk = Disk::default();
    disk.log.insert(bob(), feed);
    let honest = world.add(keys(BOB), disk);
    world.link(alice, honest);
    world.run(s(5));
    assert_eq!(world.peers[alice].holds(bob()), 3);
}

#[test]
fn many_messages_that_do_not_hold_close_the_link_and_keep_the_device_away() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    let mut victims = Vec::new();
    for seed in 100..100 + (limits::CONDUCT_CUT / limits::CONDUCT_MESSAGE) as u8 {
        world.publish(alice, follow(keys(seed).feed_id()));
        victims.push(keys(seed));
    }
    world.run(s(3));
    let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
    for victim in &victims {
        let message = Disk::default().write(victim, 0, &post("number"));
        mallory.send_bytes(&mut world, victim.feed_id(), 1, &forged(&message));
    }
    assert_eq!(world.peers[alice].slowed, [true], "first less is read from it");
    assert_eq!(world.peers[alice].closed, [CloseReason::TooManyRefused]);
    let device = keys(MALLORY).device_key();
    assert!(world.peers[alice].refused.contains(&device), "the network lets it in no more");
    let [out] = world.peers[alice].node.left_out(world.now).try_into().expect("one is out");
    assert_eq!((out.device, out.is_refused), (device, false));
    assert!(out.reason.contains("do not hold") && out.remaining <= limits::CUT_OFF, "{out:?}");
    // A link that was on its way already.
    Stranger::silent(&mut world, alice, keys(MALLORY));
    assert_eq!(world.peers[alice].closed[1..], [CloseReason::CutOff]);
    world.run(limits::CUT_OFF);
    assert!(!world.peers[alice].refused.contains(&device));
    assert_eq!(world.peers[alice].node.left_out(world.now), []);
    Stranger::silent(&mut world, alice, keys(MALLORY));
    assert_eq!(world.peers[alice].closed.len(), 2, "after a while they may try again");
}

#[test]
fn whoever_is_slowed_is_trusted_again_when_nothing_more_happens() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    for seed in 100..104 {
        world.publish(alice, follow(keys(seed).feed_id()));
    }
    world.run(s(3));
    let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
    for seed in 100..104 {
        let message = Disk::default().write(&keys(seed), 0, &post("number"));
        mallory.send_bytes(&mut world, keys(seed).feed_id(), 1, &forged(&message));
    }
    assert_eq!(world.peers[alice].slowed, [true]);
    let slowed = |world: &World| world.peers[alice].node.peers()[0].slowed.clone();
    assert!(slowed(&world).is_some_and(|why| why.contains("do not hold")));
    world.run(limits::CONDUCT_HALVES + ms(10));
    assert_eq!((world.peers[alice].slowed.as_slice(), slowed(&world)), ([true, false].as_slice(), None));
    assert_eq!(world.peers[alice].closed, []);
}

#[test]
fn whoever_hangs_up_before_a_signature_is_checked_answers_for_it_all_the_same() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    let seeds = 100..100 + (limits::CONDUCT_CUT / limits::CONDUCT_MESSAGE) as u8;
    for seed in seeds.clone() {
        world.publish(alice, follow(keys(seed).feed_id()));
    }
    world.run(s(3));
    for seed in seeds {
        assert_eq!(world.peers[alice].node.left_out(world.now), []);
        let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
        world.checking = ms(20);
        let message = Disk::default().write(&keys(seed), 0, &post("number"));
        mallory.send_bytes(&mut world, keys(seed).feed_id(), 1, &forged(&message));
        world.input(alice, node::Input::LinkDown { link: mallory.link, misconduct: None });
        world.run(ms(50));
    }
    assert_eq!(world.peers[alice].node.left_out(world.now).len(), 1);
}

#[test]
fn links_that_the_transport_had_to_end_add_up() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    for _ in 0..3 {
        let mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
        assert_eq!(world.peers[alice].node.left_out(world.now), []);
        let misconduct = Some("a flood of empty frames".to_owned());
        world.input(alice, node::Input::LinkDown { link: mallory.link, misconduct });
    }
    let [out] = world.peers[alice].node.left_out(world.now).try_into().expect("one is out");
    assert_eq!(out.reason, "a flood of empty frames");
}

#[test]
fn what_nobody_asked_for_costs_no_signature_check() {
    let mut world = World::new();
    let (alice, mut mallory) = alice_with_mallory(&mut world);
    let mut disk = Disk::default();
    let flood: Vec<Message> = (0..200).map(|_| disk.write(&keys(MALLORY), 0, &post("buy now"))).collect();
    for _ in 0..50 {
        mallory.send_messages(&mut world, &flood);
    }
    assert_eq!(world.peers[alice].verified, 0);
    assert_eq!(world.peers[alice].holds(keys(MALLORY).feed_id()), 0);
}

#[test]
fn the_same_messages_again_cost_no_signature_check() {
    let mut world = World::new();
    let (alice, mut mallory) = alice_with_mallory(&mut world);
    let feed = bobs_feed(50);
    for _ in 0..20 {
        mallory.send_messages(&mut world, &feed);
    }
    assert_eq!(world.peers[alice].holds(bob()), 50);
    assert_eq!(world.peers[alice].verified, 50);
}

#[test]
fn frames_that_cannot_be_read_cut_the_device_off() {
    let message = &bobs_feed(1)[0];
    let cases: Vec<Vec<u8>> = vec![
        vec![],
        vec![kind::NOTES, 5, 5],
        vec![kind::NOTES, 0, 1, 2, 3],
        vec![kind::MESSAGES, 9],
        vec![kind::MESSAGES, 0],
        vec![kind::LEVEL],
        vec![kind::LEVEL, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        hello().encode(),
        vec![kind::ABOUT; limits::ABOUT + 2],
        vec![kind::MESSAGES; limits::FRAME + 1],
        [&[kind::MESSAGES, 0][..], &bob().to_tagged(), &[1, 0xff, 0xff, 0xff, 0x7f], message.encoded()].concat(),
        [&[kind::MESSAGES, 0][..], &bob().to_tagged(), &[0, 1, 0]].concat(),
        // Bob's feed twice.
        [&[kind::NOTES, 0][..], &bob().to_tagged(), &[1, 1, 1]].concat(),
        [&[kind::LEVEL, 1, 0][..], &bob().to_tagged(), &[1]].concat(),
        crowd(kind::NOTES, MAX_NOTES_PER_FRAME + 1),
        [&[kind::LEVEL][..], &crowd(1, MAX_LEVEL_EXCEPTIONS + 1)].concat(),
    ];
    for frame in cases {
        let mut world = World::new();
        let (alice, mallory) = alice_with_mallory(&mut world);
        let start = frame[..frame.len().min(8)].to_vec();
        mallory.send(&mut world, frame);
        assert!(matches!(world.peers[alice].closed[..], [CloseReason::Malformed(_)]), "{start:?}");
        assert!(world.peers[alice].node.peers().is_empty());
    }
}

#[test]
fn as_many_notes_as_a_frame_may_hold_are_taken() {
    let mut world = World::new();
    let (alice, mallory) = alice_with_mallory(&mut world);
    mallory.send(&mut world, crowd(kind::NOTES, MAX_NOTES_PER_FRAME));
    assert_eq!(world.peers[alice].closed, []);
}

#[test]
fn an_ask_that_is_repeated_is_served_once() {
    let mut world = World::new();
    let mut disk = Disk::default();
    for _ in 0..500 {
        disk.write(&keys(ALICE), 0, &post(&"long ".repeat(200)));
    }
    let alice = world.add(keys(ALICE), disk);
    let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
    let before = world.peers[alice].loads;
    for _ in 0..100 {
        let notes = [(keys(ALICE).feed_id(), Note::eager(0))];
        let frame = node::wire::write_notes(&notes, &mut mallory.ids).expect("one feed");
        world.input(alice, Input::Received { link: mallory.link, frame });
    }
    assert_eq!(world.peers[alice].loads - before, 1);
}

#[test]
fn strangers_who_take_all_links_give_way_to_a_friend() {
    let mut world = World::new();
    let (alice, _) = alice_with_mallory(&mut world);
    for number in 1..limits::LINKS as u64 {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        world.link_to_test(alice, KeyPair::from_seed(&seed).device_key());
    }
    assert_eq!(world.peers[alice].closed, []);
    world.link_to_test(alice, keys(67).device_key());
    assert_eq!(world.peers[alice].closed, [CloseReason::TooMany], "a stranger finds no room");
    let friend = keys(BOB).device_key();
    world.link_to_test(alice, friend);
    assert_eq!(world.peers[alice].closed[1..], [CloseReason::TooMany], "one stranger has to go");
    let peers = world.peers[alice].node.peers();
    assert_eq!(peers.len(), limits::LINKS);
    assert!(peers.iter().any(|peer| peer.device == friend));
    assert!(peers.iter().any(|peer| peer.device == keys(MALLORY).device_key()), "the last to come is the first to go");
    assert!(!CloseReason::TooMany.hostile(), "it may come back");
}

#[test]
fn unknown_frames_are_counted_and_passed_over() {
    let mut world = World::new();
    let (alice, mut mallory) = alice_with_mallory(&mut world);
    for number in 100..200u8 {
        mallory.send(&mut world, vec![number; 500]);
    }
    assert_eq!(world.peers[alice].node.peers()[0].unknown_frames, 100);
    mallory.send_messages(&mut world, &bobs_feed(2));
    assert_eq!(world.peers[alice].holds(bob()), 2, "the link works as before");
}

#[test]
fn a_claim_of_endless_history_does_not_stop_an_honest_peer() {
    let mut world = World::new();
    let (alice, mut mallory) = alice_with_mallory(&mut world);
    mallory.send_notes(&mut world, &[(bob(), Note::lazy(1 << 50))]);
    world.run(s(1));
    let mut disk = Disk::default();
    disk.log.insert(bob(), bobs_feed(30));
    let honest = world.add(keys(BOB), disk);
    world.link(alice, honest);
    world.run(s(10));
    assert_eq!(world.peers[alice].holds(bob()), 30);
}

#[test]
fn bytes_that_arrive_faster_than_they_are_checked_wait_and_then_cut_the_device_off() {
    let mut world = World::new();
    let (alice, mut mallory) = alice_with_mallory(&mut world);
    // Alice's driver answers nothing here: the batch that is being checked never comes back.
    let text = "x".repeat(7_000);
    let mut disk = Disk::default();
    let node = &mut world.peers[alice].node;
    let (mut sent, mut held_at) = (0, None);
    loop {
        let messages: Vec<Message> = (0..100).map(|_| disk.write(&keys(BOB), 0, &post(&text))).collect();
        let mut writer = node::wire::MessagesWriter::default();
        for message in &messages {
            writer.push(message, &mut mallory.ids).expect("one feed");
        }
        let frame = writer.finish();
        sent += frame.len();
        node.handle_input(Input::Received { link: mallory.link, frame }, world.now);
        let outputs: Vec<node::Output> = std::iter::from_fn(|| node.poll_output()).collect();
        if outputs.iter().any(|output| matches!(output, node::Output::Hold { hold: true, .. })) {
            assert_eq!(held_at, None, "once is enough");
            held_at = Some(sent);
        }
        if outputs.iter().any(|output| matches!(output, node::Output::Close { .. })) {
            break;
        }
        assert!(sent < limits::INTAKE / 2 + limits::INBOX + 2 * limits::FRAME, "{sent} bytes were kept");
    }
    // Half of the room is left to others.
    let held_at = held_at.expect("it is held");
    assert!((limits::INTAKE / 2..limits::INTAKE / 2 + 2 * limits::FRAME).contains(&held_at), "{held_at}");
}

#[test]
fn whoever_takes_nothing_is_closed() {
    let mut world = World::new();
    let mut disk = Disk::default();
    for _ in 0..2_000 {
        disk.write(&keys(ALICE), 0, &post(&"long ".repeat(200)));
    }
    let alice = world.add(keys(ALICE), disk);
    world.deaf = true;
    let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
    mallory.send_notes(&mut world, &[(keys(ALICE).feed_id(), Note::eager(0))]);
    world.run(s(1));
    let sent = world.bytes;
    assert!(sent < limits::SEND_WINDOW + limits::FRAME, "{sent} bytes went out");
    world.run(s(40));
    assert_eq!(world.bytes, sent);
    assert_eq!(world.peers[alice].closed, [CloseReason::Stalled]);
}

/// Seeded mutations of an honest session: whatever happens, alice neither panics nor stores what bob did not write.
#[test]
fn mutated_sessions_never_break_a_node() {
    let feed = bobs_feed(20);
    for seed in 0..300u64 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut world = World::new();
        let alice = world.add(keys(ALICE), Disk { wanted: [bob()].into(), ..Disk::default() });
        let mut mallory = Stranger::greeted(&mut world, alice, keys(MALLORY));
        let mut frames = Vec::new();
        frames.push(node::wire::write_notes(&[(bob(), Note::lazy(20))], &mut mallory.ids).expect("one feed"));
        for run in feed.chunks(3) {
            let mut writer = node::wire::MessagesWriter::default();
            for message in run {
                writer.push(message, &mut mallory.ids).expect("one feed");
            }
            frames.push(writer.finish());
        }
        frames.push(vec![kind::LEVEL, 1]);
        for mut frame in frames {
            mutate(&mut frame, &mut rng);
            mallory.send(&mut world, frame);
        }
        world.run(s(1));
        let held = world.peers[alice].disk.log.get(&bob()).cloned().unwrap_or_default();
        assert_eq!(held, feed[..held.len()], "seed {seed}");
    }
}

fn mutate(frame: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    let length = frame.len() as u64;
    if length == 0 {
        return;
    }
    let at = (rng.next_u64() % length) as usize;
    match rng.next_u32() % 8 {
        0 => frame[at] = rng.next_u32() as u8,
        1 => frame[at] ^= 1 << (rng.next_u32() % 8),
        2 => frame.truncate(at),
        3 => drop(frame.remove(at)),
        4 => frame.insert(at, rng.next_u32() as u8),
        5 => {
            let copy = frame[at..].to_vec();
            frame.extend(copy);
        }
        _ => {}
    }
}
