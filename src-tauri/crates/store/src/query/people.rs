//! People: their names, how they are linked, and what is stored of them.

use std::collections::BTreeMap;

use feed::{BlobId, PersonId};
use social::{Kind, Relation, Target};

use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, rows_to_json},
    index::target_prefix,
    log::{LogRow, Stored},
    relation::RelationKey,
};

/// How many of a person's followers are named whom the reader follows.
pub const MAX_FOLLOWED_BY: usize = 3;

/// What somebody is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name they gave themselves, else the one that somebody stored here gave them most recently.
    pub name: Option<String>,
    /// Their picture, likewise.
    pub image: Option<BlobId>,
}

/// How the reader and somebody are linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// How the reader stands to them.
    pub mine: Relation,
    /// How they stand to the reader.
    pub theirs: Relation,
    /// Whether somebody whom the reader follows follows them.
    pub is_friend_of_friend: bool,
}

/// What is stored of somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonRow {
    /// What they say of themselves.
    pub description: Option<String>,
    /// How many people stored here they follow.
    pub follows: u32,
    /// How many people stored here follow them.
    pub followers: u32,
    /// Some of those followers whom the reader follows, at most [`MAX_FOLLOWED_BY`].
    pub followed_by: Vec<PersonId>,
    /// Messages of theirs.
    pub messages: u64,
    /// What those take, in bytes.
    pub bytes: u64,
    /// Whether their feed is frozen because it was forked.
    pub is_forked: bool,
}

impl Store {
    /// Names and pictures of many people at once. People without either are there, with nothing in it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn names(&self, people: &[PersonId]) -> Result<BTreeMap<PersonId, Profile>, StoreError> {
        let mut profiles: BTreeMap<PersonId, Profile> =
            people.iter().map(|person| (*person, Profile::default())).collect();
        let numbers = self.inner.shared().numbers(profiles.keys());
        let rows: Vec<(FeedNumber, Option<String>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT person.value,
                coalesce(
                    (SELECT name FROM abouts WHERE subject = person.value AND author = person.value),
                    (SELECT name FROM abouts WHERE subject = person.value AND name_row IS NOT NULL
                        AND author NOT IN (SELECT value FROM json_each(?2)) ORDER BY name_row DESC LIMIT 1)),
                coalesce(
                    (SELECT image FROM abouts WHERE subject = person.value AND author = person.value),
                    (SELECT image FROM abouts WHERE subject = person.value AND image_row IS NOT NULL
                        AND author NOT IN (SELECT value FROM json_each(?2)) ORDER BY image_row DESC LIMIT 1))
             FROM json_each(?1) AS person",
        )
        .bind(rows_to_json(&numbers)?)
        .bind(rows_to_json(&self.blocked())?)
        .fetch_all(&self.inner.readers)
        .await?;
        let shared = self.inner.shared();
        for (number, name, image) in rows {
            let image =
                image.map(|id| BlobId::from_tagged(&id).map_err(|_| StoreError::BadValue("blob id"))).transpose()?;
            if let Some(feed) = shared.feeds.get(number) {
                profiles.insert(feed.id.into(), Profile { name, image });
            }
        }
        Ok(profiles)
    }

    /// How the reader and somebody are linked. From memory.
    pub fn ties(&self, person: &PersonId) -> Ties {
        let me = PersonId::from(self.inner.me);
        let shared = self.inner.shared();
        let graph = &shared.graph;
        Ties {
            mine: graph.relation(&me, person),
            theirs: graph.relation(person, &me),
            is_friend_of_friend: graph.follows(&me).any(|friend| graph.is_following(&friend, person)),
        }
    }

    /// What is stored of somebody: nothing but zeros for people never heard of.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn person(&self, person: &PersonId) -> Result<PersonRow, StoreError> {
        let me = PersonId::from(self.inner.me);
        let (row, number) = {
            let shared = self.inner.shared();
            let graph = &shared.graph;
            let feed = shared.feeds.by_id(&person.feed());
            let is_stored = |id: &PersonId| shared.feeds.by_id(&id.feed()).is_some_and(|feed| feed.messages > 0);
            let followed_by = graph.followers(person).filter(|follower| graph.is_following(&me, follower));
            let row = PersonRow {
                description: None,
                follows: count(graph.follows(person).filter(is_stored).count()),
                followers: count(graph.follower_count(person)),
                followed_by: followed_by.take(MAX_FOLLOWED_BY).collect(),
                messages: feed.map_or(0, |feed| feed.messages),
                bytes: feed.map_or(0, |feed| feed.bytes),
                is_forked: feed.is_some_and(|feed| feed.frozen),
            };
            (row, shared.feeds.number(&person.feed()))
        };
        let about: Option<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM log WHERE row = (SELECT description_row FROM abouts WHERE subject = ?1 AND author = ?1)",
        )
        .bind(number)
        .fetch_optional(&self.inner.readers)
        .await?;
        let about = about.and_then(|row| self.inner.read_row(&row).ok()).map(|message| social::read(&message).kind);
        let description = match about {
            Some(Kind::About(about)) => about.description,
            _ => None,
        };
        Ok(PersonRow { description, ..row })
    }

    /// The messages that link to `target` under `relation`, newest receipt first, at most `limit`; `before` is the row
    /// that the page before ended with. With relation `mentions` and a person: what names them.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn linking(
        &self,
        target: &Target,
        relation: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, Stored)>, StoreError> {
        let key = RelationKey::from(relation);
        let (known, named) = key.parameters();
        let rows: Vec<LogRow> = sqlx::query_as(
            "SELECT row, feed, sequence, received, body FROM links JOIN log USING (row)
             WHERE target = ?1 AND relation = coalesce(?2, ?3) AND row < ?4
               AND feed NOT IN (SELECT value FROM json_each(?5))
             ORDER BY row DESC LIMIT ?6",
        )
        .bind(target_prefix(target))
        .bind(known)
        .bind(named)
        .bind(before.unwrap_or(i64::MAX))
        .bind(rows_to_json(&self.blocked())?)
        .bind(limit as i64)
        .fetch_all(&self.inner.readers)
        .await?;
        let linking = self.inner.read_rows(rows).await?.into_iter().filter_map(|(row, message)| {
            // Two ids may share the bytes that they are found by: the whole id decides.
            let links = social::read(&message).links;
            let is_meant = links.iter().any(|link| link.target == *target && link.relation == relation);
            is_meant.then_some((row.row, Stored { message, received_ms: row.received }))
        });
        Ok(linking.collect())
    }
}

/// A count for a screen.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
