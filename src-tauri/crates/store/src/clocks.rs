//! What each device told us that it holds, and what we told it: this is what makes a reconnect cheap.
//!
//! Anybody may speak of any feed, so what is saved is bounded, and the feeds in it are not among those that the rest of the
//! store knows. A clock that is forgotten costs a greeting in full, nothing else; both halves of it are forgotten together.

use std::collections::BTreeMap;

use feed::{DeviceKey, FeedId};
use sqlx::{Connection, SqliteConnection};

use crate::{
    Store,
    error::StoreError,
    feeds::{hex, rows_to_json},
};

/// Notes by feed, as numbers: -1 not replicated, else sequence · 2, plus 1 when it is not asked for.
pub type Clock = BTreeMap<FeedId, i64>;

/// Devices whose clocks are kept; the one saved longest ago is forgotten first.
pub const MAX_CLOCK_DEVICES: usize = 1024;
/// Feeds in the clocks of one device; when there are more, these clocks are forgotten.
pub const MAX_CLOCK_FEEDS: usize = 32_768;
/// Feeds in the clocks of all devices, about 12 MiB; beyond it devices are forgotten, the one saved longest ago first.
pub const MAX_CLOCK_ENTRIES: usize = 262_144;

/// The most rows that one statement writes, so that its parameter stays within a few hundred KiB.
const ROWS_PER_STATEMENT: usize = 4096;

impl Store {
    /// The clock that `device` told us and the clock that we told it: (held, told).
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn clocks(&self, device: DeviceKey) -> Result<(Clock, Clock), StoreError> {
        let rows: Vec<(Vec<u8>, Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT feed, held, told FROM clocks WHERE device = (SELECT device FROM devices WHERE key = ?)",
        )
        .bind(device.bytes().as_slice())
        .fetch_all(&self.inner.readers)
        .await?;
        let (mut held, mut told) = (Clock::new(), Clock::new());
        for (feed, held_note, told_note) in rows {
            let feed = FeedId::from_tagged(&feed).map_err(|_| StoreError::BadValue("feed id"))?;
            held.extend(held_note.map(|note| (feed, note)));
            told.extend(told_note.map(|note| (feed, note)));
        }
        Ok((held, told))
    }

    /// Saves what changed in the clocks of `device`; feeds that are not named stay as they are. May forget clocks, see
    /// [`MAX_CLOCK_DEVICES`], [`MAX_CLOCK_FEEDS`] and [`MAX_CLOCK_ENTRIES`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn save_clocks(&self, device: DeviceKey, held: &Clock, told: &Clock) -> Result<(), StoreError> {
        if held.is_empty() && told.is_empty() {
            return Ok(());
        }
        let mut changed: BTreeMap<FeedId, (Option<i64>, Option<i64>)> = BTreeMap::new();
        for (feed, note) in held {
            changed.entry(*feed).or_default().0 = Some(*note);
        }
        for (feed, note) in told {
            changed.entry(*feed).or_default().1 = Some(*note);
        }
        let rows: Vec<_> =
            changed.into_iter().map(|(feed, (held, told))| (hex(&feed.to_tagged()), held, told)).collect();

        let mut writer = self.inner.writer.lock().await;
        let mut transaction = writer.db.begin().await?;
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO devices (key, saved, entries)
             VALUES (?1, (SELECT coalesce(max(saved), 0) + 1 FROM devices), 0)
             ON CONFLICT (key) DO UPDATE SET saved = excluded.saved
             RETURNING device",
        )
        .bind(device.bytes().as_slice())
        .fetch_one(&mut *transaction)
        .await?;
        for rows in rows.chunks(ROWS_PER_STATEMENT) {
            sqlx::query(
                "INSERT INTO clocks (device, feed, held, told)
                 SELECT ?1, unhex(value->>0), value->>1, value->>2 FROM json_each(?2) WHERE true
                 ON CONFLICT (device, feed) DO UPDATE SET
                    held = coalesce(excluded.held, held), told = coalesce(excluded.told, told)",
            )
            .bind(number)
            .bind(rows_to_json(&rows)?)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query("UPDATE devices SET entries = (SELECT count(*) FROM clocks WHERE device = ?1) WHERE device = ?1")
            .bind(number)
            .execute(&mut *transaction)
            .await?;
        forget_surplus(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets the clocks of `device`: the next hello with it exchanges full ones.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn forget_clocks(&self, device: DeviceKey) -> Result<(), StoreError> {
        let mut writer = self.inner.writer.lock().await;
        let mut transaction = writer.db.begin().await?;
        let number: Option<i64> = sqlx::query_scalar("SELECT device FROM devices WHERE key = ?")
            .bind(device.bytes().as_slice())
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(number) = number {
            forget(&mut transaction, number).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Forgets what is beyond the bounds.
async fn forget_surplus(db: &mut SqliteConnection) -> Result<(), StoreError> {
    let surplus: Vec<i64> = sqlx::query_scalar(
        "SELECT device FROM (
            SELECT device, entries,
                row_number() OVER (ORDER BY saved DESC) AS place,
                sum(iif(entries > ?2, 0, entries)) OVER (ORDER BY saved DESC) AS entries_so_far
            FROM devices)
         WHERE place > ?1 OR entries > ?2 OR entries_so_far > ?3",
    )
    .bind(MAX_CLOCK_DEVICES as i64)
    .bind(MAX_CLOCK_FEEDS as i64)
    .bind(MAX_CLOCK_ENTRIES as i64)
    .fetch_all(&mut *db)
    .await?;
    for device in surplus {
        forget(db, device).await?;
    }
    Ok(())
}

/// Forgets both clocks of a device, by its number.
async fn forget(db: &mut SqliteConnection, device: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM clocks WHERE device = ?").bind(device).execute(&mut *db).await?;
    sqlx::query("DELETE FROM devices WHERE device = ?").bind(device).execute(db).await?;
    Ok(())
}
