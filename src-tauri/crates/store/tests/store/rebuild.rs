//! Indexes that are filled again behind the open store: the same rows as ever, whenever it is stopped and whatever comes.

use std::path::Path;

use feed::Verified;
use proptest::prelude::*;
use sqlx::{ConnectOptions, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{Audience, Indexing, Query, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob, carol},
    sample::store_with_sample,
};

const INDEX_TABLES: [&str; 8] = [
    "SELECT * FROM timeline",
    "SELECT * FROM links",
    "SELECT * FROM votes",
    "SELECT * FROM contacts",
    "SELECT * FROM abouts",
    "SELECT * FROM channels",
    "SELECT * FROM kinds",
    "SELECT * FROM activity",
];

pub(crate) async fn database(dir: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(dir.join("periwinkle.sqlite")).connect().await.unwrap()
}

pub(crate) async fn run(dir: &Path, statements: &[&'static str]) {
    let mut db = database(dir).await;
    for statement in statements {
        sqlx::query(*statement).execute(&mut db).await.unwrap();
    }
}

/// Every row of every index, as text.
async fn index_rows(dir: &Path) -> Vec<Vec<String>> {
    let mut db = database(dir).await;
    let mut tables = Vec::new();
    for statement in INDEX_TABLES {
        let rows = sqlx::query(statement).fetch_all(&mut db).await.unwrap();
        let text = |row: &sqlx::sqlite::SqliteRow| {
            let column = |at| {
                let integer = row.try_get_unchecked::<Option<i64>, _>(at).map(|value| format!("{value:?}"));
                integer.or_else(|_| row.try_get_unchecked::<Option<Vec<u8>>, _>(at).map(|value| format!("{value:?}")))
            };
            (0..row.len()).map(|at| column(at).unwrap()).collect::<Vec<_>>().join(" ")
        };
        tables.push(rows.iter().map(text).collect());
    }
    tables
}

/// Name and version of every index that is whole, and how many are not.
async fn index_versions(dir: &Path) -> (Vec<(String, i64)>, i64) {
    let mut db = database(dir).await;
    let whole = sqlx::query_as("SELECT name, version FROM index_versions").fetch_all(&mut db).await.unwrap();
    (whole, sqlx::query_scalar("SELECT count(*) FROM rebuilds").fetch_one(&mut db).await.unwrap())
}

async fn wait(store: &Store) -> Indexing {
    *store.indexing().wait_for(Indexing::is_done).await.unwrap()
}

#[tokio::test]
async fn an_index_rebuilt_from_the_log_has_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sample(dir.path()).await;
    let (mut alice, mut bob) = (alice(), bob());
    let post = alice.posts("mine");
    let mut concerning = vec![post.clone()];
    concerning.extend((0..8).map(|n| bob.replies(post.id(), post.id(), &format!("reply {n}"))));
    store.append(concerning, NOW * 2_000, false).await.unwrap();
    assert_eq!(wait(&store).await, Indexing::default(), "a new store has nothing to rebuild");
    store.close().await.unwrap();
    drop(store);
    let (before, versions) = (index_rows(dir.path()).await, index_versions(dir.path()).await);
    assert!(before.iter().all(|table| table.len() > 5), "{:?}", before.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!((versions.0.len(), versions.1), (8, 0));

    let spoil = [
        "UPDATE index_versions SET version = version + 1",
        "DELETE FROM links WHERE row % 2 = 0",
        "DELETE FROM abouts",
        "UPDATE contacts SET relation = 2",
        "UPDATE timeline SET author = 1 WHERE row % 3 = 0",
        "DELETE FROM kinds WHERE block = 0",
        "UPDATE activity SET kind = 3",
    ];
    run(dir.path(), &spoil).await;
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(wait(&store).await, Indexing { done: 2009, total: 2009 });
    assert!(index_rows(dir.path()).await == before);
    assert_eq!(index_versions(dir.path()).await, versions);
    let people: Vec<_> = store.snapshot().await.unwrap().heads.keys().map(|feed| (*feed).into()).collect();
    let followed = people.iter().filter(|person| store.ties(person).theirs == social::Relation::Blocks).count();
    assert_eq!(followed, 0, "the graph in memory is the one of the log again");
}

#[tokio::test]
async fn a_rebuild_goes_on_where_it_was_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sample(dir.path()).await;
    store.close().await.unwrap();
    drop(store);
    let before = index_rows(dir.path()).await;
    // As a kill leaves it between two spans: some indexes further than others, one not begun.
    let stopped = [
        "DELETE FROM index_versions WHERE name <> 'votes'",
        "INSERT INTO rebuilds (name, version, below) SELECT 'links', 2, 1200 UNION SELECT 'timeline', 2, 700",
        "INSERT INTO rebuilds (name, version, below) SELECT 'abouts', 7, 5 UNION SELECT 'contacts', 1, 1",
        "DELETE FROM links WHERE row < 1200",
        "DELETE FROM timeline WHERE row < 700",
        "INSERT INTO contacts_rebuilt SELECT * FROM contacts",
        "UPDATE contacts SET sequence = 0",
        "DELETE FROM channels WHERE sequence % 2 = 0",
    ];
    run(dir.path(), &stopped).await;
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(wait(&store).await, Indexing { done: 2000, total: 2000 });
    let after = index_rows(dir.path()).await;
    for ((before, after), table) in before.iter().zip(&after).zip(INDEX_TABLES) {
        assert!(before == after, "{table}");
    }
    assert_eq!(index_versions(dir.path()).await.1, 0);
    let mut db = database(dir.path()).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM contacts_rebuilt").fetch_one(&mut db).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_damaged_message_stays_out_of_a_rebuild_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sample(dir.path()).await;
    store.close().await.unwrap();
    drop(store);
    let damage = ["UPDATE log SET body = x'01ff' WHERE row = 1000", "DELETE FROM index_versions"];
    run(dir.path(), &damage).await;
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(wait(&store).await, Indexing { done: 2000, total: 2000 });
    let (mut export, mut exported) = (store.export(None), 0);
    loop {
        let some = export.next().await.unwrap();
        if some.is_empty() {
            break;
        }
        exported += some.len();
    }
    assert_eq!(exported, 1999);
}

