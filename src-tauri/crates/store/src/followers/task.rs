//! When followers work and when they rest.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use feed::KeyPair;
use sqlx::SqlitePool;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

use super::{Follower, Waiting, span::Places, span::Prepared};
use crate::{append::Writer, error::StoreError, store::Inner};

/// How long the log has to be quiet before followers work: writing messages goes first.
const QUIET: Duration = Duration::from_millis(150);
/// The same where at least [`MANY`] messages came since they last began to work: many come in bursts.
const QUIET_AFTER_MANY: Duration = Duration::from_secs(1);
const MANY: i64 = 2_000;
/// How long they rest at most while messages pour in.
const LONGEST_REST: Duration = Duration::from_secs(4);
/// How long they then work before they rest again.
const SHIFT: Duration = Duration::from_secs(1);
/// How long to wait after the disk refused.
const RETRY: Duration = Duration::from_secs(5);

/// What a step needs of the store. Held for that long only: who lets go of the store frees its folder.
pub(super) struct Parts {
    pub(super) readers: SqlitePool,
    pub(super) writer: Arc<Mutex<Writer>>,
    pub(super) keys: Arc<KeyPair>,
    store: Weak<Inner>,
}

impl Parts {
    fn of(store: &Weak<Inner>) -> Option<Self> {
        let inner = store.upgrade()?;
        let keys = Arc::new(inner.keys().clone());
        Some(Self {
            readers: inner.readers.clone(),
            writer: Arc::clone(&inner.writer),
            keys,
            store: Weak::clone(store),
        })
    }
}

/// Follows the log until the store is gone.
pub(super) async fn run(
    store: Weak<Inner>,
    mut newest: watch::Receiver<i64>,
    reached: watch::Sender<i64>,
    mut heard: mpsc::Receiver<Waiting>,
) {
    let mut places: Option<Places> = None;
    let mut waiting: Vec<Waiting> = Vec::new();
    loop {
        while let Ok(more) = heard.try_recv() {
            waiting.push(more);
        }
        let Some(parts) = Parts::of(&store) else { return };
        let goal = *newest.borrow_and_update();
        match work(parts, &mut places, goal, waiting.is_empty(), &reached).await {
            Ok(true) => waiting.drain(..).for_each(|waiting| _ = waiting.send(Ok(()))),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "full text and private messages wait");
                // Where they are is read again from the disk.
                places = None;
                if let Some(one) = waiting.pop() {
                    _ = one.send(Err(error));
                }
                sleep(RETRY).await;
                continue;
            }
        }
        if !waiting.is_empty() {
            continue;
        }
        let is_level = *newest.borrow() <= *reached.borrow();
        tokio::select! {
            more = heard.recv() => match more {
                Some(more) => waiting.push(more),
                None => return,
            },
            ended = rest(&mut newest, is_level, goal) => if ended { return },
        }
    }
}

/// Rests until the log has been quiet for a moment after something new, or for as long as a rest may be; `seen` was the newest row
/// when they began to work. Returns whether the store is gone.
async fn rest(newest: &mut watch::Receiver<i64>, is_level: bool, seen: i64) -> bool {
    if is_level && newest.changed().await.is_err() {
        return true;
    }
    let end = Instant::now() + LONGEST_REST;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let quiet = if *newest.borrow() - seen < MANY { QUIET } else { QUIET_AFTER_MANY };
        match timeout(quiet.min(left), newest.changed()).await {
            Ok(Ok(())) if !left.is_zero() => {}
            Ok(Err(_)) => return true,
            _ => return false,
        }
    }
}

