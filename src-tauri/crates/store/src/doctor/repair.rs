//! Mending: first what was there is kept, then everything is made again from the messages that can be read.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use feed::{FeedId, Head, KeyPair, MessageId, check_next};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::{
    Depth, Remedy, Report, Watch, examine_locked,
    files::{self, WORKSHOP},
    gather::{Decided, FeedFacts, Gathered, SET_ASIDE, gather},
    lock,
    pages::wal_of,
    salvaged,
};
use crate::{
    OpenError, Store, StoreError,
    activity::OwnRows,
    backup::{self, Backup, BackupError, free_bytes, make_private},
    doubt::Doubt,
    feeds::{Feeds, StagedFeeds},
    folder::{Folder, disk, sync_folder_of},
    index::Index,
    journal::{Frames, JOURNAL, Journal, Opened, read_frames},
    log::read_body,
    schema::{self, DATABASE, meta, write_meta},
    write::{Facts, IndexRows, Indexed, LogRow, WriteConnection, write_log},
};

/// How many rows one transaction writes.
const SPAN: usize = 4096;
/// So many times the size of the database has to be free: what was found, and the new database.
const ROOM: u64 = 2;
/// How far beyond what is here one's own feed may be noted to go and be believed: a number that was hit on the disk would end
/// publishing for good. What is beyond it is a doubt, which a friend ends.
const MAX_BEHIND: u64 = 100_000;

/// Messages that could not be read and are in no copy here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lost {
    /// Whose: `@….ed25519`.
    pub feed: String,
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub through: u64,
}

/// What mending did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// What was wrong before.
    pub before: Report,
    /// What was done, a line each.
    pub done: Vec<String>,
    /// Messages that are lost here until others send them.
    pub lost: Vec<Lost>,
    /// Messages that were saved and wait for lost ones before them.
    pub kept: u64,
    /// Where the damaged database lies now.
    pub set_aside: Option<PathBuf>,
    /// What is wrong now.
    pub after: Report,
}

/// Why a folder could not be mended. What was there is still there.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A database cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No copy could be made first.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// There is no room for what mending needs.
    #[error("mending needs {} MB of free disk, and {} MB are free. Make room and try again.", .needed / 1_000_000 + 1, .free / 1_000_000)]
    NoRoom {
        /// Bytes that have to be free.
        needed: u64,
        /// Bytes that are.
        free: u64,
    },
}

impl From<rusqlite::Error> for RepairError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Mends a folder that nobody uses. Blocks for as long as it takes; call it where blocking is allowed, within a runtime.
///
/// # Errors
/// When somebody uses the folder, its key is missing, the disk is too full or refuses, or nothing can be saved.
pub fn repair(folder: &Path, watch: Watch<'_>) -> Result<Repair, RepairError> {
    let locked = lock(folder)?;
    let before = examine_locked(&locked, Depth::Full, watch);
    let remedy = before.remedy();
    let is_journal_lost = !holds_something(folder);
    let mut repair =
        Repair { before, done: Vec::new(), lost: Vec::new(), kept: 0, set_aside: None, after: Report::default() };
    tidy(&locked, &mut repair)?;
    set_damaged_journal_aside(&locked, &mut repair)?;
    if remedy < Remedy::Messages && is_journal_lost {
        // Before the folder is opened, which would make a journal as if nothing had happened.
        mend_journal(&locked, &mut repair)?;
    }
    match remedy {
        Remedy::Messages => {
            let keys = locked.read_keys()?;
            if is_journal_lost {
                doubt(&locked, &mut repair)?;
            }
            rebuild_from_messages(&locked, &keys, watch, &mut repair)?;
        }
        Remedy::Indexes => {
            match backup::keep_before_change(folder)? {
                Backup::NoRoom { needed, free } => return Err(RepairError::NoRoom { needed, free }),
                _ => repair.done.push("A copy of the database was kept in `backup`.".into()),
            }
            let db = Connection::open(folder.join(DATABASE))?;
            db.execute_batch("DELETE FROM rebuilds; DELETE FROM index_versions; DELETE FROM followers")?;
        }
        Remedy::None | Remedy::Opening | Remedy::Files => {}
    }
    drop(locked);
    if remedy >= Remedy::Opening {
        watch("Making the indexes again", 0, 0);
        tokio::runtime::Handle::current().block_on(settle(folder))?;
        if remedy >= Remedy::Indexes {
            repair.done.push("The indexes were made again from the log.".into());
        }
    }
    let locked = lock(folder)?;
    mend_journal(&locked, &mut repair)?;
    repair.after = examine_locked(&locked, Depth::Full, watch);
    Ok(repair)
}

