//! The getting end of a stream of bytes. What is said on it stands in `docs/protocol.md`, *Blobs*.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::blobs::{BlobError, Partial};
use net::{ByteStream, Opener};
use node::blob_sync::Ending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Fetch;

/// The first byte on a stream: bytes of one blob are asked for.
pub(super) const GET: u8 = 1;
/// Bytes asked for at once, at most [`MAX_REQUEST`].
const PIECE: u64 = 256 << 10;
/// Most bytes that may be asked for at once.
pub(super) const MAX_REQUEST: u32 = 1 << 20;
/// How long an answer, or the next bytes, may take.
const REST: Duration = Duration::from_secs(10);
/// What is asked for ahead of what has come: as much as comes in a quarter of a second, within these bounds. So the queue of a slow
/// link, behind which a live post would wait, stays short.
const AHEAD: std::ops::RangeInclusive<u64> = PIECE..=(2 << 20);
const AHEAD_FOR: Duration = Duration::from_millis(250);
/// Pieces that wait for the disk.
const PIECES: usize = 3;
/// How often the loop hears how far it is.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Answers of the giving end.
pub(super) mod answer {
    /// Here it is; its size follows.
    pub(crate) const HERE: u8 = 0;
    /// It is not here.
    pub(crate) const NOT_HERE: u8 = 1;
    /// It is not for whoever asks.
    pub(crate) const NOT_FOR_YOU: u8 = 2;
    /// Too many are served; later.
    pub(crate) const BUSY: u8 = 3;
}

/// Takes a part of a blob from one source; up to where it came, and how that ended. `until` may become less meanwhile.
pub(super) async fn take(
    opener: &Opener,
    fetch: &Fetch,
    until: Arc<AtomicU64>,
    partial: Partial,
    took: impl FnMut(u64) + Send,
) -> (u64, Ending) {
    let mut stream = match opener.open(fetch.link).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, blob = %fetch.blob, "no stream for a file");
            return (fetch.from, Ending::Cut);
        }
    };
    let written = Arc::new(AtomicU64::new(fetch.from));
    let (full, filled) = mpsc::channel(PIECES);
    let (free, empty) = mpsc::channel(PIECES + 1);
    let writing = spawn_blocking({
        let written = Arc::clone(&written);
        move || write(&partial, filled, &free, &written)
    });
    let read = read(&mut stream, fetch, &until, Buffers { full, empty }, &written, took).await;
    // The channel is closed now: what has come is written to its end.
    let result = writing.await.unwrap_or_else(|error| Err(BlobError::Source(io::Error::other(error))));
    let _ = stream.shutdown().await;
    let at = written.load(Ordering::Relaxed);
    match (result, read) {
        (Err(error), _) => {
            tracing::warn!(%error, blob = %fetch.blob, "a file that comes in cannot be written");
            (at, Ending::NoRoom)
        }
        (Ok(()), Ok(how)) => (at, how),
        (Ok(()), Err(error)) => {
            tracing::debug!(%error, blob = %fetch.blob, "a file broke off");
            (at, Ending::Cut)
        }
    }
}

/// Buffers on their way to the disk and back.
struct Buffers {
    full: mpsc::Sender<(u64, Vec<u8>)>,
    empty: mpsc::Receiver<Vec<u8>>,
}

fn write(
    partial: &Partial,
    mut filled: mpsc::Receiver<(u64, Vec<u8>)>,
    free: &mpsc::Sender<Vec<u8>>,
    written: &AtomicU64,
) -> Result<(), BlobError> {
    while let Some((at, bytes)) = filled.blocking_recv() {
        partial.write(at, &bytes)?;
        written.store(at + bytes.len() as u64, Ordering::Relaxed);
        let _ = free.try_send(bytes);
    }
    partial.note()
}

