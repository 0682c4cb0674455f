//! Copying the recent writes into the database file, beside the one who writes.
//!
//! SQLite appends to its log of recent writes (the write-ahead log) until all of it stands in the database file, and then
//! begins it anew. Copying takes as long as the disk does, so a thread of its own does nearly all of it while messages go on
//! being written; the writer only copies what came in the last moment. Should the disk not keep up, the writer waits.

use std::{
    io::Read,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    error::StoreError,
    schema::{BUSY, CHECKPOINT_PAGES, DATABASE, MAX_LOGGED_PAGES},
};

/// With fewer pages than this to copy the thread is done: the writer copies them, about two megabytes.
const FEW: i64 = 256;
/// How often the thread goes after a writer who does not rest.
const ROUNDS: usize = 6;

/// When recent writes are copied, in pages of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From here on beside the writer.
    pub(super) begin: u32,
    /// From here on the writer waits for it.
    pub(super) wait: u32,
}

impl Limits {
    pub(super) const USUAL: Limits = Limits { begin: CHECKPOINT_PAGES, wait: MAX_LOGGED_PAGES };
}

/// The thread that copies, while there is one.
#[derive(Debug)]
pub(super) struct Checkpointer {
    database: PathBuf,
    limits: Limits,
    thread: Option<JoinHandle<Result<(), rusqlite::Error>>>,
}

/// What the writer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    GoOn,
    /// Copy what is left: it is little, or it is too much.
    Copy,
}

impl Checkpointer {
    pub(super) fn new(folder: &Path, limits: Limits) -> Self {
        Self { database: folder.join(DATABASE), limits, thread: None }
    }

    /// The log of recent writes has `logged` pages that are not all copied.
    pub(super) fn advise(&mut self, logged: u32) -> Result<Advice, StoreError> {
        if logged < self.limits.begin {
            return Ok(Advice::GoOn);
        }
        match self.thread.take_if(|thread| thread.is_finished() || logged >= self.limits.wait) {
            Some(thread) => {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                Ok(Advice::Copy)
            }
            None if logged >= self.limits.wait => Ok(Advice::Copy),
            None if self.thread.is_some() => Ok(Advice::GoOn),
            None => {
                let database = self.database.clone();
                let name = "checkpoint".to_owned();
                let spawned = thread::Builder::new().name(name).spawn(move || copy_nearly_all(&database));
                // Without a thread the writer does it.
                self.thread = spawned.ok();
                Ok(if self.thread.is_some() { Advice::GoOn } else { Advice::Copy })
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Nothing touches the database once the store is gone. What was not copied is copied at the next start.
            let _ = thread.join();
        }
    }
}

/// Copies recent writes until few are left, on a connection of its own.
fn copy_nearly_all(database: &Path) -> Result<(), rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    let mut before = 0;
    for _ in 0..ROUNDS {
        let copied = checkpoint(&db)?.copied;
        if copied - before < FEW {
            break;
        }
        before = copied;
    }
    Ok(())
}

/// What a checkpoint did, in pages of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    pub(super) copied: i64,
    /// Whether that is all of it: not while somebody reads an older state.
    pub(super) is_all: bool,
}

/// Copies what is in the log now. Both files are synced by it, with `synchronous=NORMAL`
/// (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
pub(super) fn checkpoint(db: &Connection) -> Result<Copied, rusqlite::Error> {
    // https://www.sqlite.org/pragma.html#pragma_wal_checkpoint: busy, pages in the log, pages copied.
    let mut statement = db.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    let (busy, logged, copied): (i64, i64, i64) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Copied { copied, is_all: busy == 0 && logged == copied })
}

/// How often the log of recent writes has begun anew (<https://www.sqlite.org/fileformat2.html#wal_file_format>); none when
/// it cannot be read.
pub(super) fn log_number(folder: &Path) -> Option<u32> {
    let mut head = [0; 16];
    std::fs::File::open(folder.join(format!("{DATABASE}-wal"))).ok()?.read_exact(&mut head).ok()?;
    let [.., a, b, c, d] = head;
    Some(u32::from_be_bytes([a, b, c, d]))
}
