//! A span of the log, from reading it to its rows.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::{
    append::Writer,
    error::StoreError,
    feeds::StagedFeeds,
    index::Index,
    log::LogRow,
    store::Inner,
    write::{Facts, IndexRows, Indexed},
};

/// How many messages one transaction of a rebuild indexes. Many share pages of the trees with random keys; few let a new
/// post in soon.
const SPAN: i64 = 4096;

/// Messages that were read from the log, about 8 MiB of usual ones.
pub(super) struct Span {
    messages: Vec<(LogRow, feed::Message, Facts)>,
    /// The lowest row that was read, damaged or not.
    down_to: i64,
}

/// Reads the newest messages below row `below`, but none below `end`. None when there is none.
pub(super) async fn read(inner: &Arc<Inner>, below: i64, end: i64) -> Result<Option<Span>, StoreError> {
    let rows: Vec<LogRow> = sqlx::query_as(
        "SELECT row, feed, sequence, received, body FROM log WHERE row < ?1 AND row >= ?2 ORDER BY row DESC LIMIT ?3",
    )
    .bind(below)
    .bind(end)
    .bind(SPAN)
    .fetch_all(&inner.readers)
    .await?;
    let Some(down_to) = rows.last().map(|row| row.row) else { return Ok(None) };
    // One damaged message costs that message only.
    let read = inner.read_filed(rows).await?;
    let facts = move || {
        let facts = read.into_iter().map(|(row, message)| {
            let facts = Facts::of(&message);
            (LogRow { body: Vec::new(), ..row }, message, facts)
        });
        facts.collect()
    };
    let messages = spawn_blocking(facts).await.map_err(|_| StoreError::Closing)?;
    Ok(Some(Span { messages, down_to }))
}

impl Span {
    /// Writes the rows of `indexes` and their new place. Returns that.
    pub(super) fn write(&self, inner: &Inner, writer: &mut Writer, indexes: &[Index]) -> Result<i64, StoreError> {
        let mut rows = IndexRows::new(inner.me);
        let changes = {
            let shared = inner.shared();
            let mut staged = StagedFeeds::new(&shared.feeds);
            for (row, message, facts) in &self.messages {
                let indexed = Indexed { row: row.row, number: row.feed, received: row.received, message, facts };
                rows.add(&indexed, |id| staged.number(id));
            }
            staged.into_changes()
        };
        writer.rows.transaction(
            |writing| {
                changes.write(writing)?;
                for index in indexes {
                    match index {
                        Index::Contacts => rows.write_contacts_rebuilt(writing)?,
                        index => rows.write(*index, &writer.own, writing)?,
                    }
                }
                let place = |index: &Index| (index.version().0, self.down_to);
                writing.each("UPDATE rebuilds SET below = ?2 WHERE name = ?1", indexes.iter().map(place))
            },
            || {},
        )?;
        inner.shared_mut().apply(changes, &[]);
        writer.rows.checkpoint_when_long()?;
        Ok(self.down_to)
    }
}
