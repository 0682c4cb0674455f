//! Filling indexes again from the log, when the rules that fill them have changed: behind the open store.
//!
//! One transaction empties what is stale and notes where the log ends; from then on every new message writes its own rows.
//! The older ones follow in spans, the newest first, each with its place in one transaction: so this may be stopped
//! anywhere, the next start goes on from there, and no message gets its rows twice.

mod span;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use sqlx::SqliteConnection;
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    Store,
    append::Writer,
    error::StoreError,
    feeds::{graph, load_contacts},
    index::Index,
    store::Inner,
    write::{WriteConnection, Writing},
};

/// How far indexes have been filled again. As long as they are not, what they answer is incomplete, the oldest messages
/// longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexing {
    /// Messages that are in.
    pub done: u64,
    /// Messages that are to be in; 0 when there was nothing to do.
    pub total: u64,
}

impl Indexing {
    /// Whether every index is whole.
    pub fn is_done(&self) -> bool {
        self.done >= self.total
    }
}

/// What there is to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Indexes that have to be emptied first.
    stale: Vec<Index>,
    /// Indexes that are being filled, each with the row below which the log is to come.
    filling: BTreeMap<Index, i64>,
}

impl Plan {
    /// Compares what is stored with the rules of this version.
    pub(crate) async fn load(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        let whole: BTreeMap<String, i64> =
            sqlx::query_as("SELECT name, version FROM index_versions").fetch_all(&mut *db).await?.into_iter().collect();
        let begun: Vec<(String, i64, i64)> =
            sqlx::query_as("SELECT name, version, below FROM rebuilds").fetch_all(db).await?;
        let mut plan = Self::default();
        for index in Index::ALL {
            let (name, version) = index.version();
            if whole.get(name) == Some(&version) {
                continue;
            }
            match begun.iter().find(|begun| (begun.0.as_str(), begun.1) == (name, version)) {
                Some((_, _, below)) => {
                    plan.filling.insert(index, *below);
                }
                None => plan.stale.push(index),
            }
        }
        // What answers a message of the reader's that comes meanwhile is found by links, or else by being indexed after it:
        // activity has to come behind links.
        let place = |index| plan.filling.get(&index).copied();
        let is_behind = match place(Index::Links) {
            Some(links) => place(Index::Activity).is_some_and(|activity| activity >= links),
            None => !plan.stale.contains(&Index::Links),
        };
        if !is_behind && !plan.stale.contains(&Index::Activity) {
            plan.filling.remove(&Index::Activity);
            plan.stale.push(Index::Activity);
        }
        Ok(plan)
    }

    /// Whether every index is whole.
    pub(crate) fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.filling.is_empty()
    }

    /// Whether new words on people have to go into both follow graphs from now on.
    pub(crate) fn is_filling_contacts(&self) -> bool {
        self.filling.contains_key(&Index::Contacts)
    }

    /// Notes that every index of an empty log is whole.
    pub(crate) fn finish_empty(self, rows: &mut WriteConnection) -> Result<(), StoreError> {
        let all: Vec<Index> = self.stale.into_iter().chain(self.filling.into_keys()).collect();
        rows.transaction(|writing| all.iter().try_for_each(|index| finish(*index, writing)), || {})
    }

    /// Empties what is stale, before the row that the next message gets.
    fn begin(&mut self, next_row: i64, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        for index in self.stale.drain(..) {
            let (name, version) = index.version();
            writing.run(index.clear(), [])?;
            writing.run("DELETE FROM index_versions WHERE name = ?1", [name])?;
            writing.run(
                "INSERT OR REPLACE INTO rebuilds (name, version, below) VALUES (?1, ?2, ?3)",
                (name, version, next_row),
            )?;
            self.filling.insert(index, next_row);
        }
        Ok(())
    }

    /// The indexes to fill next, the row below which they are to be filled, and the row where others join them.
    fn next(&self) -> Option<(Vec<Index>, i64, i64)> {
        let below = self.filling.values().copied().max()?;
        let indexes = self.filling.iter().filter(|(_, at)| **at == below).map(|(index, _)| *index).collect();
        let joined = self.filling.values().copied().filter(|at| *at < below).max().unwrap_or(0);
        Some((indexes, below, joined))
    }

    /// How many rows are to come for the index that is furthest behind.
    fn left(&self) -> u64 {
        self.filling.values().map(|below| (below - 1).max(0) as u64).max().unwrap_or(0)
    }
}

/// Notes that an index is whole. The follow graph takes the place of the one before.
fn finish(index: Index, writing: &mut Writing<'_>) -> Result<(), StoreError> {
    if index == Index::Contacts {
        writing.run("DELETE FROM contacts", [])?;
        writing.run("INSERT INTO contacts SELECT author, subject, sequence, relation FROM contacts_rebuilt", [])?;
        writing.run("DELETE FROM contacts_rebuilt", [])?;
    }
    let (name, version) = index.version();
    writing.run("DELETE FROM rebuilds WHERE name = ?1", [name])?;
    writing.run("INSERT OR REPLACE INTO index_versions (name, version) VALUES (?1, ?2)", (name, version))
}

