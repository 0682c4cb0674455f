//! The journal of own messages against the log: how far one's own feed went, by all that is known here.

use std::{collections::BTreeMap, fs, io, path::Path};

use feed::{KeyPair, Message, MessageId};
use rusqlite::{Connection, OptionalExtension};

use super::{About, Finding, Remedy, Report, chain::Log, database::Database};
use crate::{
    doubt::Doubt,
    journal::{Frames, JOURNAL, read_frames},
    log::read_body,
    schema::meta,
    standing::{Standing, compare},
};

const MARK_MEANS: &str = "It is what shows, after a power cut or when an old copy was put back, that messages of your own are missing. \
                          Without it your feed may be longer than what is here.";

/// Compares; the folder's key must be there.
pub(super) fn examine(folder: &Path, database: &Database, log: &Log, keys: &KeyPair, report: &mut Report) {
    let me = keys.feed_id();
    let owner = small_value(&database.db, meta::OWNER);
    if owner.as_deref() != Some(&me.to_tagged()[..]) {
        let can_be_read = owner.is_some_and(|owner| feed::FeedId::from_tagged(&owner).is_ok());
        report.find(match can_be_read {
            true => Finding::new(
                About::Key,
                Remedy::None,
                "The key in this folder is not the one that its messages were stored under.",
                "Periwinkle does not open the folder, so that nothing is mixed up.",
            )
            .with_next("Put the right `secret` back."),
            false => Finding::new(
                About::Database,
                Remedy::Messages,
                "The database does not say any more whose it is.",
                "Periwinkle does not open the folder until it is mended. The messages are not affected.",
            ),
        });
        return;
    }
    let number = log.number(me);
    let own = number.and_then(|number| log.feeds.get(&number));
    let head = own.and_then(|feed| feed.head);
    let path = folder.join(JOURNAL);
    let bodies = match fs::read(&path) {
        Ok(content) => {
            let Frames { bodies, end, is_damaged } = read_frames(&content);
            if is_damaged {
                report.find(journal_lost(format!("The journal of your own messages, {}, is damaged.", path.display())));
            } else if end < content.len() {
                report.note(
                    "The journal of own messages ends with a write that was cut off; the next start takes that away.",
                );
            }
            bodies
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            report.find(journal_lost(format!("The journal of your own messages, {}, is missing.", path.display())));
            Vec::new()
        }
        Err(error) => {
            report.find(journal_lost(format!(
                "The journal of your own messages, {}, cannot be read: {error}.",
                path.display()
            )));
            Vec::new()
        }
    };
    let journal: Vec<Message> =
        bodies.iter().filter_map(|body| Message::decode(body).ok()).filter(|message| message.author() == me).collect();
    let mut stored = BTreeMap::new();
    for message in &journal {
        if let Some(id) = number.and_then(|number| stored_id(&database.db, me, number, message.sequence())) {
            stored.insert(message.sequence(), id);
        }
    }
    let expected = small_value(&database.db, meta::OWN_EXPECTED);
    let shown = expected.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?))).unwrap_or(0);
    let mending = compare(&journal, head, |sequence| stored.get(&sequence).copied(), shown);
    if !mending.missing.is_empty() {
        report.note(format!(
            "{} of your own messages are in the journal only, as after a power cut; the next start takes them over.",
            mending.missing.len()
        ));
    }
    let held = mending.missing.last().map(|message| message.head()).or(head);
    match mending.memory.standing(held.as_ref(), own.is_some_and(|feed| feed.is_frozen)) {
        Standing::Whole => {
            let sequence = held.map_or(0, |head| head.sequence);
            report.note(format!("Your own feed: whole, {sequence} messages."));
            if Doubt::load(folder).is_ok_and(|doubt| doubt.is_open()) {
                report.find(
                    Finding::new(
                        About::OwnFeed,
                        Remedy::None,
                        "Your own feed may be longer than what is here.",
                        "Reading works; publishing waits, because a second message with the same number would break your feed for good.",
                    )
                    .with_next("Meet a friend who follows you: missing messages come back, and publishing goes on, by itself."),
                );
            }
            if journal.is_empty() && sequence > 0 && report.is_whole() {
                report.find(journal_lost("The journal of your own messages is empty, though you have written some.".into()));
            }
        }
        Standing::Recovering { expected: Some(expected) } => report.find(
            Finding::new(
                About::OwnFeed,
                Remedy::None,
                format!(
                    "Your own feed goes to message {expected}, and only {} are here.",
                    held.map_or(0, |head| head.sequence)
                ),
                "Reading works; publishing waits, because a second message with the same number would break your feed for good.",
            )
            .with_next("Meet a friend who follows you: the missing messages come back by themselves."),
        ),
        Standing::Recovering { expected: None } => report.find(
            Finding::new(
                About::OwnFeed,
                Remedy::None,
                "Your own feed was forked: two different messages have the same number.",
                "Reading works; this feed can never be continued. It happens when two copies of a folder are used.",
            )
            .with_next("Begin with a new key in another folder, and tell your friends."),
        ),
    }
}

fn journal_lost(what: String) -> Finding {
    Finding::new(About::Journal, Remedy::Files, what, MARK_MEANS)
}

/// A small value of the database.
pub(super) fn small_value(db: &Connection, key: &str) -> Option<Vec<u8>> {
    db.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0)).optional().ok().flatten()
}

fn stored_id(db: &Connection, me: feed::FeedId, number: i64, sequence: u64) -> Option<MessageId> {
    let body: Vec<u8> = db
        .query_row(
            "SELECT body FROM log WHERE row = (SELECT row FROM message_sequences WHERE feed = ? AND sequence = ?)",
            (number, sequence as i64),
            |row| row.get(0),
        )
        .optional()
        .ok()??;
    read_body(me, sequence, &body).ok().map(|message| message.id())
}