/// Opens and closes the folder as any start does: indexes are filled, messages put where they belong.
async fn settle(folder: &Path) -> Result<(), RepairError> {
    let store = Store::open(folder).await?;
    let mut indexing = store.indexing();
    // The channel closes when all is filled, or when the disk refuses, which the next look shows.
    while indexing.changed().await.is_ok() {}
    // Full text and the like follow in their own time, as at any start.
    store.close().await?;
    Ok(())
}

/// Takes leftovers away and closes private files to others.
fn tidy(folder: &Folder, repair: &mut Repair) -> Result<(), OpenError> {
    for path in files::leftovers(folder.path()) {
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(disk(&path))?;
        repair.done.push(format!("{} was removed.", path.display()));
    }
    #[cfg(unix)]
    for path in files::open_to_others(folder.path()) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(disk(&path))?;
        repair.done.push(format!("{} may be read by you alone now.", path.display()));
    }
    Ok(())
}

/// Whether the journal can be read to its end and holds a message.
fn holds_something(folder: &Path) -> bool {
    let content = fs::read(folder.join(JOURNAL)).unwrap_or_default();
    let Frames { bodies, is_damaged, .. } = read_frames(&content);
    !is_damaged && !bodies.is_empty()
}

/// Keeps a damaged journal as it was, and what can be read of it as the new one, as a start would do.
fn set_damaged_journal_aside(folder: &Folder, repair: &mut Repair) -> Result<(), RepairError> {
    let Ok(content) = fs::read(folder.path().join(JOURNAL)) else { return Ok(()) };
    if read_frames(&content).is_damaged
        && let Some(aside) = Journal::open(folder.path()).map_err(StoreError::Journal)?.set_aside
    {
        repair.done.push(format!("The damaged journal of own messages was kept in {}.", aside.display()));
        doubt(folder, repair)?;
    }
    Ok(())
}

/// Lets nothing be published until somebody was near who holds one's own feed: what showed how far it went is lost, and all that is
/// here may be old.
fn doubt(folder: &Folder, repair: &mut Repair) -> Result<(), RepairError> {
    if !Doubt::load(folder.path()).map_err(disk(folder.path()))?.is_open() {
        Doubt::begin(folder.path(), true).map_err(disk(folder.path()))?;
    }
    const SAID: &str = "What showed how far your own feed went was lost or damaged, so publishing waits until a friend who holds your \
                        messages was near.";
    if !repair.done.iter().any(|done| done == SAID) {
        repair.done.push(SAID.into());
    }
    Ok(())
}

