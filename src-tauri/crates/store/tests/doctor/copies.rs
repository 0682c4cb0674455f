//! Copies of the database, made while it is in use.

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use feed::MessageId;
use rusqlite::Connection;
use store::{Backup, BackupError, Pace, Standing, Store, doctor::Remedy};

use crate::folders::{DATABASE, JOURNAL, NOW, copy, look, make, mend, stored, words};

fn go_on() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

#[tokio::test]
async fn a_copy_is_made_once_a_day_and_only_when_something_came() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = make(dir.path(), 50).await;
    let daily = dir.path().join("backup/daily.sqlite");
    let store = Store::open(dir.path()).await.unwrap();
    let Backup::Made { bytes } = store.back_up(Pace::Fast, go_on()).await.unwrap() else { panic!("it is due") };
    assert_eq!(bytes, fs::metadata(&daily).unwrap().len());
    assert_eq!(store.back_up(Pace::Fast, go_on()).await.unwrap(), Backup::NotDue);
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    let age = || fs::File::options().write(true).open(&daily).unwrap().set_modified(yesterday).unwrap();
    age();
    assert_eq!(store.back_up(Pace::Fast, go_on()).await.unwrap(), Backup::Unchanged);
    store.append(vec![content.alice.posts("new")], NOW, true).await.unwrap();
    let stop = Arc::new(AtomicBool::new(true));
    assert_eq!(store.back_up(Pace::Fast, stop).await.unwrap(), Backup::Stopped);
    assert!(matches!(store.back_up(Pace::Fast, go_on()).await.unwrap(), Backup::Made { .. }));
    let names: BTreeSet<_> =
        fs::read_dir(dir.path().join("backup")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, BTreeSet::from(["daily.sqlite".into()]), "one file, nothing beside it");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&daily).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_do_not_wait_for_a_copy_and_the_copy_is_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = make(dir.path(), 50).await;
    // As large as years of messages.
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    db.execute_batch("CREATE TABLE years (bytes BLOB) STRICT; INSERT INTO years VALUES (zeroblob(60000000))").unwrap();
    drop(db);
    let store = Store::open(dir.path()).await.unwrap();
    let before = stored(&store).await.len();
    let copying = tokio::spawn({
        let store = store.clone();
        async move { store.back_up(Pace::Unhurried, go_on()).await.unwrap() }
    });
    let (mut posts, mut longest) = (0, Duration::ZERO);
    while !copying.is_finished() {
        let begun = Instant::now();
        store.append(vec![content.alice.posts(&format!("meanwhile {posts}"))], NOW, true).await.unwrap();
        longest = longest.max(begun.elapsed());
        posts += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(copying.await.unwrap(), Backup::Made { .. }));
    println!("{posts} posts while the copy was made, the longest took {longest:?}");
    assert!(posts > 10, "only {posts} posts were written meanwhile");
    // Generous: the machine does other things too. A post that waited for the copy would take far longer.
    assert!(longest < Duration::from_millis(500), "a post took {longest:?}");

    let db = Connection::open(dir.path().join("backup/daily.sqlite")).unwrap();
    let copied: i64 = db.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
    assert!((before as i64..before as i64 + posts).contains(&copied), "{before} {copied} {posts}");
}

#[tokio::test]
async fn a_copy_that_is_put_back_under_a_newer_journal_is_known_to_be_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = make(dir.path(), 50).await;
    let store = Store::open(dir.path()).await.unwrap();
    store.back_up(Pace::Fast, go_on()).await.unwrap();
    let mut later: Vec<MessageId> = Vec::new();
    for n in 0..3 {
        let message = content.alice.posts(&format!("later {n}"));
        later.push(message.id());
        store.append(vec![message], NOW, true).await.unwrap();
    }
    // Killed here: the journal holds all three.
    let (_home, killed) = copy(dir.path());
    drop(store);
    let restore = |folder: &std::path::Path| {
        for suffix in ["-wal", "-shm"] {
            fs::remove_file(folder.join(format!("{DATABASE}{suffix}"))).ok();
        }
        fs::copy(dir.path().join("backup/daily.sqlite"), folder.join(DATABASE)).unwrap();
    };
    restore(&killed);
    let store = Store::open(&killed).await.unwrap();
    assert_eq!(store.standing(), Standing::Whole, "the journal gave them back");
    let there = stored(&store).await;
    assert!(later.iter().all(|id| there.contains(id)));
    store.append(vec![content.alice.clone().posts("and on")], NOW, true).await.unwrap();
    drop(store);

    // Closed in good order the journal holds the newest only: the others are waited for.
    let store = Store::open(dir.path()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    restore(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    let expected = content.alice.head.unwrap().sequence;
    assert_eq!(store.standing(), Standing::Recovering { expected: Some(expected) });
}

#[tokio::test]
async fn a_damaged_database_does_not_replace_a_good_copy() {
    let dir = tempfile::tempdir().unwrap();
    let content = make(dir.path(), 400).await;
    let store = Store::open(dir.path()).await.unwrap();
    store.back_up(Pace::Fast, go_on()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let daily = dir.path().join("backup/daily.sqlite");
    let good = fs::read(&daily).unwrap();
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    fs::File::options().write(true).open(&daily).unwrap().set_modified(yesterday).unwrap();

    let mut alice = content.alice.clone();
    let store = Store::open(dir.path()).await.unwrap();
    store.append(vec![alice.posts("new")], NOW, true).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    let page: i64 = db
        .query_row("SELECT max(pageno) FROM dbstat WHERE name = 'links' AND pagetype = 'leaf'", [], |row| row.get(0))
        .unwrap();
    drop(db);
    let mut bytes = fs::read(dir.path().join(DATABASE)).unwrap();
    bytes[(page as usize - 1) * 8192..page as usize * 8192].fill(0xff);
    fs::write(dir.path().join(DATABASE), bytes).unwrap();

    let store = Store::open(dir.path()).await.unwrap();
    let refused = store.back_up(Pace::Fast, go_on()).await.unwrap_err();
    assert!(matches!(refused, BackupError::Damaged(_)), "{refused:?}");
    assert!(refused.to_string().contains("Run `peri doctor`"), "{refused}");
    assert_eq!(fs::read(&daily).unwrap(), good);
    drop(store);
    // And the doctor mends it, with the journal in place.
    assert!(fs::metadata(dir.path().join(JOURNAL)).unwrap().len() > 100);
    let report = look(dir.path()).await;
    assert_eq!(report.remedy(), Remedy::Messages, "{}", words(&report));
    let mended = mend(dir.path()).await;
    assert!(mended.after.is_whole() && mended.lost.is_empty(), "{}", words(&mended.after));
}
