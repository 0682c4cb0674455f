//! Where an import's messages come from: pieces that are read in order and decoded on all cores.

use std::fmt::Display;
use std::io::{self, BufRead};
use std::ops::Range;
use std::sync::Arc;

use classic::{Record, RecordError};
use feed::{FeedId, Message, MessageId, json::Value};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lines::{self, Line};

/// Reads pieces, one after the other.
pub(crate) trait Source: Send {
    /// The next piece; `None` at the end. Lines go behind what is in `text`, so that thousands of them take
    /// one place in memory.
    ///
    /// # Errors
    /// When the disk or the pipe fails.
    fn next(&mut self, text: &mut Vec<u8>) -> io::Result<Option<Piece>>;

    /// How many bytes were taken so far; for a progress bar.
    fn position(&self) -> u64;

    /// Begins once more from the first piece; whether it can.
    ///
    /// # Errors
    /// When the disk fails.
    fn again(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// One message that is not decoded yet.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A line of JSON, with or without an envelope: its number, and where it stands in the text beside.
    Line(u64, Range<usize>),
    /// A record of a classic app's log, and the name of that log.
    Record(Record, Arc<str>),
    /// What cannot be read at all, in words.
    Unreadable(String),
}

impl Piece {
    /// How much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Line(_, line) => line.len(),
            Self::Record(record, _) => record.size(),
            Self::Unreadable(words) => words.len(),
        }
    }

    /// Its message, none where it is of a feed in a format that is not kept here; on failure the words that name it.
    ///
    /// `text` is what [`Source::next`] put lines in.
    pub(crate) fn decode(&self, text: &[u8]) -> Result<Option<Message>, String> {
        match self {
            Self::Line(number, line) => decode(*number, text.get(line.clone()).unwrap_or_default()).map(Some),
            Self::Record(record, log) => match record.message() {
                Ok(message) => Ok(Some(message)),
                Err(RecordError::OtherFormat) => Ok(None),
                Err(error) => Err(format!("{log} at {}, {}: {error}", record.position(), claimed(record))),
            },
            Self::Unreadable(words) => Err(words.clone()),
        }
    }
}

/// Opens a file once more.
type Reopen = Box<dyn Fn() -> io::Result<Box<dyn BufRead + Send>> + Send>;

/// Lines of a file or a pipe.
pub(crate) struct LineSource {
    reader: Box<dyn BufRead + Send>,
    /// A pipe cannot be opened once more.
    reopen: Option<Reopen>,
    lines: u64,
    bytes: u64,
}

impl LineSource {
    pub(crate) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, reopen: None, lines: 0, bytes: 0 }
    }

    /// Lines of something that `reopen` opens once more.
    pub(crate) fn of_file(
        reader: Box<dyn BufRead + Send>,
        reopen: impl Fn() -> io::Result<Box<dyn BufRead + Send>> + Send + 'static,
    ) -> Self {
        Self { reopen: Some(Box::new(reopen)), ..Self::new(reader) }
    }
}

impl Source for LineSource {
    fn next(&mut self, text: &mut Vec<u8>) -> io::Result<Option<Piece>> {
        let Some(line) = lines::next(&mut self.reader, text)? else { return Ok(None) };
        self.lines += 1;
        let piece = match line {
            Line::Whole(line) => Piece::Line(self.lines, line),
            Line::TooLong => Piece::Unreadable(format!(
                "line {}, no message that can be named: longer than {} bytes",
                self.lines,
                lines::MAX_LINE
            )),
        };
        self.bytes += piece.size() as u64 + 1;
        Ok(Some(piece))
    }

    fn again(&mut self) -> io::Result<bool> {
        let Some(reopen) = &self.reopen else { return Ok(false) };
        self.reader = reopen()?;
        (self.lines, self.bytes) = (0, 0);
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.bytes
    }
}

/// How many bytes the text of a message's id has.
const MESSAGE_ID: usize = "%".len() + 44 + ".sha256".len();

/// A message with what a database says of it.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Reads a line as databases write it, in one pass; `None` settles nothing.
fn decode_usual(line: &[u8]) -> Option<Message> {
    let Some(rest) = line.strip_prefix(b"{\"key\":\"") else {
        let (message, length) = Message::decode_front(line)?;
        return (length == line.len()).then_some(message);
    };
    let (key, rest) = rest.split_at_checked(MESSAGE_ID)?;
    let (message, length) = Message::decode_front(rest.strip_prefix(b"\",\"value\":")?)?;
    let key: MessageId = std::str::from_utf8(key).ok()?.parse().ok()?;
    let rest = rest.get(b"\",\"value\":".len() + length..)?.strip_suffix(b"}")?;
    let is_time = |rest: &[u8]| {
        let digits = rest.strip_prefix(b",\"timestamp\":");
        digits.is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
    };
    ((rest.is_empty() || is_time(rest)) && key == message.id()).then_some(message)
}

