//! Connections for ranking. Through sqlx each row costs more than what is done with it: it crosses to another thread, value by value.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    error::StoreError,
    schema::{BUSY, DATABASE},
};

/// Connections that are kept: as many as there are threads for a search, for most computers.
const KEPT: usize = 2;

/// Memory of each for pages, in KiB, as SQLite takes it.
const CACHE: &str = "-1024";

/// Opened when they are needed: reading what tables there are takes longer than most searches.
#[derive(Debug)]
pub(crate) struct Rankers {
    database: PathBuf,
    /// None once the store closes.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Rankers {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { database: folder.join(DATABASE), idle: Mutex::new(Some(Vec::new())) }
    }

    /// Does something with a connection. Blocks.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle().as_mut().ok_or(StoreError::Closing)?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.open()?,
        };
        let done = work(&connection)?;
        if let Some(idle) = self.idle().as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(connection);
        }
        Ok(done)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        // Nothing panics while it holds the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.database, flags)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "cache_size", CACHE)?;
        Ok(db)
    }

    /// Closes those that are idle, and each other one when it is done.
    pub(crate) fn close(&self) {
        *self.idle() = None;
    }
}
