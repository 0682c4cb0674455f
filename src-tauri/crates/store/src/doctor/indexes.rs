//! Every index against the log: filled a second time by the code that fills it always, in a database of its own, and compared row
//! by row.

use std::{cmp::Ordering, collections::BTreeMap, fs, path::Path};

use feed::{FeedId, Message};
use rusqlite::{Connection, OptionalExtension, types::Value};

use super::{
    About, Finding, Remedy, Report, Several, Watch, chain::Log, database::Database, files::WORKSHOP,
    full_text::FullText,
};
use crate::{
    OpenError,
    activity::OwnRows,
    backup::{free_bytes, make_private},
    error::StoreError,
    feeds::FeedNumber,
    index::Index,
    log::read_body,
    schema::{self, DATABASE, meta},
    write::{Facts, IndexRows, Indexed, LogRow, WriteConnection, write_log},
};

/// How many messages are indexed at a time.
const SPAN: i64 = 4096;
/// The second database holds no messages, so it is smaller than the first; this part of its size has to be free.
const ROOM_PART: u64 = 2;

/// The tables of each index, with the order in which their rows are unique.
fn tables(index: Index) -> (&'static str, &'static str) {
    match index {
        Index::Timeline => ("timeline", "time, row"),
        Index::Links => ("links", "target, relation, row"),
        Index::Votes => ("votes", "target, author"),
        Index::Contacts => ("contacts", "author, subject"),
        Index::Abouts => ("abouts", "subject, author"),
        Index::Channels => ("channels", "channel, author"),
        Index::Kinds => ("kinds", "kind, block"),
        Index::Activity => ("activity", "time, row"),
    }
}

/// Compares; what cannot be compared is said.
pub(super) fn examine(folder: &Path, database: &Database, log: &Log, watch: Watch<'_>, report: &mut Report) {
    let size = fs::metadata(folder.join(DATABASE)).map_or(0, |file| file.len());
    let needed = size / ROOM_PART;
    if free_bytes(folder).is_ok_and(|free| free < needed) {
        report.note(format!(
            "The indexes were not compared with the log: that needs {} MB of free disk.",
            needed / 1_000_000
        ));
        return;
    }
    let workshop = folder.join(WORKSHOP);
    let compared = compare(&workshop, &database.db, log, watch, report);
    if let Err(error) = fs::remove_dir_all(&workshop) {
        tracing::warn!(%error, folder = %workshop.display(), "the doctor's second database stays");
    }
    match compared {
        Ok(rows) => report.note(format!("The indexes: {rows} rows were compared with the log.")),
        Err(error) => report.note(format!("The indexes were not compared with the log: {error}")),
    }
}

fn compare(
    workshop: &Path,
    db: &Connection,
    log: &Log,
    watch: Watch<'_>,
    report: &mut Report,
) -> Result<u64, StoreError> {
    let mut full_text = FullText::load(db)?;
    let second = fill(workshop, db, log, &mut full_text, watch)?;
    let stale = stale(db)?;
    let mut rows = 0;
    for index in Index::ALL {
        let (table, order) = tables(index);
        if stale.contains(&index) {
            report.note(format!("The index {table} is being filled anew; Periwinkle goes on with that when it runs."));
            continue;
        }
        watch("Comparing the indexes", 0, 0);
        rows += compare_table(&second, db, table, order, report)?;
    }
    full_text.report(report);
    Ok(rows)
}

/// Indexes that were filled by other rules, or not to the end: the next start fills them anew.
fn stale(db: &Connection) -> Result<Vec<Index>, StoreError> {
    let mut statement = db.prepare("SELECT count(*) FROM index_versions WHERE name = ? AND version = ?")?;
    let mut stale = Vec::new();
    for index in Index::ALL {
        let filled: i64 = statement.query_row(index.version(), |row| row.get(0))?;
        if filled == 0 {
            stale.push(index);
        }
    }
    Ok(stale)
}

