//! Signatures that no honest signer makes: small order, mixed order, not canonical, as in Chalkias, Garillot and
//! Nikolaenko, “Taming the many EdDSAs” (2020). Each is judged by the crate alone and in a batch that is large enough
//! for the author's table, and compared with a plain port of libsodium's check.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signer, SigningKey};
use feed::{FeedId, Message, NetworkKey, SignatureFault, Verifier};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha512};

use super::random::Random;

/// The order of the base point, little-endian (RFC 8032, 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// An honest signature as a message carries it.
pub(crate) fn sign_text(seed: &[u8; 32], network: Option<&NetworkKey>, text: &[u8]) -> String {
    let key = SigningKey::from_bytes(seed);
    let signature = match network {
        None => key.sign(text),
        Some(network) => {
            let mut mac = Hmac::<Sha512>::new_from_slice(network.bytes()).unwrap();
            mac.update(text);
            key.sign(&mac.finalize().into_bytes()[..32])
        }
    };
    format!("{}.sig.ed25519", base64(&signature.to_bytes()))
}

/// A message with a crafted signature.
pub(crate) struct Crafted {
    pub(crate) text: String,
    what: &'static str,
    /// What the check has to say; `None` where the construction leaves it open and only the reference knows.
    expected: Option<Result<(), SignatureFault>>,
    key: [u8; 32],
    signature: [u8; 64],
    unsigned: String,
}

fn unsigned(author: &[u8; 32], timestamp: u32) -> String {
    let author = FeedId::classic(*author);
    format!(
        "{{\n  \"previous\": null,\n  \"sequence\": 1,\n  \"author\": \"{author}\",\n  \"timestamp\": {timestamp},\n  \
         \"hash\": \"sha256\",\n  \"content\": {{\n    \"type\": \"test\"\n  }}\n}}"
    )
}

fn challenge(commitment: &[u8; 32], key: &[u8; 32], text: &str) -> Scalar {
    let digest = Sha512::new().chain_update(commitment).chain_update(key).chain_update(text).finalize();
    Scalar::from_bytes_mod_order_wide(&digest.into())
}

fn crafted(
    what: &'static str,
    expected: Option<Result<(), SignatureFault>>,
    key: [u8; 32],
    timestamp: u32,
    commitment: [u8; 32],
    response: [u8; 32],
) -> Crafted {
    let unsigned = unsigned(&key, timestamp);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&commitment);
    signature[32..].copy_from_slice(&response);
    let mut text = unsigned.strip_suffix("\n}").unwrap().to_owned();
    text.push_str(&format!(",\n  \"signature\": \"{}.sig.ed25519\"\n}}", base64(&signature)));
    Crafted { text, what, expected, key, signature, unsigned }
}

/// `response + times · L`, when it fits.
fn add_order(response: &[u8; 32], times: usize) -> Option<[u8; 32]> {
    let mut sum = *response;
    for _ in 0..times {
        let mut carry = 0_u16;
        for (byte, order) in sum.iter_mut().zip(L) {
            carry += u16::from(*byte) + u16::from(order);
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return None;
        }
    }
    Some(sum)
}

/// y = p + `above` in 255 bits, with a sign bit: the 19 encodings that are not canonical.
fn beyond_p(above: u8, sign: bool) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + above;
    bytes[31] = if sign { 0xff } else { 0x7f };
    bytes
}

