//! What a node needs to know when it starts.

use std::collections::{BTreeMap, BTreeSet};

use feed::{FeedId, Head, Message, MessageId, PersonId};
use social::FollowGraph;
use sqlx::SqliteConnection;
use tokio::task::spawn_blocking;

use crate::{
    Store,
    error::StoreError,
    feeds::FeedNumber,
    log::{read_body, read_previous},
    standing::Standing,
};

/// How many of one's own newest messages [`Snapshot::own`] names: what replies and likes are recognised by.
pub const MAX_OWN_RECENT: usize = 4096;

/// What a node needs to know at start.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How far each feed is stored.
    pub heads: BTreeMap<FeedId, Head>,
    /// When each feed's newest post was written: the earlier of its author's claim and its receipt, in Unix milliseconds. Feeds without a
    /// post are left out.
    pub written: BTreeMap<FeedId, i64>,
    /// Feeds asked for by hand.
    pub wanted: BTreeSet<FeedId>,
    /// Feeds that were forked.
    pub frozen: BTreeSet<FeedId>,
    /// Everybody's newest word about everybody, and the reader's private blocks.
    pub graph: FollowGraph,
    /// Whom the reader has muted.
    pub muted: BTreeSet<PersonId>,
    /// Random, new after every repair.
    pub generation: [u8; 8],
    /// Whether one's own feed may grow.
    pub standing: Standing,
    /// One's own newest words about oneself that give a name.
    pub about: Option<Message>,
    /// One's own newest messages, at most [`MAX_OWN_RECENT`].
    pub own: BTreeSet<MessageId>,
    /// Own messages that the journal holds and the log cannot take yet, oldest first: those before them are missing. They
    /// have a place once others have brought these; nobody else may ever have received them.
    pub unplaced: Vec<Message>,
}

impl Store {
    /// What a node needs to know at start, all of one moment.
    ///
    /// # Errors
    /// When the disk refuses or something stored is damaged.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut writer = self.inner.writer.lock().await;
        let number = self.inner.shared().feeds.number(&self.inner.me);
        let head = self.inner.shared().feeds.by_id(&self.inner.me).and_then(|feed| feed.head);
        let own = own_recent(&mut writer.db, self.inner.me, number, head).await?;
        let about: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT sequence, body FROM log WHERE row = (SELECT name_row FROM abouts WHERE subject = ?1 AND author = ?1)",
        )
        .bind(number)
        .fetch_optional(&mut writer.db)
        .await?;
        let about = about.map(|(sequence, body)| read_body(self.inner.me, sequence as u64, &body)).transpose()?;

        let written = written(&mut writer.db).await;
        let shared = self.inner.shared();
        let held = shared.feeds.by_id(&self.inner.me).and_then(|feed| feed.head).map_or(0, |head| head.sequence);
        let unplaced = self.inner.unplaced.iter().filter(|message| message.sequence() > held).cloned().collect();
        let ids = |is: fn(&crate::feeds::FeedRow) -> bool| {
            shared.feeds.iter().filter(move |feed| is(feed)).map(|feed| feed.id).collect::<BTreeSet<_>>()
        };
        Ok(Snapshot {
            heads: shared.feeds.iter().filter_map(|feed| Some((feed.id, feed.head?))).collect(),
            written: written.iter().filter_map(|(feed, time)| Some((shared.feeds.get(*feed)?.id, *time))).collect(),
            wanted: ids(|feed| feed.wanted),
            frozen: ids(|feed| feed.frozen),
            graph: shared.graph.clone(),
            muted: shared.stances.iter().filter(|(_, stance)| stance.muted).map(|(person, _)| *person).collect(),
            generation: self.inner.generation,
            standing: self.standing(),
            about,
            own,
            unplaced,
        })
    }
}

/// When each feed's newest post was written. It decides what goes first and nothing else, so a damaged index keeps nobody from starting.
async fn written(db: &mut SqliteConnection) -> Vec<(FeedNumber, i64)> {
    let newest = sqlx::query_as(
        "SELECT feed, time FROM (SELECT feed, (SELECT max(time) FROM timeline WHERE author = feed) AS time FROM feeds)
         WHERE time IS NOT NULL",
    );
    newest.fetch_all(db).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "when people wrote last cannot be read");
        Vec::new()
    })
}

/// The ids of one's own newest messages, of which `head` is the last. Each is named by the message after it, so that
/// nothing has to be hashed.
async fn own_recent(
    db: &mut SqliteConnection,
    me: FeedId,
    number: Option<FeedNumber>,
    head: Option<Head>,
) -> Result<BTreeSet<MessageId>, StoreError> {
    let Some(head) = head else { return Ok(BTreeSet::new()) };
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT message_sequences.sequence, body FROM message_sequences JOIN log USING (row)
         WHERE message_sequences.feed = ?1 ORDER BY message_sequences.sequence DESC LIMIT ?2",
    )
    .bind(number)
    .bind(MAX_OWN_RECENT as i64 - 1)
    .fetch_all(db)
    .await?;
    let read = move || {
        let previous = |(sequence, body): &(i64, Vec<u8>)| read_previous(me, *sequence as u64, body);
        rows.iter().filter_map(previous).chain([head.id]).collect()
    };
    spawn_blocking(read).await.map_err(|_| StoreError::Closing)
}