/// Fills the indexes of a second database from the log of the first.
fn fill(
    workshop: &Path,
    db: &Connection,
    log: &Log,
    full_text: &mut FullText,
    watch: Watch<'_>,
) -> Result<Connection, StoreError> {
    make_private(workshop)?;
    let numbers: BTreeMap<FeedId, FeedNumber> = log.feeds.iter().map(|(number, feed)| (feed.id, *number)).collect();
    tokio::runtime::Handle::current().block_on(async {
        let tables = schema::open_writer(workshop, true).await.map_err(|error| match error {
            OpenError::Database(error) => error,
            error => StoreError::Journal(std::io::Error::other(error)),
        })?;
        sqlx::Connection::close(tables).await.map_err(StoreError::from)
    })?;
    let mut writer = WriteConnection::open(workshop)?;
    let me = owner(db)?;
    let own = copy_own(me, db, log, &mut writer)?;
    let total: i64 = db.query_row("SELECT count(*) FROM log", [], |row| row.get(0))?;
    let mut statement =
        db.prepare("SELECT row, feed, sequence, received, body FROM log WHERE row > ?1 ORDER BY row LIMIT ?2")?;
    let (mut after, mut done) = (0_i64, 0_u64);
    loop {
        type Row = (i64, FeedNumber, i64, i64, Vec<u8>);
        let rows: Vec<Row> = statement
            .query_map([after, SPAN], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
            .collect::<Result<_, _>>()?;
        let Some(last) = rows.last() else { break };
        after = last.0;
        done += rows.len() as u64;
        watch("Filling the indexes a second time", done, total.max(0) as u64);
        let mut read = Vec::with_capacity(rows.len());
        for (row, number, sequence, received, body) in &rows {
            let Some(author) = log.feeds.get(number).map(|feed| feed.id) else { continue };
            // Damaged ones were named before, and are in no index.
            let Ok(message) = read_body(author, *sequence as u64, body) else { continue };
            full_text.add(*row, *number, &social::kind(&message));
            read.push((*row, *number, *received, Facts::of(&message), message));
        }
        let mut index_rows = IndexRows::new(me);
        for (row, number, received, facts, message) in &read {
            let indexed = Indexed { row: *row, number: *number, received: *received, message, facts };
            // Whoever a message speaks of has a number; 0 is nobody's, and named as a difference.
            index_rows.add(&indexed, |id| numbers.get(&id).copied().unwrap_or(0));
        }
        writer.transaction(
            |writing| Index::ALL.iter().try_for_each(|index| index_rows.write(*index, &own, writing)),
            || {},
        )?;
        writer.checkpoint_when_long()?;
    }
    drop(writer);
    Ok(Connection::open(workshop.join(DATABASE))?)
}

/// Whose folder it is.
fn owner(db: &Connection) -> Result<FeedId, StoreError> {
    let owner: Option<Vec<u8>> =
        db.query_row("SELECT value FROM meta WHERE key = ?1", [meta::OWNER], |row| row.get(0)).optional()?;
    FeedId::from_tagged(&owner.unwrap_or_default()).map_err(|_| StoreError::BadValue("owner"))
}

/// Copies the owner's own messages into the second log: what concerns the owner is asked of it. Returns their rows.
fn copy_own(me: FeedId, db: &Connection, log: &Log, writer: &mut WriteConnection) -> Result<OwnRows, StoreError> {
    let mut statement =
        db.prepare("SELECT row, sequence, body FROM log WHERE feed = ?1 AND row > ?2 ORDER BY row LIMIT ?3")?;
    let (number, mut rows) = (log.number(me), Vec::new());
    loop {
        let after = rows.last().copied().unwrap_or(0);
        let read: Vec<(i64, i64, Vec<u8>)> = statement
            .query_map((number, after, SPAN), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let (Some(feed), false) = (number, read.is_empty()) else { break };
        rows.extend(read.iter().map(|(row, ..)| *row));
        let messages: Vec<(i64, Message, &[u8])> = read
            .iter()
            .filter_map(|(row, sequence, body)| Some((*row, read_body(me, *sequence as u64, body).ok()?, &body[..])))
            .collect();
        let own = messages.iter().map(|(row, message, body)| LogRow {
            row: *row,
            feed,
            sequence: message.sequence(),
            received: 0,
            id: message.id(),
            body,
        });
        let own: Vec<LogRow<'_>> = own.collect();
        writer.transaction(|writing| write_log(&own, writing), || {})?;
    }
    Ok(rows.into_iter().collect())
}

/// Goes through both tables in one order and names each row that only one of them has. Returns how many there are.
fn compare_table(
    second: &Connection,
    db: &Connection,
    table: &'static str,
    order: &str,
    report: &mut Report,
) -> Result<u64, StoreError> {
    let select = format!("SELECT * FROM {table} ORDER BY {order}");
    let keys = order.split(',').count();
    let (mut expected, mut stored) = (second.prepare(&select)?, db.prepare(&select)?);
    let columns: Vec<String> = stored.column_names().into_iter().map(str::to_owned).collect();
    // Where the columns of the key stand, in the order of the key.
    let places: Vec<usize> =
        order.split(", ").filter_map(|key| columns.iter().position(|column| column == key)).collect();
    debug_assert_eq!(places.len(), keys);
    let (mut expected, mut stored) = (expected.query([])?, stored.query([])?);
    let next = |rows: &mut rusqlite::Rows<'_>| -> rusqlite::Result<Option<Vec<Value>>> {
        rows.next()?.map(|row| (0..columns.len()).map(|at| row.get(at)).collect()).transpose()
    };
    let (mut should, mut is) = (next(&mut expected)?, next(&mut stored)?);
    let (mut missing, mut surplus, mut other) = (Several::default(), Several::default(), Several::default());
    let mut count = 0;
    loop {
        let order = match (&should, &is) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(should), Some(is)) => compare_keys(&places, should, is),
        };
        count += 1;
        match order {
            Ordering::Less => missing.add(|| wrong(table, "lacks", should.as_deref(), &places)),
            Ordering::Greater => surplus.add(|| wrong(table, "has too many:", is.as_deref(), &places)),
            Ordering::Equal if should != is => other.add(|| wrong(table, "has wrong:", is.as_deref(), &places)),
            Ordering::Equal => {}
        }
        if order != Ordering::Greater {
            should = next(&mut expected)?;
        }
        if order != Ordering::Less {
            is = next(&mut stored)?;
        }
    }
    for findings in [missing, surplus, other] {
        report.find_some(findings);
    }
    Ok(count)
}

