//! Messages that were saved from a damaged database and have no place in the log yet, because one before them is lost.
//!
//! They lie in a file in the form of an export, until others have brought what is before them; each start of the store looks
//! whether that has happened. Mostly others bring them too; but perhaps nobody else has them.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
};

use feed::{Message, Verified, Verifier, check_next};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    AppendError, Snapshot, Store, StoreError,
    folder::{owner_only, sync_folder_of},
    log::read_body,
};

/// The file in the folder.
pub(crate) const SALVAGED: &str = "salvaged.ndjson";
/// The longest line that is read, in bytes; a message's takes less than a tenth of it.
const MAX_LINE: u64 = 1 << 20;
/// How many messages are stored at a time.
const BATCH: usize = 1024;

/// One line; the key is for people.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    timestamp: i64,
}

/// The messages of the file with the time of their receipt, in Unix milliseconds; none for a line that is no message.
pub(super) fn lines(file: File) -> impl Iterator<Item = io::Result<Option<(Message, i64)>>> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        line.clear();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(read_line(&line))),
            Err(error) => Some(Err(error)),
        }
    })
}

fn read_line(line: &[u8]) -> Option<(Message, i64)> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    Some((Message::decode(line.value.get().as_bytes()).ok()?, line.timestamp))
}

fn write_line(out: &mut impl Write, message: &Message, received: i64) -> io::Result<()> {
    write!(out, "{{\"key\":\"{}\",\"value\":", message.id())?;
    out.write_all(message.encoded())?;
    writeln!(out, ",\"timestamp\":{received}}}")
}

/// Replaces the file by what `write` writes and counts; removes it when that is nothing.
fn replace(
    folder: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<u64, StoreError>,
) -> Result<u64, StoreError> {
    let path = folder.join(SALVAGED);
    let temporary = folder.join(format!("{SALVAGED}.new"));
    let mut out = BufWriter::new(owner_only().create(true).truncate(true).open(&temporary)?);
    let count = write(&mut out)?;
    if count == 0 {
        drop(out);
        fs::remove_file(&temporary)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    } else {
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, &path)?;
    }
    sync_folder_of(&path)?;
    Ok(count)
}

/// Writes down what was found (see `gather`) and has no place. Returns how many messages.
pub(super) fn keep(folder: &Path, found: &Connection) -> Result<u64, StoreError> {
    let mut statement = found
        .prepare("SELECT feed, sequence, received, body FROM found WHERE place IS NULL ORDER BY feed, sequence")?;
    let mut rows = statement.query([])?;
    replace(folder, |out| {
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let feed = row.get_ref(0)?.as_blob().unwrap_or_default();
            let Ok(feed) = feed::FeedId::from_tagged(feed) else { continue };
            let body = row.get_ref(3)?.as_blob().unwrap_or_default();
            let message = read_body(feed, row.get::<_, i64>(1)? as u64, body)?;
            write_line(out, &message, row.get(2)?)?;
            count += 1;
        }
        Ok(count)
    })
}

/// Stores what has a place by now, forgets what others have brought, and keeps the rest.
pub(crate) async fn place(store: &Store) -> Result<(), StoreError> {
    let file = match File::open(store.folder().join(SALVAGED)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let verifier = Verifier::new(store.network());
    let Snapshot { mut heads, frozen, .. } = store.snapshot().await?;
    let (mut batch, mut received) = (Vec::new(), 0);
    let mut placed = 0;
    for line in lines(file) {
        let Some((message, came)) = line? else { continue };
        let author = message.author();
        if frozen.contains(&author) || check_next(heads.get(&author), &message).is_err() {
            continue;
        }
        // A file may have been changed by others than us.
        let Ok(message) = verifier.verify(message) else { continue };
        heads.insert(author, message.head());
        if came != received || batch.len() >= BATCH {
            placed += append(store, &mut batch, received).await?;
            received = came;
        }
        batch.push(message);
    }
    placed += append(store, &mut batch, received).await?;
    let folder = store.folder().to_owned();
    let waits =
        move |message: &Message| heads.get(&message.author()).is_none_or(|head| head.sequence < message.sequence());
    let rewrite = move || {
        let file = File::open(folder.join(SALVAGED))?;
        replace(&folder, |out| {
            let mut count = 0;
            for line in lines(file) {
                if let Some((message, came)) = line?
                    && waits(&message)
                {
                    write_line(out, &message, came)?;
                    count += 1;
                }
            }
            Ok(count)
        })
    };
    let left = tokio::task::spawn_blocking(rewrite).await.map_err(|_| StoreError::Closing)??;
    tracing::info!(placed, left, "messages that were saved from a damaged database");
    Ok(())
}

async fn append(store: &Store, batch: &mut Vec<Verified>, received: i64) -> Result<usize, StoreError> {
    let batch = std::mem::take(batch);
    let count = batch.len();
    match store.append(batch, received, false).await {
        Ok(()) => Ok(count),
        Err(AppendError::Store(error)) => Err(error),
        // It stays with those who have it.
        Err(error) => {
            tracing::warn!(%error, "a saved message was not taken");
            Ok(0)
        }
    }
}
