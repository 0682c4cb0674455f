//! Adding: bytes go to a temporary name while they are hashed, and get their own when they are whole and on disk.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use feed::BlobId;
use sha2::{Digest, Sha256};

use crate::blobs::{Blobs, FOLDER, Inner, SPOOLED};
use crate::error::{BlobError, disk};
use crate::folder::Folder;
use crate::name;
use crate::read::{CHUNK, hash};
use crate::usage::Limits;

/// What was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its name.
    pub id: BlobId,
    /// In bytes.
    pub size: u64,
    /// Whether it was not stored here before.
    pub is_new: bool,
}

impl Blobs {
    /// Adds what a reader gives until its end. What is stored here already takes no second place, and a damaged copy of it is moved
    /// aside for this one. When this returns, the blob is there after a power cut too.
    ///
    /// # Errors
    /// When the reader fails, one of the limits is passed, or the disk refuses. Nothing of it stays.
    pub fn add(&self, mut source: impl Read) -> Result<Added, BlobError> {
        let inner = &self.inner;
        let temporary = Temporary::create(&inner.temporary, inner.temporary_name())?;
        let (id, size) = inner.receive(&mut source, &temporary)?;
        let is_new = self.place(temporary, &id, size, false)?;
        Ok(Added { id, size, is_new })
    }

    /// The same, for what somebody puts here by hand: it is pinned before it is here, so that no tidying comes in between.
    ///
    /// # Errors
    /// As [`Self::add`]; a pin that was there before stays.
    pub fn add_pinned(&self, mut source: impl Read) -> Result<Added, BlobError> {
        let inner = &self.inner;
        let temporary = Temporary::create(&inner.temporary, inner.temporary_name())?;
        let (id, size) = inner.receive(&mut source, &temporary)?;
        let was_pinned = self.is_pinned(&id)?;
        self.pin(&id)?;
        match self.place(temporary, &id, size, true) {
            Ok(is_new) => Ok(Added { id, size, is_new }),
            Err(error) => {
                if !was_pinned {
                    // A pin of what is not here does no harm.
                    let _ = self.unpin(&id);
                }
                Err(error)
            }
        }
    }

    /// Gives a whole file its name; false where it is stored here already. The quota does not count for pinned ones.
    pub(crate) fn place(
        &self,
        temporary: Temporary<'_>,
        id: &BlobId,
        size: u64,
        pinned: bool,
    ) -> Result<bool, BlobError> {
        let inner = &self.inner;
        let failed = |source| inner.failed(id, source);
        let (fan, name) = name::place(id);
        let folder = inner.content.make(&fan).map_err(failed)?;
        if let Some(there) = folder.open(&name).map_err(failed)? {
            if hash(&there).is_ok_and(|found| found == *id) {
                // Whoever put it there may not have come to this yet.
                folder.sync().and_then(|()| folder.touch(&name)).map_err(failed)?;
                return Ok(false);
            }
            self.set_aside(id)?;
        }
        let pinned = pinned || self.is_pinned(id)?;
        let mut totals = inner.totals().map_err(failed)?;
        let is_new = folder.facts(&name).map_err(failed)?.is_none();
        if is_new {
            let counted = totals.bytes.saturating_sub(totals.pinned).saturating_add(size);
            if !pinned && counted > inner.limits.all {
                return Err(BlobError::NoRoom { limit: inner.limits.all });
            }
            temporary.become_named(&folder, &name).map_err(failed)?;
            totals.put(size, pinned);
        }
        drop(totals);
        folder.sync().map_err(failed)?;
        Ok(is_new)
    }
}

impl Inner {
    /// Writes what the source gives and syncs it.
    fn receive(&self, source: &mut impl Read, temporary: &Temporary<'_>) -> Result<(BlobId, u64), BlobError> {
        let failed = disk(self.temporary.path());
        let (mut hasher, mut size) = (Sha256::new(), 0_u64);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BlobError::Source(error)),
            };
            let bytes = chunk.get(..read).unwrap_or_default();
            size += read as u64;
            if size > self.limits.one {
                return Err(BlobError::TooLarge { limit: self.limits.one });
            }
            // A few hundred nanoseconds for each chunk.
            let free = self.temporary.free().map_err(&failed)?;
            if self.limits.keep_free > 0 && free < self.limits.keep_free.saturating_add(read as u64) {
                return Err(BlobError::DiskNearlyFull { free });
            }
            (&temporary.file).write_all(bytes).map_err(&failed)?;
            hasher.update(bytes);
        }
        temporary.file.sync_all().map_err(&failed)?;
        Ok((BlobId::classic(hasher.finalize().into()), size))
    }
}

/// A file without its name yet; removed when dropped.
pub(crate) struct Temporary<'a> {
    folder: &'a Folder,
    name: Option<String>,
    /// Whether it stays where it is when it gets no name.
    stays: bool,
    pub(crate) file: File,
}

impl<'a> Temporary<'a> {
    pub(crate) fn create(folder: &'a Folder, name: String) -> Result<Self, BlobError> {
        let file = folder.create(&name).map_err(disk(folder.path()))?;
        Ok(Self { folder, name: Some(name), stays: false, file })
    }

    /// A file that lies in `folder` already, and stays there when it gets no other name.
    pub(crate) fn existing(folder: &'a Folder, name: String, file: File) -> Self {
        Self { folder, name: Some(name), stays: true, file }
    }

    /// Moves it to its place.
    pub(crate) fn become_named(mut self, folder: &Folder, name: &str) -> io::Result<()> {
        if let Some(temporary) = &self.name {
            self.folder.move_to(temporary, folder, name)?;
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name.as_ref().filter(|_| !self.stays) {
            // What stays behind is removed when the folder is opened next.
            let _ = self.folder.remove(name);
        }
    }
}

/// A file written for another process that has the folder open; removed when dropped.
#[derive(Debug)]
pub struct Spooled(PathBuf);

impl Spooled {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes what a reader gives into the temporary folder below `home`, the folder around the blobs', for the process that has it open
/// to add. It does not belong to that process: drop it when it was added.
///
/// # Errors
/// When the reader fails, gives more than the limit of one blob, or the disk refuses.
pub fn spool(home: &Path, mut source: impl Read, limits: Limits) -> Result<Spooled, BlobError> {
    let folder = home.join(FOLDER);
    let folder = Folder::top(&folder).and_then(|top| top.make(crate::blobs::TEMPORARY)).map_err(disk(&folder))?;
    let name = format!("{SPOOLED}{}", std::process::id());
    // One of an earlier process with this number.
    folder.remove(&name).map_err(disk(folder.path()))?;
    let mut file = folder.create(&name).map_err(disk(folder.path()))?;
    let spooled = Spooled(folder.path().join(&name));
    let mut chunk = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let read = match source.read(&mut chunk) {
            Ok(0) => return Ok(spooled),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(BlobError::Source(error)),
        };
        size += read as u64;
        if size > limits.one {
            return Err(BlobError::TooLarge { limit: limits.one });
        }
        file.write_all(chunk.get(..read).unwrap_or_default()).map_err(disk(folder.path()))?;
    }
}