fn wrong(table: &str, how: &str, row: Option<&[Value]>, places: &[usize]) -> Finding {
    let key: Vec<String> = places.iter().filter_map(|place| row?.get(*place)).map(show).collect();
    Finding::new(
        About::Index,
        Remedy::Indexes,
        format!("The index {table} {how} ({}).", key.join(", ")),
        "Something stored is not shown where it belongs, or shown where it does not. The messages are not affected.",
    )
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Blob(bytes) => crate::feeds::hex(bytes),
    }
}

/// The order in which SQLite sorts the keys of two rows (<https://www.sqlite.org/datatype3.html#sort_order>).
fn compare_keys(places: &[usize], one: &[Value], other: &[Value]) -> Ordering {
    let pairs = places.iter().map(|place| (one.get(*place), other.get(*place)));
    pairs.map(|(one, other)| compare_values(one, other)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_values(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    let kind = |value: Option<&Value>| match value {
        None | Some(Value::Null) => 0,
        Some(Value::Integer(_) | Value::Real(_)) => 1,
        Some(Value::Text(_)) => 2,
        Some(Value::Blob(_)) => 3,
    };
    match (one, other) {
        (Some(Value::Integer(one)), Some(Value::Integer(other))) => one.cmp(other),
        (Some(Value::Text(one)), Some(Value::Text(other))) => one.as_bytes().cmp(other.as_bytes()),
        (Some(Value::Blob(one)), Some(Value::Blob(other))) => one.cmp(other),
        _ => kind(one).cmp(&kind(other)),
    }
}
