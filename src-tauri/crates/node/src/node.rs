//! The node itself: what it is made of, and how inputs, timers and answers reach its parts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feed::{DeviceKey, FeedId, KeyPair, Message, NetworkKey, PersonId, Verified};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use replication::{
    Instant, LinkId, Now,
    blobs::Blobs,
    ebt::{self, Clock, Ebt},
};

use crate::{
    conduct::Conduct,
    config::{Config, NetworkId, Standing},
    import::Importing,
    input::{Input, LoadFailed, Ticket},
    introductions::Introductions,
    limits,
    log::{Age, Log},
    looking::Looking,
    output::{CloseReason, Output},
    policy::Policy,
    presence::Presence,
    progress::CatchingUp,
    publish::Publishing,
    sending::Control,
    session::Link,
    stations::Intake,
    telling::Telling,
    timers::{Timer, Timers},
    wire::LevelBody,
};

/// One whole peer. See the crate documentation for how to drive it.
#[derive(Debug)]
pub struct Node {
    pub(crate) keys: KeyPair,
    pub(crate) own: FeedId,
    pub(crate) me: PersonId,
    pub(crate) network: Option<NetworkKey>,
    pub(crate) network_id: NetworkId,
    pub(crate) generation: u64,
    /// Names this process in hellos.
    pub(crate) run: u32,
    /// The newest own message that gives a name.
    pub(crate) about: Option<Message>,
    pub(crate) introductions: Introductions,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) ebt: Ebt,
    pub(crate) blobs: Blobs,
    pub(crate) log: Log,
    pub(crate) links: BTreeMap<LinkId, Link>,
    /// Devices that misbehaved, and what followed.
    pub(crate) conduct: Conduct,
    /// Devices that were behind us in our own feed in this session: what they hold of it now they may have from us.
    pub(crate) supplied: BTreeSet<DeviceKey>,
    pub(crate) intake: Intake,
    pub(crate) publishing: Publishing,
    pub(crate) importing: Importing,
    pub(crate) policy: Policy,
    pub(crate) looking: Looking,
    pub(crate) presence: Presence,
    /// Feeds were asked for since the wants were worked out.
    pub(crate) asked: bool,
    pub(crate) telling: Telling,
    pub(crate) catching_up: CatchingUp,
    pub(crate) timers: Timers,
    pub(crate) jobs: Jobs,
    /// EBT asked for something since the links were last looked at.
    pub(crate) restless: bool,
    pub(crate) outbox: VecDeque<Output>,
}

/// What the driver was asked, by ticket.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    last: u64,
    open: BTreeMap<Ticket, Job>,
}

impl Jobs {
    /// A ticket for a job.
    pub(crate) fn start(&mut self, job: Job) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.open.insert(ticket, job);
        ticket
    }
}

/// Something that the driver was asked to do, and what the answer is for.
#[derive(Debug)]
pub(crate) enum Job {
    /// Signatures of the intake.
    Verify,
    /// A batch of the intake.
    Append,
    /// The own message that is being published.
    AppendOwn,
    /// Messages for a stream.
    Load { link: LinkId, feed: FeedId, after: u64 },
    /// The head of a feed that a signed message contradicts.
    Fork { suspect: Box<Verified> },
    /// Stored messages in whose places imported ones stand.
    Compare { import: Ticket, messages: VecDeque<Message> },
    /// The newest own messages, for their ids.
    OwnIds { through: u64 },
    /// The saved clocks of the device at the other end of a link.
    Clocks { link: LinkId },
    /// Signatures of what a look brought.
    Look { look: Ticket },
    /// The newest messages of a feed, for somebody who asked.
    Newest { link: LinkId, number: u64 },
}

