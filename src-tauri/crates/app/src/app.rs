//! A running node as front ends see it: cheap to clone, every method asks the loop or the store.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Weak};

use feed::{FeedId, KeyPair, MessageId, NetworkKey, PersonId};
use net::doctor::Doctor;
use net::{Multiaddr, Net};
use node::Node;
use store::{KeptAddress, OpenError, Snapshot, Store};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::addresses::{Addresses, typed};
use crate::announce::{Announcer, CHANGES};
use crate::clock::Clock;
use crate::desktop::Desktop;
use crate::drive::{Io, drive};
use crate::mailbox::{Command, Look, MAILBOX};
use crate::publishing::valid_name;
use crate::rpc::Server;
use crate::settings::Chosen;
use crate::strangers::{self, Strangers};
use crate::travel::{self, BlobFolder};
use crate::view::{Change, Failure, FailureCode, Standing};
use crate::{copies, place, stances, storage};

/// How a node is run.
#[derive(Clone)]
pub struct Options {
    /// How it meets others. `None` runs it alone and without a socket, for commands that only need the folder for a moment.
    pub network: Option<Network>,
    /// The desktop around it.
    pub desktop: Arc<dyn Desktop>,
}

/// How a node meets others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Multiaddresses to listen on; none: every interface, TCP and QUIC, on ports that the system picks.
    pub listen: Vec<String>,
    /// Multiaddresses to keep links to.
    pub dial: Vec<String>,
    /// Whether to look for others on the local network, and be seen there.
    pub mdns: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self { listen: Vec::new(), dial: Vec::new(), mdns: true }
    }
}

/// What the loop is going to answer.
pub(crate) type Answer<T> = oneshot::Receiver<T>;

/// A running node.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// A running node, as long as somebody else holds it.
pub(crate) struct WeakApp(Weak<Inner>);

impl WeakApp {
    pub(crate) fn upgrade(&self) -> Option<App> {
        self.0.upgrade().map(|inner| App { inner })
    }
}

struct Inner {
    store: Store,
    me: PersonId,
    /// Feeds known to be asked for by hand.
    wanted: Mutex<BTreeSet<FeedId>>,
    /// The files that messages link to, once they are asked for.
    blobs: BlobFolder,
    /// What dials by hand, where there is a network.
    addresses: Option<Addresses>,
    /// What examines the network, where there is one.
    doctor: Option<Doctor>,
    /// What the person chose.
    chosen: Chosen,
    /// What strangers near write.
    strangers: Arc<Strangers>,
    mailbox: mpsc::Sender<Command>,
    changes: broadcast::Sender<Change>,
    desktop: Arc<dyn Desktop>,
    stop: CancellationToken,
    /// Cancelled when the loop has ended, however it came to that.
    ended: CancellationToken,
    tasks: Mutex<Tasks>,
}

/// Where the key of a node comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Stored,
    JustMade,
}

#[derive(Default)]
struct Tasks {
    driving: Option<JoinHandle<()>>,
    copying: Option<JoinHandle<()>>,
    giving: Option<JoinHandle<()>>,
    answering: Option<JoinHandle<()>>,
}

impl App {
    /// Starts the node of a folder.
    ///
    /// # Errors
    /// When nobody lives there yet, another program uses the folder, it cannot be read, or no address can be listened on.
    pub async fn start(folder: &Path, options: Options) -> Result<Self, Failure> {
        if !place::has_key(folder) {
            return Err(Failure::not_started(folder));
        }
        let opened = folder.to_owned();
        let stored = open(async move || Store::open(&opened).await).await?;
        Self::run(stored, options, Origin::Stored).await
    }

    /// Makes a key and a store in a folder, starts the node and, where a name is given, publishes it. `network` is the key of
    /// a closed network as base64.
    ///
    /// # Errors
    /// When the name or the network key cannot be used, somebody lives there already, or the folder cannot be written.
    pub async fn begin(
        folder: &Path,
        options: Options,
        name: Option<&str>,
        network: Option<&str>,
    ) -> Result<Self, Failure> {
        let name = name.map(valid_name).transpose()?;
        let network = network.map(|key| key.parse::<NetworkKey>()).transpose().map_err(|error| {
            Failure::new(
                FailureCode::BadInput,
                format!("The network key cannot be used: {error}."),
                "A network key is 32 bytes as base64: 44 characters that end with =.",
            )
        })?;
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(Failure::internal)?;
        let (made, keys) = (folder.to_owned(), KeyPair::from_seed(&seed));
        let stored = open(async move || Store::create(&made, &keys, network).await).await?;
        let app = Self::run(stored, options, Origin::JustMade).await?;
        if let Some(name) = name
            && let Err(failure) = app.rename(Some(&name), None).await
        {
            app.shutdown().await;
            return Err(failure);
        }
        Ok(app)
    }

