//! Who follows and blocks whom, and how far away people are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feed::PersonId;

use crate::content::Contact;

/// How one person stands to another, by their own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relation {
    /// Neither follows nor blocks.
    #[default]
    None,
    /// Follows.
    Follows,
    /// Blocks; this wins over a follow in the same statement.
    Blocks,
}

/// People by distance: 0 is oneself, 1 those one follows, 2 those whom they follow.
pub type Hops = BTreeMap<PersonId, u8>;

/// The newest word of everybody about everybody.
///
/// Of an author's statements about a person the one with the highest sequence wins and replaces the whole relation,
/// never by timestamp (so neither the order in which statements arrive nor a wrong clock matters).
#[derive(Clone, Debug, Default)]
pub struct FollowGraph {
    /// Author → subject → (sequence of the statement, relation).
    statements: BTreeMap<PersonId, BTreeMap<PersonId, (u64, Relation)>>,
    /// Subject → authors who follow them.
    followers: BTreeMap<PersonId, BTreeSet<PersonId>>,
    /// Whom somebody blocks without having said so. Told to this copy of the graph alone: no message says it.
    unsaid: BTreeMap<PersonId, BTreeSet<PersonId>>,
}

impl FollowGraph {
    /// Nobody knows anybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what `author` says at `sequence` of their feed. Returns whether it changed the relation.
    ///
    /// What people say about themselves is passed over.
    pub fn apply(&mut self, author: PersonId, sequence: u64, contact: &Contact) -> bool {
        self.set(author, PersonId::from(contact.contact), sequence, contact.relation())
    }

    /// Like [`Self::apply`], for a relation that was read before.
    pub fn set(&mut self, author: PersonId, subject: PersonId, sequence: u64, relation: Relation) -> bool {
        if author == subject {
            return false;
        }
        let statement = self.statements.entry(author).or_default().entry(subject).or_default();
        if statement.0 > sequence {
            return false;
        }
        let before = std::mem::replace(statement, (sequence, relation)).1;
        if relation == Relation::Follows {
            self.followers.entry(subject).or_default().insert(author);
        } else if before == Relation::Follows
            && let Some(followers) = self.followers.get_mut(&subject)
        {
            followers.remove(&author);
            if followers.is_empty() {
                self.followers.remove(&subject);
            }
        }
        before != relation
    }

    /// `author` blocks `subject` without saying so, or no longer. As long as they do, it counts whatever their messages say.
    /// Returns whether it changed the relation.
    pub fn set_unsaid_block(&mut self, author: PersonId, subject: PersonId, blocks: bool) -> bool {
        if author == subject {
            return false;
        }
        let before = self.relation(&author, &subject);
        if blocks {
            self.unsaid.entry(author).or_default().insert(subject);
        } else if let Some(unsaid) = self.unsaid.get_mut(&author) {
            unsaid.remove(&subject);
        }
        self.relation(&author, &subject) != before
    }

    fn is_unsaid(&self, author: &PersonId, subject: &PersonId) -> bool {
        self.unsaid.get(author).is_some_and(|unsaid| unsaid.contains(subject))
    }

    /// How `author` stands to `subject` by what their messages say.
    pub fn said(&self, author: &PersonId, subject: &PersonId) -> Relation {
        self.statements.get(author).and_then(|about| about.get(subject)).map_or(Relation::None, |s| s.1)
    }

    /// How `author` stands to `subject`.
    pub fn relation(&self, author: &PersonId, subject: &PersonId) -> Relation {
        if self.is_unsaid(author, subject) { Relation::Blocks } else { self.said(author, subject) }
    }

    /// Whether `author` follows `subject`.
    pub fn is_following(&self, author: &PersonId, subject: &PersonId) -> bool {
        self.relation(author, subject) == Relation::Follows
    }

    /// Whether `author` blocks `subject`.
    pub fn is_blocking(&self, author: &PersonId, subject: &PersonId) -> bool {
        self.relation(author, subject) == Relation::Blocks
    }

