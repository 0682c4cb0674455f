//! Messages on a link: the exact signed bytes, without what the receiver knows or can compute.
//!
//! A classic message is mostly frame: fixed keys, the author, the sequence, the id of the message before, and binary values
//! written as base64. Coded, the known parts are left out, the binary ones are binary, and common phrases of contents are
//! one byte each. Decoding gives back the exact bytes; a message that does not fit the pattern travels as it is.

use base64::{Engine, engine::general_purpose::STANDARD};
use feed::{FeedId, Message, MessageId};

use super::{WireError, varint};
use crate::limits;

/// `author` stands before `sequence`; otherwise after it.
const AUTHOR_FIRST: u8 = 1;
/// The 32 bytes of `previous` follow; otherwise it is the id of the message before in the run, or null for sequence 1.
const PREVIOUS_GIVEN: u8 = 2;
/// The timestamp follows as a length and text; otherwise as a varint.
const TIMESTAMP_TEXT: u8 = 4;
/// The content is a sealed text that ends in `.box`, and follows without that in binary.
const BOX: u8 = 8;
/// The content is a sealed text that ends in `.box2`, and follows without that in binary.
const BOX2: u8 = 16;
/// The exact bytes follow, nothing is left out.
const PLAIN: u8 = 0x80;

/// In the content: 32 bytes of a feed id, message id or blob id follow. JSON text holds no bytes below 32 itself.
const IDS: [(u8, u8, &[u8]); 3] = [(1, b'@', b".ed25519"), (2, b'%', b".sha256"), (3, b'&', b".sha256")];
/// In the content: the byte 4 stands for the first of these, 5 for the next, and so on. What contents in practice are made
/// of.
const PHRASES: [&[u8]; 28] = [
    b"{\"type\":\"post\",\"text\":\"",
    b"{\"type\":\"vote\",\"vote\":{\"link\":\"",
    b"\",\"value\":1,\"expression\":\"",
    b"\"}}",
    b"{\"type\":\"contact\",\"contact\":\"",
    b"\",\"following\":true",
    b"\",\"following\":false",
    b"\",\"blocking\":true",
    b",\"blocking\":false",
    b"{\"type\":\"about\",\"about\":\"",
    b"\",\"name\":\"",
    b"\",\"description\":\"",
    b"\",\"image\":{\"link\":\"",
    b"\",\"root\":\"",
    b"\",\"branch\":\"",
    b"\",\"branch\":[\"",
    b"\",\"mentions\":[{\"link\":\"",
    b"\"},{\"link\":\"",
    b"\",\"channel\":\"",
    b"{\"type\":\"channel\",\"channel\":\"",
    b"\",\"subscribed\":true}",
    b",\"type\":\"image/jpeg\"",
    b",\"width\":",
    b",\"height\":",
    b",\"size\":",
    b"\"]",
    b"\",\"contentWarning\":\"",
    b"\",\"recps\":[\"",
];
/// The byte that stands for the first phrase.
const FIRST_PHRASE: u8 = 4;
/// Bytes from here on stand for themselves.
const FIRST_PLAIN: u8 = 32;
/// Characters of the base64 of 32 bytes.
const KEY_CHARACTERS: usize = 44;
/// Characters of the base64 of 64 bytes.
const SIGNATURE_CHARACTERS: usize = 88;

const BEFORE_CONTENT: &[u8] = b",\"hash\":\"sha256\",\"content\":";
const BEFORE_SIGNATURE: &[u8] = b",\"signature\":\"";
const AFTER_SIGNATURE: &[u8] = b".sig.ed25519\"}";

/// Codes a message; `before` is the id of the message before it in the run.
pub fn code(message: &Message, before: Option<MessageId>) -> Vec<u8> {
    let coded = try_code(message, before);
    let exact = |coded: &Vec<u8>| {
        decode(coded, message.author(), message.sequence(), before).is_ok_and(|bytes| bytes == message.encoded())
    };
    coded.filter(exact).unwrap_or_else(|| plain(message.encoded()))
}

/// Codes bytes as they are.
pub fn plain(encoded: &[u8]) -> Vec<u8> {
    [&[PLAIN], encoded].concat()
}

