//! Frames on a byte stream: a length as `u32`, little endian, then so many bytes. An empty frame is a heartbeat and goes no further.
//!
//! The reader trusts nothing: the length is checked before anything is allocated, memory grows with the bytes that really came,
//! and a frame that has begun has to end in time.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout_at,
};

use crate::{
    config::{EMPTY_FRAMES, EMPTY_FRAMES_WINDOW, FRAME_OVERHEAD, MAX_FIRST_FRAME, MAX_FRAME, MIN_FRAME_RATE, Patience},
    event::DownReason,
};

/// Bytes of the length prefix.
const PREFIX: usize = 4;
/// Bytes read or written at a time, and the size of either buffer.
const CHUNK: usize = 64 << 10;

/// What others may know of a reader: whether it is still being spoken to.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Reads that brought something.
    heard: AtomicU64,
    /// Whether it does not listen, because nobody takes its frames.
    deaf: AtomicBool,
}

/// While it lives, a reader does not listen.
pub(crate) struct Deaf<'a>(&'a Pulse);

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        self.0.heard.fetch_add(1, Ordering::Relaxed);
        self.0.deaf.store(false, Ordering::Relaxed);
    }
}

impl Pulse {
    /// The reader does not listen for a while: nobody may take that for silence of the other side.
    pub(crate) fn does_not_listen(&self) -> Deaf<'_> {
        self.deaf.store(true, Ordering::Relaxed);
        Deaf(self)
    }

    /// Whether nothing is heard for so long, although it is listened to.
    pub(crate) async fn is_silent_for(&self, time: Duration) -> bool {
        let before = self.heard.load(Ordering::Relaxed);
        tokio::time::sleep(time).await;
        !self.deaf.load(Ordering::Relaxed) && self.heard.load(Ordering::Relaxed) == before
    }
}

/// Reads frames of one stream.
pub(crate) struct FrameReader<R> {
    stream: BufReader<R>,
    pulse: Arc<Pulse>,
    /// Room for received frames that nobody has taken yet; see [`crate::config::INCOMING_BYTES`].
    room: Arc<Semaphore>,
    patience: Patience,
    /// Until when the first frame has to be there; `None` afterwards.
    first_until: Option<Instant>,
    /// Empty frames since a moment.
    empty: (u32, Instant),
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(stream: R, room: Arc<Semaphore>, pulse: Arc<Pulse>, patience: Patience) -> Self {
        let now = Instant::now();
        Self {
            stream: BufReader::with_capacity(CHUNK, stream),
            pulse,
            room,
            patience,
            first_until: Some(now + patience.first_frame),
            empty: (0, now),
        }
    }

    /// The next frame that is not empty, with the room that it takes up until it is dropped.
    pub(crate) async fn next(&mut self) -> Result<(Vec<u8>, OwnedSemaphorePermit), DownReason> {
        loop {
            let length = self.prefix().await?;
            if length == 0 {
                self.count_empty()?;
                continue;
            }
            let cost = u32::try_from(length + FRAME_OVERHEAD).unwrap_or(u32::MAX);
            let deaf = self.pulse.does_not_listen();
            let Ok(room) = Arc::clone(&self.room).acquire_many_owned(cost).await else {
                return Err(DownReason::ShuttingDown); // nobody closes the semaphore while the link stands
            };
            drop(deaf);
            let frame = self.body(length).await?;
            self.first_until = None;
            return Ok((frame, room));
        }
    }

