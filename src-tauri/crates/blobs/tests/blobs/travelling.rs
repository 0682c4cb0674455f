//! Blobs that come in parts.

use blobs::{BlobError, Finished, Limits, SavedWant};
use feed::{BlobId, FeedId};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::sample::Home;

fn name_of(bytes: &[u8]) -> BlobId {
    BlobId::classic(Sha256::digest(bytes).into())
}

fn noise(size: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(byte).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn parts_in_any_order_make_a_whole(mut order in Just((0_usize..20).collect::<Vec<_>>()).prop_shuffle(), overlap in 0_usize..900) {
        let home = Home::new();
        let bytes = noise(19_500);
        let id = name_of(&bytes);
        let partial = home.blobs.begin(&id, bytes.len() as u64, false).unwrap();
        order.push(order[0]);
        for part in order {
            let from = part * 1_000;
            let until = (from + 1_000 + overlap).min(bytes.len());
            partial.write(from as u64, &bytes[from..until]).unwrap();
        }
        let Finished::Whole(added) = partial.finish(false).unwrap() else { panic!("wrong") };
        prop_assert_eq!((added.id, added.size, added.is_new), (id, bytes.len() as u64, true));
        prop_assert_eq!(std::fs::read(home.file(&id)).unwrap(), bytes);
        prop_assert_eq!(home.count("partial"), 0);
        prop_assert_eq!(home.blobs.usage().unwrap().count, 1);
    }
}

#[test]
fn what_was_begun_goes_on_after_a_restart() {
    let home = Home::new();
    let bytes = noise(300_000);
    let id = name_of(&bytes);
    let partial = home.blobs.begin(&id, 300_000, true).unwrap();
    partial.write(0, &bytes[..100_000]).unwrap();
    partial.write(200_000, &bytes[200_000..250_000]).unwrap();
    partial.note().unwrap();
    drop(partial);
    let home = home.reopened();
    let begun = home.blobs.begun(&id).unwrap().expect("begun");
    assert_eq!((begun.size, begun.parts), (300_000, vec![(0, 100_000), (200_000, 250_000)]));
    let partial = home.blobs.begin(&id, 300_000, true).unwrap();
    partial.write(100_000, &bytes[100_000..200_000]).unwrap();
    partial.write(250_000, &bytes[250_000..]).unwrap();
    assert!(matches!(partial.finish(true).unwrap(), Finished::Whole(_)));
    assert!(home.blobs.is_pinned(&id).unwrap(), "asked for by hand");
    assert_eq!(home.blobs.begun(&id).unwrap(), None);
}

#[test]
fn another_size_begins_from_nothing() {
    let home = Home::new();
    let id = name_of(b"x");
    let partial = home.blobs.begin(&id, 100, false).unwrap();
    partial.write(0, &[1; 50]).unwrap();
    partial.note().unwrap();
    let other = home.blobs.begin(&id, 99, false).unwrap();
    assert_eq!(other.finish(false).unwrap(), Finished::Wrong, "nothing is there");
}

#[test]
fn wrong_bytes_and_missing_ones_get_no_name_and_leave_nothing() {
    let home = Home::new();
    let bytes = noise(1_000);
    let id = name_of(&bytes);
    for (count, first) in [(1_000, bytes[0] ^ 1), (999, bytes[0])] {
        let partial = home.blobs.begin(&id, 1_000, false).unwrap();
        partial.write(0, &[first]).unwrap();
        partial.write(1, &bytes[1..count]).unwrap();
        assert_eq!(partial.finish(false).unwrap(), Finished::Wrong);
        assert!(!home.blobs.has(&id).unwrap());
        assert_eq!(home.count("partial"), 0);
    }
}

#[test]
fn bytes_behind_the_end_are_left_out() {
    let home = Home::new();
    let id = name_of(b"abc");
    let partial = home.blobs.begin(&id, 3, false).unwrap();
    partial.write(0, b"abcdef").unwrap();
    partial.write(u64::MAX, b"x").unwrap();
    assert!(matches!(partial.finish(false).unwrap(), Finished::Whole(_)));
    assert_eq!(std::fs::read(home.file(&id)).unwrap(), b"abc");
}

#[test]
fn what_nobody_asked_for_by_hand_has_a_bound_and_a_quota() {
    let limits = Limits { all: 1_000, ..Limits::default() };
    let home = Home::with(limits);
    let id = name_of(b"x");
    assert!(matches!(home.blobs.begin(&id, (5 << 20) + 1, false), Err(BlobError::TooLarge { .. })));
    assert!(matches!(home.blobs.begin(&id, 1_001, false), Err(BlobError::NoRoom { limit: 1_000 })));
    home.blobs.begin(&id, 1_001, true).unwrap();
    let pinned = home.blobs.add_pinned(&noise(900)[..]).unwrap().id;
    home.blobs.begin(&name_of(b"y"), 900, false).expect("pinned ones do not count");
    assert!(
        matches!(home.blobs.begin(&name_of(b"z"), 101, false), Err(BlobError::NoRoom { .. })),
        "what is on its way does"
    );
    home.blobs.give_up(&name_of(b"y")).unwrap();
    home.blobs.unpin(&pinned).unwrap();
    assert!(matches!(home.blobs.begin(&name_of(b"y"), 900, false), Err(BlobError::NoRoom { .. })));
    home.blobs.remove(&pinned).unwrap();
    home.blobs.begin(&name_of(b"y"), 900, false).expect("room again");
}