/// Gives back the exact bytes of a coded message at its place in a run.
///
/// # Errors
/// For whatever [`code`] would not write.
pub fn decode(coded: &[u8], feed: FeedId, sequence: u64, before: Option<MessageId>) -> Result<Vec<u8>, WireError> {
    let (&flags, mut rest) = coded.split_first().ok_or(WireError::Truncated)?;
    if flags == PLAIN {
        return Ok(rest.to_vec());
    }
    if flags & !(AUTHOR_FIRST | PREVIOUS_GIVEN | TIMESTAMP_TEXT | BOX | BOX2) != 0 {
        return Err(WireError::Coding);
    }
    let rest = &mut rest;
    let previous = if flags & PREVIOUS_GIVEN != 0 {
        Some(MessageId::classic(take(rest)?))
    } else if sequence == 1 {
        None
    } else {
        Some(before.ok_or(WireError::Coding)?)
    };
    let mut out = opening(feed, sequence, previous, flags & AUTHOR_FIRST != 0);
    if flags & TIMESTAMP_TEXT != 0 {
        let length = usize::try_from(varint::read(rest)?).map_err(|_| WireError::Number)?;
        let (text, after) = rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        out.extend_from_slice(text);
        *rest = after;
    } else {
        out.extend_from_slice(varint::read(rest)?.to_string().as_bytes());
    }
    let signature: [u8; 64] = take(rest)?;
    out.extend_from_slice(BEFORE_CONTENT);
    match flags & (BOX | BOX2) {
        0 => expand(rest, &mut out)?,
        BOX => out.extend_from_slice(format!("\"{}.box\"", STANDARD.encode(rest)).as_bytes()),
        BOX2 => out.extend_from_slice(format!("\"{}.box2\"", STANDARD.encode(rest)).as_bytes()),
        _ => return Err(WireError::Coding),
    }
    out.extend_from_slice(BEFORE_SIGNATURE);
    out.extend_from_slice(STANDARD.encode(signature).as_bytes());
    out.extend_from_slice(AFTER_SIGNATURE);
    Ok(out)
}

fn try_code(message: &Message, before: Option<MessageId>) -> Option<Vec<u8>> {
    let (feed, sequence, previous) = (message.author(), message.sequence(), message.previous());
    let encoded = message.encoded();
    let (mut flags, rest) = [(0, false), (AUTHOR_FIRST, true)].into_iter().find_map(|(flag, author_first)| {
        Some((flag, encoded.strip_prefix(opening(feed, sequence, previous, author_first).as_slice())?))
    })?;
    let timestamp = rest.get(..rest.iter().position(|byte| *byte == b',')?)?;
    let rest = rest.get(timestamp.len()..)?.strip_prefix(BEFORE_CONTENT)?;
    let rest = rest.strip_suffix(AFTER_SIGNATURE)?;
    let (rest, signature) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE_CHARACTERS)?)?;
    let content = rest.strip_suffix(BEFORE_SIGNATURE)?;

    let given = previous.filter(|previous| Some(*previous) != before);
    let number = std::str::from_utf8(timestamp).ok()?.parse::<u64>().ok();
    let number = number.filter(|number| number.to_string().as_bytes() == timestamp);
    flags |= if given.is_some() { PREVIOUS_GIVEN } else { 0 };
    flags |= if number.is_none() { TIMESTAMP_TEXT } else { 0 };

    let sealed = read_sealed(content);
    flags |= sealed.as_ref().map_or(0, |(flag, _)| *flag);

    let mut out = Vec::with_capacity(encoded.len());
    out.push(flags);
    if let Some(previous) = given {
        out.extend_from_slice(previous.hash());
    }
    match number {
        Some(number) => varint::write(&mut out, number),
        None => {
            varint::write(&mut out, timestamp.len() as u64);
            out.extend_from_slice(timestamp);
        }
    }
    let signature = STANDARD.decode(signature).ok().filter(|bytes| bytes.len() == 64)?;
    out.extend_from_slice(&signature);
    match sealed {
        Some((_, bytes)) => out.extend_from_slice(&bytes),
        None => shorten(content, &mut out),
    }
    Some(out)
}

