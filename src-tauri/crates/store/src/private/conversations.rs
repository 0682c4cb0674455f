//! Conversations and their messages, newest first, page by page.

use feed::{Content, FeedId, MessageId, PersonId, TAGGED_LEN, json::Value, private_box};
use tokio::task::spawn_blocking;

use crate::{
    Store,
    error::StoreError,
    log::LogRow,
    query::{Cursor, MAX_PAGE},
};

/// People who write to each other in private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Tells it from others; a hash of its people.
    pub id: [u8; 32],
    /// Everybody in it, the reader among them, in the order of their keys.
    pub people: Vec<PersonId>,
    /// When its newest message is shown to have been written, Unix milliseconds.
    pub time_ms: i64,
    /// The place of its newest message: the next page of conversations begins below it.
    pub place: Cursor,
}

/// A private message.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivateMessage {
    /// Its id.
    pub id: MessageId,
    /// In whose feed it stands. The classic format proves no more: whoever it was sealed for could copy it there.
    pub author: PersonId,
    /// When it is shown to have been written, Unix milliseconds.
    pub time_ms: i64,
    /// What it says.
    pub content: Value<'static>,
    /// Its place in the conversation.
    pub place: Cursor,
}

impl Store {
    /// Conversations, the one with the newest message first, at most `limit` and never more than [`MAX_PAGE`]; `before` is the
    /// [`Conversation::place`] that the page before ended with.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn conversations(&self, before: Option<Cursor>, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        let (time, conversation) = before.unwrap_or(Cursor::TOP).parts();
        let rows: Vec<(Vec<u8>, Vec<u8>, i64, i64)> = sqlx::query_as(
            "SELECT id, people, time, conversation FROM conversations
             WHERE (time, conversation) < (?1, ?2) ORDER BY time DESC, conversation DESC LIMIT ?3",
        )
        .bind(time)
        .bind(conversation)
        .bind(limit.clamp(1, MAX_PAGE) as i64)
        .fetch_all(&self.inner.readers)
        .await?;
        let conversations = rows.into_iter().map(|(id, people, time_ms, conversation)| {
            let people = people.chunks(TAGGED_LEN).map(|id| FeedId::from_tagged(id).map(PersonId::from));
            Ok(Conversation {
                id: id.try_into().map_err(|_| StoreError::BadValue("conversation"))?,
                people: people.collect::<Result<_, _>>().map_err(|_| StoreError::BadValue("feed id"))?,
                time_ms,
                place: Cursor::at(time_ms, conversation),
            })
        });
        conversations.collect()
    }

    /// The messages of a conversation, newest first, at most `limit` and never more than [`MAX_PAGE`], opened again with the
    /// reader's key; `before` is the [`PrivateMessage::place`] that the page before ended with. Those of people whom the reader
    /// blocks are left out.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn conversation(
        &self,
        id: &[u8; 32],
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<PrivateMessage>, StoreError> {
        let (time, row) = before.unwrap_or(Cursor::TOP).parts();
        let rows: Vec<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM
                (SELECT time, row FROM private_messages
                 WHERE conversation = (SELECT conversation FROM conversations WHERE id = ?1) AND (time, row) < (?2, ?3)
                   AND author NOT IN (SELECT value FROM json_each(?4))
                 ORDER BY time DESC, row DESC LIMIT ?5)
             JOIN log USING (row) ORDER BY time DESC, row DESC",
        )
        .bind(id.as_slice())
        .bind(time)
        .bind(row)
        .bind(crate::feeds::rows_to_json(&self.blocked())?)
        .bind(limit.clamp(1, MAX_PAGE) as i64)
        .fetch_all(&self.inner.readers)
        .await?;
        let read = self.inner.read_filed(rows).await?;
        let keys = self.inner.keys().clone();
        let open = move || {
            let opened = read.into_iter().filter_map(|(row, message)| {
                let Content::Sealed(sealed) = message.content() else { return None };
                let content = Value::parse(&private_box::open(&sealed, &keys)?).ok()?.into_owned();
                let time_ms = social::shown_time(message.timestamp(), row.received);
                Some(PrivateMessage {
                    id: message.id(),
                    author: PersonId::from(message.author()),
                    time_ms,
                    content,
                    place: Cursor::at(time_ms, row.row),
                })
            });
            opened.collect()
        };
        spawn_blocking(open).await.map_err(|_| StoreError::Closing)
    }
}
