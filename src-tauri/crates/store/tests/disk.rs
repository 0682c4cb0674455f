//! Disks that are full or may not be written. Real ones: each test mounts a small file system of its own, where that is
//! permitted (as root on Linux); elsewhere there is nothing to try it on.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use store::{OpenError, Standing, Store};
use tokio::sync::Mutex;

use people::alice;

#[path = "store/people.rs"]
#[allow(dead_code)] // Shared with `tests/store`, which uses all of it.
mod people;

/// When messages arrive here, Unix milliseconds.
const NOW: i64 = 1_600_000_000_000;

/// One test at a time, and in a program of their own: a process that is being started (`mount`) holds for a moment a copy of every open
/// file, the lock of a folder included, so that a folder which was just closed looks taken.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How long a closed store may take to let go of its files.
const PATIENCE: Duration = Duration::from_secs(10);

/// A file system in memory, mounted until this is dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// None where mounting is not permitted, which it says, so that the test counts as skipped.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk { folder };
        let mounted = run("mount", &["-t", "tmpfs", "-o", size, "tmpfs"], disk.path());
        if !mounted {
            println!("skipped: mounting is not permitted here");
        }
        mounted.then_some(disk)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The system refuses while a file is open for writing, and the thread of a connection that was dropped closes its file in its
    /// own time: so this asks until it may.
    fn remount(&self, option: &str) {
        let begun = Instant::now();
        while !run("mount", &["-o", &format!("remount,{option}")], self.path()) {
            assert!(begun.elapsed() < PATIENCE, "no remount {option}: a file stays open");
            std::thread::sleep(Duration::from_millis(5));
        }
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

#[tokio::test]
async fn a_folder_on_a_disk_that_may_not_be_written_is_named() {
    let _alone = ALONE.lock().await;
    let Some(disk) = Disk::mount("size=8m") else { return };
    let folder = disk.path().join("alice");
    let store = Store::create(&folder, &alice().keys, None).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    disk.remount("ro");
    for refused in [
        Store::open(&folder).await.unwrap_err(),
        Store::create(&disk.path().join("bob"), &alice().keys, None).await.unwrap_err(),
    ] {
        assert!(matches!(&refused, OpenError::Disk { path, .. } if path.starts_with(disk.path())), "{refused:?}");
        let words = refused.to_string();
        assert!(words.contains("Read-only") && words.contains("may be written"), "{words}");
    }
    disk.remount("rw");
    assert_eq!(Store::open(&folder).await.unwrap().standing(), Standing::Whole);
}

#[tokio::test]
async fn a_full_disk_refuses_a_post_and_takes_it_when_there_is_room() {
    let _alone = ALONE.lock().await;
    let Some(disk) = Disk::mount("size=2m") else { return };
    let mut alice = alice();
    let folder = disk.path().join("alice");
    let store = Store::create(&folder, &alice.keys, None).await.unwrap();
    store.append(vec![alice.posts("before")], NOW, true).await.unwrap();
    let filler = disk.path().join("filler");
    let fill = || {
        use std::io::Write;
        let mut file = std::fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    };
    fill();
    let mut refusal = None;
    // The file of recent writes may have room for some.
    for n in 0..500 {
        let mut next = alice.clone();
        match store.append(vec![next.posts(&format!("{n} {}", "x".repeat(3000)))], NOW, true).await {
            Ok(()) => alice = next,
            Err(error) => {
                refusal = Some(error.to_string());
                break;
            }
        }
    }
    let words = refusal.expect("refused");
    assert!(words.contains("has room"), "{words}");
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], alice.head.unwrap(), "nothing of it stayed");

    std::fs::remove_file(&filler).unwrap();
    store.append(vec![alice.posts("there is room again")], NOW, true).await.unwrap();
    drop(store);
    let store = Store::open(&folder).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole);
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], alice.head.unwrap());

    store.close().await.unwrap();
    drop(store);
    fill();
    let words = match Store::open(&folder).await {
        Ok(store) => {
            store.append(vec![alice.clone().posts(&"x".repeat(7000))], NOW, true).await.unwrap_err().to_string()
        }
        Err(error) => error.to_string(),
    };
    assert!(words.contains("has room"), "{words}");
}
