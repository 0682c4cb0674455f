//! Bytes changed on pages of the database file, and files that are no database any more: the doctor finds it or it does not matter,
//! and mending loses no message but those that lay on the page.

use std::{
    collections::BTreeSet,
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use feed::MessageId;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use rusqlite::Connection;
use store::{Standing, Store, doctor::About};
use tokio::sync::OnceCell;

use crate::folders::{Content, DATABASE, JOURNAL, NOW, copy, look, make, mend, stored, words};

/// How many messages the folder holds.
const MESSAGES: usize = 2_000;
/// The page size of our databases.
const PAGE: usize = 8_192;

/// The folder that all tests damage copies of.
struct Original {
    folder: PathBuf,
    content: Content,
    pages: Vec<Page>,
    _home: tempfile::TempDir,
}

/// What a page is for.
#[derive(Clone, Debug)]
struct Page {
    number: u32,
    table: String,
    kind: String,
    cells: usize,
}

impl Page {
    /// How many messages lie on it.
    fn messages(&self) -> usize {
        match (self.table.as_str(), self.kind.as_str()) {
            ("log", "leaf") => self.cells,
            ("log", "overflow") => 1,
            _ => 0,
        }
    }
}

async fn original() -> &'static Original {
    static ORIGINAL: OnceCell<Original> = OnceCell::const_new();
    ORIGINAL
        .get_or_init(|| async {
            let home = tempfile::tempdir().unwrap();
            let folder = home.path().join("folder");
            let content = make(&folder, MESSAGES).await;
            let db = Connection::open(folder.join(DATABASE)).unwrap();
            // Leaves free pages behind.
            db.execute_batch(
                "CREATE TABLE gone (bytes BLOB) STRICT;
                 INSERT INTO gone SELECT zeroblob(4000) FROM (SELECT 1 FROM log LIMIT 40);
                 DROP TABLE gone;",
            )
            .unwrap();
            let pages = pages(&db);
            Original { folder, content, pages, _home: home }
        })
        .await
}

/// Every page with what it is for (<https://www.sqlite.org/dbstat.html>); what no table has is free.
fn pages(db: &Connection) -> Vec<Page> {
    let mut pages: Vec<Page> = db
        .prepare("SELECT pageno, name, pagetype, ncell FROM dbstat ORDER BY pageno")
        .unwrap()
        .query_map([], |row| {
            Ok(Page {
                number: row.get(0)?,
                table: row.get(1)?,
                kind: row.get(2)?,
                cells: row.get::<_, i64>(3)? as usize,
            })
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let count: u32 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let used: BTreeSet<u32> = pages.iter().map(|page| page.number).collect();
    let free = (1..=count).filter(|page| !used.contains(page));
    pages.extend(free.map(|number| Page { number, table: "free".into(), kind: "free".into(), cells: 0 }));
    pages
}

/// Changes some bytes of a page, or all of them.
fn damage(database: &Path, page: &Page, random: &mut ChaCha8Rng) -> String {
    let start = (u64::from(page.number) - 1) * PAGE as u64;
    let mut file = fs::OpenOptions::new().write(true).open(database).unwrap();
    let mut write = |at: u64, bytes: &[u8]| {
        file.seek(SeekFrom::Start(start + at)).unwrap();
        file.write_all(bytes).unwrap();
    };
    let mut noise = vec![0; PAGE];
    random.fill_bytes(&mut noise);
    match random.next_u32() % 4 {
        0 => {
            write(0, &vec![0; PAGE]);
            format!("zeroes on {page:?}")
        }
        1 => {
            write(0, &noise);
            format!("noise on {page:?}")
        }
        2 => {
            // As by a write that was cut off.
            let half = u64::from(random.next_u32()) % PAGE as u64;
            write(half, &noise[half as usize..]);
            format!("noise from {half} on {page:?}")
        }
        _ => {
            let places: Vec<u64> =
                (0..1 + random.next_u32() % 8).map(|_| u64::from(random.next_u32()) % PAGE as u64).collect();
            for place in &places {
                write(*place, &noise[..1]);
            }
            format!("bytes at {places:?} of {page:?}")
        }
    }
}

/// Messages that were saved and wait for others.
fn kept(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("salvaged.ndjson")).unwrap_or_default();
    let key = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].as_str().unwrap().to_owned();
    text.lines().map(key).collect()
}

