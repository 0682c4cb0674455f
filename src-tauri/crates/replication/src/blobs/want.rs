//! What is wanted: from the wish to the last byte.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use feed::{BlobId, DeviceKey};

use super::{BY_HAND, Blobs, FORWARDED, Found, MAX_FETCHED, MAX_HOPS, Order, Output, WANTS, Why, Wish, spans::Spans};
use crate::{Instant, LinkId, Now};

/// How urgent a want is: by why, then the newest first.
pub(super) type Rank = (Why, Reverse<i64>);

/// Sources of one blob that are remembered.
const SOURCES: usize = 16;

/// A want.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) wish: Wish,
    /// Over how many devices it has come.
    pub(super) hops: u8,
    pub(super) state: State,
    /// In bytes, as most sources say.
    pub(super) size: Option<u64>,
    /// Devices near that have it.
    pub(super) sources: BTreeMap<DeviceKey, Source>,
    /// What is on the disk.
    pub(super) done: Spans,
    /// Who brought some of that, or may have.
    pub(super) by: BTreeSet<DeviceKey>,
    /// Whether something of it may lie on the disk.
    pub(super) is_begun: bool,
    /// Whether some of it was here before this session, from nobody knows whom.
    pub(super) inherited: bool,
    /// The only one who is asked, after what several brought was wrong.
    pub(super) alone: Option<DeviceKey>,
    /// Nothing is fetched until then: there was no room.
    pub(super) rest_until: Option<Instant>,
}

/// How far a want is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The driver looks what is here.
    Looking,
    /// Neighbours know of it; it is fetched from whoever has it.
    Open,
    /// All of it is here, and is held against its name.
    Naming,
}

/// Who has a blob.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) link: LinkId,
    /// In bytes, as it says.
    pub(super) size: u64,
    /// It is not asked until then.
    pub(super) rest_until: Option<Instant>,
    /// How often in a row it broke off.
    pub(super) cuts: u32,
}

impl Want {
    fn new(wish: Wish, hops: u8, state: State) -> Self {
        Self {
            wish,
            hops,
            state,
            size: None,
            sources: BTreeMap::new(),
            done: Spans::default(),
            by: BTreeSet::new(),
            is_begun: false,
            // What lies there for a neighbour was not looked at.
            inherited: hops > 0,
            alone: None,
            rest_until: None,
        }
    }

    pub(super) fn rank(&self) -> Rank {
        (self.wish.why, Reverse(self.wish.mentioned))
    }

