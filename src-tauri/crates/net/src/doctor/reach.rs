//! Whether a neighbour can connect to this device, and what its clock says: one question on a stream of its own beside a link.
//!
//! `docs/protocol.md` has the bytes. Whoever is asked connects to the host that asks and to no other, so nobody is made to knock at a third
//! one's door.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

use super::{Neighbour, PATIENCE};
use crate::{
    bytes::{ByteStream, Opener},
    event::LinkId,
    streams::Beside,
    wishes::Wishes,
};

const VERSION: u8 = 1;
const REACHED: u8 = 1;
const NOT_REACHED: u8 = 0;
const NOT_TRIED: u8 = 2;

/// Ports below this belong to the system, and no device listens there.
const FIRST_PORT: u16 = 1_024;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a question may take to arrive.
const QUESTION: Duration = Duration::from_secs(2);
/// Questions that are answered at once; others are dropped.
const AT_ONCE: usize = 4;
/// How long after a question of a link the next one is answered: longer than one may hold its place.
const PAUSE: Duration = Duration::from_secs(4);

/// Asks the neighbour at the other end of a link. None when it does not answer, as earlier versions do not.
pub(super) async fn ask(wishes: Arc<Wishes>, link: LinkId, port: Option<u16>) -> Option<Neighbour> {
    let question = async {
        let mut stream = Opener(wishes).open_beside(link, Beside::Reach).await.ok()?;
        let [low, high] = port.unwrap_or(0).to_le_bytes();
        stream.write_all(&[VERSION, low, high]).await.ok()?;
        stream.flush().await.ok()?;
        let reached = match stream.read_u8().await.ok()? {
            REACHED => Some(true),
            NOT_REACHED => Some(false),
            _ => None,
        };
        // Read just after it was said; how long the answer travelled does not matter to a clock that is off by minutes.
        let (theirs, ours) = (stream.read_u64_le().await.ok()?, now_ms());
        let clock_ahead_ms = i64::try_from(i128::from(theirs) - i128::from(ours)).ok()?;
        Some(Neighbour { reached, clock_ahead_ms })
    };
    timeout(PATIENCE, question).await.ok().flatten()
}

/// Answers neighbours that ask.
#[derive(Debug)]
pub(crate) struct Answering {
    room: Arc<Semaphore>,
    /// When each link asked last.
    asked: BTreeMap<LinkId, Instant>,
}

impl Default for Answering {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), asked: BTreeMap::new() }
    }
}

impl Answering {
    /// Answers a question that came from `host`, or drops it: one that comes too early, too, so that no link takes all places.
    pub(crate) fn answer(&mut self, link: LinkId, host: IpAddr, stream: ByteStream, now: Instant) {
        if self.asked.get(&link).is_some_and(|last| now.duration_since(*last) < PAUSE) {
            return;
        }
        self.asked.insert(link, now);
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return };
        tokio::spawn(async move {
            let answer = answer(stream, host);
            if let Ok(Err(error)) = timeout(PATIENCE, answer).await {
                tracing::debug!(%link, %error, "a neighbour's question was not answered");
            }
            drop(room);
        });
    }

    /// A link is gone.
    pub(crate) fn forget(&mut self, link: LinkId) {
        self.asked.remove(&link);
    }
}

async fn answer(mut stream: ByteStream, host: IpAddr) -> io::Result<()> {
    let mut question = [0; 3];
    timeout(QUESTION, stream.read_exact(&mut question)).await??;
    let [version, low, high] = question;
    let port = u16::from_le_bytes([low, high]);
    let reached = match version == VERSION && port >= FIRST_PORT {
        false => NOT_TRIED,
        true => match timeout(CONNECT, TcpStream::connect(SocketAddr::new(host, port))).await {
            Ok(Ok(_)) => REACHED,
            Ok(Err(_)) | Err(_) => NOT_REACHED,
        },
    };
    stream.write_u8(reached).await?;
    stream.write_u64_le(now_ms()).await?;
    stream.flush().await?;
    stream.shutdown().await
}

/// Milliseconds since 1970; zero before.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
