//! Blobs: files named by their content, from whoever has them to whoever may have them and wants them.
//!
//! Sources: the want and have of `ssb-blobs` (sympathy, size with the have); everything about ranges, several sources and blame
//! is our own. The machine sees names, sizes and places in a file, never a byte: bytes go on streams of their own
//! (`docs/protocol.md`, *Blobs*), which the driver serves.
//!
//! # The rules
//!
//! - A *want* is told to every device near, with the number of devices it has come over. Whoever may give the blob, and has it,
//!   answers with a *have* and its size, now or when it comes to have it.
//! - Whoever may give it and does not have it wants it too, one device further, over at most [`MAX_HOPS`]. So a want travels
//!   with the judgement of each who passes it on: what nobody may give a neighbour, nobody fetches for that neighbour.
//! - What a message links to is taken up to [`MAX_FETCHED`] bytes; what a person asks for by hand has no bound.
//! - The first source brings all of a blob. Each further one takes the upper half of what the busiest has left. What was
//!   brought stays when a source is lost: another goes on where it stopped.
//! - A blob is believed when its hash is its name. If it is not, and one source brought all of it, that source lied: it is not
//!   asked for that blob for [`REFUSED_FOR`], and the driver hears of it. If several had a part in it, it is fetched again from
//!   one of them alone, until it is right; each who is wrong alone is found in this way.

mod io;
mod naming;
mod near;
mod schedule;
mod spans;
#[cfg(test)]
mod tests;
mod want;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use feed::{BlobId, DeviceKey};

pub use io::{Ending, Fetch, Found, Input, JobId, Judgement, Named, Order, Output, Report, Why, Wish};

use self::{near::Near, schedule::Job, want::Want};
use crate::{Instant, LinkId, Now};

/// Entries of one kind in one [`Output::Tell`]: 256 of 34 bytes fit into a packet or few.
pub const MAX_ENTRIES: usize = 256;
/// Over how many devices a want travels beyond the first: a neighbour's, and a neighbour's neighbour's (`ssb-blobs`,
/// option `sympathy`).
pub const MAX_HOPS: u8 = 2;
/// Largest blob that is fetched because a message links to it, in bytes (`ssb-blobs`, option `max`).
pub const MAX_FETCHED: u64 = 5 << 20;
/// Parts of one blob: a source more makes one more.
pub const MAX_PARTS: usize = 64;
/// How long a device that was wrong alone is not asked for that blob.
pub const REFUSED_FOR: Duration = Duration::from_secs(3_600);
/// How long a device's wrong blobs are counted together.
pub const BLAME_MEMORY: Duration = Duration::from_secs(3_600);

/// Wants at once. Beyond it the least urgent go, never one by hand.
const WANTS: usize = 4_096;
/// Of them by hand.
const BY_HAND: usize = 256;
/// Of them for neighbours.
const FORWARDED: usize = 512;
/// Devices that are remembered as wrong, each with a blob.
const REFUSED: usize = 4_096;
/// How long nothing is fetched of a blob after there was no room for it.
const NO_ROOM_REST: Duration = Duration::from_secs(600);
/// How long saved wants may be behind.
const SAVE_AFTER: Duration = Duration::from_secs(1);

/// A device's wrong blobs.
#[derive(Debug)]
struct Blamed {
    times: u32,
    until: Instant,
}

/// The machine.
#[derive(Debug, Default)]
pub struct Blobs {
    wants: BTreeMap<BlobId, Want>,
    /// All of them, the most urgent first.
    ranked: BTreeSet<(want::Rank, BlobId)>,
    /// Those that have a source, the most urgent first.
    ready: BTreeSet<(want::Rank, BlobId)>,
    near: BTreeMap<LinkId, Near>,
    /// What devices that went away were told and wanted, for when the same process comes back.
    gone: BTreeMap<DeviceKey, near::Gone>,
    jobs: BTreeMap<JobId, Job>,
    last_job: u64,
    /// Devices that were wrong about a blob, and until when they are not asked for it.
    refused: BTreeMap<(DeviceKey, BlobId), Instant>,
    blamed: BTreeMap<DeviceKey, Blamed>,
    /// When something about a blob is looked at again.
    wake: BTreeSet<(Instant, BlobId)>,
    save_at: Option<Instant>,
    /// When more is told to those who were told much at once.
    tell_at: Option<Instant>,
    outbox: VecDeque<Output>,
}

