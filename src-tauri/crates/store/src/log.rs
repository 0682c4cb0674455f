//! Reading the log: by feed and sequence, by id, and all of it.

use feed::{FeedId, Message, MessageId};
use tokio::task::spawn_blocking;

use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, prefix},
    journal::JOURNAL,
    schema::DATABASE,
};

/// How many messages one [`Store::load`] gives at most, whatever their size.
pub const MAX_LOADED: usize = 4096;
/// How many rows an export reads at a time.
const EXPORT_ROWS: i64 = 1024;

/// A message and when it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The message.
    pub message: Message,
    /// When it first came here, Unix milliseconds.
    pub received_ms: i64,
}

/// One message as an export gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The message's id.
    pub key: MessageId,
    /// The exact bytes that were stored: the compact canonical text.
    pub value: Vec<u8>,
    /// When it first came here, Unix milliseconds.
    pub received_ms: i64,
    /// Where an export goes on after this message; see [`Export::after`].
    pub position: i64,
}

/// How much is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Messages of all feeds.
    pub messages: u64,
    /// Feeds of which there are messages.
    pub feeds: u64,
    /// What database and journal take on the disk, in bytes.
    pub bytes: u64,
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
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            // The running total stops the walk at the size asked for.
            "SELECT sequence, body FROM (
                SELECT message_sequences.sequence, body,
                    sum(length(body)) OVER (ORDER BY message_sequences.sequence) - length(body) AS before
                FROM message_sequences JOIN messages USING (row)
                WHERE message_sequences.feed = ?1 AND message_sequences.sequence > ?2 AND message_sequences.sequence <= ?3
                ORDER BY message_sequences.sequence LIMIT ?4)
             WHERE before = 0 OR before + length(body) <= ?5",
        )
        .bind(number)
        .bind(clamp(after))
        .bind(clamp(through))
        .bind(limit_for(max_bytes))
        .bind(max_bytes as i64)
        .fetch_all(&self.inner.readers)
        .await?;
        let decode = move || {
            let mut messages = Vec::with_capacity(rows.len());
            for (sequence, body) in rows {
                match Message::decode(&body) {
                    Ok(message) => messages.push(message),
                    Err(_) if messages.is_empty() => {
                        return Err(StoreError::Damaged { feed, sequence: sequence as u64 });
                    }
                    Err(error) => {
                        tracing::warn!(%feed, sequence, %error, "a stored message is damaged");
                        break;
                    }
                }
            }
            Ok(messages)
        };
        spawn_blocking(decode).await.map_err(|_| StoreError::Closing)?
    }

    /// A message by its id.
    ///
    /// # Errors
    /// When the disk refuses or the message is damaged.
    pub async fn message(&self, id: MessageId) -> Result<Option<Stored>, StoreError> {
        let row: Option<(FeedNumber, i64, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT feed, sequence, received, body FROM message_ids JOIN messages USING (row)
             WHERE prefix = ?1 AND id = ?2",
        )
        .bind(prefix(id.hash()))
        .bind(id.to_tagged().as_slice())
        .fetch_optional(&self.inner.readers)
        .await?;
        row.map(|(feed, sequence, received_ms, body)| {
            let message = Message::decode(&body).map_err(|_| self.damaged(feed, sequence))?;
            Ok(Stored { message, received_ms })
        })
        .transpose()
    }

    fn damaged(&self, feed: FeedNumber, sequence: i64) -> StoreError {
        match self.inner.shared().feeds.get(feed) {
            Some(feed) => StoreError::Damaged { feed: feed.id, sequence: sequence as u64 },
            None => StoreError::BadValue("feed number"),
        }
    }

    /// How much is stored.
    ///
    /// # Errors
    /// When the files cannot be looked at.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        let folder = self.folder().to_owned();
        let wal = format!("{DATABASE}-wal");
        let bytes = spawn_blocking(move || {
            let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
            [DATABASE, wal.as_str(), JOURNAL].into_iter().map(size).sum()
        });
        let bytes = bytes.await.map_err(|_| StoreError::Closing)?;
        let shared = self.inner.shared();
        let stored = shared.feeds.iter().filter(|feed| feed.messages > 0);
        let (messages, feeds) = stored.fold((0, 0), |(messages, feeds), feed| (messages + feed.messages, feeds + 1));
        Ok(Totals { messages, feeds, bytes })
    }

    /// Everything stored, or one feed, in the order of receipt: that keeps each feed's own order.
    pub fn export(&self, feed: Option<FeedId>) -> Export {
        Export { store: self.clone(), feed, after: 0 }
    }
}

/// An export that is under way. Messages that come while it runs may be in it.
#[derive(Debug)]
pub struct Export {
    store: Store,
    feed: Option<FeedId>,
    /// The last row given, or the last sequence for one feed.
    after: i64,
}

impl Export {
    /// Goes on after the message with this [`Exported::position`], which an earlier export of the same feed, or of all, gave.
    pub fn after(mut self, position: i64) -> Self {
        self.after = position;
        self
    }

    /// The next messages, some at a time; empty at the end.
    ///
    /// # Errors
    /// When the disk refuses or an id is damaged.
    pub async fn next(&mut self) -> Result<Vec<Exported>, StoreError> {
        let all = "SELECT row, id, received, body FROM messages WHERE row > ?1 ORDER BY row LIMIT ?2";
        let one =
            "SELECT message_sequences.sequence, id, received, body FROM message_sequences JOIN messages USING (row)
             WHERE message_sequences.sequence > ?1 AND message_sequences.feed = ?3
             ORDER BY message_sequences.sequence LIMIT ?2";
        let readers = &self.store.inner.readers;
        let rows: Vec<(i64, Vec<u8>, i64, Vec<u8>)> = match self.feed {
            None => sqlx::query_as(all).bind(self.after).bind(EXPORT_ROWS).fetch_all(readers).await?,
            Some(feed) => {
                let number = self.store.inner.shared().feeds.number(&feed);
                sqlx::query_as(one).bind(self.after).bind(EXPORT_ROWS).bind(number).fetch_all(readers).await?
            }
        };
        if let Some(last) = rows.last() {
            self.after = last.0;
        }
        let exported = rows.into_iter().map(|(position, id, received_ms, value)| {
            let key = MessageId::from_tagged(&id).map_err(|_| StoreError::BadValue("message id"))?;
            Ok(Exported { key, value, received_ms, position })
        });
        exported.collect()
    }
}

/// How many of the smallest messages fit, so that a small size reads few rows. No message is smaller than its fixed
/// parts: two ids, a signature and the names of the fields.
fn limit_for(max_bytes: usize) -> i64 {
    const SMALLEST: usize = 300;
    (max_bytes / SMALLEST + 1).min(MAX_LOADED) as i64
}

/// A sequence as SQLite holds numbers.
fn clamp(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
