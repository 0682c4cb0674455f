//! Full text: what is found by which words, in which order, and that it follows the log.

use std::path::Path;

use feed::{PersonId, json::Value};
use social::{
    search::{Day, SearchTerms, parse},
    write::{self, PostDraft},
};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use store::{FoundText, Search, Store};

use crate::people::{Signer, alice, bob, carol};

const DAY: i64 = 86_400_000;
/// Long after every claim.
const NOW: i64 = 20_000 * DAY;

fn asked(query: &str) -> Search {
    let SearchTerms { wanted, excluded, before, after, .. } = parse(query, true);
    Search { wanted, excluded, before, after, limit: 20, ..Search::default() }
}

async fn texts(store: &Store, search: &Search) -> Vec<String> {
    let page = store.search(search).await.unwrap();
    page.found
        .into_iter()
        .map(|found| match found.text {
            FoundText::Post(post) => post.text,
            FoundText::Blog(blog) => blog.title,
        })
        .collect()
}

async fn found(store: &Store, query: &str) -> Vec<String> {
    texts(store, &asked(query)).await
}

async fn store_of(dir: &Path, says: impl FnOnce(&mut Signer, &mut Signer) -> Vec<feed::Verified>) -> Store {
    let (mut bob, mut carol) = (bob(), carol());
    (bob.clock, carol.clock) = (1_000.0, 2_000.0);
    let store = Store::create(dir, &alice().keys, None).await.unwrap();
    store.append(says(&mut bob, &mut carol), NOW, false).await.unwrap();
    store.catch_up().await.unwrap();
    store
}

#[tokio::test]
async fn posts_are_found_by_their_words_whatever_their_accents_and_case() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, _| {
        ["The Café by the sea", "salt water taffy", "water and salt", "海の家で会いましょう", "a seaside house"]
            .into_iter()
            .map(|text| bob.posts(text))
            .collect()
    })
    .await;
    assert_eq!(found(&store, "cafe ").await, ["The Café by the sea"]);
    assert_eq!(found(&store, "CAFÉ sea ").await, ["The Café by the sea"]);
    assert_eq!(found(&store, "salt water ").await, ["water and salt", "salt water taffy"]);
    assert_eq!(found(&store, "\"salt water\" ").await, ["salt water taffy"]);
    assert_eq!(found(&store, "water -taffy ").await, ["water and salt"]);
    assert_eq!(found(&store, "sea").await, ["a seaside house", "The Café by the sea"], "a word that is being typed");
    assert_eq!(found(&store, "sea ").await, ["The Café by the sea"]);
    assert_eq!(found(&store, "\"salt wat").await, ["salt water taffy"]);
    assert_eq!(found(&store, "海の家").await, ["海の家で会いましょう"]);
    assert_eq!(found(&store, "家海").await, Vec::<String>::new());
    assert_eq!(found(&store, "zebra").await, Vec::<String>::new());
    assert_eq!(found(&store, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_that_is_typed_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, _| vec![bob.posts("salt and AND or NOT near")]).await;
    for query in [
        "\"",
        "\"\"",
        "'",
        "*",
        "-",
        "--",
        "^salt",
        "salt*",
        "salt AND",
        "AND OR NOT",
        "NEAR(salt, 2)",
        "words:salt",
        "{salt}",
        "(salt",
        "salt)",
        "+salt",
        "salt + and",
        "-\"",
        "\0salt\0",
        "salt\u{80}1",
        "\u{81}salt",
        "%_",
        "'; DROP TABLE log; --",
        "-salt",
        "before:",
        "after:x",
        ":",
        "\u{202e}",
        "\u{1f30a}",
    ] {
        store.search(&asked(query)).await.unwrap_or_else(|error| panic!("{query:?}: {error}"));
        store.search_best(&asked(query)).await.unwrap_or_else(|error| panic!("{query:?}: {error}"));
        store.find_people(&asked(query).wanted, 10).await.unwrap_or_else(|error| panic!("{query:?}: {error}"));
    }
    assert_eq!(found(&store, "AND OR NOT ").await.len(), 1);
    assert_eq!(found(&store, "NEAR(salt, 2)").await.len(), 0);
}

