//! Whether a message that was read back is the one that was stored.
//!
//! A body that changed on the disk may still read as a message, of the same feed at the same place: then its id is another
//! one, and under that nothing is filed in its row.

use std::{collections::BTreeSet, sync::Arc};

use feed::{Message, MessageId};

use crate::{
    error::StoreError,
    feeds::{prefix, rows_to_json},
    log::LogRow,
    store::Inner,
};

impl Inner {
    /// The rows whose message is not filed under its id.
    pub(crate) async fn misfiled(
        &self,
        read: impl Iterator<Item = (i64, MessageId)>,
    ) -> Result<BTreeSet<i64>, StoreError> {
        let asked: Vec<(i64, i64)> = read.map(|(row, id)| (row, prefix(id.hash()))).collect();
        let misfiled: Vec<i64> = sqlx::query_scalar(
            "SELECT value->>0 FROM json_each(?1) AS asked
             WHERE NOT EXISTS (SELECT 1 FROM message_ids WHERE prefix = asked.value->>1 AND row = asked.value->>0)",
        )
        .bind(rows_to_json(&asked)?)
        .fetch_all(&self.readers)
        .await?;
        Ok(misfiled.into_iter().collect())
    }

    /// [`Self::read_rows`], without messages that have changed on the disk.
    pub(crate) async fn read_filed(self: &Arc<Self>, rows: Vec<LogRow>) -> Result<Vec<(LogRow, Message)>, StoreError> {
        let mut read = self.read_rows(rows).await?;
        let misfiled = self.misfiled(read.iter().map(|(row, message)| (row.row, message.id()))).await?;
        if !misfiled.is_empty() {
            tracing::warn!(rows = ?misfiled, "messages have changed on the disk and are left out");
            read.retain(|(row, _)| !misfiled.contains(&row.row));
        }
        Ok(read)
    }
}
