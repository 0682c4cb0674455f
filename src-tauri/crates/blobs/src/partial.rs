//! Blobs on their way: parts of a file in any order, which survive a restart, and get a name when they are whole.
//!
//! The file lies in a folder of its own, sparse where nothing has come yet; which parts are there is noted beside it now and then.
//! A note that is behind costs fetching something again. Nothing of it is believed: what counts is the hash of the whole at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use feed::BlobId;
use sha2::{Digest, Sha256};

use crate::add::{Added, Temporary};
use crate::blobs::{Blobs, Inner};
use crate::error::{BlobError, disk};
use crate::name;
use crate::read::CHUNK;
use crate::usage::MAX_FETCHED;

/// Parts that are noted of one blob; a file with more is begun anew after a restart.
const MAX_NOTED: usize = 64;
/// Bytes after which what has come is noted.
const NOTE_EVERY: u64 = 16 << 20;
/// How much of what lies there already one write hashes at most, so that none of them takes long.
const CATCH_UP: u64 = 4 << 20;
/// Behind the name of the file, where its parts are noted.
const PARTS: &str = ".parts";

/// What an earlier session left of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// In bytes, when it is whole.
    pub size: u64,
    /// From the first byte to the one after the last; disjoint, in order.
    pub parts: Vec<(u64, u64)>,
}

/// A blob on its way. Cheap to clone; any number of threads may write at once.
#[derive(Clone, Debug)]
pub struct Partial {
    id: BlobId,
    size: u64,
    file: Arc<File>,
    state: Arc<Mutex<State>>,
    /// Nobody wants it any more: what still comes for it is left out.
    is_given_up: Arc<AtomicBool>,
    /// Whether it is being held against its name, or has got it: nothing is written then. Whoever writes holds it for reading.
    is_closed: Arc<RwLock<bool>>,
    hashing: Arc<Mutex<Hashing>>,
    blobs: Arc<Inner>,
}

#[derive(Debug, Default)]
struct State {
    /// What is there: disjoint, in order, none touching another.
    parts: Vec<(u64, u64)>,
    /// Bytes that came since it was noted.
    unnoted: u64,
}

/// The bytes from the beginning on are hashed as they come, so that no time passes at the end.
#[derive(Debug)]
struct Hashing {
    hasher: Sha256,
    at: u64,
}

/// What became of a blob that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is what its name says, and stored.
    Whole(Added),
    /// It is something else, and nothing of it is kept.
    Wrong,
}

impl Blobs {
    /// What an earlier session left of a blob; none where that is nothing, or cannot be read.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begun(&self, id: &BlobId) -> Result<Option<Begun>, BlobError> {
        self.inner.noted(id).map_err(disk(self.inner.partial.path()))
    }

    /// Begins to take in a blob of so many bytes, or goes on where an earlier session stopped. What is fetched because a message
    /// links to it has a bound; what is asked for by hand has none but what the disk has free.
    ///
    /// # Errors
    /// When it is too large, finds no room, or the disk refuses.
    pub fn begin(&self, id: &BlobId, size: u64, by_hand: bool) -> Result<Partial, BlobError> {
        let inner = &self.inner;
        let failed = disk(inner.partial.path());
        if !by_hand {
            if size > MAX_FETCHED {
                return Err(BlobError::TooLarge { limit: MAX_FETCHED });
            }
            inner.reserve(id, size)?;
        }
        let hex = name::hex(id);
        let begun = inner.noted(id).map_err(&failed)?.filter(|begun| begun.size == size);
        let there = match &begun {
            Some(_) => inner.partial.open_to_write(&hex).map_err(&failed)?,
            None => None,
        };
        let (file, parts) = match there {
            Some(file) => (file, begun.map(|begun| begun.parts).unwrap_or_default()),
            None => {
                let reserved = inner.reserved().get(id).copied();
                self.give_up(id)?;
                inner.reserved().extend(reserved.map(|size| (*id, size)));
                (inner.partial.create(&hex).map_err(&failed)?, Vec::new())
            }
        };
        let done: u64 = parts.iter().map(|(from, until)| until - from).sum();
        inner.check_free(size.saturating_sub(done))?;
        Ok(Partial {
            id: *id,
            size,
            file: Arc::new(file),
            state: Arc::new(Mutex::new(State { parts, unnoted: 0 })),
            is_given_up: Arc::default(),
            is_closed: Arc::default(),
            hashing: Arc::new(Mutex::new(Hashing { hasher: Sha256::new(), at: 0 })),
            blobs: Arc::clone(inner),
        })
    }

    /// Removes what was taken in of all blobs but these: what an earlier session left that nobody wants any more.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn give_up_all_but(&self, wanted: &BTreeSet<BlobId>) -> Result<(), BlobError> {
        let folder = &self.inner.partial;
        let mut left = Vec::new();
        let names = folder.names(|name| {
            let id = name::from_hex(name.strip_suffix(PARTS).unwrap_or(name));
            left.extend(id.filter(|id| !wanted.contains(id)));
        });
        names.map_err(disk(folder.path()))?;
        left.iter().try_for_each(|id| self.give_up(id))
    }

    /// Removes what was taken in of a blob that is not whole.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn give_up(&self, id: &BlobId) -> Result<(), BlobError> {
        let folder = &self.inner.partial;
        self.inner.reserved().remove(id);
        let hex = name::hex(id);
        let remove = || folder.remove(&format!("{hex}{PARTS}")).and_then(|_| folder.remove(&hex));
        remove().map(|_| ()).map_err(disk(folder.path()))
    }
}