/// Follows up to row `goal`, or until the shift ends where `may_rest`. Returns whether all are there.
async fn work(
    parts: Parts,
    places: &mut Option<Places>,
    goal: i64,
    may_rest: bool,
    reached: &watch::Sender<i64>,
) -> Result<bool, StoreError> {
    let start = Instant::now();
    let mut at = match places.take() {
        Some(places) => places,
        None => Places::load(&parts).await?,
    };
    reached.send_replace(at.least());
    let mut next = at.prepare(&parts, at.least()).await?;
    while let Some(prepared) = next.take() {
        let from = prepared.last();
        let is_over = may_rest && start.elapsed() > SHIFT;
        let (more, written) = tokio::join!(
            async { if is_over { Ok(None) } else { at.prepare(&parts, from).await } },
            write(&parts, &at, prepared)
        );
        at = written?;
        reached.send_replace(at.least());
        next = more?;
        if is_over {
            break;
        }
    }
    let is_there = at.least() >= goal;
    *places = Some(at);
    Ok(is_there)
}

/// Writes one span under the lock of all writers. Returns the new places.
async fn write(parts: &Parts, at: &Places, prepared: Prepared) -> Result<Places, StoreError> {
    let mut writer = Arc::clone(&parts.writer).lock_owned().await;
    let (at, store) = (*at, Weak::clone(&parts.store));
    let work = move || {
        let (places, stances) = writer.rows.transaction(|writing| prepared.write(at, writing), || ())?;
        if let Some(stances) = stances
            && let Some(inner) = store.upgrade()
        {
            inner.take_stances(stances);
        }
        writer.rows.checkpoint_when_long()?;
        Ok(places)
    };
    spawn_blocking(work).await.map_err(|_| StoreError::Closing)?
}

impl Places {
    /// Where the followers are; those that were filled by other rules begin again.
    async fn load(parts: &Parts) -> Result<Self, StoreError> {
        let rows: Vec<(String, i64, i64)> =
            sqlx::query_as("SELECT name, version, row FROM followers").fetch_all(&parts.readers).await?;
        let mut places = Self::default();
        for follower in Follower::ALL {
            let (name, version) = follower.version();
            match rows.iter().find(|(known, of, _)| known == name && *of == version) {
                Some((_, _, row)) => *places.of_mut(follower) = *row,
                None => begin_again(parts, follower).await?,
            }
        }
        Ok(places)
    }
}

/// Empties a follower's tables and sets it to the beginning of the log.
async fn begin_again(parts: &Parts, follower: Follower) -> Result<(), StoreError> {
    let mut writer = Arc::clone(&parts.writer).lock_owned().await;
    let (name, version) = follower.version();
    let work = move || {
        writer.rows.transaction(
            |writing| {
                for statement in follower.clear() {
                    writing.run(statement, [])?;
                }
                writing.run(
                    "INSERT INTO followers (name, version, row) VALUES (?1, ?2, 0)
                     ON CONFLICT (name) DO UPDATE SET version = excluded.version, row = 0",
                    (name, version),
                )
            },
            || (),
        )
    };
    spawn_blocking(work).await.map_err(|_| StoreError::Closing)?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a rest is when so many messages come at its beginning, and then one more within the quiet moment after them.
    async fn rests(came: i64) -> Duration {
        let (log, mut newest) = watch::channel(10);
        let begun = Instant::now();
        log.send_replace(10 + came);
        let writing = async {
            sleep(QUIET / 2).await;
            log.send_replace(11 + came);
        };
        let (ended, ()) = tokio::join!(rest(&mut newest, false, 10), writing);
        assert!(!ended);
        begun.elapsed()
    }

    #[tokio::test]
    async fn a_burst_of_messages_is_waited_out_and_a_few_are_followed_soon() {
        let few = [rests(3).await, rests(3).await, rests(3).await];
        assert!(few.iter().all(|few| *few < QUIET_AFTER_MANY), "{few:?}");
        // A machine that stands still for a moment ends one of them early.
        assert!(few.iter().any(|few| *few > QUIET.mul_f64(1.4)), "{few:?}");
        let many = rests(MANY).await;
        assert!(many > QUIET_AFTER_MANY && many < LONGEST_REST, "{many:?}");
    }
}
