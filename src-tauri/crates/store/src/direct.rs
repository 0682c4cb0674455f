//! Connections that read on the thread that asks, for what reads many rows. Through sqlx each row costs more than what is done with
//! it: it crosses to another thread, value by value.

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    error::StoreError,
    schema::{BUSY, DATABASE},
};

/// Connections at most: a search and what goes to neighbours are read side by side, on all cores of most computers.
const MOST: usize = 4;

/// Memory of each for pages, in KiB, as SQLite takes it.
const CACHE: &str = "-1024";

/// Opened when they are needed: reading what tables there are takes longer than most searches. Then they are kept.
#[derive(Debug)]
pub(crate) struct DirectReaders {
    database: PathBuf,
    state: Mutex<State>,
    /// A connection was given back, or there will be none any more.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    /// How many somebody reads with.
    lent: usize,
    is_closed: bool,
}

/// The right to one connection; given back when dropped, also by a panic.
struct Turn<'a>(&'a DirectReaders);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().lent -= 1;
        self.0.changed.notify_one();
    }
}

impl DirectReaders {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { database: folder.join(DATABASE), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Does something with a connection. Blocks, also until one is free.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (idle, turn) = self.turn()?;
        let connection = match idle {
            Some(connection) => connection,
            None => self.open()?,
        };
        let done = work(&connection)?;
        let mut state = self.state();
        if !state.is_closed {
            state.idle.push(connection);
        }
        // The turn's end takes the lock itself.
        drop(state);
        drop(turn);
        Ok(done)
    }

    /// Waits for a turn, with a connection if one is idle.
    fn turn(&self) -> Result<(Option<Connection>, Turn<'_>), StoreError> {
        let full = |state: &mut State| state.lent >= MOST && !state.is_closed;
        let mut state = self.changed.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return Err(StoreError::Closing);
        }
        state.lent += 1;
        Ok((state.idle.pop(), Turn(self)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut state = self.state();
        state.is_closed = true;
        state.idle.clear();
        self.changed.notify_all();
    }
}
