//! Contents made to hurt: odd values, huge lists, names that are not names. Each costs itself at most.

use feed::{Content, Verified, json::Value};
use store::{Audience, Query, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob, carol},
};

fn says(signer: &mut Signer, json: &str) -> Verified {
    signer.says(Value::parse(json.as_bytes()).unwrap())
}

#[tokio::test]
async fn hostile_contents_are_stored_and_shown_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob, carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let (me, her) = (bob.feed(), carol.feed());
    let ids = vec![format!("\"{her}\""); 100].join(",");
    let contents = [
        r#"{"type":"post","text":"'; DROP TABLE messages; --\u0000\ud800"}"#.to_owned(),
        r#"{"type":"post","text":7}"#.into(),
        r#"{"type":"post","text":"x","root":"%nonsense","branch":{"a":[]},"channel":["a"],"mentions":{"0":1}}"#.into(),
        r#"{"type":"post","text":"y","channel":"a\u0000\"b'","contentWarning":"\u0000"}"#.into(),
        format!(
            r#"{{"type":"about","about":"{me}","name":"\u0000\u202e'\" \ud83d","image":"&no","description":"a\u0000b"}}"#
        ),
        format!(r#"{{"type":"about","about":"{me}","name":"{}"}}"#, "n".repeat(7000)),
        format!(r#"{{"type":"contact","contact":"{me}","following":true}}"#),
        format!(r#"{{"type":"contact","contact":"{her}","following":true,"blocking":true}}"#),
        format!(r#"{{"type":"x\u0000y","\u0000key":"{her}","{}":"{her}"}}"#, "k".repeat(500)),
        format!(r#"{{"type":"post","text":"many","mentions":[{ids}]}}"#),
        r#"{"type":"vote","vote":{"link":"%","value":1e308}}"#.into(),
        r#"{"type":"channel","channel":"\u0000","subscribed":true}"#.into(),
        format!(r#"{{"type":"deep","a":{}"{her}"{}}}"#, "[".repeat(50), "]".repeat(50)),
    ];
    let messages: Vec<_> = contents.iter().map(|content| says(&mut bob, content)).collect();
    store.append(messages.clone(), NOW, false).await.unwrap();
    assert_eq!(store.totals().await.unwrap().messages, messages.len() as u64);
    for message in &messages {
        let stored = store.message(message.id()).await.unwrap().unwrap();
        assert_eq!(stored.message.encoded(), message.encoded());
    }
    let page = store.timeline(Query { audience: Audience::All, before: None, limit: 100, near: &[] }).await.unwrap();
    assert_eq!(page.cards.len(), 4);
    let names = store.names(&[bob.id()]).await.unwrap();
    assert_eq!(names[&bob.id()].name.as_ref().map(String::len), Some(social::MAX_NAME_CHARS));
    assert_eq!(store.person(&bob.id()).await.unwrap().description.as_deref(), Some("a\u{0}b"));
    assert!(store.snapshot().await.unwrap().graph.is_blocking(&bob.id(), &carol.id()));
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().heads[&bob.feed()], bob.head.unwrap());
}

#[tokio::test]
async fn a_claimed_time_may_be_any_number() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    for clock in [f64::MAX, f64::MIN, -0.0, 0.5, 1e300, -1e300] {
        bob.clock = clock;
        let message = bob.posts(&format!("{clock:e}"));
        assert!(matches!(message.content(), Content::Object(_)));
        store.append(vec![message], NOW, false).await.unwrap();
    }
    let page = store.timeline(Query { audience: Audience::All, before: None, limit: 100, near: &[] }).await.unwrap();
    assert_eq!(page.cards.len(), 6);
    assert!(page.cards.iter().all(|card| (0..=NOW).contains(&card.post.time_ms)));
}

#[tokio::test]
async fn reading_goes_on_while_batches_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let batches: Vec<Vec<_>> = (0..10).map(|_| (0..50).map(|n| bob.posts(&n.to_string())).collect()).collect();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for batch in batches {
                store.append(batch, NOW, false).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    while !writer.is_finished() {
        let query = Query { audience: Audience::All, before: None, limit: 100, near: &[] };
        let page = store.timeline(query).await.unwrap();
        assert!(page.cards.len() >= seen && page.cards.len() % 50 == 0, "whole batches only");
        seen = page.cards.len();
    }
    writer.await.unwrap();
    assert_eq!(store.totals().await.unwrap().messages, 500);
}