#[test]
fn a_note_that_makes_no_sense_is_nothing_done_and_links_are_not_followed() {
    let home = Home::new();
    let bytes = noise(500);
    let id = name_of(&bytes);
    let hex: String = id.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = home.path().join("partial");
    let victim = home.path().join("victim");
    std::fs::write(&victim, [9; 500]).unwrap();
    std::os::unix::fs::symlink(&victim, folder.join(&hex)).unwrap();
    std::fs::write(folder.join(format!("{hex}.parts")), [0xff; 24]).unwrap();
    assert_eq!(home.blobs.begun(&id).unwrap(), None);
    let partial = home.blobs.begin(&id, 500, false).unwrap();
    partial.write(0, &bytes).unwrap();
    assert!(matches!(partial.finish(false).unwrap(), Finished::Whole(_)));
    assert_eq!(std::fs::read(victim).unwrap(), [9; 500]);
}

#[test]
fn wants_are_kept_over_a_restart() {
    let home = Home::new();
    assert_eq!(home.blobs.saved_wants().unwrap(), []);
    let author = Some(FeedId::classic([3; 32]));
    let wants = [
        SavedWant { blob: name_of(b"a"), why: 0, author: None, mentioned: -5 },
        SavedWant { blob: name_of(b"b"), why: 3, author, mentioned: i64::MAX },
    ];
    home.blobs.save_wants(&wants).unwrap();
    let home = home.reopened();
    assert_eq!(home.blobs.saved_wants().unwrap(), wants);
    std::fs::write(home.path().join("partial/wanted"), [0xee; 1_000]).unwrap();
    assert_eq!(home.blobs.saved_wants().unwrap(), [], "nonsense is left out");
}

#[test]
fn bytes_that_are_replaced_after_they_were_hashed_count_as_they_lie_there() {
    let home = Home::new();
    let bytes = noise(1_000);
    let id = name_of(&bytes);
    let partial = home.blobs.begin(&id, 1_000, false).unwrap();
    partial.write(0, &bytes).unwrap();
    partial.write(100, &[0; 50]).unwrap();
    assert_eq!(partial.finish(false).unwrap(), Finished::Wrong);
    let partial = home.blobs.begin(&id, 1_000, false).unwrap();
    partial.write(0, &[0; 500]).unwrap();
    partial.write(0, &bytes).unwrap();
    assert!(matches!(partial.finish(false).unwrap(), Finished::Whole(_)));
    // A writer that is late finds it closed.
    partial.write(0, &[0; 500]).unwrap();
    partial.note().unwrap();
    assert_eq!(std::fs::read(home.file(&id)).unwrap(), bytes);
    assert_eq!(home.count("partial"), 0);
}

#[test]
fn what_was_given_up_is_written_and_named_no_more() {
    let home = Home::new();
    let bytes = noise(1_000);
    let id = name_of(&bytes);
    let partial = home.blobs.begin(&id, 1_000, false).unwrap();
    partial.write(0, &bytes[..600]).unwrap();
    partial.give_up();
    home.blobs.give_up(&id).unwrap();
    partial.write(600, &bytes[600..]).unwrap();
    assert_eq!(partial.finish(false).unwrap(), Finished::Wrong);
    assert!(!home.blobs.has(&id).unwrap());
}

#[test]
fn what_nobody_wants_any_more_goes_at_the_start() {
    let home = Home::new();
    for name in [b"a", b"b"] {
        let partial = home.blobs.begin(&name_of(name), 100, false).unwrap();
        partial.write(0, &[1; 50]).unwrap();
        partial.note().unwrap();
    }
    home.blobs.save_wants(&[]).unwrap();
    home.blobs.give_up_all_but(&[name_of(b"a")].into()).unwrap();
    assert!(home.blobs.begun(&name_of(b"a")).unwrap().is_some());
    assert_eq!(home.blobs.begun(&name_of(b"b")).unwrap(), None);
    assert_eq!(home.count("partial"), 3, "two of the one that stays, and the wants");
}

#[test]
fn pins_are_counted_once_whenever_they_are_set() {
    let limits = Limits { all: 1_000, ..Limits::default() };
    let home = Home::with(limits);
    let id = home.add(&noise(600));
    let blobs = blobs::Blobs::open(&home.path(), limits).unwrap();
    blobs.pin(&id).unwrap();
    blobs.pin(&id).unwrap();
    blobs.begin(&name_of(b"x"), 1_000, false).expect("all of the room");
    assert!(blobs.begin(&name_of(b"y"), 1, false).is_err(), "and no more");
    blobs.give_up(&name_of(b"x")).unwrap();
    blobs.unpin(&id).unwrap();
    assert!(blobs.begin(&name_of(b"x"), 401, false).is_err());
    blobs.begin(&name_of(b"x"), 400, false).expect("beside the other");
}
