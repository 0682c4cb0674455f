//! The order of a thread: every post after those it answers, with gaps where an answered one has not arrived.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use feed::MessageId;

/// A post of a thread, as far as its place matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The post.
    pub id: MessageId,
    /// What it answers: root and branches.
    pub answers: Vec<MessageId>,
    /// When it is shown to have been written, Unix milliseconds.
    pub time: i64,
}

/// One place in a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The post at this index of what was given.
    Post(usize),
    /// A message that others answer and that is not here.
    Missing(MessageId),
}

/// Puts `posts` into causal order: the root first, then each post after everything it answers; among those that could
/// come next the earliest, then the lower id. So the order is the same on every machine that holds the same posts.
///
/// A message that is answered but absent stands as [`Place::Missing`] right before the first post that answers it, unless
/// `is_elsewhere` says that it is stored but not part of the thread. Posts given twice stand once.
pub fn causal_order(root: MessageId, posts: &[Answer], is_elsewhere: impl Fn(&MessageId) -> bool) -> Vec<Place> {
    let mut index = BTreeMap::new();
    for (at, post) in posts.iter().enumerate() {
        index.entry(post.id).or_insert(at);
    }
    let mut places = Vec::with_capacity(posts.len() + 1);
    let mut known_gaps = BTreeSet::from([root]);
    if !index.contains_key(&root) && !is_elsewhere(&root) {
        places.push(Place::Missing(root));
    }

    // Kahn's algorithm: count what each post still waits for; those that wait for nothing are ready.
    let mut waiting: BTreeMap<usize, usize> = BTreeMap::new();
    let mut answered_by: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut ready = BinaryHeap::new();
    for &at in index.values() {
        let Some(post) = posts.get(at) else { continue };
        let before: BTreeSet<usize> =
            post.answers.iter().filter_map(|id| index.get(id)).copied().filter(|&answered| answered != at).collect();
        if before.is_empty() {
            ready.push(Reverse((post.id != root, post.time, post.id, at)));
        }
        waiting.insert(at, before.len());
        for answered in before {
            answered_by.entry(answered).or_default().push(at);
        }
    }
    loop {
        while let Some(Reverse((_, _, _, at))) = ready.pop() {
            // Released already, when a cycle was cut.
            if waiting.remove(&at).is_none() {
                continue;
            }
            let Some(post) = posts.get(at) else { continue };
            for answered in &post.answers {
                if !index.contains_key(answered) && known_gaps.insert(*answered) && !is_elsewhere(answered) {
                    places.push(Place::Missing(*answered));
                }
            }
            places.push(Place::Post(at));
            for next in answered_by.remove(&at).unwrap_or_default() {
                let Some(count) = waiting.get_mut(&next) else { continue };
                *count -= 1;
                if *count == 0
                    && let Some(post) = posts.get(next)
                {
                    ready.push(Reverse((true, post.time, post.id, next)));
                }
            }
        }
        // Ids are hashes, so answers cannot go in a circle; should they all the same, the earliest post goes first.
        let stuck = waiting.keys().filter_map(|&at| posts.get(at).map(|post| (post.time, post.id, at))).min();
        match stuck {
            Some((time, id, at)) => ready.push(Reverse((true, time, id, at))),
            None => return places,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u8) -> MessageId {
        MessageId::classic([n; 32])
    }

    fn answer(n: u8, answers: &[u8], time: i64) -> Answer {
        Answer { id: id(n), answers: answers.iter().map(|&n| id(n)).collect(), time }
    }

    fn order(posts: &[Answer]) -> Vec<String> {
        let place = |place| match place {
            Place::Post(at) => posts[at].id.hash()[0].to_string(),
            Place::Missing(id) => format!("{}?", id.hash()[0]),
        };
        causal_order(id(1), posts, |id| id.hash()[0] >= 100).into_iter().map(place).collect()
    }

    #[test]
    fn every_post_stands_after_those_it_answers_whatever_the_clocks_say() {
        let posts = [answer(4, &[1, 3], 10), answer(3, &[1, 2], 500), answer(1, &[], 900), answer(2, &[1], 20)];
        assert_eq!(order(&posts), ["1", "2", "3", "4"]);
    }

    #[test]
    fn posts_that_could_come_next_stand_by_time_then_id() {
        let posts = [answer(1, &[], 0), answer(5, &[1], 30), answer(2, &[1], 40), answer(4, &[1], 30)];
        assert_eq!(order(&posts), ["1", "4", "5", "2"]);
    }

    #[test]
    fn what_is_answered_and_absent_is_a_gap_once() {
        let posts = [answer(3, &[1, 2], 10), answer(4, &[1, 2], 20), answer(5, &[1, 100], 30)];
        assert_eq!(order(&posts), ["1?", "2?", "3", "4", "5"]);
    }

    #[test]
    fn a_circle_and_a_double_still_end() {
        let posts = [answer(2, &[3], 10), answer(3, &[2], 5), answer(3, &[2], 5), answer(4, &[4], 1)];
        assert_eq!(order(&posts), ["1?", "4", "3", "2"]);
    }

    proptest! {
        #[test]
        fn any_graph_gives_each_post_once_after_its_answers(
            shape in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..4), 0i64..50), 1..30),
        ) {
            // Post n answers only lower numbers, as hashes force it.
            let posts: Vec<Answer> = shape.iter().enumerate().map(|(n, (picks, time))| {
                let answers: Vec<u8> = if n == 0 { vec![] } else { picks.iter().map(|p| p.index(n) as u8 + 1).collect() };
                answer(n as u8 + 1, &answers, *time)
            }).collect();
            let places = causal_order(id(1), &posts, |_| false);
            let mut seen = BTreeSet::new();
            for place in &places {
                let Place::Post(at) = place else { panic!("nothing is missing") };
                prop_assert!(posts[*at].answers.iter().all(|a| seen.contains(a)));
                prop_assert!(seen.insert(posts[*at].id));
            }
            prop_assert_eq!(seen.len(), posts.len());
        }
    }
}
