//! What we write validates; what we parse prints back the same.

use feed::json::{Object, Text, Value};
use feed::{
    ChainError, Content, Fault, FeedId, ForkError, ForkProof, Head, KeyPair, MAX_UNITS, Message, MessageId, NetworkKey,
    SignError, Verified, Verifier, check_next, private_box, sign,
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![
        3 => any::<String>().prop_map(Text::from),
        1 => prop::collection::vec(any::<u16>(), 0..8).prop_map(Text::from_utf16),
        1 => (0..200_u32).prop_map(|number| Text::from(number.to_string())),
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::Number),
        any::<i32>().prop_map(|number| Value::Number(number.into())),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn content() -> impl Strategy<Value = Value<'static>> {
    let entries = prop::collection::vec((text(), value()), 0..6);
    ("[a-z-]{3,52}", entries).prop_map(|(kind, mut entries)| {
        entries.push(("type".into(), kind.into()));
        Value::Object(entries.into_iter().collect::<Object>())
    })
}

fn keys() -> impl Strategy<Value = KeyPair> {
    any::<[u8; 32]>().prop_map(|seed| KeyPair::from_seed(&seed))
}

fn network() -> impl Strategy<Value = Option<NetworkKey>> {
    prop::option::of(any::<[u8; 32]>().prop_map(NetworkKey::new))
}

proptest! {
    #[test]
    fn what_is_printed_is_read_and_printed_the_same(value in value()) {
        let compact = value.to_compact();
        let canonical = value.to_canonical();
        let read = Value::parse(compact.as_bytes()).unwrap();
        prop_assert_eq!(&read.to_compact(), &compact);
        prop_assert_eq!(&read.to_canonical(), &canonical);
        prop_assert_eq!(Value::parse(canonical.as_bytes()).unwrap(), read);
    }

    #[test]
    fn what_we_write_validates(
        keys in keys(), network in network(), timestamp in -1e15..1e15, contents in prop::collection::vec(content(), 1..4),
    ) {
        let verifier = Verifier::new(network.clone());
        let mut head: Option<Head> = None;
        for content in contents {
            let written = match sign(&keys, network.as_ref(), head.as_ref(), timestamp, &content) {
                Ok(written) => written,
                Err(error) => {
                    prop_assert!(matches!(error, SignError::Fault(Fault::TooLarge(units)) if units > MAX_UNITS));
                    continue;
                }
            };
            let read = Message::decode(written.encoded()).unwrap();
            prop_assert_eq!(&read, &*written);
            let printed = content.to_compact();
            prop_assert_eq!(read.content(), Content::Object(Value::parse(printed.as_bytes()).unwrap()));
            prop_assert_eq!(read.timestamp(), timestamp);
            prop_assert_eq!(Message::from_json(written.canonical_text().as_bytes()).unwrap(), read.clone());
            prop_assert_eq!(check_next(head.as_ref(), &read), Ok(()));
            prop_assert!(verifier.verify(read.clone()).is_ok());
            head = Some(read.head());
        }
    }

    #[test]
    fn any_changed_byte_is_noticed(keys in keys(), content in content(), at in any::<prop::sample::Index>(), to: u8) {
        let Ok(written) = sign(&keys, None, None, 1.0, &content) else { return Ok(()) };
        let mut bytes = written.encoded().to_vec();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert!(Verifier::new(None).verify(message).is_err());
        }
    }

    #[test]
    fn a_box_opens_for_each_recipient_only(
        people in prop::collection::vec(keys(), 1..=7), stranger in keys(), plain: Vec<u8>, seed: [u8; 32],
    ) {
        let ids: Vec<FeedId> = people.iter().map(KeyPair::feed_id).collect();
        let sealed = private_box::seal(&plain, &ids, &mut ChaCha20Rng::from_seed(seed)).unwrap();
        for keys in &people {
            prop_assert_eq!(private_box::open(&sealed, keys), Some(plain.clone()));
        }
        prop_assert_eq!(private_box::open(&sealed, &stranger), None);
        let content = Value::from(sealed.as_str());
        if let Ok(message) = sign(&people[0], None, None, 1.0, &content) {
            prop_assert_eq!(message.content(), Content::Sealed(sealed.into()));
        }
    }
}

fn alice() -> KeyPair {
    KeyPair::from_seed(&[0xa1; 32])
}

fn post(text: &str) -> Value<'_> {
    Value::object([("type", "post".into()), ("text", Value::from(text))])
}

fn feed(texts: &[&str]) -> Vec<Verified> {
    let mut messages: Vec<Verified> = Vec::new();
    for text in texts {
        let head = messages.last().map(|message| message.head());
        messages.push(sign(&alice(), None, head.as_ref(), 1.0, &post(text)).unwrap());
    }
    messages
}

