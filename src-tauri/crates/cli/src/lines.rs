//! Lines of bounded length, as bytes: one that is too long is skipped and said to be.

use std::io::{self, BufRead, Read};

/// Longest line of a file that we read, in bytes. A message is at most 8,192 UTF-16 units of indented JSON; with escapes and
/// an envelope that is under 64 KiB, and the rest is patience with odd layouts.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without its end.
    Whole(Vec<u8>),
    /// Longer than [`MAX_LINE`]; skipped.
    TooLong,
}

/// Reads the next line that is not blank; `None` at the end.
///
/// # Errors
/// When the reader fails.
pub(crate) fn next(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.len() > MAX_LINE && line.last() != Some(&b'\n') {
            reader.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(Line::Whole(line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_is_read() {
        let mut text = b"one\r\n\n  \n".to_vec();
        text.extend(vec![b'x'; 2 * MAX_LINE]);
        text.extend(b"\ntwo");
        let mut reader = text.as_slice();
        assert_eq!(next(&mut reader).expect("reads"), Some(Line::Whole(b"one".to_vec())));
        assert_eq!(next(&mut reader).expect("reads"), Some(Line::TooLong));
        assert_eq!(next(&mut reader).expect("reads"), Some(Line::Whole(b"two".to_vec())));
        assert_eq!(next(&mut reader).expect("reads"), None);
    }
}
