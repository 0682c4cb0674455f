//! The rows that a message has in the indexes, and how they are written: the same code for a new message and for a
//! rebuild, so that both give the same rows.

use feed::{FeedId, MessageId, PersonId};
use social::{Contact, Kind, Meaning, Target, shown_time};
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    feeds::{FeedNumber, Stated, hex, prefix, relation_to, rows_to_json},
};

/// One index: what it is called and by which version of its rules it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Index {
    Timeline,
    Links,
    Votes,
    Contacts,
    Abouts,
    Channels,
}

impl Index {
    pub(crate) const ALL: [Index; 6] =
        [Index::Timeline, Index::Links, Index::Votes, Index::Contacts, Index::Abouts, Index::Channels];

    /// Its name, with the version of the rules that fill it: raise the version whenever the rows would differ.
    pub(crate) fn version(self) -> (&'static str, i64) {
        match self {
            Index::Timeline => ("timeline", 1),
            Index::Links => ("links", 1),
            Index::Votes => ("votes", 1),
            Index::Contacts => ("contacts", 1),
            Index::Abouts => ("abouts", 1),
            Index::Channels => ("channels", 1),
        }
    }

    /// The statement that empties it.
    pub(crate) fn clear(self) -> &'static str {
        match self {
            Index::Timeline => "DELETE FROM timeline",
            Index::Links => "DELETE FROM links",
            Index::Votes => "DELETE FROM votes",
            Index::Contacts => "DELETE FROM contacts",
            Index::Abouts => "DELETE FROM abouts",
            Index::Channels => "DELETE FROM channels",
        }
    }
}

/// A message on its way into the indexes.
#[derive(Debug)]
pub(crate) struct Indexed<'a> {
    pub(crate) row: i64,
    pub(crate) author: FeedId,
    pub(crate) number: FeedNumber,
    pub(crate) sequence: u64,
    pub(crate) id: MessageId,
    /// The author's claim, Unix milliseconds.
    pub(crate) claimed: f64,
    /// Unix milliseconds.
    pub(crate) received: i64,
    pub(crate) meaning: &'a Meaning,
}

/// subject, author, row, name, has a description, image
type AboutRow = (i64, i64, i64, Option<String>, u8, Option<String>);

/// Rows of all indexes, in the order of the messages.
#[derive(Debug, Default)]
pub(crate) struct IndexRows {
    /// time, row, author, thread, is_reply, channel
    timeline: Vec<(i64, i64, i64, i64, u8, Option<String>)>,
    /// target, relation, row
    links: Vec<(i64, String, i64)>,
    /// target, author, sequence, likes
    votes: Vec<(i64, i64, u64, u8)>,
    /// author, subject, sequence, relation
    contacts: Vec<(i64, i64, u64, i64)>,
    abouts: Vec<AboutRow>,
    /// channel, author, sequence, subscribed
    channels: Vec<(String, i64, u64, u8)>,
    /// The contacts again, for the graph in memory.
    pub(crate) stated: Vec<Stated>,
}

impl IndexRows {
    /// Adds the rows of one message. `number` numbers the feeds that it speaks of.
    pub(crate) fn add(&mut self, message: &Indexed<'_>, mut number: impl FnMut(FeedId) -> FeedNumber) {
        let Indexed { row, number: author, sequence, .. } = *message;
        for link in &message.meaning.links {
            self.links.push((target_prefix(&link.target), link.relation.clone(), row));
        }
        match &message.meaning.kind {
            Kind::Post(post) => {
                let time = shown_time(message.claimed, message.received);
                let thread = prefix(post.root.unwrap_or(message.id).hash());
                self.timeline.push((time, row, author, thread, post.root.is_some().into(), post.channel.clone()));
            }
            Kind::Vote(vote) => {
                if let Target::Message(id) = vote.link {
                    self.votes.push((prefix(id.hash()), author, sequence, vote.likes.into()));
                }
            }
            Kind::Contact(contact) => self.add_contact(message, contact, number(contact.contact)),
            Kind::About(about) => {
                if let Target::Feed(subject) = about.about {
                    let image = about.image.map(|blob| hex(&blob.to_tagged()));
                    let described = about.description.is_some().into();
                    self.abouts.push((number(subject), author, row, about.name.clone(), described, image));
                }
            }
            Kind::Channel(channel) => {
                self.channels.push((channel.channel.clone(), author, sequence, channel.subscribed.into()));
            }
            Kind::Pub(_) | Kind::Blog(_) | Kind::Sealed | Kind::Other(_) => {}
        }
    }

