//! What each step on a message's way costs: `cargo run --release -p feed --example verify_rate [-- FILE]`.
//!
//! `FILE` has a message on each line, with or without its envelope; without one it is the sample of 2,000 messages. The
//! steps run on one core, the bare signature checks also on all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ed25519_dalek::{Signature, VerifyingKey};
use feed::packed::{pack, unpack};
use feed::{FeedId, KeyPair, Message, Verifier, sign};

/// Messages that are checked at once.
const BATCH: usize = 2_048;
/// How often messages of authors with tables are checked.
const ROUNDS: usize = 20;

fn main() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/data/sample-2000.ndjson");
    let path = std::env::args_os().nth(1).map_or(sample, PathBuf::from);
    let text = std::fs::read_to_string(&path).expect("a file with a message on each line");
    let values: Vec<&str> = text.lines().map(value).collect();

    let decode = || values.iter().map(|value| Message::decode(value.as_bytes()).expect("valid")).collect();
    rate("decode (cold)", values.len(), decode);
    let messages: Vec<Message> = rate("decode", values.len(), decode);
    rate("from_json", values.len(), || values.iter().for_each(|value| drop(Message::from_json(value.as_bytes()))));
    rate("content", messages.len(), || messages.iter().for_each(|message| drop(message.content())));

    let packed: Vec<Vec<u8>> = rate("pack", messages.len(), || {
        let packed = |message: &Message| {
            let mut packed = Vec::new();
            pack(&mut packed, message.encoded(), message.author(), message.sequence());
            packed
        };
        messages.iter().map(packed).collect()
    });
    rate("unpack", messages.len(), || {
        for (message, packed) in messages.iter().zip(&packed) {
            let text = unpack(packed, message.author(), message.sequence());
            assert_eq!(text.as_deref(), Ok(message.encoded()));
        }
    });
    let (plain, small): (usize, usize) =
        (messages.iter().map(|message| message.encoded().len()).sum(), packed.iter().map(Vec::len).sum());
    println!("packed: {small} of {plain} bytes, {:.3}", small as f64 / plain as f64);

    let strangers: Vec<Message> = (0..2000_u32).map(|number| message(number, 1.0)).collect();
    let newcomers: Vec<Message> = (0..2000_u32).map(|number| message(number % 100, number.into())).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for (how, verifier) in [("", Verifier::new(None)), (", one by one", Verifier::without_lanes(None))] {
        checks(how, &verifier, &messages, cores);
        for (what, messages) in [("one message of each author", &strangers), ("20 messages of new authors", &newcomers)]
        {
            rate(&format!("verify{how}, {what}"), messages.len(), || {
                assert!(verifier.verify_batch(messages.clone()).iter().all(Result::is_ok));
            });
        }
    }
    bare(&messages, cores);
}

/// The checks of a verifier: eight signatures at once where the processor can, or one by one.
fn checks(how: &str, verifier: &Verifier, messages: &[Message], cores: usize) {
    let verify = |messages: &[Message]| {
        for batch in messages.chunks(BATCH) {
            assert!(verifier.verify_batch(batch.to_vec()).iter().all(Result::is_ok));
        }
    };
    rate(&format!("verify{how} (cold)"), messages.len(), || verify(messages));
    rate(&format!("verify{how}"), ROUNDS * messages.len(), || (0..ROUNDS).for_each(|_| verify(messages)));
    rate(&format!("verify{how}, on {cores} cores"), ROUNDS * messages.len(), || {
        std::thread::scope(|scope| {
            for share in messages.chunks(messages.len().div_ceil(cores)) {
                scope.spawn(move || (0..ROUNDS).for_each(|_| verify(share)));
            }
        });
    });
}

/// The message of a line, without its envelope.
fn value(line: &str) -> &str {
    let within = line.split_once("\"value\":").and_then(|(_, rest)| rest.rsplit_once(",\"timestamp\":"));
    within.map_or(line, |(value, _)| value)
}

/// A first message of one of many authors.
fn message(author: u32, timestamp: f64) -> Message {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&author.to_le_bytes());
    let content = feed::json::Value::object([("type", "post"), ("text", "once")].map(|(k, v)| (k, v.into())));
    sign(&KeyPair::from_seed(&seed), None, None, timestamp, &content).expect("sound").into_message()
}

/// The strict check of the library, as it comes, for comparison: keys and signed texts are at hand.
fn bare(messages: &[Message], cores: usize) {
    let mut keys: BTreeMap<FeedId, VerifyingKey> = BTreeMap::new();
    let prepared: Vec<_> = messages
        .iter()
        .map(|message| {
            let text = message.canonical_text();
            let (unsigned, signature) = text.split_once(",\n  \"signature\": \"").expect("signed");
            let signature: [u8; 64] =
                base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &signature[..88])
                    .expect("base64")
                    .try_into()
                    .expect("64 bytes");
            let author = message.author();
            let key = keys.entry(author).or_insert_with(|| VerifyingKey::from_bytes(author.key()).expect("a key"));
            (*key, Signature::from_bytes(&signature), format!("{unsigned}\n}}"))
        })
        .collect();
    let check = |prepared: &[(VerifyingKey, Signature, String)]| {
        for (key, signature, text) in prepared {
            key.verify_strict(text.as_bytes(), signature).expect("good");
        }
    };
    rate("ed25519-dalek verify_strict", prepared.len(), || check(&prepared));
    rate(&format!("ed25519-dalek verify_strict on {cores} cores"), prepared.len(), || {
        std::thread::scope(|scope| {
            for share in prepared.chunks(prepared.len().div_ceil(cores)) {
                scope.spawn(move || check(share));
            }
        });
    });
}

fn rate<T>(what: &str, count: usize, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {:.0} per second, {:.2} µs each", count as f64 / seconds, seconds * 1e6 / count as f64);
    result
}
