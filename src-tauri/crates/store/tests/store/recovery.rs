//! Kills, power cuts and old copies: own messages survive, and one's own feed never forks.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use feed::Verified;
use store::{AppendError, Standing, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob},
};

const DATABASE: [&str; 3] = ["periwinkle.sqlite", "periwinkle.sqlite-wal", "periwinkle.sqlite-shm"];
const JOURNAL: &str = "own.journal";

/// A folder of Alice's with `messages` posts, closed.
async fn folder_with(messages: usize) -> (tempfile::TempDir, Signer, Vec<Verified>) {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = alice();
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let mut all = Vec::new();
    for n in 0..messages {
        let message = alice.posts(&format!("post {n}"));
        store.append(vec![message.clone()], NOW, true).await.unwrap();
        all.push(message);
    }
    // Closed, so that no connection changes the files later; but the journal is as long as a kill would have left it.
    let journal = fs::read(dir.path().join(JOURNAL)).unwrap();
    store.close().await.unwrap();
    drop(store);
    fs::write(dir.path().join(JOURNAL), journal).unwrap();
    (dir, alice, all)
}

/// Copies the named files as they are, as a kill would leave them.
fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        let target = to.join(name);
        match fs::copy(from.join(name), &target) {
            // SQLite removes its log when the last connection ends, which may be now.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if target.exists() {
                    fs::remove_file(target).unwrap();
                }
            }
            copied => drop(copied.unwrap()),
        }
    }
}

fn copy_of(dir: &Path) -> (tempfile::TempDir, PathBuf) {
    let copy_dir = tempfile::tempdir().unwrap();
    copy(dir, copy_dir.path(), &[&DATABASE[..], &[JOURNAL, "secret"]].concat());
    let path = copy_dir.path().to_owned();
    (copy_dir, path)
}

#[tokio::test]
async fn a_kill_between_journal_and_commit_costs_nothing() {
    let (dir, mut alice, all) = folder_with(3).await;
    // The state at `after-journal` and at `before-commit`: the journal holds a message that the database lacks.
    let store = Store::open(dir.path()).await.unwrap();
    let (_keep, old) = copy_of(dir.path());
    let next = alice.posts("signed, journalled, not committed");
    store.append(vec![next.clone()], NOW, true).await.unwrap();
    copy(dir.path(), &old, &[JOURNAL]);
    drop(store);

    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole);
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], next.head());
    assert_eq!(store.totals().await.unwrap().messages, all.len() as u64 + 1);
    store.append(vec![alice.posts("and on")], NOW, true).await.unwrap();
    drop(store);
    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], alice.head.unwrap());
}

#[tokio::test]
async fn a_kill_before_or_within_the_journal_leaves_the_feed_as_it_was() {
    let (dir, mut alice, all) = folder_with(3).await;
    let before = fs::read(dir.path().join(JOURNAL)).unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let (_keep, old) = copy_of(dir.path());
    store.append(vec![alice.clone().posts("never acknowledged")], NOW, true).await.unwrap();
    drop(store);
    let after = fs::read(dir.path().join(JOURNAL)).unwrap();
    for cut in [before.len(), before.len() + 1, before.len() + 13, after.len() - 1] {
        fs::write(old.join(JOURNAL), &after[..cut]).unwrap();
        let store = Store::open(&old).await.unwrap();
        assert_eq!(store.standing(), Standing::Whole);
        assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], all[2].head(), "cut at {cut}");
    }
    let store = Store::open(&old).await.unwrap();
    store.append(vec![alice.posts("another at the same sequence")], NOW, true).await.unwrap();
}

#[tokio::test]
async fn a_kill_after_the_commit_keeps_the_message_once() {
    let (dir, alice, all) = folder_with(3).await;
    let (_keep, path) = copy_of(dir.path());
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.totals().await.unwrap().messages, 3);
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], all[2].head());
    assert_eq!(store.standing(), Standing::Whole);
}

#[tokio::test]
async fn a_database_rolled_back_behind_the_journal_waits_for_its_messages() {
    let (dir, mut alice, mut all) = folder_with(2).await;
    let (_keep, old) = copy_of(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    let generation = store.snapshot().await.unwrap().generation;
    for n in 0..3 {
        let message = alice.posts(&format!("later {n}"));
        store.append(vec![message.clone()], NOW, true).await.unwrap();
        all.push(message);
    }
    // Closing cuts the journal down to the newest message; the database of the old copy lacks the two before it.
    store.close().await.unwrap();
    drop(store);
    copy(dir.path(), &old, &[JOURNAL]);

    let store = Store::open(&old).await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.standing, Standing::Recovering { expected: Some(5) });
    assert_ne!(snapshot.generation, generation, "peers must not trust the old clocks");
    let mut twin = alice.clone();
    twin.head = Some(all[1].head());
    let refused = store.append(vec![twin.posts("would fork")], NOW, true).await;
    assert!(matches!(refused, Err(AppendError::Recovering)));

    // A friend sends what is missing.
    store.append(all[2..].to_vec(), NOW, false).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole);
    store.append(vec![alice.posts("publishing works again")], NOW, true).await.unwrap();
}

