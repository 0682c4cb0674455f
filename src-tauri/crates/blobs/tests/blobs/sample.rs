//! A folder to try things on.

use std::path::{Path, PathBuf};

use blobs::{Blobs, Limits};
use feed::BlobId;

/// A folder of blobs in a temporary one.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    pub(crate) blobs: Blobs,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&folder.path().join(blobs::FOLDER), limits).unwrap();
        Self { folder, blobs }
    }

    /// Opens it as after a restart.
    pub(crate) fn reopened(self) -> Self {
        let blobs = Blobs::open(&self.path(), Limits::default()).unwrap();
        Self { blobs, ..self }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(blobs::FOLDER)
    }

    /// Where a blob lies.
    pub(crate) fn file(&self, id: &BlobId) -> PathBuf {
        let hex: String = id.hash().iter().map(|byte| format!("{byte:02x}")).collect();
        let (fan, name) = hex.split_at(2);
        self.path().join("sha256").join(fan).join(name)
    }

    pub(crate) fn add(&self, bytes: &[u8]) -> BlobId {
        self.blobs.add(bytes).unwrap().id
    }

    /// Changes a stored blob behind our back.
    pub(crate) fn flip_a_bit(&self, id: &BlobId) {
        let mut bytes = std::fs::read(self.file(id)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(self.file(id), bytes).unwrap();
    }

    /// How many files lie in one of its folders.
    pub(crate) fn count(&self, folder: &str) -> usize {
        count(&self.path().join(folder))
    }
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}
