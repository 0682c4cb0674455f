//! Where the reader's own messages are in the log, in memory: whether a message is the reader's is asked for each answer and like.

use sqlx::SqliteConnection;

use crate::{error::StoreError, feeds::FeedNumber};

/// The rows of the reader's own messages: eight bytes each.
#[derive(Debug, Default)]
pub(crate) struct OwnRows(Vec<i64>);

impl OwnRows {
    /// Those of the feed with this number; none for a reader who has written nothing.
    pub(crate) async fn load(me: Option<FeedNumber>, db: &mut SqliteConnection) -> Result<Self, StoreError> {
        let rows = sqlx::query_scalar("SELECT row FROM message_sequences WHERE feed = ?1");
        Ok(rows.bind(me).fetch_all(db).await?.into_iter().collect())
    }

    /// Adds rows that were written after all others.
    pub(crate) fn extend(&mut self, rows: impl IntoIterator<Item = i64>) {
        self.0.extend(rows);
        debug_assert!(self.0.is_sorted());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, row: i64) -> bool {
        self.0.binary_search(&row).is_ok()
    }
}

impl FromIterator<i64> for OwnRows {
    fn from_iter<I: IntoIterator<Item = i64>>(rows: I) -> Self {
        let mut rows = Vec::from_iter(rows);
        // Nearly always in order.
        rows.sort_unstable();
        Self(rows)
    }
}