    /// Reads a length, and checks it against the limit of the moment.
    async fn prefix(&mut self) -> Result<usize, DownReason> {
        let mut prefix = [0; PREFIX];
        let mut filled = 0;
        let mut until = None;
        while filled < PREFIX {
            let count = {
                let rest = prefix.get_mut(filled..).unwrap_or_default();
                within(self.stream.read(rest), until, self.first_until, self.patience.silence).await?
            };
            match (count, filled) {
                (0, 0) => return Err(DownReason::ClosedThere),
                (0, _) => return Err(truncated()),
                _ => filled += count,
            }
            self.pulse.heard.fetch_add(1, Ordering::Relaxed);
            until.get_or_insert_with(|| Instant::now() + self.patience.frame);
        }
        let limit = if self.first_until.is_some() { MAX_FIRST_FRAME } else { MAX_FRAME };
        let length = u32::from_le_bytes(prefix);
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(DownReason::FrameTooLong { length: u64::from(length), limit }),
        }
    }

    /// Reads the bytes of a frame. Memory is taken as they come, never more than twice what has come already.
    async fn body(&mut self, length: usize) -> Result<Vec<u8>, DownReason> {
        let allowed = Duration::from_secs(length as u64 / MIN_FRAME_RATE) + self.patience.frame;
        let until = Some(Instant::now() + allowed);
        let mut frame = Vec::new();
        while frame.len() < length {
            let missing = length - frame.len();
            frame.reserve_exact(missing.min(frame.len().max(CHUNK)));
            let mut rest = (&mut self.stream).take(missing as u64);
            if within(rest.read_buf(&mut frame), until, self.first_until, self.patience.silence).await? == 0 {
                return Err(truncated());
            }
            self.pulse.heard.fetch_add(1, Ordering::Relaxed);
        }
        Ok(frame)
    }

    fn count_empty(&mut self) -> Result<(), DownReason> {
        let now = Instant::now();
        if now.duration_since(self.empty.1) >= EMPTY_FRAMES_WINDOW {
            self.empty = (0, now);
        }
        self.empty.0 += 1;
        if self.empty.0 > EMPTY_FRAMES { Err(DownReason::EmptyFrames) } else { Ok(()) }
    }
}

/// One read, within what is left of a frame's time, of the first frame's time, and of a silence.
async fn within(
    read: impl Future<Output = io::Result<usize>>,
    frame_until: Option<Instant>,
    first_until: Option<Instant>,
    silence: Duration,
) -> Result<usize, DownReason> {
    let silent_at = (Instant::now() + silence, DownReason::Silent(silence));
    let frame = frame_until.map(|until| (until, DownReason::FrameTooSlow));
    let first = first_until.map(|until| (until, DownReason::NoFirstFrame));
    let (until, reason) = [frame, first].into_iter().flatten().fold(silent_at, |a, b| if b.0 < a.0 { b } else { a });
    match timeout_at(until.into(), read).await {
        Ok(read) => read.map_err(|error| broken(&error)),
        Err(_) => Err(reason),
    }
}

/// Writes frames to one stream.
pub(crate) struct FrameWriter<W> {
    stream: BufWriter<W>,
    patience: Patience,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(crate) fn new(stream: W, patience: Patience) -> Self {
        Self { stream: BufWriter::with_capacity(CHUNK, stream), patience }
    }

    /// Writes a frame into the buffer, and from there as far as it must. An empty one is a heartbeat.
    pub(crate) async fn write(&mut self, frame: &[u8]) -> Result<(), DownReason> {
        // Longer frames than a u32 can tell are refused at the door, see `Net::send`.
        let prefix = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_le_bytes();
        for piece in [prefix.as_slice()].into_iter().chain(frame.chunks(CHUNK)) {
            moving(self.stream.write_all(piece), self.patience.stall).await?;
        }
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> Result<(), DownReason> {
        moving(self.stream.flush(), self.patience.stall).await
    }

    /// Flushes, and tells the other side that nothing follows.
    pub(crate) async fn close(&mut self) -> Result<(), DownReason> {
        moving(self.stream.shutdown(), self.patience.stall).await
    }
}

async fn moving(write: impl Future<Output = io::Result<()>>, stall: Duration) -> Result<(), DownReason> {
    match tokio::time::timeout(stall, write).await {
        Ok(written) => written.map_err(|error| broken(&error)),
        Err(_) => Err(DownReason::NotReading),
    }
}

fn truncated() -> DownReason {
    DownReason::Broken("it ended within a frame".into())
}

/// In words; what a peer does to its end of a stream arrives as one of these kinds.
fn broken(error: &io::Error) -> DownReason {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DownReason::ClosedThere,
        _ => DownReason::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
