//! Keys of authors, ready for checks, with tables for those who say much.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;

use super::check::{Claim, negated_key};
use super::comb::Comb;
use super::curve::Point;
use super::lanes::Lanes;

/// Digits of the table for the base point: 7,424 multiples of 128 bytes, 928 KiB once for the process.
pub(super) const BASE_WIDTH: usize = 9;
/// Digits of the table for an author: 1,376 multiples of 128 bytes, 172 KiB each.
pub(super) const AUTHOR_WIDTH: usize = 6;

/// Multiples of the base point.
pub(super) type BaseTable = Comb<BASE_WIDTH>;
/// Multiples of −A of an author.
pub(super) type AuthorTable = Comb<AUTHOR_WIDTH>;

/// Tables kept at once: 22 MiB in all.
const MAX_TABLES: usize = 128;
/// Authors remembered with their key alone, in case they say more.
const MAX_AUTHORS: usize = 1024;
/// From this many messages on, a table pays: making one costs about as much as eleven checks without.
const TABLE_FROM: usize = 16;

pub(super) static BASE: LazyLock<Option<BaseTable>> =
    LazyLock::new(|| table(&ED25519_BASEPOINT_POINT, Lanes::detect()));

/// The table of a point. `None` never happens: every point has an encoding.
fn table<const WIDTH: usize>(point: &EdwardsPoint, lanes: Option<Lanes>) -> Option<Comb<WIDTH>> {
    Some(Comb::new(&Point::decode(point.compress().as_bytes())?, lanes))
}

/// −A of an author, with its table when there is one.
#[derive(Clone)]
pub(super) struct Key {
    negated: EdwardsPoint,
    table: Option<Arc<AuthorTable>>,
}

impl Key {
    /// The table, when there is one.
    pub(super) fn table(&self) -> Option<&AuthorTable> {
        self.table.as_deref()
    }

    /// `S·B − k·A` without tables.
    pub(super) fn commitment(&self, claim: &Claim) -> EdwardsPoint {
        EdwardsPoint::vartime_double_scalar_mul_basepoint(&claim.challenge, &self.negated, &claim.response)
    }
}

struct Author {
    key: Key,
    /// Messages seen while the author was remembered without a table.
    seen: usize,
    last_used: u64,
}

/// Remembers the authors used last; forgets the one that was idle longest.
#[derive(Default)]
pub(super) struct Cache {
    authors: BTreeMap<[u8; 32], Author>,
    tables: usize,
    uses: u64,
}

impl Cache {
    /// The key of an author of whom `count` messages are to be checked; `None` when it is not sound.
    pub(super) fn key(&mut self, encoded: &[u8; 32], count: usize, lanes: Option<Lanes>) -> Option<Key> {
        self.uses += 1;
        if !self.authors.contains_key(encoded) {
            let negated = negated_key(encoded)?;
            if self.authors.len() >= MAX_AUTHORS {
                self.forget_idle(|_| true, |authors, key| drop(authors.remove(&key)));
            }
            self.authors.insert(*encoded, Author { key: Key { negated, table: None }, seen: 0, last_used: 0 });
        }
        let author = self.authors.get_mut(encoded)?;
        author.last_used = self.uses;
        author.seen = author.seen.saturating_add(count);
        // Where all places are taken, a table in use is given up only for one that pays at once: many authors with few messages
        // each would take them from each other in turn.
        let has_place = self.tables < MAX_TABLES || count >= TABLE_FROM;
        if author.key.table.is_none() && author.seen >= TABLE_FROM && has_place {
            author.key.table = table(&author.key.negated, lanes).map(Arc::new);
            self.tables += 1;
        }
        let key = author.key.clone();
        if self.tables > MAX_TABLES {
            self.forget_idle(
                |author| author.key.table.is_some(),
                |authors, key| {
                    if let Some(author) = authors.get_mut(&key) {
                        author.key.table = None;
                        author.seen = 0;
                    }
                },
            );
        }
        Some(key)
    }

    /// Applies `forget` to the author that matches and was idle longest, and keeps the count of tables.
    fn forget_idle(
        &mut self,
        matches: impl Fn(&Author) -> bool,
        forget: impl Fn(&mut BTreeMap<[u8; 32], Author>, [u8; 32]),
    ) {
        let idle = self.authors.iter().filter(|(_, author)| matches(author)).min_by_key(|(_, author)| author.last_used);
        let Some((key, author)) = idle.map(|(key, author)| (*key, author)) else { return };
        self.tables -= usize::from(author.key.table.is_some());
        forget(&mut self.authors, key);
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} authors, {} tables", self.authors.len(), self.tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyPair;

    fn author(number: usize) -> [u8; 32] {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        *KeyPair::from_seed(&seed).feed_id().key()
    }

    #[test]
    fn an_author_gets_a_table_once_it_pays() {
        let mut cache = Cache::default();
        for _ in 1..TABLE_FROM {
            assert!(cache.key(&author(1), 1, None).unwrap().table.is_none());
        }
        assert!(cache.key(&author(1), 1, None).unwrap().table.is_some());
        assert!(cache.key(&author(2), TABLE_FROM, None).unwrap().table.is_some());
        assert!(cache.key(&[0xff; 32], 1, None).is_none());
    }

    #[test]
    fn the_cache_forgets_who_was_idle_longest_and_stays_bounded() {
        let mut cache = Cache::default();
        for number in 0..MAX_TABLES + 8 {
            cache.key(&author(0), TABLE_FROM, None).unwrap();
            cache.key(&author(number), TABLE_FROM, None).unwrap();
        }
        let tables = |cache: &Cache| cache.authors.values().filter(|author| author.key.table.is_some()).count();
        assert_eq!((cache.tables, tables(&cache)), (MAX_TABLES, MAX_TABLES));
        assert!(cache.authors[&author(0)].key.table.is_some(), "in use all the time");
        assert!(cache.authors[&author(1)].key.table.is_none(), "idle longest");
        for number in 0..MAX_AUTHORS + 50 {
            cache.key(&author(1000 + number), 1, None).unwrap();
        }
        assert_eq!(cache.authors.len(), MAX_AUTHORS);
        assert_eq!((cache.tables, tables(&cache)), (0, 0), "counted even when the whole author is forgotten");
    }
}
