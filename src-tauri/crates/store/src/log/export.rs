//! The whole log, or one feed of it, piece by piece.

use feed::{FeedId, MessageId};

use crate::{Store, error::StoreError, log::LogRow};

/// How many rows an export reads at a time.
const EXPORT_ROWS: i64 = 1024;

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

impl Store {
    /// Everything stored, or one feed, in the order of receipt: that keeps each feed's own order.
    pub fn export(&self, feed: Option<FeedId>) -> Export {
        Export { store: self.clone(), feed, after: 0 }
    }
}

/// An export that is under way. Messages that come while it runs may be in it; damaged ones are left out.
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
    /// When the disk refuses.
    pub async fn next(&mut self) -> Result<Vec<Exported>, StoreError> {
        let all = "SELECT row, feed, sequence, received, body FROM log WHERE row > ?1 ORDER BY row LIMIT ?2";
        let one = "SELECT row, log.feed, log.sequence, received, body FROM message_sequences JOIN log USING (row)
             WHERE message_sequences.sequence > ?1 AND message_sequences.feed = ?3
             ORDER BY message_sequences.sequence LIMIT ?2";
        let inner = &self.store.inner;
        // As long as everything that was read is damaged there is nothing to give, and still more to come.
        loop {
            let rows: Vec<LogRow> = match self.feed {
                None => sqlx::query_as(all).bind(self.after).bind(EXPORT_ROWS).fetch_all(&inner.readers).await?,
                Some(feed) => {
                    let number = inner.shared().feeds.number(&feed);
                    let query = sqlx::query_as(one).bind(self.after).bind(EXPORT_ROWS).bind(number);
                    query.fetch_all(&inner.readers).await?
                }
            };
            let is_one = self.feed.is_some();
            let position = |row: &LogRow| if is_one { row.sequence } else { row.row };
            let Some(last) = rows.last() else { return Ok(Vec::new()) };
            self.after = position(last);
            let read = inner.read_filed(rows).await?;
            if !read.is_empty() {
                let exported = read.into_iter().map(|(row, message)| Exported {
                    key: message.id(),
                    value: message.encoded().to_vec(),
                    received_ms: row.received,
                    position: position(&row),
                });
                return Ok(exported.collect());
            }
        }
    }
}
