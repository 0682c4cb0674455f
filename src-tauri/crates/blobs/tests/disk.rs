//! Disks that are full or may not be written. Real ones: each test mounts a small file system of its own, where that is
//! permitted (as root on Linux); elsewhere there is nothing to try it on.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use blobs::{BlobError, Blobs, Limits};

/// One test at a time: a process that is being started (`mount`) holds for a moment a copy of every open file, so that the room of one
/// that was just removed is not free yet.
static ALONE: Mutex<()> = Mutex::new(());

/// A file system in memory, mounted until this is dropped.
struct Disk {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Disk {
    /// None where mounting is not permitted, which it says, so that the test counts as skipped.
    fn mount(size: &str) -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = Disk { folder: tempfile::tempdir().unwrap(), _alone: alone };
        let mounted = run("mount", &["-t", "tmpfs", "-o", size, "tmpfs"], disk.path());
        if !mounted {
            println!("skipped: mounting is not permitted here");
        }
        mounted.then_some(disk)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--quiet", "--lazy"], self.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    Command::new(program).args(arguments).arg(path).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_refuses_a_blob_leaves_nothing_of_it_and_takes_it_when_there_is_room() {
    let Some(disk) = Disk::mount("size=2m") else { return };
    let folder = disk.path().join("blobs");
    let blobs = Blobs::open(&folder, Limits { keep_free: 0, ..Limits::default() }).unwrap();
    let kept = blobs.add(&[1; 500_000][..]).unwrap().id;
    let refused = blobs.add(&[2; 1_800_000][..]).unwrap_err();
    assert!(matches!(refused, BlobError::Disk { .. }), "{refused}");
    assert!(refused.to_string().contains("has room"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.join("tmp")).unwrap().count(), 0);
    assert_eq!(blobs.list(None).unwrap().len(), 1);
    blobs.get_verified(&kept).unwrap();
    blobs.remove(&kept).unwrap();
    assert!(blobs.add(&[2; 1_800_000][..]).unwrap().is_new);
}

#[test]
fn a_disk_that_is_nearly_full_is_left_to_messages() {
    let Some(disk) = Disk::mount("size=3m") else { return };
    let blobs = Blobs::open(&disk.path().join("blobs"), Limits { keep_free: 1 << 20, ..Limits::default() }).unwrap();
    blobs.add(&[1; 1_000_000][..]).unwrap();
    // Noticed on the way, before the disk is full.
    let refused = blobs.add(&[2; 2_000_000][..]).unwrap_err();
    assert!(matches!(refused, BlobError::DiskNearlyFull { .. }), "{refused}");
    assert!(blobs.usage().unwrap().free > 1 << 20, "what was begun is gone");
}

#[test]
fn from_a_disk_that_may_not_be_written_blobs_are_still_read() {
    let Some(disk) = Disk::mount("size=2m") else { return };
    let blobs = Blobs::open(&disk.path().join("blobs"), Limits { keep_free: 0, ..Limits::default() }).unwrap();
    let id = blobs.add(&b"tide"[..]).unwrap().id;
    assert!(run("mount", &["-o", "remount,ro"], disk.path()));
    assert_eq!(blobs.get_verified(&id).unwrap().range(0, 4).unwrap(), b"tide");
    let refused = blobs.add(&b"ebb"[..]).unwrap_err();
    assert!(refused.to_string().contains("may be written"), "{refused}");
}
