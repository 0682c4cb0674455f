//! `peri import`: messages from a file, decoded on all cores while the batch before is verified and stored.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

use app::rpc::{MAX_IMPORT, MAX_IMPORT_BYTES, Request};
use app::status::Imported;
use app::view::Failure;
use feed::{FeedId, Message, MessageId, json::Value};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Ended;
use crate::connection::Connection;
use crate::lines::{self, Line};

/// The last line on stdout.
#[derive(Debug, Default, Serialize)]
struct Report {
    read: u64,
    stored: u64,
    known: u64,
    rejected: u64,
    waiting: u64,
    seconds: f64,
}

/// Imports a file, `-` for stdin.
pub(crate) async fn run(node: &mut Connection, file: &str) -> Result<(), Ended> {
    let begun = Instant::now();
    let (source, bar) = open(file)?;
    let mut report = Report::default();
    let mut next = read_ahead(source, 0);
    loop {
        let (source, batch) = next.await.map_err(Failure::internal)?;
        let batch = batch.map_err(|error| Failure::disk(Path::new(file), &error))?;
        if batch.lines == 0 {
            break;
        }
        report.read += batch.lines;
        next = read_ahead(source, report.read);
        for refusal in &batch.refused {
            report.rejected += 1;
            bar.suspend(|| eprintln!("{refusal}"));
        }
        let imported = hand_over(node, batch.messages).await?;
        report.stored += imported.stored;
        report.known += imported.known;
        report.waiting = imported.waiting;
        for rejected in imported.rejected {
            report.rejected += 1;
            let (feed, sequence) = (rejected.feed, rejected.sequence);
            bar.suspend(|| eprintln!("message {sequence} of {feed}: {}", rejected.reason));
        }
        bar.inc(batch.bytes);
    }
    bar.finish_and_clear();
    report.seconds = begun.elapsed().as_secs_f64();
    crate::print_json(&report)
}

async fn hand_over(node: &mut Connection, messages: Vec<Message>) -> Result<Imported, Failure> {
    if let Connection::Here(app) = node {
        return app.import(messages).await;
    }
    let text = |message: Message| String::from_utf8_lossy(message.encoded()).into_owned();
    node.ask(Request::Import { messages: messages.into_iter().map(text).collect() }).await
}

fn open(file: &str) -> Result<(Source, ProgressBar), Failure> {
    let (source, bar, style): (Source, _, _) = match file {
        "-" => {
            let style = "{spinner} {bytes} {bytes_per_sec} for {elapsed}";
            (Box::new(BufReader::new(io::stdin())), ProgressBar::new_spinner(), style)
        }
        path => {
            let disk = |error| Failure::disk(Path::new(path), &error);
            let file = File::open(path).map_err(disk)?;
            let bytes = file.metadata().map_err(disk)?.len();
            let style = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
            (Box::new(BufReader::with_capacity(1 << 20, file)), ProgressBar::new(bytes), style)
        }
    };
    // Drawn on a terminal only; elsewhere the bar is hidden.
    let style = ProgressStyle::with_template(style).map_err(Failure::internal)?;
    Ok((source, bar.with_style(style)))
}

type Source = Box<dyn BufRead + Send>;

/// Some lines, decoded.
#[derive(Debug, Default)]
struct Batch {
    messages: Vec<Message>,
    refused: Vec<String>,
    lines: u64,
    bytes: u64,
}

/// Reads and decodes the next batch beside whatever else is done. `before` is the number of lines read so far.
fn read_ahead(mut source: Source, before: u64) -> tokio::task::JoinHandle<(Source, io::Result<Batch>)> {
    tokio::task::spawn_blocking(move || {
        let batch = read(&mut source, before);
        (source, batch)
    })
}

fn read(source: &mut Source, before: u64) -> io::Result<Batch> {
    let mut batch = Batch::default();
    let mut texts = Vec::new();
    let mut size = 0;
    while texts.len() < MAX_IMPORT && size < MAX_IMPORT_BYTES {
        match lines::next(source)? {
            None => break,
            Some(Line::TooLong) => {
                batch.lines += 1;
                batch.refused.push(format!("line {}: longer than {} bytes", before + batch.lines, lines::MAX_LINE));
            }
            Some(Line::Whole(text)) => {
                batch.lines += 1;
                size += text.len();
                texts.push((before + batch.lines, text));
            }
        }
    }
    batch.bytes = size as u64 + batch.lines;
    let cores = available_parallelism().map_or(1, usize::from);
    let share = texts.len().div_ceil(cores).max(1);
    let decoded: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = texts
            .chunks(share)
            .map(|texts| scope.spawn(|| texts.iter().map(|(number, text)| decode(*number, text)).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    for result in decoded {
        match result {
            Ok(message) => batch.messages.push(message),
            Err(refusal) => batch.refused.push(refusal),
        }
    }
    Ok(batch)
}

/// A message with what a database says of it.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Decodes one line; on failure the words that name the message.
fn decode(number: u64, line: &[u8]) -> Result<Message, String> {
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
    let author = author.filter(|author| author.parse::<FeedId>().is_ok());
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
