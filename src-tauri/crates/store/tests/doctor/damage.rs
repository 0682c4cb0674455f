//! Damage of each kind, by hand.

use std::fs;

use feed::PersonId;
use rusqlite::Connection;
use store::{
    Stance, Standing, Store,
    doctor::{About, Remedy},
};

use crate::folders::{DATABASE, JOURNAL, NOW, copy, look, make, mend, stored, words};

#[tokio::test]
async fn a_whole_folder_is_whole_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let content = make(dir.path(), 200).await;
    let report = look(dir.path()).await;
    assert!(report.is_whole(), "{}", words(&report));
    assert_eq!((report.messages, report.feeds), (200, 10));
    let mended = mend(dir.path()).await;
    assert!(mended.after.is_whole() && mended.done.is_empty() && mended.lost.is_empty(), "{mended:?}");
    assert_eq!(stored(&Store::open(dir.path()).await.unwrap()).await.len(), content.messages.len());
}

/// Changes the database of a copy by SQL, and gives what the doctor says and what is there after mending.
async fn after(statements: &str, remedy: Remedy, says: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut content = make(dir.path(), 200).await;
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    db.execute_batch(statements).unwrap();
    drop(db);
    let report = look(dir.path()).await;
    assert!(words(&report).contains(says), "{statements}: {}", words(&report));
    assert_eq!(report.remedy(), remedy, "{statements}");
    let mended = mend(dir.path()).await;
    assert!(mended.after.is_whole(), "{statements}: {}", words(&mended.after));
    assert!(mended.lost.is_empty(), "{:?}", mended.lost);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(stored(&store).await.len(), content.messages.len(), "{statements}");
    assert_eq!(store.standing(), Standing::Whole);
    store.append(vec![content.alice.posts("and on")], NOW, true).await.unwrap();
    store.catch_up().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let report = look(dir.path()).await;
    assert!(report.is_whole(), "{statements}: {}", words(&report));
}

#[tokio::test]
async fn rows_that_an_index_lacks_or_has_too_many_are_named_and_made_again() {
    after("DELETE FROM timeline WHERE row = 7", Remedy::Indexes, "The index timeline lacks").await;
    after("INSERT INTO links VALUES (1, 2, 3)", Remedy::Indexes, "The index links has too many: (1, 2, 3)").await;
    after("UPDATE contacts SET relation = 0", Remedy::Indexes, "The index contacts has wrong").await;
    after("UPDATE abouts SET name = 'Mallory'", Remedy::Indexes, "The index abouts has wrong").await;
    after("UPDATE votes SET likes = 0", Remedy::Indexes, "The index votes has wrong").await;
    after("DELETE FROM kinds WHERE kind = 'vote'", Remedy::Indexes, "The index kinds lacks (\"vote\", 0)").await;
    after("DELETE FROM activity WHERE kind = 3", Remedy::Indexes, "The index activity lacks").await;
    after("DELETE FROM search_docs WHERE row = 14", Remedy::Indexes, "Full text lacks a message (row 14)").await;
    after(
        "INSERT INTO search_docs SELECT 1 + max(doc), 5000 FROM search_docs",
        Remedy::Indexes,
        "a message that is not there",
    )
    .await;
}

#[tokio::test]
async fn what_was_decided_about_people_survives_a_repair() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 200).await;
    let person = |seed: u8| PersonId::from(feed::KeyPair::from_seed(&[seed; 32]).feed_id());
    let blocked = Stance { blocked: true, muted: false };
    let muted = Stance { blocked: false, muted: true };
    let store = Store::open(dir.path()).await.unwrap();
    for (seed, stance) in [(101, blocked), (102, muted), (103, blocked), (103, Stance::default())] {
        store.set_stance(person(seed), stance).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    db.execute_batch("DELETE FROM message_ids WHERE row = 9").unwrap();
    drop(db);
    let mended = mend(dir.path()).await;
    assert!(mended.after.is_whole(), "{}", words(&mended.after));
    let store = Store::open(dir.path()).await.unwrap();
    assert!(store.snapshot().await.unwrap().graph.is_blocking(&PersonId::from(store.keys().feed_id()), &person(101)));
    assert_eq!(store.stances(), [(person(101), blocked), (person(102), muted)].into());
    store.catch_up().await.unwrap();
    assert_eq!(store.stances().len(), 2);
}

#[tokio::test]
async fn entries_of_the_log_that_do_not_fit_are_named_and_made_again() {
    after("DELETE FROM message_ids WHERE row = 9", Remedy::Messages, "is not found by its id").await;
    after("DELETE FROM message_sequences WHERE row = 9", Remedy::Messages, "is not found by its number").await;
    after("INSERT INTO message_ids VALUES (5, 7)", Remedy::Messages, "1 entries that lead to no message").await;
    after("UPDATE feeds SET head_sequence = 3 WHERE feed = 2", Remedy::Messages, "What is noted of @").await;
    after("UPDATE feeds SET messages = messages + 1 WHERE feed = 2", Remedy::Messages, "What is noted of @").await;
    after("UPDATE meta SET value = x'00' WHERE key = 'owner'", Remedy::Messages, "does not say any more whose").await;
    after("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2", Remedy::Messages, "own form").await;
}

