//! What the person is told: changes, coalesced, and notifications, few and never twice.

use node::{Change, limits};
use social::{Reason, write};

use crate::world::{Disk, Who, World, follow, keys, ms, post, s};

const ALICE: u8 = 1;
const BOB: u8 = 2;

/// Bob follows Alice; they are linked and level.
fn reader_and_writer(world: &mut World) -> (Who, Who) {
    let alice = world.person(ALICE);
    let bob = world.person(BOB);
    world.link(alice, bob);
    world.publish(bob, follow(keys(ALICE).feed_id()));
    world.publish(alice, follow(keys(BOB).feed_id()));
    // Longer than notifications are counted.
    world.run(s(12));
    world.peers[bob].notifications.clear();
    world.peers[bob].changes.clear();
    (alice, bob)
}

#[test]
fn a_follow_a_reply_a_mention_and_a_like_are_told_with_their_reason() {
    let mut world = World::new();
    let (alice, bob) = reader_and_writer(&mut world);
    world.publish(bob, post("a question"));
    world.run(s(2));
    let question = world.peers[bob].disk.log[&keys(BOB).feed_id()].last().expect("posted").id();
    let reply = write::PostDraft { text: "an answer".into(), root: Some(question), ..Default::default() };
    world.publish(alice, write::post(&reply));
    world.publish(alice, post(&format!("hi [@Bob]({})", keys(BOB).feed_id())));
    world.publish(alice, write::vote(&question, true, "Like"));
    world.run(s(2));
    let reasons: Vec<Reason> = world.peers[bob].notifications.iter().map(|news| news.reason).collect();
    assert_eq!(reasons, [Reason::Replied, Reason::Mentioned, Reason::Liked]);
    assert_eq!(world.peers[bob].notifications[0].root, question);
    assert!(world.peers[bob].changes.contains(&Change::Thread(question)));
}

#[test]
fn answers_to_what_was_written_before_the_restart_are_recognised() {
    let mut world = World::new();
    let (alice, bob) = reader_and_writer(&mut world);
    world.publish(bob, post("a question"));
    world.run(s(2));
    let question = world.peers[bob].disk.log[&keys(BOB).feed_id()].last().expect("posted").id();
    world.restart(bob, None);
    world.link(alice, bob);
    let reply = write::PostDraft { text: "an answer".into(), root: Some(question), ..Default::default() };
    world.publish(alice, write::post(&reply));
    world.run(s(2));
    assert_eq!(world.peers[bob].notifications.last().map(|news| news.reason), Some(Reason::Replied));
}

#[test]
fn a_burst_of_posts_becomes_a_few_notifications_and_one_for_the_rest() {
    let mut world = World::new();
    let (alice, bob) = reader_and_writer(&mut world);
    for number in 0..40 {
        world.publish(alice, post(&format!("number {number}")));
        world.run(ms(30));
    }
    world.run(s(30));
    let news = &world.peers[bob].notifications;
    assert_eq!(news.len(), limits::NOTIFICATIONS + 1);
    assert_eq!(news.iter().map(|news| 1 + news.more).sum::<u32>(), 40);
}

#[test]
fn changes_of_a_bulk_are_told_a_few_times_not_once_per_message() {
    let mut world = World::new();
    let mut disk = Disk::default();
    for number in 0..5_000 {
        disk.write(&keys(ALICE), 0, &post(&format!("number {number}")));
    }
    let alice = world.add(keys(ALICE), disk);
    let bob = world.person(BOB);
    world.link(alice, bob);
    world.publish(bob, follow(keys(ALICE).feed_id()));
    world.run(s(10));
    assert_eq!(world.peers[bob].holds(keys(ALICE).feed_id()), 5_000);
    let told = world.peers[bob].changes.iter().filter(|change| **change == Change::Timeline).count();
    assert!((1..10).contains(&told), "{told} times");
    assert_eq!(world.peers[bob].notifications, []);
}

#[test]
fn a_first_meeting_with_recent_history_is_not_announced_post_by_post() {
    let mut world = World::new();
    let alice = world.person(ALICE);
    for number in 0..200 {
        world.publish(alice, post(&format!("number {number}")));
    }
    world.run(s(5));
    let bob = world.person(BOB);
    world.publish(bob, follow(keys(ALICE).feed_id()));
    world.link(alice, bob);
    world.run(s(30));
    assert_eq!(world.peers[bob].holds(keys(ALICE).feed_id()), 200);
    assert_eq!(world.peers[bob].notifications, []);
}

#[test]
fn a_post_from_the_year_3000_is_told_once_like_any_other() {
    let mut world = World::new();
    let (alice, bob) = reader_and_writer(&mut world);
    world.now.wall = 32_503_680_000_000;
    world.publish(alice, post("from the future"));
    world.now.wall = crate::world::WALL;
    world.run(s(2));
    assert_eq!(world.peers[bob].notifications.len(), 1);
}
