//! The one writer: jobs in order, one at a time, saved clocks when nothing else waits.

use std::collections::{BTreeMap, VecDeque};

use feed::{DeviceKey, FeedId, ForkProof, PersonId, Verified};
use node::{AppendFailed, Input, Ticket};
use replication::ebt::Clock;
use store::{AppendError, Batch, Stance, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use crate::clock;
use crate::drive::Done;
use crate::storage;
use crate::view::Failure;

/// Something to make durable.
pub(crate) enum Job {
    Append {
        ticket: Ticket,
        batch: Reading,
        own: bool,
        ahead: bool,
    },
    Freeze {
        feed: FeedId,
        proof: ForkProof,
    },
    /// One's own feed is known to go this far.
    ExpectOwn {
        sequence: u64,
    },
    /// Those of these feeds of which there are messages here are asked for.
    Keep {
        feeds: Vec<FeedId>,
        reply: oneshot::Sender<Result<Vec<FeedId>, Failure>>,
    },
    /// What was decided about somebody without saying so, as far as it is given.
    Decide {
        person: PersonId,
        blocked: Option<bool>,
        muted: Option<bool>,
        reply: oneshot::Sender<Result<(), Failure>>,
    },
}

/// A batch that is being read, beside whatever is written meanwhile.
pub(crate) enum Reading {
    Done(Batch),
    UnderWay(JoinHandle<Batch>),
}

/// Below this many messages, reading them takes less time than finding somebody who does.
const WORTH_HANDING_OVER: usize = 16;

impl Reading {
    pub(crate) fn begin(messages: Vec<Verified>) -> Self {
        if messages.len() < WORTH_HANDING_OVER {
            return Self::Done(Batch::read(messages));
        }
        Self::UnderWay(spawn_blocking(move || Batch::read(messages)))
    }

    async fn end(self) -> Result<Batch, AppendError> {
        match self {
            Self::Done(batch) => Ok(batch),
            Self::UnderWay(reading) => match reading.await {
                Ok(batch) => Ok(batch),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(StoreError::Closing.into()),
            },
        }
    }
}

/// Jobs that wait and the one that runs. The number of waiting appends is bounded by the node, which has a bounded number of
/// tickets open; wants by the mailbox; clocks by the number of devices, because they are merged.
pub(crate) struct Writer {
    store: Store,
    jobs: VecDeque<Job>,
    clocks: BTreeMap<DeviceKey, Clocks>,
    running: bool,
}

/// What is to be saved of the clocks of one device.
#[derive(Default)]
pub(crate) struct Clocks {
    /// Forget what was saved before.
    pub(crate) replace: bool,
    /// Changed entries of what it told us.
    pub(crate) held: Clock,
    /// Changed entries of what we told it.
    pub(crate) told: Clock,
}

impl Writer {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, jobs: VecDeque::new(), clocks: BTreeMap::new(), running: false }
    }

    /// Takes on a job. A post, one's own or another's, goes before a bulk that was not begun. A freeze keeps its place: messages of
    /// the feed that were handed over before it are stored before it.
    pub(crate) fn push(&mut self, job: Job, tasks: &mut JoinSet<Done>) {
        let is_bulk = |job: &Job| matches!(job, Job::Append { ahead: false, .. } | Job::Freeze { .. });
        let bulk = if is_bulk(&job) { 0 } else { self.jobs.iter().rev().take_while(|job| is_bulk(job)).count() };
        self.jobs.insert(self.jobs.len() - bulk, job);
        self.advance(tasks);
    }

    /// Takes on clocks to save.
    pub(crate) fn push_clocks(&mut self, device: DeviceKey, changes: Clocks, tasks: &mut JoinSet<Done>) {
        let waiting = self.clocks.entry(device).or_default();
        if changes.replace {
            *waiting = changes;
        } else {
            waiting.held.extend(changes.held);
            waiting.told.extend(changes.told);
        }
        self.advance(tasks);
    }

    /// The job that ran has ended: the next one begins.
    pub(crate) fn ended(&mut self, tasks: &mut JoinSet<Done>) {
        self.running = false;
        self.advance(tasks);
    }

    /// Whether nothing runs and nothing waits.
    pub(crate) fn idle(&self) -> bool {
        !self.running && self.jobs.is_empty() && self.clocks.is_empty()
    }

    fn advance(&mut self, tasks: &mut JoinSet<Done>) {
        if self.running {
            return;
        }
        let store = self.store.clone();
        if let Some(job) = self.jobs.pop_front() {
            tasks.spawn(async move { Done::Wrote(run(&store, job).await) });
        } else if let Some((device, clocks)) = self.clocks.pop_first() {
            tasks.spawn(async move {
                if let Err(error) = save(&store, device, clocks).await {
                    tracing::warn!(%error, %device, "clocks were not saved: the next greeting will be longer");
                }
                Done::Wrote(Vec::new())
            });
        } else {
            return;
        }
        self.running = true;
    }
}

