//! Devices near: what they want, what they were told, and what they may have.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use feed::{BlobId, DeviceKey};

use super::{Blobs, Judgement, MAX_ENTRIES, Order, Output, Why, want::Want};
use crate::{Instant, LinkId, Now};

/// Wants of one device that are remembered. Further ones are passed over.
const WANTED: usize = 1_024;
/// Own wants that a device is told at once when it comes.
const TOLD: usize = 1_024;
/// How long a device that went away is remembered.
const GONE_FOR: Duration = Duration::from_secs(600);
/// Devices that are remembered so.
const GONE: usize = 256;
/// What was told so short a time before a link broke may not have arrived.
const IN_DOUBT: Duration = Duration::from_secs(30);
/// Wants that are looked at of one device, and told to one, a second, and at once. What ends a want costs nothing.
const WANTS_A_SECOND: u32 = 64;
const WANTS_AT_ONCE: u32 = 1_024;

/// When more is told to a device that was told as much as it looks at for now.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// A device that is linked.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) device: DeviceKey,
    run: u32,
    /// What it wants, over how many devices.
    pub(super) wants: BTreeMap<BlobId, u8>,
    /// What it was told we want, over how many devices, and when.
    told: BTreeMap<BlobId, (u8, Instant)>,
    /// What is to be judged for it.
    to_judge: BTreeSet<BlobId>,
    is_judging: bool,
    /// What it is to be told.
    new_wants: BTreeMap<BlobId, Option<u8>>,
    new_haves: BTreeMap<BlobId, u64>,
    /// Whether something is on its way out.
    pub(super) is_telling: bool,
    /// Whether there is more to tell than it remembers: when something ends, the next is told.
    is_short: bool,
    /// Wants of it that may be looked at before time has to pass, and of ours that it may be told.
    hearing: Credit,
    saying: Credit,
}

/// So many at once, and so many more a second.
#[derive(Clone, Copy, Debug)]
struct Credit {
    left: u32,
    since: Instant,
}

impl Credit {
    fn new(now: Instant) -> Self {
        Self { left: WANTS_AT_ONCE, since: now }
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        if seconds > 0 {
            let more = WANTS_A_SECOND.saturating_mul(u32::try_from(seconds).unwrap_or(u32::MAX));
            self.left = self.left.saturating_add(more).min(WANTS_AT_ONCE);
            self.since = now;
        }
    }

