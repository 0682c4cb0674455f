//! Version 1 of the link protocol, byte for byte: a change here is a new version.

use feed::{FeedId, Message};
use node::{
    NetworkId,
    wire::{
        Hello, LevelBody, MessagesWriter, ReceivedIds, SentIds, coding, read_messages, write_about, write_level,
        write_notes,
    },
};
use replication::ebt::Note;

use crate::world::{Disk, keys, post};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_hello_of_version_1() {
    let hello = Hello {
        version: 1,
        features: 0,
        frame_limit: 1 << 20,
        network: NetworkId::of(None),
        generation: 0x0102030405060708,
        run: 9,
        told: [0xaa; 32],
        held: [0xbb; 32],
    };
    let expected = format!(
        "0101000000000000001000{}080706050403020109000000{}{}",
        PUBLIC_NETWORK,
        "aa".repeat(32),
        "bb".repeat(32)
    );
    assert_eq!(hex(&hello.encode()), expected);
    assert_eq!(node::wire::HELLO_LENGTH, 103);
}

/// The first 16 bytes of SHA-256 over `periwinkle network 1` and a zero byte.
const PUBLIC_NETWORK: &str = "a80acff1e12afcd7988d199c1c7785cf";

#[test]
fn notes_and_levels_of_version_1() {
    let (one, two) = (FeedId::classic([0x11; 32]), FeedId::classic([0x22; 32]));
    let mut ids = SentIds::default();
    let notes = write_notes(&[(one, Note::eager(5)), (two, Note::Ignore), (one, Note::lazy(300))], &mut ids).unwrap();
    assert_eq!(hex(&notes), format!("020000{}0b0000{}0001da04", "11".repeat(32), "22".repeat(32)));
    let level = write_level(&LevelBody { through: 7, except: vec![two] }, &mut ids).unwrap();
    assert_eq!(hex(&level), "040702");
    assert_eq!(hex(&write_about(b"{}")), "057b7d");
}

#[test]
fn messages_of_version_1() {
    let mut disk = Disk::default();
    let messages: Vec<Message> = ["one", "two"].map(|text| disk.write(&keys(7), 1_600_000_000_000, &post(text))).into();
    let mut writer = MessagesWriter::default();
    let mut ids = SentIds::default();
    for message in &messages {
        writer.push(message, &mut ids).unwrap();
    }
    let frame = writer.finish();
    let signature = |message: &Message| {
        let text = String::from_utf8_lossy(message.encoded()).into_owned();
        let start = text.find("\"signature\":\"").expect("signed") + 13;
        base64(&text[start..start + 88])
    };
    let part = |message: &Message, text: &str| {
        // The byte 4 stands for everything before the text.
        let content = format!("\u{4}{text}\"}}");
        // Length, flags, the timestamp as a varint, the signature, the content.
        let length = 1 + 6 + 64 + content.len();
        format!("{length:02x}008080babbc82e{}{}", signature(message), hex(content.as_bytes()))
    };
    let key = hex(keys(7).feed_id().key());
    assert_eq!(hex(&frame), format!("030000{key}01{}{}00", part(&messages[0], "one"), part(&messages[1], "two")));
}

fn base64(text: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0u32;
    let mut bytes = Vec::new();
    for (index, value) in text.trim_end_matches('=').chars().filter_map(|letter| ALPHABET.find(letter)).enumerate() {
        bits = (bits << 6 | value as u32) & 0xfff;
        if index % 4 != 0 {
            bytes.push((bits >> (6 - 2 * (index % 4))) as u8);
        }
    }
    hex(&bytes)
}

/// The public sample, over a link in its own order per feed.
#[test]
fn a_real_mixture_takes_less_than_half_of_its_json() {
    let sample = include_str!("../../../../../tests/data/sample-2000.ndjson");
    let mut messages: Vec<Message> = sample
        .lines()
        .filter_map(|line| {
            let line = feed::json::Value::parse(line.as_bytes()).ok()?;
            Message::from_json(line.get("value")?.to_compact().as_bytes()).ok()
        })
        .collect();
    assert_eq!(messages.len(), 2_000);
    messages.sort_by_key(|message| (message.author(), message.sequence()));
    let json: usize = messages.iter().map(|message| message.encoded().len()).sum();
    let mut ids = SentIds::default();
    let mut writer = MessagesWriter::default();
    for message in &messages {
        writer.push(message, &mut ids).unwrap();
    }
    let frame = writer.finish();
    println!("{} bytes of JSON, {} on the wire", json, frame.len());
    assert!(frame.len() * 2 < json, "{} of {json} bytes", frame.len());

    let runs = read_messages(&frame[1..], &mut ReceivedIds::default()).unwrap();
    let mut read = Vec::new();
    for run in runs {
        let mut before = None;
        for (sequence, coded) in (run.first..).zip(run.messages) {
            let message = Message::decode(&coding::decode(coded, run.feed, sequence, before).unwrap()).unwrap();
            before = Some(message.id());
            read.push(message);
        }
    }
    assert_eq!(read, messages);
}
