//! Which rows of the log hold messages of which type: a bit for each row.

use std::{borrow::Cow, collections::BTreeMap};

use social::Kind;

use crate::{error::StoreError, write::Writing};

/// Rows of one bit map.
pub(super) const BLOCK: i64 = 1024;
/// Bytes of one bit map.
const BYTES: usize = BLOCK as usize / 8;

/// The type of a message as its content names it; `box` for one that is sealed.
pub fn type_name(kind: &Kind) -> &str {
    match kind {
        Kind::Other(name) => name,
        known => known_name(known).unwrap_or_default(),
    }
}

/// [`type_name`], to be kept without the rest.
pub(crate) fn take_type_name(kind: &mut Kind) -> Cow<'static, str> {
    match kind {
        Kind::Other(name) => Cow::Owned(std::mem::take(name)),
        known => Cow::Borrowed(known_name(known).unwrap_or_default()),
    }
}

fn known_name(kind: &Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Post(_) => "post",
        Kind::About(_) => "about",
        Kind::Contact(_) => "contact",
        Kind::Vote(_) => "vote",
        Kind::Channel(_) => "channel",
        Kind::Pub(_) => "pub",
        Kind::Blog(_) => "blog",
        Kind::Sealed => "box",
        Kind::Other(_) => return None,
    })
}

/// Some rows of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits([u8; BYTES]);

impl Bits {
    pub(super) fn read(stored: &[u8]) -> Result<Self, StoreError> {
        stored.try_into().map(Self).map_err(|_| StoreError::BadValue("rows of a type"))
    }

    fn set(&mut self, row: i64) {
        let bit = row.rem_euclid(BLOCK) as usize;
        self.0[bit / 8] |= 1 << (bit % 8);
    }

    pub(super) fn holds(&self, row: i64) -> bool {
        let bit = row.rem_euclid(BLOCK) as usize;
        self.0[bit / 8] & 1 << (bit % 8) != 0
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, more)| *byte |= more);
    }
}

/// Rows by type, on their way into the index.
#[derive(Debug, Default)]
pub(crate) struct KindRows<'a>(BTreeMap<(&'a str, i64), Bits>);

impl<'a> KindRows<'a> {
    /// Adds a message's row.
    pub(crate) fn add(&mut self, kind: &'a str, row: i64) {
        self.0.entry((kind, row.div_euclid(BLOCK))).or_insert(Bits([0; BYTES])).set(row);
    }

    /// Writes the rows, beside those that are there: in whatever order they come, and how often. Part of the transaction
    /// that writes their messages.
    pub(crate) fn write(&self, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        for ((kind, block), bits) in &self.0 {
            let mut bits = *bits;
            let stored: Option<Vec<u8>> =
                writing.value("SELECT rows FROM kinds WHERE kind = ?1 AND block = ?2", (kind, block))?;
            if let Some(stored) = stored {
                bits.add(&Bits::read(&stored)?);
            }
            writing.run(
                "INSERT INTO kinds (kind, block, rows) VALUES (?1, ?2, ?3)
                 ON CONFLICT (kind, block) DO UPDATE SET rows = excluded.rows",
                (kind, block, bits.0.as_slice()),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_holds_exactly_the_rows_put_into_it(rows in proptest::collection::btree_set(0..BLOCK, 0..60)) {
            let mut halves = [Bits([0; BYTES]); 2];
            rows.iter().enumerate().for_each(|(at, row)| halves[at % 2].set(*row + 7 * BLOCK));
            let [mut bits, more] = halves;
            bits.add(&more);
            let bits = Bits::read(&bits.0).expect("as long as it was written");
            prop_assert!((0..BLOCK).all(|row| bits.holds(row) == rows.contains(&row)));
        }
    }
}