#[test]
fn the_chain_tells_what_is_known_what_is_missing_and_what_is_forked() {
    let ours = feed(&["one", "two", "three"]);
    let theirs = feed(&["one", "other", "more"]);
    let author = alice().feed_id();
    let head = ours[1].head();
    assert_eq!(check_next(None, &ours[0]), Ok(()));
    assert_eq!(check_next(None, &ours[2]), Err(ChainError::Gap { feed: author, expected: 1, found: 3 }));
    assert_eq!(check_next(Some(&head), &ours[2]), Ok(()));
    assert_eq!(check_next(Some(&head), &ours[1]), Err(ChainError::Known { feed: author, sequence: 2 }));
    assert_eq!(check_next(Some(&head), &ours[0]), Err(ChainError::Known { feed: author, sequence: 1 }));
    assert_eq!(check_next(Some(&head), &theirs[1]), Err(ChainError::Fork { feed: author, sequence: 2 }));
    assert_eq!(check_next(Some(&head), &theirs[2]), Err(ChainError::Fork { feed: author, sequence: 3 }));
    let behind = ours[0].head();
    assert_eq!(check_next(Some(&behind), &ours[2]), Err(ChainError::Gap { feed: author, expected: 2, found: 3 }));
}

#[test]
fn a_fork_proof_is_two_signed_messages_that_no_history_holds() {
    let ours = feed(&["one", "two", "three"]);
    let theirs = feed(&["one", "other", "more"]);
    let verifier = Verifier::new(None);
    for (one, other, sequence) in [(&ours[1], &theirs[1], 2), (&theirs[2], &ours[1], 2), (&ours[2], &theirs[2], 3)] {
        let proof = ForkProof::new(one.clone(), other.clone()).unwrap();
        assert_eq!((proof.feed(), proof.sequence()), (alice().feed_id(), sequence));
        assert_eq!(ForkProof::decode(&proof.encode(), &verifier).unwrap(), proof);
        let elsewhere = Verifier::new(Some(NetworkKey::new([1; 32])));
        assert!(matches!(ForkProof::decode(&proof.encode(), &elsewhere), Err(ForkError::Malformed(_))));
    }
    assert_eq!(ForkProof::new(ours[1].clone(), ours[1].clone()), Err(ForkError::NoContradiction));
    assert_eq!(ForkProof::new(ours[1].clone(), ours[2].clone()), Err(ForkError::NoContradiction));
    assert_eq!(ForkProof::new(ours[0].clone(), theirs[2].clone()), Err(ForkError::NoContradiction));
    let bob = sign(&KeyPair::from_seed(&[0xb0; 32]), None, None, 1.0, &post("I")).unwrap();
    assert_eq!(ForkProof::new(ours[0].clone(), bob), Err(ForkError::DifferentFeeds));
}

#[test]
fn a_refusal_names_the_feed_and_the_sequence() {
    let messages = feed(&["one", "two"]);
    let text = String::from_utf8(messages[1].encoded().to_vec()).unwrap();
    let broken = text.replace("\"sha256\"", "\"sha512\"");
    let error = Message::decode(broken.as_bytes()).unwrap_err();
    assert_eq!(error.fault, Fault::Hash);
    let expected = format!("feed {}, message 2: the hash must be sha256", alice().feed_id());
    assert_eq!(error.to_string(), expected);
    let changed = text.replace("two", "too");
    let error = Verifier::new(None).verify(Message::decode(changed.as_bytes()).unwrap()).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("feed {}, message 2: the signature does not match", alice().feed_id()))
    );
}

#[test]
fn only_the_compact_canonical_text_is_decoded() {
    let message = feed(&["é☂😀"]).remove(0);
    let text = String::from_utf8(message.encoded().to_vec()).unwrap();
    for other in [
        message.canonical_text(),
        format!("{text} "),
        format!(" {text}"),
        text.replace("é", "\\u00e9"),
        text.replace("\"sequence\":1", "\"sequence\":1.0"),
        text.replace("\"sequence\":1", "\"sequence\":1e0"),
        text.replace("\"type\":\"post\"", "\"type\":\"old\",\"type\":\"post\""),
    ] {
        assert_eq!(Message::decode(other.as_bytes()).unwrap_err().fault, Fault::NotCanonical, "{other}");
        assert_eq!(Message::from_json(other.as_bytes()).unwrap(), *message, "{other}");
    }
}

#[test]
fn nothing_is_written_that_a_validator_would_refuse() {
    let keys = alice();
    let far = Head { id: MessageId::classic([1; 32]), sequence: i32::MAX as u64 };
    assert_eq!(sign(&keys, None, Some(&far), 1.0, &post("")).unwrap_err(), SignError::FeedFull);
    let refused = |timestamp, content: Value| match sign(&keys, None, None, timestamp, &content) {
        Err(SignError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(f64::NAN, post("")), Fault::Timestamp);
    assert_eq!(refused(f64::INFINITY, post("")), Fault::Timestamp);
    assert_eq!(refused(1.0, Value::Null), Fault::ContentKind);
    assert_eq!(refused(1.0, Value::Array(vec![])), Fault::ContentKind);
    assert_eq!(refused(1.0, Value::Object(Object::new())), Fault::ContentType);
    assert_eq!(refused(1.0, Value::object([("type", Value::from("ab"))])), Fault::ContentTypeLength(2));
    assert_eq!(refused(1.0, Value::object([("type", Value::from("é".repeat(53)))])), Fault::ContentTypeLength(53));
    assert_eq!(refused(1.0, "hello".into()), Fault::SealedContent);
    assert_eq!(refused(1.0, "aab.box".into()), Fault::SealedContent);
    assert_eq!(refused(1.0, "AAAA.box3".into()), Fault::SealedContent);
    assert!(matches!(refused(1.0, post(&"x".repeat(MAX_UNITS))), Fault::TooLarge(_)));
}
