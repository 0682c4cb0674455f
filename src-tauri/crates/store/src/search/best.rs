//! The best matches rather than the newest.

use std::{collections::BTreeMap, sync::Arc};

use feed::{FeedId, json::Value, packed};
use rusqlite::{Connection, params, types::ValueRef};
use social::search::{Counted, Counter, Rarity, Term};
use tokio::task::JoinSet;

use super::find::{Asked, MAX_FOUND, Search, SearchResult};
use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, rows_to_json},
    log::LogRow,
    store::Inner,
};

/// How many of the newest matches are ranked.
pub const MAX_RANKED: usize = 5000;

/// How many more than asked for are looked at, in place of those that have changed on the disk.
const SPARE: usize = 16;

/// How many documents are looked at, for each that is ranked, where no word keeps out people whom the reader blocks.
const LOOKED_AT: i64 = 4;

/// How many of them are read in one piece, beside others.
const PIECE: usize = 1250;

/// Up to how many messages that hold a word are counted to tell how rare it is.
const MAX_RARITY: i64 = 20_000;

/// A document that was counted.
struct Ranked {
    doc: i64,
    counted: Counted,
}

impl Store {
    /// The best of the newest [`MAX_RANKED`] matches, the best first and of equals the newest: one page.
    ///
    /// They are ranked here and not by FTS5, whose `bm25` first walks every message that holds a word: that would grow with
    /// history. To rank them no more of a message is read than what it says, and of thousands only those that are shown have to be
    /// the ones that were stored.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn search_best(&self, search: &Search) -> Result<SearchResult, StoreError> {
        let Some(asked) = self.asked(search).await? else {
            return Ok(SearchResult { found: Vec::new(), next: None });
        };
        let asked = Arc::new(asked);
        let wanted: Arc<[Term]> = search.wanted.as_slice().into();
        let listed = Arc::clone(&asked);
        let documents = self.inner.direct.with(move |db| documents(db, &listed)).await?;
        let mut reading = JoinSet::new();
        for piece in documents.chunks(PIECE) {
            let piece = rows_to_json(&piece)?;
            let (inner, asked, wanted) = (Arc::clone(&self.inner), Arc::clone(&asked), Arc::clone(&wanted));
            let direct = inner.direct.clone();
            reading.spawn(async move { direct.with(move |db| count(db, &inner, &piece, &asked, &wanted)).await });
        }
        let holding = self.holding(search).await?;
        let mut ranked = Vec::with_capacity(documents.len());
        while let Some(piece) = reading.join_next().await {
            ranked.extend(piece.map_err(|_| StoreError::Closing)??);
        }
        let length: usize = ranked.iter().map(|ranked| ranked.counted.length).sum();
        let rarity = Rarity::new(self.behind().1, &holding, length as f64 / ranked.len().max(1) as f64);
        let mut scored: Vec<(f64, i64)> =
            ranked.iter().map(|ranked| (rarity.score(&ranked.counted), ranked.doc)).collect();
        scored.sort_unstable_by(|(one, a), (other, b)| other.total_cmp(one).then(b.cmp(a)));
        let limit = search.limit.clamp(1, MAX_FOUND);
        scored.truncate(limit + SPARE);
        self.best_of(&asked, &scored, limit).await
    }

    /// Reads the best documents as what they are, in their order.
    async fn best_of(&self, asked: &Asked, scored: &[(f64, i64)], limit: usize) -> Result<SearchResult, StoreError> {
        let scores: BTreeMap<i64, f64> = scored.iter().map(|(score, doc)| (*doc, *score)).collect();
        let documents: Vec<i64> = scores.keys().copied().collect();
        let matches = sqlx::query_as(
            "SELECT doc, row, feed, sequence, received, body FROM json_each(?1) AS wanted
             JOIN search_docs ON doc = wanted.value JOIN log USING (row)",
        )
        .bind(rows_to_json(&documents)?)
        .fetch_all(&self.inner.readers)
        .await?;
        let mut places = BTreeMap::new();
        let read: Vec<(LogRow, _)> = self.inner.read_filed(asked.shown(matches, &mut places)).await?;
        let mut found = asked.found(&read, &places);
        let score = |doc: &i64| scores.get(doc).copied().unwrap_or_default();
        found.sort_by(|(a, one), (b, other)| score(b).total_cmp(&score(a)).then(other.time_ms.cmp(&one.time_ms)));
        Ok(SearchResult { found: found.into_iter().take(limit).map(|(_, found)| found).collect(), next: None })
    }

    /// How many messages hold each term, up to a bound.
    async fn holding(&self, search: &Search) -> Result<Vec<u64>, StoreError> {
        let mut holding = Vec::with_capacity(search.wanted.len());
        for term in &search.wanted {
            let count = match self.expression(term).await? {
                // One term alone weighs the same for all.
                Some(expression) if search.wanted.len() > 1 => sqlx::query_scalar(
                    "SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ?1 ORDER BY rowid DESC LIMIT ?2)",
                )
                .bind(expression)
                .bind(MAX_RARITY)
                .fetch_one(&self.inner.readers)
                .await?,
                _ => 0_i64,
            };
            holding.push(count.unsigned_abs());
        }
        Ok(holding)
    }
}

