//! `peri import`: messages from a file, decoded on all cores while the batch before is verified and stored.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

use app::rpc::{MAX_IMPORT, MAX_IMPORT_BYTES, Request};
use app::status::Imported;
use app::view::Failure;
use feed::Message;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::Ended;
use crate::connection::Connection;
use crate::source::{LineSource, Piece, Source};

/// The last line on stdout.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) read: u64,
    pub(crate) stored: u64,
    pub(crate) known: u64,
    pub(crate) rejected: u64,
    pub(crate) waiting: u64,
    pub(crate) seconds: f64,
}

/// Imports a file, `-` for stdin.
pub(crate) async fn run(node: &mut Connection, file: &str) -> Result<(), Ended> {
    let (source, bar) = open(file)?;
    let report = pour(node, source, &bar, Path::new(file)).await?;
    bar.finish_and_clear();
    crate::print_json(&report)
}

/// Hands over everything that a source has. `place` is what a failure to read it names.
pub(crate) async fn pour(
    node: &mut Connection,
    source: Box<dyn Source>,
    bar: &ProgressBar,
    place: &Path,
) -> Result<Report, Failure> {
    let begun = Instant::now();
    let mut report = Report::default();
    let mut next = read_ahead(source);
    loop {
        let (source, batch) = next.await.map_err(Failure::internal)?;
        let batch = batch.map_err(|error| Failure::disk(place, &error))?;
        if batch.pieces == 0 {
            break;
        }
        report.read += batch.pieces;
        let position = source.position();
        next = read_ahead(source);
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
        bar.set_position(position);
    }
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

async fn hand_over(node: &mut Connection, messages: Vec<Message>) -> Result<Imported, Failure> {
    if let Connection::Here(app) = node {
        return app.import(messages).await;
    }
    let text = |message: Message| String::from_utf8_lossy(message.encoded()).into_owned();
    node.ask(Request::Import { messages: messages.into_iter().map(text).collect() }).await
}

fn open(file: &str) -> Result<(Box<dyn Source>, ProgressBar), Failure> {
    let (source, bar, style): (Box<dyn Source>, _, _) = match file {
        "-" => {
            let style = "{spinner} {bytes} {bytes_per_sec} for {elapsed}";
            (Box::new(LineSource::new(BufReader::new(io::stdin()))), ProgressBar::new_spinner(), style)
        }
        path => {
            let disk = |error| Failure::disk(Path::new(path), &error);
            let file = File::open(path).map_err(disk)?;
            let bytes = file.metadata().map_err(disk)?.len();
            let source = LineSource::new(BufReader::with_capacity(1 << 20, file));
            (Box::new(source), ProgressBar::new(bytes), BAR)
        }
    };
    // Drawn on a terminal only; elsewhere the bar is hidden.
    let style = ProgressStyle::with_template(style).map_err(Failure::internal)?;
    Ok((source, bar.with_style(style)))
}

/// How far an import is whose size is known.
pub(crate) const BAR: &str = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";

/// Some messages, decoded.
#[derive(Debug, Default)]
struct Batch {
    messages: Vec<Message>,
    refused: Vec<String>,
    pieces: u64,
}

/// Reads and decodes the next batch beside whatever else is done.
fn read_ahead(mut source: Box<dyn Source>) -> tokio::task::JoinHandle<(Box<dyn Source>, io::Result<Batch>)> {
    tokio::task::spawn_blocking(move || {
        let batch = read(source.as_mut());
        (source, batch)
    })
}

fn read(source: &mut dyn Source) -> io::Result<Batch> {
    let mut pieces = Vec::new();
    let mut size = 0;
    while pieces.len() < MAX_IMPORT && size < MAX_IMPORT_BYTES {
        let Some(piece) = source.next()? else { break };
        size += piece.size();
        pieces.push(piece);
    }
    let cores = available_parallelism().map_or(1, usize::from);
    let share = pieces.len().div_ceil(cores).max(1);
    let decoded: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = pieces
            .chunks(share)
            .map(|pieces| scope.spawn(|| pieces.iter().map(Piece::decode).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut batch = Batch { pieces: pieces.len() as u64, ..Batch::default() };
    for result in decoded {
        match result {
            Ok(message) => batch.messages.extend(message),
            Err(refusal) => batch.refused.push(refusal),
        }
    }
    Ok(batch)
}
