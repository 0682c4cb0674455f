//! Filling an index again from the log, when the rules that fill it have changed.

use std::collections::BTreeMap;

use sqlx::{Connection, SqliteConnection};

use crate::{
    error::StoreError,
    feeds::{Feeds, StagedFeeds},
    index::Index,
    log::read_body,
    write::{Facts, IndexRows, Indexed, WriteConnection},
};

/// How many messages one transaction of a rebuild indexes.
const SPAN: i64 = 4096;

/// Rebuilds every index that was filled by another version of its rules. Returns which.
///
/// The version is written last: when this is interrupted, the next start does it again.
pub(crate) async fn rebuild_stale(
    db: &mut SqliteConnection,
    rows: &mut WriteConnection,
) -> Result<Vec<Index>, StoreError> {
    let stored: BTreeMap<String, i64> =
        sqlx::query_as("SELECT name, version FROM index_versions").fetch_all(&mut *db).await?.into_iter().collect();
    let is_stale = |index: &Index| {
        let (name, version) = index.version();
        stored.get(name) != Some(&version)
    };
    let stale: Vec<Index> = Index::ALL.into_iter().filter(is_stale).collect();
    if stale.is_empty() {
        return Ok(stale);
    }

    let mut transaction = db.begin().await?;
    for index in &stale {
        sqlx::query(index.clear()).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM index_versions WHERE name = ?")
            .bind(index.version().0)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;

    let mut after = 0;
    while let Some(last) = rebuild_span(db, rows, &stale, after).await? {
        after = last;
    }

    let mut transaction = db.begin().await?;
    for index in &stale {
        let (name, version) = index.version();
        sqlx::query("INSERT INTO index_versions (name, version) VALUES (?, ?)")
            .bind(name)
            .bind(version)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(stale)
}

/// A stored message before it is decoded: row, feed, sequence, received, body.
type Row = (i64, i64, i64, i64, Vec<u8>);

/// Indexes the messages after row `after`, up to one transaction's worth. Returns the last row; none at the end.
async fn rebuild_span(
    db: &mut SqliteConnection,
    writer: &mut WriteConnection,
    stale: &[Index],
    after: i64,
) -> Result<Option<i64>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT row, feed, sequence, received, body FROM log WHERE row > ?1 ORDER BY row LIMIT ?2")
            .bind(after)
            .bind(SPAN)
            .fetch_all(&mut *db)
            .await?;
    let Some(last) = rows.last().map(|row| row.0) else { return Ok(None) };
    let feeds = Feeds::load(&mut *db).await?;
    let mut messages = Vec::with_capacity(rows.len());
    for (row, number, sequence, received, body) in rows {
        let author = feeds.get(number).ok_or(StoreError::BadValue("feed number"))?.id;
        match read_body(author, sequence as u64, &body) {
            Ok(message) => messages.push((row, number, received, Facts::from(social::read(&message)), message)),
            // One damaged message costs that message only.
            Err(error) => tracing::warn!(row, %error, "it stays out of the indexes"),
        }
    }
    let mut staged = StagedFeeds::new(&feeds);
    let mut index_rows = IndexRows::default();
    for (row, number, received, facts, message) in &messages {
        let indexed = Indexed {
            row: *row,
            author: message.author(),
            number: *number,
            sequence: message.sequence(),
            id: message.id(),
            claimed: message.timestamp(),
            received: *received,
            facts,
        };
        index_rows.add(&indexed, |id| staged.number(id));
    }
    let changes = staged.into_changes();
    writer.transaction(
        |writing| {
            changes.write(writing)?;
            stale.iter().try_for_each(|index| index_rows.write(*index, writing))
        },
        || {},
    )?;
    Ok(Some(last))
}
