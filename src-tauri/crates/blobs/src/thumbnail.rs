//! Thumbnails: made beside everything else, one at a time, and kept until the room is needed.

use std::io::{self, Read, Write};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use feed::BlobId;

use crate::add::Temporary;
use crate::blobs::{Blobs, Inner};
use crate::error::{BlobError, disk};
use crate::folder::Folder;
use crate::name;
use crate::picture::{Kind, MAX_PICTURE_BYTES, Size, shrink};

/// Pictures that are decoded at a time. A progressive JPEG within the limits takes up to three times [`crate::MAX_PIXEL_BYTES`] for
/// a moment.
pub(crate) const AT_ONCE: usize = 1;

/// Most thumbnails that are waited for at a time.
pub const MAX_WAITING: usize = 256;

/// Largest thumbnail that is read back, in bytes: 640 × 640 pixels that compress not at all take less.
const MAX_KEPT_BYTES: u64 = 2 << 20;

/// How much of the room is left when the oldest thumbnails have gone, in tenths.
const LEFT_AFTER_CLEARING: u64 = 8;

/// A small picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// JPEG, or PNG where something shines through.
    pub kind: Kind,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Blobs {
    /// A small picture of a blob: kept from before, else made now on a thread for blocking work, one at a time.
    ///
    /// # Errors
    /// When the blob is not stored here, damaged, no picture, or one that is too large or broken; when too many wait; when the disk
    /// refuses.
    pub async fn thumbnail(&self, id: &BlobId, size: Size) -> Result<Thumbnail, BlobError> {
        let id = *id;
        let _waits = Arc::clone(&self.inner.waiting).try_acquire_owned().map_err(|_| BlobError::Busy)?;
        let kept = self.clone();
        if let Some(kept) = blocking(move || kept.kept_thumbnail(&id, size)).await? {
            return Ok(kept);
        }
        // Goes with the work, so that a caller who goes away does not let a second one begin beside it.
        let turn = Arc::clone(&self.inner.decoding).acquire_owned().await.map_err(|_| BlobError::Busy)?;
        let blobs = self.clone();
        blocking(move || {
            let _turn = turn;
            // Whoever was before us may have made the same one.
            match blobs.kept_thumbnail(&id, size)? {
                Some(kept) => Ok(kept),
                None => blobs.make_thumbnail(&id, size),
            }
        })
        .await
    }

    fn kept_thumbnail(&self, id: &BlobId, size: Size) -> Result<Option<Thumbnail>, BlobError> {
        let (fan, name) = name::place(id);
        let inner = &self.inner;
        let read = || -> io::Result<Option<Vec<u8>>> {
            let Some(folder) = inner.thumbnail_folder(size, &fan)? else { return Ok(None) };
            let Some(file) = folder.open(&name)? else { return Ok(None) };
            let mut bytes = Vec::new();
            file.take(MAX_KEPT_BYTES + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > MAX_KEPT_BYTES {
                return Ok(None);
            }
            // The oldest ones go first; a folder that may not be written gives them all the same.
            let _ = folder.touch(&name);
            Ok(Some(bytes))
        };
        // What cannot be read is made again.
        let bytes = read().ok().flatten();
        Ok(bytes.and_then(|bytes| Some(Thumbnail { kind: Kind::sniff(&bytes)?, bytes })))
    }

    fn make_thumbnail(&self, id: &BlobId, size: Size) -> Result<Thumbnail, BlobError> {
        let blob = self.get(id)?;
        let kind = Kind::sniff(&blob.range(0, Kind::SNIFFED)?).ok_or(BlobError::NoPicture)?;
        if blob.size() > MAX_PICTURE_BYTES {
            return Err(BlobError::TooManyPixels);
        }
        // It is kept and shown for long.
        blob.verify()?;
        let path = blob.path().to_owned();
        let (kind, bytes) = shrink(kind, blob.into_file().map_err(disk(&path))?, size)?;
        let thumbnail = Thumbnail { kind, bytes };
        // A disk without room for it is no reason not to show it.
        let _ = self.keep_thumbnail(id, size, &thumbnail.bytes);
        Ok(thumbnail)
    }

    fn keep_thumbnail(&self, id: &BlobId, size: Size, bytes: &[u8]) -> Result<(), BlobError> {
        let inner = &self.inner;
        let failed = |source| disk(inner.thumbnails.path())(source);
        let len = bytes.len() as u64;
        if len > inner.limits.thumbnails.min(MAX_KEPT_BYTES)
            || inner.thumbnails.free().map_err(failed)? < inner.limits.keep_free
        {
            return Ok(());
        }
        let temporary = Temporary::create(&inner.temporary, inner.temporary_name())?;
        (&temporary.file).write_all(bytes).and_then(|()| temporary.file.sync_all()).map_err(failed)?;
        let (fan, name) = name::place(id);
        let folder = inner.thumbnails.make(size.name()).and_then(|folder| folder.make(&fan)).map_err(failed)?;
        let mut total = inner.thumbnail_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = match *total {
            Some(bytes) => bytes,
            None => inner.each_thumbnail(|_| {}).map_err(failed)?,
        };
        *total = None;
        if bytes + len > inner.limits.thumbnails {
            bytes = inner.clear_thumbnails(len).map_err(failed)?;
        }
        let replaced = folder.facts(&name).map_err(failed)?.map_or(0, |facts| facts.size);
        temporary.become_named(&folder, &name).map_err(failed)?;
        *total = Some(bytes.saturating_sub(replaced) + len);
        Ok(())
    }

    /// Removes the thumbnails of a blob.
    pub(crate) fn forget_thumbnails(&self, id: &BlobId) -> Result<(), BlobError> {
        let inner = &self.inner;
        let (fan, name) = name::place(id);
        let mut total = inner.thumbnail_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let forget = |size| -> io::Result<()> {
            let Some(folder) = inner.thumbnail_folder(size, &fan)? else { return Ok(()) };
            if let Some(facts) = folder.facts(&name)?
                && folder.remove(&name)?
                && let Some(total) = total.as_mut()
            {
                *total = total.saturating_sub(facts.size);
            }
            Ok(())
        };
        Size::ALL.into_iter().try_for_each(forget).map_err(disk(inner.thumbnails.path()))
    }

    /// What all thumbnails take, in bytes.
    pub(crate) fn thumbnail_bytes(&self) -> Result<u64, BlobError> {
        let inner = &self.inner;
        let mut total = inner.thumbnail_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match *total {
            Some(bytes) => bytes,
            None => inner.each_thumbnail(|_| {}).map_err(disk(inner.thumbnails.path()))?,
        };
        *total = Some(bytes);
        Ok(bytes)
    }
}

/// A kept thumbnail. Ordered by age, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    used: SystemTime,
    size: Size,
    fan: String,
    name: String,
    bytes: u64,
}

