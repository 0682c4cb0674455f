//! The one path by which messages come into the store.

use std::{collections::BTreeMap, sync::Arc};

use feed::{ChainError, FeedId, Head, Message, Verified, check_next};
use sqlx::SqliteConnection;
use tokio::task::spawn_blocking;

use crate::{
    Store,
    activity::OwnRows,
    error::{AppendError, StoreError},
    feeds::{ChangedFeeds, FeedNumber, Feeds, StagedFeeds},
    index::Index,
    journal::Journal,
    standing::Standing,
    store::Inner,
    write::{Batch, CORES_FROM, Entry, IndexRows, Indexed, LogRow, WriteConnection, write_log},
    write_point::write_point,
};

/// What only one task at a time may touch.
#[derive(Debug)]
pub(crate) struct Writer {
    /// For small values, which are written now and then.
    pub(crate) db: SqliteConnection,
    /// For messages and everything else that is written often.
    pub(crate) rows: WriteConnection,
    pub(crate) journal: Journal,
    /// The row that the next message gets.
    pub(crate) next_row: i64,
    /// Which rows are one's own.
    pub(crate) own: OwnRows,
    /// Whether a second follow graph is being filled, which new words have to go into as well.
    pub(crate) is_filling_contacts: bool,
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
        let batch = if batch.len() < CORES_FROM {
            Batch::read(batch)
        } else {
            spawn_blocking(move || Batch::read_on_all_cores(batch)).await.map_err(|_| StoreError::Closing)?
        };
        self.append_batch(batch, received_ms, own).await
    }

    /// [`Self::append`] of messages that were read before.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn append_batch(&self, batch: Batch, received_ms: i64, own: bool) -> Result<(), AppendError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: between journal and commit nobody may stop it but the end of the process.
        let task = tokio::spawn(async move {
            let mut writer = Arc::clone(&inner.writer).lock_owned().await;
            let work = move || (inner.append(&mut writer, &batch, received_ms, own), batch);
            let (appended, batch) = spawn_blocking(work).await.map_err(|_| StoreError::Closing)?;
            if batch.len() >= CORES_FROM {
                // Nobody waits while many messages are given back: neither the next batch nor who asked for this one.
                drop(spawn_blocking(move || drop(batch)));
            }
            appended
        });
        task.await.unwrap_or(Err(StoreError::Closing.into()))
    }
}

impl Inner {
    /// Blocks on the disk.
    fn append(&self, writer: &mut Writer, batch: &Batch, received_ms: i64, own: bool) -> Result<(), AppendError> {
        if own && let Some(stranger) = batch.messages().find(|message| message.author() != self.me) {
            return Err(AppendError::NotOwn(stranger.author()));
        }
        if own && (self.standing() != Standing::Whole || self.doubt.is_open()) {
            return Err(AppendError::Recovering);
        }
        let staged = stage(self.me, &self.shared().feeds, batch, received_ms, writer.next_row, own)?;
        if staged.log.is_empty() {
            return Ok(());
        }
        let journalled = self.journalled().map_or(0, |head| head.sequence);
        let mut to_journal: Vec<&Message> =
            batch.messages().filter(|message| message.author() == self.me && message.sequence() > journalled).collect();
        if !own {
            to_journal.drain(..to_journal.len().saturating_sub(1));
        }
        match to_journal.last() {
            Some(newest) => self.append_journalled(writer, staged, &to_journal, newest),
            None => self.commit(writer, staged),
        }
    }

    /// Journal first, then the database. `newest` is the last of `messages`, which are one's own, oldest first.
    fn append_journalled(
        &self,
        writer: &mut Writer,
        staged: Staged<'_>,
        messages: &[&Message],
        newest: &Message,
    ) -> Result<(), AppendError> {
        write_point("before-journal");
        let end = writer.journal.end();
        writer.journal.append(messages.iter().map(|message| message.encoded())).map_err(StoreError::from)?;
        write_point("after-journal");
        if let Err(error) = self.commit(writer, staged) {
            // The caller learns that it failed, and may sign something else at the same sequence: forget this one.
            writer.journal.take_back(end).map_err(StoreError::from)?;
            return Err(error);
        }
        self.note_journalled(newest.head());
        if let Err(error) = self.cut_journal(writer, newest) {
            // The messages are stored, so this is no failure of theirs: the journal stays long for now.
            tracing::warn!(%error, "the journal of own messages could not be cut");
        }
        Ok(())
    }

