//! The packed form gives every message back byte for byte, and never trusts what it reads.

use feed::json::Value;
use feed::packed::{PackedError, unpack, unpack_content};
use feed::{Content, FeedId, KeyPair, MAX_ENCODED_BYTES, Message, sign};
use proptest::prelude::*;

use super::data;
use super::random::Random;

fn sample() -> Vec<Message> {
    let text = data::text("sample-2000.ndjson");
    let values = text.lines().map(|line| {
        let (_, rest) = line.split_once("\"value\":").unwrap();
        Message::decode(rest.rsplit_once(",\"timestamp\":").unwrap().0.as_bytes()).unwrap()
    });
    values.collect()
}

/// A text packed behind another one, which stays as it is.
fn pack(encoded: &[u8], author: FeedId, sequence: u64) -> Vec<u8> {
    let mut out = b"before".to_vec();
    feed::packed::pack(&mut out, encoded, author, sequence);
    out.strip_prefix(b"before").expect("what stood there is kept").to_vec()
}

/// Packs, unpacks, and says how many bytes it took.
pub(crate) fn round_trip(message: &Message) -> usize {
    let (author, sequence) = (message.author(), message.sequence());
    let packed = pack(message.encoded(), author, sequence);
    assert_eq!(unpack(&packed, author, sequence).as_deref(), Ok(message.encoded()), "{message:?}");
    for body in [packed.as_slice(), message.encoded()] {
        let content = unpack_content(body, author).expect("the content comes back too");
        match (content.as_deref().map(Value::parse), message.content()) {
            (None, Content::Sealed(_)) => {}
            (Some(Ok(content)), Content::Object(expected)) => assert_eq!(content, expected, "{message:?}"),
            other => panic!("{other:?}"),
        }
    }
    packed.len()
}

/// A message with these parts; its signature is no good, which matters to nobody here.
fn message(previous: &str, sequence: u64, author_first: bool, timestamp: &str, content: &str) -> Option<Message> {
    let author = KeyPair::from_seed(&[1; 32]).feed_id();
    let (one, two) = (format!("\"sequence\":{sequence}"), format!("\"author\":\"{author}\""));
    let (one, two) = if author_first { (two, one) } else { (one, two) };
    let signature = "A".repeat(86) + "==.sig.ed25519";
    let text = format!(
        "{{\"previous\":{previous},{one},{two},\"timestamp\":{timestamp},\"hash\":\"sha256\",\"content\":{content},\
         \"signature\":\"{signature}\"}}"
    );
    Message::from_json(text.as_bytes()).ok()
}

const PREVIOUS: &str = "\"%AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.sha256\"";

#[test]
fn the_sample_comes_back_and_takes_little_more_than_half() {
    let messages = sample();
    let plain: usize = messages.iter().map(|message| message.encoded().len()).sum();
    let packed: usize = messages.iter().map(round_trip).sum();
    println!("{packed} of {plain} bytes");
    assert!(packed * 100 < plain * 60, "{packed} of {plain}");
}

#[test]
fn every_legacy_encoding_comes_back() {
    let vectors = data::vectors("legacy-encoding");
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 27);
    for case in cases {
        round_trip(&message("null", 1, false, "1500000000000.5", case["content_raw"].as_str().unwrap()).unwrap());
    }
}

#[test]
fn every_spelling_of_a_header_comes_back() {
    let timestamps = ["0", "-0", "1", "-1", "1577836800556", "1577836800556.001", "1e21", "5e-324", "-1.5e300"]
        .into_iter()
        .chain(["999999999999999", "1000000000000000", "9007199254740993", "123456789012345680000"]);
    let contents = [
        "{\"type\":\"post\",\"text\":\"\"}",
        "\".box\"",
        "\".box2\"",
        "\"AAAA.box\"",
        "\"AAE=.box2\"",
        "{\"type\":\"post\",\"a\":{}}",
        "{\"0\":[],\"type\":\"post\"}",
    ];
    for timestamp in timestamps {
        for content in contents {
            for author_first in [false, true] {
                for (previous, sequence) in [("null", 1), (PREVIOUS, 2), (PREVIOUS, (1 << 53) - 1)] {
                    let message = message(previous, sequence, author_first, timestamp, content).unwrap();
                    let size = round_trip(&message);
                    assert!(size < message.encoded().len() * 2 / 3, "{size}: {message:?}");
                }
            }
        }
    }
}

#[test]
fn an_id_that_was_there_before_takes_two_bytes() {
    let id = |n: u8| FeedId::classic([n; 32]);
    let post = |ids: &[FeedId]| {
        let links: Vec<String> = ids.iter().map(|id| format!("{{\"link\":\"{id}\"}}")).collect();
        let content = format!("{{\"type\":\"post\",\"text\":\"{}\",\"mentions\":[{}]}}", ids[0], links.join(","));
        round_trip(&message("null", 1, false, "1", &content).unwrap())
    };
    assert_eq!(post(&[id(1), id(2)]) - post(&[id(1), id(1)]), 31);
    let many: Vec<FeedId> = (0..38).map(id).collect();
    post(&[many.clone(), many].concat());
}

