//! What the store keeps in memory: every feed's head, the follow graph, and what the reader decided about people.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use feed::{FeedId, Head, MessageId, PersonId};
use social::{FollowGraph, Relation};
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    stances::{self, Stance},
    write::Writing,
};

/// A feed's small number in the database, from 1.
pub(crate) type FeedNumber = i64;

/// What is known of one feed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedRow {
    pub(crate) id: FeedId,
    /// The first sequence stored; none while nothing is.
    pub(crate) first: Option<u64>,
    pub(crate) head: Option<Head>,
    pub(crate) messages: u64,
    /// Of the encoded messages.
    pub(crate) bytes: u64,
    pub(crate) wanted: bool,
    pub(crate) frozen: bool,
}

impl FeedRow {
    fn new(id: FeedId) -> Self {
        Self { id, first: None, head: None, messages: 0, bytes: 0, wanted: false, frozen: false }
    }
}

/// Every feed, by number and by id. Feeds are never taken out.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    /// Feed number n stands at n - 1.
    rows: Vec<FeedRow>,
    numbers: BTreeMap<FeedId, FeedNumber>,
}

impl Feeds {
    pub(crate) async fn load(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        type Row = (i64, Vec<u8>, Option<i64>, Option<i64>, Option<Vec<u8>>, i64, i64, bool, bool);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT feed, id, first_sequence, head_sequence, head_id, messages, bytes, wanted <> 0, frozen <> 0
             FROM feeds ORDER BY feed",
        )
        .fetch_all(db)
        .await?;
        let mut feeds = Self::default();
        for (number, id, first, head_sequence, head_id, messages, bytes, wanted, frozen) in rows {
            let id = FeedId::from_tagged(&id).map_err(|_| StoreError::BadValue("feed id"))?;
            let head = match (head_sequence, head_id) {
                (Some(sequence), Some(id)) => Some(Head {
                    id: MessageId::from_tagged(&id).map_err(|_| StoreError::BadValue("message id"))?,
                    sequence: sequence as u64,
                }),
                _ => None,
            };
            let first = first.map(|first| first as u64);
            let row = FeedRow { id, first, head, messages: messages as u64, bytes: bytes as u64, wanted, frozen };
            if number != feeds.next_number() {
                return Err(StoreError::BadValue("feed number"));
            }
            feeds.put(number, row);
        }
        Ok(feeds)
    }

    pub(crate) fn number(&self, id: &FeedId) -> Option<FeedNumber> {
        self.numbers.get(id).copied()
    }

    pub(crate) fn get(&self, number: FeedNumber) -> Option<&FeedRow> {
        self.rows.get(usize::try_from(number - 1).ok()?)
    }

    pub(crate) fn by_id(&self, id: &FeedId) -> Option<&FeedRow> {
        self.get(self.number(id)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &FeedRow> {
        self.rows.iter()
    }

    fn next_number(&self) -> FeedNumber {
        self.rows.len() as FeedNumber + 1
    }

    /// Sets a known feed's row or adds the next one.
    fn put(&mut self, number: FeedNumber, row: FeedRow) {
        self.numbers.insert(row.id, number);
        match self.rows.get_mut((number - 1) as usize) {
            Some(known) => *known = row,
            None => self.rows.push(row),
        }
    }
}

/// Changes to feeds that wait for their transaction.
#[derive(Debug)]
pub(crate) struct StagedFeeds<'a> {
    base: &'a Feeds,
    changed: ChangedFeeds,
}

/// Feeds by number, new or changed.
#[derive(Debug, Default)]
pub(crate) struct ChangedFeeds {
    rows: BTreeMap<FeedNumber, FeedRow>,
    added: BTreeMap<FeedId, FeedNumber>,
}

impl<'a> StagedFeeds<'a> {
    pub(crate) fn new(base: &'a Feeds) -> Self {
        Self { base, changed: ChangedFeeds::default() }
    }

    /// The number of a feed; a new one for a feed that was never heard of.
    pub(crate) fn number(&mut self, id: FeedId) -> FeedNumber {
        if let Some(number) = self.base.number(&id).or_else(|| self.changed.added.get(&id).copied()) {
            return number;
        }
        let number = self.base.next_number() + self.changed.added.len() as FeedNumber;
        self.changed.added.insert(id, number);
        self.changed.rows.insert(number, FeedRow::new(id));
        number
    }

    /// The row of a feed, to be changed.
    pub(crate) fn row_mut(&mut self, id: FeedId) -> &mut FeedRow {
        let number = self.number(id);
        let base = self.base;
        let known = || base.get(number).cloned().unwrap_or_else(|| FeedRow::new(id));
        self.changed.rows.entry(number).or_insert_with(known)
    }

    pub(crate) fn into_changes(self) -> ChangedFeeds {
        self.changed
    }
}

