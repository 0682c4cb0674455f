//! Successive messages of one feed: what goes out to neighbours.

use std::sync::Arc;

use feed::{FeedId, Message, MessageId};
use rusqlite::{Connection, Row};

use super::{body::read_body, clamp};
use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, prefix},
};

/// How many messages one [`Store::load`] gives at most, whatever their size.
pub const MAX_LOADED: usize = 4096;

/// What is asked for.
struct Asked {
    feed: FeedId,
    number: FeedNumber,
    after: u64,
    through: u64,
    max_bytes: usize,
}

impl Store {
    /// The messages of `feed` after sequence `after` up to `through`, in order: as many as fit into `max_bytes` (but at
    /// least one, if there is one) and not more than [`MAX_LOADED`]. They end before a message that is damaged.
    ///
    /// # Errors
    /// When the disk refuses or the first of these messages is damaged.
    pub async fn load(
        &self,
        feed: FeedId,
        after: u64,
        through: u64,
        max_bytes: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let Some(number) = self.inner.shared().feeds.number(&feed) else { return Ok(Vec::new()) };
        let asked = Asked { feed, number, after, through, max_bytes };
        let inner = Arc::clone(&self.inner);
        let reading = move |db: &Connection| {
            let loaded = load(db, &asked);
            // Until here, so that the folder stays locked while it is read.
            drop(inner);
            loaded
        };
        self.inner.direct.in_bulk(reading).await
    }
}

fn load(db: &Connection, asked: &Asked) -> Result<Vec<Message>, StoreError> {
    let mut read = read(db, asked)?;
    // Whoever gets a message that has changed here takes it for a forgery of ours.
    if let Some(at) = first_changed(db, &read)? {
        let (feed, sequence) = (asked.feed, read[at].1.sequence());
        if at == 0 {
            return Err(StoreError::Damaged { feed, sequence });
        }
        tracing::warn!(%feed, sequence, "a message has changed on the disk; those before it are given");
        read.truncate(at);
    }
    Ok(read.into_iter().map(|(_, message)| message).collect())
}

/// The messages with their rows, as far as they can be read.
fn read(db: &Connection, asked: &Asked) -> Result<Vec<(i64, Message)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT row, message_sequences.sequence, body FROM message_sequences JOIN log USING (row)
         WHERE message_sequences.feed = ?1 AND message_sequences.sequence > ?2 AND message_sequences.sequence <= ?3
         ORDER BY message_sequences.sequence LIMIT ?4",
    )?;
    let mut rows = statement.query((asked.number, clamp(asked.after), clamp(asked.through), MAX_LOADED as i64))?;
    let (mut read, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        match decode(asked.feed, row) {
            Ok(message) => {
                bytes += message.encoded().len();
                if !read.is_empty() && bytes > asked.max_bytes {
                    break;
                }
                read.push((row.get(0)?, message));
            }
            Err(error) if read.is_empty() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the messages before it are given");
                break;
            }
        }
    }
    Ok(read)
}

/// The message of one row.
fn decode(feed: FeedId, row: &Row<'_>) -> Result<Message, StoreError> {
    let sequence: i64 = row.get(1)?;
    let body = row.get_ref(2)?.as_blob().map_err(|_| StoreError::BadValue("body"))?;
    read_body(feed, sequence as u64, body)
}

/// The first of these successive messages of one feed that has changed on the disk.
///
/// Each names the id of the one before it, so where the chain holds and its end is as it was, so is the rest.
fn first_changed(db: &Connection, chain: &[(i64, Message)]) -> Result<Option<usize>, StoreError> {
    let Some((row, last)) = chain.last() else { return Ok(None) };
    let holds = chain.windows(2).all(|pair| pair[1].1.previous() == Some(pair[0].1.id()));
    if holds && is_filed(db, *row, last.id())? {
        return Ok(None);
    }
    for (at, (row, message)) in chain.iter().enumerate() {
        if !is_filed(db, *row, message.id())? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Whether the message of this row is filed under this id.
fn is_filed(db: &Connection, row: i64, id: MessageId) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM message_ids WHERE prefix = ?1 AND row = ?2")?;
    Ok(statement.exists((prefix(id.hash()), row))?)
}
