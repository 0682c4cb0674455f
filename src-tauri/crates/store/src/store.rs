//! Opening and closing the folder of one person, and the handle that everything goes through.

use std::{
    collections::BTreeMap,
    mem,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use feed::{FeedId, ForkProof, Head, KeyPair, Message, NetworkKey};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
};

use crate::{
    activity::OwnRows,
    ahead::bring_down,
    append::Writer,
    direct::DirectReaders,
    doctor,
    doubt::Doubt,
    error::{OpenError, StoreError},
    feeds::{FeedNumber, Feeds, Shared, StagedFeeds},
    folder::{Folder, disk},
    followers::Followers,
    journal::{JOURNAL, Journal, Opened},
    log::read_body,
    rebuild::{Plan, Rebuild},
    schema::{self, checkpoint, last_checkpoint, meta, read_meta, renew_generation, write_meta},
    standing::{Memory, Mending, Standing, compare},
    write::{WriteConnection, WriteCost},
};

/// The store of one person. Cheap to clone; all clones are the same store.
///
/// Reading never waits for writing. The folder is locked as long as a clone lives.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) me: FeedId,
    keys: KeyPair,
    network: Option<NetworkKey>,
    pub(crate) generation: [u8; 8],
    pub(crate) readers: SqlitePool,
    pub(crate) writer: Arc<tokio::sync::Mutex<Writer>>,
    shared: RwLock<Shared>,
    memory: Mutex<Memory>,
    pub(crate) doubt: Doubt,
    /// Own messages of the journal that had no place in the log at the start.
    pub(crate) unplaced: Vec<Message>,
    /// Counts how often stances were read from messages.
    pub(crate) stances_changed: watch::Sender<u64>,
    pub(crate) followers: Followers,
    pub(crate) rebuild: Rebuild,
    pub(crate) direct: DirectReaders,
    /// Last, so that the lock goes after everything else.
    pub(crate) folder: Folder,
}

impl Store {
    /// Makes the store of a new person in `folder`, which is made if it is missing. `network` is the key of a closed
    /// network; none is the open one.
    ///
    /// The key file is written last: a creation that was interrupted can be done again.
    ///
    /// # Errors
    /// When the folder belongs to somebody already, is in use, or cannot be written.
    pub async fn create(folder: &Path, keys: &KeyPair, network: Option<NetworkKey>) -> Result<Self, OpenError> {
        Self::make(folder, keys, network, 0, false).await
    }

    /// Like [`Self::create`], for a key that was used elsewhere: its feed is known to go up to `expected`, by a message
    /// whose signature was checked. From the first moment on, also after a kill, the standing is [`Standing::Recovering`]
    /// until the messages up to there are stored; see [`Self::expect_own`]. With `is_doubted` there may be more of them, and
    /// nothing of one's own is stored until [`Self::trust_own`].
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn adopt(folder: &Path, keys: &KeyPair, expected: u64, is_doubted: bool) -> Result<Self, OpenError> {
        Self::make(folder, keys, None, expected, is_doubted).await
    }

    async fn make(
        folder: &Path,
        keys: &KeyPair,
        network: Option<NetworkKey>,
        expected: u64,
        is_doubted: bool,
    ) -> Result<Self, OpenError> {
        let folder = Folder::create(folder)?;
        if folder.has_keys()? {
            return Err(OpenError::AlreadyThere(folder.path().to_owned()));
        }
        let mut db = schema::open_writer(folder.path(), true).await?;
        let owner = keys.feed_id().to_tagged();
        let earlier = read_meta(&mut db, meta::OWNER).await?;
        if earlier.as_ref().is_some_and(|earlier| *earlier != owner) {
            let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM (SELECT 1 FROM log LIMIT 1)")
                .fetch_one(&mut db)
                .await
                .map_err(StoreError::from)?;
            if stored > 0 {
                return Err(OpenError::AlreadyThere(folder.path().to_owned()));
            }
        }
        let bytes = network.as_ref().map_or(&[][..], |network| network.bytes());
        write_meta(&mut db, meta::OWNER, &owner).await?;
        write_meta(&mut db, meta::NETWORK, bytes).await?;
        // What an interrupted creation for somebody else left there does not count.
        let known = if earlier.as_deref() == Some(&owner[..]) { own_expected(&mut db).await? } else { 0 };
        write_meta(&mut db, meta::OWN_EXPECTED, &expected.max(known).to_be_bytes()).await?;
        checkpoint(&mut db).await?;
        Doubt::begin(folder.path(), is_doubted).map_err(disk(folder.path()))?;
        folder.write_keys(keys)?;
        Self::start(folder, db, keys.clone(), network).await
    }

