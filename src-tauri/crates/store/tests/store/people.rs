//! Alice, Bob and Carol, who sign messages one after the other.

use feed::{FeedId, Head, KeyPair, MessageId, PersonId, Verified, json::Value, sign};
use social::write::{self, PostDraft};

/// Somebody with a key and the head of their feed.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) keys: KeyPair,
    pub(crate) head: Option<Head>,
    /// What their clock shows, Unix milliseconds; one second later after each message.
    pub(crate) clock: f64,
}

pub(crate) fn alice() -> Signer {
    signer(1)
}

pub(crate) fn bob() -> Signer {
    signer(2)
}

pub(crate) fn carol() -> Signer {
    signer(3)
}

pub(crate) fn signer(seed: u8) -> Signer {
    Signer { keys: KeyPair::from_seed(&[seed; 32]), head: None, clock: 1_000_000.0 }
}

impl Signer {
    pub(crate) fn feed(&self) -> FeedId {
        self.keys.feed_id()
    }

    pub(crate) fn id(&self) -> PersonId {
        PersonId::from(self.feed())
    }

    pub(crate) fn says(&mut self, content: Value) -> Verified {
        let message = sign(&self.keys, None, self.head.as_ref(), self.clock, &content).expect("a valid content");
        self.head = Some(message.head());
        self.clock += 1_000.0;
        message
    }

    pub(crate) fn posts(&mut self, text: &str) -> Verified {
        self.says(write::post(&PostDraft { text: text.into(), ..PostDraft::default() }))
    }

    pub(crate) fn posts_to(&mut self, channel: &str, text: &str) -> Verified {
        self.says(write::post(&PostDraft { text: text.into(), channel: Some(channel.into()), ..PostDraft::default() }))
    }

    pub(crate) fn replies(&mut self, root: MessageId, branch: MessageId, text: &str) -> Verified {
        let draft = PostDraft { text: text.into(), root: Some(root), branch: vec![branch], ..PostDraft::default() };
        self.says(write::post(&draft))
    }

    pub(crate) fn follows(&mut self, person: &Signer) -> Verified {
        self.says(write::contact(&person.feed(), true, false))
    }

    pub(crate) fn blocks(&mut self, person: &Signer) -> Verified {
        self.says(write::contact(&person.feed(), false, true))
    }

    pub(crate) fn likes(&mut self, message: MessageId, likes: bool) -> Verified {
        self.says(write::vote(&message, likes, "Like"))
    }

    pub(crate) fn names(&mut self, person: FeedId, name: &str) -> Verified {
        self.says(write::about_self(&person, Some(name), None, None))
    }
}
