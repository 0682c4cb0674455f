//! The giving end of streams of bytes: whoever may receive a message that links to a file may have it. What is said stands in
//! `docs/protocol.md`, *Blobs*.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::blobs::{Blob, BlobError, MAX_FETCHED};
use feed::{BlobId, DeviceKey, TAGGED_LEN};
use net::{ByteStream, Incoming};
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::folder::BlobFolder;
use super::take::{GET, MAX_REQUEST, answer};

/// Streams that are served at once.
const SERVED: usize = 16;
/// Of them to one device.
const SERVED_PER_DEVICE: usize = 2;
/// Streams of one device that hear that there are too many; further ones are dropped.
const TURNED_AWAY: usize = 8;
/// How long whoever opened a stream may take to say what for.
const FIRST_WORDS: Duration = Duration::from_secs(5);
/// How long the next request may take, and how long a piece may take to leave.
const PATIENCE: Duration = Duration::from_secs(30);
/// Files that are known to be whole, as far as anybody can tell without reading them again.
const VERIFIED: usize = 1_024;

/// Streams per device, whatever link it has now: served, and turned away.
type Counts = Arc<Mutex<BTreeMap<DeviceKey, (usize, usize)>>>;

/// Serves streams until it is told to stop.
pub(crate) async fn give(mut incoming: Incoming, store: Store, folder: BlobFolder, stop: CancellationToken) {
    let shelf = Arc::new(Shelf { store, folder, verified: Mutex::default() });
    let counts = Counts::default();
    let mut serving: JoinSet<()> = JoinSet::new();
    loop {
        let came = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = serving.join_next(), if !serving.is_empty() => continue,
            came = incoming.next() => match came {
                Some(came) => came,
                None => break,
            },
        };
        let (link, device, mut stream) = (came.link, came.device, came.stream);
        let Some(seat) = Seat::take(&counts, device) else { continue };
        let shelf = Arc::clone(&shelf);
        serving.spawn(async move {
            let served = async {
                let blob = timeout(FIRST_WORDS, first_words(&mut stream)).await??;
                match seat.is_served {
                    true => shelf.serve(&mut stream, device, blob).await,
                    false => say(&mut stream, &[answer::BUSY]).await,
                }
            };
            let served: io::Result<()> = served.await;
            if let Err(error) = served {
                tracing::debug!(%error, %link, "a stream for a file ended");
            }
            drop(seat);
        });
    }
    serving.shutdown().await;
}

/// A place among the streams of a device, given back when it is dropped.
struct Seat {
    counts: Counts,
    device: DeviceKey,
    is_served: bool,
}

impl Seat {
    fn take(counts: &Counts, device: DeviceKey) -> Option<Self> {
        let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let served: usize = all.values().map(|(served, _)| served).sum();
        let (here, turned_away) = all.entry(device).or_default();
        let is_served = served < SERVED && *here < SERVED_PER_DEVICE;
        if is_served {
            *here += 1;
        } else if *turned_away < TURNED_AWAY {
            *turned_away += 1;
        } else {
            return None;
        }
        Some(Self { counts: Arc::clone(counts), device, is_served })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((served, turned_away)) = all.get_mut(&self.device) {
            let count = if self.is_served { &mut *served } else { &mut *turned_away };
            *count = count.saturating_sub(1);
            if (*served, *turned_away) == (0, 0) {
                all.remove(&self.device);
            }
        }
    }
}

async fn first_words(stream: &mut ByteStream) -> io::Result<BlobId> {
    let mut words = [0; 1 + TAGGED_LEN];
    stream.read_exact(&mut words).await?;
    match words.split_first() {
        Some((&GET, id)) => BlobId::from_tagged(id).map_err(io::Error::other),
        _ => Err(io::Error::other("nobody asks so")),
    }
}

async fn say(stream: &mut ByteStream, bytes: &[u8]) -> io::Result<()> {
    timeout(PATIENCE, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    })
    .await?
}

/// The files, for whoever asks.
struct Shelf {
    store: Store,
    folder: BlobFolder,
    /// Small files that were held against their names in this session, so that nobody pays for a bad disk of ours.
    verified: Mutex<std::collections::BTreeSet<BlobId>>,
}

impl Shelf {
    async fn serve(&self, stream: &mut ByteStream, device: DeviceKey, id: BlobId) -> io::Result<()> {
        let may = self.store.may_receive_blobs(device.into(), &[id]).await.map_err(io::Error::other)?;
        if may != [true] {
            return say(stream, &[answer::NOT_FOR_YOU]).await;
        }
        let blob = match self.open(id).await {
            Ok(blob) => Arc::new(blob),
            Err(BlobError::NotHere(_)) => return say(stream, &[answer::NOT_HERE]).await,
            Err(error) => return Err(io::Error::other(error)),
        };
        let size = blob.size();
        let mut first = vec![answer::HERE];
        first.extend_from_slice(&size.to_le_bytes());
        say(stream, &first).await?;
        loop {
            let mut request = [0; 12];
            match timeout(PATIENCE, stream.read_exact(&mut request)).await? {
                Ok(_) => {}
                // It has what it wanted.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            let (offset, length) = request.split_at(8);
            let offset = u64::from_le_bytes(offset.try_into().map_err(io::Error::other)?);
            let length = u32::from_le_bytes(length.try_into().map_err(io::Error::other)?);
            let fits = offset.checked_add(u64::from(length)).is_some_and(|end| end <= size);
            if length == 0 || length > MAX_REQUEST || !fits {
                return Err(io::Error::other("it asks for bytes that are not there"));
            }
            let source = Arc::clone(&blob);
            let bytes = spawn_blocking(move || source.range(offset, length as usize)).await;
            let bytes = bytes.map_err(io::Error::other)?.map_err(io::Error::other)?;
            if bytes.len() != length as usize {
                return Err(io::Error::other("the file has become shorter"));
            }
            timeout(PATIENCE, stream.write_all(&bytes)).await??;
            stream.flush().await?;
        }
    }

    /// Opens a file. A small one is held against its name the first time; a large one is not, because that takes as long as giving
    /// it, and whoever gets it does so anyway.
    async fn open(&self, id: BlobId) -> Result<Blob, BlobError> {
        let is_known = self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
        let (blob, is_verified) = self
            .folder
            .with(move |blobs| {
                let is_small = blobs.size(&id)?.is_some_and(|size| size <= MAX_FETCHED);
                if is_small && !is_known && !blobs.verify_or_set_aside(&id)? {
                    return Err(BlobError::NotHere(id));
                }
                Ok((blobs.get(&id)?, is_small))
            })
            .await?;
        if is_verified {
            let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
            if verified.len() >= VERIFIED {
                verified.clear();
            }
            verified.insert(id);
        }
        Ok(blob)
    }
}
