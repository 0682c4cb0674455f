//! Who brings which part.

use std::{collections::BTreeMap, time::Duration};

use feed::{BlobId, DeviceKey};

use super::{
    Blobs, Ending, JobId, MAX_FETCHED, MAX_PARTS, NO_ROOM_REST, Order, Output, Why,
    want::{State, Want},
};
use crate::{Instant, LinkId, Now};

/// Fetches at once.
const JOBS: usize = 8;
/// Of them from one device.
const JOBS_PER_LINK: usize = 2;
/// Of them of one blob.
const JOBS_PER_BLOB: usize = 4;
/// Of them of blobs larger than [`MAX_FETCHED`], so that a picture always finds some free.
const LARGE_JOBS: usize = 6;
/// Less than this is not divided, in bytes.
const DIVIDED: u64 = 1 << 20;
/// Places at which a blob is divided are multiples of this, in bytes.
const PIECE: u64 = 256 << 10;
/// How long a source rests that broke off; twice as long each further time in a row.
const CUT_REST: Duration = Duration::from_secs(2);
/// The longest.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How long a source rests that serves too many, or said another size.
const SHORT_REST: Duration = Duration::from_secs(1);

/// A fetch under way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) blob: BlobId,
    pub(super) device: DeviceKey,
    link: LinkId,
    from: u64,
    at: u64,
    until: u64,
    is_large: bool,
}

impl Job {
    pub(super) fn is_of(&self, blob: &BlobId, device: &DeviceKey) -> bool {
        self.blob == *blob && self.device == *device
    }
}

impl Blobs {
    /// Starts what can start, the most urgent first.
    pub(super) fn schedule(&mut self, now: Now) {
        if !self.has_free_link() || self.ready.is_empty() {
            return;
        }
        let ready: Vec<BlobId> = self.ready.iter().map(|(_, blob)| *blob).collect();
        for blob in ready {
            if !self.has_free_link() {
                return;
            }
            self.begin_jobs(blob, now);
        }
    }

    /// Whether anything more can be asked of anybody.
    fn has_free_link(&self) -> bool {
        let on = |link: &LinkId| self.jobs.values().filter(|job| job.link == *link).count();
        self.jobs.len() < JOBS && self.near.keys().any(|link| on(link) < JOBS_PER_LINK)
    }

    fn begin_jobs(&mut self, blob: BlobId, now: Now) {
        while let Some((device, link)) = self.free_source(&blob, now.monotonic) {
            let Some(size) = self.wants.get(&blob).and_then(|want| want.size) else { return };
            // All of it may lie here already.
            let Some((from, until)) = self.next_part(&blob, size) else { return self.name_when_whole(blob) };
            self.last_job += 1;
            let job = JobId(self.last_job);
            self.jobs.insert(job, Job { blob, device, link, from, at: from, until, is_large: size > MAX_FETCHED });
            let by_hand = self.wants.get_mut(&blob).is_some_and(|want| {
                want.is_begun = true;
                want.wish.why == Why::ByHand
            });
            self.outbox.push_back(Output::Order(Order::Fetch { job, link, blob, size, from, until, by_hand }));
        }
    }

    /// A device that has the blob and could bring some of it now.
    fn free_source(&self, blob: &BlobId, now: Instant) -> Option<(DeviceKey, LinkId)> {
        let want = self.wants.get(blob).filter(|want| want.state == State::Open && want.rest_until.is_none())?;
        let jobs = || self.jobs.values();
        let size = want.size.filter(|size| *size <= want.most())?;
        let is_full = jobs().count() >= JOBS
            || jobs().filter(|job| job.blob == *blob).count() >= JOBS_PER_BLOB
            || (size > MAX_FETCHED && jobs().filter(|job| job.is_large).count() >= LARGE_JOBS);
        if is_full {
            return None;
        }
        want.sources
            .iter()
            .filter(|(device, source)| {
                source.size == size
                    && source.rest_until.is_none_or(|until| until <= now)
                    && want.alone.is_none_or(|alone| alone == **device)
                    && !jobs().any(|job| job.blob == *blob && job.device == **device)
                    && jobs().filter(|job| job.link == source.link).count() < JOBS_PER_LINK
            })
            .min_by_key(|(device, source)| {
                (source.cuts, jobs().filter(|job| job.link == source.link).count(), **device)
            })
            .map(|(device, source)| (*device, source.link))
    }

    /// The next part of a blob for an idle source: the first that nobody has taken on, else the upper half of the largest
    /// remainder.
    fn next_part(&mut self, blob: &BlobId, size: u64) -> Option<(u64, u64)> {
        let want = self.wants.get(blob)?;
        let mut covered = want.done.clone();
        for job in self.jobs.values().filter(|job| job.blob == *blob) {
            covered.add(job.from, job.until);
        }
        if let Some(gap) = covered.first_gap(size) {
            return Some(gap);
        }
        if want.done.count() + self.jobs.len() >= MAX_PARTS {
            return None;
        }
        let left = |job: &Job| job.until.saturating_sub(job.at);
        let of_blob = self.jobs.iter_mut().filter(|(_, job)| job.blob == *blob);
        let (id, job) = of_blob.max_by_key(|(_, job)| left(job)).filter(|(_, job)| left(job) >= DIVIDED)?;
        let middle = (job.at + left(job) / 2).next_multiple_of(PIECE);
        if middle >= job.until {
            return None;
        }
        let until = std::mem::replace(&mut job.until, middle);
        let id = *id;
        self.outbox.push_back(Output::Order(Order::Shorten { job: id, until: middle }));
        Some((middle, until))
    }

