//! Virtual time, the links, and what happens when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feed::{DeviceKey, FeedId, Verifier, json::Value};
use node::{Input, Instant, LinkId, Medium, Now, Output, Ticket};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    flood::flood,
    graph::{below, cuttable, draw},
    host::{Host, keys},
    report::Report,
    scenario::{Churn, Scenario, ScenarioError},
    tally::Tally,
    wiretap::{Seen, Wiretap},
};

/// What people's clocks show when a run starts: a Unix time in milliseconds.
const WALL_START: i64 = 1_800_000_000_000;

/// Something that will happen.
#[derive(Debug)]
enum Event {
    /// A frame comes to the end of its link.
    Arrives { link: LinkId, to: usize, frame: Vec<u8> },
    /// A store has done what it was asked.
    Answers { node: usize, input: Input, stored: Vec<(FeedId, u64)> },
    /// The next person presses *publish*.
    Publish,
    /// A link breaks, and another one will.
    Break,
    /// A broken link is back.
    Back { edge: usize },
    /// Somebody goes away.
    Leaves { node: usize },
    /// And comes back.
    Returns { node: usize },
}

/// Two nodes that can be linked, and their link while it is up.
#[derive(Debug)]
struct Edge {
    ends: [usize; 2],
    /// Microseconds a frame takes.
    delay: u64,
    link: Option<LinkId>,
    /// It never comes back.
    cut: bool,
    /// Its ends are in halves that have lost each other.
    parted: bool,
}

#[derive(Debug)]
struct Link {
    edge: usize,
    taps: [Wiretap; 2],
}

#[derive(Debug)]
pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    seed: u64,
    rng: ChaCha8Rng,
    verifier: Verifier,
    hosts: Vec<Host>,
    devices: Vec<DeviceKey>,
    edges: Vec<Edge>,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    /// Microseconds since the start.
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    /// When each node wants to be woken; mirrored in `alarm_of`.
    alarms: BTreeSet<(u64, usize)>,
    alarm_of: Vec<Option<u64>>,
    /// Per node: records of messages that it was told to publish and that are not in its feed yet, and since when.
    pressed: Vec<VecDeque<(usize, u64)>>,
    /// Per node: whether it is away.
    away: Vec<bool>,
    tally: Tally,
    resets: u64,
    departures: u64,
    /// Why a node would not go on.
    gave_up: Option<String>,
}

impl<'a> World<'a> {
    pub(crate) fn new(scenario: &'a Scenario, seed: u64) -> Result<Self, ScenarioError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let now = Now { monotonic: Instant::from_micros(0), wall: WALL_START };
        let feeds: Vec<FeedId> = (0..scenario.nodes).map(|number| keys(number).feed_id()).collect();
        let host = |number| {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            Host::new(number, &feeds, seed, now)
        };
        let hosts: Vec<Host> = (0..scenario.nodes).map(host).collect();
        let pairs = draw(scenario.graph, scenario.nodes, &mut rng);
        let pairs = pairs.ok_or(ScenarioError::Impossible("no such graph was found"))?;
        let [shortest, longest] = scenario.delay_ms.map(|millis| millis * 1000);
        let edge = |(a, b): (usize, usize)| {
            let delay = shortest + rng.next_u64() % (longest - shortest + 1);
            Edge { ends: [a, b], delay, link: None, cut: false, parted: false }
        };
        let edges = pairs.into_iter().map(edge).collect();
        Ok(Self {
            seed,
            rng,
            verifier: Verifier::new(None),
            devices: hosts.iter().map(|host| host.device).collect(),
            edges,
            links: BTreeMap::new(),
            next_link: 0,
            now: 0,
            events: BTreeMap::new(),
            next_event: 0,
            alarms: BTreeSet::new(),
            alarm_of: vec![None; hosts.len()],
            pressed: vec![VecDeque::new(); hosts.len()],
            away: vec![false; hosts.len()],
            tally: Tally::new(hosts.len()),
            hosts,
            scenario,
            resets: 0,
            departures: 0,
            gave_up: None,
        })
    }