    /// Whether neighbours are told of it.
    pub(super) fn is_told(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn has_source_on(&self, link: LinkId) -> bool {
        self.sources.values().any(|source| source.link == link)
    }

    /// The largest that is taken, in bytes.
    pub(super) fn most(&self) -> u64 {
        if self.wish.why == Why::ByHand { u64::MAX } else { MAX_FETCHED }
    }

    /// Forgets rests that are over.
    pub(super) fn end_rests(&mut self, now: Instant) {
        self.rest_until = self.rest_until.filter(|until| *until > now);
        for source in self.sources.values_mut() {
            source.rest_until = source.rest_until.filter(|until| *until > now);
        }
    }

    /// Begins from nothing.
    pub(super) fn restart(&mut self) {
        self.done = Spans::default();
        self.by.clear();
        self.inherited = false;
    }
}

impl Blobs {
    /// A blob is wanted, over so many devices.
    pub(super) fn want(&mut self, blob: BlobId, wish: Wish, hops: u8, now: Now) {
        if let Some(want) = self.wants.get_mut(&blob) {
            let (before, is_nearer) = (want.rank(), hops < want.hops);
            let becomes_by_hand = wish.why == Why::ByHand && want.wish.why != Why::ByHand;
            if wish.why < want.wish.why {
                want.wish.why = wish.why;
            }
            if becomes_by_hand {
                // Another bound, and another room.
                want.rest_until = None;
            }
            if hops == 0 && want.wish.author.is_none() {
                want.wish.author = wish.author;
            }
            want.wish.mentioned = want.wish.mentioned.max(wish.mentioned);
            want.hops = want.hops.min(hops);
            let (after, is_open) = (want.rank(), want.state != State::Looking);
            if before != after {
                self.ranked.remove(&(before, blob));
                self.ranked.insert((after, blob));
                if self.ready.remove(&(before, blob)) {
                    self.ready.insert((after, blob));
                }
                self.save_soon(now);
            }
            if becomes_by_hand {
                if !is_open {
                    // It may be here: then it is kept for good.
                    self.outbox.push_back(Output::Order(Order::Look { blob, by_hand: true }));
                }
                self.settle_size(blob);
                self.save();
            }
            if is_nearer && is_open {
                self.tell_all(blob, Some(hops), now);
            }
            if before != after {
                self.schedule(now);
            }
            return;
        }
        if !self.make_room(&wish, now) {
            return;
        }
        // For a neighbour the driver has just looked.
        let state = if hops == 0 { State::Looking } else { State::Open };
        let want = Want::new(wish, hops, state);
        self.ranked.insert((want.rank(), blob));
        self.wants.insert(blob, want);
        match state {
            State::Looking => {
                let by_hand = wish.why == Why::ByHand;
                self.outbox.push_back(Output::Order(Order::Look { blob, by_hand }));
                if wish.why == Why::ByHand {
                    self.save();
                } else {
                    self.save_soon(now);
                }
            }
            State::Open | State::Naming => self.tell_all(blob, Some(hops), now),
        }
    }

    /// Whether one more may be wanted; the least urgent one goes for it.
    fn make_room(&mut self, wish: &Wish, now: Now) -> bool {
        let count = |why| self.wants.values().filter(|want| want.wish.why == why).count();
        match wish.why {
            Why::ByHand if count(Why::ByHand) >= BY_HAND => return false,
            Why::Forwarded if count(Why::Forwarded) >= FORWARDED => return false,
            _ => {}
        }
        if self.wants.len() < WANTS {
            return true;
        }
        match self.ranked.last().copied() {
            Some((rank, blob)) if rank > (wish.why, Reverse(wish.mentioned)) && rank.0 != Why::ByHand => {
                self.give_up(blob, now);
                true
            }
            _ => false,
        }
    }

    /// The driver has looked what is here.
    pub(super) fn on_looked(&mut self, blob: BlobId, found: Found, now: Now) {
        let Some(want) = self.wants.get_mut(&blob).filter(|want| want.state == State::Looking) else { return };
        match found {
            // Somebody may have asked for it, or looked for it, a moment too early.
            Found::Held => return self.on_stored(blob, now),
            Found::Begun { size, parts } => {
                want.size = Some(size);
                parts.into_iter().for_each(|(from, until)| want.done.add(from, until.min(size)));
                (want.inherited, want.is_begun) = (true, true);
            }
            Found::Absent => {}
        }
        want.state = State::Open;
        let hops = want.hops;
        self.tell_all(blob, Some(hops), now);
        self.name_when_whole(blob);
        self.schedule(now);
    }

    /// A blob is not wanted any more, and what was fetched of it goes.
    pub(super) fn give_up(&mut self, blob: BlobId, now: Now) {
        let Some(want) = self.wants.get(&blob) else { return };
        let is_begun = want.is_begun;
        self.end(blob, now);
        if is_begun {
            self.outbox.push_back(Output::Order(Order::GiveUp { blob }));
        }
    }

    /// Ends a want: whoever was told of it hears so.
    pub(super) fn end(&mut self, blob: BlobId, now: Now) {
        self.stop_jobs(&blob, None);
        let Some(want) = self.wants.remove(&blob) else { return };
        self.ready.remove(&(want.rank(), blob));
        self.ranked.remove(&(want.rank(), blob));
        self.tell_all(blob, None, now);
        match want.wish.why {
            Why::ByHand => self.save(),
            Why::Portrait | Why::Mentioned => self.save_soon(now),
            Why::Seen | Why::Forwarded => {}
        }
    }

