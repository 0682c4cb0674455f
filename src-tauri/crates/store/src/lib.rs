//! The store: one person's folder with the log, its indexes, the journal of own messages, the key file and the lock.
//!
//! Everything here is IO: SQLite through sqlx and rusqlite, and files. What messages mean is asked of `social`, which is pure; so are
//! the parts that decide (`standing::compare`, the reading of journal frames).
//! The log is the truth: every index is rebuilt from it when the rules that fill it change.

mod activity;
mod addresses;
mod ahead;
mod append;
mod backup;
mod clocks;
mod direct;
pub mod doctor;
mod doubt;
mod error;
mod feeds;
mod folder;
mod followers;
mod history;
mod index;
mod journal;
mod log;
mod private;
mod query;
mod rebuild;
mod relation;
mod schema;
mod search;
mod settings;
mod snapshot;
mod stances;
mod standing;
mod store;
mod write;
mod write_point;

pub use activity::{ActivityPage, ActivityRow, Happening, MAX_UNREAD, Place};
pub use addresses::{KeptAddress, MAX_ADDRESS_BYTES, MAX_ADDRESSES};
pub use backup::{BACKUP_EVERY, BACKUPS, Backup, BackupError, Pace};
pub use clocks::{Clock, MAX_CLOCK_DEVICES, MAX_CLOCK_ENTRIES, MAX_CLOCK_FEEDS};
pub use error::{AppendError, OpenError, StoreError};
pub use history::{HistoryPage, LogEntry, MAX_HISTORY, type_name};
pub use log::{Export, Exported, MAX_LOADED, Stored, Totals};
pub use private::{Conversation, PrivateMessage};
pub use query::{
    Audience, BadCursor, BlobLinks, CardRow, Cursor, LinkPage, LinkRow, MAX_BLOBS_ASKED, MAX_COUNTED, MAX_FOLLOWED_BY,
    MAX_LINKS_COUNTED, MAX_PAGE, MAX_THREAD, Page, PersonRow, PostRow, Profile, Query, ThreadEntry, ThreadRows, Ties,
};
pub use rebuild::Indexing;
pub use search::{
    BadSearchCursor, Found, FoundText, MAX_FOUND, MAX_FOUND_PEOPLE, MAX_RANKED, Search, SearchCursor, SearchResult,
};
pub use settings::Settings;
pub use snapshot::{MAX_OWN_RECENT, Snapshot};
pub use stances::Stance;
pub use standing::Standing;
pub use store::Store;
pub use write::{Batch, WriteCost};
pub use write_point::write_point;
