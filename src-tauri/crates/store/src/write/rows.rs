//! The rows that a message has in the log and in the indexes, and how they are written: the same code for a new message
//! and for a rebuild, so that both give the same rows.
//!
//! Rows go into each tree in its order: keys are as good as random, and neighbours share pages.

use feed::{FeedId, Message, MessageId, PersonId, TAGGED_LEN};
use social::shown_time;

use crate::{
    activity::{ActivityRows, OwnRows},
    error::StoreError,
    feeds::{FeedNumber, Stated, prefix, relation_to},
    history::KindRows,
    index::Index,
    relation::RelationKey,
    write::{Facts, Statement, Writing},
};

/// A message's row of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRow<'a> {
    pub(crate) row: i64,
    pub(crate) feed: FeedNumber,
    pub(crate) sequence: u64,
    /// Unix milliseconds.
    pub(crate) received: i64,
    pub(crate) id: MessageId,
    pub(crate) body: &'a [u8],
}

/// Writes rows of the log and what they are found by.
pub(crate) fn write_log(rows: &[LogRow<'_>], writing: &mut Writing<'_>) -> Result<(), StoreError> {
    writing.each(
        "INSERT INTO log (row, feed, sequence, received, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        rows.iter().map(|row| (row.row, row.feed, row.sequence as i64, row.received, row.body)),
    )?;
    let mut sequences: Vec<_> = rows.iter().map(|row| (row.feed, row.sequence as i64, row.row)).collect();
    sequences.sort_unstable();
    writing.each("INSERT INTO message_sequences (feed, sequence, row) VALUES (?1, ?2, ?3)", sequences)?;
    let mut ids: Vec<_> = rows.iter().map(|row| (prefix(row.id.hash()), row.row)).collect();
    ids.sort_unstable();
    writing.each("INSERT INTO message_ids (prefix, row) VALUES (?1, ?2)", ids)
}

/// A message on its way into the indexes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indexed<'a> {
    pub(crate) row: i64,
    /// Its author's.
    pub(crate) number: FeedNumber,
    /// Unix milliseconds.
    pub(crate) received: i64,
    pub(crate) message: &'a Message,
    pub(crate) facts: &'a Facts,
}

/// A row of the index of posts. The order is that of threads: theirs is the tree whose keys are random.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TimelineRow<'a> {
    thread: i64,
    time: i64,
    row: i64,
    author: FeedNumber,
    is_reply: bool,
    channel: Option<&'a str>,
}

/// Words about a person.
#[derive(Debug)]
struct AboutRow<'a> {
    subject: FeedNumber,
    author: FeedNumber,
    row: i64,
    name: Option<&'a str>,
    is_described: bool,
    image: Option<&'a [u8; TAGGED_LEN]>,
}