#[tokio::test]
async fn the_newest_come_first_by_the_time_shown_and_pages_go_on() {
    let dir = tempfile::tempdir().unwrap();
    // Whole feeds one after the other, as a first sync brings them: the newest of the first is newer than all of the second.
    let store = store_of(dir.path(), |bob, carol| {
        let mut batch = Vec::new();
        for (signer, name, offset) in [(bob, "bob", 0), (carol, "carol", DAY / 2)] {
            for day in 0..30 {
                signer.clock = (day * DAY + offset) as f64;
                batch.push(signer.posts(&format!("tide {name} {day}")));
            }
        }
        batch
    })
    .await;
    let mut expected: Vec<String> =
        (0..30).flat_map(|day| [format!("tide bob {day}"), format!("tide carol {day}")]).collect();
    expected.reverse();
    let mut seen = Vec::new();
    let mut search = Search { limit: 7, ..asked("tide ") };
    loop {
        let page = store.search(&search).await.unwrap();
        assert!(page.found.len() <= 7);
        seen.extend(page.found.iter().map(|found| match &found.text {
            FoundText::Post(post) => post.text.clone(),
            FoundText::Blog(_) => panic!("no blog was written"),
        }));
        search.cursor = page.next.map(|next| next.to_string().parse().unwrap());
        if search.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);

    let span = Search { after: Some(Day(3)), before: Some(Day(5)), ..asked("tide ") };
    assert_eq!(texts(&store, &span).await, ["tide carol 4", "tide bob 4", "tide carol 3", "tide bob 3"]);
    let all = Search { after: Some(Day(29)), limit: 9, ..Search::default() };
    assert_eq!(texts(&store, &all).await, ["tide carol 29", "tide bob 29"], "days alone are enough to ask for");
    let without = Search { excluded: asked("carol ").wanted, ..all };
    assert_eq!(texts(&store, &without).await, ["tide bob 29"]);
}

#[tokio::test]
async fn a_search_can_be_narrowed_to_people_and_channels() {
    let dir = tempfile::tempdir().unwrap();
    let (b, c) = (bob().id(), carol().id());
    let store = store_of(dir.path(), |bob, carol| {
        vec![
            bob.posts_to("sea-salt", "tide one"),
            bob.posts("tide two"),
            carol.posts_to("sea_salt", "tide three"),
            carol.says(write::post(&PostDraft { text: "four".into(), ..PostDraft::default() })),
        ]
    })
    .await;
    let from = |people: &[PersonId]| Search { from: Some(people.to_vec()), ..asked("tide ") };
    assert_eq!(texts(&store, &from(&[b])).await, ["tide two", "tide one"]);
    assert_eq!(texts(&store, &from(&[b, c])).await.len(), 3);
    assert_eq!(texts(&store, &from(&[])).await.len(), 0);
    assert_eq!(texts(&store, &from(&[alice().id()])).await.len(), 0);
    let within = |name: &str| Search { channels: Some(vec![name.into()]), limit: 9, ..Search::default() };
    assert_eq!(texts(&store, &within("sea-salt")).await, ["tide one"]);
    assert_eq!(texts(&store, &within("sea_salt")).await, ["tide three"]);
    assert_eq!(texts(&store, &Search { from: Some(vec![b]), ..within("sea_salt") }).await.len(), 0);
    assert_eq!(found(&store, "salt ").await.len(), 2, "a channel's name is searched like words");
}

#[tokio::test]
async fn warnings_and_long_texts_are_searched_and_blocked_people_never_appear() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, carol| {
        let blog = r#"{"type":"blog","title":"Knots","summary":"of rope","blog":"&Jdx4h2XqeM900FgjgC+ru7kAbHUsqgljXWFuzh1erKg=.sha256"}"#;
        let warned = r#"{"type":"post","text":"look","contentWarning":"Spiders"}"#;
        vec![
            bob.says(Value::parse(blog.as_bytes()).unwrap()),
            bob.says(Value::parse(warned.as_bytes()).unwrap()),
            carol.posts("rope and spiders"),
        ]
    })
    .await;
    assert_eq!(found(&store, "rope ").await, ["rope and spiders", "Knots"]);
    assert_eq!(found(&store, "spiders ").await, ["rope and spiders", "look"]);

    let mut alice = alice();
    let block = vec![alice.blocks(&carol())];
    store.append(block, NOW, true).await.unwrap();
    assert_eq!(found(&store, "rope ").await, ["Knots"]);
    assert_eq!(store.search_best(&asked("rope ")).await.unwrap().found.len(), 1);
    assert_eq!(texts(&store, &Search { after: Some(Day(0)), limit: 9, ..Search::default() }).await, ["look", "Knots"]);
}

