//! The folder of blobs: opening it, and what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use feed::BlobId;
use tokio::sync::Semaphore;

use crate::error::{BlobError, disk};
use crate::folder::{Facts, Folder};
use crate::name;
use crate::thumbnail::{AT_ONCE, MAX_WAITING};
use crate::usage::{Limits, Totals};

/// The folder's name beside the database.
pub const FOLDER: &str = "blobs";

/// Most blobs on one page of [`Blobs::list`].
pub const MAX_LISTED: usize = 1024;

/// All blobs.
const CONTENT: &str = "sha256";
/// What is being written.
pub(crate) const TEMPORARY: &str = "tmp";
/// How the names of temporary files begin that another process writes.
pub(crate) const SPOOLED: &str = "from-";
/// How long after its last byte such a file may still be wanted.
const SPOOLED_FOR: Duration = Duration::from_secs(86_400);
/// One empty file for each blob that is never tidied away.
const PINNED: &str = "pinned";
/// Blobs of which some parts are there.
const PARTIAL: &str = "partial";
/// Files whose bytes are not those that their names said.
const DAMAGED: &str = "damaged";
/// Small pictures made from blobs.
const THUMBNAILS: &str = "thumbs";

/// The blobs of one person. Cheap to clone; all clones are the same folder.
#[derive(Clone, Debug)]
pub struct Blobs {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) content: Folder,
    pub(crate) temporary: Folder,
    pub(crate) pinned: Folder,
    pub(crate) partial: Folder,
    pub(crate) damaged: Folder,
    pub(crate) thumbnails: Folder,
    pub(crate) limits: Limits,
    /// The number of the next temporary file.
    next: AtomicU64,
    /// Counted when it is first asked for.
    totals: Mutex<Option<Totals>>,
    /// Room for blobs that are on their way and that nobody asked for by hand.
    pub(crate) reserved: Mutex<BTreeMap<BlobId, u64>>,
    /// What the kept thumbnails take, in bytes; likewise.
    pub(crate) thumbnail_bytes: Mutex<Option<u64>>,
    /// Who may decode a picture now.
    pub(crate) decoding: Arc<Semaphore>,
    /// Who may wait for that.
    pub(crate) waiting: Arc<Semaphore>,
}

/// A stored blob as a list shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which one.
    pub id: BlobId,
    /// In bytes.
    pub size: u64,
    /// When it was added or last read, to the hour.
    pub used: SystemTime,
}

impl Blobs {
    /// Opens the folder, which is made if it is missing, and removes what interrupted additions left behind.
    ///
    /// # Errors
    /// When the folder cannot be made, read or written.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, BlobError> {
        let at = |name: &str| path.join(name);
        let top = Folder::top(path).map_err(disk(path))?;
        let make = |name: &str| top.make(name).map_err(disk(&at(name)));
        let inner = Inner {
            content: make(CONTENT)?,
            temporary: make(TEMPORARY)?,
            pinned: make(PINNED)?,
            partial: make(PARTIAL)?,
            damaged: make(DAMAGED)?,
            thumbnails: make(THUMBNAILS)?,
            limits,
            next: AtomicU64::new(0),
            totals: Mutex::default(),
            reserved: Mutex::default(),
            thumbnail_bytes: Mutex::default(),
            decoding: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        };
        inner.clear_temporary().map_err(disk(inner.temporary.path()))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether a blob is stored here.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn has(&self, id: &BlobId) -> Result<bool, BlobError> {
        Ok(self.size(id)?.is_some())
    }

    /// How large a stored blob is, in bytes; none when it is not stored here.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn size(&self, id: &BlobId) -> Result<Option<u64>, BlobError> {
        Ok(self.facts(id)?.map(|facts| facts.size))
    }

    /// The blobs after `after` in the order of their hashes, at most [`MAX_LISTED`]; from the beginning without. Fewer only at the
    /// end.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn list(&self, after: Option<&BlobId>) -> Result<Vec<Entry>, BlobError> {
        let mut page = Vec::new();
        for fan in name::fans() {
            if page.len() >= MAX_LISTED {
                break;
            }
            if after.is_some_and(|after| fan < name::place(after).0) {
                continue;
            }
            let folder = self.inner.content.path().join(&fan);
            self.inner.list_fan(&fan, after, &mut page).map_err(disk(&folder))?;
        }
        Ok(page)
    }

    /// Removes a blob and its thumbnails, also one that is pinned; false when it was not stored here. Whoever reads it meanwhile
    /// reads on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, id: &BlobId) -> Result<bool, BlobError> {
        self.unpin(id)?;
        self.remove_content(id)
    }

    /// The same, and a pin stays.
    pub(crate) fn remove_content(&self, id: &BlobId) -> Result<bool, BlobError> {
        let inner = &self.inner;
        let (fan, name) = name::place(id);
        let failed = |source| inner.failed(id, source);
        let Some(folder) = inner.content.inside(&fan).map_err(failed)? else { return Ok(false) };
        let mut totals = inner.totals().map_err(failed)?;
        let Some(facts) = folder.facts(&name).map_err(failed)? else { return Ok(false) };
        folder.remove(&name).map_err(failed)?;
        totals.take(facts.size, self.is_pinned(id)?);
        drop(totals);
        self.forget_thumbnails(id)?;
        folder.sync().map_err(failed)?;
        Ok(true)
    }

    pub(crate) fn facts(&self, id: &BlobId) -> Result<Option<Facts>, BlobError> {
        let (fan, name) = name::place(id);
        let facts = || match self.inner.content.inside(&fan)? {
            Some(folder) => folder.facts(&name),
            None => Ok(None),
        };
        facts().map_err(|source| self.inner.failed(id, source))
    }
}

