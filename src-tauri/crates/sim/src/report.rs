//! What a run cost, in the field's figures.

use std::{fmt, ops::RangeInclusive};

use crate::{tally::Record, wiretap::Seen};

/// Everything that went over the links for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of all frames, without the transport's length prefix.
    pub bytes: u64,
    /// Bytes of frames that hold messages.
    pub message_bytes: u64,
    /// Frames that hold messages.
    pub message_frames: u64,
    /// Messages in them, each copy counted.
    pub payload: u64,
    /// Frames that hold notes.
    pub note_frames: u64,
    /// Notes in them.
    pub notes: u64,
    /// Level frames.
    pub levels: u64,
    /// Hellos.
    pub hellos: u64,
    /// Frames of other kinds.
    pub others: u64,
}

impl Traffic {
    pub(crate) fn count(&mut self, seen: &Seen, bytes: u64) {
        self.bytes += bytes;
        match seen {
            Seen::Hello => self.hellos += 1,
            Seen::Notes(notes) => {
                self.note_frames += 1;
                self.notes += notes;
            }
            Seen::Messages(runs) => {
                self.message_frames += 1;
                self.message_bytes += bytes;
                self.payload += runs.iter().map(|(_, first, last)| last - first + 1).sum::<u64>();
            }
            Seen::Level => self.levels += 1,
            Seen::Other => self.others += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.message_bytes += other.message_bytes;
        self.message_frames += other.message_frames;
        self.payload += other.payload;
        self.note_frames += other.note_frames;
        self.notes += other.notes;
        self.levels += other.levels;
        self.hellos += other.hellos;
        self.others += other.others;
    }
}

/// Times from *publish* to stored elsewhere, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Half of the deliveries took at most this.
    pub p50: f64,
    /// 99 of 100 deliveries took at most this.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Latency {
    fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        // Nearest rank.
        let at = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100).max(1);
            micros.get(rank - 1).map_or(0.0, |&micros| micros as f64 / 1000.0)
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

/// The figures of some consecutive messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Which, counted from 1.
    pub messages: RangeInclusive<usize>,
    /// Nodes that should get them, summed up: the optimum of copies.
    pub optimum: u64,
    /// Nodes that got them.
    pub delivered: u64,
    /// Copies of them that were sent.
    pub copies: u64,
    /// The most links that one of them took.
    pub last_hop: u32,
    /// Everything on the links from the first of them until the first after them.
    pub traffic: Traffic,
    /// How long they took.
    pub latency: Latency,
    /// How long they would have taken by flooding.
    pub flooding: Latency,
    /// Copies that flooding would have sent.
    pub flooding_copies: u64,
}

impl Phase {
    /// Messages that did not reach somebody.
    pub fn missed(&self) -> u64 {
        self.optimum - self.delivered
    }

    /// Copies sent for each that was needed: 1 is perfect.
    pub fn payload_ratio(&self) -> f64 {
        self.copies as f64 / self.optimum as f64
    }

    /// The same by flooding.
    pub fn flooding_ratio(&self) -> f64 {
        self.flooding_copies as f64 / self.optimum as f64
    }

    /// Notes sent for each delivery.
    pub fn notes_per_delivery(&self) -> f64 {
        self.traffic.notes as f64 / self.delivered as f64
    }

    /// Level frames sent for each delivery. They stand in for acknowledging notes, so they belong beside those.
    pub fn levels_per_delivery(&self) -> f64 {
        self.traffic.levels as f64 / self.delivered as f64
    }

    /// P99 of the latency, in P99s of flooding.
    pub fn latency_ratio(&self) -> f64 {
        self.latency.p99 / self.flooding.p99
    }
}