impl ChangedFeeds {
    /// Writes the rows; part of the transaction that needs them.
    pub(crate) fn write(&self, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        let values = |(number, row): (&FeedNumber, &FeedRow)| {
            let head = row.head.map(|head| (head.sequence as i64, head.id.to_tagged()));
            let (sequence, head) = head.unzip();
            (
                *number,
                row.id.to_tagged(),
                row.first.map(|first| first as i64),
                sequence,
                head,
                row.messages as i64,
                row.bytes as i64,
                row.wanted,
                row.frozen,
            )
        };
        writing.each(
            "INSERT INTO feeds (feed, id, first_sequence, head_sequence, head_id, messages, bytes, wanted, frozen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (feed) DO UPDATE SET
                first_sequence = excluded.first_sequence, head_sequence = excluded.head_sequence,
                head_id = excluded.head_id, messages = excluded.messages, bytes = excluded.bytes,
                wanted = excluded.wanted, frozen = excluded.frozen",
            self.rows.iter().map(values),
        )
    }
}

/// What every part of the store may look at without waiting for the disk.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) me: PersonId,
    pub(crate) feeds: Feeds,
    /// With the reader's private blocks in it.
    pub(crate) graph: FollowGraph,
    /// Those that say something.
    pub(crate) stances: BTreeMap<PersonId, Stance>,
    /// See [`Shared::friends`]; empty again whenever it may have changed.
    friends: OnceLock<BTreeSet<FeedNumber>>,
}

/// How many follows lead to friends of friends.
const FRIENDS_OF_FRIENDS: u8 = 2;

impl Shared {
    pub(crate) async fn load(db: &mut SqliteConnection, me: PersonId) -> Result<Self, StoreError> {
        let feeds = Feeds::load(&mut *db).await?;
        let graph = graph(load_contacts(&mut *db).await?, &feeds)?;
        let stances = stances::load(db).await?;
        let mut shared = Self { me, feeds, graph: FollowGraph::new(), stances, friends: OnceLock::new() };
        shared.set_graph(graph);
        Ok(shared)
    }

    /// Puts another follow graph, of what was said, in the place of the one there is.
    pub(crate) fn set_graph(&mut self, graph: FollowGraph) {
        self.graph = graph;
        self.lay_stances_on();
    }

    /// Takes in what a committed transaction changed.
    pub(crate) fn apply(&mut self, changes: ChangedFeeds, contacts: &[Stated]) {
        if !(changes.added.is_empty() && contacts.is_empty()) {
            self.forget_friends();
        }
        for (number, row) in changes.rows {
            self.feeds.put(number, row);
        }
        for stated in contacts {
            self.graph.set(stated.author, stated.subject, stated.sequence, stated.relation);
        }
    }

    /// The numbers of the reader, of those they follow, and of those whom these follow. Worked out once for as long as nobody says anything
    /// of anybody: among a thousand people that takes longer than all else that a page of their posts takes.
    pub(crate) fn friends(&self) -> &BTreeSet<FeedNumber> {
        let reached = || self.graph.hops(&self.me, FRIENDS_OF_FRIENDS);
        self.friends.get_or_init(|| self.numbers(reached().keys()).into_iter().collect())
    }

    /// Somebody has a number who had none, or a relation is another one.
    pub(crate) fn forget_friends(&mut self) {
        self.friends.take();
    }

    /// The numbers of people; people never heard of have none.
    pub(crate) fn numbers<'p>(&self, people: impl IntoIterator<Item = &'p PersonId>) -> Vec<FeedNumber> {
        people.into_iter().filter_map(|person| self.feeds.number(&person.feed())).collect()
    }
}

/// A row of the follow graph: author, subject, sequence, relation.
type ContactRow = (FeedNumber, FeedNumber, i64, i64);

/// The rows of the follow graph.
pub(crate) async fn load_contacts(db: &mut SqliteConnection) -> Result<Vec<ContactRow>, StoreError> {
    Ok(sqlx::query_as("SELECT author, subject, sequence, relation FROM contacts").fetch_all(db).await?)
}

/// The follow graph that its rows make.
pub(crate) fn graph(rows: Vec<ContactRow>, feeds: &Feeds) -> Result<FollowGraph, StoreError> {
    let mut graph = FollowGraph::new();
    for (author, subject, sequence, relation) in rows {
        let (Some(author), Some(subject)) = (feeds.get(author), feeds.get(subject)) else {
            return Err(StoreError::BadValue("feed number"));
        };
        graph.set(author.id.into(), subject.id.into(), sequence as u64, relation_from(relation));
    }
    Ok(graph)
}

/// One person's word on another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated {
    pub(crate) author: PersonId,
    pub(crate) subject: PersonId,
    pub(crate) sequence: u64,
    pub(crate) relation: Relation,
}

pub(crate) fn relation_to(relation: Relation) -> i64 {
    match relation {
        Relation::None => 0,
        Relation::Follows => 1,
        Relation::Blocks => 2,
    }
}

fn relation_from(stored: i64) -> Relation {
    match stored {
        1 => Relation::Follows,
        2 => Relation::Blocks,
        _ => Relation::None,
    }
}

/// Rows as one JSON array, for statements that fill a table from `json_each`: one statement and one parameter for
/// thousands of rows, where a parameter for each value costs several times as much.
pub(crate) fn rows_to_json(rows: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|_| StoreError::BadValue("row"))
}

/// Bytes as JSON can carry them; `unhex` in the statement.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The first six bytes of a key or hash, as indexes hold it. Six are as many as SQLite keeps without two more, and few
/// enough that two may be the same: whoever finds something by them looks at the whole id.
pub(crate) fn prefix(bytes: &[u8; 32]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *bytes;
    // The shift keeps the sign, and with it the order.
    i64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 16
}
