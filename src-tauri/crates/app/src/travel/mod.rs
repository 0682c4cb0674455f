//! Files on their way: carries out what the node's machine for blobs asks for, with the disk and streams of bytes.
//!
//! Nothing here decides whom to ask or what to believe; `replication::blobs` does. Each fetch and each stream that a peer opens is a
//! task of its own, with a thread for the disk behind it, so that no file holds up the loop.

mod folder;
mod give;
mod room;
mod take;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::blobs::{BlobError, Blobs, Finished, Partial, SavedWant};
use feed::BlobId;
use net::{LinkId, Opener};
use node::Input;
use node::blob_sync::{self as sync, Ending, Found, JobId, Judgement, Named, Order, Report, Why, Wish};
use store::Store;
use tokio::sync::{Mutex, OnceCell, mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

pub(crate) use self::folder::BlobFolder;
pub(crate) use self::give::give;
pub(crate) use self::room::{EachError, Standing, each_blob};
use crate::drive::Done;

/// Reports of progress that wait for the loop; further ones are left out.
const PROGRESS: usize = 64;

/// Blobs whose last order is remembered before those that are over are forgotten.
const ORDERS: usize = 256;

/// A fetch under way.
struct Running {
    blob: BlobId,
    until: Arc<AtomicU64>,
    stop: CancellationToken,
}

/// A blob that is being taken in, opened by the first fetch of it.
#[derive(Clone)]
struct Taking {
    size: u64,
    partial: Arc<OnceCell<Partial>>,
}

/// Whoever carries out the machine's orders.
pub(crate) struct Travel {
    store: Store,
    folder: BlobFolder,
    opener: Option<Opener>,
    running: BTreeMap<JobId, Running>,
    taking: BTreeMap<BlobId, Taking>,
    /// The end of the newest order that touches the files of a blob: the next one waits for it.
    order: BTreeMap<BlobId, oneshot::Receiver<()>>,
    /// Which save came last; an older one that runs late is left out.
    saves: u64,
    saved: Arc<Mutex<u64>>,
    progress: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    /// Cancelled at the end.
    stop: CancellationToken,
}

impl Travel {
    pub(crate) fn new(store: Store, folder: BlobFolder, opener: Option<Opener>) -> Self {
        Self {
            store,
            folder,
            opener,
            running: BTreeMap::new(),
            taking: BTreeMap::new(),
            order: BTreeMap::new(),
            saves: 0,
            saved: Arc::default(),
            progress: mpsc::channel(PROGRESS),
            stop: CancellationToken::new(),
        }
    }

    /// What a fetch tells while it goes on. Cancel safe.
    pub(crate) async fn progress(&mut self) -> Input {
        match self.progress.1.recv().await {
            Some(report) => Input::Blobs(sync::Input::Report(report)),
            None => std::future::pending().await,
        }
    }

    /// Ends every fetch. What has come stays for the next session.
    pub(crate) fn end(&mut self) {
        self.stop.cancel();
        self.running.clear();
        self.taking.clear();
    }

    /// Starts what is asked for; its result comes back as an input.
    pub(crate) fn order(&mut self, order: Order, tasks: &mut JoinSet<Done>) {
        match order {
            Order::Look { blob, by_hand } => {
                let folder = self.folder.clone();
                tasks.spawn(async move {
                    let found = folder.with(move |blobs| look(blobs, &blob, by_hand)).await.unwrap_or_else(|error| {
                        tracing::warn!(%error, %blob, "it could not be looked up; it is fetched anew");
                        Found::Absent
                    });
                    report(Report::Looked { blob, found })
                });
            }
            Order::Judge { link, device, blobs } => {
                let (store, folder) = (self.store.clone(), self.folder.clone());
                tasks.spawn(async move {
                    let may = store.may_receive_blobs(device.into(), &blobs).await.unwrap_or_else(|error| {
                        tracing::warn!(%error, "it could not be looked up who may have which file: nobody may");
                        vec![false; blobs.len()]
                    });
                    let judged = folder.with(move |folder| Ok(judge(folder, &blobs, &may))).await;
                    report(Report::Judged { link, answers: judged.unwrap_or_default() })
                });
            }
            Order::Fetch { job, link, blob, size, from, until, by_hand } => {
                self.fetch(Fetch { job, link: LinkId(link.0), blob, size, from, by_hand }, until, tasks);
            }
            Order::Shorten { job, until } => {
                if let Some(running) = self.running.get(&job) {
                    running.until.fetch_min(until, Ordering::Relaxed);
                }
            }
            Order::Stop { job } => {
                if let Some(running) = self.running.remove(&job) {
                    running.stop.cancel();
                }
            }
            Order::Again { blob } | Order::GiveUp { blob } => {
                // At once, so that what is on its way to the disk, or being named, goes no further.
                if let Some(partial) = self.taking.remove(&blob).and_then(|taking| taking.partial.get().cloned()) {
                    partial.give_up();
                }
                let turn = self.turn(blob);
                let folder = self.folder.clone();
                tasks.spawn(async move {
                    let _done = turn.begin().await;
                    if let Err(error) = folder.with(move |blobs| blobs.give_up(&blob)).await {
                        tracing::warn!(%error, %blob, "parts of a file that is not wanted any more stay on the disk");
                    }
                    Done::Nothing
                });
            }
            Order::Name { blob, size, by_hand } => self.name(blob, size, by_hand, tasks),
            Order::Save { wants } => {
                self.saves += 1;
                let (number, saved, folder) = (self.saves, Arc::clone(&self.saved), self.folder.clone());
                tasks.spawn(async move {
                    let mut last = saved.lock().await;
                    if *last < number {
                        *last = number;
                        let wants: Vec<SavedWant> = wants.iter().map(to_saved).collect();
                        if let Err(error) = folder.with(move |blobs| blobs.save_wants(&wants)).await {
                            tracing::warn!(%error, "which files are wanted could not be saved");
                        }
                    }
                    Done::Nothing
                });
            }
        }
    }

    /// Looks at what a task reports: what has ended needs nothing any more.
    pub(crate) fn reported(&mut self, input: &Input) {
        match input {
            Input::Blobs(sync::Input::Report(Report::Ended { job, .. })) => {
                let Some(ended) = self.running.remove(job) else { return };
                // Its file is opened again when somebody brings more.
                if !self.running.values().any(|running| running.blob == ended.blob) {
                    self.taking.remove(&ended.blob);
                }
            }
            Input::Blobs(sync::Input::Report(Report::Named { blob, .. })) => drop(self.taking.remove(blob)),
            _ => {}
        }
    }

    /// A place in the order of what touches the files of a blob.
    fn turn(&mut self, blob: BlobId) -> Turn {
        if self.order.len() >= ORDERS {
            self.order.retain(|_, before| matches!(before.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        }
        let (done, next) = oneshot::channel();
        Turn { before: self.order.insert(blob, next), done }
    }

    /// The file of a blob of so many bytes, shared by everybody who brings some of it.
    fn take_in(&mut self, blob: BlobId, size: u64) -> Arc<OnceCell<Partial>> {
        let taking = self.taking.entry(blob).or_insert_with(|| Taking { size, partial: Arc::default() });
        if taking.size != size {
            *taking = Taking { size, partial: Arc::default() };
        }
        Arc::clone(&taking.partial)
    }

    fn fetch(&mut self, fetch: Fetch, until: u64, tasks: &mut JoinSet<Done>) {
        let Fetch { job, blob, size, .. } = fetch;
        let partial = self.take_in(blob, size);
        let turn = self.turn(blob);
        let running = Running { blob, until: Arc::new(AtomicU64::new(until)), stop: self.stop.child_token() };
        let (until, stop) = (Arc::clone(&running.until), running.stop.clone());
        self.running.insert(job, running);
        let (store, folder, opener) = (self.store.clone(), self.folder.clone(), self.opener.clone());
        let progress = self.progress.0.clone();
        tasks.spawn(async move {
            let told = progress.clone();
            let took = move |at| drop(told.try_send(Report::Took { job, at }));
            let work = async {
                // Its turn comes before anything else, so that the next one need not wait for the stream.
                let opened = {
                    let _done = turn.begin().await;
                    partial.get_or_try_init(|| room::begin(&store, &folder, &fetch)).await.cloned()
                };
                let partial = match opened {
                    Ok(partial) => partial,
                    Err(error) => {
                        tracing::info!(%error, %blob, "a file cannot be taken in now");
                        return (fetch.from, Ending::NoRoom);
                    }
                };
                let Some(opener) = opener else { return (fetch.from, Ending::Cut) };
                take::take(&opener, &fetch, until, partial, took).await
            };
            tokio::select! {
                (at, how) = work => report(Report::Ended { job, at, how }),
                // The machine has forgotten it. What was written stays.
                () = stop.cancelled() => Done::Nothing,
            }
        });
    }

    fn name(&mut self, blob: BlobId, size: u64, by_hand: bool, tasks: &mut JoinSet<Done>) {
        let partial = self.take_in(blob, size);
        let turn = self.turn(blob);
        let (store, folder) = (self.store.clone(), self.folder.clone());
        tasks.spawn(async move {
            let _done = turn.begin().await;
            let fetch = Fetch { job: JobId(0), link: LinkId(0), blob, size, from: 0, by_hand };
            // Where nobody has brought anything just now, all of it lies here.
            let opened = partial.get_or_try_init(|| room::begin(&store, &folder, &fetch)).await.cloned();
            let named = match opened {
                Ok(partial) => {
                    let finish = |partial: Partial| spawn_blocking(move || partial.finish(by_hand));
                    let mut finished = finish(partial.clone()).await;
                    if matches!(finished, Ok(Err(BlobError::NoRoom { .. })))
                        && room::make_room(&store, &folder, size).await.unwrap_or_default()
                    {
                        finished = finish(partial).await;
                    }
                    finished.unwrap_or_else(|error| Err(BlobError::Source(std::io::Error::other(error))))
                }
                Err(error) => Err(error),
            };
            let named = match named {
                Ok(Finished::Whole(added)) => Named::Whole(added.size),
                Ok(Finished::Wrong) => Named::Wrong,
                Err(error) => {
                    tracing::warn!(%error, %blob, "a file that has come could not be kept");
                    Named::Failed
                }
            };
            report(Report::Named { blob, named })
        });
    }
}

/// A place in the order of what touches the files of one blob: orders are spawned, and must not overtake each other there.
struct Turn {
    before: Option<oneshot::Receiver<()>>,
    done: oneshot::Sender<()>,
}

impl Turn {
    /// Waits until those before are done; what comes after waits until the answer is dropped.
    async fn begin(self) -> oneshot::Sender<()> {
        if let Some(before) = self.before {
            // Dropped or sent: it is over.
            let _ = before.await;
        }
        self.done
    }
}

/// What a fetch is to bring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetch {
    pub(super) job: JobId,
    pub(super) link: LinkId,
    pub(super) blob: BlobId,
    pub(super) size: u64,
    pub(super) from: u64,
    pub(super) by_hand: bool,
}

fn report(report: Report) -> Done {
    Done::Input(Input::Blobs(sync::Input::Report(report)))
}

fn look(blobs: &Blobs, blob: &BlobId, by_hand: bool) -> Result<Found, BlobError> {
    if blobs.has(blob)? {
        if by_hand {
            blobs.pin(blob)?;
        }
        return Ok(Found::Held);
    }
    let begun = blobs.begun(blob)?;
    Ok(begun.map_or(Found::Absent, |begun| Found::Begun { size: begun.size, parts: begun.parts }))
}

fn judge(folder: &Blobs, blobs: &[BlobId], may: &[bool]) -> Vec<(BlobId, Judgement)> {
    let judge = |(blob, may): (&BlobId, &bool)| {
        let judgement = match may.then(|| folder.size(blob)) {
            None => Judgement::Refused,
            Some(Ok(Some(size))) => Judgement::Held(size),
            Some(Ok(None)) => Judgement::Absent,
            Some(Err(error)) => {
                tracing::warn!(%error, %blob, "a file cannot be looked up");
                Judgement::Refused
            }
        };
        (*blob, judgement)
    };
    blobs.iter().zip(may).map(judge).collect()
}

/// The numbers of reasons in the file of saved wants; never changed.
const REASONS: [(Why, u8); 4] = [(Why::ByHand, 0), (Why::Seen, 1), (Why::Portrait, 2), (Why::Mentioned, 3)];

fn to_saved((blob, wish): &(BlobId, Wish)) -> SavedWant {
    let why = REASONS.iter().find(|(why, _)| *why == wish.why).map_or(3, |(_, number)| *number);
    SavedWant { blob: *blob, why, author: wish.author, mentioned: wish.mentioned }
}

/// The wants of the session before.
pub(crate) async fn saved_wants(folder: &BlobFolder) -> Vec<(BlobId, Wish)> {
    let saved = folder.with(|blobs| blobs.saved_wants()).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "which files were wanted cannot be read; they are wanted again when they are looked at");
        Vec::new()
    });
    let wanted = saved.iter().map(|saved| saved.blob).collect();
    if let Err(error) = folder.with(move |blobs| blobs.give_up_all_but(&wanted)).await {
        tracing::warn!(%error, "parts of files that nobody wants any more stay on the disk");
    }
    let wish = |saved: SavedWant| {
        let why = REASONS.iter().find(|(_, number)| *number == saved.why)?.0;
        Some((saved.blob, Wish { why, author: saved.author, mentioned: saved.mentioned }))
    };
    saved.into_iter().filter_map(wish).collect()
}
