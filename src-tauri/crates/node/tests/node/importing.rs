//! Messages from files.

use feed::{Message, Verified};
use node::{Change, Input, Output, RejectReason, Ticket, limits};

use crate::world::{Disk, World, block, follow, keys, post, s};

fn messages(seed: u8, count: usize) -> Vec<Message> {
    let mut disk = Disk::default();
    (0..count).map(|number| disk.write(&keys(seed), 0, &post(&format!("number {number}")))).collect()
}

fn changed(message: &Message) -> Message {
    let text = String::from_utf8_lossy(message.encoded()).replace("number", "nomber");
    Message::from_json(text.as_bytes()).expect("still well formed")
}

#[test]
fn any_order_goes_in_and_a_second_time_nothing_does() {
    let mut world = World::new();
    let alice = world.person(1);
    let mut all: Vec<Message> = (10..15).flat_map(|seed| messages(seed, 60)).collect();
    all.sort_by_key(|message| *message.id().hash());
    let first = world.import(alice, all.clone());
    assert_eq!((first.stored, first.known, first.waiting), (300, 0, 0));
    assert_eq!(first.rejected, []);
    let second = world.import(alice, all);
    assert_eq!((second.stored, second.known, second.waiting), (0, 300, 0));
    assert!(world.peers[alice].changes.contains(&Change::Timeline));
}

#[test]
fn what_comes_too_early_waits_for_the_next_import() {
    let mut world = World::new();
    let alice = world.person(1);
    let all = messages(9, 10);
    let early = world.import(alice, all[4..].to_vec());
    assert_eq!((early.stored, early.waiting), (0, 6));
    let rest = world.import(alice, all[..4].to_vec());
    assert_eq!((rest.stored, rest.waiting), (10, 0));
}

#[test]
fn a_changed_byte_is_rejected_by_feed_and_sequence_and_the_rest_goes_in() {
    let mut world = World::new();
    let alice = world.person(1);
    let (broken, sound) = (keys(8).feed_id(), keys(9).feed_id());
    let mut all = messages(8, 10);
    all[5] = changed(&all[5]);
    all.extend(messages(9, 10));
    let imported = world.import(alice, all);
    assert_eq!(imported.stored, 15);
    assert_eq!(imported.waiting, 4, "what follows waits for the true message");
    let [rejected] = &imported.rejected[..] else { panic!("{:?}", imported.rejected) };
    assert_eq!((rejected.feed, rejected.sequence, &rejected.reason), (broken, 6, &RejectReason::Signature));
    assert!(rejected.to_string().starts_with(&format!("message 6 of {broken}: the signature does not fit")));
    assert_eq!((world.peers[alice].holds(broken), world.peers[alice].holds(sound)), (5, 10));

    let mended = world.import(alice, vec![messages(8, 10)[5].clone()]);
    assert_eq!((mended.stored, mended.waiting), (5, 0));
}

#[test]
fn a_changed_copy_of_what_is_stored_is_rejected_and_changes_nothing() {
    let mut world = World::new();
    let alice = world.person(1);
    let mut all = messages(9, 30);
    world.import(alice, all.clone());
    all[3] = changed(&all[3]);
    let again = world.import(alice, all);
    assert_eq!((again.stored, again.known), (0, 29));
    assert_eq!(again.rejected.len(), 1);
    assert_eq!((again.rejected[0].sequence, &again.rejected[0].reason), (4, &RejectReason::Signature));
    assert!(world.peers[alice].disk.frozen.is_empty());
}

#[test]
fn of_two_copies_in_one_file_the_true_one_goes_in() {
    for changed_first in [true, false] {
        let mut world = World::new();
        let alice = world.person(1);
        let mut all = messages(9, 10);
        let copies =
            if changed_first { [changed(&all[4]), all[4].clone()] } else { [all[4].clone(), changed(&all[4])] };
        all.splice(4..5, copies);
        let imported = world.import(alice, all);
        assert_eq!((imported.stored, imported.waiting), (10, 0), "changed first: {changed_first}");
        assert_eq!(imported.rejected.len(), 1);
        assert_eq!(imported.rejected[0].reason, RejectReason::Signature);
    }
}

