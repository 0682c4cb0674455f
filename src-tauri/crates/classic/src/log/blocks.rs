//! The log of ssb-db2, `db2/log.bipf`.
//!
//! A file of blocks of 64 KiB. A block holds records one after the other: the length of the data in two bytes, little
//! endian, and the data, which never crosses into the next block. A length of zero ends a block; what is behind it is
//! zeros. Deleting overwrites the data with zeros and leaves the length. The file grows by whole blocks, the last one is
//! written again whenever a record is added. The data is `{key, value, timestamp}` in BIPF, the value as it was signed:
//! private messages are opened in memory only. (The packages `async-append-only-log` 4.3.10, `index.js` and `record.js`,
//! and `ssb-db2` 8.1.0, `log.js` and `private.js`.)
//!
//! While deleted records are squeezed out, the block that is being overwritten lies in `log.bipf.compaction`, behind 20
//! bytes of state (`compaction.js`): to be read as one more log of this form.

use super::{Found, Window, is_zero};
use crate::bipf::Raw;
use crate::record::{Encoding, Record};

/// Size of a block, in bytes.
pub const BLOCK: usize = 64 << 10;

/// Bytes of the length before each record.
const HEAD: usize = 2;

/// How the outer object of every record begins, behind its tag: the text `key`.
const FIRST_KEY: &[u8] = b"\x18key";

/// Where in the present block the next record begins.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    at: usize,
    /// Whether it was told that the last block is not whole.
    cut_told: bool,
}

impl Blocks {
    pub(super) fn poll(&mut self, window: &mut Window) -> Option<Found> {
        loop {
            let rest = window.rest();
            if rest.is_empty() || (rest.len() < BLOCK && !window.ended) {
                return None;
            }
            let block = &rest[..rest.len().min(BLOCK)];
            let position = window.position() + self.at as u64;
            let unread = block.get(self.at..).unwrap_or_default();
            if let Some((data, size)) = record(unread) {
                self.at += size;
                if is_zero(data) {
                    return Some(Found::Deleted);
                }
                let record = Record { at: position, encoding: Encoding::Bipf, bytes: data.to_vec() };
                return Some(Found::Record(record));
            }
            let lost = if is_zero(unread) { 0 } else { resume(unread) };
            if lost > 0 {
                self.at += lost;
                self.cut_told |= self.at == block.len();
                return Some(Found::Damaged { at: position, bytes: lost as u64 });
            }
            // The app never writes a part of a block.
            if block.len() < BLOCK && !std::mem::replace(&mut self.cut_told, true) {
                return Some(Found::Damaged { at: window.position() + block.len() as u64, bytes: 0 });
            }
            self.at = 0;
            let size = block.len();
            window.advance(size);
        }
    }
}

/// The data of the record that `bytes`, the rest of a block, begins with, and the size of the record.
fn record(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let length = usize::from(u16::from_le_bytes(*head));
    let data = rest.get(..length).filter(|data| !data.is_empty())?;
    let is_sound = is_zero(data) || Raw::whole(data).is_ok_and(|raw| raw.is_object());
    is_sound.then_some((data, HEAD + length))
}

/// How many bytes to pass over until a record begins, or a block ends.
fn resume(bytes: &[u8]) -> usize {
    let begins = |at: &usize| {
        let rest = bytes.get(*at..).unwrap_or_default();
        // A tag of a record takes one to three bytes.
        let marked = (1..=3).any(|tag| rest.get(HEAD + tag..).is_some_and(|body| body.starts_with(FIRST_KEY)));
        marked && record(rest).is_some()
    };
    (1..bytes.len()).find(begins).unwrap_or(bytes.len())
}
