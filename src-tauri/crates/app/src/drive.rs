//! The only loop: drives one [`Node`] with real time, disk and network.
//!
//! Nothing here waits for anything but the next event. Whatever takes time is a task whose result comes back as an input.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use feed::MessageId;
use net::{Closing, Net, NetEvent, NetEvents};
use node::{
    CloseReason, Imported, Input, LinkId, LoadFailed, Looked, Medium, Node, NotSeen, Now, Output, Refusal, Ticket,
};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::announce::Announcer;
use crate::clock::Clock;
use crate::mailbox::{Command, Look};
use crate::storage;
use crate::travel::{BlobFolder, Travel};
use crate::verify::Cores;
use crate::writer::{Clocks, Job, Reading, Writer};

/// How long the last writes may take once the loop was told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// Timers that would run within this time run at the end of a session. Longer than acknowledgements and saved clocks wait.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

/// Files on their way that are told of at once.
const MOST_FETCHES: usize = 256;

/// A task that ended.
pub(crate) enum Done {
    /// A read or a check.
    Input(Input),
    /// The writer's job, and what the node learns of it.
    Wrote(Vec<Input>),
    /// Something of which the node need not hear.
    Nothing,
}

/// Everything around the node.
pub(crate) struct Io {
    store: Store,
    net: Option<(Net, NetEvents)>,
    mailbox: mpsc::Receiver<Command>,
    announcer: Announcer,
    cores: Cores,
    clock: Clock,
    tasks: JoinSet<Done>,
    writer: Writer,
    travel: Travel,
    links: BTreeSet<LinkId>,
    publishing: BTreeMap<Ticket, oneshot::Sender<Result<MessageId, Refusal>>>,
    importing: BTreeMap<Ticket, oneshot::Sender<Imported>>,
    looking: BTreeMap<Ticket, oneshot::Sender<Result<Looked, NotSeen>>>,
    next_ticket: u64,
}

/// Drives the node until it is told to stop or every front end is gone, then saves and closes.
pub(crate) async fn drive(mut node: Node, mut io: Io) {
    loop {
        io.carry_out(&mut node);
        let input = tokio::select! {
            command = io.mailbox.recv() => match command {
                Some(Command::Look { reply }) => {
                    // Whoever looked may have gone.
                    let _ = reply.send(io.look(&node));
                    continue;
                }
                Some(Command::Stop) | None => break,
                Some(command) => match io.command(command) {
                    Some(input) => input,
                    None => continue,
                },
            },
            event = next_event(&mut io.net) => match event.map(|event| io.event(event)) {
                Some(Some(input)) => input,
                Some(None) => continue,
                None => {
                    io.network_ended(&mut node);
                    continue;
                }
            },
            input = io.travel.progress() => input,
            Some(done) = io.tasks.join_next() => {
                for input in io.done(done) {
                    node.handle_input(input, io.clock.now());
                }
                continue;
            }
            () = io.clock.sleep_until(node.poll_timeout()) => {
                node.handle_timeout(io.clock.now());
                continue;
            }
        };
        node.handle_input(input, io.clock.now());
    }
    io.finish(node).await;
}

/// The next event of the network, for ever waiting where there is none.
async fn next_event(net: &mut Option<(Net, NetEvents)>) -> Option<NetEvent> {
    match net {
        Some((_, events)) => events.next().await,
        None => std::future::pending().await,
    }
}

impl Io {
    pub(crate) fn new(
        store: Store,
        net: Option<(Net, NetEvents)>,
        mailbox: mpsc::Receiver<Command>,
        announcer: Announcer,
        clock: Clock,
        folder: BlobFolder,
    ) -> Self {
        let opener = net.as_ref().map(|(net, _)| net.opener());
        Self {
            cores: Cores::new(store.network()),
            writer: Writer::new(store.clone()),
            travel: Travel::new(store.clone(), folder, opener),
            store,
            net,
            mailbox,
            announcer,
            clock,
            tasks: JoinSet::new(),
            links: BTreeSet::new(),
            publishing: BTreeMap::new(),
            importing: BTreeMap::new(),
            looking: BTreeMap::new(),
            next_ticket: 0,
        }
    }

    /// Starts everything the node asks for, in order.
    fn carry_out(&mut self, node: &mut Node) {
        while let Some(output) = node.poll_output() {
            if let Output::Changed(node::Change::Standing) = &output
                && let Some(sequence) = node.missing_through()
            {
                // Written down, so that a restart does not publish over what others have shown.
                self.writer.push(Job::ExpectOwn { sequence }, &mut self.tasks);
            }
            self.start(output);
        }
    }

