//! The one path by which messages come into the store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use feed::{ChainError, FeedId, Head, Message, TAGGED_LEN, Verified, check_next};
use social::Meaning;
use sqlx::{Connection, SqliteConnection};
use tokio::task::spawn_blocking;

use crate::{
    Store,
    error::{AppendError, StoreError},
    feeds::{ChangedFeeds, FeedNumber, Feeds, StagedFeeds, prefix, rows_to_json},
    index::{Index, IndexRows, Indexed, ROWS_PER_STATEMENT},
    journal::Journal,
    schema::checkpoint,
    standing::Standing,
    store::Inner,
    write_point::write_point,
};

/// What only one task at a time may touch.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) db: SqliteConnection,
    pub(crate) journal: Arc<Mutex<Journal>>,
    /// The row that the next message gets.
    pub(crate) next_row: i64,
}

impl Store {
    /// Stores a batch with all its index rows in one transaction, or nothing of it. `received_ms` is Unix milliseconds.
    ///
    /// Messages that are here already are passed over. With `own` they must be one's own and new: they are in the journal,
    /// synced, before the transaction commits, so that they survive a power cut from the moment this returns. Of own messages
    /// that come back from others the newest is in the journal first too: after a power cut they may be missing again, and
    /// then they are known to be.
    ///
    /// Batches are stored in the order in which they come to the disk: wait for one before giving the next of the same
    /// feed. The work goes on when the returned future is dropped.
    ///
    /// # Errors
    /// When a message is not the next of its feed, when the feed is frozen, when `own` messages may not be written now,
    /// and when the disk refuses.
    pub async fn append(&self, batch: Vec<Verified>, received_ms: i64, own: bool) -> Result<(), AppendError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: between journal and commit nobody may stop it but the end of the process.
        let task = tokio::spawn(async move { inner.append(batch, received_ms, own).await });
        task.await.unwrap_or(Err(StoreError::Closing.into()))
    }
}

impl Inner {
    pub(crate) async fn append(&self, batch: Vec<Verified>, received_ms: i64, own: bool) -> Result<(), AppendError> {
        if own && let Some(stranger) = batch.iter().find(|message| message.author() != self.me) {
            return Err(AppendError::NotOwn(stranger.author()));
        }
        let read = move || batch.into_iter().map(|message| (social::read(&message), message)).collect::<Vec<_>>();
        let batch = spawn_blocking(read).await.map_err(|_| StoreError::Closing)?;

        let mut writer = self.writer.lock().await;
        if own && self.standing() != Standing::Whole {
            return Err(AppendError::Recovering);
        }
        let staged = stage(&self.shared().feeds, &batch, received_ms, writer.next_row)?;
        let Some(staged) = staged else { return Ok(()) };
        let journalled = self.journalled().map_or(0, |head| head.sequence);
        let mut own_messages: Vec<_> = batch
            .iter()
            .filter(|(_, message)| message.author() == self.me && message.sequence() > journalled)
            .collect();
        if !own {
            own_messages.drain(..own_messages.len().saturating_sub(1));
        }
        let to_journal: Vec<Message> = own_messages.into_iter().map(|(_, message)| (**message).clone()).collect();
        match to_journal.last().cloned() {
            Some(newest) => self.append_journalled(&mut writer, staged, to_journal, newest).await,
            None => self.commit(&mut writer, staged).await,
        }
    }

    /// Journal first, then the database. `newest` is the last of `bodies`, which are one's own, oldest first.
    async fn append_journalled(
        &self,
        writer: &mut Writer,
        staged: Staged,
        bodies: Vec<Message>,
        newest: Message,
    ) -> Result<(), AppendError> {
        let journal = Arc::clone(&writer.journal);
        write_point("before-journal");
        let end = with_journal(&journal, move |journal| {
            let end = journal.end();
            journal.append(bodies.iter().map(Message::encoded)).map(|()| end)
        })
        .await?;
        write_point("after-journal");
        if let Err(error) = self.commit(writer, staged).await {
            // The caller learns that it failed, and may sign something else at the same sequence: forget this one.
            with_journal(&journal, move |journal| journal.take_back(end)).await?;
            return Err(error);
        }
        self.note_journalled(newest.head());
        if let Err(error) = self.cut_journal(writer, newest).await {
            // The messages are stored, so this is no failure of theirs: the journal stays long for now.
            tracing::warn!(%error, "the journal of own messages could not be cut");
        }
        Ok(())
    }

    /// Cuts a long journal down to its newest message, once the database holds the rest for sure.
    async fn cut_journal(&self, writer: &mut Writer, newest: Message) -> Result<(), StoreError> {
        if self.standing() != Standing::Whole {
            // It may hold messages that the log cannot take yet.
            return Ok(());
        }
        let is_long = writer.journal.lock().unwrap_or_else(PoisonError::into_inner).is_long();
        if is_long && checkpoint(&mut writer.db).await? {
            with_journal(&writer.journal, move |journal| journal.replace(&[newest.encoded()])).await?;
        }
        Ok(())
    }