/// Everything before the timestamp.
fn opening(feed: FeedId, sequence: u64, previous: Option<MessageId>, author_first: bool) -> Vec<u8> {
    let previous = previous.map_or_else(|| "null".to_owned(), |id| format!("\"{id}\""));
    let text = if author_first {
        format!("{{\"previous\":{previous},\"author\":\"{feed}\",\"sequence\":{sequence},\"timestamp\":")
    } else {
        format!("{{\"previous\":{previous},\"sequence\":{sequence},\"author\":\"{feed}\",\"timestamp\":")
    };
    text.into_bytes()
}

/// The flag and the bytes of a sealed content.
fn read_sealed(content: &[u8]) -> Option<(u8, Vec<u8>)> {
    let text = content.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let (flag, base64) = match text.strip_suffix(b".box") {
        Some(base64) => (BOX, base64),
        None => (BOX2, text.strip_suffix(b".box2")?),
    };
    Some((flag, STANDARD.decode(base64).ok()?))
}

/// Writes a content with its ids in binary and its phrases as one byte each.
fn shorten(mut content: &[u8], out: &mut Vec<u8>) {
    while let Some((&first, rest)) = content.split_first() {
        if let Some((marker, key, after)) = read_id(content) {
            out.push(marker);
            out.extend_from_slice(&key);
            content = after;
        } else if let Some((marker, after)) = read_phrase(content) {
            out.push(marker);
            content = after;
        } else {
            out.push(first);
            content = rest;
        }
    }
}

/// The longest phrase that a text begins with.
fn read_phrase(text: &[u8]) -> Option<(u8, &[u8])> {
    if !matches!(text.first(), Some(b'"' | b'{' | b',')) {
        return None;
    }
    let fitting = (FIRST_PHRASE..).zip(PHRASES).filter(|(_, phrase)| text.starts_with(phrase));
    let (marker, phrase) = fitting.max_by_key(|(_, phrase)| phrase.len())?;
    Some((marker, &text[phrase.len()..]))
}

fn read_id(text: &[u8]) -> Option<(u8, [u8; 32], &[u8])> {
    let (sigil, rest) = text.split_first()?;
    let (marker, _, suffix) = IDS.into_iter().find(|(_, other, _)| other == sigil)?;
    let (base64, rest) = rest.split_at_checked(KEY_CHARACTERS)?;
    let after = rest.strip_prefix(suffix)?;
    // Refuses padding and trailing bits that are not canonical, so that encoding gives the same characters.
    let key = STANDARD.decode(base64).ok()?.try_into().ok()?;
    Some((marker, key, after))
}

/// Writes a content as text again, not beyond the length that any message has.
fn expand(mut coded: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    while let Some(at) = coded.iter().position(|byte| *byte < FIRST_PLAIN) {
        let (plain, mut rest) = coded.split_at(at);
        out.extend_from_slice(plain);
        let [marker] = take(&mut rest)?;
        if let Some((_, sigil, suffix)) = IDS.into_iter().find(|(other, ..)| *other == marker) {
            let key: [u8; 32] = take(&mut rest)?;
            out.push(sigil);
            out.extend_from_slice(STANDARD.encode(key).as_bytes());
            out.extend_from_slice(suffix);
        } else {
            let index = marker.checked_sub(FIRST_PHRASE).ok_or(WireError::Coding)?;
            out.extend_from_slice(PHRASES.get(usize::from(index)).ok_or(WireError::Coding)?);
        }
        if out.len() > limits::MESSAGE {
            return Err(WireError::MessageLength);
        }
        coded = rest;
    }
    out.extend_from_slice(coded);
    Ok(())
}

