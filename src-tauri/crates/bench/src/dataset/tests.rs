use std::collections::{BTreeMap, BTreeSet};

use feed::{Head, MessageId, Verifier, check_next, private_box};
use sha2::{Digest, Sha256};
use social::Kind;

use super::*;

const SMALL: Parameters = Parameters { seed: 7, authors: 12, messages: 3000 };

fn lines(parameters: Parameters, threads: usize) -> (Vec<u8>, Facts) {
    let mut out = Vec::new();
    let facts = parameters.write(&mut out, &mut Vec::new(), threads).expect("memory takes everything");
    (out, facts)
}

fn messages(lines: &[u8]) -> Vec<Message> {
    lines.split_inclusive(|byte| *byte == b'\n').map(|line| decode(line).expect("a message")).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_however_many_sign() {
    let digest = |threads, seed| Sha256::digest(lines(Parameters { seed, messages: 1000, ..SMALL }, threads).0);
    assert_eq!(digest(1, 7), digest(3, 7));
    assert_ne!(digest(1, 7), digest(1, 8));
}

#[test]
fn every_message_is_signed_follows_the_one_before_it_and_answers_what_came_before() {
    let (lines, facts) = lines(SMALL, 2);
    let messages = messages(&lines);
    assert_eq!((messages.len(), facts.messages), (SMALL.messages, SMALL.messages));
    assert_eq!(facts.line_bytes, lines.len() as u64);
    assert_eq!(facts.value_bytes, messages.iter().map(|message| message.encoded().len() as u64).sum::<u64>());
    assert!(Verifier::new(None).verify_batch(messages.clone()).iter().all(Result::is_ok));

    let mut heads: BTreeMap<_, Head> = BTreeMap::new();
    let mut seen: BTreeSet<MessageId> = BTreeSet::new();
    let mut replies = 0;
    for message in &messages {
        let author = message.author();
        check_next(heads.get(&author), message).expect("the next of its feed");
        heads.insert(author, message.head());
        if let Kind::Post(post) = social::read(message).kind {
            let answers = post.answers();
            replies += usize::from(!answers.is_empty());
            assert!(answers.iter().all(|id| seen.contains(id)));
        }
        seen.insert(message.id());
    }
    assert_eq!(heads.len(), SMALL.authors);
    assert!(replies > SMALL.messages / 4, "{replies} replies");
}

#[test]
fn the_mix_of_kinds_is_that_of_a_living_network() {
    let (_, facts) = lines(SMALL, 2);
    let share = |kind: &str| facts.kinds.get(kind).copied().unwrap_or(0) * 100 / SMALL.messages;
    assert!((50..65).contains(&share("post")), "{:?}", facts.kinds);
    assert!((20..30).contains(&share("vote")), "{:?}", facts.kinds);
    assert!((6..14).contains(&share("sealed")), "{:?}", facts.kinds);
    for rare in ["about", "contact", "channel", "blog", "pub"] {
        assert!(facts.kinds.contains_key(rare), "{rare} in {:?}", facts.kinds);
    }
}

#[test]
fn sealed_messages_open_for_their_author() {
    let (lines, _) = lines(SMALL, 2);
    let keys: BTreeMap<_, _> =
        (0..SMALL.authors).map(|author| SMALL.keys(author)).map(|keys| (keys.feed_id(), keys)).collect();
    let mut opened = 0;
    for message in messages(&lines) {
        if let feed::Content::Sealed(text) = message.content() {
            assert!(private_box::open(&text, &keys[&message.author()]).is_some());
            opened += 1;
        }
    }
    assert!(opened > 0);
}

#[test]
fn a_set_is_made_once_and_then_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let parameters = Parameters { messages: 200, ..SMALL };
    let made = Dataset::open_or_make(folder.path(), parameters).expect("made");
    let written = fs::metadata(&made.path).and_then(|file| file.modified()).expect("a time");
    let found = Dataset::open_or_make(folder.path(), parameters).expect("found");
    assert_eq!(fs::metadata(&found.path).and_then(|file| file.modified()).expect("a time"), written);
    assert_eq!(found.facts, made.facts);
    let some = found.messages(&[0, 0, 199]).expect("read");
    assert_eq!(some.len(), 3);
    assert_eq!(some[0].id(), some[1].id());
    let more = found.more().expect("read");
    assert_eq!(more.len(), MORE);
    assert!(more.iter().any(|message| message.sequence() > 1));

    fs::write(&found.path, b"cut off").expect("written");
    let again = Dataset::open_or_make(folder.path(), parameters).expect("made again");
    assert_eq!(fs::metadata(&again.path).expect("a file").len(), made.facts.line_bytes);
}