    /// Opens the store in `folder`: brings its tables up to date and appends own messages that are in the journal only.
    /// Indexes whose rules have changed are filled again behind it; see [`Self::indexing`].
    ///
    /// # Errors
    /// When there is no store, when it is in use, written by a newer version, or cannot be read.
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        let folder = Folder::open(folder)?;
        let keys = folder.read_keys()?;
        let mut db = schema::open_writer(folder.path(), false).await?;
        if read_meta(&mut db, meta::OWNER).await?.as_deref() != Some(&keys.feed_id().to_tagged()) {
            return Err(OpenError::WrongKey(folder.path().to_owned()));
        }
        let network = match read_meta(&mut db, meta::NETWORK).await?.as_deref() {
            None | Some([]) => None,
            Some(bytes) => {
                let bytes = bytes.try_into().map_err(|_| StoreError::BadValue("network key"))?;
                Some(NetworkKey::new(bytes))
            }
        };
        let store = Self::start(folder, db, keys, network).await?;
        if let Err(error) = doctor::place_salvaged(&store).await {
            tracing::warn!(%error, "messages that were saved from a damaged database wait for the next start");
        }
        Ok(store)
    }

    async fn start(
        folder: Folder,
        mut db: SqliteConnection,
        keys: KeyPair,
        network: Option<NetworkKey>,
    ) -> Result<Self, OpenError> {
        let path = folder.path().to_owned();
        let opened = spawn_blocking(move || WriteConnection::open(&path)).await.map_err(|_| StoreError::Closing)?;
        let mut rows = opened?;
        let brought_down = bring_down(&mut db, now_ms()).await?;
        if brought_down > 0 {
            tracing::info!(brought_down, "posts were dated by a clock that was ahead");
        }
        let me = keys.feed_id();
        let shared = Shared::load(&mut db, me.into()).await?;
        let last_row: i64 = sqlx::query_scalar("SELECT coalesce(max(row), 0) FROM log")
            .fetch_one(&mut db)
            .await
            .map_err(StoreError::from)?;
        let mut plan = Plan::load(&mut db).await?;
        if last_row == 0 {
            mem::take(&mut plan).finish_empty(&mut rows)?;
        }

        let path = folder.path().join(JOURNAL);
        let Opened { journal, bodies, .. } = Journal::open(folder.path()).map_err(disk(&path))?;
        let mending = hold_against_journal(&mut db, &shared.feeds, me, &bodies).await?;
        let head = shared.feeds.by_id(&me).and_then(|feed| feed.head);
        // Both mean that the database is older than what others were told: they, and we, must exchange full clocks.
        let is_older = !mending.missing.is_empty() || mending.memory.standing(head.as_ref(), false) != Standing::Whole;
        let generation = match read_meta(&mut db, meta::GENERATION).await? {
            Some(bytes) if !is_older => bytes.try_into().map_err(|_| StoreError::BadValue("generation"))?,
            _ => renew_generation(&mut db).await?,
        };
        let readers = schema::open_readers(folder.path()).await?;
        let own = OwnRows::load(shared.feeds.number(&me), &mut db).await?;
        let is_filling_contacts = plan.is_filling_contacts();
        let writer = Writer { db, rows, journal, next_row: last_row + 1, own, is_filling_contacts };
        let doubt = Doubt::load(folder.path()).map_err(disk(folder.path()))?;
        let (is_built, built) = oneshot::channel();
        let inner = Arc::new_cyclic(|inner| Inner {
            me,
            keys,
            network,
            generation,
            readers,
            writer: Arc::new(tokio::sync::Mutex::new(writer)),
            shared: RwLock::new(shared),
            memory: Mutex::new(mending.memory),
            doubt,
            unplaced: mending.unplaced,
            stances_changed: watch::Sender::new(0),
            followers: Followers::start(inner.clone(), last_row, built),
            rebuild: Rebuild::new(plan, last_row as u64),
            direct: DirectReaders::new(folder.path()),
            folder,
        });
        let store = Self { inner };
        // A task that has ended already is told nothing.
        let _ = is_built.send(());
        store.inner.rebuild.start(Arc::downgrade(&store.inner));
        let missing = mending.missing.len();
        store.append(mending.missing, now_ms(), false).await.map_err(|error| match error {
            crate::AppendError::Store(error) => error,
            error => {
                tracing::error!(%error, "own messages of the journal do not continue the log");
                StoreError::BadValue("own journal")
            }
        })?;
        if missing > 0 {
            tracing::info!(missing, "own messages taken from the journal");
        }
        Ok(store)
    }

    /// Writes everything into the database file and lets the connections go. The folder stays locked until the last
    /// clone is dropped.
    ///
    /// Not calling it loses nothing: the next start does what it would have done.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.followers.stop().await;
        self.inner.rebuild.stop().await;
        let mut writer = self.inner.writer.lock().await;
        self.inner.readers.close().await;
        self.inner.direct.close().await;
        let head = self.inner.shared().feeds.by_id(&self.inner.me).and_then(|feed| feed.head);
        if last_checkpoint(&mut writer.db).await?
            && self.standing() == Standing::Whole
            && let Some(head) = head
        {
            let newest = own_message(&mut writer.db, self.inner.shared().feeds.number(&self.inner.me), head.sequence);
            if let Some(newest) = newest.await?
                && let Ok(newest) = read_body(self.inner.me, head.sequence, &newest)
            {
                writer.journal.replace(&[newest.encoded()])?;
            }
        }
        Ok(())
    }

    /// The keys of the person.
    pub fn keys(&self) -> &KeyPair {
        &self.inner.keys
    }

    /// The key of a closed network; none on the open one.
    pub fn network(&self) -> Option<NetworkKey> {
        self.inner.network.clone()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.inner.folder.path()
    }

    /// Whether one's own feed may grow.
    pub fn standing(&self) -> Standing {
        self.inner.standing()
    }

    /// What writing has cost since the store was opened.
    pub async fn write_cost(&self) -> WriteCost {
        self.inner.writer.lock().await.rows.cost()
    }

    /// Remembers that a feed was asked for by hand.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn want(&self, feed: FeedId) -> Result<(), StoreError> {
        let mut writer = self.inner.writer.lock().await;
        let changes = {
            let shared = self.inner.shared();
            let mut staged = StagedFeeds::new(&shared.feeds);
            staged.row_mut(feed).wanted = true;
            staged.into_changes()
        };
        writer.rows.transaction(|writing| changes.write(writing), || {})?;
        self.inner.shared_mut().apply(changes, &[]);
        Ok(())
    }

    /// Remembers as asked for by hand those of these feeds of which there are messages here. Returns which these are.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn keep(&self, feeds: impl IntoIterator<Item = FeedId>) -> Result<Vec<FeedId>, StoreError> {
        let mut writer = self.inner.writer.lock().await;
        let (kept, changes) = {
            let shared = self.inner.shared();
            let is_here = |feed: &FeedId| shared.feeds.by_id(feed).is_some_and(|row| row.head.is_some());
            let kept: Vec<FeedId> = feeds.into_iter().filter(is_here).collect();
            let mut staged = StagedFeeds::new(&shared.feeds);
            for feed in &kept {
                staged.row_mut(*feed).wanted = true;
            }
            (kept, staged.into_changes())
        };
        writer.rows.transaction(|writing| changes.write(writing), || {})?;
        self.inner.shared_mut().apply(changes, &[]);
        Ok(kept)
    }

    /// Freezes a forked feed and keeps both signed messages as proof. Nothing more of it is stored.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn freeze(&self, proof: &ForkProof) -> Result<(), StoreError> {
        let mut writer = self.inner.writer.lock().await;
        let (changes, number) = {
            let shared = self.inner.shared();
            let mut staged = StagedFeeds::new(&shared.feeds);
            staged.row_mut(proof.feed()).frozen = true;
            let number = staged.number(proof.feed());
            (staged.into_changes(), number)
        };
        writer.rows.transaction(
            |writing| {
                changes.write(writing)?;
                // The first proof stays: one is enough.
                writing.run("INSERT OR IGNORE INTO forks (feed, proof) VALUES (?1, ?2)", (number, proof.encode()))
            },
            || {},
        )?;
        self.inner.shared_mut().apply(changes, &[]);
        Ok(())
    }

    /// Remembers that one's own feed goes up to `sequence`, further than it is stored here. Until the messages arrive the
    /// standing is [`Standing::Recovering`], also after a restart, and nothing but the messages ends that.
    ///
    /// So it is only for what a message of one's own proves whose signature was checked. What somebody merely says must not
    /// come here: one lie would end publishing for good.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn expect_own(&self, sequence: u64) -> Result<(), StoreError> {
        let mut writer = self.inner.writer.lock().await;
        let shown = {
            let mut memory = self.inner.memory();
            // Believed before it is written: should the disk refuse, publishing still waits, and the next call writes it.
            memory.shown = memory.shown.max(sequence);
            if memory.shown <= memory.written {
                return Ok(());
            }
            memory.shown
        };
        write_meta(&mut writer.db, meta::OWN_EXPECTED, &shown.to_be_bytes()).await?;
        self.inner.memory().written = shown;
        Ok(())
    }
}

