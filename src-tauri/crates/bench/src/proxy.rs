//! A wire that counts: connections to it go on to another port of this machine.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
    time::{sleep, sleep_until},
};

/// Bytes taken at once.
const ROOM: usize = 64 * 1024;
/// Nothing has come for so long: everything that was going to be said has been said. Longer than either stack waits before it
/// acknowledges (ours a second), shorter than the pause between two signs of life.
const QUIET: Duration = Duration::from_millis(1_800);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The wire. It takes no more connections when dropped; those that are there last as long as their ends.
pub(crate) struct Proxy {
    /// Where to connect to it, on 127.0.0.1.
    pub(crate) port: u16,
    /// Both ways together.
    bytes: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A wire to `port` of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) async fn to(port: u16) -> io::Result<Self> {
        Self::limited(port, u64::MAX).await
    }

    /// A wire that carries so many bytes a second, each way of each connection.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) async fn limited(port: u16, rate: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = listener.local_addr()?.port();
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = bytes.clone();
        let task = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(carry(from, port, rate, counter.clone()));
            }
        });
        Ok(Self { port: own, bytes, task })
    }

    /// What has gone over it until now, in bytes, both ways together.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The same, once nothing has gone over it for two seconds or so; what is there after `patience` if that never happens.
    pub(crate) async fn quiet(&self, patience: Duration) -> u64 {
        let begun = Instant::now();
        let mut last = (self.bytes(), begun);
        while last.1.elapsed() < QUIET && begun.elapsed() < patience {
            sleep(LOOK).await;
            if self.bytes() != last.0 {
                last = (self.bytes(), Instant::now());
            }
        }
        last.0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries one connection until either side ends it; what cannot be carried, its ends notice themselves.
async fn carry(from: TcpStream, port: u16, rate: u64, bytes: Arc<AtomicU64>) {
    let Ok(to) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    // Small frames go at once, as without a wire between.
    if from.set_nodelay(true).is_err() || to.set_nodelay(true).is_err() {
        return;
    }
    let ((from_reader, from_writer), (to_reader, to_writer)) = (from.into_split(), to.into_split());
    tokio::select! {
        _ = pour(from_reader, to_writer, rate, &bytes) => {}
        _ = pour(to_reader, from_writer, rate, &bytes) => {}
    }
}

async fn pour(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rate: u64, bytes: &AtomicU64) -> io::Result<()> {
    let mut room = vec![0; ROOM];
    // When what was carried before would have arrived over a wire of this rate.
    let mut free = Instant::now();
    loop {
        let count = from.read(&mut room).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        bytes.fetch_add(count as u64, Ordering::Relaxed);
        if rate < u64::MAX {
            free = free.max(Instant::now()) + Duration::from_secs_f64(count as f64 / rate as f64);
            sleep_until(free.into()).await;
        }
        to.write_all(&room[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_limited_wire_takes_its_time() {
        let behind = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let proxy = Proxy::limited(behind.local_addr().expect("an address").port(), 1_000_000).await.expect("a port");
        let mut near = TcpStream::connect(("127.0.0.1", proxy.port)).await.expect("it takes the call");
        let (mut far, _) = behind.accept().await.expect("the call goes on");
        let begun = Instant::now();
        near.write_all(&[7; 200_000]).await.expect("sent");
        far.read_exact(&mut [0; 200_000]).await.expect("carried");
        let took = begun.elapsed().as_secs_f64();
        assert!((0.19..2.0).contains(&took), "{took} s for a fifth of a second's worth");
    }

    #[tokio::test]
    async fn what_goes_over_it_is_carried_and_counted_both_ways() {
        let behind = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let proxy = Proxy::to(behind.local_addr().expect("an address").port()).await.expect("a port");
        let mut near = TcpStream::connect(("127.0.0.1", proxy.port)).await.expect("it takes the call");
        let (mut far, _) = behind.accept().await.expect("the call goes on");
        near.write_all(b"question").await.expect("sent");
        let mut heard = [0; 8];
        far.read_exact(&mut heard).await.expect("carried");
        assert_eq!(&heard, b"question");
        far.write_all(b"yes").await.expect("sent");
        near.read_exact(&mut heard[..3]).await.expect("carried");
        assert_eq!(&heard[..3], b"yes");
        assert_eq!(proxy.quiet(Duration::from_secs(10)).await, 11);
        drop(far);
        assert_eq!(near.read(&mut heard).await.expect("the end goes on"), 0);
    }
}
