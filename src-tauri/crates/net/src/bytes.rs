//! Streams of plain bytes beside a link, on its connection: for files, whose bytes would hold up frames. What is said on them is
//! not known here.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use feed::DeviceKey;
use libp2p::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

use crate::{config::BYTES_OPENING, event::LinkId, streams::Beside, wishes::Wishes};

/// A stream of bytes, both ways. It ends with its link.
#[derive(Debug)]
pub struct ByteStream(Compat<Stream>);

impl ByteStream {
    pub(crate) fn new(stream: Stream) -> Self {
        Self(stream.compat())
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A stream of bytes could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BytesError {
    /// The link is down, or never was.
    #[error("the link is down")]
    Down,
    /// Too many are being opened.
    #[error("too many streams are being opened at once")]
    TooMany,
    /// The peer does not take it, or does not answer in time.
    #[error("the peer takes no stream of bytes: {0}")]
    Refused(String),
}

/// Opens streams of bytes. Cheap to clone; it does not keep the network alive.
#[derive(Clone, Debug)]
pub struct Opener(pub(crate) Arc<Wishes>);

impl Opener {
    /// Opens a stream of bytes beside a link, within [`BYTES_OPENING`].
    ///
    /// # Errors
    ///
    /// When the link is down, the peer does not take it, or too many are being opened.
    pub async fn open(&self, link: LinkId) -> Result<ByteStream, BytesError> {
        self.open_beside(link, Beside::Bytes).await
    }

    pub(crate) async fn open_beside(&self, link: LinkId, what: Beside) -> Result<ByteStream, BytesError> {
        let (answer, opened) = oneshot::channel();
        self.0.open(link, what, answer)?;
        match timeout(BYTES_OPENING, opened).await {
            Ok(Ok(result)) => result,
            // The hub forgets those whose connection closes.
            Ok(Err(_)) => Err(BytesError::Down),
            Err(_) => Err(BytesError::Refused("it did not answer in time".into())),
        }
    }
}

/// A stream of bytes that a peer opened.
#[derive(Debug)]
pub struct Came {
    /// Beside which link.
    pub link: LinkId,
    /// By whom.
    pub device: DeviceKey,
    /// The stream.
    pub stream: ByteStream,
}

/// The streams of bytes that peers open. Whoever does not take them in time loses some, as if they had not been opened.
#[derive(Debug)]
pub struct Incoming(pub(crate) mpsc::Receiver<Came>);

impl Incoming {
    /// The next one; `None` when the network has shut down. Cancel safe.
    pub async fn next(&mut self) -> Option<Came> {
        self.0.recv().await
    }
}
