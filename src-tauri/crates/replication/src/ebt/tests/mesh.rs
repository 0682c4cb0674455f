//! Several machines joined by links that delay, are cut and come back: the smallest driver that keeps the contract.

use std::collections::{BTreeMap, BTreeSet};

use feed::{DeviceKey, FeedId};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    Instant, LinkId, Now,
    ebt::{Clock, Config, Ebt, Input, Note, Output, remembered},
};

/// The most messages in one frame of the pipe.
const FRAME_MESSAGES: u64 = 50;

#[derive(Clone, Debug)]
enum Frame {
    Notes(Vec<(FeedId, Note)>),
    Messages(FeedId, u64, u64),
    Level(u64, Vec<FeedId>),
}

#[derive(Debug)]
enum Event {
    Arrives { to: usize, link: LinkId, number: u64, frame: Frame },
}

#[derive(Debug)]
struct Pipe {
    ends: [usize; 2],
    /// Microseconds each frame takes.
    delay: u64,
    numbers: [u64; 2],
    last_arrival: [u64; 2],
}

struct Device {
    ebt: Ebt,
    feed: FeedId,
    saved: BTreeMap<DeviceKey, (Clock, Clock)>,
}

/// What went over all links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) notes: u64,
    pub(super) note_frames: u64,
    pub(super) levels: u64,
    /// Messages that left.
    pub(super) payload: u64,
    /// Messages that arrived and were new.
    pub(super) delivered: u64,
}

/// Devices, pipes and virtual time.
pub(super) struct Mesh {
    devices: Vec<Device>,
    pipes: BTreeMap<LinkId, Pipe>,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    /// When each device wants to be woken; mirrored in `alarm_of`.
    alarms: BTreeSet<(u64, usize)>,
    alarm_of: Vec<Option<u64>>,
    next_link: u64,
    pub(super) now: u64,
    pub(super) traffic: Traffic,
    rng: ChaCha8Rng,
}

pub(super) fn device(index: usize) -> DeviceKey {
    let mut key = [0; 32];
    let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
    rng.fill_bytes(&mut key);
    DeviceKey::new(key)
}

