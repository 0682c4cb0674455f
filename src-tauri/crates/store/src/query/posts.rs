//! Posts as rows of a screen: what they say, and what others made of them.

use std::collections::BTreeMap;

use feed::{Message, MessageId, PersonId};
use social::{Kind, Post, shown_time};

use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, prefix, rows_to_json},
    log::LogRow,
    relation::RelationKey,
};

/// Replies and likes are counted up to this many.
pub const MAX_COUNTED: u32 = 1000;

/// One post.
#[derive(Clone, Debug, PartialEq)]
pub struct PostRow {
    /// Its id.
    pub id: MessageId,
    /// Who signed it.
    pub author: PersonId,
    /// Its place in its author's feed, from 1.
    pub sequence: u64,
    /// When it is shown to have been written, Unix milliseconds: the earlier of the claim and the receipt.
    pub time_ms: i64,
    /// What it says.
    pub post: Post,
    /// Replies stored here, at most [`MAX_COUNTED`]: of a thread's first post all of them, of a reply those that answer it.
    /// Those of people whom the reader blocks or has muted do not count.
    pub replies: u32,
    /// People who like it, at most [`MAX_COUNTED`].
    pub likes: u32,
    /// Whether the reader likes it.
    pub liked: bool,
}

impl PostRow {
    /// The post in a message that is not stored here, as it is shown at `now_ms`, Unix milliseconds; nothing is known of what others
    /// made of it. None when it holds something else.
    pub fn unstored(message: &Message, now_ms: i64) -> Option<Self> {
        let Kind::Post(post) = social::read(message).kind else { return None };
        Some(Self {
            id: message.id(),
            author: PersonId::from(message.author()),
            sequence: message.sequence(),
            time_ms: shown_time(message.timestamp(), now_ms),
            post,
            replies: 0,
            likes: 0,
            liked: false,
        })
    }
}

impl Store {
    /// The numbers of people whom the reader blocks.
    pub(crate) fn blocked(&self) -> Vec<FeedNumber> {
        let shared = self.inner.shared();
        let blocked: Vec<PersonId> = shared.graph.blocks(&PersonId::from(self.inner.me)).collect();
        shared.numbers(&blocked)
    }

    /// The numbers of people whose posts the reader does not want to see: those they block, and those they have muted.
    pub(crate) fn hidden(&self) -> Vec<FeedNumber> {
        let mut hidden = self.blocked();
        let shared = self.inner.shared();
        let muted: Vec<PersonId> = shared
            .stances
            .iter()
            .filter(|(_, stance)| stance.muted && !stance.blocked)
            .map(|(person, _)| *person)
            .collect();
        hidden.extend(shared.numbers(&muted));
        hidden
    }

    /// The posts in these rows of the log, by row. Rows that hold no post, or one of somebody blocked, are left out.
    pub(crate) async fn posts(&self, rows: &[i64]) -> Result<BTreeMap<i64, PostRow>, StoreError> {
        if rows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (blocked, hidden) = (rows_to_json(&self.blocked())?, rows_to_json(&self.hidden())?);
        let found: Vec<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM json_each(?1) AS wanted JOIN log ON row = wanted.value
             WHERE feed NOT IN (SELECT value FROM json_each(?2))",
        )
        .bind(rows_to_json(&rows)?)
        .bind(blocked.as_str())
        .fetch_all(&self.inner.readers)
        .await?;
        let read = self.inner.read_filed(found).await?;
        let mut posts: BTreeMap<i64, PostRow> = read.iter().filter_map(post_row).collect();

        let thread = |post: &PostRow| post.post.root.map(|root| prefix(root.hash()));
        let asked: Vec<_> = posts.iter().map(|(row, post)| (row, prefix(post.id.hash()), thread(post))).collect();
        let me = self.inner.shared().feeds.number(&self.inner.me);
        let counts: Vec<(i64, u32, u32, bool)> = sqlx::query_as(
            // Any kind of message of anybody may name a branch; `answers` are the posts of those threads that count.
            "WITH asked AS MATERIALIZED (
                SELECT value->>0 AS row, value->>1 AS target, value->>2 AS thread FROM json_each(?1)),
             answers AS MATERIALIZED (
                SELECT row FROM timeline
                WHERE thread IN (SELECT thread FROM asked WHERE thread IS NOT NULL) AND is_reply = 1
                  AND author NOT IN (SELECT value FROM json_each(?2)))
             SELECT asked.row,
                iif(asked.thread IS NULL,
                    (SELECT count(*) FROM (SELECT 1 FROM timeline
                        WHERE thread = asked.target AND is_reply = 1
                          AND author NOT IN (SELECT value FROM json_each(?2)) LIMIT ?4)),
                    (SELECT count(*) FROM (SELECT 1 FROM links
                        WHERE links.target = asked.target AND relation = ?5
                          AND links.row IN (SELECT answers.row FROM answers) LIMIT ?4))),
                (SELECT count(*) FROM (SELECT 1 FROM votes
                    WHERE target = asked.target AND likes = 1
                      AND author NOT IN (SELECT value FROM json_each(?2)) LIMIT ?4)),
                EXISTS (SELECT 1 FROM votes WHERE target = asked.target AND author = ?3 AND likes = 1)
             FROM asked",
        )
        .bind(rows_to_json(&asked)?)
        .bind(hidden)
        .bind(me)
        .bind(MAX_COUNTED)
        .bind(RelationKey::from("branch").parameters().0)
        .fetch_all(&self.inner.readers)
        .await?;
        for (row, replies, likes, liked) in counts {
            if let Some(post) = posts.get_mut(&row) {
                (post.replies, post.likes, post.liked) = (replies, likes, liked);
            }
        }
        Ok(posts)
    }
}

/// The post in a row of the log, not yet counted; none when it holds something else.
fn post_row((row, message): &(LogRow, Message)) -> Option<(i64, PostRow)> {
    Some((row.row, PostRow::unstored(message, row.received)?))
}
