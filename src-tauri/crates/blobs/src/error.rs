//! What can go wrong, in words that say what happened and what to do next.

use std::io;
use std::path::{Path, PathBuf};

use feed::BlobId;

/// Why something was not done with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not stored here.
    #[error(
        "{0} is not stored here. Ask people near for it with `peri blob fetch`, or add it with `peri blob add` from where you have it."
    )]
    NotHere(BlobId),
    /// Its bytes are not those that its id names.
    #[error(
        "{0} is damaged on this disk. Move it aside with `peri blob check`, and add it again from where you have it."
    )]
    Damaged(BlobId),
    /// One blob is larger than one may be.
    #[error("this file is larger than {} MB, the most that one may have. Choose a smaller one.", .limit / 1_000_000)]
    TooLarge {
        /// The most, in bytes.
        limit: u64,
    },
    /// All blobs together would take more than they may.
    #[error("files may take {} MB here, and this one no longer fits. Make room with `peri blob tidy`, then try again.", .limit / 1_000_000)]
    NoRoom {
        /// The most, in bytes.
        limit: u64,
    },
    /// The disk would be left with too little for everything else.
    #[error("the disk has only {} MB left, which posts need. Free some space on it, then try again.", .free / 1_000_000)]
    DiskNearlyFull {
        /// What is free, in bytes.
        free: u64,
    },
    /// What was to be added could not be read to its end.
    #[error("the file could not be read: {0}. Check that it is there and may be read.")]
    Source(io::Error),
    /// It is no picture of a kind that is shown.
    #[error("this is not a picture in JPEG, PNG, GIF or WebP. Save the file to look at it with another program.")]
    NoPicture,
    /// A picture that would take too much memory to open.
    #[error("this picture has too many pixels to be shown here. Save the file to look at it with another program.")]
    TooManyPixels,
    /// A picture that cannot be decoded.
    #[error("this picture is damaged or unusual ({0}). Save the file to look at it with another program.")]
    BadPicture(String),
    /// More thumbnails are waited for than may be.
    #[error("too many pictures are being prepared at once. Ask again in a moment.")]
    Busy,
    /// The disk.
    #[error("{} could not be read or written: {source}. Check that the disk is there, has room and may be written.", .path.display())]
    Disk {
        /// What was read or written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Says which path an error of the disk belongs to.
pub(crate) fn disk(path: &Path) -> impl Fn(io::Error) -> BlobError + '_ {
    move |source| BlobError::Disk { path: path.to_owned(), source }
}