/// The task that rebuilds, from outside.
#[derive(Debug)]
pub(crate) struct Rebuild {
    progress: watch::Receiver<Indexing>,
    waiting: Mutex<Option<(Plan, watch::Sender<Indexing>)>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Rebuild {
    /// What there is to do, for a log of so many rows; [`Self::start`] begins with it.
    pub(crate) fn new(plan: Plan, rows: u64) -> Self {
        let total = if plan.is_empty() { 0 } else { rows };
        // What waits to be emptied has nothing in it that counts.
        let left = if plan.stale.is_empty() { plan.left() } else { total };
        let (tell, progress) = watch::channel(Indexing { done: total.saturating_sub(left), total });
        let waiting = (!plan.is_empty()).then_some((plan, tell));
        Self { progress, waiting: Mutex::new(waiting), task: Mutex::default() }
    }

    /// Starts the task, where there is something to do. It ends by itself when the store is gone.
    pub(crate) fn start(&self, store: Weak<Inner>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((plan, tell)) = waiting {
            *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokio::spawn(run(store, plan, tell)));
        }
    }

    /// Stops the task, after the transaction that is under way.
    pub(crate) async fn stop(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // Cancelled, as it should be, or ended before.
            let _ = task.await;
        }
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Store {
    /// How far indexes have been filled again that the version before filled by other rules. The channel closes when
    /// nothing more will be done: all is done, or the disk refused and the next start goes on.
    pub fn indexing(&self) -> watch::Receiver<Indexing> {
        self.inner.rebuild.progress.clone()
    }
}

async fn run(store: Weak<Inner>, mut plan: Plan, tell: watch::Sender<Indexing>) {
    tracing::info!(stale = ?plan.stale, begun = ?plan.filling, "indexes are being filled again");
    loop {
        // Held for one step only: whoever drops the store need not wait for all of it.
        let Some(inner) = store.upgrade() else { return };
        match step(&inner, plan).await {
            Ok(next) => plan = next,
            Err(error) => {
                tracing::warn!(%error, "indexes could not be filled; the next start goes on");
                return;
            }
        }
        let left = plan.left();
        tell.send_modify(|progress| progress.done = progress.total.saturating_sub(left));
        if plan.is_empty() {
            tracing::info!("every index is filled");
            return;
        }
    }
}

/// One transaction: emptying, a span, or the end of those that are filled.
async fn step(inner: &Arc<Inner>, mut plan: Plan) -> Result<Plan, StoreError> {
    if !plan.stale.is_empty() {
        return with_writer(inner, move |writer| {
            let next_row = writer.next_row;
            writer.rows.transaction(|writing| plan.begin(next_row, writing), || {})?;
            writer.is_filling_contacts = plan.is_filling_contacts();
            Ok(plan)
        })
        .await;
    }
    let Some((indexes, below, joined)) = plan.next() else { return Ok(plan) };
    match span::read(inner, below, joined).await? {
        Some(span) => {
            let inner_then = Arc::clone(inner);
            with_writer(inner, move |writer| {
                let down_to = span.write(&inner_then, writer, &indexes)?;
                for index in indexes {
                    plan.filling.insert(index, down_to);
                }
                Ok(plan)
            })
            .await
        }
        // Nothing is left between here and where others are.
        None if joined > 0 => {
            for index in indexes {
                plan.filling.insert(index, joined);
            }
            Ok(plan)
        }
        None => finish_all(inner, plan).await,
    }
}

async fn finish_all(inner: &Arc<Inner>, plan: Plan) -> Result<Plan, StoreError> {
    let mut writer = inner.writer.lock().await;
    let filled: Vec<Index> = plan.filling.into_keys().collect();
    writer.rows.transaction(|writing| filled.iter().try_for_each(|index| finish(*index, writing)), || {})?;
    if filled.contains(&Index::Contacts) {
        writer.is_filling_contacts = false;
        // Under the writer lock, so that no word comes between.
        let contacts = load_contacts(&mut writer.db).await?;
        let mut shared = inner.shared_mut();
        let rebuilt = graph(contacts, &shared.feeds)?;
        shared.set_graph(rebuilt);
    }
    Ok(Plan::default())
}

/// Runs what blocks on the disk apart from the tasks, under the writer lock.
async fn with_writer<T: Send + 'static>(
    inner: &Arc<Inner>,
    work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let mut writer = Arc::clone(&inner.writer).lock_owned().await;
    spawn_blocking(move || work(&mut writer)).await.map_err(|_| StoreError::Closing)?
}
