//! Counts what happens to each message and on all links.

use std::collections::BTreeMap;

use feed::FeedId;

use crate::{flood::Flood, report::Traffic, wiretap::Seen};

/// What became of one message, and what went over the links from its publishing to the next one's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Copies sent.
    pub(crate) copies: u64,
    /// Microseconds until each other node had stored it.
    pub(crate) latencies: Vec<u64>,
    /// Links that its longest way had.
    pub(crate) last_hop: u32,
    /// What flooding would have cost.
    pub(crate) flood: Flood,
    /// Everything on the links in its time.
    pub(crate) traffic: Traffic,
}

/// All counters of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    /// What the first meetings cost, before the first message.
    pub(crate) meeting: Traffic,
    pub(crate) records: Vec<Record>,
    /// Which record a message belongs to, and when it was published, in microseconds.
    published: BTreeMap<(FeedId, u64), (usize, u64)>,
    /// For each node, how many links each message took to it.
    hops: Vec<BTreeMap<(FeedId, u64), u32>>,
}

impl Tally {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            meeting: Traffic::default(),
            records: Vec::new(),
            published: BTreeMap::new(),
            hops: vec![BTreeMap::new(); nodes],
        }
    }

    /// A person pressed *publish* at `at`; returns the number of the record.
    pub(crate) fn publishing(&mut self, flood: Flood) -> usize {
        self.records.push(Record { flood, ..Record::default() });
        self.records.len() - 1
    }

    /// The message of record `index` got its place in the feed of `node`.
    pub(crate) fn published(&mut self, index: usize, node: usize, message: (FeedId, u64), pressed_at: u64) {
        self.published.insert(message, (index, pressed_at));
        self.hops[node].insert(message, 0);
    }

    /// `node` has stored a message of another.
    pub(crate) fn stored(&mut self, node: usize, message: (FeedId, u64), at: u64) {
        let hop = self.hops[node].get(&message).copied().unwrap_or(0);
        if let Some(&(index, pressed_at)) = self.published.get(&message) {
            let record = &mut self.records[index];
            record.latencies.push(at.saturating_sub(pressed_at));
            record.last_hop = record.last_hop.max(hop);
        }
    }

    /// A frame of `bytes` left `from` for `to`.
    pub(crate) fn sent(&mut self, from: usize, to: usize, seen: &Seen, bytes: u64) {
        let traffic = match self.records.last_mut() {
            Some(record) => &mut record.traffic,
            None => &mut self.meeting,
        };
        traffic.count(seen, bytes);
        let Seen::Messages(runs) = seen else { return };
        for &(feed, first, last) in runs {
            for sequence in first..=last {
                let message = (feed, sequence);
                if let Some(&(index, _)) = self.published.get(&message) {
                    self.records[index].copies += 1;
                }
                let hop = self.hops[from].get(&message).map_or(0, |hop| hop + 1);
                self.hops[to].entry(message).or_insert(hop);
            }
        }
    }
}
