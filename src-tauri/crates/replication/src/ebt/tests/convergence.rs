//! Many machines together: whatever happens to the links, all end level, and it costs little.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::mesh::{Mesh, Traffic};
use crate::{
    LinkId,
    ebt::{Input, Want},
};

/// What happens to a mesh.
#[derive(Clone, Debug)]
enum Happening {
    Publish { by: usize, messages: u8 },
    Cut { link: usize },
    Join { a: usize, b: usize, delay: u64 },
    Wait { millis: u64 },
    Wish { of: usize, author: usize, want: Want },
}

const DEVICES: usize = 6;

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0..DEVICES, 1..40_u8).prop_map(|(by, messages)| Happening::Publish { by, messages }),
        2 => any::<usize>().prop_map(|link| Happening::Cut { link }),
        3 => (0..DEVICES, 1..DEVICES, 0..80_000_u64)
            .prop_map(|(a, step, delay)| Happening::Join { a, b: (a + step) % DEVICES, delay }),
        4 => (0..1_500_u64).prop_map(|millis| Happening::Wait { millis }),
        1 => (0..DEVICES, 0..DEVICES, prop_oneof![Just(Want::Replicate), Just(Want::Ignore)])
            .prop_map(|(of, author, want)| Happening::Wish { of, author, want }),
    ]
}

fn join_once(mesh: &mut Mesh, a: usize, b: usize, delay: u64) {
    let joined = mesh.links().into_iter().any(|link| {
        let ends = mesh.ends(link);
        ends == [a, b] || ends == [b, a]
    });
    if !joined {
        mesh.join(a, b, delay);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_all_end_level_and_agreed(
        seed in any::<u64>(),
        happenings in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut mesh = Mesh::new(DEVICES, seed);
        mesh.everyone_wants_everything();
        for happening in happenings {
            match happening {
                Happening::Publish { by, messages } => (0..messages).for_each(|_| mesh.publish(by)),
                Happening::Cut { link } => {
                    let links = mesh.links();
                    if !links.is_empty() {
                        mesh.cut(links[link % links.len()]);
                    }
                }
                Happening::Join { a, b, delay } => join_once(&mut mesh, a, b, delay),
                Happening::Wait { millis } => mesh.run_for(millis),
                Happening::Wish { of, author, want } => {
                    let feed = mesh.feed(author);
                    mesh.input(of, Input::Want { feed, want });
                }
            }
        }
        mesh.everyone_wants_everything();
        for device in 1..DEVICES {
            join_once(&mut mesh, device - 1, device, 10_000);
        }
        mesh.run_until_quiet();
        mesh.assert_level();
    }
}

/// Two devices and `feeds` others whose feeds the first one holds, ten messages each.
fn library(feeds: usize) -> (Mesh, LinkId) {
    let mut mesh = Mesh::new(feeds + 2, 7);
    mesh.everyone_wants_everything();
    for feed in 0..feeds {
        let feed = mesh.feed(feed + 2);
        mesh.import(0, feed, 10);
    }
    let link = mesh.join(0, 1, 1_000);
    (mesh, link)
}

#[test]
fn a_first_sync_sends_each_message_once_and_two_notes_per_feed() {
    let (mut mesh, _) = library(1_000);
    mesh.run_until_quiet();
    let traffic = mesh.take_traffic();
    assert_eq!(traffic.payload, 10_000);
    assert_eq!(traffic.delivered, 10_000);
    assert_eq!(traffic.notes, 2 * 1_002);
    assert_eq!(traffic.levels, 1, "of the one who received; the other learned nothing that a note did not say");
}

#[test]
fn every_reconnect_after_a_completed_sync_is_silent() {
    let (mut mesh, mut link) = library(1_000);
    mesh.run_until_quiet();
    for _ in 0..3 {
        mesh.take_traffic();
        let (a, b) = mesh.cut(link);
        link = mesh.join(a, b, 1_000);
        mesh.run_until_quiet();
        assert_eq!(mesh.take_traffic(), Traffic::default());
    }
}

#[test]
fn a_sync_that_is_complete_can_be_broken_off_a_moment_later() {
    let (mut mesh, link) = library(1_000);
    while mesh.traffic.delivered < 10_000 {
        mesh.run_for(1);
    }
    mesh.run_for(150);
    mesh.take_traffic();
    let (a, b) = mesh.cut(link);
    mesh.join(a, b, 1_000);
    mesh.run_until_quiet();
    assert_eq!(mesh.take_traffic(), Traffic::default());
}

#[test]
fn one_new_message_on_a_level_link_costs_itself_and_one_level() {
    let (mut mesh, _) = library(1_000);
    mesh.run_until_quiet();
    mesh.take_traffic();
    mesh.publish(0);
    mesh.run_until_quiet();
    let once = Traffic { payload: 1, delivered: 1, levels: 1, ..Traffic::default() };
    assert_eq!(mesh.take_traffic(), once);
}

#[test]
fn one_new_message_while_apart_costs_a_question_and_an_answer() {
    let (mut mesh, link) = library(1_000);
    mesh.run_until_quiet();
    let (a, b) = mesh.cut(link);
    mesh.publish(0);
    mesh.take_traffic();
    mesh.join(a, b, 1_000);
    mesh.run_until_quiet();
    let traffic = mesh.take_traffic();
    assert_eq!((traffic.payload, traffic.notes), (1, 2));
}

#[test]
fn a_sync_broken_off_in_the_middle_goes_on_where_it_was() {
    let (mut mesh, mut link) = library(200);
    let mut breaks = 0;
    while mesh.traffic.delivered < 2_000 {
        mesh.run_for(1);
        if mesh.traffic.delivered > breaks * 300 {
            breaks += 1;
            let (a, b) = mesh.cut(link);
            link = mesh.join(a, b, 1_000);
        }
    }
    mesh.run_until_quiet();
    mesh.assert_level();
    let traffic = mesh.take_traffic();
    assert_eq!(traffic.delivered, 2_000);
}

#[test]
fn a_newcomer_among_many_gets_each_message_about_once() {
    let mut mesh = Mesh::new(6, 3);
    mesh.everyone_wants_everything();
    for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)] {
        mesh.join(a, b, 5_000);
    }
    for by in 0..5 {
        (0..100).for_each(|_| mesh.publish(by));
    }
    mesh.run_until_quiet();
    mesh.take_traffic();
    for other in 0..5 {
        let delay = 2_000 + mesh.random(20_000);
        mesh.join(5, other, delay);
    }
    mesh.run_until_quiet();
    mesh.assert_level();
    let traffic = mesh.take_traffic();
    assert_eq!(traffic.delivered, 500);
    assert!(traffic.payload <= 525, "{traffic:?}");
}