impl Inner {
    pub(crate) fn keys(&self) -> &KeyPair {
        &self.keys
    }

    pub(crate) fn shared(&self) -> RwLockReadGuard<'_, Shared> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared_mut(&self) -> RwLockWriteGuard<'_, Shared> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest own message that is in the journal.
    pub(crate) fn journalled(&self) -> Option<Head> {
        self.memory().journalled
    }

    /// Remembers the newest own message that is in the journal.
    pub(crate) fn note_journalled(&self, head: Head) {
        self.memory().journalled = Some(head);
    }

    pub(crate) fn standing(&self) -> Standing {
        let memory = *self.memory();
        let shared = self.shared();
        let own = shared.feeds.by_id(&self.me);
        memory.standing(own.and_then(|feed| feed.head).as_ref(), own.is_some_and(|feed| feed.frozen))
    }
}

/// Reads what the journal holds and compares it with the log.
async fn hold_against_journal(
    db: &mut SqliteConnection,
    feeds: &Feeds,
    me: FeedId,
    bodies: &[Vec<u8>],
) -> Result<Mending, StoreError> {
    let journal: Vec<Message> =
        bodies.iter().filter_map(|body| Message::decode(body).ok()).filter(|message| message.author() == me).collect();
    let mut stored = BTreeMap::new();
    if let Some(number) = feeds.number(&me) {
        for message in &journal {
            let body = own_message(db, Some(number), message.sequence()).await?;
            if let Some(body) = body {
                // A damaged one says nothing about a fork.
                let kept = read_body(me, message.sequence(), &body).ok();
                stored.extend(kept.map(|kept| (message.sequence(), kept.id())));
            }
        }
    }
    let shown = own_expected(db).await?;
    let head = feeds.by_id(&me).and_then(|feed| feed.head);
    Ok(compare(&journal, head, |sequence| stored.get(&sequence).copied(), shown))
}

