//! A private message on its way into its index.

use std::collections::BTreeSet;

use feed::{Content, FeedId, KeyPair, Message, json::Value, private_box};
use sha2::{Digest, Sha256};

use crate::{error::StoreError, feeds::FeedNumber, write::Writing};

/// A message that the reader's key opens.
#[derive(Debug)]
pub(crate) struct Opened {
    row: i64,
    author: FeedNumber,
    /// When it is shown, Unix milliseconds.
    time: i64,
    /// First eight bytes of the hash of the sealed text.
    digest: i64,
    /// Everybody in the conversation; none where the author is not among those that the text was sealed for.
    people: Option<BTreeSet<FeedId>>,
}

impl Opened {
    /// None for what is not sealed for the reader.
    pub(crate) fn of(row: i64, author: FeedNumber, time: i64, message: &Message, keys: &KeyPair) -> Option<Self> {
        let Content::Sealed(sealed) = message.content() else { return None };
        let content = Value::parse(&private_box::open(&sealed, keys)?).ok()?;
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(sealed.as_bytes()));
        Some(Self {
            row,
            author,
            time,
            digest: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            people: people(&content, message.author(), keys.feed_id()),
        })
    }
}

/// Who is in the conversation of an opened content: those it was sealed for, by its own words, and the reader.
///
/// A text that says for whom it is and leaves its author out was sealed by somebody else and copied: none.
fn people(content: &Value, author: FeedId, me: FeedId) -> Option<BTreeSet<FeedId>> {
    let id = |value: &Value| {
        let text = match value.as_str() {
            Some(text) => Some(text),
            None => value.get("link")?.as_str(),
        };
        text?.parse::<FeedId>().ok()
    };
    let named = content.get("recps").and_then(Value::as_array).unwrap_or_default();
    let mut people: BTreeSet<FeedId> = named.iter().take(private_box::MAX_RECIPIENTS).filter_map(id).collect();
    if !people.is_empty() && !people.contains(&author) {
        return None;
    }
    people.extend([author, me]);
    Some(people)
}

/// Writes opened messages, in the order of their rows; part of the transaction that moves the follower on.
pub(crate) fn write_opened(opened: Vec<Opened>, writing: &mut Writing<'_>) -> Result<(), StoreError> {
    for Opened { row, author, time, digest, people } in opened {
        writing.run(
            "INSERT INTO private_boxes (digest, row) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
            (digest, row),
        )?;
        let first: Option<i64> = writing.value("SELECT row FROM private_boxes WHERE digest = ?1", [digest])?;
        let original = first.filter(|first| *first != row);
        let (Some(people), None) = (people, original) else {
            writing.run("INSERT INTO private_copies (row, original) VALUES (?1, ?2)", (row, original))?;
            continue;
        };
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
