//! Which messages link to a blob: what may be tidied away, and whose it is.

use std::collections::BTreeMap;

use feed::{BlobId, PersonId};
use social::Target;

use crate::{Store, error::StoreError, feeds::rows_to_json, index::target_prefix};

/// Most blobs that are asked for at once.
pub const MAX_BLOBS_ASKED: usize = 1024;

/// How many messages are counted that link to one blob: beyond, more of them make no difference.
pub const MAX_LINKS_COUNTED: u64 = 1000;

/// How many rows of links to one blob are looked at. Where there are more, the blob is taken to be the reader's own as well: what
/// is one's own is never tidied away.
const LOOKED_AT: i64 = 4 * MAX_LINKS_COUNTED as i64;

/// What the log says of a blob. By the first bytes of its hash: somebody who tries may make a blob look linked that is not, never
/// the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobLinks {
    /// Messages stored here that link to it, counted up to [`MAX_LINKS_COUNTED`].
    pub messages: u64,
    /// Whether one of the reader's own messages does, or so many do that not all were looked at.
    pub is_own: bool,
}

impl Store {
    /// How many messages link to a blob, counted up to [`MAX_LINKS_COUNTED`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn blob_link_count(&self, blob: &BlobId) -> Result<u64, StoreError> {
        Ok(self.blob_links(&[*blob]).await?.get(blob).map_or(0, |links| links.messages))
    }

    /// What the log says of many blobs at once: of the first [`MAX_BLOBS_ASKED`]. Blobs that nothing links to are there too.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn blob_links(&self, blobs: &[BlobId]) -> Result<BTreeMap<BlobId, BlobLinks>, StoreError> {
        let asked = blobs.get(..MAX_BLOBS_ASKED).unwrap_or(blobs);
        let prefixes: Vec<i64> = asked.iter().map(|blob| target_prefix(&Target::Blob(*blob))).collect();
        let me = self.inner.shared().feeds.number(&self.inner.me);
        // A message that links twice under two relations has two rows.
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT
                (SELECT count(*) FROM
                    (SELECT DISTINCT row FROM (SELECT row FROM links WHERE target = blob.value LIMIT ?4) LIMIT ?2)),
                (SELECT coalesce(max(feed = ?3), 0) OR count(*) >= ?4
                 FROM (SELECT row FROM links WHERE target = blob.value LIMIT ?4) JOIN log USING (row))
             FROM json_each(?1) AS blob ORDER BY blob.key",
        )
        .bind(rows_to_json(&prefixes)?)
        .bind(MAX_LINKS_COUNTED as i64)
        .bind(me.unwrap_or_default())
        .bind(LOOKED_AT)
        .fetch_all(&self.inner.readers)
        .await?;
        let links = |(messages, own): (i64, i64)| BlobLinks { messages: messages.unsigned_abs(), is_own: own != 0 };
        Ok(asked.iter().copied().zip(rows.into_iter().map(links)).collect())
    }

    /// For each of the first [`MAX_BLOBS_ASKED`] blobs, whether a message links to it that `person` may receive from here: neither
    /// does the reader block its author, nor its author that person. Nobody whom the reader blocks may receive anything.
    ///
    /// While indexes are filled again, links may be missing: that refuses, and never gives too much.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn may_receive_blobs(&self, person: PersonId, blobs: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        let asked = blobs.get(..MAX_BLOBS_ASKED).unwrap_or(blobs);
        let me = PersonId::from(self.inner.me);
        let kept_back = {
            let shared = self.inner.shared();
            if shared.graph.is_blocking(&me, &person) {
                return Ok(vec![false; asked.len()]);
            }
            let authors: Vec<PersonId> = shared.graph.blocks(&me).chain(shared.graph.blockers(&person)).collect();
            shared.numbers(&authors)
        };
        let prefixes: Vec<i64> = asked.iter().map(|blob| target_prefix(&Target::Blob(*blob))).collect();
        let rows: Vec<(bool,)> = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM (SELECT row FROM links WHERE target = blob.value LIMIT ?3) JOIN log USING (row)
                            WHERE feed NOT IN (SELECT value FROM json_each(?2)))
             FROM json_each(?1) AS blob ORDER BY blob.key",
        )
        .bind(rows_to_json(&prefixes)?)
        .bind(rows_to_json(&kept_back)?)
        .bind(LOOKED_AT)
        .fetch_all(&self.inner.readers)
        .await?;
        Ok(rows.into_iter().map(|(may,)| may).collect())
    }
}