impl Inner {
    fn noted(&self, id: &BlobId) -> io::Result<Option<Begun>> {
        let hex = name::hex(id);
        let Some(facts) = self.partial.facts(&hex)? else { return Ok(None) };
        let Some(mut file) = self.partial.open(&format!("{hex}{PARTS}"))? else { return Ok(None) };
        let mut bytes = Vec::new();
        let most = 8 + 16 * MAX_NOTED as u64;
        io::Read::read_to_end(&mut io::Read::take(&mut file, most + 1), &mut bytes)?;
        // What lies behind the end of the file cannot have come.
        Ok(read_parts(&bytes).filter(|begun| begun.parts.last().is_none_or(|(_, until)| *until <= facts.size)))
    }

    /// What blobs that are on their way will take, of those that nobody asked for by hand.
    fn reserved(&self) -> MutexGuard<'_, BTreeMap<BlobId, u64>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps room for a blob that nobody asked for by hand, if there is so much beside what is here and on its way.
    fn reserve(&self, id: &BlobId, size: u64) -> Result<(), BlobError> {
        let totals = *self.totals().map_err(disk(self.content.path()))?;
        let mut reserved = self.reserved();
        let others: u64 = reserved.iter().filter(|(other, _)| *other != id).map(|(_, size)| *size).sum();
        let taken = totals.bytes.saturating_sub(totals.pinned).saturating_add(others);
        if taken.saturating_add(size) > self.limits.all {
            return Err(BlobError::NoRoom { limit: self.limits.all });
        }
        reserved.insert(*id, size);
        Ok(())
    }

    /// Whether the disk has room for so many more bytes, and for messages beside them.
    fn check_free(&self, size: u64) -> Result<(), BlobError> {
        let free = self.partial.free().map_err(disk(self.partial.path()))?;
        if self.limits.keep_free > 0 && free < self.limits.keep_free.saturating_add(size) {
            return Err(BlobError::DiskNearlyFull { free });
        }
        Ok(())
    }
}

impl Partial {
    /// In bytes, when it is whole.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Nothing more is written or noted through this and its clones: its files are about to be removed.
    pub fn give_up(&self) {
        self.is_given_up.store(true, Ordering::SeqCst);
    }

    /// Puts bytes at their place. Those behind the end are left out.
    ///
    /// # Errors
    /// When the disk refuses, or would be left with too little for everything else.
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<(), BlobError> {
        let is_closed = self.is_closed.read().unwrap_or_else(PoisonError::into_inner);
        if *is_closed || self.is_given_up.load(Ordering::SeqCst) {
            return Ok(());
        }
        let failed = disk(self.blobs.partial.path());
        let room = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.blobs.check_free(bytes.len() as u64)?;
        let until = at + bytes.len() as u64;
        self.file.write_all_at(bytes, at).map_err(&failed)?;
        {
            let mut hashing = self.hashing();
            if at < hashing.at {
                // What was hashed has been replaced: only what lies there in the end counts.
                *hashing = Hashing { hasher: Sha256::new(), at: 0 };
            }
        }
        let (front, is_due) = {
            let mut state = self.state();
            add(&mut state.parts, at, until);
            state.unnoted += bytes.len() as u64;
            let front = state.parts.first().filter(|(from, _)| *from == 0).map_or(0, |(_, until)| *until);
            (front, state.unnoted >= NOTE_EVERY)
        };
        // Whoever is hashing hashes this too, when it comes to it.
        if let Ok(mut hashing) = self.hashing.try_lock() {
            let goal = front.min(hashing.at.saturating_add(CATCH_UP));
            if hashing.at == at && until <= goal {
                hashing.hasher.update(bytes);
                hashing.at = until;
            }
            self.hash_until(&mut hashing, goal).map_err(&failed)?;
        }
        drop(is_closed);
        if is_due { self.note() } else { Ok(()) }
    }

