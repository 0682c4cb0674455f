//! Keys of authors, ready for checks, with tables for those who say much.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED;

use super::check::{Negated, negated_keys};
use super::comb::Comb;
use super::curve::Point;
use super::lanes::Lanes;

/// Digits of the table for the base point: 7,424 multiples of 128 bytes, 928 KiB once for the process.
pub(super) const BASE_WIDTH: usize = 9;
/// Digits of the table for an author: 816 multiples of 128 bytes, 102 KiB each. With digits of 6 bits it takes 172 KiB and half
/// as long again to make; a check is 5 to 15 % quicker, and an import of a hundred authors was not.
pub(super) const AUTHOR_WIDTH: usize = 5;

/// Multiples of the base point.
pub(super) type BaseTable = Comb<BASE_WIDTH>;
/// Multiples of −A of an author.
pub(super) type AuthorTable = Comb<AUTHOR_WIDTH>;

/// Tables kept at once: 13 MiB in all.
const MAX_TABLES: usize = 128;
/// Authors remembered with their key alone, in case they say more.
const MAX_AUTHORS: usize = 1024;
/// From this many messages on, a table pays: making one costs about as much as eleven checks without, or twenty in lanes.
const TABLE_FROM: usize = 16;

pub(super) static BASE: LazyLock<Option<BaseTable>> = LazyLock::new(|| {
    // `None` never happens: it is a point.
    Some(Comb::new(&Point::decode(ED25519_BASEPOINT_COMPRESSED.as_bytes())?, Lanes::detect()))
});

/// −A of an author, with its table when there is one.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) negated: Negated,
    table: Option<Arc<AuthorTable>>,
}

impl Key {
    /// The table, when there is one.
    pub(super) fn table(&self) -> Option<&AuthorTable> {
        self.table.as_deref()
    }
}

struct Author {
    key: Key,
    /// Messages seen while the author was remembered without a table.
    seen: usize,
    last_used: u64,
}

/// Remembers the authors used last; forgets the one that was idle longest.
pub(super) struct Cache {
    authors: BTreeMap<[u8; 32], Author>,
    /// The authors by when they were used last.
    by_use: BTreeMap<u64, [u8; 32]>,
    tables: usize,
    uses: u64,
    lanes: Option<Lanes>,
}

impl Cache {
    /// An empty one. `lanes` are used where keys and tables are made.
    pub(super) fn new(lanes: Option<Lanes>) -> Self {
        Self { authors: BTreeMap::new(), by_use: BTreeMap::new(), tables: 0, uses: 0, lanes }
    }

    /// Whether the key of an author is at hand.
    pub(super) fn remembers(&self, encoded: &[u8; 32]) -> bool {
        self.authors.contains_key(encoded)
    }

    /// The key of an author of whom `count` messages are to be checked; `None` when it is not sound. `negated` is what
    /// [`negated_keys`] says of it, when that is known.
    pub(super) fn key(&mut self, encoded: &[u8; 32], count: usize, negated: Option<&Option<Negated>>) -> Option<Key> {
        self.uses += 1;
        if let Some(author) = self.authors.get(encoded) {
            self.by_use.remove(&author.last_used);
        } else {
            let negated = match negated {
                Some(negated) => (*negated)?,
                None => negated_keys(self.lanes, &[*encoded]).pop()??,
            };
            if self.authors.len() >= MAX_AUTHORS
                && let Some((_, idle)) = self.by_use.pop_first()
                && let Some(author) = self.authors.remove(&idle)
            {
                self.tables -= usize::from(author.key.table.is_some());
            }
            self.authors.insert(*encoded, Author { key: Key { negated, table: None }, seen: 0, last_used: 0 });
        }
        self.by_use.insert(self.uses, *encoded);
        let author = self.authors.get_mut(encoded)?;
        author.last_used = self.uses;
        author.seen = author.seen.saturating_add(count);
        // Where all places are taken, a table in use is given up only for one that pays at once: many authors with few messages
        // each would take them from each other in turn.
        let has_place = self.tables < MAX_TABLES || count >= TABLE_FROM;
        if author.key.table.is_none() && author.seen >= TABLE_FROM && has_place {
            author.key.table = author.key.negated.point().map(|point| Arc::new(Comb::new(&point, self.lanes)));
            self.tables += 1;
        }
        let key = author.key.clone();
        if self.tables > MAX_TABLES {
            self.forget_idle_table();
        }
        Some(key)
    }

    /// Forgets the table that was idle longest.
    fn forget_idle_table(&mut self) {
        for idle in self.by_use.values() {
            if let Some(author) = self.authors.get_mut(idle)
                && author.key.table.take().is_some()
            {
                author.seen = 0;
                self.tables -= 1;
                return;
            }
        }
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
        let mut cache = Cache::new(None);
        for _ in 1..TABLE_FROM {
            assert!(cache.key(&author(1), 1, None).unwrap().table.is_none());
        }
        assert!(cache.key(&author(1), 1, None).unwrap().table.is_some());
        assert!(cache.key(&author(2), TABLE_FROM, None).unwrap().table.is_some());
        assert!(cache.key(&[0xff; 32], 1, None).is_none());
    }

    #[test]
    fn the_cache_forgets_who_was_idle_longest_and_stays_bounded() {
        let mut cache = Cache::new(None);
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