/// The newest documents that match, at most [`MAX_RANKED`].
fn documents(db: &Connection, asked: &Asked) -> Result<Vec<i64>, StoreError> {
    let matching = "SELECT rowid FROM search WHERE search MATCH ?4 AND rowid >= ?1 AND rowid < ?2
         ORDER BY rowid DESC LIMIT ?3";
    let all = "SELECT doc FROM
            (SELECT doc, row FROM search_docs WHERE doc >= ?1 AND doc < ?2 ORDER BY doc DESC LIMIT ?3 * ?5)
         JOIN log USING (row) WHERE feed NOT IN (SELECT value FROM json_each(?4)) ORDER BY doc DESC LIMIT ?3";
    let mut statement = db.prepare_cached(if asked.expression.is_some() { matching } else { all })?;
    let (first, end, most) = (asked.first, asked.end, MAX_RANKED as i64);
    let documents: rusqlite::Result<Vec<i64>> = match &asked.expression {
        Some(expression) => statement.query_map(params![first, end, most, expression], |row| row.get(0))?.collect(),
        None => {
            let blocked = rows_to_json(&asked.blocked)?;
            statement.query_map(params![first, end, most, blocked, LOOKED_AT], |row| row.get(0))?.collect()
        }
    };
    Ok(documents?)
}

/// Counts the terms in documents, a JSON list; what cannot be read is left out.
fn count(
    db: &Connection,
    inner: &Inner,
    documents: &str,
    asked: &Asked,
    wanted: &[Term],
) -> Result<Vec<Ranked>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT doc, feed, body FROM json_each(?1) AS wanted JOIN search_docs ON doc = wanted.value JOIN log USING (row)",
    )?;
    let mut rows = statement.query([documents])?;
    let mut counter = Counter::default();
    let mut ranked = Vec::with_capacity(PIECE);
    let author = |feed: FeedNumber| -> Option<FeedId> { inner.shared().feeds.get(feed).map(|feed| feed.id) };
    while let Some(row) = rows.next()? {
        let (doc, feed): (i64, FeedNumber) = (row.get(0)?, row.get(1)?);
        let (Some(author), ValueRef::Blob(body)) = (author(feed), row.get_ref(2)?) else { continue };
        if asked.blocked.contains(&feed) {
            continue;
        }
        let Ok(Some(text)) = packed::unpack_content(body, author) else { continue };
        let Ok(content) = Value::parse(&text) else { continue };
        if let Some(counted) = counter.count(&content, wanted, &asked.excluded) {
            ranked.push(Ranked { doc, counted });
        }
    }
    Ok(ranked)
}