    /// Makes a store in a folder for somebody who has a key from elsewhere, and starts the node. Their feed is known to go up
    /// to `expected`: until it is here up to there, nothing is published. With `is_doubted` it may go further, and nothing is
    /// published until a friend was near who holds it.
    ///
    /// # Errors
    /// When somebody lives there already, or the folder cannot be written.
    pub async fn adopt(
        folder: &Path,
        options: Options,
        keys: KeyPair,
        expected: u64,
        is_doubted: bool,
    ) -> Result<Self, Failure> {
        let made = folder.to_owned();
        let stored = open(async move || Store::adopt(&made, &keys, expected, is_doubted).await).await?;
        // Others may hold more of this feed than its person knows of.
        Self::run(stored, options, Origin::Stored).await
    }

    async fn run((store, snapshot): (Store, Snapshot), options: Options, origin: Origin) -> Result<Self, Failure> {
        let clock = Clock::new();
        let wanted = snapshot.wanted.clone();
        let folder = BlobFolder::of(&store);
        let blocked = snapshot.graph.blocks(&PersonId::from(store.keys().feed_id()));
        let blocked: BTreeSet<PersonId> = blocked.filter(|person| store.stance(person).blocked).collect();
        let config = node::Config {
            keys: store.keys().clone(),
            network: store.network(),
            generation: u64::from_le_bytes(snapshot.generation),
            heads: snapshot.heads,
            written: snapshot.written,
            wanted: snapshot.wanted,
            graph: snapshot.graph,
            muted: snapshot.muted,
            frozen: snapshot.frozen,
            standing: storage::standing(snapshot.standing),
            about: snapshot.about,
            blobs: if options.network.is_some() { travel::saved_wants(&folder).await } else { Vec::new() },
            // Of a key made just now nobody holds anything that would have to be waited for.
            offline: options.network.is_none() || origin == Origin::JustMade,
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(Failure::internal)?;
        let node = Node::new(config, seed, clock.now());
        let kept = store.addresses();
        let mut net = match &options.network {
            Some(network) => Some(join(store.keys(), network, &kept).await?),
            None => None,
        };
        let incoming = net.as_mut().and_then(|(_, events)| events.incoming());
        // One who opens the folder for a moment has no time for callers: they wait until the folder is free.
        let server = options.network.as_ref().map(|_| Server::bind(store.folder())).transpose();
        let server = server.map_err(|error| Failure::disk(store.folder(), &error))?;

        let (mailbox, commands) = mpsc::channel(MAILBOX);
        if !snapshot.unplaced.is_empty() {
            // Perhaps nobody else has these: the node keeps them until others have brought what is before them.
            let (reply, _) = oneshot::channel();
            mailbox.try_send(Command::Import { messages: snapshot.unplaced, reply }).map_err(Failure::internal)?;
        }
        let (changes, _) = broadcast::channel(CHANGES);
        let announcer = Announcer::new(store.clone(), Arc::clone(&options.desktop), changes.clone());
        let addresses = net.as_ref().map(|(net, _)| Addresses::new(net.dialler(), kept));
        let doctor = net.as_ref().map(|(net, _)| net.doctor());
        let settings = store.settings();
        let io = Io::new(store.clone(), net, commands, announcer, clock, folder.clone());
        let inner = Inner {
            me: PersonId::from(store.keys().feed_id()),
            store,
            wanted: Mutex::new(wanted),
            blobs: folder,
            addresses,
            doctor,
            chosen: Chosen::new(&settings),
            strangers: Arc::default(),
            mailbox,
            changes,
            desktop: options.desktop,
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
            tasks: Mutex::default(),
        };
        let app = Self { inner: Arc::new(inner) };
        let mut tasks = app.inner.tasks.lock().await;
        let ended = app.inner.ended.clone().drop_guard();
        let runtime = tokio::runtime::Handle::current();
        // A thread of its own: on one that others share, what it starts last would wait until it has thought to the end.
        tasks.driving = Some(tokio::task::spawn_blocking(move || {
            // Dropped after the loop, also when that panics.
            let _ended = ended;
            runtime.block_on(drive(node, io));
        }));
        let changed = app.inner.store.stances_changed();
        tokio::spawn(stances::follow_sealed(WeakApp(Arc::downgrade(&app.inner)), changed, blocked));
        let (changes, ended) = (app.changes(), app.inner.ended.clone());
        tokio::spawn(strangers::follow(WeakApp(Arc::downgrade(&app.inner)), changes, ended));
        tokio::spawn(tell_of_a_broken_loop(Arc::downgrade(&app.inner), app.inner.ended.clone()));
        // One who opens the folder for a moment has no time for copies either.
        tasks.copying = options.network.as_ref().map(|_| {
            let (stop, ended) = (app.inner.stop.clone(), app.inner.ended.clone());
            tokio::spawn(copies::keep(app.inner.store.clone(), stop, ended))
        });
        tasks.giving = incoming.map(|incoming| {
            let (store, folder) = (app.inner.store.clone(), app.inner.blobs.clone());
            tokio::spawn(travel::give(incoming, store, folder, app.inner.stop.clone()))
        });
        tasks.answering = server.map(|server| tokio::spawn(server.serve(app.clone(), app.inner.stop.clone())));
        drop(tasks);
        Ok(app)
    }

    /// Finishes what was begun, saves, closes. Further calls of any clone are refused.
    pub async fn shutdown(&self) {
        let tasks = std::mem::take(&mut *self.inner.tasks.lock().await);
        // First the door, so that whoever asked through it is answered by a node that still runs.
        self.inner.stop.cancel();
        if let Some(answering) = tasks.answering {
            ended(answering.await);
        }
        if let Some(copying) = tasks.copying {
            ended(copying.await);
        }
        if let Some(giving) = tasks.giving {
            ended(giving.await);
        }
        // A loop that has ended already needs no telling.
        let _ = self.inner.mailbox.send(Command::Stop).await;
        if let Some(driving) = tasks.driving {
            ended(driving.await);
        }
    }

    /// Returns when the node runs no more: after [`Self::shutdown`], or by a mistake of ours, of which the desktop is told with
    /// [`Change::Standing`]. What to do then is the same: call [`Self::shutdown`] and let go.
    pub async fn ended(&self) {
        self.inner.ended.cancelled().await;
    }

    /// What to say where the node ended although nobody wanted it to.
    pub fn broken(&self) -> Option<Failure> {
        let is_broken = self.inner.ended.is_cancelled() && !self.inner.stop.is_cancelled();
        is_broken.then(|| Failure::internal("the node on this folder came to a stop"))
    }

    /// The reader.
    pub fn id(&self) -> PersonId {
        self.inner.me
    }

    /// What changes from now on. A listener that falls too far behind is told that it lagged.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes.subscribe()
    }