/// The totals, counted.
pub(crate) struct Counted<'a>(MutexGuard<'a, Option<Totals>>);

impl std::ops::Deref for Counted<'_> {
    type Target = Totals;
    fn deref(&self) -> &Totals {
        const NONE: &Totals = &Totals { count: 0, bytes: 0, pinned: 0 };
        self.0.as_ref().unwrap_or(NONE)
    }
}

impl Counted<'_> {
    pub(crate) fn put(&mut self, size: u64, pinned: bool) {
        let totals = self.0.get_or_insert_default();
        totals.count += 1;
        totals.bytes += size;
        totals.pinned += if pinned { size } else { 0 };
    }

    pub(crate) fn take(&mut self, size: u64, pinned: bool) {
        let totals = self.0.get_or_insert_default();
        totals.count = totals.count.saturating_sub(1);
        totals.bytes = totals.bytes.saturating_sub(size);
        totals.pinned = totals.pinned.saturating_sub(if pinned { size } else { 0 });
    }

    /// A blob that is here is pinned now, or is not any more.
    pub(crate) fn pin(&mut self, size: u64, pinned: bool) {
        let totals = self.0.get_or_insert_default();
        totals.pinned = if pinned { totals.pinned.saturating_add(size) } else { totals.pinned.saturating_sub(size) };
    }
}

impl Inner {
    /// How many blobs there are and what they take. Whoever holds it alone adds and removes names.
    pub(crate) fn totals(&self) -> std::io::Result<Counted<'_>> {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if totals.is_none() {
            let mut counted = Totals::default();
            let mut pinned = BTreeSet::new();
            self.pinned.names(|name| pinned.extend(name::from_hex(name)))?;
            for fan in name::fans() {
                let Some(folder) = self.content.inside(&fan)? else { continue };
                let mut failed = None;
                folder.names(|name| {
                    if let Some(id) = name::in_fan(&fan, name) {
                        match folder.facts(name) {
                            Ok(Some(facts)) => {
                                counted.count += 1;
                                counted.bytes += facts.size;
                                counted.pinned += if pinned.contains(&id) { facts.size } else { 0 };
                            }
                            Ok(None) => {}
                            Err(error) => failed = Some(error),
                        }
                    }
                })?;
                failed.map_or(Ok(()), Err)?;
            }
            *totals = Some(counted);
        }
        Ok(Counted(totals))
    }

    /// The blobs of one folder after `after`, in order, until the page is full.
    fn list_fan(&self, fan: &str, after: Option<&BlobId>, page: &mut Vec<Entry>) -> std::io::Result<()> {
        let Some(folder) = self.content.inside(fan)? else { return Ok(()) };
        let mut after = after.copied();
        loop {
            let room = MAX_LISTED.saturating_sub(page.len());
            // Never more than a page of them is held, however many files lie there.
            let mut first = BTreeSet::new();
            folder.names(|name| {
                if let Some(id) = name::in_fan(fan, name)
                    && after.is_none_or(|after| id > after)
                {
                    first.insert(id);
                    if first.len() > room {
                        first.pop_last();
                    }
                }
            })?;
            for id in &first {
                if let Some(facts) = folder.facts(&name::place(id).1)? {
                    page.push(Entry { id: *id, size: facts.size, used: facts.modified });
                }
            }
            // A name may belong to something else than a file: then there is room for more of this folder.
            if first.len() < room || page.len() >= MAX_LISTED {
                return Ok(());
            }
            after = first.pop_last();
        }
    }

    /// A name for a temporary file that nobody has had since the folder was opened.
    pub(crate) fn temporary_name(&self) -> String {
        format!("{}-{}", std::process::id(), self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn clear_temporary(&self) -> std::io::Result<()> {
        let mut left = Vec::new();
        self.temporary.names(|name| left.push(name.to_owned()))?;
        for name in left {
            // Not a file of ours: a folder, or somebody else's.
            let Some(facts) = self.temporary.facts(&name)? else { continue };
            // Another process may be writing it for us right now.
            let age = SystemTime::now().duration_since(facts.modified).unwrap_or_default();
            if !name.starts_with(SPOOLED) || age > SPOOLED_FOR {
                self.temporary.remove(&name)?;
            }
        }
        Ok(())
    }

    /// A failure of the disk with the path of the blob.
    pub(crate) fn failed(&self, id: &BlobId, source: std::io::Error) -> BlobError {
        let (fan, name) = name::place(id);
        BlobError::Disk { path: self.content.path().join(fan).join(name), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FOLDER);
        let blobs = Blobs::open(&path, Limits::default()).unwrap();
        let added = blobs.add(&b"tide"[..]).unwrap();
        let (fan, name) = name::place(&added.id);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let content = path.join(CONTENT);
        for folder in [&path, &content, &content.join(&fan), &path.join(TEMPORARY), &path.join(THUMBNAILS)] {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
        assert_eq!(mode(&content.join(fan).join(name)), 0o600);
    }
}
