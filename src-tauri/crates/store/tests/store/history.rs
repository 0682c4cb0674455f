//! The log by feed and by type, and what links to what.

use feed::MessageId;
use social::Target;
use store::{Happening, Store};

use crate::{
    append::NOW,
    people::{alice, bob, carol},
    rebuild::{database, run},
};

/// All pages, joined.
async fn all(store: &Store, feed: Option<feed::FeedId>, kind: Option<&str>, limit: usize) -> Vec<MessageId> {
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let page = store.history(feed, kind, before, limit).await.unwrap();
        assert!(page.entries.len() <= limit);
        ids.extend(page.entries.iter().map(|entry| entry.stored.message.id()));
        before = page.next;
        if before.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn pages_of_the_log_by_feed_and_type_hold_exactly_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bob, mut carol) = (bob(), carol());
    let store = Store::create(dir.path(), &alice().keys, None).await.unwrap();
    let mut messages = Vec::new();
    for n in 0..3000 {
        let signer = if n % 3 == 0 { &mut carol } else { &mut bob };
        messages.push(match n {
            _ if n % 1000 == 500 => signer.says(social::write::channel("tea", true)),
            _ if n % 7 == 0 => signer.likes(MessageId::classic([n as u8; 32]), true),
            _ => signer.posts(&format!("number {n}")),
        });
    }
    let expected = |by: Option<feed::FeedId>, kind: Option<&str>| {
        let matching = messages.iter().rev().filter(|message| {
            let name = match social::kind(message) {
                social::Kind::Post(_) => "post",
                social::Kind::Vote(_) => "vote",
                _ => "channel",
            };
            by.is_none_or(|by| message.author() == by) && kind.is_none_or(|kind| kind == name)
        });
        matching.map(|message| message.id()).collect::<Vec<_>>()
    };
    let feeds = [None, Some(bob.feed()), Some(carol.feed())];
    let kinds = [None, Some("post"), Some("vote"), Some("channel"), Some("no such")];
    for batch in messages.chunks(1100) {
        store.append(batch.to_vec(), NOW, false).await.unwrap();
        // Right away: types are written with each message.
        let ids = all(&store, None, Some("channel"), 5).await;
        let stored = store.totals().await.unwrap().messages as usize;
        let known =
            messages[..stored].iter().rev().filter(|message| matches!(social::kind(message), social::Kind::Channel(_)));
        assert_eq!(ids, known.map(|message| message.id()).collect::<Vec<_>>());
    }
    for feed in feeds {
        for kind in kinds {
            assert_eq!(all(&store, feed, kind, 250).await, expected(feed, kind), "{feed:?} {kind:?}");
        }
    }
    assert_eq!(all(&store, Some(alice().feed()), None, 9).await, []);
    store.close().await.unwrap();
    drop(store);

    // While the index is filled again, what it does not know yet is looked at.
    run(dir.path(), &["DELETE FROM index_versions WHERE name = 'kinds'"]).await;
    let store = Store::open(dir.path()).await.unwrap();
    while !store.indexing().borrow().is_done() {
        assert_eq!(all(&store, None, Some("channel"), 5).await, expected(None, Some("channel")));
    }
    // As a kill leaves it: known from row 1500 on.
    store.close().await.unwrap();
    drop(store);
    let stopped = [
        "DELETE FROM index_versions WHERE name = 'kinds'",
        "INSERT INTO rebuilds (name, version, below) VALUES ('kinds', 1, 1500)",
        "DELETE FROM kinds WHERE block = 0",
    ];
    run(dir.path(), &stopped).await;
    let store = Store::open(dir.path()).await.unwrap();
    for (feed, kind) in [(None, "vote"), (Some(carol.feed()), "channel"), (None, "vote")] {
        assert_eq!(all(&store, feed, Some(kind), 250).await, expected(feed, Some(kind)), "{feed:?} {kind}");
        store.indexing().wait_for(store::Indexing::is_done).await.unwrap();
    }
}

#[tokio::test]
async fn a_folder_whose_types_and_activity_followed_the_log_gets_both_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let post = alice.posts("mine");
    store.append(vec![post.clone()], NOW, true).await.unwrap();
    store.append(vec![bob.likes(post.id(), true)], NOW, false).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let before = [
        "DELETE FROM index_versions WHERE name IN ('kinds', 'activity')",
        "DELETE FROM kinds",
        "UPDATE activity SET kind = 0",
        "DELETE FROM _sqlx_migrations WHERE version = 12",
        "INSERT INTO followers (name, version, row) VALUES ('kinds', 1, 1), ('activity', 1, 2)",
    ];
    run(dir.path(), &before).await;
    let store = Store::open(dir.path()).await.unwrap();
    store.indexing().wait_for(store::Indexing::is_done).await.unwrap();
    let activity = store.activity(None, 9).await.unwrap().rows;
    assert_eq!(activity.iter().map(|row| row.happening).collect::<Vec<_>>(), [Happening::Liked]);
    assert_eq!(all(&store, None, Some("vote"), 9).await.len(), 1);
    let mut db = database(dir.path()).await;
    let query = "SELECT count(*) FROM followers WHERE name IN ('kinds', 'activity')";
    let left: i64 = sqlx::query_scalar(query).fetch_one(&mut db).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn everything_that_links_to_something_is_found_with_its_relations() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bob, mut carol) = (bob(), carol());
    let store = Store::create(dir.path(), &alice().keys, None).await.unwrap();
    let root = bob.posts("root");
    let target = Target::Message(root.id());
    let mut batch = vec![root.clone()];
    batch.extend((0..4).map(|n| carol.replies(root.id(), root.id(), &format!("{n}"))));
    batch.push(carol.likes(root.id(), true));
    batch.push(bob.posts(&format!("see {}", root.id())));
    let odd = format!(r#"{{"type":"gathering","place":"{}"}}"#, root.id());
    batch.push(bob.says(feed::json::Value::parse(odd.as_bytes()).unwrap()));
    store.append(batch.clone(), NOW, false).await.unwrap();

    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.links_to(&target, None, before, 3).await.unwrap();
        seen.extend(page.links.into_iter().map(|link| (link.stored.message.id(), link.relations)));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let relations = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut expected = vec![
        (batch[7].id(), relations(&["place"])),
        (batch[6].id(), relations(&["mentions"])),
        (batch[5].id(), relations(&["vote"])),
    ];
    expected.extend((1..5).rev().map(|n| (batch[n].id(), relations(&["branch", "root"]))));
    assert_eq!(seen, expected, "each message once, the newest receipt first");

    for (relation, count) in [("root", 4), ("place", 1), ("vote", 1), ("nothing", 0)] {
        assert_eq!(store.links_to(&target, Some(relation), None, 9).await.unwrap().links.len(), count, "{relation}");
    }
    let from = store.links_from(batch[1].id()).await.unwrap().unwrap();
    assert_eq!(from.iter().map(|link| link.relation.as_str()).collect::<Vec<_>>(), ["branch", "root"]);
    assert_eq!(store.links_from(MessageId::classic([9; 32])).await.unwrap(), None);
}
