//! Measures one core: `cargo run --release -p feed --example verify_rate`.

use std::path::Path;
use std::time::Instant;

use ed25519_dalek::{Signature, VerifyingKey};
use feed::{KeyPair, Message, Verifier, sign};

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/data/sample-2000.ndjson");
    let text = std::fs::read_to_string(path).expect("the sample is part of the repository");
    let values: Vec<&str> = text
        .lines()
        .map(|line| {
            let start = line.find("\"value\":").expect("a value") + 8;
            let end = line.rfind(",\"timestamp\":").expect("a timestamp");
            &line[start..end]
        })
        .collect();
    let rounds = 10;

    let messages = rate("decode", rounds * values.len(), || {
        let mut messages = Vec::new();
        for _ in 0..rounds {
            messages = values.iter().map(|value| Message::decode(value.as_bytes()).expect("valid")).collect();
        }
        messages
    });

    rate("content", messages.len(), || {
        messages.iter().for_each(|message| drop(message.content()));
    });
    let verifier = Verifier::new(None);
    for batch in [32, 512, 2000] {
        rate(&format!("verify, batches of {batch}"), rounds * messages.len(), || {
            for _ in 0..rounds {
                for chunk in messages.chunks(batch) {
                    assert!(verifier.verify_batch(chunk.to_vec()).iter().all(Result::is_ok));
                }
            }
        });
    }

    let strangers: Vec<Message> = (0..2000_u32)
        .map(|at| {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&at.to_le_bytes());
            let content = feed::json::Value::object([("type", "post"), ("text", "once")].map(|(k, v)| (k, v.into())));
            sign(&KeyPair::from_seed(&seed), None, None, 1.0, &content).expect("sound").into_message()
        })
        .collect();
    rate("verify, one message of each author", strangers.len(), || {
        assert!(verifier.verify_batch(strangers.clone()).iter().all(Result::is_ok));
    });

    // The bare check of the library, for comparison.
    let bare: Vec<_> = messages
        .iter()
        .map(|message| {
            let text = message.canonical_text();
            let (unsigned, signature) = text.split_once(",\n  \"signature\": \"").expect("signed");
            let signature = &signature[..88];
            let signature: [u8; 64] = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, signature)
                .expect("base64")
                .try_into()
                .expect("64 bytes");
            let key = VerifyingKey::from_bytes(message.author().key()).expect("a key");
            (key, Signature::from_bytes(&signature), format!("{unsigned}\n}}"))
        })
        .collect();
    rate("ed25519-dalek verify_strict", bare.len(), || {
        for (key, signature, text) in &bare {
            key.verify_strict(text.as_bytes(), signature).expect("good");
        }
    });
}

fn rate<T>(what: &str, count: usize, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {:.0} per second, {:.2} µs each", count as f64 / seconds, seconds * 1e6 / count as f64);
    result
}