/// Puts the newest own message into a journal that lost it, and doubts that it is the newest. A journal that was damaged has been
/// set aside before.
fn mend_journal(folder: &Folder, repair: &mut Repair) -> Result<(), RepairError> {
    let Ok(keys) = folder.read_keys() else { return Ok(()) };
    let Opened { mut journal, bodies, .. } = Journal::open(folder.path()).map_err(StoreError::Journal)?;
    if !bodies.is_empty() {
        return Ok(());
    }
    let db = Connection::open(folder.path().join(DATABASE))?;
    let newest: Option<(i64, Vec<u8>)> = db
        .query_row(
            "SELECT log.sequence, body FROM feeds JOIN message_sequences USING (feed) JOIN log USING (row)
             WHERE id = ?1 ORDER BY message_sequences.sequence DESC LIMIT 1",
            [keys.feed_id().to_tagged()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((sequence, body)) = newest else { return Ok(()) };
    let Ok(newest) = read_body(keys.feed_id(), sequence as u64, &body) else { return Ok(()) };
    // Before there is a journal that looks as if nothing had happened.
    doubt(folder, repair)?;
    journal.replace(&[newest.encoded()]).map_err(StoreError::Journal)?;
    repair.done.push("The journal of own messages was made again.".into());
    Ok(())
}

/// Makes the database again from every message that can be read, and sets the old one aside.
fn rebuild_from_messages(
    folder: &Folder,
    keys: &KeyPair,
    watch: Watch<'_>,
    repair: &mut Repair,
) -> Result<(), RepairError> {
    let path = folder.path().join(DATABASE);
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let copies = backup::copies(folder.path()).iter().map(|(path, _)| size(path)).max().unwrap_or(0);
    let needed = ROOM * copies.max(size(&path) + size(&wal_of(&path)));
    let free = free_bytes(folder.path()).map_err(disk(folder.path()))?;
    if free < needed {
        return Err(RepairError::NoRoom { needed, free });
    }
    let workshop = folder.path().join(WORKSHOP);
    make_private(&workshop).map_err(disk(&workshop))?;
    let gathered = gather(folder.path(), &workshop, watch)?;
    watch("Putting the messages in order", 0, 0);
    repair.lost = place(&gathered)?;
    let placed: i64 =
        gathered.db.query_row("SELECT count(*) FROM found WHERE place IS NOT NULL", [], |row| row.get(0))?;
    let own = own_end(keys.feed_id(), &gathered)?;
    if own.is_doubtful {
        doubt(folder, repair)?;
    }
    write_database(&workshop, keys, own.expected, &gathered, watch)?;
    // Before the old database is out of reach: what has no place yet must not be lost with it.
    repair.kept = salvaged::keep(folder.path(), &gathered.db)?;
    repair.set_aside = set_aside(folder.path(), &gathered.db)?;
    let new = workshop.join(DATABASE);
    fs::rename(&new, &path).map_err(disk(&path))?;
    sync_folder_of(&path).map_err(disk(&path))?;
    drop(gathered);
    fs::remove_dir_all(&workshop).map_err(disk(&workshop))?;
    repair.done.push(format!("The database was made again from {placed} messages that could be read."));
    if let Some(aside) = &repair.set_aside {
        repair.done.push(format!("The damaged one was kept in {}; it may be deleted.", aside.display()));
    }
    Ok(())
}

/// Gives every message that continues its feed its place, and tells which are missing.
fn place(gathered: &Gathered) -> Result<Vec<Lost>, RepairError> {
    let db = &gathered.db;
    let mut lost = Vec::new();
    let feeds: Vec<Vec<u8>> =
        db.prepare("SELECT DISTINCT feed FROM found")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut feeds: Vec<FeedId> = feeds.iter().filter_map(|id| FeedId::from_tagged(id).ok()).collect();
    feeds.extend(gathered.feeds.iter().filter(|(_, facts)| facts.head > 0).map(|(id, _)| *id));
    feeds.sort_unstable();
    feeds.dedup();
    let mut candidates =
        db.prepare("SELECT rowid, sequence, row, body FROM found WHERE feed = ?1 ORDER BY sequence, source, row")?;
    let mut update = db.prepare("UPDATE found SET place = ?2 WHERE rowid = ?1")?;
    for feed in feeds {
        let mut head: Option<Head> = None;
        let mut places = Vec::new();
        let (mut place, mut seen) = (0_i64, 0_u64);
        let mut rows = candidates.query([feed.to_tagged()])?;
        while let Some(row) = rows.next()? {
            let sequence = row.get::<_, i64>(1)? as u64;
            if sequence > seen + 1 {
                lost.push(Lost { feed: feed.to_string(), from: seen + 1, through: sequence - 1 });
            }
            seen = seen.max(sequence);
            let Ok(message) = read_body(feed, sequence, row.get_ref(3)?.as_blob().unwrap_or_default()) else {
                continue;
            };
            if check_next(head.as_ref(), &message).is_ok() {
                head = Some(message.head());
                // The order of receipt, as far as it keeps the order of each feed.
                place = place.max(row.get(2)?);
                places.push((row.get::<_, i64>(0)?, place));
            }
        }
        let expected = gathered.feeds.get(&feed).map_or(0, |facts| facts.head);
        if expected > seen {
            lost.push(Lost { feed: feed.to_string(), from: seen + 1, through: expected });
        }
        drop(rows);
        db.execute_batch("BEGIN")?;
        for place in places {
            update.execute(place)?;
        }
        db.execute_batch("COMMIT")?;
    }
    db.execute_batch("CREATE INDEX found_places ON found (place, feed, sequence) WHERE place IS NOT NULL")?;
    Ok(lost)
}

/// Writes a new database with feeds and log; the next opening fills its indexes.
fn write_database(
    workshop: &Path,
    keys: &KeyPair,
    expected: u64,
    gathered: &Gathered,
    watch: Watch<'_>,
) -> Result<(), RepairError> {
    let network = gathered.network.as_ref().map_or(Vec::new(), |network| network.bytes().to_vec());
    tokio::runtime::Handle::current().block_on(async {
        let mut small = schema::open_writer(workshop, true).await?;
        write_meta(&mut small, meta::OWNER, &keys.feed_id().to_tagged()).await?;
        write_meta(&mut small, meta::NETWORK, &network).await?;
        // No generation: the next opening begins a new one, so that peers exchange full clocks.
        if expected > 0 {
            write_meta(&mut small, meta::OWN_EXPECTED, &expected.to_be_bytes()).await?;
        }
        sqlx::Connection::close(small).await.map_err(StoreError::from)?;
        Ok::<_, RepairError>(())
    })?;
    let mut writer = WriteConnection::open(workshop)?;
    let base = Feeds::default();
    let mut feeds = StagedFeeds::new(&base);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(i64::MAX, |since| since.as_millis() as i64);
    let total: i64 =
        gathered.db.query_row("SELECT count(*) FROM found WHERE place IS NOT NULL", [], |row| row.get(0))?;
    let mut statement = gathered.db.prepare(
        "SELECT feed, sequence, id, received, size, body FROM found WHERE place IS NOT NULL ORDER BY place, feed, sequence",
    )?;
    let mut rows = statement.query([])?;
    let mut next_row = 1_i64;
    let mut authors = BTreeMap::new();
    // Contacts do not ask for them.
    let own = OwnRows::default();
    loop {
        let mut span = Vec::with_capacity(SPAN);
        while span.len() < SPAN
            && let Some(row) = rows.next()?
        {
            let id = |at: usize| row.get_ref(at).map(|id| id.as_blob().unwrap_or_default());
            let (Ok(author), Ok(id)) = (FeedId::from_tagged(id(0)?), MessageId::from_tagged(id(2)?)) else { continue };
            let (sequence, received) = (row.get::<_, i64>(1)? as u64, row.get::<_, i64>(3)?);
            // A time that was hit on the disk must not put a message into the future.
            let received = if (1..=now).contains(&received) { received } else { now };
            let feed = feeds.row_mut(author);
            feed.first.get_or_insert(sequence);
            feed.head = Some(Head { id, sequence });
            feed.messages += 1;
            feed.bytes += row.get::<_, i64>(4)? as u64;
            let number = feeds.number(author);
            authors.insert(number, author);
            span.push((next_row, number, sequence, received, id, row.get::<_, Vec<u8>>(5)?));
            next_row += 1;
        }
        if span.is_empty() {
            break;
        }
        let log: Vec<LogRow<'_>> = span
            .iter()
            .map(|(row, feed, sequence, received, id, body)| LogRow {
                row: *row,
                feed: *feed,
                sequence: *sequence,
                received: *received,
                id: *id,
                body,
            })
            .collect();
        // The follow graph decides who is shown and whose messages are wanted. So it is there from the first moment on; the other
        // indexes follow once the database is opened.
        let said: Vec<_> = log
            .iter()
            .filter_map(|row| {
                let message = read_body(*authors.get(&row.feed)?, row.sequence, row.body).ok()?;
                let facts = Facts::of(&message);
                Some((row, message, facts))
            })
            .collect();
        let mut contacts = IndexRows::new(keys.feed_id());
        for (row, message, facts) in &said {
            let indexed = Indexed { row: row.row, number: row.feed, received: row.received, message, facts };
            contacts.add(&indexed, |id| feeds.number(id));
        }
        writer.transaction(
            |writing| {
                write_log(&log, writing)?;
                contacts.write(Index::Contacts, &own, writing)
            },
            || {},
        )?;
        writer.checkpoint_when_long()?;
        watch("Writing the new database", next_row as u64 - 1, total.max(0) as u64);
    }
    for (id, FeedFacts { wanted, frozen, .. }) in &gathered.feeds {
        if *wanted || *frozen {
            let feed = feeds.row_mut(*id);
            (feed.wanted, feed.frozen) = (*wanted, *frozen);
        }
    }
    let mut proofs = BTreeMap::new();
    for (id, proof) in &gathered.proofs {
        feeds.row_mut(*id).frozen = true;
        proofs.insert(feeds.number(*id), proof.encode());
    }
    let changes = feeds.into_changes();
    writer.transaction(
        |writing| {
            changes.write(writing)?;
            // Rows have new numbers, so what was read is everything up to that time.
            let reads = gathered.reads.iter().map(|(place, time)| (place, time, i64::MAX));
            writing.each("INSERT INTO reads (place, time, row) VALUES (?1, ?2, ?3)", reads)?;
            let stances = gathered.stances.iter().map(|(person, Decided { flags, sequence, decided })| {
                (person.to_tagged(), *flags, *sequence, *decided)
            });
            writing.each("INSERT INTO stances (person, flags, sequence, decided) VALUES (?1, ?2, ?3, ?4)", stances)?;
            writing.each("INSERT INTO forks (feed, proof) VALUES (?1, ?2)", proofs)
        },
        || {},
    )?;
    writer.checkpoint()?;
    drop(writer);
    // The last connection to go takes the write-ahead log with it: one file, whole and synced.
    let path = workshop.join(DATABASE);
    let db = Connection::open(&path)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    db.close().map_err(|(_, error)| error)?;
    fs::File::open(&path).and_then(|file| file.sync_all()).map_err(disk(&path))?;
    Ok(())
}

/// How far one's own feed is known to go.
#[derive(Clone, Copy, Debug)]
struct OwnEnd {
    /// When that is further than what has a place; 0 otherwise.
    expected: u64,
    /// Something says that it goes further still, but cannot be believed.
    is_doubtful: bool,
}

fn own_end(me: FeedId, gathered: &Gathered) -> Result<OwnEnd, RepairError> {
    let own = me.to_tagged();
    let highest = |statement: &str| -> rusqlite::Result<u64> {
        gathered.db.query_row(statement, [own], |row| Ok(row.get::<_, i64>(0)?.max(0) as u64))
    };
    let placed = highest("SELECT coalesce(max(sequence), 0) FROM found WHERE feed = ?1 AND place IS NOT NULL")?;
    let found = highest("SELECT coalesce(max(sequence), 0) FROM found WHERE feed = ?1")?;
    let noted = [gathered.feeds.get(&me).map_or(0, |facts| facts.head), gathered.own_expected];
    let believed = |noted: &u64| *noted <= found.saturating_add(MAX_BEHIND);
    let expected = noted.into_iter().filter(believed).fold(found, u64::max);
    Ok(OwnEnd {
        expected: if expected > placed { expected } else { 0 },
        is_doubtful: noted.iter().any(|noted| !believed(noted)),
    })
}

/// Moves the database and what belongs to it into a folder of its own, named by the time.
fn set_aside(folder: &Path, clock: &Connection) -> Result<Option<PathBuf>, RepairError> {
    let path = folder.join(DATABASE);
    let files: Vec<PathBuf> = ["", "-wal", "-shm"]
        .into_iter()
        .map(|suffix| folder.join(format!("{DATABASE}{suffix}")))
        .filter(|file| file.exists())
        .collect();
    if files.is_empty() {
        return Ok(None);
    }
    let now: String = clock.query_row("SELECT strftime('%Y-%m-%dT%H-%M-%fZ', 'now')", [], |row| row.get(0))?;
    let aside = folder.join(format!("{SET_ASIDE}{now}"));
    make_private(&aside).map_err(disk(&aside))?;
    for file in files {
        let Some(name) = file.file_name() else { continue };
        // First under both names: a kill in between leaves the folder as it was, or mended.
        fs::hard_link(&file, aside.join(name))
            .or_else(|_| fs::copy(&file, aside.join(name)).map(|_| ()))
            .map_err(disk(&file))?;
        // The old write-ahead log must not be taken for the new database's.
        if file != path {
            fs::remove_file(&file).map_err(disk(&file))?;
        }
    }
    sync_folder_of(&aside.join(DATABASE)).map_err(disk(&aside))?;
    sync_folder_of(&path).map_err(disk(&path))?;
    Ok(Some(aside))
}
