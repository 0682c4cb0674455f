//! Messages on their way into the store, with everything about them that needs no store to know.

use std::{num::NonZero, thread};

use feed::{Message, Verified};

use crate::{log::pack_body, write::Facts};

/// From this many messages on, reading a batch is worth a thread for each core.
pub(crate) const CORES_FROM: usize = 256;

/// Verified messages, read and packed for the store.
///
/// Making one is pure work that may happen anywhere, best beside the check of the signatures; then only the writing is
/// left to [`crate::Store::append_batch`].
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) entries: Vec<Entry>,
}

/// One message of a batch.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Verified,
    /// As the log keeps it.
    pub(crate) body: Vec<u8>,
    pub(crate) facts: Facts,
}

impl Batch {
    /// Reads messages, on this thread.
    pub fn read(messages: Vec<Verified>) -> Self {
        Self { entries: messages.into_iter().map(Entry::from).collect() }
    }

    /// Reads messages on all cores, when there are many.
    pub fn read_on_all_cores(mut messages: Vec<Verified>) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        if messages.len() < CORES_FROM || cores == 1 {
            return Self::read(messages);
        }
        let share = messages.len().div_ceil(cores);
        let mut shares = Vec::with_capacity(cores);
        while messages.len() > share {
            shares.push(messages.split_off(messages.len() - share));
        }
        thread::scope(|scope| {
            let others: Vec<_> = shares.into_iter().rev().map(|share| scope.spawn(|| Self::read(share))).collect();
            let mut all = Self::read(messages);
            for other in others {
                // A thread that panicked makes this one panic too: a batch is read whole or not at all.
                all.entries.append(&mut other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).entries);
            }
            all
        })
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().map(|entry| &*entry.message)
    }
}

impl From<Verified> for Entry {
    fn from(message: Verified) -> Self {
        let (body, facts) = (pack_body(&message), Facts::from(social::outline(&message)));
        Self { message, body, facts }
    }
}