#[tokio::test]
async fn a_database_on_another_history_than_the_journal_never_publishes() {
    let (dir, alice, all) = folder_with(3).await;
    let (_keep, twin_dir) = copy_of(dir.path());
    for (path, text) in [(dir.path(), "here"), (twin_dir.as_path(), "there")] {
        let store = Store::open(path).await.unwrap();
        let mut signer = alice.clone();
        store.append(vec![signer.posts(text), signer.posts("more")], NOW, true).await.unwrap();
        store.close().await.unwrap();
    }
    copy(&twin_dir, dir.path(), &[JOURNAL]);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.standing(), Standing::Recovering { expected: None });
    let mut signer = alice.clone();
    signer.head = Some(all[2].head());
    assert!(matches!(store.append(vec![signer.posts("no")], NOW, true).await, Err(AppendError::Recovering)));
}

#[tokio::test]
async fn own_messages_that_came_back_are_known_to_be_missing_after_a_power_cut() {
    let (dir, mut alice, _) = folder_with(2).await;
    let (_keep, old) = copy_of(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    let later: Vec<_> = (0..3).map(|n| alice.posts(&format!("elsewhere {n}"))).collect();
    let others = vec![bob().posts("in the same batch")];
    store.append([&later[..], &others].concat(), NOW, false).await.unwrap();
    // The database forgets what it had not synced.
    copy(dir.path(), &old, &[JOURNAL]);
    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.standing(), Standing::Recovering { expected: Some(5) });
    store.append(later, NOW, false).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole);
}

#[tokio::test]
async fn what_only_the_journal_holds_has_a_place_once_the_gap_is_closed() {
    let (dir, mut alice, mut all) = folder_with(2).await;
    let (_keep, old) = copy_of(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    for n in 0..4 {
        let message = alice.posts(&format!("later {n}"));
        store.append(vec![message.clone()], NOW, true).await.unwrap();
        all.push(message);
    }
    store.close().await.unwrap();
    drop(store);
    copy(dir.path(), &old, &[JOURNAL]);
    let journalled = fs::read(old.join(JOURNAL)).unwrap();

    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().unplaced, [(*all[5]).clone()], "nobody else may have it");
    // Friends have all but the last; while it is missing the journal must not lose it.
    store.append(all[2..5].to_vec(), NOW, false).await.unwrap();
    assert_eq!(store.standing(), Standing::Recovering { expected: Some(6) });
    assert_eq!(fs::read(old.join(JOURNAL)).unwrap(), journalled);
    drop(store);
    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole, "a start places it");
    assert_eq!(store.snapshot().await.unwrap().unplaced, []);
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], all[5].head());
}

#[tokio::test]
async fn an_old_copy_put_back_whole_waits_as_soon_as_somebody_knows_more() {
    let (dir, mut alice, all) = folder_with(2).await;
    let (_keep, old) = copy_of(dir.path());
    drop(dir);
    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole, "nothing on this disk shows that it is old");
    let later = alice.posts("published elsewhere");
    store.expect_own(3).await.unwrap();
    drop(store);
    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.standing(), Standing::Recovering { expected: Some(3) }, "remembered over a restart");
    store.append(vec![later], NOW, false).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole);
    assert_eq!(store.totals().await.unwrap().messages, all.len() as u64 + 1);
    // What was known to be missing once is no hindrance afterwards.
    store.append(vec![alice.posts("and on")], NOW, true).await.unwrap();
    drop(store);
    assert_eq!(Store::open(&old).await.unwrap().standing(), Standing::Whole);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_in_the_journal() {
    let (dir, mut alice, all) = folder_with(2).await;
    let store = Store::open(dir.path()).await.unwrap();
    let before = fs::read(dir.path().join(JOURNAL)).unwrap();
    break_table(dir.path(), "ALTER TABLE timeline RENAME TO elsewhere").await;
    let mut failed = alice.clone();
    store.append(vec![failed.posts("fails")], NOW, true).await.unwrap_err();
    assert_eq!(fs::read(dir.path().join(JOURNAL)).unwrap(), before);
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], all[1].head());
    break_table(dir.path(), "ALTER TABLE elsewhere RENAME TO timeline").await;
    store.append(vec![alice.posts("another at the same sequence")], NOW, true).await.unwrap();
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], alice.head.unwrap());
}

async fn break_table(dir: &Path, statement: &'static str) {
    use sqlx::{ConnectOptions, Connection};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.join(DATABASE[0]));
    let mut db = options.connect().await.unwrap();
    sqlx::query(statement).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_long_journal_is_cut_and_still_remembers_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = alice();
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    for n in 0..60 {
        store.append(vec![alice.posts(&format!("{n} {}", "x".repeat(7000)))], NOW, true).await.unwrap();
    }
    assert!(fs::metadata(dir.path().join(JOURNAL)).unwrap().len() < 300_000);
    store.append(vec![bob().posts("others are not in it")], NOW, false).await.unwrap();
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole);
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()].sequence, 60);
}
