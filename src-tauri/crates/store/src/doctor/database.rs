//! The database as SQLite sees it: whether it opens, whose form it has, and whether its pages hold together.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{About, Depth, Finding, MAX_NAMED, Remedy, Report, Watch, pages::MAGIC, pages::wal_of};
use crate::{
    backup,
    schema::{self, BUSY, DATABASE},
};

/// A database that can be asked.
pub(super) struct Database {
    pub(super) db: Connection,
}

const NOT_READABLE: &str =
    "Nothing stored here can be shown until it is mended. Whatever can still be read is saved by that.";

/// Looks at the file and its pages. None when nothing more can be asked of it.
pub(super) fn examine(folder: &Path, depth: Depth, watch: Watch<'_>, report: &mut Report) -> Option<Database> {
    let path = folder.join(DATABASE);
    if let Some(what) = wrong_form(&path) {
        report.find(damage(folder, what));
        return None;
    }
    match ask(&path, depth, watch, report) {
        Ok(db) => db.map(|db| Database { db }),
        Err(error) if is_refusal(&error) => {
            report.find(
                Finding::new(
                    About::Disk,
                    Remedy::None,
                    format!("{} could not be looked at: {error}.", path.display()),
                    "Whether it is whole is not known.",
                )
                .with_next("Check that the disk has room and may be written, then run `peri doctor` again."),
            );
            None
        }
        Err(error) => {
            report.find(damage(folder, format!("{} cannot be read: {error}.", path.display())));
            None
        }
    }
}

/// What is wrong with the file before SQLite is asked; none when it may be a database.
fn wrong_form(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start));
    let recent = std::fs::metadata(wal_of(path)).is_ok_and(|file| file.len() > 0);
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("The database {} is missing.", path.display()))
        }
        Err(error) => Some(format!("The database {} cannot be read: {error}.", path.display())),
        // A kill may leave the first page in the write-ahead log only.
        Ok(0) if !recent => Some(format!("The database {} is empty.", path.display())),
        Ok(length) if length > 0 && start != MAGIC => {
            Some(format!("{} is not a database any more: something else was written there.", path.display()))
        }
        Ok(_) => None,
    }
}

fn damage(folder: &Path, what: String) -> Finding {
    let means = match backup::copies(folder).is_empty() {
        true => NOT_READABLE.to_owned(),
        false => format!("{NOT_READABLE} There is a copy of the database to fill gaps from."),
    };
    Finding::new(About::Database, Remedy::Messages, what, means)
}

/// Whether the system refuses, which says nothing about the data.
fn is_refusal(error: &rusqlite::Error) -> bool {
    let refusals = [
        ErrorCode::DatabaseBusy,
        ErrorCode::DatabaseLocked,
        ErrorCode::DiskFull,
        ErrorCode::OutOfMemory,
        ErrorCode::PermissionDenied,
        ErrorCode::ReadOnly,
    ];
    error.sqlite_error_code().is_some_and(|code| refusals.contains(&code))
}

fn ask(path: &PathBuf, depth: Depth, watch: Watch<'_>, report: &mut Report) -> rusqlite::Result<Option<Connection>> {
    // Not read-only: after a kill the recent writes have to be put in order first, as by any opening.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cell_size_check", true)?;
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;

    watch("Checking the pages of the database", 0, 0);
    let (statement, name) = match depth {
        Depth::Quick => ("PRAGMA quick_check(100)", "quick"),
        Depth::Full => ("PRAGMA integrity_check(100)", "full"),
    };
    let verdicts: Vec<String> = db.prepare(statement)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if verdicts.first().map(String::as_str) != Some("ok") {
        let named = verdicts.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
        report.find(Finding::new(
            About::Database,
            Remedy::Messages,
            format!("The pages of the database do not hold together ({} places): {named}.", verdicts.len()),
            "Some messages, or lists made from them, cannot be read. The others are safe, and mending saves them.",
        ));
        return Ok(None);
    }
    report.note(format!("The database: {pages} pages, {name} check passed."));
    Ok(is_of_this_version(&db, report)?.then_some(db))
}

/// Whether the tables are those of this version.
fn is_of_this_version(db: &Connection, report: &mut Report) -> rusqlite::Result<bool> {
    let known = schema::versions();
    let applied: Vec<(i64, Vec<u8>, bool)> = db
        .prepare("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let newest = known.last().map_or(0, |(version, _)| *version);
    if applied.last().is_some_and(|(version, ..)| *version > newest) {
        report.find(
            Finding::new(
                About::Database,
                Remedy::None,
                "The database was written by a newer version of Periwinkle.",
                "This version can look at its pages, which are whole, but not at what is in them.",
            )
            .with_next("Update Periwinkle."),
        );
        return Ok(false);
    }
    let is_same = |(version, checksum, success): &(i64, Vec<u8>, bool)| {
        *success && known.iter().any(|(known, expected)| known == version && expected == checksum)
    };
    if !applied.iter().all(is_same) {
        report.find(Finding::new(
            About::Database,
            Remedy::Messages,
            "The database's notes about its own form are damaged.",
            "Periwinkle cannot open it until it is mended. The messages are not affected.",
        ));
        return Ok(false);
    }
    if applied.len() < known.len() {
        report.note("The database has the form of an earlier version: run `peri doctor` again after Periwinkle was started once.");
        return Ok(false);
    }
    Ok(true)
}
