//! The vectors in `tests/data/generated`, made with the public reference libraries.

use feed::json::Value;
use feed::{FeedId, Head, KeyPair, Message, NetworkKey, Verifier, check_next, private_box, sign};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::data::{judge, text, vectors};

fn string<'a>(value: &'a serde_json::Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is a string"))
}

#[test]
fn keys_come_from_seeds_as_in_libsodium() {
    for case in vectors("keys").as_array().unwrap() {
        let seed: Vec<u8> = string(case, "seed_hex")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let keys = KeyPair::from_seed(&seed.try_into().unwrap());
        assert_eq!(keys.feed_id().to_string(), string(case, "id"));
        let read = KeyPair::from_secret_text(&case.to_string()).unwrap();
        assert_eq!(read.seed(), keys.seed());
        let written = keys.to_secret_text();
        for field in ["curve", "public", "private", "id"] {
            assert!(written.contains(&format!("\"{field}\": \"{}\"", string(case, field))), "{field}");
        }
    }
}

#[test]
fn every_legacy_encoding_is_printed_signed_and_named_as_by_v8() {
    let vectors = vectors("legacy-encoding");
    let keys = KeyPair::from_secret_text(&vectors["author"].to_string()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 27);
    for case in cases {
        let raw = string(case, "content_raw");
        let text = format!(
            r#"{{"previous":null,"sequence":1,"author":"{}","timestamp":1500000000000.5,"hash":"sha256","content":{raw},"signature":"{}"}}"#,
            keys.feed_id(),
            string(case, "signature")
        );
        let message = Message::from_json(text.as_bytes()).unwrap();
        let canonical = message.canonical_text();
        let unsigned = string(case, "unsigned_text");
        assert_eq!(canonical[..unsigned.len() - 2], unsigned[..unsigned.len() - 2], "{raw}");
        assert_eq!(canonical.encode_utf16().count() as u64, case["utf16_len_signed"].as_u64().unwrap());
        assert_eq!(message.id().to_string(), string(case, "id"), "{raw}");
        assert_eq!(Message::decode(message.encoded()).unwrap(), message);
        let message = Verifier::new(None).verify(message).unwrap();

        let content = Value::parse(raw.as_bytes()).unwrap();
        let written = sign(&keys, None, None, 1_500_000_000_000.5, &content).unwrap();
        assert_eq!(written, message, "Ed25519 is deterministic");
    }
}

/// The vectors again, with the keys of objects in their order.
fn ordered(name: &str) -> Value<'static> {
    Value::parse(text(&format!("generated/{name}.json")).as_bytes()).unwrap().into_owned()
}

#[test]
fn the_size_limit_counts_utf16_units() {
    let messages = ordered("size-limit");
    let cases = vectors("size-limit");
    for (case, ordered) in cases.as_array().unwrap().iter().zip(messages.as_array().unwrap()) {
        let judged = judge(ordered.get("message").unwrap().to_compact().as_bytes(), None, None);
        let what = format!("{} {}: {judged:?}", case["char"], case["utf16_len"]);
        assert_eq!(judged.is_ok(), case["ssb_validate_valid"].as_bool().unwrap(), "{what}");
        match judged {
            Ok(id) => assert_eq!(id.to_string(), string(case, "id"), "{what}"),
            Err(error) => assert!(error.contains("more than 8192"), "{what}"),
        }
    }
}

fn check_chain(messages: &Value, network: Option<&NetworkKey>) {
    let mut head: Option<Head> = None;
    for entry in messages.as_array().unwrap() {
        let text = entry.get("message").unwrap().to_compact();
        let id = judge(text.as_bytes(), head.as_ref(), network).unwrap();
        assert_eq!(entry.get("id").and_then(Value::as_str), Some(id.to_string().into()));
        let message = Message::from_json(text.as_bytes()).unwrap();
        check_next(None, &message).map_or_else(|_| assert!(head.is_some()), |()| assert!(head.is_none()));
        let other = NetworkKey::new([1; 32]);
        assert!(judge(text.as_bytes(), head.as_ref(), Some(&other)).unwrap_err().contains("another network"));
        head = Some(message.head());
    }
}

#[test]
fn chains_are_valid_with_and_without_a_network_key() {
    let vectors = ordered("chains");
    let chain = |name| vectors.get(name).unwrap();
    let network: NetworkKey = chain("hmac_key").as_str().unwrap().parse().unwrap();
    check_chain(chain("with_hmac"), Some(&network));
    check_chain(chain("author_before_sequence_no_hmac"), None);
}

#[test]
fn private_boxes_open_for_their_recipients_and_nobody_else() {
    let vectors = vectors("private-box");
    let stranger = KeyPair::from_seed(&[0xee; 32]);
    for case in vectors["cases"].as_array().unwrap() {
        let (plain, sealed) = (string(case, "plaintext"), string(case, "ciphertext"));
        let people: Vec<KeyPair> = case["recipients"]
            .as_array()
            .unwrap()
            .iter()
            .map(|keys| KeyPair::from_secret_text(&keys.to_string()).unwrap())
            .collect();
        let ids: Vec<FeedId> = people.iter().map(KeyPair::feed_id).collect();
        let mut rng = ChaCha20Rng::seed_from_u64(people.len() as u64);
        let ours = private_box::seal(plain.as_bytes(), &ids, &mut rng).unwrap();
        assert_eq!(ours.len(), sealed.len());
        for keys in &people {
            assert_eq!(private_box::open(sealed, keys).as_deref(), Some(plain.as_bytes()));
            assert_eq!(private_box::open(&ours, keys).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(private_box::open(sealed, &stranger), None);
        assert_eq!(private_box::open(&ours, &stranger), None);
    }
    let eight = vec![stranger.feed_id(); 8];
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let error = private_box::seal(b"{}", &eight, &mut rng).unwrap_err();
    assert_eq!(error, private_box::SealError::TooManyRecipients(8));
    assert_eq!(private_box::seal(b"{}", &[], &mut rng).unwrap_err(), private_box::SealError::NoRecipients);
    // A point of small order: whatever is sealed for it, anybody could open.
    let weak = FeedId::classic([0; 32]);
    let error = private_box::seal(b"{}", &[weak], &mut rng).unwrap_err();
    assert_eq!(error, private_box::SealError::UnusableKey(weak));
}
