//! The connection that writes, what its transactions cost, and when its recent writes go into the database file.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Params, Row, StatementStatus, Transaction, TransactionBehavior,
    types::FromSql,
};

use crate::{
    error::StoreError,
    schema::{BUSY, DATABASE, WAL_BYTES, WRITER_CACHE},
    write::checkpoint::{Advice, Checkpointer, Limits, checkpoint, log_number},
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
    folder: PathBuf,
    cost: WriteCost,
    /// Pages in the log of recent writes.
    logged: u32,
    /// When all of them are in the database file, so that the next transaction may begin the log anew: how often that was
    /// done before.
    copied: Option<Option<u32>>,
    checkpointer: Checkpointer,
}

impl WriteConnection {
    /// Opens the connection to a database whose tables are there.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Limits::USUAL)
    }

    fn open_with(folder: &Path, limits: Limits) -> Result<Self, StoreError> {
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
        let (folder, checkpointer) = (folder.to_owned(), Checkpointer::new(folder, limits));
        Ok(Self { db, folder, cost: WriteCost::default(), logged: 0, copied: None, checkpointer })
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
        LOGGED.set(self.logged);
        let (done, steps) = {
            let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut writing = Writing { transaction, steps: 0 };
            let done = work(&mut writing)?;
            before_commit();
            writing.transaction.commit()?;
            (done, writing.steps)
        };
        self.count(LOGGED.get());
        self.cost.transactions += 1;
        self.cost.steps += steps;
        Ok(done)
    }

    /// Like [`Self::transaction`], for what must not go with the power, as nobody else has it: it is synced when this returns.
    pub(crate) fn transaction_synced<T>(
        &mut self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let done = self.transaction(work, || {});
        if let Err(error) = self.db.pragma_update(None, "synchronous", "NORMAL") {
            tracing::warn!(%error, "every transaction is synced from now on");
        }
        done
    }

    /// The log of recent writes has so many pages after a commit.
    fn count(&mut self, logged: u32) {
        if logged == self.logged {
            return;
        }
        let number_before = self.copied.take();
        let is_anew = logged < self.logged || number_before.is_some_and(|before| log_number(&self.folder) != before);
        self.cost.pages += u64::from(if is_anew { logged } else { logged - self.logged });
        self.logged = logged;
    }

    /// Has the recent writes copied into the database file once there are many.
    pub(crate) fn checkpoint_when_long(&mut self) -> Result<(), StoreError> {
        if self.copied.is_none() && self.checkpointer.advise(self.logged)? == Advice::Copy {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Copies the recent writes into the database file and syncs it. Returns whether all of them went in: not while
    /// somebody reads an older state.
    pub(crate) fn checkpoint(&mut self) -> Result<bool, StoreError> {
        let is_all = checkpoint(&self.db)?.is_all;
        self.copied = is_all.then(|| log_number(&self.folder));
        Ok(is_all)
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

    /// Runs `statement` once with each of `parameters` and gives every row that it finds to `found`.
    pub(crate) fn find<P: Params>(
        &mut self,
        statement: &str,
        parameters: impl IntoIterator<Item = P>,
        mut found: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut parameters = parameters.into_iter().peekable();
        if parameters.peek().is_none() {
            return Ok(());
        }
        let mut statement = self.transaction.prepare_cached(statement)?;
        for parameters in parameters {
            let mut rows = statement.query(parameters)?;
            while let Some(row) = rows.next()? {
                found(row)?;
            }
        }
        self.steps += u64::try_from(statement.reset_status(StatementStatus::VmStep)).unwrap_or(0);
        Ok(())
    }

    /// The first value of what `statement` gives; none where that is nothing, or NULL.
    pub(crate) fn value<T: FromSql>(
        &mut self,
        statement: &str,
        parameters: impl Params,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.transaction.prepare_cached(statement)?;
        let value: Option<Option<T>> = statement.query_row(parameters, |row| row.get(0)).optional()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { begin: 40, wait: 400 };

    fn connection(folder: &Path) -> WriteConnection {
        let db = Connection::open(folder.join(DATABASE)).unwrap();
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        db.execute_batch("CREATE TABLE things (thing INTEGER PRIMARY KEY, bytes BLOB)").unwrap();
        drop(db);
        WriteConnection::open_with(folder, LIMITS).unwrap()
    }

    fn write(connection: &mut WriteConnection, rows: std::ops::Range<i64>) {
        let add = |writing: &mut Writing<'_>| {
            writing.each("INSERT INTO things VALUES (?1, randomblob(3000))", rows.map(|row| (row,)))
        };
        connection.transaction(add, || {}).unwrap();
        connection.checkpoint_when_long().unwrap();
    }

    #[test]
    fn the_log_of_recent_writes_stays_short_while_much_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = connection(dir.path());
        let mut longest = 0;
        for n in 0..300 {
            write(&mut connection, 10 * n..10 * n + 10);
            longest = longest.max(connection.logged);
        }
        assert!(longest < LIMITS.wait + 20, "{longest} pages");
        assert!(connection.cost.pages > 3 * u64::from(LIMITS.wait), "{:?}", connection.cost);
        assert_eq!(connection.cost.transactions, 300);
        let count: i64 = connection.db.query_row("SELECT count(*) FROM things", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 3000);
    }

    #[test]
    fn pages_are_counted_across_a_log_that_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = connection(dir.path());
        let pages = |connection: &mut WriteConnection, n: i64| {
            let before = connection.cost.pages;
            let add = |writing: &mut Writing<'_>| writing.run("INSERT INTO things VALUES (?1, x'00')", [n]);
            connection.transaction(add, || {}).unwrap();
            connection.cost.pages - before
        };
        for n in 0..5 {
            assert_eq!(pages(&mut connection, n), 1, "rows of a few bytes share a page");
        }
        assert!(connection.checkpoint().unwrap());
        assert_eq!((pages(&mut connection, 5), connection.logged), (1, 1), "the log has begun anew");
        assert_eq!((pages(&mut connection, 6), connection.logged), (1, 2));
        // Somebody who reads keeps the log from beginning anew.
        let reader = Connection::open(dir.path().join(DATABASE)).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM things").unwrap();
        assert!(connection.checkpoint().unwrap());
        assert_eq!((pages(&mut connection, 7), connection.logged), (1, 3));
    }

    #[test]
    fn a_transaction_that_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = connection(dir.path());
        let twice = |writing: &mut Writing<'_>| {
            writing.run("INSERT INTO things VALUES (1, x'00')", [])?;
            writing.run("INSERT INTO things VALUES (1, x'01')", [])
        };
        assert!(connection.transaction(twice, || {}).is_err());
        write(&mut connection, 1..2);
        assert_eq!(connection.cost.transactions, 1);
    }
}
