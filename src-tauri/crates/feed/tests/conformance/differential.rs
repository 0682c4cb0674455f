//! Thousands of random and mutated messages, judged by this crate and by the JavaScript validators in use.
//!
//! The rule: what `ssb-classic` takes we take, with the same id, and what it refuses we refuse; what we write, both
//! validators take. What `ssb-classic` takes and we leave out on purpose, [`left_out`] lists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use feed::json::Value;
use feed::{FeedId, Head, KeyPair, MAX_SEQUENCE, MessageId, NetworkKey, private_box, sign};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::json;

use super::crafted;
use super::data::judge;
use super::javascript::ask;
use super::random::Random;

const MESSAGES: usize = 4000;
const TEXTS: usize = 3000;

/// A message with the feed's state that it is judged against.
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) head: Option<Head>,
    pub(crate) network: Option<NetworkKey>,
}

impl Case {
    fn question(&self) -> serde_json::Value {
        json!({
            "text": self.text,
            "state": self.head.map(|head| json!({ "id": head.id, "sequence": head.sequence })),
            "hmacKey": self.network.as_ref().map(NetworkKey::to_text),
        })
    }
}

/// What `ssb-classic` takes and no client can send, or no client writes: a timestamp beyond the range of doubles (it
/// becomes `null` on the way), a sequence that no longer counts, a string content whose base64 is not canonical
/// (`ssb-validate` refuses it, and so does the public dataset), and a signature of 65 or 66 bytes, whose last ones nobody
/// signed (`sodium-native` ignores them; its JavaScript stand-ins refuse).
fn left_out(text: &str) -> bool {
    let Ok(value) = Value::parse(text.as_bytes()) else {
        return false;
    };
    let number = |key| value.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let loosely_sealed = value.get("content").and_then(Value::as_str).is_some_and(|text| {
        let body = text.strip_suffix(".box").or_else(|| text.strip_suffix(".box2"));
        body.is_some_and(|body| STANDARD.decode(body).is_err())
    });
    let long_signature = value.get("signature").and_then(Value::as_str).is_some_and(|text| {
        let body = text.strip_suffix(".sig.ed25519").and_then(|body| STANDARD.decode(body).ok());
        body.is_some_and(|bytes| matches!(bytes.len(), 65 | 66))
    });
    !number("timestamp").is_finite() || long_signature || number("sequence") > MAX_SEQUENCE as f64 || loosely_sealed
}

/// Judges every case on both sides; how many were valid.
pub(crate) fn compare(cases: &[Case]) -> usize {
    let questions: Vec<_> = cases.iter().map(Case::question).collect();
    let mut valid = 0;
    for (case, answer) in cases.iter().zip(ask(&questions)) {
        let ours = judge(case.text.as_bytes(), case.head.as_ref(), case.network.as_ref());
        let theirs = answer["classic"].is_null();
        let what = format!("{}\nhead {:?}\nours {ours:?}\ntheirs {answer}", case.text, case.head);
        if left_out(&case.text) {
            assert!(ours.is_err(), "{what}");
        } else {
            assert_eq!(ours.is_ok(), theirs, "{what}");
        }
        if let Ok(id) = ours {
            valid += 1;
            assert_eq!(answer["id"].as_str(), Some(id.to_string().as_str()), "{what}");
        }
    }
    valid
}

/// The seven fields of a message as JSON texts, in order.
type Fields = Vec<(String, String)>;

fn object(fields: &Fields) -> String {
    let entries: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", entries.join(","))
}

/// Signs whatever the fields are, as `ssb-keys` would.
fn signed(fields: &Fields, seed: &[u8; 32], network: Option<&NetworkKey>) -> Option<String> {
    let canonical = Value::parse(object(fields).as_bytes()).ok()?.to_canonical();
    let signature = crafted::sign_text(seed, network, canonical.as_bytes());
    let mut fields = fields.clone();
    fields.push(("signature".into(), format!("\"{signature}\"")));
    Some(object(&fields))
}

fn honest(random: &mut Random, author: FeedId, head: Option<&Head>) -> Fields {
    let previous = head.map_or("null".into(), |head| format!("\"{}\"", head.id));
    let sequence = head.map_or(1, |head| head.sequence + 1);
    let mut fields: Fields = vec![
        ("previous".into(), previous),
        ("sequence".into(), sequence.to_string()),
        ("author".into(), format!("\"{author}\"")),
        ("timestamp".into(), random.number()),
        ("hash".into(), "\"sha256\"".into()),
        ("content".into(), random.content()),
    ];
    if random.chance(3) {
        fields.swap(1, 2);
    }
    fields
}