fn take<const LENGTH: usize>(bytes: &mut &[u8]) -> Result<[u8; LENGTH], WireError> {
    let (first, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(WireError::Truncated)?;
    *bytes = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use feed::{KeyPair, json::Value};
    use proptest::prelude::*;

    use super::*;

    fn signed(seed: u8, head: Option<feed::Head>, timestamp: f64, text: &str) -> Message {
        let content = Value::object([("type", "post".into()), ("text", text.into())]);
        let keys = KeyPair::from_seed(&[seed; 32]);
        feed::sign(&keys, None, head.as_ref(), timestamp, &content).expect("valid").into_message()
    }

    fn assert_exact(message: &Message, before: Option<MessageId>) -> usize {
        let coded = code(message, before);
        let bytes = decode(&coded, message.author(), message.sequence(), before).expect("decodes");
        assert_eq!(bytes, message.encoded());
        coded.len()
    }

    #[test]
    fn a_message_loses_what_the_receiver_knows_and_comes_back_exactly() {
        let first = signed(1, None, 1.6e12, "hello");
        let second = signed(1, Some(first.head()), 1.6e12, "hello");
        assert!(assert_exact(&first, None) < first.encoded().len() - 180);
        assert!(assert_exact(&second, Some(first.id())) < second.encoded().len() - 230);
        assert_eq!(assert_exact(&second, None), assert_exact(&second, Some(first.id())) + 32);
    }

    #[test]
    fn ids_in_the_content_travel_as_32_bytes() {
        let id = KeyPair::from_seed(&[9; 32]).feed_id();
        let short = assert_exact(&signed(1, None, 1.0, &format!("to {id}!")), None);
        let same = assert_exact(&signed(1, None, 1.0, "to !"), None);
        assert_eq!(short, same + 33);
        for text in ["@", "%%&", &format!("{id}")[..50], &format!("{id}").replace(".ed25519", ".sha256")] {
            assert_exact(&signed(1, None, 1.0, text), None);
        }
    }

    #[test]
    fn sealed_contents_travel_in_binary() {
        let keys = KeyPair::from_seed(&[1; 32]);
        for (text, saved) in [("A".repeat(400) + ".box", 100), ("A".repeat(400) + ".box2", 100)] {
            let content = Value::from(text.as_str());
            let message = feed::sign(&keys, None, None, 1e12, &content).expect("valid").into_message();
            assert!(assert_exact(&message, None) < message.encoded().len() - 180 - saved);
        }
    }

    #[test]
    fn phrases_are_told_apart_and_every_one_comes_back() {
        for phrase in PHRASES {
            let mut coded = Vec::new();
            shorten(phrase, &mut coded);
            assert_eq!(coded.len(), 1, "{}", String::from_utf8_lossy(phrase));
            let mut text = Vec::new();
            expand(&coded, &mut text).expect("expands");
            assert_eq!(text, phrase);
        }
        assert_eq!(usize::from(FIRST_PHRASE) + PHRASES.len(), usize::from(FIRST_PLAIN));
        assert!(expand(&[0], &mut Vec::new()).is_err());
    }

    #[test]
    fn times_that_are_no_whole_numbers_stay_what_they_are() {
        for time in [0.0, -5.0, 1.5, 1e300, 9_007_199_254_740_993.0, -0.0] {
            assert_exact(&signed(1, None, time, "when"), None);
        }
    }

    #[test]
    fn an_older_order_of_the_fields_is_kept() {
        let message = signed(1, None, 1.6e12, "old");
        let text = String::from_utf8_lossy(message.encoded()).into_owned();
        let author = format!("\"author\":\"{}\"", message.author());
        let swapped = text.replace(&format!("\"sequence\":1,{author}"), &format!("{author},\"sequence\":1"));
        let swapped = Message::decode(swapped.as_bytes()).expect("both orders are in the wild");
        assert!(assert_exact(&swapped, None) < swapped.encoded().len() - 180);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_exactly(text in "\\PC{0,200}", time in -1e15f64..1e15, seed in 0u8..4) {
            let first = signed(seed, None, time, &text);
            assert_exact(&first, None);
            assert_exact(&signed(seed, Some(first.head()), time, &text), Some(first.id()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), sequence: u64) {
            let feed = FeedId::classic([1; 32]);
            let _ = decode(&bytes, feed, sequence, Some(MessageId::classic([2; 32])));
        }

        #[test]
        fn many_markers_do_not_make_a_small_frame_large(count in 0usize..740) {
            let coded = [&[0u8, 1][..], &[7; 64], &[1u8; 33].repeat(count)].concat();
            if let Ok(bytes) = decode(&coded, FeedId::classic([1; 32]), 1, None) {
                prop_assert!(bytes.len() <= limits::MESSAGE + 256);
            }
        }
    }
}
