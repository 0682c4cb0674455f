//! From text to [`Message`].

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    Content, DecodeError, Fault, Inner, MAX_ENCODED_BYTES, MAX_SEQUENCE, MAX_UNITS, Message, SIGNATURE_CHARACTERS,
    TYPE_UNITS,
};
use crate::json::{self, Object, Scanner, Text, Value};
use crate::{FeedId, MessageId, base64};

pub(super) fn from_json(text: &[u8]) -> Result<Message, DecodeError> {
    if let Some((message, length)) = decode_front(text)
        && length == text.len()
    {
        return Ok(message);
    }
    let value =
        Value::parse(text).map_err(|error| DecodeError { author: None, sequence: None, fault: error.into() })?;
    build(&value, value.to_compact())
}

pub(super) fn decode(encoded: &[u8]) -> Result<Message, DecodeError> {
    if encoded.len() > MAX_ENCODED_BYTES {
        let fault = Fault::TooLarge(String::from_utf8_lossy(encoded).encode_utf16().count());
        return Err(DecodeError { author: None, sequence: None, fault });
    }
    match decode_front(encoded) {
        Some((message, length)) if length == encoded.len() => Ok(message),
        _ => judge(encoded),
    }
}

/// Reads the message at the front of `text` in one pass, when nothing about it is rare or wrong; `None` settles nothing.
pub(super) fn decode_front(text: &[u8]) -> Option<(Message, usize)> {
    let (fields, layout, length) = scan(text.get(..MAX_ENCODED_BYTES).unwrap_or(text))?;
    let encoded = &text[..length];
    // All that has to be UTF-8 is what was read.
    std::str::from_utf8(encoded).ok()?;
    let id = identify(layout).ok()?;
    Some((fields.into_message(encoded, id), length))
}

/// The fields, layout and length of a message. Its strings may not be UTF-8.
fn scan(text: &[u8]) -> Option<(Fields, Vec<u8>, usize)> {
    let mut scanner = Scanner::new(text);
    scanner.open(b'{')?;
    scanner.eat(b"\"previous\"")?;
    scanner.colon()?;
    let previous = match scanner.eat(b"null") {
        Some(()) => None,
        None => Some(MessageId::from_sigil(scanner.plain_string()?)?),
    };
    scanner.comma()?;
    let (sequence, author) = if scanner.eat(b"\"sequence\"").is_some() {
        scanner.colon()?;
        let sequence = scanner.number()?;
        scanner.comma()?;
        scanner.eat(b"\"author\"")?;
        scanner.colon()?;
        (sequence, scanner.plain_string()?)
    } else {
        scanner.eat(b"\"author\"")?;
        scanner.colon()?;
        let author = scanner.plain_string()?;
        scanner.comma()?;
        scanner.eat(b"\"sequence\"")?;
        scanner.colon()?;
        (scanner.number()?, author)
    };
    let (sequence, author) = (whole(sequence)?, FeedId::from_sigil(author)?);
    scanner.comma()?;
    scanner.eat(b"\"timestamp\"")?;
    scanner.colon()?;
    let timestamp = scanner.number()?;
    scanner.comma()?;
    scanner.eat(b"\"hash\"")?;
    scanner.colon()?;
    scanner.eat(b"\"sha256\"")?;
    scanner.comma()?;
    scanner.eat(b"\"content\"")?;
    scanner.colon()?;
    if scanner.peek()? == b'"' {
        is_sealed(scanner.plain_string()?).then_some(())?;
    } else {
        let kind = scanner.object(b"type")??;
        let kind = kind.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        // Characters that are not ASCII or escaped have to be counted by the judge.
        let plain = kind.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
        (plain && TYPE_UNITS.contains(&kind.len())).then_some(())?;
    }
    scanner.comma()?;
    scanner.eat(b"\"signature\"")?;
    scanner.colon()?;
    let signature = signature_bytes(scanner.plain_string()?)?;
    scanner.close(b'}')?;
    (previous.is_none() == (sequence == 1)).then_some(())?;
    let (layout, length) = scanner.finish();
    Some((Fields { previous, sequence, author, timestamp, signature }, layout, length))
}

/// Reads a message by way of its value, and says what is wrong with it.
fn judge(encoded: &[u8]) -> Result<Message, DecodeError> {
    let unread = |fault| DecodeError { author: None, sequence: None, fault };
    let value = Value::parse(encoded).map_err(|error| unread(error.into()))?;
    let compact = value.to_compact();
    if compact.as_bytes() != encoded {
        let (author, sequence) = claim(&value);
        return Err(DecodeError { author, sequence, fault: Fault::NotCanonical });
    }
    build(&value, compact)
}

