//! What a log holds, found out quickly: nothing is verified but the newest messages of one person.

use std::collections::BTreeMap;

use feed::{FeedId, NetworkKey, Verified, Verifier};

use crate::{Found, Record};

/// Most feeds that are told apart; further ones are counted as messages only.
pub const MAX_FEEDS: usize = 1_000_000;

/// How many of the newest messages of one person are kept to be verified: as many may be damaged or forged before the
/// survey does not find the newest true one.
const CANDIDATES: usize = 64;

/// What the logs of a folder hold.
#[derive(Debug, Default)]
pub struct Survey {
    /// Records with a message.
    pub messages: u64,
    /// Records that the app had deleted.
    pub deleted: u64,
    /// Messages of feeds in other formats than the classic one.
    pub other_formats: u64,
    /// Records that hold no message that could be told.
    pub unreadable: u64,
    /// Places with damage.
    pub damaged_places: u64,
    /// Bytes that make no sense.
    pub damaged_bytes: u64,
    /// Whether a log was damaged behind the newest message of the person found in it, so that messages of theirs may be
    /// missing at the end of their feed.
    pub own_may_be_missing: bool,
    feeds: BTreeMap<FeedId, u64>,
    own: Option<OwnFeed>,
}

/// The person whose folder it is.
#[derive(Debug)]
struct OwnFeed {
    id: FeedId,
    /// Messages of all logs; those that are in two logs count twice.
    messages: u64,
    /// The newest by sequence.
    newest: BTreeMap<u64, Vec<Record>>,
    kept: usize,
    /// Whether the present log was damaged since it gave a message of theirs.
    damaged_since: bool,
}

/// What the logs hold of the person whose folder it is.
#[derive(Debug, Clone)]
pub struct Own {
    /// Records of theirs; a message in two logs counts twice.
    pub messages: u64,
    /// The newest message whose signature holds.
    pub newest: Option<Verified>,
    /// The highest sequence that a record claims, whether or not its message holds.
    pub claimed: Option<u64>,
}

impl Survey {
    /// A survey of the folder of `own`, where that is known.
    pub fn new(own: Option<FeedId>) -> Self {
        let own = own.map(|id| OwnFeed { id, messages: 0, newest: BTreeMap::new(), kept: 0, damaged_since: false });
        Self { own, ..Self::default() }
    }

    /// How many classic feeds there are, at most [`MAX_FEEDS`].
    pub fn feeds(&self) -> usize {
        self.feeds.len()
    }

    /// Takes in what a log holds at one place.
    pub fn add(&mut self, found: Found) {
        match found {
            Found::Record(record) => self.add_record(record),
            Found::Deleted => self.deleted += 1,
            Found::Damaged { bytes, .. } => {
                self.damaged_places += 1;
                self.damaged_bytes += bytes;
                if let Some(own) = &mut self.own {
                    own.damaged_since = true;
                }
            }
        }
    }

    /// One log is at its end.
    pub fn end_of_log(&mut self) {
        if let Some(own) = &mut self.own {
            self.own_may_be_missing |= std::mem::take(&mut own.damaged_since);
        }
    }

    fn add_record(&mut self, record: Record) {
        let Some(claim) = record.claim() else {
            self.unreadable += 1;
            // Anybody's, for all that can be told.
            if let Some(own) = &mut self.own {
                own.damaged_since = true;
            }
            return;
        };
        self.messages += 1;
        let Some(author) = claim.author else {
            self.other_formats += 1;
            return;
        };
        if self.feeds.len() < MAX_FEEDS || self.feeds.contains_key(&author) {
            *self.feeds.entry(author).or_default() += 1;
        }
        if let Some(own) = self.own.as_mut().filter(|own| own.id == author) {
            own.messages += 1;
            own.damaged_since = false;
            if let Some(sequence) = claim.sequence {
                own.keep(sequence, record);
            }
        }
    }

    /// What there is of the person whose folder it is. Checks the signatures of their newest messages, from the newest on,
    /// until one holds.
    pub fn own(&self, network: Option<NetworkKey>) -> Option<Own> {
        let own = self.own.as_ref()?;
        let verifier = Verifier::new(network);
        let verified = |record: &Record| {
            let message = record.message().ok().filter(|message| message.author() == own.id)?;
            verifier.verify(message).ok()
        };
        let newest = own.newest.values().rev().flatten().find_map(verified);
        Some(Own { messages: own.messages, newest, claimed: own.newest.keys().next_back().copied() })
    }
}

impl OwnFeed {
    fn keep(&mut self, sequence: u64, record: Record) {
        self.newest.entry(sequence).or_default().push(record);
        self.kept += 1;
        if self.kept > CANDIDATES
            && let Some(mut oldest) = self.newest.first_entry()
        {
            // Of many at one sequence the first is as good as the last.
            oldest.get_mut().pop();
            if oldest.get().is_empty() {
                oldest.remove();
            }
            self.kept -= 1;
        }
    }
}
