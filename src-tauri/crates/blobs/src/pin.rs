//! Blobs that are never tidied away, because somebody put them here by hand. One empty file names each.

use std::io;

use feed::BlobId;

use crate::blobs::Blobs;
use crate::error::{BlobError, disk};
use crate::name;

impl Blobs {
    /// Keeps a blob whatever it costs; it need not be here yet.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn pin(&self, id: &BlobId) -> Result<(), BlobError> {
        let folder = &self.inner.pinned;
        let facts = self.facts(id)?;
        // Counted before the pin is there, which would be counted with it.
        let mut totals = self.inner.totals().map_err(disk(self.inner.content.path()))?;
        let pin = || match folder.create(&name::hex(id)) {
            Ok(_) => folder.sync().map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        };
        if pin().map_err(disk(folder.path()))?
            && let Some(facts) = facts
        {
            totals.pin(facts.size, true);
        }
        Ok(())
    }

    /// Lets a blob be tidied away like any other.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn unpin(&self, id: &BlobId) -> Result<(), BlobError> {
        let folder = &self.inner.pinned;
        let facts = self.facts(id)?;
        let mut totals = self.inner.totals().map_err(disk(self.inner.content.path()))?;
        let unpin = || match folder.remove(&name::hex(id))? {
            true => folder.sync().map(|()| true),
            false => Ok(false),
        };
        if unpin().map_err(disk(folder.path()))?
            && let Some(facts) = facts
        {
            totals.pin(facts.size, false);
        }
        Ok(())
    }

    /// Whether a blob is kept whatever it costs.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn is_pinned(&self, id: &BlobId) -> Result<bool, BlobError> {
        let folder = &self.inner.pinned;
        Ok(folder.facts(&name::hex(id)).map_err(disk(folder.path()))?.is_some())
    }
}
