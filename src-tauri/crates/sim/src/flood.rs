//! Flooding, to compare with: everyone sends what is new to everyone linked but whom it came from.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// What one message costs by flooding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flood {
    /// Copies sent: `2E − (N − 1)` where everyone is reached.
    pub(crate) copies: u64,
    /// Microseconds until each node but the author had it first.
    pub(crate) latencies: Vec<u64>,
}

/// Floods one message from `author` over `links` (two ends, microseconds).
pub(crate) fn flood(author: usize, links: impl Iterator<Item = (usize, usize, u64)>) -> Flood {
    let mut around: BTreeMap<usize, Vec<(usize, u64)>> = BTreeMap::new();
    for (a, b, delay) in links {
        around.entry(a).or_default().push((b, delay));
        around.entry(b).or_default().push((a, delay));
    }
    let mut flood = Flood::default();
    let mut reached: BTreeMap<usize, u64> = BTreeMap::new();
    // Arrivals: when, at whom, from whom.
    let mut arrivals = BinaryHeap::from([Reverse((0_u64, author, author))]);
    while let Some(Reverse((at, node, from))) = arrivals.pop() {
        if reached.contains_key(&node) {
            continue;
        }
        reached.insert(node, at);
        if node != author {
            flood.latencies.push(at);
        }
        for &(next, delay) in around.get(&node).into_iter().flatten().filter(|(next, _)| *next != from) {
            flood.copies += 1;
            arrivals.push(Reverse((at + delay, next, node)));
        }
    }
    flood
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;
    use crate::{graph::draw, scenario::Graph};

    #[test]
    fn flooding_sends_2e_minus_n_minus_1_copies() {
        for degree in [2, 3, 4, 5, 10] {
            let pairs =
                draw(Graph::Regular { degree }, 100, &mut ChaCha8Rng::seed_from_u64(degree as u64)).expect("a graph");
            let links = pairs.iter().map(|&(a, b)| (a, b, 1000 + (a * 7 + b * 13) as u64 % 900));
            let flood = flood(3, links);
            assert_eq!(flood.copies, 2 * pairs.len() as u64 - 99);
            assert_eq!(flood.latencies.len(), 99);
        }
    }

    #[test]
    fn the_first_copy_takes_the_shortest_way() {
        let flood = flood(0, [(0, 1, 10), (1, 2, 10), (0, 2, 50)].into_iter());
        assert_eq!(flood.latencies, [10, 20]);
    }
}