impl Node {
    /// A node with what `config` says is stored. `seed` feeds every random choice, so that a run can be repeated.
    pub fn new(config: Config, seed: [u8; 32], now: Now) -> Self {
        let own = config.keys.feed_id();
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut ebt = Ebt::new(ebt::Config::new(own));
        for (feed, head) in &config.heads {
            ebt.handle_input(ebt::Input::Head { feed: *feed, sequence: head.sequence }, now);
        }
        for feed in &config.frozen {
            ebt.handle_input(ebt::Input::Frozen { feed: *feed }, now);
        }
        let forked = config.frozen.contains(&own);
        let standing = if forked { Standing::Forked } else { config.standing };
        let mut node = Self {
            own,
            me: own.into(),
            network_id: NetworkId::of(config.network.as_ref()),
            network: config.network,
            keys: config.keys,
            generation: config.generation,
            about: config.about.filter(|about| about.encoded().len() <= limits::ABOUT),
            introductions: Introductions::default(),
            run: rng.next_u32(),
            rng,
            ebt,
            blobs: Blobs::new(config.blobs, now),
            log: Log::new(config.heads, config.written, config.frozen),
            links: BTreeMap::new(),
            conduct: Conduct::default(),
            supplied: BTreeSet::new(),
            intake: Intake::default(),
            publishing: Publishing::new(standing, config.offline, now.monotonic),
            importing: Importing::default(),
            policy: Policy::new(own.into(), config.graph, config.wanted, config.muted),
            looking: Looking::default(),
            presence: Presence::default(),
            asked: false,
            telling: Telling::default(),
            catching_up: CatchingUp::default(),
            timers: Timers::default(),
            jobs: Jobs::default(),
            restless: false,
            outbox: VecDeque::new(),
        };
        node.refresh_wants(now);
        let newest = node.log.sequence(&own);
        node.load_own_ids(newest.saturating_sub(limits::OWN_IDS as u64), newest);
        node.settle(now);
        node
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, input: Input, now: Now) {
        match input {
            Input::LinkUp { link, device, medium } => self.on_link_up(link, device, medium, now),
            Input::LinkDown { link, misconduct } => self.on_link_lost(link, misconduct, now),
            Input::Received { link, frame } => self.on_received(link, frame, now),
            Input::Heard { link, word } => self.on_heard(link, &word, now),
            Input::Attended(attended) => self.on_attended(attended, now),
            Input::Writable { link } => self.on_writable(link),
            Input::Publish { ticket, content } => self.on_publish(ticket, content, now),
            Input::Import { ticket, messages } => self.on_import(ticket, messages),
            Input::Want { feed } => self.ask_for(feed),
            Input::Stance { person, blocked, muted } => self.on_stance(person, blocked, muted, now),
            Input::Verified { ticket, results } => match self.jobs.open.remove(&ticket) {
                Some(Job::Verify) => self.on_verified(ticket, results, now),
                Some(Job::Look { look }) => self.on_look_verified(look, results, now),
                _ => {}
            },
            Input::Look { ticket, wanted } => self.on_look(ticket, wanted, now),
            Input::NewestLoaded { ticket, result } => {
                if let Some(Job::Newest { link, number }) = self.jobs.open.remove(&ticket) {
                    self.on_newest_loaded(link, number, result);
                }
            }
            Input::Appended { ticket, result } => match self.jobs.open.remove(&ticket) {
                Some(Job::Append) => self.on_appended(ticket, result, now),
                Some(Job::AppendOwn) => self.on_own_appended(result, now),
                _ => {}
            },
            Input::Loaded { ticket, result } => self.on_loaded(ticket, result, now),
            Input::Blobs(input) => self.blobs.handle_input(input, now),
            Input::ClocksLoaded { ticket, held, told } => {
                if let Some(Job::Clocks { link }) = self.jobs.open.remove(&ticket) {
                    self.on_clocks_loaded(link, held, told, now);
                }
            }
        }
        self.settle(now);
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When to call [`Self::handle_timeout`] if nothing happens before: a moment of [`Now::monotonic`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.ebt.poll_timeout()).chain(self.blobs.poll_timeout()).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::Hello(link) => self.close(link, CloseReason::NoHello, now),
                Timer::Stall(link) => self.close(link, CloseReason::Stalled, now),
                Timer::Intake => self.end_rest(),
                Timer::Notifications => self.release_notification(now),
                Timer::Flow => self.review_flow(now),
                Timer::Release => self.release(now),
                Timer::Slowed(link) => self.review_slowed(link, now),
                Timer::Word => self.speak(now),
                Timer::Absent(link) => self.on_absent(link),
                Timer::Look(ticket) => self.on_look_timeout(ticket, now),
                // Looked at whenever the node settles.
                Timer::Loads(_) | Timer::Publish | Timer::Changes => {}
            }
        }
        if self.ebt.poll_timeout().is_some_and(|at| at <= now.monotonic) {
            self.ebt.handle_timeout(now);
        }
        if self.blobs.poll_timeout().is_some_and(|at| at <= now.monotonic) {
            self.blobs.handle_timeout(now);
        }
        self.settle(now);
    }

    /// Whether this device's own feed may grow.
    pub fn standing(&self) -> Standing {
        self.publishing.standing()
    }

    /// A ticket for a job.
    pub(crate) fn ticket(&mut self, job: Job) -> Ticket {
        self.jobs.start(job)
    }

    fn on_loaded(&mut self, ticket: Ticket, result: Result<Vec<Message>, LoadFailed>, now: Now) {
        match self.jobs.open.remove(&ticket) {
            Some(Job::Load { link, feed, after }) => {
                let Some(Link { sending, .. }) = self.links.get_mut(&link) else { return };
                let rest_until = now.monotonic + limits::LOAD_REST;
                if result.is_err() {
                    self.timers.set(Timer::Loads(link), rest_until);
                }
                sending.loaded(feed, after, result.map_err(|_| rest_until));
            }
            Some(Job::Fork { suspect }) => self.on_fork_loaded(*suspect, result, now),
            Some(Job::Compare { import, messages }) => self.on_compare_loaded(import, messages, result),
            Some(Job::OwnIds { through }) => {
                let Ok(messages) = result else { return };
                for message in &messages {
                    self.telling.remember_own(message.id());
                }
                if let Some(last) = messages.last() {
                    self.load_own_ids(last.sequence(), through);
                }
            }
            _ => {}
        }
    }

    /// Asks for own messages `(after, through]`, to recognise answers to them.
    fn load_own_ids(&mut self, after: u64, through: u64) {
        if after < through {
            let ticket = self.ticket(Job::OwnIds { through });
            let feed = self.own;
            self.outbox.push_back(Output::Load { ticket, feed, after, through, max_bytes: limits::FRAME });
        }
    }

    /// Does everything that an input or a timer made possible.
    fn settle(&mut self, now: Now) {
        self.read_inboxes(now);
        if self.asked {
            self.refresh_wants(now);
        }
        self.run_publishing(now);
        self.run_intake(now);
        self.settle_charges(now);
        self.finish_imports();
        loop {
            self.drain_ebt();
            self.drain_blobs(now);
            self.restless = false;
            let links: Vec<LinkId> = self.links.keys().copied().collect();
            for link in links {
                self.pump(link, now);
            }
            if !self.restless {
                break;
            }
        }
        self.flush_changes(now);
    }

    /// Hands EBT's wishes to the links.
    pub(crate) fn drain_ebt(&mut self) {
        while let Some(output) = self.ebt.poll_output() {
            self.restless = true;
            match output {
                ebt::Output::SendNotes { link, notes } => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.sending.control.push_back(Control::Notes(notes));
                    }
                }
                ebt::Output::SendLevel { link, through, except } => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.sending.control.push_back(Control::Level(LevelBody { through, except }));
                    }
                }
                ebt::Output::Stream { link, feed, after, through } => {
                    if let Some(link) = self.links.get_mut(&link) {
                        // Whoever lacks messages of their own cannot write before they have them.
                        let age = if feed == link.device.feed() { Age::Day } else { self.log.age(&feed) };
                        link.sending.stream(feed, after, through, age, &self.log);
                    }
                }
                ebt::Output::StopStream { link, feed } => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.sending.stop(&feed);
                    }
                }
                ebt::Output::SaveClock { peer, replace, held, told } => {
                    let (held, told) = (held.into_iter().collect::<Clock>(), told.into_iter().collect::<Clock>());
                    self.outbox.push_back(Output::SaveClocks { device: peer, replace, held, told });
                }
            }
        }
    }
}
