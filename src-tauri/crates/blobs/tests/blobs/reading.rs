//! Ranges, checks on the way, and readers that outlive a removal.

use std::io;
use std::time::{Duration, SystemTime};

use blobs::{BlobError, MAX_RANGE, copy_checked};
use feed::BlobId;
use proptest::prelude::*;

use crate::sample::Home;

#[test]
fn what_is_not_here_is_named() {
    let home = Home::new();
    let id = BlobId::classic([5; 32]);
    assert_eq!((home.blobs.has(&id).unwrap(), home.blobs.size(&id).unwrap()), (false, None));
    let refused = home.blobs.get(&id).unwrap_err();
    assert!(matches!(refused, BlobError::NotHere(named) if named == id));
    assert!(!home.blobs.remove(&id).unwrap());
}

#[test]
fn a_reader_reads_on_when_the_blob_is_removed() {
    let home = Home::new();
    let id = home.add(&[9; 200_000]);
    let blob = home.blobs.get(&id).unwrap();
    assert!(home.blobs.remove(&id).unwrap());
    assert!(!home.blobs.has(&id).unwrap());
    assert_eq!(blob.range(150_000, MAX_RANGE).unwrap(), vec![9; 50_000]);
    blob.verify().unwrap();
}

#[test]
fn a_range_is_never_longer_than_one_may_be() {
    let home = Home::new();
    let blob = home.blobs.get(&home.add(&vec![1; MAX_RANGE + 10])).unwrap();
    assert_eq!(blob.range(0, usize::MAX).unwrap().len(), MAX_RANGE);
    assert_eq!(blob.range(u64::MAX, 10).unwrap(), []);
}

#[test]
fn a_file_that_was_cut_gives_what_is_left_and_is_told_as_damaged() {
    let home = Home::new();
    let id = home.add(&[1; 1000]);
    let blob = home.blobs.get(&id).unwrap();
    std::fs::OpenOptions::new().write(true).open(home.file(&id)).unwrap().set_len(300).unwrap();
    assert_eq!(blob.range(200, 500).unwrap().len(), 100);
    assert!(matches!(blob.verify(), Err(BlobError::Damaged(_))));
}

#[test]
fn a_copy_is_checked_on_its_way() {
    let home = Home::new();
    let id = home.add(b"tide");
    let mut copy = Vec::new();
    assert_eq!(copy_checked(&id, &b"tide"[..], &mut copy).unwrap().unwrap(), 4);
    assert_eq!(copy, b"tide");
    assert!(matches!(copy_checked(&id, &b"tidy"[..], io::sink()), Err(BlobError::Damaged(_))));
    let mut full: &mut [u8] = &mut [0; 2];
    assert!(copy_checked(&id, &b"tide"[..], &mut full).unwrap().is_err());
}

#[test]
fn reading_is_remembered_to_the_hour() {
    let home = Home::new();
    let id = home.add(b"tide");
    let long_ago = SystemTime::now() - Duration::from_secs(86_400);
    let set = |time| std::fs::File::open(home.file(&id)).unwrap().set_modified(time).unwrap();
    let used = || home.blobs.list(None).unwrap()[0].used;
    set(long_ago);
    home.blobs.check(None, u64::MAX).unwrap();
    assert!(used() <= long_ago, "looking is not using");
    home.blobs.get(&id).unwrap();
    let read = used();
    assert!(read > long_ago + Duration::from_secs(80_000));
    let recent = SystemTime::now() - Duration::from_secs(600);
    set(recent);
    home.blobs.get(&id).unwrap();
    assert!(used() <= recent, "no note for each reading");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_range_is_that_part_of_the_whole(
        bytes in proptest::collection::vec(any::<u8>(), 0..5000),
        asked in proptest::collection::vec((0_u64..6000, 0_usize..6000), 1..8),
    ) {
        let home = Home::new();
        let blob = home.blobs.get(&home.add(&bytes)).unwrap();
        prop_assert_eq!(blob.size(), bytes.len() as u64);
        for (offset, len) in asked {
            let from = (offset as usize).min(bytes.len());
            let to = (from + len).min(bytes.len());
            prop_assert_eq!(blob.range(offset, len).unwrap(), &bytes[from..to]);
        }
    }
}