    /// Cuts a long journal down to its newest message, once the database holds the rest for sure.
    fn cut_journal(&self, writer: &mut Writer, newest: &Message) -> Result<(), StoreError> {
        // While the standing is another it may hold messages that the log cannot take yet.
        if self.standing() == Standing::Whole && writer.journal.is_long() && writer.rows.checkpoint()? {
            writer.journal.replace(&[newest.encoded()])?;
        }
        Ok(())
    }

    /// Writes everything in one transaction and then tells the rest of the store.
    fn commit(&self, writer: &mut Writer, mut staged: Staged<'_>) -> Result<(), AppendError> {
        writer.rows.transaction(
            |writing| {
                staged.feeds.write(writing)?;
                write_log(&staged.log, writing)?;
                if writer.is_filling_contacts {
                    staged.index.write_contacts_rebuilt(writing)?;
                }
                Index::ALL.into_iter().try_for_each(|index| staged.index.write(index, &writer.own, writing))
            },
            || write_point("before-commit"),
        )?;
        write_point("after-commit");
        writer.next_row += staged.log.len() as i64;
        writer.own.extend(staged.index.activity.own());
        self.followers.tell(writer.next_row - 1);
        self.shared_mut().apply(staged.feeds, &staged.index.stated);
        if let Err(error) = writer.rows.checkpoint_when_long() {
            // What was committed is stored, so this is no failure of the batch; the next one tries again.
            tracing::warn!(%error, "recent writes could not be copied into the database file");
        }
        Ok(())
    }
}

/// A batch that was checked against the heads and turned into rows.
struct Staged<'a> {
    feeds: ChangedFeeds,
    log: Vec<LogRow<'a>>,
    index: IndexRows<'a>,
}

/// Checks every message against the head before it. Those that are here already give no rows; `own` ones must be new.
fn stage<'a>(
    me: FeedId,
    feeds: &Feeds,
    batch: &'a Batch,
    received: i64,
    first_row: i64,
    own: bool,
) -> Result<Staged<'a>, AppendError> {
    let mut staged_feeds = StagedFeeds::new(feeds);
    let mut grown: BTreeMap<FeedId, Grown> = BTreeMap::new();
    let mut log: Vec<LogRow<'_>> = Vec::with_capacity(batch.len());
    let mut index = IndexRows::new(me);
    let mut row = first_row;
    for entry in &batch.entries {
        let Entry { message, facts, .. } = entry;
        let (author, id, sequence) = (message.author(), message.id(), message.sequence());
        let feed = grown.entry(author).or_insert_with(|| Grown::new(author, &mut staged_feeds, feeds));
        if feed.is_frozen {
            return Err(AppendError::Frozen(author));
        }
        match check_next(feed.head.as_ref(), message) {
            Ok(()) => {}
            // Own messages are new: that one of this number is here already must never pass as stored.
            Err(ChainError::Known { .. }) if !own => continue,
            Err(error) => return Err(AppendError::NotNext { feed: author, sequence, reason: error.to_string() }),
        }
        feed.head = Some(message.head());
        feed.first.get_or_insert(sequence);
        feed.messages += 1;
        feed.bytes += message.encoded().len() as u64;
        let number = feed.number;

        log.push(LogRow { row, feed: number, sequence, received, id, body: batch.body(entry) });
        let indexed = Indexed { row, number, received, message, facts };
        index.add(&indexed, |id| staged_feeds.number(id));
        row += 1;
    }
    for (author, grown) in grown.into_iter().filter(|(_, grown)| grown.messages > 0) {
        let feed = staged_feeds.row_mut(author);
        feed.first = feed.first.or(grown.first);
        feed.head = grown.head;
        feed.messages += grown.messages;
        feed.bytes += grown.bytes;
    }
    Ok(Staged { feeds: staged_feeds.into_changes(), log, index })
}

/// What a batch adds to one feed.
struct Grown {
    number: FeedNumber,
    is_frozen: bool,
    head: Option<Head>,
    /// The first message that was added.
    first: Option<u64>,
    messages: u64,
    bytes: u64,
}

impl Grown {
    fn new(author: FeedId, staged: &mut StagedFeeds<'_>, feeds: &Feeds) -> Self {
        let known = feeds.by_id(&author);
        Self {
            number: staged.number(author),
            is_frozen: known.is_some_and(|feed| feed.frozen),
            head: known.and_then(|feed| feed.head),
            first: None,
            messages: 0,
            bytes: 0,
        }
    }
}