#[tokio::test]
async fn posts_are_shown_while_older_ones_are_still_to_come() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sample(dir.path()).await;
    store.close().await.unwrap();
    drop(store);
    run(dir.path(), &["DELETE FROM index_versions"]).await;
    let store = Store::open(dir.path()).await.unwrap();
    let mut bob = bob();
    bob.clock = 4e12;
    store.append(vec![bob.posts("new")], NOW * 3_000, false).await.unwrap();
    let newest = Query { audience: Audience::All, before: None, limit: 1, near: &[] };
    // The rebuild may be before, within or behind its first transaction; the post is there as soon as it is behind.
    let mut progress = store.indexing();
    progress.wait_for(|progress| progress.done > 0).await.unwrap();
    assert_eq!(store.timeline(newest).await.unwrap().cards[0].post.post.text, "new");
}

/// What somebody says in a random history.
#[derive(Clone, Copy, Debug)]
enum Word {
    Post,
    Reply(usize),
    Like(usize, bool),
    Follow(usize, bool),
    Name(usize, u8),
    Picture(usize, u8),
    Mention(usize),
    Channel(bool),
}

fn word() -> impl Strategy<Value = (usize, Word)> {
    let word = prop_oneof![
        Just(Word::Post),
        any::<usize>().prop_map(Word::Reply),
        (any::<usize>(), any::<bool>()).prop_map(|(at, likes)| Word::Like(at, likes)),
        (0usize..3, any::<bool>()).prop_map(|(at, follows)| Word::Follow(at, follows)),
        (0usize..3, any::<u8>()).prop_map(|(at, name)| Word::Name(at, name)),
        (0usize..3, any::<u8>()).prop_map(|(at, image)| Word::Picture(at, image)),
        (0usize..3).prop_map(Word::Mention),
        any::<bool>().prop_map(Word::Channel),
    ];
    (0usize..3, word)
}

fn say(people: &mut [Signer], author: usize, word: Word, before: &[Verified]) -> Verified {
    let feeds: Vec<_> = people.iter().map(Signer::feed).collect();
    let signer = &mut people[author];
    let pick = |at: usize| before.get(at.checked_rem(before.len()).unwrap_or(0)).map(|message| message.id());
    match word {
        Word::Reply(at) if let Some(root) = pick(at) => signer.replies(root, root, "yes"),
        Word::Like(at, likes) if let Some(id) = pick(at) => signer.likes(id, likes),
        Word::Follow(at, follows) => signer.says(social::write::contact(&feeds[at], follows, !follows)),
        Word::Name(at, name) => signer.names(feeds[at], &format!("name {name}")),
        Word::Picture(at, image) => {
            let picture = feed::BlobId::classic([image; 32]);
            signer.says(social::write::about_self(&feeds[at], None, None, Some(&picture)))
        }
        Word::Mention(at) => signer.posts(&format!("hello [@you]({})", feeds[at])),
        Word::Channel(subscribed) => signer.says(feed::json::Value::object([
            ("type", "channel".into()),
            ("channel", "birds".into()),
            ("subscribed", subscribed.into()),
        ])),
        Word::Post | Word::Reply(_) | Word::Like(..) => signer.posts("hello"),
    }
}

/// Appends some at a time; the time of receipt is the same wherever they are cut.
async fn append(store: &Store, messages: &[Verified], size: usize) {
    for batch in messages.chunks(size) {
        store.append(batch.to_vec(), NOW, false).await.unwrap();
    }
}

/// What makes all indexes stale, or one.
const STALE: [&str; 4] = [
    "DELETE FROM index_versions",
    "DELETE FROM index_versions WHERE name = 'links'",
    "DELETE FROM index_versions WHERE name = 'activity'",
    "DELETE FROM index_versions WHERE name = 'kinds'",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn messages_that_come_during_a_rebuild_get_their_rows_once(
        words in prop::collection::vec(word(), 2..60),
        last in prop::option::of(0usize..3),
        stale in prop::sample::select(STALE.to_vec()),
        cut in any::<prop::sample::Index>(),
        size in 1usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut people = [alice(), bob(), carol()];
            let mut messages = Vec::new();
            for (author, word) in words {
                let message = say(&mut people, author, word, &messages);
                messages.push(message);
            }
            // Feeds come whole, one after the other: whoever is answered may come later than the answer.
            let late = last.map(|at| people[at].feed());
            messages.sort_by_key(|message| Some(message.author()) == late);
            let (plain, rebuilt) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let owner = alice().keys;
            let store = Store::create(plain.path(), &owner, None).await.unwrap();
            append(&store, &messages, size).await;
            store.close().await.unwrap();

            let (before, during) = messages.split_at(cut.index(messages.len()));
            let store = Store::create(rebuilt.path(), &owner, None).await.unwrap();
            append(&store, before, size).await;
            store.close().await.unwrap();
            drop(store);
            run(rebuilt.path(), &[stale]).await;
            let store = Store::open(rebuilt.path()).await.unwrap();
            append(&store, during, size).await;
            wait(&store).await;
            assert_eq!(index_rows(rebuilt.path()).await, index_rows(plain.path()).await);
            assert_eq!(index_versions(rebuilt.path()).await.1, 0);
        });
    }
}
