//! The one writer: jobs in order, one at a time, saved clocks when nothing else waits.

use std::collections::{BTreeMap, VecDeque};

use feed::{DeviceKey, FeedId, ForkProof, Verified};
use node::{AppendFailed, Input, Ticket};
use replication::ebt::Clock;
use store::{Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::clock;
use crate::drive::Done;
use crate::storage;
use crate::view::Failure;

/// Something to make durable.
pub(crate) enum Job {
    Append {
        ticket: Ticket,
        batch: Vec<Verified>,
        own: bool,
    },
    Freeze {
        feed: FeedId,
        proof: ForkProof,
    },
    /// One's own feed is known to go this far.
    ExpectOwn {
        sequence: u64,
    },
    Want {
        feed: FeedId,
        reply: oneshot::Sender<Result<(), Failure>>,
    },
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

    /// Takes on a job.
    pub(crate) fn push(&mut self, job: Job, tasks: &mut JoinSet<Done>) {
        self.jobs.push_back(job);
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
                Done::Wrote(None)
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
async fn run(store: &Store, job: Job) -> Option<Input> {
    match job {
        Job::Append { ticket, batch, own } => {
            let result = store.append(batch, clock::wall(), own).await.map_err(|error| {
                tracing::error!(%error, "messages could not be stored");
                AppendFailed { reason: error.to_string() }
            });
            Some(Input::Appended { ticket, result })
        }
        Job::Freeze { feed, proof } => {
            if let Err(error) = store.freeze(&proof).await {
                tracing::error!(%error, %feed, "the proof of a fork could not be stored");
            }
            None
        }
        Job::ExpectOwn { sequence } => {
            if let Err(error) = store.expect_own(sequence).await {
                tracing::error!(%error, sequence, "how far one's own feed goes could not be written down");
            }
            None
        }
        Job::Want { feed, reply } => {
            let stored = store.want(feed).await;
            let wish = stored.is_ok().then_some(Input::Want { feed });
            // Whoever asked may have gone; the wish stands.
            let _ = reply.send(stored.map_err(Failure::from));
            wish
        }
    }
}
