//! What others did that concerns the reader, and how far the reader has read.

mod concern;
mod list;
mod own;
mod unread;

pub(crate) use concern::ActivityRows;
pub use list::{ActivityPage, ActivityRow, Happening};
pub(crate) use own::OwnRows;
pub use unread::{MAX_UNREAD, Place};
