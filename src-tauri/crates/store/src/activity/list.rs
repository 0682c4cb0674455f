//! What others did that concerns the reader, newest first, page by page.

use feed::Message;

use crate::{
    Store,
    error::StoreError,
    feeds::rows_to_json,
    log::{LogRow, Stored},
    query::{Cursor, MAX_PAGE},
};

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
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
}

impl Store {
    /// What others did that concerns the reader, newest first, at most `limit` and never more than [`MAX_PAGE`]; without what
    /// people did whom the reader blocks. Likes that were taken back since are there still.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn activity(&self, before: Option<Cursor>, limit: usize) -> Result<ActivityPage, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let (time, row) = before.unwrap_or(Cursor::TOP).parts();
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT time, row, kind FROM activity JOIN log USING (row)
             WHERE (time, row) < (?1, ?2) AND feed NOT IN (SELECT value FROM json_each(?3))
             ORDER BY time DESC, row DESC LIMIT ?4",
        )
        .bind(time)
        .bind(row)
        .bind(rows_to_json(&self.blocked())?)
        .bind(limit as i64 + 1)
        .fetch_all(&self.inner.readers)
        .await?;
        let shown = rows.get(..limit).unwrap_or(&rows);
        let next = (rows.len() > limit).then(|| shown.last().map(|(time, row, _)| Cursor::at(*time, *row))).flatten();
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
}