    /// Plays the whole scenario.
    pub(crate) fn run(mut self) -> Result<Report, ScenarioError> {
        for node in 0..self.hosts.len() {
            self.drain(node);
        }
        for edge in 0..self.edges.len() {
            self.join(edge);
        }
        self.at(self.scenario.warm_up_ms * 1000, Event::Publish);
        if self.scenario.resets.is_some() {
            self.at(self.scenario.warm_up_ms * 1000, Event::Break);
        }
        if let Some(churn) = self.scenario.churn {
            for node in 0..(self.hosts.len() as f64 * churn.share).round() as usize {
                self.stays(node, self.scenario.warm_up_ms * 1000);
            }
        }
        let last = (self.scenario.warm_up_ms + self.scenario.every_ms * (self.scenario.messages as u64 - 1)) * 1000;
        let end = last + self.scenario.settle_ms * 1000;
        while let Some(at) = self.next_moment().filter(|&at| at <= end) {
            self.step(at);
            if let Some(why) = self.gave_up {
                return Err(ScenarioError::GaveUp(why));
            }
        }
        let quiet_after = self.next_moment().is_none().then(|| self.now.saturating_sub(last) / 1000);
        Ok(Report {
            about: self.scenario.about.clone(),
            seed: self.seed,
            nodes: self.hosts.len(),
            links: self.edges.len(),
            meeting: self.tally.meeting,
            resets: self.resets,
            departures: self.departures,
            quiet_after,
            records: self.tally.records,
            phases: self.scenario.phases.clone(),
        })
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_micros(self.now), wall: WALL_START + (self.now / 1000) as i64 }
    }

    fn at(&mut self, at: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((at, self.next_event), event);
    }

    fn next_moment(&self) -> Option<u64> {
        let event = self.events.first_key_value().map(|(&(at, _), _)| at);
        let alarm = self.alarms.first().map(|&(at, _)| at.max(self.now));
        event.into_iter().chain(alarm).min()
    }

    fn step(&mut self, at: u64) {
        self.now = at;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= at) {
            let event = entry.remove();
            self.happen(event);
        }
        while let Some(&(due, node)) = self.alarms.first().filter(|&&(due, _)| due <= at) {
            let now = self.now();
            self.hosts[node].node.handle_timeout(now);
            self.drain(node);
            assert_ne!(self.alarm_of[node], Some(due), "node {node} asks to be woken for nothing");
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives { link, to, frame } => {
                // What was on its way when the link broke is lost.
                if self.links.contains_key(&link) {
                    self.input(to, Input::Received { link, frame });
                }
            }
            Event::Answers { node, input, stored } => {
                for message in stored {
                    self.tally.stored(node, message, self.now);
                }
                self.input(node, input);
            }
            Event::Publish => self.publish(),
            Event::Break => self.break_one(),
            Event::Back { edge } => self.join(edge),
            Event::Leaves { node } => self.leave(node),
            Event::Returns { node } => {
                self.away[node] = false;
                self.edges_of(node).into_iter().for_each(|edge| self.join(edge));
                self.stays(node, self.now);
            }
        }
    }

    fn input(&mut self, node: usize, input: Input) {
        let now = self.now();
        self.hosts[node].node.handle_input(input, now);
        self.drain(node);
    }

    fn publish(&mut self) {
        let count = self.tally.records.len();
        self.change_links(count);
        let author = below(&mut self.rng, self.hosts.len());
        let up = self.edges.iter().filter(|edge| edge.link.is_some());
        let cost = flood(author, up.map(|edge| (edge.ends[0], edge.ends[1], edge.delay)));
        let record = self.tally.publishing(cost);
        self.pressed[author].push_back((record, self.now));
        let text = format!("message {} of this run, about as long as what people write to each other", record + 1);
        let content = Value::object([("type", Value::from("post")), ("text", Value::from(text))]);
        self.input(author, Input::Publish { ticket: Ticket(record as u64), content });
        if self.tally.records.len() < self.scenario.messages {
            self.at(self.now + self.scenario.every_ms * 1000, Event::Publish);
        }
    }

    /// What the scenario says about the links once `count` messages were published.
    fn change_links(&mut self, count: usize) {
        if let Some(cut) = self.scenario.cut.filter(|cut| cut.after == count) {
            let pairs: Vec<_> = self.edges.iter().map(|edge| (edge.ends[0], edge.ends[1])).collect();
            let some = (pairs.len() as f64 * cut.share).round() as usize;
            for edge in cuttable(self.hosts.len(), &pairs, some, &mut self.rng) {
                self.edges[edge].cut = true;
                self.cut(edge);
            }
        }
        if let Some(partition) = self.scenario.partition {
            let half = self.hosts.len() / 2;
            let across = |edge: &Edge| (edge.ends[0] < half) != (edge.ends[1] < half);
            let edges: Vec<usize> = (0..self.edges.len()).filter(|&edge| across(&self.edges[edge])).collect();
            for edge in edges {
                if partition.after == count {
                    self.edges[edge].parted = true;
                    self.cut(edge);
                } else if partition.healed_after == count {
                    self.edges[edge].parted = false;
                    self.join(edge);
                }
            }
        }
    }

    fn break_one(&mut self) {
        let Some(resets) = self.scenario.resets.filter(|_| self.tally.records.len() < self.scenario.messages) else {
            return;
        };
        let up: Vec<usize> = (0..self.edges.len()).filter(|&edge| self.edges[edge].link.is_some()).collect();
        if !up.is_empty() {
            let edge = up[below(&mut self.rng, up.len())];
            self.cut(edge);
            self.resets += 1;
            self.at(self.now + resets.away_ms * 1000, Event::Back { edge });
        }
        let pause = self.rng.next_u64() % (2 * resets.every_ms * 1000);
        self.at(self.now + pause, Event::Break);
    }

    /// Somebody who is there from `since` on leaves some time later.
    fn stays(&mut self, node: usize, since: u64) {
        let Some(churn) = self.coming_and_going() else { return };
        let session = churn.session_ms * 1000;
        let stays = session / 2 + self.rng.next_u64() % session;
        self.at(since + stays, Event::Leaves { node });
    }

    fn leave(&mut self, node: usize) {
        let Some(churn) = self.coming_and_going() else { return };
        self.away[node] = true;
        self.departures += 1;
        self.edges_of(node).into_iter().for_each(|edge| self.cut(edge));
        self.at(self.now + churn.away_ms * 1000, Event::Returns { node });
    }

    /// The churn, until all is published: then everybody stays.
    fn coming_and_going(&self) -> Option<Churn> {
        self.scenario.churn.filter(|_| self.tally.records.len() < self.scenario.messages)
    }

    /// The edges that a node is an end of.
    fn edges_of(&self, node: usize) -> Vec<usize> {
        (0..self.edges.len()).filter(|&edge| self.edges[edge].ends.contains(&node)).collect()
    }

    fn join(&mut self, edge: usize) {
        let Edge { ends, link, cut, parted, .. } = &mut self.edges[edge];
        if link.is_some() || *cut || *parted || ends.iter().any(|end| self.away[*end]) {
            return;
        }
        let id = LinkId(self.next_link);
        self.next_link += 1;
        *link = Some(id);
        let [a, b] = *ends;
        self.links.insert(id, Link { edge, taps: Default::default() });
        for (node, other) in [(a, b), (b, a)] {
            let device = self.devices[other];
            self.input(node, Input::LinkUp { link: id, device, medium: Medium::Direct });
        }
    }

    /// Breaks the link of `edge`: both ends learn of it at once.
    fn cut(&mut self, edge: usize) {
        let Some(link) = self.edges[edge].link.take() else { return };
        self.links.remove(&link);
        for node in self.edges[edge].ends {
            self.input(node, Input::LinkDown { link, misconduct: None });
        }
    }

    fn drain(&mut self, node: usize) {
        while let Some(output) = self.hosts[node].node.poll_output() {
            self.carry_out(node, output);
        }
        let alarm = self.hosts[node].node.poll_timeout().map(Instant::as_micros);
        if alarm != self.alarm_of[node] {
            if let Some(old) = self.alarm_of[node] {
                self.alarms.remove(&(old, node));
            }
            self.alarm_of[node] = alarm;
            self.alarms.extend(alarm.map(|at| (at, node)));
        }
    }

    fn carry_out(&mut self, node: usize, output: Output) {
        match output {
            Output::Send { link, frame } => self.send(node, link, frame),
            Output::Close { link, reason } => {
                // Honest nodes have no reason to but too many of them.
                self.gave_up.get_or_insert(format!("node {node} closed {link:?}: {reason}"));
            }
            Output::Published { result, .. } => {
                if let Err(refusal) = result {
                    self.gave_up.get_or_insert(format!("node {node} refused to publish: {refusal}"));
                }
            }
            output => {
                let mut stored = Vec::new();
                if let Output::Append { batch, own, .. } = &output {
                    for message in batch {
                        let name = (message.author(), message.sequence());
                        if !own {
                            stored.push(name);
                        } else if let Some((record, pressed_at)) = self.pressed[node].pop_front() {
                            self.tally.published(record, node, name, pressed_at);
                        }
                    }
                }
                if let Some(input) = self.hosts[node].answer(output, &self.verifier) {
                    let at = self.now + self.scenario.store_ms * 1000;
                    self.at(at, Event::Answers { node, input, stored });
                }
            }
        }
    }

    fn send(&mut self, from: usize, id: LinkId, frame: Vec<u8>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let edge = &self.edges[link.edge];
        let side = usize::from(edge.ends[1] == from);
        let to = edge.ends[1 - side];
        let arrives = self.now + edge.delay;
        let seen: Seen = link.taps[side].read(&frame);
        self.tally.sent(from, to, &seen, frame.len() as u64);
        self.at(arrives, Event::Arrives { link: id, to, frame });
        self.at(self.now, Event::Answers { node: from, input: Input::Writable { link: id }, stored: Vec::new() });
    }
}
