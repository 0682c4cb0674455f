//! A private message on its way into its index.

use std::collections::BTreeSet;

use feed::{Content, FeedId, KeyPair, Message, json::Value, private_box};
use sha2::{Digest, Sha256};
use social::{Kind, Relation};

use crate::{error::StoreError, feeds::FeedNumber, stances::SealedWord, write::Writing};

/// A message that the reader's key opens.
#[derive(Debug)]
pub(crate) struct Opened {
    row: i64,
    author: FeedNumber,
    /// When it is shown, Unix milliseconds.
    time: i64,
    /// First eight bytes of a hash of the sealed text; see [`digest`].
    digest: i64,
    /// Everybody in the conversation; none where the author is not among those that the text was sealed for.
    people: Option<BTreeSet<FeedId>>,
}

impl Opened {
    fn of(
        row: i64,
        author: FeedNumber,
        time: i64,
        message: &Message,
        sealed: &str,
        content: &Value,
        me: FeedId,
    ) -> Self {
        let named = named(content);
        let digest = digest(sealed, named.is_empty().then(|| message.author()));
        Self { row, author, time, digest, people: people(named, message.author(), me) }
    }
}

/// What a sealed message turned out to be.
#[derive(Debug)]
pub(crate) enum Unsealed {
    /// A message in a conversation.
    Message(Opened),
    /// What the reader says about somebody to nobody but themselves.
    Word(SealedWord),
}

impl Unsealed {
    /// None for what is not sealed for the reader.
    pub(crate) fn of(row: i64, author: FeedNumber, time: i64, message: &Message, keys: &KeyPair) -> Option<Self> {
        let Content::Sealed(sealed) = message.content() else { return None };
        let text = private_box::open(&sealed, keys)?;
        let content = Value::parse(&text).ok()?;
        let me = keys.feed_id();
        // Somebody else's sealed word about a third person is theirs, and a message like others.
        if message.author() == me
            && let Kind::Contact(contact) = social::read_content(&Content::Object(content.clone())).kind
            && contact.contact != me
        {
            let blocks = contact.relation() == Relation::Blocks;
            let (person, sequence) = (contact.contact.into(), message.sequence());
            return Some(Self::Word(SealedWord { person, sequence, blocks, time }));
        }
        Some(Self::Message(Opened::of(row, author, time, message, &sealed, &content, me)))
    }
}

/// What a sealed text is known by, so that a copy of it is not a second message.
///
/// A text that does not say for whom it is gives no hint whose it is: known for each `author` apart, it can be copied, but not
/// hidden behind a copy that comes first.
fn digest(sealed: &str, author: Option<FeedId>) -> i64 {
    let mut hash = Sha256::new_with_prefix(sealed.as_bytes());
    if let Some(author) = author {
        hash.update(author.to_tagged());
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Those that an opened content says it was sealed for.
fn named(content: &Value) -> BTreeSet<FeedId> {
    let id = |value: &Value| {
        let text = match value.as_str() {
            Some(text) => Some(text),
            None => value.get("link")?.as_str(),
        };
        text?.parse::<FeedId>().ok()
    };
    let named = content.get("recps").and_then(Value::as_array).unwrap_or_default();
    named.iter().take(private_box::MAX_RECIPIENTS).filter_map(id).collect()
}

/// Who is in the conversation of an opened content: those it was sealed for, by its own words, and the reader.
///
/// A text that says for whom it is and leaves its author out was sealed by somebody else and copied: none.
fn people(mut named: BTreeSet<FeedId>, author: FeedId, me: FeedId) -> Option<BTreeSet<FeedId>> {
    if !named.is_empty() && !named.contains(&author) {
        return None;
    }
    named.extend([author, me]);
    Some(named)
}

/// Writes opened messages, in the order of their rows; part of the transaction that moves the follower on.
pub(crate) fn write_opened(opened: Vec<Opened>, writing: &mut Writing<'_>) -> Result<(), StoreError> {
    for Opened { row, author, time, digest, people } in opened {
        let copied = "INSERT INTO private_copies (row, original) VALUES (?1, ?2)";
        // Whoever it was not sealed for never claims it: what they copied may come before what they copied it from.
        let Some(people) = people else {
            writing.run(copied, (row, None::<i64>))?;
            continue;
        };
        writing.run(
            "INSERT INTO private_boxes (digest, row) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
            (digest, row),
        )?;
        let first: Option<i64> = writing.value("SELECT row FROM private_boxes WHERE digest = ?1", [digest])?;
        if let Some(original) = first.filter(|first| *first != row) {
            writing.run(copied, (row, original))?;
            continue;
        }
        let people: Vec<u8> = people.iter().flat_map(FeedId::to_tagged).collect();
        let id = <[u8; 32]>::from(Sha256::digest(&people));
        writing.run(
            "INSERT INTO conversations (id, people, time, row) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET time = excluded.time, row = excluded.row
             WHERE (excluded.time, excluded.row) > (time, row)",
            (id, people, time, row),
        )?;
        writing.run(
            "INSERT INTO private_messages (conversation, time, row, author)
             VALUES ((SELECT conversation FROM conversations WHERE id = ?1), ?2, ?3, ?4)",
            (id, time, row, author),
        )?;
    }
    Ok(())
}
