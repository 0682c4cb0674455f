//! Pages of the log, newest first.

use std::collections::{BTreeMap, BTreeSet};

use feed::{FeedId, Message};

use super::kinds::{BLOCK, Bits, type_name};
use crate::{Store, error::StoreError, feeds::rows_to_json, index::Index, log::LogRow, log::Stored};

/// The most messages of a page.
pub const MAX_HISTORY: usize = 256;

/// How many rows one step looks at, and how many steps a page takes at most. A page that has not filled by then is shorter
/// than asked, and its cursor goes on from there.
const STEP: i64 = 2048;
const MAX_STEPS: usize = 8;

/// A message with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// The message and when it came.
    pub stored: Stored,
    /// Its row: it counts upwards in the order of receipt.
    pub row: i64,
}

/// A page of the log, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    /// The messages.
    pub entries: Vec<LogEntry>,
    /// The row below which the next page begins; none at the end. A page may be short and still not the last.
    pub next: Option<i64>,
}

impl Store {
    /// The messages below row `before`, of one feed or of all, of one type (`box` for sealed ones) or of any, the newest
    /// receipt first; at most `limit`, and never more than [`MAX_HISTORY`]. Those of people whom the reader blocks are there
    /// too: this is what is stored.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn history(
        &self,
        feed: Option<FeedId>,
        kind: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let limit = limit.clamp(1, MAX_HISTORY);
        let mut before = before.unwrap_or(i64::MAX);
        let mut rows: Vec<i64> = Vec::new();
        let mut is_end = false;
        for _ in 0..MAX_STEPS {
            let step = match (feed, kind) {
                (Some(feed), _) => self.rows_of_feed(feed, before, kind.map_or(limit as i64 + 1, |_| STEP)).await?,
                (None, None) => self.rows_below(before, limit as i64 + 1).await?,
                (None, Some(kind)) => self.rows_of_kind(kind, before, limit).await?,
            };
            let Some(last) = step.last() else {
                is_end = true;
                break;
            };
            before = *last;
            match (feed, kind) {
                (Some(_), Some(kind)) => rows.extend(self.only_of_kind(kind, step).await?),
                _ => rows.extend(step),
            }
            if rows.len() > limit {
                break;
            }
        }
        let next = if rows.len() > limit {
            rows.truncate(limit);
            rows.last().copied()
        } else {
            (!is_end).then_some(before)
        };
        let mut entries = self.entries(&rows).await?;
        if let Some(kind) = kind {
            // Rows that the index does not know of yet were taken as they are.
            entries.retain(|entry| type_name(&social::kind(&entry.stored.message)) == kind);
        }
        Ok(HistoryPage { entries, next })
    }

    async fn rows_below(&self, before: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query_scalar("SELECT row FROM log WHERE row < ?1 ORDER BY row DESC LIMIT ?2");
        Ok(rows.bind(before).bind(limit).fetch_all(&self.inner.readers).await?)
    }

    async fn rows_of_feed(&self, feed: FeedId, before: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        let Some(number) = self.inner.shared().feeds.number(&feed) else { return Ok(Vec::new()) };
        // Within a feed the order of rows is that of sequences: what lies below a row lies below its sequence.
        let rows = sqlx::query_scalar(
            "SELECT row FROM message_sequences WHERE feed = ?1
               AND sequence < coalesce((SELECT sequence FROM log WHERE row = ?2 AND feed = ?1), 9223372036854775807)
             ORDER BY sequence DESC LIMIT ?3",
        );
        Ok(rows.bind(number).bind(before).bind(limit).fetch_all(&self.inner.readers).await?)
    }

    /// The row from which on the index of types knows all: the first, but while it is filled again, from the newest on.
    async fn kinds_from(&self) -> Result<i64, StoreError> {
        let (name, version) = Index::Kinds.version();
        let from: Option<i64> = sqlx::query_scalar(
            "SELECT 0 FROM index_versions WHERE name = ?1 AND version = ?2
             UNION ALL SELECT below FROM rebuilds WHERE name = ?1 AND version = ?2",
        )
        .bind(name)
        .bind(version)
        .fetch_optional(&self.inner.readers)
        .await?;
        Ok(from.unwrap_or(i64::MAX))
    }

    /// The next rows of a type below `before`; of those that the index does not know of yet, all.
    async fn rows_of_kind(&self, kind: &str, before: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        let from = self.kinds_from().await?;
        let rows = self.known_rows_of_kind(kind, from, before, limit).await?;
        if rows.is_empty() && from > 0 { self.rows_below(before.min(from), limit as i64).await } else { Ok(rows) }
    }

    /// The next rows of a type from `from` on and below `before`, by the index.
    async fn known_rows_of_kind(
        &self,
        kind: &str,
        from: i64,
        before: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let blocks: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT block, rows FROM kinds WHERE kind = ?1 AND block <= ?2 AND block >= ?4 ORDER BY block DESC LIMIT ?3",
        )
        .bind(kind)
        .bind(before.saturating_sub(1).div_euclid(BLOCK))
        .bind(limit as i64 + 1)
        .bind(from.div_euclid(BLOCK))
        .fetch_all(&self.inner.readers)
        .await?;
        let mut rows = Vec::new();
        for (block, stored) in blocks {
            let bits = Bits::read(&stored)?;
            let first = block.saturating_mul(BLOCK);
            let of_block = (first..first.saturating_add(BLOCK)).rev();
            rows.extend(of_block.filter(|row| (from..before).contains(row) && bits.holds(*row)));
            if rows.len() > limit {
                break;
            }
        }
        Ok(rows)
    }

    /// Of these rows those of a type, and those that the index does not know of yet.
    async fn only_of_kind(&self, kind: &str, rows: Vec<i64>) -> Result<Vec<i64>, StoreError> {
        let from = self.kinds_from().await?;
        let blocks: BTreeSet<i64> = rows.iter().map(|row| row.div_euclid(BLOCK)).collect();
        let stored: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT block, rows FROM json_each(?1) AS asked JOIN kinds ON kind = ?2 AND block = asked.value",
        )
        .bind(rows_to_json(&blocks)?)
        .bind(kind)
        .fetch_all(&self.inner.readers)
        .await?;
        let mut bits = BTreeMap::new();
        for (block, stored) in stored {
            bits.insert(block, Bits::read(&stored)?);
        }
        let is_one =
            |row: &i64| *row < from || bits.get(&row.div_euclid(BLOCK)).is_some_and(|bits: &Bits| bits.holds(*row));
        Ok(rows.into_iter().filter(is_one).collect())
    }

    /// The messages in these rows, in their order.
    async fn entries(&self, rows: &[i64]) -> Result<Vec<LogEntry>, StoreError> {
        let found: Vec<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM json_each(?1) AS wanted JOIN log ON row = wanted.value",
        )
        .bind(rows_to_json(&rows)?)
        .fetch_all(&self.inner.readers)
        .await?;
        let read = self.inner.read_filed(found).await?;
        let mut read: BTreeMap<i64, (LogRow, Message)> = read.into_iter().map(|read| (read.0.row, read)).collect();
        let entry = |row: &i64| {
            let (at, message) = read.remove(row)?;
            Some(LogEntry { stored: Stored { message, received_ms: at.received }, row: *row })
        };
        Ok(rows.iter().filter_map(entry).collect())
    }
}
