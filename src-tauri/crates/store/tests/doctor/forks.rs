//! What shows how far one's own feed went is lost or damaged: nothing is signed until somebody was near who holds the feed.

use std::{fs, path::Path};

use store::{
    AppendError, Standing, Store,
    doctor::{About, Remedy},
};

use crate::{
    folders::{DATABASE, JOURNAL, NOW, copy, look, make, mend, words},
    people::{Signer, alice},
};

const DAMAGED: &str = "own.journal.damaged";
/// Where the frames of a journal begin, and what each has before its body, in bytes.
const FRAMES: usize = 8;
const FRAME_HEAD: usize = 12;

/// Whether the next own message is refused, whichever number it has.
async fn is_refused(store: &Store, alice: &Signer) -> bool {
    let mut signer = alice.clone();
    signer.head = store.own_head();
    let signed = store.append(vec![signer.posts("signed a second time?")], NOW, true).await;
    match signed {
        Ok(()) => false,
        Err(AppendError::Recovering) => true,
        Err(error) => panic!("{error}"),
    }
}

/// Mends a folder and checks that it publishes nothing after that, and says why.
async fn mend_doubtful(folder: &Path, what: &str) {
    let mended = mend(folder).await;
    let says = words(&mended.after);
    assert!(says.contains("may be longer than what is here"), "{what}: {says} {:?}", mended.done);
    assert!(says.contains("Meet a friend who follows you"), "{what}: {says}");
    assert!(mended.after.findings.iter().all(|finding| finding.about == About::OwnFeed), "{what}: {says}");
    let store = Store::open(folder).await.unwrap();
    assert!(store.own_is_doubted(), "{what}");
    assert!(is_refused(&store, &alice()).await, "{what}");
    store.trust_own().await.unwrap();
    assert!(!is_refused(&store, &alice()).await, "{what}: a friend was near");
}

#[tokio::test]
async fn a_folder_of_which_only_the_key_is_left_signs_no_first_message_again() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 20).await;
    let left = tempfile::tempdir().unwrap();
    fs::copy(dir.path().join("secret"), left.path().join("secret")).unwrap();
    mend_doubtful(left.path(), "the key").await;
}

#[tokio::test]
async fn a_folder_of_which_the_key_and_a_copy_are_left_signs_nothing_behind_the_copy() {
    let dir = tempfile::tempdir().unwrap();
    let content = make(dir.path(), 20).await;
    for journal in [None, Some(&b"PWJRNL1\n"[..]), Some(b""), Some(b"Dear diary, this was a text.")] {
        let left = tempfile::tempdir().unwrap();
        fs::create_dir(left.path().join("backup")).unwrap();
        fs::copy(dir.path().join("secret"), left.path().join("secret")).unwrap();
        fs::copy(dir.path().join(DATABASE), left.path().join("backup/daily.sqlite")).unwrap();
        if let Some(journal) = journal {
            fs::write(left.path().join(JOURNAL), journal).unwrap();
        }
        mend_doubtful(left.path(), &format!("a copy, {journal:?}")).await;
    }
    // With its journal nothing is doubtful.
    fs::remove_file(dir.path().join(DATABASE)).unwrap();
    fs::create_dir(dir.path().join("backup")).unwrap();
    let (_home, folder) = copy(dir.path());
    mend(&folder).await;
    let store = Store::open(&folder).await.unwrap();
    assert!(!store.own_is_doubted());
    assert_eq!(store.standing(), Standing::Recovering { expected: content.alice.head.map(|head| head.sequence) });
}

#[tokio::test]
async fn a_journal_that_was_lost_is_not_made_again_from_a_database_that_may_be_old() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 20).await;
    fs::remove_file(dir.path().join(JOURNAL)).unwrap();
    let report = look(dir.path()).await;
    assert_eq!(report.remedy(), Remedy::Files, "{}", words(&report));
    mend_doubtful(dir.path(), "the journal").await;
}

#[tokio::test]
async fn somebody_who_wrote_nothing_has_nothing_to_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let alice = alice();
    Store::create(dir.path(), &alice.keys, None).await.unwrap().close().await.unwrap();
    fs::remove_file(dir.path().join(JOURNAL)).unwrap();
    let mended = mend(dir.path()).await;
    assert!(mended.after.is_whole(), "{}", words(&mended.after));
    assert!(!is_refused(&Store::open(dir.path()).await.unwrap(), &alice).await);
}

#[tokio::test]
async fn a_damaged_byte_in_the_journal_never_lets_an_old_database_sign_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = make(dir.path(), 20).await;
    let (_home, old) = copy(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    store.append(vec![content.alice.posts("after the copy")], NOW, true).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let journal = fs::read(dir.path().join(JOURNAL)).unwrap();
    let hit = (0..FRAMES + FRAME_HEAD + 4).chain((FRAMES + FRAME_HEAD..journal.len()).step_by(37));
    for at in hit.chain([journal.len() - 1]) {
        for mask in [0x01, 0x80] {
            let (_home, folder) = copy(&old);
            let mut damaged = journal.clone();
            damaged[at] ^= mask;
            fs::write(folder.join(JOURNAL), &damaged).unwrap();
            let report = look(&folder).await;
            assert!(words(&report).contains("The journal of your own messages"), "byte {at}: {}", words(&report));
            assert!(words(&report).contains("is damaged"), "byte {at}: {}", words(&report));
            for start in ["the first", "the second"] {
                let store = Store::open(&folder).await.unwrap();
                assert!(store.own_is_doubted(), "byte {at}, {start} start");
                assert!(is_refused(&store, &content.alice).await, "byte {at}, {start} start");
            }
            assert_eq!(fs::read(folder.join(DAMAGED)).unwrap(), damaged, "byte {at}: it is kept");
        }
    }
}

#[tokio::test]
async fn what_stands_behind_damage_in_the_journal_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = make(dir.path(), 20).await;
    let (_home, old) = copy(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    for n in 0..3 {
        store.append(vec![content.alice.posts(&format!("later {n}"))], NOW, true).await.unwrap();
    }
    let mut journal = fs::read(dir.path().join(JOURNAL)).unwrap();
    drop(store);
    journal[FRAMES + FRAME_HEAD + 9] ^= 1;
    fs::write(old.join(JOURNAL), &journal).unwrap();
    let mended = mend(&old).await;
    let said: String = mended.done.join(" ");
    assert!(said.contains(DAMAGED), "{said}");
    let store = Store::open(&old).await.unwrap();
    assert_eq!(store.own_head(), content.alice.head, "the others follow what the database has");
    assert!(store.own_is_doubted());
}

#[tokio::test]
async fn a_note_of_how_far_ones_own_feed_went_that_cannot_be_believed_is_a_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let content = make(dir.path(), 20).await;
    let db = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    db.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('own_expected', ?1)",
        [&u64::to_be_bytes(content.alice.head.unwrap().sequence + 100_001)[..]],
    )
    .unwrap();
    db.execute_batch("UPDATE feeds SET messages = messages + 1 WHERE feed = 2").unwrap();
    drop(db);
    mend_doubtful(dir.path(), "a note").await;
}
