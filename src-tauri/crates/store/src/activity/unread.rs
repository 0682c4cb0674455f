//! How far the reader has read in each place, and how much is new there.

use crate::{
    Store,
    error::StoreError,
    feeds::{hex, rows_to_json},
    query::{Audience, Cursor},
};

/// New things are counted up to this many: beyond, a screen says “99+”.
pub const MAX_UNREAD: u32 = 100;

/// How many new rows are looked at for those that count: what an audience covers, what is not by people whom the reader blocks.
const LOOKED_AT: i64 = 4096;

/// A place that remembers how far one has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A timeline.
    Timeline(Audience),
    /// What concerns the reader.
    Activity,
    /// A conversation, by its id.
    Conversation([u8; 32]),
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Timeline(Audience::All) => "timeline".into(),
            Self::Timeline(Audience::Following) => "timeline following".into(),
            Self::Timeline(Audience::Friends) => "timeline friends".into(),
            Self::Timeline(Audience::Nearby) => "timeline nearby".into(),
            Self::Timeline(Audience::Channel(name)) => format!("timeline channel {name}"),
            Self::Timeline(Audience::Person(person)) => format!("timeline person {person}"),
            Self::Activity => "activity".into(),
            Self::Conversation(id) => format!("conversation {}", hex(id)),
        }
    }
}

impl Store {
    /// Everything in `place` up to `cursor` is read. Going back marks nothing as new again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn mark_read(&self, place: &Place, cursor: Cursor) -> Result<(), StoreError> {
        let (time, row) = cursor.parts();
        let mut writer = self.inner.writer.lock().await;
        sqlx::query(
            "INSERT INTO reads (place, time, row) VALUES (?1, ?2, ?3)
             ON CONFLICT (place) DO UPDATE SET time = excluded.time, row = excluded.row
             WHERE (excluded.time, excluded.row) > (time, row)",
        )
        .bind(place.name())
        .bind(time)
        .bind(row)
        .execute(&mut writer.db)
        .await?;
        Ok(())
    }

    /// How far the reader has read in a place; none where nothing was marked yet.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn read_up_to(&self, place: &Place) -> Result<Option<Cursor>, StoreError> {
        let read: Option<(i64, i64)> = sqlx::query_as("SELECT time, row FROM reads WHERE place = ?1")
            .bind(place.name())
            .fetch_optional(&self.inner.readers)
            .await?;
        Ok(read.map(|(time, row)| Cursor::at(time, row)))
    }

    /// How much is new in a place since it was last marked as read, counted up to [`MAX_UNREAD`]: posts by others, what
    /// concerns the reader, or messages by others. A place that was never marked has nothing new: a first sync is no news.
    ///
    /// What people did whom the reader blocks or has muted does not count; messages of muted people in a conversation do. `near` are the people on this network now.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn unread(&self, place: &Place, near: &[feed::PersonId]) -> Result<u32, StoreError> {
        let Some(read) = self.read_up_to(place).await? else { return Ok(0) };
        let (time, row) = read.parts();
        let me = self.inner.shared().feeds.number(&self.inner.me);
        match place {
            Place::Timeline(audience) => {
                let Some((people, is_only, channel)) = self.covered(audience, near)? else { return Ok(0) };
                let count = sqlx::query_scalar(
                    "SELECT count(*) FROM (SELECT 1 FROM
                        (SELECT author, channel FROM timeline WHERE (time, row) > (?1, ?2) ORDER BY time, row LIMIT ?3)
                     WHERE (author IN (SELECT value FROM json_each(?4))) = ?5 AND author IS NOT ?6
                       AND (?7 IS NULL OR channel = ?7) LIMIT ?8)",
                );
                let count =
                    count.bind(time).bind(row).bind(LOOKED_AT).bind(people).bind(is_only).bind(me).bind(channel);
                Ok(count.bind(MAX_UNREAD).fetch_one(&self.inner.readers).await?)
            }
            Place::Activity => {
                let count = sqlx::query_scalar(
                    "SELECT count(*) FROM (SELECT 1 FROM
                        (SELECT row FROM activity WHERE (time, row) > (?1, ?2) ORDER BY time DESC, row DESC LIMIT ?5)
                     JOIN log USING (row) WHERE feed NOT IN (SELECT value FROM json_each(?3)) LIMIT ?4)",
                );
                let count = count.bind(time).bind(row).bind(rows_to_json(&self.hidden())?);
                Ok(count.bind(MAX_UNREAD).bind(LOOKED_AT).fetch_one(&self.inner.readers).await?)
            }
            Place::Conversation(id) => {
                let count = sqlx::query_scalar(
                    "SELECT count(*) FROM (SELECT 1 FROM
                        (SELECT author FROM private_messages
                         WHERE conversation = (SELECT conversation FROM conversations WHERE id = ?1)
                           AND (time, row) > (?2, ?3) ORDER BY time DESC, row DESC LIMIT ?7)
                     WHERE author IS NOT ?4 AND author NOT IN (SELECT value FROM json_each(?5)) LIMIT ?6)",
                );
                let count = count.bind(id.as_slice()).bind(time).bind(row).bind(me);
                let count = count.bind(rows_to_json(&self.blocked())?).bind(MAX_UNREAD).bind(LOOKED_AT);
                Ok(count.fetch_one(&self.inner.readers).await?)
            }
        }
    }
}