#[test]
fn another_history_of_a_stored_feed_is_a_fork() {
    let mut world = World::new();
    let alice = world.person(1);
    world.import(alice, messages(9, 5));
    let mut disk = Disk::default();
    let other = disk.write(&keys(9), 0, &post("another beginning"));
    let imported = world.import(alice, vec![other]);
    assert_eq!(imported.rejected[0].reason, RejectReason::Frozen);
    assert!(world.peers[alice].disk.frozen.contains(&keys(9).feed_id()));
    assert_eq!(world.peers[alice].holds(keys(9).feed_id()), 5);
}

#[test]
fn a_forked_feed_is_frozen_with_its_proof() {
    let mut world = World::new();
    let alice = world.person(1);
    let ours = messages(9, 3);
    world.import(alice, ours[..2].to_vec());
    let mut disk = Disk::default();
    disk.write(&keys(9), 0, &post("another history"));
    disk.write(&keys(9), 0, &post("of the same author"));
    let other = disk.write(&keys(9), 0, &post("told elsewhere"));
    let imported = world.import(alice, vec![other]);
    assert!(matches!(imported.rejected[0].reason, RejectReason::Chain(_)));
    world.run(s(1));
    assert!(world.peers[alice].disk.frozen.contains(&keys(9).feed_id()));
    let imported = world.import(alice, ours[2..].to_vec());
    assert_eq!(imported.rejected[0].reason, RejectReason::Frozen);
}

#[test]
fn an_imported_feed_is_relayed_to_whoever_asks() {
    let mut world = World::new();
    let alice = world.person(1);
    let feed = keys(9).feed_id();
    let bob = world.add(keys(2), Disk { wanted: [feed].into(), ..Disk::default() });
    world.link(alice, bob);
    world.run(s(1));
    world.import(alice, messages(9, 20));
    world.run(s(3));
    assert_eq!(world.peers[bob].holds(feed), 20);
}

#[test]
fn a_disk_that_is_full_rejects_and_later_takes_the_same_messages() {
    let mut world = World::new();
    let alice = world.person(1);
    world.peers[alice].disk.full = true;
    let failed = world.import(alice, messages(9, 3));
    assert_eq!(failed.stored, 0);
    assert_eq!(failed.rejected.len(), 3);
    assert!(matches!(failed.rejected[0].reason, RejectReason::Store(_)));
    world.peers[alice].disk.full = false;
    assert_eq!(world.import(alice, messages(9, 3)).stored, 3);
}

#[test]
fn blocked_authors_are_not_brought_in() {
    let mut world = World::new();
    let alice = world.person(1);
    world.publish(alice, block(keys(9).feed_id()));
    world.publish(alice, follow(keys(8).feed_id()));
    world.run(s(3));
    let imported = world.import(alice, messages(9, 2));
    assert_eq!(imported.stored, 0);
    assert!(imported.rejected.iter().all(|rejected| rejected.reason == RejectReason::Blocked));
    assert_eq!(imported.ticket, Ticket(3));
}

#[test]
fn a_bad_signature_gives_up_what_is_checked_behind_it_in_other_batches() {
    let mut world = World::new();
    let alice = world.person(1);
    // So many that three batches are needed, two of which are under way at once; another feed lies between.
    let count = 2 * limits::VERIFY_BATCH + 500;
    let sound = messages(9, count);
    let mut all = sound.clone();
    all[100] = changed(&all[100]);
    all.extend(messages(8, 200));
    let imported = world.import(alice, all);
    assert_eq!((imported.stored, imported.waiting), (100 + 200, count as u64 - 101));
    let [rejected] = &imported.rejected[..] else { panic!("{:?}", imported.rejected) };
    assert_eq!((rejected.sequence, &rejected.reason), (101, &RejectReason::Signature));

    let mended = world.import(alice, vec![sound[100].clone()]);
    assert_eq!((mended.stored, mended.waiting), (count as u64 - 100, 0));
    assert_eq!(world.peers[alice].holds(keys(9).feed_id()), count as u64);
}