    /// Whom `author` follows, in the order of ids.
    pub fn follows(&self, author: &PersonId) -> impl Iterator<Item = PersonId> + '_ {
        let unsaid = self.unsaid.get(author);
        self.stated(author, Relation::Follows).filter(move |subject| !unsaid.is_some_and(|set| set.contains(subject)))
    }

    /// Whom `author` blocks, in the order of ids.
    pub fn blocks(&self, author: &PersonId) -> impl Iterator<Item = PersonId> + '_ {
        let unsaid = self.unsaid.get(author).into_iter().flatten().copied();
        self.stated(author, Relation::Blocks).chain(unsaid).collect::<BTreeSet<_>>().into_iter()
    }

    /// Who blocks `subject`, in the order of ids. Looks at everybody who has said anything about anybody.
    pub fn blockers(&self, subject: &PersonId) -> impl Iterator<Item = PersonId> + '_ {
        let subject = *subject;
        self.statements.keys().copied().filter(move |author| self.is_blocking(author, &subject))
    }

    /// Who says that they follow `subject`, in the order of ids.
    pub fn followers(&self, subject: &PersonId) -> impl Iterator<Item = PersonId> + '_ {
        self.followers.get(subject).into_iter().flatten().copied()
    }

    /// How many say that they follow `subject`. An unsaid block takes nobody away: a count shows what was said in public.
    pub fn follower_count(&self, subject: &PersonId) -> usize {
        self.followers.get(subject).map_or(0, BTreeSet::len)
    }

    /// Everybody within `max` follows of `me`, with the length of the shortest path; `me` is at 0.
    ///
    /// Whom `me` blocks is not in it, and no path leads through them.
    pub fn hops(&self, me: &PersonId, max: u8) -> Hops {
        let mut hops = Hops::from([(*me, 0)]);
        let mut queue = VecDeque::from([(*me, 0u8)]);
        while let Some((person, distance)) = queue.pop_front() {
            if distance >= max {
                continue;
            }
            for next in self.follows(&person) {
                if !hops.contains_key(&next) && !self.is_blocking(me, &next) {
                    hops.insert(next, distance + 1);
                    queue.push_back((next, distance + 1));
                }
            }
        }
        hops
    }

    /// The length of the shortest path of at most three follows from `me` to `person`, none leading through whom `me` blocks;
    /// none where that is longer, or where `me` blocks them.
    ///
    /// It is looked for backwards, so that it costs what followers of followers are, not all that `me` reaches.
    pub fn distance(&self, me: &PersonId, person: &PersonId) -> Option<u8> {
        if me == person {
            return Some(0);
        }
        if self.is_blocking(me, person) {
            return None;
        }
        if self.is_following(me, person) {
            return Some(1);
        }
        let is_friend = |near: &PersonId| self.is_following(me, near);
        if self.leading_to(me, *person).any(|near| is_friend(&near)) {
            return Some(2);
        }
        let mut near = self.leading_to(me, *person).flat_map(|far| self.leading_to(me, far));
        near.any(|near| is_friend(&near)).then_some(3)
    }

    /// Who follows `subject` and is not blocked by `me`.
    fn leading_to<'a>(&'a self, me: &'a PersonId, subject: PersonId) -> impl Iterator<Item = PersonId> + 'a {
        let followers = self.followers.get(&subject).into_iter().flatten().copied();
        followers.filter(move |author| !self.is_blocking(me, author) && self.is_following(author, &subject))
    }

    fn stated(&self, author: &PersonId, relation: Relation) -> impl Iterator<Item = PersonId> + '_ {
        let about = self.statements.get(author).into_iter().flatten();
        about.filter(move |(_, statement)| statement.1 == relation).map(|(subject, _)| *subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feed::FeedId;
    use proptest::prelude::*;

    fn person(n: u8) -> PersonId {
        PersonId::from(FeedId::classic([n; 32]))
    }

    fn says(about: u8, following: bool, blocking: bool) -> Contact {
        Contact { contact: FeedId::classic([about; 32]), following, blocking }
    }

    #[test]
    fn hops_are_shortest_paths_over_follows() {
        let mut graph = FollowGraph::new();
        for (from, to) in [(1, 2), (2, 3), (3, 4), (1, 5), (5, 3), (4, 1)] {
            graph.apply(person(from), 1, &says(to, true, false));
        }
        assert_eq!(
            graph.hops(&person(1), 2),
            Hops::from([(person(1), 0), (person(2), 1), (person(3), 2), (person(5), 1)])
        );
        assert_eq!(graph.hops(&person(1), 3).get(&person(4)), Some(&3));
        assert_eq!(graph.hops(&person(9), 3), Hops::from([(person(9), 0)]));
    }

    #[test]
    fn a_block_wins_and_no_path_leads_through_it() {
        let mut graph = FollowGraph::new();
        graph.apply(person(1), 1, &says(2, true, true));
        graph.apply(person(1), 2, &says(4, true, false));
        graph.apply(person(4), 1, &says(2, true, false));
        graph.apply(person(2), 1, &says(3, true, false));
        assert_eq!(graph.relation(&person(1), &person(2)), Relation::Blocks);
        assert_eq!(graph.hops(&person(1), 3), Hops::from([(person(1), 0), (person(4), 1)]));
        assert_eq!(graph.blocks(&person(1)).collect::<Vec<_>>(), [person(2)]);
        assert_eq!(graph.followers(&person(2)).collect::<Vec<_>>(), [person(4)]);
    }

    #[test]
    fn the_highest_sequence_replaces_the_whole_relation() {
        let mut graph = FollowGraph::new();
        assert!(graph.apply(person(1), 5, &says(2, true, false)));
        assert!(!graph.apply(person(1), 4, &says(2, false, true)), "an older word changes nothing");
        assert!(graph.is_following(&person(1), &person(2)));
        assert!(graph.apply(person(1), 6, &says(2, false, false)));
        assert_eq!(graph.follower_count(&person(2)), 0);
        assert!(!graph.apply(person(1), 7, &says(1, true, false)), "nobody follows themselves");
    }

    #[test]
    fn an_unsaid_block_wins_over_a_follow_and_no_path_leads_through_it() {
        let mut graph = FollowGraph::new();
        for (from, to) in [(1, 2), (2, 3), (1, 4), (4, 2)] {
            graph.apply(person(from), 1, &says(to, true, false));
        }
        assert!(graph.set_unsaid_block(person(1), person(2), true));
        assert!(!graph.set_unsaid_block(person(1), person(2), true), "it is so already");
        assert!(!graph.set_unsaid_block(person(1), person(1), true), "nobody blocks themselves");
        assert_eq!(graph.relation(&person(1), &person(2)), Relation::Blocks);
        assert_eq!(graph.follows(&person(1)).collect::<Vec<_>>(), [person(4)]);
        assert_eq!(graph.blocks(&person(1)).collect::<Vec<_>>(), [person(2)]);
        assert_eq!(graph.hops(&person(1), 3), Hops::from([(person(1), 0), (person(4), 1)]));
        assert_eq!(graph.distance(&person(1), &person(3)), None);
        assert!(graph.is_following(&person(4), &person(2)), "it is nobody else's");
        assert_eq!(graph.follower_count(&person(2)), 2, "what was said stands");
    }

    #[test]
    fn taking_an_unsaid_block_back_shows_what_was_said() {
        let mut graph = FollowGraph::new();
        graph.apply(person(1), 1, &says(2, true, false));
        graph.set_unsaid_block(person(1), person(2), true);
        assert!(graph.set_unsaid_block(person(1), person(2), false));
        assert!(graph.is_following(&person(1), &person(2)));
        graph.set_unsaid_block(person(1), person(2), true);
        graph.apply(person(1), 2, &says(2, false, true));
        assert_eq!(graph.blocks(&person(1)).collect::<Vec<_>>(), [person(2)], "said and unsaid are one");
        assert!(!graph.set_unsaid_block(person(1), person(2), false), "the statement still blocks");
    }

    proptest! {
        #[test]
        fn the_distance_is_what_hops_says(
            statements in prop::collection::vec((0u8..8, 0u8..8, any::<bool>(), prop::bool::weighted(0.2)), 0..60),
            unsaid in prop::collection::vec((0u8..8, 0u8..8), 0..6),
        ) {
            let mut graph = FollowGraph::new();
            for ((from, to, following, blocking), sequence) in statements.iter().zip(1u64..) {
                graph.apply(person(*from), sequence, &says(*to, *following, *blocking));
            }
            for (from, to) in unsaid {
                graph.set_unsaid_block(person(from), person(to), true);
            }
            for me in 0..8 {
                let hops = graph.hops(&person(me), 3);
                for other in 0..8 {
                    let distance = graph.distance(&person(me), &person(other));
                    prop_assert_eq!(distance, hops.get(&person(other)).copied());
                }
            }
        }

        #[test]
        fn the_order_of_arrival_does_not_matter(
            statements in prop::collection::vec((0u8..4, 0u8..4, any::<bool>(), any::<bool>()), 0..40),
            seed in any::<u64>(),
        ) {
            let numbered: Vec<_> = statements.iter().zip(1u64..).collect();
            let mut shuffled = numbered.clone();
            shuffled.sort_by_key(|(_, n)| n.wrapping_mul(seed | 1).rotate_left(17));
            let (mut a, mut b) = (FollowGraph::new(), FollowGraph::new());
            for (graph, list) in [(&mut a, &numbered), (&mut b, &shuffled)] {
                for ((from, to, following, blocking), sequence) in list {
                    graph.apply(person(*from), *sequence, &says(*to, *following, *blocking));
                }
            }
            for p in 0..4 {
                prop_assert_eq!(a.hops(&person(p), 3), b.hops(&person(p), 3));
                prop_assert_eq!(a.followers(&person(p)).collect::<Vec<_>>(), b.followers(&person(p)).collect::<Vec<_>>());
            }
        }
    }
}