#[test]
fn a_healed_partition_converges_with_little_waste() {
    let mut mesh = Mesh::new(20, 11);
    mesh.everyone_wants_everything();
    let mut across = Vec::new();
    let mut joined = BTreeMap::new();
    for (a, b) in mesh.regular(4) {
        let link = mesh.join(a, b, 10_000);
        joined.insert(link, (a, b));
        if (a < 10) != (b < 10) {
            across.push(link);
        }
    }
    // Within the halves everyone stays joined.
    for (first, half) in [(0, 0..10), (10, 10..20)] {
        half.skip(1).for_each(|device| join_once(&mut mesh, first, device, 10_000));
    }
    mesh.run_until_quiet();
    for by in 0..20 {
        mesh.publish(by);
    }
    mesh.run_until_quiet();
    let cut: Vec<_> = across.into_iter().map(|link| mesh.cut(link)).collect();
    mesh.take_traffic();
    for by in 0..20 {
        (0..20).for_each(|_| mesh.publish(by));
    }
    mesh.run_until_quiet();
    assert_eq!(mesh.take_traffic().delivered, 20 * 20 * 9, "the halves cannot know of each other");
    for (a, b) in cut {
        mesh.join(a, b, 10_000);
    }
    mesh.run_until_quiet();
    mesh.assert_level();
    let healing = mesh.take_traffic();
    assert_eq!(healing.delivered, 20 * 20 * 10);
    assert!(healing.payload as f64 <= 1.10 * healing.delivered as f64, "{healing:?}");
}