    pub(super) fn on_took(&mut self, job: JobId, at: u64, now: Now) {
        let Some(Job { blob, device, at: before, .. }) = self.jobs.get_mut(&job) else { return };
        let from = std::mem::replace(before, at.max(*before));
        let (blob, device) = (*blob, *device);
        self.brought(&blob, device, from, at);
        self.schedule(now);
    }

    /// Bytes that came are on the disk.
    fn brought(&mut self, blob: &BlobId, device: DeviceKey, from: u64, until: u64) {
        if let Some(want) = self.wants.get_mut(blob)
            && until > from
        {
            want.done.add(from, until.min(want.size.unwrap_or(until)));
            want.by.insert(device);
            if let Some(source) = want.sources.get_mut(&device) {
                source.cuts = 0;
            }
        }
    }

    pub(super) fn on_ended(&mut self, job: JobId, at: u64, how: Ending, now: Now) {
        let Some(Job { blob, device, at: before, .. }) = self.jobs.remove(&job) else { return };
        self.brought(&blob, device, before, at);
        match how {
            Ending::Done => {}
            Ending::Cut => self.rest_source(&blob, device, now, |cuts| {
                CUT_REST.saturating_mul(1_u32.checked_shl(cuts).unwrap_or(u32::MAX)).min(LONGEST_REST)
            }),
            Ending::Busy => self.rest_source(&blob, device, now, |_| SHORT_REST),
            // A file of nothing is as good as none.
            Ending::NotHere | Ending::Size(0) => {
                self.remove_source(blob, device);
                self.choose_alone(blob);
            }
            Ending::Size(size) => {
                if let Some(source) = self.wants.get_mut(&blob).and_then(|want| want.sources.get_mut(&device)) {
                    source.size = size;
                }
                self.rest_source(&blob, device, now, |_| SHORT_REST);
                self.settle_size(blob);
            }
            Ending::NoRoom => self.rest_size(blob, now),
        }
        self.name_when_whole(blob);
        self.schedule(now);
    }

    /// A source is left alone for a while, as long as `how_long` says for so many failures before.
    fn rest_source(&mut self, blob: &BlobId, device: DeviceKey, now: Now, how_long: impl Fn(u32) -> Duration) {
        let Some(source) = self.wants.get_mut(blob).and_then(|want| want.sources.get_mut(&device)) else { return };
        let until = now.monotonic + how_long(source.cuts);
        source.cuts = source.cuts.saturating_add(1);
        source.rest_until = Some(until);
        self.wake.insert((until, *blob));
    }

    /// There is no room for a blob of that size: whoever says so rests. Another size may be the true one.
    fn rest_size(&mut self, blob: BlobId, now: Now) {
        self.stop_jobs(&blob, None);
        let Some(want) = self.wants.get_mut(&blob) else { return };
        let until = now.monotonic + NO_ROOM_REST;
        for source in want.sources.values_mut().filter(|source| Some(source.size) == want.size) {
            source.rest_until = Some(until);
        }
        self.wake.insert((until, blob));
        self.settle_size(blob);
    }

    /// Nothing more of a blob is fetched for a while.
    pub(super) fn rest(&mut self, blob: BlobId, now: Now) {
        self.stop_jobs(&blob, None);
        if let Some(want) = self.wants.get_mut(&blob) {
            let until = now.monotonic + NO_ROOM_REST;
            want.rest_until = Some(until);
            self.wake.insert((until, blob));
        }
    }

    /// Stops the fetches of a blob, all or those from one device.
    pub(super) fn stop_jobs(&mut self, blob: &BlobId, device: Option<&DeviceKey>) {
        let is_meant = |job: &Job| job.blob == *blob && device.is_none_or(|device| job.device == *device);
        let stopped: BTreeMap<JobId, Job> = self.jobs.extract_if(.., |_, job| is_meant(job)).collect();
        for (id, job) in stopped {
            if let Some(want) = self.wants.get_mut(blob) {
                // Some of its bytes may be on the disk, though nobody has said so yet.
                want.by.insert(job.device);
            }
            self.outbox.push_back(Output::Order(Order::Stop { job: id }));
        }
    }

    /// Once all of a blob is here it is held against its name.
    pub(super) fn name_when_whole(&mut self, blob: BlobId) {
        let may = |want: &&mut Want| want.state == State::Open && want.rest_until.is_none();
        let Some(want) = self.wants.get_mut(&blob).filter(may) else { return };
        if let Some(size) = want.size
            && size > 0
            && want.done.is_all(size)
        {
            want.state = State::Naming;
            let by_hand = want.wish.why == Why::ByHand;
            self.stop_jobs(&blob, None);
            self.outbox.push_back(Output::Order(Order::Name { blob, size, by_hand }));
        }
    }
}
