//! `peri import`: messages from a file. Reading, decoding, checking and storing go on at the same time, a bounded number of
//! batches ahead of each other.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Instant;

use app::rpc::{MAX_IMPORT, MAX_IMPORT_BYTES, Request};
use app::status::Imported;
use app::view::{Failure, FailureCode};
use feed::Message;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::Ended;
use crate::connection::Connection;
use crate::opening;
use crate::refusals::Refusals;
use crate::source::{LineSource, Piece, Source};

/// Batches that are decoded, or being decoded, before anybody takes them.
const AHEAD: usize = 1;
/// Batches that the node has at once: some being checked, some being stored.
const UNDER_WAY: usize = 5;

/// The last line on stdout.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) read: u64,
    pub(crate) stored: u64,
    pub(crate) known: u64,
    pub(crate) rejected: u64,
    pub(crate) waiting: u64,
    pub(crate) seconds: f64,
    /// Whether there was nothing to read, or something was rejected for another reason than that its author is blocked here.
    #[serde(skip)]
    pub(crate) has_failed: bool,
}

/// Imports a file, `-` for stdin.
pub(crate) async fn run(node: &mut Connection, file: &str) -> Result<(), Ended> {
    let (source, bar) = open(file)?;
    let report = pour(node, source, &bar, Path::new(file)).await?;
    bar.finish_and_clear();
    crate::print_json(&report)?;
    if report.read == 0 {
        eprintln!("There is no message in {}.", if file == "-" { "the input" } else { file });
    }
    match report.has_failed {
        true => Err(Ended::Found),
        false => Ok(()),
    }
}

/// Hands over everything that a source has. `place` is what a failure to read it names.
///
/// Where the order of the source is so bad that not all that has to wait finds room, it is read again, as long as that helps.
pub(crate) async fn pour(
    node: &mut Connection,
    mut source: Box<dyn Source>,
    bar: &ProgressBar,
    place: &Path,
) -> Result<Report, Failure> {
    let begun = Instant::now();
    let mut refusals = Refusals::default();
    let mut report = Report::default();
    let mut is_first = true;
    loop {
        let mut pass = Pass { node, bar, refusals: &mut refusals, is_first, outcome: Imported::default(), read: 0 };
        source = pass.pour(source, place).await?;
        let (Imported { stored, known, waiting, no_room, .. }, read) = (pass.outcome, pass.read);
        report.stored += stored;
        report.waiting = waiting;
        if is_first {
            (report.read, report.known) = (read, known);
        }
        if no_room == 0 {
            break;
        }
        is_first = false;
        let disk = |error| Failure::disk(place, &error);
        if stored == 0 || !source.again().map_err(disk)? {
            let left = "messages found no room to wait for those before them in their feeds: import the same again, as \
                        often as it helps, or in the order of the feeds";
            refusals.refuse_many(no_room, left, bar);
            break;
        }
        bar.suspend(|| {
            eprintln!("{} messages come before those that they continue: reading again for them.", HumanCount(no_room));
        });
    }
    report.rejected = refusals.total();
    report.has_failed = report.read == 0 || report.rejected > refusals.blocked();
    report.seconds = begun.elapsed().as_secs_f64();
    bar.suspend(|| {
        if let Some(summary) = refusals.summary() {
            eprintln!("{summary}");
        }
        if report.waiting > 0 {
            eprintln!(
                "{} messages are not stored, because one before them in their feed is missing here. Import them again \
                 when you have what is missing.",
                HumanCount(report.waiting)
            );
        }
    });
    Ok(report)
}

/// One reading of a source.
struct Pass<'a> {
    node: &'a mut Connection,
    bar: &'a ProgressBar,
    refusals: &'a mut Refusals,
    is_first: bool,
    outcome: Imported,
    read: u64,
}