/// What a run cost.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the scenario shows.
    pub about: String,
    /// What the random choices were drawn from.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Links at the start.
    pub links: usize,
    /// What the first meetings cost, before the first message.
    pub meeting: Traffic,
    /// Links that broke and came back.
    pub resets: u64,
    /// How often somebody left and came back.
    pub departures: u64,
    /// Virtual milliseconds from the last message until nothing was left to do; `None` if that was not reached.
    pub quiet_after: Option<u64>,
    pub(crate) records: Vec<Record>,
    pub(crate) phases: Vec<usize>,
}

impl Report {
    /// The figures of the messages in `range`, counted from 1.
    pub fn phase(&self, range: RangeInclusive<usize>) -> Phase {
        let records = self.records.iter().take(*range.end()).skip(range.start() - 1);
        let mut phase = Phase {
            messages: range,
            optimum: 0,
            delivered: 0,
            copies: 0,
            last_hop: 0,
            traffic: Traffic::default(),
            latency: Latency::default(),
            flooding: Latency::default(),
            flooding_copies: 0,
        };
        let (mut latencies, mut flooding) = (Vec::new(), Vec::new());
        for record in records {
            phase.optimum += self.nodes as u64 - 1;
            phase.delivered += record.latencies.len() as u64;
            phase.copies += record.copies;
            phase.last_hop = phase.last_hop.max(record.last_hop);
            phase.traffic.add(&record.traffic);
            phase.flooding_copies += record.flood.copies;
            latencies.extend(&record.latencies);
            flooding.extend(&record.flood.latencies);
        }
        phase.latency = Latency::of(latencies);
        phase.flooding = Latency::of(flooding);
        phase
    }

    /// The figures of all messages.
    pub fn whole(&self) -> Phase {
        self.phase(1..=self.records.len())
    }

    /// The figures of each phase that the scenario names, the last one up to the last message.
    pub fn phases(&self) -> Vec<Phase> {
        let last = self.records.len();
        let mut phases = Vec::new();
        let mut first = 1;
        for end in self.phases.iter().copied().filter(|&end| end < last).chain([last]) {
            phases.push(self.phase(first..=end));
            first = end + 1;
        }
        phases
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, seed, nodes, links, resets, departures, .. } = self;
        writeln!(f, "{about}")?;
        writeln!(
            f,
            "{nodes} nodes, {links} links, seed {seed}, {resets} broken links that came back, {departures} departures"
        )?;
        let meeting = self.meeting;
        writeln!(
            f,
            "first meetings: {} notes in {} frames, {} bytes",
            meeting.notes, meeting.note_frames, meeting.bytes
        )?;
        let head = [
            "messages",
            "payload",
            "flooding",
            "notes",
            "levels",
            "last hop",
            "missed",
            "P50 ms",
            "P99 ms",
            "max ms",
            "flood P50",
            "flood P99",
            "P99 ratio",
            "bytes",
        ];
        writeln!(f, "{}", head.map(|name| format!("{name:>9}")).join(" "))?;
        for phase in self.phases().into_iter().chain([self.whole()]) {
            let cells = [
                format!("{}-{}", phase.messages.start(), phase.messages.end()),
                format!("{:.4}", phase.payload_ratio()),
                format!("{:.3}", phase.flooding_ratio()),
                format!("{:.3}", phase.notes_per_delivery()),
                format!("{:.3}", phase.levels_per_delivery()),
                phase.last_hop.to_string(),
                phase.missed().to_string(),
                format!("{:.1}", phase.latency.p50),
                format!("{:.1}", phase.latency.p99),
                format!("{:.1}", phase.latency.max),
                format!("{:.1}", phase.flooding.p50),
                format!("{:.1}", phase.flooding.p99),
                format!("{:.2}", phase.latency_ratio()),
                phase.traffic.bytes.to_string(),
            ];
            writeln!(f, "{}", cells.map(|cell| format!("{cell:>9}")).join(" "))?;
        }
        match self.quiet_after {
            Some(millis) => write!(f, "quiet {millis} ms after the last message"),
            None => write!(f, "not quiet when the run ended"),
        }
    }
}
