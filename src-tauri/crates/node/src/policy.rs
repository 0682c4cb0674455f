//! Which feeds are stored and passed on: one's own, those of friends and of their friends, and those asked for by hand.

use std::collections::{BTreeMap, BTreeSet};

use feed::{FeedId, PersonId};
use replication::ebt::Want;
use social::{Contact, FollowGraph};

use crate::limits;

/// Who follows whom, and what follows from it for feeds.
#[derive(Debug)]
pub(crate) struct Policy {
    me: PersonId,
    graph: FollowGraph,
    by_hand: BTreeSet<FeedId>,
    muted: BTreeSet<PersonId>,
    /// Every feed that is not ignored.
    wants: BTreeMap<FeedId, Want>,
    /// People whose word changes the distances: me and those I follow.
    speakers: BTreeSet<PersonId>,
}

/// What is wanted with a feed now, and what was before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changed {
    pub(crate) feed: FeedId,
    pub(crate) before: Want,
    pub(crate) want: Want,
}

impl Policy {
    /// A policy that wants nothing until [`Self::refresh`].
    pub(crate) fn new(me: PersonId, graph: FollowGraph, by_hand: BTreeSet<FeedId>, muted: BTreeSet<PersonId>) -> Self {
        Self { me, graph, by_hand, muted, wants: BTreeMap::new(), speakers: BTreeSet::new() }
    }

    pub(crate) fn graph(&self) -> &FollowGraph {
        &self.graph
    }

    /// What we want with a feed.
    pub(crate) fn want(&self, feed: &FeedId) -> Want {
        self.wants.get(feed).copied().unwrap_or_default()
    }

    /// Whether the person of this device follows somebody.
    pub(crate) fn is_followed(&self, person: &PersonId) -> bool {
        self.graph.is_following(&self.me, person)
    }

    /// Whether the person of this device wants to see nothing of somebody.
    pub(crate) fn is_muted(&self, person: &PersonId) -> bool {
        self.muted.contains(person)
    }

    /// Takes in what the person decided about somebody without saying so. Returns whether the wants have to be worked out anew.
    pub(crate) fn decide(&mut self, person: PersonId, blocked: bool, muted: bool) -> bool {
        if muted {
            self.muted.insert(person);
        } else {
            self.muted.remove(&person);
        }
        self.graph.set_unsaid_block(self.me, person, blocked)
    }

    /// The person asks for a feed. Returns whether that is news.
    pub(crate) fn ask_for(&mut self, feed: FeedId) -> bool {
        self.by_hand.insert(feed)
    }

    /// Takes in what an author says of somebody. Returns whether the wants have to be worked out anew.
    pub(crate) fn apply(&mut self, author: PersonId, sequence: u64, contact: &Contact) -> bool {
        self.graph.apply(author, sequence, contact) && self.speakers.contains(&author)
    }

    /// Works out what is wanted, and returns what has changed.
    pub(crate) fn refresh(&mut self) -> Vec<Changed> {
        let hops = self.graph.hops(&self.me, limits::HOPS);
        self.speakers =
            hops.iter().filter(|(_, distance)| **distance < limits::HOPS).map(|(person, _)| *person).collect();
        let mut wants: BTreeMap<FeedId, Want> = self.by_hand.iter().map(|feed| (*feed, Want::Replicate)).collect();
        wants.extend(hops.keys().map(|person| (person.feed(), Want::Replicate)));
        wants.extend(self.graph.blocks(&self.me).map(|person| (person.feed(), Want::Block)));
        wants.insert(self.me.feed(), Want::Replicate);

        let gone = self.wants.keys().filter(|feed| !wants.contains_key(feed)).map(|feed| (*feed, Want::Ignore));
        let now = gone.chain(wants.iter().map(|(feed, want)| (*feed, *want)));
        let changes = now.map(|(feed, want)| Changed { feed, before: self.want(&feed), want });
        let changes = changes.filter(|Changed { before, want, .. }| before != want).collect();
        self.wants = wants;
        changes
    }
}
