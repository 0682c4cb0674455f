//! `peri blob`: files that messages link to.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use app::blobs::{self, AddedBlob, BlobCheck, BlobFetch, BlobTidying, BlobUsage, FetchState, StoredBlob};
use app::rpc::Request;
use app::view::{Failure, FailureCode};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::connection::Connection;
use crate::show::count;
use crate::{Ended, broken, print, print_json, show_or_json};

/// How often a fetch is looked at.
const ASK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(crate) enum BlobCommand {
    /// Keep a file here under the name of its content; print that. It is never tidied away
    Add {
        /// The file; - for stdin
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
    /// Write a file that is kept here, checked on the way
    Get {
        /// Its id; in quotes, because a shell means something else by &
        #[arg(value_name = "&ID")]
        id: String,
        /// Where to; it must not be there yet. Without: stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Ask whoever is near for a file, of any size, and keep it; print its id once it is here
    Fetch {
        /// Its id; in quotes, because a shell means something else by &
        #[arg(value_name = "&ID")]
        id: String,
        /// Write it there as well; nothing must be there yet
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Give up waiting after so many seconds, with exit code 1; the fetch goes on by itself
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
        /// Do not wait: say how far it is, as one JSON object {"id","state":"stored"|"fetching"|"waiting","size","done","sources"}
        #[arg(long, conflicts_with_all = ["out", "wait"])]
        json: bool,
    },
    /// Remove a file that is kept here, or no longer ask for one
    Remove {
        /// Its id
        #[arg(value_name = "&ID")]
        id: String,
    },
    /// What files take, and whose they are
    Usage {
        /// One JSON object: {"count","bytes","limit","own":{"count","bytes"},"others":{…},"unlinked":{…},"thumbnails","damaged","free"}
        #[arg(long)]
        json: bool,
    },
    /// Read every file again; what is damaged is moved aside and named, and the command ends with 1
    Check {
        /// One JSON object: {"checked","bytes","damaged":["&…"]}
        #[arg(long)]
        json: bool,
    },
    /// Show which files would go to make room: never your own, those that nothing links to first
    Tidy {
        /// How much room to make: a number of bytes, or one with K, M or G
        #[arg(long, value_name = "SIZE", value_parser = size)]
        free: u64,
        /// Let them go
        #[arg(long)]
        yes: bool,
        /// One JSON object: {"count","bytes","done","first":[{"id","size","linked"}]}
        #[arg(long)]
        json: bool,
    },
}

/// Does what was typed, for the folder that `node` speaks for.
pub(crate) async fn run(command: BlobCommand, folder: &Path, node: &mut Connection) -> Result<(), Ended> {
    match command {
        BlobCommand::Add { file } => {
            let added = add(node, folder, file).await?;
            if added.is_large {
                eprintln!("It is larger than what Scuttlebutt apps fetch from each other by themselves (5 MiB).");
            }
            print(added.id)
        }
        BlobCommand::Get { id, out } => {
            let stored: StoredBlob = node.ask(Request::Blob { id }).await?;
            match out {
                Some(path) => write_file(&stored, &path),
                None => write_stdout(&stored),
            }
        }
        BlobCommand::Fetch { id, json: true, .. } => print_json(&fetch_once(node, &id).await?),
        BlobCommand::Fetch { id, out, wait, json: false } => fetch(node, id, out, wait).await,
        BlobCommand::Remove { id } => match node.ask(Request::BlobRemove { id: id.clone() }).await? {
            true => Ok(()),
            false => Err(Failure::new(
                FailureCode::NotFound,
                format!("{id} is not stored here: there is nothing to remove."),
                "Look at what is, with `peri blob usage`.",
            )
            .into()),
        },
        BlobCommand::Usage { json } => show_or_json(json, &node.ask(Request::BlobUsage {}).await?, usage),
        BlobCommand::Check { json } => check(node, json).await,
        BlobCommand::Tidy { free, yes, json } => {
            show_or_json(json, &node.ask(Request::BlobTidy { bytes: free, remove: yes }).await?, tidying)
        }
    }
}

async fn fetch_once(node: &mut Connection, id: &str) -> Result<BlobFetch, Failure> {
    node.ask(Request::BlobFetch { id: id.to_owned() }).await
}

/// Asks until the file is here, with a bar on a terminal.
async fn fetch(node: &mut Connection, id: String, out: Option<PathBuf>, wait: Option<u64>) -> Result<(), Ended> {
    let style = ProgressStyle::with_template("{spinner} {msg} {bytes}/{total_bytes} {bytes_per_sec}");
    let bar = ProgressBar::new(0).with_style(style.map_err(Failure::internal)?);
    let begun = Instant::now();
    loop {
        let fetch = fetch_once(node, &id).await?;
        if fetch.state == FetchState::Stored {
            break;
        }
        bar.set_length(fetch.size.unwrap_or_default());
        bar.set_position(fetch.done);
        bar.set_message(match (fetch.state, fetch.sources) {
            (_, 0) => "nobody near has it, or may give it to you".to_owned(),
            (FetchState::Fetching, sources) => format!("from {}", count(sources, "device")),
            (_, sources) => format!("waiting for {}", count(sources, "device")),
        });
        if wait.is_some_and(|wait| begun.elapsed() >= Duration::from_secs(wait)) {
            bar.finish_and_clear();
            return Err(Failure::new(
                FailureCode::NotFound,
                format!("{id} is not here yet."),
                "It goes on by itself while people are near who have it; `peri blob remove` ends that.",
            )
            .into());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    bar.finish_and_clear();
    if let Some(path) = out {
        let stored: StoredBlob = node.ask(Request::Blob { id: id.clone() }).await?;
        write_file(&stored, &path)?;
    }
    print(id)
}

/// A running node reads a file itself, from its path; what has none is written beside its files for it first.
async fn add(node: &mut Connection, folder: &Path, file: PathBuf) -> Result<AddedBlob, Failure> {
    let stream: Box<dyn io::Read + Send> = if file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        let disk = |error| Failure::disk(&file, &error);
        // A path that is not UTF-8 cannot stand in JSON.
        let is_told = file.is_dir() || (file.is_file() && file.to_str().is_some());
        if is_told {
            return node.ask(Request::BlobAdd { path: std::path::absolute(&file).map_err(disk)? }).await;
        }
        // Something that flows, as a shell's <(command).
        Box::new(File::open(&file).map_err(disk)?)
    };
    match node {
        Connection::Here(app) => app.add_blob(stream).await,
        Connection::There(_) => {
            let folder = folder.to_owned();
            let spooled = tokio::task::spawn_blocking(move || blobs::spool(&folder, stream));
            let spooled = spooled.await.map_err(Failure::internal)??;
            let path = std::path::absolute(spooled.path()).map_err(|error| Failure::disk(spooled.path(), &error))?;
            node.ask(Request::BlobAdd { path }).await
        }
    }
}

/// Writes a new file; nothing stays of one that turned out to be damaged.
fn write_file(stored: &StoredBlob, path: &Path) -> Result<(), Ended> {
    let mut file = File::options().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            FailureCode::BadInput,
            format!("{} is there already.", path.display()),
            "Nothing was written over it: choose another name.",
        ),
        _ => Failure::new_file(path, &error),
    })?;
    let written = match blobs::copy(stored, &mut file) {
        Ok(written) => written.and_then(|_| file.sync_all()).map_err(|error| Failure::disk(path, &error)),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = written {
        drop(file);
        std::fs::remove_file(path).map_err(|error| Failure::disk(path, &error))?;
        return Err(failure.into());
    }
    Ok(())
}

/// Read twice, because what has gone down a pipe cannot be taken back.
fn write_stdout(stored: &StoredBlob) -> Result<(), Ended> {
    blobs::copy(stored, io::sink())?.map_err(|error| broken(&error))?;
    let mut stdout = io::stdout().lock();
    let written = blobs::copy(stored, &mut stdout)?;
    written.and_then(|_| stdout.flush()).map_err(|error| broken(&error))
}

/// What `peri blob check` found.
#[derive(Debug, Default, Serialize)]
struct Report {
    checked: u64,
    bytes: u64,
    damaged: Vec<String>,
}

async fn check(node: &mut Connection, json: bool) -> Result<(), Ended> {
    let usage: BlobUsage = node.ask(Request::BlobUsage {}).await?;
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left");
    // Drawn on a terminal only.
    let bar = ProgressBar::new(usage.bytes).with_style(style.map_err(Failure::internal)?);
    let mut report = Report::default();
    let mut after = None;
    loop {
        let part: BlobCheck = node.ask(Request::BlobCheck { after }).await?;
        report.checked += part.checked;
        report.bytes += part.bytes;
        report.damaged.extend(part.damaged);
        bar.inc(part.bytes);
        match part.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    bar.finish_and_clear();
    show_or_json(json, &report, |report| {
        let mut text = format!("{}, {} checked", count(report.checked, "file"), megabytes(report.bytes));
        for id in &report.damaged {
            text.push_str(&format!("\n{id} is damaged"));
        }
        text
    })?;
    match report.damaged.len() {
        0 => Ok(()),
        damaged => Err(Failure::new(
            FailureCode::Disk,
            format!("{} found; now in blobs/damaged.", count(damaged as u64, "damaged file")),
            "Ask people near for them with `peri blob fetch`, or add them again from where you have them; and look after the disk.",
        )
        .into()),
    }
}

fn usage(usage: &BlobUsage) -> String {
    let line =
        |what: &str, share: &blobs::Share| format!("\n  {what:<32}{:>8}  {}", share.count, megabytes(share.bytes));
    let mut text = format!("{}, {} of {}", count(usage.count, "file"), megabytes(usage.bytes), megabytes(usage.limit));
    text.push_str(&line("yours", &usage.own));
    text.push_str(&line("of other people's messages", &usage.others));
    text.push_str(&line("of no message stored here", &usage.unlinked));
    text.push_str(&format!(
        "\n{} of thumbnails\n{} free on the disk",
        megabytes(usage.thumbnails),
        megabytes(usage.free)
    ));
    if usage.damaged > 0 {
        text.push_str(&format!("\nin blobs/damaged: {}", count(usage.damaged, "damaged file")));
    }
    text
}

fn tidying(tidying: &BlobTidying) -> String {
    let mut text = String::new();
    for blob in &tidying.first {
        let why = if blob.linked { "of other people's messages" } else { "nothing links to it" };
        text.push_str(&format!("{}  {}  {why}\n", blob.id, megabytes(blob.size)));
    }
    let more = tidying.count.saturating_sub(tidying.first.len() as u64);
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
    let bytes = megabytes(tidying.bytes);
    text.push_str(&match (tidying.done, tidying.count) {
        (_, 0) => "There is nothing that may go.".to_owned(),
        (true, _) => format!("{bytes} are free again."),
        (false, number) => format!("{} would go and free {bytes}: --yes does that.", count(number, "file")),
    });
    text
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Reads the value of `--free`.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let units = [(['k', 'K'], 1_000), (['m', 'M'], 1_000_000), (['g', 'G'], 1_000_000_000)];
    let (digits, factor) = units
        .into_iter()
        .find_map(|(letters, factor)| Some((text.strip_suffix(letters)?, factor)))
        .unwrap_or((text, 1));
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.filter(|bytes| *bytes > 0).ok_or_else(|| "expected a number of bytes, or one with K, M or G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_of_bytes_or_of_more() {
        for (text, bytes) in [("1", 1), ("20K", 20_000), ("500M", 500_000_000), (" 2g ", 2_000_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "M", "-1", "1.5G", "12é", "99999999999999999999", "99999999999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_would_go_is_named_with_how_to_let_it_go() {
        let blob = |linked| blobs::TidyBlob { id: "&x".into(), size: 2_000_000, linked };
        let plan = BlobTidying { count: 3, bytes: 6_000_000, done: false, first: vec![blob(false), blob(true)] };
        let text = tidying(&plan);
        assert!(
            text.contains("nothing links to it") && text.contains("and 1 more") && text.contains("--yes"),
            "{text}"
        );
        assert!(tidying(&BlobTidying { done: true, ..plan }).contains("6.0 MB are free again"));
        assert!(tidying(&BlobTidying::default()).contains("nothing that may go"));
    }
}
