//! A clock that was ahead: what it dated is brought down when the store is opened under a clock that is right.
//!
//! A post is shown at the earlier of its claim and its receipt. While this computer's own clock is years ahead both lie in
//! the future, and once the clock is right the post would stay on top until then.

use sqlx::{Connection, SqliteConnection};

use crate::{error::StoreError, search::first_document_after};

/// Takes messages that came after `now_ms` (Unix milliseconds) to have come at `now_ms`, and brings what is shown or was read
/// at a later time down to it. Returns how many messages; they keep the order in which they came.
///
/// Full text has messages by the day they are shown on. Where it has days that have not come, it is filled again.
pub(crate) async fn bring_down(db: &mut SqliteConnection, now_ms: i64) -> Result<u64, StoreError> {
    let newest: i64 = sqlx::query_scalar(
        "SELECT max(coalesce((SELECT received FROM log ORDER BY row DESC LIMIT 1), 0),
            coalesce((SELECT max(time) FROM timeline), 0), coalesce((SELECT max(time) FROM activity), 0),
            coalesce((SELECT max(time) FROM conversations), 0), coalesce((SELECT max(time) FROM reads), 0))",
    )
    .fetch_one(&mut *db)
    .await?;
    // A clock that was ahead by hours costs order within a day, and not another filling.
    let last_doc: Option<i64> = sqlx::query_scalar("SELECT max(doc) FROM search_docs").fetch_one(&mut *db).await?;
    let is_search_ahead = last_doc >= Some(first_document_after(now_ms));
    if newest <= now_ms && !is_search_ahead {
        return Ok(0);
    }
    let mut transaction = db.begin().await?;
    let brought =
        sqlx::query("UPDATE log SET received = ?1 WHERE received > ?1").bind(now_ms).execute(&mut *transaction).await?;
    for index in [
        "UPDATE timeline SET time = ?1 WHERE time > ?1",
        "UPDATE activity SET time = ?1 WHERE time > ?1",
        "UPDATE private_messages SET time = ?1 WHERE time > ?1",
        "UPDATE conversations SET time = ?1, row = (SELECT max(row) FROM private_messages AS message
            WHERE message.conversation = conversations.conversation AND time = ?1) WHERE time > ?1",
        // All that was brought down to that moment is read.
        "UPDATE reads SET time = ?1, row = 9223372036854775807 WHERE time > ?1",
    ] {
        sqlx::query(index).bind(now_ms).execute(&mut *transaction).await?;
    }
    if is_search_ahead {
        sqlx::query("DELETE FROM followers WHERE name = 'search'").execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(brought.rows_affected())
}