    /// Notes which parts are there, for a later session.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn note(&self) -> Result<(), BlobError> {
        let is_closed = self.is_closed.read().unwrap_or_else(PoisonError::into_inner);
        if *is_closed || self.is_given_up.load(Ordering::SeqCst) {
            return Ok(());
        }
        let noted = {
            let mut state = self.state();
            state.unnoted = 0;
            let parts = state.parts.get(..MAX_NOTED).unwrap_or(&state.parts);
            write_parts(self.size, parts)
        };
        let inner = &self.blobs;
        let temporary = Temporary::create(&inner.temporary, inner.temporary_name())?;
        let name = format!("{}{PARTS}", name::hex(&self.id));
        let write = || {
            (&temporary.file).write_all(&noted)?;
            temporary.become_named(&inner.partial, &name)
        };
        write().map_err(disk(inner.partial.path()))
    }

    /// Holds what has come against its name. Whole and right it is stored, and pinned if somebody asked for it by hand. Whatever still
    /// comes from now on is left out.
    ///
    /// # Errors
    /// When it is right and finds no room, or when the disk refuses; it can be tried again.
    pub fn finish(&self, by_hand: bool) -> Result<Finished, BlobError> {
        *self.is_closed.write().unwrap_or_else(PoisonError::into_inner) = true;
        let finished = self.finish_closed(by_hand);
        if finished.is_err() {
            *self.is_closed.write().unwrap_or_else(PoisonError::into_inner) = false;
        }
        finished
    }

    fn finish_closed(&self, by_hand: bool) -> Result<Finished, BlobError> {
        let inner = &self.blobs;
        let failed = disk(inner.partial.path());
        let is_whole = self.size == 0 || self.state().parts == [(0, self.size)];
        let found = {
            let mut hashing = self.hashing();
            if is_whole {
                self.hash_until(&mut hashing, self.size).map_err(&failed)?;
            }
            BlobId::classic(hashing.hasher.clone().finalize().into())
        };
        let blobs = Blobs { inner: Arc::clone(inner) };
        if !is_whole || found != self.id || self.is_given_up.load(Ordering::SeqCst) {
            blobs.give_up(&self.id)?;
            return Ok(Finished::Wrong);
        }
        self.file.set_len(self.size).and_then(|()| self.file.sync_all()).map_err(&failed)?;
        if by_hand {
            blobs.pin(&self.id)?;
        }
        let file = self.file.try_clone().map_err(&failed)?;
        let temporary = Temporary::existing(&inner.partial, name::hex(&self.id), file);
        let is_new = blobs.place(temporary, &self.id, self.size, by_hand)?;
        blobs.give_up(&self.id)?;
        Ok(Finished::Whole(Added { id: self.id, size: self.size, is_new }))
    }

    fn hashing(&self) -> MutexGuard<'_, Hashing> {
        self.hashing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash_until(&self, hashing: &mut Hashing, goal: u64) -> io::Result<()> {
        let mut chunk = Vec::new();
        while hashing.at < goal {
            let length = usize::try_from(goal - hashing.at).unwrap_or(CHUNK).min(CHUNK);
            chunk.resize(length, 0);
            self.file.read_exact_at(&mut chunk, hashing.at)?;
            hashing.hasher.update(&chunk);
            hashing.at += length as u64;
        }
        Ok(())
    }
}

/// Adds a part to disjoint ones.
fn add(parts: &mut Vec<(u64, u64)>, mut from: u64, mut until: u64) {
    if from >= until {
        return;
    }
    parts.retain(|&(begin, end)| {
        let touches = begin <= until && from <= end;
        if touches {
            (from, until) = (from.min(begin), until.max(end));
        }
        !touches
    });
    let at = parts.partition_point(|&(begin, _)| begin < from);
    parts.insert(at, (from, until));
}

/// Size, then from and until of each part; eight bytes each, little-endian.
fn write_parts(size: u64, parts: &[(u64, u64)]) -> Vec<u8> {
    let numbers = std::iter::once(size).chain(parts.iter().flat_map(|(from, until)| [*from, *until]));
    numbers.flat_map(u64::to_le_bytes).collect()
}

/// None for bytes that [`write_parts`] would not write.
fn read_parts(bytes: &[u8]) -> Option<Begun> {
    let (numbers, []) = bytes.as_chunks::<8>() else { return None };
    let mut numbers = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let size = numbers.next()?;
    let mut parts: Vec<(u64, u64)> = Vec::new();
    while let Some(from) = numbers.next() {
        let until = numbers.next()?;
        let follows = parts.last().is_none_or(|(_, before)| *before < from);
        if !follows || from >= until || until > size || parts.len() >= MAX_NOTED {
            return None;
        }
        parts.push((from, until));
    }
    Some(Begun { size, parts })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_note_is_refused_or_makes_sense(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(begun) = read_parts(&bytes) {
                prop_assert_eq!(write_parts(begun.size, &begun.parts), bytes);
            }
        }

        #[test]
        fn parts_are_disjoint_and_hold_what_was_added(added in prop::collection::vec((0_u64..40, 0_u64..40), 0..20)) {
            let mut parts = Vec::new();
            for (from, until) in &added {
                add(&mut parts, *from, *until);
            }
            prop_assert!(parts.windows(2).all(|pair| pair[0].1 < pair[1].0));
            for byte in 0..40 {
                let is_in = |ranges: &[(u64, u64)]| ranges.iter().any(|(from, until)| (*from..*until).contains(&byte));
                prop_assert_eq!(is_in(&parts), is_in(&added));
            }
            let size = 40;
            prop_assert_eq!(read_parts(&write_parts(size, &parts)), Some(Begun { size, parts }));
        }
    }
}