#[tokio::test]
async fn a_message_that_is_only_damaged_here_costs_itself_and_what_follows_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let content = make(dir.path(), 200).await;
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    // Feed 3 is a stranger's; its second message.
    let (row, mut body): (i64, Vec<u8>) = db
        .query_row("SELECT row, body FROM log WHERE feed = 3 AND sequence = 2", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let messages: i64 = db.query_row("SELECT messages FROM feeds WHERE feed = 3", [], |row| row.get(0)).unwrap();
    let last = body.len() - 3;
    body[last] ^= 1;
    db.execute("UPDATE log SET body = ?1 WHERE row = ?2", (body, row)).unwrap();
    db.execute("INSERT INTO reads VALUES ('timeline', ?1, 17)", [NOW]).unwrap();
    drop(db);
    let report = look(dir.path()).await;
    assert!(words(&report).contains("Message 2 of @"), "{}", words(&report));

    let mended = mend(dir.path()).await;
    assert!(mended.after.is_whole(), "{}", words(&mended.after));
    assert_eq!(mended.lost.len(), 1);
    assert_eq!((mended.lost[0].from, mended.lost[0].through), (2, 2));
    assert_eq!(mended.kept as i64, messages - 2);
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    let read: i64 = db.query_row("SELECT time FROM reads WHERE place = 'timeline'", [], |row| row.get(0)).unwrap();
    assert_eq!(read, NOW, "what was read stays read");
    drop(db);
    let lost = content
        .messages
        .iter()
        .find(|(_, (author, sequence))| author.to_string() == mended.lost[0].feed && *sequence == 2);
    let (lost, _) = lost.unwrap();

    // A friend sends the lost one; the next start puts what was kept behind it.
    let all = content.messages.len();
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(stored(&store).await.len(), all - 1 - mended.kept as usize);
    let (_home, other) = copy_with_all().await;
    let message = Store::open(&other).await.unwrap().message(*lost).await.unwrap().unwrap().message;
    store.append(vec![feed::Verified::from_store(message)], NOW, false).await.unwrap();
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(stored(&store).await.len(), all);
    assert!(!dir.path().join("salvaged.ndjson").exists(), "nothing is left to wait");
    store.close().await.unwrap();
    drop(store);
    assert!(look(dir.path()).await.is_whole());
}

/// The same messages, undamaged.
async fn copy_with_all() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 200).await;
    copy(dir.path())
}

#[tokio::test]
async fn own_messages_that_are_lost_are_waited_for_and_never_signed_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = make(dir.path(), 200).await;
    let me = content.alice.feed();
    let head = content.alice.head.unwrap().sequence;
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    db.execute(
        "UPDATE log SET body = zeroblob(length(body)) WHERE sequence > ?1 AND feed = (SELECT feed FROM feeds WHERE id = ?2)",
        (head as i64 - 3, me.to_tagged()),
    )
    .unwrap();
    drop(db);
    let mended = mend(dir.path()).await;
    // The journal still holds the newest; the two before it are nowhere.
    assert_eq!(mended.lost.len(), 1, "{:?}", mended.lost);
    assert_eq!((mended.lost[0].from, mended.lost[0].through), (head - 2, head - 1));
    assert!(words(&mended.after).contains("Meet a friend who follows you"), "{}", words(&mended.after));
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.standing(), Standing::Recovering { expected: Some(head) });
    assert!(store.append(vec![content.alice.posts("no")], NOW, true).await.is_err());
    drop(store);
    // Also without the journal: the number was noted before the old database was set aside.
    fs::remove_file(dir.path().join(JOURNAL)).unwrap();
    assert_eq!(Store::open(dir.path()).await.unwrap().standing(), Standing::Recovering { expected: Some(head) });
}

#[tokio::test]
async fn a_journal_that_is_lost_is_made_again_from_a_whole_log() {
    for content in [None, Some(&b""[..]), Some(b"not a journal at all")] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), 50).await;
        let path = dir.path().join(JOURNAL);
        match content {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let report = look(dir.path()).await;
        assert_eq!(report.remedy(), Remedy::Files, "{content:?}: {}", words(&report));
        let mended = mend(dir.path()).await;
        let left: Vec<_> = mended.after.findings.iter().map(|finding| finding.about).collect();
        assert_eq!(left, [About::OwnFeed], "{}", words(&mended.after));
        assert!(fs::metadata(&path).unwrap().len() > 100, "the newest own message is in it");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn private_files_that_others_may_read_and_leftovers_are_put_in_order() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 20).await;
    fs::set_permissions(dir.path().join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(dir.path().join("own.new"), "half a file").unwrap();
    let report = look(dir.path()).await;
    assert_eq!((report.findings.len(), report.remedy()), (2, Remedy::Files), "{}", words(&report));
    let mended = mend(dir.path()).await;
    assert!(mended.after.is_whole(), "{}", words(&mended.after));
    assert_eq!(fs::metadata(dir.path().join("secret")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!dir.path().join("own.new").exists());
}