pub(crate) fn cases() -> Vec<Crafted> {
    use SignatureFault::{Key, Malformed, Mismatch};
    let mut random = Random::from_seed(0x7a31);
    let mut scalar = || Scalar::from_bytes_mod_order(random.bytes());
    let (a, r) = (scalar(), scalar());
    let commitment = (r * B).compress().to_bytes();
    let mut cases = Vec::new();

    let honest_key = (a * B).compress().to_bytes();
    let k = challenge(&commitment, &honest_key, &unsigned(&honest_key, 1));
    let response = (r + k * a).to_bytes();
    cases.push(crafted("honest", Some(Ok(())), honest_key, 1, commitment, response));
    cases.push(crafted("other text", Some(Err(Mismatch)), honest_key, 2, commitment, response));
    for times in 1..=15 {
        if let Some(response) = add_order(&response, times) {
            cases.push(crafted("S is not below L", Some(Err(Malformed)), honest_key, 1, commitment, response));
        }
    }
    cases.push(crafted("S = L", Some(Err(Malformed)), honest_key, 1, commitment, L));

    // Keys of small order, and those of them that can be written in a second way. S·B = R always; whether k·A vanishes
    // is chance, and must not matter.
    let mut weak: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    for sign in [false, true] {
        weak.extend([beyond_p(0, sign), beyond_p(1, sign)]);
        for y in [1_u8, 0] {
            let mut bytes = [0; 32];
            bytes[0] = y;
            bytes[31] = u8::from(sign) << 7;
            weak.push(bytes);
        }
    }
    for (timestamp, key) in weak.iter().flat_map(|key| (1..=8).map(move |timestamp| (timestamp, *key))) {
        cases.push(crafted("A has small order", Some(Err(Key)), key, timestamp, commitment, r.to_bytes()));
    }

    // Keys that are not canonical, on the curve or not, and canonical ones that are not on it.
    for above in 0..19 {
        for sign in [false, true] {
            let key = beyond_p(above, sign);
            cases.push(crafted("A is not canonical", Some(Err(Key)), key, 1, commitment, r.to_bytes()));
        }
    }
    for y in 2..40 {
        let mut key = [0; 32];
        key[0] = y;
        let on_curve = CompressedEdwardsY(key).decompress().is_some();
        let expected = if on_curve { Err(Mismatch) } else { Err(Key) };
        cases.push(crafted("A is a stranger or no point", Some(expected), key, 1, commitment, r.to_bytes()));
    }

    for (torsion, point) in EIGHT_TORSION.iter().enumerate().skip(1) {
        let mixed = a * B + point;
        let mixed_key = mixed.compress().to_bytes();
        for timestamp in 1..=24 {
            let text = unsigned(&mixed_key, timestamp);
            // A has a torsion component, R has none: good when k·T vanishes, by chance.
            let k = challenge(&commitment, &mixed_key, &text);
            let response = (r + k * a).to_bytes();
            cases.push(crafted("A is of mixed order", None, mixed_key, timestamp, commitment, response));
            // Both have one: good when they cancel. A check with cofactor would take every one of these.
            let both = (r * B + EIGHT_TORSION[timestamp as usize % 8]).compress().to_bytes();
            let k = challenge(&both, &mixed_key, &text);
            let response = (r + k * a).to_bytes();
            cases.push(crafted("A and R are of mixed order", None, mixed_key, timestamp, both, response));
            // R is of small order alone; the equation may hold, the check says no.
            let small = EIGHT_TORSION[timestamp as usize % 8].compress().to_bytes();
            let k = challenge(&small, &mixed_key, &text);
            let response = (k * a).to_bytes();
            cases.push(crafted("R has small order", Some(Err(Malformed)), mixed_key, timestamp, small, response));
        }
        // R has a torsion component, A has none: never good.
        let both = (r * B + point).compress().to_bytes();
        let timestamp = torsion as u32;
        let k = challenge(&both, &honest_key, &unsigned(&honest_key, timestamp));
        let response = (r + k * a).to_bytes();
        cases.push(crafted("R is of mixed order", Some(Err(Mismatch)), honest_key, timestamp, both, response));
    }

    // R that is not canonical: never what R' compresses to.
    for above in 0..19 {
        for sign in [false, true] {
            let written = beyond_p(above, sign);
            let expected = if above < 2 { Err(Malformed) } else { Err(Mismatch) };
            let k = challenge(&written, &honest_key, &unsigned(&honest_key, 1));
            let response = (k * a).to_bytes();
            cases.push(crafted("R is not canonical", Some(expected), honest_key, 1, written, response));
        }
    }
    cases
}