#[tokio::test]
async fn the_best_match_says_it_most_in_the_fewest_words() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, _| {
        vec![
            bob.posts("lantern lantern in the dark"),
            bob.posts("a lantern among very many other words that have nothing to do with any light"),
            bob.posts("one lantern"),
            bob.posts("no light at all"),
        ]
    })
    .await;
    let best = store.search_best(&asked("lantern ")).await.unwrap();
    let first = match &best.found[0].text {
        FoundText::Post(post) => post.text.as_str(),
        FoundText::Blog(_) => "",
    };
    assert_eq!((first, best.found.len(), best.next), ("lantern lantern in the dark", 3, None));
}

#[tokio::test]
async fn people_are_found_by_what_they_are_called_now() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, carol| {
        let (b, c) = (bob.feed(), carol.feed());
        vec![
            bob.names(b, "Bob Builder"),
            bob.names(b, "Bóbby Tables"),
            carol.says(write::about_self(&c, Some("Carol"), Some("knows every builder"), None)),
        ]
    })
    .await;
    let people = async |query: &str| store.find_people(&asked(query).wanted, 10).await.unwrap();
    assert_eq!(people("bobby").await, [bob().id()]);
    assert_eq!(people("tab bobby").await, Vec::<PersonId>::new(), "only the last word is being typed");
    assert_eq!(people("tables bob").await, [bob().id()]);
    assert_eq!(people("builder ").await, [carol().id()], "an earlier name is forgotten, a description counts");
    assert_eq!(found(&store, "builder").await, Vec::<String>::new(), "people are no posts");
}

#[tokio::test]
async fn one_feed_that_names_many_hides_nobody_of_that_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, carol| {
        let (b, c) = (bob.feed(), carol.feed());
        let mut batch = vec![carol.names(c, "Anna Meier")];
        bob.clock = DAY as f64;
        for n in 0..300_u32 {
            let mut seed = [7; 32];
            seed[..4].copy_from_slice(&n.to_le_bytes());
            let somebody = feed::KeyPair::from_seed(&seed).feed_id();
            batch.push(bob.names(b, &format!("anna {n}")));
            batch.push(bob.names(somebody, &format!("anna {n}")));
        }
        batch
    })
    .await;
    let people = async || store.find_people(&asked("anna").wanted, 10).await.unwrap();
    assert_eq!(people().await[..2], [bob().id(), carol().id()], "who calls themselves so comes first");

    let mut alice = alice();
    store.append(vec![alice.blocks(&bob())], NOW, true).await.unwrap();
    assert_eq!(people().await, [carol().id()]);
}

#[tokio::test]
async fn the_best_matches_are_not_used_up_by_somebody_blocked() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, carol| {
        let mut batch = vec![carol.posts("tide of carol")];
        bob.clock = DAY as f64;
        batch.extend((0..5_100).map(|n| bob.posts(&format!("tide {n}"))));
        batch
    })
    .await;
    store.append(vec![alice().blocks(&bob())], NOW, true).await.unwrap();
    let authors = async |search: &Search| {
        let best = store.search_best(search).await.unwrap().found;
        best.into_iter().map(|found| found.author).collect::<Vec<_>>()
    };
    assert_eq!(authors(&asked("tide ")).await, [carol().id()]);
    let days = Search { after: Some(Day(0)), limit: 9, ..Search::default() };
    assert_eq!(authors(&days).await, [carol().id()], "without words as well");
}

#[tokio::test]
async fn what_has_changed_on_the_disk_is_not_among_the_best() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), |bob, _| vec![bob.posts("tide number one"), bob.posts("tide number two")]).await;
    assert_eq!(store.search_best(&asked("tide ")).await.unwrap().found.len(), 2);
    change_body(dir.path(), 2).await;
    let best = store.search_best(&asked("tide ")).await.unwrap().found;
    assert_eq!(best.iter().map(|found| found.author).collect::<Vec<_>>(), [bob().id()]);
    assert!(matches!(&best[0].text, FoundText::Post(post) if post.text == "tide number one"));
}

