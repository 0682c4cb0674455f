//! From text to [`Message`].

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Content, DecodeError, Fault, Inner, MAX_ENCODED_BYTES, MAX_SEQUENCE, MAX_UNITS, Message, TYPE_UNITS};
use crate::json::{self, Object, Text, Value};
use crate::{FeedId, MessageId, base64};

pub(super) fn from_json(text: &[u8]) -> Result<Message, DecodeError> {
    let value =
        Value::parse(text).map_err(|error| DecodeError { author: None, sequence: None, fault: error.into() })?;
    build(&value, value.to_compact())
}

pub(super) fn decode(encoded: &[u8]) -> Result<Message, DecodeError> {
    let unread = |fault| DecodeError { author: None, sequence: None, fault };
    if encoded.len() > MAX_ENCODED_BYTES {
        return Err(unread(Fault::TooLarge(encoded.len())));
    }
    let value = Value::parse(encoded).map_err(|error| unread(error.into()))?;
    let compact = value.to_compact();
    if compact.as_bytes() != encoded {
        let (author, sequence) = claim(&value);
        return Err(DecodeError { author, sequence, fault: Fault::NotCanonical });
    }
    build(&value, compact)
}

/// The feed and sequence that a text names, whatever else is wrong with it.
fn claim(value: &Value) -> (Option<FeedId>, Option<u64>) {
    (value.get("author").and_then(feed_id), value.get("sequence").and_then(sequence))
}

fn build(value: &Value, encoded: String) -> Result<Message, DecodeError> {
    let refuse = |fault| {
        let (author, sequence) = claim(value);
        DecodeError { author, sequence, fault }
    };
    let object = value.as_object().ok_or_else(|| refuse(Fault::NotAnObject))?;
    let fields = Fields::read(object).map_err(refuse)?;
    let text = json::indent(encoded.as_bytes());
    let id = identify(&text).map_err(refuse)?;
    Ok(Message(Arc::new(Inner {
        encoded: encoded.into_bytes().into_boxed_slice(),
        id,
        author: fields.author,
        sequence: fields.sequence,
        previous: fields.previous,
        timestamp: fields.timestamp,
        signature: fields.signature,
    })))
}

struct Fields {
    previous: Option<MessageId>,
    sequence: u64,
    author: FeedId,
    timestamp: f64,
    signature: [u8; 64],
}

impl Fields {
    fn read(object: &Object) -> Result<Self, Fault> {
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
        if !hash.1.as_text().is_some_and(|text| *text == "sha256") {
            return Err(Fault::Hash);
        }
        check_content(content.1)?;
        let signature = read_signature(signature.1).ok_or(Fault::Signature)?;
        Ok(Self { previous, sequence, author, timestamp, signature })
    }
}

fn ascii(value: &Value) -> Option<&[u8]> {
    value.as_text().and_then(Text::as_str).map(str::as_bytes)
}

fn feed_id(value: &Value) -> Option<FeedId> {
    FeedId::from_sigil(ascii(value)?)
}

fn sequence(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    (number.fract() == 0.0 && number >= 1.0 && number <= MAX_SEQUENCE as f64).then_some(number as u64)
}

fn read_previous(value: &Value) -> Option<Option<MessageId>> {
    match value {
        Value::Null => Some(None),
        value => MessageId::from_sigil(ascii(value)?).map(Some),
    }
}

fn read_signature(value: &Value) -> Option<[u8; 64]> {
    base64::decode_array(ascii(value)?.strip_suffix(b".sig.ed25519")?)
}

/// The rules for what an author says.
pub(super) fn check_content(content: &Value) -> Result<(), Fault> {
    match content {
        Value::Object(_) => match content.get("type").and_then(Value::as_text) {
            None => Err(Fault::ContentType),
            Some(text) if !TYPE_UNITS.contains(&text.utf16_len()) => Err(Fault::ContentTypeLength(text.utf16_len())),
            Some(_) => Ok(()),
        },
        Value::String(text) => {
            // ssb-classic looks at the suffix alone, ssb-validate at the base64 and any suffix that starts with
            // `.box`; no client writes what only one of them takes.
            let sealed = text.as_str().map(str::as_bytes).unwrap_or_default();
            let body = sealed.strip_suffix(b".box").or_else(|| sealed.strip_suffix(b".box2"));
            if body.is_some_and(base64::is_canonical) { Ok(()) } else { Err(Fault::SealedContent) }
        }
        _ => Err(Fault::ContentKind),
    }
}

/// The id of a message by its canonical text, and its size.
fn identify(text: &[u8]) -> Result<MessageId, Fault> {
    if text.is_ascii() {
        if text.len() > MAX_UNITS {
            return Err(Fault::TooLarge(text.len()));
        }
        return Ok(MessageId::classic(Sha256::digest(text).into()));
    }
    // What comes from our own parser is UTF-8.
    let latin1: Vec<u8> = String::from_utf8_lossy(text).encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect();
    if latin1.len() > MAX_UNITS {
        return Err(Fault::TooLarge(latin1.len()));
    }
    Ok(MessageId::classic(Sha256::digest(latin1).into()))
}

/// The content of a message that has been decoded before.
pub(super) fn content(encoded: &[u8]) -> Content {
    let content = Value::parse(encoded).ok().and_then(|value| value.get("content").cloned());
    match content {
        Some(Value::String(text)) => Content::Sealed(text.to_str_lossy().into_owned()),
        // A decoded message always has a content.
        content => Content::Object(content.unwrap_or(Value::Null)),
    }
}