/// libsodium 1.0.18, `crypto_sign_verify_detached`, with the library's plain operations and nothing of ours.
fn libsodium_says(key: &[u8; 32], signature: &[u8; 64], text: &[u8]) -> bool {
    let (commitment, response): ([u8; 32], [u8; 32]) =
        (signature[..32].try_into().unwrap(), signature[32..].try_into().unwrap());
    if !response.iter().rev().lt(L.iter().rev()) {
        return false;
    }
    let small = |bytes: [u8; 32]| {
        CompressedEdwardsY(bytes).decompress().is_some_and(|point| point.mul_by_cofactor() == EdwardsPoint::default())
    };
    let canonical = |mut bytes: [u8; 32]| {
        bytes[31] &= 0x7f;
        bytes.iter().rev().lt(beyond_p(0, false).iter().rev())
    };
    if small(commitment) || !canonical(*key) || small(*key) {
        return false;
    }
    let Some(point) = CompressedEdwardsY(*key).decompress() else { return false };
    let k = challenge(&commitment, key, std::str::from_utf8(text).unwrap());
    let response = Scalar::from_canonical_bytes(response).unwrap();
    (response * B - k * point).compress().to_bytes() == commitment
}

#[test]
fn crafted_signatures_are_judged_exactly_with_and_without_tables() {
    let (mut good_by_chance, mut bad_by_chance) = (0, 0);
    for case in cases() {
        let message = Message::from_json(case.text.as_bytes()).unwrap();
        assert_eq!(message.canonical_text(), case.text);
        let alone = Verifier::new(None).verify(message.clone()).map(drop).map_err(|error| error.fault);
        for make in [Verifier::new, Verifier::without_lanes] {
            let without_table = make(None).verify_batch(vec![message.clone(); 11]);
            let with_table = make(None).verify_batch(vec![message.clone(); 37]);
            for result in without_table.into_iter().chain(with_table) {
                assert_eq!(result.map(drop).map_err(|error| error.fault), alone, "{}", case.what);
            }
        }
        let reference = libsodium_says(&case.key, &case.signature, case.unsigned.as_bytes());
        assert_eq!(alone.is_ok(), reference, "{}", case.what);
        match case.expected {
            Some(expected) => assert_eq!(alone, expected, "{}", case.what),
            None if alone.is_ok() => good_by_chance += 1,
            None => bad_by_chance += 1,
        }
    }
    assert!(good_by_chance > 20 && bad_by_chance > 20, "{good_by_chance} good, {bad_by_chance} bad");
}

#[test]
fn one_bad_signature_costs_only_its_own_message() {
    let mut texts = Vec::new();
    for seed in 0..6_u8 {
        for timestamp in 0..40 {
            let key = SigningKey::from_bytes(&[seed; 32]);
            let unsigned = unsigned(key.verifying_key().as_bytes(), timestamp);
            let signature = sign_text(&[seed; 32], None, unsigned.as_bytes());
            let text = unsigned.strip_suffix("\n}").unwrap().to_owned();
            texts.push(text + &format!(",\n  \"signature\": \"{signature}\"\n}}"));
        }
    }
    for bad in (0..texts.len()).step_by(7) {
        texts[bad] = texts[bad].replace("\"test\"", "\"tost\"");
    }
    let messages: Vec<Message> = texts.iter().map(|text| Message::from_json(text.as_bytes()).unwrap()).collect();
    let verifier = Verifier::new(None);
    for batch in [1, 3, 17, messages.len()] {
        let results: Vec<_> = messages.chunks(batch).flat_map(|chunk| verifier.verify_batch(chunk.to_vec())).collect();
        for (at, (result, message)) in results.iter().zip(&messages).enumerate() {
            match result {
                Ok(verified) => assert!(!at.is_multiple_of(7) && **verified == *message),
                Err(error) => {
                    assert!(at.is_multiple_of(7), "message {at}");
                    assert_eq!((error.author, error.sequence), (message.author(), 1));
                    assert_eq!(error.fault, SignatureFault::Mismatch);
                }
            }
        }
    }
}

