//! A mending that is killed.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use rusqlite::Connection;
use store::doctor::repair;

use crate::folders::{DATABASE, copy, make};

/// Who said what of whom.
fn contacts(folder: &std::path::Path) -> BTreeMap<(Vec<u8>, Vec<u8>), i64> {
    let db = Connection::open(folder.join(DATABASE)).unwrap();
    let mut statement = db
        .prepare(
            "SELECT one.id, other.id, relation FROM contacts JOIN feeds AS one ON one.feed = author
             JOIN feeds AS other ON other.feed = subject",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_mended_database_knows_who_follows_and_blocks_whom_before_its_first_start() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 200).await;
    let before = contacts(dir.path());
    assert!(before.len() > 5);
    let db = Connection::open(dir.path().join(DATABASE)).unwrap();
    db.execute_batch("UPDATE feeds SET messages = messages + 1 WHERE feed = 2").unwrap();
    drop(db);
    // What a kill leaves after the new database took its place, and before it was opened.
    let killed: Arc<Mutex<Option<(tempfile::TempDir, PathBuf)>>> = Arc::default();
    let (folder, keep) = (dir.path().to_owned(), Arc::clone(&killed));
    let mending = move || {
        let watch = |what: &'static str, _, _| {
            if what == "Making the indexes again" {
                *keep.lock().unwrap() = Some(copy(&folder));
            }
        };
        repair(&folder, &watch).unwrap()
    };
    tokio::task::spawn_blocking(mending).await.unwrap();
    let (_home, killed) = killed.lock().unwrap().take().expect("the indexes were made again");
    assert_eq!(contacts(&killed), before);
}