/// Changes the word “number” in the body of a row, which reads as a message after as before.
pub(crate) async fn change_body(dir: &Path, row: i64) {
    let mut db = database(dir).await;
    let read = "SELECT body FROM log WHERE row = ?";
    let mut body: Vec<u8> = sqlx::query_scalar(read).bind(row).fetch_one(&mut db).await.unwrap();
    let at = body.windows(6).position(|text| text == b"number").expect("texts stand in a packed body as they are");
    body[at] = b'l';
    sqlx::query("UPDATE log SET body = ? WHERE row = ?").bind(body).bind(row).execute(&mut db).await.unwrap();
}

async fn database(dir: &Path) -> sqlx::SqliteConnection {
    SqliteConnectOptions::new().filename(dir.join("periwinkle.sqlite")).connect().await.unwrap()
}

#[tokio::test]
async fn full_text_follows_after_a_restart_and_is_filled_again_when_its_rules_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut bob = bob();
    let store = Store::create(dir.path(), &alice().keys, None).await.unwrap();
    let posts: Vec<_> = (0..5000).map(|n| bob.posts(&format!("tide number{n}"))).collect();
    store.append(posts, NOW, false).await.unwrap();
    // Not waited for: how far it has come is anybody's guess.
    drop(store);

    let store = Store::open(dir.path()).await.unwrap();
    store.catch_up().await.unwrap();
    assert_eq!(store.behind(), (0, 5000));
    for n in [0, 2047, 2048, 4999] {
        assert_eq!(found(&store, &format!("number{n} ")).await, [format!("tide number{n}")], "each once");
    }
    store.append(vec![bob.posts("tide high")], NOW, false).await.unwrap();
    store.catch_up().await.unwrap();
    assert_eq!(found(&store, "high ").await, ["tide high"]);
    drop(store);

    let mut db = database(dir.path()).await;
    sqlx::query("UPDATE followers SET version = version + 1").execute(&mut db).await.unwrap();
    sqlx::query("DELETE FROM search_docs WHERE row % 2 = 0").execute(&mut db).await.unwrap();
    drop(db);
    let store = Store::open(dir.path()).await.unwrap();
    store.catch_up().await.unwrap();
    assert_eq!(found(&store, "number4998 ").await, ["tide number4998"]);
    assert_eq!(found(&store, "number4999 ").await, ["tide number4999"]);
    let documents: i64 = sqlx::query_scalar("SELECT count(*) FROM search_docs")
        .fetch_one(&mut database(dir.path()).await)
        .await
        .unwrap();
    assert_eq!(documents, 5001);
    store.close().await.unwrap();
}

#[test]
fn a_follower_may_be_stopped_anywhere_and_takes_in_every_message_once() {
    const MESSAGES: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut bob = bob();
    let posts: Vec<_> = (0..MESSAGES).map(|n| bob.posts(&format!("tide number{n}"))).collect();
    for stop_at in [16_000, 11_000, 5_000, 0] {
        let running = runtime();
        running.block_on(async {
            let store = match dir.path().join("secret").exists() {
                true => Store::open(dir.path()).await.unwrap(),
                false => Store::create(dir.path(), &alice().keys, None).await.unwrap(),
            };
            store.append(posts.clone(), NOW, false).await.unwrap();
            let hurried = tokio::spawn({
                let store = store.clone();
                async move { store.catch_up().await }
            });
            if stop_at == 0 {
                return hurried.await.unwrap().unwrap();
            }
            while store.behind().0 > stop_at {
                tokio::task::yield_now().await;
            }
            hurried.abort();
            assert!(hurried.await.is_err());
        });
        // Whatever is being written goes on beside the next round.
        running.shutdown_background();
    }
    let documents = runtime().block_on(async {
        let query = "SELECT count(*), count(DISTINCT row) FROM search_docs";
        let documents: (i64, i64) = sqlx::query_as(query).fetch_one(&mut database(dir.path()).await).await.unwrap();
        documents
    });
    assert_eq!(documents, (MESSAGES as i64, MESSAGES as i64));
}