    fn add_contact(&mut self, message: &Indexed<'_>, contact: &Contact, subject: FeedNumber) {
        let relation = contact.relation();
        self.contacts.push((message.number, subject, message.sequence, relation_to(relation)));
        self.stated.push(Stated {
            author: PersonId::from(message.author),
            subject: PersonId::from(contact.contact),
            sequence: message.sequence,
            relation,
        });
    }

    /// Writes the rows of one index; part of the transaction that writes their messages.
    pub(crate) async fn write(&mut self, index: Index, db: &mut SqliteConnection) -> Result<(), StoreError> {
        match index {
            Index::Timeline => {
                self.timeline.sort_unstable();
                fill(
                    db,
                    "INSERT INTO timeline (time, row, author, thread, is_reply, channel)
                     SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?1)",
                    &self.timeline,
                )
                .await
            }
            Index::Links => {
                self.links.sort_unstable();
                fill(
                    db,
                    // Two ids may share their first eight bytes, so one message may give one row twice.
                    "INSERT OR IGNORE INTO links (target, relation, row)
                     SELECT value->>0, value->>1, value->>2 FROM json_each(?1)",
                    &self.links,
                )
                .await
            }
            Index::Votes => {
                fill(
                    db,
                    "INSERT INTO votes (target, author, sequence, likes)
                     SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
                     ON CONFLICT (target, author) DO UPDATE SET sequence = excluded.sequence, likes = excluded.likes
                     WHERE excluded.sequence > sequence",
                    &self.votes,
                )
                .await
            }
            Index::Contacts => {
                fill(
                    db,
                    "INSERT INTO contacts (author, subject, sequence, relation)
                     SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
                     ON CONFLICT (author, subject) DO UPDATE SET sequence = excluded.sequence, relation = excluded.relation
                     WHERE excluded.sequence > sequence",
                    &self.contacts,
                )
                .await
            }
            Index::Abouts => {
                fill(
                    db,
                    // Rows of one author come in the order of sequence, so a later word on a field replaces the earlier.
                    "INSERT INTO abouts (subject, author, name, name_row, description_row, image, image_row)
                     SELECT value->>0, value->>1,
                        value->>3, iif(value->>3 IS NULL, NULL, value->>2),
                        iif(value->>4 = 1, value->>2, NULL),
                        unhex(value->>5), iif(value->>5 IS NULL, NULL, value->>2)
                     FROM json_each(?1) WHERE true
                     ON CONFLICT (subject, author) DO UPDATE SET
                        name = coalesce(excluded.name, name), name_row = coalesce(excluded.name_row, name_row),
                        description_row = coalesce(excluded.description_row, description_row),
                        image = coalesce(excluded.image, image), image_row = coalesce(excluded.image_row, image_row)",
                    &self.abouts,
                )
                .await
            }
            Index::Channels => {
                fill(
                    db,
                    "INSERT INTO channels (channel, author, sequence, subscribed)
                     SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
                     ON CONFLICT (channel, author) DO UPDATE SET sequence = excluded.sequence, subscribed = excluded.subscribed
                     WHERE excluded.sequence > sequence",
                    &self.channels,
                )
                .await
            }
        }
    }
}

/// The most rows that one statement writes, so that its parameter stays within a few hundred KiB.
pub(crate) const ROWS_PER_STATEMENT: usize = 4096;

async fn fill<T: serde::Serialize>(
    db: &mut SqliteConnection,
    statement: &'static str,
    rows: &[T],
) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        sqlx::query(statement).bind(rows_to_json(&rows)?).execute(&mut *db).await?;
    }
    Ok(())
}

/// The first eight bytes of what an id names.
pub(crate) fn target_prefix(target: &Target) -> i64 {
    match target {
        Target::Feed(id) => prefix(id.key()),
        Target::Message(id) => prefix(id.hash()),
        Target::Blob(id) => prefix(id.hash()),
    }
}
