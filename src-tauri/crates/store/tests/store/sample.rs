//! Two thousand messages of ten people, made with the JavaScript reference: in and out again, byte for byte.

use std::{collections::BTreeMap, path::Path};

use feed::{Message, Verified, Verifier, json::Value};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use store::{Audience, Query, Store};

use crate::{append::NOW, people::alice};

/// The lines of the sample: the `value` of each, as it stands there, and the key.
fn lines() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/data/sample-2000.ndjson");
    let text = std::fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let start = line.find("\"value\":").unwrap() + "\"value\":".len();
        let end = line.rfind(",\"timestamp\":").unwrap();
        let key = Value::parse(line.as_bytes()).unwrap().get("key").unwrap().as_str().unwrap().into_owned();
        (line[start..end].to_owned(), key)
    };
    text.lines().map(line).collect()
}

pub(crate) fn messages() -> Vec<Verified> {
    let decoded = lines().iter().map(|(value, _)| Message::decode(value.as_bytes()).unwrap()).collect();
    Verifier::new(None).verify_batch(decoded).into_iter().map(Result::unwrap).collect()
}

pub(crate) async fn store_with_sample(dir: &Path) -> Store {
    let store = Store::create(dir, &alice().keys, None).await.unwrap();
    for batch in messages().chunks(700) {
        store.append(batch.to_vec(), NOW * 2_000, false).await.unwrap();
    }
    store
}

#[tokio::test]
async fn the_export_is_the_import_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sample(dir.path()).await;
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.messages, totals.feeds), (2000, 10));
    // A second import stores nothing.
    store.append(messages(), NOW * 2_000, false).await.unwrap();
    assert_eq!(store.totals().await.unwrap().messages, 2000);

    let mut export = store.export(None);
    let mut exported = Vec::new();
    loop {
        let some = export.next().await.unwrap();
        if some.is_empty() {
            break;
        }
        exported.extend(some.into_iter().map(|one| (String::from_utf8(one.value).unwrap(), one.key.to_string())));
    }
    assert!(exported == lines(), "each line as it came, in the same order");

    let heads = store.snapshot().await.unwrap().heads;
    let (feed, head) = heads.iter().next().unwrap();
    let mut export = store.export(Some(*feed));
    let of_feed = export.next().await.unwrap();
    assert_eq!(of_feed.len() as u64, head.sequence);
    assert_eq!(of_feed.last().unwrap().key, head.id);
    assert!(export.next().await.unwrap().is_empty());
}

#[tokio::test]
async fn names_threads_and_replies_are_real() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sample(dir.path()).await;
    let snapshot = store.snapshot().await.unwrap();
    let people: Vec<_> = snapshot.heads.keys().map(|feed| (*feed).into()).collect();
    let names = store.names(&people).await.unwrap();
    let mut called: Vec<String> = names.values().map(|profile| profile.name.clone().unwrap()).collect();
    called.sort();
    assert!(
        called.iter().any(|name| name.starts_with("Ada")) && called.iter().any(|name| name.starts_with("Bo")),
        "{called:?}"
    );
    assert!(names.values().filter(|profile| profile.image.is_some()).count() >= 3);

    let (mut before, mut cards) = (None, Vec::new());
    loop {
        let page = store.timeline(Query { audience: Audience::All, before, limit: 37, near: &[] }).await.unwrap();
        cards.extend(page.cards);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let mut threads = BTreeMap::new();
    for message in messages() {
        if let social::Kind::Post(post) = social::read(&message).kind {
            *threads.entry(post.root.unwrap_or(message.id())).or_insert(0) += 1;
        }
    }
    assert_eq!(cards.len(), threads.len());
    let rolled = cards.iter().find(|card| card.latest.len() == 2).unwrap();
    let thread = store.thread(rolled.post.id).await.unwrap().unwrap();
    assert_eq!(thread.posts().count(), threads[&rolled.post.id]);
    assert_eq!(rolled.post.replies as usize, threads[&rolled.post.id] - 1);
    assert!(cards.iter().any(|card| card.post.likes > 0));
    assert!(people.iter().any(|person| snapshot.graph.follower_count(person) > 1));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::create(dir.path(), &alice().keys, None).await.unwrap());
    let mut db = SqliteConnectOptions::new().filename(dir.path().join("periwinkle.sqlite")).connect().await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 5").execute(&mut db).await.unwrap();
    drop(db);
    let refused = Store::open(dir.path()).await.unwrap_err();
    assert!(matches!(refused, store::OpenError::NewerVersion(_)), "{refused:?}");
    assert!(refused.to_string().contains("Update Periwinkle"));
}
