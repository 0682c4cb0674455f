//! Bounded lines over any stream.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::MAX_LINE;

/// Reads lines; a read that was given up keeps what it has, so that it can stand in a `select!`.
#[derive(Debug)]
pub(super) struct Reader<R> {
    inner: R,
    begun: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Reader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, begun: Vec::new() }
    }

    /// Reads the next line without its end; `None` when the other side has closed.
    ///
    /// # Errors
    /// When the stream fails, ends within a line, or a line is longer than [`MAX_LINE`] or not UTF-8.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        let room = (MAX_LINE + 1).saturating_sub(self.begun.len()) as u64;
        (&mut self.inner).take(room).read_until(b'\n', &mut self.begun).await?;
        let mut line = std::mem::take(&mut self.begun);
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            let why = if line.len() >= MAX_LINE { "a line is too long" } else { "the stream ended within a line" };
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        String::from_utf8(line).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// Writes `value` as one line.
///
/// # Errors
/// When the stream fails or the line would be longer than [`MAX_LINE`].
pub(super) async fn write(writer: &mut (impl AsyncWrite + Unpin), value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    if line.len() > MAX_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the line would be too long"));
    }
    line.push(b'\n');
    writer.write_all(&line).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_back_one_by_one_and_a_torn_one_is_an_error() {
        let mut lines = Reader::new(&b"one\ntwo\nthr"[..]);
        assert_eq!(lines.next().await.expect("a line").as_deref(), Some("one"));
        assert_eq!(lines.next().await.expect("a line").as_deref(), Some("two"));
        assert!(lines.next().await.is_err());
        assert_eq!(lines.next().await.expect("the end"), None);
    }

    #[tokio::test]
    async fn an_endless_line_ends_the_reading_not_the_memory() {
        let mut endless = Reader::new(tokio::io::BufReader::new(tokio::io::repeat(b'x')));
        assert!(endless.next().await.is_err());
    }

    #[tokio::test]
    async fn a_read_that_was_given_up_loses_nothing() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut lines = Reader::new(tokio::io::BufReader::new(near));
        far.write_all(b"hel").await.expect("written");
        tokio::select! {
            biased;
            line = lines.next() => panic!("a line came out of half of one: {line:?}"),
            () = tokio::task::yield_now() => {}
        }
        far.write_all(b"lo\n").await.expect("written");
        assert_eq!(lines.next().await.expect("a line").as_deref(), Some("hello"));
    }
}
