//! A bulk keeps nothing waiting that somebody wrote just now, and takes no more room than others leave.

use std::iter;

use feed::{Message, Verified};
use node::{
    Input, Output, Ticket, limits,
    wire::{FEATURE_TAKEN, MessagesWriter, kind, write_taken},
};
use replication::ebt::Note;

use crate::{
    stranger::Stranger,
    world::{Disk, Who, World, follow, keys, post, s},
};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

/// Alice, who follows Bob and Carol; somebody who has much of Bob; somebody who has a post of Carol.
fn alice_between_two(world: &mut World) -> (Who, Stranger, Stranger) {
    let alice = world.person(ALICE);
    for seed in [BOB, CAROL] {
        world.publish(alice, follow(keys(seed).feed_id()));
    }
    world.run(s(3));
    let mut archive = Stranger::greeted(world, alice, keys(66));
    archive.send_notes(world, &[(keys(BOB).feed_id(), Note::lazy(1_000_000))]);
    let mut friend = Stranger::greeted(world, alice, keys(67));
    friend.send_notes(world, &[(keys(CAROL).feed_id(), Note::lazy(3))]);
    // Until Alice has asked each for what it has.
    world.run(s(2));
    (alice, archive, friend)
}

/// Hands a frame of messages to Alice, whose driver answers nothing; what she asks of it.
fn hand(world: &mut World, stranger: &mut Stranger, messages: &[Message]) -> Vec<Output> {
    let mut writer = MessagesWriter::default();
    for message in messages {
        writer.push(message, &mut stranger.ids).expect("few feeds");
    }
    tell(world, stranger.who, Input::Received { link: stranger.link, frame: writer.finish() })
}

fn tell(world: &mut World, who: Who, input: Input) -> Vec<Output> {
    let node = &mut world.peers[who].node;
    node.handle_input(input, world.now);
    iter::from_fn(|| node.poll_output()).collect()
}

fn checks(outputs: Vec<Output>) -> Vec<(Ticket, Vec<Message>)> {
    let check = |output| match output {
        Output::Verify { ticket, batch } => Some((ticket, batch)),
        _ => None,
    };
    outputs.into_iter().filter_map(check).collect()
}

fn is_good((ticket, batch): (Ticket, Vec<Message>)) -> Input {
    Input::Verified { ticket, results: batch.into_iter().map(|message| Ok(Verified::from_store(message))).collect() }
}

/// How many messages each batch to be stored has, and whether it goes ahead of others.
fn appends(outputs: &[Output]) -> Vec<(usize, bool)> {
    let append = |output: &Output| match output {
        Output::Append { batch, ahead, .. } => Some((batch.len(), *ahead)),
        _ => None,
    };
    outputs.iter().filter_map(append).collect()
}

fn write(disk: &mut Disk, seed: u8, count: usize, text: &str) -> Vec<Message> {
    (0..count).map(|_| disk.write(&keys(seed), 0, &post(text))).collect()
}

#[test]
fn a_post_is_checked_and_stored_before_the_bulk_that_came_earlier() {
    let mut world = World::new();
    let (alice, mut archive, mut friend) = alice_between_two(&mut world);
    let (mut bob, mut carol) = (Disk::default(), Disk::default());
    let mut bulk = checks(hand(&mut world, &mut archive, &write(&mut bob, BOB, 1_500, "of long ago")));
    assert_eq!(bulk.len(), 1);
    bulk.extend(checks(hand(&mut world, &mut archive, &write(&mut bob, BOB, 1_500, "of long ago"))));
    assert_eq!(bulk.len(), 2, "one is checked beside the other");
    assert_eq!(
        checks(hand(&mut world, &mut archive, &write(&mut bob, BOB, 1_500, "of long ago"))),
        [],
        "the third waits"
    );

    let [live] =
        checks(hand(&mut world, &mut friend, &write(&mut carol, CAROL, 1, "now"))).try_into().expect("at once");
    assert_eq!((live.1.len(), live.1[0].author()), (1, keys(CAROL).feed_id()));
    let outputs = tell(&mut world, alice, is_good(live));
    assert_eq!(appends(&outputs), [(1, true)], "it waits for none of the others");

    // The bulk keeps its order, and follows.
    let [first, second] = bulk.try_into().expect("two");
    assert_eq!(appends(&tell(&mut world, alice, is_good(second))), [], "the first is not checked yet");
    world.now.monotonic = world.now.monotonic + limits::APPEND_GATHER;
    let outputs = tell(&mut world, alice, is_good(first));
    assert_eq!(appends(&outputs), [], "it begins to gather");
    world.now.monotonic = world.now.monotonic + limits::APPEND_GATHER;
    let [third] = checks(outputs).try_into().expect("the third is checked now");
    assert_eq!(appends(&tell(&mut world, alice, is_good(third))), [(4_500, false)]);
}