/// Mends a damaged copy and checks what is left of it: at most `lost` messages may be missing.
async fn check(folder: &Path, content: &Content, lost: usize, what: &str) {
    let report = look(folder).await;
    let mended = mend(folder).await;
    assert!(
        mended.after.findings.iter().all(|finding| finding.about == About::OwnFeed),
        "{what}: before: {} after: {}",
        words(&report),
        words(&mended.after)
    );
    let still = mended.after.notes.iter().find(|note| note.contains("filled anew"));
    assert_eq!(still, None, "{what}: the indexes are whole before anything is said");
    let store = Store::open(folder).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let there: BTreeSet<MessageId> = stored(&store).await.into_iter().collect();
    let kept = kept(folder);
    let missing: Vec<_> =
        content.messages.iter().filter(|(id, _)| !there.contains(id) && !kept.contains(&id.to_string())).collect();
    assert!(missing.len() <= lost, "{what}: {} are missing: {missing:?}; {}", missing.len(), words(&report));
    if report.is_whole() {
        assert_eq!(missing.len(), 0, "{what} was not found");
    }
    let named: u64 = mended.lost.iter().map(|lost| 1 + lost.through - lost.from).sum();
    assert_eq!(named, missing.len() as u64, "{what}: {:?} {missing:?}", mended.lost);
    let mut alice = content.alice.clone();
    if store.own_is_doubted() {
        assert!(words(&mended.after).contains("may be longer than what is here"), "{what}");
        assert!(store.append(vec![alice.clone().posts("not yet")], NOW, true).await.is_err(), "{what}");
        store.trust_own().await.unwrap();
    }
    match store.standing() {
        Standing::Whole => store.append(vec![alice.posts("and on")], NOW, true).await.unwrap(),
        Standing::Recovering { expected } => {
            assert_eq!(expected, Some(alice.head.unwrap().sequence), "{what}");
            assert!(words(&mended.after).contains("Meet a friend"), "{what}");
            assert!(store.append(vec![alice.posts("no")], NOW, true).await.is_err());
        }
    }
}

/// Damages pages that `of` chooses, one at a time, each in a fresh copy.
async fn damage_each(seed: u64, times: usize, of: impl Fn(&Page) -> bool) {
    let original = original().await;
    let pages: Vec<&Page> = original.pages.iter().filter(|page| of(page)).collect();
    assert!(!pages.is_empty());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..times {
        let page = pages[random.next_u32() as usize % pages.len()];
        let (_home, folder) = copy(&original.folder);
        let what = damage(&folder.join(DATABASE), page, &mut random);
        check(&folder, &original.content, page.messages(), &what).await;
    }
}

#[tokio::test]
async fn a_damaged_page_of_the_log_costs_at_most_its_messages() {
    damage_each(1, 40, |page| page.table == "log" && page.kind != "internal").await;
}

#[tokio::test]
async fn a_damaged_page_above_the_log_costs_nothing() {
    damage_each(2, 10, |page| page.table == "log" && page.kind == "internal").await;
}

#[tokio::test]
async fn a_damaged_page_of_an_index_costs_nothing() {
    damage_each(3, 40, |page| page.table != "log" && page.table != "free" && page.number > 1).await;
}

#[tokio::test]
async fn a_damaged_first_page_costs_nothing() {
    damage_each(4, 10, |page| page.number == 1).await;
}

#[tokio::test]
async fn a_damaged_free_page_costs_nothing() {
    damage_each(5, 8, |page| page.table == "free").await;
}

#[tokio::test]
async fn a_cut_off_database_costs_at_most_what_was_cut_off() {
    let original = original().await;
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let length = fs::metadata(original.folder.join(DATABASE)).unwrap().len();
    for _ in 0..8 {
        let (_home, folder) = copy(&original.folder);
        let left = PAGE as u64 + random.next_u64() % (length - PAGE as u64);
        fs::OpenOptions::new().write(true).open(folder.join(DATABASE)).unwrap().set_len(left).unwrap();
        let gone = original.pages.iter().filter(|page| u64::from(page.number) * PAGE as u64 > left);
        let lost = gone.map(Page::messages).sum();
        check_names_of_many(&folder, &original.content, lost, &format!("cut to {left} bytes")).await;
    }
}