#[test]
fn what_finds_no_room_to_wait_goes_in_when_it_is_brought_again() {
    let mut world = World::new();
    let alice = world.person(1);
    let mut disk = Disk::default();
    let long = "x".repeat(7_000);
    let all: Vec<Message> = (0..11_000).map(|_| disk.write(&keys(9), 0, &post(&long))).collect();
    let (first, rest) = all.split_at(1);
    // The later half comes first and gives way.
    let (sooner, later) = rest.split_at(5_000);
    let before = world.import(alice, later.to_vec());
    assert_eq!((before.waiting, before.rejected.len()), (later.len() as u64, 0));
    let early = world.import(alice, sooner.to_vec());
    let no_room = early.rejected.iter().filter(|rejected| rejected.reason == RejectReason::NoRoom).count();
    assert!(no_room > 0 && no_room == early.rejected.len(), "{no_room}");
    assert_eq!(early.waiting + no_room as u64, rest.len() as u64);
    let mended = world.import(alice, first.to_vec());
    assert_eq!(mended.stored, early.waiting + 1);
    let again = world.import(alice, all);
    assert_eq!((again.stored, again.waiting), (no_room as u64, 0));
}

#[test]
fn what_waits_of_a_feed_gives_up_its_room_when_the_feed_turns_out_to_be_forked() {
    let mut world = World::new();
    let alice = world.person(1);
    let ours = messages(9, 8);
    world.import(alice, ours[..2].to_vec());
    assert_eq!(world.import(alice, ours[5..].to_vec()).waiting, 3);
    let other = Disk::default().write(&keys(9), 0, &post("another beginning"));
    world.import(alice, vec![other]);
    // The fork shows when its signature has been checked, and its import is answered by then.
    let imported = world.import(alice, ours[5..6].to_vec());
    assert_eq!((imported.waiting, imported.rejected.len()), (0, 1));
    assert!(imported.rejected.iter().all(|rejected| rejected.reason == RejectReason::Frozen));
}

/// What a node asks for, its tickets answered by hand.
fn outputs(world: &mut World, who: usize) -> Vec<Output> {
    std::iter::from_fn(|| world.peers[who].node.poll_output()).collect()
}

fn good(batch: Vec<Message>) -> Vec<Result<Verified, feed::SignatureError>> {
    batch.into_iter().map(|message| Ok(Verified::from_store(message))).collect()
}

#[test]
fn what_was_checked_waits_for_what_is_being_checked_but_not_for_long() {
    let mut world = World::new();
    let alice = world.person(1);
    outputs(&mut world, alice);
    let messages = messages(9, limits::VERIFY_BATCH * 2 + 100);
    let node = &mut world.peers[alice].node;
    node.handle_input(Input::Import { ticket: Ticket(1), messages }, world.now);
    let mut checks: Vec<_> = outputs(&mut world, alice)
        .into_iter()
        .filter_map(|output| match output {
            Output::Verify { ticket, batch } => Some((ticket, batch)),
            _ => None,
        })
        .collect();
    assert_eq!(checks.len(), 2);
    let (second, first) = (checks.pop().expect("two"), checks.pop().expect("two"));
    let answer = |(ticket, batch)| Input::Verified { ticket, results: good(batch) };
    let stored = |outputs: &[Output]| {
        let append = |output: &Output| match output {
            Output::Append { batch, .. } => Some(batch.len()),
            _ => None,
        };
        outputs.iter().filter_map(append).collect::<Vec<_>>()
    };
    world.peers[alice].node.handle_input(answer(first), world.now);
    assert_eq!(stored(&outputs(&mut world, alice)), [0_usize; 0], "more is being checked");
    world.now.monotonic = world.now.monotonic + limits::APPEND_GATHER;
    world.peers[alice].node.handle_input(answer(second), world.now);
    assert_eq!(stored(&outputs(&mut world, alice)), [limits::VERIFY_BATCH * 2], "though the last are not checked yet");
}