    /// A device has a blob that is wanted.
    pub(super) fn add_source(&mut self, blob: BlobId, device: DeviceKey, link: LinkId, size: u64, now: Now) {
        if self.refused.get(&(device, blob)).is_some_and(|until| *until > now.monotonic) {
            return;
        }
        let Some(want) = self.wants.get_mut(&blob) else { return };
        // One that is too large is remembered: the person may ask for it by hand. Nobody needs a file of nothing.
        if size == 0 {
            return;
        }
        if let Some(source) = want.sources.get_mut(&device) {
            // Said again it is no better than before.
            (source.link, source.size) = (link, size);
        } else {
            if want.sources.len() >= SOURCES {
                let worst = want.sources.iter().max_by_key(|(_, source)| source.cuts).map(|(device, _)| *device);
                let Some(worst) = worst.filter(|worst| !self.jobs.values().any(|job| job.is_of(&blob, worst))) else {
                    return;
                };
                want.sources.remove(&worst);
            }
            want.sources.insert(device, Source { link, size, rest_until: None, cuts: 0 });
        }
        self.ready.insert((want.rank(), blob));
        self.settle_size(blob);
    }

    /// A device does not have it, or is not to be asked.
    pub(super) fn remove_source(&mut self, blob: BlobId, device: DeviceKey) {
        self.stop_jobs(&blob, Some(&device));
        let Some(want) = self.wants.get_mut(&blob) else { return };
        if want.sources.remove(&device).is_none() {
            return;
        }
        if want.sources.is_empty() {
            self.ready.remove(&(want.rank(), blob));
        }
        self.settle_size(blob);
    }

    /// The size is the one of which something is here or on its way, as long as anybody who is asked has that; else what most say of
    /// those who do not rest, rather one that may be taken, and of those the smaller.
    pub(super) fn settle_size(&mut self, blob: BlobId) {
        let flows = self.jobs.values().any(|job| job.blob == blob);
        let Some(want) = self.wants.get_mut(&blob) else { return };
        if let Some(alone) = want.alone.and_then(|alone| want.sources.get(&alone)) {
            if want.size != Some(alone.size) && !flows {
                want.size = Some(alone.size);
                want.restart();
            }
            return;
        }
        let has_bytes = flows || want.done != Spans::default();
        let is_said = want.sources.values().any(|source| Some(source.size) == want.size && source.rest_until.is_none());
        if want.sources.is_empty() || (has_bytes && is_said) {
            return;
        }
        let most = want.most();
        let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
        let awake = want.sources.values().filter(|source| source.rest_until.is_none());
        awake.for_each(|source| *counts.entry(source.size).or_default() += 1);
        let better = |(size, count): &(u64, usize)| (*size <= most, *count, Reverse(*size));
        let Some(size) = counts.into_iter().max_by_key(better).map(|(size, _)| size) else { return };
        if Some(size) != want.size {
            let is_begun = want.is_begun && has_bytes;
            want.size = Some(size);
            // First, because who is stopped counts as having brought something.
            self.stop_jobs(&blob, None);
            if let Some(want) = self.wants.get_mut(&blob) {
                want.restart();
            }
            if is_begun {
                self.outbox.push_back(Output::Order(Order::Again { blob }));
            }
        }
    }

    /// For a neighbour's want: one device further, if that is not too far.
    pub(super) fn forward(&mut self, blob: BlobId, hops: u8, now: Now) {
        if hops < MAX_HOPS {
            let wish = Wish { why: Why::Forwarded, author: None, mentioned: now.wall };
            self.want(blob, wish, hops + 1, now);
        }
    }
}
