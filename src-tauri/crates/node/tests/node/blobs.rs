//! Files go where the messages go that link to them.

use feed::{BlobId, json::Value};
use node::wire::kind;
use node::{Change, CloseReason, Input};
use replication::blobs::{self, Why, Wish};

use crate::world::{Who, World, blob_of, block, follow, post, s};

const PICTURE: &[u8] = b"a picture, as far as anybody here can tell";

fn with_picture(blob: BlobId) -> Value<'static> {
    post(&format!("Low tide ![the beach]({blob})"))
}

/// Gives a peer a file of its own.
fn give(world: &mut World, who: Who, bytes: &[u8]) -> BlobId {
    let blob = blob_of(bytes);
    world.peers[who].disk.blobs.insert(blob, bytes.to_vec());
    blob
}

/// Each follows the ones before; all in a line.
fn line(world: &mut World, length: u8) -> Vec<Who> {
    let people: Vec<Who> = (1..=length).map(|seed| world.person(seed)).collect();
    for (at, who) in people.iter().enumerate().skip(1) {
        for before in &people[..at] {
            let id = world.peers[*before].id();
            world.publish(*who, follow(id));
        }
    }
    for pair in people.windows(2) {
        world.link(pair[0], pair[1]);
    }
    world.run(s(5));
    people
}

fn has(world: &World, who: Who, blob: BlobId) -> bool {
    world.peers[who].disk.blobs.contains_key(&blob)
}

#[test]
fn a_picture_goes_where_its_post_goes_and_the_page_hears_of_it() {
    let mut world = World::new();
    let people = line(&mut world, 4);
    let blob = give(&mut world, people[0], PICTURE);
    world.publish(people[0], with_picture(blob));
    world.run(s(5));
    for who in &people[1..] {
        assert!(has(&world, *who, blob), "{who}");
        assert!(world.peers[*who].changes.contains(&Change::Blob(blob)));
        assert_eq!(world.peers[*who].node.fetches(9), []);
    }
}

#[test]
fn who_comes_later_gets_it_from_whoever_is_there() {
    let mut world = World::new();
    let people = line(&mut world, 2);
    let blob = give(&mut world, people[0], PICTURE);
    let carol = world.person(9);
    let ids: Vec<_> = people.iter().map(|who| world.peers[*who].id()).collect();
    for id in ids {
        world.publish(carol, follow(id));
    }
    world.publish(people[0], with_picture(blob));
    world.run(s(5));
    for link in world.links_of(people[0]) {
        world.cut(link);
    }
    world.link(people[1], carol);
    world.run(s(5));
    assert!(has(&world, carol, blob));
}

#[test]
fn what_no_message_links_to_goes_to_nobody() {
    let mut world = World::new();
    let people = line(&mut world, 2);
    let blob = give(&mut world, people[0], PICTURE);
    let wish = Wish { why: Why::ByHand, author: None, mentioned: 0 };
    world.input(people[1], Input::Blobs(blobs::Input::Want { blob, wish }));
    world.run(s(60));
    assert!(!has(&world, people[1], blob));
}

#[test]
fn somebody_two_devices_away_gets_what_they_ask_for_by_hand() {
    let mut world = World::new();
    let people = line(&mut world, 3);
    // Linked to before the files came, so that nobody wants it by itself.
    let blob = blob_of(PICTURE);
    world.publish(people[0], with_picture(blob));
    world.run(s(5));
    give(&mut world, people[0], PICTURE);
    let stored = blobs::Report::Stored { blob };
    world.input(people[0], Input::Blobs(blobs::Input::Report(stored)));
    world.run(s(5));
    assert!(has(&world, people[1], blob) && has(&world, people[2], blob));
}

#[test]
fn level_neighbours_say_nothing_about_files_and_a_reconnect_is_as_cheap_as_before() {
    let mut world = World::new();
    let people = line(&mut world, 2);
    for n in 0..50_u8 {
        world.publish(people[0], with_picture(BlobId::classic([n; 32])));
    }
    world.run(s(60));
    assert_eq!(world.peers[people[1]].node.fetches(99).len(), 50, "nobody has them");
    world.kinds.clear();
    world.run(s(600));
    assert_eq!(world.kinds, [], "and nobody speaks of them");
    let link = world.links_of(people[0])[0];
    world.cut(link);
    (world.bytes, world.kinds) = (0, Vec::new());
    world.link(people[0], people[1]);
    world.run(s(30));
    assert_eq!(world.kinds, [kind::HELLO; 2]);
}

#[test]
fn three_wrong_files_close_the_link() {
    let mut world = World::new();
    let people = line(&mut world, 2);
    world.peers[people[0]].lies = true;
    for n in 0..3_u8 {
        let blob = give(&mut world, people[0], &[n; 100]);
        world.publish(people[0], with_picture(blob));
        world.run(s(5));
        assert!(!has(&world, people[1], blob));
        let closed = &world.peers[people[1]].closed;
        assert_eq!(closed.contains(&CloseReason::WrongBlobs), n == 2, "{n}");
    }
    assert!(CloseReason::WrongBlobs.hostile());
}

#[test]
fn blocking_somebody_ends_what_only_they_linked_to() {
    let mut world = World::new();
    let people = line(&mut world, 2);
    world.publish(people[0], with_picture(blob_of(PICTURE)));
    world.run(s(5));
    assert_eq!(world.peers[people[1]].node.fetches(9).len(), 1);
    let id = world.peers[people[0]].id();
    world.publish(people[1], block(id));
    world.run(s(5));
    assert_eq!(world.peers[people[1]].node.fetches(9), []);
}

#[test]
fn wants_survive_a_restart() {
    let mut world = World::new();
    let people = line(&mut world, 2);
    let blob = blob_of(PICTURE);
    world.publish(people[0], with_picture(blob));
    world.run(s(10));
    world.restart(people[1], None);
    give(&mut world, people[0], PICTURE);
    world.link(people[0], people[1]);
    world.run(s(5));
    assert!(has(&world, people[1], blob));
}
