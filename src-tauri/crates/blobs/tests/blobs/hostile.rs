//! Things in the folder that we did not put there.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use blobs::BlobError;
use feed::BlobId;

use crate::sample::Home;

/// Of the same content in every test, so that its place is known beforehand.
fn id_of(bytes: &[u8]) -> BlobId {
    Home::new().add(bytes)
}

#[test]
fn names_that_are_not_ours_are_passed_over() {
    let home = Home::new();
    let id = home.add(b"tide");
    let fan = home.file(&id).parent().unwrap().to_owned();
    let name = home.file(&id).file_name().unwrap().to_str().unwrap().to_owned();
    for other in
        [name.to_uppercase(), format!("{name}0"), name[1..].to_owned(), "notes.txt".to_owned(), format!("{name}.tmp")]
    {
        std::fs::write(fan.join(other), b"x").unwrap();
    }
    std::fs::write(fan.join(OsStr::from_bytes(b"\xff\xfe")), b"x").unwrap();
    // A name of ours that is no file, before and after.
    std::fs::create_dir(fan.join("0".repeat(62))).unwrap();
    std::fs::create_dir(fan.join("f".repeat(62))).unwrap();
    for other in ["zz", "0", "ABC", "sha256"] {
        std::fs::create_dir(home.path().join("sha256").join(other)).unwrap();
    }
    let home = home.reopened();
    assert_eq!(home.blobs.list(None).unwrap().iter().map(|entry| entry.id).collect::<Vec<_>>(), [id]);
    let usage = home.blobs.usage().unwrap();
    assert_eq!((usage.count, usage.bytes), (1, 4));
    let scanned = home.blobs.scan(|_| ControlFlow::Continue(())).unwrap();
    assert_eq!((scanned.checked, scanned.damaged.len()), (1, 0));
}

#[test]
fn a_link_is_not_followed() {
    let home = Home::new();
    let id = id_of(b"somebody else's secret");
    let secret = home.path().parent().unwrap().join("secret");
    std::fs::write(&secret, b"somebody else's secret").unwrap();
    std::fs::create_dir_all(home.file(&id).parent().unwrap()).unwrap();
    symlink(&secret, home.file(&id)).unwrap();
    assert!(!home.blobs.has(&id).unwrap());
    assert!(matches!(home.blobs.get(&id), Err(BlobError::NotHere(_))));
    assert_eq!(home.blobs.list(None).unwrap(), []);

    // Adding puts a file in the place of the link, and leaves alone what that led to.
    assert!(home.blobs.add(&b"somebody else's secret"[..]).unwrap().is_new);
    assert!(home.file(&id).symlink_metadata().unwrap().is_file());
    home.blobs.remove(&id).unwrap();
    assert_eq!(std::fs::read(&secret).unwrap(), b"somebody else's secret");
}

#[test]
fn a_linked_folder_is_not_entered() {
    let home = Home::new();
    let id = id_of(b"tide");
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), home.file(&id).parent().unwrap()).unwrap();
    std::fs::write(elsewhere.path().join(home.file(&id).file_name().unwrap()), b"tide").unwrap();
    assert!(!home.blobs.has(&id).unwrap());
    assert!(matches!(home.blobs.add(&b"tide"[..]), Err(BlobError::Disk { .. })));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1, "nothing was written there");
    assert_eq!(home.count("tmp"), 0);
}

#[test]
fn a_pipe_with_the_name_of_a_blob_holds_nobody_up() {
    let home = Home::new();
    let id = id_of(b"tide");
    std::fs::create_dir_all(home.file(&id).parent().unwrap()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(home.file(&id)).status();
    assert!(made.is_ok_and(|status| status.success()));
    assert!(matches!(home.blobs.get(&id), Err(BlobError::NotHere(_))));
    assert!(home.blobs.add(&b"tide"[..]).unwrap().is_new);
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blobs");
    std::fs::write(&path, b"").unwrap();
    let refused = blobs::Blobs::open(&path, blobs::Limits::default()).unwrap_err();
    assert!(refused.to_string().contains("blobs could not be read or written"), "{refused}");
}