    fn take(&mut self) -> bool {
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

/// A device that went away.
#[derive(Debug)]
pub(super) struct Gone {
    run: u32,
    wants: BTreeMap<BlobId, u8>,
    told: BTreeMap<BlobId, (u8, Instant)>,
    since: Instant,
}

impl Blobs {
    pub(super) fn on_link_up(&mut self, link: LinkId, device: DeviceKey, run: u32, now: Now) {
        let before = self.gone.remove(&device);
        let same = |gone: &Gone| gone.run == run && now.monotonic.saturating_duration_since(gone.since) < GONE_FOR;
        let (wants, mut told) = before.filter(same).map(|gone| (gone.wants, gone.told)).unwrap_or_default();
        // What ended meanwhile it still takes for wanted.
        let ended =
            told.extract_if(.., |blob, _| !self.wants.contains_key(blob)).map(|(blob, _)| (blob, None)).collect();
        let near = Near {
            device,
            run,
            // Judged again: it may have followed somebody, or been blocked, meanwhile.
            to_judge: wants.keys().copied().collect(),
            wants,
            told,
            is_judging: false,
            new_wants: ended,
            new_haves: BTreeMap::new(),
            is_telling: false,
            is_short: false,
            hearing: Credit::new(now.monotonic),
            saying: Credit::new(now.monotonic),
        };
        self.near.insert(link, near);
        self.tell_next(link, now);
        self.tell(link, now);
        self.judge(link);
    }

    pub(super) fn on_link_down(&mut self, link: LinkId, now: Now) {
        let Some(near) = self.near.remove(&link) else { return };
        let blobs: Vec<BlobId> =
            self.wants.iter().filter(|(_, want)| want.has_source_on(link)).map(|(blob, _)| *blob).collect();
        for blob in blobs {
            self.remove_source(blob, near.device);
            self.choose_alone(blob);
        }
        let mut told = near.told;
        told.retain(|_, (_, at)| now.monotonic.saturating_duration_since(*at) >= IN_DOUBT);
        while self.gone.len() >= GONE
            && let Some(oldest) = self.gone.iter().min_by_key(|(_, gone)| gone.since).map(|(device, _)| *device)
        {
            self.gone.remove(&oldest);
        }
        // What it had is no reason to want something any more.
        let asked: Vec<BlobId> = near.wants.keys().copied().collect();
        self.gone.insert(near.device, Gone { run: near.run, wants: near.wants, told, since: now.monotonic });
        asked.into_iter().for_each(|blob| self.review_forwarded(blob, now));
        self.schedule(now);
    }

    /// A peer wants blobs, or no more.
    pub(super) fn on_wants(&mut self, link: LinkId, wants: Vec<(BlobId, Option<u8>)>, now: Now) {
        let Some(near) = self.near.get_mut(&link) else { return };
        near.hearing.refill(now.monotonic);
        let mut ended = Vec::new();
        for (blob, hops) in wants {
            match hops {
                Some(_) if !near.hearing.take() => {}
                Some(hops) if near.wants.len() < WANTED || near.wants.contains_key(&blob) => {
                    near.wants.insert(blob, hops);
                    near.to_judge.insert(blob);
                }
                Some(_) => {}
                None => {
                    near.wants.remove(&blob);
                    near.to_judge.remove(&blob);
                    near.new_haves.remove(&blob);
                    ended.push(blob);
                }
            }
        }
        ended.into_iter().for_each(|blob| self.review_forwarded(blob, now));
        self.judge(link);
    }

    /// What is wanted for neighbours alone is wanted as long as one of them does.
    fn review_forwarded(&mut self, blob: BlobId, now: Now) {
        let is_forwarded = self.wants.get(&blob).is_some_and(|want| want.wish.why == Why::Forwarded);
        if is_forwarded && !self.near.values().any(|near| near.wants.contains_key(&blob)) {
            self.give_up(blob, now);
        }
    }

    /// Has judged what waits for it.
    fn judge(&mut self, link: LinkId) {
        let Some(near) = self.near.get_mut(&link) else { return };
        if near.is_judging || near.to_judge.is_empty() {
            return;
        }
        let mut blobs = Vec::new();
        while blobs.len() < MAX_ENTRIES
            && let Some(blob) = near.to_judge.pop_first()
        {
            blobs.push(blob);
        }
        near.is_judging = true;
        let device = near.device;
        self.outbox.push_back(Output::Order(Order::Judge { link, device, blobs }));
    }

    pub(super) fn on_judged(&mut self, link: LinkId, answers: Vec<(BlobId, Judgement)>, now: Now) {
        let Some(near) = self.near.get_mut(&link) else { return };
        near.is_judging = false;
        let mut absent = Vec::new();
        for (blob, judgement) in answers {
            // It may have changed its mind meanwhile.
            let Some(hops) = near.wants.get(&blob).copied() else { continue };
            match judgement {
                Judgement::Held(size) => _ = near.new_haves.insert(blob, size),
                Judgement::Absent => absent.push((blob, hops)),
                // The message that links it may be on its way: its want stays, and is judged again when the blob comes.
                Judgement::Refused => {}
            }
        }
        for (blob, hops) in absent {
            self.forward(blob, hops, now);
        }
        self.tell(link, now);
        self.judge(link);
    }

    /// A peer has blobs.
    pub(super) fn on_haves(&mut self, link: LinkId, haves: Vec<(BlobId, u64)>, now: Now) {
        let Some(device) = self.near.get(&link).map(|near| near.device) else { return };
        for (blob, size) in haves {
            self.add_source(blob, device, link, size, now);
        }
        self.schedule(now);
    }

    /// A blob is here now: whoever wants it is judged again, and nothing more of it is needed.
    pub(super) fn on_stored(&mut self, blob: BlobId, now: Now) {
        if self.wants.get(&blob).is_some_and(|want| want.is_begun) {
            self.give_up(blob, now);
        } else {
            self.end(blob, now);
        }
        let asking: Vec<LinkId> =
            self.near.iter().filter(|(_, near)| near.wants.contains_key(&blob)).map(|(link, _)| *link).collect();
        for link in asking {
            if let Some(near) = self.near.get_mut(&link) {
                near.to_judge.insert(blob);
            }
            self.judge(link);
        }
        self.outbox.push_back(Output::Arrived { blob });
        self.schedule(now);
    }

    /// Tells everybody near that a blob is wanted, over so many devices, or no more.
    pub(super) fn tell_all(&mut self, blob: BlobId, hops: Option<u8>, now: Now) {
        let links: Vec<LinkId> = self.near.keys().copied().collect();
        for link in links {
            self.tell_one(link, blob, hops, now);
            self.tell(link, now);
        }
    }

    fn tell_one(&mut self, link: LinkId, blob: BlobId, hops: Option<u8>, now: Now) {
        let Some(near) = self.near.get_mut(&link) else { return };
        let is_forwarded = self.wants.get(&blob).is_some_and(|want| want.wish.why == Why::Forwarded);
        match hops {
            Some(hops) => {
                // What is wanted for neighbours is no news to those who want it themselves.
                if is_forwarded && near.wants.contains_key(&blob) {
                    return;
                }
                let before = near.told.get(&blob).map(|(before, _)| *before);
                if before.is_none() && near.told.len() >= TOLD {
                    near.is_short = true;
                } else if before.is_none_or(|before| before > hops) {
                    near.told.insert(blob, (hops, now.monotonic));
                    near.new_wants.insert(blob, Some(hops));
                }
            }
            // Who was not told never hears of it.
            None if near.told.remove(&blob).is_some() => {
                near.new_wants.insert(blob, None);
                if near.is_short {
                    self.tell_next(link, now);
                }
            }
            None => {}
        }
    }

    /// Tells a device what it was not told yet, the most urgent first, as far as it remembers.
    fn tell_next(&mut self, link: LinkId, now: Now) {
        let Some(near) = self.near.get_mut(&link) else { return };
        near.is_short = false;
        let room = TOLD.saturating_sub(near.told.len());
        let told = |blob: &BlobId| near.told.contains_key(blob);
        let ranked = self.ranked.iter().map(|(_, blob)| *blob);
        let next = ranked.filter(|blob| !told(blob) && self.wants.get(blob).is_some_and(Want::is_told));
        // One more than there is room for, which leaves it short.
        let next: Vec<BlobId> = next.take(room + 1).collect();
        for blob in next {
            let hops = self.wants.get(&blob).map(|want| want.hops);
            self.tell_one(link, blob, hops, now);
        }
    }

    /// Hands out what waits for a link, if nothing is on its way.
    pub(super) fn tell(&mut self, link: LinkId, now: Now) {
        let Some(near) = self.near.get_mut(&link) else { return };
        if near.is_telling || (near.new_wants.is_empty() && near.new_haves.is_empty()) {
            return;
        }
        near.saying.refill(now.monotonic);
        let mut is_held_back = false;
        let wants: Vec<(BlobId, Option<u8>)> = near
            .new_wants
            .extract_if(.., |_, hops| {
                let leaves = hops.is_none() || near.saying.take();
                is_held_back |= !leaves;
                leaves
            })
            .take(MAX_ENTRIES)
            .collect();
        let mut haves = Vec::new();
        while haves.len() < MAX_ENTRIES
            && let Some(entry) = near.new_haves.pop_first()
        {
            haves.push(entry);
        }
        if is_held_back {
            self.tell_at.get_or_insert(now.monotonic + SAY_AGAIN);
        }
        if !wants.is_empty() || !haves.is_empty() {
            near.is_telling = true;
            self.outbox.push_back(Output::Tell { link, wants, haves });
        }
    }

    /// More may be told now.
    pub(super) fn tell_again(&mut self, now: Now) {
        let links: Vec<LinkId> = self.near.keys().copied().collect();
        links.into_iter().for_each(|link| self.tell(link, now));
    }
}
