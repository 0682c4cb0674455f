//! Signature checks on all cores.

use std::sync::Arc;
use std::thread::available_parallelism;

use feed::{Message, NetworkKey, SignatureError, Verified, Verifier};

use crate::priority::{BEHIND_THE_LOOP, stand_back};

/// Below this many messages one core is quicker than dividing the work.
const WORTH_DIVIDING: usize = 32;

/// A verifier whose tables of busy authors all cores share.
#[derive(Clone)]
pub(crate) struct Cores {
    verifier: Arc<Verifier>,
    count: usize,
}

impl Cores {
    pub(crate) fn new(network: Option<NetworkKey>) -> Self {
        Self { verifier: Arc::new(Verifier::new(network)), count: available_parallelism().map_or(1, usize::from) }
    }

    /// Checks a batch; one result per message, in order. Blocks: call it where blocking is allowed.
    pub(crate) fn verify(&self, mut batch: Vec<Message>) -> Vec<Result<Verified, SignatureError>> {
        if batch.len() < WORTH_DIVIDING {
            return self.verifier.verify_batch(batch);
        }
        let share = batch.len().div_ceil(self.count);
        let mut shares = Vec::with_capacity(self.count);
        while batch.len() > share {
            let rest = batch.split_off(share);
            shares.push(std::mem::replace(&mut batch, rest));
        }
        shares.push(batch);
        std::thread::scope(|scope| {
            let threads: Vec<_> = shares
                .into_iter()
                .map(|share| {
                    scope.spawn(|| {
                        stand_back(BEHIND_THE_LOOP);
                        self.verifier.verify_batch(share)
                    })
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }
}
