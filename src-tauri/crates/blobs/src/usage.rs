//! How much may be kept, and how much is.

use std::io;

use crate::blobs::Blobs;
use crate::error::{BlobError, disk};

/// Largest blob that others fetch by themselves, in bytes: the bound of the living network (`ssb-blobs`, option `max`).
pub const MAX_FETCHED: u64 = 5 << 20;

/// What may be kept, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One blob that is put here by hand.
    pub one: u64,
    /// All blobs together that nobody put here or asked for by hand. Nothing is removed for a new one: see [`Blobs::tidy`].
    pub all: u64,
    /// All thumbnails; the oldest make room for new ones.
    pub thumbnails: u64,
    /// What has to stay free on the disk, for messages.
    pub keep_free: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { one: u64::MAX, all: 5 << 30, thumbnails: 256 << 20, keep_free: 64 << 20 }
    }
}

/// How many blobs, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// Those of them that are pinned.
    pub(crate) pinned: u64,
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Blobs stored here.
    pub count: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// What those of them may take that are not pinned, in bytes.
    pub limit: u64,
    /// What the thumbnails take, in bytes.
    pub thumbnails: u64,
    /// Files that were moved aside because they are damaged.
    pub damaged: u64,
    /// What is free on the disk, in bytes.
    pub free: u64,
}

impl Blobs {
    /// What is kept. Which of it is one's own is known to whoever knows the messages.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn usage(&self) -> Result<Usage, BlobError> {
        let inner = &self.inner;
        let totals = || -> io::Result<Totals> { Ok(*inner.totals()?) };
        let totals = totals().map_err(disk(inner.content.path()))?;
        let mut damaged = 0;
        inner.damaged.names(|_| damaged += 1).map_err(disk(inner.damaged.path()))?;
        Ok(Usage {
            count: totals.count,
            bytes: totals.bytes,
            limit: inner.limits.all,
            thumbnails: self.thumbnail_bytes()?,
            damaged,
            free: inner.content.free().map_err(disk(inner.content.path()))?,
        })
    }
}