/// As [`check`], where the list of feeds may be gone too: then nobody knows how far each went.
async fn check_names_of_many(folder: &Path, content: &Content, lost: usize, what: &str) {
    assert!(!look(folder).await.is_whole(), "{what}");
    let mended = mend(folder).await;
    assert!(
        mended.after.findings.iter().all(|finding| finding.about == About::OwnFeed),
        "{what}: {}",
        words(&mended.after)
    );
    let store = Store::open(folder).await.unwrap();
    let there = stored(&store).await.len() + kept(folder).len();
    assert!(there + lost >= content.messages.len(), "{what}: {there} are left, {lost} were cut off");
}

#[tokio::test]
async fn a_database_that_is_gone_is_made_again_from_a_copy() {
    let original = original().await;
    let garbage: Vec<u8> = (0..100_000_u32).map(|n| (n * 7) as u8).collect();
    for content in [None, Some(&b""[..]), Some(b"Dear diary, this was a text file.\n"), Some(&garbage)] {
        let (_home, folder) = copy(&original.folder);
        fs::create_dir(folder.join("backup")).unwrap();
        fs::rename(folder.join(DATABASE), folder.join("backup/daily.sqlite")).unwrap();
        if let Some(content) = content {
            fs::write(folder.join(DATABASE), content).unwrap();
        }
        let report = look(&folder).await;
        assert!(words(&report).contains("There is a copy of the database"), "{}", words(&report));
        check(&folder, &original.content, 0, "gone").await;
    }
}

#[tokio::test]
async fn without_a_copy_a_database_that_is_gone_leaves_what_the_journal_holds_and_never_forks() {
    let original = original().await;
    let (_home, folder) = copy(&original.folder);
    fs::remove_file(folder.join(DATABASE)).unwrap();
    let mended = mend(&folder).await;
    let head = original.content.alice.head.unwrap();
    assert!(words(&mended.after).contains(&format!("goes to message {}", head.sequence)), "{}", words(&mended.after));
    let store = Store::open(&folder).await.unwrap();
    assert_eq!(store.standing(), Standing::Recovering { expected: Some(head.sequence) });
    // The message of the journal is there once what is before it has come back.
    assert!(fs::metadata(folder.join(JOURNAL)).unwrap().len() > 100);
}

#[tokio::test]
async fn a_second_damage_is_filled_from_what_was_set_aside() {
    let original = original().await;
    let (_home, folder) = copy(&original.folder);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let log: Vec<&Page> = original.pages.iter().filter(|page| page.table == "log" && page.kind == "leaf").collect();
    damage(&folder.join(DATABASE), log[3], &mut random);
    mend(&folder).await;
    let db = Connection::open(folder.join(DATABASE)).unwrap();
    let other = pages(&db).into_iter().filter(|page| page.table == "log" && page.kind == "leaf").nth(20).unwrap();
    drop(db);
    let what = damage(&folder.join(DATABASE), &other, &mut random);
    check(&folder, &original.content, log[3].messages(), &what).await;
}

#[tokio::test]
async fn recent_writes_that_are_not_in_the_file_yet_are_saved_too() {
    let original = original().await;
    let (_home, running) = copy(&original.folder);
    let mut content = original.content.clone();
    let store = Store::open(&running).await.unwrap();
    for n in 0..30 {
        let message = content.alice.posts(&format!("just now {n}"));
        content.messages.insert(message.id(), (message.author(), message.sequence()));
        store.append(vec![message], NOW, true).await.unwrap();
    }
    // As a kill leaves it, and then the file itself is hit.
    let (_home, folder) = copy(&running);
    drop(store);
    assert!(fs::metadata(folder.join(format!("{DATABASE}-wal"))).unwrap().len() > 0);
    fs::remove_file(folder.join(JOURNAL)).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(folder.join(DATABASE)).unwrap();
    file.write_all(b"overwritten by something").unwrap();
    drop(file);
    check(&folder, &content, 0, "recent writes").await;
}