async fn read(
    stream: &mut ByteStream,
    fetch: &Fetch,
    until: &AtomicU64,
    mut buffers: Buffers,
    written: &AtomicU64,
    mut took: impl FnMut(u64),
) -> io::Result<Ending> {
    let mut said = vec![GET];
    said.extend_from_slice(&fetch.blob.to_tagged());
    let (mut asked, mut at) = (fetch.from, fetch.from);
    let mut under_way: VecDeque<u32> = VecDeque::new();
    let mut pace = Pace::new();
    let mut is_open = false;
    let mut told = Instant::now();
    loop {
        let goal = until.load(Ordering::Relaxed);
        while asked < goal && asked - at < pace.ahead() {
            let length = PIECE.min(goal - asked) as u32;
            said.extend_from_slice(&asked.to_le_bytes());
            said.extend_from_slice(&length.to_le_bytes());
            under_way.push_back(length);
            asked += u64::from(length);
        }
        if !said.is_empty() {
            within(async {
                stream.write_all(&said).await?;
                stream.flush().await
            })
            .await?;
            said.clear();
        }
        if !is_open {
            match within(stream.read_u8()).await? {
                answer::HERE => {}
                answer::NOT_HERE | answer::NOT_FOR_YOU => return Ok(Ending::NotHere),
                answer::BUSY => return Ok(Ending::Busy),
                other => return Err(io::Error::other(format!("an answer {other} that nobody gives"))),
            }
            let size = within(stream.read_u64_le()).await?;
            if size != fetch.size {
                return Ok(Ending::Size(size));
            }
            is_open = true;
        }
        // Nothing is under way and nothing more is wanted.
        let Some(length) = under_way.pop_front() else { return Ok(Ending::Done) };
        let mut bytes = buffers.empty.try_recv().unwrap_or_default();
        bytes.resize(length as usize, 0);
        let filled = fill(stream, &mut bytes).await;
        if let Err((error, some)) = filled {
            // What came of it counts: over a slow link it may never come in one piece.
            bytes.truncate(some);
            if some > 0 {
                let _ = buffers.full.send((at, bytes)).await;
            }
            return Err(error);
        }
        if buffers.full.send((at, bytes)).await.is_err() {
            // The disk refused; the thread says how.
            return Ok(Ending::NoRoom);
        }
        at += u64::from(length);
        pace.came(u64::from(length), Instant::now());
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            took(written.load(Ordering::Relaxed));
        }
    }
}

/// Fills the buffer, however slowly bytes come; an error with how many came until then.
async fn fill(stream: &mut ByteStream, bytes: &mut [u8]) -> Result<(), (io::Error, usize)> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match within(stream.read(rest)).await {
            Ok(0) => return Err((io::ErrorKind::UnexpectedEof.into(), filled)),
            Ok(read) => filled += read,
            Err(error) => return Err((error, filled)),
        }
    }
    Ok(())
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(REST, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// How fast bytes come.
struct Pace {
    since: Instant,
    bytes: u64,
    ahead: u64,
}

impl Pace {
    fn new() -> Self {
        Self { since: Instant::now(), bytes: 0, ahead: *AHEAD.start() * 2 }
    }

    fn ahead(&self) -> u64 {
        self.ahead
    }

    fn came(&mut self, bytes: u64, now: Instant) {
        self.bytes += bytes;
        let time = now.saturating_duration_since(self.since);
        if time >= AHEAD_FOR / 5 {
            let brings = u128::from(self.bytes) * AHEAD_FOR.as_micros() / time.as_micros().max(1);
            let brings = u64::try_from(brings).unwrap_or(u64::MAX);
            // Half the old and half the new, so that one slow moment does not stop it.
            self.ahead = (self.ahead / 2 + brings / 2).clamp(*AHEAD.start(), *AHEAD.end());
            (self.since, self.bytes) = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_source_is_asked_for_little_ahead_and_a_fast_one_for_much() {
        let mut pace = Pace::new();
        let mut now = Instant::now();
        for _ in 0..20 {
            now += Duration::from_millis(1_000);
            pace.came(PIECE, now);
        }
        assert_eq!(pace.ahead(), *AHEAD.start());
        for _ in 0..2_000 {
            now += Duration::from_millis(1);
            pace.came(PIECE, now);
        }
        assert_eq!(pace.ahead(), *AHEAD.end());
    }
}