/// Decodes one line; on failure the words that name the message.
fn decode(number: u64, line: &[u8]) -> Result<Message, String> {
    if let Some(message) = decode_usual(line) {
        return Ok(message);
    }
    let envelope = serde_json::from_slice::<Envelope<'_>>(line).ok();
    let text = envelope.as_ref().map_or(line, |envelope| envelope.value.get().as_bytes());
    let refuse = |why: &dyn std::fmt::Display| format!("line {number}, {}: {why}", describe(text));
    let message = Message::from_json(text).map_err(|error| refuse(&error))?;
    if let Some(key) = envelope.and_then(|envelope| envelope.key) {
        let claimed: Option<MessageId> = serde_json::from_str(key.get()).ok();
        if claimed != Some(message.id()) {
            return Err(refuse(&"it was changed, or its key was: the key beside it is not that of these bytes"));
        }
    }
    Ok(message)
}

/// Which message a record claims to be.
fn claimed(record: &Record) -> String {
    let claim = record.claim();
    name_of(claim.and_then(|claim| claim.sequence), claim.and_then(|claim| claim.author))
}

/// Which message a text claims to be, as far as that can be seen in what may not even be JSON.
fn describe(text: &[u8]) -> String {
    let (author, sequence) = match Value::parse(text) {
        Ok(value) => {
            let author = value.get("author").and_then(Value::as_str).map(|author| author.into_owned());
            (author, value.get("sequence").and_then(Value::as_f64).map(|sequence| sequence.to_string()))
        }
        Err(_) => {
            let text = String::from_utf8_lossy(text);
            let after = |key: &str| text.split_once(key).map(|(_, rest)| rest);
            let author = after("\"author\":\"").and_then(|rest| rest.split('"').next()).map(str::to_owned);
            let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            (author, after("\"sequence\":").map(digits).filter(|digits| !digits.is_empty()))
        }
    };
    // What stands there may be anything; an author that is none is not worth a line of the terminal.
    name_of(sequence, author.and_then(|author| author.parse::<FeedId>().ok()))
}

fn name_of(sequence: Option<impl Display>, author: Option<FeedId>) -> String {
    match (sequence, author) {
        (Some(sequence), Some(author)) => format!("message {sequence} of {author}"),
        (None, Some(author)) => format!("a message of {author}"),
        (Some(sequence), None) => format!("message {sequence} of an author that cannot be read"),
        (None, None) => "no message that can be named".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../../tests/data/sample-2000.ndjson");

    #[test]
    fn an_envelope_and_the_bare_message_in_it_are_the_same() {
        let line = SAMPLE.lines().next().expect("a line");
        let enveloped = decode(1, line.as_bytes()).expect("a message");
        let value =
            line.split_once("\"value\":").and_then(|(_, rest)| rest.rsplit_once(",\"timestamp\"")).expect("a value").0;
        let bare = decode(1, value.as_bytes()).expect("a message");
        assert_eq!(enveloped.id(), bare.id());
        assert_eq!(bare.encoded(), value.as_bytes());
        assert!(decode_usual(line.as_bytes()).is_some() && decode_usual(value.as_bytes()).is_some());
    }

    #[test]
    fn whatever_byte_of_an_envelope_is_changed_the_message_is_refused_or_the_same() {
        let line = SAMPLE.lines().nth(40).expect("a line").as_bytes();
        let good = decode(1, line).expect("a message").id();
        for at in 0..line.len() {
            let mut changed = line.to_vec();
            changed[at] ^= 1;
            match decode(7, &changed) {
                // The timestamp of the envelope is not the author's, and nobody relies on it.
                Ok(message) => assert_eq!(message.id(), good, "byte {at}"),
                Err(refusal) => assert!(refusal.starts_with("line 7, "), "{refusal}"),
            }
        }
    }

    #[test]
    fn broken_json_is_named_as_far_as_it_can_be_read() {
        let text =
            br#"{"previous":null,"sequence":12,"author":"@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.ed25519","#;
        assert_eq!(describe(text), "message 12 of @9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.ed25519");
        assert_eq!(describe(b"\x00\xff"), "no message that can be named");
    }
}