    /// Writes everything in one transaction and then tells the rest of the store.
    async fn commit(&self, writer: &mut Writer, mut staged: Staged) -> Result<(), AppendError> {
        let mut transaction = writer.db.begin().await?;
        staged.feeds.write(&mut transaction).await?;
        for chunk in &staged.log {
            chunk.write(&mut transaction).await?;
        }
        for index in Index::ALL {
            staged.index.write(index, &mut transaction).await?;
        }
        write_point("before-commit");
        transaction.commit().await?;
        write_point("after-commit");
        writer.next_row = staged.next_row;
        self.shared_mut().apply(staged.feeds, &staged.index.stated);
        Ok(())
    }
}

/// Runs what blocks on the journal's disk apart from the tasks.
pub(crate) async fn with_journal<T: Send + 'static>(
    journal: &Arc<Mutex<Journal>>,
    work: impl FnOnce(&mut Journal) -> std::io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let journal = Arc::clone(journal);
    let work = move || work(&mut journal.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(spawn_blocking(work).await.map_err(|_| StoreError::Closing)??)
}

/// A batch that was checked against the heads and turned into rows.
struct Staged {
    feeds: ChangedFeeds,
    log: Vec<LogChunk>,
    index: IndexRows,
    next_row: i64,
}

/// Checks every message against the head before it; none when all are here already.
fn stage(
    feeds: &Feeds,
    batch: &[(Meaning, Verified)],
    received_ms: i64,
    first_row: i64,
) -> Result<Option<Staged>, AppendError> {
    let mut staged_feeds = StagedFeeds::new(feeds);
    // Checked apart from the rows, which copy more than a head.
    let mut heads: BTreeMap<FeedId, Option<Head>> = BTreeMap::new();
    let mut log: Vec<LogChunk> = Vec::new();
    let mut index = IndexRows::default();
    let mut row = first_row;
    for (meaning, message) in batch {
        let author = message.author();
        let known = feeds.by_id(&author);
        if known.is_some_and(|feed| feed.frozen) {
            return Err(AppendError::Frozen(author));
        }
        let head = heads.entry(author).or_insert_with(|| known.and_then(|feed| feed.head));
        match check_next(head.as_ref(), message) {
            Ok(()) => {}
            Err(ChainError::Known { .. }) => continue,
            Err(error) => {
                let sequence = message.sequence();
                return Err(AppendError::NotNext { feed: author, sequence, reason: error.to_string() });
            }
        }
        *head = Some(message.head());
        let feed = staged_feeds.row_mut(author);
        feed.first.get_or_insert(message.sequence());
        feed.head = Some(message.head());
        feed.messages += 1;
        feed.bytes += message.encoded().len() as u64;
        let number = staged_feeds.number(author);

        match log.last_mut().filter(|chunk| chunk.places.len() < ROWS_PER_STATEMENT) {
            Some(chunk) => chunk.add(number, message),
            None => {
                let mut chunk = LogChunk { first_row: row, received: received_ms, ..LogChunk::default() };
                chunk.add(number, message);
                log.push(chunk);
            }
        }
        let indexed = Indexed {
            row,
            author,
            number,
            sequence: message.sequence(),
            id: message.id(),
            claimed: message.timestamp(),
            received: received_ms,
            meaning,
        };
        index.add(&indexed, |id| staged_feeds.number(id));
        row += 1;
    }
    let staged = Staged { feeds: staged_feeds.into_changes(), log, index, next_row: row };
    Ok((row > first_row).then_some(staged))
}

/// Rows of the log, for three statements.
#[derive(Debug, Default)]
struct LogChunk {
    first_row: i64,
    received: i64,
    /// feed, sequence, start of the body in `bodies`, its length
    places: Vec<(FeedNumber, u64, usize, usize)>,
    /// first eight bytes of the id, row
    prefixes: Vec<(i64, i64)>,
    ids: Vec<u8>,
    bodies: Vec<u8>,
}

impl LogChunk {
    fn add(&mut self, feed: FeedNumber, message: &Message) {
        let row = self.first_row + self.places.len() as i64;
        self.places.push((feed, message.sequence(), self.bodies.len(), message.encoded().len()));
        self.prefixes.push((prefix(message.id().hash()), row));
        self.ids.extend_from_slice(&message.id().to_tagged());
        self.bodies.extend_from_slice(message.encoded());
    }

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        const { assert!(TAGGED_LEN == 33, "the statement cuts ids of this length") };
        let places = rows_to_json(&self.places)?;
        // All ids and all bodies are one parameter each, cut up by the statement.
        sqlx::query(
            "INSERT INTO messages (row, feed, sequence, received, id, body)
             SELECT ?1 + key, value->>0, value->>1, ?2, substr(?3, key * 33 + 1, 33), substr(?4, (value->>2) + 1, value->>3)
             FROM json_each(?5)",
        )
        .bind(self.first_row)
        .bind(self.received)
        .bind(self.ids.as_slice())
        .bind(self.bodies.as_slice())
        .bind(places.as_str())
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "INSERT INTO message_sequences (feed, sequence, row)
             SELECT value->>0, value->>1, ?1 + key FROM json_each(?2) ORDER BY 1, 2",
        )
        .bind(self.first_row)
        .bind(places.as_str())
        .execute(&mut *db)
        .await?;
        let mut prefixes = self.prefixes.clone();
        // Random keys go into the tree faster in order.
        prefixes.sort_unstable();
        sqlx::query("INSERT INTO message_ids (prefix, row) SELECT value->>0, value->>1 FROM json_each(?1)")
            .bind(rows_to_json(&prefixes)?)
            .execute(&mut *db)
            .await?;
        Ok(())
    }
}
