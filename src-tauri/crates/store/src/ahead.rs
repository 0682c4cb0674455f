//! A clock that was ahead: what it dated is brought down when the store is opened under a clock that is right.
//!
//! A post is shown at the earlier of its claim and its receipt. While this computer's own clock is years ahead both lie in
//! the future, and once the clock is right the post would stay on top until then.

use sqlx::{Connection, SqliteConnection};

use crate::error::StoreError;

/// Takes messages that are shown at a time after `now_ms` (Unix milliseconds) to have come at `now_ms`. Returns how many; they keep
/// the order in which they came.
pub(crate) async fn bring_down(db: &mut SqliteConnection, now_ms: i64) -> Result<u64, StoreError> {
    let newest: i64 = sqlx::query_scalar(
        "SELECT max(coalesce((SELECT max(time) FROM timeline), 0), coalesce((SELECT max(time) FROM activity), 0))",
    )
    .fetch_one(&mut *db)
    .await?;
    if newest <= now_ms {
        return Ok(0);
    }
    let mut transaction = db.begin().await?;
    let brought = sqlx::query(
        "UPDATE log SET received = ?1
         WHERE row IN (SELECT row FROM timeline WHERE time > ?1 UNION SELECT row FROM activity WHERE time > ?1)",
    )
    .bind(now_ms)
    .execute(&mut *transaction)
    .await?;
    for index in ["UPDATE timeline SET time = ?1 WHERE time > ?1", "UPDATE activity SET time = ?1 WHERE time > ?1"] {
        sqlx::query(index).bind(now_ms).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(brought.rows_affected())
}
