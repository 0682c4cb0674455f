//! What was fetched is held against its name, and who lied is found.

use feed::{BlobId, DeviceKey};

use super::{BLAME_MEMORY, Blamed, Blobs, Named, Order, Output, REFUSED, REFUSED_FOR, Why, want::State};
use crate::Now;

impl Blobs {
    pub(super) fn on_named(&mut self, blob: BlobId, named: Named, now: Now) {
        let Some(want) = self.wants.get_mut(&blob).filter(|want| want.state == State::Naming) else { return };
        want.state = State::Open;
        match named {
            Named::Whole(_) => {
                want.is_begun = false;
                if want.wish.why == Why::ByHand {
                    // It may have become so while it was being named.
                    self.outbox.push_back(Output::Order(Order::Look { blob, by_hand: true }));
                }
                self.on_stored(blob, now);
            }
            Named::Failed => self.rest(blob, now),
            Named::Wrong => {
                // Of what lay here before nobody knows who brought it.
                let proved = (!want.inherited && want.by.len() == 1).then(|| want.by.first().copied()).flatten();
                let needs_one = proved.is_none() || want.alone.is_some();
                want.restart();
                want.alone = None;
                self.outbox.push_back(Output::Order(Order::Again { blob }));
                if let Some(device) = proved {
                    self.blame(device, blob, now);
                }
                // A lone first source that lied says nothing about the others; what several brought is fetched from one alone.
                if needs_one && let Some(want) = self.wants.get_mut(&blob) {
                    want.alone = want.sources.keys().next().copied();
                }
                self.settle_size(blob);
                self.schedule(now);
            }
        }
    }

    /// Where the only one who was asked is gone, the next one begins from nothing.
    pub(super) fn choose_alone(&mut self, blob: BlobId) {
        let Some(want) = self.wants.get_mut(&blob) else { return };
        if want.alone.is_some_and(|alone| !want.sources.contains_key(&alone)) {
            want.alone = want.sources.keys().next().copied();
            if !want.by.is_empty() || want.done.bytes() > 0 {
                want.restart();
                self.outbox.push_back(Output::Order(Order::Again { blob }));
            }
            self.settle_size(blob);
        }
    }

    /// A device gave wrong bytes, alone.
    fn blame(&mut self, device: DeviceKey, blob: BlobId, now: Now) {
        self.refused.retain(|_, until| *until > now.monotonic);
        if self.refused.len() >= REFUSED
            && let Some(oldest) = self.refused.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key)
        {
            self.refused.remove(&oldest);
        }
        self.refused.insert((device, blob), now.monotonic + REFUSED_FOR);
        self.remove_source(blob, device);
        self.blamed.retain(|_, blamed| blamed.until > now.monotonic);
        let until = now.monotonic + BLAME_MEMORY;
        let blamed = self.blamed.entry(device).or_insert(Blamed { times: 0, until });
        blamed.times += 1;
        let times = blamed.times;
        if self.blamed.len() > REFUSED {
            self.blamed.pop_first();
        }
        self.outbox.push_back(Output::Blame { device, blob, times });
    }
}
