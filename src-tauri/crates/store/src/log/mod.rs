//! Reading the log: by feed and sequence, by id, and all of it.

mod authored;
mod body;
mod export;
mod filed;
mod load;

use std::sync::Arc;

use feed::{FeedId, Message, MessageId};
use tokio::task::spawn_blocking;

pub(crate) use authored::AuthoredRow;
pub(crate) use body::{pack_body, read_body, read_previous};
pub use export::{Export, Exported};
pub use load::MAX_LOADED;

use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, prefix},
    journal::JOURNAL,
    schema::DATABASE,
    store::Inner,
};

/// A message and when it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The message.
    pub message: Message,
    /// When it first came here, Unix milliseconds.
    pub received_ms: i64,
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

/// A row of the log, its body as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct LogRow {
    pub(crate) row: i64,
    pub(crate) feed: FeedNumber,
    pub(crate) sequence: i64,
    /// Unix milliseconds.
    pub(crate) received: i64,
    pub(crate) body: Vec<u8>,
}

impl Inner {
    /// Reads the message in a row of the log.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn read_row(&self, row: &LogRow) -> Result<Message, StoreError> {
        let author = self.shared().feeds.get(row.feed).map(|feed| feed.id);
        read_body(author.ok_or(StoreError::BadValue("feed number"))?, row.sequence as u64, &row.body)
    }

    /// Reads many rows apart from the tasks. A damaged message costs itself only: it is left out.
    pub(crate) async fn read_rows(self: &Arc<Self>, rows: Vec<LogRow>) -> Result<Vec<(LogRow, Message)>, StoreError> {
        let inner = Arc::clone(self);
        let read = move || {
            let read = rows.into_iter().filter_map(|row| match inner.read_row(&row) {
                Ok(message) => Some((row, message)),
                Err(error) => {
                    tracing::warn!(row = row.row, %error, "left out");
                    None
                }
            });
            read.collect()
        };
        spawn_blocking(read).await.map_err(|_| StoreError::Closing)
    }

    fn damaged(&self, row: &LogRow) -> StoreError {
        match self.shared().feeds.get(row.feed) {
            Some(feed) => StoreError::Damaged { feed: feed.id, sequence: row.sequence as u64 },
            None => StoreError::BadValue("feed number"),
        }
    }
}

impl Store {
    /// How far `feed` is stored, its newest messages below sequence `before` (0: the newest of all), and its author's newest words
    /// about themselves that give a name. At most `most` messages, oldest first, and as many as fit into `max_bytes` encoded, but at
    /// least one if there is one. None where nothing of the feed is stored.
    ///
    /// # Errors
    /// When the disk refuses or one of these messages is damaged.
    pub async fn newest(
        &self,
        feed: FeedId,
        before: u64,
        most: u8,
        max_bytes: usize,
    ) -> Result<Option<(u64, Vec<Message>, Option<Message>)>, StoreError> {
        let (number, head) = {
            let shared = self.inner.shared();
            let head = shared.feeds.by_id(&feed).and_then(|row| row.head).map(|head| head.sequence);
            let (Some(number), Some(head)) = (shared.feeds.number(&feed), head) else { return Ok(None) };
            (number, head)
        };
        let end = if before == 0 { head } else { before.saturating_sub(1).min(head) };
        let after = end.saturating_sub(most.into());
        let mut messages = if end > 0 { self.load(feed, after, end, usize::MAX >> 1).await? } else { Vec::new() };
        // From the newest on.
        let mut bytes = 0;
        let fit = messages.iter().rev().take_while(|message| {
            bytes += message.encoded().len();
            bytes <= max_bytes
        });
        let fit = fit.count().max(1).min(messages.len());
        messages.drain(..messages.len() - fit);
        let about: Option<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM log
             WHERE row = (SELECT name_row FROM abouts WHERE subject = ?1 AND author = ?1)",
        )
        .bind(number)
        .fetch_optional(&self.inner.readers)
        .await?;
        let about = about.map(|row| self.inner.read_row(&row)).transpose()?;
        Ok(Some((head, messages, about)))
    }

    /// A message by its id.
    ///
    /// # Errors
    /// When the disk refuses or the message is damaged.
    pub async fn message(&self, id: MessageId) -> Result<Option<Stored>, StoreError> {
        let rows: Vec<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM message_ids JOIN log USING (row) WHERE prefix = ?1",
        )
        .bind(prefix(id.hash()))
        .fetch_all(&self.inner.readers)
        .await?;
        let mut damaged = None;
        for row in rows {
            match self.inner.read_row(&row) {
                Ok(message) if message.id() == id => {
                    return Ok(Some(Stored { message, received_ms: row.received }));
                }
                // Another message may share the bytes that this one is found by; one that does not has changed on the disk.
                Ok(message) if prefix(message.id().hash()) == prefix(id.hash()) => {}
                Ok(_) => damaged = Some(self.inner.damaged(&row)),
                Err(error) => damaged = Some(error),
            }
        }
        damaged.map_or(Ok(None), Err)
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
}

/// A sequence as SQLite holds numbers.
fn clamp(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
