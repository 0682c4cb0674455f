//! Files named by their content, in a folder beside the database: pictures and attachments, and thumbnails made from them.
//!
//! All of it is IO, on files alone: which messages link to a blob is asked of the store. A blob is written under a temporary name
//! while it is hashed, synced, and renamed to its hash, so that what has a name is whole. Nothing in the folder is believed: names
//! that are not ours are passed over, links are not followed, and bytes are hashed again where it matters.
//!
//! The calls block on the disk, except [`Blobs::thumbnail`]; an asynchronous caller hands them to a thread for blocking work. One
//! process at a time has the folder open: whoever calls holds the lock of the folder around it.

mod add;
mod blobs;
mod error;
mod folder;
mod name;
mod partial;
mod picture;
mod pin;
mod read;
mod scan;
mod thumbnail;
mod tidy;
mod usage;
mod wanted;

pub use add::{Added, Spooled, spool};
pub use blobs::{Blobs, Entry, FOLDER, MAX_LISTED};
pub use error::BlobError;
pub use partial::{Begun, Finished, Partial};
pub use picture::{Kind, MAX_PICTURE_BYTES, MAX_PIXEL_BYTES, MAX_SIDE, Size};
pub use read::{Blob, MAX_RANGE, copy_checked};
pub use scan::{Checked, Damaged, Progress};
pub use thumbnail::{MAX_WAITING, Thumbnail};
pub use tidy::{Candidate, MAX_PLANNED, Plan, Reason};
pub use usage::{Limits, MAX_FETCHED, Usage};
pub use wanted::{MAX_SAVED, SavedWant};
