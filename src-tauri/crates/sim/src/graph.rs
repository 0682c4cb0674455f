//! Who is linked to whom.

use std::collections::{BTreeSet, VecDeque};

use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use crate::scenario::Graph;

/// A pair of nodes, the lower number first.
pub(crate) type Pair = (usize, usize);

/// How often a graph is drawn until it is given up.
const TRIES: usize = 1_000;

/// Draws a connected graph over `nodes`; none if chance does not find one.
pub(crate) fn draw(graph: Graph, nodes: usize, rng: &mut ChaCha8Rng) -> Option<Vec<Pair>> {
    for _ in 0..TRIES {
        let pairs = match graph {
            Graph::Regular { degree } => regular(nodes, degree, rng),
            Graph::Tree { degree } => regular(nodes, degree, rng).map(|pairs| tree(nodes, &pairs)),
            Graph::Out { degree } => Some(out(nodes, degree, rng)),
            Graph::Line => Some((1..nodes).map(|node| (node - 1, node)).collect()),
        };
        if let Some(pairs) = pairs
            && connected(nodes, &pairs)
        {
            return Some(pairs);
        }
    }
    None
}

/// An even draw from `0..below`, for small bounds.
pub(crate) fn below(rng: &mut ChaCha8Rng, below: usize) -> usize {
    (rng.next_u64() % below.max(1) as u64) as usize
}

/// Each node has `degree` stubs; two random ones that may be joined are joined, until none is left (Steger and Wormald,
/// *Generating Random Regular Graphs Quickly*). `None` if what is left cannot be joined; then one draws again.
fn regular(nodes: usize, degree: usize, rng: &mut ChaCha8Rng) -> Option<Vec<Pair>> {
    let mut stubs: Vec<usize> = (0..nodes * degree).map(|stub| stub / degree).collect();
    let mut pairs = BTreeSet::new();
    let mut refused = 0;
    while !stubs.is_empty() {
        let (first, second) = (below(rng, stubs.len()), below(rng, stubs.len()));
        let (a, b) = (stubs[first].min(stubs[second]), stubs[first].max(stubs[second]));
        if a == b || !pairs.insert((a, b)) {
            refused += 1;
            if refused > 100 * nodes * degree {
                return None;
            }
            continue;
        }
        stubs.swap_remove(first.max(second));
        stubs.swap_remove(first.min(second));
    }
    Some(pairs.into_iter().collect())
}

fn out(nodes: usize, degree: usize, rng: &mut ChaCha8Rng) -> Vec<Pair> {
    let mut pairs = BTreeSet::new();
    for node in 0..nodes {
        let mut chosen = BTreeSet::new();
        while chosen.len() < degree {
            let other = below(rng, nodes);
            if other != node && chosen.insert(other) {
                pairs.insert((node.min(other), node.max(other)));
            }
        }
    }
    pairs.into_iter().collect()
}

/// The pairs by which a breadth-first walk from node 0 reaches each other node first.
fn tree(nodes: usize, pairs: &[Pair]) -> Vec<Pair> {
    let mut neighbours = vec![Vec::new(); nodes];
    for &(a, b) in pairs {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    let mut reached = vec![false; nodes];
    reached[0] = true;
    let (mut walk, mut kept) = (VecDeque::from([0]), Vec::new());
    while let Some(node) = walk.pop_front() {
        for &other in &neighbours[node] {
            if !std::mem::replace(&mut reached[other], true) {
                kept.push((node.min(other), node.max(other)));
                walk.push_back(other);
            }
        }
    }
    kept
}

/// Whether `pairs` join all of `nodes`.
pub(crate) fn connected(nodes: usize, pairs: &[Pair]) -> bool {
    let mut group: Vec<usize> = (0..nodes).collect();
    fn root(group: &mut [usize], mut node: usize) -> usize {
        while group[node] != node {
            group[node] = group[group[node]];
            node = group[node];
        }
        node
    }
    let mut groups = nodes;
    for &(a, b) in pairs {
        let (a, b) = (root(&mut group, a), root(&mut group, b));
        if a != b {
            group[a] = b;
            groups -= 1;
        }
    }
    groups == 1
}

/// Which of `pairs` to cut so that the rest still joins all nodes: as many as `count`, if that many can be.
pub(crate) fn cuttable(nodes: usize, pairs: &[Pair], count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    for index in (1..order.len()).rev() {
        order.swap(index, below(rng, index + 1));
    }
    let mut cut = BTreeSet::new();
    for candidate in order {
        if cut.len() == count {
            break;
        }
        cut.insert(candidate);
        let rest: Vec<Pair> =
            pairs.iter().enumerate().filter(|(index, _)| !cut.contains(index)).map(|(_, &pair)| pair).collect();
        if !connected(nodes, &rest) {
            cut.remove(&candidate);
        }
    }
    cut.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_regular_graph_gives_everyone_the_same_number_of_links() {
        let pairs = draw(Graph::Regular { degree: 5 }, 100, &mut ChaCha8Rng::seed_from_u64(1)).expect("a graph");
        assert_eq!(pairs.len(), 250);
        for node in 0..100 {
            assert_eq!(pairs.iter().filter(|(a, b)| *a == node || *b == node).count(), 5);
        }
        assert!(connected(100, &pairs));
    }

    #[test]
    fn a_tree_has_no_link_to_spare_and_is_as_flat_as_the_network_allows() {
        let pairs = draw(Graph::Tree { degree: 5 }, 100, &mut ChaCha8Rng::seed_from_u64(1)).expect("a tree");
        assert!(pairs.len() == 99 && connected(100, &pairs));
        let full = regular(100, 5, &mut ChaCha8Rng::seed_from_u64(1)).expect("a graph");
        assert!(pairs.iter().all(|pair| full.contains(pair)));
        assert_eq!(pairs.iter().filter(|(a, b)| *a == 0 || *b == 0).count(), 5, "all links of the first node");
    }

    #[test]
    fn a_cut_never_tears_the_graph_apart() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let pairs = draw(Graph::Regular { degree: 3 }, 20, &mut rng).expect("a graph");
        let cut = cuttable(20, &pairs, 30, &mut rng);
        assert_eq!(cut.len(), 30 - 19, "what is left is a tree");
    }
}
