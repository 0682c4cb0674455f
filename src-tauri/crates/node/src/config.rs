//! What a node is started with: the keys, and what the log holds.

use std::collections::{BTreeMap, BTreeSet};

use feed::{BlobId, FeedId, Head, KeyPair, Message, NetworkKey, PersonId};
use replication::blobs;
use sha2::{Digest, Sha256};
use social::FollowGraph;

/// Everything that a node has to know at its start; the driver reads it from the store.
#[derive(Clone, Debug)]
pub struct Config {
    /// The keys of this device: its connections and its own feed.
    pub keys: KeyPair,
    /// The key that separates a closed network from the public one (`caps.sign`), if any.
    pub network: Option<NetworkKey>,
    /// Random number of the store, new after every restore or repair.
    pub generation: u64,
    /// The newest stored message of each feed.
    pub heads: BTreeMap<FeedId, Head>,
    /// When each feed was last written in, in Unix milliseconds, as far as that is known: where much is missing, those that were
    /// written in lately are sent first. A feed without a time counts as written in just now.
    pub written: BTreeMap<FeedId, i64>,
    /// Feeds asked for by hand.
    pub wanted: BTreeSet<FeedId>,
    /// Who follows and blocks whom, as the stored contact messages say, with the private blocks of this device's person
    /// ([`FollowGraph::set_unsaid_block`]).
    pub graph: FollowGraph,
    /// People of whom this device's person wants to see nothing, though they are passed on.
    pub muted: BTreeSet<PersonId>,
    /// Feeds with a stored proof that they were forked: kept, never extended.
    pub frozen: BTreeSet<FeedId>,
    /// Whether this device's own feed may grow.
    pub standing: Standing,
    /// The newest stored `about` of this device's own feed about itself, with which it introduces itself to strangers.
    pub about: Option<Message>,
    /// Blobs that were wanted when the session before ended.
    pub blobs: Vec<(BlobId, blobs::Wish)>,
    /// Whether there is no network at all, as in a command that opens the folder, writes one message and ends. Otherwise
    /// the first publish waits up to [`crate::limits::PUBLISH_PATIENCE`] for peers who may hold newer messages of one's own.
    pub offline: bool,
}

/// Whether this device's own feed may grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Everything that was ever signed here is stored here.
    #[default]
    Whole,
    /// Own messages are missing here, as in an old copy of the folder. Nothing is published until they have come back from
    /// somebody who has them.
    Recovering {
        /// The highest sequence known to exist.
        expected: u64,
    },
    /// Two different messages with one sequence were signed with this device's key. The feed never grows again.
    Forked,
}

/// Names the network that a device belongs to, without giving its key away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkId(pub [u8; NetworkId::LENGTH]);

impl NetworkId {
    /// Bytes of an id.
    pub const LENGTH: usize = 16;

    /// The id of the network with this key: the first 16 bytes of SHA-256 over a fixed prefix and the key; the public
    /// network has no key.
    pub fn of(network: Option<&NetworkKey>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"periwinkle network 1\0");
        if let Some(key) = network {
            hash.update(key.bytes());
        }
        let mut id = [0; Self::LENGTH];
        id.copy_from_slice(&hash.finalize()[..Self::LENGTH]);
        Self(id)
    }
}