    fn start(&mut self, output: Output) {
        match output {
            Output::Send { link, frame } => self.send(link, frame),
            Output::Say { word } => {
                if let Some((net, _)) = &self.net
                    && let Err(error) = net.say(word)
                {
                    tracing::error!(%error, "a word was refused by the network");
                }
            }
            Output::Close { link, reason } => {
                tracing::info!(%reason, link = link.0, "closing a link");
                if let Some((net, _)) = &self.net {
                    let link = net::LinkId(link.0);
                    match reason {
                        // What waits for somebody who is blocked does not leave any more.
                        CloseReason::Blocked => net.abort(link, reason.to_string()),
                        reason => net.close(link, closing(&reason), reason.to_string()),
                    }
                }
            }
            Output::Refuse { device, refuse } => {
                if let Some((net, _)) = &self.net {
                    if refuse { net.refuse(device) } else { net.allow(device) }
                }
            }
            Output::Slow { link, slow } => {
                if let Some((net, _)) = &self.net {
                    net.slow(net::LinkId(link.0), slow);
                }
            }
            Output::Verify { ticket, batch } => {
                let cores = self.cores.clone();
                self.tasks
                    .spawn_blocking(move || Done::Input(Input::Verified { ticket, results: cores.verify(batch) }));
            }
            Output::Hold { link, hold } => {
                if let Some((net, _)) = &self.net {
                    net.hold(net::LinkId(link.0), hold);
                }
            }
            Output::Append { ticket, batch, own, ahead } => {
                self.writer.push(Job::Append { ticket, batch: Reading::begin(batch), own, ahead }, &mut self.tasks);
            }
            Output::Load { ticket, feed, after, through, max_bytes } => {
                let store = self.store.clone();
                self.tasks.spawn(async move {
                    let loaded = store.load(feed, after, through, max_bytes).await;
                    let result = loaded.map_err(|error| LoadFailed { reason: error.to_string() });
                    Done::Input(Input::Loaded { ticket, result })
                });
            }
            Output::LoadNewest { ticket, feed, before, most } => {
                let store = self.store.clone();
                self.tasks.spawn(async move {
                    let held = store.newest(feed, before, most, node::limits::LOOK_BYTES).await;
                    let result = match held {
                        Ok(Some((head, messages, about))) => Ok(node::Held { head, messages, about }),
                        Ok(None) => Err(LoadFailed { reason: "nothing of it is stored".into() }),
                        Err(error) => Err(LoadFailed { reason: error.to_string() }),
                    };
                    Done::Input(Input::NewestLoaded { ticket, result })
                });
            }
            Output::Looked { ticket, result } => {
                if let Some(reply) = self.looking.remove(&ticket) {
                    // Whoever looked may have gone.
                    let _ = reply.send(result);
                }
            }
            Output::LoadClocks { ticket, device } => {
                let store = self.store.clone();
                self.tasks.spawn(async move {
                    if store.own_is_doubted() {
                        // Greeted in full, others say what they hold of our feed, instead of nothing.
                        return Done::Input(Input::ClocksLoaded {
                            ticket,
                            held: BTreeMap::new(),
                            told: BTreeMap::new(),
                        });
                    }
                    let (held, told) = store.clocks(device).await.unwrap_or_else(|error| {
                        tracing::warn!(%error, %device, "saved clocks could not be read: greeting in full");
                        Default::default()
                    });
                    let (held, told) = (storage::notes(held), storage::notes(told));
                    Done::Input(Input::ClocksLoaded { ticket, held, told })
                });
            }
            Output::SaveClocks { device, replace, held, told } => {
                self.writer.push_clocks(device, Clocks { replace, held, told }, &mut self.tasks);
            }
            Output::Blobs(order) => self.travel.order(order, &mut self.tasks),
            Output::Freeze { feed, proof } => self.writer.push(Job::Freeze { feed, proof }, &mut self.tasks),
            Output::Published { ticket, result } => {
                if let Some(reply) = self.publishing.remove(&ticket) {
                    // Whoever published may have gone; the message stands.
                    let _ = reply.send(result);
                }
            }
            Output::Imported(imported) => {
                if let Some(reply) = self.importing.remove(&imported.ticket) {
                    let _ = reply.send(imported);
                }
            }
            Output::Changed(change) => self.announcer.changed(change),
            Output::Notify(notification) => self.announcer.notify(notification),
        }
    }

