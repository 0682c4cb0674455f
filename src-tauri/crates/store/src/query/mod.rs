//! What a window asks: timelines, threads, people. Reading only, on connections that never wait for a writer.
//!
//! Posts of people whom the reader blocks are left out everywhere, and so are their likes and the names they give. Posts and likes of
//! people whom the reader has muted are left out of timelines, threads, counts and activity, but not of their own page, and searches find
//! them.

mod blob_links;
mod links;
mod people;
mod posts;
mod thread;
mod timeline;

pub use blob_links::{BlobLinks, MAX_BLOBS_ASKED, MAX_LINKS_COUNTED};
pub use links::{LinkPage, LinkRow};
pub use people::{MAX_FOLLOWED_BY, PersonRow, Profile, Ties};
pub use posts::{MAX_COUNTED, PostRow};
pub use thread::{MAX_THREAD, ThreadEntry, ThreadRows};
pub use timeline::{Audience, BadCursor, CardRow, Cursor, MAX_PAGE, Page, Query};
