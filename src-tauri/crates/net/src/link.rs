//! One link: a stream, the bounded queue in front of it, and the task that serves both.
//!
//! The task says `LinkUp` first and `LinkDown` last, so that their order and their number hold whatever happens in between.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use feed::DeviceKey;
use libp2p::{Multiaddr, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use tokio_util::{compat::FuturesAsyncReadCompatExt, sync::CancellationToken};

use crate::{
    config::{FRAME_OVERHEAD, INCOMING_BYTES, OUTGOING_BYTES, OUTGOING_LOW, Patience, SLOWED},
    event::{DownReason, LinkId, NetEvent},
    framing::{FrameReader, FrameWriter, Pulse},
    net::SendError,
};

/// An event on its way to the driver. A received frame carries the room that it takes up, given back when it is taken.
#[derive(Debug)]
pub(crate) struct Delivery {
    event: NetEvent,
    room: Option<OwnedSemaphorePermit>,
}

impl Delivery {
    /// Hands the event over and gives its room back.
    pub(crate) fn take(self) -> NetEvent {
        drop(self.room);
        self.event
    }
}

impl From<NetEvent> for Delivery {
    fn from(event: NetEvent) -> Self {
        Self { event, room: None }
    }
}

/// The links that stand, for whoever sends.
#[derive(Debug, Default)]
pub(crate) struct LinkTable {
    links: Mutex<BTreeMap<LinkId, Arc<Outgoing>>>,
}

impl LinkTable {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkId, Arc<Outgoing>>> {
        // Nothing panics while it holds the lock.
        self.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn get(&self, link: LinkId) -> Option<Arc<Outgoing>> {
        self.lock().get(&link).cloned()
    }

    /// All of them with the host at their other end, the oldest first.
    pub(crate) fn hosts(&self) -> Vec<(LinkId, Option<IpAddr>)> {
        self.lock().iter().map(|(link, outgoing)| (*link, outgoing.host)).collect()
    }

    pub(crate) fn insert(&self, link: LinkId, outgoing: Arc<Outgoing>) {
        self.lock().insert(link, outgoing);
    }

    fn remove(&self, link: LinkId) {
        self.lock().remove(&link);
    }
}

/// What waits to be written on a link.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    queue: Mutex<Queue>,
    changed: Notify,
    /// Notified when the link may be dead.
    doubted: Notify,
    /// Cancelled when the link is to end, and when it is to end without writing anything more.
    ending: CancellationToken,
    aborted: CancellationToken,
    /// Whether little is read.
    slowed: AtomicBool,
    /// Whether nothing is read.
    held: watch::Sender<bool>,
    /// The host at the other end.
    host: Option<IpAddr>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    /// Bytes of `frames` and of the one being written, each with its overhead.
    bytes: usize,
    /// Whether something was queued since the last `Writable`.
    owes_writable: bool,
    /// Set once: nothing is queued any more, and the link ends when the queue is empty.
    closing: Option<DownReason>,
}

/// What the writer does next.
enum Next {
    Write(Vec<u8>),
    /// Nothing to write now.
    Wait,
    /// Everything is written and the link is to end.
    End,
}

impl Outgoing {
    pub(crate) fn to(host: Option<IpAddr>) -> Self {
        Self { host, ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn push(&self, frame: Vec<u8>) -> Result<(), SendError> {
        let mut queue = self.lock();
        if queue.closing.is_some() {
            return Err(SendError::Down);
        }
        if queue.bytes >= OUTGOING_BYTES {
            return Err(SendError::Full);
        }
        queue.bytes += frame.len() + FRAME_OVERHEAD;
        queue.owes_writable = true;
        queue.frames.push_back(frame);
        self.changed.notify_one();
        Ok(())
    }

    /// Ends the link once the queue is written. The first reason counts.
    pub(crate) fn close(&self, reason: DownReason) {
        self.lock().closing.get_or_insert(reason);
        // To see the other side's end.
        self.hold(false);
        self.ending.cancel();
        self.changed.notify_one();
    }

    /// Ends the link at once.
    pub(crate) fn abort(&self, reason: DownReason) {
        self.close(reason);
        self.aborted.cancel();
    }

    /// Reads little from now on, or as much as comes again.
    pub(crate) fn slow(&self, slow: bool) {
        self.slowed.store(slow, Ordering::Relaxed);
    }

    /// Reads nothing from now on, or goes on.
    pub(crate) fn hold(&self, hold: bool) {
        self.held.send_replace(hold);
    }

    /// The link may be dead: it has to give a sign of life soon.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    fn next(&self) -> Next {
        let mut queue = self.lock();
        match queue.frames.pop_front() {
            Some(frame) => Next::Write(frame),
            None if queue.closing.is_some() => Next::End,
            None => Next::Wait,
        }
    }

    /// A frame is on the wire. True when a `Writable` is due.
    fn written(&self, length: usize) -> bool {
        let mut queue = self.lock();
        queue.bytes = queue.bytes.saturating_sub(length + FRAME_OVERHEAD);
        queue.bytes <= OUTGOING_LOW && std::mem::take(&mut queue.owes_writable)
    }

    /// Completes when the link is to end and its time for writing is over.
    async fn overdue(&self, patience: Patience) {
        let flushing = async {
            self.ending.cancelled().await;
            tokio::time::sleep(patience.flush).await;
        };
        tokio::select! {
            () = self.aborted.cancelled() => {}
            () = flushing => {}
        }
    }

    /// The link has ended: why, if it was not us who wanted it to.
    fn ended(&self, reason: DownReason) -> DownReason {
        let mut queue = self.lock();
        queue.frames = VecDeque::new();
        queue.closing.get_or_insert(reason).clone()
    }
}

/// What a link task needs to know.
pub(crate) struct LinkStart {
    pub(crate) link: LinkId,
    pub(crate) device: DeviceKey,
    pub(crate) address: Multiaddr,
    pub(crate) outbound: bool,
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) table: Arc<LinkTable>,
    pub(crate) events: mpsc::Sender<Delivery>,
    pub(crate) patience: Patience,
}

/// Serves a link until it ends, and says why it did.
pub(crate) async fn run(start: LinkStart, stream: Stream) -> DownReason {
    let LinkStart { link, device, address, outbound, outgoing, table, events, patience } = start;
    let mut reason = DownReason::ShuttingDown;
    // A closed channel means that the driver is gone: then there is nobody to serve.
    if events.send(NetEvent::LinkUp { link, device, address, outbound }.into()).await.is_ok() {
        let (read, write) = tokio::io::split(stream.compat());
        let pulse = Arc::new(Pulse::default());
        reason = tokio::select! {
            reason = receive(link, read, &outgoing, &events, Arc::clone(&pulse), patience) => reason,
            reason = transmit(link, write, &outgoing, &events, patience) => reason,
            reason = listen_for_life(&outgoing, &pulse, patience) => reason,
            () = outgoing.overdue(patience) => DownReason::ShuttingDown,
        };
    }
    let reason = outgoing.ended(reason);
    table.remove(link);
    tracing::debug!(%link, %reason, "a link is down");
    let _ = events.send(NetEvent::LinkDown { link, reason: reason.clone() }.into()).await;
    reason
}

/// Completes when the link was doubted and then nothing was heard.
async fn listen_for_life(outgoing: &Outgoing, pulse: &Pulse, patience: Patience) -> DownReason {
    loop {
        outgoing.doubted.notified().await;
        if pulse.is_silent_for(patience.doubt).await {
            return DownReason::Silent(patience.doubt);
        }
    }
}

async fn receive(
    link: LinkId,
    stream: impl AsyncRead + Unpin,
    outgoing: &Outgoing,
    events: &mpsc::Sender<Delivery>,
    pulse: Arc<Pulse>,
    patience: Patience,
) -> DownReason {
    let mut held = outgoing.held.subscribe();
    let mut reader = FrameReader::new(stream, Arc::new(Semaphore::new(INCOMING_BYTES)), Arc::clone(&pulse), patience);
    loop {
        if *held.borrow_and_update() {
            // The transport makes the other side wait. Its silence is ours meanwhile.
            let _listens_not = pulse.does_not_listen();
            if held.wait_for(|held| !held).await.is_err() {
                return DownReason::ShuttingDown;
            }
        }
        match reader.next().await {
            Ok((frame, room)) => {
                let delivery = Delivery { event: NetEvent::Received { link, frame }, room: Some(room) };
                if events.send(delivery).await.is_err() {
                    return DownReason::ShuttingDown;
                }
                if outgoing.slowed.load(Ordering::Relaxed) {
                    // The transport makes the other side wait meanwhile.
                    sleep(SLOWED).await;
                }
            }
            Err(reason) => return reason,
        }
    }
}

async fn transmit(
    link: LinkId,
    stream: impl AsyncWrite + Unpin,
    outgoing: &Outgoing,
    events: &mpsc::Sender<Delivery>,
    patience: Patience,
) -> DownReason {
    let mut writer = FrameWriter::new(stream, patience);
    let written = async {
        loop {
            match outgoing.next() {
                Next::Write(frame) => {
                    writer.write(&frame).await?;
                    if outgoing.written(frame.len()) && events.send(NetEvent::Writable { link }.into()).await.is_err() {
                        return Err(DownReason::ShuttingDown);
                    }
                }
                Next::Wait => {
                    writer.flush().await?;
                    if timeout(patience.heartbeat, outgoing.changed.notified()).await.is_err() {
                        writer.write(&[]).await?;
                    }
                }
                // The other side reads to the end, then ends its side, which `receive` notices. To drop the stream, and the
                // connection with it, before that would lose what is on its way.
                Next::End => {
                    writer.close().await?;
                    std::future::pending::<()>().await;
                }
            }
        }
    };
    let written: Result<(), DownReason> = written.await;
    written.err().unwrap_or(DownReason::ShuttingDown)
}