/// The feed and sequence that a text names, whatever else is wrong with it.
fn claim(value: &Value<'_>) -> (Option<FeedId>, Option<u64>) {
    (value.get("author").and_then(feed_id), value.get("sequence").and_then(sequence))
}

fn build(value: &Value<'_>, encoded: String) -> Result<Message, DecodeError> {
    let refuse = |fault| {
        let (author, sequence) = claim(value);
        DecodeError { author, sequence, fault }
    };
    let object = value.as_object().ok_or_else(|| refuse(Fault::NotAnObject))?;
    let fields = Fields::read(object).map_err(refuse)?;
    if encoded.len() > MAX_ENCODED_BYTES {
        // Too large without its layout already, which could be many times as large.
        return Err(refuse(Fault::TooLarge(encoded.encode_utf16().count())));
    }
    let id = identify(json::indent(encoded.as_bytes())).map_err(refuse)?;
    Ok(fields.into_message(encoded.as_bytes(), id))
}

struct Fields {
    previous: Option<MessageId>,
    sequence: u64,
    author: FeedId,
    timestamp: f64,
    signature: [u8; 64],
}

impl Fields {
    fn into_message(self, encoded: &[u8], id: MessageId) -> Message {
        let Self { previous, sequence, author, timestamp, signature } = self;
        Message(Arc::new(Inner { encoded: encoded.into(), id, author, sequence, previous, timestamp, signature }))
    }

    fn read(object: &Object<'_>) -> Result<Self, Fault> {
        let mut entries = object.iter();
        let mut next = || entries.next().ok_or(Fault::Fields);
        let (previous, (second, a), (third, b)) = (next()?, next()?, next()?);
        let (timestamp, hash, content, signature) = (next()?, next()?, next()?, next()?);
        let (sequence_value, author) = match (second.as_str(), third.as_str()) {
            (Some("sequence"), Some("author")) => (a, b),
            (Some("author"), Some("sequence")) => (b, a),
            _ => return Err(Fault::Fields),
        };
        let named = [
            (previous, "previous"),
            (timestamp, "timestamp"),
            (hash, "hash"),
            (content, "content"),
            (signature, "signature"),
        ];
        if object.len() != 7 || named.iter().any(|((key, _), name)| *key != name) {
            return Err(Fault::Fields);
        }
        let author = feed_id(author).ok_or(Fault::Author)?;
        let sequence = sequence(sequence_value).ok_or(Fault::Sequence)?;
        let previous = read_previous(previous.1).ok_or(Fault::Previous)?;
        if previous.is_none() != (sequence == 1) {
            return Err(Fault::Previous);
        }
        let timestamp = timestamp.1.as_f64().filter(|number| number.is_finite()).ok_or(Fault::Timestamp)?;
        if hash.1.as_text().and_then(Text::as_str) != Some("sha256") {
            return Err(Fault::Hash);
        }
        check_content(content.1)?;
        let signature = read_signature(signature.1).ok_or(Fault::Signature)?;
        Ok(Self { previous, sequence, author, timestamp, signature })
    }
}

fn ascii<'a>(value: &'a Value<'_>) -> Option<&'a [u8]> {
    value.as_text().and_then(Text::as_str).map(str::as_bytes)
}

fn feed_id(value: &Value<'_>) -> Option<FeedId> {
    FeedId::from_sigil(ascii(value)?)
}

fn sequence(value: &Value<'_>) -> Option<u64> {
    value.as_f64().and_then(whole)
}

fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && number >= 1.0 && number <= MAX_SEQUENCE as f64).then_some(number as u64)
}

fn read_previous(value: &Value<'_>) -> Option<Option<MessageId>> {
    match value {
        Value::Null => Some(None),
        value => MessageId::from_sigil(ascii(value)?).map(Some),
    }
}

fn read_signature(value: &Value<'_>) -> Option<[u8; 64]> {
    signature_bytes(ascii(value)?)
}

/// Exactly 64 bytes. The JavaScript validators count 88 characters, which 65 and 66 bytes take as well; the native
/// libsodium under them ignores the rest. Nobody signs those bytes, but they enter the id: whoever relays a message
/// could give it another one, and make its feed look forked.
fn signature_bytes(text: &[u8]) -> Option<[u8; 64]> {
    base64::decode_array(text.strip_suffix(b".sig.ed25519")?)
}

