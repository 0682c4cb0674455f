//! What the libraries of classic apps wrote (`tests/data/classic`), read back.

use std::path::PathBuf;

use classic::{Form, Found, LogReader, RecordError, Survey};
use feed::{FeedId, KeyPair, Message};

fn data(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/data"));
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(form: Form, log: &[u8]) -> Vec<Found> {
    let mut reader = LogReader::new(form);
    let mut found = Vec::new();
    for piece in log.chunks(10_000) {
        reader.push(piece);
        found.extend(std::iter::from_fn(|| reader.poll()));
    }
    reader.end();
    found.extend(std::iter::from_fn(|| reader.poll()));
    found
}

fn decoded(found: &[Found]) -> Vec<Result<Message, RecordError>> {
    let message = |found: &Found| match found {
        Found::Record(record) => Some(record.message()),
        _ => None,
    };
    found.iter().filter_map(message).collect()
}

/// The exact bytes of the messages in lines of envelopes.
fn values(lines: &[u8]) -> Vec<String> {
    let lines = String::from_utf8(lines.to_vec()).expect("UTF-8");
    let value = |line: &str| {
        let (_, rest) = line.split_once("\"value\":").expect("a value");
        rest.rsplit_once(",\"timestamp\":").expect("a timestamp").0.to_owned()
    };
    lines.lines().map(value).collect()
}

fn owner() -> FeedId {
    let secret = String::from_utf8(data("classic/db2/secret")).expect("UTF-8");
    KeyPair::from_secret_text(&secret).expect("a key").feed_id()
}

#[test]
fn the_logs_of_both_apps_give_the_messages_that_went_in_without_the_deleted_one() {
    let sample = values(&data("sample-2000.ndjson"));
    for (form, name) in [(Form::Blocks, "classic/db2/db2/log.bipf"), (Form::Frames, "classic/flume/flume/log.offset")] {
        let found = read(form, &data(name));
        assert_eq!(found.iter().filter(|found| **found == Found::Deleted).count(), 1, "{name}");
        assert!(!found.iter().any(|found| matches!(found, Found::Damaged { .. })), "{name}");
        let messages: Vec<Message> = decoded(&found).into_iter().collect::<Result<_, _>>().expect("messages");
        assert_eq!(messages.len(), 234, "{name}");
        let mut expected: Vec<&String> = sample[..235].iter().collect();
        for message in &messages {
            let at = expected.iter().position(|value| value.as_bytes() == message.encoded());
            expected.remove(at.expect("a message of the sample, byte for byte"));
        }
        assert_eq!(expected.len(), 1, "the deleted one");
    }
}

#[test]
fn pointers_of_every_width_are_understood() {
    let sample = values(&data("sample-2000.ndjson"));
    for name in ["48", "53", "legacy"] {
        let found = read(Form::Frames, &data(&format!("classic/widths/{name}.offset")));
        let messages = decoded(&found);
        assert_eq!(messages.len(), 5, "{name}");
        for (message, expected) in messages.iter().zip(&sample) {
            assert_eq!(message.as_ref().expect("a message").encoded(), expected.as_bytes());
        }
    }
}

#[test]
fn rare_numbers_keys_and_texts_come_back_as_they_were_signed() {
    let expected = values(&data("classic/odd/odd.ndjson"));
    for (form, name) in [(Form::Blocks, "log.bipf"), (Form::Frames, "log.offset"), (Form::Lines, "odd.ndjson")] {
        let found = read(form, &data(&format!("classic/odd/{name}")));
        let messages = decoded(&found);
        assert_eq!(messages.len(), expected.len(), "{name}");
        for (message, expected) in messages.into_iter().zip(&expected) {
            // The key beside it was held against the id.
            let message = message.unwrap_or_else(|error| panic!("{name}: {error}: {expected}"));
            feed::Verifier::new(None).verify(message.clone()).expect("its signature holds");
            assert_eq!(String::from_utf8_lossy(message.encoded()), *expected, "{name}");
        }
    }
}

#[test]
fn a_message_that_the_app_could_not_store_whole_is_refused() {
    let found = read(Form::Blocks, &data("classic/broken.bipf"));
    assert_eq!(decoded(&found), [Err(RecordError::WrongKey)]);
}

#[test]
fn a_survey_counts_and_finds_the_newest_message_of_the_person() {
    let mut survey = Survey::new(Some(owner()));
    for (form, name) in [(Form::Blocks, "classic/db2/db2/log.bipf"), (Form::Frames, "classic/flume/flume/log.offset")] {
        read(form, &data(name)).into_iter().for_each(|found| survey.add(found));
        survey.end_of_log();
    }
    assert_eq!((survey.messages, survey.deleted, survey.feeds()), (468, 2, 10));
    assert_eq!((survey.unreadable, survey.other_formats, survey.damaged_places), (0, 0, 0));
    assert!(!survey.own_may_be_missing);
    let own = survey.own(None).expect("a person");
    let newest = own.newest.expect("a newest message");
    assert_eq!(own.messages, 2 * newest.sequence());
    assert_eq!((newest.author(), Some(newest.sequence())), (owner(), own.claimed));
}

#[test]
fn a_survey_tells_when_the_end_of_the_persons_feed_may_be_missing() {
    let log = data("classic/db2/db2/log.bipf");
    let survey = |log: &[u8]| {
        let mut survey = Survey::new(Some(owner()));
        read(Form::Blocks, log).into_iter().for_each(|found| survey.add(found));
        survey.end_of_log();
        survey
    };
    // Far before their newest message: it shows that nothing behind it is missing.
    let mut damaged = log.clone();
    damaged[..10].fill(0xff);
    assert!(survey(&damaged).damaged_places > 0);
    assert!(!survey(&damaged).own_may_be_missing);
    // Behind it, or in it, or the rest of the log gone.
    assert!(survey(&log[..log.len() - 100]).own_may_be_missing);
    assert!(survey(&log[..50_000]).own_may_be_missing);
}

#[test]
fn messages_that_an_app_opened_are_sealed_again() {
    let sealed = values(&data("sample-2000.ndjson")).into_iter().find(|value| value.contains(".box\",\"signature\""));
    let sealed = sealed.expect("a private message");
    let (head, rest) = sealed.split_once("\"content\":").expect("a content");
    let (content, tail) = rest.split_once(",\"signature\"").expect("a signature");
    let id = Message::decode(sealed.as_bytes()).expect("a message").id();
    let opened = "{\"type\":\"post\",\"text\":\"for you\",\"recps\":[]}";
    for line in [
        format!(
            "{{\"key\":\"{id}\",\"value\":{head}\"content\":{opened},\"signature\"{}",
            tail.strip_suffix('}').expect("an object")
        ) + &format!(",\"cyphertext\":{content},\"private\":true,\"unbox\":\"key\"}},\"timestamp\":1}}"),
        format!("{{\"key\":\"{id}\",\"value\":{head}\"content\":{opened},\"signature\"{tail},")
            + &format!("\"timestamp\":1,\"meta\":{{\"private\":true,\"originalContent\":{content}}}}}"),
    ] {
        let messages = decoded(&read(Form::Lines, line.as_bytes()));
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].as_ref().expect("a message").encoded(), sealed.as_bytes(), "{line}");
    }
}
