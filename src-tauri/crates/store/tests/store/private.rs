//! Private messages: who can open them, whose they are, and in which conversation they stand.

use feed::{FeedId, Verified, json::Value, private_box};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use store::Store;

use crate::{
    append::NOW,
    people::{Signer, alice, bob, carol},
};

/// A content sealed for `people`, who are named in it.
pub(crate) fn sealed(text: &str, people: &[FeedId], seed: u64) -> Value<'static> {
    let named = people.iter().map(|id| Value::from(id.to_string())).collect::<Vec<_>>();
    let content =
        Value::object([("type", Value::from("post")), ("text", Value::from(text)), ("recps", Value::from(named))]);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Value::from(private_box::seal(content.to_compact().as_bytes(), people, &mut random).unwrap())
}

pub(crate) fn says(signer: &mut Signer, content: &Value) -> Verified {
    let text = content.as_str().unwrap().into_owned();
    let message = feed::sign(&signer.keys, None, signer.head.as_ref(), signer.clock, &Value::from(text)).unwrap();
    signer.head = Some(message.head());
    signer.clock += 1_000.0;
    message
}

async fn texts(store: &Store, id: &[u8; 32]) -> Vec<(String, FeedId)> {
    let messages = store.conversation(id, None, 50).await.unwrap();
    let text = |value: &Value| value.get("text").unwrap().as_str().unwrap().into_owned();
    messages.iter().map(|message| (text(&message.content), message.author.feed())).collect()
}

#[tokio::test]
async fn messages_stand_in_the_conversation_of_those_they_are_sealed_for() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let (a, b, c) = (alice.feed(), bob.feed(), carol.feed());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let own = vec![says(&mut alice, &sealed("hi bob", &[a, b], 1))];
    store.append(own, NOW, true).await.unwrap();
    let others = vec![
        says(&mut bob, &sealed("hi alice", &[b, a], 2)),
        says(&mut bob, &sealed("hi both", &[a, b, c], 3)),
        says(&mut bob, &sealed("not for alice", &[b, c], 4)),
        says(&mut carol, &sealed("hi all", &[c, b, a], 5)),
    ];
    store.append(others, NOW, false).await.unwrap();
    store.catch_up().await.unwrap();

    let conversations = store.conversations(None, 10).await.unwrap();
    let people: Vec<Vec<FeedId>> =
        conversations.iter().map(|one| one.people.iter().map(|person| person.feed()).collect()).collect();
    let mut three = vec![a, b, c];
    three.sort();
    let mut two = vec![a, b];
    two.sort();
    assert_eq!(people, [three, two], "the newest message counts");
    assert_eq!(
        texts(&store, &conversations[0].id).await,
        [("hi both".to_owned(), b), ("hi all".to_owned(), c)],
        "the newest first"
    );
    assert_eq!(texts(&store, &conversations[1].id).await.len(), 2);
    let first = store.conversations(None, 1).await.unwrap();
    assert_eq!(store.conversations(Some(first[0].place), 1).await.unwrap()[0].id, conversations[1].id);
    let newest = store.conversation(&conversations[1].id, None, 1).await.unwrap();
    let older = store.conversation(&conversations[1].id, Some(newest[0].place), 1).await.unwrap();
    assert_eq!((newest.len(), older.len()), (1, 1));
    assert_ne!(newest[0].id, older[0].id);
}

#[tokio::test]
async fn a_sealed_text_in_another_feed_is_not_that_persons() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob, mut carol) = (alice(), bob(), carol());
    let (a, b, c) = (alice.feed(), bob.feed(), carol.feed());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let secret = sealed("from bob", &[a, b, c], 1);
    let other = sealed("from bob to alice", &[a, b], 2);
    let batch =
        vec![says(&mut carol, &other), says(&mut bob, &secret), says(&mut carol, &secret), says(&mut bob, &other)];
    store.append(batch, NOW, false).await.unwrap();
    store.catch_up().await.unwrap();
    let conversations = store.conversations(None, 10).await.unwrap();
    let mut all = Vec::new();
    for one in &conversations {
        all.extend(texts(&store, &one.id).await);
    }
    // Nothing is carol's: in the one text she is not named, and of the other bob's own came first.
    assert_eq!(all, [("from bob to alice".to_owned(), b), ("from bob".to_owned(), b)]);
}

#[tokio::test]
async fn a_text_that_names_nobody_is_not_hidden_by_a_copy_that_came_first() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob, mut carol) = (alice(), bob(), carol());
    let (a, b) = (alice.feed(), bob.feed());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let unnamed = br#"{"type":"post","text":"to alice"}"#;
    let secret = Value::from(private_box::seal(unnamed, &[a, b], &mut random).unwrap());
    let batch = vec![says(&mut carol, &secret), says(&mut bob, &secret), says(&mut bob, &secret)];
    store.append(batch, NOW, false).await.unwrap();
    store.catch_up().await.unwrap();
    let mut bobs = Vec::new();
    for one in store.conversations(None, 10).await.unwrap() {
        bobs.extend(texts(&store, &one.id).await.into_iter().filter(|(_, author)| *author == b));
    }
    assert_eq!(bobs, [("to alice".to_owned(), b)], "there, and once though bob said it twice");
}