    fn send(&mut self, link: LinkId, frame: Vec<u8>) {
        let Some((net, _)) = &self.net else { return };
        store::write_point("before-send");
        match net.send(net::LinkId(link.0), frame) {
            // Its `LinkDown` is on the way.
            Ok(()) | Err(net::SendError::Down) => {}
            Err(error) => {
                // The node keeps to its window, which is smaller than the network's; if that fails, the stream has a hole.
                tracing::error!(%error, link = link.0, "a frame was refused by the network");
                net.close(net::LinkId(link.0), Closing::Busy, "a frame was lost on the way out");
            }
        }
        store::write_point("after-send");
    }

    fn command(&mut self, command: Command) -> Option<Input> {
        match command {
            Command::Publish { content, reply } => {
                let ticket = self.ticket();
                self.publishing.insert(ticket, reply);
                Some(Input::Publish { ticket, content })
            }
            Command::Import { messages, reply } => {
                let ticket = self.ticket();
                self.importing.insert(ticket, reply);
                Some(Input::Import { ticket, messages })
            }
            Command::Keep { feeds, reply } => {
                self.writer.push(Job::Keep { feeds, reply }, &mut self.tasks);
                None
            }
            Command::Blobs(input) => Some(Input::Blobs(input)),
            Command::LookAt { wanted, reply } => {
                let ticket = self.ticket();
                self.looking.insert(ticket, reply);
                Some(Input::Look { ticket, wanted })
            }
            Command::Decide { person, blocked, muted, reply } => {
                self.writer.push(Job::Decide { person, blocked, muted, reply }, &mut self.tasks);
                None
            }
            Command::Attend(attended) => Some(Input::Attended(attended)),
            Command::Look { .. } | Command::Stop => None,
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    fn event(&mut self, event: NetEvent) -> Option<Input> {
        match event {
            NetEvent::LinkUp { link, device, address, .. } => {
                tracing::info!(%device, %address, link = link.0, "link up");
                let link = LinkId(link.0);
                self.links.insert(link);
                Some(Input::LinkUp { link, device, medium: Medium::Direct })
            }
            NetEvent::Received { link, frame } => Some(Input::Received { link: LinkId(link.0), frame }),
            NetEvent::Heard { link, word } => Some(Input::Heard { link: LinkId(link.0), word }),
            NetEvent::Writable { link } => Some(Input::Writable { link: LinkId(link.0) }),
            NetEvent::LinkDown { link, reason } => {
                tracing::info!(%reason, link = link.0, "link down");
                let link = LinkId(link.0);
                // What we closed ourselves the node has judged already.
                let is_judged = matches!(reason, net::DownReason::ClosedHere { .. });
                let misconduct = (reason.is_misconduct() && !is_judged).then(|| reason.to_string());
                self.links.remove(&link).then_some(Input::LinkDown { link, misconduct })
            }
            event => {
                tracing::debug!(?event, "network");
                None
            }
        }
    }

    /// The network is gone, and with it everybody who was near.
    fn network_ended(&mut self, node: &mut Node) {
        tracing::error!("the network stopped; reading and writing go on without it");
        self.net = None;
        for link in std::mem::take(&mut self.links) {
            node.handle_input(Input::LinkDown { link, misconduct: None }, self.clock.now());
        }
    }

    fn done(&mut self, done: Result<Done, tokio::task::JoinError>) -> Vec<Input> {
        match done {
            Ok(Done::Input(input)) => {
                self.travel.reported(&input);
                vec![input]
            }
            Ok(Done::Wrote(inputs)) => {
                self.writer.ended(&mut self.tasks);
                inputs
            }
            Ok(Done::Nothing) => Vec::new(),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Vec::new(),
        }
    }

    fn look(&self, node: &Node) -> Look {
        let addresses =
            self.net.iter().flat_map(|(net, _)| net.addresses()).map(|address| address.to_string()).collect();
        let progress = node.progress(self.clock.now());
        let fetches = node.fetches(MOST_FETCHES);
        let left_out = node.left_out(self.clock.now());
        Look { peers: node.peers(), left_out, standing: node.standing(), addresses, progress, fetches }
    }

    /// Ends in good order: what was accepted is stored and answered, clocks are saved, links closed, the log checkpointed.
    async fn finish(mut self, mut node: Node) {
        self.mailbox.close();
        self.travel.end();
        let farewell = async {
            while !(self.publishing.is_empty() && self.importing.is_empty() && self.writer.idle()) {
                self.settle(&mut node).await;
            }
            // Nobody waits for quiet any more: what was going to be said in the next moments is said now, so that meeting
            // again is cheap.
            let now = self.clock.now();
            node.handle_timeout(Now { monotonic: now.monotonic + LAST_WORDS, ..now });
            self.carry_out(&mut node);
            if let Some((net, events)) = self.net.take() {
                net.shutdown().await;
                drop(events);
            }
            for link in std::mem::take(&mut self.links) {
                node.handle_input(Input::LinkDown { link, misconduct: None }, self.clock.now());
            }
            self.carry_out(&mut node);
            while !self.writer.idle() {
                self.settle(&mut node).await;
            }
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("the last writes took too long and were left");
        }
        self.tasks.shutdown().await;
        self.announcer.finish().await;
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the store was not closed in good order; the next start mends that");
        }
    }

    /// Waits for one task or timer and lets the node act on it.
    async fn settle(&mut self, node: &mut Node) {
        self.carry_out(node);
        tokio::select! {
            Some(done) = self.tasks.join_next() => {
                for input in self.done(done) {
                    node.handle_input(input, self.clock.now());
                }
            }
            () = self.clock.sleep_until(node.poll_timeout()) => node.handle_timeout(self.clock.now()),
            else => {}
        }
        self.carry_out(node);
    }
}

/// What the network is to do about the peer of a link that the node closed.
fn closing(reason: &CloseReason) -> Closing {
    match reason {
        reason if reason.hostile() => Closing::Hostile,
        CloseReason::Version { .. } | CloseReason::Network | CloseReason::Myself | CloseReason::Overfull(_) => {
            Closing::Unfit
        }
        _ => Closing::Busy,
    }
}

#[cfg(test)]
mod tests {
    use feed::{DeviceKey, KeyPair};
    use tokio::sync::broadcast;