impl Mesh {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        let devices = (0..count)
            .map(|index| {
                let feed = device(index).feed();
                Device { ebt: Ebt::new(Config::new(feed)), feed, saved: BTreeMap::new() }
            })
            .collect();
        Self {
            devices,
            pipes: BTreeMap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            alarms: BTreeSet::new(),
            alarm_of: vec![None; count],
            next_link: 0,
            now: 1_000_000,
            traffic: Traffic::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_micros(self.now), wall: 0 }
    }

    pub(super) fn feed(&self, of: usize) -> FeedId {
        self.devices[of].feed
    }

    pub(super) fn head(&self, of: usize, feed: FeedId) -> u64 {
        self.devices[of].ebt.head(&feed)
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below
    }

    pub(super) fn input(&mut self, to: usize, input: Input) {
        let now = self.now();
        self.devices[to].ebt.handle_input(input, now);
        self.drain(to);
    }

    /// Everyone wants every feed of everyone.
    pub(super) fn everyone_wants_everything(&mut self) {
        let feeds: Vec<FeedId> = self.devices.iter().map(|device| device.feed).collect();
        for to in 0..self.devices.len() {
            for &feed in &feeds {
                self.input(to, Input::Want { feed, want: crate::ebt::Want::Replicate });
            }
        }
    }

    pub(super) fn publish(&mut self, by: usize) {
        let feed = self.feed(by);
        let sequence = self.head(by, feed) + 1;
        self.input(by, Input::Appended { feed, sequence, from: None });
    }

    /// Puts `feed` up to `through` into the log of `to`, and into its author's.
    pub(super) fn import(&mut self, to: usize, feed: FeedId, through: u64) {
        self.input(to, Input::Appended { feed, sequence: through, from: None });
        if let Some(author) = self.devices.iter().position(|device| device.feed == feed) {
            self.input(author, Input::Appended { feed, sequence: through, from: None });
        }
    }

    /// Joins two devices with a pipe that takes `delay` microseconds each way.
    pub(super) fn join(&mut self, a: usize, b: usize, delay: u64) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.pipes.insert(link, Pipe { ends: [a, b], delay, numbers: [0; 2], last_arrival: [self.now; 2] });
        let clocks_of = |mesh: &Self, me: usize, other: usize| mesh.remembered(me, other);
        let (held_a, told_a) = clocks_of(self, a, b);
        let (held_b, told_b) = clocks_of(self, b, a);
        let met = self.devices[a].saved.contains_key(&device(b)) && self.devices[b].saved.contains_key(&device(a));
        let agreed = met && held_a == told_b && held_b == told_a;
        self.input(a, Input::LinkUp { link, peer: device(b), held: held_a, told: told_a, agreed });
        self.input(b, Input::LinkUp { link, peer: device(a), held: held_b, told: told_b, agreed });
        link
    }

    fn remembered(&self, me: usize, other: usize) -> (Clock, Clock) {
        let (held, told) = self.devices[me].saved.get(&device(other)).cloned().unwrap_or_default();
        remembered(held, told, self.feed(me), self.feed(other))
    }

    /// Cuts a link; what is on its way is lost.
    pub(super) fn cut(&mut self, link: LinkId) -> (usize, usize) {
        let ends = self.pipes.remove(&link).unwrap().ends;
        self.events.retain(|_, Event::Arrives { link: on, .. }| *on != link);
        for end in ends {
            self.input(end, Input::LinkDown { link });
        }
        (ends[0], ends[1])
    }

    pub(super) fn links(&self) -> Vec<LinkId> {
        self.pipes.keys().copied().collect()
    }

    pub(super) fn ends(&self, link: LinkId) -> [usize; 2] {
        self.pipes[&link].ends
    }

    fn send(&mut self, from: usize, link: LinkId, frame: Frame) -> u64 {
        let pipe = self.pipes.get_mut(&link).unwrap();
        let side = usize::from(pipe.ends[1] == from);
        pipe.numbers[side] += 1;
        let number = pipe.numbers[side];
        let at = (self.now + pipe.delay).max(pipe.last_arrival[side]);
        pipe.last_arrival[side] = at;
        let to = pipe.ends[1 - side];
        self.next_event += 1;
        self.events.insert((at, self.next_event), Event::Arrives { to, link, number, frame });
        number
    }

    fn drain(&mut self, of: usize) {
        while let Some(output) = self.devices[of].ebt.poll_output() {
            match output {
                Output::SendNotes { link, notes } => {
                    self.traffic.notes += notes.len() as u64;
                    self.traffic.note_frames += 1;
                    let frame = self.send(of, link, Frame::Notes(notes));
                    self.input(of, Input::NotesSent { link, frame });
                }
                Output::Stream { link, feed, after, through } => {
                    let mut next = after + 1;
                    while next <= through {
                        let last = through.min(next + FRAME_MESSAGES - 1);
                        self.traffic.payload += last + 1 - next;
                        let frame = self.send(of, link, Frame::Messages(feed, next, last));
                        self.input(of, Input::Sent { link, frame, feed, through: last });
                        next = last + 1;
                    }
                }
                Output::StopStream { .. } => {}
                Output::SendLevel { link, through, except } => {
                    self.traffic.levels += 1;
                    self.send(of, link, Frame::Level(through, except));
                }
                Output::SaveClock { peer, replace, held, told } => {
                    let saved = self.devices[of].saved.entry(peer).or_default();
                    if replace {
                        *saved = (Clock::new(), Clock::new());
                    }
                    saved.0.extend(held);
                    saved.1.extend(told);
                }
            }
        }
        self.set_alarm(of);
    }

    fn set_alarm(&mut self, of: usize) {
        let alarm = self.devices[of].ebt.poll_timeout().map(|at| at.as_micros());
        if alarm == self.alarm_of[of] {
            return;
        }
        if let Some(old) = self.alarm_of[of] {
            self.alarms.remove(&(old, of));
        }
        self.alarm_of[of] = alarm;
        self.alarms.extend(alarm.map(|at| (at, of)));
    }

    fn arrive(&mut self, to: usize, link: LinkId, number: u64, frame: Frame) {
        match frame {
            Frame::Notes(notes) => self.input(to, Input::Notes { link, frame: number, notes }),
            Frame::Level(through, except) => self.input(to, Input::Level { link, through, except }),
            Frame::Messages(feed, first, last) => {
                self.input(to, Input::Messages { link, frame: number, carried: vec![(feed, last)] });
                for sequence in first..=last {
                    let head = self.head(to, feed);
                    if sequence <= head {
                        self.input(to, Input::Known { link, feed, sequence });
                    } else if sequence == head + 1 {
                        self.traffic.delivered += 1;
                        self.input(to, Input::Appended { feed, sequence, from: Some(link) });
                    } else {
                        self.input(to, Input::Gap { link, feed });
                    }
                }
            }
        }
    }

    fn next_moment(&self) -> Option<u64> {
        let timer = self.alarms.first().map(|&(at, _)| at.max(self.now));
        let event = self.events.first_key_value().map(|(&(at, _), _)| at);
        timer.into_iter().chain(event).min()
    }

    /// Lets time pass until `until`.
    pub(super) fn run_until(&mut self, until: u64) {
        while let Some(at) = self.next_moment().filter(|&at| at <= until) {
            self.step(at);
        }
        self.now = until;
    }

    fn step(&mut self, at: u64) {
        self.now = at;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= at) {
            let Event::Arrives { to, link, number, frame } = entry.remove();
            self.arrive(to, link, number, frame);
        }
        let now = self.now();
        while let Some(&(_, index)) = self.alarms.first().filter(|&&(due, _)| due <= at) {
            let before = self.alarm_of[index];
            self.devices[index].ebt.handle_timeout(now);
            self.drain(index);
            assert_ne!(self.alarm_of[index], before, "device {index} asks to be woken for nothing");
        }
    }

    pub(super) fn run_for(&mut self, millis: u64) {
        self.run_until(self.now + millis * 1000);
    }

    /// Lets time pass until nothing is left to do.
    pub(super) fn run_until_quiet(&mut self) {
        let mut steps = 0;
        while let Some(at) = self.next_moment() {
            self.step(at);
            steps += 1;
            assert!(steps < 10_000_000, "the machines never fall quiet");
        }
    }

    /// What was sent since the last call.
    pub(super) fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Fails unless everyone holds every feed as far as its author, and both ends of each link remember the same.
    pub(super) fn assert_level(&self) {
        let joined: BTreeSet<usize> = self.pipes.values().flat_map(|pipe| pipe.ends).collect();
        for index in joined {
            let device_ = &self.devices[index];
            for author in &self.devices {
                assert_eq!(
                    device_.ebt.head(&author.feed),
                    author.ebt.head(&author.feed),
                    "device {index} and the feed of {:?}",
                    author.feed
                );
            }
        }
        for pipe in self.pipes.values() {
            let [a, b] = pipe.ends;
            let (a_saved, b_saved) = (self.remembered(a, b), self.remembered(b, a));
            assert_eq!(a_saved.0, b_saved.1, "what {a} heard is what {b} told");
            assert_eq!(a_saved.1, b_saved.0, "what {a} told is what {b} heard");
        }
    }

    /// A connected graph in which every device has `degree` links (a random regular graph by pairing stubs), as pairs.
    pub(super) fn regular(&mut self, degree: usize) -> Vec<(usize, usize)> {
        let count = self.devices.len();
        loop {
            let mut stubs: Vec<usize> = (0..count * degree).map(|stub| stub / degree).collect();
            for index in (1..stubs.len()).rev() {
                let other = self.random(index as u64 + 1) as usize;
                stubs.swap(index, other);
            }
            let edges: BTreeSet<(usize, usize)> =
                stubs.chunks_exact(2).map(|pair| (pair[0].min(pair[1]), pair[0].max(pair[1]))).collect();
            let simple = edges.len() == count * degree / 2 && edges.iter().all(|(a, b)| a != b);
            let edges: Vec<_> = edges.into_iter().collect();
            if simple && connected(count, &edges) {
                return edges;
            }
        }
    }
}

/// Whether `edges` join all of `count` devices.
pub(super) fn connected(count: usize, edges: &[(usize, usize)]) -> bool {
    let mut reached = BTreeSet::from([0]);
    let mut grew = true;
    while grew {
        let before = reached.len();
        for &(a, b) in edges {
            if reached.contains(&a) || reached.contains(&b) {
                reached.extend([a, b]);
            }
        }
        grew = reached.len() > before;
    }
    reached.len() == count
}