/// The body of one's own message at `sequence`, where it is stored.
async fn own_message(
    db: &mut SqliteConnection,
    me: Option<FeedNumber>,
    sequence: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let body = sqlx::query_scalar(
        "SELECT body FROM log WHERE row = (SELECT row FROM message_sequences WHERE feed = ?1 AND sequence = ?2)",
    );
    Ok(body.bind(me).bind(sequence as i64).fetch_optional(db).await?)
}

/// How far one's own feed is known to go by what [`Store::expect_own`] was told; 0 when it was told nothing.
async fn own_expected(db: &mut SqliteConnection) -> Result<u64, StoreError> {
    match read_meta(db, meta::OWN_EXPECTED).await? {
        Some(bytes) => Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| StoreError::BadValue("own sequence"))?)),
        None => Ok(0),
    }
}

/// Unix milliseconds now; 0 on a clock before 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_disk_refused_to_note_of_ones_own_feed_is_written_when_it_is_said_again() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let store = Store::create(home.path(), &KeyPair::from_seed(&[1; 32]), None).await.expect("a store");
        let set = async |pragma: &'static str| {
            let mut writer = store.inner.writer.lock().await;
            sqlx::query(pragma).execute(&mut writer.db).await.expect("a pragma");
        };
        set("PRAGMA query_only = 1").await;
        store.expect_own(5).await.expect_err("nothing can be written");
        let recovering = Standing::Recovering { expected: Some(5) };
        assert_eq!(store.standing(), recovering, "publishing waits all the same");
        set("PRAGMA query_only = 0").await;
        store.expect_own(5).await.expect("it can be written");
        drop(store);
        let store = Store::open(home.path()).await.expect("opens");
        assert_eq!(store.standing(), recovering, "also after a restart");
    }
}
