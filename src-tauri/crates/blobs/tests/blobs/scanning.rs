//! The integrity scan.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use blobs::{BlobError, MAX_LISTED};
use feed::BlobId;

use crate::sample::Home;

fn filled(count: u32) -> (Home, BTreeSet<BlobId>) {
    let home = Home::new();
    let ids = (0..count).map(|n| home.add(format!("blob {n}").repeat(50).as_bytes())).collect();
    (home, ids)
}

#[test]
fn a_flipped_bit_is_found_moved_aside_and_named() {
    let (home, ids) = filled(40);
    let damaged = *ids.iter().nth(17).unwrap();
    home.flip_a_bit(&damaged);
    let mut last = None;
    let scanned = home
        .blobs
        .scan(|progress| {
            last = Some(*progress);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((scanned.checked, scanned.next), (40, None));
    assert_eq!(scanned.damaged.iter().map(|damaged| damaged.id).collect::<Vec<_>>(), [damaged]);
    let last = last.unwrap();
    assert_eq!((last.checked, last.hashed), (last.count, last.bytes));

    assert!(matches!(home.blobs.get(&damaged), Err(BlobError::NotHere(_))));
    assert_eq!(home.count("damaged"), 1, "nothing is removed silently");
    let usage = home.blobs.usage().unwrap();
    assert_eq!((usage.count, usage.damaged), (39, 1));
    let again = home.blobs.scan(|_| ControlFlow::Continue(())).unwrap();
    assert_eq!((again.checked, again.damaged.len()), (39, 0));
    assert_eq!(home.reopened().blobs.usage().unwrap().bytes, usage.bytes);
}

#[test]
fn copies_that_were_damaged_one_after_the_other_are_all_kept_aside() {
    let home = Home::new();
    for copies in 1..4 {
        let id = home.add(b"tide");
        home.flip_a_bit(&id);
        assert_eq!(home.blobs.check(None, u64::MAX).unwrap().damaged.len(), 1);
        assert_eq!(home.count("damaged"), copies);
    }
}

#[test]
fn a_scan_in_parts_sees_every_blob_once() {
    let (home, ids) = filled(60);
    let mut seen = 0;
    let mut parts = 0;
    let mut after = None;
    loop {
        let part = home.blobs.check(after.as_ref(), 1000).unwrap();
        assert!(part.checked >= 1 && (part.hashed <= 1000 || part.checked == 1));
        seen += part.checked;
        parts += 1;
        match part.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, ids.len() as u64);
    assert!(parts > 10, "{parts}");
}

#[test]
fn a_scan_ends_when_it_is_told_to_and_goes_on_from_there() {
    let (home, _) = filled(30);
    let scanned = home
        .blobs
        .scan(|progress| if progress.checked == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        .unwrap();
    assert_eq!(scanned.checked, 10);
    let rest = home.blobs.check(scanned.next.as_ref(), u64::MAX).unwrap();
    assert_eq!((rest.checked, rest.next), (20, None));
}

#[test]
fn a_large_blob_is_given_up_within_it() {
    let home = Home::new();
    home.add(&vec![3; 4 << 20]);
    let mut reports = 0;
    let scanned = home
        .blobs
        .scan(|_| {
            reports += 1;
            if reports == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((scanned.checked, scanned.damaged.len()), (0, 0), "what was given up is not called damaged");
    assert!(reports < 10);
}

#[test]
fn a_list_comes_page_by_page_in_order() {
    let home = Home::new();
    // Without the syncs of real additions, which are tried elsewhere.
    let ids: BTreeSet<BlobId> = (0..2 * MAX_LISTED as u32 + 5)
        .map(|n| {
            let mut hash = [0; 32];
            hash[0] = (n % 3) as u8;
            hash[1..5].copy_from_slice(&n.to_be_bytes());
            let id = BlobId::classic(hash);
            std::fs::create_dir_all(home.file(&id).parent().unwrap()).unwrap();
            std::fs::write(home.file(&id), b"x").unwrap();
            id
        })
        .collect();
    let mut listed = Vec::new();
    loop {
        let page = home.blobs.list(listed.last()).unwrap();
        listed.extend(page.iter().map(|entry| entry.id));
        if page.len() < MAX_LISTED {
            break;
        }
    }
    assert_eq!(listed, ids.into_iter().collect::<Vec<_>>());
}
