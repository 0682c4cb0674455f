//! Reading: the whole, or ranges of it, believed or hashed first.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use feed::BlobId;
use sha2::{Digest, Sha256};

use crate::blobs::Blobs;
use crate::error::{BlobError, disk};
use crate::folder::Folder;
use crate::name;

/// Longest range that is read at once, in bytes.
pub const MAX_RANGE: usize = 1 << 20;

/// How much is read and hashed at a time, in bytes.
pub(crate) const CHUNK: usize = 64 << 10;

/// How exactly is remembered when a blob was last read: a note for each reading would wear the disk.
const USE_GRAIN: Duration = Duration::from_secs(3600);

/// A stored blob, open for reading: it stays readable while this lives, also when it is removed.
#[derive(Debug)]
pub struct Blob {
    id: BlobId,
    file: File,
    size: u64,
    path: PathBuf,
}

impl Blobs {
    /// Opens a blob. Its bytes are as they lie on the disk: see [`Blob::verify`].
    ///
    /// # Errors
    /// When it is not stored here or the disk refuses.
    pub fn get(&self, id: &BlobId) -> Result<Blob, BlobError> {
        let (fan, name) = name::place(id);
        let failed = |source| self.inner.failed(id, source);
        let folder = self.inner.content.inside(&fan).map_err(failed)?.ok_or(BlobError::NotHere(*id))?;
        let file = folder.open(&name).map_err(failed)?.ok_or(BlobError::NotHere(*id))?;
        let facts = file.metadata().map_err(failed)?;
        note_use(&folder, &name, facts.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        Ok(Blob { id: *id, file, size: facts.len(), path: folder.path().join(name) })
    }

    /// Opens a blob after its bytes were held against its name.
    ///
    /// # Errors
    /// When it is not stored here, damaged, or the disk refuses.
    pub fn get_verified(&self, id: &BlobId) -> Result<Blob, BlobError> {
        let blob = self.get(id)?;
        blob.verify()?;
        Ok(blob)
    }
}

/// A folder that may not be written gives its blobs all the same.
fn note_use(folder: &Folder, name: &str, used: SystemTime) {
    let is_recent = SystemTime::now().duration_since(used).is_ok_and(|since| since < USE_GRAIN);
    if !is_recent {
        let _ = folder.touch(name);
    }
}

impl Blob {
    /// Which one.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it lies. The file is never changed in place; it may be removed at any time.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// At most `len` bytes from `offset` on, and never more than [`MAX_RANGE`]; fewer at the end, none behind it. Any number of
    /// readers may ask at the same time.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn range(&self, offset: u64, len: usize) -> Result<Vec<u8>, BlobError> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(MAX_RANGE).min(left)];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + filled as u64) {
                // Shorter than it was: somebody else cut it.
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(BlobError::Disk { path: self.path.clone(), source }),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Holds all bytes against the name.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] when they are others, or when the disk refuses.
    pub fn verify(&self) -> Result<(), BlobError> {
        match hash(&self.file).map_err(disk(&self.path))? {
            found if found == self.id => Ok(()),
            _ => Err(BlobError::Damaged(self.id)),
        }
    }

    /// The file from its beginning.
    pub(crate) fn into_file(mut self) -> io::Result<File> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(self.file)
    }
}

/// The name of what a file holds.
pub(crate) fn hash(file: &File) -> io::Result<BlobId> {
    let (id, _) = hash_until(file, || false)?;
    Ok(id)
}

/// The same, given up when told so: then it is the name of what was read so far, and false.
pub(crate) fn hash_until(file: &File, mut is_cancelled: impl FnMut() -> bool) -> io::Result<(BlobId, bool)> {
    let (mut hasher, mut offset) = (Sha256::new(), 0_u64);
    let mut chunk = vec![0; CHUNK];
    let is_whole = loop {
        if is_cancelled() {
            break false;
        }
        match file.read_at(&mut chunk, offset) {
            Ok(0) => break true,
            Ok(read) => {
                hasher.update(chunk.get(..read).unwrap_or_default());
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    Ok((BlobId::classic(hasher.finalize().into()), is_whole))
}

/// Copies what `source` gives and hashes it on the way; how many bytes it was. For what another process says lies somewhere.
///
/// # Errors
/// [`BlobError::Damaged`] when it was not the blob `id`: whoever reads what was written must not use it. Or when reading fails, or
/// writing: that as the plain error of the inner result.
pub fn copy_checked(id: &BlobId, mut source: impl Read, mut to: impl Write) -> Result<io::Result<u64>, BlobError> {
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
        hasher.update(bytes);
        size += read as u64;
        if let Err(error) = to.write_all(bytes) {
            return Ok(Err(error));
        }
    }
    match BlobId::classic(hasher.finalize().into()) == *id {
        true => Ok(Ok(size)),
        false => Err(BlobError::Damaged(*id)),
    }
}
