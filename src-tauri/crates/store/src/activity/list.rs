//! What others did that concerns the reader, newest first, page by page.

use std::collections::BTreeSet;

use feed::Message;

use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, rows_to_json},
    log::{LogRow, Stored},
    query::{Cursor, MAX_PAGE},
};

/// How many rows a step looks at, and how many steps a page takes at most: where most are by people whom the reader blocks or has muted, a
/// page is shorter than asked and its cursor goes on from there.
const STEP: usize = 1024;
const MAX_STEPS: usize = 8;

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// Named the reader in a post.
    Mentioned,
    /// Answered a message of the reader's.
    Replied,
    /// Follows the reader.
    Followed,
    /// Likes a message of the reader's.
    Liked,
}

impl Happening {
    /// As it is stored.
    pub(super) fn number(self) -> i64 {
        self as i64
    }

    fn from_number(number: i64) -> Option<Self> {
        [Self::Mentioned, Self::Replied, Self::Followed, Self::Liked].into_iter().find(|known| known.number() == number)
    }
}

/// Something that concerns the reader.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityRow {
    /// What it is.
    pub happening: Happening,
    /// The message that says so.
    pub stored: Stored,
    /// Its place: to go on from, and to mark as read.
    pub place: Cursor,
}

/// A page of activity, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityPage {
    /// What happened.
    pub rows: Vec<ActivityRow>,
    /// Where the next page begins; none at the end. A page may be short and still not the last.
    pub next: Option<Cursor>,
}

impl Store {
    /// What others did that concerns the reader, newest first, at most `limit` and never more than [`MAX_PAGE`]; without what
    /// people did whom the reader blocks or has muted. Likes that were taken back since are there still.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn activity(&self, before: Option<Cursor>, limit: usize) -> Result<ActivityPage, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let (shown, next) = self.concerning(before.unwrap_or(Cursor::TOP), limit).await?;
        let asked: Vec<i64> = shown.iter().map(|(_, row, _)| *row).collect();
        let found: Vec<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM json_each(?1) AS wanted JOIN log ON row = wanted.value",
        )
        .bind(rows_to_json(&asked)?)
        .fetch_all(&self.inner.readers)
        .await?;
        let read: Vec<(LogRow, Message)> = self.inner.read_filed(found).await?;
        let rows = shown.iter().filter_map(|(time, row, kind)| {
            let (at, message) = read.iter().find(|(at, _)| at.row == *row)?;
            Some(ActivityRow {
                happening: Happening::from_number(*kind)?,
                stored: Stored { message: message.clone(), received_ms: at.received },
                place: Cursor::at(*time, *row),
            })
        });
        Ok(ActivityPage { rows: rows.collect(), next })
    }
    /// Time, row and kind of what others did below `before` whom the reader neither blocks nor has muted, at most `limit`, and where to go on.
    async fn concerning(
        &self,
        before: Cursor,
        limit: usize,
    ) -> Result<(Vec<(i64, i64, i64)>, Option<Cursor>), StoreError> {
        let hidden: BTreeSet<_> = self.hidden().into_iter().collect();
        let mut shown = Vec::new();
        let mut end = before.parts();
        for _ in 0..MAX_STEPS {
            let rows: Vec<(i64, i64, i64, FeedNumber)> = sqlx::query_as(
                "SELECT time, row, kind, feed FROM
                    (SELECT time, row, kind FROM activity WHERE (time, row) < (?1, ?2)
                     ORDER BY time DESC, row DESC LIMIT ?3)
                 JOIN log USING (row) ORDER BY time DESC, row DESC",
            )
            .bind(end.0)
            .bind(end.1)
            .bind(STEP as i64)
            .fetch_all(&self.inner.readers)
            .await?;
            let is_last = rows.len() < STEP;
            end = rows.last().map_or(end, |(time, row, ..)| (*time, *row));
            let kept = rows.into_iter().filter(|(.., author)| !hidden.contains(author));
            shown.extend(kept.map(|(time, row, kind, _)| (time, row, kind)));
            if shown.len() > limit {
                shown.truncate(limit);
                let next = shown.last().map(|(time, row, _)| Cursor::at(*time, *row));
                return Ok((shown, next));
            }
            if is_last {
                return Ok((shown, None));
            }
        }
        Ok((shown, Some(Cursor::at(end.0, end.1))))
    }
}