/// Breaks, or only bends, one thing before the message is signed.
fn bend(random: &mut Random, fields: &mut Fields) {
    const VALUES: [&str; 22] = [
        "null",
        "true",
        "0",
        "1",
        "2",
        "3",
        "-1",
        "1.5",
        "1.0",
        "1e0",
        "2e0",
        "2147483648",
        "9007199254740993",
        "\"1\"",
        "\"\"",
        "\"sha256\"",
        "\"sha512\"",
        "[]",
        "{}",
        "\"%AAAA.sha256\"",
        "\"@AAAA.ed25519\"",
        "\"@DlKMmQpX2eSI+9Wda17BYWTYlU3bXjEJjWpHD1aihVh=.ed25519\"",
    ];
    let at = random.below(fields.len());
    let other = random.below(fields.len());
    match random.below(8) {
        0 => fields.swap(at, other),
        1 => drop(fields.remove(at)),
        2 => fields.insert(at, ("extra".into(), "1".into())),
        3 => fields.push((fields[at].0.clone(), fields[other].1.clone())),
        4 => fields[at].0.push('s'),
        5 => {
            let author = fields.iter_mut().find(|(key, _)| key == "author");
            if let Some((_, value)) = author {
                let suffix =
                    *random.pick(&[".sha256", "xed25519", ".ed2551", ".ED25519", ".ed25519 ", "=.ed25519", ""]);
                *value = value.replace(".ed25519", suffix);
            }
        }
        6 => {
            let id = MessageId::classic(random.bytes());
            fields[0].1 = format!("\"{id}\"");
        }
        _ => fields[at].1 = (*random.pick(&VALUES)).into(),
    }
}

/// Changes the finished text by a character or so.
fn scratch(random: &mut Random, text: &str) -> String {
    const CHARACTERS: [char; 18] =
        ['"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\n', '0', '9', 'e', '=', '.', 'A', 'é', '\u{1}'];
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(2) {
        if characters.is_empty() {
            break;
        }
        let at = random.below(characters.len());
        match random.below(4) {
            0 => characters[at] = *random.pick(&CHARACTERS),
            1 => drop(characters.remove(at)),
            2 => characters.insert(at, *random.pick(&CHARACTERS)),
            _ => {
                let other = random.below(characters.len());
                characters.swap(at, other);
            }
        }
    }
    characters.into_iter().collect()
}

#[test]
fn random_and_mutated_messages_are_judged_as_by_the_javascript_validators() {
    let mut random = Random::announced();
    let mut cases = Vec::new();
    while cases.len() < MESSAGES {
        let seed: [u8; 32] = random.bytes();
        let author = KeyPair::from_seed(&seed).feed_id();
        let network = random.chance(4).then(|| NetworkKey::new(random.bytes()));
        let sequence = *random.pick(&[1, 1, 2, 1000, 2_147_483_647]);
        let head = random.chance(2).then(|| Head { id: MessageId::classic(random.bytes()), sequence });
        let mut fields = honest(&mut random, author, head.as_ref());
        if random.chance(3) {
            bend(&mut random, &mut fields);
        }
        let Some(mut text) = signed(&fields, &seed, network.as_ref()) else { continue };
        if random.chance(4) {
            text = scratch(&mut random, &text);
        }
        cases.push(Case { text, head, network });
    }
    let valid = compare(&cases);
    println!("{} messages, {valid} of them valid", cases.len());
    assert!(valid > MESSAGES / 5 && valid < MESSAGES * 4 / 5, "{valid} valid: the mix is not a good one");
}

#[test]
fn what_ssb_classic_takes_and_we_leave_out_is_known() {
    let seed = [7; 32];
    let author = KeyPair::from_seed(&seed).feed_id();
    let fields = |timestamp: &str, content: &str| -> Fields {
        let (author, id) = (format!("\"{author}\""), MessageId::classic([1; 32]));
        [("previous", format!("\"{id}\"").as_str()), ("sequence", "8"), ("author", &author), ("timestamp", timestamp)]
            .into_iter()
            .chain([("hash", "\"sha256\""), ("content", content)])
            .map(|(key, value)| (key.into(), value.into()))
            .collect()
    };
    let head = Some(Head { id: MessageId::classic([1; 32]), sequence: 7 });
    let post = signed(&fields("1", "{\"type\":\"post\"}"), &seed, None).unwrap();
    let texts = [
        signed(&fields("1e400", "{\"type\":\"post\"}"), &seed, None).unwrap(),
        signed(&fields("1", "\"hello.box\""), &seed, None).unwrap(),
        signed(&fields("1", "\"AB==.box2\""), &seed, None).unwrap(),
        post.replace("==.sig.ed25519", "A=.sig.ed25519"),
        post.replace("==.sig.ed25519", "AA.sig.ed25519"),
    ];
    let cases: Vec<Case> = texts.into_iter().map(|text| Case { text, head, network: None }).collect();
    let questions: Vec<_> = cases.iter().map(Case::question).collect();
    for (case, answer) in cases.iter().zip(ask(&questions)) {
        assert!(answer["classic"].is_null(), "{} {answer}", case.text);
        assert!(left_out(&case.text), "{}", case.text);
    }
    assert_eq!(compare(&cases), 0);
}

