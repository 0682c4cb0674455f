//! Lines of bounded length, as bytes: one that is too long is skipped and said to be.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use memchr::memchr;

/// Longest line of a file that we read, in bytes. A message is at most 8,192 UTF-16 units of indented JSON; with escapes and
/// an envelope that is under 64 KiB, and the rest is patience with odd layouts.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// A line of which so many bytes are skipped without an end has none, in bytes.
const MAX_SKIPPED: usize = 256 << 20;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Where it stands, without its end.
    Whole(Range<usize>),
    /// Longer than [`MAX_LINE`]; skipped.
    TooLong,
}

/// Reads the next line that is not blank and puts it behind what is in `text`; `None` when there is no more.
///
/// # Errors
/// When the reader fails, and [`io::ErrorKind::InvalidData`] when a line seems to have no end.
pub(crate) fn next(reader: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<Option<Line>> {
    let start = text.len();
    loop {
        if reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', text)? == 0 {
            return Ok(None);
        }
        let line = text.get(start..).unwrap_or_default();
        if line.len() > MAX_LINE && line.last() != Some(&b'\n') {
            text.truncate(start);
            skip(reader, MAX_SKIPPED)?;
            return Ok(Some(Line::TooLong));
        }
        let ends = line.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        if line.trim_ascii().is_empty() {
            text.truncate(start);
        } else {
            text.truncate(text.len() - ends);
            return Ok(Some(Line::Whole(start..text.len())));
        }
    }
}

/// Skips the rest of a line, of at most `most` bytes.
fn skip(reader: &mut impl BufRead, most: usize) -> io::Result<()> {
    let mut skipped = 0;
    while skipped <= most {
        let buffer = reader.fill_buf()?;
        let (found, end) = (memchr(b'\n', buffer), buffer.len());
        reader.consume(found.map_or(end, |at| at + 1));
        if found.is_some() || end == 0 {
            return Ok(());
        }
        skipped += end;
    }
    let words = format!(
        "a line has more than {} MiB and no end in sight; each message is to be on a line of its own",
        most >> 20
    );
    Err(io::Error::new(io::ErrorKind::InvalidData, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_is_read() {
        let mut text = b"one\r\n\n  \n".to_vec();
        text.extend(vec![b'x'; 2 * MAX_LINE]);
        text.extend(b"\ntwo");
        let (mut reader, mut read) = (text.as_slice(), Vec::new());
        assert_eq!(next(&mut reader, &mut read).expect("reads"), Some(Line::Whole(0..3)));
        assert_eq!(next(&mut reader, &mut read).expect("reads"), Some(Line::TooLong));
        assert_eq!(next(&mut reader, &mut read).expect("reads"), Some(Line::Whole(3..6)));
        assert_eq!(next(&mut reader, &mut read).expect("reads"), None);
        assert_eq!(read, b"onetwo");
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let skipped = |text: &[u8], most| {
            let mut reader = text;
            skip(&mut reader, most).map(|()| reader.len())
        };
        assert_eq!(skipped(b"rest of it\nnext", 100).expect("ends"), 4);
        assert_eq!(skipped(b"rest of it", 100).expect("ends"), 0);
        let endless = vec![b'x'; 4 * MAX_LINE];
        let error = skipped(&endless, 2 * MAX_LINE).expect_err("no end");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