    /// Brings the window to the front; false where there is none.
    pub fn raise(&self) -> bool {
        self.inner.desktop.raise()
    }

    /// Whether one's own feed may grow.
    ///
    /// # Errors
    /// When the node is shutting down.
    pub async fn standing(&self) -> Result<Standing, Failure> {
        Ok(match self.look().await?.standing {
            node::Standing::Whole if self.own_is_doubted().await? => Standing::Recovering,
            node::Standing::Whole => Standing::Whole,
            // A forked feed does not grow either; `status` tells the two apart.
            node::Standing::Recovering { .. } | node::Standing::Forked => Standing::Recovering,
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) async fn look(&self) -> Result<Look, Failure> {
        self.ask(|reply| Command::Look { reply }).await
    }

    /// The feeds known to be asked for by hand.
    pub(crate) fn wanted(&self) -> &Mutex<BTreeSet<FeedId>> {
        &self.inner.wanted
    }

    pub(crate) fn blob_folder(&self) -> &BlobFolder {
        &self.inner.blobs
    }

    /// What was chosen.
    pub(crate) fn chosen(&self) -> &Chosen {
        &self.inner.chosen
    }

    /// What strangers near write.
    pub(crate) fn strangers(&self) -> Arc<Strangers> {
        Arc::clone(&self.inner.strangers)
    }

    /// Lets whoever shows something look again.
    pub(crate) fn announce(&self, change: Change) {
        self.inner.desktop.changed(change.clone());
        // Nobody may be listening.
        let _ = self.inner.changes.send(change);
    }

    /// Whether there is a network, over which files may come.
    pub(crate) fn is_linked(&self) -> bool {
        self.inner.addresses.is_some()
    }

    /// What dials by hand, where there is a network.
    pub(crate) fn addresses(&self) -> Option<&Addresses> {
        self.inner.addresses.as_ref()
    }

    /// What examines the network, where there is one.
    pub(crate) fn doctor(&self) -> Option<&Doctor> {
        self.inner.doctor.as_ref()
    }

    /// Tells the loop something that needs no answer, if it has room: for what is asked again when it is looked at again.
    pub(crate) fn mention(&self, command: Command) {
        let _ = self.inner.mailbox.try_send(command);
    }

    /// Tells the loop something that needs no answer.
    pub(crate) async fn tell(&self, command: Command) -> Result<(), Failure> {
        self.inner.mailbox.send(command).await.map_err(|_| self.closing())
    }

    pub(crate) async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Failure> {
        let answer = self.hand_over(command).await?;
        self.answer(answer).await
    }

    /// Asks the loop, to hear its answer later.
    pub(crate) async fn hand_over<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<Answer<T>, Failure> {
        let (reply, answer) = oneshot::channel();
        self.inner.mailbox.send(command(reply)).await.map_err(|_| self.closing())?;
        Ok(answer)
    }

    /// Hears an answer.
    pub(crate) async fn answer<T>(&self, answer: Answer<T>) -> Result<T, Failure> {
        answer.await.map_err(|_| self.closing())
    }

    fn closing(&self) -> Failure {
        self.broken().unwrap_or_else(|| {
            Failure::new(
                FailureCode::NotStarted,
                "Periwinkle is closing on this folder.",
                "Start it again and look whether what you did is there.",
            )
        })
    }
}

/// Opens a store and reads what the node starts with, on a thread of its own: a large journal or a rebuilt index takes a while.
async fn open(
    store: impl AsyncFnOnce() -> Result<Store, OpenError> + Send + 'static,
) -> Result<(Store, Snapshot), Failure> {
    let runtime = tokio::runtime::Handle::current();
    let opened = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            let store = store().await?;
            let snapshot = store.snapshot().await?;
            Ok((store, snapshot))
        })
    });
    opened.await.map_err(Failure::internal)?
}

