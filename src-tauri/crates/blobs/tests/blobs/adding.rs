//! What is added is there whole, once, or not at all.

use std::io::{self, Read};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use blobs::{BlobError, Limits};
use feed::BlobId;

use crate::sample::Home;

/// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
const ABC: &str = "&ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=.sha256";

#[test]
fn a_blob_is_named_by_its_content_and_takes_one_place() {
    let home = Home::new();
    let first = home.blobs.add(&b"abc"[..]).unwrap();
    assert_eq!((first.id, first.size, first.is_new), (BlobId::from_str(ABC).unwrap(), 3, true));
    let again = home.blobs.add(&b"abc"[..]).unwrap();
    assert_eq!((again.id, again.is_new), (first.id, false));
    let nothing = home.add(b"");
    assert_eq!(home.blobs.size(&nothing).unwrap(), Some(0));
    let usage = home.blobs.usage().unwrap();
    assert_eq!((usage.count, usage.bytes, usage.limit), (2, 3, 5 << 30));
    assert_eq!(std::fs::read(home.file(&first.id)).unwrap(), b"abc");
    assert_eq!(home.count("tmp"), 0);
}

#[test]
fn what_is_not_whole_yet_has_no_name() {
    struct Watching<'a>(&'a Home, usize);
    impl Read for Watching<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert_eq!(self.0.blobs.list(None).unwrap(), []);
            assert_eq!(self.0.count("tmp"), 1);
            self.1 += 1;
            let len = if self.1 < 20 { buffer.len() } else { 0 };
            buffer[..len].fill(7);
            Ok(len)
        }
    }
    let home = Home::new();
    let added = home.blobs.add(Watching(&home, 0)).unwrap();
    assert_eq!(home.blobs.list(None).unwrap()[0].size, added.size);
    assert_eq!(home.count("tmp"), 0);
}

#[test]
fn a_source_that_fails_leaves_nothing() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::Error::from(io::ErrorKind::Interrupted)),
                2 => Ok(buffer.len()),
                _ => Err(io::Error::other("unplugged")),
            }
        }
    }
    let home = Home::new();
    let refused = home.blobs.add(Failing(0)).unwrap_err();
    assert!(matches!(&refused, BlobError::Source(_)) && refused.to_string().contains("unplugged"), "{refused}");
    assert_eq!((home.count("tmp"), home.count("sha256")), (0, 0));
}

#[test]
fn what_an_interrupted_addition_left_goes_when_the_folder_is_opened() {
    let home = Home::new();
    let kept = home.add(b"kept");
    std::fs::write(home.path().join("tmp/4242-0"), b"half of somethi").unwrap();
    std::fs::create_dir(home.path().join("tmp/not-ours")).unwrap();
    let home = home.reopened();
    assert_eq!(home.count("tmp"), 1, "only what is no file");
    assert!(home.blobs.has(&kept).unwrap());
    let usage = home.blobs.usage().unwrap();
    assert_eq!((usage.count, usage.bytes), (1, 4));
}

#[test]
fn many_who_add_the_same_at_once_make_one() {
    let home = Home::new();
    let bytes = vec![42; 300_000];
    let new: usize = std::thread::scope(|scope| {
        let adding: Vec<_> =
            (0..8).map(|_| scope.spawn(|| usize::from(home.blobs.add(&bytes[..]).unwrap().is_new))).collect();
        adding.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(new, 1);
    let usage = home.blobs.usage().unwrap();
    assert_eq!((usage.count, usage.bytes), (1, 300_000));
    assert_eq!(home.count("tmp"), 0);
    assert_eq!(home.reopened().blobs.usage().unwrap().bytes, 300_000);
}

#[test]
fn the_size_of_one_and_of_all_is_limited_and_what_is_here_is_welcome_again() {
    let home = Home::with(Limits { one: 100, all: 150, keep_free: 0, ..Limits::default() });
    assert!(matches!(home.blobs.add(&[1; 101][..]).unwrap_err(), BlobError::TooLarge { limit: 100 }));
    assert!(matches!(home.blobs.add(io::repeat(1)).unwrap_err(), BlobError::TooLarge { .. }), "an endless source ends");
    home.add(&[1; 100]);
    assert!(matches!(home.blobs.add(&[2; 51][..]).unwrap_err(), BlobError::NoRoom { limit: 150 }));
    home.add(&[2; 50]);
    assert!(!home.blobs.add(&[1; 100][..]).unwrap().is_new, "no room is needed for what is here");
    assert_eq!((home.blobs.usage().unwrap().bytes, home.count("tmp")), (150, 0));
    assert!(home.blobs.remove(&home.add(&[2; 50])).unwrap());
    home.add(&[3; 50]);
}

#[test]
fn room_on_the_disk_is_left_for_messages() {
    let home = Home::with(Limits { keep_free: u64::MAX, ..Limits::default() });
    let refused = home.blobs.add(&b"tide"[..]).unwrap_err();
    assert!(matches!(refused, BlobError::DiskNearlyFull { free } if free > 0), "{refused}");
    assert_eq!(home.count("tmp"), 0);
}

#[test]
fn adding_again_heals_a_damaged_copy() {
    let home = Home::new();
    let id = home.add(b"a picture of the harbour");
    home.flip_a_bit(&id);
    assert!(matches!(home.blobs.get_verified(&id), Err(BlobError::Damaged(_))));
    assert!(home.blobs.add(&b"a picture of the harbour"[..]).unwrap().is_new);
    home.blobs.get_verified(&id).unwrap();
    let usage = home.blobs.usage().unwrap();
    assert_eq!((usage.count, usage.bytes, usage.damaged), (1, 24, 1));
}

#[test]
fn what_is_spooled_for_another_process_is_whole_bounded_and_goes_with_its_handle() {
    let home = Home::new();
    let folder = home.path().parent().unwrap().to_owned();
    let spooled = blobs::spool(&folder, &b"tide"[..], Limits::default()).unwrap();
    let old = home.path().join("tmp/from-4242");
    std::fs::write(&old, b"of yesterday").unwrap();
    let two_days_ago = SystemTime::now() - Duration::from_secs(2 * 86_400);
    std::fs::File::open(&old).unwrap().set_modified(two_days_ago).unwrap();
    let home = home.reopened();
    assert!(!old.exists() && spooled.path().exists(), "opened meanwhile by the process that is to add it");
    let added = home.blobs.add(std::fs::File::open(spooled.path()).unwrap()).unwrap();
    assert_eq!(added.size, 4);
    drop(spooled);
    assert_eq!(home.count("tmp"), 0);
    let small = Limits { one: 3, ..Limits::default() };
    assert!(matches!(blobs::spool(&folder, &b"tide"[..], small), Err(BlobError::TooLarge { limit: 3 })));
    assert_eq!(home.count("tmp"), 0);
}
