//! A message that may concern the reader, on its way into the index.
//!
//! What it answers or likes is the reader's only if the log says so, and the reader's message may come later than what
//! answers it: then the links that lead to it tell what does.

use std::collections::{BTreeMap, BTreeSet};

use feed::{FeedId, Message, MessageId};
use social::{Kind, Relation, Target, shown_time};
use sqlx::SqlitePool;

use super::list::Happening;
use crate::{
    error::StoreError,
    feeds::{prefix, rows_to_json},
    log::{AuthoredRow, read_body},
    relation::RelationKey,
    write::Writing,
};

/// A message that may concern the reader.
#[derive(Clone, Debug)]
pub(crate) enum Concern {
    /// It does.
    Certain { row: i64, time: i64, happening: Happening },
    /// It does if one of these messages is the reader's.
    Answers { row: i64, time: i64, happening: Happening, ids: Vec<MessageId> },
    /// It is the reader's own, and others may have answered it before it came here.
    Own { row: i64, id: MessageId },
}

impl Concern {
    /// None for what concerns nobody.
    pub(crate) fn of(row: i64, time: i64, message: &Message, kind: &Kind, me: FeedId) -> Option<Self> {
        if message.author() == me {
            let may_be_answered = matches!(kind, Kind::Post(_) | Kind::Blog(_));
            return may_be_answered.then(|| Self::Own { row, id: message.id() });
        }
        match kind {
            Kind::Post(post) if post.mentions.iter().any(|mention| mention.target == Target::Feed(me)) => {
                Some(Self::Certain { row, time, happening: Happening::Mentioned })
            }
            Kind::Post(post) => {
                let ids = post.answers();
                (!ids.is_empty()).then_some(Self::Answers { row, time, happening: Happening::Replied, ids })
            }
            Kind::Contact(contact) if contact.contact == me && contact.relation() == Relation::Follows => {
                Some(Self::Certain { row, time, happening: Happening::Followed })
            }
            Kind::Vote(vote) => match vote.link {
                Target::Message(id) if vote.likes => {
                    Some(Self::Answers { row, time, happening: Happening::Liked, ids: vec![id] })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// Asks the log about what is not certain: afterwards all of `concerns` are.
pub(crate) async fn settle(concerns: &mut Vec<Concern>, me: FeedId, readers: &SqlitePool) -> Result<(), StoreError> {
    let mut asked: BTreeSet<MessageId> = BTreeSet::new();
    let mut own: BTreeMap<MessageId, i64> = BTreeMap::new();
    for concern in concerns.iter() {
        match concern {
            Concern::Answers { ids, .. } => asked.extend(ids),
            Concern::Own { row, id } => _ = own.insert(*id, *row),
            Concern::Certain { .. } => {}
        }
    }
    let mine = of_mine(&asked, me, readers).await?;
    let is_mine = |ids: &[MessageId]| ids.iter().any(|id| mine.contains(id));
    let mut certain: BTreeMap<i64, Concern> = BTreeMap::new();
    for concern in concerns.drain(..) {
        match concern {
            Concern::Answers { row, time, happening, ids } if is_mine(&ids) => {
                certain.insert(row, Concern::Certain { row, time, happening });
            }
            Concern::Certain { row, .. } => _ = certain.insert(row, concern),
            Concern::Answers { .. } | Concern::Own { .. } => {}
        }
    }
    for concern in answers_before(&own, me, readers).await? {
        if let Concern::Certain { row, .. } = concern {
            certain.entry(row).or_insert(concern);
        }
    }
    concerns.extend(certain.into_values());
    Ok(())
}

/// Which of these messages are stored and the reader's.
async fn of_mine(
    ids: &BTreeSet<MessageId>,
    me: FeedId,
    readers: &SqlitePool,
) -> Result<BTreeSet<MessageId>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let prefixes: BTreeSet<i64> = ids.iter().map(|id| prefix(id.hash())).collect();
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT sequence, body FROM json_each(?1) AS asked JOIN message_ids ON prefix = asked.value JOIN log USING (row)
         WHERE feed = (SELECT feed FROM feeds WHERE id = ?2)",
    )
    .bind(rows_to_json(&prefixes)?)
    .bind(me.to_tagged().as_slice())
    .fetch_all(readers)
    .await?;
    // Two ids may share the bytes that they are found by: the whole id decides.
    let found = rows.into_iter().filter_map(|(sequence, body)| read_body(me, sequence as u64, &body).ok());
    Ok(found.map(|message| message.id()).filter(|id| ids.contains(id)).collect())
}

/// What came before these messages of the reader's and answers them.
async fn answers_before(
    own: &BTreeMap<MessageId, i64>,
    me: FeedId,
    readers: &SqlitePool,
) -> Result<Vec<Concern>, StoreError> {
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<(i64, i64)> = own.iter().map(|(id, row)| (prefix(id.hash()), *row)).collect();
    let relations = ["root", "branch", "vote"].map(|name| RelationKey::from(name).parameters().0);
    let rows: Vec<AuthoredRow> = sqlx::query_as(
        "SELECT DISTINCT log.row, log.feed, feeds.id, sequence, received, body FROM json_each(?1) AS own
         JOIN links ON target = own.value->>0 AND relation IN (?2, ?3, ?4) AND links.row < own.value->>1
         JOIN log ON log.row = links.row JOIN feeds ON feeds.feed = log.feed",
    )
    .bind(rows_to_json(&asked)?)
    .bind(relations[0])
    .bind(relations[1])
    .bind(relations[2])
    .fetch_all(readers)
    .await?;
    let concerns = rows.into_iter().filter_map(|authored| {
        let message = authored.read().ok()?;
        let time = shown_time(message.timestamp(), authored.received);
        match Concern::of(authored.row, time, &message, &social::kind(&message), me)? {
            Concern::Answers { row, time, happening, ids } => {
                ids.iter().any(|id| own.contains_key(id)).then_some(Concern::Certain { row, time, happening })
            }
            // What mentions the reader is there already.
            Concern::Certain { .. } | Concern::Own { .. } => None,
        }
    });
    Ok(concerns.collect())
}

/// Writes what is certain; part of the transaction that moves the follower on.
pub(crate) fn write(concerns: &[Concern], writing: &mut Writing<'_>) -> Result<(), StoreError> {
    let certain = concerns.iter().filter_map(|concern| match concern {
        Concern::Certain { row, time, happening } => Some((*time, *row, happening.number())),
        Concern::Answers { .. } | Concern::Own { .. } => None,
    });
    writing.each("INSERT INTO activity (time, row, kind) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", certain)
}
