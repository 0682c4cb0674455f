//! Which blobs are wanted, over a restart: one small file, written anew as a whole. Losing its last seconds costs a picture until
//! it is looked at.

use std::io::{self, Read, Write};

use feed::{BlobId, FeedId, TAGGED_LEN};

use crate::add::Temporary;
use crate::blobs::Blobs;
use crate::error::{BlobError, disk};

/// The file, in the folder of what is on its way.
const FILE: &str = "wanted";
/// Most wants that are saved.
pub const MAX_SAVED: usize = 4_096;
/// Bytes of one: blob, why, whether there is an author, author, when it was mentioned.
const ENTRY: usize = TAGGED_LEN + 1 + 1 + TAGGED_LEN + 8;

/// A saved want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedWant {
    /// Which.
    pub blob: BlobId,
    /// Why, as a number that whoever saves gives.
    pub why: u8,
    /// Whose message links to it.
    pub author: Option<FeedId>,
    /// When that says it was written, Unix milliseconds.
    pub mentioned: i64,
}

impl Blobs {
    /// Saves these wants, at most [`MAX_SAVED`], in place of those saved before.
    ///
    /// # Errors
    /// When the disk refuses; those saved before stay.
    pub fn save_wants(&self, wants: &[SavedWant]) -> Result<(), BlobError> {
        let inner = &self.inner;
        let bytes: Vec<u8> = wants.iter().take(MAX_SAVED).flat_map(write).collect();
        let temporary = Temporary::create(&inner.temporary, inner.temporary_name())?;
        let save = || {
            (&temporary.file).write_all(&bytes)?;
            temporary.file.sync_all()?;
            temporary.become_named(&inner.partial, FILE)?;
            inner.partial.sync()
        };
        save().map_err(disk(inner.partial.path()))
    }

    /// The wants that were saved last. What cannot be read is left out.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn saved_wants(&self) -> Result<Vec<SavedWant>, BlobError> {
        let folder = &self.inner.partial;
        let load = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            if let Some(file) = folder.open(FILE)? {
                file.take((MAX_SAVED * ENTRY) as u64).read_to_end(&mut bytes)?;
            }
            Ok(bytes)
        };
        let bytes = load().map_err(disk(folder.path()))?;
        Ok(bytes.as_chunks::<ENTRY>().0.iter().filter_map(read).collect())
    }
}

fn write(want: &SavedWant) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ENTRY);
    bytes.extend_from_slice(&want.blob.to_tagged());
    bytes.extend_from_slice(&[want.why, u8::from(want.author.is_some())]);
    bytes.extend_from_slice(&want.author.map_or([0; TAGGED_LEN], |author| author.to_tagged()));
    bytes.extend_from_slice(&want.mentioned.to_le_bytes());
    bytes
}

fn read(bytes: &[u8; ENTRY]) -> Option<SavedWant> {
    let (blob, rest) = bytes.split_first_chunk::<TAGGED_LEN>()?;
    let ([why, has_author], rest) = rest.split_first_chunk::<2>()?;
    let (author, rest) = rest.split_first_chunk::<TAGGED_LEN>()?;
    let author = match has_author {
        0 => None,
        1 => Some(FeedId::from_tagged(author).ok()?),
        _ => return None,
    };
    let mentioned = i64::from_le_bytes(*rest.first_chunk()?);
    Some(SavedWant { blob: BlobId::from_tagged(blob).ok()?, why: *why, author, mentioned })
}
