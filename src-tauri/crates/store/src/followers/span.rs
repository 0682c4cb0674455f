//! One span of the log on its way into the indexes that follow it.

use std::{collections::BTreeMap, sync::Arc};

use feed::{FeedId, KeyPair, PersonId};
use social::shown_time;
use tokio::task::spawn_blocking;

use super::{Follower, task::Parts};
use crate::{
    error::StoreError,
    log::AuthoredRow,
    private::{Opened, Unsealed, write_opened},
    search::{Document, write_documents},
    stances::{SealedWord, Stance, write_sealed},
    write::Writing,
};

/// How many messages one transaction takes in: some thirty milliseconds of writing.
const SPAN: i64 = 2048;

/// Up to which row each follower has come, in the order of [`Follower::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places([i64; Follower::ALL.len()]);

/// What one span means for the followers.
#[derive(Debug)]
pub(super) struct Prepared {
    last: i64,
    documents: Vec<Document>,
    opened: Vec<Opened>,
    /// Sealed words of one's own about somebody.
    words: Vec<SealedWord>,
    me: FeedId,
}

/// What a span that is written changed: how far the followers are, and the stances, if those are others now.
pub(super) type Written = (Places, Option<BTreeMap<PersonId, Stance>>);

impl Prepared {
    /// The last row of the span.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// Writes the rows of the followers and their new places.
    pub(super) fn write(self, at: Places, writing: &mut Writing<'_>) -> Result<Written, StoreError> {
        write_documents(self.documents, writing)?;
        write_opened(self.opened, writing)?;
        let stances = write_sealed(&self.words, self.me, writing)?;
        let mut after = at;
        for follower in Follower::ALL {
            let (name, version) = follower.version();
            let place = after.of_mut(follower);
            if *place >= self.last {
                continue;
            }
            // Nobody else moves it while the folder is ours, but a task of before may just be writing its last span.
            writing.run(
                "UPDATE followers SET row = ?4 WHERE name = ?1 AND version = ?2 AND row = ?3",
                (name, version, *place, self.last),
            )?;
            if writing.changed() != 1 {
                return Err(StoreError::Closing);
            }
            *place = self.last;
        }
        Ok((after, stances))
    }
}

impl Places {
    pub(super) fn of_mut(&mut self, follower: Follower) -> &mut i64 {
        &mut self.0[follower as usize]
    }

    fn of(&self, follower: Follower) -> i64 {
        self.0[follower as usize]
    }

    /// Up to which row all have come.
    pub(super) fn least(&self) -> i64 {
        self.0.into_iter().min().unwrap_or(0)
    }

    /// Reads the next span after row `after` and works out what it means; none at the end of the log.
    pub(super) async fn prepare(&self, parts: &Parts, after: i64) -> Result<Option<Prepared>, StoreError> {
        let rows: Vec<AuthoredRow> = sqlx::query_as(
            "SELECT row, feed, id, sequence, received, body FROM log JOIN feeds USING (feed)
             WHERE row > ?1 ORDER BY row LIMIT ?2",
        )
        .bind(after)
        .bind(SPAN)
        .fetch_all(&parts.readers)
        .await?;
        let Some(last) = rows.last().map(|row| row.row) else { return Ok(None) };
        let (places, keys) = (*self, Arc::clone(&parts.keys));
        let read = spawn_blocking(move || places.read(rows, last, &keys));
        Ok(Some(read.await.map_err(|_| StoreError::Closing)?))
    }

    fn read(self, rows: Vec<AuthoredRow>, last: i64, keys: &KeyPair) -> Prepared {
        let mut prepared =
            Prepared { last, documents: Vec::new(), opened: Vec::new(), words: Vec::new(), me: keys.feed_id() };
        for authored in rows {
            let AuthoredRow { row, feed: number, received, .. } = authored;
            let message = match authored.read() {
                Ok(message) => message,
                Err(error) => {
                    tracing::warn!(row, %error, "left out of what follows the log");
                    continue;
                }
            };
            let kind = social::kind(&message);
            let time = shown_time(message.timestamp(), received);
            if row > self.of(Follower::Search) {
                prepared.documents.extend(Document::of(row, number, time, &kind));
            }
            if row > self.of(Follower::Private) {
                match Unsealed::of(row, number, time, &message, keys) {
                    Some(Unsealed::Message(opened)) => prepared.opened.push(opened),
                    Some(Unsealed::Word(word)) => prepared.words.push(word),
                    None => {}
                }
            }
        }
        prepared
    }
}
