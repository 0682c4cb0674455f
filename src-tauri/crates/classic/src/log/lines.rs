//! JSON lines: what `peri export`, ssb-db's log streams and many a script write.

use super::{Found, MAX_RECORD, Window};
use crate::record::{Encoding, Record};

/// How far the present line was looked through.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Bytes of the present line without an end.
    searched: usize,
    /// Where a line began that is too long, and how many of its bytes are passed over.
    lost: Option<(u64, u64)>,
}

impl Lines {
    pub(super) fn poll(&mut self, window: &mut Window) -> Option<Found> {
        loop {
            let rest = window.rest();
            let end = rest.iter().skip(self.searched).position(|byte| *byte == b'\n').map(|at| at + self.searched);
            let length = end.unwrap_or(rest.len());
            if length > MAX_RECORD || self.lost.is_some() {
                // Passed over piece by piece, so that nobody has to hold it.
                let (_, lost) = self.lost.get_or_insert((window.position(), 0));
                *lost += length as u64;
                window.advance(length);
                self.searched = 0;
                if end.is_none() && !window.ended {
                    return None;
                }
                let (at, bytes) = self.lost.take()?;
                return Some(Found::Damaged { at, bytes });
            }
            if end.is_none() && (!window.ended || rest.is_empty()) {
                self.searched = rest.len();
                return None;
            }
            let (at, line) = (window.position(), rest[..length].trim_ascii().to_vec());
            window.advance(length + 1);
            self.searched = 0;
            if !line.is_empty() {
                return Some(Found::Record(Record { at, encoding: Encoding::Json, bytes: line }));
            }
        }
    }
}
