//! Looks at feeds that are not stored: what is seen of them, who is asked, and what an answer may cost.

use feed::{FeedId, Message};
use node::{
    CloseReason, NotSeen, limits,
    wire::{Answer, FEATURE_LOOK, Newest, Tell, coding, kind, read_ask, read_tell, write_ask, write_tell},
};
use replication::ebt::Note;
use social::write;

use crate::{
    stranger::Stranger,
    world::{Disk, Who, World, block, follow, keys, ms, post, s},
};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;
const DAVE: u8 = 4;

/// A feed that begins with a name.
fn history(seed: u8, count: u64) -> Disk {
    let mut disk = Disk::default();
    let keys = keys(seed);
    disk.write(&keys, 0, &write::about_self(&keys.feed_id(), Some("Dave"), None, None));
    for n in 1..count {
        disk.write(&keys, 0, &post(&format!("{n}")));
    }
    disk
}

/// Alice follows bob, who follows carol, who follows dave: bob stores dave, three follows from alice, and alice does not.
fn chain(posts: u64) -> (World, [Who; 4], FeedId) {
    let mut world = World::new();
    let [alice, bob, carol] = [ALICE, BOB, CAROL].map(|seed| world.person(seed));
    let dave = world.add(keys(DAVE), history(DAVE, posts));
    let who = [alice, bob, carol, dave];
    for at in 0..3 {
        let next = world.peers[who[at + 1]].id();
        world.publish(who[at], follow(next));
    }
    for at in [2, 1, 0] {
        world.link(who[at], who[at + 1]);
        world.run(s(5));
    }
    let d = world.peers[dave].id();
    assert_eq!((world.peers[bob].holds(d), world.peers[alice].holds(d)), (posts, 0));
    (world, who, d)
}

fn sequences(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(Message::sequence).collect()
}

#[test]
fn somebody_three_follows_away_is_seen_and_not_stored() {
    let (mut world, [alice, bob, ..], d) = chain(40);
    let (disk, notes) = (world.peers[alice].disk.heads(), world.peers[bob].node.peers().len());
    world.bytes = 0;
    let looked = world.look(alice, d, 0).expect("bob has it");
    assert_eq!((looked.head, sequences(&looked.messages)), (40, (9..=40).collect()));
    assert_eq!(looked.from, keys(BOB).device_key());
    assert_eq!(looked.about.map(|about| about.sequence()), Some(1));
    assert_eq!(world.peers[alice].disk.heads(), disk, "nothing is stored");
    assert_eq!(world.peers[bob].node.peers().len(), notes);
    assert_eq!(world.bytes, 0, "no note says so");
}

#[test]
fn pages_go_down_to_the_first_message() {
    let (mut world, [alice, ..], d) = chain(70);
    let (mut before, mut seen) = (0, Vec::new());
    loop {
        let looked = world.look(alice, d, before).expect("bob has it");
        let Some(first) = looked.messages.first().map(Message::sequence) else { break };
        seen.splice(0..0, sequences(&looked.messages));
        before = first;
    }
    assert_eq!(seen, (1..=70).collect::<Vec<_>>());
}

#[test]
fn nobody_is_near_or_nobody_has_it_or_they_are_blocked() {
    let (mut world, [alice, ..], d) = chain(3);
    assert_eq!(world.look(alice, keys(77).feed_id(), 0), Err(NotSeen::NobodyNear), "nobody follows them");
    world.decide(alice, d, true, false);
    assert_eq!(world.look(alice, d, 0), Err(NotSeen::Blocked));
    let mut alone = World::new();
    let alice = alone.person(ALICE);
    assert_eq!(alone.look(alice, d, 0), Err(NotSeen::NobodyNear));
}

#[test]
fn an_author_who_blocks_who_asks_is_not_given() {
    let (mut world, [alice, _, _, dave], d) = chain(3);
    let a = world.peers[alice].id();
    world.publish(dave, block(a));
    world.run(s(5));
    assert_eq!(world.look(alice, d, 0), Err(NotSeen::NobodyHasIt));
}

#[test]
fn whoever_is_silent_costs_three_seconds_and_the_next_is_asked() {
    let (mut world, [alice, _, _, dave], d) = chain(3);
    // Of two who hold as much, the link that came last is asked first.
    world.peers[dave].mute_to_looks = true;
    world.link(alice, dave);
    world.run(s(3));
    let looked = world.look(alice, d, 0).expect("bob has it too");
    assert_eq!(looked.from, keys(BOB).device_key());
    let ticket = node::Ticket(9_000);
    world.input(alice, node::Input::Look { ticket, wanted: Newest { feed: d, before: 0, most: 1 } });
    world.run(limits::LOOK_PATIENCE - ms(100));
    assert!(world.peers[alice].looked.is_empty());
    world.run(ms(500));
    assert!(matches!(&world.peers[alice].looked[..], [(_, Ok(looked))] if looked.messages.len() == 1));
}

/// Somebody played by the test, whom alice follows, who says that they hold dave's feed; and a question of alice's that waits for
/// their answer.
fn asked(posts: u64) -> (World, Who, Stranger, FeedId, Disk) {
    let mut world = World::new();
    let alice = world.person(ALICE);
    let disk = history(DAVE, posts);
    let d = keys(DAVE).feed_id();
    let mut bob = Stranger::greeted_with(&mut world, alice, keys(BOB), FEATURE_LOOK);
    bob.send_notes(&mut world, &[(d, Note::Have { sequence: posts, receive: false })]);
    world.kinds.clear();
    let wanted = Newest { feed: d, before: 0, most: 32 };
    world.input(alice, node::Input::Look { ticket: node::Ticket(1), wanted });
    assert_eq!(world.kinds, [kind::ASK]);
    (world, alice, bob, d, disk)
}

