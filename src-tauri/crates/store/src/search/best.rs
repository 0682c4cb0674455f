//! The best matches rather than the newest.

use std::{collections::BTreeMap, sync::Arc};

use social::search::{Counted, Rarity, Term};
use tokio::task::{JoinSet, spawn_blocking};

use super::find::{Asked, Found, MAX_FOUND, Search, SearchResult};
use crate::{Store, error::StoreError, feeds::rows_to_json};

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

impl Store {
    /// The best of the newest [`MAX_RANKED`] matches, the best first and of equals the newest: one page.
    ///
    /// They are ranked here and not by FTS5, whose `bm25` first walks every message that holds a word: that would grow with
    /// history.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn search_best(&self, search: &Search) -> Result<SearchResult, StoreError> {
        let Some(asked) = self.asked(search).await? else {
            return Ok(SearchResult { found: Vec::new(), next: None });
        };
        let asked = Arc::new(asked);
        let wanted = Arc::new(search.wanted.clone());
        let documents = self.documents(&asked).await?;
        let mut reading = JoinSet::new();
        for piece in documents.chunks(PIECE) {
            let piece = rows_to_json(&piece)?;
            let (store, asked, wanted) = (self.clone(), Arc::clone(&asked), Arc::clone(&wanted));
            reading.spawn(async move { store.counted(piece, asked, wanted).await });
        }
        let holding = self.holding(search).await?;
        let mut counted = Vec::with_capacity(documents.len());
        while let Some(piece) = reading.join_next().await {
            counted.extend(piece.map_err(|_| StoreError::Closing)??);
        }
        let length: usize = counted.iter().map(|(counted, _)| counted.length).sum();
        let texts = self.behind().1;
        let rarity = Rarity::new(texts, &holding, length as f64 / counted.len().max(1) as f64);
        let mut scored: Vec<_> = counted.into_iter().map(|(counted, found)| (rarity.score(&counted), found)).collect();
        scored.sort_by(|(one, (_, a)), (other, (_, b))| other.total_cmp(one).then(b.time_ms.cmp(&a.time_ms)));
        let limit = search.limit.clamp(1, MAX_FOUND);
        scored.truncate(limit + SPARE);
        // Of thousands that were ranked only those that are shown have to be the ones that were stored.
        let misfiled = self.inner.misfiled(scored.iter().map(|(_, (row, found))| (*row, found.id))).await?;
        let filed = scored.into_iter().map(|(_, found)| found).filter(|(row, _)| !misfiled.contains(row));
        Ok(SearchResult { found: filed.take(limit).map(|(_, found)| found).collect(), next: None })
    }

    /// The newest documents that match, at most [`MAX_RANKED`].
    async fn documents(&self, asked: &Asked) -> Result<Vec<i64>, StoreError> {
        let matching = "SELECT rowid FROM search WHERE search MATCH ?4 AND rowid >= ?1 AND rowid < ?2
             ORDER BY rowid DESC LIMIT ?3";
        let all = "SELECT doc FROM
                (SELECT doc, row FROM search_docs WHERE doc >= ?1 AND doc < ?2 ORDER BY doc DESC LIMIT ?3 * ?5)
             JOIN log USING (row) WHERE feed NOT IN (SELECT value FROM json_each(?4)) ORDER BY doc DESC LIMIT ?3";
        let query = sqlx::query_scalar(if asked.expression.is_some() { matching } else { all })
            .bind(asked.first)
            .bind(asked.end)
            .bind(MAX_RANKED as i64);
        let query = match &asked.expression {
            Some(expression) => query.bind(expression.as_str()),
            None => query.bind(rows_to_json(&asked.blocked)?).bind(LOOKED_AT),
        };
        Ok(query.fetch_all(&self.inner.readers).await?)
    }

    /// Reads documents, a JSON list, and counts the terms in them. Each comes with its row of the log.
    async fn counted(
        &self,
        documents: String,
        asked: Arc<Asked>,
        wanted: Arc<Vec<Term>>,
    ) -> Result<Vec<(Counted, (i64, Found))>, StoreError> {
        let matches = sqlx::query_as(
            "SELECT doc, row, feed, sequence, received, body FROM json_each(?1) AS wanted
             JOIN search_docs ON doc = wanted.value JOIN log USING (row)",
        )
        .bind(documents)
        .fetch_all(&self.inner.readers)
        .await?;
        let mut places = BTreeMap::new();
        let read = self.inner.read_rows(asked.shown(matches, &mut places)).await?;
        let count = move || {
            let rows: BTreeMap<i64, i64> = places.iter().map(|(row, doc)| (*doc, *row)).collect();
            let counted = |(doc, found): (i64, Found)| {
                Some((Counted::new(&found.text.words(), &wanted), (*rows.get(&doc)?, found)))
            };
            asked.found(&read, &places).into_iter().filter_map(counted).collect()
        };
        spawn_blocking(count).await.map_err(|_| StoreError::Closing)
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
