//! Honest peers: history, live posts, relays, reconnects.

use feed::json::Value;
use node::{Change, Flow, Standing, wire::kind};
use social::Reason;

use crate::world::{Disk, World, block, follow, keys, ms, post, s};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

/// A disk with so many posts of `seed`, an hour old and more.
fn history(seed: u8, posts: usize) -> Disk {
    let mut disk = Disk::default();
    for number in 0..posts {
        disk.write(
            &keys(seed),
            crate::world::WALL - 90_000_000 + number as i64,
            &post(&format!("post {number} of {seed}")),
        );
    }
    disk
}

#[test]
fn whoever_follows_receives_the_history_and_then_live_posts() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 500));
    let bob = world.person(BOB);
    let feed = world.peers[alice].id();
    world.link(alice, bob);
    world.run(s(3));
    assert_eq!(world.peers[bob].holds(feed), 0, "strangers are not stored");

    world.publish(bob, follow(feed));
    world.run(s(3));
    assert_eq!(world.peers[bob].holds(feed), 500);
    assert_eq!(world.peers[bob].notifications, [], "history is no news");
    assert_eq!(world.peers[bob].node.peers()[0].flow, Flow::Level);

    world.peers[bob].changes.clear();
    world.publish(alice, post("fresh"));
    world.run(ms(50));
    assert_eq!(world.peers[bob].holds(feed), 501);
    assert_eq!(world.peers[bob].changes, [Change::Timeline]);
    let [news] = &world.peers[bob].notifications[..] else { panic!("one notification") };
    assert_eq!((news.reason, news.person, news.more), (Reason::Posted, feed.into(), 0));
}

#[test]
fn where_much_is_missing_those_who_wrote_lately_come_first() {
    const FEW: u8 = 9;
    const MANY: u8 = 90;
    const POSTS: u64 = 60;
    let day = 86_400_000;
    let mut disk = Disk::default();
    let mut wanted = Disk::default();
    // Their keys say nothing of who wrote when: every tenth wrote an hour ago, the others have been silent for a year and more. So
    // has Bob, who has lost what he wrote.
    let lately = |seed: u8| seed.is_multiple_of(MANY / FEW);
    for seed in (10..10 + MANY).chain([BOB]) {
        let last = crate::world::WALL - if lately(seed) { 3_600_000 } else { 400 * day };
        for number in (0..POSTS as i64).rev() {
            disk.write(&keys(seed), last - number * 60_000, &post(&"long ".repeat(300)));
        }
        wanted.wanted.insert(keys(seed).feed_id());
    }
    disk.wanted = wanted.wanted.clone();
    let mut world = World::new();
    let alice = world.add(keys(ALICE), disk);
    let bob = world.add(keys(BOB), wanted);
    world.link(alice, bob);
    let held = |world: &World, is: bool| {
        let feeds = (10..10 + MANY).filter(|seed| lately(*seed) == is).map(|seed| keys(seed).feed_id());
        feeds.map(|feed| world.peers[bob].holds(feed)).sum::<u64>()
    };
    for _ in 0..2_000 {
        if held(&world, true) == u64::from(FEW) * POSTS && world.peers[bob].holds(keys(BOB).feed_id()) == POSTS {
            break;
        }
        world.run(ms(1));
    }
    assert_eq!(held(&world, true), u64::from(FEW) * POSTS);
    assert_eq!(world.peers[bob].holds(keys(BOB).feed_id()), POSTS, "his own are back");
    let others = u64::from(MANY - FEW) * POSTS;
    assert!(held(&world, false) < others / 2, "{} of {others} came before", held(&world, false));
    world.run(s(5));
    assert_eq!(held(&world, false), others, "and then everybody else");
}

#[test]
fn friends_of_friends_come_through_the_friend_between() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 40));
    let bob = world.person(BOB);
    let carol = world.person(CAROL);
    let (a, b) = (world.peers[alice].id(), world.peers[bob].id());
    world.link(alice, bob);
    world.link(bob, carol);
    world.publish(bob, follow(a));
    world.publish(carol, follow(b));
    world.run(s(5));
    assert_eq!(world.peers[carol].holds(b), 1);
    assert_eq!(world.peers[carol].holds(a), 40, "two hops, over Bob");

    world.publish(alice, post("live over two links"));
    world.run(ms(100));
    assert_eq!(world.peers[carol].holds(a), 41);
}