#[test]
fn what_follows_a_bulk_in_its_feed_stays_behind_it() {
    let mut world = World::new();
    let (alice, mut archive, _) = alice_between_two(&mut world);
    let mut bob = Disk::default();
    let bulk = checks(hand(&mut world, &mut archive, &write(&mut bob, BOB, 100, "of long ago")));
    assert_eq!(
        checks(hand(&mut world, &mut archive, &write(&mut bob, BOB, 1, "just now"))),
        [],
        "not before the others"
    );
    let [check] = bulk.try_into().expect("one");
    let [last] = checks(tell(&mut world, alice, is_good(check))).try_into().expect("the last one");
    assert_eq!(appends(&tell(&mut world, alice, is_good(last))), [(101, false)]);
}

#[test]
fn what_a_link_sends_does_not_overtake_what_a_file_brought() {
    let mut world = World::new();
    let (alice, _, mut friend) = alice_between_two(&mut world);
    let feed = write(&mut Disk::default(), CAROL, 102, "of a file, and before and after it");
    let [live] = checks(hand(&mut world, &mut friend, &feed[..1])).try_into().expect("at once");
    let import = Input::Import { ticket: Ticket(1_000), messages: feed[1..101].to_vec() };
    let [file] = checks(tell(&mut world, alice, import)).try_into().expect("beside it");
    assert_eq!(appends(&tell(&mut world, alice, is_good(live))), [(1, true)]);
    assert_eq!(checks(hand(&mut world, &mut friend, &feed[101..])), [], "not before the file");
    let [last] = checks(tell(&mut world, alice, is_good(file))).try_into().expect("after the file");
    assert_eq!(appends(&tell(&mut world, alice, is_good(last))), [(101, false)]);
}

#[test]
fn somebody_who_sends_without_end_is_held_and_others_are_not() {
    let mut world = World::new();
    let (_, mut archive, mut friend) = alice_between_two(&mut world);
    let (mut bob, mut carol) = (Disk::default(), Disk::default());
    let text = "x".repeat(7_000);
    let mut held = false;
    for _ in 0..limits::INTAKE / (100 * text.len()) {
        let outputs = hand(&mut world, &mut archive, &write(&mut bob, BOB, 100, &text));
        held |=
            outputs.iter().any(|output| matches!(output, Output::Hold { link, hold: true } if *link == archive.link));
        if held {
            break;
        }
    }
    assert!(held);
    let outputs = hand(&mut world, &mut friend, &write(&mut carol, CAROL, 1, "now"));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Hold { .. })));
    assert_eq!(checks(outputs).len(), 1);
}

/// How many frames of messages left Alice since this was last asked.
fn frames_left(world: &mut World) -> usize {
    std::mem::take(&mut world.kinds).into_iter().filter(|kind| *kind == kind::MESSAGES).count()
}

#[test]
fn history_waits_for_the_word_that_it_was_taken_up_and_a_new_post_does_not() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    world.publish(alice, follow(keys(BOB).feed_id()));
    let history = write(&mut Disk::default(), BOB, 400, &"x".repeat(7_000));
    assert_eq!(world.import(alice, history).stored, 400);
    world.run(s(3));
    let wants = [(keys(BOB).feed_id(), Note::eager(0)), (keys(ALICE).feed_id(), Note::eager(1))];

    let mut reader = Stranger::greeted_with(&mut world, alice, keys(66), FEATURE_TAKEN);
    world.kinds.clear();
    reader.send_notes(&mut world, &wants);
    world.run(s(2));
    let ahead = frames_left(&mut world);
    // Of a single feed a frame has no more than one load.
    let most = limits::HISTORY_AHEAD / limits::LOAD + 1;
    assert!((most / 2..=most).contains(&ahead), "{ahead}: as much as is on its way at once");
    world.publish(alice, post("just now"));
    world.run(s(1));
    assert_eq!(frames_left(&mut world), 1, "the post");
    // It counts no frames, so it is believed whatever it says.
    reader.send(&mut world, write_taken(3));
    world.run(s(1));
    assert!((1..=3).contains(&frames_left(&mut world)));
    for _ in 0..100 {
        reader.send(&mut world, write_taken(u64::MAX));
    }
    world.run(s(2));
    assert!(frames_left(&mut world) > ahead, "all the rest");

    let mut older = Stranger::greeted_with(&mut world, alice, keys(67), 0);
    world.kinds.clear();
    older.send_notes(&mut world, &wants);
    world.run(s(2));
    assert!(frames_left(&mut world) > 2 * most, "whoever does not say what they take is not waited for");
}

#[test]
fn what_was_taken_up_is_said_to_whoever_listens() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    world.publish(alice, follow(keys(BOB).feed_id()));
    world.run(s(3));
    let history = write(&mut Disk::default(), BOB, 100, &"x".repeat(7_000));
    for (seed, features) in [(66, FEATURE_TAKEN), (67, 0)] {
        let mut archive = Stranger::greeted_with(&mut world, alice, keys(seed), features);
        archive.send_notes(&mut world, &[(keys(BOB).feed_id(), Note::lazy(1_000_000))]);
        world.run(s(2));
        world.kinds.clear();
        for messages in history.chunks(10) {
            archive.send_messages(&mut world, messages);
        }
        let said = world.kinds.iter().filter(|kind| **kind == kind::TAKEN).count();
        assert_eq!(said, if features == 0 { 0 } else { 700_000 / limits::TAKEN_EVERY }, "{features}");
    }
}