/// Whether a string content is sealed in a way that we know.
///
/// ssb-classic looks at the suffix alone, ssb-validate at the base64 and any suffix that starts with `.box`; no client
/// writes what only one of them takes.
fn is_sealed(text: &[u8]) -> bool {
    let body = text.strip_suffix(b".box").or_else(|| text.strip_suffix(b".box2"));
    body.is_some_and(base64::is_canonical)
}

/// The rules for what an author says.
pub(super) fn check_content(content: &Value<'_>) -> Result<(), Fault> {
    match content {
        Value::Object(_) => match content.get("type").and_then(Value::as_text) {
            None => Err(Fault::ContentType),
            Some(text) if !TYPE_UNITS.contains(&text.utf16_len()) => Err(Fault::ContentTypeLength(text.utf16_len())),
            Some(_) => Ok(()),
        },
        Value::String(_) => {
            if is_sealed(ascii(content).unwrap_or_default()) {
                Ok(())
            } else {
                Err(Fault::SealedContent)
            }
        }
        _ => Err(Fault::ContentKind),
    }
}

/// The id of a message by its canonical text, which is UTF-8, and its size.
fn identify(mut text: Vec<u8>) -> Result<MessageId, Fault> {
    let units = low_bytes(&mut text);
    if units > MAX_UNITS {
        return Err(Fault::TooLarge(units));
    }
    Ok(MessageId::classic(Sha256::digest(text.get(..units).unwrap_or_default()).into()))
}

/// Puts the low byte of each UTF-16 unit of `text`, which is UTF-8, to its front. Returns how many these are.
fn low_bytes(text: &mut [u8]) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let (mut from, mut to) = (0, 0);
    while let Some(&first) = text.get(from) {
        let after = |count: usize| u32::from(text.get(from + count).copied().unwrap_or_default() & 0x3f);
        let (low, length) = match first {
            ..0x80 => (u32::from(first), 1),
            0x80..0xe0 => (u32::from(first) << 6 | after(1), 2),
            0xe0..0xf0 => (after(1) << 6 | after(2), 3),
            _ => {
                // Two units: 0xd800 and the upper ten bits, 0xdc00 and the lower.
                let character = u32::from(first & 7) << 18 | after(1) << 12 | after(2) << 6 | after(3);
                let upper = character.wrapping_sub(0x1_0000) >> 10;
                text[to] = upper.to_le_bytes()[0];
                to += 1;
                (character, 4)
            }
        };
        // Never beyond what was read: a character takes at least as many bytes as units.
        text[to] = low.to_le_bytes()[0];
        from += length;
        to += 1;
    }
    to
}

/// What stands before and after the content in the encoded text; nothing before it can look like the first.
const BEFORE_CONTENT: &[u8] = b",\"hash\":\"sha256\",\"content\":";
const AFTER_CONTENT: usize = ",\"signature\":\"".len() + SIGNATURE_CHARACTERS + ".sig.ed25519\"}".len();

/// The content of a message that has been decoded before.
pub(super) fn content(encoded: &[u8]) -> Content<'_> {
    match content_text(encoded).and_then(|text| Value::parse(text).ok()) {
        Some(Value::String(text)) => Content::Sealed(text.into_str_lossy()),
        // A decoded message always has a content.
        content => Content::Object(content.unwrap_or(Value::Null)),
    }
}

/// Where the JSON text of the content stands in the compact canonical text of a message.
pub(crate) fn content_text(encoded: &[u8]) -> Option<&[u8]> {
    let mut start = 0;
    while !encoded.get(start..)?.starts_with(BEFORE_CONTENT) {
        // It begins with a comma, and few stand before it.
        start += 1 + encoded.get(start + 1..)?.iter().position(|byte| *byte == BEFORE_CONTENT[0])?;
    }
    encoded.get(start + BEFORE_CONTENT.len()..encoded.len().checked_sub(AFTER_CONTENT)?)
}

#[cfg(test)]
mod tests {
    use super::low_bytes;

    #[test]
    fn low_bytes_are_those_of_every_unit_of_every_character() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let expected: Vec<u8> =
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| unit.to_le_bytes()[0]).collect();
            let mut text = character.encode_utf8(&mut buffer).as_bytes().to_vec();
            let units = low_bytes(&mut text);
            assert_eq!(text[..units], expected, "{character:?}");
        }
        let mut text = "a\u{e9}\u{2602}\u{1f600}b".as_bytes().to_vec();
        let units = low_bytes(&mut text);
        assert_eq!(text[..units], *b"a\xe9\x02\x3d\x00b");
    }
}