#[test]
fn a_reconnect_after_a_sync_of_a_thousand_feeds_costs_one_round_trip() {
    let mut disk = Disk::default();
    for number in 0..1_000u32 {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        let keys = feed::KeyPair::from_seed(&seed);
        for text in ["one", "two"] {
            disk.write(&keys, 0, &post(text));
        }
        disk.wanted.insert(keys.feed_id());
    }
    let wanted = disk.wanted.clone();
    disk.write(&keys(ALICE), 0, &about("Alice"));
    let empty = Disk { wanted: wanted.clone(), ..Disk::default() };
    let mut world = World::new();
    let alice = world.add(keys(ALICE), disk);
    let bob = world.add(keys(BOB), empty);
    world.link(alice, bob);
    world.run(s(10));
    for feed in &wanted {
        assert_eq!(world.peers[bob].holds(*feed), 2);
    }
    for round in ["the first reconnect", "the second reconnect"] {
        for link in world.links_of(alice) {
            world.cut(link);
        }
        world.run(s(2));
        world.bytes = 0;
        world.kinds.clear();
        world.link(alice, bob);
        world.run(ms(20));
        let at_once = world.bytes;
        world.run(s(30));
        assert!(world.bytes <= 300, "{round} costs {} bytes in frames {:?}", world.bytes, world.kinds);
        assert_eq!(at_once, world.bytes, "{round} is over after one round trip");
        assert_eq!(world.kinds, [kind::HELLO, kind::HELLO], "who was introduced is not introduced again");
    }

    // The same after both processes have been restarted.
    world.restart(alice, None);
    world.restart(bob, None);
    world.bytes = 0;
    world.kinds.clear();
    world.link(alice, bob);
    world.run(s(30));
    assert!(world.bytes <= 300, "{} bytes", world.bytes);
    assert_eq!(
        world.kinds,
        [kind::HELLO, kind::HELLO, kind::ABOUT],
        "a stranger's new process has to learn the name again"
    );
}

#[test]
fn after_time_apart_only_what_is_new_is_said() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 300));
    let bob = world.person(BOB);
    let feed = world.peers[alice].id();
    world.publish(bob, follow(feed));
    let link = world.link(alice, bob);
    world.run(s(5));
    world.cut(link);
    world.run(s(1));
    for text in ["while", "you", "were", "away"] {
        world.publish(alice, post(text));
    }
    world.run(s(1));
    world.bytes = 0;
    world.link(alice, bob);
    world.run(s(10));
    assert_eq!(world.peers[bob].holds(feed), 304);
    assert!(world.bytes < 3_500, "{} bytes for four posts", world.bytes);
}

fn about(name: &str) -> Value<'_> {
    social::write::about_self(&keys(ALICE).feed_id(), Some(name), None, None)
}

#[test]
fn a_stranger_is_shown_by_the_name_they_introduce_themselves_with_and_is_not_stored() {
    let mut world = World::new();
    let mut disk = Disk::default();
    disk.write(&keys(ALICE), 0, &about("Alice"));
    let alice = world.add(keys(ALICE), disk);
    let bob = world.person(BOB);
    world.link(alice, bob);
    world.run(ms(100));
    let peers = world.peers[bob].node.peers();
    assert_eq!(peers[0].calls_themselves.as_deref(), Some("Alice"));
    assert_eq!(world.peers[bob].disk.log.len(), 0);
    assert_eq!(world.peers[bob].verified, 1);

    world.run(s(3));
    world.publish(alice, about("Alice A."));
    world.run(ms(100));
    assert_eq!(world.peers[bob].node.peers()[0].calls_themselves.as_deref(), Some("Alice A."));
    assert_eq!(world.peers[bob].disk.log.len(), 0);
}

#[test]
fn blocked_people_get_nothing_and_leave_nothing() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 5));
    let bob = world.person(BOB);
    let (a, b) = (world.peers[alice].id(), world.peers[bob].id());
    world.publish(bob, follow(a));
    world.link(alice, bob);
    world.run(s(3));
    assert_eq!(world.peers[bob].holds(a), 5);
    world.publish(alice, block(b));
    world.run(s(1));
    assert!(world.peers[alice].node.peers().is_empty(), "the link is closed");
    assert_eq!(world.peers[bob].holds(a), 5, "not even the block itself is told");
    world.link(alice, bob);
    world.publish(bob, post("hello?"));
    world.run(s(3));
    assert_eq!(world.peers[alice].holds(b), 0);
    assert_eq!(world.peers[bob].holds(a), 5);
}

#[test]
fn a_live_post_overtakes_a_long_history() {
    let mut world = World::new();
    let mut disk = history(ALICE, 50);
    let text = "a long history ".repeat(150);
    for _ in 0..8_000 {
        disk.write(&keys(CAROL), 0, &post(&text));
    }
    disk.wanted.insert(keys(CAROL).feed_id());
    let alice = world.add(keys(ALICE), disk);
    let bob =
        world.add(keys(BOB), Disk { wanted: [keys(CAROL).feed_id(), keys(ALICE).feed_id()].into(), ..Disk::default() });
    world.link(alice, bob);
    // Until the first of it has come.
    while world.peers[bob].holds(keys(CAROL).feed_id()) < 1_000 {
        world.run(ms(1));
    }
    let (a, c) = (keys(ALICE).feed_id(), keys(CAROL).feed_id());
    world.publish(alice, post("now"));
    world.run(ms(20));
    assert_eq!(world.peers[bob].holds(a), 51);
    assert!(world.peers[bob].holds(c) < 8_000, "the history is still on its way");
    world.run(s(10));
    assert_eq!(world.peers[bob].holds(c), 8_000);
}

#[test]
fn a_quiet_link_stays_quiet() {
    let mut world = World::new();
    let alice = world.add(keys(ALICE), history(ALICE, 5));
    let bob = world.person(BOB);
    let a = world.peers[alice].id();
    world.publish(bob, follow(a));
    world.link(alice, bob);
    world.run(s(20));
    world.bytes = 0;
    world.peers[bob].changes.clear();
    world.run(s(600));
    assert_eq!(world.bytes, 0);
    assert_eq!(world.peers[bob].changes, []);
    assert_eq!(world.peers[bob].node.standing(), Standing::Whole);
}