#[test]
fn good_and_bad_signatures_are_told_apart_at_every_place_of_batches_of_every_size() {
    let texts: Vec<String> = (0..40_u8)
        .map(|number| {
            // Few authors, so that some have tables; texts of many lengths.
            let seed = [number % 3; 32];
            let mut unsigned = unsigned(SigningKey::from_bytes(&seed).verifying_key().as_bytes(), number.into());
            unsigned = unsigned.replace("test", &"test".repeat(1 + usize::from(number) % 13));
            let signature = sign_text(&seed, None, unsigned.as_bytes());
            unsigned.strip_suffix("\n}").unwrap().to_owned() + &format!(",\n  \"signature\": \"{signature}\"\n}}")
        })
        .collect();
    let good: Vec<Message> = texts.iter().map(|text| Message::from_json(text.as_bytes()).unwrap()).collect();
    let bad: Vec<Message> =
        texts.iter().map(|text| Message::from_json(text.replace("test", "tost").as_bytes()).unwrap()).collect();
    let mut random = Random::from_seed(0x1a9e5);
    for make in [Verifier::new, Verifier::without_lanes] {
        let friends = make(None);
        friends.verify_batch(good.iter().cycle().take(120).cloned().collect());
        for size in 1..=good.len() {
            let choices: [u8; 32] = random.bytes();
            let one_bad = (0..size).map(|place| (0..size).map(|at| at == place).collect());
            let mixed = (0..8).map(|turn| (0..size).map(|at| choices[(at + turn) % 32] & 1 << turn != 0).collect());
            let patterns: Vec<Vec<bool>> = one_bad.chain(mixed).collect();
            for pattern in patterns {
                let batch: Vec<Message> = pattern
                    .iter()
                    .enumerate()
                    .map(|(at, is_bad)| if *is_bad { &bad } else { &good }[at].clone())
                    .collect();
                // One that knows nobody, and one with tables.
                for verifier in [&make(None), &friends] {
                    let results = verifier.verify_batch(batch.clone());
                    let found: Vec<bool> = results.iter().map(Result::is_err).collect();
                    assert_eq!(found, pattern);
                }
            }
        }
    }
}

/// Every kind of good and bad in one batch, in an order by chance: each is judged as it is alone.
#[test]
fn every_crafted_case_is_judged_alike_in_a_mixed_batch() {
    let cases = cases();
    let messages: Vec<Message> = cases.iter().map(|case| Message::from_json(case.text.as_bytes()).unwrap()).collect();
    let fault = |result: Result<feed::Verified, feed::SignatureError>| result.map(drop).map_err(|error| error.fault);
    let alone: Vec<_> = messages.iter().map(|message| fault(Verifier::new(None).verify(message.clone()))).collect();
    let mut random = Random::from_seed(0x5407);
    for make in [Verifier::new, Verifier::without_lanes] {
        for _ in 0..6 {
            // Some twice and some often, so that tables are made meanwhile; more than are worked on together.
            let order: Vec<usize> = (0..2_500)
                .map(|_| {
                    let [a, b]: [u8; 2] = random.bytes();
                    usize::from(u16::from_le_bytes([a, b])) % messages.len()
                })
                .collect();
            let results = make(None).verify_batch(order.iter().map(|at| messages[*at].clone()).collect());
            for (at, result) in order.iter().zip(results) {
                assert_eq!(fault(result), alone[*at], "{}", cases[*at].what);
            }
        }
    }
}

/// In a closed network the signed bytes are a tag, each of its own text, at every place of a batch.
#[test]
fn a_batch_of_a_closed_network_is_judged_message_by_message() {
    let network = || Some(feed::NetworkKey::new([7; 32]));
    let sign_in = |network: Option<&feed::NetworkKey>, seed: u8, number: usize| {
        let keys = feed::KeyPair::from_seed(&[seed; 32]);
        let text = "x".repeat(number * 37 % 900);
        let content =
            feed::json::Value::object([("type", "post"), ("text", text.as_str())].map(|(k, v)| (k, v.into())));
        feed::sign(&keys, network, None, number as f64, &content).unwrap().into_message()
    };
    let ours = network();
    let messages: Vec<Message> = (0..300)
        .map(|number| {
            // Every seventh belongs to the open network.
            let network = if number % 7 == 3 { None } else { ours.as_ref() };
            sign_in(network, (number % 5) as u8, number)
        })
        .collect();
    for make in [Verifier::new, Verifier::without_lanes] {
        for size in [1, 9, 64, 300] {
            let verifier = make(network());
            let results: Vec<_> =
                messages.chunks(size).flat_map(|chunk| verifier.verify_batch(chunk.to_vec())).collect();
            for (number, result) in results.into_iter().enumerate() {
                assert_eq!(result.is_ok(), number % 7 != 3, "{number} in batches of {size}");
            }
        }
    }
}
