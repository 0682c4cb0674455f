//! The database file: how it is opened, its migrations, and its small values.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    backup::{self, BackupError},
    doctor::wal_of,
    error::{OpenError, StoreError},
    folder::{disk, owner_only, sync_folder_of},
};

/// The name of the database in the folder.
pub(crate) const DATABASE: &str = "periwinkle.sqlite";
/// One per topic, in order; never changed once released.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// 8 KiB: a dozen messages to a page, and fewer levels of index than with the default of 4 KiB.
pub(crate) const PAGE_BYTES: u32 = 8192;
/// Pages from which on the log of recent writes is copied into the database, beside the one who writes: 64 MiB. The more come
/// together, the more of them are the same page.
pub(crate) const CHECKPOINT_PAGES: u32 = 8000;
/// Pages that it may hold before the writer waits for that: 128 MiB.
pub(crate) const MAX_LOGGED_PAGES: u32 = 2 * CHECKPOINT_PAGES;
/// What the log of recent writes keeps on the disk after it was copied, in bytes: as much as between two checkpoints.
pub(crate) const WAL_BYTES: i64 = CHECKPOINT_PAGES as i64 * PAGE_BYTES as i64;
/// Page cache of the connection that writes messages, in KiB (negative by SQLite's convention).
pub(crate) const WRITER_CACHE: i64 = -16384;
/// Page cache of the connection for small values.
const SMALL_CACHE: &str = "-2048";
/// Page cache of each connection that reads.
const READER_CACHE: &str = "-2048";
/// How many queries run at once; others wait.
const READERS: u32 = 4;
/// How long a statement waits for another connection, which holds its lock for moments only.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

/// The migrations of this version, in order: number and checksum.
pub(crate) fn versions() -> Vec<(i64, Vec<u8>)> {
    MIGRATIONS.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
}

fn options(folder: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(folder.join(DATABASE))
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        // The last transactions may be lost with the power; own messages are in the journal, others come again.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(false)
        .busy_timeout(BUSY)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

/// Opens the connection for small values, makes the database if `create`, and brings its tables up to date.
pub(crate) async fn open_writer(folder: &Path, create: bool) -> Result<SqliteConnection, OpenError> {
    let path = folder.join(DATABASE);
    if create {
        // Made here so that only its owner can read it; SQLite gives the files beside it the same mode.
        owner_only().create(true).truncate(false).open(&path).map_err(disk(&path))?;
        sync_folder_of(&path).map_err(disk(&path))?;
    } else if !path.try_exists().map_err(disk(&path))? || is_empty(&path) {
        return Err(OpenError::DatabaseMissing(folder.to_owned()));
    } else {
        keep_before_migration(folder).await?;
    }
    let mut db = options(folder)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", WAL_BYTES.to_string())
        .pragma("cache_size", SMALL_CACHE)
        .connect()
        .await
        .map_err(StoreError::from)?;
    MIGRATIONS.run(&mut db).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooOld(..) | MigrateError::VersionTooNew(..) => {
            OpenError::NewerVersion(folder.to_owned())
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::from(error).into(),
        // A migration that is noted otherwise than it is, or as not finished, which SQLite's transactions rule out.
        MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => StoreError::BadValue("migrations").into(),
        error => StoreError::from(sqlx::Error::Migrate(Box::new(error))).into(),
    })?;
    Ok(db)
}

/// Whether nothing was ever written there; after a kill the first page may still be in the log of recent writes.
fn is_empty(database: &Path) -> bool {
    let is_empty = |path: &Path| std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    is_empty(database) && is_empty(&wal_of(database))
}

