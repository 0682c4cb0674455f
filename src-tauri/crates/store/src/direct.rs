//! Connections that read on the thread that asks, for what reads many rows. Through sqlx each row costs more than what is done with
//! it: it crosses to another thread, value by value.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    error::StoreError,
    schema::{BUSY, DATABASE},
};

/// Connections at most: a search and what goes to neighbours are read side by side, on all cores of most computers.
const MOST: u32 = 4;

/// Memory of each for pages, in KiB, as SQLite takes it.
const CACHE: &str = "-1024";

/// Opened when they are needed: reading what tables there are takes longer than most searches. Then they are kept.
#[derive(Clone, Debug)]
pub(crate) struct DirectReaders(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: PathBuf,
    /// Whose turn it is, in the order in which they came. Closed once the store closes.
    turns: Arc<Semaphore>,
    /// One fewer: what comes in hundreds leaves a turn to whoever waits for an answer.
    in_bulk: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl DirectReaders {
    pub(crate) fn new(folder: &Path) -> Self {
        let (database, turns) = (folder.join(DATABASE), Arc::new(Semaphore::new(MOST as usize)));
        let in_bulk = Semaphore::new(MOST as usize - 1);
        Self(Arc::new(Inner { database, turns, in_bulk, idle: Mutex::default() }))
    }

    /// Does something with a connection, on a thread that may block, when it is its turn. It goes on when the returned future is
    /// dropped.
    ///
    /// # Errors
    /// Those of `work`, and that the store closes.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.0.turns).acquire_owned().await.map_err(|_| StoreError::Closing)?;
        let readers = Arc::clone(&self.0);
        let reading = spawn_blocking(move || {
            let idle = readers.idle().pop();
            let connection = match idle {
                Some(connection) => connection,
                None => readers.open()?,
            };
            let done = work(&connection)?;
            readers.idle().push(connection);
            // After the connection is given back, so that whoever is next finds it; by an error or a panic just as well.
            drop(turn);
            Ok(done)
        });
        reading.await.map_err(|_| StoreError::Closing)?
    }

    /// [`Self::with`], for what may wait for others.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub(crate) async fn in_bulk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _one_of_them = self.0.in_bulk.acquire().await.map_err(|_| StoreError::Closing)?;
        self.with(work).await
    }

    /// Closes all of them, once those are done that somebody reads with.
    pub(crate) async fn close(&self) {
        // An error says that they are closed already.
        let all = self.0.turns.acquire_many(MOST).await;
        self.0.turns.close();
        drop(all);
        self.0.idle().clear();
    }
}

impl Inner {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
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
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use tokio::time::{sleep, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn readers() -> (tempfile::TempDir, DirectReaders) {
        let dir = tempfile::tempdir().expect("a folder");
        Connection::open(dir.path().join(DATABASE))
            .and_then(|db| db.execute_batch("CREATE TABLE t (a)"))
            .expect("a database");
        let readers = DirectReaders::new(dir.path());
        (dir, readers)
    }

    #[tokio::test]
    async fn no_more_than_so_many_read_at_once_and_closing_waits_for_them() {
        let (_dir, readers) = readers();
        let (begun, begins) = mpsc::channel();
        let mut ends = Vec::new();
        let mut reading = Vec::new();
        for number in 0..=MOST {
            let (end, ended) = mpsc::channel::<()>();
            ends.push(end);
            let (readers, begun) = (readers.clone(), begun.clone());
            reading.push(tokio::spawn(async move {
                readers
                    .with(move |_| {
                        begun.send(number).expect("somebody listens");
                        ended.recv().map_err(|_| StoreError::Closing)
                    })
                    .await
            }));
            tokio::task::yield_now().await;
        }
        let mut first = Vec::new();
        let all = async {
            while first.len() < MOST as usize {
                first.extend(begins.try_recv());
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, all).await.expect("as many as may");
        first.sort_unstable();
        assert_eq!(readers.0.turns.available_permits(), 0);
        assert_eq!(first, (0..MOST).collect::<Vec<_>>(), "the last one waits");
        let closing = tokio::spawn({
            let readers = readers.clone();
            async move { readers.close().await }
        });
        sleep(Duration::from_millis(50)).await;
        assert!(!closing.is_finished() && begins.try_recv().is_err());
        for end in &ends {
            end.send(()).expect("it waits");
        }
        closing.await.expect("it ends");
        for one in reading {
            one.await.expect("it ends").expect("whoever came before the closing had a turn");
        }
        assert!(matches!(readers.with(|_| Ok(())).await, Err(StoreError::Closing)));
    }

    #[tokio::test]
    async fn what_comes_in_bulk_leaves_a_turn() {
        let (_dir, readers) = readers();
        let (end, ended) = mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let mut reading = Vec::new();
        for _ in 0..2 * MOST {
            let (readers, ended) = (readers.clone(), Arc::clone(&ended));
            let wait = move |_: &Connection| {
                let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                ended.recv().map_err(|_| StoreError::Closing)
            };
            reading.push(tokio::spawn(async move { readers.in_bulk(wait).await }));
        }
        let turns_left = async {
            while readers.0.turns.available_permits() > 1 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, turns_left).await.expect("all turns but one are taken");
        timeout(PATIENCE, readers.with(|_| Ok(()))).await.expect("it need not wait").expect("it reads");
        for _ in 0..2 * MOST {
            end.send(()).expect("it waits");
        }
        for one in reading {
            one.await.expect("it ends").expect("it read");
        }
    }

    #[tokio::test]
    async fn a_connection_that_failed_or_panicked_gives_its_turn_back() {
        let (_dir, readers) = readers();
        for _ in 0..=MOST {
            let failed = readers.with(|db| Ok(db.execute("nonsense", [])?)).await;
            assert!(matches!(failed, Err(StoreError::Direct(_))), "{failed:?}");
            let panicked: Result<(), _> = readers.with(|_| panic!("as it is meant to")).await;
            assert!(matches!(panicked, Err(StoreError::Closing)));
        }
        let one: i64 = readers.with(|db| Ok(db.query_row("SELECT 1", [], |row| row.get(0))?)).await.expect("an answer");
        assert_eq!(one, 1);
    }
}
