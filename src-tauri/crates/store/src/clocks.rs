//! What each device told us that it holds, and what we told it: this is what makes a reconnect cheap.

use std::collections::BTreeMap;

use feed::{DeviceKey, FeedId};
use sqlx::Connection;

use crate::{
    Store,
    error::StoreError,
    feeds::{StagedFeeds, rows_to_json},
};

/// Notes by feed, as numbers: -1 not replicated, else sequence · 2, plus 1 when it is not asked for.
pub type Clock = BTreeMap<FeedId, i64>;

impl Store {
    /// The clock that `device` told us and the clock that we told it: (held, told).
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn clocks(&self, device: DeviceKey) -> Result<(Clock, Clock), StoreError> {
        let rows: Vec<(i64, Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT feed, held, told FROM clocks WHERE device = (SELECT device FROM devices WHERE key = ?)",
        )
        .bind(device.bytes().as_slice())
        .fetch_all(&self.inner.readers)
        .await?;
        let shared = self.inner.shared();
        let (mut held, mut told) = (Clock::new(), Clock::new());
        for (number, held_note, told_note) in rows {
            let feed = shared.feeds.get(number).ok_or(StoreError::BadValue("feed number"))?;
            held.extend(held_note.map(|note| (feed.id, note)));
            told.extend(told_note.map(|note| (feed.id, note)));
        }
        Ok((held, told))
    }

    /// Saves what changed in the clocks of `device`; feeds that are not named stay as they are.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn save_clocks(&self, device: DeviceKey, held: &Clock, told: &Clock) -> Result<(), StoreError> {
        if held.is_empty() && told.is_empty() {
            return Ok(());
        }
        let mut writer = self.inner.writer.lock().await;
        let (changes, rows) = {
            let shared = self.inner.shared();
            let mut staged = StagedFeeds::new(&shared.feeds);
            let mut rows: BTreeMap<i64, (Option<i64>, Option<i64>)> = BTreeMap::new();
            for (feed, note) in held {
                rows.entry(staged.number(*feed)).or_default().0 = Some(*note);
            }
            for (feed, note) in told {
                rows.entry(staged.number(*feed)).or_default().1 = Some(*note);
            }
            let rows: Vec<_> = rows.into_iter().map(|(feed, (held, told))| (feed, held, told)).collect();
            (staged.into_changes(), rows_to_json(&rows)?)
        };
        let mut transaction = writer.db.begin().await?;
        changes.write(&mut transaction).await?;
        sqlx::query("INSERT OR IGNORE INTO devices (key) VALUES (?)")
            .bind(device.bytes().as_slice())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO clocks (device, feed, held, told)
             SELECT (SELECT device FROM devices WHERE key = ?1), value->>0, value->>1, value->>2 FROM json_each(?2) WHERE true
             ON CONFLICT (device, feed) DO UPDATE SET
                held = coalesce(excluded.held, held), told = coalesce(excluded.told, told)",
        )
        .bind(device.bytes().as_slice())
        .bind(rows)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.inner.shared_mut().apply(changes, &[]);
        Ok(())
    }

    /// Forgets the clocks of `device`: the next hello with it exchanges full ones.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn forget_clocks(&self, device: DeviceKey) -> Result<(), StoreError> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query("DELETE FROM clocks WHERE device = (SELECT device FROM devices WHERE key = ?)")
            .bind(device.bytes().as_slice())
            .execute(&mut writer.db)
            .await?;
        Ok(())
    }
}