impl Inner {
    fn thumbnail_folder(&self, size: Size, fan: &str) -> io::Result<Option<Folder>> {
        match self.thumbnails.inside(size.name())? {
            Some(folder) => folder.inside(fan),
            None => Ok(None),
        }
    }

    /// Calls `each` with every kept thumbnail; what they take together, in bytes.
    fn each_thumbnail(&self, mut each: impl FnMut(Kept)) -> io::Result<u64> {
        let mut total = 0;
        for size in Size::ALL {
            for fan in name::fans() {
                let Some(folder) = self.thumbnail_folder(size, &fan)? else { continue };
                folder.names(|name| {
                    if name::in_fan(&fan, name).is_some()
                        && let Ok(Some(facts)) = folder.facts(name)
                    {
                        total += facts.size;
                        let (fan, name) = (fan.clone(), name.to_owned());
                        each(Kept { used: facts.modified, size, fan, name, bytes: facts.size });
                    }
                })?;
            }
        }
        Ok(total)
    }

    /// Removes the oldest thumbnails until there is ample room for one more of `len` bytes; what the others take.
    fn clear_thumbnails(&self, len: u64) -> io::Result<u64> {
        let mut all = Vec::new();
        let mut total = self.each_thumbnail(|kept| all.push(kept))?;
        all.sort();
        let goal = (self.limits.thumbnails / 10 * LEFT_AFTER_CLEARING).min(self.limits.thumbnails.saturating_sub(len));
        for kept in all {
            if total <= goal {
                break;
            }
            if let Some(folder) = self.thumbnail_folder(kept.size, &kept.fan)?
                && folder.remove(&kept.name)?
            {
                total = total.saturating_sub(kept.bytes);
            }
        }
        Ok(total)
    }
}

/// Runs on a thread for blocking work. A decoder that panics costs the picture only.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(BlobError::BadPicture("it cannot be decoded".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;
    use crate::usage::Limits;

    #[tokio::test]
    async fn of_those_who_wait_too_many_are_told_to_come_back() {
        let home = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&home.path().join("blobs"), Limits::default()).unwrap();
        let absent = BlobId::classic([1; 32]);
        // Somebody decodes, so nobody gets further.
        let turn = Arc::clone(&blobs.inner.decoding).acquire_owned().await.unwrap();
        let mut asked: Vec<_> = (0..MAX_WAITING + 40).map(|_| Box::pin(blobs.thumbnail(&absent, Size::Card))).collect();
        let is_busy = |answer: &Poll<_>| matches!(answer, Poll::Ready(Err(BlobError::Busy)));
        let busy = poll_fn(|context| {
            Poll::Ready(asked.iter_mut().map(|one| one.as_mut().poll(context)).filter(is_busy).count())
        });
        assert_eq!(busy.await, 40);
        drop((asked, turn));
        assert!(matches!(blobs.thumbnail(&absent, Size::Card).await, Err(BlobError::NotHere(_))));
    }
}
