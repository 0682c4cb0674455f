//! One node, with a store in memory where the disk would be.

use std::collections::BTreeMap;

use feed::{DeviceKey, FeedId, KeyPair, Message, Verifier};
use node::{Config, Input, Node, Now, Output, Standing};
use replication::blobs::{self, Found, Judgement, Order, Report};
use replication::ebt::Clock;
use social::FollowGraph;

/// One peer.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) node: Node,
    pub(crate) device: DeviceKey,
    log: BTreeMap<FeedId, Vec<Message>>,
    clocks: BTreeMap<DeviceKey, (Clock, Clock)>,
}

/// The keys of the peer with this number; the same in every run.
pub(crate) fn keys(number: usize) -> KeyPair {
    let mut seed = [0x50; 32];
    seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
    KeyPair::from_seed(&seed)
}

impl Host {
    /// A peer with an empty store that wants all of `feeds`.
    pub(crate) fn new(number: usize, feeds: &[FeedId], seed: [u8; 32], now: Now) -> Self {
        let keys = keys(number);
        let device = keys.device_key();
        let config = Config {
            keys,
            network: None,
            generation: number as u64 + 1,
            heads: BTreeMap::new(),
            written: BTreeMap::new(),
            wanted: feeds.iter().copied().collect(),
            graph: FollowGraph::new(),
            muted: Default::default(),
            frozen: Default::default(),
            standing: Standing::Whole,
            about: None,
            blobs: Vec::new(),
            offline: false,
        };
        Self { node: Node::new(config, seed, now), device, log: BTreeMap::new(), clocks: BTreeMap::new() }
    }

    /// Does what the store, or the processor, is asked to do; `None` for what is not their business or needs no answer.
    pub(crate) fn answer(&mut self, output: Output, verifier: &Verifier) -> Option<Input> {
        match output {
            Output::Verify { ticket, batch } => Some(Input::Verified { ticket, results: verifier.verify_batch(batch) }),
            Output::Append { ticket, batch, .. } => {
                for message in batch {
                    self.log.entry(message.author()).or_default().push(message.into_message());
                }
                Some(Input::Appended { ticket, result: Ok(()) })
            }
            Output::Load { ticket, feed, after, through, max_bytes } => {
                Some(Input::Loaded { ticket, result: Ok(self.load(&feed, after, through, max_bytes)) })
            }
            Output::LoadClocks { ticket, device } => {
                let (held, told) = self.clocks.get(&device).cloned().unwrap_or_default();
                Some(Input::ClocksLoaded { ticket, held, told })
            }
            Output::SaveClocks { device, replace, held, told } => {
                let saved = self.clocks.entry(device).or_default();
                if replace {
                    *saved = (Clock::new(), Clock::new());
                }
                saved.0.extend(held);
                saved.1.extend(told);
                None
            }
            // Nobody has files here: what messages link to is wanted and never found.
            Output::Blobs(Order::Look { blob, .. }) => Some(report(Report::Looked { blob, found: Found::Absent })),
            Output::Blobs(Order::Judge { link, blobs, .. }) => {
                let answers = blobs.into_iter().map(|blob| (blob, Judgement::Refused)).collect();
                Some(report(Report::Judged { link, answers }))
            }
            _ => None,
        }
    }

    fn load(&self, feed: &FeedId, after: u64, through: u64, max_bytes: usize) -> Vec<Message> {
        let Some(log) = self.log.get(feed) else { return Vec::new() };
        let mut bytes = 0;
        let wanted = log.iter().skip(after as usize).take(through.saturating_sub(after) as usize);
        let within = wanted.take_while(|message| {
            let fits = bytes < max_bytes;
            bytes += message.encoded().len();
            fits
        });
        within.cloned().collect()
    }
}

fn report(report: Report) -> Input {
    Input::Blobs(blobs::Input::Report(report))
}