impl Blobs {
    /// A machine that wants what was saved.
    pub fn new(saved: impl IntoIterator<Item = (BlobId, Wish)>, now: Now) -> Self {
        let mut blobs = Self::default();
        for (blob, wish) in saved {
            blobs.want(blob, wish, 0, now);
        }
        blobs.save_at = None;
        blobs
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, input: Input, now: Now) {
        match input {
            Input::LinkUp { link, device, run } => self.on_link_up(link, device, run, now),
            Input::LinkDown { link } => self.on_link_down(link, now),
            Input::Wants { link, wants } => self.on_wants(link, wants, now),
            Input::Haves { link, haves } => self.on_haves(link, haves, now),
            Input::Told { link } => {
                if let Some(near) = self.near.get_mut(&link) {
                    near.is_telling = false;
                }
                self.tell(link, now);
            }
            Input::Want { blob, wish } => self.want(blob, wish, 0, now),
            Input::GiveUp { blob } => self.give_up(blob, now),
            Input::Blocked { author } => {
                let theirs = |want: &Want| want.wish.author == Some(author) && want.wish.why != Why::ByHand;
                let blobs: Vec<BlobId> =
                    self.wants.iter().filter(|(_, want)| theirs(want)).map(|(blob, _)| *blob).collect();
                blobs.into_iter().for_each(|blob| self.give_up(blob, now));
            }
            Input::Report(report) => self.on_report(report, now),
        }
    }

    fn on_report(&mut self, report: Report, now: Now) {
        match report {
            Report::Looked { blob, found } => self.on_looked(blob, found, now),
            Report::Judged { link, answers } => self.on_judged(link, answers, now),
            Report::Took { job, at } => self.on_took(job, at, now),
            Report::Ended { job, at, how } => self.on_ended(job, at, how, now),
            Report::Named { blob, named } => self.on_named(blob, named, now),
            Report::Stored { blob } => self.on_stored(blob, now),
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When to call [`Self::handle_timeout`] if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wake.first().map(|(at, _)| *at).into_iter().chain(self.save_at).chain(self.tell_at).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(&(at, blob)) = self.wake.first()
            && at <= now.monotonic
        {
            self.wake.pop_first();
            if let Some(want) = self.wants.get_mut(&blob) {
                want.end_rests(now.monotonic);
                // Whoever rested may have another size than the others.
                self.settle_size(blob);
                self.name_when_whole(blob);
            }
        }
        if self.tell_at.take_if(|at| *at <= now.monotonic).is_some() {
            self.tell_again(now);
        }
        if self.save_at.is_some_and(|at| at <= now.monotonic) {
            self.save();
        }
        self.schedule(now);
    }

    /// What is wanted, the most urgent first, at most `most`.
    pub fn fetches(&self, most: usize) -> Vec<Fetch> {
        let wants = self.ranked.iter().filter_map(|(_, blob)| Some((blob, self.wants.get(blob)?)));
        let fetch = |(blob, want): (&BlobId, &Want)| Fetch {
            blob: *blob,
            why: want.wish.why,
            size: want.size,
            done: want.done.bytes(),
            sources: want.sources.len(),
            flows: self.jobs.values().any(|job| job.blob == *blob),
        };
        wants.take(most).map(fetch).collect()
    }

    /// Notes that what is saved is behind.
    fn save_soon(&mut self, now: Now) {
        self.save_at.get_or_insert(now.monotonic + SAVE_AFTER);
    }

    fn save(&mut self) {
        self.save_at = None;
        let saved = |want: &Want| matches!(want.wish.why, Why::ByHand | Why::Portrait | Why::Mentioned);
        let wants = self.wants.iter().filter(|(_, want)| saved(want)).map(|(blob, want)| (*blob, want.wish)).collect();
        self.outbox.push_back(Output::Order(Order::Save { wants }));
    }
}