impl Pass<'_> {
    async fn pour(&mut self, source: Box<dyn Source>, place: &Path) -> Result<Box<dyn Source>, Failure> {
        let (batches, mut decoded) = mpsc::channel(AHEAD);
        let reading = spawn_blocking(move || read(source, &batches));
        let mut under_way = VecDeque::new();
        while let Some(batch) = decoded.recv().await {
            let Batch { messages, refused, pieces, position } = batch.await.map_err(Failure::internal)?;
            self.read += pieces;
            if self.is_first {
                refused.iter().for_each(|words| self.refusals.refuse(words, self.bar));
            }
            match &mut *self.node {
                Connection::Here(app) => {
                    let import = app.begin_import(messages).await?;
                    under_way.push_back((import, position));
                    if under_way.len() >= UNDER_WAY
                        && let Some((import, position)) = under_way.pop_front()
                    {
                        self.count(import.finish().await?, position)?;
                    }
                }
                node => {
                    let text = |message: Message| String::from_utf8_lossy(message.encoded()).into_owned();
                    let messages = messages.into_iter().map(text).collect();
                    let imported = node.ask(Request::Import { messages }).await?;
                    self.count(imported, position)?;
                }
            }
        }
        for (import, position) in under_way {
            self.count(import.finish().await?, position)?;
        }
        let (source, result) = reading.await.map_err(Failure::internal)?;
        result.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                let message = format!("{} cannot be imported to its end: {error}.", place.display());
                let next = "What came before is stored. Look at the file, or make it anew with `peri export`.";
                Failure::new(FailureCode::BadInput, message, next)
            }
            _ => Failure::disk(place, &error),
        })?;
        Ok(source)
    }

    /// Adds what became of a batch. What could not be stored ends the import: nothing after it could be.
    fn count(&mut self, imported: Imported, position: u64) -> Result<(), Failure> {
        let outcome = &mut self.outcome;
        outcome.stored += imported.stored;
        outcome.known += imported.known;
        outcome.waiting = imported.waiting;
        outcome.no_room += imported.no_room;
        for rejected in imported.rejected {
            self.refusals.refuse_message(rejected, self.bar);
        }
        if let Some(reason) = imported.failed {
            let stored = HumanCount(outcome.stored);
            return Err(Failure::new(
                FailureCode::Disk,
                format!("The import stopped, with {stored} messages stored: {reason}."),
                "When the disk has room, import the same again: what is stored already is passed over.",
            ));
        }
        self.bar.set_position(position);
        self.bar.set_message(format!("{} messages", HumanCount(self.read)));
        Ok(())
    }
}

fn open(file: &str) -> Result<(Box<dyn Source>, ProgressBar), Failure> {
    let disk = |error: io::Error| Failure::disk(Path::new(file), &error);
    let (source, bar, style) = if file == "-" {
        let reader = opening::look(BufReader::new(io::stdin()), "The input")?.map_err(disk)?;
        let style = "{spinner} {msg} {bytes} {bytes_per_sec} for {elapsed}".to_owned();
        (LineSource::new(reader), ProgressBar::new_spinner(), style)
    } else {
        let metadata = File::open(file).and_then(|file| file.metadata()).map_err(disk)?;
        if metadata.is_dir() {
            let next = "Name a file; the folder of a classic app is brought over with `peri import --ssb DIR`.";
            return Err(Failure::new(FailureCode::BadInput, format!("{file} is a folder."), next));
        }
        let bytes = metadata.len();
        let path = file.to_owned();
        let reopen = move || {
            let file = BufReader::with_capacity(1 << 20, File::open(&path)?);
            opening::look(file, &path).map_err(|failure| io::Error::new(io::ErrorKind::InvalidData, failure.message))?
        };
        // Looked at first for its own words.
        opening::look(BufReader::new(File::open(file).map_err(disk)?), file)?.map_err(disk)?;
        (LineSource::of_file(reopen().map_err(disk)?, reopen), ProgressBar::new(bytes), format!("{{msg}} {BAR}"))
    };
    // Drawn on a terminal only; elsewhere the bar is hidden.
    let style = ProgressStyle::with_template(&style).map_err(Failure::internal)?;
    Ok((Box::new(source), bar.with_style(style)))
}

/// How far an import is whose size is known.
pub(crate) const BAR: &str = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";

/// Some messages, decoded.
#[derive(Debug, Default)]
struct Batch {
    messages: Vec<Message>,
    refused: Vec<String>,
    pieces: u64,
    /// How far the source was read.
    position: u64,
}

/// Reads to the end and has each batch decoded, in order, on a thread of its own.
fn read(mut source: Box<dyn Source>, batches: &mpsc::Sender<JoinHandle<Batch>>) -> (Box<dyn Source>, io::Result<()>) {
    loop {
        let mut pieces = Vec::with_capacity(MAX_IMPORT);
        let mut text = Vec::new();
        let mut size = 0;
        let mut end = Ok(());
        while pieces.len() < MAX_IMPORT && size < MAX_IMPORT_BYTES {
            match source.next(&mut text) {
                Ok(Some(piece)) => {
                    size += piece.size();
                    pieces.push(piece);
                }
                Ok(None) => break,
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        let position = source.position();
        // Whoever imports may have ended; what was read before a failure is handed over first.
        let is_done = pieces.is_empty()
            || batches.blocking_send(tokio::task::spawn_blocking(move || decode(&pieces, &text, position))).is_err();
        if is_done || end.is_err() {
            return (source, end);
        }
    }
}

fn decode(pieces: &[Piece], text: &[u8], position: u64) -> Batch {
    let mut batch = Batch { pieces: pieces.len() as u64, position, ..Batch::default() };
    batch.messages.reserve(pieces.len());
    for piece in pieces {
        match piece.decode(text) {
            Ok(message) => batch.messages.extend(message),
            Err(refusal) => batch.refused.push(refusal),
        }
    }
    batch
}
