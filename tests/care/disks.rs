//! Disks that are full or may not be written. Real ones: each test mounts a small file system of its own, where that is permitted (as
//! root on Linux); elsewhere there is nothing to try it on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::people::{holds, sample, says};
use crate::peri::{Person, post};

/// A file system in memory, mounted until this is dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// None where mounting is not permitted, which it says, so that the test counts as skipped.
    fn mount(size: &str) -> Option<Self> {
        let disk = Disk { folder: tempfile::tempdir().expect("a temporary folder") };
        let mounted = run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], disk.path());
        if !mounted {
            println!("skipped: mounting is not permitted here");
        }
        mounted.then_some(disk)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn resize(&self, size: &str) {
        assert!(run("mount", &["-o", &format!("remount,size={size}")], self.path()));
    }

    /// Takes all the room that is left; removed again it is free.
    fn fill(&self) -> PathBuf {
        let filler = self.path().join("filler");
        let mut file = File::create(&filler).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
        filler
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
fn a_folder_that_may_only_be_read_is_named_and_opens_when_it_may_be_written() {
    let Some(disk) = Disk::mount("256m") else { return };
    let folder = disk.path().join("ada");
    let person = Person::in_folder("Ada", folder.clone());
    let ids = [person.ok(&["post", "before"])];
    // The folder itself, bound onto itself, read-only: the file system around it stays as it is.
    let path = folder.to_str().expect("a path");
    assert!(run("mount", &["--bind", path], &folder));
    assert!(run("mount", &["-o", "remount,bind,ro"], &folder));
    for arguments in [&["post", "no"][..], &["timeline"], &["doctor"], &["doctor", "--repair"]] {
        says(&person.refused(arguments), &["Read-only file system", "may be written", path]);
    }
    assert!(run("umount", &[], &folder));
    holds(&person, &ids);
}

#[tokio::test]
async fn a_disk_that_fills_while_publishing_refuses_and_takes_posts_when_there_is_room() {
    let Some(disk) = Disk::mount("6m") else { return };
    let person = Person::in_folder("Ada", disk.path().join("ada"));
    let node = person.serve(&[]);
    let mut client = node.client().await;
    let mut ids = vec![post(&mut client, "before").await.expect("published")];
    let filler = disk.fill();
    let mut refusal = None;
    for n in 0..500 {
        match post(&mut client, &format!("{n} {}", "x".repeat(3_000))).await {
            Ok(id) => ids.push(id),
            Err(failure) => {
                refusal = Some(failure);
                break;
            }
        }
    }
    let refusal = refusal.expect("a full disk refuses");
    assert!(refusal.next.contains("has room"), "{refusal}");
    fs::remove_file(filler).expect("ours");
    ids.push(post(&mut client, "there is room again").await.expect("published"));
    assert!(node.stop().success());
    // So much room that the doctor has nothing to say about it.
    disk.resize("256m");
    holds(&person, &ids);
}

#[test]
fn a_disk_that_fills_during_an_import_keeps_what_came_and_takes_the_rest_later() {
    let Some(disk) = Disk::mount("1300k") else { return };
    let person = Person::in_folder("Ada", disk.path().join("ada"));
    let ids = [person.ok(&["post", "before"])];
    let sample = sample();
    let import = ["import", sample.to_str().expect("a path")];
    let words = person.refused(&import);
    says(&words, &["has room"]);
    disk.resize("256m");
    holds(&person, &ids);
    person.ok(&import);
    // Name, two posts and the sample.
    assert_eq!(person.json(&["status", "--json"])["messages"], json!(2_000 + 3));
    holds(&person, &ids);
}

#[test]
fn mending_on_a_full_disk_says_how_much_room_it_needs_and_changes_nothing() {
    let Some(disk) = Disk::mount("12m") else { return };
    let person = Person::in_folder("Ada", disk.path().join("ada"));
    person.ok(&["import", sample().to_str().expect("a path")]);
    let database = person.folder().join(crate::people::DATABASE);
    let mut bytes = fs::read(&database).expect("there");
    bytes[..4096].fill(0x5a);
    fs::write(&database, &bytes).expect("ours");
    let filler = disk.fill();
    says(&person.refused(&["doctor", "--repair"]), &["Mending needs", "Make room and try again"]);
    fs::remove_file(filler).expect("ours");
    assert_eq!(fs::read(&database).expect("there"), bytes);
    disk.resize("256m");
    person.ok(&["doctor", "--repair"]);
    assert_eq!(person.json(&["status", "--json"])["messages"], json!(2_001));
    holds(&person, &[]);
}
