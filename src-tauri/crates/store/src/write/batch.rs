//! Messages on their way into the store, with everything about them that needs no store to know.

use std::{num::NonZero, ops::Range, thread};

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
    /// The bodies of all, one behind the other: thousands of small places in memory would be slow to get and to give back.
    bodies: Vec<u8>,
}

/// One message of a batch.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Verified,
    /// Where its body is, as the log keeps it; [`Batch::body`] has it.
    body: Range<usize>,
    pub(crate) facts: Facts,
}

impl Batch {
    /// Reads messages, on this thread.
    pub fn read(messages: Vec<Verified>) -> Self {
        // Packed, a message takes about half of its text.
        let mut bodies = Vec::with_capacity(messages.iter().map(|message| message.encoded().len()).sum::<usize>() / 2);
        let entry = |message: Verified| {
            let start = bodies.len();
            pack_body(&message, &mut bodies);
            let facts = Facts::of(&message);
            Entry { message, body: start..bodies.len(), facts }
        };
        Self { entries: messages.into_iter().map(entry).collect(), bodies }
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
                let Self { entries, bodies } = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                let before = all.bodies.len();
                all.bodies.extend(bodies);
                let moved = |entry: Entry| {
                    let Range { start, end } = entry.body;
                    Entry { body: start + before..end + before, ..entry }
                };
                all.entries.extend(entries.into_iter().map(moved));
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

    /// The body of an entry of this batch.
    pub(crate) fn body(&self, entry: &Entry) -> &[u8] {
        self.bodies.get(entry.body.clone()).unwrap_or_default()
    }

    /// The messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().map(|entry| &*entry.message)
    }
}
