//! One record of a log, and the message in it.

use feed::json::Value;
use feed::{DecodeError, FeedId, Message};

use crate::bipf::{BipfError, Raw};
use crate::json::{Envelope, Outline, resealed};

/// One record of a log, as it stands there.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it begins, in bytes from the beginning of the log.
    pub(crate) at: u64,
    pub(crate) encoding: Encoding,
    pub(crate) bytes: Vec<u8>,
}

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Bipf,
    Json,
}

/// What a record says of its message, before anything is checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// The author; none when the feed is of another format than the classic one, or of none.
    pub author: Option<FeedId>,
    /// The sequence; none when it is no whole number from 1 on.
    pub sequence: Option<u64>,
    /// Milliseconds since 1970, by the author's clock.
    pub timestamp: Option<f64>,
}

/// Why a record gives no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no record.
    #[error("the record is damaged: {0}")]
    Bipf(#[from] BipfError),
    /// There is no message in it.
    #[error("the record holds no message")]
    NoMessage,
    /// A feed of another format than the classic one; those are not kept here.
    #[error("it is of a feed in another format")]
    OtherFormat,
    /// What is in it is no message of the classic format.
    #[error("{0}")]
    Message(#[from] DecodeError),
    /// The record calls it by another id than it has.
    #[error("it was changed, or its key was: the key beside it is not that of these bytes")]
    WrongKey,
}

impl Record {
    /// Where it begins, in bytes from the beginning of the log.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// How long it is, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// What it says of its message: cheap, nothing is checked, no content is looked at.
    pub fn claim(&self) -> Option<Claim> {
        let sequence = |number: f64| {
            let is_whole = number >= 1.0 && number <= feed::MAX_SEQUENCE as f64 && number.fract() == 0.0;
            is_whole.then_some(number as u64)
        };
        match self.encoding {
            Encoding::Bipf => {
                let value = Raw::whole(&self.bytes).ok()?.get("value")?;
                let number = |key| value.get(key).and_then(|raw| raw.number());
                Some(Claim {
                    author: value.get("author")?.text()?.parse().ok(),
                    sequence: number("sequence").and_then(sequence),
                    timestamp: number("timestamp"),
                })
            }
            Encoding::Json => {
                let envelope = Envelope::read(&self.bytes)?;
                let text = envelope.value.map_or(&self.bytes[..], |value| value.get().as_bytes());
                let outline: Outline<'_> = serde_json::from_slice(text).ok()?;
                Some(Claim {
                    author: outline.author.parse().ok(),
                    sequence: outline.sequence.and_then(sequence),
                    timestamp: outline.timestamp,
                })
            }
        }
    }

    /// The message, canonical and structurally sound. Its signature is not checked.
    ///
    /// # Errors
    /// When the record is damaged, holds no message of the classic format, or calls it by an id that it has not.
    pub fn message(&self) -> Result<Message, RecordError> {
        let (message, key) = match self.encoding {
            Encoding::Bipf => self.bipf()?,
            Encoding::Json => self.json()?,
        };
        match key {
            Some(key) if key.parse() != Ok(message.id()) => Err(RecordError::WrongKey),
            _ => Ok(message),
        }
    }

    /// The message of a BIPF record, and the key beside it.
    fn bipf(&self) -> Result<(Message, Option<String>), RecordError> {
        let record = Raw::whole(&self.bytes)?;
        let (mut key, mut value, mut meta) = (None, None, None);
        for entry in record.entries() {
            match entry? {
                ("key", raw) => key = raw.text().map(str::to_owned),
                ("value", raw) => value = Some(raw),
                ("meta", raw) => meta = Some(raw),
                _ => {}
            }
        }
        let value = value.filter(Raw::is_object).ok_or(RecordError::NoMessage)?;
        let author = value.get("author").and_then(|author| author.text()).ok_or(RecordError::NoMessage)?;
        if is_other_format(author) {
            return Err(RecordError::OtherFormat);
        }
        let value = value.value()?;
        let meta = meta.map(|meta| meta.value()).transpose()?;
        let value = resealed(&value, meta.as_ref()).unwrap_or(value);
        Ok((Message::decode(value.to_compact().as_bytes())?, key))
    }

    /// The message of a JSON record, which may be bare, and the key beside it.
    fn json(&self) -> Result<(Message, Option<String>), RecordError> {
        let envelope = Envelope::read(&self.bytes).ok_or(RecordError::NoMessage)?;
        let text = envelope.value.map_or(&self.bytes[..], |value| value.get().as_bytes());
        let key = envelope.key.filter(|_| envelope.value.is_some());
        // Something else than a text is a key as well, and a wrong one.
        let key = key.map(|key| serde_json::from_str(key.get()).unwrap_or_default());
        let meta = envelope.meta.and_then(|meta| Value::parse(meta.get().as_bytes()).ok());
        let sealed = || Value::parse(text).ok().and_then(|value| resealed(&value, meta.as_ref()));
        // What stands beside the message may say that it was opened, and then it looks sound and is not what was signed.
        let first = if meta.is_some() { sealed() } else { None };
        if let Some(value) = first {
            return Ok((Message::decode(value.to_compact().as_bytes())?, key));
        }
        // Almost every record is in the canonical form already.
        let fault = match Message::decode(text).or_else(|_| Message::from_json(text)) {
            Ok(message) => return Ok((message, key)),
            Err(fault) => fault,
        };
        let outline = serde_json::from_slice::<Outline<'_>>(text).ok();
        if outline.is_some_and(|outline| is_other_format(&outline.author)) {
            return Err(RecordError::OtherFormat);
        }
        match sealed() {
            Some(value) => Ok((Message::decode(value.to_compact().as_bytes())?, key)),
            None => Err(fault.into()),
        }
    }
}

/// Whether an author is a feed, but none of the classic format: those are written as URIs (`ssb:feed/bendybutt-v1/…`).
fn is_other_format(author: &str) -> bool {
    author.starts_with("ssb:feed/") && author.parse::<FeedId>().is_err()
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} record of {} bytes at {}", self.encoding, self.bytes.len(), self.at)
    }
}