/// Lets whoever shows something look again when the loop has ended by itself.
async fn tell_of_a_broken_loop(app: Weak<Inner>, ended: CancellationToken) {
    ended.cancelled().await;
    // Held no longer than this: whoever lets go of the node frees the folder.
    let desktop = app.upgrade().filter(|inner| !inner.stop.is_cancelled()).map(|inner| Arc::clone(&inner.desktop));
    if let Some(desktop) = desktop {
        tracing::error!("the loop of the node has ended by itself");
        desktop.changed(Change::Standing);
    }
}

fn ended(task: Result<(), tokio::task::JoinError>) {
    if let Err(error) = task {
        tracing::error!(%error, "a task of the node ended badly");
    }
}

async fn join(keys: &KeyPair, network: &Network, kept: &[KeptAddress]) -> Result<(Net, net::NetEvents), Failure> {
    let mut config = net::Config { mdns: network.mdns, ..net::Config::default() };
    if !network.listen.is_empty() {
        config.listen = network.listen.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
    }
    let dial = network.dial.iter().map(|text| typed(text)).collect::<Result<Vec<_>, _>>()?;
    let no_network = |error: &dyn std::fmt::Display| {
        Failure::new(
            FailureCode::Network,
            format!("The network cannot be used: {}.", error.to_string().trim_end_matches('.')),
            "Look at the address and try again.",
        )
    };
    let (net, events) = Net::start(keys, config).await.map_err(|error| no_network(&error))?;
    for address in dial {
        net.dial(address).map_err(|error| no_network(&error))?;
    }
    for kept in kept {
        // One that this version does not read, or for which there is no room, costs only itself.
        if let Ok(address) = kept.address.parse() {
            let _ = net.dial(address);
        }
    }
    Ok((net, events))
}

fn address(text: &str) -> Result<Multiaddr, Failure> {
    text.parse().map_err(|error| {
        Failure::new(
            FailureCode::BadInput,
            format!("{text:?} is not an address: {error}."),
            "An address looks like /ip4/192.168.1.20/tcp/4100.",
        )
    })
}

pub(crate) fn person_id(text: &str) -> Result<PersonId, Failure> {
    text.trim().parse().map_err(|_| Failure::bad_id(text, "@….ed25519"))
}

pub(crate) fn message_id(text: &str) -> Result<MessageId, Failure> {
    text.trim().parse().map_err(|_| Failure::bad_id(text, "%….sha256"))
}
