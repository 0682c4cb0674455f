//! Peers in memory: an interpreter of a node's outputs with a disk of its own, links between them, and a clock that jumps
//! to the next event.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use feed::{BlobId, DeviceKey, FeedId, Head, KeyPair, Message, MessageId, NetworkKey, PersonId, Verifier, json::Value};
use node::{
    AppendFailed, Change, CloseReason, Config, Held, Imported, Input, Instant, LinkId, Looked, Medium, Node, NotSeen,
    Notification, Now, Output, Refusal, Standing, Ticket, wire::Newest,
};
use replication::blobs::{Ending, Found, Judgement, Named, Order, Report, Wish};
use replication::{blobs, ebt::Clock};
use social::{FollowGraph, Kind, write};

/// Unix milliseconds at which every world begins.
pub(crate) const WALL: i64 = 1_790_000_000_000;

/// What survives a restart.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    pub(crate) log: BTreeMap<FeedId, Vec<Message>>,
    pub(crate) clocks: BTreeMap<DeviceKey, (Clock, Clock)>,
    pub(crate) wanted: BTreeSet<FeedId>,
    pub(crate) blobs: BTreeMap<BlobId, Vec<u8>>,
    pub(crate) blob_wants: Vec<(BlobId, Wish)>,
    pub(crate) frozen: BTreeSet<FeedId>,
    pub(crate) generation: u64,
    pub(crate) network: Option<NetworkKey>,
    /// What was decided about people without saying so: blocked, muted.
    pub(crate) stances: BTreeMap<PersonId, (bool, bool)>,
    /// Appends fail while this is set.
    pub(crate) full: bool,
}

impl Disk {
    fn graph(&self) -> FollowGraph {
        let mut graph = FollowGraph::new();
        for message in self.log.values().flatten() {
            if let Kind::Contact(contact) = social::read(message).kind {
                graph.apply(message.author().into(), message.sequence(), &contact);
            }
        }
        graph
    }

    pub(crate) fn heads(&self) -> BTreeMap<FeedId, Head> {
        self.log.iter().filter_map(|(feed, messages)| Some((*feed, messages.last()?.head()))).collect()
    }

    fn written(&self) -> BTreeMap<FeedId, i64> {
        self.log.iter().filter_map(|(feed, messages)| Some((*feed, messages.last()?.timestamp() as i64))).collect()
    }

    pub(crate) fn sequence(&self, feed: FeedId) -> u64 {
        self.log.get(&feed).map_or(0, |messages| messages.len() as u64)
    }

    /// Signs a message onto a feed here, without any node.
    pub(crate) fn write(&mut self, keys: &KeyPair, wall: i64, content: &Value) -> Message {
        let messages = self.log.entry(keys.feed_id()).or_default();
        let head = messages.last().map(Message::head);
        let message =
            feed::sign(keys, self.network.as_ref(), head.as_ref(), wall as f64, content).expect("valid content");
        messages.push(message.into_message());
        messages.last().expect("just pushed").clone()
    }
}

/// One peer.
pub(crate) struct Peer {
    pub(crate) keys: KeyPair,
    pub(crate) disk: Disk,
    pub(crate) node: Node,
    verifier: Verifier,
    pub(crate) offline: bool,
    pub(crate) changes: Vec<Change>,
    pub(crate) notifications: Vec<Notification>,
    pub(crate) looked: Vec<(Ticket, Result<Looked, NotSeen>)>,
    /// It says nothing to whoever looks.
    pub(crate) mute_to_looks: bool,
    pub(crate) published: Vec<(Ticket, Result<MessageId, Refusal>)>,
    pub(crate) imported: Vec<Imported>,
    pub(crate) closed: Vec<CloseReason>,
    /// What it said to everybody.
    pub(crate) words: Vec<Vec<u8>>,
    /// Devices that it keeps out.
    pub(crate) refused: BTreeSet<DeviceKey>,
    /// What it was told about reading less, in order.
    pub(crate) slowed: Vec<bool>,
    /// Whether it gives other bytes than it has.
    pub(crate) lies: bool,
    /// What it fetched and has not named yet.
    fetched: BTreeMap<BlobId, Vec<u8>>,
    pub(crate) verified: usize,
    pub(crate) loads: usize,
    tickets: u64,
}

impl Peer {
    pub(crate) fn id(&self) -> FeedId {
        self.keys.feed_id()
    }

