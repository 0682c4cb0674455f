//! Copies of the database, kept beside it: the newest of each day, and one from before the last change of its form.
//!
//! A copy is of one moment, whatever is written meanwhile: SQLite's backup over a snapshot (<https://www.sqlite.org/backup.html>),
//! a few pages at a time. It is checked before it takes the place of the one before, so that a damaged database never replaces a
//! good copy.
//!
//! The journal of own messages is not in it and must not be: it is what shows that a copy which was put back is old.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OpenFlags, backup::StepResult};
use tokio::task::spawn_blocking;

use crate::{
    Store,
    folder::{owner_only, sync_folder_of},
    schema::DATABASE,
};

/// The folder of the copies, in the person's folder.
pub const BACKUPS: &str = "backup";
/// The copy of the last day on which something changed.
pub(crate) const DAILY: &str = "daily.sqlite";
/// The copy from before the database was last brought to a new form, or mended in place.
pub(crate) const BEFORE: &str = "before-change.sqlite";
/// What a copy that is being written is called.
pub(crate) const UNFINISHED: &str = "sqlite.new";

/// How old the newest daily copy is before another is made.
pub const BACKUP_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many pages are copied at a time: 1 MiB.
const STEP_PAGES: i32 = 128;
/// How long the disk is left to others after each step of an unhurried copy: about 100 MB a second at most.
const PAUSE: Duration = Duration::from_millis(10);
/// A copy is made only where so many times its size is free, so that it never takes the last room from new messages.
const ROOM: u64 = 2;
/// How long a statement waits for another connection.
const BUSY: Duration = Duration::from_secs(10);

/// What became of a copy that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// It is there, checked and synced.
    Made {
        /// Its size.
        bytes: u64,
    },
    /// The newest one is less than [`BACKUP_EVERY`] old.
    NotDue,
    /// Nothing has come since the newest one.
    Unchanged,
    /// The disk is too full; the older copies stay.
    NoRoom {
        /// How many bytes have to be free.
        needed: u64,
        /// How many are.
        free: u64,
    },
    /// It was told to stop before it was done.
    Stopped,
}

/// Why no copy could be made. The older ones stay.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database or its copy cannot be read.
    #[error("the database could not be copied: {0}. Run `peri doctor` to see whether it is damaged.")]
    Database(#[from] rusqlite::Error),
    /// What was copied is damaged, so the database is.
    #[error("the database is damaged ({0}), so the older copy was kept. Run `peri doctor` to see what can be saved.")]
    Damaged(String),
    /// The disk.
    #[error("no copy of the database could be written: {0}. Check that the disk has room and may be written.")]
    Disk(#[from] io::Error),
    /// The program is ending.
    #[error("the store is closing. Open the folder again.")]
    Closing,
}

/// How fast a copy is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// With pauses: others write and read meanwhile.
    Unhurried,
    /// Without: somebody waits for it.
    Fast,
}

impl Store {
    /// Makes the copy of the day, where one is due and something has changed. Nobody waits for it but the caller: writing goes on
    /// meanwhile. It ends early, without a copy, soon after `stop` is set.
    ///
    /// # Errors
    /// When the database is damaged or the disk refuses.
    pub async fn back_up(&self, pace: Pace, stop: Arc<AtomicBool>) -> Result<Backup, BackupError> {
        // The folder stays locked while this runs, whatever becomes of the other clones.
        let store = self.clone();
        let work = move || {
            let folder = store.folder();
            let daily = folder.join(BACKUPS).join(DAILY);
            if age(&daily).is_some_and(|age| age < BACKUP_EVERY) {
                return Ok(Backup::NotDue);
            }
            let database = folder.join(DATABASE);
            if is_unchanged(&database, &daily) {
                return Ok(Backup::Unchanged);
            }
            copy(&database, &daily, pace, &stop)
        };
        spawn_blocking(work).await.map_err(|_| BackupError::Closing)?
    }
}

/// Keeps the database of `folder` as it is, before something changes its form.
pub(crate) fn keep_before_change(folder: &Path) -> Result<Backup, BackupError> {
    copy(&folder.join(DATABASE), &folder.join(BACKUPS).join(BEFORE), Pace::Fast, &AtomicBool::new(false))
}

/// The copies that are there, the newest first, with their age where the clock gives one.
pub(crate) fn copies(folder: &Path) -> Vec<(PathBuf, Option<Duration>)> {
    let mut copies: Vec<_> = [DAILY, BEFORE]
        .into_iter()
        .map(|name| folder.join(BACKUPS).join(name))
        .filter(|path| path.is_file())
        .map(|path| (age(&path), path))
        .collect();
    copies.sort();
    copies.into_iter().map(|(age, path)| (path, age)).collect()
}

/// How old a file is; none when it is not there or dated in the future.
fn age(path: &Path) -> Option<Duration> {
    SystemTime::now().duration_since(fs::metadata(path).ok()?.modified().ok()?).ok()
}

/// Whether the copy holds every message that the database holds.
fn is_unchanged(database: &Path, copy: &Path) -> bool {
    let newest = |path: &Path| -> rusqlite::Result<i64> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(BUSY)?;
        db.query_row("SELECT coalesce(max(row), 0) FROM log", [], |row| row.get(0))
    };
    matches!((newest(database), newest(copy)), (Ok(here), Ok(there)) if here == there)
}

/// Copies a database that may be in use: to a temporary name, checked, synced, renamed.
pub(crate) fn copy(from: &Path, to: &Path, pace: Pace, stop: &AtomicBool) -> Result<Backup, BackupError> {
    let folder = to.parent().unwrap_or(to);
    make_private(folder)?;
    let needed = fs::metadata(from)?.len().saturating_mul(ROOM);
    let free = free_bytes(folder)?;
    if free < needed {
        tracing::warn!(needed, free, "no copy of the database is made: the disk is too full");
        return Ok(Backup::NoRoom { needed, free });
    }
    let unfinished = to.with_extension(UNFINISHED);
    remove(&unfinished)?;
    let done = copy_to(from, &unfinished, pace, stop);
    match done {
        Ok(true) => {
            let file = owner_only().open(&unfinished)?;
            file.sync_all()?;
            fs::rename(&unfinished, to)?;
            sync_folder_of(to)?;
            Ok(Backup::Made { bytes: file.metadata()?.len() })
        }
        Ok(false) => {
            remove(&unfinished)?;
            Ok(Backup::Stopped)
        }
        Err(error) => {
            // The reason counts, not whether the half copy could be taken away; the next one replaces it.
            let _ = remove(&unfinished);
            Err(error)
        }
    }
}

/// False when it was stopped.
fn copy_to(from: &Path, to: &Path, pace: Pace, stop: &AtomicBool) -> Result<bool, BackupError> {
    owner_only().create_new(true).open(to)?;
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(BUSY)?;
    // One moment for the whole copy: without it every write in between would begin it anew.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    {
        let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
        while backup.step(STEP_PAGES)? == StepResult::More {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if pace == Pace::Unhurried {
                thread::sleep(PAUSE);
            }
        }
    }
    drop(source);
    // One file, without another beside it; whoever opens it to write changes that again.
    target.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    let verdict: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(BackupError::Damaged(verdict));
    }
    target.close().map_err(|(_, error)| error)?;
    Ok(!stop.load(Ordering::Relaxed))
}

/// Makes a folder that only its owner can look into; one that is there already stays as it is.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What the disk of `path` has left for this user, in bytes.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Removes a file that may be missing.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
