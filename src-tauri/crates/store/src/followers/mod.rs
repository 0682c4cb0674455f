//! Indexes that follow the log on their own: full text and opened private messages.
//!
//! They are too dear to be written with each message, and nobody minds if they come a moment later. One task reads the log
//! from where they are, and writes their rows with their new place in one small transaction after the other, under the lock
//! of all writers. So they can be stopped anywhere, and a message that comes meanwhile waits for one span at most.

mod span;
mod task;

use std::sync::{PoisonError, RwLock, Weak};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{Store, error::StoreError, store::Inner};

/// One index that follows the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follower {
    Search,
    Private,
}

impl Follower {
    pub(crate) const ALL: [Follower; 2] = [Follower::Search, Follower::Private];

    /// Its name, with the version of the rules that fill it: raise the version whenever the rows would differ.
    pub(crate) fn version(self) -> (&'static str, i64) {
        match self {
            Follower::Search => ("search", 2),
            Follower::Private => ("private", 3),
        }
    }

    /// The statements that empty it.
    pub(crate) fn clear(self) -> &'static [&'static str] {
        match self {
            Follower::Search => &["INSERT INTO search (search) VALUES ('delete-all')", "DELETE FROM search_docs"],
            Follower::Private => &[
                "DELETE FROM conversations",
                "DELETE FROM private_messages",
                "DELETE FROM private_boxes",
                "DELETE FROM private_copies",
            ],
        }
    }
}

/// How many callers may wait in [`Store::catch_up`] before further ones wait to be heard.
const WAITING: usize = 16;

/// Somebody who waits until all followers are where the log is.
type Waiting = oneshot::Sender<Result<(), StoreError>>;

/// The task that follows the log, from outside.
#[derive(Debug)]
pub(crate) struct Followers {
    /// The newest row of the log.
    newest: watch::Sender<i64>,
    /// Up to which row all followers have come.
    reached: watch::Receiver<i64>,
    waiting: mpsc::Sender<Waiting>,
    task: RwLock<Option<JoinHandle<()>>>,
}

impl Followers {
    /// Starts the task of a store whose log ends at row `newest`, once that is `built`. It ends by itself when the store is gone.
    pub(crate) fn start(store: Weak<Inner>, newest: i64, built: oneshot::Receiver<()>) -> Self {
        let (newest, follow) = watch::channel(newest);
        // Where they are is told by the task; until then nothing speaks for their being behind.
        let (tell, reached) = watch::channel(*newest.borrow());
        let (waiting, heard) = mpsc::channel(WAITING);
        // A store in the making looks like one that is gone.
        let task = tokio::spawn(async move {
            if built.await.is_ok() {
                task::run(store, follow, tell, heard).await;
            }
        });
        Self { newest, reached, waiting, task: RwLock::new(Some(task)) }
    }

    /// The log goes up to this row now.
    pub(crate) fn tell(&self, newest: i64) {
        self.newest.send_if_modified(|known| {
            let is_new = *known < newest;
            *known = newest.max(*known);
            is_new
        });
    }

    /// Stops the task, after the transaction that is under way.
    pub(crate) async fn stop(&self) {
        let task = self.task.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // Cancelled, as it should be, or ended before.
            let _ = task.await;
        }
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Store {
    /// Waits until every index that follows the log has come to where it is now: full text and private messages. While
    /// somebody waits, they take no rest.
    ///
    /// # Errors
    /// When the disk refuses, or the store closes meanwhile.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        self.inner.followers.waiting.send(tell).await.map_err(|_| StoreError::Closing)?;
        told.await.map_err(|_| StoreError::Closing)?
    }

    /// How many rows of the log full text and private messages are behind, of all those it has now.
    pub fn behind(&self) -> (u64, u64) {
        let followers = &self.inner.followers;
        let (newest, reached) = (*followers.newest.borrow(), *followers.reached.borrow());
        (newest.saturating_sub(reached).max(0) as u64, newest.max(0) as u64)
    }
}
