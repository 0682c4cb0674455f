//! The sample of 2,000 messages by ten authors, as another implementation wrote them.

use super::data;

use std::collections::BTreeMap;

use feed::{Content, FeedId, Head, KeyPair, Message, Verifier, check_next, private_box};
use serde_json::value::RawValue;

#[derive(serde::Deserialize)]
struct Line<'a> {
    key: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[test]
fn every_message_of_the_sample_is_valid_and_comes_back_byte_for_byte() {
    let text = data::text("sample-2000.ndjson");
    let mut heads: BTreeMap<FeedId, Head> = BTreeMap::new();
    let mut messages = Vec::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let message = Message::decode(line.value.get().as_bytes()).unwrap();
        assert_eq!(message.id().to_string(), line.key);
        assert_eq!(message.encoded(), line.value.get().as_bytes());
        assert_eq!(Message::from_json(message.canonical_text().as_bytes()).unwrap(), message);
        check_next(heads.get(&message.author()), &message).unwrap();
        heads.insert(message.author(), message.head());
        messages.push(message);
    }
    assert_eq!(messages.len(), 2000);
    let results = Verifier::new(None).verify_batch(messages);
    assert!(results.iter().all(Result::is_ok));
}

#[test]
fn the_private_messages_of_the_sample_open_for_their_authors_and_recipients() {
    let keys: Vec<serde_json::Value> = serde_json::from_str(&data::text("sample-2000.keys.json")).unwrap();
    let keys: Vec<KeyPair> = keys.iter().map(|keys| KeyPair::from_secret_text(&keys.to_string()).unwrap()).collect();
    let mut opened = 0;
    for line in data::text("sample-2000.ndjson").lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let message = Message::decode(line.value.get().as_bytes()).unwrap();
        let Content::Sealed(text) = message.content() else { continue };
        let readers: Vec<FeedId> =
            keys.iter().filter(|keys| private_box::open(&text, keys).is_some()).map(KeyPair::feed_id).collect();
        assert!(readers.contains(&message.author()), "the author can read it again");
        opened += 1;
    }
    assert!(opened > 0);
}
