//! Parts of a file.

use std::collections::BTreeMap;

/// Disjoint parts of a file, none empty and none touching another: from → until.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(BTreeMap<u64, u64>);

impl Spans {
    /// Adds the bytes `from..until`.
    pub(super) fn add(&mut self, mut from: u64, mut until: u64) {
        if from >= until {
            return;
        }
        if let Some((&before, &end)) = self.0.range(..=from).next_back()
            && end >= from
        {
            from = before;
            until = until.max(end);
        }
        while let Some((&next, &end)) = self.0.range(from..=until).next() {
            self.0.remove(&next);
            until = until.max(end);
        }
        self.0.insert(from, until);
    }

    /// Whether every byte of a file of `size` is among them.
    pub(super) fn is_all(&self, size: u64) -> bool {
        size == 0 || self.0.get(&0).is_some_and(|until| *until >= size)
    }

    /// The first bytes of a file of `size` that are not among them.
    pub(super) fn first_gap(&self, size: u64) -> Option<(u64, u64)> {
        let mut at = 0;
        for (&from, &until) in &self.0 {
            if at < from {
                return (at < size).then_some((at, from.min(size)));
            }
            at = until;
        }
        (at < size).then_some((at, size))
    }

    /// How many parts.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(from, until)| until - from).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spans_are_a_set_of_bytes(parts in prop::collection::vec((0_u64..60, 0_u64..60), 0..20), size in 0_u64..60) {
            let mut spans = Spans::default();
            let mut bytes = [false; 60];
            for (from, until) in parts {
                spans.add(from, until);
                bytes.iter_mut().enumerate().filter(|(at, _)| (from..until).contains(&(*at as u64))).for_each(|(_, byte)| *byte = true);
            }
            let of_size = &bytes[..size as usize];
            prop_assert_eq!(spans.is_all(size), of_size.iter().all(|byte| *byte));
            prop_assert_eq!(spans.bytes(), bytes.iter().filter(|byte| **byte).count() as u64);
            let gap = of_size.iter().position(|byte| !byte).map(|from| {
                let length = of_size[from..].iter().take_while(|byte| !**byte).count();
                (from as u64, (from + length) as u64)
            });
            prop_assert_eq!(spans.first_gap(size), gap);
        }
    }
}
