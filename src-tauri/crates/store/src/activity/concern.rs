//! Which messages concern the reader, on their way into the index.
//!
//! What a message answers or likes is the reader's only if the log says so: it is asked within the transaction, which holds the
//! messages of the batch already. And the reader's message may come later than what answers it: then the links that lead to it
//! tell what does. So the rows are the same in whatever order messages come or are indexed again.

use std::collections::BTreeSet;

use feed::{FeedId, Message, MessageId};
use social::{Kind, Relation, Target, shown_time};

use super::{list::Happening, own::OwnRows};
use crate::{
    error::StoreError,
    feeds::prefix,
    log::read_body,
    relation::RelationKey,
    write::{Indexed, Statement, Writing},
};

/// How a message may concern the reader.
#[derive(Debug)]
enum Concern {
    /// It does.
    Certain(Happening),
    /// It does if one of these messages is the reader's.
    Answers(Happening, Vec<MessageId>),
}

impl Concern {
    /// None for what concerns nobody, and for the reader's own.
    fn of(message: &Message, me: FeedId) -> Option<Self> {
        if message.author() == me {
            return None;
        }
        match social::kind(message) {
            Kind::Post(post) if post.mentions.iter().any(|mention| mention.target == Target::Feed(me)) => {
                Some(Self::Certain(Happening::Mentioned))
            }
            Kind::Post(post) => Some(Self::Answers(Happening::Replied, post.answers())),
            Kind::Contact(contact) if contact.contact == me && contact.relation() == Relation::Follows => {
                Some(Self::Certain(Happening::Followed))
            }
            Kind::Vote(vote) => match vote.link {
                Target::Message(id) if vote.likes => Some(Self::Answers(Happening::Liked, vec![id])),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it is, where one of these messages is answered.
    fn answering(self, mine: &BTreeSet<MessageId>) -> Option<Happening> {
        match self {
            Self::Answers(happening, ids) => ids.iter().any(|id| mine.contains(id)).then_some(happening),
            // Its row is there already, or comes with the message itself.
            Self::Certain(_) => None,
        }
    }
}

/// A message that concerns the reader if the one that it answers or likes is the reader's.
#[derive(Debug)]
struct Asked<'a> {
    /// Prefix of that one.
    target: i64,
    row: i64,
    received: i64,
    message: &'a Message,
}

/// Rows of what concerns the reader, and what has to be asked for more of them.
#[derive(Debug)]
pub(crate) struct ActivityRows<'a> {
    me: FeedId,
    /// time, row, number of what happened
    certain: Vec<(i64, i64, i64)>,
    asked: Vec<Asked<'a>>,
    /// The reader's own among the messages, by row.
    own: Vec<(i64, MessageId)>,
}

impl<'a> ActivityRows<'a> {
    /// Of what concerns `me`.
    pub(crate) fn new(me: FeedId) -> Self {
        Self { me, certain: Vec::new(), asked: Vec::new(), own: Vec::new() }
    }

    /// The rows of the reader's own messages among those that were added.
    pub(crate) fn own(&self) -> impl Iterator<Item = i64> {
        self.own.iter().map(|(row, _)| *row)
    }

    /// Adds a message. Only one that seems to concern the reader is read whole.
    pub(crate) fn add(&mut self, indexed: &Indexed<'a>) {
        let Indexed { row, received, message, facts, .. } = *indexed;
        if message.author() == self.me {
            return self.own.push((row, message.id()));
        }
        let me = prefix(self.me.key());
        let may_be_certain = match &facts.statement {
            Statement::Post { .. } => facts.links.iter().any(|(target, _)| *target == me),
            Statement::Contact(contact) => contact.contact == self.me,
            _ => false,
        };
        if may_be_certain && let Some(Concern::Certain(happening)) = Concern::of(message, self.me) {
            return self.certain.push((shown_time(message.timestamp(), received), row, happening.number()));
        }
        let ask = |target| Asked { target, row, received, message };
        match &facts.statement {
            Statement::Post { .. } => {
                let is_answer = |relation| [RelationKey::ROOT, RelationKey::BRANCH].contains(relation);
                let answers = facts.links.iter().filter(|(_, relation)| is_answer(relation));
                self.asked.extend(answers.map(|(target, _)| ask(*target)));
            }
            Statement::Vote { target, likes: true } => self.asked.push(ask(*target)),
            _ => {}
        }
    }

