//! What links to what, under any relation, both ways.

use std::collections::BTreeSet;

use feed::MessageId;
use social::{Link, Target};

use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, rows_to_json},
    index::target_prefix,
    log::{LogRow, Stored},
    query::MAX_PAGE,
    relation::RelationKey,
};

/// How many relations to one target are followed when none is named; a hostile message may invent more.
const MAX_RELATIONS: i64 = 64;

/// The most rows that one step looks at: rows of the index and of whom they are, not what they say.
const MAX_STEP: usize = 4096;

/// How many steps a page takes at most. Where most links are by people whom the reader blocks, a page is shorter than asked
/// and its cursor goes on from there.
const MAX_STEPS: usize = 8;

/// A message that links to something.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRow {
    /// The message.
    pub stored: Stored,
    /// Under which relations, in the order of the alphabet.
    pub relations: Vec<String>,
}

/// A page of links, the newest receipt first.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkPage {
    /// The messages that link.
    pub links: Vec<LinkRow>,
    /// The row below which the next page begins; none at the end. A page may be short and still not the last.
    pub next: Option<i64>,
}

impl Store {
    /// The messages below row `before` that link to `target`, under `relation` or under any, each once, the newest receipt
    /// first; at most `limit`, and never more than [`MAX_PAGE`]. Those of people whom the reader blocks are left out.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn links_to(
        &self,
        target: &Target,
        relation: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<LinkPage, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let blocked: BTreeSet<_> = self.blocked().into_iter().collect();
        let mut before = before.unwrap_or(i64::MAX);
        let mut links: Vec<(i64, LinkRow)> = Vec::new();
        let mut length = limit + 1;
        for _ in 0..MAX_STEPS {
            let rows = self.linking_rows(target, relation, before, length).await?;
            let looked_at = rows.len();
            before = rows.last().map_or(before, |(row, _)| *row);
            let mut kept: Vec<i64> =
                rows.into_iter().filter(|(_, author)| !blocked.contains(author)).map(|(row, _)| row).collect();
            // What they say is read for one page at most.
            let is_cut = kept.len() > limit + 1;
            if is_cut {
                kept.truncate(limit + 1);
                before = kept.last().copied().unwrap_or(before);
            }
            let is_last = looked_at < length && !is_cut;
            let read = self.inner.read_filed(self.newest_first(&kept).await?).await?;
            links.extend(read.into_iter().filter_map(|(row, message)| {
                // Two ids may share the bytes that they are found by: the whole id decides.
                let links = social::read(&message).links.into_iter().filter(|link| link.target == *target);
                let relations: Vec<String> = links.map(|link| link.relation).collect();
                let is_meant =
                    relation.map_or(!relations.is_empty(), |relation| relations.iter().any(|r| r == relation));
                let stored = Stored { message, received_ms: row.received };
                is_meant.then_some((row.row, LinkRow { stored, relations }))
            }));
            if links.len() > limit || is_last {
                let is_more = links.len() > limit;
                links.truncate(limit);
                let next = links.last().map(|(row, _)| *row).filter(|_| is_more);
                return Ok(LinkPage { links: links.into_iter().map(|(_, link)| link).collect(), next });
            }
            length = (length * 4).min(MAX_STEP);
        }
        Ok(LinkPage { links: links.into_iter().map(|(_, link)| link).collect(), next: Some(before) })
    }

    /// What a message links to; none when it is not stored.
    ///
    /// # Errors
    /// When the disk refuses or the message is damaged.
    pub async fn links_from(&self, id: MessageId) -> Result<Option<Vec<Link>>, StoreError> {
        Ok(self.message(id).await?.map(|stored| social::read(&stored.message).links))
    }

    /// These rows of the log, the newest first.
    async fn newest_first(&self, rows: &[i64]) -> Result<Vec<LogRow>, StoreError> {
        let found = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM json_each(?1) AS wanted JOIN log ON row = wanted.value
             ORDER BY row DESC",
        );
        Ok(found.bind(rows_to_json(&rows)?).fetch_all(&self.inner.readers).await?)
    }

    /// The newest rows below `before` that link to `target`, by the bytes that it is found by, each with its author.
    async fn linking_rows(
        &self,
        target: &Target,
        relation: Option<&str>,
        before: i64,
        limit: usize,
    ) -> Result<Vec<(i64, FeedNumber)>, StoreError> {
        let named = "SELECT row, feed FROM
                (SELECT row FROM links WHERE target = ?1 AND row < ?2 AND relation = coalesce(?4, ?5)
                 ORDER BY row DESC LIMIT ?3)
             JOIN log USING (row) ORDER BY row DESC";
        // One step down the index for each relation, then the newest rows of each.
        let any = "WITH RECURSIVE relations (relation) AS (
                SELECT (SELECT relation FROM links WHERE target = ?1 ORDER BY relation LIMIT 1)
                UNION ALL
                SELECT (SELECT relation FROM links WHERE target = ?1 AND relation > relations.relation ORDER BY relation LIMIT 1)
                FROM relations WHERE relation IS NOT NULL LIMIT ?4)
             SELECT row, feed FROM
                (SELECT DISTINCT links.row AS row FROM relations
                 JOIN links ON links.target = ?1 AND links.relation = relations.relation AND links.row IN
                    (SELECT newest.row FROM links AS newest
                     WHERE newest.target = ?1 AND newest.relation = relations.relation AND newest.row < ?2
                     ORDER BY newest.row DESC LIMIT ?3)
                 ORDER BY links.row DESC LIMIT ?3)
             JOIN log USING (row) ORDER BY row DESC";
        let query = sqlx::query_as(if relation.is_some() { named } else { any })
            .bind(target_prefix(target))
            .bind(before)
            .bind(limit as i64);
        let query = match relation {
            Some(relation) => {
                let key = RelationKey::from(relation);
                let (known, named) = key.parameters();
                query.bind(known).bind(named.map(str::to_owned))
            }
            None => query.bind(MAX_RELATIONS),
        };
        Ok(query.fetch_all(&self.inner.readers).await?)
    }
}
