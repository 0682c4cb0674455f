//! Filling an index again from the log, when the rules that fill it have changed.

use std::collections::BTreeMap;

use feed::Message;
use sqlx::{Connection, SqliteConnection};
use tokio::task::spawn_blocking;

use crate::{
    error::StoreError,
    feeds::{Feeds, StagedFeeds},
    index::{Index, IndexRows, Indexed, ROWS_PER_STATEMENT},
};

/// Rebuilds every index that was filled by another version of its rules. Returns which.
///
/// The version is written last: when this is interrupted, the next start does it again.
pub(crate) async fn rebuild_stale(db: &mut SqliteConnection) -> Result<Vec<Index>, StoreError> {
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
    while let Some(last) = rebuild_span(db, &stale, after).await? {
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

/// Indexes the messages after row `after`, up to one statement's worth. Returns the last row; none at the end.
async fn rebuild_span(db: &mut SqliteConnection, stale: &[Index], after: i64) -> Result<Option<i64>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT row, feed, sequence, received, body FROM messages WHERE row > ?1 ORDER BY row LIMIT ?2")
            .bind(after)
            .bind(ROWS_PER_STATEMENT as i64)
            .fetch_all(&mut *db)
            .await?;
    let Some(last) = rows.last().map(|row| row.0) else { return Ok(None) };
    let decode = move || {
        let decoded = rows.into_iter().filter_map(|(row, feed, sequence, received, body)| match Message::decode(&body) {
            Ok(message) => Some((row, feed, received, social::read(&message), message)),
            Err(error) => {
                // One damaged message costs that message only.
                tracing::warn!(row, feed, sequence, %error, "a stored message is damaged and stays out of the indexes");
                None
            }
        });
        decoded.collect::<Vec<_>>()
    };
    let messages = spawn_blocking(decode).await.map_err(|_| StoreError::Closing)?;

    let feeds = Feeds::load(&mut *db).await?;
    let mut staged = StagedFeeds::new(&feeds);
    let mut index_rows = IndexRows::default();
    for (row, number, received, meaning, message) in &messages {
        let indexed = Indexed {
            row: *row,
            author: message.author(),
            number: *number,
            sequence: message.sequence(),
            id: message.id(),
            claimed: message.timestamp(),
            received: *received,
            meaning,
        };
        index_rows.add(&indexed, |id| staged.number(id));
    }
    let mut transaction = db.begin().await?;
    staged.into_changes().write(&mut transaction).await?;
    for index in stale {
        index_rows.write(*index, &mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(Some(last))
}