#[test]
fn what_we_write_both_javascript_validators_take() {
    let mut random = Random::announced();
    let mut cases = Vec::new();
    let mut ids = Vec::new();
    while cases.len() < 500 {
        let keys = KeyPair::from_seed(&random.bytes());
        let network = random.chance(3).then(|| NetworkKey::new(random.bytes()));
        let head = random.chance(2).then(|| Head { id: MessageId::classic(random.bytes()), sequence: 7 });
        let content = random.content();
        let content = Value::parse(content.as_bytes()).unwrap();
        let timestamp: f64 = random.number().parse().unwrap();
        let Ok(written) = sign(&keys, network.as_ref(), head.as_ref(), timestamp, &content) else { continue };
        let text = String::from_utf8(written.encoded().to_vec()).unwrap();
        ids.push(written.id().to_string());
        cases.push(Case { text, head, network });
    }
    let questions: Vec<_> = cases.iter().map(Case::question).collect();
    for (answer, id) in ask(&questions).iter().zip(ids) {
        assert!(answer["classic"].is_null() && answer["validate"].is_null(), "{answer}");
        assert_eq!(answer["id"], *id);
    }
}

#[test]
fn random_texts_are_read_and_printed_as_by_v8() {
    let mut random = Random::announced();
    let texts: Vec<String> = (0..TEXTS)
        .map(|_| {
            let text = random.json(5);
            if random.chance(4) { scratch(&mut random, &text) } else { text }
        })
        .collect();
    let questions: Vec<_> = texts.iter().map(|text| json!({ "json": text })).collect();
    let mut read = 0;
    for (text, answer) in texts.iter().zip(ask(&questions)) {
        let ours = Value::parse(text.as_bytes()).ok();
        read += usize::from(ours.is_some());
        assert_eq!(ours.as_ref().map(Value::to_compact).as_deref(), answer["compact"].as_str(), "{text:?}");
        assert_eq!(ours.as_ref().map(Value::to_canonical).as_deref(), answer["canonical"].as_str(), "{text:?}");
    }
    println!("{TEXTS} texts, {read} of them JSON");
}

#[test]
fn crafted_signatures_are_judged_as_by_libsodium() {
    let cases: Vec<Case> =
        crafted::cases().into_iter().map(|case| Case { text: case.text, head: None, network: None }).collect();
    let valid = compare(&cases);
    assert!(valid > 0 && valid < cases.len());
}

#[test]
fn private_boxes_open_on_either_side() {
    let mut random = Random::announced();
    let people: Vec<KeyPair> = (0..7).map(|_| KeyPair::from_seed(&random.bytes())).collect();
    let content = json!({ "type": "post", "text": "for you ☂" });
    let secret = |keys: &KeyPair| -> serde_json::Value {
        let text = keys.to_secret_text();
        let json: String = text.lines().filter(|line| !line.starts_with('#')).collect();
        serde_json::from_str(&json).unwrap()
    };
    let mut questions = Vec::new();
    for count in 1..=people.len() {
        let ids: Vec<FeedId> = people[..count].iter().map(KeyPair::feed_id).collect();
        let mut rng = ChaCha20Rng::from_seed(random.bytes());
        let sealed = private_box::seal(content.to_string().as_bytes(), &ids, &mut rng).unwrap();
        for keys in &people {
            questions.push(json!({ "open": sealed, "keys": secret(keys) }));
        }
        questions.push(json!({ "seal": content, "recipients": ids }));
    }
    let answers = ask(&questions);
    for (count, answers) in (1..=people.len()).zip(answers.chunks(people.len() + 1)) {
        let (opened, sealed) = answers.split_at(people.len());
        let sealed = sealed[0]["sealed"].as_str().unwrap();
        for (at, keys) in people.iter().enumerate() {
            let expected = if at < count { content.clone() } else { serde_json::Value::Null };
            assert_eq!(opened[at]["plain"], expected);
            let plain = private_box::open(sealed, keys).map(|plain| serde_json::from_slice(&plain).unwrap());
            assert_eq!(plain.unwrap_or(serde_json::Value::Null), expected);
        }
    }
}
