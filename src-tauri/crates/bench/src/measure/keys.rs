//! Random keys to ask for, drawn from what is stored.

use feed::{MessageId, PersonId};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use social::{Kind, Target};

use crate::{
    Error,
    dataset::{Dataset, below},
};

/// Messages looked at for each key: more than enough hold a thread, a channel and a link.
const LOOKED_AT: usize = 30;

/// So many of each.
pub(crate) struct Keys {
    pub(crate) threads: Vec<MessageId>,
    pub(crate) people: Vec<PersonId>,
    pub(crate) channels: Vec<String>,
    /// Something linked to, and under which relation.
    pub(crate) links: Vec<(Target, String)>,
    /// Moments of the history, in milliseconds since 1970.
    pub(crate) moments: Vec<i64>,
}

impl Keys {
    /// Draws `count` of each, the same ones in every run. Fewer where the set does not hold so many.
    pub(crate) fn draw(set: &Dataset, count: usize) -> Result<Self, Error> {
        let mut random = ChaCha8Rng::seed_from_u64(set.parameters.seed ^ 2);
        let mut numbers: Vec<usize> =
            (0..count * LOOKED_AT).map(|_| below(&mut random, set.parameters.messages)).collect();
        numbers.sort_unstable();
        let mut messages = set.messages(&numbers)?;
        for at in (1..messages.len()).rev() {
            messages.swap(at, below(&mut random, at + 1));
        }
        let mut keys = Self {
            threads: Vec::new(),
            people: Vec::new(),
            channels: Vec::new(),
            links: Vec::new(),
            moments: messages.iter().take(count).map(|message| message.timestamp() as i64).collect(),
        };
        for message in &messages {
            let meaning = social::read(message);
            if let Kind::Post(post) = &meaning.kind {
                keys.threads.push(post.root.unwrap_or(message.id()));
                keys.channels.extend(post.channel.clone());
            }
            if !meaning.links.is_empty() {
                let link = &meaning.links[below(&mut random, meaning.links.len())];
                keys.links.push((link.target, link.relation.to_string()));
            }
        }
        let authors = set.parameters.authors;
        keys.people = (0..count).map(|_| set.parameters.keys(below(&mut random, authors)).feed_id().into()).collect();
        keys.threads.truncate(count);
        keys.channels.truncate(count);
        keys.links.truncate(count);
        Ok(keys)
    }
}
