//! One thread, in causal order.

use std::collections::{BTreeMap, BTreeSet};

use feed::MessageId;
use social::{Answer, Kind, Place, causal_order};

use crate::{
    Store,
    error::StoreError,
    feeds::{prefix, rows_to_json},
    log::LogRow,
    query::PostRow,
};

/// The most posts of a thread that are shown: the newest ones.
pub const MAX_THREAD: usize = 2000;

/// A thread.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadRows {
    /// The id of the first post, stored or not.
    pub root: MessageId,
    /// The entries, each after those it answers.
    pub entries: Vec<ThreadEntry>,
}

/// One place in a thread.
#[derive(Clone, Debug, PartialEq)]
pub enum ThreadEntry {
    /// A post.
    Post(Box<PostRow>),
    /// A message that others answer and that has not arrived.
    Missing(MessageId),
}

impl ThreadRows {
    /// The posts, without the gaps.
    pub fn posts(&self) -> impl Iterator<Item = &PostRow> {
        self.entries.iter().filter_map(|entry| match entry {
            ThreadEntry::Post(post) => Some(post.as_ref()),
            ThreadEntry::Missing(_) => None,
        })
    }

    /// The posts that nobody in the thread has answered: what a new reply names as its branches. The newest ones come
    /// first, and there is always at least the root.
    pub fn heads(&self) -> Vec<MessageId> {
        let answered: BTreeSet<MessageId> = self.posts().flat_map(|post| post.post.answers()).collect();
        let mut heads: Vec<MessageId> = self.posts().map(|post| post.id).filter(|id| !answered.contains(id)).collect();
        heads.reverse();
        heads.truncate(MAX_HEADS);
        if heads.is_empty() {
            heads.push(self.root);
        }
        heads
    }
}

/// A reply names at most this many branches, so that it leaves room for its text.
const MAX_HEADS: usize = 8;

impl Store {
    /// The thread that `id` belongs to: by its first post, stored or not, or by any reply that is stored. None when
    /// nothing of it is stored. Posts of people whom the reader blocks or has muted are left out, but not those of the muted person
    /// whose message `id` is.
    ///
    /// # Errors
    /// When the disk refuses or the message is damaged.
    pub async fn thread(&self, id: MessageId) -> Result<Option<ThreadRows>, StoreError> {
        let mut hidden = self.hidden();
        let root = match self.message(id).await? {
            Some(stored) => {
                // What is asked for by its id is not in the way: a muted person's post opens from their own page.
                let author = self.inner.shared().feeds.number(&stored.message.author());
                let blocked = self.blocked();
                hidden.retain(|person| Some(*person) != author || blocked.contains(person));
                match social::read(&stored.message).kind {
                    Kind::Post(post) => post.root.unwrap_or(id),
                    _ => id,
                }
            }
            None => id,
        };
        let rows: Vec<i64> = sqlx::query_scalar(
            "SELECT row FROM timeline WHERE thread = ?1 AND author NOT IN (SELECT value FROM json_each(?2))
             ORDER BY time DESC, row DESC LIMIT ?3",
        )
        .bind(prefix(root.hash()))
        .bind(rows_to_json(&hidden)?)
        .bind(MAX_THREAD as i64)
        .fetch_all(&self.inner.readers)
        .await?;
        let posts = self.posts(&rows).await?.into_values();
        // Two roots may share the bytes that threads are found by: the whole id decides.
        let posts: Vec<PostRow> = posts.filter(|post| post.post.root.unwrap_or(post.id) == root).collect();
        if posts.is_empty() {
            return Ok(None);
        }
        let answers: Vec<Answer> =
            posts.iter().map(|post| Answer { id: post.id, answers: post.post.answers(), time: post.time_ms }).collect();
        let elsewhere = self.stored_of(&root, &answers).await?;
        let places = causal_order(root, &answers, |id| elsewhere.contains(id));
        let mut posts: BTreeMap<usize, PostRow> = posts.into_iter().enumerate().collect();
        let entries = places.into_iter().filter_map(|place| match place {
            Place::Post(at) => posts.remove(&at).map(|post| ThreadEntry::Post(Box::new(post))),
            Place::Missing(id) => Some(ThreadEntry::Missing(id)),
        });
        Ok(Some(ThreadRows { root, entries: entries.collect() }))
    }

    /// Which of the messages that are answered are stored without being posts of the thread: other kinds, other
    /// threads, posts of blocked and of muted people.
    async fn stored_of(&self, root: &MessageId, answers: &[Answer]) -> Result<BTreeSet<MessageId>, StoreError> {
        let posts: BTreeSet<MessageId> = answers.iter().map(|post| post.id).collect();
        let answered = answers.iter().flat_map(|post| &post.answers).chain([root]).filter(|id| !posts.contains(id));
        let asked: BTreeSet<MessageId> = answered.copied().collect();
        let prefixes: BTreeSet<i64> = asked.iter().map(|id| prefix(id.hash())).collect();
        let found: Vec<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM json_each(?1) AS asked
             JOIN message_ids ON prefix = asked.value JOIN log USING (row)",
        )
        .bind(rows_to_json(&prefixes)?)
        .fetch_all(&self.inner.readers)
        .await?;
        let found = self.inner.read_rows(found).await?;
        Ok(found.into_iter().map(|(_, message)| message.id()).filter(|id| asked.contains(id)).collect())
    }
}
