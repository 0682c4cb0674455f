//! The best matches rather than the newest.

use std::sync::Arc;

use social::search::Rarity;
use tokio::task::spawn_blocking;

use super::find::{MAX_FOUND, Search, SearchResult};
use crate::{Store, error::StoreError};

/// How many of the newest matches are ranked.
pub const MAX_RANKED: usize = 5000;

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
        let matches = self.matches(&asked, asked.end, MAX_RANKED).await?;
        let found = self.read_matches(&asked, matches).await?;
        let holding = self.holding(search).await?;
        let texts = self.totals().await?.messages;
        let wanted = Arc::new(search.wanted.clone());
        let limit = search.limit.clamp(1, MAX_FOUND);
        let rank = move || {
            let read: Vec<_> = found.into_iter().map(|(_, found)| (found.text.words(), found)).collect();
            let length: usize = read.iter().map(|(words, _)| words.len()).sum();
            let rarity = Rarity::new(texts, &holding, length as f64 / read.len().max(1) as f64);
            let mut scored: Vec<_> =
                read.into_iter().map(|(words, found)| (rarity.score(&words, &wanted), found)).collect();
            scored.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(b.time_ms.cmp(&a.time_ms)));
            scored.truncate(limit);
            scored.into_iter().map(|(_, found)| found).collect()
        };
        let found = spawn_blocking(rank).await.map_err(|_| StoreError::Closing)?;
        Ok(SearchResult { found, next: None })
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
