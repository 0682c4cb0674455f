//! A row of the log beside its author's id, for those who have no feeds in memory.

use feed::{FeedId, Message};

use super::read_body;
use crate::{error::StoreError, feeds::FeedNumber};

/// A row of the log and the id of its author.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct AuthoredRow {
    pub(crate) row: i64,
    pub(crate) feed: FeedNumber,
    /// Format tag, 32 bytes of key.
    id: Vec<u8>,
    sequence: i64,
    /// Unix milliseconds.
    pub(crate) received: i64,
    body: Vec<u8>,
}

impl AuthoredRow {
    /// Reads the message.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn read(&self) -> Result<Message, StoreError> {
        let author = FeedId::from_tagged(&self.id).map_err(|_| StoreError::BadValue("feed id"))?;
        read_body(author, self.sequence as u64, &self.body)
    }
}
