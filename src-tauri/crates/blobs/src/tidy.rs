//! Making room: which blobs go first, and letting them go. Seeing and doing are apart.

use std::collections::BTreeSet;
use std::time::SystemTime;

use feed::BlobId;

use crate::blobs::{Blobs, Entry};
use crate::error::BlobError;

/// Most blobs in one plan.
pub const MAX_PLANNED: usize = 4096;

/// Why a blob may go. The order in which they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No message stored here links to it.
    Unlinked,
    /// Only other people's messages link to it; it can be fetched again from whoever has it.
    Others,
}

/// A blob that may go. Ordered as they go: unlinked ones first, then by when they were used last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Why it may go.
    pub reason: Reason,
    /// When it was added or last read, to the hour.
    pub used: SystemTime,
    /// Which one.
    pub id: BlobId,
    /// In bytes.
    pub size: u64,
}

/// What would go, so that at least so many bytes are free: the first in order that are enough.
#[derive(Clone, Debug)]
pub struct Plan {
    wanted: u64,
    bytes: u64,
    chosen: BTreeSet<Candidate>,
}

impl Plan {
    /// Nothing yet, for so many bytes.
    pub fn new(wanted: u64) -> Self {
        Self { wanted, bytes: 0, chosen: BTreeSet::new() }
    }

    /// Takes a blob into account that may go. In any order, however many: the plan holds no more than it needs.
    pub fn consider(&mut self, entry: &Entry, reason: Reason) {
        let candidate = Candidate { reason, used: entry.used, id: entry.id, size: entry.size };
        if self.wanted > 0 && self.chosen.insert(candidate) {
            self.bytes += candidate.size;
        }
        // Whoever goes last stays where the others are enough.
        while let Some(last) = self.chosen.last()
            && (self.chosen.len() > MAX_PLANNED || self.bytes - last.size >= self.wanted)
        {
            self.bytes -= last.size;
            self.chosen.pop_last();
        }
    }

    /// What goes, in order.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.chosen.iter()
    }

    /// What that frees, in bytes: less than was asked for where no more may go, or where it would be more than [`MAX_PLANNED`].
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Blobs {
    /// Does what a plan says, except for blobs that were pinned meanwhile; what that freed, in bytes.
    ///
    /// # Errors
    /// When the disk refuses; what was removed until then is gone.
    pub fn tidy(&self, plan: &Plan) -> Result<u64, BlobError> {
        let mut freed = 0;
        for candidate in plan.candidates() {
            if !self.is_pinned(&candidate.id)? && self.remove_content(&candidate.id)? {
                freed += candidate.size;
            }
        }
        Ok(freed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    fn entry(n: u8, size: u64, used: u64) -> Entry {
        Entry { id: BlobId::classic([n; 32]), size, used: UNIX_EPOCH + Duration::from_secs(used) }
    }

    fn chosen(plan: &Plan) -> Vec<u8> {
        plan.candidates().map(|candidate| candidate.id.hash()[0]).collect()
    }

    #[test]
    fn the_unlinked_go_first_and_among_them_the_one_longest_unused() {
        let mut plan = Plan::new(25);
        plan.consider(&entry(1, 10, 100), Reason::Others);
        plan.consider(&entry(2, 10, 300), Reason::Unlinked);
        plan.consider(&entry(3, 10, 200), Reason::Unlinked);
        plan.consider(&entry(4, 10, 50), Reason::Others);
        assert_eq!((chosen(&plan), plan.bytes()), (vec![3, 2, 4], 30));
    }

    #[test]
    fn where_nothing_is_wanted_nothing_goes() {
        let mut plan = Plan::new(0);
        plan.consider(&entry(1, 10, 100), Reason::Unlinked);
        assert_eq!((chosen(&plan), plan.bytes()), (vec![], 0));
    }

    proptest! {
        #[test]
        fn a_plan_is_the_shortest_beginning_that_is_enough(
            sizes in proptest::collection::vec((0_u64..50, 0_u64..9, any::<bool>()), 0..60), wanted in 0_u64..500,
        ) {
            let mut plan = Plan::new(wanted);
            let mut all = BTreeSet::new();
            for (n, (size, used, is_linked)) in sizes.iter().enumerate() {
                let reason = if *is_linked { Reason::Others } else { Reason::Unlinked };
                let entry = entry(n as u8, *size, *used);
                plan.consider(&entry, reason);
                all.insert(Candidate { reason, used: entry.used, id: entry.id, size: *size });
            }
            let mut bytes = 0;
            let expected: Vec<Candidate> = all.into_iter().take_while(|candidate| {
                let goes = bytes < wanted;
                bytes += candidate.size;
                goes
            }).collect();
            let planned: Vec<Candidate> = plan.candidates().copied().collect();
            prop_assert_eq!(planned, expected);
        }
    }
}