    pub(crate) fn holds(&self, feed: FeedId) -> u64 {
        self.disk.sequence(feed)
    }

    fn start(keys: &KeyPair, disk: &Disk, offline: bool, standing: Standing, now: Now) -> Node {
        let own = disk.log.get(&keys.feed_id());
        let mut graph = disk.graph();
        for (person, (blocked, _)) in &disk.stances {
            graph.set_unsaid_block(keys.feed_id().into(), *person, *blocked);
        }
        let is_about = |message: &&Message| matches!(social::read(message).kind, Kind::About(_));
        let config = Config {
            keys: keys.clone(),
            network: disk.network.clone(),
            generation: disk.generation,
            heads: disk.heads(),
            written: disk.written(),
            wanted: disk.wanted.clone(),
            graph,
            muted: disk.stances.iter().filter(|(_, (_, muted))| *muted).map(|(person, _)| *person).collect(),
            frozen: disk.frozen.clone(),
            standing,
            about: own.and_then(|own| own.iter().rev().find(is_about).cloned()),
            blobs: disk.blob_wants.clone(),
            offline,
        };
        Node::new(config, [7; 32], now)
    }
}

/// Peers, the links between them, and the time.
pub(crate) struct World {
    pub(crate) peers: Vec<Peer>,
    /// Both ends of each link.
    ends: BTreeMap<LinkId, [usize; 2]>,
    events: BTreeMap<(Instant, u64), (usize, Input)>,
    counter: u64,
    pub(crate) now: Now,
    pub(crate) latency: Duration,
    /// How long signatures take to check.
    pub(crate) checking: Duration,
    /// Bytes of replication frames (hello, notes, messages, level) since the last look, both ways and all links.
    pub(crate) bytes: usize,
    /// Links take nothing while this is set.
    pub(crate) deaf: bool,
    /// First bytes of the frames handed over.
    pub(crate) kinds: Vec<u8>,
}

/// A peer's number in the world.
pub(crate) type Who = usize;

pub(crate) fn keys(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

pub(crate) fn post(text: &str) -> Value<'static> {
    write::post(&write::PostDraft { text: text.into(), ..write::PostDraft::default() })
}

pub(crate) fn follow(feed: FeedId) -> Value<'static> {
    write::contact(&feed, true, false)
}

