//! The integrity scan: every blob is hashed again; what is damaged is moved aside and named, never removed.

use std::ops::ControlFlow;

use feed::BlobId;

use crate::blobs::Blobs;
use crate::error::{BlobError, disk};
use crate::name;
use crate::read::hash_until;

/// Most copies of one damaged blob that are kept aside.
const MAX_COPIES: u32 = 100;

/// How far a scan has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Blobs that were checked.
    pub checked: u64,
    /// Blobs that there were at its beginning.
    pub count: u64,
    /// Bytes that were hashed.
    pub hashed: u64,
    /// Bytes that there were at its beginning.
    pub bytes: u64,
}

/// A blob that was not what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Which one.
    pub id: BlobId,
    /// What is left of it, in bytes.
    pub size: u64,
}

/// A part of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Blobs that were checked.
    pub checked: u64,
    /// Bytes that were hashed.
    pub hashed: u64,
    /// What was damaged and lies aside now.
    pub damaged: Vec<Damaged>,
    /// The last one that was checked, where there may be more: the next part begins after it.
    pub next: Option<BlobId>,
}

impl Blobs {
    /// Checks the blobs after `after`, in the order of their hashes, until `budget` bytes were hashed, at least one, and at most a
    /// page of them. Memory stays the same however many there are.
    ///
    /// # Errors
    /// When the disk refuses to say what is there, or to move aside what is damaged.
    pub fn check(&self, after: Option<&BlobId>, budget: u64) -> Result<Checked, BlobError> {
        let (part, _) = self.check_until(after, budget, &mut |_, _| ControlFlow::Continue(()))?;
        Ok(part)
    }

    /// Checks all blobs. `report` hears how far it has come, at least once for each blob and within large ones, and ends it early with
    /// [`ControlFlow::Break`].
    ///
    /// # Errors
    /// When the disk refuses to say what is there, or to move aside what is damaged.
    pub fn scan(&self, mut report: impl FnMut(&Progress) -> ControlFlow<()>) -> Result<Checked, BlobError> {
        let usage = self.usage()?;
        let mut progress = Progress { count: usage.count, bytes: usage.bytes, ..Progress::default() };
        let mut whole = Checked::default();
        loop {
            let begun = progress;
            let (part, ended) = self.check_until(whole.next.as_ref(), u64::MAX, &mut |checked, hashed| {
                progress = Progress { checked: begun.checked + checked, hashed: begun.hashed + hashed, ..begun };
                report(&progress)
            })?;
            whole.checked += part.checked;
            whole.hashed += part.hashed;
            whole.damaged.extend(part.damaged);
            whole.next = part.next;
            if ended.is_break() || whole.next.is_none() {
                return Ok(whole);
            }
        }
    }

    fn check_until(
        &self,
        after: Option<&BlobId>,
        budget: u64,
        report: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<(Checked, ControlFlow<()>), BlobError> {
        let page = self.list(after)?;
        let mut part = Checked { next: after.copied(), ..Checked::default() };
        let is_last_page = page.len() < crate::MAX_LISTED;
        for entry in page {
            if part.checked > 0 && part.hashed.saturating_add(entry.size) > budget {
                return Ok((part, ControlFlow::Continue(())));
            }
            let mut hashed = 0;
            let mut is_cancelled = || {
                let flow = report(part.checked, part.hashed + hashed);
                hashed = (hashed + crate::read::CHUNK as u64).min(entry.size);
                flow.is_break()
            };
            match self.check_one(&entry.id, &mut is_cancelled)? {
                Finding::Cancelled => return Ok((part, ControlFlow::Break(()))),
                Finding::Whole | Finding::Gone => {}
                Finding::Damaged => part.damaged.push(Damaged { id: entry.id, size: entry.size }),
            }
            part.checked += 1;
            part.hashed += entry.size;
            part.next = Some(entry.id);
            if report(part.checked, part.hashed).is_break() {
                return Ok((part, ControlFlow::Break(())));
            }
        }
        if is_last_page {
            part.next = None;
        }
        Ok((part, ControlFlow::Continue(())))
    }

    fn check_one(&self, id: &BlobId, is_cancelled: &mut dyn FnMut() -> bool) -> Result<Finding, BlobError> {
        let (fan, name) = name::place(id);
        let failed = |source| self.inner.failed(id, source);
        // Not through `get`: looking is not using.
        let Some(folder) = self.inner.content.inside(&fan).map_err(failed)? else { return Ok(Finding::Gone) };
        let Some(file) = folder.open(&name).map_err(failed)? else { return Ok(Finding::Gone) };
        match hash_until(&file, is_cancelled) {
            Ok((_, false)) => Ok(Finding::Cancelled),
            Ok((found, true)) if found == *id => Ok(Finding::Whole),
            // What the disk no longer gives is as damaged as what it gives wrongly.
            Ok(_) | Err(_) => {
                self.set_aside(id)?;
                Ok(Finding::Damaged)
            }
        }
    }

    /// Holds a stored blob against its name, without noting that it was used; false where it is not here, or was damaged and is moved
    /// aside now.
    ///
    /// # Errors
    /// When the disk refuses to move aside what is damaged.
    pub fn verify_or_set_aside(&self, id: &BlobId) -> Result<bool, BlobError> {
        Ok(matches!(self.check_one(id, &mut || false)?, Finding::Whole))
    }

    /// Moves a damaged blob to the folder of damaged files, with its thumbnails removed; its place is free for a good copy.
    pub(crate) fn set_aside(&self, id: &BlobId) -> Result<(), BlobError> {
        let inner = &self.inner;
        let (fan, name) = name::place(id);
        let failed = |source| inner.failed(id, source);
        let Some(folder) = inner.content.inside(&fan).map_err(failed)? else { return Ok(()) };
        let mut totals = inner.totals().map_err(failed)?;
        let Some(facts) = folder.facts(&name).map_err(failed)? else { return Ok(()) };
        let aside = free_name(id, |name| inner.damaged.has(name)).map_err(disk(inner.damaged.path()))?;
        folder.move_to(&name, &inner.damaged, &aside).map_err(failed)?;
        totals.take(facts.size, self.is_pinned(id)?);
        drop(totals);
        inner.damaged.sync().and_then(|()| folder.sync()).map_err(failed)?;
        self.forget_thumbnails(id)
    }
}

enum Finding {
    Whole,
    Damaged,
    Gone,
    Cancelled,
}

/// A name aside that nothing has yet; the last one is given again when there are too many.
fn free_name(id: &BlobId, has: impl Fn(&str) -> std::io::Result<bool>) -> std::io::Result<String> {
    let hex = name::hex(id);
    let mut name = hex.clone();
    for copy in 2..=MAX_COPIES {
        if !has(&name)? {
            break;
        }
        name = format!("{hex}.{copy}");
    }
    Ok(name)
}
