//! Bytes from outside never make a panic: every decoder under a seeded mutator. The same bodies serve a fuzzer.

use feed::json::{MAX_DEPTH, Value};
use feed::{
    BlobId, DeviceKey, Fault, FeedId, ForkProof, KeyPair, Message, MessageId, NetworkKey, PersonId, Verifier,
    private_box, sign, uri,
};

use super::data;
use super::random::Random;

const ROUNDS: usize = 20_000;

/// Both ways to read a message, the one pass and the one by its value, must see the same in it.
fn assert_same(one: &Message, other: &Message) {
    assert_eq!(one, other);
    assert_eq!((one.id(), one.author(), one.sequence()), (other.id(), other.author(), other.sequence()));
    assert_eq!((one.previous(), one.timestamp()), (other.previous(), other.timestamp()));
    assert_eq!(one.content(), other.content());
    assert_eq!(one.canonical_text(), Value::parse(other.encoded()).unwrap().to_canonical());
}

/// What must hold for any bytes.
fn decode_everything(bytes: &[u8], keys: &KeyPair, verifier: &Verifier) {
    if let Ok(value) = Value::parse(bytes) {
        let compact = value.to_compact();
        let again = Value::parse(compact.as_bytes()).expect("what is printed can be read");
        assert_eq!(again.to_compact(), compact);
        assert_eq!(again.to_canonical(), value.to_canonical());
    }
    if let Ok(message) = Message::from_json(bytes) {
        assert_same(&Message::decode(message.encoded()).expect("what is made canonical is"), &message);
        let _checked = verifier.verify(message);
    }
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(message.encoded(), bytes);
        assert_same(&Message::from_json(bytes).expect("a canonical text is JSON"), &message);
    }
    let _ = ForkProof::decode(bytes, verifier);
    let _ = (FeedId::from_tagged(bytes), MessageId::from_tagged(bytes), BlobId::from_tagged(bytes));
    let text = String::from_utf8_lossy(bytes);
    let _ = private_box::open(&text, keys);
    let _ = KeyPair::from_secret_text(&text);
    let _ = (uri::parse(&text), uri::from_did_key(&text), text.parse::<NetworkKey>());
    let _ = (text.parse::<FeedId>(), text.parse::<MessageId>(), text.parse::<BlobId>(), text.parse::<PersonId>());
    let _ = DeviceKey::try_from(text.into_owned());
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..1 + random.below(4) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.bytes::<1>()[0],
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, *random.pick(b"\"\\{}[],:0e.-u\xff\xed\xa0")),
            4 => bytes.truncate(at),
            _ => {
                let end = (at + 1 + random.below(32)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
}

#[test]
fn no_bytes_make_a_decoder_panic() {
    let keys = KeyPair::from_seed(&[3; 32]);
    let verifier = Verifier::new(None);
    let mut corpus: Vec<Vec<u8>> = data::text("sample-2000.ndjson")
        .lines()
        .step_by(101)
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["value"].to_string().into_bytes()
        })
        .collect();
    let content = Value::object([("type", "post".into()), ("text", Value::from("\u{1}é☂😀\u{2028}"))]);
    let first = sign(&keys, None, None, 1.5e300, &content).unwrap();
    let other = sign(&keys, None, None, 2.0, &content).unwrap();
    let sealed = private_box::seal(
        b"{}",
        &[keys.feed_id()],
        &mut <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::from_seed([1; 32]),
    );
    corpus.push(first.encoded().to_vec());
    corpus.push(first.canonical_text().into_bytes());
    corpus.push(ForkProof::new(first, other).unwrap().encode());
    corpus.push(sealed.unwrap().into_bytes());
    corpus.push(keys.to_secret_text().as_bytes().to_vec());
    corpus.push(keys.feed_id().to_string().into_bytes());
    corpus.push(keys.feed_id().to_tagged().to_vec());
    corpus.push(uri::Named::Feed(keys.feed_id()).to_string().into_bytes());
    corpus.push(uri::to_did_key(&keys.feed_id()).into_bytes());
    corpus.push(br#"[1e400,-0,"\ud83d\ude00\ud83d",{"2":1,"1":[{}]},true,null]"#.to_vec());
    for bytes in &corpus {
        decode_everything(bytes, &keys, &verifier);
    }
    let mut random = Random::announced();
    for _ in 0..ROUNDS {
        let mut bytes = random.pick(&corpus).clone();
        mutate(&mut random, &mut bytes);
        decode_everything(&bytes, &keys, &verifier);
    }
}

#[test]
fn nesting_and_size_are_bounded() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert!(Value::parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(Value::parse(&nested(MAX_DEPTH + 1)), Err(feed::json::JsonError::TooDeep));
    assert!(Value::parse(&vec![b'['; 1 << 20]).is_err());
    assert_eq!(Value::parse(&vec![b' '; (1 << 20) + 1]), Err(feed::json::JsonError::TooLong));
}

#[test]
fn a_message_that_would_be_huge_once_laid_out_is_refused_before() {
    let keys = KeyPair::from_seed(&[3; 32]);
    let written =
        sign(&keys, None, None, 1.0, &Value::object([("type", "post")].map(|(key, kind)| (key, kind.into()))));
    let text = String::from_utf8(written.unwrap().encoded().to_vec()).unwrap();
    let deep = format!("{}0{}{}", "[".repeat(120), ",0".repeat(500_000), "]".repeat(120));
    let huge = text.replace("\"post\"", &format!("\"post\",\"x\":{deep}"));
    for result in [Message::from_json(huge.as_bytes()), Message::decode(huge.as_bytes())] {
        assert!(matches!(result.unwrap_err().fault, Fault::TooLarge(units) if units > 1_000_000));
    }
}

#[test]
fn an_object_with_very_many_keys_is_read_in_no_time() {
    // As many keys as fit, each of them twice.
    let keys: Vec<String> = (0..90_000).map(|at| format!("\"{:x}\":0", at % 45_000)).collect();
    let text = format!("{{{}}}", keys.join(","));
    assert!(text.len() < feed::json::MAX_BYTES);
    let value = Value::parse(text.as_bytes()).unwrap();
    assert_eq!(value.entries().count(), 45_000);
}
