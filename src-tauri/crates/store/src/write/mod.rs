//! The path by which rows are written: one connection with prepared statements, one transaction at a time.
//!
//! Everything here blocks on the disk and runs on threads for that, under the store's writer lock. What writes often goes
//! through this connection and no other: a commit of another one empties this one's page cache.

mod batch;
mod checkpoint;
mod connection;
mod facts;
mod rows;

pub use batch::Batch;
pub(crate) use batch::{CORES_FROM, Entry};
pub use connection::WriteCost;
pub(crate) use connection::{WriteConnection, Writing};
pub(crate) use facts::{Facts, Statement};
pub(crate) use rows::{IndexRows, Indexed, LogRow, write_log};