pub(crate) fn block(feed: FeedId) -> Value<'static> {
    write::contact(&feed, false, true)
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            peers: Vec::new(),
            ends: BTreeMap::new(),
            events: BTreeMap::new(),
            counter: 0,
            now: Now { monotonic: Instant::from_millis(0), wall: WALL },
            latency: Duration::from_millis(5),
            checking: Duration::ZERO,
            bytes: 0,
            deaf: false,
            kinds: Vec::new(),
        }
    }

    /// A peer with these keys and this disk.
    pub(crate) fn add(&mut self, keys: KeyPair, disk: Disk) -> Who {
        self.add_with(keys, disk, Standing::Whole)
    }

    pub(crate) fn add_with(&mut self, keys: KeyPair, disk: Disk, standing: Standing) -> Who {
        let node = Peer::start(&keys, &disk, false, standing, self.now);
        let verifier = Verifier::new(disk.network.clone());
        self.peers.push(Peer {
            keys,
            disk,
            node,
            verifier,
            offline: false,
            changes: Vec::new(),
            notifications: Vec::new(),
            looked: Vec::new(),
            mute_to_looks: false,
            published: Vec::new(),
            imported: Vec::new(),
            closed: Vec::new(),
            words: Vec::new(),
            refused: BTreeSet::new(),
            slowed: Vec::new(),
            lies: false,
            fetched: BTreeMap::new(),
            verified: 0,
            loads: 0,
            tickets: 0,
        });
        let who = self.peers.len() - 1;
        self.carry_out(who);
        who
    }

    /// Alice, Bob, Carol: empty peers with keys of their own.
    pub(crate) fn person(&mut self, seed: u8) -> Who {
        self.add(keys(seed), Disk::default())
    }

    /// Ends a peer's process and starts it on its disk, or on another one.
    pub(crate) fn restart(&mut self, who: Who, disk: Option<Disk>) {
        for link in self.links_of(who) {
            self.cut(link);
        }
        let peer = &mut self.peers[who];
        if let Some(disk) = disk {
            peer.disk = disk;
        }
        peer.node = Peer::start(&peer.keys, &peer.disk, peer.offline, Standing::Whole, self.now);
        self.carry_out(who);
    }

    pub(crate) fn links_of(&self, who: Who) -> Vec<LinkId> {
        self.ends.iter().filter(|(_, ends)| ends.contains(&who)).map(|(link, _)| *link).collect()
    }

    /// Links two peers.
    pub(crate) fn link(&mut self, a: Who, b: Who) -> LinkId {
        let link = self.new_link();
        self.ends.insert(link, [a, b]);
        for (who, other) in [(a, b), (b, a)] {
            let device = self.peers[other].keys.device_key();
            self.input(who, Input::LinkUp { link, device, medium: Medium::Direct });
        }
        link
    }

    /// A link of `who` to a device that the test plays itself.
    pub(crate) fn link_to_test(&mut self, who: Who, device: DeviceKey) -> LinkId {
        let link = self.new_link();
        self.input(who, Input::LinkUp { link, device, medium: Medium::Direct });
        link
    }

    fn new_link(&mut self) -> LinkId {
        self.counter += 1;
        LinkId(self.counter)
    }

    pub(crate) fn cut(&mut self, link: LinkId) {
        for who in self.ends.remove(&link).into_iter().flatten() {
            self.input(who, Input::LinkDown { link, misconduct: None });
        }
        self.events.retain(|_, (_, input)| !matches!(input, Input::Received { link: on, .. } if *on == link));
    }

    pub(crate) fn input(&mut self, who: Who, input: Input) {
        self.peers[who].node.handle_input(input, self.now);
        self.carry_out(who);
    }

    pub(crate) fn publish(&mut self, who: Who, content: Value<'static>) -> Ticket {
        self.peers[who].tickets += 1;
        let ticket = Ticket(self.peers[who].tickets);
        self.input(who, Input::Publish { ticket, content });
        ticket
    }

    pub(crate) fn import(&mut self, who: Who, messages: Vec<Message>) -> Imported {
        self.peers[who].tickets += 1;
        let ticket = Ticket(self.peers[who].tickets);
        self.input(who, Input::Import { ticket, messages });
        self.run(Duration::ZERO);
        self.peers[who].imported.pop().expect("an import is answered once its messages are through")
    }

    /// `who` looks at the newest of a feed below `before`; what they see.
    pub(crate) fn look(&mut self, who: Who, feed: FeedId, before: u64) -> Result<Looked, NotSeen> {
        self.peers[who].tickets += 1;
        let ticket = Ticket(self.peers[who].tickets);
        self.input(who, Input::Look { ticket, wanted: Newest { feed, before, most: 32 } });
        self.run(Duration::from_secs(11));
        let at = self.peers[who].looked.iter().position(|(answered, _)| *answered == ticket).expect("a look ends");
        self.peers[who].looked.remove(at).1
    }

    fn later(&mut self, after: Duration, who: Who, input: Input) {
        self.counter += 1;
        self.events.insert((self.now.monotonic + after, self.counter), (who, input));
    }

    /// Lets time pass, jumping from event to event.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now.monotonic + time;
        let mut steps = 0;
        loop {
            let event = self.events.first_key_value().map(|(key, _)| key.0);
            let timers =
                (0..self.peers.len()).filter_map(|who| Some((self.peers[who].node.poll_timeout()?, who))).min();
            let next = event.into_iter().chain(timers.map(|timer| timer.0)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            steps += 1;
            assert!(steps < 2_000_000, "the world does not come to rest");
            self.set_time(next.max(self.now.monotonic));
            if event == Some(next) {
                let Some((_, (who, input))) = self.events.pop_first() else { break };
                self.input(who, input);
            } else if let Some((_, who)) = timers {
                self.peers[who].node.handle_timeout(self.now);
                self.carry_out(who);
            }
        }
        self.set_time(end);
    }

    fn set_time(&mut self, to: Instant) {
        let passed = to.saturating_duration_since(self.now.monotonic);
        self.now = Now { monotonic: to, wall: self.now.wall + passed.as_millis() as i64 };
    }

    /// Does what a node asks, with answers as events.
    fn carry_out(&mut self, who: Who) {
        while let Some(output) = self.peers[who].node.poll_output() {
            self.carry_out_one(who, output);
        }
    }

    fn carry_out_one(&mut self, who: Who, output: Output) {
        let (latency, checking) = (self.latency, self.checking);
        let peer = &mut self.peers[who];
        match output {
            Output::Send { link, frame } => {
                assert!(frame.len() <= node::limits::FRAME);
                if node::wire::is_replication(&frame) {
                    self.bytes += frame.len();
                }
                self.kinds.push(frame[0]);
                if let Some(ends) = self.ends.get(&link) {
                    let other = if ends[0] == who { ends[1] } else { ends[0] };
                    self.later(latency, other, Input::Received { link, frame });
                }
                if !self.deaf {
                    self.later(latency, who, Input::Writable { link });
                }
            }
            Output::Say { word } => {
                peer.words.push(word.clone());
                for link in self.links_of(who) {
                    let ends = self.ends[&link];
                    let other = if ends[0] == who { ends[1] } else { ends[0] };
                    self.later(latency, other, Input::Heard { link, word: word.clone() });
                }
            }
            Output::Close { link, reason } => {
                peer.closed.push(reason);
                let ends = self.ends.remove(&link);
                for other in ends.into_iter().flatten() {
                    self.later(latency, other, Input::LinkDown { link, misconduct: None });
                }
            }
            Output::Slow { slow, .. } => peer.slowed.push(slow),
            // What is on its way here comes all the same; there is never as much as an inbox holds.
            Output::Hold { .. } => {}
            Output::Refuse { device, refuse: true } => {
                peer.refused.insert(device);
                self.drop_queued(who, device);
            }
            Output::Refuse { device, refuse: false } => _ = peer.refused.remove(&device),
            Output::Verify { ticket, batch } => {
                assert!(batch.len() <= node::limits::VERIFY_BATCH);
                peer.verified += batch.len();
                let results = peer.verifier.verify_batch(batch);
                self.later(checking, who, Input::Verified { ticket, results });
            }
            Output::Append { ticket, batch, own, .. } => {
                let result = if peer.disk.full {
                    Err(AppendFailed { reason: "the disk is full".into() })
                } else if batch.iter().any(|message| peer.disk.frozen.contains(&message.author())) {
                    Err(AppendFailed { reason: "a feed in it is forked".into() })
                } else {
                    for message in batch {
                        assert!(!own || message.author() == peer.keys.feed_id());
                        let messages = peer.disk.log.entry(message.author()).or_default();
                        feed::check_next(messages.last().map(Message::head).as_ref(), &message)
                            .expect("appends continue feeds");
                        messages.push(message.into_message());
                    }
                    Ok(())
                };
                self.later(Duration::ZERO, who, Input::Appended { ticket, result });
            }
            Output::Load { ticket, feed, after, through, max_bytes } => {
                peer.loads += 1;
                let mut bytes = 0;
                let messages = peer.disk.log.get(&feed).into_iter().flatten().skip(after as usize);
                let messages = messages.take_while(|message| {
                    let fits = message.sequence() <= through && bytes < max_bytes;
                    bytes += message.encoded().len();
                    fits
                });
                let result = Ok(messages.cloned().collect());
                self.later(Duration::ZERO, who, Input::Loaded { ticket, result });
            }
            Output::LoadNewest { ticket, feed, before, most } => {
                peer.loads += 1;
                let all = peer.disk.log.get(&feed).map(Vec::as_slice).unwrap_or_default();
                let below = all.iter().filter(|message| before == 0 || message.sequence() < before).count();
                let messages = all[below.saturating_sub(most.into())..below].to_vec();
                let named = |message: &&Message| matches!(social::read(message).kind, Kind::About(about) if about.name.is_some());
                let about = all.iter().rev().find(named).cloned();
                let held = Held { head: all.len() as u64, messages, about };
                if !peer.mute_to_looks {
                    self.later(Duration::ZERO, who, Input::NewestLoaded { ticket, result: Ok(held) });
                }
            }
            Output::Looked { ticket, result } => peer.looked.push((ticket, result)),
            Output::LoadClocks { ticket, device } => {
                let (held, told) = peer.disk.clocks.get(&device).cloned().unwrap_or_default();
                self.later(Duration::ZERO, who, Input::ClocksLoaded { ticket, held, told });
            }
            Output::SaveClocks { device, replace, held, told } => {
                let saved = peer.disk.clocks.entry(device).or_default();
                if replace {
                    *saved = Default::default();
                }
                saved.0.extend(held);
                saved.1.extend(told);
            }
            Output::Blobs(order) => self.carry_out_order(who, order),
            Output::Freeze { feed, proof } => {
                assert_eq!(proof.feed(), feed);
                peer.disk.frozen.insert(feed);
            }
            Output::Published { ticket, result } => peer.published.push((ticket, result)),
            Output::Imported(imported) => peer.imported.push(imported),
            Output::Changed(change) => peer.changes.push(change),
            Output::Notify(notification) => peer.notifications.push(notification),
        }
    }

    /// What `who` sent to a device and is under way there is lost with the connection.
    fn drop_queued(&mut self, who: Who, device: DeviceKey) {
        let theirs = |other: usize| self.peers[other].keys.device_key() == device;
        let links: BTreeSet<LinkId> =
            self.links_of(who).into_iter().filter(|link| self.ends[link].into_iter().any(theirs)).collect();
        self.events.retain(|_, (to, input)| {
            *to == who || !matches!(input, Input::Received { link, .. } if links.contains(link))
        });
    }

    /// `who` decides about a person without saying so.
    pub(crate) fn decide(&mut self, who: Who, about: FeedId, blocked: bool, muted: bool) {
        self.peers[who].disk.stances.insert(about.into(), (blocked, muted));
        self.input(who, Input::Stance { person: about.into(), blocked, muted });
    }

    /// What whoever has the files would do. One job brings all it is asked for after the time of a question and its answer.
    fn carry_out_order(&mut self, who: Who, order: Order) {
        let round_trip = self.latency * 2;
        let peer = &mut self.peers[who];
        let (report, after) = match order {
            Order::Look { blob, .. } => {
                let found = if peer.disk.blobs.contains_key(&blob) { Found::Held } else { Found::Absent };
                (Report::Looked { blob, found }, Duration::ZERO)
            }
            Order::Judge { link, blobs, .. } => {
                let links_to = |blob: &BlobId| {
                    let id = blob.to_string();
                    let mut messages = peer.disk.log.values().flatten();
                    messages.any(|message| String::from_utf8_lossy(message.encoded()).contains(&id))
                };
                let judge = |blob: BlobId| match peer.disk.blobs.get(&blob) {
                    _ if !links_to(&blob) => (blob, Judgement::Refused),
                    Some(bytes) => (blob, Judgement::Held(bytes.len() as u64)),
                    None => (blob, Judgement::Absent),
                };
                (Report::Judged { link, answers: blobs.into_iter().map(judge).collect() }, Duration::ZERO)
            }
            Order::Fetch { job, link, blob, size, from, until, .. } => {
                let other = self.ends.get(&link).map(|ends| if ends[0] == who { ends[1] } else { ends[0] });
                let theirs = other.map(|other| &self.peers[other]);
                let bytes = theirs.and_then(|peer| Some((peer.lies, peer.disk.blobs.get(&blob)?.clone())));
                let how = match bytes {
                    Some((lies, bytes)) if bytes.len() as u64 == size => {
                        let file = self.peers[who].fetched.entry(blob).or_insert_with(|| vec![0; size as usize]);
                        for (at, byte) in bytes.iter().enumerate().take(until as usize).skip(from as usize) {
                            file[at] = if lies { !byte } else { *byte };
                        }
                        Ending::Done
                    }
                    Some((_, bytes)) => Ending::Size(bytes.len() as u64),
                    None => Ending::NotHere,
                };
                let at = if how == Ending::Done { until } else { from };
                (Report::Ended { job, at, how }, round_trip)
            }
            Order::Name { blob, size, .. } => {
                let bytes = peer.fetched.remove(&blob).unwrap_or_default();
                let is_whole = bytes.len() as u64 == size && blob_of(&bytes) == blob;
                if is_whole {
                    peer.disk.blobs.insert(blob, bytes);
                }
                let named = if is_whole { Named::Whole(size) } else { Named::Wrong };
                (Report::Named { blob, named }, Duration::ZERO)
            }
            Order::Save { wants } => {
                peer.disk.blob_wants = wants;
                return;
            }
            Order::Again { blob } | Order::GiveUp { blob } => {
                peer.fetched.remove(&blob);
                return;
            }
            Order::Shorten { .. } | Order::Stop { .. } => return,
        };
        self.later(after, who, Input::Blobs(blobs::Input::Report(report)));
    }
}

/// The name of these bytes.
pub(crate) fn blob_of(bytes: &[u8]) -> BlobId {
    use sha2::Digest;
    BlobId::classic(sha2::Sha256::digest(bytes).into())
}

/// Seconds.
pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Milliseconds.
pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
