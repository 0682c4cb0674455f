//! The connection that writes, what its transactions cost, and when its recent writes go into the database file.

use std::{cell::Cell, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, StatementStatus, Transaction, TransactionBehavior};

use crate::{
    error::StoreError,
    schema::{BUSY, CHECKPOINT_PAGES, DATABASE, WAL_BYTES, WRITER_CACHE},
};

/// Statements that stay prepared: every one of the write path, of which there are about twenty.
const STATEMENTS: usize = 48;

thread_local! {
    /// How many pages the log of recent writes holds after the last commit on this thread: SQLite tells it to a plain
    /// function, within the commit.
    static LOGGED: Cell<u32> = const { Cell::new(0) };
}

/// What writing has cost since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCost {
    /// Transactions committed.
    pub transactions: u64,
    /// Steps of SQLite's virtual machine in their statements.
    pub steps: u64,
    /// Pages written to the log of recent writes.
    pub pages: u64,
}

/// The connection that writes.
#[derive(Debug)]
pub(crate) struct WriteConnection {
    db: Connection,
    cost: WriteCost,
    /// Pages in the log of recent writes.
    logged: u32,
    /// Whether all of them are in the database file, so that the next transaction begins the log anew.
    is_copied: bool,
}

impl WriteConnection {
    /// Opens the connection to a database whose tables are there.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(folder.join(DATABASE), flags)?;
        db.busy_timeout(BUSY)?;
        // The last transactions may be lost with the power; own messages are in the journal, others come again.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "foreign_keys", false)?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.pragma_update(None, "cache_size", WRITER_CACHE)?;
        db.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES, |_| Ok(()))?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        // In place of SQLite's own checkpoint within the commit.
        db.wal_hook(Some(|_, pages| {
            LOGGED.set(u32::try_from(pages).unwrap_or(0));
            Ok(())
        }));
        Ok(Self { db, cost: WriteCost::default(), logged: 0, is_copied: false })
    }

    /// What writing has cost since the store was opened.
    pub(crate) fn cost(&self) -> WriteCost {
        self.cost
    }

    /// Runs `work` as one transaction: all of it is written, or nothing when it fails. `before_commit` runs when
    /// everything is written and nothing committed.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, StoreError>,
        before_commit: impl FnOnce(),
    ) -> Result<T, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut writing = Writing { transaction, steps: 0 };
        let done = work(&mut writing)?;
        let Writing { transaction, steps } = writing;
        before_commit();
        LOGGED.set(self.logged);
        transaction.commit()?;
        let logged = LOGGED.get();
        let is_anew = self.is_copied || logged < self.logged;
        self.cost.pages += u64::from(if is_anew { logged } else { logged - self.logged });
        (self.logged, self.is_copied) = (logged, self.is_copied && logged == self.logged);
        self.cost.transactions += 1;
        self.cost.steps += steps;
        Ok(done)
    }

    /// Copies the recent writes into the database file once there are many.
    pub(crate) fn checkpoint_when_long(&mut self) -> Result<(), StoreError> {
        if self.logged >= CHECKPOINT_PAGES && !self.is_copied {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Copies the recent writes into the database file and syncs it. Returns whether all of them went in: not while
    /// somebody reads an older state.
    pub(crate) fn checkpoint(&mut self) -> Result<bool, StoreError> {
        // https://www.sqlite.org/pragma.html#pragma_wal_checkpoint: busy, frames in the log, frames copied.
        // With `synchronous=NORMAL` both files are synced by it (https://www.sqlite.org/pragma.html#pragma_synchronous).
        let mut statement = self.db.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
        let (busy, logged, copied): (i64, i64, i64) =
            statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        self.is_copied = busy == 0 && logged == copied;
        Ok(self.is_copied)
    }
}

/// A transaction that is under way.
#[derive(Debug)]
pub(crate) struct Writing<'c> {
    transaction: Transaction<'c>,
    steps: u64,
}

impl Writing<'_> {
    /// Runs `statement` once with each of `rows`; it is prepared once and kept.
    pub(crate) fn each<P: Params>(
        &mut self,
        statement: &str,
        rows: impl IntoIterator<Item = P>,
    ) -> Result<(), StoreError> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut statement = self.transaction.prepare_cached(statement)?;
        for row in rows {
            statement.execute(row)?;
        }
        self.steps += u64::try_from(statement.reset_status(StatementStatus::VmStep)).unwrap_or(0);
        Ok(())
    }

    /// The first value of what `statement` gives; none where that is nothing, or NULL.
    pub(crate) fn value(&mut self, statement: &str, parameters: impl Params) -> Result<Option<i64>, StoreError> {
        let mut statement = self.transaction.prepare_cached(statement)?;
        let value: Option<Option<i64>> = statement.query_row(parameters, |row| row.get(0)).optional()?;
        self.steps += u64::try_from(statement.reset_status(StatementStatus::VmStep)).unwrap_or(0);
        Ok(value.flatten())
    }

    /// How many rows the last statement has changed.
    pub(crate) fn changed(&self) -> u64 {
        self.transaction.changes()
    }

    /// Runs `statement` once.
    pub(crate) fn run(&mut self, statement: &str, parameters: impl Params) -> Result<(), StoreError> {
        self.each(statement, [parameters])
    }
}