    /// Writes the rows; part of the transaction that writes the messages and their links, after both. `known` are the
    /// reader's messages of before.
    pub(crate) fn write(&mut self, known: &OwnRows, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        self.own.sort_unstable();
        let mut rows = std::mem::take(&mut self.certain);
        self.add_answers(known, &mut rows, writing)?;
        self.add_answers_before(&mut rows, writing)?;
        rows.sort_unstable();
        writing.each("INSERT INTO activity (time, row, kind) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", rows)
    }

    /// Adds the messages that answer or like one of the reader's that is stored.
    fn add_answers(
        &mut self,
        known: &OwnRows,
        rows: &mut Vec<(i64, i64, i64)>,
        writing: &mut Writing<'_>,
    ) -> Result<(), StoreError> {
        if known.is_empty() && self.own.is_empty() {
            return Ok(());
        }
        // In the order of their tree: neighbours share pages.
        self.asked.sort_unstable_by_key(|asked| (asked.target, asked.row));
        self.asked.dedup_by_key(|asked| (asked.target, asked.row));
        let targets = self.asked.chunk_by(|one, other| one.target == other.target).filter_map(|same| same.first());
        let mut own: Vec<i64> = Vec::new();
        writing.find(
            "SELECT row FROM message_ids WHERE prefix = ?1",
            targets.map(|asked| (asked.target,)),
            |found| {
                let row = found.get(0)?;
                if known.contains(row) || self.own.binary_search_by_key(&row, |(row, _)| *row).is_ok() {
                    own.push(row);
                }
                Ok(())
            },
        )?;
        // Two ids may share the bytes that they are found by: the whole id decides.
        let mut mine: BTreeSet<MessageId> = BTreeSet::new();
        let own = own.into_iter().map(|row| (row,));
        writing.find("SELECT sequence, body FROM log WHERE row = ?1", own, |found| {
            let body = found.get_ref(1)?.as_blob().map_err(|_| StoreError::BadValue("body"))?;
            // A damaged one costs what concerns it, and nothing else.
            mine.extend(read_body(self.me, found.get::<_, i64>(0)? as u64, body).ok().map(|message| message.id()));
            Ok(())
        })?;
        let hit: BTreeSet<i64> = mine.iter().map(|id| prefix(id.hash())).collect();
        for asked in self.asked.iter().filter(|asked| hit.contains(&asked.target)) {
            let happening = Concern::of(asked.message, self.me).and_then(|concern| concern.answering(&mine));
            let time = shown_time(asked.message.timestamp(), asked.received);
            rows.extend(happening.map(|happening| (time, asked.row, happening.number())));
        }
        Ok(())
    }

    /// Adds the messages that were stored before those of the reader's that they answer or like.
    fn add_answers_before(&self, rows: &mut Vec<(i64, i64, i64)>, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        let mine: BTreeSet<MessageId> = self.own.iter().map(|(_, id)| *id).collect();
        let own = self
            .own
            .iter()
            .map(|(row, id)| (prefix(id.hash()), *row, RelationKey::ROOT, RelationKey::BRANCH, RelationKey::VOTE));
        writing.find(
            "SELECT links.row, id, sequence, received, body FROM links
             JOIN log ON log.row = links.row JOIN feeds ON feeds.feed = log.feed
             WHERE target = ?1 AND relation IN (?3, ?4, ?5) AND links.row < ?2",
            own,
            |found| {
                let bytes = |at| found.get_ref(at)?.as_blob().map_err(|_| StoreError::BadValue("body or feed id"));
                let author = FeedId::from_tagged(bytes(1)?).map_err(|_| StoreError::BadValue("feed id"))?;
                let Ok(message) = read_body(author, found.get::<_, i64>(2)? as u64, bytes(4)?) else { return Ok(()) };
                let happening = Concern::of(&message, self.me).and_then(|concern| concern.answering(&mine));
                let time = shown_time(message.timestamp(), found.get(3)?);
                let row: i64 = found.get(0)?;
                rows.extend(happening.map(|happening| (time, row, happening.number())));
                Ok(())
            },
        )
    }
}