#[test]
fn what_is_no_message_is_kept_as_it_is() {
    let author = KeyPair::from_seed(&[1; 32]).feed_id();
    for text in [&b"{}"[..], b"{", b"{\"previous\":null", b"{\x00\xff"] {
        assert_eq!(unpack(&pack(text, author, 1), author, 1).as_deref(), Ok(text));
    }
    // Another author or sequence than the text has: the same.
    let message = &sample()[50];
    for (author, sequence) in [(author, message.sequence()), (message.author(), message.sequence() + 1)] {
        let packed = pack(message.encoded(), author, sequence);
        assert_eq!(unpack(&packed, author, sequence).as_deref(), Ok(message.encoded()));
    }
}

#[test]
fn bytes_that_were_never_packed_are_refused() {
    let author = KeyPair::from_seed(&[1; 32]).feed_id();
    assert_eq!(unpack(b"", author, 1), Err(PackedError::Truncated));
    assert_eq!(unpack(&[1], author, 1), Err(PackedError::Truncated));
    assert_eq!(unpack(&[2, 0], author, 1), Err(PackedError::Version(2)));
    assert_eq!(unpack_content(b"", author), Err(PackedError::Truncated));
    assert_eq!(unpack_content(&[1, 0, 7, 0, 0], author), Err(PackedError::Truncated));
    assert_eq!(unpack_content(&[2, 0], author), Err(PackedError::Version(2)));
    assert_eq!(unpack_content(b"{", author), Ok(None));
    assert_eq!(unpack(&[1, 0x20], author, 1), Err(PackedError::Code));
    let whole = [&[1, 0, 7][..], &[0; 64]].concat();
    let after = |codes: &[u8]| unpack(&[&whole[..], codes].concat(), author, 1);
    assert!(after(b"\"type\":\"post\"").is_ok());
    assert_eq!(after(&[0xc0]), Err(PackedError::Code));
    assert_eq!(after(&[0xff, 0xff]), Err(PackedError::Code));
    assert_eq!(after(&[0xff]), Err(PackedError::Truncated));
    assert_eq!(after(&[6, 1]), Err(PackedError::Code));
    assert_eq!(after(&[3, 1, 2, 3]), Err(PackedError::Truncated));
    assert_eq!(after(&[7, 0].repeat(2000)), Err(PackedError::TooLarge));
    assert_eq!(after(&[8].repeat(20_000)), Err(PackedError::TooLarge));
    assert_eq!(unpack(&b"{".repeat(MAX_ENCODED_BYTES + 1), author, 1), Err(PackedError::TooLarge));
    // A number that never ends.
    assert_eq!(unpack(&[&[1, 0][..], &[0xff; 64]].concat(), author, 1), Err(PackedError::Code));
}

#[test]
fn damaged_bytes_never_give_more_than_a_message_may_have() {
    let mut random = Random::announced();
    let messages = sample();
    for _ in 0..20_000 {
        let message = random.pick(&messages);
        let (author, sequence) = (message.author(), message.sequence());
        let mut packed = pack(message.encoded(), author, sequence);
        for _ in 0..1 + random.below(4) {
            let at = random.below(packed.len());
            match random.below(3) {
                0 => packed[at] = random.below(256) as u8,
                1 => packed.truncate(at.max(1)),
                _ => packed.insert(at, random.below(256) as u8),
            }
        }
        if let Ok(text) = unpack(&packed, author, sequence) {
            assert!(text.len() <= MAX_ENCODED_BYTES);
        }
        if let Ok(Some(text)) = unpack_content(&packed, author) {
            assert!(text.len() <= MAX_ENCODED_BYTES);
        }
    }
}

#[test]
fn random_messages_come_back() {
    let mut random = Random::announced();
    let mut count = 0;
    for _ in 0..4_000 {
        let (content, timestamp, author_first) = (random.content(), random.number(), random.chance(2));
        let (previous, sequence) = if random.chance(2) { ("null", 1) } else { (PREVIOUS, 7) };
        if let Some(message) = message(previous, sequence, author_first, &timestamp, &content) {
            round_trip(&message);
            count += 1;
        }
    }
    assert!(count > 500, "{count} messages");
}

proptest! {
    #[test]
    fn whatever_is_said_comes_back(seed: [u8; 32], text in any::<String>(), ids in prop::collection::vec(any::<[u8; 32]>(), 0..5)) {
        let keys = KeyPair::from_seed(&seed);
        let pieces: Vec<String> = ids.iter().map(|id| format!("[@x]({})\n\"{text}\"", FeedId::classic(*id))).collect();
        let content = feed::json::Value::object([
            ("type", "post".into()),
            ("text", feed::json::Value::from(format!("{text}{}", pieces.join(&text)))),
        ]);
        if let Ok(message) = sign(&keys, None, None, 1.0, &content) {
            round_trip(&message);
        }
    }

    #[test]
    fn any_bytes_that_begin_as_a_message_come_back(bytes: Vec<u8>, sequence: u64, key: [u8; 32]) {
        let text = [b"{", &bytes[..]].concat();
        let author = FeedId::classic(key);
        prop_assert_eq!(unpack(&pack(&text, author, sequence), author, sequence), Ok(text));
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes: Vec<u8>, sequence: u64, key: [u8; 32]) {
        let author = FeedId::classic(key);
        bytes.insert(0, 1);
        if let Ok(text) = unpack(&bytes, author, sequence) {
            prop_assert!(text.len() <= MAX_ENCODED_BYTES);
        }
    }
}