/// Keeps a copy of a database that migrations are about to change. On a full disk the migrations run without.
async fn keep_before_migration(folder: &Path) -> Result<(), OpenError> {
    let folder = folder.to_owned();
    let keep = move || {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
        let applied: rusqlite::Result<i64> = rusqlite::Connection::open_with_flags(folder.join(DATABASE), flags)
            .and_then(|db| {
                db.busy_timeout(BUSY)?;
                db.query_row("SELECT coalesce(max(version), 0) FROM _sqlx_migrations", [], |row| row.get(0))
            });
        let newest = versions().last().map_or(0, |(version, _)| *version);
        // Whatever else is wrong is said by the opening itself.
        if !applied.is_ok_and(|applied| (1..newest).contains(&applied)) {
            return Ok(());
        }
        match backup::keep_before_change(&folder) {
            Ok(kept) => {
                tracing::info!(?kept, "the database gets a new form");
                Ok(())
            }
            Err(BackupError::Disk(error)) => {
                tracing::warn!(%error, "no copy of the database could be made before it gets a new form");
                Ok(())
            }
            Err(error) => Err(OpenError::Backup(error)),
        }
    };
    tokio::task::spawn_blocking(keep).await.map_err(|_| StoreError::Closing)?
}

/// Opens the connections that read. They never wait for the one that writes, nor it for them.
pub(crate) async fn open_readers(folder: &Path) -> Result<SqlitePool, StoreError> {
    let options = options(folder).read_only(true).pragma("cache_size", READER_CACHE);
    Ok(SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await?)
}

/// Copies the recent writes into the database file and syncs it. Returns whether all of them went in: not while
/// somebody reads an older state.
pub(crate) async fn checkpoint(db: &mut SqliteConnection) -> Result<bool, StoreError> {
    run_checkpoint("PRAGMA wal_checkpoint(PASSIVE)", db).await
}

/// Like [`checkpoint`], and gives the room that the recent writes took back to the disk. For the end: it waits for
/// everybody who reads.
pub(crate) async fn last_checkpoint(db: &mut SqliteConnection) -> Result<bool, StoreError> {
    run_checkpoint("PRAGMA wal_checkpoint(TRUNCATE)", db).await
}

async fn run_checkpoint(statement: &'static str, db: &mut SqliteConnection) -> Result<bool, StoreError> {
    // https://www.sqlite.org/pragma.html#pragma_wal_checkpoint: busy, frames in the log, frames copied.
    // With `synchronous=NORMAL` both files are synced by it (https://www.sqlite.org/pragma.html#pragma_synchronous).
    let (busy, logged, copied): (i64, i64, i64) = sqlx::query_as(statement).fetch_one(db).await?;
    Ok(busy == 0 && logged == copied)
}

/// Names of the small values.
pub(crate) mod meta {
    /// The tagged id of the feed that the folder belongs to.
    pub(crate) const OWNER: &str = "owner";
    /// The 32 bytes of the network key; empty on the open network.
    pub(crate) const NETWORK: &str = "network";
    /// Eight random bytes, new when the database is older than what others were told, or was made again.
    pub(crate) const GENERATION: &str = "generation";
    /// How far one's own feed goes, by a message of one's own that others hold and that was verified, though it has no
    /// place in the log yet: eight bytes, big endian. Never what somebody merely says.
    pub(crate) const OWN_EXPECTED: &str = "own_expected";
}

pub(crate) async fn read_meta(db: &mut SqliteConnection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar("SELECT value FROM meta WHERE key = ?").bind(key).fetch_optional(db).await?)
}

pub(crate) async fn write_meta(db: &mut SqliteConnection, key: &str, value: &[u8]) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(db)
        .await?;
    Ok(())
}

/// Begins a new generation: peers that remember the old one exchange full clocks, and so do we.
pub(crate) async fn renew_generation(db: &mut SqliteConnection) -> Result<[u8; 8], StoreError> {
    // SQLite's generator is seeded by the operating system; this tells states apart, it keeps no secret.
    let bytes: Vec<u8> = sqlx::query_scalar("SELECT randomblob(8)").fetch_one(&mut *db).await?;
    let generation: [u8; 8] = bytes.try_into().map_err(|_| StoreError::BadValue("generation"))?;
    write_meta(db, meta::GENERATION, &generation).await?;
    sqlx::query("DELETE FROM clocks").execute(&mut *db).await?;
    sqlx::query("DELETE FROM devices").execute(&mut *db).await?;
    Ok(generation)
}