    use super::*;
    use crate::desktop::Headless;

    async fn network(seed: u8) -> (Net, NetEvents) {
        let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
        let config = net::Config { listen, mdns: false, ..net::Config::default() };
        Net::start(&KeyPair::from_seed(&[seed; 32]), config).await.expect("starts")
    }

    #[tokio::test]
    async fn when_the_network_ends_nobody_is_near_any_more() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let keys = KeyPair::from_seed(&[1; 32]);
        let store = Store::create(home.path(), &keys, None).await.expect("a store");
        let clock = Clock::new();
        let config = node::Config {
            keys,
            network: None,
            generation: 1,
            heads: BTreeMap::new(),
            written: BTreeMap::new(),
            wanted: BTreeSet::new(),
            graph: social::FollowGraph::new(),
            muted: BTreeSet::new(),
            frozen: BTreeSet::new(),
            standing: node::Standing::Whole,
            about: None,
            blobs: Vec::new(),
            offline: false,
        };
        let mut node = Node::new(config, [0; 32], clock.now());
        let (mailbox, commands) = mpsc::channel(4);
        let announcer = Announcer::new(store.clone(), std::sync::Arc::new(Headless), broadcast::channel(4).0);
        // The events are those of a network that is shut down.
        let ((here, _), (other, events)) = (network(1).await, network(2).await);
        let folder = BlobFolder::of(&store);
        let mut io = Io::new(store, Some((here, events)), commands, announcer, clock, folder);
        let link = LinkId(7);
        io.links.insert(link);
        let device = DeviceKey::new([9; 32]);
        node.handle_input(Input::LinkUp { link, device, medium: Medium::Direct }, io.clock.now());
        assert_eq!(io.look(&node).peers.len(), 1);

        let driving = tokio::spawn(drive(node, io));
        other.shutdown().await;
        let peers = async || {
            let (reply, answer) = oneshot::channel();
            mailbox.send(Command::Look { reply }).await.map_err(drop).expect("runs");
            answer.await.expect("answers").peers.len()
        };
        // The loop may choose to answer first; a link without a greeting would be given up much later than this.
        let gone = async {
            while peers().await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), gone).await.expect("it is told");
        mailbox.send(Command::Stop).await.map_err(drop).expect("runs");
        driving.await.expect("ends");
    }
}