async fn save(store: &Store, device: DeviceKey, clocks: Clocks) -> Result<(), StoreError> {
    if clocks.replace {
        store.forget_clocks(device).await?;
    }
    store.save_clocks(device, &storage::numbers(&clocks.held), &storage::numbers(&clocks.told)).await
}

/// Carries out one job; what the node is to learn of it.
async fn run(store: &Store, job: Job) -> Vec<Input> {
    match job {
        Job::Append { ticket, batch, own, .. } => {
            let appended = async { store.append_batch(batch.end().await?, clock::wall(), own).await }.await;
            let result = appended.map_err(|error| {
                tracing::error!(%error, "messages could not be stored");
                AppendFailed { reason: error.to_string() }
            });
            vec![Input::Appended { ticket, result }]
        }
        Job::Freeze { feed, proof } => {
            if let Err(error) = store.freeze(&proof).await {
                tracing::error!(%error, %feed, "the proof of a fork could not be stored");
            }
            Vec::new()
        }
        Job::ExpectOwn { sequence } => {
            if let Err(error) = store.expect_own(sequence).await {
                tracing::error!(%error, sequence, "how far one's own feed goes could not be written down");
            }
            Vec::new()
        }
        Job::Keep { feeds, reply } => {
            let kept = store.keep(feeds).await;
            let wishes = kept.iter().flatten().map(|feed| Input::Want { feed: *feed }).collect();
            // Whoever asked may have gone; the wishes stand.
            let _ = reply.send(kept.map_err(Failure::from));
            wishes
        }
        Job::Decide { person, blocked, muted, reply } => {
            let kept = match (blocked, muted) {
                // Only to be acted on.
                (None, None) => Ok(()),
                _ => store.decide_stance(person, blocked, muted).await,
            };
            // Also where the disk refused: the node acts on what is stored.
            let Stance { blocked, muted } = store.stance(&person);
            let _ = reply.send(kept.map_err(Failure::from));
            vec![Input::Stance { person, blocked, muted }]
        }
    }
}

#[cfg(test)]
mod tests {
    use feed::{KeyPair, json::Value, sign};

    use super::*;

    fn post(keys: &KeyPair, text: &str) -> Verified {
        let content = Value::object([("type", Value::from("post")), ("text", Value::from(text))]);
        sign(keys, None, None, 1.0, &content).expect("signs")
    }

    fn append(message: Verified, own: bool, ahead: bool) -> Job {
        Job::Append { ticket: Ticket(1), batch: Reading::begin(vec![message]), own, ahead }
    }

    #[tokio::test]
    async fn a_freeze_keeps_its_place_behind_the_messages_that_came_before_it_and_a_post_does_not_wait() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let [me, bob, cyd] = [1, 2, 3].map(|seed| KeyPair::from_seed(&[seed; 32]));
        let store = Store::create(home.path(), &me, None).await.expect("a store");
        let mut writer = Writer::new(store.clone());
        let (ours, theirs) = (post(&bob, "one"), post(&bob, "another"));
        let proof = ForkProof::new(ours.clone(), theirs).expect("two messages at one place");
        let feed = bob.feed_id();
        let mut tasks = JoinSet::new();
        // Something runs, so that what comes waits.
        writer.running = true;
        writer.push(append(ours, false, false), &mut tasks);
        writer.push(Job::Freeze { feed, proof }, &mut tasks);
        writer.push(append(post(&me, "mine"), true, true), &mut tasks);
        writer.push(append(post(&cyd, "theirs"), false, true), &mut tasks);
        let order: Vec<&str> = writer.jobs.iter().map(name).collect();
        assert_eq!(order, ["post", "live", "bulk", "freeze"]);

        for job in std::mem::take(&mut writer.jobs) {
            for input in run(&store, job).await {
                assert!(matches!(input, Input::Appended { result: Ok(()), .. }), "{input:?}");
            }
        }
        store.close().await.expect("closes");
    }

    fn name(job: &Job) -> &'static str {
        match job {
            Job::Append { own: true, .. } => "post",
            Job::Append { ahead: true, .. } => "live",
            Job::Append { .. } => "bulk",
            Job::Freeze { .. } => "freeze",
            Job::ExpectOwn { .. } | Job::Keep { .. } | Job::Decide { .. } => "other",
        }
    }
}
