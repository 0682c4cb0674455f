//! The log as it is looked through by hand: by feed and type, and what links to what.

use std::collections::{BTreeMap, BTreeSet};

use feed::{Message, PersonId};
use social::Target;
use store::{LinkRow, Stored};

use crate::App;
use crate::app::{message_id, person_id};
use crate::people::People;
use crate::status::{History, HistoryRow, Linked, Links};
use crate::view::{Failure, FailureCode};

/// Most links of a message that are shown; none holds more.
const ALL: usize = social::MAX_LINKS;

impl App {
    /// A page of the log, newest receipt first; at most 256 messages. `kind` is the type of the content, `box` for sealed ones.
    ///
    /// # Errors
    /// When the id or the place cannot be read, the node is shutting down or the store cannot be read.
    pub async fn log(
        &self,
        feed: Option<&str>,
        kind: Option<&str>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<History, Failure> {
        let feed = feed.map(person_id).transpose()?.map(|person| person.feed());
        let page = self.store().history(feed, kind, before.map(row).transpose()?, limit as usize).await?;
        let authors = page.entries.iter().map(|entry| PersonId::from(entry.stored.message.author())).collect();
        let people = People::load(self.store(), authors, BTreeSet::new()).await?;
        let row = |Stored { message, received_ms }: Stored| HistoryRow {
            key: message.id().to_string(),
            author: people.view(message.author().into()),
            kind: type_of(&message),
            value: String::from_utf8_lossy(message.encoded()).into_owned(),
            timestamp: received_ms,
        };
        Ok(History {
            rows: page.entries.into_iter().map(|entry| row(entry.stored)).collect(),
            next: page.next.map(|next| next.to_string()),
        })
    }

    /// What links to something, newest receipt first, at most 100; under `relation`, or under any.
    ///
    /// # Errors
    /// When the id or the place cannot be read, or the store cannot.
    pub async fn links_to(
        &self,
        id: &str,
        relation: Option<&str>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Links, Failure> {
        let target = target(id)?;
        let page = self.store().links_to(&target, relation, before.map(row).transpose()?, limit as usize).await?;
        let linked = |LinkRow { stored: Stored { message, .. }, relations }: LinkRow| Linked {
            from: message.id().to_string(),
            to: target.to_string(),
            author: message.author().to_string(),
            kind: type_of(&message),
            relations,
        };
        Ok(Links { links: page.links.into_iter().map(linked).collect(), next: page.next.map(|next| next.to_string()) })
    }

    /// What a message links to, in the order of ids; under `relation`, or under any.
    ///
    /// # Errors
    /// When the id is no message's, the message is not stored here, or the store cannot be read.
    pub async fn links_from(&self, id: &str, relation: Option<&str>) -> Result<Links, Failure> {
        if matches!(target(id)?, Target::Feed(_) | Target::Blob(_)) {
            return Err(Failure::new(
                FailureCode::BadInput,
                format!("{id} is no message, and only messages link to something."),
                "Leave out --from to see what links to it.",
            ));
        }
        let id = message_id(id)?;
        let not_stored = || {
            Failure::new(
                FailureCode::NotFound,
                format!("The message {id} is not stored here."),
                "It may arrive when you meet somebody who has it.",
            )
        };
        let message = self.store().message(id).await?.ok_or_else(not_stored)?.message;
        let mut relations: BTreeMap<Target, Vec<String>> = BTreeMap::new();
        for link in social::read(&message).links {
            if relation.is_none_or(|relation| relation == link.relation) {
                relations.entry(link.target).or_default().push(link.relation);
            }
        }
        let linked = |(target, relations): (Target, Vec<String>)| Linked {
            from: id.to_string(),
            to: target.to_string(),
            author: message.author().to_string(),
            kind: type_of(&message),
            relations,
        };
        Ok(Links { links: relations.into_iter().map(linked).take(ALL).collect(), next: None })
    }
}

/// The type of a message's content.
pub(crate) fn type_of(message: &Message) -> String {
    store::type_name(&social::kind(message)).to_owned()
}

fn target(text: &str) -> Result<Target, Failure> {
    Target::parse(text.trim()).ok_or_else(|| Failure::bad_id(text, "%….sha256, @….ed25519 or &….sha256"))
}

fn row(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| {
        let next = "Begin again without it.";
        Failure::new(FailureCode::BadInput, "This is not a place in the log.", next)
    })
}