/// Rows of all indexes.
#[derive(Debug)]
pub(crate) struct IndexRows<'a> {
    timeline: Vec<TimelineRow<'a>>,
    /// target, relation, row
    links: Vec<(i64, &'a RelationKey, i64)>,
    /// target, author, sequence, likes
    votes: Vec<(i64, FeedNumber, i64, bool)>,
    /// author, subject, sequence, relation
    contacts: Vec<(FeedNumber, FeedNumber, i64, i64)>,
    abouts: Vec<AboutRow<'a>>,
    /// channel, author, sequence, subscribed
    channels: Vec<(&'a str, FeedNumber, i64, bool)>,
    kinds: KindRows<'a>,
    pub(crate) activity: ActivityRows<'a>,
    /// The contacts again, for the graph in memory.
    pub(crate) stated: Vec<Stated>,
}

impl<'a> IndexRows<'a> {
    /// None yet, for the folder of `me`.
    pub(crate) fn new(me: FeedId) -> Self {
        Self {
            timeline: Vec::new(),
            links: Vec::new(),
            votes: Vec::new(),
            contacts: Vec::new(),
            abouts: Vec::new(),
            channels: Vec::new(),
            kinds: KindRows::default(),
            activity: ActivityRows::new(me),
            stated: Vec::new(),
        }
    }

    /// Adds the rows of one message. `number` numbers the feeds that it speaks of.
    pub(crate) fn add(&mut self, indexed: &Indexed<'a>, mut number: impl FnMut(FeedId) -> FeedNumber) {
        let Indexed { row, number: author, received, message, facts } = *indexed;
        let sequence = message.sequence() as i64;
        self.kinds.add(&facts.kind, row);
        self.activity.add(indexed);
        self.links.extend(facts.links.iter().map(|(target, relation)| (*target, relation, row)));
        match &facts.statement {
            Statement::Post { root, channel } => self.timeline.push(TimelineRow {
                thread: root.unwrap_or_else(|| prefix(message.id().hash())),
                time: shown_time(message.timestamp(), received),
                row,
                author,
                is_reply: root.is_some(),
                channel: channel.as_deref(),
            }),
            Statement::Vote { target, likes } => self.votes.push((*target, author, sequence, *likes)),
            Statement::Contact(contact) => {
                let relation = contact.relation();
                self.contacts.push((author, number(contact.contact), sequence, relation_to(relation)));
                self.stated.push(Stated {
                    author: PersonId::from(message.author()),
                    subject: PersonId::from(contact.contact),
                    sequence: message.sequence(),
                    relation,
                });
            }
            Statement::About { subject, name, is_described, image } => self.abouts.push(AboutRow {
                subject: number(*subject),
                author,
                row,
                name: name.as_deref(),
                is_described: *is_described,
                image: image.as_ref(),
            }),
            Statement::Channel { channel, is_subscribed } => {
                self.channels.push((channel.as_str(), author, sequence, *is_subscribed));
            }
            Statement::Other => {}
        }
    }

    /// Writes the rows of one index; part of the transaction that writes their messages, in the order of [`Index::ALL`].
    /// `own` are the messages of before that are the reader's.
    pub(crate) fn write(&mut self, index: Index, own: &OwnRows, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        match index {
            Index::Kinds => self.kinds.write(writing),
            Index::Activity => self.activity.write(own, writing),
            Index::Timeline => {
                self.timeline.sort_unstable();
                writing.each(
                    "INSERT INTO timeline (time, row, author, thread, is_reply, channel) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    self.timeline.iter().map(|at| (at.time, at.row, at.author, at.thread, at.is_reply, at.channel)),
                )
            }
            Index::Links => {
                self.links.sort_unstable();
                writing.each("INSERT INTO links (target, relation, row) VALUES (?1, ?2, ?3)", self.links.iter().copied())
            }
            Index::Votes => {
                // The order of sequence stays among votes of one author on one message.
                self.votes.sort_unstable();
                writing.each(
                    "INSERT INTO votes (target, author, sequence, likes) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (target, author) DO UPDATE SET sequence = excluded.sequence, likes = excluded.likes
                     WHERE excluded.sequence > sequence",
                    self.votes.iter().copied(),
                )
            }
            Index::Contacts => writing.each(
                "INSERT INTO contacts (author, subject, sequence, relation) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (author, subject) DO UPDATE SET sequence = excluded.sequence, relation = excluded.relation
                 WHERE excluded.sequence > sequence",
                self.contacts.iter().copied(),
            ),
            Index::Abouts => writing.each(
                // Of each field the word of the highest row stays: an author's rows come in the order of sequence, but a
                // rebuild writes the older ones after newer ones that came meanwhile.
                "INSERT INTO abouts (subject, author, name, name_row, description_row, image, image_row)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (subject, author) DO UPDATE SET
                    name = iif(excluded.name_row > coalesce(name_row, 0), excluded.name, name),
                    name_row = max(coalesce(excluded.name_row, name_row), coalesce(name_row, excluded.name_row)),
                    description_row = max(coalesce(excluded.description_row, description_row),
                        coalesce(description_row, excluded.description_row)),
                    image = iif(excluded.image_row > coalesce(image_row, 0), excluded.image, image),
                    image_row = max(coalesce(excluded.image_row, image_row), coalesce(image_row, excluded.image_row))",
                self.abouts.iter().map(|about| {
                    let row_for = |is_given: bool| is_given.then_some(about.row);
                    (
                        about.subject,
                        about.author,
                        about.name,
                        row_for(about.name.is_some()),
                        row_for(about.is_described),
                        about.image,
                        row_for(about.image.is_some()),
                    )
                }),
            ),
            Index::Channels => writing.each(
                "INSERT INTO channels (channel, author, sequence, subscribed) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (channel, author) DO UPDATE SET sequence = excluded.sequence, subscribed = excluded.subscribed
                 WHERE excluded.sequence > sequence",
                self.channels.iter().copied(),
            ),
        }
    }

    /// Writes the rows of the follow graph that is being filled anew.
    pub(crate) fn write_contacts_rebuilt(&self, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        writing.each(
            "INSERT INTO contacts_rebuilt (author, subject, sequence, relation) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (author, subject) DO UPDATE SET sequence = excluded.sequence, relation = excluded.relation
             WHERE excluded.sequence > sequence",
            self.contacts.iter().copied(),
        )
    }
}
