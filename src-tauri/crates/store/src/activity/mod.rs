//! What others did that concerns the reader, and how far the reader has read.

mod concern;
mod list;
mod unread;

pub(crate) use concern::{Concern, settle, write};
pub use list::{ActivityPage, ActivityRow, Happening};
pub use unread::{MAX_UNREAD, Place};