fn answer(messages: &[&Message], head: u64) -> Vec<u8> {
    let coded: Vec<Vec<u8>> = messages.iter().map(|message| coding::plain(message.encoded())).collect();
    let messages_coded = coded.iter().map(Vec::as_slice).collect();
    let first = messages.first().map_or(0, |message| message.sequence());
    write_tell(&Tell { number: 1, answer: Answer::Here { head, first, messages: messages_coded, about: None } })
}

#[test]
fn what_does_not_hold_shows_nothing() {
    let theirs = |disk: &Disk| disk.log[&keys(DAVE).feed_id()].clone();
    // As it is: seen.
    let (mut world, alice, bob, _, disk) = asked(3);
    let all = theirs(&disk);
    bob.send(&mut world, answer(&all.iter().collect::<Vec<_>>(), 3));
    assert!(matches!(&world.peers[alice].looked[..], [(_, Ok(looked))] if looked.messages == all));
    assert_eq!(world.peers[alice].holds(keys(DAVE).feed_id()), 0);

    // A gap, another's message, more than the head that is claimed, a signature that does not fit.
    let other = history(CAROL, 3).log[&keys(CAROL).feed_id()].clone();
    let (text, forged) = (all[1].encoded().to_vec(), "999");
    let at = text.windows(3).position(|part| part == b"\"1\"").expect("its text");
    let mut changed = text;
    changed[at + 1] = forged.as_bytes()[0];
    let forged = Message::decode(&changed).expect("reads as a message");
    let wrong: [Vec<u8>; 4] = [
        answer(&[&all[0], &all[2]], 3),
        answer(&other.iter().collect::<Vec<_>>(), 3),
        answer(&all.iter().collect::<Vec<_>>(), 2),
        answer(&[&forged], 3),
    ];
    for (which, frame) in wrong.into_iter().enumerate() {
        let (mut world, alice, bob, ..) = asked(3);
        bob.send(&mut world, frame);
        assert!(
            matches!(world.peers[alice].looked[..], [(_, Err(NotSeen::NobodyHasIt))]),
            "{which}: {:?}",
            world.peers[alice].looked
        );
    }
}

#[test]
fn answers_that_nobody_asked_for_are_passed_over() {
    let (mut world, alice, bob, _, disk) = asked(3);
    let all = disk.log[&keys(DAVE).feed_id()].clone();
    let all: Vec<&Message> = all.iter().collect();
    let mut other = answer(&all, 3);
    other[1] = 7;
    bob.send(&mut world, other);
    assert!(world.peers[alice].looked.is_empty());
    for _ in 0..3 {
        bob.send(&mut world, answer(&all, 3));
    }
    assert_eq!(world.peers[alice].looked.len(), 1);
    assert!(world.peers[alice].closed.is_empty());
}

#[test]
fn questions_beyond_the_allowance_are_answered_later_and_nothing_gathers() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 5));
    let a = keys(ALICE).feed_id();
    let bob = Stranger::greeted_with(&mut world, alice, keys(BOB), FEATURE_LOOK);
    let before = world.peers[alice].loads;
    let ask = |number| write_ask(number, &Newest { feed: a, before: 0, most: 1 });
    for number in 1..=100 {
        bob.send(&mut world, ask(number));
    }
    let loads = world.peers[alice].loads - before;
    assert_eq!(loads, limits::ASKS as usize, "as many as are answered at once");
    world.run(s(4));
    bob.send(&mut world, ask(101));
    assert_eq!(world.peers[alice].loads - before, loads + 1, "one more as time passes");
    // One who takes nothing.
    world.deaf = true;
    world.kinds.clear();
    for number in 200..1_000 {
        bob.send(&mut world, ask(number));
    }
    world.run(s(30));
    let loads = world.peers[alice].loads - before;
    assert!(
        loads <= 2 * limits::ASKS as usize + 30,
        "{loads}: the disk is asked as often as time allows, not as the stranger does"
    );
    assert!(world.peers[alice].closed.len() <= 1);
}

#[test]
fn what_is_not_stored_and_what_later_versions_ask_is_not_here() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 5));
    let bob = Stranger::greeted_with(&mut world, alice, keys(BOB), FEATURE_LOOK);
    world.kinds.clear();
    bob.send(&mut world, write_ask(1, &Newest { feed: keys(DAVE).feed_id(), before: 0, most: 1 }));
    bob.send(&mut world, vec![kind::ASK, 2, 200, 1, 2, 3]);
    assert_eq!(world.kinds, [kind::TELL; 2]);
    assert_eq!(world.peers[alice].loads, 1, "nothing was read but what the node reads at its start");
    assert!(read_ask(&[1]).is_err() && read_tell(&[]).is_err());
    bob.send(&mut world, vec![kind::ASK, 1]);
    assert!(matches!(world.peers[alice].closed[..], [CloseReason::Malformed(_)]));
}

#[test]
fn peers_of_before_are_neither_asked_nor_answered() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 5));
    let mut bob = Stranger::greeted(&mut world, alice, keys(BOB));
    let d = keys(DAVE).feed_id();
    bob.send_notes(&mut world, &[(d, Note::Have { sequence: 3, receive: false })]);
    world.kinds.clear();
    assert_eq!(world.look(alice, d, 0), Err(NotSeen::NobodyNear));
    bob.send(&mut world, write_ask(1, &Newest { feed: keys(ALICE).feed_id(), before: 0, most: 1 }));
    assert!(!world.kinds.iter().any(|kind| [kind::ASK, kind::TELL].contains(kind)));
}
